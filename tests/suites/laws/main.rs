//! The engine's laws by name, L1 to L12 (ARCHITECTURE.md), each shown directly. Random lives are the suites `model` and `recovery`.
//!
//! Nothing here sleeps or looks at a clock: where threads meet, a disk holds an operation back until the test lets it pass.

mod copied;
mod keeping;
mod merging;
mod reading;
mod refusals;
mod sharing;
mod space;
mod typed;
mod writing;

use std::sync::Arc;

use treering::disk::Disk;
use treering::{Options, Snapshot, Store};
use treering_tests::{Checked, SimulatedDisk, drive};

/// A store with small pages on a simulated disk, without a thread; segments of 1 MiB, so that a few hundred commits need no room.
fn store() -> (Arc<SimulatedDisk>, Checked<Store>) {
    store_with(&drive::small_options().segment_bytes(1 << 20))
}

fn store_with(options: &Options) -> (Arc<SimulatedDisk>, Checked<Store>) {
    let disk = SimulatedDisk::new();
    let store = open(options, &disk);
    (disk, store)
}

fn open(options: &Options, disk: &Arc<SimulatedDisk>) -> Checked<Store> {
    let store = options.open_on(Arc::clone(disk) as Arc<dyn Disk>).expect("the store opens");
    Checked::new("store", store)
}

fn key(n: u64) -> [u8; 8] {
    n.to_be_bytes()
}

/// A value of `len` bytes that says which round wrote it.
fn value(n: u64, round: u64, len: usize) -> Vec<u8> {
    format!("value {n} of round {round} ").into_bytes().into_iter().cycle().take(len).collect()
}

/// Puts these keys into table "t", each with a value of `len` bytes, and commits.
fn put(store: &Store, keys: impl Iterator<Item = u64>, round: u64, len: usize) -> treering::Result<u64> {
    let txn = store.begin_write()?;
    {
        let mut table = txn.ensure_table("t")?;
        for n in keys {
            table.insert(&key(n), &value(n, round, len))?;
        }
    }
    txn.commit()
}

/// The snapshot holds exactly the keys below `count`, each as round `round` wrote it.
#[track_caller]
fn expect(snapshot: &Snapshot, count: u64, round: u64, len: usize) {
    let reader = snapshot.reader();
    let table = reader.table("t").expect("table t");
    let entries: Vec<_> = table.iter().expect("a range").map(|entry| entry.expect("an entry")).collect();
    assert_eq!(entries.len() as u64, count);
    for (n, (found, bytes)) in entries.iter().enumerate() {
        assert_eq!((&found[..], *bytes), (&key(n as u64)[..], &value(n as u64, round, len)[..]));
    }
}
