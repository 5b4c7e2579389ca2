//! Databases, connections, statements, transactions and results.

mod cache;
mod connection;
mod csv;
mod database;
mod define;
mod evaluate;
mod explain;
mod given;
mod other;
mod params;
mod prepared;
mod row;
mod rows;
mod rules;
mod run;
mod schemas;
mod script;
mod sequences;
mod snapshot;
mod statement;
mod structs;
mod texts;
mod transaction;
mod writing;

pub use connection::{CancelHandle, Connection};
pub use csv::{CsvOptions, CsvWriter};
pub use database::{Database, Files, Limits};
pub use params::{Named, Params, ToValue, named};
pub use row::{Column, ColumnIndex, FromValue, Row};
pub use rows::{RowIter, Rows};
pub use script::{Compression, ScriptOptions};
pub use snapshot::Snapshot;
pub use statement::{Statement, StatementKind};
pub use transaction::{Savepoint, Transaction};
