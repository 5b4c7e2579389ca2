//! A store that is closed, or that does not open, leaves no descriptor behind.

use std::path::Path;

use treering::{BlobForm, Create, Options, Store};
use treering_tests::{Checked, Folder, drive};

/// How often each way of opening is tried.
const ROUNDS: usize = 20;

/// How many descriptors of this process lead into the folder; whatever other tests have open is elsewhere.
fn open_in(folder: &Path) -> usize {
    let links =
        std::fs::read_dir("/proc/self/fd").expect("own descriptors").filter_map(|entry| entry.ok()?.path().read_link().ok());
    links.filter(|target| target.starts_with(folder)).count()
}

fn fill(store: &Store) {
    let txn = store.begin_write().expect("the turn");
    for n in 0..200_u32 {
        txn.ensure_table("t").expect("table t").insert(&n.to_be_bytes(), &[7; 100]).expect("an entry");
    }
    txn.commit().expect("a commit");
    store.checkpoint().expect("a checkpoint");
}

/// Until nothing in the folder is open any more: old places of chunks hold their file until no reader of the process could be in them, so the epoch is moved on.
fn await_closed(folder: &Path) -> usize {
    for _ in 0..10_000 {
        let count = open_in(folder);
        if count == 0 {
            return 0;
        }
        fill(&Store::in_memory().expect("a store in memory"));
        std::thread::yield_now();
    }
    open_in(folder)
}

/// L12: stores that were opened and closed, for writing and for reading, dropped without a word, refused because they are in use, damaged, cut, or no stores, and their backups: when all
/// of them are gone, so are their descriptors.
#[test]
fn descriptors_are_given_back() {
    let folder = Folder::new();
    let in_folder = folder.path().canonicalize().expect("it is there");
    let path = folder.file("whole.ring");
    let store = Checked::new("whole", drive::small_options().open(&path).expect("create"));
    fill(&store);
    assert!(open_in(&in_folder) > 0, "an open store is seen");
    store.close().close().expect("close");
    let bytes = std::fs::read(&path).expect("the file");
    let refused = [
        folder.write("cut.ring", &bytes[..5000]),
        folder.write("headless.ring", &[&[0; 8192], &bytes[8192..]].concat()),
        folder.write("foreign.ring", &[b'x'; 100_000]),
        folder.file("missing.ring"),
    ];
    let options = drive::small_options().create(Create::Never);
    for round in 0..ROUNDS {
        let store = options.open(&path).expect("it was closed");
        fill(&store);
        assert!(options.open(&path).is_err(), "it is in use");
        store.snapshot().backup_to(folder.file(&format!("{round}.blob")), BlobForm::Plain).expect("a backup");
        if round % 2 == 0 {
            store.close().expect("close");
        } else {
            drop(store);
        }
        drop(options.open_read_only(&path).expect("it was closed"));
        for path in &refused {
            assert!(options.open(path).is_err(), "{}", path.display());
            assert!(Options::new().open_read_only(path).is_err(), "{}", path.display());
        }
    }
    assert_eq!(await_closed(&in_folder), 0, "descriptors are left");
}
