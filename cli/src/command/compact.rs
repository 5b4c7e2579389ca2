//! `treering compact`: the file without what nobody needs.

use clap::Args;
use serde_json::json;
use treering::Create;

use crate::error::{Error, Exit, Result};
use crate::interrupt::{self, First};
use crate::output::Output;
use crate::progress::Stages;
use crate::store::StorePath;
use crate::units;

/// Rewrite sparse chunks and cut the file
///
/// Leaves are put in the order of their keys and small chunks merged before. Needs the store for itself. A kill in the middle loses nothing: the next open finds the store whole. A plain blob that is compacted becomes a store of its
/// own, and is no backup any more: `restore` refuses it.
#[derive(Args, Debug)]
pub(crate) struct Compact {
    #[command(flatten)]
    store: StorePath,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

impl Compact {
    pub(crate) fn run(&self, out: &mut Output) -> Result {
        interrupt::watch(First::Asks)?;
        let mut progress = Stages::new("compacting", "checking");
        // Nobody writes meanwhile: there is nothing for a background thread to do.
        let store = self.store.options().create(Create::Never).background(false).open(&self.store.path)?;
        let done = store.compact_with(|at| progress.at(at))?;
        store.close()?;
        drop(progress);
        let Some(done) = done else {
            return Err(Error::Told(
                Exit::Interrupted,
                "interrupted; the store is whole, and may be longer than before: another compaction goes on from here".into(),
            ));
        };
        // The close seals once more: what the file has now is what counts.
        let after = std::fs::metadata(&self.store.path).map_or(done.file_bytes_after, |file| file.len());
        if self.json {
            return out.json(&json!({
                "file_bytes_before": done.file_bytes_before,
                "file_bytes_after": after,
                "bytes_written": done.bytes_written,
            }));
        }
        let share = if done.file_bytes_before == 0 { 1.0 } else { after as f64 / done.file_bytes_before as f64 };
        out.line(format_args!(
            "{} -> {} ({} of before), {} written",
            units::bytes(done.file_bytes_before),
            units::bytes(after),
            units::percent(share),
            units::bytes(done.bytes_written)
        ))
    }
}
