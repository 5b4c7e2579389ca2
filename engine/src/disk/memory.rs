//! A disk without a file: for stores that live wholly in memory, and for tests.
//!
//! Its windows are anonymous memory, reserved as addresses and filled by the system page by page at the first write. Lost with the
//! process; a sync does nothing and never fails.
//!
//! 1. Bytes behind the length are zero.
//! 2. Copying in and out goes through `turn`, so that safe calls never race; a slice takes no lock, and its contract keeps writers off.
#![allow(unsafe_code)]

use std::io;
use std::sync::atomic::{AtomicU64, Ordering};

use memmap2::{MmapOptions, MmapRaw};
use parking_lot::RwLock;

use super::map::Windows;
use super::{Disk, end_of, too_short};
use crate::error::{Error, ErrorKind, Result};
use crate::format::Extent;
use crate::format::ids::WINDOW;

/// Addresses of one window. Miri has no address space to spare: there a disk has 16 MiB.
const RESERVED: usize = if cfg!(miri) { 16 << 20 } else { WINDOW as usize };

/// Memory goes back to the system in multiples of this: 64 KiB, which no page of memory exceeds on any Linux that has one.
const STRETCH: u64 = 1 << 16;

/// A disk in memory.
pub struct MemoryDisk {
    name: String,
    windows: Windows,
    /// Bytes. Stored under `turn`; a slice loads it without.
    len: AtomicU64,
    /// Readers copy out, a writer copies in, cuts or clears.
    turn: RwLock<()>,
}

impl MemoryDisk {
    /// An empty disk that messages call `name`. Reserves nothing before the first write.
    #[must_use]
    pub fn new(name: impl Into<String>) -> MemoryDisk {
        MemoryDisk { name: name.into(), windows: Windows::new(), len: AtomicU64::new(0), turn: RwLock::new(()) }
    }

    /// Splits `len` bytes from `offset` on at the windows and calls `visit` with (pointer, length, bytes before it). `limit` is the end that may be touched.
    fn visit(&self, limit: u64, offset: u64, len: u64, mut visit: impl FnMut(*mut u8, usize, usize)) -> Result<()> {
        let mut done = 0;
        while done < len {
            let at = offset + done;
            let piece = (WINDOW - at % WINDOW).min(len - done) as usize;
            let start = self.windows.pointer(&self.name, limit, at, piece, &reserve_memory)?;
            visit(start, piece, done as usize);
            done += piece as u64;
        }
        Ok(())
    }

    /// Makes the bytes from `offset` to `end` zero and gives their memory back where the system can. Under the writer's turn.
    fn clear(&self, offset: u64, end: u64) -> Result<()> {
        let mut at = offset;
        while at < end {
            let piece = (STRETCH - at % STRETCH).min(end - at);
            let whole = (end - at) & !(STRETCH - 1);
            let in_window = whole.min(WINDOW - at % WINDOW);
            // SAFETY: no copy runs beside the writer's turn, and by the contracts of `set_len` and `punch` no slice reaches these bytes.
            if at.is_multiple_of(STRETCH) && whole > 0 && unsafe { self.windows.give_back(at, in_window as usize) } {
                at += in_window;
                continue;
            }
            // SAFETY: the pieces are mapped and writable; for the rest as above.
            self.visit(end, at, piece, |start, len, _| unsafe { start.write_bytes(0, len) })?;
            at += piece;
        }
        Ok(())
    }

    /// Loads the length. Acquire: who sees it sees what was written before it grew.
    fn current_len(&self) -> u64 {
        self.len.load(Ordering::Acquire)
    }
}

impl std::fmt::Debug for MemoryDisk {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("MemoryDisk").field("name", &self.name).field("len", &self.current_len()).finish_non_exhaustive()
    }
}

/// Addresses for bytes that are zero. No swap is reserved for them.
fn reserve_memory(_: u64, _: usize) -> io::Result<MmapRaw> {
    // Always the whole window: memory cannot be mapped a second time elsewhere as a longer piece of the same bytes.
    let mut options = MmapOptions::new();
    options.len(RESERVED);
    // Miri knows no such wish.
    if !cfg!(miri) {
        options.no_reserve_swap();
    }
    Ok(options.map_anon()?.into())
}

impl Disk for MemoryDisk {
    fn scratch(&self) -> Result<Box<dyn Disk>> {
        Ok(Box::new(MemoryDisk::new("temporary memory")))
    }

    fn name(&self) -> &str {
        &self.name
    }

    fn len(&self) -> Result<u64> {
        Ok(self.current_len())
    }

    fn read_at(&self, into: &mut [u8], offset: u64) -> Result<()> {
        let _turn = self.turn.read();
        let len = self.current_len();
        if offset.checked_add(into.len() as u64).is_none_or(|end| end > len) {
            return Err(too_short(&self.name, len, offset, into.len()));
        }
        self.visit(len, offset, into.len() as u64, |start, piece, done| {
            let target = &mut into[done..done + piece];
            // SAFETY: `start` has `piece` mapped bytes; no writer copies while we hold the readers' turn; `into` is an exclusive borrow, so it is no slice of the map.
            unsafe { target.as_mut_ptr().copy_from_nonoverlapping(start, piece) }
        })
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> Result<()> {
        let end = end_of(&self.name, offset, bytes.len() as u64)?;
        let _turn = self.turn.write();
        self.visit(end, offset, bytes.len() as u64, |start, piece, done| {
            let source = &bytes[done..done + piece];
            // SAFETY: `start` has `piece` mapped, writable bytes; we hold the writer's turn, and no slice of them lives by its contract, so `bytes` is none either.
            unsafe { start.copy_from_nonoverlapping(source.as_ptr(), piece) }
        })?;
        if !bytes.is_empty() {
            // Release: see `current_len`.
            self.len.fetch_max(end, Ordering::Release);
        }
        Ok(())
    }

    fn sync_data(&self) -> Result<()> {
        Ok(())
    }

    fn sync_all(&self) -> Result<()> {
        Ok(())
    }

    fn set_len(&self, len: u64) -> Result<()> {
        end_of(&self.name, 0, len)?;
        let _turn = self.turn.write();
        let old = self.current_len();
        self.len.store(len, Ordering::Release);
        if len < old { self.clear(len, old) } else { Ok(()) }
    }

    fn reserve(&self, extent: Extent) -> Result<()> {
        let end = end_of(&self.name, extent.offset, extent.len)?;
        let _turn = self.turn.write();
        // Addresses now; memory only when it is written. A machine without memory ends the process, it gives no error.
        let reserved = self.visit(end, extent.offset, extent.len, |_, _, _| ());
        reserved.map_err(|error| Error::new(ErrorKind::Full, error.to_string()))?;
        self.len.fetch_max(end, Ordering::Release);
        Ok(())
    }

    fn punch(&self, extent: Extent) -> Result<()> {
        let end = end_of(&self.name, extent.offset, extent.len)?;
        let _turn = self.turn.write();
        self.clear(extent.offset, end.min(self.current_len()))
    }

    unsafe fn slice(&self, offset: u64, len: usize) -> Result<&[u8]> {
        // SAFETY: the caller's promise; `reserve_memory` gives readable memory.
        unsafe { self.windows.slice(&self.name, self.current_len(), offset, len, &reserve_memory) }
    }
}
