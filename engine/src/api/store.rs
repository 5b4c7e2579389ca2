//! A store: the handle from which everything else comes.

use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::error::{Error, ErrorKind, Result};
use crate::store::Machine;
use crate::store::background::Worker;
use crate::store::compact::Compaction;
use crate::store::edit::Draft;
use crate::store::open::OpenReport;
use crate::store::read::{Core, Handle, Held};
use crate::store::stats::Stats;
use crate::sync::Mutex;

use super::{Options, Snapshot, WriteTxn};

/// An open store. Cloning gives another handle of the same store; the last one (snapshots and transactions count) closes it.
///
/// Threads that open snapshots often should each have a clone: then they share nothing but the store itself.
///
/// A process that `fork` made must not use a store that its parent had open: to write or to close it is refused as `Locked`; to read it is not, and shows
/// anything, for the parent does not know of it. Open a store behind the fork.
pub struct Store {
    handle: Arc<Handle>,
}

impl Clone for Store {
    fn clone(&self) -> Store {
        let (machine, core) = (Arc::clone(&self.handle.machine), Arc::clone(&self.handle.core));
        Store { handle: Arc::new(Handle { machine, core }) }
    }
}

impl Store {
    /// Opens the store at `path`, or creates it, with the default [`Options`].
    ///
    /// # Errors
    /// As [`Options::open`].
    pub fn open(path: impl AsRef<Path>) -> Result<Store> {
        Options::new().open(path)
    }

    /// A new store that lives in memory.
    ///
    /// # Errors
    /// As [`Options::in_memory`].
    pub fn in_memory() -> Result<Store> {
        Options::new().in_memory()
    }

    pub(crate) fn start(machine: Machine) -> Result<Store> {
        let machine = Arc::new(machine);
        let worker = Mutex::new(Worker::start(&machine)?);
        let core = Arc::new(Core { machine: Arc::clone(&machine), worker });
        Ok(Store { handle: Arc::new(Handle { machine, core }) })
    }

    /// What stops the background thread, for models that close a store which others hold.
    #[cfg(all(test, loom))]
    pub(crate) fn worker(&self) -> &Mutex<Worker> {
        &self.handle.core.worker
    }

    pub(crate) fn machine(&self) -> &Machine {
        &self.handle.machine
    }

    /// The machine, for who may write. A child of fork is refused before anything that another thread of its parent may have held at the fork.
    pub(super) fn own_machine(&self) -> Result<&Machine> {
        let machine = self.machine();
        machine.disk.check_process()?;
        Ok(machine)
    }

    /// Begins a write transaction: waits for the turn, first come, first served. Readers are never waited for.
    ///
    /// # Errors
    /// `Poisoned`, `ReadOnly`; `Locked` in a process that inherited the store by fork.
    pub fn begin_write(&self) -> Result<WriteTxn> {
        self.begin(None)
    }

    /// The same, waiting at most `time`. Without the background thread the checkpoint that is due when too much memory is changed is made by the caller: one that was begun is not cut short.
    ///
    /// # Errors
    /// `TimedOut` if the turn did not come; `Poisoned`, `ReadOnly`, `Locked`.
    pub fn begin_write_within(&self, time: Duration) -> Result<WriteTxn> {
        // A time beyond all clocks is no limit.
        self.begin(Instant::now().checked_add(time))
    }

    fn begin(&self, deadline: Option<Instant>) -> Result<WriteTxn> {
        let machine = self.own_machine()?;
        machine.writable()?;
        machine.back_pressure(deadline)?;
        let turn = match machine.turn.try_take() {
            Some(turn) => turn,
            None => {
                let start = Instant::now();
                let turn = machine.turn.take(deadline);
                machine.counters.waited(start.elapsed());
                turn.ok_or_else(|| {
                    let waited = start.elapsed();
                    Error::new(ErrorKind::TimedOut, format!("other writers had their turn for {waited:?}; nothing was done"))
                })?
            }
        };
        // Again: the one before may have poisoned the store.
        machine.writable()?;
        let base = machine.pipeline.lock().newest.clone();
        Ok(WriteTxn::new(Arc::clone(&self.handle), Draft::new(machine, base, Some(turn))))
    }

    /// Holds the newest published version for reading. O(1), takes no lock, and is in nobody's way however long it lives.
    #[must_use]
    pub fn snapshot(&self) -> Snapshot {
        Snapshot::new(Held::new(&self.handle))
    }

    /// The newest published version.
    #[must_use]
    pub fn version(&self) -> u64 {
        self.machine().version().0
    }

    /// Makes every commit so far durable, whatever it asked for; gives the version that is. One sync at most.
    ///
    /// # Errors
    /// `Unknown` if the sync failed; `Poisoned`, `ReadOnly`.
    pub fn sync(&self) -> Result<u64> {
        self.own_machine()?.sync().map(|version| version.0)
    }

    /// Writes the pages that are only in memory to the file and seals the newest version, so that recovery has nothing to replay. Gives the version. Writers go on meanwhile.
    ///
    /// # Errors
    /// `Full` if there is no room for the pages (nothing is lost); `Unknown`, `Poisoned`, `ReadOnly`, `Io`.
    pub fn checkpoint(&self) -> Result<u64> {
        self.own_machine()?.checkpoint(Vec::new(), false).map(|version| version.0)
    }

    /// Puts leaves in the order of their keys, merges small chunks, writes sparse ones again without what nobody needs, moves chunks from the file's end to free room before them, and cuts the file. What has no
    /// room on a full disk is passed over. Takes no writer's turn for longer than a commit. Beside a steady writer it ends when it gains nothing for some rounds.
    ///
    /// # Errors
    /// As [`Store::checkpoint`]; `Full` if there was room for nothing and the file did not become shorter; `Corrupt` if something damaged was met: the rest was compacted.
    pub fn compact(&self) -> Result<Compaction> {
        // Nobody stops it.
        Ok(self.own_machine()?.compact(&mut |_, _| ControlFlow::Continue(()))?.unwrap_or_default())
    }

    /// One bounded piece of background work; false if there was nothing to do. For stores without the background thread.
    ///
    /// # Errors
    /// As [`Store::checkpoint`].
    pub fn step(&self) -> Result<bool> {
        self.own_machine()?.step()
    }

    /// The store's figures now. Takes short locks, and the one under which a header is written and synced: then it waits for that. No call for a thread that must not wait. Cost:
    /// O(chunks + snapshots).
    #[must_use]
    pub fn stats(&self) -> Stats {
        self.machine().stats()
    }

    /// What opening found and did.
    #[must_use]
    pub fn open_report(&self) -> &OpenReport {
        &self.machine().report
    }

    /// Closes the store for all its handles: ends the thread, seals what is not sealed, and says in the header that nothing is missing. Open
    /// snapshots go on; the file stays locked until they are dropped.
    ///
    /// # Errors
    /// As [`Store::checkpoint`]: `Poisoned` too if a write failed before. Dropping the last handle does the same and tells nobody.
    pub fn close(self) -> Result<()> {
        self.machine().close(&self.handle.core.worker)
    }
}

/// In the engine's own tests every store is checked when its last handle goes: no test can forget it.
#[cfg(all(test, not(any(loom, shuttle))))]
impl Drop for Store {
    fn drop(&mut self) {
        if Arc::strong_count(&self.handle.core) == 1 && Arc::strong_count(&self.handle) == 1 {
            super::tests::check_at_end(self);
        }
    }
}

impl std::fmt::Debug for Store {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Store").field("file", &self.machine().disk.name()).field("version", &self.version()).finish()
    }
}
