//! What a summary can do without: datelines, bylines, and days of the week that mean nothing a week later.

use super::Word;
use std::ops::Range;

const DASHES: [&str; 4] = ["-", "–", "—", "−"];
const WEEKDAYS: [&str; 9] = ["الاثنين", "الإثنين", "الثلاثاء", "الأربعاء", "الاربعاء", "الخميس", "الجمعة", "السبت", "الأحد"];
const PARTS_OF_DAY: [&str; 9] = ["صباح", "مساء", "فجر", "ظهر", "عصر", "ليل", "ليلة", "نهار", "يوم"];
const NEAR_DAYS: [&str; 2] = ["أمس", "اليوم"];
const WHICH: [&str; 6] = ["الماضي", "المقبل", "القادم", "الجاري", "المنصرم", "الأول"];
const HOURS: [&str; 6] = ["صباحا", "مساء", "فجرا", "ليلا", "ظهرا", "عصرا"];
/// Words that open what was said; "today" before them is only a date.
const THAT: [&str; 8] = ["أن", "إن", "أنه", "إنه", "أنها", "إنها", "أنهم", "إنهم"];
/// Words that a day behind them belongs to: "since Friday", "Friday prayer".
const HOLD: &str = "من منذ حتى إلى قبل بعد في بين عن كل هذا ذلك حول خلال طوال نفس ذات مثل غد غدا أول ابتداء بدءا اعتبارا بحلول قبيل لغاية \
    صلاة خطبة قداس دوري سوق مباراة مباريات صحيفة جريدة قناة عين موقع المصري منتصف عطلة جلسة عشية غداة صبيحة زوال أيام يومي موعد";
/// Words of agencies' names.
const AGENCIES: [&str; 14] =
    ["رويترز", "فرانس", "برس", "سانا", "واس", "وام", "كونا", "بترا", "قنا", "الأناضول", "وكالات", "سبوتنيك", "أسوشيتد", "شينخوا"];
/// A dateline ends within this many words and marks.
const LONGEST_DATELINE: usize = 14;
/// Words of a line that is nothing but a byline.
const LONGEST_BYLINE: usize = 6;

/// A sentence as its words, for looking around.
struct Sentence<'a> {
    text: &'a str,
    words: &'a [Word],
}

