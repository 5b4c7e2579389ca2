//! A disk that remembers, fails and waits on demand.
//!
//! ```text
//!  store ──► SimulatedDisk ──► MemoryDisk                 what the running store sees
//!                 │
//!                 ├─ log: every write, sync, growth, punch   what crash states are made of (`crash`)
//!                 ├─ faults: fail the n-th operation, once or from then on
//!                 └─ gates: an operation waits until the test lets it pass
//! ```
//!
//! 1. The log's order is the order in which operations took effect.
//! 2. A failed sync leaves what it covered in doubt for ever: a later one that returns does not bring it (FORMAT 2, item 4).
//! 3. A write through covers its own bytes and no others: harsher than the trait asks, and what Linux does.
#![allow(unsafe_code)]

mod fatal;
mod scratch;
pub mod stage;

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use treering::disk::{Disk, MemoryDisk};
use treering::format::Extent;
use treering::{Error, ErrorKind, Result};

use crate::seed::Seed;
pub use fatal::FatalDisk;
use scratch::ScratchDisk;

/// One operation, as it took effect.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Operation {
    /// Bytes were written.
    Write {
        /// Where.
        offset: u64,
        /// What.
        bytes: Vec<u8>,
    },
    /// Bytes were written and are on the medium.
    WriteThrough {
        /// Where.
        offset: u64,
        /// What.
        bytes: Vec<u8>,
    },
    /// The file was cut or lengthened.
    SetLen(u64),
    /// Space was taken; the file reaches at least so far.
    Reserve(Extent),
    /// Space was given back.
    Punch(Extent),
    /// A sync returned.
    Sync,
    /// A sync failed.
    FailedSync,
}

/// Kinds of operations that can fail or wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// `write_at`.
    Write,
    /// The write of `write_through`.
    WriteThrough,
    /// `sync_data`, `sync_all`, and the sync of `write_through`.
    Sync,
    /// `reserve`, and `set_len` or a write that lengthens the file.
    Grow,
    /// `set_len` that shortens the file.
    Cut,
    /// `read_at`.
    Read,
    /// `slice`: bytes in place, which a mapped file gives an error for only when it cannot be mapped.
    Slice,
    /// `reserve`, also of space that the file has already.
    Reserve,
    /// `punch`.
    Punch,
    /// `scratch`: a temporary file is made.
    Scratch,
}

/// How much of a write that fails is done all the same.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Done {
    /// Nothing: as a system call that moves no byte.
    Nothing,
    /// The first half: a short write, and then an error.
    #[default]
    Half,
    /// Everything, and the error is told all the same.
    All,
}

/// Which operations fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fault {
    /// Only operations of these kinds count.
    pub kinds: &'static [Kind],
    /// The first of them that fails, counted from 0 when the fault is set.
    pub at: u64,
    /// Whether all after it fail too.
    pub sticky: bool,
    /// What the error says to be.
    pub error: ErrorKind,
    /// What a write that fails has done.
    pub done: Done,
}

#[derive(Default)]
struct Inner {
    log: Vec<Operation>,
    /// The log is not kept: for long runs that no crash is built from.
    forgetful: bool,
    fault: Option<Fault>,
    /// Operations that the fault counted so far.
    counted: u64,
    /// How often it struck.
    struck: u64,
    /// Nothing fails, and nothing is counted, for so many who look.
    paused: usize,
    closed_gate: Option<Kind>,
    /// Threads that stand before the gate.
    waiting: usize,
    /// The file may not grow beyond this.
    limit: Option<u64>,
    /// What [`Disk::random`] gives: repeatable, and never twice the same.
    rng: Option<fastrand::Rng>,
}

impl Inner {
    fn push(&mut self, operation: impl FnOnce() -> Operation) {
        if !self.forgetful {
            self.log.push(operation());
        }
    }

    /// How many of so many bytes a write does before it returns, or fails.
    fn share(&self, len: usize, result: &Result<()>) -> usize {
        match (result, self.fault.map_or(Done::Half, |fault| fault.done)) {
            (Ok(()), _) | (Err(_), Done::All) => len,
            (Err(_), Done::Half) => len / 2,
            (Err(_), Done::Nothing) => 0,
        }
    }
}

