//! A whole store's life, so small that miri can run it: every `unsafe` room below it works as in any other store, but for the file and its map, which
//! anonymous memory stands for.

use std::ops::Bound;
use std::sync::Arc;
use std::thread;

use super::super::*;
use super::{key, kill, small};
use crate::blob::BlobForm;
use crate::disk::{Disk, MemoryDisk};
use crate::error::Result;
use crate::store::options::{Durability, Reads};

const ENTRIES: u64 = if cfg!(miri) { 90 } else { 900 };

fn value(i: u64, round: u64) -> Vec<u8> {
    let len = if i % 37 == 5 { 3000 } else { 100 };
    [&i.to_le_bytes()[..], &vec![round as u8; len]].concat()
}

fn put(store: &Store, keys: impl Iterator<Item = u64>, round: u64) -> Result<()> {
    let mut txn = store.begin_write()?;
    txn.set_durability([Durability::Synced, Durability::Deferred, Durability::Memory][round as usize % 3]);
    let mut table = txn.ensure_table("t")?;
    for i in keys {
        table.insert(&key(i), &value(i, round))?;
    }
    drop(table);
    // What is rolled back leaves nothing.
    let before = txn.savepoint();
    txn.ensure_table("t")?.remove_range((Bound::Unbounded, Bound::Unbounded))?;
    txn.rollback_to(&before)?;
    txn.commit().map(drop)
}

/// The newest value of each entry is there, in both directions, in place and as bytes of its own.
fn expect(snapshot: &Snapshot, round_of: impl Fn(u64) -> u64) -> Result<()> {
    let reader = snapshot.reader();
    let table = reader.table("t")?;
    assert_eq!(table.len(), ENTRIES);
    for (i, entry) in (0..ENTRIES).zip(table.iter()?) {
        let (found, lent) = entry?;
        assert_eq!((&*found, lent), (&key(i)[..], &value(i, round_of(i))[..]));
    }
    for (i, entry) in (0..ENTRIES).rev().zip(table.iter()?.rev()).step_by(7) {
        assert_eq!(entry?.0[..], key(i));
        assert_eq!(table.get_bytes(&key(i))?.as_deref(), Some(&value(i, round_of(i))[..]));
    }
    Ok(())
}

/// Rounds of changes with everything that moves pages between them; snapshots are held over it and read by other threads.
fn live(disk: &Arc<dyn Disk>, options: &Options) -> Result<()> {
    let store = options.on(Arc::clone(disk))?;
    put(&store, 0..ENTRIES, 0)?;
    store.checkpoint()?;
    let held = store.snapshot();
    thread::scope(|scope| {
        let reader = scope.spawn(|| (0..2).try_for_each(|_| expect(&held, |_| 0)));
        let writer = scope.spawn(|| {
            put(&store, (0..ENTRIES).filter(|i| i % 3 == 0), 1)?;
            store.checkpoint()?;
            put(&store, (0..ENTRIES).filter(|i| i % 3 == 0), 2)
        });
        reader.join().expect("no panic").and(writer.join().expect("no panic"))
    })?;
    let newest = |i: u64| if i.is_multiple_of(3) { 2 } else { 0 };
    store.compact()?;
    while store.step()? {}
    expect(&held, |_| 0)?;
    expect(&store.snapshot(), newest)?;
    let mut blob = Vec::new();
    held.write_blob(&mut blob, BlobForm::Plain)?;
    drop(held);
    store.compact()?;
    assert_eq!(store.check()?.problems(), [""; 0]);
    // Nothing is said to the disk: the next open replays.
    kill(store);
    let store = options.on(Arc::clone(disk))?;
    expect(&store.snapshot(), newest)?;
    put(&store, 0..ENTRIES, 3)?;
    store.close()?;
    let of_blob = MemoryDisk::new("blob");
    of_blob.write_at(&blob, 0)?;
    let store = options.on(Arc::new(of_blob))?;
    expect(&store.snapshot(), |_| 0)?;
    put(&store, 0..ENTRIES, 4)?;
    assert_eq!(store.check()?.problems(), [""; 0]);
    store.close()
}

/// L1, L8: a life of a store, mapped: pages in memory and in the file are lent, moved and freed beside readers, and every byte that is read is theirs. Miri holds it to that.
#[test]
fn whole_store_mapped() {
    live(&(Arc::new(MemoryDisk::new("mapped")) as Arc<dyn Disk>), &small()).expect("no error");
}

/// The same with copied reads and compressed pages.
#[test]
fn whole_store_copied() {
    let options = small().lz4(true).reads(Reads::Copied).cache_bytes(16 << 10);
    live(&(Arc::new(MemoryDisk::new("copied")) as Arc<dyn Disk>), &options).expect("no error");
}
