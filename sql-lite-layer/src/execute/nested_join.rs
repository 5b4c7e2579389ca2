//! A join that opens its right side for each row of the left. The right's scans may look up what the left has: that makes it the join by index.

use super::context::{Context, Frame};
use super::operator::Operator;
use super::scalar::holds;
use crate::error::Result;
use crate::plan::node::{Join, JoinKind, Slot};
use crate::types::Value;

/// Inner, left, semi and anti joins; a full one is `FullJoin`.
pub(crate) struct NestedJoin<'r> {
    plan: &'r Join,
    left: Operator<'r>,
    right: Operator<'r>,
    /// Whether the right is open for the row of the left that stands in the frame.
    open: bool,
    /// Whether that row has found a partner.
    matched: bool,
}

impl<'r> NestedJoin<'r> {
    pub(super) fn new(plan: &'r Join, cx: &Context<'r>) -> Result<NestedJoin<'r>> {
        Ok(NestedJoin {
            plan,
            left: Operator::new(&plan.left, cx)?,
            right: Operator::new(&plan.right, cx)?,
            open: false,
            matched: false,
        })
    }

    pub(super) fn open(&mut self, frame: &mut Frame<'r>, cx: &Context<'r>) -> Result<()> {
        self.open = false;
        self.left.open(frame, cx)
    }

    pub(super) fn next(&mut self, frame: &mut Frame<'r>, cx: &Context<'r>) -> Result<bool> {
        loop {
            if !self.open {
                if !self.left.next(frame, cx)? {
                    return Ok(false);
                }
                self.right.open(frame, cx)?;
                (self.open, self.matched) = (true, false);
            }
            let found = self.partner(frame, cx)?;
            match self.plan.kind {
                JoinKind::Inner | JoinKind::Full => {
                    self.open = found;
                    if found {
                        return Ok(true);
                    }
                }
                JoinKind::Left => {
                    self.open = found;
                    if found {
                        self.matched = true;
                        return Ok(true);
                    }
                    if !self.matched {
                        set_null(frame, &self.plan.right_slots);
                        return Ok(true);
                    }
                }
                JoinKind::Semi | JoinKind::Anti => {
                    self.open = false;
                    if found == (self.plan.kind == JoinKind::Semi) {
                        return Ok(true);
                    }
                }
            }
        }
    }

    /// The next row of the right that fits.
    fn partner(&mut self, frame: &mut Frame<'r>, cx: &Context<'r>) -> Result<bool> {
        while self.right.next(frame, cx)? {
            if holds(&self.plan.on, frame, cx)? {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

/// Where there is no partner, there are NULLs.
pub(super) fn set_null(frame: &mut Frame<'_>, slots: &[Slot]) {
    for slot in slots {
        frame[slot.0 as usize] = Value::Null;
    }
}