/// Where operations ask whether they may: those of a disk and of its scratch files, counted together.
#[derive(Default)]
struct Desk {
    inner: Mutex<Inner>,
    changed: Condvar,
}

impl Desk {
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits at the gate, then counts the operation; an error if it is to fail.
    fn enter(&self, kind: Kind) -> (MutexGuard<'_, Inner>, Result<()>) {
        let mut inner = self.lock();
        if inner.closed_gate == Some(kind) {
            inner.waiting += 1;
            self.changed.notify_all();
            while inner.closed_gate == Some(kind) {
                inner = self.changed.wait(inner).unwrap_or_else(PoisonError::into_inner);
            }
            inner.waiting -= 1;
        }
        let paused = inner.paused > 0;
        let Some(fault) = inner.fault.filter(|fault| !paused && fault.kinds.contains(&kind)) else { return (inner, Ok(())) };
        let n = inner.counted;
        inner.counted += 1;
        let fails = n == fault.at || (fault.sticky && n > fault.at);
        if !fails {
            return (inner, Ok(()));
        }
        inner.struck += 1;
        let error = Error::simulated(fault.error, format!("operation {n} ({kind:?}) of a simulated disk was made to fail"));
        (inner, Err(error))
    }
}

/// A disk in memory that keeps a log of what was done to it.
pub struct SimulatedDisk {
    memory: Arc<dyn Disk>,
    desk: Arc<Desk>,
    reads: AtomicU64,
    slices: AtomicU64,
    read_bytes: AtomicU64,
}

impl SimulatedDisk {
    /// An empty disk.
    #[must_use]
    pub fn new() -> Arc<SimulatedDisk> {
        SimulatedDisk::holding(&[])
    }

    /// A disk that holds these bytes, all of them on the medium. The log begins empty.
    ///
    /// # Panics
    /// If memory cannot be mapped.
    #[must_use]
    pub fn holding(bytes: &[u8]) -> Arc<SimulatedDisk> {
        let memory = MemoryDisk::new("a simulated disk");
        memory.set_len(bytes.len() as u64).expect("memory can be mapped");
        // Zeros are there already, and take no memory.
        for (n, block) in bytes.chunks(4096).enumerate().filter(|(_, block)| **block != [0; 4096][..block.len()]) {
            memory.write_at(block, n as u64 * 4096).expect("memory can be mapped");
        }
        SimulatedDisk::over(Arc::new(memory))
    }

    /// Remembers what is done to `memory`, and fails it.
    #[must_use]
    pub fn over(memory: Arc<dyn Disk>) -> Arc<SimulatedDisk> {
        Arc::new(SimulatedDisk {
            memory,
            desk: Arc::default(),
            reads: AtomicU64::new(0),
            slices: AtomicU64::new(0),
            read_bytes: AtomicU64::new(0),
        })
    }

    /// Identities and salts come from this seed from now on, so that one run's files are the next one's, byte for byte.
    pub fn repeat_from(&self, seed: Seed) {
        self.lock().rng = Some(seed.rng());
    }

    /// Another disk with the same bytes and the same log, without faults and gates: where life goes on after a kill, while what
    /// the killed store still does goes nowhere.
    #[must_use]
    pub fn inherit(&self) -> Arc<SimulatedDisk> {
        let disk = SimulatedDisk::holding(&self.bytes());
        {
            let (mut from, mut to) = (self.lock(), disk.lock());
            (to.log, to.forgetful) = (from.log.clone(), from.forgetful);
            // What the killed store drew is not drawn again.
            to.rng = from.rng.as_mut().map(fastrand::Rng::fork);
        }
        disk
    }

