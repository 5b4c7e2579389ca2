//! GROUP BY and aggregate functions.
//!
//! Groups are kept in a table by their keys, and given in the order in which they first came. Where the input brings equal keys side by side, or there are no keys, one
//! group is kept at a time.

use std::cmp::Ordering;

use super::accumulator::Accumulator;
use super::context::{Context, Frame, Kept, KeptRows};
use super::keyset::KeySet;
use super::operator::Operator;
use super::passing::Passing;
use super::scalar::{holds, operand, value};
use crate::encode::key;
use crate::error::Result;
use crate::plan::function::AggregateFunction;
use crate::plan::node::{self, Access, Node};
use crate::plan::scalar::AggregateCall;
use crate::table::Entries;
use crate::types::{self, Value};

pub(crate) struct Aggregate<'r> {
    plan: &'r node::Aggregate,
    input: Operator<'r>,
    /// Set if all that is asked is the number of rows of a table: the engine knows it.
    counted: Option<Entries<'r>>,
    /// Set if groups need not be read to their ends.
    passing: Option<Passing>,
    state: State,
    // Groups: numbers by key, the keys' values, and for each group one accumulator a call.
    groups: KeySet,
    keys: KeptRows<'r>,
    accumulators: Vec<Accumulator<'r>>,
    /// For each call with DISTINCT, the values seen, each behind the number of its group.
    distinct: Vec<KeySet>,
    /// What accumulators take beside their own size.
    extra_bytes: usize,
    key: Vec<u8>,
    kept: Kept,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    /// Nothing has been read.
    Start,
    /// Groups are kept, and this one is given next.
    Giving(usize),
    /// One group at a time: the first row of the next one stands in the frame.
    Begun,
    End,
}

