//! What is written where something stands already: earlier outputs, drafts, links, and files that are read.

use crate::{ids, repo, tiny};
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::time::Duration;

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

/// A run that waits for articles on standard input and has begun a draft of its output.
fn begun(out: &Path) -> (Child, PathBuf) {
    let mut child = std::process::Command::new(assert_cmd::cargo::cargo_bin("mujaz"))
        .args(["analyze", "-", "-q", "--model"])
        .arg(repo("tests/fixtures/tiny-bert"))
        .arg("-o")
        .arg(out)
        .stdin(Stdio::piped())
        .spawn()
        .unwrap();
    let draft = PathBuf::from(format!("{}.{}.part", out.display(), child.id()));
    for _ in 0..600 {
        if draft.exists() || child.try_wait().unwrap().is_some() {
            break;
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    (child, draft)
}

/// A page or a parquet table is of no use before its end: until then the earlier one stays.
#[test]
fn an_earlier_page_or_table_is_replaced_by_a_whole_one_alone() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["out.html", "out.parquet"] {
        let (out, others) = (folder.path().join(name), folder.path().join(format!("{name}.part")));
        fs::write(&out, "of before").unwrap();
        fs::write(&others, "a download").unwrap();
        let (mut child, draft) = begun(&out);
        child.kill().unwrap();
        child.wait().unwrap();
        assert_eq!((fs::read_to_string(&out).unwrap().as_str(), draft.exists()), ("of before", true), "{name}");
        tiny().arg(repo("examples/articles")).arg("-o").arg(&out).assert().success();
        assert!(fs::metadata(&out).unwrap().len() > 1000, "{name}");
        assert_eq!(fs::read_to_string(others).unwrap(), "a download");
    }
}

#[test]
fn two_runs_with_one_page_spoil_nothing_of_each_other() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("page.html");
    let (mut child, draft) = begun(&out);
    assert!(draft.exists());
    tiny().arg(repo("examples/articles")).arg("-o").arg(&out).assert().success();
    let quick = fs::read_to_string(&out).unwrap();
    let mut input = child.stdin.take().unwrap();
    input.write_all("{\"text\":\"وصل الوزير إلى حلب.\"}\n".as_bytes()).unwrap();
    drop(input);
    assert!(child.wait().unwrap().success());
    let slow = fs::read_to_string(&out).unwrap();
    assert!(slow != quick && [quick, slow].iter().all(|page| page.trim_end().ends_with("</html>")));
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
}

/// A name as long as a name may be: that of a draft would be longer.
#[cfg(unix)]
#[test]
fn a_page_that_can_have_no_draft_is_written_itself() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let out = path(&("p".repeat(250) + ".html"));
    fs::write(path("analyses.jsonl"), "{\"id\":\"a\",\"text\":\"خبر\"}\n").unwrap();
    for render in [true, false] {
        fs::write(&out, "of before ".repeat(100_000)).unwrap();
        let mut command = if render { crate::mujaz() } else { tiny() };
        let command = if render { command.arg("render").arg(path("analyses.jsonl")) } else { command.arg(repo("examples/articles")) };
        command.arg("-o").arg(&out).assert().success();
        let page = fs::read_to_string(&out).unwrap();
        assert!(!page.contains("of before") && page.trim_end().ends_with("</html>"));
    }
}

#[test]
fn a_page_of_scores_replaces_an_earlier_one_only_when_it_is_whole() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    fs::write(path("in.jsonl"), "{\"text\":\"وصل الوزير إلى حلب.\",\"topics\":[\"politics\"]}\n").unwrap();
    fs::write(path("page.html"), "of before").unwrap();
    // What is written over in its place is written over under this name too.
    fs::hard_link(path("page.html"), path("earlier")).unwrap();
    let mut command = crate::mujaz();
    command.arg("evaluate").arg(path("in.jsonl")).arg("--model").arg(repo("tests/fixtures/tiny-bert"));
    command.arg("--html").arg(path("page.html")).assert().success();
    assert!(fs::read_to_string(path("page.html")).unwrap().trim_end().ends_with("</html>"));
    assert_eq!(fs::read_to_string(path("earlier")).unwrap(), "of before");
}

