//! Looking keys up: one search a level, no allocation; many keys go down side by side.

use super::path::{page_on, resolve, top_level};
use super::{Pages, Root};
use crate::error::Result;
use crate::format::Position;
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

/// So many keys go down together: about as many cache lines as a core fetches at a time.
const LANES: usize = 16;

/// The values of these keys, in their order. What one key's way waits for from memory, the others' ways wait for at the same time: several times the speed of as many [`get`]s where
/// pages are in no cache.
///
/// # Errors
/// As [`get`], of any of them.
pub fn get_many<'a, P: Pages + ?Sized, K: AsRef<[u8]>>(pages: &'a P, root: &Root, keys: &[K]) -> Result<Vec<Option<&'a [u8]>>> {
    if root.height == 0 {
        return Ok(vec![None; keys.len()]);
    }
    let mut values = Vec::with_capacity(keys.len());
    for group in keys.chunks(LANES) {
        get_group(pages, root, group, &mut values)?;
    }
    Ok(values)
}

/// The values of at most `LANES` keys. The tree is not empty. Each level is passed in short loops over all of the keys, so that the loads of one turn do not depend on those of another.
fn get_group<'a, P: Pages + ?Sized, K: AsRef<[u8]>>(
    pages: &'a P,
    root: &Root,
    keys: &[K],
    values: &mut Vec<Option<&'a [u8]>>,
) -> Result<()> {
    let top = top_level(root)?;
    let mut lanes = [page_on(pages, root.at, top)?; LANES];
    let mut below = [Position::default(); LANES];
    let (lanes, below) = (&mut lanes[..keys.len()], &mut below[..keys.len()]);
    for level in (0..top).rev() {
        for ((page, key), child) in lanes.iter().zip(keys).zip(below.iter_mut()) {
            *child = page.child(page.child_for(key.as_ref())?)?;
        }
        for (page, child) in lanes.iter_mut().zip(below.iter()) {
            *page = page_on(pages, *child, level)?;
        }
        lanes.iter().for_each(Page::touch);
    }
    for (leaf, key) in lanes.iter().zip(keys) {
        let value = match leaf.search(key.as_ref())? {
            Ok(i) => Some(resolve(pages, leaf.item(i)?, key.as_ref())?),
            Err(_) => None,
        };
        values.push(value);
    }
    Ok(())
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
