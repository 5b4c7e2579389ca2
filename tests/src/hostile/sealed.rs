//! A valid store with edited fields and right checksums: what a forger writes, and what no fuzzer of plain bytes would ever come to.
//!
//! ```text
//!   input: | which seed | edit | edit | ...        edit: what to do | which part | where in it | what
//!   seed  ── edits ──► file ── reseal: pages, directories, chunks, the chain of records, segments, headers ──► the engine
//! ```
//!
//! The seeds are the files `seed-*` of the corpus of the target `store`.

mod parts;
mod reseal;

use std::sync::OnceLock;

use super::exercise;
use super::take::Take;
use parts::{Kind, Part, Parts};

/// Seeds, by the number that an input names.
pub const SEEDS: [&str; 6] = ["closed", "killed", "strict", "compressed", "runs", "blob"];
/// Edits of one input. More make a mess in which no single field matters.
const EDITS: usize = 12;
/// Numbers on which checks of ranges are most often wrong.
const EDGES: [u64; 12] = [0, 1, 2, 63, 64, 4095, 4096, 1 << 24, 1 << 31, 1 << 34, 1 << 40, 1 << 63];

/// Where the seeds stand.
#[must_use]
pub fn seed_path(name: &str) -> String {
    format!("{}/../fuzz/corpus/store/seed-{name}", env!("CARGO_MANIFEST_DIR"))
}

/// Edits a seed as the input says, makes every checksum right, and tries the file.
pub fn run(input: &[u8]) {
    exercise::file(&forge(input));
}

/// The file that an input stands for.
///
/// # Panics
/// If a seed is missing or cannot be read.
#[must_use]
pub fn forge(input: &[u8]) -> Vec<u8> {
    let (mut file, seed, parts) = edited(input);
    reseal::all(&mut file, seed, parts);
    file
}

/// The same with the checksums as the edits left them.
///
/// # Panics
/// If a seed is missing or cannot be read.
#[must_use]
pub fn damage(input: &[u8]) -> Vec<u8> {
    edited(input).0
}

/// The edited file, and the seed that it was.
fn edited(input: &[u8]) -> (Vec<u8>, &'static [u8], &'static Parts) {
    static ALL: OnceLock<Vec<(Vec<u8>, Parts)>> = OnceLock::new();
    let seeds = ALL.get_or_init(|| {
        let read = |name: &&str| {
            std::fs::read(seed_path(name)).expect("the corpus has its seeds; the corpus suite makes them with TREERING_BLESS=1")
        };
        SEEDS.iter().map(read).map(|file| (file.clone(), Parts::of(&file))).collect()
    });
    let mut take = Take::new(input);
    let (seed, parts) = &seeds[take.below(seeds.len())];
    let mut file = seed.clone();
    for _ in 0..EDITS {
        if take.is_empty() {
            break;
        }
        edit(&mut file, parts, &mut take);
    }
    (file, seed, parts)
}

fn edit(file: &mut Vec<u8>, parts: &Parts, take: &mut Take<'_>) {
    let what = take.below(16);
    let part = parts.nth(take.u8(), take.u8());
    match what {
        // Bytes over bytes.
        0 | 1 => {
            let (at, len) = (take.far_below(part.len), take.below(64) + 1);
            put(file, part.at + at, take.bytes(len));
        }
        // Another part of the kind in its place.
        2 => {
            let other = parts.same(part.kind, take.u8());
            let bytes = file.get(other.at..other.at + other.len.min(part.len)).unwrap_or_default().to_vec();
            put(file, part.at, &bytes);
        }
        // A record's body, made up: the rest of the input.
        3 | 4 => body(file, parts, take),
        // Another length of the file.
        5 => {
            let len = take.far_below(file.len() + 8192);
            file.resize(len, 0);
        }
        _ => field(file, parts, part, take),
    }
}

/// Another number in one field.
fn field(file: &mut [u8], parts: &Parts, part: &Part, take: &mut Take<'_>) {
    let (at, width) = part.field(take.u8(), take.u8());
    let old = number(file, part.at + at, width);
    let new = match take.below(8) {
        0 => take.u64(),
        1 => u64::MAX,
        2 => old.wrapping_add(u64::from(take.u8())),
        3 => old.wrapping_sub(u64::from(take.u8())),
        4 => old ^ 1_u64.checked_shl(u32::from(take.u8() % 64)).unwrap_or(1),
        5 => number(file, parts.same(part.kind, take.u8()).at + at, width),
        6 => (file.len() as u64).wrapping_add(u64::from(take.u8())).wrapping_sub(128),
        _ => EDGES[take.below(EDGES.len())].wrapping_sub(u64::from(take.u8() % 3)),
    };
    put(file, part.at + at, &new.to_le_bytes()[..width]);
}

/// Gives a record of commits a body out of the input, as long as its segment allows.
fn body(file: &mut [u8], parts: &Parts, take: &mut Take<'_>) {
    let record = parts.same(Kind::Commits, take.u8());
    let count = u32::from(take.u8() % 4);
    let room = record.end.saturating_sub(record.at + 64);
    let len = take.far_below(2048).min(room).min(take.rest().len());
    let body = take.bytes(len);
    put(file, record.at + 8, &(body.len() as u32).to_le_bytes());
    put(file, record.at + 28, &count.to_le_bytes());
    put(file, record.at + 64, body);
}

/// The number of `width` bytes at `at`; 0 behind the end.
pub(super) fn number(file: &[u8], at: usize, width: usize) -> u64 {
    let mut long = [0; 8];
    if let Some(bytes) = file.get(at..at.saturating_add(width)) {
        long[..width].copy_from_slice(bytes);
    }
    u64::from_le_bytes(long)
}

/// Writes `bytes` at `at`, as far as the file goes.
pub(super) fn put(file: &mut [u8], at: usize, bytes: &[u8]) {
    let room = file.len().saturating_sub(at).min(bytes.len());
    if room > 0 {
        file[at..at + room].copy_from_slice(&bytes[..room]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Resealing a seed that was not edited changes nothing: so it makes right checksums, and of everything.
    #[test]
    fn reseal_knows_every_checksum() {
        for (n, name) in SEEDS.iter().enumerate() {
            let seed = std::fs::read(seed_path(name)).expect("the corpus has its seeds");
            assert!(forge(&[n as u8]) == seed, "seed {name}");
        }
    }

    /// An edited field is still there behind the reseal, and the file opens as far as its headers: it is the field that is judged, no checksum.
    #[test]
    fn reseal_keeps_the_edit() {
        let edited = forge(&[1, 8, 0, 0, 0, 2, 2, 1]);
        let seed = std::fs::read(seed_path(SEEDS[1])).expect("the corpus has its seeds");
        let changed = edited.iter().zip(&seed).filter(|(a, b)| a != b).count();
        assert!((1..=16).contains(&changed), "{changed} bytes");
    }
}
