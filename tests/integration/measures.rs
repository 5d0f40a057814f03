//! The measures against seqeval, scikit-learn and rouge-score (`scripts/make_measures.py`).

use crate::repo;
use mujaz::data::spans::{Policy, spans_of};
use mujaz::eval::Counts;
use mujaz::eval::labels::{macro_f1, mean, per_label_of_sets};
use mujaz::eval::rouge::{Form, Rouge, rouge_l, rouge_n, tokens};
use mujaz::eval::spans::strict;
use serde::Deserialize;

#[derive(Deserialize)]
struct Cases {
    tags: Vec<Tags>,
    labels: Vec<Labels>,
    sets: Vec<Sets>,
    rouge: Vec<Pair>,
}

#[derive(Deserialize)]
struct Tags {
    gold: Vec<Vec<String>>,
    found: Vec<Vec<String>>,
    repair: [f64; 3],
    strict: [f64; 3],
}

#[derive(Deserialize)]
struct Labels {
    gold: Vec<String>,
    found: Vec<String>,
    #[serde(rename = "macro")]
    macro_: f64,
}

#[derive(Deserialize)]
struct Sets {
    gold: Vec<Vec<String>>,
    found: Vec<Vec<String>>,
    micro: f64,
    #[serde(rename = "macro")]
    macro_: f64,
}

#[derive(Deserialize)]
struct Pair {
    reference: String,
    candidate: String,
    rouge1: [f64; 3],
    rouge2: [f64; 3],
    #[serde(rename = "rougeL")]
    rouge_l: [f64; 3],
}

fn cases() -> Cases {
    serde_json::from_slice(&std::fs::read(repo("tests/fixtures/measures.json")).unwrap()).unwrap()
}

fn close(got: f64, want: f64, what: &str) {
    assert!((got - want).abs() < 1e-6, "{what}: {got} for {want}");
}

#[test]
fn spans_agree_with_seqeval() {
    for case in cases().tags {
        for (policy, want) in [(Policy::Repair, case.repair), (Policy::Strict, case.strict)] {
            let pairs = case.gold.iter().zip(&case.found);
            let counts: Counts = pairs.map(|(gold, found)| strict(&spans_of(gold, policy), &spans_of(found, policy))).sum();
            close(counts.precision(), want[0], "precision");
            close(counts.recall(), want[1], "recall");
            close(counts.f1(), want[2], "F1");
        }
    }
}

#[test]
fn labels_agree_with_scikit_learn() {
    for case in cases().labels {
        close(macro_f1(case.gold.iter().map(String::as_str).zip(case.found.iter().map(String::as_str))), case.macro_, "macro-F1");
    }
    for case in cases().sets {
        let per = per_label_of_sets(case.gold.iter().map(Vec::as_slice).zip(case.found.iter().map(Vec::as_slice)));
        close(per.values().copied().sum::<Counts>().f1(), case.micro, "micro-F1");
        close(mean(per.into_values().map(Counts::f1)), case.macro_, "macro-F1 of sets");
    }
}

#[test]
fn rouge_agrees_with_rouge_score() {
    for case in cases().rouge {
        let (candidate, reference) = (tokens(&case.candidate, Form::Raw), tokens(&case.reference, Form::Raw));
        let same = |got: Rouge, want: [f64; 3]| {
            close(got.precision, want[0], "precision");
            close(got.recall, want[1], "recall");
            close(got.f1, want[2], "F1");
        };
        same(rouge_n(&candidate, &reference, 1), case.rouge1);
        same(rouge_n(&candidate, &reference, 2), case.rouge2);
        same(rouge_l(&candidate, &reference), case.rouge_l);
    }
}
