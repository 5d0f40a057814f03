//! Word boundaries: runs without white space, every punctuation mark or symbol a word of its own.
//!
//! The same rule as the `pre_tokenizer` of the bundled `tokenizer.json`. It runs on normalised text,
//! where harakat are gone; marks of other scripts stay in their word.

use unicode_properties::{GeneralCategoryGroup, UnicodeGeneralCategory};

/// Characters after which a word without white space is cut, so that no word outgrows a window.
const LONGEST: usize = 64;

/// A word: bytes `start..end` of normalised text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Word {
    /// First byte.
    pub start: usize,
    /// One past the last byte.
    pub end: usize,
    /// Whether it is a single punctuation mark or symbol.
    pub mark: bool,
}

/// The words of a text, for looking around.
#[derive(Clone, Copy)]
pub(super) struct Words<'a> {
    pub(super) text: &'a str,
    pub(super) words: &'a [Word],
}

impl<'a> Words<'a> {
    /// A word, or nothing where there is none.
    pub(super) fn get(self, at: usize) -> &'a str {
        self.words.get(at).map_or("", |word| &self.text[word.start..word.end])
    }

    /// Whether nothing stands between a word and the next.
    pub(super) fn touching(self, at: usize) -> bool {
        self.words.get(at + 1).is_some_and(|next| self.words[at].end == next.start)
    }

    /// The word that touches `at` from before, or nothing.
    pub(super) fn before(self, at: usize) -> &'a str {
        if at > 0 && self.touching(at - 1) { self.get(at - 1) } else { "" }
    }

    /// The word that touches `at` from behind, or nothing.
    pub(super) fn behind(self, at: usize) -> &'a str {
        if self.touching(at) { self.get(at + 1) } else { "" }
    }
}

/// Whether `word` is one of a list with a space between each two.
pub(crate) fn among(list: &str, word: &str) -> bool {
    let whole = |before: &str, behind: &str| (before.is_empty() || before.ends_with(' ')) && (behind.is_empty() || behind.starts_with(' '));
    !word.is_empty() && list.match_indices(word).any(|(at, _)| whole(&list[..at], &list[at + word.len()..]))
}

/// Whether `c` is punctuation or a symbol (Unicode P* or S*).
pub fn is_mark(c: char) -> bool {
    if c.is_ascii() {
        return c.is_ascii_punctuation();
    }
    if ('\u{620}'..='\u{64a}').contains(&c) {
        return false;
    }
    matches!(c.general_category_group(), GeneralCategoryGroup::Punctuation | GeneralCategoryGroup::Symbol)
}

/// The words of normalised text, in order.
pub fn words(text: &str) -> Vec<Word> {
    let mut out = Vec::with_capacity(text.len() / 8);
    let mut open: Option<(usize, usize)> = None; // start byte and characters so far
    for (at, c) in text.char_indices() {
        let mark = is_mark(c);
        let ends = c.is_whitespace() || mark || open.is_some_and(|(_, count)| count >= LONGEST);
        if let (true, Some((start, _))) = (ends, open) {
            out.push(Word { start, end: at, mark: false });
            open = None;
        }
        if mark {
            out.push(Word { start: at, end: at + c.len_utf8(), mark: true });
        } else if !c.is_whitespace() {
            let (start, count) = open.unwrap_or((at, 0));
            open = Some((start, count + 1));
        }
    }
    if let Some((start, _)) = open {
        out.push(Word { start, end: text.len(), mark: false });
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn split(text: &str) -> Vec<&str> {
        words(text).into_iter().map(|w| &text[w.start..w.end]).collect()
    }

    proptest! {
        /// A word is found where splitting the list finds it, and not inside another.
        #[test]
        fn lists_have_whole_words(list in "([اب]{1,3} ){0,5}[اب]{1,3}", word in "[اب]{0,3}") {
            prop_assert_eq!(among(&list, &word), list.split(' ').any(|other| other == word));
        }
    }

    #[test]
    fn punctuation_and_symbols_stand_alone() {
        assert_eq!(split("قال «المعلم»: 12.5%\n😀نعم"), ["قال", "«", "المعلم", "»", ":", "12", ".", "5", "%", "😀", "نعم"]);
        assert_eq!(split(" \n "), Vec::<&str>::new());
    }

    proptest! {
        #[test]
        fn nothing_but_white_space_is_lost(text in any::<String>()) {
            let kept: String = split(&text).concat();
            let wanted: String = text.chars().filter(|c| !c.is_whitespace()).collect();
            prop_assert_eq!(kept, wanted);
        }
    }
}
