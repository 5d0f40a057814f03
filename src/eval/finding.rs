//! What is found wrong with labelled data.

use crate::data::labelled::Placed;
use serde::Serialize;

/// How bad a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Worth knowing.
    Note,
    /// Worth a look.
    Warning,
    /// Spoils training or evaluation.
    Error,
}

/// One thing that was found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// How bad it is.
    pub severity: Severity,
    /// Kind, such as "span-text".
    pub kind: String,
    /// File and line; line 0 stands for the file or the whole data.
    pub file: String,
    /// Line, from 1.
    pub line: u64,
    /// What is wrong.
    pub message: String,
}

/// Add what is found of one record.
pub(super) fn push(found: &mut Vec<Finding>, placed: &Placed, severity: Severity, kind: &str, message: String) {
    found.push(Finding { severity, kind: kind.into(), file: placed.file.clone(), line: placed.line, message });
}
