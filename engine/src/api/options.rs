//! How a store is opened: a builder, each option with its default and when to change it.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use crate::disk::{Access, Disk, FileDisk, MemoryDisk, sync_parent_dir};
use crate::error::{Error, ErrorKind, Result};
use crate::store::open;
use crate::store::options::{Create, Reads, Settings};

use super::Store;

/// How a store is opened. Every option has a default that is right for most.
///
/// ```
/// # fn main() -> treering::Result<()> {
/// let store = treering::Options::new().page_len(16_384).in_memory()?;
/// # drop(store); Ok(()) }
/// ```
#[derive(Clone, Debug, Default)]
pub struct Options {
    settings: Settings,
    create: Create,
}

impl Options {
    /// The defaults.
    #[must_use]
    pub fn new() -> Options {
        Options::default()
    }

    // ---- the file ----

    /// What to do about a file that is there, or not. Default: [`Create::IfMissing`]. [`Create::Never`] is for a program that must not begin with an empty store when a path is wrong or a disk is not mounted;
    /// [`Create::New`] for one that must not touch what is there.
    #[must_use]
    pub fn create(mut self, create: Create) -> Self {
        self.create = create;
        self
    }

    /// Nominal length of a page in bytes: a power of two from 4,096 to 65,536. Default 8,192. Only for a new store; an existing one keeps its own. Larger pages make
    /// reads and scans of small entries faster and random changes dearer.
    #[must_use]
    pub fn page_len(mut self, bytes: u32) -> Self {
        self.settings.page_len = bytes;
        self
    }

    /// Tables created from now on are compressed with LZ4 when a checkpoint writes them. Default false. Saves space where values are
    /// text; reads of compressed pages unpack them into memory.
    #[must_use]
    pub fn lz4(mut self, on: bool) -> Self {
        self.settings.lz4 = on;
        self
    }

    /// Length of the first log segments of a new store in bytes: a multiple of 4,096 from 16 KiB to 1 GiB. Default 64 KiB; they double up to 4 MiB. Less is for very
    /// small files, more for a store whose first load is heavy.
    #[must_use]
    pub fn segment_bytes(mut self, bytes: u64) -> Self {
        self.settings.segment_bytes = bytes;
        self
    }

    /// Permission bits of the file that [`Options::open`] creates, 0 to 0o777; the process' umask takes some away. Default 0o600: its owner alone. Wider where another user's tools read the store or its backups. An existing file keeps
    /// its own, a backup or a restored file is its owner's. Off Unix they say nothing.
    #[must_use]
    pub fn permissions(mut self, bits: u32) -> Self {
        self.settings.permissions = bits;
        self
    }

    // ---- durability ----

    /// Within what time a [`crate::Durability::Deferred`] commit is synced. Default 100 ms. Needs the background thread, or calls of `step`. Shorter
    /// loses less at a power cut, longer syncs less often.
    #[must_use]
    pub fn deferred_within(mut self, time: Duration) -> Self {
        self.settings.deferred_within = time;
        self
    }

    /// Each synced commit writes and syncs a header too, so that even the very last commit cannot be taken for torn when it rots. Default
    /// false. Costs a second sync a commit. Take it where nobody looks at [`Store::open_report`], which tells of such a commit otherwise.
    #[must_use]
    pub fn strict(mut self, on: bool) -> Self {
        self.settings.strict = on;
        self
    }

    // ---- memory and background ----

    /// Whether a thread named "treering" makes checkpoints, late syncs and compactions. Default true. Without it call [`Store::step`]: in tests that are to repeat,
    /// and where a program wants no thread but its own.
    #[must_use]
    pub fn background(mut self, on: bool) -> Self {
        self.settings.background = on;
        self
    }

    /// Memory for changed pages in bytes, 1 MiB to 8 GiB. Default 256 MiB. At half of it a checkpoint starts, at all of it commits wait. More writes a page that changes often
    /// less often; the file keeps room for as much.
    #[must_use]
    pub fn dirty_bytes(mut self, bytes: u64) -> Self {
        self.settings.dirty_bytes = bytes;
        self
    }

    /// How pages of the file are read: through a map, or by copying them. Default [`Reads::Mapped`]. Take [`Reads::Copied`] on a network file system, and where the process must
    /// survive a failing medium or a file that another program cuts short; it costs time, see there.
    ///
    /// ```
    /// # fn main() -> treering::Result<()> {
    /// # let path = std::env::temp_dir().join(format!("treering-reads-{}.ring", std::process::id()));
    /// use treering::{Options, Reads};
    /// let store = Options::new().reads(Reads::Copied).cache_bytes(256 << 20).open(&path)?;
    /// # drop(store); std::fs::remove_file(path).unwrap(); Ok(()) }
    /// ```
    #[must_use]
    pub fn reads(mut self, reads: Reads) -> Self {
        self.settings.reads = reads;
        self
    }

    /// Memory in bytes for pages that are not read in place, any number. Default 64 MiB. More where reads of compressed tables, or copied ones, come back to more pages than fit; less where memory is scarce and
    /// reads are few.
    ///
    /// With [`Reads::Mapped`]: for unpacked pages of compressed tables. Background work gives back what is beyond it, a chunk at a time.
    ///
    /// With [`Reads::Copied`]: for copies of all pages, unpacked; a bound that holds at any moment, 0 keeps none. Beyond it there are the pages that living readers were lent, 8
    /// bytes for each page of the file, and the changed pages as ever.
    #[must_use]
    pub fn cache_bytes(mut self, bytes: u64) -> Self {
        self.settings.cache_bytes = bytes;
        self
    }

