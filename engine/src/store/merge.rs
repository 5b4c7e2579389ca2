//! Small chunks become large ones: their pages get new positions, all in one chunk (ARCHITECTURE 8).
//!
//! ```text
//!  chunks by live bytes    < 8 KiB     < 64 KiB    < 512 KiB    < 4 MiB    beyond: never merged
//!                          . . . . ──► o
//!                          . . . .     o o o o ──► O
//! ```
//!
//! A position names its chunk for ever, so a page changes its chunk by being copied, and the pages above it with it: the newest version gets another root, and no entry changes. Snapshots of
//! the root before keep the old pages. No record tells of it. The checkpoint that follows writes the copies as one chunk, and the small ones, of which the newest version reaches nothing, die
//! as any chunk does; a crash before that leaves everything where it was. Which pages to move is found without the turn, from the small chunks themselves; they are moved a bounded number at a
//! turn (L10).
//!
//! Invariants: (1) what is merged is less than the chunk that it becomes: a page moves once a class, so O(log) times in its life, and each merge leaves fewer chunks, so merging ends;
//! (2) a chunk that the newest version does not reach, because snapshots alone keep it, is not looked at.

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};
use std::vec::IntoIter;

use crate::error::{ErrorKind, Result};
use crate::format::seal::SealedChunk;
use crate::format::{ChunkId, Position, TableId};
use crate::log::cache::Loans;
use crate::log::directory::Home;
use crate::page::Kind;
use crate::store::Machine;
use crate::store::compact::{ROUND_BYTES, Trees};
use crate::store::edit::Draft;
use crate::store::progress::{Progress, unwatched};
use crate::store::read::Lender;
use crate::sync::Counted;
use crate::sync::turn::Held as Turn;
use crate::tree::{self, Pages, Place};

/// In the background so many chunks of a class become one: fewer would be more writing, more would be more chunks.
const FAN: usize = 8;
/// When compaction is asked for, any two do.
const FAN_ASKED: usize = 2;
/// Live bytes below which a chunk is of the first class; each further class has `FAN` times as many.
const FIRST_CLASS: u64 = 8 << 10;
/// A chunk with more live bytes is large enough: 8 KiB x 8^3. A terabyte of them is a table of 260,000 chunks in each seal.
const LARGE: u64 = 4 << 20;
/// Bytes that are copied at one turn, but for a single longer page: as long as a commit takes to change some tens of pages.
const TURN_BYTES: u64 = 256 << 10;
/// Pages that are looked for at one turn: those that are not reached any more cost a way down the tree and no bytes.
const TURN_MOVES: usize = 64;
/// The background waits so long for a turn at most, then it has other work to do.
const PATIENCE: Duration = Duration::from_millis(100);

/// A page that is to get a new position.
pub(crate) struct Move {
    pub(crate) table: TableId,
    pub(crate) place: Place,
}

/// Who asks for pages to be moved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Asked {
    /// Nobody: it gives way to whoever writes.
    No,
    /// Somebody who waits for it.
    Yes,
}

/// What is alive in a chunk.
enum Alive {
    /// These pages.
    Pages(Vec<Move>),
    /// It is gone, or of a transaction under way: nobody looked.
    Unknown,
}

impl Machine {
    /// One round in the background, if enough small chunks came together; whether something was gained: one chunk that became one other is nothing.
    ///
    /// # Errors
    /// As a commit and a checkpoint; `Corrupt` if nothing but damage was met.
    pub(crate) fn merge_some(&self, victims: &[SealedChunk]) -> Result<bool> {
        unwatched(|progress| self.merge(victims, Asked::No, progress)).map(|merged| merged > 1)
    }

    /// Merges until fewer than two small chunks are left, or who watches wants no more.
    ///
    /// # Errors
    /// As a commit and a checkpoint; `Corrupt` if what was moved is damaged, or what is above it. Damaged chunks are passed over.
    pub(crate) fn merge_all(&self, progress: &mut Progress<'_>) -> Result<()> {
        // Each round leaves fewer small chunks, unless others make them as fast as they are merged.
        let rounds = self.reclaim.lock().accounts.len();
        for _ in 0..rounds {
            let victims = self.small_chunks(Asked::Yes);
            if victims.is_empty() {
                break;
            }
            let damaged = progress.damaged();
            let merged = self.merge(&victims, Asked::Yes, progress)?;
            // What is damaged took the place of others, and is not looked at again.
            if progress.is_stopped() || (merged < 2 && progress.damaged() == damaged) {
                break;
            }
        }
        Ok(())
    }

    /// Live bytes from which on a chunk is left alone, and bytes of memory that one round may take. A small budget for what is dirty means small chunks.
    fn merge_limits(&self) -> (u64, u64) {
        let budget = self.settings.dirty_bytes / 4;
        (LARGE.min(budget / FAN as u64), budget)
    }

