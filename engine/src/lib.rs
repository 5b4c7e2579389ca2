//! Treering: an embeddable, log-structured storage engine. The log of chunks is the database, its snapshot and its backup.
//!
//! ```
//! # fn main() -> treering::Result<()> {
//! let store = treering::Store::in_memory()?; // or Store::open("cluster.ring")?
//!
//! let txn = store.begin_write()?;
//! txn.create_table("tasks")?.insert(b"task-1", b"PENDING")?;
//! txn.commit()?; // durable when it returns
//!
//! let snapshot = store.snapshot(); // O(1), no lock, in nobody's way
//! let txn = store.begin_write()?;
//! txn.open_table("tasks")?.insert(b"task-1", b"RUNNING")?;
//! txn.commit()?;
//!
//! let reader = snapshot.reader();
//! assert_eq!(reader.table("tasks")?.get(b"task-1")?, Some(&b"PENDING"[..]));
//! # Ok(()) }
//! ```
//!
//! # Rooms
//!
//! Imports go down only: `api` over `blob` and `inspect`, `store`, `version`, `tree` and `log`, `page`, `format`, `disk`, `codec`, `sync`,
//! `error`. ARCHITECTURE.md draws them; FORMAT.md is the file.
#![deny(unsafe_code)]

mod api;
mod blob;
mod error;
mod inspect;
mod planted;
mod store;
mod sync;
mod version;

macro_rules! internal_rooms {
    ($($room:ident),*) => { $(
        #[cfg(feature = "internals")]
        #[doc(hidden)]
        pub mod $room;
        #[cfg(not(feature = "internals"))]
        #[allow(dead_code, unreachable_pub)]
        mod $room;
    )* };
}
// Shown to tests, fuzzers and benchmarks by a feature without any promise; dead code is judged with it on.
internal_rooms!(codec, disk, format, page, tree);

mod log;

#[cfg(all(test, loom))]
mod models;

pub use api::{Def, Of, TypedKey, TypedRange, TypedTable, TypedTableMut, TypedValue};
pub use api::{Entry, Options, Range, Reader, Savepoint, Snapshot, Store, Table, TableInfo, TableMut, TablePlace, WriteTxn};
pub use api::{FileProgress, FileStage};
pub use api::{Outcome, Proposal};
#[cfg(feature = "internals")]
#[doc(hidden)]
pub use api::{backup_on, restore_on, salvage_on};
pub use api::{commits, restore, restore_with, salvage, verify, verify_with};
pub use blob::{BlobForm, BlobSummary};
pub use error::{Error, ErrorKind, Result};
pub use inspect::Report;
pub use inspect::commits::{Action, Change, Commit, LogSummary};
pub use inspect::identity::Identity;
pub use inspect::layout::{Region, RegionKind};
pub use inspect::salvage::{Loss, SalvageProgress, SalvageStage, Salvaged, SalvagedTable};
pub use page::Key;
pub use store::compact::Compaction;
pub use store::open::OpenReport;
pub use store::options::{Create, Durability, Reads};
pub use store::stats::{HeldVersion, Stats};

/// The README's example compiles, or `cargo test` fails.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
struct Readme;
