//! Topics: sigmoids, a threshold per label, and at least one label.

use crate::data::Topic;
use crate::model::config::TopicsConfig;
use crate::model::sigmoid;

/// Labels above their thresholds, best first; the best label where none is.
pub fn decode(logits: &[f32], config: &TopicsConfig) -> Vec<Topic> {
    let mut scored: Vec<(f32, Topic)> = logits
        .iter()
        .zip(&config.labels)
        .map(|(&logit, label)| {
            let score = sigmoid(logit / config.temperature);
            (score - label.threshold, Topic { label: label.label.clone(), score })
        })
        .collect();
    scored.sort_by(|a, b| b.1.score.total_cmp(&a.1.score));
    let above: Vec<Topic> = scored.iter().filter(|(margin, _)| *margin >= 0.0).map(|(_, topic)| topic.clone()).collect();
    if above.is_empty() { scored.into_iter().take(1).map(|(_, topic)| topic).collect() } else { above }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::config::TopicLabel;

    #[test]
    fn thresholds_and_the_fallback() {
        let label = |label: &str, threshold| TopicLabel { label: label.into(), ar: String::new(), medtop: String::new(), threshold };
        let config = TopicsConfig {
            labels: vec![label("sport", 0.5), label("politics", 0.3), label("crime", 0.9)],
            temperature: 1.0,
            pieces: false,
        };
        let names = |logits: &[f32]| decode(logits, &config).into_iter().map(|t| t.label).collect::<Vec<_>>();
        assert_eq!(names(&[2.0, -0.5, 1.0]), ["sport", "politics"]);
        assert_eq!(names(&[-3.0, -2.0, -4.0]), ["politics"]);
        assert!((decode(&[0.0, -9.0, -9.0], &config)[0].score - 0.5).abs() < 1e-6);
    }
}
