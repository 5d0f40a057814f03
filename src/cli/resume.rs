//! What `analyze` writes, and what an earlier run of it left there to go on from.

use crate::data::{BadRecord, Record};
use crate::error::{Error, Result};
use serde_json::Value;
use std::collections::HashMap;
use std::fs::{File, OpenOptions};
use std::io::{BufRead, BufReader, BufWriter, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

/// A file that is open, but still holds what it held.
pub struct Opened {
    file: File,
    keep: u64,
}

impl Opened {
    /// A file to write from its beginning.
    fn anew(path: &Path) -> Result<Self> {
        let file = OpenOptions::new().write(true).create(true).truncate(false).open(path);
        Ok(Self { file: file.map_err(|source| Error::file(path, source))?, keep: 0 })
    }

    /// A file of an earlier run, to write behind its complete lines, and what these are. What cannot be `read` is somebody
    /// else's and an error, but for a last line that was cut off: of that, what there is of its `beginning` must be right.
    fn behind<T>(path: &Path, beginning: &str, read: impl Fn(&[u8]) -> Option<T>) -> Result<(Self, Vec<T>)> {
        let failed = |source| Error::file(path, source);
        let file = OpenOptions::new().read(true).write(true).open(path).map_err(failed)?;
        let (mut reader, mut line, mut keep, mut found) = (BufReader::new(&file), Vec::new(), 0, Vec::new());
        loop {
            line.clear();
            let length = reader.read_until(b'\n', &mut line).map_err(failed)?;
            let whole = line.last() == Some(&b'\n');
            match read(&line) {
                Some(one) if whole => found.push(one),
                Some(_) => break,
                None if !whole && is_part(&line, beginning) => break,
                None => {
                    let advice = "name the file of the earlier run, or leave out --resume to write over this one";
                    return Err(Error::input(path, format!("line {} is none of mujaz analyze; {advice}", found.len() + 1)));
                }
            }
            keep += length as u64;
        }
        Ok((Self { file, keep }, found))
    }

    /// Empty the file but for what is kept. Now it is written.
    pub fn begin(mut self) -> std::io::Result<BufWriter<File>> {
        if self.file.metadata()?.is_file() {
            self.file.set_len(self.keep)?;
            self.file.seek(SeekFrom::Start(self.keep))?;
        }
        Ok(BufWriter::new(self.file))
    }
}

/// Whether a line is the first part of an object with this beginning.
fn is_part(line: &[u8], beginning: &str) -> bool {
    let same = line.iter().zip(beginning.as_bytes()).all(|(a, b)| a == b);
    same && serde_json::from_slice::<serde::de::IgnoredAny>(line).is_err()
}

/// The output, and how many records an earlier run left in it.
pub fn open_output(path: &Path, resume: bool) -> Result<(Opened, u64)> {
    if !(resume && path.is_file()) {
        return Ok((Opened::anew(path)?, 0));
    }
    let (file, records) = Opened::behind(path, "{\"id\":", |line| {
        let record: Value = serde_json::from_slice(line).ok()?;
        (record["id"].is_string() && record["meta"]["model"].is_string()).then_some(())
    })?;
    Ok((file, records.len() as u64))
}

/// Bad records by file and line, and how often each was reported.
pub type Reported = HashMap<(PathBuf, u64), u64>;

/// The file of `--errors`, and what an earlier run reported there.
pub fn open_errors(path: &Path, resume: bool) -> Result<(Opened, Reported)> {
    let mut reported = Reported::new();
    if !(resume && path.is_file()) {
        return Ok((Opened::anew(path)?, reported));
    }
    let (file, records) = Opened::behind(path, "{\"source\":", |line| serde_json::from_slice::<BadRecord>(line).ok())?;
    records.iter().for_each(|record| *reported.entry(place(record)).or_default() += 1);
    Ok((file, reported))
}

/// Where a bad record stands, whatever its file was called.
fn place(record: &BadRecord) -> (PathBuf, u64) {
    let path = PathBuf::from(&record.source);
    (path.canonicalize().unwrap_or(path), record.line)
}

/// What of an earlier run was met again.
#[derive(Default)]
pub struct Earlier {
    /// Good records of its output that the inputs have not come to.
    pub missing: AtomicU64,
    /// Bad records that it reported, in a file or between the good ones.
    pub bad: AtomicU64,
}

impl Earlier {
    /// Leave out the good records that are `missing` still, and the bad ones that were `reported`; where no file of them was
    /// kept, those between these good ones.
    pub fn skip(
        &self,
        records: impl Iterator<Item = Result<Record>> + Send,
        mut reported: Option<Reported>,
    ) -> impl Iterator<Item = Result<Record>> + Send {
        records.filter(move |record| match record {
            Ok(Ok(_)) => self.missing.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1)).is_err(),
            Ok(Err(bad)) => {
                let known = match &mut reported {
                    Some(reported) => reported.get_mut(&place(bad)).filter(|times| **times > 0).map(|times| *times -= 1).is_some(),
                    None => self.missing.load(Ordering::Relaxed) > 0,
                };
                self.bad.fetch_add(u64::from(known), Ordering::Relaxed);
                !known
            }
            Err(_) => true,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_an_earlier_run_wrote_is_gone_on_from() -> std::io::Result<()> {
        let folder = tempfile::tempdir()?;
        let path = folder.path().join("out.jsonl");
        let record = r#"{"id":"a","meta":{"model":"m"}}"#;
        let done = |content: String| {
            std::fs::write(&path, &content)?;
            let (opened, done) = open_output(&path, true).map_err(std::io::Error::other)?;
            drop(opened.begin()?);
            Ok((done, content.len() - std::fs::read(&path)?.len()))
        };
        let whole = |content: String| done(content).ok();
        assert_eq!(whole(String::new()), Some((0, 0)));
        assert_eq!(whole(format!("{record}\n{record}\n")), Some((2, 0)));
        for torn in [record, "{", "{\"id\":\"b\",\"title\":\"x"] {
            assert_eq!(whole(format!("{record}\n{torn}")), Some((1, torn.len())));
            assert_eq!(whole(torn.to_string()), Some((0, torn.len())));
        }
        for strange in ["mine", "mine\n", "{\"id\":\"a\",\"text\":\"b\"}", "{\"id\":\"a\",\"text\":\"b\"}\n", "[]\n", "\n"] {
            for content in [strange.to_string(), format!("{record}\n{strange}"), format!("{strange}{record}\n")] {
                let refused: std::io::Result<(u64, usize)> = done(content.clone());
                assert!(refused.is_err_and(|e| e.to_string().contains("is none of mujaz analyze")), "{content:?}");
                assert_eq!(std::fs::read_to_string(&path)?, content);
            }
        }
        Ok(())
    }
}
