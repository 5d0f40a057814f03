//! Rows of the table: what each item adds to a measure, made once, and the measure of resampled articles.

use super::bootstrap::{Interval, interval, paired};
use super::calibration::expected_error;
use super::items::{EntityItem, StanceItem, SummaryItem, TopicItem};
use super::labels::{mean, per_label, per_label_of_sets};
use super::spans::{relaxed, strict};
use super::{Counts, baselines};
use crate::data::spans::Span;
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

/// The first measure of the same items of two models: the first's minus the second's.
pub(super) fn compare<T: Item>(task: &str, a: &[T], b: &[T]) -> Option<(Row, f64)> {
    let articles = by_article(a.iter().zip(b).filter_map(|(a, b)| Some((a.drawn_by(), (a.part()?, b.part()?)))));
    if articles.is_empty() {
        return None;
    }
    let (score, worse) = paired(&articles, |pairs| {
        let (a, b): (Vec<&T::Part>, Vec<&T::Part>) = pairs.iter().map(|pair| (&pair.0, &pair.1)).unzip();
        T::first(&a) - T::first(&b)
    });
    let items = articles.iter().map(Vec::len).sum();
    Some((Row { task: task.into(), measure: T::MEASURE.into(), items, score, baselines: BTreeMap::new() }, worse))
}

/// An item of a task, and the task's first measure.
pub(super) trait Item {
    const MEASURE: &'static str;

    /// What an item adds to the measure; made once, for resamples only add it up.
    type Part;

    /// Number of the article by which resamples draw it, with all else that is said of the article.
    fn drawn_by(&self) -> usize;

    /// None where the measure has nothing to say of the item.
    fn part(&self) -> Option<Self::Part>;

    fn first(parts: &[&Self::Part]) -> f64;
}

impl Item for EntityItem {
    const MEASURE: &'static str = "strict micro-F1";
    type Part = Counts;

    fn drawn_by(&self) -> usize {
        self.article
    }

    fn part(&self) -> Option<Counts> {
        Some(strict(&self.truth, &self.found))
    }

    fn first(parts: &[&Counts]) -> f64 {
        total(parts).f1()
    }
}

impl Item for TopicItem {
    const MEASURE: &'static str = "first label right";
    type Part = Counts;

    fn drawn_by(&self) -> usize {
        self.article
    }

    /// A model names at least one topic: where none is true there is no first label to be right.
    fn part(&self) -> Option<Counts> {
        let truth = self.truth.first()?;
        Some(one(true, self.found.first() == Some(truth)))
    }

    fn first(parts: &[&Counts]) -> f64 {
        total(parts).recall()
    }
}

impl Item for StanceItem {
    const MEASURE: &'static str = "macro-F1 of three";
    /// Truth and answer.
    type Part = (String, String);

    fn drawn_by(&self) -> usize {
        self.text
    }

    fn part(&self) -> Option<(String, String)> {
        Some((fold(&self.truth).to_string(), fold(&self.found).to_string()))
    }

    fn first(parts: &[&(String, String)]) -> f64 {
        stance_f1(parts.iter().map(|(truth, found)| (truth.as_str(), found.as_str())))
    }
}

impl Item for SummaryItem {
    const MEASURE: &'static str = "ROUGE-1 F";
    type Part = f64;

    fn drawn_by(&self) -> usize {
        self.article
    }

    fn part(&self) -> Option<f64> {
        Some(self.ours[0].f1)
    }

    fn first(parts: &[&f64]) -> f64 {
        average(parts)
    }
}

/// Parts with their articles' numbers: those of one article together, in the order of the numbers.
fn by_article<P>(parts: impl Iterator<Item = (usize, P)>) -> Vec<Vec<P>> {
    let mut articles: BTreeMap<usize, Vec<P>> = BTreeMap::new();
    parts.for_each(|(article, part)| articles.entry(article).or_default().push(part));
    articles.into_values().collect()
}

fn row_of<P>(task: &str, measure: impl Into<String>, articles: &[Vec<P>], of: impl Fn(&[&P]) -> f64) -> Row {
    let items = articles.iter().map(Vec::len).sum();
    Row { task: task.into(), measure: measure.into(), items, score: interval(articles, of), baselines: BTreeMap::new() }
}

