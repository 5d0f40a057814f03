//! Summaries by deletion: which words of an article's opening stay, as a chain of two states.

use crate::model::config::CutConfig;
use crate::pipeline::document::Document;
use crate::text::asides;
use std::collections::HashSet;
use std::ops::Range;
use std::sync::LazyLock;

/// Marks that open something, and what closes each.
const PAIRS: [(&str, &str); 6] = [("(", ")"), ("[", "]"), ("{", "}"), ("«", "»"), ("“", "”"), ("\"", "\"")];
/// Marks that say nothing at the end of a part, and no mark but an opening one does at its beginning.
const LOOSE: [&str; 11] = ["،", ",", "؛", ";", ":", "-", "–", "—", "−", "/", "…"];

/// Words that want another behind them: no part ends with one. As in `scripts/mujaz_train/text.py`.
const HOLDING: &str = "في من على إلى الى عن مع بين بعد قبل خلال منذ حتى عند لدى نحو ضد أمام وراء تحت فوق دون بدون حول عبر وسط ضمن عقب إثر اثر \
    أثناء رغم بسبب بحسب حسب وفق وفقا نتيجة أن إن ان أنه إنه أنها إنها بأن لأن لأنه لأنها كأن لكن لكنه لكنها التي الذي الذين \
    اللذين اللتين ما لا لم لن لو إذا إذ حيث حين حينما عندما بعدما قبلما فيما بينما كما مما عما أو أم ثم بل و قد سوف كان كانت \
    يكون تكون ليس ليست غير سوى إلا كل بعض أي هذا هذه ذلك تلك هؤلاء هو هي هم نحن وهو وهي وهم أحد إحدى أكثر أقل كي لكي عدم عدة \
    بضع نفس قال قالت";

/// Marks behind which a summary may begin inside a sentence: those of datelines and speakers.
const OPENING: [&str; 6] = [":", "-", "–", "—", "−", ")"];
/// Words that say what the ones before them announce: no part ends before one, nor within [`CLAUSE`] words behind it, where
/// what it announces is not yet said. As in `scripts/mujaz_train/text.py`.
const THAT: [&str; 12] = ["أن", "إن", "ان", "بأن", "أنه", "إنه", "أنها", "إنها", "أنهم", "إنهم", "بأنه", "بأنها"];

/// Words and marks from one of [`THAT`] to where its clause may end.
const CLAUSE: usize = 7;

/// Whether a part may not end with `word`.
fn holds(word: &str) -> bool {
    static WORDS: LazyLock<HashSet<&str>> = LazyLock::new(|| HOLDING.split_whitespace().collect());
    WORDS.contains(word) || word.strip_prefix(['و', 'ف']).is_some_and(|rest| WORDS.contains(rest))
}

/// The words of an article's opening: those of its first sentences.
#[derive(Debug, Default)]
pub struct Opening {
    /// Their numbers in the document.
    pub words: Vec<usize>,
    /// For each, the number of its sentence, from 0.
    pub sentences: Vec<usize>,
    /// For each, whether a summary may have it: words of asides go.
    free: Vec<bool>,
    /// For each, whether white space or another sentence stands before it.
    apart: Vec<bool>,
    /// For each, whether a summary may begin with it: the first word of a sentence, or one behind the mark of a dateline.
    opens: Vec<bool>,
    /// For each, whether a part may end with it.
    ends: Vec<bool>,
    /// For each, whether it is one of [`THAT`].
    that: Vec<bool>,
    /// For each, whether it is the first of its sentence.
    first: Vec<bool>,
    /// For each, whether it is a mark.
    marks: Vec<bool>,
}

