//! From an article to rows of input: documents with their windows, and which rows go through the encoder together.

pub mod document;
pub mod plan;
