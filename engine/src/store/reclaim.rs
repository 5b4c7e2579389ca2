//! What is dead and what may be used again (L6, L7).
//!
//! After each publish the versions that snapshots hold are read off the registry, pages that died go to their dead list or are freed, and the accounts of
//! the chunks follow. A chunk without pages that anybody needs gives its extent back: once both header slots name seals made after that,
//! and once nobody can be reading its bytes any more.
//!
//! Invariants, per chunk in the file: `newest_bytes` = stored bytes of its pages that the newest published version reaches; `kept_bytes` = that
//! plus those of pages on a dead list; 0 < `kept_bytes` <= `page_bytes`.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::hash::BuildHasherDefault;

use crate::error::Result;
use crate::format::seal::SealedChunk;
use crate::format::{ChunkId, Extent, Position, Version};
use crate::log::directory::{HeapHome, Home};
use crate::planted::{Bug, planted};
use crate::store::Machine;
use crate::store::edit::{Dead, PositionHasher, Positions};
use crate::sync::atomic::Ordering;
use crate::sync::lease::Watch;
use crate::sync::{Counted, epoch};
use crate::version::dead::DeadLists;
use crate::version::moment::Moment;
use crate::version::root::{Retired, Root};

/// How many pages of dropped snapshots a committer settles, and how many a step does.
const SETTLED_BY_COMMIT: usize = 32;
pub(crate) const SETTLED_BY_STEP: usize = 4096;

/// The deaths that came with a published version.
pub(crate) struct Batch {
    pub(crate) version: Version,
    pub(crate) died: Moment,
    pub(crate) dead: Vec<Dead>,
    /// Pages that only got new positions: born, by what they say, in a version that was published before.
    pub(crate) moved: Vec<Position>,
    /// The root before it.
    pub(crate) retired: Retired,
}

/// A chunk in the file.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Account {
    /// As a seal states it, but for `live_bytes`.
    pub(crate) chunk: SealedChunk,
    pub(crate) newest_bytes: u64,
    pub(crate) kept_bytes: u64,
}

/// A closed chunk that is not in the file yet: what happens to its pages is put into its account when it is.
pub(crate) struct Closed {
    pub(crate) heap: Counted<HeapHome>,
    /// With the moment from which on the page is not reached.
    died: Vec<(Position, Moment)>,
    freed: Vec<Position>,
}

/// When pages were born that got new positions in a version that was published before.
#[derive(Default)]
struct Births {
    pages: HashMap<Position, Moment, BuildHasherDefault<PositionHasher>>,
    /// The newest of them.
    last: Moment,
}

/// Whether a moment from `first` on and before `end` is among the held ones, which ascend.
fn is_held_within(held: &[Moment], first: Moment, end: Moment) -> bool {
    held.get(held.partition_point(|held| *held < first)).is_some_and(|held| *held < end)
}

/// An extent that nobody needs once the conditions hold.
struct Leaving {
    extent: Extent,
    /// Both header slots must name this seal or a later one.
    after_seal: u64,
    /// Held while somebody may read it; none if nobody ever did.
    lease: Option<Watch>,
}

/// What extents that are about to be free wait for.
#[derive(Clone, Copy, Default)]
pub(crate) struct Waiting {
    /// Bytes of all of them.
    pub(crate) bytes: u64,
    /// A header is what some wait for.
    pub(crate) header: bool,
    /// Bytes of those that wait for a seal.
    pub(crate) seal_bytes: u64,
}

