//! The aligned buffer of a page in memory: the only `unsafe` of this room.
//!
//! Invariants: `start` was given by the global allocator for `len` bytes aligned to 64, is owned by this value alone, and all of
//! its bytes are initialised.
#![allow(unsafe_code)]

use std::alloc::{Layout, alloc, alloc_zeroed, dealloc, handle_alloc_error};
use std::ops::{Deref, DerefMut};
use std::ptr::NonNull;

use super::buf::PageBuf;
use super::layout::{ALIGN, HEAD_LEN, STORED_LEN};

/// Owned bytes that start on 64.
pub(super) struct Memory {
    start: NonNull<u8>,
    len: usize,
}

// SAFETY: Memory owns its bytes alone, like a Box<[u8]>, and has no interior mutability.
unsafe impl Send for Memory {}
// SAFETY: as above; a shared Memory only lends `&[u8]`.
unsafe impl Sync for Memory {}

fn layout(len: usize) -> Layout {
    assert!(len >= HEAD_LEN && len.is_multiple_of(ALIGN), "a page is a multiple of 64 bytes");
    Layout::from_size_align(len, ALIGN).expect("a page is shorter than 4 GiB")
}

impl Memory {
    /// `len` zeros; `len` is a multiple of 64 and not 0.
    pub(super) fn zeroed(len: usize) -> Memory {
        Memory::try_zeroed(len).unwrap_or_else(|| handle_alloc_error(layout(len)))
    }

    /// The same; none if there is no memory.
    pub(super) fn try_zeroed(len: usize) -> Option<Memory> {
        // SAFETY: the layout's size is not 0 (asserted in `layout`).
        let start = unsafe { alloc_zeroed(layout(len)) };
        NonNull::new(start).map(|start| Memory { start, len })
    }

    /// `len` bytes that begin with `front` and end with `back`, zeros between. Each byte is written once.
    pub(super) fn from_ends(len: usize, front: &[u8], back: &[u8]) -> Memory {
        let layout = layout(len);
        let gap = len.checked_sub(front.len()).and_then(|rest| rest.checked_sub(back.len())).expect("both ends fit");
        // SAFETY: the layout's size is not 0 (asserted in `layout`).
        let start = unsafe { alloc(layout) };
        let Some(start) = NonNull::new(start) else { handle_alloc_error(layout) };
        // SAFETY: front.len() + gap + back.len() = len (checked above), so the three writes stay inside the new allocation, touch
        // each of its bytes once, and cannot overlap `front` or `back`, which were borrowed before it was made.
        unsafe {
            let at = start.as_ptr();
            at.copy_from_nonoverlapping(front.as_ptr(), front.len());
            at.add(front.len()).write_bytes(0, gap);
            at.add(front.len() + gap).copy_from_nonoverlapping(back.as_ptr(), back.len());
        }
        Memory { start, len }
    }

    /// Gives the bytes away; [`Memory::from_raw`] with the same length takes them back.
    pub(super) fn into_raw(self) -> NonNull<u8> {
        let start = self.start;
        std::mem::forget(self);
        start
    }

    /// Takes back what [`Memory::into_raw`] gave away.
    ///
    /// # Safety
    /// `start` came from `into_raw` of a Memory of `len` bytes, and is given back once.
    pub(super) unsafe fn from_raw(start: NonNull<u8>, len: usize) -> Memory {
        Memory { start, len }
    }
}

impl Drop for Memory {
    fn drop(&mut self) {
        // SAFETY: `start` was allocated with this same layout (invariant), and nobody else owns it.
        unsafe { dealloc(self.start.as_ptr(), layout(self.len)) }
    }
}

impl Deref for Memory {
    type Target = [u8];
    #[inline]
    fn deref(&self) -> &[u8] {
        // SAFETY: `len` initialised bytes, owned by self, borrowed as long as self is (invariant).
        unsafe { std::slice::from_raw_parts(self.start.as_ptr(), self.len) }
    }
}

impl DerefMut for Memory {
    #[inline]
    fn deref_mut(&mut self) -> &mut [u8] {
        // SAFETY: as in `deref`, and `&mut self` makes the borrow the only one.
        unsafe { std::slice::from_raw_parts_mut(self.start.as_ptr(), self.len) }
    }
}

impl PageBuf {
    /// Gives the page away as a thin pointer to its head; [`PageBuf::from_raw`] takes it back. Until then it can be read through
    /// the pointer: its length stands at byte 4.
    #[must_use]
    pub fn into_raw(self) -> NonNull<u8> {
        self.memory.into_raw()
    }

    /// Takes back a page that [`PageBuf::into_raw`] gave away.
    ///
    /// # Safety
    /// `start` came from `into_raw`, is given back once, nobody reads or writes through it any more, and the page's `stored_len`
    /// was not changed.
    #[must_use]
    pub unsafe fn from_raw(start: NonNull<u8>) -> PageBuf {
        // SAFETY: a page starts with its head, 64 initialised bytes (invariant of Memory, promised by the caller).
        let len = unsafe { start.add(STORED_LEN).cast::<[u8; 4]>().read() };
        let len = u32::from_le_bytes(len) as usize;
        // SAFETY: the caller promises the origin of `start`; stored_len is the buffer's length (invariant 1 of the room).
        PageBuf { memory: unsafe { Memory::from_raw(start, len) } }
    }
}
