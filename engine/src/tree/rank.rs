//! Order statistics by the entry counts in branches: the n-th entry, and how many stand before a key.

use super::path::{add_entries, page_on, top_level};
use super::range::{Edge, entry};
use super::{Pages, Root};
use crate::error::{Error, Result};
use crate::page::Key;

/// The entry with `n` smaller keys, or `None` if there are not so many. Cost: one page a level, and the counts in each branch.
///
/// # Errors
/// `Corrupt` if a page on the way is damaged, stands on the wrong level or has other counts than promised above it.
pub fn nth<'a, P: Pages + ?Sized>(pages: &'a P, root: &Root, n: u64) -> Result<Option<(Key, &'a [u8])>> {
    if root.height == 0 || n >= root.len {
        return Ok(None);
    }
    let (mut at, mut left, mut level) = (root.at, n, top_level(root)?);
    let mut page = page_on(pages, at, level)?;
    while level > 0 {
        let mut index = 0;
        // The counts end where the page does: an index past it is an error of the page's.
        loop {
            let entries = page.entries(index)?;
            if left < entries {
                break;
            }
            left -= entries;
            index += 1;
        }
        at = page.child(index)?;
        level -= 1;
        page = page_on(pages, at, level)?;
    }
    if left >= page.count() as u64 {
        return Err(Error::corrupt(at, format_args!("expected more than {left} entries, found {}", page.count())));
    }
    entry(pages, page, left as usize).map(Some)
}

/// How many entries have a smaller key. Cost: one page a level, and the counts in each branch.
///
/// # Errors
/// `Corrupt` if a page on the way is damaged or stands on the wrong level.
pub fn rank<P: Pages + ?Sized>(pages: &P, root: &Root, key: &[u8]) -> Result<u64> {
    rank_of(pages, root, Edge::Before(key))
}

/// How many entries stand before `edge`.
pub(super) fn rank_of<P: Pages + ?Sized>(pages: &P, root: &Root, edge: Edge<&[u8]>) -> Result<u64> {
    match edge {
        Edge::First => return Ok(0),
        Edge::Last => return Ok(root.len),
        _ if root.height == 0 => return Ok(0),
        _ => {}
    }
    let (mut at, mut before, mut level) = (root.at, 0, top_level(root)?);
    let mut page = page_on(pages, at, level)?;
    while level > 0 {
        let index = edge.child_in(page)?;
        for i in 0..index {
            before = add_entries(at, before, page.entries(i)?)?;
        }
        at = page.child(index)?;
        level -= 1;
        page = page_on(pages, at, level)?;
    }
    add_entries(at, before, edge.index_in(page)? as u64)
}
