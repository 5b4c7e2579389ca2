//! The end of a page chunk: its directory and its tail (FORMAT 6).
//!
//! ```text
//! 0 pages | align 64: directory, slot_count x u32 | zeros | tail, 64 bytes | end of the extent
//! ```
//! Reading goes backwards: [`ChunkTail::decode`] takes the last 64 bytes and says where the directory stands, and
//! [`ChunkTail::check`] takes the directory and holds it against the CRC, which covers both.

use super::fixed::lay;
use super::header::{Incarnation, newer};
use super::ids::{BLOCK, ChunkId, Position, WINDOW};
use crate::codec::{Input, align, crc, crc_after};
use crate::error::{Error, Result};

/// Directory entry of an ordinal that has no page here.
pub const NO_PAGE: u32 = u32::MAX;
/// Length of the tail: the last bytes of the extent.
pub const TAIL_LEN: usize = 64;
/// Pages start on multiples of this; a directory entry counts in it.
pub const PAGE_ALIGN: u64 = 64;

/// First bytes of a tail; stored, never change.
const MAGIC: [u8; 4] = *b"TRch";

/// The tail of a page chunk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ChunkTail {
    /// The chunk's id, from 1.
    pub id: ChunkId,
    /// The store's life in which it was written.
    pub incarnation: Incarnation,
    /// 0 as first written, one more with each dense twin.
    pub generation: u32,
    /// Directory entries that are not [`NO_PAGE`].
    pub page_count: u32,
    /// Directory entries.
    pub slot_count: u32,
    /// Offset of the directory in the extent; a multiple of [`PAGE_ALIGN`].
    pub directory: u64,
    /// Sum of the pages' stored lengths.
    pub page_bytes: u64,
    /// CRC of the tail's other fields and the directory. Encoding computes it.
    pub crc: u32,
}

/// Where the parts of a chunk stand whose pages end at a given byte.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ChunkLayout {
    /// Offset of the directory in the extent.
    pub directory: u64,
    /// Length of the extent.
    pub extent_len: u64,
}

impl ChunkLayout {
    /// The layout behind pages that end at `pages_end`, with a directory of `slot_count` entries; `None` if it would exceed
    /// the limits of a chunk (FORMAT 12).
    #[must_use]
    pub fn new(pages_end: u64, slot_count: u32) -> Option<ChunkLayout> {
        let directory = align(pages_end, PAGE_ALIGN)?;
        let tail = directory.checked_add(u64::from(slot_count).checked_mul(4)?)?;
        let extent_len = align(tail.checked_add(TAIL_LEN as u64)?, BLOCK)?;
        (extent_len <= WINDOW && slot_count < Position::ORDINALS).then_some(ChunkLayout { directory, extent_len })
    }
}

impl ChunkTail {
    /// Everything from the directory to the end of an extent of `extent_len` bytes, and the tail's CRC. `slots` are the directory's
    /// entries, in units of [`PAGE_ALIGN`] or [`NO_PAGE`]; the `slot_count`, `page_count` and `crc` of `self` are not looked at.
    ///
    /// # Panics
    /// If directory and tail do not fit behind `self.directory`.
    #[must_use]
    pub fn encode_end(&self, slots: &[u32], extent_len: u64) -> (Vec<u8>, u32) {
        let page_count = slots.iter().filter(|slot| **slot != NO_PAGE).count() as u32;
        let counted = ChunkTail { slot_count: slots.len() as u32, page_count, ..*self };
        let len = extent_len.saturating_sub(self.directory) as usize;
        let mut out = Vec::with_capacity(len);
        slots.iter().for_each(|slot| out.extend_from_slice(&slot.to_le_bytes()));
        assert!(out.len().saturating_add(TAIL_LEN) <= len, "a chunk's directory exceeds its extent");
        let crc = counted.sum(&out);
        out.resize(len.saturating_sub(TAIL_LEN), 0);
        out.extend_from_slice(&lay::<TAIL_LEN>(&[&MAGIC, &crc.to_le_bytes(), &counted.fields()]));
        (out, crc)
    }

