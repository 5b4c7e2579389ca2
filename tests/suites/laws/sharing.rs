//! L12: one process writes or many read, never both; on real files, by every path to them.

use std::fs;
use std::process::Command;

use treering::{Create, ErrorKind, Options, Store};
use treering_tests::Folder;

use crate::{expect, put};

fn options() -> Options {
    Options::new().background(false)
}

/// L12: while one has the file for writing nobody else opens it, by whatever path; afterwards everybody may.
#[test]
fn l12_one_writer() {
    let folder = Folder::new();
    let path = folder.file("a.ring");
    let store = options().create(Create::New).open(&path).expect("create");
    put(&store, 0..10, 0, 20).expect("commit");
    let mut paths = vec![path.clone()];
    #[cfg(unix)]
    {
        std::os::unix::fs::symlink(&path, folder.file("symbolic")).expect("a link");
        fs::hard_link(&path, folder.file("hard")).expect("a link");
        paths.extend([folder.file("symbolic"), folder.file("hard")]);
    }
    for path in &paths {
        for refused in [options().open(path), options().open_read_only(path)] {
            let refused = refused.expect_err("somebody writes");
            assert_eq!(refused.kind(), ErrorKind::Locked, "{refused}");
        }
    }
    assert_eq!(child(&path, "write"), "Locked");
    assert_eq!(child(&path, "read"), "Locked");
    store.close().expect("close");
    assert_eq!(child(&path, "read"), "10 entries");
    let store = Store::open(&path).expect("nobody has it");
    expect(&store.snapshot(), 10, 0, 20);
}

/// L12: many read together, nobody writes meanwhile, and no byte of the file changes.
#[test]
fn l12_many_readers() {
    let folder = Folder::new();
    let path = folder.file("a.ring");
    let store = options().open(&path).expect("create");
    put(&store, 0..10, 0, 20).expect("commit");
    store.close().expect("close");
    let before = fs::read(&path).expect("the file");
    let readers: Vec<Store> = (0..3).map(|_| options().open_read_only(&path).expect("for reading")).collect();
    assert_eq!(child(&path, "read"), "10 entries");
    assert_eq!(child(&path, "write"), "Locked");
    assert_eq!(options().open(&path).expect_err("somebody reads").kind(), ErrorKind::Locked);
    for reader in &readers {
        expect(&reader.snapshot(), 10, 0, 20);
        assert_eq!(reader.begin_write().expect_err("for reading only").kind(), ErrorKind::ReadOnly);
        assert_eq!(reader.checkpoint().expect_err("for reading only").kind(), ErrorKind::ReadOnly);
        assert_eq!(reader.compact().expect_err("for reading only").kind(), ErrorKind::ReadOnly);
    }
    drop(readers);
    assert_eq!(fs::read(&path).expect("the file"), before);
    assert_eq!(child(&path, "write"), "10 entries");
}

/// Opens the file in another process; what that one says.
fn child(path: &std::path::Path, how: &str) -> String {
    let program = std::env::current_exe().expect("this test's program");
    let mut command = Command::new(program);
    command.args(["--exact", "sharing::l12_other_process", "--nocapture"]).env("TREERING_OTHER", path).env("TREERING_HOW", how);
    let output = command.output().expect("the program runs again");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let said = text.lines().find_map(|line| line.split_once("other process: ")).map(|(_, said)| said.to_owned());
    said.unwrap_or_else(|| panic!("the other process said {text}"))
}

/// L12, in the other process: tells whether the file named by `TREERING_OTHER` can be opened. Without that variable there is nothing to do.
#[test]
#[allow(clippy::print_stdout, reason = "the first process reads it")]
fn l12_other_process() {
    let Some(path) = std::env::var_os("TREERING_OTHER") else { return };
    let opened = match std::env::var("TREERING_HOW").as_deref() {
        Ok("write") => options().open(path),
        _ => options().open_read_only(path),
    };
    match opened {
        Ok(store) => {
            let snapshot = store.snapshot();
            println!("other process: {} entries", snapshot.reader().table("t").expect("table t").len());
        }
        Err(e) => println!("other process: {:?}", e.kind()),
    }
}
