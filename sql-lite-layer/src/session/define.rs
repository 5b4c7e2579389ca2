//! Definitions: CREATE, ALTER, DROP, COMMENT, each applied to a copy of the schema and to the store in one transaction.

use std::sync::Arc;

use super::connection::{Connection, State};
use super::evaluate::{KeptRows, each_row, value_of};
use super::given::Given;
use super::run::read_only;
use super::texts;
use super::writing::Writing;
use crate::error::{Error, ErrorKind, Place, Result};
use crate::execute::Inputs;
use crate::parse::ast::{
    AlterTable, CommentOn, CreateTable, Expr, Ident, ObjectKind, Query, QueryBody, Restart, Select, SelectItem, Statement,
    TableRef,
};
use crate::parse::{Limits, parse, parse_expr};
use crate::plan::define::{self, Constraint};
use crate::plan::plan;
use crate::table::catalogue::Filling;
use crate::table::schema::{Column, ObjectId, Schema, Table, is_information};
use crate::table::{Changes, WriteTxn, bulk, catalogue, counters};
use crate::types::{self, DataType, Value};

impl Connection {
    /// Changes the schema, in the transaction that is open or in one of its own.
    pub(super) fn define(&self, statement: &Statement, given: &Given<'_>) -> Result<u64> {
        let mut state = self.state_mut()?;
        match &mut *state {
            State::Reading { .. } => Err(read_only("a transaction that only reads")),
            State::Writing(writing) => writing.define(statement, given),
            State::Idle => {
                drop(state);
                let shared = &self.database.shared;
                let mut writing = Writing::begin(shared, given.limits.wait)?;
                let count = writing.define(statement, given)?;
                writing.commit(&shared.schemas, self.durability.get())?;
                Ok(count)
            }
        }
    }
}

impl Writing {
    fn define(&mut self, statement: &Statement, given: &Given<'_>) -> Result<u64> {
        let inputs = given.inputs();
        // All that the definition computes has one time: clones agree about it once it was asked for.
        inputs.now();
        let mut changed = None;
        let count = self.atomically(|txn, before| {
            if let Statement::Truncate { table } = statement {
                let id = before.table(&table.name).ok_or_else(|| unknown("table", table))?.id;
                return bulk::truncate(txn, before, id);
            }
            let mut schema = Schema::clone(before);
            Definition { txn, schema: &mut schema, inputs: &inputs }.apply(statement)?;
            if schema.version != before.version {
                let cascade = matches!(statement, Statement::Drop { cascade: true, .. });
                if matches!(statement, Statement::Drop { what: ObjectKind::Sequence, .. }) {
                    texts::keep_users_of_sequences(txn, &mut schema, cascade)?;
                }
                keep_views(txn, &mut schema, cascade)?;
                changed = Some(Arc::new(schema));
            }
            Ok(0)
        })?;
        if let Some(changed) = changed {
            self.schema = changed;
        }
        Ok(count)
    }
}

/// One definition on its way.
struct Definition<'d> {
    txn: &'d WriteTxn,
    schema: &'d mut Schema,
    inputs: &'d Inputs<'d>,
}

