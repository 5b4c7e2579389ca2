//! Checking a whole tree against the invariants of this room.

use std::collections::HashSet;

use super::path::{add_entries, page_on, resolve, top_level};
use super::{Pages, Root};
use crate::error::{Error, Result};
use crate::format::{Position, TableId};
use crate::page::{Item, Key, Page};

/// Checks the tree: keys ascend across pages and lie between the separators above them, entry counts, levels, height and length
/// are exact, no page is empty or reached twice, every page is of `table`, large values have the length and key of their entries.
/// `seen` gets each page once, parents first. Cost O(entries); memory: a set of all positions.
///
/// # Errors
/// `Corrupt`: names the first page that breaks an invariant, expected and found. What [`Pages::page`] gives.
pub fn check(pages: &dyn Pages, root: &Root, table: TableId, seen: &mut dyn FnMut(Position, Page<'_>)) -> Result<()> {
    if root.height == 0 {
        let empty = root.at.is_none() && root.len == 0;
        return if empty { Ok(()) } else { Err(Error::corrupt(root.at, "a tree without pages has a root or entries")) };
    }
    let mut checker = Checker { table, seen, visited: HashSet::new() };
    let found = checker.subtree(pages, root.at, top_level(root)?, Span { low: None, high: None })?;
    if root.height > 1 && pages.page(root.at)?.count() < 2 {
        return Err(Error::corrupt(root.at, "a root branch with a single child"));
    }
    expect_entries(root.at, root.len, found)
}

/// The keys that a page may hold: `low` <= key < `high`.
#[derive(Clone, Copy)]
struct Span<'k> {
    low: Option<&'k [u8]>,
    high: Option<&'k [u8]>,
}

impl Span<'_> {
    fn holds(&self, key: &[u8]) -> bool {
        self.low.is_none_or(|low| low <= key) && self.high.is_none_or(|high| key < high)
    }
}

struct Checker<'c> {
    table: TableId,
    seen: &'c mut dyn FnMut(Position, Page<'_>),
    visited: HashSet<Position>,
}

impl Checker<'_> {
    /// Checks the page at `at` and what is below it; gives the number of entries. Recursion ends at level 0, and no page is
    /// visited twice.
    fn subtree(&mut self, pages: &dyn Pages, at: Position, level: u32, span: Span<'_>) -> Result<u64> {
        self.visit(at)?;
        let apart = pages.apart();
        let page = page_on(apart.as_deref().unwrap_or(pages), at, level)?;
        self.report(at, page)?;
        if page.count() == 0 {
            return Err(Error::corrupt(at, "an empty page"));
        }
        if level == 0 { self.leaf(pages, at, page, span) } else { self.branch(pages, at, page, level, span) }
    }

    fn leaf(&mut self, pages: &dyn Pages, at: Position, page: Page<'_>, span: Span<'_>) -> Result<u64> {
        let mut before: Option<Key> = None;
        for i in 0..page.count() {
            let key = page.key(i)?;
            expect_order(at, i, before.as_ref(), &key, &span)?;
            if let Item::Large { at, .. } = page.item(i)? {
                self.visit(at)?;
                let apart = pages.apart();
                let pages = apart.as_deref().unwrap_or(pages);
                resolve(pages, page.item(i)?, &key)?;
                self.report(at, pages.page(at)?)?;
            }
            before = Some(key);
        }
        Ok(page.count() as u64)
    }

    fn branch(&mut self, pages: &dyn Pages, at: Position, page: Page<'_>, level: u32, span: Span<'_>) -> Result<u64> {
        let count = page.count();
        let (mut low, mut total) = (None::<Key>, 0);
        for i in 0..count {
            let high = if i + 1 < count { Some(page.key(i + 1)?) } else { None };
            if let Some(high) = &high {
                expect_order(at, i + 1, low.as_ref(), high, &span)?;
            }
            let below = Span { low: low.as_deref().or(span.low), high: high.as_deref().or(span.high) };
            let child = page.child(i)?;
            let found = self.subtree(pages, child, level - 1, below)?;
            expect_entries(child, page.entries(i)?, found)?;
            total = add_entries(at, total, found)?;
            low = high;
        }
        Ok(total)
    }

    fn visit(&mut self, at: Position) -> Result<()> {
        if self.visited.insert(at) { Ok(()) } else { Err(Error::corrupt(at, "reached twice in one tree")) }
    }

    fn report(&mut self, at: Position, page: Page<'_>) -> Result<()> {
        if page.table() != self.table {
            return Err(Error::corrupt(
                at,
                format_args!("expected a page of table {}, found table {}", self.table, page.table()),
            ));
        }
        (self.seen)(at, page);
        Ok(())
    }
}

fn expect_order(at: Position, i: usize, before: Option<&Key>, key: &Key, span: &Span<'_>) -> Result<()> {
    if before.is_some_and(|before| before >= key) {
        return Err(Error::corrupt(at, format_args!("key {i} does not ascend: {key:?}")));
    }
    if !span.holds(key) {
        return Err(Error::corrupt(at, format_args!("key {i} lies outside the separators above it: {key:?}")));
    }
    Ok(())
}

fn expect_entries(at: Position, expected: u64, found: u64) -> Result<()> {
    if expected == found {
        return Ok(());
    }
    Err(Error::corrupt(at, format_args!("expected {expected} entries below it, found {found}")))
}
