//! What would spoil training or evaluation: broken spans, rare labels, duplicates, leaks, wrong encodings.

use crate::data::labelled::{GoldEntity, Labelled, Placed};
use crate::text::normalise::Original;
use crate::text::words::is_mark;
use crate::text::{Normalized, boilerplate, sentences, words};
use serde::Serialize;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::hash::{DefaultHasher, Hash, Hasher};

/// Labels with fewer examples than this are rare.
const RARE: usize = 5;
/// Words of a shingle, and the share of shingles that makes two articles near-duplicates.
const SHINGLE: usize = 5;
const NEAR: f64 = 0.8;

/// How bad a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Worth knowing.
    Note,
    /// Worth a look.
    Warning,
    /// Spoils training or evaluation.
    Error,
}

/// One thing that was found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// How bad it is.
    pub severity: Severity,
    /// Kind, such as "span-text".
    pub kind: String,
    /// File and line; line 0 stands for the file or the whole data.
    pub file: String,
    /// Line, from 1.
    pub line: u64,
    /// What is wrong.
    pub message: String,
}

/// Label sets and window that the data is to be used with.
pub struct Expected {
    /// Topic labels; empty when any is fine.
    pub topics: HashSet<String>,
    /// Entity types.
    pub entities: HashSet<String>,
    /// Stance labels.
    pub stance: HashSet<String>,
    /// Words that fill a window, about.
    pub window_words: usize,
}

/// Everything that is wrong with the records, by file and line; notes about the whole come last.
pub fn check(records: &[Placed], expected: &Expected) -> Vec<Finding> {
    let mut found = Vec::new();
    for placed in records {
        check_text(placed, &mut found);
        check_spans(placed, &mut found);
        check_labels(placed, expected, &mut found);
    }
    check_duplicates(records, &mut found);
    check_balance(records, &mut found);
    check_lengths(records, expected, &mut found);
    found
}

fn push(found: &mut Vec<Finding>, placed: &Placed, severity: Severity, kind: &str, message: String) {
    found.push(Finding { severity, kind: kind.into(), file: placed.file.clone(), line: placed.line, message });
}

fn check_text(placed: &Placed, found: &mut Vec<Finding>) {
    let text = &placed.record.article.text;
    if text.trim().is_empty() {
        push(found, placed, Severity::Error, "empty", "the text is empty".into());
        return;
    }
    if text.contains('\u{fffd}') {
        push(found, placed, Severity::Error, "encoding", "holds U+FFFD: it was decoded with the wrong encoding".into());
    }
    // UTF-8 read as Latin-1 turns Arabic letters into pairs that begin with Ø or Ù.
    let pairs =
        text.chars().zip(text.chars().skip(1)).filter(|(a, b)| matches!(a, 'Ø' | 'Ù') && ('\u{80}'..='\u{2122}').contains(b)).count();
    if pairs * 4 > text.chars().count() {
        push(found, placed, Severity::Error, "encoding", "looks like UTF-8 that was read as Latin-1 (Ø§Ù„…)".into());
    }
    let forms = text.chars().filter(|c| matches!(c, '\u{fb50}'..='\u{fdfb}' | '\u{fe70}'..='\u{fefc}')).count();
    if forms > 0 {
        push(
            found,
            placed,
            Severity::Note,
            "presentation-forms",
            format!("{forms} presentation forms; mujaz folds them, other tools may not"),
        );
    }
    let normalized = Normalized::new(text);
    let all = words(normalized.text());
    let (mut furniture, mut total) = (0, 0);
    for sentence in sentences(normalized.text(), &all) {
        let spoken = all[sentence.words.clone()].iter().filter(|w| !w.mark).count();
        total += 1;
        furniture += usize::from(boilerplate::is_boilerplate(&normalized.text()[sentence.bytes], spoken));
    }
    if total >= 4 && furniture * 2 > total {
        push(found, placed, Severity::Warning, "boilerplate", format!("{furniture} of {total} sentences look like page furniture"));
    }
}

