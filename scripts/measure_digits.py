#!/usr/bin/env python3
"""How often news writes Arabic-Indic digits, and how many pieces numbers take in either form (decision 001).

    python scripts/measure_digits.py --data ../shared/data [--model-file e5-small-q4.bin]
"""

import argparse
import itertools
import re
import sys
from pathlib import Path

from tokenizers import Tokenizer, models

sys.path.insert(0, str(Path(__file__).parent))
from build_base import fetch_model_file, parse_model
from mujaz_train import corpus

INDIC = str.maketrans("0123456789", "٠١٢٣٤٥٦٧٨٩")
ASCII = str.maketrans("٠١٢٣٤٥٦٧٨٩", "0123456789")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--model-file", type=Path)
    args = parser.parse_args()
    _, pieces, scores, _ = parse_model(args.model_file.read_bytes() if args.model_file else fetch_model_file())
    wheel = Tokenizer(models.Unigram([(p, float(s)) for p, s in zip(pieces, scores)], unk_id=3, byte_fallback=False))
    print("| corpus | numbers | in Arabic-Indic digits | pieces a number, ASCII | pieces a number, Arabic-Indic |\n|---|---|---|---|---|")
    for name in ("ant_multisource", "saudinewsnet", "sanad_khaleej", "hespress"):
        texts = (t for _, _, t in itertools.islice(corpus.articles(args.data, name), 2000))
        numbers = [n for t in texts for n in re.findall(r"[0-9]+|[٠-٩]+", t)]
        folded = [n.translate(ASCII) for n in numbers]
        count = lambda form: sum(len(e.ids) for e in wheel.encode_batch([f"▁{form(n)}" for n in folded])) / len(folded)
        indic = sum(n[0] > "9" for n in numbers) / len(numbers)
        print(f"| {name} | {len(numbers):,} | {indic:.1%} | {count(str):.2f} | {count(lambda n: n.translate(INDIC)):.2f} |")


if __name__ == "__main__":
    main()
