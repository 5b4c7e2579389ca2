//! Backups: both forms, to files and through pipes, opened, verified, restored.

use crate::{Folder, program};

/// A blob of either form gives the store back, entry by entry; the plain one opens in place.
#[test]
fn a_backup_is_the_store() {
    let mut folder = Folder::with_tasks(7);
    let all = folder.run(&["scan", "a.ring", "tasks"]).ok();
    let said = folder.run(&["backup", "a.ring", "plain.blob"]).ok();
    assert!(said.starts_with("plain.blob: version 8, ") && said.contains(" bytes) in "), "{said}");
    folder.run(&["backup", "a.ring", "lz4.blob", "--lz4"]).ok();
    assert_eq!(folder.run(&["scan", "plain.blob", "tasks"]).ok(), all);
    folder.run(&["scan", "lz4.blob", "tasks"]).fails(5, "restore it first");
    for (blob, store) in [("plain.blob", "b.ring"), ("lz4.blob", "c.ring")] {
        assert!(folder.run(&["verify", blob]).ok().starts_with(&format!("{blob}: sound\n")));
        assert_eq!(folder.run(&["restore", blob, store, "--json"]).json()["version"], 8);
        assert_eq!(folder.run(&["scan", store, "tasks"]).ok(), all);
        assert_eq!(folder.run(&["put", store, "tasks", "more", "x"]).ok(), "added, version 9\n");
        let info = folder.run(&["info", store]).ok();
        assert!(info.contains(" at version 8\n"), "{info}");
    }
    let piped = program(&["backup", "a.ring", "-", "--lz4"]).current_dir(folder.path()).output().expect("it runs");
    assert!(piped.status.success() && String::from_utf8_lossy(&piped.stderr).starts_with("version 8, "), "{piped:?}");
    folder.write("piped.blob", &piped.stdout);
    folder.run(&["restore", "piped.blob", "d.ring"]).ok();
    assert_eq!(folder.run(&["scan", "d.ring", "tasks"]).ok(), all);
    assert_eq!(
        folder.names(),
        ["a.ring", "b.ring", "c.ring", "d.ring", "lz4.blob", "piped.blob", "plain.blob"],
        "something is left behind"
    );
}

/// What is there stays as it is, and a failure leaves nothing behind.
#[test]
fn nothing_is_overwritten() {
    let mut folder = Folder::with_tasks(2);
    folder.write("there", b"mine");
    folder.run(&["backup", "a.ring", "a.blob"]).ok();
    for args in [["backup", "a.ring", "there"], ["restore", "a.blob", "there"], ["restore", "a.blob", "a.ring"]] {
        folder.run(&args).fails(2, "is there already; it stays as it is");
    }
    assert_eq!(folder.read("there"), b"mine");
    folder.run(&["backup", "a.ring", "no/such/folder"]).fails(2, "no/such");
    folder.run(&["backup", "a.ring", ".."]).fails(2, "names no file");
    let mut blob = folder.read("a.blob");
    let middle = blob.len() / 2;
    blob[middle] ^= 1;
    folder.write("bad.blob", &blob);
    let bad = folder.run(&["verify", "bad.blob"]);
    assert!(bad.code == Some(1) && bad.out.starts_with("bad.blob: NOT SOUND\n"), "{bad:?}");
    folder.run(&["restore", "bad.blob", "b.ring"]).fails(3, "damaged");
    folder.run(&["restore", "there", "b.ring"]).fails(2, "there");
    // A store is no blob: two files must not be one store.
    folder.run(&["restore", "a.ring", "b.ring"]).fails(2, "no blob");
    assert_eq!(folder.names(), ["a.blob", "a.ring", "bad.blob", "there"]);
}
