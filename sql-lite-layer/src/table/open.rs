//! Open tables of a write transaction: each is opened at its first use and stays where it is until all are closed.
//!
//! ```text
//!   keys    │ t1 │ i2 │ t9 │ ...             searched from the front: a statement uses few tables
//!   blocks  [8 handles] [16 handles] ...     a block is allocated when it is needed, and never moves
//! ```
//!
//! 1. An engine table opens once at a time in a transaction: so nobody else opens one while these are open, and all are closed before the transaction takes a savepoint or ends.
//! 2. Handle n belongs to key n. It is opened through a shared reference, so that what was read before goes on to be lent.

use std::cell::{OnceCell, RefCell};

use treering::{TableMut, WriteTxn};

use super::entries::{Entries, Lend, Tables};
use super::stored::Stored;
use crate::error::{Error, ErrorKind, Result};

/// Handles of the first block; each further one has twice as many as the one before it.
const FIRST: usize = 8;
/// 8 x (2^14 - 1) handles are twice as many tables as a store can have.
const BLOCKS: usize = 14;

/// Handles are some hundred bytes: a block of places for them is small, and so quickly made and given back.
type Block<'t> = Box<[OnceCell<Box<TableMut<'t>>>]>;

/// The tables that a statement has opened.
pub(crate) struct Open<'t> {
    txn: &'t WriteTxn,
    keys: RefCell<Vec<Stored>>,
    blocks: [OnceCell<Block<'t>>; BLOCKS],
}

impl<'t> Open<'t> {
    pub(crate) fn new(txn: &'t WriteTxn) -> Open<'t> {
        Open { txn, keys: RefCell::default(), blocks: [const { OnceCell::new() }; BLOCKS] }
    }

    /// Everything as the transaction sees it.
    pub(crate) fn tables(&self) -> Tables<'_> {
        Tables::of_open(self)
    }

    /// The table, to be read.
    pub(super) fn table(&self, what: Stored) -> Result<&TableMut<'t>> {
        let number = self.number(what)?;
        self.handle(number).ok_or_else(lost)
    }

    /// The table, to be changed.
    pub(super) fn table_mut(&mut self, what: Stored) -> Result<&mut TableMut<'t>> {
        let (block, at) = place(self.number(what)?);
        let handles = self.blocks.get_mut(block).and_then(OnceCell::get_mut);
        handles.and_then(|handles| handles.get_mut(at)).and_then(OnceCell::get_mut).map(|table| &mut **table).ok_or_else(lost)
    }

    /// Closes all.
    pub(super) fn close(&mut self) {
        self.keys.get_mut().clear();
        self.blocks = [const { OnceCell::new() }; BLOCKS];
    }

    fn number(&self, what: Stored) -> Result<usize> {
        let known = self.keys.borrow().iter().position(|key| *key == what);
        match known {
            Some(number) => Ok(number),
            None => self.open(what),
        }
    }

    #[cold]
    fn open(&self, what: Stored) -> Result<usize> {
        let number = self.keys.borrow().len();
        let (block, at) = place(number);
        let Some(handles) = self.blocks.get(block) else {
            return Err(Error::new(ErrorKind::Limit, "the statement uses more tables and indexes than a store can have"));
        };
        let handles = handles.get_or_init(|| (0..FIRST << block).map(|_| OnceCell::new()).collect());
        let handle = handles.get(at).ok_or_else(lost)?;
        handle.set(Box::new(self.txn.open_table_near(what.name().as_str(), what.place())?)).map_err(|_| lost())?;
        self.keys.borrow_mut().push(what);
        Ok(number)
    }

    fn handle(&self, number: usize) -> Option<&TableMut<'t>> {
        let (block, at) = place(number);
        self.blocks.get(block)?.get()?.get(at)?.get().map(|table| &**table)
    }
}

impl<'r, 't: 'r> Lend<'r> for Open<'t> {
    fn lend(&'r self, what: Stored) -> Result<Entries<'r>> {
        Ok(Entries::of_open(self.table(what)?))
    }
}

/// Block and place in it of handle `number`: block n begins with handle 8 x (2^n - 1).
fn place(number: usize) -> (usize, usize) {
    let block = ((number + FIRST) / FIRST).ilog2() as usize;
    (block, number + FIRST - (FIRST << block))
}

/// Invariant 2 does not hold.
fn lost() -> Error {
    Error::new(ErrorKind::State, "an open table is not where it was put")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Handles fill block after block, each place once.
    #[test]
    fn handles_fill_the_blocks() {
        let mut expected = (0, 0);
        for number in 0..10_000 {
            assert_eq!(place(number), expected, "handle {number}");
            expected.1 += 1;
            if expected.1 == FIRST << expected.0 {
                expected = (expected.0 + 1, 0);
            }
        }
        assert!(place(65_535).0 < BLOCKS);
    }
}
