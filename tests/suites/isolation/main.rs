//! Isolation: what transactions may see of each other. Snapshots are one version, across all tables; write transactions have the turn; conditional ones are serialisable.
//!
//! - [`anomalies`]: the anomalies of the Hermitage suite, each attempted.
//! - `sql`: the same anomalies, attempted by the text of statements.
//! - [`random`]: many threads at once; [`plan`] is what a transaction does, [`history`] what was recorded and its judge.
//! - [`tampered`]: histories that were falsified are caught.
//! - [`storm`]: a ring of pointers stays one ring, and a bank's sum stays what it is, also in what a crash leaves.
//!
//! Threads meet as the system has it: a seed repeats what each of them does, not when. So a failure prints what it found in the history.

#[cfg(shuttle)]
use shuttle::thread;
#[cfg(not(shuttle))]
use std::thread;

mod anomalies;
#[cfg(shuttle)]
mod drawn;
mod history;
mod plan;
mod random;
#[cfg(feature = "sql")]
mod sql;
mod storm;
mod tampered;
