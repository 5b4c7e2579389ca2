//! For tests: memory with a bound, as a disk that fills up. It reads the headers that are written to it, and can hold a sync until somebody lets it fail.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::{Condvar, Mutex};

use super::{Disk, MemoryDisk};
use crate::error::{Error, ErrorKind, Result};
use crate::format::Extent;
use crate::format::header::Header;
use crate::format::ids::BLOCK;

/// Memory of so many bytes, as a disk. It looks at the headers that are written, and can stop in a sync and fail it.
pub(crate) struct Narrow {
    memory: MemoryDisk,
    limit: AtomicU64,
    /// Bytes that the file grows by before a growth is refused.
    grows: AtomicU64,
    /// Headers that nobody could read.
    pub(crate) unreadable: Mutex<Vec<String>>,
    /// Called once, behind the next header that is written.
    pub(crate) at_header: Mutex<Option<Box<dyn FnOnce() + Send>>>,
    gate: Mutex<Gate>,
    moved: Condvar,
}

#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Gate {
    /// Syncs pass.
    Open,
    /// The next sync stops here.
    Shut,
    /// One has.
    Reached,
}

impl Narrow {
    /// As long as anybody likes.
    pub(crate) fn new() -> Arc<Narrow> {
        let unreadable = Mutex::default();
        let (gate, moved) = (Mutex::new(Gate::Open), Condvar::new());
        let (memory, limit, grows) = (MemoryDisk::new("narrow"), AtomicU64::new(u64::MAX), AtomicU64::new(0));
        Arc::new(Narrow { memory, limit, grows, unreadable, at_header: Mutex::default(), gate, moved })
    }

    /// The same as a store takes it.
    pub(crate) fn disk(self: &Arc<Narrow>) -> Arc<dyn Disk> {
        Arc::clone(self) as Arc<dyn Disk>
    }

    /// From now on it has so many bytes.
    pub(crate) fn limit(&self, bytes: u64) {
        self.limit.store(bytes, Ordering::SeqCst);
    }

    /// From now on a growth that it refuses has made the file longer by so many bytes.
    pub(crate) fn grows_before_it_refuses(&self, bytes: u64) {
        self.grows.store(bytes, Ordering::SeqCst);
    }

    fn within(&self, end: u64) -> Result<()> {
        if end > self.limit.load(Ordering::SeqCst) { Err(Error::new(ErrorKind::Full, "the disk is full")) } else { Ok(()) }
    }

    /// Opens or shuts the way through the syncs.
    pub(crate) fn move_gate(&self, to: Gate) {
        *self.gate.lock() = to;
        self.moved.notify_all();
    }

    /// Waits until the gate is there.
    pub(crate) fn wait_for(&self, at: Gate) {
        self.moved.wait_while(&mut self.gate.lock(), |gate| *gate != at);
    }
}

impl Disk for Narrow {
    fn name(&self) -> &str {
        "narrow"
    }

    fn len(&self) -> Result<u64> {
        self.memory.len()
    }

    fn read_at(&self, into: &mut [u8], offset: u64) -> Result<()> {
        self.memory.read_at(into, offset)
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> Result<()> {
        // Creation writes zeros first.
        if offset < 2 * BLOCK
            && bytes.iter().any(|byte| *byte != 0)
            && let Err(e) = Header::decode(bytes)
        {
            self.unreadable.lock().push(format!("at {offset}: {e}"));
        }
        self.within(offset + bytes.len() as u64)?;
        self.memory.write_at(bytes, offset)?;
        let hook = if offset < 2 * BLOCK { self.at_header.lock().take() } else { None };
        if let Some(hook) = hook {
            hook();
        }
        Ok(())
    }

    fn sync_data(&self) -> Result<()> {
        let gate = self.gate.lock();
        if *gate == Gate::Open {
            return Ok(());
        }
        drop(gate);
        self.move_gate(Gate::Reached);
        self.wait_for(Gate::Open);
        Err(Error::new(ErrorKind::Io, "a sync that was to fail"))
    }

    fn sync_all(&self) -> Result<()> {
        Ok(())
    }

    fn set_len(&self, len: u64) -> Result<()> {
        self.memory.set_len(len)
    }

    fn reserve(&self, extent: Extent) -> Result<()> {
        if let Err(e) = self.within(extent.end()) {
            self.memory.set_len(self.memory.len()? + self.grows.load(Ordering::SeqCst))?;
            return Err(e);
        }
        self.memory.reserve(extent)
    }

    fn punch(&self, extent: Extent) -> Result<()> {
        self.memory.punch(extent)
    }

    fn scratch(&self) -> Result<Box<dyn Disk>> {
        self.memory.scratch()
    }

    #[allow(unsafe_code)] // Hands the caller's promise on.
    unsafe fn slice(&self, offset: u64, len: usize) -> Result<&[u8]> {
        // SAFETY: the caller's promise.
        unsafe { self.memory.slice(offset, len) }
    }
}