/// The reclaimer's books.
#[derive(Default)]
pub(crate) struct Reclaim {
    pub(crate) accounts: BTreeMap<ChunkId, Account>,
    pub(crate) closed: BTreeMap<ChunkId, Closed>,
    dead: DeadLists,
    /// Roots of versions that are no longer published but held.
    roots: BTreeMap<Moment, Retired>,
    /// Of versions that had several roots and of which an earlier one is held, by the moment of their first.
    moved: BTreeMap<Moment, Births>,
    leaving: VecDeque<Leaving>,
    /// Pages that nobody needs since a snapshot was dropped, not taken off their chunks' accounts yet: a bounded number at a time.
    unsettled: Vec<Position>,
    /// Deaths and frees whose pages' lengths could not be read: tried again each time. An account that missed one would never be right again.
    late_deaths: Vec<(Position, Moment)>,
    late_frees: Vec<Position>,
    /// Chunks that nobody needs any more, until the end of the settling: they are taken out of the table together, which is copied for that.
    empty: Vec<ChunkId>,
    /// Number of the newest seal that was captured, counted from this open on.
    pub(crate) seal: u64,
    held: Vec<Moment>,
    /// Chunks that a merge could not empty: left alone until the store is opened anew.
    pub(crate) unmerged: BTreeSet<ChunkId>,
    /// Chunks that could not be read when they were to be merged or written again: left alone until somebody asks for compaction.
    pub(crate) damaged: BTreeSet<ChunkId>,
    /// How often everything that is kept was gone through for [`Reclaim::kept_in`].
    #[cfg(test)]
    pub(crate) kept_looks: std::cell::Cell<u64>,
}

impl Closed {
    /// A chunk that gets no more pages.
    pub(crate) fn new(heap: Counted<HeapHome>) -> Closed {
        Closed { heap, died: Vec::new(), freed: Vec::new() }
    }

    /// Ordinals whose pages nobody needs any more.
    pub(crate) fn freed(&self) -> impl Iterator<Item = u32> + '_ {
        self.freed.iter().map(|at| at.ordinal())
    }

    /// Nobody needs these pages.
    pub(crate) fn free(&mut self, pages: impl Iterator<Item = Position>) {
        self.freed.extend(pages);
    }
}

impl Reclaim {
    /// The books of a store that was just opened.
    pub(crate) fn new(accounts: BTreeMap<ChunkId, Account>) -> Reclaim {
        Reclaim { accounts, ..Reclaim::default() }
    }

    /// The extent may be used again when both slots name seals captured from now on, and nobody holds `lease`.
    pub(crate) fn leave(&mut self, extent: Extent, lease: Option<Watch>) {
        self.leave_after(extent, lease, self.seal + 1);
    }

    /// The same with the number of the first seal that does not need it.
    pub(crate) fn leave_after(&mut self, extent: Extent, lease: Option<Watch>, after_seal: u64) {
        self.leaving.push_back(Leaving { extent, after_seal, lease });
    }

    /// Positions in these chunks, whose ids ascend, that the newest version does not reach and the chunks' accounts count as kept. Cost: everything that is kept for anybody, once.
    pub(crate) fn kept_in(&self, chunks: &[ChunkId]) -> Positions {
        #[cfg(test)]
        self.kept_looks.set(self.kept_looks.get() + 1);
        let unsettled = self.unsettled.iter().chain(&self.late_frees).copied();
        self.dead.kept().chain(unsettled).filter(|at| chunks.binary_search(&at.chunk()).is_ok()).collect()
    }

    /// Extents that are about to be free.
    pub(crate) fn leaving_extents(&self) -> impl Iterator<Item = Extent> + '_ {
        self.leaving.iter().map(|leaving| leaving.extent)
    }

    /// Bytes of extents that somebody may still be reading.
    pub(crate) fn unread_bytes(&self) -> u64 {
        let is_read = |leaving: &&Leaving| leaving.lease.as_ref().is_some_and(|lease| !lease.is_over());
        self.leaving.iter().filter(is_read).map(|leaving| leaving.extent.len).sum()
    }

    /// Positions of pages that died after `version`, which is held, and that it reaches.
    pub(crate) fn dead_seen_by(&self, version: Moment) -> impl Iterator<Item = Position> + '_ {
        self.dead.seen_by(version)
    }

    /// The root of a held moment that is no longer the published one.
    pub(crate) fn root(&self, held: Moment) -> Option<&Root> {
        self.roots.get(&held).map(Retired::root)
    }

    /// Whether pages of the version got new positions after `held`, a moment that the caller holds.
    pub(crate) fn has_moved_since(&self, held: Moment) -> bool {
        self.moved.get(&held.first()).is_some_and(|births| held < births.last)
    }

    /// Remembers when moved pages were born, as long as somebody holds their version as it was before: he does not need them. Nobody else could tell.
    fn note_births(&mut self, born: Moment, moved: Vec<Position>) {
        let first = born.first();
        if !moved.is_empty() && is_held_within(&self.held, first, born) {
            let births = self.moved.entry(first).or_default();
            births.last = born;
            births.pages.extend(moved.into_iter().map(|at| (at, born)));
        }
    }

    /// When the page was born that says it was in the version whose first moment is `first`. To be asked once, at its death.
    fn birth(&mut self, at: Position, first: Moment) -> Moment {
        let births = self.moved.get_mut(&first).and_then(|births| births.pages.remove(&at));
        births.unwrap_or(first)
    }

    /// Pages that nobody needs and that are not settled yet.
    #[cfg(test)]
    pub(crate) fn unsettled_count(&self) -> usize {
        self.unsettled.len()
    }

    /// Pages that only snapshots need.
    pub(crate) fn kept_count(&self) -> usize {
        self.dead.count()
    }
}

