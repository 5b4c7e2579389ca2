//! A cluster in memory: what a task store is loaded from.
//!
//! It is made from a trace ([`Cluster::from_trace`]) or from a seed ([`crate::generate`]), and the job of the update storm is added
//! to either ([`Cluster::add_storm_job`]). Configurations are described, not held: their texts are made when they are stored.
//!
//! Invariants, which [`crate::tasks::TaskStore::load`] checks again:
//! 1. Ids ascend strictly in every list.
//! 2. A task's state, times and number of events are those of its events; an update's number of events is that of its events.
//! 3. Every job, host, task and configuration that is named is there.

use crate::config::{ConfigHash, ConfigSpec};
use crate::error::{Error, Result};
use crate::model::{
    Host, HostId, InstanceAction, InstanceEvent, Job, JobId, Millis, Requests, Task, TaskEvent, TaskId, TaskState, Update,
    UpdateId, UpdateStatus,
};
use crate::trace::{Node, Phase, Pod};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, HashMap};

/// A task with its events.
pub type TaskWithEvents = (TaskId, Task, Vec<TaskEvent>);
/// An update with its instance events.
pub type UpdateWithEvents = (UpdateId, Update, Vec<InstanceEvent>);

/// Everything that a scheduler knows of a cluster at one moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Cluster {
    /// Hosts by id.
    pub hosts: Vec<(HostId, Host)>,
    /// Jobs by id.
    pub jobs: Vec<(JobId, Job)>,
    /// Tasks by id.
    pub tasks: Vec<TaskWithEvents>,
    /// Updates by id.
    pub updates: Vec<UpdateWithEvents>,
    /// What the configurations' texts are made from, by their hash.
    pub configurations: BTreeMap<ConfigHash, ConfigSpec>,
}

/// Sizes of the update storm's job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StormSizes {
    /// Instances of the job, 1 or more; the published storm has 4,000.
    pub instances: u32,
    /// Instances that an update changes at a time, 1 or more; published: 1,000.
    pub batch: u32,
    /// Updates of the job that are over when the storm begins; published: 20.
    pub other_updates: u32,
    /// Events of each of them; published: 8,000.
    pub events_per_update: u32,
    /// Length of the job's two configurations; published: 10 KB.
    pub configuration_bytes: u32,
}

impl StormSizes {
    /// The published storm.
    #[must_use]
    pub fn published() -> StormSizes {
        StormSizes { instances: 4_000, batch: 1_000, other_updates: 20, events_per_update: 8_000, configuration_bytes: 10_240 }
    }

    /// A storm for tests.
    #[must_use]
    pub fn tiny() -> StormSizes {
        StormSizes { instances: 12, batch: 5, other_updates: 2, events_per_update: 24, configuration_bytes: 1_000 }
    }
}

/// Where the update storm's job stands in a cluster. It is stored with the cluster, so that any process can go on with the storm.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StormJob {
    /// The job.
    pub job: JobId,
    /// Its instance 0; instance i is the task i further.
    pub first_task: TaskId,
    /// Its instances.
    pub instances: u32,
    /// Instances changed at a time.
    pub batch: u32,
    /// The configuration that its tasks have.
    pub from: ConfigHash,
    /// The configuration that its updates lead to.
    pub to: ConfigHash,
    /// The first of its updates that are over; the others follow.
    pub first_update: UpdateId,
    /// How many of them there are.
    pub other_updates: u32,
    /// Events of each of them.
    pub events_per_update: u32,
    /// A time after every time in the cluster.
    pub after: Millis,
}

