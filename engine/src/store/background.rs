//! Work that nobody waits for: late syncs, checkpoints, space. One bounded piece at a time, by a thread or by whoever calls `step`.

use std::sync::{Arc, Weak};
use std::thread::{JoinHandle, ThreadId};
use std::time::{Duration, Instant};

use crate::error::{Error, ErrorKind, Result};
use crate::format::Version;
use crate::log::directory::Home;
use crate::store::Machine;
use crate::store::commit::Until;
use crate::sync::{Condvar, Mutex, epoch};

/// How often the thread looks by itself.
const IDLE: Duration = Duration::from_millis(200);
/// Least bytes worth giving back to the file system or compacting for.
const WORTH: u64 = 1 << 20;
/// A checkpoint starts when the log's segments take this many times the bytes of records that start one: each synced commit takes a block.
const SEGMENTS_PER_RECORDS: u64 = 8;

/// Wakes the thread, and those who wait for what it does.
#[derive(Default)]
pub(crate) struct Signal {
    state: Mutex<State>,
    wake: Condvar,
    stepped: Condvar,
}

#[derive(Default)]
struct State {
    due: bool,
    stop: bool,
    steps: u64,
    /// The durable version at the last step with nothing to do.
    seen: Option<Version>,
    /// Why the last step failed, if it did.
    last_error: Option<String>,
    worker: Option<ThreadId>,
}

impl Signal {
    /// There is something to do.
    pub(crate) fn notify(&self) {
        let mut state = self.state.lock();
        if !state.due {
            state.due = true;
            self.wake.notify_one();
        }
    }

    /// Why the last background step failed, if it did.
    pub(crate) fn last_error(&self) -> Option<String> {
        self.state.lock().last_error.clone()
    }

    fn is_worker(&self) -> bool {
        self.state.lock().worker == Some(std::thread::current().id())
    }

    fn stop(&self) {
        self.state.lock().stop = true;
        self.wake.notify_one();
        self.stepped.notify_all();
    }
}

/// The thread, if the options asked for one.
pub(crate) struct Worker(Option<JoinHandle<()>>);

impl Worker {
    /// Starts the thread "treering". It keeps the machine only while it works.
    pub(crate) fn start(machine: &Arc<Machine>) -> Result<Worker> {
        if !machine.settings.background || machine.read_only {
            return Ok(Worker(None));
        }
        let weak = Arc::downgrade(machine);
        let thread = std::thread::Builder::new().name("treering".into()).spawn(move || run(&weak));
        thread.map(|thread| Worker(Some(thread))).map_err(|e| Error::io("start a thread for", machine.disk.name(), e))
    }

    /// Ends the thread after its present step.
    pub(crate) fn stop(&mut self, machine: &Machine) {
        machine.signal.stop();
        if let Some(thread) = self.0.take()
            && thread.thread().id() != std::thread::current().id()
        {
            // It does not panic; if it did, there is nothing to add to what it printed.
            let _ = thread.join();
        }
    }
}

fn run(machine: &Weak<Machine>) {
    if let Some(machine) = machine.upgrade() {
        machine.signal.state.lock().worker = Some(std::thread::current().id());
    }
    while let Some(machine) = machine.upgrade() {
        if machine.signal.state.lock().stop {
            return;
        }
        let mut busy = true;
        while busy && !machine.signal.state.lock().stop {
            // An error poisons, or the work is tried again later; `stats` tells the last one.
            let result = machine.step();
            let mut state = machine.signal.state.lock();
            state.steps += 1;
            state.last_error = result.as_ref().err().map(ToString::to_string);
            busy = result.unwrap_or(false);
            machine.signal.stepped.notify_all();
        }
        let mut state = machine.signal.state.lock();
        if !state.due && !state.stop {
            let within = IDLE.min(machine.settings.deferred_within);
            machine.signal.wake.wait_for(&mut state, within);
        }
        state.due = false;
    }
}

impl Machine {
    /// One bounded piece of work; false if there was nothing to do.
    pub(crate) fn step(&self) -> Result<bool> {
        if self.read_only || self.is_poisoned() {
            return Ok(false);
        }
        epoch::pin().flush();
        self.reclaim_published();
        if self.sync_deferred()? {
            return Ok(true);
        }
        let (leaving, header, seal) = self.leaving();
        if self.wants_checkpoint() || (seal && leaving > WORTH.max(self.space.lock().end() / 4)) {
            self.checkpoint(Vec::new(), true)?;
            return Ok(true);
        }
        if self.supply_segment()? {
            return Ok(true);
        }
        if header {
            self.write_header(false)?;
            return Ok(true);
        }
        if self.wants_compaction() {
            return Ok(self.compact_round(self.settings.compact_below)? > 0);
        }
        if self.trim_cache() {
            return Ok(true);
        }
        if self.wants_cut() {
            return Ok(self.cut_file()? > 0);
        }
        self.idle_header()
    }

    fn sync_deferred(&self) -> Result<bool> {
        let pipeline = self.pipeline.lock();
        let late = pipeline.unsynced_since.is_some_and(|since| since.elapsed() >= self.settings.deferred_within);
        let newest = pipeline.newest.version;
        let due = late && pipeline.synced < newest;
        drop(pipeline);
        if due {
            self.settle(Until::Synced(newest))?;
            self.run_callbacks();
        }
        Ok(due)
    }

