//! Where the pages of a chunk in the file stand, in memory: for whoever reads pages instead of mapping them.
//!
//! Read and checked once (FORMAT 6), or taken over from the writer of the chunk. Pages are packed tight, so the directory says the length of each too: a page is read by one
//! call, and its share of the books is known without any I/O. Memory: 8 bytes a slot, a thousandth of the usual page.

use std::fmt::Display;

use crate::disk::Disk;
use crate::error::{Error, Result};
use crate::format::chunk::{ChunkTail, NO_PAGE, PAGE_ALIGN, TAIL_LEN};
use crate::format::{ChunkId, Extent, Position};
use crate::page::{Item, Kind, Page, PageBuf};

/// What a seal says of a chunk in the file, and its tail must repeat.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Stated {
    pub(crate) id: ChunkId,
    pub(crate) extent: Extent,
    pub(crate) generation: u32,
    pub(crate) slot_count: u32,
    /// The next chunk id of that seal, or beyond: no page of the chunk may name a page there. Those are in memory, and are freed by what this process knows of them, whatever
    /// stands in the file.
    pub(crate) below: ChunkId,
}

/// Where a page stands in its extent, in units of 64 bytes.
#[derive(Clone, Copy, Debug)]
struct Place {
    /// [`NO_PAGE`]: there is none.
    start: u32,
    len: u32,
}

/// The places of a chunk's pages, by ordinal.
pub(crate) struct Places(Box<[Place]>);

impl Stated {
    /// How messages call the chunk.
    pub(crate) fn name(&self) -> String {
        format!("chunk {} at {}", self.id, self.extent.offset)
    }

    /// # Errors
    /// `Corrupt` if the tail is that of another chunk.
    pub(crate) fn is_of(&self, tail: &ChunkTail) -> Result<()> {
        if (tail.id, tail.generation, tail.slot_count) == (self.id, self.generation, self.slot_count) {
            return Ok(());
        }
        let found = format!("its tail says chunk {}, generation {}, {} slots", tail.id, tail.generation, tail.slot_count);
        Err(Error::corrupt("chunk", found))
    }

    /// Reads and checks tail and directory.
    ///
    /// # Errors
    /// `Corrupt` if they are damaged or the file ends before them; `Io`.
    pub(crate) fn places(&self, disk: &dyn Disk) -> Result<Places> {
        self.read_places(disk).map_err(|e| e.within(self.name()))
    }

    fn read_places(&self, disk: &dyn Disk) -> Result<Places> {
        let short = || Error::corrupt("chunk", "it is shorter than its tail");
        let tail_at = self.extent.len.checked_sub(TAIL_LEN as u64).ok_or_else(short)?;
        let mut tail = [0; TAIL_LEN];
        disk.read_at(&mut tail, self.extent.offset + tail_at)?;
        let tail = ChunkTail::decode(&tail, self.extent.len)?;
        self.is_of(&tail)?;
        // Within the extent, and so within the file: `decode` has seen to that.
        let mut bytes = zeros(tail.directory_len() as usize, "the directory")?;
        disk.read_at(&mut bytes, self.extent.offset + tail.directory)?;
        tail.check(&bytes)?;
        let slots: Vec<u32> = bytes.as_chunks().0.iter().map(|slot| u32::from_le_bytes(*slot)).collect();
        Ok(Places::of(&slots, tail.directory))
    }

    /// Reads and checks the page at `at`: in its form in memory, unpacked.
    ///
    /// # Errors
    /// `Corrupt` if there is none or it is damaged, or the file ends before; `Io`.
    pub(crate) fn page(&self, places: &Places, at: Position, disk: &dyn Disk) -> Result<PageBuf> {
        let Some((offset, len)) = places.get(at.ordinal()) else {
            return Err(Error::corrupt(at, format_args!("{} has no such page", self.name())));
        };
        let read = |into: &mut [u8]| disk.read_at(into, self.extent.offset + offset).map_err(|e| e.within(at));
        let page = PageBuf::of_stored(len, at, read)?;
        self.names_below(page.page())?;
        Ok(page)
    }

