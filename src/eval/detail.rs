//! What lies behind the table: confusions, reliability curves, scores by length and source, the worst errors.

use super::calibration::{Bin, expected_error, reliability};
use super::items::{EntityItem, StanceItem, TopicItem};
use super::rows::Row;
use super::score::Answers;
use crate::data::Analysis;
use crate::data::labelled::Labelled;
use crate::data::spans::Span;
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::Path;

/// Errors of a task that are shown.
const SHOWN: usize = 15;
/// Code points shown on either side of an error.
const AROUND: usize = 80;
/// Sources that are shown, those with the most articles.
const SOURCES: usize = 25;
/// Upper ends of the bins of article length, in words.
const LENGTHS: [usize; 4] = [100, 250, 500, 1000];
/// The label of what has no counterpart.
const NONE: &str = "none";

/// How often each true label was given each label.
#[derive(Debug, Serialize)]
pub struct Confusion {
    /// Task.
    pub task: String,
    /// Labels of rows and columns.
    pub labels: Vec<String>,
    /// `counts[truth][found]`.
    pub counts: Vec<Vec<usize>>,
}

/// A reliability curve.
#[derive(Debug, Serialize)]
pub struct Curve {
    /// Task.
    pub task: String,
    /// Answers.
    pub items: usize,
    /// Expected calibration error.
    pub error: f64,
    /// Ten equal-width bins; empty ones are left out.
    pub bins: Vec<Bin>,
}

/// First measures of the articles of one kind.
#[derive(Debug, Serialize)]
pub struct Group {
    /// Length in words, or source.
    pub name: String,
    /// Articles.
    pub articles: usize,
    /// A row a task.
    pub rows: Vec<Row>,
}

/// A piece of context; `class` is "truth", "found", both, or empty.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub struct Piece {
    /// Text.
    pub text: String,
    /// What it is.
    pub class: String,
}

/// One wrong answer.
#[derive(Debug, Serialize)]
pub struct Mistake {
    /// Task.
    pub task: String,
    /// Id of the article.
    pub article: String,
    /// What is true.
    pub truth: String,
    /// What was said.
    pub found: String,
    /// Probability, or ROUGE-1 F for summaries.
    pub score: Option<f64>,
    /// Target of a stance; how often a name was missed.
    pub note: String,
    /// Where it stands.
    pub context: Vec<Piece>,
}

/// Everything behind the table.
#[derive(Debug, Serialize)]
pub struct Detail {
    /// Entities, topics, stance by kind.
    pub confusions: Vec<Confusion>,
    /// The same.
    pub curves: Vec<Curve>,
    /// By words.
    pub lengths: Vec<Group>,
    /// By the field `source`, else by file.
    pub sources: Vec<Group>,
    /// The surest wrong answers, the names missed most often, the poorest summaries.
    pub mistakes: Vec<Mistake>,
}

impl Answers {
    /// What lies behind [`Answers::rows`]; `truth` and `analyses` are those that were added, in order.
    pub fn detail(&self, truth: &[Labelled], analyses: &[Analysis]) -> Detail {
        Detail {
            confusions: self.confusions(),
            curves: self.curves(),
            lengths: self.groups(truth, |t| (length_bin(t), length_name(length_bin(t)))),
            sources: self.sources(truth),
            mistakes: [
                self.wrong_entities(truth),
                self.missed_entities(truth),
                self.wrong_topics(truth),
                wrong_stances("stance claim", &self.claims, truth),
                wrong_stances("stance entity", &self.targets, truth),
                self.poor_summaries(truth, analyses),
            ]
            .into_iter()
            .flatten()
            .collect(),
        }
    }

