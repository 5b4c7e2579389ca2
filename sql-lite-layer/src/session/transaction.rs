//! A transaction as a value: dropped, it is rolled back.

use std::ops::Deref;

use super::connection::Connection;
use crate::error::Result;

/// An open transaction of a connection, whose statements run in it. Rolled back unless it is committed.
#[derive(Debug)]
pub struct Transaction<'c> {
    connection: &'c Connection,
    is_open: bool,
}

impl<'c> Transaction<'c> {
    pub(super) fn new(connection: &'c Connection) -> Transaction<'c> {
        Transaction { connection, is_open: true }
    }

    /// Makes its changes visible, durable as the connection's durability says.
    ///
    /// # Errors
    /// `Store`: the transaction is rolled back, but for the engine's kind `Unknown`, which a reopened store will show.
    pub fn commit(mut self) -> Result<()> {
        self.is_open = false;
        self.connection.commit()
    }

    /// Ends it without its changes.
    ///
    /// # Errors
    /// `State` if its own text has ended it.
    pub fn roll_back(mut self) -> Result<()> {
        self.is_open = false;
        self.connection.roll_back()
    }

    /// A savepoint: dropped without [`Savepoint::release`], everything since then is undone.
    ///
    /// # Errors
    /// `State` in a transaction that only reads.
    pub fn savepoint(&mut self) -> Result<Savepoint<'_>> {
        let depth = self.connection.push_savepoint(None)?;
        Ok(Savepoint { connection: self.connection, depth, is_open: true })
    }
}

impl Deref for Transaction<'_> {
    type Target = Connection;

    fn deref(&self) -> &Connection {
        self.connection
    }
}

impl Drop for Transaction<'_> {
    fn drop(&mut self) {
        if self.is_open {
            // Its own text may have ended it: then there is nothing to do.
            let _ = self.connection.roll_back();
        }
    }
}

/// A part of a transaction that can be undone alone. They nest.
#[derive(Debug)]
pub struct Savepoint<'t> {
    connection: &'t Connection,
    depth: usize,
    is_open: bool,
}

impl Savepoint<'_> {
    /// Keeps what was done since.
    ///
    /// # Errors
    /// `State` if the transaction's own text has ended it.
    pub fn release(mut self) -> Result<()> {
        self.is_open = false;
        self.connection.release_savepoint(self.depth)
    }

    /// A savepoint within this one.
    ///
    /// # Errors
    /// As [`Transaction::savepoint`].
    pub fn savepoint(&mut self) -> Result<Savepoint<'_>> {
        let depth = self.connection.push_savepoint(None)?;
        Ok(Savepoint { connection: self.connection, depth, is_open: true })
    }
}

impl Deref for Savepoint<'_> {
    type Target = Connection;

    fn deref(&self) -> &Connection {
        self.connection
    }
}

impl Drop for Savepoint<'_> {
    fn drop(&mut self) {
        if self.is_open {
            let _ = self.connection.roll_back_to(self.depth).and_then(|()| self.connection.release_savepoint(self.depth));
        }
    }
}
