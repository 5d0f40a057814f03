//! Which sentences a summary may be made of, and how they begin.

use crate::pipeline::document::{DocSentence, Document, Field};
use crate::text::asides;
use crate::text::sentences::LINE_ENDS;
use crate::text::words::among;
use std::collections::HashSet;

/// Reporting verbs and other words that open a sentence whose speaker was named before.
const DANGLING: &str = "وقال وأضاف وأضافت وقالت وأوضح وأوضحت وأكد وأكدت وأشار وأشارت وتابع وتابعت ولفت وذكر وذكرت وبين واعتبر وشدد وشددت كما \
    لكنه لكنها وكان وكانت وأردف وأردفت واختتم واختتمت وختم وختمت وأبرز وأبرزت بدوره وبدوره بدورها وبدورها";
/// Two words that open such a sentence, with or without a و before them.
const DANGLING_PAIRS: [(&str, &str); 7] =
    [("في", "ذلك"), ("من", "جهته"), ("من", "جهتها"), ("من", "جانبه"), ("من", "جانبها"), ("جاء", "ذلك"), ("يأتي", "ذلك")];

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

/// Whether a word opens a sentence that leans on the one before it.
pub(super) fn leans(opening: &str) -> bool {
    among(DANGLING, opening)
}

pub(super) fn is_dangling(document: &Document, sentence: &DocSentence) -> bool {
    leans(document.word(sentence.words.start))
}

/// Whether two words open it that point back: «في ذلك اليوم».
pub(super) fn leans_by_two(document: &Document, sentence: &DocSentence) -> bool {
    let first = document.word(sentence.words.start);
    let first = first.strip_prefix('و').unwrap_or(first);
    sentence.words.len() > 1 && DANGLING_PAIRS.contains(&(first, document.word(sentence.words.start + 1)))
}

/// Words that open a question.
const ASKING: &str = "هل ما ماذا لماذا متى أين كيف كم من أي أية أليس ألا ألم أهو أهي لم";
/// Words and marks within which a colon stands that names a speaker or a column.
const SPEAKER: usize = 5;

/// Whether a sentence is a question and nothing else, or a few words and a question behind a colon.
pub(super) fn asks(document: &Document, sentence: &DocSentence) -> bool {
    let words = sentence.words.clone();
    let ends = words.clone().rev().map(|at| document.word(at)).find(|word| !matches!(*word, "»" | "”" | "\"" | ")" | "!" | "."));
    let colon = words.clone().take(SPEAKER).rev().find(|&at| document.word(at) == ":");
    let first = colon.map_or(words.start, |colon| colon + 1);
    let opening = (first..words.end).find(|&at| !document.words[at].mark).map_or("", |at| document.word(at));
    let asking = |word: &str| among(ASKING, word) || word.strip_prefix(['و', 'ف']).is_some_and(|word| among(ASKING, word));
    matches!(ends, Some("؟" | "?")) && asking(opening)
}

/// Whether each sentence closes a quote that its line opened before it: who says so stands elsewhere.
pub(super) fn quoted(document: &Document) -> Vec<bool> {
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

#[cfg(test)]
mod tests {
    use super::*;

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
}
