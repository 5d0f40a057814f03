//! The code points of a summary, and its text.

use super::cut::holds;
use super::pool::{is_dangling, leans, marker};
use crate::data::Summary;
use crate::pipeline::document::{DocSentence, Document, Field};
use crate::text::asides;
use crate::text::normalise::Original;
use crate::text::references::{resolved, shown};
use std::ops::Range;

/// Marks that touch the word before them, whatever stood between the two.
const CLOSE: [&str; 8] = [".", "؟", "!", "،", "؛", ",", ";", ":"];
/// Digits of a time or of a score.
const DIGITS: usize = 3;

/// Code points of parts of the normalised text, none of which overlap: a character such as ㏂ may hold the end of one and the
/// beginning of the next. The و of a sentence that leans on one before it goes.
pub(super) fn spans_of_parts(document: &Document, mut parts: Vec<Range<usize>>) -> Vec<(usize, usize)> {
    let text = document.text.text();
    for part in &mut parts {
        let opens = document.sentences.iter().find(|s| s.field == Field::Text && s.bytes.start == part.start);
        if opens.is_some_and(|s| is_dangling(document, s)) && text[part.clone()].starts_with('و') {
            part.start += 'و'.len_utf8();
        }
    }
    let mut out: Vec<(usize, usize)> = Vec::new();
    for part in parts {
        let (start, end) = document.text.original_span(part.start, part.end);
        let start = start.max(out.last().map_or(0, |last| last.1));
        if start < end {
            out.push((start, end));
        }
    }
    out
}

/// Code points of a sentence without its asides, the marker of a list, and the و of an opening that leans on the sentence before.
pub(super) fn spans_of(document: &Document, sentence: &DocSentence) -> Vec<(usize, usize)> {
    let first = sentence.words.start + marker(document, sentence);
    let opening = document.word(first);
    let cut = if leans(opening) && opening.starts_with('و') { 'و'.len_utf8() } else { 0 };
    let words = &document.words[sentence.words.clone()];
    let mut out = Vec::new();
    let mut start = document.words[first].start + cut;
    for aside in asides::asides(document.text.text(), words) {
        if aside.start > 0 && start < words[aside.start - 1].end {
            out.push(document.text.original_span(start, words[aside.start - 1].end));
        }
        start = words.get(aside.end).map_or(sentence.bytes.end, |word| word.start);
    }
    if start < sentence.bytes.end {
        out.push(document.text.original_span(start, sentence.bytes.end));
    }
    out
}

/// Words between white space.
pub(super) fn count(original: &Original<'_>, span: (usize, usize)) -> usize {
    original.slice(span.0, span.1).map_or(0, |s| resolved(s).split_whitespace().count())
}

/// The first `limit` words of the parts of a sentence. A mark alone is no word: [`written`] puts it behind one.
pub(super) fn shorten_all(spans: &[(usize, usize)], original: &Original<'_>, limit: usize) -> Vec<(usize, usize)> {
    let (mut out, mut left) = (Vec::new(), limit);
    for (at, &span) in spans.iter().enumerate() {
        if at > 0 && out.last() == Some(&spans[at - 1]) && original.slice(span.0, span.1).is_some_and(|mark| CLOSE.contains(&mark)) {
            out.push(span);
            continue;
        }
        if left == 0 {
            break;
        }
        let short = shorten(span, original, left);
        let says = |text: &str| text.split_whitespace().any(|word| !holds(word));
        if out.is_empty() || original.slice(short.0, short.1).is_some_and(says) {
            out.push(short);
        }
        left = left.saturating_sub(count(original, span));
    }
    out
}

