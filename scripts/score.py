#!/usr/bin/env python3
"""The tables of the model card: `mujaz evaluate` on every dev set of prepare_data.py, as Markdown.

    cargo build --release
    python scripts/score.py --data work/data/eval            # the first measure of each task
    python scripts/score.py --data work/data/eval --all      # every measure and label
    python scripts/score.py --data work/data/eval --sources  # by outlet, those with ten articles and more
"""

import argparse
import json
import subprocess
import tempfile
from pathlib import Path

ROOT = Path(__file__).parent.parent
MAIN = {"strict micro-F1", "PER, ORG, LOC micro-F1", "first label right", "macro-F1 of three", "ROUGE-1 F"}


def print_sources(name, sources):
    for source in sources if len(sources) > 1 else []:
        if source["articles"] >= 10:
            figures = [(f"{row['task']} {row['measure']}", row["score"]) for row in source["rows"]]
            scores = "; ".join(f"{what} {s['value']:.3f} ({s['low']:.3f}–{s['high']:.3f})" for what, s in figures)
            print(f"| {name} | {source['name'].removeprefix('annotated-')} | {source['articles']} | {scores} |", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder of labelled files, one a set")
    parser.add_argument("--model", default="bundled", help="model folder")
    parser.add_argument("--mujaz", type=Path, default=ROOT / "target/release/mujaz", help="the program")
    parser.add_argument("--precision", default="auto", help="f32, bf16 or int8")
    parser.add_argument("--all", action="store_true", help="every measure")
    parser.add_argument("--sources", action="store_true", help="by source, for sets that have several")
    args = parser.parse_args()
    print("| set | source | articles | scores |\n|---|---|---|---|" if args.sources else "| set | task | measure | n | score (95 % interval) | baselines |\n|---|---|---|---|---|---|")
    for path in sorted(args.data.glob("*.jsonl")):
        with tempfile.NamedTemporaryFile(suffix=".json") as report:
            command = [args.mujaz, "evaluate", path, "--model", args.model, "--precision", args.precision, "--json", report.name]
            subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
            found = json.load(report)
        if args.sources:
            print_sources(path.stem, found["details"][0]["sources"])
            continue
        rows = found["models"][0]["rows"]
        for row in rows:
            if args.all or row["measure"] in MAIN:
                score = row["score"]
                beside = ", ".join(f"{name} {value:.3f}" for name, value in row["baselines"].items())
                figures = f"{score['value']:.3f} ({score['low']:.3f}–{score['high']:.3f})"
                print(f"| {path.stem} | {row['task']} | {row['measure']} | {row['items']} | {figures} | {beside} |", flush=True)


if __name__ == "__main__":
    main()
