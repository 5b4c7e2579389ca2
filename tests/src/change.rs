//! What a write transaction can be asked to do, as data, and what it answers.
//!
//! The model and the engine are given the same changes and must give the same outcomes, the refusals included. A change names its
//! table; whether there is such a table is decided when it is applied, so any part of a run is a run, and can be shrunk.

use std::fmt;
use std::ops::Bound;

/// A range's end: borrowed by [`Change::bounds`].
pub type End = Bound<Vec<u8>>;

/// One request to a write transaction.
#[derive(Clone, PartialEq, Eq)]
pub enum Change {
    /// Sets a value.
    Insert {
        /// The table.
        table: String,
        /// The key.
        key: Vec<u8>,
        /// The value.
        value: Vec<u8>,
    },
    /// Sets a value and asks for the old one.
    Replace {
        /// The table.
        table: String,
        /// The key.
        key: Vec<u8>,
        /// The value.
        value: Vec<u8>,
    },
    /// Read-modify-write: appends to the value; removes the entry if it would grow beyond `limit` bytes.
    Update {
        /// The table.
        table: String,
        /// The key.
        key: Vec<u8>,
        /// Appended.
        suffix: Vec<u8>,
        /// Longest value that stays, in bytes.
        limit: usize,
    },
    /// Removes a key.
    Remove {
        /// The table.
        table: String,
        /// The key.
        key: Vec<u8>,
    },
    /// Removes a key and asks for its value.
    Take {
        /// The table.
        table: String,
        /// The key.
        key: Vec<u8>,
    },
    /// Removes every key between two ends, which may be the wrong way round.
    RemoveRange {
        /// The table.
        table: String,
        /// Lower end.
        start: End,
        /// Upper end.
        end: End,
    },
    /// Removes the entry with the smallest key.
    PopFirst {
        /// The table.
        table: String,
    },
    /// Removes the entry with the largest key.
    PopLast {
        /// The table.
        table: String,
    },
    /// Loads entries into a table, which must be empty: sorted ones from the bottom up, others by way of a sort. The last of equal keys stays.
    Load {
        /// The table.
        table: String,
        /// The entries.
        entries: Vec<(Vec<u8>, Vec<u8>)>,
        /// They ascend strictly, and the engine is told so.
        sorted: bool,
    },
    /// Makes a table; refused if there is one of that name.
    CreateTable {
        /// The table.
        table: String,
    },
    /// Drops a table; refused if there is none.
    DropTable {
        /// The table.
        table: String,
    },
    /// Renames a table; refused if there is none, or if the new name is taken.
    RenameTable {
        /// The old name.
        old: String,
        /// The new name.
        new: String,
    },
    /// Sets a savepoint.
    Savepoint,
    /// Rolls back to the n-th savepoint still valid, counted from the oldest; those after it become invalid. Nothing if there is none.
    RollBack {
        /// Which one; taken modulo how many there are.
        to: usize,
    },
}

/// What a change answers.
#[derive(Clone, PartialEq, Eq)]
pub enum Outcome {
    /// Done; nothing to say.
    Done,
    /// Whether there was something to remove.
    Was(bool),
    /// The value that was there.
    Value(Option<Vec<u8>>),
    /// The entry that was there.
    Entry(Option<(Vec<u8>, Vec<u8>)>),
    /// How many entries were removed.
    Count(u64),
    /// Refused: no such table.
    NotFound,
    /// Refused: the name is taken, or a table that should be empty is not.
    Exists,
}

impl Change {
    /// The name of the table that an entry's change needs; `None` for those about tables and savepoints.
    #[must_use]
    pub fn table(&self) -> Option<&str> {
        match self {
            Change::Insert { table, .. }
            | Change::Replace { table, .. }
            | Change::Update { table, .. }
            | Change::Remove { table, .. }
            | Change::Take { table, .. }
            | Change::RemoveRange { table, .. }
            | Change::PopFirst { table }
            | Change::PopLast { table }
            | Change::Load { table, .. } => Some(table),
            Change::CreateTable { .. }
            | Change::DropTable { .. }
            | Change::RenameTable { .. }
            | Change::Savepoint
            | Change::RollBack { .. } => None,
        }
    }

