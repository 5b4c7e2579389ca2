//! The way down: checked steps from a page to its child, and the path that an edit climbs back up.
//!
//! What comes from a page is believed only after its kind and level were compared with what the parent promised, so every way
//! down ends after `height` steps whatever the pages say.

use super::{Edit, MAX_HEIGHT, Pages, Root};
use crate::error::{Error, Result};
use crate::format::Position;
use crate::page::{Item, Kind, Page};

/// The level of the root's page. The tree is not empty.
#[inline]
pub(super) fn top_level(root: &Root) -> Result<u32> {
    if root.height == 0 || root.height > MAX_HEIGHT {
        return Err(Error::corrupt(root.at, format_args!("height {} of a tree is not in 1..={MAX_HEIGHT}", root.height)));
    }
    Ok(root.height - 1)
}

/// The page at `at`, which must be a leaf (level 0) or a branch on `level`.
#[inline]
pub(super) fn page_on<P: Pages + ?Sized>(pages: &P, at: Position, level: u32) -> Result<Page<'_>> {
    let page = pages.page(at)?;
    expect_level(page, at, level)?;
    Ok(page)
}

/// The leaf at `at`.
///
/// # Errors
/// `Corrupt` if it is damaged, or no leaf; what [`Pages::page`] gives.
pub fn leaf(pages: &dyn Pages, at: Position) -> Result<Page<'_>> {
    page_on(pages, at, 0)
}

/// Refuses a page whose kind or level is not what its parent promised.
#[inline]
pub(super) fn expect_level(page: Page<'_>, at: Position, level: u32) -> Result<()> {
    let fits = match page.kind() {
        Kind::Leaf => level == 0,
        Kind::Branch => level > 0,
        Kind::Large => false,
    };
    if fits && u32::from(page.level()) == level {
        return Ok(());
    }
    Err(wrong_level(page, at, level))
}

#[cold]
fn wrong_level(page: Page<'_>, at: Position, level: u32) -> Error {
    let kind = match page.kind() {
        Kind::Leaf => "leaf",
        Kind::Branch => "branch",
        Kind::Large => "large value",
    };
    Error::corrupt(at, format_args!("expected a page on level {level}, found a {kind} on level {}", page.level()))
}

/// The bytes of a stored value; `key` is the entry's, which a large page must bear.
#[inline]
pub(super) fn resolve<'a, P: Pages + ?Sized>(pages: &'a P, item: Item<'a>, key: &[u8]) -> Result<&'a [u8]> {
    match item {
        Item::Inline(value) => Ok(value),
        Item::Large { at, len } => large_value(pages, at, len, key),
    }
}

/// The value on the large page at `at`, which must have `len` bytes and bear `key`.
pub(super) fn large_value<'a, P: Pages + ?Sized>(pages: &'a P, at: Position, len: u64, key: &[u8]) -> Result<&'a [u8]> {
    let page = pages.page(at)?;
    if !matches!(page.kind(), Kind::Large) {
        return Err(Error::corrupt(at, "expected a large value, found another kind of page"));
    }
    let value = page.large_value()?;
    if value.len() as u64 != len {
        return Err(Error::corrupt(at, format_args!("expected a value of {len} bytes, found {}", value.len())));
    }
    if page.large_key()? != key {
        return Err(Error::corrupt(at, "large value bears another key than the entry that names it"));
    }
    Ok(value)
}

/// Always true: the keys of `right`, the leaf at `at`, stand behind those of `left`, the leaf before it. A forged branch may name one page many
/// times, on every level anew: held against its neighbour a leaf is passed once, so that every way along the leaves ends.
#[inline]
pub(super) fn ascends(left: Page<'_>, at: Position, right: Page<'_>) -> Result<bool> {
    if left.count() == 0 || right.count() == 0 {
        return Err(Error::corrupt(at, "it, or the leaf before it, is empty"));
    }
    if left.compare(left.count() - 1, &right.key(0)?)?.is_lt() {
        return Ok(true);
    }
    Err(Error::corrupt(at, "its keys do not stand behind those of the leaf before it"))
}

/// The large page that entry `i` of a leaf names, if it names one.
pub(super) fn large_at(leaf: Page<'_>, i: usize) -> Result<Option<Position>> {
    Ok(match leaf.item(i)? {
        Item::Inline(_) => None,
        Item::Large { at, .. } => Some(at),
    })
}

/// `a + b` entries; a sum past u64 can only be damage.
#[inline]
pub(super) fn add_entries(at: Position, a: u64, b: u64) -> Result<u64> {
    a.checked_add(b).ok_or_else(|| Error::corrupt(at, "entry counts add up to more than 2^64"))
}

