//! Damage to a store that is open: pages that were not looked at yet, and pages that only a held snapshot reaches.
//!
//! What was checked once is believed until the store is closed: bytes that change behind that may come out changed (ARCHITECTURE 13). So the
//! damage is done before the first look.

use std::sync::Arc;

use treering::disk::Disk;
use treering_tests::SimulatedDisk;

use crate::judge::{look, read};
use crate::regions::{Kind, Map};
use crate::small::{Flavour, build};

/// The bytes of pages and their directories, every `n`-th.
fn places(map: &Map, len: usize, n: usize) -> impl Iterator<Item = usize> {
    let is_page = |at: &usize| matches!(map.kind(*at), Kind::Pages | Kind::Directory | Kind::Tail);
    (0..len).filter(is_page).step_by(n)
}

/// L8: a page that rots while the store is open is found when it is read for the first time.
#[test]
fn corrupt_while_it_is_open() {
    for flavour in Flavour::ALL {
        let built = build(flavour);
        for at in places(&Map::of(&built), built.file.len(), 13) {
            let disk = SimulatedDisk::holding(&built.file);
            disk.forget();
            let store = built.options.open_read_only_on(Arc::clone(&disk) as Arc<dyn Disk>).expect("it is whole");
            disk.write_at(&[built.file[at] ^ 0x21], at as u64).expect("memory");
            look(&built, &store, true).unwrap_or_else(|e| panic!("{flavour:?}, byte {at}: {e}"));
        }
    }
}

/// L8: so is a page that only a snapshot still reaches, after commits, a checkpoint and a compaction.
#[test]
fn corrupt_below_a_snapshot() {
    for flavour in [Flavour::Closed, Flavour::Twins, Flavour::LargeValues] {
        let built = build(flavour);
        for at in places(&Map::of(&built), built.file.len(), 97) {
            let disk = SimulatedDisk::holding(&built.file);
            disk.forget();
            let store = built.options.open_on(Arc::clone(&disk) as Arc<dyn Disk>).expect("it is whole");
            let snapshot = store.snapshot();
            let txn = store.begin_write().expect("the turn");
            // Looks at no page of the others.
            txn.create_table("new").and_then(|mut table| table.insert(b"key-0001", b"new")).expect("an insert");
            txn.commit().expect("a commit");
            store.checkpoint().expect("a checkpoint");
            disk.write_at(&[built.file[at] ^ 0x42], at as u64).expect("memory");
            read(&snapshot, &built.state).unwrap_or_else(|e| panic!("{flavour:?}, byte {at}: {e}"));
            drop(snapshot);
        }
    }
}
