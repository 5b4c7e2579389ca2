//! The commit pipeline: freeze, encode, append, sync, publish, release; one function each.
//!
//! A committer freezes its pages and appends its record under the turn, lets the turn go, and waits until its version is published. Of those who
//! wait one leads: it takes everything that was appended, writes it at once, syncs once if anyone asked for it, and publishes in the
//! order of versions. There is no waiting for company: who finds no leader leads at once, and the others' records gather meanwhile.
//!
//! Invariants: (1) published <= written and published <= appended; a version that asked for durability is published only when synced (L2);
//! (2) versions are published in order without a gap; (3) after a failed write or sync nothing appended is ever published (L9).

use std::collections::VecDeque;
use std::sync::atomic::Ordering;
use std::time::Instant;

use crate::codec;
use crate::error::{Error, ErrorKind, Result};
use crate::format::ids::BLOCK;
use crate::format::record::RecordKind;
use crate::format::{Position, Version};
use crate::log::append::{Label, Log, Wants};
use crate::planted::{Bug, planted};
use crate::store::Machine;
use crate::store::edit::{Dead, Draft, Frozen};
use crate::store::grow::LEAST_SEGMENT;
use crate::store::options::Durability;
use crate::store::reclaim::Batch;
use crate::sync::MutexGuard;
use crate::version::root::Root;

/// A writer who finds no segment ahead makes one that is so many times shorter than those of the background thread: 256 KiB of zeros instead of 4 MiB.
const URGENT: u64 = 16;

/// Called with the version once it is durable.
pub(crate) type Callback = Box<dyn FnOnce(Version) + Send>;

/// What was appended and not yet published, and the log's end.
pub(crate) struct Pipeline {
    pub(crate) log: Log,
    /// The newest appended version: what the next writer builds on.
    pub(crate) newest: Root,
    queue: VecDeque<Appended>,
    /// Everything up to here was handed to the operating system.
    pub(crate) written: Version,
    /// Everything up to here is on the medium.
    pub(crate) synced: Version,
    published: Version,
    /// Number of the newest record that is on the medium.
    synced_record: u64,
    /// Somebody is writing.
    leading: bool,
    leads: u64,
    /// Callbacks of commits that are not durable yet, in order.
    callbacks: VecDeque<(Version, Callback)>,
    /// When the oldest commit that is not synced was appended.
    pub(crate) unsynced_since: Option<Instant>,
    /// Bytes of records since the newest seal.
    pub(crate) tail_bytes: u64,
}

struct Appended {
    root: Root,
    durability: Durability,
    dead: Vec<Dead>,
    /// Pages that only got new positions, if that is all that it did.
    moved: Vec<Position>,
}

impl Pipeline {
    /// Nothing is on its way; `root` is published and durable.
    pub(crate) fn new(log: Log, root: Root, tail_bytes: u64) -> Pipeline {
        let version = root.version;
        let synced_record = log.cursor().number - 1;
        Pipeline {
            synced_record,
            log,
            newest: root,
            queue: VecDeque::new(),
            written: version,
            synced: version,
            published: version,
            leading: false,
            leads: 0,
            callbacks: VecDeque::new(),
            unsynced_since: None,
            tail_bytes,
        }
    }

    fn is_met(&self, appended: &Appended) -> bool {
        match appended.durability {
            Durability::Memory => true,
            Durability::Deferred => self.written >= appended.root.version,
            Durability::Synced => self.synced >= appended.root.version,
        }
    }

    /// Whether records were, or are being, written that no sync has covered yet.
    pub(crate) fn is_in_doubt(&self) -> bool {
        self.leading || self.written > self.synced
    }

    /// How often somebody led so far: tells whether records were written meanwhile.
    pub(crate) fn leads(&self) -> u64 {
        self.leads
    }

    fn wants_sync(&self) -> bool {
        self.queue.iter().any(|appended| appended.durability == Durability::Synced)
    }

    /// Of a store that failed: what will never be published, and the callbacks of what will never be durable. To be dropped without a lock: what a callback owns may look at the store then.
    fn give_up(&mut self) -> (VecDeque<Appended>, VecDeque<(Version, Callback)>) {
        let durable = self.callbacks.partition_point(|(version, _)| *version <= self.synced);
        (std::mem::take(&mut self.queue), self.callbacks.split_off(durable))
    }
}

/// How far `settle` goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Until {
    /// The version is published.
    Published(Version),
    /// Everything that was appended up to the version is on the medium.
    Synced(Version),
    /// The record with this number is on the medium.
    Record(u64),
}

/// Dropped only by a leader that panics while it writes: everybody would wait for it, and what it wrote is in no known state.
struct Leading<'m>(&'m Machine);

