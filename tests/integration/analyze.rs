//! `mujaz analyze` as a user runs it.

use crate::{ids, mujaz, records, repo, tiny};
use mujaz::model::{Kernel, Precision};
use std::fs;
use std::io::Write;
use std::process::Stdio;

#[test]
fn a_folder_gives_one_record_a_article_in_order() {
    let output = tiny().arg(repo("examples/articles")).output().unwrap();
    assert!(output.status.success());
    assert_eq!(ids(&output.stdout), ["01-truce-north", "02-final", "03-central-bank", "health-1", "opinion-1", "vocalised-1"]);
    let all = records(&output.stdout);
    assert_eq!(all[3]["date"], "2021-03-02", "unknown fields pass through");
    for record in &all {
        assert!(record["topics"].as_array().is_some_and(|t| !t.is_empty()));
        assert!(!record["summary"]["text"].as_str().unwrap().is_empty());
        assert_eq!(record["meta"]["model"], "tiny-bert");
    }
}

#[test]
fn threads_and_batch_budgets_change_nothing() {
    let run = |threads: &str, budget: &str| {
        let output = tiny().args(["--threads", threads, "--batch-tokens", budget]).arg(repo("examples/articles")).output().unwrap();
        assert!(output.status.success());
        output.stdout
    };
    let first = run("1", "4096");
    for (threads, budget) in [("2", "512"), ("2", "16384"), ("5", "16"), ("1", "512")] {
        assert_eq!(run(threads, budget), first, "{threads} threads, {budget} tokens");
    }
}

#[test]
fn every_kernel_of_f32_gives_the_same_summaries() {
    let run = |kernel: &str| {
        let output = tiny().env("MUJAZ_KERNEL", kernel).arg(repo("examples/articles")).output().unwrap();
        let mut all = records(&output.stdout);
        for record in &mut all {
            record.as_object_mut().unwrap().retain(|k, _| k == "summary" || k == "id");
        }
        all
    };
    let reference = run("portable-f32");
    assert_eq!(reference.len(), 6);
    for kernel in Kernel::available().into_iter().filter(|k| k.precision() == Precision::F32) {
        assert_eq!(run(&kernel.to_string()), reference, "{kernel}");
    }
}

#[test]
fn standard_input_and_chosen_tasks() {
    let line = "{\"id\":7,\"text\":\"وصل الوزير إلى حلب.\",\"x\":[1]}\n";
    let output = tiny().args(["--tasks", "topics", "-"]).write_stdin(line).output().unwrap();
    let all = records(&output.stdout);
    assert_eq!(all[0]["id"], "7");
    assert_eq!(all[0]["x"], serde_json::json!([1]));
    assert!(all[0].get("topics").is_some());
    for absent in ["entities", "stance", "summary", "text"] {
        assert!(all[0].get(absent).is_none(), "{absent}");
    }
    let output = tiny().args(["--tasks", "summary", "--with-text"]).write_stdin(line).output().unwrap();
    assert_eq!(records(&output.stdout)[0]["text"], "وصل الوزير إلى حلب.");
}

#[test]
fn targets_and_claims() {
    let output = tiny()
        .args(["--target", "الجيش", "--claim", "وصل الوزير إلى دمشق", "--tasks", "stance"])
        .write_stdin("{\"text\":\"وصل الوزير إلى حلب. ورحب الجيش بالزيارة.\"}\n")
        .output()
        .unwrap();
    let all = records(&output.stdout);
    let stance = all[0]["stance"].as_array().unwrap();
    assert_eq!(stance.len(), 2);
    assert_eq!((stance[0]["target"].as_str(), stance[0]["kind"].as_str()), (Some("الجيش"), Some("entity")));
    assert_eq!((stance[1]["target"].as_str(), stance[1]["kind"].as_str()), (Some("وصل الوزير إلى دمشق"), Some("claim")));
    assert_eq!(stance[0]["evidence"], serde_json::json!([20, 40]));
}

