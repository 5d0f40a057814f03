//! Stance: which targets, which part of the article to read with each that needs a pass of its own, and how the answers
//! of its windows are merged.

use super::log_softmax;
use crate::data::{Entity, Stance, StanceKind, StanceScores};
use crate::model::config::{Mujaz, StanceConfig};
use crate::model::{Sequence, Tokenizer};
use crate::pipeline::document::{Document, Field};
use crate::text::{Normalized, clitics, words};
use std::collections::{HashMap, HashSet};
use std::ops::Range;

/// Main entities that get a stance when no target is given.
const MAIN_ENTITIES: usize = 3;
/// Windows of a long article that are read with one target.
const WINDOWS: usize = 2;

/// Words that say nothing of what a sentence is about, beside those of two letters.
pub(super) const FUNCTION_WORDS: [&str; 24] = [
    "على",
    "إلى",
    "هذا",
    "هذه",
    "ذلك",
    "تلك",
    "الذي",
    "التي",
    "الذين",
    "كان",
    "كانت",
    "بعد",
    "قبل",
    "بين",
    "خلال",
    "حيث",
    "عند",
    "منذ",
    "حتى",
    "ليس",
    "لكن",
    "غير",
    "كما",
    "أنه",
];

/// A target to read the article for.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Target {
    /// As given by the user, or the name of an entity.
    pub text: String,
    /// What it is.
    pub kind: StanceKind,
}

/// Code points of the sentences that are page furniture.
pub fn furniture(document: &Document) -> Vec<(usize, usize)> {
    let found = document.sentences.iter().filter(|s| s.field == Field::Text && s.boilerplate);
    found.map(|s| document.text.original_span(s.bytes.start, s.bytes.end)).collect()
}

/// The article's main persons, bodies and places: by mentions, weighted by where the first one stands. Share buttons
/// and related links name bodies too; those inside `furniture` do not count.
pub fn main_entities(entities: &[Entity], furniture: &[(usize, usize)]) -> Vec<Target> {
    let in_furniture = |e: &Entity| e.field.is_none() && furniture.iter().any(|&(start, end)| start <= e.start && e.end <= end);
    let mut order: Vec<(&str, f32)> = Vec::new();
    let mut index: HashMap<&str, usize> = HashMap::new();
    for entity in entities.iter().filter(|e| e.kind != "MISC" && !in_furniture(e)) {
        let title = entity.field.is_some();
        let first = if title || entity.start < 300 { 1.0 } else { 0.0 };
        let at = *index.entry(&entity.name).or_insert_with(|| {
            order.push((&entity.name, first));
            order.len() - 1
        });
        order[at].1 += if title { 1.5 } else { 1.0 };
    }
    order.sort_by(|a, b| b.1.total_cmp(&a.1)); // stable: earlier first among equals
    order.into_iter().take(MAIN_ENTITIES).map(|(name, _)| Target { text: name.to_string(), kind: StanceKind::Entity }).collect()
}

/// An input row for a target, the rows of its text, and its share in the merged answer.
pub struct Pair {
    /// `[CLS] kind target [SEP] text [SEP]`, text with token type 1.
    pub input: Sequence,
    /// Rows of the text's pieces.
    pub text_rows: Range<usize>,
    /// Share in the merged answer; the shares of a target sum to one.
    pub share: f32,
}

/// The words of a target, reduced so that clitics and the article do not hide a match.
struct Overlap {
    stems: HashSet<String>,
}

impl Overlap {
    fn new(target: &str) -> Self {
        let normalized = Normalized::new(target);
        let text = normalized.text();
        let all: Vec<String> = words(text).into_iter().filter(|w| !w.mark).map(|w| stem(&text[w.start..w.end])).collect();
        let telling = |s: &&String| s.chars().count() > 2 && !FUNCTION_WORDS.contains(&s.as_str());
        let some: HashSet<String> = all.iter().filter(telling).cloned().collect();
        Self { stems: if some.is_empty() { all.into_iter().collect() } else { some } }
    }

    /// Distinct words of the target in a range of the document.
    fn count(&self, document: &Document, range: Range<usize>) -> usize {
        range.map(|w| stem(document.word(w))).filter(|s| self.stems.contains(s)).collect::<HashSet<_>>().len()
    }
}

/// A word without proclitics and the article.
fn stem(word: &str) -> String {
    let bare = clitics::strip(word, |_| false);
    bare.strip_prefix("ال").filter(|rest| rest.chars().count() > 2).unwrap_or(&bare).to_string()
}

