//! The checker: proves the invariants of the task store of a snapshot; and a digest of everything that a snapshot has.
//!
//! One pass over each table, in order; memory for the configurations' counts alone.

use super::key::{self, ALL};
use super::{
    CONFIGURATION_USES, CONFIGURATIONS, HOSTS, INSTANCE_EVENTS, JOBS, TASK_EVENTS, TASKS, TASKS_BY_HOST, TASKS_BY_JOB,
    TASKS_BY_STATE, UPDATES, UPDATES_BY_JOB, row,
};
use crate::config::ConfigHash;
use crate::error::{ErrorKind, Result};
use crate::model::{InstanceEvent, Job, Millis, Task, TaskEvent, Update};
use serde::de::DeserializeOwned;
use std::collections::HashMap;
use std::iter::Peekable;
use treering::{Reader, Snapshot};

/// Problems that are told one by one; the others are counted.
const MOST_PROBLEMS: usize = 100;

/// What the checker found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Verified {
    /// Jobs.
    pub jobs: u64,
    /// Hosts.
    pub hosts: u64,
    /// Tasks.
    pub tasks: u64,
    /// Events of tasks.
    pub task_events: u64,
    /// Updates.
    pub updates: u64,
    /// Instance events.
    pub instance_events: u64,
    /// Different configurations.
    pub configurations: u64,
    /// Number of broken invariants.
    pub problem_count: u64,
    /// The first hundred of them.
    pub problems: Vec<String>,
}

impl Verified {
    /// No invariant is broken.
    #[must_use]
    pub fn is_sound(&self) -> bool {
        self.problem_count == 0
    }

    fn problem(&mut self, what: String) {
        self.problem_count += 1;
        if self.problems.len() < MOST_PROBLEMS {
            self.problems.push(what);
        }
    }

    fn check(&mut self, holds: bool, what: impl FnOnce() -> String) {
        if !holds {
            self.problem(what());
        }
    }
}

/// Proves every invariant of the task store (see [`crate::tasks`]) of one version. Cost: O(everything).
///
/// # Errors
/// The engine's. A broken invariant, also a row that cannot be read, is no error but a problem of the result.
pub fn verify(snapshot: &Snapshot) -> Result<Verified> {
    let reader = snapshot.reader();
    let mut check = Check { reader: &reader, found: Verified::default(), uses: HashMap::new() };
    check.jobs()?;
    check.hosts()?;
    check.tasks()?;
    check.updates()?;
    check.configurations()?;
    Ok(check.found)
}

/// A BLAKE3 digest of all tables, keys and values of one version: two stores with one digest have the same contents.
///
/// # Errors
/// The engine's.
pub fn digest(snapshot: &Snapshot) -> Result<[u8; 32]> {
    let reader = snapshot.reader();
    let mut names: Vec<String> = reader.tables().into_iter().map(|info| info.name).collect();
    names.sort_unstable();
    let mut hasher = blake3::Hasher::new();
    let mut add = |bytes: &[u8]| {
        hasher.update(&(bytes.len() as u64).to_le_bytes());
        hasher.update(bytes);
    };
    for name in &names {
        let table = reader.table(name)?;
        add(name.as_bytes());
        add(&table.len().to_le_bytes());
        for entry in table.range(ALL)? {
            let (key, value) = entry?;
            add(&key);
            add(value);
        }
    }
    Ok(*hasher.finalize().as_bytes())
}

struct Check<'r, 's> {
    reader: &'r Reader<'s>,
    found: Verified,
    /// How many rows name each configuration.
    uses: HashMap<ConfigHash, u64>,
}

impl Check<'_, '_> {
    fn jobs(&mut self) -> Result<()> {
        for entry in self.reader.table(JOBS)?.range(ALL)? {
            let (key, value) = entry?;
            self.found.jobs += 1;
            if let Some((_, job)) = self.owned::<Job>(JOBS, &key, value)? {
                *self.uses.entry(job.configuration).or_default() += 1;
            }
        }
        Ok(())
    }