#[test]
fn summary_words_are_kept_to() {
    for (limit, whole) in ["1", "3", "20"].into_iter().flat_map(|limit| [(limit, None), (limit, Some("--summary-whole"))]) {
        let mut command = tiny();
        command.args(["--summary-words", limit, "--tasks", "summary"]).args(whole);
        let output = command.arg(repo("examples/articles")).output().unwrap();
        for record in records(&output.stdout) {
            let words = record["summary"]["text"].as_str().unwrap().split_whitespace().count();
            assert!(words >= 1 && words <= limit.parse().unwrap());
        }
    }
}

#[test]
fn resume_goes_on_after_the_last_complete_record() {
    let folder = tempfile::tempdir().unwrap();
    let input = folder.path().join("in.jsonl");
    let lines: Vec<String> = (0..40)
        .map(|i| if i % 9 == 4 { "{broken".to_string() } else { format!("{{\"id\":\"r{i}\",\"text\":\"خبر رقم {i} من حلب.\"}}") })
        .collect();
    fs::write(&input, lines.join("\n")).unwrap();
    let whole = folder.path().join("whole.jsonl");
    tiny().arg(&input).arg("-o").arg(&whole).assert().code(1);
    let all = fs::read(&whole).unwrap();
    let part = folder.path().join("part.jsonl");
    let cut = all.len() / 2; // in the middle of a line
    fs::write(&part, &all[..cut]).unwrap();
    tiny().arg(&input).arg("-o").arg(&part).arg("--resume").assert().code(1);
    assert_eq!(fs::read(&part).unwrap(), all);
    let again = tiny().arg(&input).arg("-o").arg(&part).arg("--resume").assert().code(1);
    assert_eq!(fs::read(&part).unwrap(), all, "a finished run has nothing left to do");
    assert_eq!(again.get_output().stderr, b"", "nor to tell, but some records were bad");
}

/// A run that was killed has told of no bad record that it did not write down; one that goes on repeats none.
#[test]
fn bad_records_are_reported_once_however_often_a_run_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let line =
        |i: usize| if i % 4 == 3 { "{broken\n".to_string() } else { format!("{{\"id\":\"r{i}\",\"text\":\"خبر رقم {i}.\"}}\n") };
    fs::write(path("in.jsonl"), (0..41).map(line).collect::<String>() + "{broken\n{broken\n").unwrap();
    let run = |out: &str, errors: &str| {
        tiny().arg(path("in.jsonl")).arg("-o").arg(path(out)).arg("--errors").arg(path(errors)).arg("--resume").output().unwrap();
    };
    run("whole.jsonl", "all.jsonl");
    let (whole, all) = (fs::read(path("whole.jsonl")).unwrap(), fs::read(path("all.jsonl")).unwrap());
    assert_eq!(records(&all).len(), 12);
    for (good, bad) in [(whole.len(), all.len()), (whole.len() / 2, all.len() / 3), (whole.len() / 3, all.len() * 2 / 3), (10, 0)] {
        fs::write(path("part.jsonl"), &whole[..good]).unwrap();
        fs::write(path("some.jsonl"), &all[..bad]).unwrap();
        run("part.jsonl", "some.jsonl");
        assert_eq!(fs::read(path("part.jsonl")).unwrap(), whole);
        assert_eq!(fs::read(path("some.jsonl")).unwrap(), all, "{good} bytes of records, {bad} of reports");
    }
}

