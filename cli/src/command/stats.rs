//! `treering stats`: the figures of a file, and of its tables when asked for.

use clap::Args;
use serde_json::{Value, json};
use treering::{Snapshot, Stats as Figures, TableInfo};

use crate::error::{Error, Result};
use crate::interrupt::{self, First};
use crate::output::Output;
use crate::progress::Progress;
use crate::store::{ALL, StorePath, entries};
use crate::table::{Column, facts, table};
use crate::{text, units};

/// Show a store's figures: space, log, recovery
///
/// Figures that only a running program has (waits, sync times, snapshots) are that program's: it asks its own store for them.
#[derive(Args, Debug)]
pub(crate) struct Stats {
    #[command(flatten)]
    store: StorePath,
    /// Read every entry, and show the sizes of keys and values by table
    #[arg(long)]
    tables: bool,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

/// Sizes of a table's entries.
struct Sizes {
    table: TableInfo,
    key_bytes: u64,
    value_bytes: u64,
    value_max: u64,
}

impl Stats {
    pub(crate) fn run(&self, out: &mut Output) -> Result {
        let store = self.store.read()?;
        let figures = store.stats();
        let sizes = if self.tables { Some(sizes(&store.snapshot())?) } else { None };
        if self.json {
            return out.json(&as_json(&figures, store.open_report().replayed, sizes.as_deref()));
        }
        out.line("space")?;
        out.line(facts(&space(&figures)))?;
        out.line("\nlog and recovery")?;
        out.line(facts(&log(&figures, store.open_report().replayed)))?;
        match sizes {
            None => Ok(()),
            Some(sizes) => {
                out.line("")?;
                out.line(of_tables(&sizes))
            }
        }
    }
}

fn space(figures: &Figures) -> Vec<(&'static str, String)> {
    let of_file = |bytes: u64| {
        let share = if figures.file_bytes == 0 { 0.0 } else { bytes as f64 / figures.file_bytes as f64 };
        format!("{:<10} {:>5}", units::bytes(bytes), units::percent(share))
    };
    let live = if figures.chunk_bytes == 0 { 1.0 } else { figures.live_bytes as f64 / figures.chunk_bytes as f64 };
    vec![
        ("file", of_file(figures.file_bytes)),
        ("pages in chunks", of_file(figures.chunk_bytes)),
        ("live pages", of_file(figures.live_bytes)),
        ("log segments", of_file(figures.log_bytes)),
        ("free", of_file(figures.free_bytes)),
        ("free after the next headers", of_file(figures.leaving_bytes)),
        ("chunks", format!("{}, {} of their bytes live", units::count(figures.chunks), units::percent(live))),
    ]
}

fn log(figures: &Figures, replayed: u64) -> Vec<(&'static str, String)> {
    vec![
        ("version", units::count(figures.version)),
        ("durable", units::count(figures.durable_version)),
        ("sealed", units::count(figures.sealed_version)),
        ("replayed at this open", format!("{} commits, {}", units::count(replayed), units::bytes(figures.tail_bytes))),
        ("pages only in memory", units::bytes(figures.dirty_bytes)),
    ]
}

fn sizes(snapshot: &Snapshot) -> Result<Vec<Sizes>> {
    interrupt::watch(First::Asks)?;
    let tables = snapshot.reader().tables();
    let progress = Progress::steps("reading", tables.iter().map(|table| table.len).sum(), "entries");
    let mut done = 0;
    let mut all = Vec::new();
    for info in tables {
        let mut sizes = Sizes { table: info, key_bytes: 0, value_bytes: 0, value_max: 0 };
        let name = sizes.table.name.clone();
        entries(snapshot, &name, ALL, false, |key, value| {
            let value_len = value.len() as u64;
            sizes.key_bytes += key.len() as u64;
            sizes.value_bytes += value_len;
            sizes.value_max = sizes.value_max.max(value_len);
            done += 1;
            if done % 4096 == 0 {
                progress.at(done);
                if interrupt::asked() {
                    return Err(Error::interrupted());
                }
            }
            Ok(true)
        })?;
        all.push(sizes);
    }
    Ok(all)
}

fn of_tables(all: &[Sizes]) -> String {
    let columns = [
        Column::Text("table"),
        Column::Number("entries"),
        Column::Number("keys"),
        Column::Number("values"),
        Column::Number("mean value"),
        Column::Number("largest"),
    ];
    let rows = all.iter().map(|sizes| {
        vec![
            text::escape(sizes.table.name.as_bytes()),
            units::count(sizes.table.len),
            units::bytes(sizes.key_bytes),
            units::bytes(sizes.value_bytes),
            units::bytes(sizes.value_bytes.checked_div(sizes.table.len).unwrap_or(0)),
            units::bytes(sizes.value_max),
        ]
    });
    table(&columns, rows)
}

fn as_json(figures: &Figures, replayed: u64, sizes: Option<&[Sizes]>) -> Value {
    let mut value = json!({
        "version": figures.version,
        "durable_version": figures.durable_version,
        "sealed_version": figures.sealed_version,
        "replayed": replayed,
        "tail_bytes": figures.tail_bytes,
        "file_bytes": figures.file_bytes,
        "chunks": figures.chunks,
        "chunk_bytes": figures.chunk_bytes,
        "live_bytes": figures.live_bytes,
        "log_bytes": figures.log_bytes,
        "free_bytes": figures.free_bytes,
        "leaving_bytes": figures.leaving_bytes,
        "dirty_bytes": figures.dirty_bytes,
    });
    if let Some(sizes) = sizes {
        let table = |sizes: &Sizes| {
            json!({
                "name": sizes.table.name,
                "entries": sizes.table.len,
                "lz4": sizes.table.lz4,
                "key_bytes": sizes.key_bytes,
                "value_bytes": sizes.value_bytes,
                "value_max_bytes": sizes.value_max,
            })
        };
        value["tables"] = sizes.iter().map(table).collect();
    }
    value
}
