//! Segments and the records in them (FORMAT 4.1, 4.2).
//!
//! Behind the newest record of a segment stands anything, so "no record here" is an answer and no error: the decoders give
//! an `Option`. Whether a record continues the chain (number, digest, salt) is for the walk to say.

use super::fixed::{is_zero, lay};
use super::ids::{BLOCK, Extent, MAX_COUNTED, Version};
use crate::codec::{Input, crc};
use crate::planted::{Bug, planted};

/// Length of a record's head; the body follows it.
pub const RECORD_HEAD_LEN: usize = 64;
/// Length of a segment's head; the records start on the next block.
pub const SEGMENT_HEAD_LEN: usize = 64;
/// Longest body of a record: 2^30 bytes.
pub const MAX_BODY_LEN: usize = 1 << 30;
/// Records stand on multiples of this many bytes.
pub const RECORD_ALIGN: u64 = 8;

/// First bytes of a segment; stored, never change.
pub const SEGMENT_MAGIC: [u8; 4] = *b"TRsg";
/// First bytes of a record; stored, never change.
pub const RECORD_MAGIC: [u8; 4] = *b"TRrc";

/// The head of a segment (FORMAT 4.1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SegmentHead {
    /// Its own offset in the file.
    pub offset: u64,
    /// Length of its extent in bytes.
    pub len: u64,
    /// Offset of the segment that follows when this one is full.
    pub next: u64,
    /// Salt of the run that wrote this head.
    pub salt: u64,
    /// Number of the first record in it.
    pub first: u64,
    /// Length of the extent at `next`.
    pub next_len: u64,
}

impl SegmentHead {
    /// Its own extent.
    #[must_use]
    pub fn extent(&self) -> Extent {
        Extent { offset: self.offset, len: self.len }
    }

    /// The extent of the segment that follows.
    #[must_use]
    pub fn next_extent(&self) -> Extent {
        Extent { offset: self.next, len: self.next_len }
    }

    /// The stored form.
    #[must_use]
    pub fn encode(&self) -> [u8; SEGMENT_HEAD_LEN] {
        let fields: [u8; SEGMENT_HEAD_LEN - 8] = lay(&[
            &self.offset.to_le_bytes(),
            &self.len.to_le_bytes(),
            &self.next.to_le_bytes(),
            &self.salt.to_le_bytes(),
            &self.first.to_le_bytes(),
            &self.next_len.to_le_bytes(),
        ]);
        lay(&[&SEGMENT_MAGIC, &crc(&fields).to_le_bytes(), &fields])
    }

    /// The head at the start of `bytes`; `None` if there is none whose magic, CRC and lengths fit. Whether it stands at `offset`
    /// and whether the two extents are legal in this file is for the caller to check.
    #[must_use]
    pub fn decode(bytes: &[u8]) -> Option<SegmentHead> {
        let mut input = Input::new(bytes);
        if input.array()? != SEGMENT_MAGIC {
            return None;
        }
        let stored = input.u32()?;
        let fields = input.bytes(SEGMENT_HEAD_LEN - 8)?;
        let mut input = Input::new(fields);
        let head = SegmentHead {
            offset: input.u64()?,
            len: input.u64()?,
            next: input.u64()?,
            salt: input.u64()?,
            first: input.u64()?,
            next_len: input.u64()?,
        };
        let blocks = [head.offset, head.len, head.next, head.next_len].iter().all(|n| n % BLOCK == 0);
        let fits = blocks && head.len >= 2 * BLOCK && is_zero(input.rest()) && crc(fields) == stored;
        fits.then_some(head)
    }

    /// Where the head at the start of `bytes`, which did not [`decode`](SegmentHead::decode), says that the next segment stands.
    /// **Believe nothing of it** that is not found there.
    #[must_use]
    pub fn hint_of_next(bytes: &[u8]) -> Extent {
        let long = |at: usize| bytes.get(at..).and_then(|rest| Input::new(rest).u64()).unwrap_or(0);
        Extent { offset: long(24), len: long(48) }
    }
}

/// What a record's body is; stored, never renumber.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum RecordKind {
    /// Commits, see [`Commits`](super::change::Commits).
    Commits = 1,
    /// A [`Seal`](super::seal::Seal).
    Seal = 2,
}

/// The head of a record (FORMAT 4.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RecordHead {
    /// Bytes after the head, at most [`MAX_BODY_LEN`]. Encoding takes it from the body.
    pub body_len: u32,
    /// What the body is.
    pub kind: RecordKind,
    /// Number of the record, from 1.
    pub number: u64,
    /// `crc` of the record before it; 0 for number 1.
    pub digest: u32,
    /// Commits in the body, at most `version`; 0 in a seal.
    pub commit_count: u32,
    /// Salt of the run.
    pub salt: u64,
    /// Version of the last commit in it, or the version that the seal covers.
    pub version: Version,
    /// Newest version whose sync had returned when this was encoded.
    pub durable_to: Version,
    /// 0 without replication.
    pub term: u64,
    /// CRC of all that follows it; the digest that the next record names. Encoding computes it.
    pub crc: u32,
}

