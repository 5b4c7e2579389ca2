//! ORDER BY. Rows with equal keys stay in the order in which they came.
//!
//! With a limit only so many rows are kept: a heap whose top is the last of them, which every better row drives out. A row that is not better is not kept at all.
//! Without one all rows are kept and then merged, in runs that are sorted one by one, so that a long sort can be cancelled.

use std::cmp::Ordering;

use super::context::{Context, Frame, Kept, KeptRows};
use super::limit::needed;
use super::operator::Operator;
use super::scalar::{operand, value};
use crate::error::Result;
use crate::plan::node::{self, SortKey};
use crate::plan::scalar::Scalar;
use crate::types::{self, Value};

/// Rows that are sorted without a look at the cancel flag: a few milliseconds.
const RUN: usize = 1 << 14;

pub(crate) struct Sort<'r> {
    plan: &'r node::Sort,
    input: Operator<'r>,
    /// Keys, and behind them the slots that are kept.
    rows: KeptRows<'r>,
    /// With a limit: when each row came.
    came: Vec<u64>,
    /// Numbers of the rows in order; with a limit a heap until the input has ended.
    order: Vec<u32>,
    at: usize,
    kept: Kept,
}

impl<'r> Sort<'r> {
    pub(super) fn new(plan: &'r node::Sort, cx: &Context<'r>) -> Result<Sort<'r>> {
        let rows = KeptRows::new(plan.keys.len() + plan.keep.len());
        Ok(Sort {
            plan,
            input: Operator::new(&plan.input, cx)?,
            rows,
            came: Vec::new(),
            order: Vec::new(),
            at: 0,
            kept: Kept::default(),
        })
    }

    pub(super) fn open(&mut self, frame: &mut Frame<'r>, cx: &Context<'r>) -> Result<()> {
        self.rows.clear();
        self.came.clear();
        self.order.clear();
        self.at = 0;
        let top = match &self.plan.top {
            Some(top) => needed(top, frame, cx)?,
            None => None,
        };
        match top {
            Some(0) => Ok(()),
            Some(most) => self.read_top(usize::try_from(most).unwrap_or(usize::MAX), frame, cx),
            None => self.read_all(frame, cx),
        }
    }

    pub(super) fn next(&mut self, frame: &mut Frame<'r>, cx: &Context<'r>) -> Result<bool> {
        let Some(number) = self.order.get(self.at) else { return Ok(false) };
        cx.tick()?;
        self.at += 1;
        let row = &self.rows.row(*number as usize)[self.plan.keys.len()..];
        for (value, slot) in row.iter().zip(&self.plan.keep) {
            frame[slot.0 as usize] = value.clone();
        }
        Ok(true)
    }

    fn read_all(&mut self, frame: &mut Frame<'r>, cx: &Context<'r>) -> Result<()> {
        self.input.open(frame, cx)?;
        let mut keys = Vec::with_capacity(self.plan.keys.len());
        while self.input.next(frame, cx)? {
            write_keys(&mut keys, &self.plan.keys, frame, cx)?;
            let number = self.rows.push_values(keys.drain(..).chain(kept_values(self.plan, frame)));
            self.order.push(number as u32);
            self.kept.is(self.rows.size_bytes() + self.order.capacity() * size_of::<u32>() * 2, "ORDER BY", cx)?;
        }
        let (rows, keys) = (&self.rows, &self.plan.keys);
        merge_sort(&mut self.order, |a, b| compare(keys, rows.row(a as usize), rows.row(b as usize)), cx)
    }

    fn read_top(&mut self, most: usize, frame: &mut Frame<'r>, cx: &Context<'r>) -> Result<()> {
        self.input.open(frame, cx)?;
        let mut keys = Vec::with_capacity(self.plan.keys.len());
        let mut count = 0_u64;
        // Keys that cannot fail need not be computed to the last, and are looked at where they stand.
        let plain = self.plan.keys.iter().all(|key| matches!(key.expr, Scalar::Slot(_) | Scalar::Constant(_)));
        while self.input.next(frame, cx)? {
            count += 1;
            if plain && self.order.len() >= most && self.is_behind_all(frame, cx)? {
                continue;
            }
            write_keys(&mut keys, &self.plan.keys, frame, cx)?;
            if self.order.len() < most {
                let number = self.rows.push_values(keys.drain(..).chain(kept_values(self.plan, frame)));
                self.came.push(count);
                self.order.push(number as u32);
                self.rise(self.order.len() - 1);
                self.cut(plain && self.order.len() == most);
            } else {
                let worst = self.order[0] as usize;
                if compare(&self.plan.keys, &keys, self.rows.row(worst)).is_ge() {
                    continue; // It came later than all rows that are kept.
                }
                self.rows.replace(worst, keys.drain(..).chain(kept_values(self.plan, frame)));
                self.came[worst] = count;
                self.sink();
                self.cut(plain);
            }
            self.kept.is(self.rows.size_bytes() + self.order.capacity() * 12, "ORDER BY with LIMIT", cx)?;
        }
        let (rows, came, keys) = (&self.rows, &self.came, &self.plan.keys);
        let by_key = |a: u32, b: u32| {
            let (a, b) = (a as usize, b as usize);
            compare(keys, rows.row(a), rows.row(b)).then(came[a].cmp(&came[b]))
        };
        merge_sort(&mut self.order, by_key, cx)
    }

    /// With as many rows as are kept: a scan below need not make values of those whose first key already puts them behind all of them.
    fn cut(&mut self, is_full: bool) {
        if let (true, Operator::Scan(scan), [first, others @ ..]) = (is_full, &mut self.input, &self.plan.keys[..])
            && let Scalar::Slot(slot) = first.expr
        {
            scan.cut(slot, &self.rows.row(self.order[0] as usize)[0], !first.descending, others.is_empty());
        }
    }

    /// Whether the row in the frame, which came later than all rows that are kept, belongs behind them.
    #[inline]
    fn is_behind_all(&self, frame: &Frame<'r>, cx: &Context<'r>) -> Result<bool> {
        for (key, kept) in self.plan.keys.iter().zip(self.rows.row(self.order[0] as usize)) {
            let order = compare_by(key, &*operand(&key.expr, frame, cx)?, kept);
            if order.is_ne() {
                return Ok(order.is_gt());
            }
        }
        Ok(true)
    }

    /// Whether the row at this place of the heap belongs behind the one at the other.
    fn behind(&self, at: usize, other: usize) -> bool {
        let (a, b) = (self.order[at] as usize, self.order[other] as usize);
        compare(&self.plan.keys, self.rows.row(a), self.rows.row(b)).then(self.came[a].cmp(&self.came[b])).is_gt()
    }

    fn rise(&mut self, mut at: usize) {
        while at > 0 {
            let above = (at - 1) / 2;
            if !self.behind(at, above) {
                break;
            }
            self.order.swap(at, above);
            at = above;
        }
    }

    fn sink(&mut self) {
        let mut at = 0;
        loop {
            let (left, right) = (2 * at + 1, 2 * at + 2);
            let mut last = at;
            if left < self.order.len() && self.behind(left, last) {
                last = left;
            }
            if right < self.order.len() && self.behind(right, last) {
                last = right;
            }
            if last == at {
                return;
            }
            self.order.swap(at, last);
            at = last;
        }
    }
}

