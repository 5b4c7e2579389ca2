//! INSERT, MERGE, UPDATE and DELETE.
//!
//! Whether a value's class fits its column is checked here; its range and length when it is assigned. Defaults and checks stand in the catalogue as text, and are
//! planned with the statement.

use std::sync::Arc;

use super::expr::{compare, is_text_literal, place_of, same_class, widest};
use super::from::From;
use super::node::{Action, Delete, Insert, Node, OnConflict, OutColumn, Slot, Update};
use super::query::filter;
use super::scalar::Scalar;
use super::scope::{Level, ScopeColumn, unknown_table};
use super::{Planner, Typed, name_error, type_error, unsupported};
use crate::error::{Error, ErrorKind, Place, Result};
use crate::parse::ast::{self, Assignment, CompareOp, Expr, Ident, InsertSource, SelectItem};
use crate::parse::parse_expr;
use crate::table::schema::{Column, Table, fold, is_information};
use crate::types::{self, DataType, Value};

/// A change and the columns that its RETURNING gives.
type Planned = (Action, Vec<OutColumn>);

/// Slots, and what is computed into them.
type Computed = Vec<(Slot, Scalar)>;

impl<'a> Planner<'a> {
    // --- INSERT and MERGE

    pub(super) fn insert(&mut self, insert: &'a ast::Insert) -> Result<Planned> {
        let table = self.target(&insert.table)?;
        let targets = self.insert_targets(&table, insert)?;
        let (input, given) = self.source(&table, &targets, insert)?;
        let mut row = Vec::with_capacity(table.columns.len());
        let mut given = given.into_iter().map(Some).collect::<Vec<_>>();
        for at in 0..table.columns.len() {
            row.push(match targets.iter().position(|target| *target == at) {
                Some(nth) => given[nth].take().expect("each column is named once"),
                None => self.default_of(&table, at)?,
            });
        }
        let new = self.row_slots(&table);
        let checks = self.checks(&table, &new)?;
        let (returning, columns) = self.returning(&insert.returning, &table, &insert.table.name, &new)?;
        let on_conflict = self.on_conflict(&table, &targets, insert, &new, &columns)?;
        Ok((Action::Insert(Box::new(Insert { table, input, row, new, checks, on_conflict, returning })), columns))
    }

    /// The columns that are given values, in the order of the values.
    fn insert_targets(&mut self, table: &Table, insert: &ast::Insert) -> Result<Vec<usize>> {
        if matches!(insert.source, InsertSource::Defaults) {
            return Ok(Vec::new());
        }
        if insert.columns.is_empty() {
            return Ok(table.visible().collect());
        }
        let mut targets = Vec::with_capacity(insert.columns.len());
        for name in &insert.columns {
            let at = column_of(table, name)?;
            if targets.contains(&at) {
                return Err(name_error(name, format!("column {} is named twice", name.name)).with_state("42701"));
            }
            targets.push(at);
        }
        Ok(targets)
    }

    /// Where the rows come from, and an expression for each column that is given values.
    fn source(&mut self, table: &Table, targets: &[usize], insert: &'a ast::Insert) -> Result<(Node, Vec<Scalar>)> {
        match &insert.source {
            InsertSource::Defaults => Ok((Node::OneRow, Vec::new())),
            InsertSource::Values(rows) => {
                let mut cells = Vec::with_capacity(rows.len());
                for row in rows {
                    check_width(targets.len(), row.len(), row.first().map_or(insert.table.place, place_of), &insert.table)?;
                    let mut cell_row = Vec::with_capacity(row.len());
                    for (at, expr) in targets.iter().zip(row) {
                        cell_row.push(self.value_for(table, *at, expr, insert.overriding)?);
                    }
                    cells.push(cell_row);
                }
                if cells.len() == 1 {
                    return Ok((Node::OneRow, cells.swap_remove(0)));
                }
                let types = targets.iter().map(|at| (table.columns[*at].name.clone(), table.columns[*at].data_type));
                let out: Vec<Slot> = types.collect::<Vec<_>>().into_iter().map(|(name, of)| self.slot(name, of)).collect();
                let given = out.iter().map(|slot| Scalar::Slot(*slot)).collect();
                Ok((Node::Values { rows: cells, out }, given))
            }
            InsertSource::Query(query) => {
                let planned = self.query(query)?;
                check_width(targets.len(), planned.columns.len(), insert.table.place, &insert.table)?;
                let mut given = Vec::with_capacity(targets.len());
                for (at, column) in targets.iter().zip(&planned.columns) {
                    if !insert.overriding {
                        refuse_identity(&table.columns[*at], insert.table.place)?;
                    }
                    let typed = self.of_slot(column.slot);
                    given.push(self.assignable(typed, &table.columns[*at], insert.table.place)?);
                }
                Ok((planned.node, given))
            }
        }
    }

