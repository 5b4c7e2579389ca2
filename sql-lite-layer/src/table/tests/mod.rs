//! The kit of this room's tests: tables and statements as short texts, and a database that is checked after each statement and at its end.
//!
//! ```text
//!   p: id* u^ a! d=7 ?a                          columns, all BIGINT: * primary key, ^ unique, ! NOT NULL, = default; ?a: check a > 0
//!   c: id* p  p>p.id/cr  (a,b)>q.(x,y)/nd        foreign keys, with what happens on delete and on update: c cascade, r restrict, n set null, d set default
//!   #(a,b)  ^(a,b)                               an index, a unique index
//! ```

mod bulk;
mod catalogue;
mod constraints;
mod model;
mod verify;

use std::collections::BTreeMap;
use std::sync::Arc;

use treering::{Store, WriteTxn};

use super::schema::{Action, Check, Column, ForeignKey, IdentityColumn, Index, ObjectId, Schema, Table};
use super::{Buffers, Changes, Open, Rules, Tables, catalogue as cat, rows};
use crate::error::{Error, ErrorKind, Result};
use crate::table::verify::verify;
use crate::types::{DataType, Value};

pub(super) type Rows = BTreeMap<Vec<u8>, Vec<Value<'static>>>;

/// A database of this room: a store and its schema.
pub(super) struct Db {
    pub(super) store: Store,
    pub(super) schema: Arc<Schema>,
}

impl Db {
    pub(super) fn new() -> Db {
        let store = Store::in_memory().unwrap();
        cat::prepare(&store).unwrap();
        let db = Db { schema: Arc::new(load(&store).unwrap()), store };
        assert_eq!(db.schema.version, 1);
        db
    }

    /// With the tables of this text, which are parted by `|`.
    pub(super) fn with(tables: &str) -> Db {
        let mut db = Db::new();
        for text in tables.split('|') {
            let table = table(&db.schema, text);
            db.define(|txn, schema| cat::create_table(txn, schema, table).map(drop)).unwrap();
        }
        db
    }

    /// Changes the schema in a transaction of its own.
    pub(super) fn define(&mut self, change: impl FnOnce(&WriteTxn, &mut Schema) -> Result<()>) -> Result<()> {
        let txn = self.store.begin_write()?;
        let mut schema = Schema::clone(&self.schema);
        change(&txn, &mut schema)?;
        txn.commit()?;
        assert_eq!(format!("{schema:?}"), format!("{:?}", load(&self.store)?), "what was made is what is stored");
        assert!(schema.version > self.schema.version);
        self.schema = Arc::new(schema);
        self.check();
        Ok(())
    }

    pub(super) fn table(&self, name: &str) -> Arc<Table> {
        Arc::clone(self.schema.table(name).unwrap())
    }

    /// Runs a statement in a transaction of its own. If it fails it is undone by its journal, and nothing is changed.
    pub(super) fn run(&self, statement: impl FnOnce(&mut Changes<'_>) -> Result<()>) -> Result<()> {
        let before = self.rows_of_all();
        let txn = self.store.begin_write()?;
        let mut changes = Changes::new(&txn, Arc::clone(&self.schema)).with_undo(&mut Buffers::default()).with_rules(&TestRules);
        let result = match statement(&mut changes) {
            Ok(()) => changes.finish(),
            Err(e) => {
                changes.undo()?;
                Err(e)
            }
        };
        txn.commit()?;
        if result.is_err() {
            assert_eq!(before, self.rows_of_all(), "a statement that fails changes nothing");
        }
        self.check();
        result
    }

    pub(super) fn insert(&self, table: &str, rows: &[Vec<Value<'_>>]) -> Result<()> {
        let table = self.table(table);
        self.run(|changes| rows.iter().try_for_each(|row| changes.insert(&table, row)))
    }

    pub(super) fn rows(&self, table: &str) -> Rows {
        let snapshot = self.store.snapshot();
        let reader = snapshot.reader();
        rows_of(Tables::of_reader(&reader), &self.table(table))
    }

    fn rows_of_all(&self) -> Vec<Rows> {
        self.schema.tables.keys().map(|name| self.rows(name)).collect()
    }

    /// Indexes equal their tables, constraints hold, and the store is sound.
    pub(super) fn check(&self) {
        let snapshot = self.store.snapshot();
        let reader = snapshot.reader();
        assert_eq!(verify(Tables::of_reader(&reader), &self.schema), Vec::<String>::new());
    }
}

impl Drop for Db {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            let report = self.store.check().unwrap();
            assert!(report.is_sound(), "{report}");
        }
    }
}

