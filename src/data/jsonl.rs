//! One JSON object a line.

use super::article::Article;
use super::input::{BadRecord, Record};
use super::text;
use crate::error::Error;
use serde_json::Value;
use std::io::BufRead;
use std::sync::Arc;

/// Read articles from lines; blank lines are passed over, broken ones are reported.
pub struct JsonlReader<R> {
    lines: R,
    source: Arc<str>,
    line: u64,
    buffer: Vec<u8>,
    /// Whether the file was refused as a whole.
    refused: bool,
}

impl<R: BufRead> JsonlReader<R> {
    /// `source` names the file in messages and in the ids of records without one.
    pub fn new(lines: R, source: impl Into<Arc<str>>) -> Self {
        Self { lines, source: source.into(), line: 0, buffer: Vec::new(), refused: false }
    }

    fn parse(&self) -> Result<Article, BadRecord> {
        let bad = |reason: String| BadRecord { source: self.source.to_string(), line: self.line, reason };
        let line = std::str::from_utf8(&self.buffer)
            .map_err(|e| bad(format!("invalid UTF-8 after {} bytes; convert the file to UTF-8", e.valid_up_to())))?;
        let value: Value = serde_json::from_str(line).map_err(|e| bad(broken(&e)))?;
        Article::from_json(value, &self.source, self.line).map_err(bad)
    }
}

impl<R: BufRead> Iterator for JsonlReader<R> {
    type Item = Result<Record, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        while !self.refused {
            self.buffer.clear();
            match self.lines.read_until(b'\n', &mut self.buffer) {
                Ok(0) => return None,
                Err(source) => return Some(Err(Error::file(&*self.source, source))),
                Ok(_) => self.line += 1,
            }
            if self.line == 1 && text::is_utf16(&self.buffer) {
                self.refused = true;
                return Some(Ok(Err(BadRecord { source: self.source.to_string(), line: 0, reason: text::UTF_16.to_string() })));
            }
            if self.line == 1 && self.buffer.starts_with(b"\xef\xbb\xbf") {
                self.buffer.drain(..3);
            }
            while self.buffer.last().is_some_and(u8::is_ascii_whitespace) {
                self.buffer.pop();
            }
            if !self.buffer.is_empty() {
                return Some(Ok(self.parse()));
            }
        }
        None
    }
}

/// What is wrong with a line. Its number stands beside; to the parser every line is the first.
fn broken(error: &serde_json::Error) -> String {
    let message = error.to_string();
    let bare = message.strip_suffix(&format!(" at line {} column {}", error.line(), error.column())).unwrap_or(&message);
    format!("broken JSON: {bare} at column {}", error.column())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn broken_lines_are_named_once() {
        let record = JsonlReader::new("\n{\"text\":x}\n".as_bytes(), "t.jsonl").next();
        let told = record.and_then(Result::ok).and_then(Result::err).map(|bad| bad.to_string());
        assert_eq!(told.as_deref(), Some("t.jsonl:2: broken JSON: expected value at column 9"));
    }
}
