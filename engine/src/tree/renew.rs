//! Giving pages new positions without changing an entry: what merging chunks and putting leaves in order are made of.
//!
//! A position names a chunk for ever, so a page leaves its chunk only by being copied to a new position, and with it every page above it, because those name it. Between the moment at
//! which a page was found and the one at which it is copied the tree may have changed: it is found again by a key that leads to it, or is no longer there.

use super::get::leaf_for;
use super::path::{large_at, large_value, own_path, own_path_to, page_on, top_level};
use super::{Edit, MAX_HEIGHT, Pages, Root};
use crate::error::{Error, Result};
use crate::format::Position;
use crate::page::{Item, Kind, Page, PageBuf};

/// A page of a tree, and what leads to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The page.
    pub at: Position,
    /// Its level; of a large value that of its leaf, 0.
    pub level: u32,
    /// Whether it holds a large value.
    pub is_large: bool,
    /// A key that the way down to it has; of a large value its owner's.
    pub key: Vec<u8>,
}

impl Place {
    /// Where `page` stands in any tree that reaches it.
    ///
    /// # Errors
    /// `Corrupt` if it is damaged, or if it is a branch with a single child, which has no separator of its own, and what is below it cannot be read: no tree may reach it any more.
    pub fn of(pages: &dyn Pages, page: Page<'_>) -> Result<Place> {
        let (at, level, is_large) = (page.position(), u32::from(page.level()), matches!(page.kind(), Kind::Large));
        let key = if is_large { page.large_key()?.to_vec() } else { key_in(pages, page)? };
        Ok(Place { at, level, is_large, key })
    }
}

/// A key whose way down leads through the branch or leaf.
fn key_in(pages: &dyn Pages, page: Page<'_>) -> Result<Vec<u8>> {
    let mut page = page;
    for _ in 0..MAX_HEIGHT {
        match page.kind() {
            Kind::Branch if page.count() > 1 => return Ok(page.key(1)?.to_vec()),
            Kind::Branch => {
                let level = u32::from(page.level()).checked_sub(1);
                let level = level.ok_or_else(|| Error::corrupt(page.position(), "a branch on the level of leaves"))?;
                page = page_on(pages, page.child(0)?, level)?;
            }
            _ => return Ok(page.key(0)?.to_vec()),
        }
    }
    Err(Error::corrupt(page.position(), format_args!("more than {MAX_HEIGHT} branches above a leaf")))
}

/// Whether the tree reaches the page at `place`.
///
/// # Errors
/// `Corrupt` if a page on the way is damaged or stands on the wrong level; what [`Pages::page`] gives.
pub fn reaches<P: Pages + ?Sized>(pages: &P, root: &Root, place: &Place) -> Result<bool> {
    if root.height == 0 || place.level > top_level(root)? {
        return Ok(false);
    }
    if place.is_large {
        let leaf = leaf_for(pages, root, &place.key)?;
        let Ok(i) = leaf.search(&place.key)? else { return Ok(false) };
        return Ok(large_at(leaf, i)? == Some(place.at));
    }
    let (mut at, mut level) = (root.at, top_level(root)?);
    while level > place.level {
        let page = page_on(pages, at, level)?;
        at = page.child(page.child_for(&place.key)?)?;
        level -= 1;
    }
    Ok(at == place.at)
}

/// Copies the page at `place` and those above it to positions of this savepoint's own; false, and nothing happens, if the tree does not reach it there.
///
/// # Errors
/// `Corrupt`, `Io`, `Full` from the pages: the edit must be given up.
pub fn renew<E: Edit + ?Sized>(edit: &mut E, root: &mut Root, place: &Place) -> Result<bool> {
    if !reaches(edit, root, place)? {
        return Ok(false);
    }
    if !place.is_large {
        own_path_to(edit, root, &place.key, place.level)?;
        return Ok(true);
    }
    let (_, leaf) = own_path(edit, root, &place.key)?;
    let gone = || Error::corrupt(leaf.at, "a value that was found is gone from the page's copy");
    let i = edit.edit(leaf.at).page().search(&place.key)?.map_err(|_| gone())?;
    let Item::Large { at, len } = edit.edit(leaf.at).page().item(i)? else { return Err(gone()) };
    let copy = PageBuf::large(edit.table(), &place.key, large_value(edit, at, len, &place.key)?);
    let copied = edit.add(copy)?;
    // As long as the one before: it goes to its place.
    if !edit.edit(leaf.at).replace(i, Item::Large { at: copied, len })? {
        return Err(gone());
    }
    edit.retire(at).map(|()| true)
}
