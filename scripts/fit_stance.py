#!/usr/bin/env python3
"""Train stance toward claims (and entities that an article does not name) alone: the head, and a low-rank change of the
encoder that passes with a target use and no other pass does. All else of the model stays as it is.

Where `wrong` of a stance says which words of a claim the article belies, it learns to find them too. With --altered it first reads
headlines of alter_titles.py or alter_details.py.
Prints dev scores before and after, keeps checkpoints, resumes, and writes the model with its adapter. Calibrate afterwards.

    python scripts/fit_stance.py --model work/model --data work/data --out work/stance --minutes 40
"""

import argparse
import random
import sys
import time
from pathlib import Path

import torch
from torch import nn

sys.path.insert(0, str(Path(__file__).parent))
from finetune import check_data, endless, evaluate, stance_states
from mujaz_train import batches
from mujaz_train.corpus import read_jsonl, weight_of
from mujaz_train.model import load


def claims_loss(model, detail, encoder, records, device, rng):
    """That of the labels and, where it is known which words of a claim the article belies, that of each of its pieces."""
    loss, _, hidden = stance_states(model, encoder, records, device, rng, True)
    wrong, kept = torch.zeros(hidden.shape[:2]), torch.zeros(hidden.shape[:2], dtype=torch.bool)
    for i, record in enumerate(records):
        stance = record["stance"][0]
        if "wrong" not in stance:
            continue
        _, spans, owners = encoder.part(stance["target"])
        places = owners[: encoder.stance_window // 2]
        kept[i, 2 : 2 + len(places)] = True
        wrong[i, 2 : 2 + len(places)] = torch.tensor([any(spans[w][0] < b and a < spans[w][1] for a, b in stance["wrong"]) for w in places]).float()
    if not kept.any():
        return loss
    logits = detail(hidden).squeeze(-1)[kept.to(device)]
    return loss + nn.functional.binary_cross_entropy_with_logits(logits, wrong[kept].to(device), pos_weight=torch.tensor(3.0, device=device))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, required=True, help="model folder of finetune.py")
    parser.add_argument("--data", type=Path, required=True, help="folder of stance.train.jsonl and stance.dev.jsonl")
    parser.add_argument("--out", type=Path, required=True, help="model folder to write, with the checkpoint")
    parser.add_argument("--detail", type=Path, help="checkpoint of the run that made --model: the layer that finds wrong words, which a model leaves out")
    parser.add_argument("--rank", type=int, default=8, help="of the change, where the model has none yet")
    parser.add_argument("--minutes", type=float, default=40, help="training time of this and earlier runs together")
    parser.add_argument("--altered", type=Path, help="headlines of alter_titles.py or alter_details.py, read first")
    parser.add_argument("--altered-minutes", type=float, default=30, help="how many of --minutes go to them")
    parser.add_argument("--altered-share", type=float, default=1.0, help="of the batches in these minutes; the others are of --data")
    parser.add_argument("--words", default=str(batches.PASSAGE_WORDS["claim"]), metavar="N,…", help="words that a claim is read with; each batch draws one")
    parser.add_argument("--weights", default="", metavar="NAME=WEIGHT,…", help="for records whose source has the name in it, beside 1")
    parser.add_argument("--shares", default="", metavar="NAME=SHARE,…", help="of the records whose source has the name in it that are read at all")
    parser.add_argument("--tokens", type=int, default=4096, help="pieces of a batch, padding counted")
    parser.add_argument("--lr", type=float, default=1e-3, help="of the change")
    parser.add_argument("--head-lr", type=float, default=3e-4)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--revision", help="of the model written; that of --model if not given")
    parser.add_argument("--eval-every", type=float, default=8, help="minutes between dev scores and checkpoints")
    parser.add_argument("--dev-most", type=int, default=600, help="dev records that are scored")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    args = parser.parse_args()
    torch.manual_seed(args.seed)
    model = load(args.model, args.rank).to(args.device)
    if args.device == "cpu":
        model.encoder.set_attn_implementation("eager")  # PyTorch's fused attention takes seven times as long back as forth there
    args.window, args.stance_window = model.mujaz["window"], model.mujaz["stance_window"]
    encoder = batches.Encoder.of(model, args.model)
    train, dev = ({"stance": list(read_jsonl(args.data / f"stance.{split}.jsonl"))} for split in ("train", "dev"))
    check_data(train)
    check_data(dev)
    weight, share = weight_of(args.weights), weight_of(args.shares)
    draw = random.Random(args.seed)
    train["stance"] = [record for record in train["stance"] if draw.random() < share(record["source"])]
    for record in train["stance"]:
        record["weight"] = record.get("weight", 1.0) * weight(record["source"])
    model.requires_grad_(False)
    head = model.heads["stance"]
    detail = nn.Linear(model.encoder.config.hidden_size, 1).to(args.device)
    if args.detail:
        detail.load_state_dict(torch.load(args.detail, map_location=args.device)["detail"])
    changes = list(head.adapter.requires_grad_().parameters())
    layers = [p for part in (head.dense, head.claim, head.entity, detail) for p in part.requires_grad_().parameters()]
    optimizer = torch.optim.AdamW([{"params": changes, "top": args.lr}, {"params": layers, "top": args.head_lr}], weight_decay=0.01, betas=(0.9, 0.98))
    autocast = lambda: torch.autocast(args.device, dtype=torch.bfloat16)
    show = lambda: print("  " + " | ".join(f"{k} {v:.4f}" for k, v in evaluate(model, encoder, dev, args, autocast).items()), flush=True)
    state, checkpoint = {"step": 0, "spent": 0.0}, args.out / "checkpoint.pt"
    args.out.mkdir(parents=True, exist_ok=True)
    if checkpoint.exists():
        saved = torch.load(checkpoint, map_location=args.device)
        head.load_state_dict(saved["head"])
        detail.load_state_dict(saved["detail"])
        optimizer.load_state_dict(saved["optimizer"])
        state = saved["state"]
        print(f"resumed at step {state['step']}", flush=True)
    show()
    model.train()
    stream = endless("stance", train["stance"], args, f"{args.seed}/{state['step']}")
    altered = endless("stance", list(read_jsonl(args.altered)), args, f"{args.seed}/{state['step']}") if args.altered else None
    lengths, read_with = [int(n) for n in args.words.split(",")], batches.PASSAGE_WORDS["claim"]
    began, tested, losses = time.time() - state["spent"], time.time(), {}
    while (spent := time.time() - began) < args.minutes * 60:
        first = altered is not None and spent < args.altered_minutes * 60
        rng = random.Random(f"{args.seed}/{state['step']}")
        rate = min(1.0, (state["step"] + 1) / 40) * max(1 - spent / (args.minutes * 60), 0.01)
        for group in optimizer.param_groups:
            group["lr"] = group["top"] * rate
        batches.PASSAGE_WORDS["claim"] = rng.choice(lengths)
        first = first and rng.random() < args.altered_share
        with autocast():
            loss = claims_loss(model, detail, encoder, next(altered if first else stream), args.device, rng)
        batches.PASSAGE_WORDS["claim"] = read_with
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(changes + layers, 1.0)
        optimizer.step()
        state["step"] += 1
        losses.setdefault("altered" if first else "stance", []).append(loss.item())
        if state["step"] % 25 == 0:
            means = " ".join(f"{name} {sum(own) / len(own):.3f}" for name, own in sorted(losses.items()))
            print(f"step {state['step']} {means} | {spent / 60:.1f} min", flush=True)
            losses = {}
        if time.time() - tested > args.eval_every * 60:
            state["spent"] = time.time() - began
            torch.save({"head": head.state_dict(), "detail": detail.state_dict(), "optimizer": optimizer.state_dict(), "state": state}, checkpoint.with_suffix(".tmp"))
            checkpoint.with_suffix(".tmp").replace(checkpoint)
            show()
            tested = time.time()
    show()
    model.mujaz["revision"] = args.revision or model.mujaz["revision"]
    model.save(args.out, encoder.tokenizer)
    print(f"wrote {args.out} after {state['step']} steps, {args.minutes} minutes")


if __name__ == "__main__":
    main()
