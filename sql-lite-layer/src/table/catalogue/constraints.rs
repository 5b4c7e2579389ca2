//! Constraints: added to tables that may have rows, and dropped. `look` is asked now and then, while rows are read or written, whether to go on; what it says is an error of each.

use super::rewrite::rewrite;
use super::tables::check_constraint_names;
use super::*;
use crate::table::open::Open;
use crate::table::reference::Reference;
use crate::table::schema::{Check, ForeignKey, Index};
use crate::table::violation;

/// Makes these columns the primary key, and NOT NULL. The table is written anew.
///
/// # Errors
/// `State` if it has a primary key. `Constraint` if rows have equal values, or NULL.
pub(crate) fn add_primary_key(
    txn: &WriteTxn,
    schema: &mut Schema,
    id: ObjectId,
    name: Option<String>,
    columns: &[usize],
    look: &dyn Fn() -> Result<()>,
) -> Result<()> {
    let mut edit = Edit { look, ..Edit::begin(txn, schema)? };
    let old = edit.table(id)?;
    let mut table = Table::clone(&old);
    if !table.primary.is_empty() {
        return Err(
            Error::new(ErrorKind::State, format!("table \"{}\" has a primary key already", table.name)).with_state("42P16")
        );
    }
    (table.primary, table.primary_name) = (columns.to_vec(), name);
    for at in columns {
        if let Some(column) = table.columns.get_mut(*at) {
            column.nullable = false;
        }
    }
    check_constraint_names(&table)?;
    let table = edit.put_table(table)?;
    rewrite(txn, &old, &table, look, &mut |row| match columns.iter().find(|at| row[**at].is_null()) {
        Some(at) => Err(violation::not_null(&old, &old.columns[*at])),
        None => Ok(row),
    })?;
    edit.finish()
}

/// Adds a UNIQUE constraint: an index of this name.
///
/// # Errors
/// `Exists`. `Constraint` if rows have equal values.
pub(crate) fn add_unique(
    txn: &WriteTxn,
    schema: &mut Schema,
    id: ObjectId,
    name: &str,
    columns: &[usize],
    look: &dyn Fn() -> Result<()>,
) -> Result<()> {
    let mut edit = Edit { look, ..Edit::begin(txn, schema)? };
    let mut table = edit.copy(id)?;
    let (name, columns) = (name.to_owned(), columns.to_vec());
    edit.add_index_to(&mut table, Index { id: ObjectId(0), name, columns, unique: true, of_constraint: true })?;
    check_constraint_names(&table)?;
    edit.put_table(table)?;
    edit.finish()
}

/// Adds a CHECK constraint. That existing rows obey it, the caller sees to.
///
/// # Errors
/// `Exists`.
pub(crate) fn add_check(txn: &WriteTxn, schema: &mut Schema, id: ObjectId, check: Check) -> Result<()> {
    let mut edit = Edit::begin(txn, schema)?;
    let mut table = edit.copy(id)?;
    table.checks.push(check);
    check_constraint_names(&table)?;
    edit.put_table(table)?;
    edit.finish()
}

/// Adds a foreign key, with an index if its columns need one; see [`create_table`]. Existing rows are checked.
///
/// # Errors
/// `Exists`. `Constraint` (23503) if a row refers to nothing, (42830) if the columns referred to are no unique key.
pub(crate) fn add_foreign_key(
    txn: &WriteTxn,
    schema: &mut Schema,
    id: ObjectId,
    mut key: ForeignKey,
    look: &dyn Fn() -> Result<()>,
) -> Result<()> {
    let mut edit = Edit { look, ..Edit::begin(txn, schema)? };
    let mut table = edit.copy(id)?;
    if key.table == ObjectId(0) {
        key.table = id;
    }
    edit.add_foreign_to(&mut table, key)?;
    check_constraint_names(&table)?;
    let table = edit.put_table(table)?;
    let reference = Reference::resolve(edit.schema, &table, table.foreign.len() - 1)?;
    reference.check_all(Open::new(txn).tables(), look)?;
    edit.finish()
}

/// Drops the constraint with this name, of whatever kind. `cascade`: foreign keys that refer to a unique key go with it.
///
/// # Errors
/// `Name`. `Constraint` (2BP01) if a foreign key refers to it.
pub(crate) fn drop_constraint(
    txn: &WriteTxn,
    schema: &mut Schema,
    id: ObjectId,
    name: &str,
    cascade: bool,
    look: &dyn Fn() -> Result<()>,
) -> Result<()> {
    let mut edit = Edit { look, ..Edit::begin(txn, schema)? };
    let is = |other: &str| other.eq_ignore_ascii_case(name);
    let old = edit.table(id)?;
    if old.primary_name.as_deref().is_some_and(is) {
        edit.drop_references(&old, Some(old.primary.clone()), cascade)?;
        let mut table = edit.copy(id)?;
        (table.primary, table.primary_name) = (Vec::new(), None);
        edit.index_foreign_keys(&mut table)?;
        let table = edit.put_table(table)?;
        rewrite(txn, &old, &table, look, &mut |row| Ok(row))?;
        return edit.finish();
    }
    let unique = old.indexes.iter().position(|index| index.unique && index.of_constraint && is(&index.name));
    if let Some(at) = unique {
        edit.drop_references(&old, Some(old.indexes[at].columns.clone()), cascade)?;
    }
    let mut table = edit.copy(id)?;
    let count = |table: &Table| table.checks.len() + table.foreign.len() + table.indexes.len();
    let before = count(&table);
    table.checks.retain(|check| !is(&check.name));
    table.foreign.retain(|foreign| !is(&foreign.name));
    if unique.is_some()
        && let Some(at) = table.index(name)
    {
        // A foreign key may have used it to find its rows.
        let index = table.indexes.remove(at);
        edit.drop_stored(Stored::Index(index.id))?;
        edit.index_foreign_keys(&mut table)?;
    } else if count(&table) == before {
        let message = format!("table \"{}\" has no constraint \"{name}\"", table.name);
        return Err(Error::new(ErrorKind::Name, message).with_state("42704"));
    }
    edit.take_unused_indexes(&mut table)?;
    edit.put_table(table)?;
    edit.finish()
}

impl Edit<'_> {
    /// Gives the foreign keys of a table that is not yet put back an index again, after what they used has gone.
    fn index_foreign_keys(&mut self, table: &mut Table) -> Result<()> {
        for key in std::mem::take(&mut table.foreign) {
            self.add_foreign_to(table, key)?;
        }
        Ok(())
    }
}
