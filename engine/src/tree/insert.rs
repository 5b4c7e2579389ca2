//! Inserting or replacing one entry: one way down, and up again only to count the new entry or to place a split.
//!
//! Where a full page is split decides how full pages stay. In general it is near the middle. But a new entry at the very edge of
//! the tree gets a page of its own, so that ascending or descending keys leave full pages behind; at the edge of an inner page an
//! eighth goes with it, which serves runs of ascending keys in the middle of the tree and cannot degenerate; and where two runs of
//! keys meet in one page it is cut between them.

use super::path::{Path, Step, add_entries, large_at, own_path};
use super::{Edit, MAX_HEIGHT, Root};
use crate::error::{Error, Result};
use crate::format::Position;
use crate::format::ids::{MAX_KEY_LEN, MAX_VALUE_LEN};
use crate::page::{Item, Page, PageBuf, separator};

/// A page grows beyond the nominal length while it holds fewer entries than this and must take one more (FORMAT 7.3).
const GROW_BELOW: usize = 4;

/// What an entry takes beside its key and value, at most: head, slot, child, count, and a large value's place.
const ENTRY_OVERHEAD: usize = 4 + 8 + 8 + 8 + 16;

/// Maps `key` to `value`; true if the key was new. Values beyond a quarter of the page length go to a page of their own.
///
/// # Errors
/// `Invalid` if key or value is too long (nothing changed); `Corrupt`, `Io`, `Full` from the pages: the edit must be given up.
pub fn insert<E: Edit + ?Sized>(edit: &mut E, root: &mut Root, key: &[u8], value: &[u8]) -> Result<bool> {
    put(edit, root, key, value, true)
}

/// The same, but an entry that is there stays as it is. Then the result is false; pages on the way to it may have become own.
///
/// # Errors
/// As [`insert`].
pub fn insert_new<E: Edit + ?Sized>(edit: &mut E, root: &mut Root, key: &[u8], value: &[u8]) -> Result<bool> {
    put(edit, root, key, value, false)
}

fn put<E: Edit + ?Sized>(edit: &mut E, root: &mut Root, key: &[u8], value: &[u8], replaces: bool) -> Result<bool> {
    check_len(key, value)?;
    if root.height == 0 {
        let item = store_value(edit, key, value)?;
        let mut leaf = PageBuf::leaf(edit.page_len(), edit.table());
        put_entry(&mut leaf, 0, key, item)?;
        *root = Root { at: edit.add(leaf)?, len: 1, height: 1 };
        return Ok(true);
    }
    let (path, leaf) = own_path(edit, root, key)?;
    let page = edit.edit(leaf.at).page();
    let (i, old) = match page.search(key)? {
        Err(i) => (i, None),
        Ok(_) if !replaces => return Ok(false),
        Ok(i) => (i, Some(large_at(page, i)?)),
    };
    let item = store_value(edit, key, value)?;
    let page_len = edit.page_len();
    let mut split = None;
    let buf = edit.edit(leaf.at);
    if old.is_none() {
        split = place_entry(edit, leaf, i, key, item)?;
    } else if !(has_room(buf, page_len, entry_len(key, item)) && buf.replace(i, item)?) {
        // The longer value does not fit: the entry is taken out and placed as a new one would be.
        buf.remove(i)?;
        split = place_entry(edit, leaf, i, key, item)?;
    }
    if let Some(Some(large)) = old {
        edit.retire(large)?;
    }
    climb(edit, root, path, split, old.is_none())?;
    Ok(old.is_none())
}

/// Refuses what the format cannot hold.
pub(super) fn check_len(key: &[u8], value: &[u8]) -> Result<()> {
    if key.len() > MAX_KEY_LEN {
        return Err(Error::invalid(format!("a key of {} bytes: at most {MAX_KEY_LEN} are allowed", key.len())));
    }
    if value.len() > MAX_VALUE_LEN {
        return Err(Error::invalid(format!("a value of {} bytes: at most {MAX_VALUE_LEN} are allowed", value.len())));
    }
    Ok(())
}

