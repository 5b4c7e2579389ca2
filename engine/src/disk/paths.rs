//! What is done to names and not to bytes: a file beside another, put in its place, and the durability of that.

use std::ffi::OsString;
use std::fs::File;
use std::path::{Path, PathBuf};

use super::FileDisk;
use crate::error::{Error, ErrorKind, Result};

/// Puts the names in the directory that holds `path` on the medium: a created or renamed file is there after a crash. Nothing, where
/// the system cannot sync a directory.
///
/// # Errors
/// `Io`, `NotFound`.
pub fn sync_parent_dir(path: &Path) -> Result<()> {
    let parent = match path.parent() {
        Some(parent) if parent != Path::new("") => parent,
        _ => Path::new("."),
    };
    if !cfg!(unix) {
        return Ok(());
    }
    let synced = File::open(parent).and_then(|directory| directory.sync_all());
    synced.map_err(|error| Error::io("sync directory", parent.display(), error))
}

/// Creates an empty file with a random name in the directory of `path`, as [`FileDisk::create`] does. What was written there goes to its place by
/// [`replace`]; who gives up removes it.
///
/// # Errors
/// As [`FileDisk::create`]; `Invalid` if `path` has no file name.
pub fn create_temporary(path: &Path) -> Result<(FileDisk, PathBuf)> {
    let Some(file_name) = path.file_name() else {
        return Err(Error::invalid(format!("{} names no file", path.display())));
    };
    loop {
        let mut random = [0; 8];
        getrandom::fill(&mut random)
            .map_err(|error| Error::io("draw random bytes for", path.display(), std::io::Error::other(error.to_string())))?;
        let mut name = OsString::from(".");
        name.push(file_name);
        name.push(format!(".{:016x}.tmp", u64::from_le_bytes(random)));
        let beside = path.with_file_name(name);
        match FileDisk::create(&beside) {
            // 2^64 names: it ends.
            Err(error) if error.kind() == ErrorKind::Exists => {}
            Err(error) => return Err(error),
            Ok(disk) => return Ok((disk, beside)),
        }
    }
}

/// Gives the file at `from`, which must be synced, the name `to` in the same directory, in place of what had it, and makes that durable. After a crash `to` names the
/// one or the other, whole.
///
/// # Errors
/// `Io`, `NotFound`; then `to` may name either.
pub fn replace(from: &Path, to: &Path) -> Result<()> {
    std::fs::rename(from, to)
        .map_err(|error| Error::io("rename", format_args!("{} to {}", from.display(), to.display()), error))?;
    sync_parent_dir(to)
}