impl Opening {
    /// The opening of a document whose sentences with news are `pool`, in order. It ends before the first word that
    /// has no `state`; words without pieces are passed over.
    pub fn new(document: &Document, pool: &[usize], config: &CutConfig, has_state: impl Fn(usize) -> bool) -> Self {
        let mut out = Self::default();
        for (number, &i) in pool.iter().take(config.sentences).enumerate() {
            let range = document.sentences[i].words.clone();
            let asides = asides::asides(document.text.text(), &document.words[range.clone()]);
            for word in range.clone().filter(|&word| !document.pieces_of(word).is_empty()) {
                if out.words.len() == config.words || !has_state(word) {
                    return out;
                }
                let free = !asides.iter().any(|aside| aside.contains(&(word - range.start)));
                let first = out.sentences.last() != Some(&number);
                let before = out.words.last().filter(|_| !first).map(|&before| document.words[before]);
                // What goes by itself is no cut: the word behind it is still the first.
                let fresh = first || (out.first.last() == Some(&true) && out.free.last() == Some(&false));
                out.words.push(word);
                out.sentences.push(number);
                out.free.push(free);
                out.apart.push(before.is_none_or(|before| before.end != document.words[word].start));
                let mark = before.map(|before| &document.text.text()[before.start..before.end]);
                out.opens.push(fresh || mark.is_some_and(|mark| OPENING.contains(&mark)));
                out.ends.push(!holds(document.word(word)));
                out.that.push(THAT.contains(&document.word(word)));
                out.first.push(fresh);
                out.marks.push(document.words[word].mark);
            }
        }
        out
    }

    /// Parts of the document's text that stay, as ranges of bytes of the normalised text, at most `limit` words in all; `None`
    /// where fewer than `config.least` words can stay. `logits` are those of [`Heads::cut`](crate::model::Heads::cut).
    pub fn parts(&self, document: &Document, logits: &[f32], config: &CutConfig, limit: usize) -> Option<Vec<Range<usize>>> {
        let mut kept = vec![false; self.words.len()];
        let states = decode(&self.steps(logits, config.bias, config.begin_cost, config.end_cost), limit, config.least)?;
        let free = (0..kept.len()).filter(|&word| self.free[word]);
        free.zip(states).for_each(|(word, stays)| kept[word] = stays);
        let mut parts = Vec::new();
        let mut at = 0;
        while at < kept.len() {
            let together = |i: usize| i < kept.len() && kept[i] && self.sentences[i] == self.sentences[at];
            let end = (at..).find(|&i| !together(i)).unwrap_or(at);
            if end == at {
                at += 1;
                continue;
            }
            for run in tidy(&self.words[at..end].iter().map(|&w| (document.word(w), document.words[w].mark)).collect::<Vec<_>>()) {
                let (first, last) = (self.words[at + run.start], self.words[at + run.end - 1]);
                parts.push(document.words[first].start..document.words[last].end);
            }
            at = end;
        }
        Some(parts)
    }

    /// One step for each word that is free: what goes by itself stands between none of them.
    fn steps(&self, logits: &[f32], bias: f32, begin_cost: f32, end_cost: f32) -> Vec<Step> {
        let mut before: Option<usize> = None;
        let step = |word: usize| {
            let [stay, begin, end] = [0, 1, 2].map(|i| logits[3 * word + i]);
            let next = before.is_some_and(|before| before + 1 == word);
            let apart = usize::from(self.apart[word] || !next);
            let begin = stay + begin + bias - if self.first[word] { 0.0 } else { begin_cost };
            let open = (word.saturating_sub(CLAUSE - 1)..=word).any(|i| self.that[i] && self.sentences[i] == self.sentences[word]);
            let may_end = !open && before.is_none_or(|before| self.ends[before]);
            let at_mark = self.first[word] || self.marks[word] || before.is_some_and(|before| self.marks[before]);
            let end = end - if at_mark { 0.0 } else { end_cost };
            // What a preposition or a negation holds does not stay without it.
            let bound = next && before.is_some_and(|before| !self.ends[before] && !self.that[before]);
            before = Some(word);
            Step {
                open: if self.opens[word] { begin } else { f32::NEG_INFINITY },
                begin: if bound { f32::NEG_INFINITY } else { begin },
                go_on: stay + bias * apart as f32,
                end: if may_end { end } else { f32::NEG_INFINITY },
                apart,
            }
        };
        (0..self.words.len()).filter(|&word| self.free[word]).map(step).collect()
    }
}

/// What it is worth to keep a word, and to leave one out.
struct Step {
    /// To keep it as the first of all.
    open: f32,
    /// To keep it where the one before was left out, but another was kept; it counts as a word.
    begin: f32,
    /// To keep it where the one before was kept.
    go_on: f32,
    /// To leave it out where the one before was kept.
    end: f32,
    /// 1 where it counts as a word when the one before is kept.
    apart: usize,
}

