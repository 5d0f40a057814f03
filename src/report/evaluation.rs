//! The page of an evaluation.

use crate::eval::bootstrap::Interval;
use crate::eval::detail::Detail;
use crate::eval::rows::Row;
use minijinja::value::{Serde, Value};
use minijinja::{Environment, context};
use serde::Serialize;

/// Scores of one model.
#[derive(Clone, Debug, Serialize)]
pub struct Scores {
    /// Name or folder.
    pub model: String,
    /// Articles of the data.
    pub articles: usize,
    /// The table.
    pub rows: Vec<Row>,
}

/// The first model's measure minus the second's.
#[derive(Clone, Debug, Serialize)]
pub struct Difference {
    /// Task.
    pub task: String,
    /// Measure.
    pub measure: String,
    /// With its 95 % interval.
    pub difference: Interval,
    /// Share of resamples in which the first model is not better.
    pub p: f64,
}

/// Everything on the page.
#[derive(Debug, Serialize)]
pub struct Evaluation {
    /// The data, as named by the user.
    pub files: Vec<String>,
    /// One a model.
    pub scores: Vec<Scores>,
    /// One a model.
    pub details: Vec<Detail>,
    /// Where two models were given.
    pub comparison: Vec<Difference>,
    /// What a reader of the scores should know of the data.
    pub notes: Vec<String>,
    /// Records that could not be read.
    pub bad_records: usize,
}

/// One self-contained file; everything that comes from the data is escaped.
pub fn page(evaluation: &Evaluation) -> Result<String, minijinja::Error> {
    let mut environment = Environment::new();
    environment.add_filter("figure", |value: f64| format!("{value:.3}"));
    environment.add_filter("signed", |value: f64| format!("{value:+.3}"));
    environment.add_template("evaluation.html", include_str!("evaluation.html"))?;
    let evaluation = Value::from(Serde(evaluation));
    environment.get_template("evaluation.html")?.render(context! { evaluation, version => env!("CARGO_PKG_VERSION") })
}
