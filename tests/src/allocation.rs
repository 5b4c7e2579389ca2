//! A global allocator that counts, so that a test can hold what an input made the engine allocate against what the input's size allows.
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

// SAFETY: every call goes to the system's allocator with the same arguments, or gives null, as one without memory may. Counting
// touches thread-local cells that are made without allocating and have no destructor.
unsafe impl GlobalAlloc for Metered {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        if !count(layout.size()) {
            return std::ptr::null_mut();
        }
        add(layout.size() as isize);
        // SAFETY: the caller's promise, passed on as it is.
        unsafe { System.alloc(layout) }
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
        // SAFETY: the caller's promise, passed on as it is.
        unsafe { System.realloc(start, layout, len) }
    }

    // SAFETY: what the caller owes stands at the trait.
    unsafe fn dealloc(&self, start: *mut u8, layout: Layout) {
        add(-(layout.size() as isize));
        // SAFETY: the caller's promise, passed on as it is.
        unsafe { System.dealloc(start, layout) }
    }
}
