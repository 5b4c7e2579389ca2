//! Bad input: each a message that says what, where and what to do, its exit code, and nothing lost.

use std::path::Path;

use crate::Folder;

/// Commands that open a store for reading, and the others.
const LOOKING: &[&[&str]] = &[&["info"], &["stats"], &["check"], &["chunks"], &["log"], &["dump"], &["verify"]];
const CHANGING: &[&[&str]] = &[&["compact"]];

fn each(folder: &Folder, commands: &[&[&str]], file: &str, code: i32, message: &str) {
    for command in commands {
        let ran = folder.run(&[command, &[file][..]].concat());
        assert_eq!((ran.code, ran.out.as_str()), (Some(code), ""), "{command:?}: {ran:?}");
        ran.fails(code, message);
    }
}

/// A path that leads to no store is the user's mistake, and the file stays as it is.
#[test]
fn a_file_that_is_no_store() {
    let mut folder = Folder::new();
    folder.write("notes.txt", "The quick brown fox. ".repeat(1000).as_bytes());
    folder.write("short", b"TREE");
    folder.write("empty", b"");
    std::fs::create_dir(folder.path().join("folder")).expect("a folder");
    for commands in [LOOKING, CHANGING] {
        for (file, what) in [
            ("notes.txt", "no Treering store"),
            ("short", "shorter than its headers"),
            ("folder", "is a directory"),
            ("missing", "No such file"),
        ] {
            each(&folder, commands, file, 2, file);
            each(&folder, commands, file, 2, what);
            each(&folder, commands, file, 2, "check the path");
        }
    }
    folder.run(&["put", "missing", "t", "k", "v"]).fails(2, "--create makes a new store");
    for path in ["no/such/x", "short/x"] {
        let ran = folder.run(&["put", path, "t", "k", "v"]);
        assert!(!ran.err.contains("--create"), "it would not help: {ran:?}");
        ran.fails(2, "check the path");
    }
    each(&folder, LOOKING, "empty", 2, "empty");
    assert_eq!(folder.names(), ["empty", "folder", "notes.txt", "short"]);
    assert_eq!(folder.read("notes.txt").len(), 21_000);
    assert_eq!(folder.read("short"), b"TREE");
}

/// A file whose end is gone is damaged, not dropped to an older version in silence.
/// The file used to be cut at its half, and was whole now and then: on a busy machine the free space at its end was not given back yet, and nothing else was cut off. What is
/// cut off now is in use.
#[test]
fn a_truncated_file() {
    let mut folder = Folder::with_tasks(30);
    let whole = folder.read("a.ring");
    let map = folder.run(&["chunks", "a.ring", "--json"]).json();
    let regions = map["regions"].as_array().expect("regions");
    let used = regions.iter().filter(|region| ["segment", "segment_ahead", "chunk"].iter().any(|kind| region["kind"] == *kind));
    let end = used.filter_map(|region| Some(region["offset"].as_u64()? + region["len"].as_u64()?)).max().expect("a store");
    for len in [100, 5_000, end / 3 / 4096 * 4096, end - 4096] {
        let cut = whole[..len as usize].to_vec();
        folder.write("cut.ring", &cut);
        // It used to be said that "the replay cursor names no segment of a run".
        folder.run(&["info", "cut.ring"]).fails(3, &format!(" at byte {len}"));
        folder.run(&["info", "cut.ring"]).fails(3, "it was cut short");
        for command in ["info", "dump", "compact"] {
            let ran = folder.run(&[command, "cut.ring"]);
            assert_eq!(ran.code, Some(3), "{command}: {ran:?}");
            assert!(ran.err.contains("cut.ring") && ran.err.contains("restore from a blob"), "{ran:?}");
        }
        assert_eq!(folder.read("cut.ring"), cut, "a refused file was changed");
    }
}