    /// Every byte, as the running store sees it: the file after a kill of the process. No operation falls between two of its bytes.
    ///
    /// # Panics
    /// Never: no fault applies to it.
    #[must_use]
    pub fn bytes(&self) -> Vec<u8> {
        let _inner = self.lock();
        let mut bytes = vec![0; self.memory.len().expect("a disk in memory knows its length") as usize];
        self.memory.read_at(&mut bytes, 0).expect("a disk in memory can be read");
        bytes
    }

    /// Keeps no log from now on.
    pub fn forget(&self) {
        let mut inner = self.lock();
        inner.forgetful = true;
        inner.log = Vec::new();
    }

    /// How many operations took effect.
    #[must_use]
    pub fn position(&self) -> usize {
        self.lock().log.len()
    }

    /// The operations so far.
    #[must_use]
    pub fn log(&self) -> Vec<Operation> {
        self.lock().log.clone()
    }

    /// How many reads there were, each a copy.
    #[must_use]
    pub fn read_count(&self) -> u64 {
        self.reads.load(Ordering::Relaxed)
    }

    /// How many slices were lent: accesses through the map.
    #[must_use]
    pub fn slice_count(&self) -> u64 {
        self.slices.load(Ordering::Relaxed)
    }

    /// How many bytes were copied by reads.
    #[must_use]
    pub fn read_bytes(&self) -> u64 {
        self.read_bytes.load(Ordering::Relaxed)
    }

    /// From now on operations fail as `fault` says; none with `None`.
    pub fn fail(&self, fault: Option<Fault>) {
        let mut inner = self.lock();
        (inner.fault, inner.counted, inner.struck) = (fault, 0, 0);
    }

    /// Nothing fails until this is dropped, and the fault does not count.
    #[must_use]
    pub fn pause_faults(&self) -> Paused<'_> {
        self.lock().paused += 1;
        Paused(self)
    }

    /// Whether the fault is one of reads.
    #[must_use]
    pub fn fails_reads(&self) -> bool {
        self.lock().fault.is_some_and(|fault| fault.kinds.iter().any(|kind| matches!(kind, Kind::Read | Kind::Slice)))
    }

    /// How many operations failed since the fault was set.
    #[must_use]
    pub fn struck(&self) -> u64 {
        self.lock().struck
    }

    /// The file cannot grow beyond `limit` bytes from now on.
    pub fn limit(&self, limit: Option<u64>) {
        self.lock().limit = limit;
    }

    /// Operations of this kind wait from now on, before they take effect, until the gate is dropped: also when the test fails.
    #[must_use]
    pub fn close_gate(&self, kind: Kind) -> Gate<'_> {
        self.lock().closed_gate = Some(kind);
        Gate(self)
    }

    /// Waits until so many threads stand before the gate.
    pub fn await_waiting(&self, count: usize) {
        let mut inner = self.lock();
        while inner.waiting < count {
            inner = self.desk.changed.wait(inner).unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.desk.lock()
    }

    fn enter(&self, kind: Kind) -> (MutexGuard<'_, Inner>, Result<()>) {
        self.desk.enter(kind)
    }

    /// An error if the file may not grow to `end`.
    fn grow(&self, end: u64) -> Result<()> {
        if end <= self.memory.len()? {
            return Ok(());
        }
        let (inner, result) = self.enter(Kind::Grow);
        result?;
        match inner.limit {
            Some(limit) if end > limit => {
                Err(Error::simulated(ErrorKind::Full, format!("a simulated disk has {limit} bytes, not {end}")))
            }
            _ => Ok(()),
        }
    }

    fn write(&self, bytes: &[u8], offset: u64) -> Result<()> {
        self.grow(offset + bytes.len() as u64)?;
        let (mut inner, result) = self.enter(Kind::Write);
        let done = inner.share(bytes.len(), &result);
        self.memory.write_at(&bytes[..done], offset)?;
        inner.push(|| Operation::Write { offset, bytes: bytes[..done].to_vec() });
        result
    }

    fn sync(&self) -> Result<()> {
        let (mut inner, result) = self.enter(Kind::Sync);
        inner.push(|| if result.is_ok() { Operation::Sync } else { Operation::FailedSync });
        result
    }
}

