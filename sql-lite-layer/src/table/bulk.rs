//! Whole tables at once: loaded, emptied.

use std::collections::VecDeque;
use std::ops::Bound;
use std::sync::Arc;

use treering::WriteTxn;

use super::catalogue::fill_index;
use super::changes::Changes;
use super::counters::Counters;
use super::links::Linked;
use super::open::Open;
use super::rows;
use super::schema::{ObjectId, Schema};
use super::stored::Stored;
use super::violation;
use crate::encode::row;
use crate::error::Result;
use crate::types::Value;

/// Everything.
const ALL: (Bound<&[u8]>, Bound<&[u8]>) = (Bound::Unbounded, Bound::Unbounded);

/// Adds many rows to a table; gives how many. Each has a value for every column, dropped ones too, of the columns' types; NULL in a column that counts takes the next number.
///
/// An empty table is loaded whole: rows and then the entries of each index are sorted and written as full pages, and foreign keys are checked once for each value. A table with
/// rows takes them one after another. CHECK constraints are the caller's.
///
/// # Errors
/// `Constraint`, and what `rows` says. All or nothing: after an error the caller rolls the transaction back, or to a savepoint. Of rows with one primary key the message tells
/// how many there are, not which: they are sorted away.
pub(crate) fn load<'v>(
    txn: &WriteTxn,
    schema: &Arc<Schema>,
    id: ObjectId,
    mut rows: impl Iterator<Item = Result<Vec<Value<'v>>>>,
) -> Result<u64> {
    load_from(txn, schema, id, &mut |put| match rows.next() {
        Some(row) => put(&mut row?).map(|()| true),
        None => Ok(false),
    })
}

/// Where rows come from: puts some of them, or says that there are no more. Nothing is kept of what is put.
pub(crate) type Source<'s> = dyn FnMut(&mut dyn FnMut(&mut [Value<'_>]) -> Result<()>) -> Result<bool> + 's;

/// The same from a source whose rows need not outlive their turn.
///
/// # Errors
/// As [`load`].
pub(crate) fn load_from(txn: &WriteTxn, schema: &Arc<Schema>, id: ObjectId, rows: &mut Source<'_>) -> Result<u64> {
    let linked = schema.linked(id)?;
    let table = &*linked.table;
    if Open::new(txn).tables().rows(table)?.len() > 0 {
        return add(txn, schema, &linked, rows);
    }
    let mut load = Load { txn, linked: &linked, counters: Counters::default(), fed: 0, row_len_bytes: 0 };
    load.rows(rows)?;
    for index in &table.indexes {
        fill_index(txn, table, index, &|| Ok(()))?;
    }
    let open = Open::new(txn);
    for reference in &linked.parents {
        reference.check_all(open.tables(), &|| Ok(()))?;
    }
    Ok(load.fed)
}

fn add(txn: &WriteTxn, schema: &Arc<Schema>, linked: &Linked, rows: &mut Source<'_>) -> Result<u64> {
    let (mut changes, mut count) = (Changes::new(txn, Arc::clone(schema)), 0);
    while rows(&mut |row| {
        for (at, _) in &linked.counters {
            if row[*at].is_null() {
                row[*at] = Value::Int(changes.next_identity(&linked.table, *at)?);
            }
        }
        changes.insert(&linked.table, row)?;
        count += 1;
        Ok(())
    })? {}
    changes.finish()?;
    Ok(count)
}

/// The load of an empty table.
struct Load<'a> {
    txn: &'a WriteTxn,
    linked: &'a Linked,
    counters: Counters,
    fed: u64,
    /// Of the row that came last.
    row_len_bytes: usize,
}

impl Load<'_> {
    fn rows(&mut self, rows: &mut Source<'_>) -> Result<()> {
        let (txn, table) = (self.txn, &*self.linked.table);
        // Apart from the rows' table: the counters are read while rows come.
        let mut open = Open::new(txn);
        let mut into = txn.open_table(Stored::Rows(table.id).name().as_str())?;
        let mut failed = None;
        let mut made = VecDeque::new();
        let entries = std::iter::from_fn(|| {
            while made.is_empty() {
                let more = rows(&mut |row| {
                    made.push_back(self.row(&open, row)?);
                    Ok(())
                });
                match more {
                    Ok(true) => (),
                    Ok(false) => break,
                    Err(e) => {
                        failed = Some(e);
                        return None;
                    }
                }
            }
            made.pop_front()
        });
        let loaded = into.load_unsorted(entries)?;
        if let Some(e) = failed {
            return Err(e);
        }
        if loaded != self.fed {
            return Err(violation::unique_count(table, self.fed - loaded));
        }
        self.counters.flush(&mut open)
    }

    /// The entry of a row.
    fn row(&mut self, open: &Open<'_>, values: &mut [Value<'_>]) -> Result<(Vec<u8>, Vec<u8>)> {
        let table = &*self.linked.table;
        assert_eq!(values.len(), table.columns.len(), "a row has a value for each column");
        for (at, counter) in &self.linked.counters {
            if values[*at].is_null() {
                values[*at] = Value::Int(self.counters.next(open, *counter, &table.columns[*at].name)?);
            }
            if let Value::Int(number) = values[*at] {
                self.counters.note(open, *counter, number)?;
            }
        }
        if let Some(at) = self.linked.required.iter().find(|at| values[**at].is_null()) {
            return Err(violation::not_null(table, &table.columns[*at]));
        }
        self.fed += 1;
        let key = match table.primary.is_empty() {
            true => rows::hidden_key(self.fed.cast_signed()),
            false => rows::row_key(table, values),
        };
        rows::check_key_len(&key, || "a row".to_owned(), table)?;
        // As long as the row before: most often nothing has to grow.
        let mut bytes = Vec::with_capacity(self.row_len_bytes);
        row::encode(&mut bytes, values.iter());
        self.row_len_bytes = bytes.len();
        Ok((key, bytes))
    }
}

/// TRUNCATE: removes all rows; gives how many. Counters go on.
///
/// # Errors
/// `Constraint` (23503) if a row of another table refers to one of them.
pub(crate) fn truncate(txn: &WriteTxn, schema: &Schema, id: ObjectId) -> Result<u64> {
    let linked = schema.linked(id)?;
    let open = Open::new(txn);
    for reference in linked.children.iter().filter(|reference| reference.child.id != id) {
        reference.check_none(open.tables())?;
    }
    drop(open);
    for index in &linked.table.indexes {
        txn.open_table(Stored::Index(index.id).name().as_str())?.remove_range(ALL)?;
    }
    Ok(txn.open_table(Stored::Rows(id).name().as_str())?.remove_range(ALL)?)
}
