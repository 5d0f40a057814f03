//! What a summary can do without: datelines, bylines, addresses, and days of the week that mean nothing a week later.
//!
//! Only what is certain goes: a day that belongs to a noun, a preposition, a negation or a list says something.

use super::words::{Word, Words, among};
use std::ops::Range;

const DASHES: [&str; 4] = ["-", "–", "—", "−"];
const WEEKDAYS: [&str; 9] = ["الاثنين", "الإثنين", "الثلاثاء", "الأربعاء", "الاربعاء", "الخميس", "الجمعة", "السبت", "الأحد"];
/// Weekdays that are family names or other words too.
const HOMOGRAPHS: [&str; 2] = ["الخميس", "الجمعة"];
const PARTS_OF_DAY: [&str; 7] = ["صباح", "مساء", "فجر", "عصر", "ليل", "ليلة", "يوم"];
const NEAR_DAYS: [&str; 2] = ["أمس", "اليوم"];
const WHICH: [&str; 5] = ["الماضي", "المقبل", "القادم", "الجاري", "المنصرم"];
const ORDINALS: &str = "الأول الثاني الثالث الرابع الخامس السادس السابع الثامن التاسع العاشر عشر والعشرين العشرين الثلاثين";
/// Words that open what was said: a day before them is only a date.
const THAT: [&str; 8] = ["أن", "إن", "أنه", "إنه", "أنها", "إنها", "أنهم", "إنهم"];
/// Words that a day behind them belongs to, without proclitics: "since Friday", "Friday prayer".
const HOLD: &str = "من منذ حتى إلى قبل بعد في بين عن كل هذا ذلك حول خلال طوال نفس ذات مثل غد غدا أول ابتداء بدءا اعتبارا حلول قبيل لغاية \
    صلاة خطبة قداس دوري سوق مباراة مباريات صحيفة جريدة قناة عين موقع المصري روسيا رأي منتصف عطلة جلسة هجوم عشية غداة صبيحة زوال \
    أيام يومي موعد إلا عدا باستثناء سوى أو أم ثم بل هو هي أن إن مع ليس ظهر ظهيرة \
    صادف صادفت يصادف تصادف وافق يوافق كان كانت يعد يعتبر أصبح شهد شهدت يشهد تشهد \
    انتخابات مظاهرات تظاهرات احتجاجات مسيرات قصف غارات غارة مجزرة تفجير تفجيرات معارك أحداث زلزال محادثات مفاوضات اجتماع قمة لقاء جولة";
/// Words that a day narrows: without it "not on Sunday" would become "not".
const NARROWED: &str = "لا لن لم ليس ليست ليسوا غير دون إلا عدا سوى باستثناء فقط كل أسبوع أسبوعيا";
/// Agencies in the brackets of a dateline.
const AGENCIES: &str =
    "CNN AFP AP BBC DW RT DPA UPI Reuters رويترز فرانس برس سانا واس وام كونا بترا قنا الأناضول وكالات سبوتنيك شينخوا وفا واع سبأ";
