//! Snapshots and backups during the storm (W3): how long they hold up the writer, and what they cost.

use super::figures::{ExportFigures, Latency};
use super::script::Lane;
use super::storm::{Beside, empty_histogram, nanoseconds, storm};
use super::{Phase, Watch, milliseconds};
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

/// Plays `lane` from step `first` on beside `readers`, and meanwhile writes one snapshot as a plain blob and as an LZ4 stream.
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
        // The snapshot is of the middle of the storm: the backups' thread takes it while the writer writes.
        let backups = scope.spawn(|| {
            let made = back_up(store, plain, lz4, watch);
            // Relaxed: the flag carries nothing but itself; the result comes with the join.
            over.store(true, Ordering::Relaxed);
            made
        });
        let opened = scope.spawn(|| open_and_drop(store, &over));
        let go_on = |_, elapsed| !over.load(Ordering::Relaxed) || elapsed < LEAST_TIME;
        let slice = storm(store, lane, first, &Beside::Readers(store, readers), watch, &go_on);
        let panicked = |_| Error::new(ErrorKind::Broken, "a thread of the backups panicked");
        let (made, opened) = (backups.join().map_err(panicked)?, opened.join().map_err(panicked)?);
        let (slice, made) = (slice?, made?);
        let storm = slice.figures();
        let turn_held = made.plain.turn_held.max(made.lz4.turn_held);
        let turn_held_us = turn_held.as_secs_f64() * 1e6;
        let blob_seconds = made.plain_time.as_secs_f64();
        let figures = ExportFigures {
            storm,
            snapshots: opened,
            blob_bytes: made.plain.bytes,
            blob_seconds,
            blob_mib_per_second: made.plain.bytes as f64 / f64::from(1 << 20) / blob_seconds,
            lz4_bytes: made.lz4.bytes,
            lz4_seconds: made.lz4_time.as_secs_f64(),
            turn_held_us,
            turn_held_by_median_commit: turn_held_us / storm.writer.p50_us,
            longest_stall_ms: milliseconds(Duration::from_nanos((storm.writer.max_us * 1e3) as u64)),
        };
        Ok(Exported { figures, broken: slice.broken, snapshot: made.snapshot })
    })
}

struct Made {
    snapshot: Snapshot,
    plain: BlobSummary,
    plain_time: Duration,
    lz4: BlobSummary,
    lz4_time: Duration,
}

fn back_up(store: &TaskStore, plain_path: &Path, lz4_path: &Path, watch: &dyn Watch) -> Result<Made> {
    let snapshot = store.snapshot();
    let start = Instant::now();
    let plain = snapshot.backup_to(plain_path, BlobForm::Plain)?;
    let plain_time = start.elapsed();
    watch.done(1);
    let start = Instant::now();
    let lz4 = snapshot.backup_to(lz4_path, BlobForm::Lz4)?;
    let lz4_time = start.elapsed();
    watch.done(2);
    Ok(Made { snapshot, plain, plain_time, lz4, lz4_time })
}

/// Opens and drops snapshots, a thousand a second about, until the backups are over.
fn open_and_drop(store: &TaskStore, over: &AtomicBool) -> Latency {
    let mut times = empty_histogram();
    while !over.load(Ordering::Relaxed) {
        let start = Instant::now();
        drop(store.snapshot());
        times.saturating_record(nanoseconds(start.elapsed()));
        std::thread::sleep(Duration::from_millis(1));
    }
    Latency::of(&times)
}
