//! From labelled articles and a model's answers to rows of a table.

use super::bootstrap::{Interval, interval, paired};
use super::calibration::expected_error;
use super::labels::{mean, per_label, per_label_of_sets};
use super::rouge::{Form, Rouge, rouge_l, rouge_n, tokens};
use super::spans::{Span, relaxed, strict};
use super::{Counts, baselines};
use crate::data::labelled::{GoldEntity, Labelled};
use crate::data::{Analysis, Stance, StanceKind};
use crate::tasks::stance::Target;
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};

/// One line of the table.
#[derive(Clone, Debug, Serialize)]
pub struct Row {
    /// "entities", "topics", "stance claim", "stance entity" or "summary".
    pub task: String,
    /// Name of the measure.
    pub measure: String,
    /// Items that it is over.
    pub items: usize,
    /// The measure, with its 95 % interval where it has one.
    pub score: Interval,
    /// What trivial methods reach on the same items.
    pub baselines: BTreeMap<String, f64>,
}

/// Entities of one article: truth under both policies of reading, and what was found.
pub struct EntityItem {
    pub(super) article: usize,
    pub(super) truth: Vec<Span>,
    repaired: Vec<Span>,
    text: String,
    pub(super) found: Vec<Span>,
    pub(super) scores: Vec<f64>,
}

/// Topics of one article.
pub struct TopicItem {
    pub(super) article: usize,
    pub(super) truth: Vec<String>,
    pub(super) found: Vec<String>,
    pub(super) best: Option<f64>,
}

