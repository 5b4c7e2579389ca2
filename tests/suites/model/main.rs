//! The store beside a model: random steps of every kind, one `BTreeMap` a version, every live snapshot compared.
//!
//! One seed makes one list of steps. A list that fails is shortened before it is printed; `TREERING_SEED` repeats the run, and
//! `TREERING_DEPTH` makes it so many times as long (TESTING.md).

use treering::{Options, Reads};
use treering_tests::shrink::shrink;
use treering_tests::{Life, Seed, Shape, Step, Workload, depth, drive};

/// Runs `runs` lists of `count` steps; fails with the shortest list found that fails too.
#[track_caller]
fn check(test: &str, runs: u64, count: usize, shape: &Shape, options: &Options, has_thread: bool) {
    let seed = Seed::of(test);
    let mut moved_bytes = 0;
    for run in 0..runs * depth() {
        let part = seed.part(run);
        let steps = Workload::new(part, shape.clone()).steps(count);
        let what = match Life::run(options, has_thread, &steps) {
            Ok(moved) => {
                moved_bytes += moved;
                continue;
            }
            Err(what) => what,
        };
        let hook = std::panic::take_hook();
        std::panic::set_hook(Box::new(|_| {}));
        let short = shrink(&steps, 400, |steps| Life::run(options, has_thread, steps).is_err());
        // Then the changes of each transaction.
        let short = shrink_changes(&short, |steps| Life::run(options, has_thread, steps).is_err());
        let again = Life::run(options, has_thread, &short);
        std::panic::set_hook(hook);
        let list: Vec<String> = short.iter().map(|step| format!("  {step:?}")).collect();
        panic!(
            "{test}, run {run} of TREERING_SEED={}: {what}\n{} steps are enough ({}):\n{}",
            seed.number(),
            short.len(),
            again.err().unwrap_or_else(|| "not each time".into()),
            list.join("\n")
        );
    }
    // Merging and putting in order are part of what is tried.
    assert!(moved_bytes > runs * 4096, "{test}: {moved_bytes} bytes were moved");
}

/// Leaves out what the failing transactions do not need.
fn shrink_changes(steps: &[Step], fails: impl Fn(&[Step]) -> bool) -> Vec<Step> {
    let mut steps = steps.to_vec();
    for i in 0..steps.len() {
        let Step::Commit { durability, changes } = steps[i].clone() else { continue };
        let with = |changes: &[_]| {
            let mut tried = steps.clone();
            tried[i] = Step::Commit { durability, changes: changes.to_vec() };
            tried
        };
        let changes = shrink(&changes, 100, |changes| fails(&with(changes)));
        steps = with(&changes);
    }
    steps
}

/// Few keys, small pages, every kind of step.
#[test]
fn model_small() {
    check("model_small", 360, 80, &Shape::small(), &drive::small_options(), false);
}

/// Nearly every commit outgrows a record and goes by seal.
#[test]
fn model_commits_by_seal() {
    let options = drive::small_options().record_bytes(200);
    check("model_commits_by_seal", 200, 60, &Shape::small(), &options, false);
}

/// Compressed tables.
#[test]
fn model_lz4() {
    check("model_lz4", 150, 60, &Shape::small(), &drive::small_options().lz4(true), false);
}

/// Pages are copied, and hardly any is kept.
#[test]
fn model_copied() {
    let options = drive::small_options().reads(Reads::Copied).cache_bytes(16 << 10);
    check("model_copied", 150, 60, &Shape::small(), &options, false);
}

/// Compressed pages are copied while the thread works beside the steps; none is kept.
#[test]
fn model_copied_lz4_with_thread() {
    let options = drive::small_options().reads(Reads::Copied).cache_bytes(0).lz4(true).background(true).log_bytes(8 << 10);
    check("model_copied_lz4_with_thread", 40, 60, &Shape::small(), &options, true);
}

/// Each synced commit writes a header too.
#[test]
fn model_strict() {
    check("model_strict", 100, 60, &Shape::small(), &drive::small_options().strict(true), false);
}

/// Many entries in one table: three levels of branches, long ranges.
#[test]
fn model_deep() {
    check("model_deep", 16, 40, &Shape::deep(), &drive::small_options(), false);
}

/// Tiny transactions, many of them: the log goes round.
#[test]
fn model_tiny() {
    let shape = Shape { step_percent: 25, ..Shape::tiny() };
    check("model_tiny", 120, 400, &shape, &drive::small_options().log_bytes(4 << 10), false);
}

/// The thread works beside the steps.
#[test]
fn model_with_thread() {
    let options = drive::small_options().background(true).log_bytes(8 << 10).deferred_within(std::time::Duration::ZERO);
    check("model_with_thread", 120, 60, &Shape::small(), &options, true);
}
