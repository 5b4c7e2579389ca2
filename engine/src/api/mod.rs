//! The public nouns, thin: what a user sees first, each a few lines over the machine.

mod conditional;
mod files;
mod inspect;
mod keys;
mod options;
mod owned;
mod salvage;
mod snapshot;
mod store;
mod typed;
mod write;

#[cfg(test)]
mod tests;

pub use conditional::{Outcome, Proposal};
pub use files::{FileProgress, FileStage, restore, restore_with, verify, verify_with};
#[cfg(feature = "internals")]
pub use files::{backup_on, restore_on};
pub use inspect::commits;
pub use keys::{Of, TypedKey, TypedValue};
pub use options::Options;
pub use salvage::salvage;
#[cfg(feature = "internals")]
pub use salvage::salvage_on;
pub use snapshot::{Range, Reader, Snapshot, Table, TableInfo, TablePlace};
pub use store::Store;
pub use typed::{Def, TypedRange, TypedTable, TypedTableMut};
pub use write::{Entry, Savepoint, TableMut, WriteTxn};
