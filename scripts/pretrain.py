#!/usr/bin/env python3
"""Continued masked-language-model training of a base folder on Arabic text.

Whole-word masking over 128-piece blocks of the corpora listed in mujaz_train/corpus.py (news weighted above
encyclopaedia, encyclopaedia above books and law). Ids are packed once into a uint16 file. bf16 autocast;
checkpoints every few minutes and resumes from the last one; stops at --steps or --minutes, whichever is
first (the learning rate follows whichever is nearer to its end).

    python scripts/pretrain.py --base work/base --data ../shared/data --out work/pretrained --minutes 60
"""

import argparse
import json
import math
import sys
import time
from pathlib import Path

import numpy as np
import torch
from tokenizers import Tokenizer
from torch import nn
from transformers import BertModel

sys.path.insert(0, str(Path(__file__).parent))
from mujaz_train import corpus
from mujaz_train import tokenizer as tok

BLOCK = 128


class MaskedLanguageModel(nn.Module):
    """Encoder, transform and a decoder tied to the word embeddings; logits only for masked rows."""

    def __init__(self, folder):
        super().__init__()
        # No dropout: one pass over the text does not overfit, and on a CPU dropout costs half the time.
        self.encoder = BertModel.from_pretrained(
            folder,
            add_pooling_layer=False,
            attn_implementation="sdpa",
            hidden_dropout_prob=0.0,
            attention_probs_dropout_prob=0.0,
            dtype=torch.float32,  # a folder may hold half precision, in which small steps are lost
        )
        hidden, vocab = self.encoder.config.hidden_size, self.encoder.config.vocab_size
        self.dense = nn.Linear(hidden, hidden)
        self.norm = nn.LayerNorm(hidden)
        self.bias = nn.Parameter(torch.zeros(vocab))

    def forward(self, ids, rows, labels):
        logits = self.logits(self.encoder(input_ids=ids).last_hidden_state.reshape(-1, self.encoder.config.hidden_size)[rows])
        return nn.functional.cross_entropy(logits.float(), labels), (logits.argmax(-1) == labels).float().mean()

    def logits(self, hidden, pieces=slice(None)):
        """Logits of `pieces` of the vocabulary for hidden states [rows, hidden]."""
        hidden = self.norm(nn.functional.gelu(self.dense(hidden)))
        return hidden @ self.encoder.embeddings.word_embeddings.weight[pieces].T + self.bias[pieces]


def pack(base, data, path, tokens):
    """Write `tokens` piece ids of the corpora, by their shares, as shuffled articles in one uint16 file."""
    tokenizer = Tokenizer.from_file(str(base / "tokenizer.json"))
    articles = []
    for name, (_, share) in corpus.CORPORA.items():
        budget, batch = int(tokens * share), []
        for _, title, text in corpus.articles(data, name):
            batch.append(f"{title}\n{text[:12000]}" if not text.startswith(title) else text[:12000])
            if len(batch) == 256:
                budget -= encode(tokenizer, batch, articles)
                batch = []
            if budget <= 0:
                break
        if budget > 0 and batch:
            budget -= encode(tokenizer, batch, articles)
        print(f"  {name}: {int(tokens * share) - budget:,} pieces", flush=True)
    order = np.random.default_rng(0).permutation(len(articles))
    np.concatenate([articles[i] for i in order]).tofile(path)


def encode(tokenizer, texts, articles):
    encoded = [np.array(e.ids + [tok.SEP], dtype=np.uint16) for e in tokenizer.encode_batch(texts, add_special_tokens=False)]
    articles.extend(encoded)
    return sum(map(len, encoded))


def mask_words(blocks, starts, share, vocab, rng):
    """Whole-word masking: 80 % <mask>, 10 % random, 10 % kept; word starts are the pieces with ▁.

    Returns ids [B, BLOCK], the flat rows to predict and their labels.
    """
    word = np.cumsum(starts[blocks], axis=1)
    chosen = np.take_along_axis(rng.random((len(blocks), BLOCK + 1)) < share, word, axis=1)
    chosen &= blocks >= len(tok.SPECIALS)
    dice = rng.random(blocks.shape)
    ids = np.where(chosen & (dice < 0.8), tok.MASK, blocks)
    random = rng.integers(len(tok.SPECIALS), vocab, blocks.shape)
    ids = np.where(chosen & (dice >= 0.9), random, ids)
    ids[:, 0] = tok.CLS
    chosen[:, 0] = False
    rows = np.flatnonzero(chosen)
    labels = blocks.reshape(-1)[rows]
    return torch.from_numpy(ids.astype(np.int64)), torch.from_numpy(rows), torch.from_numpy(labels.astype(np.int64))


