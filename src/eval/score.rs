//! A model's answers beside the truth, and the rows that they make.

use super::items::{EntityItem, StanceItem, SummaryItem, TopicItem};
use super::rows::{Row, compare, entity_rows, first_row, stance_rows, summary_rows, topic_rows};
use crate::data::labelled::{GoldEntity, Labelled};
use crate::data::spans::Span;
use crate::data::{Analysis, StanceKind};
use std::collections::HashMap;

/// Everything that one model said, beside the truth.
#[derive(Default)]
pub struct Answers {
    articles: usize,
    /// The first article of each text that has stances.
    texts: HashMap<String, usize>,
    pub(super) entities: Vec<EntityItem>,
    pub(super) topics: Vec<TopicItem>,
    pub(super) claims: Vec<StanceItem>,
    pub(super) targets: Vec<StanceItem>,
    pub(super) summaries: Vec<SummaryItem>,
}

impl Answers {
    /// Put an article's answer beside its truth.
    pub fn add(&mut self, truth: &Labelled, answer: &Analysis) {
        let article = self.articles;
        self.articles += 1;
        if let (Some(gold), Some(found)) = (&truth.entities, &answer.entities) {
            let spans = |gold: &[GoldEntity]| gold.iter().map(|e| Span::of(e.title, e.start, e.end, &e.kind)).collect::<Vec<_>>();
            let found: Vec<_> = found.iter().filter(|e| !(truth.text_alone && e.field.is_some())).collect();
            self.entities.push(EntityItem {
                article,
                text: truth.article.text.clone(),
                truth: spans(gold),
                repaired: spans(truth.repaired.as_ref().unwrap_or(gold)),
                found: found.iter().map(|e| Span::of(e.field.is_some(), e.start, e.end, &e.kind)).collect(),
                scores: found.iter().map(|e| f64::from(e.score)).collect(),
            });
        }
        if let (Some(gold), Some(found)) = (&truth.topics, &answer.topics) {
            let best = found.first().map(|t| f64::from(t.score));
            let found = found.iter().map(|t| t.label.clone()).collect();
            self.topics.push(TopicItem { article, truth: gold.clone(), found, best });
        }
        if let (Some(gold), Some(found)) = (&truth.stance, &answer.stance) {
            let text = *self.texts.entry(truth.article.text.clone()).or_insert(article);
            for (i, gold) in gold.iter().enumerate() {
                let item = StanceItem::new(article, text, gold, found.get(i));
                match gold.kind {
                    StanceKind::Claim => self.claims.push(item),
                    StanceKind::Entity => self.targets.push(item),
                }
            }
        }
        if let (Some(reference), Some(found)) = (&truth.summary, &answer.summary) {
            self.summaries.push(SummaryItem::new(article, &truth.article.text, reference, &found.text));
        }
    }

    /// All rows.
    pub fn rows(&self) -> Vec<Row> {
        let mut out = entity_rows(&self.entities);
        out.extend(topic_rows(&self.topics));
        out.extend(stance_rows("stance claim", &self.claims));
        out.extend(stance_rows("stance entity", &self.targets));
        out.extend(summary_rows(&self.summaries));
        out
    }

    /// The first measure of each task over the articles that `keep` lets pass, by their number in the data.
    pub fn main_rows(&self, keep: impl Fn(usize) -> bool) -> Vec<Row> {
        [
            first_row("entities", self.entities.iter().filter(|i| keep(i.article))),
            first_row("topics", self.topics.iter().filter(|i| keep(i.article))),
            first_row("stance claim", self.claims.iter().filter(|i| keep(i.article))),
            first_row("stance entity", self.targets.iter().filter(|i| keep(i.article))),
            first_row("summary", self.summaries.iter().filter(|i| keep(i.article))),
        ]
        .into_iter()
        .flatten()
        .collect()
    }

