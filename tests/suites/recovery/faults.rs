//! Each operation fails in turn, once or from then on: a clean error and a usable store, or a poisoned one (L9); and whatever the crash
//! behind it leaves is legal.

use treering::{ErrorKind, Options};
use treering_tests::disk::{Done, Fault, Kind};
use treering_tests::{After, Chronicle, Durability, Seed, Shape, Step, depth, drive};

use crate::{explore, steps};

/// Fails the n-th operation of these kinds, for n from 0 on until nothing is left to fail.
#[track_caller]
fn sweep(test: &str, options: &Options, kinds: &'static [Kind], error: ErrorKind, runs: u64) {
    let seed = Seed::of(test);
    let shape = Shape { change_count_max: 12, step_percent: 45, ..Shape::small() };
    for run in 0..runs * depth() {
        let part = seed.part(run);
        let steps = steps(part, &shape, 14);
        for sticky in [false, true] {
            for at in 0.. {
                let fault = Fault { kinds, at, sticky, error, done: Done::Half };
                match suffer(options, &steps, fault, part) {
                    Ok(true) => {}
                    Ok(false) => break,
                    Err(what) => {
                        let list: Vec<String> = steps.iter().map(|step| format!("  {step:?}")).collect();
                        panic!("{test}, run {run} of TREERING_SEED={}, {fault:?}: {what}\n{}", seed.number(), list.join("\n"));
                    }
                }
            }
        }
    }
}

/// Lives with a fault; false if it never struck.
fn suffer(options: &Options, steps: &[Step], fault: Fault, seed: Seed) -> Result<bool, String> {
    let mut chronicle = Chronicle::begin(options)?;
    chronicle.disk().fail(Some(fault));
    let after = chronicle.live(steps)?;
    let struck = chronicle.has_struck();
    for e in &chronicle.errors {
        let clean = [fault.error, ErrorKind::Full, ErrorKind::Io, ErrorKind::Unknown, ErrorKind::Poisoned];
        if !clean.contains(&e.kind()) {
            return Err(format!("{fault:?} became {e:?}"));
        }
    }
    if after == After::Usable && struck {
        // It goes on as if nothing had been.
        chronicle.disk().fail(None);
        let more = [Step::Commit { durability: Durability::Synced, changes: Vec::new() }, Step::Checkpoint, Step::Compact];
        chronicle.live(&more)?;
    }
    if struck && fault.at.is_multiple_of(3) {
        explore::every_crash(&chronicle, options, seed)?;
    } else if struck {
        explore::last_crash(&chronicle, options, seed)?;
    }
    Ok(struck)
}

/// L9: writes that fail.
#[test]
fn l9_failing_writes() {
    sweep("l9_failing_writes", &drive::small_options(), &[Kind::Write, Kind::WriteThrough], ErrorKind::Io, 4);
}

/// L9: syncs that fail. What they covered stays in doubt although later ones return.
#[test]
fn l9_failing_syncs() {
    sweep("l9_failing_syncs", &drive::small_options(), &[Kind::Sync], ErrorKind::Io, 6);
}

/// L9: no space whenever the file is to grow. Never poisons.
#[test]
fn l9_failing_growth() {
    sweep("l9_failing_growth", &drive::small_options(), &[Kind::Grow], ErrorKind::Full, 6);
}

/// L9: anything fails.
#[test]
fn l9_failing_anything() {
    sweep(
        "l9_failing_anything",
        &drive::small_options(),
        &[Kind::Write, Kind::WriteThrough, Kind::Sync, Kind::Grow, Kind::Cut],
        ErrorKind::Io,
        2,
    );
}

/// L9: commits that go by seal: pages, seal and header fail in turn.
#[test]
fn l9_failing_commits_by_seal() {
    let options = drive::small_options().record_bytes(100);
    sweep("l9_failing_commits_by_seal", &options, &[Kind::Write, Kind::WriteThrough, Kind::Sync, Kind::Grow], ErrorKind::Io, 2);
}

/// L9: a header behind each commit fails in turn.
#[test]
fn l9_failing_when_strict() {
    let options = drive::small_options().strict(true);
    sweep("l9_failing_when_strict", &options, &[Kind::Write, Kind::WriteThrough, Kind::Sync], ErrorKind::Io, 2);
}
