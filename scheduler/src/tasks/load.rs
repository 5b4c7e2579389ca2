//! Loading a cluster into an empty task store: sorted, in transactions of a few MiB.
//!
//! Each transaction leaves a store that [`super::verify`] finds sound, so that a reader beside the load sees part of a cluster, never a
//! broken one. A mark says that the load is complete; without it a load was cut off, and the file is to be made anew.

use super::{
    CONFIGURATION_USES, CONFIGURATIONS, HOSTS, INSTANCE_EVENTS, JOBS, TASK_EVENTS, TASKS, TASKS_BY_HOST, TASKS_BY_JOB,
    TASKS_BY_STATE, TaskStore, UPDATES, UPDATES_BY_JOB, key, row,
};
use crate::cluster::Cluster;
use crate::config::ConfigHash;
use crate::error::{Error, ErrorKind, Result};
use crate::model::{Host, HostId, Job, JobId};
use serde::{Deserialize, Serialize};
use std::collections::{HashMap, HashSet};
use treering::{Durability, TableMut, WriteTxn};

/// Bytes of one transaction, about: large enough that its sync does not count, small enough for any dirty budget.
const BATCH_BYTES: u64 = 4 << 20;
/// Name of the mark of a complete load.
const LOADED: &str = "loaded";

/// What a load stored.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Loaded {
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
    /// Instance events of updates.
    pub instance_events: u64,
    /// Different configurations.
    pub configurations: u64,
    /// Length of all configurations together.
    pub configuration_bytes: u64,
    /// Transactions that it took.
    pub transactions: u64,
}

impl TaskStore {
    /// Stores a whole cluster. `advance` is told after each transaction how many rows of the cluster are stored
    /// ([`Loaded::rows`] at the end), and ends the load with its error.
    ///
    /// When this returns, everything is durable; until then a transaction may be lost, but not one in the middle.
    ///
    /// # Errors
    /// `Conflict` when the store has a job, host, task, update or configuration already; `Input` when the cluster breaks an invariant of
    /// [`Cluster`]; the error of `advance`; the engine's.
    pub fn load(&self, cluster: &Cluster, advance: &mut dyn FnMut(u64) -> Result<()>) -> Result<Loaded> {
        self.must_be_empty()?;
        validate(cluster)?;
        let mut loaded = Loaded::default();
        let mut load = Load { store: self, advance, loaded: &mut loaded };
        let configurations: Vec<_> = cluster.configurations.iter().collect();
        load.all(&configurations, |batch, loaded, (hash, spec)| {
            let text = spec.text()?;
            (loaded.configurations, loaded.configuration_bytes) =
                (loaded.configurations + 1, loaded.configuration_bytes + text.len() as u64);
            batch.put(Place::Configurations, &hash.0, &text)?;
            batch.put(Place::Uses, &hash.0, &row::encode(&0u64))
        })?;
        load.all(&cluster.hosts, |batch, loaded, (id, host): &(HostId, Host)| {
            loaded.hosts += 1;
            batch.put(Place::Hosts, &key::one(id.0), &row::encode(host))
        })?;
        load.all(&cluster.jobs, |batch, loaded, (id, job): &(JobId, Job)| {
            loaded.jobs += 1;
            batch.use_configuration(&job.configuration);
            batch.put(Place::Jobs, &key::one(id.0), &row::encode(job))
        })?;
        load.all(&cluster.tasks, |batch, loaded, (id, task, events)| {
            loaded.tasks += 1;
            loaded.task_events += events.len() as u64;
            batch.use_configuration(&task.configuration);
            batch.put(Place::Tasks, &key::one(id.0), &row::encode(task))?;
            batch.put(Place::TasksByJob, &key::two(task.job.0, id.0), &[])?;
            batch.put(Place::TasksByState, &key::two(u64::from(u8::from(task.state)), id.0), &[])?;
            if let Some(host) = task.host {
                batch.put(Place::TasksByHost, &key::two(host.0, id.0), &[])?;
            }
            batch.events(Place::TaskEvents, id.0, events)
        })?;
        load.all(&cluster.updates, |batch, loaded, (id, update, events)| {
            loaded.updates += 1;
            loaded.instance_events += events.len() as u64;
            batch.use_configuration(&update.from);
            batch.use_configuration(&update.to);
            batch.put(Place::Updates, &key::one(id.0), &row::encode(update))?;
            batch.put(Place::UpdatesByJob, &key::two(update.job.0, id.0), &[])?;
            batch.events(Place::InstanceEvents, id.0, events)
        })?;
        self.set_mark(LOADED, &loaded)?;
        Ok(loaded)
    }

