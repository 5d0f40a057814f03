//! Which sentences of an article speak of a target. The rules of `scripts/mujaz_train/text.py`, held to it by a fixture.
//!
//! A claim stands or falls with one sentence or two; a whole window around them drowns the detail that decides.

use crate::text::normalise::fold_letter;
use std::collections::{BTreeMap, BTreeSet};

/// Letters of a word that are compared.
const ROOT: usize = 5;
/// Most sentences that are chosen for what they say of the target.
const MOST: usize = 4;
/// Worth of a word that another chosen sentence has.
const AGAIN: f64 = 0.3;

/// Words of three letters and more that say nothing of what a sentence is about.
pub(super) const FUNCTION_WORDS: [&str; 24] = [
    "على",
    "إلى",
    "هذا",
    "هذه",
    "ذلك",
    "تلك",
    "الذي",
    "التي",
    "الذين",
    "كان",
    "كانت",
    "بعد",
    "قبل",
    "بين",
    "خلال",
    "حيث",
    "عند",
    "منذ",
    "حتى",
    "ليس",
    "لكن",
    "غير",
    "كما",
    "أنه",
];
/// Words of two letters that do so.
const SHORT_FUNCTION_WORDS: [&str; 32] = [
    "في", "من", "عن", "أن", "ان", "إن", "لم", "لن", "لا", "ما", "أو", "او", "ثم", "قد", "هو", "هي", "مع", "كي", "بل", "هل", "لو", "إذ",
    "اذ", "أي", "اي", "يا", "به", "له", "لك", "لي", "كم", "ذو",
];

/// A normalised word as it is compared between targets and articles: hamza, ى and ة folded, the article and what looks like
/// proclitics taken off, the beginning of what is left. It need not be a word, only the same for all forms of one.
/// `None` for words that tell nothing; words with digits stay whole.
pub fn root(word: &str) -> Option<String> {
    if word.contains(|c: char| c.is_ascii_digit()) {
        return Some(word.to_string());
    }
    let idle = match word.chars().count() {
        0 | 1 => true,
        2 => SHORT_FUNCTION_WORDS.contains(&word),
        _ => FUNCTION_WORDS.contains(&word),
    };
    if idle || !word.contains(char::is_alphanumeric) {
        return None;
    }
    let folded: String = word.chars().map(fold_letter).collect();
    let mut rest = folded.as_str();
    while rest.chars().nth(4).is_some() {
        let Some(shorter) = rest.strip_prefix("ال").or_else(|| rest.strip_prefix(['و', 'ف', 'ب', 'ل', 'ك'])) else { break };
        rest = shorter;
    }
    Some(rest.chars().take(ROOT).collect())
}

/// The roots of words.
pub fn roots<'a>(words: impl IntoIterator<Item = &'a str>) -> BTreeSet<String> {
    words.into_iter().filter_map(root).collect()
}

/// A sentence as passages are chosen by.
#[derive(Debug, Default)]
pub struct Sentence {
    roots: BTreeSet<String>,
    /// Words, marks not counted.
    length: usize,
}

impl<'a> FromIterator<&'a str> for Sentence {
    /// From normalised words.
    fn from_iter<I: IntoIterator<Item = &'a str>>(words: I) -> Self {
        let mut out = Self::default();
        for word in words {
            out.length += usize::from(word.contains(char::is_alphanumeric));
            out.roots.extend(root(word));
        }
        out
    }
}

/// Sentences that were chosen.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Passages {
    /// Their numbers, in order.
    pub chosen: Vec<usize>,
    /// The one that says most of the target, if any says something.
    pub best: Option<usize>,
}

