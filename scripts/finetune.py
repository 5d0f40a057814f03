#!/usr/bin/env python3
"""Train one encoder with four heads: topics, entities, stance, sentence extraction (and words, where records of extract
have a written "summary").

Reads TASK.train.jsonl and TASK.dev.jsonl for each task found in --data (the formats of prepare_data.py: the
record shape of the program, plus partial labels). The task "mentions" is stance toward entities that the article
names, read off their mentions; without files of its own it takes those records of stance. Tasks take turns by --shares,
batches hold about --tokens pieces. Writes a model folder that `mujaz --model` loads. Checkpoints and resumes.

    python scripts/finetune.py --base work/pretrained --data work/data --out work/model --minutes 30

Your own data and labels: put your JSONL files in a folder, name your topics with --topics, and start from any
BERT, RoBERTa or XLM-R folder, or from models/mujaz-base (whose heads are kept where the labels are the same):

    python scripts/finetune.py --base models/mujaz-base --data my-data --topics my-topics.json --out my-model

What fit_stance.py and fit_summaries.py add to a model belongs to its encoder: it is left out here, and trained again there.
"""

import argparse
import json
import random
import sys
import time
from pathlib import Path

import torch
from tokenizers import AddedToken
from torch import nn
from transformers import AutoConfig

sys.path.insert(0, str(Path(__file__).parent))
from mujaz_train import batches
from mujaz_train import text as rules
from mujaz_train.corpus import read_jsonl
from mujaz_train.model import STANCES, Mujaz, load_encoder, tensors, with_shared_types
from mujaz_train.topics import Marks

TASKS = ["entities", "stance", "mentions", "topics", "extract"]
HEADS = {"mentions": "stance"}  # heads that are not named like their task
LOADED = 1.5  # weight of favor and against toward an entity beside plain reporting, which is far more common


# ------------------------------------------------------------------ set-up


def read_data(folder, split):
    paths = {task: folder / f"{task}.{split}.jsonl" for task in TASKS}
    data = {task: list(read_jsonl(path)) for task, path in paths.items() if path.exists()}
    if "stance" in data and "mentions" not in data:
        data["mentions"] = [{**r, "stance": own} for r in data["stance"] if (own := [s for s in r.get("stance", []) if s.get("kind") == "entity"])]
    return data


def mentioned(records, encoder):
    """Records with the entities that their first window names, and where: `places` of each stance."""
    out = []
    for record in records:
        firsts = encoder.article(record)[2]
        found = [(s, encoder.mentions(record, firsts, s["target"])) for s in record["stance"] if s.get("kind") == "entity"]
        kept = [s | {"places": places} for s, places in found if places]
        out += [{**record, "stance": kept}] if kept else []
    return out


def check_data(data):
    """Say what is wrong with labels before hours go by."""
    for task, records in data.items():
        for i, record in enumerate(records):
            record.setdefault("source", "")
            name = f"{task}, record {i + 1} ({record.get('id', 'no id')})"
            if "text" not in record:
                raise SystemExit(f"{name}: no text")
            for stance in record.get("stance", []) if task in ("stance", "mentions") else []:
                unknown = set(stance["label"].split("|")) - set(STANCES)
                if unknown or stance["kind"] not in ("claim", "entity"):
                    raise SystemExit(f"{name}: stance needs a label of {', '.join(STANCES)} and a kind, claim or entity, not {stance}")
            if task == "extract" and not ("sents" in record and "extract" in record):
                raise SystemExit(f"{name}: extract needs sents, a list of sentences, and extract, numbers of them")
            wanted = HEADS.get(task, task)
            if wanted in ("entities", "stance") and wanted not in record:
                raise SystemExit(f"{name}: no {wanted}")


