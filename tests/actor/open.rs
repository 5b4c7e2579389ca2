//! Opens a store beside others, and tells what came of it.

use std::io::Read;
use std::path::Path;

use treering::{BlobForm, Create, Options, Reads, Result, Store};

use crate::say;

/// Opens the store for writing, for reading, or for reading with copies of which none is kept; never creates one.
pub(crate) fn opened(path: &Path, how: &str) -> Result<Store> {
    let options = Options::new().background(false).create(Create::Never);
    match how {
        "write" => options.open(path),
        "copied" => options.reads(Reads::Copied).cache_bytes(0).open_read_only(path),
        _ => options.open_read_only(path),
    }
}

/// Opens, tells, closes.
pub(crate) fn open(path: &Path, how: &str) {
    match opened(path, how) {
        Ok(store) => say(format_args!("version {}", store.version())),
        Err(e) => say(format_args!("{e:?}")),
    }
}

/// Opens a store that may not be there yet, tells, closes.
pub(crate) fn create(path: &Path) {
    match Options::new().background(false).open(path) {
        Ok(store) => say(format_args!("version {}", store.version())),
        Err(e) => say(format_args!("{e:?}")),
    }
}

/// Creates a store with an entry in it, backs it up, and restores the backup, in files beside each other; tells what came of it.
pub(crate) fn files(path: &Path) {
    let make = || -> Result<()> {
        let store = Options::new().background(false).create(Create::New).open(path)?;
        say("made");
        let txn = store.begin_write()?;
        txn.ensure_table("t")?.insert(b"key", b"value")?;
        txn.commit()?;
        let backup = path.with_extension("backup");
        store.snapshot().backup_to(&backup, BlobForm::Lz4)?;
        treering::restore(&backup, path.with_extension("restored"))?;
        store.close()
    };
    say(format_args!("{:?}", make()));
}

/// Opens, tells, and keeps it until the input ends.
pub(crate) fn hold(path: &Path, how: &str) {
    let store = opened(path, how);
    match &store {
        Ok(store) => say(format_args!("version {}", store.version())),
        Err(e) => say(format_args!("{e:?}")),
    }
    // Until whoever started this lets go.
    let _ = std::io::stdin().read_to_end(&mut Vec::new());
}

/// Tells which files a program has open that was started while the store was open.
#[cfg(target_os = "linux")]
pub(crate) fn descriptors(path: &Path) {
    let store = opened(path, "write");
    let listed = std::process::Command::new("ls").args(["-l", "/proc/self/fd"]).output().expect("ls runs");
    let text = String::from_utf8_lossy(&listed.stdout).into_owned();
    let name = path.file_name().expect("a file's path").to_string_lossy().into_owned();
    let own =
        std::fs::read_dir("/proc/self/fd").expect("own descriptors").filter_map(|entry| entry.ok()?.path().read_link().ok());
    say(format_args!("own {}", own.filter(|target| target.to_string_lossy().contains(&name)).count()));
    say(format_args!("inherited {}", text.lines().filter(|line| line.contains(&name)).count()));
    drop(store);
}
