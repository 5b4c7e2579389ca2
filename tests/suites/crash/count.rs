//! What was tried: figures that the run prints and its end asserts.

use std::collections::{BTreeMap, HashSet};
use std::fmt;
use std::ops::AddAssign;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::lives::Kind;

/// Sets of hashes, so that threads seldom wait for each other.
const SHARDS: usize = 64;

/// Figures of one life.
#[derive(Clone, Debug, Default)]
pub(crate) struct Counts {
    /// States that were built.
    pub(crate) tried: usize,
    /// Files that no life had before, those of second lives included.
    pub(crate) distinct: usize,
    /// Of these: a write arrived that was made behind one of which something is missing.
    pub(crate) reordered: usize,
    /// A write arrived in part.
    pub(crate) torn: usize,
    /// Garbage stood in space that was never written.
    pub(crate) filled: usize,
    /// Compaction gave pages new positions in the life that it ends.
    pub(crate) moved: usize,
    /// Pages that only a snapshot needed were given back in the life that it ends.
    pub(crate) given_back: usize,
    /// States whose recovery was crashed too, and the states that gave.
    pub(crate) crashed_again: usize,
    pub(crate) deep: usize,
    /// States behind a crash of a recovery from such a state: three deep.
    pub(crate) deeper: usize,
    /// Moments of a crash with several pieces in doubt of which every subset was tried, and those at which they were drawn.
    pub(crate) enumerated: usize,
    pub(crate) sampled: usize,
}

impl AddAssign<&Counts> for Counts {
    fn add_assign(&mut self, other: &Counts) {
        self.tried += other.tried;
        self.distinct += other.distinct;
        self.reordered += other.reordered;
        self.torn += other.torn;
        self.filled += other.filled;
        self.moved += other.moved;
        self.given_back += other.given_back;
        self.crashed_again += other.crashed_again;
        self.deep += other.deep;
        self.deeper += other.deeper;
        self.enumerated += other.enumerated;
        self.sampled += other.sampled;
    }
}

/// Figures of a run, shared by its threads.
pub(crate) struct Tally {
    seen: Vec<Mutex<HashSet<u64>>>,
    lives: Mutex<Vec<(Kind, Counts)>>,
    distinct: AtomicUsize,
    over: AtomicBool,
    target: usize,
    begun: Instant,
    limit: Duration,
}

impl Tally {
    /// To end when so many distinct files were judged, or when the time is up.
    pub(crate) fn new(target: usize, limit: Duration) -> Tally {
        let seen = (0..SHARDS).map(|_| Mutex::default()).collect();
        let (lives, distinct, over) = (Mutex::default(), AtomicUsize::new(0), AtomicBool::new(false));
        Tally { seen, lives, distinct, over, target, begun: Instant::now(), limit }
    }

    /// Whether no life had this file before.
    pub(crate) fn is_new(&self, hash: u64) -> bool {
        let new = self.seen[hash as usize % SHARDS].lock().unwrap_or_else(PoisonError::into_inner).insert(hash);
        if new && self.distinct.fetch_add(1, Ordering::Relaxed) + 1 >= self.target {
            self.end();
        }
        new
    }

    /// Nobody needs to go on.
    pub(crate) fn end(&self) {
        self.over.store(true, Ordering::Relaxed);
    }

    /// Whether the run is at its end.
    pub(crate) fn is_over(&self) -> bool {
        self.over.load(Ordering::Relaxed) || self.begun.elapsed() > self.limit
    }

    /// A life is done.
    pub(crate) fn add(&self, kind: Kind, counts: Counts) {
        self.lives.lock().unwrap_or_else(PoisonError::into_inner).push((kind, counts));
    }

    /// Every figure.
    pub(crate) fn figures(&self) -> Figures {
        let lives = self.lives.lock().unwrap_or_else(PoisonError::into_inner);
        let (mut all, mut kinds) = (Counts::default(), BTreeMap::<Kind, (usize, Counts)>::new());
        for (kind, life) in lives.iter() {
            all += life;
            let of_kind = kinds.entry(*kind).or_default();
            of_kind.0 += usize::from(life.distinct > 0);
            of_kind.1 += life;
        }
        let largest = lives.iter().map(|(_, life)| life.distinct).max().unwrap_or(0);
        let with_states = lives.iter().filter(|(_, life)| life.distinct > 0).count();
        Figures { all, kinds, largest, lives: with_states, seconds: self.begun.elapsed().as_secs_f64() }
    }
}

/// What a run came to.
#[derive(Debug)]
pub(crate) struct Figures {
    pub(crate) all: Counts,
    /// Of each kind: lives that gave states, and the figures of all of them.
    pub(crate) kinds: BTreeMap<Kind, (usize, Counts)>,
    /// Most states of one life.
    pub(crate) largest: usize,
    /// Lives that gave states.
    pub(crate) lives: usize,
    pub(crate) seconds: f64,
}

impl fmt::Display for Figures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Counts {
            tried,
            distinct,
            reordered,
            torn,
            filled,
            moved,
            given_back,
            crashed_again,
            deep,
            deeper,
            enumerated,
            sampled,
        } = &self.all;
        let percent = |part: usize| 100.0 * part as f64 / (*distinct).max(1) as f64;
        writeln!(f, "crash states tried                    {tried:>10}")?;
        writeln!(f, "  distinct files, all judged          {distinct:>10}")?;
        writeln!(f, "  with reordered unsynced writes      {reordered:>10}  {:.1} %", percent(*reordered))?;
        writeln!(f, "  with a torn write                   {torn:>10}  {:.1} %", percent(*torn))?;
        writeln!(f, "  with garbage in unwritten space     {filled:>10}  {:.1} %", percent(*filled))?;
        writeln!(f, "  of lives in which pages moved       {moved:>10}  {:.1} %", percent(*moved))?;
        writeln!(f, "  of lives with pages of snapshots     {given_back:>10}  {:.1} %", percent(*given_back))?;
        writeln!(f, "  of crashes during recovery          {deep:>10}  of {crashed_again} recoveries")?;
        writeln!(f, "  of crashes three deep               {deeper:>10}")?;
        writeln!(f, "workloads                             {:>10}", self.lives)?;
        writeln!(f, "  largest share of one                {:>10}  {:.2} %", self.largest, percent(self.largest))?;
        writeln!(f, "moments with every subset             {enumerated:>10}, drawn {sampled}")?;
        for (kind, (lives, of_kind)) in &self.kinds {
            let (name, share) = (format!("  of kind {kind:?}"), percent(of_kind.distinct));
            let reordered = 100.0 * of_kind.reordered as f64 / of_kind.distinct.max(1) as f64;
            writeln!(f, "{name:<38}{:>10}  {share:.1} %, reordered {reordered:.1} %, lives {lives}", of_kind.distinct)?;
        }
        let rate = *distinct as f64 / self.seconds.max(0.001);
        write!(f, "seconds                               {:>10.1}  {rate:.0} states a second", self.seconds)
    }
}
