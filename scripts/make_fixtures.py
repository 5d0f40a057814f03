#!/usr/bin/env python3
"""Make the committed test fixtures: tiny random models with PyTorch's answers, and tokenizer cases.

    python scripts/make_fixtures.py             # tests/fixtures/tiny-bert, tiny-xlmr, tokenizer, mention, passage and cut cases
    python scripts/make_fixtures.py --bundled   # tests/fixtures/bundled-golden.json, after a new bundled model

The Rust tests hold hidden states and every head's logits to these numbers.
"""

import argparse
import collections
import json
import random
import sys
import unicodedata
import zlib
from pathlib import Path

import numpy as np
import torch
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers
from transformers import BertConfig, BertModel, XLMRobertaConfig, XLMRobertaModel

sys.path.insert(0, str(Path(__file__).parent))
import fit_summaries
from mujaz_train import batches
from mujaz_train import model as network
from mujaz_train import text, tokenizer as tok

ROOT = Path(__file__).parent.parent
FIXTURES = ROOT / "tests/fixtures"
TYPES = ["LOC", "MISC", "ORG", "PER"]
HEADS = {
    "topics": {"labels": [{"label": x, "ar": "", "medtop": "", "threshold": 0.5} for x in ("conflict", "politics", "sport")], "temperature": 1.0, "pieces": True},
    "entities": {"labels": ["O", *(f"{p}-{t}" for t in TYPES for p in "BI")], "temperature": 1.0},
    "stance": {"labels": network.STANCES, "claim_temperature": 1.0, "entity_temperature": 1.0, "mention": {"size": 12, "temperature": 1.0},
               "adapter": {"rank": 3}},
    "extract": {"size": 16, "layers": 1, "heads": 2, "feed_forward": 32, "positions": 8, "word": {"size": 10, "weight": 2.0, "further": 0.4},
                "cut": {"size": 12, "layers": 1, "heads": 2, "feed_forward": 20, "inner": 1, "sentences": 3, "words": 60, "least": 4, "bias": 0.1, "begin_cost": 0.5, "end_cost": 0.5, "gap": {"size": 10, "most": 0.5}}},
}  # fmt: skip


def sample_text():
    parts = [p.read_text(encoding="utf-8") for p in sorted((ROOT / "examples/articles").glob("*.txt"))]
    for line in (ROOT / "examples/articles/more.jsonl").read_text(encoding="utf-8").splitlines():
        record = json.loads(line)
        parts += [record["title"], record["text"]]
    return "\n".join(parts)


def unigram():
    """Our own tokenizer over the letters and commonest words of the sample articles."""
    body = tok.normalizer().normalize_str(sample_text())
    words = collections.Counter(body[a:b] for a, b in text.words(body))
    letters = sorted({c for w in words for c in w} | set("abcdefghijklmnopqrstuvwxyz0123456789ءآأؤإئابةتثجحخدذرزسشصضطظعغفقكلمنهوىي"))
    pieces = {"▁": -3.0} | {c: -9.0 for c in letters} | {f"▁{c}": -9.5 for c in letters}
    for word, count in words.most_common(250):
        pieces[f"▁{word}"] = -5.0 - 1.0 / count
    return tok.build([(s, 0.0) for s in tok.SPECIALS] + list(pieces.items()))


def wordpiece():
    """A tokenizer of another family: WordPiece with its own normaliser that strips accents and lower-cases."""
    body = normalizers.BertNormalizer(strip_accents=True).normalize_str(sample_text())
    letters = sorted({c for c in body if not c.isspace()})
    words = [w for w, _ in collections.Counter(body.split()).most_common(150)]
    specials = ["[PAD]", "[CLS]", "[SEP]", "[UNK]", "[MASK]", "<entity>", "<claim>"]
    names = list(dict.fromkeys([*specials, *letters, *(f"##{c}" for c in letters), *words]))
    out = Tokenizer(models.WordPiece({p: i for i, p in enumerate(names)}, unk_token="[UNK]"))
    out.normalizer = normalizers.BertNormalizer(strip_accents=True)
    out.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    out.add_special_tokens(specials)
    return out


