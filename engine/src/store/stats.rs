//! Figures: counters that cost nothing to keep, and the picture of a moment.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crate::store::Machine;
use crate::sync::epoch;

/// Sizes of groups that are told apart.
const GROUP_SIZES: usize = 10;

/// Counted since open. Relaxed throughout, but for the seal: they are figures.
#[derive(Default)]
pub(crate) struct Counters {
    pub(crate) commits: AtomicU64,
    pub(crate) checkpoints: AtomicU64,
    pub(crate) headers: AtomicU64,
    pub(crate) twins: AtomicU64,
    pub(crate) merged_chunks: AtomicU64,
    moved_bytes: AtomicU64,
    move_turn_max_ns: AtomicU64,
    /// The older of the two seals that the header slots name: what it needs is not free.
    pub(crate) oldest_named_seal: crate::sync::atomic::AtomicU64,
    /// How many are at work with extents that stand in no book.
    pub(crate) in_hand: AtomicU64,
    /// Bytes of closed chunks that are not in the file yet.
    pub(crate) closed_bytes: AtomicU64,
    syncs: AtomicU64,
    group_max: AtomicU64,
    groups: [AtomicU64; GROUP_SIZES],
    sync_ns: AtomicU64,
    sync_max_ns: AtomicU64,
    checkpoint_syncs: AtomicU64,
    checkpoint_sync_ns: AtomicU64,
    checkpoint_sync_max_ns: AtomicU64,
    checkpoint_turn_max_ns: AtomicU64,
    export_turn_max_ns: AtomicU64,
    waits: AtomicU64,
    wait_ns: AtomicU64,
    wait_max_ns: AtomicU64,
    pressure_waits: AtomicU64,
    pressure_ns: AtomicU64,
}

fn ns(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

impl Counters {
    pub(crate) fn synced(&self, time: Duration, group: u64, beside_checkpoint: bool) {
        self.syncs.fetch_add(1, Ordering::Relaxed);
        self.group_max.fetch_max(group, Ordering::Relaxed);
        if let Some(size) = group.checked_sub(1) {
            // 1, 2, 3 to 4, 5 to 8, ...
            let size = size.checked_ilog2().map_or(0, |log| log as usize + 1);
            self.groups[size.min(GROUP_SIZES - 1)].fetch_add(1, Ordering::Relaxed);
        }
        self.sync_ns.fetch_add(ns(time), Ordering::Relaxed);
        self.sync_max_ns.fetch_max(ns(time), Ordering::Relaxed);
        if beside_checkpoint {
            self.checkpoint_syncs.fetch_add(1, Ordering::Relaxed);
            self.checkpoint_sync_ns.fetch_add(ns(time), Ordering::Relaxed);
            self.checkpoint_sync_max_ns.fetch_max(ns(time), Ordering::Relaxed);
        }
    }

    pub(crate) fn checkpoint_turn(&self, time: Duration) {
        self.checkpoint_turn_max_ns.fetch_max(ns(time), Ordering::Relaxed);
    }

    pub(crate) fn moved(&self, bytes: u64, time: Duration) {
        self.moved_bytes.fetch_add(bytes, Ordering::Relaxed);
        self.move_turn_max_ns.fetch_max(ns(time), Ordering::Relaxed);
    }

    pub(crate) fn export_turn(&self, time: Duration) {
        self.export_turn_max_ns.fetch_max(ns(time), Ordering::Relaxed);
    }

    pub(crate) fn waited(&self, time: Duration) {
        self.waits.fetch_add(1, Ordering::Relaxed);
        self.wait_ns.fetch_add(ns(time), Ordering::Relaxed);
        self.wait_max_ns.fetch_max(ns(time), Ordering::Relaxed);
    }

    pub(crate) fn pressed(&self, time: Duration) {
        self.pressure_waits.fetch_add(1, Ordering::Relaxed);
        self.pressure_ns.fetch_add(ns(time), Ordering::Relaxed);
    }
}

/// A version that snapshots hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct HeldVersion {
    /// The version. It may stand here twice, if compaction moved its pages meanwhile.
    pub version: u64,
    /// How long ago it was published.
    pub age: Duration,
    /// How many snapshots hold it.
    pub snapshots: u64,
}

