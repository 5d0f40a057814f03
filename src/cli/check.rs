//! `mujaz check`.

use super::apart::keep_apart;
use super::args::CheckArgs;
use super::exit::{ExitStatus, verdict};
use crate::data::labelled::{LabelMap, read_placed};
use crate::eval::check::{Expected, check};
use crate::eval::finding::{Finding, Severity};
use crate::model::Config;
use anyhow::Context;
use serde_json::json;
use std::io::Write;

pub fn run(args: CheckArgs) -> anyhow::Result<ExitStatus> {
    let inputs = [&args.data, args.map.as_slice(), &args.model.paths()].concat();
    keep_apart(&inputs, &[args.json.as_deref()])?;
    let map = args.map.as_deref().map(LabelMap::read).transpose()?.unwrap_or_default();
    let (records, bad) = read_placed(&args.data, &map)?;
    let files = args.model.open()?;
    let known = Expected::of(Config::parse(&files.config, &args.model.to_string())?.mujaz()?);
    let expected = if args.any_label { Expected { window_words: known.window_words, ..Expected::default() } } else { known };
    let unreadable = bad.into_iter().map(|record| Finding {
        severity: Severity::Error,
        kind: "unreadable".into(),
        file: record.source,
        line: record.line,
        message: record.reason,
    });
    let found: Vec<Finding> = unreadable.chain(check(&records, &expected)).collect();
    let count = |severity| found.iter().filter(|f| f.severity == severity).count();
    let (errors, warnings) = (count(Severity::Error), count(Severity::Warning));
    if let Some(path) = &args.json {
        let page = json!({"records": records.len(), "errors": errors, "warnings": warnings, "findings": found});
        std::fs::write(path, serde_json::to_vec_pretty(&page)?).with_context(|| format!("cannot write {}", path.display()))?;
    }
    let status = if errors > 0 { ExitStatus::BadRecords } else { ExitStatus::Success };
    verdict(status, print(&found, &format!("{} records: {errors} errors, {warnings} warnings", records.len())))
}

fn print(found: &[Finding], summary: &str) -> std::io::Result<()> {
    let mut out = std::io::stdout().lock();
    for finding in found {
        let severity = match finding.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
            Severity::Note => "note",
        };
        if finding.line > 0 {
            write!(out, "{}:{}: ", finding.file, finding.line)?;
        } else if !finding.file.is_empty() {
            write!(out, "{}: ", finding.file)?;
        }
        writeln!(out, "{severity} [{}] {}", finding.kind, finding.message)?;
    }
    writeln!(out, "{summary}")
}
