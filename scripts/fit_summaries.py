#!/usr/bin/env python3
"""Train the head that shortens summaries (heads.extract.cut) alone, on the frozen encoder of a model.

Records of cuts hold "keep", the parts of the text that an annotator left standing. They are read once; the head learns
which words of an article's opening stay, as a chain of two states (a CRF), so that cuts fall where sentences can be cut.
Prints ROUGE-1 F on dev beside as many first words for some values of "bias", and with --hold the same for a part of the
training articles, scored by a head that has not seen them. Writes the model with the head.

    python scripts/fit_summaries.py --model work/model --data work/data --out work/model
"""

import argparse
import collections
import itertools
import random
import statistics
import sys
from pathlib import Path

import numpy as np
import torch

sys.path.insert(0, str(Path(__file__).parent))
from mujaz_train import batches, text
from mujaz_train.corpus import read_jsonl
from mujaz_train.model import CutHead, load

# Sentences of an opening, its words (marks counted), and the sizes of the head. As config.json has them.
CUT = {"size": 192, "layers": 2, "heads": 4, "feed_forward": 384, "inner": 4, "sentences": 6, "words": 170, "least": 8, "bias": 0.1, "begin_cost": 1.0, "end_cost": 0.5}
BIASES = (-0.05, 0.0, 0.05, 0.1, 0.2)
NEVER = -1e4


class Opening:
    """The first words of a record's text: input ids, rows of first pieces, sentences, which words stay, which stand apart."""

    def __init__(self, encoder, record):
        self.source, self.body, self.summary = record["source"], "\n".join(record["sents"]), record.get("reference")
        starts = list(itertools.accumulate((len(s) + 1 for s in record["sents"]), initial=0))
        self.ids, _, words, _ = encoder.article({"title": record.get("title"), "text": self.body})
        end = starts[min(CUT["sentences"], len(record["sents"]))]
        words = [w for w in words if w[1] == "text" and w[2] < end][: CUT["words"]]
        self.rows, self.spans = [w[0] for w in words], [(w[2], w[3]) for w in words]
        self.sentences = [max(i for i, start in enumerate(starts[:-1]) if start <= w[2]) for w in words]
        keep = record.get("keep", [])
        self.keep = [any(start <= a and b <= end for start, end in keep) for a, b in self.spans]
        self.apart = [int(i == 0 or self.body[a - 1].isspace()) for i, (a, _) in enumerate(self.spans)]
        self.first = [a in starts for a, _ in self.spans]
        words = [self.body[a:b] for a, b in self.spans]
        self.marks = [not any(c.isalnum() for c in word) for word in words]
        self.opens = [own or before in text.OPENING for own, before in zip(self.first, ["", *words])]
        self.that = [encoder.normalizer.normalize_str(word) in text.THAT for word in words]
        self.holds = [text.holds(encoder.normalizer.normalize_str(word)) for word in words]
        self.hidden = None

    def written(self, kept):
        """The words that stay, as text."""
        out, last = "", None
        for (a, b), stays in zip(self.spans, kept):
            if stays:
                out += ("" if last == a or not out else " ") + self.body[a:b]
                last = b
        return out


def read(model, encoder, openings, args):
    """Fill in `hidden` [words, hidden]."""
    ordered = sorted(openings, key=lambda o: len(o.ids))
    for at in range(0, len(ordered), 16):
        group = ordered[at : at + 16]
        ids, types, mask = (t.to(args.device) for t in batches.collate([(o.ids, [0] * len(o.ids)) for o in group], encoder.pad))
        with torch.no_grad(), torch.autocast(args.device, dtype=torch.bfloat16):
            hidden = model.openings(ids, types, mask)
        for opening, states in zip(group, hidden):
            opening.hidden = states[opening.rows].half()
    return openings


def collated(openings):
    """hidden, sentences, keep and mask of some openings."""
    longest = max(len(o.rows) for o in openings)
    hidden = torch.stack([torch.nn.functional.pad(o.hidden.float(), (0, 0, 0, longest - len(o.rows))) for o in openings])
    device = hidden.device
    sentences, keep = (batches.pad([list(getattr(o, name)) for o in openings], 0, longest).to(device) for name in ("sentences", "keep"))
    mask = batches.pad([[1] * len(o.rows) for o in openings], 0, longest).to(device).bool()
    return hidden, sentences, keep.float(), mask


