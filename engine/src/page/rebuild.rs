//! Room: wider arrays, a page built anew without dead heap and with another prefix, split and merge.

use std::ops::Range;

use super::buf::{Entry, New, PageBuf};
use super::key::Key;
use super::layout::*;
use super::view::Page;
use crate::error::Result;
use crate::format::Position;
use crate::format::ids::MAX_KEY_LEN;

/// The shortest key s with `left` < s <= `right`: what tells two neighbouring leaves apart. `left` < `right` must hold.
#[must_use]
pub fn separator<'a>(left: &[u8], right: &'a [u8]) -> &'a [u8] {
    let len = common(left, right) + 1;
    right.get(..len).unwrap_or(right)
}

/// A page that is to be built: how much of the keys is cut off, and how long the arrays are.
struct Plan {
    prefix_len: usize,
    capacity: usize,
}

impl Plan {
    /// A plan for `count` entries whose items, with `prefix_len` cut off, take `items` bytes: its needs, and spare room shared
    /// between arrays and heap as the entries so far share it.
    fn new(kind: Kind, count: usize, prefix_len: usize, items: usize, len: usize) -> (usize, Plan) {
        let needed = HEAD_LEN + kind.width() * even(count) + prefix_len + items;
        let more = more_capacity(kind, count, items, len.saturating_sub(needed));
        (needed, Plan { prefix_len, capacity: even(count) + more })
    }
}

/// How many elements (an even number) the arrays of `count` entries should have more, when `spare` bytes are for arrays and items.
fn more_capacity(kind: Kind, count: usize, items: usize, spare: usize) -> usize {
    let entry = kind.width() + items / count.max(1);
    let most = (spare / kind.width()) & !1;
    even(spare / entry).min(even(count).max(16)).min(most)
}

impl<'a> Page<'a> {
    pub(super) fn gap(&self) -> usize {
        self.bytes().len() - self.heap_len() - self.arrays_end()
    }

    /// What is in use at the front and at the end; the gap lies between.
    pub(super) fn ends(&self) -> (&'a [u8], &'a [u8]) {
        match self.kind() {
            Kind::Large => (&self.bytes()[..self.used()], &[]),
            _ => (&self.bytes()[..self.arrays_end()], &self.bytes()[self.bytes().len() - self.heap_len()..]),
        }
    }

    /// Entry `i` as it stands.
    #[inline]
    fn entry(&self, i: usize) -> Result<Entry<'a>> {
        let (head, slot) = (self.head_at(i)?, self.slot(i)?);
        let (rest, tail) = self.parts(slot)?;
        let (child, entries) = match self.kind() {
            Kind::Branch => (self.child(i)?, self.entries(i)?),
            _ => (Position::NONE, 0),
        };
        Ok(Entry { head, suffix_len: slot.suffix_len, value_len: slot.value_len, rest, tail, child, entries })
    }

    /// Bytes of the items of `keys` when `prefix_len` bytes are cut off each key.
    fn items_len(&self, keys: Range<usize>, skip: Option<usize>, prefix_len: usize) -> Result<usize> {
        let mut sum = 0;
        for i in keys.filter(|i| Some(*i) != skip) {
            let slot = self.slot(i)?;
            let key_len = self.prefix().len() + usize::from(slot.suffix_len);
            sum += key_len.saturating_sub(prefix_len + IN_HEAD) + slot.tail_len();
        }
        Ok(sum)
    }

    /// First and last of `keys`, with `skip` left out.
    fn outermost(&self, keys: Range<usize>, skip: Option<usize>) -> Result<Vec<Key>> {
        let mut left = keys.filter(|i| Some(*i) != skip);
        [left.next(), left.next_back()].into_iter().flatten().map(|i| self.key(i)).collect()
    }

    fn keys(&self) -> Range<usize> {
        self.kind().first_key().min(self.count())..self.count()
    }
}

