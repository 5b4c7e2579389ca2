//! Dense twins: chunks of which little is needed are written again without the rest (DESIGN 5, FORMAT 6).
//!
//! A twin has the same id, ordinals and page bytes: no page, root or position changes, so it takes no writer's turn but the one of the seal that makes it the home,
//! and pages that only snapshots need move too. Which pages are needed is asked page by page: a page is needed by the newest version if and
//! only if the descent for one of its own keys meets it; those that only snapshots need stand on the dead lists.

use std::borrow::Cow;
use std::collections::{HashMap, VecDeque};
use std::ops::ControlFlow;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use crate::error::{ErrorKind, Result};
use crate::format::header::Cursor;
use crate::format::ids::BLOCK;
use crate::format::seal::SealedChunk;
use crate::format::{ChunkId, Extent, Position, TableId, Version};
use crate::log::append::Log;
use crate::log::cache::Loans;
use crate::log::chunk::extent_len;
use crate::log::directory::{FileHome, Home};
use crate::log::space::Space;
use crate::page::{Kind, Page};
use crate::store::Machine;
use crate::store::background::WORTH;
use crate::store::checkpoint::{seal_of, sealed_chunk};
use crate::store::edit::Positions;
use crate::store::grow::LEAST_SEGMENT;
use crate::store::progress::{End, Progress};
use crate::store::read::Lender;
use crate::store::reclaim::Reclaim;
use crate::sync::{Counted, epoch, thread};
use crate::tree::{self, Place};
use crate::version::root::{Root, Tree};

/// A dense twin, on the medium, named by nothing yet.
pub(crate) struct Twin {
    pub(crate) chunk: SealedChunk,
    pub(crate) home: Counted<FileHome>,
}

/// A version's trees by the ids of their tables: which one is asked for each page.
pub(crate) struct Trees {
    pub(crate) version: Version,
    by_table: HashMap<TableId, Tree>,
}

impl Trees {
    pub(crate) fn of(root: &Root) -> Trees {
        Trees { version: root.version, by_table: root.tables().map(|(entry, tree)| (entry.id, *tree)).collect() }
    }

    pub(crate) fn of_table(&self, table: TableId) -> Option<&Tree> {
        self.by_table.get(&table)
    }
}

/// What a compaction did. Bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Compaction {
    /// Length of the file before.
    pub file_bytes_before: u64,
    /// Length of the file after.
    pub file_bytes_after: u64,
    /// Bytes of pages that got new positions, and of dense twins.
    pub bytes_written: u64,
}

/// A chunk of which a smaller share is needed is worth a twin when compaction is asked for.
const DENSE: f64 = 0.95;

/// How long a compaction waits, in all, for those who read what it moved away from; and how many turns of the epoch it tries each time without waiting.
const PATIENCE: Duration = Duration::from_millis(500);
const TURNS: u32 = 64;

/// Rounds of a compaction, one after the other, that gain nothing and end it; more where chunks are long.
const VAIN: u64 = 8;

/// Bytes of chunks that one round reads at most, but for the first chunk: bounds its time, and the file's growth meanwhile.
pub(crate) const ROUND_BYTES: u64 = 64 << 20;

/// Hears how many bytes a compaction has written, and of about how many. `Break` ends it.
pub(crate) type Watching<'a> = dyn FnMut(u64, u64) -> ControlFlow<()> + 'a;

/// A compaction that somebody asked for.
struct Compacting<'w> {
    progress: Progress<'w>,
    /// How long it may still wait for those who read what it moved away from, or hold an extent.
    patience: Duration,
    /// The file's length before.
    file_bytes: u64,
    /// Bytes that were kept in it for the next checkpoint.
    room: u64,
    /// Least bytes in use so far, and the lowest place where the last of them ended.
    least: (u64, u64),
    /// Rounds that have gained nothing since.
    vain: u64,
}

impl Compacting<'_> {
    /// Before a round: so many bytes are in use, and the last of them ends there.
    fn reached(&mut self, (used, end): (u64, u64)) {
        self.vain = if used < self.least.0 || end < self.least.1 { 0 } else { self.vain + 1 };
        self.least = (used.min(self.least.0), end.min(self.least.1));
    }
}

