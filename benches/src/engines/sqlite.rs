//! SQLite through rusqlite: write-ahead log, a clustered table of blobs, a memory map, prepared statements, a connection a thread.

use std::cell::RefCell;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::{CachedStatement, Connection as Sqlite, Transaction, TransactionBehavior};

use crate::engine::{Connection, Engine, Kind, Outcome, ReadWork, Reader, Safety, Unsupported, WriteWork, Writer};

pub(super) const KIND: Kind = Kind {
    name: "sqlite",
    package: "libsqlite3-sys",
    settings: "WAL, WITHOUT ROWID, map, prepared statements",
    open,
    open_compressed: open,
};

const CREATE: &str = "CREATE TABLE IF NOT EXISTS kv (key BLOB PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID";
const PUT: &str = "INSERT OR REPLACE INTO kv (key, value) VALUES (?1, ?2)";
const REMOVE: &str = "DELETE FROM kv WHERE key = ?1";
const GET: &str = "SELECT value FROM kv WHERE key = ?1";
const SCAN: &str = "SELECT key, value FROM kv WHERE key >= ?1 ORDER BY key LIMIT ?2";
const COUNT: &str = "SELECT count(*) FROM kv";
const PIN: &str = "SELECT 1 FROM kv LIMIT 1";

/// Writers wait for each other rather than fail.
const PATIENCE: Duration = Duration::from_secs(600);
const MAP_BYTES: i64 = 64 << 30;

fn open(folder: &Path) -> Outcome<Box<dyn Engine>> {
    let path = folder.join("store.sqlite");
    let keeper = connect(&path)?;
    keeper.execute(CREATE, ())?;
    Ok(Box::new(Open { path, keeper: std::sync::Mutex::new(keeper) }))
}

fn connect(path: &Path) -> Outcome<Sqlite> {
    let sqlite = Sqlite::open(path)?;
    sqlite.busy_timeout(PATIENCE)?;
    sqlite.pragma_update(None, "journal_mode", "WAL")?;
    sqlite.pragma_update(None, "synchronous", "FULL")?;
    sqlite.pragma_update(None, "mmap_size", MAP_BYTES)?;
    Ok(sqlite)
}

struct Open {
    path: PathBuf,
    /// Keeps the log from being checkpointed away whenever a thread ends.
    keeper: std::sync::Mutex<Sqlite>,
}

impl Engine for Open {
    fn connect(&self) -> Outcome<Box<dyn Connection + Send + '_>> {
        Ok(Box::new(Thread { sqlite: connect(&self.path)?, syncs: true }))
    }

    fn compact(&mut self) -> Outcome {
        let keeper = self.keeper.get_mut().map_err(|_| "a thread panicked")?;
        Ok(keeper.execute_batch("VACUUM")?)
    }

    fn back_up(&self, to: &Path) -> Outcome {
        let to = to.join("store.sqlite");
        connect(&self.path)?.execute("VACUUM INTO ?1", (to.to_str().ok_or("a path that is no text")?,))?;
        Ok(())
    }

    fn close(self: Box<Self>) -> Outcome {
        let keeper = self.keeper.into_inner().map_err(|_| "a thread panicked")?;
        keeper.close().map_err(|(_, e)| e.into())
    }
}

struct Thread {
    sqlite: Sqlite,
    syncs: bool,
}

impl Connection for Thread {
    fn write(&mut self, safety: Safety, work: WriteWork<'_>) -> Outcome {
        let syncs = match safety {
            Safety::Synced => true,
            Safety::Written => false,
            Safety::Memory => return Err(Unsupported.into()),
        };
        if syncs != self.syncs {
            self.sqlite.pragma_update(None, "synchronous", if syncs { "FULL" } else { "OFF" })?;
            self.syncs = syncs;
        }
        let txn = self.sqlite.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let mut writing = Writing { txn: &txn, put: None, remove: None };
        work(&mut writing)?;
        drop(writing);
        Ok(txn.commit()?)
    }

    fn read(&mut self, work: ReadWork<'_>) -> Outcome {
        let txn = self.sqlite.transaction_with_behavior(TransactionBehavior::Deferred)?;
        // A deferred transaction has its snapshot from its first read on.
        txn.prepare_cached(PIN)?.exists(())?;
        let (get, scan) = (RefCell::new(txn.prepare_cached(GET)?), RefCell::new(txn.prepare_cached(SCAN)?));
        work(&Reading { txn: &txn, get, scan })
    }

    fn snapshots(&mut self, count: u32) -> Outcome {
        for _ in 0..count {
            let txn = self.sqlite.transaction_with_behavior(TransactionBehavior::Deferred)?;
            txn.prepare_cached(PIN)?.exists(())?;
        }
        Ok(())
    }
}

struct Writing<'t> {
    txn: &'t Transaction<'t>,
    put: Option<CachedStatement<'t>>,
    remove: Option<CachedStatement<'t>>,
}

/// The statement, prepared the first time.
fn prepared<'s, 't>(
    slot: &'s mut Option<CachedStatement<'t>>,
    txn: &'t Transaction<'t>,
    sql: &str,
) -> Outcome<&'s mut CachedStatement<'t>> {
    match slot {
        Some(statement) => Ok(statement),
        None => Ok(slot.insert(txn.prepare_cached(sql)?)),
    }
}

impl Writer for Writing<'_> {
    fn put(&mut self, key: &[u8], value: &[u8]) -> Outcome {
        prepared(&mut self.put, self.txn, PUT)?.execute((key, value))?;
        Ok(())
    }

    fn remove(&mut self, key: &[u8]) -> Outcome {
        prepared(&mut self.remove, self.txn, REMOVE)?.execute((key,))?;
        Ok(())
    }
}

struct Reading<'t> {
    txn: &'t Transaction<'t>,
    get: RefCell<CachedStatement<'t>>,
    scan: RefCell<CachedStatement<'t>>,
}

impl Reader for Reading<'_> {
    fn get(&self, key: &[u8], seen: &mut dyn FnMut(&[u8])) -> Outcome<bool> {
        let mut statement = self.get.borrow_mut();
        let mut rows = statement.query((key,))?;
        let Some(row) = rows.next()? else { return Ok(false) };
        seen(row.get_ref(0)?.as_blob()?);
        Ok(true)
    }

    fn scan(&self, from: &[u8], limit: usize, seen: &mut dyn FnMut(&[u8], &[u8])) -> Outcome<usize> {
        let mut statement = self.scan.borrow_mut();
        let mut rows = statement.query((from, i64::try_from(limit)?))?;
        let mut count = 0;
        while let Some(row) = rows.next()? {
            seen(row.get_ref(0)?.as_blob()?, row.get_ref(1)?.as_blob()?);
            count += 1;
        }
        Ok(count)
    }

    fn count(&self) -> Outcome<u64> {
        let count: i64 = self.txn.prepare_cached(COUNT)?.query_row((), |row| row.get(0))?;
        Ok(u64::try_from(count)?)
    }
}
