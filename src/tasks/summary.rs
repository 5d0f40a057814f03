//! Extractive summaries: the best sentences that fit the word limit, without repetition or page furniture.

use super::cut::holds;
use crate::data::Summary;
use crate::model::config::ExtractConfig;
use crate::pipeline::document::{DocSentence, Document, Field};
use crate::text::asides;
use crate::text::normalise::Original;
use crate::text::references::{resolved, shown};
use crate::text::sentences::LINE_ENDS;
use crate::text::words::among;
use std::collections::HashSet;
use std::ops::Range;

/// Sentences after the best one are added while the summary stays within the limit divided by this: editors write about
/// 25 words where the default allows 50.
const FURTHER_WITHIN: usize = 2;
/// Share of a sentence's words that may already be said.
const REDUNDANT: f32 = 0.5;
/// Marks that touch the word before them, whatever stood between the two.
const CLOSE: [&str; 8] = [".", "؟", "!", "،", "؛", ",", ";", ":"];
/// Digits of a time or of a score.
const DIGITS: usize = 3;
/// Taken off the score of a sentence that leans on the one before it, and of one that only asks, where the best is chosen.
const DANGLING_COST: f32 = 0.7;
/// Reporting verbs and other words that open a sentence whose speaker was named before.
const DANGLING: [&str; 36] = [
    "وقال",
    "وأضاف",
    "وأضافت",
    "وقالت",
    "وأوضح",
    "وأوضحت",
    "وأكد",
    "وأكدت",
    "وأشار",
    "وأشارت",
    "وتابع",
    "وتابعت",
    "ولفت",
    "وذكر",
    "وذكرت",
    "وبين",
    "واعتبر",
    "وشدد",
    "وشددت",
    "كما",
    "لكنه",
    "لكنها",
    "وكان",
    "وكانت",
    "وأردف",
    "وأردفت",
    "واختتم",
    "واختتمت",
    "وختم",
    "وختمت",
    "وأبرز",
    "وأبرزت",
    "بدوره",
    "وبدوره",
    "بدورها",
    "وبدورها",
];
/// Two words that open such a sentence, with or without a و before them.
const DANGLING_PAIRS: [(&str, &str); 7] =
    [("في", "ذلك"), ("من", "جهته"), ("من", "جهتها"), ("من", "جانبه"), ("من", "جانبها"), ("جاء", "ذلك"), ("يأتي", "ذلك")];

/// What a model says of a document's sentences and words.
pub struct Scores<'a> {
    /// A score for each sentence of the document.
    pub sentences: &'a [f32],
    /// For each word, how likely a summary is to have it; `None` where that is not known.
    pub words: &'a [Option<f32>],
}

impl Scores<'_> {
    /// The mean of what is known of a sentence's words.
    fn words_of(&self, document: &Document, sentence: &DocSentence) -> Option<f32> {
        let own = sentence.words.clone().filter(|&w| !document.words[w].mark);
        let known: Vec<f32> = own.filter_map(|w| *self.words.get(w)?).collect();
        (!known.is_empty()).then(|| known.iter().sum::<f32>() / known.len() as f32)
    }
}

/// Sentences that a summary may be made of: those of the text that are news and no headings, or all where none are.
pub fn pool(document: &Document) -> Vec<usize> {
    let title = title_words(document);
    let news = candidates(document, |s| !s.boilerplate && !is_byline(document, s) && !repeats_title(document, s, &title));
    let whole: Vec<usize> = news.iter().copied().filter(|&i| !is_scrap(document, &document.sentences[i])).collect();
    let plain = without_headings(document, &whole);
    [plain, whole, news].into_iter().find(|found| !found.is_empty()).unwrap_or_else(|| candidates(document, |_| true))
}

/// Words of a line that is no sentence, such as a heading or a name, unless a stop ends it.
const SCRAP: usize = 4;
/// Words of such a line where longer ones end with stops: of the first, and of others, among which are links to other articles.
const HEADING: usize = 10;
const LINK: usize = 12;

fn spoken(document: &Document, sentence: &DocSentence) -> usize {
    sentence.words.clone().filter(|&w| !document.words[w].mark).count()
}

/// Whether a stop ends it, or quotes behind one.
fn ends(document: &Document, sentence: &DocSentence) -> bool {
    let closing = |word: &usize| matches!(document.word(*word), "»" | "”" | "\"");
    let last = sentence.words.clone().rev().find(|word| !closing(word)).map_or("", |word| document.word(word));
    matches!(last, "." | "؟" | "?" | "!" | "…")
}