impl Machine {
    /// Leaves put in order and small chunks merged, then twins for everything sparse, then chunks moved down and the file cut, until there is nothing to gain. None if `watch` ended it: then what is
    /// free is given back and the file cut all the same.
    pub(crate) fn compact(&self, watch: &mut Watching<'_>) -> Result<Option<Compaction>> {
        self.writable()?;
        let _asked = self.signal.compacts();
        let (file_bytes, room) = {
            let space = self.space.lock();
            (space.end(), space.reserve().len)
        };
        // What is damaged is told again by each.
        self.reclaim.lock().damaged.clear();
        self.checkpoint(Vec::new(), false)?;
        // What is alive is written about twice where all of it is out of order: once in order, and once at the file's beginning.
        let of = 2 * self.accounts().iter().map(|(_, kept)| kept).sum::<u64>();
        let progress = Progress::new(|done| watch(done, of));
        let mut compacting = Compacting { progress, patience: PATIENCE, file_bytes, room, least: (u64::MAX, u64::MAX), vain: 0 };
        let ended = match self.compact_all(&mut compacting) {
            Ok(()) => Ok(()),
            // What was moved goes to the file, and what it was moved away from is free.
            Err(End::Stopped) => self.checkpoint(Vec::new(), false).and_then(|_| self.let_go(&mut compacting.patience)),
            Err(End::Failed(e)) => Err(e),
        };
        let Compacting { mut progress, .. } = compacting;
        let ended = match progress.note(ended) {
            Err(End::Failed(e)) => Err(e),
            Ok(()) | Err(End::Stopped) => Ok(()),
        };
        // Whatever ended it, unless nothing may be written any more.
        if !self.is_poisoned() {
            self.rest_log();
            self.cut_file()?;
        }
        ended?;
        let (bytes_written, is_stopped) = (progress.bytes_written, progress.is_stopped());
        let file_bytes_after = self.space.lock().end();
        progress.end(file_bytes_after >= file_bytes)?;
        let compaction = Compaction { file_bytes_before: file_bytes, file_bytes_after, bytes_written };
        Ok((!is_stopped).then_some(compaction))
    }

    fn compact_all(&self, compacting: &mut Compacting<'_>) -> Result<(), End> {
        let ordered = self.put_in_order(&mut compacting.progress);
        compacting.progress.note(ordered)?;
        let merged = self.merge_all(&mut compacting.progress);
        compacting.progress.note(merged)?;
        self.compact_rounds(compacting)
    }

    /// A seal that has no room ends the rounds, and no more than that.
    fn compact_rounds(&self, compacting: &mut Compacting<'_>) -> Result<(), End> {
        let accounts = self.accounts();
        // Below the longest chunk much may have to move before that one has room.
        let longest = accounts.iter().map(|(chunk, _)| chunk.extent.len).max().unwrap_or(0);
        let may_be_vain = VAIN.max(2 * longest / ROUND_BYTES);
        // Each round rewrites chunks that are sparse or moves them down, and what moves makes room for others: bounded by the number of chunks, the log, and what room is kept. Beside writers, who make
        // chunks sparse in every round, it ends when nothing has become less for some rounds.
        for _ in 0..2 * accounts.len() + 4 {
            // What was left is free: then it is seen what could be where.
            self.let_go(&mut compacting.patience)?;
            compacting.reached(self.used());
            if compacting.vain == may_be_vain || !self.compact_once(compacting)? {
                break;
            }
        }
        Ok(())
    }

    /// One round of a compaction; whether there may be more to do.
    fn compact_once(&self, compacting: &mut Compacting<'_>) -> Result<bool, End> {
        let Compacting { progress, patience, .. } = compacting;
        let damaged = progress.damaged();
        // Where somebody reads what was moved away from, the file is longer for that, and moving more would make it longer still.
        let longest = if self.leaving().bytes == 0 { compacting.file_bytes } else { u64::MAX };
        let is_log_moved = self.move_log_down(patience, longest)?;
        // At once what the log made way for, before anything else takes the place.
        let made_way = if is_log_moved { self.shift_round(progress) } else { Ok(0) };
        let made_way = progress.note(made_way)?;
        let is_room_moved = self.lower_room(compacting.room);
        let dense = self.compact_round(DENSE, progress);
        let dense = progress.note(dense)?;
        self.let_go(patience)?;
        let moved = self.shift_round(progress);
        let moved = progress.note(moved)?;
        if progress.damaged() > damaged {
            // It was read in place of others, and is not read again.
            compacting.vain = 0;
            return Ok(true);
        }
        if made_way + dense + moved > 0 || is_log_moved || is_room_moved {
            return Ok(true);
        }
        let lifted = self.lift_last(longest, progress);
        let lifted = progress.note(lifted)?;
        // It is to move down again: that the file is longer meanwhile is no loss.
        compacting.vain = 0;
        Ok(lifted > 0)
    }

