//! Reads a damaged store with suspicion: each answer is right or an error that names its place.

use std::sync::Arc;

use treering::disk::Disk;
use treering::{Error, ErrorKind, Snapshot, Store};
use treering_tests::{SimulatedDisk, State};

use crate::small::Built;

/// What became of the damage.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Found {
    /// Every answer was right.
    Right,
    /// Opening or reading said what is damaged.
    Error,
    /// The last commit is missing, and the report says so.
    Dropped,
    /// The last commit is missing, and nothing of it is left to be told of: the report says that the store was not closed cleanly, and no more.
    Silent,
}

/// Opens the damaged file for reading and reads everything.
pub(crate) fn judge(built: &Built, disk: &Arc<SimulatedDisk>, is_flip: bool) -> Result<Found, String> {
    match built.options.open_read_only_on(Arc::clone(disk) as Arc<dyn Disk>) {
        Ok(store) => {
            let found = look(built, &store, is_flip)?;
            // What a reader stumbles over a check has found.
            if found == Found::Error && store.check().is_ok_and(|report| report.is_sound()) {
                return Err("a read found damage that the check did not".into());
            }
            Ok(found)
        }
        Err(e) => named(&e).map(|()| Found::Error),
    }
}

/// Opens a copy for writing, reads, checkpoints, compacts, and reads again.
pub(crate) fn judge_writable(built: &Built, file: &[u8], is_flip: bool) -> Result<(), String> {
    let store = match built.options.open_on(SimulatedDisk::holding(file)) {
        Ok(store) => store,
        Err(e) => return named(&e),
    };
    let found = look(built, &store, is_flip)?;
    for result in [store.checkpoint().map(drop), store.compact().map(drop)] {
        result.or_else(|e| named(&e))?;
    }
    let again = look(built, &store, is_flip)?;
    if found == Found::Error && again != Found::Error {
        return Err("what was damaged before the compaction is not damaged any more".into());
    }
    Ok(())
}

pub(crate) fn look(built: &Built, store: &Store, is_flip: bool) -> Result<Found, String> {
    let report = store.open_report();
    let snapshot = store.snapshot();
    if snapshot.version() == built.version {
        return read(&snapshot, &built.state);
    }
    match &built.before {
        Some(before) if snapshot.version() + 1 == built.version => {
            // Whether the last commit was torn or never begun cannot be told when nothing of it is left; then at least nothing was said to be complete.
            let is_silent = report.dropped_bytes == 0;
            if is_silent && (report.clean || is_flip) {
                return Err(format!("the last commit is gone, and the report says nothing: {report:?}"));
            }
            read(&snapshot, before)?;
            Ok(if is_silent { Found::Silent } else { Found::Dropped })
        }
        _ => Err(format!("opened at version {} instead of {}: {report:?}", snapshot.version(), built.version)),
    }
}

/// Every table and entry, by range from both ends and by key; an error that names its place ends one of these ways only.
pub(crate) fn read(snapshot: &Snapshot, expected: &State) -> Result<Found, String> {
    let reader = snapshot.reader();
    let names: Vec<String> = reader.tables().into_iter().map(|info| info.name).collect();
    if names != expected.tables().collect::<Vec<_>>() {
        return Err(format!("tables {names:?}"));
    }
    let mut found = Found::Right;
    let mut error = |e: &Error| {
        found = Found::Error;
        named(e)
    };
    for name in &names {
        let table = reader.table(name).map_err(|e| format!("{e:?}"))?;
        let entries = expected.table(name).expect("compared above");
        if table.len() != entries.len() as u64 {
            return Err(format!("table {name} has {} entries instead of {}", table.len(), entries.len()));
        }
        let mut due = entries.iter();
        match table.iter() {
            Ok(range) => {
                for item in range {
                    match (item, due.next()) {
                        (Ok((key, value)), Some((k, v))) if *key == k[..] && value == v => {}
                        (Err(e), _) => {
                            error(&e)?;
                            due = Default::default();
                            break;
                        }
                        (Ok((key, _)), due) => return Err(format!("table {name}: {key:?} instead of {due:?}")),
                    }
                }
            }
            Err(e) => {
                error(&e)?;
                due = Default::default();
            }
        }
        if let Some(missing) = due.next() {
            return Err(format!("table {name}: the range ends before {missing:?}"));
        }
        for (n, (key, value)) in entries.iter().enumerate() {
            match table.get(key) {
                Ok(Some(got)) if got == value => {}
                Err(e) => error(&e)?,
                Ok(got) => return Err(format!("table {name}: get {key:?} gave {got:?}")),
            }
            if n % 5 != 0 {
                continue;
            }
            match table.nth(n as u64) {
                Ok(Some((got, _))) if *got == key[..] => {}
                Err(e) => error(&e)?,
                Ok(got) => return Err(format!("table {name}: nth {n} gave {got:?}")),
            }
        }
    }
    Ok(found)
}

/// The error says what is damaged, and where.
fn named(e: &Error) -> Result<(), String> {
    let text = e.to_string();
    let places = ["record", "segment", "header", "chunk", "page", "extent", "seal", "log"];
    let kinds = [ErrorKind::Corrupt, ErrorKind::NotAStore, ErrorKind::Unsupported];
    let is_named = places.iter().any(|place| text.contains(place)) && text.chars().any(|c| c.is_ascii_digit());
    if kinds.contains(&e.kind()) && (is_named || e.kind() != ErrorKind::Corrupt) {
        return Ok(());
    }
    Err(format!("an error that does not say where: {e:?}"))
}
