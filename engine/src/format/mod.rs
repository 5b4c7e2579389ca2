//! FORMAT.md as pure functions between bytes and values: no I/O, no policy.
//!
//! One file per section: [`header`] (3), [`record`] (4.1, 4.2), [`change`] (4.3), [`seal`] (4.4), [`chunk`] (6). Pages (7) have a
//! room of their own. Reading takes untrusted bytes and gives a value or an error that names the field; writing takes a value and
//! gives bytes that read back equal.

pub mod ids;

pub use ids::{ChunkId, Extent, Position, TableId, TreeRoot, Version};