    /// Bytes in use, without what nobody but readers needs, and where the last of it ends.
    fn used(&self) -> (u64, u64) {
        let leaving = self.leaving().bytes;
        let space = self.space.lock();
        ((space.end() - space.free_bytes()).saturating_sub(leaving), space.used_end())
    }

    /// One round of moving chunks and the log down, and the file cut; gives its length then.
    ///
    /// # Errors
    /// Those of a checkpoint; `Corrupt` if damage was met, `Full` if something had no room: at the end.
    pub(crate) fn shrink(&self) -> Result<u64> {
        let (mut progress, mut none) = (Progress::unwatched(), Duration::ZERO);
        let moved = self.shift_round(&mut progress);
        if let Err(End::Failed(e)) = progress.note(moved) {
            return Err(e);
        }
        self.let_go(&mut none)?;
        self.move_log_down(&mut none, u64::MAX)?;
        self.cut_file()?;
        progress.end(true)?;
        Ok(self.space.lock().end())
    }

    /// L6: 1.5 times what is reachable, the log, and the reserve: the room that is kept, and what is too little to move for. Bytes.
    pub(crate) fn length_bound(&self) -> u64 {
        let kept: u64 = self.accounts().iter().map(|(_, kept)| kept).sum();
        let log: u64 = self.pipeline.lock().log.extents().iter().map(|extent| extent.len).sum();
        let reserve = self.space.lock().reserve().len + WORTH;
        (kept + self.dirty_bytes()) * 3 / 2 + log + reserve
    }

    /// Continues the log in two short segments at the lowest places, if that makes the file shorter; whether it did. Segments are as long as the load that was asked for, and one at the file's end
    /// keeps it from being cut. Where the log stands in its own way it moves to the file's end first. A file that is longer than `longest` is worth more moves.
    fn move_log_down(&self, patience: &mut Duration, longest: u64) -> Result<bool> {
        self.rest_log();
        match self.better_log(longest) {
            None => Ok(false),
            Some((len, false)) => self.move_log(|| self.written_extents(len), patience),
            Some((len, true)) => {
                let is_aside = self.move_log(|| self.written_extents_at_end(len), patience)?;
                Ok(is_aside && self.move_log(|| self.written_extents(len), patience)?)
            }
        }
    }

    /// Continues the log elsewhere; false if there is no room.
    fn move_log(&self, extents: impl Fn() -> Result<(Extent, Extent)>, patience: &mut Duration) -> Result<bool> {
        let hand = self.extents_in_hand();
        let (first, next) = match extents() {
            Ok(extents) => extents,
            Err(e) if e.kind() == ErrorKind::Full => return Ok(false),
            Err(e) => return Err(e),
        };
        let spares = self.pipeline.lock().log.move_to(first, next);
        spares.into_iter().for_each(|extent| self.give_back(extent));
        // The seal stands in the new place, and with both headers behind it the old segments are free.
        self.checkpoint(Vec::new(), true)?;
        self.write_header(false)?;
        drop(hand);
        self.let_go(patience)?;
        Ok(true)
    }

