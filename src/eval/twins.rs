//! Texts that stand in labelled data more than once: repetitions, leaks between files, labels that contradict each other.

use super::finding::{Finding, Severity, push};
use crate::data::StanceKind;
use crate::data::labelled::{GoldEntity, GoldStance, Labelled, Placed};
use crate::text::normalise::Original;
use crate::text::{Normalized, words};
use std::collections::{BTreeSet, HashMap, HashSet};
use std::hash::{DefaultHasher, Hash, Hasher};

/// Words of a shingle, and the share of shingles that makes two articles near-duplicates.
const SHINGLE: usize = 5;
const NEAR: f64 = 0.8;
/// Shingles of a phrase, which texts may share.
const PHRASE: usize = 10;
/// Shingles that more texts than this hold are of a footer or a form of words, and say nothing of two texts: they are passed
/// by, for every pair of their holders would be compared. Copies of one text count once.
const COMMON: usize = 100;

/// What is wrong with texts that records share: repetitions and leaks first, then conflicts.
pub(super) fn find(records: &[Placed]) -> Vec<Finding> {
    let mut found = Vec::new();
    let prints: Vec<Vec<u64>> = records.iter().map(|placed| fingerprint(&placed.record.article.text)).collect();
    check_duplicates(records, &prints, &mut found);
    check_conflicts(records, &prints, &mut found);
    found
}

/// Hashes of a text's runs of words, in ascending order and each once; none for marks alone, which are no text to repeat.
fn fingerprint(text: &str) -> Vec<u64> {
    let normalized = Normalized::new(text);
    let text = normalized.text();
    let tokens: Vec<&str> = words(text).into_iter().filter(|w| !w.mark).map(|w| &text[w.start..w.end]).collect();
    let hash = |window: &[&str]| {
        let mut hasher = DefaultHasher::new();
        window.hash(&mut hasher);
        hasher.finish()
    };
    let mut out: Vec<u64> = match tokens.len() {
        0 => Vec::new(),
        few if few < SHINGLE => vec![hash(&tokens)],
        _ => tokens.windows(SHINGLE).map(hash).collect(),
    };
    out.sort_unstable();
    out.dedup();
    out
}

/// Equal and nearly equal texts, or one inside the other: a leak between files, a repetition within one. Each record is
/// held against its nearest twin in every file. Records that ask different stance targets of one text are not repetitions.
fn check_duplicates(records: &[Placed], prints: &[Vec<u64>], found: &mut Vec<Finding>) {
    let near = near_texts(prints);
    let mut earlier: HashMap<&[u64], HashMap<&str, Holders<'_>>> = HashMap::new();
    for (i, (placed, own)) in records.iter().zip(prints).enumerate().filter(|(_, (_, own))| !own.is_empty()) {
        let (file, asked) = (placed.file.as_str(), targets(&placed.record));
        let twin = |(other, holders): (&&str, &Holders<'_>)| {
            if *other == file { holders.asking.get(&asked).copied() } else { Some(holders.first) }
        };
        let texts = near.get(own.as_slice()).into_iter().flatten().copied().chain([(own.as_slice(), 1.0)]);
        let holders =
            texts.flat_map(|(text, likeness)| earlier.get(text).into_iter().flatten().filter_map(twin).map(move |j| (j, likeness)));
        let mut twins: Vec<(usize, f64)> = holders.collect();
        twins.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
        let mut files = HashSet::new();
        twins.retain(|&(j, _)| files.insert(&records[j].file));
        for (j, likeness) in twins {
            report_twin(&records[j], placed, likeness == 1.0, found);
        }
        let own = earlier.entry(own).or_default().entry(file).or_insert_with(|| Holders { first: i, asking: HashMap::new() });
        own.asking.entry(asked).or_insert(i);
    }
}

/// Of the records of one file that hold a text: the first, and the first that asks each set of targets. Later ones are nobody's
/// nearest twin, and a file may have thousands of one text.
struct Holders<'a> {
    first: usize,
    asking: HashMap<Vec<Target<'a>>, usize>,
}

/// For each text those that it nearly equals, or that stand inside it or it in them, with the share of shingles in both.
type Near<'a> = HashMap<&'a [u64], Vec<(&'a [u64], f64)>>;

fn near_texts(prints: &[Vec<u64>]) -> Near<'_> {
    let texts: Vec<&[u64]> = prints.iter().map(Vec::as_slice).collect::<BTreeSet<_>>().into_iter().collect();
    let mut index: HashMap<u64, Vec<usize>> = HashMap::new();
    for (i, text) in texts.iter().enumerate() {
        text.iter().for_each(|s| index.entry(*s).or_default().push(i));
    }
    index.retain(|_, holders| holders.len() <= COMMON);
    let lengths: Vec<usize> = texts.iter().map(|text| text.iter().filter(|s| index.contains_key(s)).count()).collect();
    let mut near = Near::new();
    for (i, text) in texts.iter().enumerate() {
        let mut shared: HashMap<usize, usize> = HashMap::new();
        for &before in text.iter().filter_map(|s| index.get(s)).flat_map(|holders| holders.iter().take_while(|&&j| j < i)) {
            *shared.entry(before).or_default() += 1;
        }
        for (j, count) in shared {
            let (less, more) = (lengths[i].min(lengths[j]), lengths[i].max(lengths[j]));
            // A text inside another counts where it is more than a phrase.
            if count as f64 >= NEAR * if less < PHRASE { more } else { less } as f64 {
                let both = text.iter().filter(|s| texts[j].binary_search(s).is_ok()).count();
                let likeness = both as f64 / (text.len() + texts[j].len() - both) as f64;
                near.entry(text).or_default().push((texts[j], likeness));
                near.entry(texts[j]).or_default().push((text, likeness));
            }
        }
    }
    near
}

