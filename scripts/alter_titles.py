#!/usr/bin/env python3
"""Headlines as claims about their own articles, as they are and with a word or a number of them altered: self-made data
from which the claims head and its adapter learn to look a claim's details up in an article (fit_stance.py --altered).

A word is taken out of the headline and a masked language model (pretrain.py's folder) proposes others in its place that fit
the headline alone: any word, or one that the article has elsewhere. Numbers change to others of the article, and some words
to their opposite. In half of the articles that have the word themselves it changes there instead: then the altered headline
is right and the other wrong, so that what reads oddly tells nothing. Articles of dev sets stay out.

    python scripts/alter_titles.py --pretrained work/pretrained3 --data ../shared/data --dev work/data --out work/data/altered.train.jsonl
"""

import argparse
import json
import random
import sys
from pathlib import Path

import regex
import torch

sys.path.insert(0, str(Path(__file__).parent))
from mujaz_train import batches, corpus, text
from mujaz_train import tokenizer as tok
from prepare_data import body_without_lead, clean, opposite, stable
from pretrain import MaskedLanguageModel

SETS = {"ant_multisource": 30000, "saudinewsnet": 16000, "hespress": 4000, "ant_jawhara": 3000}  # most articles of each
WORDS = (5, 22)  # of a headline
NEAR = 0.6  # how often a word changes to one of the article
NUMBER = regex.compile(r"(?<![\d.,])\d{1,6}(?![\d.,])")
normal = tok.normalizer().normalize_str


def headlines(data, dev, rng):
    """(id, source, headline, article without it) of articles that no dev set has."""
    start = lambda body: " ".join(body.split())[:80]
    seen = set()
    for split in sorted(dev.glob("*.dev.jsonl")):
        for record in corpus.read_jsonl(split):
            texts = [record["text"], record.get("title") or "", *(s["target"] for s in record.get("stance", []))]
            seen.update((record["id"].removeprefix("headline/"), record.get("sid"), *map(start, texts)))
    seen -= {None, ""}
    for name, most in SETS.items():
        found = []
        for record in corpus.read_jsonl(data / corpus.CORPORA[name][0]):
            title = " ".join(clean(record.get("title") or "").split())
            names = {record["id"], record["id"].split("/")[-1], start(record["text"]), start(title)}
            held = names & seen or stable(f"headline/{record['id']}", 14) == 0
            seen.add(start(title))  # copies under other names follow their original
            if held or not WORDS[0] <= len(title.split()) <= WORDS[1] or len(record["text"]) < 300:
                continue
            body = body_without_lead(record, title)
            if len(body.split()) >= 40:
                found.append((record["id"], record.get("source", name), title, body))
        rng.shuffle(found)
        yield from found[:most]


def telling(word):
    return len(word) > 2 and text.root(word) is not None and not any(c.isdigit() for c in word)


class Generator:
    """Words in the place of others, by a masked language model."""

    def __init__(self, folder, device):
        self.tokenizer = batches.plain_tokenizer(folder)
        self.model = MaskedLanguageModel(folder).to(device).eval()
        self.model.load_state_dict(torch.load(folder / "checkpoint.pt", map_location=device)["model"])
        self.device = device
        vocab = json.loads((folder / "tokenizer.json").read_text(encoding="utf-8"))["model"]["vocab"]
        self.whole = {piece[1:]: i for i, (piece, _) in enumerate(vocab) if regex.fullmatch(r"▁\p{Arabic}{3,}", piece) and telling(piece[1:])}
        self.words = {i: word for word, i in self.whole.items()}
        self.allowed = torch.tensor(sorted(self.words), device=device)

    @torch.no_grad()
    def logits(self, rows):
        """Logits [rows, allowed] of what stands at the <mask> of each row of ids."""
        ids, _, mask = (t.to(self.device) for t in batches.collate([(row, [0] * len(row)) for row in rows], tok.PAD))
        with torch.autocast(self.device, dtype=torch.bfloat16):
            hidden = self.model.encoder(input_ids=ids, attention_mask=mask).last_hidden_state[ids == tok.MASK]
            return self.model.logits(hidden, self.allowed).float()

    def row(self, title, start, end):
        """Ids of the headline with <mask> for title[start:end]."""
        left, right = (self.tokenizer.encode(part, add_special_tokens=False).ids for part in (title[:start], title[end:]))
        return [tok.CLS, *left, tok.MASK, *right, tok.SEP]

    def replacements(self, asked, rng):
        """For each (title, start, end, words of the article or None) another word for title[start:end], or None. With words of
        an article it is one of them."""
        out = [None] * len(asked)
        order = sorted(range(len(asked)), key=lambda i: len(asked[i][0]))
        place = {int(piece): at for at, piece in enumerate(self.allowed)}
        word = lambda own: self.words[int(self.allowed[own])]
        for at in range(0, len(order), 64):
            group = order[at : at + 64]
            for i, logits in zip(group, self.logits([self.row(*asked[i][:3]) for i in group])):
                title, start, end, near = asked[i]
                taken = text.roots([normal(title[a:b]) for a, b in text.words(title)])
                if near is not None:
                    ids = [place[self.whole[w]] for w in near if w in self.whole and text.root(w) not in taken]
                    if len(ids) < 8:
                        continue
                    ids = torch.tensor(ids)[logits[ids].topk(6).indices.cpu()].tolist()
                else:
                    ids = [own for own in logits.topk(60).indices.tolist() if text.root(word(own)) not in taken]
                if ids:
                    out[i] = word(rng.choices(ids, logits[ids].softmax(-1).tolist())[0])
        return out


