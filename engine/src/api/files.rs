//! Snapshots as files, and the question whether everything is as it must be.

use std::cell::Cell;
use std::io::Write;
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;

use crate::blob::{self, BlobForm, BlobSummary};
use crate::disk::{Disk, Watch};
use crate::error::{Error, ErrorKind, Result};
use crate::inspect::{self, Report};
use crate::store::compact::Compaction;
use crate::store::options::Reads;

use super::{Options, Snapshot, Store};

/// How far a backup, a restore, a check or a compaction is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct FileProgress {
    /// What is being done.
    pub stage: FileStage,
    /// Bytes that are done of this stage. They never become fewer within it.
    pub done: u64,
    /// Of so many: exact for a copy, what is recorded for a check; for a compaction twice what is alive, about what it writes where all of it is out of order. It ends before that where little is to be done. More may be done where a file is damaged, or a compaction makes way for itself.
    pub of: u64,
}

/// What is done with a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum FileStage {
    /// Bytes go from one file to another: of a blob that is written, before LZ4 makes them fewer; of a blob that is restored or unpacked, as they stand in it.
    Copy,
    /// Pages and chunks are read and checked.
    Check,
    /// Pages are written to better places of the same file.
    Compact,
}

impl Snapshot {
    /// Writes this version to `out` as a blob: a store file, or its LZ4 stream. Front to back, without seeking; the store goes on meanwhile, and no writer waits for it. Cost: reads
    /// and writes the chunks in the file once, and walks the pages that are only in memory.
    ///
    /// # Errors
    /// `Corrupt` if a chunk is damaged; `Io` or `Full` if `out` fails. What was written then is no blob.
    ///
    /// ```
    /// # fn main() -> treering::Result<()> {
    /// # let store = treering::Store::in_memory()?;
    /// let mut bytes = Vec::new();
    /// let summary = store.snapshot().write_blob(&mut bytes, treering::BlobForm::Plain)?;
    /// assert_eq!(summary.bytes, bytes.len() as u64);
    /// # Ok(()) }
    /// ```
    pub fn write_blob(&self, out: &mut impl Write, form: BlobForm) -> Result<BlobSummary> {
        let summary = blob::write(self.held(), form, &mut unwatched, &mut |bytes| out.write_all(bytes).map_err(failed_writer))?;
        out.flush().map_err(failed_writer)?;
        Ok(summary)
    }

    /// Writes this version to a new file at `path`, as [`Snapshot::write_blob`] does. The file is whole and on the medium when this returns, and
    /// after an error there is none.
    ///
    /// # Errors
    /// `Exists` if there is something at `path`: it stays as it is. `Corrupt`, `Full`, `Io`, `NotFound`.
    pub fn backup_to(&self, path: impl AsRef<Path>, form: BlobForm) -> Result<BlobSummary> {
        blob::backup_to(self.held(), path.as_ref(), form, &mut unwatched)
    }

    /// [`Snapshot::backup_to`] that says after every few MiB how far it is. `Break` ends it: then the result is None, and there is no file.
    ///
    /// # Errors
    /// As [`Snapshot::backup_to`].
    ///
    /// ```no_run
    /// # use std::ops::ControlFlow;
    /// # fn main() -> treering::Result<()> {
    /// let store = treering::Store::open("cluster.ring")?;
    /// let written = store.snapshot().backup_to_with("cluster.blob", treering::BlobForm::Lz4, |at| {
    ///     println!("{} of {} bytes", at.done, at.of);
    ///     ControlFlow::Continue(())
    /// })?;
    /// assert!(written.is_some());
    /// # Ok(()) }
    /// ```
    pub fn backup_to_with(
        &self,
        path: impl AsRef<Path>,
        form: BlobForm,
        progress: impl FnMut(FileProgress) -> ControlFlow<()>,
    ) -> Result<Option<BlobSummary>> {
        watched(progress, |_, watch| blob::backup_to(self.held(), path.as_ref(), form, watch))
    }
}

