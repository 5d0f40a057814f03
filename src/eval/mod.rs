//! Measures on held-out articles: spans, labels, summaries, calibration, confidence intervals.
//!
//! They agree with the field's reference implementations on committed cases (`tests/fixtures/measures.json`,
//! made by `scripts/make_measures.py` with seqeval, scikit-learn and rouge-score).

mod baselines;
pub mod bootstrap;
pub mod calibration;
pub mod check;
pub mod detail;
mod encoding;
pub mod finding;
mod items;
pub mod labels;
pub mod rouge;
pub mod rows;
pub mod score;
pub mod spans;
mod twins;

/// True positives, false positives and false negatives.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// In both.
    pub tp: usize,
    /// Predicted only.
    pub fp: usize,
    /// In the truth only.
    pub fn_: usize,
}

impl Counts {
    /// tp / (tp + fp); 0 where nothing was predicted.
    pub fn precision(self) -> f64 {
        ratio(self.tp, self.tp + self.fp)
    }

    /// tp / (tp + fn); 0 where the truth is empty.
    pub fn recall(self) -> f64 {
        ratio(self.tp, self.tp + self.fn_)
    }

    /// Harmonic mean of precision and recall; 0 where both are.
    pub fn f1(self) -> f64 {
        ratio(2 * self.tp, 2 * self.tp + self.fp + self.fn_)
    }
}

impl std::ops::AddAssign for Counts {
    fn add_assign(&mut self, other: Self) {
        self.tp += other.tp;
        self.fp += other.fp;
        self.fn_ += other.fn_;
    }
}

impl std::iter::Sum for Counts {
    fn sum<I: Iterator<Item = Self>>(items: I) -> Self {
        let mut all = Self::default();
        items.for_each(|item| all += item);
        all
    }
}

fn ratio(part: usize, whole: usize) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}