/// Choose among `sentences`: the one that speaks most of the target, then those that add most to it, within `most_words`
/// together; at least one. With `fill`, what is left of them goes to sentences from the beginning.
///
/// `wanted` are the target's [`roots`]. Rare words of the article count more, long sentences less.
pub fn passages(sentences: &[Sentence], wanted: &BTreeSet<String>, most_words: usize, fill: bool) -> Passages {
    let own: Vec<Vec<&str>> = sentences.iter().map(|s| s.roots.intersection(wanted).map(String::as_str).collect()).collect();
    let mut common: BTreeMap<&str, usize> = BTreeMap::new();
    own.iter().flatten().for_each(|&r| *common.entry(r).or_default() += 1);
    let weight = |r: &str| (1.0 + (sentences.len() + 1) as f64 / (1 + common[r]) as f64).ln();
    let mut out = Passages::default();
    let (mut said, mut left): (BTreeSet<&str>, usize) = (BTreeSet::new(), most_words);
    while out.chosen.len() < MOST.min(sentences.len()) {
        let gain = |i: usize| {
            let sum: f64 = own[i].iter().map(|&r| weight(r) * if said.contains(r) { AGAIN } else { 1.0 }).sum();
            sum / (12.0 + sentences[i].length as f64).powf(0.25)
        };
        let rest = (0..sentences.len()).filter(|i| !out.chosen.contains(i)).map(|i| (i, gain(i)));
        let Some((best, gained)) = rest.reduce(|best, next| if next.1 > best.1 { next } else { best }) else { break };
        if !out.chosen.is_empty() && (gained <= 0.0 || sentences[best].length > left) {
            break;
        }
        if gained > 0.0 && out.best.is_none() {
            out.best = Some(best);
        }
        out.chosen.push(best);
        said.extend(&own[best]);
        left = left.saturating_sub(sentences[best].length);
    }
    let found = out.chosen.clone();
    for i in (0..sentences.len()).filter(|i| fill && !found.contains(i)) {
        if left == 0 || sentences[i].length > left {
            break;
        }
        out.chosen.push(i);
        left -= sentences[i].length;
    }
    out.chosen.sort_unstable();
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn roots_forget_clitics_and_spelling() {
        let same = [
            "والقاهرة القاهره قاهرة وبالقاهرة للقاهرة",
            "للمعارضة المعارضة معارضة",
            "أسبوع الاسبوع",
            "وزير الوزير كوزير",
            "وزارة الوزارة بوزارة",
        ];
        for forms in same.into_iter().chain(["لبنان بلبنان للبنان", "فرنسا وفرنسا", "برلمان البرلمان", "التزام الالتزام والالتزام"])
        {
            let mut found: Vec<_> = forms.split(' ').map(root).collect();
            found.dedup();
            assert_eq!(found.len(), 1, "{forms}");
        }
        assert_ne!(root("1500"), root("15"));
        assert_eq!(root("2018م").as_deref(), Some("2018م"));
        assert!(root("بي").is_some(), "a part of a name");
        for nothing in ["في", "على", "التي", "،", ""] {
            assert_eq!(root(nothing), None);
        }
    }

    #[test]
    fn the_sentence_with_the_rare_words_then_what_it_lacks() {
        let text = ["قالت الوزارة إن الطريق مغلق", "وأضافت الوزارة أن 30 جريحا نقلوا", "الطقس جميل", "ونفت الوزارة سقوط قتلى في إدلب"];
        let sentences: Vec<Sentence> = text.iter().map(|s| s.split(' ').collect()).collect();
        let ask = |target: &str, words: usize, fill: bool| passages(&sentences, &roots(target.split(' ')), words, fill);
        assert_eq!(ask("الوزارة تنفي سقوط قتلى", 60, false).best, Some(3));
        assert_eq!(ask("نقل 30 جريحا من إدلب", 12, false).chosen, [1, 3]);
        assert_eq!(ask("نقل 30 جريحا من إدلب", 7, false).chosen, [1], "no room for the second");
        assert_eq!(ask("كرة القدم", 60, false), Passages { chosen: vec![0], best: None }, "nothing in common: the first sentence");
        assert_eq!(ask("كرة القدم", 14, true).chosen, [0, 1, 2]);
        assert_eq!(passages(&[], &roots(["حلب"]), 60, true), Passages::default());
    }
}
