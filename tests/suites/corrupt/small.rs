//! Small stores that hold one of everything: headers, segments, records, seals, leaves, a branch, a large value, free space.

use std::ops::Bound;
use std::sync::Arc;

use treering::disk::Disk;
use treering::{Options, Reads};
use treering_tests::{Change, Durability, Model, SimulatedDisk, State, drive};

/// How a store came to its end, and what is in it.
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
    /// Killed, with many small tables, some dropped and renamed.
    ManyTables,
    /// Closed, most of it values that stand in pages of their own.
    LargeValues,
    /// Compacted: chunks with dense twins, then a few commits and a kill.
    Twins,
    /// A blob, opened in place.
    Blob,
}

impl Flavour {
    /// All of them.
    pub(crate) const ALL: [Flavour; 9] = [
        Flavour::Closed,
        Flavour::Killed,
        Flavour::Strict,
        Flavour::Compressed,
        Flavour::Copied,
        Flavour::ManyTables,
        Flavour::LargeValues,
        Flavour::Twins,
        Flavour::Blob,
    ];

    /// Whether the last commit is without proof: nothing behind it says that it was synced.
    fn is_open_ended(self) -> bool {
        matches!(self, Flavour::Killed | Flavour::ManyTables | Flavour::Twins)
    }

    fn is_killed(self) -> bool {
        self.is_open_ended() || self == Flavour::Strict
    }
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
    /// Every version that there was.
    pub(crate) model: Model,
}

fn insert(table: &str, key: u64, len: usize) -> Change {
    let value = (0..len).map(|i| if i % 8 < 6 { b'v' } else { (key as usize * 31 + i) as u8 }).collect();
    Change::Insert { table: table.into(), key: format!("key-{key:04}").into_bytes(), value }
}

fn remove(table: &str, key: u64) -> Change {
    Change::Remove { table: table.into(), key: format!("key-{key:04}").into_bytes() }
}

/// A store under way.
struct Making {
    store: treering::Store,
    model: Model,
}

impl Making {
    fn commit(&mut self, changes: &[Change]) {
        drive::commit(&self.store, &mut self.model, Durability::Synced, changes).expect("no promise is broken");
    }

    fn create(&mut self, tables: &[&str]) {
        let tables: Vec<Change> = tables.iter().map(|table| Change::CreateTable { table: (*table).into() }).collect();
        self.commit(&tables);
    }

    fn checkpoint(&self) {
        self.store.checkpoint().expect("checkpoint");
    }

    /// One of everything: leaves, a branch, a large value, a tail of records.
    fn plain(&mut self, disk: &SimulatedDisk) -> Vec<u8> {
        self.create(&["t", "u"]);
        let load: Vec<Change> = (0..60).map(|key| insert("t", key, 120)).chain([insert("u", 1, 3000)]).collect();
        self.commit(&load);
        self.checkpoint();
        let older = disk.bytes();
        // Each takes a block: they reach into the next segment.
        for round in 0..9 {
            self.commit(&[insert("t", round * 9, 90), insert("u", round, 20)]);
        }
        older
    }

    fn many_tables(&mut self, disk: &SimulatedDisk) -> Vec<u8> {
        let names: Vec<String> = (0..14).map(|n| format!("table-{n}")).collect();
        self.create(&names.iter().map(String::as_str).collect::<Vec<_>>());
        for (n, name) in (0..).zip(&names) {
            self.commit(&(0..3 + n).map(|key| insert(name, key, 40)).collect::<Vec<_>>());
        }
        self.checkpoint();
        let older = disk.bytes();
        self.commit(&[Change::DropTable { table: names[3].clone() }, insert(&names[4], 1, 60)]);
        self.commit(&[Change::RenameTable { old: names[5].clone(), new: "renamed".into() }]);
        self.create(&["t", "u"]);
        let range = Change::RemoveRange {
            table: names[9].clone(),
            start: Bound::Included(b"key-0002".to_vec()),
            end: Bound::Excluded(b"key-0007".to_vec()),
        };
        self.commit(&[insert("renamed", 2, 33), insert("t", 1, 50), range]);
        older
    }

    fn large_values(&mut self, disk: &SimulatedDisk) -> Vec<u8> {
        self.create(&["t", "u"]);
        self.commit(&(0..6).map(|key| insert("t", key, 1500 + key as usize * 900)).collect::<Vec<_>>());
        self.checkpoint();
        let older = disk.bytes();
        self.commit(&[insert("t", 2, 7000), remove("t", 4), insert("u", 1, 5000), insert("u", 2, 10)]);
        older
    }

    fn twins(&mut self, disk: &SimulatedDisk) -> Vec<u8> {
        self.create(&["t", "u"]);
        self.commit(&(0..160).map(|key| insert("t", key, 120)).collect::<Vec<_>>());
        self.checkpoint();
        // The first half is written anew: the chunk is half dead.
        self.commit(&(0..90).map(|key| insert("t", key, 100)).collect::<Vec<_>>());
        self.checkpoint();
        let older = disk.bytes();
        self.store.compact().expect("compact");
        self.commit(&[insert("u", 1, 3000), remove("t", 100)]);
        self.checkpoint();
        self.commit(&[insert("t", 3, 20)]);
        older
    }
}

/// A store of that flavour.
pub(crate) fn build(flavour: Flavour) -> Built {
    let options = drive::small_options().strict(flavour == Flavour::Strict).lz4(flavour == Flavour::Compressed);
    let options = if flavour == Flavour::Copied { options.reads(Reads::Copied).cache_bytes(8 << 10) } else { options };
    let disk = SimulatedDisk::new();
    let store = options.open_on(Arc::clone(&disk) as Arc<dyn Disk>).expect("a new store");
    let mut making = Making { store, model: Model::new() };
    let older = match flavour {
        Flavour::ManyTables => making.many_tables(&disk),
        Flavour::LargeValues => making.large_values(&disk),
        Flavour::Twins => making.twins(&disk),
        _ => making.plain(&disk),
    };
    let before = making.model.newest().1.clone();
    making.commit(&[insert("t", 59, 70), remove("t", 1)]);
    let Making { store, model } = making;
    let (version, state) = (model.newest().0, model.newest().1.clone());
    let file = match flavour {
        Flavour::Blob => {
            let mut blob = Vec::new();
            store.snapshot().write_blob(&mut blob, treering::BlobForm::Plain).expect("a blob");
            blob
        }
        _ if flavour.is_killed() => disk.bytes(),
        _ => {
            store.close().expect("close");
            disk.bytes()
        }
    };
    let before = flavour.is_open_ended().then_some(before);
    Built { flavour, options, file, older, version, state, before, model }
}
