//! Conditional transactions: the work looks at a snapshot first, and takes the writer's turn only if there is something to change.
//!
//! A scheduler's updates are mostly no-ops, and the check for that costs more than the rare change. So the work runs beside the writers and says what it would change. If
//! that is nothing, no turn was taken. Otherwise the turn is taken, and everything that the work read is read again: if it is the same, the changes
//! stand; if not, the work runs once more, now with the turn. Either way the outcome is that of the work done alone at the commit's version (serialisable).
//!
//! What was read is compared table by table first: an unchanged root is an unchanged table.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::Arc;
use std::time::Duration;

use crate::error::{Error, ErrorKind, Result};
use crate::page::Key;
use crate::planted::{Bug, planted};
use crate::store::options::Durability;
use crate::store::read::Lender;
use crate::tree;
use crate::version::root::{Root, Tree};

use super::{Store, WriteTxn};

/// What the work of a conditional transaction sees and says: it reads a version, and notes what to change.
pub struct Proposal<'v> {
    root: &'v Root,
    lender: &'v Lender<'v>,
    reads: RefCell<Vec<Read>>,
    changes: BTreeMap<String, BTreeMap<Vec<u8>, Option<Vec<u8>>>>,
}

/// What became of a conditional transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Outcome<T> {
    /// What the work gave.
    pub value: T,
    /// The version that its changes made; none if there was nothing to change.
    pub version: Option<u64>,
    /// Whether the work ran a second time, because what it had read had changed.
    pub repeated: bool,
}

enum Read {
    Key { table: String, key: Vec<u8> },
    Range { table: String, start: Bound<Vec<u8>>, end: Bound<Vec<u8>> },
}

impl<'v> Proposal<'v> {
    fn new(root: &'v Root, lender: &'v Lender<'v>) -> Proposal<'v> {
        Proposal { root, lender, reads: RefCell::default(), changes: BTreeMap::new() }
    }

    /// The version that is read.
    #[must_use]
    pub fn version(&self) -> u64 {
        self.root.version.0
    }

    fn tree(&self, table: &str) -> Result<Tree> {
        let found = self.root.table(table).map(|(_, tree)| tree);
        found.ok_or_else(|| {
            Error::new(ErrorKind::NotFound, format!("there is no table \"{table}\" in version {}", self.root.version))
        })
    }

    /// The value of `key`: the proposed one, if one was proposed.
    ///
    /// # Errors
    /// `NotFound` table, `Corrupt`.
    pub fn get(&self, table: &str, key: &[u8]) -> Result<Option<&[u8]>> {
        if let Some(proposed) = self.changes.get(table).and_then(|changes| changes.get(key)) {
            return Ok(proposed.as_deref());
        }
        self.base_value(table, key)
    }

    /// The value of `key` in the version that is read. That there is no such table counts as read too.
    fn base_value(&self, table: &str, key: &[u8]) -> Result<Option<&'v [u8]>> {
        self.reads.borrow_mut().push(Read::Key { table: table.into(), key: key.into() });
        tree::get(self.lender, &self.tree(table)?, key)
    }

    /// Proposes the value of `key`, none to remove it. What would change nothing is no proposal.
    fn propose(&mut self, table: &str, key: &[u8], value: Option<&[u8]>) -> Result<()> {
        if self.base_value(table, key)? != value {
            self.changes.entry(table.into()).or_default().insert(key.into(), value.map(<[u8]>::to_vec));
            return Ok(());
        }
        if let Some(changes) = self.changes.get_mut(table) {
            changes.remove(key);
            if changes.is_empty() {
                self.changes.remove(table);
            }
        }
        Ok(())
    }

    /// Calls `each` for the entries within the bounds, ascending, as they are in the version that is read: without what was proposed. The whole range counts as read.
    ///
    /// # Errors
    /// `NotFound` table, `Corrupt`; the first error of `each`.
    pub fn scan(
        &self,
        table: &str,
        (start, end): (Bound<&[u8]>, Bound<&[u8]>),
        mut each: impl FnMut(&Key, &[u8]) -> Result<()>,
    ) -> Result<()> {
        let (from, to) = (start.map(<[u8]>::to_vec), end.map(<[u8]>::to_vec));
        self.reads.borrow_mut().push(Read::Range { table: table.into(), start: from, end: to });
        let tree = self.tree(table)?;
        let mut range = tree::range(self.lender, tree, start, end)?;
        while let Some((key, value)) = range.next()? {
            each(&key, value)?;
        }
        Ok(())
    }

    /// Proposes an entry. If it is there already with this value, there is nothing to change.
    ///
    /// # Errors
    /// `NotFound` table, `Corrupt`.
    pub fn insert(&mut self, table: &str, key: &[u8], value: &[u8]) -> Result<()> {
        self.propose(table, key, Some(value))
    }

    /// Proposes to remove an entry. If it is not there, there is nothing to change.
    ///
    /// # Errors
    /// `NotFound` table, `Corrupt`.
    pub fn remove(&mut self, table: &str, key: &[u8]) -> Result<()> {
        self.propose(table, key, None)
    }

