//! Reading: first touch and warm, points, ranges, everything, the count.

use std::hint::black_box;
use std::time::Instant;

use crate::engine::{Engine, Outcome, Reader};
use crate::meter::Meter;
use crate::samples::{Row, Sheet};

use super::{Session, together};

const FIRST: Row = Row::rate("get-first", "random reads right after opening, 1 thread", "gets/s");
const GETS: [(usize, Row); 3] = [
    (1, Row::rate("get-1", "random reads, warm, 1 thread", "gets/s")),
    (2, Row::rate("get-2", "random reads, warm, 2 threads", "gets/s")),
    (4, Row::rate("get-4", "random reads, warm, 4 threads", "gets/s")),
];
const MANY: Row = Row::rate("get-many", "random reads of 16 keys at once, warm, 1 thread", "gets/s");
const RANGE: Row = Row::rate("range-10", "random ranges of 10 entries", "ranges/s");
const SCAN: Row = Row::rate("scan", "full scan", "entries/s");
const LEN: Row = Row::cost("len", "number of entries", "ns");
pub(super) const ROWS: &[Row] = &[FIRST, GETS[0].1, GETS[1].1, GETS[2].1, MANY, RANGE, SCAN, LEN];

/// Entries to a first-touch read: about one for every leaf page, so that most touch a page for the first time.
const ENTRIES_PER_FIRST_TOUCH: usize = 32;
/// Keys that are asked for at once.
const AT_ONCE: usize = 16;
/// Reads between two looks at the clock.
const STRIDE: u64 = 64;

/// All of them, on a store that was just opened and whose file is in the system's memory.
pub(super) fn play(session: &Session<'_>, sheet: &mut Sheet<'_>, engine: &dyn Engine) -> Outcome {
    let load = session.load;
    let mut connection = engine.connect()?;
    let mut random = load.random(1);
    connection.read(&mut |reader| {
        let count = (load.entries() / ENTRIES_PER_FIRST_TOUCH).max(1);
        let meter = Meter::start();
        for _ in 0..count {
            get(reader, load.key(random.usize(..load.entries())))?;
        }
        sheet.rate(FIRST, count as u64, meter.spent());
        reader.scan(&[], usize::MAX >> 1, &mut |key, value| see(key, value)).map(drop)
    })?;

    for (threads, row) in GETS.into_iter().filter(|(_, row)| sheet.wants(row)).collect::<Vec<_>>() {
        let (count, spent) = together(engine, threads, session.plan.time, |number, connection, until| {
            let mut random = load.random(2 + number as u64);
            let mut count = 0;
            connection.read(&mut |reader| {
                count = repeat(until, || get(reader, load.key(random.usize(..load.entries()))))?;
                Ok(())
            })?;
            Ok(count)
        })?;
        sheet.rate(row, count, spent);
    }

    if sheet.wants(&MANY) {
        let (count, spent) = together(engine, 1, session.plan.time, |_, connection, until| {
            let mut random = load.random(9);
            let mut count = 0;
            connection.read(&mut |reader| {
                count =
                    repeat(until, || get_many(reader, &std::array::from_fn(|_| &load.key(random.usize(..load.entries()))[..])))?;
                Ok(())
            })?;
            Ok(count * AT_ONCE as u64)
        })?;
        sheet.rate(MANY, count, spent);
    }

    if sheet.wants(&RANGE) {
        let (count, spent) = together(engine, 1, session.plan.time, |_, connection, until| {
            let mut random = load.random(10);
            let mut count = 0;
            connection.read(&mut |reader| {
                let mut range = || reader.scan(load.key(random.usize(..load.entries())), 10, &mut |key, value| see(key, value));
                count = repeat(until, || range().map(drop))?;
                Ok(())
            })?;
            Ok(count)
        })?;
        sheet.rate(RANGE, count, spent);
    }

    if sheet.wants(&SCAN) {
        let (count, spent) = together(engine, 1, session.plan.time, |_, connection, until| {
            let mut count = 0;
            connection.read(&mut |reader| {
                while count == 0 || Instant::now() < until {
                    count += reader.scan(&[], usize::MAX >> 1, &mut |key, value| see(key, value))? as u64;
                }
                Ok(())
            })?;
            Ok(count)
        })?;
        sheet.rate(SCAN, count, spent);
    }

    if sheet.wants(&LEN) {
        connection.read(&mut |reader| {
            // Some count by scanning: one call tells which.
            let meter = Meter::start();
            black_box(reader.count()?);
            let first = meter.spent();
            let count = if first.wall.as_micros() > 1000 { 0 } else { 10_000 };
            let meter = Meter::start();
            for _ in 0..count {
                black_box(reader.count()?);
            }
            let spent = if count == 0 { first } else { meter.spent() };
            let count = count.max(1);
            sheet.put(LEN, spent.wall.as_nanos() as f64 / count as f64, count, spent);
            Ok(())
        })?;
    }
    Ok(())
}

/// Until the time is over; how often.
pub(super) fn repeat(until: Instant, mut work: impl FnMut() -> Outcome) -> Outcome<u64> {
    let mut count = 0;
    while Instant::now() < until {
        for _ in 0..STRIDE {
            work()?;
        }
        count += STRIDE;
    }
    Ok(count)
}

/// One read that must find its key, and looks at both ends of the value.
pub(super) fn get(reader: &dyn Reader, key: &[u8]) -> Outcome {
    let found = reader.get(key, &mut |value| {
        black_box((value.first(), value.last()));
    })?;
    if found { Ok(()) } else { Err("a key is missing".into()) }
}

/// Reads that must all find their keys.
fn get_many(reader: &dyn Reader, keys: &[&[u8]; AT_ONCE]) -> Outcome {
    let found = reader.get_many(keys, &mut |value| {
        black_box((value.first(), value.last()));
    })?;
    if found == AT_ONCE { Ok(()) } else { Err("a key is missing".into()) }
}

fn see(key: &[u8], value: &[u8]) {
    black_box((key.first(), value.first(), value.last()));
}
