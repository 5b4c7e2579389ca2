//! Changing a task store: one transaction, rows and indexes together.
//!
//! Every method looks before it writes: one that fails with `NotFound`, `Conflict` or `Input` has changed nothing, and the change may
//! go on. After an error of the engine it should be dropped.

use super::key::{self, Under};
use super::{
    CONFIGURATION_USES, CONFIGURATIONS, HOSTS, INSTANCE_EVENTS, JOBS, TASK_EVENTS, TASKS, TASKS_BY_HOST, TASKS_BY_JOB,
    TASKS_BY_STATE, UPDATES, UPDATES_BY_JOB, must, row,
};
use crate::config::{ConfigHash, MAX_CONFIGURATION_BYTES};
use crate::error::{Error, ErrorKind, Result};
use crate::model::{
    Host, HostId, InstanceEvent, Job, JobId, Millis, Task, TaskEvent, TaskId, TaskState, Update, UpdateId, UpdateStatus,
};
use serde::{Serialize, de::DeserializeOwned};
use std::fmt::Display;
use treering::{Durability, WriteTxn};

/// What a task is when it is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NewTask {
    /// Its job, which must be there.
    pub job: JobId,
    /// Which instance of the job.
    pub instance: u32,
    /// Its configuration, which must be there.
    pub configuration: ConfigHash,
}

/// What an update is when it is begun.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NewUpdate {
    /// The job that is changed, which must be there.
    pub job: JobId,
    /// The configuration that the instances have, which must be there.
    pub from: ConfigHash,
    /// The configuration that they get, which must be there.
    pub to: ConfigHash,
    /// Instances that are changed at a time.
    pub batch: u32,
}

/// A change in the making: holds the writer's turn. Dropped without [`Change::commit`] it never was.
pub struct Change {
    txn: WriteTxn,
}

impl Change {
    pub(super) fn new(txn: WriteTxn) -> Change {
        Change { txn }
    }

    /// How the commit is kept; synced unless said otherwise.
    pub fn set_durability(&mut self, durability: Durability) {
        self.txn.set_durability(durability);
    }

    /// Commits all of it at once and gives the version that has it.
    ///
    /// # Errors
    /// The engine's.
    pub fn commit(self) -> Result<u64> {
        Ok(self.txn.commit()?)
    }

    /// A task as this change has it so far.
    ///
    /// # Errors
    /// The engine's; `Broken`.
    pub fn task(&self, id: TaskId) -> Result<Option<Task>> {
        self.get(TASKS, &key::one(id.0), &format_args!("task {id}"))
    }

    /// An update's status as this change has it so far.
    ///
    /// # Errors
    /// The engine's; `Broken`.
    pub fn update(&self, id: UpdateId) -> Result<Option<Update>> {
        self.get(UPDATES, &key::one(id.0), &format_args!("update {id}"))
    }

    /// Stores a host, new or changed.
    ///
    /// # Errors
    /// The engine's.
    pub fn save_host(&mut self, id: HostId, host: &Host) -> Result<()> {
        self.put(HOSTS, &key::one(id.0), host)
    }

    /// Stores a configuration under the hash of its text. An equal one is not stored again. It is kept until the last row that names
    /// it is gone, or until [`Change::remove_unused_configurations`] when no row ever did.
    ///
    /// # Errors
    /// `Input` when it is longer than [`MAX_CONFIGURATION_BYTES`]; the engine's.
    pub fn save_configuration(&mut self, text: &[u8]) -> Result<ConfigHash> {
        if text.len() > MAX_CONFIGURATION_BYTES {
            let len = text.len();
            return Err(Error::input(format!("a configuration of {len} bytes: at most {MAX_CONFIGURATION_BYTES} are stored")));
        }
        let hash = ConfigHash::of(text);
        if self.uses(&hash)?.is_none() {
            self.txn.open_table(CONFIGURATIONS)?.insert(&hash.0, text)?;
            self.put(CONFIGURATION_USES, &hash.0, &0u64)?;
        }
        Ok(hash)
    }

    /// Removes the configurations that no row names and gives their number. Cost: O(configurations).
    ///
    /// # Errors
    /// The engine's; `Broken`.
    pub fn remove_unused_configurations(&mut self) -> Result<u64> {
        let mut unused = Vec::new();
        {
            let uses = self.txn.open_table(CONFIGURATION_USES)?;
            for entry in uses.range(key::ALL)? {
                let (hash, count) = entry?;
                if row::decode::<u64>(count, &"a configuration's uses")? == 0 {
                    unused.push(hash.to_vec());
                }
            }
        }
        for hash in &unused {
            self.txn.open_table(CONFIGURATION_USES)?.remove(hash)?;
            self.txn.open_table(CONFIGURATIONS)?.remove(hash)?;
        }
        Ok(unused.len() as u64)
    }

