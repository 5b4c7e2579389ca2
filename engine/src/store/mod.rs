//! The private machine behind the public nouns.
//!
//! ```text
//!            turn                      pipeline                            reclaim
//!  begin ──► [FIFO] ──► edit ──► freeze, append ──► write, sync ──► publish ──► dead lists, accounts, extents
//!                                (turn let go)      (one leader)                       ▲
//!  checkpoint: turn ─► capture V ─► (turn let go) write chunk ─► seal ─► header ───────┘
//! ```
//!
//! Locks, in the order in which they may be taken: the turn, `checkpoint` (only with the turn), `pipeline`, `reclaim`, `open`, `space`, `headers`. The
//! turn is never waited for with a lock held. No I/O under `pipeline`, `open` and `space`, but for
//! growing the file when room for a checkpoint is kept, and for cutting it.
//!
//! One file, one step: [`open`] makes the machine from a file, [`edit`] is a transaction at work, [`commit`] the pipeline,
//! [`checkpoint`] writes chunks and seals, [`reclaim`] knows what is dead, [`background`] does by itself what `step` does when asked.

pub(crate) mod background;
pub(crate) mod checkpoint;
pub(crate) mod commit;
pub(crate) mod compact;
pub(crate) mod edit;
pub(crate) mod grow;
pub(crate) mod load;
pub(crate) mod look;
pub(crate) mod merge;
pub(crate) mod open;
pub(crate) mod options;
pub(crate) mod order;
pub(crate) mod progress;
pub(crate) mod read;
pub(crate) mod reclaim;
pub(crate) mod replay;
pub(crate) mod slots;
pub(crate) mod sort;
pub(crate) mod stats;

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::sync::Arc;
use std::time::Duration;

use crate::disk::Disk;
use crate::error::{Error, ErrorKind, Result};
use crate::format::header::Incarnation;
use crate::format::ids::MAX_NEXT_CHUNK;
use crate::format::seal::SealedChunk;
use crate::format::{ChunkId, Position, Version};
use crate::log::cache::Cache;
use crate::log::chunk::Written;
use crate::log::directory::{Chunk, Chunks, FileHome, HeapHome, Home};
use crate::log::places::Stated;
use crate::log::space::Space;
use crate::store::commit::Until;
use crate::store::options::Settings;
use crate::sync::turn::Turn;
use crate::sync::{Condvar, Counted, Mutex, OnceLock};
use crate::version::root::Versions;

/// An open store.
pub(crate) struct Machine {
    // Constant after open.
    pub(crate) disk: Arc<dyn Disk>,
    pub(crate) settings: Settings,
    pub(crate) identity: Identity,
    pub(crate) read_only: bool,
    pub(crate) report: open::OpenReport,

    // Own synchronisation.
    pub(crate) turn: Arc<Turn>,
    pub(crate) versions: Versions,
    pub(crate) chunks: Chunks,
    /// Copies of pages, if they are not read in place.
    pub(crate) cache: Option<Arc<Cache>>,
    /// Set once, by the first failed write or sync (L9).
    poison: OnceLock<Stopped>,
    pub(crate) counters: stats::Counters,
    pub(crate) signal: background::Signal,

    // Each under its lock.
    pub(crate) pipeline: Mutex<commit::Pipeline>,
    /// Notified under `pipeline` when versions were published or the store was poisoned.
    pub(crate) published: Condvar,
    pub(crate) callbacks: Mutex<()>,
    pub(crate) checkpoint: checkpoint::Busy,
    /// Published deaths that the reclaimer has not seen yet.
    pub(crate) deaths: Mutex<Vec<reclaim::Batch>>,
    pub(crate) reclaim: Mutex<reclaim::Reclaim>,
    pub(crate) open: Mutex<OpenChunk>,
    pub(crate) space: Mutex<Space>,
    pub(crate) headers: Mutex<slots::Slots>,
}

