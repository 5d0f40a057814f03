//! What goes between words that stay.

use super::cut::Opening;
use std::ops::Range;

/// Words of a gap beyond which its length tells no more.
const LONG_GAP: usize = 30;

/// Words of an opening that go between two that are written, or before the first or behind the last of these.
#[derive(Debug)]
pub(super) struct Gap {
    /// The last word before it that is written.
    pub(super) before: Option<usize>,
    pub(super) words: Range<usize>,
    /// The first word behind it that is written.
    pub(super) behind: Option<usize>,
}

impl Opening<'_> {
    /// The sentence that loses its source in a gap, if one does.
    pub(super) fn unsourced(&self, gap: &Gap) -> Option<usize> {
        let sentence = self.words[gap.before?].sentence;
        gap.words.clone().any(|word| self.words[word].source && self.words[word].sentence == sentence).then_some(sentence)
    }

    /// The gaps between words that are `written`: before the first and behind the last those of its sentence alone, and none of
    /// marks or of words that go by themselves.
    pub(super) fn gaps(&self, written: &[bool]) -> Vec<Gap> {
        let mut out = Vec::new();
        let mut before: Option<usize> = None;
        let sentence = |word: usize| self.words[word].sentence;
        let ends = (0..written.len()).filter(|&word| written[word]).map(Some).chain([None]);
        for behind in ends {
            let mut words = before.map_or(0, |before| before + 1)..behind.unwrap_or(written.len());
            match (before, behind) {
                (None, Some(behind)) => words.start = words.clone().find(|&word| sentence(word) == sentence(behind)).unwrap_or(behind),
                (Some(before), None) => words.end = words.clone().find(|&word| sentence(word) != sentence(before)).unwrap_or(words.end),
                _ => {}
            }
            let own = &self.words[words.clone()];
            if own.iter().any(|word| word.free && !word.mark) && (before, behind) != (None, None) {
                out.push(Gap { before, words, behind });
            }
            before = behind;
        }
        out
    }

    /// What is told of a gap, as `scripts/fit_summaries.py` has it: the states of the words on both sides, of its own first
    /// and last and the mean of its own, `[words, size]`, then flags.
    pub(super) fn features(&self, gap: &Gap, states: &[f32], size: usize) -> Vec<f32> {
        let state = |word: usize| &states[word * size..][..size];
        let place = |word: Option<usize>| word.map_or_else(|| vec![0.0; size], |word| state(word).to_vec());
        let (first, last) = (gap.words.start, gap.words.end - 1);
        let mut mean = vec![0.0; size];
        gap.words.clone().for_each(|word| mean.iter_mut().zip(state(word)).for_each(|(mean, x)| *mean += x / gap.words.len() as f32));
        let together = |a: Option<usize>, b: Option<usize>| a.zip(b).is_some_and(|(a, b)| self.words[a].sentence == self.words[b].sentence);
        let flags = [
            gap.before.is_none(),
            gap.behind.is_none(),
            together(gap.before, Some(first)),
            together(gap.behind, Some(last)),
            together(gap.before, gap.behind),
            gap.before.is_some() && self.words[first].mark,
            self.words[last].mark,
        ];
        let length = gap.words.len().min(LONG_GAP) as f32 / 10.0;
        let mut out = [place(gap.before), place(Some(first)), place(Some(last)), place(gap.behind), mean].concat();
        out.extend(flags.map(|flag| f32::from(u8::from(flag))).into_iter().chain([length]));
        out
    }
}
