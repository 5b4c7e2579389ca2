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

/// A store of 32 MiB that LZ4 cannot make smaller: several slices of each form.
#[cfg(target_os = "linux")]
fn with_noise() -> Folder {
    let folder = Folder::new();
    let store = treering::Store::open(folder.path().join("a.ring")).expect("open");
    let txn = store.begin_write().expect("the turn");
    let mut table = txn.create_table("t").expect("a table");
    let mut random = 0x9e37_79b9_7f4a_7c15_u64;
    for key in 0..32_u32 {
        let noise = std::iter::repeat_with(|| {
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            random as u8
        });
        table.insert(&key.to_be_bytes(), &noise.take(1 << 20).collect::<Vec<u8>>()).expect("room");
    }
    drop(table);
    txn.commit().expect("commit");
    store.close().expect("close");
    folder
}

/// Whoever looks at a terminal sees how far a backup, a restore and a check are, of how much. (Without a terminal each command's test sees that nothing is said.)
#[cfg(target_os = "linux")]
#[test]
fn a_terminal_shows_how_far_it_is() {
    let folder = with_noise();
    let sparse = folder.path().join("sparse.ring");
    std::fs::copy(folder.path().join("a.ring"), &sparse).expect("room");
    let store = treering::Options::new().background(false).open(&sparse).expect("open");
    let txn = store.begin_write().expect("the turn");
    let mut table = txn.open_table("t").expect("a table");
    for key in (0..32_u32).step_by(2) {
        table.remove(&key.to_be_bytes()).expect("remove");
    }
    drop(table);
    txn.commit().expect("commit");
    store.close().expect("close");
    for (args, stages) in [
        (&["backup", "a.ring", "plain.blob"][..], &["writing"][..]),
        (&["backup", "a.ring", "lz4.blob", "--lz4"], &["writing"]),
        (&["restore", "lz4.blob", "b.ring"], &["restoring", "checking"]),
        (&["verify", "lz4.blob"], &["unpacking", "verifying"]),
        (&["check", "a.ring"], &["checking"]),
        (&["scrub", "a.ring"], &["scrubbing"]),
        (&["compact", "sparse.ring"], &["compacting"]),
    ] {
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_treering"));
        command.args(args).current_dir(folder.path()).env("TERM", "xterm");
        let mut terminal = rexpect::session::spawn_command(command, Some(30_000)).expect("a pseudo terminal");
        for stage in stages {
            let bar = format!(r"{stage} \[[^]]*\] [0-9.]+ (B|KiB|MiB) of [0-9.]+ MiB");
            terminal.exp_regex(&bar).unwrap_or_else(|e| panic!("{args:?}: {e}"));
        }
        terminal.exp_eof().expect("its end");
    }
    // Lines show by themselves how far it is, unless they go elsewhere.
    for (args, bar) in [
        ("dump a.ring", r"dumping \[[^]]*\] [0-9]+ of 32 entries"),
        ("scan a.ring t --limit 9", r"scanning \[[^]]*\] [0-9]+ of 9 entries"),
    ] {
        let mut command = std::process::Command::new("sh");
        command.args(["-c", &format!("exec \"$0\" {args} > lines"), env!("CARGO_BIN_EXE_treering")]);
        command.current_dir(folder.path()).env("TERM", "xterm");
        let mut terminal = rexpect::session::spawn_command(command, Some(30_000)).expect("a pseudo terminal");
        terminal.exp_regex(bar).unwrap_or_else(|e| panic!("{args}: {e}"));
        terminal.exp_eof().expect("its end");
    }
}

/// Nothing is left of a backup or a restore that is killed in its middle, where the system knows files without a name.
/// The command used to write to a folder of its own beside the target, so that it could show how far it was: whoever killed it found `.treering-XXXXXX` there, with
/// half a blob or a whole one. It has the engine write the file now, which has no name until it is whole.
#[cfg(target_os = "linux")]
#[test]
fn a_killed_backup_leaves_nothing() {
    let folder = with_noise();
    folder.run(&["backup", "a.ring", "whole.blob"]).ok();
    for args in [&["backup", "a.ring", "new"][..], &["backup", "a.ring", "new", "--lz4"], &["restore", "whole.blob", "new"]] {
        let has_no_name = killed_while_it_writes(&folder, args);
        let mut left = folder.names();
        // Elsewhere it has a name that says what it is.
        left.retain(|name| has_no_name || !(name.starts_with(".new.") && name.ends_with(".tmp")));
        assert_eq!(left, ["a.ring", "whole.blob"], "{args:?}");
    }
}

