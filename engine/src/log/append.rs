//! The log's end: where the next record goes (FORMAT 4.1, 4.2).
//!
//! A record's place is fixed when it is appended, under the writer's turn; its bytes wait until the one who syncs takes them all and
//! writes them at once. After that the next record starts on a fresh block, so that no synced block is ever written again.
//!
//! ```text
//!  segment  head | r1 r2 r3 ▒ r4 ▒ r5 r6 ......|      ▒ = rest of a block, behind a sync
//!                                     ▲ cursor         next ──► the segment that follows, written ahead
//! ```
//!
//! Invariants: (1) `next` is allocated and its blocks were written before the segment's head names it; (2) the segments in `live` are those from the
//! older header's replay cursor on; (3) what is pending is behind everything that was taken.

use std::collections::VecDeque;

use crate::format::header::{Cursor, Run};
use crate::format::ids::BLOCK;
use crate::format::record::{self, RECORD_HEAD_LEN, RecordHead, RecordKind, SegmentHead};
use crate::format::{Extent, Version};

/// The largest segment that is made ahead: 4 MiB, about a thousand small synced commits.
pub(crate) const MAX_SEGMENT: u64 = 4 << 20;

/// A segment in use.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Segment {
    pub(crate) extent: Extent,
}

/// The log's end.
#[derive(Debug)]
pub(crate) struct Log {
    cursor: Cursor,
    /// Oldest first; the last is the one that is appended to.
    live: VecDeque<Segment>,
    next: Extent,
    /// Written extents for segments to come.
    spares: VecDeque<Extent>,
    pending: Vec<(u64, Vec<u8>)>,
    /// Number of the cursor that segments were last let go up to.
    released: u64,
    /// How many of the newest segments say how long those to come are to be: what stood there before the store was opened, or the log moved, does not.
    paced_by: usize,
    /// Nobody committed since the file was made as short as it can be: a segment ahead would only make it longer.
    rests: bool,
    salt: u64,
    term: u64,
}

/// What the log lacks before a record can be appended: lengths of segments.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Wants {
    /// One that holds the record.
    pub(crate) record: Option<u64>,
    /// One that is to follow: a shorter one does, too.
    pub(crate) ahead: Option<u64>,
}

/// What a record says about itself beside its body.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Label {
    pub(crate) kind: RecordKind,
    pub(crate) commit_count: u32,
    pub(crate) version: Version,
    pub(crate) durable_to: Version,
}

impl Log {
    /// Goes on at `run.start`, in the last segment of `live` (or behind it), whose follower is `next`.
    pub(crate) fn new(run: &Run, live: VecDeque<Segment>, next: Extent, term: u64) -> Log {
        let (spares, pending) = (VecDeque::new(), Vec::new());
        Log { cursor: run.start, live, next, spares, pending, released: 0, paced_by: 1, rests: false, salt: run.salt, term }
    }

    /// A new chain: the first segment's head is pending.
    pub(crate) fn start(salt: u64, number: u64, digest: u32, first: Extent, next: Extent, term: u64) -> Log {
        let cursor = Cursor { segment: first.offset, offset: first.offset + BLOCK, number, digest };
        let mut log = Log::new(&Run { salt, start: cursor }, VecDeque::new(), next, term);
        log.open_segment(first);
        log
    }

    /// Where the walk must start to meet every record from now on.
    pub(crate) fn cursor(&self) -> Cursor {
        self.cursor
    }

    /// What is to be supplied before a record with such a body can be appended.
    pub(crate) fn wants(&self, body_len: u64) -> Wants {
        if self.fits(body_len) {
            return Wants::default();
        }
        // The segments to come, in order: the record goes into the first that holds it, and that one names the one behind it.
        let coming = std::iter::once(&self.next).chain(&self.spares);
        let holds = coming.clone().position(|extent| fits_new(extent.len, body_len));
        let is_last = holds.map_or(self.spares.is_empty(), |at| at + 1 == coming.count());
        Wants { record: holds.is_none().then(|| Log::segment_for(body_len)), ahead: is_last.then(|| self.standard_len()) }
    }

    /// Length of a segment for one record with such a body.
    pub(crate) fn segment_for(body_len: u64) -> u64 {
        (BLOCK + RECORD_HEAD_LEN as u64 + body_len).next_multiple_of(BLOCK)
    }

