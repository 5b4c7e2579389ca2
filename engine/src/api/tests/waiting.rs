//! Who waits for what: writers for the checkpoint that they make necessary, a compaction for what others have in hand.

use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::Duration;

use super::{fill, key, small};
use crate::disk::narrow::{Gate, Narrow};
use crate::error::ErrorKind;
use crate::store::progress::Progress;

/// Records make writers wait as dirty pages do: while a checkpoint does not come to its end, there are never more than twice `log_bytes` of them, and a little. Only dirty pages were looked at: behind small
/// changes in a few pages the log grew for as long as the checkpoint took, and with it the time of the next open.
#[test]
fn l5_records_make_writers_wait() {
    const LOG: u64 = 16 << 10;
    let store = small().background(true).log_bytes(LOG).in_memory().expect("open");
    let machine = store.machine();
    // A checkpoint that is under way, and takes its time.
    let entered = machine.checkpoint.enter();
    let tail = || store.stats().tail_bytes;
    let (longest, waits) = thread::scope(|scope| {
        let writer =
            scope.spawn(|| (0..100).map(|round| (fill(&store, 0..40, round), tail()).1).max().expect("a hundred rounds"));
        while tail() < 2 * LOG && !writer.is_finished() {
            thread::yield_now();
        }
        assert!(!writer.is_finished(), "nobody waited");
        let waits = store.stats().pressure_waits;
        drop(entered);
        (writer.join().expect("no panic"), waits)
    });
    assert!(waits > 0, "nobody waited");
    assert!(longest < 3 * LOG, "{longest} bytes of records");
    store.close().expect("close");
}

/// L9: a compaction whose moved pages wait behind a write that fails says `Poisoned`. It said `Unknown`, which is for commits: nobody's entries are in doubt, since moved pages are the same entries in
/// another place.
#[test]
fn l9_moved_pages_are_never_in_doubt() {
    let disk = Narrow::new();
    let store = small().deferred_within(Duration::from_secs(3600)).on(disk.disk()).expect("open");
    for i in 0..20 {
        fill(&store, i * 100..i * 100 + 100, 0);
        store.checkpoint().expect("checkpoint");
    }
    disk.move_gate(Gate::Shut);
    let machine = store.machine();
    let (failed, moved) = thread::scope(|scope| {
        let failing = scope.spawn(|| {
            let txn = store.begin_write()?;
            txn.open_table("t")?.insert(&key(0), b"behind a sync that fails")?;
            txn.commit()
        });
        disk.wait_for(Gate::Reached);
        let newest = || machine.pipeline.lock().newest.moment;
        let before = newest();
        let moving = scope.spawn(|| machine.merge_all(&mut Progress::unwatched()));
        // Until its copies stand behind the commit that is being synced.
        while newest() == before {
            thread::yield_now();
        }
        disk.move_gate(Gate::Open);
        (failing.join().expect("no panic"), moving.join().expect("no panic"))
    });
    assert_eq!(failed.expect_err("its sync failed").kind(), ErrorKind::Unknown);
    assert_eq!(moved.expect_err("the store is poisoned").kind(), ErrorKind::Poisoned);
}

/// A compaction waits for the segment that another thread is making before it looks how short the file can be. That extent stood in no book and in the way of everything: a file of 280 KiB
/// stayed at 4.3 MB.
#[test]
fn l6_compaction_waits_for_what_others_have_in_hand() {
    let store = small().on(Narrow::new().disk()).expect("open");
    fill(&store, 0..100, 0);
    let machine = store.machine();
    let hand = machine.extents_in_hand();
    let extent = machine.extent(4 << 20).expect("room");
    let (done, is_done) = mpsc::channel();
    thread::scope(|scope| {
        scope.spawn(move || {
            let mut patience = Duration::from_secs(600);
            machine.wait_for_readers(&mut patience);
            // Only what was waited is gone.
            let left = patience;
            machine.wait_for_readers(&mut patience);
            assert!(left < Duration::from_secs(600) && patience == left, "{left:?}, {patience:?}");
            done.send(()).expect("somebody listens");
        });
        assert_eq!(is_done.recv_timeout(Duration::from_millis(100)), Err(RecvTimeoutError::Timeout), "it did not wait");
        machine.give_back(extent);
        drop(hand);
        is_done.recv().expect("it ends");
    });
    store.compact().expect("compact");
    let bytes = store.stats().file_bytes;
    assert!(bytes < 1 << 20, "{bytes} bytes");
    store.close().expect("close");
}