    /// A value among those of INSERT or UPDATE. `overriding`: a column that is GENERATED ALWAYS takes it too.
    fn value_for(&mut self, table: &Table, at: usize, expr: &'a Expr, overriding: bool) -> Result<Scalar> {
        if let Expr::Default(_) = expr {
            return self.default_of(table, at);
        }
        let place = place_of(expr);
        if !overriding {
            refuse_identity(&table.columns[at], place)?;
        }
        let typed = self.expr(expr)?;
        self.assignable(typed, &table.columns[at], place)
    }

    /// What a column holds where nothing is given. NULL in an identity column takes the next number.
    fn default_of(&mut self, table: &Table, at: usize) -> Result<Scalar> {
        let column = &table.columns[at];
        let Some(text) = column.default.as_ref().filter(|_| column.identity.is_none() && !column.dropped) else {
            return Ok(Scalar::Constant(Value::Null));
        };
        let what = format!("the default of {}.{}", table.name, column.name);
        self.of_text(text, &what, Vec::new(), |planner, expr| {
            let typed = planner.expr(expr)?;
            planner.assignable(typed, column, Place::default())
        })
    }

    fn on_conflict(
        &mut self,
        table: &Arc<Table>,
        targets: &[usize],
        insert: &'a ast::Insert,
        new: &[Slot],
        columns: &[OutColumn],
    ) -> Result<OnConflict> {
        match &insert.on_conflict {
            ast::OnConflict::Fail => Ok(OnConflict::Fail),
            ast::OnConflict::Nothing { columns } if columns.is_empty() => Ok(OnConflict::Nothing { columns: None }),
            ast::OnConflict::Nothing { columns } => Ok(OnConflict::Nothing { columns: Some(unique_columns(table, columns)?) }),
            ast::OnConflict::Update { columns: key, set, filter: condition } => {
                let key = unique_columns(table, key)?;
                let (mut update, mut level) = self.find(table, &insert.table, &key, new);
                level.extend(labelled(table, "excluded", new, true));
                let set = self.within(Level::new(level, "in DO UPDATE"), |planner| {
                    let set = planner.assignments(table, set)?;
                    Ok((set, condition.as_ref().map(|condition| planner.conjuncts(condition, "WHERE")).transpose()?))
                });
                let (set, filter) = set?;
                update.set = set;
                self.finish_conflict(update, filter.unwrap_or_default(), insert, columns)
            }
            ast::OnConflict::Merge { key } => {
                let key = merge_key(table, key, &insert.table)?;
                if let Some(missing) = key.iter().find(|at| !targets.contains(at)) {
                    let message =
                        format!("MERGE INTO {} gives no value for the key column {}", table.name, table.columns[*missing].name);
                    return Err(name_error(&insert.table, message));
                }
                let (mut update, _) = self.find(table, &insert.table, &key, new);
                update.set = targets.iter().filter(|at| !key.contains(at)).map(|at| (*at, Scalar::Slot(new[*at]))).collect();
                self.finish_conflict(update, Vec::new(), insert, columns)
            }
        }
    }

