//! Which versions are held by snapshots: slots that readers write and the reclaimer scans; no lock (L4).
//!
//! Opening a snapshot: pin the epoch, read the published root, claim a free slot with its version, and read the published root again; if it
//! moved, store the newer version and look again. Publishing: swap the root, then scan the slots. All four steps are sequentially
//! consistent: if the scan missed the slot's store, the store came later in the single order, and so does the second read, which then
//! sees the new root. A version that the scan did not see is therefore held by nobody and never will be again (L6). The same goes for a block of
//! slots that the scan did not see: the links between blocks stand in that order too.
//!
//! A clone of a snapshot counts up its slot instead of claiming another: a scan cannot fall between the two.

#![allow(unsafe_code)]

use std::cell::Cell;
use std::collections::BTreeMap;

use super::moment::Moment;
use crate::planted::{Bug, planted};
use crate::sync::atomic::{AtomicPtr, AtomicU32, AtomicU64, Ordering};
#[cfg(loom)]
use crate::sync::checker::fault::{self, Fault};

/// Slots of one block: 64 x 128 bytes = 8 KiB. A checker has to look at each.
const BLOCK_SLOTS: usize = if cfg!(loom) { 1 } else { 64 };

/// One holder of a version. Alone on its cache lines (two, because processors fetch them in pairs).
#[repr(align(128))]
#[derive(Default)]
struct Slot {
    /// 0 = free, otherwise moment + 1.
    held: AtomicU64,
    /// Snapshots that share this slot. Own synchronisation: counted like a reference count.
    refs: AtomicU32,
}

struct Block {
    slots: [Slot; BLOCK_SLOTS],
    /// Null, or leaked from a box and freed with the registry. Set once.
    next: AtomicPtr<Block>,
}

impl Default for Block {
    fn default() -> Self {
        Block { slots: std::array::from_fn(|_| Slot::default()), next: AtomicPtr::default() }
    }
}

impl Block {
    fn next(&self) -> Option<&Block> {
        // SeqCst: a scan that misses this link comes before it, and so before every claim behind it.
        let next = self.next.load(Ordering::SeqCst);
        // SAFETY: null, or leaked by `next_or_new` and freed by `drop` alone.
        unsafe { next.as_ref() }
    }

    fn next_or_new(&self) -> &Block {
        if let Some(next) = self.next() {
            return next;
        }
        let fresh = Box::into_raw(Box::<Block>::default());
        if self.next.compare_exchange(std::ptr::null_mut(), fresh, Ordering::SeqCst, Ordering::Relaxed).is_err() {
            // SAFETY: it came from a box just now, and nobody else has seen it.
            drop(unsafe { Box::from_raw(fresh) });
        }
        self.next().expect("just made, by us or by another")
    }
}

impl Drop for Block {
    fn drop(&mut self) {
        let next = self.next.load(Ordering::Relaxed);
        if !next.is_null() {
            // SAFETY: leaked from a box by `next_or_new`; `&mut self`: nobody looks at it any more.
            drop(unsafe { Box::from_raw(next) });
        }
    }
}

/// All slots of a store.
#[derive(Default)]
pub(crate) struct Registry {
    first: Block,
}

/// Names a slot: its number from the first block on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SlotId(usize);

crate::sync::thread_local! {
    /// The slot this thread used last: likely free, and in this core's cache.
    static HINT: Cell<usize> = Cell::new(first_hint());
}

/// Spreads threads over slots. A checker's threads meet at the first one, in each interleaving anew.
fn first_hint() -> usize {
    static THREADS: std::sync::atomic::AtomicUsize = std::sync::atomic::AtomicUsize::new(0);
    // Relaxed: only spreads.
    if cfg!(loom) { 0 } else { THREADS.fetch_add(1, Ordering::Relaxed) % BLOCK_SLOTS }
}

impl Registry {
    /// Claims a slot for the version that `published` names and gives it back with that version. `published` is called until it gives the same
    /// version twice in a row; it must read with sequential consistency.
    pub(crate) fn register(&self, mut published: impl FnMut() -> Moment) -> (SlotId, Moment) {
        let mut version = published();
        let id = self.claim(version);
        let slot = self.slot(id);
        loop {
            #[cfg(loom)]
            if fault::is(Fault::SecondLookSkipped) {
                break;
            }
            let now = published();
            if now == version || planted(Bug::NoRecheck) {
                break;
            }
            version = now;
            // SeqCst: before the next read of the published root, see the file's head.
            slot.held.store(version.0 + 1, Ordering::SeqCst);
        }
        // Relaxed: nobody else knows this slot yet.
        slot.refs.store(1, Ordering::Relaxed);
        (id, version)
    }

