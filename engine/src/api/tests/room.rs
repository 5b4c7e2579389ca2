//! Full disks (L9): what was kept for the next checkpoint and for removals is there when it is needed, whatever else asks for room; and what must not be
//! left behind when room, or a write, is refused.

use std::ops::Bound;

use super::*;
use crate::disk::narrow::{Gate, Narrow};
use crate::error::Result;
use crate::format::ids::BLOCK;
use crate::store::progress::Progress;

fn put(store: &Store, from: u64, count: u64, len: usize) -> Result<u64> {
    let txn = store.begin_write()?;
    let mut table = txn.ensure_table("t")?;
    (from..from + count).try_for_each(|i| table.insert(&key(i), &vec![i as u8; len]))?;
    drop(table);
    txn.commit()
}

/// Puts entries until there is no room; how many there are.
fn fill_up(store: &Store, len: usize) -> u64 {
    let mut count = 0;
    for batch in [20, 1] {
        loop {
            match put(store, count, batch, len) {
                Ok(_) => count += batch,
                Err(e) => {
                    assert_eq!(e.kind(), ErrorKind::Full, "{e}");
                    break;
                }
            }
        }
    }
    count
}

/// Removes entries one by one.
#[track_caller]
fn remove(store: &Store, keys: impl Iterator<Item = u64>, when: &str) {
    for i in keys {
        let txn = store.begin_write().expect("turn");
        assert!(txn.open_table("t").expect("table").remove(&key(i)).expect("remove"), "{when}: {i} is there");
        txn.commit().unwrap_or_else(|e| panic!("{when}: removal of {i}: {e}"));
    }
}

fn load(store: &Store, table: &str, count: u64, len: usize) -> Result<u64> {
    let txn = store.begin_write()?;
    txn.ensure_table(table)?.load_sorted((0..count).map(|i| (key(i), vec![1_u8; len])))?;
    txn.commit()
}

/// L9: the room that was kept for a checkpoint is there for all of its chunks. The segment that was made between two slices of the first took what was kept for the
/// second: on a full disk three checkpoints in a row, and every removal, got `Full`.
#[test]
fn l9_a_checkpoint_has_its_room() {
    for limit in (2..8).map(|n| n << 20) {
        for (before, len) in [(40, 100), (200, 500), (400, 100), (1200, 500)] {
            let disk = Narrow::new();
            let store = small().on(disk.disk()).expect("open");
            disk.limit(limit);
            let when = format!("{limit} bytes, {before} entries of {len} before the load");
            // The load closes a chunk.
            let there = (0..before).step_by(20).find(|i| put(&store, *i, 20, len).is_err()).unwrap_or(before);
            load(&store, "loaded", 20, 100).map_or_else(|e| assert_eq!(e.kind(), ErrorKind::Full, "{when}: {e}"), drop);
            let mut count = there;
            while put(&store, count, 20, len).is_ok() {
                count += 20;
            }
            remove(&store, 0..10, &when);
            store.checkpoint().unwrap_or_else(|e| panic!("{when}: {e}"));
            remove(&store, 10..40, &when);
            assert_eq!(store.check().expect("check").problems(), [""; 0], "{when}");
            kill(store);
        }
    }
}

/// L9: who commits while a checkpoint's header is written keeps room as at any other time. What was written counted as having room until the header was on the medium, and did not
/// count as dirty any more: a large commit in that moment kept none, and on a full disk nothing could be removed, sealed or compacted again.
#[test]
fn l9_commits_beside_a_header_keep_their_room() {
    let disk = Narrow::new();
    let store = small().on(disk.disk()).expect("open");
    put(&store, 0, 20_000, 100).expect("room");
    disk.limit(store.stats().file_bytes + (64 << 10));
    let committed = Arc::new(std::sync::OnceLock::new());
    let (own, done) = (store.clone(), Arc::clone(&committed));
    *disk.at_header.lock() = Some(Box::new(move || {
        let write = || {
            let txn = own.begin_write()?;
            let mut table = txn.open_table("t")?;
            (0..10_000).step_by(30).try_for_each(|i| table.insert(&key(i), &[7; 100]))?;
            drop(table);
            txn.commit()
        };
        done.set(std::thread::scope(|scope| scope.spawn(write).join()).expect("no panic").map_err(|e| e.kind())).expect("once");
    }));
    store.checkpoint().expect("checkpoint");
    assert_eq!(committed.get(), Some(&Err(ErrorKind::Full)));
    remove(&store, 15_000..15_020, "behind the commit beside the header");
    store.checkpoint().expect("checkpoint");
    kill(store);
}

