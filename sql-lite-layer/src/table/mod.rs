//! Schema, catalogue, rows and indexes. The only room that names the engine.
//!
//! ```text
//!   engine table   key                      value
//!   t<number>      primary key's columns    row: all columns
//!   i<number>      columns                  row's key             an entry of a unique index without NULL
//!                  columns + row's key      nothing               any other entry
//!   sql            kind, number or name     a table, view, sequence (catalogue)
//!   counters       number [, column]        the last number given
//! ```
//!
//! 1. A table is an engine table, an index is an engine table; the catalogue is one too. All of a statement's changes are made in the same engine transaction.
//! 2. An index holds an entry for each row of its table and no other.
//! 3. A schema never changes: a change makes a new one with the next number, and it becomes the schema when the transaction commits.
//! 4. For each foreign key there is a unique key that finds parents and an index that finds children.

pub(crate) mod bulk;
pub(crate) mod catalogue;
mod changes;
mod counted;
pub(crate) mod counters;
mod entries;
mod links;
mod open;
mod reference;
pub(crate) mod rows;
pub(crate) mod schema;
mod stored;
pub(crate) mod verify;
mod violation;

pub(crate) use changes::{Buffers, Changes, Rules};
pub(crate) use counted::Counted;
pub(crate) use entries::{Entries, Tables};
pub(crate) use open::Open;
#[cfg(test)]
pub(crate) use rows::row_key;
pub use treering::{Durability, Store};
pub(crate) use treering::{Range as EntryRange, Savepoint as EngineSavepoint, Snapshot as EngineSnapshot, WriteTxn};

#[cfg(test)]
mod tests;