/// The task's first measure; none where it has nothing to say of any item.
pub(super) fn first_row<'a, T: Item + 'a>(task: &str, items: impl IntoIterator<Item = &'a T>) -> Option<Row> {
    let articles = by_article(items.into_iter().filter_map(|i| Some((i.drawn_by(), i.part()?))));
    (!articles.is_empty()).then(|| row_of(task, T::MEASURE, &articles, T::first))
}

/// A measure `of` the items' parts, each made once.
fn row<'a, T: Item, P>(
    task: &str,
    measure: impl Into<String>,
    items: &'a [T],
    part: impl Fn(&'a T) -> P,
    of: impl Fn(&[&P]) -> f64,
) -> Row {
    row_of(task, measure, &by_article(items.iter().map(|i| (i.drawn_by(), part(i)))), of)
}

/// A figure of the sum of the items' counts.
fn counted<T: Item>(task: &str, measure: impl Into<String>, items: &[T], counts: impl Fn(&T) -> Counts, figure: fn(Counts) -> f64) -> Row {
    row(task, measure, items, counts, |parts| figure(total(parts)))
}

/// Whether the items' answers are as probable as they say.
fn calibration<T: Item>(task: &str, items: &[T], answers: impl Fn(&T) -> Vec<(f64, bool)>) -> Row {
    row(task, "calibration error", items, answers, |parts| expected_error(&parts.iter().copied().flatten().copied().collect::<Vec<_>>()))
}

fn total(parts: &[&Counts]) -> Counts {
    parts.iter().copied().copied().sum()
}

fn average(parts: &[&f64]) -> f64 {
    mean(parts.iter().copied().copied())
}

/// Counts of one thing that may be true and may be found.
fn one(truth: bool, found: bool) -> Counts {
    Counts { tp: usize::from(truth && found), fp: usize::from(found && !truth), fn_: usize::from(truth && !found) }
}

pub(super) fn entity_rows(items: &[EntityItem]) -> Vec<Row> {
    let Some(first) = first_row("entities", items) else { return Vec::new() };
    let counts = |i: &EntityItem| strict(&i.truth, &i.found);
    let mut out = vec![
        Row { baselines: BTreeMap::from([("dictionary".into(), dictionary_f1(items))]), ..first },
        counted("entities", "strict precision", items, counts, Counts::precision),
        counted("entities", "strict recall", items, counts, Counts::recall),
        counted("entities", "conlleval micro-F1", items, |i| strict(&i.repaired, &i.found), Counts::f1),
        counted("entities", "relaxed micro-F1", items, |i| relaxed(&i.truth, &i.found), Counts::f1),
    ];
    let kinds: BTreeSet<&str> = items.iter().flat_map(|i| i.truth.iter().chain(&i.found)).map(|s| s.kind.as_str()).collect();
    let of_kinds = |name: String, wanted: &[&str]| {
        let only = |spans: &[Span]| spans.iter().filter(|s| wanted.contains(&s.kind.as_str())).cloned().collect::<Vec<_>>();
        counted("entities", name, items, |i| strict(&only(&i.truth), &only(&i.found)), Counts::f1)
    };
    if kinds.contains("MISC") {
        out.push(of_kinds("PER, ORG, LOC micro-F1".into(), &["PER", "ORG", "LOC"]));
    }
    out.extend(kinds.iter().map(|kind| of_kinds(format!("{kind} F1"), &[kind])));
    out.push(calibration("entities", items, |i| i.answers().collect()));
    out
}

/// Names of the text alone, against the whole truth of the text.
fn dictionary_f1(items: &[EntityItem]) -> f64 {
    let truths: Vec<Vec<Span>> = items.iter().map(|i| i.truth.iter().filter(|s| !s.offsets().0).cloned().collect()).collect();
    let pairs: Vec<(&str, &[Span])> = items.iter().zip(&truths).map(|(i, truth)| (i.text.as_str(), truth.as_slice())).collect();
    truths.iter().zip(baselines::dictionary(&pairs)).map(|(truth, found)| strict(truth, &found)).sum::<Counts>().f1()
}

