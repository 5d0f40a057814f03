//! Names as rules and the rest of the article mend them (decision 025).

use super::entities::Span;
use super::neighbours::mend_neighbours;
use crate::pipeline::document::{Document, Field};
use crate::text::clitics;
use crate::text::references::{refers, resolved, shown};
use crate::text::words::among;
use std::collections::{HashMap, HashSet};

/// Words that no name ends with; of a person «على» may be an Egyptian «علي».
const PREPOSITIONS: [&str; 5] = ["في", "من", "إلى", "عن", "مع"];
/// Nouns before a place that are no part of its name.
const PROVINCES: &str = "محافظة مدينة منطقة دولة إمارة ولاية قرية بلدة إقليم قضاء ناحية حي";
/// Nouns with the article that are one name with the adjective of a people behind them.
const DEFINITE: &str = "السلطة الحكومة الجمهورية الوحدات";

/// Words before the name of a club or a party, which may be a noun by itself.
const BEARING: &str = "نادي لاعب لاعبي لاعبو مدرب مهاجم حزب";

/// Words in brackets behind a name of a list.
const BRACKETED: usize = 12;

/// A word without proclitics, whatever else the article has.
pub(super) fn bare(document: &Document, word: usize) -> String {
    clitics::strip(document.word(word), |_| false)
}

/// Whether nothing but a proclitic is left, as of «ولـ "الجزيرة"».
fn is_proclitic(document: &Document, span: &Span) -> bool {
    span.words.len() == 1 && clitics::is_proclitic(document.word(span.words.start))
}

/// Names as the labels of their words have them, mended by rules and by what the article has elsewhere.
pub(super) fn settle(document: &Document, spans: Vec<Span>) -> Vec<Span> {
    let mut spans: Vec<Span> = spans.into_iter().flat_map(|span| split(document, span)).collect();
    spans.retain_mut(|span| trim(document, span) && !is_proclitic(document, span));
    let mut spans = join_adjectives(document, join_nouns(document, mend_neighbours(document, spans)));
    complete(document, &mut spans);
    add_places(document, &mut spans);
    let noun = |span: &Span| clitics::is_definite(&bare(document, span.words.start)) && !is_borne(document, span.words.start);
    spans.retain(|span| span.words.len() > 1 || span.kind == "PER" || !noun(span));
    drop_adverbs(document, &mut spans);
    settle_types(document, &mut spans);
    drop_furniture(document, &mut spans);
    spans
}

/// Without names that stand in page furniture and nowhere else in the article, if it is more than that: tags, captions, related links.
fn drop_furniture(document: &Document, spans: &mut Vec<Span>) {
    let furniture = |span: &Span| document.sentences[sentence(document, span)].boilerplate;
    if document.sentences.iter().all(|sentence| sentence.boilerplate || sentence.field == Field::Title) || !spans.iter().any(furniture) {
        return;
    }
    let names = names(document, spans);
    let own: HashSet<&str> = spans.iter().zip(&names).filter(|(span, _)| !furniture(span)).map(|(_, name)| name.as_str()).collect();
    let mut kept =
        spans.iter().zip(&names).map(|(span, name)| !furniture(span) || own.contains(name.as_str())).collect::<Vec<_>>().into_iter();
    spans.retain(|_| kept.next().unwrap_or(true));
}

/// Whether the article says that such a noun is the name of a club or a party: «نادي الشرطة», «حزب القوات».
fn is_borne(document: &Document, word: usize) -> bool {
    let name = bare(document, word);
    (1..document.words.len()).any(|at| among(BEARING, &bare(document, at - 1)) && document.word(at) == name)
}

/// Whether a name is one word that tanween makes an adverb or an object, as few names are: «روسيا» of «روسياً», «أولاً».
pub(super) fn is_adverb(document: &Document, span: &Span) -> bool {
    let (part, word) = (document.part(document.field(span.words.start)), document.words[span.words.start]);
    let alef = word.end - 'ا'.len_utf8()..word.end;
    let (start, end) = part.original_span(alef.start, alef.end);
    span.words.len() == 1 && document.word(span.words.start).ends_with('ا') && end > start + 1
}

