//! Filling an index from its table, and writing a table anew: by bulk load, in the transaction of the change.

use treering::WriteTxn;

use crate::error::{Error, ErrorKind, Result};
use crate::table::rows;
use crate::table::schema::{Index, Table};
use crate::table::stored::Stored;
use crate::table::violation;
use crate::types::Value;

/// While a table is written anew its old rows stand under this name.
const OLD_ROWS: &str = "rewritten";

/// Fills an empty index. The engine table is there already. `look` is asked every 256 rows whether to go on.
///
/// # Errors
/// `Constraint` if rows have equal values in a unique index; what `look` says.
pub(in crate::table) fn fill_index(txn: &WriteTxn, table: &Table, index: &Index, look: &dyn Fn() -> Result<()>) -> Result<()> {
    let rows = txn.open_table(Stored::Rows(table.id).name().as_str())?;
    let mut entries = txn.open_table(Stored::Index(index.id).name().as_str())?;
    let (mut failed, mut fed) = (None, 0_u64);
    let made = rows.range(ALL)?.map_while(|row| {
        let looked = if fed.is_multiple_of(256) { look() } else { Ok(()) };
        let row = looked.and_then(|()| row.map_err(Error::from));
        let made = row.and_then(|(key, row)| entry(table, index, &key, row));
        fed += u64::from(made.is_ok());
        made.map_err(|e| failed = Some(e)).ok()
    });
    let loaded = entries.load_unsorted(made)?;
    if let Some(e) = failed {
        return Err(e);
    }
    if loaded == fed {
        return Ok(());
    }
    // Of equal entries the last one stayed: whoever finds another row's key is one of two.
    for row in rows.range(ALL)? {
        let (key, row) = row?;
        let (entry, own) = entry(table, index, &key, row)?;
        if entries.get(&entry)?.is_some_and(|other| other != own) {
            return Err(violation::unique_key(table, Some(&index.name), &index.columns, &entry));
        }
    }
    Err(Error::new(ErrorKind::Store, format!("index \"{}\" holds {loaded} of {fed} entries", index.name)).with_state("XX001"))
}

/// Everything.
const ALL: (std::ops::Bound<&[u8]>, std::ops::Bound<&[u8]>) = (std::ops::Bound::Unbounded, std::ops::Bound::Unbounded);

fn entry(table: &Table, index: &Index, key: &[u8], row: &[u8]) -> Result<(Vec<u8>, Vec<u8>)> {
    let mut entry = Vec::with_capacity(key.len() + 16 * index.columns.len());
    let null = rows::push_stored_columns(&mut entry, table, &index.columns, row)?;
    let value = if index.unique && !null {
        key.to_vec()
    } else {
        entry.extend_from_slice(key);
        Vec::new()
    };
    rows::check_key_len(&entry, || format!("index \"{}\"", index.name), table)?;
    Ok((entry, value))
}

/// Writes the rows of `old` as rows of `new`, which has the same numbers: `convert` changes each. Then all indexes of `new`, whose engine tables are there.
/// `look` is asked every 256 rows whether to go on.
///
/// # Errors
/// `Constraint` if rows of `new` have equal keys; what `convert` and `look` say.
pub(super) fn rewrite(
    txn: &WriteTxn,
    old: &Table,
    new: &Table,
    look: &dyn Fn() -> Result<()>,
    convert: &mut dyn for<'v> FnMut(Vec<Value<'v>>) -> Result<Vec<Value<'v>>>,
) -> Result<()> {
    let name = Stored::Rows(old.id).name();
    txn.rename_table(name.as_str(), OLD_ROWS)?;
    let was = txn.open_table(OLD_ROWS)?;
    let mut will = txn.create_table(name.as_str())?;
    let (mut failed, mut fed) = (None, 0i64);
    let made = was.range(ALL)?.map_while(|row| {
        let looked = if fed % 256 == 0 { look() } else { Ok(()) };
        fed += 1;
        let made = looked.and_then(|()| row.map_err(Error::from)).and_then(|(_, row)| {
            let values = convert(rows::values(old, row)?)?;
            let key = if new.primary.is_empty() { rows::hidden_key(fed) } else { rows::row_key(new, &values) };
            rows::check_key_len(&key, || "a row".to_owned(), new)?;
            let mut row = Vec::with_capacity(row.len());
            crate::encode::row::encode(&mut row, values.iter());
            Ok((key, row))
        });
        made.map_err(|e| failed = Some(e)).ok()
    });
    let loaded = will.load_unsorted(made)?;
    if let Some(e) = failed {
        return Err(e);
    }
    if loaded != fed.unsigned_abs() {
        return Err(first_twice(new, was.range(ALL)?, old, convert)?);
    }
    drop((was, will));
    txn.drop_table(OLD_ROWS)?;
    for index in &new.indexes {
        let name = Stored::Index(index.id).name();
        txn.drop_table(name.as_str())?;
        drop(txn.create_table(name.as_str())?);
        fill_index(txn, new, index, look)?;
    }
    Ok(())
}

/// The error of rows that have one primary key.
fn first_twice(
    new: &Table,
    rows: treering::Range<'_>,
    old: &Table,
    convert: &mut dyn for<'v> FnMut(Vec<Value<'v>>) -> Result<Vec<Value<'v>>>,
) -> Result<Error> {
    // Keys alone: on the way to an error memory for them is well spent.
    let mut seen = std::collections::BTreeSet::new();
    for row in rows {
        let (_, row) = row?;
        let values = convert(rows::values(old, row)?)?;
        if !seen.insert(rows::row_key(new, &values)) {
            return Ok(violation::unique(new, new.primary_name.as_deref(), &new.primary, &values));
        }
    }
    Ok(Error::new(ErrorKind::Store, format!("rows of table \"{}\" were lost on the way", new.name)).with_state("XX001"))
}
