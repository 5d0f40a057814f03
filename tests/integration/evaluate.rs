//! `mujaz evaluate` as a user runs it.

use crate::{mujaz, records, repo, tiny};
use serde_json::{Value, json};
use std::fs;
use std::path::{Path, PathBuf};

fn evaluate() -> assert_cmd::Command {
    let mut command = mujaz();
    command.arg("evaluate").arg("--model").arg(repo("tests/fixtures/tiny-bert"));
    command
}

/// The sample articles with the tiny model's own answers as the truth.
fn own_answers(folder: &Path) -> PathBuf {
    let output = tiny().arg("--with-text").arg(repo("examples/articles")).output().unwrap();
    let lines: Vec<String> = records(&output.stdout).iter().map(Value::to_string).collect();
    let path = folder.join("own.jsonl");
    fs::write(&path, lines.join("\n")).unwrap();
    path
}

fn rows(path: &Path) -> Vec<(String, String, f64)> {
    let report: Value = serde_json::from_slice(&fs::read(path).unwrap()).unwrap();
    let rows = report["models"][0]["rows"].as_array().unwrap().clone();
    let text = |v: &Value| v.as_str().unwrap().to_string();
    rows.iter().map(|r| (text(&r["task"]), text(&r["measure"]), r["score"]["value"].as_f64().unwrap())).collect()
}

#[test]
fn a_model_agrees_with_itself() {
    let folder = tempfile::tempdir().unwrap();
    let data = own_answers(folder.path());
    let report = folder.path().join("report.json");
    let output = evaluate()
        .arg(&data)
        .arg("--json")
        .arg(&report)
        .args(["--min-f1", "entities=1", "--min-f1", "stance-entity=0.99"])
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    for (task, measure, value) in rows(&report) {
        if measure.contains("F1") || measure.contains("right") || measure.contains("ROUGE") || measure == "accuracy" {
            assert!((value - 1.0).abs() < 1e-9, "{task} {measure}: {value}");
        }
    }
    let page = String::from_utf8(output.stdout).unwrap();
    for wanted in ["strict micro-F1", "conlleval micro-F1", "majority", "target only", "lead", "oracle", "calibration error"] {
        assert!(page.contains(wanted), "{wanted}\n{page}");
    }
}

#[test]
fn gates_and_mistakes() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("gold.jsonl");
    let record = json!({"text": "وصل الوزير إلى حلب.", "entities": [{"type": "LOC", "start": 15, "end": 18}], "topics": ["sport"]});
    fs::write(&data, format!("{record}\n{{\"text\": 1}}\n")).unwrap();
    let says = |args: &[&str], code: i32, words: &str| {
        let output = evaluate().arg(&data).args(args).output().unwrap();
        let told = String::from_utf8_lossy(&output.stderr).to_string();
        assert_eq!(output.status.code(), Some(code), "{told}");
        assert!(told.contains(words), "{told}");
    };
    says(&["--min-f1", "entities=1.0"], 1, "entities: strict micro-F1 is");
    says(&[], 1, "must be a string, found a number");
    says(&["--min-f1", "entities"], 2, "expected TASK=NUMBER");
    says(&["--min-f1", "summary=0.1"], 2, "no labels for \"summary\"");
    let bare = folder.path().join("bare.jsonl");
    fs::write(&bare, "{\"text\":\"خبر\"}").unwrap();
    let output = evaluate().arg(&bare).output().unwrap();
    assert!(String::from_utf8_lossy(&output.stderr).contains("the records have no labels"));
}

#[test]
fn conll_csv_and_label_maps() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, content: &str| {
        let path = folder.path().join(name);
        fs::write(&path, content).unwrap();
        path
    };
    let conll = write("a.conll", "\u{feff}-DOCSTART-\tO\r\n\r\nسيرغي\tB-PERS\r\nلافروف\tI-PERS\r\nزار\tO\r\nحلب\tB-LOC\r\n");
    let csv = write("b.csv", "text,claim,label\nوصل الوزير إلى حلب,غادر الوزير حلب,disagree\nوصل الوفد,وصل الوفد أمس,agree\n");
    let map = write("map.toml", "[entities]\nPERS = \"PER\"\n[stance]\nagree = \"favor\"\ndisagree = \"against\"\n");
    let report = folder.path().join("report.json");
    let output = evaluate().args([&conll, &csv]).arg("--map").arg(&map).arg("--json").arg(&report).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let all = rows(&report);
    let has = |task: &str, measure: &str| all.iter().any(|r| r.0 == task && r.1 == measure);
    assert!(has("entities", "PER F1") && !has("entities", "PERS F1"));
    assert!(has("stance claim", "favor F1") && has("stance claim", "against F1") && !has("stance claim", "agree F1"));
    let bad = write("c.toml", "[entity]\nx = \"y\"\n");
    let output = evaluate().arg(&conll).arg("--map").arg(&bad).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
}

