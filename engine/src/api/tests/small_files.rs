//! How long small files are: behind a close, and behind a compaction.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::super::*;
use super::{fill, small};
use crate::disk::{Disk, MemoryDisk};
use crate::format::ids::BLOCK;
use crate::inspect::layout::RegionKind;
use crate::store::open;
use crate::store::options::Settings;

/// Where a store lives while nobody has it open.
enum Place {
    Memory(Arc<dyn Disk>),
    File(PathBuf),
}

impl Place {
    fn in_memory() -> Place {
        Place::Memory(Arc::new(MemoryDisk::new("test")))
    }

    fn in_a_file() -> Place {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let name = format!("treering-small-{}-{}.ring", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        Place::File(std::env::temp_dir().join(name))
    }

    /// With the options' defaults, as a program for the command line opens it.
    fn open(&self, background: bool) -> Store {
        let options = Options::new().background(background);
        match self {
            Place::Memory(disk) => options.on(Arc::clone(disk)),
            Place::File(path) => options.open(path),
        }
        .expect("open")
    }

    fn len(&self) -> u64 {
        match self {
            Place::Memory(disk) => disk.len().expect("a length"),
            Place::File(path) => std::fs::metadata(path).expect("a file").len(),
        }
    }

    /// What is in use: headers and log, and chunks; and where the last of it ends.
    fn used(&self) -> (u64, u64, u64) {
        let layout = match self {
            Place::Memory(disk) => open::open(Arc::clone(disk), Settings::default(), true, false).map(|machine| machine.layout()),
            Place::File(path) => Options::new().open_read_only(path).map(|store| store.layout()),
        };
        let (mut log, mut chunks, mut end) = (0, 0, 0);
        for region in layout.expect("open") {
            match region.kind {
                RegionKind::Free => continue,
                RegionKind::Chunk { .. } => chunks += region.len,
                _ => log += region.len,
            }
            end = region.offset + region.len;
        }
        (log, chunks, end)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if let Place::File(path) = self {
            let _ = std::fs::remove_file(path);
        }
    }
}

struct Random(u64);

impl Random {
    fn below(&mut self, n: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % n
    }
}

/// One change to one of two tables in a life of its own, as `treering put` and `treering remove` do it; whether somebody in this process held something back when it was closed.
fn one_life(place: &Place, random: &mut Random) -> bool {
    let store = place.open(random.below(4) > 0);
    let txn = store.begin_write().expect("turn");
    let mut table = txn.ensure_table(["a", "b"][random.below(2) as usize]).expect("table");
    let key = random.below(3).to_be_bytes();
    if random.below(3) == 0 {
        table.remove(&key).expect("remove");
    } else {
        let len = [5, 500, 5000, 50_000][random.below(4) as usize];
        table.insert(&key, &vec![7; len]).expect("insert");
    }
    drop(table);
    txn.commit().expect("commit");
    let machine = store.clone();
    store.close().expect("close");
    machine.stats().leaving_bytes > 0
}

/// A seal that is longer than a segment of the options, as that of some thousand tables, goes along when the log moves down: a second compaction changes nothing here either. The log was
/// moved again and again, since segments of its own, made for the seal, stood higher than those that were asked for.
#[test]
fn l6_long_seals_come_to_rest() {
    let disk: Arc<dyn Disk> = Arc::new(MemoryDisk::new("test"));
    let store = small().on(disk).expect("open");
    let txn = store.begin_write().expect("turn");
    (0..1000).for_each(|i| drop(txn.create_table(&format!("a table with a name of some length {i:06}")).expect("table")));
    txn.commit().expect("commit");
    for round in 0..8 {
        fill(&store, round * 1000..round * 1000 + 1000, round);
        store.checkpoint().expect("checkpoint");
    }
    // The second; a later one where readers of other tests stood in the way of those before.
    let does_nothing = |_| {
        let before = store.stats().checkpoints;
        store.compact().expect("compact").bytes_written == 0 && store.stats().checkpoints == before
    };
    assert!((0..8).any(does_nothing), "{:?}", store.stats());
    store.close().expect("close");
}

/// A closed file ends with its last block in use, however small it is. Closing cut the file before it gave the log's segments ahead back, so that they, and the room for a checkpoint below
/// them, stayed: 732 KiB of 880 for two entries.
#[test]
fn l6_closed_files_end_with_their_last_block_in_use() {
    for seed in 0..8 {
        for place in [Place::in_memory(), Place::in_a_file()] {
            let mut random = Random(seed);
            for _ in 0..6 {
                let is_read = one_life(&place, &mut random);
                let (log, chunks, end) = place.used();
                // While another test reads, what it may be reading stays.
                assert!(is_read || place.len() == end, "seed {seed}: {} bytes, {log} + {chunks} up to {end}", place.len());
            }
        }
    }
}

/// A compaction of a small file ends where a second one changes nothing, never with a longer file than before: headers and up to three segments of the log,
/// the chunks, and gaps that are too short for a chunk. The background thread made a segment ahead meanwhile, of which compacting made a part of the file: a store of 148 KiB had 276 KiB then.
#[test]
fn l6_one_compaction_is_enough() {
    // The one in use, the one that follows, and one that is full, at the end of which the newest seal's cursor may stand.
    let longest_log = 2 * BLOCK + 3 * Settings::default().segment_bytes;
    for seed in 0..24 {
        for place in [Place::in_memory(), Place::in_a_file()] {
            let mut random = Random(seed);
            for _ in 0..1 + random.below(9) {
                one_life(&place, &mut random);
            }
            let before = place.len();
            let compact = || {
                let store = place.open(seed % 4 > 0);
                let done = store.compact().expect("compact");
                let machine = store.clone();
                let is_read = machine.stats().leaving_bytes > 0;
                store.close().expect("close");
                (done, is_read || machine.stats().leaving_bytes > 0)
            };
            let (first, is_read) = compact();
            let (after, (log, chunks, end)) = (place.len(), place.used());
            // Another test holds a reader: what it may be reading stays, and this says nothing.
            if is_read {
                continue;
            }
            let figures = format!("seed {seed}: {before} -> {after}, {log} + {chunks} up to {end}; {first:?}");
            assert!(first.file_bytes_after <= first.file_bytes_before && after <= before, "{figures}");
            assert_eq!((first.file_bytes_after, end), (after, after), "{figures}");
            assert!(log <= longest_log && after <= longest_log + 2 * chunks, "{figures}");
            let (second, is_read) = compact();
            if !is_read {
                assert_eq!(
                    (second.file_bytes_after, second.bytes_written, place.len()),
                    (after, 0, after),
                    "{figures}; {second:?}"
                );
            }
        }
    }
}