/// Bad records count however often a run goes on, and under whatever name its input is given.
#[test]
fn bad_records_of_an_earlier_run_count_and_are_known_by_any_name() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    fs::write(path("in.jsonl"), "{broken\n{\"id\":\"a\",\"text\":\"خبر\"}\n[]\n").unwrap();
    let run = |input: &str| {
        let mut command = mujaz();
        command.current_dir(folder.path()).args(["analyze", "--model"]).arg(repo("tests/fixtures/tiny-bert"));
        let output = command.args([input, "-o", "out.jsonl", "--errors", "bad.jsonl", "--resume"]).output().unwrap();
        assert_eq!(output.status.code(), Some(1));
        let told = String::from_utf8_lossy(&output.stderr).to_string();
        assert!(told.contains("2 bad records"), "{told}");
        [fs::read_to_string(path("out.jsonl")).unwrap(), fs::read_to_string(path("bad.jsonl")).unwrap()]
    };
    let first = run("in.jsonl");
    for name in ["in.jsonl", "./in.jsonl", path("in.jsonl").to_str().unwrap()] {
        assert_eq!(run(name), first, "{name}");
    }
}

#[test]
fn only_an_earlier_output_of_these_inputs_is_gone_on_from() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let one = "{\"id\":\"a\",\"text\":\"خبر\"}\n";
    fs::write(path("one.jsonl"), one).unwrap();
    fs::write(path("two.jsonl"), one.repeat(2)).unwrap();
    let resume = |input: &str, out: &str, words: &str| {
        let before = fs::read(path(out)).unwrap();
        let output = tiny().arg(path(input)).arg("-o").arg(path(out)).arg("--resume").output().unwrap();
        let told = String::from_utf8_lossy(&output.stderr).to_string();
        assert!(output.status.code() == Some(2) && told.contains(words), "{told}");
        assert_eq!(fs::read(path(out)).unwrap(), before);
    };
    fs::write(path("mine.jsonl"), one.repeat(3)).unwrap();
    resume("one.jsonl", "mine.jsonl", "mine.jsonl: line 1 is none of mujaz analyze");
    tiny().arg(path("two.jsonl")).arg("-o").arg(path("out.jsonl")).assert().success();
    resume("one.jsonl", "out.jsonl", "1 records more than the inputs");
}

#[test]
fn nothing_is_emptied_before_everything_is_open() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    for (output, errors) in [("none/out.jsonl", "kept.jsonl"), ("kept.jsonl", "none/bad.jsonl")] {
        fs::write(path("kept.jsonl"), "of before").unwrap();
        let mut command = tiny();
        command.arg(repo("examples/articles")).arg("-o").arg(path(output)).arg("--errors").arg(path(errors)).assert().code(2);
        assert_eq!(fs::read_to_string(path("kept.jsonl")).unwrap(), "of before");
    }
}

/// Who reads --errors may go away: the run goes on, and the rest is told on stderr.
#[cfg(unix)]
#[test]
fn errors_that_nobody_reads_any_more_are_told_on_stderr() {
    let folder = tempfile::tempdir().unwrap();
    let pipe = folder.path().join("errors");
    assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let mut child = std::process::Command::new(assert_cmd::cargo::cargo_bin("mujaz"))
        .args(["analyze", "-q", "--model"])
        .arg(repo("tests/fixtures/tiny-bert"))
        .arg("--errors")
        .arg(&pipe)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(fs::File::open(&pipe).unwrap());
    let mut stdin = child.stdin.take().unwrap();
    for i in 0..50 {
        writeln!(stdin, "{{broken\n{{\"id\":\"r{i}\",\"text\":\"خبر من حلب.\"}}").unwrap();
    }
    drop(stdin);
    let output = child.wait_with_output().unwrap();
    let told = String::from_utf8_lossy(&output.stderr);
    assert_eq!((output.status.code(), ids(&output.stdout).len()), (Some(1), 50), "{told}");
    assert_eq!((told.matches("nobody reads --errors").count(), told.matches("broken JSON").count()), (1, 50), "{told}");
}

