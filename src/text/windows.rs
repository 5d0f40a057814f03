//! Overlapping windows over the words of a long article.

use std::ops::Range;

/// A run of words that fits the encoder, and those of them that this window decides.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Window {
    /// Words in the window.
    pub words: Range<usize>,
    /// Words that are more central here than in any other window; the owned ranges of all windows
    /// follow one another and cover every word.
    pub owned: Range<usize>,
}

/// Cut words into windows of at most `capacity` pieces that overlap by about `overlap` pieces.
///
/// `cost[w]` is the number of pieces of word `w`; `breaks` are the first words of sentences, ascending.
/// Windows begin and end at sentences where one is near, else between words. A word that costs more
/// than `capacity` gets a window of its own.
pub fn windows(cost: &[usize], breaks: &[usize], capacity: usize, overlap: usize) -> Vec<Window> {
    let overlap = overlap.min(capacity / 3);
    let mut spans: Vec<Range<usize>> = Vec::new();
    let mut start = 0;
    while start < cost.len() {
        let mut total = cost[start];
        let mut end = start + 1;
        while end < cost.len() && total + cost[end] <= capacity {
            total += cost[end];
            end += 1;
        }
        if end == cost.len() {
            spans.push(start..end);
            break;
        }
        let end = back_to_break(cost, breaks, start, end, capacity / 3);
        spans.push(start..end);
        start = overlap_start(cost, breaks, start, end, overlap);
    }
    own(spans)
}

/// The last sentence start in `(start, end]` that gives away at most `slack` pieces; else `end`.
fn back_to_break(cost: &[usize], breaks: &[usize], start: usize, end: usize, slack: usize) -> usize {
    let at = breaks.partition_point(|&b| b <= end);
    match breaks[..at].last() {
        Some(&b) if b > start && cost[b..end].iter().sum::<usize>() <= slack => b,
        _ => end,
    }
}

/// Where the next window starts: a sentence start within the last `overlap` pieces, else `overlap` pieces back.
fn overlap_start(cost: &[usize], breaks: &[usize], start: usize, end: usize, overlap: usize) -> usize {
    let mut from = end;
    let mut total = 0;
    while from > start + 1 && total + cost[from - 1] <= overlap {
        from -= 1;
        total += cost[from];
    }
    let at = breaks.partition_point(|&b| b < from);
    breaks.get(at).copied().filter(|&b| b < end).unwrap_or(from)
}

/// Give each word of an overlap to the window in which it is farther from the edge: the overlap is halved.
fn own(spans: Vec<Range<usize>>) -> Vec<Window> {
    let mut from = 0;
    let mut out = Vec::with_capacity(spans.len());
    for (i, span) in spans.iter().enumerate() {
        let to = spans.get(i + 1).map_or(span.end, |next| next.start + (span.end - next.start) / 2);
        out.push(Window { words: span.clone(), owned: from..to });
        from = to;
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_short_text_is_one_window() {
        assert_eq!(windows(&[1; 10], &[0], 100, 10), [Window { words: 0..10, owned: 0..10 }]);
        assert_eq!(windows(&[], &[], 100, 10), []);
    }

    #[test]
    fn windows_end_at_sentences_where_one_is_near() {
        let found = windows(&[1; 30], &[0, 8, 16, 24], 20, 6);
        assert_eq!(found[0].words, 0..16);
        assert!(found[1].words.start <= 16);
    }

    proptest! {
        #[test]
        fn windows_fit_overlap_and_own_every_word_once(
            cost in proptest::collection::vec(0usize..9, 0..300),
            every in 1usize..40, capacity in 8usize..64, overlap in 0usize..32,
        ) {
            let breaks: Vec<usize> = (0..cost.len()).step_by(every).collect();
            let found = windows(&cost, &breaks, capacity, overlap);
            let mut owned = 0;
            for (i, window) in found.iter().enumerate() {
                prop_assert_eq!(window.owned.start, owned);
                prop_assert!(window.words.start <= window.owned.start && window.owned.end <= window.words.end);
                prop_assert!(!window.words.is_empty());
                let total: usize = cost[window.words.clone()].iter().sum();
                prop_assert!(total <= capacity || window.words.len() == 1);
                if i > 0 { prop_assert!(window.words.start <= found[i - 1].words.end); }
                owned = window.owned.end;
            }
            prop_assert_eq!(owned, cost.len());
        }
    }
}
