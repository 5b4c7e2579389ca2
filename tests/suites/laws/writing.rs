//! L5, L9, L11: turns, failures, transactions.

use std::sync::{Arc, Mutex, mpsc};
use std::thread;
use std::time::Duration;

use treering::{Durability, ErrorKind, Store};
use treering_tests::disk::{Done, FatalDisk, Fault, Kind};
use treering_tests::{Checked, Seed, SimulatedDisk, drive};

use crate::{expect, key, open, put, store, store_with, value};

/// L5: the turn comes in the order of asking; one who asks again at once stands behind all who ask already; readers do not count.
#[test]
fn l5_first_come_first_served() {
    const WAITERS: u64 = 8;
    let (_disk, store) = store();
    put(&store, 0..1, 0, 20).expect("commit");
    let _readers: Vec<_> = (0..100).map(|_| store.snapshot()).collect();
    let order = Mutex::new(Vec::new());
    let hog = store.begin_write().expect("the turn");
    thread::scope(|scope| {
        for n in 0..WAITERS {
            let (store, order) = (&store, &order);
            scope.spawn(move || {
                let txn = store.begin_write().expect("the turn");
                order.lock().expect("no panic").push(n);
                txn.open_table("t").expect("table t").insert(&key(n), b"x").expect("insert");
                txn.commit().expect("commit");
            });
            while store.stats().waiting <= n {
                thread::yield_now();
            }
        }
        // All stand in the queue. Whoever had the turn asks again: its second turn comes after everybody's.
        hog.commit().expect("commit");
        let again = store.begin_write().expect("the turn");
        order.lock().expect("no panic").push(WAITERS);
        drop(again);
    });
    assert_eq!(order.into_inner().expect("no panic"), (0..=WAITERS).collect::<Vec<_>>());
    assert_eq!(store.version(), 1 + WAITERS);
}

/// L5: whoever does not want to wait is told so, and is in nobody's way afterwards.
#[test]
fn l5_waiting_can_be_limited() {
    let (_disk, store) = store();
    let turn = store.begin_write().expect("the turn");
    for _ in 0..3 {
        let refused = store.begin_write_within(Duration::ZERO).expect_err("somebody has the turn");
        assert_eq!(refused.kind(), ErrorKind::TimedOut);
    }
    assert_eq!(store.stats().waiting, 0);
    drop(turn);
    store.begin_write_within(Duration::ZERO).expect("nobody has the turn");
}

/// L5: the limit holds also when too much is dirty. Without the background thread the writer makes the checkpoint that is due; for that it waited for the turn without a limit, and a
/// thread that asked beside a transaction of its own waited for itself for ever. It is told now that the turn did not come.
#[test]
fn l5_waiting_for_a_checkpoint_can_be_limited() {
    let (_disk, store) = store_with(&drive::small_options().dirty_bytes(1 << 20));
    let (first, second) = ((*store).clone(), (*store).clone());
    let large = store.begin_write().expect("the turn");
    {
        let mut table = large.create_table("t").expect("table t");
        (0..4000).for_each(|n| table.insert(&key(n), &value(n, 0, 400)).expect("insert"));
    }
    // It asks before too much is dirty, and has its turn afterwards.
    let next = thread::spawn(move || first.begin_write().expect("the turn"));
    while store.stats().waiting == 0 {
        thread::yield_now();
    }
    large.commit().expect("commit");
    let turn = next.join().expect("no panic");
    assert!(store.stats().dirty_bytes >= 1 << 20, "a checkpoint is due");
    let (sender, receiver) = std::sync::mpsc::channel();
    // Not joined before the turn is let go: it might never end.
    let waiting = thread::spawn(move || {
        let _ = sender.send(second.begin_write_within(Duration::ZERO).map(drop).map_err(|e| e.kind()));
    });
    let told = receiver.recv_timeout(Duration::from_secs(60));
    drop(turn);
    waiting.join().expect("no panic");
    assert_eq!(told.expect("it is told in time"), Err(ErrorKind::TimedOut));
    drop(store.begin_write_within(Duration::from_secs(60)).expect("nobody has the turn"));
    assert!(store.stats().dirty_bytes < 1 << 20, "the checkpoint was made");
}

