//! Snapshots and a backup during the storm (W3): how long they hold up the writer, and what they cost.

use super::figures::{ExportFigures, Latency};
use super::script::Lane;
use super::storm::{Beside, empty_histogram, nanoseconds, storm};
use super::{Phase, Watch};
use crate::error::{Error, ErrorKind, Result};
use crate::tasks::TaskStore;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use treering::{BlobForm, BlobSummary, Snapshot};

/// The storm goes on for so long at least, so that its percentiles mean something when a backup is fast.
const LEAST_TIME: Duration = Duration::from_secs(1);

/// What came of it.
pub struct Exported {
    /// What was measured.
    pub figures: ExportFigures,
    /// Promises that were broken.
    pub broken: Vec<String>,
    /// The snapshot that both blobs were made from.
    pub snapshot: Snapshot,
}

/// Plays `lane` from step `first` on beside `readers`, and meanwhile writes a snapshot as a plain blob; then, in quiet, the same one as an
/// LZ4 stream: compressing a large store beside 64 readers would take minutes and tell nothing more about the writer.
///
/// # Errors
/// `Stopped`; the engine's.
pub fn during_storm(
    store: &TaskStore,
    lane: &Lane,
    first: u64,
    readers: u32,
    plain: &Path,
    lz4: &Path,
    watch: &dyn Watch,
) -> Result<Exported> {
    watch.begin(Phase::Export, 2);
    let over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        // The snapshot is of the middle of the storm: the backup's thread takes it while the writer writes.
        let backup = scope.spawn(|| {
            let snapshot = store.snapshot();
            let made = back_up(&snapshot, plain, BlobForm::Plain);
            // Relaxed: the flag carries nothing but itself; the result comes with the join.
            over.store(true, Ordering::Relaxed);
            made.map(|made| (snapshot, made))
        });
        let opened = scope.spawn(|| open_and_drop(store, &over));
        let go_on = |_, elapsed| !over.load(Ordering::Relaxed) || elapsed < LEAST_TIME;
        let slice = storm(store, lane, first, &Beside::Readers(store, readers), watch, &go_on);
        let panicked = |_| Error::new(ErrorKind::Broken, "a thread of the backup panicked");
        let (made, opened) = (backup.join().map_err(panicked)?, opened.join().map_err(panicked)?);
        let (slice, (snapshot, (plain, blob_seconds))) = (slice?, made?);
        watch.done(1);
        let (lz4, lz4_seconds) = back_up(&snapshot, lz4, BlobForm::Lz4)?;
        watch.done(2);
        let storm = slice.figures();
        let turn_held_us = plain.turn_held.as_secs_f64() * 1e6;
        let figures = ExportFigures {
            storm,
            snapshots: opened,
            blob_bytes: plain.bytes,
            blob_seconds,
            blob_mib_per_second: plain.bytes as f64 / f64::from(1 << 20) / blob_seconds,
            lz4_bytes: lz4.bytes,
            lz4_seconds,
            turn_held_us,
            turn_held_by_median_commit: turn_held_us / storm.writer.p50_us,
            longest_stall_ms: storm.writer.max_us / 1e3,
        };
        Ok(Exported { figures, broken: slice.broken, snapshot })
    })
}

/// Writes a blob and gives its summary and the seconds that it took.
fn back_up(snapshot: &Snapshot, path: &Path, form: BlobForm) -> Result<(BlobSummary, f64)> {
    let start = Instant::now();
    let summary = snapshot.backup_to(path, form)?;
    Ok((summary, start.elapsed().as_secs_f64()))
}

/// Opens and drops snapshots, a thousand a second about, until the backup is over: one at least, however short it was.
fn open_and_drop(store: &TaskStore, over: &AtomicBool) -> Latency {
    let mut times = empty_histogram();
    loop {
        let start = Instant::now();
        drop(store.snapshot());
        times.saturating_record(nanoseconds(start.elapsed()));
        if over.load(Ordering::Relaxed) {
            return Latency::of(&times);
        }
        std::thread::sleep(Duration::from_millis(1));
    }
}