impl Definition<'_> {
    fn apply(mut self, statement: &Statement) -> Result<()> {
        match statement {
            Statement::CreateTable(create) => self.create_table(create),
            Statement::CreateIndex(create) => {
                let table = self.table(&create.table)?;
                let index = define::index(create, &table, self.schema)?;
                if create.if_not_exists && self.schema.index(&index.name).is_some() {
                    return Ok(());
                }
                catalogue::add_index(self.txn, self.schema, table.id, index, &|| self.inputs.look())
            }
            Statement::CreateView { name, columns, query, text, at, or_replace, if_not_exists } => {
                if *if_not_exists && self.is_taken(name) {
                    return Ok(());
                }
                let view = define::view(name, columns, query, (text, *at), self.schema)?;
                catalogue::create_view(self.txn, self.schema, view, *or_replace)
            }
            Statement::CreateSequence { name, start, increment, if_not_exists } => {
                if *if_not_exists && self.is_taken(name) {
                    return Ok(());
                }
                catalogue::create_sequence(self.txn, self.schema, define::sequence(name, *start, *increment))
            }
            Statement::AlterSequence { name, if_exists, restart } => {
                let sequence = self.schema.sequences.get(&crate::table::schema::fold(&name.name));
                match sequence {
                    Some(sequence) => {
                        let last = last_before(*restart, sequence.increment, &sequence.name)?;
                        counters::restart_sequence(self.txn, sequence, last)
                    }
                    None if *if_exists => Ok(()),
                    None => Err(unknown("sequence", name)),
                }
            }
            Statement::AlterTable { table, if_exists, change } => match self.schema.table(&table.name).cloned() {
                Some(table) => self.alter(&table, change),
                None if *if_exists => Ok(()),
                None => Err(unknown("table", table)),
            },
            Statement::Drop { what, names, if_exists, cascade } => {
                names.iter().try_for_each(|name| self.drop_object(*what, name, *if_exists, *cascade))
            }
            Statement::DropAllObjects => catalogue::drop_all(self.txn, self.schema),
            Statement::Comment { on: CommentOn::Table(name), text } => {
                let id = self.table(name)?.id;
                catalogue::set_table_comment(self.txn, self.schema, id, text.clone())
            }
            Statement::Comment { on: CommentOn::Column(name, column), text } => {
                let table = self.table(name)?;
                let at = column_of(&table, column)?;
                catalogue::set_column_comment(self.txn, self.schema, table.id, at, text.clone())
            }
            _ => Err(Error::new(ErrorKind::Unsupported, "this statement cannot be run here")),
        }
    }

    fn create_table(&mut self, create: &CreateTable) -> Result<()> {
        if create.if_not_exists && self.is_taken(&create.name) {
            return Ok(());
        }
        let table = define::table(create, self.schema)?;
        let id = catalogue::create_table(self.txn, self.schema, table)?;
        match &create.query {
            Some(query) => self.fill(id, query),
            None => Ok(()),
        }
    }

    /// The rows of `CREATE TABLE .. AS query`.
    fn fill(&mut self, id: ObjectId, query: &Query) -> Result<()> {
        let schema = Arc::new(self.schema.clone());
        let table = schema.table_by_id(id).ok_or_else(gone)?;
        let mut rows = KeptRows::new(self.inputs);
        each_row(self.txn, &schema, query, self.inputs, &mut |row| {
            let assigned = row.zip(&table.columns).map(|(value, column)| types::assign(value, &column.data_type, &column.name));
            rows.push(&assigned.collect::<Result<Vec<_>>>()?, "CREATE TABLE")
        })?;
        let mut changes = Changes::new(self.txn, Arc::clone(&schema));
        rows.each(table.columns.len(), &mut |row| changes.insert(table, row))?;
        changes.finish()
    }

    fn alter(&mut self, table: &Arc<Table>, change: &AlterTable) -> Result<()> {
        let (txn, id, inputs) = (self.txn, table.id, self.inputs);
        let look = || inputs.look();
        match change {
            AlterTable::AddColumn { column, if_not_exists } => {
                if *if_not_exists && table.column(&column.name.name).is_some() {
                    return Ok(());
                }
                let made = define::column(column, self.schema)?;
                self.add_column(id, made, column.default.as_ref().map(|(expr, _)| expr))?;
                for constraint in &column.constraints {
                    self.add_constraint(id, constraint, Some(&column.name))?;
                }
                Ok(())
            }
            AlterTable::DropColumn { column, if_exists } => match table.column(&column.name) {
                Some(at) => catalogue::drop_column(txn, self.schema, id, at, texts::without_column(table, at)?),
                None if *if_exists => Ok(()),
                None => Err(unknown("column", column)),
            },
            AlterTable::RenameColumn { from, to } => {
                let at = column_of(table, from)?;
                let checks = texts::with_column_renamed(table, &from.name, &to.name)?;
                catalogue::rename_column(txn, self.schema, id, at, &to.name, checks)
            }
            AlterTable::RenameTable { to } => {
                catalogue::rename_table(txn, self.schema, id, &to.name, texts::without_table_name(table)?)
            }
            AlterTable::AddConstraint(constraint) => self.add_constraint(id, constraint, None),
            AlterTable::DropConstraint { name, if_exists } => {
                let dropped = catalogue::drop_constraint(txn, self.schema, id, &name.name, false, &look);
                match dropped {
                    Err(e) if *if_exists && e.kind() == ErrorKind::Name => Ok(()),
                    dropped => dropped.map_err(|e| e.at(name.place)),
                }
            }
            AlterTable::SetDefault { column, default } => {
                let at = column_of(table, column)?;
                if let Some((expr, _)) = default {
                    define::default(expr, &table.columns[at], self.schema).map_err(|e| e.at(column.place))?;
                }
                catalogue::set_default(txn, self.schema, id, at, default.as_ref().map(|(_, text)| text.clone()))
            }
            AlterTable::Restart { column, restart } => {
                let at = column_of(table, column)?;
                let name = &table.columns[at].name;
                let Some(identity) = table.columns[at].identity else {
                    let message = format!("column \"{name}\" does not count: it is no identity column");
                    return Err(Error::new(ErrorKind::Type, message).at(column.place));
                };
                counters::restart_column(txn, table, at, last_before(*restart, identity.increment, name)?)
            }
            AlterTable::SetNullable { column, nullable } => {
                let at = column_of(table, column)?;
                catalogue::set_nullable(txn, self.schema, id, at, *nullable, &look)
            }
            AlterTable::SetType { column, data_type } => {
                let at = column_of(table, column)?;
                let column = &table.columns[at];
                let same_class = std::mem::discriminant(&column.data_type) == std::mem::discriminant(data_type);
                if column.identity.is_some() && !matches!(data_type, DataType::Integer(_)) {
                    let message = format!("column \"{}\" counts: an identity column is a whole number", column.name);
                    return Err(Error::new(ErrorKind::Type, message).with_state("42804"));
                }
                if let Some(identity) = column.identity {
                    define::counts_within(&column.name, identity.start, data_type)?;
                }
                // A cast to a shorter text would cut it off: within a class nothing may be lost.
                catalogue::set_type(
                    txn,
                    self.schema,
                    id,
                    at,
                    *data_type,
                    &mut |value| {
                        let value = if same_class { value } else { types::cast(value, data_type)? };
                        types::assign(value, data_type, &column.name)
                    },
                    &look,
                )?;
                self.default_fits(id, at)?;
                // Within a class values stay what they are, but for fractions, which are rounded.
                let is_kept = same_class && !matches!(data_type, DataType::Decimal { .. });
                if is_kept { Ok(()) } else { self.checks_hold(id, at) }
            }
        }
    }

    /// Refuses a column whose default was written for another type or a wider one: no row could be written, and no script read back.
    fn default_fits(&self, id: ObjectId, at: usize) -> Result<()> {
        let column = &self.schema.table_by_id(id).ok_or_else(gone)?.columns[at];
        let Some(text) = &column.default else { return Ok(()) };
        let default = define::default(&parse_expr(text)?, column, self.schema);
        default.map(drop).map_err(|e| unfit(&format!("the default of column \"{}\"", column.name), &e))
    }

    /// Refuses a column whose type is another one now than a check of its table was written for, or whose converted values violate one.
    fn checks_hold(&self, id: ObjectId, at: usize) -> Result<()> {
        let table = self.schema.table_by_id(id).ok_or_else(gone)?;
        for (check, expr) in texts::checks_of_column(table, at)? {
            self.check_rows(table, &check.name, &expr).map_err(|e| match e.kind() {
                ErrorKind::Type => unfit(&format!("check \"{}\"", check.name), &e),
                _ => e,
            })?;
        }
        Ok(())
    }

    /// Adds a column whose default is no more than a constant, or has to be computed for the rows that are there.
    fn add_column(&mut self, id: ObjectId, column: Column, default: Option<&Expr>) -> Result<()> {
        let (txn, inputs) = (self.txn, self.inputs);
        let look = || inputs.look();
        let Some(default) = default.filter(|_| column.missing.is_none() && column.identity.is_none()) else {
            return catalogue::add_column(txn, self.schema, id, column, Filling::Missing, &look);
        };
        let before = Arc::new(self.schema.clone());
        let (data_type, name) = (column.data_type, column.name.clone());
        value_of(txn, &before, default, self.inputs, |is_volatile, value| {
            let mut value = || types::assign(value()?, &data_type, &name);
            let filling = if is_volatile { Filling::Each(&mut value) } else { Filling::Once(&mut value) };
            catalogue::add_column(txn, self.schema, id, column, filling, &look)
        })
    }

    fn add_constraint(
        &mut self,
        id: ObjectId,
        constraint: &crate::parse::ast::TableConstraint,
        of: Option<&Ident>,
    ) -> Result<()> {
        let table = Arc::clone(self.schema.table_by_id(id).ok_or_else(gone)?);
        let (txn, inputs) = (self.txn, self.inputs);
        let look = || inputs.look();
        match define::constraint(constraint, of, &table, self.schema)? {
            Constraint::PrimaryKey { name, columns } => {
                catalogue::add_primary_key(txn, self.schema, id, Some(name), &columns, &look)
            }
            Constraint::Unique { name, columns } => catalogue::add_unique(txn, self.schema, id, &name, &columns, &look),
            Constraint::ForeignKey(key) => catalogue::add_foreign_key(txn, self.schema, id, key, &look),
            Constraint::Check(check) => {
                let name = check.name.clone();
                if let crate::parse::ast::Rule::Check(expr, _) = &constraint.rule {
                    self.check_rows(&table, &name, expr)?;
                }
                catalogue::add_check(txn, self.schema, id, check)
            }
        }
    }

    /// Refuses a check that a row violates.
    fn check_rows(&self, table: &Table, name: &str, check: &Expr) -> Result<()> {
        let place = Place::default();
        let from = TableRef::Table { name: Ident { name: table.name.clone(), place }, alias: None };
        let one = SelectItem::Expr { expr: Expr::Literal(Value::Int(1)), alias: None };
        let filter = Some(Expr::Not(Box::new(check.clone())));
        let select = Select { distinct: false, items: vec![one], from: vec![from], filter, group: Vec::new(), having: None };
        let query =
            Query { with: Vec::new(), body: QueryBody::Select(Box::new(select)), order: Vec::new(), limit: None, offset: None };
        let mut violating = 0_u64;
        each_row(self.txn, &Arc::new(self.schema.clone()), &query, self.inputs, &mut |_| {
            violating += 1;
            Ok(())
        })?;
        match violating {
            0 => Ok(()),
            count => {
                let message = format!("{count} rows of table \"{}\" violate the check \"{name}\"", table.name);
                Err(Error::new(ErrorKind::Constraint, message).with_state("23514"))
            }
        }
    }

    fn drop_object(&mut self, what: ObjectKind, name: &Ident, if_exists: bool, cascade: bool) -> Result<()> {
        let txn = self.txn;
        let dropped = match what {
            ObjectKind::Table => match self.schema.table(&name.name).map(|table| table.id) {
                Some(id) => catalogue::drop_table(txn, self.schema, id, cascade),
                None => Err(unknown("table", name)),
            },
            ObjectKind::Index => catalogue::drop_index(txn, self.schema, &name.name),
            ObjectKind::View => catalogue::drop_view(txn, self.schema, &name.name),
            ObjectKind::Sequence => catalogue::drop_sequence(txn, self.schema, &name.name),
        };
        match dropped {
            Err(e) if if_exists && e.kind() == ErrorKind::Name => Ok(()),
            dropped => dropped.map_err(|e| e.at(name.place)),
        }
    }

    fn is_taken(&self, name: &Ident) -> bool {
        let name = crate::table::schema::fold(&name.name);
        self.schema.tables.contains_key(&name)
            || self.schema.views.contains_key(&name)
            || self.schema.sequences.contains_key(&name)
    }

    fn table(&self, name: &Ident) -> Result<Arc<Table>> {
        self.schema.table(&name.name).cloned().ok_or_else(|| unknown("table", name))
    }
}

