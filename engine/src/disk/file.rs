//! A disk that is one locked file.
//!
//! Opened once and from then on known by its descriptor: the path is not followed again. What differs between
//! platforms stands in the `platform` module; the loops, the messages and the length are kept here.

use std::fs::{File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

use memmap2::{MmapOptions, MmapRaw};
use parking_lot::Mutex;

use super::lock::{Registration, inherited, lock};
use super::map::Windows;
use super::paths::Beside;
use super::transfer::{read_all, write_all};
use super::{Disk, end_of, platform, too_short};
use crate::error::{Error, ErrorKind, Result};
use crate::format::Extent;

/// Zeros are written in pieces of this many bytes: 1 MiB.
const ZEROS_LEN: usize = 1 << 20;

/// Permission bits of what nobody but its owner is to read or write.
pub(crate) const OWNER_ALONE: u32 = 0o600;

/// What a disk is opened for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Access {
    /// Reading, beside other readers; no byte of the file changes.
    Read,
    /// Reading and writing, alone.
    Write,
}

/// A file as a disk. It is locked while this lives, see [`Access`].
pub struct FileDisk {
    // Constant after open.
    path: PathBuf,
    name: String,
    access: Access,
    // Set once: what messages call it from then on.
    shown: OnceLock<String>,
    // Own synchronisation. They drop in this order: a map keeps the file open, the file holds the lock, and the process forgets it last.
    windows: Windows,
    file: File,
    /// For `write_through`: has its errors told apart from those of `sync_data`, where the platform can.
    aside: Option<File>,
    len: AtomicU64,
    /// None when it was released.
    registration: Mutex<Option<Registration>>,
    /// Constant: who opened it.
    process: u32,
}

impl FileDisk {
    /// Opens the file at `path`, which must exist. Symbolic links are followed.
    ///
    /// # Errors
    /// `NotFound`; `NotAStore` for a directory or another thing that is no regular file; `Locked` if another handle of this process or another
    /// process has it for writing, or has it at all and `access` is [`Access::Write`]; `Io`.
    pub fn open(path: &Path, access: Access) -> Result<FileDisk> {
        let failed = |error| Error::io("open", path.display(), error);
        // Before the open, which would wait on a pipe; and after it, on what was opened.
        refuse_special(path, &std::fs::metadata(path).map_err(failed)?)?;
        let file = OpenOptions::new().read(true).write(access == Access::Write).open(path).map_err(failed)?;
        FileDisk::with(file, path, access, Some(path))
    }

    /// Creates an empty file at `path`, which must not exist, for writing. Only its owner may read it (mode 0600 on Unix). Its name
    /// is durable after [`sync_parent_dir`](super::sync_parent_dir).
    ///
    /// # Errors
    /// As [`FileDisk::create_with`].
    pub fn create(path: &Path) -> Result<FileDisk> {
        FileDisk::create_with(path, OWNER_ALONE)
    }

    /// The same with these permission bits, from which the process' umask takes some away. Off Unix they say nothing.
    ///
    /// # Errors
    /// `Exists`; `NotAStore` if it is a directory; `NotFound` if the directory that is to hold it does not exist; `Io`.
    pub fn create_with(path: &Path, permissions: u32) -> Result<FileDisk> {
        FileDisk::create_at(path, path, permissions)
    }