    fn confusions(&self) -> Vec<Confusion> {
        let kind = |span: Option<&Span>| span.map_or(NONE, |s| &s.kind).to_string();
        let entities = self.entities.iter().flat_map(|i| pairs(i).into_iter().map(|p| (kind(p.0), kind(p.1.map(|f| f.0)))));
        let first = |labels: &[String]| labels.first().map_or(NONE, String::as_str).to_string();
        let topics: Vec<(String, String)> = self.topics.iter().map(|i| (first(&i.truth), first(&i.found))).collect();
        let stance = |items: &[StanceItem]| items.iter().map(|i| (i.truth.clone(), said(i))).collect::<Vec<_>>();
        [
            ("entities", entities.collect()),
            ("topics", topics),
            ("stance claim", stance(&self.claims)),
            ("stance entity", stance(&self.targets)),
        ]
        .into_iter()
        .filter(|(_, pairs): &(_, Vec<_>)| !pairs.is_empty())
        .map(|(task, pairs)| confusion(task, &pairs))
        .collect()
    }

    fn curves(&self) -> Vec<Curve> {
        [
            ("entities", self.entities.iter().flat_map(EntityItem::answers).collect()),
            ("topics", self.topics.iter().filter_map(TopicItem::answer).collect()),
            ("stance claim", self.claims.iter().filter_map(StanceItem::answer).collect()),
            ("stance entity", self.targets.iter().filter_map(StanceItem::answer).collect()),
        ]
        .into_iter()
        .filter(|(_, items): &(_, Vec<_>)| !items.is_empty())
        .map(|(task, items)| Curve { task: task.into(), items: items.len(), error: expected_error(&items), bins: reliability(&items, 10) })
        .collect()
    }

    fn groups<K: Ord>(&self, truth: &[Labelled], key: impl Fn(&Labelled) -> (K, String)) -> Vec<Group> {
        let mut members: BTreeMap<(K, String), BTreeSet<usize>> = BTreeMap::new();
        for (article, labelled) in truth.iter().enumerate() {
            members.entry(key(labelled)).or_default().insert(article);
        }
        let group = |((_, name), articles): ((K, String), BTreeSet<usize>)| Group {
            name,
            articles: articles.len(),
            rows: self.main_rows(|a| articles.contains(&a)),
        };
        members.into_iter().map(group).collect()
    }

    fn sources(&self, truth: &[Labelled]) -> Vec<Group> {
        let mut out = self.groups(truth, |t| (source(t), source(t)));
        out.sort_by_key(|group| std::cmp::Reverse(group.articles));
        out.truncate(SOURCES);
        out
    }

    fn wrong_entities(&self, truth: &[Labelled]) -> Vec<Mistake> {
        let mut out = Vec::new();
        for item in &self.entities {
            for (gold, found) in pairs(item) {
                let Some((span, score)) = found else { continue };
                if gold == Some(span) {
                    continue;
                }
                let spans = [("truth", gold.cloned()), ("found", Some(span.clone()))];
                out.push(Mistake {
                    truth: gold.map_or(NONE, |g| &g.kind).to_string(),
                    found: span.kind.clone(),
                    score: Some(score),
                    context: context(&truth[item.article], &spans),
                    ..mistake("entities", &truth[item.article])
                });
            }
        }
        surest(out)
    }

    fn missed_entities(&self, truth: &[Labelled]) -> Vec<Mistake> {
        let mut by_surface: HashMap<(String, &str), (usize, &Span, usize)> = HashMap::new();
        for item in &self.entities {
            for (gold, found) in pairs(item) {
                if let (Some(gold), None) = (gold, found) {
                    by_surface.entry((surface(&truth[item.article], gold), &gold.kind)).or_insert((item.article, gold, 0)).2 += 1;
                }
            }
        }
        let mut all: Vec<_> = by_surface.into_values().collect();
        all.sort_by_key(|&(article, span, times)| (std::cmp::Reverse(times), article, span.start));
        let shown = all.into_iter().take(SHOWN).map(|(article, span, times)| Mistake {
            truth: span.kind.clone(),
            found: NONE.to_string(),
            note: format!("missed {times}×"),
            context: context(&truth[article], &[("truth", Some(span.clone()))]),
            ..mistake("entities", &truth[article])
        });
        shown.collect()
    }