/// `a - b` entries; less than none can only be damage.
#[inline]
pub(super) fn sub_entries(at: Position, a: u64, b: u64) -> Result<u64> {
    a.checked_sub(b).ok_or_else(|| Error::corrupt(at, format_args!("entry count {a} is less than the {b} entries removed")))
}

/// One page on the way down.
#[derive(Clone, Copy, Default)]
pub(super) struct Step {
    /// The page, own.
    pub(super) at: Position,
    /// The child that was taken (branches), or 0.
    pub(super) index: u32,
    /// Nothing of the tree stands to the left of this page on its level.
    pub(super) first: bool,
    /// Nothing of the tree stands to the right of this page on its level.
    pub(super) last: bool,
}

impl Step {
    pub(super) fn index(&self) -> usize {
        self.index as usize
    }
}

/// The branches above a leaf, top first. The first 8 need no allocation: 50^8 leaves.
#[derive(Default)]
pub(super) struct Path {
    near: [Step; 8],
    far: Vec<Step>,
    len: usize,
}

impl Path {
    #[inline]
    pub(super) fn push(&mut self, step: Step) {
        match self.near.get_mut(self.len) {
            Some(slot) => *slot = step,
            None => self.far.push(step),
        }
        self.len += 1;
    }

    /// The steps, top first.
    #[inline]
    fn steps(&self) -> impl Iterator<Item = Step> + '_ {
        self.near.iter().take(self.len).chain(&self.far).copied()
    }

    #[inline]
    pub(super) fn pop(&mut self) -> Option<Step> {
        self.len = self.len.checked_sub(1)?;
        match self.near.get(self.len) {
            Some(step) => Some(*step),
            None => self.far.pop(),
        }
    }
}

/// The branches on the way to the leaf that would hold `key`, and that leaf: no page is made own, and no end of the tree is looked for. The tree is not empty.
pub(super) fn find_path<P: Pages + ?Sized>(pages: &P, root: &Root, key: &[u8]) -> Result<(Path, Position)> {
    let (mut path, mut at) = (Path::default(), root.at);
    for level in (1..=top_level(root)?).rev() {
        let page = page_on(pages, at, level)?;
        let index = page.child_for(key)?;
        path.push(Step { at, index: index as u32, first: false, last: false });
        at = page.child(index)?;
    }
    Ok((path, at))
}

/// Makes the pages of a path that was found own, as [`own_path`] does, and gives the path of what became of them. An own copy has its children where they were.
pub(super) fn own_found<E: Edit + ?Sized>(edit: &mut E, root: &mut Root, found: &Path, leaf: Position) -> Result<(Path, Position)> {
    root.at = edit.own(root.at)?;
    let (mut path, mut at) = (Path::default(), root.at);
    let below = found.steps().skip(1).map(|step| step.at).chain([leaf]);
    for (step, child) in found.steps().zip(below) {
        let own = edit.own(child)?;
        if own != child {
            edit.edit(at).set_child(step.index(), own);
        }
        path.push(Step { at, ..step });
        at = own;
    }
    Ok((path, at))
}

/// Makes every page from the root to the leaf that holds `key` this savepoint's own and gives the branches passed and the leaf.
/// The tree is not empty. Each page is owned before its child, and named in its parent at once: the tree is whole at every step.
pub(super) fn own_path<E: Edit + ?Sized>(edit: &mut E, root: &mut Root, key: &[u8]) -> Result<(Path, Step)> {
    own_path_to(edit, root, key, 0)
}

/// The same down to the page on level `end`, which is not above the root's.
pub(super) fn own_path_to<E: Edit + ?Sized>(edit: &mut E, root: &mut Root, key: &[u8], end: u32) -> Result<(Path, Step)> {
    let top = top_level(root)?;
    let mut path = Path::default();
    root.at = edit.own(root.at)?;
    let mut step = Step { at: root.at, index: 0, first: true, last: true };
    for level in (end + 1..=top).rev() {
        let page = edit.edit(step.at).page();
        expect_level(page, step.at, level)?;
        let index = page.child_for(key)?;
        let child = page.child(index)?;
        let (first, last) = (step.first && index == 0, step.last && index + 1 == page.count());
        let own = edit.own(child)?;
        if own != child {
            edit.edit(step.at).set_child(index, own);
        }
        step.index = index as u32;
        path.push(step);
        step = Step { at: own, index: 0, first, last };
    }
    expect_level(edit.edit(step.at).page(), step.at, end)?;
    Ok((path, step))
}
