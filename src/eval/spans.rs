//! Strict and relaxed matches of entity spans.

use super::Counts;
use crate::data::spans::Span;
use std::collections::BTreeSet;

/// Strict matches: same start, end and type.
pub fn strict(truth: &[Span], found: &[Span]) -> Counts {
    let (truth, found): (BTreeSet<_>, BTreeSet<_>) = (truth.iter().collect(), found.iter().collect());
    let tp = truth.intersection(&found).count();
    Counts { tp, fp: found.len() - tp, fn_: truth.len() - tp }
}

/// Relaxed matches: any overlap with a span of the same type; each span of either side counts once.
pub fn relaxed(truth: &[Span], found: &[Span]) -> Counts {
    let meets = |a: &Span, b: &Span| a.kind == b.kind && a.start < b.end && b.start < a.end;
    let ordered = |spans: &[Span]| spans.iter().cloned().collect::<BTreeSet<_>>().into_iter().collect::<Vec<_>>();
    let (truth, found) = (ordered(truth), ordered(found));
    let mut taken = vec![false; truth.len()];
    let mut tp = 0;
    for span in &found {
        if let Some(i) = (0..truth.len()).find(|&i| !taken[i] && meets(&truth[i], span)) {
            taken[i] = true;
            tp += 1;
        }
    }
    Counts { tp, fp: found.len() - tp, fn_: truth.len() - tp }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn relaxed_matches_count_once() {
        let span = |start, end| Span { start, end, kind: "PER".into() };
        let counts = relaxed(&[span(0, 5)], &[span(0, 2), span(3, 5)]);
        assert_eq!(counts, Counts { tp: 1, fp: 1, fn_: 0 });
    }
}
