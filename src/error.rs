//! What can go wrong, in words that say what to do.

use std::path::PathBuf;

/// Errors of the library.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A model folder that cannot be used.
    #[error("model {model}: {reason}")]
    Model {
        /// The folder, or "bundled".
        model: String,
        /// What is wrong and what to do.
        reason: String,
    },
    /// A file that cannot be read or written.
    #[error("cannot use {}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// The system's answer.
        source: std::io::Error,
    },
    /// An input that is not in the shape that the contract asks for.
    #[error("{}: {reason}", path.display())]
    Input {
        /// The file.
        path: PathBuf,
        /// What is wrong and what to do.
        reason: String,
    },
    /// A device that is not there.
    #[error("device {device}: {reason}")]
    Device {
        /// As asked for.
        device: String,
        /// What is wrong and what to do.
        reason: String,
    },
    /// Worker threads that the system does not give.
    #[error("cannot start worker threads: {0}; try --threads 1")]
    Threads(String),
    /// An error of the tensor library.
    #[error("tensor: {0}")]
    Tensor(#[from] candle_core::Error),
}

/// Result of the library.
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    pub(crate) fn model(model: &str, reason: impl Into<String>) -> Self {
        Self::Model { model: model.to_string(), reason: reason.into() }
    }

    pub(crate) fn threads(error: impl std::fmt::Display) -> Self {
        Self::Threads(error.to_string())
    }

    pub(crate) fn file(path: impl Into<PathBuf>, source: std::io::Error) -> Self {
        Self::File { path: path.into(), source }
    }

    pub(crate) fn input(path: impl Into<PathBuf>, reason: impl Into<String>) -> Self {
        Self::Input { path: path.into(), reason: reason.into() }
    }
}
