//! A database: a store with a schema.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use super::connection::Connection;
use super::schemas::Schemas;
use super::snapshot::Snapshot;
use crate::error::{Error, ErrorKind, Result};
use crate::table::{Store, Tables, catalogue, verify};

/// A database in a store of the engine: one file, or memory alone.
///
/// A cheap handle: clones are the same database, from any thread. The store is closed when the last handle, connection and snapshot is gone.
#[derive(Clone)]
pub struct Database {
    pub(super) shared: Arc<Shared>,
}

/// What all handles of a database share.
pub(super) struct Shared {
    // Constant after open.
    pub(super) store: Store,
    // Own synchronisation.
    pub(super) schemas: Schemas,
}

/// What a statement may take. Each connection and each snapshot has its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes that sorts, hashes, groups and the rows of a result may keep at one time. Default: 256 MiB.
    pub memory_bytes: usize,
    /// How long a statement may run; `None`: for ever. Default: none.
    pub time: Option<Duration>,
    /// How long a statement waits for the writer's turn; `None`: for ever. Default: none.
    pub wait: Option<Duration>,
    /// Whether its text may name files. Default: refused.
    pub files: Files,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits { memory_bytes: 256 << 20, time: None, wait: None, files: Files::Refused }
    }
}

/// Whether a statement may name files: `SCRIPT TO 'file'` makes one, `RUNSCRIPT FROM 'file'` reads one, anywhere and with all rights of the process.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Files {
    /// Such a statement is an error of kind `Limit`, before any file is looked at. [`Connection::write_script`] and [`Connection::run_script`] do the same over streams that the
    /// program opens.
    #[default]
    Refused,
    /// For whoever may do with files what the process may, as the user of a shell.
    Allowed,
}

impl Files {
    /// # Errors
    /// `Limit` if they are refused.
    pub(super) fn allow(self, what: &str) -> Result<()> {
        match self {
            Files::Allowed => Ok(()),
            Files::Refused => {
                let message =
                    format!("{what} names a file, which statements may not here: `Limits::files` says whether they may");
                Err(Error::new(ErrorKind::Limit, message).with_state("42501"))
            }
        }
    }
}

impl Database {
    /// Opens the database in this file, or makes one.
    ///
    /// # Errors
    /// `Store` with what the engine said: the file is damaged, no store, of another build, or open elsewhere.
    pub fn open(path: impl AsRef<Path>) -> Result<Database> {
        Database::on(Store::open(path)?)
    }

    /// A database that lives in memory and ends with its last handle.
    ///
    /// # Errors
    /// `Store`.
    pub fn in_memory() -> Result<Database> {
        Database::on(Store::in_memory()?)
    }

    /// The database in an open store, as its options made it: read-only, in a backup, with other limits of memory. Tables of the engine that SQL did not make stay as they are.
    ///
    /// # Errors
    /// `Store` if the catalogue cannot be read or was written by another build.
    pub fn on(store: Store) -> Result<Database> {
        catalogue::prepare(&store)?;
        let schemas = Schemas::load(&store.snapshot())?;
        Ok(Database { shared: Arc::new(Shared { store, schemas }) })
    }

    /// Whether SQL ever opened this store for writing. One that other programs made has no tables for SQL, and no catalogue: [`Database::on`] makes one unless the store is
    /// read-only.
    ///
    /// # Errors
    /// `Store` if that cannot be read.
    pub fn is_in(store: &Store) -> Result<bool> {
        catalogue::is_in(&store.snapshot())
    }

    /// A connection: it runs one statement at a time and has at most one transaction. Connections cost little.
    #[must_use]
    pub fn connect(&self) -> Connection {
        Connection::new(self.clone())
    }

    /// The database as it is now, for reading from many threads, for as long as it is held.
    ///
    /// # Errors
    /// `Store` if the catalogue is damaged.
    pub fn snapshot(&self) -> Result<Snapshot> {
        Snapshot::new(self.clone())
    }

    /// Holds every index against its table and every constraint against the rows, as they are now; gives what is wrong. Reads everything. The store's own check is
    /// [`Store::check`].
    ///
    /// # Errors
    /// `Store` if the catalogue is damaged.
    pub fn check(&self) -> Result<Vec<String>> {
        let snapshot = self.snapshot()?;
        let reader = snapshot.engine.reader();
        Ok(verify::verify(Tables::of_reader(&reader), &snapshot.known.schema))
    }

    /// The store below: for its statistics, backups and checks.
    #[must_use]
    pub fn store(&self) -> &Store {
        &self.shared.store
    }
}

impl std::fmt::Debug for Database {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Database").field("store", &self.shared.store).finish_non_exhaustive()
    }
}
