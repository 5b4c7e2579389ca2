//! The primitives as loom has them, in the shapes that the engine uses. Only with `--cfg loom`.
//!
//! What loom replaces, and what that leaves unchecked:
//!
//! * [`lock`]: loom's mutex and condition variable. A wait with a time limit runs out at any moment, or never, as a model says: no clock.
//! * [`atomic`]: loom's atomics. Loom takes a sequentially consistent access for acquire and release only, so each gets a fence of that
//!   kind beside it: stronger than the access where a relaxed neighbour would profit.
//! * [`epoch`]: a model of crossbeam-epoch that destroys at the earliest moment that its contract allows. The crate itself is checked upstream.
//! * [`memory`]: what is behind raw pointers, so that a read of freed memory and a race on it are found.
//! * [`fault`]: breaks one thing at run time, to show that a model would notice.
//!
//! All threads of a model run in turn on one thread of the system: plain thread-locals are state of the whole model.
#![allow(unsafe_code)]

pub(crate) mod atomic;
pub(crate) mod epoch;
pub(crate) mod fault;
pub(crate) mod lock;
pub(crate) mod memory;
