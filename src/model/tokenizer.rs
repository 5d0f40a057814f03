//! `tokenizer.json`: from normalised words to piece ids.

use super::config::{Config, Specials};
use crate::error::{Error, Result};
use crate::text::Word;

/// Ids of the special pieces.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SpecialIds {
    /// Opens every sequence.
    pub cls: u32,
    /// Closes title, text and target.
    pub sep: u32,
    /// Marks an entity target.
    pub entity: u32,
    /// Marks a claim target.
    pub claim: u32,
}

/// A tokenizer that keeps account of words.
pub struct Tokenizer {
    inner: tokenizers::Tokenizer,
    /// Special pieces.
    pub specials: SpecialIds,
    vocab_size: usize,
}

impl Tokenizer {
    /// Parse `tokenizer.json`; `model` names the folder in messages. One that cannot be read, or lacks a special piece, is an error.
    /// Its normaliser is left out where `config` says that it is ours.
    pub fn load(bytes: &[u8], config: &Config, model: &str) -> Result<Self> {
        let mut inner = tokenizers::Tokenizer::from_bytes(bytes).map_err(|e| Error::model(model, format!("tokenizer.json: {e}")))?;
        let mujaz = config.mujaz()?;
        if mujaz.normalizer.as_deref() == Some("mujaz-1") {
            inner
                .with_normalizer(None::<tokenizers::NormalizerWrapper>)
                .map_err(|e| Error::model(model, format!("tokenizer.json: {e}")))?;
        }
        inner.with_padding(None);
        inner.set_encode_special_tokens(true); // "<mask>" in an article is text
        inner.with_truncation(None).map_err(|e| Error::model(model, format!("tokenizer.json: {e}")))?;
        let Specials { cls, sep, entity, claim } = &mujaz.specials;
        let id = |piece: &str| {
            let reason = || format!("tokenizer.json has no piece {piece:?}, which config.json names as special");
            inner.token_to_id(piece).ok_or_else(|| Error::model(model, reason()))
        };
        let specials = SpecialIds { cls: id(cls)?, sep: id(sep)?, entity: id(entity)?, claim: id(claim)? };
        let vocab_size = inner.get_vocab(true).into_values().max().map_or(0, |id| id as usize + 1);
        Ok(Self { inner, specials, vocab_size })
    }

    /// One more than the highest id of the vocabulary, added pieces included.
    pub fn vocab_size(&self) -> usize {
        self.vocab_size
    }

    /// Append to `pieces` the ids of `text[words[0].start .. words[last].end]`, and to `counts` how many
    /// belong to each word. A piece belongs to the word that it starts in; a word may have none.
    pub fn encode(&self, text: &str, words: &[Word], pieces: &mut Vec<u32>, counts: &mut Vec<usize>) {
        let (Some(first), Some(last)) = (words.first(), words.last()) else { return };
        let from = counts.len();
        counts.resize(from + words.len(), 0);
        // An error here means a broken pre-tokenizer; its words then have no pieces and are labelled O.
        let Ok(encoding) = self.inner.encode(&text[first.start..last.end], false) else { return };
        let mut word = 0;
        for (&id, &(start, _)) in encoding.get_ids().iter().zip(encoding.get_offsets()) {
            while word + 1 < words.len() && start + first.start >= words[word].end {
                word += 1;
            }
            pieces.push(id);
            counts[from + word] += 1;
        }
    }

    /// Ids of a short text by itself, such as a stance target.
    pub fn ids(&self, text: &str) -> Vec<u32> {
        self.inner.encode(text, false).map(|e| e.get_ids().to_vec()).unwrap_or_default()
    }
}
