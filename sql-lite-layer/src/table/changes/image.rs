//! The bytes of one row wherever it stands: its key, itself, and its entries in indexes. Buffers that are used for row after row.

use crate::encode::key;
use crate::error::Result;
use crate::table::rows;
use crate::table::schema::{Index, Table};
use crate::types::Value;

/// One row, as bytes.
#[derive(Default)]
pub(super) struct Image {
    pub(super) key: Vec<u8>,
    pub(super) row: Vec<u8>,
    entries: Vec<u8>,
    ends: Vec<End>,
}

#[derive(Clone, Copy)]
struct End {
    /// `table.indexes[index]`
    index: usize,
    end: usize,
    /// Unique and without NULL: the row's key is the entry's value, and not a part of its key.
    keyed: bool,
}

/// An entry of an index.
pub(super) struct Entry<'i> {
    pub(super) index: usize,
    pub(super) key: &'i [u8],
    pub(super) value: &'i [u8],
}

impl Entry<'_> {
    /// No other row may have an entry with this key.
    pub(super) fn is_unique(&self) -> bool {
        !self.value.is_empty()
    }
}

impl Image {
    pub(super) fn clear(&mut self) {
        self.key.clear();
        self.row.clear();
        self.forget_entries();
    }

    pub(super) fn forget_entries(&mut self) {
        self.entries.clear();
        self.ends.clear();
    }

    /// Adds the entry of a row whose key is known.
    pub(super) fn add_entry(&mut self, at: usize, index: &Index, row: &[Value<'_>]) {
        let null = rows::push_columns(&mut self.entries, &index.columns, row);
        self.end_entry(at, index, null);
    }

    /// The same of the stored row in `self.row`.
    pub(super) fn add_stored_entry(&mut self, at: usize, table: &Table) -> Result<()> {
        let index = &table.indexes[at];
        let null = rows::push_stored_columns(&mut self.entries, table, &index.columns, &self.row)?;
        self.end_entry(at, index, null);
        Ok(())
    }

    fn end_entry(&mut self, at: usize, index: &Index, null: bool) {
        let keyed = index.unique && !null;
        if !keyed {
            self.entries.extend_from_slice(&self.key);
        }
        self.ends.push(End { index: at, end: self.entries.len(), keyed });
    }

    /// The entries that were added.
    pub(super) fn entries(&self) -> impl Iterator<Item = Entry<'_>> {
        let starts = std::iter::once(0).chain(self.ends.iter().map(|end| end.end));
        let pieces = starts.zip(&self.ends);
        pieces.map(|(start, end)| Entry {
            index: end.index,
            key: &self.entries[start..end.end],
            value: if end.keyed { &self.key } else { &[] },
        })
    }

    /// Longest key among those that the engine is to hold: for the check of lengths.
    pub(super) fn check_lens(&self, table: &Table) -> Result<()> {
        rows::check_key_len(&self.key, || "a row".to_owned(), table)?;
        let mut entries = self.entries();
        entries.try_for_each(|entry| {
            rows::check_key_len(entry.key, || format!("index \"{}\"", table.indexes[entry.index].name), table)
        })
    }
}

/// Appends the key of a row without primary key.
pub(super) fn push_hidden(out: &mut Vec<u8>, number: i64) {
    key::push(out, &Value::Int(number));
}
