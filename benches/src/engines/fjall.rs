//! fjall with the cache of 4 GiB that redb's authors give it; atomic batches; sorted loads by its ingestion. It compresses with LZ4 unless told otherwise.

use std::path::Path;

use fjall::{Database, Keyspace, OwnedWriteBatch, PersistMode, Readable, Snapshot};

use crate::engine::{Connection, Engine, Kind, Outcome, ReadWork, Reader, Safety, Unsupported, WriteWork, Writer};
use crate::load::Load;

pub(super) const KIND: Kind =
    Kind { name: "fjall", package: "fjall", settings: "cache 4 GiB, atomic batches", open, open_compressed: open };

const CACHE_BYTES: u64 = 4 << 30;

fn open(folder: &Path) -> Outcome<Box<dyn Engine>> {
    let db = Database::builder(folder.join("store.fjall")).cache_size(CACHE_BYTES).open()?;
    let table = db.keyspace("kv", Default::default)?;
    Ok(Box::new(Open { db, table }))
}

struct Open {
    db: Database,
    table: Keyspace,
}

impl Engine for Open {
    fn connect(&self) -> Outcome<Box<dyn Connection + Send + '_>> {
        Ok(Box::new(Thread { db: &self.db, table: &self.table }))
    }

    fn compact(&mut self) -> Outcome {
        self.table.rotate_memtable_and_wait()?;
        Ok(self.table.major_compact()?)
    }

    fn close(self: Box<Self>) -> Outcome {
        Ok(self.db.persist(PersistMode::SyncAll)?)
    }
}

struct Thread<'e> {
    db: &'e Database,
    table: &'e Keyspace,
}

impl Connection for Thread<'_> {
    fn write(&mut self, safety: Safety, work: WriteWork<'_>) -> Outcome {
        let mode = match safety {
            Safety::Synced => PersistMode::SyncData,
            Safety::Written => PersistMode::Buffer,
            Safety::Memory => return Err(Unsupported.into()),
        };
        let mut writing = Writing { batch: self.db.batch().durability(Some(mode)), table: self.table };
        work(&mut writing)?;
        Ok(writing.batch.commit()?)
    }

    fn read(&mut self, work: ReadWork<'_>) -> Outcome {
        work(&Reading { snapshot: self.db.snapshot(), table: self.table })
    }

    fn snapshots(&mut self, count: u32) -> Outcome {
        for _ in 0..count {
            drop(std::hint::black_box(self.db.snapshot()));
        }
        Ok(())
    }

    fn load_sorted(&mut self, load: &Load) -> Outcome {
        let mut ingestion = self.table.start_ingestion()?;
        load.sorted().try_for_each(|(key, value)| ingestion.write(key, value))?;
        Ok(ingestion.finish()?)
    }
}

struct Writing<'e> {
    batch: OwnedWriteBatch,
    table: &'e Keyspace,
}

impl Writer for Writing<'_> {
    fn put(&mut self, key: &[u8], value: &[u8]) -> Outcome {
        self.batch.insert(self.table, key, value);
        Ok(())
    }

    fn remove(&mut self, key: &[u8]) -> Outcome {
        self.batch.remove(self.table, key);
        Ok(())
    }
}

struct Reading<'e> {
    snapshot: Snapshot,
    table: &'e Keyspace,
}

impl Reader for Reading<'_> {
    fn get(&self, key: &[u8], seen: &mut dyn FnMut(&[u8])) -> Outcome<bool> {
        Ok(self.snapshot.get(self.table, key)?.map(|value| seen(&value)).is_some())
    }

    fn scan(&self, from: &[u8], limit: usize, seen: &mut dyn FnMut(&[u8], &[u8])) -> Outcome<usize> {
        let mut count = 0;
        for entry in self.snapshot.range(self.table, from..).take(limit) {
            let (key, value) = entry.into_inner()?;
            seen(&key, &value);
            count += 1;
        }
        Ok(count)
    }

    /// Counts by scanning: fjall keeps no exact number.
    fn count(&self) -> Outcome<u64> {
        Ok(self.snapshot.len(self.table)? as u64)
    }
}
