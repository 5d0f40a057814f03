//! Lines of a scraped page that are not the article: share buttons, related links, captions, forms.

use regex::Regex;
use std::sync::OnceLock;

/// Whatever stands at the start of such a line.
const OPENINGS: &str = "([اأ]قر[أا](/ي|ي|وا)? (أيضا|ايضا|المزيد|كذلك)|إقر[أا] (أيضا|ايضا|المزيد)|شاهد (أيضا|ايضا|الفيديو|بالفيديو|المزيد)|\
طالع (أيضا|ايضا)|للمزيد( من (الأخبار|التفاصيل|المعلومات)| اضغط| انقر|\\s*:|$)|لمزيد من (الأخبار|التفاصيل)|تابعونا|تابعنا|تابع(وا)? (أخبار|آخر|كل (جديد|الأخبار|ما))|للاشتراك|\
شارك(ها|وا|نا)?( هذا (الخبر|المقال|الموضوع|التقرير)| هذه (الصفحة|المقالة|المادة)| الخبر| المقال|$)|نسخ الرابط|رابط مختصر|رابط (الخبر|المقال|التقرير)|أضف تعليق|اضف تعليق|اكتب تعليق|أكتب تعليق|لا توجد تعليقات|\
لا يوجد تعليقات|جميع الحقوق|مواضيع (ذات صلة|متعلقة)|مقالات ذات صلة|أخبار (ذات صلة|متعلقة)|موضوعات (ذات صلة|متعلقة)|ذات صلة|\
روابط ذات صلة|الأكثر (قراءة|مشاهدة|تعليقا|تداولا)|كلمات (مفتاحية|دلالية|البحث)|مصدر الصورة|صدر الصورة|تخطى .{0,40}وواصل القراءة|تخطى (يوتيوب|تويتر|فيسبوك|إكس|X) مشاركة|قصص مقترحة|مدة القراءة|Article [Ii]nformation|(Author|Role),|تعليق على الصورة|التعليق على الصورة|\
حمل(وا)? (التطبيق|تطبيق\\p{L}*))(\\P{L}|$)|©|http|www\\.";

/// Whatever stands at the start of such a line of any length.
const SURE: &str = "رابط الخبر بصحيفة|مقالات أخرى للكاتب|//\\s*انتهى|\\*+\\s*(نقلا عن[^:]*$|جميع المقالات)";

/// Whatever such a line holds anywhere, of any length: whose opinion it is, or nothing but tags.
const ANYWHERE: &str = "(الآراء|الاراء|آراء)[^.]{0,90}لا (تعكس|تعبر|تمثل)[^.]{0,20} بالضرورة|^(\\s*#[\\p{L}\\p{N}_]+)+\\s*$";

/// Words that stand at the start of such a line and of many a sentence: only a very short line, or one with a colon
/// behind them, is page furniture.
const LABELS: &str = "(اقر[أا] في|المزيد من|انضم(وا)? إلى|اشترك(وا)?|مشاركة|انشر|أرسل|ارسل|طباعة|حفظ|التعليقات|تعليقات|البريد الإلكتروني|بريدك|\
الاسم|حقوق (النشر|الطبع)|وسوم|الوسوم|سمات|تصوير|صورة|أرشيف|ارشيف|الصورة|فيسبوك|تويتر|واتساب|واتس اب|تلغرام|تيليغرام|إنستغرام|انستغرام|\
يوتيوب|Facebook|Twitter|WhatsApp|Telegram|Tweet|Share|Email)";

/// Whatever such a line holds anywhere, when it is short.
const INSIDE: &str =
    "(أرشيفية|ارشيفية|\\(أرشيف\\)|\\(ارشيف\\)|جميع الحقوق محفوظة|اضغط هنا|انقر هنا|إضغط هنا|على الرابط|اقرأ أيضا|Getty|AFP/|AP Photo|غيتي)";

const SHORT: usize = 16;
const VERY_SHORT: usize = 4;

struct Patterns {
    sure: Regex,
    anywhere: Regex,
    opening: Regex,
    label: Regex,
    label_with_colon: Regex,
    inside: Regex,
}

