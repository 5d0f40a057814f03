//! Offset-keeping normalisation.
//!
//! The rules are those of the `normalizer` in the bundled `tokenizer.json` (NFKC; harakat, tatweel,
//! Koranic signs, zero-width and bidi marks dropped; Persian yeh and kaf and Arabic-Indic digits
//! folded; no other letter folded), applied here with a map back to the original.

use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::{canonical_combining_class, compose, decompose_compatible};

/// Text after normalisation, each of whose bytes knows the code points of the original that it came from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Normalized {
    text: String,
    /// For each byte of `text`: first original code point of its character.
    starts: Vec<u32>,
    /// For each byte of `text`: one past the last original code point of its character, dropped marks after it included.
    ends: Vec<u32>,
    original_chars: u32,
}

impl Normalized {
    /// Normalise `original`.
    pub fn new(original: &str) -> Self {
        let mut out = Self {
            text: String::with_capacity(original.len()),
            starts: Vec::with_capacity(original.len()),
            ends: Vec::with_capacity(original.len()),
            original_chars: 0,
        };
        let mut cluster = String::new();
        let mut chars = original.chars().peekable();
        while let Some(first) = chars.next() {
            let start = out.original_chars;
            out.original_chars += 1;
            let alone = chars.peek().is_none_or(|&next| is_plain(next));
            if is_plain(first) && alone {
                out.push(first, start, start + 1);
                continue;
            }
            cluster.clear();
            cluster.push(first);
            let mut last = first.nfkc().last().unwrap_or(first);
            while let Some(&next) = chars.peek() {
                if is_plain(next) || !continues(last, next) {
                    break;
                }
                cluster.push(next);
                last = compose(last, leading(next)).unwrap_or(last);
                out.original_chars += 1;
                chars.next();
            }
            out.push_cluster(&cluster, start);
        }
        out
    }

    /// The normalised text.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Length of the original in code points.
    pub fn original_chars(&self) -> usize {
        self.original_chars as usize
    }

    /// Code points of the original behind the bytes `start..end` of the normalised text, end exclusive.
    pub fn original_span(&self, start: usize, end: usize) -> (usize, usize) {
        if start >= end || end > self.text.len() {
            let at = self.starts.get(start).copied().unwrap_or(self.original_chars) as usize;
            return (at, at);
        }
        (self.starts[start] as usize, self.ends[end - 1] as usize)
    }

    fn push(&mut self, c: char, start: u32, end: u32) {
        let c = fold(c);
        self.text.push(c);
        for _ in 0..c.len_utf8() {
            self.starts.push(start);
            self.ends.push(end);
        }
    }

    fn push_cluster(&mut self, cluster: &str, start: u32) {
        let end = self.original_chars;
        let mut kept = false;
        let alone = |c: char| std::iter::once(c).nfkc();
        if cluster.nfkc().eq(cluster.chars().flat_map(alone)) {
            // Nothing merges: each character keeps its own place and takes the dropped marks behind it.
            for (at, c) in (start..end).zip(cluster.chars()) {
                for part in alone(c).filter(|&c| !is_dropped(c)) {
                    self.push(part, at, at + 1);
                    kept = true;
                }
                if is_dropped(c) && kept {
                    self.extend_last(at + 1);
                }
            }
        } else {
            for c in cluster.nfkc().filter(|&c| !is_dropped(c)) {
                self.push(c, start, end);
                kept = true;
            }
        }
        // A dropped spelling mark (tatweel, a haraka after one) belongs to the letter before it; controls do not.
        if !kept && cluster.chars().all(is_spelling_mark) {
            let touching = self.ends.last().is_some_and(|&e| e == start);
            if touching && self.text.ends_with(char::is_alphanumeric) {
                self.extend_last(end);
            }
        }
    }

    /// Let the last character reach to `end` in the original.
    fn extend_last(&mut self, end: u32) {
        if let Some(last) = self.text.chars().next_back() {
            let from = self.ends.len() - last.len_utf8();
            self.ends[from..].fill(end);
        }
    }
}

/// A text whose code points can be cut out quickly, wherever they stand.
#[derive(Debug)]
pub struct Original<'a> {
    text: &'a str,
    /// Byte offset of every `STRIDE`th code point.
    marks: Vec<usize>,
}

const STRIDE: usize = 256;

impl<'a> Original<'a> {
    /// Index `text`.
    pub fn new(text: &'a str) -> Self {
        Self { text, marks: text.char_indices().step_by(STRIDE).map(|(at, _)| at).collect() }
    }

    /// The code points from `start` to `end`, end exclusive; `None` when out of bounds.
    pub fn slice(&self, start: usize, end: usize) -> Option<&'a str> {
        if end < start {
            return None;
        }
        self.text.get(self.byte(start)?..self.byte(end)?)
    }

    fn byte(&self, at: usize) -> Option<usize> {
        let Some(&mark) = self.marks.get(at / STRIDE) else {
            // Past the last mark: only the end of a text that fills its strides stands there.
            return (at == self.chars()).then_some(self.text.len());
        };
        let mut rest = self.text[mark..].char_indices().map(|(i, _)| mark + i).chain([self.text.len()]);
        rest.nth(at % STRIDE)
    }

    fn chars(&self) -> usize {
        let last = self.marks.last().map_or(0, |&mark| self.text[mark..].chars().count());
        self.marks.len().saturating_sub(1) * STRIDE + last
    }
}

/// The code points of `original` from `start` to `end`, end exclusive; `None` when out of bounds. To cut
/// many pieces from a long text, use [`Original`].
pub fn char_slice(original: &str, start: usize, end: usize) -> Option<&str> {
    Original::new(original).slice(start, end)
}

