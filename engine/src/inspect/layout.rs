//! The file as a map: every byte of it belongs to exactly one region.

use crate::format::Extent;
use crate::format::ids::BLOCK;
use crate::store::Machine;

/// A part of the file. Regions of a layout ascend, do not overlap, and leave no byte out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Region {
    /// Offset of its first byte in the file.
    pub offset: u64,
    /// Its length in bytes.
    pub len: u64,
    /// What stands there.
    pub kind: RegionKind,
}

/// What stands in a region.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RegionKind {
    /// The two header slots (FORMAT 3).
    Headers,
    /// A segment of the log in use (FORMAT 4).
    #[non_exhaustive]
    Segment {
        /// Whether it is the one that records are appended to.
        open: bool,
    },
    /// A segment that was made ahead: the log goes on there when the one before is full.
    SegmentAhead,
    /// A chunk of pages (FORMAT 6).
    #[non_exhaustive]
    Chunk {
        /// Its id, the same for ever.
        id: u64,
        /// How often it was written again without what nobody needs.
        generation: u32,
        /// Pages in it.
        pages: u32,
        /// Bytes of its pages.
        page_bytes: u64,
        /// Bytes of the pages that the newest version reaches.
        live_bytes: u64,
        /// Bytes of the pages that the newest version or a snapshot reaches.
        kept_bytes: u64,
    },
    /// Nothing needs it any more, and it is free once both headers say so and nobody reads there.
    Leaving,
    /// Free; holds anything.
    Free,
    /// A checkpoint, a compaction or the log is about to write there.
    Reserved,
}

impl Machine {
    /// What stands where, by offset, without a gap. O(extents).
    pub(crate) fn layout(&self) -> Vec<Region> {
        self.reclaim_all();
        // All books at one moment, in the order in which locks are taken.
        let pipeline = self.pipeline.lock();
        self.reclaim_published();
        let reclaim = self.reclaim.lock();
        let space = self.space.lock();
        let mut parts = vec![(Extent { offset: 0, len: 2 * BLOCK }, RegionKind::Headers)];
        let live = pipeline.log.segments();
        let count = live.len();
        parts.extend(live.enumerate().map(|(i, segment)| (segment.extent, RegionKind::Segment { open: i + 1 == count })));
        parts.extend(pipeline.log.ahead().map(|extent| (extent, RegionKind::SegmentAhead)));
        parts.extend(reclaim.accounts.values().map(|account| {
            let chunk = &account.chunk;
            let kind = RegionKind::Chunk {
                id: chunk.id.0,
                generation: chunk.generation,
                pages: chunk.page_count,
                page_bytes: chunk.page_bytes,
                live_bytes: account.newest_bytes,
                kept_bytes: account.kept_bytes,
            };
            (chunk.extent, kind)
        }));
        parts.extend(reclaim.leaving_extents().map(|extent| (extent, RegionKind::Leaving)));
        parts.extend(space.extents().map(|extent| (extent, RegionKind::Free)));
        regions(parts, space.end())
    }
}

/// Sorts `parts` and names what is between them, up to `end`.
fn regions(mut parts: Vec<(Extent, RegionKind)>, end: u64) -> Vec<Region> {
    parts.sort_unstable_by_key(|(extent, _)| *extent);
    let mut regions = Vec::with_capacity(parts.len());
    let mut at = 0;
    for (extent, kind) in parts {
        if extent.offset > at {
            regions.push(Region { offset: at, len: extent.offset - at, kind: RegionKind::Reserved });
        }
        regions.push(Region { offset: extent.offset, len: extent.len, kind });
        at = extent.end();
    }
    if end > at {
        regions.push(Region { offset: at, len: end - at, kind: RegionKind::Reserved });
    }
    regions
}
