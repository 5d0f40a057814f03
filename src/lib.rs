//! mujaz (موجز) reads Arabic news articles and returns their topics, their stance toward people, bodies
//! and claims, the entities they name, and a short summary; one transformer does all four, offline.
//!
//! [`Analyzer`] is the front door. The road of an article is `data` → `text` → `pipeline` → `model` →
//! `tasks` → `data`; no step reaches back.

pub mod analyzer;
#[cfg(feature = "cli")]
pub mod cli;
pub mod data;
pub mod error;
pub mod eval;
pub mod kernels;
pub mod model;
pub mod pipeline;
pub mod report;
pub mod stages;
pub mod stream;
pub mod tasks;
pub mod text;

pub use analyzer::{Analyzer, Options, Tasks};
pub use data::{Analysis, Article};
pub use error::{Error, Result};
pub use tasks::stance::Target;
