//! Conditions that are tested on a stored row before any of its columns is made a value: a column of whole numbers, by itself or with one step of arithmetic, or a text,
//! compared with what is the same for all rows.
//!
//! 1. The conditions at the beginning of a scan's filter, up to the first of another form: what may fail is computed for no other rows than before.
//! 2. Where a row is not as plain as that (an overflow, a row older than the column, numbers of another kind) nothing is said: the filter itself is asked, which also has the errors.
//!
//! A sort that keeps few rows cuts rows off, too, once it knows that they come behind all that it keeps ([`RowTests::cut`]).
//!
//! A text is compared by its bytes, which is its order. Bytes that are no UTF-8 are an error when they are read, and not when they are passed over.

use std::borrow::Cow;
use std::cmp::Ordering;

use super::context::Context;
use super::scalar::{holds_of, operand, plain_step};
use crate::encode::row::{Columns, Looked};
use crate::error::Result;
use crate::parse::ast::{ArithmeticOp, CompareOp};
use crate::plan::node::{Scan, Slot};
use crate::plan::scalar::Scalar;
use crate::types::{DataType, Value};

/// See the file's head.
pub(super) struct RowTests<'r> {
    tests: Vec<Test<'r>>,
    cut: Option<Cut<'r>>,
}

/// Rows that nobody wants although they pass: their column lies behind this value. NULL does not.
struct Cut<'r> {
    column: usize,
    than: Known<'r>,
    /// Whether larger values are refused, or smaller ones.
    larger: bool,
    /// Whether equal ones are refused too.
    equal: bool,
}

/// What the tests say of a row.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    Passes,
    Fails,
    NotKnown,
}

/// `column <step> op with`
struct Test<'r> {
    column: usize,
    step: Option<(ArithmeticOp, i64)>,
    op: CompareOp,
    with: &'r Scalar,
    /// The value of `with`, when a row has asked for it.
    known: Option<Known<'r>>,
}

#[derive(Clone, Copy)]
enum Known<'r> {
    Null,
    Int(i64),
    Text(&'r [u8]),
    Other,
}

impl<'r> RowTests<'r> {
    pub(super) fn new(scan: &'r Scan) -> RowTests<'r> {
        RowTests { tests: scan.filter.iter().map_while(|condition| Test::new(scan, condition)).collect(), cut: None }
    }

    /// Refuses from now on rows in which this column is larger than the value, or smaller; or equal. A value that cannot be compared in a stored row refuses nothing.
    pub(super) fn cut(&mut self, column: usize, than: &Value<'r>, larger: bool, equal: bool) {
        let than = match than {
            Value::Int(number) => Known::Int(*number),
            Value::Text(Cow::Borrowed(text)) => Known::Text(text.as_bytes()),
            _ => return self.uncut(),
        };
        self.cut = Some(Cut { column, than, larger, equal });
    }

    /// Refuses no more rows than the conditions do.
    pub(super) fn uncut(&mut self) {
        self.cut = None;
    }

    /// Whether rows are to be asked at all.
    #[inline]
    pub(super) fn is_any(&self) -> bool {
        !self.tests.is_empty() || self.cut.is_some()
    }

    /// How many conditions they are.
    pub(super) fn len(&self) -> usize {
        self.tests.len()
    }

    #[inline]
    pub(super) fn of(&mut self, bytes: &'r [u8], cx: &Context<'r>) -> Result<Verdict> {
        let row = Columns::of(bytes)?;
        let mut columns = row;
        for test in &mut self.tests {
            if !columns.is_before(test.column) {
                columns = row;
            }
            let verdict = match columns.look(test.column)? {
                Some(looked) => test.verdict(looked, cx)?,
                None => Verdict::NotKnown,
            };
            if verdict != Verdict::Passes {
                return Ok(verdict);
            }
        }
        if let Some(cut) = &self.cut {
            if !columns.is_before(cut.column) {
                columns = row;
            }
            if columns.look(cut.column)?.is_some_and(|looked| cut.refuses(looked)) {
                return Ok(Verdict::Fails);
            }
        }
        Ok(Verdict::Passes)
    }
}

impl Cut<'_> {
    #[inline(always)]
    fn refuses(&self, looked: Looked<'_>) -> bool {
        let order = match (looked, self.than) {
            (Looked::Int(number), Known::Int(than)) => number.cmp(&than),
            (Looked::Text(text), Known::Text(than)) => text.cmp(than),
            _ => return false,
        };
        match order {
            Ordering::Equal => self.equal,
            Ordering::Greater => self.larger,
            Ordering::Less => !self.larger,
        }
    }
}

