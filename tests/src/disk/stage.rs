//! A disk in plain memory whose contents are put back in the time of what was changed: hundreds of thousands of stores are opened on it.
//!
//! ```text
//!  ground   what is there to begin with ────── load, write ──► changes rarely
//!  buffer   what the store of the moment sees ─ differs from the ground in the blocks of `dirty` alone
//! ```
//!
//! 1. Ground and buffer are zero behind their lengths.
//! 2. A store that was opened on a stage is dropped before the next is opened: [`Stage::reset`] asserts that nothing of it is left that could look.
#![allow(unsafe_code)]

use std::cell::UnsafeCell;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use treering::disk::{Disk, MemoryDisk};
use treering::format::Extent;
use treering::{Error, ErrorKind, Result};

use crate::seed::Seed;

const BLOCK: usize = 4096;

static ZEROS: [u8; BLOCK] = [0; BLOCK];

/// Longest file: 8 MiB. Stores of crash tests are small; one that is not gets `Full`.
const CAPACITY: usize = 8 << 20;

/// A block, aligned as an extent in a file is: pages are read in place.
#[repr(align(4096))]
#[allow(dead_code, reason = "reached by pointers alone")]
struct Block(UnsafeCell<[u8; BLOCK]>);

/// The memory that a store sees.
struct Buffer {
    blocks: Box<[Block]>,
    /// One bit a block: it may differ from the ground.
    dirty: Box<[AtomicU64]>,
    /// A store is open on it.
    taken: AtomicBool,
}

// SAFETY: copies go through `StageDisk::turn`, or happen while no store is open (2); slices are kept from writers by their contract.
unsafe impl Sync for Buffer {}

impl Buffer {
    fn new() -> Buffer {
        let count = CAPACITY / BLOCK;
        // Zeroed memory comes from the system untouched: what is never written costs nothing.
        let layout = std::alloc::Layout::array::<Block>(count).expect("8 MiB is a legal size");
        // SAFETY: the layout is not empty; zeros are a valid array of blocks; the box frees it with the same layout.
        let blocks = unsafe {
            let start = std::alloc::alloc_zeroed(layout).cast::<Block>();
            assert!(!start.is_null(), "8 MiB of memory");
            Box::from_raw(std::ptr::slice_from_raw_parts_mut(start, count))
        };
        let dirty = (0..count.div_ceil(64)).map(|_| AtomicU64::new(0)).collect();
        Buffer { blocks, dirty, taken: AtomicBool::new(false) }
    }

    fn start(&self) -> *mut u8 {
        self.blocks.as_ptr().cast::<u8>().cast_mut()
    }

    fn mark(&self, offset: usize, len: usize) {
        if len > 0 {
            for block in offset / BLOCK..=(offset + len - 1) / BLOCK {
                // Relaxed: read when no store is open any more.
                self.dirty[block / 64].fetch_or(1 << (block % 64), Ordering::Relaxed);
            }
        }
    }

    /// Copies in. Nobody else looks at these bytes.
    fn put(&self, offset: usize, bytes: &[u8]) {
        assert!(offset + bytes.len() <= CAPACITY, "within the stage");
        self.mark(offset, bytes.len());
        // SAFETY: within the buffer, by the assertion; by the caller's promise no other access runs beside it.
        unsafe { self.start().add(offset).copy_from_nonoverlapping(bytes.as_ptr(), bytes.len()) }
    }

    /// Makes bytes zero that are not. Nobody else looks at them.
    fn clear(&self, offset: usize, end: usize) {
        let mut at = offset;
        while at < end {
            let piece = (BLOCK - at % BLOCK).min(end - at);
            // SAFETY: within the buffer, since `end` is a length it had; by the caller's promise nobody writes beside.
            let bytes = unsafe { std::slice::from_raw_parts(self.start().add(at), piece) };
            if bytes != &ZEROS[..piece] {
                self.put(at, &ZEROS[..piece]);
            }
            at += piece;
        }
    }
}