/// Starts the command, and kills it as soon as it has a file open here that is to be the new one; whether that one has no name.
#[cfg(target_os = "linux")]
fn killed_while_it_writes(folder: &Folder, args: &[&str]) -> bool {
    for _ in 0..20 {
        let mut child = program(args).current_dir(folder.path()).spawn().expect("it starts");
        let open = format!("/proc/{}/fd", child.id());
        let known = ["a.ring", "whole.blob"].map(|name| folder.path().join(name));
        let new = loop {
            let files = std::fs::read_dir(&open).into_iter().flatten().filter_map(|fd| std::fs::read_link(fd.ok()?.path()).ok());
            let new = files.into_iter().find(|file| file.starts_with(folder.path()) && !known.contains(file));
            if new.is_some() || child.try_wait().expect("a child").is_some() {
                break new;
            }
        };
        child.kill().expect("a child");
        let is_killed = !child.wait().expect("a child").success();
        match new {
            Some(new) if is_killed => return new.to_string_lossy().ends_with(" (deleted)"),
            // It was over before it was seen, or before the signal came.
            _ => std::fs::remove_file(folder.path().join("new")).expect("what it made"),
        }
    }
    panic!("{args:?} was never seen at work");
}

/// A refusal of the system names the target as it was given, and says what to do about it.
/// A full disk used to name a file that only the command knew, in a folder that was gone by then, or no file; and nothing but the system's own words said what to do.
#[cfg(unix)]
#[test]
fn a_refused_target_is_named_with_advice() {
    let mut folder = Folder::with_tasks(2);
    folder.run(&["backup", "a.ring", "a.blob"]).ok();
    folder.run(&["backup", "a.ring", "a.lz4", "--lz4"]).ok();
    // A limit for files stands for a full disk: it gets there without one, and the engine takes both for the same.
    let limited = |args: &[&str]| {
        let shell = ["-c", "trap '' XFSZ; ulimit -f 1; exec \"$0\" \"$@\"", env!("CARGO_BIN_EXE_treering")];
        let ran = std::process::Command::new("sh").args(shell).args(args).current_dir(folder.path()).output().expect("a shell");
        crate::Ran::from(ran)
    };
    for args in [["backup", "a.ring", "new"], ["restore", "a.blob", "new"], ["restore", "a.lz4", "new"]] {
        limited(&args).fails(5, "write through new at byte 0: ");
        limited(&args).fails(5, "; make room ");
    }
    for args in [["backup", "a.ring", "a.blob/x"], ["restore", "a.blob", "a.ring/x"], ["restore", "a.blob/x", "new"]] {
        folder.run(&args).fails(2, "Not a directory");
        folder.run(&args).fails(2, "; check the path");
    }
    #[cfg(target_os = "linux")]
    for args in [&["backup", "a.ring", "/sys/new"][..], &["restore", "a.blob", "/sys/new"], &["drill", "--dir", "/sys"]] {
        let ran = folder.run(args);
        assert!(!ran.err.contains(".tmp") && !ran.err.contains("treering-drill-"), "{ran:?}");
        // In a container it may be a file system for reading only.
        assert!(["change the permissions", "that can be written to"].iter().any(|advice| ran.err.contains(advice)), "{ran:?}");
        ran.fails(5, " /sys");
    }
    // What is wrong with a blob is said of the blob, and of nothing else.
    let mut blob = folder.read("a.blob");
    blob[9000] ^= 1;
    folder.write("bad.blob", &blob);
    let bad = folder.run(&["restore", "bad.blob", "new"]);
    assert!(!bad.err.contains("new"), "{bad:?}");
    bad.fails(3, "bad.blob");
    let stream = folder.read("a.lz4");
    folder.write("cut.lz4", &stream[..stream.len() / 2]);
    for args in [&["restore", "cut.lz4", "new"][..], &["verify", "cut.lz4"]] {
        folder.run(args).fails(3, "damaged LZ4 stream cut.lz4: it ends early, at byte ");
        folder.run(args).fails(3, "use another backup");
    }
    assert_eq!(folder.names(), ["a.blob", "a.lz4", "a.ring", "bad.blob", "cut.lz4"]);
}
