//! The entries of a damaged tree in order, and the ranges of keys that are lost in it.
//!
//! A walk from the root that goes on where a page is missing: what stood below it lies between the separators of the parent, which is whole. A page is believed
//! if its position, table, kind and level are what the parent promised and its keys lie between those separators; then everything in it is as the
//! sealed version had it (L1). Levels fall at every step and ranges of siblings do not overlap, so no page is walked into twice.

use std::ops::Bound;

use super::pages::{Owned, Pages};
use crate::error::{Error, Result};
use crate::format::{TableId, Version};
use crate::page::{Item, Kind, Page};
use crate::tree::{MAX_HEIGHT, Root};

/// A range of keys that is lost, and why.
#[derive(Clone, Debug)]
pub(super) struct Gap {
    pub(super) low: Bound<Vec<u8>>,
    pub(super) high: Bound<Vec<u8>>,
    /// Entries that were in it, as the parents count.
    pub(super) entries: u64,
    pub(super) why: String,
}

impl Gap {
    fn holds(&self, key: &[u8]) -> bool {
        let above = match &self.low {
            Bound::Included(low) => key >= &low[..],
            Bound::Excluded(low) => key > &low[..],
            Bound::Unbounded => true,
        };
        let below = match &self.high {
            Bound::Included(high) => key <= &high[..],
            Bound::Excluded(high) => key < &high[..],
            Bound::Unbounded => true,
        };
        above && below
    }
}

/// Whether one of these gaps, which ascend, holds `key`.
pub(super) fn is_lost(gaps: &[Gap], key: &[u8]) -> bool {
    let is_below = |gap: &Gap| match &gap.high {
        Bound::Included(high) => &high[..] < key,
        Bound::Excluded(high) => &high[..] <= key,
        Bound::Unbounded => false,
    };
    gaps.get(gaps.partition_point(is_below)).is_some_and(|gap| gap.holds(key))
}

/// Keys from `low` on and below `high`.
#[derive(Clone, Default)]
struct Span {
    low: Option<Vec<u8>>,
    high: Option<Vec<u8>>,
}

/// The entries of one tree, ascending.
pub(super) struct Entries<'p, 'd> {
    pages: &'p Pages<'d>,
    table: TableId,
    /// Version of the seal: no page that it reaches is younger.
    sealed: Version,
    stack: Vec<Frame>,
    /// What is lost so far, ascending.
    pub(super) gaps: Vec<Gap>,
}

struct Frame {
    page: Owned,
    next: usize,
    span: Span,
}

/// What the next step of the walk gives.
enum Step {
    Entry((Vec<u8>, Vec<u8>)),
    Down(Frame),
    Nothing,
}

impl<'p, 'd> Entries<'p, 'd> {
    /// Of the tree of `table` that a seal of version `sealed` names.
    pub(super) fn new(pages: &'p Pages<'d>, table: TableId, sealed: Version, root: &Root) -> Entries<'p, 'd> {
        let mut entries = Entries { pages, table, sealed, stack: Vec::new(), gaps: Vec::new() };
        if root.height > 0 {
            let level = root.height.min(MAX_HEIGHT) - 1;
            match entries.load(root.at, level, &Span::default()) {
                Ok(page) => entries.stack.push(Frame { page, next: 0, span: Span::default() }),
                Err(e) => entries.lose(&Span::default(), root.len, &e),
            }
        }
        entries
    }

    /// The page at `at` if it is what its parent says.
    fn load(&self, at: crate::format::Position, level: u32, span: &Span) -> Result<Owned> {
        let owned = self.pages.page(at)?;
        let page = owned.page()?;
        let kind = if level == 0 { Kind::Leaf } else { Kind::Branch };
        if page.table() != self.table || page.kind() != kind || u32::from(page.level()) != level || page.count() == 0 {
            return Err(Error::corrupt(at, "it is not the page that its parent names"));
        }
        // A crash lets ids of chunks be given again: another chunk's page may stand here, of a transaction that never was.
        if page.born() > self.sealed {
            return Err(Error::corrupt(
                at,
                format_args!("it was born in version {}, after the seal that reaches it", page.born()),
            ));
        }
        // A branch's first separator is the empty key, which says nothing.
        let first = usize::from(level > 0);
        if page.count() > first {
            let (least, most) = (page.key(first)?, page.key(page.count() - 1)?);
            let above = span.low.as_ref().is_none_or(|low| if level == 0 { *least >= low[..] } else { *least > low[..] });
            if !above || span.high.as_ref().is_some_and(|high| *most >= high[..]) {
                return Err(Error::corrupt(at, "its keys lie outside of the separators above it"));
            }
        }
        Ok(owned)
    }

