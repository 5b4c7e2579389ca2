//! One snapshot held while some keys are overwritten again and again: what the store and the process grow to.

use crate::engine::{Connection, Outcome, Safety};
use crate::load::Load;
use crate::meter::{Meter, Spent, memory_bytes, occupied_bytes, settle};
use crate::samples::{Row, Sheet};

use super::{Session, if_supported};

const FILE: Row = Row::cost("held-file", "one snapshot held, 10,000 keys overwritten again and again: file, of the payload", "x");
const MEMORY: Row = Row::cost("held-memory", "the same: growth of memory, of the payload", "x");
const RATE: Row = Row::rate("held-rate", "the same: overwriting in commits of 1,000, not synced where possible", "entries/s");
pub(super) const ROWS: &[Row] = &[FILE, MEMORY, RATE];

/// Most entries of the store.
const ENTRIES: usize = 100_000;
/// Keys that are overwritten.
const KEYS: usize = 10_000;
/// Entries of a commit.
const BATCH_LEN: usize = 1_000;

/// A store that ends with the rows.
pub(super) fn play(session: &Session<'_>, sheet: &mut Sheet<'_>) -> Outcome {
    let load = &Load::new(session.load.entries().min(ENTRIES), 0, session.load.seed());
    let engine = session.open("held")?;
    engine.connect()?.load(load)?;
    settle(session.folder)?;
    let folder = session.folder.join("held");
    let memory_before = memory_bytes()?;
    let mut holder = engine.connect()?;
    holder.hold(&mut |reader| {
        super::reads::get(reader, load.key(0))?;
        let meter = Meter::start();
        // In a thread of its own: some engines allow a thread one transaction.
        let write = || overwrite(&mut *engine.connect()?, load, session.plan.held_rounds);
        let count = std::thread::scope(|scope| scope.spawn(write).join()).map_err(|_| "a thread panicked")??;
        let spent = meter.spent();
        super::reads::get(reader, load.key(1))?;
        let (file, memory) = (occupied_bytes(&folder)?, memory_bytes()?.saturating_sub(memory_before));
        sheet.put(FILE, file as f64 / load.payload() as f64, 0, Spent::default());
        sheet.put(MEMORY, memory as f64 / load.payload() as f64, 0, Spent::default());
        sheet.rate(RATE, count, spent);
        Ok(())
    })?;
    drop(holder);
    engine.close()?;
    Ok(std::fs::remove_dir_all(folder)?)
}

fn overwrite(connection: &mut dyn Connection, load: &Load, rounds: usize) -> Outcome<u64> {
    let keys = load.entries().min(KEYS);
    let mut safety = Safety::Written;
    let mut count = 0;
    for round in 0..rounds {
        for start in (0..keys).step_by(BATCH_LEN) {
            let end = (start + BATCH_LEN).min(keys);
            let mut write = |safety| {
                connection.write(safety, &mut |writer| {
                    (start..end).try_for_each(|i| writer.put(load.key(i), load.value(i + 7 * round + 1)))
                })
            };
            if if_supported(write(safety))?.is_none() {
                safety = Safety::Synced;
                write(safety)?;
            }
            count += (end - start) as u64;
        }
    }
    Ok(count)
}
