//! Leases: whether anybody may still be reading an extent of the file.
//!
//! Each home of an extent has a lease. Who wants to use the extent again watches, and sees that it is over only after everything that was
//! read under any of its leases.

use std::sync::Arc;

#[cfg(not(shuttle))]
use super::atomic::{AtomicUsize, Ordering};
// Leases end where crossbeam-epoch destroys homes: at any moment, in whatever run comes by. Shuttle's atomics belong to the run that made them.
#[cfg(shuttle)]
use std::sync::atomic::{AtomicUsize, Ordering};

/// Held while bytes may be read; clones count.
pub(crate) struct Lease(Arc<AtomicUsize>);

/// Sees when the last lease was dropped.
pub(crate) struct Watch(Arc<AtomicUsize>);

impl Lease {
    /// The first holder.
    pub(crate) fn new() -> Lease {
        Lease(Arc::new(AtomicUsize::new(1)))
    }

    pub(crate) fn watch(&self) -> Watch {
        Watch(Arc::clone(&self.0))
    }
}

impl Clone for Lease {
    fn clone(&self) -> Lease {
        // Relaxed: the one that is cloned keeps the count above zero.
        self.0.fetch_add(1, Ordering::Relaxed);
        Lease(Arc::clone(&self.0))
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        // Release: what was read under it happened before.
        self.0.fetch_sub(1, Ordering::Release);
    }
}

impl Watch {
    /// Whether nobody holds the lease any more: then nobody ever will.
    pub(crate) fn is_over(&self) -> bool {
        #[cfg(loom)]
        if super::checker::fault::is(super::checker::fault::Fault::LeaseOverlooked) {
            return true;
        }
        // Acquire: every read under any of the leases happens before what the caller does with the extent.
        self.0.load(Ordering::Acquire) == 0
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    /// L1: a lease is over when its last clone is gone, and not before.
    #[test]
    fn l1_lease_ends_with_its_last_clone() {
        let first = Lease::new();
        let watch = first.watch();
        let second = first.clone();
        drop(first);
        assert!(!watch.is_over());
        drop(second);
        assert!(watch.is_over());
    }
}