/// A chunk's directory is as long as the highest ordinal in it: behind a large transaction that was rolled back the next pages get the lowest again.
#[test]
fn ordinals_begin_anew() {
    let store = small().on(Narrow::new().disk()).expect("open");
    let txn = store.begin_write().expect("turn");
    let mut table = txn.create_table("t").expect("table");
    (0..20_000).for_each(|i| table.insert(&key(i), &[1; 100]).expect("insert"));
    drop(table);
    drop(txn);
    put(&store, 0, 3, 10).expect("put");
    let ordinals = store.machine().open.lock().home.ordinals();
    assert!(ordinals.iter().all(|ordinal| *ordinal < 8), "{ordinals:?}");
    store.close().expect("close");
}

/// L9: behind a kill on a full disk the room for the next checkpoint is kept as before. What had been kept was free space at open, and the first step took it for a segment.
#[test]
fn l9_room_is_kept_behind_a_kill() {
    for limit in (2..8).map(|n| n << 20) {
        for (len, steps) in [(100, 6), (300, 0), (500, 6), (700, 0)] {
            let when = format!("{limit} bytes, values of {len}, {steps} steps");
            let disk = Narrow::new();
            let store = small().on(disk.disk()).expect("open");
            disk.limit(limit);
            fill_up(&store, len);
            remove(&store, 0..5, &when);
            kill(store);
            let store = small().on(disk.disk()).expect("open");
            for _ in 0..steps {
                store.step().unwrap_or_else(|e| panic!("{when}: {e}"));
            }
            remove(&store, 5..25, &when);
            store.checkpoint().unwrap_or_else(|e| panic!("{when}: {e}"));
            remove(&store, 25..45, &when);
            kill(store);
        }
    }
}

/// L9: a transaction too large for a record that is refused leaves nothing behind. Its pages stayed in memory and counted as dirty: no removal had room beside them.
#[test]
fn l9_refused_seals_leave_the_room_of_removals() {
    let disk = Narrow::new();
    let store = small().record_bytes(256 << 10).on(disk.disk()).expect("open");
    disk.limit(4 << 20);
    let count = fill_up(&store, 500);
    remove(&store, 0..1, "before");
    let dirty = store.stats().dirty_bytes;
    for _ in 0..3 {
        assert_eq!(put(&store, count, 4000, 500).expect_err("no room").kind(), ErrorKind::Full);
    }
    assert!(store.stats().dirty_bytes <= dirty + BLOCK, "{} bytes became {}", dirty, store.stats().dirty_bytes);
    remove(&store, 1..20, "behind three refusals");
    kill(store);
}

/// L9: transactions too large for a record, and loads that spill, leave the room of removals. They kept none, and filled the file to its last block.
#[test]
fn l9_seals_leave_the_room_of_removals() {
    for limit in (2..7).map(|n| n << 20) {
        for (len, steps) in [(100, true), (300, false), (500, true)] {
            let when = format!("{limit} bytes, values of {len}");
            let disk = Narrow::new();
            let store = small().record_bytes(1000).dirty_bytes(1 << 20).on(disk.disk()).expect("open");
            disk.limit(limit);
            let mut count = 0;
            for batch in [200, 50, 20, 5] {
                while put(&store, count, batch, len).is_ok() {
                    count += batch;
                    while steps && matches!(store.step(), Ok(true)) {}
                }
            }
            for (i, entries) in [20_000, 5_000, 1_000, 200].into_iter().enumerate() {
                let _ = load(&store, &format!("loaded {i}"), entries, len);
            }
            store.checkpoint().unwrap_or_else(|e| panic!("{when}: {e}"));
            remove(&store, 0..20, &when);
            kill(store);
        }
    }
}

/// L9: a load adds entries; it may not use what is kept for removals. Loads went through on a disk on which an insert of the same entries was refused, until a removal was refused too.
#[test]
fn l9_loads_are_no_removals() {
    let disk = Narrow::new();
    let store = small().on(disk.disk()).expect("open");
    let txn = store.begin_write().expect("turn");
    (0..100).for_each(|i| drop(txn.create_table(&format!("loaded {i}")).expect("table")));
    txn.commit().expect("commit");
    disk.limit(4 << 20);
    fill_up(&store, 500);
    let mut loaded = 0;
    for entries in [20, 10, 5, 1] {
        while load(&store, &format!("loaded {loaded}"), entries, 500).is_ok() {
            loaded += 1;
        }
    }
    assert!(loaded < 10, "{loaded} loads on a full disk");
    remove(&store, 0..20, "behind the loads");
    kill(store);
}

/// Loads that are dropped leave nothing. Each left a chunk in memory, 64 KiB that no figure showed.
#[test]
fn dropped_loads_leave_nothing() {
    let disk = Narrow::new();
    let store = small().on(disk.disk()).expect("open");
    fill(&store, 0..100, 0);
    for _ in 0..300 {
        let txn = store.begin_write().expect("turn");
        txn.create_table("x").expect("table").load_sorted((0..3).map(|i| (key(i), b"v"))).expect("load");
        drop(txn);
        while store.step().expect("step") {}
    }
    let closed = store.machine().reclaim.lock().closed.len();
    assert!(closed < 3, "{closed} chunks are in memory");
    store.close().expect("close");
}

