//! Commands that only look: they change no byte and say what is there.

use serde_json::Value;

use crate::{Folder, program};

/// `info` says what the store is, for a person and for a program, and changes nothing.
#[test]
fn info_says_what_it_is() {
    let folder = Folder::with_tasks(3);
    let before = folder.read("a.ring");
    let out = folder.run(&["info", "a.ring"]).ok();
    for part in [
        "a.ring: a store, format 0, layout 1\n",
        "  version       4\n",
        "closed        cleanly",
        "8 KiB",
        "tasks         3   none",
    ] {
        assert!(out.contains(part), "{out}\nlacks: {part}");
    }
    let info = folder.run(&["info", "a.ring", "--json"]).json();
    assert_eq!((&info["version"], &info["clean"], &info["blob"]), (&4.into(), &true.into(), &false.into()));
    assert_eq!(info["tables"][1], serde_json::json!({ "name": "tasks", "entries": 3, "lz4": false }));
    assert_eq!(info["file_bytes"], before.len());
    assert!(before == folder.read("a.ring"), "looking changed the file");
}

/// `stats` counts the bytes of keys and values when asked.
#[test]
fn stats_measure_tables() {
    let folder = Folder::with_tasks(2);
    let out = folder.run(&["stats", "a.ring", "--tables"]).ok();
    assert!(
        out.starts_with("space\n  file ") && out.contains("\n  tasks         2   16 B     34 B         17 B      17 B"),
        "{out}"
    );
    let stats = folder.run(&["stats", "a.ring", "--tables", "--json"]).json();
    assert_eq!((&stats["version"], &stats["tables"][1]["key_bytes"]), (&3.into(), &16.into()));
    assert!(folder.run(&["stats", "a.ring", "--json"]).json().get("tables").is_none());
}

/// The map's regions lie end to end and cover the file; the drawn map has a cell for every part of it, within 100 columns.
#[test]
fn chunks_cover_the_file() {
    let folder = Folder::with_tasks(6);
    let map = folder.run(&["chunks", "a.ring", "--json"]).json();
    let mut at = 0;
    let mut kinds = Vec::new();
    for region in map["regions"].as_array().expect("regions") {
        assert_eq!(region["offset"], at);
        at += region["len"].as_u64().expect("a length");
        kinds.push(region["kind"].as_str().expect("a kind"));
    }
    assert_eq!((at, &map["file_bytes"]), (folder.read("a.ring").len() as u64, &at.into()));
    assert!(kinds[0] == "headers" && kinds.contains(&"segment") && kinds.contains(&"chunk"), "{kinds:?}");
    let out = folder.run(&["chunks", "a.ring"]).ok();
    assert!(out.contains("       0 B  HH") && out.contains("a cell is 4 KiB"), "{out}");
    assert!(out.lines().all(|line| line.chars().count() <= 100), "{out}");
    let cells: usize = out.lines().skip(2).take_while(|line| !line.is_empty()).map(|line| line.chars().count() - 13).sum();
    assert_eq!(cells as u64, at / 4096);
}

/// `log` lists the commits in order; from a version, of a table, at most so many, with their changes, and as JSON.
#[test]
fn log_lists_commits() {
    let folder = Folder::with_tasks(4);
    let out = folder.run(&["log", "a.ring"]).ok();
    let lines: Vec<&str> = out.lines().collect();
    assert_eq!(lines[0], "    version      bytes  changes");
    assert!(lines[1].starts_with("          1 ") && lines[1].ends_with("  tasks: created, 1 put"), "{out}");
    assert!(lines[5].starts_with("          5 ") && lines[5].ends_with("  jobs: created, 1 put"), "{out}");
    assert_eq!(lines[7], "version 5, sealed 5; the log reaches back to the first");
    let some = folder.run(&["log", "a.ring", "--from", "3", "--table", "tasks", "--limit", "1", "--changes"]).ok();
    assert!(some.contains("\n                        tasks: task-003 = RUNNING on host 1\n"), "{some}");
    assert_eq!(some.lines().count(), 5, "{some}");
    let json = folder.run(&["log", "a.ring", "--json", "--from", "5"]).json();
    assert_eq!((&json["version"], &json["recorded"]), (&5.into(), &true.into()));
    assert_eq!(json["changes"][1], serde_json::json!({ "table": "jobs", "put": r"web\x00\xff", "value": r"größe\t1" }));
    let none = folder.run(&["log", "a.ring", "--from", "6"]).ok();
    assert_eq!(none, "there is no version 6 yet\nversion 5, sealed 5; the log reaches back to the first\n");
}