/// The figures of a store at a moment. Times are sums or longest times since the store was opened.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct Stats {
    /// Newest version that readers see.
    pub version: u64,
    /// Newest version that is on the medium.
    pub durable_version: u64,
    /// Version of the newest seal.
    pub sealed_version: u64,
    /// Open snapshots.
    pub snapshots: u64,
    /// What they hold, from the oldest on.
    pub held: Vec<HeldVersion>,
    /// Oldest version that a snapshot holds; none without snapshots.
    pub oldest_snapshot_version: Option<u64>,
    /// How long ago that version was published.
    pub oldest_snapshot_age: Option<Duration>,
    /// Pages that only snapshots need.
    pub snapshot_pages: u64,
    /// Chunks in the file.
    pub chunks: u64,
    /// Bytes of their pages.
    pub chunk_bytes: u64,
    /// Bytes of pages that the newest version reaches.
    pub live_bytes: u64,
    /// Bytes of pages that the newest version or a snapshot reaches.
    pub kept_bytes: u64,
    /// Share of `chunk_bytes` that is kept, 0 to 1; 1 without chunks.
    pub fill: f64,
    /// Length of the file.
    pub file_bytes: u64,
    /// Free bytes in the file.
    pub free_bytes: u64,
    /// Bytes of extents that become free with the next headers.
    pub leaving_bytes: u64,
    /// Bytes of pages in memory that no chunk in the file holds.
    pub dirty_bytes: u64,
    /// Bytes of log segments in use.
    pub log_bytes: u64,
    /// Bytes of records that recovery would replay.
    pub tail_bytes: u64,
    /// Commits.
    pub commits: u64,
    /// Syncs of the log.
    pub syncs: u64,
    /// Most commits that shared one sync.
    pub group_max: u64,
    /// Syncs by how many commits shared them: 1, 2, up to 4, up to 8, and so on, up to 256 and more. One without a commit, as a checkpoint's seal needs it, is in none.
    pub groups: [u64; 10],
    /// Time in those syncs.
    pub sync_time: Duration,
    /// Longest of them.
    pub sync_time_max: Duration,
    /// Syncs of the log while a checkpoint was running.
    pub checkpoint_syncs: u64,
    /// Time in those.
    pub checkpoint_sync_time: Duration,
    /// Longest of those.
    pub checkpoint_sync_time_max: Duration,
    /// Checkpoints.
    pub checkpoints: u64,
    /// Longest time that a checkpoint held the writer's turn.
    pub checkpoint_turn_max: Duration,
    /// Longest time that the thread of a snapshot's export held the writer's turn meanwhile, as measured.
    pub export_turn_max: Duration,
    /// Dense twins written.
    pub twins: u64,
    /// Small chunks whose pages were merged into others.
    pub merged_chunks: u64,
    /// Bytes of pages that compaction gave new positions: to merge small chunks, and to put leaves in the order of their keys.
    pub moved_bytes: u64,
    /// Longest time that compaction held the writer's turn to give pages new positions.
    pub move_turn_max: Duration,
    /// Headers written.
    pub headers: u64,
    /// Writers, and checkpoints, that wait for their turn now.
    pub waiting: u64,
    /// Times that a writer waited for its turn.
    pub waits: u64,
    /// Time in those waits.
    pub wait_time: Duration,
    /// Longest of them.
    pub wait_time_max: Duration,
    /// Times that a writer waited because too much was dirty.
    pub pressure_waits: u64,
    /// Time in those waits.
    pub pressure_time: Duration,
    /// Bytes of copies of pages in the cache; 0 where pages are read through the map.
    pub cached_bytes: u64,
    /// Pages that were read from the file and checked because no copy was at hand; 0 where pages are read through the map.
    pub page_loads: u64,
    /// Why the last step of the background thread failed, if it did. It is tried again.
    pub background_error: Option<String>,
}

