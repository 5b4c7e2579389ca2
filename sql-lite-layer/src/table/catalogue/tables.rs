//! Tables: created, dropped, renamed.

use super::rewrite::fill_index;
use super::*;
use crate::table::reference;
use crate::table::schema::{Check, ForeignKey, Index};

/// Creates an empty table. Numbers are given here: those in `table` count for nothing, but for `ObjectId(0)` in a foreign key, which means the table itself.
/// A foreign key whose columns no index begins with gets one, which is called like it with `_index` behind.
///
/// # Errors
/// `Exists` if a table, view, sequence, index or constraint has one of the names. `Constraint` (42830) if a foreign key refers to what is no unique key.
pub(crate) fn create_table(txn: &WriteTxn, schema: &mut Schema, mut table: Table) -> Result<ObjectId> {
    let mut edit = Edit::begin(txn, schema)?;
    edit.check_free(&table.name)?;
    table.id = edit.new_id()?;
    let (id, indexes, foreign) = (table.id, std::mem::take(&mut table.indexes), std::mem::take(&mut table.foreign));
    edit.create_stored(Stored::Rows(id))?;
    for index in indexes {
        edit.add_index_to(&mut table, index)?;
    }
    for mut key in foreign {
        if key.table == ObjectId(0) {
            key.table = id;
        }
        edit.add_foreign_to(&mut table, key)?;
    }
    check_constraint_names(&table)?;
    edit.put_table(table)?;
    edit.finish()?;
    Ok(id)
}

/// Drops a table with its rows and indexes. `cascade`: foreign keys of other tables that refer to it go too.
///
/// # Errors
/// `Constraint` (2BP01) if another table refers to it.
pub(crate) fn drop_table(txn: &WriteTxn, schema: &mut Schema, id: ObjectId, cascade: bool) -> Result<()> {
    let mut edit = Edit::begin(txn, schema)?;
    let table = edit.table(id)?;
    edit.drop_references(&table, None, cascade)?;
    edit.drop_whole(&table)?;
    edit.finish()
}

/// Gives a table another name, and these checks: its own, without the old name in their texts.
///
/// # Errors
/// `Exists`.
pub(crate) fn rename_table(txn: &WriteTxn, schema: &mut Schema, id: ObjectId, name: &str, checks: Vec<Check>) -> Result<()> {
    let mut edit = Edit::begin(txn, schema)?;
    let mut table = edit.copy(id)?;
    if fold(&table.name) != fold(name) {
        edit.check_free(name)?;
    }
    (table.name, table.checks) = (name.to_owned(), checks);
    edit.put_table(table)?;
    edit.finish()
}

/// COMMENT ON TABLE.
pub(crate) fn set_table_comment(txn: &WriteTxn, schema: &mut Schema, id: ObjectId, comment: Option<String>) -> Result<()> {
    let mut edit = Edit::begin(txn, schema)?;
    let mut table = edit.copy(id)?;
    table.comment = comment;
    edit.put_table(table)?;
    edit.finish()
}

/// Drops every table, view and sequence.
pub(crate) fn drop_all(txn: &WriteTxn, schema: &mut Schema) -> Result<()> {
    let mut edit = Edit::begin(txn, schema)?;
    for table in edit.schema.tables.values().map(Arc::clone).collect::<Vec<_>>() {
        edit.drop_whole(&table)?;
    }
    for view in std::mem::take(&mut edit.schema.views).values() {
        edit.remove(&view_key(&view.name))?;
    }
    for sequence in std::mem::take(&mut edit.schema.sequences).values() {
        edit.remove(&numbered_key(SEQUENCE, sequence.id))?;
        edit.forget_counters(sequence.id, None)?;
    }
    edit.finish()
}

