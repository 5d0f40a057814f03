//! Proclitics: the form of a name without the و ف ب ل ك that are written onto it.

use super::words::among;
use std::collections::HashSet;
use std::sync::OnceLock;

/// Common names, so that "بسوريا" loses its ب and "بغداد" keeps it.
const KNOWN: &str = include_str!("known_names.txt");

/// Nouns that names of bodies and places begin with, no names by themselves nor with the article: «الحكومة».
const GENERIC: &str = "وزارة مجلس منظمة وكالة حركة جامعة محافظة ولاية حزب هيئة لجنة لواء قناة جماعة حكومة قوات شركة نادي إمارة بنك مؤسسة صحيفة \
    محكمة كتيبة كتلة كلية فصائل فرقة فيلق بلدية برنامج منطقة ثانوية إدارة مجموعة مطار ميناء سوق فريق جمعية دولة قرية حي شارع \
    مستشفى جبل جبال نهر مضيق معبر بلدة قضاء ناحية حقل ملعب استاد متحف مسجد جامع مركز معهد مدرسة قطاع إقليم شرطة معتمدية أمانة \
    تنظيم ميليشيا مليشيا ميليشيات مليشيات نقابة نيابة مهرجان معرض بطولة دوري مكتب صندوق جريدة قاعة تلفزيون";
/// Those that are names with the article: a channel, a newspaper, clubs, countries that call themselves so.
const NAMED: &str = "جمهورية مملكة مدينة اتحاد وحدة وحدات كتائب كنيسة برلمان مديرية جزيرة سد قصر منتخب مخيم جيش بحر رئاسة رابطة شبكة مجلة دائرة \
    كأس قاعدة جبهة دار تحالف قوى جهاز ساحة ريف حلف سلاح محطة بورصة هضبة برج بحيرة مجمع غرفة مكتبة سجن ألوية مفوضية \
    بوابة طريق جسر مرصد سفارة دوار أكاديمية حرس منتجع سرايا إذاعة ديوان ضريح";

const CLITICS: [char; 5] = ['و', 'ف', 'ب', 'ل', 'ك'];

/// Words with ل that bodies and peoples are called by, behind an article.
const LAM: &str =
    "لجنة لجان لواء لغة لقاء لاعب لاعبين لاجئين لبناني لبنانية لبنانيين لبنانيون ليبي ليبية ليبيين ليبيون ليكود ليغا لوفر لوبي ليرة لاتينية";

/// Whether a word is nothing but proclitics.
pub fn is_proclitic(word: &str) -> bool {
    word.chars().count() < 3 && word.chars().all(|c| CLITICS.contains(&c))
}

fn known() -> &'static HashSet<&'static str> {
    static SET: OnceLock<HashSet<&'static str>> = OnceLock::new();
    SET.get_or_init(|| {
        KNOWN
            .lines()
            .filter(|l| !l.is_empty() && !l.starts_with('#'))
            .chain(GENERIC.split_whitespace())
            .chain(NAMED.split_whitespace())
            .collect()
    })
}

/// Whether a word is known to be a name, or to begin one, as it is.
pub fn is_known(word: &str) -> bool {
    known().contains(word)
}

/// Whether a word is known to be the name of a place.
pub fn is_place(word: &str) -> bool {
    static SET: OnceLock<HashSet<&'static str>> = OnceLock::new();
    SET.get_or_init(|| KNOWN.lines().skip(1).take_while(|line| !line.starts_with('#')).collect()).contains(word)
}

/// Places whose names are other words, adjectives or clubs as well: «الرباط الصليبي», «الظروف القاهرة».
const MISTAKABLE: &str = "المدينة جنوب الولايات مالي صور تدمر مسقط حماة حمص حلب السعودية سورية المغرب مصر قطر جدة مكة فاس برشلونة ليفربول الحديدة الرقة \
    الخليل الموصل القاهرة مأرب درعا الرمادي جنين كابل الرباط تعز";

/// Whether a word is the name of a place wherever it stands.
pub fn is_unmistakable(word: &str) -> bool {
    is_place(word) && !among(MISTAKABLE, word)
}