impl Drop for Leading<'_> {
    fn drop(&mut self) {
        // A checker ends its threads by panics of its own.
        if cfg!(any(loom, shuttle)) {
            return;
        }
        let error = Error::new(ErrorKind::Poisoned, "a thread panicked while it wrote to the log");
        self.0.signal.tell(error.to_string());
        self.0.poison(&error);
        self.0.pipeline.lock().leading = false;
        self.0.published.notify_all();
    }
}

impl Machine {
    /// Makes the draft a version; gives its number. Without changes there is nothing to make: the version it was built on.
    pub(crate) fn commit(&self, mut draft: Draft, durability: Durability, callbacks: Vec<Callback>) -> Result<Version> {
        let base = draft.base.version;
        if let Err(e) = draft.whole() {
            draft.discard(self);
            return Err(e);
        }
        if draft.is_empty() {
            // Still with the turn: no later version is on its way, so the callbacks stay in order.
            self.pipeline.lock().callbacks.extend(callbacks.into_iter().map(|callback| (base, callback)));
            draft.discard(self);
            self.settle(Until::Published(base)).inspect_err(|_| self.run_callbacks())?;
            self.run_callbacks();
            return Ok(base);
        }
        if draft.by_seal {
            let version = self.commit_by_seal(draft, callbacks)?;
            self.run_callbacks();
            return Ok(version);
        }
        let mut body = Vec::with_capacity(10);
        codec::put_varint(&mut body, draft.changes.len() as u64);
        let body_len = (body.len() + draft.changes.len()) as u64;
        let changes = std::mem::take(&mut draft.changes);
        let room = self.keep_room(draft.own_bytes(), !draft.grows);
        let mut pipeline = match room.and_then(|()| self.with_log_room(body_len, draft.grows)) {
            Ok(pipeline) => pipeline,
            Err(e) => {
                draft.discard(self);
                return Err(e);
            }
        };
        let (frozen, turn) = draft.freeze()?;
        let version = frozen.root.version;
        let (root, dead) = self.install(frozen);
        let label = Label { kind: RecordKind::Commits, commit_count: 1, version, durable_to: pipeline.synced };
        pipeline.tail_bytes += pipeline.log.append(label, &[&body, &changes]);
        let durability = if planted(Bug::AckBeforeSync) { durability.min(Durability::Deferred) } else { durability };
        self.enqueue(&mut pipeline, root, durability, dead, callbacks);
        drop(pipeline);
        // The next writer builds on what was appended.
        drop(turn);
        self.counters.commits.fetch_add(1, Ordering::Relaxed);
        self.settle(Until::Published(version)).inspect_err(|_| self.run_callbacks())?;
        if durability != Durability::Synced {
            // The background thread does this in time; without one, or while it is busy, whoever comes by does. This commit is what it was to be: a failure
            // poisons the store, and the next one hears of it.
            let _ = self.sync_deferred();
        }
        self.run_callbacks();
        self.after_commit();
        Ok(version)
    }

    /// Makes the frozen pages visible to whoever gets the root.
    pub(crate) fn install(&self, frozen: Frozen) -> (Root, Vec<Dead>) {
        let (mut open, mut closed) = (self.open.lock(), Vec::new());
        for (at, page) in frozen.pages {
            if at.chunk() == open.id {
                open.home.put(at.ordinal(), page);
            } else {
                // Only a transaction that spilled has pages in chunks before the open one.
                closed.push((at, page));
            }
        }
        frozen.unused.into_iter().for_each(|at| open.recycle(at));
        drop(open);
        self.put_closed(closed);
        (frozen.root, frozen.dead)
    }

    /// Puts a version behind the appended ones.
    pub(crate) fn enqueue(
        &self,
        pipeline: &mut Pipeline,
        root: Root,
        durability: Durability,
        dead: Vec<Dead>,
        callbacks: Vec<Callback>,
    ) {
        let version = root.version;
        debug_assert_eq!(version, pipeline.newest.version.next());
        pipeline.newest = root.clone();
        pipeline.callbacks.extend(callbacks.into_iter().map(|callback| (version, callback)));
        pipeline.unsynced_since.get_or_insert_with(Instant::now);
        pipeline.queue.push_back(Appended { root, durability, dead, moved: Vec::new() });
    }