    /// What the load stored; nothing when none came to its end.
    ///
    /// # Errors
    /// The engine's; `Broken`.
    pub fn loaded(&self) -> Result<Option<Loaded>> {
        self.mark(LOADED)
    }

    fn must_be_empty(&self) -> Result<()> {
        let snapshot = self.snapshot();
        let reader = snapshot.reader();
        for table in [CONFIGURATIONS, HOSTS, JOBS, TASKS, UPDATES] {
            let len = reader.table(table)?.len();
            if len > 0 {
                let message = format!("table {table} has {len} rows already: load a cluster into a new store");
                return Err(Error::new(ErrorKind::Conflict, message));
            }
        }
        Ok(())
    }
}

impl Loaded {
    /// Rows that a person would count: all but indexes.
    #[must_use]
    pub fn rows(&self) -> u64 {
        self.jobs + self.hosts + self.tasks + self.task_events + self.updates + self.instance_events + self.configurations
    }
}

/// Rows that loading `cluster` will store: what [`Loaded::rows`] will be.
#[must_use]
pub(crate) fn rows_of(cluster: &Cluster) -> u64 {
    let events: usize = cluster.tasks.iter().map(|(.., events)| events.len()).sum();
    let instance_events: usize = cluster.updates.iter().map(|(.., events)| events.len()).sum();
    let heads = cluster.jobs.len() + cluster.hosts.len() + cluster.tasks.len() + cluster.updates.len();
    (heads + cluster.configurations.len() + events + instance_events) as u64
}

/// A load on its way.
struct Load<'a> {
    store: &'a TaskStore,
    advance: &'a mut dyn FnMut(u64) -> Result<()>,
    loaded: &'a mut Loaded,
}

impl Load<'_> {
    /// Stores `items` in batches; `put` stores one.
    fn all<T>(&mut self, items: &[T], put: impl Fn(&mut Batch<'_>, &mut Loaded, &T) -> Result<()>) -> Result<()> {
        let mut rest = items.iter();
        while rest.len() > 0 {
            let mut txn = self.store.store.begin_write()?;
            // The mark at the end is synced, and a synced commit makes those before it durable too.
            txn.set_durability(Durability::Deferred);
            {
                let mut batch = Batch::open(&txn)?;
                while batch.bytes < BATCH_BYTES {
                    let Some(item) = rest.next() else { break };
                    put(&mut batch, self.loaded, item)?;
                }
                batch.count_uses()?;
            }
            txn.commit()?;
            self.loaded.transactions += 1;
            (self.advance)(self.loaded.rows())?;
        }
        Ok(())
    }
}

/// A table of a batch.
#[derive(Clone, Copy)]
enum Place {
    Configurations,
    Uses,
    Hosts,
    Jobs,
    Tasks,
    TaskEvents,
    TasksByJob,
    TasksByHost,
    TasksByState,
    Updates,
    InstanceEvents,
    UpdatesByJob,
}

/// Tables in the order of [`Place`].
const PLACES: [&str; 12] = [
    CONFIGURATIONS,
    CONFIGURATION_USES,
    HOSTS,
    JOBS,
    TASKS,
    TASK_EVENTS,
    TASKS_BY_JOB,
    TASKS_BY_HOST,
    TASKS_BY_STATE,
    UPDATES,
    INSTANCE_EVENTS,
    UPDATES_BY_JOB,
];

