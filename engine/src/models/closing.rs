//! Closing a store beside everything that its other handles may do: commits, snapshots, checkpoints, headers, and closing it too (L1, L2, L3).

use std::sync::Arc;

use super::disk::ModelDisk;
use super::store::{Open, beside, get, get_from, insert, put, put_into, settings};
use super::{join, model};
use crate::api::Store;
use crate::error::ErrorKind;
use crate::log::recover::choose_header;
use crate::planted::Bug;
use crate::store::options::Settings;
use crate::store::progress::Progress;
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
    expect_closed(open, &[]);
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
    expect_closed(open, &[]);
}

/// In a store whose every record is beyond the limit of its log, a writer waits for the store's own thread, which makes the checkpoint that is due, commits beside it, and closes the store.
/// Checked: whoever waits is woken, and the thread ends; the commit is on the medium when it returns; the newest header is the clean one; a power cut loses nothing. Two threads; their waits
/// have no end but a wake-up.
fn close_beside_due_checkpoint() {
    let open = Open::with(ModelDisk::new(), Settings { background: true, log_bytes: 0, ..settings() });
    put(&open, b"one", b"value-1").expect("a sound medium");
    assert!(open.disk.keeps(b"value-1"), "acknowledged and not on the medium");
    open.machine().close(open.worker()).expect("a sound medium");
    assert!(open.stats().checkpoints > 0, "a checkpoint was due, and nobody made it");
    expect_closed(open, &[("table", b"one", b"value-1")]);
}

/// A store is closed beside the moving of all pages of its small chunks into one. Checked: both end; the pages are moved, or whoever moves them hears that the store was closed; the newest header
/// is the clean one; a power cut loses nothing, wherever the pages stand now. Two threads.
fn close_beside_moving() {
    let open = Open::new(false);
    open.checkpoint().expect("a sound medium");
    put_into(&open, "another", b"key", b"value-1").expect("a sound medium");
    open.checkpoint().expect("a sound medium");
    let mover = beside(&open, |store| {
        let mut progress = Progress::unwatched();
        match store.machine().merge_all(&mut progress) {
            Ok(()) => assert!(progress.bytes_written > 0, "nothing was moved"),
            Err(e) => assert_eq!(e.kind(), ErrorKind::Poisoned, "{e}"),
        }
    });
    open.machine().close(open.worker()).expect("a sound medium");
    join(mover);
    expect_closed(open, &[("another", b"key", b"value-1")]);
}

/// A store is closed while a write transaction is open, which ends beside it: by its commit, or dropped. Checked: closing waits for it and ends; the commit is no later than the closing, so
/// it is acknowledged, and what was acknowledged is on the medium and there in the end; of what was dropped nothing is; nothing is acknowledged after the close. Two threads.
fn close_beside_open_transaction(commits: bool) {
    let open = Open::new(false);
    let txn = open.begin_write().expect("it is open");
    let close = beside(&open, |store| store.machine().close(store.worker()).expect("a sound medium"));
    insert(&txn, b"one", b"value-1");
    if commits {
        txn.commit().expect("it had the turn before the store was closed");
        assert!(open.disk.keeps(b"value-1"), "acknowledged and not on the medium");
    } else {
        drop(txn);
    }
    join(close);
    assert!(put(&open, b"two", b"value-2").is_err(), "acknowledged after the close");
    assert_eq!(get(&open, b"one").is_some(), commits);
    expect_closed(open, if commits { &[("table", b"one", b"value-1")] } else { &[] });
}

/// A store is closed while one has the turn, and lets go of it, and a writer waits for it or comes meanwhile. Checked: all end; the writer commits or hears that the store was closed; what
/// was acknowledged is on the medium, covered by the clean header and there in the end. Three threads.
fn close_beside_waiting_writer() {
    let open = Open::new(false);
    let txn = open.begin_write().expect("it is open");
    let close = beside(&open, |store| store.machine().close(store.worker()).expect("a sound medium"));
    let waiting = {
        let disk = Arc::clone(&open.disk);
        beside(&open, move |store| match put(store, b"two", b"value-2") {
            Ok(_) => {
                assert!(disk.keeps(b"value-2"), "acknowledged and not on the medium");
                true
            }
            Err(e) => {
                assert_eq!(e.kind(), ErrorKind::Poisoned, "{e}");
                false
            }
        })
    };
    drop(txn);
    join(close);
    let is_acknowledged = join(waiting);
    assert_eq!(get(&open, b"two").is_some(), is_acknowledged);
    expect_closed(open, if is_acknowledged { &[("table", b"two", b"value-2")] } else { &[] });
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
    expect_closed(open, &[]);
}

