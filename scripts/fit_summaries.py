#!/usr/bin/env python3
"""Train the head that shortens summaries (heads.extract.cut) alone, on the frozen encoder of a model.

Records of cuts hold "keep", the parts of the text that an annotator left standing. They are read once; the head learns
which words of an article's opening stay, as a chain of two states (a CRF), so that cuts fall where sentences can be cut.
Records of gaps hold the parts that an earlier head kept of other articles, and an editor's verdict on what lies between: from
them a second, small head learns which deletions break a text, and the search for the best states leaves those out.
Prints ROUGE-1 F on dev beside as many first words for some values of "most", and with --hold the same for a part of the
training articles, scored by a head that has not seen them (without gaps). Writes the model with the heads. --held keeps the
model of that head, which refuses gaps too, and those articles (do not commit them: they are texts of the data sets).

    python scripts/fit_summaries.py --model work/model --data work/data --out work/model
    python scripts/fit_summaries.py --model work/model --data work/data --out work/trial --hold 2 --held work/held
    mujaz evaluate work/held/articles.jsonl --model work/held
"""

import argparse
import collections
import itertools
import json
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
CUT = {"size": 192, "layers": 2, "heads": 4, "feed_forward": 384, "inner": 4, "sentences": 6, "words": 170, "least": 8, "bias": 0.1, "begin_cost": 0.0, "end_cost": 0.0}
GAP = {"size": 64, "most": 0.05}  # of what refuses cuts
SEARCHES, LONG_GAP = 10, 30  # as in src/tasks/cut.rs
MOSTS = (0.05, 0.1, 0.15, 0.3, 1.0)
NEVER = -1e4
VERDICTS = {"ok": 0.0, "poor": 0.5, "bad": 1.0}


class Opening:
    """The first words of a record's text: input ids, rows of first pieces, sentences, which words stay, which stand apart."""

    def __init__(self, encoder, record):
        self.source, self.summary = record["source"], record.get("reference")
        self.article = {key: record.get(key) for key in ("id", "title", "text", "source")}
        self.body = record["text"]
        starts = [a for a, _ in text.sentences(self.body)] + [len(self.body)]
        self.ids, _, words, _ = encoder.article({"title": record.get("title"), "text": self.body})
        end = starts[min(CUT["sentences"], len(starts) - 1)]
        words = [w for w in words if w[1] == "text" and w[2] < end][: CUT["words"]]
        self.rows, self.spans = [w[0] for w in words], [(w[2], w[3]) for w in words]
        self.sentences = [max((i for i, start in enumerate(starts[:-1]) if start <= w[2]), default=0) for w in words]
        keep = record.get("keep", record.get("spans", []))
        self.keep = [any(start <= a and b <= end for start, end in keep) for a, b in self.spans]
        self.apart = [int(i == 0 or self.body[a - 1].isspace()) for i, (a, _) in enumerate(self.spans)]
        self.first = [a in starts for a, _ in self.spans]
        self.words = words = [self.body[a:b] for a, b in self.spans]
        self.marks = [not any(c.isalnum() for c in word) for word in words]
        self.opens = [own or before in text.OPENING for own, before in zip(self.first, ["", *words])]
        self.that = [encoder.normalizer.normalize_str(word) in text.THAT for word in words]
        self.holds = [text.holds(encoder.normalizer.normalize_str(word)) for word in words]
        self.verdicts = record.get("gaps", [])
        self.hidden = None

    def judged(self):
        """(gap, 1 for one that breaks the text, 0.5 for a poor one, 0) of each gap that an editor judged, where it is seen whole."""
        for start, end, verdict in self.verdicts:
            own = [i for i, (a, b) in enumerate(self.spans) if start <= a and b <= end]
            if own and (own[-1] + 1 < len(self.spans) or self.spans[own[-1]][1] >= end - 1):
                before = next((i for i in reversed(range(own[0])) if self.keep[i]), None)
                behind = next((i for i in range(own[-1] + 1, len(self.keep)) if self.keep[i]), None)
                yield (before, own[0], own[-1], behind), VERDICTS[verdict]

    def written(self, kept):
        """Which words are written where `kept` stay: with marks between words that stay side by side, and without those that are
        loose, unless they are so in the whole sentence; behind an odd number of commas the next one stays, for it closes what
        another one opened."""
        kept = [int(stays) for stays in kept]
        for before, word in itertools.pairwise([i for i, stays in enumerate(kept) if stays]):
            if self.sentences[before] == self.sentences[word] and all(self.marks[before + 1 : word]):
                kept[before:word] = [1] * (word - before)
        whole, out = self.tidied([1] * len(kept)), self.tidied(kept)
        for i in [i for i in range(1, len(kept) - 1) if kept[i] and not whole[i] and out[i - 1] and out[i + 1]]:
            out[i] = 1
        commas = 0
        for i, word in enumerate(self.words):
            commas = 0 if self.first[i] else commas
            comma = self.marks[i] and word in "،,"
            if comma and not out[i] and commas % 2 and out[i - 1]:
                later = itertools.takewhile(lambda j: self.sentences[j] == self.sentences[i], range(i + 1, len(out)))
                out[i] = int(any(out[j] for j in later))
            commas += comma and out[i]
        for i, word in enumerate(self.words[:-1]):  # the stop of a sentence stays where another one follows
            if word in (".", "؟", "!") and self.marks[i] and self.sentences[i] != self.sentences[i + 1] and any(out[i + 1 :]):
                out[i] = int(any(stays and own == self.sentences[i] for stays, own in zip(out, self.sentences)))
        return out

    def tidied(self, kept):
        """Which words are kept, without loose marks."""
        out = [0] * len(kept)
        stay = [i for i, stays in enumerate(kept) if stays]
        for _, part in itertools.groupby(enumerate(stay), lambda at: (at[1] - at[0], self.sentences[at[1]])):
            part = [i for _, i in part]
            for start, end in text.tidy([(self.words[i], self.marks[i]) for i in part]):
                out[part[start] : part[end - 1] + 1] = [1] * (end - start)
        return out

    def gaps(self, written):
        """(last word before it, first, last, first word behind it) of each run of words that go; None where nothing is written on a
        side. Before the first and behind the last those of its sentence alone."""
        ends = [None, *(i for i, stays in enumerate(written) if stays), None]
        for before, behind in itertools.pairwise(ends):
            own = range(0 if before is None else before + 1, len(written) if behind is None else behind)
            if before is behind is None:
                continue
            if before is None or behind is None:
                near = self.sentences[behind if before is None else before]
                own = [i for i in own if self.sentences[i] == near]
            if any(not self.marks[i] for i in own):
                yield before, own[0], own[-1], behind

    def features(self, gap, states):
        """As src/tasks/cut.rs has it: states of the words on both sides, of its own first and last, the mean of its own, flags."""
        before, first, last, behind = gap
        place = lambda i: torch.zeros_like(states[0]) if i is None else states[i]
        together = lambda a, b: a is not None and b is not None and self.sentences[a] == self.sentences[b]
        flags = [before is None, behind is None, together(before, first), together(behind, last), together(before, behind)]
        flags += [before is not None and self.marks[first], self.marks[last], min(last + 1 - first, LONG_GAP) / 10]
        own = states[first : last + 1].mean(0)
        return torch.cat([place(before), states[first], states[last], place(behind), own, torch.tensor(flags, dtype=states.dtype)])

    def summary_of(self, written):
        """The words that are written, as text."""
        out, last = "", None
        for (a, b), stays in zip(self.spans, written):
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


