//! UNION, INTERSECT and EXCEPT, with ALL and without. NULL is equal to NULL.
//!
//! UNION passes the rows of its inputs on, one input after the other. The others read the right side into a table of counts, and then pass those rows of the left on
//! that the counts allow:
//!
//! | | of a row that is `l` times on the left and `r` times on the right |
//! |---|---|
//! | INTERSECT | once if both are there; ALL: the smaller number |
//! | EXCEPT | once if r = 0; ALL: l - r times |

use super::context::{Context, Frame, Kept};
use super::distinct::row_key;
use super::keyset::KeySet;
use super::operator::Operator;
use crate::error::Result;
use crate::parse::ast::SetOp;
use crate::plan::node::{self, Slot};

pub(crate) struct SetOperation<'r> {
    plan: &'r node::SetOperation,
    inputs: Vec<Operator<'r>>,
    /// The input that is read now.
    at: usize,
    /// Rows seen, or, for INTERSECT and EXCEPT, rows of the right (and of the left, once they are given).
    rows: KeySet,
    /// How many rows of the left each row may still let pass, or hold back.
    counts: Vec<u64>,
    key: Vec<u8>,
    kept: Kept,
}

impl<'r> SetOperation<'r> {
    pub(super) fn new(plan: &'r node::SetOperation, cx: &Context<'r>) -> Result<SetOperation<'r>> {
        let inputs = plan.inputs.iter().map(|(node, _)| Operator::new(node, cx)).collect::<Result<_>>()?;
        Ok(SetOperation { plan, inputs, at: 0, rows: KeySet::new(), counts: Vec::new(), key: Vec::new(), kept: Kept::default() })
    }

    pub(super) fn open(&mut self, frame: &mut Frame<'r>, cx: &Context<'r>) -> Result<()> {
        self.rows.clear();
        self.counts.clear();
        self.at = 0;
        if self.plan.op != SetOp::Union {
            self.read_right(frame, cx)?;
        }
        match self.inputs.first_mut() {
            Some(first) => first.open(frame, cx),
            None => Ok(()),
        }
    }

    pub(super) fn next(&mut self, frame: &mut Frame<'r>, cx: &Context<'r>) -> Result<bool> {
        match self.plan.op {
            SetOp::Union => self.next_of_all(frame, cx),
            SetOp::Intersect | SetOp::Except => self.next_of_left(frame, cx),
        }
    }

    fn next_of_all(&mut self, frame: &mut Frame<'r>, cx: &Context<'r>) -> Result<bool> {
        while let Some(input) = self.inputs.get_mut(self.at) {
            let slots = &self.plan.inputs[self.at].1;
            while input.next(frame, cx)? {
                if self.plan.all || {
                    row_key(&mut self.key, frame, slots);
                    self.rows.insert(&self.key).1
                } {
                    self.kept.is(self.rows.size_bytes(), "UNION", cx)?;
                    copy(frame, slots, &self.plan.out);
                    return Ok(true);
                }
            }
            self.at += 1;
            if let Some(input) = self.inputs.get_mut(self.at) {
                input.open(frame, cx)?;
            }
        }
        Ok(false)
    }

    fn read_right(&mut self, frame: &mut Frame<'r>, cx: &Context<'r>) -> Result<()> {
        let name = if self.plan.op == SetOp::Intersect { "INTERSECT" } else { "EXCEPT" };
        for (input, (_, slots)) in self.inputs.iter_mut().zip(&self.plan.inputs).skip(1) {
            input.open(frame, cx)?;
            while input.next(frame, cx)? {
                row_key(&mut self.key, frame, slots);
                let (number, new) = self.rows.insert(&self.key);
                if new {
                    self.counts.push(0);
                    self.kept.is(self.rows.size_bytes() + self.counts.capacity() * size_of::<u64>(), name, cx)?;
                }
                self.counts[number] += 1;
            }
        }
        Ok(())
    }

    fn next_of_left(&mut self, frame: &mut Frame<'r>, cx: &Context<'r>) -> Result<bool> {
        let (Some(input), Some((_, slots))) = (self.inputs.first_mut(), self.plan.inputs.first()) else { return Ok(false) };
        while input.next(frame, cx)? {
            row_key(&mut self.key, frame, slots);
            let passes = match (self.plan.op, self.plan.all) {
                (SetOp::Except, false) => {
                    // A row that has passed is held back from then on as if it stood on the right.
                    let new = self.rows.insert(&self.key).1;
                    self.kept.is(self.rows.size_bytes() + self.counts.capacity() * size_of::<u64>(), "EXCEPT", cx)?;
                    new
                }
                (SetOp::Except, true) => !take_one(self.rows.find(&self.key), &mut self.counts),
                (_, true) => take_one(self.rows.find(&self.key), &mut self.counts),
                (_, false) => self.rows.find(&self.key).is_some_and(|number| std::mem::take(&mut self.counts[number]) > 0),
            };
            if passes {
                copy(frame, slots, &self.plan.out);
                return Ok(true);
            }
        }
        Ok(false)
    }
}

/// Takes one from the row's count, if it has one left.
fn take_one(number: Option<usize>, counts: &mut [u64]) -> bool {
    match number {
        Some(number) if counts[number] > 0 => {
            counts[number] -= 1;
            true
        }
        _ => false,
    }
}

fn copy(frame: &mut Frame<'_>, from: &[Slot], to: &[Slot]) {
    for (from, to) in from.iter().zip(to) {
        if from != to {
            frame[to.0 as usize] = frame[from.0 as usize].clone();
        }
    }
}
