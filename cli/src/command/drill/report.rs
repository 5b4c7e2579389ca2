//! What came of a drill, in words and tables, and as JSON.

use std::time::Duration;

use serde_json::{Value, json};
use treering_scheduler::drill::figures::{Bound, Figures, Latency, SliceFigures};
use treering_scheduler::drill::{Outcome, Plan};
use treering_scheduler::trace::BadLine;

use crate::error::{Error, Exit, Result};
use crate::output::Output;
use crate::table::{Column, facts, table};
use crate::units::{bytes, count, counted, duration, micros};

/// Bad lines that are shown one by one; the rest is counted.
const SHOWN: usize = 10;

/// What the drill was played with.
pub(super) struct About<'a> {
    pub(super) source: &'a str,
    pub(super) bad_lines: &'a [BadLine],
    pub(super) plan: &'a Plan,
    pub(super) time: Duration,
}

/// The report for a person.
pub(super) fn say(out: &mut Output, about: &About<'_>, outcome: &Outcome) -> Result {
    let figures = &outcome.figures;
    bad_lines(out, about.bad_lines)?;
    let plan = about.plan;
    out.line(format_args!(
        "{}, {} of storm, {}",
        about.source,
        duration(plan.storm_time),
        counted(plan.readers.into(), "reader")
    ))?;
    out.line("\nLoad\n")?;
    out.line(facts(&load(figures)))?;
    out.line("\nWriter: one durable transaction for each status change\n")?;
    out.line(writer(figures))?;
    out.line("\nReaders: the details of an update, with all its events\n")?;
    out.line(readers(figures))?;
    out.line("\nSnapshots and a backup during the storm\n")?;
    out.line(facts(&export(figures)))?;
    out.line("\nSizes, openings, restores\n")?;
    out.line(facts(&files(figures)))?;
    out.line("\nBounds of time\n")?;
    out.line(bounds(&figures.bounds))?;
    out.line("")?;
    promises(out, outcome)?;
    out.line(format_args!("\n{} in all; its files are removed.", duration(about.time)))
}

fn bad_lines(out: &mut Output, lines: &[BadLine]) -> Result {
    if lines.is_empty() {
        return Ok(());
    }
    out.line(format_args!("{} left out:", counted(lines.len() as u64, "bad line")))?;
    lines.iter().take(SHOWN).try_for_each(|line| out.line(format_args!("  {line}")))?;
    if lines.len() > SHOWN {
        out.line(format_args!("  and {} more", count((lines.len() - SHOWN) as u64)))?;
    }
    out.line("")
}

fn load(figures: &Figures) -> Vec<(&'static str, String)> {
    let load = &figures.load;
    let loaded = &load.loaded;
    let configurations = format!("{}, {} together", count(loaded.configurations), bytes(loaded.configuration_bytes));
    vec![
        ("jobs, hosts", format!("{}, {}", count(loaded.jobs), count(loaded.hosts))),
        ("tasks", format!("{} with {}", count(loaded.tasks), counted(loaded.task_events, "event"))),
        ("updates", format!("{} with {}", count(loaded.updates), counted(loaded.instance_events, "instance event"))),
        ("configurations", configurations),
        (
            "time",
            format!(
                "{}, {} rows, {}",
                micros(load.seconds * 1e6),
                count(loaded.rows()),
                counted(loaded.transactions, "transaction")
            ),
        ),
        ("rate", format!("{} rows/s", count(load.rows_per_second.round() as u64))),
    ]
}

/// The slices of the storm, and who reads in each.
fn slices(figures: &Figures) -> [(String, &SliceFigures); 4] {
    let storm = &figures.storm;
    let readers = counted(storm.readers.into(), "reader");
    [
        ("nobody".to_owned(), &storm.alone),
        (format!("{readers} of another store"), &storm.beside_other_store),
        (format!("{readers} of this store"), &storm.beside_this_store),
        ("the same, during a backup".to_owned(), &figures.export.storm),
    ]
}

fn latencies(latency: &Latency) -> [String; 4] {
    [latency.p50_us, latency.p99_us, latency.p999_us, latency.max_us].map(micros)
}

fn writer(figures: &Figures) -> String {
    let columns = ["changes", "p50", "p99", "p99.9", "max", "changes/s"].map(Column::Number);
    let rows = slices(figures).map(|(name, slice)| {
        let rate = count(slice.writes_per_second.round() as u64);
        [vec![name, count(slice.writer.count)], latencies(&slice.writer).to_vec(), vec![rate]].concat()
    });
    table(&[&[Column::Text("beside")], &columns[..]].concat(), rows)
}

fn readers(figures: &Figures) -> String {
    let columns = ["readings", "p50", "p99", "p99.9", "max", "readings/s", "events/s"].map(Column::Number);
    let [_, other, this, export] = slices(figures);
    let rows = [other, this, export].map(|(name, slice)| {
        let rates = [slice.reads_per_second, slice.events_per_second].map(|rate| count(rate.round() as u64));
        [vec![name, count(slice.details.count)], latencies(&slice.details).to_vec(), rates.to_vec()].concat()
    });
    table(&[&[Column::Text("readers")], &columns[..]].concat(), rows)
}