/// Input rows for `target`: the whole article where it fits, else its best windows by overlap with the target.
pub fn pairs(document: &Document, target: &Target, tokenizer: &Tokenizer, config: &Mujaz) -> Vec<Pair> {
    let normalized = Normalized::new(&target.text);
    let mut question = tokenizer.ids(normalized.text());
    question.truncate(config.stance_window / 2);
    let capacity = config.stance_window - question.len() - 5;
    let cost: Vec<usize> = document.piece_starts.windows(2).map(|pair| pair[1] - pair[0]).collect();
    let breaks: Vec<usize> = document.sentences.iter().map(|s| s.words.start).collect();
    let overlap = Overlap::new(&target.text);
    let mut parts: Vec<(usize, f32)> = Vec::new();
    let found = crate::text::windows(&cost, &breaks, capacity, capacity / 6);
    for (i, window) in found.iter().enumerate() {
        // The first window tells the story; it counts as one more word of overlap.
        parts.push((i, overlap.count(document, window.words.clone()) as f32 + if i == 0 { 1.0 } else { 0.0 }));
    }
    parts.sort_by(|a, b| b.1.total_cmp(&a.1));
    parts.truncate(WINDOWS);
    let best = parts.first().map_or(0.0, |p| p.1);
    parts.retain(|p| p.1 * 2.0 >= best);
    parts.sort_by_key(|p| p.0);
    let total: f32 = parts.iter().map(|p| p.1.max(0.1)).sum();
    let row = |(i, weight): (usize, f32)| {
        pair(document, &found[i].words, target.kind, &question, tokenizer, config.stance_window, weight.max(0.1) / total)
    };
    parts.into_iter().map(row).collect()
}

fn pair(
    document: &Document,
    range: &Range<usize>,
    kind: StanceKind,
    question: &[u32],
    tokenizer: &Tokenizer,
    longest: usize,
    share: f32,
) -> Pair {
    let specials = tokenizer.specials;
    let marker = match kind {
        StanceKind::Claim => specials.claim,
        StanceKind::Entity => specials.entity,
    };
    let mut ids = vec![specials.cls, marker];
    ids.extend_from_slice(question);
    ids.push(specials.sep);
    let first = ids.len();
    for word in range.clone() {
        if word == document.title_words && word > range.start {
            ids.push(specials.sep);
        }
        ids.extend_from_slice(document.pieces_of(word));
    }
    ids.truncate(longest - 1); // one word alone may be longer than a window
    let text_rows = first..ids.len();
    ids.push(specials.sep);
    let types = (0..ids.len()).map(|i| u8::from(i >= first)).collect();
    Pair { input: Sequence { ids, types }, text_rows, share }
}

/// Merge `[windows, 4]` logits by share into one answer; `temperature` divides them.
pub fn decode(document: &Document, target: &Target, logits: &[(Vec<f32>, f32)], config: &StanceConfig, temperature: f32) -> Stance {
    let mut probabilities = vec![0.0f32; config.labels.len()];
    for (row, share) in logits {
        for (sum, log) in probabilities.iter_mut().zip(log_softmax(row, temperature)) {
            *sum += share * log.exp();
        }
    }
    let of = |label: &str| config.labels.iter().position(|l| l == label).map_or(0.0, |i| probabilities[i]);
    let scores = StanceScores { favor: of("favor"), against: of("against"), neutral: of("neutral"), unrelated: of("unrelated") };
    let best = (0..probabilities.len()).rev().max_by(|&a, &b| probabilities[a].total_cmp(&probabilities[b]));
    let label = best.map_or_else(String::new, |i| config.labels[i].clone());
    Stance { target: target.text.clone(), kind: target.kind, label, scores, evidence: evidence(document, target) }
}

/// The sentence of the text that shares the most words with the target; the first of equals.
fn evidence(document: &Document, target: &Target) -> Option<(usize, usize)> {
    let overlap = Overlap::new(&target.text);
    let body = document.sentences.iter().filter(|s| s.field == Field::Text && !s.boilerplate);
    let scored = body.map(|s| (overlap.count(document, s.words.clone()), s));
    let (_, best) = scored.filter(|(count, _)| *count > 0).rev_max()?;
    Some(document.text.original_span(best.bytes.start, best.bytes.end))
}

/// The first of the largest.
trait FirstMax<T> {
    fn rev_max(self) -> Option<(usize, T)>;
}

impl<T, I: Iterator<Item = (usize, T)>> FirstMax<T> for I {
    fn rev_max(self) -> Option<(usize, T)> {
        self.fold(None, |best, next| match best {
            Some((count, _)) if count >= next.0 => best,
            _ => Some(next),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn main_entities_by_mentions_and_place() {
        let entity = |name: &str, kind: &str, start| Entity {
            text: name.into(),
            kind: kind.into(),
            start,
            end: start + 1,
            score: 1.0,
            name: name.into(),
            field: None,
        };
        let entities = [
            entity("روسيا", "LOC", 0),
            entity("السوري", "MISC", 5),
            entity("حلب", "LOC", 400),
            entity("حلب", "LOC", 500),
            entity("حلب", "LOC", 600),
            entity("سانا", "ORG", 700),
            entity("تركيا", "LOC", 710),
        ];
        let names = |furniture: &[(usize, usize)]| main_entities(&entities, furniture).into_iter().map(|t| t.text).collect::<Vec<_>>();
        assert_eq!(names(&[]), ["حلب", "روسيا", "سانا"]);
        assert_eq!(names(&[(699, 705)]), ["حلب", "روسيا", "تركيا"], "share buttons and related links");
    }
}
