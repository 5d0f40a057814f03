//! Agencies, outlets and platforms: names that news is full of without being about them.

use super::in_list;
use crate::text::words::{Word, Words, among};
use std::ops::Range;

/// Agencies in the brackets of a dateline.
pub(super) const AGENCIES: &str =
    "CNN AFP AP BBC DW RT DPA UPI Reuters رويترز فرانس برس سانا واس وام كونا بترا قنا الأناضول وكالات سبوتنيك شينخوا وفا واع سبأ";
/// Letters of agencies in such brackets.
pub(super) const INITIALS: [&str; 6] = ["أفب", "افب", "دبأ", "دبا", "أشأ", "أب"];
/// Agencies that stand behind the dash of a dateline without brackets: «دمشق-سانا»; and those that are other words too, and need
/// a dash or a colon behind them.
pub(super) const BARE_AGENCIES: &str = "سانا رويترز واس وام كونا بترا الأناضول سبوتنيك شينخوا وفا";
pub(super) const UNSURE_AGENCIES: &str = "قنا واع سبأ وكالات الوكالات";
pub(super) const QUOTED_OUTLETS: [&str; 18] = [
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
/// Nouns before the name of an outlet.
const OUTLETS: &str = "صحيفة جريدة مجلة إذاعة راديو فضائية قناة تلفزيون الصحيفة الإذاعة";
/// What a channel is that is no outlet.
const CANALS: &str = "السويس بنما";
/// Platforms that news quotes what others say on.
const PLATFORMS: &str = "تويتر فيسبوك يوتيوب إنستغرام انستغرام";
/// Words between a platform and the word that says who speaks on it: «على موقع التواصل الاجتماعي».
const SITES: &str = "موقع مواقع شبكة شبكات منصة منصات تطبيق صفحة حساب صفحته حسابه صفحتها حسابها التواصل الاجتماعي الاجتماعية الرسمي الرسمية \
    الشخصي الشخصية الشهير الخاص الخاصة الاتصال و";
/// What stands before a platform that something is said on.
const UPON: &str = "على عبر في خلال ب";

/// Whether a word is an agency that stands in datelines without brackets.
pub(super) fn is_bare_agency(word: &str) -> bool {
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

/// Whether `first`, without proclitics, says that the name behind it, or the rest of its own, is that of an outlet: «صحيفة الشروق».
pub fn is_outlet(first: &str, name: &str) -> bool {
    among(OUTLETS, first) && !name.split_whitespace().next().is_some_and(|word| among(CANALS, word))
}

/// Whether a name is that of a platform and no more: «موقع تويتر», but not «شركة تويتر».
pub fn is_platform(name: &str) -> bool {
    let name = name.replace("فيس بوك", "فيسبوك");
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::words;

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
}
