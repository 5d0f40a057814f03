//! Sentence splitting for Arabic news.
//!
//! A sentence ends at the end of a line; at `؟ !` or a full stop that is not inside a number, an initial, an
//! abbreviation or an address (also when the next sentence is glued to it: `الأمن.وقال`), with the closing quotes
//! and brackets that follow it; and, when it has grown very long, at a comma or between two words. Dots in a row
//! after a few words or inside a quotation are a pause, and so is what a title in quotes ends with («ماذا حدث؟»).

use super::words::{Word, Words, among};
use std::ops::Range;

/// Words after which a sentence is cut at the next comma, before the next و, and at any word.
const LONG: usize = 90;
const LONGER: usize = 105;
const LONGEST: usize = 120;

/// Words before a full stop that do not end a sentence; nor does a letter by itself.
const ABBREVIATIONS: [&str; 10] = ["ود", "لد", "وأ", "وم", "دكتور", "مج", "Mr", "Dr", "St", "No"];
/// What a stop in an address stands before: «العربية.نت».
const DOMAINS: [&str; 5] = ["نت", "كوم", "أورغ", "اورغ", "تي"];
/// Names of Latin letters: the stops of «بي.بي.سي» end nothing.
const LETTERS: [&str; 17] = ["إي", "بي", "سي", "دي", "إف", "اف", "جي", "كي", "إل", "إم", "ام", "إن", "ان", "آر", "إس", "اس", "تي"];
/// What has a title, and words that go on with a sentence behind a quotation.
const TITLED: &str = "فيلم الفيلم كتاب برنامج برنامجه حملة رواية مسرحية مسلسل بعنوان عنوان أغنية وسم شعار مبادرة مقال قصيدة";
const CONTINUES: &str = "في من على إلى عن مع ضمن خلال بعد قبل الذي التي الذين منذ حول بين ضد عبر لدى أمام";
/// Words within which a quotation must be closed, for dots inside it to be a pause.
const QUOTED: usize = 30;
/// Dots in a row after fewer words than this do not end a sentence.
const PAUSE: usize = 6;

/// Characters that end a line.
pub const LINE_ENDS: [char; 7] = ['\n', '\u{b}', '\u{c}', '\r', '\u{85}', '\u{2028}', '\u{2029}'];

/// A sentence: bytes of the normalised text and the words in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sentence {
    /// Bytes of the normalised text, white space at the ends left out.
    pub bytes: Range<usize>,
    /// Indices of its words.
    pub words: Range<usize>,
}

/// Split `words` of a normalised `text` into sentences that cover every word, in order.
pub fn sentences(text: &str, words: &[Word]) -> Vec<Sentence> {
    let found = Words { text, words };
    let mut out = Vec::new();
    let mut first = 0;
    let mut at = 0;
    while at < words.len() {
        let (last, ends) = found.unit(first, at);
        let length = last + 1 - first;
        let comma = matches!(found.get(last), "،" | "؛" | "," | ";") && !found.in_number(last);
        let and = found.get(last + 1).starts_with('و');
        if ends || found.ends_line(last) || (length >= LONG && comma) || (length >= LONGER && and) || length >= LONGEST {
            out.push(Sentence { bytes: words[first].start..words[last].end, words: first..last + 1 });
            first = last + 1;
        }
        at = last + 1;
    }
    out
}