/// Counts of each of an article's topics.
fn topic_counts(item: &TopicItem) -> BTreeMap<&str, Counts> {
    per_label_of_sets([(item.truth.as_slice(), item.found.as_slice())])
}

/// Mean F1 over the labels that occur in any of the parts.
fn macro_f1(parts: &[&BTreeMap<&str, Counts>]) -> f64 {
    let mut all: BTreeMap<&str, Counts> = BTreeMap::new();
    parts.iter().copied().flatten().for_each(|(label, counts)| *all.entry(label).or_default() += *counts);
    mean(all.into_values().map(Counts::f1))
}

pub(super) fn topic_rows(items: &[TopicItem]) -> Vec<Row> {
    if items.is_empty() {
        return Vec::new();
    }
    let truths: Vec<&str> = items.iter().filter_map(|i| i.truth.first()).map(String::as_str).collect();
    let beside = BTreeMap::from([("majority".into(), baselines::majority_accuracy(&truths))]);
    let mut out: Vec<Row> = first_row("topics", items).map(|first| Row { baselines: beside, ..first }).into_iter().collect();
    out.extend([
        counted("topics", "micro-F1", items, |i| topic_counts(i).into_values().sum(), Counts::f1),
        row("topics", "macro-F1", items, topic_counts, macro_f1),
    ]);
    let labels: BTreeSet<&String> = items.iter().flat_map(|i| i.truth.iter().chain(&i.found)).collect();
    for label in labels {
        let counts = |i: &TopicItem| one(i.truth.contains(label), i.found.contains(label));
        out.push(counted("topics", format!("{label} F1"), items, counts, Counts::f1));
    }
    out.push(calibration("topics", items, |i| i.answer().into_iter().collect()));
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

pub(super) fn stance_rows(task: &str, items: &[StanceItem]) -> Vec<Row> {
    let Some(first) = first_row(task, items) else { return Vec::new() };
    let pairs: Vec<(&str, &str)> = items.iter().map(|i| (i.target.as_str(), fold(&i.truth))).collect();
    let (majority, target_only) = (baselines::majority_macro_f1(&pairs), baselines::target_only_macro_f1(&pairs));
    let mut out = vec![
        Row { baselines: BTreeMap::from([("majority".into(), majority), ("target only".into(), target_only)]), ..first },
        row(task, "macro-F1 of four", items, |i| (i.truth.as_str(), i.found.as_str()), |pairs| stance_f1(pairs.iter().map(|p| **p))),
        counted(task, "accuracy", items, |i| one(true, i.truth == i.found), Counts::recall),
    ];
    let labels: BTreeSet<&str> = items.iter().flat_map(|i| [i.truth.as_str(), i.found.as_str()]).collect();
    for label in labels.into_iter().filter(|label| !label.is_empty()) {
        let counts = |i: &StanceItem| one(i.truth == label, i.found == label);
        out.push(counted(task, format!("{label} F1"), items, counts, Counts::f1));
    }
    out.push(calibration(task, items, |i| i.answer().into_iter().collect()));
    out
}

pub(super) fn summary_rows(items: &[SummaryItem]) -> Vec<Row> {
    if items.is_empty() {
        return Vec::new();
    }
    let names = ["ROUGE-1 F", "ROUGE-2 F", "ROUGE-L F", "ROUGE-1 F, light", "ROUGE-2 F, light"];
    let mut out: Vec<Row> = (0..names.len()).map(|k| row("summary", names[k], items, |i| i.ours[k].f1, average)).collect();
    let all = |of: fn(&SummaryItem) -> f64| mean(items.iter().map(of));
    for (name, value) in [("lead", all(|s| s.lead)), ("random", all(|s| s.random)), ("oracle", all(|s| s.oracle))] {
        out[0].baselines.insert(name.into(), value);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Thirty articles, each with so many pairs, of which a model says the same.
    fn thirty(pairs: usize, found: fn(usize) -> &'static str) -> Vec<StanceItem> {
        let pair = |article: usize| StanceItem {
            article,
            text: article,
            target: String::new(),
            truth: if article.is_multiple_of(3) { "against" } else { "favor" }.into(),
            found: found(article).into(),
            score: Some(0.9),
            evidence: None,
        };
        (0..30).flat_map(|article| (0..pairs).map(move |_| pair(article))).collect()
    }

    #[test]
    fn pairs_of_one_article_are_no_further_articles() {
        let one_model = |i: usize| if i.is_multiple_of(5) { "against" } else { "favor" };
        let another = |i: usize| if i.is_multiple_of(2) { "against" } else { "favor" };
        let (single, fourfold) = (stance_rows("stance claim", &thirty(1, one_model)), stance_rows("stance claim", &thirty(4, one_model)));
        for (a, b) in single.iter().zip(&fourfold) {
            assert_eq!((a.items, b.items), (30, 120));
            assert!(a.score.low < a.score.high, "{a:?}");
            // Sums of probabilities are rounded otherwise.
            let same = |a: f64, b: f64| (a - b).abs() < 1e-9;
            assert!(same(a.score.low, b.score.low) && same(a.score.high, b.score.high), "{a:?} {b:?}");
        }
        assert!(single.last().is_some_and(|row| row.measure == "calibration error"));
        let compared =
            |pairs: usize| compare("stance claim", &thirty(pairs, one_model), &thirty(pairs, another)).map(|(row, p)| (row.score, p));
        assert!(compared(1).is_some_and(|(_, p)| p > 0.0));
        assert_eq!(compared(1), compared(4));
    }

    #[test]
    fn parts_that_are_made_once_give_the_figures_of_whole_items() {
        let span = |start: usize, kind: &str| Span { start, end: start + 1, kind: kind.into() };
        let item = |i: usize| EntityItem {
            article: i,
            text: String::new(),
            truth: vec![span(0, "PER"), span(1, "LOC")],
            repaired: Vec::new(),
            found: (0..i % 4).map(|at| span(at, if i.is_multiple_of(3) { "PER" } else { "LOC" })).collect(),
            scores: vec![0.5; i % 4],
        };
        let items: Vec<EntityItem> = (0..40).map(item).collect();
        let whole: Vec<Vec<&EntityItem>> = items.iter().map(|i| vec![i]).collect();
        let f1 = |items: &[&&EntityItem]| items.iter().map(|i| strict(&i.truth, &i.found)).sum::<Counts>().f1();
        assert_eq!(entity_rows(&items)[0].score, interval(&whole, f1));
        let topic = |i: usize| TopicItem {
            article: i,
            truth: vec!["sport".into(), "health".into()],
            found: [["sport", "politics"], ["health", "sport"], ["labour", "health"]][i % 3].map(String::from).into(),
            best: None,
        };
        let items: Vec<TopicItem> = (0..40).map(topic).collect();
        let whole: Vec<Vec<&TopicItem>> = items.iter().map(|i| vec![i]).collect();
        let f1 = |items: &[&&TopicItem]| {
            let sets = items.iter().map(|i| (i.truth.as_slice(), i.found.as_slice()));
            mean(per_label_of_sets(sets).into_values().map(Counts::f1))
        };
        let macro_f1 = topic_rows(&items).into_iter().find(|r| r.measure == "macro-F1").map(|r| r.score);
        assert_eq!(macro_f1, Some(interval(&whole, f1)));
    }

    #[test]
    fn articles_without_a_topic_have_no_first_label() {
        let item = |article: usize, truth: &[&str]| TopicItem {
            article,
            truth: truth.iter().map(|t| (*t).to_string()).collect(),
            found: vec!["sport".into()],
            best: Some(0.9),
        };
        let items = [item(0, &["sport"]), item(1, &[]), item(2, &["health", "sport"]), item(3, &[])];
        let rows = topic_rows(&items);
        assert_eq!((rows[0].items, rows[0].score.value, rows[0].baselines["majority"]), (2, 0.5, 0.5));
        assert_eq!(
            (rows[1].measure.as_str(), rows[1].items, rows[1].score.value),
            ("micro-F1", 4, 4.0 / 7.0),
            "what is given there is wrong"
        );
        assert_eq!(compare("topics", &items, &items).map(|(row, _)| row.items), Some(2));
        assert!(first_row("topics", &items[3..]).is_none() && topic_rows(&items[3..])[0].measure == "micro-F1");
    }
}
