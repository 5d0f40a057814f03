//! `mujaz check`: one broken record of each kind, found where it stands.

use crate::{mujaz, repo};
use serde_json::{Value, json};
use std::fs;

#[test]
fn every_kind_of_damage_is_found_at_its_line() {
    let folder = tempfile::tempdir().unwrap();
    let long = "أعلن الوزير أن الحكومة ستواصل العمل في المدينة حتى نهاية العام الحالي دون توقف";
    let entity = |kind: &str, start: usize, end: usize, text: &str| json!({"type": kind, "start": start, "end": end, "text": text});
    let lines = [
        json!({"id": "fine", "text": "وصل لافروف إلى حلب.", "entities": [entity("PER", 4, 10, "لافروف"), entity("LOC", 15, 18, "حلب")],
            "stance": [{"target": "لافروف", "kind": "entity", "label": "neutral|unrelated"}]}),
        json!({"text": "وصل لافروف إلى حلب أمس", "entities": [entity("PER", 4, 9, "لافرو")]}),
        json!({"text": "وصل لافروف إلى دمشق أمس", "entities": [entity("PER", 4, 10, "كيري")]}),
        json!({"text": "زار لافروف بغداد", "entities": [entity("PER", 4, 99, "لافروف")]}),
        json!({"text": "زار كيري عمان", "entities": [entity("PER", 4, 8, "كيري"), entity("ORG", 4, 13, "كيري عمان")]}),
        json!({"text": "خبر عن الشعر", "topics": ["poetry"]}),
        json!({"text": "  "}),
        json!({"text": "نص \u{fffd} مكسور هنا"}),
        json!({"text": long, "topics": ["politics"]}),
        json!({"text": long, "topics": ["sport"]}),
        json!({"text": "Ø£Ø¹Ù„Ù† Ø§Ù„ÙˆØ²ÙŠØ±"}),
        json!({"text": "شارك\nاقرأ أيضا\nتابعونا على تويتر\nوصل الوزير إلى حلب"}),
    ];
    let train = folder.path().join("train.jsonl");
    let content: String = lines.iter().map(|l| format!("{l}\n")).collect();
    fs::write(&train, content + "{broken\n").unwrap();
    let dev = folder.path().join("dev.jsonl");
    fs::write(&dev, json!({"text": format!("{long} وغدا"), "topics": ["politics"]}).to_string()).unwrap();
    let report = folder.path().join("report.json");
    let output = mujaz().arg("check").args([&train, &dev]).arg("--json").arg(&report).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let page: Value = serde_json::from_slice(&fs::read(&report).unwrap()).unwrap();
    let findings = page["findings"].as_array().unwrap();
    let at = |kind: &str| -> Vec<u64> {
        let mut lines: Vec<u64> = findings.iter().filter(|f| f["kind"] == kind).map(|f| f["line"].as_u64().unwrap()).collect();
        lines.dedup();
        lines
    };
    assert_eq!(at("span-word"), [2]);
    assert_eq!(at("span-text"), [3]);
    assert_eq!(at("span-bounds"), [4]);
    assert_eq!(at("span-overlap"), [5]);
    assert_eq!(at("unknown-label"), [6]);
    assert_eq!(at("empty"), [7]);
    assert_eq!(at("encoding"), [8, 11]);
    assert_eq!(at("duplicate"), [10]);
    assert_eq!(at("label-conflict"), [10]);
    assert_eq!(at("boilerplate"), [12]);
    assert_eq!(at("unreadable"), [13]);
    assert_eq!(at("leak"), [1]);
    assert!(!at("rare-label").is_empty() && !at("lengths").is_empty());
    let told = String::from_utf8(output.stdout).unwrap();
    assert!(told.contains("train.jsonl:2: error [span-word] PER 4..9 \"لافرو\" cuts a word"), "{told}");
    assert!(told.contains("dev.jsonl:1: error [leak]"), "{told}");
}

#[test]
fn clean_data_passes() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("fine.jsonl");
    fs::write(&data, json!({"text": "وصل لافروف إلى حلب.", "topics": ["politics"], "stance": [{"target": "لافروف", "kind": "entity", "label": "neutral"}]}).to_string()).unwrap();
    mujaz().arg("check").arg(&data).assert().success();
    let other = folder.path().join("theirs.conll");
    fs::write(&other, "لافروف B-PERS\n").unwrap();
    mujaz().arg("check").arg(&other).assert().code(1);
    mujaz().arg("check").arg("--any-label").arg(&other).assert().success();
    mujaz().arg("check").arg("--model").arg(repo("tests/fixtures/tiny-bert")).arg(&data).assert().success();
    mujaz().arg("check").arg("--model").arg(repo("tests/fixtures/tiny-bert")).arg(folder.path()).assert().code(1);
}

#[test]
fn records_that_do_not_say_contradict_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let long = "أعلن الوزير أن الحكومة ستواصل العمل في المدينة حتى نهاية العام الحالي دون توقف";
    let lines = [
        json!({"text": long, "topics": ["politics"]}),
        json!({"text": long, "summary": "أعلن الوزير العمل"}),
        json!({"text": format!("{long} وقال إن ذلك يشمل كل القرى المجاورة أيضا"), "topics": ["sport"]}),
        json!({"text": "!!!", "topics": ["sport"]}),
        json!({"text": "؟؟", "topics": ["politics"]}),
    ];
    let data = folder.path().join("data.jsonl");
    fs::write(&data, lines.iter().map(|l| format!("{l}\n")).collect::<String>()).unwrap();
    let output = mujaz().arg("check").arg(&data).output().unwrap();
    let told = String::from_utf8(output.stdout).unwrap();
    assert!(!told.contains("label-conflict") && told.contains("data.jsonl:2: warning [duplicate] the same text"), "{told}");
}

#[test]
fn labels_that_cannot_be_read_are_reported_and_the_rest_is_checked() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    fs::write(path("a.conll"), "# newdoc\n# sent_id = 1\nزار\tO\nحلب\tB-LOC\n\nكيري\tPERSON\n").unwrap();
    fs::write(path("b.conll"), b"\xc7\xe1\tO\n").unwrap();
    fs::write(path("c.jsonl"), "{\"text\":\"وصل كيري\",\"summary\":[\"a\"]}\n").unwrap();
    fs::write(path("d.csv"), "text,target,label\nوصل الوفد,الوفد,favor\nغادر الوفد,,against\n").unwrap();
    let output = mujaz().arg("check").args(["a.conll", "b.conll", "c.jsonl", "d.csv"].map(path)).output().unwrap();
    let told = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(1), "{told}");
    for wanted in [
        "a.conll:6: error [unreadable] \"PERSON\" is no BIO tag",
        "b.conll:1: error [unreadable] invalid UTF-8",
        "c.jsonl:1: error [unreadable] \"summary\" must be a text",
        "d.csv:3: error [unreadable] stance needs a list",
        "2 records: 4 errors",
    ] {
        assert!(told.contains(wanted), "{wanted}\n{told}");
    }
}
