//! Opening, paths and permissions: what is created, for whom, what a descriptor leads to, and what is left in the folder.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use treering::{BlobForm, Create, ErrorKind, Options, Store};
use treering_tests::{Checked, Folder, drive};

use crate::tools::{Talk, actor, output, run, skip, text};

fn bits(path: &Path) -> u32 {
    std::fs::metadata(path).expect("the file").permissions().mode() & 0o777
}

fn create(path: &Path) -> Checked<Store> {
    let store = Checked::new("store", drive::small_options().open(path).expect("create"));
    let txn = store.begin_write().expect("the turn");
    txn.ensure_table("t").expect("a table").insert(b"key", &vec![7; 50_000]).expect("an entry");
    txn.commit().expect("a commit");
    store
}

/// What is created belongs to its owner alone: a store, a backup in either form, a restored store. An option widens a store's, and an existing file keeps its own.
#[test]
fn created_files_are_private() {
    let folder = Folder::new();
    let path = folder.file("a.ring");
    let store = create(&path);
    let (plain, packed, restored) = (folder.file("plain"), folder.file("packed"), folder.file("restored"));
    store.snapshot().backup_to(&plain, BlobForm::Plain).expect("a backup");
    store.snapshot().backup_to(&packed, BlobForm::Lz4).expect("a backup");
    treering::restore(&packed, &restored).expect("restored");
    for file in [&path, &plain, &packed, &restored] {
        assert_eq!(bits(file), 0o600, "{}", file.display());
    }
    drop(store);
    let wide = folder.file("wide.ring");
    drop(Checked::new("wide", drive::small_options().permissions(0o640).open(&wide).expect("create")));
    assert_eq!(bits(&wide), 0o640);
    drop(Checked::new("again", drive::small_options().open(&wide).expect("open")));
    assert_eq!(bits(&wide), 0o640);
    let refused = drive::small_options().permissions(0o4644).open(folder.file("odd.ring")).expect_err("no such bits");
    assert_eq!(refused.kind(), ErrorKind::Invalid);
    assert!(!folder.file("odd.ring").exists());
}

/// A program that is started while a store is open has no descriptor of it.
#[test]
fn descriptors_are_not_inherited() {
    let folder = Folder::new();
    let path = folder.file("a.ring");
    drop(create(&path));
    let said = output(&mut actor("descriptors", &path));
    let own = said.lines().find_map(|line| line.strip_prefix("own ")).and_then(|n| n.parse::<u32>().ok());
    assert!(own.is_some_and(|own| own > 0), "{said}");
    assert!(said.contains("inherited 0"), "{said}");
}

/// What is no regular file is refused by name, and nobody waits: a pipe, a device, a folder, a socket, by itself or behind a link.
#[test]
fn special_files_are_refused() {
    let folder = Folder::new();
    let pipe = folder.file("pipe");
    run("mkfifo", &[&text(&pipe)]).expect("a pipe");
    let socket = folder.file("socket");
    let _listening = std::os::unix::net::UnixListener::bind(&socket).expect("a socket");
    let link = folder.file("link");
    std::os::unix::fs::symlink(&pipe, &link).expect("a link");
    for path in [pipe.as_path(), &socket, &link, folder.path(), Path::new("/dev/null"), Path::new("/dev/zero")] {
        let opened = [
            Options::new().open(path),
            Options::new().create(Create::New).open(path),
            Options::new().create(Create::Never).open(path),
            Options::new().open_read_only(path),
        ];
        for refused in opened {
            let refused = refused.expect_err("no regular file");
            assert_eq!(refused.kind(), ErrorKind::NotAStore, "{refused}");
            assert!(refused.to_string().contains(&text(path)), "{refused}");
        }
    }
}

/// A backup and a restored store never take the place of anything: a file, a folder, a link that leads nowhere.
#[test]
fn nothing_is_overwritten() {
    let folder = Folder::new();
    let store = create(&folder.file("a.ring"));
    let blob = folder.file("blob");
    store.snapshot().backup_to(&blob, BlobForm::Plain).expect("a backup");
    let (file, inner, dangling) = (folder.write("file", b"mine"), folder.file("inner"), folder.file("dangling"));
    std::fs::create_dir(&inner).expect("a folder");
    std::os::unix::fs::symlink(folder.file("nowhere"), &dangling).expect("a link");
    for taken in [&file, &inner, &dangling] {
        let refused = store.snapshot().backup_to(taken, BlobForm::Plain).expect_err("something stands there");
        assert_eq!(refused.kind(), ErrorKind::Exists, "{refused}");
        let refused = treering::restore(&blob, taken).expect_err("something stands there");
        assert_eq!(refused.kind(), ErrorKind::Exists, "{refused}");
        let refused = Options::new().create(Create::New).open(taken).expect_err("something stands there");
        assert!([ErrorKind::Exists, ErrorKind::NotAStore].contains(&refused.kind()), "{refused}");
    }
    assert_eq!(std::fs::read(&file).expect("the file"), b"mine");
    assert!(!folder.file("nowhere").exists());
    assert_eq!(folder.names(), ["a.ring", "blob", "dangling", "file", "inner"]);
}

/// A path that is given to another file between its opening and its lock is noticed: nobody goes on with a file that has no name any more.
#[test]
fn a_replaced_file_is_noticed() {
    let test = "a_replaced_file_is_noticed";
    if let Err(why) = run("strace", &["-qq", "-e", "trace=none", "true"]) {
        return skip(test, &why);
    }
    let folder = Folder::new();
    let path = folder.file("a.ring");
    drop(create(&path));
    drop(create(&folder.file("other.ring")));
    let actor = actor("open", &path);
    let log = folder.file("calls");
    let mut strace = Command::new("strace");
    // The lock is held back for a second; the name is taken meanwhile.
    strace.args(["-f", "-o"]).arg(&log).args(["-e", "trace=flock", "-e", "inject=flock:delay_enter=1000000"]);
    let mut talk = Talk::start(strace.arg(actor.get_program()).args(actor.get_args()).arg("write"));
    // strace writes down the call when it begins to hold it back.
    while !std::fs::read_to_string(&log).is_ok_and(|calls| calls.contains("flock(")) {
        assert!(talk.child.try_wait().expect("it runs").is_none(), "the lock was never asked for");
        std::thread::yield_now();
    }
    std::fs::rename(folder.file("other.ring"), &path).expect("the name changes hands");
    let said = talk.line().expect("it says something");
    assert!(said.starts_with("Locked: ") && said.contains("replaced"), "{said}");
}