/// Whether a line is that short, or not Arabic at all.
fn is_scrap(document: &Document, sentence: &DocSentence) -> bool {
    let arabic = |w: usize| document.word(w).starts_with(|c: char| ('\u{620}'..='\u{64a}').contains(&c));
    !sentence.words.clone().any(arabic) || spoken(document, sentence) <= SCRAP && !ends(document, sentence)
}

/// Sentences of `pool` without headings: short lines that end with no stop, where most of the others do.
fn without_headings(document: &Document, pool: &[usize]) -> Vec<usize> {
    let sentence = |i: usize| &document.sentences[i];
    let long: Vec<usize> = pool.iter().copied().filter(|&i| spoken(document, sentence(i)) > LINK).collect();
    let stopped = long.iter().filter(|&&i| ends(document, sentence(i))).count();
    let line = |i: usize| {
        let before = document.text.text()[..sentence(i).bytes.start].trim_end_matches([' ', '\t', '\u{a0}']);
        before.is_empty() || before.ends_with(LINE_ENDS)
    };
    let short = |i: usize| spoken(document, sentence(i)) <= if Some(&i) == pool.first() { HEADING } else { LINK };
    let heading = |i: usize| short(i) && line(i) && !ends(document, sentence(i));
    pool.iter().copied().filter(|&i| 2 * stopped <= long.len() || !heading(i)).collect()
}

/// A summary of `parts` of the normalised text, ranges of bytes, within `limit` words; `None` where nothing fits.
pub fn of_parts(document: &Document, parts: Vec<Range<usize>>, original: &Original<'_>, limit: usize) -> Option<Summary> {
    let spans = shorten_all(&spans_of_parts(document, parts), original, limit);
    (!spans.is_empty()).then(|| written(spans, original))
}

