//! Which extents of the file are free (FORMAT 10).
//!
//! First fit from the lowest offset, so that the file's end empties and can be cut off. Free neighbours are one extent. An extent is never
//! across a window's edge. Nothing of this is stored: at open, free is what nothing else covers.
//!
//! Invariants: (1) free extents are disjoint, not adjacent, within [2 blocks, end); (2) `end` is the file's length as far as it was reserved.

use std::collections::BTreeMap;

use crate::error::{Error, ErrorKind, Result};
use crate::format::Extent;
use crate::format::ids::{BLOCK, WINDOW};

/// The free extents of a file.
#[derive(Debug, Clone)]
pub(crate) struct Space {
    /// Offset to length.
    free: BTreeMap<u64, u64>,
    free_bytes: u64,
    end: u64,
    /// Kept for the next checkpoint (L9): in use, although nothing stands in it. None has length 0.
    reserve: Extent,
    /// Bytes of pages for which a checkpoint under way took what was kept.
    lent_for: u64,
}

impl Space {
    /// A file of `end` bytes (rounded down to whole blocks) in which `used` is taken and everything else, but for the headers, is free.
    ///
    /// # Errors
    /// `Corrupt` if two of `used` overlap or one leaves the file.
    pub(crate) fn new(end: u64, used: impl IntoIterator<Item = Extent>) -> Result<Space> {
        let end = (end / BLOCK * BLOCK).max(2 * BLOCK);
        let mut space = Space { free: BTreeMap::new(), free_bytes: 0, end, reserve: Extent::default(), lent_for: 0 };
        let mut used: Vec<Extent> = used.into_iter().collect();
        used.sort_unstable();
        let mut at = 2 * BLOCK;
        for extent in used {
            if !extent.is_legal(end) || extent.offset < at {
                let what = "overlaps another, the headers, or the end of the file";
                return Err(Error::corrupt(format!("extent {}+{}", extent.offset, extent.len), what));
            }
            space.put(at, extent.offset - at);
            at = extent.end();
        }
        space.put(at, end - at);
        Ok(space)
    }

    /// The lowest free extent of `len` bytes (rounded up to blocks); `true` if the file must grow for it, up to its end.
    ///
    /// # Errors
    /// `Full` if `len` is more than a window.
    pub(crate) fn take(&mut self, len: u64) -> Result<(Extent, bool)> {
        let len = whole_blocks(len)?;
        Ok(self.take_free(len).map_or_else(|| self.take_behind(len), |extent| (extent, false)))
    }

    /// An extent of `len` bytes (rounded up to blocks) behind everything that is in use; `true` if the file must grow for it.
    ///
    /// # Errors
    /// `Full` if `len` is more than a window.
    pub(crate) fn take_at_end(&mut self, len: u64) -> Result<(Extent, bool)> {
        whole_blocks(len).map(|len| self.take_behind(len))
    }

    fn take_behind(&mut self, len: u64) -> (Extent, bool) {
        // The free extent at the end, if there is one, is the growth's beginning.
        let tail = self.free.last_key_value().map(|(o, l)| (*o, *l)).filter(|(o, l)| o + l == self.end);
        let (from, have) = tail.unwrap_or((self.end, 0));
        let start = fit(from, len);
        if have > 0 {
            self.free.remove(&from);
            self.free_bytes -= have;
        }
        let (before, after) = (self.end, start + len);
        self.put(from, start - from);
        self.put(after, before.saturating_sub(after));
        self.end = before.max(after);
        (Extent { offset: start, len }, after > before)
    }

    /// The lowest free extent of `len` bytes, whole blocks, in the file as it is.
    fn take_free(&mut self, len: u64) -> Option<Extent> {
        if len > WINDOW {
            return None;
        }
        let found = self.free.iter().find_map(|(&offset, &free)| {
            let start = fit(offset, len);
            (start + len <= offset + free).then_some((offset, free, start))
        });
        let (offset, free, start) = found?;
        self.carve(offset, free, start, len);
        Some(Extent { offset: start, len })
    }