/// The first `limit` words of a span, back to its last comma when that keeps more than half of them.
fn shorten(span: (usize, usize), original: &Original<'_>, limit: usize) -> (usize, usize) {
    let Some(text) = original.slice(span.0, span.1).map(resolved) else { return span };
    let points: Vec<char> = text.chars().collect();
    let digit = |at: usize| points.get(at).is_some_and(|c| c.is_numeric());
    let (mut words, mut inside, mut end, mut comma) = (0, false, points.len(), None);
    for (at, &c) in points.iter().enumerate() {
        if c.is_whitespace() {
            inside = false;
        } else if !inside {
            inside = true;
            words += 1;
            if words > limit {
                end = at;
                break;
            }
        }
        let inside_number = at > 0 && digit(at - 1) && digit(at + 1);
        if at > 0 && matches!(c, '،' | '؛' | ',') && words * 2 > limit && !inside_number {
            comma = Some(at);
        }
    }
    if words > limit {
        end = comma.unwrap_or_else(|| settle(&points[..end], limit));
    }
    let kept: String = points[..end].iter().collect();
    (span.0, span.0 + kept.trim_end().chars().count())
}

/// Where a part that was cut off ends without a bracket that nothing closes, where that keeps more than half of `limit`
/// words, and without words that want another behind them, unless these are all.
fn settle(points: &[char], limit: usize) -> usize {
    let text: String = points.iter().collect();
    let mut kept = text.as_str();
    let open = [('(', ')'), ('«', '»'), ('[', ']')].into_iter().filter_map(|(opens, closes)| {
        let at = kept.rfind(opens)?;
        (!kept[at..].contains(closes) && 2 * kept[..at].split_whitespace().count() > limit).then_some(at)
    });
    kept = kept[..open.min().unwrap_or(kept.len())].trim_end();
    let mut says = kept.len();
    let mut at = 0;
    for word in kept.split_inclusive(char::is_whitespace) {
        at += word.len();
        if !word.trim().is_empty() && !holds(word.trim()) {
            says = at;
        }
    }
    kept[..says].trim_end().chars().count()
}

/// The text of some spans, a space between two words: with characters for references to them, and times and scores («10 : 30») in one.
pub(super) fn written(spans: Vec<(usize, usize)>, original: &Original<'_>) -> Summary {
    let parts: Vec<_> = spans.iter().filter_map(|&(start, end)| original.slice(start, end)).map(resolved).collect();
    let words: Vec<_> = parts.iter().flat_map(|part| part.split_whitespace()).map(shown).collect();
    let between = |at: usize| at > 0 && words[at] == ":" && words.get(at + 1).is_some_and(|next| is_time(&words[at - 1], next));
    let mut text = String::new();
    for (at, word) in words.iter().enumerate() {
        let touches = at == 0 || CLOSE.contains(&word.as_ref()) || between(at - 1);
        text.push_str(if touches { "" } else { " " });
        text.push_str(word);
    }
    Summary { text, method: "extractive".to_string(), spans }
}

/// Whether a colon between the two says a time or a score: short numbers on both sides.
fn is_time(before: &str, behind: &str) -> bool {
    let ends = before.chars().rev().take_while(|c| c.is_numeric()).count();
    let begins = behind.chars().take_while(|c| c.is_numeric()).count();
    (1..=DIGITS).contains(&ends) && (1..=DIGITS).contains(&begins)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shortening_stops_at_a_comma_or_a_word() {
        let text = "قال الوزير إن الحكومة، رغم كل ما جرى في البلاد، ستمضي في خطتها";
        let all = (0, text.chars().count());
        let cut = |limit| {
            let (a, b) = shorten(all, &Original::new(text), limit);
            Original::new(text).slice(a, b).unwrap_or_default().to_string()
        };
        assert_eq!(cut(100), text);
        assert_eq!(cut(5), "قال الوزير إن الحكومة");
        assert_eq!(cut(2), "قال الوزير");
        let counted = "بلغ عدد القتلى 1,500 قتيل منذ بدء الحرب";
        assert_eq!(shorten((0, counted.chars().count()), &Original::new(counted), 5), (0, "بلغ عدد القتلى 1,500 قتيل".chars().count()));
        assert_eq!(cut(11), "قال الوزير إن الحكومة، رغم كل ما جرى في البلاد");
    }
}