/// Where stores are opened on one file in many states, one after the other.
pub struct Stage {
    ground: Box<[u8]>,
    ground_len: usize,
    buffer: Arc<Buffer>,
}

impl Stage {
    /// An empty file.
    #[must_use]
    pub fn new() -> Stage {
        Stage { ground: vec![0; CAPACITY].into_boxed_slice(), ground_len: 0, buffer: Arc::new(Buffer::new()) }
    }

    /// The file's bytes to begin with.
    #[must_use]
    pub fn ground(&self) -> &[u8] {
        &self.ground[..self.ground_len]
    }

    /// Begins with these bytes instead.
    pub fn load(&mut self, bytes: &[u8]) {
        for (n, block) in bytes.chunks(BLOCK).enumerate() {
            if self.ground[n * BLOCK..n * BLOCK + block.len()] != *block {
                self.write(n * BLOCK, block);
            }
        }
        self.set_len(bytes.len());
    }

    /// Changes the bytes to begin with.
    pub fn write(&mut self, offset: usize, bytes: &[u8]) {
        self.ground[offset..offset + bytes.len()].copy_from_slice(bytes);
        self.ground_len = self.ground_len.max(offset + bytes.len());
        self.buffer.mark(offset, bytes.len());
    }

    /// Cuts or lengthens the file to begin with.
    pub fn set_len(&mut self, len: usize) {
        let now = self.ground_len;
        if len < now {
            for at in (len..now).step_by(BLOCK) {
                let end = (at + BLOCK).min(now);
                if self.ground[at..end] != ZEROS[..end - at] {
                    self.ground[at..end].fill(0);
                    self.buffer.mark(at, end - at);
                }
            }
        }
        assert!(len <= CAPACITY, "a crash test's file of {len} bytes is longer than the stage");
        self.ground_len = len;
    }

    /// A file as it was to begin with, for [`State`] to change and one store to be opened on.
    ///
    /// # Panics
    /// If the store before is still open.
    pub fn reset(&mut self) -> State<'_> {
        assert!(!self.buffer.taken.load(Ordering::Acquire), "the store before is dropped");
        for (word, bits) in self.buffer.dirty.iter().enumerate() {
            let mut left = bits.swap(0, Ordering::Relaxed);
            while left != 0 {
                let at = (word * 64 + left.trailing_zeros() as usize) * BLOCK;
                left &= left - 1;
                // SAFETY: the block lies within the buffer, and no store is open: nobody else looks.
                unsafe { self.buffer.start().add(at).copy_from_nonoverlapping(self.ground[at..].as_ptr(), BLOCK) }
            }
        }
        State { len: self.ground_len, stage: self }
    }
}

impl Default for Stage {
    fn default() -> Self {
        Stage::new()
    }
}

/// A file in the making.
pub struct State<'s> {
    stage: &'s mut Stage,
    len: usize,
}

impl State<'_> {
    /// Puts bytes there, whatever the length.
    pub fn put(&mut self, offset: usize, bytes: &[u8]) {
        self.stage.buffer.put(offset, bytes);
    }

    /// The file has this length; behind it is nothing.
    pub fn finish(mut self, len: usize, seed: Seed) -> Arc<StageDisk> {
        let reach = self.len.max(len).max(self.reach());
        self.stage.buffer.clear(len.min(reach), reach);
        self.len = len;
        self.stage.buffer.taken.store(true, Ordering::Release);
        let rng = Mutex::new(seed.rng());
        StageDisk::new(Arc::clone(&self.stage.buffer), len, rng)
    }

    /// The end of the last block that was changed.
    fn reach(&self) -> usize {
        let dirty = &self.stage.buffer.dirty;
        let word = dirty.iter().rposition(|bits| bits.load(Ordering::Relaxed) != 0);
        word.map_or(0, |word| (word * 64 + 64 - dirty[word].load(Ordering::Relaxed).leading_zeros() as usize) * BLOCK)
    }
}

