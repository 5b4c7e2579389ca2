//! Changes of rows: one statement's inserts, updates and deletes, with the indexes and the constraints that hang on them.
//!
//! ```text
//!   insert, update, delete ─► image ─► checks ─► write ─► rows, indexes          within one engine transaction
//!                               bytes    NOT NULL, unique keys, parents
//!                                          │
//!                        children of what is gone ─► cascades ─► the same again  no recursion: a stack of what is left to do
//!                                          │
//!                                        finish: what had to wait for the statement's end
//! ```
//!
//! 1. A row's checks come before its writes: what a check refuses has changed nothing of that row.
//! 2. An index is touched only where the row's entry in it changes.
//! 3. A foreign key is judged at the statement's end: while rows come and go a parent may be missing. What cannot be right any more is noted in `pending`, and looked at again.
//! 4. A deleted row's cascades run at once, an updated row's at the end: the statement computed its new rows before it began, and must not overwrite what a cascade changed.
//!
//! Not here: CHECK constraints and defaults of rows that a statement names itself. They are expressions, which the statement computes. For rows that only a cascade touches
//! there are [`Rules`].

mod cascade;
mod image;
mod journal;
mod pending;
mod write;

use std::cell::Cell;
use std::collections::VecDeque;
use std::rc::Rc;
use std::sync::Arc;

use treering::WriteTxn;

use super::counters::{Counter, Counters};
use super::entries::Tables;
use super::links::Linked;
use super::open::Open;
use super::schema::{ObjectId, Schema, Sequence, Table};
use super::stored::Stored;
use super::violation;
use crate::error::{Error, ErrorKind, Result};
use crate::types::Value;
use cascade::Cascade;
use image::Image;
use journal::Journal;
use pending::Pending;
use write::check_row;

/// Rows between two looks at the limits.
const LOOK_EVERY: u32 = 64;

/// What a change asks of those who can compute expressions and know the statement's limits.
pub(crate) trait Rules {
    /// The value of a column's DEFAULT, of the column's type.
    fn default_value(&self, table: &Table, column: usize) -> Result<Value<'static>>;

    /// Refuses a row that violates a CHECK constraint of its table.
    fn check(&self, table: &Table, row: &[Value<'_>]) -> Result<()>;

    /// Whether the statement may go on, which keeps so many bytes to be undone with: `Limit`, `Cancelled`, `TimedOut`.
    fn look(&self, kept_bytes: usize) -> Result<()>;
}

/// The changes that one statement makes. Tables are opened at their first use and closed when this is dropped: then the transaction can take a savepoint again.
///
/// A call that fails leaves the statement half done: the caller rolls back to an engine savepoint, or says [`Changes::undo`] if it said [`Changes::with_undo`].
pub(crate) struct Changes<'t> {
    open: Open<'t>,
    schema: Arc<Schema>,
    rules: Option<&'t dyn Rules>,
    linked: Vec<Arc<Linked>>,
    counters: Counters,
    journal: Option<Journal>,
    /// What is left to do below the row that was deleted or whose key was changed, innermost last.
    cascades: Vec<Rc<Cascade>>,
    /// Cascades of updated rows.
    later: VecDeque<Rc<Cascade>>,
    pending: Pending,
    /// Rows whose new key was still another row's: out of the store until that row has moved on.
    parked: Vec<Parked>,
    inserted: bool,
    /// Of tables without primary key: the key of the last row.
    hidden: Vec<(ObjectId, i64)>,
    last_identity: Option<i64>,
    /// Rows that only this statement's cascades and its end touched.
    ticks: Cell<u32>,
    // Buffers of the row at hand.
    before: Image,
    after: Image,
    changed: Vec<bool>,
    probe: Vec<u8>,
}

/// A row to be written at the end.
struct Parked {
    target: Arc<Linked>,
    key: Vec<u8>,
    row: Vec<u8>,
}

/// Memory that one statement leaves to the next: so a small statement allocates little.
#[derive(Default)]
pub(crate) struct Buffers {
    before: Image,
    after: Image,
    journal: Journal,
    changed: Vec<bool>,
    probe: Vec<u8>,
}

impl<'t> Changes<'t> {
    /// Changes within `txn`, whose tables are those of `schema`. None of them may be open.
    pub(crate) fn new(txn: &'t WriteTxn, schema: Arc<Schema>) -> Changes<'t> {
        Changes {
            open: Open::new(txn),
            schema,
            rules: None,
            linked: Vec::new(),
            counters: Counters::default(),
            journal: None,
            cascades: Vec::new(),
            later: VecDeque::new(),
            pending: Pending::default(),
            parked: Vec::new(),
            inserted: false,
            hidden: Vec::new(),
            last_identity: None,
            ticks: Cell::new(0),
            before: Image::default(),
            after: Image::default(),
            changed: Vec::new(),
            probe: Vec::new(),
        }
    }

    /// Keeps a journal, so that [`Changes::undo`] works. It takes memory for each row changed: for statements that change few. The memory is taken from `buffers`, to which
    /// [`Changes::finish_into`] gives it back.
    #[must_use]
    pub(crate) fn with_undo(mut self, buffers: &mut Buffers) -> Changes<'t> {
        let Buffers { before, after, mut journal, changed, probe } = std::mem::take(buffers);
        journal.clear();
        (self.before, self.after, self.changed, self.probe) = (before, after, changed, probe);
        self.journal = Some(journal);
        self
    }

