//! Open tables of a write transaction: each is opened at its first use and stays where it is until all are closed.
//!
//! ```text
//!   first   │ t1 + handle │ i2 + handle │ ... 8 │      searched from the front: a statement uses few tables
//!   more    [16 handles] [32 handles] ...              a block is allocated when it is needed, and never moves
//! ```
//!
//! 1. An engine table opens once at a time in a transaction: so nobody else opens one while these are open, and all are closed before the transaction takes a savepoint or ends.
//! 2. Handles fill their places in order. Each is opened through a shared reference, so that what was read before goes on to be lent.
//!
//! They are not kept from one statement to the next: an open table pins the engine's epoch and its thread, and a connection may change its thread between two statements.

use std::cell::{Cell, OnceCell};

use treering::{TableMut, WriteTxn};

use super::entries::{Entries, Lend, Tables};
use super::stored::Stored;
use crate::error::{Error, ErrorKind, Result};

/// Handles that need no block; the first block has twice as many, and each further one twice as many as the one before it.
const FIRST: usize = 8;
/// 8 x (2^14 - 1) handles are twice as many tables as a store can have.
const BLOCKS: usize = 13;

/// Boxed, for the table is some hundred bytes: places for handles are quickly made and moved.
type Handle<'t> = OnceCell<(Stored, Box<TableMut<'t>>)>;

type Blocks<'t> = Box<[OnceCell<Box<[Handle<'t>]>>; BLOCKS]>;

/// The tables that a statement has opened.
pub(crate) struct Open<'t> {
    txn: &'t WriteTxn,
    count: Cell<usize>,
    first: [Handle<'t>; FIRST],
    more: OnceCell<Blocks<'t>>,
}

impl<'t> Open<'t> {
    pub(crate) fn new(txn: &'t WriteTxn) -> Open<'t> {
        Open { txn, count: Cell::new(0), first: [const { OnceCell::new() }; FIRST], more: OnceCell::new() }
    }

    /// Everything as the transaction sees it.
    pub(crate) fn tables(&self) -> Tables<'_> {
        Tables::of_open(self)
    }

    /// The table, to be read.
    pub(super) fn table(&self, what: Stored) -> Result<&TableMut<'t>> {
        let number = self.number(what)?;
        self.handle(number).and_then(OnceCell::get).map(|(_, table)| &**table).ok_or_else(lost)
    }

    /// The table, to be changed.
    pub(super) fn table_mut(&mut self, what: Stored) -> Result<&mut TableMut<'t>> {
        let number = self.number(what)?;
        let handle = match place(number) {
            (None, at) => self.first.get_mut(at),
            (Some(block), at) => {
                let block = self.more.get_mut().and_then(|blocks| blocks.get_mut(block)).and_then(OnceCell::get_mut);
                block.and_then(|block| block.get_mut(at))
            }
        };
        handle.and_then(OnceCell::get_mut).map(|(_, table)| &mut **table).ok_or_else(lost)
    }

    /// Closes all.
    pub(super) fn close(&mut self) {
        *self = Open::new(self.txn);
    }

    fn number(&self, what: Stored) -> Result<usize> {
        let is_it = |handle: &Handle<'t>| handle.get().is_some_and(|(key, _)| *key == what);
        let of_first = self.first.iter().take(self.count.get()).position(is_it);
        let known = of_first.or_else(|| (FIRST..self.count.get()).find(|number| self.handle(*number).is_some_and(is_it)));
        match known {
            Some(number) => Ok(number),
            None => self.open(what),
        }
    }

    #[cold]
    fn open(&self, what: Stored) -> Result<usize> {
        let number = self.count.get();
        if let (Some(block), _) = place(number) {
            let blocks = self.more.get_or_init(|| Box::new([const { OnceCell::new() }; BLOCKS]));
            let Some(handles) = blocks.get(block) else {
                return Err(Error::new(ErrorKind::Limit, "the statement uses more tables and indexes than a store can have"));
            };
            handles.get_or_init(|| (0..(2 * FIRST) << block).map(|_| OnceCell::new()).collect());
        }
        let handle = self.handle(number).ok_or_else(lost)?;
        let table = Box::new(self.txn.open_table_near(what.name().as_str(), what.place())?);
        handle.set((what, table)).map_err(|_| lost())?;
        self.count.set(number + 1);
        Ok(number)
    }

    /// The place of handle `number`, if there is one already.
    fn handle(&self, number: usize) -> Option<&Handle<'t>> {
        match place(number) {
            (None, at) => self.first.get(at),
            (Some(block), at) => self.more.get()?.get(block)?.get()?.get(at),
        }
    }
}

impl<'r, 't: 'r> Lend<'r> for Open<'t> {
    fn lend(&'r self, what: Stored) -> Result<Entries<'r>> {
        Ok(Entries::of_open(self.table(what)?))
    }
}

/// Block, none for the first handles, and place in it of handle `number`: block n begins with handle 16 x 2^n - 8.
fn place(number: usize) -> (Option<usize>, usize) {
    let block = ((number + FIRST) / FIRST).ilog2() as usize;
    (block.checked_sub(1), number + FIRST - (FIRST << block))
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
        let mut expected = (None, 0);
        for number in 0..10_000 {
            assert_eq!(place(number), expected, "handle {number}");
            expected.1 += 1;
            if expected.1 == expected.0.map_or(FIRST, |block: usize| (2 * FIRST) << block) {
                expected = (Some(expected.0.map_or(0, |block| block + 1)), 0);
            }
        }
        assert!(place(65_535).0.is_some_and(|block| block < BLOCKS));
    }
}
