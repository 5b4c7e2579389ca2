//! Constraints. A constraint's name belongs to its table: what joins them by name should join the table's name too, which is why it stands in more of them than in the
//! standard's.

use super::{NUMBER, Rows, TEXT, named_in_schema, number, text, text_or_null, yes_or_no};
use crate::table::schema::{Action, ForeignKey, Schema, Table};
use crate::types::{DataType, Value};

pub(super) const TABLE_CONSTRAINTS: &[(&str, DataType)] = &[
    ("CONSTRAINT_CATALOG", TEXT),
    ("CONSTRAINT_SCHEMA", TEXT),
    ("CONSTRAINT_NAME", TEXT),
    ("CONSTRAINT_TYPE", TEXT),
    ("TABLE_CATALOG", TEXT),
    ("TABLE_SCHEMA", TEXT),
    ("TABLE_NAME", TEXT),
    ("IS_DEFERRABLE", TEXT),
    ("INITIALLY_DEFERRED", TEXT),
    ("ENFORCED", TEXT),
];

pub(super) fn table_constraints(schema: &Schema, rows: &mut Rows) {
    for table in schema.tables.values() {
        let keys = keys(table).map(|key| (key.name, if key.is_primary { "PRIMARY KEY" } else { "UNIQUE" }));
        let foreign = table.foreign.iter().map(|foreign| (Some(&foreign.name), "FOREIGN KEY"));
        let checks = table.checks.iter().map(|check| (Some(&check.name), "CHECK"));
        for (name, kind) in keys.chain(foreign).chain(checks) {
            let mut row = named_in_schema(text_or_null(name)).to_vec();
            row.push(text(kind));
            row.extend(named_in_schema(text(&table.name)));
            row.extend([yes_or_no(false), yes_or_no(false), yes_or_no(true)]);
            rows.push(row);
        }
    }
}

pub(super) const KEY_COLUMN_USAGE: &[(&str, DataType)] = &[
    ("CONSTRAINT_CATALOG", TEXT),
    ("CONSTRAINT_SCHEMA", TEXT),
    ("CONSTRAINT_NAME", TEXT),
    ("TABLE_CATALOG", TEXT),
    ("TABLE_SCHEMA", TEXT),
    ("TABLE_NAME", TEXT),
    ("COLUMN_NAME", TEXT),
    ("ORDINAL_POSITION", NUMBER),
    ("POSITION_IN_UNIQUE_CONSTRAINT", NUMBER),
];

pub(super) fn key_column_usage(schema: &Schema, rows: &mut Rows) {
    for table in schema.tables.values() {
        let mut put = |name: Option<&String>, columns: &[usize], place: &dyn Fn(usize) -> Value<'static>| {
            for (nth, column) in columns.iter().enumerate() {
                let mut row = named_in_schema(text_or_null(name)).to_vec();
                row.extend(named_in_schema(text(&table.name)));
                row.extend([text(&table.columns[*column].name), number(nth + 1), place(nth)]);
                rows.push(row);
            }
        };
        for key in keys(table) {
            put(key.name, key.columns, &|_| Value::Null);
        }
        for foreign in &table.foreign {
            let Some((_, key)) = referenced(schema, foreign) else { continue };
            let place = |nth: usize| key.columns.iter().position(|column| *column == foreign.referenced[nth]);
            put(Some(&foreign.name), &foreign.columns, &|nth| place(nth).map_or(Value::Null, |place| number(place + 1)));
        }
    }
}

pub(super) const REFERENTIAL_CONSTRAINTS: &[(&str, DataType)] = &[
    ("CONSTRAINT_CATALOG", TEXT),
    ("CONSTRAINT_SCHEMA", TEXT),
    ("CONSTRAINT_NAME", TEXT),
    ("UNIQUE_CONSTRAINT_CATALOG", TEXT),
    ("UNIQUE_CONSTRAINT_SCHEMA", TEXT),
    ("UNIQUE_CONSTRAINT_NAME", TEXT),
    ("MATCH_OPTION", TEXT),
    ("UPDATE_RULE", TEXT),
    ("DELETE_RULE", TEXT),
    ("TABLE_NAME", TEXT),
    ("REFERENCED_TABLE_NAME", TEXT),
];

pub(super) fn referential_constraints(schema: &Schema, rows: &mut Rows) {
    for table in schema.tables.values() {
        for foreign in &table.foreign {
            let Some((parent, key)) = referenced(schema, foreign) else { continue };
            let mut row = named_in_schema(text(&foreign.name)).to_vec();
            row.extend(named_in_schema(text_or_null(key.name)));
            row.extend([text("NONE"), rule(foreign.on_update), rule(foreign.on_delete)]);
            row.extend([text(&table.name), text(&parent.name)]);
            rows.push(row);
        }
    }
}

fn rule(action: Action) -> Value<'static> {
    text(match action {
        Action::NoAction => "NO ACTION",
        Action::Restrict => "RESTRICT",
        Action::Cascade => "CASCADE",
        Action::SetNull => "SET NULL",
        Action::SetDefault => "SET DEFAULT",
    })
}

pub(super) const CHECK_CONSTRAINTS: &[(&str, DataType)] = &[
    ("CONSTRAINT_CATALOG", TEXT),
    ("CONSTRAINT_SCHEMA", TEXT),
    ("CONSTRAINT_NAME", TEXT),
    ("CHECK_CLAUSE", TEXT),
    ("TABLE_NAME", TEXT),
];

pub(super) fn check_constraints(schema: &Schema, rows: &mut Rows) {
    for table in schema.tables.values() {
        for check in &table.checks {
            let mut row = named_in_schema(text(&check.name)).to_vec();
            row.extend([text(&check.text), text(&table.name)]);
            rows.push(row);
        }
    }
}

/// A key that is a constraint.
struct Key<'s> {
    name: Option<&'s String>,
    columns: &'s [usize],
    is_primary: bool,
}

fn keys(table: &Table) -> impl Iterator<Item = Key<'_>> {
    let primary = Key { name: table.primary_name.as_ref(), columns: &table.primary, is_primary: true };
    let primary = Some(primary).filter(|key| !key.columns.is_empty());
    let unique = table.indexes.iter().filter(|index| index.unique && index.of_constraint);
    primary.into_iter().chain(unique.map(|index| Key { name: Some(&index.name), columns: &index.columns, is_primary: false }))
}

/// The table that a foreign key refers to and the key there: the primary key or a unique index, whose columns may stand in another order.
fn referenced<'s>(schema: &'s Schema, foreign: &ForeignKey) -> Option<(&'s Table, Key<'s>)> {
    let parent = schema.table_by_id(foreign.table)?;
    let is_it = |columns: &[usize]| {
        columns.len() == foreign.referenced.len() && columns.iter().all(|column| foreign.referenced.contains(column))
    };
    let primary = Key { name: parent.primary_name.as_ref(), columns: &parent.primary, is_primary: true };
    let indexes = parent.indexes.iter().filter(|index| index.unique);
    let indexes = indexes.map(|index| Key { name: Some(&index.name), columns: &index.columns, is_primary: false });
    std::iter::once(primary).chain(indexes).find(|key| is_it(key.columns)).map(|key| (&**parent, key))
}