/// What the log cannot list is said: a table that is not there, a version that is not there yet, commits that are gone. A table that nothing in the log changed is no mistake.
/// A misspelt table and a version beyond the newest used to give an empty list and exit code 0, and JSON never said that older commits are gone.
#[test]
fn log_says_what_it_does_not_list() {
    let folder = Folder::with_tasks(4);
    folder.run(&["log", "a.ring", "--table", "nope"]).fails(2, "there is no table 'nope'; there are: jobs, tasks");
    folder.run(&["log", "a.ring", "--table", "nope", "--json"]).fails(2, "there are: jobs, tasks");
    assert!(folder.run(&["log", "a.ring", "--from", "99"]).ok().starts_with("there is no version 99 yet\n"));
    assert!(!folder.run(&["log", "a.ring", "--json"]).ok().contains("gone"));
    let path = folder.path().join("a.ring");
    // Segments are used again once a checkpoint has what is in them.
    let store = treering::Options::new().segment_bytes(64 << 10).open(&path).expect("open");
    for round in 0..40_u32 {
        let txn = store.begin_write().expect("the turn");
        txn.open_table("jobs").expect("a table").insert(&round.to_be_bytes(), &[7; 60_000]).expect("room");
        txn.commit().expect("commit");
        store.checkpoint().expect("a checkpoint");
    }
    store.close().expect("close");
    let json = folder.run(&["log", "a.ring", "--json"]).ok();
    let last: serde_json::Value = serde_json::from_str(json.lines().last().expect("a line")).expect("JSON");
    assert!(last["gone"]["before"].as_u64().is_some_and(|before| before > 5), "{json}");
    assert!(folder.run(&["log", "a.ring", "--table", "tasks"]).ok().starts_with("version 45, "));
    folder.run(&["backup", "a.ring", "a.lz4", "--lz4"]).ok();
    let twice = folder.run(&["log", "a.lz4"]);
    assert_eq!(twice.err.matches("a.lz4").count(), 1, "{twice:?}");
}

/// What a removal, a range and a rollback-free life of tables look like in the log.
#[test]
fn log_shows_every_change() {
    let folder = Folder::new();
    let store = treering::Store::open(folder.path().join("a.ring")).expect("a store");
    let txn = store.begin_write().expect("turn");
    {
        let mut table = txn.create_table("old").expect("table");
        table.insert(b"a", b"1").expect("insert");
        table.insert(b"b", b"2").expect("insert");
        table.remove(b"a").expect("remove");
        table.remove_range((std::ops::Bound::Included(b"b"), std::ops::Bound::Excluded(b"c"))).expect("remove");
    }
    txn.rename_table("old", "new").expect("rename");
    txn.drop_table("new").expect("drop");
    txn.commit().expect("commit");
    store.close().expect("close");
    let out = folder.run(&["log", "a.ring", "--changes", "--hex"]).ok();
    let changes: Vec<&str> = out.lines().skip(2).map(str::trim).take_while(|line| !line.is_empty()).collect();
    let expected = [
        "old: created",
        "old: 61 = 31",
        "old: 62 = 32",
        "old: 61 removed",
        "old: all removed from 62 to 63 (without it)",
        "old: renamed to new",
        "new: dropped",
    ];
    assert_eq!(changes, expected, "{out}");
    assert!(out.contains("old: created, 2 put, 1 removed, 1 range removed, renamed; new: dropped"), "{out}");
    assert_eq!(folder.run(&["log", "a.ring", "--json"]).json()["changes"].as_array().map(Vec::len), Some(7));
}

