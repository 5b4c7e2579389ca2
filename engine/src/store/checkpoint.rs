//! Checkpoints: the pages that are only in memory go into a chunk, and a seal makes it part of the state (FORMAT 8).
//!
//! The turn is held for the capture alone: at most one sync, so that everything before V is published, and a few small copies. The chunk is written beside the
//! writers. A chunk whose writing failed stays closed, in memory, and the next checkpoint takes it along.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::time::{Duration, Instant};

use crate::error::{Error, ErrorKind, Result};
use crate::format::header::Cursor;
use crate::format::ids::BLOCK;
use crate::format::record::RecordKind;
use crate::format::seal::{Seal, SealedChunk, SealedTable};
use crate::format::{ChunkId, Extent, Position, TableId, Version};
use crate::log::append::Label;
use crate::log::chunk::{ChunkWriter, Written, extent_len};
use crate::log::directory::{FileHome, HeapHome, Home};
use crate::store::commit::{Callback, Until, unknown};
use crate::store::compact::Twin;
use crate::store::edit::{Dead, Draft};
use crate::store::grow::Loan;
use crate::store::read::Lender;
use crate::store::reclaim::{Account, Closed, Reclaim};
use crate::store::{Machine, OpenChunk};
use crate::sync::atomic::{AtomicBool, Ordering};
#[cfg(loom)]
use crate::sync::checker::fault::{self, Fault};
use crate::sync::turn::Held as Turn;
use crate::sync::{Condvar, Counted, Mutex, epoch};
use crate::tree::{self, Pages};
use crate::version::root::{Pinned, Root, TableEntry, Tree};

/// One checkpoint at a time. Entered only with the turn, left without it.
#[derive(Default)]
pub(crate) struct Busy {
    busy: Mutex<bool>,
    left: Condvar,
    running: AtomicBool,
}

/// Whoever is in. Dropping leaves, also when a panic does it.
pub(crate) struct Entered<'b>(&'b Busy);

impl Drop for Entered<'_> {
    fn drop(&mut self) {
        *self.0.busy.lock() = false;
        self.0.running.store(false, Ordering::Relaxed);
        self.0.left.notify_all();
    }
}

impl Busy {
    fn try_enter(&self) -> Option<Entered<'_>> {
        let mut busy = self.busy.lock();
        if *busy {
            return None;
        }
        *busy = true;
        // Relaxed: for statistics.
        self.running.store(true, Ordering::Relaxed);
        Some(Entered(self))
    }

    /// Waits until the one under way has left, or `deadline`.
    fn wait(&self, deadline: Option<Instant>) {
        let mut busy = self.busy.lock();
        while *busy {
            match deadline {
                None => self.left.wait(&mut busy),
                Some(deadline) if self.left.wait_until(&mut busy, deadline).timed_out() => return,
                Some(_) => {}
            }
        }
    }

    /// Enters when the one under way has left: with the turn, which that one is past needing.
    pub(crate) fn enter(&self) -> Entered<'_> {
        loop {
            if let Some(entered) = self.try_enter() {
                return entered;
            }
            self.wait(None);
        }
    }

    /// Whether a checkpoint is under way.
    pub(crate) fn is_running(&self) -> bool {
        self.running.load(Ordering::Relaxed)
    }
}

/// What a checkpoint is made of: taken under the turn.
struct Captured {
    root: Root,
    /// Number of the seal.
    seal: u64,
    replay: Cursor,
    next_chunk: ChunkId,
    /// Chunks in the file, with live bytes as of the root's version.
    chunks: BTreeMap<ChunkId, SealedChunk>,
    /// Closed chunks: in memory only.
    heaps: BTreeMap<ChunkId, Counted<HeapHome>>,
    tail_bytes: u64,
}

impl Captured {
    /// Bytes of the pages that are to be written.
    fn bytes(&self) -> u64 {
        self.heaps.values().map(|heap| closed_bytes(heap)).sum()
    }
}

/// What a chunk in memory takes of the file at most: its pages, and what is rounded up for directory and tail.
fn closed_bytes(heap: &HeapHome) -> u64 {
    heap.bytes() + BLOCK
}