    /// Makes a draft that changed no entry another root of the version that it was built on. No record tells of it: until the next checkpoint a crash leaves the pages where they were.
    /// `since`: when it got the turn.
    pub(crate) fn commit_moved(&self, mut draft: Draft, since: Instant) -> Result<()> {
        let version = draft.base.version;
        let bytes = draft.own_bytes();
        let ready = draft.whole().and_then(|()| self.keep_room(bytes, false));
        let mut pipeline = self.pipeline.lock();
        if let Err(e) = ready.and_then(|()| self.writable()) {
            drop(pipeline);
            draft.discard(self);
            return Err(e);
        }
        let (moment, published) = (draft.base.moment.step(), draft.base.since);
        let (mut frozen, turn) = draft.freeze()?;
        frozen.root.moment = moment.expect("whoever moves pages has seen that there is a next moment");
        frozen.root.since = published;
        let moved = frozen.pages.iter().map(|(at, _)| *at).collect();
        let (root, dead) = self.install(frozen);
        pipeline.newest = root.clone();
        pipeline.queue.push_back(Appended { root, durability: Durability::Memory, dead, moved });
        drop(pipeline);
        drop(turn);
        self.counters.moved(bytes, since.elapsed());
        // Nobody's entries are in doubt, whatever failed.
        self.settle(Until::Published(version)).map_err(|e| self.writable().err().unwrap_or(e))
    }

