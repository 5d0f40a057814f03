//! From the paths of a command line to a stream of records.

use super::article::Article;
use super::csv::CsvReader;
use super::identity::Identity;
use super::jsonl::JsonlReader;
use super::{parquet, text};
use crate::error::Error;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeSet, HashSet};
use std::fs::File;
use std::io::{BufReader, Read, Write, stderr, stdin};
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
                    return Err(Error::input(path, "the folder holds no .txt, .jsonl, .csv, .tsv or .parquet file"));
                }
            } else {
                std::fs::metadata(path).map_err(|source| Error::file(path, source))?;
                if extension(path).is_none() {
                    return Err(Error::input(path, misnamed(path)));
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
        let unreadable = std::fs::read_dir(path).err().map(|error| Error::file(path, error));
        return Err(unreadable.unwrap_or_else(|| Error::input(path, "a folder with the name of a file")));
    }
    let open = || File::open(path).map_err(|error| Error::file(path, error));
    let counted = || open().map(|inner| BufReader::with_capacity(1 << 16, Counted { inner, read: Arc::clone(read) }));
    let size = || std::fs::metadata(path).map_or(0, |m| m.len());
    Ok(match extension(path) {
        Some("txt") => {
            read.fetch_add(size(), Ordering::Relaxed);
            Box::new(std::iter::once(Ok(text::read(path, id)?)))
        }
        Some("csv") => Box::new(CsvReader::new(counted()?, source)?),
        Some("parquet") => {
            let table = parquet::ParquetReader::new(open()?, &*source)?;
            if !table.left_out().is_empty() {
                let _ = writeln!(
                    stderr(),
                    "mujaz: {source}: columns left out for their types: {}; write them as JSON text to keep them",
                    table.left_out().join(", ")
                );
            }
            Box::new(by_rows(table, size(), Arc::clone(read)))
        }
        _ => Box::new(JsonlReader::new(counted()?, source)),
    })
}

/// Counts the `bytes` of a table as read with its rows.
fn by_rows(table: parquet::ParquetReader, bytes: u64, read: Arc<AtomicU64>) -> impl Iterator<Item = Result<Record, Error>> {
    let (rows, mut row, mut counted) = (table.rows().max(1), 0, 0);
    table.inspect(move |_| {
        row += 1;
        let share = u128::from(bytes) * u128::from(row.min(rows)) / u128::from(rows);
        let share = u64::try_from(share).unwrap_or(bytes);
        read.fetch_add(share - counted, Ordering::Relaxed);
        counted = share;
    })
}

/// A name that is there twice; columns may have none.
pub(super) fn repeated<'a>(names: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let mut seen = HashSet::new();
    names.filter(|name| !name.is_empty()).find(|name| !seen.insert(*name))
}

/// Why a file's name is none of an input, and what to do.
fn misnamed(path: &Path) -> String {
    let packed = path.extension().is_some_and(|e| e.eq_ignore_ascii_case("gz"));
    match extension(&path.with_extension("")).filter(|_| packed) {
        Some("jsonl") => format!("packed files are not read; unpack it: zcat {} | mujaz analyze -", path.display()),
        Some(_) => format!("packed files are not read; unpack it: gunzip -k {}", path.display()),
        None => "the name must end in .txt, .jsonl, .csv, .tsv or .parquet, or be a folder or -".to_string(),
    }
}

fn extension(path: &Path) -> Option<&'static str> {
    let found = path.extension()?.to_str()?.to_ascii_lowercase();
    match found.as_str() {
        "ndjson" => Some("jsonl"),
        "tsv" => Some("csv"), // the header says what parts the columns
        other => ["txt", "jsonl", "csv", "parquet"].into_iter().find(|known| *known == other),
    }
}

/// Articles below a folder with their ids: the path below it without its ending.
fn below(folder: &Path) -> Result<Vec<(PathBuf, String)>, Error> {
    let mut found = Vec::new();
    walk(folder, &mut |path| {
        if extension(path).is_some() || path.is_dir() {
            let below = path.strip_prefix(folder).unwrap_or(path).with_extension("");
            found.push((path.to_path_buf(), below.to_string_lossy().replace('\\', "/")));
        }
    })?;
    Ok(found)
}