def decode(logits, opening, limit, bias, config=CUT, ends=(), opens=(), chosen=False):
    """The likeliest states with `least` to `limit` words, as src/tasks/cut.rs finds them (but for asides); None where none have
    so many. A word counts where white space stands before it or the one before is left out; the first part of a sentence
    begins it or follows the mark of a dateline; no part ends with a word that wants another, or before "that" or soon behind it,
    and none begins behind such a word, but for "that"; and costs are
    taken off for a part that begins inside a sentence, and for one that ends inside without a mark on either side. `ends` are
    words before which no part ends, `opens` such as do not come first of all; of `chosen` sentences each keeps something."""
    least = config["least"]
    absent, leaves, kept = range(3)  # nothing of the sentence is kept; something was, but not the word; the word is
    best = np.full((3, limit + 1), -np.inf)
    best[absent, 0] = 0.0
    came = np.zeros((len(logits), 3, limit + 1), dtype=np.int8)
    for t, (stay, begin, end) in enumerate(logits):
        size, first = opening.apart[t], opening.first[t]
        clause = range(max(0, t - text.CLAUSE + 1), t + 1)
        if t in ends or any(opening.that[i] and opening.sentences[i] == opening.sentences[t] for i in clause) or (t and opening.holds[t - 1]):
            end = -np.inf
        elif not (first or opening.marks[t] or (t and opening.marks[t - 1])):
            end -= config["end_cost"]
        worth = begin + stay + bias - (0 if first else config["begin_cost"])
        enter = worth if opening.opens[t] else -np.inf
        again = enter if first else -np.inf if t and opening.holds[t - 1] and not opening.that[t - 1] else worth
        next_best = np.full_like(best, -np.inf)
        if chosen and first and t:
            best[absent] = -np.inf

        def offer(state, before, values, shift=0):
            own = next_best[state, shift:]
            better = values[: limit + 1 - shift] > own
            own[better] = values[: limit + 1 - shift][better]
            came[t, state, shift:][better] = before

        offer(absent, absent, best[absent])
        offer(absent if first else leaves, leaves, best[leaves])
        offer(absent if first else leaves, kept, best[kept] + end)
        offer(kept, kept, best[kept] + stay + bias * size, size)
        entered = best[absent] + enter
        if t in opens:
            entered[0] = -np.inf
        offer(kept, absent, entered, 1)
        offer(kept, leaves, best[leaves] + again, 1)
        best = next_best
    if chosen:
        best[absent] = -np.inf
    if least > limit or best[:, least:].max() == -np.inf:
        return None
    state, length = divmod(int(best[:, least:].argmax()), limit + 1 - least)
    length += least
    states = []
    for t in range(len(logits) - 1, -1, -1):
        states.append(int(state == kept))
        before = int(came[t, state, length])
        length -= (opening.apart[t] if before == kept else 1) if state == kept else 0
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
    """(opening, logits [words, 3], states [words, size]) of each."""
    with torch.no_grad():
        for opening in openings:
            hidden, sentences, _, mask = collated([opening])
            states = head.states(hidden, sentences, mask)
            yield opening, head.out(states)[0].cpu().numpy(), states[0].cpu()


