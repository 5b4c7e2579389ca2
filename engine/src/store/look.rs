//! One look at the books: where every chunk is at home, what is recorded about it, and which extents are used and free, all of one moment.
//!
//! Checking and exporting read for long; what they read must not move under them. A look takes `pipeline`, `reclaim`, `open` and `space` for as long as it takes to
//! copy the books, and no turn (L10). It keeps the homes: a chunk that swings, moves or dies later stays readable through the look, because
//! the memory and the extent of a home are not used again before its last holder lets go. The pages are kept by the version that the reader holds.

use std::collections::BTreeMap;

use crate::disk::Disk;
use crate::error::{Error, Result};
use crate::format::seal::SealedChunk;
use crate::format::{ChunkId, Extent, Position};
use crate::log::cache::Loans;
use crate::log::chunk::{SLICE, Sink};
use crate::log::directory::Home;
use crate::page::Page;
use crate::store::Machine;
use crate::store::commit::Pipeline;
use crate::store::reclaim::Account;
use crate::sync::{MutexGuard, epoch};
use crate::tree::Pages;
use crate::version::moment::Moment;
use crate::version::root::{Pinned, Root};

/// The books of a moment.
pub(crate) struct Look {
    /// Where each chunk is.
    pub(crate) homes: BTreeMap<ChunkId, Home>,
    /// Chunks in the file.
    pub(crate) accounts: BTreeMap<ChunkId, Account>,
    /// Pages that the version in question reaches and the newest one does not.
    pub(crate) dead: Vec<Position>,
    /// Pages of that version got new positions since: what was born in it is not all reached.
    pub(crate) has_moved: bool,
    pub(crate) extents: Extents,
    loans: Loans,
}

/// Who has which part of the file.
pub(crate) struct Extents {
    /// Of chunks, and the one kept for the next checkpoint.
    pub(crate) used: Vec<Extent>,
    pub(crate) log: Vec<Extent>,
    /// Needed by nobody, not free yet.
    pub(crate) leaving: Vec<Extent>,
    pub(crate) free: Vec<Extent>,
    /// The file's length as reserved.
    pub(crate) end: u64,
    /// Work under way has extents in hand that stand in no book.
    pub(crate) in_hand: bool,
}

/// A held version that lets go when dropped.
pub(crate) struct Pin<'m> {
    machine: &'m Machine,
    pinned: Pinned,
}

impl Pin<'_> {
    pub(crate) fn root(&self) -> &Root {
        self.pinned.root()
    }
}

impl Drop for Pin<'_> {
    fn drop(&mut self) {
        self.machine.versions.unpin(&self.pinned);
    }
}

impl Machine {
    /// A look for a version that the caller holds.
    pub(crate) fn look(&self, root: &Root) -> Look {
        self.reclaim_all();
        self.look_with(&self.pipeline.lock(), root.moment)
    }

    /// Holds the newest published version and looks: the accounts are exactly those of this version.
    pub(crate) fn look_at_newest(&self) -> (Pin<'_>, Look) {
        self.reclaim_all();
        let pipeline = self.pipeline.lock();
        let pin = Pin { machine: self, pinned: self.versions.pin() };
        let look = self.look_with(&pipeline, pin.root().moment);
        (pin, look)
    }

    /// Nothing is published while `pipeline` is locked, so the accounts stand still once everything published was settled.
    fn look_with(&self, pipeline: &MutexGuard<'_, Pipeline>, moment: Moment) -> Look {
        self.reclaim_published();
        let reclaim = self.reclaim.lock();
        let open = self.open.lock().id;
        let guard = epoch::pin();
        let home = |id: ChunkId| Some((id, self.chunks.find(id, &guard)?.home(&guard).clone()));
        let ids = reclaim.accounts.keys().chain(reclaim.closed.keys()).copied().chain([open]);
        let homes = ids.filter_map(home).collect();
        let space = self.space.lock();
        let kept = Some(space.reserve()).filter(|kept| kept.len > 0);
        let extents = Extents {
            used: reclaim.accounts.values().map(|account| account.chunk.extent).chain(kept).collect(),
            log: pipeline.log.extents(),
            leaving: reclaim.leaving_extents().collect(),
            free: space.extents().collect(),
            end: space.end(),
            in_hand: self.has_extents_in_hand(),
        };
        let (accounts, dead) = (reclaim.accounts.clone(), reclaim.dead_seen_by(moment).collect());
        let has_moved = reclaim.has_moved_since(moment);
        Look { homes, accounts, dead, has_moved, extents, loans: Loans::aside() }
    }
}

impl Look {
    /// Stored length of the page at `at`: in the file as it stands there, in memory as it would be stored without compression. `page` is that page.
    pub(crate) fn stored_len(&self, at: Position, page: Page<'_>) -> Result<u64> {
        match self.homes.get(&at.chunk()) {
            Some(Home::File(file)) => Ok(file.stored_len(at)?.unwrap_or(0)),
            _ => Ok(page.packed_len() as u64),
        }
    }
}

impl Look {
    fn lend<'l>(&'l self, at: Position, loans: &'l Loans) -> Result<Page<'l>> {
        match self.homes.get(&at.chunk()) {
            Some(home) => home.page(at, loans),
            None => Err(Error::corrupt(at, "its chunk does not exist")),
        }
    }

    fn apart(&self) -> Option<Box<dyn Pages + '_>> {
        Some(Box::new(Apart { look: self, loans: Loans::aside() }))
    }
}

impl Pages for Look {
    fn page(&self, at: Position) -> Result<Page<'_>> {
        self.lend(at, &self.loans)
    }

    fn apart(&self) -> Option<Box<dyn Pages + '_>> {
        Look::apart(self)
    }
}

/// A look with loans of its own.
struct Apart<'l> {
    look: &'l Look,
    loans: Loans,
}

impl Pages for Apart<'_> {
    fn page(&self, at: Position) -> Result<Page<'_>> {
        self.look.lend(at, &self.loans)
    }

    fn apart(&self) -> Option<Box<dyn Pages + '_>> {
        self.look.apart()
    }
}

/// Hands every byte of a chunk's extent to `sink`, in order and in slices, and holds them against the seal's CRC. The caller holds the chunk's home.
///
/// # Errors
/// `Corrupt` if the CRC differs: everything was handed over then.
pub(crate) fn copy_chunk(disk: &dyn Disk, chunk: &SealedChunk, sink: &mut Sink<'_>) -> Result<()> {
    let mut buffer = vec![0; SLICE.min(chunk.extent.len as usize)];
    let (mut offset, mut crc) = (chunk.extent.offset, 0);
    while offset < chunk.extent.end() {
        let len = (chunk.extent.end() - offset).min(buffer.len() as u64) as usize;
        let slice = &mut buffer[..len];
        disk.read_at(slice, offset)?;
        crc = crate::codec::crc_after(crc, slice);
        sink(slice)?;
        offset += len as u64;
    }
    if crc != chunk.crc {
        let place = format!("chunk {} at {} of {}", chunk.id, chunk.extent.offset, disk.name());
        return Err(Error::corrupt(place, format_args!("CRC {crc:#010x} of its extent, expected {:#010x}", chunk.crc)));
    }
    Ok(())
}