/// `value` as a leaf stores it; a long one is put on a page of its own first.
pub(super) fn store_value<'v, E: Edit + ?Sized>(edit: &mut E, key: &[u8], value: &'v [u8]) -> Result<Item<'v>> {
    if value.len() <= edit.page_len() / 4 {
        return Ok(Item::Inline(value));
    }
    let page = PageBuf::large(edit.table(), key, value);
    Ok(Item::Large { at: edit.add(page)?, len: value.len() as u64 })
}

/// Bytes that an entry takes in a leaf, at most.
fn entry_len(key: &[u8], item: Item<'_>) -> usize {
    let value_len = match item {
        Item::Inline(value) => value.len(),
        Item::Large { .. } => 0,
    };
    ENTRY_OVERHEAD + key.len() + value_len
}

/// Whether a page may take `more` bytes. One that had to grow takes no more than four entries, so that it does not stay large.
#[inline]
fn has_room(buf: &PageBuf, page_len: usize, more: usize) -> bool {
    buf.bytes().len() <= page_len || buf.page().count() < GROW_BELOW || buf.used() + more <= page_len
}

/// Inserts the entry if the page has room, or must grow to hold it.
pub(super) fn take_entry(buf: &mut PageBuf, page_len: usize, i: usize, key: &[u8], item: Item<'_>) -> Result<bool> {
    if has_room(buf, page_len, entry_len(key, item)) && buf.insert(i, key, item)? {
        return Ok(true);
    }
    let must_grow = buf.page().count() < GROW_BELOW;
    if must_grow {
        put_entry(buf, i, key, item)?;
    }
    Ok(must_grow)
}

/// Inserts the child if the page has room, or must grow to hold it.
pub(super) fn take_child(
    buf: &mut PageBuf,
    page_len: usize,
    i: usize,
    separator: &[u8],
    child: Position,
    entries: u64,
) -> Result<bool> {
    if has_room(buf, page_len, ENTRY_OVERHEAD + separator.len()) && buf.insert_child(i, separator, child, entries)? {
        return Ok(true);
    }
    let must_grow = buf.page().count() < GROW_BELOW;
    if must_grow {
        put_child(buf, i, separator, child, entries)?;
    }
    Ok(must_grow)
}

/// Inserts the entry, growing the page as far as it takes.
pub(super) fn put_entry(buf: &mut PageBuf, i: usize, key: &[u8], item: Item<'_>) -> Result<()> {
    growing(buf, entry_len(key, item), |buf| buf.insert(i, key, item))
}

/// Inserts the child, growing the page as far as it takes.
pub(super) fn put_child(buf: &mut PageBuf, i: usize, separator: &[u8], child: Position, entries: u64) -> Result<()> {
    growing(buf, ENTRY_OVERHEAD + separator.len(), |buf| buf.insert_child(i, separator, child, entries))
}

/// Repeats `put` on an ever longer page until it fits. Few entries, or entries that share a prefix of theirs with the new one:
/// the page stays within some times the longest key.
fn growing(buf: &mut PageBuf, more: usize, mut put: impl FnMut(&mut PageBuf) -> Result<bool>) -> Result<()> {
    let mut more = more + 64;
    while !put(buf)? {
        let len = (buf.bytes().len() + more).next_multiple_of(64);
        if len >= 1 << 24 {
            return Err(Error::corrupt(buf.page().position(), "a page that must take one more entry grew beyond 2^24 bytes"));
        }
        buf.grow(len);
        more *= 2;
    }
    Ok(())
}

/// A page that became two; the parent must learn of it.
struct Split {
    left: Position,
    left_entries: u64,
    /// Not above any key on the right, above every key on the left.
    separator: Vec<u8>,
    right: Position,
    right_entries: u64,
}

/// Where a full page is cut to take one more entry.
enum Cut {
    /// The new entry alone goes to a page on the left.
    Before,
    /// Entries from this index on go to a page on the right.
    At(usize),
    /// The new entry alone goes to a page on the right.
    After,
}

