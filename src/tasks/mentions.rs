//! Where an article names a target of stance. The rules of `scripts/mujaz_train/text.py`, held to it by a fixture.

use super::stance::FUNCTION_WORDS;
use crate::pipeline::document::Document;
use crate::text::{Normalized, words};

/// Shortest part of a name that may stand behind a proclitic, in letters: «بن» is not «ب» and «ن».
const SHORTEST: usize = 3;

/// Words of the document that name `target`: whole occurrences of it, or else words of it; in order.
///
/// Words of the document may carry و ف ب ل ك and the article, which those of the target may lack.
pub fn mentions(document: &Document, target: &str) -> Vec<usize> {
    let normalized = Normalized::new(target);
    let text = normalized.text();
    let found = words(text);
    let wanted: Vec<&str> = found.iter().filter(|w| !w.mark).map(|w| core(&text[w.start..w.end])).collect();
    let count = document.words.len();
    let mut out = Vec::new();
    if wanted.is_empty() {
        return out;
    }
    for first in 0..(count + 1).saturating_sub(wanted.len()) {
        if wanted.iter().enumerate().all(|(i, name)| names(document.word(first + i), name)) {
            out.extend(first..first + wanted.len());
        }
    }
    if out.is_empty() {
        let telling = |name: &&&str| name.chars().count() >= SHORTEST && !FUNCTION_WORDS.contains(*name);
        let telling: Vec<&str> = wanted.iter().filter(telling).copied().collect();
        out.extend((0..count).filter(|&word| telling.iter().any(|name| names(document.word(word), name))));
    }
    out.sort_unstable(); // occurrences may overlap
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
        let article = Article::new("قال لافروف إن روسيا وسوريا ستمضيان، وللمعارضة رأي آخر. والتقى سيرغي لافروف بوزير خارجية سوريا.");
        let document = Document::new(&article, &model.tokenizer, model.config.mujaz()?);
        let found = |target: &str| mentions(&document, target).into_iter().map(|w| document.word(w)).collect::<Vec<_>>();
        assert_eq!(found("سوريا"), ["وسوريا", "سوريا"]);
        assert_eq!(found("المعارضة"), ["وللمعارضة"]);
        assert_eq!(found("سيرغي لافروف"), ["سيرغي", "لافروف"], "the whole name where it is there");
        assert_eq!(found("الوزير سيرغي فيكتوروفيتش لافروف"), ["لافروف", "سيرغي", "لافروف", "بوزير"], "else words of it");
        assert!(found("تركيا").is_empty() && found("، .").is_empty() && found("على").is_empty());
        assert!(found("ريا").is_empty(), "not the end of another word");
        Ok(())
    }
}
