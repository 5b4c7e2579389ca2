//! No room: a full disk, a file that may not grow, a mount that takes no writes (L9).

use std::path::Path;
use std::process::Command;

use treering::{ErrorKind, Options, Store};
use treering_tests::model::Entries;
use treering_tests::{Checked, Ending, Folder, Seed, State, Witness, depth, drive};

use crate::lives::play;
use crate::tools::{Mount, Talk, figure, run, skip, text};

fn put(store: &Store, keys: std::ops::Range<u64>, len: usize) -> treering::Result<u64> {
    let txn = store.begin_write()?;
    {
        let mut table = txn.ensure_table("t")?;
        for n in keys {
            table.insert(&n.to_be_bytes(), &vec![n as u8; len])?;
        }
    }
    txn.commit()
}

/// The store holds exactly the keys of `kept`, each with a value of `len` bytes.
#[track_caller]
fn expect(store: &Store, kept: std::ops::Range<u64>, len: usize) {
    let mut state = State::default();
    let entries: Entries = kept.map(|n| (n.to_be_bytes().to_vec(), vec![n as u8; len])).collect();
    state.set_table("t", entries);
    drive::compare(&store.snapshot(), &state).expect("everything is as it was committed");
}

/// Inserts until there is no room; gives how many keys there are. Every refusal is `Full`, and changes nothing.
#[track_caller]
fn fill(store: &Store, from: u64) -> u64 {
    const LEN: usize = 3_000;
    let mut end = from;
    let mut refused = 0;
    while refused < 3 {
        let version = store.version();
        match put(store, end..end + 4, LEN) {
            Ok(_) => end += 4,
            Err(e) => {
                assert_eq!((e.kind(), store.version()), (ErrorKind::Full, version), "{e}");
                refused += 1;
            }
        }
        assert!(end < 100_000, "the disk is never full");
    }
    expect(store, 0..end, LEN);
    end
}

/// L9: on a full disk a commit is refused as `Full` and changes nothing; removals work; with room made inside or outside of the store it goes on.
#[test]
fn l9_full_disk_and_room_made() {
    let test = "l9_full_disk_and_room_made";
    let folder = Folder::new();
    let disk = match Mount::memory(folder.file("small"), "6m") {
        Ok(disk) => disk,
        Err(why) => return skip(test, &why),
    };
    let ballast = disk.file("ballast");
    std::fs::write(&ballast, vec![1; 2 << 20]).expect("there is room");
    let path = disk.file("a.ring");
    let store = Checked::new("store", drive::small_options().open(&path).expect("create"));
    let first = fill(&store, 0);
    // Room made outside.
    std::fs::remove_file(&ballast).expect("it is there");
    let second = fill(&store, first);
    assert!(second > first + 100, "{first} entries, and {second} after room was made");
    // A backup finds no room either: that changes nothing, and leaves nothing.
    let refused = store.snapshot().backup_to(disk.file("copy"), treering::BlobForm::Plain).expect_err("there is no room");
    assert_eq!(refused.kind(), ErrorKind::Full, "{refused}");
    // Room made inside: removals need none that is not kept for them.
    for n in (second / 4..second).rev() {
        let txn = store.begin_write().expect("the store is no worse for it");
        assert!(txn.open_table("t").expect("table t").remove(&n.to_be_bytes()).expect("a removal"));
        txn.commit().expect("a removal on a full disk");
    }
    expect(&store, 0..second / 4, 3_000);
    store.compact().expect("there is room again");
    let third = fill(&store, second / 4);
    assert!(third > second / 2, "{second} entries before, {third} after removals and a compaction");
    store.close().close().expect("the checkpoint has its room");
    let store = Checked::new("again", drive::small_options().open(&path).expect("open"));
    expect(&store, 0..third, 3_000);
    drop(store);
    let names: Vec<_> = std::fs::read_dir(disk.path()).expect("the folder").map(|e| e.expect("an entry").file_name()).collect();
    assert_eq!(names, ["a.ring"]);
    figure(test, &format!("{first}, {second} and {third} entries until full"));
}

/// L9: a disk that is too full even for an empty store refuses its creation as `Full`; with room the same path works.
#[test]
fn l9_full_disk_at_creation() {
    let test = "l9_full_disk_at_creation";
    let folder = Folder::new();
    for kept in [0, 4 << 10, 16 << 10, 40 << 10] {
        let disk = match Mount::memory(folder.file(&format!("tiny-{kept}")), "1m") {
            Ok(disk) => disk,
            Err(why) => return skip(test, &why),
        };
        // All that there is, but so much.
        let (ballast, path) = (disk.file("ballast"), disk.file("a.ring"));
        std::fs::write(&ballast, vec![1; 1 << 21]).expect_err("it does not fit");
        let len = std::fs::metadata(&ballast).expect("the ballast").len();
        run("truncate", &["-s", &(len - kept).to_string(), &text(&ballast)]).expect("it can be cut");
        match drive::small_options().open(&path) {
            Ok(store) => drop(Checked::new("just", store).close()),
            Err(e) => assert_eq!(e.kind(), ErrorKind::Full, "{e}"),
        }
        std::fs::remove_file(&ballast).expect("it is there");
        let store = Checked::new("with room", drive::small_options().open(&path).expect("there is room now"));
        put(&store, 0..4, 100).expect("a commit");
        expect(&store, 0..4, 100);
    }
}

