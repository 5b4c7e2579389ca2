//! Reading: the entries of a table or an index, of a snapshot or of an open write transaction, behind one type.
//!
//! What is read borrows from the snapshot's reader, or from the transaction's open tables until the next change.

use std::ops::Bound;

use treering::{Reader, TableMut};

use super::schema::{Index, Sequence, Table};
use super::stored::Stored;
use crate::error::Result;

/// Fewer keys than these are faster looked up one by one.
const SIDE_BY_SIDE: usize = 4;

/// The entries of one table or index, ordered by key.
#[derive(Clone, Copy)]
pub(crate) struct Entries<'r>(Source<'r>);

#[derive(Clone, Copy)]
enum Source<'r> {
    Held(treering::Table<'r>),
    Open(&'r TableMut<'r>),
}

impl<'r> Entries<'r> {
    pub(super) fn of_open(table: &'r TableMut<'r>) -> Entries<'r> {
        Entries(Source::Open(table))
    }

    /// The value of `key`, in place.
    #[inline]
    pub(crate) fn get(&self, key: &[u8]) -> Result<Option<&'r [u8]>> {
        Ok(match self.0 {
            Source::Held(table) => table.get(key)?,
            Source::Open(table) => table.get(key)?,
        })
    }

    /// Makes `found` what stands under each of the keys, in their order.
    pub(crate) fn get_many(&self, keys: &[&[u8]], found: &mut Vec<Option<&'r [u8]>>) -> Result<()> {
        if keys.len() < SIDE_BY_SIDE {
            found.clear();
            for key in keys {
                found.push(self.get(key)?);
            }
            return Ok(());
        }
        *found = match self.0 {
            Source::Held(table) => table.get_many(keys)?,
            Source::Open(table) => table.get_many(keys)?,
        };
        Ok(())
    }

    /// The entries within the bounds, ascending, or from the back.
    #[inline]
    pub(crate) fn range(&self, bounds: (Bound<&[u8]>, Bound<&[u8]>)) -> Result<treering::Range<'r>> {
        Ok(match self.0 {
            Source::Held(table) => table.range(bounds)?,
            Source::Open(table) => table.range(bounds)?,
        })
    }

    /// All entries.
    pub(crate) fn all(&self) -> Result<treering::Range<'r>> {
        self.range((Bound::Unbounded, Bound::Unbounded))
    }

    /// The first entry whose key begins with `prefix`.
    pub(crate) fn first_with(&self, prefix: &[u8]) -> Result<Option<(treering::Key, &'r [u8])>> {
        let first = self.range((Bound::Included(prefix), Bound::Unbounded))?.next().transpose()?;
        Ok(first.filter(|(key, _)| key.starts_with(prefix)))
    }

    /// The entry with the largest key.
    pub(crate) fn last(&self) -> Result<Option<(treering::Key, &'r [u8])>> {
        Ok(match self.0 {
            Source::Held(table) => table.last()?,
            Source::Open(table) => table.last()?,
        })
    }

    /// How many entries have a smaller key.
    pub(crate) fn rank(&self, key: &[u8]) -> Result<u64> {
        Ok(match self.0 {
            Source::Held(table) => table.rank(key)?,
            Source::Open(table) => table.rank(key)?,
        })
    }

    /// Number of entries. O(1).
    #[inline]
    pub(crate) fn len(&self) -> u64 {
        match self.0 {
            Source::Held(table) => table.len(),
            Source::Open(table) => table.len(),
        }
    }
}

/// The tables and indexes of one moment.
#[derive(Clone, Copy)]
pub(crate) struct Tables<'r>(Place<'r>);

#[derive(Clone, Copy)]
enum Place<'r> {
    Held(&'r Reader<'r>),
    Open(&'r (dyn Lend<'r> + 'r)),
}

/// Open tables of a write transaction. A trait because they are opened at their first use, through a shared reference: their type is bound to one lifetime.
pub(super) trait Lend<'r> {
    fn lend(&'r self, what: Stored) -> Result<Entries<'r>>;
}

impl<'r> Tables<'r> {
    /// As the reader's snapshot holds them.
    pub(crate) fn of_reader(reader: &'r Reader<'r>) -> Tables<'r> {
        Tables(Place::Held(reader))
    }

    pub(super) fn of_open(open: &'r (dyn Lend<'r> + 'r)) -> Tables<'r> {
        Tables(Place::Open(open))
    }

    /// The rows of a table, by row key.
    pub(crate) fn rows(&self, table: &Table) -> Result<Entries<'r>> {
        self.stored(Stored::Rows(table.id))
    }

    /// The entries of an index; see [`Index`] for their form.
    pub(crate) fn index(&self, index: &Index) -> Result<Entries<'r>> {
        self.stored(Stored::Index(index.id))
    }

    /// The last number that a sequence gave; none: it has given none.
    pub(crate) fn current_value(&self, sequence: &Sequence) -> Result<Option<i64>> {
        super::counters::last(self.stored(Stored::Counters)?, super::counters::Counter::of_sequence(sequence))
    }

    /// The last number that an identity column gave; none: it has given none, or does not count.
    pub(crate) fn last_identity(&self, table: &Table, column: usize) -> Result<Option<i64>> {
        let Some(identity) = table.columns[column].identity else { return Ok(None) };
        super::counters::last(self.stored(Stored::Counters)?, super::counters::Counter::of_column(table, column, identity))
    }

    pub(super) fn stored(&self, what: Stored) -> Result<Entries<'r>> {
        match self.0 {
            Place::Held(reader) => Ok(Entries(Source::Held(reader.table_near(what.name().as_str(), what.place())?))),
            Place::Open(open) => open.lend(what),
        }
    }
}
