//! From a stream of records to a stream of analyses: batches, workers, order.

pub mod document;
pub mod plan;
pub mod run;

pub use run::{INTERNAL_ERROR, Outcome, run, workers};