def build_config(args, data, tokenizer):
    """The `mujaz` object of config.json, labels from the data."""
    specials = {
        "cls": "<s>" if tokenizer.token_to_id("<s>") is not None else "[CLS]",
        "sep": "</s>" if tokenizer.token_to_id("</s>") is not None else "[SEP]",
        "entity": "<entity>", "claim": "<claim>",
    }  # fmt: skip
    taken = set(tokenizer.get_vocab().values())
    for marker in (specials["entity"], specials["claim"]):
        if tokenizer.token_to_id(marker) is None:
            tokenizer.add_special_tokens([AddedToken(marker, special=True)])
            if tokenizer.token_to_id(marker) in taken:  # ids go on from the count, which gaps make smaller than the highest
                raise SystemExit(f"{args.base}: the vocabulary has gaps in its ids, {marker} would share one; number its pieces without gaps")
    heads = {}
    if "topics" in data:
        topics = json.loads(args.topics.read_text(encoding="utf-8"))
        heads["topics"] = {"labels": [t | {"threshold": 0.5} for t in topics], "temperature": 1.0}
        if has_pieces(args.base):
            heads["topics"]["pieces"] = True
    if "entities" in data:
        types = sorted({e["type"] for r in data["entities"] for e in r["entities"]})
        heads["entities"] = {"labels": ["O", *(f"{p}-{t}" for t in types for p in "BI")], "temperature": 1.0}
    if "stance" in data:
        heads["stance"] = {"labels": STANCES, "claim_temperature": 1.0, "entity_temperature": 1.0}
        if "mentions" in data:
            heads["stance"]["mention"] = {"size": 192, "temperature": 1.0}
    if "extract" in data:
        heads["extract"] = {"size": 256, "layers": 1, "heads": 4, "feed_forward": 512, "positions": 48, "lead": 4.0}
        if any("summary" in r for r in data["extract"]):
            heads["extract"]["word"] = {"size": 128, "weight": 4.0, "further": 0.3}
    return {
        "name": args.name, "revision": args.revision, "normalizer": "mujaz-1" if batches.is_ours(tokenizer) else None,
        "window": args.window, "overlap": args.overlap, "stance_window": args.stance_window,
        "specials": specials, "heads": heads,
    }  # fmt: skip


def base_config(base):
    """What the config.json of a base says of mujaz."""
    return json.loads((base / "config.json").read_text(encoding="utf-8")).get("mujaz", {})


def check_base(args):
    """Refuse before the training what the program refuses after it (src/model/config.rs)."""
    if not (args.base / "config.json").exists():
        raise SystemExit(f"{args.base} is no folder of a model: it has no config.json")
    config = AutoConfig.from_pretrained(args.base)
    refuse = lambda reason: SystemExit(f"{args.base}: {reason}")
    if config.model_type not in ("bert", "roberta", "xlm-roberta", "camembert"):
        raise refuse(f"model_type {config.model_type!r} is not supported; use bert, roberta, xlm-roberta or camembert")
    if config.hidden_act not in ("gelu", "gelu_python"):
        raise refuse(f"hidden_act {config.hidden_act!r} is not supported; use an encoder with gelu")
    if getattr(config, "position_embedding_type", None) not in (None, "absolute"):
        raise refuse("only absolute position embeddings are supported")
    longest = config.max_position_embeddings - (0 if config.model_type == "bert" else config.pad_token_id + 1)
    window = max(args.window, args.stance_window)
    if window > longest or min(args.window, args.stance_window) < 16:
        raise refuse(f"--window {args.window} and --stance-window {args.stance_window} must be between 16 and {longest}, its positions")


def labels_of(config, head):
    """The labels of a head in their order."""
    labels = (config.get("heads", {}).get(head) or {}).get("labels", [])
    return [label["label"] if isinstance(label, dict) else label for label in labels]


def has_pieces(base):
    """Whether the base has topics of pieces, which fit_topics.py brings."""
    return bool((base_config(base).get("heads", {}).get("topics") or {}).get("pieces"))


def build_model(args, config, tokenizer):
    encoder = load_encoder(args.base)
    size = 1 + max(tokenizer.get_vocab().values())
    if size > encoder.config.vocab_size:
        encoder.resize_token_embeddings(size)
    if "stance" in config["heads"]:
        with_shared_types(encoder)
    model = Mujaz(encoder, config)
    weights = args.base / "model.safetensors"
    old = {k.removeprefix("heads."): v.float() for k, v in tensors(args.base).items() if k.startswith("heads.")} if weights.exists() else {}
    own = model.heads.state_dict()
    base = base_config(args.base) if old else config
    other = tuple(f"{head}." for head in ("topics", "entities", "stance") if labels_of(config, head) != labels_of(base, head))
    kept = {k: v for k, v in old.items() if k in own and own[k].shape == v.shape and not k.startswith(other)}
    model.heads.load_state_dict({**own, **kept})
    return model


