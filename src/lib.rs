//! mujaz (موجز) reads Arabic news articles and returns their topics, their stance toward people, bodies
//! and claims, the entities they name, and a short summary; one transformer does all four, offline.
//!
//! [`Analyzer`] is the front door, for articles at hand; [`stream`] takes it through as many records as there are, in their
//! order. [`data`] reads records and writes what is said of them, [`report`] makes pages of it, [`eval`] holds it against
//! labels. [`model`] says which model is loaded, and where it computes. [`text`] has the rules for Arabic that need no model.
//!
//! The feature `cli`, on by default, is the program; a library does without it (`default-features = false`). `cuda` and
//! `metal` compute on an accelerator.

pub mod analyzer;
#[cfg(feature = "cli")]
#[doc(hidden)] // for src/main.rs
pub mod cli;
pub mod data;
mod error;
pub mod eval;
mod kernels;
pub mod model;
mod pipeline;
pub mod report;
pub mod stages;
pub mod stream;
mod tasks;
pub mod text;

pub use analyzer::{Analyzer, Options, Tasks};
pub use data::{Analysis, Article};
pub use error::{Error, Result};
pub use tasks::stance::Target;

/// What the integration tests hold to other implementations of the same rules; no part of the interface.
#[doc(hidden)]
pub mod inside {
    pub use crate::model::cpu::CpuEncoder;
    pub use crate::model::weights::Weights;
    pub use crate::pipeline::document::Document;
    pub use crate::tasks::mentions::mentions;
    pub use crate::tasks::stance::{Body, Reading};
}