impl<'r> Test<'r> {
    fn of_sides(scan: &Scan, column: &Scalar, op: CompareOp, with: &'r Scalar) -> Option<Test<'r>> {
        if !matches!(with, Scalar::Constant(_) | Scalar::Parameter(_) | Scalar::Once { .. }) {
            return None;
        }
        let (slot, step) = match column {
            Scalar::Slot(slot) => (*slot, None),
            Scalar::Arithmetic { op, left, right } => match (&**left, &**right) {
                (Scalar::Slot(slot), Scalar::Constant(Value::Int(number))) => (*slot, Some((*op, *number))),
                _ => return None,
            },
            _ => return None,
        };
        let is_own = |(_, own): &&(usize, Slot)| *own == slot;
        let column = scan.columns.iter().find(is_own)?.0;
        let is_plain = match scan.table.columns[column].data_type {
            DataType::Integer(_) => true,
            DataType::Text { .. } => step.is_none(),
            _ => false,
        };
        if !is_plain {
            return None;
        }
        Some(Test { column, step, op, with, known: None })
    }

    fn new(scan: &Scan, condition: &'r Scalar) -> Option<Test<'r>> {
        // Where a sieve's only condition would fail nothing is said, and the sieve itself lets the row go on.
        let condition = match condition {
            Scalar::Sieve(all) => match &all[..] {
                [one @ Scalar::Compare { right, .. }] if matches!(**right, Scalar::Constant(_)) => one,
                _ => return None,
            },
            other => other,
        };
        let Scalar::Compare { op, left, right } = condition else { return None };
        Test::of_sides(scan, left, *op, right).or_else(|| Test::of_sides(scan, right, op.flipped(), left))
    }

    #[inline(always)]
    fn verdict(&mut self, looked: Looked<'r>, cx: &Context<'r>) -> Result<Verdict> {
        let order = match looked {
            Looked::Null => return Ok(Verdict::Fails),
            Looked::Int(number) => {
                let number = match self.step {
                    None => number,
                    Some((op, by)) => match plain_step(op, number, by) {
                        Some(number) => number,
                        None => return Ok(Verdict::NotKnown),
                    },
                };
                match self.known(cx)? {
                    Known::Int(with) => number.cmp(&with),
                    Known::Null => return Ok(Verdict::Fails),
                    _ => return Ok(Verdict::NotKnown),
                }
            }
            Looked::Text(text) if self.step.is_none() => match self.known(cx)? {
                Known::Text(with) if matches!(self.op, CompareOp::Eq | CompareOp::Ne) => {
                    if text == with {
                        Ordering::Equal
                    } else {
                        Ordering::Less
                    }
                }
                Known::Text(with) => text.cmp(with),
                Known::Null => return Ok(Verdict::Fails),
                _ => return Ok(Verdict::NotKnown),
            },
            _ => return Ok(Verdict::NotKnown),
        };
        Ok(if holds_of(self.op, order) { Verdict::Passes } else { Verdict::Fails })
    }

    #[inline(always)]
    fn known(&mut self, cx: &Context<'r>) -> Result<Known<'r>> {
        match self.known {
            Some(known) => Ok(known),
            None => self.find(cx),
        }
    }

    #[cold]
    fn find(&mut self, cx: &Context<'r>) -> Result<Known<'r>> {
        let with: Option<&'r Value<'r>> = match self.with {
            Scalar::Constant(value) => Some(value),
            Scalar::Parameter(number) => cx.inputs.parameters.get(*number as usize),
            _ => None,
        };
        let known = match with {
            Some(Value::Text(text)) => Known::Text(text.as_bytes()),
            _ => match &*operand(self.with, &[], cx)? {
                Value::Null => Known::Null,
                Value::Int(number) => Known::Int(*number),
                _ => Known::Other,
            },
        };
        self.known = Some(known);
        Ok(known)
    }
}
