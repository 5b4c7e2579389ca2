//! A foreign key resolved against the schema: where its parents are looked up, and where its children are found.

use std::sync::Arc;

use super::entries::Tables;
use super::rows;
use super::schema::{ForeignKey, Schema, Table};
use super::stored::Stored;
use super::violation;
use crate::encode::key;
use crate::error::{Error, ErrorKind, Result};
use crate::types::{DataType, Value};

/// A foreign key with both of its tables.
#[derive(Clone, Debug)]
pub(super) struct Reference {
    pub(super) child: Arc<Table>,
    /// `child.foreign[number]`
    pub(super) number: usize,
    pub(super) parent: Arc<Table>,
    /// Children are found by a prefix: the rows themselves, or `child.indexes[n]`.
    pub(super) support: Support,
    /// Where a parent is found by its whole key.
    pub(super) parents: Stored,
    /// The order of the parent's key: its n-th column is referred to by the `order[n]`-th column of the foreign key.
    order: Vec<usize>,
}

/// What begins with the columns of a foreign key, in their order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Support {
    Primary,
    Index(usize),
}

impl Reference {
    /// Foreign key `number` of `child`.
    pub(super) fn resolve(schema: &Schema, child: &Arc<Table>, number: usize) -> Result<Reference> {
        let foreign = &child.foreign[number];
        let parent = if foreign.table == child.id { Some(child) } else { schema.table_by_id(foreign.table) };
        let found =
            parent.and_then(|parent| Some((parent, parents(parent, &foreign.referenced)?, support(child, &foreign.columns)?)));
        match found {
            Some((parent, (parents, order), support)) => {
                Ok(Reference { child: Arc::clone(child), number, parent: Arc::clone(parent), support, parents, order })
            }
            None => Err(Error::new(
                ErrorKind::State,
                format!("foreign key \"{}\" of table \"{}\" lost its table or its index", foreign.name, child.name),
            )),
        }
    }

    pub(super) fn foreign(&self) -> &ForeignKey {
        &self.child.foreign[self.number]
    }

    /// The engine table in which a prefix finds children.
    pub(super) fn children(&self) -> Stored {
        match self.support {
            Support::Primary => Stored::Rows(self.child.id),
            Support::Index(at) => Stored::Index(self.child.indexes[at].id),
        }
    }

    /// Appends the key of the parent that this row of the child refers to. Without one, because a column is NULL, says false and appends anything.
    pub(super) fn push_parent(&self, out: &mut Vec<u8>, row: &[Value<'_>]) -> bool {
        let columns = &self.foreign().columns;
        if columns.iter().any(|at| row[*at].is_null()) {
            return false;
        }
        for n in &self.order {
            key::push(out, &row[columns[*n]]);
        }
        true
    }

    /// Appends the prefix of the children that refer to this stored row of the parent. False if a column is NULL.
    pub(super) fn push_children(&self, out: &mut Vec<u8>, stored: &[u8]) -> Result<bool> {
        Ok(!rows::push_stored_columns(out, &self.parent, &self.foreign().referenced, stored)?)
    }

    /// Turns a prefix of children into the key of their parent.
    pub(super) fn parent_of_prefix(&self, prefix: &[u8]) -> Result<Vec<u8>> {
        let (mut rest, mut parts) = (prefix, Vec::with_capacity(self.order.len()));
        for _ in &self.order {
            let whole = rest;
            key::skip(&mut rest)?;
            parts.push(&whole[..whole.len() - rest.len()]);
        }
        Ok(self.order.iter().flat_map(|n| parts[*n]).copied().collect())
    }
}

/// What finds rows of `table` by these columns whole: the primary key or a unique index, in whatever order; and that order.
pub(super) fn parents(table: &Table, columns: &[usize]) -> Option<(Stored, Vec<usize>)> {
    let order = |key: &[usize]| -> Option<Vec<usize>> {
        let order: Option<Vec<usize>> = key.iter().map(|at| columns.iter().position(|column| column == at)).collect();
        order.filter(|order| order.len() == columns.len() && !order.is_empty())
    };
    if let Some(order) = order(&table.primary) {
        return Some((Stored::Rows(table.id), order));
    }
    let unique = table.indexes.iter().filter(|index| index.unique);
    unique.filter_map(|index| Some((Stored::Index(index.id), order(&index.columns)?))).next()
}

/// What finds rows of `table` by a prefix of these columns.
pub(super) fn support(table: &Table, columns: &[usize]) -> Option<Support> {
    if table.primary.starts_with(columns) {
        return Some(Support::Primary);
    }
    let index = table.indexes.iter().position(|index| index.columns.starts_with(columns));
    index.map(Support::Index)
}

impl Reference {
    /// Checks all rows of the child: each value once, in the order of the index. `look` is asked now and then whether to go on.
    ///
    /// # Errors
    /// `Constraint` that names the first value without a parent; what `look` says.
    pub(super) fn check_all(&self, tables: Tables<'_>, look: &dyn Fn() -> Result<()>) -> Result<()> {
        let (parents, mut last) = (tables.stored(self.parents)?, Vec::new());
        for (number, entry) in tables.stored(self.children())?.all()?.enumerate() {
            if number.is_multiple_of(256) {
                look()?;
            }
            let (key, _) = entry?;
            let prefix = self.prefix(&key)?;
            let Some(prefix) = prefix.filter(|prefix| **prefix != *last) else { continue };
            if parents.get(&self.parent_of_prefix(prefix)?)?.is_none() {
                return Err(violation::foreign(&self.child, self.number, &self.parent, prefix, false));
            }
            last.clear();
            last.extend_from_slice(prefix);
        }
        Ok(())
    }

    /// Refuses if any row of the child refers to the parent.
    ///
    /// # Errors
    /// `Constraint` that names the first.
    pub(super) fn check_none(&self, tables: Tables<'_>) -> Result<()> {
        for entry in tables.stored(self.children())?.all()? {
            let (key, _) = entry?;
            if let Some(prefix) = self.prefix(&key)? {
                return Err(violation::foreign(&self.child, self.number, &self.parent, prefix, true));
            }
        }
        Ok(())
    }

    /// The foreign key's part of a child's entry; none if one of its columns is NULL.
    fn prefix<'k>(&self, entry: &'k [u8]) -> Result<Option<&'k [u8]>> {
        let (mut rest, mut null) = (entry, false);
        for _ in &self.foreign().columns {
            null |= key::take(&mut rest, &DataType::Unknown)?.is_null();
        }
        Ok((!null).then_some(&entry[..entry.len() - rest.len()]))
    }
}
