//! Exit statuses.

use std::io::Write;
use std::process::ExitCode;

/// How the program ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExitStatus {
    /// All well, or the reader of our output went away.
    Success,
    /// Finished, but some records were bad.
    BadRecords,
    /// Usage, input, output or model error.
    Failure,
}

impl From<ExitStatus> for ExitCode {
    fn from(status: ExitStatus) -> Self {
        Self::from(match status {
            ExitStatus::Success => 0,
            ExitStatus::BadRecords => 1,
            ExitStatus::Failure => 2,
        })
    }
}

/// The status for a result; an error is told on stderr, a closed pipe is quiet.
pub fn status(result: anyhow::Result<ExitStatus>) -> ExitStatus {
    match result {
        Ok(status) => status,
        Err(error) if is_broken_pipe(&error) => ExitStatus::Success,
        Err(error) => {
            let _ = writeln!(std::io::stderr(), "mujaz: {error:#}");
            ExitStatus::Failure
        }
    }
}

fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error.chain().any(|cause| cause.downcast_ref::<std::io::Error>().is_some_and(|e| e.kind() == std::io::ErrorKind::BrokenPipe))
}