# ------------------------------------------------------------------ losses


def topics_loss(model, encoder, records, device, rng, train):
    rows, contents, pieces = [], [], []
    for record in records:
        ids, content, _, _ = encoder.article({**record, "text": record["text"][:2600]})
        pieces.append(torch.tensor(sorted({piece for piece, own in zip(ids, content) if own}), dtype=torch.long, device=device))
        rows.append((batches.blank(ids, 0.08, encoder.mask, rng) if train else ids, [0] * len(ids)))
        contents.append(content)
    ids, types, mask = (t.to(device) for t in batches.collate(rows, encoder.pad))
    content = batches.pad(contents, 0, ids.shape[1]).to(device)
    logits = model.topics(model.hidden(ids, types, mask), content, pieces)
    names = [t["label"] for t in model.mujaz["heads"]["topics"]["labels"]]
    return Marks(records, names, device).loss(logits).mean(), logits


def entities_loss(model, encoder, records, device, rng, train):
    labels = model.mujaz["heads"]["entities"]["labels"]
    rows, firsts, truth, weight = [], [], [], []
    for record in records:
        ids, _, words, _ = encoder.article(record)
        rows.append((batches.blank(ids, 0.1, encoder.mask, rng) if train else ids, [0] * len(ids)))
        firsts.append([w[0] for w in words])
        truth += batches.bio(words, record["entities"], labels)
        weight += [record.get("weight", 1.0)] * len(words)
    ids, types, mask = (t.to(device) for t in batches.collate(rows, encoder.pad))
    flat = torch.tensor([i * ids.shape[1] + r for i, first in enumerate(firsts) for r in first], device=device)
    logits = model.entities(model.hidden(ids, types, mask), flat)
    truth, weight = torch.tensor(truth, device=device), torch.tensor(weight, device=device)
    loss = nn.functional.cross_entropy(logits, truth, reduction="none", label_smoothing=0.03 if train else 0.0)
    return (loss * weight).sum() / weight.sum(), logits


def stance_states(model, encoder, records, device, rng, train):
    """(loss, logits, hidden states) of records that are read with a target each, or one of their targets in training."""
    rows, texts, kinds, allowed, weight = [], [], [], [], []
    for record in records:
        for stance in [rng.choice(record["stance"])] if train else record["stance"]:
            ids, kinds_of_pieces, first = encoder.pair(record, stance["target"], stance["kind"])
            kept = batches.blank(ids, 0.05, encoder.mask, rng, first=2) if train else ids
            rows.append((kept, kinds_of_pieces))
            texts.append([int(first <= i < len(ids) - 1) for i in range(len(ids))])
            kinds.append(stance["kind"] == "claim")
            allowed.append([s in stance["label"].split("|") for s in STANCES])
            weight.append(record.get("weight", 1.0))
    ids, types, mask = (t.to(device) for t in batches.collate(rows, encoder.pad))
    text = batches.pad(texts, 0, ids.shape[1]).to(device)
    hidden = model.hidden(ids, types, mask, target=True)
    claim, entity = model.stance(hidden, text)
    logits = torch.where(torch.tensor(kinds, device=device)[:, None], claim, entity)
    allowed, weight = torch.tensor(allowed, device=device), torch.tensor(weight, device=device)
    log = logits.log_softmax(-1)
    loss = -log.masked_fill(~allowed, -1e9).logsumexp(-1)
    return (loss * weight).sum() / weight.sum(), logits, hidden


def stance_loss(model, encoder, records, device, rng, train):
    return stance_states(model, encoder, records, device, rng, train)[:2]


