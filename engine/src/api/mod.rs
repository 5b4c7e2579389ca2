//! The public nouns, thin: what a user sees first, each a few lines over the machine.

mod inspect;
mod options;
mod owned;
mod snapshot;
mod store;
mod write;

#[cfg(test)]
mod tests;

pub use inspect::commits;
pub use options::Options;
pub use snapshot::{Range, Reader, Snapshot, Table, TableInfo};
pub use store::Store;
pub use write::{Entry, Savepoint, TableMut, WriteTxn};
