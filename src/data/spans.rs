//! Typed spans, and those of BIO tags under two policies.

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
}
