//! Everything that can be asked of a store whose file is not to be trusted. Answers may be errors; they may not be panics, nor take for ever.

use std::ops::Bound;
use std::sync::Arc;

use treering::disk::Disk;
use treering::{BlobForm, Options, Result, Store, Table};

use crate::disk::SimulatedDisk;
use crate::drive::small_options;

/// Steps of a range, and lookups, before a table is left: a hostile branch may claim any number of entries.
const STEPS: usize = 4096;

/// Opens the bytes for reading and for writing and tries everything.
///
/// # Panics
/// If reading changed a byte, if opening read far more than the file holds, or if the engine panics.
pub fn file(bytes: &[u8]) {
    let disk = SimulatedDisk::holding(bytes);
    disk.forget();
    if let Ok(store) = small_options().open_read_only_on(Arc::clone(&disk) as Arc<dyn Disk>) {
        look(&store);
        assert!(
            store.begin_write().is_err() && store.checkpoint().is_err(),
            "a store that was opened for reading was written to"
        );
    }
    assert!(disk.bytes() == bytes, "reading changed the file");
    bounded(&disk, bytes);
    let disk = SimulatedDisk::holding(bytes);
    disk.forget();
    if let Ok(store) = small_options().open_on(Arc::clone(&disk) as Arc<dyn Disk>) {
        change(&store, &small_options());
    }
    bounded(&disk, bytes);
}

/// What is copied out of the file follows from its length: each part is looked at a few times.
fn bounded(disk: &SimulatedDisk, bytes: &[u8]) {
    let allowed = (4096 + bytes.len() as u64 / 64, (32 << 20) + 64 * bytes.len() as u64);
    let read = (disk.read_count(), disk.read_bytes());
    assert!(read.0 <= allowed.0 && read.1 <= allowed.1, "{read:?} reads and bytes of a file of {} bytes", bytes.len());
}

/// Reads everything in every way.
fn look(store: &Store) {
    let _ = store.check();
    let (_, _, _) = (store.stats(), store.layout(), store.identity());
    let snapshot = store.snapshot();
    let reader = snapshot.reader();
    for info in reader.tables() {
        if let Ok(table) = reader.table(&info.name) {
            // An error ends one way of reading and not the others.
            let _ = by_range(&table);
            let _ = by_key(&table);
        }
    }
    let mut bytes = 0_u64;
    let mut count = Counter(&mut bytes);
    let _ = snapshot.write_blob(&mut count, BlobForm::Plain);
}

fn by_range(table: &Table<'_>) -> Result<()> {
    for item in table.iter()?.take(STEPS) {
        item?;
    }
    for item in table.iter()?.rev().take(STEPS) {
        item?;
    }
    Ok(())
}

fn by_key(table: &Table<'_>) -> Result<()> {
    let keys: Vec<Vec<u8>> = table.iter()?.take(STEPS / 64).map_while(|item| Some(item.ok()?.0.to_vec())).collect();
    for key in keys.iter().map(Vec::as_slice).chain([&b""[..], b"key-0030", &[0xff; 40]]) {
        table.get(key)?;
        table.get_bytes(key)?;
        table.rank(key)?;
        for item in table.range((Bound::Excluded(key), Bound::Unbounded))?.take(2) {
            item?;
        }
    }
    for n in [0, 1, table.len() / 2, table.len().wrapping_sub(1), u64::MAX] {
        table.nth(n)?;
    }
    Ok(())
}

/// Changes everything in every way, then closes.
fn change(store: &Store, options: &Options) {
    look(store);
    let held = store.snapshot();
    let _ = write(store);
    let _ = store.checkpoint();
    for _ in 0..64 {
        if !matches!(store.step(), Ok(true)) {
            break;
        }
    }
    drop(held);
    let _ = store.compact();
    let _ = clear(store);
    let _ = store.checkpoint();
    let _ = store.check();
    let _ = store.stats();
    // What it grew into opens again, or says why not.
    let mut blob = Vec::new();
    if store.snapshot().write_blob(&mut blob, BlobForm::Plain).is_ok() {
        let disk = SimulatedDisk::holding(&blob);
        disk.forget();
        let _ = options.open_read_only_on(disk).map(|store| store.check());
    }
    let _ = store.clone().close();
}

fn write(store: &Store) -> Result<()> {
    let names: Vec<String> = store.snapshot().reader().tables().into_iter().map(|info| info.name).collect();
    for name in names.iter().take(64) {
        let txn = store.begin_write()?;
        let mut table = txn.open_table(name)?;
        // Each of these may meet damage, which ends the transaction.
        let _ = table.insert(b"key-0007", &[7; 300]).is_ok()
            && table.insert(b"", &[1; 3000]).is_ok()
            && table.remove(b"key-0030").is_ok()
            && table.pop_first().is_ok()
            && table.pop_last().is_ok()
            && table.remove_range((Bound::Included(b"key-0010"), Bound::Excluded(b"key-0020"))).is_ok();
        drop(table);
        let _ = txn.commit();
    }
    let txn = store.begin_write()?;
    txn.ensure_table("one more")?.insert(b"a", b"b")?;
    txn.commit()?;
    Ok(())
}

fn clear(store: &Store) -> Result<()> {
    let names: Vec<String> = store.snapshot().reader().tables().into_iter().map(|info| info.name).collect();
    for (n, name) in names.iter().take(64).enumerate() {
        let txn = store.begin_write()?;
        let _ = match n % 2 {
            0 => txn.drop_table(name),
            _ => txn.open_table(name).and_then(|mut table| table.remove_range((Bound::Unbounded, Bound::Unbounded)).map(drop)),
        };
        let _ = txn.commit();
    }
    Ok(())
}

/// Takes bytes and keeps none.
struct Counter<'a>(&'a mut u64);

impl std::io::Write for Counter<'_> {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        *self.0 += bytes.len() as u64;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}