/// The disk of one store on a [`Stage`].
pub struct StageDisk {
    buffer: Arc<Buffer>,
    len: AtomicUsize,
    /// Writes, cuts, growth: whatever changes the file.
    writes: AtomicUsize,
    /// Reads and slices, and the bytes of them.
    reads: AtomicUsize,
    read_bytes: AtomicUsize,
    /// Copies in and out, one at a time.
    turn: Mutex<()>,
    rng: Mutex<fastrand::Rng>,
    /// Not released yet.
    holds: AtomicBool,
}

impl StageDisk {
    fn new(buffer: Arc<Buffer>, len: usize, rng: Mutex<fastrand::Rng>) -> Arc<StageDisk> {
        let (len, writes, reads, read_bytes) =
            (AtomicUsize::new(len), AtomicUsize::new(0), AtomicUsize::new(0), AtomicUsize::new(0));
        Arc::new(StageDisk { buffer, len, writes, reads, read_bytes, turn: Mutex::new(()), rng, holds: AtomicBool::new(true) })
    }

    /// The file as the store before left it, for the next one to be opened on.
    ///
    /// # Panics
    /// If that store is still open.
    #[must_use]
    pub fn again(&self) -> Arc<StageDisk> {
        assert!(!self.buffer.taken.swap(true, Ordering::AcqRel), "the store before is dropped");
        let rng = Mutex::new(self.rng.lock().unwrap_or_else(PoisonError::into_inner).fork());
        StageDisk::new(Arc::clone(&self.buffer), self.len.load(Ordering::Acquire), rng)
    }

    /// How often something changed the file.
    #[must_use]
    pub fn write_count(&self) -> usize {
        self.writes.load(Ordering::Relaxed)
    }

    /// How often a store looked into the file, by a copy or in place.
    #[must_use]
    pub fn read_count(&self) -> usize {
        self.reads.load(Ordering::Relaxed)
    }

    /// At how many bytes it looked; those that it looked at twice count twice.
    #[must_use]
    pub fn read_bytes(&self) -> usize {
        self.read_bytes.load(Ordering::Relaxed)
    }

    fn count_read(&self, len: usize) {
        // Relaxed: figures, which nothing follows.
        self.reads.fetch_add(1, Ordering::Relaxed);
        self.read_bytes.fetch_add(len, Ordering::Relaxed);
    }

    /// Every byte. No store writes meanwhile.
    #[must_use]
    pub fn bytes(&self) -> Vec<u8> {
        let mut bytes = vec![0; self.len.load(Ordering::Acquire)];
        self.copy_out(&mut bytes, 0);
        bytes
    }

    fn copy_out(&self, into: &mut [u8], offset: usize) {
        let _turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
        // SAFETY: the caller checked that the bytes lie below the length; no writer copies while we have the turn.
        unsafe { into.as_mut_ptr().copy_from_nonoverlapping(self.buffer.start().add(offset), into.len()) }
    }

    fn change(&self) -> std::sync::MutexGuard<'_, ()> {
        self.writes.fetch_add(1, Ordering::Relaxed);
        self.turn.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn grow(&self, end: u64) -> Result<()> {
        if end > CAPACITY as u64 {
            return Err(Error::simulated(ErrorKind::Full, format!("a stage has {CAPACITY} bytes, not {end}")));
        }
        self.len.fetch_max(end as usize, Ordering::AcqRel);
        Ok(())
    }
}

impl Drop for StageDisk {
    fn drop(&mut self) {
        self.release();
    }
}

impl std::fmt::Debug for StageDisk {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("StageDisk").field("len", &self.len).finish_non_exhaustive()
    }
}

impl Disk for StageDisk {
    fn name(&self) -> &str {
        "a stage"
    }

    fn len(&self) -> Result<u64> {
        Ok(self.len.load(Ordering::Acquire) as u64)
    }

