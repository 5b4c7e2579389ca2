//! From a position to the bytes of its page, without a lock (L4): the table of chunks, and each chunk's home.
//!
//! ```text
//!  position = (chunk, ordinal)
//!  Chunks ──► Chunk ──► Home ─┬─ Heap: ordinal ──► page buffer          the open chunk, and one that is being written
//!                             └─ File: ordinal ──► directory ──► map    a durable chunk, each page checked at its first use (L8)
//!                                                            └─► copy   the same in a store that reads instead of mapping, checked at each read
//! ```
//!
//! A chunk swings from heap to file, or from one place of the file to a dense twin, as a whole: one pointer is swapped; the old home is dropped when
//! no guard that could have seen it is pinned any more (and when no owned value holds it). Table and homes change only under the reclaimer's lock.
//!
//! Invariants: (1) a page of a heap home is put before a root that reaches it is published, and taken only when no held version reaches it;
//! (2) the bytes of a file home's extent are not written, nor the file cut below them, before that home is dropped: its lease says so;
//! (3) no page that was in the file when it was opened names a page in memory: checked at its first use, since (1) rests on it.

#![allow(unsafe_code)]

use std::borrow::Cow;
use std::ptr::NonNull;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use crate::disk::Disk;
use crate::error::{Error, Result};
use crate::format::chunk::{ChunkTail, NO_PAGE, TAIL_LEN};
use crate::format::{ChunkId, Position};
use crate::log::cache::{Cache, Loans};
use crate::log::places::{Places, Stated};
use crate::page::{ALIGN, HEAD_LEN, Page, PageBuf};
use crate::sync::atomic::{AtomicPtr, Ordering};
use crate::sync::epoch::{self, Atomic, Guard, Owned};
use crate::sync::lease::{Lease, Watch};
use crate::sync::{Counted, OnceLock, memory};

/// All chunks that a page may stand in.
pub(crate) struct Chunks {
    table: Atomic<Table>,
    /// How often the table was copied: the cost of a change.
    #[cfg(test)]
    pub(crate) copies: AtomicU64,
}

/// An open-addressed table by id. Ids are consecutive, so a look-up seldom probes twice.
struct Table {
    /// A power of two, at most half full.
    slots: Box<[Option<Counted<Chunk>>]>,
}

impl Table {
    fn of(chunks: Vec<Counted<Chunk>>) -> Table {
        let len = (chunks.len() * 2).next_power_of_two().max(8);
        let mut slots: Box<[Option<Counted<Chunk>>]> = std::iter::repeat_with(|| None).take(len).collect();
        for chunk in chunks {
            let mut i = chunk.id.0 as usize & (len - 1);
            while slots[i].is_some() {
                i = (i + 1) & (len - 1);
            }
            slots[i] = Some(chunk);
        }
        Table { slots }
    }

    fn find(&self, id: ChunkId) -> Option<&Counted<Chunk>> {
        let mask = self.slots.len() - 1;
        let mut i = id.0 as usize & mask;
        loop {
            let chunk = self.slots.get(i)?.as_ref()?;
            if chunk.id == id {
                return Some(chunk);
            }
            i = (i + 1) & mask;
        }
    }
}

impl Chunks {
    /// A table of these chunks.
    pub(crate) fn new(chunks: Vec<Counted<Chunk>>) -> Chunks {
        Chunks {
            table: Atomic::new(Table::of(chunks)),
            #[cfg(test)]
            copies: AtomicU64::new(0),
        }
    }

