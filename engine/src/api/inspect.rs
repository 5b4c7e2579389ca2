//! Looking at a store: who it is, what stands where in its file, which commits its log still holds.

use std::ops::ControlFlow;
use std::path::Path;

use crate::error::Result;
use crate::inspect::commits::{self, Commit, LogSummary};
use crate::inspect::identity::Identity;
use crate::inspect::layout::Region;

use super::Store;

impl Store {
    /// Who this store is: what its header says once for all.
    #[must_use]
    pub fn identity(&self) -> Identity {
        self.machine().about()
    }

    /// The file as a map at this moment: regions ascending by offset, without a gap or an overlap, up to the file's length. O(extents); commits wait meanwhile.
    #[must_use]
    pub fn layout(&self) -> Vec<Region> {
        self.machine().layout()
    }
}

/// Lends each commit that the log of the store at `path` still holds to `each`, ascending by version from version `from` on (included), until it breaks. Changes no byte.
///
/// The log is no archive: once a seal has absorbed commits, their segment is used again when it is full. [`LogSummary::oldest`] says how far back it reaches.
///
/// # Errors
/// `NotFound`; `Locked` while somebody writes; `NotAStore`; `Unsupported`; `Corrupt`; `Io`.
///
/// Cost: reads the log's segments twice; a segment and a commit's changes are in memory at a time.
///
/// ```no_run
/// # fn main() -> treering::Result<()> {
/// let path = "cluster.ring";
/// let store = treering::Store::open(path)?;
/// let txn = store.begin_write()?;
/// txn.create_table("tasks")?.insert(b"task-1", b"PENDING")?;
/// txn.commit()?;
/// store.close()?;
///
/// let mut changes = 0;
/// let summary = treering::commits(path, 0, |commit| {
///     changes += commit.changes.len();
///     std::ops::ControlFlow::Continue(())
/// })?;
/// assert_eq!((summary.version, summary.oldest, changes), (1, Some(1), 2));
/// # Ok(()) }
/// ```
pub fn commits(path: impl AsRef<Path>, from: u64, mut each: impl FnMut(&Commit<'_>) -> ControlFlow<()>) -> Result<LogSummary> {
    commits::commits(path.as_ref(), from, &mut each)
}