/// Letters of agencies in such brackets.
const INITIALS: [&str; 6] = ["أفب", "افب", "دبأ", "دبا", "أشأ", "أب"];
/// Agencies that stand behind the dash of a dateline without brackets: «دمشق-سانا»; and those that are other words too, and need
/// a dash or a colon behind them.
const BARE_AGENCIES: &str = "سانا رويترز واس وام كونا بترا الأناضول سبوتنيك شينخوا وفا";
const UNSURE_AGENCIES: &str = "قنا واع سبأ وكالات الوكالات";
/// Outlets that name themselves before a place or a writer; and in quotes.
const OUTLETS: &str = "سبق واس الراية عكاظ الوئام متابعات الوكالات وكالات";
const QUOTED_OUTLETS: [&str; 18] = [
    "القدس العربي",
    "الشرق الأوسط",
    "العربي الجديد",
    "رويترز",
    "الوطن",
    "الحياة",
    "الأخبار",
    "النهار",
    "سبق",
    "واس",
    "سانا",
    "الأناضول",
    "الخليج",
    "البيان",
    "الاتحاد",
    "الأهرام",
    "الرأي",
    "الراية",
];
/// Outlets that news quotes or that print themselves into it: «في تصريح لهسبريس».
const PRESS: [&str; 26] = [
    "القدس العربي",
    "الشرق الأوسط",
    "العربي الجديد",
    "هسبريس",
    "عين اليوم",
    "سكاي نيوز عربية",
    "سكاي نيوز",
    "ديلي ميل",
    "أسوشيتد برس",
    "أسوشييتد برس",
    "أسوشيتدبرس",
    "بي بي سي",
    "سي إن إن",
    "العربية.نت",
    "العربية نت",
    "روسيا اليوم",
    "عكاظ",
    "لوموند",
    "الغارديان",
    "نيويورك تايمز",
    "واشنطن بوست",
    "وول ستريت جورنال",
    "فاينانشال تايمز",
    "دويتشه فيله",
    "بلومبرغ",
    "هسبورت",
];
/// Platforms that news quotes what others say on.
const PLATFORMS: &str = "تويتر فيسبوك يوتيوب إنستغرام انستغرام";
/// Words between a platform and the word that says who speaks on it: «على موقع التواصل الاجتماعي».
const SITES: &str = "موقع مواقع شبكة شبكات منصة منصات تطبيق صفحة حساب صفحته حسابه صفحتها حسابها التواصل الاجتماعي الاجتماعية الرسمي الرسمية \
    الشخصي الشخصية الشهير الخاص الخاصة الاتصال و";
/// What stands before a platform that something is said on.
const UPON: &str = "على عبر في خلال ب";
/// What numbers a paragraph.
const NUMBERS: &str = "أولا ثانيا ثالثا رابعا خامسا سادسا سابعا ثامنا تاسعا عاشرا أخيرا";
/// Words before an address that would hang without it.
const ANNOUNCES: &str = "الرابط رابط الموقع موقع موقعها موقعه عبر الإلكتروني الالكتروني التالي الآتي على";
/// Where news is written: a dateline of one of these needs no agency.
const PLACES: &str = "دمشق حلب بيروت القاهرة الرياض جدة عمان بغداد أربيل الدوحة دبي أبوظبي الكويت المنامة مسقط صنعاء عدن غزة رام القدس \
    الخرطوم تونس الجزائر الرباط طرابلس بنغازي نواكشوط لندن باريس واشنطن نيويورك موسكو أنقرة إسطنبول اسطنبول طهران برلين جنيف بروكسل فيينا";
/// What opens a line that has no dateline, whatever dashes and colons follow.
const BREAKING: &str = "عاجل فيديو بالفيديو صور بالصور شاهد خاص حصري مباشر";
/// Verbs that name a speaker, without proclitics: what stands before a colon is then no dateline.
const SAYING: &str = "قال قالت أكد أكدت أعلن أعلنت أضاف أضافت أوضح أوضحت كتب كتبت ذكر ذكرت صرح صرحت تابع تابعت أشار أشارت \
    يقول تقول يؤكد تؤكد يعلن تعلن يضيف تضيف يوضح توضح يكتب تكتب يذكر تذكر يصرح تصرح يتابع تتابع يشير تشير يرى ترى يروي تروي \
    نفى نفت ينفي تنفي نقل نقلت ينقل تنقل حذر حذرت يحذر تحذر دعا دعت يدعو تدعو طالب طالبت اتهم اتهمت كشف كشفت أفاد أفادت هدد هددت \
    رد ردت قائلا قائلة";
/// Verbs that open news behind its writer's name. Not those that open what somebody says as often: «بدأت», «تسعى».
const NEWS: &str = "أعلن أعلنت أكد أكدت أوضح أوضحت كشف كشفت أفاد أفادت ذكر ذكرت قال قالت افتتح افتتحت دشن دشنت استقبل استقبلت بحث بحثت شارك شاركت \
    نظم نظمت ترأس وصل وصلت اختتم اختتمت احتفل احتفلت فاز فازت";
