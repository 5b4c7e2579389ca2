//! Copied reads: no byte by way of the map, memory that stays within its bound, and a file that fails or shrinks is an error and not the end.

use std::sync::Arc;
use std::thread;

use treering::disk::Disk;
use treering::{BlobForm, ErrorKind, Options, Reads, Store};
use treering_tests::disk::{Done, Fault, Kind};
use treering_tests::{Checked, Folder, SimulatedDisk, drive};

use crate::{expect, key, open, put, store_with, value};

/// Small stores that copy what they read and keep next to nothing of it.
fn options() -> Options {
    drive::small_options().segment_bytes(1 << 20).log_bytes(64 << 20).reads(Reads::Copied).cache_bytes(32 << 10)
}

/// Keys in the stores of these tests: some hundred pages.
const COUNT: u64 = 2000;

/// A store whose pages are all in the file, opened anew: nothing is in memory.
fn cold(options: &Options) -> (Arc<SimulatedDisk>, Checked<Store>) {
    let (disk, store) = store_with(options);
    put(&store, 0..COUNT, 0, 300).expect("commit");
    put(&store, COUNT..COUNT + 1, 0, 30_000).expect("commit");
    store.close().close().expect("close");
    let store = open(options, &disk);
    (disk, store)
}

#[track_caller]
fn expect_all(store: &Store, round: u64) {
    let snapshot = store.snapshot();
    let reader = snapshot.reader();
    let table = reader.table("t").expect("table t");
    for n in 0..COUNT {
        assert_eq!(table.get(&key(n)).expect("get"), Some(&value(n, round, 300)[..]), "key {n}");
    }
    assert_eq!(table.get(&key(COUNT)).expect("get"), Some(&value(COUNT, 0, 30_000)[..]));
}

/// L8: whatever is done to a store with copied reads, no byte of its file is reached through the map: reading, changing, sealing, moving, exporting, checking, scrubbing,
/// opening after a kill, for reading, and as a blob in place. Compressed tables too.
#[test]
fn l8_copied_reads_never_touch_the_map() {
    for lz4 in [false, true] {
        let options = options().lz4(lz4);
        let (disk, store) = cold(&options);
        let held = store.snapshot();
        for round in 1..4 {
            put(&store, 0..COUNT, round, 300).expect("commit");
            expect_all(&store, round);
            store.checkpoint().expect("checkpoint");
            store.compact().expect("compact");
            while store.step().expect("step") {}
            expect_all(&store, round);
            assert!(store.scrub().expect("scrub").is_sound());
        }
        let reader = held.reader();
        let owned = reader.table("t").expect("table t").get_bytes(&key(7)).expect("get").expect("there");
        drop(reader);
        let mut blob = Vec::new();
        held.write_blob(&mut blob, BlobForm::Plain).expect("blob");
        assert_eq!(owned, value(7, 0, 300));
        drop((owned, held));
        let txn = store.begin_write().expect("the turn");
        txn.open_table("t")
            .expect("table t")
            .remove_range((std::ops::Bound::Unbounded, std::ops::Bound::Unbounded))
            .expect("remove");
        drop(txn);
        let blob = SimulatedDisk::holding(&blob);
        let killed = SimulatedDisk::holding(&disk.bytes());
        for (file, round) in [(&blob, 0), (&killed, 3)] {
            let reading = options.open_read_only_on(Arc::clone(file) as Arc<dyn Disk>).expect("open for reading");
            expect_all(&Checked::new("opened for reading", reading), round);
            expect_all(&open(&options, file), round);
        }
        drop(store);
        assert_eq!([&disk, &blob, &killed].map(|disk| disk.slice_count()), [0; 3]);
        assert!(disk.read_count() > 0);
    }
    let (disk, store) = store_with(&drive::small_options().reads(Reads::Mapped));
    put(&store, 0..10, 0, 300).expect("commit");
    store.checkpoint().expect("checkpoint");
    expect(&store.snapshot(), 10, 0, 300);
    assert!(disk.slice_count() > 0, "the count counts");
}

