//! A global allocator that counts, so that a test can hold what an input made the engine allocate against what the input's size allows; and that
//! fills what it gives, so that a test can see whether memory that nobody wrote goes anywhere.
//!
//! Counts are kept per thread: tests run beside each other. A program that wants figures makes [`Metered`] its global allocator; without it
//! every figure is zero. What the engine maps (the windows of a disk) is not counted.
#![allow(unsafe_code)]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

/// Requests beyond this fail as if memory had run out, 1 GiB: a test that meets one ends, and the machine lives on.
const REFUSED: usize = 1 << 30;

thread_local! {
    /// Bytes that are allocated, counted from [`measure`] on; below zero when older ones were freed.
    static LIVE: Cell<isize> = const { Cell::new(0) };
    static PEAK: Cell<isize> = const { Cell::new(0) };
    static LARGEST: Cell<usize> = const { Cell::new(0) };
    /// What new memory is filled with; left as it comes without.
    static FILL: Cell<Option<u8>> = const { Cell::new(None) };
}

/// What was allocated by this thread.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Allocated {
    /// Most bytes at one time.
    pub peak: usize,
    /// The longest single request, in bytes, granted or not.
    pub largest: usize,
}

/// What this thread allocates while `work` runs.
pub fn measure<T>(work: impl FnOnce() -> T) -> (T, Allocated) {
    LIVE.set(0);
    PEAK.set(0);
    LARGEST.set(0);
    let done = work();
    (done, Allocated { peak: PEAK.get().max(0) as usize, largest: LARGEST.get() })
}

/// What `work` gives when all memory that this thread gets meanwhile holds `byte`, but for what was asked for as zeros: whatever leaves the process
/// without having been written shows.
pub fn filled_with<T>(byte: u8, work: impl FnOnce() -> T) -> T {
    FILL.set(Some(byte));
    let done = work();
    FILL.set(None);
    done
}

/// The system's allocator, counted.
#[derive(Debug)]
pub struct Metered;

/// Whether the request may go on.
fn count(len: usize) -> bool {
    // A thread that ends has no cells any more; then nobody measures.
    let _ = LARGEST.try_with(|largest| largest.set(largest.get().max(len)));
    len <= REFUSED
}

fn add(len: isize) {
    let _ = LIVE.try_with(|live| {
        live.set(live.get().saturating_add(len));
        let _ = PEAK.try_with(|peak| peak.set(peak.get().max(live.get())));
    });
}

/// Fills the `len` bytes of new memory from `start` on, if the thread wants that.
///
/// # Safety
/// `start` is null, or may be written to for `len` bytes.
unsafe fn fill(start: *mut u8, len: usize) {
    if let Ok(Some(byte)) = FILL.try_with(Cell::get)
        && !start.is_null()
    {
        // SAFETY: the caller's promise.
        unsafe { start.write_bytes(byte, len) };
    }
}

// SAFETY: every call goes to the system's allocator with the same arguments, or gives null, as one without memory may. Counting
// touches thread-local cells that are made without allocating and have no destructor; filling writes what was allocated just now.
unsafe impl GlobalAlloc for Metered {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        if !count(layout.size()) {
            return std::ptr::null_mut();
        }
        add(layout.size() as isize);
        // SAFETY: the caller's promise, passed on as it is; what came is ours to fill.
        unsafe {
            let start = System.alloc(layout);
            fill(start, layout.size());
            start
        }
    }

    // SAFETY: what the caller owes stands at the trait.
    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        if !count(layout.size()) {
            return std::ptr::null_mut();
        }
        add(layout.size() as isize);
        // SAFETY: the caller's promise, passed on as it is.
        unsafe { System.alloc_zeroed(layout) }
    }

    // SAFETY: what the caller owes stands at the trait.
    unsafe fn realloc(&self, start: *mut u8, layout: Layout, len: usize) -> *mut u8 {
        if !count(len) {
            return std::ptr::null_mut();
        }
        add(len as isize - layout.size() as isize);
        // SAFETY: the caller's promise, passed on as it is; what is behind the old length is new.
        unsafe {
            let grown = System.realloc(start, layout, len);
            if len > layout.size() && !grown.is_null() {
                fill(grown.add(layout.size()), len - layout.size());
            }
            grown
        }
    }

    // SAFETY: what the caller owes stands at the trait.
    unsafe fn dealloc(&self, start: *mut u8, layout: Layout) {
        add(-(layout.size() as isize));
        // SAFETY: the caller's promise, passed on as it is.
        unsafe { System.dealloc(start, layout) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// New memory, and what a block grows by, holds the byte that was asked for; memory that is asked for as zeros holds zeros.
    #[test]
    fn new_memory_is_filled() {
        let layout = Layout::array::<u8>(64).expect("a legal layout");
        filled_with(0xA5, || {
            // SAFETY: the layout is not empty, every byte was filled, and each block is freed once, with the layout that it has by then.
            unsafe {
                let start = Metered.realloc(Metered.alloc(layout), layout, 128);
                assert!(std::slice::from_raw_parts(start, 128).iter().all(|byte| *byte == 0xA5));
                Metered.dealloc(start, Layout::array::<u8>(128).expect("a legal layout"));
                let zeros = Metered.alloc_zeroed(layout);
                assert!(std::slice::from_raw_parts(zeros, 64).iter().all(|byte| *byte == 0));
                Metered.dealloc(zeros, layout);
            }
        });
    }
}
