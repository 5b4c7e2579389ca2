//! Ranges in both directions.
//!
//! Each end of a range is a cursor: a leaf, an index in it, and the branches above with the child taken in each. The front stands
//! before the next entry, the back behind the last one that is left:
//!
//! ```text
//!      leaf A          leaf B           leaf C
//!    a   b   c       d   e   f        g   h   i
//!        ^front                           ^back           left: b .. g
//! ```
//!
//! The front is found when the range is made, the back when it is first asked for: a forward scan never pays for it. While there
//! is no back, each leaf that the front enters is searched for the end bound once, so that a step compares no keys. Once both are
//! there they meet in one leaf, where the front's index reaches the back's. Each moves one leaf at a time, and stops before it
//! moves when both are in one leaf, so they cannot pass each other.

use std::ops::Bound;

use super::path::{ascends, page_on, resolve, top_level};
use super::{Pages, Root};
use crate::error::Result;
use crate::format::Position;
use crate::page::{Item, Key, Page};

/// A place between two keys of a tree.
#[derive(Clone, Copy)]
pub(super) enum Edge<K> {
    /// Before the first key.
    First,
    /// Before this key, whether it is there or not.
    Before(K),
    /// Behind this key, whether it is there or not.
    After(K),
    /// Behind the last key.
    Last,
}

impl<'k> Edge<&'k [u8]> {
    pub(super) fn start(bound: Bound<&'k [u8]>) -> Self {
        match bound {
            Bound::Unbounded => Edge::First,
            Bound::Included(key) => Edge::Before(key),
            Bound::Excluded(key) => Edge::After(key),
        }
    }

    pub(super) fn end(bound: Bound<&'k [u8]>) -> Self {
        match bound {
            Bound::Unbounded => Edge::Last,
            Bound::Included(key) => Edge::After(key),
            Bound::Excluded(key) => Edge::Before(key),
        }
    }

    /// Whether no key stands between `self` and `end`, whatever the tree holds.
    pub(super) fn excludes_all(self, end: Self) -> bool {
        match (self, end) {
            (Edge::Last, _) | (_, Edge::First) => true,
            (Edge::First, _) | (_, Edge::Last) => false,
            (Edge::Before(start), Edge::After(end)) => start > end,
            (Edge::Before(start) | Edge::After(start), Edge::Before(end) | Edge::After(end)) => start >= end,
        }
    }

    /// The index of the first entry of `leaf` behind this edge, or its count.
    #[inline]
    pub(super) fn index_in(self, leaf: Page<'_>) -> Result<usize> {
        Ok(match self {
            Edge::First => 0,
            Edge::Last => leaf.count(),
            Edge::Before(key) => leaf.search(key)?.unwrap_or_else(|i| i),
            Edge::After(key) => leaf.search(key)?.map_or_else(|i| i, |i| i + 1),
        })
    }

    /// The child of `branch` in whose range this edge lies; `branch` has children.
    #[inline]
    pub(super) fn child_in(self, branch: Page<'_>) -> Result<usize> {
        match self {
            Edge::First => Ok(0),
            Edge::Last => Ok(branch.count().saturating_sub(1)),
            Edge::Before(key) | Edge::After(key) => branch.child_for(key),
        }
    }
}

impl Edge<Key> {
    fn borrowed(&self) -> Edge<&[u8]> {
        match self {
            Edge::First => Edge::First,
            Edge::Before(key) => Edge::Before(key),
            Edge::After(key) => Edge::After(key),
            Edge::Last => Edge::Last,
        }
    }
}

/// One end of a range.
struct Cursor<'a> {
    /// The branches above the leaf, top first, and the child taken in each.
    above: Vec<(Page<'a>, usize)>,
    leaf: Page<'a>,
    at: Position,
    /// Front: the next entry. Back: one more than the last entry that is left.
    index: usize,
}

