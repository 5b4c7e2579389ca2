//! The epoch of this crate: a collector of its own, so that no other user of crossbeam-epoch in the process can hold ours up.
//!
//! A pinned guard keeps alive what was reachable when it was pinned: nodes of the chunk table, homes of chunks, roots. It says nothing
//! about pages: those are kept by the registry of versions (L6).

#[cfg(not(loom))]
mod collector {
    use std::sync::LazyLock;

    use crossbeam_epoch::{Collector, LocalHandle};

    pub(crate) use crossbeam_epoch::{Atomic, Guard, Owned, Shared};

    static COLLECTOR: LazyLock<Collector> = LazyLock::new(Collector::new);

    thread_local! {
        static HANDLE: LocalHandle = COLLECTOR.register();
    }

    /// Pins the calling thread. Cost: one fence.
    pub(crate) fn pin() -> Guard {
        // A destructor of another thread-local may call us when ours is gone: such a thread registers anew for this one guard.
        HANDLE.try_with(LocalHandle::pin).unwrap_or_else(|_| COLLECTOR.register().pin())
    }
}

#[cfg(loom)]
use super::checker::epoch as collector;

pub(crate) use collector::{Atomic, Guard, Owned, Shared, pin};