    /// What is to be supplied before a record is appended whose transaction does more than remove: it leaves a spare for those that make room (L9).
    pub(crate) fn wants_and_a_spare(&self, body_len: u64) -> Wants {
        let wants = self.wants(body_len);
        let lacks_spare = wants == Wants::default() && self.spares.is_empty();
        if lacks_spare { Wants { ahead: Some(self.standard_len()), ..wants } } else { wants }
    }

    /// Length of an extent that it would be good to have ahead; `None` if there is one, or the log rests. A short one, which a writer had to make for himself, is not enough; two of them
    /// are: there is no room.
    pub(crate) fn wants_ahead(&self) -> Option<u64> {
        if self.rests {
            return None;
        }
        let standard = self.standard_len();
        let is_enough = self.spares.len() > 1 || self.spares.front().is_some_and(|spare| spare.len >= standard / 2);
        (!is_enough).then_some(standard)
    }

    /// Takes an extent whose blocks are written. Larger ones are used first: they were asked for.
    pub(crate) fn supply(&mut self, extent: Extent) {
        let at = self.spares.iter().position(|spare| spare.len < extent.len).unwrap_or(self.spares.len());
        self.spares.insert(at, extent);
    }

    /// Appends a record whose body is `parts`, one behind the other; gives its length with head. What it wanted must have been supplied.
    pub(crate) fn append(&mut self, label: Label, parts: &[&[u8]]) -> u64 {
        let body_len: usize = parts.iter().map(|part| part.len()).sum();
        self.rests &= label.kind != RecordKind::Commits;
        while !self.fits(body_len as u64) {
            let follower = self.spares.pop_front().expect("supplied what `wants` asked for");
            let segment = std::mem::replace(&mut self.next, follower);
            self.open_segment(segment);
        }
        let head = RecordHead {
            crc: 0,
            body_len: body_len as u32,
            kind: label.kind,
            number: self.cursor.number,
            digest: self.cursor.digest,
            commit_count: label.commit_count,
            salt: self.salt,
            version: label.version,
            durable_to: label.durable_to,
            term: self.term,
        };
        let offset = self.cursor.offset.next_multiple_of(8);
        let len = (RECORD_HEAD_LEN + body_len) as u64;
        let out = self.pending_at(offset);
        let start = out.len();
        out.reserve(len as usize);
        out.resize(start + RECORD_HEAD_LEN, 0);
        parts.iter().for_each(|part| out.extend_from_slice(part));
        self.cursor.digest = record::seal_record_in_place(&mut out[start..], &head);
        self.cursor.number += 1;
        self.cursor.offset = offset + len;
        len
    }

    /// Takes everything that waits, as runs of bytes with their offsets, ascending within a segment. `synced`: a sync will follow, so
    /// the next record starts on a fresh block.
    pub(crate) fn take(&mut self, synced: bool) -> Vec<(u64, Vec<u8>)> {
        if synced {
            self.cursor.offset = self.cursor.offset.next_multiple_of(BLOCK);
        }
        std::mem::take(&mut self.pending)
    }

    /// Moves on to `first`, followed by `next`: the segment that was to follow stays empty. Gives the spares back, and rests. The heads are pending.
    pub(crate) fn move_to(&mut self, first: Extent, next: Extent) -> Vec<Extent> {
        let spares = self.rest();
        for follower in [first, next] {
            let segment = std::mem::replace(&mut self.next, follower);
            self.open_segment(segment);
        }
        // From here on segments are short again, and double.
        self.paced_by = 1;
        spares
    }

    /// Gives the spares back, and wants none before the next commit.
    pub(crate) fn rest(&mut self) -> Vec<Extent> {
        self.rests = true;
        self.spares.drain(..).collect()
    }

    /// Keeps one spare of `len` bytes, whole blocks, if there is any, and gives back what the spares have beyond it.
    pub(crate) fn shorten_spares(&mut self, len: u64) -> Vec<Extent> {
        let mut rest: Vec<Extent> = self.spares.drain(1.min(self.spares.len())..).collect();
        if let Some(spare) = self.spares.front_mut().filter(|spare| spare.len > len) {
            rest.push(Extent { offset: spare.offset + len, len: spare.len - len });
            spare.len = len;
        }
        rest
    }

