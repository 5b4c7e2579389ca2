//! The task store: typed tables over the engine, with indexes that are changed in the same commit.
//!
//! ```text
//!   table                 key                      value
//!   jobs                  job                      Job
//!   hosts                 host                     Host
//!   configurations        hash                     the text, stored once
//!   configuration_uses    hash                     how many rows name it
//!   tasks                 task                     Task
//!   task_events           task, sequence number    TaskEvent
//!   tasks_by_job          job, task                -
//!   tasks_by_host         host, task               -
//!   tasks_by_state        state, task              -
//!   updates               update                   Update
//!   instance_events       update, sequence number  InstanceEvent
//!   updates_by_job        job, update              -
//!   marks                 name                     facts about the store itself
//! ```
//!
//! Keys are big-endian numbers one after the other, so their order is the numbers' order, and everything that belongs to one thing is
//! one range. Rows are a version byte and postcard's bytes.
//!
//! Invariants, which [`verify`] proves of a snapshot:
//! 1. Every index has exactly the entries that its table's rows ask for.
//! 2. A task's events are numbered 0, 1 .. without gaps; its row has their number, and the newest one's state and time. So have an
//!    update and its instance events. No event is without its task or update.
//! 3. Every configuration that a job, a task or an update names is there, under its hash, and `configuration_uses` counts them.
//! 4. Every job and host that is named is there, but for updates and events of jobs' history, which may outlive tasks.
//!
//! What it does not do: it reads no clock, makes no ids, and has no opinion on which state may follow which.

mod change;
mod key;
mod load;
mod row;
mod verify;
mod view;

#[cfg(test)]
mod tests;

use crate::error::{Error, Result};
use crate::model::{Millis, TaskId, TaskState};
use serde::{Serialize, de::DeserializeOwned};
use std::path::Path;
use treering::{Snapshot, Store};

pub use change::{Change, NewTask, NewUpdate};
pub use load::Loaded;
pub(crate) use load::rows_of;
pub use verify::{Verified, digest, verify};
pub use view::{TasksOf, View};

const JOBS: &str = "jobs";
const HOSTS: &str = "hosts";
const CONFIGURATIONS: &str = "configurations";
const CONFIGURATION_USES: &str = "configuration_uses";
const TASKS: &str = "tasks";
const TASK_EVENTS: &str = "task_events";
const TASKS_BY_JOB: &str = "tasks_by_job";
const TASKS_BY_HOST: &str = "tasks_by_host";
const TASKS_BY_STATE: &str = "tasks_by_state";
const UPDATES: &str = "updates";
const INSTANCE_EVENTS: &str = "instance_events";
const UPDATES_BY_JOB: &str = "updates_by_job";
const MARKS: &str = "marks";

const TABLES: [&str; 13] = [
    JOBS,
    HOSTS,
    CONFIGURATIONS,
    CONFIGURATION_USES,
    TASKS,
    TASK_EVENTS,
    TASKS_BY_JOB,
    TASKS_BY_HOST,
    TASKS_BY_STATE,
    UPDATES,
    INSTANCE_EVENTS,
    UPDATES_BY_JOB,
    MARKS,
];

/// What came of a batch of reports on tasks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Reconciled {
    /// Tasks that changed their state.
    pub changed: u64,
    /// Tasks that were in the reported state already.
    pub unchanged: u64,
    /// Reports on tasks that are not there.
    pub unknown: u64,
}

/// A task store: a cheap handle, [`Send`] and [`Sync`], like the engine's.
#[derive(Clone)]
pub struct TaskStore {
    store: Store,
}

impl TaskStore {
    /// Opens the store at `path`, or creates it.
    ///
    /// # Errors
    /// The engine's.
    pub fn open(path: &Path) -> Result<TaskStore> {
        TaskStore::on(Store::open(path)?)
    }

    /// A task store on `store`. Missing tables are created; when none is missing, nothing is written.
    ///
    /// # Errors
    /// The engine's; with a read-only store also when it has no task store in it.
    pub fn on(store: Store) -> Result<TaskStore> {
        let snapshot = store.snapshot();
        let there = snapshot.reader().tables();
        if TABLES.iter().any(|table| !there.iter().any(|info| info.name == *table)) {
            let txn = store.begin_write()?;
            for table in TABLES {
                txn.ensure_table(table)?;
            }
            txn.commit()?;
        }
        Ok(TaskStore { store })
    }

    /// The engine's store.
    #[must_use]
    pub fn engine(&self) -> &Store {
        &self.store
    }

    /// The engine's store, for closing it.
    #[must_use]
    pub fn into_engine(self) -> Store {
        self.store
    }

    /// Everything as of now, for as long as it is held; read it through a [`View`].
    #[must_use]
    pub fn snapshot(&self) -> Snapshot {
        self.store.snapshot()
    }

    /// Begins a change: waits for the writer's turn. Dropping the change undoes it.
    ///
    /// # Errors
    /// The engine's.
    pub fn begin(&self) -> Result<Change> {
        Ok(Change::new(self.store.begin_write()?))
    }

    /// Brings tasks into the states that hosts report, in one transaction. What is so already is found out on a snapshot: when all of
    /// it is, the writer's turn is not taken at all.
    ///
    /// # Errors
    /// The engine's.
    pub fn reconcile(&self, reports: &[(TaskId, TaskState)], at: Millis) -> Result<Reconciled> {
        let snapshot = self.snapshot();
        let reader = snapshot.reader();
        let view = View::new(&reader);
        let mut outcome = Reconciled::default();
        let mut news = Vec::new();
        for &(id, state) in reports {
            match view.task(id)? {
                None => outcome.unknown += 1,
                Some(task) if task.state == state => outcome.unchanged += 1,
                Some(_) => news.push((id, state)),
            }
        }
        if news.is_empty() {
            return Ok(outcome);
        }
        let mut change = self.begin()?;
        for (id, state) in news {
            // Another writer may have come between the snapshot and the turn: look again.
            match change.task(id)? {
                None => outcome.unknown += 1,
                Some(task) if task.state == state => outcome.unchanged += 1,
                Some(_) => {
                    change.set_state(id, state, at)?;
                    outcome.changed += 1;
                }
            }
        }
        change.commit()?;
        Ok(outcome)
    }

    /// Stores a fact about the store itself under `name`.
    pub(crate) fn set_mark<T: Serialize>(&self, name: &str, value: &T) -> Result<()> {
        let txn = self.store.begin_write()?;
        txn.open_table(MARKS)?.insert(name.as_bytes(), &row::encode(value))?;
        txn.commit()?;
        Ok(())
    }

    /// The fact under `name`.
    pub(crate) fn mark<T: DeserializeOwned>(&self, name: &str) -> Result<Option<T>> {
        let snapshot = self.snapshot();
        let reader = snapshot.reader();
        let bytes = reader.table(MARKS)?.get(name.as_bytes())?;
        bytes.map(|bytes| row::decode(bytes, &format_args!("mark {name}"))).transpose()
    }
}

/// A row that must be there.
fn must<T>(found: Option<T>, what: impl FnOnce() -> String) -> Result<T> {
    found.ok_or_else(|| Error::not_found(what()))
}
