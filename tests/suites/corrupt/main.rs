//! Damage: every byte of small stores of every kind changed, every sector zeroed, swapped or replaced by an older one, every way to cut or lengthen the file (L8).
//!
//! What is read is right, or an error that names the place. Only the last commit of a store that was killed may be taken for torn,
//! and then the open report says so. Never a wrong value, a missing entry, a panic.
//!
//! A sample of the damaged files is opened for writing and compacted, and another is salvaged (`mend`). `regions` says which bytes may change unseen.

mod judge;
mod mend;
mod open;
mod regions;
mod small;
mod stream;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use judge::{Found, judge, judge_writable};
use regions::Map;
use small::{Built, Flavour, build};
use treering::ErrorKind;
use treering_tests::disk::{Done, Fault, Kind, SimulatedDisk};
use treering_tests::life::said;
use treering_tests::{Seed, depth};

/// One damage in so many is tried for writing too, and one in so many is salvaged: both cost some ten times as much as reading.
const WRITABLE: usize = 61;
const MENDED: usize = 37;

/// What became of many damages.
#[derive(Clone, Copy, Debug, Default)]
struct Tally {
    right: u64,
    errors: u64,
    dropped: u64,
    silent: u64,
    mended: u64,
}

/// Damages the file in each of these ways, one at a time.
#[track_caller]
fn check(built: &Built, map: &mut Map, damages: impl Iterator<Item = Damage>) -> Tally {
    let disk = SimulatedDisk::holding(&built.file);
    disk.forget();
    let mut tally = Tally::default();
    for (n, damage) in damages.enumerate() {
        damage.put(&disk, built);
        // A few bits are wrong, not a whole sector: then what the last record was can be told.
        let is_flip = matches!(damage, Damage::Flip { .. });
        let judged = catch_unwind(AssertUnwindSafe(|| {
            let found = judge(built, &disk, is_flip)?;
            // Opened for writing a checkpoint must not give damage a fresh home.
            if n % WRITABLE == 0 {
                judge_writable(built, &disk.bytes(), is_flip)?;
            }
            if n % MENDED == 0 {
                tally.mended += 1;
                if found == Found::Right { mend::salvage_whole(built, &disk)? } else { mend::salvage(built, &disk).map(drop)? }
            }
            Ok(found)
        }));
        match judged.unwrap_or_else(|panic| Err(said(&*panic))) {
            Ok(found) => {
                match found {
                    Found::Right => tally.right += 1,
                    Found::Error => tally.errors += 1,
                    Found::Dropped => tally.dropped += 1,
                    Found::Silent => tally.silent += 1,
                }
                if let Damage::Flip { at, .. } = damage {
                    map.count(at, found);
                }
            }
            Err(what) => panic!("{:?}, {damage:?} of {:?}: {what}", built.flavour, map.kind(damage.place())),
        }
        damage.undo(&disk, built);
    }
    tally
}

/// One way to damage a file.
#[derive(Clone, Copy, Debug)]
enum Damage {
    /// Bits of one byte flipped.
    Flip { at: usize, mask: u8 },
    /// A sector of 512 bytes all zero, or all ones.
    Fill { sector: usize, byte: u8 },
    /// Two sectors exchanged: a misdirected write.
    Swap { one: usize, other: usize },
    /// A sector as it was at an earlier moment: a lost write.
    Older { sector: usize },
}

const SECTOR: usize = 512;
const BLOCK: usize = 4096;

fn is_empty(bytes: &[u8]) -> bool {
    bytes.iter().all(|byte| *byte == 0)
}

impl Damage {
    fn put(self, disk: &SimulatedDisk, built: &Built) {
        use treering::disk::Disk;
        let write = |at: usize, bytes: &[u8]| disk.write_at(bytes, at as u64).expect("memory");
        let sector = |n: usize| &built.file[n * SECTOR..(n + 1) * SECTOR];
        match self {
            Damage::Flip { at, mask } => write(at, &[built.file[at] ^ mask]),
            Damage::Fill { sector, byte } => write(sector * SECTOR, &[byte; SECTOR]),
            Damage::Swap { one, other } => {
                write(one * SECTOR, sector(other));
                write(other * SECTOR, sector(one));
            }
            Damage::Older { sector } => write(sector * SECTOR, &built.older[sector * SECTOR..(sector + 1) * SECTOR]),
        }
    }

