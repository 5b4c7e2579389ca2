//! `treering check`: is everything in a store as it must be?

use clap::Args;
use serde_json::{Value, json};
use treering::Report;

use crate::error::{Error, Exit, Result};
use crate::output::Output;
use crate::progress::Stages;
use crate::store::StorePath;
use crate::table::facts;
use crate::units;

/// Check a store: every page, every reference, every count, free space
///
/// Opens the file for reading, beside other readers; no byte of it changes. Reads the whole file. Exit code 1 if it opens and something in it is
/// wrong, 3 if it is too damaged to be opened.
#[derive(Args, Debug)]
pub(crate) struct Check {
    #[command(flatten)]
    store: StorePath,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

impl Check {
    pub(crate) fn run(&self, out: &mut Output) -> Result {
        let mut progress = Stages::new("opening", "checking");
        let store = self.store.read()?;
        let report = store.check_with(|at| progress.at(at))?;
        let report = report.ok_or_else(Error::interrupted)?;
        drop(progress);
        say(out, &self.store.name().to_string(), &report, self.json)
    }
}

/// Says what a check found; an error if that is not good.
pub(super) fn say(out: &mut Output, name: &str, report: &Report, json: bool) -> Result {
    if json {
        out.json(&as_json(report))?;
    } else {
        let word = if report.is_sound() { "sound" } else { "NOT SOUND" };
        out.line(format_args!("{name}: {word}\n"))?;
        out.line(facts(&looked_at(report)))?;
        if !report.is_sound() {
            out.line("\nproblems")?;
            report.problems().iter().try_for_each(|problem| out.line(format_args!("  {problem}")))?;
            if report.unlisted() > 0 {
                out.line(format_args!("  and {} more", units::count(report.unlisted())))?;
            }
            out.line("\nRestore it from a blob; without one, `treering salvage` copies what is still whole to a new store.")?;
        }
    }
    if report.is_sound() { Ok(()) } else { Err(Error::Silent(Exit::No)) }
}

fn looked_at(report: &Report) -> Vec<(&'static str, String)> {
    let mut facts = vec![
        ("version", units::count(report.version)),
        ("tables", format!("{}, {}", units::count(report.tables), entries(report.entries))),
        ("pages", format!("{}, {} of them in chunks", units::count(report.pages), units::bytes(report.live_bytes))),
        ("chunks", units::count(report.chunks)),
        ("log", units::counted(report.records, "record")),
        ("file", format!("{}, {} of it free", units::exact_bytes(report.file_bytes), units::bytes(report.free_bytes))),
    ];
    if let Some(damage) = &report.damaged_header {
        facts.push(("warning", format!("the header that is not needed is damaged: {damage}")));
    }
    facts
}

fn entries(n: u64) -> String {
    format!("{} {}", units::count(n), if n == 1 { "entry" } else { "entries" })
}

fn as_json(report: &Report) -> Value {
    json!({
        "sound": report.is_sound(),
        "version": report.version,
        "tables": report.tables,
        "entries": report.entries,
        "pages": report.pages,
        "chunks": report.chunks,
        "records": report.records,
        "live_bytes": report.live_bytes,
        "free_bytes": report.free_bytes,
        "file_bytes": report.file_bytes,
        "damaged_header": report.damaged_header,
        "problems": report.problems(),
        "problems_unlisted": report.unlisted(),
    })
}