/// The cache never holds more than its budget, whatever is read; what is read again from it is not read from the file; and a budget of nothing works too.
#[test]
fn l4_copies_stay_within_their_budget() {
    for budget in [0, 32 << 10, 64 << 20] {
        let options = options().cache_bytes(budget);
        let (_disk, store) = cold(&options);
        for _ in 0..3 {
            for n in 0..COUNT {
                // A reader each: what one was lent it keeps.
                let snapshot = store.snapshot();
                assert!(snapshot.reader().table("t").expect("table t").contains(&key(n)).expect("get"));
                let cached = store.stats().cached_bytes;
                assert!(cached <= budget, "{cached} of {budget}");
            }
        }
        let stats = store.stats();
        let pages = Store::check(&store).expect("check").pages;
        match budget {
            0 => assert!(stats.cached_bytes == 0 && stats.page_loads >= 3 * COUNT),
            // All but the large value's, each once.
            0x400_0000 => assert_eq!(stats.page_loads, pages - 1),
            _ => assert!(stats.cached_bytes > budget / 2 && stats.page_loads > pages),
        }
    }
}

/// L4: no lock is held over I/O. While a read of the medium hangs, another thread reads what is at hand, in the cache and in memory, and commits.
#[test]
fn l4_copied_reads_hold_no_lock_over_io() {
    let options = options().cache_bytes(64 << 20);
    let (disk, store) = cold(&options);
    let lookup = |n: u64| store.snapshot().reader().table("t").expect("table t").contains(&key(n)).expect("get");
    (0..COUNT / 2).for_each(|n| assert!(lookup(n)));
    thread::scope(|scope| {
        let gate = disk.close_gate(Kind::Read);
        let hangs = scope.spawn(|| lookup(COUNT - 1));
        disk.await_waiting(1);
        (0..COUNT / 2 - 20).for_each(|n| assert!(lookup(n)));
        put(&store, 0..3, 1, 300).expect("commit");
        assert!(!hangs.is_finished());
        drop(gate);
        assert!(hangs.join().expect("no panic"));
    });
}

/// L9: the n-th read of the medium fails, by itself or with all that follow, with an error of the system or for want of bytes. Each call is right or an error of that kind
/// that names its place; nothing is poisoned, and when reading works again everything is there.
#[test]
fn l9_failed_reads_do_not_poison() {
    let (disk, store) = cold(&options());
    let mut failed = 0;
    for error in [ErrorKind::Io, ErrorKind::Corrupt] {
        for sticky in [false, true] {
            for at in 0..40 {
                disk.fail(Some(Fault { kinds: &[Kind::Read], at, sticky, error, done: Done::default() }));
                let snapshot = store.snapshot();
                let reader = snapshot.reader();
                let table = reader.table("t").expect("table t");
                let mut errors = 0;
                for n in (0..COUNT).step_by(97) {
                    match table.get(&key(n)) {
                        Ok(found) => assert_eq!(found, Some(&value(n, 0, 300)[..])),
                        Err(e) => {
                            errors += 1;
                            let names = ["page 1.", "chunk 1 at "];
                            assert!(e.kind() == error && names.iter().any(|name| e.to_string().starts_with(name)), "{e:?}");
                        }
                    }
                }
                // Each call needs one page more than it has at hand, the first two: none fails twice.
                assert_eq!(errors, disk.struck(), "{at}, {sticky}");
                failed += errors;
                disk.fail(None);
                assert_eq!(table.get(&key(COUNT / 2)).expect("get"), Some(&value(COUNT / 2, 0, 300)[..]));
            }
        }
    }
    assert!(failed > 80, "{failed}");
    put(&store, 0..COUNT, 1, 300).expect("commit");
    store.checkpoint().expect("checkpoint");
    expect_all(&store, 1);
}

