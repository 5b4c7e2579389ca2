//! Writing: a transaction has the turn, its tables are changed in place on copies, and a commit makes all of it a version.

use std::ops::Bound;
use std::sync::Arc;

use crate::error::{Error, Result};
use crate::format::ids::{MAX_KEY_LEN, MAX_VALUE_LEN};
use crate::format::{TableId, change};
use crate::page::Key;
use crate::store::commit::Callback;
use crate::store::edit::{Draft, Editor, no_table};
use crate::store::load;
use crate::store::options::Durability;
use crate::store::read::Handle;
use crate::store::sort::Sorter;
use crate::sync::Mutex;
use crate::tree;

use super::Range;
use super::snapshot::TablePlace;

/// An entry taken out: its key and its value.
pub type Entry = (Vec<u8>, Vec<u8>);

/// A write transaction. It has the writer's turn until it is committed or dropped; dropped, it changes nothing.
///
/// It reads what the writers before it wrote, also what is not published yet and could still fail: rely on that when its commit, be it an empty one, has returned Ok.
///
/// It can be sent to another thread. Its tables are changed through [`TableMut`]s, several at a time, each once.
pub struct WriteTxn {
    handle: Arc<Handle>,
    /// Locked for moments only: to lend a table out and to record a change.
    draft: Mutex<Option<Draft>>,
    durability: Durability,
    callbacks: Vec<Callback>,
}

/// A point to roll back to; of one transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Savepoint {
    txn: u64,
    number: u32,
}

impl WriteTxn {
    pub(crate) fn new(handle: Arc<Handle>, draft: Draft) -> WriteTxn {
        WriteTxn { handle, draft: Mutex::new(Some(draft)), durability: Durability::default(), callbacks: Vec::new() }
    }

    pub(super) fn with<T>(&self, op: impl FnOnce(&mut Draft) -> T) -> T {
        op(self.draft.lock().as_mut().expect("taken by commit and drop alone, which end the transaction"))
    }

    /// Creates an empty table and opens it. Names have 1 to 1,024 bytes.
    ///
    /// # Errors
    /// `Exists`, `Invalid` name, `Full` (65,535 tables).
    pub fn create_table(&self, name: &str) -> Result<TableMut<'_>> {
        self.create_table_with(name, self.handle.machine.settings.lz4)
    }

    /// The same, saying whether its pages are compressed with LZ4 in the file.
    ///
    /// # Errors
    /// As [`WriteTxn::create_table`].
    pub fn create_table_with(&self, name: &str, lz4: bool) -> Result<TableMut<'_>> {
        self.with(|draft| draft.create(name, lz4))?;
        self.open_table(name)
    }

    /// Opens a table, once at a time.
    ///
    /// # Errors
    /// `NotFound`, `InUse`.
    pub fn open_table(&self, name: &str) -> Result<TableMut<'_>> {
        self.open_table_near(name, &TablePlace::new())
    }

    /// The same for who opens tables often: `place` remembers where it stands.
    ///
    /// # Errors
    /// As [`WriteTxn::open_table`].
    pub fn open_table_near(&self, name: &str, place: &TablePlace) -> Result<TableMut<'_>> {
        let machine = &*self.handle.machine;
        let (id, editor) = self.with(|draft| {
            let guess = place.guess();
            let found = draft.place(guess, name).ok_or_else(|| no_table(name))?;
            if found != guess {
                place.correct(found);
            }
            let (id, work) = draft.lend_at(found)?;
            Ok::<_, Error>((id, draft.editor(machine, id, work)))
        })?;
        Ok(TableMut { txn: self, id, editor: Some(editor) })
    }

    /// Opens a table, and creates it first if there is none.
    ///
    /// # Errors
    /// As [`WriteTxn::create_table`] and [`WriteTxn::open_table`].
    pub fn ensure_table(&self, name: &str) -> Result<TableMut<'_>> {
        match self.open_table(name) {
            Err(e) if e.kind() == crate::ErrorKind::NotFound => self.create_table(name),
            other => other,
        }
    }

    /// Drops a table with all its entries. O(pages of the table).
    ///
    /// # Errors
    /// `NotFound`, `InUse`, `Corrupt`.
    pub fn drop_table(&self, name: &str) -> Result<()> {
        self.with(|draft| draft.drop_table(&self.handle.machine, name))
    }

    /// Renames a table.
    ///
    /// # Errors
    /// `NotFound`, `Exists`, `Invalid` name, `InUse`.
    pub fn rename_table(&self, from: &str, to: &str) -> Result<()> {
        self.with(|draft| draft.rename(from, to))
    }

    /// Number of entries of a table, without opening it; none if there is no such table. Of a table that is open: as it was before this transaction.
    #[must_use]
    pub fn len_of(&self, name: &str) -> Option<u64> {
        self.with(|draft| draft.len_of(name))
    }

    /// The tables' names, ascending.
    #[must_use]
    pub fn tables(&self) -> Vec<String> {
        self.with(|draft| draft.tables()).into_iter().map(|(name, _)| name).collect()
    }

    /// A point to roll back to. They nest. No table may be open.
    pub fn savepoint(&mut self) -> Savepoint {
        self.with(|draft| Savepoint { txn: draft.id, number: draft.save() })
    }

    /// Undoes everything since the savepoint, which can be rolled back to again; later ones are gone. No table may be open.
    ///
    /// # Errors
    /// `Invalid` if the savepoint is of another transaction, or gone.
    pub fn rollback_to(&mut self, savepoint: &Savepoint) -> Result<()> {
        self.with(|draft| {
            if draft.id != savepoint.txn {
                return Err(Error::invalid("the savepoint belongs to another transaction"));
            }
            draft.roll_back_to(&self.handle.machine, savepoint.number)
        })
    }

    /// How safe the commit is to be when it returns. Default: [`Durability::Synced`].
    pub fn set_durability(&mut self, durability: Durability) {
        self.durability = durability;
    }

    /// Has `callback` called with the version once this commit is durable: once, in the order of commits, by whichever thread makes it durable; never if it does not become so. It may
    /// use the store, and should be short. If it panics, the panic is caught, and [`crate::Stats::background_error`] tells of it. A callback that owns a
    /// [`crate::Store`] keeps the store open until it was called, or, in a poisoned store, until that store is closed or makes a step.
    pub fn on_commit(&mut self, callback: impl FnOnce(u64) + Send + 'static) {
        self.callbacks.push(Box::new(move |version| callback(version.0)));
    }

    /// Makes the changes a version and gives its number. When it returns the commit, and everything it was built on, has the durability that was asked for, and readers see it. Without
    /// changes there is no new version: the number is that of the version it was built on.
    ///
    /// # Errors
    /// `Full`: nothing happened, the store goes on. `Unknown`: a write or sync failed; the store is poisoned, and the commit may or may not be
    /// there after the next open. `Poisoned`: an earlier one failed. `Invalid`: a change of this transaction failed half-way. `InUse`: a table of it was leaked while it was open. `Io`: room could
    /// not be made; nothing happened.
    pub fn commit(self) -> Result<u64> {
        let draft = self.draft.lock().take().expect("taken by commit and drop alone, which end the transaction");
        let (handle, durability) = (Arc::clone(&self.handle), self.durability);
        let callbacks = { self }.take_callbacks();
        handle.machine.commit(draft, durability, callbacks).map(|version| version.0)
    }

    fn take_callbacks(mut self) -> Vec<Callback> {
        std::mem::take(&mut self.callbacks)
    }
}

