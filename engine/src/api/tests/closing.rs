//! Stores that are closed, or fail, while others are at work.

use std::sync::{Arc, mpsc};
use std::thread;
use std::time::Duration;

use super::{fill, small};
use crate::Store;
use crate::disk::{Disk, MemoryDisk};
use crate::error::{Error, ErrorKind};
use crate::store::options::Durability;

/// L9: a checkpoint that waited for its turn while the store was poisoned, or closed, does not begin. It had asked whether it might write before it waited, and not again: it captured a version,
/// closed a chunk and wrote pages, behind a clean header even, before it found that it could append no seal.
#[test]
fn l9_checkpoint_behind_a_failure_does_not_begin() {
    let store = small().in_memory().expect("open");
    fill(&store, 0..100, 0);
    let machine = store.machine();
    let turn = machine.turn.take(None).expect("no limit");
    let failed = thread::scope(|scope| {
        let waiting = scope.spawn(|| machine.checkpoint(Vec::new(), true));
        while machine.turn.waiting() == 0 {
            thread::yield_now();
        }
        machine.poison(&Error::new(ErrorKind::Io, "a sync that failed meanwhile"));
        drop(turn);
        waiting.join().expect("no panic")
    });
    assert_eq!(failed.expect_err("it takes no more writes").kind(), ErrorKind::Poisoned);
    let reclaim = machine.reclaim.lock();
    assert_eq!((reclaim.closed.len(), reclaim.seal), (0, 0), "it was captured");
}

/// L11: an after-commit callback may close the store, also one that closing itself runs. The lock of the background thread's handle was held during a close: a callback in it that closed another handle waited for
/// itself, and one on the background thread for whoever waited for that thread.
#[test]
fn l11_callbacks_may_close() {
    for background in [false, true] {
        let (done, is_done) = mpsc::channel();
        // On a thread of its own: should it wait for itself, this test still ends.
        thread::spawn(move || {
            let options = small().background(background).deferred_within(Duration::from_millis(1));
            let store = options.on(Arc::new(MemoryDisk::new("test"))).expect("open");
            for _ in 0..20 {
                fill(&store, 0..10, 0);
            }
            let mut txn = store.begin_write().expect("the turn");
            txn.open_table("t").expect("table").insert(b"a", b"b").expect("insert");
            txn.set_durability(Durability::Memory);
            let (other, report) = (store.clone(), done.clone());
            txn.on_commit(move |_| report.send(other.close()).expect("somebody listens"));
            txn.commit().expect("commit");
            let closed = store.close();
            done.send(closed).expect("somebody listens");
        });
        for _ in 0..2 {
            let closed = is_done.recv_timeout(Duration::from_secs(60)).expect("closing ends");
            closed.expect("nothing failed");
        }
    }
}

/// A store that a thread keeps for itself is closed when the thread ends, though other things that the thread had are gone by then. The process was aborted: the turn looked for what
/// measures it.
#[test]
fn stores_of_a_thread_end_with_it() {
    thread_local! {
        static STORE: std::cell::RefCell<Option<Store>> = const { std::cell::RefCell::new(None) };
    }
    let disk: Arc<dyn Disk> = Arc::new(MemoryDisk::new("test"));
    let own = Arc::clone(&disk);
    let work = move || {
        // Known before the store is: it ends after everything that the store's first use makes.
        STORE.with_borrow_mut(|store| assert!(store.is_none()));
        let store = small().on(own).expect("open");
        fill(&store, 0..3, 0);
        STORE.set(Some(store));
    };
    // Joined, and not in a scope, which ends before the thread's own things do.
    thread::spawn(work).join().expect("no panic");
    assert!(small().on(disk).expect("open").open_report().clean);
}
