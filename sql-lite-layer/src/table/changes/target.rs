//! What a statement knows of a table that it changes.

use std::cell::{Cell, OnceCell};
use std::sync::Arc;

use super::*;
use crate::table::reference::Reference;

/// A table being changed.
pub(super) struct Target {
    pub(super) table: Arc<Table>,
    /// Columns that must not be NULL.
    pub(super) required: Vec<usize>,
    /// Its foreign keys, in their order.
    pub(super) parents: Vec<Rc<Reference>>,
    /// Foreign keys that refer to it. Looked up when a row goes.
    children: OnceCell<Vec<Rc<Reference>>>,
    /// The key of the last row of a table without primary key.
    pub(super) last_hidden: Cell<Option<i64>>,
}

impl Target {
    pub(super) fn new(schema: &Schema, id: ObjectId) -> Result<Target> {
        let Some(table) = schema.table_by_id(id) else {
            return Err(Error::new(ErrorKind::State, "the table is gone: the schema has changed"));
        };
        let table = Arc::clone(table);
        let parents = (0..table.foreign.len()).map(|number| Reference::resolve(schema, &table, number).map(Rc::new));
        let parents = parents.collect::<Result<_>>()?;
        let columns = table.columns.iter().enumerate();
        let required = columns.filter(|(_, column)| !column.nullable && !column.dropped).map(|(at, _)| at).collect();
        Ok(Target { table, required, parents, children: OnceCell::new(), last_hidden: Cell::new(None) })
    }

    pub(super) fn rows(&self) -> Stored {
        Stored::Rows(self.table.id)
    }

    pub(super) fn index(&self, at: usize) -> Stored {
        Stored::Index(self.table.indexes[at].id)
    }

    pub(super) fn children(&self, schema: &Schema) -> Result<&[Rc<Reference>]> {
        if let Some(children) = self.children.get() {
            return Ok(children);
        }
        let found = Reference::to(schema, self.table.id)?.into_iter().map(Rc::new).collect();
        Ok(self.children.get_or_init(|| found))
    }
}
