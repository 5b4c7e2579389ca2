//! A new file that has its name only when it is whole and on the medium.

use std::fs::{File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};

use super::io_error;
use crate::error::{Error, ErrorKind, Result};

/// A file under another name beside the one that it is made for. Dropped before [`NewFile::place`] it leaves nothing behind.
pub(super) struct NewFile {
    path: PathBuf,
    beside: PathBuf,
    file: File,
}

impl NewFile {
    /// Begins the file that is to stand at `path`.
    ///
    /// # Errors
    /// `Exists` if something stands there: nothing is overwritten. `Io`.
    pub(super) fn begin(path: &str) -> Result<NewFile> {
        let path = PathBuf::from(path);
        if path.symlink_metadata().is_ok() {
            return Err(taken(&path));
        }
        let mut name = path.clone().into_os_string();
        let number = getrandom::u64().map_err(|error| io_error("name", &quoted(&path), &io::Error::other(error.to_string())))?;
        name.push(format!(".tmp-{number:016x}"));
        let beside = PathBuf::from(name);
        let mut options = OpenOptions::new();
        options.write(true).create_new(true);
        // It holds all that the database holds: its owner's alone, as the engine's files are.
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let file = options.open(&beside).map_err(|error| io_error("create", &quoted(&path), &error))?;
        Ok(NewFile { path, beside, file })
    }

    pub(super) fn writer(&mut self) -> &mut File {
        &mut self.file
    }

    /// Gives the file its name, when its bytes are on the medium.
    ///
    /// # Errors
    /// `Exists` if something got that name meanwhile; `Io`. The file is gone then.
    pub(super) fn place(self) -> Result<()> {
        let failed = |error: &io::Error| io_error("write", &quoted(&self.path), error);
        self.file.sync_all().map_err(|error| failed(&error))?;
        // A second name never overwrites; the first one goes when this is dropped.
        match std::fs::hard_link(&self.beside, &self.path) {
            Ok(()) => (),
            Err(_) if self.path.symlink_metadata().is_ok() => return Err(taken(&self.path)),
            // A file system without second names: between the look and the renaming somebody else may make the file, and lose it.
            Err(_) => std::fs::rename(&self.beside, &self.path).map_err(|error| failed(&error))?,
        }
        sync_parent(&self.path).map_err(|error| failed(&error))
    }
}

impl Drop for NewFile {
    fn drop(&mut self) {
        // Nothing depends on it: a file that cannot be removed is found by its name. If it was renamed it is not there.
        let _ = std::fs::remove_file(&self.beside);
    }
}

/// Makes the names in the file's folder durable, where the platform can.
fn sync_parent(path: &Path) -> io::Result<()> {
    if !cfg!(unix) {
        return Ok(());
    }
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    File::open(parent)?.sync_all()
}

fn taken(path: &Path) -> Error {
    Error::new(ErrorKind::Exists, format!("{} exists and is not overwritten", quoted(path))).with_state("58P02")
}

fn quoted(path: &Path) -> String {
    format!("'{}'", path.display())
}
