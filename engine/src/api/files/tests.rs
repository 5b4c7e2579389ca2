//! Blobs and checks through the public names: what is exported opens, equals the snapshot, and is sound; damage is found.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use super::*;
use crate::api::tests::unchecked;
use crate::disk::MemoryDisk;
use crate::store::options::Durability;

type Model = BTreeMap<String, BTreeMap<Vec<u8>, Vec<u8>>>;

/// A folder that goes with the test.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Folder {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let name = format!("treering-files-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let path = std::env::temp_dir().join(name);
        std::fs::create_dir(&path).unwrap();
        Folder(path)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    fn names(&self) -> Vec<String> {
        let mut names: Vec<_> =
            std::fs::read_dir(&self.0).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn small() -> Options {
    Options::new().background(false).page_len(4096).segment_bytes(16 << 10)
}

struct Random(u64);

impl Random {
    fn below(&mut self, n: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % n
    }
}

/// Random changes of a few tables in one commit.
fn change(store: &Store, random: &mut Random, count: u64) {
    let mut txn = store.begin_write().unwrap();
    txn.set_durability([Durability::Synced, Durability::Deferred, Durability::Memory][random.below(3) as usize]);
    for name in ["a", "b", "c"] {
        if random.below(4) == 0 && name == "c" && txn.tables().contains(&name.to_owned()) {
            txn.drop_table(name).unwrap();
            continue;
        }
        let mut table = txn.ensure_table(name).unwrap();
        for _ in 0..random.below(count) {
            let key = random.below(1500).to_be_bytes();
            match random.below(20) {
                0..4 => drop(table.remove(&key).unwrap()),
                4 => table.insert(&key, &vec![key[7]; 3000 + random.below(9000) as usize]).unwrap(),
                _ => table.insert(&key, format!("value {} of {key:?}", random.below(1 << 40)).as_bytes()).unwrap(),
            }
        }
    }
    txn.commit().unwrap();
}

fn contents(snapshot: &Snapshot) -> Model {
    let reader = snapshot.reader();
    let table = |name: &str| {
        let table = reader.table(name).unwrap();
        table.iter().unwrap().map(|entry| entry.map(|(key, value)| (key.to_vec(), value.to_vec())).unwrap()).collect()
    };
    reader.tables().iter().map(|info| (info.name.clone(), table(&info.name))).collect()
}

fn sound(store: &Store) {
    let report = store.check().unwrap();
    assert!(report.is_sound(), "{report}");
}

fn export(snapshot: &Snapshot, form: BlobForm) -> Vec<u8> {
    let mut bytes = Vec::new();
    let summary = snapshot.write_blob(&mut bytes, form).unwrap();
    assert_eq!((summary.version, summary.bytes), (snapshot.version(), bytes.len() as u64));
    assert!(summary.turn_held.is_zero());
    bytes
}

fn disk_of(bytes: &[u8]) -> Arc<dyn Disk> {
    let disk = MemoryDisk::new("blob");
    disk.write_at(bytes, 0).unwrap();
    Arc::new(disk)
}

/// The blob opens in place, reads as the snapshot does, is sound, and becomes a store of its own when it is written to.
fn expect_blob(snapshot: &Snapshot, origin: &Store, bytes: &[u8]) {
    let expected = contents(snapshot);
    let disk = disk_of(bytes);
    let read = small().read_only_on(Arc::clone(&disk)).unwrap();
    assert_eq!(read.version(), snapshot.version());
    assert_eq!((read.open_report().replayed, read.open_report().clean), (0, true));
    assert_eq!(contents(&read.snapshot()), expected);
    assert_eq!(export(&read.snapshot(), BlobForm::Plain).len(), bytes.len(), "a blob's blob is as long");
    sound(&read);
    drop(read);
    for round in 1..4 {
        let store = small().on(Arc::clone(&disk)).unwrap();
        let identity = store.machine().identity;
        if round == 1 {
            assert_eq!(identity.parent, origin.machine().identity.incarnation);
            assert_ne!(identity.incarnation, identity.parent);
            assert_eq!(identity.forked_at.0, snapshot.version());
            assert_eq!(contents(&store.snapshot()), expected);
        }
        sound(&store);
        change(&store, &mut Random(round), 300);
        sound(&store);
        store.compact().unwrap();
        sound(&store);
        store.close().unwrap();
    }
    let report = inspect::verify(disk, &mut |_, _| Ok(())).unwrap();
    assert!(report.is_sound(), "{report}");
}

/// A blob equals its snapshot: of an empty store, of pages in memory alone, in the file alone, in both; while the store changes, seals and compacts.
#[test]
fn blob_is_the_snapshot() {
    let store = small().record_bytes(20_000).on(Arc::new(MemoryDisk::new("test"))).unwrap();
    let mut random = Random(88_172_645_463_325_252);
    let empty = store.snapshot();
    expect_blob(&empty, &store, &export(&empty, BlobForm::Plain));
    let mut held: Vec<Snapshot> = vec![empty];
    for round in 0..40 {
        // Beyond the record limit now and then: sealed at once.
        change(&store, &mut random, if round % 7 == 6 { 1200 } else { 150 });
        sound(&store);
        match random.below(6) {
            0 => drop(store.checkpoint().unwrap()),
            1 => drop(store.compact().unwrap()),
            2 => while store.step().unwrap() {},
            _ => {}
        }
        sound(&store);
        if round % 3 == 0 {
            held.push(store.snapshot());
        }
        if held.len() > 5 {
            held.remove(random.below(held.len() as u64) as usize);
        }
        if round % 5 == 0 {
            for snapshot in held.iter().chain([&store.snapshot()]) {
                expect_blob(snapshot, &store, &export(snapshot, BlobForm::Plain));
            }
        }
    }
}

/// L10: an export runs while writers, checkpoints and compactions do, and gives the version that it began with.
#[test]
fn l10_export_beside_writers() {
    let store = Options::new().page_len(4096).segment_bytes(16 << 10).dirty_bytes(1 << 20).log_bytes(60_000).in_memory().unwrap();
    change(&store, &mut Random(7), 1500);
    let done = AtomicU64::new(0);
    std::thread::scope(|scope| {
        let (store, done) = (&store, &done);
        scope.spawn(move || {
            let mut random = Random(11);
            while done.load(Ordering::Relaxed) == 0 {
                change(store, &mut random, 200);
                match random.below(12) {
                    0 => drop(store.checkpoint().unwrap()),
                    1 => drop(store.compact().unwrap()),
                    _ => {}
                }
            }
        });
        for round in 0..30 {
            let snapshot = store.snapshot();
            let expected = contents(&snapshot);
            let bytes = export(&snapshot, if round % 2 == 0 { BlobForm::Plain } else { BlobForm::Lz4 });
            if round % 2 == 0 {
                let read = small().read_only_on(disk_of(&bytes)).unwrap();
                assert_eq!(contents(&read.snapshot()), expected);
                sound(&read);
            }
            sound(store);
        }
        done.store(1, Ordering::Relaxed);
    });
    assert!(store.stats().export_turn_max.is_zero());
    sound(&store);
}

/// A transaction that writes chunks ahead is no part of any blob before it commits, and no problem to a check; afterwards it is whole.
#[test]
fn bulk_load_beside_export() {
    let store = small().dirty_bytes(1 << 20).in_memory().unwrap();
    change(&store, &mut Random(81), 500);
    let before = store.snapshot();
    store.checkpoint().unwrap();
    let txn = store.begin_write().unwrap();
    // Own pages from before the load, changed again after it: a page may then name one of a later chunk.
    txn.open_table("a").unwrap().insert(&[0; 8], b"first").unwrap();
    let entries = (0..6000_u64).map(|i| {
        if i % 1000 == 999 {
            sound(&store);
            for snapshot in [&before, &store.snapshot()] {
                let read = small().read_only_on(disk_of(&export(snapshot, BlobForm::Plain))).unwrap();
                assert_eq!(contents(&read.snapshot()), contents(snapshot));
                sound(&read);
            }
        }
        (i.to_be_bytes(), [i as u8; 300])
    });
    assert_eq!(txn.create_table("loaded").unwrap().load_sorted(entries).unwrap(), 6000);
    txn.open_table("a").unwrap().insert(&[0, 0, 0, 0, 0, 0, 4, 4], &[7; 5000]).unwrap();
    txn.commit().unwrap();
    sound(&store);
    for snapshot in [&before, &store.snapshot()] {
        expect_blob(snapshot, &store, &export(snapshot, BlobForm::Plain));
    }
    change(&store, &mut Random(82), 300);
    sound(&store);
    expect_blob(&before, &store, &export(&before, BlobForm::Plain));
}

/// L12: a closed store can be opened again at once, whoever reads in other stores of the process.
#[test]
fn l12_closed_store_is_free() {
    let folder = Folder::new();
    let other = small().in_memory().unwrap();
    let other = other.snapshot();
    let _reader = other.reader();
    for round in 0..5 {
        let store = small().open(folder.path("a.ring")).unwrap();
        change(&store, &mut Random(71 + round), 300);
        store.checkpoint().unwrap();
        contents(&store.snapshot());
    }
}

/// An export while the caller's own write transaction is open waits for nothing.
#[test]
fn l10_export_and_check_need_no_turn() {
    let store = small().in_memory().unwrap();
    change(&store, &mut Random(3), 200);
    let txn = store.begin_write().unwrap();
    export(&store.snapshot(), BlobForm::Plain);
    sound(&store);
    drop(txn);
}

/// Files: both forms come back through `restore`, `verify` reads both, and nothing is ever overwritten.
#[test]
fn restore_gives_the_snapshot() {
    let folder = Folder::new();
    let store = small().open(folder.path("origin.ring")).unwrap();
    change(&store, &mut Random(5), 1000);
    store.checkpoint().unwrap();
    change(&store, &mut Random(6), 200);
    let snapshot = store.snapshot();
    change(&store, &mut Random(7), 200);
    for (form, name) in [(BlobForm::Plain, "plain"), (BlobForm::Lz4, "lz4")] {
        let (blob, back) = (folder.path(name), folder.path(&format!("{name}.ring")));
        let summary = snapshot.backup_to(&blob, form).unwrap();
        assert_eq!((summary.bytes, summary.version), (std::fs::metadata(&blob).unwrap().len(), snapshot.version()));
        let report = verify(&blob).unwrap();
        assert!(report.is_sound() && report.version == snapshot.version(), "{report}");
        let restored = restore(&blob, &back).unwrap();
        assert_eq!((restored.version, restored.chunks), (summary.version, summary.chunks));
        assert_eq!(restored.bytes, std::fs::metadata(&back).unwrap().len());
        let opened = small().open(&back).unwrap();
        assert_eq!(contents(&opened.snapshot()), contents(&snapshot));
        sound(&opened);
        change(&opened, &mut Random(8), 100);
        sound(&opened);
        // A store that was written to is no blob any more.
        drop(opened);
        assert_eq!(restore(&back, folder.path("third.ring")).unwrap_err().kind(), ErrorKind::Invalid);
        let before = std::fs::read(&back).unwrap();
        assert_eq!(restore(&blob, &back).unwrap_err().kind(), ErrorKind::Exists);
        assert_eq!(snapshot.backup_to(&back, form).unwrap_err().kind(), ErrorKind::Exists);
        assert_eq!(std::fs::read(&back).unwrap(), before);
    }
    assert!(std::fs::metadata(folder.path("lz4")).unwrap().len() < std::fs::metadata(folder.path("plain")).unwrap().len());
    assert_eq!(small().open(folder.path("lz4")).unwrap_err().kind(), ErrorKind::Unsupported);
    assert_eq!(verify(folder.path("origin.ring")).unwrap_err().kind(), ErrorKind::Locked);
    assert_eq!(verify(folder.path("none")).unwrap_err().kind(), ErrorKind::NotFound);
    assert_eq!(restore(folder.path("none"), folder.path("new")).unwrap_err().kind(), ErrorKind::NotFound);
    drop(snapshot);
    store.close().unwrap();
    let report = verify(folder.path("origin.ring")).unwrap();
    assert!(report.is_sound(), "{report}");
    assert_eq!(folder.names(), ["lz4", "lz4.ring", "origin.ring", "plain", "plain.ring"]);
}

/// Work on files that is watched says in each stage how far it is, never less than before; stopped at any word, it leaves no file.
#[test]
fn watched_work_is_stopped_cleanly() {
    type Progress<'a> = &'a mut dyn FnMut(FileProgress) -> ControlFlow<()>;
    let folder = Folder::new();
    let store = small().open(folder.path("a.ring")).unwrap();
    change(&store, &mut Random(9), 1000);
    store.checkpoint().unwrap();
    change(&store, &mut Random(10), 100);
    let snapshot = store.snapshot();
    let (plain, lz4, new) = (folder.path("plain"), folder.path("lz4"), folder.path("new"));
    snapshot.backup_to(&plain, BlobForm::Plain).unwrap();
    snapshot.backup_to(&lz4, BlobForm::Lz4).unwrap();
    let works: [&dyn Fn(Progress<'_>) -> bool; 7] = [
        &|progress| snapshot.backup_to_with(&new, BlobForm::Plain, progress).unwrap().is_some(),
        &|progress| snapshot.backup_to_with(&new, BlobForm::Lz4, progress).unwrap().is_some(),
        &|progress| restore_with(&plain, &new, progress).unwrap().is_some(),
        &|progress| restore_with(&lz4, &new, progress).unwrap().is_some(),
        &|progress| verify_with(&lz4, progress).unwrap().inspect(|report| assert!(report.is_sound(), "{report}")).is_some(),
        &|progress| store.check_with(progress).unwrap().inspect(|report| assert!(report.is_sound(), "{report}")).is_some(),
        &|progress| store.scrub_with(progress).unwrap().inspect(|report| assert!(report.is_sound(), "{report}")).is_some(),
    ];
    for (i, work) in works.iter().enumerate() {
        let mut told: Vec<FileProgress> = Vec::new();
        let mut listen = |progress: FileProgress| {
            if let Some(before) = told.last().filter(|before| before.stage == progress.stage) {
                assert!(before.done <= progress.done && before.of == progress.of, "work {i}: {before:?}, {progress:?}");
            }
            assert!(progress.done <= progress.of, "work {i}: {progress:?}");
            told.push(progress);
            ControlFlow::Continue(())
        };
        assert!(work(&mut listen), "work {i}");
        let _ = std::fs::remove_file(&new);
        assert!(told.last().is_some_and(|last| last.done == last.of), "work {i}: {told:?}");
        for stop in [1, told.len() / 2, told.len()] {
            let mut count = 0;
            let mut until = |_| {
                count += 1;
                if count < stop { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
            };
            assert!(!work(&mut until), "work {i} stopped at {stop}");
            assert_eq!(folder.names(), ["a.ring", "lz4", "plain"], "work {i} stopped at {stop}");
        }
    }
    sound(&store);
}

/// A compaction tells of what it has written. Stopped after any of its rounds the store is whole, what it did stays done, and the next goes on from there.
#[test]
fn l6_a_compaction_is_watched_and_stopped() {
    let folder = Folder::new();
    let store = small().open(folder.path("a.ring")).unwrap();
    let mut random = Random(11);
    let mut churn = || {
        for _ in 0..20 {
            change(&store, &mut random, 400);
            store.checkpoint().unwrap();
        }
    };
    churn();
    let before = contents(&store.snapshot());
    let stop = |progress: FileProgress| {
        assert!(progress.stage == FileStage::Compact && progress.of > 0, "{progress:?}");
        if progress.done > 0 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    };
    let mut stopped = 0;
    let path = folder.path("a.ring");
    let len = || std::fs::metadata(&path).unwrap().len();
    let longest = 2 * len();
    while store.compact_with(stop).unwrap().is_none() {
        sound(&store);
        stopped += 1;
        // What was moved away from is free at once, and the file is cut.
        assert!(store.stats().leaving_bytes == 0 && len() < longest, "{} bytes after {stopped}", len());
        assert!(stopped < 1000, "it does the same again and again");
    }
    assert!(stopped > 1, "{stopped}");
    assert_eq!(contents(&store.snapshot()), before);
    churn();
    let mut written = 0;
    let done = store.compact_with(|progress| {
        assert!(progress.done >= written, "{progress:?}");
        written = progress.done;
        ControlFlow::Continue(())
    });
    assert_eq!(done.unwrap().expect("nobody stopped it").bytes_written, written);
    assert!(written > 0);
    sound(&store);
}

/// While somebody compacts, the background thread leaves that alone. It used to move chunks at the same time, into the room that was just made: what they were moved away from could not be cut off, and
/// a file of 240 MiB, of which 161 were alive, was 284 to 372 MiB long when the compaction was done. The other cause: the time that it took to put leaves in order was counted as patience with readers.
#[test]
fn l6_steps_beside_a_compaction_do_not_compact() {
    for steps in [false, true] {
        let folder = Folder::new();
        let store = small().open(folder.path("a.ring")).unwrap();
        let mut random = Random(12);
        for _ in 0..40 {
            change(&store, &mut random, 400);
            store.checkpoint().unwrap();
        }
        let mut stepped = 0;
        let done = store.compact_with(|_| {
            let before = store.stats();
            while steps && store.step().unwrap() {}
            let after = store.stats();
            assert_eq!((before.twins, before.merged_chunks), (after.twins, after.merged_chunks), "a step compacted");
            stepped += 1;
            ControlFlow::Continue(())
        });
        assert!(stepped > 2, "{stepped}");
        sound(&store);
        let after = done.unwrap().expect("nobody stopped it").file_bytes_after;
        assert!(after <= store.machine().length_bound(), "steps {steps}: {after} bytes");
    }
}

/// L8: one changed byte anywhere in a blob is found, or changes nothing that anybody reads; never a panic, never another value.
#[test]
fn l8_every_byte_of_a_blob_matters_or_not() {
    let store = small().in_memory().unwrap();
    change(&store, &mut Random(21), 40);
    store.checkpoint().unwrap();
    change(&store, &mut Random(22), 12);
    let snapshot = store.snapshot();
    let (expected, bytes) = (contents(&snapshot), export(&snapshot, BlobForm::Plain));
    let disk = disk_of(&bytes);
    let (mut found, mut harmless) = (0, 0);
    for (at, byte) in bytes.iter().enumerate() {
        disk.write_at(&[byte ^ (1 << (at % 8))], at as u64).unwrap();
        match inspect::verify(Arc::clone(&disk), &mut |_, _| Ok(())) {
            Ok(report) if report.is_sound() => {
                harmless += 1;
                // Behind the seal, and between the parts: what is there is not read.
                if *byte != 0 || at % 64 == 0 {
                    let read = small().read_only_on(Arc::clone(&disk)).unwrap();
                    assert_eq!(contents(&read.snapshot()), expected, "byte {at}");
                }
            }
            _ => found += 1,
        }
        disk.write_at(&[*byte], at as u64).unwrap();
    }
    let chunk_bytes: u64 =
        small().read_only_on(disk).unwrap().machine().look_at_newest().1.extents.used.iter().map(|e| e.len).sum();
    assert!(found >= chunk_bytes + 8192, "{found} found, {harmless} harmless");
}

/// L8: an LZ4 stream with a changed byte, or cut anywhere, is restored right or not at all.
#[test]
fn l8_damaged_streams_are_refused() {
    let folder = Folder::new();
    let store = small().in_memory().unwrap();
    change(&store, &mut Random(31), 60);
    let snapshot = store.snapshot();
    let (expected, bytes) = (contents(&snapshot), export(&snapshot, BlobForm::Lz4));
    let (stream, target) = (folder.path("stream"), folder.path("target.ring"));
    let try_it = |damaged: &[u8], what: &dyn std::fmt::Display| {
        std::fs::write(&stream, damaged).unwrap();
        if restore(&stream, &target).is_ok() {
            let read = small().open_read_only(&target).unwrap();
            assert_eq!(contents(&read.snapshot()), expected, "{what}");
            std::fs::remove_file(&target).unwrap();
        }
        assert_eq!(folder.names(), ["stream"], "{what}");
    };
    let step = (bytes.len() / 200).max(1);
    for at in (0..bytes.len()).step_by(step) {
        let mut damaged = bytes.clone();
        damaged[at] ^= 1 << (at % 8);
        try_it(&damaged, &format_args!("byte {at}"));
        try_it(&bytes[..at], &format_args!("cut at {at}"));
    }
    try_it(&bytes, &"whole");
}

/// L8: damage in a chunk of the store is an error of the export, and no file is left; the check names it.
#[test]
fn l8_damage_is_not_exported() {
    let folder = Folder::new();
    let disk: Arc<dyn Disk> = Arc::new(MemoryDisk::new("test"));
    let store = small().on(Arc::clone(&disk)).unwrap();
    change(&store, &mut Random(41), 1000);
    store.checkpoint().unwrap();
    let snapshot = store.snapshot();
    // Every page was checked once before it rots.
    contents(&snapshot);
    let extent = store.machine().look_at_newest().1.extents.used[0];
    let mut byte = [0];
    disk.read_at(&mut byte, extent.offset + 1000).unwrap();
    disk.write_at(&[!byte[0]], extent.offset + 1000).unwrap();
    for form in [BlobForm::Plain, BlobForm::Lz4] {
        assert_eq!(snapshot.backup_to(folder.path("blob"), form).unwrap_err().kind(), ErrorKind::Corrupt);
        assert!(folder.names().is_empty());
        assert_eq!(snapshot.write_blob(&mut Vec::new(), form).unwrap_err().kind(), ErrorKind::Corrupt);
    }
    let report = store.check().unwrap();
    assert!(!report.is_sound());
    assert!(report.problems().iter().any(|problem| problem.contains("chunk 1 at")), "{report}");
    assert!(report.problems().iter().any(|problem| problem.contains("page 1.")), "{report}");
    // A failed export never poisons (L9).
    change(&store, &mut Random(42), 1);
    drop(snapshot);
    unchecked(store);
}

/// A writer that fails after so many bytes.
struct Failing(usize);

impl Write for Failing {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        if self.0 == 0 {
            return Err(std::io::ErrorKind::StorageFull.into());
        }
        let taken = bytes.len().min(self.0);
        self.0 -= taken;
        Ok(taken)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// L9: a writer that fails half-way ends the export with its own error, and the store goes on.
#[test]
fn l9_failing_writer_ends_the_export() {
    let store = small().in_memory().unwrap();
    change(&store, &mut Random(51), 500);
    let snapshot = store.snapshot();
    for form in [BlobForm::Plain, BlobForm::Lz4] {
        let len = export(&snapshot, form).len();
        for at in (0..len - 100).step_by(len / 50) {
            assert_eq!(snapshot.write_blob(&mut Failing(at), form).unwrap_err().kind(), ErrorKind::Full, "{form:?} {at}");
        }
        // A salt is drawn each time: two streams of one snapshot differ by some bytes.
        assert_eq!(snapshot.write_blob(&mut Failing(len + 1000), form).unwrap().version, snapshot.version());
    }
    change(&store, &mut Random(52), 1);
    sound(&store);
}

/// Compressed tables: their chunks are copied as they are, their pages in memory are written plain, and both read the same.
#[test]
fn compressed_tables_are_exported() {
    let store = small().lz4(true).in_memory().unwrap();
    let mut random = Random(61);
    for _ in 0..6 {
        change(&store, &mut random, 400);
        sound(&store);
        expect_blob(&store.snapshot(), &store, &export(&store.snapshot(), BlobForm::Plain));
        store.checkpoint().unwrap();
        sound(&store);
        expect_blob(&store.snapshot(), &store, &export(&store.snapshot(), BlobForm::Plain));
    }
    // Not unpacked on their way.
    let lens = [false, true].map(|lz4| {
        let store = small().lz4(lz4).in_memory().unwrap();
        change(&store, &mut Random(61), 400);
        store.checkpoint().unwrap();
        export(&store.snapshot(), BlobForm::Plain).len()
    });
    assert!(lens[1] < lens[0] / 2, "{lens:?}");
}

/// L10: how long an export had the writer's turn is measured: it shows what the exporting thread held, of this store's turn alone, and nothing of what others held meanwhile. It was a constant
/// zero, whatever an export did.
#[test]
fn l10_turns_of_an_export_show() {
    struct TakesTurns<'s> {
        store: &'s Store,
        held: Duration,
    }
    impl std::io::Write for TakesTurns<'_> {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            let txn = self.store.begin_write().map_err(std::io::Error::other)?;
            let since = std::time::Instant::now();
            while since.elapsed() < Duration::from_micros(20) {}
            self.held += since.elapsed();
            drop(txn);
            Ok(bytes.len())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    let [store, other] = [small().in_memory().unwrap(), small().in_memory().unwrap()];
    change(&store, &mut Random(9), 300);
    let export = |takes: &Store| {
        let mut sink = TakesTurns { store: takes, held: Duration::ZERO };
        let summary = store.snapshot().write_blob(&mut sink, BlobForm::Plain).unwrap();
        (summary.turn_held, sink.held)
    };
    let (told, held) = export(&other);
    assert!(told.is_zero() && !held.is_zero(), "another store's turn: {told:?}");
    assert!(store.stats().export_turn_max.is_zero());
    let (told, held) = export(&store);
    assert!(told >= held && !held.is_zero(), "{told:?} of {held:?}");
    assert_eq!(store.stats().export_turn_max, told);
    // Somebody else has the turn all the while.
    let txn = store.begin_write().unwrap();
    let summary = std::thread::scope(|scope| {
        let export = scope.spawn(|| store.snapshot().write_blob(&mut Vec::new(), BlobForm::Lz4).unwrap());
        export.join().unwrap()
    });
    drop(txn);
    assert!(summary.turn_held.is_zero());
}
