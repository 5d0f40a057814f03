//! Lines of a scraped page that are not the article: share buttons, related links, captions, forms.

use regex::Regex;
use std::sync::OnceLock;

/// Whatever stands at the start of such a line.
const OPENINGS: &str = "(اقر[أا] (أيضا|ايضا|المزيد|كذلك|في)|إقر[أا] (أيضا|ايضا|المزيد)|شاهد (أيضا|ايضا|الفيديو|بالفيديو|المزيد)|\
طالع (أيضا|ايضا)|للمزيد|لمزيد من (الأخبار|التفاصيل)|المزيد من|تابعونا|تابعنا|تابع(وا)? (أخبار|آخر|كل)|انضم(وا)? إلى|اشترك|للاشتراك|\
شارك(ها|وا|نا)?( هذا| هذه| الخبر| المقال|$)|مشاركة|انشر|أرسل|ارسل|طباعة|حفظ|نسخ الرابط|رابط مختصر|التعليقات|أضف تعليق|اضف تعليق|\
اكتب تعليق|أكتب تعليق|لا توجد تعليقات|لا يوجد تعليقات|تعليقات|البريد الإلكتروني|بريدك|الاسم|جميع الحقوق|حقوق (النشر|الطبع)|©|\
مواضيع (ذات صلة|متعلقة)|مقالات ذات صلة|أخبار (ذات صلة|متعلقة)|موضوعات (ذات صلة|متعلقة)|ذات صلة|روابط ذات صلة|الأكثر (قراءة|مشاهدة|تعليقا|تداولا)|\
كلمات (مفتاحية|دلالية|البحث)|وسوم|الوسوم|تصوير|صورة|أرشيف|ارشيف|الصورة|مصدر الصورة|تعليق على الصورة|التعليق على الصورة|حمل(وا)? (التطبيق|تطبيق)|\
فيسبوك|تويتر|واتساب|واتس اب|تلغرام|تيليغرام|إنستغرام|انستغرام|يوتيوب|Facebook|Twitter|WhatsApp|Telegram|Tweet|Share|Email|http|www\\.)";

/// Whatever such a line holds anywhere, when it is short.
const INSIDE: &str =
    "(أرشيفية|ارشيفية|\\(أرشيف\\)|\\(ارشيف\\)|جميع الحقوق محفوظة|اضغط هنا|انقر هنا|إضغط هنا|على الرابط|اقرأ أيضا|Getty|AFP/|AP Photo|غيتي)";

const SHORT: usize = 16;

fn patterns() -> &'static (Regex, Regex) {
    static SET: OnceLock<(Regex, Regex)> = OnceLock::new();
    SET.get_or_init(|| {
        let compile = |pattern: &str| Regex::new(pattern).expect("a fixed pattern");
        (compile(&format!("^[\\s\\p{{P}}\\p{{S}}]*{OPENINGS}")), compile(INSIDE))
    })
}

/// Whether a sentence of normalised text with this many words (marks left out) looks like page furniture.
pub fn is_boilerplate(sentence: &str, words: usize) -> bool {
    let (opening, inside) = patterns();
    let letters = sentence.chars().filter(|c| c.is_alphabetic()).count();
    letters == 0 || (words <= SHORT && (opening.is_match(sentence) || inside.is_match(sentence)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn page_furniture_and_news() {
        for line in ["اقرأ أيضا: غارات على الغوطة", "شارك", "تابعونا على تويتر", "- الأكثر قراءة", "***", "صورة أرشيفية لمطار حلب"]
        {
            assert!(is_boilerplate(line, 5), "{line}");
        }
        for line in ["شارك الرئيس في القمة العربية أمس", "قال الوزير إن بلاده ستشارك", "اشتبك الجيش مع مسلحين"]
        {
            assert!(!is_boilerplate(line, 6), "{line}");
        }
        assert!(!is_boilerplate("اقرأ أيضا وهذا كلام طويل", 40), "a long sentence is the article's own");
    }
}
