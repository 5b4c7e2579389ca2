//! What tables, columns, indexes and constraints there are. Stored in the catalogue by postcard, one entry an object.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::links::Links;
use crate::types::DataType;

/// Everything that is defined, at one moment.
#[derive(Clone, Debug, Default)]
pub(crate) struct Schema {
    /// Counts the changes of the schema; plans are made for one version.
    pub(crate) version: u64,
    /// By folded name (`fold`).
    pub(crate) tables: BTreeMap<String, Arc<Table>>,
    pub(crate) views: BTreeMap<String, Arc<View>>,
    pub(crate) sequences: BTreeMap<String, Arc<Sequence>>,
    /// What follows from the tables. Whoever changes them in place sets it back.
    pub(crate) links: Links,
}

/// Number of a table, an index or a sequence: one number space, never given twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub(crate) struct ObjectId(pub(crate) u32);

/// A table.
///
/// Invariants: column numbers in keys and indexes are below `columns.len()`, each once in one key; names are unique in their kind.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Table {
    pub(crate) id: ObjectId,
    pub(crate) name: String,
    pub(crate) columns: Vec<Column>,
    /// Columns of the primary key in its order. Empty: rows have a hidden key, a whole number that counts up.
    pub(crate) primary: Vec<usize>,
    pub(crate) primary_name: Option<String>,
    pub(crate) indexes: Vec<Index>,
    pub(crate) checks: Vec<Check>,
    pub(crate) foreign: Vec<ForeignKey>,
    pub(crate) comment: Option<String>,
}

/// A column.
///
/// A dropped column keeps its number, so that rows need not be written again: it is hidden, and new rows hold NULL there.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Column {
    pub(crate) name: String,
    pub(crate) data_type: DataType,
    pub(crate) nullable: bool,
    /// The expression's text.
    pub(crate) default: Option<String>,
    /// What a row that is older than the column holds there: a value as `encode::row` writes one. None: NULL.
    pub(crate) missing: Option<Vec<u8>>,
    pub(crate) identity: Option<IdentityColumn>,
    pub(crate) comment: Option<String>,
    pub(crate) dropped: bool,
}

/// A column that counts by itself. Its counter is `Sequence`-like and stands beside the table.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(crate) struct IdentityColumn {
    pub(crate) always: bool,
    pub(crate) start: i64,
    pub(crate) increment: i64,
}

/// An index. The key of an entry is the columns' values and, unless it is unique and none of them is NULL, the row's key; the value of a unique entry is the row's key.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Index {
    pub(crate) id: ObjectId,
    pub(crate) name: String,
    pub(crate) columns: Vec<usize>,
    pub(crate) unique: bool,
    /// Made for a UNIQUE or FOREIGN KEY constraint, which alone can drop it.
    pub(crate) of_constraint: bool,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Check {
    pub(crate) name: String,
    /// The expression's text.
    pub(crate) text: String,
}

/// A reference from `columns` of this table to `referenced` of another, which are its primary key or a unique index's columns.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct ForeignKey {
    pub(crate) name: String,
    pub(crate) columns: Vec<usize>,
    pub(crate) table: ObjectId,
    pub(crate) referenced: Vec<usize>,
    pub(crate) on_delete: Action,
    pub(crate) on_update: Action,
}

/// What becomes of the rows that refer to a key which goes or changes. Stored; never renumber.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Action {
    Restrict,
    Cascade,
    SetNull,
    SetDefault,
    /// As RESTRICT, which is judged at the statement's end, too: the name alone is another.
    #[expect(clippy::enum_variant_names, reason = "its name in SQL")]
    NoAction,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct View {
    pub(crate) name: String,
    pub(crate) columns: Vec<String>,
    pub(crate) text: String,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Sequence {
    pub(crate) id: ObjectId,
    pub(crate) name: String,
    pub(crate) start: i64,
    pub(crate) increment: i64,
}

/// What the folded names of INFORMATION_SCHEMA's tables begin with. Nothing that is defined has such a name.
pub(crate) const INFORMATION_SCHEMA: &str = "information_schema.";

/// Whether this name is one of INFORMATION_SCHEMA.
pub(crate) fn is_information(name: &str) -> bool {
    name.get(..INFORMATION_SCHEMA.len()).is_some_and(|prefix| prefix.eq_ignore_ascii_case(INFORMATION_SCHEMA))
}

/// The form of a name by which it is found: ASCII letters in lower case.
pub(crate) fn fold(name: &str) -> String {
    name.to_ascii_lowercase()
}

impl Schema {
    /// The table with this name, in whatever case.
    pub(crate) fn table(&self, name: &str) -> Option<&Arc<Table>> {
        self.tables.get(&fold(name))
    }

    /// The table with this number.
    pub(crate) fn table_by_id(&self, id: ObjectId) -> Option<&Arc<Table>> {
        self.tables.values().find(|table| table.id == id)
    }

    /// The index with this name, in whatever case, as `table.indexes[n]`.
    pub(crate) fn index(&self, name: &str) -> Option<(&Arc<Table>, usize)> {
        let mut found = self.tables.values().filter_map(|table| Some((table, table.index(name)?)));
        found.next()
    }

    /// The foreign keys of other tables, and of itself, that refer to this one: `table.foreign[n]`.
    pub(crate) fn referring(&self, id: ObjectId) -> impl Iterator<Item = (&Arc<Table>, usize)> {
        let all = self.tables.values().flat_map(|table| (0..table.foreign.len()).map(move |number| (table, number)));
        all.filter(move |(table, number)| table.foreign[*number].table == id)
    }
}

impl Table {
    /// The number of the column with this name, in whatever case; dropped ones are not found.
    pub(crate) fn column(&self, name: &str) -> Option<usize> {
        self.columns.iter().position(|column| !column.dropped && column.name.eq_ignore_ascii_case(name))
    }

    /// The number of the index with this name, in whatever case.
    pub(crate) fn index(&self, name: &str) -> Option<usize> {
        self.indexes.iter().position(|index| index.name.eq_ignore_ascii_case(name))
    }

    /// Numbers of the columns that are there, in order.
    pub(crate) fn visible(&self) -> impl Iterator<Item = usize> + '_ {
        self.columns.iter().enumerate().filter(|(_, column)| !column.dropped).map(|(at, _)| at)
    }
}
