//! Whether probabilities mean what they say.

/// A bin of a reliability curve.
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize)]
pub struct Bin {
    /// Mean probability in the bin.
    pub confidence: f64,
    /// Share of its items that were right.
    pub accuracy: f64,
    /// Items.
    pub count: usize,
}

/// Reliability curve over `bins` equal-width bins of (probability, was it right); empty bins are left out.
pub fn reliability(items: &[(f64, bool)], bins: usize) -> Vec<Bin> {
    let mut sums = vec![(0.0, 0usize, 0usize); bins];
    for &(probability, right) in items {
        let bin = ((probability * bins as f64) as usize).min(bins - 1);
        sums[bin].0 += probability;
        sums[bin].1 += usize::from(right);
        sums[bin].2 += 1;
    }
    let full = sums.into_iter().filter(|s| s.2 > 0);
    full.map(|(sum, right, count)| Bin { confidence: sum / count as f64, accuracy: right as f64 / count as f64, count }).collect()
}

/// Expected calibration error: mean |accuracy − confidence| over ten bins, weighted by their items
/// (Guo et al. 2017). 0 for no items.
pub fn expected_error(items: &[(f64, bool)]) -> f64 {
    let total = items.len().max(1) as f64;
    reliability(items, 10).iter().map(|bin| (bin.accuracy - bin.confidence).abs() * bin.count as f64 / total).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_errors() {
        assert_eq!(expected_error(&[]), 0.0);
        let honest: Vec<(f64, bool)> = (0..100).map(|i| (0.75, i % 4 != 0)).collect();
        assert!(expected_error(&honest) < 1e-9);
        assert!((expected_error(&[(1.0, false), (1.0, true)]) - 0.5).abs() < 1e-9);
        assert_eq!(reliability(&[(1.0, true)], 10).len(), 1);
    }
}
