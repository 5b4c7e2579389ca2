//! A transaction that writes: the engine's, the schema as the transaction has changed it, and its savepoints.

use std::sync::Arc;
use std::time::Duration;

use super::connection::{Connection, State};
use super::database::Shared;
use super::schemas::{Known, Schemas};
use crate::error::{Error, ErrorKind, Result};
use crate::table::schema::Schema;
use crate::table::{Buffers, Durability, EngineSavepoint, WriteTxn};

/// See the file's head.
///
/// Invariant: no engine table is open between two statements, so that a savepoint can be taken and gone back to.
pub(super) struct Writing {
    pub(super) txn: WriteTxn,
    /// As its next statement sees it.
    pub(super) schema: Arc<Schema>,
    /// The schema that it began with.
    before: Arc<Schema>,
    savepoints: Vec<Named>,
    /// Memory of its small statements.
    pub(super) buffers: Buffers,
    /// The store failed in the middle of a change: it can only be rolled back.
    pub(super) broken: bool,
}

struct Named {
    /// Folded. None: of [`Savepoint`](super::Savepoint), which texts do not see.
    name: Option<String>,
    engine: EngineSavepoint,
    schema: Arc<Schema>,
}

impl Writing {
    /// Waits for the writer's turn, for ever or for this time.
    pub(super) fn begin(shared: &Shared, wait: Option<Duration>) -> Result<Writing> {
        let txn = match wait {
            None => shared.store.begin_write()?,
            Some(time) => shared.store.begin_write_within(time)?,
        };
        let schema = shared.schemas.of_writer(&txn)?;
        Ok(Writing {
            txn,
            before: Arc::clone(&schema),
            schema,
            savepoints: Vec::new(),
            buffers: Buffers::default(),
            broken: false,
        })
    }

    /// Commits; gives the version.
    pub(super) fn commit(mut self, schemas: &Schemas, durability: Durability) -> Result<u64> {
        self.check()?;
        self.txn.set_durability(durability);
        if Arc::ptr_eq(&self.schema, &self.before) {
            return Ok(self.txn.commit()?);
        }
        let changing = schemas.change();
        let version = self.txn.commit()?;
        changing.committed(self.schema, version);
        Ok(version)
    }

    /// The schema for its next statement. No snapshot has it yet.
    pub(super) fn known(&self) -> Known {
        Known { schema: Arc::clone(&self.schema), since: u64::MAX, at: None }
    }

    /// # Errors
    /// `State` if it is broken.
    pub(super) fn check(&self) -> Result<()> {
        match self.broken {
            true => Err(Error::new(ErrorKind::State, "the store failed in this transaction: it can only be rolled back")
                .with_state("25P02")),
            false => Ok(()),
        }
    }

    /// Does `work`, which opens tables and closes them; what it did is undone if it fails.
    pub(super) fn atomically<T>(&mut self, work: impl FnOnce(&WriteTxn, &Arc<Schema>) -> Result<T>) -> Result<T> {
        self.check()?;
        let before = self.txn.savepoint();
        let result = work(&self.txn, &self.schema);
        if result.is_err() {
            self.broken = self.txn.rollback_to(&before).is_err();
        }
        result
    }
}

impl Connection {
    fn with_writing<T>(&self, work: impl FnOnce(&mut Writing) -> Result<T>) -> Result<T> {
        match &mut *self.state_mut()? {
            State::Writing(writing) => work(writing),
            State::Reading { .. } => {
                Err(Error::new(ErrorKind::State, "a transaction that only reads has no savepoints").with_state("25006"))
            }
            State::Idle => Err(Error::new(ErrorKind::State, "no transaction is open").with_state("25P01")),
        }
    }

    /// Sets a savepoint; gives how many there are with it.
    pub(super) fn push_savepoint(&self, name: Option<String>) -> Result<usize> {
        self.with_writing(|writing| {
            writing.check()?;
            let engine = writing.txn.savepoint();
            writing.savepoints.push(Named { name, engine, schema: Arc::clone(&writing.schema) });
            Ok(writing.savepoints.len())
        })
    }

    /// Undoes what came after savepoint number `depth`, which stays; those behind it go.
    pub(super) fn roll_back_to(&self, depth: usize) -> Result<()> {
        self.with_writing(|writing| {
            let at = depth.checked_sub(1).and_then(|at| writing.savepoints.get(at)).ok_or_else(unknown)?;
            let undone = writing.txn.rollback_to(&at.engine);
            writing.schema = Arc::clone(&at.schema);
            writing.savepoints.truncate(depth);
            writing.broken = undone.is_err();
            Ok(undone?)
        })
    }

    /// Forgets savepoint number `depth` and those behind it; their changes stay.
    pub(super) fn release_savepoint(&self, depth: usize) -> Result<()> {
        self.with_writing(|writing| {
            if depth == 0 || depth > writing.savepoints.len() {
                return Err(unknown());
            }
            writing.savepoints.truncate(depth - 1);
            Ok(())
        })
    }

    /// The number of the newest savepoint with this folded name.
    pub(super) fn savepoint_named(&self, name: &str) -> Result<usize> {
        self.with_writing(|writing| {
            let at = writing.savepoints.iter().rposition(|savepoint| savepoint.name.as_deref() == Some(name));
            at.map(|at| at + 1)
                .ok_or_else(|| Error::new(ErrorKind::State, format!("there is no savepoint \"{name}\"")).with_state("3B001"))
        })
    }
}

fn unknown() -> Error {
    Error::new(ErrorKind::State, "the savepoint is gone: the transaction went back behind it, or ended").with_state("3B001")
}
