//! Reading: a snapshot holds a version, a reader borrowed from it lends bytes, a table finds them.

use std::marker::PhantomData;
use std::ops::Bound;
use std::sync::atomic::{AtomicU32, Ordering};

use bytes::Bytes;

use crate::error::{Error, ErrorKind, Result};
use crate::page::Key;
use crate::store::edit::Editor;
use crate::store::read::{Held, Lender};
use crate::tree;
use crate::version::root::Tree;

/// A version held for reading: everything in it stays as it is, for as long as this lives. May be sent to other threads and held for hours; it
/// delays nobody, and costs the pages that were replaced since.
#[derive(Clone)]
pub struct Snapshot {
    held: Held,
}

/// Where a table stood among a store's tables when it was last opened by way of this: it saves the search by name. A guess that is checked each time: a wrong one, be it of another
/// store, costs the search and is corrected. Threads may share it.
#[derive(Debug, Default)]
pub struct TablePlace(AtomicU32);

impl TablePlace {
    /// A place that knows nothing yet.
    #[must_use]
    pub const fn new() -> TablePlace {
        TablePlace(AtomicU32::new(0))
    }

    pub(super) fn guess(&self) -> usize {
        // Relaxed: a guess.
        self.0.load(Ordering::Relaxed) as usize
    }

    pub(super) fn correct(&self, place: usize) {
        // Relaxed, and at most 65,535 tables.
        self.0.store(place as u32, Ordering::Relaxed);
    }
}

/// A table of a version.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct TableInfo {
    /// Its name.
    pub name: String,
    /// Its number of entries.
    pub len: u64,
    /// Whether its pages are compressed in the file.
    pub lz4: bool,
}

impl Snapshot {
    pub(crate) fn new(held: Held) -> Snapshot {
        Snapshot { held }
    }

    pub(crate) fn held(&self) -> &Held {
        &self.held
    }

    /// The version that it holds.
    #[must_use]
    pub fn version(&self) -> u64 {
        self.held.root().version.0
    }

    /// A reader: lends bytes without copying them. Keep it short: while one lives, memory and file space that moved elsewhere is not given back, by any store of the process; never leak it. It stays in its thread.
    #[must_use]
    pub fn reader(&self) -> Reader<'_> {
        Reader { snapshot: self, lender: Lender::new(self.held.machine()) }
    }
}

impl std::fmt::Debug for Snapshot {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Snapshot").field("version", &self.version()).finish()
    }
}

/// Lends bytes of a snapshot. What it lends lives as long as it.
pub struct Reader<'s> {
    snapshot: &'s Snapshot,
    lender: Lender<'s>,
}

impl<'s> Reader<'s> {
    /// The table with this name.
    ///
    /// # Errors
    /// `NotFound`.
    pub fn table(&self, name: &str) -> Result<Table<'_>> {
        match self.snapshot.held.root().table(name) {
            Some((_, tree)) => Ok(Table { snapshot: self.snapshot, lender: &self.lender, tree }),
            None => Err(Error::new(
                ErrorKind::NotFound,
                format!("there is no table \"{name}\" in version {}", self.snapshot.version()),
            )),
        }
    }

    /// The same for who opens tables often: `place` remembers where it stands.
    ///
    /// # Errors
    /// As [`Reader::table`].
    #[inline]
    pub fn table_near(&self, name: &str, place: &TablePlace) -> Result<Table<'_>> {
        match self.snapshot.held.root().table_at(place.guess(), name) {
            Some(tree) => Ok(Table { snapshot: self.snapshot, lender: &self.lender, tree }),
            None => self.table_afar(name, place),
        }
    }

    #[cold]
    fn table_afar(&self, name: &str, place: &TablePlace) -> Result<Table<'_>> {
        if let Ok(found) = self.snapshot.held.root().catalogue.find(name) {
            place.correct(found);
        }
        self.table(name)
    }

    /// The tables, by name.
    #[must_use]
    pub fn tables(&self) -> Vec<TableInfo> {
        let tables = self.snapshot.held.root().tables();
        tables.map(|(entry, tree)| TableInfo { name: entry.name.to_string(), len: tree.len, lz4: entry.lz4 }).collect()
    }
}

/// A table as a snapshot sees it: entries ordered by key, as bytes.
#[derive(Clone, Copy)]
pub struct Table<'r> {
    snapshot: &'r Snapshot,
    lender: &'r Lender<'r>,
    tree: Tree,
}