/// Without adverbs that name nothing; those of peoples and places are of no other type than these.
fn drop_adverbs(document: &Document, spans: &mut Vec<Span>) {
    let stem = |word: usize| bare(document, word).trim_end_matches('ا').to_string();
    let first: HashSet<String> = spans.iter().map(|span| bare(document, span.words.start)).collect();
    spans.retain_mut(|span| {
        let people = document.word(span.words.start).ends_with("يا") && span.kind != "PER";
        if !is_adverb(document, span) || span.kind == "MISC" {
            return true;
        }
        if people {
            span.kind = "MISC".to_string();
        }
        people || span.kind == "PER" && first.contains(&stem(span.words.start))
    });
}

/// A person's name, cut before a word that «to the» is written onto: «بوتين» and «للأسد» are two; and before a place with a
/// proclitic: «يوسف الشاهد» and «لبرلين».
fn split(document: &Document, span: Span) -> Vec<Span> {
    let to_the = |at: usize| document.word(at).starts_with("لل") && document.word(at).chars().count() > 4;
    let in_place = |at: usize| document.word(at).starts_with(['ل', 'ب', 'ك']) && clitics::is_place(&bare(document, at));
    let place = |at: usize| !clitics::is_known(document.word(at)) && in_place(at);
    match span.words.clone().skip(1).find(|&at| to_the(at) || place(at)).filter(|_| span.kind == "PER") {
        Some(at) => {
            let kind = if place(at) { "LOC" } else { "PER" }.to_string();
            let rest = Span { words: at..span.words.end, kind, score: span.score };
            vec![Span { words: span.words.start..at, ..span }, rest]
        }
        None => vec![span],
    }
}

/// Whether a word is that of a reference to a character: the quot of «&quot;».
fn in_reference(document: &Document, word: usize) -> bool {
    let is = |at: Option<usize>, marks: &[&str]| at.is_some_and(|at| at < document.words.len() && marks.contains(&document.word(at)));
    is(word.checked_sub(1), &["&", "#"]) && is(Some(word + 1), &[";"]) && refers(document.word(word))
}

