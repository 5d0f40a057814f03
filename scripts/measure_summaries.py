#!/usr/bin/env python3
"""What written summaries take from their articles: how good extraction can be, and which words never come back.

Prints, for the labelled articles: ROUGE-1 F of the sentences that the annotators marked, within a number of words,
beside as many of the article's first words; the same of the parts that they kept; and how often common words of first sentences,
and first words that the title has or lacks, stand in the summary.
--write keeps the articles and summaries as JSONL for `mujaz evaluate` (do not commit it: it holds the texts).

    python scripts/measure_summaries.py --data ../shared/data --labels scripts/data/labels-*.jsonl --write summaries.jsonl
"""

import argparse
import collections
import json
import statistics
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
from mujaz_train import corpus, text
from prepare_data import raw_articles


def tokens(body):
    return [body[a:b].lower() for a, b in text.words(body) if any(c.isalnum() for c in body[a:b])]


def rouge(summary, reference):
    return text.rouge1(collections.Counter(tokens(summary)), collections.Counter(tokens(reference)))[2]


def marked(article, label, limit):
    """The sentences of `extract` that fit `limit` words, in the article's order; the first is cut to them."""
    chosen, left = [], limit
    for i in label["extract"]:
        length = len(article["sents"][i].split())
        if not chosen and length > limit:
            return " ".join(article["sents"][i].split()[:limit])
        if length <= left:
            chosen.append(i)
            left -= length
    return " ".join(article["sents"][i] for i in sorted(chosen))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder of the raw sets")
    parser.add_argument("--labels", type=Path, nargs="+", required=True)
    parser.add_argument("--write", type=Path, help="JSONL of the articles with their summaries")
    parser.add_argument("--least", type=int, default=60, help="times that a word of the second table stands in first sentences")
    args = parser.parse_args()
    labels = [label for path in args.labels for label in corpus.read_jsonl(path) if "summary" in label]
    articles = {a["id"]: a for a in corpus.read_jsonl(args.data / "annotated/articles.jsonl")}
    articles |= raw_articles(args.data, {label["id"] for label in labels} - articles.keys())
    pairs = [(articles[label["id"]], label) for label in labels]
    cut = [(article, label) for article, label in pairs if "keep" in label]
    if cut:
        texts = [" ".join(article["sents"][i][start:end] for i, start, end in label["keep"]) for article, label in cut]
        firsts = [" ".join(" ".join(article["sents"]).split()[: len(kept.split())]) for (article, _), kept in zip(cut, texts)]
        own, lead = (statistics.mean(rouge(t, label["summary"]) for t, (_, label) in zip(all_of, cut)) for all_of in (texts, firsts))
        words = statistics.mean(len(kept.split()) for kept in texts)
        print(f"{len(cut)} articles with parts that annotators kept: {own:.4f}, as many first words {lead:.4f}, {words:.1f} words")
    print(f"{len(pairs)} articles\n\n| words | marked sentences | first words | words of it |\n|---|---|---|---|")
    for limit in (30, 40, 50, 60):
        own, lead, length = 0.0, 0.0, 0
        for article, label in pairs:
            summary = marked(article, label, limit)
            count = len(summary.split())
            own += rouge(summary, label["summary"])
            lead += rouge(" ".join(" ".join(article["sents"]).split()[:count]), label["summary"])
            length += count
        print(f"| {limit} | {own / len(pairs):.4f} | {lead / len(pairs):.4f} | {length / len(pairs):.1f} |")
    titled = {True: [], False: []}
    seen, back = collections.Counter(), collections.Counter()
    for article, label in pairs:
        reference = set(tokens(label["summary"]))
        first = tokens(article["sents"][0])[:50]
        seen.update(first)
        back.update(w for w in first if w in reference)
        if title := set(tokens(article.get("title") or "")):
            for word in tokens(" ".join(article["sents"]))[:40]:
                titled[word in title].append(word in reference)
    print(f"\nof the first 40 words {statistics.fmean(titled[True] or [0]):.2f} of those that the title has, {statistics.fmean(titled[False] or [0]):.2f} of the others stand in the summary")
    print(f"of all words of first sentences {sum(back.values()) / sum(seen.values()):.2f} stand in the summary; rarest:")
    common = sorted((w for w, n in seen.items() if n >= args.least), key=lambda w: back[w] / seen[w])
    print(", ".join(f"{w} {back[w] / seen[w]:.2f}" for w in common[:24]))
    if args.write:
        rows = ({"id": label["id"], "title": a["title"], "text": "\n".join(a["sents"]), "source": a["source"], "summary": label["summary"]} for a, label in pairs)
        args.write.write_text("".join(json.dumps(r, ensure_ascii=False) + "\n" for r in rows), encoding="utf-8")


if __name__ == "__main__":
    main()
