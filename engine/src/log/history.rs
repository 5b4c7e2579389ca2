//! Records that recovery no longer needs and that are still in the file: for looking at, never for recovery.
//!
//! A segment is kept as long as a header needs any record of it, so what stands before the replay cursor in its segment, and behind the cursor of the
//! older header, is still there. The chain of digests proves it: what is given begins at a segment's first record and leads, record by
//! record, to exactly the one that the newest header's cursor names. Salts are not asked for: the runs of old records may be forgotten.

use crate::disk::Disk;
use crate::error::Result;
use crate::format::header::Cursor;
use crate::format::ids::BLOCK;
use crate::format::record::RecordHead;
use crate::log::append::Segment;
use crate::log::recover::{Found, Headers, Loaded, Walk};

/// Puts the records before those of `walk` in front of it, as far back as the file has them in one chain.
///
/// # Errors
/// `Io`. What does not fit is no error: it is not there.
pub(crate) fn extend(disk: &dyn Disk, headers: &Headers, walk: Walk) -> Result<Walk> {
    let until = &headers.newest.replay;
    let older = headers.other.as_ref().ok().map(|other| other.replay.segment);
    // Where both headers name one segment the second look finds what the first found.
    for segment in older.into_iter().chain([until.segment]) {
        let Some((records, segments)) = chain(disk, segment, until)? else { continue };
        return Ok(join(records, segments, walk));
    }
    Ok(walk)
}

fn join(mut records: Vec<Found>, mut segments: Vec<Segment>, walk: Walk) -> Walk {
    let (before, skipped) = (records.len(), segments.len());
    records.extend(walk.records.iter().map(|found| Found { segment: found.segment + skipped, ..*found }));
    segments.extend(walk.segments);
    Walk { records, segments, seal: walk.seal + before, ..walk }
}

/// The records from the first of the segment at `from` up to the one before `until`, if there is such a chain.
fn chain(disk: &dyn Disk, from: u64, until: &Cursor) -> Result<Option<(Vec<Found>, Vec<Segment>)>> {
    let file_len = disk.len()?;
    let Some(mut segment) = Loaded::read(disk, from, file_len)? else { return Ok(None) };
    let mut records: Vec<Found> = Vec::new();
    let mut segments = vec![Segment { extent: segment.head.extent() }];
    let first = segment.head.first;
    // Segments do not overlap: together they are no longer than the file.
    let mut left = file_len.saturating_sub(segment.head.len);
    // Each turn of the loop finds a record or goes on by a segment: bounded by the blocks of the file, of which each record has a part.
    for number in first..until.number {
        let last = records.last().copied();
        let found = loop {
            let found = next(&segment, number, last.as_ref());
            if found.is_some() || last.is_none() {
                break found;
            }
            let follower = Loaded::read(disk, segment.head.next, file_len)?.filter(|follower| follower.head.first == number);
            match follower.and_then(|follower| Some((left.checked_sub(follower.head.len)?, follower))) {
                Some((rest, follower)) => (left, segment) = (rest, follower),
                None => break None,
            }
            segments.push(Segment { extent: segment.head.extent() });
        };
        let Some((offset, head)) = found else { return Ok(None) };
        records.push(Found { offset, head, segment: segments.len() - 1 });
    }
    let leads_there = records.last().is_none_or(|last| last.head.crc == until.digest);
    Ok((first <= until.number && leads_there).then_some((records, segments)))
}

/// Record `number` in this segment, behind `last`: next to it, on the next block, or at the segment's beginning (FORMAT 4.2).
fn next(segment: &Loaded, number: u64, last: Option<&Found>) -> Option<(u64, RecordHead)> {
    let start = segment.head.offset.checked_add(BLOCK)?;
    let behind = last.map(|last| last.offset.saturating_add(last.head.record_len())).filter(|end| *end > start);
    let (packed, fresh) = match behind {
        Some(end) => (end.checked_next_multiple_of(8)?, end.checked_next_multiple_of(BLOCK)?),
        None => (start, start),
    };
    let follows = |head: &RecordHead| head.number == number && last.is_none_or(|last| last.head.crc == head.digest);
    [packed, fresh, start].into_iter().find_map(|at| segment.record(at).filter(follows).map(|head| (at, head)))
}
