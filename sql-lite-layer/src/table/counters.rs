//! Identity columns and sequences: the last number that each gave.
//!
//! Numbers are transactional: they are read from the engine once a statement, counted in memory and written at its end, in its transaction. What is undone was never given, so there
//! are no gaps, and no number is given twice.

use treering::WriteTxn;

use super::entries::Entries;
use super::open::Open;
use super::schema::{IdentityColumn, ObjectId, Sequence, Table};
use super::stored::Stored;
use crate::error::{Error, ErrorKind, Result};

/// What counts. Its key in the engine's table: the object's number and, of an identity column, the column's number, big-endian; the value: the last number given, i64 little-endian.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Counter {
    object: ObjectId,
    column: Option<u16>,
    start: i64,
    increment: i64,
}

impl Counter {
    pub(super) fn of_column(table: &Table, column: usize, identity: IdentityColumn) -> Counter {
        // A table has fewer columns than 2^16: the catalogue checks it.
        Counter { object: table.id, column: Some(column as u16), start: identity.start, increment: identity.increment }
    }

    pub(super) fn of_sequence(sequence: &Sequence) -> Counter {
        Counter { object: sequence.id, column: None, start: sequence.start, increment: sequence.increment }
    }

    fn key(self) -> ([u8; 6], usize) {
        let mut key = [0; 6];
        key[..4].copy_from_slice(&self.object.0.to_be_bytes());
        key[4..].copy_from_slice(&self.column.unwrap_or(0).to_be_bytes());
        (key, if self.column.is_some() { 6 } else { 4 })
    }
}

/// The last number that it gave.
pub(super) fn last(counters: Entries<'_>, counter: Counter) -> Result<Option<i64>> {
    let (key, len) = counter.key();
    match counters.get(&key[..len])? {
        None => Ok(None),
        Some(bytes) => match bytes.try_into() {
            Ok(bytes) => Ok(Some(i64::from_le_bytes(bytes))),
            Err(_) => {
                Err(Error::new(ErrorKind::Store, format!("a counter has {} bytes, not 8", bytes.len())).with_state("XX001"))
            }
        },
    }
}

/// Sets the last number that an identity column gave; none: it gives its first one next.
pub(crate) fn restart_column(txn: &WriteTxn, table: &Table, column: usize, last: Option<i64>) -> Result<()> {
    let Some(identity) = table.columns[column].identity else { return Ok(()) };
    set(txn, Counter::of_column(table, column, identity), last)
}

/// The same of a sequence.
pub(crate) fn restart_sequence(txn: &WriteTxn, sequence: &Sequence, last: Option<i64>) -> Result<()> {
    set(txn, Counter::of_sequence(sequence), last)
}

fn set(txn: &WriteTxn, counter: Counter, last: Option<i64>) -> Result<()> {
    let mut counters = txn.open_table(Stored::Counters.name().as_str())?;
    let (key, len) = counter.key();
    match last {
        Some(last) => counters.insert(&key[..len], &last.to_le_bytes())?,
        None => drop(counters.remove(&key[..len])?),
    }
    Ok(())
}

/// The counters that a statement uses.
#[derive(Default)]
pub(super) struct Counters {
    known: Vec<Known>,
}

struct Known {
    counter: Counter,
    last: Option<i64>,
    changed: bool,
}

impl Counters {
    /// The next number, which [`Counters::note`] takes.
    pub(super) fn next(&mut self, open: &Open<'_>, counter: Counter, name: &str) -> Result<i64> {
        let known = self.known(open, counter)?;
        let next = match known.last {
            None => Some(counter.start),
            Some(last) => last.checked_add(counter.increment),
        };
        next.ok_or_else(|| Error::new(ErrorKind::Data, format!("\"{name}\" has given its last number")).with_state("2200H"))
    }

    /// A number was given, by the counter or by hand: those that follow are beyond it.
    pub(super) fn note(&mut self, open: &Open<'_>, counter: Counter, number: i64) -> Result<()> {
        let known = self.known(open, counter)?;
        let reached = match known.last {
            // Before the first number: what counts is whether the counter would run into it.
            None => {
                if counter.increment > 0 {
                    number < counter.start
                } else {
                    number > counter.start
                }
            }
            Some(last) => {
                if counter.increment > 0 {
                    number <= last
                } else {
                    number >= last
                }
            }
        };
        if !reached {
            (known.last, known.changed) = (Some(number), true);
        }
        Ok(())
    }

    /// The last number that it gave.
    pub(super) fn last(&mut self, open: &Open<'_>, counter: Counter) -> Result<Option<i64>> {
        Ok(self.known(open, counter)?.last)
    }

    /// Writes what was counted.
    pub(super) fn flush(&mut self, open: &mut Open<'_>) -> Result<()> {
        for known in self.known.iter_mut().filter(|known| known.changed) {
            if let Some(last) = known.last {
                let (key, len) = known.counter.key();
                open.table_mut(Stored::Counters)?.insert(&key[..len], &last.to_le_bytes())?;
            }
            known.changed = false;
        }
        Ok(())
    }

    fn known(&mut self, open: &Open<'_>, counter: Counter) -> Result<&mut Known> {
        let at = match self.known.iter().position(|known| known.counter == counter) {
            Some(at) => at,
            None => {
                let last = last(open.tables().stored(Stored::Counters)?, counter)?;
                self.known.push(Known { counter, last, changed: false });
                self.known.len() - 1
            }
        };
        Ok(&mut self.known[at])
    }
}