/// What a speaker calls himself and his own.
const OWN: &str = "أنا نحن إنني أنني لأنني";
/// A bracketed agency stands within this many words and marks.
const LONGEST_DATELINE: usize = 14;
/// Words of a dateline without brackets, and of a line that is nothing but a byline.
const LONGEST_BYLINE: usize = 6;
/// Words of a place in a dateline.
const SHORT_PLACE: usize = 3;

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

    /// Length of a dateline: an agency in brackets and a dash ("دبي (CNN) --"), one behind a dash ("دمشق-سانا"), a place and a
    /// dash ("عمان- أعلنت"), or names and a colon ("محمد السيد- سبق- جدة:").
    fn dateline(&self) -> usize {
        if among(BREAKING, self.get(0)) {
            return 0;
        }
        if (self.get(0), self.get(1), self.get(2)) == ("شارك", "من", "خلال") {
            // Share buttons run together with the text: «شارك من خلال تويتر فيسبوك اكتب رأيك».
            return (3..self.words.len().min(LONGEST_DATELINE)).find(|&at| self.get(at) == "رأيك").map_or(0, |at| at + 1);
        }
        let (mut dashes, mut last, mut spoken, mut names) = (0, 0, 0, true);
        for at in 0..self.words.len().min(LONGEST_DATELINE) {
            if self.get(at) == ")" && self.is_dash(at + 1) && self.is_agency(at) {
                return self.behind_marks(at + 1);
            }
            let writer = at == 0 && matches!(self.get(0), "كتب" | "كتبت") && self.is_dash(1);
            if in_list(SAYING, self.get(at)) && !writer {
                return 0;
            }
            names &= !self.has_digit(at);
            let few = names && spoken <= LONGEST_BYLINE;
            if self.get(at) == ":" && few && at > 0 && !self.is_dash(at - 1) && self.is_source(at, dashes, last) {
                return at + 1;
            }
            // Nothing but a place and a dash so far.
            if few && self.is_dash(at) && spoken <= SHORT_PLACE && at > 0 && at == spoken {
                let place = among(PLACES, self.get(0)) || self.get(0) == "عواصم";
                let marked = self.is_dash(at + 2) || self.get(at + 2) == ":";
                let (sure, unsure) = (among(BARE_AGENCIES, self.get(at + 1)), among(UNSURE_AGENCIES, self.get(at + 1)));
                if (sure || unsure) && marked || sure && place {
                    return self.behind_marks(at + 2);
                }
                let tight = self.is_spaced_dash(at) && self.touching(at - 1);
                let apart = (at + 1..at + 9).all(|i| !self.is_dash(i) && self.get(i) != ":");
                if place && tight && apart && !among(PLACES, self.get(at + 1)) {
                    return at + 1;
                }
            }
            spoken += usize::from(!self.words[at].mark);
            if at > 0 && self.is_spaced_dash(at) {
                (dashes, last) = (dashes + 1, at);
            }
        }
        0
    }

    /// Whether it is a place, a day in two calendars and an agency: «أبها 25 شوال 1436 هـ الموافق 10 أغسطس 2015 م واس».
    fn is_dated(&self) -> bool {
        let words = self.words.len();
        words > 0
            && is_bare_agency(self.get(words - 1))
            && words <= LONGEST_DATELINE
            && (0..words).any(|at| self.get(at) == "الموافق")
            && (0..words).any(|at| self.has_digit(at))
    }

    /// Whether it is nothing but the letters of an agency: «و م ع».
    fn is_initials(&self) -> bool {
        let letter = |at: usize| self.words[at].mark || self.get(at).chars().count() == 1 && self.get(at).starts_with(char::is_alphabetic);
        (2..=LONGEST_BYLINE).contains(&self.words.len()) && (0..self.words.len()).all(letter) && self.words.iter().any(|word| !word.mark)
    }

    /// Whether what stands before the colon `at` is no speaker: two dashes, or one that touches the word before it, or a place or
    /// an outlet beside `last`, the last of `dashes`, or an outlet in quotes behind a place or a dash, or a place and a name that
    /// comes once, before what was done.
    fn is_source(&self, at: usize, dashes: usize, last: usize) -> bool {
        let first = self.get(0);
        if last == 1 && (first.chars().count() == 1 || among(NUMBERS, first)) {
            return false;
        }
        let known = |i: usize| among(PLACES, self.get(i)) || among(AGENCIES, self.get(i)) || among(OUTLETS, self.get(i));
        // Two places are a pair: "الجزائر- المغرب: قطيعة".
        let tight = last > 0 && self.touching(last - 1) && !among(PLACES, first);
        let writer = self.is_dash(1) && matches!(first, "كتب" | "كتبت");
        let beside = known(last + 1) && at - last <= 3 || last == 1 && among(OUTLETS, first);
        // «دبي - محمد أحمد: أعلن», but not «القاهرة - حمدين صباحي: أعلنت السلطة الحرب علينا».
        let name = among(PLACES, first) && (dashes, last) == (1, 1) && (4..=6).contains(&at);
        let writes = name && among(NEWS, self.get(at + 1)) && !self.stands_again(at - 1);
        let told = (tight || writes) && !self.speaks_of_own(at + 1);
        dashes > 1 || told || writer || dashes == 1 && beside || self.is_outlet(at - 1) && (dashes == 1 || known(0))
    }

    /// Whether the text has the word `at` elsewhere: its news is about him, who writes it is named once.
    fn stands_again(&self, at: usize) -> bool {
        let name = self.get(at);
        self.text.split(|c: char| !c.is_alphabetic()).filter(|word| *word == name || bare(word) == name).count() > 1
    }

    /// Whether words from `from` on are those of a speaker: «نحن», «خروجنا», «لن نسمح», «سنرد».
    fn speaks_of_own(&self, from: usize) -> bool {
        let ours = |word: &str| word != "هنا" && word.ends_with("نا") && !word.ends_with("انا"); // «بيانا» is a statement
        let will = |word: &str| word.strip_prefix("سن").is_some_and(|rest| rest.chars().count() > 1 && !rest.starts_with(['و', 'ة']));
        let denied = |at: usize| in_list("لن لم", self.get(at)) && self.get(at + 1).starts_with('ن');
        let plain = |at: usize| self.get(at).strip_prefix(['و', 'ف']).unwrap_or(self.get(at));
        (from..self.words.len()).any(|at| in_list(OWN, self.get(at)) || ours(self.get(at)) || will(plain(at)) || denied(at))
    }

    /// Whether the quote that `close` closes holds the name of an outlet.
    fn is_outlet(&self, close: usize) -> bool {
        let Some(open) = (0..close).rev().find(|&i| matches!(self.get(i), "«" | "“" | "\"")) else { return false };
        let inside: Vec<&str> = (open + 1..close).map(|i| self.get(i)).collect();
        matches!(self.get(close), "»" | "”" | "\"") && QUOTED_OUTLETS.contains(&inside.join(" ").as_str())
    }

    /// The first word from `at` on that is neither a dash nor a colon.
    fn behind_marks(&self, at: usize) -> usize {
        (at..self.words.len()).find(|&i| !self.is_dash(i) && self.get(i) != ":").unwrap_or(self.words.len())
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

    /// Whether the bracket that closes `at` holds nothing but news agencies.
    fn is_agency(&self, at: usize) -> bool {
        let Some(open) = (0..at).rev().find(|&i| self.get(i) == "(") else { return false };
        let inside: Vec<usize> = (open + 1..at).filter(|&i| !self.words[i].mark || self.is_comma(i)).collect();
        let agency = |part: &[usize]| {
            let word = |&i: &usize| self.get(i);
            let initials: String = part.iter().map(word).collect();
            !part.is_empty() && (part.iter().map(word).all(|word| among(AGENCIES, word)) || INITIALS.contains(&initials.as_str()))
        };
        inside.split(|&i| self.is_comma(i)).all(agency)
    }

    /// Where a day that starts `at` ends, such as "مساء يوم الجمعة الماضي", and how many words name it.
    fn day(&self, at: usize) -> Option<(usize, usize)> {
        let is = |i: usize, set: &[&str]| set.contains(&self.get(i));
        let mut end = at;
        while is(end, &PARTS_OF_DAY) {
            end += 1;
        }
        let near = is(end, &NEAR_DAYS);
        end += usize::from(near);
        let weekday = is(end, &WEEKDAYS);
        end += usize::from(weekday);
        let named = end - at;
        (near || weekday).then(|| (end + usize::from(is(end, &WHICH)), named))
    }

    /// A day starting `at` that can go, with the comma behind it.
    fn spare_day(&self, at: usize) -> Option<Range<usize>> {
        let (end, named) = self.day(at)?;
        let before = at.checked_sub(1)?;
        let opened = self.is_comma(before);
        let closed = self.is_comma(end);
        let next = end + usize::from(closed);
        // Something must follow, and neither a bracket nor a dash nor a number may hold the day.
        let loose = self.words.get(next).is_some_and(|word| !word.mark) && (opened || !self.words[before].mark);
        let listed = |i: usize| WEEKDAYS.iter().any(|day| self.get(i).ends_with(day));
        let list = (next..next + 2).any(listed) || opened && before > 0 && listed(before - 1);
        // "corresponding to", "the seventh of March": a date goes on.
        let dated = matches!(self.get(next), "الموافق" | "المصادف") || among(ORDINALS, self.get(next)) && self.get(next + 1) == "من";
        if !loose || list || dated || in_list(HOLD, self.get(before)) || (next..next + 2).any(|i| self.has_digit(i)) {
            return None;
        }
        let said = THAT.contains(&self.get(next)) && self.get(at) != "اليوم" && !HOMOGRAPHS.contains(&self.get(at));
        // What an article follows may belong to the noun before the day: "elections last Sunday that".
        let past = self.get(end - 1) == "الماضي" || NEAR_DAYS.contains(&self.get(at)) && named > 1;
        let past = past && !self.get(next).starts_with("ال");
        ((opened && closed) || said || past).then_some(at..next)
    }
}