fn export(figures: &Figures) -> Vec<(&'static str, String)> {
    let export = &figures.export;
    let snapshots = &export.snapshots;
    let blob = |len: u64, seconds: f64| format!("{} in {}", bytes(len), micros(seconds * 1e6));
    vec![
        (
            "opening a snapshot",
            format!("p50 {}, p99 {}, max {}", micros(snapshots.p50_us), micros(snapshots.p99_us), micros(snapshots.max_us)),
        ),
        ("plain blob", format!("{}, {:.0} MiB/s", blob(export.blob_bytes, export.blob_seconds), export.blob_mib_per_second)),
        ("LZ4 stream, afterwards", blob(export.lz4_bytes, export.lz4_seconds)),
        ("writer's turn held", micros(export.turn_held_us)),
        ("writer's longest stall", micros(export.longest_stall_ms * 1e3)),
    ]
}

fn files(figures: &Figures) -> Vec<(&'static str, String)> {
    let ms = |ms: f64| micros(ms * 1e3);
    let seconds = |seconds: f64| micros(seconds * 1e6);
    // Before the first checkpoint the pages are in memory and the file is all log.
    let live = if figures.live_bytes == 0 { String::new() } else { format!(", {} of it live pages", bytes(figures.live_bytes)) };
    let file = format!("{}{live}", bytes(figures.file_bytes));
    vec![
        ("file after the load", bytes(figures.load.file_bytes)),
        ("file after the storm", file),
        ("open after a clean close", ms(figures.open_after_close_ms)),
        ("open after a kill, longest", ms(figures.kill.open_ms_max)),
        ("open the blob in place", format!("{}, {} to the first row", ms(figures.blob_open_ms), ms(figures.blob_first_read_ms))),
        ("restore the plain blob", seconds(figures.restore_seconds)),
        ("restore the LZ4 stream", seconds(figures.restore_lz4_seconds)),
    ]
}

fn bounds(bounds: &[Bound]) -> String {
    let columns = [Column::Text(""), Column::Text("bound"), Column::Number("measured")];
    let rows = bounds.iter().map(|bound| {
        let (met, sign) = if bound.met { ("met", "≤") } else { ("MISSED", ">") };
        let interval = bound.interval.map_or(String::new(), |at| format!(" ({} to {})", number(at.low), number(at.high)));
        vec![met.to_owned(), bound.name.clone(), format!("{}{interval} {sign} {}", number(bound.measured), number(bound.at_most))]
    });
    table(&columns, rows)
}

fn number(n: f64) -> String {
    if n.is_finite() { format!("{n:.2}") } else { "-".to_owned() }
}

fn promises(out: &mut Output, outcome: &Outcome) -> Result {
    let figures = &outcome.figures;
    if !outcome.broken.is_empty() {
        out.line(format_args!("BROKEN: {} of correctness", counted(outcome.broken.len() as u64, "promise")))?;
        return outcome.broken.iter().try_for_each(|broken| out.line(format_args!("  {broken}")));
    }
    let kill = &figures.kill;
    out.line("Every promise of correctness was kept:")?;
    out.line(format_args!(
        "  {} in mid-write: all {} acknowledged transactions are there whole, {} more, none in part",
        counted(kill.kills.into(), "kill"),
        count(kill.acknowledged),
        count(kill.found_beyond)
    ))?;
    out.line(format_args!("  {} beside the writer: none saw half a change", counted(readings_beside(figures), "reading")))?;
    out.line("  the blob, opened in place and restored from both forms, is the snapshot, entry by entry")?;
    out.line("  after every step the task store's indexes agree, and every page of the file is as it must be")
}

/// Readings that could have seen half a change. Who reads another store, of which nobody changes anything, could not.
fn readings_beside(figures: &Figures) -> u64 {
    [&figures.storm.beside_this_store, &figures.export.storm].iter().map(|slice| slice.details.count).sum()
}

/// The report for a program.
pub(super) fn json(about: &About<'_>, outcome: &Outcome) -> Result<Value> {
    let figures = serde_json::to_value(&outcome.figures);
    let figures = figures.map_err(|e| Error::Told(Exit::Other, format!("the figures as JSON: {e}")))?;
    let plan = about.plan;
    Ok(json!({
        "source": about.source,
        "bad_lines": about.bad_lines.iter().map(ToString::to_string).collect::<Vec<_>>(),
        "seed": plan.seed,
        "readers": plan.readers,
        "batch": plan.storm.batch,
        "storm_seconds": plan.storm_time.as_secs_f64(),
        "seconds": about.time.as_secs_f64(),
        "kept": outcome.broken.is_empty(),
        "broken": outcome.broken,
        "figures": figures,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Readings of the writer's store alone can show that no change was seen by halves, and an LZ4 stream that is made in quiet is no backup during the storm.
    /// The report used to add up the readings of all slices, of another store's too, and set the stream under "Snapshots and backups during the storm".
    #[test]
    fn the_report_claims_what_was_tried() {
        let mut figures = Figures::default();
        figures.storm.beside_other_store.details.count = 1_000;
        figures.storm.beside_this_store.details.count = 20;
        figures.export.storm.details.count = 3;
        assert_eq!(readings_beside(&figures), 23);
        assert!(export(&figures).iter().any(|(name, _)| *name == "LZ4 stream, afterwards"));
    }
}
