//! Snapshots as files: export, restore.
//!
//! ```text
//!   snapshot ── plan: which bytes, how long ──► stream: headers | chunks, byte for byte | closing chunks | one seal ──► file, pipe, LZ4 frame
//!   blob, or its LZ4 stream ──► a file beside the target ── verified ──► the target
//! ```
//!
//! A blob is a store file (FORMAT 11) that opens in place. It is written front to back without seeking, so everything's length is known before the first byte:
//! chunks in the file have theirs, and the pages that are only in memory are measured by a walk over them alone. A page keeps its position, so each chunk
//! that is only in memory becomes a closing chunk with the same id.
//!
//! The writer's turn is never taken (L10). The snapshot keeps the pages, a look keeps the homes of the chunks, and both stay as they are
//! while the store moves on.
//!
//! Files: [`plan`] measures and places, [`export`] writes, [`restore`] reads back, [`stream`] is where bytes go.

mod export;
mod plan;
mod restore;
mod stream;

use std::time::Duration;

#[cfg(feature = "internals")]
pub(crate) use export::fill;
pub(crate) use export::{backup_to, write};
#[cfg(feature = "internals")]
pub(crate) use restore::restore_disk;
pub(crate) use restore::{readable, readable_part, restore};

/// How a blob is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum BlobForm {
    /// As a store file: opens in place.
    #[default]
    Plain,
    /// The same bytes as one LZ4 frame: smaller, and restored before it is opened.
    Lz4,
}

/// What an export or a restore did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct BlobSummary {
    /// The version in the blob.
    pub version: u64,
    /// Bytes written.
    pub bytes: u64,
    /// Chunks in the blob.
    pub chunks: u64,
    /// How long the exporting thread had this store's writer's turn meanwhile, as measured: zero, for an export does not take it, unless what it writes to does.
    pub turn_held: Duration,
}
