"""Words and sentences as the Rust program sees them (src/text/words.rs, src/text/sentences.rs), and where an article
speaks of a target (src/tasks/mentions.rs, src/tasks/passages.rs)."""

import collections
import itertools
import math

import regex

# Combining marks stay in their word: `\\w` of `re` would break a vocalised word at each haraka.
WORD = regex.compile(r"[\p{P}\p{S}]|[^\s\p{P}\p{S}]{1,64}")
LABEL_ENDS = regex.compile(r"(?<=[؟?!…])[»”\"')\]]*\s*|(?<=\S{2}\.)[»”\"')\]]*(?:\s+|(?=[\u0621-\u064a]))|\s*\n\s*")
MARK = regex.compile(r"[\p{P}\p{S}]")
# As in src/text/sentences.rs: words before a stop that end nothing, what a stop in an address stands before, names of Latin
# letters, words before which dots are a pause, what ends a line, and words after which a sentence is cut at a comma, before
# the next و, and anywhere.
ABBREVIATIONS = {"ود", "لد", "وأ", "وم", "دكتور", "مج", "Mr", "Dr", "St", "No"}
DOMAINS = {"نت", "كوم", "أورغ", "اورغ", "تي"}
LETTERS = set("إي بي سي دي إف اف جي كي إل إم ام إن ان آر إس اس تي".split())
TITLED = set("فيلم الفيلم كتاب برنامج برنامجه حملة رواية مسرحية مسلسل بعنوان عنوان أغنية وسم شعار مبادرة مقال قصيدة".split())
CONTINUES = set("في من على إلى عن مع ضمن خلال بعد قبل الذي التي الذين منذ حول بين ضد عبر لدى أمام".split())
QUOTED = 30
PAUSE = 6
DOTS = {".", "…"}  # normalised text has the first alone
LINE_ENDS = set("\n\x0b\x0c\r\x85\u2028\u2029")
LONG, LONGER, LONGEST = 90, 105, 120
# What may stand before a name in one written word: و or ف, then ب ل ك and the article, or لل.
PROCLITICS = regex.compile(r"[وف]?(?:[بلك]?(?:ال)?|لل)")
FUNCTION_WORDS = set("على إلى هذا هذه ذلك تلك الذي التي الذين كان كانت بعد قبل بين خلال حيث عند منذ حتى ليس لكن غير كما أنه".split())

# Words that want another behind them: no part of a shortened sentence ends with one. As in src/tasks/cut.rs.
HOLDING = set(
    "في من على إلى الى عن مع بين بعد قبل خلال منذ حتى عند لدى نحو ضد أمام وراء تحت فوق دون بدون حول عبر وسط ضمن عقب إثر اثر "
    "أثناء رغم بسبب بحسب حسب وفق وفقا نتيجة أن إن ان أنه إنه أنها إنها بأن لأن لأنه لأنها كأن لكن لكنه لكنها التي الذي الذين "
    "اللذين اللتين ما لا لم لن لو إذا إذ حيث حين حينما عندما بعدما قبلما فيما بينما كما مما عما أو أم ثم بل و قد سوف كان كانت "
    "يكون تكون ليس ليست غير سوى إلا كل بعض أي هذا هذه ذلك تلك هؤلاء هو هي هم نحن وهو وهي وهم أحد إحدى أكثر أقل كي لكي عدم عدة "
    "بضع نفس قال قالت".split()
)

# Words that say what the ones before them announce: no part ends before one, nor within CLAUSE words behind it, where what
# it announces is not yet said. As in src/tasks/cut.rs.
CLAUSE = 7
THAT = set("أن إن ان بأن أنه إنه أنها إنها أنهم إنهم بأنه بأنها".split())
# Marks behind which a shortened text may begin inside a sentence.
OPENING = set(":-–—−)")
# Marks that open something, with what closes each, and marks that say nothing at the end of a part.
PAIRS = {"(": ")", "[": "]", "{": "}", "«": "»", "“": "”", "”": "”", '"': '"'}
LOOSE = set("،,؛;:-–—−/…")


def words(text):
    """(start, end) of each word: runs without white space, punctuation marks and symbols alone."""
    return [m.span() for m in WORD.finditer(text)]


