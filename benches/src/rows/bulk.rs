//! Loading everything in one durable transaction: in random order, and sorted.

use crate::engine::{Engine, Outcome};
use crate::meter::{Meter, settle};
use crate::samples::{Row, Sheet};

use super::Session;

const RANDOM: Row = Row::rate("load-random", "bulk load, unsorted, one transaction", "entries/s");
pub(super) const SORTED: Row = Row::rate("load-sorted", "bulk load, sorted, one transaction", "entries/s");
pub(super) const ROWS: &[Row] = &[RANDOM];

/// The store that most rows work on.
pub(super) fn random(session: &Session<'_>, sheet: &mut Sheet<'_>) -> Outcome<Box<dyn Engine>> {
    let engine = session.open("loaded")?;
    settle(session.folder)?;
    let mut connection = engine.connect()?;
    let meter = Meter::start();
    connection.load(session.load)?;
    sheet.rate(RANDOM, session.load.entries() as u64, meter.spent());
    drop(connection);
    Ok(engine)
}

/// A store that ends with the row.
pub(super) fn sorted(session: &Session<'_>, sheet: &mut Sheet<'_>) -> Outcome {
    let engine = session.open("sorted")?;
    settle(session.folder)?;
    let mut connection = engine.connect()?;
    let meter = Meter::start();
    connection.load_sorted(session.load)?;
    sheet.rate(SORTED, session.load.entries() as u64, meter.spent());
    drop(connection);
    engine.close()?;
    Ok(std::fs::remove_dir_all(session.folder.join("sorted"))?)
}
