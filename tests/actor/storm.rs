//! Several threads that commit at once, and share their syncs: each transaction appends to one list and counts for its thread.
//!
//! Table `list`: number -> thread, its count. Table `counts`: thread -> count. Before a commit `try THREAD COUNT` is said, after it
//! `done THREAD COUNT`.

use std::path::Path;

use treering::{Durability, Result, Store};
use treering_tests::{Script, Word};

use crate::say;

/// Threads that commit.
const THREADS: u8 = 4;
/// Commits of each, if nobody kills it.
const COMMITS: u64 = 2_000;

/// Opens the store and lets the threads loose.
pub(crate) fn storm(path: &Path, script: Script) {
    let store = match script.options().open(path) {
        Ok(store) => store,
        Err(e) => return say(Word::Wrong(format!("{e:?}"))),
    };
    say(format_args!("opened {}", store.version()));
    std::thread::scope(|scope| {
        for thread in 0..THREADS {
            let (store, mut rng) = (store.clone(), script.seed.part(script.life).part(thread.into()).rng());
            scope.spawn(move || {
                for _ in 0..COMMITS {
                    let durability = if rng.u32(..4) == 0 { Durability::Deferred } else { Durability::Synced };
                    if let Err(e) = append(&store, thread, durability, rng.usize(..200)) {
                        return say(Word::Wrong(format!("{e:?}")));
                    }
                }
            });
        }
    });
}

fn append(store: &Store, thread: u8, durability: Durability, padding: usize) -> Result<()> {
    let mut txn = store.begin_write()?;
    let count = {
        let (mut list, mut counts) = (txn.ensure_table("list")?, txn.ensure_table("counts")?);
        let count = counts.get(&[thread])?.and_then(|bytes| bytes.try_into().ok()).map_or(0, u64::from_be_bytes) + 1;
        let mut entry = vec![thread; 9 + padding];
        entry[1..9].copy_from_slice(&count.to_be_bytes());
        let number = list.len();
        list.insert(&number.to_be_bytes(), &entry)?;
        counts.insert(&[thread], &count.to_be_bytes())?;
        count
    };
    txn.set_durability(durability);
    say(format_args!("try {thread} {count}"));
    txn.commit()?;
    say(format_args!("done {thread} {count}"));
    Ok(())
}
