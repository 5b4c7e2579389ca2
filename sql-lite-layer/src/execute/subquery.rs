//! Queries inside expressions.
//!
//! A subquery runs over a frame of its own, into which the slots that it reads of the rows around it are copied: so an expression never changes the frame that it reads.
//! One that reads none runs once a statement, and leaves its result alone behind: a statement may have thousands of them. The others remember their results by those slots'
//! values, until the memory for that is full; then they begin to remember anew.

use super::context::{Context, Frame, Kept, KeptRows, owned_len_bytes};
use super::keyset::KeySet;
use super::operator::Operator;
use super::scalar::{compare, value};
use crate::encode::key;
use crate::error::{Error, ErrorKind, Result};
use crate::parse::ast::CompareOp;
use crate::plan::scalar::{Scalar, Subquery};
use crate::types::Value;

/// What one subquery remembers at most.
const MEMORY_BYTES: usize = 1 << 20;

/// What is known of a subquery while its statement runs.
pub(crate) enum SubqueryState<'r> {
    /// The value of one that reads no slot around it, or whether it has a row.
    Value { value: Value<'r>, _kept: Kept },
    /// The rows of one that reads no slot around it, for IN.
    Members(Box<Members<'r>>),
    /// One that depends on the rows around it.
    Depends(Box<Depends<'r>>),
}

/// A subquery that depends on slots around it.
pub(crate) struct Depends<'r> {
    operator: Operator<'r>,
    /// Results by the values that they depend on.
    memory: KeySet,
    results: Vec<Value<'r>>,
    results_bytes: usize,
    key: Vec<u8>,
    kept: Kept,
}

/// Its only value.
pub(super) fn scalar<'r>(query: &'r Subquery, frame: &[Value<'r>], cx: &Context<'r>) -> Result<Value<'r>> {
    result(query, &[], frame, cx, |operator, own| {
        if !operator.next(own, cx)? {
            return Ok(Value::Null);
        }
        let only = own[query.columns[0].0 as usize].clone();
        if operator.next(own, cx)? {
            return Err(Error::new(ErrorKind::Data, "a query that stands for a value has more than one row").with_state("21000"));
        }
        Ok(only)
    })
}

/// Whether it has a row.
pub(super) fn exists<'r>(query: &'r Subquery, frame: &[Value<'r>], cx: &Context<'r>) -> Result<bool> {
    let found = result(query, &[], frame, cx, |operator, own| Ok(Value::Bool(operator.next(own, cx)?)))?;
    Ok(found == Value::Bool(true))
}

/// Whether one of its rows is equal to these values; none if that is not known.
pub(super) fn contains<'r>(
    query: &'r Subquery,
    left: &'r [Scalar],
    frame: &[Value<'r>],
    cx: &Context<'r>,
) -> Result<Option<bool>> {
    let left = left.iter().map(|expr| value(expr, frame, cx)).collect::<Result<Vec<_>>>()?;
    if query.outer.is_empty() {
        let place = &cx.subqueries[query.number];
        let known = place.take();
        let mut members = match known {
            Some(SubqueryState::Members(members)) => members,
            _ => {
                let mut operator = Operator::new(&query.node, cx)?;
                let read = |own: &mut Frame<'r>| {
                    operator.open(own, cx)?;
                    Members::read(&mut operator, own, query, cx)
                };
                Box::new(over_a_frame(cx, read)?)
            }
        };
        let found = members.contains(&left, cx);
        *place.borrow_mut() = Some(SubqueryState::Members(members));
        return found;
    }
    let found = result(query, &left, frame, cx, |operator, own| {
        let mut found = Some(false);
        while found != Some(true) && operator.next(own, cx)? {
            cx.tick()?;
            let right = query.columns.iter().map(|slot| &own[slot.0 as usize]);
            match equal(left.iter(), right) {
                Some(false) => {}
                other => found = other,
            }
        }
        Ok(found.map_or(Value::Null, Value::Bool))
    })?;
    Ok(match found {
        Value::Bool(found) => Some(found),
        _ => None,
    })
}

/// Whether two rows are equal; none if that hangs on a NULL.
fn equal<'a, 'r: 'a>(left: impl Iterator<Item = &'a Value<'r>>, right: impl Iterator<Item = &'a Value<'r>>) -> Option<bool> {
    let mut result = Some(true);
    for (left, right) in left.zip(right) {
        match compare(CompareOp::Eq, left, right) {
            Some(true) => {}
            Some(false) => return Some(false),
            None => result = None,
        }
    }
    result
}

/// Lends a frame for as long as the work takes.
pub(super) fn over_a_frame<'r, T>(cx: &Context<'r>, work: impl FnOnce(&mut Frame<'r>) -> Result<T>) -> Result<T> {
    let mut frame = cx.take_frame()?;
    let done = work(&mut frame);
    cx.give_frame(frame);
    done
}