/// Length of what all of `keys` begin with; nothing is cut off a single key.
fn common_of(keys: &[&[u8]]) -> usize {
    match keys {
        [first, _, ..] => keys.iter().map(|key| common(first, key)).min().unwrap_or(0),
        _ => 0,
    }
}

/// Fills an empty page from its first entry to its last, and counts beside the page: its head is written once, at the end.
struct Filler<'b> {
    page: &'b mut PageBuf,
    prefix: Vec<u8>,
    kind: Kind,
    count: usize,
    capacity: usize,
    /// Where the next item ends.
    end: usize,
    /// Where the arrays end.
    floor: usize,
}

impl<'b> Filler<'b> {
    fn new(page: &'b mut PageBuf) -> Self {
        let view = page.page();
        let (prefix, kind, capacity, floor) = (view.prefix().to_vec(), view.kind(), view.capacity(), view.arrays_end());
        let end = view.bytes().len() - prefix.len();
        Filler { page, prefix, kind, count: 0, capacity, end, floor }
    }

    /// Appends an entry that comes from `source`.
    #[inline]
    fn push(&mut self, source: Page<'_>, entry: &Entry<'_>) -> Result<()> {
        let len = entry.rest.len() + entry.tail.len();
        if self.count == self.capacity || self.end - self.floor < len {
            return Err(source.bad("its items are longer than its slots say"));
        }
        self.end -= len;
        let memory = &mut self.page.memory;
        let (rest, tail) = memory[self.end..self.end + len].split_at_mut(entry.rest.len());
        rest.copy_from_slice(entry.rest);
        tail.copy_from_slice(entry.tail);
        let at = if len == 0 { self.prefix.len() } else { memory.len() - self.end };
        entry.write(memory, self.capacity, self.count, at as u32, self.kind);
        self.count += 1;
        Ok(())
    }

    /// Appends `entries` of `source`. The first child of a branch gets the empty separator.
    fn take(&mut self, source: Page<'_>, entries: Range<usize>) -> Result<()> {
        // What each suffix gains in front if less is cut off here than in `source`, or loses if more is.
        let (from, to) = (source.prefix(), self.prefix.len());
        let (gained, lost) = (from.get(to..).unwrap_or(&[]), self.prefix.get(from.len()..).unwrap_or(&[]).to_vec());
        if !from.starts_with(&self.prefix[..to - lost.len()]) {
            return Err(source.bad("its keys do not ascend"));
        }
        let (same, mut scratch) = (from.len() == to, Vec::new());
        for i in entries {
            let mut entry = source.entry(i)?;
            if self.kind == Kind::Branch && self.count == 0 {
                entry = Entry { head: 0, suffix_len: 0, value_len: 0, rest: &[], tail: &[], ..entry };
            } else if !same {
                scratch.clear();
                scratch.extend_from_slice(gained);
                scratch.extend_from_slice(&entry.head.to_be_bytes()[..IN_HEAD.min(usize::from(entry.suffix_len))]);
                scratch.extend_from_slice(entry.rest);
                let suffix = scratch.strip_prefix(lost.as_slice()).filter(|suffix| to + suffix.len() <= MAX_KEY_LEN);
                let suffix = suffix.ok_or_else(|| source.bad("its keys do not ascend"))?;
                entry = Entry { head: head_of(suffix), suffix_len: suffix.len() as u16, rest: rest_of(suffix), ..entry };
            }
            self.push(source, &entry)?;
        }
        Ok(())
    }

    /// Writes into the head how much was filled.
    fn finish(self) {
        self.page.set_u32(COUNT, self.count);
        self.page.set_u32(HEAP_LEN, self.page.memory.len() - self.end);
    }
}