/// L11: what is not durable when a store is closed becomes it then, and its callbacks run; also in a store in memory, where they were neither run nor let go.
#[test]
fn l11_callbacks_run_when_a_store_closes() {
    for durability in [Durability::Deferred, Durability::Memory] {
        let store = small().in_memory().expect("open");
        fill(&store, 0..10, 0);
        let called = Arc::new(AtomicU64::new(0));
        let mut txn = store.begin_write().expect("turn");
        txn.open_table("t").expect("table").insert(b"a", b"b").expect("insert");
        txn.set_durability(durability);
        let (own, count) = (store.clone(), Arc::clone(&called));
        txn.on_commit(move |_| {
            count.fetch_add(1, Ordering::SeqCst);
            drop(own);
        });
        txn.commit().expect("commit");
        store.close().expect("close");
        assert_eq!((called.load(Ordering::SeqCst), Arc::strong_count(&called)), (1, 1), "{durability:?}");
    }
}

/// L11: a commit without changes behind one that fails lets its callback go. It stayed in the queue, and with it the store that it owned.
#[test]
fn l11_callback_of_an_empty_commit_is_let_go() {
    let disk = Narrow::new();
    let store = small().on(disk.disk()).expect("open");
    fill(&store, 0..3, 0);
    disk.move_gate(Gate::Shut);
    let mut txn = std::thread::scope(|scope| {
        let failing = scope.spawn(|| put(&store, 0, 3, 10));
        disk.wait_for(Gate::Reached);
        let txn = store.begin_write().expect("the turn is free while the other is synced");
        disk.move_gate(Gate::Open);
        assert_eq!(failing.join().expect("no panic").expect_err("its sync failed").kind(), ErrorKind::Unknown);
        txn
    });
    let own = store.clone();
    txn.on_commit(move |_| drop(own));
    txn.commit().expect_err("what it was built on is in doubt");
    drop(store);
    assert_eq!(Arc::strong_count(&disk), 1, "the store is still open");
}

/// L3: every header that is written names a run for its cursor. At the tenth run, whose log begins anew, a strict store wrote one that nobody could read over one of the two good ones.
#[test]
fn l3_headers_are_whole_at_every_run() {
    let disk = Narrow::new();
    for run in 0..24 {
        let store = small().strict(true).on(disk.disk()).expect("open");
        assert_eq!(fill(&store, 0..3, run), run + 1);
        kill(store);
    }
    assert_eq!(*disk.unreadable.lock(), [""; 0]);
}

/// A compaction for which a chunk is too large to be written again makes the file shorter all the same: what is free at its end is cut off. It used to end with `Full` before that, on the full disk for which
/// it is the way out, and each time anew.
#[test]
fn compaction_without_room_cuts_the_file() {
    let disk = Narrow::new();
    let store = small().on(disk.disk()).expect("open");
    put(&store, 0, 80_000, 100).expect("room");
    store.compact().expect("room");
    (0..6).for_each(|i| _ = load(&store, &format!("behind {i}"), 500, 100).expect("room"));
    store.checkpoint().expect("checkpoint");
    let txn = store.begin_write().expect("turn");
    txn.open_table("t")
        .expect("table")
        .remove_range((Bound::Included(&key(10_000)), Bound::Excluded(&key(20_000))))
        .expect("remove");
    (0..6).for_each(|i| txn.drop_table(&format!("behind {i}")).expect("drop"));
    txn.commit().expect("commit");
    (0..3).for_each(|_| _ = store.checkpoint().expect("checkpoint"));
    let before = store.stats().file_bytes;
    disk.limit(before);
    let compaction = store.compact().expect("as far as there is room");
    assert!(compaction.file_bytes_after < before, "{compaction:?}");
    assert_eq!(disk.len().expect("length"), compaction.file_bytes_after);
    drop(store);
}

/// A file that did not grow is as long as the books say, also where the disk had made it longer before it refused.
#[test]
fn a_growth_that_failed_leaves_no_tail() {
    let disk = Narrow::new();
    let store = small().on(disk.disk()).expect("open");
    put(&store, 0, 100, 100).expect("room");
    for part in [0, 64 << 10] {
        let tail = store.machine().extent(1 << 20).expect("room");
        store.machine().give_back(tail);
        let before = store.stats().file_bytes;
        disk.limit(before);
        disk.grows_before_it_refuses(part);
        assert_eq!(store.machine().extent(8 << 20).map_err(|e| e.kind()), Err(ErrorKind::Full));
        assert_eq!(disk.len().expect("length"), store.stats().file_bytes);
        // What was free at its end before still is.
        let free = store.machine().extent(BLOCK).expect("room");
        store.machine().give_back(free);
        assert!(store.stats().file_bytes == before && free.end() <= before, "{free:?}");
        disk.limit(u64::MAX);
        let extent = store.machine().extent(8 << 20).expect("room again");
        assert!(disk.len().expect("length") >= extent.end());
        store.machine().give_back(extent);
        store.machine().cut_file().expect("cut");
    }
    drop(store);
}