impl Words<'_> {
    /// Whether a line, or the text, ends behind `at`.
    fn ends_line(&self, at: usize) -> bool {
        self.words.get(at + 1).is_none_or(|next| self.text[self.words[at].end..next.start].contains(LINE_ENDS))
    }

    /// Whether `at` stands between two digits.
    fn in_number(&self, at: usize) -> bool {
        self.before(at).ends_with(digit) && self.behind(at).starts_with(digit)
    }

    /// The last word of what begins at `at`, a word alone or marks that belong together, and whether it ends the sentence that
    /// begins with `first`.
    fn unit(&self, first: usize, at: usize) -> (usize, bool) {
        let mut dots = at;
        while self.get(at) == "." && self.behind(dots) == "." {
            dots += 1;
        }
        let ends = if dots > at { !self.is_pause(first, at, dots) } else { self.is_terminal(first, at) };
        if !ends {
            return (dots, false);
        }
        let last = self.closing_marks(first, dots);
        (last, !self.ends_title(first, at, last))
    }

    /// Whether the mark at `at` ends a sentence, where no dots follow a dot.
    fn is_terminal(&self, first: usize, at: usize) -> bool {
        let (before, behind) = (self.before(at), self.behind(at));
        let latin = behind.starts_with(|c: char| c.is_ascii_alphanumeric());
        match self.get(at) {
            "؟" | "۔" => true,
            "?" | "!" => !latin, // ?v=1
            // « . » apart from its word ends a sentence; one at the front of a word (.com) does not
            "." if before.is_empty() => at > first && !latin && !DOMAINS.contains(&behind),
            "." => {
                // The last letter of U.S. is no initial: such a name often ends a sentence; nor is the م of a year.
                let alone = before.chars().count() == 1 && before.starts_with(char::is_alphabetic);
                let chained = before.is_ascii() && self.text[..self.words[at - 1].start].ends_with('.');
                let year = matches!(before, "م" | "ه") && at > 1 && self.get(at - 2).starts_with(digit);
                let goes_on = self.words.get(at + 1).is_some_and(|next| !next.mark) && !self.ends_line(at);
                let abbreviation = (ABBREVIATIONS.contains(&before) || alone && !chained && !year) && goes_on;
                let address = before.ends_with(|c: char| c.is_ascii_alphanumeric()) && latin || DOMAINS.contains(&behind);
                let listed = at == first + 1 && before.chars().all(digit) && goes_on; // «1. »
                let next = self.get(at + 1);
                let last = at > 1 && self.get(at - 2) == "." && goes_on && !next.starts_with('و');
                let spelt = LETTERS.contains(&before) && (LETTERS.contains(&behind) || last);
                !(abbreviation || address || spelt || listed || self.in_number(at))
            }
            _ => false,
        }
    }

    /// Whether the dots `at..=last` end nothing: words left out, "(...)", a pause after a few words of a line, or one inside
    /// quotes or brackets.
    fn is_pause(&self, first: usize, at: usize, last: usize) -> bool {
        let count = |marks: &[&str]| (first..at).filter(|&i| marks.contains(&self.get(i))).count();
        let spoken = (first..at).filter(|&i| !self.words[i].mark).count();
        let open = || count(&["«", "“", "(", "["]) > count(&["»", "”", ")", "]"]) || count(&["\""]) % 2 == 1;
        let line = (last + 1..self.words.len().min(last + QUOTED)).take_while(|&i| !self.ends_line(i - 1));
        let inside = || open() && line.clone().any(|i| matches!(self.get(i), "»" | "”" | ")" | "]" | "\""));
        let closed = self.closing_marks(first, last) > last;
        matches!(self.before(at), "(" | "[") || !self.ends_line(last) && (spoken < PAUSE || !closed && inside())
    }

    /// Whether the marks `at..=last` end a question or a call and not the sentence around it: فيلم «ماذا حدث؟» للمخرج.
    fn ends_title(&self, first: usize, at: usize, last: usize) -> bool {
        if !matches!(self.get(at), "؟" | "?" | "!") || self.ends_line(last) {
            return false;
        }
        let quoted = (at + 1..=last).any(|i| matches!(self.get(i), "»" | "”" | "“" | "’" | "\"" | "'"));
        let next = self.get(last + 1);
        let opening = || (first..at).rev().find(|&i| matches!(self.get(i), "«" | "“" | "”" | "‘" | "\"" | "'"));
        let title = || opening().is_some_and(|i| i > first && among(TITLED, self.get(i - 1)));
        let goes_on = || among(CONTINUES, next) || next.starts_with("لل") || !self.words[last + 1].mark && title();
        matches!(next, "،" | "," | "؛" | ";") || quoted && (next == ":" || goes_on())
    }

    /// The last of the closing quotes, brackets and repeated stops that follow the mark at `at` on its line.
    fn closing_marks(&self, first: usize, at: usize) -> usize {
        // ”…“ is written too
        let reversed = || (first..at).any(|i| self.get(i) == "”") && (first..at).all(|i| self.get(i) != "“");
        let mut last = at;
        while let Some(next) = self.words.get(last + 1) {
            let gap = &self.text[self.words[last].end..next.start];
            let closing = match self.get(last + 1) {
                // One that touches the word behind it opens.
                "»" | ")" | "]" => gap.is_empty() || gap == " " && self.behind(last + 1).is_empty(),
                "”" | "’" | "." | "!" | "؟" | "?" | "\"" | "'" => gap.is_empty(),
                "“" => gap.is_empty() && reversed(),
                _ => false,
            };
            if !closing {
                break;
            }
            last += 1;
        }
        last
    }
}