impl PageBuf {
    /// Room in place for one more element in the arrays and `item_len` bytes in the heap: widens the arrays if they are full.
    pub(super) fn make_room(&mut self, item_len: usize) -> bool {
        let page = self.page();
        let Some(spare) = page.gap().checked_sub(item_len) else { return false };
        let (count, capacity) = (page.count(), page.capacity());
        if count < capacity {
            return true;
        }
        let more = more_capacity(page.kind(), count, page.heap_len() + item_len, spare);
        if more > 0 {
            self.widen(capacity + more);
        }
        more > 0
    }

    /// Moves the arrays apart, the last one first, each into the gap or over the place of those that moved before it.
    fn widen(&mut self, to: usize) {
        let page = self.page();
        let (kind, count, capacity) = (page.kind(), page.count(), page.capacity());
        let mut offset = kind.width();
        for len in kind.arrays().iter().rev() {
            offset -= len;
            let start = HEAD_LEN + offset * capacity;
            self.memory.copy_within(start..start + len * count, HEAD_LEN + offset * to);
        }
        self.set_u32(CAPACITY, to);
    }

    /// Builds the page anew with the longest prefix and without dead heap, and puts `new` at `i`; in place of entry `skip`, if that
    /// is `Some(i)`. `false`
    /// if that does not fit in the buffer; then nothing changed.
    pub(super) fn put_rebuilt(&mut self, i: usize, new: New<'_>, skip: Option<usize>) -> Result<bool> {
        let (page, len) = (self.page(), self.memory.len());
        let outermost = page.outermost(page.keys(), skip)?;
        let mut keys: Vec<&[u8]> = outermost.iter().map(Key::as_slice).collect();
        keys.push(new.key);
        let prefix_len = common_of(&keys);
        let item = new.key.len().saturating_sub(prefix_len + IN_HEAD) + new.tail.len();
        let items = page.items_len(page.keys(), skip, prefix_len)? + item;
        let count = page.count() + 1 - usize::from(skip.is_some());
        let (needed, plan) = Plan::new(page.kind(), count, prefix_len, items, len);
        if needed > len {
            return Ok(false);
        }
        let mut next = PageBuf::like(page, len, plan.capacity, &new.key[..plan.prefix_len]);
        let mut filler = Filler::new(&mut next);
        filler.take(page, 0..i)?;
        filler.push(page, &new.entry(&new.key[plan.prefix_len..]))?;
        filler.take(page, i + usize::from(skip.is_some())..page.count())?;
        filler.finish();
        *self = next;
        Ok(true)
    }

    /// An empty page of the same kind, level, table, position and birth.
    fn like(page: Page<'_>, len: usize, capacity: usize, prefix: &[u8]) -> PageBuf {
        let mut next = PageBuf::empty(page.kind(), page.level(), page.table(), len, capacity, prefix);
        next.set_position(page.position());
        next.set_born(page.born());
        next
    }

    /// A page of its own with `entries` of `page`: `len` bytes, or more if they need it.
    fn part_of(page: Page<'_>, entries: Range<usize>, len: usize) -> Result<PageBuf> {
        let keys = entries.start + page.kind().first_key()..entries.end;
        let outermost = page.outermost(keys.clone(), None)?;
        let outermost: Vec<&[u8]> = outermost.iter().map(Key::as_slice).collect();
        let prefix_len = common_of(&outermost);
        let items = page.items_len(keys, None, prefix_len)?;
        let (needed, plan) = Plan::new(page.kind(), entries.len(), prefix_len, items, len);
        let prefix = outermost.first().map_or(&[][..], |key| &key[..plan.prefix_len]);
        let mut part = PageBuf::like(page, len.max(needed), plan.capacity, prefix);
        let mut filler = Filler::new(&mut part);
        filler.take(page, entries)?;
        filler.finish();
        Ok(part)
    }

