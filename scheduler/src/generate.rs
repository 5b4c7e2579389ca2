//! A cluster from a seed: the same bytes for the same seed and sizes, on every machine.

use crate::cluster::{Cluster, RUNNING_LIFE, task_with_events, update_with_events};
use crate::config::ConfigSpec;
use crate::error::{Error, Result};
use crate::model::{
    Host, HostId, InstanceAction, InstanceEvent, Job, JobId, Millis, Qos, Requests, TaskId, TaskState, UpdateId, UpdateStatus,
};
use crate::trace::Node;

/// Sizes of a generated cluster.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sizes {
    /// Hosts, 1 or more.
    pub hosts: u32,
    /// Jobs, 1 or more.
    pub jobs: u32,
    /// Tasks of each job, 1 or more.
    pub tasks_per_job: u32,
    /// Different configurations of each job, 1 or more; its tasks take them in turn.
    pub configurations_per_job: u32,
    /// Length of each configuration.
    pub configuration_bytes: u32,
    /// Updates, spread over the jobs.
    pub updates: u32,
    /// Instance events of each update.
    pub events_per_update: u32,
}

/// Most rows of any kind that a generated cluster may have: 2^28.
const MAX_ROWS: u64 = 1 << 28;

impl Sizes {
    /// For tests.
    #[must_use]
    pub fn tiny() -> Sizes {
        Sizes {
            hosts: 5,
            jobs: 3,
            tasks_per_job: 7,
            configurations_per_job: 2,
            configuration_bytes: 600,
            updates: 4,
            events_per_update: 6,
        }
    }

    /// For a drill of a minute: a tenth of the published tasks, some 60 MB.
    #[must_use]
    pub fn small() -> Sizes {
        Sizes {
            hosts: 1_000,
            jobs: 100,
            tasks_per_job: 100,
            configurations_per_job: 20,
            configuration_bytes: 10_240,
            updates: 200,
            events_per_update: 500,
        }
    }

    /// The published sizes: 100,000 tasks, 10,000 hosts, 2,000 updates with 500 events. Each task has a configuration of its own, so
    /// that a snapshot has 1 GiB.
    #[must_use]
    pub fn published() -> Sizes {
        Sizes {
            hosts: 10_000,
            jobs: 100,
            tasks_per_job: 1_000,
            configurations_per_job: 1_000,
            configuration_bytes: 10_240,
            updates: 2_000,
            events_per_update: 500,
        }
    }

    fn check(&self) -> Result<()> {
        let count = |name: &str, least: u64, count: u64| {
            let range = least..=MAX_ROWS;
            if range.contains(&count) {
                Ok(())
            } else {
                Err(Error::input(format!("{count} {name}: {least} to {MAX_ROWS} are possible")))
            }
        };
        count("hosts", 1, self.hosts.into())?;
        count("jobs", 1, self.jobs.into())?;
        count("tasks", 1, u64::from(self.jobs) * u64::from(self.tasks_per_job))?;
        count("configurations", 1, u64::from(self.jobs) * u64::from(self.configurations_per_job))?;
        count("instance events", 0, u64::from(self.updates) * u64::from(self.events_per_update))
    }
}

/// Nodes of a few kinds, for a trace that comes without a node list.
#[must_use]
pub fn nodes(count: u32, seed: u64) -> Vec<Node> {
    let mut random = fastrand::Rng::with_seed(seed ^ 0x686f_7374);
    let kinds =
        [(32_000, 131_072, 0, ""), (96_000, 393_216, 8, "G2"), (104_000, 524_288, 2, "T4"), (64_000, 262_144, 4, "V100M16")];
    let node = |number| {
        let (cpu_milli, memory_mib, num_gpu, model) = kinds[random.usize(..kinds.len())];
        Node { name: format!("host-{number:06}"), cpu_milli, memory_mib, num_gpu, model: model.to_owned() }
    };
    (0..count).map(node).collect()
}

/// A cluster of `sizes` from `seed`.
///
/// # Errors
/// `Input` when a size is out of its range.
pub fn generate(sizes: &Sizes, seed: u64) -> Result<Cluster> {
    sizes.check()?;
    let mut cluster = Cluster::default();
    for (number, node) in (1..).zip(nodes(sizes.hosts, seed)) {
        let Node { name, cpu_milli, memory_mib, num_gpu, model } = node;
        cluster.hosts.push((HostId(number), Host { name, cpu_milli, memory_mib, num_gpu, model }));
    }
    let mut random = fastrand::Rng::with_seed(seed);
    for number in 1..=u64::from(sizes.jobs) {
        add_job(&mut cluster, JobId(number), sizes, seed, &mut random)?;
    }
    for number in 1..=u64::from(sizes.updates) {
        add_update(&mut cluster, UpdateId(number), sizes, &mut random);
    }
    Ok(cluster)
}

