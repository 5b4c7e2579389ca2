//! The database at one moment, for reading.

use super::cache::Cache;
use super::database::{Database, Limits};
use super::params::Params;
use super::row::Row;
use super::rows::Rows;
use super::schemas::Known;
use super::statement::{On, Statement};
use crate::error::{Error, Result};
use crate::table::EngineSnapshot;

/// The whole database at one moment: every query on it sees that and nothing later, from as many threads as one likes, without a lock.
///
/// It may be held for hours: nobody waits for it, but the store keeps what it can reach.
pub struct Snapshot {
    // Constant.
    /// Keeps the store open.
    _database: Database,
    pub(super) engine: EngineSnapshot,
    pub(super) known: Known,
    limits: Limits,
}

impl Snapshot {
    pub(super) fn new(database: Database) -> Result<Snapshot> {
        let engine = database.shared.store.snapshot();
        let known = database.shared.schemas.of(&engine)?;
        Ok(Snapshot { _database: database, engine, known, limits: Limits::default() })
    }

    /// The same with other limits for its statements.
    #[must_use]
    pub fn with_limits(mut self, limits: Limits) -> Snapshot {
        self.limits = limits;
        self
    }

    /// What its statements may take.
    #[must_use]
    pub fn limits(&self) -> Limits {
        self.limits
    }

    /// Number of the commit that it shows.
    #[must_use]
    pub fn version(&self) -> u64 {
        self.engine.version()
    }

    /// A query, parsed and planned once, to be run often. Each thread prepares its own.
    ///
    /// # Errors
    /// `Syntax`, `Unsupported`, `Name`, `Type` with the place in the text; `State` if it is no query.
    pub fn prepare(&self, sql: &str) -> Result<Statement<'_>> {
        Statement::new(On::Snapshot(self), sql, &mut Cache::default())
    }

    /// Runs a query and gives all its rows.
    ///
    /// # Errors
    /// As [`Snapshot::prepare`] and [`Statement::query`].
    pub fn query(&self, sql: &str, params: impl Params) -> Result<Rows> {
        self.prepare(sql)?.query(params)
    }

    /// Runs a query and gives what `read` makes of its first row.
    ///
    /// # Errors
    /// As [`Statement::query_row`].
    pub fn query_row<T, E: From<Error>>(
        &self,
        sql: &str,
        params: impl Params,
        read: impl FnOnce(Row<'_>) -> std::result::Result<T, E>,
    ) -> std::result::Result<T, E> {
        self.prepare(sql)?.query_row(params, read)
    }
}

impl std::fmt::Debug for Snapshot {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Snapshot").field("version", &self.version()).finish_non_exhaustive()
    }
}
