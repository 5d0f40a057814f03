//! What an article is about: the persons, bodies and places that get a stance when no target is given.

use super::stance::Target;
use super::summary::{repeats_title, title_words};
use crate::data::{Entity, StanceKind};
use crate::pipeline::document::{Document, Field};
use crate::text::asides::{dateline, is_byline, is_platform, is_press, mediums};
use crate::text::clitics::{is_generic, strip};
use crate::text::normalise::fold_letter;
use crate::text::words::{Word, among};
use std::collections::HashMap;

/// Main entities that get a stance when no target is given.
const MAIN_ENTITIES: usize = 3;
/// What a mention in the title counts, beside one in the text.
const IN_TITLE: f32 = 1.5;
/// What mentions of a person and of a place count, beside those of a body: of an article's names editors choose those three times as
/// often as these (`scripts/measure_targets.py`).
const OF_PERSON: f32 = 1.3;
const OF_PLACE: f32 = 0.3;
/// What one mention of a person by one word counts beside others.
const IN_PASSING: f32 = 0.6;
/// Whoever is named right behind these, with proclitics, wrote the article.
const REPORTERS: &str = "مراسلنا مراسلتنا مراسلونا موفدنا موفدتنا مراسلها مراسلتها مراسل مراسلة";
/// What a reporter says stands behind these.
const REPORTS: &str = "إن أن بأن أنه إنه بأنه أنها إنها بأنها قال قالت أكد أكدت أضاف أضافت أفاد أفادت ذكر ذكرت نقل نقلت";
/// Where one of these is near, a reporter is the news.
const HARMED: &str = "قتل قتلت مقتل استشهد استشهدت استشهاد اغتيل اغتيلت اغتيال اعتقل اعتقلت اعتقال أصيب أصيبت إصابة خطف اختطف اختطاف احتجاز توقيف \
    الإفراج اعتداء";
/// Words before a reporter in which one of [`HARMED`] is near.
const NEAR: usize = 4;
/// Words behind one of [`REPORTERS`] in which its name stands: «مراسل بي بي سي في دمشق عساف عبود».
const BY_REPORTER: usize = 7;
/// Mentions that make a platform, or an outlet which the headline names, a subject of its own: most are only quoted.
const OF_PRESS: usize = 3;

/// Code points of the text that the article does not say itself: page furniture, bylines, datelines, the headline again, platforms
/// that something is said on, and lines without Arabic.
pub fn unsaid(document: &Document) -> Vec<(usize, usize)> {
    let text = document.text.text();
    let title = title_words(document);
    let mut out = Vec::new();
    for sentence in document.sentences.iter().filter(|s| s.field == Field::Text) {
        let words = &document.words[sentence.words.clone()];
        let foreign = !text[sentence.bytes.clone()].contains(|c: char| ('\u{620}'..='\u{64a}').contains(&c));
        let end = if sentence.boilerplate || foreign || is_byline(text, words) || repeats_title(document, sentence, &title) {
            sentence.bytes.end
        } else {
            dateline(text, words).checked_sub(1).map_or(sentence.bytes.start, |last| words[last].end)
        };
        if end > sentence.bytes.start {
            out.push(document.text.original_span(sentence.bytes.start, end));
        }
        for at in (0..words.len()).filter(|&at| among(REPORTERS, &strip(&text[words[at].start..words[at].end], |_| false))) {
            let written = |word: &Word| &text[word.start..word.end];
            let reach = &words[at..words.len().min(at + 1 + BY_REPORTER)];
            let end = reach.iter().position(|word| word.mark || among(REPORTS, written(word))).unwrap_or(reach.len());
            let near = words[at.saturating_sub(NEAR)..at].iter().chain(reach);
            if !near.into_iter().any(|word| among(HARMED, &strip(written(word), |_| false))) {
                out.push(document.text.original_span(reach[0].start, reach[end - 1].end));
            }
        }
        let said_on = mediums(text, words).into_iter();
        out.extend(said_on.map(|on| document.text.original_span(words[on.start].start, words[on.end - 1].end)));
    }
    out
}

/// Adjectives, as [`spelt`], that make another body of one: «مجلس الأمن القومي».
const OTHERS: &str = "القومي القوميه الوطني الوطنيه العالي العاليه الرئيسي الثاني الثانيه المركزي المركزيه المحلي المحليه الاقليمي الاقليميه \
    الاسلامي الاسلاميه الملكي الملكيه الشعبي الشعبيه العسكري العسكريه المدني المدنيه السياسي السياسيه الاهلي الرياضي التنفيذي التشريعي";

