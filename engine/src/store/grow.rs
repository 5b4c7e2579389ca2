//! Getting extents: from free space, or by growing the file. Failing here never poisons (L9): nothing has happened yet.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::error::{Error, ErrorKind, Result};
use crate::format::Extent;
use crate::format::ids::BLOCK;
use crate::log::space::Space;
use crate::planted::{Bug, planted};
use crate::store::Machine;

/// Says that somebody may have extents that are neither free nor in any book: from before they are taken until they are booked or given back.
pub(crate) struct InHand<'m>(&'m AtomicU64);

impl Drop for InHand<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// The room that was kept for a checkpoint, in the hands of the one under way: whatever else asks for space meanwhile, its chunks have theirs.
pub(crate) struct Loan<'m> {
    machine: &'m Machine,
    left: Extent,
}

impl Loan<'_> {
    /// An extent for a chunk: of the room that was kept, while it lasts.
    ///
    /// # Errors
    /// As [`Machine::extent`].
    pub(crate) fn take(&mut self, len: u64) -> Result<Extent> {
        let len = len.max(1).next_multiple_of(BLOCK);
        let Extent { offset, len: have } = self.left;
        let Some(rest) = have.checked_sub(len) else { return self.machine.extent(len) };
        self.left = Extent { offset: offset + len, len: rest };
        Ok(Extent { offset, len })
    }

    /// All chunks have theirs: what is left is free. The pages still count as those that have room.
    pub(crate) fn give_rest(&mut self) {
        self.machine.give_back(std::mem::take(&mut self.left));
    }
}

impl Drop for Loan<'_> {
    fn drop(&mut self) {
        self.give_rest();
        self.machine.space.lock().end_loan();
    }
}

/// The shortest segment worth having: a head and three blocks, as the shortest of the options.
pub(crate) const LEAST_SEGMENT: u64 = 4 * BLOCK;

/// Bytes of zeros that are written and synced at a time: the log's own syncs wait as long.
const ZEROS: usize = 1 << 20;

/// Bytes that are cut off the file at a time.
const CUT: u64 = 16 << 20;

/// Room for a checkpoint of so many bytes of pages. Directory and tail: a block, and four bytes for each ordinal up to the highest, in use or not: far below a sixteenth of the pages, but in a chunk of
/// which nearly all pages died before they were written.
fn room_for(dirty_bytes: u64) -> u64 {
    dirty_bytes + dirty_bytes / 16 + BLOCK
}

/// Room for the next checkpoint of so many bytes, without those that the one under way has room for. The open chunk is one more to be rounded up.
fn room_beside(space: &Space, dirty_bytes: u64) -> u64 {
    room_for(dirty_bytes.saturating_sub(space.lent_for()) + BLOCK)
}

/// Room that only transactions which remove may use: a removal copies a few pages before it frees any.
const REMOVAL_ROOM: u64 = 256 << 10;