    /// Stores a job, new or changed.
    ///
    /// # Errors
    /// `NotFound` when its configuration is not there; the engine's; `Broken`.
    pub fn save_job(&mut self, id: JobId, job: &Job) -> Result<()> {
        self.need_configuration(&job.configuration)?;
        let old: Option<Job> = self.get(JOBS, &key::one(id.0), &format_args!("job {id}"))?;
        self.put(JOBS, &key::one(id.0), job)?;
        self.use_configuration(&job.configuration)?;
        old.map_or(Ok(()), |old| self.release_configuration(&old.configuration))
    }

    /// Stores a new task, pending since `at`.
    ///
    /// # Errors
    /// `Conflict` when the id is taken; `NotFound` when the job or the configuration is not there; the engine's; `Broken`.
    pub fn save_task(&mut self, id: TaskId, new: &NewTask, at: Millis) -> Result<()> {
        let &NewTask { job, instance, configuration } = new;
        if self.task(id)?.is_some() {
            return Err(Error::new(ErrorKind::Conflict, format!("there is a task {id} already")));
        }
        self.need(JOBS, job.0, || job.named())?;
        self.need_configuration(&configuration)?;
        let state = TaskState::Pending;
        let task = Task { job, instance, state, host: None, configuration, created: at, modified: at, events: 1 };
        self.put(TASKS, &key::one(id.0), &task)?;
        self.put(TASK_EVENTS, &key::two(id.0, 0), &TaskEvent { at, state })?;
        self.index(TASKS_BY_JOB, job.0, id.0)?;
        self.index(TASKS_BY_STATE, u64::from(u8::from(state)), id.0)?;
        self.use_configuration(&configuration)
    }

    /// Brings a task into `state`: its row, an event and the index by state. Gives the new row. The same state again is an event too.
    ///
    /// # Errors
    /// `NotFound`; `Conflict` when it has 2^32 - 1 events; the engine's; `Broken`.
    pub fn set_state(&mut self, id: TaskId, state: TaskState, at: Millis) -> Result<Task> {
        let mut task = must(self.task(id)?, || id.named())?;
        let number = task.events;
        let next = number.checked_add(1);
        task.events = next.ok_or_else(|| Error::new(ErrorKind::Conflict, format!("task {id} can have no more events")))?;
        if task.state != state {
            self.unindex(TASKS_BY_STATE, u64::from(u8::from(task.state)), id.0)?;
            self.index(TASKS_BY_STATE, u64::from(u8::from(state)), id.0)?;
        }
        (task.state, task.modified) = (state, at);
        self.put(TASKS, &key::one(id.0), &task)?;
        self.put(TASK_EVENTS, &key::two(id.0, u64::from(number)), &TaskEvent { at, state })?;
        Ok(task)
    }

    /// Gives a task a host, another one, or none: its row and the index by host.
    ///
    /// # Errors
    /// `NotFound` for the task or the host; the engine's; `Broken`.
    pub fn set_host(&mut self, id: TaskId, host: Option<HostId>) -> Result<()> {
        let mut task = must(self.task(id)?, || id.named())?;
        if task.host == host {
            return Ok(());
        }
        if let Some(new) = host {
            self.need(HOSTS, new.0, || new.named())?;
            self.index(TASKS_BY_HOST, new.0, id.0)?;
        }
        if let Some(old) = task.host {
            self.unindex(TASKS_BY_HOST, old.0, id.0)?;
        }
        task.host = host;
        self.put(TASKS, &key::one(id.0), &task)
    }

    /// Removes a task with its events, and its configuration when it was the last to name it.
    ///
    /// # Errors
    /// `NotFound`; the engine's; `Broken`.
    pub fn remove_task(&mut self, id: TaskId) -> Result<()> {
        let task = must(self.task(id)?, || id.named())?;
        self.txn.open_table(TASKS)?.remove(&key::one(id.0))?;
        self.txn.open_table(TASK_EVENTS)?.remove_range(Under::new(id.0).bounds())?;
        self.unindex(TASKS_BY_JOB, task.job.0, id.0)?;
        self.unindex(TASKS_BY_STATE, u64::from(u8::from(task.state)), id.0)?;
        if let Some(host) = task.host {
            self.unindex(TASKS_BY_HOST, host.0, id.0)?;
        }
        self.release_configuration(&task.configuration)
    }