impl<'a> Cursor<'a> {
    fn seek<P: Pages + ?Sized>(pages: &'a P, root: &Root, edge: Edge<&[u8]>) -> Result<Self> {
        let top = top_level(root)?;
        let mut page = page_on(pages, root.at, top)?;
        let (mut at, mut above) = (root.at, Vec::with_capacity(top as usize));
        for level in (0..top).rev() {
            let index = edge.child_in(page)?;
            above.push((page, index));
            at = page.child(index)?;
            page = page_on(pages, at, level)?;
        }
        Ok(Cursor { above, leaf: page, at, index: edge.index_in(page)? })
    }

    /// Moves to the start of the leaf to the right; false if there is none.
    fn forward<P: Pages + ?Sized>(&mut self, pages: &'a P) -> Result<bool> {
        let next = |page: &Page<'_>, index: usize| (index + 1 < page.count()).then_some(index + 1);
        let before = self.leaf;
        Ok(self.turn(pages, next, Edge::First)? && ascends(before, self.at, self.leaf)?)
    }

    /// Moves behind the end of the leaf to the left; false if there is none.
    fn backward<P: Pages + ?Sized>(&mut self, pages: &'a P) -> Result<bool> {
        let (behind, at) = (self.leaf, self.at);
        Ok(self.turn(pages, |_, index| index.checked_sub(1), Edge::Last)? && ascends(self.leaf, at, behind)?)
    }

    /// Goes up to the lowest branch that has a child beside the one taken, and down along `edge` from there.
    fn turn<P: Pages + ?Sized>(
        &mut self,
        pages: &'a P,
        beside: impl Fn(&Page<'_>, usize) -> Option<usize>,
        edge: Edge<&[u8]>,
    ) -> Result<bool> {
        let height = self.above.len();
        let Some(turn) = self.above.iter().rposition(|(page, index)| beside(page, *index).is_some()) else {
            return Ok(false);
        };
        self.above.truncate(turn + 1);
        if let Some((page, index)) = self.above.last_mut() {
            *index = beside(page, *index).unwrap_or(*index);
        }
        while let Some((page, index)) = self.above.last().copied() {
            let level = height - self.above.len();
            self.at = page.child(index)?;
            let below = page_on(pages, self.at, level as u32)?;
            if level == 0 {
                self.leaf = below;
                break;
            }
            self.above.push((below, edge.child_in(below)?));
        }
        self.index = edge.index_in(self.leaf)?;
        Ok(true)
    }
}

/// The end of a range that is read backwards.
enum Back<'a> {
    /// Not asked for yet; `limit` is where this edge cuts the front's leaf.
    Edge {
        edge: Edge<Key>,
        limit: usize,
    },
    At(Cursor<'a>),
}

/// The entries between two bounds, in ascending order from the front and in descending order from the back.
///
/// Keys are put together, values are lent by the pages for as long as the tree is. After the end, and after an error, nothing
/// more comes.
pub struct Range<'a, P: ?Sized> {
    pages: &'a P,
    root: Root,
    /// `None` once the two ends met, or after an error.
    ends: Option<(Cursor<'a>, Back<'a>)>,
    key: Lent,
}

/// The entries of the tree from `start` to `end`. Bounds in the wrong order give nothing.
///
/// # Errors
/// `Corrupt` if a page on the way is damaged or stands on the wrong level; what [`Pages::page`] gives.
pub fn range<'a, P: Pages + ?Sized>(pages: &'a P, root: Root, start: Bound<&[u8]>, end: Bound<&[u8]>) -> Result<Range<'a, P>> {
    let (start, end) = (Edge::start(start), Edge::end(end));
    if root.height == 0 || start.excludes_all(end) {
        return Ok(Range { pages, root, ends: None, key: Lent::default() });
    }
    let front = Cursor::seek(pages, &root, start)?;
    let limit = limit_in(front.leaf, end)?;
    let edge = match end {
        Edge::First => Edge::First,
        Edge::Before(key) => Edge::Before(Key::from(key)),
        Edge::After(key) => Edge::After(Key::from(key)),
        Edge::Last => Edge::Last,
    };
    Ok(Range { pages, root, ends: Some((front, Back::Edge { edge, limit })), key: Lent::default() })
}

