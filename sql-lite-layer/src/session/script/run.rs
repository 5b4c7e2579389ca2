//! Runs a script: a statement at a time, in one transaction. INSERTs of literals into empty tables go to the bulk loader, which pulls further ones from the script as
//! long as they are for the same table.

use std::io::Read;
use std::sync::Arc;
use std::time::Instant;

use lz4_flex::frame::FrameDecoder;

use super::packed::Whole;
use super::read::Statements;
use super::{Compression, Watch};
use crate::error::{Error, ErrorKind, Result};
use crate::parse::ast::Statement as Ast;
use crate::parse::{Limits, literal_insert, parse_at};
use crate::session::connection::{Connection, State};
use crate::session::given::Given;
use crate::session::params::Params;
use crate::session::run::read_only;
use crate::session::statement::{On, Statement};
use crate::table::schema::{Schema, Table};
use crate::table::{Open, WriteTxn, bulk};
use crate::types::{self, Value};

impl Connection {
    /// Runs the statements of a stream: all or none.
    pub(super) fn run_stream(&self, from: impl Read, compression: Compression, watch: &Watch<'_>) -> Result<u64> {
        let mut plain;
        let mut unpacked;
        let from: &mut dyn Read = match compression {
            Compression::None => {
                plain = from;
                &mut plain
            }
            Compression::Lz4 => {
                unpacked = FrameDecoder::new(Whole::new(from));
                &mut unpacked
            }
        };
        let mut script = Statements::new(from, self.limits().memory_bytes);
        if matches!(*self.state()?, State::Reading { .. }) {
            return Err(read_only("a transaction that only reads"));
        }
        if !self.is_in_transaction() {
            self.begin(false)?;
            let done = self.run_statements(&mut script, watch);
            return match done {
                Ok(count) => self.commit().map(|()| count),
                Err(e) => {
                    // The transaction is one of our own: it is open, whatever failed in it.
                    self.roll_back()?;
                    Err(e)
                }
            };
        }
        let savepoint = self.push_savepoint(None)?;
        let done = self.run_statements(&mut script, watch);
        if done.is_err() {
            self.roll_back_to(savepoint)?;
        }
        self.release_savepoint(savepoint)?;
        done
    }

    fn run_statements(&self, script: &mut Statements<'_>, watch: &Watch<'_>) -> Result<u64> {
        let mut count = 0;
        let mut more = script.advance()?;
        while more {
            watch.look()?;
            match self.load_rows(script, watch)? {
                Some(Loaded { statements, more: next }) => {
                    count += statements;
                    more = next;
                }
                None => {
                    let (text, place) = (script.text(), script.place());
                    let run = self.run_statement(text, script, watch);
                    count += run.map_err(|e| e.at(place).in_statement(text))?;
                    more = script.advance()?;
                }
            }
        }
        Ok(count)
    }

    /// Runs the statement, which the script is at, as any other.
    fn run_statement(&self, text: &str, script: &Statements<'_>, watch: &Watch<'_>) -> Result<u64> {
        let mut count = 0;
        for parsed in parse_at(text, script.place(), &Limits::default())? {
            let refused = match &parsed.statement {
                Ast::Begin { .. } | Ast::Commit | Ast::Rollback { .. } | Ast::Savepoint { .. } | Ast::Release { .. } => {
                    Some("BEGIN, COMMIT, ROLLBACK and SAVEPOINT: it is one transaction")
                }
                Ast::Script(_) | Ast::RunScript { .. } => Some("SCRIPT and RUNSCRIPT"),
                _ => None,
            };
            if let Some(what) = refused {
                return Err(Error::new(ErrorKind::State, format!("a script does not hold {what}")).with_state("25001"));
            }
            let mut values = Vec::new();
            ().bind(&parsed.parameters, &mut values)?;
            let statement = Statement::of_parsed(On::Connection(self), text, parsed)?;
            let mut limits = self.limits();
            limits.time = watch.deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
            let given = Given { values, limits, cancelled: watch.cancelled, last_identity: self.last_identity() };
            self.run_given(&statement, given, &mut |_, _| Ok(true))?;
            count += 1;
        }
        Ok(count)
    }