/// `get` prints text, digits or the bytes themselves; a key that is not there is exit code 1.
#[test]
fn get_prints_a_value() {
    let folder = Folder::with_tasks(1);
    assert_eq!(folder.run(&["get", "a.ring", "tasks", "task-001"]).ok(), "RUNNING on host 2\n");
    assert_eq!(folder.run(&["get", "a.ring", "jobs", r"web\x00\xff"]).ok(), "größe\\t1\n");
    assert_eq!(folder.run(&["get", "a.ring", "jobs", "77656200ff", "--hex"]).ok(), "6772c3b6c39f650931\n");
    assert_eq!(folder.run(&["get", "a.ring", "jobs", r"web\x00\xff", "--raw"]).ok(), "größe\t1");
    folder.run(&["get", "a.ring", "tasks", "task-002"]).fails(1, "no such key in version 2");
    folder.run(&["get", "a.ring", "taks", "x"]).fails(2, "there is no table 'taks'; there are: jobs, tasks");
}

/// `scan` obeys its bounds, from either end.
#[test]
fn scan_gives_a_range() {
    let folder = Folder::with_tasks(9);
    let check = |args: &[&str], expected: &[u32]| {
        let out = folder.run(&[&["scan", "a.ring", "tasks", "--keys"], args].concat()).ok();
        let expected: String = expected.iter().map(|i| format!("task-00{i}\n")).collect();
        assert_eq!(out, expected, "{args:?}");
    };
    check(&[], &[1, 2, 3, 4, 5, 6, 7, 8, 9]);
    check(&["--from", "task-003", "--to", "task-006"], &[3, 4, 5]);
    check(&["--through", "task-003", "--reverse"], &[3, 2, 1]);
    check(&["--limit", "2", "--reverse"], &[9, 8]);
    check(&["--prefix", "task-00"], &[1, 2, 3, 4, 5, 6, 7, 8, 9]);
    check(&["--prefix", "task-01"], &[]);
    check(&["--from", "task-006", "--to", "task-003"], &[]);
    check(&["--limit", "0"], &[]);
    let out = folder.run(&["scan", "a.ring", "jobs"]).ok();
    assert_eq!(out, "web\\x00\\xff\tgröße\\t1\n");
    let json = folder.run(&["scan", "a.ring", "jobs", "--json", "--hex"]).json();
    assert_eq!(json, serde_json::json!({ "key": "77656200ff", "value": "6772c3b6c39f650931" }));
}

/// `dump` prints everything, or some tables.
#[test]
fn dump_prints_everything() {
    let folder = Folder::with_tasks(2);
    let all = "# a.ring, version 3\n\n# table jobs, 1 entry\nweb\\x00\\xff\tgröße\\t1\n\n\
               # table tasks, 2 entries\ntask-001\tRUNNING on host 2\ntask-002\tRUNNING on host 4\n";
    assert_eq!(folder.run(&["dump", "a.ring"]).ok(), all);
    let lines = folder.run(&["dump", "a.ring", "--table", "tasks", "--json"]).ok();
    let lines: Vec<Value> = lines.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    assert_eq!((lines.len(), &lines[1]["table"], &lines[1]["key"]), (2, &"tasks".into(), &"task-002".into()));
}

/// A reader of the output that goes away is no failure.
#[test]
fn a_reader_that_goes_away_is_no_failure() {
    let folder = Folder::new();
    let long = "x".repeat(60_000);
    for i in 0..5 {
        folder.run(&["put", "a.ring", "t", &i.to_string(), &long, "--create"]).ok();
    }
    let mut child = program(&["dump", "a.ring"]).current_dir(folder.path()).spawn().expect("the program starts");
    drop(child.stdout.take());
    let ended = child.wait_with_output().expect("it ends");
    assert_eq!((ended.status.code(), ended.stderr.as_slice()), (Some(0), &b""[..]));
}

