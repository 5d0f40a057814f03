//! What an article is about: the persons, bodies and places that get a stance when no target is given.

use super::pool::{repeats_title, title_words};
use super::stance::Target;
use crate::data::{Entity, StanceKind};
use crate::pipeline::document::{Document, Field};
use crate::text::asides::{dateline, is_byline, is_outlet, is_platform, is_press, mediums};
use crate::text::clitics::{is_generic, strip};
use crate::text::normalise::fold_letter;
use crate::text::words::{Word, among};
use std::collections::HashMap;
use std::ops::Range;

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

/// What an article says of its names by where they stand.
#[derive(Default)]
pub struct Setting {
    /// Code points of the text that the article does not say itself: page furniture, bylines, datelines, the headline again, platforms
    /// that something is said on, and lines without Arabic.
    unsaid: Vec<(usize, usize)>,
    /// Where in the text, in code points, the words behind «صحيفة», «قناة» and the like begin.
    outlets: Vec<usize>,
}

impl Setting {
    /// That of a document.
    pub fn of(document: &Document) -> Self {
        let text = document.text.text();
        let title = title_words(document);
        let mut out = Self::default();
        for sentence in document.sentences.iter().filter(|s| s.field == Field::Text) {
            let words = &document.words[sentence.words.clone()];
            let foreign = !text[sentence.bytes.clone()].contains(|c: char| ('\u{620}'..='\u{64a}').contains(&c));
            let end = if sentence.boilerplate || foreign || is_byline(text, words) || repeats_title(document, sentence, &title) {
                sentence.bytes.end
            } else {
                dateline(text, words).checked_sub(1).map_or(sentence.bytes.start, |last| words[last].end)
            };
            if end > sentence.bytes.start {
                out.unsaid.push(document.text.original_span(sentence.bytes.start, end));
            }
            let said_on = mediums(text, words).into_iter();
            let said =
                said_on.chain(reporters(text, words)).map(|on| document.text.original_span(words[on.start].start, words[on.end - 1].end));
            out.unsaid.extend(said);
            for (noun, rest) in words.iter().zip((1..).map(|at| &words[at..])) {
                let name = rest.iter().find(|word| !word.mark).map(|word| (word.start, &text[word.start..word.end]));
                let (start, first) = name.unwrap_or_default();
                if is_outlet(&strip(&text[noun.start..noun.end], |_| false), first) {
                    out.outlets.push(document.text.original_span(start, start + first.len()).0);
                }
            }
        }
        out
    }
}

/// Reporters (as indices of `words`, a sentence of `text`) with what names them, but where they are the news.
fn reporters<'a>(text: &'a str, words: &'a [Word]) -> impl Iterator<Item = Range<usize>> + 'a {
    let written = move |word: &Word| &text[word.start..word.end];
    let found = (0..words.len()).filter(move |&at| among(REPORTERS, &strip(written(&words[at]), |_| false)));
    found.filter_map(move |at| {
        let reach = &words[at..words.len().min(at + 1 + BY_REPORTER)];
        let end = reach.iter().position(|word| word.mark || among(REPORTS, written(word))).unwrap_or(reach.len());
        let near = words[at.saturating_sub(NEAR)..at].iter().chain(reach);
        let harmed = near.into_iter().any(|word| among(HARMED, &strip(written(word), |_| false)));
        (!harmed).then_some(at..at + end)
    })
}

/// Adjectives, as [`spelt`], that make another body of one: «مجلس الأمن القومي».
const OTHERS: &str = "القومي القوميه الوطني الوطنيه العالي العاليه الرئيسي الثاني الثانيه المركزي المركزيه المحلي المحليه الاقليمي الاقليميه \
    الاسلامي الاسلاميه الملكي الملكيه الشعبي الشعبيه العسكري العسكريه المدني المدنيه السياسي السياسيه الاهلي الرياضي التنفيذي التشريعي";

