//! Entities: constrained Viterbi over word labels, clitic-free names, one type a surface.

use super::log_softmax;
use crate::data::Entity;
use crate::model::config::EntitiesConfig;
use crate::pipeline::document::{Document, Field};
use crate::text::clitics;
use crate::text::words::among;
use std::collections::{HashMap, HashSet};
use std::ops::Range;

/// Words that no name ends with; of a person «على» may be an Egyptian «علي».
const PREPOSITIONS: [&str; 5] = ["في", "من", "إلى", "عن", "مع"];
/// Nouns before a place that are no part of its name.
const PROVINCES: &str = "محافظة مدينة منطقة دولة إمارة ولاية قرية بلدة إقليم قضاء ناحية حي";
/// Nouns with the article that are one name with the adjective of a people behind them.
const DEFINITE: &str = "السلطة الحكومة الجمهورية الوحدات";

/// Words in brackets behind a name of a list.
const BRACKETED: usize = 12;

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
    kind: String,
    score: f32,
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
        settle(document, spans)
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

/// A word without proclitics, whatever else the article has.
fn bare(document: &Document, word: usize) -> String {
    clitics::strip(document.word(word), |_| false)
}

/// Whether nothing but a proclitic is left, as of «ولـ "الجزيرة"».
fn is_proclitic(document: &Document, span: &Span) -> bool {
    span.words.len() == 1 && clitics::is_proclitic(document.word(span.words.start))
}

/// Names as the labels of their words have them, mended by rules and by what the article has elsewhere.
fn settle(document: &Document, spans: Vec<Span>) -> Vec<Span> {
    let mut spans: Vec<Span> = spans.into_iter().flat_map(|span| split(document, span)).collect();
    spans.retain_mut(|span| trim(document, span) && !is_proclitic(document, span));
    let mut spans = join_adjectives(document, join_nouns(document, spans));
    spans.retain(|span| span.words.len() > 1 || !clitics::is_definite(&bare(document, span.words.start)));
    complete(document, &mut spans);
    settle_types(document, &mut spans);
    spans
}

/// A person's name, cut before a word that «to the» is written onto: «بوتين» and «للأسد» are two.
fn split(document: &Document, span: Span) -> Vec<Span> {
    let to_the = |&at: &usize| document.word(at).starts_with("لل") && document.word(at).chars().count() > 4;
    match span.words.clone().skip(1).find(to_the).filter(|_| span.kind == "PER") {
        Some(at) => {
            let (words, kind) = (at..span.words.end, span.kind.clone());
            vec![Span { words: span.words.start..at, ..span }, Span { words, kind, score: span.score }]
        }
        None => vec![span],
    }
}

/// Take punctuation off both ends, and prepositions off the last; false when nothing is left. A closing bracket or quote
/// whose opening stands inside stays.
fn trim(document: &Document, span: &mut Span) -> bool {
    while !span.words.is_empty() && document.words[span.words.start].mark {
        span.words.start += 1;
    }
    let preposition = |word: &str| PREPOSITIONS.contains(&word) || word == "على" && span.kind != "PER";
    while span.words.len() > 1 && preposition(document.word(span.words.end - 1))
        || !span.words.is_empty() && document.words[span.words.end - 1].mark
    {
        let opening = match document.word(span.words.end - 1) {
            ")" => "(",
            "»" => "«",
            "]" => "[",
            _ => "",
        };
        if span.words.clone().any(|w| document.word(w) == opening) {
            break;
        }
        span.words.end -= 1;
    }
    !span.words.is_empty()
}

/// Join a noun that names begin with, alone, to the name right behind it: «ميناء», «عدن». One of a province is no part of its
/// name, nor is one by itself a name at all.
fn join_nouns(document: &Document, spans: Vec<Span>) -> Vec<Span> {
    let is_noun = |span: &Span| span.words.clone().all(|word| clitics::is_generic(&bare(document, word)));
    let mut out: Vec<Span> = Vec::with_capacity(spans.len());
    let mut noun: Option<Span> = None;
    for mut span in spans {
        if let Some(noun) = noun.take().filter(|noun| {
            let next = noun.words.end == span.words.start && sentence(document, noun) == sentence(document, &span);
            let listed = document.word(span.words.start) != clitics::unlisted(document.word(span.words.start));
            next && !listed && !(noun.kind == "LOC" && among(PROVINCES, &bare(document, noun.words.start)))
        }) {
            let (own, all) = (span.words.len() as f32, (noun.words.len() + span.words.len()) as f32);
            span.score = (noun.score * (all - own) + span.score * own) / all;
            span.words.start = noun.words.start;
            span.kind = noun.kind;
        }
        if is_noun(&span) {
            noun = Some(span);
        } else {
            out.push(span);
        }
    }
    out
}