/// The result for these values and the slots around as they stand: the one that is known, or what `run` finds once the query is open.
fn result<'r>(
    query: &'r Subquery,
    with: &[Value<'r>],
    frame: &[Value<'r>],
    cx: &Context<'r>,
    run: impl FnOnce(&mut Operator<'r>, &mut Frame<'r>) -> Result<Value<'r>>,
) -> Result<Value<'r>> {
    let place = &cx.subqueries[query.number];
    if let Some(SubqueryState::Value { value, .. }) = &*place.borrow() {
        return Ok(value.clone());
    }
    if query.outer.is_empty() {
        let mut operator = Operator::new(&query.node, cx)?;
        let value = over_a_frame(cx, |own| {
            operator.open(own, cx)?;
            run(&mut operator, own)
        })?;
        let mut kept = Kept::default();
        kept.is(owned_len_bytes(&value), "a subquery", cx)?;
        *place.borrow_mut() = Some(SubqueryState::Value { value: value.clone(), _kept: kept });
        return Ok(value);
    }
    let known = place.take();
    let mut state = match known {
        Some(SubqueryState::Depends(state)) => state,
        _ => Box::new(Depends::new(query, cx)?),
    };
    let result = state.result(query, with, frame, cx, run);
    *place.borrow_mut() = Some(SubqueryState::Depends(state));
    result
}

impl<'r> Depends<'r> {
    fn new(query: &'r Subquery, cx: &Context<'r>) -> Result<Depends<'r>> {
        Ok(Depends {
            operator: Operator::new(&query.node, cx)?,
            memory: KeySet::new(),
            results: Vec::new(),
            results_bytes: 0,
            key: Vec::new(),
            kept: Kept::default(),
        })
    }

    fn result(
        &mut self,
        query: &'r Subquery,
        with: &[Value<'r>],
        frame: &[Value<'r>],
        cx: &Context<'r>,
        run: impl FnOnce(&mut Operator<'r>, &mut Frame<'r>) -> Result<Value<'r>>,
    ) -> Result<Value<'r>> {
        self.key.clear();
        for value in with {
            key::push(&mut self.key, value);
        }
        for slot in &query.outer {
            key::push(&mut self.key, &frame[slot.0 as usize]);
        }
        if let Some(number) = self.memory.find(&self.key) {
            return Ok(self.results[number].clone());
        }
        let operator = &mut self.operator;
        let result = over_a_frame(cx, |own| {
            for slot in &query.outer {
                own[slot.0 as usize] = frame[slot.0 as usize].clone();
            }
            operator.open(own, cx)?;
            run(operator, own)
        })?;
        if self.memory.size_bytes() + self.results_bytes > MEMORY_BYTES {
            self.memory.clear();
            self.results.clear();
            self.results_bytes = 0;
        }
        self.memory.insert(&self.key);
        self.results_bytes += size_of::<Value<'_>>() + owned_len_bytes(&result);
        self.results.push(result.clone());
        self.kept.is(self.memory.size_bytes() + self.results_bytes, "a subquery", cx)?;
        Ok(result)
    }
}

/// The rows of an IN query.
pub(crate) struct Members<'r> {
    /// Of rows without a NULL.
    keys: KeySet,
    /// Rows with a NULL, each once.
    with_null: KeptRows<'r>,
    /// All rows, if they have several columns: what a NULL on the left is compared with.
    all: KeptRows<'r>,
    /// Where a row is written to be looked up.
    key: Vec<u8>,
    kept: Kept,
}

impl<'r> Members<'r> {
    fn read(operator: &mut Operator<'r>, own: &mut Frame<'r>, query: &Subquery, cx: &Context<'r>) -> Result<Members<'r>> {
        let width = query.columns.len();
        let (with_null, all) = (KeptRows::new(width), KeptRows::new(width));
        let mut members = Members { keys: KeySet::new(), with_null, all, key: Vec::new(), kept: Kept::default() };
        let mut nulls = KeySet::new();
        while operator.next(own, cx)? {
            cx.tick()?;
            members.key.clear();
            let mut null = false;
            for slot in &query.columns {
                let value = &own[slot.0 as usize];
                null |= value.is_null();
                key::push_hashable(&mut members.key, value);
            }
            let new = if null { nulls.insert(&members.key).1 } else { members.keys.insert(&members.key).1 };
            if new && null {
                members.with_null.push(own, &query.columns);
            }
            if new && width > 1 {
                members.all.push(own, &query.columns);
            }
            let rows_bytes = members.with_null.size_bytes() + members.all.size_bytes();
            members.kept.is(members.keys.size_bytes() + nulls.size_bytes() + rows_bytes, "an IN query", cx)?;
        }
        Ok(members)
    }

    fn contains(&mut self, left: &[Value<'r>], cx: &Context<'r>) -> Result<Option<bool>> {
        if self.keys.len() == 0 && self.with_null.len() == 0 {
            return Ok(Some(false));
        }
        if left.iter().any(Value::is_null) {
            // One column: NULL is equal to nothing and different from nothing. Several: the others may tell.
            return if left.len() == 1 { Ok(None) } else { among(&self.all, left, cx) };
        }
        self.key.clear();
        for value in left {
            key::push_hashable(&mut self.key, value);
        }
        if self.keys.find(&self.key).is_some() {
            return Ok(Some(true));
        }
        if left.len() == 1 {
            return Ok(if self.with_null.len() > 0 { None } else { Some(false) });
        }
        among(&self.with_null, left, cx)
    }
}

/// Whether these values are equal to one of the rows; each row is compared.
fn among<'r>(rows: &KeptRows<'r>, left: &[Value<'r>], cx: &Context<'r>) -> Result<Option<bool>> {
    let mut result = Some(false);
    for number in 0..rows.len() {
        cx.tick()?;
        match equal(left.iter(), rows.row(number).iter()) {
            Some(true) => return Ok(Some(true)),
            Some(false) => {}
            None => result = None,
        }
    }
    Ok(result)
}
