//! Windows: the file's bytes as memory, in pieces of 16 GiB that are mapped at first use and never moved.
//!
//! A window is mapped whole, past the end of the file, where the platform allows it: it then serves the file as it grows. Where it
//! does not (or an address space limit forbids it), as much is mapped as there is, and a longer map joins it after growth; the shorter one stays, because
//! slices of it may live.
//!
//! 1. `base` and `len` of a window name one map, or a `base` newer than `len`: both maps hold at least `len` bytes.
//! 2. A map in `maps` is dropped only with the disk.
#![allow(unsafe_code)]

use std::io;

use memmap2::MmapRaw;

use super::{MAX_LEN, too_short};
use crate::error::{Error, Result};
use crate::format::ids::WINDOW;
#[cfg(not(shuttle))]
use crate::sync::{
    Mutex,
    atomic::{AtomicPtr, AtomicUsize, Ordering},
};
// Shuttle knows no stale values: it would find nothing here, and stop at each look at a page.
#[cfg(shuttle)]
use {
    parking_lot::Mutex,
    std::sync::atomic::{AtomicPtr, AtomicUsize, Ordering},
};

const _: () = assert!(size_of::<usize>() >= 8, "a window of 16 GiB needs an address space of 64 bits");

/// Windows of the longest disk. A checker has to make each, in each interleaving anew.
const COUNT: u64 = if cfg!(loom) { 1 } else { MAX_LEN / WINDOW };

/// All windows of a disk.
pub(crate) struct Windows {
    windows: Box<[Window]>,
    /// Owns what the windows point to.
    maps: Mutex<Vec<MmapRaw>>,
}

/// The newest map of a window.
struct Window {
    base: AtomicPtr<u8>,
    /// Mapped bytes; 0 before the first use.
    len: AtomicUsize,
}

/// Bytes of one window: where they are, mapped.
pub(crate) type Mapper<'a> = &'a dyn Fn(u64, usize) -> io::Result<MmapRaw>;

impl Windows {
    /// No window is mapped yet.
    pub(crate) fn new() -> Windows {
        let empty = || Window { base: AtomicPtr::default(), len: AtomicUsize::new(0) };
        Windows { windows: (0..COUNT).map(|_| empty()).collect(), maps: Mutex::default() }
    }

    /// The `len` bytes from `offset` on of the file `name`, which has `file_len` bytes. `map` maps bytes of it from an offset on.
    ///
    /// # Errors
    /// `Corrupt` past the end, `Invalid` across windows, `Io` from `map`.
    ///
    /// # Safety
    /// Nobody writes these bytes, nor cuts the file below them, while the slice lives. `map` maps this disk, readable.
    pub(super) unsafe fn slice(&self, name: &str, file_len: u64, offset: u64, len: usize, map: Mapper<'_>) -> Result<&[u8]> {
        let start = self.pointer(name, file_len, offset, len, map)?;
        // SAFETY: `pointer` gave `len` mapped bytes that lie within the file; their map lives as long as `self` (2), and the caller promises
        // that they neither change nor go while the slice lives.
        Ok(unsafe { std::slice::from_raw_parts(start, len) })
    }

    /// Where the `len` bytes from `offset` on are mapped. The pointer lives as long as `self`.
    pub(crate) fn pointer(&self, name: &str, file_len: u64, offset: u64, len: usize, map: Mapper<'_>) -> Result<*mut u8> {
        if offset.checked_add(len as u64).is_none_or(|end| end > file_len) {
            return Err(too_short(name, file_len, offset, len));
        }
        if len == 0 {
            return Ok(std::ptr::NonNull::dangling().as_ptr());
        }
        let at = (offset % WINDOW) as usize;
        let end = at.checked_add(len).filter(|end| *end as u64 <= WINDOW);
        let window = self.windows.get((offset / WINDOW) as usize);
        let (Some(end), Some(window)) = (end, window) else {
            return Err(Error::invalid(format!("{name}: {len} bytes at byte {offset} cross the end of a window")));
        };
        // Acquire pairs with the Release in `extend`: who sees the length sees a base that has it (1).
        if window.len.load(Ordering::Acquire) < end {
            let start = offset - at as u64;
            self.extend(window, end, start, file_len - start, map).map_err(|error| Error::io("map", name, error))?;
        }
        let base = window.base.load(Ordering::Acquire);
        // SAFETY: the map at `base` has at least `end` bytes, and `at` < `end`.
        Ok(unsafe { base.add(at) })
    }

    /// Maps the window that starts at `start` so that it has `end` bytes or more; the file has `left` bytes from `start` on.
    #[cold]
    fn extend(&self, window: &Window, end: usize, start: u64, left: u64, map: Mapper<'_>) -> io::Result<()> {
        let mut maps = self.maps.lock();
        // Relaxed: only holders of the lock store.
        if window.len.load(Ordering::Relaxed) >= end {
            return Ok(());
        }
        let present = left.min(WINDOW) as usize;
        let whole = if cfg!(unix) { map(start, WINDOW as usize) } else { map(start, present) };
        let new = whole.or_else(|_| map(start, present))?;
        if new.len() < end {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        // The base first: a reader that sees the old length with the new base stays within both (1).
        window.base.store(new.as_mut_ptr(), Ordering::Release);
        window.len.store(new.len(), Ordering::Release);
        maps.push(new);
        Ok(())
    }

    /// Gives the memory of whole pages of anonymous maps back; they read as zeros afterwards. `false` if nothing was done: not
    /// mapped, or the system cannot.
    ///
    /// # Safety
    /// The maps of this disk are anonymous and private. The `len` bytes from `offset` on are whole pages of one window, and nobody
    /// reads or writes them meanwhile.
    pub(super) unsafe fn give_back(&self, offset: u64, len: usize) -> bool {
        #[cfg(all(target_os = "linux", not(miri)))]
        {
            let Some(window) = self.windows.get((offset / WINDOW) as usize) else { return false };
            let maps = self.maps.lock();
            let base = window.base.load(Ordering::Acquire);
            let map = maps.iter().find(|map| !base.is_null() && map.as_mut_ptr() == base);
            let at = (offset % WINDOW) as usize;
            let map = map.filter(|map| at.checked_add(len).is_some_and(|end| end <= map.len()));
            // SAFETY: the bytes lie within the map; for what they are and who uses them, the caller's promise.
            map.is_some_and(|map| unsafe { map.unchecked_advise_range(memmap2::UncheckedAdvice::DontNeed, at, len).is_ok() })
        }
        #[cfg(not(all(target_os = "linux", not(miri))))]
        {
            let _ = (offset, len);
            false
        }
    }
}