/// A chunk that was written, and its home in the file to come.
type InFile = (SealedChunk, Counted<FileHome>);

impl Machine {
    /// Seals the newest version. With nothing to seal, and unless `twins` are to be installed or `forced`, it does nothing. Gives the version that is sealed.
    pub(crate) fn checkpoint(&self, twins: Vec<Twin>, forced: bool) -> Result<Version> {
        self.checkpoint_before(None, twins, forced)
    }

    /// The same, if the turn comes before `deadline`.
    ///
    /// # Errors
    /// `TimedOut` if it does not.
    pub(crate) fn checkpoint_before(&self, deadline: Option<Instant>, twins: Vec<Twin>, forced: bool) -> Result<Version> {
        self.writable()?;
        let (entered, turn) = self.enter_checkpoint(deadline)?;
        // Again: the one before may have shut the store, and behind its clean header nothing is appended.
        self.writable()?;
        let _hand = self.extents_in_hand();
        let start = Instant::now();
        let turn = Some(turn);
        #[cfg(loom)]
        let turn = turn.filter(|_| !fault::is(Fault::CapturedWithoutTurn));
        let captured = self.capture_newest(forced || !twins.is_empty());
        drop(turn);
        self.counters.checkpoint_turn(start.elapsed());
        let result = match captured {
            Ok(Some((captured, room, pinned))) => {
                let result = self.write_checkpoint(captured, room, twins);
                self.versions.unpin(&pinned);
                result
            }
            Ok(None) => Ok(self.headers.lock().sealed),
            Err(e) => Err(e),
        };
        drop(entered);
        self.reclaim_published();
        // What this thread let go is freed when the epoch allows, not when it next has to do with a store.
        epoch::pin().flush();
        self.run_callbacks();
        result
    }

    /// Waits for the turn and until no checkpoint is under way, and enters.
    fn enter_checkpoint(&self, deadline: Option<Instant>) -> Result<(Entered<'_>, Turn)> {
        // Whoever has the turn may keep it for long: what is deferred does not wait for that. Twice the time whenever it did not do, so that the turn comes
        // however many are before us.
        let mut patience = self.settings.deferred_within.max(Duration::from_millis(1));
        loop {
            let soon = Instant::now().checked_add(patience);
            match self.turn.take(soon.into_iter().chain(deadline).min()) {
                Some(turn) => match self.checkpoint.try_enter() {
                    Some(entered) => return Ok((entered, turn)),
                    None => {
                        drop(turn);
                        self.checkpoint.wait(deadline);
                    }
                },
                None => {
                    self.sync_deferred()?;
                    patience = patience.saturating_mul(2);
                }
            }
            if deadline.is_some_and(|deadline| Instant::now() >= deadline) {
                let what = "too much is dirty, and the turn for the checkpoint did not come in the time given; nothing was done";
                return Err(Error::new(ErrorKind::TimedOut, what));
            }
        }
    }

    /// Makes a draft a version by sealing it: for changes that no record holds.
    pub(crate) fn commit_by_seal(&self, draft: Draft, mut callbacks: Vec<Callback>) -> Result<Version> {
        let entered = self.checkpoint.enter();
        let _hand = self.extents_in_hand();
        let result = self.seal_draft(draft, &mut callbacks);
        drop(entered);
        // Those of a commit that failed: what they own may look at the store when it is dropped.
        drop(callbacks);
        if result.is_ok() {
            self.counters.commits.fetch_add(1, Ordering::Relaxed);
        }
        self.reclaim_published();
        epoch::pin().flush();
        result
    }