    /// Every page that this one names stands in a chunk of the file. Of a compressed page nothing can be seen.
    ///
    /// # Errors
    /// `Corrupt` if it names another.
    pub(crate) fn names_below(&self, page: Page<'_>) -> Result<()> {
        for i in 0..page.count() {
            let named = match page.kind() {
                Kind::Branch => page.child(i)?,
                _ => match page.item(i)? {
                    Item::Large { at, .. } => at,
                    Item::Inline(_) => continue,
                },
            };
            if named.chunk() >= self.below {
                let what = format!("it names {named}, but the newest chunk of its seal is before {}", self.below);
                return Err(Error::corrupt(page.position(), what));
            }
        }
        Ok(())
    }

    /// Reads the stored bytes of the page at `at`, as they are; none if there is no such page.
    ///
    /// # Errors
    /// `Corrupt` if the file ends before; `Io`; `Full` without memory for it.
    pub(crate) fn stored(&self, places: &Places, at: Position, disk: &dyn Disk) -> Result<Option<Vec<u8>>> {
        let Some((offset, len)) = places.get(at.ordinal()) else { return Ok(None) };
        let mut bytes = zeros(len, at)?;
        disk.read_at(&mut bytes, self.extent.offset + offset).map_err(|e| e.within(at))?;
        Ok(Some(bytes))
    }
}

/// So many zeros for what is read from the file: it may be as long as that.
pub(super) fn zeros(len: usize, what: impl Display) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    bytes.try_reserve_exact(len).map_err(|_| Error::no_memory(what, len))?;
    bytes.resize(len, 0);
    Ok(bytes)
}

impl Places {
    /// From a directory's entries, each below `directory / 64`, or [`NO_PAGE`]; `directory` is where the last page ends, in bytes.
    pub(crate) fn of(slots: &[u32], directory: u64) -> Places {
        let mut order: Vec<usize> = (0..slots.len()).filter(|ordinal| slots[*ordinal] != NO_PAGE).collect();
        order.sort_unstable_by_key(|ordinal| slots[*ordinal]);
        let mut places: Box<[Place]> = slots.iter().map(|start| Place { start: *start, len: 0 }).collect();
        // At most 16 GiB / 64 = 2^28.
        let mut end = (directory / PAGE_ALIGN) as u32;
        for ordinal in order.into_iter().rev() {
            let place = &mut places[ordinal];
            place.len = end.saturating_sub(place.start);
            end = place.start;
        }
        Places(places)
    }

    /// Offset in the extent and length of a page, both in bytes.
    fn get(&self, ordinal: u32) -> Option<(u64, usize)> {
        let place = self.0.get(ordinal as usize).filter(|place| place.start != NO_PAGE)?;
        Some((u64::from(place.start) * PAGE_ALIGN, place.len as usize * PAGE_ALIGN as usize))
    }

    /// Where a page begins in the extent, in bytes.
    pub(crate) fn offset(&self, ordinal: u32) -> Option<u64> {
        self.get(ordinal).map(|(offset, _)| offset)
    }

    /// Stored length of a page in bytes.
    pub(crate) fn len(&self, ordinal: u32) -> Option<u64> {
        self.get(ordinal).map(|(_, len)| len as u64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ErrorKind;

    /// Pages stand in any order, with holes among the ordinals; each reaches to the next, and the last to the directory.
    #[test]
    fn places_reach_to_the_next_page() {
        let places = Places::of(&[5, NO_PAGE, 0, 2], 8 * PAGE_ALIGN);
        let found: Vec<_> = (0..5).map(|ordinal| places.get(ordinal)).collect();
        assert_eq!(found, [Some((320, 192)), None, Some((0, 128)), Some((128, 192)), None]);
        // Two pages in one place: one of them has no byte, which no page is.
        let forged = Places::of(&[1, 1], 3 * PAGE_ALIGN);
        assert_eq!(forged.len(0).unwrap_or(0) + forged.len(1).unwrap_or(0), 128);
    }

    /// No memory for what the file states is an error of that read. The process was ended: directories and copied pages are as long as the file allows, and were allocated as if that could not fail.
    #[test]
    fn l8_no_memory_is_an_error() {
        assert_eq!(zeros(usize::MAX, "the directory").expect_err("nobody has it").kind(), ErrorKind::Full);
        assert_eq!(zeros(3, "the directory").expect("three bytes"), [0; 3]);
    }
}
