//! Articles in, analyses out: record types, readers and writers.

mod article;
mod conll;
mod csv;
mod identity;
mod input;
mod jsonl;
pub mod labelled;
mod output;
mod parquet;
pub mod spans;
pub(crate) mod text;

pub(crate) use article::STANCES;
pub use article::{Analysis, Article, Entity, Meta, Stance, StanceKind, StanceScores, Summary, Topic};
pub use csv::CsvReader;
pub use identity::Identity;
pub use input::{BadRecord, Inputs, Record};
pub use jsonl::JsonlReader;
pub use output::{Format, Writer};
pub use parquet::ParquetReader;
