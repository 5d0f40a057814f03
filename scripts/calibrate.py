#!/usr/bin/env python3
"""Fit a temperature per head and a threshold per topic on dev records, and store them in config.json.

Temperatures minimise the negative log-likelihood of the dev labels; the program divides logits by them. Topic
thresholds maximise the F1 of the label sets that dev articles have in full (not of sections, which say one label):
one for all labels, then one for each label with at least --least dev articles. Prints the expected calibration error
before and after, the latter with temperatures fitted on the other half of the records.

    python scripts/calibrate.py --model work/model --data work/data
"""

import argparse
import json
import sys
from pathlib import Path

import torch

sys.path.insert(0, str(Path(__file__).parent))
from finetune import LOSSES, dev_batches, mentioned
from fit_topics import Articles
from mujaz_train import batches
from mujaz_train.corpus import read_jsonl
from mujaz_train.model import STANCES, load

GRID = [0.25 * 1.04**i for i in range(90)]  # 0.25 to 8


def logits_of(model, encoder, task, records, args):
    """[(record, logits of its rows)] in batches of like length."""
    out = []
    for batch in dev_batches(task, records, args):
        with torch.no_grad():
            _, logits = LOSSES[task](model, encoder, batch, args.device, None, False)
        rows = iter(logits.float().cpu())
        for record in batch:
            count = len(encoder.article(record)[2]) if task == "entities" else len(record["stance"])
            out.append((record, torch.stack([next(rows) for _ in range(count)]) if count else torch.zeros(0)))
    return out


def categorical(found, truth_of):
    """Rows of logits, for each the labels that are right, and the half (0 or 1) that its record falls in."""
    logits, allowed, half = [], [], []
    for i, (record, rows) in enumerate(found):
        for row, right in zip(rows, truth_of(record)):
            logits.append(row)
            allowed.append(torch.tensor([i in right for i in range(len(row))]))
            half.append(i % 2)
    return torch.stack(logits), torch.stack(allowed), torch.tensor(half)


def nll(logits, allowed, temperature):
    return -(logits / temperature).log_softmax(-1).masked_fill(~allowed, -1e9).logsumexp(-1).mean().item()


def error(probability, right):
    """Expected calibration error over ten equal-width bins."""
    bins = (probability * 10).long().clamp(max=9)
    total = 0.0
    for b in range(10):
        inside = bins == b
        if inside.any():
            total += (probability[inside].mean() - right[inside].float().mean()).abs().item() * inside.sum().item()
    return total / len(probability)


def categorical_error(logits, allowed, temperature):
    probability, best = (logits / temperature).softmax(-1).max(-1)
    return error(probability, allowed[torch.arange(len(best)), best])


def fit(name, logits, allowed, halves, loss, measure):
    best = lambda rows: min(GRID, key=lambda t: loss(logits[rows], allowed[rows], t))
    crossed = sum(measure(logits[halves == h], allowed[halves == h], best(halves != h)) for h in (0, 1)) / 2
    temperature = best(torch.ones(len(logits), dtype=torch.bool))
    print(f"| {name} | {len(logits)} | {temperature:.2f} | {measure(logits, allowed, 1.0):.4f} | {crossed:.4f} |")
    return round(temperature, 4)


def topic_nll(logits, truth, temperature):
    return torch.nn.functional.binary_cross_entropy_with_logits(logits / temperature, truth.float()).item()


def topic_error(logits, truth, temperature):
    probability = (logits / temperature).sigmoid()
    return error(probability.flatten(), truth.flatten())


def best_threshold(probability, truth, scores):
    """The threshold of SCORES with the best F1 of (probability >= threshold) against truth."""

    def f1(threshold):
        found = probability >= threshold
        return 2 * (found & truth).sum().item() / max(1, (found.sum() + truth.sum()).item())

    return max(scores, key=lambda t: (f1(t), -abs(t - 0.5)))


def topics(config, logits, truth, least):
    config["temperature"] = fit("topics, each label", logits, truth, torch.arange(len(logits)) % 2, topic_nll, topic_error)
    probability = (logits / config["temperature"]).sigmoid()
    # From 0.3 on: less is no topic to a reader, and a dozen dev articles of a rare one would put it lower.
    steps = [0.3 + 0.02 * i for i in range(26)]
    common = best_threshold(probability, truth, steps)
    for i, label in enumerate(config["labels"]):
        own = truth[:, i].sum().item() >= least
        label["threshold"] = round(best_threshold(probability[:, i], truth[:, i], steps) if own else common, 2)
    print("\nthresholds:", ", ".join(f"{label['label']} {label['threshold']}" for label in config["labels"]))


def read_dev(path):
    return [{"source": "", **r} for r in read_jsonl(path)] if path.exists() else []


def pairs_of_kind(records, kind):
    """One record a target. Of the repository's own sets: headline pairs and annotated articles, for posts and tweets are
    another matter than news."""
    out = []
    for record in records:
        if record["source"] in ("arabicstancex", "exaasc", "fignews") or record["source"].startswith("headline"):
            continue
        for stance in record["stance"]:
            if stance["kind"] == kind:
                out.append({**record, "stance": [stance]})
    return out


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, required=True, help="model folder; its config.json is rewritten")
    parser.add_argument("--data", type=Path, required=True, help="folder of prepare_data.py")
    parser.add_argument("--least", type=int, default=10, help="dev articles that a topic needs for a threshold of its own")
    parser.add_argument("--tokens", type=int, default=8192, help="pieces of a batch, padding counted, where topics are read")
    parser.add_argument("--device", default="cpu")
    args = parser.parse_args()
    model = load(args.model).to(args.device)
    config = json.loads((args.model / "config.json").read_text(encoding="utf-8"))
    mujaz = config["mujaz"]
    args.window, args.stance_window = mujaz["window"], mujaz["stance_window"]
    encoder = batches.Encoder.of(model, args.model)
    print("| head | answers | temperature | calibration error before | after (fitted on the other half) |\n|---|---|---|---|---|")
    heads = mujaz["heads"]
    dev = {task: read_dev(args.data / f"{task}.dev.jsonl") for task in heads if task != "extract"}
    if dev.get("entities"):
        labels = heads["entities"]["labels"]
        tags = lambda record: [{tag} for tag in batches.bio(encoder.article(record)[2], record["entities"], labels)]
        found = logits_of(model, encoder, "entities", dev["entities"], args)
        heads["entities"]["temperature"] = fit("entities, each word", *categorical(found, tags), nll, categorical_error)
    right = lambda record: [{STANCES.index(x) for x in s["label"].split("|")} for s in record["stance"]]
    for kind in ("claim", "entity"):
        own = pairs_of_kind(dev.get("stance", []), kind)
        if own:
            found = logits_of(model, encoder, "stance", own, args)
            heads["stance"][f"{kind}_temperature"] = fit(f"stance, {kind}", *categorical(found, right), nll, categorical_error)
    if "mention" in heads.get("stance", {}):
        own = read_dev(args.data / "mentions.dev.jsonl") or dev.get("stance", [])
        named = mentioned([r for r in own if r["source"].startswith("annotated")] or own, encoder)
        if named:
            found = logits_of(model, encoder, "mentions", named, args)
            heads["stance"]["mention"]["temperature"] = fit("stance, mentions", *categorical(found, right), nll, categorical_error)
    full = [r for r in dev.get("topics", []) if r.get("topics")]
    if full:
        read = Articles(model, encoder, full, args, most=10**6)
        topics(heads["topics"], read.logits(model.heads["topics"], torch.arange(len(full))).detach(), read.marks.held, args.least)
    (args.model / "config.json").write_text(json.dumps(config, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
