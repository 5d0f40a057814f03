//! Datelines before the first sentence, and lines that are a byline alone.

use super::press::{AGENCIES, BARE_AGENCIES, INITIALS, QUOTED_OUTLETS, UNSURE_AGENCIES, is_bare_agency};
use super::{bare, in_list};
use crate::text::words::{Word, Words, among};

/// Outlets that name themselves before a place or a writer; and in quotes.
const OUTLETS: &str = "سبق واس الراية عكاظ الوئام متابعات الوكالات وكالات";
/// What numbers a paragraph.
const NUMBERS: &str = "أولا ثانيا ثالثا رابعا خامسا سادسا سابعا ثامنا تاسعا عاشرا أخيرا";
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
    نظم نظمت ترأس تمكن تمكنت وصل وصلت اختتم اختتمت احتفل احتفلت فاز فازت";
/// What a speaker calls himself and his own.
const OWN: &str = "أنا نحن إنني أنني لأنني";
/// A bracketed agency stands within this many words and marks.
const LONGEST_DATELINE: usize = 14;
/// Words of a dateline without brackets, and of a line that is nothing but a byline.
const LONGEST_BYLINE: usize = 6;
/// Words of a place in a dateline.
const SHORT_PLACE: usize = 3;

impl Words<'_> {
    /// Length of a dateline: an agency in brackets and a dash ("دبي (CNN) --"), one behind a dash ("دمشق-سانا"), a place and a
    /// dash ("عمان- أعلنت"), or names and a colon ("محمد السيد- سبق- جدة:").
    pub(super) fn dateline(&self) -> usize {
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
            if self.get(at) == ":" && few && at > 0 && !self.is_dash(at - 1) && (self.is_source(at, dashes, last) || self.is_signed(at)) {
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
                let told = at == 1 && self.is_spaced_dash(at) && among(NEWS, self.get(at + 1));
                if place && (tight || told) && apart && !among(PLACES, self.get(at + 1)) {
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

    /// Whether an outlet with dashes that touch it stands before the colon `at`: «سمير حداد-سبق-الرياض:».
    fn is_signed(&self, at: usize) -> bool {
        let tight = |i: usize| self.is_dash(i) && self.touching(i);
        (0..at).any(|i| among(OUTLETS, self.get(i)) && tight(i + 1) && (i == 0 || tight(i - 1)))
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
}

/// How many words of a sentence of `text` are its dateline.
pub fn dateline(text: &str, words: &[Word]) -> usize {
    Words { text, words }.dateline()
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
    use super::super::tests::{kept, stay};
    use super::*;
    use crate::text::words;

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
            "سبق-جازان:",
            "سمير حداد-سبق-الرياض:",
            "الرباط –",
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
            "طهران - واشنطن-موسكو: مثلث لا تكتمل أضلاعه",
            "القاهرة – مدينة لا تنام أبدا كما يقولون",
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
