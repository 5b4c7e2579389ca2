//! What can be chosen when a store is opened: each option with its default, its range and when to change it.

use std::time::Duration;

use crate::disk::OWNER_ALONE;
use crate::error::{Error, Result};
use crate::format::ids::BLOCK;

/// How safe a commit is when it returns.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Durability {
    /// In this process' memory until a later written commit takes it along. A kill of the process may lose it.
    Memory,
    /// Written to the operating system, synced within [`crate::Options::deferred_within`]. Survives a kill of the process; a power cut
    /// may lose it.
    Deferred,
    /// Synced to the medium. Survives a power cut.
    #[default]
    Synced,
}

/// What to do about a file that is there, or not.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Create {
    /// Open it, or create it when there is none.
    #[default]
    IfMissing,
    /// Create it; an existing file is `Exists`.
    New,
    /// Open it; a missing file is `NotFound`.
    Never,
}

/// How pages of the file are read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Reads {
    /// In place, through a memory map: no copy, no lock, and the system's memory is the cache. Each page is checked at its first use. Where the medium fails under a mapped page, or
    /// another program cuts the file short, the process gets SIGBUS: a map cannot give an error.
    #[default]
    Mapped,
    /// By copying: each page is read from the file with a system call and checked whenever it is read, and [`crate::Options::cache_bytes`] of them are kept. No byte of the file is
    /// reached through a map, so a failing medium and a file cut short are errors (`Io`, `Corrupt`) that name the place; the store goes on, and the next read is tried anew.
    ///
    /// For network file systems, removable media, and processes that must survive both. Costs a look-up behind a short lock for each page that a reader meets first, and a read and a
    /// check for each that is not in the cache. What a [`crate::Reader`] lends it keeps in memory until it is dropped: read much by way of several readers of one snapshot.
    Copied,
}

/// The settings of an open store.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    pub(crate) page_len: u32,
    pub(crate) background: bool,
    /// Dirty pages at which commits wait; a checkpoint starts at half of it.
    pub(crate) dirty_bytes: u64,
    /// Bytes of records at which a checkpoint starts.
    pub(crate) log_bytes: u64,
    /// Length of the first segments.
    pub(crate) segment_bytes: u64,
    /// Bytes of changes beyond which a commit goes by seal instead of by record.
    pub(crate) record_bytes: u64,
    pub(crate) deferred_within: Duration,
    /// Each synced commit writes and syncs a header too.
    pub(crate) strict: bool,
    /// New tables are compressed.
    pub(crate) lz4: bool,
    /// Chunks with a smaller share of pages still needed get dense twins, 0 to 1.
    pub(crate) compact_below: f64,
    pub(crate) reads: Reads,
    /// Memory for unpacked pages of compressed tables, or for copies of pages.
    pub(crate) cache_bytes: u64,
    /// Of a file that is created, on Unix.
    pub(crate) permissions: u32,
    /// The store lives in memory and ends with its last handle.
    pub(crate) volatile: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Settings {
            page_len: 8192,
            background: true,
            dirty_bytes: 256 << 20,
            log_bytes: 64 << 20,
            segment_bytes: 64 << 10,
            record_bytes: 16 << 20,
            deferred_within: Duration::from_millis(100),
            strict: false,
            lz4: false,
            compact_below: 0.5,
            reads: Reads::Mapped,
            cache_bytes: 64 << 20,
            permissions: OWNER_ALONE,
            volatile: false,
        }
    }
}

impl Settings {
    /// # Errors
    /// `Invalid` names the option and its range.
    pub(crate) fn check(&self) -> Result<()> {
        let page = (4096..=65_536).contains(&self.page_len) && self.page_len.is_power_of_two();
        let segment = self.segment_bytes.is_multiple_of(BLOCK) && (4 * BLOCK..=1 << 30).contains(&self.segment_bytes);
        let record = (1..=1 << 29).contains(&self.record_bytes);
        // 8 GiB: with what is dirtied while it is written, a checkpoint still fits one window of 16 GiB.
        let dirty = (1 << 20..=8 << 30).contains(&self.dirty_bytes);
        let compact = (0.0..=1.0).contains(&self.compact_below);
        let file = self.permissions <= 0o777;
        let wrong = match (page, segment, record, dirty, compact, file) {
            (false, ..) => "page_len must be a power of two from 4,096 to 65,536",
            (_, false, ..) => "segment_bytes must be a multiple of 4,096 from 16 KiB to 1 GiB",
            (_, _, false, ..) => "record_bytes must be 1 byte to 512 MiB",
            (_, _, _, false, ..) => "dirty_bytes must be 1 MiB to 8 GiB",
            (_, _, _, _, false, _) => "compact_below must be 0 to 1",
            (.., false) => "permissions must be 0 to 0o777",
            _ => return Ok(()),
        };
        Err(Error::invalid(wrong))
    }
}