/// Nouns before a place that is the same without them.
const LANDS: &str = "قطاع مدينة محافظة منطقة دولة جمهورية مملكة سلطنة إمارة ولاية إقليم بلدة قرية جزيرة قضاء ناحية حي";

/// A name and how much the article speaks of it.
struct Candidate<'a> {
    /// As it is written first, or first in the nominative.
    name: &'a str,
    kind: &'a str,
    /// Words of the name without differences of spelling.
    words: Vec<String>,
    titled: bool,
    /// Where the text names it first, in code points.
    first: usize,
    mentions: usize,
    weight: f32,
}

/// The article's main persons, bodies and places: by mentions outside what is `unsaid`, earlier ones first among equals. A part of a
/// longer name counts for that name; outlets are chosen only where the headline and the text speak of them.
pub fn main_entities(entities: &[Entity], unsaid: &[(usize, usize)]) -> Vec<Target> {
    let said = |e: &Entity| e.field.is_some() || !unsaid.iter().any(|&(start, end)| start <= e.start && e.end <= end);
    let mut found: Vec<Candidate<'_>> = Vec::new();
    let mut index: HashMap<String, usize> = HashMap::new();
    for entity in entities.iter().filter(|e| e.kind != "MISC" && said(e)) {
        let title = entity.field.is_some();
        let words: Vec<String> = entity.name.split_whitespace().map(|word| spelt(word, &entity.kind)).collect();
        let at = *index.entry(words.concat()).or_insert_with(|| {
            found.push(Candidate {
                name: &entity.name,
                kind: &entity.kind,
                words,
                titled: false,
                first: usize::MAX,
                mentions: 0,
                weight: 0.0,
            });
            found.len() - 1
        });
        let candidate = &mut found[at];
        if entity.name.ends_with("ون") && !candidate.name.ends_with("ون") {
            candidate.name = &entity.name; // «الحوثيون», where the article has that too
        }
        candidate.titled |= title;
        candidate.first = if title { candidate.first } else { candidate.first.min(entity.start) };
        candidate.mentions += 1;
        let kind = match candidate.kind {
            "PER" => OF_PERSON,
            "LOC" => OF_PLACE,
            _ => 1.0,
        };
        candidate.weight += if title { kind * IN_TITLE } else { kind };
    }
    let wholes: Vec<Option<usize>> = (0..found.len()).map(|i| whole(&found, i)).collect();
    for part in 0..found.len() {
        let Some(longest) = std::iter::successors(wholes[part], |&next| wholes[next]).last() else { continue };
        let (titled, mentions, weight) = (found[part].titled, found[part].mentions, std::mem::take(&mut found[part].weight));
        found[longest].titled |= titled;
        found[longest].mentions += mentions;
        found[longest].weight += weight;
    }
    for once in found.iter_mut().filter(|c| c.kind == "PER" && c.words.len() == 1 && c.mentions == 1 && !c.titled) {
        once.weight *= IN_PASSING;
    }
    let own = |c: &Candidate<'_>| c.mentions >= OF_PRESS && (c.titled || is_platform(c.name));
    let quoted = |c: &Candidate<'_>| c.kind == "ORG" && (is_press(c.name) || is_platform(c.name)) && !own(c);
    found.retain(|c| c.weight > 0.0 && !quoted(c) && (c.kind == "PER" || !is_generic(c.name)));
    found.sort_by(|a, b| b.weight.total_cmp(&a.weight)); // stable
    found.into_iter().take(MAIN_ENTITIES).map(|c| Target { text: c.name.to_string(), kind: StanceKind::Entity }).collect()
}

/// A word of a name without differences of spelling and, of a body, of case: «الحوثيون» are «الحوثيين».
fn spelt(word: &str, kind: &str) -> String {
    let mut out: String = word.chars().map(fold_letter).collect();
    if kind == "ORG" && out.starts_with("ال") && out.chars().count() > 6 && out.ends_with("ون") {
        out.truncate(out.len() - "ون".len());
        out.push_str("ين");
    }
    out
}