#[test]
fn labels_in_tables_and_conll_files_in_folders_are_read() {
    let folder = tempfile::tempdir().unwrap();
    let (record, table, tagged) = (folder.path().join("a.jsonl"), folder.path().join("a.csv"), folder.path().join("more"));
    let entities = json!([{"type": "LOC", "start": 5, "end": 8, "text": "حلب"}]);
    fs::write(&record, json!({"text": "زار، حلب", "entities": entities}).to_string()).unwrap();
    let cell = entities.to_string().replace('"', "\"\"");
    fs::write(&table, format!("text,entities\n\"زار، حلب\",\"{cell}\"\n")).unwrap();
    let counted = |data: &Path| {
        let report = folder.path().join("report.json");
        let output = evaluate().arg(data).arg("--json").arg(&report).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        rows(&report)
    };
    assert_eq!(counted(&table), counted(&record));
    fs::create_dir(&tagged).unwrap();
    fs::write(tagged.join("b.CONLL"), "سيرغي لافروف\tB-PER\nزار\tO\n").unwrap();
    assert!(counted(&tagged).iter().any(|row| row.0 == "entities" && row.1 == "PER F1"));
    fs::write(tagged.join("c.jsonl"), json!({"text": "خبر", "topics": ["sport"]}).to_string()).unwrap();
    assert!(counted(&tagged).iter().any(|row| row.0 == "topics"));
}

#[test]
fn topics_that_a_map_leaves_out_are_not_missed() {
    let folder = tempfile::tempdir().unwrap();
    let (data, map) = (folder.path().join("a.jsonl"), folder.path().join("map.toml"));
    let report = folder.path().join("report.json");
    let lines = [json!({"text": "خبر أول", "topics": ["misc"]}), json!({"text": "خبر ثان", "topics": ["sport"]})];
    fs::write(&data, lines.iter().map(|l| format!("{l}\n")).collect::<String>()).unwrap();
    fs::write(&map, "[topics]\nmisc = \"\"\n").unwrap();
    evaluate().arg(&data).arg("--map").arg(&map).arg("--json").arg(&report).assert().success();
    let page: Value = serde_json::from_slice(&fs::read(&report).unwrap()).unwrap();
    let first = page["models"][0]["rows"].as_array().unwrap().iter().find(|r| r["measure"] == "first label right").unwrap();
    assert_eq!(first["items"], 1, "{first}");
}

#[test]
fn two_models_are_compared_on_the_same_articles() {
    let folder = tempfile::tempdir().unwrap();
    let data = own_answers(folder.path());
    let output = evaluate().arg("--model").arg(repo("tests/fixtures/tiny-xlmr")).arg(&data).output().unwrap();
    assert!(output.status.success());
    let page = String::from_utf8(output.stdout).unwrap();
    let line = page.lines().rfind(|l| l.starts_with("entities") && l.contains(" p ")).unwrap();
    assert!(line.contains('+') && line.ends_with("p 0.000"), "{line}");
}

#[test]
fn the_page_shows_what_is_behind_the_scores() {
    let folder = tempfile::tempdir().unwrap();
    let own = fs::read_to_string(own_answers(folder.path())).unwrap();
    let data = folder.path().join("gold.jsonl");
    let mut lines: Vec<Value> = own.lines().map(|l| serde_json::from_str(l).unwrap()).collect();
    lines[0]["source"] = json!("<b>paper</b>");
    lines[0]["topics"] = json!(["sport"]);
    lines[0]["summary"] = json!("<script>alert(1)</script>");
    let gold = json!({"text": "وصل الوزير إلى حلب & حمص.", "entities": [{"type": "LOC", "start": 15, "end": 18}], "stance": [{"target": "<i>الوزير</i>", "kind": "entity", "label": "neutral|unrelated"}]});
    lines.push(gold);
    fs::write(&data, lines.iter().map(|l| format!("{l}\n")).collect::<String>()).unwrap();
    let page = folder.path().join("page.html");
    let output = evaluate()
        .arg(&data)
        .arg("--html")
        .arg(&page)
        .args(["--model", &repo("tests/fixtures/tiny-xlmr").display().to_string()])
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let page = fs::read_to_string(page).unwrap();
    for wanted in [
        "Confusions",
        "Reliability",
        "By length",
        "By source",
        "Worst errors",
        "to 100 words",
        "<svg",
        "dir=\"rtl\"",
        "Paired bootstrap",
        "missed 1×",
        "حلب",
    ] {
        assert!(page.contains(wanted), "{wanted}");
    }
    assert!(page.contains("&lt;b&gt;paper") && !page.contains("<b>paper"), "sources are text");
    assert!(!page.contains("<script") && !page.contains("<i>الوزير"), "data is never markup");
    assert!(!page.contains("http:") && !page.contains("https:"), "no remote asset");
}