def mujaz_object(name, cls, sep, normalizer, parts=True):
    """`parts`: with all that a model may lack."""
    lacking = ("pieces", "mention", "adapter", "word", "cut")
    heads = {task: {k: v for k, v in head.items() if parts or k not in lacking} for task, head in HEADS.items()}
    return {
        "name": name, "revision": "fixture", "normalizer": normalizer, "window": 48, "overlap": 12, "stance_window": 48,
        "specials": {"cls": cls, "sep": sep, "entity": "<entity>", "claim": "<claim>"}, "heads": heads,
    }  # fmt: skip


def randomise(module, seed):
    """Weights large enough that a wrong formula shows."""
    for name, p in module.named_parameters():
        generator = torch.Generator().manual_seed(zlib.crc32(f"{seed} {name}".encode()))  # another tensor changes none of these
        spread = 0.6 if "embeddings.weight" in name or "position" in name or "positions" in name else 0.25
        base = 1.0 if "LayerNorm.weight" in name or name.endswith("norm.weight") else 0.0
        p.data = base + spread * torch.randn(p.shape, generator=generator)


def sequences(vocab, longest, seed):
    rng = random.Random(seed)
    lengths = [1, 2, 7, 16, 17, 33, longest]
    return [{"ids": [rng.randrange(vocab) for _ in range(n)], "types": [int(i > n // 2) + 2 * int(i % 3 == 1) for i in range(n)]} for n in lengths]


def golden(model, rows, numbers=None):
    """Hidden states of each row (the first `numbers` of each piece) and the logits of every head."""
    out = []
    for row in rows:
        ids, types = torch.tensor([row["ids"]]), torch.tensor([row["types"]])
        length = ids.shape[1]
        with torch.no_grad():
            hidden = model.hidden(ids, types, torch.ones_like(ids))
            text = types % 2
            targeted = model.hidden(ids, types, torch.ones_like(ids), target=True)
            claim, entity = model.stance(targeted, text if text.any() else torch.ones_like(text))
            groups = torch.arange(length)[None] * 3 // max(1, length)
            extract, _ = model.extract(hidden, groups)
            answer = {
                "hidden": hidden[0, :, :numbers], "topics": model.topics(hidden, torch.ones_like(ids), [ids.unique()])[0],
                "entities": model.entities(hidden, torch.arange(length)), "claim": claim[0], "entity": entity[0], "extract": extract[0],
            }  # fmt: skip
            if "word" in model.mujaz["heads"]["extract"]:
                answer["summary_words"] = model.words(hidden, torch.arange(length))
            if cut := model.mujaz["heads"]["extract"].get("cut"):
                states = model.openings(ids, types, torch.ones_like(ids))
                head, asked = model.heads["extract"].cut, (states, groups.clamp(max=cut["sentences"] - 1), torch.ones_like(ids).bool())
                answer["cut"] = head(*asked)
                if "gap" in cut:  # the states one after the other, as if they were features
                    features = torch.cat([head.states(*asked).flatten(), torch.zeros(head.gap["dense"].in_features)])
                    answer["gap"] = head.of_gaps(features[None, : head.gap["dense"].in_features]).sigmoid()
            if "mention" in model.mujaz["heads"]["stance"]:
                answer["mention"] = model.mentions(hidden, torch.ones_like(ids), [(0, [0, length // 2])])[0]
        out.append(row | {k: [round(x, 6) for x in v.flatten().tolist()] for k, v in answer.items()})
    return out


def write(name, model, tokenizer, dtype, prefix):
    folder = FIXTURES / name
    rounded = {k: v.to(dtype).float() for k, v in model.state_dict().items() if v.is_floating_point()}
    model.load_state_dict(rounded, strict=False)
    model.save(folder, tokenizer, dtype)
    if prefix:
        from safetensors.torch import load_file, save_file

        state = load_file(str(folder / "model.safetensors"))
        state = {k if k.startswith("heads.") else prefix + k: v for k, v in state.items()}
        save_file(state, str(folder / "model.safetensors"), metadata={"format": "pt"})
    rows = golden(model.eval(), sequences(model.encoder.config.vocab_size, 48, 3))
    (folder / "golden.json").write_text(json.dumps(rows) + "\n")
    print(f"wrote {folder}")


def tiny_bert():
    tokenizer = unigram()
    config = BertConfig(vocab_size=tokenizer.get_vocab_size(), hidden_size=32, num_hidden_layers=2, num_attention_heads=4,
                        intermediate_size=56, max_position_embeddings=48, type_vocab_size=4, pad_token_id=tok.PAD,
                        layer_norm_eps=1e-12)  # fmt: skip
    encoder = BertModel(config, add_pooling_layer=False)
    model = network.Mujaz(encoder, mujaz_object("tiny-bert", "<s>", "</s>", "mujaz-1"))
    randomise(model, 1)
    write("tiny-bert", model, tokenizer, torch.float32, "")


def tiny_xlmr():
    tokenizer = wordpiece()
    config = XLMRobertaConfig(vocab_size=tokenizer.get_vocab_size(), hidden_size=24, num_hidden_layers=2, num_attention_heads=2,
                              intermediate_size=40, max_position_embeddings=52, type_vocab_size=1, pad_token_id=0,
                              layer_norm_eps=1e-5)  # fmt: skip
    encoder = XLMRobertaModel(config, add_pooling_layer=False)
    model = network.Mujaz(encoder, mujaz_object("tiny-xlmr", "[CLS]", "[SEP]", None, parts=False))
    randomise(model, 2)
    write("tiny-xlmr", model, tokenizer, torch.bfloat16, "roberta.")


def assigned(rng):
    """A random character that this Python's Unicode knows; tables of different age disagree on newer ones."""
    while True:
        c = chr(rng.choice([rng.randrange(0x20, 0x700), rng.randrange(0x2000, 0x2100), rng.randrange(0xFB50, 0xFE00)]))
        if unicodedata.category(c) not in ("Cn", "Cs", "Co"):
            return c


def cases(count=1000):
    """Varied strings: news with marks, digits and presentation forms, other scripts, emoji, controls."""
    rng = random.Random(5)
    words = sample_text().split()
    marks = "\u064b\u064c\u064d\u064e\u064f\u0650\u0651\u0652\u0670\u0640\u200f\u200e\u200c\u200d\u2066\u2069\ufeff\u00ad\u0653\u0654\u0655"
    strange = ["ﷲ", "ﻻ", "ﷺ", "ﺣﻠﺐ", "سوریا", "کتاب", "۱۲۳", "٤٥٫٦٪", "e\u0301té", "ＡＢＣ", "①", "한국", "ｶﾞ", "日本", "क्षि", "👩‍👩‍👧", "🇸🇾", "😀", "a\u0000b",
               "https://example.org/a?b=1", "ـــ", "ــــحلب", "\t", "\r\n", "...", "«»", "“ ”", "x²", "½", "ﬁ", "\u2028", "ا\u0653", "و\u0654"]  # fmt: skip
    out = ["", " ", "\u200f"]
    while len(out) < count:
        parts = []
        for _ in range(rng.randrange(1, 12)):
            word = rng.choice(strange) if rng.random() < 0.25 else rng.choice(words)
            if rng.random() < 0.3:
                at = rng.randrange(len(word) + 1)
                word = word[:at] + rng.choice(marks) + word[at:]
            if rng.random() < 0.03:
                word = "".join(assigned(rng) for _ in range(4))
            parts.append(word)
        out.append(rng.choice([" ", "  ", "\n", " ، "]).join(parts))
    return out


def tokenizer_cases():
    tokenizer = Tokenizer.from_file(str(FIXTURES / "tiny-bert/tokenizer.json"))
    lines = []
    for case in cases():
        encoding = tokenizer.encode(case, add_special_tokens=False)
        lines.append(json.dumps({"text": case, "ids": encoding.ids, "offsets": encoding.offsets}, ensure_ascii=False))
    (FIXTURES / "tokenizer-cases.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
    print(f"wrote {len(lines)} tokenizer cases")


def sentence_cases(count=200):
    """Sample words with stops, quotes, digits and line breaks between them, and the sentences of text.py (src/text/sentences.rs)."""
    rng, lines = random.Random(10), []
    samples = sample_text().split()
    odd = ". ... .. ؟ ! … ؟! .» .\" » « “ ” \" ، ؛ د. ود. م. ف. Mr. U.S. bbc.com 12.5 ٤. 7. 1,500 2026 (أ.ف.ب) ل.س. (...) ...» ؟» !\" ؟», .“".split()
    odd += ["العربية.نت", "بي.بي.سي", "?v=1", ".وقال", " .", "! »", ". )", "\u2028"]
    while len(lines) < count:
        parts = []
        for _ in range(260 if len(lines) % 20 == 0 else rng.choice([3, 12, 30])):
            parts += [rng.choice(odd) if rng.random() < 0.15 else rng.choice(samples), rng.choice([" "] * 12 + ["", "", "\n", " \n "])]
        case = "".join(parts)
        lines.append(json.dumps({"text": case, "sentences": text.sentences(case)}, ensure_ascii=False))
    (FIXTURES / "sentence-cases.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
    print(f"wrote {len(lines)} sentence cases")


def mention_cases(count=120):
    """Where sample articles name runs of their words, clitics and articles added or taken off (src/tasks/mentions.rs)."""
    rng, lines = random.Random(6), []
    articles = [a for a in sample_text().split("\n") if len(a.split()) > 8]
    while len(lines) < count:
        body = tok.normalizer().normalize_str(rng.choice(articles))
        words = [body[a:b] for a, b in text.words(body)]
        at = rng.randrange(len(words))
        target = words[at : at + rng.randrange(1, 4)]
        edit = rng.choice(["", "", "strip", "article", "miss", "skip"])
        target[0] = {"strip": target[0].lstrip("وبل"), "article": "ال" + target[0], "miss": target[0] + "ست", "skip": f"«{target[0]}»"}.get(edit, target[0])
        target = " ".join(target)
        asked = [target[a:b] for a, b in text.words(target)]
        lines.append(json.dumps({"text": body, "target": target, "words": text.mentions(words, asked)}, ensure_ascii=False))
    (FIXTURES / "mention-cases.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
    print(f"wrote {len(lines)} mention cases, {sum('[]' not in line for line in lines)} with mentions")


def passage_cases(count=60):
    """Rows to read sample articles with, for claims about them and for entities (src/tasks/passages.rs, src/tasks/stance.rs)."""
    rng, lines = random.Random(7), []
    tokenizer = Tokenizer.from_file(str(FIXTURES / "tiny-bert/tokenizer.json"))
    config = mujaz_object("tiny-bert", "<s>", "</s>", "mujaz-1")
    encoder = batches.Encoder(tokenizer, config["specials"], config["window"], 192)
    # Without page furniture, which the program leaves out and training text does not have.
    furniture = ("للمزيد", "اقرأ", "تابعونا", "شاهد")
    sentences = [s for s in sample_text().split("\n") if 5 < len(s.split()) and len(text.sentences(s)) == 1 and not any(w in s for w in furniture)]
    while len(lines) < count:
        chosen = rng.sample(sentences, rng.randrange(1, 9))
        title = rng.choice(["", " ".join(rng.choice(sentences).split()[:6]), " ".join(rng.sample(sentences, 6)) if len(lines) % 5 == 0 else ""])
        words = rng.choice([*chosen, title or "حلب"]).split() + rng.choice(chosen).split()
        target = " ".join(rng.sample(words, min(len(words), rng.randrange(1, 12))))
        kind = rng.choice(["claim", "claim", "entity"])
        ids, types, first = encoder.pair({"title": title, "text": "\n".join(chosen)}, target, kind)
        case = {"title": title, "text": "\n".join(chosen), "target": target, "kind": kind, "ids": ids, "types": types, "first": first}
        lines.append(json.dumps(case, ensure_ascii=False))
    (FIXTURES / "passage-cases.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
    print(f"wrote {len(lines)} passage cases")


MARKS = ["،", "-", "(", ")", "«", "»", '"', ".", ":", "؟"]


def cut_cases(count=200):
    """Chains with the states, gaps and features of gaps that fit_summaries.py finds (src/tasks/cut.rs)."""
    rng, lines = random.Random(8), []
    numbers = random.Random(9)
    while len(lines) < count:
        length = rng.randrange(1, 30)
        flags = lambda share: [int(rng.random() < share) for _ in range(length)]
        case = {"sentences": sorted(rng.randrange(3) for _ in range(length)), "logits": [[round(rng.gauss(0, 2), 3) for _ in range(3)] for _ in range(length)], "apart": flags(0.8), "first": flags(0.2),
                "opens": flags(0.4), "that": flags(0.05), "marks": flags(0.2), "holds": flags(0.2), "limit": rng.randrange(1, 20), "least": rng.randrange(1, 6),
                "bias": rng.choice([0.0, 0.1]), "begin_cost": rng.choice([0.0, 1.0]), "end_cost": rng.choice([0.0, 2.0])}  # fmt: skip
        case["words"] = [numbers.choice(MARKS) if mark else "س" for mark in case["marks"]]
        opening = fit_summaries.Opening.__new__(fit_summaries.Opening)
        opening.__dict__ |= {k: case[k] for k in ("apart", "first", "opens", "that", "marks", "holds", "sentences", "words")}
        case["states"] = fit_summaries.decode(np.array(case["logits"]), opening, case["limit"], case["bias"], case, chosen=True)
        case["vectors"] = [[numbers.randrange(9), numbers.randrange(9)] for _ in range(length)]
        case["written"] = opening.written(case["states"]) if case["states"] else None
        gaps = list(opening.gaps(case["written"])) if case["states"] else []
        case["gaps"] = [[-1 if place is None else place for place in gap] for gap in gaps]
        case["features"] = [[round(x, 4) for x in opening.features(gap, torch.tensor(case["vectors"]).float()).tolist()] for gap in gaps]
        lines.append(json.dumps(case))
    (FIXTURES / "cut-cases.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
    print(f"wrote {len(lines)} cut cases, {sum('null' in line for line in lines)} without an answer")


def bundled():
    folder = ROOT / "models/mujaz-base"
    tokenizer, model = Tokenizer.from_file(str(folder / "tokenizer.json")), network.load(folder)
    rows = []
    for line in [p for p in sample_text().splitlines() if len(p.split()) > 6][:6]:
        ids = [tok.CLS, *tokenizer.encode(line, add_special_tokens=False).ids, tok.SEP][:256]
        rows.append({"ids": ids, "types": [int(i > 4) for i in range(len(ids))]})
    (FIXTURES / "bundled-golden.json").write_text(json.dumps(golden(model, rows, 8)) + "\n")
    lines = [json.dumps({"text": c, "ids": tokenizer.encode(c, add_special_tokens=False).ids}, ensure_ascii=False) for c in cases(300)]
    (FIXTURES / "bundled-cases.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
    print(f"wrote {len(rows)} rows and {len(lines)} tokenizer cases of the bundled model")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bundled", action="store_true", help="only the answers of the bundled model")
    args = parser.parse_args()
    FIXTURES.mkdir(parents=True, exist_ok=True)
    if args.bundled:
        bundled()
    else:
        tiny_bert()
        tiny_xlmr()
        tokenizer_cases()
        sentence_cases()
        mention_cases()
        passage_cases()
        cut_cases()


if __name__ == "__main__":
    main()