/// Characters that NFKC leaves alone and that never join the one before them.
fn is_plain(c: char) -> bool {
    matches!(c, '\0'..='\u{7f}' | '\u{621}'..='\u{63f}' | '\u{641}'..='\u{64a}' | '\u{660}'..='\u{669}' | '،' | '؛' | '؟' | '«' | '»')
}

/// Whether `next` may change or join a cluster that ends in `last`.
fn continues(last: char, next: char) -> bool {
    let next = leading(next);
    canonical_combining_class(next) != 0 || compose(last, next).is_some()
}

fn leading(c: char) -> char {
    let mut first = None;
    decompose_compatible(c, |part| {
        first.get_or_insert(part);
    });
    first.unwrap_or(c)
}

fn fold(c: char) -> char {
    match c {
        'ی' => 'ي',
        'ک' => 'ك',
        '٠'..='٩' => shift(c, 0x660),
        '۰'..='۹' => shift(c, 0x6f0),
        other => other,
    }
}

fn shift(digit: char, zero: u32) -> char {
    char::from_digit(digit as u32 - zero, 10).unwrap_or(digit)
}

/// Marks removed everywhere; the same class as `DROPPED` in `scripts/mujaz_train/tokenizer.py`.
pub(crate) fn is_dropped(c: char) -> bool {
    is_spelling_mark(c)
        || matches!(c,
            '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}')
}

fn is_spelling_mark(c: char) -> bool {
    matches!(c,
        '\u{610}'..='\u{61a}' | '\u{640}' | '\u{64b}'..='\u{65f}' | '\u{670}' | '\u{6d6}'..='\u{6dc}'
        | '\u{6df}'..='\u{6e8}' | '\u{6ea}'..='\u{6ed}' | '\u{8d3}'..='\u{8ff}')
}

/// A letter as it is compared where spelling does not matter: hamza forms of alef, ى and ة without their difference.
/// Normalised text keeps them.
pub fn fold_letter(c: char) -> char {
    match c {
        'أ' | 'إ' | 'آ' | 'ٱ' => 'ا',
        'ى' => 'ي',
        'ة' => 'ه',
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn norm(s: &str) -> String {
        Normalized::new(s).text().to_string()
    }

    #[test]
    fn rules() {
        assert_eq!(norm("كَتَبَ الرَّئيسُ"), "كتب الرئيس");
        assert_eq!(norm("الـــعربية"), "العربية");
        assert_eq!(norm("١٢٫٥ و۱۲"), "12٫5 و12");
        assert_eq!(norm("\u{fefb}"), "لا");
        assert_eq!(norm("\u{200f}سوریا\u{200e}"), "سوريا");
        assert_eq!(norm("أإآاىيةه"), "أإآاىيةه", "letters are not folded");
        assert_eq!(norm("ا\u{653}"), "آ");
    }

    #[test]
    fn a_span_takes_the_marks_of_its_letters_and_no_controls() {
        let original = "قال \u{200f}مُحَمَّدٌ\u{200f} ـــ";
        let normalized = Normalized::new(original);
        let at = normalized.text().find("محمد").expect("the name");
        let (start, end) = normalized.original_span(at, at + "محمد".len());
        assert_eq!(char_slice(original, start, end), Some("مُحَمَّدٌ"));
    }

    #[test]
    fn tatweel_stays_inside_the_word() {
        let original = "حلبـــ اليوم";
        let normalized = Normalized::new(original);
        let (start, end) = normalized.original_span(0, "حلب".len());
        assert_eq!(char_slice(original, start, end), Some("حلبـــ"));
    }

    #[test]
    fn char_slice_bounds() {
        assert_eq!(char_slice("أبت", 1, 3), Some("بت"));
        assert_eq!(char_slice("أبت", 3, 3), Some(""));
        assert_eq!(char_slice("أبت", 1, 4), None);
        assert_eq!(char_slice("", 0, 0), Some(""));
        assert_eq!(char_slice("", 0, 1), None);
        let text = "أب".repeat(STRIDE);
        let original = Original::new(&text);
        assert_eq!(original.slice(2 * STRIDE, 2 * STRIDE), Some(""));
        assert_eq!(original.slice(STRIDE - 1, STRIDE + 1), Some("بأ"));
        assert_eq!(original.slice(0, 2 * STRIDE), Some(text.as_str()));
        assert_eq!(original.slice(0, 2 * STRIDE + 1), None);
    }

    proptest! {
        #[test]
        fn equals_nfkc_with_marks_dropped_and_is_idempotent(original in "\\PC{0,40}|[\u{600}-\u{6ff} a-zﷲﻻ\u{64b}-\u{65f}ـ]{0,40}") {
            let whole: String = original.nfkc().filter(|&c| !is_dropped(c)).map(fold).collect();
            let once = norm(&original);
            prop_assert_eq!(&once, &whole);
            prop_assert_eq!(norm(&once), norm(&norm(&once)));
        }

        #[test]
        fn offsets_cover_the_original_in_order(original in any::<String>()) {
            let normalized = Normalized::new(&original);
            prop_assert_eq!(normalized.original_chars(), original.chars().count());
            let (mut last_start, mut last_end) = (0, 0);
            for (at, c) in normalized.text().char_indices() {
                let (start, end) = normalized.original_span(at, at + c.len_utf8());
                prop_assert!(start < end && start >= last_start && end >= last_end);
                prop_assert!(char_slice(&original, start, end).is_some());
                (last_start, last_end) = (start, end);
            }
        }
    }
}
