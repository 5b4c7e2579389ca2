//! Tables, views, sequences and indexes.

use super::{NUMBER, Rows, TEXT, named_in_schema, number, text, text_or_null, yes_or_no};
use crate::table::schema::{Index, Schema, Table};
use crate::types::{DataType, Value};

pub(super) const TABLES: &[(&str, DataType)] = &[
    ("TABLE_CATALOG", TEXT),
    ("TABLE_SCHEMA", TEXT),
    ("TABLE_NAME", TEXT),
    ("TABLE_TYPE", TEXT),
    ("IS_INSERTABLE_INTO", TEXT),
    ("REMARKS", TEXT),
];

pub(super) fn tables(schema: &Schema, rows: &mut Rows) {
    for table in schema.tables.values() {
        let mut row = named_in_schema(text(&table.name)).to_vec();
        row.extend([text("BASE TABLE"), yes_or_no(true), text_or_null(table.comment.as_ref())]);
        rows.push(row);
    }
    for view in schema.views.values() {
        let mut row = named_in_schema(text(&view.name)).to_vec();
        row.extend([text("VIEW"), yes_or_no(false), Value::Null]);
        rows.push(row);
    }
}

pub(super) const VIEWS: &[(&str, DataType)] = &[
    ("TABLE_CATALOG", TEXT),
    ("TABLE_SCHEMA", TEXT),
    ("TABLE_NAME", TEXT),
    ("VIEW_DEFINITION", TEXT),
    ("CHECK_OPTION", TEXT),
    ("IS_UPDATABLE", TEXT),
    ("IS_INSERTABLE_INTO", TEXT),
];

pub(super) fn views(schema: &Schema, rows: &mut Rows) {
    for view in schema.views.values() {
        let mut row = named_in_schema(text(&view.name)).to_vec();
        row.extend([text(&view.text), text("NONE"), yes_or_no(false), yes_or_no(false)]);
        rows.push(row);
    }
}

pub(super) const SEQUENCES: &[(&str, DataType)] = &[
    ("SEQUENCE_CATALOG", TEXT),
    ("SEQUENCE_SCHEMA", TEXT),
    ("SEQUENCE_NAME", TEXT),
    ("DATA_TYPE", TEXT),
    ("NUMERIC_PRECISION", NUMBER),
    ("NUMERIC_PRECISION_RADIX", NUMBER),
    ("NUMERIC_SCALE", NUMBER),
    ("START_VALUE", NUMBER),
    ("MINIMUM_VALUE", NUMBER),
    ("MAXIMUM_VALUE", NUMBER),
    ("INCREMENT", NUMBER),
    ("CYCLE_OPTION", TEXT),
];

pub(super) fn sequences(schema: &Schema, rows: &mut Rows) {
    for sequence in schema.sequences.values() {
        let mut row = named_in_schema(text(&sequence.name)).to_vec();
        row.push(text("BIGINT"));
        let (start, increment) = (sequence.start, sequence.increment);
        row.extend([64, 2, 0, start, i64::MIN, i64::MAX, increment].map(Value::Int));
        row.push(yes_or_no(false));
        rows.push(row);
    }
}

pub(super) const INDEXES: &[(&str, DataType)] = &[
    ("INDEX_CATALOG", TEXT),
    ("INDEX_SCHEMA", TEXT),
    ("INDEX_NAME", TEXT),
    ("TABLE_CATALOG", TEXT),
    ("TABLE_SCHEMA", TEXT),
    ("TABLE_NAME", TEXT),
    ("INDEX_TYPE_NAME", TEXT),
    ("IS_GENERATED", DataType::Boolean),
];

pub(super) fn indexes(schema: &Schema, rows: &mut Rows) {
    each_index(schema, |table, key| {
        let mut row = key.named(table);
        row.push(text(match (key.index, key.unique) {
            (None, _) => "PRIMARY KEY",
            (Some(_), true) => "UNIQUE INDEX",
            (Some(_), false) => "INDEX",
        }));
        row.push(Value::Bool(key.index.is_none_or(|index| index.of_constraint)));
        rows.push(row);
    });
}

pub(super) const INDEX_COLUMNS: &[(&str, DataType)] = &[
    ("INDEX_CATALOG", TEXT),
    ("INDEX_SCHEMA", TEXT),
    ("INDEX_NAME", TEXT),
    ("TABLE_CATALOG", TEXT),
    ("TABLE_SCHEMA", TEXT),
    ("TABLE_NAME", TEXT),
    ("COLUMN_NAME", TEXT),
    ("ORDINAL_POSITION", NUMBER),
    ("ORDERING_SPECIFICATION", TEXT),
    ("NULL_ORDERING", TEXT),
    ("IS_UNIQUE", DataType::Boolean),
];

pub(super) fn index_columns(schema: &Schema, rows: &mut Rows) {
    each_index(schema, |table, key| {
        for (at, column) in key.columns.iter().enumerate() {
            let mut row = key.named(table);
            row.extend([text(&table.columns[*column].name), number(at + 1), text("ASC"), text("FIRST"), Value::Bool(key.unique)]);
            rows.push(row);
        }
    });
}

/// The primary key, in whose order the rows stand, or an index.
struct Key<'s> {
    name: Option<&'s String>,
    columns: &'s [usize],
    unique: bool,
    /// None: the primary key.
    index: Option<&'s Index>,
}

impl Key<'_> {
    fn named(&self, table: &Table) -> Vec<Value<'static>> {
        let own = named_in_schema(text_or_null(self.name));
        own.into_iter().chain(named_in_schema(text(&table.name))).collect()
    }
}

fn each_index(schema: &Schema, mut each: impl FnMut(&Table, Key<'_>)) {
    for table in schema.tables.values() {
        if !table.primary.is_empty() {
            each(table, Key { name: table.primary_name.as_ref(), columns: &table.primary, unique: true, index: None });
        }
        for index in &table.indexes {
            let key = Key { name: Some(&index.name), columns: &index.columns, unique: index.unique, index: Some(index) };
            each(table, key);
        }
    }
}