impl RecordHead {
    /// Length of head and body together.
    #[must_use]
    pub fn record_len(&self) -> u64 {
        u64::from(self.body_len).saturating_add(RECORD_HEAD_LEN as u64)
    }

    /// Version of the first commit in the body; the versions of a body are contiguous. Without commits, the one after `version`.
    #[must_use]
    pub fn first_version(&self) -> Version {
        Version(self.version.0.saturating_sub(u64::from(self.commit_count)).saturating_add(1))
    }

    /// The stored form with a CRC of 0.
    fn lay(&self, body_len: u32) -> [u8; RECORD_HEAD_LEN] {
        lay(&[
            &RECORD_MAGIC,
            &[0; 4],
            &body_len.to_le_bytes(),
            &[self.kind as u8, 0, 0, 0],
            &self.number.to_le_bytes(),
            &self.digest.to_le_bytes(),
            &self.commit_count.to_le_bytes(),
            &self.salt.to_le_bytes(),
            &self.version.0.to_le_bytes(),
            &self.durable_to.0.to_le_bytes(),
            &self.term.to_le_bytes(),
        ])
    }
}

/// Appends a record to `out`: `head`, whose `body_len` and `crc` are not looked at, and `body`. The result is its `crc`.
///
/// # Panics
/// If `body` is longer than [`MAX_BODY_LEN`].
pub fn encode_record(head: &RecordHead, body: &[u8], out: &mut Vec<u8>) -> u32 {
    let start = out.len();
    out.reserve(body.len().saturating_add(RECORD_HEAD_LEN));
    out.extend_from_slice(&[0; RECORD_HEAD_LEN]);
    out.extend_from_slice(body);
    let (_, record) = out.split_at_mut(start);
    seal_record_in_place(record, head)
}

/// Writes `head`, whose `body_len` and `crc` are not looked at, into the first [`RECORD_HEAD_LEN`] bytes of `out`, behind which the
/// body stands already and ends where `out` ends. The result is the record's `crc`. No allocation, one pass over the body.
///
/// # Panics
/// If `out` is shorter than a head, or the body longer than [`MAX_BODY_LEN`].
pub fn seal_record_in_place(out: &mut [u8], head: &RecordHead) -> u32 {
    let body_len = out.len().saturating_sub(RECORD_HEAD_LEN);
    assert!(body_len <= MAX_BODY_LEN, "a record's body has at most {MAX_BODY_LEN} bytes, not {body_len}");
    let (place, _) = out.split_at_mut(RECORD_HEAD_LEN);
    place.copy_from_slice(&head.lay(body_len as u32));
    let (_, summed) = out.split_at_mut(8);
    let crc = crc(summed);
    let (front, _) = out.split_at_mut(8);
    front.copy_from_slice(&lay::<8>(&[&RECORD_MAGIC, &crc.to_le_bytes()]));
    crc
}

/// The head at the start of `bytes`; `None` if magic, reserved bytes, kind, body length or commit count say that there is none.
/// **Its CRC was not checked**: believe nothing but the length to read for [`check_record`].
#[must_use]
pub fn decode_head(bytes: &[u8]) -> Option<RecordHead> {
    let mut input = Input::new(bytes);
    if input.array()? != RECORD_MAGIC {
        return None;
    }
    let crc = input.u32()?;
    let body_len = input.u32()?;
    let kind = match input.array()? {
        [1, 0, 0, 0] => RecordKind::Commits,
        [2, 0, 0, 0] => RecordKind::Seal,
        _ => return None,
    };
    let head = RecordHead {
        body_len,
        kind,
        number: input.u64()?,
        digest: input.u32()?,
        commit_count: input.u32()?,
        salt: input.u64()?,
        version: Version(input.u64()?),
        durable_to: Version(input.u64()?),
        term: input.u64()?,
        crc,
    };
    let counts = match kind {
        RecordKind::Commits => u64::from(head.commit_count) <= head.version.0 && head.commit_count <= body_len,
        RecordKind::Seal => head.commit_count == 0,
    };
    let counted = head.number.max(head.version.0).max(head.durable_to.0) <= MAX_COUNTED;
    (body_len as usize <= MAX_BODY_LEN && counts && counted && head.number > 0).then_some(head)
}