    /// The chunks to be merged next, those with the fewest live bytes first, at least two; none if there is nothing to gain. Cost: all chunks.
    pub(crate) fn small_chunks(&self, asked: Asked) -> Vec<SealedChunk> {
        self.reclaim_published();
        let (large, budget) = self.merge_limits();
        let reclaim = self.reclaim.lock();
        // All of a chunk is read to find what is alive in it. A long one is made dense before, unless somebody waits for all of it.
        let longest = if asked == Asked::Yes { u64::MAX } else { ROUND_BYTES / 2 };
        let small = |account: &&crate::store::reclaim::Account| {
            (1..large).contains(&account.newest_bytes)
                && account.chunk.page_bytes <= longest
                && !reclaim.unmerged.contains(&account.chunk.id)
                && !reclaim.damaged.contains(&account.chunk.id)
        };
        let mut chunks: Vec<(u64, SealedChunk)> =
            reclaim.accounts.values().filter(small).map(|account| (account.newest_bytes, account.chunk)).collect();
        drop(reclaim);
        chunks.sort_unstable_by_key(|(live, chunk)| (*live, chunk.id));
        let enough = match asked {
            Asked::Yes if chunks.len() >= FAN_ASKED => chunks.len(),
            Asked::Yes => 0,
            Asked::No => full_classes(&chunks),
        };
        chunks.truncate(enough);
        let (mut count, mut bytes, mut read) = (0, 0, 0);
        // Two in any case: one alone would become one other, and that one be the next.
        let mut fits = |live: u64, chunk: &SealedChunk| {
            (count, bytes, read) = (count + 1, bytes + live, read + chunk.page_bytes);
            count <= FAN_ASKED || (bytes <= budget && read <= ROUND_BYTES)
        };
        chunks.into_iter().take_while(|(live, chunk)| fits(*live, chunk)).map(|(_, chunk)| chunk).collect()
    }

    /// Moves what the newest version reaches in these chunks, and writes it to another; gives how many of them it reaches no more. Ends when all of it has moved: half of a chunk moved away is
    /// nothing gained.
    fn merge(&self, victims: &[SealedChunk], asked: Asked, progress: &mut Progress<'_>) -> Result<u64> {
        // Chunk by chunk, so that a round that is cut short has emptied some.
        let (mut moves, mut looked_at) = (Vec::new(), Vec::new());
        // Held while they are found, not while they are moved: it would hold what is moved away from.
        let pinned = self.versions.pin();
        let trees = Trees::of(pinned.root());
        let found = victims.iter().try_for_each(|chunk| match self.moves_of(&trees, chunk) {
            Ok(Alive::Pages(mut of_chunk)) => {
                of_chunk.sort_unstable_by(|a, b| (a.table, &a.place.key).cmp(&(b.table, &b.place.key)));
                moves.extend(of_chunk);
                looked_at.push(chunk.id);
                Ok(())
            }
            Ok(Alive::Unknown) => Ok(()),
            // A damaged chunk stays as it is; the others need not wait for it.
            Err(e) if e.kind() == ErrorKind::Corrupt => {
                self.reclaim.lock().damaged.insert(chunk.id);
                progress.met(e);
                Ok(())
            }
            Err(e) => Err(e),
        });
        self.versions.unpin(&pinned);
        found?;
        let is_all = self.move_pages(moves, asked, progress)?;
        Ok(self.count_merged(&looked_at, is_all))
    }

    /// How many of the chunks the newest version reaches no more. If `is_all`, those that it is still said to reach are not tried again.
    fn count_merged(&self, victims: &[ChunkId], is_all: bool) -> u64 {
        self.reclaim_published();
        let mut reclaim = self.reclaim.lock();
        let is_left = |id: &ChunkId| reclaim.accounts.get(id).is_some_and(|account| account.newest_bytes > 0);
        let left: Vec<ChunkId> = victims.iter().copied().filter(is_left).collect();
        if is_all {
            reclaim.unmerged.extend(&left);
        }
        drop(reclaim);
        let merged = (victims.len() - left.len()) as u64;
        self.counters.merged_chunks.fetch_add(merged, Ordering::Relaxed);
        merged
    }

    /// The pages of a chunk that the version reaches; unknown if the chunk is gone, or younger than the version.
    fn moves_of(&self, trees: &Trees, chunk: &SealedChunk) -> Result<Alive> {
        let mut lender = Lender::new(self);
        let home = match self.chunks.find(chunk.id, lender.guard()).map(|chunk| chunk.home(lender.guard())) {
            Some(Home::File(file)) => Counted::clone(file),
            _ => return Ok(Alive::Unknown),
        };
        let pages = Home::File(Counted::clone(&home));
        let mut moves = Vec::new();
        for at in (0..home.slot_count()).map(|ordinal| Position::new(chunk.id, ordinal)) {
            if at.ordinal().is_multiple_of(1024) {
                self.sync_deferred()?;
            }
            if home.offset(at)?.is_none() {
                continue;
            }
            let loans = Loans::aside();
            let page = pages.page(at, &loans)?;
            if page.born() > trees.version {
                return Ok(Alive::Unknown);
            }
            let table = page.table();
            let Some(tree) = trees.of_table(table) else { continue };
            let place = match Place::of(&lender, page) {
                Ok(place) => place,
                // Perhaps nobody reaches it, and what is below it is gone.
                Err(_) if matches!(page.kind(), Kind::Branch) && page.count() < 2 => continue,
                Err(e) => return Err(e),
            };
            if tree::reaches(&lender, tree, &place)? {
                moves.push(Move { table, place });
            }
            lender.end_many_loans();
        }
        Ok(Alive::Pages(moves))
    }

