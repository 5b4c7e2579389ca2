//! `treering backup`: a snapshot as one file.

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::Instant;

use clap::Args;
use serde_json::{Value, json};
use treering::{BlobForm, BlobSummary, Snapshot};

use crate::error::{Error, Exit, Result};
use crate::interrupt::{self, First};
use crate::output::{Output, tell};
use crate::progress::{Progress, Stages};
use crate::store::StorePath;
use crate::units;

/// Write the newest version to one file, a blob
///
/// A plain blob opens in place, like a store; an LZ4 stream is smaller and must be restored. The file is whole and on the medium when the command
/// returns, and is not there otherwise. A program that has the store open makes its backups itself, without closing it.
#[derive(Args, Debug)]
pub(crate) struct Backup {
    #[command(flatten)]
    store: StorePath,
    /// The blob to write; nothing may stand there yet. - is standard output
    #[arg(value_name = "BLOB")]
    blob: PathBuf,
    /// Write an LZ4 stream
    #[arg(long)]
    lz4: bool,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

impl Backup {
    pub(crate) fn run(&self, out: &mut Output) -> Result {
        let form = if self.lz4 { BlobForm::Lz4 } else { BlobForm::Plain };
        let to_output = self.blob == Path::new("-");
        if to_output && Output::is_terminal() {
            return Err(Error::usage("a blob is no text: send standard output to a file or a program"));
        }
        interrupt::watch(First::Asks)?;
        let store = self.store.read()?;
        let snapshot = store.snapshot();
        let start = Instant::now();
        let summary = if to_output {
            // A blob has the chunks that the version needs, whole, and what is only in memory. Of an LZ4 stream, too, this is what goes in.
            let stats = store.stats();
            write(&snapshot, &mut out.stream(), form, &Progress::bytes("writing", stats.chunk_bytes + stats.dirty_bytes))?
        } else {
            let mut progress = Stages::new("writing", "checking");
            let summary = snapshot.backup_to_with(&self.blob, form, |at| progress.at(at))?;
            summary.ok_or_else(Error::interrupted)?
        };
        let said = if self.json { as_json(&summary, start).to_string() } else { said(&summary, start) };
        // Where the blob itself is the output, words go beside it.
        if to_output {
            tell(said);
            return Ok(());
        }
        if self.json { out.line(said) } else { out.line(format_args!("{}: {said}", self.blob.display())) }
    }
}

/// What an export or a restore did, for a program.
pub(super) fn as_json(summary: &BlobSummary, start: Instant) -> Value {
    json!({
        "version": summary.version,
        "chunks": summary.chunks,
        "bytes": summary.bytes,
        "seconds": start.elapsed().as_secs_f64(),
    })
}

/// What an export or a restore did, for a person.
pub(super) fn said(summary: &BlobSummary, start: Instant) -> String {
    let (version, chunks) = (units::count(summary.version), units::counted(summary.chunks, "chunk"));
    format!("version {version}, {chunks}, {} in {}", units::exact_bytes(summary.bytes), units::duration(start.elapsed()))
}

fn write(snapshot: &Snapshot, to: &mut impl Write, form: BlobForm, progress: &Progress) -> Result<BlobSummary> {
    let mut watched = Watched { to, written: 0, progress, nobody_reads: false };
    let written = snapshot.write_blob(&mut watched, form);
    match written {
        Ok(summary) => Ok(summary),
        Err(_) if watched.nobody_reads => {
            Err(Error::Told(Exit::Other, "whoever read the blob went away: what it has is no blob".into()))
        }
        Err(_) if interrupt::asked() => Err(Error::interrupted()),
        Err(e) => Err(e.into()),
    }
}

/// Counts what goes through, and ends when somebody asks to stop.
struct Watched<'a, W> {
    to: &'a mut W,
    written: u64,
    progress: &'a Progress,
    nobody_reads: bool,
}

impl<W: Write> Write for Watched<'_, W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if interrupt::asked() {
            return Err(io::Error::other("interrupted"));
        }
        let written = self.to.write(bytes).inspect_err(|e| self.nobody_reads = e.kind() == io::ErrorKind::BrokenPipe)?;
        self.written += written as u64;
        self.progress.at(self.written);
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.to.flush().inspect_err(|e| self.nobody_reads = e.kind() == io::ErrorKind::BrokenPipe)
    }
}
