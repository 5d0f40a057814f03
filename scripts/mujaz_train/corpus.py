"""Plain text of the raw sets, one (id, title, text) at a time."""

import json
import lzma
from pathlib import Path

# name -> (path below the data folder, share of pretraining tokens). News above encyclopaedia above books and law.
CORPORA = {
    "ant_multisource": ("news/ant_multisource.jsonl.xz", 0.26),
    "saudinewsnet": ("news/saudinewsnet.jsonl.xz", 0.20),
    "sanad_khaleej": ("topics/sanad_khaleej.jsonl.xz", 0.18),
    "hespress": ("topics/hespress.jsonl.xz", 0.08),
    "ant_jawhara": ("news/ant_jawhara.jsonl.xz", 0.04),
    "afnd_ahdath": ("news/afnd_ahdath.jsonl.xz", 0.02),
    "news_aljazeera_hespress": ("text/news_aljazeera_hespress.jsonl.xz", 0.06),
    "arab_newspapers": ("text/arab_newspapers.jsonl.xz", 0.05),
    "arwiki": ("text/arwiki_comparable.jsonl.xz", 0.07),
    "contemporary": ("text/contemporary_arabic_cca.jsonl.xz", 0.02),
    "hindawi": ("text/hindawi_nonfiction_pre1975.jsonl.xz", 0.01),
    "saudi_law": ("text/saudi_law.jsonl.xz", 0.01),
}


def read_jsonl(path):
    """Objects of a .jsonl or .jsonl.xz file."""
    opener = lzma.open if str(path).endswith(".xz") else open
    with opener(path, "rt", encoding="utf-8") as lines:
        for line in lines:
            if line.strip():
                yield json.loads(line)


def articles(data, name):
    """(id, title, text) of one corpus under the data folder."""
    for record in read_jsonl(Path(data) / CORPORA[name][0]):
        yield record["id"], record.get("title") or "", record["text"]


def weight_of(pairs):
    """What a source weighs by "NAME=WEIGHT,…": the weight of the first name that it has in it, else 1."""
    named = [(name, float(weight)) for name, weight in (pair.split("=") for pair in pairs.split(",") if pair)]
    return lambda source: next((weight for name, weight in named if name in source), 1.0)