/// The best states of a chain that keep `least` to `limit` words; `None` where none do.
fn decode(steps: &[Step], limit: usize, least: usize) -> Option<Vec<bool>> {
    let limit = limit.min(steps.len());
    // The best worth of each last state (left out, kept) and number of words, and which state stood before.
    let mut best = [vec![f32::NEG_INFINITY; limit + 1], vec![f32::NEG_INFINITY; limit + 1]];
    best[0][0] = 0.0;
    let mut came: Vec<[Vec<bool>; 2]> = Vec::with_capacity(steps.len());
    for step in steps {
        let mut next = [vec![f32::NEG_INFINITY; limit + 1], vec![f32::NEG_INFINITY; limit + 1]];
        let mut from = [vec![false; limit + 1], vec![false; limit + 1]];
        for words in 0..=limit {
            let (out, ended) = (best[0][words], best[1][words] + step.end);
            (next[0][words], from[0][words]) = if ended > out { (ended, true) } else { (out, false) };
            let begun =
                words.checked_sub(1).map_or(f32::NEG_INFINITY, |before| best[0][before] + if before == 0 { step.open } else { step.begin });
            let going = words.checked_sub(step.apart).map_or(f32::NEG_INFINITY, |before| best[1][before] + step.go_on);
            (next[1][words], from[1][words]) = if going >= begun { (going, true) } else { (begun, false) };
        }
        best = next;
        came.push(from);
    }
    let ends = (least..=limit).flat_map(|words| [(false, words), (true, words)]);
    let worth = |&(kept, words): &(bool, usize)| best[usize::from(kept)][words];
    let (mut kept, mut words) = ends.filter(|end| worth(end).is_finite()).max_by(|a, b| worth(a).total_cmp(&worth(b)))?;
    let mut states = vec![false; steps.len()];
    for (at, step) in steps.iter().enumerate().rev() {
        states[at] = kept;
        let before = came[at][usize::from(kept)][words];
        words -= if !kept {
            0
        } else if before {
            step.apart
        } else {
            1
        };
        kept = before;
    }
    Some(states)
}

/// A part without brackets and quotes that nothing closes or opens, and without loose marks at its ends: the runs of words
/// that are left of it. Words come with whether they are marks.
fn tidy(words: &[(&str, bool)]) -> Vec<Range<usize>> {
    let mut open: Vec<(usize, &str)> = Vec::new();
    let mut single = vec![false; words.len()];
    for (at, &(word, _)) in words.iter().enumerate().filter(|(_, (_, mark))| *mark) {
        if let Some(place) = open.iter().rposition(|(_, closing)| *closing == word) {
            open.drain(place..).skip(1).for_each(|(other, _)| single[other] = true);
        } else if let Some((_, closing)) = PAIRS.iter().find(|(opening, _)| *opening == word) {
            open.push((at, closing));
        } else {
            single[at] = PAIRS.iter().any(|(_, closing)| *closing == word);
        }
    }
    open.into_iter().for_each(|(at, _)| single[at] = true);
    let mut out = Vec::new();
    for run in runs(&single) {
        let opens = |word: &str| PAIRS.iter().any(|(opening, _)| *opening == word);
        let start = run.clone().find(|&i| !words[i].1 || opens(words[i].0));
        let end = run.rev().find(|&i| !LOOSE.contains(&words[i].0));
        if let (Some(start), Some(end)) = (start, end)
            && words[start..=end.max(start)].iter().any(|(_, mark)| !mark)
        {
            out.push(start..end + 1);
        }
    }
    out
}