    /// The chunk, for the length of `guard`.
    pub(crate) fn find<'g>(&self, id: ChunkId, guard: &'g Guard) -> Option<&'g Counted<Chunk>> {
        self.table(guard).find(id)
    }

    /// The page at `at`, checked, for the length of `guard` and `loans`. The caller holds a version that reaches it.
    ///
    /// # Errors
    /// `Corrupt` if there is no such page or it is damaged; `Io` if it cannot be read.
    pub(crate) fn page<'g>(&self, at: Position, guard: &'g Guard, loans: &'g Loans) -> Result<Page<'g>> {
        match self.find(at.chunk(), guard) {
            Some(chunk) => chunk.home(guard).page(at, loans),
            None => Err(Error::corrupt(at, "its chunk does not exist")),
        }
    }

    /// Adds a chunk. Only under the reclaimer's lock.
    pub(crate) fn add(&self, chunk: Counted<Chunk>) {
        self.change(|chunks| chunks.push(chunk));
    }

    /// Takes chunks out; `ids` ascend. Only under the reclaimer's lock.
    pub(crate) fn remove(&self, ids: &[ChunkId]) {
        self.change(|chunks| chunks.retain(|chunk| ids.binary_search(&chunk.id).is_err()));
    }

    fn change(&self, change: impl FnOnce(&mut Vec<Counted<Chunk>>)) {
        #[cfg(test)]
        self.copies.fetch_add(1, Ordering::Relaxed);
        let guard = epoch::pin();
        let mut chunks = self.table(&guard).slots.iter().flatten().cloned().collect();
        change(&mut chunks);
        // AcqRel: readers that load the new table see what it points at.
        let old = self.table.swap(Owned::new(Table::of(chunks)), Ordering::AcqRel, &guard);
        // SAFETY: `old` came from `Owned::new` and is no longer reachable but by guards pinned now.
        unsafe { guard.defer_destroy(old) };
    }

    fn table<'g>(&self, guard: &'g Guard) -> &'g Table {
        // SAFETY: never null; what was loaded under a guard is destroyed only after it (`change` defers).
        unsafe { self.table.load(Ordering::Acquire, guard).deref() }
    }
}

impl Drop for Chunks {
    fn drop(&mut self) {
        // SAFETY: `&mut self`: nobody reads this table any more, and it came from `Owned::new`.
        drop(unsafe { std::mem::replace(&mut self.table, Atomic::null()).try_into_owned() });
    }
}

/// A page chunk: an id for ever, and where it is at home now.
pub(crate) struct Chunk {
    pub(crate) id: ChunkId,
    home: Atomic<Home>,
}

/// Where a chunk's pages are. Cloning shares it: an owned value keeps the home that its bytes are in.
#[derive(Clone)]
pub(crate) enum Home {
    /// In memory: the open chunk.
    Heap(Counted<HeapHome>),
    /// In the file.
    File(Counted<FileHome>),
}

impl Chunk {
    /// A chunk at home in memory or in the file.
    pub(crate) fn new(id: ChunkId, home: Home) -> Counted<Chunk> {
        Counted::new(Chunk { id, home: Atomic::new(home) })
    }

    /// Its home, for the length of `guard`.
    pub(crate) fn home<'g>(&self, guard: &'g Guard) -> &'g Home {
        // SAFETY: never null; what was loaded under a guard is destroyed only after it (`swing` defers).
        unsafe { self.home.load(Ordering::Acquire, guard).deref() }
    }

    /// Moves to another home. Only under the reclaimer's lock.
    pub(crate) fn swing(&self, home: Home) {
        let guard = epoch::pin();
        // AcqRel: readers that load the new home see its bytes.
        let old = self.home.swap(Owned::new(home), Ordering::AcqRel, &guard);
        // SAFETY: `old` came from `Owned::new` and is no longer reachable but by guards pinned now.
        unsafe { guard.defer_destroy(old) };
    }
}

impl Drop for Chunk {
    fn drop(&mut self) {
        // SAFETY: `&mut self`: the last holder; it came from `Owned::new`.
        drop(unsafe { std::mem::replace(&mut self.home, Atomic::null()).try_into_owned() });
    }
}

impl Home {
    /// The page at `at`, checked. The caller holds a version that reaches it and a guard under which this home was loaded (or a clone of it).
    pub(crate) fn page<'h>(&'h self, at: Position, loans: &'h Loans) -> Result<Page<'h>> {
        match self {
            Home::Heap(heap) => heap.page(at),
            Home::File(file) => file.page(at, loans),
        }
    }

    /// The page at `at` where it stands: in memory or in the map, for as long as the home is held. None where pages are copied, see [`Loans::copy`].
    pub(crate) fn page_in_place(&self, at: Position) -> Result<Option<Page<'_>>> {
        match self {
            Home::Heap(heap) => heap.page(at).map(Some),
            Home::File(file) if file.copied.is_some() => Ok(None),
            Home::File(file) => file.mapped_page(at).map(Some),
        }
    }
}

/// Slots of a heap home's first segment; each other has twice as many as the one before. A checker keeps books on each.
const FIRST_SLOTS: usize = if cfg!(loom) { 8 } else { 64 };
/// Together they have a slot for each ordinal that there can be.
const SEGMENTS: usize = (Position::ORDINALS as usize / FIRST_SLOTS).ilog2() as usize + 1;