    /// Gives pages new positions, and writes what moved to one chunk, also where not all of it could be; whether every page moved, or is not reached any more. Nobody who watches ends it.
    pub(crate) fn move_pages(&self, moves: Vec<Move>, asked: Asked, progress: &mut Progress<'_>) -> Result<bool> {
        let before = progress.bytes_written;
        let moved = self.move_to_memory(moves, asked, progress);
        if progress.bytes_written == before {
            return moved;
        }
        let written = self.checkpoint(Vec::new(), false);
        moved.and_then(|is_all| written.map(|_| is_all))
    }

    /// Gives pages new positions, some at a turn, in this order. What is not reached any more is passed over.
    fn move_to_memory(&self, moves: Vec<Move>, asked: Asked, progress: &mut Progress<'_>) -> Result<bool> {
        let mut left = moves.into_iter();
        while !left.as_slice().is_empty() {
            // Pages are read and turns waited for here: deferred commits do not wait for that.
            self.sync_deferred()?;
            if self.pressure() >= 0.0 {
                // Too much is dirty: that goes to the file first.
                match asked {
                    Asked::No => return Ok(false),
                    Asked::Yes => drop(self.checkpoint(Vec::new(), false)?),
                }
            }
            self.touch(&left.as_slice()[..left.len().min(TURN_MOVES)]);
            let Some(turn) = self.turn_to_move(asked)? else { return Ok(false) };
            // 2^24 turns without a commit between: the rest waits for the next version.
            let Some(moved) = self.move_some(&mut left, turn)? else { return Ok(false) };
            progress.wrote(moved);
        }
        Ok(true)
    }

    /// Reads the pages, so that nobody waits for the medium with the turn. What cannot be read is told when it is moved.
    fn touch(&self, next: &[Move]) {
        let mut lender = Lender::new(self);
        for next in next {
            let _ = lender.page(next.place.at);
            lender.end_many_loans();
        }
    }

    /// Waits for the turn; what is deferred does not wait for it.
    fn turn_to_move(&self, asked: Asked) -> Result<Option<Turn>> {
        loop {
            let turn = self.turn.take(Some(Instant::now() + PATIENCE));
            if turn.is_some() || asked == Asked::No {
                return Ok(turn);
            }
            self.sync_deferred()?;
        }
    }

    /// Moves as many pages as one turn allows; gives the bytes of the copies, and nothing if the version has as many roots as it can have.
    fn move_some(&self, left: &mut IntoIter<Move>, turn: Turn) -> Result<Option<u64>> {
        self.writable()?;
        let start = Instant::now();
        let base = self.pipeline.lock().newest.clone();
        if base.moment.step().is_none() {
            return Ok(None);
        }
        let mut draft = Draft::new(self, base, Some(turn));
        draft.version = draft.base.version;
        let copied = self.copy_some(left, &mut draft);
        if !matches!(copied, Ok(1..)) {
            draft.discard(self);
            return copied.map(Some);
        }
        self.commit_moved(draft, start).and(copied.map(Some))
    }

    fn copy_some(&self, left: &mut IntoIter<Move>, draft: &mut Draft) -> Result<u64> {
        let mut bytes = 0;
        let end = left.len().saturating_sub(TURN_MOVES);
        while bytes < TURN_BYTES
            && left.len() > end
            && let Some(table) = left.as_slice().first().map(|next| next.table)
        {
            let mut of_table = std::iter::from_fn(|| {
                let is_next = left.len() > end && left.as_slice().first().is_some_and(|next| next.table == table);
                if is_next { left.next() } else { None }
            });
            // It was dropped meanwhile.
            let Some(name) = draft.name_of(table) else {
                of_table.by_ref().for_each(drop);
                continue;
            };
            let (id, work) = draft.lend(&name)?;
            let mut editor = draft.editor(self, id, work);
            // What it copied at this turn before another table's pages is counted.
            let before = editor.chunk_bytes();
            let result = editor.tree_op(|editor, tree| {
                while bytes + editor.chunk_bytes() - before < TURN_BYTES
                    && let Some(next) = of_table.next()
                {
                    tree::renew(editor, tree, &next.place)?;
                }
                Ok(())
            });
            bytes += editor.chunk_bytes() - before;
            draft.put_back(id, editor.into_work());
            result?;
        }
        Ok(bytes)
    }
}

/// How many of the chunks, which are sorted by live bytes, are of the largest class that has enough of them, or of a smaller one.
fn full_classes(chunks: &[(u64, SealedChunk)]) -> usize {
    let (mut full, mut begin, mut class_end) = (0, 0, FIRST_CLASS);
    while begin < chunks.len() {
        let end = chunks.partition_point(|(live, _)| *live < class_end);
        if end - begin >= FAN {
            full = end;
        }
        (begin, class_end) = (end, class_end.saturating_mul(FAN as u64));
    }
    full
}
