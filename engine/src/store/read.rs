//! A held version as the trees read it.

use std::ops::Range;
use std::sync::Arc;

use crate::error::Result;
use crate::format::Position;
use crate::log::directory::Home;
use crate::page::Page;
use crate::store::Machine;
use crate::store::background::Worker;
use crate::sync::Mutex;
use crate::sync::epoch::{self, Guard};
use crate::tree::Pages;
use crate::version::root::{Pinned, Root};

/// A way to the machine. Each clone of a store has one of its own, so that threads that open snapshots do not count in the same place.
pub(crate) struct Handle {
    pub(crate) machine: Arc<Machine>,
    pub(crate) core: Arc<Core>,
}

/// Shared by all handles: the last one closes the store.
pub(crate) struct Core {
    pub(crate) machine: Arc<Machine>,
    pub(crate) worker: Mutex<Worker>,
}

impl Drop for Core {
    fn drop(&mut self) {
        // Whoever wants to hear of a failure calls `close`.
        let _ = self.machine.close(&mut self.worker.lock());
    }
}

/// Holds a version: every page that it reaches stays as it is. Lets go when dropped.
pub(crate) struct Held {
    handle: Arc<Handle>,
    pinned: Pinned,
}

impl Held {
    /// Holds the published version. No lock, O(1).
    pub(crate) fn new(handle: &Arc<Handle>) -> Held {
        let pinned = handle.machine.versions.pin();
        Held { handle: Arc::clone(handle), pinned }
    }

    pub(crate) fn machine(&self) -> &Machine {
        &self.handle.machine
    }

    pub(crate) fn root(&self) -> &Root {
        self.pinned.root()
    }
}

impl Clone for Held {
    fn clone(&self) -> Held {
        Held { handle: Arc::clone(&self.handle), pinned: self.machine().versions.repin(&self.pinned) }
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.machine().versions.unpin(&self.pinned);
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

/// A value that keeps its version and the home that its bytes are in. The same bytes each time: the page is frozen, and the home is held.
pub(crate) struct Kept {
    home: Home,
    held: Held,
    at: Position,
    /// Where the value stands in the page.
    range: Range<usize>,
}

impl Kept {
    /// Keeps `value`, which `page` of the held version contains; none if its home is being exchanged at this moment.
    pub(crate) fn new(held: Held, lender: &Lender<'_>, page: Page<'_>, value: &[u8]) -> Option<Kept> {
        let at = page.position();
        let home = held.machine().chunks.find(at.chunk(), lender.guard())?.home(lender.guard()).clone();
        let start = (value.as_ptr() as usize).checked_sub(page.bytes().as_ptr() as usize)?;
        let kept = Kept { home, held, at, range: start..start + value.len() };
        (kept.as_ref() == value).then_some(kept)
    }
}

impl AsRef<[u8]> for Kept {
    fn as_ref(&self) -> &[u8] {
        debug_assert!(self.held.root().version.0 > 0);
        self.home.page(self.at).ok().and_then(|page| page.bytes().get(self.range.clone())).unwrap_or_default()
    }
}
