//! A fuzzer's bytes as a store's life with faults and crashes, judged by the model.
//!
//! ```text
//!   input: | options | fault | step | step | ...  crash | crash ...
//!   Chronicle lives the steps ──► its log ──► a crash state ──► opened, compared, written to ──► crashed once more
//! ```

use std::ops::Bound;
use std::sync::Arc;

use treering::{ErrorKind, Options};

use super::take::Take;
use crate::change::{Change, End};
use crate::chronicle::Chronicle;
use crate::crash;
use crate::disk::{Done, Fault, Kind, Operation, SimulatedDisk};
use crate::drive;
use crate::model::Model;
use crate::workload::{Durability, Step};

/// Steps of one life, changes of one transaction, crashes of one life.
const STEPS: usize = 60;
const CHANGES: usize = 12;
const CRASHES: usize = 3;

/// Lives and crashes.
///
/// # Panics
/// If a promise is broken.
pub fn run(input: &[u8]) {
    if let Err(what) = live(input) {
        panic!("{what}");
    }
}

fn live(input: &[u8]) -> Result<(), String> {
    let mut take = Take::new(input);
    let options = options(take.u8());
    let fault = fault(&mut take);
    let crashes: Vec<(u64, u8)> = (0..CRASHES).map(|_| (take.u64(), take.u8())).collect();
    let mut chronicle = Chronicle::begin(&options)?;
    chronicle.disk().fail(fault);
    let steps: Vec<Step> = (0..STEPS).map_while(|_| (!take.is_empty()).then(|| step(&mut take))).collect();
    chronicle.live(&steps)?;
    let log = chronicle.disk().log();
    for (n, (seed, mode)) in crashes.into_iter().enumerate() {
        let end = seed as usize % (log.len() + 1);
        let file = crashed(&[], &log, end, mode, seed);
        after(&options, &file, chronicle.model_at(end), mode, seed)
            .map_err(|what| format!("crash {n}, behind {end} operations: {what}"))?;
    }
    Ok(())
}

fn options(byte: u8) -> Options {
    let options = drive::small_options().strict(byte & 1 == 1).lz4(byte & 2 == 2);
    if byte & 4 == 4 { options.record_bytes(1 << 10) } else { options }
}

/// Mostly none.
fn fault(take: &mut Take<'_>) -> Option<Fault> {
    let (kind, at) = (take.u8(), u64::from(take.u8()));
    let (kinds, error): (&'static [Kind], ErrorKind) = match kind {
        1 => (&[Kind::Write], ErrorKind::Io),
        2 => (&[Kind::WriteThrough], ErrorKind::Io),
        3 => (&[Kind::Sync], ErrorKind::Io),
        4 => (&[Kind::Grow], ErrorKind::Full),
        5 => (&[Kind::Cut], ErrorKind::Io),
        6 => (&[Kind::Write, Kind::WriteThrough, Kind::Sync, Kind::Grow], ErrorKind::Io),
        _ => return None,
    };
    Some(Fault { kinds, at, sticky: at % 2 == 1, error, done: Done::default() })
}

fn step(take: &mut Take<'_>) -> Step {
    match take.below(32) {
        0 => Step::Checkpoint,
        1 => Step::Compact,
        2 => Step::Sync,
        3 => Step::Reopen,
        4 => Step::Kill,
        5 | 6 => Step::Background { pieces: 1 + take.below(8) },
        7 => Step::Compare,
        8 => Step::Abandon { changes: changes(take) },
        n => {
            let durability = [Durability::Synced, Durability::Deferred, Durability::Memory][n % 3];
            Step::Commit { durability, changes: changes(take) }
        }
    }
}

fn changes(take: &mut Take<'_>) -> Vec<Change> {
    let mut changes = Vec::new();
    for _ in 0..take.below(CHANGES) {
        let table = ["a", "b", "tasks"][take.below(3)].to_owned();
        changes.push(match take.below(24) {
            0 | 1 => Change::CreateTable { table },
            2 => Change::DropTable { table },
            3 => Change::RenameTable { old: table, new: ["b", "c"][take.below(2)].to_owned() },
            4 => Change::Savepoint,
            5 => Change::RollBack { to: take.below(4) },
            6 | 7 => Change::RemoveRange { table, start: end(take), end: end(take) },
            8 => Change::PopFirst { table },
            9 => Change::PopLast { table },
            10 => Change::Take { table, key: key(take) },
            11..=13 => Change::Remove { table, key: key(take) },
            14 => Change::Update { table, key: key(take), suffix: value(take), limit: 6000 },
            15 => Change::Replace { table, key: key(take), value: value(take) },
            _ => Change::Insert { table, key: key(take), value: value(take) },
        });
    }
    changes
}

/// A key of a few bytes, one of a family that shares a prefix, or a long one.
fn key(take: &mut Take<'_>) -> Vec<u8> {
    let n = take.u8();
    match n % 8 {
        0 => take.bytes(usize::from(n / 8 % 8)).to_vec(),
        1..=4 => format!("/cluster/task-{:03}", take.u8()).into_bytes(),
        5 => vec![b'p'; usize::from(n / 8)],
        6 => u64::from(take.u8()).to_be_bytes().to_vec(),
        _ => vec![take.u8(); usize::from(n) * 2],
    }
}

/// Lengths around those at which the layout changes.
fn value(take: &mut Take<'_>) -> Vec<u8> {
    let n = take.u8();
    let len = match n % 8 {
        0 => 0,
        1..=4 => usize::from(n),
        5 => 1020 + usize::from(n / 8 % 8),
        6 => 4092 + usize::from(n / 8 % 8),
        _ => usize::from(n) * 8,
    };
    vec![take.u8(); len]
}

fn end(take: &mut Take<'_>) -> End {
    match take.below(5) {
        0 => Bound::Unbounded,
        1 | 2 => Bound::Included(key(take)),
        _ => Bound::Excluded(key(take)),
    }
}

/// What a crash behind `log[..end]` leaves: everything, nothing that no sync covers, or some sectors of it.
fn crashed(before: &[u8], log: &[Operation], end: usize, mode: u8, seed: u64) -> Vec<u8> {
    let mut rng = fastrand::Rng::with_seed(seed);
    match mode % 4 {
        0 => crash::image(before, log, end, &mut crash::all),
        1 => crash::image(before, log, end, &mut crash::none),
        2 => crash::image(before, log, end, &mut |_, _| rng.bool()),
        _ => crash::image(before, log, end, &mut |_, _| rng.u8(..8) > 0),
    }
}

/// Opens what a crash left, compares, goes on, and crashes again.
fn after(options: &Options, file: &[u8], model: &Model, mode: u8, seed: u64) -> Result<(), String> {
    let mut second = Chronicle::on(options, SimulatedDisk::holding(file), model.clone());
    second.open().map_err(|e| format!("open: {e:?}"))?;
    second.recovered()?;
    let own = [Change::CreateTable { table: "after".into() }];
    second.commit(Durability::Synced, &own)?.map_err(|e| format!("commit after recovery: {e:?}"))?;
    second.compare()?;
    let log = Arc::clone(second.disk()).log();
    let end = (seed >> 32) as usize % (log.len() + 1);
    let state = crashed(file, &log, end, mode / 4, seed);
    let mut third = Chronicle::on(options, SimulatedDisk::holding(&state), second.model_at(end).clone());
    third.open().map_err(|e| format!("open after a second crash behind {end} operations: {e:?}"))?;
    third.recovered().map_err(|what| format!("after a second crash behind {end} operations: {what}"))
}