/// A table, a key and its value.
type Entry = (&'static str, &'static [u8], &'static [u8]);

/// The newest header is the clean one and covers every commit, and a power cut loses nothing: neither the first entry nor these.
fn expect_closed(open: Open, entries: &[Entry]) {
    let headers = choose_header(&*open.disk).expect("a sound medium");
    assert!(headers.newest.clean, "another header came behind the clean one");
    assert_eq!(headers.newest.durable_to.0, open.version(), "a commit came behind the header that closed the store");
    let after = Open::on(open.disk.after_a_power_cut(), false);
    for store in [&open, &after] {
        assert_eq!(get(store, b"key").as_deref(), Some(&b"value-0"[..]), "lost");
        for (table, key, value) in entries {
            assert_eq!(get_from(store, table, key).as_deref(), Some(*value), "lost");
        }
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

/// L5: who waits for the checkpoint that is due gets on, and the closing comes behind both.
#[test]
fn l5_close_beside_due_checkpoint() {
    model("close beside a due checkpoint").check(close_beside_due_checkpoint);
}

/// L3: pages that get new positions are sealed before the closing, or stay where they were.
#[test]
fn l3_close_beside_moving() {
    model("close beside moving pages").check(close_beside_moving);
}

/// L2: who has the turn commits before the closing.
#[test]
fn l2_close_beside_open_transaction() {
    model("close beside an open transaction").check(|| close_beside_open_transaction(true));
}

/// L11: and when the transaction is dropped, closing goes on without it.
#[test]
fn l11_close_beside_dropped_transaction() {
    model("close beside a transaction that is dropped").check(|| close_beside_open_transaction(false));
}

/// L2, L5: who waits for the turn gets it before the closing, or hears of it.
#[test]
fn l2_close_beside_waiting_writer() {
    model("close beside a waiting writer").check(close_beside_waiting_writer);
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

/// The model notices pages that are moved behind the closing.
#[test]
#[should_panic(expected = "another header came behind")]
fn l3_late_moving_is_noticed() {
    model("close beside moving pages").broken(Fault::Unset { file: "store/mod.rs" }).check(close_beside_moving);
}

/// The model notices a checkpoint of moved pages that does not tell who closes that it left.
#[test]
#[should_panic(expected = "deadlock")]
fn l3_silent_moving_beside_close_is_noticed() {
    model("close beside moving pages").broken(Fault::Deaf { file: "store/checkpoint.rs" }).check(close_beside_moving);
}

/// The model notices a closed store that takes writes behind the transaction that was open.
#[test]
#[should_panic(expected = "acknowledged after the close")]
fn l2_open_door_behind_a_transaction_is_noticed() {
    let broken = Fault::Unset { file: "store/mod.rs" };
    model("close beside an open transaction").broken(broken).check(|| close_beside_open_transaction(true));
}

/// The model notices a transaction that is dropped and does not hand the turn to who closes.
#[test]
#[should_panic(expected = "deadlock")]
fn l11_kept_turn_is_noticed() {
    let broken = Fault::Deaf { file: "sync/turn.rs" };
    model("close beside a dropped transaction").broken(broken).check(|| close_beside_open_transaction(false));
}

/// The model notices a writer behind the open transaction who is told of a commit before its sync.
#[test]
#[should_panic(expected = "acknowledged and not on the medium")]
fn l2_early_acknowledgement_beside_close_is_noticed() {
    model("close beside a waiting writer").planted(Bug::AckBeforeSync).check(close_beside_waiting_writer);
}

/// The model notices a waiting writer who is let in behind the closing.
#[test]
#[should_panic(expected = "a commit came behind")]
fn l2_late_writer_is_noticed() {
    let broken = Fault::Unset { file: "store/mod.rs" };
    model("close beside a waiting writer").broken(broken).check(close_beside_waiting_writer);
}

/// The model notices a thread that makes the checkpoint and does not tell the writer who waits for it.
#[test]
#[should_panic(expected = "deadlock")]
fn l5_silent_background_is_noticed() {
    model("close beside a due checkpoint").broken(Fault::Deaf { file: "store/background.rs" }).check(close_beside_due_checkpoint);
}

/// The model notices a commit beside that checkpoint that is acknowledged before its sync.
#[test]
#[should_panic(expected = "acknowledged and not on the medium")]
fn l5_early_acknowledgement_beside_background_is_noticed() {
    model("close beside a due checkpoint").planted(Bug::AckBeforeSync).check(close_beside_due_checkpoint);
}
