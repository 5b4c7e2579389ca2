//! L6, L7, L8: space is given back exactly, accounts are never too low, nothing is believed unchecked.

use std::ops::ControlFlow;
use std::sync::Arc;

use treering::disk::Disk;
use treering::{ErrorKind, Options};
use treering_tests::disk::{Done, Fault, Kind, SimulatedDisk};
use treering_tests::{Checked, drive};

use crate::{expect, key, open, put, store, store_with, value};

/// What the file may have beyond 1.5 times its reachable bytes: room for the next checkpoint and for removals, and what is too little to be
/// worth giving back. 2 MiB.
const RESERVE: u64 = 2 << 20;

/// What L6 allows: 1.5 times what is reachable, the log, and the reserve.
fn bound(stats: &treering::Stats) -> u64 {
    (stats.kept_bytes + stats.dirty_bytes) * 3 / 2 + stats.log_bytes + RESERVE
}

/// Compacts until the file is within the bound. The epoch is shared by all stores of the process: while another test reads, extents that
/// moved wait, and so does what stands behind them.
fn compact_to(store: &treering::Store, bound: fn(&treering::Stats) -> u64) -> treering::Stats {
    for _ in 0..10_000 {
        store.compact().expect("compact");
        let stats = store.stats();
        if stats.leaving_bytes == 0 && stats.file_bytes <= bound(&stats) {
            return stats;
        }
    }
    panic!("no compaction brings the file within its bound: {:?}", store.stats());
}

/// A store whose contents were replaced fifteen times over, with steps between the commits.
fn replaced() -> treering_tests::Checked<treering::Store> {
    let options = drive::small_options().log_bytes(256 << 10);
    let (disk, store) = store_with(&options);
    disk.forget();
    put(&store, 0..8000, 0, 400).expect("commit");
    for round in 1..150 {
        put(&store, (0..8000).filter(|n| (n * 7919 + round) % 10 == 0), round, 400).expect("commit");
        while store.step().expect("step") {}
    }
    store
}

/// L6: kills leave nothing behind for good. A store that is written to, killed, opened and compacted, twenty times over, comes back within its bound each time, and does not creep.
#[test]
fn l6_file_is_bounded_over_kills() {
    let options = drive::small_options().log_bytes(256 << 10);
    let (mut disk, mut store) = store_with(&options);
    put(&store, 0..2000, 0, 400).expect("commit");
    let mut lens = Vec::new();
    for round in 1..=20 {
        disk.forget();
        for part in 0..4 {
            put(&store, (0..2000).filter(|n| n % 4 == part), round, 400).expect("commit");
            // Some are killed with all in the log, some between a checkpoint and the next.
            if round % 3 == part {
                store.checkpoint().expect("checkpoint");
            }
        }
        let inherited = disk.inherit();
        drop(store);
        store = open(&options, &inherited);
        disk = inherited;
        expect(&store.snapshot(), 2000, round, 400);
        lens.push(compact_to(&store, bound).file_bytes);
    }
    let longest = |lens: &[u64]| lens.iter().copied().max().expect("there are some");
    let (early, late) = lens.split_at(10);
    assert!(longest(late) <= longest(early) * 5 / 4, "{lens:?}");
}

/// L6: such a store is brought by a compaction within 1.5 times what is reachable, its log and the reserve.
#[test]
fn l6_file_is_bounded_by_compaction() {
    let stats = compact_to(&replaced(), bound);
    let bound = bound(&stats);
    assert!(stats.file_bytes > bound / 4, "the bound says nothing: {stats:?}");
}

/// L6: one compaction is enough, also where the seal needs a segment of its own. When the log had moved down, a segment that it had left at the file's end was taken for the next one to come,
/// for it was of the right length. There it kept everything before it from being cut, and a file of 23 MB stayed one of 82 MB.
#[test]
fn l6_one_compaction_cuts_the_file() {
    let (disk, store) = store_with(&drive::small_options().dirty_bytes(64 << 20));
    disk.forget();
    for n in 0..2000 {
        put(&store, n * 10..n * 10 + 10, 0, 400).expect("commit");
        store.checkpoint().expect("checkpoint");
    }
    store.compact().expect("compact");
    let stats = store.stats();
    // What readers of other tests hold says nothing about this store.
    let held = stats.leaving_bytes > 0;
    assert!(held || stats.file_bytes <= bound(&stats), "{stats:?}");
}

