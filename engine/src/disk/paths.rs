//! What is done to names and not to bytes: a file beside another, put in its place, and the durability of that.

use std::ffi::OsString;
use std::fs::File;
use std::path::{Path, PathBuf};

use super::{FileDisk, OWNER_ALONE, platform};
use crate::error::{Error, ErrorKind, Result};
use crate::planted::{Bug, planted};

/// Puts the names in the directory that holds `path` on the medium: a created or renamed file is there after a crash. Nothing, where
/// the system cannot sync a directory.
///
/// # Errors
/// `Io`, `NotFound`.
pub fn sync_parent_dir(path: &Path) -> Result<()> {
    if !cfg!(unix) || planted(Bug::LostRenameSync) {
        return Ok(());
    }
    let parent = parent_of(path);
    let synced = File::open(parent).and_then(|directory| directory.sync_all());
    synced.map_err(|error| Error::io("sync directory", parent.display(), error))?;
    #[cfg(feature = "internals")]
    note(NameStep::Synced(parent.to_owned()));
    Ok(())
}

/// The directory that holds `path`.
fn parent_of(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if parent != Path::new("") => parent,
        _ => Path::new("."),
    }
}

/// What was done to a name. A simulated disk has bytes and no names, so the order of these is looked at instead.
#[cfg(feature = "internals")]
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NameStep {
    /// A whole file got this name.
    Named(PathBuf),
    /// The names in this directory were put on the medium.
    Synced(PathBuf),
}

#[cfg(feature = "internals")]
thread_local! {
    static STEPS: std::cell::RefCell<Vec<NameStep>> = const { std::cell::RefCell::new(Vec::new()) };
}

#[cfg(feature = "internals")]
fn note(step: NameStep) {
    STEPS.with_borrow_mut(|steps| steps.push(step));
}

/// What this thread did to names since it was last asked.
#[cfg(feature = "internals")]
#[must_use]
pub fn take_name_steps() -> Vec<NameStep> {
    STEPS.take()
}

/// How a temporary file stands beside its path.
pub(super) enum Beside {
    /// Under a random name.
    Named(PathBuf),
    /// Without a name: nothing is left of it when the process is killed.
    Unnamed(File),
}

/// Creates an empty file in the directory of `path`, as [`FileDisk::create`] does: without a name where the system can, else with a random one.
pub(super) fn create_temporary(path: &Path) -> Result<(FileDisk, Beside)> {
    let Some(file_name) = path.file_name() else {
        return Err(Error::invalid(format!("{} names no file", path.display())));
    };
    if let Some(file) = platform::create_unnamed(parent_of(path)) {
        let failed = |error| Error::io("create a file beside", path.display(), error);
        let again = file.try_clone().map_err(failed)?;
        return Ok((FileDisk::unnamed(file, path)?, Beside::Unnamed(again)));
    }
    loop {
        let mut random = [0; 8];
        getrandom::fill(&mut random)
            .map_err(|error| Error::io("draw random bytes for", path.display(), std::io::Error::other(error.to_string())))?;
        let mut name = OsString::from(".");
        name.push(file_name);
        name.push(format!(".{:016x}.tmp", u64::from_le_bytes(random)));
        let beside = path.with_file_name(name);
        match FileDisk::create_at(&beside, path, OWNER_ALONE) {
            // 2^64 names: it ends.
            Err(error) if error.kind() == ErrorKind::Exists => {}
            Err(error) => return Err(error),
            Ok(disk) => return Ok((disk, Beside::Named(beside))),
        }
    }
}

/// A new file beside the path that it is made for: it takes that path when it is whole, and is gone if that never comes.
pub struct Temporary {
    /// None when it was placed.
    beside: Option<Beside>,
}

impl Temporary {
    /// Begins the file that is to stand at `path`, where nothing stands.
    ///
    /// # Errors
    /// `Exists` if something stands there; `Invalid` if `path` has no file name; as [`FileDisk::create`].
    pub fn begin(path: &Path) -> Result<(FileDisk, Temporary)> {
        if std::fs::symlink_metadata(path).is_ok() {
            let what = if path.file_name().is_some() { "is there already; it stays as it is" } else { "names no file" };
            return Err(Error::new(ErrorKind::Exists, format!("{} {what}", path.display())));
        }
        let (disk, beside) = create_temporary(path)?;
        Ok((disk, Temporary { beside: Some(beside) }))
    }

    /// Begins a file in the system's directory for files that nobody keeps.
    ///
    /// # Errors
    /// As [`FileDisk::create`].
    pub fn scratch() -> Result<(FileDisk, Temporary)> {
        let (disk, beside) = create_temporary(&std::env::temp_dir().join("treering"))?;
        Ok((disk, Temporary { beside: Some(beside) }))
    }

    /// Gives the file, which must be synced, the name `path`, and makes that durable.
    ///
    /// # Errors
    /// `Exists` if something got that name meanwhile; `Io`. The file is removed then.
    pub fn place(mut self, path: &Path) -> Result<()> {
        let is_gone = match &self.beside {
            Some(Beside::Named(beside)) => rename_to(beside, path)?,
            Some(Beside::Unnamed(file)) => {
                // It never overwrites.
                platform::give_name(file, path).map_err(|error| Error::io("name", path.display(), error))?;
                true
            }
            None => true,
        };
        if is_gone {
            self.beside = None;
        }
        drop(self);
        #[cfg(feature = "internals")]
        note(NameStep::Named(path.to_owned()));
        sync_parent_dir(path)
    }
}

/// Gives the file `beside` the name `path`; whether it lost its own by that.
fn rename_to(beside: &Path, path: &Path) -> Result<bool> {
    let failed = |error| Error::io("name", path.display(), error);
    match std::fs::hard_link(beside, path) {
        // A second name never overwrites; the first one goes when its owner is dropped.
        Ok(()) => Ok(false),
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => Err(failed(error)),
        // A file system without second names: between the look and the renaming somebody else may make the file, and lose it.
        Err(error) if std::fs::symlink_metadata(path).is_ok() => Err(failed(error)),
        Err(_) => std::fs::rename(beside, path).map(|()| true).map_err(failed),
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        if let Some(Beside::Named(beside)) = &self.beside {
            // Nothing depends on it: a file that cannot be removed is found by its name.
            let _ = std::fs::remove_file(beside);
        }
    }
}