/// Where an ordinal has its slot: the segment, and the index in it.
#[inline]
fn slot_place(ordinal: u32) -> (usize, usize) {
    let shifted = ordinal as usize + FIRST_SLOTS;
    let segment = (shifted.ilog2() - FIRST_SLOTS.ilog2()) as usize;
    (segment, shifted - (FIRST_SLOTS << segment))
}

/// Lines of the cache behind a page's head that hold what a search reads first: heads and slots of some fifty entries.
const LINES_AHEAD: usize = 9;

/// Asks for those lines, none of which waits for another: what a search reads next depends on what it read before. Nothing is read here.
#[inline(always)]
fn prefetch(page: *const u8) {
    #[cfg(all(target_arch = "x86_64", not(miri)))]
    for line in 1..=LINES_AHEAD {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        // SAFETY: a hint, which is harmless whatever the address is.
        unsafe { _mm_prefetch::<_MM_HINT_T0>(page.wrapping_add(64 * line).cast()) };
    }
    #[cfg(not(all(target_arch = "x86_64", not(miri))))]
    let _ = page;
}

/// Pages in memory, by ordinal.
pub(crate) struct HeapHome {
    /// Each points at the first of its segment's slots, once there is one.
    segments: [AtomicPtr<AtomicPtr<u8>>; SEGMENTS],
    /// Length of the buffers that are here.
    bytes: AtomicU64,
}

impl HeapHome {
    /// Without pages.
    pub(crate) fn new() -> HeapHome {
        HeapHome { segments: std::array::from_fn(|_| AtomicPtr::default()), bytes: AtomicU64::new(0) }
    }

    /// Makes `page` the one at its ordinal. Invariant (1) makes it visible: the root's publication comes after.
    pub(crate) fn put(&self, ordinal: u32, page: PageBuf) {
        let entry = self.slot_for(ordinal);
        // Relaxed: a figure.
        self.bytes.fetch_add(page.bytes().len() as u64, Ordering::Relaxed);
        let page = page.into_raw().as_ptr();
        memory::made(page);
        // Release: whoever loads the pointer sees the bytes.
        let old = entry.swap(page, Ordering::Release);
        assert!(old.is_null(), "ordinal {ordinal} is taken");
    }

    /// Whether there is a page at this ordinal.
    fn has(&self, ordinal: u32) -> bool {
        self.slot(ordinal).is_some_and(|entry| !entry.load(Ordering::Relaxed).is_null())
    }

    /// Puts `page`, unless another thread was first.
    fn put_if_absent(&self, ordinal: u32, page: PageBuf) {
        let entry = self.slot_for(ordinal);
        let bytes = page.bytes().len() as u64;
        let page = page.into_raw();
        memory::made(page.as_ptr());
        // Release: as in `put`.
        match entry.compare_exchange(std::ptr::null_mut(), page.as_ptr(), Ordering::AcqRel, Ordering::Relaxed) {
            Ok(_) => {
                self.bytes.fetch_add(bytes, Ordering::Relaxed);
            }
            // SAFETY: it came from `into_raw` just now, and nobody else has seen it.
            Err(_) => drop(unsafe { PageBuf::from_raw(page) }),
        }
    }

    /// Takes the page out; invariant (1): no held version reaches it.
    pub(crate) fn take(&self, ordinal: u32) -> Option<PageBuf> {
        let entry = self.slot(ordinal)?;
        let page = NonNull::new(entry.swap(std::ptr::null_mut(), Ordering::AcqRel))?;
        memory::gone(page.as_ptr());
        // SAFETY: the pointer came from `into_raw` in `put`, and the swap made us its only owner.
        let page = unsafe { PageBuf::from_raw(page) };
        self.bytes.fetch_sub(page.bytes().len() as u64, Ordering::Relaxed);
        Some(page)
    }

