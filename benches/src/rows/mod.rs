//! The rows of the table, played on one engine in one repetition: a session.
//!
//! A session has five stores, one after the other: one that is loaded, read, written, halved and killed; one that is loaded in order; one that is
//! overwritten; one of data that compress; one that is held. Each row that writes has a bound on its count and on its time, so that slow engines end too; rates are what was done by the time
//! it took.

mod backup;
mod beside;
mod bulk;
mod commits;
mod compressed;
mod held;
mod overwrite;
mod reads;
mod reopen;
mod size;

use std::path::{Path, PathBuf};
use std::sync::Barrier;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use crate::engine::{Connection, Engine, Kind, Outcome, Unsupported};
use crate::load::{Load, LoadKey};
use crate::meter::{Meter, Spent};
use crate::samples::Sheet;

pub use reopen::play_victim;

/// How much a session does.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    /// Longest time of one timed measurement.
    pub time: Duration,
    /// Entries written by the process that is killed.
    pub tail: usize,
    /// How often the held store's keys are overwritten.
    pub held_rounds: usize,
    /// Entries overwritten in the steady row, in loads.
    pub overwrites: usize,
}

/// What the rows of a session share.
pub struct Session<'s> {
    /// Whose turn it is.
    pub kind: &'static Kind,
    /// The data.
    pub load: &'s Load,
    /// How much.
    pub plan: Plan,
    /// An empty folder of its own.
    pub folder: &'s Path,
    /// New keys that were given out.
    pub fresh: AtomicUsize,
    /// Values that were given out for keys that are there.
    pub changes: AtomicUsize,
}

impl Session<'_> {
    /// Up to `count` new keys that nobody had before.
    pub(crate) fn take_fresh(&self, count: usize) -> &[LoadKey] {
        let start = self.fresh.fetch_add(count, Ordering::Relaxed);
        self.load.fresh(start..start + count)
    }

    /// A value that the key has not got yet: some engines see that nothing changes, and write nothing.
    pub(crate) fn take_value(&self) -> &[u8] {
        self.load.value(self.load.entries() + self.changes.fetch_add(1, Ordering::Relaxed))
    }

    /// Opens the engine on the session's folder `name`, which is made.
    pub(crate) fn open(&self, name: &str) -> Outcome<Box<dyn Engine>> {
        (self.kind.open)(&self.folder(name)?)
    }

    /// The same for data that compress.
    pub(crate) fn open_compressed(&self, name: &str) -> Outcome<Box<dyn Engine>> {
        (self.kind.open_compressed)(&self.folder(name)?)
    }

    fn folder(&self, name: &str) -> Outcome<PathBuf> {
        let folder = self.folder.join(name);
        std::fs::create_dir_all(&folder)?;
        Ok(folder)
    }
}

/// Plays all wanted rows.
///
/// # Errors
/// The engine's: the session ends there.
pub fn play(session: &Session<'_>, sheet: &mut Sheet<'_>) -> Outcome {
    let any = |sheet: &Sheet<'_>, rows: &[crate::samples::Row]| rows.iter().any(|row| sheet.wants(row));
    let on_loaded = [bulk::ROWS, reads::ROWS, commits::ROWS, beside::ROWS, backup::ROWS, reopen::ROWS, size::ROWS].concat();
    if any(sheet, &on_loaded) {
        let engine = bulk::random(session, sheet)?;
        let engine = reopen::cleanly(session, sheet, engine)?;
        reads::play(session, sheet, &*engine)?;
        commits::play(session, sheet, &*engine)?;
        if any(sheet, beside::ROWS) {
            beside::play(session, sheet, &*engine)?;
        }
        if any(sheet, backup::ROWS) {
            backup::play(session, sheet, &*engine)?;
        }
        let engine = if any(sheet, &[reopen::KILLED, reopen::MEMORY]) { reopen::killed(session, sheet, engine)? } else { engine };
        size::play(session, sheet, engine)?;
        std::fs::remove_dir_all(session.folder.join("loaded"))?;
    }
    if any(sheet, &[bulk::SORTED]) {
        bulk::sorted(session, sheet)?;
    }
    if any(sheet, overwrite::ROWS) {
        overwrite::play(session, sheet)?;
    }
    if any(sheet, compressed::ROWS) {
        compressed::play(session, sheet)?;
    }
    if any(sheet, held::ROWS) {
        held::play(session, sheet)?;
    }
    Ok(())
}

/// Runs `work` on several threads at once, each with a connection of its own and the moment at which to end; sums up what they did.
pub(crate) fn together(
    engine: &dyn Engine,
    threads: usize,
    time: Duration,
    work: impl Fn(usize, &mut dyn Connection, Instant) -> Outcome<u64> + Sync,
) -> Outcome<(u64, Spent)> {
    let ready = Barrier::new(threads + 1);
    std::thread::scope(|scope| {
        let (work, ready) = (&work, &ready);
        let threads: Vec<_> = (0..threads)
            .map(|number| {
                // Named, so that a profile can be limited to the row.
                std::thread::Builder::new().name("row".into()).spawn_scoped(scope, move || {
                    let connection = engine.connect();
                    ready.wait();
                    work(number, &mut *connection?, Instant::now() + time)
                })
            })
            .collect::<std::io::Result<_>>()?;
        ready.wait();
        let meter = Meter::start();
        let mut count = 0;
        for thread in threads {
            count += thread.join().map_err(|_| "a thread panicked")??;
        }
        Ok((count, meter.spent()))
    })
}

/// What was done, or nothing if the engine has no such thing.
pub(crate) fn if_supported<T>(outcome: Outcome<T>) -> Outcome<Option<T>> {
    match outcome {
        Err(e) if e.is::<Unsupported>() => Ok(None),
        other => other.map(Some),
    }
}
