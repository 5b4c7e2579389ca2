//! Hostile input: what a fuzzer calls, and what the `corpus` suite replays.
//!
//! ```text
//!   fuzz/fuzz_targets/NAME.rs ─┐
//!                              ├─► Target::run(bytes) ─► the engine
//!   suite `corpus`: each file ─┘
//! ```
//!
//! One file, one target: [`store`] any bytes as a store, [`sealed`] a valid store with edited fields and right checksums, [`blob`] any bytes as a blob or its
//! LZ4 stream, [`salvage`] any damage to a store, copied to a new one, [`page`] one page, [`format`](mod@format) the structures besides pages, [`life`] operations with crashes against the model, [`import`] the texts that
//! the command line and the scheduler take from people, `sql_text` any text as a statement, `sql_store` statements over a store that is reopened and crashes. [`take`] turns a fuzzer's bytes into choices.
//!
//! Whatever the bytes are: no panic, an end after bounded work, and no more memory than follows from the input's length.

pub mod blob;
pub mod exercise;
pub mod format;
pub mod import;
pub mod life;
pub mod page;
pub mod salvage;
pub mod sealed;
#[cfg(feature = "sql")]
pub mod sql_store;
#[cfg(feature = "sql")]
pub mod sql_text;
pub mod store;
pub mod take;

use crate::allocation::{Allocated, measure};

/// An entry for a fuzzer.
#[derive(Clone, Copy, Debug)]
pub struct Target {
    /// Names the folder of the corpus and the program of the fuzzer.
    pub name: &'static str,
    entry: fn(&[u8]),
    /// Longest single request for memory that is always allowed, in bytes, and how much more for each byte of input.
    largest: (usize, usize),
    /// The same for all memory at one time.
    peak: (usize, usize),
}

/// What a store may take: the engine's buffers hold a slice of 4 MiB and double when they grow; a page unpacks to at most 256 times its length.
const STORE_LARGEST: (usize, usize) = (16 << 20, 256);
/// A record of 20 bytes can make a table, and a table's first page has up to 64 KiB.
const STORE_PEAK: (usize, usize) = (64 << 20, 4096);
/// Pure functions keep a small multiple of their input.
const SMALL: (usize, usize) = (64 << 10, 64);

/// Any bytes as a store.
pub const STORE: Target = Target { name: "store", entry: store::run, largest: STORE_LARGEST, peak: STORE_PEAK };
/// A valid store with edited fields, its checksums right.
pub const SEALED: Target = Target { name: "sealed", entry: sealed::run, largest: (32 << 20, 256), peak: (256 << 20, 4096) };
/// Any bytes as a blob, or as the LZ4 stream of one.
pub const BLOB: Target = Target { name: "blob", entry: blob::run, largest: STORE_LARGEST, peak: STORE_PEAK };
/// Any damage to a store, salvaged to a new one.
pub const SALVAGE: Target = Target { name: "salvage", entry: salvage::run, largest: STORE_LARGEST, peak: (128 << 20, 4096) };
/// Any bytes as one page, with and without a right checksum.
pub const PAGE: Target = Target { name: "page", entry: page::run, largest: (1 << 20, 512), peak: (4 << 20, 4096) };
/// Any bytes as each structure of the format besides pages.
pub const FORMAT: Target = Target { name: "format", entry: format::run, largest: SMALL, peak: SMALL };
/// Operations with crashes, against the model.
pub const LIFE: Target = Target { name: "life", entry: life::run, largest: (64 << 20, 0), peak: (512 << 20, 0) };
/// Lists of a cluster trace; keys and values as text.
pub const IMPORT: Target = Target { name: "import", entry: import::run, largest: SMALL, peak: (256 << 10, 512) };

/// Any text as SQL: a plan may be some hundred times as long as its text.
#[cfg(feature = "sql")]
pub const SQL_TEXT: Target =
    Target { name: "sql_text", entry: sql_text::run, largest: (32 << 20, 4096), peak: (128 << 20, 16 << 10) };
/// SQL statements over a store that is reopened and crashes in between.
#[cfg(feature = "sql")]
pub const SQL_STORE: Target = Target { name: "sql_store", entry: sql_store::run, largest: (64 << 20, 0), peak: (512 << 20, 0) };

/// Every target.
pub const TARGETS: &[Target] = &[
    STORE,
    SEALED,
    BLOB,
    SALVAGE,
    PAGE,
    FORMAT,
    LIFE,
    IMPORT,
    #[cfg(feature = "sql")]
    SQL_TEXT,
    #[cfg(feature = "sql")]
    SQL_STORE,
];

impl Target {
    /// Tries these bytes.
    ///
    /// # Panics
    /// If a promise about hostile input is broken.
    pub fn run(&self, bytes: &[u8]) -> Allocated {
        let ((), allocated) = measure(|| (self.entry)(bytes));
        let bound = |(always, factor): (usize, usize)| always + factor * bytes.len();
        let within = allocated.largest <= bound(self.largest) && allocated.peak <= bound(self.peak);
        let (largest, peak) = (bound(self.largest), bound(self.peak));
        assert!(
            within,
            "{}: {} bytes of input made it allocate {allocated:?}; allowed are {largest} and {peak}",
            self.name,
            bytes.len()
        );
        allocated
    }
}