/// The longest name that a name is a part of, unless there are two: relatives share one.
fn whole(found: &[Candidate<'_>], part: usize) -> Option<usize> {
    let wholes: Vec<usize> = (0..found.len()).filter(|&other| is_part(&found[part], &found[other])).collect();
    let mut longest = wholes.iter().filter(|&&one| !wholes.iter().any(|&other| is_part(&found[one], &found[other])));
    longest.next().copied().filter(|_| longest.next().is_none())
}

/// Whether one name is a shorter form of another: words of a person's in their order, a body or place without the noun before it
/// («جبل لبنان» is not «لبنان»), or a body's first words from three on, or its first alone («المرصد») where the text has it in full
/// before: «الاتحاد» is a club until «الاتحاد الآسيوي» comes.
/// «سلمان بن عبدالعزيز» is the father of «محمد بن سلمان بن عبدالعزيز».
fn is_part(part: &Candidate<'_>, whole: &Candidate<'_>) -> bool {
    if part.kind != whole.kind || part.words.len() >= whole.words.len() {
        return false;
    }
    if part.kind != "PER" {
        let noun =
            || whole.name.split_whitespace().next().is_some_and(|noun| is_generic(noun) && (part.kind != "LOC" || among(LANDS, noun)));
        let group = || part.words.len() == 1 && stem(&part.words[0]) == stem(&whole.words[1]); // «الحوثيين», «ميليشيا الحوثي»
        let bare = whole.words.len() == part.words.len() + 1 && noun() && (whole.words.ends_with(&part.words) || group());
        // «وزارة الداخلية» is not the Spanish one that it spoke to, where it comes first and more often.
        let (one, before) = (part.words.len() == 1, whole.first < part.first);
        let short = part.words.len() > 2 || one && before && part.words[0].starts_with("ال");
        let known = before || !one && whole.mentions >= part.mentions;
        let begins = part.kind == "ORG" && whole.words.starts_with(&part.words);
        return bare || begins && (short || known && is_epithet(&whole.words[part.words.len()..]));
    }
    let first = whole.words.iter().position(|word| Some(word) == part.words.first());
    let child = first.and_then(|at| at.checked_sub(1)).is_some_and(|before| matches!(whole.words[before].as_str(), "بن" | "ابن" | "بنت"));
    let mut rest = whole.words.iter();
    !child && part.words.iter().all(|word| rest.any(|other| other == word))
}

/// What the words for a group's member, for several, and for what is theirs have in common, as [`spelt`].
fn stem(word: &str) -> &str {
    word.strip_suffix("ين").or_else(|| word.strip_suffix('ه')).unwrap_or(word)
}

/// Whether words behind a body's name only say whose it is, or which sport's: «وزارة الداخلية اللبنانية».
fn is_epithet(words: &[String]) -> bool {
    match words {
        [one] => one.starts_with("ال") && (one.ends_with("ي") || one.ends_with("يه")) && !among(OTHERS, one),
        [game, of] => game == "لكره" && of.starts_with("ال"),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Article;
    use crate::model::{Device, Model, Source};

    fn entity(name: &str, kind: &str, start: usize) -> Entity {
        let name = name.to_string();
        Entity { text: name.clone(), kind: kind.into(), start, end: start + 1, score: 1.0, name, field: None }
    }

    fn names(entities: &[Entity], unsaid: &[(usize, usize)]) -> Vec<String> {
        main_entities(entities, unsaid).into_iter().map(|target| target.text).collect()
    }

    #[test]
    fn by_mentions_and_place() {
        let entities = [
            entity("روسيا", "LOC", 0),
            entity("السوري", "MISC", 5),
            entity("حلب", "LOC", 400),
            entity("حلب", "LOC", 500),
            entity("لافروف", "PER", 600),
            entity("الناتو", "ORG", 700),
            entity("تركيا", "LOC", 710),
        ];
        assert_eq!(names(&entities, &[]), ["الناتو", "لافروف", "حلب"], "one word once counts less");
        assert_eq!(names(&entities, &[(699, 705)]), ["لافروف", "حلب", "روسيا"], "share buttons and related links");
    }

    #[test]
    fn parts_of_a_name_count_for_the_whole() {
        let parts =
            |all: &[(&str, &str)]| names(&(900..).zip(all).map(|(start, (name, kind))| entity(name, kind, start)).collect::<Vec<_>>(), &[]);
        assert_eq!(
            parts(&[("ترامب", "PER"), ("إيران", "LOC"), ("دونالد ترامب", "PER"), ("إيران", "LOC"), ("ترامب", "PER")]),
            ["دونالد ترامب", "إيران"]
        );
        assert_eq!(
            parts(&[("سالم", "PER"), ("زيد", "PER"), ("عمرو سالم", "PER"), ("زيد", "PER")]),
            ["زيد", "عمرو سالم"],
            "earlier first among equals"
        );
        assert_eq!(parts(&[("فتحي", "PER"), ("بلقيس فتحي", "PER"), ("بلقيس احمد فتحي", "PER")]), ["بلقيس احمد فتحي"]);
        let brothers = ["الربعي", "أحمد الربعي", "سالم الربعي"];
        let apart = ["أحمد الربعي", "سالم الربعي", "الربعي"];
        assert_eq!(parts(&brothers.map(|name| (name, "PER"))), apart, "whose it is, is not known");
        let brother = ["الربعي", "أحمد الربعي", "احمد الربعي"];
        assert_eq!(parts(&brother.map(|name| (name, "PER"))), ["أحمد الربعي"], "one man, spelt in two ways");
        let family = ["محمد بن سلمان بن عبدالعزيز", "سلمان بن عبدالعزيز", "محمد بن سلمان"];
        assert_eq!(parts(&family.map(|name| (name, "PER"))), family[..2], "a father is not his son");
        assert_eq!(parts(&[("غزة", "LOC"), ("قطاع غزة", "LOC"), ("قطاع غزة", "ORG")]), ["قطاع غزة"]);
        assert_eq!(parts(&[("حماس", "ORG"), ("حركة حماس", "ORG"), ("قيادة حركة حماس", "ORG")]), ["حركة حماس", "قيادة حركة حماس"]);
        assert_eq!(parts(&[("نجران", "LOC"), ("جامعة نجران", "ORG")]).len(), 2, "a body is not its place");
        let ministries = ["وزارة الداخلية", "وزارة الداخلية الإسبانية", "وزارة الداخلية"];
        assert_eq!(parts(&ministries.map(|name| (name, "ORG"))), ministries[..2], "one works with the other");
        let bodies = ["المرصد السوري لحقوق الإنسان", "المرصد", "مجلس الأمن", "مجلس الأمن الدولي", "وزارة التعليم", "وزارة التعليم العالي"];
        assert_eq!(
            parts(&bodies[..4].iter().map(|&name| (name, "ORG")).collect::<Vec<_>>()),
            ["المرصد السوري لحقوق الإنسان", "مجلس الأمن الدولي"]
        );
        let group = ["الحوثيين", "ميليشيا الحوثي", "الحوثيون", "حركة فتح", "فتح الإسلام"];
        assert_eq!(parts(&group[..1].iter().chain(&group[2..3]).map(|&name| (name, "ORG")).collect::<Vec<_>>()), ["الحوثيون"]);
        assert_eq!(parts(&group.map(|name| (name, "ORG"))), ["ميليشيا الحوثي", "حركة فتح", "فتح الإسلام"]);
        assert_eq!(parts(&[("عبد الرشيد", "PER"), ("عبدالرشيد", "PER")]), ["عبد الرشيد"]);
        let club = ["الاتحاد", "الاتحاد الآسيوي"];
        assert_eq!(parts(&club.map(|name| (name, "ORG"))), club, "the club is no short form of what comes behind it");
        let lands = ["لبنان", "جبل لبنان", "لبنان", "حمص", "محافظة حمص"];
        assert_eq!(parts(&lands.map(|name| (name, "LOC"))), ["لبنان", "محافظة حمص", "جبل لبنان"]);
        assert_eq!(parts(&[("بحر", "PER"), ("بحر", "PER"), ("محافظة", "LOC")]), ["بحر"], "a family's name");
        assert_eq!(parts(&bodies[4..].iter().map(|&name| (name, "ORG")).collect::<Vec<_>>()).len(), 2);
    }

    #[test]
    fn agencies_and_bare_nouns_are_no_subject() {
        let entities = [entity("واس", "ORG", 1), entity("محافظة", "LOC", 9), entity("فرانس برس", "ORG", 20), entity("جازان", "LOC", 30)];
        assert_eq!(names(&entities, &[]), ["جازان"]);
        assert_eq!(names(&[entity("قنا", "LOC", 1)], &[]), ["قنا"], "a place of the name of an agency");
        let titled = Entity { field: Some("title".into()), ..entity("فرانس برس", "ORG", 3) };
        assert_eq!(names(&[entities.as_slice(), std::slice::from_ref(&titled)].concat(), &[]), ["جازان"], "the headline says who wrote it");
        let again = entity("فرانس برس", "ORG", 50);
        let press = ["وكالة الأنباء السعودية", "صحيفة عكاظ", "هسبريس", "صحيفة الوطن", "وكالة ناسا", "الاتحاد"];
        assert_eq!(names(&[entities.as_slice(), &[titled, again]].concat(), &[]), ["فرانس برس", "جازان"]);
        assert_eq!(names(&press.map(|n| entity(n, "ORG", 1)), &[]), ["وكالة ناسا", "الاتحاد"], "by itself it is a club");
    }

    #[test]
    fn platforms_are_subjects_where_nothing_is_said_on_them() -> crate::Result<()> {
        let named = |name: &str, count: usize| (0..count).map(|at| entity(name, "ORG", 10 * at)).collect::<Vec<_>>();
        assert_eq!(names(&named("فيسبوك", 3), &[]), ["فيسبوك"], "without a headline");
        assert!(names(&named("فيسبوك", 2), &[]).is_empty());
        assert!(names(&named("فيسبوك", 3), &[(9, 12)]).is_empty(), "once something is said on it");
        assert!(names(&named("موقع تويتر", 2), &[]).is_empty());
        assert_eq!(names(&named("شركة تويتر", 1), &[]), ["شركة تويتر"]);
        assert!(names(&named("هسبريس", 3), &[]).is_empty(), "an outlet is quoted as often as that");
        let model = Model::load(&Source::Bundled, &Device::Cpu, None)?;
        let text = "أعلنت فيسبوك إغلاق الحسابات.\nوكتب الوزير على موقع فيسبوك ذلك.";
        let document = Document::new(&Article::new(text), &model.tokenizer, model.config.mujaz()?);
        let start = text.chars().count() - "على موقع فيسبوك ذلك.".chars().count();
        assert_eq!(unsaid(&document), [(start, start + "على موقع فيسبوك".chars().count())]);
        Ok(())
    }

    #[test]
    fn reporters_are_unsaid_but_not_their_news() -> crate::Result<()> {
        let model = Model::load(&Source::Bundled, &Device::Cpu, None)?;
        let found = |text: &str| -> crate::Result<Vec<String>> {
            let document = Document::new(&Article::new(text), &model.tokenizer, model.config.mujaz()?);
            let spans = unsaid(&document).into_iter();
            Ok(spans.filter_map(|(start, end)| crate::text::normalise::char_slice(text, start, end)).map(str::to_string).collect())
        };
        assert_eq!(found("وقال مراسل بي بي سي في دمشق عساف عبود إن القصف توقف.")?, ["مراسل بي بي سي في دمشق عساف عبود"]);
        assert_eq!(found("وأفاد مراسلنا بأن نتنياهو بحث مع ترامب الملف.")?, ["مراسلنا"]);
        assert!(found("مقتل مراسل قناة الجزيرة محمد المسالمة في درعا.")?.is_empty(), "he is the news");
        assert!(found("أعلن موفد الأمم المتحدة ستافان دي ميستورا جولة جديدة.")?.is_empty(), "an envoy");
        Ok(())
    }

    #[test]
    fn the_headline_again_is_unsaid() -> crate::Result<()> {
        let model = Model::load(&Source::Bundled, &Device::Cpu, None)?;
        let text = "لافروف يزور حلب.\nلافروف يزور حلب غدا.";
        let found = |title: Option<&str>| -> crate::Result<Vec<(usize, usize)>> {
            let mut article = Article::new(text);
            article.title = title.map(str::to_string);
            Ok(unsaid(&Document::new(&article, &model.tokenizer, model.config.mujaz()?)))
        };
        assert_eq!(found(Some("لافروف يزور حلب"))?, [(0, 16)]);
        assert!(found(Some("لافروف في دمشق"))?.is_empty() && found(None)?.is_empty());
        Ok(())
    }

    #[test]
    fn datelines_and_bylines_are_unsaid() -> crate::Result<()> {
        let model = Model::load(&Source::Bundled, &Device::Cpu, None)?;
        let text = "أبها 25 شوال 1436 هـ الموافق 10 أغسطس 2015 م واس\nدبي، الإمارات العربية المتحدة (CNN)-- وصل الوزير.\nAHDATH.INFO\nو م ع\nاقرأ أيضا: خبر آخر\nثم غادر.";
        let document = Document::new(&Article::new(text), &model.tokenizer, model.config.mujaz()?);
        let found: Vec<&str> =
            unsaid(&document).into_iter().filter_map(|(start, end)| crate::text::normalise::char_slice(text, start, end)).collect();
        assert_eq!(
            found,
            [
                "أبها 25 شوال 1436 هـ الموافق 10 أغسطس 2015 م واس",
                "دبي، الإمارات العربية المتحدة (CNN)--",
                "AHDATH.INFO",
                "و م ع",
                "اقرأ أيضا: خبر آخر"
            ]
        );
        Ok(())
    }
}
