#!/usr/bin/env python3
"""Train stance toward named entities alone, on the frozen encoder of a model: the head that reads it off their mentions.

The encoder reads each article once, and the head is trained on the means over a target's mentions and over the article.
Prints dev scores of each source before and after, and writes the model with the new head. Calibrate afterwards.

    python scripts/fit_mentions.py --model work/model --data work/data --out work/model --weights annotated=2
"""

import argparse
import copy
import random
import sys
from pathlib import Path

import torch
from torch import nn

sys.path.insert(0, str(Path(__file__).parent))
from finetune import LOADED, check_data, f1, mentioned
from mujaz_train import batches
from mujaz_train.corpus import read_jsonl, weight_of
from mujaz_train.model import STANCES, load


class Targets:
    """Features [targets, 2 · hidden], labels that are right [targets, 4] and weights of all targets of some records."""

    def __init__(self, model, encoder, records, args):
        weight = weight_of(args.weights)
        rows = sorted(((record, *encoder.article(record)[:2]) for record in records), key=lambda row: len(row[1]))
        features, allowed, weights, self.sources = [], [], [], []
        at = 0
        while at < len(rows):
            length = batches.padded(len(rows[min(at + args.tokens // 512, len(rows) - 1)][1]))
            batch = rows[at : at + max(1, args.tokens // length)]
            at += len(batch)
            ids, types, mask = (t.to(args.device) for t in batches.collate([(ids, [0] * len(ids)) for _, ids, _ in batch], encoder.pad))
            content = batches.pad([content for _, _, content in batch], 0, ids.shape[1]).to(args.device)
            with torch.no_grad(), torch.autocast(args.device, dtype=torch.bfloat16):
                hidden = model.hidden(ids, types, mask)
            pooled = model.pool(hidden, content.long() - 1, 1)[:, 0]
            for i, (record, _, _) in enumerate(batch):
                for stance in record["stance"]:
                    features.append(torch.cat([hidden[i, stance["places"]].mean(0), pooled[i]]))
                    allowed.append([s in stance["label"].split("|") for s in STANCES])
                    loaded = LOADED if stance["label"] in ("favor", "against") else 1.0
                    weights.append(record.get("weight", 1.0) * weight(record["source"]) * loaded)
                    self.sources.append(record["source"].split("-")[0])
        self.features, self.allowed, self.weights = torch.stack(features).float(), torch.tensor(allowed), torch.tensor(weights)

    def report(self, head):
        """Macro-F1 over favor, against and the rest, of each source; mixed labels are left out."""
        with torch.no_grad():
            guesses = head.of_mentions(self.features).argmax(-1).tolist()
        fold = lambda i: min(i, 2)
        pairs = {}
        for source, guess, right in zip(self.sources, guesses, self.allowed):
            if right.sum() == 1:
                pairs.setdefault(source, []).append((fold(guess), fold(int(right.float().argmax()))))
        scores = []
        for source, own in sorted(pairs.items()):
            each = [f1(sum(g == k == t for g, t in own), sum(g == k != t for g, t in own), sum(t == k != g for g, t in own)) for k in range(3)]
            scores.append(f"{source} {sum(each) / 3:.4f} ({' '.join(f'{x:.2f}' for x in each)}) of {len(own)}")
        return " | ".join(scores)


def fit(head, train, args):
    """AdamW over the head's two layers, with dropout on what they read."""
    torch.manual_seed(args.seed)
    rng = random.Random(args.seed)
    optimizer = torch.optim.AdamW(head.mention.parameters(), lr=args.lr, weight_decay=args.decay)
    count = len(train.features)
    batch = min(args.batch, count)
    steps = args.epochs * count // batch
    order = list(range(count))
    for step in range(steps):
        if step * batch % count < batch:
            rng.shuffle(order)
        places = torch.tensor(order[step * batch % count :][:batch])
        for group in optimizer.param_groups:
            group["lr"] = args.lr * (1 - step / steps)
        logits = head.of_mentions(nn.functional.dropout(train.features[places], args.dropout))
        loss = -logits.log_softmax(-1).masked_fill(~train.allowed[places], -1e9).logsumexp(-1)
        weight = train.weights[places]
        optimizer.zero_grad(set_to_none=True)
        ((loss * weight).sum() / weight.sum()).backward()
        optimizer.step()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, required=True, help="model folder of finetune.py")
    parser.add_argument("--data", type=Path, required=True, help="folder of mentions.train.jsonl and mentions.dev.jsonl")
    parser.add_argument("--out", type=Path, required=True, help="model folder to write; may be --model")
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--weights", default="", metavar="NAME=WEIGHT,…", help="for records whose source has the name in it, beside 1")
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--lr", type=float, default=1e-3)
    parser.add_argument("--decay", type=float, default=0.05)
    parser.add_argument("--dropout", type=float, default=0.4)
    parser.add_argument("--tokens", type=int, default=8192, help="pieces of a batch for the encoder, padding counted")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--revision", help="of the model written; that of --model if not given")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    args = parser.parse_args()
    model = load(args.model).to(args.device)
    encoder = batches.Encoder.of(model, args.model)
    records = {split: list(read_jsonl(args.data / f"mentions.{split}.jsonl")) for split in ("train", "dev")}
    for own in records.values():
        check_data({"mentions": own})
    train, dev = (Targets(model, encoder, mentioned(own, encoder), args) for own in records.values())
    head = copy.deepcopy(model.heads["stance"])
    print(f"before: {dev.report(head)}")
    fit(head, train, args)
    print(f"after: {dev.report(head)}")
    model.heads["stance"].mention.load_state_dict(head.mention.state_dict())
    model.mujaz["revision"] = args.revision or model.mujaz["revision"]
    model.save(args.out, encoder.tokenizer)
    print(f"wrote {args.out}")


if __name__ == "__main__":
    main()
