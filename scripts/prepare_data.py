#!/usr/bin/env python3
"""Bring the raw sets to one JSONL format per task, split so that nothing leaks from train into dev.

Writes OUT/{entities,topics,stance,mentions,extract}.{train,dev}.jsonl in the record shape of the program (offsets in
code points of `text`), with these additions for training:
  "weight"         weight of the record in the loss (default 1)
  "topics_any"     one of these labels holds (news sections); "topics_none": none of these
  stance label     "neutral|unrelated" where a set does not tell the two apart
  "sents"          sentences of the text, to which "extract" numbers refer
  "keep"           parts of the text that a summary keeps, [start, end) in code points; --cuts writes cuts.train.jsonl of them
  "spans", "gaps"  parts that an earlier head kept, and [start, end, verdict] of what it deleted; --gaps writes gaps.train.jsonl

Splits are by block of an article's length (CoNLL files), by source file, target or article; near-duplicates of
a dev record are removed from train. Prints what was kept, per source and label. OUT/eval/ holds the dev records
again, a file a set, as `mujaz evaluate` reads them.

    python scripts/prepare_data.py --data ../shared/data --out work/data
    python scripts/prepare_data.py --data ../shared/data --labels scripts/data/labels-*.jsonl --out work/data
"""

import argparse
import collections
import csv
import itertools
import json
import random
import re
import sys
import zlib
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
from mujaz_train import corpus, text
from mujaz_train.tokenizer import normalizer
from mujaz_train.twins import mark_twins

TYPES = {"PERS": "PER", "PER": "PER", "LOC": "LOC", "ORG": "ORG", "MISC": "MISC", "MIS": "MISC"}
TOPICS = """culture crime disaster economy education environment health human_interest labour lifestyle politics
religion science_technology society sport weather conflict""".split()
ANS_LABELS = {"agree": "favor", "disagree": "against", "other": "neutral|unrelated"}
# Files of ArabicStanceX are named after their topic; each as an explicit target.
STANCEX_TARGETS = {
    "Neom": "مشروع نيوم", "Qiddiya": "مشروع القدية", "chineese": "إدراج اللغة الصينية في المناهج",
    "online_learning": "التعليم عن بعد", "update_curricula": "تطوير المناهج الدراسية", "Vaccine": "لقاح كورونا",
    "vaccine_booster_dose": "الجرعة الثالثة من لقاح كورونا", "fix_domestic_tourism": "السياحة الداخلية",
    "sexual_education_fully": "تدريس الثقافة الجنسية", "mosques_speakers": "إغلاق مكبرات الصوت في المساجد",
    "multi_mariage": "تعدد الزوجات", "women_driving": "قيادة المرأة للسيارة",
}  # fmt: skip
# Most train pairs of the sets that would drown the headline pairs of ANS, and how often those are repeated.
STANCE_CAPS = {"arabicstancex": 1500, "arnli": 1000}
STANCE_REPEATS = {"ans": 1, "arbteds": 1}
STANCEX_DEV = {"update_curricula", "vaccine_booster_dose"}
EXAASC_DEV = {"مجلس النواب", "نادي النصر", "وزير التعليم", "عبد الفتاح السيسي"}
# Words that turn a headline into its opposite, for claims against their own article.
OPPOSITES = [
    ("ارتفاع", "انخفاض"), ("يرتفع", "ينخفض"), ("ترتفع", "تنخفض"), ("فوز", "خسارة"), ("يفوز", "يخسر"), ("تفوز", "تخسر"),
    ("يؤكد", "ينفي"), ("تؤكد", "تنفي"), ("يرفض", "يقبل"), ("ترفض", "تقبل"), ("يوافق على", "يرفض"), ("بدء", "انتهاء"),
    ("زيادة", "تراجع"), ("نجاح", "فشل"), ("إغلاق", "إعادة فتح"), ("اعتقال", "الإفراج عن"), ("إطلاق سراح", "احتجاز"),
    ("تأجيل", "تقديم موعد"), ("قبل", "بعد"), ("شمال", "جنوب"), ("شرق", "غرب"), ("يدعم", "يعارض"), ("تدعم", "تعارض"),
    ("يدعو إلى", "يحذر من"), ("نفي", "تأكيد"), ("تعليق", "استئناف"), ("أول", "آخر"), ("أكبر", "أصغر"), ("أعلى", "أدنى"),
    ("مقتل", "نجاة"), ("انسحاب", "تقدم"), ("يهزم", "يخسر أمام"), ("إدانة", "تبرئة"), ("تحسن", "تدهور"), ("صعود", "هبوط"),
]  # fmt: skip
# Left words of pairs that do not always contradict each other inside a sentence.
UNSURE = {"قبل", "أول", "انسحاب", "زيادة"}
# Weak labels for topics that no news section stands for, from the headline alone.
HEADLINES = {
    "conflict": r"غارات|اشتباكات|معارك|قصف|هدنة|وقف إطلاق النار|داعش|مسلحين|تفجير|انتحاري|صواريخ|هجوم|الحوثي|الغوطة|عملية عسكرية",
    "politics": r"انتخابات|البرلمان|وزير الخارجية|مباحثات|قمة|رئيس الوزراء|حكومة|الكونغرس|دبلوماسي|مجلس الأمن|سفير|استفتاء",
    "crime": r"محكمة|السجن|اعتقال|يقتل زوج|جريمة|مخدرات|القبض على|اغتصاب|تهريب|احتيال|الإعدام|سرقة|يطعن",
    "disaster": r"زلزال|فيضان|سيول|حريق|تحطم|انهيار|غرق|بركان|تسونامي|حادث سير|إعصار|انقلاب حافلة|حادث مروري",
    "weather": r"الطقس|درجات الحرارة|موجة حر|أمطار رعدية|الأرصاد|ثلوج|موجة برد|عاصفة رملية|غبار",
    "education": r"جامعة|المدارس|الطلاب|طلاب|مدرسة|التعليم|معلم|المعلمين|امتحان|مناهج",
    "environment": r"البيئة|التلوث|المناخ|الاحتباس|انقراض|البلاستيك|المحميات|التصحر",
    "labour": r"إضراب|البطالة|العمال|نقابة|التوظيف|فرص عمل|الأجور|العمالة|السعودة|وظيفة",
    "religion": r"البابا|الحج|رمضان|الإفتاء|المسجد|الكنيسة|العمرة|خطبة|الأزهر",
    "health": r"مرضى|السرطان|لقاح|فيروس|مستشفى|الصحة العالمية|السكري|علاج|إيبولا|كورونا",
    "human_interest": r"عجوز|توأم|غرائب|أغرب|قطة|كلب|معمر|عروس|ملكة جمال|يتزوج|زفاف",
    "lifestyle": r"وصفة|الموضة|أزياء|السياح|رحلات|فنادق|مطعم|القهوة|الرشاقة|بشرة",
    "society": r"اللاجئين|لاجئ|المهاجرين|العنف ضد|حقوق المرأة|الطلاق|الأيتام|ذوي الإعاقة|الفقر|الهجرة",
}
# How many times the cap of a section the sets with careful sections may give.
SECTION_SHARE = {"topics/sanad_khaleej": 4}
# How often an annotated article is repeated in train: the ones that the labels are defined by.
ANNOTATED_REPEATS = {"entities": 1, "topics": 3, "stance": 1, "extract": 2}
DEV_AMONG = 300  # of a section, or a source, this many shuffled articles are candidates for dev
STANCE_WORDS = 130  # words of an article that stands for a headline
MONTH = re.compile(r"\d+")