/// Why no more is written.
#[derive(Debug)]
pub(crate) enum Stopped {
    /// A write or sync failed (L9).
    Failed(String),
    /// It was closed.
    Closed,
}

impl std::fmt::Display for Stopped {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Stopped::Failed(error) => write!(f, "an earlier write failed: {error}"),
            Stopped::Closed => write!(f, "it was closed"),
        }
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        // Old homes of chunks hold the disk until the epoch moves on, which any reader of the process delays: the file is free all the same.
        self.disk.release();
    }
}

/// Who this store is.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Identity {
    pub(crate) page_len: u32,
    pub(crate) incarnation: Incarnation,
    pub(crate) parent: Incarnation,
    pub(crate) forked_at: Version,
    pub(crate) term: u64,
    pub(crate) blob: bool,
}

/// The chunk that new pages get their positions in.
pub(crate) struct OpenChunk {
    pub(crate) id: ChunkId,
    pub(crate) home: Counted<HeapHome>,
    /// Ordinals from here on were never used.
    next: u32,
    /// Ordinals whose pages were freed before any version that is held, or any chunk in the file, knew them. The lowest is used first: a chunk's directory is as long as its highest.
    free: BinaryHeap<Reverse<u32>>,
}

impl OpenChunk {
    /// A new chunk without pages.
    pub(crate) fn new(id: ChunkId) -> OpenChunk {
        OpenChunk { id, home: Counted::new(HeapHome::new()), next: 0, free: BinaryHeap::new() }
    }

    /// The chunk for the table of chunks.
    pub(crate) fn chunk(&self) -> Counted<Chunk> {
        Chunk::new(self.id, Home::Heap(Counted::clone(&self.home)))
    }

    /// A position for a new page.
    pub(crate) fn allocate(&mut self) -> Result<Position> {
        // The last id is that of a chunk without pages: behind it there is none to be open.
        if self.id.0 + 1 >= MAX_NEXT_CHUNK {
            return Err(Error::new(ErrorKind::Full, "every id of a chunk was used; restore a blob into a new store"));
        }
        let ordinal = match self.free.pop() {
            Some(Reverse(ordinal)) => ordinal,
            None if self.next < Position::ORDINALS - 1 => {
                self.next += 1;
                self.next - 1
            }
            None => {
                return Err(Error::new(ErrorKind::Full, "a transaction changed more than 16 million pages; commit it in parts"));
            }
        };
        Ok(Position::new(self.id, ordinal))
    }

    /// Ordinals in use.
    pub(crate) fn used(&self) -> usize {
        self.next as usize - self.free.len()
    }

    /// The position may be used again, if it is in this chunk: nothing that lasts knows its page.
    pub(crate) fn recycle(&mut self, at: Position) {
        if at.chunk() == self.id {
            self.free.push(Reverse(at.ordinal()));
            if self.used() == 0 {
                self.next = 0;
                self.free.clear();
            }
        }
    }
}

/// What a seal whose next chunk is `below` says of a chunk, for its home.
pub(crate) fn stated(chunk: &SealedChunk, below: ChunkId) -> Stated {
    let SealedChunk { id, extent, generation, slot_count, .. } = *chunk;
    Stated { id, extent, generation, slot_count, below }
}

impl Machine {
    /// The home of a chunk that was written just now. A twin has pages of a file that was not to be trusted; they were checked when they were copied, and name what they named.
    pub(crate) fn file_home(&self, chunk: &SealedChunk, written: &Written) -> Counted<FileHome> {
        let home = FileHome::new(Arc::clone(&self.disk), stated(chunk, ChunkId(MAX_NEXT_CHUNK)), self.cache.as_ref());
        Counted::new(home.knowing(&written.slots, written.directory))
    }

    /// The newest published version.
    pub(crate) fn version(&self) -> Version {
        self.versions.current(&crate::sync::epoch::pin()).version
    }

