//! What a version is (its tables and the roots of their trees), and the published one that snapshots start from.

#![allow(unsafe_code)]

use std::sync::Arc;
use std::time::Instant;

use super::moment::Moment;
use super::registry::{Registry, SlotId};
use crate::format::{TableId, Version};
use crate::sync::atomic::Ordering;
use crate::sync::epoch::{self, Atomic, Guard, Owned, Shared};
use crate::sync::memory;

/// A tree's root, as the tree room knows it.
pub(crate) use crate::format::TreeRoot as Tree;

/// The tables of a version: what create, drop and rename change.
#[derive(Clone, Debug, Default)]
pub(crate) struct Catalogue {
    /// Sorted by name.
    pub(crate) tables: Vec<TableEntry>,
    /// The id that the next new table gets.
    pub(crate) next_table: TableId,
}

/// One table of a catalogue.
#[derive(Clone, Debug)]
pub(crate) struct TableEntry {
    pub(crate) name: Arc<str>,
    pub(crate) id: TableId,
    /// Pages of this table are compressed when a chunk is written.
    pub(crate) lz4: bool,
}

impl Catalogue {
    /// Index of the table with this name, or where it would stand.
    pub(crate) fn find(&self, name: &str) -> Result<usize, usize> {
        self.tables.binary_search_by(|entry| entry.name.as_ref().cmp(name))
    }
}

/// A root of a version: immutable, cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Root {
    pub(crate) version: Version,
    /// Tells it apart from other roots of the same version.
    pub(crate) moment: Moment,
    pub(crate) catalogue: Arc<Catalogue>,
    /// Parallel to `catalogue.tables`.
    pub(crate) trees: Arc<[Tree]>,
    /// When it was published, for the ages of snapshots.
    pub(crate) since: Instant,
}

impl Root {
    /// Id and tree of the table with this name.
    pub(crate) fn table(&self, name: &str) -> Option<(&TableEntry, Tree)> {
        let i = self.catalogue.find(name).ok()?;
        Some((self.catalogue.tables.get(i)?, *self.trees.get(i)?))
    }

    /// The tree of the table at this place of the catalogue, if it has this name.
    #[inline]
    pub(crate) fn table_at(&self, place: usize, name: &str) -> Option<Tree> {
        let entry = self.catalogue.tables.get(place)?;
        if *entry.name == *name { self.trees.get(place).copied() } else { None }
    }

    /// Every table with its tree, by name.
    pub(crate) fn tables(&self) -> impl Iterator<Item = (&TableEntry, &Tree)> {
        self.catalogue.tables.iter().zip(self.trees.iter())
    }
}

/// The newest version that readers may see, and who reads which.
pub(crate) struct Versions {
    published: Atomic<Root>,
    pub(crate) registry: Registry,
}

/// A held version: the slot that holds it and its root.
pub(crate) struct Pinned {
    pub(crate) slot: SlotId,
    root: *const Root,
}

// SAFETY: a root is immutable and `Sync`; the pointer stays valid while the slot is held, from whatever thread it is read.
unsafe impl Send for Pinned {}
// SAFETY: as above.
unsafe impl Sync for Pinned {}

/// A root that is no longer the published one: freed when dropped, once no opening snapshot can be looking at it. Keep it while its version is held.
pub(crate) struct Retired(*const Root);

// SAFETY: a root is `Send + Sync`; `Retired` is the only owner.
unsafe impl Send for Retired {}

impl Versions {
    /// Starts with `root` published.
    pub(crate) fn new(root: Root) -> Versions {
        Versions { published: Atomic::new(root), registry: Registry::default() }
    }

    /// Holds the published version. No lock, O(1).
    pub(crate) fn pin(&self) -> Pinned {
        let guard = epoch::pin();
        let mut root = std::ptr::null();
        let (slot, _) = self.registry.register(|| {
            let shared = self.published.load(Ordering::SeqCst, &guard);
            root = shared.as_raw();
            // SAFETY: the published pointer is never null, and what it pointed at under this guard is freed only after the guard
            // (`Retired` defers it).
            unsafe { shared.deref() }.moment
        });
        Pinned { slot, root }
    }

    /// Another holder of the same version.
    pub(crate) fn repin(&self, pinned: &Pinned) -> Pinned {
        self.registry.retain(pinned.slot);
        Pinned { slot: pinned.slot, root: pinned.root }
    }

    /// Lets the version go.
    pub(crate) fn unpin(&self, pinned: &Pinned) {
        self.registry.release(pinned.slot);
    }

    /// The published root, for the length of `guard`.
    pub(crate) fn current<'g>(&self, guard: &'g Guard) -> &'g Root {
        // SAFETY: as in `pin`.
        unsafe { self.published.load(Ordering::SeqCst, guard).deref() }
    }

    /// Makes `root` the published one; gives the one before, which must be kept while its version is held.
    pub(crate) fn publish(&self, root: Root) -> Retired {
        let guard = epoch::pin();
        // SeqCst: before the scan of the registry that follows (see there).
        Retired(self.published.swap(Owned::new(root), Ordering::SeqCst, &guard).as_raw())
    }
}

impl Drop for Versions {
    fn drop(&mut self) {
        let guard = epoch::pin();
        let root = self.published.swap(Shared::null(), Ordering::SeqCst, &guard);
        // SAFETY: nobody holds this store any more, and the pointer came from `Owned::new`.
        drop(unsafe { root.try_into_owned() });
    }
}

impl Pinned {
    /// The held root.
    pub(crate) fn root(&self) -> &Root {
        memory::read(self.root);
        // SAFETY: the slot holds this version, and the reclaimer keeps a version's root while a slot holds it.
        unsafe { &*self.root }
    }
}

impl Retired {
    /// The root.
    pub(crate) fn root(&self) -> &Root {
        memory::read(self.0);
        // SAFETY: it is destroyed only when `self` is dropped.
        unsafe { &*self.0 }
    }
}

impl Drop for Retired {
    fn drop(&mut self) {
        let guard = epoch::pin();
        // SAFETY: the pointer came from `Owned::new`, is no longer published, and nobody holds its version (the keeper's promise): only threads that
        // are just opening a snapshot may look at it, under a guard.
        unsafe { guard.defer_destroy(Shared::from(self.0)) };
    }
}

#[cfg(all(test, not(loom)))]
mod tests;
