//! Entity spans: strict and relaxed matches, and spans of BIO tags under two policies.

use super::Counts;
use std::collections::BTreeSet;

/// A typed span, end exclusive. Offsets are tokens or code points, as the caller has them.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Span {
    /// First.
    pub start: usize,
    /// One past the last.
    pub end: usize,
    /// Type.
    pub kind: String,
}

/// Where spans of a title begin, so that they never meet those of the text.
const TITLE: usize = 1 << 40;

impl Span {
    /// A span of an article's text, or of its title, which has offsets of its own.
    pub fn of(title: bool, start: usize, end: usize, kind: &str) -> Self {
        let shift = if title { TITLE } else { 0 };
        Self { start: start + shift, end: end + shift, kind: kind.to_string() }
    }

    /// Whether it stands in the title, and its offsets there.
    pub fn offsets(&self) -> (bool, usize, usize) {
        if self.start >= TITLE { (true, self.start - TITLE, self.end - TITLE) } else { (false, self.start, self.end) }
    }
}

/// How a tag sequence that is not well-formed IOB2 is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Policy {
    /// An `I-x` that continues nothing is no span (seqeval's strict IOB2 mode).
    Strict,
    /// An `I-x` that continues nothing opens a span, as in conlleval and seqeval's default; also reads IOB1.
    Repair,
}

/// The spans of a sequence of `O`, `B-x` and `I-x` tags.
pub fn spans_of<S: AsRef<str>>(tags: &[S], policy: Policy) -> Vec<Span> {
    let mut out: Vec<Span> = Vec::new();
    let mut open = false;
    for (at, tag) in tags.iter().enumerate() {
        let (prefix, kind) = tag.as_ref().split_once('-').unwrap_or((tag.as_ref(), ""));
        let continues = open && out.last().is_some_and(|span| span.kind == kind);
        match (prefix, continues, policy) {
            ("I", true, _) => {
                if let Some(span) = out.last_mut() {
                    span.end = at + 1;
                }
            }
            ("B", ..) | ("I", false, Policy::Repair) => {
                out.push(Span { start: at, end: at + 1, kind: kind.to_string() });
                open = true;
            }
            _ => open = false,
        }
    }
    out
}

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
    fn policies_differ_on_stray_inside_tags_only() {
        let tags = ["O", "I-PER", "I-PER", "B-LOC", "I-ORG", "B-PER", "I-PER"];
        let show = |policy| spans_of(&tags, policy).into_iter().map(|s| (s.start, s.end, s.kind)).collect::<Vec<_>>();
        let span = |a, b, kind: &str| (a, b, kind.to_string());
        assert_eq!(show(Policy::Strict), [span(3, 4, "LOC"), span(5, 7, "PER")]);
        assert_eq!(show(Policy::Repair), [span(1, 3, "PER"), span(3, 4, "LOC"), span(4, 5, "ORG"), span(5, 7, "PER")]);
    }

    #[test]
    fn relaxed_matches_count_once() {
        let span = |start, end| Span { start, end, kind: "PER".into() };
        let counts = relaxed(&[span(0, 5)], &[span(0, 2), span(3, 5)]);
        assert_eq!(counts, Counts { tp: 1, fp: 1, fn_: 0 });
    }
}
