//! Entities: constrained Viterbi over word labels, clitic-free names, one type a surface.

use super::log_softmax;
use super::settle::{names, settle};
use crate::data::Entity;
use crate::model::config::EntitiesConfig;
use crate::pipeline::document::{Document, Field};
use std::ops::Range;

/// What a label says of its word.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Tag {
    Outside,
    Begin(String),
    Inside(String),
}

impl Tag {
    fn parse(label: &str) -> Self {
        match label.split_once('-') {
            Some(("B", kind)) => Self::Begin(kind.to_string()),
            Some(("I", kind)) => Self::Inside(kind.to_string()),
            _ => Self::Outside,
        }
    }

    /// `I-x` follows only `B-x` or `I-x`.
    fn may_follow(&self, before: Option<&Self>) -> bool {
        match (self, before) {
            (Self::Inside(kind), Some(Self::Begin(last) | Self::Inside(last))) => kind == last,
            (Self::Inside(_), _) => false,
            _ => true,
        }
    }
}

/// Turns word logits into entities.
pub struct Decoder {
    tags: Vec<Tag>,
    temperature: f32,
}

/// An entity by words of the document.
pub struct Span {
    /// Its words, no mark at either end but a closing one.
    pub words: Range<usize>,
    pub(crate) kind: String,
    pub(super) score: f32,
}

impl Decoder {
    /// A decoder for the labels of a model.
    pub fn new(config: &EntitiesConfig) -> Self {
        Self { tags: config.labels.iter().map(|l| Tag::parse(l)).collect(), temperature: config.temperature }
    }

    /// The best allowed sequence of labels for `[words, labels]` logits; `None` is a word without pieces,
    /// which can only be outside. Also each chosen label's probability.
    pub fn viterbi(&self, logits: &[Option<Vec<f32>>]) -> Vec<(usize, f32)> {
        let labels = self.tags.len();
        let outside = self.tags.iter().position(|t| *t == Tag::Outside).unwrap_or(0);
        let scores: Vec<Vec<f32>> = logits
            .iter()
            .map(|word| match word {
                Some(logits) => log_softmax(logits, self.temperature),
                None => (0..labels).map(|i| if i == outside { 0.0 } else { f32::NEG_INFINITY }).collect(),
            })
            .collect();
        let mut best: Vec<Vec<(f32, usize)>> = Vec::with_capacity(scores.len());
        for (at, word) in scores.iter().enumerate() {
            let row = (0..labels)
                .map(|tag| {
                    let from = match at.checked_sub(1) {
                        None => self.tags[tag].may_follow(None).then_some((0.0, 0)),
                        Some(last) => (0..labels)
                            .filter(|&before| self.tags[tag].may_follow(Some(&self.tags[before])))
                            .map(|before| (best[last][before].0, before))
                            .max_by(|a, b| a.0.total_cmp(&b.0)),
                    };
                    let (score, before) = from.unwrap_or((f32::NEG_INFINITY, 0));
                    (score + word[tag], before)
                })
                .collect();
            best.push(row);
        }
        let mut path = Vec::with_capacity(scores.len());
        let last = best.last().map(|row| (0..labels).max_by(|&a, &b| row[a].0.total_cmp(&row[b].0)).unwrap_or(outside));
        let mut tag = last.unwrap_or(outside);
        for at in (0..best.len()).rev() {
            path.push((tag, scores[at][tag].exp()));
            tag = best[at][tag].1;
        }
        path.reverse();
        path
    }

    /// Names in a document, in order; `logits` holds a row for each word that has pieces.
    pub fn decode(&self, document: &Document, logits: &[Option<Vec<f32>>]) -> Vec<Span> {
        let mut spans = Vec::new();
        for sentence in &document.sentences {
            let path = self.viterbi(&logits[sentence.words.clone()]);
            spans.extend(self.spans(&path, sentence.words.start));
        }
        let mut spans = settle(document, spans);
        spans.retain(|span| self.knows(&span.kind)); // rules make places of any model's names
        spans
    }

    /// Whether the model has labels of a type.
    fn knows(&self, kind: &str) -> bool {
        self.tags.iter().any(|tag| matches!(tag, Tag::Begin(own) | Tag::Inside(own) if own == kind))
    }