    /// Begins an update: rolling forward, without events.
    ///
    /// # Errors
    /// `Conflict` when the id is taken; `NotFound` when the job or a configuration is not there; the engine's; `Broken`.
    pub fn save_update(&mut self, id: UpdateId, new: &NewUpdate, at: Millis) -> Result<()> {
        let &NewUpdate { job, from, to, batch } = new;
        if self.update(id)?.is_some() {
            return Err(Error::new(ErrorKind::Conflict, format!("there is an update {id} already")));
        }
        self.need(JOBS, job.0, || job.named())?;
        self.need_configuration(&from)?;
        self.need_configuration(&to)?;
        let status = UpdateStatus::RollingForward;
        let update = Update { job, status, from, to, batch, created: at, modified: at, events: 0 };
        self.put(UPDATES, &key::one(id.0), &update)?;
        self.index(UPDATES_BY_JOB, job.0, id.0)?;
        self.use_configuration(&from)?;
        self.use_configuration(&to)
    }

    /// Adds an event of one instance to an update, and sets the update's status, together. Gives the event's number.
    ///
    /// # Errors
    /// `NotFound`; the engine's; `Broken`.
    pub fn add_instance_event(&mut self, id: UpdateId, event: &InstanceEvent, status: UpdateStatus) -> Result<u64> {
        let mut update = must(self.update(id)?, || id.named())?;
        let number = update.events;
        (update.events, update.modified, update.status) = (number + 1, event.at, status);
        self.put(INSTANCE_EVENTS, &key::two(id.0, number), event)?;
        self.put(UPDATES, &key::one(id.0), &update)?;
        Ok(number)
    }

    /// Removes an update with its events.
    ///
    /// # Errors
    /// `NotFound`; the engine's; `Broken`.
    pub fn remove_update(&mut self, id: UpdateId) -> Result<()> {
        let update = must(self.update(id)?, || id.named())?;
        self.txn.open_table(UPDATES)?.remove(&key::one(id.0))?;
        self.txn.open_table(INSTANCE_EVENTS)?.remove_range(Under::new(id.0).bounds())?;
        self.unindex(UPDATES_BY_JOB, update.job.0, id.0)?;
        self.release_configuration(&update.from)?;
        self.release_configuration(&update.to)
    }

    fn uses(&self, hash: &ConfigHash) -> Result<Option<u64>> {
        self.get(CONFIGURATION_USES, &hash.0, &format_args!("the uses of configuration {hash}"))
    }

    fn need_configuration(&self, hash: &ConfigHash) -> Result<()> {
        must(self.uses(hash)?, || format!("configuration {hash}")).map(drop)
    }

    fn use_configuration(&mut self, hash: &ConfigHash) -> Result<()> {
        let uses = self.uses(hash)?.unwrap_or(0) + 1;
        self.put(CONFIGURATION_USES, &hash.0, &uses)
    }

    /// One row less names the configuration; with the last one it goes.
    fn release_configuration(&mut self, hash: &ConfigHash) -> Result<()> {
        match self.uses(hash)? {
            None | Some(0) => Err(Error::broken(format_args!("configuration {hash} is named, but has no uses"))),
            Some(1) => {
                self.txn.open_table(CONFIGURATION_USES)?.remove(&hash.0)?;
                self.txn.open_table(CONFIGURATIONS)?.remove(&hash.0)?;
                Ok(())
            }
            Some(uses) => self.put(CONFIGURATION_USES, &hash.0, &(uses - 1)),
        }
    }

    fn need(&self, table: &str, id: u64, name: impl FnOnce() -> String) -> Result<()> {
        if self.txn.open_table(table)?.contains(&key::one(id))? { Ok(()) } else { Err(Error::not_found(name())) }
    }

    fn index(&mut self, index: &str, first: u64, second: u64) -> Result<()> {
        Ok(self.txn.open_table(index)?.insert(&key::two(first, second), &[])?)
    }

    fn unindex(&mut self, index: &str, first: u64, second: u64) -> Result<()> {
        if self.txn.open_table(index)?.remove(&key::two(first, second))? {
            return Ok(());
        }
        Err(Error::broken(format_args!("index {index} lacks its entry for {first}, {second}")))
    }

    fn get<T: DeserializeOwned>(&self, table: &str, key: &[u8], name: &dyn Display) -> Result<Option<T>> {
        let table = self.txn.open_table(table)?;
        table.get(key)?.map(|bytes| row::decode(bytes, name)).transpose()
    }

    fn put<T: Serialize>(&mut self, table: &str, key: &[u8], value: &T) -> Result<()> {
        Ok(self.txn.open_table(table)?.insert(key, &row::encode(value))?)
    }
}