    /// Moves everything from index `at` (1 to count - 1) on to a new page, which has no position yet. Both get the longest common
    /// prefix and buffers as long as this one was. The key is what separates them: in a leaf the shortest s with last(left) < s
    /// <= first(right); in a branch the separator that stood at `at`, in whose place child 0 of the new page has the empty one.
    /// Cost O(page).
    pub fn split_off(&mut self, at: usize) -> Result<(PageBuf, Vec<u8>)> {
        let (page, len) = (self.page(), self.memory.len());
        assert!(0 < at && at < page.count(), "both sides keep an entry");
        let first = page.key(at)?;
        let key = match page.kind() {
            Kind::Leaf => separator(&page.key(at - 1)?, &first).to_vec(),
            _ => first.into_vec(),
        };
        let left = PageBuf::part_of(page, 0..at, len)?;
        let mut right = PageBuf::part_of(page, at..page.count(), len)?;
        right.set_position(Position::NONE);
        *self = left;
        Ok((right, key))
    }

    /// The index, 1 to count - 1, that splits the page's bytes most evenly. Cost O(count).
    ///
    /// # Errors
    /// `Corrupt` if the page has fewer than two entries or children.
    pub fn split_point(&self) -> Result<usize> {
        let page = self.page();
        if page.count() < 2 {
            return Err(page.bad("fewer than two entries cannot be split"));
        }
        let entry_len = |i| Ok(page.kind().width() + page.slot(i)?.item_len());
        let total = (0..page.count()).try_fold(0, |sum, i| Ok(sum + entry_len(i)?))?;
        let mut left = 0;
        for i in 0..page.count() - 1 {
            let with = left + entry_len(i)?;
            // Entry i stands left of the split if that leaves the sides nearer to each other.
            if 2 * with >= total {
                return Ok(if i > 0 && 2 * with - total > total - 2 * left { i } else { i + 1 });
            }
            left = with;
        }
        Ok(page.count() - 1)
    }

    /// Appends everything of `right`, whose keys are all greater; child 0 of a branch with `separator`. `false` if the two do not
    /// fit in `page_len` bytes; then nothing changed. Cost O(page).
    ///
    /// # Errors
    /// `Corrupt` if `right` is of another kind or level.
    pub fn append(&mut self, right: Page<'_>, separator: &[u8], page_len: usize) -> Result<bool> {
        let left = self.page();
        if (left.kind(), left.level()) != (right.kind(), right.level()) || right.is_compressed() || left.kind() == Kind::Large {
            return Err(right.bad("it does not stand beside a page of its kind"));
        }
        let between = (left.kind() == Kind::Branch && left.count() > 0 && right.count() > 0).then_some(separator);
        assert!(between.is_none_or(|key| !key.is_empty()), "only child 0 has no separator");
        let mut outermost = left.outermost(left.keys(), None)?;
        outermost.extend(between.map(Key::from));
        outermost.extend(right.outermost(right.keys(), None)?);
        let keys: Vec<&[u8]> = outermost.iter().map(Key::as_slice).collect();
        let prefix_len = common_of(&keys);
        let between_len = between.map_or(0, |key| key.len().saturating_sub(prefix_len + IN_HEAD));
        let items =
            left.items_len(left.keys(), None, prefix_len)? + between_len + right.items_len(right.keys(), None, prefix_len)?;
        let (needed, plan) = Plan::new(left.kind(), left.count() + right.count(), prefix_len, items, page_len);
        if needed > page_len {
            return Ok(false);
        }
        let prefix = keys.first().map_or(&[][..], |key| &key[..plan.prefix_len]);
        let mut both = PageBuf::like(left, page_len, plan.capacity, prefix);
        let mut filler = Filler::new(&mut both);
        filler.take(left, 0..left.count())?;
        if let Some(key) = between {
            let (child, entries) = (right.child(0)?, right.entries(0)?);
            let new = New { key, value_len: 0, tail: &[], child, entries };
            filler.push(right, &new.entry(&key[plan.prefix_len..]))?;
        }
        filler.take(right, usize::from(between.is_some())..right.count())?;
        filler.finish();
        *self = both;
        Ok(true)
    }
}
