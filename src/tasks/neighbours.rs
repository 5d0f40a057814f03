//! Names side by side: one that was found in two pieces, or one and what only stands before it (decision 025).

use super::entities::Span;
use super::settle::{bare, is_adverb, sentence};
use crate::pipeline::document::Document;
use crate::text::clitics;
use crate::text::words::among;
use std::collections::HashMap;

/// Words that want another one of the name behind them: «منى بنت», «ناصر».
const LINKS: &str = "بن بنت ابن ابنة أبو ابو آل";
/// Words before names that now and then are taken for some.
const NO_NAMES: &str = "كان كانت أن إن بأن بان أول ثاني ثالث قال قالت";
/// Certainty from which on a word before a name may be one too: «استقبل الأسد بوتين», «بوركينا فاسو».
const SURE: f32 = 0.9;

/// Last words of a body's name that want the place behind them: «الهيئة العامة للسياحة بمنطقة», «المدينة المنورة».
const PARTS: &str = "محافظة مدينة منطقة ولاية إقليم شمال جنوب شرق غرب وسط";

/// Whether the second of two names stands right behind the first, with nothing written onto it.
fn touch(document: &Document, one: &Span, next: &Span) -> bool {
    let word = document.word(next.words.start);
    let beside = one.words.end == next.words.start && sentence(document, one) == sentence(document, next);
    beside && !word.starts_with('و') && bare(document, next.words.start) == word
}

/// Two names as one.
fn joined(one: Span, next: Span) -> Span {
    let (own, other) = (one.words.len() as f32, next.words.len() as f32);
    let score = (one.score * own + next.score * other) / (own + other);
    Span { words: one.words.start..next.words.end, kind: one.kind, score }
}

/// Persons of one word: the word that stands behind every occurrence, `None` where they differ or a sentence ends, and how many there are.
fn followers<'a>(document: &'a Document, spans: &[Span]) -> HashMap<String, (Option<&'a str>, usize)> {
    let mut out = HashMap::new();
    for span in spans.iter().filter(|span| span.kind == "PER" && span.words.len() == 1) {
        let inside = span.words.end < document.sentences[sentence(document, span)].words.end;
        let behind = inside.then(|| document.word(span.words.end));
        let own: &mut (Option<&str>, usize) = out.entry(bare(document, span.words.start)).or_insert((behind, 0));
        *own = (own.0.filter(|_| own.0 == behind), own.1 + 1);
    }
    out
}

/// Mend names that touch, pair by pair.
pub(super) fn mend_neighbours(document: &Document, spans: Vec<Span>) -> Vec<Span> {
    let followers = followers(document, &spans);
    let mut out: Vec<Span> = Vec::with_capacity(spans.len());
    for span in spans {
        let Some(one) = out.pop_if(|one| touch(document, one, &span)) else {
            out.push(span);
            continue;
        };
        match (one.kind.as_str(), span.kind.as_str()) {
            ("PER", "PER") => out.extend(persons(document, one, span, &followers)),
            ("LOC", "LOC") if is_noun(document, &one, &span) => out.push(span),
            ("ORG", "LOC") if among(PARTS, &bare(document, one.words.end - 1)) => out.push(joined(one, span)),
            _ => out.extend([one, span]),
        }
    }
    out
}

/// Join «زلاتان» to «إبراهيموفيتش» behind it, where the article never has the first without the second, and before a name drop what
/// is none, «الرائد», or is that of a people, «الغاني».
fn persons(document: &Document, one: Span, next: Span, followers: &HashMap<String, (Option<&str>, usize)>) -> Vec<Span> {
    let (first, second) = (bare(document, one.words.start), document.word(next.words.start));
    let behind = followers.get(&first).filter(|_| one.words.len() == 1);
    let always = behind.is_some_and(|&(word, _)| word == Some(second));
    let often = behind.is_some_and(|&(_, count)| count > 1);
    let article = |word: &str| word.starts_with("ال");
    let linked = among(LINKS, document.word(one.words.end - 1));
    // «الدوري» before «عزت الدوري» is a name.
    let stray = one.score < SURE && article(&first) && !article(second) && document.word(next.words.end - 1) != first;
    let whole = always && !article(&first) && !among(NO_NAMES, &first) && (often || !article(second)) && !is_adverb(document, &next);
    if linked || whole {
        vec![joined(one, next)]
    } else if always && stray {
        let people = ["ي", "يين", "يان", "يون", "ية"].iter().any(|ending| first.ends_with(ending));
        people.then(|| Span { kind: "MISC".to_string(), ..one }).into_iter().chain([next]).collect()
    } else {
        vec![one, next]
    }
}

/// Whether the first of two places is a noun or a direction before the other: «حوض» of «حوض البحر المتوسط», «غرب» of «غرب القصيم».
fn is_noun(document: &Document, one: &Span, next: &Span) -> bool {
    let word = bare(document, one.words.start);
    let place = word.starts_with("ال") || clitics::is_known(&word) || word == document.word(next.words.start);
    one.words.len() == 1 && one.score < SURE && (!place || word == "العاصمة")
}