def holds(word):
    """Whether a part may not end with a normalised word."""
    held = lambda word: word in HOLDING or (word[:2] == "ال" and word[2:].isdigit())  # «الـ12 من»
    return held(word) or (word[:1] in ("و", "ف") and held(word[1:]))


def tidy(words):
    """Ranges of a part's words, given with whether they are marks, that are left without brackets and quotes that nothing closes
    or opens, and without loose marks at the ends. As in src/tasks/tidy.rs."""
    opened, single = [], set()
    for at, (word, mark) in enumerate(words):
        if not mark:
            continue
        place = next((i for i in reversed(range(len(opened))) if PAIRS[words[opened[i]][0]] == word), None)
        if place is not None:
            single.update(opened[place + 1 :])
            del opened[place:]
        elif word in PAIRS:
            opened.append(at)
        elif word in PAIRS.values():
            single.add(at)
    single.update(opened)
    bounds = [-1, *sorted(single), len(words)]
    for before, behind in itertools.pairwise(bounds):
        own = range(before + 1, behind)
        start = next((i for i in own if not words[i][1] or words[i][0] in PAIRS), None)
        end = next((i for i in reversed(own) if words[i][0] not in LOOSE), None)
        if start is not None and end is not None and any(not mark for _, mark in words[start : end + 1]):
            yield start, end + 1


class Sentences:
    """The words of a text, for finding where its sentences end; as in src/text/sentences.rs."""

    def __init__(self, text):
        self.text, self.found = text, words(text)

    def get(self, at):
        return self.text[slice(*self.found[at])] if at < len(self.found) else ""

    def before(self, at):
        return self.get(at - 1) if at and self.found[at - 1][1] == self.found[at][0] else ""

    def behind(self, at):
        return self.get(at + 1) if at + 1 < len(self.found) and self.found[at + 1][0] == self.found[at][1] else ""

    def gap(self, at):
        return self.text[self.found[at][1] : self.found[at + 1][0]]

    def ends_line(self, at):
        return at + 1 >= len(self.found) or any(c in LINE_ENDS for c in self.gap(at))

    def goes_on(self, at):
        """Whether a word follows."""
        return at + 1 < len(self.found) and not MARK.match(self.get(at + 1))

    def in_number(self, at):
        return digit(self.before(at)[-1:]) and digit(self.behind(at)[:1])

    def unit(self, first, at):
        """(last word of what begins at `at`, whether it ends the sentence that begins with `first`)"""
        dots = at
        while self.get(at) in DOTS and self.behind(dots) in DOTS:
            dots += 1
        if self.is_pause(first, at, dots) if dots > at or self.get(at) == "…" else not self.is_terminal(first, at):
            return dots, False
        last = self.closing_marks(first, dots)
        return last, not self.ends_title(first, at, last)

    def is_terminal(self, first, at):
        word, before, behind = self.get(at), self.before(at), self.behind(at)
        latin = behind[:1].isascii() and behind[:1].isalnum()
        if word in ("؟", "۔"):
            return True
        if word in ("?", "!"):
            return not latin
        if word != ".":
            return False
        if not before:
            return at > first and not latin and behind not in DOMAINS
        alone = len(before) == 1 and before.isalpha()
        chained = before.isascii() and self.text[: self.found[at - 1][0]].endswith(".")
        year = before in ("م", "ه") and at > 1 and digit(self.get(at - 2)[:1])
        abbreviation = (before in ABBREVIATIONS or (alone and not chained and not year)) and self.goes_on(at) and not self.ends_line(at)
        address = (before[-1].isascii() and before[-1].isalnum() and latin) or behind in DOMAINS
        listed = at == first + 1 and all(map(digit, before)) and self.goes_on(at) and not self.ends_line(at)
        last = at > 1 and self.get(at - 2) == "." and self.goes_on(at) and not self.ends_line(at) and not self.get(at + 1).startswith("و")
        spelt = before in LETTERS and (behind in LETTERS or last)
        return not (abbreviation or address or spelt or listed or self.in_number(at))

    def is_pause(self, first, at, last):
        own = [self.get(i) for i in range(first, at)]
        count = lambda marks: sum(1 for word in own if word in marks)
        inside = (count("«“([") > count("»”)]") or count('"') % 2 == 1) and self.closes(last)
        closed = self.closing_marks(first, last) > last
        if self.before(at) in ("(", "["):
            return True
        return not self.ends_line(last) and (sum(1 for word in own if not MARK.match(word)) < PAUSE or (not closed and inside))

    def closes(self, last):
        """Whether something is closed soon behind `last` on its line."""
        for i in range(last + 1, min(len(self.found), last + QUOTED)):
            if self.ends_line(i - 1):
                return False
            if self.get(i) in set("»”)]\""):
                return True
        return False

    def ends_title(self, first, at, last):
        opening = next((i for i in range(at - 1, first - 1, -1) if self.get(i) in set("«“”‘\"'")), first)
        title = opening > first and self.get(opening - 1) in TITLED
        quoted = any(self.get(i) in set("»”“’\"'") for i in range(at + 1, last + 1))
        word = self.get(last + 1)
        goes_on = word in CONTINUES or word.startswith("لل") or (title and self.goes_on(last))
        listed = self.get(last + 1) in set("،,؛;") or (quoted and self.get(last + 1) == ":")
        return ((quoted and goes_on) or listed) and self.get(at) in set("؟?!") and not self.ends_line(last)

    def closing_marks(self, first, at):
        own = [self.get(i) for i in range(first, at)]
        touching, last = set("»)]”’.!؟?…\"'") | (set("“") if "”" in own and "“" not in own else set()), at
        while last + 1 < len(self.found):
            word, gap = self.get(last + 1), self.gap(last)
            if not (word in touching and not gap or word in set("»)]") and gap == " " and not self.behind(last + 1)):
                break
            last += 1
        return last


