#!/usr/bin/env python3
"""Score a model through `mujaz analyze` on the dev files of prepare_data.py, beside trivial baselines.

    cargo build --release
    python scripts/score.py --data work/data --model models/mujaz-base

Entities: strict spans (micro-F1); baseline: longest match of the training spans with their commonest type.
Topics: first label right; baseline: the commonest label. Stance: macro-F1 over favor, against and the rest, by
source; baseline: the commonest label. Summary: ROUGE-1 F on Unicode words, clitics before the article taken off;
baseline: the article's first words cut to the same length. 95 % bootstrap intervals over articles.
"""

import argparse
import collections
import json
import random
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
from mujaz_train import text
from mujaz_train.corpus import read_jsonl

ROOT = Path(__file__).parent.parent
FOLD = {"unrelated": "neutral"}


def analyze(args, records, *options):
    """Records out for records in, by `mujaz analyze`."""
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / "in.jsonl"
        keep = ("id", "title", "text")
        source.write_text("".join(json.dumps({k: r[k] for k in keep if k in r}, ensure_ascii=False) + "\n" for r in records), encoding="utf-8")
        command = [args.mujaz, "analyze", "-q", "--model", args.model, *options, source]
        out = subprocess.run([str(c) for c in command], check=True, capture_output=True).stdout
    results = [json.loads(line) for line in out.decode().splitlines()]
    assert [r["id"] for r in results] == [r["id"] for r in records], "every record in, one record out, in order"
    return results


def f1(tp, fp, fn):
    return 2 * tp / max(1, 2 * tp + fp + fn)


def interval(rows, measure, rounds=400):
    """`measure(rows)` with the 2.5 and 97.5 percentiles over resampled rows."""
    rng, rows = random.Random(0), list(rows)
    values = sorted(measure(rng.choices(rows, k=len(rows))) for _ in range(rounds))
    return measure(rows), values[int(0.025 * rounds)], values[int(0.975 * rounds) - 1]


def show(name, scored, baseline, n):
    value, low, high = scored
    print(f"| {name} | {n} | {value:.3f} ({low:.3f}–{high:.3f}) | {baseline:.3f} |", flush=True)


def span_f1(rows):
    return f1(*(sum(r[i] for r in rows) for i in range(3)))


def counts(truth, found):
    return len(truth & found), len(found - truth), len(truth - found)


def spans(entities):
    return {(e.get("field", "text"), e["start"], e["end"], e["type"]) for e in entities}


def score_entities(args, train, dev):
    for group, records in by_group(dev).items():
        results = analyze(args, records, "--tasks", "entities")
        rows = [counts(spans(r["entities"]), spans(out["entities"])) for r, out in zip(records, results)]
        lexicon = collections.defaultdict(collections.Counter)
        for record in train:
            for e in record["entities"]:
                lexicon[e["text"]][e["type"]] += 1
        matched = [counts(spans(r["entities"]), longest_matches(r, lexicon)) for r in records]
        show(f"entities, {group}: strict micro-F1", interval(rows, span_f1), span_f1(matched), len(rows))
        for kind in ("PER", "ORG", "LOC", "MISC"):
            of = lambda s: {x for x in s if x[3] == kind}
            rows = [counts(of(spans(r["entities"])), of(spans(out["entities"]))) for r, out in zip(records, results)]
            show(f"entities, {group}: {kind} F1", interval(rows, span_f1), span_f1([counts(of(spans(r["entities"])), of(longest_matches(r, lexicon))) for r in records]), len(rows))


def longest_matches(record, lexicon):
    """The dictionary baseline: longest runs of words that were a span in training."""
    out = set()
    for field in ("title", "text"):
        body = record.get(field) or ""
        words = text.words(body)
        at = 0
        while at < len(words):
            for length in range(8, 0, -1):
                if at + length <= len(words) and body[words[at][0] : words[at + length - 1][1]] in lexicon:
                    surface = body[words[at][0] : words[at + length - 1][1]]
                    out.add((field, words[at][0], words[at + length - 1][1], lexicon[surface].most_common(1)[0][0]))
                    at += length - 1
                    break
            at += 1
    return out