    /// The tail in `bytes`, the last [`TAIL_LEN`] bytes of an extent of `extent_len` bytes. **Its CRC was not checked**: believe
    /// nothing but where the directory stands, for [`ChunkTail::check`].
    ///
    /// # Errors
    /// `Corrupt` without a magic, or with a field out of its range; `Unsupported` for reserved bytes that are not zero.
    pub fn decode(bytes: &[u8], extent_len: u64) -> Result<ChunkTail> {
        let mut input = Input::new(bytes);
        if input.array() != Some(MAGIC) {
            return Err(Error::corrupt("chunk", "its tail has no magic"));
        }
        let read = (|| {
            let (crc, id, incarnation) = (input.u32()?, ChunkId(input.u64()?), Incarnation(input.array()?));
            let (generation, page_count, slot_count, reserved) = (input.u32()?, input.u32()?, input.u32()?, input.u32()?);
            let (directory, page_bytes) = (input.u64()?, input.u64()?);
            Some((ChunkTail { id, incarnation, generation, page_count, slot_count, directory, page_bytes, crc }, reserved))
        })();
        let (tail, reserved) = read.ok_or_else(|| Error::corrupt("chunk", "its tail is cut short"))?;
        if reserved != 0 {
            return Err(newer("chunk"));
        }
        tail.check_ranges(extent_len)?;
        Ok(tail)
    }

    fn check_ranges(&self, extent_len: u64) -> Result<()> {
        let bad = |what: &str| Err(Error::corrupt(format_args!("chunk {}", self.id), what));
        if self.id.0 == 0 || self.id.0 >= 1 << 40 {
            return bad("its id is out of range");
        }
        if self.page_count > self.slot_count || self.slot_count >= Position::ORDINALS {
            return bad("more pages than slots, or too many slots");
        }
        let end = self.directory.checked_add(self.directory_len()).and_then(|end| end.checked_add(TAIL_LEN as u64));
        if !self.directory.is_multiple_of(PAGE_ALIGN)
            || self.page_bytes > self.directory
            || end.is_none_or(|end| end > extent_len)
        {
            return bad("its directory does not fit between pages and tail");
        }
        Ok(())
    }

    /// Length of the directory in bytes, from `self.directory` on.
    #[must_use]
    pub fn directory_len(&self) -> u64 {
        u64::from(self.slot_count).saturating_mul(4)
    }

    /// The directory in `bytes`, [`ChunkTail::directory_len`] bytes from `self.directory` on, held against the CRC. Cost O(slots).
    ///
    /// # Errors
    /// `Corrupt` if the CRC differs, an entry is not among the pages, or the count of pages differs.
    pub fn check<'a>(&self, bytes: &'a [u8]) -> Result<Directory<'a>> {
        let bad = |what: String| Error::corrupt(format_args!("chunk {}", self.id), what);
        if bytes.len() as u64 != self.directory_len() {
            return Err(bad(format!("a directory of {} bytes, expected {}", bytes.len(), self.directory_len())));
        }
        let found = self.sum(bytes);
        if found != self.crc {
            return Err(bad(format!("CRC {found:#010x} of directory and tail, expected {:#010x}", self.crc)));
        }
        let directory = Directory { bytes };
        let mut page_count = 0_u32;
        for offset in directory.pages().map(|(_, offset)| offset) {
            page_count = page_count.saturating_add(1);
            if offset >= self.directory {
                return Err(bad(format!("its directory names offset {offset} for a page, behind all pages")));
            }
        }
        if page_count != self.page_count {
            return Err(bad(format!("{page_count} pages in its directory, expected {}", self.page_count)));
        }
        Ok(directory)
    }

    /// Bytes 8..64 of the stored form.
    fn fields(&self) -> [u8; TAIL_LEN - 8] {
        lay(&[
            &self.id.0.to_le_bytes(),
            &self.incarnation.0,
            &self.generation.to_le_bytes(),
            &self.page_count.to_le_bytes(),
            &self.slot_count.to_le_bytes(),
            &[0; 4],
            &self.directory.to_le_bytes(),
            &self.page_bytes.to_le_bytes(),
        ])
    }

    /// CRC of bytes 8..64 and then of the directory.
    fn sum(&self, directory: &[u8]) -> u32 {
        crc_after(crc(&self.fields()), directory)
    }
}

/// The directory of a chunk: where in the extent the page of an ordinal starts.
#[derive(Clone, Copy, Debug)]
pub struct Directory<'a> {
    bytes: &'a [u8],
}

impl<'a> Directory<'a> {
    /// Offset in the extent of page `ordinal`; `None` if it is not here.
    #[must_use]
    pub fn get(&self, ordinal: u32) -> Option<u64> {
        let at = (ordinal as usize).checked_mul(4)?;
        page_offset(*self.bytes.get(at..)?.first_chunk()?)
    }

    /// Slots, empty ones counted.
    #[must_use]
    pub fn slot_count(&self) -> u32 {
        (self.bytes.len() / 4) as u32
    }

