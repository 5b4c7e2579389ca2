//! Data that compress, with LZ4 where the engine has it: what they occupy, and what reading them costs.

use crate::engine::{Connection, Engine, Outcome, Safety};
use crate::load::{ENTRY_LEN, Load};
use crate::meter::{Spent, occupied_bytes, settle};
use crate::samples::{Row, Sheet};

use super::{Session, reads, together};

const AFTER: Row =
    Row::cost("lz4-size", "compressible values, LZ4 where there is one: size after the run, of what is stored", "x");
const COMPACTED: Row = Row::cost("lz4-compacted", "the same: size compacted", "x");
const GET: Row = Row::rate("lz4-get", "the same: random reads, warm, 1 thread", "gets/s");
pub(super) const ROWS: &[Row] = &[AFTER, COMPACTED, GET];

/// Most entries of the store.
const ENTRIES: usize = 500_000;
/// Entries of a commit.
const BATCH_LEN: usize = 10_000;

/// A store that ends with the rows: it is filled in batches, and a tenth is written again.
pub(super) fn play(session: &Session<'_>, sheet: &mut Sheet<'_>) -> Outcome {
    let load = &Load::new(session.load.entries().min(ENTRIES), 0, session.load.seed());
    let folder = session.folder.join("compressed");
    let engine = session.open_compressed("compressed")?;
    fill(load, &mut *engine.connect()?)?;
    engine.close()?;
    let size = || Ok::<_, crate::engine::Fault>(occupied_bytes(&folder)? as f64 / (load.entries() as u64 * ENTRY_LEN) as f64);
    sheet.put(AFTER, size()?, 0, Spent::default());

    let mut engine = session.open_compressed("compressed")?;
    if sheet.wants(&COMPACTED) {
        engine.compact()?;
    }
    if sheet.wants(&GET) {
        get(session, load, sheet, &*engine)?;
    }
    engine.close()?;
    if sheet.wants(&COMPACTED) {
        sheet.put(COMPACTED, size()?, 0, Spent::default());
    }
    Ok(std::fs::remove_dir_all(folder)?)
}

fn fill(load: &Load, connection: &mut dyn Connection) -> Outcome {
    let numbers: Vec<usize> = (0..load.entries()).chain((0..load.entries()).step_by(10)).collect();
    for (batch, numbers) in numbers.chunks(BATCH_LEN).enumerate() {
        connection.write(Safety::Synced, &mut |writer| {
            numbers.iter().try_for_each(|&i| writer.put(load.key(i), &load.compressible(i + batch)))
        })?;
    }
    Ok(())
}

fn get(session: &Session<'_>, load: &Load, sheet: &mut Sheet<'_>, engine: &dyn Engine) -> Outcome {
    settle(session.folder)?;
    let read = |random: &mut fastrand::Rng, count: usize, connection: &mut dyn Connection| {
        connection.read(&mut |reader| (0..count).try_for_each(|_| reads::get(reader, load.key(random.usize(..load.entries())))))
    };
    read(&mut load.random(60), load.entries(), &mut *engine.connect()?)?;
    let (count, spent) = together(engine, 1, session.plan.time, |_, connection, until| {
        let (mut random, mut count) = (load.random(61), 0);
        connection.read(&mut |reader| {
            count = reads::repeat(until, || reads::get(reader, load.key(random.usize(..load.entries()))))?;
            Ok(())
        })?;
        Ok(count)
    })?;
    sheet.rate(GET, count, spent);
    Ok(())
}
