//! The errors of constraints: each names the constraint, the table and the values.

use std::fmt::Write;

use super::schema::{Column, Table};
use crate::encode::key;
use crate::error::{Error, ErrorKind};
use crate::types::Value;

/// Longest piece of a value in a message, in characters.
const SHOWN: usize = 80;

/// SQLSTATE 23502.
pub(super) fn not_null(table: &Table, column: &Column) -> Error {
    error("23502", format!("column \"{}\" of table \"{}\" is NOT NULL, and would be NULL", column.name, table.name))
}

/// SQLSTATE 23505: `columns` of a row are those of another one already.
pub(super) fn unique(table: &Table, name: Option<&str>, columns: &[usize], row: &[Value<'_>]) -> Error {
    unique_values(table, name, columns, columns.iter().map(|at| row[*at].lend()))
}

/// The same from a key's bytes.
pub(super) fn unique_key(table: &Table, name: Option<&str>, columns: &[usize], key: &[u8]) -> Error {
    unique_values(table, name, columns, decoded(table, columns, key).into_iter())
}

/// The same of a bulk load, where it is known only how many rows there are too many.
pub(super) fn unique_count(table: &Table, count: u64) -> Error {
    error(
        "23505",
        format!(
            "{} of table \"{}\": {count} rows too many have the key of another one",
            rule(table.primary_name.as_deref()),
            table.name
        ),
    )
}

fn rule(name: Option<&str>) -> String {
    match name {
        Some(name) => format!("unique key \"{name}\""),
        None => "the primary key".to_owned(),
    }
}

fn unique_values<'v>(table: &Table, name: Option<&str>, columns: &[usize], values: impl Iterator<Item = Value<'v>>) -> Error {
    let rule = rule(name);
    error("23505", format!("{rule} of table \"{}\": {} is there already", table.name, shown(table, columns, values)))
}

/// SQLSTATE 23503: rows of `child` refer to a row of `parent` that is not there. `removed`: it was there before the statement.
pub(super) fn foreign(child: &Table, number: usize, parent: &Table, key: &[u8], removed: bool) -> Error {
    let foreign = &child.foreign[number];
    let values = shown(child, &foreign.columns, decoded(child, &foreign.columns, key).into_iter());
    let (name, child, parent) = (&foreign.name, &child.name, &parent.name);
    error(
        "23503",
        match removed {
            true => format!("a row of table \"{parent}\" is needed by foreign key \"{name}\" of table \"{child}\": {values}"),
            false => format!("foreign key \"{name}\" of table \"{child}\": table \"{parent}\" has no row for {values}"),
        },
    )
}

fn error(state: &'static str, message: String) -> Error {
    Error::new(ErrorKind::Constraint, message).with_state(state)
}

/// The values that a key holds, as far as they can be read.
fn decoded<'k>(table: &Table, columns: &[usize], mut key: &'k [u8]) -> Vec<Value<'k>> {
    columns.iter().map_while(|at| key::take(&mut key, &table.columns[*at].data_type).ok()).collect()
}

/// `(a, b) = (1, x)`
fn shown<'v>(table: &Table, columns: &[usize], values: impl Iterator<Item = Value<'v>>) -> String {
    let mut text = String::from("(");
    for (i, at) in columns.iter().enumerate() {
        let _ = write!(text, "{}{}", if i > 0 { ", " } else { "" }, table.columns[*at].name);
    }
    text.push_str(") = (");
    for (i, value) in values.enumerate() {
        let value = value.to_string();
        let cut = value.char_indices().nth(SHOWN).map(|(at, _)| at);
        let (shown, more) = (&value[..cut.unwrap_or(value.len())], if cut.is_some() { ".." } else { "" });
        let _ = write!(text, "{}{shown}{more}", if i > 0 { ", " } else { "" });
    }
    text.push(')');
    text
}
