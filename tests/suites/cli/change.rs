//! Commands that change a store: ordinary commits, and compaction.

use std::io::Write;
use std::process::Stdio;

use crate::{Folder, program};

/// `put` adds and replaces, from an argument, a file or standard input; it creates nothing unasked.
#[test]
fn put_commits() {
    let mut folder = Folder::new();
    folder.run(&["put", "a.ring", "t", "k", "v"]).fails(2, "a.ring");
    assert_eq!(folder.names(), [""; 0]);
    assert_eq!(folder.run(&["put", "a.ring", "t", "k", "v", "--create"]).ok(), "added, version 1\n");
    assert_eq!(folder.run(&["put", "a.ring", "t", "k", r"w\n"]).ok(), "replaced, version 2\n");
    folder.run(&["put", "a.ring", "u", "k", "v"]).fails(2, "there is no table 'u'; --create makes it");
    folder.write("value", b"from\0a file");
    folder.run(&["put", "a.ring", "t", "00ff", "--hex", "--file", "value"]).ok();
    let mut child = program(&["put", "a.ring", "t", "piped", "--file", "-"]);
    let mut child = child.current_dir(folder.path()).stdin(Stdio::piped()).spawn().expect("the program starts");
    child.stdin.take().expect("a pipe").write_all(b"through a pipe").expect("it reads");
    assert_eq!(child.wait_with_output().expect("it ends").stdout, b"added, version 4\n");
    let all = "\\x00\\xff\tfrom\\x00a file\nk\tw\\n\npiped\tthrough a pipe\n";
    assert_eq!(folder.run(&["scan", "a.ring", "t"]).ok(), all);
}

/// `remove` removes a key, a range or everything; nothing to remove is exit code 1 and no commit.
#[test]
fn remove_commits() {
    let folder = Folder::with_tasks(8);
    assert_eq!(folder.run(&["remove", "a.ring", "tasks", "task-001"]).ok(), "removed 1, version 10\n");
    folder.run(&["remove", "a.ring", "tasks", "task-001"]).fails(1, "there was nothing to remove");
    let range = ["remove", "a.ring", "tasks", "--from", "task-003", "--to", "task-006"];
    assert_eq!(folder.run(&range).ok(), "removed 3, version 11\n");
    assert_eq!(folder.run(&["scan", "a.ring", "tasks", "--keys"]).ok(), "task-002\ntask-006\ntask-007\ntask-008\n");
    assert_eq!(folder.run(&["remove", "a.ring", "tasks", "--all"]).ok(), "removed 4, version 12\n");
    folder.run(&["remove", "a.ring", "nope", "--all"]).fails(2, "there is no table 'nope'");
    assert_eq!(folder.run(&["info", "a.ring", "--json"]).json()["version"], 12);
}

/// `compact` gives space back and keeps every entry.
#[test]
fn compact_shrinks() {
    let folder = Folder::new();
    let path = folder.path().join("a.ring");
    let store = treering::Store::open(&path).expect("a store");
    for round in 0..6_u8 {
        let txn = store.begin_write().expect("turn");
        let mut table = txn.ensure_table("t").expect("table");
        for i in 0..4_000_u32 {
            table.insert(&i.to_be_bytes(), &[round; 300]).expect("insert");
        }
        drop(table);
        txn.commit().expect("commit");
        store.checkpoint().expect("checkpoint");
    }
    let txn = store.begin_write().expect("turn");
    let mut table = txn.open_table("t").expect("table");
    for i in (0..4_000_u32).filter(|i| i % 100 != 0) {
        table.remove(&i.to_be_bytes()).expect("remove");
    }
    drop(table);
    txn.commit().expect("commit");
    store.close().expect("close");
    let before = folder.run(&["dump", "a.ring", "--json"]).ok();
    let done = folder.run(&["compact", "a.ring", "--json"]).json();
    let (was, is) = (done["file_bytes_before"].as_u64().expect("bytes"), done["file_bytes_after"].as_u64().expect("bytes"));
    // Forty entries of 300 bytes, two headers, and a log of two short segments with one ahead: whatever the store gave back by itself before.
    assert!(was > 0 && is < 512 << 10 && is == folder.read("a.ring").len() as u64, "{was} -> {is}");
    assert_eq!(folder.run(&["dump", "a.ring", "--json"]).ok(), before);
    let again = folder.run(&["compact", "a.ring"]).ok();
    assert!(again.contains(" of before), ") && again.lines().count() == 1, "{again}");
}
