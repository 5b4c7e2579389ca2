//! The catalogue: the schema as it is stored, and every change of it.
//!
//! ```text
//!   engine table "sql"    0                     header: number of the schema, next object's number
//!                         1, table's number     table, with its columns, indexes and constraints
//!                         2, folded name        view
//!                         3, sequence's number  sequence
//! ```
//!
//! Values are written by postcard behind one byte that says the form. Stored; never renumber.
//!
//! 1. A change is made in a transaction and in a schema together. If it fails both are to be thrown away: the transaction back to a savepoint, the schema replaced by the one before.
//! 2. A number is never given twice in a store. What was made for a dropped table never meets another one.
//! 3. No table is open in the transaction when a change begins.
//!
//! What a change must compute, it is given: defaults of new columns as values, conversions as functions. CHECK constraints of existing rows are the caller's to look at.

mod columns;
mod constraints;
mod indexes;
mod others;
mod rewrite;
mod tables;
mod valid;

use std::ops::Bound;
use std::sync::Arc;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use treering::{Snapshot, Store, WriteTxn};

pub(crate) use columns::{
    Filling, add_column, drop_column, rename_column, set_column_comment, set_default, set_nullable, set_type,
};
pub(crate) use constraints::{add_check, add_foreign_key, add_primary_key, add_unique, drop_constraint};
pub(crate) use indexes::{add_index, drop_index};
pub(crate) use others::{create_sequence, create_view, drop_sequence, drop_view};
pub(super) use rewrite::fill_index;
pub(crate) use tables::{create_table, drop_all, drop_table, rename_table, set_table_comment};

use super::entries::Tables;
use super::links::Links;
use super::schema::{ObjectId, Schema, Sequence, Table, View, fold, is_information};
use super::stored::Stored;
use crate::error::{Error, ErrorKind, Result};

const HEADER: u8 = 0;
const TABLE: u8 = 1;
const VIEW: u8 = 2;
const SEQUENCE: u8 = 3;

/// Form of everything in the catalogue, and of rows and index entries.
const FORM: u8 = 1;

#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
struct Header {
    /// Number of the schema.
    version: u64,
    /// The number that the next object gets.
    next: u32,
}

/// Makes the catalogue of a new store. Nothing happens if there is one, or if the store cannot be written.
pub(crate) fn prepare(store: &Store) -> Result<()> {
    if is_in(&store.snapshot())? {
        return Ok(());
    }
    let txn = match store.begin_write() {
        Err(e) if e.kind() == treering::ErrorKind::ReadOnly => return Ok(()),
        txn => txn?,
    };
    Edit::begin(&txn, &mut Schema::default())?.finish()?;
    txn.commit()?;
    Ok(())
}

/// Whether there is a catalogue.
pub(crate) fn is_in(snapshot: &Snapshot) -> Result<bool> {
    match snapshot.reader().table(Stored::Catalogue.name().as_str()) {
        Ok(_) => Ok(true),
        Err(e) if e.kind() == treering::ErrorKind::NotFound => Ok(false),
        Err(e) => Err(e.into()),
    }
}

/// Reads the schema. A store without a catalogue has an empty one.
///
/// # Errors
/// `Store` if something in it is not as this build writes it.
pub(crate) fn load(tables: Tables<'_>) -> Result<Schema> {
    let catalogue = match tables.stored(Stored::Catalogue) {
        Err(e) if e.engine().is_some_and(|e| e.kind() == treering::ErrorKind::NotFound) => return Ok(Schema::default()),
        catalogue => catalogue?,
    };
    let mut schema = Schema::default();
    let mut header = None;
    for entry in catalogue.all()? {
        let (key, value) = entry?;
        let twice = match key.split_first() {
            Some((&HEADER, [])) => header.replace(decode::<Header>(&key, value)?).is_some(),
            Some((&TABLE, id)) => {
                let table: Table = decode(&key, value)?;
                check_name(&key, id == table.id.0.to_be_bytes())?;
                schema.tables.insert(fold(&table.name), Arc::new(table)).is_some()
            }
            Some((&VIEW, name)) => {
                let view: View = decode(&key, value)?;
                check_name(&key, name == fold(&view.name).as_bytes())?;
                schema.views.insert(fold(&view.name), Arc::new(view)).is_some()
            }
            Some((&SEQUENCE, id)) => {
                let sequence: Sequence = decode(&key, value)?;
                check_name(&key, id == sequence.id.0.to_be_bytes())?;
                schema.sequences.insert(fold(&sequence.name), Arc::new(sequence)).is_some()
            }
            _ => return Err(damaged(&key, "nothing has such a key")),
        };
        if twice {
            return Err(damaged(&key, "another one has its name"));
        }
    }
    let header = header.ok_or_else(|| damaged(&[HEADER], "it is missing"))?;
    schema.version = header.version;
    valid::check_schema(&schema, header.next).map_err(|what| damaged(&[], &what))?;
    Ok(schema)
}

/// Refuses a table that cannot be: the catalogue would not be read again.
fn check_table(table: &Table) -> Result<()> {
    let kind = if table.columns.len() > valid::MAX_COLUMNS { ErrorKind::Limit } else { ErrorKind::State };
    let invalid = |what| Error::new(kind, format!("table \"{}\": {what}", table.name)).with_state("42P16");
    valid::check_table(table).map_err(invalid)
}

/// A change of the schema under way.
struct Edit<'a> {
    txn: &'a WriteTxn,
    schema: &'a mut Schema,
    header: Header,
    /// Asked now and then, in what takes long, whether to go on.
    look: &'a dyn Fn() -> Result<()>,
}

