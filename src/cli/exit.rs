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

/// A line on stderr; that nobody reads it changes nothing.
pub fn say(message: impl std::fmt::Display) {
    let _ = writeln!(std::io::stderr(), "mujaz: {message}");
}

/// The status for a result; an error is told on stderr, a closed pipe is quiet.
pub fn status(result: anyhow::Result<ExitStatus>) -> ExitStatus {
    match result {
        Ok(status) => status,
        Err(error) if is_broken_pipe(&error) => ExitStatus::Success,
        Err(error) => {
            say(format_args!("{error:#}"));
            ExitStatus::Failure
        }
    }
}

/// The status of a command whose verdict stands, whether or not anyone reads what it prints to its end.
pub fn verdict(status: ExitStatus, printed: std::io::Result<()>) -> anyhow::Result<ExitStatus> {
    match printed {
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(status),
        result => Ok(result.map(|()| status)?),
    }
}

fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error.chain().any(|cause| cause.downcast_ref::<std::io::Error>().is_some_and(|e| e.kind() == std::io::ErrorKind::BrokenPipe))
}