    /// The pipeline, locked, with room in the log for a record with such a body. Space is found and written before anything is appended (L9).
    pub(crate) fn with_log_room(&self, body_len: u64, leave_spare: bool) -> Result<MutexGuard<'_, Pipeline>> {
        loop {
            let pipeline = self.pipeline.lock();
            self.writable()?;
            let log = &pipeline.log;
            let wants = if leave_spare { log.wants_and_a_spare(body_len) } else { log.wants(body_len) };
            if wants == Wants::default() {
                return Ok(pipeline);
            }
            drop(pipeline);
            let _hand = self.extents_in_hand();
            if let Some(len) = wants.record {
                let extent = self.written_extent(len)?;
                self.pipeline.lock().log.supply(extent);
            }
            if let Some(len) = wants.ahead {
                let extent = self.segment_extent(self.urgent_len(len), !leave_spare)?;
                self.pipeline.lock().log.supply(extent);
            }
        }
    }

    /// Length of a segment ahead that a writer has to make for himself, instead of one of `len` bytes: a short one, where there is a thread that makes the others. He would write and sync as
    /// many zeros while everybody waits for him.
    fn urgent_len(&self, len: u64) -> u64 {
        if self.settings.background { (len / URGENT).next_multiple_of(BLOCK).max(LEAST_SEGMENT) } else { len }
    }

    /// Waits, or leads, until what `until` says is so.
    ///
    /// # Errors
    /// `Unknown` if a write or sync failed before.
    pub(crate) fn settle(&self, until: Until) -> Result<()> {
        let mut pipeline = self.pipeline.lock();
        loop {
            self.publish_ready(&mut pipeline);
            let done = match until {
                Until::Published(version) => pipeline.published >= version,
                Until::Synced(version) => pipeline.synced >= version,
                Until::Record(number) => pipeline.synced_record >= number,
            };
            if done {
                drop(pipeline);
                self.reclaim_published();
                return Ok(());
            }
            if let Err(e) = self.writable() {
                return Err(unknown(e));
            }
            if pipeline.leading {
                self.published.wait(&mut pipeline);
                continue;
            }
            let sync = pipeline.wants_sync() || !matches!(until, Until::Published(_));
            pipeline = self.lead(pipeline, sync)?;
        }
    }

    /// Writes everything that was appended, and syncs it if asked.
    fn lead<'m>(&'m self, mut pipeline: MutexGuard<'m, Pipeline>, sync: bool) -> Result<MutexGuard<'m, Pipeline>> {
        pipeline.leading = true;
        pipeline.leads += 1;
        let runs = pipeline.log.take(sync);
        let (upto, record) = (pipeline.newest.version, pipeline.log.cursor().number - 1);
        let group = pipeline.queue.iter().filter(|appended| appended.moved.is_empty()).count() as u64;
        drop(pipeline);
        let leading = Leading(self);
        // A system tells of a failed sync once, whoever asks: another's may have taken the error that was ours.
        let mut result = self.write_runs(&runs, sync, group).and_then(|()| self.writable());
        if sync && self.settings.strict {
            // Before anything of it is published: whoever sees a commit can rely on the header that proves it.
            result = result.and_then(|()| self.write_header_for(upto, false));
        }
        std::mem::forget(leading);
        let mut pipeline = self.pipeline.lock();
        pipeline.leading = false;
        if let Err(e) = result {
            self.poison(&e);
            // Nothing appended will be published.
            let given_up = pipeline.give_up();
            self.published.notify_all();
            drop(pipeline);
            drop(given_up);
            return Err(unknown(e));
        }
        pipeline.written = upto;
        if sync {
            (pipeline.synced, pipeline.synced_record) = (upto, record);
            pipeline.unsynced_since = (pipeline.newest.version > upto).then(Instant::now);
        }
        self.publish_ready(&mut pipeline);
        self.published.notify_all();
        Ok(pipeline)
    }

    fn write_runs(&self, runs: &[(u64, Vec<u8>)], sync: bool, group: u64) -> Result<()> {
        for (offset, bytes) in runs {
            self.disk.write_at(bytes, *offset)?;
        }
        if sync {
            let start = Instant::now();
            match planted(Bug::SkippedSync) {
                true => {}
                false => {
                    self.disk.sync_data().or_else(|e| if planted(Bug::RetriedSync) { self.disk.sync_data() } else { Err(e) })?
                }
            }
            self.counters.synced(start.elapsed(), group, self.checkpoint.is_running());
        }
        Ok(())
    }

    /// Publishes from the front of the queue what has met its durability.
    fn publish_ready(&self, pipeline: &mut Pipeline) {
        while pipeline.queue.front().is_some_and(|front| pipeline.is_met(front)) {
            let Some(appended) = pipeline.queue.pop_front() else { break };
            let version = appended.root.version;
            let died = appended.root.moment;
            let retired = self.versions.publish(appended.root);
            pipeline.published = version;
            self.push_batch(Batch { version, died, dead: appended.dead, moved: appended.moved, retired });
        }
    }

    /// Runs the callbacks of durable commits, in order, by one thread at a time; in a store that failed the others are let go. Called without any lock and without the turn: a callback may
    /// commit.
    pub(crate) fn run_callbacks(&self) {
        if self.has_failed() {
            let mut pipeline = self.pipeline.lock();
            // Who leads may have made them durable, and gives them up himself otherwise.
            let given_up = (!pipeline.leading).then(|| pipeline.give_up());
            drop(pipeline);
            drop(given_up);
        }
        // Looked at again after letting go: who came meanwhile found it taken and left his to us.
        while self.has_callbacks() {
            // Whoever holds this runs ours too; a callback that commits comes here with it held.
            let Some(_running) = self.callbacks.try_lock() else { return };
            while let Some((version, callback)) = self.next_callback() {
                // A panic of the caller's code must not take the writers' thread along.
                if std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| callback(version))).is_err() {
                    self.signal.tell(format!("an after-commit callback of version {version} panicked"));
                }
            }
        }
    }

    fn has_callbacks(&self) -> bool {
        let pipeline = self.pipeline.lock();
        pipeline.callbacks.front().is_some_and(|(version, _)| *version <= pipeline.synced)
    }

    fn next_callback(&self) -> Option<(Version, Callback)> {
        let mut pipeline = self.pipeline.lock();
        let durable = pipeline.callbacks.front().is_some_and(|(version, _)| *version <= pipeline.synced);
        if durable { pipeline.callbacks.pop_front() } else { None }
    }

    /// Takes over a version that a seal made durable: the caller has the turn, and nothing else is on its way.
    pub(crate) fn publish_sealed(&self, root: Root, dead: Vec<Dead>, callbacks: Vec<Callback>) {
        let mut pipeline = self.pipeline.lock();
        let version = root.version;
        self.enqueue(&mut pipeline, root, Durability::Synced, dead, callbacks);
        (pipeline.written, pipeline.synced) = (version, version);
        pipeline.unsynced_since = None;
        self.publish_ready(&mut pipeline);
        drop(pipeline);
        self.reclaim_published();
    }

    /// Recovery: the replayed version becomes the published one. Its records are on the medium already.
    pub(crate) fn replayed(&self, root: Root, dead: Vec<Dead>, tail_bytes: u64) {
        let mut pipeline = self.pipeline.lock();
        let version = root.version;
        pipeline.newest = root.clone();
        (pipeline.written, pipeline.synced, pipeline.published) = (version, version, version);
        pipeline.tail_bytes = tail_bytes;
        let died = root.moment;
        let retired = self.versions.publish(root);
        self.push_batch(Batch { version, died, dead, moved: Vec::new(), retired });
        drop(pipeline);
        self.reclaim_published();
    }

    /// Everything that was appended so far is on the medium afterwards.
    pub(crate) fn sync(&self) -> Result<Version> {
        self.writable()?;
        let version = self.pipeline.lock().newest.version;
        self.settle(Until::Synced(version))?;
        self.run_callbacks();
        Ok(version)
    }
}

/// A commit whose outcome only the next open tells.
pub(crate) fn unknown(e: Error) -> Error {
    e.within("the commit may or may not be there after the next open").into_kind(ErrorKind::Unknown)
}
