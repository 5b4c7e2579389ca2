//! What threads share: locks, atomics, the epoch, and the writer's turn.
//!
//! Everything that publishes, retains and reclaims takes its primitives from here, so that a model checker can stand in for them.
//! Locks do not poison: a panic under one is our own mistake and must not be met twice.

pub(crate) mod epoch;
pub(crate) mod turn;

pub(crate) use parking_lot::{Condvar, Mutex, MutexGuard};
