//! L3: what was acknowledged is there after a crash, and what was dropped never comes back.

use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use treering::Durability;
use treering_tests::crash;
use treering_tests::disk::Kind;
use treering_tests::{Change, Chronicle, Durability as Asked, SimulatedDisk, drive};

use crate::{key, open, put, store_with};

fn insert(n: u64) -> Vec<Change> {
    vec![Change::Insert { table: "t".into(), key: key(n).to_vec(), value: vec![n as u8; 40] }]
}

/// L10: a deferred commit whose time is over waits for no checkpoint. It was synced by the background thread alone, between two pieces of whatever that was doing: a checkpoint of much held
/// it up for seconds, and a power cut took more than was said. Whoever commits syncs it now.
#[test]
fn l10_deferred_commits_wait_for_no_checkpoint() {
    for (within, is_durable) in [(Duration::ZERO, true), (Duration::from_secs(3600), false)] {
        let options = drive::small_options().background(false).segment_bytes(1 << 20).deferred_within(within);
        let (disk, store) = store_with(&options);
        put(&store, 0..100, 0, 100).expect("commit");
        thread::scope(|scope| {
            let gate = disk.close_gate(Kind::WriteThrough);
            let checkpoint = scope.spawn(|| store.checkpoint());
            disk.await_waiting(1);
            let (told, tells) = mpsc::channel();
            let mut txn = store.begin_write().expect("the turn");
            txn.open_table("t").expect("table t").insert(&key(0), b"deferred").expect("insert");
            txn.set_durability(Durability::Deferred);
            txn.on_commit(move |version| told.send(version).expect("somebody listens"));
            let version = txn.commit().expect("commit");
            assert_eq!(tells.try_recv().ok(), is_durable.then_some(version), "within {within:?}");
            drop(gate);
            checkpoint.join().expect("no panic").expect("checkpoint");
            store.sync().expect("sync");
            assert_eq!(tells.try_recv().is_ok(), !is_durable);
        });
    }
}

/// L3: a crash loses the record of one commit and leaves that of the next. The lost transaction is retried word for word: what stands
/// behind it must not be taken for its successor.
#[test]
fn l3_dropped_never_comes_back() {
    let options = drive::small_options();
    let mut chronicle = Chronicle::begin(&options).expect("a new store");
    let commit = |chronicle: &mut Chronicle, durability, changes: &[Change]| {
        chronicle.commit(durability, changes).expect("no promise is broken").expect("commit")
    };
    commit(&mut chronicle, Asked::Synced, &[Change::CreateTable { table: "t".into() }]);
    commit(&mut chronicle, Asked::Deferred, &insert(1));
    commit(&mut chronicle, Asked::Deferred, &insert(2));
    commit(&mut chronicle, Asked::Deferred, &insert(3));
    let log = chronicle.disk().log();
    let lost = *crash::doubtful(&log, log.len()).first().expect("a write without a sync");
    // Each operation a write of its own: the first is lost, the others are there.
    let file = crash::image(&[], &log, log.len(), &mut |operation, _| operation != lost);
    let mut second = Chronicle::on(&options, SimulatedDisk::holding(&file), chronicle.model().clone());
    second.open().expect("open");
    assert_eq!(second.store().version(), 1, "without its record there is no commit");
    second.recovered().expect("no promise is broken");
    commit(&mut second, Asked::Synced, &insert(1));
    let log = second.disk().log();
    for end in 0..=log.len() {
        for choice in [crash::all, crash::none] {
            let file = crash::image(&file, &log, end, &mut |operation, sector| choice(operation, sector));
            let store = open(&options, &SimulatedDisk::holding(&file));
            let expected = second.model_at(end).clone().recovered(store.version()).cloned().expect("no promise is broken");
            drive::compare(&store.snapshot(), &expected).expect("the content of that version");
            assert!(store.version() <= 2, "what was dropped came back");
        }
    }
}

/// L3: a commit of each durability survives what it was promised to survive.
#[test]
fn l3_durabilities_keep_their_promise() {
    let options = drive::small_options();
    let (disk, store) = store_with(&options);
    put(&store, 0..10, 0, 20).expect("commit");
    for (durability, survives_kill, survives_power_cut) in
        [(Durability::Synced, true, true), (Durability::Deferred, true, false), (Durability::Memory, false, false)]
    {
        let before = store.version();
        let mut txn = store.begin_write().expect("the turn");
        txn.set_durability(durability);
        txn.open_table("t").expect("table t").insert(b"k", format!("{durability:?}").as_bytes()).expect("insert");
        txn.commit().expect("commit");
        let log = disk.log();
        let after_cut = crash::image(&[], &log, log.len(), &mut crash::none);
        for (file, survives) in [(disk.bytes(), survives_kill), (after_cut, survives_power_cut)] {
            let version = open(&options, &SimulatedDisk::holding(&file)).version();
            assert_eq!(version, before + u64::from(survives), "{durability:?}");
        }
        store.sync().expect("sync");
    }
}
