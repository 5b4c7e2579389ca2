//! Memory behind raw pointers: what is there, who looked, and what is gone.
//!
//! Each piece has a cell of loom's, which knows whether two accesses are ordered. What the epoch destroyed keeps its memory until the next
//! interleaving begins, so that no address names two things.

use std::alloc::{Layout, dealloc};
use std::cell::RefCell;
use std::collections::HashMap;
use std::sync::Arc;

use loom::cell::UnsafeCell;

/// As the format's.
const BLOCK: usize = 4096;

struct Piece {
    is_there: bool,
    accesses: Arc<UnsafeCell<()>>,
}

#[derive(Default)]
struct Known {
    pieces: HashMap<usize, Piece>,
    buried: Vec<(*mut u8, Layout)>,
}

thread_local! {
    static KNOWN: RefCell<Known> = RefCell::default();
}

/// Forgets everything: an interleaving begins.
pub(crate) fn reset() {
    let known = KNOWN.take();
    for (start, layout) in known.buried {
        // SAFETY: `bury` got it from who allocated it so, and it is freed once.
        unsafe { dealloc(start, layout) };
    }
}

/// What starts at this address is complete.
pub(crate) fn made<T>(at: *const T) {
    let accesses = Arc::new(UnsafeCell::new(()));
    let piece = Piece { is_there: true, accesses: Arc::clone(&accesses) };
    KNOWN.with_borrow_mut(|known| known.pieces.insert(at.cast::<u8>() as usize, piece));
    accesses.with_mut(|_| ());
}

/// What starts at this address is looked at.
pub(crate) fn read<T>(at: *const T) {
    let Some(accesses) = find(at, "read") else { return };
    accesses.with(|_| ());
}

/// What starts at this address is written anew.
pub(crate) fn rewritten<T>(at: *const T) {
    let accesses = KNOWN.with_borrow(|known| known.pieces.get(&(at as usize)).map(|piece| Arc::clone(&piece.accesses)));
    if let Some(accesses) = accesses {
        accesses.with_mut(|_| ());
    }
}

/// A block of the map, from its first address.
fn block_of(at: *const u8) -> usize {
    at as usize & !(BLOCK - 1)
}

/// Bytes of the map are looked at, from this address on: a block is one piece.
pub(crate) fn read_mapped(at: *const u8) {
    read(block_of(at) as *const u8);
}

/// These bytes of the map are written, whatever was there.
pub(crate) fn wrote_mapped(start: *const u8, len: usize) {
    for block in (block_of(start)..start as usize + len).step_by(BLOCK) {
        let is_known = KNOWN.with_borrow(|known| known.pieces.contains_key(&block));
        if is_known { rewritten(block as *const u8) } else { made(block as *const u8) }
    }
}

/// What starts at this address is freed.
pub(crate) fn gone<T>(at: *const T) {
    let Some(accesses) = find(at, "freed") else { return };
    KNOWN.with_borrow_mut(|known| {
        if let Some(piece) = known.pieces.get_mut(&(at.cast::<u8>() as usize)) {
            piece.is_there = false;
        }
    });
    accesses.with_mut(|_| ());
}

/// Keeps memory whose value was dropped until the next interleaving begins.
pub(super) fn bury<T>(at: *mut T) {
    let layout = Layout::new::<T>();
    if layout.size() > 0 {
        KNOWN.with_borrow_mut(|known| known.buried.push((at.cast(), layout)));
    }
}

fn find<T>(at: *const T, verb: &str) -> Option<Arc<UnsafeCell<()>>> {
    if std::thread::panicking() {
        return None;
    }
    KNOWN.with_borrow(|known| {
        let piece = known.pieces.get(&(at.cast::<u8>() as usize));
        let piece = piece.unwrap_or_else(|| panic!("what nobody made was {verb}"));
        assert!(piece.is_there, "Causality violation: what is gone was {verb}");
        Some(Arc::clone(&piece.accesses))
    })
}
