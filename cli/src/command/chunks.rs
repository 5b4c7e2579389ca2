//! `treering chunks`: the file as a map that one can look at.
//!
//! ```text
//!       0  HLL+████████▓▓▓▓····░░██        a cell is a power of two of bytes; it shows what most of it is
//! ```

use clap::Args;
use serde_json::{Value, json};
use treering::{Region, RegionKind};

use crate::error::Result;
use crate::output::Output;
use crate::store::StorePath;
use crate::table::{Column, table};
use crate::units;

/// Cells of a line: with the offset before them they fit 100 columns.
const CELLS: u64 = 80;
/// Most lines of a map.
const LINES: u64 = 16;
/// The smallest cell: everything in a file stands on blocks.
const BLOCK: u64 = 4096;
/// Regions that are listed unless --all is given.
const LISTED: usize = 32;

/// Draw the file as a map: headers, log, chunks and how full they are, free space
///
/// Opens the file for reading, beside other readers; no byte of it changes.
#[derive(Args, Debug)]
pub(crate) struct Chunks {
    #[command(flatten)]
    store: StorePath,
    /// List every region, not only the first 32
    #[arg(long)]
    all: bool,
    /// Print one JSON object with every region
    #[arg(long)]
    json: bool,
}

impl Chunks {
    pub(crate) fn run(&self, out: &mut Output) -> Result {
        let store = self.store.read()?;
        let layout = store.layout();
        let len = layout.last().map_or(0, |last| last.offset + last.len);
        if self.json {
            let regions: Vec<Value> = layout.iter().map(as_json).collect();
            return out.json(&json!({ "version": store.version(), "file_bytes": len, "regions": regions }));
        }
        let cell = cell_len(len);
        out.line(format_args!(
            "{}, version {}, {}\n",
            self.store.name(),
            units::count(store.version()),
            units::exact_bytes(len)
        ))?;
        map(&layout, cell).iter().try_for_each(|line| out.line(line))?;
        out.line(format_args!(
            "\n  a cell is {}:  H headers   L log   + log made ahead   · free   - soon free   ? in use",
            units::bytes(cell)
        ))?;
        out.line("  chunks, by the share of their bytes that is live:  █ 88 % or more   ▓ 63 %   ▒ 38 %   ░ less\n")?;
        let listed = if self.all { layout.len() } else { layout.len().min(LISTED) };
        let columns = [Column::Number("offset"), Column::Number("length"), Column::Text("what"), Column::Text("details")];
        out.line(table(&columns, layout.iter().take(listed).map(row)))?;
        if listed < layout.len() {
            out.line(format_args!("\n  and {} more: --all lists them", units::count((layout.len() - listed) as u64)))?;
        }
        Ok(())
    }
}

/// The shortest cell with which a file of `len` bytes has not too many lines.
fn cell_len(len: u64) -> u64 {
    let mut cell = BLOCK;
    while len.div_ceil(cell) > CELLS * LINES {
        cell *= 2;
    }
    cell
}

/// The map's lines: the offset of the first cell, then the cells.
fn map(layout: &[Region], cell: u64) -> Vec<String> {
    let mut cells = String::new();
    let mut lines = Vec::new();
    let mut offset = 0;
    let len = layout.last().map_or(0, |last| last.offset + last.len);
    let mut rest = layout;
    while offset < len {
        let end = offset + cell;
        // Regions before this cell are over for every later one, too.
        while let [first, tail @ ..] = rest
            && first.offset + first.len <= offset
        {
            rest = tail;
        }
        let here = rest.iter().take_while(|region| region.offset < end);
        // The headers are shown however small they are beside the rest of their cell.
        let most = here.max_by_key(|region| {
            let share = (region.offset + region.len).min(end) - region.offset.max(offset);
            (region.kind == RegionKind::Headers, share)
        });
        cells.push(most.map_or(' ', |region| symbol(&region.kind)));
        offset = end;
        if cells.chars().count() as u64 == CELLS || offset >= len {
            let start = (offset - 1) / (cell * CELLS) * (cell * CELLS);
            lines.push(format!("  {:>9}  {cells}", units::bytes(start)));
            cells.clear();
        }
    }
    lines
}

fn symbol(kind: &RegionKind) -> char {
    match kind {
        RegionKind::Headers => 'H',
        RegionKind::Segment { .. } => 'L',
        RegionKind::SegmentAhead => '+',
        RegionKind::Chunk { live_bytes, page_bytes, .. } => match share(*live_bytes, *page_bytes) {
            share if share >= 0.875 => '█',
            share if share >= 0.625 => '▓',
            share if share >= 0.375 => '▒',
            _ => '░',
        },
        RegionKind::Leaving => '-',
        RegionKind::Free => '·',
        _ => '?',
    }
}

fn share(part: u64, whole: u64) -> f64 {
    if whole == 0 { 1.0 } else { part as f64 / whole as f64 }
}

fn row(region: &Region) -> Vec<String> {
    let (what, details) = match region.kind {
        RegionKind::Headers => ("headers", "two slots of a block".to_owned()),
        RegionKind::Segment { open, .. } => ("log", if open { "appended to" } else { "in use" }.to_owned()),
        RegionKind::SegmentAhead => ("log", "made ahead".to_owned()),
        RegionKind::Chunk { id, generation, pages, page_bytes, live_bytes, .. } => {
            let again = match generation {
                0 => String::new(),
                1 => ", written again once".to_owned(),
                n => format!(", written again {n} times"),
            };
            let share = units::percent(share(live_bytes, page_bytes));
            ("chunk", format!("{id}: {}, {share} live{again}", units::counted(pages.into(), "page")))
        }
        RegionKind::Leaving => ("soon free", "after the next headers".to_owned()),
        RegionKind::Free => ("free", String::new()),
        _ => ("in use", "about to be written".to_owned()),
    };
    vec![units::count(region.offset), units::bytes(region.len), what.to_owned(), details]
}

fn as_json(region: &Region) -> Value {
    let mut value = json!({ "offset": region.offset, "len": region.len });
    let kind = match region.kind {
        RegionKind::Headers => "headers",
        RegionKind::Segment { open, .. } => {
            value["open"] = open.into();
            "segment"
        }
        RegionKind::SegmentAhead => "segment_ahead",
        RegionKind::Chunk { id, generation, pages, page_bytes, live_bytes, kept_bytes, .. } => {
            value["id"] = id.into();
            value["generation"] = generation.into();
            value["pages"] = pages.into();
            value["page_bytes"] = page_bytes.into();
            value["live_bytes"] = live_bytes.into();
            value["kept_bytes"] = kept_bytes.into();
            "chunk"
        }
        RegionKind::Leaving => "leaving",
        RegionKind::Free => "free",
        _ => "reserved",
    };
    value["kind"] = kind.into();
    value
}