    /// Whether an extent of `len` bytes is free that ends at `offset` or before.
    pub(crate) fn has_before(&self, offset: u64, len: u64) -> bool {
        let len = len.max(1).div_ceil(BLOCK) * BLOCK;
        self.free.range(..offset).any(|(start, free)| {
            let at = fit(*start, len);
            at + len <= (start + free).min(offset)
        })
    }

    /// Whether an extent in use would end lower if it were free and taken anew: in free room before it, or there and in a part of its own. Cost: a copy of these books.
    pub(crate) fn has_lower(&self, extent: Extent) -> bool {
        let mut anew = self.clone();
        anew.give(extent);
        extent.len > 0 && anew.take(extent.len).is_ok_and(|(taken, _)| taken.end() < extent.end())
    }

    /// Where the last extent in use ends.
    pub(crate) fn used_end(&self) -> u64 {
        self.end - self.tail_bytes()
    }

    /// The extent that is kept for the next checkpoint; of length 0 if there is none.
    pub(crate) fn reserve(&self) -> Extent {
        self.reserve
    }

    /// Keeps an extent of `len` bytes instead of the present one; `true` if the file must grow for it.
    ///
    /// # Errors
    /// As [`Space::take`]; then nothing is kept.
    pub(crate) fn keep(&mut self, len: u64) -> Result<(Extent, bool)> {
        let kept = std::mem::take(&mut self.reserve);
        self.give(kept);
        let (extent, grows) = self.take(len)?;
        self.reserve = extent;
        Ok((extent, grows))
    }

    /// The same in the file as it is. If nothing in it is long enough the present extent stays kept: false.
    pub(crate) fn keep_free(&mut self, len: u64) -> bool {
        let len = len.max(1).div_ceil(BLOCK) * BLOCK;
        let kept = std::mem::take(&mut self.reserve);
        self.give(kept);
        let taken = self.take_free(len);
        self.reserve = taken.unwrap_or(kept);
        if taken.is_none()
            && kept.len > 0
            && let Some((&offset, &free)) = self.free.range(..=kept.offset).next_back()
        {
            // It was given back just now: it is part of this one.
            self.carve(offset, free, kept.offset, kept.len);
        }
        taken.is_some()
    }

    /// Takes `len` bytes, rounded up to blocks, where the extent that is kept, or a lower free one, has them, to write `bytes` of pages into them; nothing is kept any more. If
    /// what is kept is shorter than that, all of it is taken, and covers none of those pages.
    pub(crate) fn lend_kept(&mut self, len: u64, bytes: u64) -> Extent {
        let len = len.max(1).div_ceil(BLOCK) * BLOCK;
        if self.reserve.len < len {
            return std::mem::take(&mut self.reserve);
        }
        self.let_go();
        self.lent_for = bytes;
        self.take_free(len).unwrap_or_default()
    }

    /// Those pages are written, or stay in memory.
    pub(crate) fn end_loan(&mut self) {
        self.lent_for = 0;
    }

    /// Bytes of pages that room was taken for and that are not written yet.
    pub(crate) fn lent_for(&self) -> u64 {
        self.lent_for
    }

    /// Takes `len` bytes, whole blocks, off the end of the extent that is kept, if `leave` bytes of it stay.
    pub(crate) fn take_off_kept(&mut self, len: u64, leave: u64) -> Option<Extent> {
        let rest = self.reserve.len.checked_sub(len).filter(|rest| *rest >= leave && *rest > 0)?;
        self.reserve.len = rest;
        Some(Extent { offset: self.reserve.offset + rest, len })
    }

    /// Keeps nothing any more.
    pub(crate) fn let_go(&mut self) {
        let kept = std::mem::take(&mut self.reserve);
        self.give(kept);
    }

