//! A file that appears under its name whole, on the medium, or not at all: what `backup` and `restore` make.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use tempfile::{Builder, TempDir, TempPath};

use crate::error::{Error, Exit, Result};
use crate::interrupt::Temporary;

/// A file in the making, in a folder of its own beside where it is to stand.
pub(crate) struct NewFile {
    to: PathBuf,
    making: PathBuf,
    /// Removed with all that is in it, also by Ctrl-C.
    _folder: Temporary,
}

impl NewFile {
    /// Begins one that is to stand at `to`, where nothing may stand yet.
    pub(crate) fn begin(to: &Path) -> Result<NewFile> {
        let Some(name) = to.file_name() else {
            return Err(Error::usage(format!("{} names no file", to.display())));
        };
        if to.symlink_metadata().is_ok() {
            return Err(exists(to));
        }
        let beside = parent(to);
        let folder = Builder::new().prefix(".treering-").tempdir_in(beside).map(TempDir::keep);
        let folder = Temporary::new(folder.map_err(|e| Error::io("making a file in", beside, &e))?);
        Ok(NewFile { to: to.to_owned(), making: folder.path().join(name), _folder: folder })
    }

    /// Where to write it: nothing stands there yet.
    pub(crate) fn path(&self) -> &Path {
        &self.making
    }

    /// Gives the finished file, whose contents are on the medium, its name, and makes the name durable.
    pub(crate) fn place(self) -> Result {
        let place = |e: &io::Error| Error::io("giving the new file its name", &self.to, e);
        let made = TempPath::try_from_path(&self.making).map_err(|e| place(&e))?;
        made.persist_noclobber(&self.to).map_err(|e| match e.error.kind() {
            io::ErrorKind::AlreadyExists => exists(&self.to),
            _ => place(&e.error),
        })?;
        sync_folder(parent(&self.to)).map_err(|e| Error::io("syncing the folder of", &self.to, &e))
    }
}

fn exists(path: &Path) -> Error {
    Error::Told(Exit::Usage, format!("{} is there already; it stays as it is", path.display()))
}

fn parent(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if parent != Path::new("") => parent,
        _ => Path::new("."),
    }
}

/// A name is on the medium once its folder is. Systems that cannot sync a folder do it by themselves.
fn sync_folder(folder: &Path) -> io::Result<()> {
    if cfg!(unix) { File::open(folder)?.sync_all() } else { Ok(()) }
}
