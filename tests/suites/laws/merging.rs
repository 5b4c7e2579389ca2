//! L1, L6, L10: small chunks are merged, leaves are put in order, and both come to an end.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::atomic::{AtomicBool, Ordering};

use treering::{Options, Stats, Store};
use treering_tests::{Checked, drive};

use crate::{expect, key, put, store_with, value};

/// A few live pages a checkpoint: what a scheduler that checkpoints often leaves behind.
const KEYS: u64 = 10;

/// Merged until 2 MiB.
fn options() -> Options {
    drive::small_options().dirty_bytes(64 << 20)
}

/// Chunks that may be left unmerged: seven of each of the classes below 8 KiB, 64 KiB, 512 KiB and 2 MiB, and the large ones.
fn most_chunks(stats: &Stats) -> u64 {
    4 * 7 + 1 + stats.live_bytes / (2 << 20)
}

/// Bytes of chunks as they stand in the file, without what is free, leaving, or the log's.
fn chunk_extents(store: &Store) -> u64 {
    let is_chunk = |region: &treering::Region| matches!(region.kind, treering::RegionKind::Chunk { .. });
    store.layout().iter().filter(|region| is_chunk(region)).map(|region| region.len).sum()
}

/// So many checkpoints of ten new keys each, and what there is to do after each.
fn grown(checkpoints: u64) -> Checked<Store> {
    let (disk, store) = store_with(&options());
    disk.forget();
    for n in 0..checkpoints {
        put(&store, n * KEYS..(n + 1) * KEYS, 0, 400).expect("commit");
        store.checkpoint().expect("checkpoint");
        while store.step().expect("step") {}
    }
    store
}

/// L6: many small checkpoints leave few chunks. Each used to leave one for ever, with a page or two: 20,000 of them, each in the table of every seal, and a file of 1.72 times what was reachable.
#[test]
fn l6_small_checkpoints_are_merged() {
    let store = grown(700);
    let stats = store.stats();
    assert!(stats.chunks <= most_chunks(&stats), "{stats:?}");
    assert!(stats.merged_chunks > 600, "{stats:?}");
    let extents = chunk_extents(&store);
    assert!(extents <= stats.kept_bytes * 3 / 2, "{extents} bytes for {stats:?}");
    expect(&store.snapshot(), 700 * KEYS, 0, 400);
    assert_eq!(store.version(), 700, "merging is no commit");
}

/// L6, L10: merging ends. In a store that nobody writes to nothing is merged, checkpointed or written any more; a compaction merges the rest, and a second one finds nothing to do.
#[test]
fn l6_merging_ends() {
    let store = grown(300);
    let before = store.stats();
    // What readers of other tests held may be made shorter now.
    let steps = (0..200).filter(|_| store.step().expect("step")).count();
    let after = store.stats();
    assert!(steps < 50, "there is always something to do: {before:?} {after:?}");
    assert_eq!(before.merged_chunks, after.merged_chunks);
    let first = store.compact().expect("compact");
    let stats = store.stats();
    assert!(first.bytes_written > 0 && stats.chunks <= 2 + stats.live_bytes / (2 << 20), "{first:?} {stats:?}");
    // The second; a later one only where readers of other tests held what the one before had moved away from, so that it stood in the way.
    let mut last = first;
    for _ in 0..8 {
        let was_held = store.stats().leaving_bytes > 0 || last.file_bytes_after > last.file_bytes_before;
        last = store.compact().expect("compact");
        assert!(last.bytes_written == 0 || was_held, "{first:?} {last:?}");
        if last.bytes_written == 0 {
            break;
        }
    }
    assert_eq!(last.bytes_written, 0, "{first:?} {last:?}");
    expect(&store.snapshot(), 300 * KEYS, 0, 400);
}

