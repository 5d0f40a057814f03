//! What would spoil training or evaluation: broken spans, rare labels, duplicates, leaks, wrong encodings.

use super::finding::{Finding, Severity, push};
use super::{encoding, twins};
use crate::data::labelled::{GoldEntity, GoldStance, Labelled, Placed};
use crate::model::config::Mujaz;
use crate::text::normalise::Original;
use crate::text::words::is_mark;
use crate::text::{Normalized, boilerplate, sentences, words};
use std::collections::{BTreeMap, HashSet};

/// Labels with fewer examples than this are rare.
const RARE: usize = 5;
/// Pieces of a word of Arabic news, about: what turns a window's pieces into words for the length note.
const PIECES_A_WORD: f64 = 1.5;

/// Label sets and window that the data is to be used with; where a set is empty, any label is fine.
#[derive(Clone, Debug, Default)]
pub struct Expected {
    /// Topic labels.
    pub topics: HashSet<String>,
    /// Entity types.
    pub entities: HashSet<String>,
    /// Stance labels.
    pub stance: HashSet<String>,
    /// Words that fill a window, about.
    pub window_words: usize,
}

impl Expected {
    /// What a model knows.
    pub fn of(model: &Mujaz) -> Self {
        let heads = &model.heads;
        let entities = heads.entities.iter().flat_map(|h| &h.labels).filter_map(|l| l.split_once('-'));
        Self {
            topics: heads.topics.iter().flat_map(|h| &h.labels).map(|l| l.label.clone()).collect(),
            entities: entities.map(|(_, kind)| kind.to_string()).collect(),
            stance: heads.stance.iter().flat_map(|h| &h.labels).cloned().collect(),
            window_words: (model.window as f64 / PIECES_A_WORD) as usize,
        }
    }

    /// The record's labels that are in none of the sets: what each is of, and the label.
    pub fn unknown<'a>(&self, record: &'a Labelled) -> Vec<(&'static str, &'a str)> {
        let topics = record.topics.iter().flatten().map(|t| ("topic", t.as_str(), &self.topics));
        let entities = record.entities.iter().flatten().map(|e| ("entity type", e.kind.as_str(), &self.entities));
        // «neutral|unrelated»: a set that does not tell the two apart.
        let stances = record.stance.iter().flatten().flat_map(|s| s.label.split('|')).map(|l| ("stance", l, &self.stance));
        let all = topics.chain(entities).chain(stances);
        all.filter(|(_, label, known)| !known.is_empty() && !known.contains(*label)).map(|(what, label, _)| (what, label)).collect()
    }
}

/// Everything that is wrong with the records, by file and line; notes about the whole come last.
pub fn check(records: &[Placed], expected: &Expected) -> Vec<Finding> {
    let mut found = Vec::new();
    for placed in records {
        check_encoding(placed, &mut found);
        check_text(placed, &mut found);
        check_spans(placed, &mut found);
        check_labels(placed, expected, &mut found);
    }
    found.extend(twins::find(records));
    check_balance(records, &mut found);
    check_lengths(records, expected, &mut found);
    found
}

fn check_encoding(placed: &Placed, found: &mut Vec<Finding>) {
    let article = &placed.record.article;
    let title = article.title.as_deref().and_then(encoding::flaw).map(|flaw| format!("the title {flaw}"));
    for message in title.into_iter().chain(encoding::flaw(&article.text).map(str::to_string)) {
        push(found, placed, Severity::Error, "encoding", message);
    }
}

fn check_text(placed: &Placed, found: &mut Vec<Finding>) {
    let text = &placed.record.article.text;
    if text.trim().is_empty() {
        push(found, placed, Severity::Error, "empty", "the text is empty".into());
        return;
    }
    let forms = text.chars().filter(|c| matches!(c, '\u{fb50}'..='\u{fdfb}' | '\u{fe70}'..='\u{fefc}')).count();
    if forms > 0 {
        let message = format!("{forms} presentation forms; mujaz folds them, other tools may not");
        push(found, placed, Severity::Note, "presentation-forms", message);
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
        match entity.surface(part) {
            Err(flaw) => push(found, placed, Severity::Error, "span-bounds", format!("{entity} {flaw}")),
            Ok(cut) if surface.as_ref().is_some_and(|s| s != cut) => {
                let given = surface.as_deref().unwrap_or("");
                push(found, placed, Severity::Error, "span-text", format!("{entity} is {cut:?}, the record says {given:?}"));
            }
            Ok(cut) if cuts_word(part, entity) => {
                push(found, placed, Severity::Error, "span-word", format!("{entity} {cut:?} cuts a word"))
            }
            Ok(cut) if cut.trim() != cut => {
                push(found, placed, Severity::Warning, "span-space", format!("{entity} {cut:?} has white space at its end"))
            }
            Ok(_) => {}
        }
    }
    let mut order: Vec<&GoldEntity> = entities.iter().collect();
    order.sort_by_key(|e| (e.title, e.start, e.end));
    for pair in order.windows(2).filter(|p| p[0].title == p[1].title && p[1].start < p[0].end) {
        push(found, placed, Severity::Error, "span-overlap", format!("{} and {} overlap", pair[0], pair[1]));
    }
}

/// Whether a letter stands on both sides of an end of the span.
fn cuts_word(part: &Original<'_>, entity: &GoldEntity) -> bool {
    let letter = |at: usize| part.slice(at, at + 1).and_then(|s| s.chars().next()).is_some_and(|c| !c.is_whitespace() && !is_mark(c));
    let between = |at: usize| at > 0 && letter(at - 1) && letter(at);
    between(entity.start) || between(entity.end)
}

fn check_labels(placed: &Placed, expected: &Expected, found: &mut Vec<Finding>) {
    for (what, label) in expected.unknown(&placed.record) {
        let message = format!("{what} {label:?} is none of the model's; map it with --map, or train a model with it");
        push(found, placed, Severity::Error, "unknown-label", message);
    }
}

fn check_balance(records: &[Placed], found: &mut Vec<Finding>) {
    let mut counts: BTreeMap<(&str, String), usize> = BTreeMap::new();
    for placed in records {
        let record = &placed.record;
        record.topics.iter().flatten().for_each(|t| *counts.entry(("topic", t.clone())).or_default() += 1);
        record.entities.iter().flatten().for_each(|e| *counts.entry(("entity type", e.kind.clone())).or_default() += 1);
        for GoldStance { kind, label, .. } in record.stance.iter().flatten() {
            *counts.entry(("stance", format!("{kind:?}:{label}").to_lowercase())).or_default() += 1;
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::Article;

    const TEXT: &str = "أعلن الوزير أن الحكومة ستواصل العمل في المدينة حتى نهاية العام الحالي دون توقف";

    fn placed(file: &str, line: u64, text: &str) -> Placed {
        let record = Labelled { article: Article::new(text), ..Labelled::default() };
        Placed { file: file.into(), line, record, surfaces: Vec::new(), columns: false }
    }

    #[test]
    fn encodings_of_titles_and_texts() {
        let mut broken = placed("a", 1, TEXT);
        broken.record.article.title = Some("ÃÚáä æÒíÑ ÇáÎÇÑÌíÉ".into());
        let found = check(&[broken, placed("a", 2, "ط£ط¹ظ„ظ† ظˆط²ظٹط±")], &Expected::default());
        let encoding: Vec<_> =
            found.iter().filter(|f| f.kind == "encoding").map(|f| (f.line, f.message.starts_with("the title"))).collect();
        assert_eq!(encoding, [(1, true), (2, false)]);
    }
}
