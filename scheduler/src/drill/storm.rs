//! The storm (W1): one writer plays its lane, a durable transaction a step, beside readers that fetch update details in a loop.

use super::Watch;
use super::figures::{Interval, Latency, SliceFigures};
use super::script::{Lane, read_step, write_step};
use crate::error::{Error, ErrorKind, Result};
use crate::model::UpdateId;
use crate::tasks::TaskStore;
use hdrhistogram::Histogram;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// Broken promises that are told one by one in a slice.
const MOST_BROKEN: usize = 20;

/// Who is beside the writer.
pub enum Beside<'a> {
    /// Nobody.
    Nobody,
    /// So many threads that read this store: the writer's own or another one.
    Readers(&'a TaskStore, u32),
}

/// What was measured in one slice of the storm, or in several together.
pub struct Slice {
    /// Steps that were played.
    pub steps: u64,
    /// How long it lasted.
    pub time: Duration,
    /// Parts of changes that were seen without the rest, and readings that failed.
    pub broken: Vec<String>,
    writer: Histogram<u64>,
    details: Histogram<u64>,
    events: u64,
}

/// Nanoseconds up to a minute, within 0.1 %: some 300 KB.
fn histogram() -> Histogram<u64> {
    Histogram::new_with_bounds(1, 60_000_000_000, 3).expect("1 to 60e9 with 3 digits is a range that a histogram can have")
}

impl Default for Slice {
    fn default() -> Slice {
        let (writer, details) = (histogram(), histogram());
        Slice { steps: 0, time: Duration::ZERO, broken: Vec::new(), writer, details, events: 0 }
    }
}

impl Slice {
    /// Puts another slice to this one.
    pub fn add(&mut self, other: Slice) {
        self.steps += other.steps;
        self.time += other.time;
        self.events += other.events;
        self.broken.extend(other.broken);
        self.broken.truncate(MOST_BROKEN);
        // All histograms of a slice have one range, so one takes the other.
        self.writer.add(&other.writer).expect("equal ranges");
        self.details.add(&other.details).expect("equal ranges");
    }

    /// The writer's p99 by that of another slice.
    #[must_use]
    pub(super) fn p99_ratio(&self, other: &Slice) -> Interval {
        Interval::of_ratio(&self.writer, &other.writer, 0.99)
    }

    /// As plain numbers.
    #[must_use]
    pub fn figures(&self) -> SliceFigures {
        let per_second = |count: u64| if self.time.is_zero() { 0.0 } else { count as f64 / self.time.as_secs_f64() };
        SliceFigures {
            writer: Latency::of(&self.writer),
            writes_per_second: per_second(self.steps),
            details: Latency::of(&self.details),
            reads_per_second: per_second(self.details.len()),
            events_per_second: per_second(self.events),
        }
    }
}

/// Plays `lane` on `store` from step `first` on, as long as `go_on(steps, elapsed)` says so and nobody stops the drill. One step at least.
///
/// # Errors
/// `Stopped`; the engine's from the writer. A reader that fails is a broken promise of the slice.
pub fn storm(
    store: &TaskStore,
    lane: &Lane,
    first: u64,
    beside: &Beside<'_>,
    watch: &dyn Watch,
    go_on: &dyn Fn(u64, Duration) -> bool,
) -> Result<Slice> {
    let over = AtomicBool::new(false);
    let newest = AtomicU64::new(lane.step(first)?.update.0);
    std::thread::scope(|scope| {
        let readers: Vec<_> = match beside {
            Beside::Nobody => Vec::new(),
            Beside::Readers(store, count) => (0..*count)
                .map(|number| {
                    scope.spawn({
                        let (over, newest) = (&over, &newest);
                        move || read(store, lane, number, over, newest)
                    })
                })
                .collect(),
        };
        let written = write(store, lane, first, &newest, watch, go_on);
        // Relaxed: the flag carries nothing but itself, and the threads are joined.
        over.store(true, Ordering::Relaxed);
        let mut slice = Slice::default();
        for reader in readers {
            slice.add(reader.join().map_err(|_| Error::new(ErrorKind::Broken, "a reader of the storm panicked"))?);
        }
        // The readers' time is the writer's.
        slice.time = Duration::ZERO;
        slice.add(written?);
        Ok(slice)
    })
}

fn write(
    store: &TaskStore,
    lane: &Lane,
    first: u64,
    newest: &AtomicU64,
    watch: &dyn Watch,
    go_on: &dyn Fn(u64, Duration) -> bool,
) -> Result<Slice> {
    let mut slice = Slice::default();
    let start = Instant::now();
    loop {
        let before = Instant::now();
        write_step(store, lane, first + slice.steps)?;
        let after = Instant::now();
        slice.writer.saturating_record(nanoseconds(after - before));
        slice.steps += 1;
        slice.time = after - start;
        // Relaxed: a reader that sees an old update reads that one.
        newest.store(lane.step(first + slice.steps)?.update.0, Ordering::Relaxed);
        if watch.stop() {
            return Err(Error::new(ErrorKind::Stopped, "the storm was stopped"));
        }
        if !go_on(slice.steps, slice.time) {
            return Ok(slice);
        }
    }
}

/// Loops over the updates that are over and the newest one, beginning at another place than the other readers.
fn read(store: &TaskStore, lane: &Lane, number: u32, over: &AtomicBool, newest: &AtomicU64) -> Slice {
    let job = lane.job();
    let others = u64::from(job.other_updates);
    let mut slice = Slice::default();
    let mut turn = u64::from(number);
    while !over.load(Ordering::Relaxed) {
        let place = turn % (others + 1);
        turn += 1;
        let update = if place < others { UpdateId(job.first_update.0 + place) } else { UpdateId(newest.load(Ordering::Relaxed)) };
        let before = Instant::now();
        let seen = read_step(&store.snapshot(), job, update);
        slice.details.saturating_record(nanoseconds(before.elapsed()));
        let broken = match seen {
            Ok(seen) => {
                slice.events += seen.events;
                seen.half
            }
            Err(e) => Some(format!("reader {number} cannot read update {update}: {e}")),
        };
        if let Some(broken) = broken {
            slice.broken.push(broken);
            if slice.broken.len() >= MOST_BROKEN {
                break;
            }
        }
    }
    slice
}

pub(super) fn nanoseconds(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX).max(1)
}

/// An empty histogram of the kind that [`Latency::of`] takes.
pub(super) fn empty_histogram() -> Histogram<u64> {
    histogram()
}
