//! One opener that writes, or many that read (L12).
//!
//! Two locks, taken in this order: a list of the files that this process has open, by device and inode, so that no alias of a path and no file
//! system whose locks belong to processes fools us; and the operating system's lock on the open file, which other processes see and which
//! goes away with the process and its children of fork. Such a child shares the descriptor and with it the lock: it is told so, and neither writes nor
//! unlocks; whoever closes a file unlocks it for all copies, and a child that outlives a parent who did not close it keeps the file locked.

use std::fs::{File, Metadata, TryLockError};
use std::path::Path;

use parking_lot::Mutex;

use super::file::Access;
use crate::error::{Error, ErrorKind, Result};

/// What tells files apart: device and inode.
#[cfg(unix)]
type Identity = (u64, u64);
/// What tells files apart: the canonical path.
#[cfg(not(unix))]
type Identity = std::path::PathBuf;

/// The files that this process has open. An entry per handle, two for one file only if both read.
static OPEN: Mutex<Vec<Entry>> = Mutex::new(Vec::new());

/// One handle.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Entry {
    identity: Identity,
    access: Access,
    /// Who opened it: a child of fork finds the entries of its parent in its copy of the list, and they are none of its own.
    process: u32,
}

/// An entry of [`OPEN`]; dropped after the file was closed.
#[derive(Debug)]
pub(super) struct Registration(Entry);

impl Drop for Registration {
    fn drop(&mut self) {
        let mut open = OPEN.lock();
        if let Some(at) = open.iter().position(|entry| *entry == self.0) {
            open.swap_remove(at);
        }
    }
}

/// Locks `file`, which was opened at `at` and has `metadata`, until it is closed and the result dropped. Without `at` it has no name yet; messages call it `path`.
///
/// # Errors
/// `Locked`, naming the holder where the system tells; `Io`.
pub(super) fn lock(file: &File, metadata: &Metadata, path: &Path, access: Access, at: Option<&Path>) -> Result<Registration> {
    let registration =
        register(identity(metadata, at.unwrap_or(path))?, access).ok_or_else(|| locked(path, "another handle of this process"))?;
    let result = match access {
        Access::Read => file.try_lock_shared(),
        Access::Write => file.try_lock(),
    };
    match result {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => return Err(locked(path, &holder(metadata))),
        Err(TryLockError::Error(error)) => return Err(Error::io("lock", path.display(), error)),
    }
    let Some(at) = at else { return Ok(registration) };
    // Between open and lock the path may have been given to another file: what we hold would be a file without a name.
    let again = std::fs::metadata(at).map_err(|error| Error::io("open", path.display(), error));
    match again.and_then(|again| identity(&again, at)) {
        Ok(identity) if identity == registration.0.identity => Ok(registration),
        other => {
            // A copy of the descriptor, in a child of fork, would keep it. If that fails, closing the file unlocks it.
            let _ = file.unlock();
            Err(other.err().unwrap_or_else(|| locked(path, "whoever replaced it while it was opened")))
        }
    }
}

fn register(identity: Identity, access: Access) -> Option<Registration> {
    let entry = Entry { identity, access, process: std::process::id() };
    let mut open = OPEN.lock();
    let clash = |held: &Entry| {
        let both_read = access == Access::Read && held.access == Access::Read;
        held.identity == entry.identity && held.process == entry.process && !both_read
    };
    if open.iter().any(clash) {
        return None;
    }
    open.push(entry.clone());
    Some(Registration(entry))
}

/// The error of a child of fork that uses what `process` has opened.
pub(super) fn inherited(name: &str, process: u32) -> Error {
    let what = format!("{name} is in use by process {process}, of which this one is a fork; open it in one of the two alone");
    Error::new(ErrorKind::Locked, what)
}

fn locked(path: &Path, holder: &str) -> Error {
    Error::new(ErrorKind::Locked, format!("{} is in use by {holder}; close it there first", path.display()))
}

#[cfg(unix)]
fn identity(metadata: &Metadata, _: &Path) -> Result<Identity> {
    use std::os::unix::fs::MetadataExt;
    Ok((metadata.dev(), metadata.ino()))
}

#[cfg(not(unix))]
fn identity(_: &Metadata, path: &Path) -> Result<Identity> {
    path.canonicalize().map_err(|error| Error::io("open", path.display(), error))
}

/// Who holds the lock, in words.
#[cfg(all(target_os = "linux", not(feature = "portable")))]
fn holder(metadata: &Metadata) -> String {
    use std::os::unix::fs::MetadataExt;
    let device = metadata.dev();
    let id = format!("{:02x}:{:02x}:{}", rustix::fs::major(device), rustix::fs::minor(device), metadata.ino());
    let locks = std::fs::read_to_string("/proc/locks").unwrap_or_default();
    match find_holder(&locks, &id) {
        Some(pid) => format!("process {pid}"),
        None => "another process".to_owned(),
    }
}

#[cfg(not(all(target_os = "linux", not(feature = "portable"))))]
fn holder(_: &Metadata) -> String {
    "another process".to_owned()
}

/// The process that holds a `FLOCK` lock on the file `id` ("major:minor:inode"), by the text of `/proc/locks`:
/// `1: FLOCK  ADVISORY  WRITE 1234 08:01:5678 0 EOF`. Lines of waiters have an arrow in the second place. A process of
/// another container has no number here, and shows as 0 or less.
#[cfg(all(target_os = "linux", not(feature = "portable")))]
fn find_holder(locks: &str, id: &str) -> Option<u32> {
    locks.lines().find_map(|line| {
        let mut words = line.split_ascii_whitespace().skip(1);
        let is_lock = words.next() == Some("FLOCK");
        let pid = words.nth(2)?.parse().ok().filter(|pid| *pid > 0)?;
        (is_lock && words.next() == Some(id)).then_some(pid)
    })
}

#[cfg(all(test, target_os = "linux", not(feature = "portable")))]
mod tests {
    use super::*;

    /// The holder is read from a line for this very file, and only from a holder's line.
    #[test]
    fn holder_is_found() {
        let locks = "1: FLOCK  ADVISORY  WRITE 11 fe:00:77 0 EOF\n\
                     2: POSIX  ADVISORY  WRITE 12 fe:00:78 0 EOF\n\
                     3: -> FLOCK  ADVISORY  WRITE 13 fe:00:78 0 EOF\n\
                     4: FLOCK  ADVISORY  READ 14 fe:00:78 0 EOF\n\
                     5: FLOCK  ADVISORY  READ -1 fe:00:79 0 EOF\n";
        assert_eq!(find_holder(locks, "fe:00:78"), Some(14));
        assert_eq!(find_holder(locks, "fe:00:77"), Some(11));
        assert_eq!(find_holder(locks, "fe:00:79"), None);
        assert_eq!(find_holder("nonsense\n", "fe:00:79"), None);
    }
}