impl Cluster {
    /// A cluster from a trace. Pods of equal requests and class form a job, numbered from 1 in order of appearance; each job has one
    /// configuration of `configuration_bytes`. The trace does not say where a pod ran: pods are placed next-fit, and where nothing has
    /// room, on the next host all the same.
    ///
    /// # Errors
    /// `Input` when pods were placed but there is no node, or when a configuration would be too long.
    pub fn from_trace(pods: &[Pod], nodes: &[Node], configuration_bytes: u32) -> Result<Cluster> {
        let mut cluster = Cluster::default();
        for (number, node) in (1..).zip(nodes) {
            let Node { name, cpu_milli, memory_mib, num_gpu, model } = node.clone();
            cluster.hosts.push((HostId(number), Host { name, cpu_milli, memory_mib, num_gpu, model }));
        }
        let mut places = Places::new(&cluster.hosts);
        let mut numbers = HashMap::new();
        for (number, pod) in (1..).zip(pods) {
            let class = (pod.requests, pod.gpu_spec.as_str(), pod.qos);
            let job = *numbers.entry(class).or_insert(JobId(cluster.jobs.len() as u64 + 1));
            if job.0 > cluster.jobs.len() as u64 {
                let spec = ConfigSpec { job, variant: 0, requests: pod.requests, len_bytes: configuration_bytes, seed: 0 };
                let configuration = cluster.add_configuration(spec)?;
                let (requests, gpu_spec, qos) = (pod.requests, pod.gpu_spec.clone(), pod.qos);
                cluster.jobs.push((job, Job { requests, gpu_spec, qos, instances: 0, configuration }));
            }
            let row = &mut cluster.jobs[job.0 as usize - 1].1;
            let (instance, configuration) = (row.instances, row.configuration);
            row.instances += 1;
            let host = match pod.scheduled {
                Some(_) => Some(places.next(&pod.requests).ok_or_else(|| {
                    Error::input(format!("pod {} was placed, but there is no node to place it on: give a node list", pod.name))
                })?),
                None => None,
            };
            cluster.tasks.push(task_with_events(TaskId(number), job, instance, host, configuration, &life(pod)));
        }
        Ok(cluster)
    }

    /// Adds the job of the update storm: all its instances run, and `other_updates` of its updates are over.
    ///
    /// # Errors
    /// `Input` when a size is out of its range.
    pub fn add_storm_job(&mut self, sizes: &StormSizes, seed: u64) -> Result<StormJob> {
        let &StormSizes { instances, batch, other_updates, events_per_update, configuration_bytes } = sizes;
        if instances == 0 || batch == 0 {
            return Err(Error::input("the storm's job needs 1 or more instances and a batch of 1 or more"));
        }
        let job = JobId(self.jobs.last().map_or(0, |(id, _)| id.0) + 1);
        let requests = Requests { cpu_milli: 1_000, memory_mib: 2_048, num_gpu: 0, gpu_milli: 0 };
        let spec = |variant| ConfigSpec { job, variant, requests, len_bytes: configuration_bytes, seed };
        let (from, to) = (self.add_configuration(spec(0))?, self.add_configuration(spec(1))?);
        let first_task = TaskId(self.tasks.last().map_or(0, |(id, ..)| id.0) + 1);
        let first_update = UpdateId(self.updates.last().map_or(0, |(id, ..)| id.0) + 1);
        let start = self.end();
        let row =
            Job { requests, gpu_spec: String::new(), qos: crate::model::Qos::LatencySensitive, instances, configuration: from };
        self.jobs.push((job, row));
        let hosts = self.hosts.len();
        for instance in 0..instances {
            let host = if hosts == 0 { None } else { Some(self.hosts[instance as usize % hosts].0) };
            let life = RUNNING_LIFE.map(|state| (start, state));
            self.tasks.push(task_with_events(TaskId(first_task.0 + u64::from(instance)), job, instance, host, from, &life));
        }
        let mut storm = StormJob {
            job,
            first_task,
            instances,
            batch,
            from,
            to,
            first_update,
            other_updates,
            events_per_update,
            after: Millis(start.0 + 1),
        };
        for number in 0..u64::from(other_updates) {
            let created = storm.after;
            let events: Vec<InstanceEvent> =
                (0..u64::from(events_per_update)).map(|k| storm.event(0, 1, k, Millis(created.0 + k))).collect();
            storm.after = Millis(created.0 + u64::from(events_per_update) + 1);
            let status = UpdateStatus::RolledForward;
            self.updates.push(update_with_events(
                UpdateId(first_update.0 + number),
                job,
                status,
                (from, to),
                batch,
                created,
                events,
            ));
        }
        Ok(storm)
    }

    /// Describes a configuration and gives its hash.
    pub(crate) fn add_configuration(&mut self, spec: ConfigSpec) -> Result<ConfigHash> {
        let hash = ConfigHash::of(&spec.text()?);
        self.configurations.insert(hash, spec);
        Ok(hash)
    }