    /// The same for a file that stands at `at` for now and is to stand at `path`, which is what messages call it.
    pub(super) fn create_at(at: &Path, path: &Path, permissions: u32) -> Result<FileDisk> {
        if let Ok(metadata) = std::fs::metadata(at) {
            refuse_special(path, &metadata)?;
        }
        let mut options = OpenOptions::new();
        options.read(true).write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, permissions);
        #[cfg(not(unix))]
        let _ = permissions;
        let file = options.open(at).map_err(|error| Error::io("create", path.display(), error))?;
        FileDisk::with(file, path, Access::Write, Some(at)).inspect_err(|_| {
            // It is ours: nothing stood there.
            let _ = std::fs::remove_file(at);
        })
    }

    /// A file that has no name yet and is to stand beside `path`.
    pub(super) fn unnamed(file: File, path: &Path) -> Result<FileDisk> {
        FileDisk::with(file, path, Access::Write, None)
    }

    /// `at` is where the file stands, if it has a name, and `path` what messages call it.
    fn with(file: File, path: &Path, access: Access, at: Option<&Path>) -> Result<FileDisk> {
        let stat = || file.metadata().map_err(|error| Error::io("open", path.display(), error));
        let metadata = stat()?;
        refuse_special(path, &metadata)?;
        let registration = lock(&file, &metadata, path, access, at)?;
        // The length of before the lock may be that of another writer's.
        let len = AtomicU64::new(stat()?.len());
        let (path, name) = (path.to_path_buf(), path.display().to_string());
        let aside = if access == Access::Write { platform::reopen(&file) } else { None };
        let registration = Mutex::new(Some(registration));
        let process = std::process::id();
        Ok(FileDisk { path, name, access, shown: OnceLock::new(), windows: Windows::new(), file, aside, len, registration, process })
    }

    /// From now on messages call it `name`, for good: who looks at a copy wants to hear of the file that it is a copy of.
    pub(crate) fn show_as(&self, name: &str) {
        self.shown.get_or_init(|| name.to_owned());
    }

    /// A second descriptor of the same open file, as a child of fork has it.
    #[cfg(test)]
    pub(super) fn duplicate(&self) -> File {
        self.file.try_clone().expect("a descriptor")
    }

    /// Loads the length. Acquire: who sees it sees the file that has it.
    fn current_len(&self) -> u64 {
        self.len.load(Ordering::Acquire)
    }

    /// The file, if it may be written: by this process, too, which costs little beside the system call that follows.
    fn writable(&self) -> Result<&File> {
        self.check_process()?;
        match self.access {
            Access::Write => Ok(&self.file),
            Access::Read => Err(Error::new(ErrorKind::ReadOnly, format!("{} is open for reading only", self.name))),
        }
    }

    /// The file has at least `end` bytes now.
    fn grown_to(&self, end: u64) {
        // Release: see `current_len`.
        self.len.fetch_max(end, Ordering::Release);
    }

    fn map(&self, offset: u64, len: usize) -> io::Result<MmapRaw> {
        MmapOptions::new().offset(offset).len(len).map_raw_read_only(&self.file)
    }

    fn write_zeros(&self, extent: Extent) -> Result<()> {
        let zeros = vec![0; ZEROS_LEN.min(extent.len as usize)];
        let mut done = 0;
        while done < extent.len {
            let piece = (extent.len - done).min(zeros.len() as u64);
            self.write_at(&zeros[..piece as usize], extent.offset + done)?;
            done += piece;
        }
        Ok(())
    }

    /// The error of `operation` at byte `offset`.
    fn failed(&self, operation: &str, offset: u64, error: io::Error) -> Error {
        Error::io(operation, format_args!("{} at byte {offset}", self.name()), error)
    }
}

impl std::fmt::Debug for FileDisk {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut out = f.debug_struct("FileDisk");
        out.field("name", &self.name).field("access", &self.access).field("len", &self.current_len()).finish_non_exhaustive()
    }
}

impl Drop for FileDisk {
    fn drop(&mut self) {
        // Closing the descriptor would not do: the child of a fork elsewhere in the process has its copy until it runs its program, and the lock with it.
        self.release();
    }
}

/// Refuses what is no regular file.
fn refuse_special(path: &Path, metadata: &std::fs::Metadata) -> Result<()> {
    let what = match metadata {
        metadata if metadata.is_file() => return Ok(()),
        metadata if metadata.is_dir() => "a directory",
        _ => "no regular file",
    };
    Err(Error::new(ErrorKind::NotAStore, format!("{} is {what}; a store is one regular file: check the path", path.display())))
}

impl Disk for FileDisk {
    fn scratch(&self) -> Result<Box<dyn Disk>> {
        let (disk, beside) = super::paths::create_temporary(&self.path)?;
        // Without a name it ends with its last descriptor, also when the process is killed.
        if let Beside::Named(path) = &beside {
            std::fs::remove_file(path).map_err(|error| Error::io("remove", path.display(), error))?;
        }
        Ok(Box::new(disk))
    }

    fn name(&self) -> &str {
        self.shown.get().unwrap_or(&self.name)
    }

    fn len(&self) -> Result<u64> {
        Ok(self.current_len())
    }