    fn undo(self, disk: &SimulatedDisk, built: &Built) {
        use treering::disk::Disk;
        let restore = |at: usize, len: usize| disk.write_at(&built.file[at..at + len], at as u64).expect("memory");
        match self {
            Damage::Flip { at, .. } => restore(at, 1),
            Damage::Fill { sector, .. } | Damage::Older { sector } => restore(sector * SECTOR, SECTOR),
            Damage::Swap { one, other } => {
                restore(one * SECTOR, SECTOR);
                restore(other * SECTOR, SECTOR);
            }
        }
    }

    fn place(self) -> usize {
        match self {
            Damage::Flip { at, .. } => at,
            Damage::Fill { sector, .. } | Damage::Older { sector } | Damage::Swap { one: sector, .. } => sector * SECTOR,
        }
    }
}

/// Fewest flips of a flavour: with [`Flavour::ALL`] and the streams there are 100,000 in each run.
const FLIPS: u64 = 100_000 / Flavour::ALL.len() as u64;

/// Each byte meets so many masks at least, unless TREERING_MASKS says otherwise: under a sanitizer each flip takes its time.
const LEAST_MASKS: u64 = 3;

fn least_masks() -> u64 {
    let asked = std::env::var("TREERING_MASKS").ok();
    asked.map_or(LEAST_MASKS, |text| text.parse().unwrap_or_else(|_| panic!("TREERING_MASKS={text} is no number")))
}

/// Flips bits of every byte of each block that holds anything and is not free, another mask at each round; and of some bytes of the rest, which would take most of
/// the time. Three rounds, or as many as make enough flips, times the depth.
#[allow(clippy::print_stdout, reason = "the counts are what is asked for")]
fn every_byte(flavour: Flavour) {
    const MASKS: [u8; 5] = [0x01, 0x80, 0xFF, 0x10, 0x02];
    let built = build(flavour);
    let mut map = Map::of(&built);
    let is_quiet = |at: usize| map.kind(at) == regions::Kind::Free || is_empty(&built.file[at / BLOCK * BLOCK..][..BLOCK]);
    let looked_at = |at: &usize| at.is_multiple_of(509) || !is_quiet(*at);
    let places: Vec<usize> = (0..built.file.len()).filter(looked_at).collect();
    let rounds = FLIPS.div_ceil(places.len() as u64).max(least_masks()) * depth();
    let flips = (0..rounds as usize).flat_map(|round| {
        let mask = move |at: usize| MASKS[(at + round) % MASKS.len()];
        places.iter().map(move |at| Damage::Flip { at: *at, mask: mask(*at) })
    });
    let tally = check(&built, &mut map, flips);
    let count = tally.right + tally.errors + tally.dropped;
    println!(
        "{flavour:?}: {count} flips in {rounds} rounds, {} of them salvaged; file of {} bytes\n{}",
        tally.mended,
        built.file.len(),
        map.table()
    );
    assert!(tally.errors > 0 && tally.right > 0 && count >= FLIPS, "{tally:?}");
    check_sees_all(&built, &map);
}

/// What a check calls sound is sound in each chunk, also in bytes that nobody reads: every 23rd, a prime, so that no field and no slot of a directory is passed over everywhere.
fn check_sees_all(built: &Built, map: &Map) {
    let kinds = [regions::Kind::Pages, regions::Kind::Directory, regions::Kind::Padding, regions::Kind::Tail];
    for at in (0..built.file.len()).filter(|at| kinds.contains(&map.kind(*at))).step_by(23) {
        let mut file = built.file.clone();
        file[at] ^= 0x08;
        let disk = SimulatedDisk::holding(&file) as Arc<dyn treering::disk::Disk>;
        let sound = built.options.open_read_only_on(disk).and_then(|store| store.check()).is_ok_and(|report| report.is_sound());
        assert!(!sound, "{:?}: byte {at} of {:?} is changed, and the check says nothing", built.flavour, map.kind(at));
    }
}