    /// Loads the rows of the statement that the script is at, and of those that follow it for the same table; none if it has to be run as any other statement.
    fn load_rows(&self, script: &mut Statements<'_>, watch: &Watch<'_>) -> Result<Option<Loaded>> {
        let State::Writing(writing) = &mut *self.state_mut()? else { return Ok(None) };
        let schema = Arc::clone(&writing.schema);
        let Some(table) = literal_insert(script.text()).and_then(|insert| schema.table(&insert.table).cloned()) else {
            return Ok(None);
        };
        let Some(into) = Target::empty(&writing.txn, &schema, &table)? else { return Ok(None) };
        if !into.takes(script.text()) {
            return Ok(None);
        }
        let (place, begin) = (script.place(), script.text().chars().take(100).collect::<String>());
        let loaded = writing.atomically(|txn, schema| into.load(txn, schema, script, watch));
        loaded.map(Some).map_err(|e| e.at(place).in_statement(&begin))
    }
}

/// What a load has done: so many statements, and whether the script is at another one.
struct Loaded {
    statements: u64,
    more: bool,
}

/// A table that takes rows in bulk: an empty one whose rows need no look at others until all of them are there.
struct Target<'t> {
    table: &'t Table,
    visible: Vec<usize>,
}

impl<'t> Target<'t> {
    fn empty(txn: &WriteTxn, schema: &Schema, table: &'t Table) -> Result<Option<Target<'t>>> {
        // Checks are computed for each row. Foreign keys hold at the end of each statement, and a load is many.
        if !table.checks.is_empty() || !table.foreign.is_empty() || schema.referring(table.id).next().is_some() {
            return Ok(None);
        }
        let is_empty = Open::new(txn).tables().rows(table)?.len() == 0;
        Ok(is_empty.then(|| Target { table, visible: table.visible().collect() }))
    }

    /// Whether this statement is an INSERT of literals into all columns of the table.
    fn takes(&self, text: &str) -> bool {
        self.rows(text, &mut Vec::new()).is_some()
    }

    /// The values of such a statement, row by row, and which columns they are for.
    fn rows<'v>(&self, text: &'v str, out: &mut Vec<Value<'v>>) -> Option<Vec<usize>> {
        let insert = literal_insert(text)?;
        if !insert.table.eq_ignore_ascii_case(&self.table.name) {
            return None;
        }
        let mut columns = self.visible.clone();
        if !insert.columns.is_empty() {
            columns = insert.columns.iter().map(|name| self.table.column(name)).collect::<Option<_>>()?;
            let all = columns.len() == self.visible.len() && self.visible.iter().all(|at| columns.contains(at));
            all.then_some(())?;
        }
        let always = |at: &usize| self.table.columns[*at].identity.is_some_and(|identity| identity.always);
        if !insert.overriding && columns.iter().any(always) {
            return None;
        }
        insert.values(columns.len(), out)?;
        Some(columns)
    }

    fn load(&self, txn: &WriteTxn, schema: &Arc<Schema>, script: &mut Statements<'_>, watch: &Watch<'_>) -> Result<Loaded> {
        let mut done = Loaded { statements: 0, more: true };
        bulk::load_from(txn, schema, self.table.id, &mut |put| {
            watch.look()?;
            let mut values = Vec::new();
            let Some(columns) = self.rows(script.text(), &mut values) else { return Ok(false) };
            let (place, text) = (script.place(), script.text());
            let (mut row, mut rest) = (Vec::new(), values.into_iter());
            while rest.len() > 0 {
                row.clear();
                row.resize(self.table.columns.len(), Value::Null);
                for (at, value) in columns.iter().zip(&mut rest) {
                    let column = &self.table.columns[*at];
                    let assigned = types::assign(value, &column.data_type, &column.name);
                    row[*at] = assigned.map_err(|e| e.at(place).in_statement(text))?;
                }
                put(&mut row).map_err(|e| e.at(place).in_statement(text))?;
            }
            done.statements += 1;
            done.more = script.advance()?;
            Ok(true)
        })?;
        Ok(done)
    }
}
