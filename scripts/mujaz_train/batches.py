"""From records to padded batches, the same input rows that `src/pipeline` and `src/tasks/stance.rs` make."""

import json
import random
from pathlib import Path

import torch
from tokenizers import Tokenizer, normalizers
from transformers import AutoTokenizer

from . import text as rules
from .tokenizer import normalizer

# Words of an article that are read with a claim, and with an entity that it does not name.
PASSAGE_WORDS = {"claim": 100, "entity": 90}
LENGTHS = [32, 64, 96, 128, 192, 256, 384, 512]


def plain_tokenizer(folder):
    """The tokenizer of a model folder, which neither pads nor cuts; built from its vocab.txt where there is no tokenizer.json."""
    if (Path(folder) / "tokenizer.json").exists():
        tokenizer = Tokenizer.from_file(str(Path(folder) / "tokenizer.json"))
    else:
        try:
            tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True).backend_tokenizer
        except (OSError, ValueError, AttributeError) as e:
            raise SystemExit(f"{folder}: no tokenizer.json, and no other files that make a fast tokenizer: {e}") from e
    tokenizer.encode_special_tokens = True  # "<mask>" in an article is text
    tokenizer.no_padding()
    tokenizer.no_truncation()
    return tokenizer


def is_ours(tokenizer):
    """Whether a tokenizer normalises by the rules of mujaz alone."""
    probe = Tokenizer.from_str(tokenizer.to_str())
    probe.normalizer = normalizer()
    own = lambda t: json.loads(t.to_str())["normalizer"]
    return own(probe) == own(tokenizer)


