//! Label measures: one label an item (stance), or several (topics).

use super::Counts;
use std::collections::{BTreeMap, BTreeSet};

/// Counts of each label over items with one label each, as (truth, predicted).
pub fn per_label<'a>(pairs: impl IntoIterator<Item = (&'a str, &'a str)>) -> BTreeMap<&'a str, Counts> {
    let mut out: BTreeMap<&str, Counts> = BTreeMap::new();
    for (truth, found) in pairs {
        if truth == found {
            out.entry(truth).or_default().tp += 1;
        } else {
            out.entry(truth).or_default().fn_ += 1;
            out.entry(found).or_default().fp += 1;
        }
    }
    out
}

/// Mean F1 over the labels that occur in the truth or the predictions, as scikit-learn's `average="macro"`.
pub fn macro_f1<'a>(pairs: impl IntoIterator<Item = (&'a str, &'a str)>) -> f64 {
    mean(per_label(pairs).into_values().map(Counts::f1))
}

/// Counts of each label over items with sets of labels, as (truth, predicted).
pub fn per_label_of_sets<'a, S: AsRef<str> + 'a>(items: impl IntoIterator<Item = (&'a [S], &'a [S])>) -> BTreeMap<&'a str, Counts> {
    let mut out: BTreeMap<&str, Counts> = BTreeMap::new();
    for (truth, found) in items {
        let set = |labels: &'a [S]| labels.iter().map(AsRef::as_ref).collect::<BTreeSet<&str>>();
        let (truth, found) = (set(truth), set(found));
        for label in truth.union(&found).copied() {
            let counts = out.entry(label).or_default();
            match (truth.contains(label), found.contains(label)) {
                (true, true) => counts.tp += 1,
                (true, false) => counts.fn_ += 1,
                (false, _) => counts.fp += 1,
            }
        }
    }
    out
}

/// Mean of numbers; 0 for none.
pub fn mean(values: impl IntoIterator<Item = f64>) -> f64 {
    let (sum, count) = values.into_iter().fold((0.0, 0usize), |(sum, count), x| (sum + x, count + 1));
    if count == 0 { 0.0 } else { sum / count as f64 }
}
