//! Steady random overwriting in durable batches: rate, what is written for each byte, the longest stalls.

use std::time::Instant;

use hdrhistogram::Histogram;

use crate::engine::{Connection, Outcome, Safety};
use crate::load::ENTRY_LEN;
use crate::meter::{Meter, Spent, settle, written_bytes};
use crate::samples::{Row, Sheet};

use super::Session;

const PUTS: Row = Row::rate("load-puts", "random inserts one by one, one transaction", "entries/s");
const RATE: Row = Row::rate("overwrite", "steady random overwrite, durable batches of 100", "entries/s");
const AMPLIFIED: Row = Row::cost("overwrite-bytes", "bytes written for a byte overwritten, checkpoints in it included", "x");
const TAIL: Row = Row::cost("overwrite-p999", "durable batch of 100 in it, p99.9", "ms");
const STALL: Row = Row::cost("overwrite-max", "durable batch of 100 in it, longest", "ms");
pub(super) const ROWS: &[Row] = &[PUTS, RATE, AMPLIFIED, TAIL, STALL];

/// Entries of a batch.
const BATCH_LEN: usize = 100;
/// Of the time of other rows: checkpoints and compactions are to be in it.
const TIMES: u32 = 4;

/// A store that ends with the rows.
pub(super) fn play(session: &Session<'_>, sheet: &mut Sheet<'_>) -> Outcome {
    let load = session.load;
    let engine = session.open("overwritten")?;
    let mut connection = engine.connect()?;
    settle(session.folder)?;
    let meter = Meter::start();
    connection.write(Safety::Synced, &mut |writer| load.pairs().try_for_each(|(key, value)| writer.put(key, value)))?;
    sheet.rate(PUTS, load.entries() as u64, meter.spent());
    if [RATE, AMPLIFIED, TAIL, STALL].iter().any(|row| sheet.wants(row)) {
        steady(session, sheet, &mut *connection)?;
    }
    drop(connection);
    engine.close()?;
    Ok(std::fs::remove_dir_all(session.folder.join("overwritten"))?)
}

fn steady(session: &Session<'_>, sheet: &mut Sheet<'_>, connection: &mut dyn Connection) -> Outcome {
    let load = session.load;
    settle(session.folder)?;

    let mut random = load.random(50);
    let mut latencies: Histogram<u64> = Histogram::new(3)?;
    let (before, meter) = (written_bytes(session.folder)?, Meter::start());
    let until = Instant::now() + session.plan.time * TIMES;
    let mut count = 0;
    while count < session.plan.overwrites * load.entries() {
        let start = Instant::now();
        if start >= until {
            break;
        }
        connection.write(Safety::Synced, &mut |writer| {
            (0..BATCH_LEN).try_for_each(|j| writer.put(load.key(random.usize(..load.entries())), load.value(count + j)))
        })?;
        latencies.record(u64::try_from(start.elapsed().as_nanos())?)?;
        count += BATCH_LEN;
    }
    let spent = meter.spent();
    settle(session.folder)?;
    let written = written_bytes(session.folder)? - before;

    sheet.rate(RATE, count as u64, spent);
    sheet.put(AMPLIFIED, written as f64 / (count as u64 * ENTRY_LEN) as f64, 0, Spent::default());
    sheet.put(TAIL, latencies.value_at_quantile(0.999) as f64 / 1e6, 0, Spent::default());
    sheet.put(STALL, latencies.max() as f64 / 1e6, 0, Spent::default());
    Ok(())
}