/// The record at the start of `bytes`, whole and with the right CRC, and its body; `None` if there is none. Bytes behind it do not matter.
#[must_use]
pub fn check_record(bytes: &[u8]) -> Option<(RecordHead, &[u8])> {
    let head = decode_head(bytes)?;
    let (_, body) = bytes.split_at_checked(RECORD_HEAD_LEN)?;
    let body = body.get(..head.body_len as usize)?;
    let summed = bytes.get(8..body.len().checked_add(RECORD_HEAD_LEN)?)?;
    (crc(summed) == head.crc || planted(Bug::RecordCrcIgnored)).then_some((head, body))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::fixed::Random;

    fn random_record(random: &mut Random) -> (RecordHead, Vec<u8>) {
        let body = random.bytes(300);
        let kind = if random.below(2) == 0 { RecordKind::Commits } else { RecordKind::Seal };
        let commit_count = if kind == RecordKind::Commits { random.below(body.len() as u64 + 1) as u32 } else { 0 };
        let head = RecordHead {
            body_len: 0,
            kind,
            number: 1 + random.below(MAX_COUNTED),
            digest: random.next() as u32,
            commit_count,
            salt: random.next(),
            version: Version(random.below(MAX_COUNTED) | 1 << 40),
            durable_to: Version(random.below(MAX_COUNTED + 1)),
            term: random.next(),
            crc: 0,
        };
        (head, body)
    }

    /// What was encoded is found again, whatever stands behind it.
    #[test]
    fn record_reads_back() {
        for seed in 1..200 {
            let mut random = Random(seed);
            let (head, body) = random_record(&mut random);
            let mut out = random.bytes(20);
            let start = out.len();
            let crc = encode_record(&head, &body, &mut out);
            let whole = RecordHead { body_len: body.len() as u32, crc, ..head };
            assert_eq!(whole.record_len(), (out.len() - start) as u64);
            let mut alone = out[start..].to_vec();
            alone[..RECORD_HEAD_LEN].fill(0xee);
            assert_eq!(seal_record_in_place(&mut alone, &head), crc);
            assert_eq!(alone, out[start..], "seed {seed}");
            out.extend(random.bytes(20));
            assert_eq!(check_record(&out[start..]), Some((whole, &body[..])), "seed {seed}");
        }
    }

    /// No single changed byte, and no truncation, goes unseen.
    #[test]
    fn l8_record_corrupt_every_byte() {
        let (head, _) = random_record(&mut Random(5));
        let mut record = Vec::new();
        encode_record(&head, &[0x5a; 200], &mut record);
        for at in 0..record.len() {
            for mask in [1, 0x80, 0xff] {
                let mut bad = record.clone();
                bad[at] ^= mask;
                assert_eq!(check_record(&bad), None, "byte {at}");
            }
            assert_eq!(check_record(&record[..at]), None, "{at} bytes");
        }
    }

    /// A length beyond the limit is refused before anything of that length is read.
    #[test]
    fn l8_record_of_4_gib_is_refused() {
        let (head, body) = random_record(&mut Random(5));
        let mut record = Vec::new();
        encode_record(&head, &body, &mut record);
        record[8..12].copy_from_slice(&u32::MAX.to_le_bytes());
        assert_eq!(decode_head(&record), None);
    }

    /// Numbers and versions so high that counting on would leave the integers are refused: a forger's, no store's.
    #[test]
    fn l8_record_beyond_all_counting_is_refused() {
        let (head, body) = random_record(&mut Random(5));
        let decoded = |head: RecordHead| {
            let mut record = Vec::new();
            encode_record(&head, &body, &mut record);
            check_record(&record).is_some()
        };
        let beyond = MAX_COUNTED + 1;
        assert!(decoded(RecordHead { number: MAX_COUNTED, version: Version(MAX_COUNTED), durable_to: Version(MAX_COUNTED), ..head }));
        assert!(!decoded(RecordHead { number: beyond, ..head }));
        assert!(!decoded(RecordHead { version: Version(beyond), ..head }));
        assert!(!decoded(RecordHead { durable_to: Version(beyond), ..head }));
    }

    /// The versions of a record's commits end with its own.
    #[test]
    fn record_versions_are_contiguous() {
        let (head, _) = random_record(&mut Random(5));
        let head = RecordHead { version: Version(9), commit_count: 3, ..head };
        assert_eq!(head.first_version(), Version(7));
    }

    /// A segment's head reads back, and no single changed byte goes unseen.
    #[test]
    fn l8_segment_corrupt_every_byte() {
        let head = SegmentHead { offset: 0x2000, len: 0x10_0000, next: 0x20_0000, salt: 77, first: 1, next_len: 0x10_0000 };
        let bytes = head.encode();
        assert_eq!(SegmentHead::decode(&bytes), Some(head));
        assert_eq!(head.extent().end(), 0x10_2000);
        assert_eq!(head.next_extent().end(), 0x30_0000);
        for at in 0..bytes.len() {
            let mut bad = bytes;
            bad[at] ^= 0x10;
            assert_eq!(SegmentHead::decode(&bad), None, "byte {at}");
            assert_eq!(SegmentHead::decode(&bytes[..at]), None, "{at} bytes");
        }
    }
}
