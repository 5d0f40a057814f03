//! Stances toward targets, from the windows of an article or from passes with the target.

use super::windows::WindowOutput;
use super::{Analyzer, add, divide};
use crate::data::{Analysis, Stance, StanceKind};
use crate::error::Result;
use crate::model::Sequence;
use crate::pipeline::document::Document;
use crate::stages::{Clock, Stage};
use crate::tasks::salience::{Setting, main_entities};
use crate::tasks::stance::{Body, Pair, Reading, Target};
use crate::tasks::{mentions, stance};

/// A target of stance, and where its answer comes from.
struct Question {
    document: usize,
    target: Target,
    /// The sentence that speaks most of it, in code points.
    evidence: Option<(usize, usize)>,
    origin: Origin,
}

enum Origin {
    /// Means over its mentions and over the article.
    Mentions(Vec<f32>),
    /// A pass with the target, by number.
    Pass(usize),
}

impl Analyzer {
    /// The mean over the first pieces of a target's mentions, then `mean`, that of the article; `None` where it has none.
    fn of_mentions(&self, document: &Document, windows: &[WindowOutput], mean: &[f32], target: &Target) -> Option<Vec<f32>> {
        let width = self.model.config.hidden_size;
        let named = mentions::mentions(document, &target.text);
        let (mut feature, mut count) = (vec![0.0; width], 0);
        for window in windows {
            for ((word, _), state) in window.words.iter().zip(window.firsts.chunks_exact(width)) {
                if named.binary_search(word).is_ok() {
                    add(&mut feature, state);
                    count += 1;
                }
            }
        }
        divide(&mut feature, count);
        feature.extend_from_slice(mean);
        (count > 0).then_some(feature)
    }

    /// Stances toward the targets asked for, or else the main entities: from their mentions where the article names them,
    /// else from passes with the target; and whether something did not fit into these.
    pub(super) fn read_stances(
        &self,
        documents: &[Document],
        windows: &[Vec<WindowOutput>],
        analyses: &[Analysis],
        asked: &[Option<&[Target]>],
    ) -> Result<Vec<(Vec<Stance>, bool)>> {
        let mut out: Vec<(Vec<Stance>, bool)> = vec![Default::default(); documents.len()];
        let Some(config) = &self.config.heads.stance else { return Ok(out) };
        let clock = Clock::start();
        let width = self.model.config.hidden_size;
        let mut questions: Vec<Question> = Vec::new();
        let mut rows: Vec<Pair> = Vec::new();
        for (d, document) in documents.iter().enumerate() {
            if document.pieces.is_empty() {
                continue;
            }
            let own = || main_entities(analyses[d].entities.as_deref().unwrap_or_default(), &Setting::of(document));
            let targets = asked[d].map_or_else(own, <[Target]>::to_vec);
            let (mean, body) = (self.mean(&windows[d]), Body::new(document));
            for target in targets {
                let named = (target.kind == StanceKind::Entity).then(|| self.of_mentions(document, &windows[d], &mean, &target)).flatten();
                let reading = Reading::new(&body, &target);
                let evidence = reading.evidence(document);
                let origin = named.map_or_else(
                    || {
                        rows.push(reading.pair(document, target.kind, &self.model.tokenizer, self.config.stance_window));
                        out[d].1 |= rows[rows.len() - 1].truncated;
                        Origin::Pass(rows.len() - 1)
                    },
                    Origin::Mentions,
                );
                questions.push(Question { document: d, target, evidence, origin });
            }
        }
        let inputs: Vec<Sequence> = rows.iter_mut().map(|pair| std::mem::take(&mut pair.input)).collect();
        clock.lap(Stage::Tokenise);
        let encoder = if inputs.is_empty() { self.model.encoder.as_ref() } else { self.model.targeted()? };
        let features = self.encode(encoder, None, &inputs, |input, hidden, _| {
            let clock = Clock::start();
            let text = &rows[input].text_rows;
            let mut feature = hidden[..width].to_vec();
            let mut mean = vec![0.0; width];
            hidden[text.start * width..text.end * width].chunks_exact(width).for_each(|row| add(&mut mean, row));
            divide(&mut mean, text.len());
            feature.extend(mean);
            clock.lap(Stage::Heads);
            feature
        })?;
        let clock = Clock::start();
        let heads = &self.model.heads;
        for Question { document, target, evidence, origin } in questions {
            let (logits, temperature) = match (origin, target.kind) {
                (Origin::Mentions(feature), _) => {
                    (heads.mentions(&feature), config.mention.as_ref().map_or(1.0, |mention| mention.temperature))
                }
                (Origin::Pass(row), kind) => (
                    heads.stance(&features[row], kind),
                    if kind == StanceKind::Claim { config.claim_temperature } else { config.entity_temperature },
                ),
            };
            out[document].0.push(stance::decode(&target, &logits.unwrap_or_default(), config, temperature, evidence));
        }
        clock.lap(Stage::Heads);
        Ok(out)
    }
}
