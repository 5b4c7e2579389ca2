//! Removing a range, or everything: the two edges are cut, what lies between is dropped page by page.
//!
//! ```text
//!              branch
//!      ┌────┬────┼────┬────┐
//!      .   [cut] X    X  [cut]  .        X: dropped whole; a leaf is read only for the large values that it names
//! ```
//!
//! A page is copied only if something is taken out below it. On the way back each edge is put in order as after a removal.

use std::ops::Bound;

use super::path::{large_at, page_on, sub_entries, top_level};
use super::range::Edge;
use super::remove::{lower_root, settle};
use super::{Edit, Root};
use crate::error::{Error, Result};
use crate::format::Position;
use crate::page::{Key, Kind, Page};

/// Removes every entry from `start` to `end`; gives their number. Bounds in the wrong order remove nothing. Cost: the pages that
/// are dropped and two ways down the tree.
///
/// # Errors
/// `Corrupt`, `Io`, `Full` from the pages: the edit must be given up.
pub fn remove_range<E: Edit + ?Sized>(edit: &mut E, root: &mut Root, start: Bound<&[u8]>, end: Bound<&[u8]>) -> Result<u64> {
    let (start, end) = (Edge::start(start), Edge::end(end));
    if root.height == 0 || start.excludes_all(end) {
        return Ok(0);
    }
    let cut = cut(edit, root.at, top_level(root)?, start, end, &mut Passed::default())?;
    root.len = sub_entries(root.at, root.len, cut.removed)?;
    match cut.at {
        Some(at) => root.at = at,
        None => *root = Root::default(),
    }
    lower_root(edit, root)?;
    Ok(cut.removed)
}

/// Removes every entry. Cost: every page is retired; leaves are read for the large values that they name.
///
/// # Errors
/// `Corrupt`, `Io` from the pages: the edit must be given up.
pub fn clear<E: Edit + ?Sized>(edit: &mut E, root: &mut Root) -> Result<()> {
    if root.height > 0 {
        drop_subtree(edit, root.at, top_level(root)?, &mut Passed::default())?;
    }
    *root = Root::default();
    Ok(())
}

/// What became of a subtree.
struct Cut {
    /// Where it stands now; `None` if nothing is left of it, and its pages are retired.
    at: Option<Position>,
    removed: u64,
}

/// The last key of the leaf that was dropped before: leaves are dropped from left to right, each once, whatever a forged branch names.
#[derive(Default)]
struct Passed(Option<Key>);

impl Passed {
    /// An error if `leaf` does not stand behind what was passed.
    fn pass(&mut self, at: Position, leaf: Page<'_>) -> Result<()> {
        let Some(last) = leaf.count().checked_sub(1) else { return Err(Error::corrupt(at, "an empty page")) };
        if let Some(before) = &self.0
            && !leaf.compare(0, before)?.is_gt()
        {
            return Err(Error::corrupt(at, "its keys do not stand behind those of the leaf before it"));
        }
        self.0 = Some(leaf.key(last)?);
        Ok(())
    }
}

/// Takes the entries between two edges out of a subtree. Recursion ends at level 0.
fn cut<E: Edit + ?Sized>(
    edit: &mut E,
    at: Position,
    level: u32,
    start: Edge<&[u8]>,
    end: Edge<&[u8]>,
    passed: &mut Passed,
) -> Result<Cut> {
    match (start, end) {
        (Edge::First, Edge::Last) => Ok(Cut { at: None, removed: drop_subtree(edit, at, level, passed)? }),
        _ if level == 0 => cut_leaf(edit, at, start, end, passed),
        _ => cut_branch(edit, at, level, start, end, passed),
    }
}

fn cut_leaf<E: Edit + ?Sized>(
    edit: &mut E,
    at: Position,
    start: Edge<&[u8]>,
    end: Edge<&[u8]>,
    passed: &mut Passed,
) -> Result<Cut> {
    let page = page_on(edit, at, 0)?;
    let (from, to, count) = (start.index_in(page)?, end.index_in(page)?, page.count());
    if from < to && to - from == count {
        return Ok(Cut { at: None, removed: drop_subtree(edit, at, 0, passed)? });
    }
    passed.pass(at, page)?;
    if from >= to {
        return Ok(Cut { at: Some(at), removed: 0 });
    }
    let own = edit.own(at)?;
    for i in (from..to).rev() {
        let buf = edit.edit(own);
        let large = large_at(buf.page(), i)?;
        buf.remove(i)?;
        if let Some(large) = large {
            edit.retire(large)?;
        }
    }
    Ok(Cut { at: Some(own), removed: (to - from) as u64 })
}

fn cut_branch<E: Edit + ?Sized>(
    edit: &mut E,
    at: Position,
    level: u32,
    start: Edge<&[u8]>,
    end: Edge<&[u8]>,
    passed: &mut Passed,
) -> Result<Cut> {
    let page = page_on(edit, at, level)?;
    let (first, last, count) = (start.child_in(page)?, end.child_in(page)?, page.count());
    let children = (first..=last).map(|i| page.child(i)).collect::<Result<Vec<_>>>()?;
    // Children `first` to `last` as they are afterwards.
    let mut cuts = Vec::with_capacity(children.len());
    for (i, child) in (first..=last).zip(&children) {
        let start = if i == first { start } else { Edge::First };
        let end = if i == last { end } else { Edge::Last };
        cuts.push(cut(edit, *child, level - 1, start, end, passed)?);
    }
    let removed = cuts.iter().map(|cut| cut.removed).sum::<u64>();
    if removed == 0 {
        return Ok(Cut { at: Some(at), removed });
    }
    if cuts.len() == count && cuts.iter().all(|cut| cut.at.is_none()) {
        edit.retire(at)?;
        return Ok(Cut { at: None, removed });
    }
    let own = edit.own(at)?;
    let buf = edit.edit(own);
    for (i, cut) in cuts.iter().enumerate().rev().map(|(i, cut)| (first + i, cut)) {
        match cut.at {
            None => buf.remove_child(i)?,
            Some(child) => {
                let entries = buf.page().entries(i)?;
                buf.set_entries(i, sub_entries(own, entries, cut.removed)?);
                buf.set_child(i, child);
            }
        }
    }
    // The edges that are left, at most two, stand at `first` and behind it.
    let left = cuts.iter().filter(|cut| cut.at.is_some()).count();
    for i in (first..first + left).rev() {
        if i < edit.edit(own).page().count() {
            settle(edit, own, i, level - 1)?;
        }
    }
    Ok(Cut { at: Some(own), removed })
}

/// Retires every page of a subtree and gives the number of its entries. Recursion ends at level 0.
fn drop_subtree<E: Edit + ?Sized>(edit: &mut E, at: Position, level: u32, passed: &mut Passed) -> Result<u64> {
    let page = page_on(edit, at, level)?;
    let mut below = Vec::new();
    let mut entries = 0;
    if matches!(page.kind(), Kind::Leaf) {
        passed.pass(at, page)?;
        entries = page.count() as u64;
        for i in 0..page.count() {
            below.extend(large_at(page, i)?);
        }
        for large in below {
            edit.retire(large)?;
        }
    } else {
        for i in 0..page.count() {
            below.push(page.child(i)?);
        }
        for child in below {
            entries += drop_subtree(edit, child, level - 1, passed)?;
        }
    }
    edit.retire(at)?;
    Ok(entries)
}
