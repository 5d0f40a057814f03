//! Whether two names, or a name and a standard stream, mean one file.

use std::path::Path;

/// What tells a regular file from all others, whatever its name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity(Inner);

#[cfg(unix)]
type Inner = (u64, u64);
#[cfg(not(unix))]
type Inner = std::path::PathBuf;

impl Identity {
    /// Of an input as the command line names it: `-` is standard input.
    pub fn of_input(path: &Path) -> Option<Self> {
        if path.as_os_str() == "-" { Self::stdin() } else { Self::of(path) }
    }
}

#[cfg(unix)]
impl Identity {
    /// Of the file that `path` leads to; `None` where it is missing or none of its bytes are kept (a pipe, a device).
    pub fn of(path: &Path) -> Option<Self> {
        Self::regular(&std::fs::metadata(path).ok()?)
    }

    /// Of what standard input reads.
    pub fn stdin() -> Option<Self> {
        Self::open(&std::io::stdin())
    }

    /// Of what standard output writes.
    pub fn stdout() -> Option<Self> {
        Self::open(&std::io::stdout())
    }

    fn open(stream: &impl std::os::fd::AsFd) -> Option<Self> {
        let file = std::fs::File::from(stream.as_fd().try_clone_to_owned().ok()?);
        Self::regular(&file.metadata().ok()?)
    }

    fn regular(file: &std::fs::Metadata) -> Option<Self> {
        use std::os::unix::fs::MetadataExt;
        file.is_file().then(|| Self((file.dev(), file.ino())))
    }
}

#[cfg(not(unix))]
impl Identity {
    /// Of the file that `path` leads to, by its one absolute name.
    pub fn of(path: &Path) -> Option<Self> {
        path.canonicalize().ok().filter(|path| path.is_file()).map(Self)
    }

    /// Not known here.
    pub fn stdin() -> Option<Self> {
        None
    }

    /// Not known here.
    pub fn stdout() -> Option<Self> {
        None
    }
}