/// L9: a failed sync of a record poisons: no more writes, reads go on, and what opens next is one of the two versions.
#[test]
fn l9_failed_sync_poisons() {
    let options = drive::small_options();
    for kind in [Kind::Sync, Kind::Write] {
        let (disk, store) = store_with(&options);
        put(&store, 0..10, 0, 20).expect("commit");
        let kinds: &[Kind] = if kind == Kind::Sync { &[Kind::Sync] } else { &[Kind::Write] };
        disk.fail(Some(Fault { kinds, at: 0, sticky: false, error: ErrorKind::Io, done: Done::Half }));
        let failed = put(&store, 0..10, 1, 20).expect_err("the disk fails");
        assert_eq!(failed.kind(), ErrorKind::Unknown);
        let refused = [
            store.begin_write().err(),
            store.sync().err(),
            store.checkpoint().err(),
            store.compact().err(),
            put(&store, 0..1, 2, 20).err(),
        ];
        assert!(refused.iter().all(|e| e.as_ref().is_some_and(|e| e.kind() == ErrorKind::Poisoned)), "{refused:?}");
        expect(&store.snapshot(), 10, 0, 20);
        let written = disk.position();
        drop(store.unchecked());
        assert_eq!(disk.position(), written, "a poisoned store writes nothing, not even when it is dropped");
        let store = open(&options, &disk);
        expect(&store.snapshot(), 10, store.version() - 1, 20);
    }
}

/// L9: closing a poisoned store says that it is poisoned. A power cut struck a store whose background thread synced a deferred commit: the store was poisoned, and
/// `close` answered Ok, as if that commit were on the medium. A second close of a store that was closed well is Ok all the same.
#[test]
fn l9_closing_a_poisoned_store_says_so() {
    let (disk, store) = store();
    put(&store, 0..10, 0, 20).expect("commit");
    disk.fail(Some(Fault { kinds: &[Kind::Sync], at: 0, sticky: false, error: ErrorKind::Io, done: Done::Half }));
    let (first, second) = (store.clone(), store.clone());
    put(&store, 0..10, 1, 20).expect_err("the disk fails");
    for handle in [first, second] {
        assert_eq!(handle.close().expect_err("it is poisoned").kind(), ErrorKind::Poisoned);
    }
    drop(store.unchecked());
    let store = open(&drive::small_options(), &disk);
    let again = store.clone();
    store.close().close().expect("close");
    again.close().expect("it is closed");
}

/// L2: in a strict store nobody sees a commit by seal before a header names the seal, and a header that fails fails the commit. The header used to
/// be written after the version was published, and its error was dropped.
#[test]
fn l2_strict_commit_by_seal_waits_for_its_header() {
    let options = drive::small_options().strict(true).record_bytes(2000);
    let (disk, store) = store_with(&options);
    put(&store, 0..10, 0, 20).expect("commit");
    disk.fail(Some(Fault { kinds: &[Kind::WriteThrough], at: 1, sticky: true, error: ErrorKind::Io, done: Done::Half }));
    assert_eq!(put(&store, 0..300, 1, 100).expect_err("no header").kind(), ErrorKind::Unknown);
    expect(&store.snapshot(), 10, 0, 20);
    drop(store.unchecked());
}

/// L11: the callback of a failed commit is dropped without a lock of the store. A failed sync gave callbacks up with the pipeline locked. One that owned
/// something which looks at the store when it is dropped then waited for that lock for ever. They are dropped behind it now.
#[test]
fn l11_failed_callbacks_are_dropped_without_a_lock() {
    struct Looks(Store, std::sync::mpsc::Sender<u64>);
    impl Drop for Looks {
        fn drop(&mut self) {
            let _ = self.1.send(self.0.stats().version);
        }
    }
    let (disk, store) = store();
    put(&store, 0..10, 0, 20).expect("commit");
    disk.fail(Some(Fault { kinds: &[Kind::Sync], at: 0, sticky: false, error: ErrorKind::Io, done: Done::Half }));
    let (sender, receiver) = std::sync::mpsc::channel();
    let mut txn = store.begin_write().expect("the turn");
    txn.ensure_table("t").expect("a table").insert(b"key", b"value").expect("an entry");
    let looks = Looks((*store).clone(), sender);
    txn.on_commit(move |_| drop(looks));
    let version = store.version();
    // Not joined: it would never end.
    let committer = thread::spawn(move || txn.commit().expect_err("the disk fails").kind());
    let seen = receiver.recv_timeout(Duration::from_secs(60)).expect("the callback is let go");
    assert_eq!(seen, version);
    assert_eq!(committer.join().expect("no panic"), ErrorKind::Unknown);
    drop(store.unchecked());
}

