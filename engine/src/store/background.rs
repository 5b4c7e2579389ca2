//! Work that nobody waits for: late syncs, checkpoints, space. One bounded piece at a time, by a thread or by whoever calls `step`.

use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use crate::error::{Error, ErrorKind, Result};
use crate::format::Version;
use crate::log::directory::Home;
use crate::store::Machine;
use crate::store::commit::Until;
use crate::store::merge::Asked;
use crate::store::progress::unwatched;
use crate::store::reclaim::SETTLED_BY_STEP;
use crate::sync::thread::{self, JoinHandle, ThreadId};
use crate::sync::{Condvar, Counted, Mutex, epoch};

/// How often the thread looks by itself.
const IDLE: Duration = Duration::from_millis(200);
/// The thread rests so long at least when there is nothing to do.
const SHORTEST: Duration = Duration::from_millis(1);
/// Least bytes worth giving back to the file system or compacting for.
pub(super) const WORTH: u64 = 1 << 20;
/// How often an idle store tries to shrink its file without gaining anything before it waits for the next commit. More than once: what was read at the
/// first try may be free at the next.
const TRIES: u32 = 8;
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
    /// What idle steps tried in vain since the durable version.
    vain: Vain,
    /// Why the last step failed, if it did.
    last_error: Option<String>,
    /// What else went wrong with nobody to tell.
    told: Option<String>,
    worker: Option<ThreadId>,
    /// Compactions that somebody asked for, under way.
    asked: u32,
}

/// While it lives the background leaves alone what compaction does.
pub(crate) struct AskedFor<'s>(&'s Signal);

impl Drop for AskedFor<'_> {
    fn drop(&mut self) {
        self.0.state.lock().asked -= 1;
    }
}

impl Signal {
    /// Somebody compacts: a thread that did so too would move chunks into the room that was just made, or keep what was moved away from.
    pub(crate) fn compacts(&self) -> AskedFor<'_> {
        self.state.lock().asked += 1;
        AskedFor(self)
    }

    /// There is something to do.
    pub(crate) fn notify(&self) {
        let mut state = self.state.lock();
        if !state.due {
            state.due = true;
            self.wake.notify_one();
        }
    }

    /// Has `last_error` tell of something that nobody else hears of.
    pub(crate) fn tell(&self, what: String) {
        self.state.lock().told = Some(what);
    }

    /// Why the last background step failed, if it did; else what was told.
    pub(crate) fn last_error(&self) -> Option<String> {
        let state = self.state.lock();
        state.last_error.clone().or_else(|| state.told.clone())
    }

    fn is_worker(&self) -> bool {
        self.state.lock().worker == Some(thread::current().id())
    }

    fn stop(&self) {
        self.state.lock().stop = true;
        self.wake.notify_one();
        self.stepped.notify_all();
    }
}

/// Tries that gained nothing, to give up in time: a store that nobody writes to must come to rest.
#[derive(Default)]
struct Vain {
    /// The durable version that they began at.
    since: Version,
    compactions: u32,
    merges: u32,
    shrinkings: u32,
    /// The least length of the file that was reached.
    shortest: u64,
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
        let thread = thread::Builder::new().name("treering".into()).spawn(move || run(&weak));
        thread.map(|thread| Worker(Some(thread))).map_err(|e| Error::io("start a thread for", machine.disk.name(), e))
    }

    /// Ends the thread after its present step. It is waited for without the lock: it may be running a callback that closes the store too.
    pub(crate) fn stop(worker: &Mutex<Worker>, machine: &Machine) {
        machine.signal.stop();
        let thread = worker.lock().0.take();
        if let Some(thread) = thread
            && thread.thread().id() != thread::current().id()
        {
            // If it panicked, the store is poisoned and says so.
            let _ = thread.join();
        }
    }
}

fn run(machine: &Weak<Machine>) {
    if let Some(machine) = machine.upgrade() {
        machine.signal.state.lock().worker = Some(thread::current().id());
    }
    while let Some(machine) = machine.upgrade() {
        if machine.signal.state.lock().stop {
            return;
        }
        let mut busy = true;
        while busy && !machine.signal.state.lock().stop {
            // An error poisons, or the work is tried again later; `stats` tells the last one.
            let Some(result) = step_or_die(&machine) else { return };
            let mut state = machine.signal.state.lock();
            state.steps += 1;
            state.last_error = result.as_ref().err().map(ToString::to_string);
            busy = result.unwrap_or(false);
            machine.signal.stepped.notify_all();
        }
        let mut state = machine.signal.state.lock();
        if !state.due && !state.stop {
            let within = IDLE.min(machine.settings.deferred_within).max(SHORTEST);
            machine.signal.wake.wait_for(&mut state, within);
        }
        state.due = false;
    }
}

