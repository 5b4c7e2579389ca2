//! Every checksum of a file made right again, from the inside out: pages, directories, chunks, records and the digests that name them, segments, headers.

use std::collections::HashMap;

use treering::codec::{crc, crc_after};

use super::parts::{Kind, Part, Parts};
use super::{number, put};

/// Reseals `file`, which was `seed` before its edits.
pub(super) fn all(file: &mut [u8], seed: &[u8], parts: &Parts) {
    let of = |kind: Kind| parts.all.iter().filter(move |part| part.kind == kind);
    of(Kind::Page).for_each(|part| page(file, part));
    of(Kind::Tail).for_each(|part| tail(file, part));
    for &(field, start, end) in &parts.sums {
        if let Some(extent) = file.get(start..end) {
            let sum = crc(extent);
            put(file, field, &sum.to_le_bytes());
        }
    }
    let digests = records(file, seed, parts);
    for part in of(Kind::Segment) {
        seal(file, part.at, 4, 8, part.at + 64);
    }
    for part in of(Kind::Header) {
        for field in [96 + 24].into_iter().chain((0..9).map(|run| 136 + 40 * run + 8 + 24)) {
            follow(file, seed, part.at + field, &digests);
        }
        seal(file, part.at, 8, 12, part.at + 4096);
    }
}

/// Puts the CRC of `from..end` into the field at `field`, both counted from `at` but the end.
fn seal(file: &mut [u8], at: usize, field: usize, from: usize, end: usize) {
    if let Some(bytes) = file.get(at + from..end) {
        let sum = crc(bytes);
        put(file, at + field, &sum.to_le_bytes());
    }
}

fn page(file: &mut [u8], part: &Part) {
    // As long as it says to be now, if that can be.
    let len = number(file, part.at + 4, 4) as usize;
    let len = if len >= 64 && part.at + len <= part.end { len } else { part.len };
    seal(file, part.at, 0, 4, part.at + len);
}

fn tail(file: &mut [u8], part: &Part) {
    let (Some(fields), slots) = (file.get(part.at + 8..part.at + 64), number(file, part.at + 40, 4) as usize) else { return };
    let directory = number(file, part.at + 48, 8) as usize;
    let Some(bytes) = part.start.checked_add(directory).and_then(|from| file.get(from..from.checked_add(slots.checked_mul(4)?)?))
    else {
        return;
    };
    let sum = crc_after(crc(fields), bytes);
    put(file, part.at + 4, &sum.to_le_bytes());
}

/// Reseals the records in the order of their numbers; gives what each CRC became.
fn records(file: &mut [u8], seed: &[u8], parts: &Parts) -> HashMap<u32, u32> {
    let mut records: Vec<&Part> = parts.all.iter().filter(|part| matches!(part.kind, Kind::Commits | Kind::Seal)).collect();
    records.sort_by_key(|part| number(seed, part.at + 16, 8));
    let mut digests = HashMap::new();
    for part in records {
        follow(file, seed, part.at + 24, &digests);
        if part.kind == Kind::Seal {
            follow(file, seed, part.at + 64 + 24, &digests);
        }
        let len = 64 + number(file, part.at + 8, 4) as usize;
        let len = if part.at + len <= part.end { len } else { part.len };
        seal(file, part.at, 4, 8, part.at + len);
        digests.insert(number(seed, part.at + 4, 4) as u32, number(file, part.at + 4, 4) as u32);
    }
    digests
}

/// A digest that named a record before goes on naming it; one that was edited stays.
fn follow(file: &mut [u8], seed: &[u8], at: usize, digests: &HashMap<u32, u32>) {
    let (before, now) = (number(seed, at, 4) as u32, number(file, at, 4) as u32);
    if let Some(digest) = digests.get(&before).filter(|_| before == now && now != 0) {
        put(file, at, &digest.to_le_bytes());
    }
}
