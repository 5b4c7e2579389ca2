//! Golden files: a small store that an earlier build wrote, and what stands in it, byte by byte (FORMAT 13).
//!
//! `tests/golden/small.ring` is committed and opens in every build that reads its layout. `small.txt` beside it is the annotated
//! hexdump, made from the file. After a change of the format, which FORMAT 14 counts, `TREERING_BLESS=1` writes both anew, and the blobs of [`kinds`].

mod dump;
mod kinds;

use std::fs;
use std::path::PathBuf;
use std::sync::{Arc, Once};

use treering::codec::crc;
use treering::disk::Disk;
use treering::format::header::{HEADER_LEN, LAYOUT};
use treering::{Create, ErrorKind, Options, RegionKind, Store};
use treering_tests::{Checked, Folder, SimulatedDisk};

const TABLE: &str = "tasks";

fn golden(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("golden").join(name)
}

/// The shortest segments that take all four records: with shorter ones the file would hold the longer ones that follow, too.
fn options() -> Options {
    Options::new().page_len(4096).segment_bytes(20 << 10).background(false)
}

/// A store with a checkpoint and one more commit behind it, as a kill would leave it.
fn make() -> Vec<u8> {
    let disk = SimulatedDisk::new();
    let store = options().open_on(Arc::clone(&disk) as Arc<dyn Disk>).expect("a new store");
    let txn = store.begin_write().expect("the turn is free");
    let mut table = txn.create_table(TABLE).expect("a new table");
    table.insert(b"web/7", b"PENDING").expect("insert");
    table.insert(b"web/8", b"PENDING").expect("insert");
    drop(table);
    txn.commit().expect("commit");
    store.checkpoint().expect("checkpoint");
    put(&store, b"web/7", b"RUNNING");
    let mut bytes = disk.bytes();
    // Behind the first free block stands only room kept ahead, which nothing in the file names yet.
    let free = store.layout().into_iter().find(|region| region.kind == RegionKind::Free);
    bytes.truncate(free.expect("room kept ahead").offset as usize);
    bytes
}

/// The bytes of `small.ring`; written anew before the first test looks at them, if that is asked for.
fn small() -> Vec<u8> {
    static BLESSED: Once = Once::new();
    BLESSED.call_once(|| {
        if std::env::var_os("TREERING_BLESS").is_some() {
            let bytes = make();
            fs::write(golden("small.ring"), &bytes).expect("tests/golden can be written");
            fs::write(golden("small.txt"), dump::dump(&bytes)).expect("tests/golden can be written");
        }
    });
    fs::read(golden("small.ring")).expect("tests/golden/small.ring is committed")
}

fn put(store: &Store, key: &[u8], value: &[u8]) {
    let txn = store.begin_write().expect("the turn is free");
    txn.open_table(TABLE).expect("the table").insert(key, value).expect("insert");
    txn.commit().expect("commit");
}

/// What the newest version holds.
fn entries(store: &Store) -> Vec<(String, String)> {
    let snapshot = store.snapshot();
    let reader = snapshot.reader();
    let table = reader.table(TABLE).expect("the table");
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).expect("text");
    let entries = table.iter().expect("a range").map(|entry| entry.map(|(key, value)| (text(&key), text(value))));
    entries.collect::<Result<_, _>>().expect("the pages are sound")
}

fn pairs(expected: &[(&str, &str)]) -> Vec<(String, String)> {
    expected.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
}

/// FORMAT 13: the committed hexdump is what stands in the committed file.
#[test]
fn golden_dump_is_the_file() {
    let found = dump::dump(&small());
    let expected = fs::read_to_string(golden("small.txt")).expect("tests/golden/small.txt is committed").replace("\r\n", "\n");
    let differing = found.lines().zip(expected.lines()).find(|(found, expected)| found != expected);
    assert!(found == expected, "tests/golden/small.txt differs from the file, first found and expected: {differing:?}");
}

/// L12: the golden file opens read-only with its entries, the tail's commit too, and no byte of it changes.
#[test]
fn golden_file_opens_read_only() {
    let folder = Folder::new();
    let path = folder.write("small.ring", &small());
    let store = Checked::new("small.ring", Options::new().open_read_only(&path).expect("an old file opens"));
    assert_eq!(entries(&store), pairs(&[("web/7", "RUNNING"), ("web/8", "PENDING")]));
    assert_eq!(store.version(), 2);
    drop(store);
    assert!(fs::read(&path).expect("the file") == small(), "a read-only open changed the file");
    assert_eq!(folder.names(), ["small.ring"]);
}

/// The golden file opens for writing and goes on, through a checkpoint and a reopening.
#[test]
fn golden_file_goes_on() {
    let folder = Folder::new();
    let path = folder.write("small.ring", &small());
    let reopen = || Checked::new("small.ring", options().create(Create::Never).open(&path).expect("an old file opens"));
    let store = reopen();
    put(&store, b"web/9", b"PENDING");
    store.checkpoint().expect("checkpoint");
    put(&store, b"web/8", b"RUNNING");
    store.close().close().expect("close");
    let store = reopen();
    assert_eq!(entries(&store), pairs(&[("web/7", "RUNNING"), ("web/8", "RUNNING"), ("web/9", "PENDING")]));
    assert_eq!(store.version(), 4);
}

/// A file of a layout that this build does not know is refused, with its number and ours, for reading and for writing.
#[test]
fn golden_file_of_another_layout_is_refused() {
    const CRC_AT: usize = 8;
    const SUMMED_FROM: usize = 12;
    const LAYOUT_AT: usize = 14;
    let other = LAYOUT + 1;
    let mut bytes = small();
    for slot in bytes[..2 * HEADER_LEN].chunks_exact_mut(HEADER_LEN) {
        slot[LAYOUT_AT..LAYOUT_AT + 2].copy_from_slice(&other.to_le_bytes());
        let sum = crc(&slot[SUMMED_FROM..]);
        slot[CRC_AT..SUMMED_FROM].copy_from_slice(&sum.to_le_bytes());
    }
    let folder = Folder::new();
    let path = folder.write("small.ring", &bytes);
    for opened in [options().open_read_only(&path), options().open(&path)] {
        let error = opened.map(drop).expect_err("another layout is never guessed at");
        assert_eq!(error.kind(), ErrorKind::Unsupported, "{error}");
        let text = error.to_string();
        assert!([other, LAYOUT].iter().all(|layout| text.contains(&format!("layout {layout}"))), "{text}");
    }
    assert!(fs::read(&path).expect("the file") == bytes, "a refused file was changed");
}
