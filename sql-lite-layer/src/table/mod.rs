//! Schema, catalogue, rows and indexes. The only room that names the engine.
//!
//! 1. A table is an engine table, an index is an engine table; the catalogue is one too. All of a statement's changes are made in the same engine transaction.
//! 2. An index holds an entry for each row of its table and no other.
//! 3. A schema never changes: a change makes a new one with the next number, and it becomes the schema when the transaction commits.

pub(crate) mod schema;