fn check_spans(placed: &Placed, found: &mut Vec<Finding>) {
    let article = &placed.record.article;
    let (title, text) = (Original::new(article.title.as_deref().unwrap_or("")), Original::new(&article.text));
    let entities = placed.record.entities.as_deref().unwrap_or_default();
    let stray = placed.record.repaired.as_ref().map_or(0, |repaired| repaired.iter().filter(|e| !entities.contains(e)).count());
    if stray > 0 {
        push(found, placed, Severity::Error, "stray-inside", format!("{stray} entities begin with I- in a file of B- and I- tags"));
    }
    for (entity, surface) in entities.iter().zip(&placed.surfaces) {
        let part = if entity.title { &title } else { &text };
        let at = format!("{} {}..{}", entity.kind, entity.start, entity.end);
        match part.slice(entity.start, entity.end) {
            None => push(found, placed, Severity::Error, "span-bounds", format!("{at} is outside the text")),
            Some("") => push(found, placed, Severity::Error, "span-bounds", format!("{at} is empty")),
            Some(cut) if surface.as_ref().is_some_and(|s| s != cut) => {
                let given = surface.as_deref().unwrap_or("");
                push(found, placed, Severity::Error, "span-text", format!("{at} is {cut:?}, the record says {given:?}"));
            }
            Some(cut) if cuts_word(part, entity) => push(found, placed, Severity::Error, "span-word", format!("{at} {cut:?} cuts a word")),
            Some(cut) if cut.trim() != cut => {
                push(found, placed, Severity::Warning, "span-space", format!("{at} {cut:?} has white space at its end"))
            }
            Some(_) => {}
        }
    }
    let mut order: Vec<&GoldEntity> = entities.iter().collect();
    order.sort_by_key(|e| (e.title, e.start, e.end));
    for pair in order.windows(2).filter(|p| p[0].title == p[1].title && p[1].start < p[0].end) {
        let message =
            format!("{} {}..{} and {} {}..{} overlap", pair[0].kind, pair[0].start, pair[0].end, pair[1].kind, pair[1].start, pair[1].end);
        push(found, placed, Severity::Error, "span-overlap", message);
    }
}

/// Whether a letter stands on both sides of an end of the span.
fn cuts_word(part: &Original<'_>, entity: &GoldEntity) -> bool {
    let letter = |at: usize| part.slice(at, at + 1).and_then(|s| s.chars().next()).is_some_and(|c| !c.is_whitespace() && !is_mark(c));
    let between = |at: usize| at > 0 && letter(at - 1) && letter(at);
    between(entity.start) || between(entity.end)
}

fn check_labels(placed: &Placed, expected: &Expected, found: &mut Vec<Finding>) {
    let mut unknown = |what: &str, label: &str, known: &HashSet<String>| {
        if !known.is_empty() && !known.contains(label) {
            let message = format!("{what} {label:?} is none of the model's; map it with --map, or train a model with it");
            push(found, placed, Severity::Error, "unknown-label", message);
        }
    };
    let record = &placed.record;
    record.topics.iter().flatten().for_each(|t| unknown("topic", t, &expected.topics));
    record.entities.iter().flatten().for_each(|e| unknown("entity type", &e.kind, &expected.entities));
    // «neutral|unrelated»: a set that does not tell the two apart.
    let stances = record.stance.iter().flatten().flat_map(|(_, label)| label.split('|'));
    stances.for_each(|label| unknown("stance", label, &expected.stance));
}

fn shingles(text: &str) -> HashSet<u64> {
    let normalized = Normalized::new(text);
    let text = normalized.text();
    let tokens: Vec<&str> = words(text).into_iter().filter(|w| !w.mark).map(|w| &text[w.start..w.end]).collect();
    let hash = |window: &[&str]| {
        let mut hasher = DefaultHasher::new();
        window.hash(&mut hasher);
        hasher.finish()
    };
    if tokens.is_empty() {
        return HashSet::new(); // marks alone are no text to repeat
    }
    if tokens.len() < SHINGLE { [hash(&tokens)].into() } else { tokens.windows(SHINGLE).map(hash).collect() }
}