#[cfg(unix)]
#[test]
fn no_other_name_of_an_input_is_written() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let content = "{\"id\":\"a\",\"text\":\"خبر\"}\n";
    fs::write(path("in.jsonl"), content).unwrap();
    fs::hard_link(path("in.jsonl"), path("same.jsonl")).unwrap();
    tiny().arg(path("in.jsonl")).arg("-o").arg(path("same.jsonl")).assert().code(2);
    let program = || {
        let mut command = std::process::Command::new(assert_cmd::cargo::cargo_bin("mujaz"));
        command.args(["analyze", "-q", "--model"]).arg(repo("tests/fixtures/tiny-bert")).stderr(Stdio::null());
        command
    };
    let status = program().args(["-", "-o"]).arg(path("in.jsonl")).stdin(fs::File::open(path("in.jsonl")).unwrap()).status().unwrap();
    assert_eq!(status.code(), Some(2));
    assert_eq!(fs::read_to_string(path("in.jsonl")).unwrap(), content);
    fs::remove_file(path("same.jsonl")).unwrap();
    let out = fs::File::create(path("out.jsonl")).unwrap();
    assert!(program().arg("--with-text").arg(folder.path()).stdout(out).status().unwrap().success());
    assert_eq!(ids(&fs::read(path("out.jsonl")).unwrap()), ["a"], "what is being written is not read");
    let mix = fs::File::create(path("mix.jsonl")).unwrap();
    let status = program().arg(path("in.jsonl")).arg("--errors").arg(path("mix.jsonl")).stdout(mix).status().unwrap();
    assert_eq!(status.code(), Some(2), "standard output is an output too");
    let dotted = path("sub/../o.jsonl");
    fs::create_dir(path("sub")).unwrap();
    tiny().arg(path("in.jsonl")).arg("-o").arg(path("o.jsonl")).arg("--errors").arg(dotted).assert().code(2);
}

/// Who reads messages may go away: the verdict, the report and the page are the same.
#[cfg(unix)]
#[test]
fn a_closed_standard_error_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("bad.jsonl");
    let good = "{\"id\":\"a\",\"text\":\"خبر من حلب\",\"topics\":[\"sport\"]}\n".to_string();
    fs::write(&data, good + &"{broken\n".repeat(3000)).unwrap();
    let (report, page) = (folder.path().join("report.json"), folder.path().join("page.html"));
    let tiny = repo("tests/fixtures/tiny-bert");
    let (data, report, page) = (data.to_str().unwrap(), report.to_str().unwrap(), page.to_str().unwrap());
    for arguments in [
        vec!["evaluate", data, "--model", tiny.to_str().unwrap(), "--json", report],
        vec!["check", data, "--json", report],
        vec!["render", data, "-o", page],
    ] {
        let mut child = std::process::Command::new(assert_cmd::cargo::cargo_bin("mujaz"))
            .args(&arguments)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        drop((child.stdout.take(), child.stderr.take()));
        assert_eq!(child.wait().unwrap().code(), Some(1), "{arguments:?}");
        let written = arguments[arguments.len() - 1];
        assert!(fs::metadata(written).unwrap().len() > 0);
        fs::remove_file(written).unwrap();
    }
}

/// The sentences that speak of a claim are read however long the title is.
#[test]
fn a_long_title_does_not_hide_what_a_claim_is_about() {
    let ask = |end: &str| {
        let title = "وزير الخارجية الروسي يبحث مع نظيره التركي تطورات الأوضاع في شمال سوريا ".repeat(14);
        let article = serde_json::json!({"title": title, "text": format!("{title}. {end}")});
        let mut command = mujaz();
        command.args(["analyze", "-", "-q", "--tasks", "stance", "--claim", "وفاة مريض بالفيروس"]);
        let output = command.write_stdin(article.to_string()).output().unwrap();
        records(&output.stdout)[0]["stance"][0]["scores"].clone()
    };
    assert_ne!(ask("ونفت إدارة المستشفى وفاة أي مريض بالفيروس."), ask("وأكدت إدارة المستشفى وفاة كل مريض بالفيروس."));
}

