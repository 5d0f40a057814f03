//! From the paths of a command line to a stream of records.

use super::article::Article;
use super::csv::CsvReader;
use super::identity::Identity;
use super::jsonl::JsonlReader;
use super::{parquet, text};
use crate::error::Error;
use serde::{Deserialize, Serialize};
use std::fs::File;
use std::io::{BufReader, Read, stdin};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// A record that cannot be analysed: where it stands and why.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct BadRecord {
    /// File, or "-" for standard input.
    pub source: String,
    /// Line (rows for parquet), from 1; 0 when the whole file is meant.
    pub line: u64,
    /// What is wrong.
    pub reason: String,
}

impl std::fmt::Display for BadRecord {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.line {
            0 => write!(f, "{}: {}", self.source, self.reason),
            line => write!(f, "{}:{line}: {}", self.source, self.reason),
        }
    }
}

/// A good record or a bad one.
pub type Record = Result<Article, BadRecord>;

type Records = Box<dyn Iterator<Item = Result<Record, Error>> + Send>;

/// All records of the inputs, in order: files as given, folders sorted by name and searched below.
///
/// An item is `Err` only when reading itself fails; a record that is wrong is an `Ok(Err(_))`, and so
/// is a file that cannot be opened or has no usable header, and the rest goes on.
pub struct Inputs {
    pending: std::vec::IntoIter<(PathBuf, String)>,
    open: Option<Records>,
    total: Option<u64>,
    read: Arc<AtomicU64>,
}

impl Inputs {
    /// Find the files. A path that does not exist, or a folder without any article, is an error.
    pub fn open(paths: &[PathBuf]) -> Result<Self, Error> {
        let mut found = Vec::new();
        for path in paths {
            if path.as_os_str() == "-" {
                found.push((path.clone(), "-".to_string()));
            } else if path.is_dir() {
                let files = below(path)?;
                let none = files.is_empty();
                found.extend(files);
                if none {
                    return Err(Error::input(path, "the folder holds no .txt, .jsonl, .csv or .parquet file"));
                }
            } else {
                std::fs::metadata(path).map_err(|source| Error::file(path, source))?;
                if extension(path).is_none() {
                    return Err(Error::input(path, "the name must end in .txt, .jsonl, .csv or .parquet, or be a folder or -"));
                }
                let id = path.file_stem().map_or_else(String::new, |s| s.to_string_lossy().into_owned());
                found.push((path.clone(), id));
            }
        }
        Ok(Self::of(found))
    }

    /// The articles beside others in a folder, which may hold none; of a file, none.
    pub fn beside(path: &Path) -> Result<Self, Error> {
        Ok(Self::of(if path.is_dir() { below(path)? } else { Vec::new() }))
    }

    fn of(found: Vec<(PathBuf, String)>) -> Self {
        let size = |(path, _): &(PathBuf, String)| std::fs::metadata(path).ok().filter(std::fs::Metadata::is_file).map(|m| m.len());
        let total = found.iter().map(size).sum();
        Self { pending: found.into_iter(), open: None, total, read: Arc::default() }
    }

    /// Leave out a file that is about to be written, under whatever name; says whether it was among the inputs.
    pub fn leave_out(&mut self, file: &Identity) -> bool {
        let before = self.pending.len();
        let kept: Vec<_> = self.pending.by_ref().filter(|(path, _)| Identity::of_input(path).as_ref() != Some(file)).collect();
        self.pending = kept.into_iter();
        self.pending.len() < before
    }

    /// Bytes of all files; `None` when standard input or a pipe is among them.
    pub fn total_bytes(&self) -> Option<u64> {
        self.total
    }

    /// A counter of the bytes read so far.
    pub fn bytes_read(&self) -> Arc<AtomicU64> {
        Arc::clone(&self.read)
    }
}

/// Counts what is read through it.
struct Counted<R> {
    inner: R,
    read: Arc<AtomicU64>,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let count = self.inner.read(buffer)?;
        self.read.fetch_add(count as u64, Ordering::Relaxed);
        Ok(count)
    }
}

impl Iterator for Inputs {
    type Item = Result<Record, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(records) = &mut self.open {
                if let Some(record) = records.next() {
                    return Some(record);
                }
                self.open = None;
            }
            let (path, id) = self.pending.next()?;
            match records(&path, id, &self.read) {
                Ok(records) => self.open = Some(records),
                Err(error) => {
                    let reason = match &error {
                        Error::File { source, .. } => source.to_string(),
                        Error::Input { reason, .. } => reason.clone(),
                        other => other.to_string(),
                    };
                    return Some(Ok(Err(BadRecord { source: path.display().to_string(), line: 0, reason })));
                }
            }
        }
    }
}

fn records(path: &Path, id: String, read: &Arc<AtomicU64>) -> Result<Records, Error> {
    let source = path.display().to_string();
    if source == "-" {
        return Ok(Box::new(JsonlReader::new(BufReader::with_capacity(1 << 16, stdin()), source)));
    }
    if path.is_dir() {
        return Err(Error::input(path, "a folder with the name of a file"));
    }
    let open = || File::open(path).map_err(|error| Error::file(path, error));
    let counted = || open().map(|inner| BufReader::with_capacity(1 << 16, Counted { inner, read: Arc::clone(read) }));
    let whole = || read.fetch_add(std::fs::metadata(path).map_or(0, |m| m.len()), Ordering::Relaxed);
    Ok(match extension(path) {
        Some("txt") => {
            whole();
            Box::new(std::iter::once(Ok(text::read(path, id)?)))
        }
        Some("csv") => Box::new(CsvReader::new(counted()?, source)?),
        Some("parquet") => {
            whole();
            Box::new(parquet::ParquetReader::new(open()?, source)?)
        }
        _ => Box::new(JsonlReader::new(counted()?, source)),
    })
}

fn extension(path: &Path) -> Option<&'static str> {
    let found = path.extension()?.to_str()?.to_ascii_lowercase();
    match found.as_str() {
        "ndjson" => Some("jsonl"),
        other => ["txt", "jsonl", "csv", "parquet"].into_iter().find(|known| *known == other),
    }
}

/// Articles below a folder with their ids: the path below it without its ending.
fn below(folder: &Path) -> Result<Vec<(PathBuf, String)>, Error> {
    let mut found = Vec::new();
    walk(folder, &mut |path| {
        if extension(path).is_some() {
            let below = path.strip_prefix(folder).unwrap_or(path).with_extension("");
            found.push((path.to_path_buf(), below.to_string_lossy().replace('\\', "/")));
        }
    })?;
    Ok(found)
}

/// Visit what is no folder below `folder`, sorted by name.
pub(super) fn walk(folder: &Path, visit: &mut impl FnMut(&Path)) -> Result<(), Error> {
    let listing = std::fs::read_dir(folder).map_err(|source| Error::file(folder, source))?;
    let mut paths: Vec<PathBuf> = listing.filter_map(|entry| entry.ok().map(|e| e.path())).collect();
    paths.sort();
    for path in paths {
        if path.is_dir() && !path.is_symlink() {
            walk(&path, visit)?;
        } else {
            visit(&path);
        }
    }
    Ok(())
}