/// L11: a commit that became durable has its callback called, whatever fails behind it. While one callback ran, another commit became durable, and its callback stood behind the first; then a
/// third commit's sync failed, and with its own callbacks that one was let go. Only those of commits that did not become durable are now.
#[test]
fn l11_durable_callbacks_outlive_a_failure() {
    let (disk, store) = store();
    put(&store, 0..10, 0, 20).expect("commit");
    let commit = |n: u64, callback: Box<dyn FnOnce(u64) + Send>| {
        let mut txn = store.begin_write()?;
        txn.open_table("t")?.insert(&key(n), b"value")?;
        txn.on_commit(callback);
        txn.commit()
    };
    thread::scope(|scope| {
        let ((entered, is_entered), (go_on, may_go_on)) = (mpsc::channel(), mpsc::channel::<()>());
        let slow = Box::new(move |version| {
            let _ = entered.send(version);
            // Whether it is told or nobody is left to tell it.
            let _ = may_go_on.recv();
        });
        let first = scope.spawn(move || commit(0, slow));
        is_entered.recv().expect("the first commit is durable");
        let (called, calls) = mpsc::channel();
        let version = commit(1, Box::new(move |version| _ = called.send(version))).expect("commit");
        disk.fail(Some(Fault { kinds: &[Kind::Sync], at: 0, sticky: false, error: ErrorKind::Io, done: Done::Half }));
        assert_eq!(put(&store, 2..3, 1, 20).expect_err("the disk fails").kind(), ErrorKind::Unknown);
        drop(go_on);
        first.join().expect("no panic").expect("commit");
        assert_eq!(calls.try_recv(), Ok(version));
    });
    drop(store.unchecked());
}

/// L9, L11: a callback that will never be called is let go with what it owns, whatever poisoned the store. Only a leader whose write or sync failed did that; a deferred commit's callback that
/// owned the store, poisoned by anything else, kept it open, and its file locked, for as long as the process lived. Closing and steps let them go too.
#[test]
fn l11_callbacks_keep_no_poisoned_store_open() {
    fn panic() -> ! {
        panic!("a disk that panics, and wanted here")
    }
    let ends: [fn(&Store); 2] = [
        |store| assert_eq!(store.clone().close().expect_err("it is poisoned").kind(), ErrorKind::Poisoned),
        |store| assert!(!store.step().expect("nothing to do")),
    ];
    for end in ends {
        let disk = FatalDisk::new(SimulatedDisk::new(), 0, panic).of_thread("writer");
        let options = drive::small_options().background(false).deferred_within(Duration::from_secs(3600));
        let store = Checked::new("store", options.open_on(Arc::new(disk)).expect("open"));
        put(&store, 0..10, 0, 20).expect("commit");
        let mut txn = store.begin_write().expect("the turn");
        txn.open_table("t").expect("table t").insert(&key(0), b"value").expect("insert");
        txn.set_durability(Durability::Deferred);
        let (owner, is_owned) = mpsc::channel::<()>();
        let owned = (Store::clone(&store), owner);
        txn.on_commit(move |_| drop(owned));
        txn.commit().expect("commit");
        thread::scope(|scope| {
            let writer = thread::Builder::new().name("writer".into()).spawn_scoped(scope, || put(&store, 0..10, 1, 20));
            assert!(writer.expect("a thread").join().is_err(), "it panics");
        });
        end(&store);
        assert_eq!(is_owned.try_recv(), Err(mpsc::TryRecvError::Disconnected), "the callback still owns the store");
        drop(store.unchecked());
    }
}