/// A step. None if it panicked: then nobody does this work any more, and what it was in the middle of is in no known state. So the store is poisoned, and whoever waits for the thread hears of it.
fn step_or_die(machine: &Machine) -> Option<Result<bool>> {
    // A checker ends its threads by panics of its own.
    if cfg!(any(loom, shuttle)) {
        return Some(machine.step());
    }
    let step = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| machine.step()));
    if step.is_err() {
        let error = Error::new(ErrorKind::Poisoned, "the background thread panicked");
        // Before anybody hears that it is poisoned.
        machine.signal.tell(error.to_string());
        machine.poison(&error);
        // Under the lock of those who wait for a write of its, so that none falls asleep behind this.
        let pipeline = machine.pipeline.lock();
        machine.published.notify_all();
        drop(pipeline);
        let mut state = machine.signal.state.lock();
        state.steps += 1;
        state.last_error = Some(error.to_string());
        machine.signal.stepped.notify_all();
    }
    step.ok()
}

impl Machine {
    /// One bounded piece of work; false if there was nothing to do.
    pub(crate) fn step(&self) -> Result<bool> {
        if self.read_only || self.is_poisoned() {
            // Those that will never be called are let go: one may own the store, and keep the file locked.
            self.run_callbacks();
            return Ok(false);
        }
        let is_asked = self.signal.state.lock().asked > 0;
        epoch::pin().flush();
        let unsettled = self.reclaim_some(SETTLED_BY_STEP);
        if self.sync_deferred()? {
            self.run_callbacks();
        }
        let waiting = self.leaving();
        // What readers alone hold is no reason: no seal sets it free.
        let seal = waiting.seal_bytes > WORTH.max(self.space.lock().end() / 4) && !self.checkpoint.is_running();
        if self.wants_checkpoint() || seal {
            // Twins go along with the seal that is due: under steady writing there would be no other time for them, and the file would grow without bound.
            // Not while writers wait, or soon will.
            let has_time = self.pressure() < 0.5 && !is_asked && self.wants_compaction();
            let compacted = has_time.then(|| self.compact_some());
            // Damage in some chunk, or no room for a twin, is no reason to keep what is dirty in memory.
            if !matches!(compacted, Some(Ok(1..))) {
                self.checkpoint(Vec::new(), true)?;
            }
            return compacted.unwrap_or(Ok(0)).map(|_| true);
        }
        if self.supply_segment()? {
            return Ok(true);
        }
        if waiting.header {
            self.write_header(false)?;
            return Ok(true);
        }
        if unsettled {
            return Ok(true);
        }
        if self.trim_cache() {
            return Ok(true);
        }
        if !is_asked && self.wants_cut() && self.cut_file()? > 0 {
            return Ok(true);
        }
        let is_idle = self.is_idle();
        if is_idle && self.idle_header()? {
            return Ok(true);
        }
        if is_asked {
            return Ok(false);
        }
        // Last: what fails here keeps nothing else from being done.
        let compacted = self.idle_compact();
        if let Ok(true) = compacted {
            return Ok(true);
        }
        let compacted = self.idle_merge().and_then(|merged| compacted.map(|_| merged));
        if let Ok(true) = compacted {
            return Ok(true);
        }
        let shrunk = is_idle && self.idle_shrink()?;
        compacted.map(|_| shrunk)
    }

    /// A round of compaction. Gives the bytes written.
    fn compact_some(&self) -> Result<u64> {
        unwatched(|progress| self.compact_round(self.settings.compact_below, progress))
    }

    /// A round of compaction, unless it was in vain too often since the last commit: where there is no room for a twin, say, or a chunk is damaged.
    fn idle_compact(&self) -> Result<bool> {
        if !self.wants_compaction() || self.vain(|vain| vain.compactions) >= TRIES {
            return Ok(false);
        }
        let result = self.compact_some();
        if !matches!(result, Ok(1..)) {
            self.vain(|vain| vain.compactions += 1);
        }
        result.map(|bytes| bytes > 0)
    }

    /// A round of merging small chunks, unless memory is short, or it was in vain too often since the last commit: no turn came, say.
    fn idle_merge(&self) -> Result<bool> {
        let is_asked_for = self.settings.compact_below > 0.0;
        if !is_asked_for || self.pressure() >= 0.0 || self.checkpoint.is_running() || self.vain(|vain| vain.merges) >= TRIES {
            return Ok(false);
        }
        let victims = self.small_chunks(Asked::No);
        if victims.is_empty() {
            return Ok(false);
        }
        let merged = self.merge_some(&victims);
        // In vain too if one chunk became one other: that would go on for ever.
        if !matches!(merged, Ok(true)) {
            self.vain(|vain| vain.merges += 1);
        }
        merged
    }

    /// Looks at, or counts, what was tried in vain since the durable version.
    fn vain<T>(&self, look: impl FnOnce(&mut Vain) -> T) -> T {
        let synced = self.pipeline.lock().synced;
        let vain = &mut self.signal.state.lock().vain;
        if vain.since != synced {
            *vain = Vain { since: synced, shortest: u64::MAX, ..Vain::default() };
        }
        look(vain)
    }

