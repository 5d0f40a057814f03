//! Windows of articles through the encoder, and what each says of its article.

use super::{Analyzer, add};
use crate::error::Result;
use crate::model::{Encoder, Sequence, sigmoid};
use crate::pipeline::document::Document;
use crate::pipeline::plan::batches;
use crate::stages::{Clock, Stage};
use rayon::prelude::*;

/// Windows of an article whose words' hidden states are kept for stance: 1.5 KB a word. Entities that only the rest of a
/// very long article names take a pass with the target.
const MENTION_WINDOWS: usize = 64;
/// Windows of an article that hold the opening which a summary is cut from.
pub(super) const CUT_WINDOWS: usize = 2;
/// Pieces below which a batch is not worth sharing between threads.
const SMALLEST_SHARE: usize = 512;

/// What one window says of its document, merged later in the order of the windows.
#[derive(Default)]
pub(super) struct WindowOutput {
    pub(super) pooled: Vec<f32>,
    pub(super) pieces: usize,
    pub(super) sentences: Vec<(usize, usize, Vec<f32>)>,
    /// Words with pieces and their entity logits.
    pub(super) words: Vec<(usize, Vec<f32>)>,
    /// For each of `words`, how likely a summary is to have it.
    pub(super) summary_words: Vec<f32>,
    /// Hidden states of the first pieces of `words`, where stance is read off mentions or a summary cut from them.
    pub(super) firsts: Vec<f32>,
    /// The same behind an inner layer, in the windows that a summary is cut from.
    pub(super) inner: Vec<f32>,
}

/// What to read from windows, beside sums over sentences.
#[derive(Clone, Copy)]
pub(super) struct Wanted {
    /// Entity logits.
    pub(super) entities: bool,
    /// Hidden states of words, for stance toward what they name.
    pub(super) mentions: bool,
    /// Whether a summary would have each word.
    pub(super) summary_words: bool,
    /// Hidden states of the opening's words, for the cuts of a summary.
    pub(super) cut: bool,
}

impl Wanted {
    /// Anything of single words.
    fn words(self) -> bool {
        self.entities || self.mentions || self.summary_words || self.cut
    }
}

impl Analyzer {
    pub(super) fn read_windows(&self, documents: &[Document], wanted: Wanted) -> Result<Vec<Vec<WindowOutput>>> {
        let mut out: Vec<Vec<WindowOutput>> =
            documents.iter().map(|d| d.windows.iter().map(|_| WindowOutput::default()).collect()).collect();
        let tasks = self.options.tasks;
        if !(tasks.topics || tasks.summary || wanted.words()) {
            return Ok(out);
        }
        let clock = Clock::start();
        let mut places = Vec::new();
        let mut inputs = Vec::new();
        for (d, document) in documents.iter().enumerate() {
            for (w, window) in document.windows.iter().enumerate() {
                let (input, rows) = document.window_input(&window.words, &self.model.tokenizer);
                places.push((d, w, rows));
                inputs.push(input);
            }
        }
        clock.lap(Stage::Tokenise);
        let inner = self.cut().and_then(|cut| cut.inner);
        let read = self.encode(self.model.encoder.as_ref(), inner, &inputs, |input, hidden, inner| {
            let (d, w, rows) = &places[input];
            self.read_window(&documents[*d], *w, rows, hidden, inner, wanted)
        })?;
        for ((d, w, _), window) in places.into_iter().zip(read) {
            out[d][w] = window;
        }
        Ok(out)
    }