    /// Gives an extent back.
    pub(crate) fn give(&mut self, extent: Extent) {
        if extent.len == 0 {
            return;
        }
        debug_assert!(!self.overlaps_free(extent), "{extent:?} is given back twice");
        let (mut offset, mut len) = (extent.offset, extent.len);
        if let Some((&before, &before_len)) = self.free.range(..offset).next_back()
            && before + before_len == offset
        {
            self.free.remove(&before);
            self.free_bytes -= before_len;
            offset = before;
            len += before_len;
        }
        if let Some(after_len) = self.free.remove(&(offset + len)) {
            self.free_bytes -= after_len;
            len += after_len;
        }
        self.put(offset, len);
    }

    /// Cuts free bytes off the end: at most so many, a multiple of a block. Gives where it is then.
    pub(crate) fn cut_some(&mut self, bytes: u64) -> u64 {
        if let Some((&offset, &len)) = self.free.last_key_value()
            && offset + len == self.end
        {
            let cut = len.min(bytes);
            self.free.remove(&offset);
            self.free_bytes -= len;
            self.end -= cut;
            self.put(offset, len - cut);
        }
        self.end
    }

    /// How many bytes there are to be cut off.
    pub(crate) fn tail_bytes(&self) -> u64 {
        self.free.last_key_value().filter(|(o, l)| *o + *l == self.end).map_or(0, |(_, l)| *l)
    }

    /// Free bytes in the file.
    pub(crate) fn free_bytes(&self) -> u64 {
        self.free_bytes
    }

    /// The file's length, as reserved.
    pub(crate) fn end(&self) -> u64 {
        self.end
    }

    /// The free extents, by offset.
    pub(crate) fn extents(&self) -> impl Iterator<Item = Extent> + '_ {
        self.free.iter().map(|(&offset, &len)| Extent { offset, len })
    }

    fn put(&mut self, offset: u64, len: u64) {
        if len > 0 {
            self.free.insert(offset, len);
            self.free_bytes += len;
        }
    }

    fn carve(&mut self, offset: u64, free: u64, start: u64, len: u64) {
        self.free.remove(&offset);
        self.free_bytes -= free;
        self.put(offset, start - offset);
        self.put(start + len, offset + free - start - len);
    }

    fn overlaps_free(&self, extent: Extent) -> bool {
        self.free.range(..extent.end()).next_back().is_some_and(|(o, l)| o + l > extent.offset)
    }
}

/// `len` rounded up to blocks, at least one.
fn whole_blocks(len: u64) -> Result<u64> {
    let len = len.max(1).div_ceil(BLOCK) * BLOCK;
    if len > WINDOW {
        let what = format!("an extent of {len} bytes is more than the {WINDOW} that can be mapped at once");
        return Err(Error::new(ErrorKind::Full, what));
    }
    Ok(len)
}

