//! A thin typed layer over tables: a [`Def`] names a table and the types of its keys and values.
//!
//! ```
//! use treering::{Def, Of, Store};
//! const TASKS: Def<(Of<str>, Of<u64>), str> = Def::new("tasks");
//!
//! # fn main() -> treering::Result<()> {
//! let store = Store::in_memory()?;
//! let txn = store.begin_write()?;
//! TASKS.ensure(&txn)?.insert(("web", 7), "RUNNING")?;
//! txn.commit()?;
//!
//! let snapshot = store.snapshot();
//! let reader = snapshot.reader();
//! let tasks = TASKS.open(&reader)?;
//! assert_eq!(tasks.get(("web", 7))?, Some("RUNNING"));
//! for entry in tasks.range(("web", 0)..("web", 100))? {
//!     let ((job, number), state) = entry?;
//!     assert_eq!((job.as_str(), number, state), ("web", 7, "RUNNING"));
//! }
//! # Ok(()) }
//! ```

use std::marker::PhantomData;
use std::ops::{Bound, RangeBounds};

use crate::error::Result;
use crate::page::Key;

use super::keys::{TypedKey, TypedValue, key_bytes, key_of, value_of};
use super::{Range, Reader, Table, TableMut, WriteTxn};

/// A table's name with the types of its keys and values.
pub struct Def<K: ?Sized, V: ?Sized> {
    name: &'static str,
    types: PhantomData<fn(&K, &V)>,
}

impl<K: TypedKey + ?Sized, V: TypedValue + ?Sized> Def<K, V> {
    /// The table `name`, of 1 to 1,024 bytes.
    #[must_use]
    pub const fn new(name: &'static str) -> Self {
        Def { name, types: PhantomData }
    }

    /// The table's name.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        self.name
    }

    /// Opens the table for reading.
    ///
    /// # Errors
    /// As [`Reader::table`].
    pub fn open<'r>(&self, reader: &'r Reader<'_>) -> Result<TypedTable<'r, K, V>> {
        Ok(TypedTable { table: reader.table(self.name)?, name: self.name, types: PhantomData })
    }

    /// Opens the table for writing.
    ///
    /// # Errors
    /// As [`WriteTxn::open_table`].
    pub fn open_mut<'t>(&self, txn: &'t WriteTxn) -> Result<TypedTableMut<'t, K, V>> {
        Ok(TypedTableMut { table: txn.open_table(self.name)?, name: self.name, types: PhantomData })
    }

    /// Opens the table for writing, and creates it first if there is none.
    ///
    /// # Errors
    /// As [`WriteTxn::ensure_table`].
    pub fn ensure<'t>(&self, txn: &'t WriteTxn) -> Result<TypedTableMut<'t, K, V>> {
        Ok(TypedTableMut { table: txn.ensure_table(self.name)?, name: self.name, types: PhantomData })
    }
}

/// A table of a snapshot with typed keys and values. A key or value of another type is `Invalid`.
pub struct TypedTable<'r, K: ?Sized, V: ?Sized> {
    table: Table<'r>,
    name: &'static str,
    types: PhantomData<fn(&K, &V)>,
}

impl<'r, K: TypedKey + ?Sized, V: TypedValue + ?Sized> TypedTable<'r, K, V> {
    /// The value of `key`.
    ///
    /// # Errors
    /// `Corrupt`, `Invalid`: this and every call below.
    pub fn get(&self, key: K::Ref<'_>) -> Result<Option<V::Ref<'r>>> {
        self.table.get(&key_bytes::<K>(key))?.map(|value| value_of::<V>(value, self.name)).transpose()
    }

    /// Number of entries. O(1).
    #[must_use]
    pub fn len(&self) -> u64 {
        self.table.len()
    }

    /// Whether there is no entry.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.table.is_empty()
    }

    /// The entries within the bounds, ascending, or from the back.
    ///
    /// # Errors
    /// `Corrupt`.
    pub fn range<'k>(&self, bounds: impl RangeBounds<K::Ref<'k>>) -> Result<TypedRange<'r, K, V>> {
        let (start, end) = (bound::<K>(bounds.start_bound()), bound::<K>(bounds.end_bound()));
        let range = self.table.range((as_ref(&start), as_ref(&end)))?;
        Ok(TypedRange { range, name: self.name, types: PhantomData })
    }

    /// The entry before which stand exactly `n` others. O(log n).
    ///
    /// # Errors
    /// `Corrupt`, `Invalid`.
    pub fn nth(&self, n: u64) -> Result<Option<(K::Owned, V::Ref<'r>)>> {
        self.table.nth(n)?.map(|entry| typed::<K, V>(entry, self.name)).transpose()
    }

    /// How many entries have a smaller key. O(log n).
    ///
    /// # Errors
    /// `Corrupt`.
    pub fn rank(&self, key: K::Ref<'_>) -> Result<u64> {
        self.table.rank(&key_bytes::<K>(key))
    }

    /// The table of bytes below.
    #[must_use]
    pub fn untyped(&self) -> Table<'r> {
        self.table
    }
}

