//! Finding the newest whole state: FORMAT 9, steps 1 to 4. Reads only.
//!
//! [`choose_header`] takes the newer valid slot; [`walk`] follows the chain of records to the first place where none fits, and decides by evidence
//! whether what stands there is torn (dropped, and said) or rotten (an error). [`Bodies`] then lends the records' bodies in order.
//!
//! Every length is checked against the file before it is believed; the walk is bounded by the file, since each step moves on in a segment or to a
//! segment whose head names the number that is due.

use crate::disk::Disk;
use crate::error::{Error, ErrorKind, Result};
use crate::format::header::{self, Cursor, HEADER_LEN, Header, SLOT_1};
use crate::format::ids::BLOCK;
use crate::format::record::{self, RECORD_HEAD_LEN, RecordHead, RecordKind, SEGMENT_HEAD_LEN, SegmentHead};
use crate::format::{Extent, Version};
use crate::log::append::Segment;
use crate::log::places::zeros;

/// Most bytes of damaged records that the search for evidence hashes, beyond the bytes that it searches, before it gives up: a hostile file, in which one false head
/// stands behind the other, must not cost time without bound. Records that are whole and those that a crash tore stand one behind the other.
const EVIDENCE_BUDGET: u64 = 64 << 20;

/// The headers of a file.
#[derive(Debug)]
pub(crate) struct Headers {
    /// The newer valid one.
    pub(crate) newest: Header,
    /// What is wrong with the other slot, if anything is.
    pub(crate) other: Result<Header>,
}

/// Reads both slots and takes the newer valid one.
///
/// # Errors
/// `NotAStore` or `Unsupported` as the first slot says; `Corrupt` if both are damaged, or the file ends before the second.
pub(crate) fn choose_header(disk: &dyn Disk) -> Result<Headers> {
    let len = disk.len()?;
    if len < 2 * BLOCK {
        let mut start = vec![0; len.min(HEADER_LEN as u64) as usize];
        disk.read_at(&mut start, 0)?;
        let what = match Header::decode(&start) {
            Err(e) if e.kind() == ErrorKind::Unsupported => return Err(e.within(disk.name())),
            _ if start.starts_with(&header::MAGIC) => {
                let what = format!("the file ends at byte {len}, within its headers: it was cut short; restore from a blob");
                return Err(Error::corrupt(disk.name(), what));
            }
            _ => "it is shorter than its headers; check the path",
        };
        return Err(Error::new(ErrorKind::NotAStore, format!("{} is no store: {what}", disk.name())));
    }
    let first = slot(disk, 0);
    let second = slot(disk, SLOT_1);
    match (first, second) {
        (Ok(a), Ok(b)) if b.sequence > a.sequence => Ok(Headers { newest: b, other: Ok(a) }),
        (Ok(a), other) => Ok(Headers { newest: a, other }),
        (other, Ok(b)) => Ok(Headers { newest: b, other }),
        // A file of another kind fails alike in both; the first slot's words are the clearest.
        (Err(a), Err(_)) => Err(a.within(disk.name())),
    }
}

fn slot(disk: &dyn Disk, offset: u64) -> Result<Header> {
    let mut block = vec![0; HEADER_LEN];
    disk.read_at(&mut block, offset)?;
    let header = Header::decode(&block)?;
    if header.slot_offset() != offset {
        return Err(Error::corrupt(format_args!("header at {offset}"), "it belongs into the other slot"));
    }
    Ok(header)
}

/// A valid record of the walk.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Found {
    /// Offset of its head in the file.
    pub(crate) offset: u64,
    pub(crate) head: RecordHead,
    /// Index of its segment in the walk.
    pub(super) segment: usize,
}

/// What the walk found.
#[derive(Debug)]
pub(crate) struct Walk {
    pub(crate) records: Vec<Found>,
    /// From the replay cursor's on.
    pub(crate) segments: Vec<Segment>,
    /// The extent that follows the last of them.
    pub(crate) next: Extent,
    /// Where the next record would be looked for.
    pub(crate) end: Cursor,
    /// The newest version that a record or a seal makes.
    pub(crate) last: Version,
    /// Index of the newest seal in `records`.
    pub(crate) seal: usize,
    /// Bytes behind the end that once looked like records of the newest run, and were dropped.
    pub(crate) dropped_bytes: u64,
}