    fn seal_draft(&self, mut draft: Draft, callbacks: &mut Vec<Callback>) -> Result<Version> {
        let ready = self.writable().and_then(|()| self.keep_room(draft.own_bytes(), !draft.grows));
        if let Err(e) = ready.and_then(|()| self.settle(Until::Synced(draft.base.version))) {
            draft.discard(self);
            return Err(e);
        }
        let (frozen, turn) = draft.freeze()?;
        let pages: Vec<Position> = frozen.pages.iter().map(|(at, _)| *at).collect();
        let spilled = frozen.spilled.clone();
        let (root, dead) = self.install(frozen);
        let version = root.version;
        let (captured, mut room) = self.capture(root.clone(), &dead);
        let written = self.write_chunks(&captured, &mut room).and_then(|written| {
            let sealed = captured.chunks.values().copied().chain(written.iter().map(|(chunk, _)| *chunk)).collect();
            match self.append_seal(&captured, sealed).and_then(|()| self.prove(&captured)) {
                Ok(()) => Ok(written),
                Err(e) => {
                    self.abandon(&written);
                    Err(e)
                }
            }
        });
        let written = match written {
            Ok(written) => written,
            Err(e) => {
                // Nobody reaches these pages: the next checkpoint must not take them for a snapshot's.
                self.free_closed(&pages);
                self.drop_spilled(spilled);
                return Err(e);
            }
        };
        self.publish_sealed(root, dead, std::mem::take(callbacks));
        drop(turn);
        // The commit is durable and seen. If the header fails the store is poisoned, and the next commit hears of it.
        let _ = self.finish(&captured, written, Vec::new());
        Ok(version)
    }

    /// Strict: before anybody sees a version that only this seal holds, a header names the seal.
    fn prove(&self, captured: &Captured) -> Result<()> {
        if !self.settings.strict {
            return Ok(());
        }
        self.headers.lock().seal(captured.seal, captured.root.version, captured.replay);
        self.write_header_for(captured.root.version, false).map_err(unknown)
    }

    fn capture_newest(&self, forced: bool) -> Result<Option<(Captured, Loan<'_>, Pinned)>> {
        let newest = self.pipeline.lock().newest.version;
        self.settle(Until::Synced(newest))?;
        let sealed = self.headers.lock().sealed;
        let pinned = self.versions.pin();
        let dirty = self.open.lock().home.bytes() > 0 || !self.reclaim.lock().closed.is_empty();
        if newest == sealed && !dirty && !forced {
            self.versions.unpin(&pinned);
            return Ok(None);
        }
        let (captured, room) = self.capture(pinned.root().clone(), &[]);
        Ok(Some((captured, room, pinned)))
    }

    /// The caller has the turn, everything before `root` is published and settled. `dead`: deaths that came with `root`, if it is not published yet.
    fn capture(&self, root: Root, dead: &[Dead]) -> (Captured, Loan<'_>) {
        // Before the locks: a length stands in the file.
        let dead_bytes = self.file_bytes_of(dead);
        let pipeline = self.pipeline.lock();
        let mut reclaim = self.reclaim.lock();
        let mut open = self.open.lock();
        reclaim.seal += 1;
        if open.home.bytes() > 0 {
            self.close_chunk(&mut reclaim, &mut open);
        }
        let heaps = reclaim.closed.iter().map(|(id, closed)| (*id, Counted::clone(&closed.heap))).collect();
        self.count_closed(&reclaim);
        let live = |id, account: &Account| {
            let live_bytes = account.newest_bytes.saturating_sub(dead_bytes.get(&id).copied().unwrap_or(0));
            SealedChunk { live_bytes, ..account.chunk }
        };
        let chunks = reclaim.accounts.iter().map(|(id, account)| (*id, live(*id, account))).collect();
        let (seal, replay, next_chunk) = (reclaim.seal, pipeline.log.cursor(), open.id.next());
        let captured = Captured { root, seal, replay, next_chunk, chunks, heaps, tail_bytes: pipeline.tail_bytes };
        // Before anybody commits: what is kept until then is for these pages.
        let room = self.lend_room(captured.bytes());
        (captured, room)
    }