    fn read_at(&self, into: &mut [u8], offset: u64) -> Result<()> {
        let len = into.len();
        let known = self.current_len();
        if offset.checked_add(len as u64).is_none_or(|end| end > known) {
            return Err(too_short(self.name(), known, offset, len));
        }
        match read_all(into, offset, |into, offset| platform::read_some(&self.file, into, offset)) {
            Ok(()) => Ok(()),
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
                // Somebody else has cut it: name what it has now.
                let file_len = self.file.metadata().map_or(known, |metadata| metadata.len());
                Err(too_short(self.name(), file_len, offset, len))
            }
            Err(error) => Err(self.failed("read", offset, error)),
        }
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> Result<()> {
        let end = end_of(self.name(), offset, bytes.len() as u64)?;
        let file = self.writable()?;
        let written = write_all(bytes, offset, |bytes, offset| platform::write_some(file, bytes, offset));
        written.map_err(|error| self.failed("write", offset, error))?;
        if !bytes.is_empty() {
            self.grown_to(end);
        }
        Ok(())
    }

    fn write_through(&self, bytes: &[u8], offset: u64) -> Result<()> {
        let end = end_of(self.name(), offset, bytes.len() as u64)?;
        let file = self.writable()?;
        let written = platform::write_through(self.aside.as_ref().unwrap_or(file), bytes, offset);
        written.map_err(|error| self.failed("write through", offset, error))?;
        if !bytes.is_empty() {
            self.grown_to(end);
        }
        Ok(())
    }

    fn sync_data(&self) -> Result<()> {
        self.file.sync_data().map_err(|error| Error::io("sync", self.name(), error))
    }

    fn sync_all(&self) -> Result<()> {
        self.file.sync_all().map_err(|error| Error::io("sync", self.name(), error))
    }

    fn set_len(&self, len: u64) -> Result<()> {
        end_of(self.name(), 0, len)?;
        let file = self.writable()?;
        // A shorter length is known before it is true, a longer one after: a slice never reaches behind the file.
        self.len.fetch_min(len, Ordering::AcqRel);
        match file.set_len(len) {
            Ok(()) => self.grown_to(len),
            Err(error) => {
                self.grown_to(file.metadata().map_or(0, |metadata| metadata.len()));
                return Err(Error::io("set the length of", self.name(), error));
            }
        }
        Ok(())
    }

    fn reserve(&self, extent: Extent) -> Result<()> {
        let end = end_of(self.name(), extent.offset, extent.len)?;
        if extent.len == 0 {
            return Ok(());
        }
        let reserved = platform::reserve(self.writable()?, extent);
        if reserved.map_err(|error| self.failed("reserve", extent.offset, error))? {
            self.grown_to(end);
            Ok(())
        } else {
            self.write_zeros(extent)
        }
    }

    fn punch(&self, extent: Extent) -> Result<()> {
        end_of(self.name(), extent.offset, extent.len)?;
        let file = self.writable()?;
        if extent.len == 0 {
            return Ok(());
        }
        let punched = platform::punch(file, extent);
        punched.map(|_| ()).map_err(|error| self.failed("punch", extent.offset, error))
    }

    fn will_need(&self, extent: Extent) {
        platform::will_need(&self.file, extent);
    }

    fn check_process(&self) -> Result<()> {
        if std::process::id() == self.process { Ok(()) } else { Err(inherited(self.name(), self.process)) }
    }

    fn forget(&self, extent: Extent) {
        platform::forget(&self.file, extent);
    }

    fn release(&self) {
        // The lock belongs to the descriptor, which a child of fork shares: it is not the child's to let go.
        if self.check_process().is_err() {
            return;
        }
        let mut registration = self.registration.lock();
        if registration.is_none() {
            return;
        }
        // If that fails, the file stays locked until it is closed: others hear `Locked`, and nothing is lost.
        if self.file.unlock().is_ok() {
            *registration = None;
        }
    }

    #[allow(unsafe_code)] // Hands the caller's promise on.
    unsafe fn slice(&self, offset: u64, len: usize) -> Result<&[u8]> {
        // SAFETY: the caller's promise; `map` maps this file, readable.
        unsafe { self.windows.slice(self.name(), self.current_len(), offset, len, &|offset, len| self.map(offset, len)) }
    }
}