/// `scrub` reads every page of the file and finds a flipped bit in one; it changes nothing.
#[test]
fn scrub_says_sound() {
    let mut folder = Folder::with_tasks(40);
    let before = folder.read("a.ring");
    let out = folder.run(&["scrub", "a.ring"]).ok();
    assert!(out.starts_with("a.ring: sound\n"), "{out}");
    let report = folder.run(&["scrub", "a.ring", "--json", "--copied"]).json();
    assert_eq!((&report["sound"], &report["entries"]), (&true.into(), &41.into()));
    assert!(report["pages"].as_u64() > Some(0) && report["records"].as_u64() > Some(0), "{report}");
    assert!(before == folder.read("a.ring"), "scrubbing changed the file");
    let map = folder.run(&["chunks", "a.ring", "--json"]).json();
    let chunk =
        map["regions"].as_array().and_then(|regions| regions.iter().find(|region| region["kind"] == "chunk")).expect("a chunk");
    let mut rotten = before;
    rotten[chunk["offset"].as_u64().expect("an offset") as usize + 70] ^= 1;
    folder.write("rotten.ring", &rotten);
    let ran = folder.run(&["scrub", "rotten.ring"]);
    assert!(ran.code == Some(1) && ran.out.contains("NOT SOUND") && ran.out.contains("damaged page "), "{ran:?}");
}

/// With `--copied` every command that looks says what it says without.
#[test]
fn copied_reads_say_the_same() {
    let folder = Folder::with_tasks(30);
    for args in [
        &["info", "a.ring"][..],
        &["stats", "a.ring", "--tables"],
        &["check", "a.ring"],
        &["scrub", "a.ring"],
        &["chunks", "a.ring"],
        &["get", "a.ring", "tasks", "task-007"],
        &["scan", "a.ring", "tasks", "--reverse"],
        &["dump", "a.ring"],
    ] {
        assert_eq!(folder.run(args).ok(), folder.run(&[args, &["--copied"]].concat()).ok(), "{args:?}");
    }
    folder.run(&["put", "a.ring", "tasks", "task-001", "LOST", "--copied"]).ok();
    folder.run(&["backup", "a.ring", "blob.ring", "--copied"]).ok();
    assert_eq!(folder.run(&["get", "blob.ring", "tasks", "task-001", "--copied"]).ok(), "LOST\n");
    folder.run(&["compact", "a.ring", "--copied"]).ok();
}

/// `check` says sound, and counts what it looked at.
#[test]
fn check_says_sound() {
    let folder = Folder::with_tasks(5);
    let out = folder.run(&["check", "a.ring"]).ok();
    assert!(out.starts_with("a.ring: sound\n\n  version   6\n  tables    2, 6 entries\n"), "{out}");
    let report = folder.run(&["check", "a.ring", "--json"]).json();
    assert_eq!((&report["sound"], &report["entries"], &report["problems"]), (&true.into(), &6.into(), &Value::Array(vec![])));
}

/// The help of every command fits 100 columns and names its arguments; the version is that of the crate.
#[test]
fn help_is_there() {
    let folder = Folder::new();
    let all = folder.run(&["--help"]).ok();
    assert!(all.contains("Exit codes:") && !all.contains("drill-child"), "{all}");
    let commands = all.lines().skip_while(|line| *line != "Commands:").skip(1).take_while(|line| !line.is_empty());
    let commands: Vec<&str> = commands.filter_map(|line| line.split_whitespace().next()).collect();
    let expected =
        "info stats check scrub chunks log get scan dump put remove sql shell backup restore verify salvage compact drill help";
    assert_eq!(commands.join(" "), expected);
    for command in &commands {
        let help = folder.run(&[command, "--help"]);
        assert!(help.out.lines().all(|line| line.chars().count() <= 100), "{}", help.out);
    }
    assert_eq!(folder.run(&["--version"]).ok(), format!("treering {}\n", env!("CARGO_PKG_VERSION")));
}