impl Machine {
    /// Hands the deaths of a published version over. Called with `pipeline` locked.
    pub(crate) fn push_batch(&self, batch: Batch) {
        self.deaths.lock().push(batch);
    }

    /// Settles everything that was published so far, and some of what dropped snapshots left behind. Cost: the pages that died, and the slots of the registry.
    pub(crate) fn reclaim_published(&self) {
        self.reclaim_some(SETTLED_BY_COMMIT);
    }

    /// Settles everything. Cost: what dropped snapshots left behind.
    pub(crate) fn reclaim_all(&self) {
        while self.reclaim_some(SETTLED_BY_STEP) {}
    }

    /// Settles everything that was published so far, and of the pages that dropped snapshots held so many at most; whether there are more. To settle a page in the file its
    /// length is read there: who commits must not pay for a snapshot that was held for hours.
    pub(crate) fn reclaim_some(&self, most: usize) -> bool {
        let mut reclaim = self.reclaim.lock();
        let reclaim = &mut *reclaim;
        let batches = std::mem::take(&mut *self.deaths.lock());
        // After the publish of every one of these batches, see the registry.
        self.versions.registry.registered(&mut reclaim.held);
        let uncounted = usize::from(planted(Bug::WrongOldest)).min(reclaim.held.len());
        reclaim.dead.hold(&reclaim.held[uncounted..], &mut reclaim.unsettled);
        let mut free = reclaim.unsettled.split_off(reclaim.unsettled.len().saturating_sub(most));
        free.append(&mut reclaim.late_frees);
        for (at, died) in std::mem::take(&mut reclaim.late_deaths) {
            self.page_died(reclaim, at, died);
        }
        for batch in batches {
            reclaim.roots.insert(batch.retired.root().moment, batch.retired);
            reclaim.note_births(batch.died, batch.moved);
            for Dead { at, born } in batch.dead {
                self.page_died(reclaim, at, batch.died);
                let born = reclaim.birth(at, batch.died.of(batch.version, born));
                reclaim.dead.die(at, born, batch.died, &mut free);
            }
        }
        let held = std::mem::take(&mut reclaim.held);
        reclaim.roots.retain(|moment, _| held.binary_search(moment).is_ok());
        reclaim.moved.retain(|first, births| is_held_within(&held, *first, births.last));
        reclaim.held = held;
        for at in free {
            self.page_freed(reclaim, at);
        }
        self.drop_empty(reclaim);
        self.release_extents(reclaim);
        !reclaim.unsettled.is_empty()
    }

    /// From `died` on the page is not reached any more.
    pub(crate) fn page_died(&self, reclaim: &mut Reclaim, at: Position, died: Moment) {
        if let Some(closed) = reclaim.closed.get_mut(&at.chunk()) {
            closed.died.push((at, died));
            return;
        }
        match self.stored_len(at) {
            Ok(Some(len)) => {
                if let Some(account) = reclaim.accounts.get_mut(&at.chunk()) {
                    account.newest_bytes = account.newest_bytes.saturating_sub(len);
                }
            }
            Ok(None) => {}
            Err(_) => reclaim.late_deaths.push((at, died)),
        }
    }