    fn hosts(&mut self) -> Result<()> {
        for entry in self.reader.table(HOSTS)?.range(ALL)? {
            let (key, value) = entry?;
            self.found.hosts += 1;
            self.owned::<crate::model::Host>(HOSTS, &key, value)?;
        }
        Ok(())
    }

    fn tasks(&mut self) -> Result<()> {
        let table = self.reader.table(TASKS)?;
        let events_table = self.reader.table(TASK_EVENTS)?;
        let mut events = events_table.range(ALL)?.peekable();
        let (hosts, jobs) = (self.reader.table(HOSTS)?, self.reader.table(JOBS)?);
        let [by_job, by_host, by_state] = [TASKS_BY_JOB, TASKS_BY_HOST, TASKS_BY_STATE].map(|name| self.reader.table(name));
        let (by_job, by_host, by_state) = (by_job?, by_host?, by_state?);
        let mut with_host = 0;
        for entry in table.range(ALL)? {
            let (key, value) = entry?;
            self.found.tasks += 1;
            let Some((id, task)) = self.owned::<Task>(TASKS, &key, value)? else { continue };
            *self.uses.entry(task.configuration).or_default() += 1;
            let Task { job, state, host, created, modified, events: count, .. } = task;
            let summary = self.events_of::<TaskEvent>(&mut events, TASK_EVENTS, id)?;
            self.found.task_events += summary.count;
            let first_and_last = summary.first.zip(summary.last).map(|(f, l)| (f.at, l.at, l.state));
            self.found.check(summary.count == u64::from(count) && first_and_last == Some((created, modified, state)), || {
                format!("task {id} has {} events, the last {:?}; its row says {count} and {state:?}", summary.count, summary.last)
            });
            let there = by_job.contains(&key::two(job.0, id))?;
            self.found.check(there, || format!("index {TASKS_BY_JOB} lacks task {id} of job {job}"));
            let there = by_state.contains(&key::two(u64::from(u8::from(state)), id))?;
            self.found.check(there, || format!("index {TASKS_BY_STATE} lacks task {id} in state {state:?}"));
            let there = jobs.contains(&key::one(job.0))?;
            self.found.check(there, || format!("task {id} is of job {job}, which is not there"));
            if let Some(host) = host {
                with_host += 1;
                let there = by_host.contains(&key::two(host.0, id))?;
                self.found.check(there, || format!("index {TASKS_BY_HOST} lacks task {id} on host {host}"));
                let there = hosts.contains(&key::one(host.0))?;
                self.found.check(there, || format!("task {id} is on host {host}, which is not there"));
            }
        }
        self.rest(&mut events, TASK_EVENTS)?;
        // Each row has its entries, so an index of as many entries as the rows ask for has no others.
        let tasks = self.found.tasks;
        self.index_len(TASKS_BY_JOB, by_job.len(), tasks);
        self.index_len(TASKS_BY_STATE, by_state.len(), tasks);
        self.index_len(TASKS_BY_HOST, by_host.len(), with_host);
        Ok(())
    }

    fn updates(&mut self) -> Result<()> {
        let table = self.reader.table(UPDATES)?;
        let events_table = self.reader.table(INSTANCE_EVENTS)?;
        let mut events = events_table.range(ALL)?.peekable();
        let by_job = self.reader.table(UPDATES_BY_JOB)?;
        for entry in table.range(ALL)? {
            let (key, value) = entry?;
            self.found.updates += 1;
            let Some((id, update)) = self.owned::<Update>(UPDATES, &key, value)? else { continue };
            for hash in [update.from, update.to] {
                *self.uses.entry(hash).or_default() += 1;
            }
            let summary = self.events_of::<InstanceEvent>(&mut events, INSTANCE_EVENTS, id)?;
            self.found.instance_events += summary.count;
            self.found.check(summary.count == update.events, || {
                format!("update {id} has {} events; its status row says {}", summary.count, update.events)
            });
            let last: Millis = summary.last.map_or(update.created, |event| event.at);
            self.found.check(last == update.modified, || {
                format!("the last event of update {id} is of {}; its status row says {}", last.0, update.modified.0)
            });
            let there = by_job.contains(&key::two(update.job.0, id))?;
            self.found.check(there, || format!("index {UPDATES_BY_JOB} lacks update {id} of job {}", update.job));
        }
        self.rest(&mut events, INSTANCE_EVENTS)?;
        let updates = self.found.updates;
        self.index_len(UPDATES_BY_JOB, by_job.len(), updates);
        Ok(())
    }