    fn spans(&self, path: &[(usize, f32)], first: usize) -> Vec<Span> {
        let mut out: Vec<Span> = Vec::new();
        let mut open = false;
        for (at, &(tag, probability)) in path.iter().enumerate() {
            let word = first + at;
            match &self.tags[tag] {
                Tag::Begin(kind) => out.push(Span { words: word..word + 1, kind: kind.clone(), score: probability }),
                Tag::Inside(_) if open => {
                    if let Some(span) = out.last_mut() {
                        span.words.end = word + 1;
                        span.score += probability;
                    }
                }
                _ => {}
            }
            open = self.tags[tag] != Tag::Outside;
        }
        for span in &mut out {
            span.score /= span.words.len() as f32;
        }
        out
    }
}

/// Names, in order, as entities.
pub fn entities(document: &Document, spans: &[Span]) -> Vec<Entity> {
    spans.iter().zip(names(document, spans)).map(|(span, name)| to_entity(document, span, name)).collect()
}

fn to_entity(document: &Document, span: &Span, name: String) -> Entity {
    let field = document.field(span.words.start);
    let (first, last) = (document.words[span.words.start], document.words[span.words.end - 1]);
    let (start, end) = document.part(field).original_span(first.start, last.end);
    Entity {
        text: String::new(), // the caller cuts it from the original
        kind: span.kind.clone(),
        start,
        end,
        score: span.score,
        name,
        field: (field == Field::Title).then(|| "title".to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::super::settle::{join_nouns, trim};
    use super::*;
    use proptest::prelude::*;

    fn decoder() -> Decoder {
        let labels = ["O", "B-PER", "I-PER", "B-LOC", "I-LOC"].map(str::to_string).to_vec();
        Decoder::new(&EntitiesConfig { labels, temperature: 1.0 })
    }

    /// What is written of spans of words, given as text and type, of an article: surface, type and name.
    fn mended(text: &str, spans: &[(&str, &str)]) -> crate::Result<Vec<(String, String, String)>> {
        use crate::model::{Device, Model, Source};
        let model = Model::load(&Source::Bundled, &Device::Cpu, None)?;
        let document = Document::new(&crate::Article::new(text), &model.tokenizer, model.config.mujaz()?);
        let mut found = find(&document, &scored(spans));
        found.retain_mut(|span| trim(&document, span));
        Ok(written(text, &entities(&document, &join_nouns(&document, found))))
    }

    /// Spans that are all as certain.
    fn scored<'a>(spans: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str, f32)> {
        spans.iter().map(|&(surface, kind)| (surface, kind, 0.5)).collect()
    }

    /// Spans of words of a document, given as text, type and score, in order.
    fn find(document: &Document, spans: &[(&str, &str, f32)]) -> Vec<Span> {
        let mut from = 0;
        let mut found = Vec::new();
        for &(surface, kind, score) in spans {
            let byte = from + document.text.text()[from..].find(surface).expect("a part of the text");
            from = byte + surface.len();
            let words = document.words.partition_point(|w| w.start < byte)..document.words.partition_point(|w| w.start < from);
            found.push(Span { words, kind: kind.to_string(), score });
        }
        found
    }

    /// Surface, type and name.
    fn written(text: &str, found: &[Entity]) -> Vec<(String, String, String)> {
        let cut = |e: &Entity| crate::text::normalise::char_slice(text, e.start, e.end).unwrap_or_default().to_string();
        found.iter().map(|e| (cut(e), e.kind.clone(), e.name.clone())).collect()
    }

    #[test]
    fn nouns_before_names() -> crate::Result<()> {
        let text = "من مطار الملك خالد وميناء عدن بمحافظة لحج إلى وزارة في قطاع غزة";
        let spans = [
            ("مطار", "LOC"),
            ("الملك خالد", "PER"),
            ("وميناء", "LOC"),
            ("عدن", "LOC"),
            ("بمحافظة", "LOC"),
            ("لحج", "LOC"),
            ("وزارة في", "ORG"),
            ("قطاع غزة", "LOC"),
        ];
        let found = mended(text, &spans)?;
        let names: Vec<(&str, &str)> = found.iter().map(|(surface, kind, _)| (surface.as_str(), kind.as_str())).collect();
        assert_eq!(names, [("مطار الملك خالد", "LOC"), ("وميناء عدن", "LOC"), ("لحج", "LOC"), ("قطاع غزة", "LOC")]);
        Ok(())
    }

    /// As [`mended`], with all that [`Decoder::decode`] does.
    fn settled(text: &str, spans: &[(&str, &str)]) -> crate::Result<Vec<(String, String, String)>> {
        settled_as(text, &scored(spans))
    }

    fn settled_as(text: &str, spans: &[(&str, &str, f32)]) -> crate::Result<Vec<(String, String, String)>> {
        use crate::model::{Device, Model, Source};
        let model = Model::load(&Source::Bundled, &Device::Cpu, None)?;
        let document = Document::new(&crate::Article::new(text), &model.tokenizer, model.config.mujaz()?);
        let found = settle(&document, find(&document, spans));
        Ok(written(text, &entities(&document, &found)))
    }

    #[test]
    fn what_an_article_says_elsewhere_mends_a_name() -> crate::Result<()> {
        let texts = |found: Vec<(String, String, String)>| found.into_iter().map(|(text, kind, _)| (text, kind)).collect::<Vec<_>>();
        let text = "التقى بوتين للأسد في موسكو. قال منصف الإدريسي ذلك. ورد عليه منصف الإدريسي، والحكومة السورية وحركة في الحكومة.";
        let spans = [
            ("بوتين للأسد", "PER"),
            ("منصف الإدريسي", "PER"),
            ("منصف", "PER"),
            ("الإدريسي", "ORG"),
            ("والحكومة", "ORG"),
            ("السورية", "MISC"),
            ("الحكومة", "ORG"),
        ];
        let names = ["بوتين", "للأسد", "موسكو", "منصف الإدريسي", "منصف الإدريسي", "والحكومة السورية"];
        let kinds = ["PER", "PER", "LOC", "PER", "PER", "ORG"];
        let wanted: Vec<(String, String)> = names.iter().zip(kinds).map(|(n, k)| (n.to_string(), k.to_string())).collect();
        assert_eq!(texts(settled(text, &spans)?), wanted);
        let text = "دعت الحكومة الفلسطينيين إلى الوحدة. وقال أحمد بحر ذلك. وشكر بحر تركيا والسلطة الفلسطينية.";
        let spans = [
            ("الحكومة", "ORG"),
            ("الفلسطينيين", "MISC"),
            ("أحمد بحر", "PER"),
            ("بحر", "PER"),
            ("تركيا", "LOC"),
            ("والسلطة", "ORG"),
            ("الفلسطينية", "MISC"),
        ];
        let found = texts(settled(text, &spans)?);
        let names: Vec<&str> = found.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["الفلسطينيين", "أحمد بحر", "بحر", "تركيا", "والسلطة الفلسطينية"]);
        let text = "زار جدة، وينبع وتبوك. ودعا الدوري عزت الدوري. وصل جوليين.";
        let spans = [("جدة", "LOC"), ("وينبع", "LOC"), ("الدوري", "PER"), ("عزت الدوري", "PER"), ("جوليين", "PER")];
        let found = settled(text, &spans)?;
        let names: Vec<(&str, &str)> = found.iter().map(|(_, kind, name)| (name.as_str(), kind.as_str())).collect();
        assert_eq!(names, [("جدة", "LOC"), ("ينبع", "LOC"), ("تبوك", "LOC"), ("الدوري", "PER"), ("عزت الدوري", "PER"), ("جوليين", "PER")]);
        let text = "فاز ليفربول وليفربول على ليفربول، ورحب للأوروبيين. شاهد «بالحجم العائلي» و«السوق»";
        let spans = [("ليفربول", "ORG"), ("وليفربول", "PER"), ("ليفربول", "ORG"), ("للأوروبيين", "LOC"), ("بالحجم العائلي", "MISC")];
        let found = settled(text, &spans)?;
        assert_eq!(found.iter().map(|(_, kind, _)| kind.as_str()).collect::<Vec<_>>(), ["ORG", "ORG", "ORG", "MISC", "MISC"]);
        assert_eq!(found[4].2, "بالحجم العائلي", "a title in quotes is as it is written");
        Ok(())
    }

    #[test]
    fn names_that_touch_are_one_or_one_of_them_is_none() -> crate::Result<()> {
        let told = |text: &str, spans: &[(&str, &str, f32)]| -> crate::Result<Vec<String>> {
            Ok(settled_as(text, spans)?.into_iter().map(|(text, kind, _)| format!("{text} {kind}")).collect())
        };
        let two = |first, second, sure| [(first, "PER", sure), (second, "PER", 0.9)];
        let cases = [
            ("سجل زلاتان إبراهيموفيتش هدفا.", two("زلاتان", "إبراهيموفيتش", 0.9), vec!["زلاتان إبراهيموفيتش PER"]),
            ("قالت منى بنت ناصر الخالدي ذلك.", two("منى بنت", "ناصر الخالدي", 0.9), vec!["منى بنت ناصر الخالدي PER"]),
            ("كانت كوستاند مديرة.", two("كانت", "كوستاند", 0.9), vec!["كانت PER", "كوستاند PER"]),
            ("قال الرائد يحيى القحطاني ذلك.", two("الرائد", "يحيى القحطاني", 0.6), vec!["يحيى القحطاني PER"]),
            ("سجل الغاني مبارك واكاسو هدفا.", two("الغاني", "مبارك واكاسو", 0.6), vec!["الغاني MISC", "مبارك واكاسو PER"]),
            ("استقبل الأسد بوتين أمس.", two("الأسد", "بوتين", 0.95), vec!["الأسد PER", "بوتين PER"]),
            ("التقى بوتين الأسد أمس.", two("بوتين", "الأسد", 0.95), vec!["بوتين PER", "الأسد PER"]),
            ("وصل بوتين.\nزيد غادر.", two("بوتين", "زيد", 0.95), vec!["بوتين PER", "زيد PER"]),
        ];
        for (text, spans, wanted) in cases {
            assert_eq!(told(text, &spans)?, wanted, "{text}");
        }
        let text = "حضر نيمار رافائيلا سانتوس. وسجل نيمار هدفا.";
        let spans = [("نيمار", "PER", 0.9), ("رافائيلا سانتوس", "PER", 0.9), ("نيمار", "PER", 0.9)];
        assert_eq!(told(text, &spans)?, ["نيمار PER", "رافائيلا سانتوس PER", "نيمار PER"], "who stands alone elsewhere");
        let text = "حافظ الزواري يتحدث. دعا حافظ الزواري إلى ذلك.";
        let spans = [("حافظ", "PER", 0.8), ("الزواري", "PER", 0.8), ("حافظ", "PER", 0.7)];
        assert_eq!(told(text, &spans)?, ["حافظ الزواري PER", "حافظ الزواري PER"], "twice with the same name behind it");
        let places = [("غرب", "LOC", 0.6), ("القصيم", "LOC", 0.9), ("وبوركينا", "LOC", 0.99), ("فاسو", "LOC", 0.5)];
        assert_eq!(told("هطلت أمطار غرب القصيم وبوركينا فاسو.", &places)?, ["القصيم LOC", "وبوركينا LOC", "فاسو LOC"]);
        let spans = [("هيئة السياحة بمنطقة", "ORG", 0.9), ("المدينة المنورة", "LOC", 0.9)];
        assert_eq!(told("أعلنت هيئة السياحة بمنطقة المدينة المنورة ذلك.", &spans)?, ["هيئة السياحة بمنطقة المدينة المنورة ORG"]);
        Ok(())
    }

    #[test]
    fn no_name_has_a_type_that_the_model_lacks() -> crate::Result<()> {
        use crate::model::{Device, Model, Source};
        let model = Model::load(&Source::Bundled, &Device::Cpu, None)?;
        let document = Document::new(&crate::Article::new("وصل الوفد من جنيف."), &model.tokenizer, model.config.mujaz()?);
        let names = |labels: [&str; 3]| {
            let labels = labels.map(str::to_string).to_vec();
            let decoder = Decoder::new(&EntitiesConfig { labels, temperature: 1.0 });
            decoder.decode(&document, &vec![Some(vec![9.0, 0.0, 0.0]); document.words.len()]).len()
        };
        assert_eq!((names(["O", "B-LOC", "I-LOC"]), names(["O", "B-PER", "I-PER"])), (1, 0));
        Ok(())
    }

    #[test]
    fn well_known_places_need_no_label() -> crate::Result<()> {
        let told = |text: &str, spans: &[(&str, &str)]| -> crate::Result<Vec<String>> {
            Ok(settled(text, spans)?.into_iter().map(|(text, kind, name)| format!("{text} {kind} {name}")).collect())
        };
        let text = "وصل الوفد من جنيف لليمن بعد الظروف القاهرة.";
        assert_eq!(told(text, &[])?, ["جنيف LOC جنيف", "لليمن LOC اليمن"]);
        assert_eq!(told(text, &[("جنيف لليمن", "ORG")])?, ["جنيف لليمن ORG جنيف لليمن"], "no part of another name");
        assert_eq!(told("وصل الوفد.\nسمات اليمن", &[])?, [] as [&str; 0], "page furniture");
        Ok(())
    }

    #[test]
    fn the_surest_say_how_far_a_name_reaches_and_of_what_type_it_is() -> crate::Result<()> {
        let told = |text: &str, spans: &[(&str, &str, f32)]| -> crate::Result<Vec<(String, String)>> {
            Ok(settled_as(text, spans)?.into_iter().map(|(text, kind, _)| (text, kind)).collect())
        };
        let pairs = |all: &[(&str, &str)]| all.iter().map(|(text, kind)| (text.to_string(), kind.to_string())).collect::<Vec<_>>();
        let whole = "منصف الإدريسي";
        let text = "قال منصف الإدريسي ذلك. ورد عليه منصف الإدريسي.";
        let parts = |sure: f32| [(whole, "PER", 0.6), ("منصف", "PER", sure), ("الإدريسي", "PER", 0.5)];
        assert_eq!(told(text, &parts(0.6))?, pairs(&[(whole, "PER"); 2]));
        assert_eq!(told(text, &parts(0.7))?, pairs(&[(whole, "PER"), ("منصف", "PER"), ("الإدريسي", "PER")]));
        let text = "ورد منصف الإدريسي. وقال منصف الإدريسي. وعاد منصف الإدريسي. وغادر منصف الإدريسي.";
        let spans = [(whole, "ORG", 0.4), (whole, "PER", 0.9), (whole, "ORG", 0.4), ("منصف", "LOC", 0.3)];
        assert_eq!(told(text, &spans)?, pairs(&[(whole, "PER"); 4]), "the part is what the surest is, and all of them with it");
        let text = "فاز ليفربول ثم ليفربول ثم ليفربول";
        let spans = [("ليفربول", "ORG", 0.4), ("ليفربول", "PER", 0.9), ("ليفربول", "ORG", 0.4)];
        assert_eq!(told(text, &spans)?, pairs(&[("ليفربول", "PER"); 3]), "by probability, not by count");
        Ok(())
    }

    #[test]
    fn nouns_that_the_article_calls_a_club_or_a_party_are_names() -> crate::Result<()> {
        let names = |text: &str| -> crate::Result<usize> { Ok(settled(text, &[("القوات", "ORG"), ("الشرطة", "ORG")])?.len()) };
        assert_eq!(names("دخلت القوات المدينة مع الشرطة.")?, 0);
        assert_eq!(names("رشح حزب القوات اللبنانية وزيرا. وانتشرت الشرطة.")?, 1);
        assert_eq!(names("انتشرت القوات أمس. وسجل الشرطة هدفا. وهذا نادي الشرطة.")?, 1);
        Ok(())
    }

    #[test]
    fn words_with_tanween_are_no_places() -> crate::Result<()> {
        let text = "طرد 23 دبلوماسياً روسياً من روسيا أولاً، وعاد خالداً إلى سوريا\u{200f} وقال خالد شرعاً.";
        let spans =
            [("روسيا", "LOC"), ("روسيا", "LOC"), ("أولا", "ORG"), ("خالدا", "PER"), ("سوريا", "LOC"), ("خالد", "PER"), ("شرعا", "PER")];
        let found = settled(text, &spans)?;
        let names: Vec<(&str, &str)> = found.iter().map(|(_, kind, name)| (name.as_str(), kind.as_str())).collect();
        assert_eq!(names, [("روسي", "MISC"), ("روسيا", "LOC"), ("خالدا", "PER"), ("سوريا", "LOC"), ("خالد", "PER")]);
        Ok(())
    }

    #[test]
    fn names_of_page_furniture_are_the_articles_only_where_it_has_them_too() -> crate::Result<()> {
        let text = "وصل لافروف إلى دمشق أمس.\nاقرأ أيضا: بوتين يزور دمشق";
        let spans = [("لافروف", "PER"), ("دمشق", "LOC"), ("بوتين", "PER"), ("دمشق", "LOC")];
        let found = settled(text, &spans)?;
        assert_eq!(found.iter().map(|(name, ..)| name.as_str()).collect::<Vec<_>>(), ["لافروف", "دمشق", "دمشق"]);
        assert_eq!(settled("صورة أرشيفية لمطار حلب", &[("لمطار حلب", "LOC")])?.len(), 1, "there is nothing else");
        Ok(())
    }

    #[test]
    fn places_behind_a_person_are_their_own() -> crate::Result<()> {
        let text = "وصل يوسف الشاهد لبرلين. وقال كريم بلال مع لبنى كمال إن لحسن ببغداد.";
        let found = settled(text, &[("يوسف الشاهد لبرلين", "PER"), ("كريم بلال", "PER"), ("لبنى كمال", "PER"), ("لحسن ببغداد", "PER")])?;
        let names: Vec<(&str, &str)> = found.iter().map(|(_, kind, name)| (name.as_str(), kind.as_str())).collect();
        let wanted =
            [("يوسف الشاهد", "PER"), ("برلين", "LOC"), ("كريم بلال", "PER"), ("لبنى كمال", "PER"), ("لحسن", "PER"), ("بغداد", "LOC")];
        assert_eq!(names, wanted);
        Ok(())
    }

    #[test]
    fn names_have_no_references() -> crate::Result<()> {
        let text = "نشرت جريدة &quot;النور&quot; ذلك. وقال زيد &amp; عمرو.";
        let found = settled(text, &[("النور&quot;", "ORG"), ("زيد &amp; عمرو", "ORG")])?;
        let names: Vec<(&str, &str)> = found.iter().map(|(text, _, name)| (text.as_str(), name.as_str())).collect();
        assert_eq!(names, [("النور", "النور"), ("زيد &amp; عمرو", "زيد & عمرو")]);
        Ok(())
    }

    #[test]
    fn names_of_a_list_lose_its_and() -> crate::Result<()> {
        let text = "حضر وائل جسار، وبرايزلي، ووليد توفيق وكيناني أحمد وثيو والكوت وسجل والكوت\nوبهاسكار في الصالة";
        let spans = ["وائل جسار", "وبرايزلي", "ووليد توفيق", "وكيناني أحمد", "وثيو والكوت", "والكوت", "وبهاسكار"];
        let names: Vec<String> = mended(text, &spans.map(|name| (name, "PER")))?.into_iter().map(|(_, _, name)| name).collect();
        assert_eq!(names, ["وائل جسار", "برايزلي", "وليد توفيق", "كيناني أحمد", "ثيو والكوت", "والكوت", "وبهاسكار"]);
        Ok(())
    }

    #[test]
    fn an_inside_label_never_stands_alone() {
        let word =
            |best: usize| Some((0..5).map(|i| if i == best { if best == 0 { 9.0 } else { 4.0 } } else { 0.0 }).collect::<Vec<f32>>());
        let path = decoder().viterbi(&[word(0), word(2), word(2), None, word(4)]);
        let tags: Vec<usize> = path.iter().map(|p| p.0).collect();
        assert_eq!(tags[1..3], [1, 2]);
        assert_eq!(tags[3], 0);
        assert_ne!(tags[4], 4);
    }

    proptest! {
        #[test]
        fn paths_are_legal_and_no_worse_than_any_legal_path(
            logits in proptest::collection::vec(proptest::collection::vec(-4.0f32..4.0, 5), 1..5),
        ) {
            let decoder = decoder();
            let rows: Vec<Option<Vec<f32>>> = logits.iter().cloned().map(Some).collect();
            let path: Vec<usize> = decoder.viterbi(&rows).into_iter().map(|p| p.0).collect();
            let legal = |path: &[usize]| (0..path.len()).all(|i| {
                decoder.tags[path[i]].may_follow(i.checked_sub(1).map(|j| &decoder.tags[path[j]]))
            });
            let score = |path: &[usize]| path.iter().zip(&logits).map(|(&t, l)| log_softmax(l, 1.0)[t]).sum::<f32>();
            prop_assert!(legal(&path));
            for code in 0..5usize.pow(logits.len() as u32) {
                let other: Vec<usize> = (0..logits.len()).map(|i| code / 5usize.pow(i as u32) % 5).collect();
                if legal(&other) {
                    prop_assert!(score(&path) >= score(&other) - 1e-4);
                }
            }
        }
    }
}
