//! Tables with a header row that has a `text` column; other columns pass through. Commas, semicolons or tabs part them.
//!
//! The `csv` crate reads on where a quote is missing and makes one field of all rows up to the next quote. Here such a row is
//! bad, and those behind it are read. In tables parted by tabs a quote is often a letter like any other.

use super::article::Article;
use super::input::{BadRecord, Record, repeated};
use super::text;
use crate::error::Error;
use serde_json::{Map, Value};
use std::io::{BufRead, Cursor, ErrorKind};
use std::sync::Arc;

/// Rows of a table as records. Items are those of [`JsonlReader`](super::JsonlReader).
pub struct CsvReader<R> {
    rows: Rows<R>,
    columns: Vec<String>,
    source: Arc<str>,
}

impl<R: BufRead> CsvReader<R> {
    /// Read the header; an error when it has no `text` column, or a column twice, or is UTF-16.
    pub fn new(input: R, source: impl Into<Arc<str>>) -> Result<Self, Error> {
        let source = source.into();
        let mut rows = Rows { input, delimiter: b',', tabbed: None, again: Cursor::default(), line: 0 };
        let unreadable = |error| Error::file(&*source, error);
        let mut line = Vec::new();
        rows.next_line(&mut line).map_err(unreadable)?;
        if text::is_utf16(&line) {
            return Err(Error::input(&*source, text::UTF_16));
        }
        rows.delimiter = delimiter(&line);
        rows.read_again(line);
        let first = rows.next_row().map_err(unreadable)?;
        let header = first.map_or(Ok(Vec::new()), |(_, fields)| fields);
        let header = header.map_err(|reason| Error::input(&*source, format!("the header row cannot be read: {reason}")))?;
        let columns = names(&header);
        if !columns.iter().any(|c| c == "text") {
            let found = columns.join(", ");
            return Err(Error::input(
                &*source,
                format!("no column named \"text\" (found: {found}); rename the column that holds the article"),
            ));
        }
        if let Some(name) = repeated(columns.iter().map(String::as_str)) {
            return Err(Error::input(&*source, format!("two columns are named \"{name}\"; rename or drop one")));
        }
        rows.tabbed = (rows.delimiter == b'\t').then_some(columns.len());
        Ok(Self { rows, columns, source })
    }

    fn parse(&self, row: Vec<Vec<u8>>, line: u64) -> Result<Article, String> {
        if row.len() != self.columns.len() {
            return Err(format!("{} fields in a table of {} columns; check the quotes", row.len(), self.columns.len()));
        }
        let mut fields = Map::new();
        for (name, value) in self.columns.iter().zip(row) {
            let value = String::from_utf8(value).map_err(|_| format!("invalid UTF-8 in column \"{name}\"; convert the file to UTF-8"))?;
            if !(value.is_empty() && matches!(name.as_str(), "id" | "title")) {
                fields.insert(name.clone(), Value::String(value));
            }
        }
        Article::from_json(Value::Object(fields), &self.source, line)
    }
}

impl<R: BufRead> Iterator for CsvReader<R> {
    type Item = Result<Record, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        let (line, row) = match self.rows.next_row() {
            Ok(row) => row?,
            Err(error) => return Some(Err(Error::file(&*self.source, error))),
        };
        let article = row.and_then(|row| self.parse(row, line));
        Some(Ok(article.map_err(|reason| BadRecord { source: self.source.to_string(), line, reason })))
    }
}

/// The names of columns.
fn names(header: &[Vec<u8>]) -> Vec<String> {
    header.iter().map(|name| String::from_utf8_lossy(name).trim().to_string()).collect()
}

/// What parts the columns: a comma, else a semicolon or a tab where one column is named "text" only so.
fn delimiter(header: &[u8]) -> u8 {
    let has_text = |&delimiter: &u8| {
        let mut fields = Fields::default();
        header.iter().all(|&byte| fields.take(byte, delimiter)) && names(&fields.finished()).iter().any(|name| name == "text")
    };
    [b',', b';', b'\t'].into_iter().find(has_text).unwrap_or(b',')
}