def clean(raw):
    """One space or newline between words, tweet furniture taken off, hashtags segmented."""
    raw = re.sub(r"https?://\S+|\S+\.(?:ly|com|be)/\S+|t\.co/\S+|::\S*", " ", raw)
    raw = re.sub(r"<[^>]+>", " ", raw)
    raw = re.sub(r"#(\S+)", lambda m: m.group(1).replace("_", " "), raw)
    raw = re.sub(r"@\w+|RT :", " ", raw)
    return "\n".join(" ".join(line.split()) for line in raw.splitlines() if line.strip())


def stable(key, buckets):
    return zlib.crc32(key.encode()) % buckets


# ------------------------------------------------------------------ entities


def read_conll(path):
    """Sentences as lists of (token, tag); tab or space, blank line between sentences."""
    sentence = []
    for line in Path(path).read_text(encoding="utf-8-sig").splitlines():
        parts = line.split()
        if len(parts) >= 2:
            sentence.append((parts[0], parts[-1]))
        elif sentence:
            yield sentence
            sentence = []
    if sentence:
        yield sentence


def conll_records(sentences, name, weight, words_a_record=110):
    """Consecutive sentences as records of about an article's length."""
    block, out = [], []
    for sentence in sentences:
        block.append(sentence)
        if sum(map(len, block)) >= words_a_record:
            out.append(block)
            block = []
    out += [block] if block else []
    return [conll_record(block, f"{name}/{i}", name, weight) for i, block in enumerate(out)]


def conll_record(block, identity, source, weight):
    record = {"id": identity, "source": source, "weight": weight, "text": "", "entities": []}
    for sentence in block:
        open_type = None
        for i, (token, tag) in enumerate(sentence):
            separator = "\n" if i == 0 and record["text"] else " " if i else ""
            start = len(record["text"]) + len(separator)
            record["text"] += separator + token
            kind = TYPES.get(tag.split("-")[-1]) if "-" in tag else None
            if kind and tag.startswith("I-") and open_type == kind:
                record["entities"][-1]["end"] = len(record["text"])
            elif kind:
                record["entities"].append({"type": kind, "start": start, "end": len(record["text"])})
            open_type = kind
    for entity in record["entities"]:
        entity["text"] = record["text"][entity["start"] : entity["end"]]
    return record