pub(super) fn write_keys<'r>(out: &mut Vec<Value<'r>>, keys: &'r [SortKey], frame: &Frame<'r>, cx: &Context<'r>) -> Result<()> {
    out.clear();
    for key in keys {
        out.push(value(&key.expr, frame, cx)?);
    }
    Ok(())
}

fn kept_values<'a, 'r>(plan: &'a node::Sort, frame: &'a Frame<'r>) -> impl Iterator<Item = Value<'r>> + use<'a, 'r> {
    plan.keep.iter().map(|slot| frame[slot.0 as usize].clone())
}

/// The order of two rows that begin with these keys.
#[inline]
pub(super) fn compare(keys: &[SortKey], left: &[Value<'_>], right: &[Value<'_>]) -> Ordering {
    for ((key, left), right) in keys.iter().zip(left).zip(right) {
        let order = compare_by(key, left, right);
        if order.is_ne() {
            return order;
        }
    }
    Ordering::Equal
}

/// The order of two values of this key.
#[inline]
fn compare_by(key: &SortKey, left: &Value<'_>, right: &Value<'_>) -> Ordering {
    match (left.is_null(), right.is_null()) {
        (false, false) => {
            let order = types::order(left, right);
            if key.descending { order.reverse() } else { order }
        }
        (true, true) => Ordering::Equal,
        (left, _) if left == key.nulls_first => Ordering::Less,
        _ => Ordering::Greater,
    }
}

/// Sorts numbers of rows, equal ones staying in order: sorted runs, merged two by two, with looks at the cancel flag between.
pub(super) fn merge_sort(order: &mut Vec<u32>, by: impl Fn(u32, u32) -> Ordering, cx: &Context<'_>) -> Result<()> {
    for run in order.chunks_mut(RUN) {
        cx.look()?;
        run.sort_by(|a, b| by(*a, *b));
    }
    let mut width = RUN;
    let mut merged = Vec::with_capacity(if order.len() > RUN { order.len() } else { 0 });
    while width < order.len() {
        merged.clear();
        for pair in order.chunks(width * 2) {
            let (mut left, mut right) = pair.split_at(width.min(pair.len()));
            while let ([first_left, rest_left @ ..], [first_right, rest_right @ ..]) = (left, right) {
                cx.tick()?;
                if by(*first_left, *first_right).is_le() {
                    merged.push(*first_left);
                    left = rest_left;
                } else {
                    merged.push(*first_right);
                    right = rest_right;
                }
            }
            merged.extend_from_slice(left);
            merged.extend_from_slice(right);
        }
        std::mem::swap(order, &mut merged);
        width *= 2;
    }
    Ok(())
}
