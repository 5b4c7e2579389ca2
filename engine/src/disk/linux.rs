//! What Linux can do better than the portable disk: reserve and punch without writing, and write through the cache.
//!
//! A file system that cannot do one of these says so, and the portable way is taken.

use std::fs::File;
use std::io::{self, IoSlice};
use std::num::NonZeroU64;
use std::os::fd::AsRawFd;
use std::os::unix::fs::FileExt;
use std::path::Path;

use rustix::fs::{Advice, AtFlags, CWD, FallocateFlags, Mode, OFlags, fadvise, fallocate, linkat, openat};
use rustix::io::{Errno, ReadWriteFlags, pwritev2};

use super::transfer::write_all;
use crate::format::Extent;

/// Where the system shows this process' descriptors as links to their files.
const DESCRIPTORS: &str = "/proc/self/fd";

/// Reads at most `into.len()` bytes; 0 at the end of the file.
pub(super) fn read_some(file: &File, into: &mut [u8], offset: u64) -> io::Result<usize> {
    file.read_at(into, offset)
}

/// Writes at least one byte of `bytes`, if there is one and no error.
pub(super) fn write_some(file: &File, bytes: &[u8], offset: u64) -> io::Result<usize> {
    file.write_at(bytes, offset)
}

/// Writes all of `bytes`; they are on the medium when it returns.
pub(super) fn write_through(file: &File, bytes: &[u8], offset: u64) -> io::Result<()> {
    let dsync = |bytes: &[u8], offset| Ok(pwritev2(file, &[IoSlice::new(bytes)], offset, ReadWriteFlags::DSYNC)?);
    match write_all(bytes, offset, dsync) {
        Err(error) if is_unsupported(&error) => {
            write_all(bytes, offset, |bytes, offset| write_some(file, bytes, offset))?;
            file.sync_data()
        }
        done => done,
    }
}

/// The same file opened once more, not duplicated: the system tells each of the two of a failed write-back, so that neither takes the other's error. None without
/// a mounted `/proc`.
pub(super) fn reopen(file: &File) -> Option<File> {
    let path = format!("{DESCRIPTORS}/{}", file.as_raw_fd());
    File::options().read(true).write(true).open(path).ok()
}

/// An empty file without a name in `directory`, for its owner alone. It ends with its last descriptor, unless [`give_name`] gives it a name. None, where the
/// file system cannot, or could not name it afterwards for want of a mounted `/proc`.
pub(super) fn create_unnamed(directory: &Path) -> Option<File> {
    if !Path::new(DESCRIPTORS).exists() {
        return None;
    }
    let flags = OFlags::TMPFILE | OFlags::RDWR | OFlags::CLOEXEC;
    openat(CWD, directory, flags, Mode::RUSR | Mode::WUSR).ok().map(File::from)
}

/// Gives the name `path`, which nothing may have, to a file that has none.
pub(super) fn give_name(file: &File, path: &Path) -> io::Result<()> {
    let unnamed = format!("{DESCRIPTORS}/{}", file.as_raw_fd());
    Ok(linkat(CWD, unnamed, CWD, path, AtFlags::SYMLINK_FOLLOW)?)
}

/// Allocates the extent; `false` if this file system cannot.
pub(super) fn reserve(file: &File, extent: Extent) -> io::Result<bool> {
    allocate(file, FallocateFlags::empty(), extent)
}

/// Frees the extent; `false` if this file system cannot.
pub(super) fn punch(file: &File, extent: Extent) -> io::Result<bool> {
    allocate(file, FallocateFlags::PUNCH_HOLE | FallocateFlags::KEEP_SIZE, extent)
}

/// Starts to read the extent into the cache.
pub(super) fn will_need(file: &File, extent: Extent) {
    // A hint: a failure changes nothing.
    let _ = fadvise(file, extent.offset, NonZeroU64::new(extent.len), Advice::WillNeed);
}

/// Drops what the cache has of the extent, but for what was not written yet and what a map holds.
pub(super) fn forget(file: &File, extent: Extent) {
    // A hint: a failure changes nothing.
    let _ = fadvise(file, extent.offset, NonZeroU64::new(extent.len), Advice::DontNeed);
}

fn allocate(file: &File, flags: FallocateFlags, extent: Extent) -> io::Result<bool> {
    loop {
        match fallocate(file, flags, extent.offset, extent.len).map_err(io::Error::from) {
            Ok(()) => return Ok(true),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) if is_unsupported(&error) => return Ok(false),
            Err(error) => return Err(error),
        }
    }
}

fn is_unsupported(error: &io::Error) -> bool {
    [Errno::OPNOTSUPP, Errno::NOSYS].iter().any(|errno| error.raw_os_error() == Some(errno.raw_os_error()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The second opening is of the same file, also when its name is gone, and has a position of its own: it is no duplicate.
    #[test]
    fn reopened_file_is_opened_apart() {
        use std::io::{Read, Seek};
        let path = std::env::temp_dir().join(format!("treering-reopen-{}", std::process::id()));
        let mut file = File::options().read(true).write(true).create_new(true).open(&path).unwrap();
        std::fs::remove_file(&path).unwrap();
        file.write_at(b"ring", 0).unwrap();
        // Without `/proc` there is nothing to show.
        let Some(mut again) = reopen(&file) else { return };
        file.seek(io::SeekFrom::End(0)).unwrap();
        let mut text = String::new();
        again.read_to_string(&mut text).unwrap();
        assert_eq!(text, "ring");
    }
}