    fn wrong_topics(&self, truth: &[Labelled]) -> Vec<Mistake> {
        let wrong = self.topics.iter().filter(|i| i.truth.first() != i.found.first());
        let made = wrong.map(|i| Mistake {
            truth: i.truth.join(", "),
            found: i.found.join(", "),
            score: i.best,
            context: opening(&truth[i.article]),
            ..mistake("topics", &truth[i.article])
        });
        surest(made.collect())
    }

    fn poor_summaries(&self, truth: &[Labelled], analyses: &[Analysis]) -> Vec<Mistake> {
        let made = self.summaries.iter().map(|i| Mistake {
            truth: truth[i.article].summary.clone().unwrap_or_default(),
            found: analyses[i.article].summary.as_ref().map(|s| s.text.clone()).unwrap_or_default(),
            score: Some(i.ours[0].f1),
            ..mistake("summary", &truth[i.article])
        });
        let mut all: Vec<Mistake> = made.collect();
        all.sort_by(|a, b| a.score.unwrap_or(0.0).total_cmp(&b.score.unwrap_or(0.0)));
        all.truncate(SHOWN);
        all
    }
}

fn mistake(task: &str, truth: &Labelled) -> Mistake {
    Mistake {
        task: task.into(),
        article: truth.article.id.clone(),
        truth: String::new(),
        found: String::new(),
        score: None,
        note: String::new(),
        context: Vec::new(),
    }
}

fn surest(mut all: Vec<Mistake>) -> Vec<Mistake> {
    all.sort_by(|a, b| b.score.unwrap_or(0.0).total_cmp(&a.score.unwrap_or(0.0)));
    all.truncate(SHOWN);
    all
}

fn wrong_stances(task: &str, items: &[StanceItem], truth: &[Labelled]) -> Vec<Mistake> {
    let wrong = items.iter().filter(|i| i.truth != i.found);
    let made = wrong.map(|i| Mistake {
        truth: i.truth.clone(),
        found: said(i),
        score: i.score,
        note: i.target.clone(),
        context: i.evidence.map_or_else(|| opening(&truth[i.article]), |(a, b)| plain(slice(&truth[i.article].article.text, a, b))),
        ..mistake(task, &truth[i.article])
    });
    surest(made.collect())
}

fn said(item: &StanceItem) -> String {
    if item.found.is_empty() { NONE.to_string() } else { item.found.clone() }
}

fn confusion(task: &str, pairs: &[(String, String)]) -> Confusion {
    let mut labels: Vec<String> = pairs.iter().flat_map(|(a, b)| [a, b]).collect::<BTreeSet<_>>().into_iter().cloned().collect();
    labels.sort_by_key(|label| label == NONE); // what has no counterpart comes last
    let at: HashMap<&str, usize> = labels.iter().enumerate().map(|(i, label)| (label.as_str(), i)).collect();
    let mut counts = vec![vec![0; labels.len()]; labels.len()];
    for (truth, found) in pairs {
        counts[at[truth.as_str()]][at[found.as_str()]] += 1;
    }
    Confusion { task: task.into(), counts, labels }
}

/// A true span and a found one with its score; one of them may lack its counterpart.
type SpanPair<'a> = (Option<&'a Span>, Option<(&'a Span, f64)>);

/// True spans beside found ones with their scores: equal bounds first, then any overlap; the rest stand alone.
fn pairs(item: &EntityItem) -> Vec<SpanPair<'_>> {
    let mut left: Vec<Option<&Span>> = item.truth.iter().map(Some).collect();
    let mut partner: Vec<Option<&Span>> = vec![None; item.found.len()];
    let same = |a: &Span, b: &Span| a.start == b.start && a.end == b.end;
    let overlap = |a: &Span, b: &Span| a.start < b.end && b.start < a.end;
    for meets in [&same as &dyn Fn(&Span, &Span) -> bool, &overlap] {
        for (found, partner) in item.found.iter().zip(&mut partner) {
            if partner.is_none() {
                *partner = left.iter_mut().find(|g| g.is_some_and(|g| meets(g, found))).and_then(Option::take);
            }
        }
    }
    let met = partner.into_iter().zip(item.found.iter().zip(item.scores.iter().copied())).map(|(gold, found)| (gold, Some(found)));
    met.chain(left.into_iter().flatten().map(|gold| (Some(gold), None))).collect()
}

