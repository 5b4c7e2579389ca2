//! LMDB through heed, with and without a writable map; sorted loads by `APPEND`.
#![allow(unsafe_code)]

use std::ops::Bound;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use heed::types::Bytes;
use heed::{CompactionOption, Database, Env, EnvFlags, EnvOpenOptions, FlagSetMode, PutFlags, RoTxn, RwTxn};

use crate::engine::{Connection, Engine, Fault, Kind, Outcome, ReadWork, Reader, Safety, Unsupported, WriteWork, Writer};
use crate::load::Load;

pub(super) const KIND: Kind =
    Kind { name: "lmdb", package: "lmdb-master-sys", settings: "read-only map", open: open_plain, open_compressed: open_plain };

pub(super) const WRITEMAP: Kind = Kind {
    name: "lmdb-wm",
    package: "lmdb-master-sys",
    settings: "MDB_WRITEMAP",
    open: open_writemap,
    open_compressed: open_writemap,
};

/// 16 GiB of addresses: more than a run of some million entries needs.
const MAP_BYTES: usize = 16 << 30;

fn open_plain(folder: &Path) -> Outcome<Box<dyn Engine>> {
    open(folder, EnvFlags::empty())
}

fn open_writemap(folder: &Path) -> Outcome<Box<dyn Engine>> {
    open(folder, EnvFlags::WRITE_MAP)
}

fn open(folder: &Path, flags: EnvFlags) -> Outcome<Box<dyn Engine>> {
    Ok(Box::new(Open { live: Some(Live::open(folder, flags)?), folder: folder.to_owned(), flags }))
}

struct Live {
    env: Env,
    db: Database<Bytes, Bytes>,
    /// Whether commits sync now. Rows never mix the two at one time.
    syncs: AtomicBool,
}

impl Live {
    fn open(folder: &Path, flags: EnvFlags) -> Outcome<Live> {
        let mut options = EnvOpenOptions::new();
        options.map_size(MAP_BYTES);
        // SAFETY: the folder is ours alone for the run; nobody else changes the mapped file, and both flags leave it well formed.
        let env = unsafe { options.flags(flags).open(folder)? };
        // The main database is always there: no write transaction.
        let txn = env.read_txn()?;
        let db = env.open_database(&txn, None)?.ok_or("no main database")?;
        txn.commit()?;
        Ok(Live { env, db, syncs: AtomicBool::new(true) })
    }

    fn set_syncs(&self, syncs: bool) -> Outcome {
        if self.syncs.swap(syncs, Ordering::Relaxed) != syncs {
            let mode = if syncs { FlagSetMode::Disable } else { FlagSetMode::Enable };
            // SAFETY: NO_SYNC can be changed while the environment is open; threads of one row all ask for the same.
            unsafe { self.env.set_flags(EnvFlags::NO_SYNC, mode)? };
        }
        Ok(())
    }
}

struct Open {
    live: Option<Live>,
    folder: PathBuf,
    flags: EnvFlags,
}

impl Open {
    fn live(&self) -> Outcome<&Live> {
        self.live.as_ref().ok_or_else(|| Fault::from("closed after a failure"))
    }

    fn end(&mut self) {
        if let Some(live) = self.live.take() {
            live.env.prepare_for_closing().wait();
        }
    }
}

impl Engine for Open {
    fn connect(&self) -> Outcome<Box<dyn Connection + Send + '_>> {
        Ok(Box::new(Thread { live: self.live()? }))
    }

    /// LMDB compacts by copying; the copy takes the store's place.
    fn compact(&mut self) -> Outcome {
        let copy = self.folder.join("copy.mdb");
        self.live()?.env.copy_to_path(&copy, CompactionOption::Enabled)?;
        self.end();
        std::fs::rename(copy, self.folder.join("data.mdb"))?;
        self.live = Some(Live::open(&self.folder, self.flags)?);
        Ok(())
    }

    fn back_up(&self, to: &Path) -> Outcome {
        self.live()?.env.copy_to_path(to.join("data.mdb"), CompactionOption::Disabled)?;
        Ok(())
    }

    fn close(mut self: Box<Self>) -> Outcome {
        self.live()?.env.force_sync()?;
        self.end();
        Ok(())
    }
}

struct Thread<'e> {
    live: &'e Live,
}

impl Connection for Thread<'_> {
    fn write(&mut self, safety: Safety, work: WriteWork<'_>) -> Outcome {
        match safety {
            Safety::Synced => self.live.set_syncs(true)?,
            Safety::Written => self.live.set_syncs(false)?,
            Safety::Memory => return Err(Unsupported.into()),
        }
        let mut writing = Writing { db: self.live.db, txn: self.live.env.write_txn()?, flags: PutFlags::empty() };
        work(&mut writing)?;
        Ok(writing.txn.commit()?)
    }

    fn read(&mut self, work: ReadWork<'_>) -> Outcome {
        let txn = self.live.env.read_txn()?;
        work(&Reading { db: self.live.db, txn: &txn })
    }

    fn snapshots(&mut self, count: u32) -> Outcome {
        for _ in 0..count {
            drop(std::hint::black_box(self.live.env.read_txn()?));
        }
        Ok(())
    }

    fn load_sorted(&mut self, load: &Load) -> Outcome {
        self.live.set_syncs(true)?;
        let mut writing = Writing { db: self.live.db, txn: self.live.env.write_txn()?, flags: PutFlags::APPEND };
        load.sorted().try_for_each(|(key, value)| writing.put(key, value))?;
        Ok(writing.txn.commit()?)
    }
}

struct Writing<'e> {
    db: Database<Bytes, Bytes>,
    txn: RwTxn<'e>,
    flags: PutFlags,
}

impl Writer for Writing<'_> {
    fn put(&mut self, key: &[u8], value: &[u8]) -> Outcome {
        Ok(self.db.put_with_flags(&mut self.txn, self.flags, key, value)?)
    }

    fn remove(&mut self, key: &[u8]) -> Outcome {
        self.db.delete(&mut self.txn, key)?;
        Ok(())
    }
}

struct Reading<'r> {
    db: Database<Bytes, Bytes>,
    txn: &'r RoTxn<'r>,
}

impl Reader for Reading<'_> {
    fn get(&self, key: &[u8], seen: &mut dyn FnMut(&[u8])) -> Outcome<bool> {
        Ok(self.db.get(self.txn, key)?.map(seen).is_some())
    }

    fn scan(&self, from: &[u8], limit: usize, seen: &mut dyn FnMut(&[u8], &[u8])) -> Outcome<usize> {
        let mut count = 0;
        // LMDB has no empty key.
        let start = if from.is_empty() { Bound::Unbounded } else { Bound::Included(from) };
        for entry in self.db.range(self.txn, &(start, Bound::Unbounded))?.take(limit) {
            let (key, value) = entry?;
            seen(key, value);
            count += 1;
        }
        Ok(count)
    }

    fn count(&self) -> Outcome<u64> {
        Ok(self.db.len(self.txn)?)
    }
}