/// One stance pair.
pub struct StanceItem {
    pub(super) article: usize,
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
    fn new(article: usize, target: &Target, truth: &str, found: Option<&Stance>) -> Self {
        let best = |stance: &Stance| {
            let s = stance.scores;
            f64::from(s.favor.max(s.against).max(s.neutral).max(s.unrelated))
        };
        let label = found.map_or("", |stance| &stance.label);
        Self {
            article,
            target: target.text.clone(),
            truth: alternative(truth, label).to_string(),
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
pub struct SummaryItem {
    pub(super) article: usize,
    pub(super) ours: [Rouge; 5],
    lead: f64,
    random: f64,
    oracle: f64,
}

/// Everything that one model said, beside the truth.
#[derive(Default)]
pub struct Answers {
    articles: usize,
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
            for (i, (target, label)) in gold.iter().enumerate() {
                let item = StanceItem::new(article, target, label, found.get(i));
                match target.kind {
                    StanceKind::Claim => self.claims.push(item),
                    StanceKind::Entity => self.targets.push(item),
                }
            }
        }
        if let (Some(reference), Some(found)) = (&truth.summary, &answer.summary) {
            self.summaries.push(summary_item(article, &truth.article.text, reference, &found.text));
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
        fn part<T: Item>(task: &str, items: &[T], keep: impl Fn(usize) -> bool) -> Option<Row> {
            let kept: Vec<&T> = items.iter().filter(|i| keep(i.article())).collect();
            let of = |sample: &[&&T]| T::first(&sample.iter().map(|i| **i).collect::<Vec<_>>());
            (!kept.is_empty()).then(|| row(task, T::MEASURE, &kept, of))
        }
        [
            part("entities", &self.entities, &keep),
            part("topics", &self.topics, &keep),
            part("stance claim", &self.claims, &keep),
            part("stance entity", &self.targets, &keep),
            part("summary", &self.summaries, &keep),
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

fn compare<T: Item>(task: &str, a: &[T], b: &[T]) -> Option<(Row, f64)> {
    let pairs: Vec<(&T, &T)> = a.iter().zip(b).collect();
    if pairs.is_empty() {
        return None;
    }
    let side = |items: &[&(&T, &T)], second: bool| T::first(&items.iter().map(|p| if second { p.1 } else { p.0 }).collect::<Vec<_>>());
    let (score, worse) = paired(&pairs, |items| side(items, false) - side(items, true));
    let row = Row { task: task.into(), measure: T::MEASURE.into(), items: pairs.len(), score, baselines: BTreeMap::new() };
    Some((row, worse))
}

/// An item of a task, and the task's first measure.
trait Item {
    const MEASURE: &'static str;

    /// Number of its article in the data.
    fn article(&self) -> usize;

    fn first(items: &[&Self]) -> f64;
}

impl Item for EntityItem {
    const MEASURE: &'static str = "strict micro-F1";

    fn article(&self) -> usize {
        self.article
    }

    fn first(items: &[&Self]) -> f64 {
        entity_counts(items).f1()
    }
}

impl Item for TopicItem {
    const MEASURE: &'static str = "first label right";

    fn article(&self) -> usize {
        self.article
    }

    fn first(items: &[&Self]) -> f64 {
        mean(items.iter().map(|i| if i.found.first().is_some_and(|f| i.truth.first() == Some(f)) { 1.0 } else { 0.0 }))
    }
}

impl Item for StanceItem {
    const MEASURE: &'static str = "macro-F1 of three";

    fn article(&self) -> usize {
        self.article
    }

    fn first(items: &[&Self]) -> f64 {
        stance_f1(items.iter().map(|i| (fold(&i.truth), fold(&i.found))))
    }
}

impl Item for SummaryItem {
    const MEASURE: &'static str = "ROUGE-1 F";

    fn article(&self) -> usize {
        self.article
    }

    fn first(items: &[&Self]) -> f64 {
        mean(items.iter().map(|s| s.ours[0].f1))
    }
}

/// Sets that do not tell two labels apart write both, as `neutral|unrelated`: either is right.
fn alternative<'a>(truth: &'a str, found: &str) -> &'a str {
    truth.split('|').find(|label| *label == found).or(truth.split('|').next()).unwrap_or(truth)
}

fn row<T>(task: &str, measure: impl Into<String>, items: &[T], of: impl Fn(&[&T]) -> f64) -> Row {
    Row { task: task.into(), measure: measure.into(), items: items.len(), score: interval(items, of), baselines: BTreeMap::new() }
}

fn entity_counts(items: &[&EntityItem]) -> Counts {
    items.iter().map(|i| strict(&i.truth, &i.found)).sum()
}

fn entity_rows(items: &[EntityItem]) -> Vec<Row> {
    if items.is_empty() {
        return Vec::new();
    }
    let mut first = row("entities", EntityItem::MEASURE, items, EntityItem::first);
    first.baselines.insert("dictionary".into(), dictionary_f1(items));
    let mut out = vec![
        first,
        row("entities", "strict precision", items, |i| entity_counts(i).precision()),
        row("entities", "strict recall", items, |i| entity_counts(i).recall()),
        row("entities", "conlleval micro-F1", items, |i| i.iter().map(|i| strict(&i.repaired, &i.found)).sum::<Counts>().f1()),
        row("entities", "relaxed micro-F1", items, |i| i.iter().map(|i| relaxed(&i.truth, &i.found)).sum::<Counts>().f1()),
    ];
    let kinds: BTreeSet<&str> = items.iter().flat_map(|i| i.truth.iter().chain(&i.found)).map(|s| s.kind.as_str()).collect();
    let of_kinds = |name: String, wanted: &[&str]| {
        let only = |spans: &[Span]| spans.iter().filter(|s| wanted.contains(&s.kind.as_str())).cloned().collect::<Vec<_>>();
        row("entities", name, items, |i| i.iter().map(|i| strict(&only(&i.truth), &only(&i.found))).sum::<Counts>().f1())
    };
    if kinds.contains("MISC") {
        out.push(of_kinds("PER, ORG, LOC micro-F1".into(), &["PER", "ORG", "LOC"]));
    }
    out.extend(kinds.iter().map(|kind| of_kinds(format!("{kind} F1"), &[kind])));
    let error = |i: &[&EntityItem]| expected_error(&i.iter().flat_map(|i| i.answers()).collect::<Vec<_>>());
    out.push(row("entities", "calibration error", items, error));
    out
}

/// Names of the text alone, against the whole truth of the text.
fn dictionary_f1(items: &[EntityItem]) -> f64 {
    let truths: Vec<Vec<Span>> = items.iter().map(|i| i.truth.iter().filter(|s| !s.offsets().0).cloned().collect()).collect();
    let pairs: Vec<(&str, &[Span])> = items.iter().zip(&truths).map(|(i, truth)| (i.text.as_str(), truth.as_slice())).collect();
    truths.iter().zip(baselines::dictionary(&pairs)).map(|(truth, found)| strict(truth, &found)).sum::<Counts>().f1()
}

fn topic_rows(items: &[TopicItem]) -> Vec<Row> {
    if items.is_empty() {
        return Vec::new();
    }
    let per = |items: &[&TopicItem]| {
        let sets = items.iter().map(|i| (i.truth.as_slice(), i.found.as_slice()));
        per_label_of_sets(sets).into_iter().map(|(label, counts)| (label.to_string(), counts)).collect::<BTreeMap<_, _>>()
    };
    let mut first = row("topics", TopicItem::MEASURE, items, TopicItem::first);
    let truths: Vec<&str> = items.iter().map(|i| i.truth.first().map_or("", String::as_str)).collect();
    first.baselines.insert("majority".into(), baselines::majority_accuracy(&truths));
    let mut out = vec![
        first,
        row("topics", "micro-F1", items, |i| per(i).into_values().sum::<Counts>().f1()),
        row("topics", "macro-F1", items, |i| mean(per(i).into_values().map(Counts::f1))),
    ];
    for label in per(&items.iter().collect::<Vec<_>>()).into_keys() {
        let of = |i: &&TopicItem| match (i.truth.contains(&label), i.found.contains(&label)) {
            (true, true) => Counts { tp: 1, ..Counts::default() },
            (truth, found) => Counts { tp: 0, fp: usize::from(found), fn_: usize::from(truth) },
        };
        out.push(row("topics", format!("{label} F1"), items, |i| i.iter().map(of).sum::<Counts>().f1()));
    }
    let error = |i: &[&TopicItem]| expected_error(&i.iter().filter_map(|i| i.answer()).collect::<Vec<_>>());
    out.push(row("topics", "calibration error", items, error));
    out
}

/// Neutral and unrelated as one label: most sets do not tell them apart.
fn fold(label: &str) -> &str {
    if label == "unrelated" { "neutral" } else { label }
}

/// Macro-F1 over the stances: what has no answer is missed, and is no label beside the others.
fn stance_f1<'a>(pairs: impl IntoIterator<Item = (&'a str, &'a str)>) -> f64 {
    mean(per_label(pairs).into_iter().filter(|(label, _)| !label.is_empty()).map(|(_, counts)| counts.f1()))
}

fn stance_rows(task: &str, items: &[StanceItem]) -> Vec<Row> {
    if items.is_empty() {
        return Vec::new();
    }
    let pairs: Vec<(&str, &str)> = items.iter().map(|i| (i.target.as_str(), fold(&i.truth))).collect();
    let mut first = row(task, StanceItem::MEASURE, items, StanceItem::first);
    first.baselines.insert("majority".into(), baselines::majority_macro_f1(&pairs));
    first.baselines.insert("target only".into(), baselines::target_only_macro_f1(&pairs));
    let of_four = |items: &[&StanceItem]| stance_f1(items.iter().map(|i| (i.truth.as_str(), i.found.as_str())));
    let mut out = vec![first, row(task, "macro-F1 of four", items, of_four)];
    let right = |i: &&StanceItem| if i.truth == i.found { 1.0 } else { 0.0 };
    out.push(row(task, "accuracy", items, |i| mean(i.iter().map(right))));
    let labels: BTreeSet<&str> = items.iter().flat_map(|i| [i.truth.as_str(), i.found.as_str()]).collect();
    for label in labels.into_iter().filter(|label| !label.is_empty()) {
        let of = |items: &[&StanceItem]| {
            let per = per_label(items.iter().map(|i| (i.truth.as_str(), i.found.as_str())));
            per.get(label).copied().unwrap_or_default().f1()
        };
        out.push(row(task, format!("{label} F1"), items, of));
    }
    let error = |i: &[&StanceItem]| expected_error(&i.iter().filter_map(|i| i.answer()).collect::<Vec<_>>());
    out.push(row(task, "calibration error", items, error));
    out
}

fn summary_item(article: usize, text: &str, reference: &str, summary: &str) -> SummaryItem {
    let (raw, light) = (tokens(reference, Form::Raw), tokens(reference, Form::Light));
    let (ours, ours_light) = (tokens(summary, Form::Raw), tokens(summary, Form::Light));
    let length = summary.split_whitespace().count();
    let sentences = baselines::split(text);
    let against = |other: &str| rouge_n(&tokens(other, Form::Raw), &raw, 1).f1;
    SummaryItem {
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

fn summary_rows(items: &[SummaryItem]) -> Vec<Row> {
    if items.is_empty() {
        return Vec::new();
    }
    let names = ["ROUGE-1 F", "ROUGE-2 F", "ROUGE-L F", "ROUGE-1 F, light", "ROUGE-2 F, light"];
    let mut out: Vec<Row> = (0..names.len()).map(|k| row("summary", names[k], items, |i| mean(i.iter().map(|s| s.ours[k].f1)))).collect();
    let all = |of: fn(&SummaryItem) -> f64| mean(items.iter().map(of));
    for (name, value) in [("lead", all(|s| s.lead)), ("random", all(|s| s.random)), ("oracle", all(|s| s.oracle))] {
        out[0].baselines.insert(name.into(), value);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::{Article, StanceScores};

    #[test]
    fn a_stance_without_an_answer_is_missed() {
        let target = Target { text: "روسيا".into(), kind: StanceKind::Entity };
        let scores = StanceScores { favor: 0.7, ..StanceScores::default() };
        let answer = Stance { target: "روسيا".into(), kind: StanceKind::Entity, label: "favor".into(), scores, evidence: None };
        let mut answers = Answers::default();
        for (text, label, found) in [("نص", "favor", vec![answer]), ("", "favor", vec![]), ("", "unrelated", vec![])] {
            let truth =
                Labelled { article: Article::new(text), stance: Some(vec![(target.clone(), label.to_string())]), ..Labelled::default() };
            answers.add(&truth, &Analysis { stance: Some(found), ..Analysis::default() });
        }
        let rows = answers.rows();
        let of = |measure: &str| rows.iter().find(|r| r.measure == measure).map(|r| (r.items, r.score.value));
        assert_eq!(of("accuracy"), Some((3, 1.0 / 3.0)));
        assert_eq!(of("macro-F1 of three"), Some((3, 1.0 / 3.0)), "two thirds of favor, nothing of neutral");
        assert!(of(" F1").is_none() && of("favor F1").is_some());
        assert!(of("calibration error").is_some_and(|(_, error)| (error - 0.3).abs() < 1e-6), "what is not said has no probability");
        assert!(answers.main_rows(|_| true).iter().any(|r| r.items == 3));
        answers.add(&Labelled { stance: Some(vec![(target, "favor".into())]), ..Labelled::default() }, &Analysis::default());
        assert_eq!(answers.targets.len(), 3, "a model without the head is not asked");
    }
}