/// Equal and nearly equal texts: a leak between files, a repetition within one, a conflict where labels differ.
/// Records that ask different stance targets of one text are not repetitions.
fn check_duplicates(records: &[Placed], found: &mut Vec<Finding>) {
    let mut index: HashMap<u64, Vec<usize>> = HashMap::new();
    let mut sizes = Vec::with_capacity(records.len());
    for (i, placed) in records.iter().enumerate() {
        let own = shingles(&placed.record.article.text);
        sizes.push(own.len());
        let mut shared: HashMap<usize, usize> = HashMap::new();
        for earlier in own.iter().filter_map(|s| index.get(s)).flatten() {
            *shared.entry(*earlier).or_default() += 1;
        }
        let nearest = shared.into_iter().max_by_key(|&(j, count)| (count, std::cmp::Reverse(j)));
        if let Some((j, count)) = nearest.filter(|&(_, count)| count as f64 >= NEAR * own.len() as f64) {
            report_twin(&records[j], placed, count == own.len() && count == sizes[j], found);
        }
        own.into_iter().for_each(|s| index.entry(s).or_default().push(i));
    }
}

fn report_twin(earlier: &Placed, placed: &Placed, same: bool, found: &mut Vec<Finding>) {
    let (a, b) = (&earlier.record, &placed.record);
    let targets = |r: &Labelled| r.stance.iter().flatten().map(|s| s.0.clone()).collect::<HashSet<_>>();
    let at = format!("{}:{}", earlier.file, earlier.line);
    let likeness = if same { "the same text as" } else { "nearly the same text as" };
    if earlier.file != placed.file {
        push(found, placed, Severity::Error, "leak", format!("{likeness} {at}, in another file"));
    } else if targets(a) == targets(b) {
        push(found, placed, Severity::Warning, "duplicate", format!("{likeness} {at}"));
    }
    // A record that does not say contradicts nothing.
    let topics = a.topics.as_ref().zip(b.topics.as_ref()).is_some_and(|(a, b)| a != b);
    let stances = a.stance.as_ref().zip(b.stance.as_ref()).is_some_and(|(a, b)| a != b);
    if same && targets(a) == targets(b) && (topics || stances) {
        push(found, placed, Severity::Error, "label-conflict", format!("other labels than the same text at {at}"));
    }
}

fn check_balance(records: &[Placed], found: &mut Vec<Finding>) {
    let mut counts: BTreeMap<(&str, String), usize> = BTreeMap::new();
    for placed in records {
        let record = &placed.record;
        record.topics.iter().flatten().for_each(|t| *counts.entry(("topic", t.clone())).or_default() += 1);
        record.entities.iter().flatten().for_each(|e| *counts.entry(("entity type", e.kind.clone())).or_default() += 1);
        for (target, label) in record.stance.iter().flatten() {
            *counts.entry(("stance", format!("{:?}:{label}", target.kind).to_lowercase())).or_default() += 1;
        }
    }
    for ((what, label), count) in counts {
        let (severity, kind) = if count < RARE { (Severity::Warning, "rare-label") } else { (Severity::Note, "balance") };
        found.push(Finding { severity, kind: kind.into(), file: String::new(), line: 0, message: format!("{what} {label:?}: {count}") });
    }
}

fn check_lengths(records: &[Placed], expected: &Expected, found: &mut Vec<Finding>) {
    let mut lengths: Vec<usize> = records.iter().map(|p| p.record.article.text.split_whitespace().count()).collect();
    lengths.sort_unstable();
    let Some(&longest) = lengths.last() else { return };
    let at = |share: f64| lengths[((lengths.len() - 1) as f64 * share) as usize];
    let over = lengths.iter().filter(|&&n| n > expected.window_words).count();
    let message = format!(
        "words an article: median {}, nine in ten up to {}, longest {longest}; {over} of {} outgrow a window of about {} words",
        at(0.5),
        at(0.9),
        lengths.len(),
        expected.window_words
    );
    found.push(Finding { severity: Severity::Note, kind: "lengths".into(), file: String::new(), line: 0, message });
}