    /// Computes defaults and checks of rows that cascades touch. Without rules SET DEFAULT is refused, and cascades into tables with checks are.
    #[must_use]
    pub(crate) fn with_rules(mut self, rules: &'t dyn Rules) -> Changes<'t> {
        self.rules = Some(rules);
        self
    }

    /// Everything as it stands now, for reading. What it lends lives until the next change.
    pub(crate) fn tables(&self) -> Tables<'_> {
        self.open.tables()
    }

    /// The stored row with this key.
    pub(crate) fn row(&self, table: &Table, key: &[u8]) -> Result<Option<Vec<u8>>> {
        Ok(self.tables().rows(table)?.get(key)?.map(<[u8]>::to_vec))
    }

    /// Adds a row: one value for each column, dropped ones too, which the caller has converted to the columns' types.
    ///
    /// # Errors
    /// `Constraint`: NOT NULL or a unique key. Foreign keys speak up in [`Changes::finish`].
    pub(crate) fn insert(&mut self, table: &Table, row: &[Value<'_>]) -> Result<()> {
        let target = self.target(table.id)?;
        self.settle_parked()?;
        self.inserted = true;
        self.insert_row(&target, row)
    }

    /// Gives the row with this key these values.
    ///
    /// # Errors
    /// As [`Changes::insert`]; `State` if there is no such row.
    pub(crate) fn update(&mut self, table: &Table, key: &[u8], row: &[Value<'_>]) -> Result<()> {
        let target = self.target(table.id)?;
        if self.update_row(&target, key, row, true)? {
            return Ok(());
        }
        let message = format!(
            "a row of table \"{}\" is to be updated, but the same statement has removed it or changed its key",
            table.name
        );
        Err(Error::new(ErrorKind::State, message).with_state("27000"))
    }

    /// Removes the row with this key, and what goes with it; whether it was there.
    ///
    /// # Errors
    /// `Constraint` from rows that a cascade changes. Rows that refer to it speak up in [`Changes::finish`].
    pub(crate) fn delete(&mut self, table: &Table, key: &[u8]) -> Result<bool> {
        let target = self.target(table.id)?;
        self.settle_parked()?;
        let was = self.delete_row(&target, key)?;
        self.run_cascades()?;
        Ok(was)
    }

    /// The key of a row that is in the way of `row`: it has the same values in `columns`, which are the primary key or a unique index; without columns: in any unique key.
    ///
    /// # Errors
    /// `Name` if there is no unique key of these columns.
    pub(crate) fn conflict(&self, table: &Table, row: &[Value<'_>], columns: Option<&[usize]>) -> Result<Option<Vec<u8>>> {
        let target = self.schema.linked(table.id)?;
        // A row that could not be inserted is refused, whether another is in its way or not.
        check_row(&target, row)?;
        self.find_conflict(&target, row, columns)
    }

    /// The next number of an identity column. It counts as given when a row with it is inserted.
    pub(crate) fn next_identity(&mut self, table: &Table, column: usize) -> Result<i64> {
        let Some(identity) = table.columns[column].identity else {
            return Err(Error::new(ErrorKind::State, format!("column \"{}\" does not count", table.columns[column].name)));
        };
        self.counters.next(&self.open, Counter::of_column(table, column, identity), &table.columns[column].name)
    }

    /// An identity column gave this number to a row that was inserted.
    pub(crate) fn gave_identity(&mut self, number: i64) {
        self.last_identity = Some(number);
    }

    /// The number that an identity column gave last in this statement.
    pub(crate) fn last_identity(&self) -> Option<i64> {
        self.last_identity
    }

    /// A sequence has given its numbers up to this one.
    pub(crate) fn advance(&mut self, sequence: &Sequence, last: i64) -> Result<()> {
        self.counters.note(&self.open, Counter::of_sequence(sequence), last)
    }

    /// Ends the statement: cascades of updated rows, the checks that had to wait, counters.
    ///
    /// # Errors
    /// `Constraint`. With [`Changes::with_undo`] everything is undone then.
    pub(crate) fn finish(self) -> Result<()> {
        self.finish_into(&mut Buffers::default())
    }

    /// The same; what memory the statement had goes to `buffers`.
    ///
    /// # Errors
    /// As [`Changes::finish`].
    pub(crate) fn finish_into(mut self, buffers: &mut Buffers) -> Result<()> {
        let done = self.settle();
        if done.is_err() && self.journal.is_some() {
            self.undo()?;
            return done;
        }
        let Changes { before, after, journal, changed, probe, .. } = self;
        *buffers = Buffers { before, after, journal: journal.unwrap_or_default(), changed, probe };
        done
    }

    /// Undoes the whole statement.
    ///
    /// # Errors
    /// `State` without [`Changes::with_undo`]. After an engine's error the transaction can only be rolled back.
    pub(crate) fn undo(mut self) -> Result<()> {
        match self.journal.take() {
            Some(mut journal) => journal.undo(&mut self.open),
            None => Err(Error::new(ErrorKind::State, "nothing was kept to undo the statement with")),
        }
    }

    fn settle(&mut self) -> Result<()> {
        self.settle_parked()?;
        while let Some(cascade) = self.later.pop_front() {
            self.cascades.push(cascade);
            self.run_cascades()?;
        }
        self.check_pending()?;
        self.counters.flush(&mut self.open)
    }

    /// To be called for each row that the caller does not know of: how many these are, one row does not say.
    fn tick(&self) -> Result<()> {
        let ticks = self.ticks.get().wrapping_add(1);
        self.ticks.set(ticks);
        match self.rules {
            Some(rules) if ticks.is_multiple_of(LOOK_EVERY) => rules.look(self.journal.as_ref().map_or(0, Journal::size_bytes)),
            _ => Ok(()),
        }
    }

    /// A table with what hangs on it, looked up once a statement.
    fn target(&mut self, id: ObjectId) -> Result<Arc<Linked>> {
        if let Some(target) = self.linked.iter().find(|target| target.table.id == id) {
            return Ok(Arc::clone(target));
        }
        let target = self.schema.linked(id)?;
        self.linked.push(Arc::clone(&target));
        Ok(target)
    }
}