impl Machine {
    /// The figures now. Takes short locks, and waits for a header that is being written. Cost: O(chunks + snapshots), and what dropped snapshots left behind.
    pub(crate) fn stats(&self) -> Stats {
        self.reclaim_all();
        let held = self.versions.registry.holders();
        let guard = epoch::pin();
        let root = self.versions.current(&guard);
        let load = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let time = |counter: &AtomicU64| Duration::from_nanos(load(counter));
        let c = &self.counters;
        // Its lock goes before others are taken.
        let sealed_version = self.headers.lock().sealed.0;
        let mut stats = Stats {
            version: root.version.0,
            sealed_version,
            snapshots: held.values().sum(),
            dirty_bytes: self.dirty_bytes(),
            commits: load(&c.commits),
            syncs: load(&c.syncs),
            group_max: load(&c.group_max),
            groups: std::array::from_fn(|size| load(&c.groups[size])),
            sync_time: time(&c.sync_ns),
            sync_time_max: time(&c.sync_max_ns),
            checkpoint_syncs: load(&c.checkpoint_syncs),
            checkpoint_sync_time: time(&c.checkpoint_sync_ns),
            checkpoint_sync_time_max: time(&c.checkpoint_sync_max_ns),
            checkpoints: load(&c.checkpoints),
            checkpoint_turn_max: time(&c.checkpoint_turn_max_ns),
            export_turn_max: time(&c.export_turn_max_ns),
            twins: load(&c.twins),
            merged_chunks: load(&c.merged_chunks),
            moved_bytes: load(&c.moved_bytes),
            move_turn_max: time(&c.move_turn_max_ns),
            headers: load(&c.headers),
            waiting: self.turn.waiting() as u64,
            waits: load(&c.waits),
            wait_time: time(&c.wait_ns),
            wait_time_max: time(&c.wait_max_ns),
            pressure_waits: load(&c.pressure_waits),
            pressure_time: time(&c.pressure_ns),
            cached_bytes: self.cache.as_ref().map_or(0, |cache| cache.bytes()),
            page_loads: self.cache.as_ref().map_or(0, |cache| cache.loads()),
            background_error: self.signal.last_error(),
            ..Stats::default()
        };
        {
            let pipeline = self.pipeline.lock();
            stats.durable_version = pipeline.synced.0;
            stats.log_bytes = pipeline.log.live_bytes();
            stats.tail_bytes = pipeline.tail_bytes;
        }
        {
            let reclaim = self.reclaim.lock();
            for (moment, snapshots) in held {
                let root = reclaim.root(moment).unwrap_or(root);
                stats.held.push(HeldVersion { version: root.version.0, age: root.since.elapsed(), snapshots });
            }
            stats.oldest_snapshot_version = stats.held.first().map(|held| held.version);
            stats.oldest_snapshot_age = stats.held.first().map(|held| held.age);
            stats.snapshot_pages = reclaim.kept_count() as u64;
            stats.chunks = reclaim.accounts.len() as u64;
            for account in reclaim.accounts.values() {
                stats.chunk_bytes += account.chunk.page_bytes;
                stats.live_bytes += account.newest_bytes;
                stats.kept_bytes += account.kept_bytes;
            }
        }
        stats.fill = if stats.chunk_bytes == 0 { 1.0 } else { stats.kept_bytes as f64 / stats.chunk_bytes as f64 };
        stats.leaving_bytes = self.leaving().bytes;
        let space = self.space.lock();
        stats.file_bytes = space.end();
        stats.free_bytes = space.free_bytes();
        stats
    }

    /// Bytes of memory of pages that no chunk in the file holds.
    pub(crate) fn dirty_bytes(&self) -> u64 {
        self.open.lock().home.bytes() + self.counters.closed_bytes.load(Ordering::Relaxed)
    }
}
