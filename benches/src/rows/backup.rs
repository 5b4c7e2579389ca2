//! A backup while a writer commits: its rate, what the writer feels of it, and how soon the copy can be read.
//!
//! A disk that is busy makes every writer wait. So rate and stall are compared with those of a plain copy of the finished backup, beside the same writer.

use std::fs::File;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use crate::engine::{Engine, Outcome, Safety};
use crate::meter::{Meter, Spent, settle, warm};
use crate::samples::{Row, Sheet};

use super::{Session, if_supported, reads};

const RATE: Row = Row::rate("backup", "backup while a writer commits, onto the medium: bytes of the entries", "MB/s");
const BY_COPY: Row = Row::rate("backup-by-copy", "the same by copying the finished backup", "x");
const STALL: Row = Row::cost("backup-stall", "longest durable commit beside it", "ms");
const STALL_BY_COPY: Row = Row::cost("backup-stall-by-copy", "the same by that beside copying the finished backup", "x");
const OPEN: Row = Row::cost("backup-open", "the backup opened where it is, to the first read", "ms");
pub(super) const ROWS: &[Row] = &[RATE, BY_COPY, STALL, STALL_BY_COPY, OPEN];

/// All of them; nothing of an engine that has no such call.
pub(super) fn play(session: &Session<'_>, sheet: &mut Sheet<'_>, engine: &dyn Engine) -> Outcome {
    let (backup, copy) = (session.folder.join("backup"), session.folder.join("copy"));
    std::fs::create_dir_all(&backup)?;
    std::fs::create_dir_all(&copy)?;
    let done = beside_a_writer(session, engine, || {
        engine.back_up(&backup)?;
        sync_files(&backup)
    });
    if let Some((spent, stall)) = if_supported(done)? {
        let (copied, copy_stall) = beside_a_writer(session, engine, || {
            for file in std::fs::read_dir(&backup)? {
                let file = file?;
                let (mut from, mut to) = (File::open(file.path())?, File::create(copy.join(file.file_name()))?);
                std::io::copy(&mut from, &mut to)?;
            }
            sync_files(&copy)
        })?;
        let seconds = spent.wall.as_secs_f64();
        sheet.put(RATE, session.load.payload() as f64 / 1e6 / seconds, 0, spent);
        sheet.put(BY_COPY, copied.wall.as_secs_f64() / seconds, 0, Spent::default());
        sheet.put(STALL, stall * 1e3, 0, Spent::default());
        sheet.put(STALL_BY_COPY, stall / copy_stall, 0, Spent::default());
        settle(session.folder)?;
        warm(session.folder)?;
        let meter = Meter::start();
        let opened = (session.kind.open)(&backup)?;
        opened.connect()?.read(&mut |reader| reads::get(reader, session.load.key(0)))?;
        let spent = meter.spent();
        opened.close()?;
        sheet.put(OPEN, spent.wall.as_secs_f64() * 1e3, 1, spent);
    }
    std::fs::remove_dir_all(backup)?;
    Ok(std::fs::remove_dir_all(copy)?)
}

/// Runs `work` while another thread commits; what it took, and the longest commit that had begun by then, in seconds.
fn beside_a_writer(session: &Session<'_>, engine: &dyn Engine, work: impl FnOnce() -> Outcome) -> Outcome<(Spent, f64)> {
    settle(session.folder)?;
    let is_over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let writer = scope.spawn(|| {
            let mut connection = engine.connect()?;
            let mut random = session.load.random(60);
            let mut longest = 0_f64;
            while !is_over.load(Ordering::Relaxed) {
                let (start, i) = (Instant::now(), random.usize(..session.load.entries()));
                connection.write(Safety::Synced, &mut |writer| writer.put(session.load.key(i), session.take_value()))?;
                longest = longest.max(start.elapsed().as_secs_f64());
            }
            Ok::<_, crate::engine::Fault>(longest)
        });
        let meter = Meter::start();
        let worked = work();
        let spent = meter.spent();
        is_over.store(true, Ordering::Relaxed);
        let longest = writer.join().map_err(|_| "a thread panicked")??;
        worked.map(|()| (spent, longest))
    })
}

/// Some engines leave that to the system.
fn sync_files(folder: &Path) -> Outcome {
    for file in std::fs::read_dir(folder)? {
        File::open(file?.path())?.sync_all()?;
    }
    Ok(())
}
