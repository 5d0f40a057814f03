#!/usr/bin/env python3
"""Headlines as claims about their own articles: as they are (favor), with a detail altered (against), and before an article
whose sentences about them are taken out (neutral). A second round of self-made data for fit_stance.py --altered, without
a language model.

A word changes to one that stands between the same two words elsewhere in the corpora, from anywhere or from the article; numbers
change to others of the article, some words to their opposite, two words of like form change places. In two of five articles
that have the word themselves it changes there instead, so that what reads oddly tells nothing. Articles of dev sets stay out.

    python scripts/alter_details.py --data ../shared/data --dev work/data --out work/data/details.train.jsonl
"""

import argparse
import collections
import functools
import json
import random
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
from alter_titles import changed_number, changed_too, headlines, normal, telling, turned_round
from mujaz_train import text

SENTENCES = 6  # of an article, from which neighbours of words are learnt
SEEN = 4  # times that a word stands in them before it is put in another's place
CHOICES = 12  # likeliest words to draw from
BODY = 260  # words of an article that are kept
root = functools.cache(text.root)


def roots(words):
    return {root(word) for word in words} - {None}


def normals(body):
    return [normal(body[a:b]) for a, b in text.words(body)]


def content(word):
    return telling(word) and word not in text.FUNCTION_WORDS


def form(word):
    """Whether it has the article, and whether it may be feminine."""
    return word[:2] == "ال", word[-1:] in ("ه", "ة")


class Neighbours:
    """Which words stand behind and before which."""

    def __init__(self, sentences):
        self.behind, self.before = collections.defaultdict(collections.Counter), collections.defaultdict(collections.Counter)
        self.count = collections.Counter()
        for words in sentences:
            self.count.update(words)
            for a, b in zip(["<s>", *words], [*words, "</s>"]):
                self.behind[a][b] += 1
                self.before[b][a] += 1

    def sides(self, words, at):
        """Counts of words behind the one before `at`, and before the one behind it."""
        return self.behind[words[at - 1] if at else "<s>"], self.before[words[at + 1] if at + 1 < len(words) else "</s>"]

    def other(self, words, at, taken, near, rng):
        """A word for `words[at]` that fits both neighbours, or None; one of `near`, where that is given, fits one at least."""
        left, right = self.sides(words, at)
        fits = lambda word: content(word) and self.count[word] >= SEEN and root(word) not in taken
        both = {w: min(left[w], right[w]) / self.count[w] ** 0.5 for w in (left if len(left) < len(right) else right) if w in left and w in right and fits(w)}
        same = lambda word: form(word) == form(words[at])
        if near is not None:
            found = {w: both.get(w, 0) + 0.1 * same(w) for w in near if fits(w) and (w in both or same(w) and (w in left or w in right))}
        else:
            found = {w: weight for w, weight in both.items() if same(w) or rng.random() < 0.3}
        best = sorted(found, key=lambda w: -found[w])[:CHOICES]
        return rng.choices(best, [found[w] + 1e-3 for w in best])[0] if best else None


def alter(title, words, body, sentences, neighbours, rng):
    """(altered headline, where it is altered), or None."""
    dice = rng.random()
    if dice < 0.3 and (made := changed_number(title, body, rng)):
        return made
    if dice < 0.45 and (made := turned_round(title)):
        return made
    spans = text.words(title)
    places = [i for i, word in enumerate(words) if content(word)]
    rng.shuffle(places)
    near = sorted({w for sentence in sentences for w in sentence}) if rng.random() < 0.65 else None
    if rng.random() < 0.12:
        for i, j in ((i, j) for i in places for j in places if i + 1 < j and form(words[i]) == form(words[j])):
            if words[j] in neighbours.sides(words, i)[0] and words[i] in neighbours.sides(words, j)[0]:
                (a, b), (c, d) = spans[i], spans[j]
                return title[:a] + title[c:d] + title[b:c] + title[a:b] + title[d:], (a, a + d - c)
    for i in places[:4]:
        if other := neighbours.other(words, i, roots(words), near, rng):
            a, b = spans[i]
            return title[:a] + other + title[b:], (a, a + len(other))
    return None


def without(words, body, sentences):
    """The article without the sentences that speak of the headline; None where that leaves too little, or too much of it."""
    own = roots(word for word in words if telling(word))
    apart = [span for span, sentence in zip(text.sentences(body), sentences) if len(own & roots(sentence)) <= max(1, 0.34 * len(own))]
    if len(own) < 3 or len(apart) == len(sentences):
        return None
    rest = " ".join(body[a:b] for a, b in apart)
    left = len(own & roots(normals(rest)))
    return rest if len(rest.split()) >= 45 and 1 <= left <= 0.7 * len(own) else None


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder of the raw sets")
    parser.add_argument("--dev", type=Path, required=True, help="folder of TASK.dev.jsonl, whose articles stay out")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--seed", type=int, default=5)
    args = parser.parse_args()
    rng = random.Random(args.seed)
    found = list(headlines(args.data, args.dev, rng))
    rng.shuffle(found)
    parts = [(normals(title), [normals(body[a:b]) for a, b in text.sentences(body)]) for _, _, title, body in found]
    neighbours = Neighbours(words for title, sentences in parts for words in [title, *sentences[:SENTENCES]])
    counts = collections.Counter()
    with open(args.out, "w", encoding="utf-8") as out:

        def put(identity, source, body, claim, label, wrong=()):
            counts[label] += 1
            stance = {"target": claim, "kind": "claim", "label": label, "wrong": list(wrong)}
            record = {"id": identity, "source": f"altered-{source}", "text": " ".join(body.split()[:BODY]), "stance": [stance]}
            out.write(json.dumps(record, ensure_ascii=False) + "\n")

        for (identity, source, title, body), (words, sentences) in zip(found, parts):
            rest = without(words, body, sentences)
            made = alter(title, words, body, sentences, neighbours, rng)
            if rest and rng.random() < 0.8:
                put(identity, source, rest, title if made is None or rng.random() < 0.6 else made[0], "neutral")
            if made is None:
                continue
            altered, span = made
            own = (span[0], span[1] + len(title) - len(altered))
            right, wrong = (title, None), (altered, span)
            if rng.random() < 0.4 and (other := changed_too(body, title[own[0] : own[1]], altered[span[0] : span[1]])):
                right, wrong, body = (altered, None), (title, own), other
            put(identity, source, body, right[0], "favor")
            put(identity, source, body, wrong[0], "against", [wrong[1]])
    print(", ".join(f"{count} {label}" for label, count in sorted(counts.items())))


if __name__ == "__main__":
    main()
