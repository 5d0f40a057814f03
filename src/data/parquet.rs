//! Parquet tables with a `text` column of strings.

use super::article::Article;
use super::input::{BadRecord, Record, repeated};
use crate::error::Error;
use arrow_array::cast::AsArray;
use arrow_array::types::{
    Date32Type, Decimal128Type, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type, TimestampMicrosecondType,
    TimestampMillisecondType, TimestampNanosecondType, TimestampSecondType, UInt8Type, UInt16Type, UInt32Type, UInt64Type,
};
use arrow_array::{Array, RecordBatch};
use arrow_schema::{DataType, TimeUnit};
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder};
use parquet::basic::Compression;
use parquet::file::metadata::ParquetMetaData;
use serde_json::{Map, Value};
use std::fs::File;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

const ROWS_AT_ONCE: usize = 256;

/// Rows of a parquet file as records. Columns of strings, numbers and booleans pass through, also as categories;
/// dates, times and decimals as text; what is no number as null.
pub struct ParquetReader {
    batches: ParquetRecordBatchReader,
    rows: std::vec::IntoIter<Record>,
    left_out: Vec<String>,
    source: Arc<str>,
    row: u64,
    total: u64,
    broken: bool,
}

impl ParquetReader {
    /// Open the table; an error when it has no `text` column, a column twice, or one that is packed in a way that is not read.
    /// Other columns than id, title and text are left out where they are of a nested, binary or rare type.
    pub fn new(file: File, source: impl Into<Arc<str>>) -> Result<Self, Error> {
        let source = source.into();
        let broken = |e: parquet::errors::ParquetError| Error::input(&*source, format!("not a readable parquet file: {e}"));
        let builder = catch_unwind(|| ParquetRecordBatchReaderBuilder::try_new(file))
            .map_err(|_| Error::input(&*source, "not a readable parquet file: its footer is damaged"))?
            .map_err(broken)?;
        let schema = builder.schema().clone();
        if schema.field_with_name("text").is_err() {
            let found: Vec<&str> = schema.fields().iter().map(|f| f.name().as_str()).collect();
            return Err(Error::input(&*source, format!("no column named \"text\" (found: {})", found.join(", "))));
        }
        if let Some(name) = repeated(schema.fields().iter().map(|f| f.name().as_str())) {
            return Err(Error::input(&*source, format!("two columns are named \"{name}\"; rename or drop one")));
        }
        let known = |name: &str| matches!(name, "id" | "title" | "text");
        let (scalar, others): (Vec<_>, Vec<_>) = schema.fields().iter().enumerate().partition(|(_, f)| is_scalar(f.data_type()));
        if let Some((_, field)) = others.iter().find(|(_, f)| known(f.name())) {
            let reason = format!("column \"{}\" has the type {}; write it as text", field.name(), field.data_type());
            return Err(Error::input(&*source, reason));
        }
        let mask = ProjectionMask::roots(builder.parquet_schema(), scalar.iter().map(|(i, _)| *i));
        if let Some(codec) = unread_codec(builder.metadata(), &mask) {
            let reason = format!("it is compressed with {codec}, which is not read here; write it with zstd, snappy or no compression");
            return Err(Error::input(&*source, reason));
        }
        let left_out = others.iter().map(|(_, f)| format!("{} ({})", f.name(), f.data_type())).collect();
        let total = u64::try_from(builder.metadata().file_metadata().num_rows()).unwrap_or(0);
        let batches = builder.with_projection(mask).with_batch_size(ROWS_AT_ONCE).build().map_err(broken)?;
        Ok(Self { batches, rows: Vec::new().into_iter(), left_out, source, row: 0, total, broken: false })
    }

    /// Rows of the whole table, as it says itself.
    pub fn rows(&self) -> u64 {
        self.total
    }

    /// Names and types of the columns that are not read.
    pub fn left_out(&self) -> &[String] {
        &self.left_out
    }

    fn unpack(&mut self, batch: &RecordBatch) {
        let schema = batch.schema();
        let mut records = Vec::with_capacity(batch.num_rows());
        for row in 0..batch.num_rows() {
            self.row += 1;
            let mut fields = Map::new();
            for (field, column) in schema.fields().iter().zip(batch.columns()) {
                let value = if column.is_null(row) { Value::Null } else { value(column, row) };
                fields.insert(field.name().clone(), value);
            }
            records.push(Article::from_json(Value::Object(fields), &self.source, self.row).map_err(|reason| BadRecord {
                source: self.source.to_string(),
                line: self.row,
                reason,
            }));
        }
        self.rows = records.into_iter();
    }
}