    /// All pages as (ordinal, offset in the extent), by ordinal.
    pub fn pages(self) -> impl Iterator<Item = (u32, u64)> + 'a {
        let (slots, _) = self.bytes.as_chunks::<4>();
        (0_u32..).zip(slots).filter_map(|(ordinal, slot)| Some((ordinal, page_offset(*slot)?)))
    }
}

/// The offset that a directory entry stands for: at most 2^38.
fn page_offset(slot: [u8; 4]) -> Option<u64> {
    let slot = u32::from_le_bytes(slot);
    (slot != NO_PAGE).then_some(u64::from(slot).saturating_mul(PAGE_ALIGN))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::fixed::Random;

    fn random_chunk(random: &mut Random) -> (ChunkTail, Vec<u32>, ChunkLayout) {
        let pages = 1 + random.below(40) as u32;
        let slots: Vec<_> = (0..random.below(300))
            .map(|_| if random.below(3) == 0 { NO_PAGE } else { random.below(u64::from(pages)) as u32 })
            .collect();
        let page_bytes = u64::from(pages) * PAGE_ALIGN;
        let layout = ChunkLayout::new(page_bytes, slots.len() as u32).unwrap();
        let tail = ChunkTail {
            id: ChunkId(1 + random.below(1 << 39)),
            incarnation: Incarnation(std::array::from_fn(|_| random.next() as u8)),
            generation: random.next() as u32,
            page_count: slots.iter().filter(|slot| **slot != NO_PAGE).count() as u32,
            slot_count: slots.len() as u32,
            directory: layout.directory,
            page_bytes,
            crc: 0,
        };
        (tail, slots, layout)
    }

    fn read(end: &[u8], layout: ChunkLayout) -> Result<(ChunkTail, Vec<Option<u64>>)> {
        let tail = ChunkTail::decode(&end[end.len() - TAIL_LEN..], layout.extent_len)?;
        let start = tail.directory.saturating_sub(layout.directory) as usize;
        let Some(bytes) = end.get(start..start + tail.directory_len() as usize) else {
            return Err(Error::corrupt("test", "directory elsewhere"));
        };
        let directory = tail.check(bytes)?;
        Ok((tail, (0..directory.slot_count()).map(|ordinal| directory.get(ordinal)).collect()))
    }

    /// What was encoded decodes to the same tail and directory.
    #[test]
    fn chunk_reads_back() {
        for seed in 1..200 {
            let (tail, slots, layout) = random_chunk(&mut Random(seed));
            let (end, crc) = tail.encode_end(&slots, layout.extent_len);
            assert_eq!(layout.directory + end.len() as u64, layout.extent_len);
            assert_eq!(layout.extent_len % BLOCK, 0);
            let (read, directory) = read(&end, layout).unwrap();
            assert_eq!(read, ChunkTail { crc, ..tail }, "seed {seed}");
            let expected: Vec<_> = slots.iter().map(|slot| (*slot != NO_PAGE).then_some(u64::from(*slot) * 64)).collect();
            assert_eq!(directory, expected, "seed {seed}");
        }
    }

    /// No single changed byte of directory or tail goes unseen. The zeros between them are covered by the seal's CRC.
    #[test]
    fn l8_tail_corrupt_every_byte() {
        let (tail, slots, layout) = random_chunk(&mut Random(3));
        let (end, _) = tail.encode_end(&slots, layout.extent_len);
        for at in (0..slots.len() * 4).chain(end.len() - TAIL_LEN..end.len()) {
            for mask in [1, 0x80, 0xff] {
                let mut bad = end.clone();
                bad[at] ^= mask;
                assert!(read(&bad, layout).is_err(), "byte {at}");
            }
        }
    }

    /// A directory that names a place behind the pages is refused, also with a right CRC.
    #[test]
    fn l8_forged_directory_is_refused() {
        let (tail, mut slots, layout) = random_chunk(&mut Random(3));
        slots[0] = (layout.directory / PAGE_ALIGN) as u32;
        let (end, _) = tail.encode_end(&slots, layout.extent_len);
        assert!(read(&end, layout).is_err());
    }

    /// The layout refuses what the limits of FORMAT 12 do not allow.
    #[test]
    fn chunk_limits() {
        assert!(ChunkLayout::new(u64::MAX, 1).is_none());
        assert!(ChunkLayout::new(WINDOW, 0).is_none());
        assert!(ChunkLayout::new(0, 1 << 24).is_none());
        assert_eq!(ChunkLayout::new(100, 3), Some(ChunkLayout { directory: 128, extent_len: 4096 }));
    }
}