/// A segment in memory.
pub(super) struct Loaded {
    pub(super) head: SegmentHead,
    /// Where `bytes` begin in the file; they go to the segment's end.
    from: u64,
    bytes: Vec<u8>,
}

impl Loaded {
    /// The segment at `offset`, if a valid head stands there.
    pub(super) fn read(disk: &dyn Disk, offset: u64, file_len: u64) -> Result<Option<Loaded>> {
        Loaded::read_from(disk, offset, offset, file_len)
    }

    /// The same without what stands before byte `from` of the file: a walk does not look back.
    fn read_from(disk: &dyn Disk, offset: u64, from: u64, file_len: u64) -> Result<Option<Loaded>> {
        let Some(head) = Loaded::peek(disk, offset, file_len)? else { return Ok(None) };
        let from = from.clamp(offset, head.extent().end()) / BLOCK * BLOCK;
        let bytes = read_extent(disk, Extent { offset: from, len: head.extent().end() - from })?;
        Ok(Some(Loaded { head, from, bytes }))
    }

    /// The head at `offset`, if a valid one stands there.
    fn peek(disk: &dyn Disk, offset: u64, file_len: u64) -> Result<Option<SegmentHead>> {
        let place = Extent { offset, len: BLOCK };
        if !place.is_legal(file_len) {
            return Ok(None);
        }
        let mut head = [0; SEGMENT_HEAD_LEN];
        disk.read_at(&mut head, offset)?;
        let legal = |head: &SegmentHead| head.offset == offset && head.extent().is_legal(file_len) && head.len > BLOCK;
        Ok(SegmentHead::decode(&head).filter(legal))
    }

    /// The end of the segment that stood at `offset`, as far as it is known, if the file ends before it.
    fn end_beyond(disk: &dyn Disk, offset: u64, file_len: u64) -> Result<Option<u64>> {
        let Some(block_end) = offset.checked_add(BLOCK) else { return Ok(None) };
        if block_end > file_len {
            return Ok(Some(block_end));
        }
        let mut head = [0; SEGMENT_HEAD_LEN];
        disk.read_at(&mut head, offset)?;
        let end = SegmentHead::decode(&head).filter(|head| head.offset == offset).and_then(|head| offset.checked_add(head.len));
        Ok(end.filter(|end| *end > file_len))
    }

    /// The record at `offset` of the file, if a whole one stands there.
    pub(super) fn record(&self, offset: u64) -> Option<RecordHead> {
        let at = usize::try_from(offset.checked_sub(self.from)?).ok()?;
        record::check_record(self.bytes.get(at..)?).map(|(head, _)| head)
    }

    /// The record at `offset` if it is the one that `due` asks for.
    fn due(&self, offset: u64, due: &Cursor, salt: u64) -> Option<RecordHead> {
        let at = usize::try_from(offset.checked_sub(self.from)?).ok()?;
        let head = record::decode_head(self.bytes.get(at..)?)?;
        // The cheap questions first: stale bytes are not hashed.
        let fits = head.number == due.number && head.digest == due.digest && head.salt == salt;
        if fits { self.record(offset) } else { None }
    }
}

/// All bytes of a segment, which lies within the file: memory is bounded by what was really written.
fn read_extent(disk: &dyn Disk, extent: Extent) -> Result<Vec<u8>> {
    let mut bytes = zeros(extent.len as usize, "a segment")?;
    disk.read_at(&mut bytes, extent.offset)?;
    Ok(bytes)
}