def keep(head, opening, logits, states, limit, most):
    """Which words are written: those of the best states none of whose gaps is likelier than `most` to break the text, as
    src/tasks/cut.rs finds them, but from all sentences of the opening, and with no regard to sources."""
    ends, opens = set(), set()
    for _ in range(SEARCHES):
        kept = decode(logits, opening, limit, CUT["bias"], ends=ends, opens=opens)
        if not kept:
            return None
        written = opening.written(kept)
        gaps = list(opening.gaps(written))
        if not gaps or not hasattr(head, "gap"):
            return written
        with torch.no_grad():
            broken = head.of_gaps(torch.stack([opening.features(gap, states) for gap in gaps])).sigmoid()
        refused = [gap for gap, share in zip(gaps, broken) if share > most]
        if not refused:
            return written
        # A gap before all that stays is closed where the chain opens, any other where it first leaves out a word.
        behind = lambda first: next((i + 1 for i in reversed(range(first)) if kept[i]), 0)
        ends.update(next(i for i in range(behind(first), len(kept)) if not kept[i]) for before, first, *_ in refused if before is not None)
        opens.update(kept.index(1) for before, *_ in refused if before is None)
    return None


def fit_gaps(features, breaks, size, seed, epochs=30, batch=64):
    """A trained `gap` of CutHead for features [gaps, numbers] and how much each gap breaks its text."""
    torch.manual_seed(seed)
    mean, deviation = features.mean(0), features.std(0) + 1e-3
    scaled = (features - mean) / deviation
    dense, out = torch.nn.Linear(features.shape[1], size), torch.nn.Linear(size, 1)
    optimizer = torch.optim.AdamW([*dense.parameters(), *out.parameters()], weight_decay=0.05)
    steps = epochs * len(features) // batch
    drop = torch.nn.functional.dropout
    for step in range(steps):
        own = torch.randint(0, len(features), (batch,))
        optimizer.param_groups[0]["lr"] = 1e-3 * (1 - step / steps)
        logits = out(drop(torch.nn.functional.gelu(dense(drop(scaled[own], 0.3))), 0.5)).squeeze(-1)
        loss = torch.nn.functional.binary_cross_entropy_with_logits(logits, breaks[own])
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
    with torch.no_grad():  # the scale goes into the weights
        dense.weight /= deviation
        dense.bias -= dense.weight @ mean
    return torch.nn.ModuleDict({"dense": dense, "out": out})


def add_gaps(head, openings, config, seed):
    """Train what refuses cuts on judged gaps, four times with a fourth of the articles held back, whose refusals are printed, and
    once with all."""
    rows = [(i, opening.features(gap, states), broken) for i, (opening, _, states) in enumerate(answers(head, openings)) for gap, broken in opening.judged()]
    fold, features, breaks = torch.tensor([i % 4 for i, _, _ in rows]), torch.stack([f for _, f, _ in rows]), torch.tensor([b for *_, b in rows])
    shares = torch.zeros(len(rows))
    for number in range(4):
        head.gap = fit_gaps(features[fold != number], breaks[fold != number], config["size"], seed)
        with torch.no_grad():
            shares[fold == number] = head.of_gaps(features[fold == number]).sigmoid()
    bad = breaks == 1
    rank = shares.argsort().argsort().float()
    area = (rank[bad].mean() - (bad.sum() - 1) / 2) / (~bad).sum()
    print(f"{len(rows)} judged gaps of {len(openings)} articles, {bad.float().mean():.3f} bad; not seen: area under the curve {area:.3f}")
    for most in MOSTS:
        made = shares <= most
        print(f"  at most {most:.2f}: {1 - made.float().mean():.3f} refused, bad among the others {bad[made].float().mean():.3f}")
    head.gap = fit_gaps(features, breaks, config["size"], seed)