/// The line of a row, and its fields or what is wrong with it.
type Row = (u64, Result<Vec<Vec<u8>>, String>);

/// Rows as they stand in a file.
struct Rows<R> {
    input: R,
    /// What stands between fields.
    delimiter: u8,
    /// The number of columns where tabs part them, once the header is read.
    tabbed: Option<usize>,
    /// Lines to be read again as rows: the header, and those read in vain for the end of a quoted field.
    again: Cursor<Vec<u8>>,
    /// Line ends before the next line.
    line: u64,
}

impl<R: BufRead> Rows<R> {
    /// Read the next line that is not blank into `out`, and say which it is; `None` at the end of the file.
    fn next_line(&mut self, out: &mut Vec<u8>) -> std::io::Result<Option<u64>> {
        loop {
            out.clear();
            let line = self.line + 1;
            if !self.read_line(out)? {
                return Ok(None);
            }
            if line == 1 && out.starts_with(b"\xef\xbb\xbf") {
                out.drain(..3);
            }
            if out.iter().any(|byte| !matches!(byte, b'\r' | b'\n')) {
                return Ok(Some(line));
            }
        }
    }

    /// The next row; blank lines are none. One with a wrong quote ends with the line where the quoted field begins.
    fn next_row(&mut self) -> std::io::Result<Option<Row>> {
        let mut bytes = Vec::new();
        let Some(first) = self.next_line(&mut bytes)? else { return Ok(None) };
        if let Some(columns) = self.tabbed {
            return Ok(Some((first, Ok(self.tabbed_row(bytes, columns)?))));
        }
        let mut fields = Fields::default();
        let (mut at, mut line) = (0, first);
        // Where the last quoted field begins, and where that line ends.
        let (mut opened, mut behind) = (first, None);
        loop {
            for &byte in &bytes[at..] {
                if fields.place == Place::Start && byte == b'"' {
                    (opened, behind) = (line, None);
                }
                if !fields.take(byte, self.delimiter) {
                    let place = if line == opened { String::new() } else { format!(" in line {line}") };
                    let reason = format!("a field goes on behind its closing quote{place}; close every quote, and double those inside");
                    self.read_again(bytes.split_off(behind.unwrap_or(bytes.len())));
                    return Ok(Some((opened, Err(reason))));
                }
                line += u64::from(byte == b'\n');
            }
            let behind = *behind.get_or_insert(bytes.len());
            if fields.place != Place::Quoted {
                return Ok(Some((first, Ok(fields.finished()))));
            }
            at = bytes.len();
            if !self.read_line(&mut bytes)? {
                self.read_again(bytes.split_off(behind));
                return Ok(Some((opened, Err("a quote is never closed".to_string()))));
            }
        }
    }

    /// The row of a table parted by tabs that begins with this line. Where its quotes do not come out with the table's columns, or
    /// would make one field of two whole rows, they are letters, and the row is this line alone.
    fn tabbed_row(&mut self, mut bytes: Vec<u8>, columns: usize) -> std::io::Result<Vec<Vec<u8>>> {
        let (first, plain) = (bytes.len(), unquoted(&bytes));
        let (mut fields, mut at) = (Fields::default(), 0);
        // No more columns than the table has: a line is read again for each of them at most.
        while bytes[at..].iter().all(|&byte| fields.take(byte, b'\t')) && fields.done.len() < columns {
            if fields.place != Place::Quoted {
                if fields.done.len() + 1 == columns {
                    return Ok(fields.finished());
                }
                break;
            }
            at = bytes.len();
            let more = self.read_line(&mut bytes)?;
            if !more || plain.len() == columns && unquoted(&bytes[at..]).len() == columns {
                break;
            }
        }
        self.read_again(bytes.split_off(first));
        Ok(plain)
    }

    fn is_reading_again(&self) -> bool {
        self.again.position() < self.again.get_ref().len() as u64
    }

    /// Put lines back. Where commas part columns, rows among them end with their line, for their quotes stand in pairs: none is
    /// read a third time.
    fn read_again(&mut self, mut lines: Vec<u8>) {
        if !lines.is_empty() {
            self.line -= line_ends(&lines);
            lines.extend_from_slice(self.again.fill_buf().unwrap_or_default());
            self.again = Cursor::new(lines);
        }
    }