/// Follows the records from the header's replay cursor.
///
/// # Errors
/// `Corrupt` where something that was synced is damaged or missing.
pub(crate) fn walk(disk: &dyn Disk, headers: &Headers) -> Result<Walk> {
    let header = &headers.newest;
    let file_len = disk.len()?;
    let mut cursor = header.replay;
    let mut run = header.runs.iter().rposition(|run| run.start.number <= cursor.number);
    let first = Loaded::read_from(disk, cursor.segment, cursor.offset, file_len)?;
    let (Some(mut run_index), Some(mut segment)) = (run.take(), first) else {
        if let Some(end) = Loaded::end_beyond(disk, cursor.segment, file_len)? {
            let what =
                format!("the file ends at byte {file_len}, and its log goes on up to byte {end} at least: it was cut short");
            return Err(Error::corrupt("log", what));
        }
        return Err(Error::corrupt(
            format_args!("segment at {}", cursor.segment),
            "the header's replay cursor names no segment of a run",
        ));
    };
    let first = Segment { extent: segment.head.extent() };
    let (mut records, mut segments, mut last) = (Vec::new(), vec![first], None::<Version>);
    loop {
        if let Some(next) = header.runs.get(run_index + 1)
            && next.start.number == cursor.number
        {
            let follows = next.start.segment == cursor.segment && next.start.digest == cursor.digest;
            let place = cursor.offset..=segment.head.extent().end();
            if !follows || !place.contains(&next.start.offset) {
                return Err(Error::corrupt(
                    format_args!("record {} at {}", cursor.number, cursor.offset),
                    "the next run does not begin where this one ends",
                ));
            }
            cursor = next.start;
            run_index += 1;
        }
        let Some(salt) = header.runs.get(run_index).map(|run| run.salt) else { break };
        let found = match here(&segment, &cursor, salt) {
            Some(found) => Some(found),
            None => match follow(disk, &segment, &cursor, salt, file_len)? {
                Some((passed, loaded, found)) => {
                    segments.extend(passed);
                    segment = loaded;
                    Some(found)
                }
                None => None,
            },
        };
        let Some((offset, head)) = found else { break };
        last = Some(version_after(last, &head, offset)?);
        records.push(Found { offset, head, segment: segments.len() - 1 });
        cursor = Cursor {
            segment: segment.head.offset,
            offset: offset + head.record_len(),
            number: head.number + 1,
            digest: head.crc,
        };
    }
    let newest_run = run_index + 1 >= header.runs.len();
    let end = format!("record {} at {}", cursor.number, cursor.offset);
    if !newest_run {
        return Err(Error::corrupt(end, "it is missing, but a later run goes on behind it"));
    }
    let seal = records.iter().rposition(|found: &Found| found.head.kind == RecordKind::Seal);
    let seal = seal.ok_or_else(|| Error::corrupt(&end, "the log ends before the seal that the header names"))?;
    let last = last.unwrap_or_default();
    let durable = headers.other.as_ref().map_or(header.durable_to, |other| header.durable_to.max(other.durable_to));
    if durable > last || records[seal].head.version < header.sealed {
        let what =
            format!("the log ends at version {last}, but a header says that version {} was synced", durable.max(header.sealed));
        return Err(Error::corrupt(end, what));
    }
    let salt = header.runs.get(run_index).map_or(0, |run| run.salt);
    // A clean header whose version the walk has met says that nothing was appended behind it.
    let complete = header.clean && header.durable_to == last;
    let evidence = if complete { Evidence::default() } else { evidence(disk, &segment, &cursor, salt, file_len)? };
    if evidence.durable_to > last {
        let what = format!("it is damaged, but a later record says that version {} was synced", evidence.durable_to);
        return Err(Error::corrupt(end, what));
    }
    let next = segment.head.next_extent();
    if !next.is_legal(file_len) {
        return Err(Error::corrupt(
            format_args!("segment at {}", segment.head.offset),
            format_args!(
                "the segment that follows, {} bytes at {}, leaves the file, which ends at byte {file_len}: it was cut short",
                next.len, next.offset
            ),
        ));
    }
    Ok(Walk { records, segments, next, end: cursor, last, seal, dropped_bytes: evidence.bytes })
}

/// The next record in this segment: behind the last one, or on the next block (FORMAT 4.2).
fn here(segment: &Loaded, due: &Cursor, salt: u64) -> Option<(u64, RecordHead)> {
    let packed = due.offset.checked_next_multiple_of(8)?;
    let fresh = due.offset.checked_next_multiple_of(BLOCK)?;
    [packed, fresh].into_iter().find_map(|at| segment.due(at, due, salt).map(|head| (at, head)))
}

/// A record that a later segment begins with, that segment, and all segments passed on the way to it, itself included.
type Followed = Option<(Vec<Segment>, Loaded, (u64, RecordHead))>;

