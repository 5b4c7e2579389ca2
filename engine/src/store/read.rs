//! A held version as the trees read it.

use std::ops::Range;
use std::sync::Arc;

use crate::error::Result;
use crate::format::Position;
use crate::log::cache::Loans;
use crate::log::directory::Home;
use crate::page::{Page, PageBuf};
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
        let _ = self.machine.close(&self.worker);
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
    loans: Loans,
}

impl<'m> Lender<'m> {
    pub(crate) fn new(machine: &'m Machine) -> Lender<'m> {
        Lender { machine, guard: epoch::pin(), loans: Loans::default() }
    }

    pub(crate) fn guard(&self) -> &Guard {
        &self.guard
    }

    /// Lets copies of pages go if there are many: whoever reads on and on, and points into none of them now, does this now and then.
    pub(crate) fn end_many_loans(&mut self) {
        self.loans.end_many();
    }
}

impl Pages for Lender<'_> {
    fn page(&self, at: Position) -> Result<Page<'_>> {
        self.machine.chunks.page(at, &self.guard, &self.loans)
    }

    fn apart(&self) -> Option<Box<dyn Pages + '_>> {
        let copies = self.machine.cache.is_some();
        copies.then(|| Box::new(Lender::new(self.machine)) as Box<dyn Pages + '_>)
    }
}

/// A value that keeps its version and what its bytes are in. The same bytes each time: the page is frozen, and held.
pub(crate) struct Kept {
    bytes: Keeper,
    held: Held,
    at: Position,
    /// Where the value stands in the page.
    range: Range<usize>,
}

/// What keeps a page where it is.
enum Keeper {
    Home(Home),
    Copy(Arc<PageBuf>),
}

impl Kept {
    /// Keeps `value`, which `page` of the held version contains; none if its home is being exchanged at this moment.
    pub(crate) fn new(held: Held, lender: &Lender<'_>, page: Page<'_>, value: &[u8]) -> Option<Kept> {
        let at = page.position();
        let bytes = match lender.loans.copy(at) {
            Some(copy) => Keeper::Copy(copy),
            None => Keeper::Home(held.machine().chunks.find(at.chunk(), lender.guard())?.home(lender.guard()).clone()),
        };
        let start = (value.as_ptr() as usize).checked_sub(page.bytes().as_ptr() as usize)?;
        let kept = Kept { bytes, held, at, range: start..start + value.len() };
        (kept.as_ref() == value).then_some(kept)
    }
}

impl AsRef<[u8]> for Kept {
    fn as_ref(&self) -> &[u8] {
        debug_assert!(self.held.root().version.0 > 0);
        let page = match &self.bytes {
            Keeper::Home(home) => home.page_in_place(self.at).ok().flatten(),
            Keeper::Copy(copy) => Some(copy.page()),
        };
        page.and_then(|page| page.bytes().get(self.range.clone())).unwrap_or_default()
    }
}