    fn read_at(&self, into: &mut [u8], offset: u64) -> Result<()> {
        let len = self.len.load(Ordering::Acquire) as u64;
        if offset.checked_add(into.len() as u64).is_none_or(|end| end > len) {
            let what = format!("a stage ends at byte {len}, expected {} bytes at {offset}", into.len());
            return Err(Error::simulated(ErrorKind::Corrupt, what));
        }
        self.count_read(into.len());
        self.copy_out(into, offset as usize);
        Ok(())
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> Result<()> {
        let _turn = self.change();
        self.grow(offset + bytes.len() as u64)?;
        self.buffer.put(offset as usize, bytes);
        Ok(())
    }

    fn sync_data(&self) -> Result<()> {
        Ok(())
    }

    fn sync_all(&self) -> Result<()> {
        Ok(())
    }

    fn set_len(&self, len: u64) -> Result<()> {
        let _turn = self.change();
        let now = self.len.load(Ordering::Acquire);
        if len as usize <= now {
            self.len.store(len as usize, Ordering::Release);
            self.buffer.clear(len as usize, now);
            return Ok(());
        }
        self.grow(len)
    }

    fn reserve(&self, extent: Extent) -> Result<()> {
        let _turn = self.change();
        self.grow(extent.end())
    }

    fn punch(&self, extent: Extent) -> Result<()> {
        let _turn = self.change();
        let end = (extent.end() as usize).min(self.len.load(Ordering::Acquire));
        self.buffer.clear((extent.offset as usize).min(end), end);
        Ok(())
    }

    fn random(&self, into: &mut [u8]) -> Result<()> {
        self.rng.lock().unwrap_or_else(PoisonError::into_inner).fill(into);
        Ok(())
    }

    fn scratch(&self) -> Result<Box<dyn Disk>> {
        Ok(Box::new(MemoryDisk::new("temporary memory")))
    }

    /// Nobody looks at what was lent any more: the next store may be opened.
    fn release(&self) {
        // Once: a disk may be dropped, by the epoch, when the next store is open.
        if self.holds.swap(false, Ordering::AcqRel) {
            self.buffer.taken.store(false, Ordering::Release);
        }
    }

    unsafe fn slice(&self, offset: u64, len: usize) -> Result<&[u8]> {
        let file_len = self.len.load(Ordering::Acquire) as u64;
        if offset.checked_add(len as u64).is_none_or(|end| end > file_len) {
            let what = format!("a stage ends at byte {file_len}, expected {len} bytes at {offset}");
            return Err(Error::simulated(ErrorKind::Corrupt, what));
        }
        self.count_read(len);
        // SAFETY: below the length, so within the buffer, which lives as long as `self`; that nobody writes them is the caller's promise.
        Ok(unsafe { std::slice::from_raw_parts(self.buffer.start().add(offset as usize), len) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whatever a store did, the next one sees the file as it was to begin with, and what the state says; reads are counted.
    #[test]
    fn stage_puts_everything_back() {
        let mut stage = Stage::new();
        stage.load(&[7; 10_000]);
        let mut state = stage.reset();
        state.put(20_000, &[9; 10]);
        let disk = state.finish(9_000, Seed::from_number(1));
        assert_eq!(disk.bytes(), [7; 9_000]);
        disk.write_at(&[8; 100], 30_000).unwrap();
        disk.set_len(5_000).unwrap();
        disk.reserve(Extent { offset: 4096, len: 8192 }).unwrap();
        assert_eq!(disk.bytes(), [&[7; 5_000][..], &[0; 4096 + 8192 - 5_000]].concat());
        disk.release();
        assert_eq!(stage.reset().finish(10_000, Seed::from_number(1)).bytes(), [7; 10_000]);
        let disk = stage.reset().finish(10_000, Seed::from_number(1));
        disk.read_at(&mut [0; 100], 9_900).unwrap();
        assert!(disk.read_at(&mut [0; 100], 9_901).is_err());
        assert_eq!((disk.read_count(), disk.read_bytes()), (1, 100));
        disk.release();
        stage.set_len(5);
        stage.write(8, &[1]);
        assert_eq!(stage.reset().finish(9, Seed::from_number(1)).bytes(), [7, 7, 7, 7, 7, 0, 0, 0, 1]);
    }
}
