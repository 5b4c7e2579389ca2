//! The medium of a model: memory that remembers which writes a sync has covered.
//!
//! 1. A write is on the medium when a sync that began after it returned.
//! 2. What a failed sync covered never gets there (FORMAT 2).
//! 3. Each write, and both ends of a sync, are steps that the checker puts into every order.
#![allow(unsafe_code)]

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::disk::{Disk, MemoryDisk};
use crate::error::{Error, ErrorKind, Result};
use crate::format::Extent;
use crate::sync::checker::memory;

/// See the file's head.
pub(super) struct ModelDisk {
    memory: MemoryDisk,
    medium: Mutex<Medium>,
    steps: loom::sync::atomic::AtomicUsize,
    /// Syncs that return before the one that fails.
    good_syncs: AtomicUsize,
}

#[derive(Default)]
struct Medium {
    durable: Vec<u8>,
    /// Written and not covered yet.
    pending: Vec<Write>,
    written: u64,
    has_failed: bool,
}

struct Write {
    number: u64,
    offset: u64,
    bytes: Vec<u8>,
}

impl Medium {
    fn put(&mut self, offset: u64, bytes: &[u8]) {
        let end = offset as usize + bytes.len();
        if self.durable.len() < end {
            self.durable.resize(end, 0);
        }
        self.durable[offset as usize..end].copy_from_slice(bytes);
    }
}

impl ModelDisk {
    pub(super) fn new() -> ModelDisk {
        ModelDisk {
            memory: MemoryDisk::new("the medium of a model"),
            medium: Mutex::default(),
            steps: loom::sync::atomic::AtomicUsize::new(0),
            good_syncs: AtomicUsize::new(usize::MAX),
        }
    }

    /// A disk with what a power cut at this moment leaves of this one, which goes on.
    pub(super) fn after_a_power_cut(&self) -> ModelDisk {
        let disk = ModelDisk::new();
        self.step();
        let durable = self.medium().durable.clone();
        disk.write(&durable, 0).expect("memory");
        disk.medium().durable = durable;
        disk
    }

    /// After so many more syncs one fails, and every later one returns.
    pub(super) fn fail_sync_after(&self, good: usize) {
        self.good_syncs.store(good, Ordering::Relaxed);
    }

    /// Whether a sync has failed.
    pub(super) fn has_failed(&self) -> bool {
        self.medium().has_failed
    }

    /// Whether these bytes would be there after a power cut.
    pub(super) fn keeps(&self, bytes: &[u8]) -> bool {
        self.medium().durable.windows(bytes.len()).any(|window| window == bytes)
    }

    fn medium(&self) -> std::sync::MutexGuard<'_, Medium> {
        self.medium.lock().expect("no panic under this lock")
    }

    fn step(&self) {
        self.steps.fetch_add(1, loom::sync::atomic::Ordering::Relaxed);
    }

    /// Writes where the store sees it. Whoever looked at these bytes did so before.
    fn write(&self, bytes: &[u8], offset: u64) -> Result<()> {
        self.memory.write_at(bytes, offset)?;
        // SAFETY: only the address is used.
        let start = unsafe { self.memory.slice(offset, bytes.len()) }?.as_ptr();
        memory::wrote_mapped(start, bytes.len());
        Ok(())
    }
}

impl Disk for ModelDisk {
    fn name(&self) -> &str {
        self.memory.name()
    }

    fn len(&self) -> Result<u64> {
        self.memory.len()
    }

    fn read_at(&self, into: &mut [u8], offset: u64) -> Result<()> {
        self.memory.read_at(into, offset)
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> Result<()> {
        self.step();
        self.write(bytes, offset)?;
        let mut medium = self.medium();
        medium.written += 1;
        let number = medium.written;
        medium.pending.push(Write { number, offset, bytes: bytes.to_vec() });
        Ok(())
    }

    fn write_through(&self, bytes: &[u8], offset: u64) -> Result<()> {
        self.step();
        self.write(bytes, offset)?;
        self.medium().put(offset, bytes);
        Ok(())
    }

    fn sync_data(&self) -> Result<()> {
        self.step();
        let covered = self.medium().written;
        self.step();
        let good = self.good_syncs.load(Ordering::Relaxed);
        self.good_syncs
            .store(if good == 0 { usize::MAX } else { good.saturating_sub(usize::from(good != usize::MAX)) }, Ordering::Relaxed);
        let mut medium = self.medium();
        let pending = std::mem::take(&mut medium.pending);
        let (done, rest): (Vec<_>, Vec<_>) = pending.into_iter().partition(|write| write.number <= covered);
        medium.pending = rest;
        if good == 0 {
            medium.has_failed = true;
            return Err(Error::new(ErrorKind::Io, "a sync of a model was made to fail"));
        }
        done.iter().for_each(|write| medium.put(write.offset, &write.bytes));
        Ok(())
    }

    fn sync_all(&self) -> Result<()> {
        self.sync_data()
    }

    fn set_len(&self, len: u64) -> Result<()> {
        self.memory.set_len(len)
    }

    fn reserve(&self, extent: Extent) -> Result<()> {
        self.memory.reserve(extent)
    }

    fn punch(&self, extent: Extent) -> Result<()> {
        self.memory.punch(extent)
    }

    fn scratch(&self) -> Result<Box<dyn Disk>> {
        self.memory.scratch()
    }

    unsafe fn slice(&self, offset: u64, len: usize) -> Result<&[u8]> {
        // SAFETY: the caller's promise.
        unsafe { self.memory.slice(offset, len) }
    }
}