    /// The newest time of any row.
    fn end(&self) -> Millis {
        let tasks = self.tasks.iter().map(|(_, task, _)| task.modified);
        tasks.chain(self.updates.iter().map(|(_, update, _)| update.modified)).max().unwrap_or_default()
    }
}

impl StormJob {
    /// Instances that lane `lane` of `lanes` changes: i, i + lanes, i + 2 lanes ... 0 when there are more lanes than instances.
    #[must_use]
    pub fn lane_instances(&self, lane: u32, lanes: u32) -> u32 {
        self.instances.saturating_sub(lane).div_ceil(lanes.max(1))
    }

    /// Event number `k` of an update that lane `lane` of `lanes` plays: batch after batch, first every instance of the batch begins
    /// to change, then every one is complete. Beyond two events an instance it starts again.
    #[must_use]
    pub fn event(&self, lane: u32, lanes: u32, k: u64, at: Millis) -> InstanceEvent {
        let instances = u64::from(self.lane_instances(lane, lanes).max(1));
        let batch = u64::from(self.batch);
        let k = k % (2 * instances);
        let first = k / (2 * batch) * batch;
        let len = batch.min(instances - first);
        let (stage, place) = ((k - 2 * first) / len, (k - 2 * first) % len);
        let instance = (first + place) as u32 * lanes + lane;
        let action = if stage == 0 { InstanceAction::Updating } else { InstanceAction::Updated };
        InstanceEvent { at, instance, task: self.task(instance), action }
    }

    /// The task of an instance.
    #[must_use]
    pub fn task(&self, instance: u32) -> TaskId {
        TaskId(self.first_task.0 + u64::from(instance))
    }
}

/// The states of a task that runs.
pub(crate) const RUNNING_LIFE: [TaskState; 4] =
    [TaskState::Pending, TaskState::Assigned, TaskState::Starting, TaskState::Running];

/// A task whose row says what its events say. `life` has one event or more.
pub(crate) fn task_with_events(
    id: TaskId,
    job: JobId,
    instance: u32,
    host: Option<HostId>,
    configuration: ConfigHash,
    life: &[(Millis, TaskState)],
) -> TaskWithEvents {
    let events: Vec<TaskEvent> = life.iter().map(|&(at, state)| TaskEvent { at, state }).collect();
    let (first, last) = (events[0], events[events.len() - 1]);
    let (state, created, modified) = (last.state, first.at, last.at);
    let row = Task { job, instance, state, host, configuration, created, modified, events: events.len() as u32 };
    (id, row, events)
}

/// An update whose row says what its events say.
pub(crate) fn update_with_events(
    id: UpdateId,
    job: JobId,
    status: UpdateStatus,
    (from, to): (ConfigHash, ConfigHash),
    batch: u32,
    created: Millis,
    events: Vec<InstanceEvent>,
) -> UpdateWithEvents {
    let modified = events.last().map_or(created, |event| event.at);
    (id, Update { job, status, from, to, batch, created, modified, events: events.len() as u64 }, events)
}

/// The states that a pod of the trace went through.
fn life(pod: &Pod) -> Vec<(Millis, TaskState)> {
    let mut life = vec![(pod.created, TaskState::Pending)];
    if let Some(scheduled) = pod.scheduled {
        life.extend(RUNNING_LIFE[1..].iter().map(|&state| (scheduled, state)));
        let end = pod.deleted.unwrap_or(scheduled).max(scheduled);
        match pod.phase {
            Phase::Succeeded => life.push((end, TaskState::Finished)),
            Phase::Failed => life.push((end, TaskState::Failed)),
            Phase::Pending | Phase::Running => {}
        }
    }
    life
}

/// Next-fit placement.
struct Places {
    /// What is left of each host: processor, memory, thousandths of accelerators.
    left: Vec<(HostId, u64, u64, u64)>,
    at: usize,
}

impl Places {
    fn new(hosts: &[(HostId, Host)]) -> Places {
        let left = hosts.iter().map(|(id, h)| (*id, h.cpu_milli, h.memory_mib, u64::from(h.num_gpu) * 1000)).collect();
        Places { left, at: 0 }
    }