/// A flipped bit in a page is found by `check`, named, and exit code 1; what reads that page says damaged.
#[test]
fn a_flipped_bit() {
    let mut folder = Folder::with_tasks(3);
    let mut bytes = folder.read("a.ring");
    let map = folder.run(&["chunks", "a.ring", "--json"]).json();
    let regions = map["regions"].as_array().expect("regions");
    for chunk in regions.iter().filter(|region| region["kind"] == "chunk") {
        let offset = chunk["offset"].as_u64().expect("an offset") as usize;
        bytes[offset + 70] ^= 4;
    }
    folder.write("bad.ring", &bytes);
    let checked = folder.run(&["check", "bad.ring"]);
    assert!(
        checked.code == Some(1) && checked.out.contains("NOT SOUND") && checked.out.contains("table \"tasks\""),
        "{checked:?}"
    );
    let json = folder.run(&["check", "bad.ring", "--json"]);
    let json: serde_json::Value = serde_json::from_str(&json.out).expect("JSON");
    assert!(json["sound"] == false && json["problems"].as_array().is_some_and(|problems| problems.len() > 1), "{json}");
    folder.run(&["get", "bad.ring", "tasks", "task-001"]).fails(3, "damaged page");
}

/// A format of another build is refused by its number.
#[test]
fn a_newer_format() {
    let mut folder = Folder::with_tasks(1);
    let mut bytes = folder.read("a.ring");
    for slot in [0, 4096] {
        bytes[slot + 12] = 9;
        let crc = crc32(&bytes[slot + 12..slot + 4096]);
        bytes[slot + 8..slot + 12].copy_from_slice(&crc.to_le_bytes());
    }
    folder.write("newer.ring", &bytes);
    each(&folder, LOOKING, "newer.ring", 5, "written in format 9");
    each(&folder, CHANGING, "newer.ring", 5, "use the build that wrote it");
    assert_eq!(folder.read("newer.ring"), bytes);
}

/// CRC-32 as FORMAT 1 has it, bit by bit: the tests of a format do not ask the code that writes it.
fn crc32(bytes: &[u8]) -> u32 {
    let step = |crc: u32| if crc & 1 == 1 { crc >> 1 ^ 0xedb8_8320 } else { crc >> 1 };
    !bytes.iter().fold(!0, |crc, byte| (0..8).fold(crc ^ u32::from(*byte), |crc, _| step(crc)))
}

/// While a program has the store open, everybody else is told so; readers stand beside each other.
#[test]
fn a_store_that_is_open() {
    let folder = Folder::with_tasks(1);
    let path = folder.path().join("a.ring");
    let store = treering::Store::open(&path).expect("open");
    each(&folder, LOOKING, "a.ring", 4, "a.ring");
    each(&folder, CHANGING, "a.ring", 4, "a.ring");
    folder.run(&["put", "a.ring", "tasks", "k", "v"]).fails(4, "a.ring");
    folder.run(&["backup", "a.ring", "a.blob"]).fails(4, "a.ring");
    store.close().expect("close");
    let store = treering::Options::new().open_read_only(&path).expect("open");
    folder.run(&["info", "a.ring"]).ok();
    folder.run(&["backup", "a.ring", "a.blob"]).ok();
    each(&folder, CHANGING, "a.ring", 4, "a.ring");
    drop(store);
    assert_eq!(folder.names(), ["a.blob", "a.ring"]);
}

/// Keys and values that cannot be are refused before anything is changed.
#[test]
fn keys_that_cannot_be() {
    let folder = Folder::with_tasks(1);
    let before = folder.read("a.ring");
    folder.run(&["put", "a.ring", "tasks", r"a\q", "v"]).fails(2, r"key 'a\q': behind \ may stand: \ t n r xNN");
    folder.run(&["put", "a.ring", "tasks", "0", "00", "--hex"]).fails(2, "no even number of hexadecimal digits");
    folder.run(&["scan", "a.ring", "tasks", "--from", r"\x1"]).fails(2, "two hexadecimal digits");
    assert_eq!(folder.read("a.ring"), before);
    let long = "k".repeat(65_536);
    folder.run(&["put", "a.ring", "tasks", &long, "v"]).fails(2, "65");
    assert_eq!(folder.run(&["info", "a.ring", "--json"]).json()["version"], 2);
}