impl Edit<'_> {
    /// Drops a table that nothing refers to any more.
    fn drop_whole(&mut self, table: &Table) -> Result<()> {
        for index in &table.indexes {
            self.drop_stored(Stored::Index(index.id))?;
        }
        self.drop_stored(Stored::Rows(table.id))?;
        self.forget_counters(table.id, None)?;
        self.remove(&numbered_key(TABLE, table.id))?;
        self.schema.tables.retain(|_, other| other.id != table.id);
        self.schema.links = Links::default();
        Ok(())
    }

    /// Adds an index to a table that is not yet put back, and fills it.
    pub(super) fn add_index_to(&mut self, table: &mut Table, mut index: Index) -> Result<()> {
        if self.schema.index(&index.name).is_some() || table.index(&index.name).is_some() {
            let message = format!("there is an index \"{}\" already", index.name);
            return Err(Error::new(ErrorKind::Exists, message).with_state("42P07"));
        }
        if is_primary(table, &index.name) {
            let message = format!("the primary key of table \"{}\" is called \"{}\" already", table.name, index.name);
            return Err(Error::new(ErrorKind::Exists, message).with_state("42P07"));
        }
        index.id = self.new_id()?;
        self.create_stored(Stored::Index(index.id))?;
        table.indexes.push(index);
        check_table(table)?;
        match table.indexes.last() {
            Some(index) => fill_index(self.txn, table, index, self.look),
            None => Ok(()),
        }
    }

    /// Adds a foreign key to a table that is not yet put back, with an index if it needs one. Existing rows are not looked at.
    pub(super) fn add_foreign_to(&mut self, table: &mut Table, key: ForeignKey) -> Result<()> {
        if table.columns.len() <= key.columns.iter().copied().max().unwrap_or(0) {
            return Err(Error::new(ErrorKind::State, "a foreign key of a column that is not there"));
        }
        if reference::support(table, &key.columns).is_none() && !key.columns.is_empty() {
            let name = self.free_index_name(table, &format!("{}_index", key.name));
            let columns = key.columns.clone();
            self.add_index_to(table, Index { id: ObjectId(0), name, columns, unique: false, of_constraint: true })?;
        }
        let parent = if key.table == table.id { table.clone() } else { self.copy(key.table)? };
        if let Err(what) = valid::check_reference(table, &key.columns, &parent, &key.referenced) {
            return Err(Error::new(ErrorKind::Constraint, format!("foreign key \"{}\" {what}", key.name)).with_state("42830"));
        }
        table.foreign.push(key);
        Ok(())
    }

    fn free_index_name(&self, table: &Table, wanted: &str) -> String {
        let taken = |name: &str| self.schema.index(name).is_some() || table.index(name).is_some() || is_primary(table, name);
        let numbered = (2..).map(|number| format!("{wanted}_{number}"));
        let mut names = std::iter::once(wanted.to_owned()).chain(numbered);
        names.find(|name| !taken(name)).unwrap_or_default()
    }
}

/// Whether the table's primary key has this name. It finds rows as an index does: one of the table cannot be called the same.
fn is_primary(table: &Table, name: &str) -> bool {
    table.primary_name.as_ref().is_some_and(|primary| fold(primary) == fold(name))
}

/// Constraints of one table have names of their own, and its primary key is called as none of its indexes.
pub(super) fn check_constraint_names(table: &Table) -> Result<()> {
    let unique = table.indexes.iter().filter(|index| index.unique && index.of_constraint).map(|index| &index.name);
    let others = table.checks.iter().map(|check| &check.name).chain(table.foreign.iter().map(|foreign| &foreign.name));
    if let Some(index) = table.indexes.iter().find(|index| !index.of_constraint && is_primary(table, &index.name)) {
        let message = format!("table \"{}\" has an index \"{}\" already", table.name, index.name);
        return Err(Error::new(ErrorKind::Exists, message).with_state("42P07"));
    }
    let mut names = std::collections::BTreeSet::new();
    match table.primary_name.iter().chain(unique).chain(others).find(|name| !names.insert(fold(name))) {
        Some(name) => {
            let message = format!("table \"{}\" has a constraint \"{name}\" already", table.name);
            Err(Error::new(ErrorKind::Exists, message))
        }
        None => Ok(()),
    }
}