    /// Bytes of these pages, by the chunk in the file that holds them. One whose length cannot be read counts as none: it stays counted as live (L7).
    fn file_bytes_of(&self, dead: &[Dead]) -> HashMap<ChunkId, u64> {
        let guard = epoch::pin();
        let mut bytes = HashMap::new();
        for Dead { at, .. } in dead {
            if let Some(Home::File(file)) = self.chunks.find(at.chunk(), &guard).map(|chunk| chunk.home(&guard)) {
                *bytes.entry(at.chunk()).or_default() += file.stored_len(*at).ok().flatten().unwrap_or(0);
            }
        }
        bytes
    }

    /// The open chunk gets no more pages; another one is open.
    pub(crate) fn close_chunk(&self, reclaim: &mut Reclaim, open: &mut OpenChunk) {
        reclaim.closed.insert(open.id, Closed::new(Counted::clone(&open.home)));
        *open = OpenChunk::new(open.id.next());
        self.chunks.add(open.chunk());
    }

    fn write_checkpoint(&self, mut captured: Captured, mut room: Loan<'_>, twins: Vec<Twin>) -> Result<Version> {
        let written = match self.write_chunks(&captured, &mut room) {
            Ok(written) => written,
            Err(e) => {
                twins.iter().for_each(|twin| self.give_back(twin.chunk.extent));
                return Err(e);
            }
        };
        let mut installed = Vec::new();
        for mut twin in twins {
            match captured.chunks.get_mut(&twin.chunk.id) {
                Some(chunk) if chunk.generation.checked_add(1) == Some(twin.chunk.generation) => {
                    // What is recorded may be more than there is (L7); the twin has what there is, and no seal may state more.
                    twin.chunk.live_bytes = chunk.live_bytes.min(twin.chunk.page_bytes);
                    *chunk = twin.chunk;
                    installed.push(twin);
                }
                // Nobody needs it any more, or it moved: the twin is named by nothing.
                _ => self.give_back(twin.chunk.extent),
            }
        }
        let sealed = captured.chunks.values().copied().chain(written.iter().map(|(chunk, _)| *chunk)).collect();
        if let Err(e) = self.append_seal(&captured, sealed) {
            self.abandon(&written);
            installed.iter().for_each(|twin| self.abandon_extent(twin.chunk.extent));
            return Err(e);
        }
        self.finish(&captured, written, installed)?;
        Ok(captured.root.version)
    }

    /// Writes every closed chunk to an extent. What is written is on the medium when this returns.
    fn write_chunks(&self, captured: &Captured, room: &mut Loan<'_>) -> Result<Vec<InFile>> {
        let mut order: BTreeMap<ChunkId, Vec<u32>> = BTreeMap::new();
        let lender = Lender::new(self);
        for (_, tree) in captured.root.tables() {
            // A page in memory is reached through pages in memory only: whoever changed it changed its parents too.
            let mut enter = |at: Position| captured.heaps.contains_key(&at.chunk());
            tree::walk(&lender, tree, &mut enter, &mut |at, _| {
                order.entry(at.chunk()).or_default().push(at.ordinal());
                Ok(())
            })?;
        }
        let compressed: HashSet<_> = captured.root.tables().filter(|(entry, _)| entry.lz4).map(|(entry, _)| entry.id).collect();
        let mut written = Vec::new();
        for (id, heap) in &captured.heaps {
            let reached = order.remove(id).unwrap_or_default();
            let result = self.write_chunk(*id, heap, &reached, &compressed, room);
            match result {
                Ok(Some(chunk)) => written.push(chunk),
                Ok(None) => {}
                Err(e) => {
                    self.abandon(&written);
                    return Err(e);
                }
            }
        }
        room.give_rest();
        Ok(written)
    }