/// Join «الحكومة» to the adjective of a people behind it.
fn join_adjectives(document: &Document, spans: Vec<Span>) -> Vec<Span> {
    let mut out: Vec<Span> = Vec::with_capacity(spans.len());
    for span in spans {
        let noun = out.last_mut().filter(|noun| {
            let next = noun.words.end == span.words.start && sentence(document, noun) == sentence(document, &span);
            let adjective = span.kind == "MISC" && document.word(span.words.start).starts_with("ال");
            let definite = || noun.words.len() == 1 && among(DEFINITE, &bare(document, noun.words.start));
            next && adjective && definite()
        });
        match noun {
            Some(noun) => {
                let (own, all) = (noun.words.len() as f32, (noun.words.len() + span.words.len()) as f32);
                noun.score = (noun.score * own + span.score * (all - own)) / all;
                noun.words.end = span.words.end;
            }
            None => out.push(span),
        }
    }
    out
}

/// Names of several words that the article has elsewhere in pieces or in part are taken whole there: «منصف», «الإدريسي», where
/// there is «منصف الإدريسي» too, found with no less certainty.
fn complete(document: &Document, spans: &mut Vec<Span>) {
    let first = |at: usize| bare(document, at);
    let mut wholes: HashMap<Vec<String>, (f32, String)> = HashMap::new();
    for span in spans.iter().filter(|span| span.words.len() > 1) {
        let rest = span.words.clone().skip(1).map(|at| document.word(at).to_string());
        let own = wholes.entry(std::iter::once(first(span.words.start)).chain(rest).collect()).or_insert((0.0, String::new()));
        if span.score > own.0 {
            *own = (span.score, span.kind.clone());
        }
    }
    let mut places: HashMap<&str, Vec<usize>> = HashMap::new();
    for at in 0..document.words.len() {
        places.entry(document.word(at)).or_default().push(at);
    }
    let mut wholes: Vec<(Vec<String>, (f32, String))> = wholes.into_iter().collect();
    wholes.sort_by(|a, b| b.0.len().cmp(&a.0.len()).then_with(|| a.0.cmp(&b.0)));
    for (name, (score, kind)) in wholes {
        for &second in &places[name[1].as_str()] {
            let Some(start) = second.checked_sub(1) else { continue };
            let words = start..start + name.len();
            let same = words.end <= document.words.len() && (2..name.len()).all(|i| document.word(start + i) == name[i]);
            let begins = document.word(start) == name[0] || first(start) == name[0];
            if !same || !begins || sentence_at(document, start) != sentence_at(document, words.end - 1) {
                continue;
            }
            let from = spans.partition_point(|span| span.words.end <= start);
            let to = from + spans[from..].partition_point(|span| span.words.start < words.end);
            let inside = &spans[from..to];
            let apart = inside.iter().any(|span| span.words.start < start || span.words.end > words.end || span.score > score);
            if !inside.is_empty() && !apart && inside[0].words != words {
                spans.splice(from..to, [Span { words, kind: kind.clone(), score }]);
            }
        }
    }
}

/// Give every occurrence of a name the type that has the most probability behind it in the article, whatever is written onto it.
fn settle_types(document: &Document, spans: &mut [Span]) {
    let mut votes: HashMap<String, HashMap<String, f32>> = HashMap::new();
    let names = names(document, spans);
    for (span, name) in spans.iter().zip(&names) {
        *votes.entry(name.clone()).or_default().entry(span.kind.clone()).or_default() += span.score;
    }
    for (span, name) in spans.iter_mut().zip(&names) {
        let people = span.words.len() == 1 && name.ends_with("يين") && name.chars().count() > 5; // «للأوروبيين»
        if let Some((kind, _)) = votes[name].iter().max_by(|a, b| a.1.total_cmp(b.1).then_with(|| b.0.cmp(a.0))) {
            span.kind.clone_from(kind);
        }
        if people && matches!(span.kind.as_str(), "LOC" | "PER") {
            span.kind = "MISC".to_string();
        }
    }
}

/// Words of an article's names.
struct Names<'a> {
    /// Those that begin one.
    first: HashSet<&'a str>,
    /// Those that stand further inside one of a person.
    inner: HashSet<&'a str>,
}

impl<'a> Names<'a> {
    fn of(document: &'a Document, spans: &[Span]) -> Self {
        let first = spans.iter().map(|span| document.word(span.words.start)).collect();
        let persons = spans.iter().filter(|span| span.kind == "PER");
        let inner = persons.flat_map(|span| span.words.clone().skip(1)).map(|word| document.word(word)).collect();
        Self { first, inner }
    }

    /// The first word of a name without proclitics; `listed` says whether another of its kind stands right before it.
    fn strip(&self, word: &str, listed: bool) -> String {
        let own = |rest: &str| !clitics::is_known(rest) && !self.first.contains(rest);
        if self.inner.contains(word) && word.strip_prefix('و').is_some_and(own) {
            return word.to_string(); // «والكوت» where there is «ثيو والكوت»
        }
        let word = if listed { clitics::unlisted(word) } else { word };
        clitics::strip(word, |other| self.first.contains(other))
    }
}