    /// Bytes of memory that its pages take.
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }

    /// Ordinals of the pages that are here, ascending.
    pub(crate) fn ordinals(&self) -> Vec<u32> {
        let mut ordinals = Vec::new();
        for number in 0..SEGMENTS {
            let first = ((FIRST_SLOTS << number) - FIRST_SLOTS) as u32;
            let here = self.segment(number).iter().enumerate().filter(|(_, page)| !page.load(Ordering::Relaxed).is_null());
            ordinals.extend(here.map(|(i, _)| first + i as u32));
        }
        ordinals
    }

    fn page(&self, at: Position) -> Result<Page<'_>> {
        // Acquire: the bytes behind the pointer, see `put`.
        let page = self.slot(at.ordinal()).and_then(|entry| NonNull::new(entry.load(Ordering::Acquire)));
        let Some(page) = page else { return Err(Error::corrupt(at, "there is no such page in memory")) };
        memory::read(page.as_ptr());
        prefetch(page.as_ptr());
        // SAFETY: put by `put`, whose buffer begins with a page's head that states its length; frozen; kept by invariant (1).
        let bytes = unsafe {
            let len = u32::from_le(page.as_ptr().add(4).cast::<u32>().read());
            std::slice::from_raw_parts(page.as_ptr(), len as usize)
        };
        Page::kept(bytes, at)
    }

    /// The slots of a segment: none before it was made.
    fn segment(&self, number: usize) -> &[AtomicPtr<u8>] {
        // Acquire: its contents.
        match NonNull::new(self.segments[number].load(Ordering::Acquire)) {
            // SAFETY: leaked from a box of so many slots by `slot_for`, and freed only by `drop`.
            Some(slots) => unsafe { std::slice::from_raw_parts(slots.as_ptr(), FIRST_SLOTS << number) },
            None => &[],
        }
    }

    #[inline]
    fn slot(&self, ordinal: u32) -> Option<&AtomicPtr<u8>> {
        let (segment, index) = slot_place(ordinal);
        self.segment(segment).get(index)
    }

    fn slot_for(&self, ordinal: u32) -> &AtomicPtr<u8> {
        let (number, index) = slot_place(ordinal);
        if self.segment(number).is_empty() {
            let fresh: Box<[AtomicPtr<u8>]> = (0..FIRST_SLOTS << number).map(|_| AtomicPtr::default()).collect();
            let fresh = Box::into_raw(fresh);
            let entry = &self.segments[number];
            if entry.compare_exchange(std::ptr::null_mut(), fresh.cast(), Ordering::AcqRel, Ordering::Acquire).is_err() {
                // SAFETY: nobody else has seen it.
                drop(unsafe { Box::from_raw(fresh) });
            }
        }
        // Made just now, by us or by another.
        &self.segment(number)[index]
    }
}

impl Drop for HeapHome {
    fn drop(&mut self) {
        for ordinal in self.ordinals() {
            self.take(ordinal);
        }
        for (number, entry) in self.segments.iter().enumerate() {
            // Relaxed: `&mut self`, nobody else is left.
            let segment = entry.load(Ordering::Relaxed);
            if !segment.is_null() {
                let slots = std::ptr::slice_from_raw_parts_mut(segment, FIRST_SLOTS << number);
                // SAFETY: leaked from a box of so many slots by `slot_for`; `&mut self`.
                drop(unsafe { Box::from_raw(slots) });
            }
        }
    }
}

/// A chunk in the file, read through the map or, if `copied` is there, by reading alone. Its tail and directory are checked at first use, each page at its own
/// (through the map) or whenever it is read.
pub(crate) struct FileHome {
    disk: Arc<dyn Disk>,
    pub(crate) stated: Stated,
    /// Pages are copied; the map, `opened` and `unpacked` have no part in it.
    copied: Option<Copied>,
    opened: OnceLock<Opened>,
    /// Pages that are compressed in the file, unpacked at first use.
    unpacked: OnceLock<HeapHome>,
    /// Held by all homes of this extent: when the last is dropped the extent may be used again.
    lease: Lease,
}

/// How pages are copied.
struct Copied {
    cache: Arc<Cache>,
    places: std::sync::OnceLock<Places>,
}

struct Opened {
    /// The extent's first byte in the map.
    start: *const u8,
    /// Offset of the directory in the extent: pages end before it.
    directory: usize,
    /// A bit an ordinal: that page was checked.
    checked: Box<[AtomicU64]>,
}

// SAFETY: `start` points into the map, which lives as long as `disk`, and is only read.
unsafe impl Send for Opened {}
// SAFETY: as above.
unsafe impl Sync for Opened {}

