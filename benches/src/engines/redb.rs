//! redb with the cache of 4 GiB that its authors measure with.

use std::path::Path;

use redb::{Builder, Database, Durability, ReadOnlyTable, ReadableDatabase, ReadableTableMetadata, Table, TableDefinition};

use crate::engine::{Connection, Engine, Kind, Outcome, ReadWork, Reader, Safety, WriteWork, Writer};

pub(super) const KIND: Kind = Kind { name: "redb", package: "redb", settings: "cache 4 GiB", open, open_compressed: open };

const TABLE: TableDefinition<'static, &[u8], &[u8]> = TableDefinition::new("kv");
const CACHE_BYTES: usize = 4 << 30;

fn open(folder: &Path) -> Outcome<Box<dyn Engine>> {
    let path = folder.join("store.redb");
    let is_new = !path.exists();
    let db = Builder::new().set_cache_size(CACHE_BYTES).create(path)?;
    if is_new {
        let txn = db.begin_write()?;
        drop(txn.open_table(TABLE)?);
        txn.commit()?;
    }
    Ok(Box::new(Open { db }))
}

struct Open {
    db: Database,
}

impl Engine for Open {
    fn connect(&self) -> Outcome<Box<dyn Connection + Send + '_>> {
        Ok(Box::new(Thread { db: &self.db }))
    }

    fn compact(&mut self) -> Outcome {
        self.db.compact()?;
        Ok(())
    }

    fn close(self: Box<Self>) -> Outcome {
        Ok(())
    }
}

struct Thread<'e> {
    db: &'e Database,
}

impl Connection for Thread<'_> {
    fn write(&mut self, safety: Safety, work: WriteWork<'_>) -> Outcome {
        let mut txn = self.db.begin_write()?;
        match safety {
            Safety::Synced => {}
            // There is nothing between memory and the medium.
            Safety::Written => return Err(crate::engine::Unsupported.into()),
            Safety::Memory => txn.set_durability(Durability::None)?,
        }
        let mut table = Writing(txn.open_table(TABLE)?);
        work(&mut table)?;
        drop(table);
        Ok(txn.commit()?)
    }

    fn read(&mut self, work: ReadWork<'_>) -> Outcome {
        let txn = self.db.begin_read()?;
        work(&Reading(txn.open_table(TABLE)?))
    }

    fn snapshots(&mut self, count: u32) -> Outcome {
        for _ in 0..count {
            drop(std::hint::black_box(self.db.begin_read()?));
        }
        Ok(())
    }
}

struct Writing<'t>(Table<'t, &'static [u8], &'static [u8]>);

impl Writer for Writing<'_> {
    fn put(&mut self, key: &[u8], value: &[u8]) -> Outcome {
        self.0.insert(key, value)?;
        Ok(())
    }

    fn remove(&mut self, key: &[u8]) -> Outcome {
        self.0.remove(key)?;
        Ok(())
    }
}

struct Reading(ReadOnlyTable<&'static [u8], &'static [u8]>);

impl Reader for Reading {
    fn get(&self, key: &[u8], seen: &mut dyn FnMut(&[u8])) -> Outcome<bool> {
        Ok(self.0.get(key)?.map(|value| seen(value.value())).is_some())
    }

    fn scan(&self, from: &[u8], limit: usize, seen: &mut dyn FnMut(&[u8], &[u8])) -> Outcome<usize> {
        let mut count = 0;
        for entry in self.0.range(from..)?.take(limit) {
            let (key, value) = entry?;
            seen(key.value(), value.value());
            count += 1;
        }
        Ok(count)
    }

    fn count(&self) -> Outcome<u64> {
        Ok(self.0.len()?)
    }
}