    /// An update of the rows that have the same key as the new one, without what it sets; and their columns.
    fn find(&mut self, table: &Arc<Table>, name: &Ident, key: &[usize], new: &[Slot]) -> (Update, Vec<ScopeColumn>) {
        let row_key = self.slot("row key", DataType::Blob { max: None });
        let from = self.scan(table, &name.name, Some(row_key));
        let old = self.old_slots(table, &from);
        let same = key.iter().map(|at| compare(CompareOp::Eq, Scalar::Slot(old[*at]), Scalar::Slot(new[*at])));
        let update = Update {
            table: Arc::clone(table),
            input: filter(from.node, same.collect()),
            key: row_key,
            old,
            set: Vec::new(),
            new: self.row_slots(table),
            checks: Vec::new(),
            returning: Vec::new(),
        };
        (update, from.columns)
    }

    fn finish_conflict(
        &mut self,
        mut update: Update,
        filter: Vec<Scalar>,
        insert: &'a ast::Insert,
        columns: &[OutColumn],
    ) -> Result<OnConflict> {
        update.checks = self.checks(&update.table, &update.new)?;
        let (mut returning, _) = self.returning(&insert.returning, &update.table, &insert.table.name, &update.new)?;
        for ((slot, _), column) in returning.iter_mut().zip(columns) {
            *slot = column.slot;
        }
        update.returning = returning;
        Ok(OnConflict::Update { update: Box::new(update), filter })
    }

    // --- UPDATE and DELETE

    pub(super) fn update(&mut self, update: &'a ast::Update) -> Result<Planned> {
        let table = self.target(&update.table)?;
        let called = update.alias.as_ref().unwrap_or(&update.table);
        let key = self.slot("row key", DataType::Blob { max: None });
        let target = self.scan(&table, &called.name, Some(key));
        let old = self.old_slots(&table, &target);
        let mut from = target;
        if !update.from.is_empty() {
            let others = self.from(&update.from)?;
            from = self.cross(from, others);
        }
        self.levels.push(Level::new(from.columns, "in UPDATE"));
        let all = update.filter.as_ref().map(|condition| self.conjuncts(condition, "WHERE")).transpose()?;
        let set = self.assignments(&table, &update.set)?;
        self.levels.pop();
        let mut input = filter(from.node, all.unwrap_or_default());
        if !update.from.is_empty() {
            // A row with several partners is changed once, by one of them.
            input = Node::Distinct { input: Box::new(input), on: vec![key] };
        }
        let new = self.row_slots(&table);
        let checks = self.checks(&table, &new)?;
        let (returning, columns) = self.returning(&update.returning, &table, &called.name, &new)?;
        Ok((Action::Update(Box::new(Update { table, input, key, old, set, new, checks, returning })), columns))
    }

    fn assignments(&mut self, table: &Table, set: &'a [Assignment]) -> Result<Vec<(usize, Scalar)>> {
        let mut assigned: Vec<(usize, Scalar)> = Vec::with_capacity(set.len());
        for Assignment { column, value } in set {
            let at = column_of(table, column)?;
            if assigned.iter().any(|(other, _)| *other == at) {
                return Err(name_error(column, format!("column {} is set twice", column.name)).with_state("42701"));
            }
            assigned.push((at, self.value_for(table, at, value, false).map_err(|error| error.at(column.place))?));
        }
        Ok(assigned)
    }

    pub(super) fn delete(&mut self, delete: &'a ast::Delete) -> Result<Planned> {
        let called = delete.alias.as_ref().unwrap_or(&delete.table);
        self.delete_where(&delete.table, called, delete.filter.as_ref(), &delete.returning)
    }

    fn delete_where(
        &mut self,
        name: &'a Ident,
        called: &'a Ident,
        condition: Option<&'a Expr>,
        returning: &'a [SelectItem],
    ) -> Result<Planned> {
        let table = self.target(name)?;
        let key = self.slot("row key", DataType::Blob { max: None });
        let from = self.scan(&table, &called.name, Some(key));
        let old = self.old_slots(&table, &from);
        self.levels.push(Level::new(from.columns, "in DELETE"));
        let all = condition.map(|condition| self.conjuncts(condition, "WHERE")).transpose()?;
        self.levels.pop();
        let input = filter(from.node, all.unwrap_or_default());
        let (returning, columns) = self.returning(returning, &table, &called.name, &old)?;
        Ok((Action::Delete(Box::new(Delete { table, input, key, old, returning })), columns))
    }