impl FileHome {
    /// A chunk as a seal states it, whose pages are copied by way of `cache` if there is one. Reads nothing yet.
    pub(crate) fn new(disk: Arc<dyn Disk>, stated: Stated, cache: Option<&Arc<Cache>>) -> FileHome {
        let copied = cache.map(|cache| Copied { cache: Arc::clone(cache), places: std::sync::OnceLock::new() });
        FileHome { disk, stated, copied, opened: OnceLock::new(), unpacked: OnceLock::new(), lease: Lease::new() }
    }

    /// The same for a chunk that was written just now: where its pages stand is known, so that the books of the store can be kept without reading it. `slots` and
    /// `directory` as for [`Places::of`].
    pub(crate) fn knowing(mut self, slots: &[u32], directory: u64) -> FileHome {
        if let Some(copied) = &mut self.copied {
            copied.places = std::sync::OnceLock::from(Places::of(slots, directory));
        }
        self
    }

    /// Sees when nobody can be reading the extent any more.
    pub(crate) fn lease(&self) -> Watch {
        self.lease.watch()
    }

    /// The same home without the unpacked pages. Swung to, it lets their memory go.
    pub(crate) fn packed(&self) -> FileHome {
        let cache = self.copied.as_ref().map(|copied| &copied.cache);
        FileHome { lease: self.lease.clone(), ..FileHome::new(Arc::clone(&self.disk), self.stated, cache) }
    }

    /// Bytes of memory of unpacked pages.
    pub(crate) fn unpacked_bytes(&self) -> u64 {
        self.unpacked.get().map_or(0, HeapHome::bytes)
    }

    /// Slots of the directory, empty ones included.
    pub(crate) fn slot_count(&self) -> u32 {
        self.stated.slot_count
    }

    fn page<'h>(&'h self, at: Position, loans: &'h Loans) -> Result<Page<'h>> {
        match &self.copied {
            None => self.mapped_page(at),
            Some(copied) => self.copied_page(copied, at, loans),
        }
    }

    #[inline(never)]
    fn copied_page<'h>(&'h self, copied: &Copied, at: Position, loans: &'h Loans) -> Result<Page<'h>> {
        loans.page(at, &copied.cache, || self.stated.page(self.places(copied)?, at, &*self.disk))
    }

    fn places<'h>(&'h self, copied: &'h Copied) -> Result<&'h Places> {
        if let Some(places) = copied.places.get() {
            return Ok(places);
        }
        // Not under the lock of the cell: two threads may both read.
        let places = self.stated.places(&*self.disk)?;
        Ok(copied.places.get_or_init(|| places))
    }

