//! A connection: one statement at a time, at most one transaction.
//!
//! ```text
//!             BEGIN READ ONLY             BEGIN                       a query            a change
//!   Reading ◄───────────────── Idle ─────────────────► Writing        ─────────          ─────────
//!           ─────────────────►      ◄─────────────────                Idle: a snapshot   Idle: a transaction by itself
//!             COMMIT, ROLLBACK        COMMIT, ROLLBACK                Reading: its own   Reading: refused
//!                                                                     Writing: its own   Writing: undone alone if it fails
//! ```
//!
//! 1. A transaction that may write takes the writer's turn when it begins: it never fails for what others did meanwhile.
//! 2. A statement that fails has changed nothing, and the transaction goes on; after an error of the store it can only be rolled back.
//! 3. Dropping a connection rolls back.

use std::cell::{Cell, Ref, RefCell, RefMut};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::cache::Cache;
use super::database::{Database, Limits};
use super::params::Params;
use super::row::Row;
use super::rows::Rows;
use super::schemas::Known;
use super::statement::{On, Statement};
use super::transaction::Transaction;
use super::writing::Writing;
use crate::error::{Error, ErrorKind, Result};
use crate::table::schema::{Schema, Table};
use crate::table::{Durability, EngineSnapshot, WriteTxn, bulk};
use crate::types::{self, Value};

/// A connection to a database. Send, and not Sync: a thread uses one, or several use it in turn.
pub struct Connection {
    // Constant.
    pub(super) database: Database,
    cancelled: Arc<AtomicBool>,
    // Of the one thread that uses it.
    pub(super) state: RefCell<State>,
    cache: RefCell<Cache>,
    pub(super) limits: Cell<Limits>,
    pub(super) durability: Cell<Durability>,
    pub(super) last_identity: Cell<Option<i64>>,
}

/// Which transaction is open.
pub(super) enum State {
    Idle,
    Reading { engine: EngineSnapshot, known: Known },
    Writing(Box<Writing>),
}

/// Ends the statement that runs on a connection, from another thread.
#[derive(Clone, Debug)]
pub struct CancelHandle(Arc<AtomicBool>);

impl CancelHandle {
    /// Ends the running statement within a few hundred rows, with an error of kind `Cancelled`. Without one, the next statement is not touched.
    pub fn cancel(&self) {
        // Relaxed: the flag guards nothing but itself.
        self.0.store(true, Ordering::Relaxed);
    }
}

impl Connection {
    pub(super) fn new(database: Database) -> Connection {
        Connection {
            database,
            cancelled: Arc::default(),
            state: RefCell::new(State::Idle),
            cache: RefCell::default(),
            limits: Cell::default(),
            durability: Cell::default(),
            last_identity: Cell::default(),
        }
    }

