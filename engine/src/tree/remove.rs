//! Removing one entry, and closing the gap: empty pages are taken out of their parents, small ones merged with a neighbour.

use super::path::{add_entries, find_path, large_at, own_found, page_on, sub_entries, top_level};
use super::{Edit, Root};
use crate::error::Result;
use crate::format::Position;
use crate::page::PageBuf;

/// Removes `key`; true if it was there. A missing key copies no page.
///
/// # Errors
/// `Corrupt`, `Io`, `Full` from the pages: the edit must be given up.
pub fn remove<E: Edit + ?Sized>(edit: &mut E, root: &mut Root, key: &[u8]) -> Result<bool> {
    if root.height == 0 {
        return Ok(false);
    }
    let (path, found) = find_path(edit, root, key)?;
    let Ok(i) = page_on(edit, found, 0)?.search(key)? else { return Ok(false) };
    let (mut path, leaf) = own_found(edit, root, &path, found)?;
    let buf = edit.edit(leaf);
    let large = large_at(buf.page(), i)?;
    buf.remove(i)?;
    // A page that is large enough needs nothing further up but the count.
    let mut settled = is_settled(edit, leaf);
    if let Some(large) = large {
        edit.retire(large)?;
    }
    root.len = sub_entries(root.at, root.len, 1)?;
    let mut level = 0;
    while let Some(step) = path.pop() {
        let buf = edit.edit(step.at);
        let entries = buf.page().entries(step.index())?;
        buf.set_entries(step.index(), sub_entries(step.at, entries, 1)?);
        if !settled {
            settle(edit, step.at, step.index(), level)?;
            settled = is_settled(edit, step.at);
        }
        level += 1;
    }
    lower_root(edit, root).map(|()| true)
}

/// Whether an own page is at least a quarter full, so that its parent need not look at it.
fn is_settled<E: Edit + ?Sized>(edit: &mut E, at: Position) -> bool {
    let enough = edit.page_len() / 4;
    let buf = edit.edit(at);
    buf.page().count() > 0 && buf.used() >= enough
}

/// Puts child `index` of the own branch `parent` in order; the children stand on `level`: an empty one is taken out, a small one
/// merged with a neighbour as long as that is possible. The parent may be left small, or empty.
pub(super) fn settle<E: Edit + ?Sized>(edit: &mut E, parent: Position, mut index: usize, level: u32) -> Result<()> {
    loop {
        let page = edit.edit(parent).page();
        let (count, at) = (page.count(), page.child(index)?);
        let child = page_on(edit, at, level)?;
        if child.count() == 0 {
            edit.edit(parent).remove_child(index)?;
            return edit.retire(at);
        }
        if child.packed_len() >= edit.page_len() / 4 {
            return Ok(());
        }
        if index > 0 && merge(edit, parent, index - 1, level)? {
            index -= 1;
        } else if !(index + 1 < count && merge(edit, parent, index, level)?) {
            return Ok(());
        }
    }
}

/// Merges children `i` and `i + 1` of the own branch `parent`, which stand on `level`, if they fit into 90% of a page: the rest
/// keeps the next inserts from splitting it again.
fn merge<E: Edit + ?Sized>(edit: &mut E, parent: Position, i: usize, level: u32) -> Result<bool> {
    let (page_len, limit) = (edit.page_len(), edit.page_len() / 10 * 9);
    let above = edit.edit(parent).page();
    let (left_at, right_at) = (above.child(i)?, above.child(i + 1)?);
    let separator = above.key(i + 1)?;
    let entries = add_entries(parent, above.entries(i)?, above.entries(i + 1)?)?;
    let (left, right) = (page_on(edit, left_at, level)?, page_on(edit, right_at, level)?);
    if left.packed_len() + right.packed_len() > limit {
        return Ok(false);
    }
    let join = left.count();
    let mut merged = PageBuf::copy_of(left, page_len)?;
    if !merged.append(right, &separator, limit)? {
        return Ok(false);
    }
    merged.grow(page_len);
    let merged = edit.add(merged)?;
    let buf = edit.edit(parent);
    buf.remove_child(i + 1)?;
    buf.set_child(i, merged);
    buf.set_entries(i, entries);
    edit.retire(left_at)?;
    edit.retire(right_at)?;
    if level > 0 {
        mend_join(edit, merged, join, level - 1)?;
    }
    Ok(true)
}

/// Two branches were merged: the children on both sides of the join had no neighbour there before. Recursion ends at level 0.
fn mend_join<E: Edit + ?Sized>(edit: &mut E, branch: Position, join: usize, level: u32) -> Result<()> {
    for index in [join, join.saturating_sub(1)] {
        if index < edit.edit(branch).page().count() {
            settle(edit, branch, index, level)?;
        }
    }
    Ok(())
}

/// Takes away roots that hold nothing, and branches at the top that have one child.
pub(super) fn lower_root<E: Edit + ?Sized>(edit: &mut E, root: &mut Root) -> Result<()> {
    while root.height > 0 {
        let page = page_on(edit, root.at, top_level(root)?)?;
        let old = root.at;
        match page.count() {
            0 => *root = Root::default(),
            1 if root.height > 1 => {
                root.at = page.child(0)?;
                root.height -= 1;
            }
            _ => return Ok(()),
        }
        edit.retire(old)?;
    }
    Ok(())
}
