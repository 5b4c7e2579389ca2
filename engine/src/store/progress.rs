//! How far compacting is: what was written, and what is told at its end.
//!
//! Damage and a stop are noted where they are met and not given back as errors: no error that comes behind them makes them forgotten.

use std::ops::ControlFlow;

use crate::error::{Error, ErrorKind, Result};

/// Who watches it may end it; nobody does in the background.
pub(crate) struct Progress<'w> {
    /// Is told of all bytes written so far. `Break` ends the work.
    watch: Box<dyn FnMut(u64) -> ControlFlow<()> + 'w>,
    pub(crate) bytes_written: u64,
    is_stopped: bool,
    /// The first chunk, family of leaves or table that was damaged, and how many were.
    damage: Option<Error>,
    damaged: u64,
    /// What had no room since something was written.
    full: Option<Error>,
}

/// Why work ends before it is done.
pub(crate) enum End {
    /// Who watches wants no more.
    Stopped,
    Failed(Error),
}

impl From<Error> for End {
    fn from(e: Error) -> End {
        End::Failed(e)
    }
}

impl<'w> Progress<'w> {
    pub(crate) fn new(watch: impl FnMut(u64) -> ControlFlow<()> + 'w) -> Progress<'w> {
        Progress { watch: Box::new(watch), bytes_written: 0, is_stopped: false, damage: None, damaged: 0, full: None }
    }

    pub(crate) fn unwatched() -> Progress<'w> {
        Progress::new(|_| ControlFlow::Continue(()))
    }

    /// So many bytes were written, or none and time has passed.
    pub(crate) fn wrote(&mut self, bytes: u64) {
        if bytes > 0 {
            // What follows may have room now.
            self.full = None;
            self.bytes_written += bytes;
        }
        self.is_stopped = self.is_stopped || (self.watch)(self.bytes_written).is_break();
    }

    /// Something is damaged and stays as it is: the others need not wait for it.
    pub(crate) fn met(&mut self, damage: Error) {
        self.damaged += 1;
        self.damage.get_or_insert(damage);
    }

    /// How often damage was met.
    pub(crate) fn damaged(&self) -> u64 {
        self.damaged
    }

    /// Who watches wants no more.
    pub(crate) fn is_stopped(&self) -> bool {
        self.is_stopped
    }

    /// What is damaged or has no room is left as it is, and told at the end: what is free at the file's end can be cut off all the same.
    ///
    /// # Errors
    /// `Stopped` if that is wanted; any other error of the work.
    pub(crate) fn note<T: Default>(&mut self, work: Result<T>) -> Result<T, End> {
        let done = match work {
            Err(e) if e.kind() == ErrorKind::Corrupt => {
                self.met(e);
                T::default()
            }
            Err(e) if e.kind() == ErrorKind::Full => {
                self.full = Some(e);
                T::default()
            }
            work => work?,
        };
        if self.is_stopped { Err(End::Stopped) } else { Ok(done) }
    }

    /// What is to be told: damage, or else that there was no room, if that counts.
    ///
    /// # Errors
    /// `Corrupt`, `Full`.
    pub(crate) fn end(self, is_full_told: bool) -> Result<()> {
        self.damage.or(self.full.filter(|_| is_full_told)).map_or(Ok(()), Err)
    }
}

/// Work that nobody watches, and that gives what it gained.
///
/// # Errors
/// Those of the work; `Corrupt` if nothing was gained and damage was met.
pub(crate) fn unwatched(work: impl FnOnce(&mut Progress<'_>) -> Result<u64>) -> Result<u64> {
    let mut progress = Progress::unwatched();
    match work(&mut progress) {
        Ok(0) => progress.end(false).map(|()| 0),
        gained => gained,
    }
}