fn slice(text: &str, start: usize, end: usize) -> String {
    text.chars().skip(start).take(end.saturating_sub(start)).collect()
}

/// The text that a span stands in, and its offsets there.
fn place<'a>(truth: &'a Labelled, span: &Span) -> (&'a str, usize, usize) {
    match span.offsets() {
        (true, start, end) => (truth.article.title.as_deref().unwrap_or(""), start, end),
        (false, start, end) => (&truth.article.text, start, end),
    }
}

fn surface(truth: &Labelled, span: &Span) -> String {
    let (text, start, end) = place(truth, span);
    slice(text, start, end)
}

/// The surroundings of spans of one text, cut where any of them begins or ends.
fn context(truth: &Labelled, spans: &[(&str, Option<Span>)]) -> Vec<Piece> {
    let spans: Vec<(&str, Span)> = spans.iter().filter_map(|(class, span)| Some((*class, span.clone()?))).collect();
    let Some((_, first)) = spans.first() else { return Vec::new() };
    let text = place(truth, first).0;
    let points: Vec<char> = text.chars().collect();
    let length = points.len();
    let inside = |(class, span): &(_, Span)| (*class, place(truth, span).1.min(length), place(truth, span).2.min(length));
    let placed: Vec<(&str, usize, usize)> = spans.iter().map(inside).collect();
    let (begin, end) = (placed.iter().map(|p| p.1).min().unwrap_or(0), placed.iter().map(|p| p.2).max().unwrap_or(0));
    // Whole words on either side.
    let (mut from, mut to) = (begin.saturating_sub(AROUND), (end + AROUND).min(length));
    while from > 0 && from < begin && !points[from - 1].is_whitespace() {
        from += 1;
    }
    while to < length && to > end && !points[to].is_whitespace() {
        to -= 1;
    }
    let cuts: BTreeSet<usize> = [from, to].into_iter().chain(placed.iter().flat_map(|p| [p.1, p.2])).collect();
    let cuts: Vec<usize> = cuts.into_iter().collect();
    let class = |a: usize, b: usize| placed.iter().filter(|p| p.1 <= a && b <= p.2).map(|p| p.0).collect::<Vec<_>>().join(" ");
    cuts.windows(2).map(|w| Piece { text: slice(text, w[0], w[1]), class: class(w[0], w[1]) }).collect()
}

fn plain(text: String) -> Vec<Piece> {
    vec![Piece { text, class: String::new() }]
}

fn opening(truth: &Labelled) -> Vec<Piece> {
    let title = truth.article.title.as_deref().map(|t| format!("{t} — ")).unwrap_or_default();
    plain(format!("{title}{}", slice(&truth.article.text, 0, 2 * AROUND)))
}

fn length_bin(truth: &Labelled) -> usize {
    let words = truth.article.text.split_whitespace().count();
    LENGTHS.iter().position(|&most| words <= most).unwrap_or(LENGTHS.len())
}

fn length_name(bin: usize) -> String {
    match (bin.checked_sub(1).map(|b| LENGTHS[b]), LENGTHS.get(bin)) {
        (None, Some(most)) => format!("to {most} words"),
        (Some(least), Some(most)) => format!("{} to {most}", least + 1),
        (Some(least), None) => format!("over {least}"),
        (None, None) => String::new(),
    }
}