    /// The first measure of each task: this model's minus the other's, with the share of resamples in which
    /// it is not better.
    pub fn compare(&self, other: &Self) -> Vec<(Row, f64)> {
        [
            compare("entities", &self.entities, &other.entities),
            compare("topics", &self.topics, &other.topics),
            compare("stance claim", &self.claims, &other.claims),
            compare("stance entity", &self.targets, &other.targets),
            compare("summary", &self.summaries, &other.summaries),
        ]
        .into_iter()
        .flatten()
        .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::labelled::GoldStance;
    use crate::data::{Article, Entity, Stance, StanceScores};

    #[test]
    fn a_stance_without_an_answer_is_missed() {
        let gold = |label: &str| Some(vec![GoldStance { target: "روسيا".into(), kind: StanceKind::Entity, label: label.into() }]);
        let scores = StanceScores { favor: 0.7, ..StanceScores::default() };
        let answer = Stance { target: "روسيا".into(), kind: StanceKind::Entity, label: "favor".into(), scores, evidence: None };
        let mut answers = Answers::default();
        for (text, label, found) in [("نص", "favor", vec![answer]), ("", "favor", vec![]), ("", "unrelated", vec![])] {
            let truth = Labelled { article: Article::new(text), stance: gold(label), ..Labelled::default() };
            answers.add(&truth, &Analysis { stance: Some(found), ..Analysis::default() });
        }
        let rows = answers.rows();
        let of = |measure: &str| rows.iter().find(|r| r.measure == measure).map(|r| (r.items, r.score.value));
        assert_eq!(of("accuracy"), Some((3, 1.0 / 3.0)));
        assert_eq!(of("macro-F1 of three"), Some((3, 1.0 / 3.0)), "two thirds of favor, nothing of neutral");
        assert!(of(" F1").is_none() && of("favor F1").is_some());
        assert!(of("calibration error").is_some_and(|(_, error)| (error - 0.3).abs() < 1e-6), "what is not said has no probability");
        assert!(answers.main_rows(|_| true).iter().any(|r| r.items == 3));
        answers.add(&Labelled { stance: gold("favor"), ..Labelled::default() }, &Analysis::default());
        assert_eq!(answers.targets.len(), 3, "a model without the head is not asked");
    }

    #[test]
    fn rows_of_a_table_that_ask_of_one_text_are_one_article() {
        let mut answers = Answers::default();
        for (text, target) in [("نص", "روسيا"), ("آخر", "روسيا"), ("نص", "مصر")] {
            let gold = GoldStance { target: target.into(), kind: StanceKind::Entity, label: "favor".into() };
            let truth = Labelled { article: Article::new(text), stance: Some(vec![gold]), ..Labelled::default() };
            answers.add(&truth, &Analysis { stance: Some(Vec::new()), ..Analysis::default() });
        }
        assert_eq!(answers.targets.iter().map(|i| (i.article, i.text)).collect::<Vec<_>>(), [(0, 0), (1, 1), (2, 0)]);
    }

    #[test]
    fn titles_are_scored_where_their_file_labels_some() {
        let entity = |title: bool| Entity {
            text: "حلب".into(),
            kind: "LOC".into(),
            start: 0,
            end: 3,
            score: 0.9,
            name: "حلب".into(),
            field: title.then(|| "title".into()),
        };
        let found = Analysis { entities: Some(vec![entity(true), entity(false)]), ..Analysis::default() };
        let gold = vec![GoldEntity { start: 0, end: 3, kind: "LOC".into(), title: false }];
        let mut truth = Labelled { article: Article::new("حلب"), entities: Some(gold), ..Labelled::default() };
        for (text_alone, f1) in [(true, 1.0), (false, 2.0 / 3.0)] {
            truth.text_alone = text_alone;
            let mut answers = Answers::default();
            answers.add(&truth, &found);
            assert_eq!(answers.rows()[0].score.value, f1);
        }
    }
}
