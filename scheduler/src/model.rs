//! The nouns of a cluster: ids, states, and the rows of the task store.
//!
//! Ids are newtypes, so that a job's number is never taken for a task's. States and actions have fixed codes: they are stored.

use crate::config::ConfigHash;
use serde::{Deserialize, Serialize};
use std::fmt;

macro_rules! id {
    ($(#[$doc:meta])* $name:ident, $noun:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub struct $name(pub u64);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl $name {
            /// The noun with the number, for messages.
            pub(crate) fn named(self) -> String {
                format!(concat!($noun, " {}"), self.0)
            }
        }
    };
}

id!(
    /// A job: tasks that run the same program.
    JobId, "job"
);
id!(
    /// A task: one run of one instance of a job.
    TaskId, "task"
);
id!(
    /// A host of the cluster.
    HostId, "host"
);
id!(
    /// An update: the change of a job's instances from one configuration to another, in batches.
    UpdateId, "update"
);

/// A moment: milliseconds from a start that the caller chooses.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Millis(pub u64);

/// An enum that is stored as one byte; a byte without a meaning is refused when it is read.
macro_rules! stored_enum {
    ($(#[$doc:meta])* $name:ident { $($(#[$vdoc:meta])* $variant:ident = $code:literal),+ $(,)? }) => {
        $(#[$doc])*
        ///
        /// The codes are stored; never renumber.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(into = "u8", try_from = "u8")]
        #[repr(u8)]
        pub enum $name { $($(#[$vdoc])* $variant = $code),+ }

        impl $name {
            /// All of them, in the order of their codes.
            pub const ALL: &[$name] = &[$($name::$variant),+];
        }

        impl From<$name> for u8 {
            fn from(value: $name) -> u8 {
                value as u8
            }
        }

        impl TryFrom<u8> for $name {
            type Error = String;

            fn try_from(code: u8) -> Result<$name, String> {
                match code {
                    $($code => Ok($name::$variant),)+
                    _ => Err(format!(concat!("{} is no code of ", stringify!($name)), code)),
                }
            }
        }
    };
}

stored_enum!(
    /// Where a task is in its life. Which step may follow which is the scheduler's matter, not the store's.
    TaskState {
        /// Waits for a host.
        Pending = 1,
        /// Has a host that has not answered yet.
        Assigned = 2,
        /// Is being started.
        Starting = 3,
        /// Runs.
        Running = 4,
        /// Is being stopped.
        Killing = 5,
        /// Ended well.
        Finished = 6,
        /// Ended badly.
        Failed = 7,
        /// Was stopped.
        Killed = 8,
        /// Its host was lost.
        Lost = 9,
    }
);

stored_enum!(
    /// How far an update is.
    UpdateStatus {
        /// Instances are being changed to the new configuration.
        RollingForward = 1,
        /// All instances have it.
        RolledForward = 2,
        /// Instances are being changed back.
        RollingBack = 3,
        /// All instances are back.
        RolledBack = 4,
        /// Waits for a person.
        Paused = 5,
        /// Given up.
        Aborted = 6,
    }
);

stored_enum!(
    /// What happened to one instance in an update.
    InstanceAction {
        /// Its change began.
        Updating = 1,
        /// Its change is complete.
        Updated = 2,
        /// It is being changed back.
        RollingBack = 3,
        /// It is back.
        RolledBack = 4,
        /// Its change failed.
        Failed = 5,
    }
);

stored_enum!(
    /// Class of service, as the trace calls it.
    Qos {
        /// Latency-sensitive.
        LatencySensitive = 1,
        /// Best effort.
        BestEffort = 2,
        /// Guaranteed up to a limit.
        Burstable = 3,
        /// Guaranteed.
        Guaranteed = 4,
    }
);

/// What one task asks for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Requests {
    /// Thousandths of a processor.
    pub cpu_milli: u64,
    /// MiB of memory.
    pub memory_mib: u64,
    /// Accelerators.
    pub num_gpu: u32,
    /// Thousandths of each accelerator.
    pub gpu_milli: u32,
}

/// A row of the table of jobs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Job {
    /// What each of its tasks asks for.
    pub requests: Requests,
    /// The models of accelerator that it takes, in the trace's writing; empty: any.
    pub gpu_spec: String,
    /// Its class of service.
    pub qos: Qos,
    /// Instances that it is meant to have.
    pub instances: u32,
    /// The configuration for new tasks.
    pub configuration: ConfigHash,
}

/// A row of the table of hosts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Host {
    /// Its name (serial number in the trace).
    pub name: String,
    /// Thousandths of a processor.
    pub cpu_milli: u64,
    /// MiB of memory.
    pub memory_mib: u64,
    /// Accelerators.
    pub num_gpu: u32,
    /// Model of the accelerators; empty without any.
    pub model: String,
}

/// A row of the table of tasks: some 50 bytes, whatever the configuration weighs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Task {
    /// Its job.
    pub job: JobId,
    /// Which instance of the job it is.
    pub instance: u32,
    /// Where it is in its life: the state of its newest event.
    pub state: TaskState,
    /// The host that it was given.
    pub host: Option<HostId>,
    /// Its configuration.
    pub configuration: ConfigHash,
    /// Time of its first event.
    pub created: Millis,
    /// Time of its newest event.
    pub modified: Millis,
    /// Number of its events.
    pub events: u32,
}

/// One event of a task: it came into `state`. Named by (task, sequence number), so two events of one time are two events.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TaskEvent {
    /// When.
    pub at: Millis,
    /// The state that it came into.
    pub state: TaskState,
}

/// A row of the table of updates: its status.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Update {
    /// The job that is changed.
    pub job: JobId,
    /// How far it is.
    pub status: UpdateStatus,
    /// The configuration that the instances had.
    pub from: ConfigHash,
    /// The configuration that they get.
    pub to: ConfigHash,
    /// Instances that are changed at a time.
    pub batch: u32,
    /// When it was begun.
    pub created: Millis,
    /// Time of its newest event or of its beginning.
    pub modified: Millis,
    /// Number of its instance events.
    pub events: u64,
}

/// One event of one instance in an update. Named by (update, sequence number).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct InstanceEvent {
    /// When.
    pub at: Millis,
    /// Which instance of the update's job.
    pub instance: u32,
    /// The task that the instance had then.
    pub task: TaskId,
    /// What happened.
    pub action: InstanceAction,
}

/// An update with exactly its own instance events, both of one version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UpdateDetails {
    /// The status row.
    pub update: Update,
    /// Its events in order.
    pub events: Vec<InstanceEvent>,
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Stored codes never change: each state keeps its number and comes back from it.
    #[test]
    fn codes_of_states_are_fixed() {
        let codes: Vec<u8> = TaskState::ALL.iter().map(|&s| s.into()).collect();
        assert_eq!(codes, (1..=9).collect::<Vec<u8>>());
        for &state in TaskState::ALL {
            assert_eq!(TaskState::try_from(u8::from(state)), Ok(state));
        }
        assert_eq!(TaskState::try_from(10), Err("10 is no code of TaskState".to_owned()));
        assert_eq!(InstanceAction::Updated as u8, 2);
        assert_eq!(UpdateStatus::Aborted as u8, 6);
    }
}