    fn mapped_page(&self, at: Position) -> Result<Page<'_>> {
        let opened = self.open()?;
        let bytes = self.stored_in(opened, at)?;
        let ordinal = at.ordinal() as usize;
        let word = &opened.checked[ordinal / 64];
        let bit = 1_u64 << (ordinal % 64);
        // Relaxed: the bit says something about bytes that do not change; there is nothing to order.
        let page = if word.load(Ordering::Relaxed) & bit != 0 {
            Page::trusted(bytes, at)?
        } else {
            let page = Page::verify(bytes, at)?;
            self.stated.names_below(page)?;
            word.fetch_or(bit, Ordering::Relaxed);
            page
        };
        if page.is_compressed() { self.unpack(page, at) } else { Ok(page) }
    }

    /// The unpacked form of a compressed page, kept until this home is dropped.
    #[cold]
    fn unpack(&self, page: Page<'_>, at: Position) -> Result<Page<'_>> {
        let unpacked = self.unpacked.get_or_init(HeapHome::new);
        if !unpacked.has(at.ordinal()) {
            let page = page.unpack()?;
            self.stated.names_below(page.page())?;
            unpacked.put_if_absent(at.ordinal(), page);
        }
        unpacked.page(at)
    }

    /// The stored bytes of a page, in place or read just now, unchecked but for their bounds; `None` where the directory has no page.
    pub(crate) fn stored(&self, at: Position) -> Result<Option<Cow<'_, [u8]>>> {
        match &self.copied {
            None => Ok(self.stored_in_place(at)?.map(Cow::Borrowed)),
            Some(copied) => Ok(self.stated.stored(self.places(copied)?, at, &*self.disk)?.map(Cow::Owned)),
        }
    }

    /// Where a page begins in the extent, in bytes; none if there is no such page.
    pub(crate) fn offset(&self, at: Position) -> Result<Option<u64>> {
        match &self.copied {
            None if at.ordinal() >= self.slot_count() => Ok(None),
            None => {
                let entry = self.entry(self.open()?, at.ordinal());
                Ok(Some(entry).filter(|entry| *entry != NO_PAGE).map(|entry| u64::from(entry) * ALIGN as u64))
            }
            Some(copied) => Ok(self.places(copied)?.offset(at.ordinal())),
        }
    }

    /// Stored length of a page in bytes. Where pages are copied it takes no I/O once the directory is known: no read that fails can spoil the books.
    pub(crate) fn stored_len(&self, at: Position) -> Result<Option<u64>> {
        match &self.copied {
            None => Ok(self.stored_in_place(at)?.map(|bytes| bytes.len() as u64)),
            Some(copied) => Ok(self.places(copied)?.len(at.ordinal())),
        }
    }

    fn stored_in_place(&self, at: Position) -> Result<Option<&[u8]>> {
        let opened = self.open()?;
        if at.ordinal() >= self.slot_count() || self.entry(opened, at.ordinal()) == NO_PAGE {
            return Ok(None);
        }
        self.stored_in(opened, at).map(Some)
    }

    fn stored_in(&self, opened: &Opened, at: Position) -> Result<&[u8]> {
        if at.ordinal() >= self.slot_count() {
            return Err(Error::corrupt(at, format_args!("the chunk has {} pages", self.slot_count())));
        }
        let offset = (self.entry(opened, at.ordinal()) as usize).saturating_mul(ALIGN);
        let room = opened.directory.checked_sub(offset).filter(|room| *room >= HEAD_LEN);
        let Some(room) = room else {
            return Err(Error::corrupt(at, format_args!("the directory puts it at {offset}, behind the pages")));
        };
        memory::read_mapped(opened.start.wrapping_add(offset));
        prefetch(opened.start.wrapping_add(offset));
        // SAFETY: offset + HEAD_LEN <= directory <= extent length, all inside the mapped extent (`open`); the length is read once and
        // bounds-checked before the slice of the page is made; invariant (2) keeps the bytes as they are.
        unsafe {
            let start = opened.start.add(offset);
            let len = u32::from_le(start.add(4).cast::<u32>().read_unaligned()) as usize;
            if len < HEAD_LEN || len > room {
                return Err(Error::corrupt(at, format_args!("its length {len} leaves the chunk")));
            }
            Ok(std::slice::from_raw_parts(start, len))
        }
    }

    /// The directory's entry. `ordinal` is below `slot_count`.
    fn entry(&self, opened: &Opened, ordinal: u32) -> u32 {
        debug_assert!(ordinal < self.slot_count());
        // SAFETY: the directory of `slot_count` entries stands inside the extent (`open` checked), aligned to 64.
        unsafe { u32::from_le(opened.start.add(opened.directory + 4 * ordinal as usize).cast::<u32>().read_unaligned()) }
    }

    fn open(&self) -> Result<&Opened> {
        if let Some(opened) = self.opened.get() {
            return Ok(opened);
        }
        let extent = self.stated.extent;
        let (len, place) = (extent.len as usize, self.stated.name());
        // SAFETY: invariant (2).
        let bytes = unsafe { self.disk.slice(extent.offset, len) }.map_err(|e| e.within(&place))?;
        let tail = len.checked_sub(TAIL_LEN).and_then(|at| bytes.get(at..));
        let tail = tail.ok_or_else(|| Error::corrupt(&place, "it is shorter than its tail"))?;
        let tail = ChunkTail::decode(tail, extent.len).map_err(|e| e.within(&place))?;
        let directory = tail.directory as usize..(tail.directory + tail.directory_len()) as usize;
        let directory = bytes.get(directory).ok_or_else(|| Error::corrupt(&place, "its directory leaves it"))?;
        tail.check(directory).map_err(|e| e.within(&place))?;
        self.stated.is_of(&tail).map_err(|e| e.within(&place))?;
        let words = (self.slot_count() as usize).div_ceil(64);
        let opened = Opened {
            start: bytes.as_ptr(),
            directory: tail.directory as usize,
            checked: (0..words).map(|_| AtomicU64::new(0)).collect(),
        };
        Ok(self.opened.get_or_init(|| opened))
    }
}

#[cfg(all(test, not(loom)))]
mod tests;