impl Store {
    /// [`Store::compact`] that says how many bytes it has written, after every few pages that moved and after each round (64 MiB at most, or one chunk) of chunks that were written again; while
    /// it looks for what to move it says nothing. `Break` ends it when the pages that it has in hand (at most a quarter of [`Options::dirty_bytes`]) have moved: then the result is None, what was
    /// moved stays moved, the file is cut at its end, where it may be longer than before, and another compaction goes on. The callback is called by this thread, with no turn held; it must not
    /// compact the same store.
    ///
    /// # Errors
    /// As [`Store::compact`]; `Corrupt` also if it was ended, and something damaged was met before.
    pub fn compact_with(&self, mut progress: impl FnMut(FileProgress) -> ControlFlow<()>) -> Result<Option<Compaction>> {
        self.own_machine()?.compact(&mut |done, of| progress(FileProgress { stage: FileStage::Compact, done, of }))
    }

    /// Checks everything: every page of the newest version in its place, every byte of every chunk against its CRC, the log, and that
    /// space and live bytes are recorded as they are. The store goes on meanwhile. Cost: reads the whole file; memory: some 50 bytes a page.
    ///
    /// # Errors
    /// `Io` if not even the file's length is known. Damage, or what cannot be read, is no error: the report names it.
    pub fn check(&self) -> Result<Report> {
        inspect::check(self.machine(), &mut unwatched)
    }

    /// [`Store::check`] that says how far it is. `Break` ends it behind the table or chunk that it is at: then the result is None.
    ///
    /// # Errors
    /// As [`Store::check`].
    pub fn check_with(&self, progress: impl FnMut(FileProgress) -> ControlFlow<()>) -> Result<Option<Report>> {
        watched(progress, |stage, watch| {
            stage.set(FileStage::Check);
            inspect::check(self.machine(), watch)
        })
    }

    /// Reads everything that the file holds once more, from the medium where the system lets it go of what it remembers, and checks it: headers, records, seals, every byte of every
    /// chunk, every page in it whether anybody needs it or not. Finds rot in what nobody has read for long, before the last good backup is gone. Nothing is taken from a cache or
    /// believed because it was checked before. Unlike [`Store::check`] it does not follow the trees, so that memory is a few MiB however large the store is.
    ///
    /// Takes no turn and no snapshot: writers, checkpoints and compactions go on, and a chunk that is written meanwhile waits for the next scrub. A mapped page that some process uses
    /// may be checked as the system remembers it.
    ///
    /// The report counts in `pages` those that were read, in `chunks` and `records` too.
    ///
    /// # Errors
    /// `Io` if not even the file's length is known. Damage, or what cannot be read, is no error: the report names it.
    ///
    /// ```
    /// # fn main() -> treering::Result<()> {
    /// # let store = treering::Store::in_memory()?;
    /// let report = store.scrub()?;
    /// assert!(report.is_sound(), "{report}");
    /// # Ok(()) }
    /// ```
    pub fn scrub(&self) -> Result<Report> {
        inspect::scrub(self.machine(), &mut unwatched)
    }

    /// [`Store::scrub`] that says after each chunk how far it is. `Break` ends it: then the result is None.
    ///
    /// # Errors
    /// As [`Store::scrub`].
    pub fn scrub_with(&self, progress: impl FnMut(FileProgress) -> ControlFlow<()>) -> Result<Option<Report>> {
        watched(progress, |stage, watch| {
            stage.set(FileStage::Check);
            inspect::scrub(self.machine(), watch)
        })
    }
}

/// Makes a store at `to` from the blob at `blob`, plain or as an LZ4 stream. It is checked before it gets its name. Opened for
/// writing, it becomes a store of its own that knows where it came from.
///
/// # Errors
/// `Exists` if there is something at `to`; `NotFound`; `Locked`; `NotAStore`, `Unsupported`; `Invalid` if `blob` is a store that was written to: two files must not
/// be the same store, export a snapshot of it; `Corrupt` if it is damaged; `Full`, `Io`. Nothing stands at `to` then.
pub fn restore(blob: impl AsRef<Path>, to: impl AsRef<Path>) -> Result<BlobSummary> {
    blob::restore(blob.as_ref(), to.as_ref(), &mut unwatched, sound_blob)
}

