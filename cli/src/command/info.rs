//! `treering info`: what a file is, at a glance.

use clap::Args;
use serde_json::json;
use treering::{Identity, OpenReport, Stats, TableInfo};

use crate::error::Result;
use crate::output::Output;
use crate::store::StorePath;
use crate::table::{Column, facts, table};
use crate::{text, units};

/// Say what a store is: version, tables, sizes, how it was closed
///
/// Opens the file for reading, beside other readers; no byte of it changes. What a crash left unsealed is replayed in memory.
#[derive(Args, Debug)]
pub(crate) struct Info {
    #[command(flatten)]
    store: StorePath,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

impl Info {
    pub(crate) fn run(&self, out: &mut Output) -> Result {
        let store = self.store.read()?;
        let (identity, report, stats) = (store.identity(), store.open_report(), store.stats());
        let snapshot = store.snapshot();
        let tables = snapshot.reader().tables();
        if self.json {
            return out.json(&as_json(&identity, report, &stats, &tables));
        }
        let what = if identity.blob { "a snapshot blob" } else { "a store" };
        out.line(format_args!("{}: {what}, format {}, layout {}\n", self.store.name(), identity.format, identity.layout))?;
        out.line(facts(&described(&identity, report, &stats)))?;
        out.line("")?;
        if tables.is_empty() {
            return out.line("  no tables");
        }
        let columns = [Column::Text("table"), Column::Number("entries"), Column::Text("compression")];
        let rows = tables.iter().map(|table| {
            let compression = if table.lz4 { "LZ4" } else { "none" };
            vec![text::escape(table.name.as_bytes()), units::count(table.len), compression.to_owned()]
        });
        out.line(table(&columns, rows))
    }
}

fn described(identity: &Identity, report: &OpenReport, stats: &Stats) -> Vec<(&'static str, String)> {
    let mut facts = vec![("version", units::count(report.version))];
    let replayed = match report.replayed {
        0 => "nothing to replay".to_owned(),
        n => format!("{} replayed from the log", units::counted(n, "commit")),
    };
    facts.push(("sealed", format!("{}; {replayed}", units::count(report.sealed))));
    facts.push((
        "closed",
        if report.clean { "cleanly".into() } else { "not: its last writer was killed or is a crash's victim".into() },
    ));
    if report.dropped_bytes > 0 {
        facts.push((
            "torn end",
            format!("{} of commits that were not durable were dropped", units::exact_bytes(report.dropped_bytes)),
        ));
    }
    if let Some(damage) = &report.damaged_header {
        facts.push(("warning", format!("one of two headers is damaged: {damage}")));
    }
    facts.push(("file", units::exact_bytes(stats.file_bytes)));
    facts.push(("live pages", units::exact_bytes(stats.live_bytes)));
    let share = if stats.chunk_bytes == 0 {
        String::new()
    } else {
        format!(", {} of their bytes live", units::percent(live_share(stats)))
    };
    facts.push(("chunks", format!("{}{share}", units::count(stats.chunks))));
    facts.push(("free", units::exact_bytes(stats.free_bytes)));
    facts.push(("page length", units::bytes(identity.page_len.into())));
    facts.push(("incarnation", text::to_hex(&identity.incarnation)));
    if let Some(parent) = identity.parent {
        facts.push(("forked from", format!("{} at version {}", text::to_hex(&parent), units::count(identity.forked_at))));
    }
    facts
}

fn live_share(stats: &Stats) -> f64 {
    if stats.chunk_bytes == 0 { 1.0 } else { stats.live_bytes as f64 / stats.chunk_bytes as f64 }
}

fn as_json(identity: &Identity, report: &OpenReport, stats: &Stats, tables: &[TableInfo]) -> serde_json::Value {
    let tables: Vec<_> =
        tables.iter().map(|table| json!({ "name": table.name, "entries": table.len, "lz4": table.lz4 })).collect();
    json!({
        "format": identity.format,
        "layout": identity.layout,
        "blob": identity.blob,
        "page_len": identity.page_len,
        "incarnation": text::to_hex(&identity.incarnation),
        "parent": identity.parent.map(|parent| text::to_hex(&parent)),
        "forked_at": identity.forked_at,
        "version": report.version,
        "sealed": report.sealed,
        "replayed": report.replayed,
        "dropped_bytes": report.dropped_bytes,
        "damaged_header": report.damaged_header,
        "clean": report.clean,
        "file_bytes": stats.file_bytes,
        "live_bytes": stats.live_bytes,
        "chunks": stats.chunks,
        "chunk_bytes": stats.chunk_bytes,
        "free_bytes": stats.free_bytes,
        "log_bytes": stats.log_bytes,
        "tables": tables,
    })
}
