//! An owned page under change: entries go in and out in place, by moving what stands behind them in the arrays.
//!
//! A new item is put in front of the heap; what is removed becomes dead heap (or is given back at once if it stood in front).
//! When the gap is used up, `rebuild` makes a fresh page of the same contents, or says that there is no room.

use std::fmt;

use super::layout::*;
use super::memory::Memory;
use super::view::{Item, Page};
use crate::error::Result;
use crate::format::ids::{MAX_KEY_LEN, MAX_VALUE_LEN};
use crate::format::{Position, TableId, Version};

/// Capacity of a new page's arrays; they grow when they are full.
const FIRST_CAPACITY: usize = 16;

/// A page in memory, owned and 64-aligned, that can be changed. See the room's invariants.
///
/// Where a method takes an index, the index must be in the page; it panics otherwise.
pub struct PageBuf {
    pub(super) memory: Memory,
}

/// An entry as it will stand.
pub(super) struct Entry<'a> {
    pub(super) head: u32,
    pub(super) suffix_len: u16,
    pub(super) value_len: u16,
    pub(super) rest: &'a [u8],
    pub(super) tail: &'a [u8],
    pub(super) child: Position,
    pub(super) entries: u64,
}

impl Entry<'_> {
    /// Writes element `i` of every array; the item stands `at` bytes before the end.
    pub(super) fn write(&self, memory: &mut [u8], capacity: usize, i: usize, at: u32, kind: Kind) {
        let slot = Slot { at, suffix_len: self.suffix_len, value_len: self.value_len };
        memory[HEAD_LEN + 4 * i..][..4].copy_from_slice(&self.head.to_le_bytes());
        memory[slots_at(capacity) + 8 * i..][..8].copy_from_slice(&slot.to_bytes());
        if kind == Kind::Branch {
            memory[children_at(capacity) + 8 * i..][..8].copy_from_slice(&self.child.0.to_le_bytes());
            memory[counts_at(capacity) + 8 * i..][..8].copy_from_slice(&self.entries.to_le_bytes());
        }
    }
}

/// An entry that is to be put in, whatever the page's prefix is or will be.
#[derive(Clone, Copy)]
pub(super) struct New<'a> {
    pub(super) key: &'a [u8],
    pub(super) value_len: u16,
    pub(super) tail: &'a [u8],
    pub(super) child: Position,
    pub(super) entries: u64,
}