def digit(c):
    return c != "" and c in "0123456789٠١٢٣٤٥٦٧٨٩۰۱۲۳۴۵۶۷۸۹"  # the normaliser folds the others to the first


def sentences(text):
    """(start, end) of each sentence, as src/text/sentences.rs finds them in the normalised text."""
    own, out, first, at = Sentences(text), [], 0, 0
    while at < len(own.found):
        last, ends = own.unit(first, at)
        length = last + 1 - first
        comma = own.get(last) in set("،؛,;") and not own.in_number(last)
        joined = own.get(last + 1).startswith("و")
        if ends or own.ends_line(last) or (length >= LONG and comma) or (length >= LONGER and joined) or length >= LONGEST:
            out.append((own.found[first][0], own.found[last][1]))
            first = last + 1
        at = last + 1
    return out


def numbered(text):
    """(start, end) of each sentence as the label files count them: simpler rules than those of `sentences`, which must not change."""
    out, start = [], 0
    for end in [*LABEL_ENDS.finditer(text), None]:
        stop = end.end() if end else len(text)
        part = text[start:stop]
        if part.strip():
            left = start + len(part) - len(part.lstrip())
            out.append((left, left + len(part.strip())))
        start = stop
    return out


def light(word):
    """A word for overlap counts: no leading و/ب/ل/ف/ك before the article, no article."""
    word = regex.sub(r"^[وفبلك](?=ال)", "", word)
    return word[2:] if word.startswith("ال") and len(word) > 4 else word


def bag(text):
    """Multiset of light words, as a dict."""
    counts = {}
    for start, end in words(text):
        if end - start > 1:
            word = light(text[start:end])
            counts[word] = counts.get(word, 0) + 1
    return counts


def rouge1(candidate, reference):
    """(recall, precision, F1) of two bags."""
    shared = sum(min(n, reference.get(w, 0)) for w, n in candidate.items())
    recall, precision = shared / max(1, sum(reference.values())), shared / max(1, sum(candidate.values()))
    return recall, precision, 2 * recall * precision / max(1e-9, recall + precision)


def core(word):
    """A word of a target without the article."""
    return word[2:] if word.startswith("ال") and len(word) > 4 else word


