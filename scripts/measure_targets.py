#!/usr/bin/env python3
"""How often the targets that `mujaz analyze` chooses for stance, where none is given, are those that annotators wrote down.

Reads labelled records of prepare_data.py whose stance is toward entities. A target is right by name where one of theirs is the
same, and loosely where the words of one are among those of the other («ترامب», «دونالد ترامب»).

    cargo build --release
    python scripts/measure_targets.py --mujaz target/release/mujaz work/data/eval/annotated.jsonl
"""

import argparse
import json
import subprocess
import tempfile
from pathlib import Path

ROOT = Path(__file__).parent.parent
FOLDED = str.maketrans("أإآى", "اااي")


def words(name):
    return set(name.translate(FOLDED).split())


def near(a, b):
    return words(a) <= words(b) or words(b) <= words(a)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path, nargs="+", help="JSONL of labelled articles")
    parser.add_argument("--mujaz", type=Path, default=ROOT / "target/release/mujaz", help="the program")
    parser.add_argument("--precision", default="auto", help="f32, bf16 or int8")
    args = parser.parse_args()
    for path in args.data:
        wanted, articles = [], []
        for record in map(json.loads, open(path, encoding="utf-8")):
            own = [s["target"] for s in record.get("stance") or [] if s["kind"] == "entity"]
            if own:
                wanted.append(own)
                articles.append({k: record[k] for k in ("id", "title", "text") if record.get(k)})
        with tempfile.NamedTemporaryFile("w", suffix=".jsonl", encoding="utf-8") as file:
            file.writelines(json.dumps(article, ensure_ascii=False) + "\n" for article in articles)
            file.flush()
            command = [args.mujaz, "analyze", file.name, "-q", "--tasks", "stance", "--precision", args.precision]
            found = [json.loads(line)["stance"] for line in subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout.splitlines()]
        chosen = [[s["target"] for s in stances] for stances in found]
        same = sum(target in own for own, all_ in zip(wanted, chosen) for target in all_)
        loose = sum(any(near(target, other) for other in own) for own, all_ in zip(wanted, chosen) for target in all_)
        total, asked = sum(map(len, chosen)), sum(map(len, wanted))
        print(f"{path.name}: {len(articles)} articles, {total} targets chosen, {asked} written down; by name {same / total:.3f} "
              f"of the chosen, {same / asked:.3f} of the written; loosely {loose / total:.3f} of the chosen")  # fmt: skip


if __name__ == "__main__":
    main()
