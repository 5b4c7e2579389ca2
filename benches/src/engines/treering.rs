//! Treering, as it is when nobody sets an option.

use std::ops::Bound;
use std::path::Path;

use treering::{BlobForm, Durability, Options, Snapshot, Store, Table, TableMut};

use crate::engine::{Connection, Engine, Kind, Outcome, ReadWork, Reader, Safety, WriteWork, Writer};
use crate::load::Load;

pub(super) const KIND: Kind = Kind { name: "treering", package: "treering", settings: "defaults", open, open_compressed };

const TABLE: &str = "kv";

fn open(folder: &Path) -> Outcome<Box<dyn Engine>> {
    open_with(folder, false)
}

fn open_compressed(folder: &Path) -> Outcome<Box<dyn Engine>> {
    open_with(folder, true)
}

fn open_with(folder: &Path, lz4: bool) -> Outcome<Box<dyn Engine>> {
    let store = Store::open(folder.join("store.ring"))?;
    if store.open_report().created {
        let txn = store.begin_write()?;
        drop(txn.create_table_with(TABLE, lz4)?);
        txn.commit()?;
    }
    Ok(Box::new(Open { store }))
}

struct Open {
    store: Store,
}

impl Engine for Open {
    fn connect(&self) -> Outcome<Box<dyn Connection + Send + '_>> {
        Ok(Box::new(Thread { store: self.store.clone() }))
    }

    fn compact(&mut self) -> Outcome {
        self.store.compact()?;
        Ok(())
    }

    fn back_up(&self, to: &Path) -> Outcome {
        self.store.snapshot().backup_to(to.join("store.ring"), BlobForm::Plain)?;
        Ok(())
    }

    fn close(self: Box<Self>) -> Outcome {
        self.store.close()?;
        // The file stays locked until what this thread retired is collected; the steps of another store do that.
        let other = Options::new().background(false).in_memory()?;
        for _ in 0..8 {
            other.step()?;
        }
        Ok(())
    }
}

struct Thread {
    store: Store,
}

impl Connection for Thread {
    fn write(&mut self, safety: Safety, work: WriteWork<'_>) -> Outcome {
        let mut txn = self.store.begin_write()?;
        txn.set_durability(match safety {
            Safety::Synced => Durability::Synced,
            Safety::Written => Durability::Deferred,
            Safety::Memory => Durability::Memory,
        });
        let mut table = Writing(txn.open_table(TABLE)?);
        work(&mut table)?;
        drop(table);
        txn.commit()?;
        Ok(())
    }

    fn read(&mut self, work: ReadWork<'_>) -> Outcome {
        let snapshot = self.store.snapshot();
        let reader = snapshot.reader();
        work(&Reading(reader.table(TABLE)?))
    }

    fn hold(&mut self, work: ReadWork<'_>) -> Outcome {
        work(&Holding(self.store.snapshot()))
    }

    fn load(&mut self, load: &Load) -> Outcome {
        let txn = self.store.begin_write()?;
        txn.open_table(TABLE)?.load_unsorted(load.pairs())?;
        txn.commit()?;
        Ok(())
    }

    fn load_sorted(&mut self, load: &Load) -> Outcome {
        let txn = self.store.begin_write()?;
        txn.open_table(TABLE)?.load_sorted(load.sorted())?;
        txn.commit()?;
        Ok(())
    }

    fn snapshots(&mut self, count: u32) -> Outcome {
        for _ in 0..count {
            drop(std::hint::black_box(self.store.snapshot()));
        }
        Ok(())
    }
}

struct Writing<'t>(TableMut<'t>);

impl Writer for Writing<'_> {
    fn put(&mut self, key: &[u8], value: &[u8]) -> Outcome {
        Ok(self.0.insert(key, value)?)
    }

    fn remove(&mut self, key: &[u8]) -> Outcome {
        self.0.remove(key)?;
        Ok(())
    }
}

struct Reading<'r>(Table<'r>);

impl Reader for Reading<'_> {
    fn get(&self, key: &[u8], seen: &mut dyn FnMut(&[u8])) -> Outcome<bool> {
        Ok(self.0.get(key)?.map(seen).is_some())
    }

    fn get_many(&self, keys: &[&[u8]], seen: &mut dyn FnMut(&[u8])) -> Outcome<usize> {
        Ok(self.0.get_many(keys)?.into_iter().flatten().map(seen).count())
    }

    fn scan(&self, from: &[u8], limit: usize, seen: &mut dyn FnMut(&[u8], &[u8])) -> Outcome<usize> {
        let mut count = 0;
        for entry in self.0.range((Bound::Included(from), Bound::Unbounded))?.take(limit) {
            let (key, value) = entry?;
            seen(&key, value);
            count += 1;
        }
        Ok(count)
    }

    fn count(&self) -> Outcome<u64> {
        Ok(self.0.len())
    }
}

/// A snapshot may be held for hours, a reader for moments.
struct Holding(Snapshot);

impl Reader for Holding {
    fn get(&self, key: &[u8], seen: &mut dyn FnMut(&[u8])) -> Outcome<bool> {
        Reading(self.0.reader().table(TABLE)?).get(key, seen)
    }

    fn scan(&self, from: &[u8], limit: usize, seen: &mut dyn FnMut(&[u8], &[u8])) -> Outcome<usize> {
        Reading(self.0.reader().table(TABLE)?).scan(from, limit, seen)
    }

    fn count(&self) -> Outcome<u64> {
        Reading(self.0.reader().table(TABLE)?).count()
    }
}