def by_group(records):
    groups = collections.defaultdict(list)
    for record in records:
        groups["annotated articles" if record["source"].startswith("annotated") else "sets"].append(record)
    return groups


def score_topics(args, train, dev):
    for group, records in by_group(dev).items():
        truth = [[t["label"] for t in r["topics"][:1]] if r.get("topics") else r.get("topics_any", []) for r in records]
        results = analyze(args, records, "--tasks", "topics")
        rows = [bool(out["topics"]) and out["topics"][0]["label"] in t for out, t in zip(results, truth)]
        common = collections.Counter(x for t in truth for x in t).most_common(1)[0][1] / len(truth)
        show(f"topics, {group}: first label right", interval(rows, lambda r: sum(r) / len(r)), common, len(rows))


def macro_f1(pairs):
    labels = sorted({t for _, t in pairs})
    return sum(f1(sum(g == t == x for g, t in pairs), sum(g == x != t for g, t in pairs), sum(t == x != g for g, t in pairs)) for x in labels) / len(labels)


def score_stance(args, train, dev):
    groups = collections.defaultdict(list)
    for record in dev:
        for stance in record["stance"]:
            source = "annotated articles" if record["source"].startswith("annotated") else record["source"].split("-")[0]
            groups[stance["kind"], source].append((record, stance))
    for (kind, source), items in sorted(groups.items()):
        items = random.Random(0).sample(items, min(len(items), args.most))
        option = "--claim" if kind == "claim" else "--target"
        ask = lambda item: analyze(args, [item[0]], "--tasks", "stance", "--threads", "1", f"{option}={item[1]['target']}")[0]["stance"][0]["label"]
        with ThreadPoolExecutor(2) as pool:
            guesses = list(pool.map(ask, items))
        fold = lambda label: FOLD.get(label.split("|")[0], label.split("|")[0])
        pairs = [(fold(g), fold(s["label"])) for g, (_, s) in zip(guesses, items)]
        common = collections.Counter(t for _, t in pairs).most_common(1)[0][0]
        show(f"stance, {kind}, {source}: macro-F1", interval(pairs, macro_f1), macro_f1([(common, t) for _, t in pairs]), len(pairs))


def score_extract(args, train, dev):
    for group, records in by_group(dev).items():
        results = analyze(args, records, "--tasks", "summary")
        ours, lead = [], []
        for record, out in zip(records, results):
            words = record["text"].split()[: len(out["summary"]["text"].split())]
            reference = text.bag(record["reference"])
            ours.append(text.rouge1(text.bag(out["summary"]["text"]), reference)[2])
            lead.append(text.rouge1(text.bag(" ".join(words)), reference)[2])
        mean = lambda r: sum(r) / len(r)
        show(f"summary, {group}: ROUGE-1 F", interval(ours, mean), mean(lead), len(ours))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder of prepare_data.py")
    parser.add_argument("--model", type=Path, default=ROOT / "models/mujaz-base")
    parser.add_argument("--mujaz", type=Path, default=ROOT / "target/release/mujaz", help="the program")
    parser.add_argument("--most", type=int, default=300, help="stance pairs of a source")
    parser.add_argument("--tasks", default="entities,topics,stance,extract")
    args = parser.parse_args()
    print("| measure | n | score (95 % interval) | baseline |\n|---|---|---|---|")
    score = {"entities": score_entities, "topics": score_topics, "stance": score_stance, "extract": score_extract}
    for task in args.tasks.split(","):
        read = lambda split: list(read_jsonl(args.data / f"{task}.{split}.jsonl"))
        score[task](args, read("train"), read("dev"))


if __name__ == "__main__":
    main()