def chain_loss(logits, keep, mask):
    """Negative log-likelihood of each row's states under a chain: logits [batch, words, 3] are those of CutHead."""
    stay, begin, end = logits.unbind(-1)
    before = torch.nn.functional.pad(keep, (1, 0))[:, :-1]
    gold = ((stay * keep + begin * (1 - before) * keep + end * before * (1 - keep)) * mask).sum(1)
    step = torch.stack([torch.stack([torch.zeros_like(stay), begin + stay], -1), torch.stack([end, stay], -1)], -2)
    same = torch.tensor([[0.0, NEVER], [NEVER, 0.0]], device=logits.device)
    step = torch.where(mask[..., None, None], step, same)
    while step.shape[1] > 1:  # products of neighbours, in the log domain
        if step.shape[1] % 2:
            step = torch.cat([step, same.expand(len(step), 1, 2, 2)], 1)
        step = torch.logsumexp(step[:, ::2, :, :, None] + step[:, 1::2, None, :, :], -2)
    return torch.logsumexp(step[:, 0, 0], -1) - gold


def decode(logits, opening, limit, bias, config=CUT):
    """The likeliest states with `least` to `limit` words, as src/tasks/cut.rs finds them (but for asides); None where none have
    so many. A word counts where white space stands before it or the one before is left out; the first part begins a
    sentence or follows the mark of a dateline; no part ends with a word that wants another, or before "that" or soon behind it,
    and none begins behind such a word, but for "that"; and costs are
    taken off for a part that begins inside a sentence, and for one that ends inside without a mark on either side."""
    least = config["least"]
    best = np.full((2, limit + 1), -np.inf)
    best[0, 0] = 0.0
    came = np.zeros((len(logits), 2, limit + 1), dtype=np.int8)
    for t, (stay, begin, end) in enumerate(logits):
        size = opening.apart[t]
        left, begun, going = best[1] + end, np.full(limit + 1, -np.inf), np.full(limit + 1, -np.inf)
        clause = range(max(0, t - text.CLAUSE + 1), t + 1)
        if any(opening.that[i] and opening.sentences[i] == opening.sentences[t] for i in clause) or (t and opening.holds[t - 1]):
            left[:] = -np.inf
        elif not (opening.first[t] or opening.marks[t] or (t and opening.marks[t - 1])):
            left -= config["end_cost"]
        begun[1:] = best[0, :limit] + begin + stay + bias - (0 if opening.first[t] else config["begin_cost"])
        if t and opening.holds[t - 1] and not opening.that[t - 1]:
            begun[2:] = -np.inf
        if not opening.opens[t]:
            begun[1] = -np.inf
        going[size:] = best[1, : limit + 1 - size] + stay + bias * size
        came[t] = left > best[0], going >= begun
        best = np.stack([np.maximum(best[0], left), np.maximum(begun, going)])
    if least > limit or best[:, least:].max() == -np.inf:
        return None
    state, length = divmod(int(best[:, least:].argmax()), limit + 1 - least)
    length += least
    states = []
    for t in range(len(logits) - 1, -1, -1):
        states.append(state)
        before = int(came[t, state, length])
        length -= (opening.apart[t] if before else 1) if state else 0
        state = before
    return states[::-1]