    /// Lets the segments go that stand before the one that `cursor` names. That one is kept even if its records end before the cursor: the
    /// walk starts there and follows it to the next. A cursor older than one before it lets nothing go: where it points another segment may stand by now.
    pub(crate) fn release_before(&mut self, cursor: Cursor) -> Vec<Extent> {
        if cursor.number < self.released {
            return Vec::new();
        }
        self.released = cursor.number;
        let keep = self.live.iter().position(|segment| segment.extent.offset == cursor.segment).unwrap_or(0);
        self.live.drain(..keep).map(|segment| segment.extent).collect()
    }

    /// Every extent the log holds: segments in use, the one that follows, and spares.
    pub(crate) fn extents(&self) -> Vec<Extent> {
        let live = self.live.iter().map(|segment| segment.extent);
        live.chain([self.next]).chain(self.spares.iter().copied()).collect()
    }

    /// The segments in use, oldest first; the last is the one that is appended to.
    pub(crate) fn segments(&self) -> impl ExactSizeIterator<Item = Segment> + '_ {
        self.live.iter().copied()
    }

    /// The extents that are made ahead.
    pub(crate) fn ahead(&self) -> impl Iterator<Item = Extent> + '_ {
        std::iter::once(self.next).chain(self.spares.iter().copied())
    }

    /// Bytes of the segments in use.
    pub(crate) fn live_bytes(&self) -> u64 {
        self.live.iter().map(|segment| segment.extent.len).sum()
    }

    fn standard_len(&self) -> u64 {
        let newest = self.live.iter().rev().take(self.paced_by.min(4));
        let longest = newest.map(|segment| segment.extent.len).max().unwrap_or(BLOCK).min(MAX_SEGMENT);
        // Doubles from segment to segment, so that a small store stays small, up to a bound whatever one record needed. A short segment that was made in haste does not set the pace.
        (longest * 2).clamp(4 * BLOCK, MAX_SEGMENT)
    }

    fn fits(&self, body_len: u64) -> bool {
        let end = self.live.back().map_or(0, |segment| segment.extent.end());
        let at = self.cursor.offset.next_multiple_of(8);
        at + RECORD_HEAD_LEN as u64 + body_len <= end
    }

    fn open_segment(&mut self, extent: Extent) {
        let head = SegmentHead {
            offset: extent.offset,
            len: extent.len,
            next: self.next.offset,
            salt: self.salt,
            first: self.cursor.number,
            next_len: self.next.len,
        };
        self.live.push_back(Segment { extent });
        self.paced_by = self.paced_by.saturating_add(1);
        self.cursor.segment = extent.offset;
        self.cursor.offset = extent.offset + BLOCK;
        // The head's whole block, so that what stood there before cannot be taken for anything.
        let mut block = vec![0; BLOCK as usize];
        block[..64].copy_from_slice(&head.encode());
        self.pending.push((extent.offset, block));
    }

    /// The pending run that ends at `offset`, padded with zeros up to there, or a new one.
    fn pending_at(&mut self, offset: u64) -> &mut Vec<u8> {
        let reaches = self.pending.last().is_some_and(|(start, bytes)| {
            let end = start + bytes.len() as u64;
            end <= offset && offset - end < BLOCK
        });
        if !reaches {
            self.pending.push((offset, Vec::new()));
        }
        let (start, bytes) = self.pending.last_mut().expect("pushed above");
        bytes.resize((offset - *start) as usize, 0);
        bytes
    }
}

fn fits_new(segment_len: u64, body_len: u64) -> bool {
    BLOCK + RECORD_HEAD_LEN as u64 + body_len <= segment_len
}

#[cfg(test)]
mod tests {
    use super::*;

    fn extent(first: u64, blocks: u64) -> Extent {
        Extent { offset: first * BLOCK, len: blocks * BLOCK }
    }

    /// A short spare, which a writer made in haste, does not keep a long one from being made, and is used behind it; where even that is short there is no room, and nobody tries for ever.
    #[test]
    fn short_spares_are_used_last() {
        let mut log = Log::start(1, 1, 0, extent(2, 64), extent(66, 64), 0);
        let standard = log.wants_ahead().expect("nothing is ahead");
        assert_eq!(standard, 128 * BLOCK);
        log.supply(extent(200, 8));
        assert_eq!(log.wants_ahead(), Some(standard));
        assert!(log.wants_and_a_spare(0) == Wants::default(), "a writer has what he needs");
        log.supply(extent(300, 128));
        assert_eq!(log.wants_ahead(), None);
        assert_eq!(log.ahead().collect::<Vec<_>>(), [extent(66, 64), extent(300, 128), extent(200, 8)]);
        let mut log = Log::start(1, 1, 0, extent(2, 64), extent(66, 64), 0);
        log.supply(extent(200, 4));
        log.supply(extent(204, 4));
        assert_eq!(log.wants_ahead(), None);
    }

