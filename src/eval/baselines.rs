//! What trivial methods reach: the numbers that a score must be read beside.

use super::labels::{macro_f1, mean};
use super::rouge::{Form, rouge_n, tokens};
use crate::data::spans::Span;
use crate::text::normalise::Original;
use crate::text::{Normalized, sentences, words};
use std::collections::{BTreeMap, HashMap};

fn commonest<'a>(labels: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let mut counts: HashMap<&str, usize> = HashMap::new();
    labels.into_iter().for_each(|label| *counts.entry(label).or_default() += 1);
    counts.into_iter().max_by(|a, b| a.1.cmp(&b.1).then_with(|| b.0.cmp(a.0))).map(|(label, _)| label)
}

/// Accuracy of always giving the commonest label.
pub fn majority_accuracy(truths: &[&str]) -> f64 {
    let best = commonest(truths.iter().copied());
    mean(truths.iter().map(|t| if Some(*t) == best { 1.0 } else { 0.0 }))
}

/// Macro-F1 of always giving the commonest label, for (target, truth) pairs.
pub fn majority_macro_f1(pairs: &[(&str, &str)]) -> f64 {
    let best = commonest(pairs.iter().map(|p| p.1)).unwrap_or("");
    macro_f1(pairs.iter().map(|p| (p.1, best)))
}

/// Macro-F1 of giving the label that the same target has most often elsewhere, else the commonest label:
/// what can be known without reading the article.
pub fn target_only_macro_f1(pairs: &[(&str, &str)]) -> f64 {
    let mut by_target: HashMap<&str, Vec<usize>> = HashMap::new();
    pairs.iter().enumerate().for_each(|(i, p)| by_target.entry(p.0).or_default().push(i));
    let best = commonest(pairs.iter().map(|p| p.1)).unwrap_or("");
    let guess = |i: usize| commonest(by_target[pairs[i].0].iter().filter(|&&j| j != i).map(|&j| pairs[j].1)).unwrap_or(best);
    macro_f1((0..pairs.len()).map(|i| (pairs[i].1, guess(i))))
}

/// Entities by a dictionary of the other articles' names, each with its commonest type: for each article the
/// longest matches from left to right. Items are (text, spans in code points).
pub fn dictionary(items: &[(&str, &[Span])]) -> Vec<Vec<Span>> {
    let surfaces: Vec<Vec<(String, &str)>> = items.iter().map(|(text, spans)| surfaces(text, spans)).collect();
    let mut names: HashMap<&str, BTreeMap<&str, usize>> = HashMap::new();
    for (surface, kind) in surfaces.iter().flatten() {
        *names.entry(surface).or_default().entry(kind).or_default() += 1;
    }
    let longest = names.keys().map(|name| name.split_whitespace().count()).max().unwrap_or(0);
    items.iter().zip(&surfaces).map(|((text, _), own)| matches(text, &names, own, longest)).collect()
}

fn surfaces<'a>(text: &str, spans: &'a [Span]) -> Vec<(String, &'a str)> {
    let original = Original::new(text);
    let surface = |s: &'a Span| Some((original.slice(s.start, s.end).filter(|surface| !surface.is_empty())?.to_string(), s.kind.as_str()));
    spans.iter().filter_map(surface).collect()
}

fn matches(text: &str, names: &HashMap<&str, BTreeMap<&str, usize>>, own: &[(String, &str)], longest: usize) -> Vec<Span> {
    let tokens = words(text);
    let elsewhere = |surface: &str| {
        let counts = names.get(surface)?.iter();
        let left = counts.map(|(kind, n)| (*kind, n - own.iter().filter(|o| o.0 == surface && o.1 == *kind).count()));
        left.filter(|(_, n)| *n > 0).max_by_key(|(kind, n)| (*n, std::cmp::Reverse(*kind))).map(|(kind, _)| kind)
    };
    let points = |byte: usize| text[..byte].chars().count();
    let (mut out, mut at) = (Vec::new(), 0);
    while at < tokens.len() {
        let hit = (at..tokens.len().min(at + 2 * longest))
            .rev()
            .find_map(|last| Some((last, elsewhere(&text[tokens[at].start..tokens[last].end])?)));
        if let Some((last, kind)) = hit {
            out.push(Span { start: points(tokens[at].start), end: points(tokens[last].end), kind: kind.to_string() });
        }
        at = hit.map_or(at, |(last, _)| last) + 1;
    }
    out
}

