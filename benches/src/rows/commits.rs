//! Commits: single entries from one and from several threads, batches, and without a sync.

use std::time::Instant;

use crate::engine::{Connection, Engine, Outcome, Safety};
use crate::meter::settle;
use crate::samples::{Row, Sheet};

use super::{Session, if_supported, together};

const SINGLES: [(usize, Row); 3] = [
    (1, Row::rate("write-1", "individual durable writes, 1 thread", "commits/s")),
    (4, Row::rate("write-4", "individual durable writes, 4 threads", "commits/s")),
    (16, Row::rate("write-16", "individual durable writes, 16 threads", "commits/s")),
];
const BATCH: Row = Row::rate("batch-1000", "batches of 1,000, durable", "entries/s");
const WRITTEN: Row = Row::rate("written", "1 write a commit, not synced, survives a kill", "commits/s");
const MEMORY: Row = Row::rate("memory", "1 write a commit, in memory until a later commit", "commits/s");
pub(super) const ROWS: &[Row] = &[SINGLES[0].1, SINGLES[1].1, SINGLES[2].1, BATCH, WRITTEN, MEMORY];

/// Most commits of a row that syncs each.
const SINGLES_MAX: usize = 20_000;
/// Entries of a batch.
const BATCH_LEN: usize = 1_000;

/// All of them, with new random keys.
pub(super) fn play(session: &Session<'_>, sheet: &mut Sheet<'_>, engine: &dyn Engine) -> Outcome {
    for (threads, row) in SINGLES {
        commits(session, sheet, engine, Shape { row, threads, batch: 1, most: SINGLES_MAX, safety: Safety::Synced })?;
    }
    let most = session.load.entries() / 5;
    commits(session, sheet, engine, Shape { row: BATCH, threads: 1, batch: BATCH_LEN, most, safety: Safety::Synced })?;
    commits(session, sheet, engine, Shape { row: WRITTEN, threads: 1, batch: 1, most, safety: Safety::Written })?;
    commits(session, sheet, engine, Shape { row: MEMORY, threads: 1, batch: 1, most, safety: Safety::Memory })
}

struct Shape {
    row: Row,
    threads: usize,
    /// Entries of a commit.
    batch: usize,
    /// Most entries of the row.
    most: usize,
    safety: Safety,
}

fn commits(session: &Session<'_>, sheet: &mut Sheet<'_>, engine: &dyn Engine, shape: Shape) -> Outcome {
    if !sheet.wants(&shape.row) {
        return Ok(());
    }
    settle(session.folder)?;
    let each = shape.most / shape.threads;
    let done = together(engine, shape.threads, session.plan.time, |_, connection, until| {
        let mut count = 0;
        while count < each && Instant::now() < until {
            let keys = session.take_fresh(shape.batch);
            if keys.is_empty() {
                break;
            }
            connection.write(shape.safety, &mut |writer| {
                keys.iter().enumerate().try_for_each(|(i, key)| writer.put(key, session.load.value(count + i)))
            })?;
            count += keys.len();
        }
        Ok(count as u64)
    });
    if let Some((count, spent)) = if_supported(done)? {
        sheet.rate(shape.row, count, spent);
        // What stayed in memory is not the next row's burden.
        flush(&mut *engine.connect()?, session)?;
    }
    Ok(())
}

/// A durable commit takes the ones before along.
fn flush(connection: &mut dyn Connection, session: &Session<'_>) -> Outcome {
    connection.write(Safety::Synced, &mut |writer| writer.put(session.load.key(0), session.take_value()))
}
