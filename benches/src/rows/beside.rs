//! A writer beside readers: what opening a snapshot costs then, and what reading threads do to the writer's latency.
//!
//! Threads take the processor from the writer, whatever they do. So its latency beside readers of its own store is compared with its latency
//! beside as many readers of another store with the same data, in turns.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;

use crate::engine::{Connection, Engine, Outcome, Safety};
use crate::meter::{Meter, Spent, settle};
use crate::samples::{Row, Sheet};

use super::{Session, reads};

const SNAPSHOTS: [(usize, Row); 2] = [
    (1, Row::cost("snapshot-1", "opening and dropping a snapshot while a writer commits, 1 thread", "ns")),
    (2, Row::cost("snapshot-2", "opening and dropping a snapshot while a writer commits, 2 threads", "ns")),
];
const ALONE: [Row; 2] = [
    Row::cost("beside-0-p50", "durable commit, no reader, median", "us"),
    Row::cost("beside-0-p99", "durable commit, no reader, p99", "us"),
];
const READERS: [(usize, [Row; 4]); 2] = [
    (
        1,
        [
            Row::cost("beside-1-p50", "durable commit beside 1 reader, median", "us"),
            Row::cost("beside-1-p99", "durable commit beside 1 reader, p99", "us"),
            Row::cost("beside-1-p50-ratio", "the same by beside 1 reader of another store, median", "x"),
            Row::cost("beside-1-p99-ratio", "the same by beside 1 reader of another store, p99", "x"),
        ],
    ),
    (
        4,
        [
            Row::cost("beside-4-p50", "durable commit beside 4 readers, median", "us"),
            Row::cost("beside-4-p99", "durable commit beside 4 readers, p99", "us"),
            Row::cost("beside-4-p50-ratio", "the same by beside 4 readers of another store, median", "x"),
            Row::cost("beside-4-p99-ratio", "the same by beside 4 readers of another store, p99", "x"),
        ],
    ),
];
pub(super) const ROWS: &[Row] = &[
    SNAPSHOTS[0].1,
    SNAPSHOTS[1].1,
    ALONE[0],
    ALONE[1],
    READERS[0].1[0],
    READERS[0].1[1],
    READERS[0].1[2],
    READERS[0].1[3],
    READERS[1].1[0],
    READERS[1].1[1],
    READERS[1].1[2],
    READERS[1].1[3],
];

/// Turns of each kind.
const TURNS: u32 = 4;
/// Reads of one snapshot before it is dropped and another opened.
const READS_PER_SNAPSHOT: usize = 64;
/// Snapshots between two looks at the clock.
const SNAPSHOTS_PER_LOOK: u32 = 64;

/// All of them, overwriting keys that are there.
pub(super) fn play(session: &Session<'_>, sheet: &mut Sheet<'_>, engine: &dyn Engine) -> Outcome {
    for (threads, row) in SNAPSHOTS {
        if sheet.wants(&row) {
            snapshots(session, sheet, engine, threads, row)?;
        }
    }
    if ALONE.iter().any(|row| sheet.wants(row)) {
        settle(session.folder)?;
        let mut latencies = new_histogram()?;
        let spent = turn(session, engine, None, 0, session.plan.time, &mut latencies)?;
        for (row, share) in ALONE.into_iter().zip([0.5, 0.99]) {
            sheet.put(row, latencies.value_at_quantile(share) as f64 / 1e3, latencies.len(), spent);
        }
    }
    if READERS.iter().any(|(_, rows)| rows.iter().any(|row| sheet.wants(row))) {
        let other = session.open("other")?;
        other.connect()?.load(session.load)?;
        for (readers, rows) in READERS {
            latencies(session, sheet, engine, &*other, readers, rows)?;
        }
        other.close()?;
        std::fs::remove_dir_all(session.folder.join("other"))?;
    }
    Ok(())
}

fn new_histogram() -> Outcome<Histogram<u64>> {
    Ok(Histogram::new(3)?)
}

/// Sets the flag when dropped, also on the way out with an error: nobody waits for ever.
struct Stop<'f>(&'f AtomicBool);

impl Drop for Stop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