/// The first offset from `offset` on at which `len` bytes stand in one window.
fn fit(offset: u64, len: u64) -> u64 {
    let window_end = (offset / WINDOW + 1) * WINDOW;
    if offset + len <= window_end { offset } else { window_end }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn extent(block: u64, blocks: u64) -> Extent {
        Extent { offset: block * BLOCK, len: blocks * BLOCK }
    }

    /// What was taken and given back in any order is one free extent again, and free + used = file at every step.
    #[test]
    fn free_and_used_add_up() {
        let mut space = Space::new(0, []).expect("empty");
        let mut taken = Vec::new();
        for i in 0..100_u64 {
            taken.push(space.take(1 + i * 777 % 50_000).expect("fits").0);
            if i % 3 == 0 {
                let n = (i * 31) as usize % taken.len();
                space.give(taken.swap_remove(n));
            }
            let used: u64 = taken.iter().map(|e| e.len).sum();
            assert_eq!(2 * BLOCK + used + space.free_bytes(), space.end());
            assert_eq!(Space::new(space.end(), taken.iter().copied()).expect("disjoint").free, space.free);
        }
        taken.drain(..).for_each(|e| space.give(e));
        assert_eq!(space.cut_some(u64::MAX), 2 * BLOCK);
        assert_eq!(space.free_bytes(), 0);
    }

    /// What is kept is found in the file as it is, if it can be, also where it stands now together with what is free beside it; if not, all stays as it was.
    #[test]
    fn kept_room_is_looked_for_before_the_file_grows() {
        let mut space = Space::new(20 * BLOCK, [extent(2, 1), extent(5, 1), extent(10, 1), extent(19, 1)]).expect("disjoint");
        assert!(space.keep_free(2 * BLOCK) && space.reserve() == extent(3, 2));
        assert!(space.keep_free(4 * BLOCK - 1) && space.reserve() == extent(6, 4));
        assert!(space.keep_free(8 * BLOCK) && space.reserve() == extent(11, 8));
        let (free, bytes) = (space.free.clone(), space.free_bytes());
        assert!(!space.keep_free(9 * BLOCK));
        assert_eq!((space.reserve(), space.free.clone(), space.free_bytes()), (extent(11, 8), free, bytes));
        space.let_go();
        assert!(!space.keep_free(9 * BLOCK) && space.reserve().len == 0);
    }

    /// At the end is behind everything in use: in what is free there, as far as it goes, or in what the file grows by.
    #[test]
    fn the_end_is_behind_everything_in_use() {
        let mut space = Space::new(20 * BLOCK, [extent(10, 2)]).expect("one extent");
        assert_eq!(space.take_at_end(3 * BLOCK).expect("fits"), (extent(12, 3), false));
        assert_eq!(space.take_at_end(6 * BLOCK).expect("fits"), (extent(15, 6), true));
        assert_eq!((space.end(), space.free_bytes()), (21 * BLOCK, 8 * BLOCK));
        assert_eq!(space.take_at_end(BLOCK).expect("fits"), (extent(21, 1), true));
    }

    /// What is kept is used where it can be lowest: a chunk behind free room would keep the file from being cut.
    #[test]
    fn kept_room_is_used_at_the_lowest_place() {
        let mut space = Space::new(20 * BLOCK, [extent(5, 1), extent(19, 1)]).expect("disjoint");
        assert!(space.keep_free(8 * BLOCK) && space.reserve() == extent(6, 8));
        assert_eq!((space.lend_kept(2 * BLOCK, 100), space.lent_for()), (extent(2, 2), 100));
        assert_eq!((space.reserve().len, space.free_bytes()), (0, 14 * BLOCK));
        space.end_loan();
        assert!(space.keep_free(8 * BLOCK) && space.reserve() == extent(6, 8));
        assert_eq!((space.lend_kept(9 * BLOCK, 100), space.lent_for()), (extent(6, 8), 0));
    }

    /// A long free end is cut off piece by piece, up to what is in use and no further.
    #[test]
    fn long_ends_are_cut_in_pieces() {
        let mut space = Space::new(100 * BLOCK, [extent(2, 8)]).expect("one extent");
        let ends: Vec<u64> = (0..5).map(|_| space.cut_some(40 * BLOCK) / BLOCK).collect();
        assert_eq!(ends, [60, 20, 10, 10, 10]);
        assert_eq!((space.free_bytes(), space.end()), (0, 10 * BLOCK));
    }

    /// No extent crosses a window's edge, and the gap before the edge stays usable.
    #[test]
    fn no_extent_crosses_a_window() {
        let mut space = Space::new(WINDOW - 2 * BLOCK, [extent(2, WINDOW / BLOCK - 4)]).expect("one extent");
        let (big, grows) = space.take(4 * BLOCK).expect("fits behind the edge");
        assert_eq!((big.offset, grows), (WINDOW, true));
        assert_eq!(space.take(2 * BLOCK).expect("the gap").0.offset, WINDOW - 2 * BLOCK);
        assert!(space.take(WINDOW + 1).is_err());
    }

    /// Overlapping extents are damage, not a panic.
    #[test]
    fn l8_overlapping_extents_are_refused() {
        assert!(Space::new(100 * BLOCK, [extent(2, 3), extent(4, 1)]).is_err());
        assert!(Space::new(100 * BLOCK, [extent(1, 3)]).is_err());
        assert!(Space::new(100 * BLOCK, [extent(99, 2)]).is_err());
        assert!(Space::new(100 * BLOCK, [Extent { offset: u64::MAX - 4095, len: 8192 }]).is_err());
    }
}