/// Holds the views against the new schema: those that cannot be planned any more go too, or are in the way.
fn keep_views(txn: &WriteTxn, schema: &mut Schema, cascade: bool) -> Result<()> {
    // A view over a view that goes, goes with it: each round drops one at least.
    loop {
        let broken = schema.views.values().find_map(|view| {
            let parsed = parse(&view.text, &Limits::default()).and_then(|mut all| all.pop().ok_or_else(gone));
            let planned = parsed.and_then(|parsed| plan(&parsed, schema));
            planned.err().map(|e| (view.name.clone(), e))
        });
        let Some((name, e)) = broken else { return Ok(()) };
        if !cascade {
            let message = format!("view \"{name}\" needs what would be gone: {}", e.message());
            return Err(Error::new(ErrorKind::Constraint, message).with_state("2BP01"));
        }
        catalogue::drop_view(txn, schema, &name)?;
    }
}

/// Without the place, which is one of a kept text.
fn unfit(what: &str, e: &Error) -> Error {
    Error::new(e.kind(), format!("{what} does not fit the new type: {}", e.message())).with_state(e.sqlstate())
}

fn column_of(table: &Table, name: &Ident) -> Result<usize> {
    table.column(&name.name).ok_or_else(|| unknown("column", name))
}

fn unknown(what: &str, name: &Ident) -> Error {
    if is_information(&name.name) {
        let message = "INFORMATION_SCHEMA says what is defined, and cannot be changed itself";
        return Error::new(ErrorKind::Unsupported, message).at(name.place);
    }
    let state = if what == "column" { "42703" } else { "42P01" };
    Error::new(ErrorKind::Name, format!("there is no {what} \"{}\"", name.name)).with_state(state).at(name.place)
}

/// The number that a counter must have given for the next one to be this; none: it has given none.
fn last_before(restart: Restart, increment: i64, name: &str) -> Result<Option<i64>> {
    let Restart::With(next) = restart else { return Ok(None) };
    let last = next.checked_sub(i128::from(increment)).and_then(|last| i64::try_from(last).ok());
    let message = || format!("\"{name}\" counts in steps of {increment}, within 64 bits: it cannot go on with {next}");
    last.map(Some).ok_or_else(|| Error::new(ErrorKind::Data, message()).with_state("22003"))
}

fn gone() -> Error {
    Error::new(ErrorKind::State, "the table is gone: the schema has changed")
}