def mentions_loss(model, encoder, records, device, rng, train):
    rows, contents, targets, allowed, weight = [], [], [], [], []
    for i, record in enumerate(records):
        ids, content, _, _ = encoder.article(record)
        rows.append((batches.blank(ids, 0.05, encoder.mask, rng) if train else ids, [0] * len(ids)))
        contents.append(content)
        for stance in record["stance"]:
            targets.append((i, stance["places"]))
            allowed.append([s in stance["label"].split("|") for s in STANCES])
            weight.append(record.get("weight", 1.0) * (LOADED if stance["label"] in ("favor", "against") else 1.0))
    ids, types, mask = (t.to(device) for t in batches.collate(rows, encoder.pad))
    content = batches.pad(contents, 0, ids.shape[1]).to(device)
    logits = model.mentions(model.hidden(ids, types, mask), content, targets)
    allowed, weight = torch.tensor(allowed, device=device), torch.tensor(weight, device=device)
    loss = -logits.log_softmax(-1).masked_fill(~allowed, -1e9).logsumexp(-1)
    return (loss * weight).sum() / weight.sum(), logits


def extract_loss(model, encoder, records, device, rng, train):
    rows, groups, firsts, held = [], [], [], []
    for i, record in enumerate(records):
        spans, at, body = [], 0, "\n".join(record["sents"])
        for sentence in record["sents"]:
            spans.append((at, at + len(sentence)))
            at += len(sentence) + 1
        ids, _, words, group = encoder.article({"title": record.get("title"), "text": body}, spans)
        rows.append((batches.blank(ids, 0.05, encoder.mask, rng) if train else ids, [0] * len(ids)))
        groups.append(group)
        if "summary" in record:
            said = set(rules.tokens(record["summary"]))
            for row, field, a, b in words:
                if field == "text" and (found := rules.tokens(body[a:b])):
                    firsts.append((i, row))
                    held.append(said.issuperset(found))
    ids, types, mask = (t.to(device) for t in batches.collate(rows, encoder.pad))
    group = batches.pad(groups, -1, ids.shape[1]).to(device)
    hidden = model.hidden(ids, types, mask)
    logits, present = model.extract(hidden, group)
    log = logits.masked_fill(~present, -1e9).log_softmax(-1)
    losses = []
    for i, record in enumerate(records):
        chosen = [s for s in record["extract"] if s < present.shape[1] and present[i, s]]
        if chosen:
            losses.append(-log[i, chosen].mean() * record.get("weight", 1.0))
    loss = torch.stack(losses).mean() if losses else logits.sum() * 0.0
    if firsts and "word" in model.mujaz["heads"]["extract"]:
        flat = torch.tensor([i * ids.shape[1] + row for i, row in firsts], device=device)
        loss = loss + nn.functional.binary_cross_entropy_with_logits(model.words(hidden, flat), torch.tensor(held, device=device).float())
    return loss, logits.masked_fill(~present, -1e9)


LOSSES = {"topics": topics_loss, "entities": entities_loss, "stance": stance_loss, "mentions": mentions_loss, "extract": extract_loss}


# ------------------------------------------------------------------ batches


