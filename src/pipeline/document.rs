//! An article made ready for the encoder: words, sentences, pieces, windows and their input rows.

use crate::data::Article;
use crate::model::config::Mujaz;
use crate::model::{Sequence, Tokenizer};
use crate::text::{Normalized, Window, Word, boilerplate, sentences, windows, words};
use std::ops::Range;

/// Which part of the article something stands in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Field {
    /// The headline.
    Title,
    /// The body.
    Text,
}

/// A sentence of the document.
#[derive(Clone, Debug)]
pub struct DocSentence {
    /// Part of the article.
    pub field: Field,
    /// Bytes of that part, normalised.
    pub bytes: Range<usize>,
    /// Words of the document.
    pub words: Range<usize>,
    /// Whether it looks like page furniture.
    pub boilerplate: bool,
}

/// A prepared article. Words are those of the title, then those of the text.
#[derive(Debug)]
pub struct Document {
    /// The title, normalised; empty where there is none.
    pub title: Normalized,
    /// The text, normalised.
    pub text: Normalized,
    /// All words; offsets count in the part that the word stands in.
    pub words: Vec<Word>,
    /// Words before this one are the title's.
    pub title_words: usize,
    /// Sentences that cover all words, in order.
    pub sentences: Vec<DocSentence>,
    /// Piece ids of all words.
    pub pieces: Vec<u32>,
    /// For each word, its first piece in `pieces`; one more at the end.
    pub piece_starts: Vec<usize>,
    /// Windows over the words.
    pub windows: Vec<Window>,
    /// Whether a word outgrew the window and lost its last pieces.
    pub truncated: bool,
}

impl Document {
    /// Normalise, split, tokenise and window an article.
    pub fn new(article: &Article, tokenizer: &Tokenizer, config: &Mujaz) -> Self {
        let title = Normalized::new(article.title.as_deref().unwrap_or(""));
        let text = Normalized::new(&article.text);
        let mut out = Self {
            words: Vec::new(),
            title_words: 0,
            sentences: Vec::new(),
            pieces: Vec::new(),
            piece_starts: vec![0],
            windows: Vec::new(),
            truncated: false,
            title,
            text,
        };
        // [CLS] title [SEP] text [SEP]
        let capacity = config.window - 3;
        out.add(Field::Title, tokenizer, capacity);
        out.title_words = out.words.len();
        out.add(Field::Text, tokenizer, capacity);
        let cost: Vec<usize> = out.piece_starts.windows(2).map(|pair| pair[1] - pair[0]).collect();
        let breaks: Vec<usize> = out.sentences.iter().map(|s| s.words.start).collect();
        out.windows = windows(&cost, &breaks, capacity, config.overlap);
        out
    }

    fn add(&mut self, field: Field, tokenizer: &Tokenizer, capacity: usize) {
        let part = self.part(field).text().to_string();
        let found = words(&part);
        let first = self.words.len();
        let mut counts = Vec::new();
        for sentence in sentences(&part, &found) {
            let last = sentence.words.end == found.len();
            counts.clear();
            let mut ids = Vec::new();
            let inside = &found[sentence.words.clone()];
            tokenizer.encode(&part, inside, &mut ids, &mut counts);
            let mut next = 0;
            for &count in &counts {
                self.truncated |= count > capacity;
                self.pieces.extend_from_slice(&ids[next..next + count.min(capacity)]);
                self.piece_starts.push(self.pieces.len());
                next += count;
            }
            let spoken = inside.iter().filter(|w| !w.mark).count();
            let own = &part[sentence.bytes.clone()];
            let boilerplate = field == Field::Text && (boilerplate::is_boilerplate(own, spoken) || last && boilerplate::is_tags(own));
            self.sentences.push(DocSentence {
                field,
                bytes: sentence.bytes,
                words: first + sentence.words.start..first + sentence.words.end,
                boilerplate,
            });
        }
        self.words.extend(found);
    }

    /// The normalised part of the article.
    pub fn part(&self, field: Field) -> &Normalized {
        match field {
            Field::Title => &self.title,
            Field::Text => &self.text,
        }
    }

    /// Which part a word stands in.
    pub fn field(&self, word: usize) -> Field {
        if word < self.title_words { Field::Title } else { Field::Text }
    }

    /// A word's normalised text.
    pub fn word(&self, word: usize) -> &str {
        let Word { start, end, .. } = self.words[word];
        &self.part(self.field(word)).text()[start..end]
    }

    /// Pieces of a word.
    pub fn pieces_of(&self, word: usize) -> &[u32] {
        &self.pieces[self.piece_starts[word]..self.piece_starts[word + 1]]
    }

    /// A range of words as input: `[CLS] words [SEP]`, with a `[SEP]` between title and text, and the row of
    /// each word's first piece (`None` for a word without pieces).
    pub fn window_input(&self, range: &Range<usize>, tokenizer: &Tokenizer) -> (Sequence, Vec<Option<usize>>) {
        let mut ids = vec![tokenizer.specials.cls];
        let mut rows = Vec::with_capacity(range.len());
        for word in range.clone() {
            if word == self.title_words && word > range.start {
                ids.push(tokenizer.specials.sep);
            }
            let pieces = self.pieces_of(word);
            rows.push((!pieces.is_empty()).then_some(ids.len()));
            ids.extend_from_slice(pieces);
        }
        ids.push(tokenizer.specials.sep);
        let types = vec![0; ids.len()];
        (Sequence { ids, types }, rows)
    }
}
