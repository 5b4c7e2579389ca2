//! `treering verify`: is a blob, in either form, as it must be?

use std::path::PathBuf;

use clap::Args;

use crate::command::check;
use crate::error::{Error, Result};
use crate::output::Output;
use crate::progress::Stages;

/// Check a blob, plain or LZ4, or a store, without restoring it
///
/// An LZ4 stream is unpacked to a temporary file first. Exit code 1 if something in it is wrong, 3 if the stream cannot even be unpacked.
#[derive(Args, Debug)]
pub(crate) struct Verify {
    /// The blob, plain or LZ4, or a store that nobody writes to
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

impl Verify {
    pub(crate) fn run(&self, out: &mut Output) -> Result {
        let mut progress = Stages::new("unpacking", "verifying");
        let report = treering::verify_with(&self.file, |at| progress.at(at))?;
        let report = report.ok_or_else(Error::interrupted)?;
        drop(progress);
        check::say(out, &self.file.display().to_string(), &report, self.json)
    }
}
