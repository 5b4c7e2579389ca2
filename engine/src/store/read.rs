//! A held version as the trees read it.

use std::sync::Arc;

use crossbeam_epoch::Guard;

use crate::error::Result;
use crate::format::Position;
use crate::page::Page;
use crate::store::Machine;
use crate::sync::epoch;
use crate::tree::Pages;
use crate::version::root::{Pinned, Root};

/// Holds a version: every page that it reaches stays as it is. Lets go when dropped.
pub(crate) struct Held {
    pub(crate) machine: Arc<Machine>,
    pinned: Pinned,
}

impl Held {
    /// Holds the published version. No lock, O(1).
    pub(crate) fn new(machine: Arc<Machine>) -> Held {
        let pinned = machine.versions.pin();
        Held { machine, pinned }
    }

    pub(crate) fn root(&self) -> &Root {
        self.pinned.root()
    }
}

impl Clone for Held {
    fn clone(&self) -> Held {
        Held { machine: Arc::clone(&self.machine), pinned: self.machine.versions.repin(&self.pinned) }
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.machine.versions.unpin(&self.pinned);
    }
}

/// Lends pages under one guard. Whoever makes it holds the version that it reads.
pub(crate) struct Lender<'m> {
    machine: &'m Machine,
    guard: Guard,
}

impl<'m> Lender<'m> {
    pub(crate) fn new(machine: &'m Machine) -> Lender<'m> {
        Lender { machine, guard: epoch::pin() }
    }

    pub(crate) fn guard(&self) -> &Guard {
        &self.guard
    }
}

impl Pages for Lender<'_> {
    fn page(&self, at: Position) -> Result<Page<'_>> {
        self.machine.chunks.page(at, &self.guard)
    }
}
