//! What is believed of a page that came from a file: its CRC, then every statement of FORMAT 7 (L8).

use std::cmp::Ordering;

use super::layout::*;
use super::view::{Item, Page};
use crate::codec::crc;
use crate::error::{Error, ErrorKind, Result};
use crate::format::Position;
use crate::planted::{Bug, planted};
use crate::format::ids::{MAX_KEY_LEN, MAX_VALUE_LEN};

/// Longest page that is unpacked: 2^24 = 16 MiB. What is longer is stored plain.
pub(super) const MAX_UNPACKED: usize = 1 << 24;
/// A page unpacks to at most so many times its stored length: LZ4's own bound is 255.
pub(super) const MAX_RATIO: usize = 256;

impl<'a> Page<'a> {
    /// A view of a stored page after checking all of it: CRC, position, lengths, arrays, items within the heap, keys strictly
    /// ascending, zeros where nothing stands. `bytes` may be longer than the page. Cost O(page).
    ///
    /// Of a compressed page CRC and head are checked here, the contents when it is unpacked.
    ///
    /// # Errors
    /// `Corrupt`, naming `at`; `Unsupported` if a reserved bit is set, that is, if a newer layout wrote the page.
    pub fn verify(bytes: &'a [u8], at: Position) -> Result<Page<'a>> {
        let page = Page::with_lengths(bytes).map_err(|what| Error::corrupt(at, what))?;
        let (expected, found) = (u32_at(page.head(), CRC), crc(&page.bytes()[STORED_LEN..]));
        if expected != found && !planted(Bug::PageCrcIgnored) {
            return Err(Error::corrupt(at, format_args!("its CRC is {found:08x}, expected {expected:08x}")));
        }
        if page.position() != at {
            return Err(Error::corrupt(at, format_args!("it says that it is {}", page.position())));
        }
        page.check_head()?;
        if !page.is_compressed() {
            page.check_contents()?;
        }
        Ok(page)
    }

    /// The head's fields that say something by themselves.
    fn check_head(&self) -> Result<()> {
        let head = self.head();
        let (stored_len, raw_len) = (self.bytes().len(), u32_at(head, RAW_LEN) as usize);
        let compressed = self.is_compressed();
        let padding_bound = if compressed { ALIGN as u8 } else { 1 };
        if head[FLAGS] & !FLAG_LZ4 != 0 || head[PADDING] >= padding_bound {
            let message = format!("{} has a flag that this build does not know; use the one that wrote it", self.position());
            return Err(Error::new(ErrorKind::Unsupported, message));
        }
        self.demand(self.position().chunk().0 != 0, "it has no position")?;
        self.demand((self.kind() == Kind::Branch) == (self.level() > 0), "kind and level do not fit")?;
        let large = self.kind() == Kind::Large;
        self.demand(large || (u32_at(head, KEY_LEN) == 0 && u32_at(head, VALUE_LEN) == 0), "key_len or value_len is not 0")?;
        if compressed {
            let bound = MAX_UNPACKED.min(stored_len.saturating_mul(MAX_RATIO));
            return self.demand(raw_len > stored_len && raw_len <= bound && raw_len.is_multiple_of(ALIGN), "raw_len is wrong");
        }
        self.demand(raw_len == stored_len, "raw_len is not stored_len")
    }

    /// What stands behind the head, of a stored page that is not compressed.
    pub(super) fn check_contents(&self) -> Result<()> {
        self.demand(self.heap_dead() == 0, "heap_dead is not 0")?;
        match self.kind() {
            Kind::Large => self.check_large(),
            _ => {
                let gap = self.arrays_end()..self.bytes().len() - self.heap_len();
                self.demand(gap.len() < ALIGN, "its gap is longer than the alignment asks for")?;
                self.demand_zeros(gap.start, gap.end)?;
                self.check_arrays()?;
                self.check_entries()
            }
        }
    }

    fn check_large(&self) -> Result<()> {
        let (key, value) = (self.large_key()?, self.large_value()?);
        self.demand(key.len() <= MAX_KEY_LEN && value.len() <= MAX_VALUE_LEN, "key or value is longer than the limit")?;
        let [count, prefix_len] = [self.count(), self.prefix().len()];
        self.demand(count == 0 && prefix_len == 0, "a large value has entries")?;
        let end = HEAD_LEN + key.len() + value.len();
        self.demand(self.bytes().len() - end < ALIGN, "it is longer than its value asks for")?;
        self.demand_zeros(end, self.bytes().len())
    }

    /// Capacity, and zeros behind `count` in each array.
    fn check_arrays(&self) -> Result<()> {
        let (count, capacity) = (self.count(), self.capacity());
        self.demand(capacity == even(capacity), "capacity is odd")?;
        let mut array = HEAD_LEN;
        for len in self.kind().arrays() {
            self.demand_zeros(array + len * count, array + len * capacity)?;
            array += len * capacity;
        }
        Ok(())
    }

    fn check_entries(&self) -> Result<()> {
        let first = self.kind().first_key();
        self.demand(self.count() >= first, "a branch has no child")?;
        self.demand(self.count() > first || self.prefix().is_empty(), "it has a prefix and no key")?;
        let mut heap = self.prefix().len();
        for i in 0..self.count() {
            let slot = self.slot(i)?;
            heap += slot.item_len();
            self.check_item(i, slot)?;
            if i < first {
                self.demand(slot.suffix_len == 0 && self.head_at(i)? == 0, "separator 0 is not the empty key")?;
            } else if i > first {
                let ordered = self.is_below(i - 1, i)?;
                self.demand(ordered, format_args!("keys {} and {i} do not ascend", i - 1))?;
            }
            match self.kind() {
                Kind::Branch => {
                    self.demand(slot.value_len == 0, "a separator has a value")?;
                    self.demand(self.child(i)?.chunk().0 != 0, "a child has no position")?;
                }
                _ => self.check_place(i)?,
            }
        }
        self.demand(heap == self.heap_len(), "heap_len is not what prefix and items add up to")?;
        let separator_1_empty =
            first == 1 && self.count() > 1 && self.prefix().len() + usize::from(self.slot(1)?.suffix_len) == 0;
        self.demand(!separator_1_empty, "separator 1 is the empty key")?;
        self.total_entries().map(drop)
    }

    /// The item lies within the heap, in front of the prefix (right there if it has no bytes); the key is not too long; the head is padded with zeros.
    fn check_item(&self, i: usize, slot: Slot) -> Result<()> {
        let (at, prefix_len, suffix_len) = (slot.at as usize, self.prefix().len(), usize::from(slot.suffix_len));
        let inside = match slot.item_len() {
            0 => at == prefix_len,
            len => at <= self.heap_len() && at >= prefix_len + len,
        };
        self.demand(inside, format_args!("item {i} does not lie in the heap"))?;
        self.demand(prefix_len + suffix_len <= MAX_KEY_LEN, format_args!("key {i} is longer than the limit"))?;
        let unused_bits = 8 * IN_HEAD.saturating_sub(suffix_len) as u32;
        self.demand(self.head_at(i)?.trailing_zeros() >= unused_bits, format_args!("head {i} holds more than its suffix"))
    }

    /// A value out of line names a page and has a legal length.
    fn check_place(&self, i: usize) -> Result<()> {
        match self.item(i)? {
            Item::Large { at, len } if at.chunk().0 == 0 || len > MAX_VALUE_LEN as u64 => {
                Err(self.bad(format_args!("value {i} stands nowhere")))
            }
            _ => Ok(()),
        }
    }

    fn is_below(&self, i: usize, j: usize) -> Result<bool> {
        let by_head = self.head_at(i)?.cmp(&self.head_at(j)?);
        Ok(by_head.is_lt() || by_head.is_eq() && self.compare_items(i, j)? == Ordering::Less)
    }

    fn compare_items(&self, i: usize, j: usize) -> Result<Ordering> {
        let (a, b) = (self.slot(i)?, self.slot(j)?);
        Ok(self.parts(a)?.0.cmp(self.parts(b)?.0).then(a.suffix_len.cmp(&b.suffix_len)))
    }

    fn demand_zeros(&self, start: usize, end: usize) -> Result<()> {
        let zeros = self.bytes().get(start..end).is_some_and(|bytes| bytes.iter().all(|byte| *byte == 0));
        self.demand(zeros, "what should be zero is not")
    }

    fn demand(&self, holds: bool, what: impl std::fmt::Display) -> Result<()> {
        if holds { Ok(()) } else { Err(self.bad(what)) }
    }
}