/// How many words of a sentence of `text` are its dateline.
pub fn dateline(text: &str, words: &[Word]) -> usize {
    Words { text, words }.dateline()
}

/// Whether a word is an agency that stands in datelines without brackets.
fn is_bare_agency(word: &str) -> bool {
    among(BARE_AGENCIES, word) || among(UNSURE_AGENCIES, word)
}

/// Whether a name is that of a news agency or of an outlet that news quotes.
pub fn is_press(name: &str) -> bool {
    let own = name.strip_prefix("وكالة ").or_else(|| name.strip_prefix("صحيفة ")).unwrap_or(name);
    let letters: String = own.chars().filter(|c| c.is_alphabetic()).collect();
    let news = own.len() < name.len() && ["الأنباء", "أنباء", "للأنباء"].iter().any(|word| own.split(' ').any(|other| other == *word));
    // By itself «الاتحاد» is a club.
    let newspaper = own.len() < name.len() && QUOTED_OUTLETS.contains(&own);
    let listed = among(AGENCIES, own) || is_bare_agency(own) || own == "فرانس برس" || PRESS.contains(&own) || newspaper;
    listed || INITIALS.contains(&letters.as_str()) || news
}

/// Whether a name is that of a platform and no more: «موقع تويتر», but not «شركة تويتر».
pub fn is_platform(name: &str) -> bool {
    let mut words = name.rsplit(' ');
    words.next().is_some_and(|last| among(PLATFORMS, last)) && words.all(|word| among(SITES, word))
}

