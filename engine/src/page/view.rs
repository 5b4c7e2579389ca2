//! A view over one page's bytes: the head, entries, children, a large value.
//!
//! The head's lengths are checked once, when the view is made, and kept in it. Everything behind the head is checked when it is
//! touched: an accessor never reads outside the page, whatever stands there.

use std::fmt;

use super::key::Key;
use super::layout::*;
use crate::error::{Error, Result};
use crate::format::{Position, TableId, Version};

/// The value of a leaf's entry, as stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Item<'a> {
    /// The value itself, shorter than 65,535 bytes.
    Inline(&'a [u8]),
    /// The value stands in a page of its own.
    Large {
        /// Position of the large page.
        at: Position,
        /// Length of the value in bytes.
        len: u64,
    },
}

/// A view over the bytes of one page. Accessors give `Err(Corrupt)`, which names the position, where the bytes make no sense or
/// the index is not in the page.
///
/// Of a compressed page only the head can be seen (its count is 0): [`Page::unpack`] it first.
#[derive(Clone, Copy)]
pub struct Page<'a> {
    /// Exactly `stored_len` bytes, at least a head.
    bytes: &'a [u8],
    count: u32,
    capacity: u32,
    heap_len: u32,
    prefix_len: u32,
    kind: Kind,
    compressed: bool,
}

impl<'a> Page<'a> {
    /// A view of a page that was verified before, or that this process built: only the head's lengths are checked against
    /// `bytes`, which may be longer than the page. Cost: one cache line.
    ///
    /// # Errors
    /// `Corrupt` if the head's lengths do not fit one another, or the page says that it is another one.
    #[inline]
    pub fn trusted(bytes: &'a [u8], at: Position) -> Result<Page<'a>> {
        match Page::with_lengths(bytes) {
            Ok(page) if page.position() == at => Ok(page),
            Ok(page) => Err(Error::corrupt(at, format_args!("it says that it is {}", page.position()))),
            Err(what) => Err(Error::corrupt(at, what)),
        }
    }

    /// A view of a plain page that this process made and keeps in its own memory: its head's lengths were checked, or written, by this room, and are not checked again.
    ///
    /// # Errors
    /// `Corrupt` if the page says that it is another one, or of no kind.
    #[inline]
    pub fn kept(bytes: &'a [u8], at: Position) -> Result<Page<'a>> {
        if let Some(head) = bytes.first_chunk::<HEAD_LEN>()
            && let Some(kind) = Kind::from_byte(head[KIND])
        {
            let page = Page::of_head(bytes, head, kind);
            debug_assert!(Page::with_lengths(bytes).is_ok(), "a page of this process has a head that fits it");
            if page.position() == at {
                return Ok(page);
            }
        }
        Err(Error::corrupt(at, "the page in memory is another one"))
    }

    /// The view, if the head's lengths fit one another and `bytes`; else what is wrong.
    #[inline]
    pub(super) fn with_lengths(bytes: &'a [u8]) -> std::result::Result<Page<'a>, &'static str> {
        let head: &[u8; HEAD_LEN] = bytes.first_chunk().ok_or("no place for a page head")?;
        let stored_len = u32_at(head, STORED_LEN) as usize;
        let bytes = bytes.get(..stored_len.max(HEAD_LEN)).ok_or("stored_len passes the end")?;
        let kind = Kind::from_byte(head[KIND]).ok_or("kind is none that is known")?;
        if stored_len < HEAD_LEN || !stored_len.is_multiple_of(ALIGN) {
            return Err("stored_len is no multiple of 64");
        }
        if head[FLAGS] & FLAG_LZ4 != 0 {
            return Ok(Page { bytes, count: 0, capacity: 0, heap_len: 0, prefix_len: 0, kind, compressed: true });
        }
        let page = Page::of_head(bytes, head, kind);
        let large = kind == Kind::Large;
        let own = if large { u64::from(u32_at(head, KEY_LEN)) + u64::from(u32_at(head, VALUE_LEN)) } else { 0 };
        // Summed as u64: capacity x 28 + 3 x 2^32 < 2^38. Written without short cuts: one branch, which is never taken.
        let body = u64::from(page.capacity) * kind.width() as u64 + u64::from(page.heap_len) + own;
        let wrong = (body > (stored_len - HEAD_LEN) as u64)
            | (page.count > page.capacity)
            | (page.prefix_len > page.heap_len)
            | (large & (page.capacity | page.heap_len > 0));
        if wrong { Err("count, capacity and the lengths of heap, prefix, key and value do not fit the page") } else { Ok(page) }
    }

    /// The view of a plain page whose head was checked, or is kept by this process.
    #[inline]
    pub(super) fn of_head(bytes: &'a [u8], head: &[u8; HEAD_LEN], kind: Kind) -> Page<'a> {
        let (count, capacity) = (u32_at(head, COUNT), u32_at(head, CAPACITY));
        let (heap_len, prefix_len) = (u32_at(head, HEAP_LEN), u32_at(head, PREFIX_LEN));
        Page { bytes, count, capacity, heap_len, prefix_len, kind, compressed: false }
    }

    /// An error that names this page.
    #[cold]
    pub(super) fn bad(&self, what: impl fmt::Display) -> Error {
        Error::corrupt(self.position(), what)
    }

    #[inline]
    pub(super) fn head(&self) -> &'a [u8; HEAD_LEN] {
        self.bytes.first_chunk().expect("a view has at least a head")
    }

    /// What the page holds.
    #[must_use]
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// 0 for a leaf and a large value; a branch is one above its children.
    #[must_use]
    pub fn level(&self) -> u8 {
        self.head()[LEVEL]
    }

    /// Entries of a leaf, children of a branch; 0 otherwise.
    #[must_use]
    #[inline]
    pub fn count(&self) -> usize {
        self.count as usize
    }

    /// The version that wrote the page.
    #[must_use]
    pub fn born(&self) -> Version {
        Version(u64_at(self.head(), BORN))
    }

    /// The page's own position.
    #[must_use]
    pub fn position(&self) -> Position {
        Position(u64_at(self.head(), POSITION))
    }

    /// The page's table.
    #[must_use]
    pub fn table(&self) -> TableId {
        TableId(u32_at(self.head(), TABLE))
    }

    /// The page's bytes, `stored_len` of them.
    #[must_use]
    pub fn bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// Whether the body is an LZ4 block.
    #[must_use]
    pub fn is_compressed(&self) -> bool {
        self.compressed
    }

    /// Length in bytes of the stored form without LZ4, a multiple of 64; of a compressed page, its own length.
    #[must_use]
    pub fn packed_len(&self) -> usize {
        if self.compressed { self.bytes.len() } else { align(self.used()) }
    }

    /// Bytes that the contents need: head, arrays for `count`, live heap.
    pub(super) fn used(&self) -> usize {
        let head = self.head();
        HEAD_LEN
            + match self.kind {
                Kind::Large => u32_at(head, KEY_LEN) as usize + u32_at(head, VALUE_LEN) as usize,
                _ => self.kind.width() * even(self.count()) + self.heap_len().saturating_sub(self.heap_dead()),
            }
    }

    pub(super) fn capacity(&self) -> usize {
        self.capacity as usize
    }

    pub(super) fn heap_len(&self) -> usize {
        self.heap_len as usize
    }

    pub(super) fn heap_dead(&self) -> usize {
        u32_at(self.head(), HEAP_DEAD) as usize
    }

    /// Where the gap starts.
    pub(super) fn arrays_end(&self) -> usize {
        HEAD_LEN + self.kind.width() * self.capacity()
    }

    /// What every key begins with (but a branch's separator 0).
    #[inline]
    pub(super) fn prefix(&self) -> &'a [u8] {
        // The view's prefix_len <= heap_len <= the page's length.
        self.bytes.get(self.bytes.len() - self.prefix_len as usize..).unwrap_or(&[])
    }

    /// The heads of all entries, each a little-endian number.
    #[inline]
    pub(super) fn heads(&self) -> &'a [[u8; 4]] {
        self.bytes.get(HEAD_LEN..HEAD_LEN + 4 * self.count()).unwrap_or(&[]).as_chunks().0
    }

