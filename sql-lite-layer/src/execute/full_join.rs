//! A full join on any condition: the right side is kept, and each of its rows remembers whether it has found a partner. It costs the product of both sides' rows.

use super::context::{Context, Frame, Kept, KeptRows};
use super::nested_join::set_null;
use super::operator::Operator;
use super::scalar::holds;
use crate::error::Result;
use crate::plan::node::Join;

pub(crate) struct FullJoin<'r> {
    plan: &'r Join,
    left: Operator<'r>,
    right: Operator<'r>,
    rows: KeptRows<'r>,
    matched: Vec<bool>,
    state: State,
    kept: Kept,
}

enum State {
    /// A row of the left is wanted.
    Left,
    /// One stands in the frame; `at` is the row of the right that is tried next.
    Pairs { at: usize, found: bool },
    /// The left is done: rows of the right without a partner.
    Rest { at: usize },
}

impl<'r> FullJoin<'r> {
    pub(super) fn new(plan: &'r Join, cx: &Context<'r>) -> Result<FullJoin<'r>> {
        Ok(FullJoin {
            plan,
            left: Operator::new(&plan.left, cx)?,
            right: Operator::new(&plan.right, cx)?,
            rows: KeptRows::new(plan.right_slots.len()),
            matched: Vec::new(),
            state: State::Left,
            kept: Kept::default(),
        })
    }

    pub(super) fn open(&mut self, frame: &mut Frame<'r>, cx: &Context<'r>) -> Result<()> {
        self.rows.clear();
        self.right.open(frame, cx)?;
        while self.right.next(frame, cx)? {
            self.rows.push(frame, &self.plan.right_slots);
            self.kept.is(self.rows.size_bytes(), "a full join", cx)?;
        }
        self.matched.clear();
        self.matched.resize(self.rows.len(), false);
        self.state = State::Left;
        self.left.open(frame, cx)
    }

    pub(super) fn next(&mut self, frame: &mut Frame<'r>, cx: &Context<'r>) -> Result<bool> {
        loop {
            cx.tick()?;
            match &mut self.state {
                State::Left => {
                    if self.left.next(frame, cx)? {
                        self.state = State::Pairs { at: 0, found: false };
                    } else {
                        set_null(frame, &self.plan.left_slots);
                        self.state = State::Rest { at: 0 };
                    }
                }
                State::Pairs { at, found } => {
                    let number = *at;
                    if number == self.rows.len() {
                        let alone = !*found;
                        self.state = State::Left;
                        if alone {
                            set_null(frame, &self.plan.right_slots);
                            return Ok(true);
                        }
                        continue;
                    }
                    *at += 1;
                    self.rows.put(number, frame, &self.plan.right_slots)?;
                    if holds(&self.plan.on, frame, cx)? {
                        *found = true;
                        self.matched[number] = true;
                        return Ok(true);
                    }
                }
                State::Rest { at } => {
                    let number = *at;
                    if number == self.rows.len() {
                        return Ok(false);
                    }
                    *at += 1;
                    if !self.matched[number] {
                        self.rows.put(number, frame, &self.plan.right_slots)?;
                        return Ok(true);
                    }
                }
            }
        }
    }
}
