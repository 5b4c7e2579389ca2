//! A test of the test: a right history that was falsified in one place is caught, and by the rule that it breaks.

use std::sync::OnceLock;

use treering::{Options, Store};
use treering_tests::{Change, Seed, State, drive};

use crate::history::{History, What};
use crate::random::record;

/// A right history, made once.
fn right() -> History {
    static RIGHT: OnceLock<History> = OnceLock::new();
    let record = || {
        let options: Options = drive::small_options();
        let store: Store = options.in_memory().expect("open");
        let history = record(&store, Seed::of("tampered"), 100);
        history.judge().expect("a right history");
        assert!(store.check().expect("check").problems().is_empty());
        history
    };
    RIGHT.get_or_init(record).clone()
}

/// Tries the falsification on each event, until so many were done that cannot be right: each must be caught, with these words.
#[track_caller]
fn check(words: &str, at_least: usize, falsify: impl Fn(&mut History, usize) -> bool) {
    let right = right();
    let mut count = 0;
    for n in 0..right.events.len() {
        let mut history = right.clone();
        if !falsify(&mut history, n) {
            continue;
        }
        let what = history.judge().expect_err("falsified");
        assert!(what.starts_with(words), "event {n}: {what}");
        count += 1;
        if count == 40 {
            break;
        }
    }
    assert!(count >= at_least, "{count} falsifications");
}

/// A version that some snapshot showed, and what it showed.
fn shown(history: &History, wanted: impl Fn(u64) -> bool) -> Option<(u64, State)> {
    history.events.iter().find_map(|event| match &event.what {
        What::Snapshot { version, first, .. } if wanted(*version) => Some((*version, first.clone())),
        _ => None,
    })
}

/// Two commits under each other's version. (Two that touch nothing in common may be swapped, and still be caught by what others read.)
#[test]
fn tampered_swapped_versions() {
    let is_caught = |history: &mut History, n: usize| {
        let Some(version) = history.events[n].made() else { return false };
        let Some(other) = history.events.iter().position(|event| event.made() == Some(version + 1)) else { return false };
        for (event, swapped) in [(n, version + 1), (other, version)] {
            let What::Transaction { read, made, .. } = &mut history.events[event].what else { return false };
            (*read, *made) = ((*read).min(swapped - 1), Some(swapped));
        }
        history.judge().is_err()
    };
    let mut count = 0;
    let right = right();
    for n in 0..right.events.len() {
        count += usize::from(is_caught(&mut right.clone(), n));
    }
    let versions = right.end.0 as usize - 1;
    assert!(count * 10 >= versions * 9, "{count} of {versions}");
}

/// A commit that nobody made, and one that was made twice.
#[test]
fn tampered_lost_and_doubled_versions() {
    check("order", 20, |history, n| history.events[n].made().is_some_and(|_| history.events.remove(n).made().is_some()));
    check("order", 20, |history, n| {
        let twice = history.events[n].clone();
        history.events.push(twice.clone());
        twice.made().is_some()
    });
}

/// A snapshot, and a look without changes, that show less than what was known when they began.
#[test]
fn tampered_stale_reads() {
    check("real time", 20, |history, n| {
        let begun = history.events[n].begun;
        let known = history.events.iter().filter(|event| event.ended < begun).map(|event| event.version()).max();
        let Some((older, state)) = known.and_then(|known| shown(history, |version| version < known)) else { return false };
        let What::Snapshot { version, first, again } = &mut history.events[n].what else { return false };
        (*version, *first, *again) = (older, state.clone(), state);
        true
    });
}

/// A snapshot whose tables are of two versions.
#[test]
fn tampered_torn_snapshots() {
    check("whole", 20, |history, n| {
        let What::Snapshot { first, .. } = &history.events[n].what else { return false };
        let Some(table) = first.table("even") else { return false };
        let other = history.events.iter().find_map(|event| match &event.what {
            What::Snapshot { first, .. } => first.table("even").filter(|other| *other != table).cloned(),
            What::Transaction { .. } => None,
        });
        let (Some(other), What::Snapshot { first, again, .. }) = (other, &mut history.events[n].what) else { return false };
        first.set_table("even", other.clone());
        again.set_table("even", other);
        true
    });
}

/// A snapshot that shows something else when it is read again.
#[test]
fn tampered_second_readings() {
    check("whole: read again", 20, |history, n| {
        let mine = history.events[n].version();
        let other = shown(history, |version| version != mine);
        let (Some((_, other)), What::Snapshot { first, again, .. }) = (other, &mut history.events[n].what) else { return false };
        *again = other;
        again != first
    });
}

/// A value in a transaction's reads that was there in another version: a lost update, a skewed write.
#[test]
fn tampered_reads_of_transactions() {
    check("serial", 20, |history, n| {
        let What::Transaction { transcript, .. } = &mut history.events[n].what else { return false };
        let Some(value) = transcript.seen.iter_mut().flatten().flatten().map(|(_, value)| value).next() else { return false };
        value[0] ^= 1;
        true
    });
    check("serial", 10, |history, n| {
        let What::Transaction { transcript, .. } = &mut history.events[n].what else { return false };
        // A phantom that was overlooked.
        transcript.seen.iter_mut().flatten().any(|entries| entries.len() > 1 && entries.pop().is_some())
    });
}

/// A transaction that decided something else than its plan, or whose changes did not all arrive.
#[test]
fn tampered_changes() {
    check("serial", 20, |history, n| {
        let What::Transaction { transcript, .. } = &mut history.events[n].what else { return false };
        transcript.changes.pop().is_some()
    });
    check("whole", 1, |history, n| {
        // Something that was never committed is there at the end.
        let Some(mut entries) = history.end.1.table("even").cloned() else { return false };
        entries.insert(b"dirty".to_vec(), b"".to_vec());
        history.end.1.set_table("even", entries);
        n == 0
    });
    check("serial", 20, |history, n| {
        let What::Transaction { transcript, made, .. } = &mut history.events[n].what else { return false };
        let Some(Change::Insert { value, .. }) = transcript.changes.first_mut() else { return false };
        value.push(0);
        made.is_some()
    });
}

/// A version that was seen before it was published, or before its commit was called.
#[test]
fn tampered_early_sights() {
    check("published", 20, |history, n| {
        history.events[n].published = history.events[n].version() - 1;
        true
    });
    check("real time", 20, |history, n| {
        let version = history.events[n].version();
        let Some(maker) = history.events.iter().find(|event| event.made() == Some(version)) else { return false };
        let before = maker.called - 1;
        (history.events[n].begun, history.events[n].ended) = (before, before);
        matches!(history.events[n].what, What::Snapshot { .. })
    });
}