def save(model, encoder, head, config, out):
    """Write the model with `head`."""
    model.heads["extract"].cut, model.mujaz["heads"]["extract"]["cut"] = head.cpu(), config
    model.cpu().save(out, encoder.tokenizer)
    print(f"wrote {out}")


def rouge(summary, reference):
    bag = lambda body: collections.Counter(body[a:b].lower() for a, b in text.words(body) if any(c.isalnum() for c in body[a:b]))
    return text.rouge1(bag(summary), bag(reference))[2]


def report(name, head, scored, limit):
    """One line a value of "most": ROUGE-1 F of the head and of as many first words, and the words."""
    for most in MOSTS if hasattr(head, "gap") else (1.0,):
        own, lead, count = [], [], []
        for opening, logits, states in scored:
            written = keep(head, opening, logits, states, limit, most)
            if written:
                summary = opening.summary_of(written)
                count.append(len(summary.split()))
                own.append(rouge(summary, opening.summary))
                lead.append(rouge(" ".join(opening.body.split()[: count[-1]]), opening.summary))
        gain = [100 * (a - b) for a, b in zip(own, lead)]
        error = statistics.stdev(gain) / len(gain) ** 0.5 if len(gain) > 1 else 0.0
        print(
            f"{name} ({len(gain)} of {len(scored)}), most {most:.2f}: ROUGE-1 F {statistics.mean(own):.4f}, first words {statistics.mean(lead):.4f}, "
            f"points more {statistics.mean(gain):+.2f} ± {error:.2f}, {statistics.mean(count):.1f} words",
            flush=True,
        )


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, required=True, help="model folder of finetune.py")
    parser.add_argument("--data", type=Path, required=True, help="folder of cuts.train.jsonl, gaps.train.jsonl and extract.dev.jsonl")
    parser.add_argument("--out", type=Path, required=True, help="model folder to write; may be --model")
    parser.add_argument("--hold", type=int, default=0, metavar="N", help="score one in N training articles by a head that has not seen it, first")
    parser.add_argument("--held", type=Path, metavar="DIR", help="with --hold: write the model of that head, and articles.jsonl of what it has not seen")
    parser.add_argument("--epochs", type=int, default=14)
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--lr", type=float, default=1e-3)
    parser.add_argument("--dropout", type=float, default=0.3)
    parser.add_argument("--limit", type=int, default=50, help="most words of a summary in the scores printed")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--revision", help="of the model written; that of --model if not given")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    args = parser.parse_args()
    if args.held and (not args.hold or args.held.resolve() == args.out.resolve()):
        parser.error("--held wants --hold, and another folder than --out")
    model = load(args.model).to(args.device)
    encoder = batches.Encoder.of(model, args.model)
    config, eps, args.hidden = dict(CUT), model.encoder.config.layer_norm_eps, model.encoder.config.hidden_size
    model.mujaz["heads"]["extract"]["cut"] = config
    found = lambda name: read_jsonl(args.data / name) if (args.data / name).exists() else []
    openings = lambda name: [o for o in (Opening(encoder, r) for r in found(name)) if o.rows]
    train = read(model, encoder, [o for o in openings("cuts.train.jsonl") if any(o.keep)], args)
    dev = read(model, encoder, openings("extract.dev.jsonl"), args)
    print(f"{len(train)} articles with parts to keep, {len(dev)} of dev")
    random.Random(args.seed).shuffle(train)
    judged = read(model, encoder, [o for o in openings("gaps.train.jsonl") if any(o.judged())], args)
    gap = {"gap": dict(GAP)} if judged else {}
    if args.hold:
        held = [o for o in train if o.summary][:: args.hold]
        head = fit([o for o in train if o not in held], config, eps, args, args.seed)
        report("not seen", head, list(answers(head, held)), args.limit)
        if args.held:
            if judged:
                add_gaps(head, judged, gap["gap"], args.seed)
            save(model, encoder, head, config | gap, args.held)
            lines = [json.dumps(o.article | {"summary": {"text": o.summary}}, ensure_ascii=False) for o in held]
            (args.held / "articles.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
    head = fit(train, config, eps, args, args.seed)
    if judged:
        add_gaps(head, judged, gap["gap"], args.seed)
    for name, own in (("annotated", True), ("standfirsts", False)):
        if group := [o for o in dev if o.source.startswith("annotated") == own]:
            report(f"dev, {name}", head, list(answers(head, group)), args.limit)
    model.mujaz["revision"] = args.revision or model.mujaz["revision"]
    save(model, encoder, head, config | gap, args.out)


if __name__ == "__main__":
    main()
