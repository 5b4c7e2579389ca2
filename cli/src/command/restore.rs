//! `treering restore`: a store from a blob.

use std::path::PathBuf;
use std::time::Instant;

use clap::Args;

use crate::command::backup;
use crate::error::{Error, Result};
use crate::interrupt::{self, First};
use crate::output::Output;
use crate::progress::Stages;

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
        interrupt::watch(First::Asks)?;
        let start = Instant::now();
        let mut progress = Stages::new("restoring", "checking");
        let summary = treering::restore_with(&self.blob, &self.store, |at| progress.at(at))?;
        let summary = summary.ok_or_else(Error::interrupted)?;
        drop(progress);
        if self.json {
            return out.json_line(&backup::as_json(&summary, start));
        }
        out.line(format_args!("{}: {}", self.store.display(), backup::said(&summary, start)))
    }
}