/// Nouns before a body that name another, which is a part of it or belongs to it: «أكاديمية أرسنال».
const WITHIN: &str = "أكاديمية سفارة مكتبة مكتب لجنة إدارة رئاسة مجلس حرس كتائب سرايا ألوية";

/// What an armed group is called before its name, as [`spelt`].
const MILITIAS: &str = "ميليشيا ميليشيات مليشيا مليشيات جماعه عصابات";

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
    /// Of an outlet, by its own first word or the noun before it.
    outlet: bool,
}

/// The article's main persons, bodies and places: by mentions in what it says itself, earlier ones first among equals. A part of a
/// longer name counts for that name; outlets are chosen only where the headline and the text speak of them.
pub fn main_entities(entities: &[Entity], setting: &Setting) -> Vec<Target> {
    let said = |e: &Entity| e.field.is_some() || !setting.unsaid.iter().any(|&(start, end)| start <= e.start && e.end <= end);
    let mut found: Vec<Candidate<'_>> = Vec::new();
    let mut index: HashMap<String, usize> = HashMap::new();
    for entity in entities.iter().filter(|e| e.kind != "MISC" && said(e)) {
        let title = entity.field.is_some();
        let words: Vec<String> = entity.name.split_whitespace().map(|word| spelt(word, &entity.kind)).collect();
        let at = *index.entry(group(&words).unwrap_or_else(|| words.concat())).or_insert_with(|| {
            found.push(Candidate {
                name: &entity.name,
                kind: &entity.kind,
                words,
                titled: false,
                first: usize::MAX,
                mentions: 0,
                weight: 0.0,
                outlet: false,
            });
            found.len() - 1
        });
        let candidate = &mut found[at];
        if entity.name.ends_with("ون") && !candidate.name.ends_with("ون") {
            candidate.name = &entity.name; // «الحوثيون», where the article has that too
        }
        let (first, rest) = entity.name.split_once(' ').unwrap_or((&entity.name, ""));
        candidate.outlet |= !rest.is_empty() && is_outlet(first, rest) || !title && setting.outlets.contains(&entity.start);
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
    let quoted = |c: &Candidate<'_>| c.kind == "ORG" && (c.outlet || is_press(c.name) || is_platform(c.name)) && !own(c);
    let letters = |c: &Candidate<'_>| c.words.iter().all(|word| word.chars().count() < 2); // «أ ف ب», whose initials they are
    found.retain(|c| c.weight > 0.0 && !quoted(c) && !letters(c) && (c.kind == "PER" || !is_generic(c.name)));
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

/// One word for the ways to name an armed group, with or without what it is: «ميليشيات الحوثي», «الميليشيات الحوثية».
fn group(words: &[String]) -> Option<String> {
    let [noun, whose] = words else { return None };
    let noun = noun.strip_prefix("ال").unwrap_or(noun);
    among(MILITIAS, noun).then(|| format!("{} {}", "ميليشيا", stem(whose.strip_prefix("ال").unwrap_or(whose))))
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
        let noun = whole.name.split_whitespace().next().is_some_and(|noun| match part.kind {
            "LOC" => is_generic(noun) && among(LANDS, noun),
            _ => is_generic(noun) && !among(WITHIN, noun),
        });
        let core = &whole.words[usize::from(noun && part.words[0] != whole.words[0])..];
        let group = noun && core.len() == 1 && part.words.len() == 1 && stem(&part.words[0]) == stem(&core[0]); // «الحوثيين», «ميليشيا الحوثي»
        // «وزارة الداخلية» is not the Spanish one that it spoke to, where it comes first and more often.
        let (one, before) = (part.words.len() == 1, whole.first < part.first);
        let short = part.words.len() > 2 || one && before && part.words[0].starts_with("ال");
        let known = before || !one && whole.mentions >= part.mentions;
        let begins = part.kind == "ORG" && core.starts_with(&part.words);
        let epithet = || known && is_epithet(&core[part.words.len()..]) || !one && known && is_further(&core[part.words.len()..]);
        return group || core == part.words || begins && (core.len() == whole.words.len() && short || epithet());
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

/// Whether words behind a body's name say what it is for, «الهيئة الملكية للجبيل», or are what a name loses where it is taken too short:
/// «حزب التقدم» of «حزب التقدم والاشتراكية».
fn is_further(words: &[String]) -> bool {
    words.first().is_some_and(|first| first.starts_with("وال") || first.starts_with("لل"))
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
        let setting = Setting { unsaid: unsaid.to_vec(), ..Setting::default() };
        main_entities(entities, &setting).into_iter().map(|target| target.text).collect()
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
        let longer = ["الهيئة الملكية", "الهيئة الملكية للجبيل وينبع", "هيئة الهلال الأحمر السعودي", "الهلال الأحمر"];
        assert_eq!(parts(&longer.map(|name| (name, "ORG"))), longer[1..3]);
        for apart in [["أرسنال", "أكاديمية أرسنال"], ["أرامكو", "أرامكو للرئاسة العامة"]] {
            assert_eq!(parts(&apart.map(|name| (name, "ORG"))), apart);
        }
        let party = ["حزب التقدم والاشتراكية", "حزب التقدم"];
        assert_eq!(parts(&party.map(|name| (name, "ORG"))), party[..1], "taken too short");
        let armed = ["ميليشيات الحوثي", "الميليشيات الحوثية", "جماعة الحوثي", "الحوثيين"];
        assert_eq!(parts(&armed.map(|name| (name, "ORG"))), armed[..1]);
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
        let outlets = ["قناة السويس", "إذاعة موزاييك", "قناة النيل", "أ ش أ"];
        assert_eq!(names(&outlets.map(|n| entity(n, "ORG", 1)), &[]), ["قناة السويس"]);
    }

    #[test]
    fn outlets_that_are_only_quoted_are_no_subject() -> crate::Result<()> {
        let model = Model::load(&Source::Bundled, &Device::Cpu, None)?;
        let text = "ونقلت صحيفة \"صنداي تايمز\" البريطانية ذلك، وحفرت قناة السويس. وقالت صنداي تايمز إن بنما غاضبة.";
        let setting = Setting::of(&Document::new(&Article::new(text), &model.tokenizer, model.config.mujaz()?));
        let at = |name: &str, from: usize| {
            from + text.chars().skip(from).collect::<String>().split(name).next().unwrap_or_default().chars().count()
        };
        let found = |entities: &[Entity]| -> Vec<String> { main_entities(entities, &setting).into_iter().map(|t| t.text).collect() };
        let (paper, canal) = (entity("صنداي تايمز", "ORG", at("صنداي", 0)), entity("السويس", "LOC", at("السويس", 0)));
        let again = entity("صنداي تايمز", "ORG", at("صنداي", paper.start + 1));
        assert_eq!(found(&[paper.clone(), canal.clone()]), ["السويس"]);
        assert_eq!(found(&[paper.clone(), again.clone(), canal]), ["السويس"]);
        let titled = Entity { field: Some("title".into()), ..entity("صنداي تايمز", "ORG", 0) };
        assert_eq!(found(&[titled, paper, again]), ["صنداي تايمز"], "the headline is of it");
        Ok(())
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
        assert_eq!(Setting::of(&document).unsaid, [(start, start + "على موقع فيسبوك".chars().count())]);
        Ok(())
    }

    #[test]
    fn reporters_are_unsaid_but_not_their_news() -> crate::Result<()> {
        let model = Model::load(&Source::Bundled, &Device::Cpu, None)?;
        let found = |text: &str| -> crate::Result<Vec<String>> {
            let document = Document::new(&Article::new(text), &model.tokenizer, model.config.mujaz()?);
            let spans = Setting::of(&document).unsaid.into_iter();
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
            Ok(Setting::of(&Document::new(&article, &model.tokenizer, model.config.mujaz()?)).unsaid)
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
        let found: Vec<&str> = Setting::of(&document)
            .unsaid
            .into_iter()
            .filter_map(|(start, end)| crate::text::normalise::char_slice(text, start, end))
            .collect();
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
