//! Arabic news text without any model: normalisation, words, sentences, clitics and windows.

pub(crate) mod asides;
pub(crate) mod boilerplate;
pub(crate) mod clitics;
pub mod normalise;
pub mod references;
pub mod sentences;
pub(crate) mod windows;
pub mod words;

pub use normalise::Normalized;
pub use sentences::{Sentence, sentences};
pub(crate) use windows::{Window, windows};
pub use words::{Word, words};