    // --- What they have in common

    /// The table to change.
    fn target(&self, name: &Ident) -> Result<Arc<Table>> {
        if self.schema.views.contains_key(&fold(&name.name)) {
            return Err(unsupported(name.place, format!("{} is a view: views cannot be changed", name.name)));
        }
        if is_information(&name.name) {
            return Err(unsupported(name.place, "INFORMATION_SCHEMA says what is defined, and cannot be changed itself"));
        }
        self.schema.table(&name.name).cloned().ok_or_else(|| unknown_table(name))
    }

    /// Slots for a whole row.
    fn row_slots(&mut self, table: &Table) -> Vec<Slot> {
        table.columns.iter().map(|column| self.slot(format!("new.{}", column.name), column.data_type)).collect()
    }

    /// Where a scan puts a whole row; nobody writes the slots of dropped columns.
    fn old_slots(&mut self, table: &Table, from: &From) -> Vec<Slot> {
        let mut read = from.columns.iter().map(|column| column.slot);
        let slot_of = |column: &Column| match column.dropped {
            true => self.slot("dropped", column.data_type),
            false => read.next().expect("a scan reads all columns that are there"),
        };
        table.columns.iter().map(slot_of).collect()
    }

    /// A table's checks over these slots.
    fn checks(&mut self, table: &Table, new: &[Slot]) -> Result<Vec<(String, Scalar)>> {
        let mut checks = Vec::with_capacity(table.checks.len());
        for check in &table.checks {
            let what = format!("the check {}", check.name);
            let columns = labelled(table, &table.name, new, false);
            let condition = self.of_text(&check.text, &what, columns, |planner, expr| planner.condition(expr, "CHECK"))?;
            checks.push((check.name.clone(), condition));
        }
        Ok(checks)
    }

    /// RETURNING over a row in these slots.
    fn returning(
        &mut self,
        items: &'a [SelectItem],
        table: &Table,
        called: &str,
        slots: &[Slot],
    ) -> Result<(Computed, Vec<OutColumn>)> {
        if items.is_empty() {
            return Ok((Vec::new(), Vec::new()));
        }
        let level = Level::new(labelled(table, called, slots, false), "in RETURNING");
        let items = self.within(level, |planner| planner.items(items))?;
        let mut exprs = Vec::with_capacity(items.len());
        let mut columns = Vec::with_capacity(items.len());
        for item in items {
            let slot = self.slot(item.name.as_str(), item.typed.data_type);
            exprs.push((slot, item.typed.scalar));
            columns.push(OutColumn { name: item.name, data_type: item.typed.data_type, slot });
        }
        Ok((exprs, columns))
    }

    /// A value for this column: as it is where the class fits or converts by itself when it is assigned.
    pub(super) fn assignable(&mut self, mut typed: Typed, column: &Column, place: Place) -> Result<Scalar> {
        let to = column.data_type;
        if typed.data_type == DataType::Unknown {
            self.infer(&mut typed, &to);
            return Ok(typed.scalar);
        }
        if is_text_literal(&typed) && !matches!(to, DataType::Text { .. }) {
            let Scalar::Constant(value) = typed.scalar else { return Ok(typed.scalar) };
            let value = types::assign(value, &to, &column.name).map_err(|error| error.at(place))?;
            return Ok(Scalar::Constant(value.into_owned()));
        }
        let from = typed.data_type;
        let fits = same_class(&from, &to)
            || (from.is_numeric() && to.is_numeric())
            || match (&from, &to) {
                (DataType::Blob { .. }, DataType::Text { .. }) => false,
                (_, DataType::Text { .. }) => true,
                (DataType::Integer(_), DataType::Boolean) | (DataType::Boolean, DataType::Integer(_)) => true,
                (DataType::Date, DataType::Timestamp) | (DataType::Timestamp, DataType::Date) => true,
                _ => false,
            };
        match fits {
            true if from == DataType::Boolean && matches!(to, DataType::Integer(_)) => {
                Ok(super::expr::cast(typed, widest(&to)).scalar)
            }
            true => Ok(typed.scalar),
            false => Err(type_error(place, format!("column {} is {to}, not {from}: CAST the value", column.name))),
        }
    }