    /// The u64 number `i` of the array that starts at `array`.
    #[inline]
    fn element(&self, array: usize, i: usize) -> Result<[u8; 8]> {
        let bytes = (i < self.count()).then(|| self.bytes.get(array + 8 * i..)).flatten();
        match bytes.and_then(<[u8]>::first_chunk) {
            Some(element) => Ok(*element),
            None => Err(self.bad(format_args!("no entry {i} among {}", self.count))),
        }
    }

    #[inline]
    pub(super) fn head_at(&self, i: usize) -> Result<u32> {
        match self.heads().get(i) {
            Some(head) => Ok(u32::from_le_bytes(*head)),
            None => Err(self.bad(format_args!("no entry {i} among {}", self.count))),
        }
    }

    #[inline]
    pub(super) fn slot(&self, i: usize) -> Result<Slot> {
        self.element(slots_at(self.capacity()), i).map(Slot::from_bytes)
    }

    /// The item that `slot` names: the rest of the suffix and the tail (value, or where it stands). It lies within the heap, so
    /// that writing into it can never touch head or arrays.
    #[inline]
    pub(super) fn parts(&self, slot: Slot) -> Result<(&'a [u8], &'a [u8])> {
        let item = || {
            let start = self.bytes.len() - slot.at.min(self.heap_len) as usize;
            let (rest, behind) = self.bytes.get(start..)?.split_at_checked(slot.rest_len())?;
            Some((rest, behind.get(..slot.tail_len()).filter(|_| slot.at <= self.heap_len)?))
        };
        item().ok_or_else(|| self.bad(format_args!("an item {} bytes before the end does not lie in the heap", slot.at)))
    }

