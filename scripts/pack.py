#!/usr/bin/env python3
"""Write the large matrices of a model's heads in eight bits, with a scale for each row: half the bytes, the same answers.

The encoder stays as it is, so that other programs read it. The last step before a model is bundled; training scripts read
packed heads, and write them unpacked.

    python scripts/pack.py --model work/model --out models/mujaz-base
"""

import argparse
import shutil
import sys
from pathlib import Path

import torch
from safetensors.torch import save_file

sys.path.insert(0, str(Path(__file__).parent))
from mujaz_train.model import tensors

NARROW = 16  # columns below which a scale for each row saves little


def packed(weight):
    """(int8, scales [rows]) of a matrix: the row's largest number is 127."""
    scale = weight.float().abs().amax(1).clamp(min=1e-12) / 127
    return (weight.float() / scale[:, None]).round().to(torch.int8), scale


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, required=True, help="model folder of finetune.py")
    parser.add_argument("--out", type=Path, required=True, help="folder to write; may be --model")
    args = parser.parse_args()
    state = {}
    for name, weight in tensors(args.model).items():
        if name.startswith("heads.") and name.endswith(".weight") and weight.ndim == 2 and weight.shape[1] >= NARROW:
            state[name], state[name.removesuffix(".weight") + ".scale"] = packed(weight)
        else:
            state[name] = weight.half()
    args.out.mkdir(parents=True, exist_ok=True)
    if args.out.resolve() != args.model.resolve():
        for name in ("config.json", "tokenizer.json"):
            shutil.copy(args.model / name, args.out)
    save_file({k: v.contiguous() for k, v in state.items()}, str(args.out / "model.safetensors"), metadata={"format": "pt"})
    print(f"wrote {args.out}: {(args.out / 'model.safetensors').stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