/// L6: merging ends beside a long chunk of which little is alive. What fitted into one round used to be the small chunk before it alone; that became one other small chunk, which counted as a gain, and
/// the next round took that one, for ever: a chunk and a seal each time, in a store that nobody wrote to.
#[test]
fn l6_merging_ends_beside_a_long_chunk() {
    const LEN: usize = 30_000;
    let store = Checked::new("merging", Options::new().background(false).in_memory().expect("a store"));
    let put = |keys: std::ops::Range<u64>, len| {
        put(&store, keys, 0, len).expect("commit");
        store.checkpoint().expect("checkpoint");
    };
    // One chunk that is longer than what a round reads, eight of about 1 MiB, and a small one.
    put(0..2600, LEN);
    for n in 1..9 {
        put(n * 100_000..n * 100_000 + 40, LEN);
    }
    put(5_000_000..5_000_001, 100);
    // A snapshot keeps the long one, of which the newest version needs the beginning alone.
    let held = store.snapshot();
    let txn = store.begin_write().expect("the turn");
    let (from, to) = (key(30), key(2600));
    txn.open_table("t").expect("table").remove_range((Bound::Included(&from[..]), Bound::Excluded(&to[..]))).expect("remove");
    txn.commit().expect("commit");
    store.checkpoint().expect("checkpoint");
    let steps = (0..100).take_while(|_| store.step().expect("step")).count();
    let stats = store.stats();
    assert!(steps < 100, "there is always something to do: {stats:?}");
    assert!(stats.merged_chunks >= 8, "{stats:?}");
    drop(held);
    while store.step().expect("step") {}
    let stats = store.stats();
    assert!(stats.chunks <= 4, "{stats:?}");
}

/// L7: a check beside merging finds nothing wrong. The seal of a version whose pages had got new positions behind the look's back used to be compared with what the look had seen, and a sound store was called damaged.
#[test]
fn l7_checks_beside_merging_are_sound() {
    let store = Checked::new("merging", Options::new().background(false).page_len(4096).in_memory().expect("a store"));
    put(&store, 0..30_000, 0, 100).expect("commit");
    let is_done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for round in 0..20_u64 {
                for n in 0..6 {
                    let begin = (round * 1_311 + n * 4_717) % 29_000;
                    put(&store, begin..begin + 20, 0, 100).expect("commit");
                    store.checkpoint().expect("checkpoint");
                }
                store.compact().expect("compact");
            }
            is_done.store(true, Ordering::Relaxed);
        });
        while !is_done.load(Ordering::Relaxed) {
            let report = Store::check(&store).expect("check");
            assert_eq!(report.problems(), [""; 0]);
        }
    });
    assert!(store.stats().merged_chunks > 20, "{:?}", store.stats());
}

/// L1, L6: a snapshot keeps the pages that are merged away, and reads what it always read; the chunks that it alone needs are not merged again and again. When it is gone nothing is kept for it.
#[test]
fn l6_merging_beside_a_snapshot() {
    let (disk, store) = store_with(&options());
    disk.forget();
    let mut held = Vec::new();
    for n in 0..120 {
        put(&store, n * KEYS..(n + 1) * KEYS, 0, 400).expect("commit");
        store.checkpoint().expect("checkpoint");
        if n % 17 == 0 {
            held.push((n + 1, store.snapshot()));
        }
        let steps = (0..100).take_while(|_| store.step().expect("step")).count();
        assert!(steps < 100, "steps do not end: {:?}", store.stats());
    }
    assert!(store.stats().merged_chunks > 80, "{:?}", store.stats());
    while let Some((count, snapshot)) = held.pop() {
        expect(&snapshot, count * KEYS, 0, 400);
        store.compact().expect("compact");
        expect(&snapshot, count * KEYS, 0, 400);
        drop(snapshot);
        expect(&store.snapshot(), 120 * KEYS, 0, 400);
    }
    while store.step().expect("step") {}
    let stats = store.stats();
    assert!(stats.live_bytes == stats.kept_bytes && stats.snapshot_pages == 0, "{stats:?}");
}

