//! What the schema keeps as text: checks. They name columns and their table, and follow them when those change, or keep them from going.

use crate::error::{Error, ErrorKind, Result};
use crate::parse::ast::Expr;
use crate::parse::parse_expr;
use crate::parse::walk::{self, Edit};
use crate::table::schema::{Check, Table};

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