/// L2, L5: those who commit while a sync is under way share the next one, and the figures say how many they were.
#[test]
fn l2_waiting_commits_share_a_sync() {
    let (disk, store) = store();
    put(&store, 0..10, 0, 20).expect("commit");
    let before = store.stats();
    thread::scope(|scope| {
        let gate = disk.close_gate(Kind::Sync);
        let store = &store;
        let first = scope.spawn(|| put(store, 0..1, 1, 20));
        disk.await_waiting(1);
        let others: Vec<_> = (1..6).map(|n| scope.spawn(move || put(store, n..n + 1, 1, 20))).collect();
        // Whoever begins builds on what was appended: when all of it is there, all of them wait.
        let appended = |n: u64| {
            let txn = store.begin_write().expect("the turn");
            txn.open_table("t").expect("table t").get(&key(n)).expect("get") == Some(&value(n, 1, 20)[..])
        };
        while !(1..6).all(appended) {
            thread::yield_now();
        }
        drop(gate);
        first.join().expect("no panic").expect("commit");
        for other in others {
            other.join().expect("no panic").expect("commit");
        }
    });
    let stats = store.stats();
    assert_eq!((stats.syncs - before.syncs, stats.group_max), (2, 5));
    // One sync for the first of them, and one for five.
    assert_eq!((stats.groups[0] - before.groups[0], stats.groups[3] - before.groups[3]), (1, 1), "{:?}", stats.groups);
}

/// L9: a file that cannot grow for another reason than space is an error that says so, and the store goes on. Whatever the system had said when room for the next checkpoint was to be kept, it was
/// called `Full`, and who heard of it removed entries in vain.
#[test]
fn l9_growth_that_fails_says_why() {
    let (disk, store) = store();
    put(&store, 0..10, 0, 20).expect("commit");
    // The last is more than the log's segments ahead have, which are cut short where there is no other room.
    for (error, times) in [(ErrorKind::Io, 1), (ErrorKind::Io, 2), (ErrorKind::Full, 8)] {
        disk.fail(Some(Fault { kinds: &[Kind::Grow], at: 0, sticky: true, error, done: Done::Half }));
        let failed = put(&store, 0..1000 * times, 1, 400).expect_err("the file cannot grow");
        assert_eq!(failed.kind(), error, "{failed}");
        disk.fail(None);
    }
    put(&store, 0..1000, 1, 400).expect("it can again");
    expect(&store.snapshot(), 1000, 1, 400);
}

/// L9: a background thread that panics poisons the store, and whoever waits for its checkpoint hears of it. Writers at the hard limit waited for it for ever.
#[test]
fn l9_panic_of_the_background_is_told() {
    fn panic() -> ! {
        panic!("a disk that panics, and wanted here")
    }
    let disk = FatalDisk::new(SimulatedDisk::new(), 0, panic).of_thread("treering");
    let store = drive::small_options().background(true).open_on(Arc::new(disk)).expect("open");
    let store = Checked::new("store", store);
    let mut kept = 0;
    let failed = (0..200).find_map(|n| {
        let txn = store.begin_write_within(Duration::from_secs(60)).and_then(|mut txn| {
            txn.set_durability(Durability::Memory);
            txn.ensure_table("t")?.insert(&key(n), &value(n, 0, 60_000))?;
            txn.commit()
        });
        kept += u64::from(txn.is_ok());
        // What was on its way when it happened is in doubt; the next one is refused.
        txn.err().filter(|e| e.kind() != ErrorKind::Unknown)
    });
    let failed = failed.expect("nobody makes the checkpoint that is due");
    assert_eq!(failed.kind(), ErrorKind::Poisoned, "{failed}");
    assert!(store.stats().background_error.is_some_and(|e| e.contains("panicked")));
    let snapshot = store.snapshot();
    // What was committed before can be read; the thread may have panicked before anything was.
    for n in 0..kept {
        let reader = snapshot.reader();
        assert_eq!(reader.table("t").expect("table t").get(&key(n)).expect("get"), Some(&value(n, 0, 60_000)[..]));
    }
    drop(snapshot);
    drop(store.unchecked());
}

