//! Rows for which conditions are true.

use super::context::{Context, Frame};
use super::operator::Operator;
use super::scalar::holds;
use crate::error::Result;
use crate::plan::node::Node;
use crate::plan::scalar::Scalar;

pub(crate) struct Filter<'r> {
    input: Operator<'r>,
    all: &'r [Scalar],
}

impl<'r> Filter<'r> {
    pub(super) fn new(input: &'r Node, all: &'r [Scalar], cx: &Context<'r>) -> Result<Filter<'r>> {
        Ok(Filter { input: Operator::new(input, cx)?, all })
    }

    pub(super) fn open(&mut self, frame: &mut Frame<'r>, cx: &Context<'r>) -> Result<()> {
        self.input.open(frame, cx)
    }

    pub(super) fn next(&mut self, frame: &mut Frame<'r>, cx: &Context<'r>) -> Result<bool> {
        while self.input.next(frame, cx)? {
            if holds(self.all, frame, cx)? {
                return Ok(true);
            }
        }
        Ok(false)
    }
}