/// Another program cuts the file short under an open store with copied reads: what is gone is an error that names its page, what is at hand is read as ever, nobody dies, and
/// when the bytes are back so are the answers. A check, a scrub and a backup say what is missing.
#[test]
fn a_file_cut_under_copied_reads_is_an_error() {
    let folder = Folder::new();
    let path = folder.file("cut.ring");
    let options = options();
    let store = options.open(&path).expect("create");
    put(&store, 0..COUNT, 0, 300).expect("commit");
    put(&store, COUNT..COUNT + 1, 0, 30_000).expect("commit");
    store.close().expect("close");
    let store = Checked::new("cut", options.open(&path).expect("open"));
    put(&store, 0..1, 0, 300).expect("a change that stays in memory");
    let whole = std::fs::read(&path).expect("a copy");
    let chunk =
        store.layout().iter().filter(|region| matches!(region.kind, treering::RegionKind::Chunk { .. })).map(|r| r.offset).max();
    let chunk = chunk.expect("there is a chunk");
    let cut = |len: u64| {
        let path = path.clone();
        // Elsewhere: another descriptor, another thread; the store hears nothing of it.
        let other = thread::spawn(move || std::fs::File::options().write(true).open(path).and_then(|file| file.set_len(len)));
        other.join().expect("no panic").expect("cut");
    };
    for len in [chunk + 4096, chunk, 8192, 0] {
        cut(len);
        let snapshot = store.snapshot();
        let reader = snapshot.reader();
        let table = reader.table("t").expect("table t");
        assert_eq!(table.get(&key(0)).expect("what is in memory"), Some(&value(0, 0, 300)[..]));
        let mut failed = 0;
        for n in (0..COUNT).step_by(17) {
            match table.get(&key(n)) {
                Ok(found) => assert_eq!(found, Some(&value(n, 0, 300)[..])),
                Err(e) => {
                    failed += 1;
                    let text = e.to_string();
                    assert!(e.kind() == ErrorKind::Corrupt && text.contains("page ") && text.contains("ends at byte"), "{e:?}");
                }
            }
        }
        assert!(failed > 0 || len > chunk, "{failed} errors with {len} bytes left");
        let reports = [Store::check(&store).expect("check"), store.scrub().expect("scrub")];
        assert!(
            reports.iter().all(|report| report.problems().iter().any(|problem| problem.contains("ends at byte"))),
            "{reports:?}"
        );
        assert_eq!(snapshot.write_blob(&mut std::io::sink(), BlobForm::Plain).expect_err("a backup").kind(), ErrorKind::Corrupt);
        std::fs::write(&path, &whole).expect("the bytes are back");
        let again = store.snapshot();
        assert!(again.reader().table("t").expect("table t").get(&key(COUNT)).expect("get").is_some());
        expect_all(&store, 0);
    }
}

/// A scrub finds rot in a page that was read and checked before, mapped or copied, and beside writers finds none where there is none; nothing waits for it.
#[test]
fn scrub_reads_what_was_checked_before() {
    for options in [options(), options().reads(Reads::Mapped)] {
        let (disk, store) = cold(&options);
        expect_all(&store, 0);
        let report = store.scrub().expect("scrub");
        assert!(report.is_sound() && report.chunks == 1 && report.records > 0, "{report}");
        assert_eq!((report.pages, report.entries), (Store::check(&store).expect("check").pages, COUNT + 1));
        thread::scope(|scope| {
            let gate = disk.close_gate(Kind::Read);
            let scrub = scope.spawn(|| store.scrub().expect("scrub"));
            disk.await_waiting(1);
            // In memory: a mapped store reads its pages without this gate, a copied one has these at hand or writes them blind.
            let txn = store.begin_write().expect("the turn");
            txn.create_table("u").expect("table u").insert(b"k", b"v").expect("insert");
            txn.commit().expect("commit");
            assert!(!scrub.is_finished());
            drop(gate);
            assert!(scrub.join().expect("no panic").is_sound());
        });
        let chunk =
            store.layout().iter().find(|region| matches!(region.kind, treering::RegionKind::Chunk { .. })).map(|r| r.offset);
        let at = chunk.expect("there is a chunk") + 5000;
        let mut byte = [0];
        disk.read_at(&mut byte, at).expect("read");
        disk.write_at(&[byte[0] ^ 4], at).expect("rot");
        let report = store.scrub().expect("scrub");
        assert!(report.problems().iter().any(|problem| problem.contains("page 1.")), "{report}");
        assert!(!Store::check(&store).expect("check").is_sound());
        disk.write_at(&byte, at).expect("as it was");
    }
}
