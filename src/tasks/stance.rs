//! Stance: which targets, which sentences of the article to read with each that needs a pass of its own, and the answer.

use super::log_softmax;
use super::passages::{Passages, Sentence, passages, root, roots};
use crate::data::{Stance, StanceKind, StanceScores};
use crate::model::config::StanceConfig;
use crate::model::{Sequence, Tokenizer};
use crate::pipeline::document::{Document, Field};
use crate::text::{Normalized, words};
use std::collections::BTreeSet;
use std::ops::Range;

/// Words of an article that are read with a claim. As in `scripts/mujaz_train/batches.py`.
const CLAIM_WORDS: usize = 100;
/// Words that are read with an entity which the article does not name.
const ENTITY_WORDS: usize = 90;

/// A target to read the article for.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Target {
    /// As given by the user, or the name of an entity.
    pub text: String,
    /// What it is.
    pub kind: StanceKind,
}

/// An input row for a target and the rows of its text.
pub struct Pair {
    /// `[CLS] kind target [SEP] title [SEP] sentences [SEP]`; the article's part with token type 1, words that it shares
    /// with the target with types 3 and, in the target, 2.
    pub input: Sequence,
    /// Rows of the article's pieces.
    pub text_rows: Range<usize>,
    /// Whether the target or the sentences to read with it were too long for the row.
    pub truncated: bool,
}

/// The sentences of a document that may be read with a target.
pub struct Body {
    /// Their numbers; page furniture only where there is nothing else.
    numbers: Vec<usize>,
    sentences: Vec<Sentence>,
}

impl Body {
    /// Of a document.
    pub fn new(document: &Document) -> Self {
        let all = |furniture: bool| -> Vec<usize> {
            let inside = document.sentences.iter().enumerate().filter(|(_, s)| s.field == Field::Text && s.boilerplate == furniture);
            inside.map(|(i, _)| i).collect()
        };
        let news = all(false);
        let numbers = if news.is_empty() { all(true) } else { news };
        let words = |i: &usize| document.sentences[*i].words.clone().map(|w| document.word(w)).collect();
        let sentences = numbers.iter().map(words).collect();
        Self { numbers, sentences }
    }
}

/// A target's words and where the article speaks of it.
pub struct Reading {
    question: Normalized,
    wanted: BTreeSet<String>,
    /// Sentences of the document to read with the target, in order.
    sentences: Vec<usize>,
    /// The one that shares most with it.
    best: Option<usize>,
}

impl Reading {
    /// Choose the sentences.
    pub fn new(body: &Body, target: &Target) -> Self {
        let question = Normalized::new(&target.text);
        let text = question.text();
        let wanted = roots(words(text).iter().map(|w| &text[w.start..w.end]));
        let (most, fill) = match target.kind {
            StanceKind::Claim => (CLAIM_WORDS, false),
            StanceKind::Entity => (ENTITY_WORDS, true),
        };
        let Passages { chosen, best } = passages(&body.sentences, &wanted, most, fill);
        let sentences = chosen.into_iter().map(|i| body.numbers[i]).collect();
        Self { question, wanted, sentences, best: best.map(|i| body.numbers[i]) }
    }

    /// The row to read.
    pub fn pair(&self, document: &Document, kind: StanceKind, tokenizer: &Tokenizer, longest: usize) -> Pair {
        let specials = tokenizer.specials;
        let title = 0..document.title_words;
        let body = || self.sentences.iter().flat_map(|&i| document.sentences[i].words.clone());
        let said = roots(title.clone().chain(body()).map(|w| document.word(w)));
        let shared = |word: &str| root(word).is_some_and(|r| self.wanted.contains(&r) && said.contains(&r));
        let kind_of = |base: u8, word: &str| if shared(word) { base + 2 } else { base };
        let marker = match kind {
            StanceKind::Claim => specials.claim,
            StanceKind::Entity => specials.entity,
        };
        let mut row = vec![(specials.cls, 0), (marker, 0)];
        let question = self.question_pieces(tokenizer, |word| kind_of(0, word));
        let mut truncated = question.len() > longest / 2;
        row.extend(question.into_iter().take(longest / 2));
        row.push((specials.sep, 0));
        let first = row.len();
        let pieces = |word: usize| {
            let kind = kind_of(1, document.word(word));
            document.pieces_of(word).iter().map(move |&piece| (piece, kind))
        };
        let mut title: Vec<(u32, u8)> = title.flat_map(pieces).collect();
        let body: Vec<(u32, u8)> = body().flat_map(pieces).collect();
        let apart = !title.is_empty() && !self.sentences.is_empty();
        // A title leaves room for the sentences, but for a quarter of what there is.
        let room = (longest - 1).saturating_sub(first + usize::from(apart));
        if title.len() + body.len() > room {
            title.truncate(room.saturating_sub(body.len()).max(room / 4));
        }
        row.extend(title);
        row.extend(apart.then_some((specials.sep, 1)));
        row.extend(body);
        truncated |= row.len() > longest - 1;
        row.truncate(longest - 1);
        let text_rows = first..row.len();
        row.push((specials.sep, 1));
        let (ids, types) = row.into_iter().unzip();
        Pair { input: Sequence { ids, types }, text_rows, truncated }
    }

    fn question_pieces(&self, tokenizer: &Tokenizer, kind_of: impl Fn(&str) -> u8) -> Vec<(u32, u8)> {
        let text = self.question.text();
        let found = words(text);
        let (mut ids, mut counts) = (Vec::new(), Vec::new());
        tokenizer.encode(text, &found, &mut ids, &mut counts);
        let kinds = found.iter().zip(&counts).flat_map(|(w, &count)| std::iter::repeat_n(kind_of(&text[w.start..w.end]), count));
        ids.into_iter().zip(kinds).collect()
    }

    /// The sentence of the text that shares most with the target, in code points.
    pub fn evidence(&self, document: &Document) -> Option<(usize, usize)> {
        let best = &document.sentences[self.best?];
        Some(document.text.original_span(best.bytes.start, best.bytes.end))
    }
}

/// Logits of a pass with the target, or of its mentions, as an answer; `temperature` divides them.
pub fn decode(target: &Target, logits: &[f32], config: &StanceConfig, temperature: f32, evidence: Option<(usize, usize)>) -> Stance {
    let probabilities: Vec<f32> = log_softmax(logits, temperature).into_iter().map(f32::exp).collect();
    let of = |label: &str| config.labels.iter().position(|l| l == label).and_then(|i| probabilities.get(i)).copied().unwrap_or(0.0);
    let scores = StanceScores { favor: of("favor"), against: of("against"), neutral: of("neutral"), unrelated: of("unrelated") };
    let best = (0..probabilities.len()).rev().max_by(|&a, &b| probabilities[a].total_cmp(&probabilities[b]));
    let label = best.map_or_else(String::new, |i| config.labels[i].clone());
    Stance { target: target.text.clone(), kind: target.kind, label, scores, evidence }
}