    /// One more snapshot shares the slot.
    pub(crate) fn retain(&self, id: SlotId) {
        // Relaxed: the caller holds the slot already.
        self.slot(id).refs.fetch_add(1, Ordering::Relaxed);
    }

    /// One snapshot fewer; the last one frees the slot.
    pub(crate) fn release(&self, id: SlotId) {
        let slot = self.slot(id);
        // AcqRel: the reads made under this slot happen before whoever frees what it held.
        if slot.refs.fetch_sub(1, Ordering::AcqRel) == 1 {
            slot.held.store(0, Ordering::Release);
        }
    }

    /// The versions that are held, ascending, each once. To be called after the publish whose predecessors are in question.
    pub(crate) fn registered(&self, into: &mut Vec<Moment>) {
        into.clear();
        let mut block = Some(&self.first);
        while let Some(b) = block {
            // SeqCst: after the publish, see the file's head. It also acquires what `release` released.
            let held = b.slots.iter().map(|slot| slot.held.load(Ordering::SeqCst));
            into.extend(held.filter(|held| *held != 0).map(|held| Moment(held - 1)));
            block = b.next();
        }
        into.sort_unstable();
        into.dedup();
    }

    /// What is held, ascending, and how many snapshots hold it.
    pub(crate) fn holders(&self) -> BTreeMap<Moment, u64> {
        let mut holders = BTreeMap::new();
        let mut block = Some(&self.first);
        while let Some(b) = block {
            for slot in &b.slots {
                // Relaxed: figures.
                if let Some(held) = slot.held.load(Ordering::Relaxed).checked_sub(1) {
                    *holders.entry(Moment(held)).or_default() += u64::from(slot.refs.load(Ordering::Relaxed));
                }
            }
            block = b.next();
        }
        holders
    }

    fn claim(&self, version: Moment) -> SlotId {
        let hint = HINT.with(Cell::get);
        let mut block = &self.first;
        let mut before = 0;
        loop {
            for i in 0..BLOCK_SLOTS {
                let at = (hint + i) % BLOCK_SLOTS;
                let Some(slot) = block.slots.get(at) else { continue };
                // Relaxed look first, so that taken slots are passed without owning their cache line.
                if slot.held.load(Ordering::Relaxed) == 0
                    && slot.held.compare_exchange(0, version.0 + 1, Ordering::SeqCst, Ordering::Relaxed).is_ok()
                {
                    HINT.with(|hint| hint.set(at));
                    return SlotId(before + at);
                }
            }
            block = block.next_or_new();
            before += BLOCK_SLOTS;
        }
    }

    fn slot(&self, id: SlotId) -> &Slot {
        let mut block = &self.first;
        for _ in 0..id.0 / BLOCK_SLOTS {
            block = block.next().expect("a slot id names a block that exists: blocks are never freed");
        }
        &block.slots[id.0 % BLOCK_SLOTS]
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    /// Held versions are seen once each, clones share a slot, and more snapshots than a block has slots are no problem.
    #[test]
    fn l6_registered_versions_are_exact() {
        let registry = Registry::default();
        let mut seen = Vec::new();
        let ids: Vec<_> = (0..200).map(|i| registry.register(|| Moment(i / 2)).0).collect();
        registry.registered(&mut seen);
        assert_eq!(seen, (0..100).map(Moment).collect::<Vec<_>>());
        registry.retain(ids[0]);
        registry.release(ids[0]);
        registry.release(ids[1]);
        registry.registered(&mut seen);
        assert_eq!(seen[0], Moment(0));
        registry.release(ids[0]);
        registry.registered(&mut seen);
        assert_eq!(seen[0], Moment(1));
        let holders = registry.holders();
        assert_eq!((holders.len(), holders.values().sum(), holders[&Moment(7)]), (99, 198_u64, 2));
    }

    /// A version that moves while registering is registered where it came to rest.
    #[test]
    fn l6_registration_follows_the_published_version() {
        let registry = Registry::default();
        let mut reads = [Moment(3), Moment(4), Moment(5), Moment(5)].into_iter();
        let (_, version) = registry.register(|| reads.next().expect("four reads"));
        assert_eq!(version, Moment(5));
        let mut seen = Vec::new();
        registry.registered(&mut seen);
        assert_eq!(seen, [Moment(5)]);
    }
}
