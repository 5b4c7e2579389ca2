//! The lives that faults are put into: some twenty, each for a part of the engine, short enough to be lived thousands of times.

use std::time::Duration;

use treering::{BlobForm, Options};
use treering_tests::{Change, Chronicle, Durability, Model, Step, drive};

/// A life to be lived with faults.
pub(crate) struct Life {
    pub(crate) name: &'static str,
    pub(crate) options: Options,
    /// The file that it begins with; none is a new one.
    pub(crate) before: Option<(Vec<u8>, Model)>,
    pub(crate) steps: Vec<Step>,
}

fn create(table: &str) -> Change {
    Change::CreateTable { table: table.into() }
}

fn put(table: &str, keys: std::ops::Range<u32>, len: usize) -> Vec<Change> {
    let value = |n: u32| (0..len).map(|i| (n as usize * 31 + i * i) as u8).collect();
    keys.map(|n| Change::Insert { table: table.into(), key: n.to_be_bytes().to_vec(), value: value(n) }).collect()
}

fn remove(table: &str, keys: std::ops::Range<u32>) -> Vec<Change> {
    keys.map(|n| Change::Remove { table: table.into(), key: n.to_be_bytes().to_vec() }).collect()
}

fn commit(durability: Durability, changes: Vec<Change>) -> Step {
    Step::Commit { durability, changes }
}

fn synced(changes: Vec<Change>) -> Step {
    commit(Durability::Synced, changes)
}

fn load(table: &str, count: u32, len: usize, sorted: bool) -> Vec<Change> {
    let key = |n: u32| if sorted { n } else { n.wrapping_mul(0x9E37_79B1) };
    let entries = (0..count).map(|n| (key(n).to_be_bytes().to_vec(), vec![n as u8; len])).collect();
    vec![create(table), Change::Load { table: table.into(), entries, sorted }]
}

/// Tables with a few pages each, in the file and in memory.
fn filled(variant: usize) -> Vec<Step> {
    vec![
        synced([vec![create("a"), create("b")], put("a", 0..80, 120 + 30 * variant), put("b", 0..10, 20)].concat()),
        Step::Checkpoint,
        Step::Hold,
        synced(put("a", 20..40, 100)),
    ]
}

/// Each life is lived in so many variants.
pub(crate) const VARIANTS: usize = 10;

fn options(variant: usize) -> Options {
    let options = drive::small_options().deferred_within(Duration::ZERO).log_bytes(2 << 10).compact_below(0.9);
    match variant {
        1 => options.strict(true),
        2 => options.lz4(true),
        3 => options.record_bytes(400),
        4 => options.page_len(8192),
        5 => options.strict(true).lz4(true),
        6 => options.log_bytes(300),
        7 => options.record_bytes(900).strict(true),
        8 => options.segment_bytes(64 << 10),
        9 => options.compact_below(0.3).log_bytes(300).lz4(true),
        _ => options,
    }
}

fn life(name: &'static str, options: Options, steps: Vec<Step>) -> Life {
    Life { name, options, before: None, steps }
}

/// Begins with what `first` leaves behind when the process is killed, or `close`d.
fn after(name: &'static str, options: Options, first: &[Step], close: bool, steps: Vec<Step>) -> Life {
    let mut chronicle = Chronicle::begin(&options).expect("a new store");
    chronicle.live(first).expect("no promise is broken");
    if close {
        chronicle.live(&[Step::Reopen]).expect("no promise is broken");
    }
    let model = chronicle.model().clone();
    let before = Some((chronicle.disk().bytes(), model));
    Life { name, options, before, steps }
}

/// Begins with a blob of what `first` made.
fn blob(name: &'static str, options: Options, first: &[Step], steps: Vec<Step>) -> Life {
    let mut chronicle = Chronicle::begin(&options).expect("a new store");
    chronicle.live(first).expect("no promise is broken");
    let mut bytes = Vec::new();
    chronicle.store().snapshot().write_blob(&mut bytes, BlobForm::Plain).expect("a blob");
    Life { name, options, before: Some((bytes, chronicle.model().clone())), steps }
}

fn tail() -> Vec<Step> {
    vec![synced(put("a", 100..110, 50)), Step::Checkpoint]
}

