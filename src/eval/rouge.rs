//! ROUGE on Unicode words.
//!
//! `rouge-score` splits on `[^a-z0-9]`, which deletes every Arabic letter. Tokens here are runs of
//! letters, digits and combining marks, lower-cased, without stemming.

use crate::text::Normalized;
use crate::text::normalise::fold_letter;
use std::collections::HashMap;

/// How text is brought to tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// As written.
    Raw,
    /// Harakat and tatweel dropped, hamza forms of alef to ا, ى to ي, ة to ه.
    Light,
}

/// Recall, precision and F1 of one ROUGE variant.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Rouge {
    /// Share of the reference that is covered.
    pub recall: f64,
    /// Share of the candidate that is in the reference.
    pub precision: f64,
    /// Harmonic mean.
    pub f1: f64,
}

/// Tokens of a text.
pub fn tokens(text: &str, form: Form) -> Vec<String> {
    let owned = match form {
        Form::Raw => text.to_lowercase(),
        Form::Light => Normalized::new(text).text().to_lowercase().chars().map(fold_letter).collect(),
    };
    let inside = |c: char| c.is_alphanumeric() || c == '_' || unicode_normalization::char::is_combining_mark(c);
    owned.split(|c| !inside(c)).filter(|t| !t.is_empty()).map(str::to_string).collect()
}

/// ROUGE-n: overlap of n-grams, clipped counts.
pub fn rouge_n(candidate: &[String], reference: &[String], n: usize) -> Rouge {
    let grams = |tokens: &[String]| {
        let mut counts: HashMap<Vec<String>, usize> = HashMap::new();
        tokens.windows(n).for_each(|gram| *counts.entry(gram.to_vec()).or_default() += 1);
        counts
    };
    let (a, b) = (grams(candidate), grams(reference));
    let shared: usize = a.iter().map(|(gram, &count)| count.min(b.get(gram).copied().unwrap_or(0))).sum();
    score(shared, a.values().sum(), b.values().sum())
}

/// ROUGE-L: longest common subsequence of the whole texts.
pub fn rouge_l(candidate: &[String], reference: &[String]) -> Rouge {
    let mut row = vec![0usize; reference.len() + 1];
    for a in candidate {
        let mut diagonal = 0;
        for (j, b) in reference.iter().enumerate() {
            let above = row[j + 1];
            row[j + 1] = if a == b { diagonal + 1 } else { above.max(row[j]) };
            diagonal = above;
        }
    }
    score(row[reference.len()], candidate.len(), reference.len())
}

fn score(shared: usize, candidate: usize, reference: usize) -> Rouge {
    let (precision, recall) = (super::ratio(shared, candidate), super::ratio(shared, reference));
    let f1 = if shared == 0 { 0.0 } else { 2.0 * precision * recall / (precision + recall) };
    Rouge { recall, precision, f1 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arabic_does_not_score_zero() {
        let t = |s| tokens(s, Form::Raw);
        assert_eq!(t("وصل «الوزير» إلى حلب."), ["وصل", "الوزير", "إلى", "حلب"]);
        assert_eq!(tokens("كَتَبَ الرِّوايةَ", Form::Light), ["كتب", "الروايه"]);
        let (a, b) = (t("وصل الوزير إلى حلب"), t("الوزير وصل حلب أمس"));
        assert!((rouge_n(&a, &b, 1).f1 - 0.75).abs() < 1e-9);
        assert_eq!(rouge_n(&a, &b, 2).f1, 0.0);
        assert!((rouge_l(&a, &b).f1 - 0.5).abs() < 1e-9);
        assert_eq!(rouge_l(&a, &[]).f1, 0.0);
    }
}
