//! Small stores that hold one of everything: headers, segments, records, seals, leaves, a branch, a large value, free space.

use std::sync::Arc;

use treering::disk::Disk;
use treering::{Options, Reads};
use treering_tests::{Change, Durability, Model, SimulatedDisk, State, drive};

/// How a store came to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Flavour {
    /// Closed cleanly.
    Closed,
    /// Killed with a few records behind the seal.
    Killed,
    /// The same with a header behind each synced commit.
    Strict,
    /// Closed cleanly, its tables compressed.
    Compressed,
    /// Closed cleanly, read by copying.
    Copied,
}

/// A store's file and what it must hold.
pub(crate) struct Built {
    pub(crate) flavour: Flavour,
    pub(crate) options: Options,
    pub(crate) file: Vec<u8>,
    /// The file as it was some commits earlier.
    pub(crate) older: Vec<u8>,
    pub(crate) version: u64,
    pub(crate) state: State,
    /// The state before the last commit, where that is without proof.
    pub(crate) before: Option<State>,
}

fn insert(table: &str, key: u64, len: usize) -> Change {
    let value = (0..len).map(|i| if i % 8 < 6 { b'v' } else { (key as usize * 31 + i) as u8 }).collect();
    Change::Insert { table: table.into(), key: format!("key-{key:04}").into_bytes(), value }
}

/// A store of that flavour.
pub(crate) fn build(flavour: Flavour) -> Built {
    let options = drive::small_options().strict(flavour == Flavour::Strict).lz4(flavour == Flavour::Compressed);
    let options = if flavour == Flavour::Copied { options.reads(Reads::Copied).cache_bytes(8 << 10) } else { options };
    let disk = SimulatedDisk::new();
    let store = options.open_on(Arc::clone(&disk) as Arc<dyn Disk>).expect("a new store");
    let mut model = Model::new();
    let commit = |changes: &[Change], model: &mut Model| {
        drive::commit(&store, model, Durability::Synced, changes).expect("no promise is broken");
    };
    let tables = ["t", "u"].map(|table| Change::CreateTable { table: table.into() });
    commit(&tables, &mut model);
    let load: Vec<Change> = (0..60).map(|key| insert("t", key, 120)).chain([insert("u", 1, 3000)]).collect();
    commit(&load, &mut model);
    store.checkpoint().expect("checkpoint");
    let older = disk.bytes();
    // Each takes a block: they reach into the next segment.
    for round in 0..9 {
        commit(&[insert("t", round * 9, 90), insert("u", round, 20)], &mut model);
    }
    let before = model.newest().1.clone();
    commit(&[insert("t", 59, 70), Change::Remove { table: "t".into(), key: b"key-0001".to_vec() }], &mut model);
    let (version, state) = (model.newest().0, model.newest().1.clone());
    let is_closed = matches!(flavour, Flavour::Closed | Flavour::Compressed | Flavour::Copied);
    let file = if is_closed {
        store.close().expect("close");
        disk.bytes()
    } else {
        disk.bytes()
    };
    Built { flavour, options, file, older, version, state, before: (flavour == Flavour::Killed).then_some(before) }
}