fn patterns() -> &'static Patterns {
    static SET: OnceLock<Patterns> = OnceLock::new();
    SET.get_or_init(|| {
        let compile = |pattern: &str| Regex::new(pattern).expect("a fixed pattern");
        let opening = |pattern: &str| compile(&format!("^[\\s\\p{{P}}\\p{{S}}]*({pattern})"));
        Patterns {
            sure: compile(&format!("^\\s*({SURE})")),
            anywhere: compile(ANYWHERE),
            opening: opening(OPENINGS),
            label: opening(&format!("{LABELS}(\\P{{L}}|$)")),
            label_with_colon: opening(&format!("{LABELS}\\s*:")),
            inside: compile(INSIDE),
        }
    })
}

/// Whether a sentence of normalised text with this many words (marks left out) looks like page furniture.
pub fn is_boilerplate(sentence: &str, words: usize) -> bool {
    let found = patterns();
    let furniture = || {
        found.opening.is_match(sentence)
            || found.label_with_colon.is_match(sentence)
            || (words <= VERY_SHORT && found.label.is_match(sentence))
            || found.inside.is_match(sentence)
    };
    !sentence.chars().any(char::is_alphabetic)
        || (words <= SHORT && furniture())
        || found.sure.is_match(sentence)
        || found.anywhere.is_match(sentence)
}

/// Whether the last sentence of an article is a list of its tags: «سمات سوريا الأمم المتحدة».
pub fn is_tags(sentence: &str) -> bool {
    sentence.starts_with("سمات ") && !sentence.ends_with(['.', '؟', '!', '»', '"', '”'])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn page_furniture_and_news() {
        for line in [
            "اقرأ أيضا: غارات على الغوطة",
            "* نقلا عن \"الرياض\" السعودية",
            "شارك",
            "تابعونا على تويتر",
            "- الأكثر قراءة",
            "***",
            "صورة أرشيفية لمطار حلب",
            "اقرأ/ي أيضا: غارات",
            "للمزيد: غارات على الغوطة",
            "تخطى قصص مقترحة وواصل القراءة",
            "// انتهى // 12:30 ت م",
        ] {
            assert!(is_boilerplate(line, 5), "{line}");
        }
        for line in ["صورة: رويترز", "فيسبوك تويتر واتساب", "المزيد من الأخبار", "المصور: صورة أرشيفية", "حمل تطبيقنا ليصلك كل جديد"]
        {
            assert!(is_boilerplate(line, line.split(' ').count()), "{line}");
        }
        for line in [
            "شارك الرئيس في القمة العربية أمس",
            "شارك هذا العام ثلاثون ألف حاج",
            "تابع كل من الرئيسين المباراة",
            "تخطى الهلال عقبة النصر وضمن أول مشاركة له",
            "للمزيد من الضغط على إيران أرسلت واشنطن سفنا",
            "قال الوزير إن بلاده ستشارك",
            "اشتبك الجيش مع مسلحين",
            "أرسلت روسيا قوات جديدة إلى سوريا.",
            "* نقلا عن مسؤول أميركي: واشنطن تدرس توجيه ضربة",
            "حفظت النيابة التحقيق في مقتل الصحافي.",
            "تويتر تحظر حساب الرئيس الأميركي السابق",
            "المزيد من القتلى سقطوا في قصف على غزة.",
        ] {
            assert!(!is_boilerplate(line, line.split(' ').count()), "{line}");
        }
        assert!(!is_boilerplate("اقرأ أيضا وهذا كلام طويل", 40), "a long sentence is the article's own");
        assert!(is_boilerplate("رابط الخبر بصحيفة الوئام: عنوان الخبر مرة أخرى", 40), "but for what only pages say");
        let opinion = "هذا المقال بقلم الكاتبة سلمى، وتعمل في مجال التعليم منذ سنوات طويلة، والآراء الواردة أدناه تعبر عن رأيها ولا تعكس بالضرورة وجهة نظر الموقع.";
        assert!(is_boilerplate(opinion, 23) && is_boilerplate("#سوريا #الغوطة_الشرقية", 3));
        assert!(!is_boilerplate("#سوريا تحت القصف", 3) && !is_boilerplate("قال إن آراء الناخبين لا تتغير بالضرورة في يوم واحد.", 10));
        assert!(is_tags("سمات سوريا الأمم المتحدة") && !is_tags("سمات القائد الناجح كثيرة."));
    }
}
