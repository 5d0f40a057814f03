//! What a summary can do without: datelines, bylines, addresses, and days of the week that mean nothing a week later.
//!
//! Only what is certain goes: a day that belongs to a noun, a preposition, a negation or a list says something.

mod datelines;
mod days;
mod press;

pub use datelines::{dateline, is_byline};
pub use press::{is_outlet, is_platform, is_press, mediums};

use super::words::{Word, Words, among};
use std::ops::Range;

const DASHES: [&str; 4] = ["-", "–", "—", "−"];
/// Words before an address that would hang without it.
const ANNOUNCES: &str = "الرابط رابط الموقع موقع موقعها موقعه عبر الإلكتروني الالكتروني التالي الآتي على";

/// A word without the و ف and ب ل ك written onto it.
fn bare(word: &str) -> &str {
    let rest = word.strip_prefix(['و', 'ف']).filter(|rest| rest.chars().count() > 1).unwrap_or(word);
    rest.strip_prefix(['ب', 'ل', 'ك']).filter(|rest| rest.chars().count() > 1).unwrap_or(rest)
}

/// Whether `word`, as written or without proclitics, is in `list`.
fn in_list(list: &str, word: &str) -> bool {
    among(list, word) || among(list, bare(word)) || word.strip_prefix(['و', 'ف']).is_some_and(|rest| among(list, rest))
}

impl Words<'_> {
    fn is_comma(&self, at: usize) -> bool {
        matches!(self.get(at), "،" | ",")
    }

    fn is_dash(&self, at: usize) -> bool {
        DASHES.contains(&self.get(at))
    }

    /// A dash with a space behind it: not that of a score or a compound name.
    fn is_spaced_dash(&self, at: usize) -> bool {
        self.is_dash(at) && at + 1 < self.words.len() && !self.touching(at)
    }

    fn has_digit(&self, at: usize) -> bool {
        self.get(at).chars().any(char::is_numeric)
    }

    /// An address that begins `at`, with the brackets around it: "(https://…)".
    fn address(&self, at: usize) -> Option<Range<usize>> {
        let mark = if matches!(self.get(at), "http" | "https") { ":" } else { "." };
        if !matches!(self.get(at), "http" | "https" | "www") || !self.touching(at) || self.get(at + 1) != mark {
            return None;
        }
        if at > 0 && self.touching(at - 1) && self.get(at - 1) != "(" {
            return None; // the www of http://www
        }
        let mut end = at + 1;
        while self.touching(end - 1) && self.get(end) != ")" {
            end += 1;
        }
        while matches!(self.get(end - 1), "." | "،" | "," | "؛" | "!" | "؟" | "»" | "”" | "\"") {
            end -= 1; // what the sentence says behind it
        }
        let bracketed = at > 0 && self.get(at - 1) == "(" && self.get(end) == ")";
        let start = if bracketed { at - 1 } else { at };
        let before = if start == 0 { "" } else { self.get(start - 1) };
        let hangs = before == ":" || in_list(ANNOUNCES, before);
        (!hangs).then_some(start..end + usize::from(bracketed))
    }

    /// Tags that a sentence ends with and that are no part of it: two or more, without a stop: «… أمس #سوريا #دمشق».
    fn tags(&self) -> Option<Range<usize>> {
        let mut start = self.words.len();
        let mut tags = 0;
        while let Some(hash) = (0..start).rev().find(|&i| self.get(i) == "#") {
            // A tag of several words has _ between them.
            let whole = (hash..start - 1).all(|i| self.touching(i)) && hash + 1 < start;
            let mark = |i: usize| self.words[i].mark && self.get(i) != "_";
            if !whole || (hash + 1..start).any(mark) || hash > 0 && self.touching(hash - 1) {
                break;
            }
            (start, tags) = (hash, tags + 1);
        }
        let held = start > 0
            && (self.words[start - 1].mark && !matches!(self.get(start - 1), "." | "؟" | "!" | "،")
                || in_list(days::HOLD, self.get(start - 1)));
        (tags > 1 && !held).then_some(start..self.words.len())
    }
}

/// Words (as indices of `words`, a sentence of `text`) that a summary leaves out; never all of them.
pub fn asides(text: &str, words: &[Word]) -> Vec<Range<usize>> {
    let sentence = Words { text, words };
    let mut out = Vec::new();
    let mut at = sentence.dateline();
    if at > 0 {
        out.push(0..at);
    }
    out.extend((at..words.len()).filter_map(|i| sentence.address(i)));
    out.extend(sentence.tags());
    let narrowed = (0..words.len()).any(|i| in_list(days::NARROWED, sentence.get(i)));
    while at < words.len() && !narrowed {
        match sentence.spare_day(at) {
            Some(range) => {
                at = range.end;
                out.push(range);
            }
            None => at = sentence.day(at).map_or(at + 1, |(end, _)| end),
        }
    }
    out.sort_by_key(|range| range.start);
    let left: usize = out.iter().map(ExactSizeIterator::len).sum();
    if left + 3 >= words.len() { Vec::new() } else { out }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::words;

    /// The parts that are left, as a summary joins them.
    pub(super) fn kept(text: &str) -> String {
        let found = words(text);
        let left = asides(text, &found);
        let starts = left.iter().map(|range| range.end).chain((left.first().is_none_or(|r| r.start > 0)).then_some(0));
        let mut starts: Vec<usize> = starts.filter(|&at| at < found.len()).collect();
        starts.sort_unstable();
        let end = |at: usize| left.iter().map(|range| range.start).find(|&start| start > at).unwrap_or(found.len());
        starts.into_iter().map(|at| &text[found[at].start..found[end(at) - 1].end]).collect::<Vec<_>>().join(" ")
    }

    pub(super) fn stay(texts: &[&str]) {
        for text in texts {
            assert_eq!(kept(text), *text);
        }
    }

    #[test]
    fn tags_at_the_end_go() {
        assert_eq!(kept("قصف الجيش ريف المدينة ليلا #سوريا #ريف_دمشق"), "قصف الجيش ريف المدينة ليلا");
        stay(&[
            "قصف الجيش قرى عدة في #سوريا #العراق",
            "قصف الجيش ريف #دمشق",
            "قصف #الجيش ريف المدينة #سوريا ليلا",
            "زار الوزير #دمشق #حلب.",
        ]);
    }

    #[test]
    fn addresses_go() {
        assert_eq!(kept("نشرت الوزارة (https://mod.gov.sy/?id=5) بيانا عن المعركة"), "نشرت الوزارة بيانا عن المعركة");
        assert_eq!(kept("خطة الهلال عند الريس http://www.a.com/b%20c-2.JPG?d=e كشف المدرب"), "خطة الهلال عند الريس كشف المدرب");
        assert_eq!(kept("نشرت الوزارة الصور http://a.sy/b. كلها"), "نشرت الوزارة الصور . كلها");
        stay(&[
            "سجل الآن على الرابط التالي: http://nbwf.csc.org.sa/ في موعد أقصاه الخميس",
            "قال موقع www إن الهجوم بدأ قبل يومين",
            "نشرت bbc.com تقريرا عن الهجوم في المدينة",
        ]);
    }
}