#[test]
fn standard_input_iob1_and_blank_cells() {
    let output = evaluate().arg("-").write_stdin("{\"text\":\"وصل إلى حلب\",\"topics\":[\"sport\"]}").output().unwrap();
    assert!(String::from_utf8_lossy(&output.stdout).contains("first label right"));
    let folder = tempfile::tempdir().unwrap();
    let report = folder.path().join("report.json");
    let scores = |name: &str, content: &str| {
        let path = folder.path().join(name);
        fs::write(&path, content).unwrap();
        let output = evaluate().arg(&path).arg("--json").arg(&report).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let page: Value = serde_json::from_slice(&fs::read(&report).unwrap()).unwrap();
        page["models"][0]["rows"].as_array().unwrap().clone()
    };
    let of = |rows: &[Value], task: &str| rows.iter().find(|r| r["task"] == task).map(|r| r["items"].as_u64().unwrap());
    let rows = scores("a.conll", "سيرغي\tI-PER\nلافروف\tI-PER\nزار\tO\nحلب\tI-LOC\n");
    let measure = |name: &str| rows.iter().find(|r| r["measure"] == name).unwrap()["score"]["value"].clone();
    assert_eq!(measure("strict micro-F1"), measure("conlleval micro-F1"), "IOB1 is read as it is meant");
    let rows = scores("b.csv", "text,topics,summary,section\nوصل الوفد إلى حلب,sport,,middleEast\nغادر الوفد,,غادر,x\n");
    assert_eq!((of(&rows, "topics"), of(&rows, "summary")), (Some(1), Some(1)), "blank cells say nothing");
}

#[test]
fn heads_that_a_model_lacks_are_said_and_passed_by() {
    let folder = tempfile::tempdir().unwrap();
    let model = folder.path().join("model");
    fs::create_dir(&model).unwrap();
    for name in ["tokenizer.json", "model.safetensors"] {
        fs::copy(repo("tests/fixtures/tiny-bert").join(name), model.join(name)).unwrap();
    }
    let mut config: Value = serde_json::from_slice(&fs::read(repo("tests/fixtures/tiny-bert/config.json")).unwrap()).unwrap();
    config["mujaz"]["heads"].as_object_mut().unwrap().remove("entities");
    fs::write(model.join("config.json"), config.to_string()).unwrap();
    let data = own_answers(folder.path());
    let output = mujaz().arg("evaluate").arg(&data).arg("--model").arg(&model).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(String::from_utf8_lossy(&output.stderr).contains("has no head for entities"));
    assert!(!String::from_utf8_lossy(&output.stdout).contains("strict micro-F1"));
    for (pointer, wrong) in [
        ("/mujaz/heads/extract/heads", json!(0)),
        ("/mujaz/heads/stance/labels", json!(["agree", "disagree", "neutral", "unrelated"])),
        ("/mujaz/heads/topics/temperature", json!(0.0)),
        ("/mujaz/heads/stance/adapter/rank", json!(0)),
        ("/mujaz/heads/extract/cut/heads", json!(5)),
        ("/mujaz/heads/extract/cut/size", json!(0)),
        ("/mujaz/heads/extract/size", json!(0)),
        ("/mujaz/heads/extract/feed_forward", json!(0)),
        ("/intermediate_size", json!(0)),
        ("/type_vocab_size", json!(0)),
        ("/mujaz/heads/extract/cut/inner", json!(3)),
        ("/position_embedding_type", json!("relative_key")),
    ] {
        let mut changed = config.clone();
        match changed.pointer_mut(pointer) {
            Some(place) => *place = wrong,
            None => changed["position_embedding_type"] = wrong,
        }
        fs::write(model.join("config.json"), changed.to_string()).unwrap();
        let output = mujaz().args(["model", "verify"]).arg(&model).output().unwrap();
        assert_eq!(output.status.code(), Some(2), "{pointer}");
    }
}

