//! Arabic news text without any model: normalisation, words, sentences, clitics and windows.

pub mod asides;
pub mod boilerplate;
pub mod clitics;
pub mod normalise;
pub mod references;
pub mod sentences;
pub mod windows;
pub mod words;

pub use normalise::Normalized;
pub use sentences::{Sentence, sentences};
pub use windows::{Window, windows};
pub use words::{Word, words};