    /// How the log is better off: as two segments of that length at the lowest places, its own among them; and whether they would overlap it as it is. It is if it would end lower, or if it keeps
    /// the chunk at the file's end from moving down. Each move makes the log or a chunk end lower, so moving ends.
    fn better_log(&self, longest: u64) -> Option<(u64, bool)> {
        self.reclaim_all();
        let needed = Log::segment_for(self.seal_len() + BLOCK);
        // All books at one moment.
        let pipeline = self.pipeline.lock();
        let reclaim = self.reclaim.lock();
        let last = last_chunk(&reclaim).map(|(chunk, _)| chunk.extent).unwrap_or_default();
        let log = pipeline.log.extents();
        let now = self.space.lock().clone();
        drop((reclaim, pipeline));
        let end_now = log.iter().map(|extent| extent.end()).max().unwrap_or(0);
        let is_too_long = now.used_end() > longest;
        let overlaps = |a: &Extent, b: &Extent| a.offset < b.end() && b.offset < a.end();
        let better = |len: u64| {
            let mut then = now.clone();
            log.iter().for_each(|extent| then.give(*extent));
            let (Ok((first, _)), Ok((next, _))) = (then.take(len), then.take(len)) else { return None };
            let end = first.end().max(next.end());
            let has_room = |space: &Space| space.has_before(last.offset, last.len);
            let makes_way = has_room(&then) && !has_room(&now) || is_too_long && then.has_lower(last) && !now.has_lower(last);
            let is_in_the_way = end < last.end() && makes_way;
            let in_its_own = || log.iter().any(|extent| overlaps(extent, &first) || overlaps(extent, &next));
            (end < end_now || is_in_the_way).then(|| (len, in_its_own()))
        };
        // Shorter ones than a new store has only where the file had no room for longer ones; none in which the seal that goes along has no place, which would get segments of its own behind them.
        let halves = std::iter::successors(Some(self.settings.segment_bytes.max(needed)), |len| Some(len / 2 / BLOCK * BLOCK));
        halves.take_while(|len| *len >= LEAST_SEGMENT.max(needed)).take(if is_too_long { usize::MAX } else { 1 }).find_map(better)
    }

    /// If the file is longer than `longest`: moves the chunk at its end away, if it stands in its own way down and is not too long for a round: the file grows by it meanwhile. Gives the bytes written.
    fn lift_last(&self, longest: u64, progress: &mut Progress<'_>) -> Result<u64> {
        self.reclaim_all();
        let reclaim = self.reclaim.lock();
        let space = self.space.lock();
        let is_worth =
            |chunk: &SealedChunk| space.used_end() > longest && chunk.extent.len <= ROUND_BYTES && space.has_lower(chunk.extent);
        let last = last_chunk(&reclaim).filter(|(chunk, _)| is_worth(chunk));
        drop((space, reclaim));
        last.map_or(Ok(0), |last| self.rewrite(vec![last], false, progress))
    }

    /// Length of the newest version's seal, if it were made now.
    fn seal_len(&self) -> u64 {
        let chunks = self.accounts().into_iter().map(|(chunk, _)| chunk).collect();
        let pinned = self.versions.pin();
        let len = seal_of(pinned.root(), Cursor::default(), ChunkId(0), chunks).encoded_len();
        self.versions.unpin(&pinned);
        len as u64
    }

    /// Both headers name the newest seal, and what nobody reads any more is free. As long as `patience` lasts it waits for those who read, and for who has an extent in hand: a segment that is
    /// being made stands in the way until it is done. The caller has none.
    fn let_go(&self, patience: &mut Duration) -> Result<()> {
        if self.leaving().seal_bytes > 0 {
            self.checkpoint(Vec::new(), true)?;
        }
        if self.leaving().header {
            self.write_header(false)?;
        }
        self.wait_for_readers(patience);
        Ok(())
    }