    /// Plans an expression of the catalogue over these columns.
    pub(super) fn of_text<T>(
        &mut self,
        text: &str,
        what: &str,
        columns: Vec<ScopeColumn>,
        plan: impl for<'b> FnOnce(&mut Planner<'b>, &'b Expr) -> Result<T>,
    ) -> Result<T> {
        // A place in the catalogue's text would point to nowhere in the statement's.
        let broken = |error: Error| Error::new(ErrorKind::State, format!("{what}: {}", error.message()));
        let expr = parse_expr(text).map_err(broken)?;
        let mut inner = Planner { schema: self.schema, state: &mut *self.state, levels: Vec::new(), named: Vec::new() };
        inner.levels.push(Level::new(columns, "in the definition of a table"));
        plan(&mut inner, &expr).map_err(broken)
    }
}

/// The columns of a table under this name, over these slots.
pub(super) fn labelled(table: &Table, called: &str, slots: &[Slot], hidden: bool) -> Vec<ScopeColumn> {
    let label: Arc<str> = called.into();
    let column = |at: usize| ScopeColumn {
        table: Some(Arc::clone(&label)),
        name: table.columns[at].name.clone(),
        slot: slots[at],
        hidden,
    };
    table.visible().map(column).collect()
}

pub(super) fn column_of(table: &Table, name: &Ident) -> Result<usize> {
    table.column(&name.name).ok_or_else(|| name_error(name, format!("{} has no column {}", table.name, name.name)))
}

fn columns_of(table: &Table, names: &[Ident]) -> Result<Vec<usize>> {
    names.iter().map(|name| column_of(table, name)).collect()
}

fn check_width(wanted: usize, given: usize, place: Place, table: &Ident) -> Result<()> {
    if wanted == given {
        return Ok(());
    }
    let message = format!("INSERT INTO {} names {wanted} columns and gives {given} values", table.name);
    Err(Error::new(ErrorKind::Type, message).with_state("42601").at(place))
}

fn refuse_identity(column: &Column, place: Place) -> Result<()> {
    match column.identity {
        Some(identity) if identity.always => {
            let message = format!("column {} is GENERATED ALWAYS: it takes only DEFAULT", column.name);
            Err(Error::new(ErrorKind::Type, message).with_state("428C9").at(place))
        }
        _ => Ok(()),
    }
}

/// These columns, which are the primary key or those of a unique index.
fn unique_columns(table: &Table, names: &[Ident]) -> Result<Vec<usize>> {
    let columns = columns_of(table, names)?;
    let is_key = |key: &[usize]| !key.is_empty() && key.len() == columns.len() && key.iter().all(|at| columns.contains(at));
    let unique = table.indexes.iter().filter(|index| index.unique).map(|index| &index.columns);
    match unique.chain([&table.primary]).find(|key| is_key(key)) {
        Some(key) => Ok(key.clone()),
        None => Err(Error::new(ErrorKind::Name, format!("{} has no unique key of just these columns", table.name))
            .with_state("42P10")
            .at(names.first().map_or_else(Place::default, |name| name.place))),
    }
}

/// The columns by which MERGE finds a row: those of KEY, which need not be unique, or the primary key.
fn merge_key(table: &Table, names: &[Ident], at: &Ident) -> Result<Vec<usize>> {
    match names.is_empty() {
        false => columns_of(table, names),
        true if table.primary.is_empty() => {
            Err(name_error(at, format!("{} has no primary key: MERGE needs KEY (..)", table.name)).with_state("42P10"))
        }
        true => Ok(table.primary.clone()),
    }
}
