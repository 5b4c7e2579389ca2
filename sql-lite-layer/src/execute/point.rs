//! The way of a lookup: one table, by a whole primary key, a whole unique key, or the first columns of an index, and columns as they stand in the row.
//!
//! It does what `Project` over `Scan` would do, without operators, context and frame: one buffer for the key, one list of values.

use std::cell::Cell;

use super::context::{Context, Inputs, LOOK_EVERY};
use super::fetch::{Fetched, Source};
use super::keys::{Fixed, to_next_prefix};
use super::scalar::operand;
use super::scan::{missing, row_of};
use crate::encode::{key, row};
use crate::error::{Error, Result};
use crate::plan::node::{self, Access, Action, KeyPart, Keys, Node, Plan, Slot};
use crate::plan::scalar::Scalar;
use crate::table::schema::Index;
use crate::table::{Entries, EntryRange, Tables};
use crate::types::Value;

/// How a plan with the right shape is run.
pub(super) struct Point {
    /// For each column of the result, which of the scan's columns it is.
    columns: Vec<usize>,
    /// Whether the key names one row.
    one: bool,
    /// Buffers that one execution leaves to the next.
    memory: Cell<Option<Memory>>,
}

#[derive(Default)]
struct Memory {
    key: Vec<u8>,
    values: Vec<Value<'static>>,
}

impl std::fmt::Debug for Point {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Point").field("columns", &self.columns).field("one", &self.one).finish_non_exhaustive()
    }
}

/// The same memory for values that borrow from something else: a list without values, made into another in its place.
fn emptied<'b>(mut values: Vec<Value<'_>>) -> Vec<Value<'b>> {
    values.clear();
    values.into_iter().map(|_| Value::Null).collect()
}

impl Point {
    /// The way of this plan, if it has the shape.
    pub(super) fn of(plan: &Plan) -> Option<Point> {
        let (scan, exprs) = shape(plan)?;
        let keys = keys_of(scan)?;
        let plain =
            scan.filter.is_empty() && scan.key.is_none() && keys.any.is_none() && keys.lower.is_none() && keys.upper.is_none();
        let fixed = keys.equal.iter().all(|part| match part {
            KeyPart::Equal(expr) => is_fixed(expr),
            KeyPart::IsNull => false,
        });
        let one = match &scan.access {
            Access::Primary(_) => keys.equal.len() == scan.table.primary.len(),
            Access::Index { index, .. } => {
                let index = &scan.table.indexes[*index];
                index.unique && keys.equal.len() == index.columns.len()
            }
            Access::Full => false,
        };
        if !plain || !fixed || keys.equal.is_empty() || scan.reverse {
            return None;
        }
        let source = |slot: Slot| match exprs.iter().find(|(out, _)| *out == slot) {
            Some((_, Scalar::Slot(from))) => Some(*from),
            Some(_) => None,
            None => Some(slot),
        };
        let column = |slot: Slot| scan.columns.iter().position(|(_, read)| *read == slot);
        let columns = plan.columns.iter().map(|out| source(out.slot).and_then(column)).collect::<Option<Vec<_>>>()?;
        Some(Point { columns, one, memory: Cell::default() })
    }
}

/// The scan of such a plan, and what is projected from it.
fn shape(plan: &Plan) -> Option<(&node::Scan, &[(Slot, Scalar)])> {
    match &plan.action {
        Action::Query(Node::Scan(scan)) => Some((scan, &[])),
        Action::Query(Node::Project { input, exprs }) => match &**input {
            Node::Scan(scan) => Some((scan, exprs)),
            _ => None,
        },
        _ => None,
    }
}

/// The keys, where rows are looked up.
fn keys_of(scan: &node::Scan) -> Option<&Keys> {
    match &scan.access {
        Access::Primary(keys) | Access::Index { keys, only: false, .. } => Some(keys),
        _ => None,
    }
}

/// Whether it reads parameters and constants alone.
fn is_fixed(expr: &Scalar) -> bool {
    match expr {
        Scalar::Constant(_) | Scalar::Parameter(_) => true,
        Scalar::Cast { of, .. } => is_fixed(of),
        _ => false,
    }
}

/// Such a query while it runs.
pub(super) struct PointCursor<'r> {
    scan: &'r node::Scan,
    point: &'r Point,
    key: Vec<u8>,
    values: Vec<Value<'r>>,
    next: Next<'r>,
}

enum Next<'r> {
    End,
    /// The only row.
    Row(&'r [u8]),
    /// Rows of a part of the primary key.
    Rows(Box<(EntryRange<'r>, Looks<'r>)>),
    /// Rows that entries of an index lead to.
    Entries(Box<Led<'r>>),
}

struct Led<'r> {
    range: EntryRange<'r>,
    index: &'r Index,
    rows: Entries<'r>,
    fetched: Fetched<'r>,
    looks: Looks<'r>,
}

/// Looks at the flag and the clock from time to time: a key that names no one row may have any number of them.
struct Looks<'r> {
    inputs: Inputs<'r>,
    rows: u32,
}