    /// Add a line with its end to `out`, a CR alone being one; `false` at the end of the file.
    fn read_line(&mut self, out: &mut Vec<u8>) -> std::io::Result<bool> {
        let from = out.len();
        loop {
            let buffered = if self.is_reading_again() { self.again.fill_buf() } else { self.input.fill_buf() };
            let buffer = match buffered {
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                other => other?,
            };
            let end = buffer.iter().position(|byte| matches!(byte, b'\r' | b'\n'));
            let count = end.map_or(buffer.len(), |end| end + 1);
            out.extend_from_slice(&buffer[..count]);
            if self.is_reading_again() {
                self.again.consume(count)
            } else {
                self.input.consume(count)
            }
            if end.is_some() || count == 0 {
                self.line += line_ends(&out[from..]);
                return Ok(out.len() > from);
            }
        }
    }
}

fn line_ends(bytes: &[u8]) -> u64 {
    bytes.iter().filter(|&&byte| byte == b'\n').count() as u64
}

/// The fields of a line between tabs, quotes and all.
fn unquoted(line: &[u8]) -> Vec<Vec<u8>> {
    let end = line.iter().rposition(|byte| !matches!(byte, b'\r' | b'\n')).map_or(0, |last| last + 1);
    line[..end].split(|&byte| byte == b'\t').map(<[u8]>::to_vec).collect()
}

/// What has been read of a row.
#[derive(Default)]
struct Fields {
    done: Vec<Vec<u8>>,
    last: Vec<u8>,
    place: Place,
}

/// Where a row has been read to.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Place {
    /// The beginning of a field, where alone a quote opens one.
    #[default]
    Start,
    /// A field without quotes.
    Plain,
    /// A field in quotes.
    Quoted,
    /// Behind a quote that closes the field, or is the first of two.
    Closed,
}

impl Fields {
    /// Read on; `false` where a field goes on behind its closing quote.
    fn take(&mut self, byte: u8, delimiter: u8) -> bool {
        self.place = match (self.place, byte) {
            (Place::Start, b'"') => Place::Quoted,
            (Place::Quoted, b'"') => Place::Closed,
            (Place::Quoted, _) | (Place::Closed, b'"') => {
                self.last.push(byte);
                Place::Quoted
            }
            (_, byte) if byte == delimiter => {
                self.done.push(std::mem::take(&mut self.last));
                Place::Start
            }
            (place, b'\r' | b'\n') => place,
            (Place::Closed, _) => return false,
            (Place::Start | Place::Plain, _) => {
                self.last.push(byte);
                Place::Plain
            }
        };
        true
    }

