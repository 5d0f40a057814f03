//! Arabic that was decoded with the wrong encoding.

/// Bytes 80 to BF as Windows-1256 reads them: the second bytes of letters in UTF-8. No ordinary Arabic letter is among them.
const SECONDS: &str = "€پ‚ƒ„…†‡ˆ‰ٹ‹Œچژڈگ‘’“”•–—ک™ڑ›œ\u{200c}\u{200d}ں\u{a0}،¢£¤¥¦§¨©ھ«¬\u{ad}®¯°±²³´µ¶·¸¹؛»¼½¾؟";
/// Fewer signs than this may be chance.
const FEWEST: usize = 3;

/// What is wrong with the encoding of a title or text.
pub fn flaw(text: &str) -> Option<&'static str> {
    if of_pairs(text, |c| matches!(c, 'Ø' | 'Ù'), |c| ('\u{80}'..='\u{2122}').contains(&c)) {
        return Some("looks like UTF-8 that was read as Latin-1 (Ø§Ù„…)");
    }
    if of_pairs(text, |c| matches!(c, 'ط' | 'ظ' | 'ع' | 'غ'), |c| SECONDS.contains(c)) {
        return Some("looks like UTF-8 that was read as Windows-1256 (ط§ظ„…)");
    }
    let letters = text.chars().filter(|c| c.is_alphabetic()).count();
    let foreign = text.chars().filter(|&c| is_foreign(c)).count();
    if foreign >= FEWEST && foreign * 2 > letters {
        return Some("looks like Windows-1256 that was read as Latin-1 (ÇáÓ…)");
    }
    text.contains('\u{fffd}').then_some("holds U+FFFD: it was decoded with the wrong encoding")
}

/// Whether a text is made of pairs: a letter of Arabic has two bytes in UTF-8, the first of them nearly always one of two.
fn of_pairs(text: &str, first: impl Fn(char) -> bool, second: impl Fn(char) -> bool) -> bool {
    let pairs = text.chars().zip(text.chars().skip(1)).filter(|&(a, b)| first(a) && second(b)).count();
    pairs >= FEWEST && pairs * 4 > text.chars().count()
}

/// The letters of Latin-1 in whose places Windows-1256 has letters of Arabic; those of French that are not capitals are in both.
fn is_foreign(c: char) -> bool {
    matches!(c, 'À'..='Ö' | 'Ø'..='ß' | 'á' | 'ã'..='æ' | 'ì' | 'í')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn broken_arabic_is_told_from_other_scripts() {
        for (text, wanted) in [
            ("Ø£Ø¹Ù„Ù† Ø§Ù„ÙˆØ²ÙŠØ±", Some("UTF-8 that was read as Latin-1")),
            ("ط£ط¹ظ„ظ† ظˆط²ظٹط± ط§ظ„ط®ط§ط±ط¬ظٹط©", Some("UTF-8 that was read as Windows-1256")),
            ("ع¯ظپطھâ€Œظˆع¯ظˆ", Some("UTF-8 that was read as Windows-1256")),
            ("ÃÚáä æÒíÑ ÇáÎÇÑÌíÉ", Some("Windows-1256 that was read as Latin-1")),
            ("BBC: ÇáÃÎÈÇÑ, 12.5 %", Some("Windows-1256 that was read as Latin-1")),
            ("نص \u{fffd} مكسور", Some("U+FFFD")),
            ("أعلن وزير الخارجية: «نحافظ»، ونلاحظ، ونضغط؛ وقال: «فقط»…", None),
            ("الحروف: «ط»، «ظ»، «ع»، «غ»", None),
            ("طَبْعًا ظَلَّ يَعْمَلُ", None),
            ("حفظ؟", None),
            ("L'Élysée a été évacué à Évry, où l'été s'achève; À Évêché", None),
            ("ÉTÉ À ÉVRY", None),
            ("Öl für Åland; São Tomé não é", None),
            ("شروع‌کنندگان گفت‌وگوی چهارشنبه؛ طعم گیلاس، ضلع‌های مربع", None),
            ("هەرێمی کوردستان و عێراق گفتوگۆیان کرد، چەند وەزیرێک", None),
            ("", None),
        ] {
            let found = flaw(text);
            assert_eq!(found.is_some(), wanted.is_some(), "{text}: {found:?}");
            assert!(found.unwrap_or("").contains(wanted.unwrap_or("")), "{text}: {found:?}");
        }
    }
}
