//! A small SQL layer over the storage engine [`treering`]: strict types, constraints, transactions, and prepared statements that borrow their values from the
//! engine's pages.
//!
//! ```text
//!   text ─► parse ─► Statement ─► plan ─► Node, Scalar ─► optimize ─► execute ─► rows
//!                                  ▲                                    │
//!                                table: schema, rows, indexes  ◄────────┘        session: statements, transactions, results
//! ```
//!
//! Rooms, from the bottom; each may use those above it in this list and no other:
//!
//! | room | what it is for |
//! |---|---|
//! | `error` | one opaque [`Error`] with kind, SQLSTATE and the place in the text |
//! | [`types`] | [`Value`], [`DataType`], comparison, the rules of NULL and of conversion |
//! | `encode` | keys that compare as bytes, compact rows |
//! | `table` | schema, catalogue, rows and indexes: the only room that names the engine |
//! | `parse` | text to our own small tree of a statement |
//! | `plan` | names resolved, types checked: what is to be done, over slots |
//! | `optimize` | an ordered list of rules from plan to plan |
//! | `execute` | one operator a file |
//! | `session` | databases, connections, statements, transactions, results |
#![deny(unsafe_code)]

mod encode;
mod error;
mod execute;
mod optimize;
mod parse;
mod plan;
mod session;
mod table;
pub mod types;

pub use error::{Error, ErrorKind, Place, Result};
pub use parse::{Ending, StatementText, Statements, is_complete, statements};
pub use session::{
    CancelHandle, Column, ColumnIndex, Compression, Connection, CsvOptions, CsvWriter, Database, Files, FromValue, Limits, Named,
    Params, Row, RowIter, Rows, Savepoint, ScriptOptions, Snapshot, Statement, StatementKind, ToValue, Transaction, named,
};
pub use table::{Durability, Store};
pub use types::{DataType, Value};
