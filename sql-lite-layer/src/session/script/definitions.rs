//! What is defined, as the statements that define it.

use super::literal::{push_name, push_names, push_quoted, put};
use crate::table::schema::{Action, ForeignKey, Index, Schema, Sequence, Table};

pub(super) fn sequence(sequence: &Sequence) -> String {
    let mut out = "CREATE SEQUENCE ".to_owned();
    push_name(&mut out, &sequence.name);
    put(&mut out, format_args!(" START WITH {} INCREMENT BY {};", sequence.start, sequence.increment));
    out
}

/// A table with its columns and its primary key, in whose order the rows follow. All else is added when the rows are there.
pub(super) fn table(table: &Table) -> String {
    let mut out = "CREATE TABLE ".to_owned();
    push_name(&mut out, &table.name);
    for (nth, at) in table.visible().enumerate() {
        let column = &table.columns[at];
        out.push_str(if nth == 0 { " (\n  " } else { ",\n  " });
        push_name(&mut out, &column.name);
        put(&mut out, format_args!(" {}", column.data_type));
        if !column.nullable {
            out.push_str(" NOT NULL");
        }
        if let Some(identity) = column.identity {
            let when = if identity.always { "ALWAYS" } else { "BY DEFAULT" };
            let (start, increment) = (identity.start, identity.increment);
            put(&mut out, format_args!(" GENERATED {when} AS IDENTITY (START WITH {start} INCREMENT BY {increment})"));
        }
        if let Some(default) = &column.default {
            // The last clause: an expression would go on with what follows.
            put(&mut out, format_args!(" DEFAULT {default}"));
        }
    }
    if !table.primary.is_empty() {
        out.push_str(",\n  ");
        if let Some(name) = &table.primary_name {
            out.push_str("CONSTRAINT ");
            push_name(&mut out, name);
            out.push(' ');
        }
        out.push_str("PRIMARY KEY ");
        push_columns(&mut out, table, &table.primary);
    }
    out.push_str("\n);");
    out
}

/// An index, or the UNIQUE constraint that it belongs to; none for one that a foreign key makes for itself.
pub(super) fn index(table: &Table, index: &Index) -> Option<String> {
    let mut out = match (index.of_constraint, index.unique) {
        (true, true) => {
            let mut out = add_constraint(table, &index.name);
            out.push_str("UNIQUE ");
            out
        }
        (true, false) => return None,
        (false, unique) => {
            let mut out = if unique { "CREATE UNIQUE INDEX " } else { "CREATE INDEX " }.to_owned();
            push_name(&mut out, &index.name);
            out.push_str(" ON ");
            push_name(&mut out, &table.name);
            out.push(' ');
            out
        }
    };
    push_columns(&mut out, table, &index.columns);
    out.push(';');
    Some(out)
}

pub(super) fn check(table: &Table, name: &str, text: &str) -> String {
    let mut out = add_constraint(table, name);
    put(&mut out, format_args!("CHECK ({text});"));
    out
}

pub(super) fn foreign_key(table: &Table, foreign: &ForeignKey, schema: &Schema) -> Option<String> {
    let parent = schema.table_by_id(foreign.table)?;
    let mut out = add_constraint(table, &foreign.name);
    out.push_str("FOREIGN KEY ");
    push_columns(&mut out, table, &foreign.columns);
    out.push_str(" REFERENCES ");
    push_name(&mut out, &parent.name);
    out.push(' ');
    push_columns(&mut out, parent, &foreign.referenced);
    for (when, action) in [("DELETE", foreign.on_delete), ("UPDATE", foreign.on_update)] {
        let action = match action {
            Action::NoAction => continue,
            Action::Restrict => "RESTRICT",
            Action::Cascade => "CASCADE",
            Action::SetNull => "SET NULL",
            Action::SetDefault => "SET DEFAULT",
        };
        put(&mut out, format_args!(" ON {when} {action}"));
    }
    out.push(';');
    Some(out)
}

pub(super) fn view(name: &str, columns: &[String], text: &str) -> String {
    let mut out = "CREATE VIEW ".to_owned();
    push_name(&mut out, name);
    out.push_str(" (");
    push_names(&mut out, columns.iter().map(String::as_str));
    put(&mut out, format_args!(") AS {text};"));
    out
}

/// Of a table, or of a column.
pub(super) fn comment(table: &str, column: Option<&str>, text: &str) -> String {
    let mut out = format!("COMMENT ON {} ", if column.is_some() { "COLUMN" } else { "TABLE" });
    push_name(&mut out, table);
    if let Some(column) = column {
        out.push('.');
        push_name(&mut out, column);
    }
    out.push_str(" IS ");
    push_quoted(&mut out, text, '\'');
    out.push(';');
    out
}

/// What an identity column gives next.
pub(super) fn restart_column(table: &Table, column: usize, next: Option<i128>) -> String {
    let mut out = "ALTER TABLE ".to_owned();
    push_name(&mut out, &table.name);
    out.push_str(" ALTER COLUMN ");
    push_name(&mut out, &table.columns[column].name);
    push_restart(&mut out, next);
    out
}

/// What a sequence gives next.
pub(super) fn restart_sequence(sequence: &Sequence, next: Option<i128>) -> String {
    let mut out = "ALTER SEQUENCE ".to_owned();
    push_name(&mut out, &sequence.name);
    push_restart(&mut out, next);
    out
}

fn push_restart(out: &mut String, next: Option<i128>) {
    match next {
        Some(next) => put(out, format_args!(" RESTART WITH {next};")),
        None => out.push_str(" RESTART;"),
    }
}

fn add_constraint(table: &Table, name: &str) -> String {
    let mut out = "ALTER TABLE ".to_owned();
    push_name(&mut out, &table.name);
    out.push_str(" ADD CONSTRAINT ");
    push_name(&mut out, name);
    out.push(' ');
    out
}

/// `("a", "b")`
fn push_columns(out: &mut String, table: &Table, columns: &[usize]) {
    out.push('(');
    push_names(out, columns.iter().map(|at| table.columns[*at].name.as_str()));
    out.push(')');
}