/// Ranges between the places that are `out`.
fn runs(out: &[bool]) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    let mut start = 0;
    for (at, _) in out.iter().enumerate().filter(|(_, out)| **out) {
        found.push(start..at);
        start = at + 1;
    }
    found.push(start..out.len());
    found.retain(|run| !run.is_empty());
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn worth(steps: &[Step], states: &[bool]) -> (f32, usize) {
        let (mut sum, mut words, mut before) = (0.0, 0, false);
        for (step, &kept) in steps.iter().zip(states) {
            match (before, kept) {
                (false, true) => (sum, words) = (sum + if words == 0 { step.open } else { step.begin }, words + 1),
                (true, true) => (sum, words) = (sum + step.go_on, words + step.apart),
                (true, false) => sum += step.end,
                (false, false) => {}
            }
            before = kept;
        }
        (sum, words)
    }

    proptest! {
        /// The chain decodes to what trying every choice of words finds.
        #[test]
        fn decoding_is_best(
            steps in prop::collection::vec(([-3.0f32..3.0, -3.0f32..3.0, -3.0f32..3.0, -3.0f32..3.0], 0usize..2), 1..9),
            limit in 0usize..10,
            least in 1usize..4,
        ) {
            let steps: Vec<Step> = steps.into_iter().map(|([open, begin, go_on, end], apart)| Step { open, begin, go_on, end, apart }).collect();
            let all = (0..1u32 << steps.len()).map(|bits| (0..steps.len()).map(|i| bits >> i & 1 == 1).collect::<Vec<bool>>());
            let fits = all.map(|states| worth(&steps, &states)).filter(|(_, words)| (least..=limit).contains(words));
            let best = fits.map(|(sum, _)| sum).max_by(f32::total_cmp);
            let found = decode(&steps, limit, least).map(|states| worth(&steps, &states));
            prop_assert_eq!(found.is_some(), best.is_some());
            if let (Some((sum, words)), Some(best)) = (found, best) {
                prop_assert!((sum - best).abs() < 1e-4 && (least..=limit).contains(&words), "{sum} for {best}, {words} words");
            }
        }
    }

    #[test]
    fn chains_decode_as_in_python() -> Result<(), Box<dyn std::error::Error>> {
        #[derive(serde::Deserialize)]
        struct Case {
            logits: Vec<[f32; 3]>,
            apart: Vec<u8>,
            first: Vec<u8>,
            opens: Vec<u8>,
            that: Vec<u8>,
            sentences: Vec<usize>,
            marks: Vec<u8>,
            holds: Vec<u8>,
            limit: usize,
            least: usize,
            bias: f32,
            begin_cost: f32,
            end_cost: f32,
            states: Option<Vec<u8>>,
        }
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/cut-cases.jsonl");
        for line in std::fs::read_to_string(path)?.lines() {
            let case: Case = serde_json::from_str(line)?;
            let count = case.logits.len();
            let set = |flags: &[u8]| flags.iter().map(|&flag| flag == 1).collect::<Vec<bool>>();
            let opening = Opening {
                words: (0..count).collect(),
                sentences: case.sentences,
                free: vec![true; count],
                apart: set(&case.apart),
                opens: set(&case.opens),
                ends: case.holds.iter().map(|&holds| holds == 0).collect(),
                first: set(&case.first),
                that: set(&case.that),
                marks: set(&case.marks),
            };
            let steps = opening.steps(case.logits.as_flattened(), case.bias, case.begin_cost, case.end_cost);
            let want = case.states.map(|states| set(&states));
            assert_eq!(decode(&steps, case.limit, case.least), want, "{line}");
        }
        Ok(())
    }

    #[test]
    fn parts_are_tidied() {
        let tidied = |text: &str| {
            let words: Vec<&str> = text.split(' ').collect();
            let runs = tidy(&words.iter().map(|w| (*w, w.chars().all(crate::text::words::is_mark))).collect::<Vec<_>>());
            runs.into_iter().map(|run| words[run].join(" ")).collect::<Vec<_>>().join(" | ")
        };
        assert_eq!(tidied("، قال الوزير ، :"), "قال الوزير");
        assert_eq!(tidied("قال الوزير ."), "قال الوزير .");
        assert_eq!(tidied("( رويترز ) قالت « نعم"), "( رويترز ) قالت | نعم");
        assert_eq!(tidied("الجواد \" ثندر سنو \" فاز \" أمس"), "الجواد \" ثندر سنو \" فاز | أمس");
        assert_eq!(tidied("الأول ) ثم ( الثاني"), "الأول | ثم | الثاني");
        assert_eq!(tidied("« ( »"), "");
        assert_eq!(tidied("- ."), "");
    }
}
