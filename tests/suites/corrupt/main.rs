//! Damage: every byte of a small store changed, every sector zeroed, swapped or replaced by an older one (L8).
//!
//! What is read is right, or an error that names the place. Only the last commit of a store that was killed may be taken for torn,
//! and then the open report says so. Never a wrong value, a missing entry, a panic.

mod judge;
mod small;

use std::panic::{AssertUnwindSafe, catch_unwind};

use judge::{Found, judge, judge_writable};
use small::{Built, Flavour, build};
use treering_tests::life::said;
use treering_tests::{depth, disk::SimulatedDisk};

/// Damages the file in each of these ways, one at a time.
#[track_caller]
fn check(built: &Built, damages: impl Iterator<Item = Damage>) {
    let disk = SimulatedDisk::holding(&built.file);
    disk.forget();
    let (mut right, mut errors, mut dropped) = (0, 0, 0);
    for (n, damage) in damages.enumerate() {
        damage.put(&disk, built);
        // A few bits are wrong, not a whole sector: then what the last record was can be told.
        let is_flip = matches!(damage, Damage::Flip { .. });
        let judged = catch_unwind(AssertUnwindSafe(|| {
            let found = judge(built, &disk, is_flip)?;
            // Opened for writing a checkpoint must not give damage a fresh home.
            if n % 31 == 0 {
                judge_writable(built, &disk.bytes(), is_flip)?;
            }
            Ok(found)
        }));
        match judged.unwrap_or_else(|panic| Err(said(&*panic))) {
            Ok(Found::Right) => right += 1,
            Ok(Found::Error) => errors += 1,
            Ok(Found::Dropped) => dropped += 1,
            Err(what) => panic!("{:?}, {damage:?}: {what}", built.flavour),
        }
        damage.undo(&disk, built);
    }
    assert!(errors > 0 && right > 0, "{right} right, {errors} errors, {dropped} without the last commit");
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
}

/// Flips bits of every byte of each block that holds anything, one mask a byte, another at each depth; and of some bytes of those
/// that hold nothing: the room that is kept ahead would take most of the time.
fn every_byte(flavour: Flavour) {
    const MASKS: [u8; 5] = [0x01, 0x80, 0xFF, 0x10, 0x02];
    let built = build(flavour);
    for round in 0..depth().min(5) as usize {
        let looked_at = |at: &usize| at.is_multiple_of(509) || !is_empty(&built.file[at / BLOCK * BLOCK..][..BLOCK]);
        check(
            &built,
            (0..built.file.len()).filter(looked_at).map(|at| Damage::Flip { at, mask: MASKS[(at + round) % MASKS.len()] }),
        );
    }
}

fn every_sector(flavour: Flavour) {
    let built = build(flavour);
    let sectors = built.file.chunks(BLOCK).rposition(|block| !is_empty(block)).map_or(0, |last| (last + 2) * BLOCK / SECTOR);
    let sectors = sectors.min(built.file.len() / SECTOR);
    let fills = (0..sectors).flat_map(|sector| [0, 0xFF].map(|byte| Damage::Fill { sector, byte }));
    let older = (0..sectors.min(built.older.len() / SECTOR)).map(|sector| Damage::Older { sector });
    let swaps = (0..sectors).flat_map(|one| [1, 2, 7, 8, 31].map(|by| Damage::Swap { one, other: (one + by) % sectors }));
    let differ = |damage: &Damage| match damage {
        Damage::Swap { one, other } => one != other,
        _ => true,
    };
    check(&built, fills.chain(older).chain(swaps).filter(differ));
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

/// L8: sectors zeroed, filled, exchanged, older than they should be.
#[test]
fn corrupt_every_sector() {
    for flavour in [Flavour::Closed, Flavour::Killed, Flavour::Strict, Flavour::Compressed, Flavour::Copied] {
        every_sector(flavour);
    }
}
