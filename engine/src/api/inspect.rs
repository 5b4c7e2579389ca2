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

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::api::Options;
    use crate::api::tests::kill;
    use crate::disk::{Disk, MemoryDisk};
    use crate::inspect::commits::Action;
    use crate::inspect::layout::RegionKind;

    fn open(disk: &Arc<dyn Disk>) -> Store {
        Options::new().background(false).page_len(4096).segment_bytes(16 << 10).on(Arc::clone(disk)).expect("open")
    }

    fn value(version: u64) -> Vec<u8> {
        vec![version as u8; 100 + (version as usize * 997) % 5000]
    }

    /// The log gives every commit since the newest seal and none that was not made, in order and without a gap up to the newest, whatever ended
    /// each run of the store; and the regions of the layout lie end to end.
    #[test]
    fn the_log_gives_what_was_committed() {
        let disk: Arc<dyn Disk> = Arc::new(MemoryDisk::new("test"));
        let (mut version, mut longest) = (0_u64, 0);
        for round in 0..60 {
            let store = open(&disk);
            for _ in 0..round % 7 + 1 {
                version += 1;
                let txn = store.begin_write().expect("turn");
                txn.ensure_table("t").expect("table").insert(&version.to_be_bytes(), &value(version)).expect("insert");
                assert_eq!(txn.commit().expect("commit"), version);
            }
            check_layout(&store);
            match round % 5 {
                0 => assert_eq!(store.checkpoint().expect("checkpoint"), version),
                1 => store.close().expect("close"),
                2 => drop(store.compact().expect("compact")),
                // Killed: nothing is said to the disk.
                _ => kill(store),
            }
            longest = longest.max(check_log(&*disk, version));
        }
        assert!(longest > 5, "the log never reached back behind a seal: {longest}");
        assert!(open(&disk).check().expect("check").is_sound());
    }

    /// A commit too large for a record is listed where a checkpoint made it durable, without its changes; what came before and behind it has its own, and who breaks off is asked no more.
    #[test]
    fn a_commit_without_a_record_is_listed() {
        let disk: Arc<dyn Disk> = Arc::new(MemoryDisk::new("test"));
        let store = Options::new().background(false).record_bytes(1000).on(Arc::clone(&disk)).expect("open");
        for len in [10, 5000, 10, 10] {
            let txn = store.begin_write().expect("turn");
            txn.ensure_table("t").expect("table").insert(b"key", &vec![1; len]).expect("insert");
            txn.commit().expect("commit");
        }
        kill(store);
        let read = |from, most| {
            let mut listed = Vec::new();
            let each = &mut |commit: &Commit<'_>| {
                assert_eq!((commit.recorded, commit.bytes > 0), (!commit.changes.is_empty(), commit.recorded));
                listed.push((commit.version, commit.recorded));
                if listed.len() < most { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
            };
            let summary = commits::read(&*disk, from, each).expect("log");
            assert_eq!((summary.version, summary.sealed, summary.oldest), (4, 2, Some(1)));
            listed
        };
        assert_eq!(read(0, 9), [(1, true), (2, false), (3, true), (4, true)]);
        assert_eq!(read(2, 1), [(2, false)]);
        assert_eq!(read(3, 9), [(3, true), (4, true)]);
    }

    fn check_layout(store: &Store) {
        let layout = store.layout();
        assert_eq!(layout[0].kind, RegionKind::Headers);
        let mut at = 0;
        for region in &layout {
            assert_eq!(region.offset, at, "{layout:?}");
            at += region.len;
        }
        assert_eq!(at, store.stats().file_bytes);
        let open = layout.iter().filter(|region| matches!(region.kind, RegionKind::Segment { open: true })).count();
        assert_eq!(open, 1, "{layout:?}");
    }

    /// Gives how many commits there were beyond those that recovery needs.
    fn check_log(disk: &dyn Disk, version: u64) -> u64 {
        let mut versions = Vec::new();
        let each = &mut |commit: &Commit<'_>| {
            versions.push(commit.version);
            let last = commit.changes.last().expect("a change");
            let key = commit.version.to_be_bytes();
            assert_eq!(&*last.table, "t");
            assert_eq!(last.action, Action::Put { key: &key, value: &value(commit.version) });
            ControlFlow::Continue(())
        };
        let summary = commits::read(disk, 0, each).expect("log");
        assert_eq!((summary.version, summary.oldest), (version, versions.first().copied()));
        let oldest = summary.oldest.unwrap_or(version + 1);
        assert!(oldest <= summary.sealed + 1, "commits behind the seal are missing: {summary:?}");
        assert!(versions.iter().copied().eq(oldest..=version), "{versions:?}");
        let from = (oldest + version) / 2;
        let mut first = None;
        let stop = &mut |commit: &Commit<'_>| {
            first = Some(commit.version);
            ControlFlow::Break(())
        };
        commits::read(disk, from, stop).expect("log");
        assert!(first.is_none_or(|first| first == from), "{first:?} instead of {from}");
        summary.sealed + 1 - oldest
    }
}