    /// Two ends, borrowed.
    #[must_use]
    pub fn bounds<'a>(start: &'a End, end: &'a End) -> (Bound<&'a [u8]>, Bound<&'a [u8]>) {
        (start.as_ref().map(Vec::as_slice), end.as_ref().map(Vec::as_slice))
    }

    /// What [`Change::Update`] makes of a value: `None` removes the entry. Model and engine are given this same function.
    #[must_use]
    pub fn updated(old: Option<&[u8]>, suffix: &[u8], limit: usize) -> Option<Vec<u8>> {
        let new = [old.unwrap_or(&[]), suffix].concat();
        (new.len() <= limit).then_some(new)
    }
}

/// Bytes for a person: text where it is text, hexadecimal elsewhere, long ones by their length and their first bytes.
pub struct Shown<'a>(pub &'a [u8]);

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const LONGEST: usize = 24;
        let head = &self.0[..self.0.len().min(LONGEST)];
        if head.iter().all(|b| b.is_ascii_graphic() && *b != b'"') {
            write!(f, "\"{}\"", String::from_utf8_lossy(head))?;
        } else {
            f.write_str("0x")?;
            head.iter().try_for_each(|byte| write!(f, "{byte:02x}"))?;
        }
        if head.len() < self.0.len() { write!(f, "..({} bytes)", self.0.len()) } else { Ok(()) }
    }
}

struct ShownEnd<'a>(&'a End, &'a str);

impl fmt::Display for ShownEnd<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Bound::Included(key) => write!(f, "{}{}", self.1, Shown(key)),
            Bound::Excluded(key) => write!(f, "{}after {}", self.1, Shown(key)),
            Bound::Unbounded => write!(f, "{}", self.1),
        }
    }
}

impl fmt::Debug for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Change::Insert { table, key, value } => write!(f, "insert {table} {} = {}", Shown(key), Shown(value)),
            Change::Replace { table, key, value } => write!(f, "replace {table} {} = {}", Shown(key), Shown(value)),
            Change::Update { table, key, suffix, limit } => {
                write!(f, "update {table} {} += {} to {limit}", Shown(key), Shown(suffix))
            }
            Change::Remove { table, key } => write!(f, "remove {table} {}", Shown(key)),
            Change::Take { table, key } => write!(f, "take {table} {}", Shown(key)),
            Change::RemoveRange { table, start, end } => {
                write!(f, "remove range {table}{}{}", ShownEnd(start, " from "), ShownEnd(end, " to "))
            }
            Change::PopFirst { table } => write!(f, "pop first {table}"),
            Change::PopLast { table } => write!(f, "pop last {table}"),
            Change::Load { table, entries, sorted } => {
                write!(f, "load {table}, {} entries{}", entries.len(), if *sorted { ", sorted" } else { "" })
            }
            Change::CreateTable { table } => write!(f, "create table {table}"),
            Change::DropTable { table } => write!(f, "drop table {table}"),
            Change::RenameTable { old, new } => write!(f, "rename table {old} to {new}"),
            Change::Savepoint => write!(f, "savepoint"),
            Change::RollBack { to } => write!(f, "roll back to savepoint {to}"),
        }
    }
}

impl fmt::Debug for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Outcome::Done => write!(f, "done"),
            Outcome::Was(was) => write!(f, "was there: {was}"),
            Outcome::Value(None) => write!(f, "no value"),
            Outcome::Value(Some(value)) => write!(f, "value {}", Shown(value)),
            Outcome::Entry(None) => write!(f, "no entry"),
            Outcome::Entry(Some((key, value))) => write!(f, "entry {} = {}", Shown(key), Shown(value)),
            Outcome::Count(count) => write!(f, "{count} entries"),
            Outcome::NotFound => write!(f, "no such table"),
            Outcome::Exists => write!(f, "table exists"),
        }
    }
}