#[cfg(target_os = "linux")]
#[test]
fn a_run_that_fails_leaves_no_draft() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    std::os::unix::fs::symlink("/proc/self/mem", path("in.jsonl")).unwrap(); // opens, but cannot be read
    for name in ["out.html", "out.parquet"] {
        fs::write(path(name), "of before").unwrap();
        refuses(tiny().arg(path("in.jsonl")).arg("-o").arg(path(name)), &path(name), "in.jsonl");
    }
    refuses(crate::mujaz().arg("render").arg(path("in.jsonl")).arg("-o").arg(path("out.html")), &path("out.html"), "in.jsonl");
    let left = fs::read_dir(folder.path()).unwrap().filter(|entry| entry.as_ref().unwrap().path().extension().unwrap() == "part");
    assert_eq!(left.count(), 0);
}

#[cfg(unix)]
#[test]
fn a_page_is_written_where_its_link_leads() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    fs::create_dir(path("site")).unwrap();
    std::os::unix::fs::symlink("site/page.html", path("link.html")).unwrap();
    let whole = || {
        assert!(path("link.html").is_symlink());
        let page = fs::read_to_string(path("site/page.html")).unwrap();
        assert!(page.trim_end().ends_with("</html>"));
        page
    };
    let analyses = path("analyses.jsonl");
    fs::write(&analyses, "{\"id\":\"a\",\"text\":\"خبر\"}\n").unwrap();
    crate::mujaz().arg("render").arg(&analyses).arg("-o").arg(path("link.html")).assert().success();
    let rendered = whole();
    tiny().arg(repo("examples/articles")).arg("-o").arg(path("link.html")).assert().success();
    assert_ne!(whole(), rendered);
    std::os::unix::fs::symlink("/dev/null", path("null.html")).unwrap();
    crate::mujaz().arg("render").arg(&analyses).arg("-o").arg(path("null.html")).assert().success();
    assert!(path("null.html").is_symlink() && !Path::new("/dev/null.part").exists());
}

/// Articles and labels are not all that a command reads.
#[test]
fn no_output_destroys_a_model_or_a_map() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    fs::create_dir(path("model")).unwrap();
    for name in ["config.json", "tokenizer.json", "model.safetensors"] {
        fs::copy(repo("tests/fixtures/tiny-bert").join(name), path("model").join(name)).unwrap();
    }
    fs::write(path("map.toml"), "[topics]\nwar = \"conflict\"\n").unwrap();
    fs::write(path("in.jsonl"), "{\"text\":\"وصل الوزير إلى حلب.\",\"topics\":[\"war\"]}\n").unwrap();
    for (command, file) in [
        ("check in.jsonl --map map.toml --json map.toml", "map.toml"),
        ("check in.jsonl --model model --json model/config.json", "model/config.json"),
        ("evaluate in.jsonl --model model --map map.toml --json map.toml", "map.toml"),
        ("evaluate in.jsonl --model bundled --model model --html model/tokenizer.json", "model/tokenizer.json"),
        ("bench in.jsonl --model model --rows model/config.json", "model/config.json"),
        ("analyze in.jsonl --model model --errors ./model/model.safetensors", "model/model.safetensors"),
    ] {
        let mut program = crate::mujaz();
        program.current_dir(folder.path()).args(command.split(' '));
        refuses(&mut program, &path(file), "is both an input and an output; give the output another name");
    }
    let mut beside = crate::mujaz();
    beside.current_dir(folder.path()).args(["check", "in.jsonl", "--map", "map.toml", "--model", "model", "--json", "model/report.json"]);
    beside.assert().success();
}