    /// Bytes of records at which a checkpoint starts, any number. Default 64 MiB. Less opens sooner after a kill, more makes fewer checkpoints. Recovery after a kill replays about this much; where checkpoints do not keep up, twice
    /// as much, since writers wait then; without the background thread, whatever was not sealed by a step.
    #[must_use]
    pub fn log_bytes(mut self, bytes: u64) -> Self {
        self.settings.log_bytes = bytes;
        self
    }

    /// Bytes of changes, 1 to 512 MiB, beyond which a transaction is made durable by a checkpoint instead of a record. Default 16 MiB. More keeps large
    /// transactions from waiting for all that is dirty, and costs as much memory and log.
    #[must_use]
    pub fn record_bytes(mut self, bytes: u64) -> Self {
        self.settings.record_bytes = bytes;
        self
    }

    /// Chunks of which a smaller share is still needed are written again without the rest, 0 (never; then small chunks are not merged in the background either) to 1. Default 0.5.
    /// More keeps the file shorter and writes more.
    #[must_use]
    pub fn compact_below(mut self, share: f64) -> Self {
        self.settings.compact_below = share;
        self
    }

    /// Opens, or creates, the store at `path` for reading and writing. No other process, and no other handle of this one, has it meanwhile.
    ///
    /// # Errors
    /// `Invalid` option; `Locked`; `NotFound`, `Exists` as [`Options::create`] says; `NotAStore`; `Unsupported`; `Corrupt`; `Full`; `Io`.
    pub fn open(&self, path: impl AsRef<Path>) -> Result<Store> {
        self.settings.check()?;
        let path = path.as_ref();
        let (disk, is_new) = match self.create {
            Create::New => (FileDisk::create_with(path, self.settings.permissions)?, true),
            Create::Never => (FileDisk::open(path, Access::Write)?, false),
            Create::IfMissing => match FileDisk::open(path, Access::Write) {
                Err(e) if e.kind() == ErrorKind::NotFound => match FileDisk::create_with(path, self.settings.permissions) {
                    // Somebody else was a moment faster, and has it or has left it.
                    Err(e) if e.kind() == ErrorKind::Exists => (FileDisk::open(path, Access::Write)?, false),
                    other => (other?, true),
                },
                other => (other?, false),
            },
        };
        let unfinished = !is_new && self.create != Create::Never && open::is_unfinished(&disk)?;
        if is_new || unfinished {
            disk.set_len(0)?;
            open::create(&disk, &self.settings)?;
            sync_parent_dir(path)?;
        }
        self.start(Arc::new(disk), false, is_new || unfinished)
    }

    /// Opens the store or blob at `path` for reading: replays the log's tail in memory and changes no byte. Others may do the same; while somebody
    /// writes it is `Locked`.
    ///
    /// # Errors
    /// As [`Options::open`], and `NotFound`.
    pub fn open_read_only(&self, path: impl AsRef<Path>) -> Result<Store> {
        self.settings.check()?;
        let disk = FileDisk::open(path.as_ref(), Access::Read)?;
        self.start(Arc::new(disk), true, false)
    }

    /// A new store that lives in memory, and ends with its last handle. It can be saved as a blob.
    ///
    /// # Errors
    /// `Invalid` option; `Io` if the memory cannot be mapped.
    pub fn in_memory(&self) -> Result<Store> {
        let mut options = self.clone();
        options.settings.volatile = true;
        options.on(Arc::new(MemoryDisk::new("a store in memory")))
    }

    /// Opens, or creates, a store on this disk.
    #[cfg_attr(not(feature = "internals"), allow(dead_code))]
    pub(crate) fn on(&self, disk: Arc<dyn Disk>) -> Result<Store> {
        self.settings.check()?;
        let is_new = open::is_unfinished(&*disk)?;
        if is_new {
            if self.create == Create::Never {
                return Err(Error::new(ErrorKind::NotFound, format!("{} holds no store", disk.name())));
            }
            open::create(&*disk, &self.settings)?;
        }
        self.start(disk, false, is_new)
    }

    /// Opens what is on this disk for reading.
    pub(super) fn read_only_on(&self, disk: Arc<dyn Disk>) -> Result<Store> {
        self.start(disk, true, false)
    }

    fn start(&self, disk: Arc<dyn Disk>, read_only: bool, created: bool) -> Result<Store> {
        Store::start(open::open(disk, self.settings.clone(), read_only, created)?)
    }
}

#[cfg(feature = "internals")]
impl Options {
    /// Opens, or creates, a store on any disk: for simulations.
    ///
    /// # Errors
    /// As [`Options::open`].
    pub fn open_on(&self, disk: Arc<dyn Disk>) -> Result<Store> {
        self.on(disk)
    }

    /// Opens a store on any disk for reading.
    ///
    /// # Errors
    /// As [`Options::open_read_only`].
    pub fn open_read_only_on(&self, disk: Arc<dyn Disk>) -> Result<Store> {
        self.start(disk, true, false)
    }
}
