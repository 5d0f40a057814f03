//! `mujaz bench`: what it measures hangs together. Nothing here asks how fast the machine is.

use crate::{mujaz, repo};
use serde_json::Value;

#[test]
fn the_report_adds_up() {
    let folder = tempfile::tempdir().unwrap();
    let (report, rows) = (folder.path().join("bench.json"), folder.path().join("rows.jsonl"));
    let mut command = mujaz();
    command.arg("bench").arg("--model").arg(repo("tests/fixtures/tiny-bert")).args([
        "--articles",
        "6",
        "--repeat",
        "1",
        "--threads",
        "2",
        "--device",
        "cpu",
    ]);
    let output = command.arg("--json").arg(&report).arg("--rows").arg(&rows).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let table = String::from_utf8(output.stdout).unwrap();
    let report: Value = serde_json::from_slice(&std::fs::read(report).unwrap()).unwrap();
    let stages = report["end_to_end"]["stages"].as_array().unwrap();
    let names: Vec<&str> = stages.iter().map(|s| s["stage"].as_str().unwrap()).collect();
    assert_eq!(names, ["read", "tokenise", "embed", "linear", "attention", "norm", "heads", "decode", "write"]);
    assert!(names.iter().all(|name| table.contains(name)), "{table}");
    let shares: f64 = stages.iter().map(|s| s["share"].as_f64().unwrap()).sum();
    assert!((shares - 1.0).abs() < 1e-9);
    // Everything but reading takes time that a clock of nanoseconds sees.
    assert!(stages.iter().skip(1).all(|s| s["seconds"].as_f64().unwrap() > 0.0), "{table}");
    assert_eq!((report["articles"].as_u64(), report["threads"].as_u64()), (Some(6), Some(2)));
    let encoder = &report["encoder"];
    let rows = std::fs::read_to_string(rows).unwrap();
    let lengths: Vec<usize> = rows.lines().map(|line| serde_json::from_str::<Vec<u32>>(line).unwrap().len()).collect();
    assert_eq!(encoder["windows"].as_u64(), Some(lengths.len() as u64));
    assert_eq!(encoder["tokens"].as_u64(), Some(lengths.iter().sum::<usize>() as u64));
    // Stance toward what articles name needs no pass of its own, and on the CPU nothing is padded.
    assert_eq!(report["end_to_end"]["tokens"].as_u64(), encoder["tokens"].as_u64());
    assert_eq!(report["end_to_end"]["padding"].as_f64(), Some(0.0));
}

#[test]
fn the_encoder_alone_and_an_input_without_articles() {
    let output = mujaz()
        .args(["bench", "--encoder-only", "--articles", "3", "--repeat", "1", "--precision", "f32", "--device", "candle-cpu", "--model"])
        .arg(repo("tests/fixtures/tiny-bert"))
        .output()
        .unwrap();
    let table = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success() && table.contains("candle") && !table.contains("end to end"), "{table}");
    let empty = tempfile::tempdir().unwrap();
    let path = empty.path().join("empty.jsonl");
    std::fs::write(&path, "").unwrap();
    let output = mujaz().arg("bench").arg(&path).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("no article to measure with"));
    let content = "{broken\n{\"text\":\"خبر من حلب\"}\n";
    std::fs::write(&path, content).unwrap();
    let measure = |rows: &std::path::Path| {
        let mut command = mujaz();
        command.args(["bench", "--encoder-only", "--repeat", "1", "--model"]).arg(repo("tests/fixtures/tiny-bert"));
        command.arg(&path).arg("--rows").arg(rows).output().unwrap().status.code()
    };
    assert_eq!(measure(&empty.path().join("rows.txt")), Some(1), "a bad record is one here too");
    assert_eq!((measure(&path), std::fs::read_to_string(&path).unwrap().as_str()), (Some(2), content));
}
