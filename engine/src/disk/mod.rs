//! The only room that touches the operating system: the [`Disk`] trait, the file, its map, and a disk in memory.
//!
//! ```text
//!            Disk (the contract; a simulated one in tests keeps it too)
//!           /                     \
//!   FileDisk: one locked file      MemoryDisk: no file at all
//!    | linux.rs / portable.rs      |
//!    \______ map.rs: windows of 16 GiB, mapped once, never moved ______/
//! ```
//! 1. Bytes lent by [`Disk::slice`] stay where they are while the disk lives: no window is ever remapped or unmapped.
//! 2. Every failure is an error that names the operation and the file. Nothing is retried here but what the system call itself
//!    left undone (a short transfer, an interrupt); above all no sync.
//! 3. A file that is open for writing is open once: over processes by a lock on the file, within a process by device and inode,
//!    whatever path leads there.
//! 4. A child of fork neither writes nor unlocks what its parent has open. That it does not read either is its own affair: the parent
//!    does not know of its readers and uses space again that they still look at.
//!
//! No caching, no policy, no knowledge of what the bytes mean. A failing medium or a foreign process that cuts the file below a
//! mapped byte raises SIGBUS at the access: the map cannot give an error. [`Disk::read_at`] can.

mod file;
mod lock;
pub(crate) mod map;
mod memory;
mod paths;
mod transfer;

#[cfg(all(target_os = "linux", not(feature = "portable")))]
mod linux;
#[cfg(all(target_os = "linux", not(feature = "portable")))]
use linux as platform;
#[cfg(not(all(target_os = "linux", not(feature = "portable"))))]
mod portable;
#[cfg(not(all(target_os = "linux", not(feature = "portable"))))]
use portable as platform;

#[cfg(test)]
pub(crate) mod narrow;
#[cfg(test)]
mod tests;

pub(crate) use file::OWNER_ALONE;
pub use file::{Access, FileDisk};
pub use memory::MemoryDisk;
#[cfg(feature = "internals")]
pub use paths::{NameStep, take_name_steps};
pub use paths::{Temporary, sync_parent_dir};

use crate::error::{Error, ErrorKind, Result};
use crate::format::Extent;
use crate::format::ids::WINDOW;

/// Longest disk: 1,024 windows of 16 GiB = 16 TiB, so that the list of windows has a fixed length.
pub const MAX_LEN: u64 = 1024 * WINDOW;

/// Hears how far the work on a file is: bytes that went through, and of how many. Its error ends the work.
pub(crate) type Watch<'a> = dyn FnMut(u64, u64) -> Result<()> + 'a;

/// One random-access store of bytes: what a store needs from a file.
///
/// All methods take `&self` and may be called from any thread. Calls on bytes that do not overlap do not influence each other;
/// a read beside a write of the same bytes gives any mix of old and new. An offset is in bytes from the start of the file.
pub trait Disk: Send + Sync {
    /// The file's path, or what else people know it by; for messages.
    fn name(&self) -> &str;

    /// Length in bytes, as of the open and what was done through this disk since. No system call.
    ///
    /// # Errors
    /// None by the disks of this room; a simulated disk may fail.
    fn len(&self) -> Result<u64>;

    /// Whether there is no byte.
    ///
    /// # Errors
    /// As [`Disk::len`].
    fn is_empty(&self) -> Result<bool> {
        Ok(self.len()? == 0)
    }

    /// Fills `into` with the bytes from `offset` on.
    ///
    /// # Errors
    /// `Corrupt` if the file ends before; `Io`. What `into` holds then is anything.
    fn read_at(&self, into: &mut [u8], offset: u64) -> Result<()>;

    /// Writes all of `bytes` from `offset` on; the file grows to hold them, a gap reads as zeros. Nothing is promised to be on the
    /// medium before [`Disk::sync_data`].
    ///
    /// # Errors
    /// `Full`, `ReadOnly` or `Io`. Any part may have been written then.
    fn write_at(&self, bytes: &[u8], offset: u64) -> Result<()>;

    /// [`Disk::write_at`], and these bytes are on the medium when it returns, with the length if it grew. Other bytes are not
    /// waited for where the system can tell them apart.
    ///
    /// # Errors
    /// As [`Disk::write_at`] and [`Disk::sync_data`].
    fn write_through(&self, bytes: &[u8], offset: u64) -> Result<()> {
        self.write_at(bytes, offset)?;
        self.sync_data()
    }