fn source(truth: &Labelled) -> String {
    let field = truth.article.extra.get("source").and_then(|s| s.as_str());
    let file = || Path::new(truth.article.origin.0.as_ref()).file_name().map(|n| n.to_string_lossy().into_owned());
    field.map(str::to_string).or_else(file).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::labelled::GoldEntity;
    use crate::data::{Article, Entity};

    fn labelled(text: &str, gold: &[(usize, usize, &str)]) -> Labelled {
        let entities = gold.iter().map(|&(start, end, kind)| GoldEntity { start, end, kind: kind.into(), title: false }).collect();
        Labelled { article: Article::new(text), entities: Some(entities), ..Labelled::default() }
    }

    fn analysis(found: &[(usize, usize, &str, f32)]) -> Analysis {
        let entity = |&(start, end, kind, score): &(usize, usize, &str, f32)| Entity {
            text: String::new(),
            kind: kind.into(),
            start,
            end,
            score,
            name: String::new(),
            field: None,
        };
        Analysis { entities: Some(found.iter().map(entity).collect()), ..Analysis::default() }
    }

    #[test]
    fn spans_are_paired_and_errors_stand_in_context() {
        let truth = labelled("زار سيرغي لافروف حلب ثم غزة", &[(4, 16, "PER"), (17, 20, "LOC"), (24, 27, "LOC")]);
        let answer = analysis(&[(4, 9, "PER", 0.9), (17, 20, "ORG", 0.8), (21, 23, "MISC", 0.7)]);
        let mut answers = Answers::default();
        answers.add(&truth, &answer);
        let detail = answers.detail(std::slice::from_ref(&truth), std::slice::from_ref(&answer));
        let matrix = &detail.confusions[0];
        assert_eq!(matrix.labels, ["LOC", "MISC", "ORG", "PER", "none"]);
        assert_eq!(matrix.counts, [[0, 0, 1, 0, 1], [0; 5], [0; 5], [0, 0, 0, 1, 0], [0, 1, 0, 0, 0]]);
        let show =
            |m: &Mistake| (m.truth.clone(), m.found.clone(), m.context.iter().find(|p| p.class.contains("found")).map(|p| p.text.clone()));
        let all: Vec<_> = detail.mistakes.iter().map(show).collect();
        let row = |a: &str, b: &str, c: Option<&str>| (a.to_string(), b.to_string(), c.map(str::to_string));
        assert_eq!(
            all,
            [row("PER", "PER", Some("سيرغي")), row("LOC", "ORG", Some("حلب")), row("none", "MISC", Some("ثم")), row("LOC", "none", None)]
        );
        assert_eq!(detail.mistakes[0].context[1], Piece { text: "سيرغي".into(), class: "truth found".into() });
        assert_eq!(detail.mistakes[0].context[2].class, "truth");
        assert_eq!(detail.curves[0].items, 3);
        assert_eq!((detail.lengths[0].name.as_str(), detail.lengths[0].rows[0].items), ("to 100 words", 1));
    }

    #[test]
    fn spans_past_the_end_of_a_text_have_a_context() {
        for (start, end) in [(900, 905), (900, 3), (4, 900)] {
            let truth = labelled("زار سيرغي لافروف حلب", &[(start, end, "PER")]);
            let mut answers = Answers::default();
            answers.add(&truth, &analysis(&[]));
            let detail = answers.detail(std::slice::from_ref(&truth), &[analysis(&[])]);
            let shown: String = detail.mistakes[0].context.iter().map(|p| p.text.as_str()).collect();
            assert!(truth.article.text.ends_with(&shown), "{start}..{end}: {shown}");
        }
    }

    #[test]
    fn lengths_have_names() {
        assert_eq!((0..=4).map(length_name).collect::<Vec<_>>(), ["to 100 words", "101 to 250", "251 to 500", "501 to 1000", "over 1000"]);
    }
}
