//! Hostile input on stable Rust: every file of the fuzzers' corpus, and small mutations of each.
//!
//! What a fuzzer finds becomes a file in `fuzz/corpus/`, and is tried here for ever. `TREERING_BLESS=1` writes the seeds anew: after a change of
//! the format, and never to make a test pass.

mod chains;
mod memory;
mod seeds;
#[cfg(feature = "sql")]
mod subqueries;

use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

use treering_tests::allocation::Metered;
use treering_tests::hostile::{self, TARGETS, Target};
use treering_tests::life::said;
use treering_tests::{Seed, depth};

#[global_allocator]
static METERED: Metered = Metered;

fn folder(target: &Target) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/corpus").join(target.name)
}

/// Every file of a target's corpus, by name.
fn files(target: &Target) -> Vec<(String, Vec<u8>)> {
    let entries = fs::read_dir(folder(target)).expect("each target has its corpus; TREERING_BLESS=1 makes the seeds");
    let mut files: Vec<(String, Vec<u8>)> = entries
        .map(|entry| entry.expect("the corpus can be listed").path())
        .map(|path| {
            (path.file_name().unwrap_or_default().to_string_lossy().into_owned(), fs::read(path).expect("a file of the corpus"))
        })
        .collect();
    files.sort();
    files
}

/// Tries the bytes; a panic names where they came from.
#[track_caller]
fn check(target: &Target, name: &str, bytes: &[u8]) {
    let tried = catch_unwind(AssertUnwindSafe(|| target.run(bytes)));
    match tried {
        Ok(allocated) => assert!(allocated.largest > 0 || bytes.len() < 64, "{name}: nothing is measured"),
        Err(panic) => panic!("{}: {name}: {}", target.name, said(&*panic)),
    }
}

#[track_caller]
fn replay(target: &Target) {
    let files = files(target);
    assert!(!files.is_empty(), "{} has no corpus", target.name);
    for (name, bytes) in &files {
        check(target, name, bytes);
    }
}

/// Mutates the files of the corpus so many times.
#[track_caller]
fn mutate(target: &Target, count: u64) {
    let files = files(target);
    let mut rng = Seed::of(&format!("corpus_mutations_{}", target.name)).rng();
    for n in 0..count * depth() {
        let (name, bytes) = &files[rng.usize(..files.len())];
        let mut bytes = bytes.clone();
        for _ in 0..rng.usize(1..6) {
            mutation(&mut bytes, &mut rng);
        }
        let path = std::env::temp_dir().join(format!("treering-corpus-{}-{}", target.name, std::process::id()));
        let tried = catch_unwind(AssertUnwindSafe(|| target.run(&bytes)));
        if let Err(panic) = tried {
            fs::write(&path, &bytes).expect("the input can be kept");
            panic!("{}: mutation {n} of {name}, kept in {}: {}", target.name, path.display(), said(&*panic));
        }
    }
}

fn mutation(bytes: &mut Vec<u8>, rng: &mut fastrand::Rng) {
    if bytes.is_empty() {
        bytes.push(rng.u8(..));
    }
    let at = rng.usize(..bytes.len());
    match rng.u32(..10) {
        0 => bytes.truncate(at),
        1 => bytes.insert(at, rng.u8(..)),
        2 => drop(bytes.remove(at)),
        3 => bytes.extend((0..rng.usize(..32)).map(|_| rng.u8(..))),
        4 => {
            let end = (at + rng.usize(..64)).min(bytes.len());
            let copy = bytes[at..end].to_vec();
            bytes.splice(at..at, copy);
        }
        5 => bytes[at] ^= 1 << rng.u32(..8),
        6 => bytes[at] = [0, 1, 0x7f, 0x80, 0xff][rng.usize(..5)],
        _ => bytes[at] = rng.u8(..),
    }
}

/// L8: any bytes as a store.
#[test]
fn corpus_store() {
    replay(&hostile::STORE);
    mutate(&hostile::STORE, 60);
}

/// L8: forged stores whose checksums are right.
#[test]
fn corpus_sealed() {
    replay(&hostile::SEALED);
    mutate(&hostile::SEALED, 300);
}

/// L8: any bytes as a blob, or the LZ4 stream of one.
#[test]
fn corpus_blob() {
    replay(&hostile::BLOB);
    mutate(&hostile::BLOB, 30);
}

/// L8: any damage to a store, salvaged: the new store is sound and holds what the report says.
#[test]
fn corpus_salvage() {
    replay(&hostile::SALVAGE);
    mutate(&hostile::SALVAGE, 200);
}

/// L8: any bytes as a page.
#[test]
fn corpus_page() {
    replay(&hostile::PAGE);
    mutate(&hostile::PAGE, 3000);
}

/// L8: any bytes as the structures besides pages.
#[test]
fn corpus_format() {
    replay(&hostile::FORMAT);
    mutate(&hostile::FORMAT, 3000);
}

/// L3, L9: lives with faults and crashes.
#[test]
fn corpus_life() {
    replay(&hostile::LIFE);
    mutate(&hostile::LIFE, 60);
}

/// Lists and texts of people: bad lines are named, nothing is lost.
#[test]
fn corpus_import() {
    replay(&hostile::IMPORT);
    mutate(&hostile::IMPORT, 2000);
}

/// Any text as SQL: read, planned, explained, run, or refused.
#[cfg(feature = "sql")]
#[test]
fn corpus_sql_text() {
    replay(&hostile::SQL_TEXT);
    mutate(&hostile::SQL_TEXT, 1500);
}

/// Statements over a store that is reopened and crashes: what fails changes nothing, indexes equal their tables, nothing that was committed is lost.
#[cfg(feature = "sql")]
#[test]
fn corpus_sql_store() {
    replay(&hostile::SQL_STORE);
    mutate(&hostile::SQL_STORE, 40);
}

/// Each target has a corpus, and the corpus no file that belongs to no target; it stays small.
#[test]
fn corpus_is_small_and_complete() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/corpus");
    let mut names: Vec<String> = fs::read_dir(root)
        .expect("the corpus can be listed")
        .map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned())
        .collect();
    names.retain(|name| cfg!(feature = "sql") || !name.starts_with("sql_"));
    names.sort();
    let mut expected: Vec<&str> = TARGETS.iter().map(|target| target.name).collect();
    expected.sort_unstable();
    assert_eq!(names, expected);
    let bytes: usize = TARGETS.iter().flat_map(files).map(|(_, bytes)| bytes.len()).sum();
    assert!(bytes <= 1 << 20, "the corpus has {bytes} bytes");
}

/// An allocation beyond the bound that a target states is found: the test of the test.
#[test]
fn corpus_bounds_can_fail() {
    let (kept, allocated) = treering_tests::allocation::measure(|| vec![0_u8; 3 << 20]);
    assert_eq!(kept.len(), 3 << 20);
    assert!(allocated.largest >= 3 << 20 && allocated.peak >= 3 << 20, "{allocated:?}");
}