    fn wants_checkpoint(&self) -> bool {
        if self.dirty_bytes() > self.settings.dirty_bytes / 2 {
            return true;
        }
        let pipeline = self.pipeline.lock();
        let sealed_needs = pipeline.log.cursor().number > 2 && pipeline.tail_bytes > 0;
        let segments = pipeline.log.live_bytes() > self.settings.log_bytes.saturating_mul(SEGMENTS_PER_RECORDS);
        pipeline.tail_bytes > self.settings.log_bytes || (segments && sealed_needs)
    }

    /// Nothing was committed since the last look: a header says what is durable, so that rot in the newest commit cannot be taken for a torn one.
    fn idle_header(&self) -> Result<bool> {
        let synced = self.pipeline.lock().synced;
        let said = self.headers.lock().durable_to;
        let idle = self.signal.state.lock().seen.replace(synced) == Some(synced);
        if idle && said < synced {
            self.write_header(false)?;
            return Ok(true);
        }
        Ok(false)
    }

    fn supply_segment(&self) -> Result<bool> {
        let wants = self.pipeline.lock().log.wants_ahead();
        let Some(len) = wants else { return Ok(false) };
        let _hand = self.extents_in_hand();
        match self.segment_extent(len, false) {
            Ok(extent) => self.pipeline.lock().log.supply(extent),
            // Whoever commits hears of it. What comes after this in a step may make room.
            Err(e) if e.kind() == ErrorKind::Full => return Ok(false),
            Err(e) => return Err(e),
        }
        Ok(true)
    }

    fn wants_compaction(&self) -> bool {
        let reclaim = self.reclaim.lock();
        let (mut pages, mut kept) = (0, 0);
        for account in reclaim.accounts.values() {
            pages += account.chunk.page_bytes;
            kept += account.kept_bytes;
        }
        let sparse = |account: &crate::store::reclaim::Account| {
            (account.kept_bytes as f64) < self.settings.compact_below * account.chunk.page_bytes as f64
        };
        // Pages that died because newer ones are in memory are no gain yet: those go to the file too.
        let kept = kept + self.dirty_bytes();
        pages > kept + WORTH && pages > kept + kept / 2 && reclaim.accounts.values().any(sparse)
    }

    /// Beyond the cache's memory the chunk with the most unpacked pages lets them go.
    fn trim_cache(&self) -> bool {
        let reclaim = self.reclaim.lock();
        let guard = epoch::pin();
        let files = reclaim.accounts.keys().filter_map(|id| {
            let chunk = self.chunks.find(*id, &guard)?;
            match chunk.home(&guard) {
                Home::File(file) => Some((file.unpacked_bytes(), chunk, file)),
                Home::Heap(_) => None,
            }
        });
        let (mut total, mut most) = (0, None::<(u64, _, _)>);
        for (bytes, chunk, file) in files {
            total += bytes;
            if most.as_ref().is_none_or(|(most, ..)| bytes > *most) {
                most = Some((bytes, chunk, file));
            }
        }
        match most {
            Some((_, chunk, file)) if total > self.settings.cache_bytes => {
                chunk.swing(Home::File(Arc::new(file.packed())));
                true
            }
            _ => false,
        }
    }

    fn wants_cut(&self) -> bool {
        let space = self.space.lock();
        space.tail_bytes() > WORTH.max(space.end() / 4)
    }

    /// After a commit: wakes the thread if there is something to do.
    pub(crate) fn after_commit(&self) {
        if self.settings.background && (self.wants_checkpoint() || self.pipeline.lock().log.wants_ahead().is_some()) {
            self.signal.notify();
        }
    }

    /// Before a write transaction: waits while too much is dirty. Without a thread the caller makes the checkpoint itself.
    pub(crate) fn back_pressure(&self, deadline: Option<Instant>) -> Result<()> {
        let soft = self.settings.dirty_bytes / 2;
        let dirty = self.dirty_bytes();
        if dirty < soft {
            return Ok(());
        }
        let start = Instant::now();
        // A callback on the background thread cannot wait for itself.
        if !self.settings.background || self.signal.is_worker() {
            if dirty >= self.settings.dirty_bytes {
                self.checkpoint(Vec::new(), false)?;
                self.counters.pressed(start.elapsed());
            }
            return Ok(());
        }
        self.signal.notify();
        if dirty < self.settings.dirty_bytes {
            // In proportion: none at the soft limit, 1 ms at the hard one.
            let over = (dirty - soft) as f64 / (self.settings.dirty_bytes - soft).max(1) as f64;
            std::thread::sleep(Duration::from_micros((over * 1000.0) as u64));
        } else {
            let mut state = self.signal.state.lock();
            let steps = state.steps;
            while state.steps == steps && !state.stop && self.dirty_bytes() >= self.settings.dirty_bytes {
                if deadline.is_some_and(|deadline| Instant::now() >= deadline) {
                    return Err(Error::new(
                        ErrorKind::TimedOut,
                        "too much is dirty, and the checkpoint took longer than the time given",
                    ));
                }
                self.signal.stepped.wait_for(&mut state, IDLE.min(Duration::from_millis(20)));
            }
        }
        self.counters.pressed(start.elapsed());
        Ok(())
    }
}