    /// Syncs what was deferred for as long as it may be; whether there was something. Runs no callbacks: who calls this in the middle of other work may hold the turn.
    pub(crate) fn sync_deferred(&self) -> Result<bool> {
        let pipeline = self.pipeline.lock();
        let late = pipeline.unsynced_since.is_some_and(|since| since.elapsed() >= self.settings.deferred_within);
        let newest = pipeline.newest.version;
        let due = late && pipeline.synced < newest;
        drop(pipeline);
        if due {
            self.settle(Until::Synced(newest))?;
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

    /// Whether nothing became durable since this was last asked.
    fn is_idle(&self) -> bool {
        let synced = self.pipeline.lock().synced;
        self.signal.state.lock().seen.replace(synced) == Some(synced)
    }

    /// In an idle store: a header says what is durable, so that rot in the newest commit cannot be taken for a torn one.
    fn idle_header(&self) -> Result<bool> {
        let synced = self.pipeline.lock().synced;
        if self.headers.lock().durable_to < synced {
            self.write_header(false)?;
            return Ok(true);
        }
        Ok(false)
    }

    /// In an idle store whose file is longer than L6 allows: it is made shorter. What readers hold is no reason: whatever moves meanwhile is held as well, and the file would grow.
    fn idle_shrink(&self) -> Result<bool> {
        if self.vain(|vain| vain.shrinkings) >= TRIES {
            return Ok(false);
        }
        let unread = self.reclaim.lock().unread_bytes();
        let end = self.space.lock().end();
        if end <= self.length_bound() + unread {
            return Ok(false);
        }
        let shrunk = self.shrink();
        let end = self.space.lock().end();
        let gained = self.vain(|vain| {
            // Shorter than ever, not than before: the log may be moved to and fro.
            let gained = end < vain.shortest;
            vain.shortest = vain.shortest.min(end);
            vain.shrinkings += u32::from(!gained);
            gained
        });
        shrunk.map(|_| gained)
    }

    /// Makes a segment ahead, if there is none; whether it did.
    pub(crate) fn supply_segment(&self) -> Result<bool> {
        let wants = self.pipeline.lock().log.wants_ahead();
        let Some(len) = wants else { return Ok(false) };
        let _hand = self.extents_in_hand();
        match self.segment_extent(len, false) {
            Ok(extent) => {
                let mut pipeline = self.pipeline.lock();
                match pipeline.log.wants_ahead() {
                    Some(wanted) if extent.len <= wanted * 2 => pipeline.log.supply(extent),
                    // Another came first, or the log was moved meanwhile and is to be short.
                    _ => self.give_back(extent),
                }
            }
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
        // Pages that died because newer ones are in memory are no gain yet: those go to the file too. And where extents wait for readers, those that a
        // compaction sets free would wait with them: the file would only grow.
        let kept = kept + self.dirty_bytes() + reclaim.unread_bytes();
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
                chunk.swing(Home::File(Counted::new(file.packed())));
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

    /// How close what only memory and records hold is to its limits: 0 and below where a checkpoint starts, 1 and beyond where commits wait.
    pub(crate) fn pressure(&self) -> f64 {
        let over = |bytes: u64, soft: u64, hard: u64| (bytes as f64 - soft as f64) / (hard - soft).max(1) as f64;
        // With a limit of 0 the log is sealed as soon as there is something in it: no pressure without.
        let (dirty, log) = (self.settings.dirty_bytes, self.settings.log_bytes.max(1));
        let tail = self.pipeline.lock().tail_bytes;
        over(self.dirty_bytes(), dirty / 2, dirty).max(over(tail, log, log.saturating_mul(2)))
    }

    /// Before a write transaction: waits while too much is dirty or unsealed. Without a thread the caller makes the checkpoint itself.
    pub(crate) fn back_pressure(&self, deadline: Option<Instant>) -> Result<()> {
        let pressure = self.pressure();
        if pressure < 0.0 {
            return Ok(());
        }
        let start = Instant::now();
        // A callback on the background thread cannot wait for itself.
        if !self.settings.background || self.signal.is_worker() {
            // For memory's sake alone: a long log costs the next open time, and whoever does without the thread decides when to step.
            if self.dirty_bytes() >= self.settings.dirty_bytes {
                let made = self.checkpoint_before(deadline, Vec::new(), false);
                self.counters.pressed(start.elapsed());
                made?;
            }
            return Ok(());
        }
        self.signal.notify();
        if pressure < 1.0 {
            // In proportion: none at the soft limit, 1 ms at the hard one.
            std::thread::sleep(Duration::from_micros((pressure * 1000.0) as u64));
        } else {
            let mut state = self.signal.state.lock();
            let steps = state.steps;
            while state.steps == steps && !state.stop && !self.is_poisoned() && self.pressure() >= 1.0 {
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
