//! Many chunks: what dropping, moving and naming them costs, and where their ids end.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::super::*;
use super::{expect, fill, kill, small};
use crate::disk::{Disk, MemoryDisk};
use crate::error::{ErrorKind, Result};
use crate::format::ChunkId;
use crate::format::ids::MAX_NEXT_CHUNK;
use crate::store::OpenChunk;
use crate::store::progress::Progress;

/// A store with so many chunks in the file, of `len` keys each.
fn of_chunks(count: u64, len: u64) -> Store {
    let store = small().in_memory().expect("open");
    for i in 0..count {
        fill(&store, i * len..(i + 1) * len, 0);
        store.checkpoint().expect("checkpoint");
    }
    store
}

/// A commit that drops what stands in very many chunks copies the table of chunks once, and not once a chunk. It was copied for each of them, so that 20,000 chunks took seconds of
/// one commit.
#[test]
fn l6_chunks_that_die_together_leave_together() {
    let store = of_chunks(200, 200);
    let machine = store.machine();
    let chunks = machine.reclaim.lock().accounts.len();
    assert!(chunks > 150, "{chunks} chunks");
    let copies = || machine.chunks.copies.load(Ordering::Relaxed);
    let before = copies();
    let txn = store.begin_write().expect("turn");
    txn.drop_table("t").expect("drop");
    txn.commit().expect("commit");
    let left = machine.reclaim.lock().accounts.len();
    assert!(left < 3, "{left} chunks of {chunks} are left");
    let copied = copies() - before;
    assert!(copied <= 3, "the table of {chunks} chunks was copied {copied} times");
    store.close().expect("close");
}

/// A round of dense twins goes once through the pages that snapshots keep. It went through all of them for each twin, while a store with a snapshot of long ago keeps
/// millions, and a round makes many twins.
#[test]
fn l6_a_round_looks_once_at_what_snapshots_keep() {
    let store = of_chunks(12, 1000);
    let snapshot = store.snapshot();
    // Of each chunk the first pages die for the newest version; some of what the snapshot keeps goes to the file with others.
    fill(&store, (0..12_000).filter(|i| i % 1000 < 700), 1);
    store.checkpoint().expect("checkpoint");
    drop(snapshot);
    let snapshot = store.snapshot();
    fill(&store, (0..12_000).filter(|i| i % 1000 >= 900), 2);
    store.checkpoint().expect("checkpoint");
    let machine = store.machine();
    let looks = || machine.reclaim.lock().kept_looks.get();
    let twins = || store.stats().twins;
    let before = (looks(), twins());
    assert!(machine.compact_round(0.9, &mut Progress::unwatched()).expect("a round") > 0);
    let (looks, twins) = (looks() - before.0, twins() - before.1);
    assert!(looks == 1 && twins >= 8, "{looks} looks for {twins} twins");
    expect(&snapshot, 12_000, |i| u64::from(i % 1000 < 700));
    store.close().expect("close");
}

/// A store whose ids of chunks are used up says `Full`, and opens behind that with everything that it acknowledged. It went on with an id that no reader takes, and wrote a seal that
/// its next open refused.
#[test]
fn l8_ids_of_chunks_end() {
    let disk: Arc<dyn Disk> = Arc::new(MemoryDisk::new("test"));
    let store = small().on(Arc::clone(&disk)).expect("open");
    fill(&store, 0..100, 0);
    store.checkpoint().expect("checkpoint");
    {
        let machine = store.machine();
        let _reclaim = machine.reclaim.lock();
        let mut open = machine.open.lock();
        assert_eq!(open.home.bytes(), 0, "nobody has a position in it");
        *open = OpenChunk::new(ChunkId(MAX_NEXT_CHUNK - 5));
        machine.chunks.add(open.chunk());
    }
    let put = |store: &Store, round: u64| -> Result<u64> {
        let txn = store.begin_write()?;
        let mut table = txn.ensure_table("t")?;
        (0..100).try_for_each(|i| table.insert(&super::key(i), format!("value {i} of round {round}").as_bytes()))?;
        drop(table);
        txn.commit()
    };
    let mut last = 0;
    let refused = (1..20).find_map(|round| match put(&store, round) {
        Ok(_) => {
            last = round;
            store.checkpoint().expect("checkpoint");
            None
        }
        Err(e) => Some(e),
    });
    assert_eq!(refused.expect("ids end").kind(), ErrorKind::Full);
    assert!(last >= 3, "{last} rounds");
    store.checkpoint().expect("nothing to seal, or a seal that can be read");
    assert!(store.snapshot().reader().table("t").is_ok());
    kill(store);
    let store = small().on(disk).expect("what was written can be read");
    expect(&store.snapshot(), 100, |_| last);
    assert_eq!(put(&store, 20).expect_err("for good").kind(), ErrorKind::Full);
    store.close().expect("close");
}