#[test]
fn heads_that_the_configuration_forgets_are_named() {
    let folder = tempfile::tempdir().unwrap();
    for file in ["tokenizer.json", "model.safetensors"] {
        fs::copy(repo("tests/fixtures/tiny-bert").join(file), folder.path().join(file)).unwrap();
    }
    let config: Value = serde_json::from_slice(&fs::read(repo("tests/fixtures/tiny-bert/config.json")).unwrap()).unwrap();
    for (parent, head) in [("/mujaz/heads/extract", "cut"), ("/mujaz/heads/topics", "pieces"), ("/mujaz/heads/stance", "adapter")] {
        let mut changed = config.clone();
        changed.pointer_mut(parent).unwrap().as_object_mut().unwrap().shift_remove(head).unwrap();
        fs::write(folder.path().join("config.json"), changed.to_string()).unwrap();
        let output = mujaz().args(["model", "verify"]).arg(folder.path()).output().unwrap();
        let message = String::from_utf8_lossy(&output.stderr).to_string();
        assert_eq!(output.status.code(), Some(2), "{head}");
        assert!(message.contains("config.json does not name") && message.contains(head), "{head}: {message}");
    }
}

#[test]
fn gates_hold_when_nobody_reads_the_table() {
    let folder = tempfile::tempdir().unwrap();
    let data = own_answers(folder.path());
    let report = folder.path().join("report.json");
    let output = evaluate().arg(&data).args(["--min-f1", "entities=nan"]).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    let mut lines: Vec<Value> = fs::read_to_string(&data).unwrap().lines().map(|l| serde_json::from_str(l).unwrap()).collect();
    lines.iter_mut().for_each(|l| l["topics"] = json!(["no such topic"]));
    fs::write(&data, lines.iter().map(|l| format!("{l}\n")).collect::<String>()).unwrap();
    let mut command = std::process::Command::new(assert_cmd::cargo::cargo_bin("mujaz"));
    command.arg("evaluate").arg("--model").arg(repo("tests/fixtures/tiny-bert")).arg(&data).arg("--json").arg(&report);
    let mut child =
        command.args(["--min-f1", "topics=0.5"]).stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::null()).spawn().unwrap();
    drop(child.stdout.take());
    assert_eq!(child.wait().unwrap().code(), Some(1), "the gate was missed");
    assert!(report.exists());
}

#[test]
fn spans_past_the_end_and_bad_conll_lines_are_reported_and_the_rest_is_scored() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let entity = |start: usize, end: usize| json!({"type": "LOC", "start": start, "end": end});
    let record = json!({"text": "وصل الوزير إلى حلب.", "entities": [entity(900, 905), entity(15, 18)], "topics": ["sport"]});
    fs::write(path("gold.jsonl"), record.to_string()).unwrap();
    fs::write(path("bad.conll"), "# sent_id = 1\nزار\tO\nحلب\tB-LOC\n\nكيري\tPERSON\n").unwrap();
    fs::write(path("latin.conll"), b"\xc7\xe1\tO\n").unwrap();
    let data = ["latin.conll", "bad.conll", "gold.jsonl"].map(path);
    let output = evaluate().args(&data).arg("--json").arg(path("report.json")).arg("--html").arg(path("page.html")).output().unwrap();
    let told = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{told}");
    for wanted in [
        "gold.jsonl:1: entities left out: LOC 900..905 is outside the text",
        "bad.conll:5: \"PERSON\" is no BIO tag",
        "latin.conll:1: invalid UTF-8",
    ] {
        assert!(told.contains(wanted), "{wanted}\n{told}");
    }
    let report: Value = serde_json::from_slice(&fs::read(path("report.json")).unwrap()).unwrap();
    assert_eq!(report["bad_records"].as_array().unwrap().len(), 3);
    let items = |task: &str| {
        let rows = report["models"][0]["rows"].as_array().unwrap();
        rows.iter().find(|r| r["task"] == task).map(|r| r["items"].as_u64().unwrap())
    };
    assert_eq!((items("entities"), items("topics")), (Some(2), Some(1)));
}

