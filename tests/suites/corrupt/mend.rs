//! Salvages a damaged store, and holds what came out against the model.
//!
//! 1. A table holds nothing but what the version in the report had: no key more, no value else.
//! 2. A key of that version is in its table or in a range that the report names as lost, also where a whole table is gone.
//! 3. What is doubtful stands apart, lies in a lost range or behind a gap in the log, and was true once.
//! 4. The new store is sound, and the damaged file is as it was.

use std::collections::BTreeMap;
use std::sync::Arc;

use treering::disk::Disk;
use treering::{Loss, Salvaged};

use treering_tests::model::{Entries, between};
use treering_tests::{SimulatedDisk, State, drive};

use crate::small::Built;

/// Salvages what is on `disk`; the report, if everything in it is true.
pub(crate) fn salvage(built: &Built, disk: &SimulatedDisk) -> Result<Salvaged, String> {
    let new = SimulatedDisk::new();
    new.forget();
    let report = treering::salvage_on(disk, Arc::clone(&new) as Arc<dyn Disk>).map_err(|e| format!("salvage failed: {e:?}"))?;
    let store = built.options.open_on(new).map_err(|e| format!("the new store does not open: {e:?}"))?;
    let checked = store.check().map_err(|e| format!("{e:?}"))?;
    if !checked.is_sound() {
        return Err(format!("the new store is not sound: {checked}"));
    }
    let snapshot = store.snapshot();
    let found = drive::read(&snapshot.reader()).map_err(|e| format!("{e:?}"))?;
    compare(built, &report, &found).map_err(|what| format!("{what}\n{report}"))?;
    Ok(report)
}

/// The same for a file that lacks nothing: everything comes over.
pub(crate) fn salvage_whole(built: &Built, disk: &SimulatedDisk) -> Result<(), String> {
    let report = salvage(built, disk)?;
    if report.is_complete() && report.version == built.version {
        return Ok(());
    }
    Err(format!("something is said to be lost of a store that reads well: {report}"))
}

fn compare(built: &Built, report: &Salvaged, found: &State) -> Result<(), String> {
    if report.version > built.version {
        return Err(format!("version {} was never made", report.version));
    }
    let expected = built.model.at(report.version);
    let doubtful: BTreeMap<&str, &str> =
        report.tables.iter().filter_map(|table| Some((&*table.doubtful.as_ref()?.0, &*table.name))).collect();
    for name in found.tables() {
        let entries = found.table(name).expect("a name of this state");
        match (expected.table(name), doubtful.get(name)) {
            (Some(expected), _) => is_part(name, entries, expected)?,
            (None, Some(of)) => was_true_once(built, of, entries)?,
            (None, None) => return Err(format!("table {name} should not be there")),
        }
    }
    let is_without_state = report.version == 0 && built.version > 0;
    let in_report = report.tables.iter().map(|table| &*table.name);
    for name in expected.tables().filter(|_| !is_without_state) {
        let (nothing, entries) = (Entries::default(), expected.table(name).expect("a name of this state"));
        let found = found.table(name).unwrap_or(&nothing);
        if !in_report.clone().any(|table| table == name) {
            return Err(format!("the report does not name table {name}"));
        }
        if let Some(key) = entries.keys().find(|key| !found.contains_key(*key) && !is_named(report, name, key)) {
            return Err(format!("table {name}: {} is lost, and the report does not say so", key.escape_ascii()));
        }
    }
    let is_older = report.version < built.version && built.before.is_none();
    let is_said = report.losses.iter().any(|loss| matches!(loss, Loss::Versions { .. })) || !report.notes.is_empty();
    if is_older && !is_said { Err("it is older than it should be, and does not say so".into()) } else { Ok(()) }
}

fn is_part(name: &str, found: &Entries, expected: &Entries) -> Result<(), String> {
    match found.iter().find(|(key, value)| expected.get(*key) != Some(*value)) {
        Some((key, _)) => Err(format!("table {name}: {} has a wrong value or should not be there", key.escape_ascii())),
        None => Ok(()),
    }
}

/// Every doubtful entry was in some version of some table: names may be lost, and tables may have been renamed.
fn was_true_once(built: &Built, of: &str, found: &Entries) -> Result<(), String> {
    let was = |key: &Vec<u8>, value: &Vec<u8>| {
        (0..=built.version).any(|version| {
            let state = built.model.at(version);
            state.tables().any(|name| state.table(name).and_then(|entries| entries.get(key)) == Some(value))
        })
    };
    match found.iter().find(|(key, value)| !was(key, value)) {
        Some((key, _)) => Err(format!("doubtful about {of}: {} never had this value", key.escape_ascii())),
        None => Ok(()),
    }
}

fn is_named(report: &Salvaged, name: &str, key: &[u8]) -> bool {
    report.losses.iter().any(|loss| match loss {
        Loss::Keys { table, from, to, .. } if table == name => {
            between(key, (from.as_ref().map(Vec::as_slice), to.as_ref().map(Vec::as_slice)))
        }
        _ => false,
    })
}