#[allow(clippy::print_stdout, reason = "the counts are what is asked for")]
fn every_sector(flavour: Flavour) {
    let built = build(flavour);
    let mut map = Map::of(&built);
    let sectors = built.file.chunks(BLOCK).rposition(|block| !is_empty(block)).map_or(0, |last| (last + 2) * BLOCK / SECTOR);
    let sectors = sectors.min(built.file.len() / SECTOR);
    let fills = (0..sectors).flat_map(|sector| [0, 0xFF].map(|byte| Damage::Fill { sector, byte }));
    let older = (0..sectors.min(built.older.len() / SECTOR)).map(|sector| Damage::Older { sector });
    let swaps = (0..sectors).flat_map(|one| [1, 2, 7, 8, 31].map(|by| Damage::Swap { one, other: (one + by) % sectors }));
    let differ = |damage: &Damage| match damage {
        Damage::Swap { one, other } => one != other,
        _ => true,
    };
    let tally = check(&built, &mut map, fills.chain(older).chain(swaps).filter(differ));
    println!("{flavour:?}: {sectors} sectors, {tally:?}");
    assert!(tally.errors > 0 && tally.right > 0, "{tally:?}");
}

/// L8: a store that was closed: no byte of it makes a wrong answer.
#[test]
fn corrupt_every_byte_of_a_closed_store() {
    every_byte(Flavour::Closed);
}

/// L8: a store that was killed with records behind its seal; only the last commit is without proof.
#[test]
fn corrupt_every_byte_of_a_killed_store() {
    every_byte(Flavour::Killed);
}

/// L8: killed, but with a header for each commit: nothing is without proof.
#[test]
fn corrupt_every_byte_of_a_strict_store() {
    every_byte(Flavour::Strict);
}

/// L8: compressed pages.
#[test]
fn corrupt_every_byte_of_a_compressed_store() {
    every_byte(Flavour::Compressed);
}

/// L8: pages that are copied and not mapped, and read again and again.
#[test]
fn corrupt_every_byte_of_a_copied_store() {
    every_byte(Flavour::Copied);
}

/// L8: many tables, made, renamed and dropped behind the seal.
#[test]
fn corrupt_every_byte_of_many_tables() {
    every_byte(Flavour::ManyTables);
}

/// L8: values that stand in pages of their own.
#[test]
fn corrupt_every_byte_of_large_values() {
    every_byte(Flavour::LargeValues);
}

/// L8: chunks with dense twins.
#[test]
fn corrupt_every_byte_of_a_compacted_store() {
    every_byte(Flavour::Twins);
}

/// L8: a blob that is opened in place.
#[test]
fn corrupt_every_byte_of_a_blob() {
    every_byte(Flavour::Blob);
}

/// L8: sectors zeroed, filled, exchanged, older than they should be.
#[test]
fn corrupt_every_sector() {
    for flavour in Flavour::ALL {
        every_sector(flavour);
    }
}

/// L8: a file that ends too early, at or beside every sector's end, is opened whole or refused; and what is left is salvaged.
#[test]
#[allow(clippy::print_stdout, reason = "the counts are what is asked for")]
fn corrupt_every_length() {
    for flavour in Flavour::ALL {
        let built = build(flavour);
        let end = built.file.chunks(SECTOR).rposition(|sector| !is_empty(sector)).map_or(0, |last| last + 2);
        // Room that is kept ahead is long and alike.
        let sectors = (0..built.file.len() / SECTOR).filter(|sector| *sector < end || sector % 64 == 0);
        let lens = sectors.flat_map(|sector| [0, 1, 511].map(|more| sector * SECTOR + more));
        let mut silent = 0;
        for (n, len) in lens.enumerate() {
            let disk = SimulatedDisk::holding(&built.file[..len]);
            disk.forget();
            let found = judge(&built, &disk, false).unwrap_or_else(|e| panic!("{flavour:?}, {len} bytes: {e}"));
            assert_ne!((found, len < 8192), (Found::Right, true), "{flavour:?}, {len} bytes");
            silent += u64::from(found == Found::Silent);
            // Below the headers and the first record there may be nothing of a store.
            if n % 7 == 0 && len > 4 * BLOCK {
                mend::salvage(&built, &disk).unwrap_or_else(|e| panic!("{flavour:?}, {len} bytes: {e}"));
            }
        }
        println!("{flavour:?}: {silent} lengths took the last commit and left nothing of it to be told of");
    }
}

