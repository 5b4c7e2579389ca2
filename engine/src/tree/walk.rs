//! Visiting every page of a tree, children before parents.

use super::path::{large_at, page_on, top_level};
use super::{Pages, Root};
use crate::error::{Error, Result};
use crate::format::Position;
use crate::page::{Kind, Page};

/// Visits the pages of the tree, children before parents, large values before the leaf that names them. `enter` is asked once for
/// each page that is named and says whether to go into it, so that shared or known parts are passed over unread; `leave` gets each
/// page that was entered. Memory: one page view a level.
///
/// # Errors
/// `Corrupt` if a page is damaged or stands on the wrong level; what [`Pages::page`] and `leave` give.
pub fn walk<P: Pages + ?Sized>(
    pages: &P,
    root: &Root,
    enter: &mut dyn FnMut(Position) -> bool,
    leave: &mut dyn FnMut(Position, Page<'_>) -> Result<()>,
) -> Result<()> {
    if root.height == 0 || !enter(root.at) {
        return Ok(());
    }
    let top = top_level(root)?;
    // The stack's bottom stands on level `top`, so its depth is bounded by the height.
    let mut stack = vec![(root.at, page_on(pages, root.at, top)?, 0_usize)];
    while let Some((at, page, next)) = stack.last_mut() {
        let (at, page, i) = (*at, *page, *next);
        if i < page.count() {
            *next += 1;
            if matches!(page.kind(), Kind::Leaf) {
                if let Some(large) = large_at(page, i)?
                    && enter(large)
                {
                    leave(large, large_page(pages, large)?)?;
                }
                continue;
            }
            let child = page.child(i)?;
            if enter(child) {
                let level = top + 1 - stack.len() as u32;
                stack.push((child, page_on(pages, child, level - 1)?, 0));
            }
            continue;
        }
        leave(at, page)?;
        stack.pop();
    }
    Ok(())
}

fn large_page<P: Pages + ?Sized>(pages: &P, at: Position) -> Result<Page<'_>> {
    let page = pages.page(at)?;
    if !matches!(page.kind(), Kind::Large) {
        return Err(Error::corrupt(at, "expected a large value, found another kind of page"));
    }
    Ok(page)
}
