//! Columns of tables and views, with their types.

use super::{NUMBER, Rows, TEXT, named_in_schema, number, text, text_or_null, yes_or_no};
use crate::parse::ast::{Parsed, Statement};
use crate::parse::{Limits, parse};
use crate::plan::node::OutColumn;
use crate::plan::{Planner, State};
use crate::table::schema::{Schema, View};
use crate::types::{DataType, IntWidth, Value};

pub(super) const COLUMNS: &[(&str, DataType)] = &[
    ("TABLE_CATALOG", TEXT),
    ("TABLE_SCHEMA", TEXT),
    ("TABLE_NAME", TEXT),
    ("COLUMN_NAME", TEXT),
    ("ORDINAL_POSITION", NUMBER),
    ("COLUMN_DEFAULT", TEXT),
    ("IS_NULLABLE", TEXT),
    ("DATA_TYPE", TEXT),
    ("CHARACTER_MAXIMUM_LENGTH", NUMBER),
    ("CHARACTER_OCTET_LENGTH", NUMBER),
    ("NUMERIC_PRECISION", NUMBER),
    ("NUMERIC_PRECISION_RADIX", NUMBER),
    ("NUMERIC_SCALE", NUMBER),
    ("DATETIME_PRECISION", NUMBER),
    ("IS_IDENTITY", TEXT),
    ("IDENTITY_GENERATION", TEXT),
    ("IDENTITY_START", NUMBER),
    ("IDENTITY_INCREMENT", NUMBER),
    ("REMARKS", TEXT),
];

pub(super) fn columns(schema: &Schema, rows: &mut Rows) {
    for table in schema.tables.values() {
        for (nth, at) in table.visible().enumerate() {
            let column = &table.columns[at];
            let mut row = named_in_schema(text(&table.name)).to_vec();
            row.extend([text(&column.name), number(nth + 1), text_or_null(column.default.as_ref()), yes_or_no(column.nullable)]);
            row.extend(described(&column.data_type));
            row.push(yes_or_no(column.identity.is_some()));
            row.extend(match column.identity {
                None => [Value::Null, Value::Null, Value::Null],
                Some(identity) => {
                    let generation = text(if identity.always { "ALWAYS" } else { "BY DEFAULT" });
                    [generation, Value::Int(identity.start), Value::Int(identity.increment)]
                }
            });
            row.push(text_or_null(column.comment.as_ref()));
            rows.push(row);
        }
    }
    for view in schema.views.values() {
        for (nth, column) in columns_of_view(schema, view).iter().enumerate() {
            let mut row = named_in_schema(text(&view.name)).to_vec();
            row.extend([text(&column.name), number(nth + 1), Value::Null, yes_or_no(true)]);
            row.extend(described(&column.data_type));
            row.extend([yes_or_no(false), Value::Null, Value::Null, Value::Null, Value::Null]);
            rows.push(row);
        }
    }
}

/// A view's columns as its query has them now; none if it cannot be planned.
///
/// A view may read the table that is being made here: it is planned for its types alone, without rows, so that this ends.
fn columns_of_view(schema: &Schema, view: &View) -> Vec<OutColumn> {
    let parsed = parse(&view.text, &Limits::default()).unwrap_or_default();
    let [Parsed { statement: Statement::Query(query), .. }] = &parsed[..] else { return Vec::new() };
    let mut state = State { types_alone: true, ..State::default() };
    let mut planner = Planner { schema, state: &mut state, levels: Vec::new(), named: Vec::new() };
    let mut columns = planner.query(query).map_or_else(|_| Vec::new(), |planned| planned.columns);
    for (column, name) in columns.iter_mut().zip(&view.columns) {
        column.name.clone_from(name);
    }
    columns
}

/// The columns from DATA_TYPE to DATETIME_PRECISION.
fn described(data_type: &DataType) -> [Value<'static>; 7] {
    let int = |number: i64| Value::Int(number);
    let length = |max: Option<u32>, bytes_each: i64| max.map(|max| (i64::from(max), i64::from(max) * bytes_each));
    let (name, length, number, fraction) = match *data_type {
        DataType::Unknown => ("NULL", None, None, None),
        DataType::Boolean => ("BOOLEAN", None, None, None),
        DataType::Integer(IntWidth::Tiny) => ("TINYINT", None, Some((8, 2, Some(0))), None),
        DataType::Integer(IntWidth::Small) => ("SMALLINT", None, Some((16, 2, Some(0))), None),
        DataType::Integer(IntWidth::Int) => ("INTEGER", None, Some((32, 2, Some(0))), None),
        DataType::Integer(IntWidth::Big) => ("BIGINT", None, Some((64, 2, Some(0))), None),
        DataType::Double => ("DOUBLE PRECISION", None, Some((53, 2, None)), None),
        DataType::Decimal { precision, scale } => {
            ("NUMERIC", None, Some((i64::from(precision), 10, Some(i64::from(scale)))), None)
        }
        DataType::Text { max } => ("CHARACTER VARYING", length(max, 4), None, None),
        DataType::Blob { max: None } => ("BINARY LARGE OBJECT", None, None, None),
        DataType::Blob { max } => ("BINARY VARYING", length(max, 1), None, None),
        DataType::Timestamp => ("TIMESTAMP", None, None, Some(6)),
        DataType::Date => ("DATE", None, None, Some(0)),
        DataType::Uuid => ("UUID", None, None, None),
    };
    let (characters, octets) = length.map_or((Value::Null, Value::Null), |(characters, octets)| (int(characters), int(octets)));
    let (precision, radix, scale) = number.map_or((Value::Null, Value::Null, Value::Null), |(precision, radix, scale)| {
        (int(precision), int(radix), scale.map_or(Value::Null, int))
    });
    [text(name), characters, octets, precision, radix, scale, fraction.map_or(Value::Null, int)]
}