impl Machine {
    /// To be held by who takes extents, see [`InHand`].
    pub(crate) fn extents_in_hand(&self) -> InHand<'_> {
        // Relaxed: who reads it holds the locks of all books, which taking and booking an extent take too.
        self.counters.in_hand.fetch_add(1, Ordering::Relaxed);
        InHand(&self.counters.in_hand)
    }

    /// Whether extents may be missing in the books, which the caller has locked.
    pub(crate) fn has_extents_in_hand(&self) -> bool {
        self.counters.in_hand.load(Ordering::Relaxed) > 0
    }

    /// An extent of at least `len` bytes for a chunk; its contents are anything.
    ///
    /// # Errors
    /// `Full` if the file cannot grow; `Io` if the system refuses for another reason.
    pub(crate) fn extent(&self, len: u64) -> Result<Extent> {
        self.reserved(|space| space.take(len))
    }

    /// The extent that `take` finds, if the file is as long as that or can be made to be. The space is locked meanwhile: nobody stands behind what a failed growth gives back, so that nothing of it is
    /// taken for free room.
    fn reserved(&self, take: impl FnOnce(&mut Space) -> Result<(Extent, bool)>) -> Result<Extent> {
        let mut space = self.space.lock();
        let end = space.end();
        let (extent, grows) = take(&mut space)?;
        if grows && let Err(e) = self.disk.reserve(extent) {
            space.give(extent);
            self.end_again(&mut space, end);
            let what = format!("no room for {} more bytes in {}", extent.len, self.disk.name());
            return Err(match e.kind() {
                ErrorKind::Full => {
                    Error::new(ErrorKind::Full, format!("{what}: {e}; what is removed and compacted makes room in the file"))
                }
                _ => e.within(what),
            });
        }
        Ok(extent)
    }

    /// What the file did not grow by is not free: who comes next must ask again. What was free at its end before stays. A growth that failed may have made the file longer all the same.
    fn end_again(&self, space: &mut Space, end: u64) {
        let end = space.cut_some(space.end().saturating_sub(end));
        let _ = self.disk.set_len(end);
    }

    /// Keeps room in the file for a checkpoint of what is dirty and `more` bytes of pages, so that it cannot fail for want of space (L9). Transactions that only remove may use the last of it. Where there
    /// is none, the log's segments ahead are cut to the shortest that there is: they were made for a time that may not come. No lock is held.
    ///
    /// # Errors
    /// `Full`, or `Io` if the system refuses for another reason: what was kept before still is, if the file system lets it.
    pub(crate) fn keep_room(&self, more: u64, removes_only: bool) -> Result<()> {
        match self.find_room(more, removes_only) {
            Err(e) if e.kind() == ErrorKind::Full => {
                let _hand = self.extents_in_hand();
                let spares = self.pipeline.lock().log.shorten_spares(LEAST_SEGMENT);
                spares.into_iter().for_each(|extent| self.give_back(extent));
                // Also without any: a checkpoint that ended between counting what is dirty and looking for room left too much asked for.
                self.find_room(more, removes_only)
            }
            found => found,
        }
    }

    fn find_room(&self, more: u64, removes_only: bool) -> Result<()> {
        if self.settings.volatile {
            return Ok(());
        }
        // Counted before it is looked what is lent: in the other order pages that a checkpoint has just written could go without room.
        let dirty_bytes = self.dirty_bytes() + more;
        let mut space = self.space.lock();
        let need = room_beside(&space, dirty_bytes);
        let want = if removes_only { need } else { need + REMOVAL_ROOM };
        let have = space.reserve().len;
        if have >= want {
            return Ok(());
        }
        // A quarter more, so that a growing memory asks seldom; or just enough, if that is all there is. In the file as it is, before it grows.
        let lens = [want + want / 4 + REMOVAL_ROOM, want];
        if lens.into_iter().any(|len| space.keep_free(len)) {
            return Ok(());
        }
        let mut refused = None;
        for len in lens {
            let end = space.end();
            // More than fits a window is no room either.
            let Ok((extent, grows)) = space.keep(len) else { continue };
            let reserved = if grows { self.disk.reserve(extent) } else { Ok(()) };
            match reserved {
                Ok(()) => return Ok(()),
                Err(e) => refused = Some(e),
            }
            space.let_go();
            self.end_again(&mut space, end);
        }
        // At least what was kept is kept, where it was.
        let _ = have > 0 && space.keep_free(have);
        let what = format!("no room in {} for a checkpoint of what would have changed", self.disk.name());
        if let Some(e) = refused.filter(|e| e.kind() != ErrorKind::Full) {
            return Err(e.within(what));
        }
        Err(Error::new(ErrorKind::Full, format!("{what}, {want} bytes; nothing was committed: make room, or remove entries")))
    }

    /// Hands what was kept to a checkpoint of `bytes` of pages, for as long as it takes. One at a time: the caller has entered.
    pub(crate) fn lend_room(&self, bytes: u64) -> Loan<'_> {
        if bytes == 0 {
            return Loan { machine: self, left: Extent::default() };
        }
        Loan { machine: self, left: self.space.lock().lend_kept(room_for(bytes), bytes) }
    }

    /// An extent whose blocks are all written and on the medium, so that writing them again changes no metadata of the file system.
    pub(crate) fn written_extent(&self, len: u64) -> Result<Extent> {
        self.filled(self.extent(len)?)
    }

    /// The same for a segment ahead, which is good in any length from [`LEAST_SEGMENT`] on: where there is no room for `len` bytes, a shorter one. `makes_room`: the
    /// last of what is kept may be used too.
    pub(crate) fn segment_extent(&self, mut len: u64, makes_room: bool) -> Result<Extent> {
        loop {
            match self.written_extent(len) {
                Err(e) if e.kind() == ErrorKind::Full && len > LEAST_SEGMENT => {
                    len = (len / 2).next_multiple_of(BLOCK).max(LEAST_SEGMENT);
                }
                Err(e) if e.kind() == ErrorKind::Full && makes_room => {
                    let dirty = self.dirty_bytes();
                    let mut space = self.space.lock();
                    let leave = room_beside(&space, dirty);
                    let last = space.take_off_kept(LEAST_SEGMENT, leave);
                    drop(space);
                    return last.map_or(Err(e), |extent| self.filled(extent));
                }
                other => return other,
            }
        }
    }

    /// Writes zeros into an extent; it is free again if that fails.
    fn filled(&self, extent: Extent) -> Result<Extent> {
        let zeros = vec![0; ZEROS.min(extent.len as usize)];
        let mut offset = extent.offset;
        while offset < extent.end() {
            let len = (extent.end() - offset).min(zeros.len() as u64);
            if let Err(e) = self.write_aside(&zeros[..len as usize], offset) {
                self.give_back(extent);
                return Err(e);
            }
            offset += len;
        }
        Ok(extent)
    }

    /// Two extents as [`Machine::written_extent`] gives them, for a log that begins anew: both or none.
    pub(crate) fn written_extents(&self, len: u64) -> Result<(Extent, Extent)> {
        self.two(|| self.written_extent(len))
    }

    /// The same, behind everything that is in use.
    pub(crate) fn written_extents_at_end(&self, len: u64) -> Result<(Extent, Extent)> {
        self.two(|| self.filled(self.reserved(|space| space.take_at_end(len))?))
    }

    fn two(&self, one: impl Fn() -> Result<Extent>) -> Result<(Extent, Extent)> {
        let first = one()?;
        let second = one().inspect_err(|_| self.give_back(first))?;
        Ok((first, second))
    }

    /// Gives the log's segments ahead back, which nothing durable names, and has none made before somebody commits: at the file's end they keep it from being cut.
    pub(crate) fn rest_log(&self) {
        let _hand = self.extents_in_hand();
        let spares = self.pipeline.lock().log.rest();
        spares.into_iter().for_each(|extent| self.give_back(extent));
    }

    /// Keeps at most `most` bytes for the next checkpoint, at the lowest place in the file that has them; whether that is another than before. Where somebody writes, or something is dirty,
    /// the room is needed as it is (L9).
    pub(crate) fn lower_room(&self, most: u64) -> bool {
        let Some(_turn) = self.turn.try_take() else { return false };
        if self.dirty_bytes() > 0 {
            return false;
        }
        let mut space = self.space.lock();
        let before = space.reserve();
        space.let_go();
        let len = before.len.min(most);
        // At least where it was there is room.
        let _ = len > 0 && space.keep_free(len);
        space.reserve() != before
    }

    /// Writes bytes that nothing names yet, and puts them on the medium. A failure is no harm (L9), unless records or a header were written that
    /// no sync has covered yet: a system tells of a failed sync once, whoever asks, so theirs could not be believed any more.
    pub(crate) fn write_aside(&self, bytes: &[u8], offset: u64) -> Result<()> {
        let doubt = || {
            let (in_doubt, leads) = {
                let pipeline = self.pipeline.lock();
                (pipeline.is_in_doubt(), pipeline.leads())
            };
            // Locked: a header is being written.
            let sequence = self.headers.try_lock().map(|slots| slots.sequence);
            (in_doubt || sequence.is_none(), leads, sequence)
        };
        let before = doubt();
        let written = match planted(Bug::ChunkNotSynced) {
            true => self.disk.write_at(bytes, offset),
            false => self.disk.write_through(bytes, offset),
        };
        written.inspect_err(|e| {
            if e.kind() != ErrorKind::Full && (before.0 || doubt() != before) {
                self.poison(e);
            }
        })
    }

    /// Gives an extent back that nothing durable names.
    pub(crate) fn give_back(&self, extent: Extent) {
        self.space.lock().give(extent);
    }

    /// Cuts free extents off the file's end; gives the bytes that went. Nothing durable names them, and nobody reads them.
    ///
    /// The file is cut with the space locked: who grows it takes offsets behind the new end afterwards, never before. Piece by piece, since every commit looks whether there is space, and a
    /// system takes its time to give back much.
    pub(crate) fn cut_file(&self) -> Result<u64> {
        let mut cut = 0;
        loop {
            let mut space = self.space.lock();
            let before = space.end();
            let after = space.cut_some(CUT);
            if after == before {
                return Ok(cut);
            }
            self.disk.set_len(after)?;
            cut += before - after;
        }
    }
}