/// L6: pages that got new positions while their version was held are not kept for its holder, who got it before, when they die; nor are the old ones kept for who got it afterwards.
#[test]
fn l6_moments_of_a_version_are_told_apart() {
    let (disk, store) = store_with(&options());
    disk.forget();
    for n in 0..40 {
        put(&store, n * KEYS..(n + 1) * KEYS, 0, 400).expect("commit");
        store.checkpoint().expect("checkpoint");
    }
    let (before, version) = (store.snapshot(), store.version());
    let whole = store.stats().kept_bytes;
    store.compact().expect("compact");
    let (after, moved) = (store.snapshot(), store.stats());
    assert!(moved.live_bytes * 3 / 2 < moved.kept_bytes && moved.snapshot_pages > 40, "{moved:?}");
    assert_eq!((before.version(), after.version(), store.version()), (version, version, version));
    // Both hold it, and what each of them holds is told.
    let held: Vec<_> = moved.held.iter().map(|held| (held.version, held.snapshots)).collect();
    assert_eq!((held, moved.oldest_snapshot_version), (vec![(version, 1), (version, 1)], Some(version)));
    drop(before);
    let stats = store.stats();
    assert!(stats.snapshot_pages == 0 && stats.kept_bytes == stats.live_bytes, "the old pages are kept for nobody: {stats:?}");
    drop(after);
    // The other way round: the older holder stays.
    for n in 0..40 {
        put(&store, n * KEYS..(n + 1) * KEYS, 1, 400).expect("commit");
        store.checkpoint().expect("checkpoint");
    }
    let before = store.snapshot();
    store.compact().expect("compact");
    put(&store, 0..40 * KEYS, 2, 400).expect("commit");
    store.checkpoint().expect("checkpoint");
    let stats = store.stats();
    assert!(stats.kept_bytes <= stats.live_bytes + whole * 5 / 4, "moved pages are kept for who never saw them: {stats:?}");
    expect(&before, 40 * KEYS, 1, 400);
}

/// L6, L7: a blob of a version that was held while its pages got new positions has what it needs and no more.
#[test]
fn l7_blob_of_a_version_that_moved() {
    let (disk, store) = store_with(&options());
    disk.forget();
    for n in 0..60 {
        put(&store, n * KEYS..(n + 1) * KEYS, 0, 400).expect("commit");
        store.checkpoint().expect("checkpoint");
    }
    let before = store.snapshot();
    store.compact().expect("compact");
    let after = store.snapshot();
    for snapshot in [&before, &after] {
        let mut blob = Vec::new();
        snapshot.write_blob(&mut blob, treering::BlobForm::Plain).expect("a blob");
        let copy = options().open_on(treering_tests::SimulatedDisk::holding(&blob)).expect("the blob opens");
        let copy = Checked::new("blob", copy);
        expect(&copy.snapshot(), 60 * KEYS, 0, 400);
        let stats = copy.stats();
        assert!(stats.chunk_bytes < store.stats().kept_bytes, "{stats:?}");
        assert_eq!((stats.live_bytes, copy.version()), (stats.kept_bytes, 60));
    }
}

/// Values of their own pages, compressed tables and several tables are merged like everything else, and nothing of them changes.
#[test]
fn l1_merging_changes_no_entry() {
    for lz4 in [false, true] {
        let (disk, store) = store_with(&options().lz4(lz4));
        disk.forget();
        let mut expected: BTreeMap<(u64, Vec<u8>), Vec<u8>> = BTreeMap::new();
        for n in 0..200_u64 {
            let txn = store.begin_write().expect("the turn");
            for table in [n % 3, (n + 1) % 3] {
                let mut open = txn.ensure_table(&format!("t{table}")).expect("a table");
                for i in 0..3 {
                    let (number, len) = (n * 7919 % 400 + i, if (n + i) % 5 == 0 { 3000 } else { 90 });
                    open.insert(&key(number), &value(number, n, len)).expect("insert");
                    expected.insert((table, key(number).to_vec()), value(number, n, len));
                }
                if n % 4 == 3 {
                    open.remove(&key(n)).expect("remove");
                    expected.remove(&(table, key(n).to_vec()));
                }
            }
            txn.commit().expect("commit");
            store.checkpoint().expect("checkpoint");
            while store.step().expect("step") {}
            if n % 50 == 49 {
                store.compact().expect("compact");
            }
        }
        assert!(store.stats().merged_chunks > 100, "{:?}", store.stats());
        let snapshot = store.snapshot();
        let reader = snapshot.reader();
        let mut found = BTreeMap::new();
        for table in 0..3 {
            for entry in reader.table(&format!("t{table}")).expect("a table").iter().expect("a range") {
                let (key, value) = entry.expect("an entry");
                found.insert((table, key.to_vec()), value.to_vec());
            }
        }
        assert!(found == expected, "{} entries instead of {}", found.len(), expected.len());
    }
}