/// Where `end` cuts `leaf`: most often behind its last entry, which costs one comparison.
fn limit_in(leaf: Page<'_>, end: Edge<&[u8]>) -> Result<usize> {
    let count = leaf.count();
    match end {
        Edge::Before(key) | Edge::After(key) if count > 0 && leaf.compare(count - 1, key)?.is_lt() => Ok(count),
        _ => end.index_in(leaf),
    }
}

impl<'a, P: Pages + ?Sized> Range<'a, P> {
    /// The next entry from the front. Amortized O(1).
    ///
    /// # Errors
    /// As [`range`]; after that `None`.
    #[inline]
    #[allow(clippy::should_implement_trait, reason = "the trait is implemented too, with the result turned inside out")]
    pub fn next(&mut self) -> Result<Option<(Key, &'a [u8])>> {
        let next = self.forward();
        self.read(next, entry)
    }

    /// The next entry from the back. Amortized O(1); the first one costs a way down the tree.
    ///
    /// # Errors
    /// As [`range`]; after that `None`.
    #[inline]
    pub fn next_back(&mut self) -> Result<Option<(Key, &'a [u8])>> {
        let next = self.backward();
        self.read(next, entry)
    }

    /// The value of the next entry from the front; its key is not put together.
    ///
    /// # Errors
    /// As [`range`]; after that `None`.
    #[inline]
    pub fn next_value(&mut self) -> Result<Option<&'a [u8]>> {
        // What a scan does for each entry but the last of a leaf, without a view of the leaf that is copied.
        if let Some((front, Back::Edge { limit, .. })) = &mut self.ends
            && front.index < *limit
            && let Ok(Item::Inline(value)) = front.leaf.item(front.index)
        {
            front.index += 1;
            return Ok(Some(value));
        }
        self.next_value_over()
    }

    #[inline(never)]
    fn next_value_over(&mut self) -> Result<Option<&'a [u8]>> {
        let next = self.forward();
        self.read(next, value)
    }

    /// The value of the next entry from the back; its key is not put together.
    ///
    /// # Errors
    /// As [`range`]; after that `None`.
    #[inline]
    pub fn next_value_back(&mut self) -> Result<Option<&'a [u8]>> {
        let next = self.backward();
        self.read(next, value)
    }

    /// The next entry from the front; its key is lent until the next call: of the keys of one leaf only what differs is put together anew.
    ///
    /// # Errors
    /// As [`range`]; after that `None`.
    #[inline]
    pub fn next_lent(&mut self) -> Result<Option<(&[u8], &'a [u8])>> {
        let next = self.forward();
        self.lend(next)
    }

    /// The same from the back.
    ///
    /// # Errors
    /// As [`range`]; after that `None`.
    #[inline]
    pub fn next_lent_back(&mut self) -> Result<Option<(&[u8], &'a [u8])>> {
        let next = self.backward();
        self.lend(next)
    }

    #[inline(always)]
    fn lend(&mut self, step: Result<Option<(Page<'a>, usize)>>) -> Result<Option<(&[u8], &'a [u8])>> {
        let found = match step {
            Ok(Some((leaf, i))) => self.key.put(leaf, i).and_then(|()| value(self.pages, leaf, i)).map(Some),
            Ok(None) => Ok(None),
            Err(e) => Err(e),
        };
        match found {
            Ok(Some(value)) => Ok(Some((self.key.bytes.as_slice(), value))),
            ended => {
                self.ends = None;
                ended.map(|_| None)
            }
        }
    }

    /// Reads the entry that a step led to; the range is over if it led to none, or something failed.
    #[inline(always)]
    fn read<T>(
        &mut self,
        step: Result<Option<(Page<'a>, usize)>>,
        read: impl FnOnce(&'a P, Page<'a>, usize) -> Result<T>,
    ) -> Result<Option<T>> {
        let found = match step {
            Ok(Some((leaf, i))) => read(self.pages, leaf, i).map(Some),
            Ok(None) => Ok(None),
            Err(e) => Err(e),
        };
        if !matches!(found, Ok(Some(_))) {
            self.ends = None;
        }
        found
    }

    /// One entry on from the front: its leaf, and its index there.
    #[inline(always)]
    fn forward(&mut self) -> Result<Option<(Page<'a>, usize)>> {
        if let Some((front, Back::Edge { limit, .. })) = &mut self.ends
            && front.index < *limit
        {
            front.index += 1;
            return Ok(Some((front.leaf, front.index - 1)));
        }
        self.forward_over()
    }

    /// The same where the front is at the end of its leaf, or the range is read from both ends.
    #[inline(never)]
    fn forward_over(&mut self) -> Result<Option<(Page<'a>, usize)>> {
        let Some((front, back)) = &mut self.ends else { return Ok(None) };
        loop {
            let (limit, is_last) = match back {
                Back::Edge { limit, .. } => (*limit, *limit < front.leaf.count()),
                Back::At(back) if back.at == front.at => (back.index, true),
                Back::At(_) => (front.leaf.count(), false),
            };
            if front.index < limit {
                front.index += 1;
                return Ok(Some((front.leaf, front.index - 1)));
            }
            if is_last || !front.forward(self.pages)? {
                return Ok(None);
            }
            if let Back::Edge { edge, limit } = back {
                *limit = limit_in(front.leaf, edge.borrowed())?;
            }
        }
    }

    fn backward(&mut self) -> Result<Option<(Page<'a>, usize)>> {
        let Some((front, back)) = &mut self.ends else { return Ok(None) };
        if let Back::Edge { edge, .. } = back {
            *back = Back::At(Cursor::seek(self.pages, &self.root, edge.borrowed())?);
        }
        let Back::At(back) = back else { return Ok(None) };
        loop {
            let is_last = back.at == front.at;
            let limit = if is_last { front.index } else { 0 };
            if back.index > limit {
                back.index -= 1;
                return Ok(Some((back.leaf, back.index)));
            }
            if is_last || !back.backward(self.pages)? {
                return Ok(None);
            }
        }
    }
}

/// The key that is lent.
#[derive(Default)]
struct Lent {
    bytes: Vec<u8>,
    /// Where the leaf stands whose prefix it begins with, and how long that is. Leaves are lent for as long as the range, so that no other comes to stand there.
    leaf: usize,
    prefix_len: usize,
}

impl Lent {
    #[inline(always)]
    fn put(&mut self, leaf: Page<'_>, i: usize) -> Result<()> {
        let at = leaf.bytes().as_ptr().addr();
        if at != self.leaf {
            // Not said before it is there: what follows may fail.
            self.leaf = 0;
            leaf.key_into(i, &mut self.bytes)?;
            (self.leaf, self.prefix_len) = (at, leaf.prefix_len());
            return Ok(());
        }
        self.bytes.truncate(self.prefix_len);
        leaf.push_suffix(i, &mut self.bytes)
    }
}

/// The value of entry `i` of a leaf.
#[inline(always)]
fn value<'a, P: Pages + ?Sized>(pages: &'a P, leaf: Page<'a>, i: usize) -> Result<&'a [u8]> {
    match leaf.item(i)? {
        Item::Inline(value) => Ok(value),
        // The large page bears the key too.
        large => resolve(pages, large, &leaf.key(i)?),
    }
}

/// Entry `i` of a leaf, its value resolved.
#[inline]
pub(super) fn entry<'a, P: Pages + ?Sized>(pages: &'a P, leaf: Page<'a>, i: usize) -> Result<(Key, &'a [u8])> {
    let key = leaf.key(i)?;
    let value = resolve(pages, leaf.item(i)?, &key)?;
    Ok((key, value))
}

impl<'a, P: Pages + ?Sized> Iterator for Range<'a, P> {
    type Item = Result<(Key, &'a [u8])>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        Range::next(self).transpose()
    }
}

impl<P: Pages + ?Sized> DoubleEndedIterator for Range<'_, P> {
    fn next_back(&mut self) -> Option<Self::Item> {
        Range::next_back(self).transpose()
    }
}

impl<P: Pages + ?Sized> std::iter::FusedIterator for Range<'_, P> {}
