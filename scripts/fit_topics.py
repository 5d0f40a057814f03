#!/usr/bin/env python3
"""Train the topics head alone, on the frozen encoder of a model: all articles many times, in minutes.

Fine-tuning sees each article with topics less than once; here the encoder reads each of them once, and the head (and what
single pieces say, which the head may lack before) is trained on the means. Prints how often the main topic is right on dev
before and after, and writes the model with the new head. Calibrate afterwards.

    python scripts/fit_topics.py --model work/model --data work/data --out work/model --weights annotated=4,SANAD=6
"""

import argparse
import sys
from pathlib import Path

import torch

sys.path.insert(0, str(Path(__file__).parent))
from mujaz_train import batches
from mujaz_train.corpus import read_jsonl, weight_of
from mujaz_train.model import TopicsHead, load
from mujaz_train.topics import Marks

WINDOWS = 3  # of an article that are read to train


def rows_of(encoder, record, most):
    """At most `most` input rows of an article, the title in the first; all its pieces."""
    title, body = (encoder.part(record.get(field) or "")[0] for field in ("title", "text"))
    title = title[: encoder.window // 2]
    start = [encoder.cls, *title, encoder.sep] if title else [encoder.cls]
    room = encoder.window - len(start) - 1
    rows = [[*start, *body[:room], encoder.sep]]
    for at in range(room, len(body), encoder.window - 2):
        rows.append([encoder.cls, *body[at : at + encoder.window - 2], encoder.sep])
    return rows[:most], title + body


def means(model, encoder, articles, args):
    """[articles, hidden]: the mean over the pieces of each article's rows."""
    rows = sorted(((i, ids) for i, own in enumerate(articles) for ids in own), key=lambda row: len(row[1]))
    width = model.encoder.config.hidden_size
    sums, counts = torch.zeros(len(articles), width, device=args.device), torch.zeros(len(articles), device=args.device)
    at, printed = 0, 0
    while at < len(rows):
        length = batches.padded(len(rows[min(at + args.tokens // 512, len(rows) - 1)][1]))
        batch = rows[at : at + max(1, args.tokens // length)]
        at += len(batch)
        ids, types, mask = (t.to(args.device) for t in batches.collate([(ids, [0] * len(ids)) for _, ids in batch], encoder.pad))
        with torch.no_grad(), torch.autocast(args.device, dtype=torch.bfloat16):
            hidden = model.hidden(ids, types, mask)
        content = (mask.bool() & (ids != encoder.cls) & (ids != encoder.sep)).float()
        owner = torch.tensor([i for i, _ in batch], device=args.device)
        sums.index_add_(0, owner, torch.einsum("bl,blh->bh", content, hidden))
        counts.index_add_(0, owner, content.sum(1))
        if at * 20 // len(rows) > printed:
            printed = at * 20 // len(rows)
            print(f"{at:,} of {len(rows):,} rows", file=sys.stderr, flush=True)
    return sums / counts.clamp(min=1)[:, None]


class Articles:
    """Means, distinct pieces and marks of records, of which at most `most` windows are read."""

    def __init__(self, model, encoder, records, args, most=WINDOWS):
        read = [rows_of(encoder, record, most) for record in records]
        self.means = means(model, encoder, [rows for rows, _ in read], args)
        self.pieces = [torch.tensor(sorted(set(ids)), dtype=torch.long, device=args.device) for _, ids in read]
        self.marks = Marks(records, [t["label"] for t in model.mujaz["heads"]["topics"]["labels"]], args.device)
        self.records = records
        self.annotated = torch.tensor([r.get("source", "").startswith("annotated") for r in records], device=args.device)

    def logits(self, head, places):
        return head(self.means[places], [self.pieces[i] for i in places.tolist()])

    def report(self, head):
        with torch.no_grad():
            right = self.marks.right(self.logits(head, torch.arange(len(self.pieces), device=self.means.device))).float()
        known = self.marks.first.any(-1)
        groups = {"annotated": known & self.annotated, "sections": known & ~self.annotated}
        return " | ".join(f"{name} {right[own].mean():.4f} of {own.sum()}" for name, own in groups.items() if own.any())


def fit(head, train, args):
    """AdamW over the head; pieces, each of which few articles have, at ten times the rate of the layers, and decayed more."""
    torch.manual_seed(args.seed)
    layers = [p for name, p in head.named_parameters() if not name.startswith("pieces")]
    groups = [{"params": layers, "top": args.lr, "weight_decay": 0.01}, {"params": head.pieces.parameters(), "top": 10 * args.lr, "weight_decay": 0.1}]
    optimizer = torch.optim.AdamW(groups, lr=args.lr)
    count = len(train.pieces)
    batch = min(args.batch, count)
    for step in range(steps := args.epochs * count // batch):
        if step * batch % count < batch:
            order = torch.randperm(count).to(train.means.device)
        places = order[step * batch % count :][:batch]
        for group in optimizer.param_groups:
            group["lr"] = group["top"] * (1 - step / steps)
        loss = train.marks.rows(places).loss(train.logits(head, places)).mean()
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, required=True, help="model folder of finetune.py")
    parser.add_argument("--data", type=Path, required=True, help="folder of topics.train.jsonl and topics.dev.jsonl")
    parser.add_argument("--out", type=Path, required=True, help="model folder to write; may be --model")
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--weights", default="", metavar="NAME=WEIGHT,…", help="for articles whose source has the name in it, beside 1")
    parser.add_argument("--batch", type=int, default=256)
    parser.add_argument("--lr", type=float, default=1e-3)
    parser.add_argument("--tokens", type=int, default=8192, help="pieces of a batch for the encoder, padding counted")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--revision", help="of the model written; that of --model if not given")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    args = parser.parse_args()
    model = load(args.model).to(args.device)
    config = model.mujaz["heads"]["topics"]
    encoder = batches.Encoder.of(model, args.model)
    train, dev = (Articles(model, encoder, list(read_jsonl(args.data / f"topics.{split}.jsonl")), args) for split in ("train", "dev"))
    print(f"before: {dev.report(model.heads['topics'])}")
    config["pieces"] = True
    head = TopicsHead(model.encoder.config.hidden_size, len(config["labels"]), model.encoder.config.vocab_size).to(args.device)
    head.load_state_dict({**head.state_dict(), **model.heads["topics"].state_dict()})
    weight = weight_of(args.weights)
    train.marks.weight *= torch.tensor([weight(record.get("source", "")) for record in train.records], device=args.device)
    fit(head, train, args)
    print(f"after: {dev.report(head)}")
    model.heads["topics"] = head
    model.mujaz["revision"] = args.revision or model.mujaz["revision"]
    model.save(args.out, encoder.tokenizer)
    print(f"wrote {args.out}")


if __name__ == "__main__":
    main()