/// Puts a new entry at index `i` of an own leaf, splitting it if it is full.
fn place_entry<E: Edit + ?Sized>(edit: &mut E, leaf: Step, i: usize, key: &[u8], item: Item<'_>) -> Result<Option<Split>> {
    let (page_len, table) = (edit.page_len(), edit.table());
    let buf = edit.edit(leaf.at);
    if take_entry(buf, page_len, i, key, item)? {
        return Ok(None);
    }
    let count = buf.page().count();
    let alone = || -> Result<PageBuf> {
        let mut page = PageBuf::leaf(page_len, table);
        put_entry(&mut page, 0, key, item)?;
        Ok(page)
    };
    match cut_leaf(buf, leaf, i, key, page_len)? {
        Cut::Before => {
            let separator = separator(key, &buf.page().key(0)?).to_vec();
            let left = edit.add(alone()?)?;
            Ok(Some(Split { left, left_entries: 1, separator, right: leaf.at, right_entries: count as u64 }))
        }
        Cut::After => {
            let separator = separator(&buf.page().key(count - 1)?, key).to_vec();
            let right = edit.add(alone()?)?;
            Ok(Some(Split { left: leaf.at, left_entries: count as u64, separator, right, right_entries: 1 }))
        }
        Cut::At(at) => {
            let (mut right, separator) = buf.split_off(at)?;
            if key < separator.as_slice() {
                put_entry(buf, i, key, item)?;
            } else {
                put_entry(&mut right, i - at, key, item)?;
            }
            let (left_entries, right_entries) = (buf.page().count() as u64, right.page().count() as u64);
            let right = edit.add(right)?;
            Ok(Some(Split { left: leaf.at, left_entries, separator, right, right_entries }))
        }
    }
}

fn cut_leaf(buf: &PageBuf, leaf: Step, i: usize, key: &[u8], page_len: usize) -> Result<Cut> {
    let page = buf.page();
    let count = page.count();
    let alone = match i {
        0 => leaf.first || breaks_prefix(page, 0, key, page_len)?,
        _ if i == count => leaf.last || breaks_prefix(page, 0, key, page_len)?,
        _ => false,
    };
    if alone {
        return Ok(if i == 0 { Cut::Before } else { Cut::After });
    }
    Ok(Cut::At(match i {
        0 => (count / 8).max(1),
        _ if i == count => count - (count / 8).max(1),
        _ if ends_run(page, i, key)? => i,
        _ => buf.split_point()?,
    }))
}

/// Whether `key` goes to the end of a run of keys that share a prefix, or to its beginning, where another run stands beside it in
/// the page: ascending keys below one parent, say. Cut between the runs, the page that goes on growing fills up; cut in the
/// middle, each page of the run would stay half full. To share three bytes more with one side than with the other is rare among
/// random keys (measured: with one byte instead of three they needed 4% more pages).
fn ends_run(page: Page<'_>, i: usize, key: &[u8]) -> Result<bool> {
    let coarsest = common_len(&page.key(0)?, &page.key(page.count() - 1)?);
    let (before, behind) = (common_len(&page.key(i - 1)?, key), common_len(key, &page.key(i)?));
    Ok(before.abs_diff(behind) >= 3 && before.min(behind) == coarsest)
}

/// Whether `key`, at an edge of the page, would cost it so much of the prefix that its keys have in common from entry `from` on
/// that the two had better stand apart: a prefix may be as long as a key, and be saved by hundreds of entries.
fn breaks_prefix(page: Page<'_>, from: usize, key: &[u8], page_len: usize) -> Result<bool> {
    let count = page.count();
    let (first, last) = (page.key(from)?, page.key(count - 1)?);
    let now = common_len(&first, &last);
    let then = common_len(&first, key).min(now);
    Ok((now - then) * (count - from) > page_len / 4)
}

