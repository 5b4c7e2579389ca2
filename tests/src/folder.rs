//! A place for a test's files.
//!
//! It vanishes with the test, also when the test fails. With `TREERING_KEEP` set it stays, and its path is printed.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

/// A fresh folder of the test's own.
#[derive(Debug)]
pub struct Folder {
    dir: TempDir,
}

impl Folder {
    /// A new, empty folder.
    ///
    /// # Panics
    /// If the system's folder for temporary files cannot be written.
    #[must_use]
    #[allow(clippy::print_stdout, reason = "whoever asks to keep a folder wants to know where it is")]
    pub fn new() -> Folder {
        let mut dir = tempfile::Builder::new().prefix("treering-").tempdir().expect("a temporary folder can be made");
        if env::var_os("TREERING_KEEP").is_some() {
            dir.disable_cleanup(true);
            println!("kept: {}", dir.path().display());
        }
        Folder { dir }
    }

    /// The folder itself.
    #[must_use]
    pub fn path(&self) -> &Path {
        self.dir.path()
    }

    /// Path of a file in it, whether it exists or not.
    #[must_use]
    pub fn file(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// Writes a file with these bytes and gives its path: a store as a kill at this moment would leave it.
    ///
    /// # Panics
    /// If the file cannot be written.
    #[must_use]
    pub fn write(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.file(name);
        fs::write(&path, bytes).expect("a file in the test's folder can be written");
        path
    }

    /// Names of everything in it, sorted: what a test must not leave behind can be seen here.
    ///
    /// # Panics
    /// If the folder cannot be listed.
    #[must_use]
    pub fn names(&self) -> Vec<String> {
        let entries = fs::read_dir(self.path()).expect("the test's folder can be listed");
        let mut names: Vec<String> =
            entries.map(|e| e.expect("an entry can be read").file_name().to_string_lossy().into_owned()).collect();
        names.sort();
        names
    }
}

impl Default for Folder {
    fn default() -> Self {
        Folder::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Nothing is left when the folder is dropped.
    #[test]
    fn folder_vanishes() {
        let folder = Folder::new();
        let path = folder.write("b", b"x");
        assert!(folder.write("a", b"").exists());
        assert_eq!(folder.names(), ["a", "b"]);
        drop(folder);
        assert!(env::var_os("TREERING_KEEP").is_some() || !path.exists());
    }
}
