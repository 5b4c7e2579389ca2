//! One page: the layout of FORMAT 7, searched and changed in place over its bytes.
//!
//! ```text
//! | head 64 | heads u32.. | slots u64.. | children, counts (branch) |  gap  | heap of items | prefix |
//!                                                                            offsets count from the end <--
//! ```
//!
//! A page is the same bytes in the map, in memory and in a blob; nothing is decoded and no pointer is stored. [`Page`] is a view
//! over bytes that somebody else owns; [`PageBuf`] owns a page under change. What all keys begin with is cut off and stands
//! once, at the end; the next four bytes of each key stand in `heads` as a number, so that a search is a branch-free walk over
//! one dense array, and only among equal heads does it look at items. Because offsets count from the end, the gap between arrays
//! and heap is dropped when a page is written, and made again when it is copied, without touching a slot.
//!
//! Files: `layout` (offsets), `key`, `view` (accessors), `search`, `check` (what is verified), `memory` (the aligned buffer),
//! `buf` (changes), `rebuild` (room, split, merge), `pack` (the stored form, LZ4).
//!
//! Invariants of a page in memory:
//! 1. `stored_len` = `raw_len` = length of the buffer, a multiple of 64; `crc` is unset; arrays and heap do not overlap.
//! 2. `heap_len` = `prefix_len` + the lengths of all items + `heap_dead`. The prefix is part of the heap.
//! 3. An item of no bytes stands at the prefix (`at` = `prefix_len`), so that giving back heap in front of it keeps it right.
//! 4. Keys ascend strictly. A branch's child 0 has the empty separator (head 0, suffix_len 0), which has no part in the prefix.
//! 5. What stands in the gap and behind `count` in the arrays is unspecified in memory and zero in the stored form.
//!
//! A stored page has no dead heap, a gap shorter than 64 bytes and zeros wherever nothing stands. `verify` refuses everything else.
//! Every accessor checks its bounds all the same: a mapped file may change under a foreign hand (DESIGN 5).
//!
//! Not done here: choosing when to split or merge, and positions of pages (room `tree`); chunks (room `log`).

mod buf;
mod check;
mod key;
mod layout;
mod memory;
mod pack;
mod rebuild;
mod search;
#[cfg(test)]
mod tests;
mod view;

pub use buf::PageBuf;
pub use key::Key;
pub use layout::{ALIGN, HEAD_LEN, Kind};
pub use rebuild::separator;
pub use view::{Item, Page};