fn add_job(cluster: &mut Cluster, job: JobId, sizes: &Sizes, seed: u64, random: &mut fastrand::Rng) -> Result<()> {
    let requests = Requests {
        cpu_milli: random.u64(1..=32) * 500,
        memory_mib: random.u64(1..=64) * 512,
        num_gpu: random.u32(0..=1),
        gpu_milli: random.u32(1..=10) * 100,
    };
    let mut hashes = Vec::new();
    for variant in 0..sizes.configurations_per_job {
        let spec = ConfigSpec { job, variant, requests, len_bytes: sizes.configuration_bytes, seed };
        hashes.push(cluster.add_configuration(spec)?);
    }
    let qos = Qos::ALL[random.usize(..Qos::ALL.len())];
    let instances = sizes.tasks_per_job;
    cluster.jobs.push((job, Job { requests, gpu_spec: String::new(), qos, instances, configuration: hashes[0] }));
    for instance in 0..instances {
        let id = TaskId(cluster.tasks.len() as u64 + 1);
        let life = life(random);
        let host = if life.len() > 1 { Some(HostId(random.u64(1..=sizes.hosts.into()))) } else { None };
        let configuration = hashes[instance as usize % hashes.len()];
        cluster.tasks.push(task_with_events(id, job, instance, host, configuration, &life));
    }
    Ok(())
}

/// Of 20 tasks 16 run, 1 waits, 3 have ended.
fn life(random: &mut fastrand::Rng) -> Vec<(Millis, TaskState)> {
    let mut at = random.u64(..1_000_000);
    let mut life = Vec::new();
    let end = match random.u32(..20) {
        0 => {
            life.push((Millis(at), TaskState::Pending));
            return life;
        }
        1 => Some(TaskState::Finished),
        2 => Some(TaskState::Failed),
        3 => Some(TaskState::Killed),
        _ => None,
    };
    for state in RUNNING_LIFE.into_iter().chain(end) {
        life.push((Millis(at), state));
        at += random.u64(1..10_000);
    }
    life
}

fn add_update(cluster: &mut Cluster, id: UpdateId, sizes: &Sizes, random: &mut fastrand::Rng) {
    let job = JobId(random.u64(1..=sizes.jobs.into()));
    let first_task = (job.0 - 1) * u64::from(sizes.tasks_per_job);
    let of_job = |variant: u32| {
        let place = first_task + u64::from(variant % sizes.configurations_per_job.min(sizes.tasks_per_job));
        cluster.tasks[place as usize].1.configuration
    };
    let (from, to) = (of_job(random.u32(..)), of_job(random.u32(..)));
    let created = random.u64(..1_000_000);
    let event = |k: u32| {
        let instance = k / 2 % sizes.tasks_per_job;
        let action = if k.is_multiple_of(2) { InstanceAction::Updating } else { InstanceAction::Updated };
        let task = cluster.tasks[(first_task + u64::from(instance)) as usize].0;
        InstanceEvent { at: Millis(created + u64::from(k)), instance, task, action }
    };
    let events = (0..sizes.events_per_update).map(event).collect();
    let batch = random.u32(1..=sizes.tasks_per_job);
    let update = update_with_events(id, job, UpdateStatus::RolledForward, (from, to), batch, Millis(created), events);
    cluster.updates.push(update);
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One seed gives one cluster, another seed another.
    #[test]
    fn a_seed_determines_the_cluster() {
        let sizes = Sizes::tiny();
        let cluster = generate(&sizes, 42).unwrap();
        assert_eq!(cluster, generate(&sizes, 42).unwrap());
        assert_ne!(cluster, generate(&sizes, 43).unwrap());
        assert_eq!((cluster.hosts.len(), cluster.jobs.len(), cluster.tasks.len(), cluster.updates.len()), (5, 3, 21, 4));
        assert_eq!(cluster.configurations.len(), 6);
    }

    /// The random numbers, and so the clusters of old reports, do not change with an upgrade of a dependency.
    #[test]
    fn a_known_seed_gives_a_known_cluster() {
        let cluster = generate(&Sizes::tiny(), 42).unwrap();
        let rows: Vec<_> =
            cluster.tasks.iter().take(3).map(|(_, t, _)| (t.state as u8, t.host.map(|h| h.0), t.modified.0)).collect();
        assert_eq!(rows, [(4, Some(5), 469_424), (4, Some(2), 853_928), (4, Some(1), 895_511)]);
    }

    /// Sizes that make no cluster are refused with their name.
    #[test]
    fn impossible_sizes_are_refused() {
        let error = generate(&Sizes { jobs: 0, ..Sizes::tiny() }, 1).unwrap_err();
        assert!(error.to_string().contains("0 jobs: 1 to"), "{error}");
        let error = generate(&Sizes { jobs: u32::MAX, ..Sizes::tiny() }, 1).unwrap_err();
        assert!(error.to_string().contains("4294967295 jobs"), "{error}");
    }
}
