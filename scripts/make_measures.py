#!/usr/bin/env python3
"""Expected values of the measures from the field's reference implementations, for tests/fixtures/measures.json.

seqeval for spans (default mode, which reads like conlleval; and strict IOB2), scikit-learn for F1, rouge-score
with a Unicode tokenizer for ROUGE. Inputs are random, seeded, and written beside the answers.

    python scripts/make_measures.py
"""

import json
import random
import re
import warnings
from pathlib import Path

from rouge_score import rouge_scorer, tokenizers
from seqeval.metrics import f1_score, precision_score, recall_score
from seqeval.scheme import IOB2
from sklearn.metrics import f1_score as label_f1
from sklearn.preprocessing import MultiLabelBinarizer

OUT = Path(__file__).parent.parent / "tests/fixtures/measures.json"
TAGS = ["O", "O", "O", "B-PER", "I-PER", "B-LOC", "I-LOC", "B-ORG", "I-ORG"]
WORDS = "وصل الوزير إلى حلب أمس بعد لقاء مع وفد من دمشق في القاهرة وقال إن الهدنة قائمة كَتَبَ 12 BBC".split()


class UnicodeTokenizer(tokenizers.Tokenizer):
    def tokenize(self, text):
        return re.findall(r"[\w\u0610-\u061a\u064b-\u065f\u0670]+", text.lower())


def tag_case(rng):
    gold = [[rng.choice(TAGS) for _ in range(rng.randrange(1, 15))] for _ in range(rng.randrange(1, 6))]
    found = [[t if rng.random() < 0.7 else rng.choice(TAGS) for t in sentence] for sentence in gold]
    case = {"gold": gold, "found": found}
    for name, options in (("repair", {}), ("strict", {"mode": "strict", "scheme": IOB2})):
        measure = lambda f: float(f(gold, found, zero_division=0, **options))
        case[name] = [measure(precision_score), measure(recall_score), measure(f1_score)]
    return case


def label_case(rng):
    names = ["favor", "against", "neutral", "unrelated"]
    gold = [rng.choice(names[: rng.randrange(2, 5)]) for _ in range(rng.randrange(3, 40))]
    found = [g if rng.random() < 0.6 else rng.choice(names) for g in gold]
    return {"gold": gold, "found": found, "macro": float(label_f1(gold, found, average="macro", zero_division=0))}


def set_case(rng):
    names = ["politics", "conflict", "sport", "economy", "health"]
    pick = lambda: rng.sample(names, rng.randrange(0, 4))
    gold = [pick() for _ in range(rng.randrange(3, 20))]
    found = [g if rng.random() < 0.5 else pick() for g in gold]
    used = sorted({x for s in gold + found for x in s}) or names
    binary = MultiLabelBinarizer(classes=used)
    truth, guess = binary.fit_transform(gold), binary.transform(found)
    score = lambda average: float(label_f1(truth, guess, average=average, zero_division=0))
    return {"gold": gold, "found": found, "micro": score("micro"), "macro": score("macro")}


def rouge_case(rng):
    text = lambda: " ".join(rng.choice(WORDS) + rng.choice(["", "", "،", ".", "»"]) for _ in range(rng.randrange(0, 30)))
    reference, candidate = text(), text()
    scorer = rouge_scorer.RougeScorer(["rouge1", "rouge2", "rougeL"], tokenizer=UnicodeTokenizer())
    scores = scorer.score(reference, candidate)
    return {"reference": reference, "candidate": candidate, **{k: [float(v.precision), float(v.recall), float(v.fmeasure)] for k, v in scores.items()}}


def main():
    warnings.simplefilter("ignore")
    rng = random.Random(11)
    make = {"tags": tag_case, "labels": label_case, "sets": set_case, "rouge": rouge_case}
    cases = {name: [case(rng) for _ in range(40)] for name, case in make.items()}
    OUT.write_text(json.dumps(cases, ensure_ascii=False) + "\n", encoding="utf-8")
    print(f"wrote {OUT}")


if __name__ == "__main__":
    main()
