//! Bottom-up load of sorted entries: every page is filled and added once.

use super::insert::{check_len, put_child, put_entry, store_value, take_child, take_entry};
use super::{Edit, MAX_HEIGHT, Root};
use crate::error::{Error, Result};
use crate::format::{Position, TableId};
use crate::page::{PageBuf, separator};

/// Builds a tree from strictly ascending entries. Memory: one page a level.
///
/// A builder that is dropped unfinished leaves the pages that it added: the edit must be given up.
pub struct Builder {
    page_len: usize,
    table: TableId,
    leaf: PageBuf,
    /// The separator between the leaf and the one before it.
    separator: Vec<u8>,
    /// The newest key; meaningless while `len` is 0.
    last: Vec<u8>,
    len: u64,
    /// The open branch on level 1, 2, ...
    levels: Vec<OpenBranch>,
}

impl Builder {
    /// A builder of pages of `page_len` bytes for `table`.
    #[must_use]
    pub fn new(page_len: usize, table: TableId) -> Self {
        let leaf = PageBuf::leaf(page_len, table);
        Builder { page_len, table, leaf, separator: Vec::new(), last: Vec::new(), len: 0, levels: Vec::new() }
    }

    /// Appends an entry.
    ///
    /// # Errors
    /// `Invalid` if `key` is not above the one before it, or key or value is too long (nothing was appended); `Full` from the
    /// pages: the load must be given up.
    pub fn push<E: Edit + ?Sized>(&mut self, edit: &mut E, key: &[u8], value: &[u8]) -> Result<()> {
        check_len(key, value)?;
        if self.len > 0 && self.last.as_slice() >= key {
            let key = key.get(..64).unwrap_or(key).escape_ascii();
            return Err(Error::invalid(format!(
                "entries of a bulk load must ascend, and \"{key}\" is not above the key before it"
            )));
        }
        let item = store_value(edit, key, value)?;
        let count = self.leaf.page().count();
        if !take_entry(&mut self.leaf, self.page_len, count, key, item)? {
            let separator = separator(&self.last, key).to_vec();
            self.close_leaf(edit)?;
            self.separator = separator;
            put_entry(&mut self.leaf, 0, key, item)?;
        }
        self.last.clear();
        self.last.extend_from_slice(key);
        self.len += 1;
        Ok(())
    }

    /// Adds the open leaf, names it on level 1 and opens another.
    fn close_leaf<E: Edit + ?Sized>(&mut self, edit: &mut E) -> Result<()> {
        let leaf = std::mem::replace(&mut self.leaf, PageBuf::leaf(self.page_len, self.table));
        let mut child = Child::of_leaf(edit, std::mem::take(&mut self.separator), leaf)?;
        // Where a branch is full it is finished too and named one level up.
        for level in 1.. {
            let Some(open) = self.levels.get_mut(level - 1) else {
                let open = OpenBranch::new(self.page_len, self.table, level, child)?;
                self.levels.push(open);
                break;
            };
            if open.take(self.page_len, &child)? {
                break;
            }
            let next = OpenBranch::new(self.page_len, self.table, level, child)?;
            child = std::mem::replace(open, next).close(edit)?;
        }
        Ok(())
    }

    /// Adds the pages that are still open and gives the tree's root.
    ///
    /// # Errors
    /// `Full` from the pages: the load must be given up.
    pub fn finish<E: Edit + ?Sized>(self, edit: &mut E) -> Result<Root> {
        if self.len == 0 {
            return Ok(Root::default());
        }
        let (page_len, table) = (self.page_len, self.table);
        // From the bottom up, what is finished below goes to the open branch, which is finished then: one page a level, or two
        // where the branch was full.
        let mut below = vec![Child::of_leaf(edit, self.separator, self.leaf)?];
        let mut level = 0;
        for mut open in self.levels {
            level += 1;
            let mut closed = Vec::new();
            for child in below {
                if !open.take(page_len, &child)? {
                    let next = OpenBranch::new(page_len, table, level, child)?;
                    closed.push(std::mem::replace(&mut open, next).close(edit)?);
                }
            }
            closed.push(open.close(edit)?);
            below = closed;
        }
        let mut below = below.into_iter();
        let Some(mut top) = below.next() else { return Ok(Root::default()) };
        if let Some(second) = below.next() {
            level += 1;
            let mut root = OpenBranch::new(page_len, table, level, top)?;
            // A branch of fewer than four children takes another whatever its length.
            let fits = root.take(page_len, &second)?;
            assert!(fits && below.next().is_none(), "a level of a bulk load ends with two pages at most");
            top = root.close(edit)?;
        }
        Ok(Root { at: top.at, len: self.len, height: level as u32 + 1 })
    }
}

/// A finished page that its parent is to name.
struct Child {
    /// The separator between this page and the one before it.
    separator: Vec<u8>,
    at: Position,
    entries: u64,
}

impl Child {
    fn of_leaf<E: Edit + ?Sized>(edit: &mut E, separator: Vec<u8>, leaf: PageBuf) -> Result<Child> {
        let entries = leaf.page().count() as u64;
        Ok(Child { separator, at: edit.add(leaf)?, entries })
    }
}

/// A branch that is being filled; it has a child.
struct OpenBranch {
    page: PageBuf,
    /// The separator between this branch and the one before it.
    separator: Vec<u8>,
    entries: u64,
}

impl OpenBranch {
    fn new(page_len: usize, table: TableId, level: usize, first: Child) -> Result<OpenBranch> {
        // Every page but the last of a level has four children or more, so 2^64 entries need no more than 32 levels.
        assert!(level < MAX_HEIGHT as usize, "a bulk load built more than {MAX_HEIGHT} levels");
        let mut page = PageBuf::branch(page_len, table, level as u8);
        put_child(&mut page, 0, &[], first.at, first.entries)?;
        Ok(OpenBranch { page, separator: first.separator, entries: first.entries })
    }

    /// Names `child` behind the others if there is room.
    fn take(&mut self, page_len: usize, child: &Child) -> Result<bool> {
        let count = self.page.page().count();
        let taken = take_child(&mut self.page, page_len, count, &child.separator, child.at, child.entries)?;
        if taken {
            self.entries += child.entries;
        }
        Ok(taken)
    }

    fn close<E: Edit + ?Sized>(self, edit: &mut E) -> Result<Child> {
        Ok(Child { separator: self.separator, at: edit.add(self.page)?, entries: self.entries })
    }
}