def names(word, wanted):
    """Whether a word of an article is the word `wanted`, a `core`, with or without proclitics and article."""
    if not word.endswith(wanted):
        return False
    return word == wanted or (len(wanted) > 2 and PROCLITICS.fullmatch(word[: -len(wanted)]) is not None)


def spoken(word):
    """Whether it is a word and not a mark."""
    return any(c.isalnum() for c in word)


def mentions(article, target):
    """Indices of the words of `article` that name `target`: whole occurrences, or else words of it where the article has
    most of those that tell. Both are lists of normalised words; marks between them do not count (src/tasks/mentions.rs)."""
    wanted = [core(w) for w in target if spoken(w)]
    places = [i for i, word in enumerate(article) if spoken(word)]
    if not wanted:
        return []
    found = set()
    for i in range(len(places) - len(wanted) + 1):
        own = places[i : i + len(wanted)]
        if all(names(article[at], w) for at, w in zip(own, wanted)):
            found.update(own)
    if found:
        return sorted(found)
    telling = list(dict.fromkeys(w for w in wanted if len(w) > 2 and w not in FUNCTION_WORDS))
    hits = {w: [at for at in places if names(article[at], w)] for w in telling}
    if 2 * sum(1 for own in hits.values() if own) <= len(telling):
        return []
    return sorted({at for own in hits.values() for at in own})


FOLDED = str.maketrans("أإآٱىة", "اااايه")


def tokens(text):
    """Words of a text in a light form, about as ROUGE counts them (src/eval/rouge.rs)."""
    text = regex.sub("[\u064b-\u0652\u0670\u0640]", "", text).lower().translate(FOLDED)
    return regex.findall(r"\w+", text)


ROOT = 5  # letters that are compared
SHORT_FUNCTION_WORDS = set("في من عن أن ان إن لم لن لا ما أو او ثم قد هو هي مع كي بل هل لو إذ اذ أي اي يا به له لك لي كم ذو".split())


def root(word):
    """A normalised word as it is compared between targets and articles: hamza, ى and ة folded, the article and what looks
    like proclitics taken off, the beginning of what is left. It need not be a word, only the same for all forms of one.
    None for words that tell nothing. Words with digits stay whole."""
    if any(c in "0123456789" for c in word):
        return word
    if len(word) < 2 or word in SHORT_FUNCTION_WORDS or word in FUNCTION_WORDS or not spoken(word):
        return None
    word = word.translate(FOLDED)
    while len(word) > 4:
        if word.startswith("ال"):
            word = word[2:]
        elif word[0] in "وفبلك":
            word = word[1:]
        else:
            break
    return word[:ROOT]


def roots(words):
    return {r for r in map(root, words) if r}


MOST_PASSAGES = 4
AGAIN = 0.3  # worth of a word that another chosen sentence has


def passages(sentences, target, most_words, fill):
    """Numbers of the sentences that speak of a target, in order: the best first, then those that add most to it, within
    `most_words` together; at least one. With `fill`, what is left of them goes to sentences from the beginning.

    `sentences` and `target` are lists of normalised words. Rare words of the article count more, long sentences less
    (src/tasks/passages.rs)."""
    wanted = roots(target)
    own = [sorted(wanted & roots(s)) for s in sentences]
    length = [sum(1 for w in s if spoken(w)) for s in sentences]
    common = collections.Counter(r for found in own for r in found)
    weight = {r: math.log(1 + (len(sentences) + 1) / (1 + n)) for r, n in common.items()}
    chosen, said, left = [], set(), most_words
    while len(chosen) < min(MOST_PASSAGES, len(sentences)):
        gains = [-1.0 if i in chosen else sum(weight[r] * (AGAIN if r in said else 1.0) for r in found) / (12 + length[i]) ** 0.25 for i, found in enumerate(own)]
        best = max(range(len(gains)), key=lambda i: (gains[i], -i))
        if chosen and (gains[best] <= 0 or length[best] > left):
            break
        chosen.append(best)
        said.update(own[best])
        left -= min(left, length[best])
    for i in range(len(sentences)) if fill else ():
        if i not in chosen:
            if left == 0 or length[i] > left:
                break
            chosen.append(i)
            left -= length[i]
    return sorted(chosen)