def save(model, optimizer, state, base, out):
    out.mkdir(parents=True, exist_ok=True)
    model.encoder.save_pretrained(out)
    (out / "tokenizer.json").write_bytes((base / "tokenizer.json").read_bytes())
    torch.save({"model": model.state_dict(), "optimizer": optimizer.state_dict(), **state}, out / "checkpoint.tmp")
    (out / "checkpoint.tmp").replace(out / "checkpoint.pt")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--base", type=Path, required=True, help="folder of build_base.py")
    parser.add_argument("--data", type=Path, help="folder of the raw sets (not needed once --packed exists)")
    parser.add_argument("--packed", type=Path, help="uint16 ids file (default: OUT/ids.u16)")
    parser.add_argument("--pack-tokens", type=int, default=30_000_000, help="pieces to pack when the file is made")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--steps", type=int, default=1_000_000)
    parser.add_argument("--minutes", type=float, default=60, help="training time of this and earlier runs together")
    parser.add_argument("--batch", type=int, default=64, help="blocks of 128 pieces a step")
    parser.add_argument("--lr", type=float, default=4e-4)
    parser.add_argument("--mask", type=float, default=0.2)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--save-every", type=float, default=5, help="minutes between checkpoints")
    parser.add_argument("--compile", action="store_true", help="fuse the encoder's operations with torch.compile (1.4 times the speed on a CPU)")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    packed = args.packed or args.out / "ids.u16"
    if not packed.exists():
        pack(args.base, args.data, packed, args.pack_tokens)
    ids = np.memmap(packed, dtype=np.uint16, mode="r")
    blocks = ids[: len(ids) // BLOCK * BLOCK].reshape(-1, BLOCK)
    vocab = json.loads((args.base / "tokenizer.json").read_text())["model"]["vocab"]
    starts = np.array([p.startswith("▁") or i < len(tok.SPECIALS) for i, (p, _) in enumerate(vocab)], dtype=np.int32)

    torch.manual_seed(args.seed)
    model = MaskedLanguageModel(args.base).to(args.device)
    decay = [p for p in model.parameters() if p.ndim > 1]
    plain = [p for p in model.parameters() if p.ndim <= 1]
    groups = [{"params": decay, "weight_decay": 0.01}, {"params": plain, "weight_decay": 0.0}]
    optimizer = torch.optim.AdamW(groups, lr=args.lr, betas=(0.9, 0.98), fused=True)
    state = {"step": 0, "spent": 0.0}
    if (args.out / "checkpoint.pt").exists():
        saved = torch.load(args.out / "checkpoint.pt", map_location=args.device)
        model.load_state_dict(saved["model"])
        optimizer.load_state_dict(saved["optimizer"])
        state = {"step": saved["step"], "spent": saved["spent"]}
        print(f"resumed at step {state['step']}", flush=True)
    if args.compile:
        model.encoder.encoder.compile(dynamic=False)
    model.train()
    began, saved_at = time.time() - state["spent"], time.time()
    running, hits, printed_at = [], [], time.time()
    while state["step"] < args.steps and time.time() - began < args.minutes * 60:
        step = state["step"]
        done = max(step / args.steps, (time.time() - began) / (args.minutes * 60))
        warm = min(1.0, (step + 1) / 60)
        for group in optimizer.param_groups:
            group["lr"] = args.lr * warm * (0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * min(done, 1.0))))
        rng = np.random.default_rng((args.seed, step))
        epoch, at = divmod(step * args.batch, len(blocks) - args.batch)
        order = np.random.default_rng((args.seed, epoch, 7)).permutation(len(blocks))[at : at + args.batch]
        batch, rows, labels = mask_words(blocks[np.sort(order)].astype(np.int32), starts, args.mask, len(vocab), rng)
        with torch.autocast(args.device, dtype=torch.bfloat16):
            loss, accuracy = model(batch.to(args.device), rows.to(args.device), labels.to(args.device))
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        state["step"] += 1
        running.append(loss.item())
        hits.append(accuracy.item())
        if state["step"] % 20 == 0:
            spent = time.time() - began
            rate = len(running) * args.batch * BLOCK / (time.time() - printed_at)
            print(f"step {state['step']} loss {np.mean(running):.3f} accuracy {np.mean(hits):.3f} {rate:,.0f} pieces/s {spent / 60:.1f} min", flush=True)
            running, hits, printed_at = [], [], time.time()
        if time.time() - saved_at > args.save_every * 60:
            state["spent"], saved_at = time.time() - began, time.time()
            save(model, optimizer, state, args.base, args.out)
    state["spent"] = time.time() - began
    save(model, optimizer, state, args.base, args.out)
    print(f"wrote {args.out} after {state['step']} steps, {state['step'] * args.batch * BLOCK:,} pieces")


if __name__ == "__main__":
    main()