/// Any life on a disk that is always nearly full: steps fail as `Full` and nothing else, the store is never poisoned, and what was committed stays.
#[test]
fn l9_lives_on_a_full_disk() {
    let test = "l9_lives_on_a_full_disk";
    let seed = Seed::of(test);
    let folder = Folder::new();
    let disk = match Mount::memory(folder.file("small"), "768k") {
        Ok(disk) => disk,
        Err(why) => return skip(test, &why),
    };
    let mut refused = 0;
    for run in 0..3 + depth() {
        let path = disk.file(&format!("{run}.ring"));
        let mut witness = Witness::new(seed.part(run), Ending::Kill);
        refused += cramped(&mut witness, &path, |command| command).unwrap_or_else(|what| panic!("run {run}: {what}"));
        std::fs::remove_file(&path).expect("it is there");
    }
    figure(test, &format!("{refused} steps refused as Full"));
    assert!(refused > 0);
}

/// The same where the file may not grow beyond a limit of the process (RLIMIT_FSIZE, with its signal ignored).
#[test]
fn l9_file_size_limit() {
    let test = "l9_file_size_limit";
    let seed = Seed::of(test);
    let folder = Folder::new();
    let mut refused = 0;
    for run in 0..3 + depth() {
        let path = folder.file(&format!("{run}.ring"));
        let mut witness = Witness::new(seed.part(run), Ending::Kill);
        // 512-byte blocks: from 0.5 to 2 MiB.
        let blocks = [1024, 1500, 2048, 4096][run as usize % 4];
        let limited = |command: Command| {
            let mut shell = Command::new("sh");
            shell.arg("-c").arg(format!("trap '' XFSZ; ulimit -f {blocks}; exec \"$0\" \"$@\""));
            shell.arg(command.get_program()).args(command.get_args());
            shell
        };
        refused += cramped(&mut witness, &path, limited).unwrap_or_else(|what| panic!("run {run}: {what}"));
    }
    figure(test, &format!("{refused} steps refused as Full"));
    assert!(refused > 0);
}

/// Some lives where room is short; how many steps were refused.
fn cramped(witness: &mut Witness, path: &Path, limited: impl Fn(Command) -> Command) -> Result<usize, String> {
    let mut refused = 0;
    for _ in 0..3 {
        let mut player = Talk::start(&mut limited(play(witness, path, 250)));
        while let Some(line) = player.line() {
            witness.hear(&line)?;
        }
        drop(player);
        let played = witness.judge(path)?;
        refused += played.failures.len();
        // A close that finds no room for its checkpoint says so, and is the end of that store.
        let clean = |(kind, poisoned): &(String, bool)| kind == "Full" && !poisoned;
        let (last, before) = match played.failures.split_last() {
            Some((last, before)) => (Some(last), before),
            None => (None, &[][..]),
        };
        if !before.iter().all(clean) || last.is_some_and(|(kind, _)| kind != "Full") {
            return Err(format!("{:?}", played.failures));
        }
        if !played.has_ended && last.is_none() {
            return Err("the player ended without a word".into());
        }
    }
    Ok(refused)
}

/// L12: on a mount that takes no writes a store opens for reading, its tail replayed, and no byte changes; opening it for writing says why not.
#[test]
fn l12_read_only_mount() {
    let test = "l12_read_only_mount";
    let folder = Folder::new();
    let disk = match Mount::memory(folder.file("disk"), "8m") {
        Ok(disk) => disk,
        Err(why) => return skip(test, &why),
    };
    let seed = Seed::of(test);
    let path = disk.file("a.ring");
    let mut witness = Witness::new(seed, Ending::Kill);
    let mut player = Talk::start(&mut play(&witness, &path, 10_000));
    for _ in 0..60 {
        witness.hear(&player.line().expect("it goes on")).expect("nothing is wrong");
    }
    let _ = player.child.kill();
    while let Some(line) = player.line() {
        witness.hear(&line).expect("nothing is wrong");
    }
    drop(player);
    let before = std::fs::read(&path).expect("the file");
    if let Err(why) = disk.remount("ro") {
        return skip(test, &why);
    }
    witness.judge(&path).expect("it opens for reading");
    assert!(treering::verify(&path).expect("it can be verified").problems().is_empty());
    assert_eq!(std::fs::read(&path).expect("the file"), before);
    for refused in [Options::new().open(&path), Options::new().open(disk.file("new.ring"))] {
        let refused = refused.expect_err("nothing can be written");
        assert_eq!(refused.kind(), ErrorKind::Io, "{refused}");
        assert!(refused.to_string().contains("Read-only file system"), "{refused}");
    }
    let copy = Options::new()
        .open_read_only(&path)
        .expect("for reading")
        .snapshot()
        .backup_to(disk.file("copy"), treering::BlobForm::Plain);
    assert_eq!(copy.expect_err("nothing can be written").kind(), ErrorKind::Io);
    disk.remount("rw").expect("nobody has it");
    witness.live_on(&path).expect("with writes allowed life goes on");
}