/// Wrong arguments are exit code 2 and say what would be right.
#[test]
fn wrong_arguments() {
    let folder = Folder::new();
    for (args, message) in [
        (&["inf", "a.ring"][..], "'info'"),
        (&["info"], "<STORE>"),
        (&["get", "a.ring", "t"], "<KEY>"),
        (&["put", "a.ring", "t", "k"], "<VALUE>"),
        (&["remove", "a.ring", "t"], "<KEY>"),
        (&["scan", "a.ring", "t", "--prefix", "x", "--from", "y"], "cannot be used with"),
        (&["log", "a.ring", "--from", "x"], "invalid"),
        (&["drill", "--nodes", "x"], "--trace"),
        (&["drill", "--readers", "0"], "1..=1024"),
        (&["drill", "--batch", "4001"], "1..=4000"),
        (&["drill", "--on-bad-line", "guess"], "skip, refuse"),
    ] {
        let ran = folder.run(args);
        assert!(ran.code == Some(2) && ran.err.contains(message), "{args:?}: {ran:?}\nlacks: {message}");
    }
    assert!(!Path::new("a.ring").exists());
}

/// Of more problems than can be read the first are listed, and the others counted, for people and for programs.
/// The hundred first used to be printed without a word of the others: a store with a hundred bad pages and one with a hundred thousand looked alike.
#[test]
fn problems_that_are_not_listed_are_counted() {
    let mut folder = Folder::with_tasks(1);
    let path = folder.path().join("a.ring");
    let store = treering::Options::new().page_len(4096).open(&path).expect("open");
    let txn = store.begin_write().expect("the turn");
    let rows = (0..2000_u32).map(|key| (key.to_be_bytes(), [7; 1000]));
    txn.create_table("rows").expect("a table").load_sorted(rows).expect("a load");
    txn.commit().expect("commit");
    store.close().expect("close");
    let mut bytes = folder.read("a.ring");
    let map = folder.run(&["chunks", "a.ring", "--json"]).json();
    for chunk in map["regions"].as_array().expect("regions").iter().filter(|region| region["kind"] == "chunk") {
        let place = |name: &str| chunk[name].as_u64().expect("a number") as usize;
        (place("offset")..place("offset") + place("len") - 4096).step_by(512).for_each(|at| bytes[at + 100] ^= 1);
    }
    folder.write("bad.ring", &bytes);
    let said = folder.run(&["check", "bad.ring", "--json"]);
    let json: serde_json::Value = serde_json::from_str(&said.out).expect("JSON");
    let unlisted = json["problems_unlisted"].as_u64().expect("a number");
    assert!(unlisted > 0 && json["problems"].as_array().map(Vec::len) == Some(100), "{json}");
    let said = folder.run(&["check", "bad.ring"]);
    assert!(said.code == Some(1) && said.out.contains(&format!("\n  and {unlisted} more\n")), "{}", said.out);
    assert_eq!(folder.run(&["check", "a.ring", "--json"]).json()["problems_unlisted"], 0);
}

/// What a file or its contents are called moves no cursor and colours no text: control characters are shown, never sent.
/// A CSV header with an escape sequence in it used to reach the terminal as it was, and so did names of files and tables.
#[test]
fn names_do_not_command_the_terminal() {
    let mut folder = Folder::with_tasks(1);
    folder.write("esc.csv", b"\x1b[31mRED\x07,b\n");
    let store = folder.read("a.ring");
    folder.write("\u{1b}[2J.ring", &store);
    for args in [
        &["drill", "--trace", "esc.csv"][..],
        &["info", "\u{1b}[31mno"],
        &["check", "\u{1b}[2J.ring"],
        &["info", "\u{1b}[2J.ring"],
        &["log", "a.ring", "--table", "\u{1b}[31mno"],
        &["get", "a.ring", "\u{1b}[31mno", "k"],
        &["sql", "\u{1b}[2J.ring", "SELECT 1"],
        &["backup", "a.ring", "\u{1b}.blob"],
    ] {
        let ran = folder.run(args);
        let is_raw = |text: &str| text.chars().any(|c| c.is_control() && !matches!(c, '\n' | '\t'));
        assert!(!is_raw(&ran.out) && !is_raw(&ran.err), "{args:?}: {ran:?}");
        assert!(ran.out.contains("\\x1b") || ran.err.contains("\\x1b"), "{args:?}: {ran:?}");
    }
}
