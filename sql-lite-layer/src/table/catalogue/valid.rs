//! What must hold of a schema, whoever wrote it: checked when it is read and when a table is changed.

use std::collections::BTreeSet;

use crate::table::reference;
use crate::table::schema::{Column, Schema, Table, fold};
use crate::types::DataType;

/// Columns of a table, dropped ones too. Their numbers are stored in 16 bits.
pub(super) const MAX_COLUMNS: usize = 4096;

type Checked = std::result::Result<(), String>;

/// A whole schema whose next object gets the number `next`.
pub(super) fn check_schema(schema: &Schema, next: u32) -> Checked {
    let (mut ids, mut names) = (BTreeSet::new(), BTreeSet::new());
    for (folded, table) in &schema.tables {
        let fail = |what: String| Err(format!("table \"{}\": {what}", table.name));
        if let Err(what) = check_table(table) {
            return fail(what);
        }
        if schema.views.contains_key(folded) || schema.sequences.contains_key(folded) {
            return fail("a view or a sequence has the same name".to_owned());
        }
        for id in std::iter::once(table.id).chain(table.indexes.iter().map(|index| index.id)) {
            if id.0 >= next || !ids.insert(id) {
                return fail(format!("number {} belongs to something else, or to nothing", id.0));
            }
        }
        if let Some(index) = table.indexes.iter().find(|index| !names.insert(fold(&index.name))) {
            return fail(format!("another index is called \"{}\" too", index.name));
        }
        for foreign in &table.foreign {
            let Some(parent) = schema.table_by_id(foreign.table) else {
                return fail(format!("foreign key \"{}\" refers to a table that is not there", foreign.name));
            };
            if let Err(what) = check_reference(table, &foreign.columns, parent, &foreign.referenced) {
                return fail(format!("foreign key \"{}\" {what}", foreign.name));
            }
        }
    }
    match schema.sequences.values().find(|sequence| sequence.id.0 >= next || !ids.insert(sequence.id)) {
        Some(sequence) => Err(format!("sequence \"{}\" has the number {} of something else", sequence.name, sequence.id.0)),
        None => Ok(()),
    }
}

/// What a table says of itself.
pub(super) fn check_table(table: &Table) -> Checked {
    if table.columns.len() > MAX_COLUMNS {
        return Err(format!("{} columns, dropped ones among them; at most {MAX_COLUMNS} are possible", table.columns.len()));
    }
    let mut names = BTreeSet::new();
    for column in table.columns.iter().filter(|column| !column.dropped) {
        if !names.insert(fold(&column.name)) {
            return Err(format!("two columns are called \"{}\"", column.name));
        }
        check_column(column)?;
    }
    check_key(table, &table.primary)?;
    let others = table.indexes.iter().map(|index| &index.columns).chain(table.foreign.iter().map(|foreign| &foreign.columns));
    for columns in others {
        if columns.is_empty() {
            return Err("a key without columns".to_owned());
        }
        check_key(table, columns)?;
    }
    match table.primary.iter().find(|at| table.columns[**at].nullable) {
        Some(at) => Err(format!("column \"{}\" of the primary key may be NULL", table.columns[*at].name)),
        None => Ok(()),
    }
}

fn check_key(table: &Table, columns: &[usize]) -> Checked {
    let mut seen = BTreeSet::new();
    for at in columns {
        match table.columns.get(*at) {
            Some(column) if !column.dropped && seen.insert(at) => (),
            Some(column) => return Err(format!("a key holds the column \"{}\" twice, or it was dropped", column.name)),
            None => return Err(format!("a key holds column {at} of {}", table.columns.len())),
        }
    }
    Ok(())
}

fn check_column(column: &Column) -> Checked {
    let fail = |what: &str| Err(format!("column \"{}\" {what}", column.name));
    match column.data_type {
        DataType::Unknown => return fail("has no type"),
        DataType::Decimal { precision, scale } if precision == 0 || precision > 28 || scale > precision => {
            return fail("has a DECIMAL of impossible length");
        }
        _ => (),
    }
    match column.identity {
        Some(identity) if identity.increment == 0 => fail("counts in steps of 0"),
        Some(_) if !matches!(column.data_type, DataType::Integer(_)) => fail("counts, and is no whole number"),
        _ => Ok(()),
    }
}

/// Whether these columns can refer to those.
pub(super) fn check_reference(child: &Table, columns: &[usize], parent: &Table, referenced: &[usize]) -> Checked {
    if columns.len() != referenced.len() || columns.is_empty() {
        return Err(format!("has {} columns and refers to {}", columns.len(), referenced.len()));
    }
    if reference::parents(parent, referenced).is_none() {
        return Err(format!("refers to columns of \"{}\" that are neither its primary key nor a unique key", parent.name));
    }
    if reference::support(child, columns).is_none() {
        return Err("has no index that finds its rows".to_owned());
    }
    for (own, other) in columns.iter().zip(referenced) {
        let (own, other) = (&child.columns[*own], &parent.columns[*other]);
        // Keys of one class compare as bytes, whatever their widths.
        if std::mem::discriminant(&own.data_type) != std::mem::discriminant(&other.data_type) {
            return Err(format!("compares \"{}\", {}, with \"{}\", {}", own.name, own.data_type, other.name, other.data_type));
        }
    }
    Ok(())
}
