#!/usr/bin/env python3
"""All four answers of mujaz beside four Hugging Face pipelines on the same encoder, from articles to answers, in turns.

The pipelines are what a newsroom would put together: text classification for topics, token classification for
entities, classification of (target, text) pairs for stance, and sentence vectors for an extractive summary. Heads are
fresh (their numbers mean nothing, their cost is that of trained ones), the encoder and tokenizer are the model's.
Long articles are cut at 384 pieces by the pipelines, while mujaz reads them to the end in windows; stance is asked
for the targets that mujaz finds, one pair each, which mujaz reads off the windows of the first pass.

    cargo build --release
    pip install torch transformers tokenizers
    python benches/peers/pipelines.py articles.jsonl --count 200
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import torch

ROOT = Path(__file__).parent.parent.parent
sys.path.insert(0, str(ROOT / "scripts"))
from mujaz_train.text import sentences


def build(model, dtype):
    from transformers import BertForSequenceClassification, BertForTokenClassification, BertModel, PreTrainedTokenizerFast, pipeline
    from transformers.utils import logging

    logging.set_verbosity_error()
    special = {"cls_token": "<s>", "sep_token": "</s>", "pad_token": "<pad>", "unk_token": "<unk>", "mask_token": "<mask>"}
    tokenizer = PreTrainedTokenizerFast(tokenizer_file=str(Path(model) / "tokenizer.json"), model_max_length=384, **special)
    load = lambda kind, **options: kind.from_pretrained(model, attn_implementation="sdpa", **options).to(dtype).eval()
    common = {"tokenizer": tokenizer, "device": "cpu"}
    topics = pipeline("text-classification", model=load(BertForSequenceClassification, num_labels=17), top_k=None, **common)
    entities = pipeline("token-classification", model=load(BertForTokenClassification, num_labels=9), aggregation_strategy="first", **common)
    stance = pipeline("text-classification", model=load(BertForSequenceClassification, num_labels=4), top_k=None, **common)
    vectors = pipeline("feature-extraction", model=load(BertModel), **common)

    def run(articles, targets, size):
        texts = sorted((f"{a.get('title') or ''}\n{a['text']}" for a in articles), key=len)
        cut = {"truncation": True, "batch_size": size}
        topics(texts, **cut)
        entities([t[:2000] for t in texts], batch_size=size)  # this pipeline has no truncation of its own
        pairs = sorted(({"text": t, "text_pair": a["text"]} for a, own in zip(articles, targets) for t in own), key=lambda p: len(p["text_pair"]))
        stance(pairs, truncation=True, max_length=256, batch_size=size)
        parts = sorted((a["text"][i:j] for a in articles for i, j in sentences(a["text"])), key=len)
        vectors(parts, tokenize_kwargs={"truncation": True}, batch_size=size)

    return run


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("articles", help="JSONL of articles")
    parser.add_argument("--count", type=int, default=200)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--bf16", action="store_true", help="also measure the pipelines in bf16")
    parser.add_argument("--precisions", default="f32,bf16,int8", help="precisions of mujaz to measure")
    parser.add_argument("--model", default=str(ROOT / "models/mujaz-base"))
    parser.add_argument("--mujaz", default=str(ROOT / "target/release/mujaz"))
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    with open(args.articles, encoding="utf-8") as lines:
        articles = [json.loads(line) for _, line in zip(range(args.count), lines)]
    folder = Path(tempfile.mkdtemp())
    source, out = folder / "articles.jsonl", folder / "out.jsonl"
    source.write_text("".join(json.dumps(a, ensure_ascii=False) + "\n" for a in articles), encoding="utf-8")

    def mujaz(precision):
        command = [args.mujaz, "analyze", "-q", str(source), "-o", str(out), "--model", args.model, "--threads", str(args.threads)]
        subprocess.run([*command, "--precision", precision], check=True)

    mujaz("f32")
    targets = [[s["target"] for s in json.loads(line)["stance"]] for line in open(out, encoding="utf-8")]
    programs = {f"mujaz {p}": lambda p=p: mujaz(p) for p in args.precisions.split(",")}
    for name, dtype in [("pipelines f32", torch.float32)] + [("pipelines bf16", torch.bfloat16)] * args.bf16:
        run = build(args.model, dtype)
        run(articles[:8], targets[:8], args.batch)
        programs[name] = lambda run=run: run(articles, targets, args.batch)
    speeds = {}
    for _ in range(args.rounds):
        for name, run in programs.items():
            began = time.perf_counter()
            run()
            speeds.setdefault(name, []).append(len(articles) / (time.perf_counter() - began))
        print("  round done", flush=True)
    print("| program | articles/s, median | lowest | highest |\n|---|---|---|---|")
    for name, found in speeds.items():
        print(f"| {name} | {statistics.median(found):.2f} | {min(found):.2f} | {max(found):.2f} |")
    best = max(statistics.median(found) for name, found in speeds.items() if name.startswith("pipelines"))
    for name, found in speeds.items():
        if name.startswith("mujaz"):
            print(f"{name}: {statistics.median(found) / best:.1f} x the best pipelines")


if __name__ == "__main__":
    main()
