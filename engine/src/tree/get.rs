//! Looking one key up: one search a level, no allocation.

use super::path::{page_on, resolve, top_level};
use super::{Pages, Root};
use crate::error::Result;
use crate::page::{Item, Page};

/// The value of `key`, or `None`. The bytes are lent by `pages`.
///
/// # Errors
/// `Corrupt` if a page on the way is damaged or stands on the wrong level; what [`Pages::page`] gives.
pub fn get<'a, P: Pages + ?Sized>(pages: &'a P, root: &Root, key: &[u8]) -> Result<Option<&'a [u8]>> {
    if root.height == 0 {
        return Ok(None);
    }
    let leaf = leaf_for(pages, root, key)?;
    match leaf.search(key)? {
        Ok(i) => Ok(Some(resolve(pages, leaf.item(i)?, key)?)),
        Err(_) => Ok(None),
    }
}

/// The page in which the value of `key` stands: its leaf, or a large page.
///
/// # Errors
/// As [`get`].
pub fn value_page<'a, P: Pages + ?Sized>(pages: &'a P, root: &Root, key: &[u8]) -> Result<Option<Page<'a>>> {
    if root.height == 0 {
        return Ok(None);
    }
    let leaf = leaf_for(pages, root, key)?;
    let Ok(i) = leaf.search(key)? else { return Ok(None) };
    match leaf.item(i)? {
        Item::Inline(_) => Ok(Some(leaf)),
        Item::Large { at, .. } => pages.page(at).map(Some),
    }
}

/// The leaf that holds `key` if any does. The tree is not empty.
#[inline]
pub(super) fn leaf_for<'a, P: Pages + ?Sized>(pages: &'a P, root: &Root, key: &[u8]) -> Result<Page<'a>> {
    let mut level = top_level(root)?;
    let mut page = page_on(pages, root.at, level)?;
    while level > 0 {
        level -= 1;
        page = page_on(pages, page.child(page.child_for(key)?)?, level)?;
    }
    Ok(page)
}
