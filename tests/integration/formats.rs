//! A snapshot of every output format, and the way back from parquet.

use crate::{ids, repo, tiny};
use arrow_array::cast::AsArray;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use std::fs;

fn two() -> &'static str {
    "{\"id\":\"1\",\"title\":\"هدنة في حلب\",\"text\":\"أعلن المبعوث هدنة في حلب. ورحب الجيش بها.\",\"date\":\"2021\"}\n{\"id\":\"2\",\"text\":\"\"}\n"
}

/// Scores differ in the last digit between instruction sets; the shape is what a snapshot holds.
fn portable() -> assert_cmd::Command {
    let mut command = tiny();
    command.env("MUJAZ_KERNEL", "portable");
    command
}

#[test]
fn jsonl() {
    let output = portable().write_stdin(two()).output().unwrap();
    insta::assert_snapshot!(String::from_utf8(output.stdout).unwrap());
}

#[test]
fn csv() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("out.csv");
    portable().arg("-o").arg(&path).write_stdin(two()).assert().success();
    insta::assert_snapshot!(fs::read_to_string(path).unwrap());
}

#[test]
fn parquet_out_and_in() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("out.parquet");
    tiny().arg("-o").arg(&path).write_stdin(two()).assert().success();
    let reader = ParquetRecordBatchReaderBuilder::try_new(fs::File::open(&path).unwrap()).unwrap().build().unwrap();
    let batches: Vec<_> = reader.map(Result::unwrap).collect();
    let names: Vec<String> = batches[0].schema().fields().iter().map(|f| f.name().clone()).collect();
    assert_eq!(names, ["id", "title", "labels", "summary", "topics", "entities", "stance", "meta", "extra"]);
    let id = batches[0].column_by_name("id").unwrap().as_string::<i32>();
    assert_eq!((batches[0].num_rows(), id.value(0), id.value(1)), (2, "1", "2"));
    // A table of articles comes in the same way: rename its summary column to text.
    let articles = folder.path().join("in.parquet");
    let columns = vec![("id", batches[0].column(0).clone()), ("text", batches[0].column(3).clone())];
    let table = arrow_array::RecordBatch::try_from_iter(columns).unwrap();
    let mut writer = parquet::arrow::ArrowWriter::try_new(fs::File::create(&articles).unwrap(), table.schema(), None).unwrap();
    writer.write(&table).unwrap();
    writer.close().unwrap();
    let output = tiny().arg(&articles).output().unwrap();
    assert_eq!(ids(&output.stdout), ["1", "2"]);
}

#[test]
fn help() {
    for (name, args) in [
        ("help", vec!["--help"]),
        ("help_analyze", vec!["analyze", "--help"]),
        ("help_model", vec!["model", "--help"]),
        ("help_bench", vec!["bench", "--help"]),
    ] {
        let output = crate::mujaz().args(args).env("COLUMNS", "100").output().unwrap();
        insta::assert_snapshot!(name, String::from_utf8(output.stdout).unwrap());
    }
    assert!(repo("README.md").exists());
}
