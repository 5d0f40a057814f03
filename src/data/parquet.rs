//! Parquet tables with a `text` column of strings.

use super::article::Article;
use super::input::{BadRecord, Record};
use crate::error::Error;
use arrow_array::cast::AsArray;
use arrow_array::types::{
    Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type, UInt8Type, UInt16Type, UInt32Type, UInt64Type,
};
use arrow_array::{Array, RecordBatch};
use arrow_schema::DataType;
use parquet::arrow::arrow_reader::{ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder};
use serde_json::{Map, Value};
use std::fs::File;
use std::sync::Arc;

const ROWS_AT_ONCE: usize = 256;

/// Rows of a parquet file as records. Columns of strings, numbers and booleans pass through.
pub struct ParquetReader {
    batches: ParquetRecordBatchReader,
    rows: std::vec::IntoIter<Record>,
    source: Arc<str>,
    row: u64,
}

impl ParquetReader {
    /// Open the table; an error when it has no `text` column or a column of a nested type.
    pub fn new(file: File, source: impl Into<Arc<str>>) -> Result<Self, Error> {
        let source = source.into();
        let broken = |e: parquet::errors::ParquetError| Error::input(&*source, format!("not a readable parquet file: {e}"));
        let builder = ParquetRecordBatchReaderBuilder::try_new(file).map_err(broken)?;
        let schema = builder.schema().clone();
        if schema.field_with_name("text").is_err() {
            let found: Vec<&str> = schema.fields().iter().map(|f| f.name().as_str()).collect();
            return Err(Error::input(&*source, format!("no column named \"text\" (found: {})", found.join(", "))));
        }
        if let Some(field) = schema.fields().iter().find(|f| !is_scalar(f.data_type())) {
            let reason = format!("column \"{}\" has the type {}; write it as JSON text or drop it", field.name(), field.data_type());
            return Err(Error::input(&*source, reason));
        }
        let batches = builder.with_batch_size(ROWS_AT_ONCE).build().map_err(broken)?;
        Ok(Self { batches, rows: Vec::new().into_iter(), source, row: 0 })
    }

    fn unpack(&mut self, batch: &RecordBatch) {
        let schema = batch.schema();
        let mut records = Vec::with_capacity(batch.num_rows());
        for row in 0..batch.num_rows() {
            self.row += 1;
            let mut fields = Map::new();
            for (field, column) in schema.fields().iter().zip(batch.columns()) {
                if !column.is_null(row) {
                    fields.insert(field.name().clone(), value(column, row));
                }
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
            match self.batches.next()? {
                Ok(batch) => self.unpack(&batch),
                Err(error) => {
                    let reason = format!("the table breaks off: {error}");
                    self.batches.by_ref().for_each(drop);
                    return Some(Ok(Err(BadRecord { source: self.source.to_string(), line: self.row + 1, reason })));
                }
            }
        }
    }
}

fn is_scalar(kind: &DataType) -> bool {
    kind.is_integer()
        || matches!(
            kind,
            DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View | DataType::Boolean | DataType::Float32 | DataType::Float64
        )
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
        _ => Value::Null,
    }
}