def fit(openings, config, eps, args, seed):
    torch.manual_seed(seed)
    head = CutHead(args.hidden, config, eps, args.dropout).to(args.device).train()
    optimizer = torch.optim.AdamW(head.parameters(), lr=args.lr, weight_decay=0.05)
    order, steps = list(openings), max(1, args.epochs * len(openings) // args.batch)
    for step in range(steps):
        at = step * args.batch % len(order)
        if at < args.batch:
            random.Random(f"{seed}/{step}").shuffle(order)
        hidden, sentences, keep, mask = collated((order + order)[at : at + args.batch])
        optimizer.param_groups[0]["lr"] = args.lr * min(1.0, (step + 1) / 50) * (1 - step / steps)
        loss = chain_loss(head(hidden, sentences, mask), keep, mask).sum() / mask.sum()
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
        if step % 100 == 99:
            print(f"step {step + 1} of {steps}, loss a word {loss.item():.3f}", file=sys.stderr, flush=True)
    return head.eval()


def answers(head, openings):
    """(opening, logits [words, 3]) of each."""
    with torch.no_grad():
        for opening in openings:
            hidden, sentences, _, mask = collated([opening])
            yield opening, head(hidden, sentences, mask)[0].cpu().numpy()


def rouge(summary, reference):
    bag = lambda body: collections.Counter(body[a:b].lower() for a, b in text.words(body) if any(c.isalnum() for c in body[a:b]))
    return text.rouge1(bag(summary), bag(reference))[2]


def report(name, scored, limit):
    """One line a bias: ROUGE-1 F of the head and of as many first words, and the words."""
    for bias in BIASES:
        own, lead, count = [], [], []
        for opening, logits in scored:
            states = decode(logits, opening, limit, bias)
            if states:
                summary = opening.written(states)
                count.append(len(summary.split()))
                own.append(rouge(summary, opening.summary))
                lead.append(rouge(" ".join(opening.body.split()[: count[-1]]), opening.summary))
        gain = [100 * (a - b) for a, b in zip(own, lead)]
        error = statistics.stdev(gain) / len(gain) ** 0.5 if len(gain) > 1 else 0.0
        print(
            f"{name} ({len(gain)}), bias {bias:+.2f}: ROUGE-1 F {statistics.mean(own):.4f}, first words {statistics.mean(lead):.4f}, "
            f"points more {statistics.mean(gain):+.2f} ± {error:.2f}, {statistics.mean(count):.1f} words",
            flush=True,
        )


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, required=True, help="model folder of finetune.py")
    parser.add_argument("--data", type=Path, required=True, help="folder of cuts.train.jsonl and extract.dev.jsonl")
    parser.add_argument("--out", type=Path, required=True, help="model folder to write; may be --model")
    parser.add_argument("--hold", type=int, default=0, metavar="N", help="score one in N training articles by a head that has not seen it, first")
    parser.add_argument("--epochs", type=int, default=14)
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--lr", type=float, default=1e-3)
    parser.add_argument("--dropout", type=float, default=0.3)
    parser.add_argument("--limit", type=int, default=50, help="most words of a summary in the scores printed")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--revision", help="of the model written; that of --model if not given")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    args = parser.parse_args()
    model = load(args.model).to(args.device)
    encoder = batches.Encoder.of(model, args.model)
    config, eps, args.hidden = dict(CUT), model.encoder.config.layer_norm_eps, model.encoder.config.hidden_size
    model.mujaz["heads"]["extract"]["cut"] = config
    openings = lambda name: [o for o in (Opening(encoder, r) for r in read_jsonl(args.data / name)) if o.rows]
    train = read(model, encoder, [o for o in openings("cuts.train.jsonl") if any(o.keep)], args)
    dev = read(model, encoder, openings("extract.dev.jsonl"), args)
    print(f"{len(train)} articles with parts to keep, {len(dev)} of dev")
    random.Random(args.seed).shuffle(train)
    if args.hold:
        held = [o for o in train if o.summary][:: args.hold]
        head = fit([o for o in train if o not in held], config, eps, args, args.seed)
        report("not seen", list(answers(head, held)), args.limit)
    head = fit(train, config, eps, args, args.seed)
    for name, own in (("annotated", True), ("standfirsts", False)):
        if group := [o for o in dev if o.source.startswith("annotated") == own]:
            report(f"dev, {name}", list(answers(head, group)), args.limit)
    model.heads["extract"].cut = head.cpu()
    model.mujaz["revision"] = args.revision or model.mujaz["revision"]
    model.cpu().save(args.out, encoder.tokenizer)
    print(f"wrote {args.out}")


if __name__ == "__main__":
    main()
