//! Columns: added, hidden, renamed, changed. `look` is asked now and then, while rows are read or written, whether to go on; what it says is an error of each.

use super::rewrite::rewrite;
use super::*;
use crate::table::counters::{Counter, Counters};
use crate::table::open::Open;
use crate::table::rows;
use crate::table::schema::{Check, Column};
use crate::table::violation;
use crate::types::{DataType, Value};

/// What the rows that are there already hold in a new column that does not count.
pub(crate) enum Filling<'f> {
    /// What its `missing` says.
    Missing,
    /// One value for all of them: it becomes `missing`.
    Once(&'f mut dyn FnMut() -> Result<Value<'static>>),
    /// Each its own.
    Each(&'f mut dyn FnMut() -> Result<Value<'static>>),
}

/// Adds a column behind the others. Existing rows are written only if they get values of their own: numbers of a column that counts, or [`Filling::Each`]; else they hold
/// `column.missing` there. What computes values is asked only if there are rows.
///
/// # Errors
/// `Exists`. `Constraint` if it is NOT NULL, there are rows, and they would hold NULL.
pub(crate) fn add_column(
    txn: &WriteTxn,
    schema: &mut Schema,
    id: ObjectId,
    mut column: Column,
    filling: Filling<'_>,
    look: &dyn Fn() -> Result<()>,
) -> Result<()> {
    let mut edit = Edit::begin(txn, schema)?;
    let old = edit.table(id)?;
    if old.column(&column.name).is_some() {
        let message = format!("table \"{}\" has a column \"{}\" already", old.name, column.name);
        return Err(Error::new(ErrorKind::Exists, message).with_state("42701"));
    }
    let (at, has_rows) = (old.columns.len(), edit.has_rows(&old)?);
    let mut each = None;
    match filling {
        Filling::Once(value) if has_rows => column.missing = rows::to_missing(&value()?),
        Filling::Each(value) => each = Some(value),
        Filling::Missing | Filling::Once(_) => {}
    }
    let mut table = Table::clone(&old);
    table.columns.push(column);
    let table = edit.put_table(table)?;
    let column = &table.columns[at];
    if !has_rows {
        return edit.finish();
    }
    if let Some(identity) = column.identity {
        let counter = Counter::of_column(&table, at, identity);
        number_rows(txn, &table, at, counter, look)?;
    } else if let Some(value) = each {
        rewrite(txn, &table, &table, look, &mut |mut row| {
            row[at] = value()?;
            if row[at].is_null() && !column.nullable { Err(violation::not_null(&table, column)) } else { Ok(row) }
        })?;
    } else if !column.nullable && rows::missing(column)?.is_null() {
        return Err(violation::not_null(&table, column));
    }
    edit.finish()
}

/// Gives all rows numbers in a new column.
fn number_rows(txn: &WriteTxn, table: &Table, at: usize, counter: Counter, look: &dyn Fn() -> Result<()>) -> Result<()> {
    let mut counters = Counters::default();
    let mut open = Open::new(txn);
    counters.last(&open, counter)?;
    open.close();
    rewrite(txn, table, table, look, &mut |mut row| {
        // Known already: nothing is opened for it.
        let number = counters.next(&open, counter, &table.columns[at].name)?;
        counters.note(&open, counter, number)?;
        row[at] = Value::Int(number);
        Ok(row)
    })?;
    counters.flush(&mut open)
}

/// Drops a column by hiding it: rows are not written. Indexes of it, and keys of it alone, go too; the table gets these checks, its own without those that need the column.
///
/// # Errors
/// `Constraint` (2BP01) if it belongs to the primary key, to a key with other columns, or a foreign key refers to it; `State` if it is the only one.
pub(crate) fn drop_column(txn: &WriteTxn, schema: &mut Schema, id: ObjectId, at: usize, checks: Vec<Check>) -> Result<()> {
    let mut edit = Edit::begin(txn, schema)?;
    let mut table = edit.copy(id)?;
    let name = table.columns[at].name.clone();
    let shared = |columns: &[usize]| columns.contains(&at) && columns.len() > 1;
    let in_key = table.indexes.iter().any(|index| index.unique && shared(&index.columns));
    if table.primary.contains(&at) || in_key || table.foreign.iter().any(|foreign| shared(&foreign.columns)) {
        return Err(needed(format!("column \"{name}\" of table \"{}\" belongs to a key", table.name)));
    }
    let refers = |(child, number): &(&Arc<Table>, usize)| child.foreign[*number].referenced.contains(&at);
    if let Some((child, number)) = edit.schema.referring(id).find(refers) {
        let (child, key) = (&child.name, &child.foreign[number].name);
        return Err(needed(format!("column \"{name}\" is what foreign key \"{key}\" of table \"{child}\" refers to")));
    }
    if table.visible().count() == 1 {
        return Err(Error::new(ErrorKind::State, format!("column \"{name}\" is the only one of table \"{}\"", table.name)));
    }
    table.checks = checks;
    table.foreign.retain(|foreign| !foreign.columns.contains(&at));
    for index in (0..table.indexes.len()).rev() {
        if table.indexes[index].columns.contains(&at) {
            edit.take_index(&mut table, index)?;
        }
    }
    let column = &mut table.columns[at];
    *column =
        Column { nullable: true, default: None, missing: None, identity: None, comment: None, dropped: true, ..column.clone() };
    edit.forget_counters(id, Some(at))?;
    edit.put_table(table)?;
    edit.finish()
}