    fn lose(&mut self, span: &Span, entries: u64, why: &Error) {
        let low = span.low.clone().map_or(Bound::Unbounded, Bound::Included);
        let high = span.high.clone().map_or(Bound::Unbounded, Bound::Excluded);
        match self.gaps.last_mut() {
            // Nothing lies between the two: one loss.
            Some(last) if matches!((&last.high, &low), (Bound::Excluded(a), Bound::Included(b)) if a == b) => {
                last.high = high;
                last.entries = last.entries.saturating_add(entries);
            }
            _ => self.gaps.push(Gap { low, high, entries, why: why.to_string() }),
        }
    }

    fn step(&mut self) -> Option<Step> {
        let frame = self.stack.last_mut()?;
        let index = frame.next;
        frame.next += 1;
        // Lent to what follows, and put back: the walk needs the whole of itself meanwhile.
        let frame = self.stack.pop()?;
        let step = match frame.page.page() {
            Ok(page) if index >= page.count() => return Some(Step::Nothing),
            Ok(page) if page.kind() == Kind::Leaf => self.entry(page, index),
            Ok(page) => self.child(page, index, &frame.span),
            Err(e) => Err(e),
        };
        match step {
            Ok(step) => {
                self.stack.push(frame);
                Some(step)
            }
            Err(e) => {
                // A checked page that contradicts itself: what is left of it is lost.
                self.lose(&frame.span, 0, &e);
                Some(Step::Nothing)
            }
        }
    }

    fn entry(&mut self, leaf: Page<'_>, i: usize) -> Result<Step> {
        let key = leaf.key(i)?.into_vec();
        match value(self.pages, self.table, &key, leaf.item(i)?) {
            Ok(value) => Ok(Step::Entry((key, value))),
            Err(e) => {
                let (low, high) = (Bound::Included(key.clone()), Bound::Included(key));
                self.gaps.push(Gap { low, high, entries: 1, why: e.to_string() });
                Ok(Step::Nothing)
            }
        }
    }

    fn child(&mut self, branch: Page<'_>, i: usize, span: &Span) -> Result<Step> {
        let low = if i == 0 { span.low.clone() } else { Some(branch.key(i)?.into_vec()) };
        let high = if i + 1 < branch.count() { Some(branch.key(i + 1)?.into_vec()) } else { span.high.clone() };
        let (span, entries) = (Span { low, high }, branch.entries(i)?);
        match self.load(branch.child(i)?, u32::from(branch.level()) - 1, &span) {
            Ok(page) => Ok(Step::Down(Frame { page, next: 0, span })),
            Err(e) => {
                self.lose(&span, entries, &e);
                Ok(Step::Nothing)
            }
        }
    }
}

impl Iterator for Entries<'_, '_> {
    type Item = (Vec<u8>, Vec<u8>);

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            match self.step()? {
                Step::Entry(entry) => return Some(entry),
                Step::Down(frame) => self.stack.push(frame),
                Step::Nothing => {}
            }
        }
    }
}

/// The bytes of an entry's value.
///
/// # Errors
/// `Corrupt`, `Io` if it stands out of line and its page is not whole or belongs to another entry.
pub(super) fn value(pages: &Pages<'_>, table: TableId, key: &[u8], item: Item<'_>) -> Result<Vec<u8>> {
    let (at, len) = match item {
        Item::Inline(value) => return Ok(value.to_vec()),
        Item::Large { at, len } => (at, len),
    };
    let owned = pages.page(at)?;
    let page = owned.page()?;
    if page.kind() != Kind::Large || page.table() != table {
        return Err(Error::corrupt(at, "it is no large value of this table"));
    }
    let value = page.large_value()?;
    if page.large_key()? != key || value.len() as u64 != len {
        return Err(Error::corrupt(at, "it is the value of another entry"));
    }
    Ok(value.to_vec())
}
