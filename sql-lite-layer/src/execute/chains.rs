//! Rows that are found by the values of a key.
//!
//! ```text
//!   keys    │ "a" │ "b" │            the values, numbered
//!   ends    │ 0 2 │ 1 1 │            the first and the last row with these values,
//!   next    │  2  │  ·  │  · │       and from each row to the next with the same
//!   rows    │  0  │  1  │  2 │       their slots
//! ```

use super::context::{Frame, KeptRows};
use super::keyset::KeySet;
use crate::error::Result;
use crate::plan::node::Slot;

/// No row.
pub(super) const NONE: u32 = u32::MAX;

/// Rows of the same slots; those of one key stand in the order in which they came.
pub(super) struct Chains<'r> {
    keys: KeySet,
    ends: Vec<(u32, u32)>,
    next: Vec<u32>,
    rows: KeptRows<'r>,
}

impl<'r> Chains<'r> {
    /// Of rows of so many values.
    pub(super) fn new(width: usize) -> Chains<'r> {
        Chains { keys: KeySet::new(), ends: Vec::new(), next: Vec::new(), rows: KeptRows::new(width) }
    }

    pub(super) fn clear(&mut self) {
        self.keys.clear();
        self.ends.clear();
        self.next.clear();
        self.rows.clear();
    }

    /// Rows in it.
    pub(super) fn len(&self) -> usize {
        self.next.len()
    }

    /// Adds the row that stands in the frame. `once`: the first row of a key is as good as all.
    pub(super) fn push(&mut self, key: &[u8], frame: &Frame<'r>, slots: &[Slot], once: bool) {
        let (number, new) = self.keys.insert(key);
        if once && !new {
            return;
        }
        let row = self.push_apart(frame, slots);
        if new {
            self.ends.push((row, row));
        } else {
            let last = &mut self.ends[number].1;
            self.next[*last as usize] = row;
            *last = row;
        }
    }

    /// Adds a row that no key finds.
    pub(super) fn push_apart(&mut self, frame: &Frame<'r>, slots: &[Slot]) -> u32 {
        self.next.push(NONE);
        self.rows.push(frame, slots) as u32
    }

    /// The first row of this key, or `NONE`.
    pub(super) fn first(&self, key: &[u8]) -> u32 {
        self.keys.find(key).map_or(NONE, |number| self.ends[number].0)
    }

    /// The row of the same key behind this one, or `NONE`.
    pub(super) fn after(&self, row: u32) -> u32 {
        self.next[row as usize]
    }

    /// Puts a row into the frame.
    ///
    /// # Errors
    /// As [`KeptRows::put`].
    pub(super) fn put(&self, row: usize, frame: &mut Frame<'r>, slots: &[Slot]) -> Result<()> {
        self.rows.put(row, frame, slots)
    }

    pub(super) fn size_bytes(&self) -> usize {
        let lists = self.ends.capacity() * size_of::<(u32, u32)>() + self.next.capacity() * size_of::<u32>();
        self.keys.size_bytes() + self.rows.size_bytes() + lists
    }
}