impl Drop for WriteTxn {
    fn drop(&mut self) {
        if let Some(mut draft) = self.draft.get_mut().take() {
            draft.discard(&self.handle.machine);
        }
    }
}

impl std::fmt::Debug for WriteTxn {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("WriteTxn").field("durability", &self.durability).finish_non_exhaustive()
    }
}

/// A table being changed. Values that it lends live until the next change of this table.
///
/// Drop it, as everything that reads: while one lives, memory and file space that moved elsewhere is not given back, and one that is leaked (`mem::forget`) keeps every store of the process
/// from that for good.
pub struct TableMut<'t> {
    txn: &'t WriteTxn,
    id: TableId,
    /// Taken when dropped.
    editor: Option<Editor<'t>>,
}

impl<'t> TableMut<'t> {
    fn editor(&self) -> &Editor<'t> {
        self.editor.as_ref().expect("taken by drop alone")
    }

    fn change<T>(&mut self, op: impl FnOnce(&mut Editor<'t>, &mut tree::Root) -> Result<T>) -> Result<T> {
        self.editor.as_mut().expect("taken by drop alone").tree_op(op)
    }

    fn record_put(&self, key: &[u8], value: &[u8]) {
        let limit = self.txn.handle.machine.settings.record_bytes;
        self.txn.with(|draft| {
            draft.grows = true;
            draft.record(limit, |out| change::put(out, self.id, key, value));
        });
    }

    fn record(&self, encode: impl FnOnce(&mut Vec<u8>)) {
        let limit = self.txn.handle.machine.settings.record_bytes;
        self.txn.with(|draft| draft.record(limit, encode));
    }

    /// Puts an entry; an existing value is replaced. Keys have 0 to 65,535 bytes, values up to 4 GiB less 128 KiB.
    ///
    /// # Errors
    /// `Invalid` if key or value is too long; `Corrupt`; `Full`.
    pub fn insert(&mut self, key: &[u8], value: &[u8]) -> Result<()> {
        check_lengths(key, value)?;
        self.change(|editor, tree| tree::insert(editor, tree, key, value))?;
        self.record_put(key, value);
        Ok(())
    }

    /// Puts an entry if there is none with its key; whether it did. One way down the tree: cheaper than to ask first. If the key is there nothing changes, but pages on the way to
    /// it may have been copied for the transaction: for keys that are mostly new.
    ///
    /// # Errors
    /// As [`TableMut::insert`].
    pub fn insert_new(&mut self, key: &[u8], value: &[u8]) -> Result<bool> {
        check_lengths(key, value)?;
        let is_new = self.change(|editor, tree| tree::insert_new(editor, tree, key, value))?;
        if is_new {
            self.record_put(key, value);
        }
        Ok(is_new)
    }

    /// Puts an entry and gives a copy of the value that it replaced.
    ///
    /// # Errors
    /// As [`TableMut::insert`].
    pub fn replace(&mut self, key: &[u8], value: &[u8]) -> Result<Option<Vec<u8>>> {
        let old = self.get(key)?.map(<[u8]>::to_vec);
        self.insert(key, value)?;
        Ok(old)
    }

    /// The value of `key`, in place.
    ///
    /// # Errors
    /// `Corrupt`.
    pub fn get(&self, key: &[u8]) -> Result<Option<&[u8]>> {
        let editor = self.editor();
        tree::get(editor, &editor.tree(), key)
    }

    /// The values of these keys, in their order, in place: see [`Table::get_many`](crate::Table::get_many).
    ///
    /// # Errors
    /// `Corrupt`.
    pub fn get_many<K: AsRef<[u8]>>(&self, keys: &[K]) -> Result<Vec<Option<&[u8]>>> {
        let editor = self.editor();
        tree::get_many(editor, &editor.tree(), keys)
    }

    /// Whether `key` is there.
    ///
    /// # Errors
    /// `Corrupt`.
    pub fn contains(&self, key: &[u8]) -> Result<bool> {
        Ok(self.get(key)?.is_some())
    }

    /// Removes an entry; whether it was there.
    ///
    /// # Errors
    /// `Corrupt`, `Full`.
    pub fn remove(&mut self, key: &[u8]) -> Result<bool> {
        let was = self.change(|editor, tree| tree::remove(editor, tree, key))?;
        if was {
            self.record(|out| change::remove(out, self.id, key));
        }
        Ok(was)
    }

    /// Removes an entry and gives its value.
    ///
    /// # Errors
    /// As [`TableMut::remove`].
    pub fn take(&mut self, key: &[u8]) -> Result<Option<Vec<u8>>> {
        let old = self.get(key)?.map(<[u8]>::to_vec);
        if old.is_some() {
            self.remove(key)?;
        }
        Ok(old)
    }

    /// Removes the entries within the bounds; gives how many there were. O(log n + pages removed).
    ///
    /// # Errors
    /// `Corrupt`, `Full`.
    pub fn remove_range(&mut self, bounds: (Bound<&[u8]>, Bound<&[u8]>)) -> Result<u64> {
        let (start, end) = bounds;
        let count = self.change(|editor, tree| tree::remove_range(editor, tree, start, end))?;
        if count > 0 {
            self.record(|out| change::remove_range(out, self.id, start, end));
        }
        Ok(count)
    }

    /// Takes out the entry with the smallest key.
    ///
    /// # Errors
    /// `Corrupt`, `Full`.
    pub fn pop_first(&mut self) -> Result<Option<Entry>> {
        let first = self.first()?.map(|(key, value)| (key.to_vec(), value.to_vec()));
        self.pop(first)
    }

    /// Takes out the entry with the largest key.
    ///
    /// # Errors
    /// `Corrupt`, `Full`.
    pub fn pop_last(&mut self) -> Result<Option<Entry>> {
        let last = self.last()?.map(|(key, value)| (key.to_vec(), value.to_vec()));
        self.pop(last)
    }

    fn pop(&mut self, entry: Option<Entry>) -> Result<Option<Entry>> {
        if let Some((key, _)) = &entry {
            self.remove(key)?;
        }
        Ok(entry)
    }

    /// Reads, decides and writes one entry: `decide` gets the value, if there is one, and gives the new one, or none to remove it. Nothing is written if it stays the same.
    ///
    /// # Errors
    /// As [`TableMut::insert`].
    pub fn update(&mut self, key: &[u8], decide: impl FnOnce(Option<&[u8]>) -> Option<Vec<u8>>) -> Result<()> {
        let old = self.get(key)?;
        let new = decide(old);
        match (old, new) {
            (Some(old), Some(new)) if old == new => Ok(()),
            (_, Some(new)) => self.insert(key, &new),
            (Some(_), None) => self.remove(key).map(drop),
            (None, None) => Ok(()),
        }
    }

    /// Loads entries with strictly ascending keys into an empty table: pages are built bottom-up and full, several times faster than inserts. Memory: a quarter of [`crate::Options::dirty_bytes`].
    /// Atomic like every change: nothing is seen before the commit, which is made by a checkpoint if the load was large. Gives the number of entries.
    ///
    /// # Errors
    /// `Invalid` if the table is not empty, keys do not ascend, or one is too long; `Full`, `Io`. After an error the transaction can only be dropped or rolled back.
    pub fn load_sorted<K: AsRef<[u8]>, V: AsRef<[u8]>>(&mut self, entries: impl IntoIterator<Item = (K, V)>) -> Result<u64> {
        self.load(entries.into_iter().map(Ok))
    }

    /// The same with entries in any order: they are sorted first, in memory or beyond the budget in temporary files beside the store. Of entries with the same key
    /// the last one counts.
    ///
    /// # Errors
    /// As [`TableMut::load_sorted`].
    pub fn load_unsorted<K: AsRef<[u8]>, V: AsRef<[u8]>>(&mut self, entries: impl IntoIterator<Item = (K, V)>) -> Result<u64> {
        if !self.is_empty() {
            return Err(Error::invalid("a bulk load needs an empty table; insert the entries instead"));
        }
        let machine = &*self.txn.handle.machine;
        let mut sorter = Sorter::new(&*machine.disk, machine.settings.dirty_bytes / 2);
        for (key, value) in entries {
            check_lengths(key.as_ref(), value.as_ref())?;
            sorter.add(key.as_ref(), value.as_ref())?;
        }
        sorter.finish(|sorted| self.load(sorted))
    }

    fn load<K: AsRef<[u8]>, V: AsRef<[u8]>>(&mut self, entries: impl Iterator<Item = Result<(K, V)>>) -> Result<u64> {
        let (txn, id) = (self.txn, self.id);
        let machine = &*txn.handle.machine;
        let lz4 = txn.with(|draft| draft.is_lz4(id));
        let editor = self.editor.as_mut().expect("taken by drop alone");
        txn.with(|draft| draft.grows = true);
        load::load(machine, editor, lz4, entries, |key, value| {
            txn.with(|draft| draft.record(machine.settings.record_bytes, |out| change::put(out, id, key, value)));
        })
    }

    /// Number of entries. O(1).
    #[must_use]
    pub fn len(&self) -> u64 {
        self.editor().tree().len
    }

    /// Whether there is no entry.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The entry with the smallest key.
    ///
    /// # Errors
    /// `Corrupt`.
    pub fn first(&self) -> Result<Option<(Key, &[u8])>> {
        self.nth(0)
    }

    /// The entry with the largest key.
    ///
    /// # Errors
    /// `Corrupt`.
    pub fn last(&self) -> Result<Option<(Key, &[u8])>> {
        match self.len() {
            0 => Ok(None),
            len => self.nth(len - 1),
        }
    }

    /// The entries within the bounds, ascending, or from the back.
    ///
    /// # Errors
    /// `Corrupt`.
    pub fn range(&self, bounds: (Bound<&[u8]>, Bound<&[u8]>)) -> Result<Range<'_>> {
        let editor = self.editor();
        Ok(Range::of_writer(tree::range(editor, editor.tree(), bounds.0, bounds.1)?))
    }

    /// The entry before which stand exactly `n` others. O(log n).
    ///
    /// # Errors
    /// `Corrupt`.
    pub fn nth(&self, n: u64) -> Result<Option<(Key, &[u8])>> {
        let editor = self.editor();
        tree::nth(editor, &editor.tree(), n)
    }

    /// How many entries have a smaller key, whether it is there or not. O(log n).
    ///
    /// # Errors
    /// `Corrupt`.
    pub fn rank(&self, key: &[u8]) -> Result<u64> {
        let editor = self.editor();
        tree::rank(editor, &editor.tree(), key)
    }
}

impl Drop for TableMut<'_> {
    fn drop(&mut self) {
        if let Some(mut editor) = self.editor.take() {
            let spilled = editor.take_spilled();
            self.txn.with(|draft| {
                draft.spilled(spilled);
                draft.put_back(self.id, editor.into_work());
            });
        }
    }
}

fn check_lengths(key: &[u8], value: &[u8]) -> Result<()> {
    if key.len() > MAX_KEY_LEN {
        return Err(Error::invalid(format!(
            "a key has at most {MAX_KEY_LEN} bytes, this one {}: store a hash of it, or a shorter name",
            key.len()
        )));
    }
    if value.len() > MAX_VALUE_LEN {
        return Err(Error::invalid(format!(
            "a value has at most {MAX_VALUE_LEN} bytes, this one {}: split it over several keys",
            value.len()
        )));
    }
    Ok(())
}
