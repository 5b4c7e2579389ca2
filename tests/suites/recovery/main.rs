//! Crashes at every moment: what the medium may hold then is built from a log of operations, opened, compared with the model at exactly
//! the version that opened, written on, and crashed again (FORMAT 2 and 9; L3, L9).
//!
//! [`explore`] enumerates and judges the states; [`faults`] fails each operation in turn, [`reads`] those that copy pages; [`tail`] cuts the file at each length;
//! [`names`] looks at what is done to names; [`backups`] does all of it to backups and restores.

mod backups;
mod explore;
mod faults;
mod names;
mod reads;
mod tail;

use treering_tests::{Chronicle, Durability, Seed, Shape, Step, Workload, depth, drive};

/// Steps for a life in which crashes are looked at: transactions, kills, syncs, snapshots that keep pages, and what moves space.
fn steps(seed: Seed, shape: &Shape, count: usize) -> Vec<Step> {
    let mut workload = Workload::new(seed, shape.clone());
    let mut steps = Vec::new();
    while steps.len() < count {
        let step = workload.step();
        if !matches!(step, Step::Compare | Step::Check | Step::Blob { .. }) {
            steps.push(step);
        }
    }
    steps
}

/// Lives `runs` lives of `count` steps and looks at crashes behind every operation of each.
#[track_caller]
fn check(test: &str, runs: u64, count: usize, shape: &Shape, options: &treering::Options) {
    let seed = Seed::of(test);
    for run in 0..runs * depth() {
        let part = seed.part(run);
        let steps = steps(part, shape, count);
        let explored = Chronicle::begin(options).and_then(|mut chronicle| {
            chronicle.live(&steps)?;
            explore::every_crash(&chronicle, options, part)
        });
        if let Err(what) = explored {
            let list: Vec<String> = steps.iter().map(|step| format!("  {step:?}")).collect();
            panic!("{test}, run {run} of TREERING_SEED={}: {what}\n{}", seed.number(), list.join("\n"));
        }
    }
}

/// L3: crashes of a life of tiny transactions, which keeps the log and its headers busy.
#[test]
fn l3_crashes_of_tiny_transactions() {
    let shape = Shape { step_percent: 25, ..Shape::tiny() };
    check("l3_crashes_of_tiny_transactions", 6, 40, &shape, &drive::small_options());
}

/// L3: crashes around checkpoints, compactions and reopens of a store with pages enough to split.
#[test]
fn l3_crashes_around_checkpoints() {
    let shape = Shape { change_count_max: 24, ..Shape::small() };
    check("l3_crashes_around_checkpoints", 6, 30, &shape, &drive::small_options());
}

/// L3: crashes of commits that go by seal.
#[test]
fn l3_crashes_of_commits_by_seal() {
    let shape = Shape { change_count_max: 12, ..Shape::small() };
    check("l3_crashes_of_commits_by_seal", 5, 24, &shape, &drive::small_options().record_bytes(100));
}

/// L3: crashes of a store that copies what it reads.
#[test]
fn l3_crashes_with_copied_reads() {
    let shape = Shape { change_count_max: 24, ..Shape::small() };
    let options = drive::small_options().reads(treering::Reads::Copied).cache_bytes(16 << 10);
    check("l3_crashes_with_copied_reads", 2, 30, &shape, &options);
}

/// L3: crashes with a second sync for each commit.
#[test]
fn l3_crashes_when_strict() {
    let shape = Shape { step_percent: 25, ..Shape::tiny() };
    check("l3_crashes_when_strict", 3, 30, &shape, &drive::small_options().strict(true));
}

/// L3: more kills in a row than a header names runs, each behind a few commits.
#[test]
fn l3_crashes_of_many_runs() {
    let seed = Seed::of("l3_crashes_of_many_runs");
    let mut workload = Workload::new(seed, Shape::tiny());
    let mut steps = Vec::new();
    for _ in 0..22 {
        let changes = workload.changes();
        steps.push(Step::Commit { durability: Durability::Deferred, changes });
        steps.push(Step::Kill);
    }
    let options = drive::small_options();
    let mut chronicle = Chronicle::begin(&options).expect("a new store");
    chronicle.live(&steps).expect("no promise is broken");
    explore::every_crash(&chronicle, &options, seed).unwrap_or_else(|what| panic!("{what}"));
}