impl<'a> Sentence<'a> {
    fn get(&self, at: usize) -> &'a str {
        self.words.get(at).map_or("", |w| &self.text[w.start..w.end])
    }

    fn is_mark(&self, at: usize) -> bool {
        self.words.get(at).is_some_and(|w| w.mark)
    }

    fn is_comma(&self, at: usize) -> bool {
        matches!(self.get(at), "،" | ",")
    }

    fn is_dash(&self, at: usize) -> bool {
        DASHES.contains(&self.get(at))
    }

    /// Only marks from here on.
    fn ends(&self, at: usize) -> bool {
        (at..self.words.len()).all(|i| self.is_mark(i))
    }

    /// Length of a dateline: an agency in brackets and a dash ("دبي (CNN) --"), or names with dashes and a colon
    /// ("محمد السيد- سبق:").
    fn dateline(&self) -> usize {
        let most = self.words.len().min(LONGEST_DATELINE);
        let mut dash = false;
        for at in 0..most {
            if self.get(at) == ")" && self.is_dash(at + 1) && self.is_agency(at) {
                return (at + 1..self.words.len()).find(|&i| !self.is_dash(i) && self.get(i) != ":").unwrap_or(self.words.len());
            }
            if self.get(at) == ":" && dash {
                return at + 1;
            }
            // With a space beside it: not the dash of a score or a compound name.
            dash |= at > 0 && self.is_dash(at) && self.words.get(at + 1).is_some_and(|next| self.words[at].end < next.start);
        }
        0
    }

    /// Whether the bracket that closes `at` holds a news agency: Latin letters, single letters, or a name of the list.
    fn is_agency(&self, at: usize) -> bool {
        let Some(open) = (0..at).rev().find(|&i| self.get(i) == "(") else { return false };
        (open + 1..at).all(|i| {
            let word = self.get(i);
            self.is_mark(i) || word.chars().all(|c| c.is_ascii_alphabetic()) || word.chars().count() == 1 || AGENCIES.contains(&word)
        })
    }

    /// Where a day that starts `at` ends, such as "مساء يوم الجمعة الماضي", and whether it is a bare "today".
    fn day(&self, at: usize) -> Option<(usize, bool)> {
        let is = |i: usize, set: &[&str]| set.contains(&self.get(i));
        let mut end = at;
        while is(end, &PARTS_OF_DAY) {
            end += 1;
        }
        let near = is(end, &NEAR_DAYS);
        end += usize::from(near);
        let weekday = is(end, &WEEKDAYS);
        end += usize::from(weekday);
        if !(near || weekday) {
            return None;
        }
        let today = end == at + 1 && self.get(at) == "اليوم";
        end += usize::from(is(end, &WHICH));
        end += usize::from(is(end, &HOURS));
        Some((end, today))
    }

    /// A day starting `at` that can go, with the comma that it no longer needs.
    fn spare_day(&self, at: usize) -> Option<Range<usize>> {
        let (end, today) = self.day(at)?;
        let before = at.checked_sub(1).map(|i| self.get(i))?;
        let next = self.get(end);
        let number = |i: usize| self.get(i).chars().any(char::is_numeric);
        let listed = |i: usize| WEEKDAYS.iter().any(|day| self.get(i).ends_with(day));
        if HOLD.split_whitespace().any(|word| word == before) || number(end) || number(end + 1) || listed(end) || listed(end + 1) {
            return None;
        }
        let (opened, closed, ends) = (self.is_comma(at - 1), self.is_comma(end), self.ends(end));
        // "Today" may belong to the noun before it, or mean nowadays.
        if today && !(THAT.contains(&next) || opened && (closed || ends)) {
            return None;
        }
        if ends {
            return Some(at - usize::from(opened)..self.words.len());
        }
        Some(at..end + usize::from(opened && closed)) // of two commas one goes too
    }
}

/// Words (as indices of `words`, a sentence of `text`) that a summary leaves out; never all of them.
pub fn asides(text: &str, words: &[Word]) -> Vec<Range<usize>> {
    let sentence = Sentence { text, words };
    let mut out = Vec::new();
    let mut at = sentence.dateline();
    if at > 0 {
        out.push(0..at);
    }
    while at < words.len() {
        match sentence.spare_day(at) {
            Some(range) => {
                at = range.end;
                out.push(range);
            }
            None => at = sentence.day(at).map_or(at + 1, |(end, _)| end),
        }
    }
    let left: usize = out.iter().map(ExactSizeIterator::len).sum();
    let said = words.iter().filter(|w| !w.mark).count();
    if left + 2 >= words.len() || said < 5 { Vec::new() } else { out }
}