/// L7: a twin's seal states at most the pages that are in it. The number of its chunk, which may be too high, was taken over: a seal that said more than there is was written, and the store did not open again.
#[test]
fn l7_a_twin_has_no_more_than_its_pages() {
    let disk = Narrow::new();
    let store = small().on(disk.disk()).expect("open");
    put(&store, 0, 5_000, 100).expect("room");
    store.checkpoint().expect("checkpoint");
    let txn = store.begin_write().expect("turn");
    txn.open_table("t")
        .expect("table")
        .remove_range((Bound::Included(&key(1_000)), Bound::Excluded(&key(4_000))))
        .expect("remove");
    txn.commit().expect("commit");
    store.checkpoint().expect("checkpoint");
    // As a file may state it.
    store.machine().reclaim.lock().accounts.values_mut().for_each(|account| account.newest_bytes = account.chunk.page_bytes);
    assert!(store.machine().compact_round(0.9, &mut Progress::unwatched()).expect("twins") > 0);
    kill(store);
    let store = small().on(disk.disk()).expect("the seal of the twin is one that can be read");
    assert_eq!(store.snapshot().reader().table("t").expect("table").len(), 2_000);
}

/// A store whose chunks are each needed to a third, on a disk that is full but for `room` bytes; and what fills it, to be given back before the store is looked at.
fn sparse_and_full(room: u64) -> (Arc<Narrow>, Store, Vec<crate::format::Extent>) {
    let disk = Narrow::new();
    // A small budget: chunks of such a length are not merged.
    let store = small().dirty_bytes(1 << 20).on(disk.disk()).expect("open");
    for i in 0..8 {
        put(&store, i * 1000, 1000, 500).expect("room");
        store.checkpoint().expect("checkpoint");
    }
    for i in 0..8 {
        remove_some(&store, i * 1000..i * 1000 + 700);
    }
    // Both headers name the seal: what is free is.
    for _ in 0..3 {
        store.checkpoint().expect("checkpoint");
        store.machine().write_header(false).expect("header");
    }
    let machine = store.machine();
    machine.rest_log();
    machine.cut_file().expect("cut");
    let kept = machine.extent(room).expect("room");
    disk.limit(store.stats().file_bytes);
    let mut filled = Vec::new();
    for len in [1 << 20, 64 << 10, BLOCK] {
        filled.extend(std::iter::from_fn(|| machine.extent(len).ok()));
    }
    machine.give_back(kept);
    (disk, store, filled)
}

fn remove_some(store: &Store, keys: std::ops::Range<u64>) {
    let txn = store.begin_write().expect("turn");
    let mut table = txn.open_table("t").expect("table");
    keys.for_each(|i| assert!(table.remove(&key(i)).expect("remove")));
    drop(table);
    txn.commit().expect("commit");
}

/// A round of compaction that runs out of room installs the twins that it has written, whose old places are room for the next: eight sparse chunks become dense on a disk that has room for two twins. It gave
/// all of them back and said `Full`, and so did every round after it.
#[test]
fn l9_rounds_without_room_keep_what_they_have() {
    let (_disk, store, filled) = sparse_and_full(400 << 10);
    let machine = store.machine();
    let (mut rounds, mut twins) = (0, 0);
    while machine.compact_round(0.9, &mut Progress::unwatched()).expect("there is room for a twin") > 0 {
        assert!(store.stats().twins > twins, "a round that wrote none");
        (rounds, twins) = (rounds + 1, store.stats().twins);
        machine.write_header(false).expect("header");
        machine.wait_for_readers(&mut std::time::Duration::from_secs(60));
    }
    assert!(twins >= 8 && rounds >= 2, "{twins} twins in {rounds} rounds");
    filled.into_iter().for_each(|extent| machine.give_back(extent));
    store.close().expect("close");
}

/// An idle store whose chunks are sparse, and which has room for no twin, comes to rest. It tried in vain for ever, five times a second.
#[test]
fn l9_idle_stores_without_room_come_to_rest() {
    let (_disk, store, filled) = sparse_and_full(BLOCK);
    let rests = || (0..100).position(|_| matches!(store.step(), Ok(false)));
    let steps = rests().expect("it tries for ever");
    assert_eq!((store.stats().twins, rests()), (0, Some(0)), "behind {steps} steps");
    filled.into_iter().for_each(|extent| store.machine().give_back(extent));
    store.close().expect("close");
}