impl Iterator for ParquetReader {
    type Item = Result<Record, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(record) = self.rows.next() {
                return Some(Ok(record));
            }
            if self.broken {
                return None; // the reader would give the same error for ever
            }
            // The reader trusts lengths in the file; a damaged one can make it panic.
            let reason = match catch_unwind(AssertUnwindSafe(|| self.batches.next())) {
                Ok(None) => return None,
                Ok(Some(Ok(batch))) => {
                    self.unpack(&batch);
                    continue;
                }
                Ok(Some(Err(error))) => format!("the table breaks off: {error}"),
                Err(_) => "the table breaks off: its pages are damaged".to_string(),
            };
            self.broken = true;
            return Some(Ok(Err(BadRecord { source: self.source.to_string(), line: self.row + 1, reason })));
        }
    }
}

fn is_scalar(kind: &DataType) -> bool {
    use DataType::{Boolean, Date32, Decimal128, Dictionary, Float32, Float64, LargeUtf8, Null, Timestamp, Utf8, Utf8View};
    match kind {
        Dictionary(_, values) => is_scalar(values),
        Utf8 | LargeUtf8 | Utf8View | Boolean | Float32 | Float64 | Null | Date32 | Timestamp(..) | Decimal128(..) => true,
        other => other.is_integer(),
    }
}

/// The first compression of the chosen columns that this program is built without.
fn unread_codec(table: &ParquetMetaData, chosen: &ProjectionMask) -> Option<&'static str> {
    let columns = table.row_groups().iter().flat_map(|group| group.columns().iter().enumerate());
    columns.filter(|(i, _)| chosen.leaf_included(*i)).find_map(|(_, column)| match column.compression() {
        Compression::UNCOMPRESSED | Compression::SNAPPY | Compression::ZSTD(_) => None,
        Compression::GZIP(_) => Some("gzip"),
        Compression::LZO => Some("lzo"),
        Compression::BROTLI(_) => Some("brotli"),
        Compression::LZ4 | Compression::LZ4_RAW => Some("lz4"),
    })
}

/// ISO 8601 of a day, by the seconds since 1970 of a moment in it.
fn iso_date(seconds: i64) -> String {
    // Howard Hinnant's civil_from_days.
    let days = seconds.div_euclid(86400) + 719_468;
    let era = days.div_euclid(146_097);
    let day_of_era = days.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    let year = era * 400 + year_of_era + i64::from(month <= 2);
    format!("{year:04}-{month:02}-{day:02}")
}

/// ISO 8601 of `count` parts of a second since 1970, `per_second` of them in each: in UTC where it is `zoned`, else without a zone,
/// as the table has it.
fn iso_moment(count: i64, per_second: i64, zoned: bool) -> String {
    let (seconds, part) = (count.div_euclid(per_second), count.rem_euclid(per_second));
    let time = seconds.rem_euclid(86400);
    let digits = per_second.ilog10() as usize;
    let fraction = if part > 0 { format!(".{part:0digits$}") } else { String::new() };
    let zone = if zoned { "Z" } else { "" };
    format!("{}T{:02}:{:02}:{:02}{}{zone}", iso_date(seconds), time / 3600, time / 60 % 60, time % 60, fraction.trim_end_matches('0'))
}

/// A moment, and how many of its units make a second.
fn timestamp(column: &dyn Array, unit: TimeUnit, row: usize) -> (i64, i64) {
    match unit {
        TimeUnit::Second => (column.as_primitive::<TimestampSecondType>().value(row), 1),
        TimeUnit::Millisecond => (column.as_primitive::<TimestampMillisecondType>().value(row), 1000),
        TimeUnit::Microsecond => (column.as_primitive::<TimestampMicrosecondType>().value(row), 1_000_000),
        TimeUnit::Nanosecond => (column.as_primitive::<TimestampNanosecondType>().value(row), 1_000_000_000),
    }
}