fn digit(c: char) -> bool {
    c.is_ascii_digit()
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
    fn stops_inside_addresses_and_names() {
        for whole in [
            "كشفت مصادر «العربية.نت» أن إيران قررت",
            "قال لموقع العربية.نت إن القوات",
            "نقلت بي.بي.سي عن سي.إن.إن أن الهدنة بدأت",
            "نشر https://www.youtube.com/watch?v=abC123 ويظهر فيه الجيش",
            "قال «ستبقى (...) إلى جانب الشعب»",
            "1. فاز فيلم «ماذا حدث؟» للمخرج السوري",
            "حملة \"لا للحرب!\" في العاصمة",
            "برنامج «من سيربح المليون؟»، على القناة",
            "«المدير في إجازة»!، عبارة طرقت الآذان",
            "خطة الهلال http://a.com/b-2.JPG?c=d كما هي",
            "بعد عام على الزلزال.. آلاف السوريين بلا مأوى",
            "قال إن بلاده «ستبقى مع الشعب اللبناني كله .. ولن تتخلى عنه»",
        ] {
            assert_eq!(split(whole), [whole]);
        }
        assert_eq!(split("وصل إلى دمشق .وقالت الوزارة"), ["وصل إلى دمشق .", "وقالت الوزارة"]);
        assert_eq!(split("« لن نسمح بذلك ! » وأضاف"), ["« لن نسمح بذلك ! »", "وأضاف"]);
        assert_eq!(split("”لن نسمح بذلك.“ وأضاف"), ["”لن نسمح بذلك.“", "وأضاف"]);
        assert_eq!(split("في 12 آذار 2026 م. وقال الوزير"), ["في 12 آذار 2026 م.", "وقال الوزير"]);
        assert_eq!(split("سأل «ماذا حدث؟» وأجاب"), ["سأل «ماذا حدث؟»", "وأجاب"]);
        assert_eq!(split("هتفوا «يسقط النظام!» قوات الأمن ردت"), ["هتفوا «يسقط النظام!»", "قوات الأمن ردت"]);
        assert_eq!(split("حضر عام 2025 د. محمد العيسى"), ["حضر عام 2025 د. محمد العيسى"]);
        assert_eq!(split("وصل أمس. »سنعود غدا« قال"), ["وصل أمس.", "»سنعود غدا« قال"]);
        assert_eq!(split("نقلت بي.بي.سي. أن الهدنة بدأت"), ["نقلت بي.بي.سي. أن الهدنة بدأت"]);
        let told = "وقد بدأت المعارك في ريف دمشق منذ يومين";
        assert_eq!(split(&format!("{told}... ثم توقفت")), [format!("{told}...").as_str(), "ثم توقفت"]);
        assert_eq!(split("عنوان\u{2028}نص\u{b}آخر"), ["عنوان", "نص", "آخر"]);
    }

    #[test]
    fn very_long_sentences_are_cut() {
        let text = "كلمة ".repeat(500);
        assert!(sentences(&text, &words(&text)).iter().all(|s| s.words.len() <= LONGEST));
        let commas = "كلمة ، ".repeat(200);
        assert!(sentences(&commas, &words(&commas)).iter().all(|s| s.words.len() <= LONG + 1));
        let number = format!("{}1,500 منزل", "كلمة ".repeat(89));
        assert_eq!(split(&number), [number.as_str()]);
        let and = format!("{}محمد وسالم {}", "كلمة ".repeat(109), "كلمة ".repeat(9));
        assert!(split(&and)[1].starts_with("وسالم"));
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
