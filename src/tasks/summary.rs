//! Extractive summaries: the best sentences that fit the word limit, without repetition or page furniture.

use super::pool::{asks, is_dangling, leans_by_two, pool, quoted};
use super::wording::{count, shorten_all, spans_of, spans_of_parts, written};
use crate::data::Summary;
use crate::model::config::ExtractConfig;
use crate::pipeline::document::{DocSentence, Document};
use crate::text::normalise::Original;
use std::collections::HashSet;
use std::ops::Range;

/// Sentences after the best one are added while the summary stays within the limit divided by this: editors write about
/// 25 words where the default allows 50.
const FURTHER_WITHIN: usize = 2;
/// Where the best ones have fewer words than the limit divided by this, they hardly say a thing: the next may fill the limit.
const SCANT: usize = 4;
/// Share of a sentence's words that may already be said.
const REDUNDANT: f32 = 0.5;
/// Taken off the score of a sentence that leans on the one before it, and of one that only asks, where the best is chosen.
const DANGLING_COST: f32 = 0.7;

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

/// A summary of `parts` of the normalised text, ranges of bytes, within `limit` words; `None` where nothing fits.
pub fn of_parts(document: &Document, parts: Vec<Range<usize>>, original: &Original<'_>, limit: usize) -> Option<Summary> {
    let spans = shorten_all(&spans_of_parts(document, parts), original, limit);
    (!spans.is_empty()).then(|| written(spans, original))
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
        // The best sentence may take all of the limit, the others only fill up what it leaves of its half, unless it hardly says a thing.
        let within = if limit - left < limit / SCANT { limit } else { limit / FURTHER_WITHIN };
        if !chosen.is_empty() && limit - left + length > within {
            continue;
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

/// The words of a sentence that carry its content: longer than three letters, the article taken off.
fn content_words(document: &Document, sentence: &DocSentence) -> HashSet<String> {
    let words = sentence.words.clone().map(|w| document.word(w));
    words.filter(|w| w.chars().count() > 3).map(|w| w.trim_start_matches("ال").to_string()).collect()
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
        let text = [sentence(5, "مدينة"), sentence(30, "وزير")].join("\n");
        let document = Document::new(&crate::Article::new(text.clone()), &model.tokenizer, model.config.mujaz()?);
        let scores = Scores { sentences: &[2.0, 1.0], words: &[] };
        let (summary, _) = extract(&document, &scores, &config(0.0), &Original::new(&text), 50);
        assert_eq!(summary.text.split_whitespace().count(), 35, "five words hardly say a thing");
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
}
