//! The README's example, run twice on one file: the second run finds what the first one left.
//!
//! `cargo run -p treering --example embed`

use std::path::Path;

use treering::{Result, Store};

fn main() -> Result<()> {
    let path = std::env::temp_dir().join(format!("treering-embed-{}.ring", std::process::id()));
    let done = embed(&path).and_then(|()| embed(&path));
    let _ = std::fs::remove_file(&path);
    done
}

fn embed(path: &Path) -> Result<()> {
    let store = Store::open(path)?; // created if it is not there

    let txn = store.begin_write()?; // one writer at a time, first come, first served
    txn.ensure_table("tasks")?.insert(b"web/7", b"PENDING")?;
    txn.commit()?; // on the medium when it returns

    let before = store.snapshot(); // no lock, no copy; may live for hours
    let txn = store.begin_write()?;
    txn.open_table("tasks")?.insert(b"web/7", b"RUNNING")?;
    txn.commit()?;

    let now = store.snapshot();
    let (old, new) = (before.reader(), now.reader()); // they lend bytes in place
    assert_eq!(old.table("tasks")?.get(b"web/7")?, Some(&b"PENDING"[..]));
    assert_eq!(new.table("tasks")?.get(b"web/7")?, Some(&b"RUNNING"[..]));
    Ok(())
}
