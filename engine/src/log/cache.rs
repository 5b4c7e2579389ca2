//! Copies of pages, for a store that does not map its file: a cache that keeps some of them, and what each reader was lent.
//!
//! ```text
//!  reader ──► Loans: what it was lent already ──► Cache: what somebody read of late ──► read_at, check, unpack
//! ```
//!
//! A page of the file is read whole into memory of its own, checked (L8), unpacked if it is compressed, and counted by reference from then on. The cache may forget it at
//! any time: it is freed when the last reader that was lent it is gone too. So the memory of copies is at most the cache's budget and what the living readers were
//! lent; no epoch and no other reader delays that.
//!
//! Invariants: (1) a copy was checked when it was read, and never changes; (2) a shard holds at most its share of the budget; (3) a shard's lock is held for a look-up or
//! for a change of its books, never over I/O (L4): two threads that miss the same page both read it, and one of the copies is kept.

use std::cell::{OnceCell, RefCell};
use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::error::Result;
use crate::format::Position;
use crate::page::{Page, PageBuf};
use crate::sync::Mutex;
#[cfg(loom)]
use crate::sync::checker::fault::{self, Fault};

/// Most shards: more than threads are likely to miss at once.
const SHARDS: u64 = 16;
/// A shard has at least this much, or there are fewer: 1 MiB, a hundred pages.
const SHARD_BYTES: u64 = 1 << 20;
/// What a copy costs beside its buffer: its entries in table and queue, and two counts. Bytes, about.
const ENTRY_BYTES: u64 = 128;

/// Copies of pages that were read of late, by position. A page keeps its position for ever, wherever its chunk moves: an entry is never wrong.
pub(crate) struct Cache {
    shards: Box<[Mutex<Shard>]>,
    /// Bytes that a shard may hold.
    share: u64,
    /// Pages read from the file since the store was opened.
    loads: AtomicU64,
}

#[derive(Default)]
struct Shard {
    copies: HashMap<Position, Cached>,
    /// Every copy once, in the order of arrival; one that was used since it was last looked at goes to the back again.
    queue: VecDeque<Position>,
    bytes: u64,
}

struct Cached {
    copy: Arc<PageBuf>,
    used: bool,
}

fn cost(copy: &PageBuf) -> u64 {
    copy.bytes().len() as u64 + ENTRY_BYTES
}

impl Cache {
    /// An empty cache for `budget` bytes; 0 keeps nothing.
    pub(crate) fn new(budget: u64) -> Cache {
        let count = 1_u64 << (budget / SHARD_BYTES).clamp(1, SHARDS).ilog2();
        let shards = (0..count).map(|_| Mutex::default()).collect();
        Cache { shards, share: budget / count, loads: AtomicU64::new(0) }
    }

    /// The copy of the page at `at`: from here, or as `load` reads it, which is kept.
    pub(crate) fn get_or_load(&self, at: Position, load: impl FnOnce() -> Result<PageBuf>) -> Result<Arc<PageBuf>> {
        match self.get(at) {
            Some(copy) => Ok(copy),
            None => Ok(self.keep(at, Arc::new(self.counted(load)?))),
        }
    }

    fn counted(&self, load: impl FnOnce() -> Result<PageBuf>) -> Result<PageBuf> {
        // Relaxed: a figure.
        self.loads.fetch_add(1, Ordering::Relaxed);
        load()
    }

    fn get(&self, at: Position) -> Option<Arc<PageBuf>> {
        let mut shard = self.shard(at).lock();
        let cached = shard.copies.get_mut(&at)?;
        cached.used = true;
        Some(Arc::clone(&cached.copy))
    }

    /// Keeps a copy that was read and checked; gives the one that is here from now on, or `copy` if it is too long to be kept.
    fn keep(&self, at: Position, copy: Arc<PageBuf>) -> Arc<PageBuf> {
        let cost = cost(&copy);
        if cost > self.share {
            return copy;
        }
        // Freed when the lock was let go.
        let mut forgotten = Vec::new();
        let mut shard = self.shard(at).lock();
        let first = shard.copies.get(&at);
        #[cfg(loom)]
        let first = first.filter(|_| !fault::is(Fault::SecondCopyKept));
        if let Some(cached) = first {
            return Arc::clone(&cached.copy);
        }
        shard.make_room(self.share - cost, &mut forgotten);
        shard.copies.insert(at, Cached { copy: Arc::clone(&copy), used: false });
        shard.queue.push_back(at);
        shard.bytes += cost;
        drop(shard);
        copy
    }