class Encoder:
    """Tokenises records. `specials` is the `specials` object of the mujaz configuration."""

    def __init__(self, tokenizer, specials, window, stance_window):
        # As the program does: the rules of mujaz first, then those of the tokenizer, one sentence after the other.
        self.foreign = not is_ours(tokenizer)
        if self.foreign:
            tokenizer = Tokenizer.from_str(tokenizer.to_str())
            tokenizer.encode_special_tokens = True  # which the string does not say
            tokenizer.normalizer = normalizers.Sequence([n for n in (normalizer(), tokenizer.normalizer) if n])
        self.tokenizer = tokenizer
        self.cls, self.sep = (tokenizer.token_to_id(specials[k]) for k in ("cls", "sep"))
        self.kinds = {k: tokenizer.token_to_id(specials[k]) for k in ("entity", "claim")}
        self.mask = tokenizer.token_to_id("<mask>") or tokenizer.token_to_id("[MASK]")
        self.window, self.stance_window = window, stance_window
        self.normalizer = normalizer()

    @classmethod
    def of(cls, model, folder):
        """As a loaded model of `folder` was trained, with the `pad` that it expects."""
        out = cls(plain_tokenizer(folder), model.mujaz["specials"], model.mujaz["window"], model.mujaz["stance_window"])
        out.pad = model.encoder.config.pad_token_id or 0
        return out

    def part(self, body):
        """(ids, spans of words, word of each piece) of a title or a text."""
        spans = rules.words(body)
        word, ids, owners = 0, [], []
        for begin, end in rules.sentences(body) if self.foreign else [(0, len(body))]:
            encoding = self.tokenizer.encode(body[begin:end], add_special_tokens=False)
            ids += encoding.ids
            for start, _ in encoding.offsets:
                while word + 1 < len(spans) and begin + start >= spans[word][1]:
                    word += 1
                owners.append(word)
        return ids, spans, owners

    def article(self, record, sentences=None):
        """`[CLS] title [SEP] text [SEP]` cut to the window.

        Returns ids, content (1 for pieces of words), first pieces as (row, field, start, end) and, where
        `sentences` are given as (start, end) in the text, the sentence of each piece (-1 for none).
        """
        ids, content, firsts, groups = [self.cls], [0], [], [-1]
        for field in ("title", "text"):
            body = record.get(field) or ""
            pieces, spans, owners = self.part(body)
            last, sentence = -1, 0
            for piece, owner in zip(pieces, owners):
                if len(ids) >= self.window - 1:
                    break
                if owner != last:
                    firsts.append((len(ids), field, *spans[owner]))
                last = owner
                group = -1
                if sentences is not None and field == "text":
                    while sentence + 1 < len(sentences) and spans[owner][0] >= sentences[sentence][1]:
                        sentence += 1
                    group = sentence
                ids.append(piece)
                content.append(1)
                groups.append(group)
            if (field == "title" and pieces) or field == "text":
                ids.append(self.sep)
                content.append(0)
                groups.append(-1)
        return ids, content, firsts, groups

    def mentions(self, record, firsts, target):
        """Rows of the first pieces of the words that name `target`; `firsts` as `article` returns them."""
        normal = self.normalizer.normalize_str
        words = [normal((record.get(field) or "")[start:end]) for _, field, start, end in firsts]
        question = normal(target)
        return [firsts[i][0] for i in rules.mentions(words, [question[a:b] for a, b in rules.words(question)])]

    def normal(self, body):
        """The normalised words of a string."""
        return [self.normalizer.normalize_str(body[a:b]) for a, b in rules.words(body)]

    def pair(self, record, target, kind):
        """`[CLS] kind target [SEP] title [SEP] sentences [SEP]`: ids, types and where the article's part begins.

        The sentences are those of the text that speak of the target. Types are 0 and, for the article's part, 1; 2 and 3
        for the words that the two have in common."""
        body, title = record["text"], record.get("title") or ""
        asked, sentences = self.normal(target), [body[a:b] for a, b in rules.sentences(body)]
        split = [self.normal(sentence) for sentence in sentences]
        chosen = rules.passages(split, asked, PASSAGE_WORDS[kind], kind == "entity")
        shared = rules.roots(asked) & rules.roots([*self.normal(title), *(word for i in chosen for word in split[i])])
        row = [(self.cls, 0), (self.kinds[kind], 0), *self.marked(target, shared, 0)[: self.stance_window // 2], (self.sep, 0)]
        first = len(row)
        head, rest = self.marked(title, shared, 1), [piece for i in chosen for piece in self.marked(sentences[i], shared, 1)]
        apart = [(self.sep, 1)] if head and chosen else []
        # A title leaves room for the sentences, but for a quarter of what there is.
        room = max(0, self.stance_window - 1 - first - len(apart))
        if len(head) + len(rest) > room:
            head = head[: max(room - len(rest), room // 4)]
        row += [*head, *apart, *rest]
        row = [*row[: self.stance_window - 1], (self.sep, 1)]
        return [piece for piece, _ in row], [kind for _, kind in row], first

    def marked(self, body, shared, kind):
        """Pieces with their types: `kind`, and two more for pieces of words whose root is in `shared`."""
        pieces, spans, owners = self.part(body)
        types = [kind + 2 if rules.root(self.normalizer.normalize_str(body[a:b])) in shared else kind for a, b in spans]
        return [(piece, types[owner]) for piece, owner in zip(pieces, owners)]


def pad(rows, fill, length):
    return torch.tensor([row + [fill] * (length - len(row)) for row in rows])


def padded(length):
    return next((n for n in LENGTHS if n >= length), length)


def bio(firsts, entities, labels):
    """A label index for each word: B on the first word of an entity, I on the others."""
    out = []
    spans = {(e.get("field", "text"), e["start"], e["end"]): e["type"] for e in entities}
    for _, field, start, end in firsts:
        hit = next(((s, t) for (f, s, e), t in spans.items() if f == field and s < end and start < e), None)
        out.append(labels.index(f"{'B' if start <= hit[0] else 'I'}-{hit[1]}") if hit else 0)
    return out


def collate(rows, pad_id):
    """ids, types, mask from (ids, types) rows."""
    length = padded(max(len(ids) for ids, _ in rows))
    ids = pad([i for i, _ in rows], pad_id, length)
    types = pad([t for _, t in rows], 0, length)
    mask = pad([[1] * len(i) for i, _ in rows], 0, length)
    return ids, types, mask


def blank(ids, share, mask_id, rng: random.Random, first=1):
    """Replace a share of the pieces by <mask>: the only regulariser that a CPU affords inside the encoder."""
    return [mask_id if i >= first and mask_id is not None and rng.random() < share else piece for i, piece in enumerate(ids)]