/// What a stance is toward: its text and what it is.
type Target<'a> = (&'a str, StanceKind);

fn target(stance: &GoldStance) -> Target<'_> {
    (&stance.target, stance.kind)
}

/// The targets of a record, each once, in one order.
fn targets(record: &Labelled) -> Vec<Target<'_>> {
    let mut out: Vec<Target<'_>> = record.stance.iter().flatten().map(target).collect();
    out.sort_by_key(|(text, kind)| (*text, *kind == StanceKind::Claim));
    out.dedup();
    out
}

fn report_twin(earlier: &Placed, placed: &Placed, same: bool, found: &mut Vec<Finding>) {
    let at = format!("{}:{}", earlier.file, earlier.line);
    let likeness = if same { "the same text as" } else { "nearly the same text as" };
    if earlier.file == placed.file {
        push(found, placed, Severity::Warning, "duplicate", format!("{likeness} {at}"));
    } else {
        push(found, placed, Severity::Error, "leak", format!("{likeness} {at}, in another file"));
    }
}

/// What a text has one true answer to.
#[derive(PartialEq, Eq, Hash)]
enum Question<'a> {
    Topics,
    Stance(Target<'a>),
    /// The type of a name; whether it stands in the title, and its first code point.
    Entity(&'a str, bool, usize),
}

impl std::fmt::Display for Question<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Topics => write!(f, "topics"),
            Self::Stance((text, _)) => write!(f, "stance toward {text:?}"),
            Self::Entity(name, _, start) => write!(f, "type of {name:?} at {start}"),
        }
    }
}

/// What a record says; of several answers to a question any is right. It may answer a question twice, and need not answer all.
fn answers(record: &Labelled) -> Vec<(Question<'_>, Vec<String>)> {
    let article = &record.article;
    let (title, text) = (Original::new(article.title.as_deref().unwrap_or("")), Original::new(&article.text));
    let entity = |e: &GoldEntity| {
        let name = e.surface(if e.title { &title } else { &text }).ok()?;
        Some((Question::Entity(name, e.title, e.start), vec![e.kind.clone()]))
    };
    let topics = record.topics.iter().map(|topics| (Question::Topics, vec![topics.join(", ")]));
    let stances = record.stance.iter().flatten();
    let stances = stances.map(|s| (Question::Stance(target(s)), s.label.split('|').map(str::to_string).collect()));
    topics.chain(stances).chain(record.entities.iter().flatten().filter_map(entity)).collect()
}