/// The next record at the start of a segment behind this one. Segments without a record are passed: a record too long for them went by.
fn follow(disk: &dyn Disk, from: &Loaded, due: &Cursor, salt: u64, file_len: u64) -> Result<Followed> {
    let (mut passed, mut next) = (Vec::new(), from.head.next);
    // Segments do not overlap: together they are no longer than the file. A forged chain that returns to itself ends here.
    let mut left = file_len;
    loop {
        // The head first: what follows is seldom of this run, and long.
        let follows = |head: &SegmentHead| head.first == due.number && head.salt == salt;
        if !Loaded::peek(disk, next, file_len)?.as_ref().is_some_and(follows) {
            return Ok(None);
        }
        let Some(loaded) = Loaded::read(disk, next, file_len)? else { return Ok(None) };
        let Some(rest) = left.checked_sub(loaded.head.len) else { return Ok(None) };
        left = rest;
        passed.push(Segment { extent: loaded.head.extent() });
        let at = next + BLOCK;
        if let Some(head) = loaded.due(at, due, salt) {
            return Ok(Some((passed, loaded, (at, head))));
        }
        next = loaded.head.next;
    }
}

/// The newest version after this record. Commits are contiguous; a seal may bring the one version that has no record.
fn version_after(last: Option<Version>, head: &RecordHead, offset: u64) -> Result<Version> {
    let fits = match (last, head.kind) {
        (None, _) => true,
        (Some(last), RecordKind::Commits) => head.first_version() == last.next(),
        (Some(last), RecordKind::Seal) => head.version <= last.next(),
    };
    if !fits {
        let place = format!("record {} at {offset}", head.number);
        return Err(Error::corrupt(
            place,
            format_args!("its version {} does not follow {}", head.version, last.unwrap_or_default()),
        ));
    }
    Ok(last.map_or(head.version, |last| last.max(head.version)))
}

#[derive(Default)]
struct Evidence {
    durable_to: Version,
    bytes: u64,
}

/// What later records of this run say about what was synced: looked for at every place where a record could begin, in this segment behind the end
/// and in the segments chained behind it.
fn evidence(disk: &dyn Disk, segment: &Loaded, end: &Cursor, salt: u64, file_len: u64) -> Result<Evidence> {
    let mut found = Evidence::default();
    let mut budget = EVIDENCE_BUDGET;
    let from = end.offset.next_multiple_of(8).saturating_sub(segment.from) as usize;
    search(&segment.bytes, from, end, salt, &mut found, &mut budget);
    let (mut next, mut first) = (segment.head.next_extent(), segment.head.first);
    // As in `follow`.
    let mut left = file_len;
    while let Some(rest) = left.checked_sub(next.len.max(BLOCK)) {
        left = rest;
        match Loaded::peek(disk, next.offset, file_len)? {
            Some(head) => {
                if head.salt != salt || head.first < first.max(end.number) {
                    break;
                }
                // Its own word counts: it may be longer than the one before it said.
                let Some(rest) = left.checked_sub(head.len.saturating_sub(next.len)) else { break };
                left = rest;
                search(&read_extent(disk, head.extent())?, BLOCK as usize, end, salt, &mut found, &mut budget);
                (next, first) = (head.next_extent(), head.first);
            }
            // Its head may be what is damaged: the records behind it speak for themselves, and what it says of the segment behind it is
            // a hint that is checked there.
            None if next.is_legal(file_len) && next.len > BLOCK => {
                let bytes = read_extent(disk, next)?;
                search(&bytes, BLOCK as usize, end, salt, &mut found, &mut budget);
                next = SegmentHead::hint_of_next(&bytes);
            }
            None => break,
        }
    }
    if budget == 0 {
        return Err(Error::corrupt(
            format_args!("record {} at {}", end.number, end.offset),
            "behind it stands so much that looks like damaged records that it cannot be told what was synced",
        ));
    }
    Ok(found)
}

fn search(bytes: &[u8], from: usize, end: &Cursor, salt: u64, found: &mut Evidence, budget: &mut u64) {
    let mut at = from;
    *budget = budget.saturating_add(bytes.len() as u64);
    while let Some(rest) = bytes.get(at..).filter(|rest| rest.len() >= RECORD_HEAD_LEN) {
        let mut step = 8;
        if let Some(head) = record::decode_head(rest).filter(|head| head.salt == salt && head.number >= end.number) {
            let len = head.record_len().min(rest.len() as u64);
            found.bytes += len;
            if record::check_record(rest).is_some() {
                found.durable_to = found.durable_to.max(head.durable_to);
                step = (len as usize).next_multiple_of(8);
            } else {
                *budget = budget.saturating_sub(len);
                if *budget == 0 {
                    return;
                }
            }
        } else if resembles(rest, end, salt) {
            found.bytes += RECORD_HEAD_LEN as u64;
        }
        at += step;
    }
}