/// L8: what stands behind the file's end is not looked at, whatever it resembles.
#[test]
fn corrupt_trailing_garbage() {
    for flavour in Flavour::ALL {
        let built = build(flavour);
        let noise: Vec<u8> = (0..20_000_u64).map(|i| (i.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 56) as u8).collect();
        // Headers and a log of an earlier moment, too.
        for garbage in [&[0; 20_000][..], &[0xFF; 20_000], &noise, &built.file[..5 * BLOCK], &built.older[2 * BLOCK..7 * BLOCK]] {
            for len in [1, 511, 512, 4095, 4096, 5000, 8192, 16_384] {
                let file = [&built.file[..], &garbage[..len]].concat();
                let disk = SimulatedDisk::holding(&file);
                disk.forget();
                let found = judge(&built, &disk, true);
                assert_eq!(found, Ok(Found::Right), "{flavour:?}, {len} bytes behind it");
                mend::salvage_whole(&built, &disk).unwrap_or_else(|e| panic!("{flavour:?}, {len} bytes behind it: {e}"));
            }
        }
    }
}

/// Salvage from ruins: both headers gone, and a few more damages at random places; nothing false is given.
#[test]
#[allow(clippy::print_stdout, reason = "the counts are what is asked for")]
fn corrupt_ruins_are_salvaged() {
    let seed = Seed::of("corrupt_ruins_are_salvaged");
    let (mut complete, mut partly, mut nothing) = (0, 0, 0);
    for (f, flavour) in (0..).zip(Flavour::ALL) {
        let built = build(flavour);
        let map = Map::of(&built);
        // Where something stands that matters: elsewhere the draw would be wasted.
        let is_used = |at: &usize| map.kind(*at) != regions::Kind::Free && !is_empty(&built.file[*at..*at + SECTOR]);
        let used: Vec<usize> = (0..built.file.len()).step_by(SECTOR).filter(is_used).collect();
        for n in 0..100 * depth() {
            let mut rng = seed.part(f << 32 | n).rng();
            let mut file = built.file.clone();
            if n % 3 > 0 {
                file[..2 * BLOCK].fill(0);
            }
            for _ in 0..rng.usize(0..6) {
                let at = used[rng.usize(0..used.len())];
                match rng.u8(0..3) {
                    0 => file[at..at + SECTOR].fill(0),
                    1 => file[at + rng.usize(0..SECTOR)] ^= 1 << rng.u8(0..8),
                    _ => file[at / BLOCK * BLOCK..][..BLOCK].fill(rng.u8(..)),
                }
            }
            if rng.u8(0..4) == 0 {
                file.truncate(rng.usize(4 * BLOCK..file.len()));
            }
            let disk = SimulatedDisk::holding(&file);
            disk.forget();
            let mended = catch_unwind(AssertUnwindSafe(|| mend::salvage(&built, &disk)));
            let mended = mended.unwrap_or_else(|panic| Err(said(&*panic)));
            match mended {
                Ok(report) if report.is_complete() => complete += 1,
                Ok(report) if report.tables.iter().any(|table| table.entries > 0) => partly += 1,
                Ok(_) => nothing += 1,
                // A blob has its chunk in front: of its first blocks, without headers, there may be no page left.
                Err(what) if flavour == Flavour::Blob && n % 3 > 0 && what.contains("nothing of a store") => nothing += 1,
                Err(what) => panic!("{flavour:?}, ruin {n}: {what}"),
            }
        }
    }
    println!("{complete} came over whole, {partly} in part, {nothing} without proof");
    assert!(complete > 50 && partly > 50, "{complete} whole, {partly} in part, {nothing} without proof");
}

/// A medium that refuses to read costs what stood there, and what is said of the rest is true: each read of a salvage fails once.
#[test]
fn corrupt_unreadable_sectors_are_survived() {
    for flavour in [Flavour::Killed, Flavour::LargeValues, Flavour::Twins] {
        let built = build(flavour);
        let disk = SimulatedDisk::holding(&built.file);
        disk.forget();
        let before = disk.read_count();
        mend::salvage_whole(&built, &disk).unwrap_or_else(|e| panic!("{flavour:?}: {e}"));
        let reads = disk.read_count() - before;
        assert!(reads > 10, "{reads} reads");
        for at in 0..reads {
            disk.fail(Some(Fault { kinds: &[Kind::Read], at, sticky: false, error: ErrorKind::Io, done: Done::default() }));
            mend::salvage(&built, &disk).unwrap_or_else(|e| panic!("{flavour:?}, read {at}: {e}"));
            assert_eq!(disk.struck(), 1, "{flavour:?}, read {at}");
        }
    }
}