    /// Whether a newer version reads the same wherever this one was read.
    fn reads_the_same(&self, newer: &Root) -> Result<bool> {
        if planted(Bug::UncomparedReads) {
            return Ok(true);
        }
        for read in self.reads.borrow().iter() {
            let same = match read {
                Read::Key { table, key } => self.compare(newer, table, |lender, old, new| {
                    Ok(tree::get(lender, &old, key)? == tree::get(lender, &new, key)?)
                })?,
                Read::Range { table, start, end } => self.compare(newer, table, |lender, old, new| {
                    let bounds = (start.as_ref().map(Vec::as_slice), end.as_ref().map(Vec::as_slice));
                    let mut old = tree::range(lender, old, bounds.0, bounds.1)?;
                    let mut new = tree::range(lender, new, bounds.0, bounds.1)?;
                    loop {
                        match (old.next()?, new.next()?) {
                            (None, None) => return Ok(true),
                            (a, b) if a == b => {}
                            _ => return Ok(false),
                        }
                    }
                })?,
            };
            if !same {
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn compare(&self, newer: &Root, table: &str, differ: impl FnOnce(&Lender<'_>, Tree, Tree) -> Result<bool>) -> Result<bool> {
        // A table that was dropped and made anew under the same name has another id, and another root.
        match (self.root.table(table), newer.table(table)) {
            (Some((_, old)), Some((_, new))) if old == new => Ok(true),
            (Some((_, old)), Some((_, new))) => differ(self.lender, old, new),
            (None, None) => Ok(true),
            _ => Ok(false),
        }
    }

    fn apply(self, txn: &WriteTxn) -> Result<()> {
        for (name, changes) in self.changes {
            let mut table = txn.open_table(&name)?;
            for (key, value) in changes {
                match value {
                    Some(value) => table.insert(&key, &value)?,
                    None => drop(table.remove(&key)?),
                }
            }
        }
        Ok(())
    }
}

impl Store {
    /// Runs `work` on the newest version without the writer's turn; takes the turn only if it proposes a change, and runs it again only if what it read has changed by then. It may thus
    /// be called twice: what it does beside proposing must bear that. The second time it may read what is not published yet; what comes of that, a value or an error, is given back only
    /// when it is.
    ///
    /// # Errors
    /// Those of `work`, of [`Store::begin_write`] and of [`WriteTxn::commit`].
    pub fn conditional<T>(&self, durability: Durability, work: impl FnMut(&mut Proposal<'_>) -> Result<T>) -> Result<Outcome<T>> {
        self.propose_and_commit(durability, work, || self.begin_write())
    }

    /// The same, waiting for the turn at most `time`, if it is needed.
    ///
    /// # Errors
    /// As [`Store::conditional`]; `TimedOut` if the turn did not come: nothing was changed.
    pub fn conditional_within<T>(
        &self,
        time: Duration,
        durability: Durability,
        work: impl FnMut(&mut Proposal<'_>) -> Result<T>,
    ) -> Result<Outcome<T>> {
        self.propose_and_commit(durability, work, || self.begin_write_within(time))
    }

    fn propose_and_commit<T>(
        &self,
        durability: Durability,
        mut work: impl FnMut(&mut Proposal<'_>) -> Result<T>,
        begin: impl FnOnce() -> Result<WriteTxn>,
    ) -> Result<Outcome<T>> {
        let snapshot = self.snapshot();
        let lender = Lender::new(self.machine());
        let mut proposal = Proposal::new(snapshot.held().root(), &lender);
        let value = work(&mut proposal)?;
        if proposal.changes.is_empty() {
            return Ok(Outcome { value, version: None, repeated: false });
        }
        let mut txn = begin()?;
        txn.set_durability(durability);
        let base = txn.base();
        if proposal.reads_the_same(&base)? {
            proposal.apply(&txn)?;
            return Ok(Outcome { value, version: txn.commit_changes()?, repeated: false });
        }
        drop(proposal);
        // With the turn the base cannot be overtaken: nothing that it reaches is replaced by anybody else.
        let lender = Lender::new(self.machine());
        let mut proposal = Proposal::new(&base, &lender);
        let worked = work(&mut proposal);
        if worked.is_ok() {
            proposal.apply(&txn)?;
        }
        // Also without changes, and before an error is told: what it read may be on its way to the medium still, and could fail (L2).
        let version = txn.commit_changes()?;
        Ok(Outcome { value: worked?, version, repeated: true })
    }
}

impl WriteTxn {
    /// The version that it builds on.
    fn base(&self) -> Arc<Root> {
        self.with(|draft| Arc::new(draft.base.clone()))
    }

    /// Commits; gives the version if one was made.
    fn commit_changes(self) -> Result<Option<u64>> {
        let base = self.with(|draft| draft.base.version.0);
        let version = self.commit()?;
        Ok(Some(version).filter(|version| *version > base))
    }
}