    /// A log that was moved begins with short segments, whatever stands before, and has none made before somebody commits: the file is to be short.
    #[test]
    fn moved_logs_begin_small() {
        let blocks = MAX_SEGMENT / BLOCK;
        let mut log = Log::start(1, 1, 0, extent(2, blocks), extent(2 + blocks, blocks), 0);
        assert_eq!(log.wants_ahead(), Some(MAX_SEGMENT));
        log.move_to(extent(5000, 16), extent(5016, 16));
        assert_eq!(log.wants_ahead(), None, "nobody writes");
        let label = |kind| Label { kind, commit_count: 1, version: Version(1), durable_to: Version(0) };
        log.append(label(RecordKind::Seal), &[]);
        assert_eq!(log.wants_ahead(), None, "a seal is no commit");
        log.append(label(RecordKind::Commits), &[]);
        assert_eq!(log.wants_ahead(), Some(32 * BLOCK));
    }

    /// Of the spares one short piece stays, however long and many they were, and everything else is given back.
    #[test]
    fn spares_are_shortened() {
        let mut log = Log::start(1, 1, 0, extent(2, 4), extent(6, 4), 0);
        assert_eq!(log.shorten_spares(4 * BLOCK), []);
        [extent(20, 4), extent(30, 16), extent(50, 8)].into_iter().for_each(|extent| log.supply(extent));
        assert_eq!(log.shorten_spares(4 * BLOCK), [extent(50, 8), extent(20, 4), extent(34, 12)]);
        assert_eq!(log.ahead().collect::<Vec<_>>(), [extent(6, 4), extent(30, 4)]);
        assert_eq!(log.shorten_spares(4 * BLOCK), []);
    }

    /// A header that was written late gives nothing away. Two headers were written, and the one with the older cursor came last to let segments go: where its cursor pointed stood a newer
    /// segment by then, the place had been used again, and everything before it went, the newest records among it.
    #[test]
    fn late_headers_let_nothing_go() {
        let mut log = Log::start(1, 1, 0, extent(2, 4), extent(6, 4), 0);
        let label = Label { kind: RecordKind::Commits, commit_count: 1, version: Version(1), durable_to: Version(0) };
        let old = log.cursor();
        // A segment each.
        let next = |log: &mut Log, ahead: Extent| {
            log.supply(ahead);
            log.append(label, &[&vec![0; 2 * BLOCK as usize]]);
        };
        next(&mut log, extent(10, 4));
        next(&mut log, extent(14, 4));
        let new = log.cursor();
        assert_eq!(log.release_before(new), [extent(2, 4)]);
        next(&mut log, extent(2, 4));
        next(&mut log, extent(18, 4));
        next(&mut log, extent(22, 4));
        let live: Vec<_> = log.segments().map(|segment| segment.extent.offset / BLOCK).collect();
        assert_eq!(live, [6, 10, 14, 2]);
        assert_eq!(log.release_before(old), []);
    }

    /// A short segment in use does not make those that follow short: they would be full the sooner, and a writer in haste again; and long ones that are free again would not be taken.
    #[test]
    fn a_short_segment_does_not_set_the_pace() {
        let blocks = MAX_SEGMENT / BLOCK;
        let mut log = Log::start(1, 1, 0, extent(2, blocks), extent(2 + blocks, 64), 0);
        log.supply(extent(2 + 2 * blocks, blocks));
        let label = Label { kind: RecordKind::Commits, commit_count: 1, version: Version(1), durable_to: Version(0) };
        log.append(label, &[&vec![0; (MAX_SEGMENT - 2 * BLOCK) as usize]]);
        log.append(label, &[&vec![0; BLOCK as usize]]);
        assert_eq!(log.segments().map(|segment| segment.extent.len).collect::<Vec<_>>(), [MAX_SEGMENT, 64 * BLOCK]);
        assert_eq!(log.wants_ahead(), Some(MAX_SEGMENT));
    }
}