/// L6: idle steps alone bring its file within the same bound. Chunks written anew by each checkpoint used to leave room in the middle, while a
/// segment of the log stood at the end: nothing was sparse, nothing could be cut off, and 3 MB kept a file of 37 MB.
#[test]
fn l6_file_is_bounded_by_idle_steps() {
    let store = replaced();
    let is_bounded = || store.stats().file_bytes <= bound(&store.stats());
    for _ in 0..2_000 {
        while store.step().expect("step") {}
        if is_bounded() {
            return;
        }
        // What readers of other tests' stores hold in the epoch is let go; a commit lets an idle store try again.
        std::thread::yield_now();
        put(&store, 0..1, 1, 400).expect("commit");
        while store.step().expect("step") {}
    }
    panic!("idle steps never bring the file within its bound: {:?}", store.stats());
}

/// L4: a reader forces no checkpoints. What it might be reading of an old place counted as if a seal could set it free, and as if moving chunks and the log could make the file shorter, in the
/// middle of writing: as long as the reader lived each step made a checkpoint or two. Only what waits for a seal counts, and only an idle store is made shorter.
#[test]
fn l4_readers_force_no_checkpoints() {
    let (disk, store) = store_with(&drive::small_options().log_bytes(64 << 20).dirty_bytes(64 << 20));
    disk.forget();
    let other = treering::Store::in_memory().expect("a store in memory");
    for half in [0..5000, 5000..10_000] {
        put(&store, half, 0, 400).expect("commit");
        store.checkpoint().expect("checkpoint");
    }
    // The epoch is the process': a reader of any store holds what a store leaves behind.
    let snapshot = other.snapshot();
    let reader = snapshot.reader();
    for round in 1..6 {
        put(&store, 0..5000, round, 400).expect("commit");
        store.checkpoint().expect("checkpoint");
    }
    while store.step().expect("step") {}
    let stats = store.stats();
    assert!(stats.leaving_bytes > stats.file_bytes / 4, "much waits for the reader: {stats:?}");
    put(&store, 0..1, 2, 400).expect("commit");
    store.checkpoint().expect("checkpoint");
    let before = store.stats().checkpoints;
    for round in 0..20 {
        put(&store, 0..1, round, 400).expect("commit");
        store.step().expect("step");
    }
    assert_eq!(store.stats().checkpoints - before, 0, "{:?}", store.stats());
    drop(reader);
}

/// L6: versions born and dead between two snapshots cost nothing, in memory and on disk.
#[test]
fn l6_versions_between_snapshots_cost_nothing() {
    let (disk, store) = store();
    disk.forget();
    put(&store, 0..500, 0, 100).expect("commit");
    let first = store.snapshot();
    put(&store, 0..500, 1, 100).expect("commit");
    let one = store.stats();
    for round in 2..200 {
        put(&store, 0..500, round, 100).expect("commit");
        if round % 50 == 0 {
            store.checkpoint().expect("checkpoint");
        }
    }
    let second = store.snapshot();
    let stats = store.stats();
    assert_eq!(stats.snapshot_pages, one.snapshot_pages, "pages of one version are kept, and no others");
    assert!(stats.kept_bytes + stats.dirty_bytes <= 2 * (one.kept_bytes + one.dirty_bytes), "{stats:?}");
    expect(&first, 500, 0, 100);
    drop((first, second));
    store.compact().expect("compact");
    assert_eq!(store.stats().snapshot_pages, 0);
}

