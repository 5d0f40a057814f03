//! One JSON object a line.

use super::article::Article;
use super::input::{BadRecord, Record};
use super::text;
use crate::error::Error;
use serde::Deserializer;
use serde::de::{MapAccess, Visitor};
use serde_json::{Map, Value};
use std::fmt;
use std::io::BufRead;
use std::sync::Arc;

/// Read articles from lines; blank lines are passed over, broken ones are reported. An item is `Err` only when reading itself
/// fails; a record that is wrong is an `Ok(Err(_))`.
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
        let value = parsed(line).map_err(|e| bad(broken(&e)))?.map_err(bad)?;
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

/// The JSON of a line; or what is wrong with its fields.
fn parsed(line: &str) -> serde_json::Result<Result<Value, String>> {
    if !line.trim_start().starts_with('{') {
        return serde_json::from_str(line).map(Ok);
    }
    let mut parser = serde_json::Deserializer::from_str(line);
    let (fields, twice) = parser.deserialize_map(Fields)?;
    parser.end()?;
    Ok(match twice {
        Some(name) => Err(format!("two fields are named \"{name}\"; rename or drop one")),
        None => Ok(Value::Object(fields)),
    })
}

/// Reads the fields of an object, and a name that is there twice: serde_json alone keeps the last of them in silence.
struct Fields;

impl<'de> Visitor<'de> for Fields {
    type Value = (Map<String, Value>, Option<String>);

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let (mut fields, mut twice) = (Map::new(), None);
        while let Some((name, value)) = map.next_entry::<String, Value>()? {
            if fields.contains_key(&name) {
                twice = Some(name.clone());
            }
            fields.insert(name, value);
        }
        Ok((fields, twice))
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

    #[test]
    fn a_field_that_is_there_twice_is_bad() {
        let told = |line: &str| Some(JsonlReader::new(line.as_bytes(), "t.jsonl").next()?.ok()?.err()?.reason);
        for line in ["{\"text\":\"a\",\"text\":\"b\"}", " {\"text\":\"a\",\"n\":1,\"\\u0074ext\":\"a\"}"] {
            assert_eq!(told(line).as_deref(), Some("two fields are named \"text\"; rename or drop one"), "{line}");
        }
        assert_eq!(told("{\"text\":\"a\",\"x\":{\"text\":1},\"n\":12345678901234567890123}"), None);
        assert_eq!(told("{\"text\":\"a\"} x").as_deref(), Some("broken JSON: trailing characters at column 14"));
        assert_eq!(told("12").as_deref(), Some("expected a JSON object, found a number"));
    }
}
