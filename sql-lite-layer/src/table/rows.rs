//! What stands in an engine table: keys of rows, values of stored rows, entries of indexes.
//!
//! A row holds all columns, those of the primary key too, so that reading a row decodes no key. Its key is the primary columns' values, or for a table without primary key
//! a number that counts up.

use super::schema::{Column, Index, Table};
use crate::encode::{key, row};
use crate::error::{Error, ErrorKind, Result};
use crate::types::Value;

/// Longest key of the engine, in bytes.
const MAX_KEY_BYTES: usize = 65_535;

/// The key of a row: its primary columns. Empty for a table without primary key, whose rows have numbers as keys.
pub(crate) fn row_key(table: &Table, row: &[Value<'_>]) -> Vec<u8> {
    let mut key = Vec::with_capacity(16 * table.primary.len());
    push_columns(&mut key, &table.primary, row);
    key
}

/// The key of a row without primary key.
pub(crate) fn hidden_key(number: i64) -> Vec<u8> {
    let mut key = Vec::new();
    key::push(&mut key, &Value::Int(number));
    key
}

/// Appends the values of these columns in the form of keys; says whether one of them is NULL.
pub(super) fn push_columns(out: &mut Vec<u8>, columns: &[usize], row: &[Value<'_>]) -> bool {
    let mut null = false;
    for at in columns {
        null |= row[*at].is_null();
        key::push(out, &row[*at]);
    }
    null
}

/// The same of a stored row.
pub(super) fn push_stored_columns(out: &mut Vec<u8>, table: &Table, columns: &[usize], stored: &[u8]) -> Result<bool> {
    let mut null = false;
    for at in columns {
        let value = value(table, stored, *at)?;
        null |= value.is_null();
        key::push(out, &value);
    }
    Ok(null)
}

/// One column of a stored row, also of one that is older than the column.
pub(crate) fn value<'r>(table: &'r Table, stored: &'r [u8], at: usize) -> Result<Value<'r>> {
    match row::column(stored, at)? {
        Some(value) => Ok(value),
        None => missing(&table.columns[at]),
    }
}

/// The same as [`Column::missing`] keeps it.
pub(crate) fn to_missing(value: &Value<'_>) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    row::encode(&mut bytes, [value].into_iter());
    (!value.is_null()).then_some(bytes)
}

/// What a row that is older than the column holds there.
pub(crate) fn missing(column: &Column) -> Result<Value<'_>> {
    match &column.missing {
        Some(bytes) => Ok(row::column(bytes, 0)?.unwrap_or(Value::Null)),
        None => Ok(Value::Null),
    }
}

/// All columns of a stored row.
pub(crate) fn values<'r>(table: &'r Table, stored: &'r [u8]) -> Result<Vec<Value<'r>>> {
    let (mut values, mut failed) = (Vec::with_capacity(table.columns.len()), None);
    row::read(stored, 0..table.columns.len(), |at, value| {
        let value = match value {
            Some(value) => Ok(value),
            None => missing(&table.columns[at]),
        };
        match value {
            Ok(value) => values.push(value),
            Err(e) => failed = Some(e),
        }
    })?;
    match failed {
        Some(e) => Err(e),
        None => Ok(values),
    }
}

/// The key of the row that an entry of an index belongs to.
pub(crate) fn row_key_of_entry<'k>(index: &Index, key: &'k [u8], value: &'k [u8]) -> Result<&'k [u8]> {
    if !value.is_empty() {
        return Ok(value);
    }
    let mut rest = key;
    for _ in &index.columns {
        key::skip(&mut rest)?;
    }
    Ok(rest)
}

/// Refuses what the engine cannot hold, before anything was changed.
pub(super) fn check_key_len(key: &[u8], of: impl FnOnce() -> String, table: &Table) -> Result<()> {
    if key.len() <= MAX_KEY_BYTES {
        return Ok(());
    }
    let (of, len, table) = (of(), key.len(), &table.name);
    Err(Error::new(
        ErrorKind::Limit,
        format!("{of} of table \"{table}\" would have a key of {len} bytes; at most {MAX_KEY_BYTES} are possible"),
    ))
}