/// Take punctuation off both ends, and prepositions off the last; false when nothing is left. A closing bracket or quote
/// whose opening stands inside stays.
pub(super) fn trim(document: &Document, span: &mut Span) -> bool {
    let mark = |at: usize| document.words[at].mark || in_reference(document, at);
    while !span.words.is_empty() && mark(span.words.start) {
        span.words.start += 1;
    }
    let preposition = |word: &str| PREPOSITIONS.contains(&word) || word == "على" && span.kind != "PER";
    while span.words.len() > 1 && preposition(document.word(span.words.end - 1)) || !span.words.is_empty() && mark(span.words.end - 1) {
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
/// name, nor is one by itself a name at all. Of persons «بحر» and «جبل» are family names.
pub(super) fn join_nouns(document: &Document, spans: Vec<Span>) -> Vec<Span> {
    let is_noun = |span: &Span| span.kind != "PER" && span.words.clone().all(|word| clitics::is_generic(&bare(document, word)));
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

/// Join «الحكومة» to the adjective of a people behind it, which has its gender: «دعت الحكومة الفلسطينيين» names two.
fn join_adjectives(document: &Document, spans: Vec<Span>) -> Vec<Span> {
    let mut out: Vec<Span> = Vec::with_capacity(spans.len());
    for span in spans {
        let noun = out.last_mut().filter(|noun| {
            let next = noun.words.end == span.words.start && sentence(document, noun) == sentence(document, &span);
            let word = document.word(span.words.start);
            let adjective = span.kind == "MISC" && span.words.len() == 1 && word.starts_with("ال") && word.ends_with('ة');
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

/// Score of a place that is known by its name alone: of 600 articles 66 were added, and nearly all were places.
const KNOWN: f32 = 0.9;

/// Well-known places that no label names: «لليمن», «بجنيف».
fn add_places(document: &Document, spans: &mut Vec<Span>) {
    let mut found = Vec::new();
    for sentence in document.sentences.iter().filter(|sentence| !sentence.boilerplate) {
        for at in sentence.words.clone().filter(|&at| !document.words[at].mark) {
            let next = spans.partition_point(|span| span.words.end <= at);
            let free = spans.get(next).is_none_or(|span| span.words.start > at);
            if free && clitics::is_unmistakable(&bare(document, at)) {
                found.push(Span { words: at..at + 1, kind: "LOC".to_string(), score: KNOWN });
            }
        }
    }
    spans.extend(found);
    spans.sort_by_key(|span| span.words.start);
}

/// Give every occurrence of a name the type that has the most probability behind it in the article, whatever is written onto it.
fn settle_types(document: &Document, spans: &mut [Span]) {
    let mut votes: HashMap<String, HashMap<String, f32>> = HashMap::new();
    let names = names(document, spans);
    for (span, name) in spans.iter().zip(&names).filter(|(span, _)| !is_adverb(document, span)) {
        *votes.entry(name.clone()).or_default().entry(span.kind.clone()).or_default() += span.score;
    }
    for (span, name) in spans.iter_mut().zip(&names) {
        // «للأوروبيين»; of persons «جوليين» is one.
        let people =
            span.words.len() == 1 && name.ends_with("يين") && name.chars().count() > 5 && (span.kind != "PER" || name.starts_with("ال"));
        let voted = votes.get(name).filter(|_| !is_adverb(document, span));
        if let Some((kind, _)) = voted.into_iter().flatten().max_by(|a, b| a.1.total_cmp(b.1).then_with(|| b.0.cmp(a.0))) {
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
    fn strip(&self, word: &str, kind: &str, listed: bool) -> String {
        let own = |rest: &str| !clitics::is_known(rest) && !self.first.contains(rest);
        if self.inner.contains(word) && word.strip_prefix('و').is_some_and(own) {
            return word.to_string(); // «والكوت» where there is «ثيو والكوت»
        }
        let word = if listed { clitics::unlisted(word) } else { word };
        if let Some(person) = clitics::of_person(word).filter(|_| kind == "PER") {
            return person.to_string();
        }
        clitics::strip(word, |other| self.first.contains(other))
    }
}

/// The sentence that a word stands in.
fn sentence_at(document: &Document, word: usize) -> usize {
    document.sentences.partition_point(|sentence| sentence.words.end <= word)
}

/// The sentence that a name stands in.
pub(super) fn sentence(document: &Document, span: &Span) -> usize {
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
pub(super) fn names(document: &Document, spans: &[Span]) -> Vec<String> {
    let names = Names::of(document, spans);
    let before = std::iter::once(None).chain(spans.iter().map(Some));
    let listed = |before: Option<&Span>, span: &Span| before.is_some_and(|before| is_listed(document, before, span));
    let name = |(span, before): (&Span, Option<&Span>)| {
        let word = document.word(span.words.start);
        let head = if is_titled(document, span) { word.to_string() } else { names.strip(word, &span.kind, listed(before, span)) };
        let text = document.part(document.field(span.words.start)).text();
        let (first, last) = (document.words[span.words.start], document.words[span.words.end - 1]);
        let rest = shown(&resolved(&text[first.end..last.end])).replace(['_', '#'], " "); // «ميليشيا_الحوثي»
        let head = if span.kind == "MISC" && is_adverb(document, span) { head.trim_end_matches('ا') } else { &head }; // «روسياً»
        let gap = if rest.starts_with(char::is_whitespace) { " " } else { "" };
        format!("{head}{gap}{}", rest.split_whitespace().collect::<Vec<_>>().join(" "))
    };
    spans.iter().zip(before).map(name).collect()
}
