//! Where an article names a target of stance. The rules of `scripts/mujaz_train/text.py`, held to it by a fixture.

use super::passages::FUNCTION_WORDS;
use crate::pipeline::document::Document;
use crate::text::{Normalized, words};
use std::collections::BTreeSet;

/// Shortest part of a name that may stand behind a proclitic, in letters: «بن» is not «ب» and «ن».
const SHORTEST: usize = 3;

/// Words of the document that name `target`, in order: whole occurrences of it, or else words of it where the document has
/// most of those that tell.
///
/// Words of the document may carry و ف ب ل ك and the article, which those of the target may lack. Marks do not count.
pub fn mentions(document: &Document, target: &str) -> Vec<usize> {
    let normalized = Normalized::new(target);
    let text = normalized.text();
    let found = words(text);
    let wanted: Vec<&str> = found.iter().filter(|w| !w.mark).map(|w| core(&text[w.start..w.end])).collect();
    let places: Vec<usize> = (0..document.words.len()).filter(|&word| !document.words[word].mark).collect();
    if wanted.is_empty() {
        return Vec::new();
    }
    let named = |word: usize, name: &str| names(document.word(word), name);
    let whole = places.windows(wanted.len()).filter(|own| own.iter().zip(&wanted).all(|(&word, name)| named(word, name)));
    let mut out: Vec<usize> = whole.flatten().copied().collect();
    if out.is_empty() {
        let telling: BTreeSet<&str> =
            wanted.into_iter().filter(|name| name.chars().count() >= SHORTEST && !FUNCTION_WORDS.contains(name)).collect();
        let of = |name: &&str| -> Vec<usize> { places.iter().copied().filter(|&word| named(word, name)).collect() };
        let hits: Vec<Vec<usize>> = telling.iter().map(of).collect();
        if 2 * hits.iter().filter(|own| !own.is_empty()).count() > telling.len() {
            out.extend(hits.into_iter().flatten());
        }
    }
    out.sort_unstable(); // occurrences may overlap, and words of a name stand anywhere
    out.dedup();
    out
}

/// A word of a target without the article.
fn core(word: &str) -> &str {
    word.strip_prefix("ال").filter(|rest| rest.chars().count() >= SHORTEST).unwrap_or(word)
}

/// Whether `word` is `name` with or without proclitics and the article before it.
fn names(word: &str, name: &str) -> bool {
    let Some(before) = word.strip_suffix(name) else { return false };
    before.is_empty() || (name.chars().count() >= SHORTEST && is_proclitic(before))
}

/// و or ف, then ب ل ك and the article, or لل.
fn is_proclitic(before: &str) -> bool {
    let rest = before.strip_prefix(['و', 'ف']).unwrap_or(before);
    rest == "لل" || matches!(rest.strip_prefix(['ب', 'ل', 'ك']).unwrap_or(rest), "" | "ال")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Article;
    use crate::model::{Device, Model, Source};

    #[test]
    fn whole_names_with_clitics_before_parts_of_names() -> crate::Result<()> {
        let model = Model::load(&Source::Bundled, &Device::Cpu, None)?;
        let text =
            "قال لافروف إن روسيا وسوريا ستمضيان، وللمعارضة رأي آخر. والتقى سيرغي لافروف بوزير خارجية سوريا. هاجم تنظيم «داعش» محمد علي.";
        let document = Document::new(&Article::new(text), &model.tokenizer, model.config.mujaz()?);
        let found = |target: &str| mentions(&document, target).into_iter().map(|w| document.word(w)).collect::<Vec<_>>();
        assert_eq!(found("سوريا"), ["وسوريا", "سوريا"]);
        assert_eq!(found("المعارضة"), ["وللمعارضة"]);
        assert_eq!(found("سيرغي لافروف"), ["سيرغي", "لافروف"], "the whole name where it is there");
        assert_eq!(found("تنظيم داعش"), ["تنظيم", "داعش"], "marks between its words do not count");
        assert_eq!(found("سيرغي فيكتوروفيتش لافروف"), ["لافروف", "سيرغي", "لافروف"], "else words of it, when most are there");
        assert!(found("محمد صلاح").is_empty(), "not another of the same first name");
        assert!(found("تركيا").is_empty() && found("، .").is_empty() && found("على").is_empty());
        assert!(found("ريا").is_empty(), "not the end of another word");
        Ok(())
    }
}
