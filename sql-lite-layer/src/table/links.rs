//! What a change needs to know of a table beside its definition: where parents and children of its rows are found. Worked out once for a schema, not for each statement.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, OnceLock};

use super::counters::Counter;
use super::reference::Reference;
use super::schema::{ObjectId, Schema, Table};
use super::stored::Stored;
use crate::error::{Error, ErrorKind, Result};

/// A table with what hangs on it.
pub(super) struct Linked {
    pub(super) table: Arc<Table>,
    /// Columns that must not be NULL.
    pub(super) required: Vec<usize>,
    /// Columns that count.
    pub(super) counters: Vec<(usize, Counter)>,
    /// Its foreign keys, in their order.
    pub(super) parents: Vec<Arc<Reference>>,
    /// Foreign keys that refer to it.
    pub(super) children: Vec<Arc<Reference>>,
}

impl Linked {
    pub(super) fn rows(&self) -> Stored {
        Stored::Rows(self.table.id)
    }

    pub(super) fn index(&self, at: usize) -> Stored {
        Stored::Index(self.table.indexes[at].id)
    }
}

/// The links of a schema, made when they are first needed. A copy of a schema begins without, for it is made to be changed.
#[derive(Default)]
pub(crate) struct Links(OnceLock<HashMap<ObjectId, Arc<Linked>>>);

impl Clone for Links {
    fn clone(&self) -> Links {
        Links::default()
    }
}

impl fmt::Debug for Links {
    /// Says nothing: it follows from the schema.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Links")
    }
}

impl Schema {
    /// The table with this number, and its links.
    pub(super) fn linked(&self, id: ObjectId) -> Result<Arc<Linked>> {
        let links = match self.links.0.get() {
            Some(links) => links,
            None => {
                let made = make(self)?;
                self.links.0.get_or_init(|| made)
            }
        };
        let linked = links.get(&id).map(Arc::clone);
        linked.ok_or_else(|| Error::new(ErrorKind::State, "the table is gone: the schema has changed"))
    }
}

fn make(schema: &Schema) -> Result<HashMap<ObjectId, Arc<Linked>>> {
    let mut links: HashMap<ObjectId, Linked> = HashMap::with_capacity(schema.tables.len());
    for table in schema.tables.values() {
        let columns = || table.columns.iter().enumerate();
        let linked = Linked {
            table: Arc::clone(table),
            required: columns().filter(|(_, column)| !column.nullable && !column.dropped).map(|(at, _)| at).collect(),
            counters: columns().filter_map(|(at, column)| Some((at, Counter::of_column(table, at, column.identity?)))).collect(),
            parents: Vec::new(),
            children: Vec::new(),
        };
        links.insert(table.id, linked);
    }
    for child in schema.tables.values() {
        for number in 0..child.foreign.len() {
            let reference = Arc::new(Reference::resolve(schema, child, number)?);
            if let Some(parent) = links.get_mut(&reference.parent.id) {
                parent.children.push(Arc::clone(&reference));
            }
            if let Some(child) = links.get_mut(&child.id) {
                child.parents.push(reference);
            }
        }
    }
    Ok(links.into_iter().map(|(id, linked)| (id, Arc::new(linked))).collect())
}