    /// A statement, parsed and planned once, to be run often. Texts are kept: preparing one again costs little.
    ///
    /// # Errors
    /// `Syntax`, `Unsupported`, `Name`, `Type` with the place in the text.
    pub fn prepare(&self, sql: &str) -> Result<Statement<'_>> {
        Statement::new(On::Connection(self), sql, &mut self.cache.borrow_mut())
    }

    /// Runs one statement, and gives the number of rows that it inserted, updated or deleted.
    ///
    /// # Errors
    /// As [`Connection::prepare`] and [`Statement::execute`].
    pub fn execute(&self, sql: &str, params: impl Params) -> Result<u64> {
        self.prepare(sql)?.execute(params)
    }

    /// Runs the statements of a text one after the other, without parameters, up to the first that fails.
    ///
    /// # Errors
    /// What the one that failed gave; those before it have been done.
    pub fn execute_batch(&self, sql: &str) -> Result<()> {
        for parsed in crate::parse::parse(sql, &crate::parse::Limits::default())? {
            Statement::of_parsed(On::Connection(self), sql, parsed)?.execute(())?;
        }
        Ok(())
    }

    /// Adds many rows to a table at once, in the transaction that is open or in one of its own; gives how many. `rows` has one value for each of the table's columns, in
    /// their order; NULL in an identity column takes the next number.
    ///
    /// An empty table is loaded far faster than by INSERT: rows and index entries are sorted, spilling to temporary files, and written as full pages.
    ///
    /// # Errors
    /// `Name`; `Constraint`, `Data`, `Type` for rows that do not fit; `Unsupported` for a table with CHECK constraints. All rows or none.
    pub fn load<'v>(&self, table: &str, rows: impl IntoIterator<Item = Vec<Value<'v>>>) -> Result<u64> {
        self.change_with(|txn, schema| {
            let unknown = || Error::new(ErrorKind::Name, format!("there is no table \"{table}\"")).with_state("42P01");
            let table = schema.table(table).ok_or_else(unknown)?;
            if !table.checks.is_empty() {
                let message = format!("table \"{}\" has checks: its rows are inserted one by one", table.name);
                return Err(Error::new(ErrorKind::Unsupported, message));
            }
            let visible: Vec<usize> = table.visible().collect();
            bulk::load(txn, schema, table.id, rows.into_iter().map(|row| whole_row(table, &visible, row)))
        })
    }

    /// Runs a statement and gives all its rows.
    ///
    /// # Errors
    /// As [`Connection::prepare`] and [`Statement::query`].
    pub fn query(&self, sql: &str, params: impl Params) -> Result<Rows> {
        self.prepare(sql)?.query(params)
    }

    /// Runs a statement and gives what `read` makes of its first row.
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

    /// Begins a transaction that may write: it waits for the writer's turn. Dropped without [`Transaction::commit`] it is rolled back.
    ///
    /// # Errors
    /// `State` if one is open; `TimedOut` if the turn did not come in the time of [`Limits::wait`]; `Store`.
    pub fn transaction(&mut self) -> Result<Transaction<'_>> {
        self.begin(false)?;
        Ok(Transaction::new(self))
    }

    /// Begins a transaction that only reads: all its queries see the database as it is now.
    ///
    /// # Errors
    /// `State` if one is open; `Store`.
    pub fn read_transaction(&mut self) -> Result<Transaction<'_>> {
        self.begin(true)?;
        Ok(Transaction::new(self))
    }

    /// Whether a transaction is open.
    #[must_use]
    pub fn is_in_transaction(&self) -> bool {
        // Borrowed elsewhere: a statement of a transaction is running.
        self.state.try_borrow().map_or(true, |state| !matches!(*state, State::Idle))
    }

    /// What each of its statements may take from now on.
    pub fn set_limits(&self, limits: Limits) {
        self.limits.set(limits);
    }

    /// What its statements may take.
    #[must_use]
    pub fn limits(&self) -> Limits {
        self.limits.get()
    }

    /// What its commits wait for, from the next one on. Default: [`Durability::Synced`].
    pub fn set_durability(&self, durability: Durability) {
        self.durability.set(durability);
    }

    /// The number that an identity column gave last on this connection.
    #[must_use]
    pub fn last_identity(&self) -> Option<i64> {
        self.last_identity.get()
    }

    /// What cancels its statements, from any thread.
    #[must_use]
    pub fn cancel_handle(&self) -> CancelHandle {
        CancelHandle(Arc::clone(&self.cancelled))
    }

    /// The database.
    #[must_use]
    pub fn database(&self) -> &Database {
        &self.database
    }

    /// The flag of a statement that begins now: what was cancelled before is over.
    pub(super) fn begin_statement(&self) -> &AtomicBool {
        // Relaxed: as in `CancelHandle::cancel`.
        self.cancelled.store(false, Ordering::Relaxed);
        &self.cancelled
    }

    // --- Transactions

    /// Does `work` in the transaction that is open, or in one of its own; all of it or nothing.
    pub(super) fn change_with<T>(&self, work: impl FnOnce(&WriteTxn, &Arc<Schema>) -> Result<T>) -> Result<T> {
        let mut state = self.state_mut()?;
        match &mut *state {
            State::Reading { .. } => Err(super::run::read_only("a transaction that only reads")),
            State::Writing(writing) => writing.atomically(work),
            State::Idle => {
                drop(state);
                let shared = &self.database.shared;
                let writing = Writing::begin(shared, self.limits().wait)?;
                let done = work(&writing.txn, &writing.schema)?;
                writing.commit(&shared.schemas, self.durability.get())?;
                Ok(done)
            }
        }
    }

    pub(super) fn begin(&self, read_only: bool) -> Result<()> {
        let mut state = self.state_mut()?;
        if !matches!(*state, State::Idle) {
            return Err(Error::new(ErrorKind::State, "a transaction is open already: commit it or roll it back first")
                .with_state("25001"));
        }
        let shared = &self.database.shared;
        *state = match read_only {
            true => {
                let engine = shared.store.snapshot();
                let known = shared.schemas.of(&engine)?;
                State::Reading { engine, known }
            }
            false => State::Writing(Box::new(Writing::begin(shared, self.limits.get().wait)?)),
        };
        Ok(())
    }

    pub(super) fn commit(&self) -> Result<()> {
        let mut state = self.state_mut()?;
        match std::mem::replace(&mut *state, State::Idle) {
            State::Idle => Err(none_open()),
            State::Reading { .. } => Ok(()),
            State::Writing(writing) => {
                // The state is Idle by now, and free: after-commit callbacks may use the connection.
                drop(state);
                writing.commit(&self.database.shared.schemas, self.durability.get()).map(drop)
            }
        }
    }

    pub(super) fn roll_back(&self) -> Result<()> {
        match std::mem::replace(&mut *self.state_mut()?, State::Idle) {
            State::Idle => Err(none_open()),
            State::Reading { .. } | State::Writing(_) => Ok(()),
        }
    }

    /// The state, to be changed.
    ///
    /// # Errors
    /// `State` while rows of a statement of its transaction are being read.
    pub(super) fn state_mut(&self) -> Result<RefMut<'_, State>> {
        self.state.try_borrow_mut().map_err(|_| busy())
    }

    pub(super) fn state(&self) -> Result<Ref<'_, State>> {
        self.state.try_borrow().map_err(|_| busy())
    }
}

/// A row with a value for each column, dropped ones too, of the columns' types.
fn whole_row<'v>(table: &Table, visible: &[usize], row: Vec<Value<'v>>) -> Result<Vec<Value<'v>>> {
    if row.len() != visible.len() {
        let message = format!("a row has {} values, and table \"{}\" has {} columns", row.len(), table.name, visible.len());
        return Err(Error::new(ErrorKind::Data, message).with_state("21000"));
    }
    let mut whole = vec![Value::Null; table.columns.len()];
    for (at, value) in visible.iter().zip(row) {
        let column = &table.columns[*at];
        whole[*at] = types::assign(value, &column.data_type, &column.name)?;
    }
    Ok(whole)
}

fn none_open() -> Error {
    Error::new(ErrorKind::State, "no transaction is open").with_state("25P01")
}

fn busy() -> Error {
    Error::new(ErrorKind::State, "another statement of this transaction is still running on the connection").with_state("55006")
}

impl std::fmt::Debug for Connection {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Connection").field("in_transaction", &self.is_in_transaction()).finish_non_exhaustive()
    }
}
