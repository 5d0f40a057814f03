//! Analyses out: JSONL, CSV, parquet, or a page.

use super::article::Analysis;
use crate::error::Error;
use crate::report::PageWriter;
use arrow_array::{ArrayRef, RecordBatch, StringArray};
use arrow_schema::{DataType, Field, Schema};
use parquet::arrow::ArrowWriter;
use parquet::basic::Compression;
use parquet::file::properties::WriterProperties;
use serde_json::{Map, Value};
use std::io::{self, Write};
use std::path::Path;
use std::sync::Arc;

/// Columns of the CSV and parquet tables. Nested values are JSON text; `labels` lists topic labels by `|`.
const COLUMNS: [&str; 9] = ["id", "title", "labels", "summary", "topics", "entities", "stance", "meta", "extra"];
/// Bytes of a parquet row group, about.
const GROUP_BYTES: usize = 32 << 20;
const ROWS_AT_ONCE: usize = 512;

/// A format of the output.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// One record a line.
    Jsonl,
    /// A table with a header.
    Csv,
    /// A table of strings.
    Parquet,
    /// A page to look at; analyses must bring their text.
    Html,
}

impl Format {
    /// The format that the ending of a file name asks for.
    pub fn of(path: &Path) -> Result<Self, Error> {
        match path.extension().and_then(|e| e.to_str()) {
            Some("jsonl" | "ndjson" | "json") => Ok(Self::Jsonl),
            Some("csv") => Ok(Self::Csv),
            Some("parquet") => Ok(Self::Parquet),
            Some("html") => Ok(Self::Html),
            _ => Err(Error::input(path, "the output's name must end in .jsonl, .csv, .parquet or .html")),
        }
    }
}

/// Writes analyses in one format.
pub struct Writer<W: Write + Send> {
    sink: Sink<W>,
}

enum Sink<W: Write + Send> {
    Jsonl(W),
    Csv(Box<csv::Writer<W>>),
    Parquet(Box<ArrowWriter<W>>, Vec<[String; COLUMNS.len()]>),
    Html(Box<PageWriter<W>>),
}

impl<W: Write + Send> Writer<W> {
    /// A writer into `out`; tables write their header at once.
    ///
    /// `topics` are Arabic names by label, for the page.
    pub fn new(out: W, format: Format, topics: Map<String, Value>) -> io::Result<Self> {
        let sink = match format {
            Format::Jsonl => Sink::Jsonl(out),
            Format::Csv => {
                let mut table = csv::Writer::from_writer(out);
                table.write_record(COLUMNS)?;
                Sink::Csv(Box::new(table))
            }
            Format::Html => Sink::Html(Box::new(PageWriter::new(out, topics)?)),
            Format::Parquet => {
                let properties = WriterProperties::builder().set_compression(Compression::SNAPPY).build();
                Sink::Parquet(Box::new(ArrowWriter::try_new(out, schema(), Some(properties)).map_err(io::Error::other)?), Vec::new())
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
            Sink::Csv(table) => Ok(table.write_record(row(analysis)?)?),
            Sink::Html(page) => page.add(analysis),
            Sink::Parquet(table, rows) => {
                rows.push(row(analysis)?);
                if rows.len() >= ROWS_AT_ONCE { write_rows(table, rows) } else { Ok(()) }
            }
        }
    }

    /// Push out what is buffered, so that a reader sees every record written so far (JSONL and CSV).
    pub fn flush(&mut self) -> io::Result<()> {
        match &mut self.sink {
            Sink::Jsonl(out) => out.flush(),
            Sink::Csv(table) => table.flush(),
            Sink::Parquet(..) | Sink::Html(_) => Ok(()),
        }
    }

    /// Write what is left and close the table.
    pub fn finish(mut self) -> io::Result<()> {
        self.flush()?;
        match self.sink {
            Sink::Parquet(mut table, mut rows) => {
                write_rows(&mut table, &mut rows)?;
                table.close().map_err(io::Error::other)?;
                Ok(())
            }
            Sink::Html(page) => page.finish(),
            Sink::Jsonl(_) | Sink::Csv(_) => Ok(()),
        }
    }
}

fn schema() -> Arc<Schema> {
    Arc::new(Schema::new(COLUMNS.map(|name| Field::new(name, DataType::Utf8, false)).to_vec()))
}

fn write_rows<W: Write + Send>(table: &mut ArrowWriter<W>, rows: &mut Vec<[String; COLUMNS.len()]>) -> io::Result<()> {
    if rows.is_empty() {
        return Ok(());
    }
    let column = |i: usize| -> ArrayRef { Arc::new(StringArray::from_iter_values(rows.iter().map(|row| &row[i]))) };
    let batch = RecordBatch::try_new(schema(), (0..COLUMNS.len()).map(column).collect()).map_err(io::Error::other)?;
    rows.clear();
    table.write(&batch).map_err(io::Error::other)?;
    // Rows stay in memory until their group is closed.
    if table.in_progress_size() > GROUP_BYTES { table.flush().map_err(io::Error::other) } else { Ok(()) }
}

fn row(analysis: &Analysis) -> io::Result<[String; COLUMNS.len()]> {
    let json = |value: Value| if value.is_null() { String::new() } else { value.to_string() };
    let labels: Vec<&str> = analysis.topics.iter().flatten().map(|t| t.label.as_str()).collect();
    Ok([
        analysis.id.clone(),
        analysis.title.clone().unwrap_or_default(),
        labels.join("|"),
        analysis.summary.as_ref().map_or_else(String::new, |s| s.text.clone()),
        json(serde_json::to_value(&analysis.topics)?),
        json(serde_json::to_value(&analysis.entities)?),
        json(serde_json::to_value(&analysis.stance)?),
        serde_json::to_string(&analysis.meta)?,
        if analysis.extra.is_empty() { String::new() } else { serde_json::to_string(&analysis.extra)? },
    ])
}
