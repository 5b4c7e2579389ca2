//! Two blobs that an earlier build wrote, with every kind of page that the format has: leaves, branches, a large value, compressed pages, a dense twin.

use std::fs;
use std::path::PathBuf;
use std::sync::Once;

use treering::{BlobForm, Options, RegionKind, Store};
use treering_tests::{Checked, Folder};

use crate::golden;

/// More than a page of them: there is a branch above.
const ENTRIES: u64 = 300;
/// More than a quarter of a page: on a page of its own.
const LARGE: usize = 6_000;

fn text(i: u64) -> Vec<u8> {
    format!("task {i} is pending, and waits for a host. ").repeat(8).into_bytes()
}

/// Values that no compression makes shorter, the same in every build.
fn dense(i: u64, len: usize) -> Vec<u8> {
    let mut state = i + 1;
    let byte = |_| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 56) as u8
    };
    (0..len).map(byte).collect()
}

fn make(plain: &PathBuf, lz4: &PathBuf) {
    let folder = Folder::new();
    let path = folder.file("made.ring");
    let options = Options::new().page_len(4096).segment_bytes(16 << 10).background(false);
    let store = Checked::new("made.ring", options.open(&path).expect("a new store"));
    let txn = store.begin_write().expect("the turn is free");
    let mut table = txn.create_table("plain").expect("a new table");
    (0..2 * ENTRIES).for_each(|i| _ = table.insert(&i.to_be_bytes(), &dense(i, 40)).expect("insert"));
    table.insert(b"large", &dense(0, LARGE)).expect("insert");
    drop(table);
    let mut table = txn.create_table_with("text", true).expect("a new table");
    (0..ENTRIES).for_each(|i| _ = table.insert(&i.to_be_bytes(), &text(i)).expect("insert"));
    drop(table);
    txn.commit().expect("commit");
    store.checkpoint().expect("checkpoint");
    // Half of the first chunk is needed no more: it gets a twin.
    let txn = store.begin_write().expect("the turn is free");
    let mut table = txn.open_table("plain").expect("the table");
    (0..2 * ENTRIES).filter(|i| i % (2 * ENTRIES) >= ENTRIES).for_each(|i| _ = table.remove(&i.to_be_bytes()).expect("remove"));
    drop(table);
    txn.commit().expect("commit");
    store.compact().expect("compact");
    for (to, form) in [(plain, BlobForm::Plain), (lz4, BlobForm::Lz4)] {
        let _ = fs::remove_file(to);
        store.snapshot().backup_to(to, form).expect("a blob");
    }
}

/// The paths of the plain blob and of the LZ4 stream; written anew before the first test looks at them, if that is asked for.
fn blobs() -> (PathBuf, PathBuf) {
    static BLESSED: Once = Once::new();
    let (plain, lz4) = (golden("kinds.ring"), golden("kinds.lz4"));
    BLESSED.call_once(|| {
        if std::env::var_os("TREERING_BLESS").is_some() {
            make(&plain, &lz4);
        }
    });
    (plain, lz4)
}

fn holds_all(store: &Store) {
    let snapshot = store.snapshot();
    let reader = snapshot.reader();
    let (plain, compressed) = (reader.table("plain").expect("a table"), reader.table("text").expect("a table"));
    assert_eq!((plain.len(), compressed.len()), (ENTRIES + 1, ENTRIES));
    for i in 0..ENTRIES {
        assert_eq!(plain.get(&i.to_be_bytes()).expect("sound"), Some(&dense(i, 40)[..]), "{i}");
        assert_eq!(compressed.get(&i.to_be_bytes()).expect("sound"), Some(&text(i)[..]), "{i}");
    }
    assert_eq!(plain.get(b"large").expect("sound"), Some(&dense(0, LARGE)[..]));
}

/// A blob of every kind of page opens in place with what it holds, and a store restored from it, or from the LZ4 stream, goes on.
#[test]
fn golden_blobs_of_every_kind_of_page() {
    let (plain, lz4) = blobs();
    let store = Checked::new("kinds.ring", Options::new().open_read_only(&plain).expect("an old blob opens"));
    holds_all(&store);
    let chunks = store.layout().into_iter().filter_map(|region| match region.kind {
        RegionKind::Chunk { generation, page_bytes, .. } => Some((generation, page_bytes)),
        _ => None,
    });
    let (generations, page_bytes): (Vec<_>, Vec<_>) = chunks.unzip();
    assert!(generations.iter().any(|generation| *generation > 0), "no twin is in it: {generations:?}");
    let values: usize = (0..ENTRIES).map(|i| text(i).len()).sum();
    assert!(page_bytes.iter().sum::<u64>() < values as u64, "its text is not compressed");
    drop(store);
    let folder = Folder::new();
    for (blob, name) in [(&plain, "plain.ring"), (&lz4, "stream.ring")] {
        let path = folder.file(name);
        treering::restore(blob, &path).expect("an old blob is restored");
        let store = Checked::new(name, Options::new().background(false).open(&path).expect("a restored store opens"));
        holds_all(&store);
        let txn = store.begin_write().expect("the turn is free");
        txn.open_table("plain").expect("the table").insert(b"more", b"").expect("insert");
        txn.commit().expect("commit");
        store.checkpoint().expect("checkpoint");
    }
}
