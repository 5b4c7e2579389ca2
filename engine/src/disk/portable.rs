//! The disk with `std` and memmap2 only: off Linux, or anywhere with the feature `portable`.

use std::fs::File;
use std::io;
use std::path::Path;

use super::transfer::write_all;
use crate::format::Extent;

/// Reads at most `into.len()` bytes; 0 at the end of the file.
pub(super) fn read_some(file: &File, into: &mut [u8], offset: u64) -> io::Result<usize> {
    #[cfg(unix)]
    return std::os::unix::fs::FileExt::read_at(file, into, offset);
    #[cfg(windows)]
    return std::os::windows::fs::FileExt::seek_read(file, into, offset);
}

/// Writes at least one byte of `bytes`, if there is one and no error.
pub(super) fn write_some(file: &File, bytes: &[u8], offset: u64) -> io::Result<usize> {
    #[cfg(unix)]
    return std::os::unix::fs::FileExt::write_at(file, bytes, offset);
    #[cfg(windows)]
    return std::os::windows::fs::FileExt::seek_write(file, bytes, offset);
}

/// Writes all of `bytes`; they are on the medium when it returns, and all that was written before too.
pub(super) fn write_through(file: &File, bytes: &[u8], offset: u64) -> io::Result<()> {
    write_all(bytes, offset, |bytes, offset| write_some(file, bytes, offset))?;
    file.sync_data()
}

/// Cannot open it once more without following its path: a failed sync is told to whoever asks first.
pub(super) fn reopen(_: &File) -> Option<File> {
    None
}

/// Cannot make a file without a name.
pub(super) fn create_unnamed(_: &Path) -> Option<File> {
    None
}

/// There is no file without a name.
pub(super) fn give_name(_: &File, _: &Path) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

/// Cannot allocate: `false`, and zeros are written.
pub(super) fn reserve(_: &File, _: Extent) -> io::Result<bool> {
    Ok(false)
}

/// Cannot free: `false`.
pub(super) fn punch(_: &File, _: Extent) -> io::Result<bool> {
    Ok(false)
}

/// Cannot hint.
pub(super) fn will_need(_: &File, _: Extent) {}

/// Cannot hint.
pub(super) fn forget(_: &File, _: Extent) {}
