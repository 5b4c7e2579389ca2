//! The branches right above the leaves, in the order of keys: they say where leaves stand, and no leaf is read for it.

use super::path::{page_on, top_level};
use super::{Pages, Root};
use crate::error::Result;
use crate::format::Position;
use crate::page::Page;

/// Gets a key that leads to a branch's first child, and the branch; says whether to go on.
type Visit<'v> = dyn FnMut(&[u8], Page<'_>) -> Result<bool> + 'v;

/// Visits the branches whose children are leaves, from the one that `from` leads to on, ascending; a tree of a single leaf has none. Cost: the branches from there on.
///
/// # Errors
/// `Corrupt` if a page is damaged or stands on the wrong level; what [`Pages::page`] and `visit` give.
pub fn families(pages: &dyn Pages, root: &Root, from: &[u8], visit: &mut Visit<'_>) -> Result<()> {
    match root.height {
        0 | 1 => Ok(()),
        _ => below(pages, (root.at, top_level(root)?), &[], from, visit).map(drop),
    }
}

/// Visits those below the branch at `at`; `low` leads to its first child. Recursion ends at level 1.
fn below(pages: &dyn Pages, (at, level): (Position, u32), low: &[u8], from: &[u8], visit: &mut Visit<'_>) -> Result<bool> {
    let apart = pages.apart();
    let page = page_on(apart.as_deref().unwrap_or(pages), at, level)?;
    if level == 1 {
        return visit(low, page);
    }
    let first = if from > low { page.child_for(from)? } else { 0 };
    for i in first..page.count() {
        let low = if i == 0 { low.to_vec() } else { page.key(i)?.to_vec() };
        if !below(pages, (page.child(i)?, level - 1), &low, from, visit)? {
            return Ok(false);
        }
    }
    Ok(true)
}
