//! Articles in, analyses out: record types, readers and writers.

pub mod article;
pub mod conll;
pub mod csv;
pub mod identity;
pub mod input;
pub mod jsonl;
pub mod labelled;
pub mod output;
pub mod parquet;
pub mod spans;
pub mod text;

pub(crate) use article::STANCES;
pub use article::{Analysis, Article, Entity, Meta, Stance, StanceKind, StanceScores, Summary, Topic};
pub use identity::Identity;
pub use input::{BadRecord, Inputs, Record};
pub use jsonl::JsonlReader;
pub use output::{Format, Writer};
