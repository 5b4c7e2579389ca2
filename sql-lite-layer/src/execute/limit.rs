//! LIMIT and OFFSET.

use super::context::{Context, Frame};
use super::operator::Operator;
use super::scalar::{value, whole_number};
use crate::error::{Error, ErrorKind, Result};
use crate::plan::node::Node;
use crate::plan::scalar::Scalar;

pub(crate) struct Limit<'r> {
    input: Operator<'r>,
    limit: Option<&'r Scalar>,
    offset: Option<&'r Scalar>,
    /// Rows still to skip, and still to give.
    skip: u64,
    left: u64,
}

impl<'r> Limit<'r> {
    pub(super) fn new(
        input: &'r Node,
        limit: Option<&'r Scalar>,
        offset: Option<&'r Scalar>,
        cx: &Context<'r>,
    ) -> Result<Limit<'r>> {
        Ok(Limit { input: Operator::new(input, cx)?, limit, offset, skip: 0, left: 0 })
    }

    pub(super) fn open(&mut self, frame: &mut Frame<'r>, cx: &Context<'r>) -> Result<()> {
        self.skip = count(self.offset, "OFFSET", "2201X", frame, cx)?.unwrap_or(0);
        self.left = count(self.limit, "LIMIT", "2201W", frame, cx)?.unwrap_or(u64::MAX);
        if self.left == 0 { Ok(()) } else { self.input.open(frame, cx) }
    }

    pub(super) fn next(&mut self, frame: &mut Frame<'r>, cx: &Context<'r>) -> Result<bool> {
        if self.left == 0 {
            return Ok(false);
        }
        while self.skip > 0 {
            if !self.input.next(frame, cx)? {
                self.left = 0;
                return Ok(false);
            }
            self.skip -= 1;
        }
        self.left -= 1;
        self.input.next(frame, cx)
    }
}

/// The number that an expression says; none if there is no expression, or it is NULL.
pub(super) fn count<'r>(
    expr: Option<&'r Scalar>,
    what: &str,
    state: &'static str,
    frame: &Frame<'r>,
    cx: &Context<'r>,
) -> Result<Option<u64>> {
    let Some(expr) = expr else { return Ok(None) };
    let value = value(expr, frame, cx)?;
    if value.is_null() {
        return Ok(None);
    }
    let number = whole_number(&value, what)?;
    let count = u64::try_from(number)
        .map_err(|_| Error::new(ErrorKind::Data, format!("{what} must not be negative, and is {number}")).with_state(state))?;
    Ok(Some(count))
}

/// How many rows LIMIT and OFFSET can need together; none: all.
pub(super) fn needed<'r>(top: &'r (Option<Scalar>, Option<Scalar>), frame: &Frame<'r>, cx: &Context<'r>) -> Result<Option<u64>> {
    let offset = count(top.1.as_ref(), "OFFSET", "2201X", frame, cx)?.unwrap_or(0);
    Ok(count(top.0.as_ref(), "LIMIT", "2201W", frame, cx)?.map(|limit| limit.saturating_add(offset)))
}