/// Takes the split of child `step.index` into the branch at `step.at`, splitting that one too if it is full.
fn place_child<E: Edit + ?Sized>(edit: &mut E, step: Step, split: Split) -> Result<Option<Split>> {
    let (page_len, table) = (edit.page_len(), edit.table());
    let Split { left, left_entries, separator, right, right_entries } = split;
    let buf = edit.edit(step.at);
    let level = buf.page().level();
    let i = step.index() + 1;
    buf.set_child(i - 1, left);
    buf.set_entries(i - 1, left_entries);
    if take_child(buf, page_len, i, &separator, right, right_entries)? {
        return Ok(None);
    }
    let alone = |child, entries| -> Result<PageBuf> {
        let mut page = PageBuf::branch(page_len, table, level);
        put_child(&mut page, 0, &[], child, entries)?;
        Ok(page)
    };
    match cut_branch(buf, step, &separator, page_len)? {
        Cut::Before => {
            buf.set_child(0, right);
            buf.set_entries(0, right_entries);
            let below = buf.page().total_entries()?;
            let new = edit.add(alone(left, left_entries)?)?;
            Ok(Some(Split { left: new, left_entries, separator, right: step.at, right_entries: below }))
        }
        Cut::After => {
            let below = buf.page().total_entries()?;
            let new = edit.add(alone(right, right_entries)?)?;
            Ok(Some(Split { left: step.at, left_entries: below, separator, right: new, right_entries }))
        }
        Cut::At(at) => {
            let (mut other, between) = buf.split_off(at)?;
            if i <= at {
                put_child(buf, i, &separator, right, right_entries)?;
            } else {
                put_child(&mut other, i - at, &separator, right, right_entries)?;
            }
            let (here, there) = (buf.page().total_entries()?, other.page().total_entries()?);
            let other = edit.add(other)?;
            Ok(Some(Split { left: step.at, left_entries: here, separator: between, right: other, right_entries: there }))
        }
    }
}

/// The new child is to stand at `step.index + 1`, so never at index 0; separator 0 is the empty key and shares no prefix.
fn cut_branch(buf: &PageBuf, step: Step, separator: &[u8], page_len: usize) -> Result<Cut> {
    let page = buf.page();
    let (i, count) = (step.index() + 1, page.count());
    if i == count && (step.last || breaks_prefix(page, 1, separator, page_len)?) {
        return Ok(Cut::After);
    }
    if i == 1 && step.first {
        return Ok(Cut::Before);
    }
    Ok(Cut::At(match i {
        1 if breaks_prefix(page, 1, separator, page_len)? => 1,
        1 => (count / 8).max(1),
        _ if i == count => count - (count / 8).max(1),
        _ => buf.split_point()?,
    }))
}

/// Goes back up to the root: places the split, or else counts the new entry.
fn climb<E: Edit + ?Sized>(edit: &mut E, root: &mut Root, mut path: Path, mut split: Option<Split>, new: bool) -> Result<()> {
    if !new && split.is_none() {
        return Ok(());
    }
    if new {
        root.len = add_entries(root.at, root.len, 1)?;
    }
    while let Some(step) = path.pop() {
        match split.take() {
            Some(below) => split = place_child(edit, step, below)?,
            None if new => {
                let buf = edit.edit(step.at);
                let entries = buf.page().entries(step.index())?;
                buf.set_entries(step.index(), add_entries(step.at, entries, 1)?);
            }
            None => return Ok(()),
        }
    }
    match split {
        Some(split) => raise_root(edit, root, split),
        None => Ok(()),
    }
}

/// The root became two pages: a new root stands above them.
fn raise_root<E: Edit + ?Sized>(edit: &mut E, root: &mut Root, split: Split) -> Result<()> {
    if root.height >= MAX_HEIGHT {
        return Err(Error::corrupt(root.at, format_args!("a tree cannot be higher than {MAX_HEIGHT} pages")));
    }
    let mut page = PageBuf::branch(edit.page_len(), edit.table(), root.height as u8);
    put_child(&mut page, 0, &[], split.left, split.left_entries)?;
    put_child(&mut page, 1, &split.separator, split.right, split.right_entries)?;
    root.at = edit.add(page)?;
    root.height += 1;
    Ok(())
}

fn common_len(a: &[u8], b: &[u8]) -> usize {
    a.iter().zip(b).take_while(|(a, b)| a == b).count()
}
