//! The store that a cluster scheduler embeds: jobs, tasks, hosts, configurations and updates, typed, over [Treering](treering).
//!
//! ```text
//!   drill      the promises of the engine, tried on the workload they were made for
//!     |
//!   tasks      the task store: tables, indexes, changes, readings, the invariant checker
//!     |   \
//!   model   cluster, generate, trace      a cluster in memory, made from a trace or from a seed
//!     |
//!   config, error
//! ```
//!
//! One implementation serves tests and production: a [`tasks::TaskStore`] stands on a [`treering::Store`], in a file or wholly in
//! memory. Times and ids come in as arguments; below `drill` nothing reads a clock or draws a random number.
//!
//! ```
//! use treering_scheduler::generate::{Sizes, generate};
//! use treering_scheduler::model::{Millis, TaskId, TaskState};
//! use treering_scheduler::tasks::{TaskStore, View};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let store = TaskStore::on(treering::Store::in_memory()?)?;
//! store.load(&generate(&Sizes::tiny(), 7)?, &mut |_| Ok(()))?;
//!
//! let mut change = store.begin()?;
//! change.set_state(TaskId(1), TaskState::Killed, Millis(1_000_000))?;
//! change.commit()?;
//!
//! let snapshot = store.snapshot();
//! let reader = snapshot.reader();
//! assert_eq!(View::new(&reader).task(TaskId(1))?.expect("loaded").state, TaskState::Killed);
//! assert!(treering_scheduler::tasks::verify(&snapshot)?.is_sound());
//! # Ok(())
//! # }
//! ```
#![forbid(unsafe_code)]

pub mod cluster;
pub mod config;
pub mod drill;
pub mod error;
pub mod generate;
pub mod model;
pub mod tasks;
pub mod trace;

pub use error::{Error, ErrorKind, Result};
