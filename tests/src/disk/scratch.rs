//! A temporary file of a simulated disk: it fails as the disk does, by the same count, and has no log. No crash is built from it, since none outlives its process.
#![allow(unsafe_code)]

use std::sync::Arc;

use treering::Result;
use treering::disk::Disk;
use treering::format::Extent;

use super::{Desk, Kind};

/// Passes on to a disk what the simulated disk's fault lets pass.
pub(super) struct ScratchDisk {
    memory: Box<dyn Disk>,
    desk: Arc<Desk>,
}

impl ScratchDisk {
    pub(super) fn new(memory: Box<dyn Disk>, desk: Arc<Desk>) -> ScratchDisk {
        ScratchDisk { memory, desk }
    }

    fn enter(&self, kind: Kind) -> Result<()> {
        self.desk.enter(kind).1
    }

    fn grow(&self, end: u64) -> Result<()> {
        if end > self.memory.len()? { self.enter(Kind::Grow) } else { Ok(()) }
    }
}

impl std::fmt::Debug for ScratchDisk {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ScratchDisk").field("memory", &self.memory.name()).finish_non_exhaustive()
    }
}

impl Disk for ScratchDisk {
    fn scratch(&self) -> Result<Box<dyn Disk>> {
        self.enter(Kind::Scratch)?;
        self.memory.scratch()
    }

    fn name(&self) -> &str {
        self.memory.name()
    }

    fn len(&self) -> Result<u64> {
        self.memory.len()
    }

    fn read_at(&self, into: &mut [u8], offset: u64) -> Result<()> {
        self.enter(Kind::Read)?;
        self.memory.read_at(into, offset)
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> Result<()> {
        self.grow(offset + bytes.len() as u64)?;
        let (inner, result) = self.desk.enter(Kind::Write);
        self.memory.write_at(&bytes[..inner.share(bytes.len(), &result)], offset)?;
        result
    }

    fn sync_data(&self) -> Result<()> {
        self.enter(Kind::Sync)
    }

    fn sync_all(&self) -> Result<()> {
        self.enter(Kind::Sync)
    }

    fn set_len(&self, len: u64) -> Result<()> {
        self.grow(len)?;
        if len < self.memory.len()? {
            self.enter(Kind::Cut)?;
        }
        self.memory.set_len(len)
    }

    fn reserve(&self, extent: Extent) -> Result<()> {
        self.grow(extent.end())?;
        self.enter(Kind::Reserve)?;
        self.memory.reserve(extent)
    }

    fn punch(&self, extent: Extent) -> Result<()> {
        self.enter(Kind::Punch)?;
        self.memory.punch(extent)
    }

    fn random(&self, into: &mut [u8]) -> Result<()> {
        self.memory.random(into)
    }

    fn release(&self) {
        self.memory.release();
    }

    unsafe fn slice(&self, offset: u64, len: usize) -> Result<&[u8]> {
        self.enter(Kind::Slice)?;
        // SAFETY: the caller's promise, passed on as it is.
        unsafe { self.memory.slice(offset, len) }
    }
}
