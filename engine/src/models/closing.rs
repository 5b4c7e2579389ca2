//! Closing a store beside everything that its other handles may do: commits, snapshots, checkpoints, headers, and closing it too (L1, L2, L3).

use std::sync::Arc;

use super::store::{Open, beside, get, put};
use super::{join, model};
use crate::api::Store;
use crate::error::ErrorKind;
use crate::log::recover::choose_header;
use crate::sync::checker::fault::Fault;

/// A store is closed beside a commit, and looked at behind both. Checked: whatever returned before or after, what was acknowledged is on the medium; nothing is acknowledged after
/// the close; a look behind it reads whole values; closing ends. With `background` the store's own thread is there, whose waits have no end but a wake-up. Two threads, or three.
fn closing(background: bool) {
    let open = Open::new(background);
    let commit = {
        let disk = Arc::clone(&open.disk);
        beside(&open, move |store| {
            if put(store, b"one", b"value-1").is_ok() {
                assert!(disk.keeps(b"value-1"), "acknowledged and not on the medium");
            }
        })
    };
    open.machine().close(open.worker()).expect("a sound medium");
    let late = put(&open, b"two", b"value-2");
    assert!(late.is_err(), "acknowledged after the close");
    assert_eq!(get(&open, b"key").as_deref(), Some(&b"value-0"[..]));
    join(commit);
    open.close();
}

/// A store is closed beside a snapshot that is opened, and read twice. Checked: it reads the value of its version before, while and after the store is sealed and shut, and its pages
/// get another home; closing ends; a power cut loses nothing. Two threads.
fn close_beside_snapshot() {
    let open = Open::new(false);
    let reader = beside(&open, |store| {
        let snapshot = store.snapshot();
        for _ in 0..2 {
            let reader = snapshot.reader();
            let value = reader.table("table").and_then(|table| table.get(b"key")).expect("a sound page");
            assert_eq!(value, Some(&b"value-0"[..]));
        }
    });
    open.machine().close(open.worker()).expect("a sound medium");
    join(reader);
    expect_closed(open);
}

/// A store is closed beside a checkpoint that is made in any case. Checked: both end; the checkpoint is made or hears that the store was closed; the newest header is the clean one;
/// a power cut loses nothing. Two threads.
fn close_beside_checkpoint() {
    let open = Open::new(false);
    let checkpoint = beside(&open, |store| {
        if let Err(e) = store.machine().checkpoint(Vec::new(), true) {
            assert_eq!(e.kind(), ErrorKind::Poisoned, "{e}");
        }
    });
    open.machine().close(open.worker()).expect("a sound medium");
    join(checkpoint);
    expect_closed(open);
}

/// A store is closed by two. Checked: both end and hear that it is closed; whoever returns, first or second, finds the one clean header. Two threads.
fn two_closes() {
    let open = Open::new(false);
    let close = || {
        let disk = Arc::clone(&open.disk);
        move |store: &Store| {
            store.machine().close(store.worker()).expect("a sound medium");
            let newest = choose_header(&*disk).expect("a sound medium").newest;
            assert!(newest.clean, "closed, and no header says so");
            newest.sequence
        }
    };
    let other = beside(&open, close());
    let first = close()(&open);
    assert_eq!(join(other), first, "a header behind the one that closed the store");
    expect_closed(open);
}

/// The newest header is the clean one, and a power cut loses nothing.
fn expect_closed(open: Open) {
    let headers = choose_header(&*open.disk).expect("a sound medium");
    assert!(headers.newest.clean, "another header came behind the clean one");
    let after = Open::on(open.disk.after_a_power_cut(), false);
    for store in [&open, &after] {
        assert_eq!(get(store, b"key").as_deref(), Some(&b"value-0"[..]), "lost");
    }
    after.close();
    open.close();
}

/// A header is written beside closing, as the store's own thread does when it has nothing else to do. Checked: the newest header says that nothing is missing. Two threads.
fn header_beside_close() {
    let open = Open::new(false);
    let header = beside(&open, |store| {
        if let Err(e) = store.machine().write_header(false) {
            assert_eq!(e.kind(), ErrorKind::Poisoned, "{e}");
        }
    });
    open.machine().close(open.worker()).expect("a sound medium");
    join(header);
    let headers = choose_header(&*open.disk).expect("a sound medium");
    assert!(headers.newest.clean, "another header came behind the clean one");
    open.close();
}

/// L2: closing loses nothing that was acknowledged, and nothing is acknowledged afterwards.
#[test]
fn l2_close_beside_commit() {
    model("close beside a commit").check(|| closing(false));
}

/// L2: the same with the store's own thread, which is told to end.
#[test]
fn l2_close_beside_background() {
    model("close beside the background").check(|| closing(true));
}

/// L1: a snapshot outlives the closing of its store.
#[test]
fn l1_close_beside_snapshot() {
    model("close beside a snapshot").check(close_beside_snapshot);
}

/// L3: a checkpoint comes before the closing, or not at all.
#[test]
fn l3_close_beside_checkpoint() {
    model("close beside a checkpoint").check(close_beside_checkpoint);
}

/// L3: two that close a store close it once.
#[test]
fn l3_two_closes() {
    model("two closes").check(two_closes);
}

/// L3: behind the header of a closed store comes no other.
#[test]
fn l3_header_beside_close() {
    model("a header beside closing").check(header_beside_close);
}

/// The model notices a closed store that takes writes.
#[test]
#[should_panic(expected = "acknowledged after the close")]
fn l2_open_door_is_noticed() {
    model("close").broken(Fault::Unset { file: "store/mod.rs" }).check(|| closing(false));
}

/// The model notices a header behind the last one.
#[test]
#[should_panic(expected = "another header came behind")]
fn l3_late_header_is_noticed() {
    model("a header beside closing").broken(Fault::Unset { file: "store/mod.rs" }).check(header_beside_close);
}

/// The model notices that the store's own thread is not woken to end.
#[test]
#[should_panic(expected = "deadlock")]
fn l2_sleeping_background_is_noticed() {
    model("close").broken(Fault::Deaf { file: "store/background.rs" }).check(|| closing(true));
}

/// The model notices pages that are freed under a snapshot when closing seals them.
#[test]
#[should_panic(expected = "Causality violation")]
fn l1_hasty_swing_of_closing_is_noticed() {
    model("close").broken(Fault::Hasty { file: "log/directory.rs" }).check(close_beside_snapshot);
}

/// The model notices a checkpoint that goes on behind the closing.
#[test]
#[should_panic(expected = "another header came behind")]
fn l3_late_checkpoint_is_noticed() {
    model("close beside a checkpoint").broken(Fault::Unset { file: "store/mod.rs" }).check(close_beside_checkpoint);
}

/// The model notices a checkpoint that does not tell who closes that it left.
#[test]
#[should_panic(expected = "deadlock")]
fn l3_silent_checkpoint_beside_close_is_noticed() {
    model("close beside a checkpoint").broken(Fault::Deaf { file: "store/checkpoint.rs" }).check(close_beside_checkpoint);
}

/// The model notices a second closing that does its work again.
#[test]
#[should_panic(expected = "a header behind the one that closed")]
fn l3_second_closing_is_noticed() {
    model("two closes").broken(Fault::Unset { file: "store/mod.rs" }).check(two_closes);
}

/// The model notices that the second who closes is not woken.
#[test]
#[should_panic(expected = "deadlock")]
fn l3_forgotten_closing_is_noticed() {
    model("two closes").broken(Fault::Deaf { file: "sync/turn.rs" }).check(two_closes);
}
