//! Use from async code, without an executor: the calls that block run on one thread of their own, and whoever asked is told by a channel.
//!
//! With an executor the same shape is `spawn_blocking`: move a `Store` or a `Snapshot` into the closure, do the whole piece of work there, and
//! give back owned values. Under tokio:
//!
//! ```text
//! let version = tokio::task::spawn_blocking({
//!     let store = store.clone();
//!     move || -> treering::Result<u64> {
//!         let txn = store.begin_write()?;          // may wait for its turn
//!         txn.open_table("tasks")?.insert(key, value)?;
//!         txn.commit()                             // waits for the sync
//!     }
//! }).await??;
//! ```
//!
//! A thread of its own for writing, as here, is better where there are many small writes: they queue in a channel instead of in blocked
//! threads. `cargo run -p treering --example nonblocking`

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;

use treering::{Error, Result, Store};

/// The version that holds the write, or the error that all of its group share.
type Answer = std::result::Result<u64, Arc<Error>>;

/// What is to be written, and whom to tell. Under an executor `done` is a oneshot channel, whose receiver is awaited.
struct Write {
    key: Vec<u8>,
    value: Vec<u8>,
    done: Sender<Answer>,
}

fn main() -> Result<()> {
    let store = Store::in_memory()?;
    let (writes, inbox) = channel();
    let writer = thread::spawn({
        let store = store.clone();
        move || write_all(&store, &inbox)
    });

    // The asking side never blocks: it hands over, and looks for the answer when it likes.
    let asked: Vec<Receiver<Answer>> = (0..200_u32)
        .map(|n| {
            let (done, answer) = channel();
            let write = Write { key: n.to_be_bytes().to_vec(), value: b"PENDING".to_vec(), done };
            writes.send(write).expect("the writer lives as long as the channel");
            answer
        })
        .collect();
    let mut versions = HashMap::new();
    for answer in asked {
        let version = answer.recv().expect("every request is answered").expect("nothing fails here");
        *versions.entry(version).or_insert(0_u32) += 1;
    }
    assert_eq!(versions.values().sum::<u32>(), 200, "each was acknowledged once");

    // Opening a snapshot takes no lock and does no I/O. Reading may touch the file: a page that is not in memory is fetched by the system, and the
    // thread stands still meanwhile. So this too belongs on a thread for blocking work when the data is larger than memory.
    let snapshot = store.snapshot();
    let (answer, result) = channel();
    let reader = thread::spawn(move || {
        // A snapshot may be moved; a reader is made where it is used, and what leaves the thread is owned.
        let value = || snapshot.reader().table("tasks")?.get_bytes(&7_u32.to_be_bytes());
        let _ = answer.send(value());
    });
    let value = result.recv().expect("the reader answers")?;
    assert_eq!(value.as_deref(), Some(&b"PENDING"[..]));

    drop(writes);
    writer.join().expect("no panic");
    reader.join().expect("no panic");
    // Closing blocks too: so does dropping the last handle.
    store.close()
}

/// Takes what waits as one transaction: one write and one sync for all of it.
fn write_all(store: &Store, inbox: &Receiver<Write>) {
    while let Ok(first) = inbox.recv() {
        let batch: Vec<Write> = std::iter::once(first).chain(inbox.try_iter().take(999)).collect();
        let answer: Answer = commit(store, &batch).map_err(Arc::new);
        for write in batch {
            // Whoever stopped waiting does not want the answer.
            let _ = write.done.send(answer.clone());
        }
    }
}

fn commit(store: &Store, batch: &[Write]) -> Result<u64> {
    let txn = store.begin_write()?;
    let mut table = txn.ensure_table("tasks")?;
    for write in batch {
        table.insert(&write.key, &write.value)?;
    }
    drop(table);
    txn.commit()
}