/// L9: a thread that panics while it writes for all poisons the store, and whoever waits for it hears of it. It stayed the leader: every later commit, and closing, waited for it for ever.
#[test]
fn l9_panic_of_a_writer_is_told() {
    fn panic() -> ! {
        panic!("a disk that panics, and wanted here")
    }
    let disk = FatalDisk::new(SimulatedDisk::new(), 0, panic).of_thread("writer");
    let store = Checked::new("store", drive::small_options().open_on(Arc::new(disk)).expect("open"));
    put(&store, 0..10, 0, 20).expect("commit");
    thread::scope(|scope| {
        let writer =
            thread::Builder::new().name("writer".into()).spawn_scoped(scope, || put(&store, 0..10, 1, 20)).expect("a thread");
        assert!(writer.join().is_err(), "it panics");
    });
    // On a thread of its own: should it wait for the leader that is gone, this test still ends.
    let (done, is_done) = mpsc::channel();
    let other = Store::clone(&store);
    thread::spawn(move || done.send(put(&other, 0..10, 2, 20)));
    let refused = is_done.recv_timeout(Duration::from_secs(60)).expect("nobody waits for who is gone");
    assert_eq!(refused.expect_err("it takes no more writes").kind(), ErrorKind::Poisoned);
    expect(&store.snapshot(), 10, 0, 20);
    drop(store.unchecked());
}

/// Limits of nothing are limits: the log is sealed as soon as there is something in it, and commits go on. A limit of 0 overflowed where the pressure on writers is computed.
#[test]
fn a_log_limit_of_nothing_is_one() {
    let store = Checked::new("store", drive::small_options().log_bytes(0).open_on(SimulatedDisk::new()).expect("open"));
    for n in 0..20 {
        put(&store, 0..10, n, 20).expect("commit");
        while store.step().expect("step") {}
    }
    expect(&store.snapshot(), 10, 19, 20);
    assert!(store.stats().checkpoints > 5, "{:?}", store.stats());
}

/// L9: an open transaction of a store that was poisoned meanwhile fails at its commit.
#[test]
fn l9_open_transaction_fails_when_poisoned() {
    let (disk, store) = store();
    put(&store, 0..10, 0, 20).expect("commit");
    disk.fail(Some(Fault { kinds: &[Kind::Sync], at: 0, sticky: false, error: ErrorKind::Io, done: Done::Half }));
    thread::scope(|scope| {
        let gate = disk.close_gate(Kind::Sync);
        let first = scope.spawn(|| put(&store, 0..10, 1, 20));
        disk.await_waiting(1);
        let txn = store.begin_write().expect("the turn");
        txn.open_table("t").expect("table t").insert(&key(0), b"x").expect("insert");
        drop(gate);
        assert_eq!(first.join().expect("no panic").expect_err("the disk fails").kind(), ErrorKind::Unknown);
        assert_eq!(txn.commit().expect_err("poisoned").kind(), ErrorKind::Poisoned);
    });
    expect(&store.snapshot(), 10, 0, 20);
    drop(store.unchecked());
}

/// L9: no space is a clean `Full`: nothing happened, the store goes on; removing works and makes room, and so does a checkpoint.
#[test]
fn l9_full_disk_is_survived() {
    let options = drive::small_options();
    let (disk, store) = store_with(&options);
    put(&store, 0..20, 0, 500).expect("commit");
    disk.limit(Some(4 << 20));
    let mut count = 20;
    let full = loop {
        match put(&store, count..count + 20, 0, 500) {
            Ok(_) => count += 20,
            Err(e) => break e,
        }
    };
    assert_eq!(full.kind(), ErrorKind::Full);
    expect(&store.snapshot(), count, 0, 500);
    store.check();
    // Refused again and again, and still nothing happens.
    for _ in 0..3 {
        assert_eq!(put(&store, 0..count, 1, 600).expect_err("no room").kind(), ErrorKind::Full);
    }
    expect(&store.snapshot(), count, 0, 500);
    for n in (count / 4..count).rev() {
        let txn = store.begin_write().expect("the turn");
        assert!(txn.open_table("t").expect("table t").remove(&key(n)).expect("remove"));
        txn.commit().expect("what only removes has room");
        // Nobody else does the work that makes room again.
        while store.step().expect("step") {}
    }
    store.checkpoint().expect("a checkpoint has room");
    store.compact().expect("compact");
    expect(&store.snapshot(), count / 4, 0, 500);
    put(&store, count / 4..count / 2, 0, 500).expect("there is room again");
    expect(&store.snapshot(), count / 2, 0, 500);
    drop(store.close());
    expect(&open(&options, &disk).snapshot(), count / 2, 0, 500);
}

