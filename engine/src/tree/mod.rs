//! The copy-on-write B-tree over pages: get, insert, remove, range, rank, walk, check, bulk load.
//!
//! ```text
//!   Root { at, len, height: 3 }
//!     │
//!   branch, level 2      children ─┬─ entries below each child (so rank and nth are O(log n))
//!     ├── branch, level 1          │
//!     │     ├── leaf, level 0      └─ separators: child i holds separator i <= key < separator i + 1
//!     │     │     └── large value, a page of its own
//! ```
//!
//! A tree is named by its [`Root`] and is read through [`Pages`], which lends checked, unpacked pages. It is changed through
//! [`Edit`], which knows which pages belong to the present savepoint: `own` gives such a page, copying it the first time, so that
//! every other root goes on reading what it always read (L1). This room does no I/O, holds no lock and knows no version; it never
//! follows a page deeper than the root's height allows.
//!
//! Invariants, held by every edit and verified by `check`:
//!
//! 1. The root stands on level `height - 1`; each child one level below its parent; leaves on level 0. Height <= 64.
//! 2. No page is empty. A root that is a branch has two children or more.
//! 3. Keys ascend strictly across the whole tree and lie between the separators above them.
//! 4. Entry counts in branches and in the root are exact.
//! 5. Each page is reached once, a large page by the one entry whose key it bears.
//!
//! What an edit does not promise: after an error in the middle of one (a damaged page, no space) the tree under edit is in no
//! defined state and the transaction must be dropped; older roots are untouched. Pages need not be half full: only pages below a
//! quarter are merged, and only with a neighbour under the same parent.

mod bulk;
mod check;
mod families;
mod get;
mod insert;
mod path;
mod range;
mod rank;
mod remove;
mod renew;
mod sweep;
mod walk;

#[cfg(test)]
mod tests;

pub use bulk::Builder;
pub use check::check;
pub use families::families;
pub use get::{get, get_many, value_page};
pub use insert::{insert, insert_new};
pub use path::leaf;
pub use range::{Range, range};
pub use rank::{nth, rank};
pub use remove::remove;
pub use renew::{Place, reaches, renew};
pub use sweep::{clear, remove_range};
pub use walk::walk;

use crate::error::Result;
use crate::format::{Position, TableId};
use crate::page::{Page, PageBuf};

/// Most pages from root to leaf: even branches of two children then hold 2^64 leaves, so more can only be damage.
pub const MAX_HEIGHT: u32 = 64;

/// Lends pages by position.
pub trait Pages {
    /// The page at `at`: checked, unpacked, and unchanged for as long as `self` is borrowed.
    ///
    /// # Errors
    /// `Corrupt` if there is no such page or it is damaged; `Io` if it cannot be read.
    fn page(&self, at: Position) -> Result<Page<'_>>;

    /// The same pages from a lender of their own: what that lends it holds no longer than it lives. None if lending costs nothing to hold. Whoever goes through a whole tree takes
    /// one for each page, and so holds a page a level.
    fn apart(&self) -> Option<Box<dyn Pages + '_>> {
        None
    }
}

/// The pages of one transaction's savepoint, under change.
pub trait Edit: Pages {
    /// This savepoint's own copy of the page at `at`: the same position if it is own already; else a new one, and the page at
    /// `at` is no longer reached from this tree.
    ///
    /// # Errors
    /// As [`Pages::page`]; `Full` if there is no room for a copy.
    fn own(&mut self, at: Position) -> Result<Position>;

    /// The own page at `at`, to be changed in place.
    ///
    /// # Panics
    /// If the page is not own.
    fn edit(&mut self, at: Position) -> &mut PageBuf;

    /// Makes `page` an own page and gives it its position.
    ///
    /// # Errors
    /// `Full` if there is no room.
    fn add(&mut self, page: PageBuf) -> Result<Position>;

    /// The page at `at`, own or not, is no longer reached from this tree.
    ///
    /// # Errors
    /// `Corrupt` if the position cannot be one.
    fn retire(&mut self, at: Position) -> Result<()>;

    /// Nominal length of a page in bytes.
    fn page_len(&self) -> usize;

    /// The table whose tree this is: new pages bear its id.
    fn table(&self) -> TableId;
}

pub use crate::format::TreeRoot as Root;
