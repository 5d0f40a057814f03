//! CSV with a header row that has a `text` column; other columns pass through.

use super::article::Article;
use super::input::{BadRecord, Record};
use crate::error::Error;
use serde_json::{Map, Value};
use std::collections::VecDeque;
use std::io::Read;
use std::sync::{Arc, Mutex, PoisonError};

/// Rows of a CSV file as records.
pub struct CsvReader<R: Read> {
    rows: csv::ByteRecordsIntoIter<Lines<R>>,
    begun: Begun,
    columns: Vec<String>,
    source: Arc<str>,
}

impl<R: Read> CsvReader<R> {
    /// Read the header; an error when it has no `text` column.
    pub fn new(input: R, source: impl Into<Arc<str>>) -> Result<Self, Error> {
        let source = source.into();
        let begun = Begun::default();
        let lines = Lines { inner: input, begun: Arc::clone(&begun), offset: 0, line: 1, fresh: true };
        let mut reader = csv::ReaderBuilder::new().flexible(true).from_reader(lines);
        let header = reader.byte_headers().map_err(|e| Error::input(&*source, format!("the header row cannot be read: {e}")))?;
        let columns: Vec<String> = header
            .iter()
            .enumerate()
            .map(|(i, name)| {
                let name = if i == 0 { name.strip_prefix(b"\xef\xbb\xbf").unwrap_or(name) } else { name };
                String::from_utf8_lossy(name).trim().to_string()
            })
            .collect();
        if !columns.iter().any(|c| c == "text") {
            let found = columns.join(", ");
            return Err(Error::input(
                &*source,
                format!("no column named \"text\" (found: {found}); rename the column that holds the article"),
            ));
        }
        Ok(Self { rows: reader.into_byte_records(), begun, columns, source })
    }

    /// The line on which a row begins. The reader's own count stands still before CRLF and blank lines.
    fn line(&self, place: &csv::Position) -> u64 {
        let mut begun = self.begun.lock().unwrap_or_else(PoisonError::into_inner);
        while begun.front().is_some_and(|&(offset, _)| offset < place.byte()) {
            begun.pop_front();
        }
        begun.front().map_or(place.line(), |&(_, line)| line)
    }

    fn parse(&self, row: &csv::ByteRecord, line: u64) -> Result<Article, String> {
        if row.len() != self.columns.len() {
            return Err(format!("{} fields in a table of {} columns; check the quotes", row.len(), self.columns.len()));
        }
        let mut fields = Map::new();
        for (name, value) in self.columns.iter().zip(row) {
            let value = std::str::from_utf8(value).map_err(|_| format!("invalid UTF-8 in column \"{name}\"; convert the file to UTF-8"))?;
            if !(value.is_empty() && matches!(name.as_str(), "id" | "title")) {
                fields.insert(name.clone(), Value::String(value.to_string()));
            }
        }
        Article::from_json(Value::Object(fields), &self.source, line)
    }
}

/// Where lines with anything on them begin: bytes from the start, and numbers from 1.
type Begun = Arc<Mutex<VecDeque<(u64, u64)>>>;

/// Notes the beginnings of lines that are read through it.
struct Lines<R> {
    inner: R,
    begun: Begun,
    offset: u64,
    line: u64,
    /// Whether nothing of the line was read yet.
    fresh: bool,
}

impl<R: Read> Read for Lines<R> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let count = self.inner.read(buffer)?;
        let mut begun = self.begun.lock().unwrap_or_else(PoisonError::into_inner);
        for &byte in &buffer[..count] {
            match byte {
                b'\n' => (self.line, self.fresh) = (self.line + 1, true),
                b'\r' => {}
                _ if self.fresh => {
                    begun.push_back((self.offset, self.line));
                    self.fresh = false;
                }
                _ => {}
            }
            self.offset += 1;
        }
        Ok(count)
    }
}

impl<R: Read> Iterator for CsvReader<R> {
    type Item = Result<Record, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        let bad = |line, reason| BadRecord { source: self.source.to_string(), line, reason };
        Some(match self.rows.next()? {
            Ok(row) => {
                let line = row.position().map_or(0, |place| self.line(place));
                Ok(self.parse(&row, line).map_err(|reason| bad(line, reason)))
            }
            Err(error) if error.is_io_error() => Err(Error::input(&*self.source, error.to_string())),
            Err(error) => Ok(Err(bad(error.position().map_or(0, |place| self.line(place)), error.to_string()))),
        })
    }
}