/// Visit, sorted by name, what is no folder below `folder`, and folders that cannot be read. Names that begin with a dot are
/// passed by; links to folders are followed, but no folder is read twice.
pub(super) fn walk(folder: &Path, visit: &mut impl FnMut(&Path)) -> Result<(), Error> {
    let (mut found, mut seen) = (Vec::new(), HashSet::new());
    let (mut folders, mut links) = (vec![folder.to_path_buf()], BTreeSet::new());
    // Links last: what stands below `folder` itself keeps its own name.
    while let Some(next) = folders.pop().or_else(|| links.pop_first()) {
        let listing = match next.canonicalize().and_then(|real| Ok((seen.insert(real), std::fs::read_dir(&next)?))) {
            Ok((true, listing)) => listing,
            Ok((false, _)) => continue,
            Err(source) if next == folder => return Err(Error::file(folder, source)),
            Err(_) => {
                found.push(next);
                continue;
            }
        };
        for entry in listing.filter_map(Result::ok).filter(|entry| !entry.file_name().as_encoded_bytes().starts_with(b".")) {
            let path = entry.path();
            if !path.is_dir() {
                found.push(path);
            } else if path.is_symlink() {
                links.insert(path);
            } else {
                folders.push(path);
            }
        }
    }
    found.sort();
    found.iter().for_each(|path| visit(path));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packed_files_say_how_to_unpack_them() {
        let says = |name: &str| misnamed(Path::new(name));
        assert!(says("a/b.jsonl.gz").ends_with("zcat a/b.jsonl.gz | mujaz analyze -"));
        assert!(says("b.CSV.GZ").ends_with("gunzip -k b.CSV.GZ"), "standard input is JSONL alone");
        assert!(says("b.gz").contains("must end in") && says("b.doc").contains("must end in"));
    }

    #[test]
    fn a_table_is_read_row_by_row() -> Result<(), Box<dyn std::error::Error>> {
        use arrow_array::{ArrayRef, RecordBatch, StringArray};
        let folder = tempfile::tempdir()?;
        let path = folder.path().join("t.parquet");
        let texts: ArrayRef = Arc::new(StringArray::from_iter_values((0..1000).map(|i| format!("خبر {i}"))));
        let batch = RecordBatch::try_from_iter([("text", texts)])?;
        let mut writer = ::parquet::arrow::ArrowWriter::try_new(File::create(&path)?, batch.schema(), None)?;
        writer.write(&batch)?;
        writer.close()?;
        let mut inputs = Inputs::open(&[path])?;
        let (total, read) = (inputs.total_bytes().ok_or("no size")?, inputs.bytes_read());
        for row in 1..=1000 {
            inputs.next().ok_or("a row is missing")??.map_err(|bad| bad.to_string())?;
            assert_eq!(read.load(Ordering::Relaxed), total * row / 1000);
        }
        Ok(())
    }

    #[cfg(unix)]
    #[test]
    fn folders_behind_links_are_read_once_and_hidden_names_never() -> Result<(), Box<dyn std::error::Error>> {
        use std::os::unix::fs::symlink;
        let (inside, outside) = (tempfile::tempdir()?, tempfile::tempdir()?);
        let at = |name: &str| inside.path().join(name);
        for folder in ["b", ".git", "c.jsonl"] {
            std::fs::create_dir(at(folder))?;
        }
        for file in ["b/x.txt", ".git/a.txt", "._x.txt", "c.jsonl/y.txt"] {
            std::fs::write(at(file), "خبر")?;
        }
        std::fs::write(outside.path().join("z.txt"), "خبر")?;
        symlink(outside.path(), at("there"))?;
        symlink(outside.path(), at("there-again"))?;
        symlink(at("b"), at("a"))?;
        symlink(inside.path(), at("b/loop"))?;
        let found: Vec<String> = below(inside.path())?.into_iter().map(|(_, id)| id).collect();
        assert_eq!(found, ["b/x", "c.jsonl/y", "there/z"]);
        Ok(())
    }
}