    /// Writes the pages of one closed chunk: those that only snapshots need first, then `reached`, in that order. None if there are none.
    fn write_chunk(
        &self,
        id: ChunkId,
        heap: &Counted<HeapHome>,
        reached: &[u32],
        compressed: &HashSet<TableId>,
        room: &mut Loan<'_>,
    ) -> Result<Option<InFile>> {
        let lender = Lender::new(self);
        let mut others = heap.ordinals();
        {
            let reclaim = self.reclaim.lock();
            let mut skip: HashSet<u32> = reached.iter().copied().collect();
            skip.extend(reclaim.closed.get(&id).into_iter().flat_map(Closed::freed));
            others.retain(|ordinal| !skip.contains(ordinal));
        }
        let slots = reached.iter().chain(&others).max().map_or(0, |max| max + 1);
        if slots == 0 {
            return Ok(None);
        }
        let mut bytes = 0;
        for ordinal in others.iter().chain(reached) {
            bytes += lender.page(Position::new(id, *ordinal))?.packed_len() as u64;
        }
        let extent = room.take(extent_len(bytes, slots))?;
        let mut live_bytes = 0;
        let result = self.stream_to(
            extent,
            |writer| {
                for (i, ordinal) in others.iter().chain(reached).enumerate() {
                    let page = lender.page(Position::new(id, *ordinal))?;
                    let len = writer.add(*ordinal, page, compressed.contains(&page.table()))?;
                    live_bytes += if i >= others.len() { u64::from(len) } else { 0 };
                }
                Ok(())
            },
            id,
            0,
        );
        let (extent, written) = result.inspect_err(|_| self.give_back(extent))?;
        let chunk = sealed_chunk(id, 0, extent, &written, live_bytes);
        Ok(Some((chunk, self.file_home(&chunk, &written))))
    }