def entities(data):
    train, dev = [], []
    for i, record in enumerate(conll_records(read_conll(data / "ner/cleananercorp/train.conll"), "cleananercorp", 1.0)):
        (dev if i // 4 % 9 == 4 else train).append(record)  # runs of four records, so that articles stay whole
    train += conll_records(read_conll(data / "ner/aqmar/train.txt"), "aqmar", 0.4)
    dev_aqmar = conll_records(read_conll(data / "ner/aqmar/dev.txt"), "aqmar", 0.4)
    return train + dev_aqmar[: len(dev_aqmar) // 2], dev


def bare_by_type(entities, known):
    """Surfaces without proclitics by type."""
    out = collections.defaultdict(set)
    for entity in entities:
        if not proclitic(entity["text"], known):
            out[entity["type"]].add(entity["text"])
    return out


def names_by_type(records, data):
    """Surfaces without proclitics by type: those of the records, and persons and places of the gazetteers."""
    known = {entity["text"] for record in records for entity in record["entities"]}
    pools = bare_by_type((entity for record in records for entity in record["entities"]), known)
    tokens = set()
    for line in open(data / "ner/gazetteers/wd_arabic_names/wd_arabic_80", encoding="utf-8"):
        name = line.split("\t")[1].replace(" ", "")
        if len(name) > 3 and name[0] not in "وفبلك":
            tokens.add(name)
    tokens = sorted(tokens)
    rng = random.Random(5)
    pools["PER"] |= {" ".join(rng.sample(tokens, rng.choice([1, 2, 2, 2, 3]))) for _ in range(3000)}
    with open(data / "ner/gazetteers/world_cities_ar/world-cities.csv", encoding="utf-8-sig") as file:
        cities = {row["CityNameAr"].strip() for row in csv.DictReader(file) if int(float(row["Population"] or 0)) > 300000}
    pools["LOC"] |= {c for c in cities if c and len(c.split()) <= 2 and c[0] not in "وفبلك"}
    return {kind: sorted(pool) for kind, pool in pools.items()}, known


def proclitic(surface, known):
    """The proclitic that a surface begins with, where the rest is a surface of its own."""
    return surface[0] if surface[0] in "وفبلك" and surface[1:] in known else ""


def swapped(record, pools, known, rng, share=0.6):
    """The record with some of its persons, bodies and places under other names of their type, proclitics kept:
    a model that has memorised the names of the training news gains nothing here."""
    out, at, entities = "", 0, []
    renamed = {}
    for entity in sorted((e for e in record["entities"] if "field" not in e), key=lambda e: e["start"]):
        surface = entity["text"]
        prefix = proclitic(surface, known)
        bare = (entity["type"], surface[len(prefix) :])
        if bare not in renamed:
            other = rng.choice(pools[entity["type"]])
            fits = not (prefix == "ل" and other.startswith("ال")) and not surface.startswith("لل")
            renamed[bare] = other if entity["type"] != "MISC" and fits and rng.random() < share else bare[1]
        name = prefix + renamed[bare]
        out += record["text"][at : entity["start"]]
        entities.append({"type": entity["type"], "start": len(out), "end": len(out) + len(name), "text": name})
        out, at = out + name, entity["end"]
    return {k: v for k, v in record.items() if k != "title"} | {"text": out + record["text"][at:], "entities": entities}


def with_swapped(records, data):
    """The records, and one copy of each under other names."""
    pools, known = names_by_type(records, data)
    rng = random.Random(6)
    return records + [swapped(r, pools, known, rng) for r in records]


# ------------------------------------------------------------------ topics


def rename(label):
    return {"scitech": "science_technology"}.get(label, label)


def topic_record(record, limit=3500):
    label = record.get("label") or ""
    out = {"id": record["id"], "source": record.get("source", ""), "title": record.get("title") or "", "text": record["text"][:limit], "weight": 1.0}
    if label.startswith("NOT:"):
        out["topics_none"] = [rename(x) for x in label[4:].split(",")]
        out["weight"] = 0.5
    elif label and all(rename(x) in TOPICS for x in label.split("|")):
        out["topics_any"] = [rename(x) for x in label.split("|")]
    else:
        out["topics_none"] = []
    headline(out)
    return out if out.get("topics_any") or out.get("topics_none") else None


def headline(out):
    """Narrow or add a weak label by the headline, where it names exactly one topic."""
    found = [topic for topic, pattern in HEADLINES.items() if re.search(pattern, out["title"])]
    if len(found) != 1:
        return
    given = out.get("topics_any")
    if given and len(given) > 1 and found[0] in given:
        out["topics_any"], out["weak"] = found, True
    elif not given and found[0] not in out.get("topics_none", []):
        out["topics_any"], out["weak"] = found, True
        out["weight"] = 0.7


def topics(data, rng, cap):
    files = ["topics/sanad_khaleej", "topics/hespress", "topics/asnd_train", "news/ant_multisource", "news/ant_jawhara", "news/saudinewsnet"]
    buckets = collections.defaultdict(list)
    for name in files:
        for record in corpus.read_jsonl(data / f"{name}.jsonl.xz"):
            if record.get("source") == "france24" and record.get("section") in ("culture", "economy", "technology"):
                continue  # its sections are unreliable
            out = topic_record(record)
            if out:
                buckets[name, "|".join(out.get("topics_any") or ["none"])].append(out)
    train, dev = [], []
    for (name, _), records in sorted(buckets.items()):
        rng.shuffle(records)
        for i, record in enumerate(records[: cap * SECTION_SHARE.get(name, 1)]):
            held = i < DEV_AMONG and stable(record["id"], 12) == 0 and not record.get("weak") and len(record.get("topics_any", [])) == 1
            (dev if held else train).append(record)
    return train, dev


# ------------------------------------------------------------------ stance


def pair(identity, source, kind, target, body, label, weight=1.0, title=""):
    stance = {"target": target, "kind": kind, "label": label}
    return {"id": identity, "source": source, "title": title, "text": body, "stance": [stance], "weight": weight}


def claims_of_sets(data):
    train, dev = [], []
    for name, out in (("train", train), ("dev", dev)):
        for i, row in enumerate(csv.DictReader(open(data / f"stance/ans/{name}.csv", encoding="utf-8"))):
            label = ANS_LABELS[row["stance"]]
            out.append(pair(f"ans/{name}/{i}", "ans", "claim", row["s2"], row["s1"], label))
            if name == "train":
                out.append(pair(f"ans/{name}/{i}r", "ans", "claim", row["s1"], row["s2"], label, 0.7))
    entailed = {"1": "favor", "0": "against|neutral|unrelated", "2": "against"}
    for name, file, weight in (("arbteds", "train_ArbTEDS", 1.0), ("arnli", "train_nli", 0.25)):
        for i, row in enumerate(csv.DictReader(open(data / f"stance/{name}/{file}.csv", encoding="utf-8-sig"))):
            # ArNLI (translated SICK): 0 is neutral, 2 a contradiction; ArbTEDS has no 2 and a 0 may be either.
            label = "neutral|unrelated" if name == "arnli" and row["label"] == "0" else entailed[row["label"]]
            body, claim = glue(row["t"]), glue(row["h"])
            train.append(pair(f"{name}/{i}", name, "claim", claim, body, label, weight))
    return train, dev


def glue(split):
    """ArbTEDS writes suffixes apart (`غرب ي`, `أن ه`): put single letters and pronouns back."""
    split = re.sub(r"\b(ب|ل|ك|و|ف) (?=\S)", r"\1", split)
    return re.sub(r" (ه|ها|هم|هما|ك|كم|نا|ي)\b", r"\1", split).strip()


def opposite(title, unsure=frozenset()):
    for left, right in OPPOSITES:
        for a, b in ((left, right), (right, left)) if left not in unsure else ():
            if re.search(rf"(?<!\S){a}(?!\S)", title):
                return re.sub(rf"(?<!\S){a}(?!\S)", b, title, count=1)
    return None


def other_number(title, rng):
    numbers = [m for m in MONTH.finditer(title) if 1 < int(m.group()) < 100000 and not 1990 < int(m.group()) < 2030]
    if not numbers:
        return None
    m = rng.choice(numbers)
    value = max(2, int(int(m.group()) * rng.choice([0.3, 0.5, 2, 3, 4])))
    return None if value == int(m.group()) else title[: m.start()] + str(value) + title[m.end() :]


def claims_of_headlines(data, rng, count):
    """Headlines as claims about their own article (favor), turned to their opposite (against), or about
    another article (unrelated). The same kinds of headlines serve all three."""
    pool = []
    for name in ("news/ant_multisource", "news/saudinewsnet"):
        for record in corpus.read_jsonl(data / f"{name}.jsonl.xz"):
            title = clean(record.get("title") or "").replace("\n", " ")
            turned = opposite(title) or other_number(title, rng)
            if 5 <= len(title.split()) <= 18 and len(record["text"]) > 300 and turned:
                pool.append((record["id"], record.get("source", ""), title, turned, body_without_lead(record, title)))
    rng.shuffle(pool)
    pool = pool[: 2 * count]
    held = [stable(f"headline/{headline[0]}", 14) == 0 for headline in pool]
    split = {side: pairs_of_headlines([h for h, inside in zip(pool, held) if inside == side]) for side in (False, True)}
    return split[False], split[True]


def pairs_of_headlines(pool):
    out = []
    for i, (identity, source, title, turned, body) in enumerate(pool):
        other = pool[(i + 1) % len(pool)][2 if i % 2 else 3]
        claim, label = [(title, "favor"), (title, "favor"), (turned, "against"), (turned, "against"), (other, "unrelated")][i % 5]
        out.append(pair(f"headline/{identity}", f"headline-{source}", "claim", claim, body, label, 0.6))
    return out


def body_without_lead(record, title):
    """The article's first sentences without the headline, up to about a window."""
    sentences = [record["text"][a:b] for a, b in text.sentences(record["text"][:2500])]
    kept = [s for s in sentences if s.strip() != title]
    return " ".join(" ".join(kept).split()[:STANCE_WORDS])


def stance_of_entities(data, rng):
    train, dev = [], []
    for path in sorted((data / "stance/arabicstancex/train").glob("*/*.json")):
        table = json.loads(path.read_text(encoding="utf-8"))
        for key, tweet in table["text"].items():
            label = {"none": "neutral|unrelated"}.get(str(table["stance"][key]).lower(), str(table["stance"][key]).lower())
            record = pair(f"stancex/{path.stem}/{key}", "arabicstancex", "entity", STANCEX_TARGETS[path.stem], clean(tweet), label, 0.6)
            (dev if path.stem in STANCEX_DEV else train).append(record)
    labels = {"support": "favor", "deny": "against", "comment": "neutral"}
    for i, row in enumerate(csv.DictReader(open(data / "stance/exaasc/test_final.csv", encoding="utf-8"))):
        target = clean(row["target"]).strip(" .:")
        body = f"{clean(row['main']).strip(chr(34))}\n{clean(row['reply'])}"
        record = pair(f"exaasc/{i}", "exaasc", "entity", target, body, labels[row["majority"]], 0.7)
        (dev if row["target"] in EXAASC_DEV else train).append(record)
    for row in corpus.read_jsonl(data / "stance/fignews/fignews_joined_train.jsonl"):
        (dev if stable(row["id"].rsplit("-", 2)[0], 7) == 0 else train).extend(fignews(row))
    train += plain_reporting(data, rng)
    return train, dev


def fignews(row):
    """`Biased against X` is against X; unbiased posts are plain reporting of both."""
    counts, total = row["bias_counts"], row["n_bias"]
    body = clean(row["arabic"])
    if total < 6 or len(body) < 30:
        return
    names = {"فلسطين": ["Biased against Palestine"], "إسرائيل": ["Biased against Israel"]}
    for target, keys in names.items():
        against = sum(counts[k] for k in keys) + counts["Biased against both Palestine and Israel"]
        if against / total >= 0.5:
            yield pair(f"{row['id']}/{target}", "fignews", "entity", target, body, "against")
        elif counts["Unbiased"] / total >= 0.5:
            yield pair(f"{row['id']}/{target}", "fignews", "entity", target, body, "neutral", 0.7)


def plain_reporting(data, rng):
    """Agency reports: the places and bodies of their headlines are mostly reported plainly. Low weight."""
    names = "سوريا روسيا تركيا إيران إسرائيل السعودية ترامب بوتين الأسد داعش العراق مصر بريطانيا فرنسا ألمانيا اليمن حماس".split()
    out = []
    for record in corpus.read_jsonl(data / "news/ant_multisource.jsonl.xz"):
        if record["source"] in ("BBC", "france24") and record.get("section") in ("middleEast", "internationalNews"):
            found = [n for n in names if n in record["text"].split()]
            if found and stable(record["id"], 3) == 0:
                body = body_without_lead(record, record.get("title") or "")
                out.append(pair(f"plain/{record['id']}", f"plain-{record['source']}", "entity", rng.choice(found), body, "neutral", 0.25))
    rng.shuffle(out)
    return out[:400]


def stance(data, rng):
    train, dev = claims_of_sets(data)
    for extra_train, extra_dev in (claims_of_headlines(data, rng, 1000), stance_of_entities(data, rng)):
        train += extra_train
        dev += extra_dev
    return balance(train, rng), dev


def balance(records, rng):
    by_source = collections.defaultdict(list)
    for record in records:
        by_source[record["source"]].append(record)
    out = []
    for source, group in by_source.items():
        rng.shuffle(group)
        out += group[: STANCE_CAPS.get(source, len(group))] * STANCE_REPEATS.get(source, 1)
    return out


# ------------------------------------------------------------------ extract


def greedy_oracle(sentences, reference, most=3):
    """Sentences that, added one by one, raise the unigram F1 against the reference."""
    chosen, bags, best = [], [text.bag(s) for s in sentences], 0.0
    while len(chosen) < most:
        scored = []
        for i in range(len(sentences)):
            if i not in chosen:
                union = collections.Counter()
                for j in [*chosen, i]:
                    union.update(bags[j])
                scored.append((text.rouge1(union, reference)[2], -i))
        if not scored or max(scored)[0] <= best + 0.01:
            break
        best = max(scored)[0]
        chosen.append(-max(scored)[1])
    return sorted(chosen), best


def extract(data, rng, cap):
    buckets = collections.defaultdict(list)
    for name in ("news/ant_multisource", "news/saudinewsnet"):
        for record in corpus.read_jsonl(data / f"{name}.jsonl.xz"):
            out = extract_record(record)
            if out:
                buckets[out["source"]].append(out)
    train, dev = [], []
    for source, records in sorted(buckets.items()):
        rng.shuffle(records)
        for record in records[: cap * (4 if source == "BBC" else 1)]:
            held = source in ("BBC", "CNN") and record["weight"] == 1.0 and stable(record["id"], 12) == 0
            (dev if held else train).append(record)
    return train, dev


def extract_record(record):
    abstract, title = clean(record.get("abstract") or ""), clean(record.get("title") or "")
    spans = text.sentences(record["text"][:5000])
    sentences = [" ".join(record["text"][a:b].split()) for a, b in spans]
    sentences = [s for s in sentences if len(s.split()) >= 3]
    if abstract and sentences and text.rouge1(text.bag(sentences[0]), text.bag(abstract))[2] > 0.7:
        sentences = sentences[1:]  # BBC repeats the standfirst as the first sentence
    if not 4 <= len(sentences) <= 40 or len(title.split()) < 4:
        return None
    reference = text.bag(f"{title} {abstract}")
    chosen, score = greedy_oracle(sentences, reference, 3 if abstract else 1)
    if score < 0.15:
        return None
    out = {"id": record["id"], "source": record.get("source", ""), "title": title, "text": "\n".join(sentences), "sents": sentences}
    out |= {"extract": chosen, "weight": 1.0 if abstract else 0.4, "reference": abstract or title}
    return out | ({"summary": abstract} if abstract else {})


# ------------------------------------------------------------------ annotated articles


def annotated(data, label_files):
    """(train, dev, ids that they have in the raw sets) of the annotated articles: every fourth of those numbered is dev,
    in all four tasks; articles of train that copy one of dev are left out. Labels may also name articles of the raw
    news sets, by the ids there, and need not be of all tasks: those are train, but for the ones said to be held."""
    articles = {a["id"]: a for a in corpus.read_jsonl(data / "annotated/articles.jsonl")}
    labels = [label for path in label_files for label in corpus.read_jsonl(path)]
    articles |= raw_articles(data, {label["id"] for label in labels} - articles.keys())
    train, dev, raw = [], [], set()
    for label in labels:
        article = articles[label["id"]]
        held = "/" not in label["id"] and int(label["id"].split("-")[1]) % 4 == 0
        record = annotated_record(article, label)
        if label.get("held"):
            record["source"] = f"claims-{article['source']}"
        (dev if held or label.get("held") else train).append(record)
        raw.add(article["sid"])
    return without(train, copies(train, dev)), dev, raw


def cuts(data, label_file, train, dev):
    """Articles whose summaries were cut out of them: those of `train`, and raw ones of which nothing else is labelled."""
    labels = list(corpus.read_jsonl(label_file))
    articles = raw_articles(data, {label["id"] for label in labels})
    out = [{k: r[k] for k in ("id", "source", "title", "text", "sents", "keep", "reference")} for r in train if "keep" in r]
    for label in labels:
        article = articles[label["id"]]
        out.append({k: article[k] for k in ("source", "title", "sents")} | {"id": label["id"], "text": "\n".join(article["sents"]), "keep": kept(article, label)})
    return without(out, copies(out, dev))


def kept(article, label):
    """The parts that a label keeps, as spans of the text; it counts in each sentence."""
    starts = list(itertools.accumulate((len(s) + 1 for s in article["sents"]), initial=0))
    return [[starts[i] + start, starts[i] + end] for i, start, end in label["keep"]]


def gaps(data, label_file, dev):
    """Raw articles with the parts that a head kept of them, and an editor's verdicts on what it deleted, as spans of the text."""
    labels = {label["id"]: label for label in corpus.read_jsonl(label_file)}
    out = [{k: r[k] for k in ("id", "source", "title", "text")} | {k: labels[r["id"]][k] for k in ("spans", "gaps")} for r in raw_records(data, labels)]
    return without(out, copies(out, dev))


NUMBERED = {"ans", "arbteds", "arnli", "exaasc", "stancex", "cleananercorp", "aqmar"}


def place(record):
    """What an article of the raw sets is called in each of them, also where another set took it over; None for the records of sets
    that number their own."""
    first, *_, last = record["id"].split("/") if "/" in record["id"] else ("", record["id"])
    return None if first in NUMBERED else last


def raw_records(data, wanted):
    """Records of the raw news sets that have one of the `wanted` ids."""
    for name in ("ant_multisource", "saudinewsnet", "hespress", "afnd_ahdath", "sanad_khaleej", "news_aljazeera_hespress") if wanted else ():
        yield from (r for r in corpus.read_jsonl(data / corpus.CORPORA[name][0]) if r["id"] in wanted)


def raw_articles(data, wanted):
    """Articles of the raw news sets in the shape of the annotated ones, by id."""
    out = {}
    for record in raw_records(data, wanted):
        sents = [" ".join(record["text"][a:b].split()) for a, b in text.numbered(record["text"])]
        sid = record["id"].split("/")[-1]
        out[record["id"]] = {"source": record["source"], "sid": sid, "title": record["title"], "sents": sents}
    return out


def pairs_of(records):
    """One record a target; the summary as one more claim, and a claim of another article of the same topic as one that
    this one does not address. Entities are read off their mentions
    (see `mentions_of`): every third of them here is enough for those that an article does not name."""
    out = []
    for i, record in enumerate(records):
        kin = [r for r in records[i + 1 :] + records[:i] if r["topics"][0] == record["topics"][0]]
        claims = [s for r in kin[:1] for s in r["stance"] if s["kind"] == "claim"]
        extra = [{"target": record["reference"], "kind": "claim", "label": "favor"}] if "reference" in record else []
        extra += [claims[i % len(claims)] | {"label": "unrelated"}] if claims else []
        entities = [s for s in record["stance"] if s["kind"] == "entity"]
        left = [s for j, s in enumerate(entities) if (i + j) % 3]
        for stance in record["stance"] + extra:
            if stance in left:
                continue
            out.append(pair(record["id"], record["source"], stance["kind"], stance["target"], record["text"], stance["label"], record["weight"], record["title"]))
    return out


def mentions_of(records):
    """Whole articles and posts with their stances toward entities."""
    own = lambda record: [s for s in record["stance"] if s["kind"] == "entity"]
    return [{**{k: record[k] for k in ("id", "source", "title", "text", "weight")}, "stance": own(record)} for record in records if own(record)]


def altered(records, rng, most=1):
    """Claims that the articles support, and the same with one name, number or word of them changed: what the two have in
    common tells nothing, the one detail everything."""
    known = {e["text"] for r in records for e in r["entities"]}
    pool = bare_by_type((e for r in records for e in r["entities"]), known)
    out = []
    for record in records:
        claims = [*(s["target"] for s in record["stance"] if s["kind"] == "claim" and s["label"] == "favor"), record["reference"]]
        found = [(claim, *other) for claim in claims if (other := alteration(claim, record["entities"], pool, known, rng))]
        for claim, other, label in found[:most]:
            for target, own in ((claim, "favor"), (other, label)):
                out.append(pair(record["id"], record["source"], "claim", target, record["text"], own, 0.8, record["title"]))
    return out


def alteration(claim, entities, pool, known, rng):
    """(the claim with a detail changed, its label), or None where nothing can be changed: a person or body replaced by
    another of the article, a number by another, a word by its opposite ("against"); or a name by one of its type from
    anywhere, which the article may not speak of at all."""
    own = bare_by_type(entities, known)
    found = [(opposite(claim, UNSURE), "against")]
    if not re.search(r"(أكثر من|أقل من|نحو|قرابة|حوالي|زهاء) \d", claim):
        found.append((other_number(claim, rng), "against"))
    for kind, names in sorted(own.items()):
        for name in sorted(names) if kind != "MISC" else ():
            whole = rf"(?<!\w){re.escape(name)}(?!\w)"
            if len(name) < 4 or not re.search(whole, claim):
                continue
            taken = text.roots(name.split())
            others = lambda names: sorted(n for n in names if n not in claim and not taken & text.roots(n.split()))
            near = others(names) if kind != "LOC" else []  # a place may hold the other
            if near and rng.random() < 0.6:
                found.append((re.sub(whole, rng.choice(near), claim), "against"))
            else:
                found.append((re.sub(whole, rng.choice(others(pool[kind])), claim), "against|neutral|unrelated"))
    found = [(other, label) for other, label in found if other and other != claim]
    return rng.choice(found) if found else None


def annotated_record(article, label):
    body = "\n".join(article["sents"])
    out = {"id": label["id"], "sid": article["sid"], "source": f"annotated-{article['source']}", "title": article["title"], "text": body, "sents": article["sents"], "weight": 1.5}
    out["topics"] = [{"label": t} for t in label["topics"]]
    out["stance"] = [{"target": s["target"], "kind": s["type"], "label": s["label"]} for s in label["stance"]]
    if "entities" in label:
        out["entities"] = spans_of(body, label["entities"]) + [e | {"field": "title"} for e in spans_of(article["title"], label["entities"])]
    if "summary" in label:
        out["extract"], out["reference"], out["summary"] = label["extract"], label["summary"], label["summary"]
    return out | ({"keep": kept(article, label)} if "keep" in label else {})


def spans_of(body, surfaces):
    """All whole-word occurrences of the surfaces, longest first, without overlaps."""
    taken, out = [False] * len(body), []
    for surface, kind in sorted(surfaces, key=lambda s: -len(s[0])):
        for m in re.finditer(rf"(?<![\w\u064b-\u0652]){re.escape(surface)}(?![\w\u064b-\u0652])", body):
            if not any(taken[m.start() : m.end()]):
                taken[m.start() : m.end()] = [True] * (m.end() - m.start())
                out.append({"text": surface, "type": kind, "start": m.start(), "end": m.end()})
    return sorted(out, key=lambda e: e["start"])


# ------------------------------------------------------------------ splits


def shingles(record, by_target):
    """Hashed 5-grams of the beginning; of a stance pair together with its target, where texts come with several."""
    tokens = re.findall(r"\w+", normalizer().normalize_str(f"{record.get('title') or ''} {record['text']}"[:800]))
    target = record["stance"][0]["target"] if by_target else ""
    return {hash((target, *tokens[i : i + 5])) for i in range(max(1, len(tokens) - 4))}


def copies(records, others, by_target=False):
    """Positions in `records` of those that share a third of their 5-grams with one of `others`."""
    index = collections.defaultdict(set)
    for i, record in enumerate(others):
        for shingle in shingles(record, by_target):
            index[shingle].add(i)
    left = set()
    for at, record in enumerate(records):
        own = shingles(record, by_target)
        shared = collections.Counter(i for s in own for i in index.get(s, ()))
        if shared and max(shared.values()) >= len(own) / 3:
            left.add(at)
    return left


def without(records, positions):
    return [r for i, r in enumerate(records) if i not in positions]


def write_eval(folder, task, dev):
    """Dev records by set, in the labelled shape of `mujaz evaluate`."""
    folder.mkdir(exist_ok=True)
    sets = collections.defaultdict(list)
    for record in dev:
        name = record["source"].split("-")[0]
        if name == "annotated":
            fields = ("id", "title", "text", "source", "topics", "entities", "stance")
            sets[name].append({k: record[k] for k in fields} | {"summary": record["reference"]})
            continue
        out = {k: record[k] for k in ("id", "title", "text", "source") if record.get(k)}
        if name == "claims":
            out["topics"] = record["topics"]
        if task == "topics":
            out["topics"] = [{"label": record["topics_any"][0]}]
        elif task == "extract":
            out["summary"] = record["reference"]
        else:
            out[task] = record[task]
        sets["sections" if task == "topics" else "standfirsts" if task == "extract" else name].append(out)
    for name, records in sets.items():
        path = folder / (f"{name}.jsonl" if name == "annotated" else f"{task}-{name}.jsonl".replace("extract", "summary"))
        path.write_text("".join(json.dumps(r, ensure_ascii=False) + "\n" for r in records), encoding="utf-8")


def write(folder, task, train, dev):
    print(f"{task}: {len(train):,} train, {len(dev):,} dev")
    for name, records in (("train", train), ("dev", dev)):
        with open(folder / f"{task}.{name}.jsonl", "w", encoding="utf-8") as out:
            out.writelines(json.dumps(r, ensure_ascii=False) + "\n" for r in records)
        sources = collections.Counter(r["source"].split("-")[0] for r in records)
        counts = collections.Counter(x for r in records for x in labels_of(r, task))
        print(f"  {name} sources {dict(sources)}\n  {name} labels {dict(counts.most_common(40))}", flush=True)


def labels_of(record, task):
    if task == "entities":
        return [e["type"] for e in record["entities"]]
    if task == "topics":
        return [t["label"] for t in record.get("topics", [])] or ["any:" + "|".join(record["topics_any"]) if record.get("topics_any") else "none"]
    if task in ("stance", "mentions"):
        return [f"{s['kind']}:{s['label']}" for s in record["stance"]]
    if task == "gaps":
        return [verdict for _, _, verdict in record["gaps"]]
    return [f"{len(record['keep'])} parts"] if task == "cuts" else [f"{len(record['extract'])} sentences"]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder of the raw sets")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--labels", type=Path, nargs="*", default=[], help="label files of the annotated articles")
    parser.add_argument("--topic-cap", type=int, default=300, help="most articles of a section and set")
    parser.add_argument("--cuts", type=Path, help="more articles with the parts that a summary keeps, for fit_summaries.py")
    parser.add_argument("--gaps", type=Path, help="articles cut by an earlier head, with verdicts on the gaps, for fit_summaries.py")
    parser.add_argument("--extract-cap", type=int, default=250, help="most articles of a source (four times as many of BBC)")
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    rng = random.Random(args.seed)
    args.out.mkdir(parents=True, exist_ok=True)
    marked_train, marked_dev, raw_ids = annotated(args.data, args.labels)
    tasks = {
        "entities": entities(args.data), "topics": topics(args.data, rng, args.topic_cap),
        "stance": stance(args.data, rng), "extract": extract(args.data, rng, args.extract_cap),
    }  # fmt: skip
    # A weak dev set keeps its articles: those of them that are annotated too are not trained on.
    held = {place(r) for _, dev in tasks.values() for r in dev}
    marked_train = [r for r in marked_train if r["sid"] not in held]
    raw_ids -= held
    whole_dev = [r for r in marked_dev if "entities" in r]
    for task, (train, dev) in tasks.items():
        total = len(train) + len(dev)
        again = [i for i, r in enumerate(train) if place(r) in raw_ids]
        train, dev = without(train, copies(train, marked_dev) | set(again)), [r for r in dev if place(r) not in raw_ids]
        train = without(train, copies(train, dev, task == "stance"))
        removed = total - len(train) - len(dev)
        if task == "stance":
            write(args.out, "mentions", mentions_of(train + marked_train), mentions_of(dev + whole_dev))
        if task == "stance":
            own = mark_twins(pairs_of(marked_train) + altered([r for r in marked_train if "entities" in r], random.Random(7)))
        else:
            own = [r for r in marked_train if task in r]
        train, dev = train + own * ANNOTATED_REPEATS[task], dev + (marked_dev if task == "stance" else whole_dev)
        if task == "entities":
            train = with_swapped(train, args.data)
        write_eval(args.out / "eval", task, dev)
        print(f"{task}: {removed} copies of dev or annotated articles removed")
        write(args.out, task, train, dev)
        if task == "extract" and args.cuts:
            write(args.out, "cuts", cuts(args.data, args.cuts, marked_train, dev), [])
        if task == "extract" and args.gaps:
            write(args.out, "gaps", gaps(args.data, args.gaps, dev), [])


if __name__ == "__main__":
    main()