/// Gives a column another name, and the table these checks: its own, with the new name in their texts.
///
/// # Errors
/// `Exists`.
pub(crate) fn rename_column(
    txn: &WriteTxn,
    schema: &mut Schema,
    id: ObjectId,
    at: usize,
    name: &str,
    checks: Vec<Check>,
) -> Result<()> {
    change_column(txn, schema, id, at, |table, at| {
        if table.column(name).is_some_and(|other| other != at) {
            let message = format!("table \"{}\" has a column \"{name}\" already", table.name);
            return Err(Error::new(ErrorKind::Exists, message).with_state("42701"));
        }
        table.columns[at].name = name.to_owned();
        table.checks = checks;
        Ok(())
    })
}

/// Sets or drops a column's DEFAULT: the expression's text.
pub(crate) fn set_default(txn: &WriteTxn, schema: &mut Schema, id: ObjectId, at: usize, default: Option<String>) -> Result<()> {
    change_column(txn, schema, id, at, |table, at| {
        table.columns[at].default = default;
        Ok(())
    })
}

/// COMMENT ON COLUMN.
pub(crate) fn set_column_comment(
    txn: &WriteTxn,
    schema: &mut Schema,
    id: ObjectId,
    at: usize,
    comment: Option<String>,
) -> Result<()> {
    change_column(txn, schema, id, at, |table, at| {
        table.columns[at].comment = comment;
        Ok(())
    })
}

/// SET NOT NULL, DROP NOT NULL.
///
/// # Errors
/// `Constraint` if a row holds NULL there, or the primary key the column.
pub(crate) fn set_nullable(
    txn: &WriteTxn,
    schema: &mut Schema,
    id: ObjectId,
    at: usize,
    nullable: bool,
    look: &dyn Fn() -> Result<()>,
) -> Result<()> {
    change_column(txn, schema, id, at, |table, at| {
        if nullable && table.primary.contains(&at) {
            return Err(needed(format!("column \"{}\" belongs to the primary key", table.columns[at].name)));
        }
        table.columns[at].nullable = nullable;
        if nullable {
            return Ok(());
        }
        let open = Open::new(txn);
        for (number, entry) in open.tables().rows(table)?.all()?.enumerate() {
            if number.is_multiple_of(256) {
                look()?;
            }
            if rows::value(table, entry?.1, at)?.is_null() {
                return Err(violation::not_null(table, &table.columns[at]));
            }
        }
        Ok(())
    })
}

/// Gives a column another type: `convert` makes values of the new type of the old ones, and the table is written anew unless every value stays what it is.
///
/// # Errors
/// What `convert` says; `Constraint` if a foreign key compares it with a column of another type, or values become equal.
pub(crate) fn set_type(
    txn: &WriteTxn,
    schema: &mut Schema,
    id: ObjectId,
    at: usize,
    to: DataType,
    convert: &mut dyn for<'v> FnMut(Value<'v>) -> Result<Value<'v>>,
    look: &dyn Fn() -> Result<()>,
) -> Result<()> {
    let mut edit = Edit::begin(txn, schema)?;
    let old = edit.table(id)?;
    let mut table = Table::clone(&old);
    let from = std::mem::replace(&mut table.columns[at].data_type, to);
    if widens(from, to) {
        edit.put_table(table)?;
        return edit.finish();
    }
    let own = table.foreign.iter().filter(|foreign| foreign.columns.contains(&at));
    let others = edit.schema.referring(id).map(|(child, number)| &child.foreign[number]);
    let compared = own.chain(others.filter(|foreign| foreign.referenced.contains(&at))).map(|foreign| &foreign.name).next();
    if let Some(name) = compared.filter(|_| may_change_values(from, to)) {
        return Err(needed(format!("column \"{}\" is compared by foreign key \"{name}\"", table.columns[at].name)));
    }
    table.columns[at].missing = None;
    let table = edit.put_table(table)?;
    rewrite(txn, &old, &table, look, &mut |mut row| {
        let value = std::mem::take(&mut row[at]);
        row[at] = convert(value)?;
        Ok(row)
    })?;
    edit.finish()
}

/// Whether a value of `from` may be another one as a value of `to`: it has another class, or is rounded.
fn may_change_values(from: DataType, to: DataType) -> bool {
    match (from, to) {
        (DataType::Decimal { scale: from, .. }, DataType::Decimal { scale: to, .. }) => to < from,
        (from, to) => std::mem::discriminant(&from) != std::mem::discriminant(&to),
    }
}

/// Whether all values of `from` are values of `to` as they are.
fn widens(from: DataType, to: DataType) -> bool {
    let longer = |from: Option<u32>, to: Option<u32>| to.is_none_or(|to| from.is_some_and(|from| from <= to));
    match (from, to) {
        (DataType::Integer(from), DataType::Integer(to)) => from <= to,
        (DataType::Text { max: from }, DataType::Text { max: to }) => longer(from, to),
        (DataType::Blob { max: from }, DataType::Blob { max: to }) => longer(from, to),
        (from, to) => from == to,
    }
}

fn change_column(
    txn: &WriteTxn,
    schema: &mut Schema,
    id: ObjectId,
    at: usize,
    change: impl FnOnce(&mut Table, usize) -> Result<()>,
) -> Result<()> {
    let mut edit = Edit::begin(txn, schema)?;
    let mut table = edit.copy(id)?;
    if table.columns.get(at).is_none_or(|column| column.dropped) {
        return Err(Error::new(ErrorKind::State, "the column is gone: the schema has changed"));
    }
    change(&mut table, at)?;
    edit.put_table(table)?;
    edit.finish()
}

impl Edit<'_> {
    fn has_rows(&self, table: &Table) -> Result<bool> {
        Ok(Open::new(self.txn).tables().rows(table)?.len() > 0)
    }
}