/// Whether here stands what was once the head of the record that is due: two of number, digest and salt are its own. What is left of a
/// damaged head must be told of; stale records, zeros and values do not look so.
fn resembles(bytes: &[u8], due: &Cursor, salt: u64) -> bool {
    let long = |at: usize| bytes.get(at..at + 8).and_then(|b| b.try_into().ok()).map_or(0, u64::from_le_bytes);
    let fits = [long(16) == due.number, long(24) as u32 == due.digest && due.digest != 0, long(32) == salt];
    fits.iter().filter(|fit| **fit).count() >= 2
}

/// Makes durable what was found: a kill leaves records that only the system's memory holds, and a sync that failed leaves some that no later sync
/// brings to the medium. Whatever no header and no record says was synced is written once more, byte for byte, and synced. Only then may
/// a header speak of it.
///
/// # Errors
/// `Io`; nothing is lost by trying again.
pub(crate) fn secure(disk: &dyn Disk, headers: &Headers, walk: &Walk) -> Result<()> {
    let in_headers = headers.other.as_ref().map_or(Version(0), |other| other.durable_to).max(headers.newest.durable_to);
    let durable = walk.records.iter().map(|found| found.head.durable_to).fold(in_headers, Version::max);
    let sealed = headers.newest.sealed;
    let is_named = |found: &Found| found.head.kind == RecordKind::Seal && found.head.version == sealed;
    // Several seals may have one version. The header was written behind one of them: the first is covered in any case, and of a later one nobody knows.
    let named = walk.records.iter().position(is_named);
    let is_synced = |(index, found): (usize, &Found)| match found.head.kind {
        RecordKind::Commits => found.head.version <= durable,
        RecordKind::Seal => found.head.version < sealed || named == Some(index),
    };
    // A sync covers all that was written before it.
    let doubtful = walk.records.iter().enumerate().rposition(is_synced).map_or(0, |last| last + 1);
    let Some(first) = walk.records.get(doubtful) else { return disk.sync_data() };
    for (index, segment) in walk.segments.iter().enumerate().skip(first.segment) {
        // With a synced record before it in the same segment, the segment's head is synced too.
        let is_begun = doubtful > 0 && walk.records[doubtful - 1].segment == index;
        let start = if is_begun { first.offset } else { segment.extent.offset };
        let last = walk.records.iter().rfind(|found| found.segment == index);
        let end = last.map_or(segment.extent.offset + BLOCK, |found| found.offset + found.head.record_len());
        let mut bytes = vec![0; end.saturating_sub(start) as usize];
        disk.read_at(&mut bytes, start)?;
        disk.write_at(&bytes, start)?;
    }
    disk.sync_data()
}

/// Lends the bodies of a walk's records, a segment in memory at a time.
pub(crate) struct Bodies<'a> {
    disk: &'a dyn Disk,
    walk: &'a Walk,
    /// Index of the segment in memory, where in the file its bytes begin, and they up to its end.
    loaded: Option<(usize, u64, Vec<u8>)>,
}

impl<'a> Bodies<'a> {
    /// Nothing is read yet.
    pub(crate) fn new(disk: &'a dyn Disk, walk: &'a Walk) -> Bodies<'a> {
        Bodies { disk, walk, loaded: None }
    }

    /// The body of a record of the walk, checked once more.
    ///
    /// # Errors
    /// `Corrupt` if the file changed under the walk.
    pub(crate) fn get(&mut self, found: &Found) -> Result<&[u8]> {
        let gone =
            || Error::corrupt(format_args!("record {} at {}", found.head.number, found.offset), "it changed while it was read");
        let segment = self.walk.segments.get(found.segment).ok_or_else(gone)?;
        if self.loaded.as_ref().is_none_or(|(index, from, _)| *index != found.segment || *from > found.offset) {
            let mut bytes = vec![0; (segment.extent.end() - found.offset) as usize];
            self.disk.read_at(&mut bytes, found.offset)?;
            self.loaded = Some((found.segment, found.offset, bytes));
        }
        let (from, bytes) = self.loaded.as_ref().map_or((0, &[][..]), |(_, from, bytes)| (*from, bytes));
        let at = (found.offset - from) as usize;
        let body = bytes.get(at..).and_then(record::check_record).filter(|(head, _)| head.crc == found.head.crc);
        body.map(|(_, body)| body).ok_or_else(gone)
    }
}