/// L6: what only a snapshot kept when the store was killed is nobody's afterwards, and its space is given back.
#[test]
fn l6_pages_of_snapshots_do_not_outlive_a_kill() {
    let options = drive::small_options();
    let (disk, store) = store_with(&options);
    put(&store, 0..2000, 0, 400).expect("commit");
    store.checkpoint().expect("checkpoint");
    let snapshot = store.snapshot();
    put(&store, 0..2000, 1, 400).expect("commit");
    store.checkpoint().expect("checkpoint");
    let disk = disk.inherit();
    drop((snapshot, store));
    let store = open(&options, &disk);
    expect(&store.snapshot(), 2000, 1, 400);
    let stats = compact_to(&store, bound);
    assert_eq!(stats.chunks, 1, "the chunk that only the snapshot needed is gone: {stats:?}");
}

/// L6, L8: a damaged chunk stays where it is and says so; the others get their twins, the checkpoint that is due is made, and the file shrinks. One
/// rotten page used to end every compaction, and with it, in the background, everything that came after it.
#[test]
fn l6_damage_stops_no_other_compaction() {
    let options = drive::small_options().compact_below(0.5);
    let (disk, store) = store_with(&options);
    for part in 0..4_u64 {
        put(&store, part * 2000..(part + 1) * 2000, 0, 400).expect("commit");
        store.checkpoint().expect("checkpoint");
    }
    for part in 0..4_u64 {
        put(&store, (part * 2000..(part + 1) * 2000).filter(|n| n % 2000 < 1900), 1, 400).expect("commit");
    }
    store.checkpoint().expect("checkpoint");
    let first = store.layout().into_iter().find(|region| matches!(region.kind, treering::RegionKind::Chunk { id: 1, .. }));
    let first = first.expect("the first chunk is sparse, and there").offset;
    let before = store.stats();
    let disk = disk.inherit();
    drop(store);
    // In the middle of the chunk's pages, most of which nobody needs.
    let at = first + before.chunk_bytes / before.chunks / 2;
    let mut byte = [0];
    disk.read_at(&mut byte, at).expect("within the file");
    disk.write_at(&[byte[0] ^ 0x10], at).expect("within the file");
    let store = options.open_on(Arc::clone(&disk) as Arc<dyn Disk>).expect("no page is looked at");
    for _ in 0..100 {
        // It may tell of the damage, and goes on.
        let _ = store.step();
        put(&store, 7999..8000, 1, 400).expect("commit");
    }
    // Who wants no more is obeyed, damage or not.
    let mut told = 0;
    let stopped = store.compact_with(|_| {
        told += 1;
        std::ops::ControlFlow::Break(())
    });
    let is_stopped = stopped.as_ref().map_or_else(|e| e.kind() == ErrorKind::Corrupt, Option::is_none);
    assert!(told == 1 && is_stopped, "told {told} times: {stopped:?}");
    assert_eq!(store.compact().expect_err("damage is told of").kind(), ErrorKind::Corrupt);
    let after = store.stats();
    assert!(after.twins > 0 || after.chunk_bytes < before.chunk_bytes / 2, "{before:?} {after:?}");
    assert!(after.checkpoints > 0, "checkpoints go on: {after:?}");
}

/// Puts what `keys` names into the table.
fn put_in(store: &treering::Store, table: &str, keys: impl Iterator<Item = u64>) {
    let txn = store.begin_write().expect("begin");
    let mut table = txn.ensure_table(table).expect("a name");
    keys.for_each(|n| table.insert(&key(n), &value(n, 0, 400)).expect("insert"));
    drop(table);
    txn.commit().expect("commit");
}

/// The store opened anew, with a bit changed so many bytes behind the beginning of the chunk that stands first in the file.
fn opened_with_rot(store: Checked<treering::Store>, disk: &SimulatedDisk, options: &Options, offset: u64) -> treering::Store {
    let is_chunk = |region: &treering::Region| matches!(region.kind, treering::RegionKind::Chunk { .. });
    let first = store.layout().into_iter().filter(is_chunk).map(|region| region.offset).min().expect("a chunk");
    let disk = disk.inherit();
    drop(store);
    let mut byte = [0];
    disk.read_at(&mut byte, first + offset).expect("within the file");
    disk.write_at(&[byte[0] ^ 0x10], first + offset).expect("within the file");
    let store = options.open_on(disk).expect("no page is looked at");
    assert!(!store.check().expect("it can be read").problems().is_empty(), "that was no page");
    store
}