    /// The next host with room for `requests`, or else the next one; nothing without hosts.
    fn next(&mut self, requests: &Requests) -> Option<HostId> {
        let count = self.left.len();
        let gpu = u64::from(requests.num_gpu) * u64::from(requests.gpu_milli);
        let fits = |&(_, cpu, memory, gpus): &(HostId, u64, u64, u64)| {
            cpu >= requests.cpu_milli && memory >= requests.memory_mib && gpus >= gpu
        };
        let step = (0..count).find(|step| fits(&self.left[(self.at + step) % count])).unwrap_or(1);
        self.at = (self.at + step).checked_rem(count)?;
        let (id, cpu, memory, gpus) = &mut self.left[self.at];
        *cpu = cpu.saturating_sub(requests.cpu_milli);
        *memory = memory.saturating_sub(requests.memory_mib);
        *gpus = gpus.saturating_sub(gpu);
        Some(*id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trace::{OnBadLine, parse_nodes, parse_pods};
    use std::path::Path;

    /// Pods of equal requests and class are one job, others are not; rows say what the events say.
    #[test]
    fn pods_of_equal_requests_and_class_form_a_job() {
        let pods = "name,cpu_milli,memory_mib,num_gpu,gpu_milli,gpu_spec,qos,pod_phase,creation_time,deletion_time,scheduled_time\n\
                    a,1000,10,0,0,,LS,Running,1,9,2\n\
                    b,1000,10,0,0,,BE,Failed,1,9,2\n\
                    c,1000,10,0,0,,LS,Pending,1,,\n\
                    d,1000,10,0,0,T4,LS,Succeeded,1,1,2\n";
        let pods = parse_pods(pods.as_bytes(), Path::new("p"), OnBadLine::Refuse).unwrap().items;
        let nodes = "sn,cpu_milli,memory_mib,gpu,model\nx,1000,10,0,\ny,2000,20,0,\n";
        let nodes = parse_nodes(nodes.as_bytes(), Path::new("n"), OnBadLine::Refuse).unwrap().items;
        let cluster = Cluster::from_trace(&pods, &nodes, 500).unwrap();
        let jobs: Vec<(u64, u32)> = cluster.jobs.iter().map(|(id, job)| (id.0, job.instances)).collect();
        assert_eq!(jobs, [(1, 2), (2, 1), (3, 1)]);
        assert_eq!(cluster.configurations.len(), 3);
        let rows: Vec<_> = cluster.tasks.iter().map(|(_, t, e)| (t.job.0, t.instance, t.state, t.host, e.len())).collect();
        let expected = [
            (1, 0, TaskState::Running, Some(HostId(1)), 4),
            (2, 0, TaskState::Failed, Some(HostId(2)), 5),
            (1, 1, TaskState::Pending, None, 1),
            (3, 0, TaskState::Finished, Some(HostId(2)), 5),
        ];
        assert_eq!(rows, expected);
        assert!(Cluster::from_trace(&pods, &[], 500).unwrap_err().to_string().contains("pod a was placed"));
    }

    /// An update changes every instance of its lane once: begun and completed, batch after batch.
    #[test]
    fn a_lane_changes_each_of_its_instances_once() {
        let mut cluster = Cluster::default();
        let storm = cluster.add_storm_job(&StormSizes::tiny(), 1).unwrap();
        for lanes in 1..=13 {
            let mut seen = Vec::new();
            for lane in 0..lanes {
                let count = u64::from(storm.lane_instances(lane, lanes));
                let events: Vec<_> = (0..2 * count).map(|k| storm.event(lane, lanes, k, Millis(k))).collect();
                for updated in events.iter().filter(|e| e.action == InstanceAction::Updated) {
                    let begun = events.iter().find(|e| e.instance == updated.instance).unwrap();
                    assert!(begun.action == InstanceAction::Updating && begun.at < updated.at);
                    seen.push(updated.instance);
                }
            }
            seen.sort_unstable();
            assert_eq!(seen, (0..12).collect::<Vec<u32>>(), "{lanes} lanes");
        }
        let bad = StormSizes { batch: 0, ..StormSizes::tiny() };
        assert!(cluster.add_storm_job(&bad, 1).is_err());
    }
}
