//! Keys that are looked up side by side, and the rows that entries of an index lead to.
//!
//! ```text
//!   entries of an index ─► row keys │ 1 │ 2 4 │ 5 .. 8 │ 9 .. 16 │ ... ─► rows, in the order of the entries
//! ```
//!
//! The first row is looked up alone, and twice as many each time after that: who wants a few rows reads few more than those.

use super::context::Context;
use super::scan::{behind, row_of};
use crate::error::Result;
use crate::table::schema::Index;
use crate::table::{Entries, EntryRange};

/// As many as the engine takes down its tree at once.
pub(super) const MOST: usize = 16;

/// How many are looked up next, where they are looked up one behind the other for ever.
#[inline]
pub(super) fn more_than(count: usize) -> usize {
    (count * 2).clamp(1, MOST)
}

/// At most [`MOST`] keys, one behind the other.
#[derive(Default)]
pub(super) struct KeyList {
    bytes: Vec<u8>,
    ends: Vec<usize>,
}

impl KeyList {
    /// With memory for keys of usual length.
    pub(super) fn with_room() -> KeyList {
        KeyList { bytes: Vec::with_capacity(MOST * 16), ends: Vec::with_capacity(MOST) }
    }

    pub(super) fn clear(&mut self) {
        self.bytes.clear();
        self.ends.clear();
    }

    pub(super) fn len(&self) -> usize {
        self.ends.len()
    }

    pub(super) fn push(&mut self, key: &[u8]) {
        self.bytes.extend_from_slice(key);
        self.ends.push(self.bytes.len());
    }

    #[inline]
    pub(super) fn get(&self, number: usize) -> &[u8] {
        let start = if number == 0 { 0 } else { self.ends[number - 1] };
        &self.bytes[start..self.ends[number]]
    }

    /// Makes `found` what stands under each of the keys, in their order.
    pub(super) fn look_up<'r>(&self, entries: &Entries<'r>, found: &mut Vec<Option<&'r [u8]>>) -> Result<()> {
        let mut keys: [&[u8]; MOST] = [&[]; MOST];
        for (number, key) in keys.iter_mut().take(self.len()).enumerate() {
            *key = self.get(number);
        }
        entries.get_many(&keys[..self.len()], found)
    }
}

/// Rows that entries of an index lead to.
#[derive(Default)]
pub(super) struct Fetched<'r> {
    keys: KeyList,
    rows: Vec<Option<&'r [u8]>>,
    /// Which of them is given next.
    at: usize,
    /// How many were looked up last.
    count: usize,
}

impl<'r> Fetched<'r> {
    /// Begins anew.
    pub(super) fn restart(&mut self) {
        self.keys.clear();
        (self.at, self.count) = (0, 0);
    }

    /// The next row and its key; none at the end of the range.
    #[inline]
    pub(super) fn next(&mut self, from: &mut Source<'_, 'r>, cx: Option<&Context<'r>>) -> Result<Option<(&[u8], &'r [u8])>> {
        if self.at == self.keys.len() && !self.fetch(from, cx)? {
            return Ok(None);
        }
        let (key, row) = (self.keys.get(self.at), self.rows[self.at]);
        self.at += 1;
        match row {
            Some(row) => Ok(Some((key, row))),
            // Says that it is not there.
            None => row_of(&from.rows, key, from.index).map(|row| Some((key, row))),
        }
    }

    fn fetch(&mut self, from: &mut Source<'_, 'r>, cx: Option<&Context<'r>>) -> Result<bool> {
        self.count = more_than(self.count);
        self.keys.clear();
        self.at = 0;
        while self.keys.len() < self.count {
            if let Some(cx) = cx {
                cx.tick()?;
            }
            let entry = if from.reverse { from.range.next_lent_back()? } else { from.range.next_lent()? };
            let Some((key, value)) = entry else { break };
            // Keys shorter than their range's beginning are found to be damaged by who reads them.
            let rest = key.get(from.passed.len_bytes..).unwrap_or_default();
            self.keys.push(if value.is_empty() { behind(rest, from.index.columns.len() - from.passed.columns)? } else { value });
        }
        self.keys.look_up(&from.rows, &mut self.rows)?;
        Ok(self.keys.len() > 0)
    }
}

/// Where rows are fetched from.
pub(super) struct Source<'s, 'r> {
    pub(super) range: &'s mut EntryRange<'r>,
    pub(super) reverse: bool,
    pub(super) index: &'r Index,
    pub(super) rows: Entries<'r>,
    /// What need not be looked at in an entry's key.
    pub(super) passed: super::keys::Fixed,
}