/// One transaction of a load, with its tables open.
struct Batch<'t> {
    tables: Vec<TableMut<'t>>,
    bytes: u64,
    /// How many rows of this batch name each configuration.
    uses: HashMap<ConfigHash, u64>,
}

impl<'t> Batch<'t> {
    fn open(txn: &'t WriteTxn) -> Result<Batch<'t>> {
        let tables = PLACES.iter().map(|name| Ok(txn.open_table(name)?)).collect::<Result<_>>()?;
        Ok(Batch { tables, bytes: 0, uses: HashMap::new() })
    }

    fn put(&mut self, place: Place, key: &[u8], value: &[u8]) -> Result<()> {
        self.bytes += (key.len() + value.len()) as u64;
        Ok(self.tables[place as usize].insert(key, value)?)
    }

    fn events<T: Serialize>(&mut self, place: Place, owner: u64, events: &[T]) -> Result<()> {
        (0..).zip(events).try_for_each(|(number, event)| self.put(place, &key::two(owner, number), &row::encode(event)))
    }

    fn use_configuration(&mut self, hash: &ConfigHash) {
        *self.uses.entry(*hash).or_default() += 1;
    }

    fn count_uses(&mut self) -> Result<()> {
        for (hash, more) in std::mem::take(&mut self.uses) {
            let table = &self.tables[Place::Uses as usize];
            let uses: u64 = table.get(&hash.0)?.map(|bytes| row::decode(bytes, &hash)).transpose()?.unwrap_or(0);
            self.put(Place::Uses, &hash.0, &row::encode(&(uses + more)))?;
        }
        Ok(())
    }
}

/// Checks the invariants of [`Cluster`].
fn validate(cluster: &Cluster) -> Result<()> {
    ascending("jobs", cluster.jobs.iter().map(|(id, _)| id.0))?;
    ascending("hosts", cluster.hosts.iter().map(|(id, _)| id.0))?;
    ascending("tasks", cluster.tasks.iter().map(|(id, ..)| id.0))?;
    ascending("updates", cluster.updates.iter().map(|(id, ..)| id.0))?;
    let jobs: HashSet<JobId> = cluster.jobs.iter().map(|(id, _)| *id).collect();
    let hosts: HashSet<HostId> = cluster.hosts.iter().map(|(id, _)| *id).collect();
    let needs =
        |what: String, there: bool| if there { Ok(()) } else { Err(Error::input(format!("{what} is not in the cluster"))) };
    let configuration = |owner: &str, hash: &ConfigHash| {
        needs(format!("configuration {hash} of {owner}"), cluster.configurations.contains_key(hash))
    };
    for (id, job) in &cluster.jobs {
        configuration(&id.named(), &job.configuration)?;
    }
    for (id, task, events) in &cluster.tasks {
        needs(format!("{} of task {id}", task.job.named()), jobs.contains(&task.job))?;
        configuration(&id.named(), &task.configuration)?;
        if let Some(host) = task.host {
            needs(format!("{} of task {id}", host.named()), hosts.contains(&host))?;
        }
        let last = events.last().map(|e| (e.state, e.at));
        if events.len() as u64 != u64::from(task.events) || last != Some((task.state, task.modified)) {
            return Err(Error::input(format!("the row of task {id} does not say what its events say")));
        }
    }
    for (id, update, events) in &cluster.updates {
        needs(format!("{} of update {id}", update.job.named()), jobs.contains(&update.job))?;
        configuration(&id.named(), &update.from)?;
        configuration(&id.named(), &update.to)?;
        if events.len() as u64 != update.events || events.last().is_some_and(|e| e.at != update.modified) {
            return Err(Error::input(format!("the row of update {id} does not say what its events say")));
        }
    }
    Ok(())
}

fn ascending(what: &str, ids: impl Iterator<Item = u64> + Clone) -> Result<()> {
    match ids.clone().zip(ids.skip(1)).find(|(a, b)| a >= b) {
        None => Ok(()),
        Some((a, b)) => Err(Error::input(format!("{what} must have ascending ids, but {b} stands behind {a}"))),
    }
}