/// L6, L8: damage is told at a compaction's end, whatever ended it. What an earlier round of merging had met was forgotten when a later one was stopped.
#[test]
fn l8_compaction_forgets_no_damage() {
    for is_stopped in [true, false] {
        let options = drive::small_options();
        let (disk, store) = store_with(&options);
        for table in 0..60 {
            put_in(&store, &format!("t{table:02}"), 0..30);
            store.checkpoint().expect("checkpoint");
        }
        let store = opened_with_rot(store, &disk, &options, 5000);
        let mut told = 0;
        let compacted = store.compact_with(|_| {
            told += 1;
            // Some rounds of merging after the one that met it.
            if is_stopped && store.stats().merged_chunks > 0 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        });
        assert!(told > 1 && store.stats().merged_chunks > 1, "told {told} times");
        assert_eq!(compacted.expect_err("damage").kind(), ErrorKind::Corrupt, "stopped: {is_stopped}");
    }
}

/// L6: a damaged leaf keeps the leaves below one branch from being put in order, and no others: not those behind it, nor another table's. It ended the work there, and each further compaction
/// wrote again what stood before it.
#[test]
fn l6_damaged_leaf_keeps_no_others_out_of_order() {
    let options = drive::small_options();
    let written = |offset: Option<u64>| {
        let (disk, store) = store_with(&options);
        for table in ["a", "b"] {
            for part in 0..8 {
                put_in(&store, table, (0..1600).filter(|n| n / 8 % 8 == part));
                store.checkpoint().expect("checkpoint");
            }
        }
        let Some(offset) = offset else {
            store.compact().expect("a sound store");
            return Some(store.stats().moved_bytes);
        };
        let store = opened_with_rot(store, &disk, &options, offset);
        let snapshot = store.snapshot();
        let is_read = |table| snapshot.reader().table(table)?.iter()?.try_for_each(|entry| entry.map(drop));
        if is_read("a").and_then(|()| is_read("b")).is_ok() {
            return None;
        }
        drop(snapshot);
        assert_eq!(store.compact().expect_err("damage").kind(), ErrorKind::Corrupt);
        let once = store.stats();
        assert_eq!(store.compact().expect_err("damage").kind(), ErrorKind::Corrupt);
        let twice = store.stats();
        assert_eq!((once.moved_bytes, once.twins), (twice.moved_bytes, twice.twins), "at {offset}: what is done was done again");
        Some(once.moved_bytes)
    };
    let sound = written(None).expect("it was compacted");
    let damaged: Vec<u64> = (0..8).filter_map(|n| written(Some(5000 + 9000 * n))).collect();
    // The other table has half of the leaves.
    assert!(!damaged.is_empty() && damaged.iter().all(|moved| *moved >= sound / 3), "{damaged:?} bytes of {sound} moved");
}

/// L7: pages that lay in memory when a commit by seal replaced them are not taken off their chunk's live bytes a second time.
/// Such an account fell below the truth, and after the next open the chunk was dropped while pages of it were reached.
#[test]
fn l7_commit_by_seal_counts_a_death_once() {
    let options = drive::small_options().record_bytes(2000);
    let (disk, store) = store_with(&options);
    put(&store, 0..1, 0, 100).expect("commit");
    for round in 1..10 {
        put(&store, 0..300, round, 100).expect("a commit by seal");
        put(&store, round * 10..round * 10 + 3, 100 + round, 100).expect("a commit by record");
        let stats = store.stats();
        assert_eq!(stats.live_bytes, stats.kept_bytes, "nobody holds a snapshot");
        store.check();
    }
    let disk = disk.inherit();
    drop(store.close());
    let store = open(&options, &disk);
    for round in 10..20 {
        put(&store, 0..300, round, 100).expect("commit");
        expect(&store.snapshot(), 300, round, 100);
        store.check();
    }
}

