//! Where the time goes: seconds by stage, summed over all threads of the process; reading and writing with their waits.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

/// A part of the work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// Input to records.
    Read,
    /// Normalisation, words, sentences, pieces, windows.
    Tokenise,
    /// Table look-ups of the encoder and their norm.
    Embed,
    /// Products with weights, with bias and GELU.
    Linear,
    /// Products of queries, keys and values, with softmax.
    Attention,
    /// Residuals and layer norms.
    Norm,
    /// From hidden states to logits.
    Heads,
    /// From logits to answers.
    Decode,
    /// Answers to output.
    Write,
}

impl Stage {
    /// All, in the order of the road of an article.
    pub const ALL: [Self; 9] =
        [Self::Read, Self::Tokenise, Self::Embed, Self::Linear, Self::Attention, Self::Norm, Self::Heads, Self::Decode, Self::Write];

    /// Its name in tables.
    pub fn name(self) -> &'static str {
        ["read", "tokenise", "embed", "linear", "attention", "norm", "heads", "decode", "write"][self as usize]
    }
}

static NANOSECONDS: [AtomicU64; Stage::ALL.len()] = [const { AtomicU64::new(0) }; Stage::ALL.len()];
static PIECES: AtomicU64 = AtomicU64::new(0);
static PADDED: AtomicU64 = AtomicU64::new(0);

/// A running clock of one thread.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clock(Instant);

impl Clock {
    pub(crate) fn start() -> Self {
        Self(Instant::now())
    }

    /// Book the time since the start, or since the last lap, under `stage`.
    pub(crate) fn lap(self, stage: Stage) -> Clock {
        let now = Instant::now();
        let spent = u64::try_from((now - self.0).as_nanos()).unwrap_or(u64::MAX);
        NANOSECONDS[stage as usize].fetch_add(spent, Relaxed);
        Self(now)
    }
}

/// Count a batch that the encoder computes.
pub(crate) fn count(pieces: usize, padded: usize) {
    PIECES.fetch_add(pieces as u64, Relaxed);
    PADDED.fetch_add(padded as u64, Relaxed);
}

/// What was counted so far.
#[derive(Clone, Copy, Debug, Default)]
pub struct Snapshot {
    /// Computing time by stage, over all threads.
    pub times: [Duration; Stage::ALL.len()],
    /// Pieces that went through the encoder.
    pub pieces: u64,
    /// The same with the padding that was computed with them.
    pub padded: u64,
}

impl Snapshot {
    /// What was counted since the process began.
    pub fn now() -> Self {
        let times = std::array::from_fn(|i| Duration::from_nanos(NANOSECONDS[i].load(Relaxed)));
        Self { times, pieces: PIECES.load(Relaxed), padded: PADDED.load(Relaxed) }
    }

    /// What was counted since an earlier snapshot.
    pub fn since(self, earlier: Self) -> Self {
        let times = std::array::from_fn(|i| self.times[i].saturating_sub(earlier.times[i]));
        Self { times, pieces: self.pieces - earlier.pieces, padded: self.padded - earlier.padded }
    }
}
