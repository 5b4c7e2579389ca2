//! Leaves put in the order of their keys, where they are not: what a full compaction does so that a scan reads the file from front to back.
//!
//! A checkpoint writes the leaves of its chunk in the order of their keys, so they get out of order only as leaves are replaced one by one, each in a later chunk. Branches say where their
//! leaves stand, so none is read to find that out. The leaves below one branch are written again, all of them, if on average a run of them that stands in order is too short; then they are one
//! run in one chunk. What is in order stays where it is: a second time there is nothing to do.

use std::ops::ControlFlow;

use crate::error::{ErrorKind, Result};
use crate::format::{ChunkId, Position, TableId};
use crate::log::directory::Home;
use crate::page::Page;
use crate::store::Machine;
use crate::store::merge::{Asked, Move};
use crate::store::progress::Progress;
use crate::store::read::Lender;
use crate::tree::{self, Place};

/// Leaves of a run that is long enough: 128 KiB of usual pages. To go on elsewhere then costs a disk about as much as it took to read them.
const RUN: usize = 16;

/// Leaves that are to be written again, up to what fits in memory.
struct Batch {
    moves: Vec<Move>,
    /// Leaves that it may still take.
    room: usize,
}

impl Machine {
    /// Puts the leaves of all tables in order where they are not, until who watches wants no more. Leaves below a branch of which one is damaged stay where they are, and so does what follows a
    /// damaged branch in its table. Cost: all branches, and the leaves that are copied.
    ///
    /// # Errors
    /// As a commit and a checkpoint.
    pub(crate) fn put_in_order(&self, progress: &mut Progress<'_>) -> Result<()> {
        let room = (self.settings.dirty_bytes / 4) as usize / self.page_len();
        let mut batch = Batch { moves: Vec::new(), room };
        let tables: Vec<TableId> = {
            let root = self.pipeline.lock().newest.clone();
            root.tables().map(|(entry, _)| entry.id).collect()
        };
        for table in tables {
            let mut from = Some(Vec::new());
            while let Some(key) = from {
                from = self.out_of_order(table, &key, &mut batch, progress)?;
                if from.is_some() {
                    let full = std::mem::replace(&mut batch, Batch { moves: Vec::new(), room });
                    // All of it: half of a family would not be in order, and be moved again.
                    self.move_pages(full.moves, Asked::Yes, progress)?;
                }
                if progress.is_stopped() {
                    return Ok(());
                }
            }
        }
        self.move_pages(batch.moves, Asked::Yes, progress).map(drop)
    }

    /// Adds the leaves of `table` that stand out of order, from the branch that `from` leads to on; gives the key from which to go on if the batch is full.
    fn out_of_order(
        &self,
        table: TableId,
        from: &[u8],
        batch: &mut Batch,
        progress: &mut Progress<'_>,
    ) -> Result<Option<Vec<u8>>> {
        let pinned = self.versions.pin();
        let mut next = None;
        let found =
            pinned.root().tables().find(|(entry, _)| entry.id == table).map_or(Ok(()), |(_, tree)| {
                let lender = Lender::new(self);
                tree::families(&lender, tree, from, &mut |low, branch| match self
                    .add_family(low, branch, &lender, batch, progress)?
                {
                    ControlFlow::Continue(()) => Ok(true),
                    ControlFlow::Break(()) => {
                        next = Some(low.to_vec());
                        Ok(false)
                    }
                })
            });
        self.versions.unpin(&pinned);
        match found {
            Err(e) if e.kind() == ErrorKind::Corrupt => progress.met(e),
            found => found?,
        }
        Ok(next)
    }

    /// Adds the children of a branch unless they stand in order, or one is damaged; breaks if they do not fit.
    fn add_family(
        &self,
        low: &[u8],
        branch: Page<'_>,
        lender: &Lender<'_>,
        batch: &mut Batch,
        progress: &mut Progress<'_>,
    ) -> Result<ControlFlow<()>> {
        let count = branch.count();
        let (mut jumps, mut before) = (0, None);
        for i in 0..count {
            let at = branch.child(i)?;
            let stands = (at.chunk(), self.offset_of(at, lender)?);
            let follows = |(chunk, offset): (ChunkId, u64)| chunk == stands.0 && offset <= stands.1;
            jumps += usize::from(!before.is_none_or(follows));
            before = Some(stands);
        }
        if jumps * RUN <= count {
            return Ok(ControlFlow::Continue(()));
        }
        // A branch that alone is more than what fits is written in parts.
        if batch.room < count && !batch.moves.is_empty() {
            return Ok(ControlFlow::Break(()));
        }
        match self.read_family(branch) {
            Err(e) if e.kind() == ErrorKind::Corrupt => {
                progress.met(e);
                return Ok(ControlFlow::Continue(()));
            }
            read => read?,
        }
        batch.room = batch.room.saturating_sub(count);
        for i in 0..count {
            let key = if i == 0 { low.to_vec() } else { branch.key(i)?.to_vec() };
            let place = Place { at: branch.child(i)?, level: 0, is_large: false, key };
            batch.moves.push(Move { table: branch.table(), place });
        }
        Ok(ControlFlow::Continue(()))
    }

    /// Reads the children of a branch, which are leaves: what is damaged must not end the moving of others.
    fn read_family(&self, branch: Page<'_>) -> Result<()> {
        self.sync_deferred()?;
        let mut lender = Lender::new(self);
        for i in 0..branch.count() {
            tree::leaf(&lender, branch.child(i)?)?;
            lender.end_many_loans();
        }
        Ok(())
    }

    /// Where the page begins in its chunk; 0 for one in memory: the checkpoint that writes it puts it in order.
    fn offset_of(&self, at: Position, lender: &Lender<'_>) -> Result<u64> {
        match self.chunks.find(at.chunk(), lender.guard()).map(|chunk| chunk.home(lender.guard())) {
            Some(Home::File(file)) => Ok(file.offset(at)?.unwrap_or(0)),
            _ => Ok(0),
        }
    }
}