fn snapshots(session: &Session<'_>, sheet: &mut Sheet<'_>, engine: &dyn Engine, threads: usize, row: Row) -> Outcome {
    settle(session.folder)?;
    let stop = AtomicBool::new(false);
    let times = Mutex::new(new_histogram()?);
    let spent = std::thread::scope(|scope| {
        let writer = scope.spawn(|| {
            let _stop = Stop(&stop);
            let mut latencies = new_histogram()?;
            write_until(session, &mut *engine.connect()?, session.plan.time, &mut latencies)
        });
        let openers: Vec<_> = (0..threads)
            .map(|_| {
                scope.spawn(|| {
                    let mut connection = engine.connect()?;
                    let mut mine = new_histogram()?;
                    while !stop.load(Ordering::Relaxed) {
                        let start = Instant::now();
                        connection.snapshots(SNAPSHOTS_PER_LOOK)?;
                        mine.record(u64::try_from(start.elapsed().as_nanos())?)?;
                    }
                    times.lock().map_err(|_| "a thread panicked")?.add(mine)?;
                    Ok::<_, crate::engine::Fault>(())
                })
            })
            .collect();
        for opener in openers {
            opener.join().map_err(|_| "a thread panicked")??;
        }
        writer.join().map_err(|_| "a thread panicked")?
    })?;
    let times = times.into_inner().map_err(|_| "a thread panicked")?;
    // The median of short runs: what the scheduler takes away stands in the few long ones.
    let each = times.value_at_quantile(0.5) as f64 / f64::from(SNAPSHOTS_PER_LOOK);
    sheet.put(row, each, times.len() * u64::from(SNAPSHOTS_PER_LOOK), spent);
    Ok(())
}

fn latencies(
    session: &Session<'_>,
    sheet: &mut Sheet<'_>,
    engine: &dyn Engine,
    other: &dyn Engine,
    readers: usize,
    rows: [Row; 4],
) -> Outcome {
    settle(session.folder)?;
    let (mut same, mut apart) = (new_histogram()?, new_histogram()?);
    let time = session.plan.time / TURNS;
    let mut spent = Spent::default();
    for _ in 0..TURNS {
        let now = turn(session, engine, Some(engine), readers, time, &mut same)?;
        spent = Spent { wall: spent.wall + now.wall, cpu: spent.cpu + now.cpu };
        turn(session, engine, Some(other), readers, time, &mut apart)?;
    }
    for (i, share) in [0.5, 0.99].into_iter().enumerate() {
        let (mine, theirs) = (same.value_at_quantile(share) as f64, apart.value_at_quantile(share) as f64);
        sheet.put(rows[i], mine / 1e3, same.len(), spent);
        sheet.put(rows[i + 2], mine / theirs, 0, spent);
    }
    Ok(())
}

/// The writer works for a time beside threads that read a store.
fn turn(
    session: &Session<'_>,
    engine: &dyn Engine,
    read: Option<&dyn Engine>,
    readers: usize,
    time: Duration,
    latencies: &mut Histogram<u64>,
) -> Outcome<Spent> {
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let stopper = Stop(&stop);
        let stop = &stop;
        let readers: Vec<_> = (0..readers)
            .map(|number| scope.spawn(move || read.map_or(Ok(()), |engine| read_until(session, engine, number, stop))))
            .collect();
        let spent = write_until(session, &mut *engine.connect()?, time, latencies);
        drop(stopper);
        for reader in readers {
            reader.join().map_err(|_| "a thread panicked")??;
        }
        spent
    })
}

fn write_until(
    session: &Session<'_>,
    connection: &mut dyn Connection,
    time: Duration,
    latencies: &mut Histogram<u64>,
) -> Outcome<Spent> {
    let mut random = session.load.random(20);
    let meter = Meter::start();
    let until = Instant::now() + time;
    loop {
        let start = Instant::now();
        if start >= until {
            return Ok(meter.spent());
        }
        let i = random.usize(..session.load.entries());
        connection.write(Safety::Synced, &mut |writer| writer.put(session.load.key(i), session.take_value()))?;
        latencies.record(u64::try_from(start.elapsed().as_nanos())?)?;
    }
}

fn read_until(session: &Session<'_>, engine: &dyn Engine, number: usize, stop: &AtomicBool) -> Outcome {
    let mut connection = engine.connect()?;
    let mut random = session.load.random(30 + number as u64);
    while !stop.load(Ordering::Relaxed) {
        connection.read(&mut |reader| {
            (0..READS_PER_SNAPSHOT).try_for_each(|_| reads::get(reader, session.load.key(random.usize(..session.load.entries()))))
        })?;
    }
    Ok(())
}
