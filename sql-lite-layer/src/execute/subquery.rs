//! Queries inside expressions.
//!
//! A subquery runs over a frame of its own, into which the slots that it reads of the rows around it are copied: so an expression never changes the frame that it reads.
//! One that reads none runs once a statement. The others remember their results by those slots' values, until the memory for that is full; then they begin to
//! remember anew.

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

/// A subquery while its statement runs.
pub(crate) struct SubqueryState<'r> {
    operator: Operator<'r>,
    frame: Frame<'r>,
    /// Results by the values that they depend on.
    memory: KeySet,
    results: Vec<Value<'r>>,
    results_bytes: usize,
    key: Vec<u8>,
    kept: Kept,
    /// The rows of a subquery that reads no slot around it, for IN.
    rows: Option<Members<'r>>,
}

/// Its only value.
pub(super) fn scalar<'r>(query: &'r Subquery, frame: &[Value<'r>], cx: &Context<'r>) -> Result<Value<'r>> {
    with_state(query, cx, |state| {
        state.remembered(query, &[], frame, cx, |state| {
            if !state.operator.next(&mut state.frame, cx)? {
                return Ok(Value::Null);
            }
            let slot = query.columns[0].0 as usize;
            let only = state.frame[slot].clone();
            if state.operator.next(&mut state.frame, cx)? {
                return Err(
                    Error::new(ErrorKind::Data, "a query that stands for a value has more than one row").with_state("21000")
                );
            }
            Ok(only)
        })
    })
}

/// Whether it has a row.
pub(super) fn exists<'r>(query: &'r Subquery, frame: &[Value<'r>], cx: &Context<'r>) -> Result<bool> {
    let found = with_state(query, cx, |state| {
        state.remembered(query, &[], frame, cx, |state| Ok(Value::Bool(state.operator.next(&mut state.frame, cx)?)))
    })?;
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
    with_state(query, cx, |state| {
        if query.outer.is_empty() {
            if state.rows.is_none() {
                state.operator.open(&mut state.frame, cx)?;
                state.rows = Some(Members::read(state, query, cx)?);
            }
            let SubqueryState { rows, key, .. } = state;
            return rows.as_ref().map_or(Ok(Some(false)), |rows| rows.contains(&left, key, cx));
        }
        let found = state.remembered(query, &left, frame, cx, |state| {
            let mut found = Some(false);
            while found != Some(true) && state.operator.next(&mut state.frame, cx)? {
                cx.tick()?;
                let right = query.columns.iter().map(|slot| &state.frame[slot.0 as usize]);
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

fn with_state<'r, T>(query: &'r Subquery, cx: &Context<'r>, work: impl FnOnce(&mut SubqueryState<'r>) -> Result<T>) -> Result<T> {
    let place = &cx.subqueries[query.number];
    let taken = place.borrow_mut().take();
    let mut state = match taken {
        Some(state) => state,
        None => Box::new(SubqueryState {
            operator: Operator::new(&query.node, cx)?,
            frame: cx.frame(),
            memory: KeySet::new(),
            results: Vec::new(),
            results_bytes: 0,
            key: Vec::new(),
            kept: Kept::default(),
            rows: None,
        }),
    };
    let result = work(&mut state);
    *place.borrow_mut() = Some(state);
    result
}

impl<'r> SubqueryState<'r> {
    /// The result for these values and the slots around as they stand: the one remembered, or what `run` finds once the query is open.
    fn remembered(
        &mut self,
        query: &'r Subquery,
        with: &[Value<'r>],
        frame: &[Value<'r>],
        cx: &Context<'r>,
        run: impl FnOnce(&mut Self) -> Result<Value<'r>>,
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
        for slot in &query.outer {
            self.frame[slot.0 as usize] = frame[slot.0 as usize].clone();
        }
        // The key is taken along: the run may come back here only by another subquery, which has a state of its own.
        self.operator.open(&mut self.frame, cx)?;
        let result = run(self)?;
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
struct Members<'r> {
    /// Of rows without a NULL.
    keys: KeySet,
    /// Rows with a NULL, each once.
    with_null: KeptRows<'r>,
    /// All rows, if they have several columns: what a NULL on the left is compared with.
    all: KeptRows<'r>,
}

impl<'r> Members<'r> {
    fn read(state: &mut SubqueryState<'r>, query: &'r Subquery, cx: &Context<'r>) -> Result<Members<'r>> {
        let width = query.columns.len();
        let mut members = Members { keys: KeySet::new(), with_null: KeptRows::new(width), all: KeptRows::new(width) };
        let mut nulls = KeySet::new();
        while state.operator.next(&mut state.frame, cx)? {
            cx.tick()?;
            state.key.clear();
            let mut null = false;
            for slot in &query.columns {
                let value = &state.frame[slot.0 as usize];
                null |= value.is_null();
                key::push_hashable(&mut state.key, value);
            }
            let new = if null { nulls.insert(&state.key).1 } else { members.keys.insert(&state.key).1 };
            if new && null {
                members.with_null.push(&state.frame, &query.columns);
            }
            if new && width > 1 {
                members.all.push(&state.frame, &query.columns);
            }
            let rows_bytes = members.with_null.size_bytes() + members.all.size_bytes();
            state.kept.is(members.keys.size_bytes() + nulls.size_bytes() + rows_bytes, "an IN query", cx)?;
        }
        Ok(members)
    }

    fn contains(&self, left: &[Value<'r>], key: &mut Vec<u8>, cx: &Context<'r>) -> Result<Option<bool>> {
        if self.keys.len() == 0 && self.with_null.len() == 0 {
            return Ok(Some(false));
        }
        if left.iter().any(Value::is_null) {
            // One column: NULL is equal to nothing and different from nothing. Several: the others may tell.
            return if left.len() == 1 { Ok(None) } else { among(&self.all, left, cx) };
        }
        key.clear();
        for value in left {
            key::push_hashable(key, value);
        }
        if self.keys.find(key).is_some() {
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