    fn shard(&self, at: Position) -> &Mutex<Shard> {
        // Fibonacci hashing: 2^64 / golden ratio; the middle bits, which all of the position moves. The number of shards is a power of two.
        let spread = at.0.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32;
        &self.shards[spread as usize & (self.shards.len() - 1)]
    }

    /// Bytes that the copies here take.
    pub(crate) fn bytes(&self) -> u64 {
        self.shards.iter().map(|shard| shard.lock().bytes).sum()
    }

    /// Panics unless the books agree with what is here (2).
    #[cfg(test)]
    pub(crate) fn expect_exact(&self) {
        for shard in &self.shards {
            let shard = shard.lock();
            assert_eq!(shard.queue.len(), shard.copies.len(), "a copy stands in the queue twice, or not at all");
            let bytes: u64 = shard.copies.values().map(|cached| cost(&cached.copy)).sum();
            assert_eq!(shard.bytes, bytes, "bytes of copies that are not here");
            assert!(bytes <= self.share, "{bytes} bytes of copies, and {} allowed", self.share);
        }
    }

    /// Pages read from the file since the store was opened.
    pub(crate) fn loads(&self) -> u64 {
        // Relaxed: a figure.
        self.loads.load(Ordering::Relaxed)
    }
}

impl Shard {
    /// Forgets copies, the oldest that was not used of late first, until at most `bytes` are left.
    fn make_room(&mut self, bytes: u64, forgotten: &mut Vec<Arc<PageBuf>>) {
        while self.bytes > bytes {
            let Some(at) = self.queue.pop_front() else { return };
            match self.copies.get_mut(&at) {
                // Once round the queue at most: then nothing is marked any more.
                Some(cached) if cached.used => {
                    cached.used = false;
                    self.queue.push_back(at);
                }
                _ => {
                    let copy = self.copies.remove(&at).map(|cached| cached.copy);
                    self.bytes -= copy.as_deref().map_or(0, cost);
                    forgotten.extend(copy);
                }
            }
        }
    }
}

/// The copies that one reader was lent: each stays as long as this, so that what points into it stays too. In a store that maps its file it holds nothing and costs nothing.
#[derive(Default)]
pub(crate) struct Loans {
    /// Reads the file each time, and leaves the cache to others.
    aside: bool,
    held: OnceCell<Box<Held>>,
}

#[derive(Default)]
struct Held {
    /// Number of the copy of a position in `copies`.
    numbers: RefCell<HashMap<Position, usize>>,
    copies: Copies,
}

/// So many copies are worth letting go of: 2 MiB of usual pages.
const MANY: usize = 256;

impl Loans {
    /// Of a reader who goes through everything once: whatever it asks for is read from the file, and the cache neither helps nor suffers.
    pub(crate) fn aside() -> Loans {
        Loans { aside: true, held: OnceCell::new() }
    }

    /// The copy of the page at `at`: lent already, or from the cache, or as `load` reads it.
    pub(super) fn page(&self, at: Position, cache: &Cache, load: impl FnOnce() -> Result<PageBuf>) -> Result<Page<'_>> {
        let held = self.held.get_or_init(Box::default);
        let number = held.numbers.borrow().get(&at).copied();
        if let Some(copy) = number.and_then(|number| held.copies.get(number)) {
            return Ok(copy.page());
        }
        let copy = if self.aside { Arc::new(cache.counted(load)?) } else { cache.get_or_load(at, load)? };
        let mut numbers = held.numbers.borrow_mut();
        let number = numbers.len();
        numbers.insert(at, number);
        Ok(held.copies.put(number, copy).page())
    }

    /// The copy that was lent of the page at `at`, to be kept beyond this.
    pub(crate) fn copy(&self, at: Position) -> Option<Arc<PageBuf>> {
        let held = self.held.get()?;
        let number = held.numbers.borrow().get(&at).copied()?;
        held.copies.get(number).cloned()
    }

    /// Ends the loans if they are many. Nothing points into them: the borrow says so.
    pub(crate) fn end_many(&mut self) {
        if self.held.get().is_some_and(|held| held.numbers.borrow().len() >= MANY) {
            self.held = OnceCell::new();
        }
    }
}