    /// Gives free what nobody reads any more. The epoch moves on when nobody is pinned: a few turns see it through, or somebody is reading, and the rest waits as long as `patience` lasts, which
    /// becomes less by the time waited, and by nothing else: the work between two waits may take long.
    pub(crate) fn wait_for_readers(&self, patience: &mut Duration) {
        let mut since = None;
        for turn in 0.. {
            epoch::pin().flush();
            self.reclaim_all();
            if self.leaving().bytes == 0 && !self.has_extents_in_hand() {
                break;
            }
            if turn < TURNS {
                thread::yield_now();
                continue;
            }
            if since.get_or_insert_with(Instant::now).elapsed() >= *patience {
                break;
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        *patience = patience.saturating_sub(since.map_or(Duration::ZERO, |since| since.elapsed()));
    }

    /// One round: the sparsest chunks below a share of `fill` get twins, at most `ROUND_BYTES` of them. Gives the bytes written. A damaged chunk is left alone.
    pub(crate) fn compact_round(&self, fill: f64, progress: &mut Progress<'_>) -> Result<u64> {
        let mut victims = self.accounts();
        victims.retain(|(chunk, kept)| (*kept as f64) < fill * chunk.page_bytes as f64);
        victims.sort_unstable_by_key(|(chunk, kept)| kept * 1000 / chunk.page_bytes.max(1));
        self.rewrite(victims, false, progress)
    }

    /// One round of moving chunks from the file's end to free extents before them. Gives the bytes written.
    pub(crate) fn shift_round(&self, progress: &mut Progress<'_>) -> Result<u64> {
        let mut victims = self.accounts();
        victims.sort_unstable_by_key(|(chunk, _)| std::cmp::Reverse(chunk.extent.offset));
        self.rewrite(victims, true, progress)
    }

    fn accounts(&self) -> Vec<(SealedChunk, u64)> {
        self.reclaim_all();
        let reclaim = self.reclaim.lock();
        reclaim.accounts.values().map(|account| (account.chunk, account.kept_bytes)).collect()
    }

    fn rewrite(&self, mut victims: Vec<(SealedChunk, u64)>, only_down: bool, progress: &mut Progress<'_>) -> Result<u64> {
        let is_nowhere = |chunk: &SealedChunk, kept: u64| only_down && !self.space.lock().has_before(chunk.extent.offset, kept);
        let is_damaged = |id: &ChunkId| self.reclaim.lock().damaged.contains(id);
        victims.retain(|(chunk, kept)| !is_damaged(&chunk.id) && !is_nowhere(chunk, *kept));
        if victims.is_empty() {
            return Ok(0);
        }
        let _hand = self.extents_in_hand();
        let (mut twins, mut bytes) = (Vec::new(), 0);
        let pinned = self.versions.pin();
        let trees = Trees::of(pinned.root());
        // Whoever published the pinned version has handed its deaths over when the pipeline is free.
        drop(self.pipeline.lock());
        self.reclaim_all();
        let mut ids: Vec<_> = victims.iter().map(|(chunk, _)| chunk.id).collect();
        ids.sort_unstable();
        let kept_pages = self.reclaim.lock().kept_in(&ids);
        // A damaged chunk stays where it is. Where one has no room, the shortest is tried, and if that has none either, no other is looked at.
        let (mut full, mut read) = (None, 0);
        let mut victims = VecDeque::from(victims);
        let mut result = Ok(());
        while let Some((chunk, kept)) = victims.pop_front() {
            if is_nowhere(&chunk, kept) || (read + chunk.page_bytes > ROUND_BYTES && read > 0) {
                continue;
            }
            read += chunk.page_bytes;
            match self.write_twin(&trees, &chunk, &kept_pages, only_down) {
                Ok(twin) => {
                    bytes += twin.as_ref().map_or(0, |twin| twin.chunk.extent.len);
                    twins.extend(twin);
                }
                Err(e) if e.kind() == ErrorKind::Corrupt => {
                    self.reclaim.lock().damaged.insert(chunk.id);
                    progress.met(e);
                }
                Err(e) if e.kind() == ErrorKind::Full && full.is_none() => {
                    full = Some(e);
                    victims.make_contiguous().sort_unstable_by_key(|(_, kept)| *kept);
                }
                Err(e) if e.kind() == ErrorKind::Full => break,
                Err(e) => {
                    result = Err(e);
                    break;
                }
            }
        }
        self.versions.unpin(&pinned);
        if let Err(e) = result {
            twins.iter().for_each(|twin| self.give_back(twin.chunk.extent));
            return Err(e);
        }
        if !twins.is_empty() {
            self.counters.twins.fetch_add(twins.len() as u64, Ordering::Relaxed);
            self.checkpoint(twins, true)?;
        }
        progress.wrote(bytes);
        // With something gained the caller comes again.
        match full.filter(|_| bytes == 0) {
            Some(e) => Err(e),
            None => Ok(bytes),
        }
    }

    /// Writes the needed pages of a chunk, those that the version of `trees` reaches and those of `kept`, to another extent; none if it moved or died meanwhile, or (`only_down`) if no extent before it is free.
    pub(crate) fn write_twin(
        &self,
        trees: &Trees,
        chunk: &SealedChunk,
        kept: &Positions,
        only_down: bool,
    ) -> Result<Option<Twin>> {
        let mut lender = Lender::new(self);
        let home = match self.chunks.find(chunk.id, lender.guard()).map(|chunk| chunk.home(lender.guard())) {
            Some(Home::File(file)) if file.stated.generation == chunk.generation => Counted::clone(file),
            _ => return Ok(None),
        };
        let needed = needed_pages(self, &mut lender, trees, &home, kept)?;
        let (bytes, slots) = needed.iter().fold((0, 0), |(bytes, _), (at, len)| (bytes + len, at.ordinal() + 1));
        // In the order in which they stood: a checkpoint puts leaves in that of their keys.
        let mut order = needed.iter().map(|(at, _)| Ok((home.offset(*at)?, *at))).collect::<Result<Vec<_>>>()?;
        order.sort_unstable();
        if needed.is_empty() {
            return Ok(None);
        }
        let len = extent_len(bytes, slots);
        if only_down && !self.space.lock().has_before(chunk.extent.offset, len) {
            return Ok(None);
        }
        // 2^32 twins of one chunk: whoever states as many gets no more.
        let Some(generation) = chunk.generation.checked_add(1) else { return Ok(None) };
        let extent = self.extent(len)?;
        let written = self.stream_to(
            extent,
            |writer| {
                for (_, at) in &order {
                    let Some(stored) = home.stored(*at)? else { continue };
                    if let Cow::Owned(copy) = &stored {
                        // Read a second time: what was checked is another copy.
                        Page::verify(copy, *at)?;
                    }
                    writer.add_stored(at.ordinal(), &stored)?;
                }
                Ok(())
            },
            chunk.id,
            generation,
        );
        let (extent, written) = written.inspect_err(|_| self.give_back(extent))?;
        let chunk = sealed_chunk(chunk.id, generation, extent, &written, 0);
        Ok(Some(Twin { chunk, home: self.file_home(&chunk, &written) }))
    }
}

/// The pages of a chunk that the newest version or a snapshot needs, with their stored lengths, by ordinal. Each was checked. None of a chunk that is younger than the version of `trees`: it is of
/// a transaction under way. Should that commit meanwhile, the version shows nothing of what is needed, and the dead lists show a part.
fn needed_pages(
    machine: &Machine,
    lender: &mut Lender<'_>,
    trees: &Trees,
    home: &Counted<FileHome>,
    kept: &Positions,
) -> Result<Vec<(Position, u64)>> {
    let mut needed = Vec::new();
    let pages = Home::File(Counted::clone(home));
    for at in (0..home.slot_count()).map(|ordinal| Position::new(home.stated.id, ordinal)) {
        // A large chunk takes its time: deferred commits do not wait for that.
        if at.ordinal().is_multiple_of(1024) {
            machine.sync_deferred()?;
        }
        let Some(len) = home.stored_len(at)? else { continue };
        // Checked before it is copied: damage must not get a fresh home. Read in this home: another compaction may have moved the chunk
        // meanwhile, and left out what is not needed. No page of it is wanted twice.
        let loans = Loans::aside();
        let page = pages.page(at, &loans)?;
        if page.born() > trees.version {
            return Ok(Vec::new());
        }
        if kept.contains(&at) || is_reached(lender, trees, page)? {
            needed.push((at, len));
        }
        lender.end_many_loans();
    }
    Ok(needed)
}

/// The chunk at the end of all, and the bytes of it that are needed.
fn last_chunk(reclaim: &Reclaim) -> Option<(SealedChunk, u64)> {
    let last = reclaim.accounts.values().max_by_key(|account| account.chunk.extent.offset);
    last.map(|account| (account.chunk, account.kept_bytes))
}

/// Whether the version reaches the page.
fn is_reached(lender: &Lender<'_>, trees: &Trees, page: Page<'_>) -> Result<bool> {
    let Some(tree) = trees.of_table(page.table()).filter(|tree| !tree.at.is_none()) else { return Ok(false) };
    // A branch with a single child has no separator of its own: kept, to be on the safe side.
    if matches!(page.kind(), Kind::Branch) && page.count() < 2 {
        return Ok(true);
    }
    tree::reaches(lender, tree, &Place::of(lender, page)?)
}
