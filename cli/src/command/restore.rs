//! `treering restore`: a store from a blob.

use std::path::PathBuf;
use std::time::Instant;

use clap::Args;

use crate::command::backup;
use crate::error::Result;
use crate::interrupt::{self, First};
use crate::new_file::NewFile;
use crate::output::Output;
use crate::progress::Progress;

/// Make a store from a blob, plain or LZ4
///
/// The blob is checked on the way, every page of it; the store is whole and on the medium when the command returns, and is not there otherwise.
#[derive(Args, Debug)]
pub(crate) struct Restore {
    /// The blob
    #[arg(value_name = "BLOB")]
    blob: PathBuf,
    /// The store to make; nothing may stand there yet
    #[arg(value_name = "STORE")]
    store: PathBuf,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

impl Restore {
    pub(crate) fn run(&self, out: &mut Output) -> Result {
        interrupt::watch(First::Ends)?;
        let start = Instant::now();
        let new = NewFile::begin(&self.store)?;
        let progress = Progress::spinner("restoring and checking");
        let summary = treering::restore(&self.blob, new.path())?;
        drop(progress);
        new.place()?;
        if self.json {
            return out.json_line(&backup::as_json(&summary, start));
        }
        out.line(format_args!("{}: {}", self.store.display(), backup::said(&summary, start)))
    }
}
