//! Rows of a table: all of them, or those that a key or an index leads to.
//!
//! Texts and bytes are borrowed from the page that a row stands in. Columns that are read from an index alone are copied, into the memory that the slot has already:
//! a key is no page's bytes.

use std::borrow::Cow;

use super::context::{Context, Frame};
use super::keys::{KeyRanges, Step};
use super::scalar::holds;
use crate::encode::{key, row};
use crate::error::{Error, ErrorKind, Result};
use crate::plan::node::{self, Access, Slot};
use crate::table::schema::{Index, Table};
use crate::table::{Entries, EntryRange};
use crate::types::{DataType, Value};

pub(crate) struct Scan<'r> {
    plan: &'r node::Scan,
    rows: Entries<'r>,
    way: Way<'r>,
    ranges: KeyRanges,
    range: Option<EntryRange<'r>>,
}

enum Way<'r> {
    Rows,
    Index {
        entries: Entries<'r>,
        index: &'r Index,
        /// What is read from the entries alone; none: rows are looked up.
        only: Option<Vec<Part>>,
    },
}

impl<'r> Scan<'r> {
    pub(super) fn new(plan: &'r node::Scan, cx: &Context<'r>) -> Result<Scan<'r>> {
        let tables = cx.tables()?;
        let way = match &plan.access {
            Access::Full | Access::Primary(_) => Way::Rows,
            Access::Index { index, only, .. } => {
                let index = &plan.table.indexes[*index];
                let only = if *only { Some(parts(&plan.table, index, &plan.columns)?) } else { None };
                Way::Index { entries: tables.index(index)?, index, only }
            }
        };
        Ok(Scan { plan, rows: tables.rows(&plan.table)?, way, ranges: KeyRanges::new(), range: None })
    }

    pub(super) fn open(&mut self, frame: &Frame<'r>, cx: &Context<'r>) -> Result<()> {
        self.range = None;
        match &self.plan.access {
            Access::Full => {
                self.ranges.all();
                Ok(())
            }
            Access::Primary(keys) => self.ranges.find(keys, Some(self.plan.table.primary.len()), frame, cx),
            Access::Index { index, keys, .. } => {
                let index = &self.plan.table.indexes[*index];
                self.ranges.find(keys, index.unique.then_some(index.columns.len()), frame, cx)
            }
        }
    }

    pub(super) fn next(&mut self, frame: &mut Frame<'r>, cx: &Context<'r>) -> Result<bool> {
        loop {
            if self.read(frame, cx)? {
                if holds(&self.plan.filter, frame, cx)? {
                    return Ok(true);
                }
            } else if !self.next_range(frame, cx)? {
                return Ok(false);
            } else if self.range.is_none() && holds(&self.plan.filter, frame, cx)? {
                return Ok(true);
            }
        }
    }

    /// Reads the next row of the open range into the frame; false if there is none.
    #[inline]
    fn read(&mut self, frame: &mut Frame<'r>, cx: &Context<'r>) -> Result<bool> {
        let Some(range) = &mut self.range else { return Ok(false) };
        cx.tick()?;
        let entry = if self.plan.reverse { range.next_back() } else { range.next() };
        let Some(entry) = entry else {
            self.range = None;
            return Ok(false);
        };
        let (key, value) = entry?;
        put_entry(self.plan, &self.rows, &self.way, &key, value, frame)?;
        Ok(true)
    }

    /// Goes on to the next range, or reads the next single entry into the frame, and then leaves no range; false at the end.
    fn next_range(&mut self, frame: &mut Frame<'r>, cx: &Context<'r>) -> Result<bool> {
        let entries = match &self.way {
            Way::Rows => &self.rows,
            Way::Index { entries, .. } => entries,
        };
        while let Some(step) = self.ranges.next(self.plan.reverse) {
            cx.tick()?;
            match step {
                Step::Range(low, high) => {
                    self.range = Some(entries.range((low, high))?);
                    return Ok(true);
                }
                Step::Point(key) => {
                    if let Some(value) = entries.get(key)? {
                        put_entry(self.plan, &self.rows, &self.way, key, value, frame)?;
                        return Ok(true);
                    }
                }
            }
        }
        Ok(false)
    }
}

/// Puts the row that an entry holds, or leads to, into the frame.
#[inline]
fn put_entry<'r>(
    plan: &node::Scan,
    rows: &Entries<'r>,
    way: &Way<'r>,
    key: &[u8],
    value: &'r [u8],
    frame: &mut Frame<'r>,
) -> Result<()> {
    let Way::Index { index, only, .. } = way else {
        put_key(plan.key, key, frame);
        return put_row(&plan.table, &plan.columns, value, frame);
    };
    let row_key = if value.is_empty() { behind(key, index.columns.len())? } else { value };
    put_key(plan.key, row_key, frame);
    match only {
        Some(parts) => put_parts(parts, index.columns.len(), key, row_key, frame),
        None => put_row(&plan.table, &plan.columns, row_of(rows, row_key, index)?, frame),
    }
}