impl<'a> New<'a> {
    fn child(separator: &'a [u8], child: Position, entries: u64) -> New<'a> {
        assert!(separator.len() <= MAX_KEY_LEN, "a key is at most 65,535 bytes");
        New { key: separator, value_len: 0, tail: &[], child, entries }
    }

    fn item(key: &'a [u8], item: Item<'a>, place: &'a mut [u8; OUT_OF_LINE_LEN]) -> New<'a> {
        assert!(key.len() <= MAX_KEY_LEN, "a key is at most 65,535 bytes");
        let (value_len, tail) = match item {
            Item::Inline(value) => {
                assert!(value.len() < usize::from(OUT_OF_LINE), "a longer value needs a page of its own");
                (value.len() as u16, value)
            }
            Item::Large { at, len } => {
                place[..8].copy_from_slice(&at.0.to_le_bytes());
                place[8..].copy_from_slice(&len.to_le_bytes());
                (OUT_OF_LINE, place.as_slice())
            }
        };
        New { key, value_len, tail, child: Position::NONE, entries: 0 }
    }

    /// The entry in a page that cuts `suffix` off the key's end.
    pub(super) fn entry(&self, suffix: &'a [u8]) -> Entry<'a> {
        let New { value_len, tail, child, entries, .. } = *self;
        let (head, rest, suffix_len) = (head_of(suffix), rest_of(suffix), suffix.len() as u16);
        Entry { head, suffix_len, value_len, rest, tail, child, entries }
    }
}

impl PageBuf {
    /// An empty leaf of `len` bytes, rounded up to a multiple of 64.
    #[must_use]
    pub fn leaf(len: usize, table: TableId) -> PageBuf {
        PageBuf::empty(Kind::Leaf, 0, table, len, FIRST_CAPACITY, &[])
    }

    /// A branch of `len` bytes, rounded up to a multiple of 64, `level` (at least 1) above the leaves. It is a page only once it
    /// has a child.
    #[must_use]
    pub fn branch(len: usize, table: TableId, level: u8) -> PageBuf {
        assert!(level > 0, "level 0 is that of leaves");
        PageBuf::empty(Kind::Branch, level, table, len, FIRST_CAPACITY, &[])
    }

    /// The page of one large value and the key that owns it.
    #[must_use]
    pub fn large(table: TableId, key: &[u8], value: &[u8]) -> PageBuf {
        assert!(key.len() <= MAX_KEY_LEN && value.len() <= MAX_VALUE_LEN, "the caller checks the limits");
        let end = HEAD_LEN + key.len() + value.len();
        let mut page = PageBuf::empty(Kind::Large, 0, table, end, 0, &[]);
        page.memory[HEAD_LEN..HEAD_LEN + key.len()].copy_from_slice(key);
        page.memory[HEAD_LEN + key.len()..end].copy_from_slice(value);
        page.set_u32(KEY_LEN, key.len());
        page.set_u32(VALUE_LEN, value.len());
        page
    }

    /// An empty page with `capacity` (less where that would pass the end) and `prefix`.
    pub(super) fn empty(kind: Kind, level: u8, table: TableId, len: usize, capacity: usize, prefix: &[u8]) -> PageBuf {
        let len = align(len.max(ALIGN));
        let most = (len - HEAD_LEN - prefix.len()).checked_div(kind.width()).unwrap_or(0);
        let mut page = PageBuf { memory: Memory::zeroed(len) };
        page.set_u32(STORED_LEN, len);
        page.set_u32(RAW_LEN, len);
        page.set_u32(TABLE, table.0 as usize);
        page.memory[KIND] = kind as u8;
        page.memory[LEVEL] = level;
        page.set_u32(CAPACITY, even(capacity).min(most & !1));
        page.set_u32(HEAP_LEN, prefix.len());
        page.set_u32(PREFIX_LEN, prefix.len());
        page.memory[len - prefix.len()..].copy_from_slice(prefix);
        page
    }

    /// A copy of `page` that can be changed: at least `min_len` bytes, more if the contents need it; position and born as in
    /// `page`. A page with a longer buffer shrinks to `min_len` if it fits. Cost: one copy of what is in use.
    ///
    /// # Errors
    /// `Corrupt` if the page is compressed.
    pub fn copy_of(page: Page<'_>, min_len: usize) -> Result<PageBuf> {
        if page.is_compressed() {
            return Err(page.bad("it is compressed and was not unpacked"));
        }
        let (front, back) = page.ends();
        let len = align(min_len.max(front.len() + back.len()));
        let copy = PageBuf::with_ends(len, front, back);
        // The view was checked, but the bytes may lie in a map that a foreign hand changes.
        match Page::with_lengths(&copy.memory) {
            Ok(_) => Ok(copy),
            Err(what) => Err(page.bad(what)),
        }
    }

    pub(super) fn with_ends(len: usize, front: &[u8], back: &[u8]) -> PageBuf {
        let mut copy = PageBuf { memory: Memory::from_ends(len, front, back) };
        copy.set_u32(CRC, 0);
        copy.set_u32(STORED_LEN, len);
        copy.set_u32(RAW_LEN, len);
        copy
    }

    /// Makes the buffer `len` bytes long (rounded up to a multiple of 64) if it is shorter. The contents stay.
    pub fn grow(&mut self, len: usize) {
        let page = self.page();
        if len > page.bytes().len() {
            let (front, back) = page.ends();
            *self = PageBuf::with_ends(align(len), front, back);
        }
    }

    /// A view of the page.
    #[must_use]
    #[inline]
    pub fn page(&self) -> Page<'_> {
        // The lengths were checked when the page was copied, and are kept by this room since. (Every accessor checks all the same.)
        let head = self.memory.first_chunk().expect("a page has a head");
        Page::of_head(&self.memory, head, Kind::from_byte(head[KIND]).expect("a page in memory has a kind"))
    }

    /// The whole buffer, gap and all.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.memory
    }

    /// Bytes that the contents need: head, arrays for the count, live heap.
    #[must_use]
    pub fn used(&self) -> usize {
        self.page().used()
    }

    /// Gives the page its position.
    pub fn set_position(&mut self, position: Position) {
        self.memory[POSITION..POSITION + 8].copy_from_slice(&position.0.to_le_bytes());
    }

    /// Says which version writes the page.
    pub fn set_born(&mut self, born: Version) {
        self.memory[BORN..BORN + 8].copy_from_slice(&born.0.to_le_bytes());
    }

    /// Puts a leaf's entry at index `i`, which is where [`Page::search`] said that it would stand. `false` if it does not fit in
    /// the buffer; then nothing changed. Cost: a move within the arrays; sometimes a rebuild, O(page).
    ///
    /// # Panics
    /// If the key is longer than 65,535 bytes, or an inline value longer than 65,534.
    pub fn insert(&mut self, i: usize, key: &[u8], item: Item<'_>) -> Result<bool> {
        assert!(self.page().kind() == Kind::Leaf, "values stand in leaves");
        self.put(i, New::item(key, item, &mut [0; OUT_OF_LINE_LEN]))
    }

    /// Gives entry `i` of a leaf a new value: in place if it is not longer. `false` if it does not fit in the buffer; then
    /// nothing changed.
    ///
    /// # Panics
    /// If an inline value is longer than 65,534 bytes.
    pub fn replace(&mut self, i: usize, item: Item<'_>) -> Result<bool> {
        let page = self.page();
        assert!(page.kind() == Kind::Leaf && i < page.count(), "there is such an entry");
        let slot = page.slot(i)?;
        let (rest, old) = page.parts(slot)?;
        let mut place = [0; OUT_OF_LINE_LEN];
        let new = New::item(&[], item, &mut place);
        let (start, rest_len, room) = (page.bytes().len() - slot.at as usize, rest.len(), old.len());
        if new.tail.len() <= room {
            self.bury_bytes(room - new.tail.len())?;
            self.memory[start + rest_len..][..new.tail.len()].copy_from_slice(new.tail);
            let at = if rest_len + new.tail.len() == 0 { self.page().prefix().len() as u32 } else { slot.at };
            self.set_slot(i, Slot { at, value_len: new.value_len, ..slot });
            return Ok(true);
        }
        if page.gap() < rest_len + new.tail.len() {
            let key = page.key(i)?;
            return self.put_rebuilt(i, New { key: &key, ..new }, Some(i));
        }
        self.bury(slot)?;
        let at = self.page().heap_len() + rest_len + new.tail.len();
        let to = self.memory.len() - at;
        self.memory.copy_within(start..start + rest_len, to);
        self.memory[to + rest_len..][..new.tail.len()].copy_from_slice(new.tail);
        self.set_u32(HEAP_LEN, at);
        self.set_slot(i, Slot { at: at as u32, value_len: new.value_len, ..slot });
        Ok(true)
    }

    /// Removes entry `i` of a leaf.
    pub fn remove(&mut self, i: usize) -> Result<()> {
        let page = self.page();
        assert!(page.kind() == Kind::Leaf && i < page.count(), "there is such an entry");
        self.bury(page.slot(i)?)?;
        self.close(i);
        Ok(())
    }

    /// Puts a child at index `i` of a branch. `separator` is the empty key for the first child of an empty branch, and not empty
    /// otherwise: nothing can be put in front of child 0. `false` if it does not fit in the buffer; then nothing changed.
    pub fn insert_child(&mut self, i: usize, separator: &[u8], child: Position, entries: u64) -> Result<bool> {
        let page = self.page();
        assert!(page.kind() == Kind::Branch, "children stand in branches");
        assert!(
            if i == 0 { page.count() == 0 && separator.is_empty() } else { !separator.is_empty() },
            "only child 0 has no separator"
        );
        self.put(i, New::child(separator, child, entries))
    }

    /// Removes child `i` of a branch. If that was the first, the new first one gets the empty separator.
    pub fn remove_child(&mut self, i: usize) -> Result<()> {
        let page = self.page();
        assert!(page.kind() == Kind::Branch && i < page.count(), "there is such a child");
        let (loses_key, prefix_len) = (i.max(1), page.prefix().len());
        if loses_key < page.count() {
            self.bury(page.slot(loses_key)?)?;
            self.set_slot(loses_key, Slot { at: prefix_len as u32, suffix_len: 0, value_len: 0 });
            self.set_head(loses_key, 0);
        }
        self.close(i);
        Ok(())
    }

    /// Sets the position of child `i`.
    pub fn set_child(&mut self, i: usize, child: Position) {
        self.set_element(children_at, i, child.0);
    }

    /// Sets how many entries stand below child `i`.
    pub fn set_entries(&mut self, i: usize, entries: u64) {
        self.set_element(counts_at, i, entries);
    }

    /// Gives child `i`, not the first, another separator, which is not empty. `false` if it does not fit in the buffer; then
    /// nothing changed.
    pub fn set_separator(&mut self, i: usize, separator: &[u8]) -> Result<bool> {
        let page = self.page();
        assert!(
            page.kind() == Kind::Branch && 0 < i && i < page.count() && !separator.is_empty(),
            "only child 0 has no separator"
        );
        let new = New::child(separator, page.child(i)?, page.entries(i)?);
        let slot = page.slot(i)?;
        match separator.strip_prefix(page.prefix()) {
            Some(suffix) if page.gap() >= rest_of(suffix).len() => {
                self.bury(slot)?;
                let at = self.push_item(rest_of(suffix), &[]);
                self.set_slot(i, Slot { at, suffix_len: suffix.len() as u16, value_len: 0 });
                self.set_head(i, head_of(suffix));
                Ok(true)
            }
            _ => self.put_rebuilt(i, new, Some(i)),
        }
    }

    fn put(&mut self, i: usize, new: New<'_>) -> Result<bool> {
        let page = self.page();
        assert!(i <= page.count(), "an entry is put in among the others");
        let Some(suffix) = new.key.strip_prefix(page.prefix()) else {
            return self.put_rebuilt(i, new, None);
        };
        if !self.make_room(rest_of(suffix).len() + new.tail.len()) {
            return self.put_rebuilt(i, new, None);
        }
        self.place(i, &new.entry(suffix));
        Ok(true)
    }

    /// Puts an entry in for which there is room.
    fn place(&mut self, i: usize, entry: &Entry<'_>) {
        let page = self.page();
        let (kind, count, capacity) = (page.kind(), page.count(), page.capacity());
        assert!(i <= count && count < capacity, "room was made");
        let mut array = HEAD_LEN;
        for len in kind.arrays() {
            self.memory.copy_within(array + len * i..array + len * count, array + len * (i + 1));
            array += len * capacity;
        }
        let at = self.push_item(entry.rest, entry.tail);
        entry.write(&mut self.memory, capacity, i, at, kind);
        self.set_u32(COUNT, count + 1);
    }

    /// Takes element `i` out of every array. A page without keys forgets its heap.
    fn close(&mut self, i: usize) {
        let page = self.page();
        let (kind, count, capacity) = (page.kind(), page.count(), page.capacity());
        let mut array = HEAD_LEN;
        for len in kind.arrays() {
            self.memory.copy_within(array + len * (i + 1)..array + len * count, array + len * i);
            array += len * capacity;
        }
        self.set_u32(COUNT, count - 1);
        if count - 1 <= kind.first_key() {
            self.set_u32(HEAP_LEN, 0);
            self.set_u32(HEAP_DEAD, 0);
            self.set_u32(PREFIX_LEN, 0);
            if count > 1 {
                self.set_slot(0, Slot { at: 0, suffix_len: 0, value_len: 0 });
            }
        }
    }

    /// Puts an item in front of the heap; the gap is long enough. An item of no bytes stands at the prefix, where it stays right
    /// when items in front are given back.
    fn push_item(&mut self, rest: &[u8], tail: &[u8]) -> u32 {
        let page = self.page();
        let len = rest.len() + tail.len();
        if len == 0 {
            return page.prefix().len() as u32;
        }
        let at = page.heap_len() + len;
        let start = self.memory.len() - at;
        self.memory[start..start + rest.len()].copy_from_slice(rest);
        self.memory[start + rest.len()..start + len].copy_from_slice(tail);
        self.set_u32(HEAP_LEN, at);
        at as u32
    }

    /// The item of `slot` is no longer named.
    fn bury(&mut self, slot: Slot) -> Result<()> {
        let (page, len) = (self.page(), slot.item_len());
        let heap_len = page.heap_len();
        if slot.at as usize == heap_len && heap_len >= page.prefix().len() + page.heap_dead() + len {
            self.set_u32(HEAP_LEN, heap_len - len);
            return Ok(());
        }
        self.bury_bytes(len)
    }

    fn bury_bytes(&mut self, len: usize) -> Result<()> {
        let page = self.page();
        let dead = page.heap_dead() + len;
        if dead + page.prefix().len() > page.heap_len() {
            return Err(page.bad("more of its heap is dead than there is"));
        }
        self.set_u32(HEAP_DEAD, dead);
        Ok(())
    }

    pub(super) fn set_u32(&mut self, at: usize, value: usize) {
        let value = u32::try_from(value).expect("a page is shorter than 4 GiB");
        self.memory[at..at + 4].copy_from_slice(&value.to_le_bytes());
    }

    fn set_head(&mut self, i: usize, head: u32) {
        self.memory[HEAD_LEN + 4 * i..][..4].copy_from_slice(&head.to_le_bytes());
    }

    fn set_slot(&mut self, i: usize, slot: Slot) {
        let start = slots_at(self.page().capacity()) + 8 * i;
        self.memory[start..start + 8].copy_from_slice(&slot.to_bytes());
    }

    fn set_element(&mut self, array: fn(usize) -> usize, i: usize, value: u64) {
        let page = self.page();
        assert!(page.kind() == Kind::Branch && i < page.count(), "there is such a child");
        let start = array(page.capacity()) + 8 * i;
        self.memory[start..start + 8].copy_from_slice(&value.to_le_bytes());
    }
}

impl fmt::Debug for PageBuf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.page().fmt(f)
    }
}
