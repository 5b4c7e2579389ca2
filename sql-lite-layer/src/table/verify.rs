//! Whether what is stored is what the schema says: every index equals its table, and constraints hold. CHECK constraints are expressions, which others compute.

use std::sync::Arc;

use super::entries::Tables;
use super::reference::Reference;
use super::rows;
use super::schema::{Schema, Table};
use crate::encode::key;
use crate::error::Result;
use crate::types::{DataType, Value};

/// Problems of one kind and table beyond these are only counted.
const SHOWN: usize = 10;

/// Checks everything; gives what is wrong. Reads each row, and looks each index up once for each row.
pub(crate) fn verify(tables: Tables<'_>, schema: &Schema) -> Vec<String> {
    let mut problems = Vec::new();
    for table in schema.tables.values() {
        let mut found = Found { lines: Vec::new(), count: 0 };
        if let Err(e) = verify_table(tables, schema, table, &mut found) {
            found.note(format!("cannot be read: {e}"));
        }
        let (count, lines) = (found.count, found.lines);
        problems.extend(lines.iter().map(|line| format!("table \"{}\": {line}", table.name)));
        if count > lines.len() {
            problems.push(format!("table \"{}\": {} more", table.name, count - lines.len()));
        }
    }
    problems
}

struct Found {
    lines: Vec<String>,
    count: usize,
}

impl Found {
    fn note(&mut self, line: String) {
        self.count += 1;
        if self.lines.len() < SHOWN {
            self.lines.push(line);
        }
    }
}

fn verify_table(tables: Tables<'_>, schema: &Schema, table: &Arc<Table>, found: &mut Found) -> Result<()> {
    let rows = tables.rows(table)?;
    let indexes = table.indexes.iter().map(|index| tables.index(index)).collect::<Result<Vec<_>>>()?;
    let references = (0..table.foreign.len()).map(|number| Reference::resolve(schema, table, number));
    let references = references.collect::<Result<Vec<_>>>()?;
    for (index, entries) in table.indexes.iter().zip(&indexes) {
        if entries.len() != rows.len() {
            found.note(format!("index \"{}\" has {} entries for {} rows", index.name, entries.len(), rows.len()));
        }
    }
    for entry in rows.all()? {
        let (row_key, row) = entry?;
        let values = match rows::values(table, row) {
            Ok(values) => values,
            Err(e) => {
                found.note(format!("row {row_key:?} cannot be read: {e}"));
                continue;
            }
        };
        verify_values(table, &row_key, &values, found);
        for (index, entries) in table.indexes.iter().zip(&indexes) {
            let mut entry = Vec::new();
            let null = rows::push_columns(&mut entry, &index.columns, &values);
            let value: &[u8] = if index.unique && !null { &row_key } else { &[] };
            if value.is_empty() {
                entry.extend_from_slice(&row_key);
            }
            match entries.get(&entry)? {
                None => found.note(format!("row {row_key:?} is not in index \"{}\"", index.name)),
                Some(other) if other != value => {
                    found.note(format!("row {row_key:?}: index \"{}\" names another row", index.name))
                }
                Some(_) => (),
            }
        }
        for reference in &references {
            let mut parent = Vec::new();
            if reference.push_parent(&mut parent, &values) && tables.stored(reference.parents)?.get(&parent)?.is_none() {
                let (key, parent) = (&reference.foreign().name, &reference.parent.name);
                found.note(format!("row {row_key:?}: foreign key \"{key}\" refers to a row that \"{parent}\" does not have"));
            }
        }
    }
    Ok(())
}

/// What one row says of itself.
fn verify_values(table: &Table, row_key: &[u8], values: &[Value<'_>], found: &mut Found) {
    let mut rest = row_key;
    let stands_right = match table.primary.is_empty() {
        true => matches!(key::take(&mut rest, &DataType::BIGINT), Ok(Value::Int(_))) && rest.is_empty(),
        false => rows::row_key(table, values) == row_key,
    };
    if !stands_right {
        found.note(format!("row \"{}\" stands under another key than its own", row_key.escape_ascii()));
    }
    for (column, value) in table.columns.iter().zip(values).filter(|(column, _)| !column.dropped) {
        if value.is_null() && !column.nullable {
            found.note(format!("row \"{}\": column \"{}\" is NULL", row_key.escape_ascii(), column.name));
        }
        if !is_of(value, &column.data_type) {
            found.note(format!("row \"{}\": column \"{}\" is no {}", row_key.escape_ascii(), column.name, column.data_type));
        }
    }
}

/// Whether a column of this type can hold the value.
fn is_of(value: &Value<'_>, data_type: &DataType) -> bool {
    match (value, data_type) {
        (Value::Null, _)
        | (Value::Bool(_), DataType::Boolean)
        | (Value::Double(_), DataType::Double)
        | (Value::Timestamp(_), DataType::Timestamp)
        | (Value::Date(_), DataType::Date)
        | (Value::Uuid(_), DataType::Uuid) => true,
        (Value::Int(number), DataType::Integer(width)) => (width.range().0..=width.range().1).contains(number),
        (Value::Decimal(number), DataType::Decimal { scale, .. }) => number.scale() == u32::from(*scale),
        (Value::Text(text), DataType::Text { max }) => max.is_none_or(|max| text.chars().count() <= max as usize),
        (Value::Blob(bytes), DataType::Blob { max }) => max.is_none_or(|max| bytes.len() <= max as usize),
        _ => false,
    }
}