/// Nothing fails while this lives.
#[derive(Debug)]
pub struct Paused<'d>(&'d SimulatedDisk);

impl Drop for Paused<'_> {
    fn drop(&mut self) {
        self.0.lock().paused -= 1;
    }
}

/// Holds operations back; lets everybody pass when dropped.
#[derive(Debug)]
pub struct Gate<'d>(&'d SimulatedDisk);

impl Drop for Gate<'_> {
    fn drop(&mut self) {
        self.0.lock().closed_gate = None;
        self.0.desk.changed.notify_all();
    }
}

impl std::fmt::Debug for SimulatedDisk {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SimulatedDisk")
            .field("memory", &self.memory.name())
            .field("operations", &self.position())
            .finish_non_exhaustive()
    }
}

impl Disk for SimulatedDisk {
    fn scratch(&self) -> Result<Box<dyn Disk>> {
        self.enter(Kind::Scratch).1?;
        Ok(Box::new(ScratchDisk::new(self.memory.scratch()?, Arc::clone(&self.desk))))
    }

    fn name(&self) -> &str {
        self.memory.name()
    }

    fn len(&self) -> Result<u64> {
        self.memory.len()
    }

    fn read_at(&self, into: &mut [u8], offset: u64) -> Result<()> {
        self.reads.fetch_add(1, Ordering::Relaxed);
        self.read_bytes.fetch_add(into.len() as u64, Ordering::Relaxed);
        self.enter(Kind::Read).1?;
        self.memory.read_at(into, offset)
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> Result<()> {
        self.write(bytes, offset)
    }

    fn write_through(&self, bytes: &[u8], offset: u64) -> Result<()> {
        self.grow(offset + bytes.len() as u64)?;
        let (mut inner, written) = self.enter(Kind::WriteThrough);
        let done = inner.share(bytes.len(), &written);
        self.memory.write_at(&bytes[..done], offset)?;
        inner.push(|| Operation::Write { offset, bytes: bytes[..done].to_vec() });
        written?;
        drop(inner);
        let (mut inner, synced) = self.enter(Kind::Sync);
        // The error of a sync is told once and covers whatever was under way.
        inner.push(|| match synced {
            Ok(()) => Operation::WriteThrough { offset, bytes: bytes.to_vec() },
            Err(_) => Operation::FailedSync,
        });
        synced
    }

    fn sync_data(&self) -> Result<()> {
        self.sync()
    }

    fn sync_all(&self) -> Result<()> {
        self.sync()
    }

    fn set_len(&self, len: u64) -> Result<()> {
        let now = self.memory.len()?;
        if len > now {
            self.grow(len)?;
        }
        let (mut inner, result) = if len < now { self.enter(Kind::Cut) } else { (self.lock(), Ok(())) };
        result?;
        self.memory.set_len(len)?;
        inner.push(|| Operation::SetLen(len));
        Ok(())
    }

    fn reserve(&self, extent: Extent) -> Result<()> {
        self.grow(extent.end())?;
        let (mut inner, result) = self.enter(Kind::Reserve);
        result?;
        self.memory.reserve(extent)?;
        inner.push(|| Operation::Reserve(extent));
        Ok(())
    }

    fn punch(&self, extent: Extent) -> Result<()> {
        let (mut inner, result) = self.enter(Kind::Punch);
        result?;
        self.memory.punch(extent)?;
        inner.push(|| Operation::Punch(extent));
        Ok(())
    }

    fn random(&self, into: &mut [u8]) -> Result<()> {
        match &mut self.lock().rng {
            Some(rng) => rng.fill(into),
            None => return self.memory.random(into),
        }
        Ok(())
    }

    fn release(&self) {
        self.memory.release();
    }

    unsafe fn slice(&self, offset: u64, len: usize) -> Result<&[u8]> {
        self.slices.fetch_add(1, Ordering::Relaxed);
        self.enter(Kind::Slice).1?;
        // SAFETY: the caller's promise, passed on as it is.
        unsafe { self.memory.slice(offset, len) }
    }
}