/// Copies by number, in pieces that never move: piece n has 64 x 2^n places, so that 26 hold more than memory.
#[derive(Default)]
struct Copies {
    pieces: [OnceCell<Piece>; 26],
}

type Piece = Box<[OnceCell<Arc<PageBuf>>]>;

impl Copies {
    /// The piece of a number, and the place in it.
    fn place(number: usize) -> (usize, usize) {
        let piece = (number / 64 + 1).ilog2() as usize;
        (piece, number - 64 * ((1 << piece) - 1))
    }

    fn get(&self, number: usize) -> Option<&Arc<PageBuf>> {
        let (piece, place) = Copies::place(number);
        self.pieces.get(piece)?.get()?.get(place)?.get()
    }

    /// Puts the copy with this number, which is the next.
    fn put(&self, number: usize, copy: Arc<PageBuf>) -> &Arc<PageBuf> {
        let (piece, place) = Copies::place(number);
        let places = self.pieces[piece].get_or_init(|| (0..64_usize << piece).map(|_| OnceCell::new()).collect());
        places[place].get_or_init(|| copy)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::{ChunkId, TableId};

    fn at(ordinal: u32) -> Position {
        Position::new(ChunkId(1), ordinal)
    }

    fn page(ordinal: u32, len: usize) -> PageBuf {
        let mut page = PageBuf::leaf(len, TableId(1));
        page.set_position(at(ordinal));
        page
    }

    /// L4, 'bounded': whatever is asked for, the cache holds no more than its budget, and a reader keeps exactly what it was lent.
    #[test]
    fn copies_stay_within_the_budget() {
        for budget in [0, 1 << 10, 100 << 10, 3 << 20] {
            let cache = Cache::new(budget);
            for round in 0..3 {
                let mut loans = Loans::default();
                for ordinal in 0..1000 {
                    let lent = loans.page(at(ordinal), &cache, || Ok(page(ordinal, 4096))).expect("loaded");
                    assert_eq!(lent.position(), at(ordinal));
                    assert!(cache.bytes() <= budget, "{} of {budget} in round {round}", cache.bytes());
                }
                for ordinal in 0..1000 {
                    let lent = loans.page(at(ordinal), &cache, || panic!("it was lent")).expect("lent");
                    assert_eq!(lent.position(), at(ordinal));
                    let copy = loans.copy(at(ordinal)).expect("lent");
                    assert!(Arc::strong_count(&copy) <= 3, "this, the loan, the cache");
                }
                cache.expect_exact();
                loans.end_many();
                assert!(loans.copy(at(0)).is_none());
            }
            assert_eq!(cache.bytes() > 0, budget > 4 << 10);
        }
    }

    /// What is used again and again outlives what passes by once.
    #[test]
    fn used_copies_stay() {
        let cache = Cache::new(64 << 10);
        let read = |ordinal| {
            let loans = Loans::default();
            loans.page(at(ordinal), &cache, || Ok(page(ordinal, 4096))).expect("loaded");
        };
        read(0);
        for ordinal in 1..200 {
            read(0);
            read(ordinal);
        }
        assert_eq!(cache.loads(), 200);
        // A page beyond the whole budget is lent, not kept.
        let bytes = cache.bytes();
        let loans = Loans::default();
        loans.page(at(999), &cache, || Ok(page(999, 1 << 20))).expect("loaded");
        assert!(cache.bytes() == bytes && loans.copy(at(999)).is_some());
    }

    /// A reader that goes aside reads everything itself and moves nobody out.
    #[test]
    fn readers_aside_leave_the_cache_alone() {
        let cache = Cache::new(64 << 10);
        for _ in 0..2 {
            let loans = Loans::aside();
            loans.page(at(1), &cache, || Ok(page(1, 4096))).expect("loaded");
        }
        assert_eq!((cache.loads(), cache.bytes()), (2, 0));
    }

    /// A load that fails leaves nothing behind: the next one is tried.
    #[test]
    fn failed_loads_are_forgotten() {
        let (cache, loans) = (Cache::new(64 << 10), Loans::default());
        let fails = || Err(crate::error::Error::corrupt(at(1), "made up"));
        assert!(loans.page(at(1), &cache, fails).is_err());
        assert!(loans.page(at(1), &cache, || Ok(page(1, 4096))).is_ok());
    }
}