def changed_number(title, body, rng):
    """(the headline with a number changed, where), to another of the article or to a multiple; None where it has none."""
    if not (numbers := list(NUMBER.finditer(title))):
        return None
    chosen = rng.choice(numbers)
    others = sorted({m.group() for m in NUMBER.finditer(body)} - {m.group() for m in numbers})
    value = rng.choice(others) if others and rng.random() < 0.7 else str(max(2, int(int(chosen.group()) * rng.choice([0.3, 0.5, 2, 3]))))
    if value == chosen.group():
        return None
    return title[: chosen.start()] + value + title[chosen.end() :], (chosen.start(), chosen.start() + len(value))


def turned_round(title):
    """(the headline with a word changed to its opposite, where), or None."""
    if not (turned := opposite(title)):
        return None
    shared = lambda pairs: next(i for i, (a, b) in enumerate(pairs) if a != b)
    start = title.rfind(" ", 0, shared(zip(title + " ", turned + " ")) + 1) + 1
    behind = shared(zip((" " + title)[::-1], (" " + turned)[::-1]))  # characters that both end with
    end = len(turned) - behind
    return turned, (start, end + (turned[end:] + " ").index(" "))


def plan(title, body, rng):
    """How to alter a headline: ("done", altered, changed spans) or ("word", start, end, words of the article or None)."""
    dice = rng.random()
    if dice < 0.25 and (made := changed_number(title, body, rng)):
        return "done", *made
    if dice < 0.35 and (made := turned_round(title)):
        return "done", *made
    spans = [(a, b) for a, b in text.words(title) if telling(normal(title[a:b]))]
    if not spans:
        return None
    start, end = rng.choice(spans)
    near = sorted({normal(body[a:b]) for a, b in text.words(body)}) if rng.random() < NEAR else None
    return "word", start, end, near


def changed_too(body, word, other):
    """The article with `other` wherever a word of the same root as `word` stands; None where none does, or it has no root."""
    root, out, at = text.root(normal(word)), "", 0
    for start, end in text.words(body) if root else ():
        if text.root(normal(body[start:end])) == root:
            out, at = out + body[at:start] + other, end
    return out + body[at:] if at else None


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pretrained", type=Path, required=True, help="folder of pretrain.py, with its checkpoint.pt")
    parser.add_argument("--data", type=Path, required=True, help="folder of the raw sets")
    parser.add_argument("--dev", type=Path, required=True, help="folder of TASK.dev.jsonl, whose articles stay out")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    args = parser.parse_args()
    rng = random.Random(args.seed)
    generator = Generator(args.pretrained, args.device)
    found = [(*headline, how) for headline in headlines(args.data, args.dev, rng) if (how := plan(headline[2], headline[3], rng))]
    asked = [(title, *how[1:]) for _, _, title, _, how in found if how[0] == "word"]
    words = iter(generator.replacements(asked, rng))
    count = 0
    with open(args.out, "w", encoding="utf-8") as out:
        for identity, source, title, body, how in found:
            if how[0] == "done":
                altered, changed = how[1:]
            elif (word := next(words)) is not None:
                altered, changed = title[: how[1]] + word + title[how[2] :], (how[1], how[1] + len(word))
            else:
                continue
            own = (changed[0], changed[1] + len(title) - len(altered))
            claims = [(title, own), (altered, changed)]
            if rng.random() < 0.5 and (other := changed_too(body, title[own[0] : own[1]], altered[changed[0] : changed[1]])):
                claims, body = claims[::-1], other
            for (claim, span), right in zip(claims, (True, False)):
                stance = {"target": claim, "kind": "claim", "label": "favor" if right else "against|neutral|unrelated"}
                record = {"id": identity, "source": f"altered-{source}", "text": body, "stance": [stance | {"wrong": [] if right else [span]}]}
                out.write(json.dumps(record, ensure_ascii=False) + "\n")
            count += 1
    print(f"{count} headlines, as they are and altered; {len(found) - count} could not be altered")


if __name__ == "__main__":
    main()
