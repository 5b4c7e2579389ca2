//! F15: two openers of one file, by whatever way to it (L12).

use std::path::PathBuf;
use std::process::Stdio;

use treering::{Create, ErrorKind, Options, Store};
use treering_tests::{Checked, Folder};

use crate::tools::{Talk, actor, output};

fn options() -> Options {
    Options::new().background(false)
}

/// A folder with a store of one table, and other ways to it.
fn store_with_links() -> (Folder, PathBuf, Vec<PathBuf>) {
    let folder = Folder::new();
    let path = folder.file("a.ring");
    let store = Checked::new("store", options().open(&path).expect("create"));
    let txn = store.begin_write().expect("the turn");
    txn.create_table("t").expect("a table").insert(b"key", b"value").expect("an entry");
    txn.commit().expect("a commit");
    store.close().close().expect("close");
    std::fs::create_dir(folder.file("inner")).expect("a folder");
    std::os::unix::fs::symlink(&path, folder.file("symbolic")).expect("a link");
    std::os::unix::fs::symlink(folder.path(), folder.file("inner/way")).expect("a link");
    std::fs::hard_link(&path, folder.file("hard")).expect("a link");
    let names = ["a.ring", "symbolic", "hard", "inner/way/a.ring", "inner/../a.ring"];
    let paths = names.iter().map(|name| folder.file(name)).collect();
    (folder, path, paths)
}

/// Whether somebody is named: by number, where the system tells whose lock it is.
#[track_caller]
fn expect_holder(message: &str, pid: u32) {
    assert!(message.starts_with("Locked: "), "{message}");
    let named = message.contains(&format!("is in use by process {pid};"));
    let known = std::fs::read_to_string("/proc/locks").is_ok_and(|locks| locks.contains(&format!(" {pid} ")));
    // Some file systems show another device in the list of locks than to us.
    assert!(named || message.contains("is in use by another process;"), "{message}");
    assert!(named || !known || cfg!(not(target_os = "linux")) || is_odd(), "the holder {pid} is not named: {message}");
}

/// Whether the test's files are on a file system whose device numbers do not agree with those in the list of locks.
fn is_odd() -> bool {
    let kind = crate::tools::run("stat", &["-f", "-c", "%T", &crate::tools::text(&std::env::temp_dir())]);
    kind.is_ok_and(|kind| ["btrfs", "overlayfs", "nfs"].contains(&kind.as_str()))
}

/// L12: while another process writes, nobody opens the file, by whatever way; the refusal names that process, and with its death all is free.
#[test]
fn l12_another_process_writes() {
    let (_folder, path, ways) = store_with_links();
    let mut holder = Talk::start(actor("hold", &path).arg("write"));
    assert_eq!(holder.line().as_deref(), Some("version 1"));
    for way in &ways {
        for refused in [options().open(way), options().open_read_only(way)] {
            expect_holder(&format!("{:?}", refused.expect_err("it is held")), holder.child.id());
        }
        let refused = treering::verify(way).expect_err("it is held");
        assert_eq!(refused.kind(), ErrorKind::Locked);
        expect_holder(&output(actor("open", way).arg("read")), holder.child.id());
    }
    // Killed, not closed: the lock goes with the process.
    drop(holder);
    for way in &ways {
        drop(Checked::new("store", options().open(way).expect("nobody holds it")));
    }
}

/// L12: while another process reads, all may read and nobody may write.
#[test]
fn l12_another_process_reads() {
    let (_folder, path, ways) = store_with_links();
    let mut holder = Talk::start(actor("hold", &path).arg("read"));
    assert_eq!(holder.line().as_deref(), Some("version 1"));
    for way in &ways {
        drop(Checked::new("store", options().open_read_only(way).expect("both read")));
        let refused = options().open(way).expect_err("somebody reads");
        expect_holder(&format!("{refused:?}"), holder.child.id());
    }
}

/// L12: a second handle of the same process is refused by whatever way, and told that it is this process.
#[test]
fn l12_the_same_process_twice() {
    let (_folder, path, ways) = store_with_links();
    let store = Checked::new("store", options().open(&path).expect("open"));
    for way in &ways {
        for refused in [options().open(way), options().open_read_only(way), options().create(Create::Never).open(way)] {
            let refused = refused.expect_err("it is open here");
            assert_eq!(refused.kind(), ErrorKind::Locked);
            assert!(refused.to_string().contains("another handle of this process"), "{refused}");
        }
        assert!(output(actor("open", way).arg("write")).starts_with("Locked: "));
    }
    // The refusals have not loosened the lock.
    assert!(output(actor("open", &path).arg("read")).starts_with("Locked: "));
    drop(store);
    assert_eq!(output(actor("open", &path).arg("write")), "version 1\n");
}

/// L12: of many processes that create the same store at once one has it, and each other is told `Locked` or comes after it; nobody sees half a store.
#[test]
fn l12_many_create_at_once() {
    for _ in 0..8 {
        let folder = Folder::new();
        let path = folder.file("a.ring");
        let start = || actor("create", &path).stdin(Stdio::null()).stdout(Stdio::piped()).spawn().expect("the actor starts");
        let children: Vec<_> = (0..6).map(|_| start()).collect();
        let mut opened = 0;
        for child in children {
            let said = child.wait_with_output().expect("it ends").stdout;
            let said = String::from_utf8_lossy(&said);
            assert!(said.starts_with("version 0") || said.starts_with("Locked: "), "{said}");
            opened += u32::from(said.starts_with("version 0"));
        }
        assert!(opened > 0);
        drop(Checked::new("store", Store::open(&path).expect("it is whole")));
    }
}

/// F15: a process made by fork while the store was open can neither write to it, nor close it, nor let its lock go. A child that dropped the store wrote a
/// clean header over its parent's, and unlocked the file for everybody, since a descriptor's lock is shared. The parent's store goes on as before.
#[test]
fn l12_child_of_fork_is_refused() {
    let (_folder, path, _) = store_with_links();
    let said = output(&mut actor("fork", &path));
    let expected = [
        // 201: `Locked`.
        "write 201",
        "checkpoint 201",
        "sync 201",
        "close 201",
        "drop 204",
        // 203: the commit of a transaction begun before the fork: it cannot be written.
        "commit 203",
    ];
    let lines: Vec<&str> = said.lines().collect();
    assert_eq!(lines[..6], expected, "{said}");
    assert!(lines[6].starts_with("other Locked: "), "{said}");
    assert_eq!(lines[7..], ["problems 0", "closed Ok(())"], "{said}");
    let store = Checked::new("store", options().open(&path).expect("it is free again"));
    let snapshot = store.snapshot();
    let reader = snapshot.reader();
    let table = reader.table("t").expect("table t");
    for key in [&b"before"[..], b"begun", b"after"] {
        assert!(table.contains(key).expect("a read"));
    }
}
