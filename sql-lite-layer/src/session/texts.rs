//! What the schema keeps as text: checks and defaults. They name columns, their table and sequences, and follow them when those change, or keep them from going.

use crate::error::{Error, ErrorKind, Result};
use crate::parse::ast::Expr;
use crate::parse::parse_expr;
use crate::parse::walk::{self, Edit};
use crate::plan::define;
use crate::table::schema::{Check, Schema, Table};
use crate::table::{WriteTxn, catalogue};

/// The checks of a table whose column `from` is called `to` now.
pub(super) fn with_column_renamed(table: &Table, from: &str, to: &str) -> Result<Vec<Check>> {
    changed(table, |text, expr| walk::renamed(text, expr, from, to))
}

/// The checks of a table without its name in them: whatever that is, their columns are those of their table alone.
pub(super) fn without_table_name(table: &Table) -> Result<Vec<Check>> {
    changed(table, |text, expr| {
        let mut edits = Vec::new();
        expr.each_mut(&mut |expr| {
            if let Expr::Column { table: Some(table), name } = expr {
                edits.push(Edit { from: table.place, to: name.place, by: String::new() });
            }
        });
        edits.sort_unstable_by_key(|edit| edit.from);
        walk::edited(text, walk::BEGIN, &edits)
    })
}

fn changed(table: &Table, change: impl Fn(&str, &mut Expr) -> String) -> Result<Vec<Check>> {
    let changed =
        |check: &Check| Ok(Check { name: check.name.clone(), text: change(&check.text, &mut parse_expr(&check.text)?) });
    table.checks.iter().map(changed).collect()
}

/// The checks of a table that stay when this column goes. Those of it alone go too.
///
/// # Errors
/// `Constraint` (2BP01) if a check names other columns beside it.
pub(super) fn without_column(table: &Table, at: usize) -> Result<Vec<Check>> {
    let mut stay = Vec::with_capacity(table.checks.len());
    for check in &table.checks {
        let mut columns = Vec::new();
        parse_expr(&check.text)?.each_mut(&mut |expr| {
            if let Expr::Column { name, .. } = expr {
                columns.extend(table.column(&name.name));
            }
        });
        if !columns.contains(&at) {
            stay.push(check.clone());
        } else if columns.iter().any(|other| *other != at) {
            let (column, table) = (&table.columns[at].name, &table.name);
            let message = format!("check \"{}\" of table \"{table}\" needs column \"{column}\" beside others", check.name);
            return Err(Error::new(ErrorKind::Constraint, message).with_state("2BP01"));
        }
    }
    Ok(stay)
}

/// The checks that name this column, and what they say.
pub(super) fn checks_of_column(table: &Table, at: usize) -> Result<Vec<(&Check, Expr)>> {
    let mut found = Vec::new();
    for check in &table.checks {
        let mut expr = parse_expr(&check.text)?;
        let mut is_named = false;
        expr.each_mut(&mut |expr| {
            if let Expr::Column { name, .. } = expr {
                is_named |= table.column(&name.name) == Some(at);
            }
        });
        if is_named {
            found.push((check, expr));
        }
    }
    Ok(found)
}

/// Holds defaults and checks against a schema from which sequences have gone: those that read them go too (`cascade`), or are in the way.
///
/// # Errors
/// `Constraint` (2BP01).
pub(super) fn keep_users_of_sequences(txn: &WriteTxn, schema: &mut Schema, cascade: bool) -> Result<()> {
    let in_the_way = |what: String, e: &Error| {
        Err(Error::new(ErrorKind::Constraint, format!("{what} needs what would be gone: {}", e.message())).with_state("2BP01"))
    };
    for table in schema.tables.values().cloned().collect::<Vec<_>>() {
        for (at, column) in table.columns.iter().enumerate() {
            let Some(text) = &column.default else { continue };
            let Err(e) = define::default(&parse_expr(text)?, column, schema) else { continue };
            if !cascade {
                return in_the_way(format!("the default of column \"{}\" of table \"{}\"", column.name, table.name), &e);
            }
            catalogue::set_default(txn, schema, table.id, at, None)?;
        }
        for check in &table.checks {
            let Err(e) = define::check(&parse_expr(&check.text)?, &table, schema) else { continue };
            // A check of an older store may be one that would be refused now: it needs no sequence.
            if e.kind() == ErrorKind::Unsupported {
                continue;
            }
            if !cascade {
                return in_the_way(format!("check \"{}\" of table \"{}\"", check.name, table.name), &e);
            }
            catalogue::drop_constraint(txn, schema, table.id, &check.name, false, &|| Ok(()))?;
        }
    }
    Ok(())
}
