//! The best states of a chain of words, each kept or left out.

/// What it is worth to keep a word, and to leave one out.
pub(super) struct Step {
    /// Whether it is the first of its sentence.
    pub(super) first: bool,
    /// To keep it as the first of all.
    pub(super) open: f32,
    /// To keep it as the first of its sentence: a sentence without its beginning has lost its verb, or the one who says it.
    pub(super) enter: f32,
    /// To keep it where the one before was left out, but another of its sentence was kept; it counts as a word.
    pub(super) begin: f32,
    /// To keep it where the one before was kept.
    pub(super) go_on: f32,
    /// To leave it out where the one before was kept.
    pub(super) end: f32,
    /// 1 where it counts as a word when the one before is kept.
    pub(super) apart: usize,
}

/// Where a chain stands behind a word: nothing of its sentence is kept, something was but the word is not, or the word is.
const ABSENT: usize = 0;
const LEFT: usize = 1;
const KEPT: usize = 2;

/// The words that the best states of a chain keep, `least` to `limit`; `None` where none do.
pub(super) fn decode(steps: &[Step], limit: usize, least: usize) -> Option<Vec<bool>> {
    let limit = limit.min(steps.len());
    let none = || std::array::from_fn::<_, 3, _>(|_| vec![f32::NEG_INFINITY; limit + 1]);
    // The best worth of each last state and number of words, and which state stood before.
    let mut best = none();
    best[ABSENT][0] = 0.0;
    let mut came: Vec<[Vec<usize>; 3]> = Vec::with_capacity(steps.len());
    for step in steps {
        let mut next = none();
        let mut from = std::array::from_fn(|_| vec![ABSENT; limit + 1]);
        for words in 0..=limit {
            let mut offer = |state: usize, before: usize, worth: f32| {
                if worth > next[state][words] {
                    (next[state][words], from[state][words]) = (worth, before);
                }
            };
            let left = |before: usize| if step.first { ABSENT } else { before };
            // A sentence of which nothing is kept ends nowhere: all that come in are chosen.
            let skipped = step.first && !came.is_empty();
            let absent = |words: usize| if skipped { f32::NEG_INFINITY } else { best[ABSENT][words] };
            offer(left(ABSENT), ABSENT, absent(words));
            offer(left(LEFT), LEFT, best[LEFT][words]);
            offer(left(LEFT), KEPT, best[KEPT][words] + step.end);
            if let Some(before) = words.checked_sub(step.apart) {
                offer(KEPT, KEPT, best[KEPT][before] + step.go_on);
            }
            if let Some(before) = words.checked_sub(1) {
                offer(KEPT, ABSENT, absent(before) + if before == 0 { step.open } else { step.enter });
                offer(KEPT, LEFT, best[LEFT][before] + if step.first { step.enter } else { step.begin });
            }
        }
        best = next;
        came.push(from);
    }
    let ends = (least..=limit).flat_map(|words| [LEFT, KEPT].map(|state| (state, words)));
    let worth = |&(state, words): &(usize, usize)| best[state][words];
    let (mut state, mut words) = ends.filter(|end| worth(end).is_finite()).max_by(|a, b| worth(a).total_cmp(&worth(b)))?;
    let mut kept = vec![false; steps.len()];
    for (at, step) in steps.iter().enumerate().rev() {
        kept[at] = state == KEPT;
        let before = came[at][state][words];
        words -= match (state, before) {
            (KEPT, KEPT) => step.apart,
            (KEPT, _) => 1,
            _ => 0,
        };
        state = before;
    }
    Some(kept)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn worth(steps: &[Step], states: &[bool]) -> (f32, usize) {
        let (mut sum, mut words, mut before, mut some) = (0.0, 0, false, false);
        for (at, (step, &kept)) in steps.iter().zip(states).enumerate() {
            sum += if at > 0 && step.first && !some { f32::NEG_INFINITY } else { 0.0 };
            some &= !step.first;
            match (before, kept) {
                (false, true) if words == 0 => (sum, words) = (sum + step.open, 1),
                (false, true) => (sum, words) = (sum + if some { step.begin } else { step.enter }, words + 1),
                (true, true) => (sum, words) = (sum + step.go_on, words + step.apart),
                (true, false) => sum += step.end,
                (false, false) => {}
            }
            (before, some) = (kept, some | kept);
        }
        (if some { sum } else { f32::NEG_INFINITY }, words)
    }

    proptest! {
        /// The chain decodes to what trying every choice of words finds.
        #[test]
        fn decoding_is_best(
            steps in prop::collection::vec(([-3.0f32..3.0, -3.0f32..3.0, -3.0f32..3.0, -3.0f32..3.0, -3.0f32..3.0], 0usize..2, 0u8..4), 1..9),
            limit in 0usize..10,
            least in 1usize..4,
        ) {
            let step = |([open, enter, begin, go_on, end], apart, first): ([f32; 5], usize, u8)| Step { first: first == 0, open, enter, begin, go_on, end, apart };
            let steps: Vec<Step> = steps.into_iter().map(step).collect();
            let all = (0..1u32 << steps.len()).map(|bits| (0..steps.len()).map(|i| bits >> i & 1 == 1).collect::<Vec<bool>>());
            let fits = all.map(|states| worth(&steps, &states)).filter(|(_, words)| (least..=limit).contains(words));
            let best = fits.map(|(sum, _)| sum).filter(|sum| sum.is_finite()).max_by(f32::total_cmp);
            let found = decode(&steps, limit, least).map(|states| worth(&steps, &states));
            prop_assert_eq!(found.is_some(), best.is_some());
            if let (Some((sum, words)), Some(best)) = (found, best) {
                prop_assert!((sum - best).abs() < 1e-4 && (least..=limit).contains(&words), "{sum} for {best}, {words} words");
            }
        }
    }
}
