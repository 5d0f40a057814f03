"""Which words of a claim an article belies: those that tell it from a claim of the same article that is true."""

import difflib
import re

from .text import words

ALIKE = 0.6  # ratio of words in common from which two claims are twins
MOST = 0.5  # share of a claim's words that may differ


def wrong_words(claim, supported):
    """Spans of the words of `claim` that its nearest twin among the `supported` ones lacks, or None without a twin.

    >>> wrong_words("أدان الوزير الهجوم", ["نفى الوزير الهجوم"])
    [(0, 4)]
    >>> wrong_words("أدان الوزير الهجوم", ["وصل القطار متأخرا"])
    """
    spans = words(claim)
    own = [claim[a:b] for a, b in spans]
    matches = [difflib.SequenceMatcher(None, [other[a:b] for a, b in words(other)], own, autojunk=False) for other in supported]
    best = max(matches, key=lambda m: m.ratio(), default=None)
    if best is None or best.ratio() < ALIKE:
        return None
    changed = [spans[i] for step, _, _, begin, end in best.get_opcodes() if step != "equal" for i in range(begin, end)]
    return changed if changed and len(changed) <= MOST * len(own) else None


def mark_twins(pairs):
    """Add `wrong` to the stance of records with one claim each, where it is known: nothing in supported claims, what
    differs in those that are contradicted and have a supported twin about the same text."""
    supported = {}
    for record in pairs:
        stance = record["stance"][0]
        if stance["kind"] == "claim" and stance["label"] == "favor":
            supported.setdefault(record["text"], []).append(stance["target"])
    for record in pairs:
        stance = record["stance"][0]
        if stance["kind"] == "claim" and "against" in stance["label"].split("|"):
            wrong = wrong_words(stance["target"], supported.get(record["text"], []))
            stance |= {"wrong": wrong} if wrong else {}
        elif stance["kind"] == "claim" and stance["label"] == "favor":
            stance["wrong"] = []
    return pairs
