//! Uses a store in a process that was made by `fork` while the store was open.
//!
//! The child shares the descriptor, and with it the lock, but nothing of the parent's memory from then on: a write of its own would
//! go over the parent's. What it may do and what it is told is reported as an error number, which is all that a child has to say.
#![allow(unsafe_code)]

use std::io;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;
use std::sync::{Arc, Mutex};

use treering::{ErrorKind, Result, Store};

use crate::{open, say};

/// What a child reports: a number from 200 on for what came of it, so that no true error number is taken for it.
fn code<T>(result: Result<T>) -> i32 {
    match result {
        Ok(_) => 200,
        Err(e) if e.kind() == ErrorKind::Locked => 201,
        Err(e) if e.kind() == ErrorKind::Poisoned => 202,
        Err(_) => 203,
    }
}

/// Forks for each of some uses, and tells what each came to; then shows that the parent's store is as before.
pub(crate) fn fork(path: &Path) {
    let store = open::opened(path, "write").expect("nobody has it");
    put(&store, b"before").expect("a commit before the fork");
    let begun = store.clone();
    tell("write", move || code(begun.begin_write()));
    let begun = store.clone();
    tell("checkpoint", move || code(begun.checkpoint()));
    let begun = store.clone();
    tell("sync", move || code(begun.sync()));
    let begun = store.clone();
    tell("close", move || code(begun.clone().close()));
    // A child has a copy of what it takes; the parent still has its own.
    let own = Arc::new(Mutex::new(Some(store)));
    let inherited = Arc::clone(&own);
    tell("drop", move || {
        drop(taken(&inherited));
        204
    });
    let store = taken(&own);
    let txn = store.begin_write().expect("the turn");
    txn.open_table("t").and_then(|mut table| table.insert(b"begun", b"value")).expect("an entry");
    let own = Arc::new(Mutex::new(Some(txn)));
    let inherited = Arc::clone(&own);
    tell("commit", move || code(taken(&inherited).commit()));
    taken(&own).commit().expect("the parent commits what it began");
    put(&store, b"after").expect("the parent's store goes on");
    // No child has let the lock go.
    let other = Command::new(std::env::current_exe().expect("this program")).arg("open").arg(path).arg("write").output();
    say(format_args!("other {}", String::from_utf8_lossy(&other.expect("it runs").stdout).trim()));
    let problems = store.check().expect("a check").problems().len();
    say(format_args!("problems {problems}"));
    say(format_args!("closed {:?}", store.close()));
}

fn taken<T>(own: &Mutex<Option<T>>) -> T {
    own.lock().expect("nobody panicked").take().expect("it was there")
}

fn put(store: &Store, key: &[u8]) -> Result<u64> {
    let txn = store.begin_write()?;
    txn.ensure_table("t")?.insert(key, b"value")?;
    txn.commit()
}

/// Runs `part` in a child of fork, and tells its number.
fn tell(what: &str, part: impl Fn() -> i32 + Send + Sync + 'static) {
    let mut command = Command::new("true");
    // SAFETY: this process has one thread, so no lock is held by one that the child has not; what the child does beyond that is what is tried.
    unsafe { command.pre_exec(move || Err(io::Error::from_raw_os_error(part()))) };
    let said = match command.spawn() {
        Err(e) => e.raw_os_error().unwrap_or(-1),
        Ok(mut child) => child.wait().map_or(-1, |status| status.code().unwrap_or(-1)),
    };
    say(format_args!("{what} {said}"));
}
