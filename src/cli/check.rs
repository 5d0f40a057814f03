//! `mujaz check`.

use super::args::CheckArgs;
use super::exit::{ExitStatus, verdict};
use crate::data::labelled::{LabelMap, read_placed};
use crate::eval::check::{Expected, Finding, Severity, check};
use crate::model::Config;
use anyhow::Context;
use serde_json::json;
use std::collections::HashSet;
use std::io::Write;

/// Pieces of a word of Arabic news, about: what turns a window's pieces into words for the length note.
const PIECES_A_WORD: f64 = 1.5;

pub fn run(args: CheckArgs) -> anyhow::Result<ExitStatus> {
    let map = args.map.as_deref().map(LabelMap::read).transpose()?.unwrap_or_default();
    let (records, bad) = read_placed(&args.data, &map)?;
    let files = args.model.open()?;
    let expected = expected(&Config::parse(&files.config, &args.model.to_string())?, args.any_label)?;
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

fn expected(config: &Config, any_label: bool) -> anyhow::Result<Expected> {
    let mujaz = config.mujaz()?;
    let window_words = (mujaz.window as f64 / PIECES_A_WORD) as usize;
    if any_label {
        return Ok(Expected { topics: HashSet::new(), entities: HashSet::new(), stance: HashSet::new(), window_words });
    }
    let heads = &mujaz.heads;
    let entities = heads.entities.iter().flat_map(|h| &h.labels).filter_map(|l| l.split_once('-')).map(|(_, kind)| kind.to_string());
    Ok(Expected {
        topics: heads.topics.iter().flat_map(|h| &h.labels).map(|l| l.label.clone()).collect(),
        entities: entities.collect(),
        stance: heads.stance.iter().flat_map(|h| &h.labels).cloned().collect(),
        window_words,
    })
}