/// A table being changed, with typed keys and values.
pub struct TypedTableMut<'t, K: ?Sized, V: ?Sized> {
    table: TableMut<'t>,
    name: &'static str,
    types: PhantomData<fn(&K, &V)>,
}

impl<'t, K: TypedKey + ?Sized, V: TypedValue + ?Sized> TypedTableMut<'t, K, V> {
    /// Puts an entry.
    ///
    /// # Errors
    /// As [`TableMut::insert`].
    pub fn insert(&mut self, key: K::Ref<'_>, value: V::Ref<'_>) -> Result<()> {
        let mut bytes = Vec::new();
        V::encode(value, &mut bytes);
        self.table.insert(&key_bytes::<K>(key), &bytes)
    }

    /// The value of `key`.
    ///
    /// # Errors
    /// `Corrupt`, `Invalid`.
    pub fn get(&self, key: K::Ref<'_>) -> Result<Option<V::Ref<'_>>> {
        self.table.get(&key_bytes::<K>(key))?.map(|value| value_of::<V>(value, self.name)).transpose()
    }

    /// Removes an entry; whether it was there.
    ///
    /// # Errors
    /// As [`TableMut::remove`].
    pub fn remove(&mut self, key: K::Ref<'_>) -> Result<bool> {
        self.table.remove(&key_bytes::<K>(key))
    }

    /// Removes the entries within the bounds; gives how many there were.
    ///
    /// # Errors
    /// As [`TableMut::remove_range`].
    pub fn remove_range<'k>(&mut self, bounds: impl RangeBounds<K::Ref<'k>>) -> Result<u64> {
        let (start, end) = (bound::<K>(bounds.start_bound()), bound::<K>(bounds.end_bound()));
        self.table.remove_range((as_ref(&start), as_ref(&end)))
    }

    /// The entries within the bounds, ascending, or from the back.
    ///
    /// # Errors
    /// `Corrupt`.
    pub fn range<'k>(&self, bounds: impl RangeBounds<K::Ref<'k>>) -> Result<TypedRange<'_, K, V>> {
        let (start, end) = (bound::<K>(bounds.start_bound()), bound::<K>(bounds.end_bound()));
        let range = self.table.range((as_ref(&start), as_ref(&end)))?;
        Ok(TypedRange { range, name: self.name, types: PhantomData })
    }

    /// Number of entries. O(1).
    #[must_use]
    pub fn len(&self) -> u64 {
        self.table.len()
    }

    /// Whether there is no entry.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.table.is_empty()
    }

    /// The table of bytes below.
    pub fn untyped(&mut self) -> &mut TableMut<'t> {
        &mut self.table
    }
}

/// Typed entries in order of their keys. Ends after an error of the store; an entry of another type is an error and does not end it.
pub struct TypedRange<'r, K: ?Sized, V: ?Sized> {
    range: Range<'r>,
    name: &'static str,
    types: PhantomData<fn(&K, &V)>,
}

impl<'r, K: TypedKey + ?Sized, V: TypedValue + ?Sized> Iterator for TypedRange<'r, K, V> {
    type Item = Result<(K::Owned, V::Ref<'r>)>;

    fn next(&mut self) -> Option<Self::Item> {
        Some(self.range.next()?.and_then(|entry| typed::<K, V>(entry, self.name)))
    }
}

impl<K: TypedKey + ?Sized, V: TypedValue + ?Sized> DoubleEndedIterator for TypedRange<'_, K, V> {
    fn next_back(&mut self) -> Option<Self::Item> {
        Some(self.range.next_back()?.and_then(|entry| typed::<K, V>(entry, self.name)))
    }
}

fn typed<'r, K: TypedKey + ?Sized, V: TypedValue + ?Sized>(
    (key, value): (Key, &'r [u8]),
    table: &str,
) -> Result<(K::Owned, V::Ref<'r>)> {
    Ok((key_of::<K>(&key, table)?, value_of::<V>(value, table)?))
}

fn bound<'k, K: TypedKey + ?Sized>(bound: Bound<&K::Ref<'k>>) -> Bound<Vec<u8>> {
    bound.map(|key| key_bytes::<K>(*key))
}

fn as_ref(bound: &Bound<Vec<u8>>) -> Bound<&[u8]> {
    bound.as_ref().map(Vec::as_slice)
}
