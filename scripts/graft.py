#!/usr/bin/env python3
"""Add what further pretraining changed to a model that was fine-tuned from the same encoder.

Fine-tuning starts from a pretrained encoder; when that encoder is pretrained on, the difference of its weights before
and after is added to the fine-tuned ones, so that fine-tuning need not begin again. Fine-tune some more afterwards.

    python scripts/graft.py --tuned work/model3 --before work/pretrained1 --after work/pretrained2 --out work/grafted

With a model as --tuned and --before and an earlier one as --after, the result stands between the two, at --share; heads that
one of them lacks stay as they are:

    python scripts/graft.py --tuned work/model5 --before work/model5 --after work/model4 --share 0.5 --out work/between
"""

import argparse
import shutil
import sys
from pathlib import Path

from safetensors.torch import save_file

sys.path.insert(0, str(Path(__file__).parent))
from mujaz_train.model import tensors


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tuned", type=Path, required=True, help="model folder of finetune.py")
    parser.add_argument("--before", type=Path, required=True, help="folder of pretrain.py that it came from")
    parser.add_argument("--after", type=Path, required=True, help="the same, pretrained on")
    parser.add_argument("--share", type=float, default=1.0, help="share of the difference that is added")
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args()
    tuned, before, after = (tensors(folder) for folder in (args.tuned, args.before, args.after))
    ours = {name for name in before.keys() ^ after.keys() if not name.startswith("heads.")} | before.keys() - tuned.keys()
    if ours:
        raise SystemExit(f"these folders do not hold the same encoder: {sorted(ours)[:3]}")
    both = before.keys() & after.keys()
    for name in sorted(both):
        rows = min(len(before[name]), len(after[name]), len(tuned[name]))  # a revision may have more token types
        change = (after[name][:rows].float() - before[name][:rows].float()) * args.share
        weight = tuned[name].float()
        weight[:rows] += change  # fine-tuning may have added pieces behind the vocabulary
        tuned[name] = weight.to(tuned[name].dtype)
    args.out.mkdir(parents=True, exist_ok=True)
    for name in ("config.json", "tokenizer.json"):
        shutil.copy(args.tuned / name, args.out)
    save_file(tuned, str(args.out / "model.safetensors"), metadata={"format": "pt"})
    print(f"wrote {args.out}: {len(both)} tensors changed of {len(tuned)}")


if __name__ == "__main__":
    main()
