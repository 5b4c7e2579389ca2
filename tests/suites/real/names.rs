//! F5: a name counts when its folder is on the medium, and is given only to what is on the medium: the order of the system calls, as strace saw them.

use std::path::{Path, PathBuf};
use std::process::Command;

use treering_tests::Folder;

use crate::tools::{actor, output, run, skip, text};

/// What a process did, of what counts for names.
#[derive(Debug, PartialEq, Eq)]
enum Call {
    /// What stands here was put on the medium: a folder, a file, or one without a name.
    Synced(PathBuf),
    /// A file got this name.
    Named(PathBuf),
}

/// The call that a line of strace tells of, if it is one of these and went well.
fn call(line: &str) -> Option<Call> {
    let (_, line) = line.split_once(' ')?;
    let line = line.trim_start();
    let name = &line[..line.find('(')?];
    if !line.ends_with("= 0") {
        return None;
    }
    match name {
        "fsync" | "fdatasync" => {
            let (from, to) = (line.find('<')? + 1, line.find('>')?);
            Some(Call::Synced(line[from..to].into()))
        }
        "link" | "linkat" | "rename" | "renameat" | "renameat2" => line.split('"').rev().nth(1).map(|to| Call::Named(to.into())),
        _ => None,
    }
}

/// L3: a backup and a restored store are on the medium before they have a name, and their folder is behind it; a new store and its folder are before anybody is told that it is there.
#[test]
fn l3_names_follow_their_bytes() {
    let test = "l3_names_follow_their_bytes";
    if let Err(why) = run("strace", &["-qq", "-e", "trace=none", "true"]) {
        return skip(test, &why);
    }
    let (folder, log) = (Folder::new(), Folder::new());
    let (path, calls) = (folder.file("a.ring"), log.file("calls"));
    let player = actor("files", &path);
    let mut strace = Command::new("strace");
    strace.args(["-f", "-y", "-e", "trace=fsync,fdatasync,link,linkat,rename,renameat,renameat2,write", "-o", &text(&calls)]);
    let said = output(strace.arg(player.get_program()).args(player.get_args()));
    assert_eq!(said, "made\nOk(())\n");
    let lines = std::fs::read_to_string(&calls).expect("strace's list");
    let (create, rest) = lines.split_once("made").expect("it was said when the store was made");
    let create: Vec<Call> = create.lines().filter_map(call).collect();
    let in_order = [Call::Synced(path.clone()), Call::Synced(folder.path().to_owned())];
    assert!(create.windows(2).any(|calls| calls == in_order), "a new store: {create:?}");
    let rest: Vec<Call> = rest.lines().filter_map(call).collect();
    let is_name = |call: &Call| matches!(call, Call::Named(_));
    let named: Vec<usize> = (0..rest.len()).filter(|i| is_name(&rest[*i])).collect();
    let [backup, restored] = named[..] else { panic!("two names: {rest:?}") };
    for (at, name) in [(backup, "a.backup"), (restored, "a.restored")] {
        assert_eq!(rest[at], Call::Named(folder.file(name)), "{rest:?}");
        // The last that was put on the medium before is the file itself, which has no name, or one for the time being.
        assert!(
            at > 0 && is_unfinished(&rest[at - 1], folder.path()),
            "{name} is not on the medium when it gets its name: {rest:?}"
        );
        assert_eq!(rest.get(at + 1), Some(&Call::Synced(folder.path().to_owned())), "the folder of {name}: {rest:?}");
    }
}

/// Whether a file in the folder was put on the medium that is not there for good.
fn is_unfinished(call: &Call, folder: &Path) -> bool {
    let Call::Synced(file) = call else { return false };
    let name = file.file_name().unwrap_or_default().to_string_lossy();
    file.parent() == Some(folder) && (name.starts_with('#') || name.ends_with(".tmp"))
}
