//! A statement, ready to run.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;

use super::cache::Cache;
use super::connection::Connection;
use super::database::Limits;
use super::params::Params;
use super::prepared::{Planned, Prepared};
use super::row::{Column, Row};
use super::rows::Rows;
use super::schemas::Known;
use super::snapshot::Snapshot;
use crate::error::{Error, ErrorKind, Result};
use crate::parse::ast::{self, Parsed};
use crate::table::Counted;

/// A statement, parsed once and planned once for each schema, to be run often. Borrows its connection or snapshot.
pub struct Statement<'c> {
    on: On<'c>,
    prepared: Arc<Prepared>,
    planned: RefCell<Option<Rc<Planned>>>,
}

/// What a statement does, by its text alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum StatementKind {
    /// It gives rows: SELECT, VALUES. One that takes numbers of a sequence changes the sequence.
    Query,
    /// It changes rows: INSERT, UPDATE, DELETE, MERGE, TRUNCATE.
    Change,
    /// It begins, ends or divides a transaction.
    Transaction,
    /// It says how another statement would run: EXPLAIN. With ANALYZE it runs it.
    Explain,
    /// Anything else: definitions, scripts, settings.
    Other,
}

impl StatementKind {
    fn of(statement: &ast::Statement) -> StatementKind {
        use ast::Statement as S;
        match statement {
            S::Query(_) => StatementKind::Query,
            S::Insert(_) | S::Update(_) | S::Delete(_) | S::Truncate { .. } => StatementKind::Change,
            S::Begin { .. } | S::Commit | S::Rollback { .. } | S::Savepoint { .. } | S::Release { .. } => {
                StatementKind::Transaction
            }
            S::Explain { .. } => StatementKind::Explain,
            _ => StatementKind::Other,
        }
    }
}

/// Where a statement runs.
#[derive(Clone, Copy)]
pub(super) enum On<'c> {
    Connection(&'c Connection),
    Snapshot(&'c Snapshot),
}

/// What hears the rows of a result; false: no more of them.
pub(super) type Each<'e> = dyn FnMut(Row<'_>) -> Result<bool> + 'e;

/// The same with the columns.
pub(super) type EachWith<'e> = dyn FnMut(&Arc<[Column]>, Row<'_>) -> Result<bool> + 'e;