    /// # Errors
    /// `Poisoned` after a failed write or sync; `ReadOnly`.
    pub(crate) fn writable(&self) -> Result<()> {
        if self.read_only {
            return Err(Error::new(ErrorKind::ReadOnly, format!("{} was opened for reading only", self.disk.name())));
        }
        match self.poison.get() {
            None => Ok(()),
            Some(why) => {
                let name = self.disk.name();
                let what = format!("{name} takes no more writes until it is opened anew: {why}");
                Err(Error::new(ErrorKind::Poisoned, what))
            }
        }
    }

    /// Ends the thread, seals what is not sealed, and writes a clean header. Afterwards the store takes no more writes; snapshots go on.
    ///
    /// Several may close at a time, an after-commit callback among them: no lock is held meanwhile.
    pub(crate) fn close(&self, worker: &Mutex<background::Worker>) -> Result<()> {
        // A child of fork has neither the thread nor the right: nothing is touched.
        self.disk.check_process()?;
        background::Worker::stop(worker, self);
        match self.poison.get() {
            _ if self.read_only => return Ok(()),
            Some(Stopped::Closed) => return Ok(()),
            // What was not on the medium then is not there now, and nobody may take the end for a proof of the contrary.
            Some(Stopped::Failed(_)) => {
                // One that will never be called may own this store.
                self.run_callbacks();
                return self.writable();
            }
            None => {}
        }
        // The chunk of the last checkpoint takes the lowest place: what was made ahead for a log that ends is none in its way.
        self.rest_log();
        let sealed = if self.settings.volatile { Ok(Version(0)) } else { self.checkpoint(Vec::new(), false) };
        let shut = self.shut(sealed.is_ok() && !self.settings.volatile);
        self.run_callbacks();
        // Another one was faster, and hears of what failed.
        if matches!(shut, Ok(false)) { Ok(()) } else { sealed.and(shut).map(drop) }
    }

    /// Shuts the store to writers, behind a clean header if `clean`; false if it was shut already. With the turn, and no checkpoint under way, from before that header to the end: nothing is
    /// appended behind what it says.
    fn shut(&self, clean: bool) -> Result<bool> {
        let turn = self.turn.take(None);
        let entered = self.checkpoint.enter();
        match self.poison.get() {
            Some(Stopped::Closed) => return Ok(false),
            // As in `close`.
            Some(Stopped::Failed(_)) => return self.writable().map(|()| true),
            None => {}
        }
        let newest = self.pipeline.lock().newest.version;
        // Also where the checkpoint failed: what was acknowledged meanwhile is not to wait for a sync that nobody will make, and its callbacks run.
        let settled = self.settle(Until::Synced(newest));
        let header = if clean { settled.and_then(|()| self.write_header(true)) } else { settled };
        // What may be kept for the next checkpoint need not be in the file, nor segments of a log that ends. Nothing durable names either.
        self.space.lock().let_go();
        self.rest_log();
        let mut none = Duration::ZERO;
        self.wait_for_readers(&mut none);
        let header = header.and_then(|()| self.cut_file().map(drop));
        self.end_writing();
        drop(entered);
        drop(turn);
        header.map(|()| true)
    }

    /// From here on whoever asks whether he may write hears that it was closed.
    pub(crate) fn end_writing(&self) {
        let _ = self.poison.set(Stopped::Closed);
    }

    /// L9: after this no write is tried again.
    pub(crate) fn poison(&self, error: &Error) {
        // The first reason stays.
        let _ = self.poison.set(Stopped::Failed(error.to_string()));
    }

    /// Whether a write or sync failed.
    pub(crate) fn has_failed(&self) -> bool {
        matches!(self.poison.get(), Some(Stopped::Failed(_)))
    }

    pub(crate) fn is_poisoned(&self) -> bool {
        self.poison.get().is_some()
    }

    pub(crate) fn page_len(&self) -> usize {
        self.identity.page_len as usize
    }
}