/// L11: what a dropped transaction did is nowhere: not in the store, not in its space, not after a reopen.
#[test]
fn l11_dropped_transaction_changes_nothing() {
    let options = drive::small_options();
    let (disk, store) = store_with(&options);
    put(&store, 0..100, 0, 50).expect("commit");
    store.checkpoint().expect("checkpoint");
    let before = (disk.position(), store.stats());
    for _ in 0..5 {
        let mut txn = store.begin_write().expect("the turn");
        txn.on_commit(|_| panic!("it was not committed"));
        txn.create_table("u").expect("create").insert(b"a", &value(0, 0, 10_000)).expect("insert");
        txn.open_table("t")
            .expect("table t")
            .remove_range((std::ops::Bound::Unbounded, std::ops::Bound::Unbounded))
            .expect("remove");
        txn.savepoint();
        txn.drop_table("t").expect("drop");
    }
    assert_eq!(store.version(), 1);
    assert_eq!(disk.position(), before.0);
    let after = store.stats();
    assert_eq!(
        (after.dirty_bytes, after.live_bytes, after.kept_bytes),
        (before.1.dirty_bytes, before.1.live_bytes, before.1.kept_bytes)
    );
    drop(store.close());
    expect(&open(&options, &disk).snapshot(), 100, 0, 50);
}

/// L11: savepoints nest to any depth, and each can be rolled back to again and again.
#[test]
fn l11_savepoints_nest() {
    let (_disk, store) = store();
    let mut rng = Seed::of("l11_savepoints_nest").rng();
    put(&store, 0..50, 0, 30).expect("commit");
    let mut txn = store.begin_write().expect("the turn");
    let mut saved: Vec<(treering::Savepoint, Vec<u64>)> = Vec::new();
    let mut state: Vec<u64> = vec![0; 50];
    for round in 1..400 {
        match rng.u32(..5) {
            0 => saved.push((txn.savepoint(), state.clone())),
            1 if !saved.is_empty() => {
                saved.truncate(rng.usize(1..=saved.len()));
                let (savepoint, then) = saved.last().expect("one is left");
                txn.rollback_to(savepoint).expect("it is still valid");
                state.clone_from(then);
            }
            _ => {
                let n = rng.usize(..state.len());
                txn.open_table("t").expect("table t").insert(&key(n as u64), &value(n as u64, round, 30)).expect("insert");
                state[n] = round;
            }
        }
        let table = txn.open_table("t").expect("table t");
        for (n, round) in state.iter().enumerate() {
            assert_eq!(table.get(&key(n as u64)).expect("get"), Some(&value(n as u64, *round, 30)[..]));
        }
    }
    txn.commit().expect("commit");
}

/// L11: callbacks run once, in the order of commits, when the commit is durable and not before.
#[test]
fn l11_callbacks_follow_durability() {
    let (disk, store) = store();
    put(&store, 0..1, 0, 20).expect("commit");
    let called = Arc::new(Mutex::new(Vec::new()));
    let commit = |durability: Durability| {
        let mut txn = store.begin_write()?;
        txn.set_durability(durability);
        let called = Arc::clone(&called);
        txn.on_commit(move |version| called.lock().expect("no panic").push(version));
        txn.open_table("t")?.insert(b"k", b"v")?;
        txn.commit()
    };
    let list = || called.lock().expect("no panic").clone();
    assert_eq!(commit(Durability::Memory).expect("commit"), 2);
    assert_eq!(commit(Durability::Deferred).expect("commit"), 3);
    assert!(list().is_empty(), "nothing is durable yet");
    assert_eq!(commit(Durability::Synced).expect("commit"), 4);
    assert_eq!(list(), [2, 3, 4]);
    commit(Durability::Memory).expect("commit");
    store.sync().expect("sync");
    assert_eq!(list(), [2, 3, 4, 5]);
    commit(Durability::Deferred).expect("commit");
    store.checkpoint().expect("checkpoint");
    assert_eq!(list(), [2, 3, 4, 5, 6]);
    disk.fail(Some(Fault { kinds: &[Kind::Sync], at: 0, sticky: true, error: ErrorKind::Io, done: Done::Half }));
    commit(Durability::Memory).expect("commit");
    commit(Durability::Synced).expect_err("the disk fails");
    assert_eq!(list(), [2, 3, 4, 5, 6], "what may be lost calls nobody");
    drop(store.unchecked());
    assert_eq!(list(), [2, 3, 4, 5, 6]);
}

