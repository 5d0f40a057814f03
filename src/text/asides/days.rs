//! Days of the week that a summary can do without.

use super::in_list;
use crate::text::words::{Words, among};
use std::ops::Range;

const WEEKDAYS: [&str; 9] = ["الاثنين", "الإثنين", "الثلاثاء", "الأربعاء", "الاربعاء", "الخميس", "الجمعة", "السبت", "الأحد"];
/// Weekdays that are family names or other words too.
const HOMOGRAPHS: [&str; 2] = ["الخميس", "الجمعة"];
const PARTS_OF_DAY: [&str; 8] = ["صباح", "مساء", "فجر", "عصر", "ليل", "ليلة", "زوال", "يوم"];
const NEAR_DAYS: [&str; 2] = ["أمس", "اليوم"];
const WHICH: [&str; 5] = ["الماضي", "المقبل", "القادم", "الجاري", "المنصرم"];
const ORDINALS: &str = "الأول الثاني الثالث الرابع الخامس السادس السابع الثامن التاسع العاشر عشر والعشرين العشرين الثلاثين";
/// Words that open what was said: a day before them is only a date.
const THAT: [&str; 8] = ["أن", "إن", "أنه", "إنه", "أنها", "إنها", "أنهم", "إنهم"];
/// Words that a day behind them belongs to, without proclitics: "since Friday", "Friday prayer".
pub(super) const HOLD: &str = "من منذ حتى إلى قبل بعد في بين عن كل هذا ذلك حول خلال طوال نفس ذات مثل غد غدا أول ابتداء بدءا اعتبارا حلول قبيل لغاية \
    صلاة خطبة قداس دوري سوق مباراة مباريات صحيفة جريدة قناة عين موقع المصري روسيا رأي منتصف عطلة جلسة هجوم عشية غداة صبيحة زوال \
    أيام يومي موعد إلا عدا باستثناء سوى أو أم ثم بل هو هي أن إن مع ليس ظهر ظهيرة \
    صادف صادفت يصادف تصادف وافق يوافق كان كانت يعد يعتبر أصبح شهد شهدت يشهد تشهد \
    انتخابات مظاهرات تظاهرات احتجاجات مسيرات قصف غارات غارة مجزرة تفجير تفجيرات معارك أحداث زلزال محادثات مفاوضات اجتماع قمة لقاء جولة \
    يوم صباح مساء فجر ليل ليلة نهار مغرب تاريخ حد حدود غاية بداية نهاية طيلة طقس عدد نسخة حلقة \
    اعتداء اعتداءات انفجار انفجارات عملية عمليات حادث حادثة ضربات ضربة هجمات تصويت اقتراع استفتاء حفل مسيرة مظاهرة تظاهرة إضراب جنازة \
    اجتماعات لقاءات جلسات زيارة تعاملات تداولات افتتاحية حصة نهائي كلاسيكو ديربي سباق قرعة مران تدريب تدريبات حصص مواجهة مواجهات \
    مقرر مقررة المقرر المقررة مبرمج مبرمجة المزمع المرتقب المرتقبة المنتظر المنتظرة";
/// What says something itself: «قال في خطاب الأحد إن» is as good without the day, «خطاب الأحد الماضي» is one speech and no other.
const TOLD: &str = "بيان بيانات تصريح تصريحات خطاب كلمة تغريدة تقرير تقارير مؤتمر رسالة مقابلة حوار ندوة مداخلة";
/// Words that a day narrows: without it "not on Sunday" would become "not".
pub(super) const NARROWED: &str = "لا لن لم ليس ليست ليسوا غير دون إلا عدا سوى باستثناء فقط كل أسبوع أسبوعيا";

impl Words<'_> {
    /// Where a day that starts `at` ends, such as "مساء يوم الجمعة الماضي", and how many words name it.
    pub(super) fn day(&self, at: usize) -> Option<(usize, usize)> {
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
    pub(super) fn spare_day(&self, at: usize) -> Option<Range<usize>> {
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
        let past = past && !self.get(next).starts_with("ال") && !in_list(TOLD, self.get(before));
        // «قال الوزير، وهو طبيب الثلاثاء، إن»: the comma closes what one before it opened.
        let closes = closed && !opened && (0..at).filter(|&i| self.is_comma(i)).count() % 2 == 1;
        ((opened && closed) || said || past).then_some(at..if closes { end } else { next })
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{kept, stay};

    #[test]
    fn days_that_are_set_off_go() {
        assert_eq!(kept("أعلن البيت الأبيض، الأربعاء، أن الرئيس سيسافر"), "أعلن البيت الأبيض، أن الرئيس سيسافر");
        assert_eq!(kept("قال الوزير الثلاثاء إن القوات انسحبت من المدينة"), "قال الوزير إن القوات انسحبت من المدينة");
        assert_eq!(kept("قتل خمسة جنود في هجوم مساء يوم الجمعة الماضي في حلب"), "قتل خمسة جنود في هجوم مساء يوم الجمعة الماضي في حلب");
        assert_eq!(kept("قتل خمسة جنود بالقذائف مساء يوم الجمعة الماضي في حلب"), "قتل خمسة جنود بالقذائف في حلب");
        assert_eq!(kept("وصل الوفد الروسي اليوم الأحد إلى مطار دمشق."), "وصل الوفد الروسي إلى مطار دمشق.");
        assert_eq!(kept("أعلنت مصادر سورية الأربعاء، أن المسلحين انسحبوا"), "أعلنت مصادر سورية أن المسلحين انسحبوا");
        assert_eq!(kept("أوقفت الشرطة، زوال اليوم السبت، سارقا في المدينة"), "أوقفت الشرطة، سارقا في المدينة");
        assert_eq!(kept("قال سمير حداد، وزير العدل الأربعاء، إن المحكمة جاهزة"), "قال سمير حداد، وزير العدل ، إن المحكمة جاهزة");
        assert_eq!(kept("قال الوزير في خطاب الأحد إن القوات انسحبت من المدينة"), "قال الوزير في خطاب إن القوات انسحبت من المدينة");
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
            "ردت النقابة على خطاب الأحد الماضي في بيان طويل",
            "تحدث الوزير عن انفجار الأحد الماضي في الميناء",
            "والجلسة الثانية مقررة اليوم الجمعة في مقر المجلس",
            "تنتهي مهلة القرار ليوم أمس الثلاثاء في منتصف الليل",
            "وصل الوفد، اليوم الخميس، السابع من آذار، إلى دمشق في زيارة",
        ]);
    }
}
