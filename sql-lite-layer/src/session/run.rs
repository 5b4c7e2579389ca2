//! Runs statements: which transaction, which schema, which plan.
//!
//! A query runs over a snapshot, or over the transaction's own tables if the transaction writes. A change runs in the transaction, or in one of its own.

use std::sync::Arc;

use super::connection::{Connection, State};
use super::given::Given;
use super::prepared::Planned;
use super::row::{Column, Row};
use super::rules::CatalogueRules;
use super::schemas::Known;
use super::sequences::Numbers;
use super::snapshot::Snapshot;
use super::statement::{EachWith, Statement};
use super::writing::Writing;
use crate::error::{Error, ErrorKind, Result};
use crate::execute::{self, Changed, Cursor, Inputs};
use crate::parse::ast;
use crate::plan::node::{Access, Action, Node, Plan};
use crate::table::schema::Schema;
use crate::table::{Buffers, Changes, Counted, Open, Tables, WriteTxn};
use crate::types::Value;

impl Snapshot {
    pub(super) fn run(&self, statement: &Statement<'_>, values: Vec<Value<'_>>, each: &mut EachWith<'_>) -> Result<u64> {
        let given = Given { values, limits: self.limits(), cancelled: None, last_identity: None };
        match &statement.prepared().parsed.statement {
            ast::Statement::Query(_) => {}
            ast::Statement::Script(script) => return self.script(script, &given, each).map(|()| 0),
            ast::Statement::Explain { analyze, statement } => {
                return self.explain(*analyze, statement, given, each).map(|()| 0);
            }
            _ => return Err(read_only("a snapshot")),
        }
        let reader = self.engine.reader();
        let counted = Counted::Held(&reader);
        let planned = match statement.planned_if(|_| true) {
            Some(planned) => planned,
            None => statement.planned_for(&self.known, counted)?,
        };
        let (planned, given) = given.classified(statement, planned, counted)?;
        query(&planned, Tables::of_reader(&reader), given.inputs(), each)
    }
}

impl Connection {
    /// Does `work` with the schema that a statement would meet now, and who knows how long its tables are.
    pub(super) fn with_known<T>(&self, work: impl FnOnce(&Known, Counted<'_>) -> Result<T>) -> Result<T> {
        match &*self.state()? {
            State::Idle => {
                let shared = &self.database.shared;
                let engine = shared.store.snapshot();
                work(&shared.schemas.of(&engine)?, Counted::Held(&engine.reader()))
            }
            State::Reading { known, engine } => work(known, Counted::Held(&engine.reader())),
            State::Writing(writing) => work(&writing.known(), Counted::Open(&writing.txn)),
        }
    }

    pub(super) fn run(&self, statement: &Statement<'_>, values: Vec<Value<'_>>, each: &mut EachWith<'_>) -> Result<u64> {
        let given =
            Given { values, limits: self.limits(), cancelled: Some(self.begin_statement()), last_identity: self.last_identity() };
        self.run_given(statement, given, each)
    }

    /// Runs a statement, or one of a script that is running.
    pub(super) fn run_given(&self, statement: &Statement<'_>, given: Given<'_>, each: &mut EachWith<'_>) -> Result<u64> {
        let parsed = &statement.prepared().parsed.statement;
        match parsed {
            ast::Statement::Query(_) => self.run_query(statement, given, each),
            _ if statement.prepared().has_plan() => self.run_change(statement, given, each),
            _ => self.run_other(parsed, given, each),
        }
    }

    fn run_query(&self, statement: &Statement<'_>, given: Given<'_>, each: &mut EachWith<'_>) -> Result<u64> {
        let schemas = &self.database.shared.schemas;
        let (engine, known) = match &*self.state()? {
            State::Idle => (Some(self.database.shared.store.snapshot()), None),
            State::Reading { engine, known } => (Some(engine.clone()), Some(known.clone())),
            State::Writing(writing) => {
                writing.check()?;
                let counted = Counted::Open(&writing.txn);
                let planned = statement.planned_for(&writing.known(), counted)?;
                if !planned.asks_for_numbers {
                    let (planned, given) = given.classified(statement, planned, counted)?;
                    let open = Open::new(&writing.txn);
                    return query(&planned, open.tables(), given.inputs(), each);
                }
                (None, None)
            }
        };
        let Some(engine) = engine else { return self.run_change(statement, given, each) };
        let reader = engine.reader();
        let counted = Counted::Held(&reader);
        let planned = match known {
            Some(known) => statement.planned_for(&known, counted)?,
            None => match statement.planned_if(|known| schemas.holds(known, &engine)) {
                Some(planned) if planned.is_fresh(engine.version()) => planned,
                _ => statement.planned_for(&schemas.of(&engine)?, counted)?,
            },
        };
        planned.look_at(engine.version());
        if planned.asks_for_numbers {
            drop(reader);
            return self.run_change(statement, given, each);
        }
        let (planned, given) = given.classified(statement, planned, counted)?;
        query(&planned, Tables::of_reader(&reader), given.inputs(), each)
    }

    fn run_change(&self, statement: &Statement<'_>, given: Given<'_>, each: &mut EachWith<'_>) -> Result<u64> {
        let mut state = self.state_mut()?;
        let done = match &mut *state {
            State::Reading { .. } => return Err(read_only("a transaction that only reads")),
            State::Writing(writing) => {
                let counted = Counted::Open(&writing.txn);
                let planned = statement.planned_for(&writing.known(), counted)?;
                let (planned, given) = given.classified(statement, planned, counted)?;
                if touches_few(planned.program.plan()) {
                    writing.check()?;
                    let done = change(&writing.txn, &writing.schema, &planned, given, Some(&mut writing.buffers));
                    // What the store failed in cannot be undone with certainty.
                    writing.broken = done.as_ref().is_err_and(|e| e.kind() == ErrorKind::Store);
                    done?
                } else {
                    writing.atomically(|txn, schema| change(txn, schema, &planned, given, None))?
                }
            }
            State::Idle => {
                drop(state);
                let shared = &self.database.shared;
                let writing = Writing::begin(shared, given.limits.wait)?;
                let counted = Counted::Open(&writing.txn);
                let planned = statement.planned_for(&writing.known(), counted)?;
                let (planned, given) = given.classified(statement, planned, counted)?;
                let done = change(&writing.txn, &writing.schema, &planned, given, None)?;
                writing.commit(&shared.schemas, self.durability.get())?;
                return self.tell(&done, each);
            }
        };
        drop(state);
        self.tell(&done, each)
    }

    /// What the change did is done: its rows are shown.
    fn tell(&self, done: &Done, each: &mut EachWith<'_>) -> Result<u64> {
        if done.last_identity.is_some() {
            self.last_identity.set(done.last_identity);
        }
        for row in &done.rows {
            if !each(&done.columns, Row::new(&done.columns, row))? {
                break;
            }
        }
        Ok(done.count)
    }
}

/// What a change did.
struct Done {
    count: u64,
    columns: Arc<[Column]>,
    rows: Vec<Vec<Value<'static>>>,
    last_identity: Option<i64>,
}

/// Runs a query and shows its rows; gives 0.
fn query<'r>(planned: &'r Planned, tables: Tables<'r>, inputs: Inputs<'r>, each: &mut EachWith<'_>) -> Result<u64> {
    let mut cursor = Cursor::open(&planned.program, tables, inputs)?;
    while cursor.next()? {
        if !each(&planned.columns, Row::new(&planned.columns, &cursor))? {
            break;
        }
    }
    Ok(0)
}

