//! Where analyses go: records of a format, or a page.

use crate::data::{self, Analysis};
use crate::error::{Error, Result};
use crate::report::PageWriter;
use serde_json::{Map, Value};
use std::io::{self, Write};
use std::path::Path;

/// A format of the output.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// Records.
    Records(data::Format),
    /// A page to look at; analyses must bring their text.
    Page,
}

impl Format {
    /// One record a line.
    pub const JSONL: Self = Self::Records(data::Format::Jsonl);

    /// The format that the ending of a file name asks for.
    pub fn of(path: &Path) -> Result<Self> {
        if path.extension().is_some_and(|ending| ending.eq_ignore_ascii_case("html")) {
            return Ok(Self::Page);
        }
        let records = data::Format::of(path).map(Self::Records);
        records.ok_or_else(|| Error::input(path, "the output's name must end in .jsonl, .csv, .parquet or .html"))
    }

    /// Whether what is written of a file can be used before its end.
    pub fn grows(self) -> bool {
        matches!(self, Self::Records(format) if format.grows())
    }
}

/// Writes analyses in one format.
pub enum Writer<W: Write + Send> {
    Records(data::Writer<W>),
    Page(PageWriter<W>),
}

impl<W: Write + Send> Writer<W> {
    /// A writer into `out`. Tables have a column for the text where analyses bring it, `with_text`; a page has the Arabic names of
    /// `topics` by label.
    pub fn new(out: W, format: Format, with_text: bool, topics: Map<String, Value>) -> io::Result<Self> {
        Ok(match format {
            Format::Records(format) => Self::Records(data::Writer::new(out, format, with_text)?),
            Format::Page => Self::Page(PageWriter::new(out, topics)?),
        })
    }

    /// Write one record.
    pub fn write(&mut self, analysis: &Analysis) -> io::Result<()> {
        match self {
            Self::Records(records) => records.write(analysis),
            Self::Page(page) => page.add(analysis),
        }
    }

    /// Push out what a reader can use by now: nothing of a page.
    pub fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Records(records) => records.flush(),
            Self::Page(_) => Ok(()),
        }
    }

    /// Write what is left.
    pub fn finish(self) -> io::Result<()> {
        match self {
            Self::Records(records) => records.finish(),
            Self::Page(page) => page.finish(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn endings_are_read_in_either_case() {
        let format = |name: &str| Format::of(Path::new(name)).ok();
        assert_eq!([format("a.HTML"), format("a.JSONL"), format("a.doc")], [Some(Format::Page), Some(Format::JSONL), None]);
    }
}
