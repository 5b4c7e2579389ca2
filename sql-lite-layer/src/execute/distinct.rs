//! The first row of each group of equal rows.

use super::context::{Context, Frame, Kept};
use super::keyset::KeySet;
use super::operator::Operator;
use crate::encode::key;
use crate::error::Result;
use crate::plan::node::{Node, Slot};

pub(crate) struct Distinct<'r> {
    input: Operator<'r>,
    on: &'r [Slot],
    seen: KeySet,
    key: Vec<u8>,
    kept: Kept,
}

impl<'r> Distinct<'r> {
    pub(super) fn new(input: &'r Node, on: &'r [Slot], cx: &Context<'r>) -> Result<Distinct<'r>> {
        Ok(Distinct { input: Operator::new(input, cx)?, on, seen: KeySet::new(), key: Vec::new(), kept: Kept::default() })
    }

    pub(super) fn open(&mut self, frame: &mut Frame<'r>, cx: &Context<'r>) -> Result<()> {
        self.seen.clear();
        self.input.open(frame, cx)
    }

    pub(super) fn next(&mut self, frame: &mut Frame<'r>, cx: &Context<'r>) -> Result<bool> {
        while self.input.next(frame, cx)? {
            row_key(&mut self.key, frame, self.on);
            if self.seen.insert(&self.key).1 {
                self.kept.is(self.seen.size_bytes(), "DISTINCT", cx)?;
                return Ok(true);
            }
        }
        Ok(false)
    }
}

/// Writes the row in these slots as a key: equal rows have equal ones, and NULL is equal to NULL.
#[inline]
pub(super) fn row_key(key: &mut Vec<u8>, frame: &Frame<'_>, slots: &[Slot]) {
    key.clear();
    for slot in slots {
        key::push_hashable(key, &frame[slot.0 as usize]);
    }
}
