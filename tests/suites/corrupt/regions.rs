//! What stands where in a small store's file, as far as it matters what a damage there does; and why some of it does no harm.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::Arc;

use treering::RegionKind;
use treering::disk::Disk;
use treering::format::chunk::{ChunkTail, TAIL_LEN};
use treering_tests::SimulatedDisk;

use crate::judge::Found;
use crate::small::Built;

/// A kind of bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    Header,
    SegmentHead,
    Log,
    LogAhead,
    Pages,
    Directory,
    Padding,
    Tail,
    /// A chunk of which no page is reached any more once the log was replayed.
    DeadChunk,
    Free,
}

impl Kind {
    /// Why a changed byte of this kind may do no harm; none where each does.
    fn excuse(self) -> Option<&'static str> {
        match self {
            Kind::Header => Some("the other slot is enough"),
            Kind::SegmentHead => Some("before the cursor that the header names, or zeros behind the head"),
            Kind::Log => Some("sealed commits, room behind the newest record, padding between records"),
            Kind::LogAhead => Some("nothing is in it yet"),
            Kind::Pages => Some("pages that only older versions reached"),
            Kind::Padding => Some("zeros that nobody reads; `check` finds it"),
            Kind::Directory | Kind::Tail => None,
            Kind::DeadChunk => Some("nobody reads it, but for the replay"),
            Kind::Free => Some("holds anything"),
        }
    }
}

/// The kinds of a file's bytes, and what became of damage there.
pub(crate) struct Map {
    /// Where each kind begins, ascending.
    starts: Vec<(usize, Kind)>,
    counts: BTreeMap<Kind, [u64; 3]>,
}

impl Map {
    /// The map of an undamaged file.
    pub(crate) fn of(built: &Built) -> Map {
        let disk = SimulatedDisk::holding(&built.file);
        let store = built.options.open_read_only_on(disk as Arc<dyn Disk>).expect("it is whole");
        let mut starts = Vec::new();
        for region in store.layout() {
            let (start, end) = (region.offset as usize, (region.offset + region.len) as usize);
            match region.kind {
                RegionKind::Headers => starts.push((start, Kind::Header)),
                RegionKind::Segment { .. } => starts.extend([(start, Kind::SegmentHead), (start + 4096, Kind::Log)]),
                RegionKind::SegmentAhead => starts.push((start, Kind::LogAhead)),
                RegionKind::Leaving | RegionKind::Chunk { live_bytes: 0, .. } => starts.push((start, Kind::DeadChunk)),
                RegionKind::Chunk { .. } => {
                    let tail = ChunkTail::decode(&built.file[end - TAIL_LEN..end], region.len).expect("it is whole");
                    let directory = start + tail.directory as usize;
                    let padding = directory + tail.directory_len() as usize;
                    starts.extend([(start, Kind::Pages), (directory, Kind::Directory), (padding, Kind::Padding)]);
                    starts.push((end - TAIL_LEN, Kind::Tail));
                }
                _ => starts.push((start, Kind::Free)),
            }
        }
        Map { starts, counts: BTreeMap::new() }
    }

    pub(crate) fn kind(&self, at: usize) -> Kind {
        let next = self.starts.partition_point(|(start, _)| *start <= at);
        self.starts[next - 1].1
    }

    /// Counts what became of a changed byte.
    pub(crate) fn count(&mut self, at: usize, found: Found) {
        self.counts.entry(self.kind(at)).or_default()[found as usize] += 1;
    }

    /// Bytes whose change does no harm lie where there is an excuse for that, and the table of them.
    pub(crate) fn table(&self) -> String {
        let mut table = format!("  {:12} {:>8} {:>8} {:>8}  harmless, because\n", "bytes", "harmless", "errors", "dropped");
        for (kind, [right, errors, dropped]) in &self.counts {
            assert!(*right == 0 || kind.excuse().is_some(), "{right} changed bytes of {kind:?} went unseen");
            let why = if *right > 0 { kind.excuse().unwrap_or_default() } else { "" };
            let _ = writeln!(table, "  {:12} {right:>8} {errors:>8} {dropped:>8}  {why}", format!("{kind:?}"));
        }
        table
    }
}
