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

/// Creates an empty file with a random name in the directory of `path`, as [`FileDisk::create`] does.
pub(super) fn create_temporary(path: &Path) -> Result<(FileDisk, PathBuf)> {
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

/// A new file under a name of its own beside the path that it is made for: it takes that path when it is whole, and is removed if that never comes.
pub struct Temporary {
    beside: PathBuf,
    placed: bool,
}

impl Temporary {
    /// Begins the file that is to stand at `path`, where nothing stands.
    ///
    /// # Errors
    /// `Exists` if something stands there; `Invalid` if `path` has no file name; as [`FileDisk::create`].
    pub fn begin(path: &Path) -> Result<(FileDisk, Temporary)> {
        if std::fs::symlink_metadata(path).is_ok() {
            return Err(Error::new(ErrorKind::Exists, format!("{} exists and is not overwritten", path.display())));
        }
        let (disk, beside) = create_temporary(path)?;
        Ok((disk, Temporary { beside, placed: false }))
    }

    /// Begins a file in the system's directory for files that nobody keeps.
    ///
    /// # Errors
    /// As [`FileDisk::create`].
    pub fn scratch() -> Result<(FileDisk, Temporary)> {
        let (disk, beside) = create_temporary(&std::env::temp_dir().join("treering"))?;
        Ok((disk, Temporary { beside, placed: false }))
    }

    /// Gives the file, which must be synced, the name `path`, and makes that durable.
    ///
    /// # Errors
    /// `Exists` if something got that name meanwhile; `Io`. The file is removed then.
    pub fn place(mut self, path: &Path) -> Result<()> {
        let failed = |error| Error::io("name", format_args!("{} {}", self.beside.display(), path.display()), error);
        match std::fs::hard_link(&self.beside, path) {
            // A second name never overwrites; the first one goes when `self` is dropped.
            Ok(()) => {}
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => return Err(failed(error)),
            // A file system without second names: between the look and the renaming somebody else may make the file, and lose it.
            Err(error) if std::fs::symlink_metadata(path).is_ok() => return Err(failed(error)),
            Err(_) => {
                std::fs::rename(&self.beside, path).map_err(failed)?;
                self.placed = true;
            }
        }
        drop(self);
        sync_parent_dir(path)
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        if !self.placed {
            // Nothing depends on it: a file that cannot be removed is found by its name.
            let _ = std::fs::remove_file(&self.beside);
        }
    }
}