    /// Nobody reaches the page any more.
    fn page_freed(&self, reclaim: &mut Reclaim, at: Position) {
        if let Some(closed) = reclaim.closed.get_mut(&at.chunk()) {
            closed.freed.push(at);
            return;
        }
        {
            let mut open = self.open.lock();
            if at.chunk() == open.id {
                if open.home.take(at.ordinal()).is_some() {
                    open.recycle(at);
                }
                return;
            }
        }
        let len = match self.stored_len(at) {
            Ok(Some(len)) => len,
            Ok(None) => return,
            Err(_) => return reclaim.late_frees.push(at),
        };
        let Some(account) = reclaim.accounts.get_mut(&at.chunk()) else { return };
        account.kept_bytes = account.kept_bytes.saturating_sub(len);
        if account.kept_bytes == 0 {
            reclaim.empty.push(at.chunk());
        }
    }

    fn drop_empty(&self, reclaim: &mut Reclaim) {
        let empty = std::mem::take(&mut reclaim.empty);
        self.drop_chunks(reclaim, empty);
    }

    /// Takes chunks that nobody needs out of the table; their extents leave. Cost: all chunks, once.
    pub(crate) fn drop_chunks(&self, reclaim: &mut Reclaim, mut ids: Vec<ChunkId>) {
        if ids.is_empty() {
            return;
        }
        let guard = epoch::pin();
        for id in &ids {
            let lease = match self.chunks.find(*id, &guard).map(|chunk| chunk.home(&guard)) {
                Some(Home::File(file)) => Some(file.lease()),
                _ => None,
            };
            if let Some(account) = reclaim.accounts.remove(id) {
                reclaim.leave(account.chunk.extent, lease);
            }
        }
        drop(guard);
        ids.sort_unstable();
        self.chunks.remove(&ids);
    }

    /// Gives free what nobody needs any more.
    pub(crate) fn release_extents(&self, reclaim: &mut Reclaim) {
        if reclaim.leaving.is_empty() {
            return;
        }
        let named = self.counters.oldest_named_seal.load(Ordering::Acquire);
        let mut space = self.space.lock();
        reclaim.leaving.retain(|leaving| {
            let is_named = leaving.after_seal > named && !planted(Bug::FreedTooEarly);
            let free = !is_named && leaving.lease.as_ref().is_none_or(Watch::is_over);
            if free {
                space.give(leaving.extent);
            }
            !free
        });
    }

    /// What extents that are about to be free wait for.
    pub(crate) fn leaving(&self) -> Waiting {
        // The seal that the next header names. One that is being written, or has failed, is beyond it: no header gives free what waits for that.
        let sealed = self.headers.lock().seal;
        let reclaim = self.reclaim.lock();
        let named = self.counters.oldest_named_seal.load(Ordering::Acquire);
        let mut waiting = Waiting::default();
        for Leaving { extent, after_seal, .. } in &reclaim.leaving {
            waiting.bytes += extent.len;
            waiting.seal_bytes += if *after_seal > sealed { extent.len } else { 0 };
            waiting.header |= *after_seal > named && *after_seal <= sealed;
        }
        waiting
    }

    /// A closed chunk stands in the file now: its account begins, and what happened to its pages since `sealed` is put into it. Its live bytes are as of
    /// that version: deaths up to it are in them (L7).
    pub(crate) fn chunk_written(&self, reclaim: &mut Reclaim, chunk: SealedChunk, sealed: Moment) {
        let closed = reclaim.closed.remove(&chunk.id);
        let account = Account { chunk, newest_bytes: chunk.live_bytes, kept_bytes: chunk.page_bytes };
        reclaim.accounts.insert(chunk.id, account);
        if let Some(closed) = closed {
            let later = closed.died.into_iter().filter(|(_, died)| *died > sealed);
            later.for_each(|(at, died)| self.page_died(reclaim, at, died));
            closed.freed.into_iter().for_each(|at| self.page_freed(reclaim, at));
            self.drop_empty(reclaim);
        }
    }

    /// Stored length of a page in the file; none if it is not in the file (any more).
    fn stored_len(&self, at: Position) -> Result<Option<u64>> {
        let guard = epoch::pin();
        match self.chunks.find(at.chunk(), &guard).map(|chunk| chunk.home(&guard)) {
            Some(Home::File(file)) => file.stored_len(at),
            Some(Home::Heap(_)) | None => Ok(None),
        }
    }
}
