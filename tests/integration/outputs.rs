//! What is written where something stands already: earlier outputs, drafts, links, and files that are read.

use crate::{ids, repo, tiny};
use std::fs;
use std::path::Path;

/// The end of a run that must not go on: it tells `words`, and `path` is what it was.
fn refuses(command: &mut assert_cmd::Command, path: &Path, words: &str) {
    let before = fs::read(path).unwrap();
    let output = command.output().unwrap();
    let told = String::from_utf8_lossy(&output.stderr).to_string();
    assert!(output.status.code() == Some(2) && told.contains(words), "{words}\n{told}");
    assert_eq!(fs::read(path).unwrap(), before, "{words}");
}

#[test]
fn a_changed_input_is_not_gone_on_from() {
    let folder = tempfile::tempdir().unwrap();
    let (inputs, out) = (folder.path().join("in"), folder.path().join("out.jsonl"));
    fs::create_dir(&inputs).unwrap();
    let add = |name: &str| fs::write(inputs.join(name), "وصل الوزير إلى حلب.").unwrap();
    let run = || {
        let mut command = tiny();
        command.arg(&inputs).arg("-o").arg(&out).arg("--resume");
        command
    };
    add("b.txt");
    add("c.txt");
    run().assert().success();
    add("d.txt");
    run().assert().success();
    assert_eq!(ids(&fs::read(&out).unwrap()), ["b", "c", "d"], "what comes behind is new");
    add("a.txt");
    refuses(&mut run(), &out, "out.jsonl: record 1 has the id \"b\", but the inputs have \"a\" there");
    fs::remove_file(inputs.join("a.txt")).unwrap();
    fs::remove_file(inputs.join("c.txt")).unwrap();
    refuses(&mut run(), &out, "out.jsonl: record 2 has the id \"c\", but the inputs have \"d\" there");
}

#[test]
fn a_run_of_other_settings_is_not_gone_on_from() {
    let folder = tempfile::tempdir().unwrap();
    let (input, out) = (folder.path().join("in.jsonl"), folder.path().join("out.jsonl"));
    fs::write(&input, "{\"text\":\"وصل الوزير إلى حلب.\",\"stance\":\"x\"}\n".repeat(2)).unwrap();
    let run = |more: &[&str]| {
        let mut command = tiny();
        command.arg(&input).arg("-o").arg(&out).args(more);
        command
    };
    let answers = ["--tasks", "topics,entities"];
    run(&answers).assert().success();
    let whole = fs::read(&out).unwrap();
    let first = whole.iter().position(|&byte| byte == b'\n').unwrap() + 1;
    fs::write(&out, &whole[..first]).unwrap();
    let resume = |more: &[&str]| run(&[&["--resume"], more].concat());
    refuses(&mut resume(&[]), &out, "record 1 has no \"summary\", which this run would write");
    refuses(&mut resume(&["--tasks", "topics"]), &out, "record 1 has \"entities\", which this run would not write");
    refuses(&mut resume(&["--tasks", "topics,entities", "--with-text"]), &out, "record 1 has no \"text\"");
    let mut other = crate::mujaz();
    other.arg("analyze").arg(&input).arg("-o").arg(&out).arg("--model").arg(repo("tests/fixtures/tiny-xlmr")).arg("--resume");
    refuses(&mut other, &out, "record 1 is by model tiny-bert, revision fixture, this run by tiny-xlmr, revision fixture");
    resume(&answers).assert().success();
    assert_eq!(fs::read(&out).unwrap(), whole);
}