/// [`restore`] that says how far it is, first of the copy and then of its check. `Break` ends it, during the check behind the table or chunk that it is at: then the result is None, and
/// nothing stands at `to`.
///
/// # Errors
/// As [`restore`].
pub fn restore_with(
    blob: impl AsRef<Path>,
    to: impl AsRef<Path>,
    progress: impl FnMut(FileProgress) -> ControlFlow<()>,
) -> Result<Option<BlobSummary>> {
    watched(progress, |stage, watch| {
        blob::restore(blob.as_ref(), to.as_ref(), watch, |disk, watch| {
            stage.set(FileStage::Check);
            sound_blob(disk, watch)
        })
    })
}

/// [`Snapshot::backup_to`] from disk to disk, before the file gets its name.
///
/// # Errors
/// `Corrupt`, `Full`, `Io`.
#[cfg(feature = "internals")]
pub fn backup_on(snapshot: &Snapshot, to: &dyn Disk, form: BlobForm) -> Result<BlobSummary> {
    blob::fill(snapshot.held(), form, to, &mut unwatched)
}

/// [`restore`] from disk to disk, before the file gets its name.
///
/// # Errors
/// As [`restore`].
#[cfg(feature = "internals")]
pub fn restore_on(blob: &dyn Disk, to: Arc<dyn Disk>) -> Result<BlobSummary> {
    blob::restore_disk(blob, to, sound_blob)
}

/// Checks the store or blob at `path`, which nobody has open for writing, and changes no byte. An LZ4 stream is unpacked to a temporary file first.
///
/// # Errors
/// `NotFound`, `Locked`, `NotAStore`, `Unsupported`, `Io`, `Full`; `Corrupt` if an LZ4 stream cannot be unpacked. Other damage is no error: the report names it.
pub fn verify(path: impl AsRef<Path>) -> Result<Report> {
    blob::readable(path.as_ref(), &mut unwatched, inspect::verify)
}

/// [`verify`] that says how far it is: of the unpacking of an LZ4 stream first, and of the check. `Break` ends it, during the check behind the table or chunk that it is at: then the result
/// is None.
///
/// # Errors
/// As [`verify`].
pub fn verify_with(path: impl AsRef<Path>, progress: impl FnMut(FileProgress) -> ControlFlow<()>) -> Result<Option<Report>> {
    watched(progress, |stage, watch| {
        blob::readable(path.as_ref(), watch, |disk, watch| {
            stage.set(FileStage::Check);
            inspect::verify(disk, watch)
        })
    })
}

fn unwatched(_done: u64, _of: u64) -> Result<()> {
    Ok(())
}

/// Does `work`, which copies until it sets another stage, and tells `progress`; None if that wanted no more.
fn watched<T>(
    mut progress: impl FnMut(FileProgress) -> ControlFlow<()>,
    work: impl FnOnce(&Cell<FileStage>, &mut Watch<'_>) -> Result<T>,
) -> Result<Option<T>> {
    let (stage, mut is_stopped) = (Cell::new(FileStage::Copy), false);
    let worked = work(&stage, &mut |done, of| match progress(FileProgress { stage: stage.get(), done, of }) {
        ControlFlow::Continue(()) => Ok(()),
        ControlFlow::Break(()) => {
            is_stopped = true;
            // Seen by nobody: it only takes the work to its end.
            Err(Error::new(ErrorKind::Io, "stopped by who watches"))
        }
    });
    match worked {
        Err(_) if is_stopped => Ok(None),
        worked => worked.map(Some),
    }
}

fn sound_blob(disk: Arc<dyn Disk>, watch: &mut Watch<'_>) -> Result<BlobSummary> {
    // Copied, as in `inspect::verify`.
    let store = Options::new().background(false).reads(Reads::Copied).cache_bytes(0).read_only_on(disk)?;
    let machine = store.machine();
    if !machine.identity.blob {
        return Err(Error::invalid("it is a store that was written to, no blob; export a snapshot of it"));
    }
    let report = inspect::check(machine, watch)?;
    match report.problems() {
        [problem, more @ ..] => {
            let more = match more.len() as u64 + report.unlisted() {
                0 => String::new(),
                more => format!(", and {more} more problems"),
            };
            Err(Error::new(ErrorKind::Corrupt, format!("{problem}{more}")))
        }
        [] => {
            let mut summary = BlobSummary::default();
            (summary.version, summary.chunks) = (report.version, report.chunks);
            Ok(summary)
        }
    }
}

fn failed_writer(e: std::io::Error) -> Error {
    Error::io("write", "a blob", e)
}

#[cfg(test)]
mod tests;
