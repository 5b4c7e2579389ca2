//! What every engine must do to be measured: one trait, one adapter a file, the same calls for all.
//!
//! ```text
//! Engine    an open store in a folder          (one a repetition)
//!   Connection   what one thread works through
//!     Writer       inside one write transaction
//!     Reader       inside one snapshot
//! ```
//!
//! Calls go through vtables, which costs each engine the same nanosecond or two a call. What an engine cannot do is an `Unsupported`, and its
//! cell in the table stays empty. Adapters hold no data of their own and take no short cut that an application could not take.

use std::path::Path;

use crate::load::Load;

/// Whatever went wrong in an engine or around it.
pub type Fault = Box<dyn std::error::Error + Send + Sync>;

/// The outcome of a measured step.
pub type Outcome<T = ()> = Result<T, Fault>;

/// What a commit promises when it returns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Safety {
    /// On the medium: a real sync on every side.
    Synced,
    /// With the operating system: survives a kill of the process.
    Written,
    /// In the process' memory until a later commit takes it along.
    Memory,
}

/// The engine has no such thing.
#[derive(Debug)]
pub struct Unsupported;

impl std::fmt::Display for Unsupported {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("the engine has no such thing")
    }
}

impl std::error::Error for Unsupported {}

/// An open store.
pub trait Engine: Send + Sync {
    /// A connection for one thread.
    ///
    /// # Errors
    /// The engine's.
    fn connect(&self) -> Outcome<Box<dyn Connection + Send + '_>>;

    /// Makes the store as small as the engine can.
    ///
    /// # Errors
    /// The engine's.
    fn compact(&mut self) -> Outcome;

    /// Copies the store as of one moment, while others write, into the existing empty folder `to`, where [`Kind::open`] finds it.
    ///
    /// # Errors
    /// The engine's; [`Unsupported`] without such a call.
    fn back_up(&self, _to: &Path) -> Outcome {
        Err(Unsupported.into())
    }

    /// Closes the store in good order.
    ///
    /// # Errors
    /// The engine's.
    fn close(self: Box<Self>) -> Outcome;
}

/// Work inside a write transaction.
pub type WriteWork<'w> = &'w mut dyn FnMut(&mut dyn Writer) -> Outcome;

/// Work inside a snapshot.
pub type ReadWork<'w> = &'w mut dyn FnMut(&dyn Reader) -> Outcome;

/// What one thread works through.
pub trait Connection {
    /// One transaction: begins, works, commits.
    ///
    /// # Errors
    /// The engine's; [`Unsupported`] safety.
    fn write(&mut self, safety: Safety, work: WriteWork<'_>) -> Outcome;

    /// One snapshot: opens, works, drops.
    ///
    /// # Errors
    /// The engine's.
    fn read(&mut self, work: ReadWork<'_>) -> Outcome;

    /// One snapshot, held for long while others write: the way that the engine's own documents advise.
    ///
    /// # Errors
    /// The engine's.
    fn hold(&mut self, work: ReadWork<'_>) -> Outcome {
        self.read(work)
    }

    /// Opens and drops `count` snapshots.
    ///
    /// # Errors
    /// The engine's.
    fn snapshots(&mut self, count: u32) -> Outcome;

    /// All of `load`, in its random order, durable, the fastest way that the engine has.
    ///
    /// # Errors
    /// The engine's.
    fn load(&mut self, load: &Load) -> Outcome {
        self.write(Safety::Synced, &mut |writer| load.pairs().try_for_each(|(key, value)| writer.put(key, value)))
    }

    /// All of `load`, ascending by key, durable, the fastest way that the engine has.
    ///
    /// # Errors
    /// The engine's.
    fn load_sorted(&mut self, load: &Load) -> Outcome {
        self.write(Safety::Synced, &mut |writer| load.sorted().try_for_each(|(key, value)| writer.put(key, value)))
    }
}

/// Inside a write transaction.
pub trait Writer {
    /// Puts an entry; an existing value is replaced.
    ///
    /// # Errors
    /// The engine's.
    fn put(&mut self, key: &[u8], value: &[u8]) -> Outcome;

    /// Removes an entry that may be there.
    ///
    /// # Errors
    /// The engine's.
    fn remove(&mut self, key: &[u8]) -> Outcome;
}

/// Inside a snapshot.
pub trait Reader {
    /// Shows the value of `key`; whether it is there.
    ///
    /// # Errors
    /// The engine's.
    fn get(&self, key: &[u8], seen: &mut dyn FnMut(&[u8])) -> Outcome<bool>;

    /// Shows the values of `keys`, which are there: all at once if the engine has a call for that, else one by one; how many it found.
    ///
    /// # Errors
    /// The engine's.
    fn get_many(&self, keys: &[&[u8]], seen: &mut dyn FnMut(&[u8])) -> Outcome<usize> {
        keys.iter().try_fold(0, |found, key| Ok(found + usize::from(self.get(key, seen)?)))
    }

    /// Shows up to `limit` entries from `from` on, ascending; how many there were.
    ///
    /// # Errors
    /// The engine's.
    fn scan(&self, from: &[u8], limit: usize, seen: &mut dyn FnMut(&[u8], &[u8])) -> Outcome<usize>;

    /// Number of entries.
    ///
    /// # Errors
    /// The engine's.
    fn count(&self) -> Outcome<u64>;
}

/// The engines by name.
#[derive(Clone, Copy, Debug)]
pub struct Kind {
    /// As the command line and the table call it.
    pub name: &'static str,
    /// The crate whose version stands in the table.
    pub package: &'static str,
    /// How it is set up, for the table.
    pub settings: &'static str,
    /// Opens, or creates, a store in an existing folder.
    pub open: fn(&Path) -> Outcome<Box<dyn Engine>>,
    /// The same for data that compress: with LZ4, if the engine has it.
    pub open_compressed: fn(&Path) -> Outcome<Box<dyn Engine>>,
}