#[test]
fn a_summary_of_one_word_is_a_word() {
    let article = serde_json::json!({"text": "، قال الوزير إن الحكومة ستمضي في خطتها."}).to_string();
    for more in [&["--summary-words", "1"][..], &["--summary-words", "1", "--summary-whole"]] {
        let output = tiny().arg("-").args(more).write_stdin(article.clone()).output().unwrap();
        assert!(!records(&output.stdout)[0]["summary"]["text"].as_str().unwrap().is_empty());
    }
}

#[test]
fn an_output_never_destroys_an_input() {
    let folder = tempfile::tempdir().unwrap();
    let input = folder.path().join("in.jsonl");
    let content = "{\"id\":\"a\",\"text\":\"خبر\"}\n";
    fs::write(&input, content).unwrap();
    tiny().arg(&input).arg("-o").arg(&input).assert().code(2);
    assert_eq!(fs::read_to_string(&input).unwrap(), content);
    for _ in 0..2 {
        let inside = folder.path().join("out.jsonl");
        tiny().arg(folder.path()).arg("-o").arg(&inside).assert().success();
        assert_eq!(ids(&fs::read(&inside).unwrap()), ["a"], "an earlier output is not an article");
    }
}

#[test]
fn a_closed_pipe_is_quiet() {
    let mut child = std::process::Command::new(assert_cmd::cargo::cargo_bin("mujaz"))
        .args(["analyze", "-q", "--model"])
        .arg(repo("tests/fixtures/tiny-bert"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let mut stdin = child.stdin.take().unwrap();
    for _ in 0..200 {
        if writeln!(stdin, "{{\"text\":\"خبر من حلب.\"}}").is_err() {
            break;
        }
    }
    drop(stdin);
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success());
    assert!(output.stderr.is_empty(), "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn a_live_stream_is_answered_as_it_comes() {
    let mut child = std::process::Command::new(assert_cmd::cargo::cargo_bin("mujaz"))
        .args(["analyze", "-", "-q", "--tasks", "topics", "--model"])
        .arg(repo("tests/fixtures/tiny-bert"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut input = child.stdin.take().unwrap();
    let output = std::io::BufReader::new(child.stdout.take().unwrap());
    let (answered, answers) = std::sync::mpsc::channel();
    std::thread::spawn(move || std::io::BufRead::lines(output).for_each(|line| answered.send(line.unwrap()).unwrap_or_default()));
    for id in 0..9 {
        writeln!(input, "{{\"id\":\"{id}\",\"text\":\"أعلن المبعوث هدنة.\"}}").unwrap();
        let answer = answers.recv_timeout(std::time::Duration::from_secs(60)).expect("no answer before the next record");
        assert!(answer.starts_with(&format!("{{\"id\":\"{id}\"")), "{answer}");
        std::thread::sleep(std::time::Duration::from_millis(100)); // the answer is out before the group counts as done
    }
    drop(input);
    assert!(child.wait().unwrap().success());
}

#[test]
fn usage_errors_say_what_to_do() {
    let says = |args: &[&str], words: &str| {
        let output = mujaz().args(args).output().unwrap();
        let message = String::from_utf8_lossy(&output.stderr).to_string();
        assert_eq!(output.status.code(), Some(2), "{message}");
        assert!(message.contains(words), "{message}");
    };
    says(&["analyze", "no-such-file.txt"], "no-such-file.txt");
    says(&["analyze", "Cargo.toml"], "must end in .txt, .jsonl, .csv, .tsv or .parquet");
    says(&["analyze", "tests/integration"], "holds no .txt");
    says(&["analyze", "examples/articles", "-o", "x.doc"], "must end in .jsonl, .csv, .parquet or .html");
    says(&["analyze", "examples/articles", "-o", "/tmp/x.jsonl", "--errors", "/tmp/x.jsonl"], "cannot hold both");
    says(&["analyze", "examples/articles", "--model", "no-such-folder"], "a model folder holds config.json");
    says(&["analyze", "examples/articles", "--tasks", "topics", "--claim", "قال"], "--tasks leaves it out");
    says(&["analyze", "examples/articles", "--device", "tpu"], "none of auto, cpu");
    says(&["analyze", "examples/articles", "--tasks", "poetry"], "possible values");
    says(&["analyze", "examples/articles", "--resume"], "--output");
    says(&["analyze", "examples/articles", "--precision", "int4"], "none of f32, bf16, int8, auto");
    says(&["analyze", "examples/articles", "--device", "candle-cpu", "--precision", "int8"], "for the CPU kernels");
    let forced = mujaz().args(["analyze", "examples/articles"]).env("MUJAZ_KERNEL", "abacus").output().unwrap();
    let message = String::from_utf8_lossy(&forced.stderr).to_string();
    assert_eq!(forced.status.code(), Some(2), "{message}");
    assert!(message.contains("no kernel for MUJAZ_KERNEL=abacus; it can run"), "{message}");
    if !cfg!(feature = "cuda") {
        says(&["analyze", "examples/articles", "--device", "cuda:1"], "--features cuda");
    }
}

#[test]
fn model_info_and_verify() {
    let output = mujaz().args(["model", "info"]).output().unwrap();
    let page = String::from_utf8_lossy(&output.stdout).to_string();
    assert!(output.status.success() && page.contains("conflict") && page.contains("B-PER"), "{page}");
    for model in ["bundled", "tests/fixtures/tiny-xlmr"] {
        let output = mujaz().current_dir(repo("")).args(["model", "verify", model]).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }
}

/// The tiny model, its tensor `name` filled with `value`, as `model verify` sees it.
fn verify_with(name: &str, value: f32) -> (Option<i32>, String) {
    let (folder, model) = (tempfile::tempdir().unwrap(), repo("tests/fixtures/tiny-bert"));
    for file in ["config.json", "tokenizer.json"] {
        fs::copy(model.join(file), folder.path().join(file)).unwrap();
    }
    let mut bytes = fs::read(model.join("model.safetensors")).unwrap();
    let (length, metadata) = safetensors::SafeTensors::read_metadata(&bytes).unwrap();
    let (from, to) = metadata.info(name).unwrap().data_offsets;
    bytes[8 + length..][from..to].as_chunks_mut().0.iter_mut().for_each(|number| *number = value.to_le_bytes());
    fs::write(folder.path().join("model.safetensors"), bytes).unwrap();
    let output = mujaz().args(["model", "verify"]).arg(folder.path()).output().unwrap();
    (output.status.code(), String::from_utf8_lossy(&output.stderr).to_string())
}

#[test]
fn a_model_with_numbers_that_are_none_is_refused() {
    for name in ["heads.stance.claim.weight", "heads.extract.cut.sentence.weight", "encoder.layer.1.output.dense.bias"] {
        let (code, told) = verify_with(name, f32::NAN);
        assert!(code == Some(2) && told.contains(&format!("tensor {name}")), "{told}");
    }
    // Weights that are numbers, but too large to compute with. Only a claim or an entity that is not named comes to these.
    for name in ["heads.stance.claim.weight", "heads.stance.entity.weight"] {
        let (code, told) = verify_with(name, f32::MAX);
        assert!(code == Some(2) && told.contains("stance scores that are no numbers"), "{told}");
    }
}

#[test]
fn the_device_that_is_used_is_named() {
    let output = mujaz().args(["analyze", "-v", "--model"]).arg(repo("tests/fixtures/tiny-bert")).write_stdin("").output().unwrap();
    let told = String::from_utf8_lossy(&output.stderr).to_string();
    assert!(!told.contains("Auto") && (cfg!(any(feature = "cuda", feature = "metal")) || told.contains("device cpu, kernel")), "{told}");
}
