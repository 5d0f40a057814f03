#!/usr/bin/env python3
"""Run `mujaz analyze` over real articles and check what must hold, whatever the model says.

Takes articles from the raw news sets, runs the program with 1 and 2 threads and with batch budgets of 512 and
16,384 pieces, and checks: one record out for each in, in order; every entity's text is text[start:end]; every
summary non-empty, within the word limit and made of the article's own words; the same labels in every run.
Prints articles a second, peak memory and the time to the first record, the latter also of 25 starts by themselves.

    cargo build --release
    python scripts/check_run.py --data ../shared/data --count 2000
"""

import argparse
import html
import itertools
import json
import multiprocessing
import os
import random
import re
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
from mujaz_train.corpus import read_jsonl

ROOT = Path(__file__).parent.parent


def sample(data, count):
    """Articles of every outlet in turn, seeded."""
    outlets = {}
    for name in ("news/ant_multisource", "news/saudinewsnet", "news/ant_jawhara", "news/afnd_ahdath"):
        for record in read_jsonl(data / f"{name}.jsonl.xz"):
            outlets.setdefault(record["source"] or name, []).append(record)
    rng = random.Random(7)
    for records in outlets.values():
        rng.shuffle(records)
    turns = itertools.zip_longest(*outlets.values())
    return list(itertools.islice((r for turn in turns for r in turn if r), count))


def run(mujaz, source, out, *options):
    """Seconds, seconds to the first record, and peak memory in MiB of one run."""
    began, first = time.time(), None
    process = subprocess.Popen([mujaz, "analyze", "-q", source, *options], stdout=subprocess.PIPE)
    with open(out, "wb") as file:
        for line in process.stdout:
            first = first or time.time() - began
            file.write(line)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"mujaz ended with {process.returncode}")
    return time.time() - began, first, usage.ru_maxrss / 1024


def starts(mujaz, source, count):
    """Seconds to the first record of so many cold starts, each of which is stopped there."""
    seconds = []
    for _ in range(count):
        began = time.time()
        with subprocess.Popen([mujaz, "analyze", "-q", source], stdout=subprocess.PIPE) as process:
            if not process.stdout.readline():
                raise SystemExit("mujaz wrote no record")
            seconds.append(time.time() - began)
            process.kill()
    return seconds


def resolved(text):
    """Text with characters for the references that are shown as them."""
    one = lambda found: character if (character := html.unescape(found[0])).isprintable() or character.isspace() else found[0]
    out = re.sub(r"&(?:#\d{1,7}|#[xX][0-9a-fA-F]{1,6}|quot|amp|lt|gt|apos|nbsp|[lr]aquo|[lr]dquo|[lr]squo|sbquo|bdquo|[nm]dash|hellip|bull|middot);", one, text)  # fmt: skip
    return out if out.strip() else text


def check(articles, records, limit):
    assert [a["id"] for a in articles] == [r["id"] for r in records], "one record out for each in, in order"
    entities = 0
    for article, record in zip(articles, records):
        for e in record["entities"]:
            part = article["title"] if e.get("field") == "title" else article["text"]
            assert part[e["start"] : e["end"]] == e["text"], (article["id"], e)
            entities += 1
        summary, spans = record["summary"]["text"], record["summary"]["spans"]
        assert article["text"].strip() == "" or summary, article["id"]
        assert len(summary.split()) <= limit, article["id"]
        words = iter([w for a, b in spans for w in resolved(article["text"][a:b]).split()])
        for written in summary.split():  # a mark by itself stands behind the word before it, a time in one
            own = next(words)
            while len(own) < len(written):
                more = next(words)
                assert more in list(".؟!،؛,;:") or re.search(r"\d:$", own) and more[0].isdigit(), (article["id"], written)
                own += more
            assert own == written, article["id"]
        assert next(words, None) is None, article["id"]
    return entities


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--count", type=int, default=2000)
    parser.add_argument("--mujaz", type=Path, default=ROOT / "target/release/mujaz")
    args = parser.parse_args()
    articles = sample(args.data, args.count)
    words = sum(len(a["text"].split()) for a in articles)
    print(f"{len(articles)} articles, {words:,} words, {len({a['source'] for a in articles})} outlets")
    # A process of its own starts the program: what a program is started from counts towards its peak memory.
    with tempfile.TemporaryDirectory() as folder, multiprocessing.get_context("spawn").Pool(1) as starter:
        source = Path(folder) / "in.jsonl"
        source.write_text("".join(json.dumps(a, ensure_ascii=False) + "\n" for a in articles), encoding="utf-8")
        earlier = None
        for threads, budget in ((2, 4096), (1, 4096), (2, 512), (2, 16384)):
            out = Path(folder) / "out.jsonl"
            seconds, first, memory = starter.apply(run, (args.mujaz, source, out, "--threads", str(threads), "--batch-tokens", str(budget)))
            records = list(read_jsonl(out))
            entities = check(articles, records, 50)
            assert earlier in (None, records), "the same answers whatever the threads and the budget"
            earlier = records
            tokens = sum(r["meta"]["tokens"] for r in records)
            print(f"threads {threads}, budget {budget}: {len(articles) / seconds:.1f} articles/s, {tokens / seconds:,.0f} pieces of text/s, "
                  f"first record {first * 1000:.0f} ms, peak {memory:.0f} MiB, {entities:,} entities, {seconds:.1f} s", flush=True)  # fmt: skip
        first = [1000 * seconds for seconds in starts(args.mujaz, source, 25)]
        print(f"first record of 25 starts: median {statistics.median(first):.0f} ms, {min(first):.0f} to {max(first):.0f}")
    print("all checks passed; every run gave the same records")


if __name__ == "__main__":
    main()
