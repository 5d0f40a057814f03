//! What is scored: one item for an article's entities, its topics, its summary, and each stance asked of it.

use super::baselines;
use super::rouge::{Form, Rouge, rouge_l, rouge_n, tokens};
use crate::data::Stance;
use crate::data::labelled::GoldStance;
use crate::data::spans::Span;

/// Entities of one article: truth under both policies of reading, and what was found.
pub(super) struct EntityItem {
    pub(super) article: usize,
    pub(super) truth: Vec<Span>,
    pub(super) repaired: Vec<Span>,
    pub(super) text: String,
    pub(super) found: Vec<Span>,
    pub(super) scores: Vec<f64>,
}

/// Topics of one article.
pub(super) struct TopicItem {
    pub(super) article: usize,
    pub(super) truth: Vec<String>,
    pub(super) found: Vec<String>,
    pub(super) best: Option<f64>,
}

/// One stance pair.
pub(super) struct StanceItem {
    pub(super) article: usize,
    /// The first article with this text: a table asks of one text in many rows.
    pub(super) text: usize,
    pub(super) target: String,
    pub(super) truth: String,
    /// Empty where nothing was said, which no true label is.
    pub(super) found: String,
    pub(super) score: Option<f64>,
    pub(super) evidence: Option<(usize, usize)>,
}

impl EntityItem {
    /// Each answer's probability, and whether it is right.
    pub(super) fn answers(&self) -> impl Iterator<Item = (f64, bool)> {
        self.found.iter().zip(&self.scores).map(|(span, &score)| (score, self.truth.contains(span)))
    }
}

impl TopicItem {
    /// The first label's probability, and whether it is one of the true ones.
    pub(super) fn answer(&self) -> Option<(f64, bool)> {
        Some((self.best?, self.truth.contains(self.found.first()?)))
    }
}

impl StanceItem {
    /// A model says nothing of an article without words; that is wrong, whatever is true.
    pub(super) fn new(article: usize, text: usize, gold: &GoldStance, found: Option<&Stance>) -> Self {
        let best = |stance: &Stance| {
            let s = stance.scores;
            f64::from(s.favor.max(s.against).max(s.neutral).max(s.unrelated))
        };
        let label = found.map_or("", |stance| &stance.label);
        Self {
            article,
            text,
            target: gold.target.clone(),
            truth: alternative(&gold.label, label).to_string(),
            found: label.to_string(),
            score: found.map(best),
            evidence: found.and_then(|stance| stance.evidence),
        }
    }

    /// The label's probability, and whether it is right.
    pub(super) fn answer(&self) -> Option<(f64, bool)> {
        Some((self.score?, self.truth == self.found))
    }
}

/// One summary with the references it is compared to.
pub(super) struct SummaryItem {
    pub(super) article: usize,
    pub(super) ours: [Rouge; 5],
    pub(super) lead: f64,
    pub(super) random: f64,
    pub(super) oracle: f64,
}

impl SummaryItem {
    /// A summary of `text` beside the reference and what trivial methods make.
    pub(super) fn new(article: usize, text: &str, reference: &str, summary: &str) -> Self {
        let (raw, light) = (tokens(reference, Form::Raw), tokens(reference, Form::Light));
        let (ours, ours_light) = (tokens(summary, Form::Raw), tokens(summary, Form::Light));
        let length = summary.split_whitespace().count();
        let sentences = baselines::split(text);
        let against = |other: &str| rouge_n(&tokens(other, Form::Raw), &raw, 1).f1;
        Self {
            article,
            ours: [
                rouge_n(&ours, &raw, 1),
                rouge_n(&ours, &raw, 2),
                rouge_l(&ours, &raw),
                rouge_n(&ours_light, &light, 1),
                rouge_n(&ours_light, &light, 2),
            ],
            lead: against(&baselines::lead(text, length)),
            random: against(&baselines::random_sentences(&sentences, length, article as u64)),
            oracle: against(&baselines::oracle(&sentences, &raw, length.max(baselines::ORACLE_WORDS))),
        }
    }
}

/// Sets that do not tell two labels apart write both, as `neutral|unrelated`: either is right.
fn alternative<'a>(truth: &'a str, found: &str) -> &'a str {
    truth.split('|').find(|label| *label == found).or(truth.split('|').next()).unwrap_or(truth)
}