/// The row that an index leads to.
pub(super) fn row_of<'r>(rows: &Entries<'r>, row_key: &[u8], index: &Index) -> Result<&'r [u8]> {
    rows.get(row_key)?.ok_or_else(|| {
        Error::new(ErrorKind::Store, format!("index {} has an entry whose row is not there: the store is damaged", index.name))
    })
}

/// What stands behind so many columns of a key.
pub(super) fn behind(key: &[u8], columns: usize) -> Result<&[u8]> {
    let mut rest = key;
    for _ in 0..columns {
        key::skip(&mut rest)?;
    }
    Ok(rest)
}

/// Reads columns of a row into their slots.
#[inline]
pub(super) fn put_row<'r>(table: &Table, columns: &[(usize, Slot)], bytes: &'r [u8], frame: &mut Frame<'r>) -> Result<()> {
    let mut failed = None;
    row::read(bytes, columns.iter().map(|(column, _)| *column), |nth, value| {
        let (column, slot) = columns[nth];
        frame[slot.0 as usize] = match value {
            Some(value) => value,
            None => missing(table, column).unwrap_or_else(|error| {
                failed = Some(error);
                Value::Null
            }),
        };
    })?;
    failed.map_or(Ok(()), Err)
}

/// What a row that is older than a column holds there.
#[cold]
pub(super) fn missing(table: &Table, column: usize) -> Result<Value<'static>> {
    match &table.columns[column].missing {
        None => Ok(Value::Null),
        Some(bytes) => Ok(row::column(bytes, 0)?.unwrap_or_default().into_owned()),
    }
}

/// Puts the row's key where the plan wants it.
#[inline]
fn put_key(slot: Option<Slot>, key: &[u8], frame: &mut Frame<'_>) {
    if let Some(slot) = slot {
        put_bytes(&mut frame[slot.0 as usize], key);
    }
}

/// One column of an entry's key, in the key's order.
struct Part {
    data_type: DataType,
    slot: Option<Slot>,
}

/// The parts of an entry that hold these columns: the index's columns, and those of the row's key.
fn parts(table: &Table, index: &Index, wanted: &[(usize, Slot)]) -> Result<Vec<Part>> {
    let mut slots: Vec<_> = wanted.to_vec();
    let mut parts: Vec<Part> = Vec::with_capacity(index.columns.len() + table.primary.len());
    for column in index.columns.iter().chain(&table.primary) {
        let slot = slots.iter().position(|(wanted, _)| wanted == column).map(|at| slots.swap_remove(at).1);
        parts.push(Part { data_type: table.columns[*column].data_type, slot });
    }
    match slots.first() {
        None => Ok(parts),
        Some((column, _)) => Err(Error::new(
            ErrorKind::Unsupported,
            format!("index {} does not hold column {} of {}", index.name, table.columns[*column].name, table.name),
        )),
    }
}

fn put_parts(parts: &[Part], of_index: usize, key: &[u8], row_key: &[u8], frame: &mut Frame<'_>) -> Result<()> {
    let (of_key, of_row_key) = parts.split_at(of_index.min(parts.len()));
    for (parts, mut bytes) in [(of_key, key), (of_row_key, row_key)] {
        let Some(last) = parts.iter().rposition(|part| part.slot.is_some()) else { continue };
        for part in &parts[..=last] {
            match part.slot {
                Some(slot) => put_copy(&mut frame[slot.0 as usize], key::take(&mut bytes, &part.data_type)?),
                None => key::skip(&mut bytes)?,
            }
        }
    }
    Ok(())
}

/// Puts a value that does not live long enough; text goes into the memory that the place has.
fn put_copy(place: &mut Value<'_>, value: Value<'_>) {
    match value {
        Value::Text(Cow::Borrowed(text)) => match place {
            Value::Text(Cow::Owned(old)) => {
                old.clear();
                old.push_str(text);
            }
            _ => *place = Value::Text(Cow::Owned(text.to_owned())),
        },
        Value::Blob(Cow::Borrowed(bytes)) => put_bytes(place, bytes),
        value => *place = value.into_owned(),
    }
}

fn put_bytes(place: &mut Value<'_>, bytes: &[u8]) {
    match place {
        Value::Blob(Cow::Owned(old)) => {
            old.clear();
            old.extend_from_slice(bytes);
        }
        _ => *place = Value::Blob(Cow::Owned(bytes.to_owned())),
    }
}
