//! Rows that stand in the statement itself.

use super::context::{Context, Frame};
use super::scalar::value;
use crate::error::Result;
use crate::plan::node::Slot;
use crate::plan::scalar::Scalar;

/// One row without columns.
#[derive(Default)]
pub(crate) struct OneRow {
    given: bool,
}

impl OneRow {
    pub(super) fn open(&mut self) {
        self.given = false;
    }

    pub(super) fn next(&mut self) -> bool {
        !std::mem::replace(&mut self.given, true)
    }
}

/// VALUES.
pub(crate) struct Values<'r> {
    rows: &'r [Vec<Scalar>],
    out: &'r [Slot],
    at: usize,
}

impl<'r> Values<'r> {
    pub(super) fn new(rows: &'r [Vec<Scalar>], out: &'r [Slot]) -> Values<'r> {
        Values { rows, out, at: 0 }
    }

    pub(super) fn open(&mut self) {
        self.at = 0;
    }

    pub(super) fn next(&mut self, frame: &mut Frame<'r>, cx: &Context<'r>) -> Result<bool> {
        let Some(row) = self.rows.get(self.at) else { return Ok(false) };
        cx.tick()?;
        self.at += 1;
        for (expr, slot) in row.iter().zip(self.out) {
            frame[slot.0 as usize] = value(expr, frame, cx)?;
        }
        Ok(true)
    }
}
