//! Everything that is tested from outside: the library against PyTorch's answers, and the program as a user runs it.
#![allow(clippy::unwrap_used, clippy::print_stdout, missing_docs)]

mod analyze;
mod bad_input;
mod bench;
mod check;
mod evaluate;
mod formats;
mod golden;
mod hub;
mod invariants;
mod layers;
mod measures;
mod outputs;
mod page;
mod real_articles;
mod tokenizer;

use assert_cmd::Command;
use serde_json::Value;
use std::path::{Path, PathBuf};

/// A file of the repository.
pub fn repo(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

/// `mujaz analyze` with the tiny model, which is fast and knows nothing.
pub fn tiny() -> Command {
    let mut command = mujaz();
    command.arg("analyze").arg("--model").arg(repo("tests/fixtures/tiny-bert")).arg("-q");
    command
}

/// The program.
pub fn mujaz() -> Command {
    Command::cargo_bin("mujaz").unwrap()
}

/// Records of JSONL output.
pub fn records(output: &[u8]) -> Vec<Value> {
    String::from_utf8(output.to_vec()).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// Ids of JSONL output, in order.
pub fn ids(output: &[u8]) -> Vec<String> {
    records(output).iter().map(|r| r["id"].as_str().unwrap().to_string()).collect()
}