/// Platforms (as indices of `words`, a sentence of `text`) that something is said on, with the words that say so: «على حسابه في
/// "تويتر"». What the platforms do or suffer is no part of it.
pub fn mediums(text: &str, words: &[Word]) -> Vec<Range<usize>> {
    let sentence = Words { text, words };
    let site = |at: usize| in_list(PLATFORMS, sentence.get(at)) || in_list(SITES, sentence.get(at));
    let joined = |at: usize| sentence.get(at).trim_start_matches('و').starts_with('ب') && site(at); // «بموقع»
    let upon = |at: usize| in_list(UPON, sentence.get(at)) || joined(at);
    let passed = |at: usize| words[at].mark && sentence.get(at) != ":" || site(at);
    let start = |at: usize| (0..=at).rev().find(|&i| upon(i) || !passed(i)).filter(|&i| upon(i));
    (0..words.len()).filter(|&at| in_list(PLATFORMS, sentence.get(at))).filter_map(|at| Some(start(at)?..at + 1)).collect()
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
    let narrowed = (0..words.len()).any(|i| in_list(NARROWED, sentence.get(i)));
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

/// Whether a line names writer, outlet or place alone: "لجين الأحمدي – متابعات", "دمشق-سانا", "بيروت: «الشرق الأوسط»".
pub fn is_byline(text: &str, words: &[Word]) -> bool {
    let sentence = Words { text, words };
    let spoken = words.iter().filter(|w| !w.mark).count();
    let agency = |at: usize| is_bare_agency(sentence.get(at - 1)) || is_bare_agency(sentence.get(at + 1));
    let dash = (1..words.len()).any(|at| sentence.is_spaced_dash(at) || sentence.is_dash(at) && agency(at));
    let place = among(PLACES, sentence.get(0));
    let opened = (1..words.len()).find(|&at| sentence.get(at) != ":").is_some_and(|at| sentence.get(at) == "«");
    let outlet = place && opened && sentence.is_outlet(words.len() - 1);
    let colon = |at: usize| sentence.get(at) == ":" && (at + 1 == words.len() || at == 1 && place);
    let plain = |at: usize| !words[at].mark || sentence.is_dash(at) || "()«»".contains(sentence.get(at)) || colon(at);
    let names = spoken <= LONGEST_BYLINE && (dash || outlet) && (0..words.len()).all(|at| plain(at) && !sentence.has_digit(at));
    names || sentence.is_dated() || sentence.is_initials()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::words;

    /// The parts that are left, as a summary joins them.
    fn kept(text: &str) -> String {
        let found = words(text);
        let left = asides(text, &found);
        let starts = left.iter().map(|range| range.end).chain((left.first().is_none_or(|r| r.start > 0)).then_some(0));
        let mut starts: Vec<usize> = starts.filter(|&at| at < found.len()).collect();
        starts.sort_unstable();
        let end = |at: usize| left.iter().map(|range| range.start).find(|&start| start > at).unwrap_or(found.len());
        starts.into_iter().map(|at| &text[found[at].start..found[end(at) - 1].end]).collect::<Vec<_>>().join(" ")
    }

    fn stay(texts: &[&str]) {
        for text in texts {
            assert_eq!(kept(text), *text);
        }
    }

    #[test]
    fn datelines_go() {
        assert_eq!(kept("دبي، الإمارات العربية المتحدة (CNN)-- نفى الحزب ما نشر عنه."), "نفى الحزب ما نشر عنه.");
        assert_eq!(kept("(CNN) – فارقت سيدة الحياة في المدينة الجديدة"), "فارقت سيدة الحياة في المدينة الجديدة");
        assert_eq!(kept("محمد السيد- سبق- جدة: كشف حساب الإمارة عن الموعد"), "كشف حساب الإمارة عن الموعد");
        assert_eq!(kept("بيروت (أ.ف.ب) - انسحب الجيش من البلدة القديمة"), "انسحب الجيش من البلدة القديمة");
        assert_eq!(kept("دبي (CNN)-- الأربعاء، أعلنت الوزارة عن الحادث"), "الأربعاء، أعلنت الوزارة عن الحادث");
        for dateline in [
            "دمشق-سانا",
            "دمشق -سانا-",
            "عمان 12 آذار (بترا)-",
            "الكويت - 12 - 3 (كونا) --",
            "غزة (ا ف ب) -",
            "باريس (أ ف ب، رويترز) -",
            "كتب - أحمد محمد:",
            "عمان-",
            "دمشق «القدس العربي»:",
            "أحمد علي - دمشق:",
            "سبق- المدينة:",
            "محمد البقمي- سبق:",
            "سبق - نجران:",
            "الدوحة - الراية:",
            "رام الله - وفا-",
            "عواصم - وكالات -",
            "غزة - «القدس العربي»:",
            "القاهرة «الخليج»:",
            "دبي - محمد أبو عرب:",
        ] {
            assert_eq!(kept(&format!("{dateline} أعلنت الوزارة فتح الطريق")), "أعلنت الوزارة فتح الطريق", "{dateline}");
        }
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

    #[test]
    fn speakers_scores_and_brackets_are_no_datelines() {
        stay(&[
            "قال الوزير (وهو طبيب) إن الوباء انتهى في البلاد",
            "قال الوزير (وهو طبيب) - ومعه آخرون - إن الوباء انتهى",
            "ترامب: سنبقى في سوريا عاما آخر على الأقل",
            "فاز الفريق 3-1: هذا ما جرى أمام الجمهور",
            "مون جيه-إن: سنواصل الحوار مع بيونغ يانغ",
            "وقال زيدان عقب فوز الريال 3 - 1 على خيتافي: الفريق بحال جيد",
            "وقال الرئيس التركي - في خطاب بأنقرة -: إن بلاده لن تنسحب",
            "1 - أمانة العاصمة المقدسة: الموافقة على نزع الملكيات",
            "فاز الهلال على النصر (2-1) - ضمن الجولة العاشرة من الدوري",
            "تنص المادة (5) - من الدستور على أن الشعب مصدر السلطات",
            "حذرت منظمة الصحة العالمية (WHO) - في تقرير لها - من الوباء",
            "قالت النزيلة (غ،ع) - 27 عاما - إن الطعام كان جيدا",
            "عاجل - وزير الدفاع الإسرائيلي: سنضرب كل مكان في غزة",
            "وزير الخارجية الأردني - أيمن الصفدي: نرفض التهجير",
            "بوتين - في موسكو: أوكرانيا قصفت المحطة أمس",
            "يقول إبراهيم طه - بائع في السوق: إن الإقبال ضعيف",
            "«أبو محمد»: سنبقى في المدينة حتى النصر",
            "دمشق - طهران.. علاقات تتبدل بعد الحرب",
            "طرطوس-اللاذقية طريق طويل بلا إنارة ليلا",
            "طريق سوهاج - قنا يحصد أرواح خمسة مواطنين",
            "دمشق - وليد المعلم: سنرد على العدوان بكل قوة",
            "نقابة الصحفيين - وكالات الأنباء الأجنبية تمتنع عن التغطية",
            "واشنطن- الحليف الأكبر لإسرائيل- تعارض اجتياح رفح بريا",
            "الجزائر- المغرب: قطيعة دبلوماسية تدخل عامها الخامس",
            "بيروت «حزب الله»: لن نسلم السلاح أبدا لأحد",
            "نفت موسكو (سبوتنيك) - أن تكون قواتها قد قصفت المستشفى",
            "عملنا (معا) - رغم الخلاف - على إعادة بناء المدينة",
            "أولا- حقيقة الإخلاص: أن يكون العمل لله وحده",
            "أ- القوميون: وهم الذين حكموا البلاد عقودا",
            "القاهرة - حمدين صباحي: بدأت الثورة المضادة منذ اليوم الأول",
            "موسكو - سيرغي لافروف: تسعى واشنطن إلى تفكيك سوريا",
            "لندن - بوريس جونسون: أعلنت بروكسل الحرب على بلادنا",
            "لندن - بوريس جونسون: أعلنت بروكسل الحرب ونحن لها",
            "لندن - بوريس جونسون: أعلنت بروكسل الحرب وسنرد عليها",
            "نابلس- محمد اشتية: إسرائيل لن تنجح ولن نسمح لها",
            "القاهرة - حمدين صباحي: أعلنت السلطة الحرب على الفقراء. ودعا صباحي إلى التظاهر",
        ]);
    }

    #[test]
    fn days_that_are_set_off_go() {
        assert_eq!(kept("أعلن البيت الأبيض، الأربعاء، أن الرئيس سيسافر"), "أعلن البيت الأبيض، أن الرئيس سيسافر");
        assert_eq!(kept("قال الوزير الثلاثاء إن القوات انسحبت من المدينة"), "قال الوزير إن القوات انسحبت من المدينة");
        assert_eq!(kept("قتل خمسة جنود في هجوم مساء يوم الجمعة الماضي في حلب"), "قتل خمسة جنود في هجوم مساء يوم الجمعة الماضي في حلب");
        assert_eq!(kept("قتل خمسة جنود بالقذائف مساء يوم الجمعة الماضي في حلب"), "قتل خمسة جنود بالقذائف في حلب");
        assert_eq!(kept("وصل الوفد الروسي اليوم الأحد إلى مطار دمشق."), "وصل الوفد الروسي إلى مطار دمشق.");
        assert_eq!(kept("أعلنت مصادر سورية الأربعاء، أن المسلحين انسحبوا"), "أعلنت مصادر سورية أن المسلحين انسحبوا");
    }

    #[test]
    fn days_that_say_something_stay() {
        stay(&[
            "بدأت الهدنة منذ يوم الجمعة الماضي في الغوطة الشرقية",
            "ومنذ يوم الأربعاء الماضي، تطالب المعارضة بالتحقيق",
            "يستمر المعرض من السبت وحتى يوم الثلاثاء المقبل في مقر الوزارة",
            "أدى المصلون صلاة الجمعة في المسجد الأقصى المبارك",
            "استعد الفريق لمباراة الأحد الماضي في الملعب الكبير",
            "يعقد المؤتمر يوم الأحد 12 مارس في جنيف بحضور الوزراء",
            "تتوقف الرحلات يوم السبت والأحد من كل أسبوع هذا العام",
            "نشرت صحيفة اليوم أن الوزير استقال من منصبه",
            "ذكرت قناة روسيا اليوم أن الطائرة سقطت في البحر",
            "قال عبدالعزيز الخميس إن المعرض يفتح أبوابه قريبا",
            "لن يسافر الوفد، الأحد، إلى جنيف للمشاركة في المحادثات",
            "لا تفتح المحكمة أبوابها إلا الأحد من كل أسبوع",
            "يصل الوفد السبت أو الأحد إلى القاهرة في زيارة رسمية",
            "أعلنت الداخلية الكويتية، اليوم (الخميس)، عن ضبط شبكة",
            "تغادر يوم غد -الاثنين- بعثة المنتخب إلى الدوحة",
            "أعلنت السعودية أن الثلاثاء غرة شهر رمضان المبارك",
            "وصل الوفد الروسي إلى مطار دمشق اليوم الأحد.",
            "هل يلتقي ترامب وبوتين في هلسنكي الاثنين؟",
            "وتجذب المتاجر يوم الجمعة السوداء ملايين المتسوقين",
            "قال اليوم الوزير ما قاله في العام الماضي مرارا",
            "فاز الحزب في انتخابات الأحد الماضي التي شهدت إقبالا",
            "خرج الناس إلى مظاهرات يوم الجمعة الماضي الحاشدة في المدينة",
            "وصل الوفد الروسي اليوم الخميس الموافق لعيد الاستقلال إلى دمشق",
            "يقام المعرض أيام الخميس، الجمعة، السبت، بمشاركة دولية واسعة",
            "صادف يوم الأحد الماضي ذكرى رحيل الشاعر في بلدته",
            "وصل الوفد، اليوم الخميس، السابع من آذار، إلى دمشق في زيارة",
        ]);
    }

    #[test]
    fn platforms_that_something_is_said_on() {
        let found = |text: &str| -> Vec<String> {
            let own = words(text);
            mediums(text, &own).into_iter().map(|range| text[own[range.start].start..own[range.end - 1].end].to_string()).collect()
        };
        for medium in ["على تويتر", "وفي موقع \"تويتر", "بموقع التواصل الاجتماعي، «فيسبوك", "عبر منصة و\"يوتيوب", "بتويتر"]
        {
            assert_eq!(found(&format!("كتب الوزير {medium} أمس")), [medium]);
        }
        assert_eq!(found("نشر على فيسبوك وتويتر"), ["على فيسبوك", "على فيسبوك وتويتر"]);
        for subject in ["أعلنت فيسبوك الإغلاق", "حظر موقع تويتر الوزير", "وعلى شركة تويتر", "كتب على حسابه: تويتر تنهار"]
        {
            assert!(found(subject).is_empty(), "{subject}");
        }
    }

    #[test]
    fn bylines() {
        for text in ["لجين الأحمدي – متابعات", "عين اليوم – أنقرة", "محمد الغشام - عين اليوم", "نيويورك-سانا", "بيروت: «الشرق الأوسط»"]
        {
            assert!(is_byline(text, &words(text)), "{text}");
        }
        for text in [
            "فاز الهلال على النصر.",
            "انتصار كبير",
            "الهلال يهزم النصر 3-1",
            "الهلال يهزم النصر 3 - 1",
            "أعلنت الوزارة، في بيان - نشر على موقعها - أنها ستعاقب المخالفين",
            "بغداد تدين «العدوان الإسرائيلي»",
            "غزة - حماس: لا تفاوض الآن",
            "العلاقة اللبنانية - الفلسطينية: عود على بدء",
        ] {
            assert!(!is_byline(text, &words(text)), "{text}");
        }
    }
}
