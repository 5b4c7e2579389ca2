//! F16: another process cuts the file short under an open store.
//!
//! Mapped reads go through a map, and behind the end of a file a map cannot give an error: the system ends the process with SIGBUS, as
//! SECURITY.md says. Until then every value is right, or there is an error. What lies in the block that the cut leaves in part reads as
//! zeros: a page that was checked before is not checked again, so the cuts under a map are at whole blocks once pages were read. Copied reads meet the end of the file
//! as an error of a read, wherever it is.

use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};

use treering_tests::{Checked, Folder, drive};

use crate::tools::{Talk, actor, figure};

/// How the file is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reads {
    /// In place: the end of the file is the end of the process.
    Mapped,
    /// By copies, of which none is kept: the end of the file is an error.
    Copied,
}

/// Signal number of SIGBUS on Linux.
const SIGBUS: i32 = 7;

/// As `tests/actor/watch.rs` expects it.
fn value(key: &[u8]) -> Vec<u8> {
    key.iter().cycle().take(600).enumerate().map(|(n, byte)| byte ^ (n / 8) as u8).collect()
}

/// A closed store of some chunks.
fn store(folder: &Folder) -> PathBuf {
    let path = folder.file("whole.ring");
    let store = Checked::new("store", drive::small_options().open(&path).expect("create"));
    for round in 0..4_u64 {
        let txn = store.begin_write().expect("the turn");
        for n in 0..60_u64 {
            let key = (round * 60 + n).to_be_bytes();
            txn.ensure_table("t").expect("table t").insert(&key, &value(&key)).expect("an entry");
        }
        txn.commit().expect("a commit");
        store.checkpoint().expect("a checkpoint");
    }
    store.close().close().expect("close");
    path
}

/// Reads once if `before`, cuts the file to `len`, reads again; what came of it: `all`, `error` or `signal`.
#[track_caller]
fn cut_under(path: &Path, len: u64, before: bool, reads: Reads) -> &'static str {
    let how = if reads == Reads::Copied { "copied" } else { "read" };
    let mut watcher = Talk::start(actor("watch", path).arg(how));
    assert_eq!(watcher.line().as_deref(), Some("version 4"));
    if before {
        watcher.go_on();
        assert_eq!(watcher.line().as_deref(), Some("all 240"));
    }
    // The watcher is another process, and hears nothing of it.
    std::fs::OpenOptions::new().write(true).open(path).and_then(|file| file.set_len(len)).expect("anybody may cut it");
    watcher.go_on();
    let said = watcher.line();
    match said.as_deref() {
        Some("all 240") => "all",
        Some(error) if error.starts_with("error ") => {
            let clear = error.starts_with("error Corrupt: ") || error.starts_with("error Io: ");
            assert!(clear, "cut to {len} bytes: {error}");
            "error"
        }
        Some(other) => panic!("cut to {len} bytes, read before: {before}: {other}"),
        None => {
            let status = watcher.child.wait().expect("it ended");
            assert_eq!(reads, Reads::Mapped, "only a map ends the process");
            assert_eq!(status.signal(), Some(SIGBUS), "cut to {len} bytes: {status:?}");
            "signal"
        }
    }
}

/// F16: with reads in place a foreign cut gives right values, an error, or the end of the process by SIGBUS; never a wrong value.
#[test]
fn f16_foreign_cut_under_mapped_reads() {
    let folder = Folder::new();
    let whole = store(&folder);
    let bytes = std::fs::read(&whole).expect("the file");
    let mut seen = std::collections::BTreeMap::new();
    let blocks = bytes.len() as u64 / 4096;
    let lens = (0..=blocks).step_by(blocks.div_ceil(24) as usize).map(|block| (block * 4096, true));
    // In the middle of a block only where nothing was checked yet.
    let odd = (0..blocks).step_by(blocks.div_ceil(12) as usize).map(|block| (block * 4096 + 1000, false));
    for (n, (len, before)) in lens.chain(odd).enumerate() {
        let path = folder.write(&format!("{n}.ring"), &bytes);
        *seen.entry(cut_under(&path, len, before, Reads::Mapped)).or_insert(0) += 1;
        std::fs::remove_file(&path).expect("it is there");
    }
    figure("f16_foreign_cut_under_mapped_reads", &format!("{seen:?}"));
    assert!(seen.contains_key("signal"), "no cut was felt: {seen:?}");
}

/// F16: with copied reads a foreign cut gives right values or a clear error, wherever it is and whatever was read before; the process goes on.
#[test]
fn f16_foreign_cut_under_copied_reads() {
    let folder = Folder::new();
    let whole = store(&folder);
    let bytes = std::fs::read(&whole).expect("the file");
    let mut seen = std::collections::BTreeMap::new();
    let blocks = bytes.len() as u64 / 4096;
    let starts = (0..=blocks).step_by(blocks.div_ceil(18) as usize).map(|block| block * 4096);
    let lens = starts.flat_map(|start| [start, start + 1000]).filter(|len| *len < bytes.len() as u64).chain([bytes.len() as u64]);
    for (n, len) in lens.enumerate() {
        let path = folder.write(&format!("{n}.ring"), &bytes);
        *seen.entry(cut_under(&path, len, n % 3 != 0, Reads::Copied)).or_insert(0) += 1;
        std::fs::remove_file(&path).expect("it is there");
    }
    figure("f16_foreign_cut_under_copied_reads", &format!("{seen:?}"));
    assert_eq!(seen.get("all"), Some(&1), "only where nothing was cut: {seen:?}");
}
