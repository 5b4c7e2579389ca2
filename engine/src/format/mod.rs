//! FORMAT.md as pure functions between bytes and values: no I/O, no policy.
//!
//! One file per section: [`header`] (3), [`record`] (4.1, 4.2), [`change`] (4.3), [`seal`] (4.4), [`chunk`] (6). Pages (7) have a
//! room of their own. Reading takes untrusted bytes and gives a value or an error that names the field; writing takes a value and
//! gives bytes that read back equal.
//!
//! 1. No function here panics, or allocates more than a small multiple of its input, whatever the bytes are. The lints below
//!    make the usual ways to break that uncompilable.
//! 2. A structure has one encoding. What reads back, encodes to the same bytes again.
#![deny(clippy::indexing_slicing, clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::arithmetic_side_effects)]
#![cfg_attr(
    test,
    allow(clippy::indexing_slicing, clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::arithmetic_side_effects)
)]

pub mod change;
pub mod chunk;
mod fixed;
pub mod header;
// Its arithmetic is on values that were checked where they were read.
#[allow(clippy::arithmetic_side_effects)]
pub mod ids;
pub mod record;
pub mod seal;

pub use ids::{ChunkId, Extent, Position, TableId, TreeRoot, Version};
