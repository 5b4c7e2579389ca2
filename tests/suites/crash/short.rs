//! Every short life: all sequences of up to three steps of an alphabet of twelve, each crashed in its last step. What comes before that is a shorter life, and crashed as such;
//! what it left in doubt is in doubt still.

use std::ops::Bound;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use treering_tests::{Change, Durability, Seed, Step, drive};

use crate::count::Tally;
use crate::explore;
use crate::lives::{Kind, Plan};

/// Longest sequence.
const STEPS: u32 = 3;

/// States of a life at most.
const SHARE: usize = 300;

const ALPHABET: [fn(u8) -> Step; 12] = [
    |n| put(Durability::Synced, n),
    |n| put(Durability::Deferred, n),
    |n| put(Durability::Memory, n),
    |_| commit(Durability::Synced, vec![Change::PopFirst { table: a() }]),
    |_| commit(Durability::Deferred, vec![clear()]),
    |n| commit(Durability::Synced, vec![clear(), load(n)]),
    |n| commit(Durability::Deferred, vec![Change::CreateTable { table: format!("new {n}") }]),
    |n| commit(Durability::Synced, vec![Change::RenameTable { old: a(), new: format!("renamed {n}") }]),
    |_| commit(Durability::Deferred, vec![Change::DropTable { table: a() }]),
    |_| Step::Checkpoint,
    |_| Step::Compact,
    |_| Step::Reopen,
];

fn a() -> String {
    "a".into()
}

fn commit(durability: Durability, changes: Vec<Change>) -> Step {
    Step::Commit { durability, changes }
}

/// Into the table `a`, which is made if it is not there: one key that each step sets, and one of its own.
fn put(durability: Durability, n: u8) -> Step {
    let insert = |key| Change::Insert { table: a(), key, value: vec![n; 300] };
    commit(durability, vec![Change::CreateTable { table: a() }, insert(vec![0]), insert(vec![1, n])])
}

fn clear() -> Change {
    Change::RemoveRange { table: a(), start: Bound::Unbounded, end: Bound::Unbounded }
}

fn load(n: u8) -> Change {
    Change::Load { table: a(), entries: (0..40).map(|key| (vec![2, key], vec![n; 50])).collect(), sorted: true }
}

/// What every life begins with: a table of a page in the file, and an entry in the log.
fn first() -> Vec<Step> {
    let put = |key| Change::Insert { table: a(), key: vec![3, key], value: vec![key; 100] };
    let filled = [vec![Change::CreateTable { table: a() }], (0..10).map(put).collect()].concat();
    vec![commit(Durability::Synced, filled), Step::Checkpoint, commit(Durability::Synced, vec![put(10)])]
}

/// The steps of the n-th sequence: those of one step first.
fn sequence(mut n: usize) -> Vec<Step> {
    let mut len = 1;
    while n >= ALPHABET.len().pow(len) {
        n -= ALPHABET.len().pow(len);
        len += 1;
    }
    (0..len).map(|at| ALPHABET[n / ALPHABET.len().pow(at) % ALPHABET.len()](at as u8)).collect()
}

/// L3: no short life is too simple to be tried: every sequence of up to three of twelve steps, 1,884 of them, crashed behind each operation of its last step.
#[test]
fn l3_every_short_life() {
    let seed = Seed::of("l3_every_short_life");
    let count: usize = (1..=STEPS).map(|len| ALPHABET.len().pow(len)).sum();
    assert_eq!((count, sequence(count - 1).len()), (1_884, 3));
    let tally = Tally::new(usize::MAX, Duration::MAX);
    let lived = AtomicUsize::new(0);
    let figures = crate::on_every_core(&tally, 0..count as u64, |n, stages| {
        let options = drive::small_options().deferred_within(Duration::from_secs(1 << 20)).compact_below(0.9);
        // All lives draw the same identities: what two of them have in common is judged as one.
        let plan = Plan { kind: Kind::Mixed, options, steps: sequence(n as usize), seed };
        let explored =
            plan.live_behind(&first()).and_then(|life| explore::explore(&plan, &life, seed.part(n), SHARE, stages, &tally));
        tally.add(plan.kind, explored.map_err(|what| format!("short life {n}: {what}\n{:#?}", plan.steps))?);
        lived.fetch_add(1, Ordering::Relaxed);
        Ok(())
    });
    assert_eq!(lived.into_inner(), count);
    // A last step that does nothing, or what a shorter life did, leaves no new file.
    assert!(figures.lives * 2 >= count && figures.all.distinct >= 10 * count, "{figures}");
}
