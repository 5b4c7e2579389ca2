//! Visiting every page of a tree, children before parents.

use super::path::{large_at, page_on, top_level};
use super::{Pages, Root};
use crate::error::{Error, Result};
use crate::format::Position;
use crate::page::{Kind, Page};

/// Visits the pages of the tree, children before parents, large values before the leaf that names them. `enter` is asked once for
/// each page that is named and says whether to go into it, so that shared or known parts are passed over unread; `leave` gets each
/// page that was entered. Memory: one page a level.
///
/// # Errors
/// `Corrupt` if a page is damaged or stands on the wrong level; what [`Pages::page`] and `leave` give.
pub fn walk(
    pages: &dyn Pages,
    root: &Root,
    enter: &mut dyn FnMut(Position) -> bool,
    leave: &mut dyn FnMut(Position, Page<'_>) -> Result<()>,
) -> Result<()> {
    if root.height == 0 || !enter(root.at) {
        return Ok(());
    }
    subtree(pages, root.at, top_level(root)?, enter, leave)
}

/// Visits the page at `at` and what is below it. Recursion ends at level 0.
fn subtree(
    pages: &dyn Pages,
    at: Position,
    level: u32,
    enter: &mut dyn FnMut(Position) -> bool,
    leave: &mut dyn FnMut(Position, Page<'_>) -> Result<()>,
) -> Result<()> {
    let apart = pages.apart();
    let page = page_on(apart.as_deref().unwrap_or(pages), at, level)?;
    for i in 0..page.count() {
        if !matches!(page.kind(), Kind::Leaf) {
            let child = page.child(i)?;
            if enter(child) {
                subtree(pages, child, level - 1, enter, leave)?;
            }
        } else if let Some(large) = large_at(page, i)?
            && enter(large)
        {
            let apart = pages.apart();
            leave(large, large_page(apart.as_deref().unwrap_or(pages), large)?)?;
        }
    }
    leave(at, page)
}

fn large_page(pages: &dyn Pages, at: Position) -> Result<Page<'_>> {
    let page = pages.page(at)?;
    if !matches!(page.kind(), Kind::Large) {
        return Err(Error::corrupt(at, "expected a large value, found another kind of page"));
    }
    Ok(page)
}