    /// The fields of a row that ends here.
    fn finished(mut self) -> Vec<Vec<u8>> {
        self.done.push(self.last);
        self.done
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Texts of the good rows, and lines and reasons of the bad ones.
    fn read(table: &str) -> (Vec<String>, Vec<(u64, String)>) {
        let (mut texts, mut bad) = (Vec::new(), Vec::new());
        for record in CsvReader::new(table.as_bytes(), "t.csv").into_iter().flatten() {
            match record {
                Ok(Ok(article)) => texts.push(article.text),
                Ok(Err(record)) => bad.push((record.line, record.reason)),
                Err(error) => bad.push((0, error.to_string())),
            }
        }
        (texts, bad)
    }

    fn lines(table: &str) -> (Vec<String>, Vec<u64>) {
        let (texts, bad) = read(table);
        (texts, bad.into_iter().map(|(line, _)| line).collect())
    }

    #[test]
    fn rows() {
        let table = "\u{feff}\"id\",text\r\n1,\"a,\"\"b\"\"\r\nc\"\r\n\r\n2,d\"e\n3,\"\"\n4,\"f\"";
        assert_eq!(read(table), (["a,\"b\"\r\nc", "d\"e", "", "f"].map(str::to_string).to_vec(), Vec::new()));
        assert_eq!(read("id,text\r1,a\r2,\"b\rc\"\r").0, ["a", "b\rc"], "a CR alone ends a line");
    }

    #[test]
    fn a_quote_that_is_never_closed_costs_its_own_row() {
        let (texts, bad) = read("id,text\n1,\"abc\n2,def\n3,ghi\n");
        assert_eq!(texts, ["def", "ghi"]);
        assert_eq!(bad, [(2, "a quote is never closed".to_string())]);
        let table = "id,text\r\n0,\"a\r\nb\"\r\n1,\"abc\r\n\r\n2,def\r\n3,\"gh\r\n4,\"\"\"i\"\"\"\r\n5,\"j\r\nk\"\r\n6,\"l";
        assert_eq!(lines(table).0, ["a\r\nb", "def", "\"i\"", "j\r\nk"]);
        assert_eq!(lines(table).1, [4, 7, 11]);
        assert_eq!(lines("id,text\n1,\"a\nb\",\"c\nd").1, [3, 4], "the line of the quote, not that of the row");
    }

    #[test]
    fn a_field_that_goes_on_behind_its_quote_costs_its_own_row() {
        let (texts, bad) = read("id,text\n1,\"abc\" def\n2,ghi\n3,\"jkl\n4,mno\n5,\"pqr\"\n6,stu\n");
        assert_eq!(texts, ["ghi", "mno", "pqr", "stu"]);
        assert_eq!(bad.iter().map(|(line, _)| *line).collect::<Vec<_>>(), [2, 4]);
        assert!(bad[0].1.starts_with("a field goes on behind its closing quote;") && bad[1].1.contains("in line 6;"), "{bad:?}");
    }

    #[test]
    fn a_column_has_its_name_alone() {
        let refused = |table: &str| CsvReader::new(table.as_bytes(), "t.csv").err().map(|e| e.to_string());
        assert_eq!(refused("id,text, text\n").as_deref(), Some("t.csv: two columns are named \"text\"; rename or drop one"));
        assert_eq!(refused("id,text,,\n"), None, "columns without a name are what spreadsheets leave behind");
    }

    #[test]
    fn semicolons_and_tabs_part_columns_too() {
        for delimiter in [",", ";", "\t"] {
            let table = "\u{feff}\r\n\"id\"|text|x\r\n1|\"a\t|b\"\"\n;,c\"|d\r\n2|e|f|g\r\n3|h|\r\n".replace('|', delimiter);
            let (texts, bad) = read(&table);
            assert_eq!(texts, [format!("a\t{delimiter}b\"\n;,c").as_str(), "h"]);
            assert_eq!(bad, [(5, "4 fields in a table of 3 columns; check the quotes".to_string())]);
        }
        assert_eq!(read("text,a;text\nx;y,z\n").0, ["x;y"], "a comma before a semicolon");
        assert_eq!(read("text\nx;y\n").0, ["x;y"]);
        let refused = CsvReader::new("id;body\n1;x\n".as_bytes(), "t.csv").err().map(|e| e.to_string());
        let told = "t.csv: no column named \"text\" (found: id;body); rename the column that holds the article";
        assert_eq!(refused.as_deref(), Some(told));
    }

    #[test]
    fn quotes_between_tabs_may_be_letters() {
        let table =
            "id\ttext\r\n1\t\"قال إن الأمر انتهى\r\n2\tوأضاف: لن نعود\"\r\n3\t\"الجيش\" يتقدم\r\n\r\n4\t\"نص\"\r\n5\t\"أ\tب\r\n6\t\"ج";
        let (texts, bad) = read(table);
        assert_eq!(texts, ["\"قال إن الأمر انتهى", "وأضاف: لن نعود\"", "\"الجيش\" يتقدم", "نص", "\"ج"]);
        assert_eq!(bad, [(7, "3 fields in a table of 2 columns; check the quotes".to_string())]);
        let cells = "text\tid\n\"a\n\"\"b\tc\"\t1\nd\t\"2\n\n3\"\n\"e\nf\t4\n";
        assert_eq!(read(cells).0, ["a\n\"b\tc", "d", "f"], "cells of several lines");
        assert_eq!(lines(cells).1, [7], "a line that is short of a column, and no quote closes it");
    }
}