/// Code points of parts of the normalised text, none of which overlap: a character such as ㏂ may hold the end of one and the
/// beginning of the next. The و of a sentence that leans on one before it goes.
fn spans_of_parts(document: &Document, mut parts: Vec<Range<usize>>) -> Vec<(usize, usize)> {
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

/// The text of some spans, a space between two words: with characters for references to them, and times and scores («10 : 30») in one.
fn written(spans: Vec<(usize, usize)>, original: &Original<'_>) -> Summary {
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

/// Sentences chosen by `scores` within `limit` words, and which they are. Never empty where the text has a word. `original` is
/// the article's text.
pub fn extract(
    document: &Document,
    scores: &Scores<'_>,
    config: &ExtractConfig,
    original: &Original<'_>,
    limit: usize,
) -> (Summary, Vec<usize>) {
    let mut pool = pool(document);
    let mut rank = scores.sentences.to_vec();
    let shares: Vec<_> = document.sentences.iter().map(|s| scores.words_of(document, s).zip(config.word.as_ref())).collect();
    let quoted = quoted(document);
    for (place, &i) in pool.iter().enumerate() {
        rank[i] += config.lead / (place + 1) as f32;
        rank[i] += shares[i].map_or(0.0, |(share, word)| word.weight * share);
        let sentence = &document.sentences[i];
        let leans = is_dangling(document, sentence) || leans_by_two(document, sentence) || quoted[i];
        rank[i] -= if leans { DANGLING_COST } else { 0.0 };
    }
    pool.sort_by(|&a, &b| rank[b].total_cmp(&rank[a]).then(a.cmp(&b)));
    // A question may stand beside what tells, but not for it.
    let told = |i: usize| rank[i] - if asks(document, &document.sentences[i]) { DANGLING_COST } else { 0.0 };
    if let Some(best) = (0..pool.len()).min_by(|&a, &b| told(pool[b]).total_cmp(&told(pool[a]))) {
        pool[..=best].rotate_right(1);
    }
    let mut chosen: Vec<(usize, Vec<(usize, usize)>)> = Vec::new();
    let mut said: HashSet<String> = HashSet::new();
    let mut left = limit;
    for &i in &pool {
        let mut spans = spans_of(document, &document.sentences[i]);
        if i == pool[0] {
            spans = shorten_all(&spans, original, limit.max(1)); // the best sentence is worth more than all that would fit in its place
        }
        let length: usize = spans.iter().map(|&span| count(original, span)).sum();
        if !chosen.is_empty() && limit - left + length > limit / FURTHER_WITHIN {
            continue; // the best sentence may take all of the limit, the others only fill up what it leaves of its half
        }
        if !chosen.is_empty() && shares[i].is_some_and(|(share, word)| share < word.further) {
            continue;
        }
        let words = content_words(document, &document.sentences[i]);
        let repeated = words.iter().filter(|w| said.contains(*w)).count() as f32;
        // A character such as ㏂ may hold the end of a sentence; the sentences on both sides then overlap in it.
        let overlaps =
            chosen.iter().flat_map(|(_, others)| others).any(|other| spans.iter().any(|span| span.0 < other.1 && other.0 < span.1));
        if length == 0 || overlaps || length > left || (!chosen.is_empty() && repeated > REDUNDANT * words.len() as f32) {
            continue;
        }
        left -= length;
        said.extend(words);
        chosen.push((i, spans));
    }
    chosen.sort_by_key(|&(i, _)| i);
    let (sentences, spans): (Vec<usize>, Vec<_>) = chosen.into_iter().unzip();
    (written(spans.concat(), original), sentences)
}

fn candidates(document: &Document, keep: impl Fn(&DocSentence) -> bool) -> Vec<usize> {
    let all = document.sentences.iter().enumerate();
    all.filter(|(_, s)| s.field == Field::Text && keep(s)).map(|(i, _)| i).collect()
}

pub(super) fn title_words(document: &Document) -> HashSet<&str> {
    (0..document.title_words).filter(|&w| !document.words[w].mark).map(|w| document.word(w)).collect()
}

/// Whether a sentence is the headline again, as scraped pages have it: it says nothing that the title does not.
pub(super) fn repeats_title(document: &Document, sentence: &DocSentence, title: &HashSet<&str>) -> bool {
    sentence.words.clone().filter(|&w| !document.words[w].mark).all(|w| title.contains(document.word(w)))
}

fn is_dangling(document: &Document, sentence: &DocSentence) -> bool {
    DANGLING.contains(&document.word(sentence.words.start))
}

/// Whether two words open it that point back: «في ذلك اليوم».
fn leans_by_two(document: &Document, sentence: &DocSentence) -> bool {
    let first = document.word(sentence.words.start);
    let first = first.strip_prefix('و').unwrap_or(first);
    sentence.words.len() > 1 && DANGLING_PAIRS.contains(&(first, document.word(sentence.words.start + 1)))
}

/// Words that open a question.
const ASKING: &str = "هل ما ماذا لماذا متى أين كيف كم من أي أية أليس ألا ألم أهو أهي لم";

/// Words and marks within which a colon stands that names a speaker or a column.
const SPEAKER: usize = 5;

/// Whether a sentence is a question and nothing else, or a few words and a question behind a colon.
fn asks(document: &Document, sentence: &DocSentence) -> bool {
    let words = sentence.words.clone();
    let ends = words.clone().rev().map(|at| document.word(at)).find(|word| !matches!(*word, "»" | "”" | "\"" | ")" | "!" | "."));
    let colon = words.clone().take(SPEAKER).rev().find(|&at| document.word(at) == ":");
    let first = colon.map_or(words.start, |colon| colon + 1);
    let opening = (first..words.end).find(|&at| !document.words[at].mark).map_or("", |at| document.word(at));
    let asking = |word: &str| among(ASKING, word) || word.strip_prefix(['و', 'ف']).is_some_and(|word| among(ASKING, word));
    matches!(ends, Some("؟" | "?")) && asking(opening)
}

/// Whether each sentence closes a quote that its line opened before it: who says so stands elsewhere.
fn quoted(document: &Document) -> Vec<bool> {
    let text = document.text.text();
    let (mut at, mut straight, mut angled, mut curly) = (0, 0, 0, 0);
    let mut closes = |sentence: &DocSentence| {
        for c in text[at..sentence.bytes.start].chars() {
            match c {
                '\n' => (straight, angled, curly) = (0, 0, 0),
                '"' => straight += 1,
                '«' => angled += 1,
                '»' => angled -= 1,
                '“' => curly += 1,
                '”' => curly -= 1,
                _ => {}
            }
        }
        at = sentence.bytes.start;
        let closed = |c: char| text[sentence.bytes.clone()].contains(c);
        straight % 2 == 1 && closed('"') || angled > 0 && closed('»') || curly > 0 && closed('”')
    };
    document.sentences.iter().map(|sentence| sentence.field == Field::Text && closes(sentence)).collect()
}

fn is_byline(document: &Document, sentence: &DocSentence) -> bool {
    asides::is_byline(document.text.text(), &document.words[sentence.words.clone()])
}

/// What stands before the sentences of a list, and behind their numbers.
const BULLETS: [&str; 16] = [".", "•", "-", "–", "—", "−", "*", "·", "▪", "●", "■", "◆", "►", "▶", "←", "|"];
const NUMBERED: [&str; 4] = ["-", "–", ".", ")"];

/// How many words of a sentence only say that it is one of a list: «• », «1- ».
pub(super) fn marker(document: &Document, sentence: &DocSentence) -> usize {
    let words = sentence.words.clone();
    let touching = |at: usize| at + 1 < words.end && document.words[at].end == document.words[at + 1].start;
    let number = |at: usize| document.word(at).chars().all(|c| c.is_ascii_digit());
    let bullets = words.clone().take_while(|&at| BULLETS.contains(&document.word(at))).count();
    let mut at = words.start + bullets;
    if bullets > 0 && (at == words.end || touching(at - 1) && number(at)) {
        return 0; // «-5 »
    }
    if at + 2 < words.end && number(at) && document.word(at).len() < 3 && touching(at) && NUMBERED.contains(&document.word(at + 1)) {
        at += if document.words[at + 2].mark || number(at + 2) || touching(at + 1) { 0 } else { 2 };
    }
    at - words.start
}

/// Code points of a sentence without its asides, the marker of a list, and the و of an opening that leans on the sentence before.
fn spans_of(document: &Document, sentence: &DocSentence) -> Vec<(usize, usize)> {
    let first = sentence.words.start + marker(document, sentence);
    let opening = document.word(first);
    let cut = if DANGLING.contains(&opening) && opening.starts_with('و') { 'و'.len_utf8() } else { 0 };
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
fn count(original: &Original<'_>, span: (usize, usize)) -> usize {
    original.slice(span.0, span.1).map_or(0, |s| resolved(s).split_whitespace().count())
}

/// The first `limit` words of the parts of a sentence. A mark alone is no word: [`written`] puts it behind one.
fn shorten_all(spans: &[(usize, usize)], original: &Original<'_>, limit: usize) -> Vec<(usize, usize)> {
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

/// The words of a sentence that carry its content: longer than three letters, the article taken off.
fn content_words(document: &Document, sentence: &DocSentence) -> HashSet<String> {
    let words = sentence.words.clone().map(|w| document.word(w));
    words.filter(|w| w.chars().count() > 3).map(|w| w.trim_start_matches("ال").to_string()).collect()
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::config::WordConfig;

    fn config(lead: f32) -> ExtractConfig {
        ExtractConfig { size: 4, layers: 1, heads: 1, feed_forward: 4, positions: 4, lead, word: None, cut: None }
    }

    #[test]
    fn what_is_left_out_leaves_whole_words_and_marks() -> crate::Result<()> {
        let model = crate::model::Model::load(&crate::model::Source::Bundled, &crate::model::Device::Cpu, None)?;
        let summary = |text: &str, limit: usize| -> crate::Result<Summary> {
            let document = Document::new(&crate::Article::new(text), &model.tokenizer, model.config.mujaz()?);
            let scores = Scores { sentences: &vec![0.0; document.sentences.len()], words: &[] };
            Ok(extract(&document, &scores, &config(1.0), &Original::new(text), limit).0)
        };
        let text = "دبي (CNN)-- أعلنت مصادر سورية الأربعاء، أن المسلحين، وعددهم كبير، انسحبوا.";
        let found = summary(text, 50)?;
        assert_eq!(found.text, "أعلنت مصادر سورية أن المسلحين، وعددهم كبير، انسحبوا.");
        assert_eq!(found.spans.len(), 2);
        assert_eq!(summary(text, 4)?.text, "أعلنت مصادر سورية", "a limit that ends behind the day");
        assert_eq!(summary(text, 3)?.text, "أعلنت مصادر سورية");
        assert_eq!(summary("لجين الأحمدي – متابعات\nأعلنت الوزارة فتح الطريق.", 50)?.text, "أعلنت الوزارة فتح الطريق.");
        assert_eq!(summary("لجين الأحمدي – متابعات", 50)?.text, "لجين الأحمدي – متابعات", "never empty");
        Ok(())
    }

    /// The summary of a text whose sentences are worth less and less.
    fn led(text: &str, limit: usize) -> crate::Result<Summary> {
        let model = crate::model::Model::load(&crate::model::Source::Bundled, &crate::model::Device::Cpu, None)?;
        let document = Document::new(&crate::Article::new(text), &model.tokenizer, model.config.mujaz()?);
        let scores = Scores { sentences: &vec![0.0; document.sentences.len()], words: &[] };
        Ok(extract(&document, &scores, &config(0.1), &Original::new(text), limit).0)
    }

    #[test]
    fn times_and_references_are_shown_as_they_should_be() -> crate::Result<()> {
        let found = led("فاز الفريق ( 2 : 1 ) عند الساعة 10 : 30 مساء.", 50)?;
        assert_eq!(found.text, "فاز الفريق ( 2:1 ) عند الساعة 10:30 مساء.");
        assert_eq!(led("في عام 2010 : 30 قتيلا سقطوا .", 50)?.text, "في عام 2010: 30 قتيلا سقطوا.");
        let text = "قال &quot;نعم&quot; ثم&nbsp;غادر المدينة.";
        let found = led(text, 50)?;
        assert_eq!((found.text.as_str(), found.spans), ("قال \"نعم\" ثم غادر المدينة.", vec![(0, text.chars().count())]));
        assert_eq!(led(text, 4)?.text, "قال \"نعم\" ثم غادر");
        assert_eq!(led("&nbsp;", 3)?.text, "&nbsp;", "never empty");
        Ok(())
    }

    #[test]
    fn headings_and_questions_are_no_summaries() -> crate::Result<()> {
        let told = "أعلنت الوزارة أمس فتح الطريق الدولي بين المدينتين بعد عامين كاملين من الإغلاق.";
        for heading in ["مشروع الطريق الدولي الجديد", "تقرير عن الطريق الدولي بين المدينتين"]
        {
            assert_eq!(led(&format!("{heading}\n{told}"), 50)?.text, told);
        }
        let open = "أعلنت الوزارة أمس فتح الطريق الدولي بين المدينتين بعد عامين كاملين من الإغلاق";
        let heading = "فتحت الوزارة طريق المدينة القديم أمس";
        assert_eq!(led(&format!("{heading}\n{open}"), 10)?.text, heading, "no line of the text ends with a stop");
        for question in ["هل تفتح الوزارة الطريق الدولي قريبا؟", "سؤال اليوم: متى يفتح الطريق الدولي؟"]
        {
            assert_eq!(led(&format!("{question}\n{told}"), 20)?.text, told);
            assert_eq!(led(question, 20)?.text, question);
        }
        let asked = "متى تنتهي أعمال الصيانة؟";
        assert_eq!(led(&format!("{asked}\n{told}"), 50)?.text, format!("{asked} {told}"), "beside what tells");
        let link = "وزيرة النقل تزور الطريق القديم بين المدينتين وتدعو الناس إلى الصبر";
        assert_eq!(led(&format!("{told}\n{link}"), 100)?.text, told, "a link to another article");
        let known = "عاد الوزير إلى المدينة، فهل يفتح الطريق الدولي؟";
        assert_eq!(led(&format!("{known}\n{told}"), 8)?.text, known);
        Ok(())
    }

    #[test]
    fn further_sentences_stay_within_half_of_the_limit() -> crate::Result<()> {
        let model = crate::model::Model::load(&crate::model::Source::Bundled, &crate::model::Device::Cpu, None)?;
        let sentence = |words: usize, name: &str| format!("{}.", vec![name; words].join(" "));
        let text = [sentence(10, "مدينة"), sentence(10, "وزير"), sentence(20, "جامعة")].join("\n");
        let document = Document::new(&crate::Article::new(text.clone()), &model.tokenizer, model.config.mujaz()?);
        let words = |limit: usize| {
            let scores = Scores { sentences: &[3.0, 2.0, 1.0], words: &[] };
            let (summary, _) = extract(&document, &scores, &config(0.0), &Original::new(&text), limit);
            summary.text.split_whitespace().count()
        };
        assert_eq!((words(50), words(100), words(19), words(5)), (20, 40, 10, 5));
        Ok(())
    }

    #[test]
    fn sentences_that_lean_on_others_are_worth_less() -> crate::Result<()> {
        let model = crate::model::Model::load(&crate::model::Source::Bundled, &crate::model::Device::Cpu, None)?;
        let best = |opening: &str| -> crate::Result<String> {
            let text = format!("{opening} انتهت الحرب الطويلة.\nأعلن الوزير وقف القتال.");
            let document = Document::new(&crate::Article::new(text.clone()), &model.tokenizer, model.config.mujaz()?);
            let scores = Scores { sentences: &[0.6, 0.0], words: &[] };
            Ok(extract(&document, &scores, &config(0.0), &Original::new(&text), 4).0.text)
        };
        for opening in ["في ذلك", "وفي ذلك", "ومن جهته", "ومن جانبها", "وجاء ذلك", "بدوره", "وبدورها", "وأضاف"]
        {
            assert_eq!(best(opening)?, "أعلن الوزير وقف القتال.", "{opening}");
        }
        for opening in ["في هذا", "ومن جهة", "دور", "جاء"] {
            assert_ne!(best(opening)?, "أعلن الوزير وقف القتال.", "{opening}");
        }
        Ok(())
    }

    #[test]
    fn sentences_that_close_a_quote_lean_on_its_speaker() -> crate::Result<()> {
        let model = crate::model::Model::load(&crate::model::Source::Bundled, &crate::model::Device::Cpu, None)?;
        let found = |text: &str| -> crate::Result<Vec<bool>> {
            let mut article = crate::Article::new(text);
            article.title = Some("قال «زيد» ذلك".to_string());
            let document = Document::new(&article, &model.tokenizer, model.config.mujaz()?);
            let text = document.sentences.iter().zip(quoted(&document)).filter(|(sentence, _)| sentence.field == Field::Text);
            Ok(text.map(|(_, quoted)| quoted).collect())
        };
        for (open, close) in [("\"", "\""), ("«", "»"), ("“", "”")] {
            let text = format!("قال زيد إن {open}البلاد بخير اليوم. وإن الحرب انتهت{close} كلها. ثم غادر {open}زيد{close} المدينة.");
            assert_eq!(found(&text)?, [false, true, false], "{text}");
            let text = format!("قال زيد إن {open}البلاد بخير اليوم.\nوصل الوفد إلى{close} حلب.");
            assert_eq!(found(&text)?, [false, false], "a quote ends with its line: {text}");
        }
        assert_eq!(found("قال «إن البلاد بخير اليوم. وإن الحرب انتهت كلها. ثم غادر» المدينة.")?, [false, false, true], "it goes on");
        Ok(())
    }

    #[test]
    fn words_that_editors_keep_choose_sentences() -> crate::Result<()> {
        let model = crate::model::Model::load(&crate::model::Source::Bundled, &crate::model::Device::Cpu, None)?;
        let text = "وصل الوفد إلى المدينة.\nأعلن الوزير وقف القتال.\nكان الطقس جميلا هناك.";
        let document = Document::new(&crate::Article::new(text), &model.tokenizer, model.config.mujaz()?);
        let shares = [0.5, 0.8, 0.2];
        let of = |word: usize| shares[document.sentences.iter().position(|s| s.words.contains(&word)).unwrap_or(0)];
        let words: Vec<Option<f32>> = (0..document.words.len()).map(|word| (word != 2).then(|| of(word))).collect();
        let best = |weight: f32, further: f32, limit: usize| {
            let config = ExtractConfig { word: Some(WordConfig { size: 1, weight, further }), ..config(0.0) };
            extract(&document, &Scores { sentences: &[0.2, 0.1, 0.0], words: &words }, &config, &Original::new(text), limit).0.text
        };
        let first = "وصل الوفد إلى المدينة.";
        assert_eq!(best(0.0, 0.0, 4), first);
        assert_eq!(best(1.0, 0.0, 4), "أعلن الوزير وقف القتال.");
        assert_eq!(best(1.0, 0.9, 50), "أعلن الوزير وقف القتال.");
        assert_eq!(best(1.0, 0.3, 50), format!("{first} أعلن الوزير وقف القتال."));
        assert_eq!(best(1.0, 0.0, 50).split('.').count(), 4);
        Ok(())
    }

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
