//! A file becomes a database: for writing, for reading, or new. A store without SQL in it is not turned into a database unasked.

use std::path::PathBuf;

use clap::Args;
use treering::{Create, Store};
use treering_sql::Database;

use crate::error::{Error, Exit, Result};
use crate::store::StorePath;
use crate::text::escape;

/// The database that a command works on.
#[derive(Args, Debug)]
pub(crate) struct DatabasePath {
    #[command(flatten)]
    store: StorePath,
    /// Open the file for reading, beside other readers; no byte of it changes
    #[arg(long, conflicts_with_all = ["create", "write"])]
    read_only: bool,
    /// Open a blob for writing, too: it becomes a store, and is no backup any more
    ///
    /// Without this a blob is opened for reading. What `treering restore` made is a blob until somebody writes to it.
    #[arg(long)]
    write: bool,
    /// Make the store if it is not there, and a database in a store that holds none
    #[arg(long)]
    create: bool,
}

/// An open database.
pub(crate) struct Opened {
    pub(crate) database: Database,
    pub(crate) path: PathBuf,
    /// Why nothing can be changed, if so.
    pub(crate) read_only: Option<ReadOnly>,
}

/// Why a database is opened for reading.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ReadOnly {
    Blob,
    Asked,
}

/// Tables of a store that an error names.
const NAMED: usize = 4;

impl DatabasePath {
    pub(crate) fn open(&self) -> Result<Opened> {
        if self.create && !self.store.path.exists() {
            let store = self.store.options().create(Create::IfMissing).open(&self.store.path)?;
            return self.opened(store, None);
        }
        // Opened for writing, a blob would become a store: what it is must be known before.
        let store = self.store.read().map_err(|e| self.hint(e))?;
        let is_blob = store.identity().blob && !self.write;
        if !Database::is_in(&store)? {
            if !self.create {
                return Err(self.no_database(&store));
            }
            if is_blob {
                return Err(Error::usage(format!("{} is a blob; --write makes a store of it", self.name())));
            }
        }
        let read_only = match (is_blob, self.read_only) {
            (true, _) => Some(ReadOnly::Blob),
            (false, true) => Some(ReadOnly::Asked),
            (false, false) => None,
        };
        if read_only.is_some() {
            return self.opened(store, read_only);
        }
        drop(store);
        let store = self.store.write().map_err(|e| match e {
            Error::Told(Exit::Locked, what) => {
                Error::Told(Exit::Locked, format!("{what}; --read-only looks at it beside other readers"))
            }
            e => e,
        })?;
        self.opened(store, None)
    }

    fn opened(&self, store: Store, read_only: Option<ReadOnly>) -> Result<Opened> {
        Ok(Opened { database: Database::on(store)?, path: self.store.path.clone(), read_only })
    }

    /// The file's path for a person.
    pub(crate) fn name(&self) -> String {
        self.store.name().to_string()
    }

    /// An error of opening, with what can be done about a file that is not there.
    fn hint(&self, error: Error) -> Error {
        if self.read_only { error } else { self.store.or_create(error) }
    }

    /// What to say about a store that other programs than SQL made.
    fn no_database(&self, store: &Store) -> Error {
        let name = self.name();
        let tables = store.snapshot().reader().tables();
        let mut names: Vec<String> =
            tables.iter().take(NAMED).map(|table| format!("'{}'", escape(table.name.as_bytes()))).collect();
        let Some(first) = tables.first() else {
            return Error::usage(format!("{name} is an empty store, without a database; --create makes one in it"));
        };
        if tables.len() > NAMED {
            names.push(format!("{} more", tables.len() - NAMED));
        }
        let (tables, first) = (names.join(", "), escape(first.name.as_bytes()));
        Error::usage(format!(
            "{name} is a store, but holds no SQL tables: what is in it ({tables}) was written by a program through the engine. \
             Look at it with `treering info`, `treering scan {name} '{first}'` or `treering dump`; --create makes a database beside it, in the same file"
        ))
    }
}