/// Whether a word without proclitics is a noun that names begin with, and no name: «محافظة».
pub fn is_generic(word: &str) -> bool {
    among(GENERIC, word) || among(NAMED, word)
}

/// Whether a word without proclitics is such a noun with the article, which is no name either: «الحكومة».
pub fn is_definite(word: &str) -> bool {
    word.strip_prefix("ال").is_some_and(|noun| among(GENERIC, noun))
}

/// `first` without the و of a list, where it is the first word of a name behind another: no name that is known begins so.
pub fn unlisted(first: &str) -> &str {
    let own = |rest: &str| {
        let mut letters = rest.chars();
        // «ويندسور» is no «يندسور», «ويوسف» is «يوسف».
        let foreign = letters.next() == Some('ي') && !letters.next().is_some_and(|c| "اوأ".contains(c));
        rest.chars().count() >= 3 && !is_known(first) && (!foreign || is_known(rest))
    };
    first.strip_prefix('و').filter(|rest| own(rest)).unwrap_or(first)
}

/// `first` (the first word of a name, normalised) without attached proclitics.
///
/// `attested` says whether a word occurs by itself in the article. A clitic is taken off before the
/// article (`وال… بال… فال… كال… لل…`), and otherwise only where what is left is a common name or is
/// attested, and the whole is not itself a common name.
pub fn strip(first: &str, attested: impl Fn(&str) -> bool + Copy) -> String {
    let joined = first.trim_start_matches(CLITICS);
    let latin = joined.strip_prefix("ال").unwrap_or(joined);
    if latin.starts_with(|c: char| c.is_ascii_alphabetic()) && first.chars().count() <= joined.chars().count() + 2 {
        return latin.to_string();
    }
    if known().contains(first) || first.chars().count() < 4 {
        return first.to_string();
    }
    // «للبنان» is «لبنان» with one ل before it, not «البنان».
    let joined = first.strip_prefix(['و', 'ف']).filter(|rest| rest.starts_with("لل")).unwrap_or(first);
    if let (Some(bare), Some(rest)) = (joined.strip_prefix('ل'), joined.strip_prefix("لل")) {
        let (article, both) = (format!("ال{rest}"), format!("ال{bare}"));
        // Attested may be «لهيئة», which is no name but bears one.
        let borne = attested(&article) || attested(rest) || known().contains(rest);
        let lam = among(LAM, bare);
        if !lam && (known().contains(bare) || attested(bare) && !borne) {
            return bare.to_string();
        }
        // «للجنة» is «اللجنة»: before an article and a ل one of three is not written.
        if lam || known().contains(both.as_str()) || attested(&both) {
            return both;
        }
    }
    if let Some(rest) = first.strip_prefix("لل").or_else(|| first.strip_prefix("ولل")).or_else(|| first.strip_prefix("فلل")) {
        let with_article = format!("ال{rest}");
        if rest.chars().count() >= 3 || known().contains(with_article.as_str()) {
            return with_article;
        }
    }
    let hamza = |rest: &str| rest.starts_with(['أ', 'إ', 'آ']) && rest.chars().count() >= 4;
    if let Some(rest) = first.strip_prefix(['و', 'ب', 'ل']).filter(|rest| hamza(rest)) {
        return rest.to_string(); // no name begins with one of them and a hamza: «بآسفي»
    }
    let mut rest = first;
    for pass in 0..2 {
        if pass == 1 && !first.starts_with(['و', 'ف']) {
            break; // only و and ف stand before another proclitic
        }
        let Some(shorter) = rest.strip_prefix(CLITICS) else { break };
        if shorter.chars().count() < 3 {
            break;
        }
        let article = shorter.starts_with("ال") && shorter.chars().count() >= 5;
        if article || known().contains(shorter) {
            return shorter.to_string();
        }
        if attested(shorter) {
            return strip(shorter, attested); // which may bear a clitic there too
        }
        rest = shorter;
    }
    first.to_string()
}

/// Titles that begin with و behind an article.
const TITLES: &str = "وزير وزيرة والي والية واء والد والدة وكيل وكيلة وليد وفد";

