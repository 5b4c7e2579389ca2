//! How many rows tables have, for the planner: the engine knows it, O(1).

use treering::{Reader, WriteTxn};

use super::schema::Table;
use super::stored::Stored;

/// Where it is asked: of a snapshot, or of a transaction that writes.
#[derive(Clone, Copy)]
pub(crate) enum Counted<'c> {
    Held(&'c Reader<'c>),
    Open(&'c WriteTxn),
}

impl Counted<'_> {
    /// Number of rows; none if the table is not there.
    pub(crate) fn rows(&self, table: &Table) -> Option<u64> {
        let rows = Stored::Rows(table.id);
        match self {
            Counted::Held(reader) => reader.table_near(rows.name().as_str(), rows.place()).ok().map(|table| table.len()),
            Counted::Open(txn) => txn.len_of(rows.name().as_str()),
        }
    }
}