fn value(column: &dyn Array, row: usize) -> Value {
    match column.data_type() {
        DataType::Utf8 => column.as_string::<i32>().value(row).into(),
        DataType::LargeUtf8 => column.as_string::<i64>().value(row).into(),
        DataType::Utf8View => column.as_string_view().value(row).into(),
        DataType::Boolean => column.as_boolean().value(row).into(),
        DataType::Float32 => column.as_primitive::<Float32Type>().value(row).into(),
        DataType::Float64 => column.as_primitive::<Float64Type>().value(row).into(),
        DataType::Int8 => column.as_primitive::<Int8Type>().value(row).into(),
        DataType::Int16 => column.as_primitive::<Int16Type>().value(row).into(),
        DataType::Int32 => column.as_primitive::<Int32Type>().value(row).into(),
        DataType::Int64 => column.as_primitive::<Int64Type>().value(row).into(),
        DataType::UInt8 => column.as_primitive::<UInt8Type>().value(row).into(),
        DataType::UInt16 => column.as_primitive::<UInt16Type>().value(row).into(),
        DataType::UInt32 => column.as_primitive::<UInt32Type>().value(row).into(),
        DataType::UInt64 => column.as_primitive::<UInt64Type>().value(row).into(),
        DataType::Date32 => iso_date(i64::from(column.as_primitive::<Date32Type>().value(row)) * 86400).into(),
        DataType::Timestamp(unit, zone) => {
            let (count, per_second) = timestamp(column, *unit, row);
            iso_moment(count, per_second, zone.is_some()).into()
        }
        DataType::Decimal128(..) => column.as_primitive::<Decimal128Type>().value_as_string(row).into(),
        DataType::Dictionary(..) => {
            let categories = column.as_any_dictionary();
            let key = categories.normalized_keys()[row];
            if categories.values().is_null(key) { Value::Null } else { value(categories.values(), key) }
        }
        _ => Value::Null,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow_array::{ArrayRef, BinaryArray, Float64Array, StringArray};
    use arrow_schema::{Field, Schema};
    use parquet::arrow::ArrowWriter;

    /// The bytes of a table of one row.
    fn table(columns: &[(&str, ArrayRef)]) -> Result<Vec<u8>, Box<dyn std::error::Error>> {
        let fields: Vec<Field> = columns.iter().map(|(name, column)| Field::new(*name, column.data_type().clone(), true)).collect();
        let columns = columns.iter().map(|(_, column)| Arc::clone(column)).collect();
        let batch = RecordBatch::try_new(Arc::new(Schema::new(fields)), columns)?;
        let mut bytes = Vec::new();
        let mut writer = ArrowWriter::try_new(&mut bytes, batch.schema(), None)?;
        writer.write(&batch)?;
        writer.close()?;
        Ok(bytes)
    }

    fn open(bytes: &[u8]) -> Result<ParquetReader, Box<dyn std::error::Error>> {
        let mut file = tempfile::tempfile()?;
        std::io::Write::write_all(&mut file, bytes)?;
        Ok(ParquetReader::new(file, "t.parquet")?)
    }

    fn text(value: &str) -> ArrayRef {
        Arc::new(StringArray::from(vec![value]))
    }

    #[test]
    fn what_is_no_number_is_null_and_rare_types_are_left_out() -> Result<(), Box<dyn std::error::Error>> {
        let number = |value: Option<f64>| -> ArrayRef { Arc::new(Float64Array::from(vec![value])) };
        let raw: ArrayRef = Arc::new(BinaryArray::from(vec![b"x" as &[u8]]));
        let (nan, endless, none) = (number(Some(f64::NAN)), number(Some(f64::INFINITY)), number(None));
        let columns = [("text", text("خبر")), ("raw", Arc::clone(&raw)), ("nan", nan), ("endless", endless), ("none", none)];
        let mut reader = open(&table(&columns)?)?;
        assert_eq!((reader.rows(), reader.left_out()), (1, &["raw (Binary)".to_string()] as &[String]));
        let article = reader.next().ok_or("no row")??.map_err(|bad| bad.to_string())?;
        assert_eq!(Value::Object(article.extra), serde_json::json!({"nan": null, "endless": null, "none": null}));
        let refused = open(&table(&[("text", raw)])?).err().map(|e| e.to_string());
        assert_eq!(refused.as_deref(), Some("t.parquet: column \"text\" has the type Binary; write it as text"));
        Ok(())
    }

    #[test]
    fn tables_that_are_refused_say_why() -> Result<(), Box<dyn std::error::Error>> {
        let says = |bytes: &[u8]| open(bytes).err().map(|e| e.to_string()).unwrap_or_default();
        assert!(says(&table(&[("text", text("a")), ("text", text("b"))])?).contains("two columns are named \"text\""));
        let plain = table(&[("text", text("خبر"))])?;
        // The column's entry in the footer: the end of its path, and the codec behind it.
        let at = plain.windows(6).rposition(|bytes| bytes == b"text\x15\x00").ok_or("no codec")? + 5;
        for (codec, name) in [(2, "gzip"), (4, "brotli"), (7, "lz4")] {
            let mut bytes = plain.clone();
            bytes[at] = 2 * codec;
            assert!(says(&bytes).contains(&format!("compressed with {name}")), "{}", says(&bytes));
        }
        Ok(())
    }

    #[test]
    fn dates() {
        assert_eq!(iso_date(0), "1970-01-01");
        assert_eq!(iso_date(951_782_400), "2000-02-29");
        assert_eq!(iso_moment(1_795_219_199, 1, true), "2026-11-20T23:59:59Z");
        assert_eq!(iso_moment(-1, 1, false), "1969-12-31T23:59:59");
        assert_eq!(iso_moment(1_795_219_199_050, 1000, true), "2026-11-20T23:59:59.05Z");
        assert_eq!(iso_moment(-1, 1_000_000, false), "1969-12-31T23:59:59.999999");
    }
}
