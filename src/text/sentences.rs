//! Sentence splitting for Arabic news.
//!
//! A sentence ends at a newline; at `؟ ! …` or a full stop that is not inside a number, an initial or
//! an abbreviation (also when the next sentence is glued to it: `الأمن.وقال`), with the closing quotes
//! and brackets that follow it; and, when it has grown very long, at a comma or between two words.

use super::words::Word;
use std::ops::Range;

/// Words after which a sentence is cut at the next comma, and at any word.
const LONG: usize = 90;
const LONGEST: usize = 120;

/// Words before a full stop that do not end a sentence; nor does a letter by itself.
const ABBREVIATIONS: [&str; 11] = ["هـ", "ود", "لد", "وأ", "وم", "دكتور", "مج", "Mr", "Dr", "St", "No"];

/// A sentence: bytes of the normalised text and the words in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sentence {
    /// Bytes of the normalised text, white space at the ends left out.
    pub bytes: Range<usize>,
    /// Indices of its words.
    pub words: Range<usize>,
}

/// Split `words` of `text` into sentences that cover every word, in order.
pub fn sentences(text: &str, words: &[Word]) -> Vec<Sentence> {
    let mut out = Vec::new();
    let mut first = 0;
    let mut at = 0;
    while at < words.len() {
        let mut last = at;
        let mut ends = false;
        if is_terminal(text, words, at) {
            ends = true;
            last = closing_marks(text, words, at);
        }
        let length = last + 1 - first;
        let comma = matches!(slice(text, words[last]), "،" | "؛" | "," | ";");
        let newline = words.get(last + 1).is_some_and(|next| text[words[last].end..next.start].contains(['\n', '\r', '\u{2029}']));
        if ends || newline || (length >= LONG && comma) || length >= LONGEST || last + 1 == words.len() {
            out.push(Sentence { bytes: words[first].start..words[last].end, words: first..last + 1 });
            first = last + 1;
        }
        at = last + 1;
    }
    out
}

fn slice(text: &str, word: Word) -> &str {
    &text[word.start..word.end]
}

/// Whether the mark at `at` ends a sentence.
fn is_terminal(text: &str, words: &[Word], at: usize) -> bool {
    let word = words[at];
    if !word.mark {
        return false;
    }
    let before = at.checked_sub(1).map(|i| words[i]).filter(|w| w.end == word.start);
    let after = words.get(at + 1).copied().filter(|w| w.start == word.end);
    match slice(text, word) {
        "؟" | "?" | "!" | "…" | "۔" => true,
        "." => {
            let Some(before) = before else {
                // « . » apart from its word ends a sentence; one at the front of a word (.com) does not
                return at > 0 && after.is_none();
            };
            let previous = slice(text, before);
            let digits = previous.ends_with(|c: char| c.is_ascii_digit());
            let next_is = |test: fn(char) -> bool| after.is_some_and(|w| text[w.start..].starts_with(test));
            // The last letter of U.S. is no initial: such a name often ends a sentence.
            let alone = previous.chars().count() == 1 && previous.starts_with(char::is_alphabetic);
            let chained = previous.is_ascii() && before.start > 0 && text[..before.start].ends_with('.');
            let abbreviation = (ABBREVIATIONS.contains(&previous) || (alone && !chained))
                && words.get(at + 1).is_some_and(|w| !w.mark && !starts_line(text, word, *w));
            let latin = previous.ends_with(|c: char| c.is_ascii_alphabetic()) && next_is(|c| c.is_ascii_alphanumeric());
            !(abbreviation || latin || (digits && next_is(|c| c.is_ascii_digit())) || next_is(|c| c == '.'))
        }
        _ => false,
    }
}

fn starts_line(text: &str, before: Word, next: Word) -> bool {
    text[before.end..next.start].contains('\n')
}

/// The last of the closing quotes, brackets and repeated stops that follow the mark at `at` on its line.
fn closing_marks(text: &str, words: &[Word], at: usize) -> usize {
    let mut last = at;
    while let Some(&next) = words.get(last + 1) {
        let touching = next.start == words[last].end;
        let closing = matches!(slice(text, next), "»" | "”" | "’" | ")" | "]" | "." | "!" | "؟" | "?" | "…" | "\"" | "'");
        if !(next.mark && touching && closing) {
            break;
        }
        last += 1;
    }
    last
}

#[cfg(test)]
mod tests {
    use super::super::words::words;
    use super::*;
    use proptest::prelude::*;

    fn split(text: &str) -> Vec<&str> {
        sentences(text, &words(text)).into_iter().map(|s| &text[s.bytes]).collect()
    }

    #[test]
    fn ends_of_sentences() {
        assert_eq!(split("وصل الوفد. وقال «نعم.» ثم غادر؟ لا!"), ["وصل الوفد.", "وقال «نعم.»", "ثم غادر؟", "لا!"]);
        assert_eq!(split("اجتمع مجلس الأمن.وقال الأمين"), ["اجتمع مجلس الأمن.", "وقال الأمين"], "glued");
        assert_eq!(split("عنوان بلا نقطة\nنص الخبر هنا"), ["عنوان بلا نقطة", "نص الخبر هنا"]);
        assert_eq!(split("بلغ 12.5 مليار. انتهى..."), ["بلغ 12.5 مليار.", "انتهى..."]);
        for whole in ["قال د. أحمد إن", "د. محمد ود. أحمد", "ف. كينيدي وجورج W. بوش", "قتل عشرة (أ.ف.ب) في هجوم", "بلغ ألف ل.س. يوميا"]
        {
            assert_eq!(split(whole), [whole]);
        }
        assert_eq!(split("زار U.S. وموقع bbc.com اليوم"), ["زار U.S.", "وموقع bbc.com اليوم"]);
        assert_eq!(split(""), Vec::<&str>::new());
    }

    #[test]
    fn very_long_sentences_are_cut() {
        let text = "كلمة ".repeat(500);
        assert!(sentences(&text, &words(&text)).iter().all(|s| s.words.len() <= LONGEST));
        let commas = "كلمة ، ".repeat(200);
        assert!(sentences(&commas, &words(&commas)).iter().all(|s| s.words.len() <= LONG + 1));
    }

    proptest! {
        #[test]
        fn every_word_is_in_one_sentence_in_order(text in "[ا-ي .!؟\n،»«\"0-9a-z]{0,300}|\\PC{0,80}") {
            let all = words(&text);
            let mut next = 0;
            for sentence in sentences(&text, &all) {
                prop_assert_eq!(sentence.words.start, next);
                prop_assert!(!sentence.words.is_empty());
                next = sentence.words.end;
            }
            prop_assert_eq!(next, all.len());
        }
    }
}