/// The sentence that a word stands in.
fn sentence_at(document: &Document, word: usize) -> usize {
    document.sentences.partition_point(|sentence| sentence.words.end <= word)
}

/// The sentence that a name stands in.
fn sentence(document: &Document, span: &Span) -> usize {
    sentence_at(document, span.words.start)
}

/// Whether nothing stands between two names of a kind in a sentence but a comma and what brackets say of the first.
fn is_listed(document: &Document, before: &Span, span: &Span) -> bool {
    let mut between: Vec<&str> = (before.words.end..span.words.start).map(|word| document.word(word)).collect();
    if between.first() == Some(&"(")
        && let Some(close) = between.iter().position(|word| *word == ")").filter(|&close| close <= BRACKETED)
    {
        between.drain(..=close); // «أندرو (26 عاما) وسفيان»
    }
    before.kind == span.kind
        && sentence(document, before) == sentence(document, span)
        && between.len() < 2
        && between.iter().all(|word| matches!(*word, "،" | ","))
}

/// Names, in order, as entities.
pub fn entities(document: &Document, spans: &[Span]) -> Vec<Entity> {
    spans.iter().zip(names(document, spans)).map(|(span, name)| to_entity(document, span, name)).collect()
}

/// Whether quotes hold a name and nothing else: its first word is written as it is, «بالحجم العائلي».
fn is_titled(document: &Document, span: &Span) -> bool {
    let mark = |word: usize| document.words.get(word).filter(|w| w.mark).map(|w| (w.start, w.end, document.word(word)));
    let opening = span.words.start.checked_sub(1).and_then(mark);
    let closing = mark(span.words.end);
    span.words.len() > 1
        && opening.is_some_and(|(_, end, text)| end == document.words[span.words.start].start && matches!(text, "«" | "“" | "\""))
        && closing.is_some_and(|(start, _, text)| start == document.words[span.words.end - 1].end && matches!(text, "»" | "”" | "\""))
}

/// Each of an article's names, in order, without what is written onto its first word.
fn names(document: &Document, spans: &[Span]) -> Vec<String> {
    let names = Names::of(document, spans);
    let before = std::iter::once(None).chain(spans.iter().map(Some));
    let listed = |before: Option<&Span>, span: &Span| before.is_some_and(|before| is_listed(document, before, span));
    let name = |(span, before): (&Span, Option<&Span>)| {
        let word = document.word(span.words.start);
        let head = if is_titled(document, span) { word.to_string() } else { names.strip(word, listed(before, span)) };
        let text = document.part(document.field(span.words.start)).text();
        let (first, last) = (document.words[span.words.start], document.words[span.words.end - 1]);
        let rest = text[first.end..last.end].replace(['_', '#'], " "); // «ميليشيا_الحوثي»
        let gap = if rest.starts_with(char::is_whitespace) { " " } else { "" };
        format!("{head}{gap}{}", rest.split_whitespace().collect::<Vec<_>>().join(" "))
    };
    spans.iter().zip(before).map(name).collect()
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
        let mut found = find(&document, spans);
        found.retain_mut(|span| trim(&document, span));
        Ok(written(text, &entities(&document, &join_nouns(&document, found))))
    }

    /// Spans of words of a document, given as text and type, in order.
    fn find(document: &Document, spans: &[(&str, &str)]) -> Vec<Span> {
        let mut from = 0;
        let mut found = Vec::new();
        for (surface, kind) in spans {
            let byte = from + document.text.text()[from..].find(surface).expect("a part of the text");
            from = byte + surface.len();
            let words = document.words.partition_point(|w| w.start < byte)..document.words.partition_point(|w| w.start < from);
            found.push(Span { words, kind: kind.to_string(), score: 0.5 });
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
        let names = ["بوتين", "للأسد", "منصف الإدريسي", "منصف الإدريسي", "والحكومة السورية"];
        let kinds = ["PER", "PER", "PER", "PER", "ORG"];
        let wanted: Vec<(String, String)> = names.iter().zip(kinds).map(|(n, k)| (n.to_string(), k.to_string())).collect();
        assert_eq!(texts(settled(text, &spans)?), wanted);
        let text = "فاز ليفربول وليفربول على ليفربول، ورحب للأوروبيين. شاهد «بالحجم العائلي» و«السوق»";
        let spans = [("ليفربول", "ORG"), ("وليفربول", "PER"), ("ليفربول", "ORG"), ("للأوروبيين", "LOC"), ("بالحجم العائلي", "MISC")];
        let found = settled(text, &spans)?;
        assert_eq!(found.iter().map(|(_, kind, _)| kind.as_str()).collect::<Vec<_>>(), ["ORG", "ORG", "ORG", "MISC", "MISC"]);
        assert_eq!(found[4].2, "بالحجم العائلي", "a title in quotes is as it is written");
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
