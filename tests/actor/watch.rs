//! Reads a whole store over and over, whatever somebody else does to its file, and tells each time what it saw.
//!
//! The store is one that [`value`] wrote: so what is wrong is known without a model.

use std::io::BufRead;
use std::path::Path;

use treering::Reader;

use crate::{open, say};

/// The value that belongs to a key of eight bytes: 600 bytes that no other key has.
pub(crate) fn value(key: &[u8]) -> Vec<u8> {
    key.iter().cycle().take(600).enumerate().map(|(n, byte)| byte ^ (n / 8) as u8).collect()
}

/// For each line of input: reads everything once and tells `all N`, `error KIND ...` or `wrong ...`.
pub(crate) fn watch(path: &Path, how: &str) {
    let store = match open::opened(path, how) {
        Ok(store) => store,
        Err(e) => return say(format_args!("error {e:?}")),
    };
    say(format_args!("version {}", store.version()));
    let snapshot = store.snapshot();
    for line in std::io::stdin().lock().lines() {
        if line.is_err() {
            return;
        }
        match look(&snapshot.reader()) {
            Ok(count) => say(format_args!("all {count}")),
            Err(what) => say(what),
        }
    }
}

fn look(reader: &Reader<'_>) -> Result<u64, String> {
    let failed = |e: treering::Error| format!("error {e:?}");
    let table = reader.table("t").map_err(failed)?;
    let mut count = 0;
    for entry in table.iter().map_err(failed)? {
        let (key, found) = entry.map_err(failed)?;
        if found != value(&key) {
            return Err(format!("wrong value of key {:?}: {} bytes", &key[..], found.len()));
        }
        count += 1;
    }
    if count == table.len() { Ok(count) } else { Err(format!("wrong count: {count} of {}", table.len())) }
}
