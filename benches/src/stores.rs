//! Stores for the small measurements: loaded, in memory or in a folder that vanishes.

use tempfile::TempDir;
use treering::{Options, Store};

use crate::engine::Outcome;
use crate::load::Load;

/// The table that is measured.
pub const TABLE: &str = "kv";

/// A store in memory with all of `load`.
///
/// # Errors
/// The engine's.
pub fn in_memory(load: &Load) -> Outcome<Store> {
    filled(Options::new().in_memory()?, load)
}

/// A store in a file with all of `load`, and its folder: drop it last.
///
/// # Errors
/// The engine's.
pub fn in_file(load: &Load) -> Outcome<(Store, TempDir)> {
    let folder = tempfile::tempdir()?;
    let store = filled(Store::open(folder.path().join("store.ring"))?, load)?;
    store.checkpoint()?;
    Ok((store, folder))
}

fn filled(store: Store, load: &Load) -> Outcome<Store> {
    let txn = store.begin_write()?;
    let mut table = txn.create_table(TABLE)?;
    load.pairs().try_for_each(|(key, value)| table.insert(key, value))?;
    drop(table);
    txn.commit()?;
    Ok(store)
}