impl<'r> Looks<'r> {
    fn new(inputs: &Inputs<'r>) -> Looks<'r> {
        Looks { inputs: inputs.clone(), rows: 0 }
    }

    /// To be called before each row.
    fn tick(&mut self) -> Result<()> {
        let rows = self.rows;
        self.rows = rows.wrapping_add(1);
        if rows.is_multiple_of(LOOK_EVERY) { self.inputs.look() } else { Ok(()) }
    }
}

impl<'r> PointCursor<'r> {
    pub(super) fn open(plan: &'r Plan, point: &'r Point, tables: Tables<'r>, inputs: &Inputs<'r>) -> Result<PointCursor<'r>> {
        let Some((scan, keys)) = shape(plan).and_then(|(scan, _)| Some((scan, keys_of(scan)?))) else {
            return Err(Error::new(crate::ErrorKind::State, "a plan is not what it was"));
        };
        let Memory { key, values } = point.memory.take().unwrap_or_default();
        let mut cursor = PointCursor { scan, point, key, values: emptied(values), next: Next::End };
        cursor.key.clear();
        if !write_key(&mut cursor.key, keys, plan, inputs)? {
            return Ok(cursor);
        }
        let sought = &cursor.key;
        cursor.values.resize(scan.columns.len(), Value::Null);
        let rows = tables.rows(&scan.table)?;
        cursor.next = match &scan.access {
            Access::Index { index, .. } => {
                let index = &scan.table.indexes[*index];
                let entries = tables.index(index)?;
                if point.one {
                    match entries.get(sought)? {
                        Some(row_key) => Next::Row(row_of(&rows, row_key, index)?),
                        None => Next::End,
                    }
                } else {
                    let range = with_prefix(&entries, sought)?;
                    Next::Entries(Box::new(Led { range, index, rows, fetched: Fetched::default(), looks: Looks::new(inputs) }))
                }
            }
            _ if point.one => rows.get(sought)?.map_or(Next::End, Next::Row),
            // Boxed: a lookup of one row, which moves this about, has none.
            _ => Next::Rows(Box::new((with_prefix(&rows, sought)?, Looks::new(inputs)))),
        };
        Ok(cursor)
    }

    #[inline]
    pub(super) fn next(&mut self) -> Result<bool> {
        let row = match &mut self.next {
            Next::End => return Ok(false),
            Next::Row(row) => {
                let row = *row;
                self.next = Next::End;
                Some(row)
            }
            Next::Rows(rows) => {
                let (range, looks) = &mut **rows;
                looks.tick()?;
                range.next().transpose()?.map(|(_, row)| row)
            }
            Next::Entries(led) => {
                let Led { range, index, rows, fetched, looks } = &mut **led;
                looks.tick()?;
                let mut from = Source { range, reverse: false, index, rows: *rows, passed: Fixed::default() };
                fetched.next(&mut from, None)?.map(|(_, row)| row)
            }
        };
        match row {
            Some(row) => self.read(row).map(|()| true),
            None => {
                self.next = Next::End;
                Ok(false)
            }
        }
    }

    #[inline]
    fn read(&mut self, bytes: &'r [u8]) -> Result<()> {
        let columns = &self.scan.columns;
        let wanted = columns.iter().enumerate().map(|(nth, (column, _))| (*column, nth));
        let older = row::fill(bytes, wanted, &mut self.values)? < columns.len();
        if older { self.read_missing(bytes) } else { Ok(()) }
    }

    /// The row is older than one of its columns.
    #[cold]
    fn read_missing(&mut self, bytes: &'r [u8]) -> Result<()> {
        for ((column, _), value) in self.scan.columns.iter().zip(&mut self.values) {
            if row::column(bytes, *column)?.is_none() {
                *value = missing(&self.scan.table, *column)?;
            }
        }
        Ok(())
    }

    #[inline]
    pub(super) fn value(&self, column: usize) -> &Value<'r> {
        &self.values[self.point.columns[column]]
    }
}

impl Drop for PointCursor<'_> {
    fn drop(&mut self) {
        let (key, values) = (std::mem::take(&mut self.key), std::mem::take(&mut self.values));
        self.point.memory.set(Some(Memory { key, values: emptied(values) }));
    }
}

/// Writes the key that is sought; false if a NULL is, which finds nothing.
#[inline]
fn write_key<'r>(sought: &mut Vec<u8>, keys: &'r Keys, plan: &'r Plan, inputs: &Inputs<'r>) -> Result<bool> {
    for part in &keys.equal {
        match part {
            KeyPart::Equal(Scalar::Parameter(number)) if (*number as usize) < inputs.parameters.len() => {
                let value = &inputs.parameters[*number as usize];
                if value.is_null() {
                    return Ok(false);
                }
                key::push(sought, value);
            }
            KeyPart::Equal(expr) => {
                let cx = Context::new(plan, None, inputs.clone());
                let value = operand(expr, &[], &cx)?;
                if value.is_null() {
                    return Ok(false);
                }
                key::push(sought, &value);
            }
            KeyPart::IsNull => return Ok(false),
        }
    }
    Ok(true)
}

/// All entries whose keys begin so.
fn with_prefix<'r>(entries: &Entries<'r>, prefix: &[u8]) -> Result<EntryRange<'r>> {
    use std::ops::Bound;
    let mut end = prefix.to_vec();
    let end = if to_next_prefix(&mut end) { Bound::Excluded(&end[..]) } else { Bound::Unbounded };
    entries.range((Bound::Included(prefix), end))
}