impl<'r> Aggregate<'r> {
    pub(super) fn new(plan: &'r node::Aggregate, cx: &Context<'r>) -> Result<Aggregate<'r>> {
        let counted = match countable(plan) {
            Some(scan) => Some(cx.tables()?.rows(&scan.table)?),
            None => None,
        };
        Ok(Aggregate {
            plan,
            input: Operator::new(&plan.input, cx)?,
            counted,
            passing: Passing::of(plan),
            state: State::Start,
            groups: KeySet::new(),
            keys: KeptRows::new(plan.keys.len()),
            accumulators: Vec::new(),
            distinct: plan.calls.iter().map(|_| KeySet::new()).collect(),
            extra_bytes: 0,
            key: Vec::new(),
            kept: Kept::default(),
        })
    }

    pub(super) fn open(&mut self, frame: &mut Frame<'r>, cx: &Context<'r>) -> Result<()> {
        self.state = State::Start;
        self.forget();
        if self.counted.is_some() { Ok(()) } else { self.input.open(frame, cx) }
    }

    pub(super) fn next(&mut self, frame: &mut Frame<'r>, cx: &Context<'r>) -> Result<bool> {
        if let Some(entries) = self.counted {
            let count = i64::try_from(entries.len()).unwrap_or(i64::MAX);
            for call in &self.plan.calls {
                frame[call.out.0 as usize] = Value::Int(count);
            }
            return Ok(std::mem::replace(&mut self.state, State::End) == State::Start);
        }
        if self.plan.in_order || self.plan.keys.is_empty() { self.next_in_order(frame, cx) } else { self.next_kept(frame, cx) }
    }

    fn forget(&mut self) {
        self.groups.clear();
        self.keys.clear();
        self.accumulators.clear();
        for set in &mut self.distinct {
            set.clear();
        }
        self.extra_bytes = 0;
    }

    fn next_kept(&mut self, frame: &mut Frame<'r>, cx: &Context<'r>) -> Result<bool> {
        if self.state == State::Start {
            while self.input.next(frame, cx)? {
                let group = self.group(frame, cx)?;
                self.add(group, frame, cx)?;
            }
            self.state = State::Giving(0);
        }
        let State::Giving(group) = self.state else { return Ok(false) };
        if group == self.groups.len() {
            self.state = State::End;
            return Ok(false);
        }
        cx.tick()?;
        self.state = State::Giving(group + 1);
        self.give(group, frame, cx)?;
        Ok(true)
    }

    fn next_in_order(&mut self, frame: &mut Frame<'r>, cx: &Context<'r>) -> Result<bool> {
        let first = match self.state {
            State::End | State::Giving(_) => return Ok(false),
            State::Begun => true,
            State::Start => self.input.next(frame, cx)?,
        };
        let start = self.state == State::Start;
        self.state = State::End;
        if !first && (!start || !self.plan.keys.is_empty()) {
            return Ok(false);
        }
        self.forget();
        self.begin(frame, cx)?;
        if first {
            self.add(0, frame, cx)?;
            let mut read = 1;
            self.pass(read, frame, cx)?;
            while self.input.next(frame, cx)? {
                if !self.same_group(frame, cx)? {
                    self.state = State::Begun;
                    break;
                }
                self.add(0, frame, cx)?;
                read += 1;
                self.pass(read, frame, cx)?;
            }
        }
        self.give(0, frame, cx)?;
        Ok(true)
    }

    /// Passes the rest of a group of which so many rows were read, where that is worth it.
    #[inline]
    fn pass(&mut self, read: u64, frame: &mut Frame<'r>, cx: &Context<'r>) -> Result<()> {
        match (&self.passing, &self.input) {
            (Some(passing), Operator::Scan(_)) if passing.after == read => self.pass_rest(read, frame, cx),
            _ => Ok(()),
        }
    }

    fn pass_rest(&mut self, read: u64, frame: &mut Frame<'r>, cx: &Context<'r>) -> Result<()> {
        let (Some(passing), Operator::Scan(scan)) = (&mut self.passing, &mut self.input) else { return Ok(()) };
        let rest = scan.pass_alike(passing.columns, frame, cx)?.saturating_sub(read);
        passing.passed(rest);
        if rest > 0 {
            // The last row of the group is the one in the frame.
            self.add(0, frame, cx)?;
            self.accumulators.iter_mut().for_each(|accumulator| accumulator.add_unseen(rest - 1));
        }
        Ok(())
    }

    /// The number of the group that the row in the frame belongs to.
    fn group(&mut self, frame: &Frame<'r>, cx: &Context<'r>) -> Result<usize> {
        self.key.clear();
        for (_, expr) in &self.plan.keys {
            key::push_hashable(&mut self.key, &*operand(expr, frame, cx)?);
        }
        let (group, new) = self.groups.insert(&self.key);
        if new {
            self.begin(frame, cx)?;
        }
        Ok(group)
    }

    /// Begins a group with the keys of the row in the frame.
    fn begin(&mut self, frame: &Frame<'r>, cx: &Context<'r>) -> Result<()> {
        let mut keys = Vec::with_capacity(self.plan.keys.len());
        for (_, expr) in &self.plan.keys {
            keys.push(value(expr, frame, cx)?);
        }
        self.keys.push_values(keys.into_iter());
        self.accumulators.extend(self.plan.calls.iter().map(Accumulator::new));
        self.account(cx)
    }

    fn account(&mut self, cx: &Context<'r>) -> Result<()> {
        let sets: usize = self.distinct.iter().map(KeySet::size_bytes).sum();
        let accumulators = self.accumulators.capacity() * size_of::<Accumulator<'r>>();
        let bytes = self.groups.size_bytes() + self.keys.size_bytes() + accumulators + sets + self.extra_bytes;
        self.kept.is(bytes, "GROUP BY", cx)
    }

    fn same_group(&self, frame: &Frame<'r>, cx: &Context<'r>) -> Result<bool> {
        for ((_, expr), of_group) in self.plan.keys.iter().zip(self.keys.row(0)) {
            if types::order(&*operand(expr, frame, cx)?, of_group) != Ordering::Equal {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Adds the row in the frame to a group.
    fn add(&mut self, group: usize, frame: &Frame<'r>, cx: &Context<'r>) -> Result<()> {
        let calls = &self.plan.calls;
        for (nth, call) in calls.iter().enumerate() {
            if let Some(filter) = &call.filter
                && !holds(std::slice::from_ref(filter), frame, cx)?
            {
                continue;
            }
            if call.distinct {
                if !self.first_time(nth, call, group, frame, cx)? {
                    continue;
                }
                self.account(cx)?;
            }
            let more_bytes = self.accumulators[group * calls.len() + nth].add(call, frame, cx)?;
            if more_bytes > 0 {
                self.extra_bytes += more_bytes;
                self.account(cx)?;
            }
        }
        Ok(())
    }

    /// Whether the group has not had this argument yet.
    fn first_time(
        &mut self,
        nth: usize,
        call: &'r AggregateCall,
        group: usize,
        frame: &Frame<'r>,
        cx: &Context<'r>,
    ) -> Result<bool> {
        let Some(arg) = call.args.first() else { return Ok(true) };
        self.key.clear();
        self.key.extend_from_slice(&group.to_le_bytes());
        key::push_hashable(&mut self.key, &*operand(arg, frame, cx)?);
        Ok(self.distinct[nth].insert(&self.key).1)
    }

    fn give(&mut self, group: usize, frame: &mut Frame<'r>, cx: &Context<'r>) -> Result<()> {
        for ((slot, _), of_group) in self.plan.keys.iter().zip(self.keys.row(group)) {
            frame[slot.0 as usize] = of_group.clone();
        }
        let calls = &self.plan.calls;
        for (nth, call) in calls.iter().enumerate() {
            frame[call.out.0 as usize] = self.accumulators[group * calls.len() + nth].finish(call, cx)?;
        }
        Ok(())
    }
}

/// The scan, if all that is asked is how many rows its table has.
fn countable(plan: &node::Aggregate) -> Option<&node::Scan> {
    let counts_rows = |call: &AggregateCall| {
        call.function == AggregateFunction::Count && call.args.is_empty() && !call.distinct && call.filter.is_none()
    };
    match &plan.input {
        Node::Scan(scan)
            if matches!(scan.access, Access::Full)
                && scan.filter.is_empty()
                && plan.keys.is_empty()
                && plan.calls.iter().all(counts_rows) =>
        {
            Some(scan)
        }
        _ => None,
    }
}