/// L11: whoever syncs for many, every callback runs once and in order before its commit returns.
#[test]
fn l11_callbacks_of_many_threads() {
    let (_disk, store) = store();
    put(&store, 0..1, 0, 20).expect("commit");
    let called = Arc::new(Mutex::new(Vec::new()));
    thread::scope(|scope| {
        for n in 0..6_u64 {
            let (store, called) = (&store, Arc::clone(&called));
            scope.spawn(move || {
                for _ in 0..200 {
                    let mut txn = store.begin_write().expect("the turn");
                    let calls = Arc::clone(&called);
                    txn.on_commit(move |version| calls.lock().expect("no panic").push(version));
                    txn.open_table("t").expect("table t").insert(&key(n), b"x").expect("insert");
                    txn.commit().expect("commit");
                }
            });
        }
    });
    assert_eq!(*called.lock().expect("no panic"), (2..=1201).collect::<Vec<_>>());
}

/// L3: a clean header says that nothing was appended behind it. A store that is being closed let a commit in between that header and its end; the next open
/// would have taken a damaged record there for none at all. Nobody gets the turn from before the header on.
#[test]
fn l3_nothing_is_appended_behind_a_clean_header() {
    let options = drive::small_options();
    let (disk, store) = store_with(&options);
    put(&store, 0..10, 0, 20).expect("commit");
    store.checkpoint().expect("nothing is left to seal");
    let other = (*store).clone();
    thread::scope(|scope| {
        let gate = disk.close_gate(Kind::Sync);
        let closing = scope.spawn(|| store.unchecked().close());
        disk.await_waiting(1);
        let refused = other.begin_write_within(std::time::Duration::ZERO);
        assert_eq!(refused.expect_err("the store is closing").kind(), ErrorKind::TimedOut);
        drop(gate);
        closing.join().expect("no panic").expect("close");
    });
    assert_eq!(other.begin_write().expect_err("closed").kind(), ErrorKind::Poisoned);
    drop(other);
    let store = open(&options, &disk);
    assert!(store.open_report().clean);
    expect(&store.snapshot(), 10, 0, 20);
}

/// L9: pages in memory count as changed, and have their room kept, whatever a bulk load does beside them. A load begins a chunk of its own; what stood in the one before was in memory as
/// ever, and not counted any more. A store that loaded small tables now and then held memory without bound, kept no room for its checkpoint, and never pressed its writers.
#[test]
fn l9_a_load_hides_no_changed_pages() {
    let (_disk, store) = store_with(&drive::small_options().log_bytes(64 << 20).dirty_bytes(64 << 20));
    put(&store, 0..2000, 0, 400).expect("commit");
    let txn = store.begin_write().expect("the turn");
    {
        let mut table = txn.open_table("t").expect("table t");
        (2000..4000).for_each(|n| table.insert(&key(n), &value(n, 0, 400)).expect("insert"));
    }
    txn.create_table("small").expect("a table").load_sorted((0..10).map(|n| (key(n), b"x"))).expect("load");
    txn.commit().expect("commit");
    expect(&store.snapshot(), 4000, 0, 400);
    let dirty = store.stats().dirty_bytes;
    assert!(dirty >= 4000 * 400, "{dirty} bytes are said to be in memory alone");
    store.checkpoint().expect("checkpoint");
    assert_eq!(store.stats().dirty_bytes, 0);
}

/// A value too long is refused with its length, the limit and what to do, before a byte of it is read; the transaction goes on.
#[test]
fn a_value_too_long_is_refused() {
    let (_disk, store) = store();
    let txn = store.begin_write().expect("the turn");
    let mut table = txn.create_table("t").expect("a new table");
    // Zeros that nobody touches take no memory.
    let too_long = vec![0; (u32::MAX as usize) - (1 << 17) + 1];
    let error = table.insert(b"k", &too_long).expect_err("too long");
    assert_eq!(error.kind(), ErrorKind::Invalid);
    assert!(["4294836224", "4294836223", "split it"].iter().all(|part| error.to_string().contains(part)), "{error}");
    table.insert(b"k", b"short").expect("the transaction goes on");
    drop(table);
    txn.commit().expect("commit");
    assert_eq!(store.snapshot().reader().table("t").expect("table t").get(b"k").expect("get"), Some(&b"short"[..]));
}
