//! Removing half of the entries, and what the store occupies after the run and when it is as small as it can be made.

use crate::engine::{Engine, Outcome, Safety};
use crate::load::ENTRY_LEN;
use crate::meter::{Meter, Spent, occupied_bytes, settle};
use crate::samples::{Row, Sheet};

use super::Session;

const REMOVE: Row = Row::rate("remove-half", "removals of half, random, one transaction", "entries/s");
const AFTER: Row = Row::cost("size", "size after the run, of what is stored", "x");
const COMPACTED: Row = Row::cost("size-compacted", "size compacted, of what is stored", "x");
const COMPACT: Row = Row::cost("compact-time", "compaction", "ms");
pub(super) const ROWS: &[Row] = &[REMOVE, AFTER, COMPACTED, COMPACT];

/// Ends the store.
pub(super) fn play(session: &Session<'_>, sheet: &mut Sheet<'_>, engine: Box<dyn Engine>) -> Outcome {
    settle(session.folder)?;
    let load = session.load;
    let mut order: Vec<usize> = (0..load.entries()).collect();
    load.random(40).shuffle(&mut order);
    let half = &order[..load.entries() / 2];
    let mut connection = engine.connect()?;
    let meter = Meter::start();
    connection.write(Safety::Synced, &mut |writer| half.iter().try_for_each(|&i| writer.remove(load.key(i))))?;
    sheet.rate(REMOVE, half.len() as u64, meter.spent());

    let mut left = 0;
    connection.read(&mut |reader| {
        left = reader.count()?;
        Ok(())
    })?;
    drop(connection);
    engine.close()?;
    let folder = session.folder.join("loaded");
    let payload = (left * ENTRY_LEN) as f64;
    sheet.put(AFTER, occupied_bytes(&folder)? as f64 / payload, 0, Spent::default());

    let mut engine = session.open("loaded")?;
    let meter = Meter::start();
    engine.compact()?;
    let spent = meter.spent();
    engine.close()?;
    sheet.put(COMPACTED, occupied_bytes(&folder)? as f64 / payload, 0, Spent::default());
    sheet.put(COMPACT, spent.wall.as_secs_f64() * 1e3, 1, spent);
    Ok(())
}