impl<'a> Edit<'a> {
    fn begin(txn: &'a WriteTxn, schema: &'a mut Schema) -> Result<Edit<'a>> {
        drop(txn.ensure_table(Stored::Counters.name().as_str())?);
        let catalogue = txn.ensure_table(Stored::Catalogue.name().as_str())?;
        let header = match catalogue.get(&[HEADER])? {
            Some(value) => decode(&[HEADER], value)?,
            None => Header { version: 0, next: 1 },
        };
        if header.version != schema.version {
            return Err(Error::new(ErrorKind::State, "the schema has changed meanwhile"));
        }
        Ok(Edit { txn, schema, header, look: &|| Ok(()) })
    }

    /// Ends the change: the schema gets the next number.
    fn finish(mut self) -> Result<()> {
        self.header.version += 1;
        self.schema.version = self.header.version;
        let header = self.header;
        self.put(&[HEADER], &header)
    }

    fn new_id(&mut self) -> Result<ObjectId> {
        let id = ObjectId(self.header.next);
        match self.header.next.checked_add(1) {
            Some(next) => self.header.next = next,
            None => return Err(Error::new(ErrorKind::Limit, "all numbers of tables and indexes were given")),
        }
        Ok(id)
    }

    fn table(&self, id: ObjectId) -> Result<Arc<Table>> {
        let table = self.schema.table_by_id(id);
        table.map(Arc::clone).ok_or_else(|| Error::new(ErrorKind::State, "the table is gone: the schema has changed"))
    }

    /// A copy of the table, to be changed and given to [`Edit::put_table`].
    fn copy(&self, id: ObjectId) -> Result<Table> {
        Ok(Table::clone(&*self.table(id)?))
    }

    /// Writes a table, new or changed.
    fn put_table(&mut self, table: Table) -> Result<Arc<Table>> {
        check_table(&table)?;
        self.put(&numbered_key(TABLE, table.id), &table)?;
        let table = Arc::new(table);
        self.schema.tables.retain(|_, old| old.id != table.id);
        self.schema.tables.insert(fold(&table.name), Arc::clone(&table));
        self.schema.links = Links::default();
        Ok(table)
    }

    fn put(&mut self, key: &[u8], object: &impl Serialize) -> Result<()> {
        self.txn.open_table(Stored::Catalogue.name().as_str())?.insert(key, &encode(object)?)?;
        Ok(())
    }

    fn remove(&mut self, key: &[u8]) -> Result<()> {
        self.txn.open_table(Stored::Catalogue.name().as_str())?.remove(key)?;
        Ok(())
    }

    fn create_stored(&self, what: Stored) -> Result<()> {
        drop(self.txn.create_table(what.name().as_str())?);
        Ok(())
    }

    fn drop_stored(&self, what: Stored) -> Result<()> {
        self.txn.drop_table(what.name().as_str())?;
        Ok(())
    }

    /// Forgets what a table, one of its columns or a sequence has counted.
    fn forget_counters(&self, id: ObjectId, column: Option<usize>) -> Result<()> {
        let mut prefix = id.0.to_be_bytes().to_vec();
        // A table has fewer columns than 2^16.
        prefix.extend(column.iter().flat_map(|column| (*column as u16).to_be_bytes()));
        let end = crate::encode::key::next_prefix(&prefix);
        let end = end.as_deref().map_or(Bound::Unbounded, Bound::Excluded);
        let mut counters = self.txn.open_table(Stored::Counters.name().as_str())?;
        counters.remove_range((Bound::Included(&prefix), end))?;
        Ok(())
    }

    /// Tables, views and sequences share their names.
    fn check_free(&self, name: &str) -> Result<()> {
        if is_information(name) {
            let message = "INFORMATION_SCHEMA says what is defined, and cannot be changed itself";
            return Err(Error::new(ErrorKind::Unsupported, message));
        }
        let folded = fold(name);
        let kind = match () {
            () if self.schema.tables.contains_key(&folded) => "a table",
            () if self.schema.views.contains_key(&folded) => "a view",
            () if self.schema.sequences.contains_key(&folded) => "a sequence",
            () => return Ok(()),
        };
        Err(Error::new(ErrorKind::Exists, format!("there is {kind} \"{name}\" already")).with_state("42P07"))
    }
}

fn numbered_key(kind: u8, id: ObjectId) -> [u8; 5] {
    let [a, b, c, d] = id.0.to_be_bytes();
    [kind, a, b, c, d]
}

fn view_key(name: &str) -> Vec<u8> {
    let mut key = vec![VIEW];
    key.extend_from_slice(fold(name).as_bytes());
    key
}

fn encode(object: &impl Serialize) -> Result<Vec<u8>> {
    let encoded = postcard::to_extend(object, vec![FORM]);
    encoded.map_err(|e| Error::new(ErrorKind::Limit, format!("the definition cannot be stored: {e}")))
}

fn decode<T: DeserializeOwned>(key: &[u8], value: &[u8]) -> Result<T> {
    let Some((&FORM, bytes)) = value.split_first() else {
        return Err(damaged(key, "it has a form that this build does not know"));
    };
    match postcard::take_from_bytes(bytes) {
        Ok((object, [])) => Ok(object),
        Ok(_) => Err(damaged(key, "something follows it")),
        Err(e) => Err(damaged(key, &e.to_string())),
    }
}

fn check_name(key: &[u8], is_own: bool) -> Result<()> {
    if is_own { Ok(()) } else { Err(damaged(key, "it has another number or name than its key")) }
}

fn damaged(key: &[u8], what: &str) -> Error {
    let message = format!("the catalogue is damaged at \"{}\": {what}", key.escape_ascii());
    Error::new(ErrorKind::Store, message).with_state("XX001")
}

/// SQLSTATE 2BP01: something else needs it.
fn needed(message: String) -> Error {
    Error::new(ErrorKind::Constraint, message).with_state("2BP01")
}