/// The first word of a person's name behind one ل, where it begins with one itself, as few Arabic ones do: «ليونيل» of «لليونيل», not
/// «اليونيل».
pub fn of_person(first: &str) -> Option<&str> {
    let joined = first.strip_prefix(['و', 'ف']).unwrap_or(first);
    let rest = joined.strip_prefix("لل")?;
    let foreign = rest.starts_with(['و', 'ي', 'ا']) && rest.chars().count() > 2 && !among(TITLES, rest);
    (foreign && !known().contains(format!("ال{rest}").as_str())).then(|| &joined["ل".len()..])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clitics_before_the_article_and_common_names() {
        let never = |_: &str| false;
        assert_eq!(strip("والرياض", never), "الرياض");
        assert_eq!(strip("بالقاهرة", never), "القاهرة");
        assert_eq!(strip("للسعودية", never), "السعودية");
        assert_eq!(strip("بسوريا", never), "سوريا");
        assert_eq!(strip("وبسوريا", never), "سوريا");
        assert_eq!(strip("بغداد", never), "بغداد");
        assert_eq!(strip("لبنان", never), "لبنان");
        assert_eq!(strip("وليد", never), "وليد");
        assert_eq!(strip("وغوتيريش", |w| w == "غوتيريش"), "غوتيريش");
        assert_eq!(strip("وغوتيريش", never), "وغوتيريش");
        assert_eq!(strip("كيري", never), "كيري");
        for (written, name) in [("للبنان", "لبنان"), ("وللبنان", "لبنان"), ("لليبيا", "ليبيا"), ("للندن", "لندن")]
        {
            assert_eq!(strip(written, never), name);
        }
        for name in ["كاليفورنيا", "فالنسيا", "بالتيمور", "كالينينغراد", "كوالالمبور"] {
            assert_eq!(strip(name, never), name);
        }
        assert_eq!(strip("وبالرياض", never), "الرياض");
        for (written, name) in [("لليبيين", "الليبيين"), ("والتون", "والتون"), ("لوزارة", "وزارة"), ("ووكالة", "وكالة"), ("وبمجلس", "مجلس")]
        {
            assert_eq!(strip(written, never), name);
        }
        assert_eq!(strip("بسام", |w| w == "سام"), "بسام");
        for (written, name) in
            [("للجنة", "اللجنة"), ("وللواء", "اللواء"), ("للاذقية", "اللاذقية"), ("للوكسمبورغ", "لوكسمبورغ"), ("للوس", "لوس")]
        {
            assert_eq!(strip(written, never), name);
        }
        for (written, name) in [("لCNN", "CNN"), ("وبGoogle", "Google"), ("بUN", "UN"), ("CNN", "CNN"), ("الBBC", "BBC"), ("بالCNN", "CNN")]
        {
            assert_eq!(strip(written, never), name);
        }
        for (written, name) in
            [("بآسفي", "آسفي"), ("وأندرو", "أندرو"), ("للجامعة", "الجامعة"), ("لمكتب", "مكتب"), ("بدوري", "دوري"), ("وأدم", "وأدم")]
        {
            assert_eq!(strip(written, never), name);
        }
        for (written, name) in [("ويندسور", "ويندسور"), ("ويوسف", "يوسف"), ("ويحيى", "يحيى"), ("وكيفن", "كيفن"), ("ويانغ", "يانغ")]
        {
            assert_eq!(unlisted(written), name);
        }
        assert_eq!(["الحكومة", "الجزيرة", "حكومة", "المدير"].map(is_definite), [true, false, false, false]);
        assert_eq!(strip("للقناة", |w| w == "لقناة" || w == "القناة"), "القناة");
        assert_eq!(strip("للافروف", |w| w == "لافروف"), "لافروف");
        assert_eq!(strip("وبسوريا", |w| w == "بسوريا"), "سوريا", "attested with a clitic");
    }

    #[test]
    fn persons_whose_name_begins_with_lam() {
        for (written, name) in [("لليونيل", "ليونيل"), ("وللوكا", "لوكا"), ("للافروف", "لافروف")] {
            assert_eq!(of_person(written), Some(name), "{written}");
        }
        for written in ["للأسد", "للوزير", "للوليد", "للملك", "ليونيل"] {
            assert_eq!(of_person(written), None, "{written}");
        }
    }
}