pub(super) fn load(store: &Store) -> Result<Schema> {
    let snapshot = store.snapshot();
    let reader = snapshot.reader();
    cat::load(Tables::of_reader(&reader))
}

pub(super) fn rows_of(tables: Tables<'_>, table: &Table) -> Rows {
    let entries = tables.rows(table).unwrap().all().unwrap().map(|entry| {
        let (key, row) = entry.unwrap();
        (key.to_vec(), rows::values(table, row).unwrap().into_iter().map(Value::into_owned).collect())
    });
    entries.collect()
}

/// Defaults are numbers; a check is a column that must be positive.
pub(super) struct TestRules;

impl Rules for TestRules {
    fn look(&self, _kept_bytes: usize) -> Result<()> {
        Ok(())
    }

    fn default_value(&self, table: &Table, column: usize) -> Result<Value<'static>> {
        let default = table.columns[column].default.as_ref().unwrap();
        Ok(Value::Int(default.parse().unwrap()))
    }

    fn check(&self, table: &Table, row: &[Value<'_>]) -> Result<()> {
        let fails = |check: &&Check| !matches!(row[table.column(&check.text).unwrap()], Value::Int(1..));
        match table.checks.iter().find(fails) {
            Some(check) => Err(Error::new(ErrorKind::Constraint, check.name.clone()).with_state("23514")),
            None => Ok(()),
        }
    }
}

/// A table of this text.
pub(super) fn table(schema: &Schema, text: &str) -> Table {
    let (name, parts) = text.split_once(':').unwrap();
    let mut table = empty_table(name.trim());
    for part in parts.split_whitespace() {
        if let Some((columns, rest)) = part.split_once('>') {
            let (target, actions) = rest.split_once('/').unwrap();
            let (parent, referenced) = target.split_once('.').unwrap();
            let parent = if parent == table.name { &table } else { schema.table(parent).unwrap() };
            let actions: Vec<Action> = actions.chars().map(action).collect();
            let foreign = ForeignKey {
                name: format!("{}_{}", table.name, table.foreign.len()),
                columns: numbers(&table, columns),
                table: parent.id,
                referenced: numbers(parent, referenced),
                on_delete: actions[0],
                on_update: actions[1],
            };
            table.foreign.push(foreign);
        } else if let Some(columns) = part.strip_prefix('#') {
            add_index(&mut table, columns, false);
        } else if let Some(columns) = part.strip_prefix('^') {
            add_index(&mut table, columns, true);
        } else if let Some(column) = part.strip_prefix('?') {
            table.checks.push(Check { name: format!("{}_{column}", table.name), text: column.to_owned() });
        } else {
            let name = part.trim_end_matches(|c: char| !c.is_alphabetic());
            let mut column = column(name, DataType::BIGINT);
            column.nullable = !part.contains(['*', '!']);
            column.default = part.split_once('=').map(|(_, default)| default.to_owned());
            table.columns.push(column);
            if part.contains('*') {
                table.primary.push(table.columns.len() - 1);
                table.primary_name = Some(format!("{}_pk", table.name));
            }
            if part.contains('^') {
                add_index(&mut table, name, true);
            }
        }
    }
    table
}

pub(super) fn empty_table(name: &str) -> Table {
    Table {
        id: ObjectId(0),
        name: name.to_owned(),
        columns: Vec::new(),
        primary: Vec::new(),
        primary_name: None,
        indexes: Vec::new(),
        checks: Vec::new(),
        foreign: Vec::new(),
        comment: None,
    }
}

pub(super) fn column(name: &str, data_type: DataType) -> Column {
    let (name, comment) = (name.to_owned(), None);
    Column { name, data_type, nullable: true, default: None, missing: None, identity: None, comment, dropped: false }
}

fn numbers(table: &Table, columns: &str) -> Vec<usize> {
    columns.trim_matches(['(', ')']).split(',').map(|name| table.column(name).unwrap()).collect()
}

fn add_index(table: &mut Table, columns: &str, unique: bool) {
    let name = format!("{}_{}", table.name, columns.trim_matches(['(', ')']).replace(',', "_"));
    let columns = numbers(table, columns);
    table.indexes.push(Index { id: ObjectId(0), name, columns, unique, of_constraint: unique });
}

fn action(letter: char) -> Action {
    match letter {
        'c' => Action::Cascade,
        'n' => Action::SetNull,
        'd' => Action::SetDefault,
        _ => Action::Restrict,
    }
}

/// Numbers and NULLs.
pub(super) fn row(text: &str) -> Vec<Value<'static>> {
    text.split_whitespace().map(|word| word.parse().map_or(Value::Null, Value::Int)).collect()
}
