//! Percentile bootstrap over articles: the answers of one article are drawn together, for they err together.

/// A measure and its 95 % interval.
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize)]
pub struct Interval {
    /// On all items.
    pub value: f64,
    /// 2.5th percentile over resamples.
    pub low: f64,
    /// 97.5th percentile.
    pub high: f64,
}

const ROUNDS: usize = 1000;

/// A small generator (SplitMix64); the same sequence on every machine.
struct Random(u64);

impl Random {
    fn below(&mut self, n: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((u128::from(z ^ (z >> 31)) * n as u128) >> 64) as usize
    }
}

/// `measure` of the items of resampled articles (with replacement, fixed seed), in ascending order; none for no articles.
fn resampled<T>(articles: &[Vec<T>], measure: impl Fn(&[&T]) -> f64) -> Vec<f64> {
    if articles.is_empty() {
        return Vec::new();
    }
    let mut random = Random(20260101);
    let mut values: Vec<f64> = (0..ROUNDS)
        .map(|_| {
            let sample: Vec<&T> = (0..articles.len()).flat_map(|_| &articles[random.below(articles.len())]).collect();
            measure(&sample)
        })
        .collect();
    values.sort_by(f64::total_cmp);
    values
}

fn around(value: f64, resampled: &[f64]) -> Interval {
    match resampled {
        [] => Interval { value, low: value, high: value },
        values => Interval { value, low: values[ROUNDS / 40], high: values[ROUNDS - 1 - ROUNDS / 40] },
    }
}

/// `measure` of the items of all articles, with an interval over resamples of the articles.
pub fn interval<T>(articles: &[Vec<T>], measure: impl Fn(&[&T]) -> f64) -> Interval {
    around(measure(&articles.iter().flatten().collect::<Vec<_>>()), &resampled(articles, &measure))
}

/// Paired bootstrap of a difference: `difference` on pairs (a, b) of the same items gives a's minus b's;
/// the share of resamples in which it is not positive is a one-sided p-value.
pub fn paired<T>(articles: &[Vec<T>], difference: impl Fn(&[&T]) -> f64) -> (Interval, f64) {
    let values = resampled(articles, &difference);
    let worse = values.iter().filter(|&&value| value <= 0.0).count();
    (around(difference(&articles.iter().flatten().collect::<Vec<_>>()), &values), worse as f64 / ROUNDS as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn intervals_hold_the_value_and_narrow_with_more_items() {
        let mean = |items: &[&f64]| items.iter().copied().sum::<f64>() / items.len() as f64;
        let few: Vec<Vec<f64>> = (0..20).map(|i| vec![f64::from(i % 2)]).collect();
        let many: Vec<Vec<f64>> = (0..2000).map(|i| vec![f64::from(i % 2)]).collect();
        let (a, b) = (interval(&few, mean), interval(&many, mean));
        assert!(a.low <= 0.5 && 0.5 <= a.high && a.value == 0.5);
        assert!(b.high - b.low < a.high - a.low);
        let theory = 1.96 * (0.25f64 / 2000.0).sqrt() * 2.0;
        assert!(((b.high - b.low) / theory - 1.0).abs() < 0.15);
    }

    #[test]
    fn items_of_one_article_are_drawn_together() {
        let mean = |items: &[&f64]| items.iter().copied().sum::<f64>() / items.len() as f64;
        let of = |copies: usize| -> Vec<Vec<f64>> { (0..20).map(|i| vec![if i % 5 == 0 { -1.0 } else { 1.0 }; copies]).collect() };
        let (one, ten) = (of(1), of(10));
        assert_eq!(interval(&one, mean), interval(&ten, mean), "ten answers that say the same are no ten articles");
        assert_eq!(paired(&one, mean), paired(&ten, mean));
        let apart: Vec<Vec<f64>> = ten.into_iter().flatten().map(|value| vec![value]).collect();
        assert!(interval(&apart, mean).low > interval(&one, mean).low);
    }

    #[test]
    fn a_clear_difference_is_significant() {
        let pairs: Vec<Vec<f64>> = (0..200).map(|i| vec![if i % 3 == 0 { -0.1 } else { 0.3 }]).collect();
        let mean = |items: &[&f64]| items.iter().copied().sum::<f64>() / items.len() as f64;
        assert!(paired(&pairs, mean).1 < 0.01);
    }
}