    /// What stands behind the prefix in key `i`: the bytes of the head that count, and the rest.
    #[inline]
    pub(super) fn suffix(&self, i: usize) -> Result<([u8; IN_HEAD], usize, &'a [u8])> {
        let slot = self.slot(i)?;
        let head = self.head_at(i)?.to_be_bytes();
        Ok((head, usize::from(slot.suffix_len).min(IN_HEAD), self.parts(slot)?.0))
    }

    /// Key `i` of a leaf, or separator `i` of a branch. Allocates if it is longer than 38 bytes.
    pub fn key(&self, i: usize) -> Result<Key> {
        let (head, head_len, rest) = self.suffix(i)?;
        if i < self.kind.first_key() {
            return Ok(Key::EMPTY);
        }
        Ok(Key::from_parts(self.prefix(), &head[..head_len], rest))
    }

    /// Puts key or separator `i` into `out` in place of what it held; no allocation if `out` is large enough.
    #[inline]
    pub fn key_into(&self, i: usize, out: &mut Vec<u8>) -> Result<()> {
        let (head, head_len, rest) = self.suffix(i)?;
        out.clear();
        if i >= self.kind.first_key() {
            out.extend_from_slice(self.prefix());
            out.extend_from_slice(&head[..head_len]);
            out.extend_from_slice(rest);
        }
        Ok(())
    }

    /// How long the prefix is that all keys of a leaf begin with.
    #[must_use]
    #[inline]
    pub fn prefix_len(&self) -> usize {
        self.prefix().len()
    }

    /// Adds what stands behind the prefix in key `i` of a leaf to `out`.
    #[inline]
    pub fn push_suffix(&self, i: usize, out: &mut Vec<u8>) -> Result<()> {
        let (head, head_len, rest) = self.suffix(i)?;
        // All of the head, which takes one store, and cut.
        let len = out.len() + head_len;
        out.extend_from_slice(&head);
        out.truncate(len);
        if !rest.is_empty() {
            out.extend_from_slice(rest);
        }
        Ok(())
    }

    /// The value of entry `i` of a leaf.
    #[inline]
    pub fn item(&self, i: usize) -> Result<Item<'a>> {
        if self.kind != Kind::Leaf {
            return Err(self.bad("a value was looked for, and it is no leaf"));
        }
        let slot = self.slot(i)?;
        let tail = self.parts(slot)?.1;
        if slot.value_len != OUT_OF_LINE {
            return Ok(Item::Inline(tail));
        }
        match tail.as_chunks::<8>().0 {
            [at, len] => Ok(Item::Large { at: Position(u64::from_le_bytes(*at)), len: u64::from_le_bytes(*len) }),
            _ => Err(self.bad("a value out of line without its place")),
        }
    }

    /// The position of child `i` of a branch.
    pub fn child(&self, i: usize) -> Result<Position> {
        self.branch()?;
        self.element(children_at(self.capacity()), i).map(|bytes| Position(u64::from_le_bytes(bytes)))
    }

    /// How many entries stand below child `i` of a branch.
    pub fn entries(&self, i: usize) -> Result<u64> {
        self.branch()?;
        self.element(counts_at(self.capacity()), i).map(u64::from_le_bytes)
    }

    /// How many entries stand in this leaf, or below this branch. Cost O(count) for a branch.
    pub fn total_entries(&self) -> Result<u64> {
        if self.kind == Kind::Leaf {
            return Ok(u64::from(self.count));
        }
        let mut sum = 0_u64;
        for i in 0..self.count() {
            sum = sum.checked_add(self.entries(i)?).ok_or_else(|| self.bad("the counts of entries add up to more than 2^64"))?;
        }
        Ok(sum)
    }

    #[inline]
    fn branch(&self) -> Result<()> {
        if self.kind == Kind::Branch { Ok(()) } else { Err(self.bad("a child was looked for, and it is no branch")) }
    }

    /// The key that owns this large value.
    pub fn large_key(&self) -> Result<&'a [u8]> {
        Ok(self.large()?.0)
    }

    /// The bytes of this large value.
    pub fn large_value(&self) -> Result<&'a [u8]> {
        Ok(self.large()?.1)
    }

    fn large(&self) -> Result<(&'a [u8], &'a [u8])> {
        if self.kind != Kind::Large || self.compressed {
            return Err(self.bad("a large value was looked for, and it is no page of one"));
        }
        let [key_len, value_len] = [KEY_LEN, VALUE_LEN].map(|at| u32_at(self.head(), at) as usize);
        let parts = || {
            let (key, behind) = self.bytes.get(HEAD_LEN..)?.split_at_checked(key_len)?;
            Some((key, behind.get(..value_len)?))
        };
        parts().ok_or_else(|| self.bad("the large value passes the end"))
    }
}

impl fmt::Debug for Page<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = if self.compressed { "compressed " } else { "" };
        let (at, kind, level, bytes) = (self.position(), self.kind, self.level(), self.bytes.len());
        write!(f, "{at}: {name}{kind:?}, level {level}, count {}, {bytes} bytes", self.count)
    }
}