/// For each question about a text, who answered it first and what may be right.
type Said<'a> = HashMap<Question<'a>, (&'a Placed, Vec<String>)>;

/// Different answers to a question about one text, in one record or in several.
fn check_conflicts(records: &[Placed], prints: &[Vec<u64>], found: &mut Vec<Finding>) {
    let mut said: HashMap<&[u64], Said<'_>> = HashMap::new();
    for (placed, print) in records.iter().zip(prints).filter(|(_, print)| !print.is_empty()) {
        let said = said.entry(print).or_default();
        for (question, labels) in answers(&placed.record) {
            let name = question.to_string();
            let (first, before) = said.entry(question).or_insert_with(|| (placed, labels.clone()));
            let common: Vec<String> = before.iter().filter(|label| labels.contains(label)).cloned().collect();
            if common.is_empty() {
                let own = std::ptr::eq(*first, placed);
                let at = if own { "the same record".to_string() } else { format!("the same text at {}:{}", first.file, first.line) };
                let message = format!("{name}: {} here, {} in {at}", labels.join("|"), before.join("|"));
                push(found, placed, Severity::Error, "label-conflict", message);
            } else if common.len() < before.len() {
                (*first, *before) = (placed, common);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::Article;

    const TEXT: &str = "أعلن الوزير أن الحكومة ستواصل العمل في المدينة حتى نهاية العام الحالي دون توقف";

    fn placed(file: &str, line: u64, text: &str) -> Placed {
        let record = Labelled { article: Article::new(text), ..Labelled::default() };
        Placed { file: file.into(), line, record, surfaces: Vec::new(), columns: false }
    }

    /// A record in a file of its own name, with stances as "target label".
    fn stances(line: u64, given: &[(&str, &str)]) -> Placed {
        let pair = |&(target, label): &(&str, &str)| GoldStance { target: target.into(), kind: StanceKind::Entity, label: label.into() };
        let mut out = placed("a", line, TEXT);
        out.record.stance = Some(given.iter().map(pair).collect());
        out
    }

    fn entity(line: u64, kind: &str) -> Placed {
        let mut out = placed("a", line, TEXT);
        out.record.entities = Some(vec![GoldEntity { start: 5, end: 11, kind: kind.into(), title: false }]);
        out.surfaces = vec![None];
        out
    }

    /// Kind, file and line of twins and conflicts.
    fn twins(records: &[Placed]) -> Vec<(String, String, u64)> {
        find(records).into_iter().map(|f| (f.kind, f.file, f.line)).collect()
    }

    fn at(kind: &str, file: &str, line: u64) -> (String, String, u64) {
        (kind.into(), file.into(), line)
    }

    #[test]
    fn labels_conflict_by_target_and_by_span() {
        let (favor, neutral) = (("روسيا", "favor"), ("مصر", "neutral"));
        assert_eq!(twins(&[stances(1, &[favor, neutral]), stances(2, &[neutral, favor])]), [at("duplicate", "a", 2)]);
        let against = ("روسيا", "against");
        assert_eq!(twins(&[stances(1, &[favor, neutral]), stances(2, &[against])]), [at("label-conflict", "a", 2)]);
        assert_eq!(twins(&[stances(1, &[favor, neutral, against])]), [at("label-conflict", "a", 1)]);
        let records = [stances(1, &[neutral]), stances(2, &[favor]), stances(3, &[against])];
        let behind = [at("duplicate", "a", 3), at("label-conflict", "a", 3)];
        assert_eq!(twins(&records), behind, "a record that asks of another target hides nothing");
        let either = ("مصر", "neutral|unrelated");
        assert_eq!(twins(&[stances(1, &[either, neutral])]), []);
        assert_eq!(twins(&[stances(1, &[either, neutral, ("مصر", "unrelated")])]), [at("label-conflict", "a", 1)]);
        let pair = |kind| twins(&[entity(1, "PER"), entity(2, kind)]);
        assert_eq!(pair("PER"), [at("duplicate", "a", 2)]);
        assert_eq!(pair("ORG"), [at("duplicate", "a", 2), at("label-conflict", "a", 2)]);
    }

    #[test]
    fn leaks_are_found_in_any_order_and_behind_twins() {
        let long = format!("{TEXT} وقال إن ذلك يشمل كل القرى المجاورة أيضا، ونقلت عنه الوكالة أن العمل يبدأ غدا");
        for (first, second) in [(TEXT, long.as_str()), (&long, TEXT)] {
            assert_eq!(twins(&[placed("a", 1, first), placed("b", 1, second)]), [at("leak", "b", 1)]);
        }
        let near = format!("{TEXT} وغدا");
        let records = [placed("a", 1, TEXT), placed("b", 1, &near), placed("b", 2, &near), placed("c", 1, TEXT)];
        let wanted = [at("leak", "b", 1), at("duplicate", "b", 2), at("leak", "b", 2), at("leak", "c", 1), at("leak", "c", 1)];
        assert_eq!(twins(&records), wanted);
    }

    /// So many words that stand nowhere else.
    fn body(first: usize, count: usize) -> String {
        let letters: Vec<char> = "بتثجحخدذرزسشصضطظعغفق".chars().collect();
        let word = |n: usize| [n / 400, n / 20, n].map(|digit| letters[digit % 20]).iter().collect::<String>();
        (first..first + count).map(word).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn a_footer_that_many_texts_share_makes_no_twins() {
        let footer = body(7000, 60);
        let mut records: Vec<Placed> = (0..=COMMON).map(|i| placed("a", i as u64, &format!("{} {footer}", body(i * 12, 12)))).collect();
        assert_eq!(twins(&records), [], "though the footer is four fifths of each");
        records.push(placed("b", 1, &format!("وغدا {} {footer}", body(7 * 12 + 1, 11))));
        records.push(placed("b", 2, &format!("{} {footer}", body(9 * 12, 12))));
        assert_eq!(twins(&records), [at("leak", "b", 1), at("leak", "b", 2)]);
        assert_eq!(twins(&records[6..9]).len(), 2, "few texts that share so much are twins");
    }

    #[test]
    fn copies_of_a_text_are_found_however_many() {
        let mut records: Vec<Placed> = (0..=2 * COMMON as u64).map(|i| placed("a", i, TEXT)).collect();
        records.push(placed("b", 1, &format!("{TEXT} وغدا")));
        let found = twins(&records);
        assert_eq!((found.len(), found.last()), (2 * COMMON + 1, Some(&at("leak", "b", 1))));
    }

    /// Placeholders, and tables of stances: each record held against all before it would take minutes.
    #[test]
    fn a_text_that_thousands_share_takes_no_longer() {
        let count = 20_000;
        let name = |i: u64| format!("روسيا {i}");
        let records: Vec<Placed> = (0..count).map(|i| stances(i, &[(&name(i % (count - 1)), "favor")])).collect();
        let prints = vec![vec![7]; records.len()];
        let mut found = Vec::new();
        check_duplicates(&records, &prints, &mut found);
        assert_eq!(found.iter().map(|f| f.line).collect::<Vec<_>>(), [count - 1]);
    }
}
