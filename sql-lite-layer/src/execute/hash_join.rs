//! A join on equal values: the right side is read once into a table by its values, and each row of the left looks its partners up.
//!
//! Rows with a NULL among their values have no partner. The left's order stays, and so does the right's among the partners of one row.

use super::chains::{Chains, NONE};
use super::context::{Context, Frame, Kept};
use super::nested_join::set_null;
use super::operator::Operator;
use super::scalar::{holds, operand};
use crate::encode::key;
use crate::error::Result;
use crate::plan::is_same_each_time;
use crate::plan::node::{Join, JoinKind};
use crate::plan::scalar::Scalar;

pub(crate) struct HashJoin<'r> {
    plan: &'r Join,
    left: Operator<'r>,
    right: Operator<'r>,
    left_key: &'r [Scalar],
    right_key: &'r [Scalar],
    // The right's rows.
    /// Whether they have been read.
    read: bool,
    /// Whether they stay, as they are the same each time it is opened; none: it has not been opened twice.
    stay: Option<bool>,
    rows: Chains<'r>,
    /// For a full join: rows of the right that have had a partner.
    matched: Vec<bool>,
    // Where it stands.
    state: State,
    key: Vec<u8>,
    kept: Kept,
}

enum State {
    /// A row of the left is wanted.
    Left,
    /// One stands in the frame; `row` of the right is tried next.
    Partners { row: u32, found: bool },
    /// The left is done: rows of the right without a partner.
    Rest { row: usize },
}

impl<'r> HashJoin<'r> {
    pub(super) fn new(plan: &'r Join, left_key: &'r [Scalar], right_key: &'r [Scalar], cx: &Context<'r>) -> Result<HashJoin<'r>> {
        Ok(HashJoin {
            plan,
            left: Operator::new(&plan.left, cx)?,
            right: Operator::new(&plan.right, cx)?,
            left_key,
            right_key,
            read: false,
            stay: None,
            rows: Chains::new(plan.right_slots.len()),
            matched: Vec::new(),
            state: State::Left,
            key: Vec::new(),
            kept: Kept::default(),
        })
    }

    pub(super) fn open(&mut self, frame: &mut Frame<'r>, cx: &Context<'r>) -> Result<()> {
        if !self.read || !*self.stay.get_or_insert_with(|| is_same_each_time(&self.plan.right)) {
            self.read_right(frame, cx)?;
            self.read = true;
        }
        self.matched.clear();
        if self.plan.kind == JoinKind::Full {
            self.matched.resize(self.rows.len(), false);
        }
        self.state = State::Left;
        self.left.open(frame, cx)
    }

    fn read_right(&mut self, frame: &mut Frame<'r>, cx: &Context<'r>) -> Result<()> {
        self.rows.clear();
        self.right.open(frame, cx)?;
        // One partner is as good as many.
        let once = matches!(self.plan.kind, JoinKind::Semi | JoinKind::Anti) && self.plan.on.is_empty();
        while self.right.next(frame, cx)? {
            if write_key(&mut self.key, self.right_key, frame, cx)? {
                self.rows.push(&self.key, frame, &self.plan.right_slots, once);
            } else if self.plan.kind == JoinKind::Full {
                self.rows.push_apart(frame, &self.plan.right_slots);
            }
            self.kept.is(self.rows.size_bytes(), "a hash join", cx)?;
        }
        Ok(())
    }

    pub(super) fn next(&mut self, frame: &mut Frame<'r>, cx: &Context<'r>) -> Result<bool> {
        loop {
            match self.state {
                State::Left => {
                    if self.left.next(frame, cx)? {
                        let is_whole = write_key(&mut self.key, self.left_key, frame, cx)?;
                        let row = if is_whole { self.rows.first(&self.key) } else { NONE };
                        self.state = State::Partners { row, found: false };
                    } else if self.plan.kind == JoinKind::Full {
                        set_null(frame, &self.plan.left_slots);
                        self.state = State::Rest { row: 0 };
                    } else {
                        return Ok(false);
                    }
                }
                State::Partners { row: NONE, found } => {
                    self.state = State::Left;
                    match self.plan.kind {
                        JoinKind::Left | JoinKind::Full if !found => {
                            set_null(frame, &self.plan.right_slots);
                            return Ok(true);
                        }
                        JoinKind::Anti => return Ok(true),
                        _ => {}
                    }
                }
                State::Partners { row, found } => {
                    cx.tick()?;
                    self.rows.put(row as usize, frame, &self.plan.right_slots)?;
                    let fits = holds(&self.plan.on, frame, cx)?;
                    self.state = State::Partners { row: self.rows.after(row), found: found || fits };
                    if fits && self.pair(row as usize) {
                        return Ok(true);
                    }
                }
                State::Rest { row } => {
                    if row == self.rows.len() {
                        return Ok(false);
                    }
                    cx.tick()?;
                    self.state = State::Rest { row: row + 1 };
                    if !self.matched[row] {
                        self.rows.put(row, frame, &self.plan.right_slots)?;
                        return Ok(true);
                    }
                }
            }
        }
    }

    /// A pair has been found; whether it is a row of the result.
    fn pair(&mut self, row: usize) -> bool {
        match self.plan.kind {
            JoinKind::Inner | JoinKind::Left => true,
            JoinKind::Full => {
                self.matched[row] = true;
                true
            }
            JoinKind::Semi => {
                self.state = State::Left;
                true
            }
            JoinKind::Anti => {
                self.state = State::Left;
                false
            }
        }
    }
}

/// Writes the values as one key; false if one of them is NULL.
pub(super) fn write_key<'r>(key: &mut Vec<u8>, exprs: &'r [Scalar], frame: &Frame<'r>, cx: &Context<'r>) -> Result<bool> {
    key.clear();
    for expr in exprs {
        let value = operand(expr, frame, cx)?;
        if value.is_null() {
            return Ok(false);
        }
        key::push_hashable(key, &value);
    }
    Ok(true)
}