/// Whether a line names writer, outlet or place alone: "لجين الأحمدي – متابعات".
pub fn is_byline(text: &str, words: &[Word]) -> bool {
    let sentence = Sentence { text, words };
    let spoken = words.iter().filter(|w| !w.mark).count();
    let dash = (1..words.len().saturating_sub(1)).any(|at| sentence.is_dash(at));
    spoken <= LONGEST_BYLINE
        && dash
        && words.iter().enumerate().all(|(at, w)| !w.mark || sentence.is_dash(at) || "()".contains(sentence.get(at)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::words;

    fn kept(text: &str) -> String {
        let found = words(text);
        let left = asides(text, &found);
        let mut out = String::new();
        for (at, word) in found.iter().enumerate() {
            if !left.iter().any(|range| range.contains(&at)) {
                out.push_str(if word.mark || out.is_empty() { "" } else { " " });
                out.push_str(&text[word.start..word.end]);
            }
        }
        out
    }

    #[test]
    fn datelines_go() {
        assert_eq!(kept("دبي، الإمارات العربية المتحدة (CNN)-- نفى الحزب ما نشر عنه."), "نفى الحزب ما نشر عنه.");
        assert_eq!(kept("(CNN) – فارقت سيدة الحياة في المدينة الجديدة"), "فارقت سيدة الحياة في المدينة الجديدة");
        assert_eq!(kept("محمد السيد- سبق- جدة: كشف حساب الإمارة عن الموعد"), "كشف حساب الإمارة عن الموعد");
        assert_eq!(kept("بيروت (أ.ف.ب) - انسحب الجيش من البلدة القديمة"), "انسحب الجيش من البلدة القديمة");
        for text in [
            "قال الوزير (وهو طبيب) إن الوباء انتهى في البلاد",
            "قال الوزير (وهو طبيب) - ومعه آخرون - إن الوباء انتهى",
            "ترامب: سنبقى في سوريا عاما آخر على الأقل",
            "فاز الفريق 3-1: هذا ما جرى أمام الجمهور",
            "مون جيه-إن: سنواصل الحوار مع بيونغ يانغ",
        ] {
            let found = words(text);
            assert!(asides(text, &found).is_empty(), "{text}");
        }
    }

    #[test]
    fn days_that_are_set_off_go() {
        assert_eq!(kept("أعلن البيت الأبيض، الأربعاء، أن الرئيس سيسافر"), "أعلن البيت الأبيض، أن الرئيس سيسافر");
        assert_eq!(kept("قال الوزير الثلاثاء إن القوات انسحبت من المدينة"), "قال الوزير إن القوات انسحبت من المدينة");
        assert_eq!(kept("قتل خمسة جنود في هجوم مساء يوم الجمعة الماضي في حلب"), "قتل خمسة جنود في هجوم في حلب");
        assert_eq!(kept("وصل الوفد الروسي إلى مطار دمشق اليوم الأحد."), "وصل الوفد الروسي إلى مطار دمشق");
        assert_eq!(kept("قتل خمسة جنود في هجوم على الثكنة، الجمعة."), "قتل خمسة جنود في هجوم على الثكنة");
        assert_eq!(kept("أعلنت مصادر سورية الأربعاء، أن المسلحين انسحبوا"), "أعلنت مصادر سورية، أن المسلحين انسحبوا");
        assert_eq!(kept("استقبلت تونس السبت مساء سفينة تجارية تحمل القمح"), "استقبلت تونس سفينة تجارية تحمل القمح");
        assert_eq!(kept("انطلقت أمس الأول في الرياض دورة للمعلمين"), "انطلقت في الرياض دورة للمعلمين");
    }

    #[test]
    fn days_that_say_something_stay() {
        for text in [
            "بدأت الهدنة منذ يوم الجمعة الماضي في الغوطة الشرقية",
            "أدى المصلون صلاة الجمعة في المسجد الأقصى المبارك",
            "يعقد المؤتمر يوم الأحد 12 مارس في جنيف بحضور الوزراء",
            "تتوقف الرحلات يوم السبت والأحد من كل أسبوع هذا العام",
            "نشرت صحيفة اليوم أن الوزير استقال من منصبه",
            "الجمعة السوداء تجذب ملايين المتسوقين إلى المتاجر",
            "قال اليوم الوزير ما قاله في العام الماضي مرارا",
        ] {
            assert_eq!(kept(text), text);
        }
    }

    #[test]
    fn bylines() {
        for text in ["لجين الأحمدي – متابعات", "عين اليوم – أنقرة", "محمد الغشام - عين اليوم"]
        {
            assert!(is_byline(text, &words(text)), "{text}");
        }
        for text in
            ["فاز الهلال على النصر.", "انتصار كبير", "فوز الفريق: 3-1", "أعلنت الوزارة، في بيان - نشر على موقعها - أنها ستعاقب المخالفين"]
        {
            assert!(!is_byline(text, &words(text)), "{text}");
        }
    }
}
