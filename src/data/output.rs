//! Analyses out: JSONL, CSV or parquet.

use super::article::Analysis;
use arrow_array::{ArrayRef, RecordBatch, StringArray};
use arrow_schema::{DataType, Field, Schema};
use parquet::arrow::ArrowWriter;
use parquet::basic::Compression;
use parquet::file::properties::WriterProperties;
use serde_json::Value;
use std::io::{self, Write};
use std::path::Path;
use std::sync::Arc;

/// Columns of the CSV and parquet tables. Nested values are JSON text; `labels` lists topic labels by `|`.
/// A last one, `text`, stands where it was asked for.
const COLUMNS: [&str; 9] = ["id", "title", "labels", "summary", "topics", "entities", "stance", "meta", "extra"];
/// Bytes of a parquet row group, about.
const GROUP_BYTES: usize = 32 << 20;
const ROWS_AT_ONCE: usize = 512;

/// A format of records.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// One record a line.
    Jsonl,
    /// A table with a header.
    Csv,
    /// A table of strings.
    Parquet,
}

impl Format {
    /// The format that the ending of a file name asks for, in either case: .jsonl (or .ndjson), .csv, .parquet.
    pub fn of(path: &Path) -> Option<Self> {
        match path.extension().and_then(|e| e.to_str()).map(str::to_ascii_lowercase).as_deref() {
            Some("jsonl" | "ndjson") => Some(Self::Jsonl),
            Some("csv") => Some(Self::Csv),
            Some("parquet") => Some(Self::Parquet),
            _ => None,
        }
    }

    /// Whether what is written of a file can be used before its end: lines and rows can, parquet tables cannot.
    pub fn grows(self) -> bool {
        matches!(self, Self::Jsonl | Self::Csv)
    }
}

/// Writes analyses in one format.
pub struct Writer<W: Write + Send> {
    sink: Sink<W>,
}

enum Sink<W: Write + Send> {
    Jsonl(W),
    Csv(Box<csv::Writer<W>>, Vec<&'static str>),
    Parquet(Box<ArrowWriter<W>>, Vec<&'static str>, Vec<Vec<String>>),
}

impl<W: Write + Send> Writer<W> {
    /// A writer into `out`; tables write their header at once.
    ///
    /// Tables have a column for the text where analyses bring it, `with_text`.
    pub fn new(out: W, format: Format, with_text: bool) -> io::Result<Self> {
        let columns: Vec<&'static str> = COLUMNS.into_iter().chain(with_text.then_some("text")).collect();
        let sink = match format {
            Format::Jsonl => Sink::Jsonl(out),
            Format::Csv => {
                let mut table = csv::Writer::from_writer(out);
                table.write_record(&columns)?;
                Sink::Csv(Box::new(table), columns)
            }
            Format::Parquet => {
                let properties = WriterProperties::builder().set_compression(Compression::SNAPPY).build();
                let table = ArrowWriter::try_new(out, schema(&columns), Some(properties)).map_err(io::Error::other)?;
                Sink::Parquet(Box::new(table), columns, Vec::new())
            }
        };
        Ok(Self { sink })
    }

    /// Write one record.
    pub fn write(&mut self, analysis: &Analysis) -> io::Result<()> {
        match &mut self.sink {
            Sink::Jsonl(out) => {
                let mut line = serde_json::to_vec(analysis)?;
                line.push(b'\n');
                out.write_all(&line)
            }
            Sink::Csv(table, columns) => Ok(table.write_record(row(analysis, columns)?)?),
            Sink::Parquet(table, columns, rows) => {
                rows.push(row(analysis, columns)?);
                if rows.len() >= ROWS_AT_ONCE { write_rows(table, columns, rows) } else { Ok(()) }
            }
        }
    }

    /// Push out what is buffered, so that a reader sees every record written so far (JSONL and CSV).
    pub fn flush(&mut self) -> io::Result<()> {
        match &mut self.sink {
            Sink::Jsonl(out) => out.flush(),
            Sink::Csv(table, _) => table.flush(),
            Sink::Parquet(..) => Ok(()),
        }
    }

    /// Write what is left and close the table.
    pub fn finish(mut self) -> io::Result<()> {
        self.flush()?;
        match self.sink {
            Sink::Parquet(mut table, columns, mut rows) => {
                write_rows(&mut table, &columns, &mut rows)?;
                table.close().map_err(io::Error::other)?;
                Ok(())
            }
            Sink::Jsonl(_) | Sink::Csv(..) => Ok(()),
        }
    }
}

fn schema(columns: &[&str]) -> Arc<Schema> {
    Arc::new(Schema::new(columns.iter().map(|&name| Field::new(name, DataType::Utf8, false)).collect::<Vec<_>>()))
}

fn write_rows<W: Write + Send>(table: &mut ArrowWriter<W>, columns: &[&str], rows: &mut Vec<Vec<String>>) -> io::Result<()> {
    if rows.is_empty() {
        return Ok(());
    }
    let column = |i: usize| -> ArrayRef { Arc::new(StringArray::from_iter_values(rows.iter().map(|row| &row[i]))) };
    let batch = RecordBatch::try_new(schema(columns), (0..columns.len()).map(column).collect()).map_err(io::Error::other)?;
    rows.clear();
    table.write(&batch).map_err(io::Error::other)?;
    // Rows stay in memory until their group is closed.
    if table.in_progress_size() > GROUP_BYTES { table.flush().map_err(io::Error::other) } else { Ok(()) }
}

/// One cell a column.
fn row(analysis: &Analysis, columns: &[&str]) -> io::Result<Vec<String>> {
    let json = |value: Value| if value.is_null() { String::new() } else { value.to_string() };
    let labels: Vec<&str> = analysis.topics.iter().flatten().map(|t| t.label.as_str()).collect();
    let mut cells = vec![
        analysis.id.clone(),
        analysis.title.clone().unwrap_or_default(),
        labels.join("|"),
        analysis.summary.as_ref().map_or_else(String::new, |s| s.text.clone()),
        json(serde_json::to_value(&analysis.topics)?),
        json(serde_json::to_value(&analysis.entities)?),
        json(serde_json::to_value(&analysis.stance)?),
        serde_json::to_string(&analysis.meta)?,
        if analysis.extra.is_empty() { String::new() } else { serde_json::to_string(&analysis.extra)? },
    ];
    cells.extend((columns.len() > COLUMNS.len()).then(|| analysis.text.clone().unwrap_or_default()));
    Ok(cells)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn endings_are_read_in_either_case() {
        let format = |name: &str| Format::of(Path::new(name));
        assert_eq!([format("A.JSONL"), format("a.Csv")], [Some(Format::Jsonl), Some(Format::Csv)]);
        assert_eq!([format("a.PARQUET"), format("a.ndjson"), format("a.doc")], [Some(Format::Parquet), Some(Format::Jsonl), None]);
    }
}