/// The article's first `length` words.
pub fn lead(article: &str, length: usize) -> String {
    article.split_whitespace().take(length).collect::<Vec<_>>().join(" ")
}

/// The article's sentences as written.
pub fn split(article: &str) -> Vec<String> {
    let (normalized, original) = (Normalized::new(article), Original::new(article));
    let text = normalized.text();
    let spans = sentences(text, &words(text)).into_iter().map(|s| normalized.original_span(s.bytes.start, s.bytes.end));
    spans.filter_map(|(start, end)| Some(original.slice(start, end)?.to_string())).collect()
}

/// Sentences from a seeded place on, cut to `length` words.
pub fn random_sentences(all: &[String], length: usize, seed: u64) -> String {
    if all.is_empty() {
        return String::new();
    }
    let at = (seed.wrapping_add(1).wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 33) as usize % all.len();
    lead(&[&all[at..], &all[..at]].concat().join(" "), length)
}

/// Words that the oracle may use at least: those of a summary by default. A summary that leaves out parts of its sentences
/// has fewer, and no sentence would fit its length.
pub const ORACLE_WORDS: usize = 50;

/// The sentences that, added one by one within `length` words, raise ROUGE-1 F most: a bound for extraction.
pub fn oracle(all: &[String], reference: &[String], length: usize) -> String {
    let (mut chosen, mut best) = (Vec::<usize>::new(), 0.0);
    loop {
        let text = |indices: &[usize]| indices.iter().map(|&i| all[i].as_str()).collect::<Vec<_>>().join(" ");
        let next = (0..all.len())
            .filter(|i| !chosen.contains(i))
            .map(|i| [chosen.as_slice(), &[i]].concat())
            .filter(|indices| text(indices).split_whitespace().count() <= length)
            .map(|indices| (rouge_n(&tokens(&text(&indices), Form::Raw), reference, 1).f1, indices))
            .max_by(|a, b| a.0.total_cmp(&b.0));
        match next {
            Some((score, indices)) if score > best => (best, chosen) = (score, indices),
            _ => return text(&chosen),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn baselines_of_known_data() {
        assert_eq!(majority_accuracy(&["a", "a", "b"]), 2.0 / 3.0);
        let pairs = [("x", "favor"), ("x", "favor"), ("y", "against"), ("y", "against"), ("y", "against")];
        assert_eq!(target_only_macro_f1(&pairs), 1.0, "a target that always has one stance gives it away");
        assert!((majority_macro_f1(&pairs) - 0.375).abs() < 1e-9);
        let span = |start, end, kind: &str| Span { start, end, kind: kind.into() };
        let (first, second) = ([span(4, 16, "PER"), span(17, 20, "LOC")], [span(4, 7, "LOC")]);
        let found = dictionary(&[("زار سيرغي لافروف حلب", &first), ("غزة حلب سيرغي لافروف", &second)]);
        assert_eq!(found, [vec![span(17, 20, "LOC")], vec![span(4, 7, "LOC"), span(8, 20, "PER")]], "own names do not count");
        assert_eq!(lead("واحد اثنان ثلاثة", 2), "واحد اثنان");
        let reference = tokens("فاز الفريق", Form::Raw);
        assert_eq!(oracle(&split("قال المدرب. فاز الفريق. غادر."), &reference, 10), "فاز الفريق.");
        assert_eq!(oracle(&split("قال. فَازَ ١٢."), &tokens("فَازَ ١٢", Form::Raw), 10), "فَازَ ١٢.", "as written");
    }
}
