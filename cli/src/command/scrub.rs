//! `treering scrub`: can everything in a store still be read?

use clap::Args;

use crate::command::check;
use crate::error::{Error, Result};
use crate::output::Output;
use crate::progress::Stages;
use crate::store::StorePath;

/// Read everything in a store from the medium, and check every checksum
///
/// Headers, log, and every page in the file, needed or not. It follows no references between pages, so that it takes a few MiB of memory for a store of any size: `check` does
/// follow them. To be done now and then, so that rot is found while there is a good backup. A program that has the store open scrubs it itself, without closing it.
///
/// Opens the file for reading, beside other readers; no byte of it changes. Exit code 1 if it opens and something in it is wrong, 3 if it is too damaged to be opened.
#[derive(Args, Debug)]
pub(crate) struct Scrub {
    #[command(flatten)]
    store: StorePath,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

impl Scrub {
    pub(crate) fn run(&self, out: &mut Output) -> Result {
        let mut progress = Stages::new("opening", "scrubbing");
        let store = self.store.read()?;
        let report = store.scrub_with(|at| progress.at(at))?;
        let report = report.ok_or_else(Error::interrupted)?;
        drop(progress);
        check::say(out, &self.store.name().to_string(), &report, self.json)
    }
}