/// Runs a change. With `undo` what it did is undone by itself if it fails, step by step, in the memory of the statement before it.
fn change(
    txn: &WriteTxn,
    schema: &Arc<Schema>,
    planned: &Planned,
    given: Given<'_>,
    mut undo: Option<&mut Buffers>,
) -> Result<Done> {
    let numbers = match planned.asks_for_numbers {
        false => None,
        true => {
            let open = Open::new(txn);
            Some(Numbers::read(schema, open.tables())?)
        }
    };
    let inputs = Inputs { sequences: numbers.as_ref().map(|numbers| numbers as _), ..given.inputs() };
    let rules = CatalogueRules { txn, schema, now: inputs.now(), inputs: &inputs };
    let mut changes = Changes::new(txn, Arc::clone(schema)).with_rules(&rules);
    if let Some(buffers) = &mut undo {
        changes = changes.with_undo(buffers);
    }
    let changed = match &planned.program.plan().action {
        Action::Query(_) => rows_of(planned, &changes, &inputs),
        _ => execute::change(&planned.program, &mut changes, &inputs),
    };
    let changed =
        match changed.and_then(|changed| numbers.iter().try_for_each(|numbers| numbers.write(&mut changes)).map(|()| changed)) {
            Ok(changed) => changed,
            Err(e) => {
                if undo.is_some() {
                    changes.undo()?;
                }
                return Err(e);
            }
        };
    let last_identity = changes.last_identity();
    match undo {
        Some(buffers) => changes.finish_into(buffers)?,
        None => changes.finish()?,
    }
    Ok(Done { count: changed.count, columns: Arc::clone(&planned.columns), rows: changed.returned, last_identity })
}

/// The rows of a query that takes numbers.
fn rows_of(planned: &Planned, changes: &Changes<'_>, inputs: &Inputs<'_>) -> Result<Changed> {
    let inputs = Inputs {
        cancelled: inputs.cancelled,
        sequences: inputs.sequences,
        memory_bytes: inputs.memory_bytes,
        deadline: inputs.deadline,
        last_identity: inputs.last_identity,
        ..Inputs::new(inputs.parameters, Some(inputs.now()))
    };
    let memory_bytes = inputs.memory_bytes;
    let mut cursor = Cursor::open(&planned.program, changes.tables(), inputs)?;
    let mut changed = Changed::default();
    while cursor.next()? {
        let row = (0..planned.columns.len()).map(|at| cursor.value(at).clone().into_owned()).collect();
        changed.keep(row, memory_bytes)?;
    }
    Ok(changed)
}

/// Whether a query finds one row by its key; whether a change touches so few rows of its own that undoing it step by step costs less than a savepoint, behind which every page is copied at its next touch.
pub(super) fn touches_few(plan: &Plan) -> bool {
    match &plan.action {
        Action::Insert(insert) => match &insert.input {
            Node::OneRow => true,
            Node::Values { rows, .. } => rows.len() <= 1000,
            _ => false,
        },
        Action::Update(update) => finds_one(&update.input),
        Action::Delete(delete) => finds_one(&delete.input),
        Action::Query(node) => finds_one(node),
    }
}

/// Whether a node is a lookup by a whole key.
fn finds_one(node: &Node) -> bool {
    match node {
        Node::Scan(scan) => match &scan.access {
            Access::Primary(keys) => keys.equal.len() == scan.table.primary.len() && !scan.table.primary.is_empty(),
            Access::Index { index, keys, .. } => {
                let index = &scan.table.indexes[*index];
                index.unique && keys.equal.len() == index.columns.len()
            }
            Access::Full => false,
        },
        Node::Filter { input, .. } | Node::Project { input, .. } => finds_one(input),
        _ => false,
    }
}

pub(super) fn read_only(what: &str) -> Error {
    Error::new(ErrorKind::State, format!("{what} cannot change anything")).with_state("25006")
}
