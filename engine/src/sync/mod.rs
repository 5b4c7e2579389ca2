//! What threads share: locks, atomics, the epoch, leases, and the writer's turn.
//!
//! ```text
//!                       ordinary build              --cfg loom
//!  Mutex, Condvar       parking_lot                 checker::lock
//!  OnceLock, Counted    std                         checker::lock
//!  atomic, thread       std                         checker::atomic, loom
//!  epoch                crossbeam-epoch             checker::epoch
//!  memory               nothing                     checker::memory
//! ```
//!
//! Everything that publishes, retains and reclaims takes its primitives from here, so that a model checker can stand in for them: the models
//! then run the engine's own code. With `--cfg shuttle` the locks, threads and atomics are shuttle's (`drawn`), for whole stores in drawn orders. In an ordinary build every name here is another crate's, or an empty function.
//! What only counts (figures, hints) uses std's atomics: a checker would explore their every stale value for nothing.
//! Locks do not poison: a panic under one is our own mistake and must not be met twice.

pub(crate) mod epoch;
pub(crate) mod lease;
pub(crate) mod memory;
pub(crate) mod turn;

#[cfg(loom)]
pub(crate) mod checker;

#[cfg(shuttle)]
mod drawn;

#[cfg(not(any(loom, shuttle)))]
mod chosen {
    pub(crate) use parking_lot::{Condvar, Mutex, MutexGuard};
    pub(crate) use std::sync::Arc as Counted;
    pub(crate) use std::sync::{OnceLock, atomic};
    pub(crate) use std::{thread, thread_local};
}

#[cfg(shuttle)]
mod chosen {
    pub(crate) use super::drawn::{Condvar, Mutex, MutexGuard, OnceLock};
    pub(crate) use shuttle::sync::atomic;
    pub(crate) use shuttle::{thread, thread_local};
    pub(crate) use std::sync::Arc as Counted;
}

#[cfg(loom)]
mod chosen {
    pub(crate) use super::checker::atomic;
    pub(crate) use super::checker::lock::{Condvar, Counted, Mutex, MutexGuard, OnceLock};
    pub(crate) use loom::{thread, thread_local};
}

pub(crate) use chosen::*;
