//! Computes slots.

use super::context::{Context, Frame};
use super::operator::Operator;
use super::scalar::value;
use crate::error::Result;
use crate::plan::node::{Node, Slot};
use crate::plan::scalar::Scalar;

pub(crate) struct Project<'r> {
    input: Operator<'r>,
    exprs: &'r [(Slot, Scalar)],
}

impl<'r> Project<'r> {
    pub(super) fn new(input: &'r Node, exprs: &'r [(Slot, Scalar)], cx: &Context<'r>) -> Result<Project<'r>> {
        Ok(Project { input: Operator::new(input, cx)?, exprs })
    }

    pub(super) fn open(&mut self, frame: &mut Frame<'r>, cx: &Context<'r>) -> Result<()> {
        self.input.open(frame, cx)
    }

    pub(super) fn next(&mut self, frame: &mut Frame<'r>, cx: &Context<'r>) -> Result<bool> {
        let row = self.input.next(frame, cx)?;
        if row {
            for (slot, expr) in self.exprs {
                frame[slot.0 as usize] = value(expr, frame, cx)?;
            }
        }
        Ok(row)
    }
}