impl<'r> Table<'r> {
    /// The value of `key`, in place.
    ///
    /// # Errors
    /// `Corrupt` if a page on the way is damaged: this and every call below.
    pub fn get(&self, key: &[u8]) -> Result<Option<&'r [u8]>> {
        tree::get(self.lender, &self.tree, key)
    }

    /// The values of these keys, in their order, in place: as many [`Table::get`]s, but they wait for memory together. Worth it from some four keys on; 16 go down at a time.
    ///
    /// # Errors
    /// `Corrupt`.
    pub fn get_many<K: AsRef<[u8]>>(&self, keys: &[K]) -> Result<Vec<Option<&'r [u8]>>> {
        tree::get_many(self.lender, &self.tree, keys)
    }

    /// The value of `key` as shared, owned bytes: no copy; it holds the snapshot's version for as long as it lives.
    ///
    /// # Errors
    /// `Corrupt`.
    pub fn get_bytes(&self, key: &[u8]) -> Result<Option<Bytes>> {
        super::owned::get(self.snapshot, self.lender, &self.tree, key)
    }

    /// Whether `key` is there.
    ///
    /// # Errors
    /// `Corrupt`.
    pub fn contains(&self, key: &[u8]) -> Result<bool> {
        Ok(self.get(key)?.is_some())
    }

    /// Number of entries. O(1).
    #[must_use]
    pub fn len(&self) -> u64 {
        self.tree.len
    }

    /// Whether there is no entry.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.tree.len == 0
    }

    /// The entry with the smallest key.
    ///
    /// # Errors
    /// `Corrupt`.
    pub fn first(&self) -> Result<Option<(Key, &'r [u8])>> {
        self.nth(0)
    }

    /// The entry with the largest key.
    ///
    /// # Errors
    /// `Corrupt`.
    pub fn last(&self) -> Result<Option<(Key, &'r [u8])>> {
        match self.tree.len {
            0 => Ok(None),
            len => self.nth(len - 1),
        }
    }

    /// The entries within the bounds, ascending, or from the back.
    ///
    /// # Errors
    /// `Corrupt`.
    pub fn range(&self, bounds: (Bound<&[u8]>, Bound<&[u8]>)) -> Result<Range<'r>> {
        Ok(Range(Inner::Read(tree::range(self.lender, self.tree, bounds.0, bounds.1)?)))
    }

    /// All entries.
    ///
    /// # Errors
    /// `Corrupt`.
    pub fn iter(&self) -> Result<Range<'r>> {
        self.range((Bound::Unbounded, Bound::Unbounded))
    }

    /// The entry before which stand exactly `n` others. O(log n).
    ///
    /// # Errors
    /// `Corrupt`.
    pub fn nth(&self, n: u64) -> Result<Option<(Key, &'r [u8])>> {
        tree::nth(self.lender, &self.tree, n)
    }

    /// How many entries have a smaller key, whether it is there or not. O(log n).
    ///
    /// # Errors
    /// `Corrupt`.
    pub fn rank(&self, key: &[u8]) -> Result<u64> {
        tree::rank(self.lender, &self.tree, key)
    }
}

/// Entries in order of their keys. Ends after an error.
pub struct Range<'r>(Inner<'r>);

enum Inner<'r> {
    Read(tree::Range<'r, Lender<'r>>),
    Write(tree::Range<'r, Editor<'r>>),
}

impl<'r> Range<'r> {
    pub(super) fn of_writer(range: tree::Range<'r, Editor<'r>>) -> Range<'r> {
        Range(Inner::Write(range))
    }

    /// The value of the next entry from the front. Its key is passed over, which costs less than to put it together: for whoever needs values alone.
    ///
    /// # Errors
    /// `Corrupt`. The range has ended then.
    #[inline]
    pub fn next_value(&mut self) -> Result<Option<&'r [u8]>> {
        match &mut self.0 {
            Inner::Read(range) => range.next_value(),
            Inner::Write(range) => range.next_value(),
        }
    }

    /// The value of the next entry from the back.
    ///
    /// # Errors
    /// As [`Range::next_value`].
    #[inline]
    pub fn next_value_back(&mut self) -> Result<Option<&'r [u8]>> {
        match &mut self.0 {
            Inner::Read(range) => range.next_value_back(),
            Inner::Write(range) => range.next_value_back(),
        }
    }

    /// The next entry from the front, its key lent until the next call: less work than the key of its own that the iterator gives. Allocates when a key is longer than all before it.
    ///
    /// # Errors
    /// As [`Range::next_value`].
    #[inline]
    pub fn next_lent(&mut self) -> Result<Option<(&[u8], &'r [u8])>> {
        match &mut self.0 {
            Inner::Read(range) => range.next_lent(),
            Inner::Write(range) => range.next_lent(),
        }
    }

    /// The next entry from the back, its key lent until the next call.
    ///
    /// # Errors
    /// As [`Range::next_value`].
    #[inline]
    pub fn next_lent_back(&mut self) -> Result<Option<(&[u8], &'r [u8])>> {
        match &mut self.0 {
            Inner::Read(range) => range.next_lent_back(),
            Inner::Write(range) => range.next_lent_back(),
        }
    }
}

impl<'r> Iterator for Range<'r> {
    type Item = Result<(Key, &'r [u8])>;

    fn next(&mut self) -> Option<Self::Item> {
        match &mut self.0 {
            Inner::Read(range) => range.next().transpose(),
            Inner::Write(range) => range.next().transpose(),
        }
    }
}

impl DoubleEndedIterator for Range<'_> {
    fn next_back(&mut self) -> Option<Self::Item> {
        match &mut self.0 {
            Inner::Read(range) => range.next_back().transpose(),
            Inner::Write(range) => range.next_back().transpose(),
        }
    }
}

impl std::iter::FusedIterator for Range<'_> {}

/// Says that readers, and what they lend, stay in their thread.
const _: fn() = || {
    fn is_send<T: Send + Sync>() {}
    is_send::<Snapshot>();
    let _: PhantomData<Reader<'static>>;
};
