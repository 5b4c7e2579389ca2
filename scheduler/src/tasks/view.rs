//! Reading a task store as of one version.

use super::key::{self, Under};
use super::{
    CONFIGURATIONS, HOSTS, INSTANCE_EVENTS, JOBS, TASK_EVENTS, TASKS, TASKS_BY_HOST, TASKS_BY_JOB, TASKS_BY_STATE, UPDATES,
    UPDATES_BY_JOB, row,
};
use crate::config::ConfigHash;
use crate::error::{Error, Result};
use crate::model::{
    Host, HostId, InstanceEvent, Job, JobId, Task, TaskEvent, TaskId, TaskState, Update, UpdateDetails, UpdateId,
};
use serde::de::DeserializeOwned;
use treering::Reader;

/// Which tasks an index is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TasksOf {
    /// Those of a job.
    Job(JobId),
    /// Those that were given a host.
    Host(HostId),
    /// Those in a state.
    State(TaskState),
}

impl TasksOf {
    /// The index, and what its keys begin with.
    pub(super) fn index(self) -> (&'static str, u64) {
        match self {
            TasksOf::Job(job) => (TASKS_BY_JOB, job.0),
            TasksOf::Host(host) => (TASKS_BY_HOST, host.0),
            TasksOf::State(state) => (TASKS_BY_STATE, u64::from(u8::from(state))),
        }
    }
}

/// A task store as of the version of a snapshot: everything that one view reads goes together.
///
/// All methods fail with the engine's errors, and with `Broken` for rows that cannot be read.
#[derive(Clone, Copy)]
pub struct View<'r, 's> {
    reader: &'r Reader<'s>,
}

impl<'r, 's> View<'r, 's> {
    /// A view through `reader`.
    #[must_use]
    pub fn new(reader: &'r Reader<'s>) -> View<'r, 's> {
        View { reader }
    }

    /// A job.
    pub fn job(&self, id: JobId) -> Result<Option<Job>> {
        self.row(JOBS, id.0, || id.named())
    }

    /// A host.
    pub fn host(&self, id: HostId) -> Result<Option<Host>> {
        self.row(HOSTS, id.0, || id.named())
    }

    /// A task.
    pub fn task(&self, id: TaskId) -> Result<Option<Task>> {
        self.row(TASKS, id.0, || id.named())
    }

    /// An update's status.
    pub fn update(&self, id: UpdateId) -> Result<Option<Update>> {
        self.row(UPDATES, id.0, || id.named())
    }

    /// The text of a configuration, without a copy.
    pub fn configuration(&self, hash: &ConfigHash) -> Result<Option<&'r [u8]>> {
        Ok(self.reader.table(CONFIGURATIONS)?.get(&hash.0)?)
    }

    /// The events of a task in order. Cost: O(its own events).
    pub fn task_events(&self, id: TaskId) -> Result<Vec<TaskEvent>> {
        self.events(TASK_EVENTS, id.0, 8, || id.named())
    }

    /// An update with exactly its own instance events. Cost: O(its own events), however many other updates have.
    ///
    /// # Errors
    /// Besides the common ones, `Broken` when the status row and the events do not go together: half a change was seen.
    pub fn update_details(&self, id: UpdateId) -> Result<Option<UpdateDetails>> {
        let Some(update) = self.update(id)? else { return Ok(None) };
        let expected = usize::try_from(update.events).unwrap_or(usize::MAX);
        // The row's number is no promise of room: a wrong one must not allocate.
        let events: Vec<InstanceEvent> = self.events(INSTANCE_EVENTS, id.0, expected.min(1 << 16), || id.named())?;
        if events.len() != expected {
            let found = events.len();
            return Err(Error::broken(format_args!("update {id} has {found} events, but its status row says {expected}")));
        }
        match events.last() {
            Some(last) if last.at != update.modified => Err(Error::broken(format_args!(
                "the last event of update {id} is of {}, but its status row is of {}",
                last.at.0, update.modified.0
            ))),
            _ => Ok(Some(UpdateDetails { update, events })),
        }
    }

    /// At most `limit` ids of tasks by an index, ascending, those behind `after`: pages that do not shift while tasks come and go.
    pub fn tasks_of(&self, of: TasksOf, after: Option<TaskId>, limit: usize) -> Result<Vec<TaskId>> {
        let (index, first) = of.index();
        Ok(self.seconds(index, first, after.map(|id| id.0), limit)?.into_iter().map(TaskId).collect())
    }

    /// How many tasks an index has for `of`. Cost: O(log n), without reading them.
    pub fn count_of(&self, of: TasksOf) -> Result<u64> {
        let (index, first) = of.index();
        let table = self.reader.table(index)?;
        let under = Under::new(first);
        let last = u64::from(table.contains(under.end())?);
        Ok(table.rank(under.end())? + last - table.rank(under.start())?)
    }

    /// At most `limit` updates of a job, ascending, those behind `after`.
    pub fn updates_of(&self, job: JobId, after: Option<UpdateId>, limit: usize) -> Result<Vec<UpdateId>> {
        Ok(self.seconds(UPDATES_BY_JOB, job.0, after.map(|id| id.0), limit)?.into_iter().map(UpdateId).collect())
    }

    /// The second numbers of keys that begin with `first`.
    fn seconds(&self, index: &str, first: u64, after: Option<u64>, limit: usize) -> Result<Vec<u64>> {
        let under = match after {
            None => Some(Under::new(first)),
            Some(after) => Under::after(first, after),
        };
        let Some(under) = under else { return Ok(Vec::new()) };
        let table = self.reader.table(index)?;
        let range = table.range(under.bounds())?;
        range.take(limit).map(|entry| Ok(key::parse_two(&entry?.0, index)?.1)).collect()
    }

    /// The events under `owner`, which must be numbered without gaps.
    fn events<T: DeserializeOwned>(&self, table: &str, owner: u64, expected: usize, name: impl Fn() -> String) -> Result<Vec<T>> {
        let under = Under::new(owner);
        let table_handle = self.reader.table(table)?;
        let mut events = Vec::with_capacity(expected);
        for entry in table_handle.range(under.bounds())? {
            let (key, value) = entry?;
            let number = key::parse_two(&key, table)?.1;
            if number != events.len() as u64 {
                return Err(Error::broken(format_args!("{} has event {number}, but no event {}", name(), events.len())));
            }
            events.push(row::decode(value, &format_args!("event {number} of {owner} in {table}"))?);
        }
        Ok(events)
    }

    fn row<T: DeserializeOwned>(&self, table: &str, id: u64, name: impl FnOnce() -> String) -> Result<Option<T>> {
        match self.reader.table(table)?.get(&key::one(id))? {
            None => Ok(None),
            Some(bytes) => match row::decode(bytes, &id) {
                Ok(row) => Ok(Some(row)),
                Err(e) => Err(e.within(name())),
            },
        }
    }
}