#[test]
fn gates_are_held_against_the_data_before_the_model_is_loaded() {
    let folder = tempfile::tempdir().unwrap();
    for file in ["tokenizer.json", "config.json"] {
        fs::copy(repo("tests/fixtures/tiny-bert").join(file), folder.path().join(file)).unwrap();
    }
    fs::write(folder.path().join("model.safetensors"), "no weights").unwrap();
    let data = folder.path().join("gold.jsonl");
    let stance = json!([{"target": "الوزير", "kind": "entity", "label": "favor"}]);
    fs::write(&data, json!({"text": "وصل الوزير إلى حلب.", "entities": [], "topics": [], "stance": stance}).to_string()).unwrap();
    for (gate, words) in [
        ("entity=0.8", "no task \"entity\"; the tasks are entities, topics, stance-claim, stance-entity, summary"),
        ("topics=0.8", "the data has no labels for \"topics\""),
        ("stance-claim=0.8", "the data has no labels for \"stance-claim\""),
    ] {
        let output = mujaz().arg("evaluate").arg("--model").arg(folder.path()).arg(&data).args(["--min-f1", gate]).output().unwrap();
        let told = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{told}");
        assert!(told.contains(words), "{told}");
    }
}

#[test]
fn unknown_labels_are_said_once_and_unanswered_targets_count() {
    let folder = tempfile::tempdir().unwrap();
    let (data, report) = (folder.path().join("gold.jsonl"), folder.path().join("report.json"));
    let stance = json!([{"target": "الوزير", "kind": "entity", "label": "favor"}]);
    let record = |text: &str| json!({"text": text, "topics": ["Politics", "sport"], "stance": stance});
    fs::write(&data, format!("{}\n{}\n", record("وصل الوزير إلى حلب."), record(""))).unwrap();
    let output = evaluate().arg(&data).arg("--json").arg(&report).output().unwrap();
    let told = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{told}");
    assert_eq!(told.trim(), "mujaz: topic \"Politics\" is none of the model's labels; map it with --map");
    let page: Value = serde_json::from_slice(&fs::read(&report).unwrap()).unwrap();
    let accuracy = page["models"][0]["rows"].as_array().unwrap().iter().find(|r| r["measure"] == "accuracy").unwrap();
    assert_eq!(accuracy["items"], 2, "{accuracy}");
    assert!(accuracy["score"]["value"].as_f64().unwrap() <= 0.5, "{accuracy}");
}

#[test]
fn titles_that_nobody_labelled_are_not_scored() {
    let folder = tempfile::tempdir().unwrap();
    let own = fs::read_to_string(own_answers(folder.path())).unwrap();
    let (data, report) = (folder.path().join("gold.jsonl"), folder.path().join("report.json"));
    let scored = |titles: usize| {
        let mut seen = 0;
        let mut lines: Vec<Value> = own.lines().map(|l| serde_json::from_str(l).unwrap()).collect();
        for line in &mut lines {
            line["entities"].as_array_mut().unwrap().retain(|e| {
                let title = e["field"] == "title";
                seen += usize::from(title);
                !title || seen <= titles
            });
        }
        fs::write(&data, lines.iter().map(|l| format!("{l}\n")).collect::<String>()).unwrap();
        let output = evaluate().arg(&data).arg("--json").arg(&report).arg("--html").arg(folder.path().join("page.html")).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let notes = serde_json::from_slice::<Value>(&fs::read(&report).unwrap()).unwrap()["notes"].clone();
        let f1 = rows(&report).iter().find(|r| r.1 == "strict micro-F1").unwrap().2;
        (f1, notes.as_array().unwrap().len(), String::from_utf8(output.stdout).unwrap())
    };
    let (f1, notes, page) = scored(0);
    assert_eq!((f1, notes), (1.0, 1));
    assert!(page.starts_with("note: ") && page.contains("gold.jsonl: no entity is labelled in a title"), "{page}");
    assert!(fs::read_to_string(folder.path().join("page.html")).unwrap().contains("no entity is labelled in a title"));
    let (f1, notes, page) = scored(1);
    assert!(f1 < 1.0 && notes == 0 && !page.contains("note: "), "one title is labelled, so all were read: {page}");
}

#[test]
fn no_more_than_two_models_are_taken_and_the_first_is_held_to_gates() {
    let folder = tempfile::tempdir().unwrap();
    let data = own_answers(folder.path());
    let other = repo("tests/fixtures/tiny-xlmr");
    let output = evaluate().arg("--model").arg(&other).arg("--model").arg(&other).arg(&data).output().unwrap();
    let told = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{told}");
    assert!(told.contains("--model is given 3 times: evaluate scores one model or compares two"), "{told}");
    assert!(output.stdout.is_empty());
    evaluate().arg("--model").arg(&other).arg(&data).args(["--min-f1", "entities=1"]).assert().success();
    let mut reversed = mujaz();
    reversed.arg("evaluate").arg("--model").arg(&other).arg("--model").arg(repo("tests/fixtures/tiny-bert"));
    reversed.arg(&data).args(["--min-f1", "entities=1"]).assert().code(1);
}