    fn configurations(&mut self) -> Result<()> {
        let table = self.reader.table(CONFIGURATIONS)?;
        let uses_table = self.reader.table(CONFIGURATION_USES)?;
        for entry in table.range(ALL)? {
            let (key, text) = entry?;
            self.found.configurations += 1;
            let hash = ConfigHash::of(text);
            self.found
                .check(hash.0[..] == key[..], || format!("the text of a configuration has hash {hash}, not that of its key"));
            let named = self.uses.remove(&hash).unwrap_or(0);
            let counted = uses_table.get(&key)?.map(|bytes| row::decode::<u64>(bytes, &hash));
            let holds = matches!(counted, Some(Ok(count)) if count == named);
            self.found.check(holds, || format!("configuration {hash} is named {named} times; its row of uses says {counted:?}"));
        }
        self.index_len(CONFIGURATION_USES, uses_table.len(), table.len());
        for (hash, named) in std::mem::take(&mut self.uses) {
            self.found.problem(format!("configuration {hash} is named {named} times, but is not there"));
        }
        Ok(())
    }

    /// A row with its id; a problem when it cannot be read.
    fn owned<T: DeserializeOwned>(&mut self, table: &str, key: &[u8], value: &[u8]) -> Result<Option<(u64, T)>> {
        let read = || {
            let id = key::parse_one(key, table)?;
            Ok((id, row::decode(value, &format_args!("{id} in table {table}"))?))
        };
        self.readable(read())
    }

    /// What was read, or a problem.
    fn readable<T>(&mut self, read: Result<T>) -> Result<Option<T>> {
        match read {
            Ok(read) => Ok(Some(read)),
            Err(e) if e.kind() == ErrorKind::Broken => {
                self.found.problem(e.to_string());
                Ok(None)
            }
            Err(e) => Err(e),
        }
    }

    /// Takes the events of `owner` off `events`; those of owners that are not there come before and are problems.
    fn events_of<T: DeserializeOwned + Copy>(
        &mut self,
        events: &mut Peekable<treering::Range<'_>>,
        table: &str,
        owner: u64,
    ) -> Result<Summary<T>> {
        let mut summary = Summary { count: 0, first: None, last: None };
        while let Some(entry) = events.next_if(|entry| !matches!(entry, Ok((key, _)) if is_behind(key, owner))) {
            let (key, value) = entry?;
            let Some((of, number)) = self.readable(key::parse_two(&key, table))? else { continue };
            if of != owner {
                self.found.problem(format!("event {number} in table {table} is of {of}, which is not there"));
                continue;
            }
            self.found.check(number == summary.count, || {
                format!("event {number} of {owner} in table {table} should be number {}", summary.count)
            });
            summary.count += 1;
            if let Some(event) = self.readable(row::decode(value, &format_args!("event {number} of {owner} in {table}")))? {
                summary.first = summary.first.or(Some(event));
                summary.last = Some(event);
            }
        }
        Ok(summary)
    }

    /// Events behind the last owner are problems.
    fn rest(&mut self, events: &mut Peekable<treering::Range<'_>>, table: &str) -> Result<()> {
        for entry in events {
            let (key, _) = entry?;
            self.found.problem(format!("an event in table {table} has no owner: key {:02x?}", &*key));
        }
        Ok(())
    }

    fn index_len(&mut self, index: &str, found: u64, expected: u64) {
        self.found.check(found == expected, || format!("table {index} has {found} entries, its rows ask for {expected}"));
    }
}

/// The event's key is of an owner behind `owner`.
fn is_behind(key: &[u8], owner: u64) -> bool {
    key.get(..8).is_some_and(|first| *first > key::one(owner)[..])
}

/// The events of one owner.
struct Summary<T> {
    count: u64,
    first: Option<T>,
    last: Option<T>,
}