/// All lives, in one variant.
pub(crate) fn all(variant: usize) -> Vec<Life> {
    use Durability::{Deferred, Memory, Synced};
    let twice = |steps: Vec<Step>| [filled(variant), steps].concat();
    let runs: Vec<Step> = (0..9).flat_map(|n| [synced(put("a", n..n + 2, 30)), Step::Kill]).collect();
    let many_runs = [vec![synced(vec![create("a")])], runs].concat();
    vec![
        life("synced commits", options(variant), twice((0..6).map(|n| synced(put("a", n..n + 4, 60))).collect())),
        life(
            "commits of every durability",
            options(variant),
            twice((0..9).map(|n| commit([Memory, Deferred, Synced][n % 3], put("a", n as u32..n as u32 + 3, 80))).collect()),
        ),
        life(
            "deferred and background",
            options(variant),
            twice(vec![
                commit(Deferred, put("a", 0..10, 300)),
                Step::Background { pieces: 6 },
                commit(Memory, put("b", 0..9, 300)),
                Step::Background { pieces: 6 },
            ]),
        ),
        life(
            "checkpoints",
            options(variant),
            twice(vec![
                Step::Checkpoint,
                synced(put("b", 0..30, 200)),
                Step::Checkpoint,
                synced(remove("a", 0..60)),
                Step::Checkpoint,
            ]),
        ),
        life(
            "a log of many segments",
            options(variant),
            twice((0..6).map(|n| synced(put("a", n * 5..n * 5 + 5, 1_000))).collect()),
        ),
        life(
            "compaction",
            options(variant),
            twice(vec![synced(remove("a", 0..70)), Step::Checkpoint, Step::Compact, synced(put("a", 0..10, 100))]),
        ),
        life(
            "compaction beside a snapshot",
            options(variant),
            twice(vec![
                Step::Hold,
                synced(remove("a", 10..70)),
                Step::Compact,
                Step::Release { index: 0 },
                Step::Release { index: 0 },
                Step::Compact,
            ]),
        ),
        life(
            "compaction in the background",
            options(variant),
            twice(vec![
                synced(remove("a", 0..75)),
                Step::Checkpoint,
                Step::Release { index: 0 },
                Step::Background { pieces: 20 },
            ]),
        ),
        life(
            "commits by seal",
            options(variant).record_bytes(100),
            twice(vec![synced(put("a", 0..20, 100)), synced(put("b", 0..3, 10)), synced(remove("a", 0..40))]),
        ),
        life(
            "strict",
            options(variant).strict(true),
            twice(vec![synced(put("a", 0..5, 100)), commit(Deferred, put("a", 5..9, 10)), Step::Sync]),
        ),
        life(
            "compressed",
            options(variant).lz4(true),
            twice(vec![synced(put("a", 0..40, 200)), Step::Checkpoint, synced(remove("a", 0..30)), Step::Compact]),
        ),
        life(
            "large values",
            options(variant),
            twice(vec![synced(put("b", 0..4, 9_000)), Step::Checkpoint, synced(put("b", 2..4, 5_000)), Step::Compact]),
        ),
        life(
            "a sorted load",
            options(variant),
            twice(vec![synced(load("loaded", 300, 60, true)), synced(put("loaded", 0..3, 9))]),
        ),
        life("an unsorted load", options(variant), twice(vec![synced(load("loaded", 200, 60, false)), Step::Checkpoint])),
        life(
            "a load that spills",
            options(variant),
            twice(vec![synced(load("loaded", 500, 600, true)), synced(put("loaded", 0..3, 9))]),
        ),
        // Half of a megabyte is sorted in memory; what is more goes by way of a scratch file.
        life(
            "an unsorted load that spills",
            options(variant),
            twice(vec![synced(load("loaded", 900, 600, false)), synced(put("loaded", 0..3, 9))]),
        ),
        life(
            "tables",
            options(variant),
            twice(vec![
                synced(vec![Change::DropTable { table: "b".into() }, create("c")]),
                synced(vec![Change::RenameTable { old: "a".into(), new: "b".into() }]),
                synced(
                    [vec![Change::Savepoint], put("b", 0..20, 50), vec![Change::RollBack { to: 0 }], put("c", 0..5, 50)].concat(),
                ),
                Step::Checkpoint,
            ]),
        ),
        life(
            "dropped transactions",
            options(variant),
            twice(vec![
                Step::Abandon { changes: put("a", 0..30, 200) },
                synced(put("a", 0..3, 20)),
                Step::Abandon { changes: load("x", 100, 50, true) },
            ]),
        ),
        life(
            "exports",
            options(variant),
            twice(vec![
                Step::Blob { packed: false },
                synced(put("a", 0..3, 20)),
                Step::Blob { packed: true },
                Step::Checkpoint,
                Step::Blob { packed: false },
            ]),
        ),
        life(
            "close and open",
            options(variant),
            twice(vec![Step::Reopen, synced(put("a", 0..3, 20)), Step::Reopen, Step::Check]),
        ),
        after("open after a close", options(variant), &filled(variant), true, tail()),
        after(
            "open after a kill",
            options(variant),
            &[filled(variant), vec![commit(Deferred, put("a", 0..20, 90))]].concat(),
            false,
            tail(),
        ),
        after("open a strict store", options(variant).strict(true), &filled(variant), false, tail()),
        after("open after commits by seal", options(variant).record_bytes(100), &filled(variant), false, tail()),
        after("open after many runs", options(variant), &many_runs, false, tail()),
        blob("open a blob", options(variant), &filled(variant), tail()),
        life("create", options(variant), vec![synced(vec![create("a")]), synced(put("a", 0..3, 10))]),
    ]
}