    /// Run rows through the encoder in batches and `read` each one's hidden states, behind the last layer and behind the first
    /// `inner` where asked for; what it makes of them, in order.
    ///
    /// On the CPU the batches are shared with threads of the surrounding pool that have nothing else to do, so that an
    /// article that is alone has all cores.
    pub(super) fn encode<T: Send>(
        &self,
        encoder: &dyn Encoder,
        inner: Option<usize>,
        inputs: &[Sequence],
        read: impl Fn(usize, &[f32], &[f32]) -> T + Sync,
    ) -> Result<Vec<T>> {
        let lengths: Vec<usize> = inputs.iter().map(|s| s.ids.len()).collect();
        let width = self.model.config.hidden_size;
        let one = |batch: &Vec<usize>| -> Result<Vec<(usize, T)>> {
            let hidden = encoder.states(&batch.iter().map(|&i| &inputs[i]).collect::<Vec<_>>(), inner)?;
            let mut first = 0;
            let read = |&input: &usize| {
                let rows = first * width..(first + lengths[input]) * width;
                first += lengths[input];
                (input, read(input, &hidden.last[rows.clone()], hidden.inner.get(rows).unwrap_or_default()))
            };
            Ok(batch.iter().map(read).collect())
        };
        let threads = if self.model.kernel.is_some() { rayon::current_num_threads() } else { 1 };
        let plan = batches(&lengths, share(&lengths, threads).min(self.options.batch_tokens));
        let mut answers: Vec<(usize, T)> = if threads == 1 || plan.len() == 1 {
            plan.iter().map(one).collect::<Result<Vec<_>>>()?.into_iter().flatten().collect()
        } else {
            plan.par_iter().map(one).collect::<Result<Vec<_>>>()?.into_iter().flatten().collect()
        };
        answers.sort_unstable_by_key(|&(input, _)| input);
        Ok(answers.into_iter().map(|(_, answer)| answer).collect())
    }

    fn read_window(
        &self,
        document: &Document,
        window: usize,
        rows: &[Option<usize>],
        hidden: &[f32],
        inner: &[f32],
        wanted: Wanted,
    ) -> WindowOutput {
        let clock = Clock::start();
        let width = self.model.config.hidden_size;
        let cut = wanted.cut && window < CUT_WINDOWS;
        let keep = cut || (wanted.mentions && window < MENTION_WINDOWS);
        let window = &document.windows[window];
        let mut out = WindowOutput { pooled: vec![0.0; width], ..WindowOutput::default() };
        let mut firsts = Vec::new();
        let mut sentence = document.sentences.partition_point(|s| s.words.end <= window.owned.start);
        for word in window.owned.clone() {
            while word >= document.sentences[sentence].words.end {
                sentence += 1;
            }
            let Some(row) = rows[word - window.words.start] else { continue };
            let count = document.pieces_of(word).len();
            if out.sentences.last().is_none_or(|s| s.0 != sentence) {
                out.sentences.push((sentence, 0, vec![0.0; width]));
            }
            if let Some((_, pieces, sum)) = out.sentences.last_mut() {
                *pieces += count;
                for piece in hidden[row * width..(row + count) * width].chunks_exact(width) {
                    add(sum, piece);
                }
            }
            if wanted.words() {
                out.words.push((word, Vec::new()));
                firsts.extend_from_slice(&hidden[row * width..][..width]);
                if cut {
                    out.inner.extend_from_slice(inner.get(row * width..(row + 1) * width).unwrap_or_default());
                }
            }
        }
        for (_, pieces, sum) in &out.sentences {
            out.pieces += pieces;
            add(&mut out.pooled, sum);
        }
        let clock = clock.lap(Stage::Decode);
        if let Some(logits) = (wanted.entities && !firsts.is_empty()).then(|| self.model.heads.entities(&firsts)).flatten() {
            let labels = logits.len() / out.words.len();
            for ((_, slot), row) in out.words.iter_mut().zip(logits.chunks_exact(labels)) {
                *slot = row.to_vec();
            }
        }
        if wanted.summary_words && !firsts.is_empty() {
            let logits = self.model.heads.summary_words(&firsts).unwrap_or_default();
            out.summary_words = logits.into_iter().map(sigmoid).collect();
        }
        if keep {
            out.firsts = firsts;
        }
        clock.lap(Stage::Heads);
        out
    }
}

/// Pieces of a batch, padding counted, such that each of `threads` threads gets one; no limit for one thread.
fn share(lengths: &[usize], threads: usize) -> usize {
    let longest = lengths.iter().copied().max().unwrap_or(0);
    if threads == 1 { usize::MAX } else { (longest * lengths.len().div_ceil(threads)).max(SMALLEST_SHARE) }
}