impl<'c> Statement<'c> {
    pub(super) fn new(on: On<'c>, sql: &str, cache: &mut Cache) -> Result<Statement<'c>> {
        let prepared = match cache.get(sql) {
            Some(prepared) => prepared,
            None => {
                let prepared = Arc::new(Prepared::new(sql)?);
                cache.put(&prepared);
                prepared
            }
        };
        let statement = Statement { on, prepared, planned: RefCell::default() };
        if statement.prepared.has_plan() {
            // What is wrong with it is said now, and not when it runs.
            statement.with_planned(|_| Ok(()))?;
        }
        Ok(statement)
    }

    /// Names and types of the columns of its result; none if it gives no rows. The schema may change them until it runs.
    ///
    /// # Errors
    /// `Name`, `Type` if the schema has changed so that it cannot run any more.
    pub fn columns(&self) -> Result<Arc<[Column]>> {
        match self.prepared.has_plan() {
            true => self.with_planned(|planned| Ok(Arc::clone(&planned.columns))),
            false if matches!(self.prepared.parsed.statement, ast::Statement::Script(_)) => Ok(super::script::columns()),
            false => Ok(Arc::new([])),
        }
    }

    /// Number of its parameters.
    #[must_use]
    pub fn parameter_count(&self) -> usize {
        self.prepared.parsed.parameters.len()
    }

    /// What kind of statement it is.
    #[must_use]
    pub fn kind(&self) -> StatementKind {
        StatementKind::of(&self.prepared.parsed.statement)
    }

    /// Runs it, and gives the number of rows that it inserted, updated or deleted; what a query gives is thrown away. Without an open transaction it is one by itself:
    /// when the call returns it is durable as the connection's durability says.
    ///
    /// # Errors
    /// By kind, see [`ErrorKind`]. Whatever the error, the statement has changed nothing, and an open transaction goes on, unless the store failed.
    pub fn execute(&self, params: impl Params) -> Result<u64> {
        self.run(&params, &mut |_| Ok(true))
    }

    /// Runs it, and shows its rows to `each` one after the other, as they are found: a row's values are borrowed, from the page where that is possible.
    ///
    /// While it runs, no other statement can change anything through this connection.
    ///
    /// # Errors
    /// As [`Statement::execute`]; what `each` gives, which ends it.
    pub fn query_each<E: From<Error>>(
        &self,
        params: impl Params,
        each: impl FnMut(Row<'_>) -> std::result::Result<(), E>,
    ) -> std::result::Result<(), E> {
        self.execute_each(params, each).map(drop)
    }

    /// Runs it, shows its rows to `each` as [`Statement::query_each`] does, and gives the number of rows that it inserted, updated or deleted: for who does not know what the
    /// statement is.
    ///
    /// # Errors
    /// As [`Statement::query_each`].
    pub fn execute_each<E: From<Error>>(
        &self,
        params: impl Params,
        mut each: impl FnMut(Row<'_>) -> std::result::Result<(), E>,
    ) -> std::result::Result<u64, E> {
        let mut failed = None;
        let count = self.run(&params, &mut |row| {
            failed = each(row).err();
            Ok(failed.is_none())
        })?;
        failed.map_or(Ok(count), Err)
    }

    /// Runs it, and gives what `read` makes of each row.
    ///
    /// # Errors
    /// As [`Statement::query_each`].
    pub fn query_map<T, E: From<Error>>(
        &self,
        params: impl Params,
        mut read: impl FnMut(Row<'_>) -> std::result::Result<T, E>,
    ) -> std::result::Result<Vec<T>, E> {
        let mut all = Vec::new();
        self.query_each(params, |row| {
            all.push(read(row)?);
            Ok::<(), E>(())
        })?;
        Ok(all)
    }

    /// Runs it, and gives what `read` makes of the first row; further ones are not looked for.
    ///
    /// # Errors
    /// As [`Statement::query_each`]; `Data` with SQLSTATE 02000 if there is no row.
    pub fn query_row<T, E: From<Error>>(
        &self,
        params: impl Params,
        read: impl FnOnce(Row<'_>) -> std::result::Result<T, E>,
    ) -> std::result::Result<T, E> {
        let none = || Error::new(ErrorKind::Data, "the query gave no row").with_state("02000");
        self.query_optional(params, read)?.ok_or_else(|| none().into())
    }

    /// Runs it, and gives what `read` makes of the first row, if there is one.
    ///
    /// # Errors
    /// As [`Statement::query_each`].
    pub fn query_optional<T, E: From<Error>>(
        &self,
        params: impl Params,
        read: impl FnOnce(Row<'_>) -> std::result::Result<T, E>,
    ) -> std::result::Result<Option<T>, E> {
        let (mut read, mut found) = (Some(read), None);
        self.run(&params, &mut |row| {
            found = read.take().map(|read| read(row));
            // A change goes on, whoever looks at its rows.
            Ok(false)
        })?;
        found.transpose()
    }

    /// Runs it, and gives all its rows, in memory.
    ///
    /// # Errors
    /// As [`Statement::execute`]; `Limit` if they are larger than the statement's memory.
    pub fn query(&self, params: impl Params) -> Result<Rows> {
        let limit = self.limits().memory_bytes;
        let mut rows = None;
        let mut bytes = 0_usize;
        self.run_with(&params, &mut |columns, row| {
            let rows = rows.get_or_insert_with(|| Rows::new(Arc::clone(columns)));
            bytes = bytes.saturating_add(rows.push(row));
            if bytes > limit {
                let message =
                    format!("the rows of the result need more memory than the statement may take: {bytes} of {limit} bytes");
                return Err(Error::new(ErrorKind::Limit, message).with_state("53200"));
            }
            Ok(true)
        })?;
        match rows {
            Some(rows) => Ok(rows),
            None => Ok(Rows::new(self.columns()?)),
        }
    }

    fn run(&self, params: &dyn Params, each: &mut Each<'_>) -> Result<u64> {
        self.run_with(params, &mut |_, row| each(row))
    }

    fn run_with(&self, params: &dyn Params, each: &mut EachWith<'_>) -> Result<u64> {
        let parameters = &self.prepared.parsed.parameters;
        let mut values = Vec::with_capacity(parameters.len());
        params.bind(parameters, &mut values)?;
        match self.on {
            On::Connection(connection) => connection.run(self, values, each),
            On::Snapshot(snapshot) => snapshot.run(self, values, each),
        }
    }

    pub(super) fn of_parsed(on: On<'c>, text: &str, parsed: Parsed) -> Result<Statement<'c>> {
        let (start, end) = parsed.span;
        let text = text.get(start..end).unwrap_or_default().into();
        Ok(Statement { on, prepared: Arc::new(Prepared { text, parsed }), planned: RefCell::default() })
    }

    pub(super) fn prepared(&self) -> &Prepared {
        &self.prepared
    }

    fn limits(&self) -> Limits {
        match self.on {
            On::Connection(connection) => connection.limits(),
            On::Snapshot(snapshot) => snapshot.limits(),
        }
    }

    fn with_planned<T>(&self, work: impl FnOnce(&Planned) -> Result<T>) -> Result<T> {
        let planned = match self.on {
            On::Connection(connection) => connection.with_known(|known, counted| self.planned_for(known, counted))?,
            On::Snapshot(snapshot) => self.planned_for(&snapshot.known, Counted::Held(&snapshot.engine.reader()))?,
        };
        work(&planned)
    }

    /// The plan that was made last, if `holds` says that its schema still is the one.
    pub(super) fn planned_if(&self, holds: impl FnOnce(&Known) -> bool) -> Option<Rc<Planned>> {
        self.planned.borrow().as_ref().filter(|planned| holds(&planned.known)).map(Rc::clone)
    }

    /// The plan over this schema, for tables about as long as they are now.
    pub(super) fn planned_for(&self, known: &Known, counted: Counted<'_>) -> Result<Rc<Planned>> {
        let planned = self.planned_if(|planned| Arc::ptr_eq(&planned.schema, &known.schema));
        let planned = match planned.filter(|planned| !planned.is_outgrown(counted)) {
            Some(planned) if planned.known.since == known.since && planned.known.at == known.at => return Ok(planned),
            // The same schema, seen at another time.
            Some(planned) => Rc::new(planned.known_as(known)),
            None => Rc::new(self.prepared.plan(known, counted)?),
        };
        *self.planned.borrow_mut() = Some(Rc::clone(&planned));
        Ok(planned)
    }
}

impl std::fmt::Debug for Statement<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Statement").field("text", &self.prepared.text).finish_non_exhaustive()
    }
}