    /// Writes a chunk into an extent in slices, each on the medium before the next; gives the part of the extent that it took, the rest is free again.
    pub(crate) fn stream_to(
        &self,
        extent: Extent,
        pages: impl FnOnce(&mut ChunkWriter<'_>) -> Result<()>,
        id: ChunkId,
        generation: u32,
    ) -> Result<(Extent, Written)> {
        let mut offset = extent.offset;
        let mut sink = |bytes: &[u8]| {
            self.write_aside(bytes, offset)?;
            offset += bytes.len() as u64;
            // Between slices: a long write keeps nobody's deferred commit from the medium, and no writer without a segment. One that cannot be made is no failure of this chunk.
            self.sync_deferred()?;
            self.supply_segment().map(drop).or_else(|_| self.writable())
        };
        let mut writer = ChunkWriter::new(&mut sink);
        pages(&mut writer)?;
        let written = writer.finish(id, self.identity.incarnation, generation)?;
        debug_assert!(written.len <= extent.len, "the bound of a chunk's length held");
        let rest = Extent { offset: extent.offset + written.len, len: extent.len - written.len };
        self.give_back(rest);
        Ok((Extent { offset: extent.offset, len: written.len }, written))
    }

    /// Appends and syncs the seal.
    fn append_seal(&self, captured: &Captured, mut chunks: Vec<SealedChunk>) -> Result<()> {
        chunks.sort_unstable_by_key(|chunk| chunk.id);
        let mut body = Vec::new();
        seal_of(&captured.root, captured.replay, captured.next_chunk, chunks).encode(&mut body);
        let mut pipeline = self.with_log_room(body.len() as u64, false)?;
        let durable_to = pipeline.synced;
        let number = pipeline.log.cursor().number;
        pipeline
            .log
            .append(Label { kind: RecordKind::Seal, commit_count: 0, version: captured.root.version, durable_to }, &[&body]);
        drop(pipeline);
        self.settle(Until::Record(number))
    }

    /// The seal is durable: a header names it, the chunks swing to the file.
    fn finish(&self, captured: &Captured, written: Vec<InFile>, twins: Vec<Twin>) -> Result<()> {
        {
            let mut reclaim = self.reclaim.lock();
            for (chunk, home) in written {
                self.swing(chunk.id, home);
                self.chunk_written(&mut reclaim, chunk, captured.root.moment);
            }
            // Closed chunks of which nothing was needed.
            let unneeded = captured.heaps.keys().copied().filter(|id| reclaim.closed.remove(id).is_some()).collect();
            self.drop_chunks(&mut reclaim, unneeded);
            for twin in twins {
                self.install_twin(&mut reclaim, twin, captured.seal);
            }
            // First, so that what is no longer dirty counts for a moment as if it were, and never the other way round.
            self.space.lock().end_loan();
            self.count_closed(&reclaim);
        }
        self.headers.lock().seal(captured.seal, captured.root.version, captured.replay);
        let mut pipeline = self.pipeline.lock();
        pipeline.tail_bytes = pipeline.tail_bytes.saturating_sub(captured.tail_bytes);
        drop(pipeline);
        self.counters.checkpoints.fetch_add(1, Ordering::Relaxed);
        self.write_header(false)
    }

    /// Counts the closed chunks' memory anew, wherever chunks are closed, filled or written: it is part of what is dirty.
    pub(crate) fn count_closed(&self, reclaim: &Reclaim) {
        let bytes = reclaim.closed.values().map(|closed| closed_bytes(&closed.heap)).sum();
        // Relaxed: a figure.
        self.counters.closed_bytes.store(bytes, Ordering::Relaxed);
    }

    pub(crate) fn swing(&self, id: ChunkId, home: Counted<FileHome>) {
        let guard = epoch::pin();
        if let Some(chunk) = self.chunks.find(id, &guard) {
            chunk.swing(Home::File(home));
        }
    }

    fn install_twin(&self, reclaim: &mut Reclaim, twin: Twin, seal: u64) {
        let id = twin.chunk.id;
        let guard = epoch::pin();
        let lease = match self.chunks.find(id, &guard).map(|chunk| chunk.home(&guard)) {
            Some(Home::File(file)) => Some(file.lease()),
            _ => None,
        };
        drop(guard);
        let Some(account) = reclaim.accounts.get_mut(&id) else {
            // It died since the capture; the seal names the twin, the next one will not.
            reclaim.leave(twin.chunk.extent, None);
            return;
        };
        let old = account.chunk.extent;
        account.chunk = twin.chunk;
        account.newest_bytes = account.newest_bytes.min(twin.chunk.page_bytes);
        account.kept_bytes = account.kept_bytes.min(twin.chunk.page_bytes);
        self.swing(id, twin.home);
        // Free as soon as both slots name this seal: it is the first that does not need the old place.
        reclaim.leave_after(old, lease, seal);
    }

    /// Extents that a seal which failed half-way may name: kept until the store is opened anew if it was poisoned, free otherwise.
    fn abandon(&self, written: &[InFile]) {
        written.iter().for_each(|(chunk, _)| self.abandon_extent(chunk.extent));
    }

    fn abandon_extent(&self, extent: Extent) {
        if !self.is_poisoned() {
            self.give_back(extent);
        }
    }

    /// Nobody ever reached these pages of closed chunks: they are let go, and count as dirty no more.
    fn free_closed(&self, pages: &[Position]) {
        let mut reclaim = self.reclaim.lock();
        for at in pages {
            if let Some(closed) = reclaim.closed.get_mut(&at.chunk()) {
                drop(closed.heap.take(at.ordinal()));
                closed.free([*at].into_iter());
            }
        }
        self.count_closed(&reclaim);
    }
}

/// What a seal says about a chunk.
pub(crate) fn sealed_chunk(id: ChunkId, generation: u32, extent: Extent, written: &Written, live_bytes: u64) -> SealedChunk {
    SealedChunk {
        id,
        generation,
        crc: written.crc,
        extent,
        page_count: written.page_count,
        slot_count: written.slot_count,
        page_bytes: written.page_bytes,
        live_bytes,
    }
}

/// The seal of a version.
pub(crate) fn seal_of(root: &Root, replay: Cursor, next_chunk: ChunkId, chunks: Vec<SealedChunk>) -> Seal {
    let table = |(entry, tree): (&TableEntry, &Tree)| SealedTable {
        id: entry.id,
        lz4: entry.lz4,
        root: tree.at,
        len: tree.len,
        height: tree.height,
        name: entry.name.to_string(),
    };
    let next_table = TableId(root.catalogue.next_table.0.max(1));
    let mut tables: Vec<_> = root.tables().map(table).collect();
    tables.sort_unstable_by_key(|table| table.id);
    Seal { replay, next_table, next_chunk, tables, chunks }
}
