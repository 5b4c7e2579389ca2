//! Rows that have been found and wait to be changed: the bytes of keys and rows, in one buffer.

use crate::encode::row;
use crate::error::Result;
use crate::execute::context::{Context, Frame, Kept};
use crate::plan::node::Slot;
use crate::types::Value;

/// Keys and rows, as many bytes as they have.
#[derive(Default)]
pub(super) struct KeptChanges {
    bytes: Vec<u8>,
    /// Where each key ends, and where the row behind it ends.
    ends: Vec<(usize, usize)>,
    kept: Kept,
}

impl KeptChanges {
    pub(super) fn len(&self) -> usize {
        self.ends.len()
    }

    /// Keeps a key and the row in these slots, either of which may be empty.
    pub(super) fn push(
        &mut self,
        key: &[u8],
        frame: &Frame<'_>,
        slots: &[Slot],
        statement: &str,
        cx: &Context<'_>,
    ) -> Result<()> {
        self.bytes.extend_from_slice(key);
        let key_end = self.bytes.len();
        if !slots.is_empty() {
            row::encode(&mut self.bytes, slots.iter().map(|slot| &frame[slot.0 as usize]));
        }
        self.ends.push((key_end, self.bytes.len()));
        self.kept.is(self.bytes.capacity() + self.ends.capacity() * size_of::<(usize, usize)>(), statement, cx)
    }

    pub(super) fn key(&self, number: usize) -> &[u8] {
        &self.bytes[self.start(number)..self.ends[number].0]
    }

    /// Reads the row into slots.
    pub(super) fn row<'k>(&'k self, number: usize, slots: &[Slot], frame: &mut Frame<'k>) -> Result<()> {
        let (start, end) = self.ends[number];
        row::read(&self.bytes[start..end], 0..slots.len(), |nth, value| {
            frame[slots[nth].0 as usize] = value.unwrap_or_default();
        })
    }

    /// Reads the row into a list.
    pub(super) fn values<'k>(&'k self, number: usize, width: usize, into: &mut Vec<Value<'k>>) -> Result<()> {
        let (start, end) = self.ends[number];
        into.clear();
        row::read(&self.bytes[start..end], 0..width, |_, value| into.push(value.unwrap_or_default()))
    }

    fn start(&self, number: usize) -> usize {
        if number == 0 { 0 } else { self.ends[number - 1].1 }
    }
}
