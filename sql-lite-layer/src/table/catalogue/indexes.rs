//! Indexes: added to tables that may have rows, and dropped.

use super::*;
use crate::table::reference::{self, Support};
use crate::table::schema::Index;

/// Adds an index and fills it. Its number is given here. `look` is asked now and then whether to go on.
///
/// # Errors
/// `Exists`. `Constraint` if it is unique and rows have equal values. What `look` says.
pub(crate) fn add_index(
    txn: &WriteTxn,
    schema: &mut Schema,
    id: ObjectId,
    index: Index,
    look: &dyn Fn() -> Result<()>,
) -> Result<()> {
    let mut edit = Edit { look, ..Edit::begin(txn, schema)? };
    let mut table = edit.copy(id)?;
    edit.add_index_to(&mut table, index)?;
    edit.put_table(table)?;
    edit.finish()
}

/// Drops the index with this name.
///
/// # Errors
/// `Name`. `Constraint` (2BP01) if a constraint needs it.
pub(crate) fn drop_index(txn: &WriteTxn, schema: &mut Schema, name: &str) -> Result<()> {
    let mut edit = Edit::begin(txn, schema)?;
    let Some((table, at)) = edit.schema.index(name).map(|(table, at)| (Arc::clone(table), at)) else {
        return Err(Error::new(ErrorKind::Name, format!("there is no index \"{name}\"")).with_state("42704"));
    };
    if table.indexes[at].of_constraint {
        return Err(needed(format!("index \"{name}\" belongs to a constraint of table \"{}\": drop that", table.name)));
    }
    edit.drop_references(&table, Some(table.indexes[at].columns.clone()).filter(|_| table.indexes[at].unique), false)?;
    let mut table = Table::clone(&table);
    edit.take_index(&mut table, at)?;
    edit.put_table(table)?;
    edit.finish()
}

impl Edit<'_> {
    /// Takes an index away from a table that is not yet put back.
    ///
    /// # Errors
    /// `Constraint` if a foreign key of the table finds its rows by it alone.
    pub(super) fn take_index(&mut self, table: &mut Table, at: usize) -> Result<()> {
        let index = table.indexes.remove(at);
        if let Some(foreign) = table.foreign.iter().find(|foreign| reference::support(table, &foreign.columns).is_none()) {
            return Err(needed(format!("index \"{}\" is needed by foreign key \"{}\"", index.name, foreign.name)));
        }
        self.drop_stored(Stored::Index(index.id))
    }

    /// Takes those indexes away that were made for foreign keys which are gone.
    pub(super) fn take_unused_indexes(&mut self, table: &mut Table) -> Result<()> {
        for at in (0..table.indexes.len()).rev() {
            let index = &table.indexes[at];
            let used = |columns: &[usize]| reference::support(table, columns) == Some(Support::Index(at));
            if index.of_constraint && !index.unique && !table.foreign.iter().any(|foreign| used(&foreign.columns)) {
                self.take_index(table, at)?;
            }
        }
        Ok(())
    }

    /// Before a table or its unique key of these columns goes: refuses if a foreign key refers to it, or drops that with `cascade`. With a table its own foreign keys go anyway; a
    /// unique key may go if another one of the same columns stays.
    pub(super) fn drop_references(&mut self, table: &Table, key: Option<Vec<usize>>, cascade: bool) -> Result<()> {
        let concerns = |referenced: &[usize]| match &key {
            None => true,
            Some(key) => {
                key.len() == referenced.len()
                    && key.iter().all(|at| referenced.contains(at))
                    && unique_keys(table, referenced) < 2
            }
        };
        let of_others = |child: &Table| key.is_some() || child.id != table.id;
        let found = self
            .schema
            .referring(table.id)
            .filter(|(child, number)| of_others(child) && concerns(&child.foreign[*number].referenced));
        let found: Vec<(ObjectId, String)> =
            found.map(|(child, number)| (child.id, child.foreign[number].name.clone())).collect();
        for (child, name) in found {
            let mut child = self.copy(child)?;
            if !cascade {
                return Err(needed(format!(
                    "foreign key \"{name}\" of table \"{}\" refers to table \"{}\"",
                    child.name, table.name
                )));
            }
            child.foreign.retain(|foreign| foreign.name != name);
            self.take_unused_indexes(&mut child)?;
            self.put_table(child)?;
        }
        Ok(())
    }
}

/// How many unique keys of exactly these columns there are.
fn unique_keys(table: &Table, columns: &[usize]) -> usize {
    let keys = table.indexes.iter().filter(|index| index.unique).map(|index| &index.columns).chain([&table.primary]);
    keys.filter(|key| key.len() == columns.len() && columns.iter().all(|at| key.contains(at))).count()
}