/// L7: a checkpoint that found no room left its pages in memory; those that die before the next one are not counted twice.
#[test]
fn l7_failed_checkpoint_counts_a_death_once() {
    let (disk, store) = store();
    put(&store, 0..300, 0, 100).expect("commit");
    store.checkpoint().expect("checkpoint");
    put(&store, 0..300, 1, 100).expect("commit");
    let snapshot = store.snapshot();
    let fault = treering_tests::disk::Fault {
        kinds: &[treering_tests::disk::Kind::WriteThrough],
        at: 0,
        sticky: false,
        error: ErrorKind::Full,
        done: treering_tests::disk::Done::Half,
    };
    disk.fail(Some(fault));
    assert_eq!(store.checkpoint().expect_err("no room").kind(), ErrorKind::Full);
    disk.fail(None);
    put(&store, 0..150, 1, 100).expect("commit");
    store.checkpoint().expect("checkpoint");
    store.check();
    expect(&snapshot, 300, 1, 100);
    drop(snapshot);
    let stats = store.stats();
    assert_eq!(stats.live_bytes, stats.kept_bytes, "nobody holds a snapshot: {stats:?}");
}

/// L10: an extent that waits for the next seal waits for no header. While a checkpoint was being written elsewhere, and for ever behind one that had found no room, each background step took it for
/// something that a header sets free, wrote one that changed nothing, and asked to be called again: the thread wrote and synced headers without a pause.
#[test]
fn l10_steps_end_behind_a_failed_checkpoint() {
    let (disk, store) = store_with(&drive::small_options());
    put(&store, 0..300, 0, 100).expect("commit");
    store.checkpoint().expect("checkpoint");
    while store.step().expect("step") {}
    // The chunk that was written is dead: its place may be used again behind the next seal.
    put(&store, 0..300, 1, 100).expect("commit");
    let fault = Fault { kinds: &[Kind::WriteThrough], at: 0, sticky: false, error: ErrorKind::Full, done: Done::Half };
    disk.fail(Some(fault));
    assert_eq!(store.checkpoint().expect_err("no room").kind(), ErrorKind::Full);
    disk.fail(None);
    let headers = store.stats().headers;
    let steps = (0..50).take_while(|_| store.step().expect("step")).count();
    let written = store.stats().headers - headers;
    assert!(steps < 10 && written < 10, "{steps} steps wrote {written} headers");
    assert_eq!(store.checkpoint().expect("there is room again"), 2);
}

/// L8: a page whose byte was flipped is an error that names it, at its first use and at each later one; other pages are read.
#[test]
fn l8_flipped_byte_is_an_error() {
    let options = drive::small_options();
    let (disk, store) = store_with(&options);
    put(&store, 0..400, 0, 100).expect("commit");
    drop(store.close());
    let bytes = disk.bytes();
    let marker = value(123, 0, 100);
    let places: Vec<usize> = (0..bytes.len() - marker.len()).filter(|at| bytes[*at..].starts_with(&marker)).collect();
    // The record and the page.
    assert!(!places.is_empty());
    for at in places {
        disk.write_at(&[bytes[at] ^ 4], at as u64).expect("memory");
    }
    let store = open(&options, &disk);
    let snapshot = store.snapshot();
    let reader = snapshot.reader();
    let table = reader.table("t").expect("table t");
    for _ in 0..3 {
        let damaged = table.get(&key(123)).expect_err("the page is damaged");
        assert_eq!(damaged.kind(), ErrorKind::Corrupt);
        assert!(damaged.to_string().contains("page"), "{damaged}");
        assert_eq!(table.get(&key(399)).expect("another page"), Some(&value(399, 0, 100)[..]));
    }
    let report = treering::Store::check(&store).expect("the check runs");
    assert!(!report.is_sound());
    drop(reader);
    drop(snapshot);
    drop(store.unchecked());
}