def size_of(task, record, window, stance_window):
    """About how many pieces a record takes."""
    title, body = len(record.get("title") or ""), len(record["text"])
    if task == "stance":  # a target and at most its passages
        passages = min(body, 6 * batches.PASSAGE_WORDS[record["stance"][0]["kind"]])
        return min(stance_window, passages // 4 + title // 4 + 32)
    return min(window, (body + title) // 4 + 16)


def endless(task, records, args, seed):
    """Batches of about --tokens pieces, records of like length together, for ever."""
    for epoch in range(10**9):
        rng = random.Random(f"{seed}/{task}/{epoch}")
        order = list(records)
        rng.shuffle(order)
        made = []
        for at in range(0, len(order), 400):
            pool = sorted(order[at : at + 400], key=lambda r: size_of(task, r, args.window, args.stance_window))
            batch, longest = [], 0
            for record in pool:
                longest = max(longest, batches.padded(size_of(task, record, args.window, args.stance_window)))
                if batch and longest * (len(batch) + 1) > args.tokens:
                    made.append(batch)
                    batch, longest = [], batches.padded(size_of(task, record, args.window, args.stance_window))
                batch.append(record)
            made += [batch] if batch else []
        rng.shuffle(made)
        yield from made


def dev_batches(task, records, args):
    ordered = sorted(records, key=lambda r: size_of(task, r, args.window, args.stance_window))
    return [ordered[i : i + 16] for i in range(0, len(ordered), 16)]


# ------------------------------------------------------------------ measures


def f1(tp, fp, fn):
    return 2 * tp / max(1, 2 * tp + fp + fn)


def spans_of(tags):
    out, start, kind = set(), None, None
    for i, tag in enumerate([*tags, "O"]):
        if start is not None and tag != f"I-{kind}":
            out.add((start, i, kind))
            start = None
        if tag.startswith("B-") or (tag.startswith("I-") and start is None):
            start, kind = i, tag[2:]
    return out


def evaluate(model, encoder, dev, args, autocast):
    """Dev scores by task; strict span F1, accuracy of the first topic, macro-F1 of stance, sentence hits."""
    scores, rng = {}, random.Random(0)
    model.eval()
    for task, records in dev.items():
        if HEADS.get(task, task) not in model.mujaz["heads"] or not records:
            continue
        tally = {}
        first = sorted(records, key=lambda r: not r["source"].startswith("annotated"))  # stable: the other sets follow as they are
        for batch in dev_batches(task, first[: args.dev_most], args):
            with torch.no_grad(), autocast():
                _, logits = LOSSES[task](model, encoder, batch, args.device, rng, False)
            COUNT[task](tally, model, encoder, batch, logits.float().cpu())
        scores |= FINISH[task](tally)
    model.train()
    return scores


def count_topics(tally, model, encoder, batch, logits):
    names = [t["label"] for t in model.mujaz["heads"]["topics"]["labels"]]
    for record, row in zip(batch, logits):
        truth = [record["topics"][0]["label"]] if record.get("topics") else record.get("topics_any")
        if truth:
            key = "annotated" if record["source"].startswith("annotated") else "sections"
            right, total = tally.get(key, (0, 0))
            tally[key] = (right + (names[int(row.argmax())] in truth), total + 1)


def count_entities(tally, model, encoder, batch, logits):
    labels, at = model.mujaz["heads"]["entities"]["labels"], 0
    for record in batch:
        words = encoder.article(record)[2]
        truth = spans_of([labels[i] for i in batches.bio(words, record["entities"], labels)])
        found = spans_of([labels[i] for i in logits[at : at + len(words)].argmax(-1)])
        at += len(words)
        key = "annotated" if record["source"].startswith("annotated") else "sets"
        old = tally.get(key, (0, 0, 0))
        tally[key] = (old[0] + len(truth & found), old[1] + len(found - truth), old[2] + len(truth - found))


def count_stance(tally, model, encoder, batch, logits, name=None):
    rows = iter(logits)
    for record in batch:
        for stance in record["stance"]:
            guess, truth = STANCES[int(next(rows).argmax())], stance["label"].split("|")[0]
            group = "annotated" if record["source"].startswith("annotated") else record["source"].split("-")[0]
            fold = lambda s: "neutral" if s == "unrelated" else s
            tally.setdefault((name or stance["kind"], group), []).append((fold(guess), fold(truth)))


def count_extract(tally, model, encoder, batch, logits):
    for record, row in zip(batch, logits):
        key = "annotated" if record["source"].startswith("annotated") else "sets"
        old = tally.get(key, (0, 0, 0))
        tally[key] = (old[0] + (int(row.argmax()) in record["extract"]), old[1] + (0 in record["extract"]), old[2] + 1)


def finish_stance(tally):
    scores = {}
    for (kind, group), pairs in tally.items():
        values = []
        for label in sorted({t for _, t in pairs}):
            tp = sum(g == t == label for g, t in pairs)
            values.append(f1(tp, sum(g == label != t for g, t in pairs), sum(t == label != g for g, t in pairs)))
        scores[f"stance {kind} {group} macro-F1"] = sum(values) / len(values)
    return scores


def count_mentions(tally, model, encoder, batch, logits):
    count_stance(tally, model, encoder, batch, logits, "mention")


COUNT = {"topics": count_topics, "entities": count_entities, "stance": count_stance, "mentions": count_mentions, "extract": count_extract}
FINISH = {
    "mentions": finish_stance,
    "topics": lambda t: {f"topics {k} accuracy": r / n for k, (r, n) in t.items()},
    "entities": lambda t: {f"entities {k} F1": f1(*v) for k, v in t.items()},
    "stance": finish_stance,
    "extract": lambda t: {f"extract {k} hits": h / n for k, (h, _, n) in t.items()} | {f"extract {k} first sentence": b / n for k, (_, b, n) in t.items()},
}


# ------------------------------------------------------------------ training


def check_gradients(model, encoder, train, args, autocast):
    """Every parameter must get a gradient from some task: a fused operation without a backward pass trains nothing."""
    model.zero_grad(set_to_none=True)
    rng = random.Random(0)
    for task, records in train.items():
        with autocast():
            loss, _ = LOSSES[task](model, encoder, records[:: max(1, len(records) // 8)][:8], args.device, rng, True)
        loss.backward()
    for kind in ("claim", "entity"):  # a sample of eight may miss a rare kind; data may have one kind alone
        own = [r | {"stance": [s]} for r in train.get("stance", []) for s in r["stance"] if s["kind"] == kind]
        if own:
            LOSSES["stance"](model, encoder, own[:4], args.device, rng, True)[0].backward()
        elif "stance" in model.heads:
            getattr(model.heads["stance"], kind).requires_grad_(False)
    # A softmax takes no notice of what is added to all scores alike: the gradients of these are 0 but for rounding.
    shifts = lambda name: name.endswith("key.bias") or name == "heads.extract.out.bias"
    bare = [n for n, p in model.named_parameters() if p.requires_grad and (p.grad is None or not (shifts(n) or p.grad.abs().sum() > 0))]
    model.zero_grad(set_to_none=True)
    if bare:
        raise SystemExit(f"no gradient reaches: {', '.join(bare)}")
    print(f"gradients reach all {sum(1 for _ in model.parameters())} parameter tensors", flush=True)


def optimizer_for(model, args):
    encoder = list(model.encoder.parameters())
    groups = [
        {"params": [p for p in encoder if p.ndim > 1], "weight_decay": 0.01, "top": args.lr},
        {"params": [p for p in encoder if p.ndim <= 1], "weight_decay": 0.0, "top": args.lr},
        {"params": list(model.heads.parameters()), "weight_decay": 0.01, "top": args.head_lr},
    ]
    return torch.optim.AdamW(groups, lr=args.lr, betas=(0.9, 0.98), fused=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--base", type=Path, required=True, help="encoder folder, or a mujaz model folder")
    parser.add_argument("--data", type=Path, required=True, help="folder of TASK.train.jsonl and TASK.dev.jsonl")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--topics", type=Path, default=Path(__file__).parent / "data/topics.json", help="topic labels")
    parser.add_argument("--tasks", default=",".join(TASKS), help="tasks to train")
    parser.add_argument("--shares", default="entities=0.4,stance=0.3,topics=0.15,extract=0.15")
    parser.add_argument("--minutes", type=float, default=30, help="training time of this and earlier runs together")
    parser.add_argument("--steps", type=int, default=1_000_000)
    parser.add_argument("--tokens", type=int, default=4096, help="pieces of a batch, padding counted")
    parser.add_argument("--lr", type=float, default=1.5e-4)
    parser.add_argument("--head-lr", type=float, default=6e-4)
    parser.add_argument("--window", type=int, default=384)
    parser.add_argument("--overlap", type=int, default=48)
    parser.add_argument("--stance-window", type=int, default=192)
    parser.add_argument("--name", default="mujaz-base")
    parser.add_argument("--revision", default="1")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--eval-every", type=float, default=8, help="minutes between dev scores and checkpoints")
    parser.add_argument("--dev-most", type=int, default=600, help="dev records of a task that are scored")
    parser.add_argument("--f32", action="store_true", help="no bf16 autocast, and f32 weights written")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    args = parser.parse_args()
    torch.manual_seed(args.seed)
    wanted = args.tasks.split(",")
    train = {t: r for t, r in read_data(args.data, "train").items() if t in wanted and r}
    dev = {t: r for t, r in read_data(args.data, "dev").items() if t in train}
    if not train:
        raise SystemExit(f"{args.data} holds no TASK.train.jsonl for {args.tasks}")
    check_data(train)
    check_data(dev)
    check_base(args)
    tokenizer = batches.plain_tokenizer(args.base)
    config = build_config(args, {t: r + dev.get(t, []) for t, r in train.items()}, tokenizer)
    encoder = batches.Encoder(tokenizer, config["specials"], args.window, args.stance_window)
    for data in (train, dev):
        if "mentions" in data:
            data["mentions"] = mentioned(data["mentions"], encoder)
    if not train.get("mentions", True):  # no text names its target: there is nothing to read it off
        train.pop("mentions"), dev.pop("mentions", None), config["heads"]["stance"].pop("mention")
    model = build_model(args, config, tokenizer).to(args.device).train()
    encoder.pad = model.encoder.config.pad_token_id or 0
    autocast = lambda: torch.autocast(args.device, dtype=torch.bfloat16, enabled=not args.f32)
    check_gradients(model, encoder, train, args, autocast)
    optimizer = optimizer_for(model, args)
    state = {"step": 0, "spent": 0.0}
    checkpoint = args.out / "checkpoint.pt"
    if checkpoint.exists():
        saved = torch.load(checkpoint, map_location=args.device)
        model.load_state_dict(saved["model"])
        optimizer.load_state_dict(saved["optimizer"])
        state = saved["state"]
        print(f"resumed at step {state['step']}", flush=True)
    shares = {k: float(v) for k, v in (s.split("=") for s in args.shares.split(","))}
    shares = {t: shares.get(t, 0.1) for t in train}
    streams = {t: endless(t, r, args, f"{args.seed}/{state['step']}") for t, r in train.items()}
    fit(model, encoder, optimizer, streams, shares, dev, state, tokenizer, args, autocast, checkpoint)
    model.save(args.out, tokenizer, torch.float32 if args.f32 else torch.float16)
    scores = evaluate(model, encoder, dev, args, autocast)
    print(json.dumps({k: round(v, 4) for k, v in scores.items()}, ensure_ascii=False, indent=1), flush=True)
    (args.out / "dev-scores.json").write_text(json.dumps(scores, indent=1) + "\n")
    print(f"wrote {args.out} after {state['step']} steps, {state['spent'] / 60:.1f} minutes")


def fit(model, encoder, optimizer, streams, shares, dev, state, tokenizer, args, autocast, checkpoint):
    began, tested = time.time() - state["spent"], time.time()
    losses, pieces, printed = {}, 0, time.time()
    while state["step"] < args.steps and time.time() - began < args.minutes * 60:
        step = state["step"]
        done = min(1.0, max(step / args.steps, (time.time() - began) / (args.minutes * 60)))
        rate = min(1.0, (step + 1) / 40) * (1 - done)
        for group in optimizer.param_groups:
            group["lr"] = group["top"] * max(rate, 0.01)
        rng = random.Random(f"{args.seed}/{step}")
        task = rng.choices(list(shares), weights=list(shares.values()))[0]
        batch = next(streams[task])
        with autocast():
            loss, _ = LOSSES[task](model, encoder, batch, args.device, rng, True)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        state["step"] += 1
        losses.setdefault(task, []).append(loss.item())
        pieces += sum(size_of(task, r, args.window, args.stance_window) for r in batch)
        if state["step"] % 25 == 0:
            means = " ".join(f"{t} {sum(v) / len(v):.3f}" for t, v in sorted(losses.items()))
            rate = pieces / (time.time() - printed)
            print(f"step {state['step']} {means} | ~{rate:,.0f} pieces/s {(time.time() - began) / 60:.1f} min", flush=True)
            losses, pieces, printed = {}, 0, time.time()
        if time.time() - tested > args.eval_every * 60:
            state["spent"] = time.time() - began
            args.out.mkdir(parents=True, exist_ok=True)
            torch.save({"model": model.state_dict(), "optimizer": optimizer.state_dict(), "state": state}, checkpoint.with_suffix(".tmp"))
            checkpoint.with_suffix(".tmp").replace(checkpoint)
            scores = evaluate(model, encoder, dev, args, autocast)
            print("  " + " | ".join(f"{k} {v:.3f}" for k, v in scores.items()), flush=True)
            tested = time.time()
    state["spent"] = time.time() - began


if __name__ == "__main__":
    main()
