#!/usr/bin/env python3
"""How often the main topic fits the section of articles that the model has neither trained on nor been tuned with.

The dev set holds few articles of each source; this takes --count others of one source, by the ids that are not in
--prepared, and prints the share whose first topic is one of those that the section stands for, by section.

    python scripts/measure_sections.py --data ../shared/data --prepared work/data --count 1000

--linear N prints beside it what a linear classifier over tf-idf of words reaches that has seen N more of the rest, and
nothing but this source's sections (needs scikit-learn).
"""

import argparse
import collections
import json
import random
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
from mujaz_train import corpus
from mujaz_train.tokenizer import normalizer
from prepare_data import topic_record

ROOT = Path(__file__).parent.parent


def interval(right, count):
    """95 % Wilson interval of a share."""
    z = 1.96
    share, spread = right / count, z * z / count
    middle, half = share + spread / 2, z * (share * (1 - share) / count + spread / 4 / count) ** 0.5
    return (middle - half) / (1 + spread), (middle + half) / (1 + spread)


def linear(train, test):
    """Share of `test` whose label a linear support vector machine over tf-idf of words gives; both are [(record, labels)]."""
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.svm import LinearSVC

    texts = lambda items: [f"{record.get('title') or ''} {record['text']}" for record, _ in items]
    truth = lambda items: ["|".join(labels) for _, labels in items]
    features = TfidfVectorizer(sublinear_tf=True, min_df=2, preprocessor=normalizer().normalize_str)
    classifier = LinearSVC().fit(features.fit_transform(texts(train)), truth(train))
    return sum(a == b for a, b in zip(classifier.predict(features.transform(texts(test))), truth(test))) / len(test)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder of the raw sets")
    parser.add_argument("--prepared", type=Path, required=True, help="folder of prepare_data.py that the model was trained from")
    parser.add_argument("--set", default="topics/sanad_khaleej", help="set with sections, below --data")
    parser.add_argument("--count", type=int, default=1000)
    parser.add_argument("--linear", type=int, metavar="N", help="train a linear classifier on N more")
    parser.add_argument("--model", default="bundled", help="model folder")
    parser.add_argument("--mujaz", type=Path, default=ROOT / "target/release/mujaz", help="the program")
    args = parser.parse_args()
    known = {record["id"] for split in ("train", "dev") for record in corpus.read_jsonl(args.prepared / f"topics.{split}.jsonl")}
    rest = [record for record in corpus.read_jsonl(args.data / f"{args.set}.jsonl.xz") if record["id"] not in known]
    random.Random(1).shuffle(rest)
    usable = []
    for record in rest:
        labelled = topic_record(record, limit=10**9)
        if labelled and labelled.get("topics_any") and not labelled.get("weak"):
            usable.append((record, labelled["topics_any"]))
    wanted = {record["id"]: (record, labels) for record, labels in usable[: args.count]}
    with tempfile.NamedTemporaryFile("w", suffix=".jsonl", encoding="utf-8") as file:
        for identity, (record, _) in wanted.items():
            file.write(json.dumps({"id": identity, "title": record.get("title") or "", "text": record["text"]}, ensure_ascii=False) + "\n")
        file.flush()
        command = [args.mujaz, "analyze", "-q", "--tasks", "topics", "--model", args.model, file.name]
        lines = subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()
    right, count = collections.Counter(), collections.Counter()
    for line in lines:
        answer = json.loads(line)
        fitting = wanted[answer["id"]][1]
        for name in ("all", "|".join(fitting)):
            right[name] += answer["topics"][:1] != [] and answer["topics"][0]["label"] in fitting
            count[name] += 1
    print("| section | articles | main topic fits (95 % interval) |\n|---|---|---|")
    for name in sorted(count, key=lambda n: (n != "all", n)):
        low, high = interval(right[name], count[name])
        print(f"| {name.replace('|', ' or ')} | {count[name]} | {right[name] / count[name]:.3f} ({low:.3f}–{high:.3f}) |")
    if args.linear:
        more = usable[args.count :][: args.linear]
        share = linear(more, list(wanted.values()))
        print(f"\nA linear classifier over words with {len(more)} articles of this source alone to learn from: {share:.3f}")


if __name__ == "__main__":
    main()
