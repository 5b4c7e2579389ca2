//! Snapshots across threads: many threads read versions of their own, each unchanging, while one writes.
//!
//! The writer moves a token from one table to the other, in one transaction, over and over. Whoever saw both tables with it, or neither,
//! would have seen half a change. `cargo run -p treering --example snapshots`

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use treering::{Reader, Result, Store};

const READERS: usize = 4;
const MOVES: u64 = 500;

fn main() -> Result<()> {
    let store = Store::in_memory()?;
    let txn = store.begin_write()?;
    txn.create_table("left")?.insert(b"token", &0_u64.to_le_bytes())?;
    txn.create_table("right")?;
    txn.commit()?;

    // Held from before the first move to the end. It delays nobody.
    let oldest = store.snapshot();
    let over = AtomicBool::new(false);
    thread::scope(|scope| {
        let readers: Vec<_> = (0..READERS)
            .map(|_| {
                let (store, over) = (store.clone(), &over); // a handle of its own for each thread
                scope.spawn(move || read_until(&store, over))
            })
            .collect();
        let written = write(&store);
        over.store(true, Ordering::Relaxed);
        for reader in readers {
            let seen = reader.join().expect("no reader panics")?;
            assert!(seen > 0, "each looked at least once");
        }
        written
    })?;

    let reader = oldest.reader();
    assert_eq!(whole(&reader)?, 0, "the oldest snapshot still sees what it saw");
    let newest = store.snapshot();
    assert_eq!(whole(&newest.reader())?, MOVES);

    // A value can outlive its reader, and go to another thread: it keeps its version alive by itself.
    let bytes = reader.table("left")?.get_bytes(b"token")?.expect("it was there");
    drop(reader);
    drop(oldest);
    let number = thread::spawn(move || u64::from_le_bytes(bytes[..].try_into().expect("eight bytes")));
    assert_eq!(number.join().expect("no panic"), 0);
    Ok(())
}

fn write(store: &Store) -> Result<()> {
    for n in 1..=MOVES {
        let txn = store.begin_write()?;
        let (from, to) = if n % 2 == 1 { ("left", "right") } else { ("right", "left") };
        txn.open_table(from)?.remove(b"token")?;
        txn.open_table(to)?.insert(b"token", &n.to_le_bytes())?;
        txn.commit()?;
    }
    Ok(())
}

fn read_until(store: &Store, over: &AtomicBool) -> Result<u64> {
    let (mut seen, mut last) = (0, 0);
    while !over.load(Ordering::Relaxed) || seen == 0 {
        let snapshot = store.snapshot(); // may be sent to another thread, and cloned
        let reader = snapshot.reader(); // short, and stays in its thread
        let number = whole(&reader)?;
        assert!(number >= last, "later snapshots are of later versions");
        last = number;
        seen += 1;
    }
    Ok(seen)
}

/// The token's number, from whichever table has it: exactly one does.
fn whole(reader: &Reader<'_>) -> Result<u64> {
    let sides = [reader.table("left")?.get(b"token")?, reader.table("right")?.get(b"token")?];
    let found: Vec<&[u8]> = sides.into_iter().flatten().collect();
    assert_eq!(found.len(), 1, "half a change was seen");
    Ok(u64::from_le_bytes(found[0].try_into().expect("eight bytes")))
}