    /// Puts every byte whose write returned before this was called on the medium, with the length if it grew (FORMAT 2).
    ///
    /// # Errors
    /// `Io`: then nothing is known about any byte since the last sync that returned, and a second call that returns proves nothing.
    fn sync_data(&self) -> Result<()>;

    /// [`Disk::sync_data`] with all metadata.
    ///
    /// # Errors
    /// As [`Disk::sync_data`].
    fn sync_all(&self) -> Result<()>;

    /// Cuts the file or lengthens it with zeros. When it cuts, no slice and no other call reaches behind `len`: its caller sees to that.
    ///
    /// # Errors
    /// `Full`, `ReadOnly` or `Io`; the length is the old one or the new one then.
    fn set_len(&self, len: u64) -> Result<()>;

    /// Takes space for `extent`, so that a later write there does not fail for the lack of it; the file grows to hold it. The extent must be free: **what it held may
    /// be lost**. Where the system cannot reserve, zeros are written.
    ///
    /// # Errors
    /// `Full` if there is no space, `ReadOnly` or `Io`. Some of it may have been taken, and the file may have grown.
    fn reserve(&self, extent: Extent) -> Result<()>;

    /// Gives the space of `extent` back; the length stays. It reads as zeros or as before, and must be free. Nothing, where the system cannot.
    ///
    /// # Errors
    /// `ReadOnly` or `Io`.
    fn punch(&self, extent: Extent) -> Result<()>;

    /// An empty disk for what need not last: it goes away when it is dropped, or with the process.
    ///
    /// # Errors
    /// As creating a file beside this one.
    fn scratch(&self) -> Result<Box<dyn Disk>>;

    /// Fills `into` with random bytes: for identities and salts. The operating system's, unless a simulated disk repeats its own from a seed.
    ///
    /// # Errors
    /// `Io` if the system has none to give.
    fn random(&self, into: &mut [u8]) -> Result<()> {
        getrandom::fill(into)
            .map_err(|e| Error::new(ErrorKind::Io, format!("the operating system gave no random bytes: {e}")))
    }

    /// Says that `extent` is read soon. A hint: it never fails and may do nothing.
    fn will_need(&self, extent: Extent) {
        let _ = extent;
    }

    /// Says whether this process is the one that opened the disk. A child of fork has its parent's descriptors and a copy of its memory, which
    /// know nothing of each other from then on.
    ///
    /// # Errors
    /// `Locked`, naming the process that has it.
    fn check_process(&self) -> Result<()> {
        Ok(())
    }

    /// Says that what `extent` holds is to come from the medium when it is read next, not from what the system remembers. A hint: it never fails and may do nothing.
    fn forget(&self, extent: Extent) {
        let _ = extent;
    }

    /// Lets other openers in before this disk is dropped: what it lent may be held a little longer by somebody who does not look at it any more. Nothing is
    /// done with this disk afterwards.
    fn release(&self) {}

    /// The `len` bytes from `offset` on, in place: no copy, no lock. They live as long as the disk. The first slice of a window maps it.
    ///
    /// # Errors
    /// `Corrupt` if the file ends before, `Invalid` if they cross a window, `Io` if the window cannot be mapped.
    ///
    /// # Safety
    /// Nobody writes or punches these bytes, nor cuts the file below them, while the slice lives.
    #[allow(unsafe_code)] // The declaration alone; the promise is kept in map.rs.
    unsafe fn slice(&self, offset: u64, len: usize) -> Result<&[u8]>;
}

/// The end of `len` bytes from `offset` on, which are to be written or reserved.
fn end_of(name: &str, offset: u64, len: u64) -> Result<u64> {
    let end = offset.checked_add(len).filter(|end| *end <= MAX_LEN);
    end.ok_or_else(|| {
        Error::new(ErrorKind::Full, format!("{name}: {len} bytes at byte {offset} end behind the longest disk, {MAX_LEN} bytes"))
    })
}

/// The error of a read that ends behind the file.
fn too_short(name: &str, file_len: u64, offset: u64, len: usize) -> Error {
    Error::corrupt(name, format_args!("it ends at byte {file_len}, expected {len} bytes at byte {offset}"))
}
