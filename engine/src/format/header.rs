//! The header slots, and the cursors and runs that stand in them (FORMAT 3).
//!
//! A slot is one block. Two stand at the file's start and are written alternately; the reader takes the valid one with the higher
//! sequence. [`Header::decode`] looks at one block alone: which slot it came from, and what two bad ones mean, its caller knows.

use std::fmt;

use super::fixed::{is_zero, lay};
use super::ids::{BLOCK, MAX_COUNTED, Version};
use crate::codec::{Input, crc};
use crate::error::{Error, ErrorKind, Result};

/// First bytes of a header slot; stored, never change.
pub const MAGIC: [u8; 8] = *b"TREERING";
/// Version of the format that this build writes.
pub const FORMAT: u16 = 0;
/// Layout within [`FORMAT`] that this build writes.
pub const LAYOUT: u16 = 1;
/// Most runs of a header.
pub const MAX_RUNS: usize = 9;
/// Length of a header slot: one block.
pub const HEADER_LEN: usize = BLOCK as usize;
/// Offset of slot 1; slot 0 stands at 0. The slot of a header is its sequence modulo 2.
pub const SLOT_1: u64 = BLOCK;
/// Shortest and longest nominal page, in bytes.
pub const PAGE_LENS: std::ops::RangeInclusive<u32> = 4096..=65_536;

/// First bytes of an LZ4 frame: a blob that was streamed (FORMAT 11).
const LZ4_FRAME: [u8; 4] = [0x04, 0x22, 0x4d, 0x18];
/// Bit 0 of the flags.
const CLEAN: u32 = 1;
/// Bit 1 of the flags.
const BLOB: u32 = 2;

/// Random identity of a store's life; zeros are none.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Incarnation(pub [u8; 16]);

impl Incarnation {
    /// No incarnation: the parent of a store that was not forked.
    pub const NONE: Incarnation = Incarnation([0; 16]);
}

impl fmt::Display for Incarnation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Incarnation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A place in the chain of records, and what the record there must bear (FORMAT 3.2).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cursor {
    /// Offset of the segment's extent in the file.
    pub segment: u64,
    /// Offset in the file where the search for the next record starts; within that segment.
    pub offset: u64,
    /// Number that the next record bears, from 1.
    pub number: u64,
    /// `crc` of the record before it; 0 before the first.
    pub digest: u32,
}

impl Cursor {
    /// Length of the stored form.
    pub const LEN: usize = 32;

    /// The stored form.
    #[must_use]
    pub fn encode(&self) -> [u8; Cursor::LEN] {
        lay(&[&self.segment.to_le_bytes(), &self.offset.to_le_bytes(), &self.number.to_le_bytes(), &self.digest.to_le_bytes()])
    }

    /// The next [`Cursor::LEN`] bytes of `input` as a cursor; `what` names it in the error. Whether the segment exists, and ends
    /// behind `offset`, is for the caller to check.
    ///
    /// # Errors
    /// `Corrupt` for a field out of its range, `Unsupported` for reserved bytes that are not zero.
    pub fn decode(input: &mut Input<'_>, what: &str) -> Result<Cursor> {
        let read = (|| Some((input.u64()?, input.u64()?, input.u64()?, input.u32()?, input.u32()?)))();
        let (segment, offset, number, digest, reserved) = read.ok_or_else(|| Error::corrupt(what, "too short"))?;
        if reserved != 0 {
            return Err(newer(what));
        }
        let first = segment.checked_add(BLOCK);
        if segment < 2 * BLOCK || segment % BLOCK != 0 || first.is_none_or(|first| offset < first) || offset % 8 != 0 {
            return Err(Error::corrupt(what, format_args!("no place for a record: segment {segment}, offset {offset}")));
        }
        if number == 0 || number > MAX_COUNTED || (number == 1 && digest != 0) {
            return Err(Error::corrupt(what, format_args!("record number {number} behind digest {digest:#010x}")));
        }
        Ok(Cursor { segment, offset, number, digest })
    }
}

/// What one writable open appends (FORMAT 3.3).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Run {
    /// Random; every record of the run carries it.
    pub salt: u64,
    /// Where the run begins.
    pub start: Cursor,
}

/// A header slot (FORMAT 3.1).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Header {
    /// Counts header writes, from 1; the slot is its parity.
    pub sequence: u64,
    /// Nothing was appended after `durable_to`.
    pub clean: bool,
    /// Written as a snapshot blob.
    pub blob: bool,
    /// Nominal length of a page: a power of two within [`PAGE_LENS`].
    pub page_len: u32,
    /// Identity of this store's life.
    pub incarnation: Incarnation,
    /// Incarnation that this one was forked from, or [`Incarnation::NONE`].
    pub parent: Incarnation,
    /// Version at the fork, or 0.
    pub forked_at: Version,
    /// Newest version whose sync had returned when this was written.
    pub durable_to: Version,
    /// 0 without replication.
    pub term: u64,
    /// Version of the newest seal that is durable.
    pub sealed: Version,
    /// Where the walk over the records starts.
    pub replay: Cursor,
    /// 1 to [`MAX_RUNS`] runs, oldest first; the first begins at or before `replay`.
    pub runs: Vec<Run>,
}

impl Header {
    /// Offset of the slot that this header belongs in.
    #[must_use]
    pub fn slot_offset(&self) -> u64 {
        if self.sequence.is_multiple_of(2) { 0 } else { SLOT_1 }
    }

    /// The block to write at [`Header::slot_offset`].
    ///
    /// # Panics
    /// If the number of runs is not 1 to [`MAX_RUNS`].
    #[must_use]
    pub fn encode(&self) -> Box<[u8; HEADER_LEN]> {
        assert!((1..=MAX_RUNS).contains(&self.runs.len()), "a header has 1 to {MAX_RUNS} runs, not {}", self.runs.len());
        let flags = if self.clean { CLEAN } else { 0 } | if self.blob { BLOB } else { 0 };
        let mut fields = Vec::with_capacity(HEADER_LEN);
        fields.extend_from_slice(&FORMAT.to_le_bytes());
        fields.extend_from_slice(&LAYOUT.to_le_bytes());
        fields.extend_from_slice(&self.sequence.to_le_bytes());
        fields.extend_from_slice(&flags.to_le_bytes());
        fields.extend_from_slice(&self.page_len.to_le_bytes());
        fields.extend_from_slice(&self.incarnation.0);
        fields.extend_from_slice(&self.parent.0);
        for number in [self.forked_at.0, self.durable_to.0, self.term, self.sealed.0] {
            fields.extend_from_slice(&number.to_le_bytes());
        }
        fields.extend_from_slice(&self.replay.encode());
        fields.extend_from_slice(&(self.runs.len() as u64).to_le_bytes()); // run_count and the reserved u32 behind it
        for run in &self.runs {
            fields.extend_from_slice(&run.salt.to_le_bytes());
            fields.extend_from_slice(&run.start.encode());
        }
        fields.resize(HEADER_LEN - 12, 0);
        Box::new(lay(&[&MAGIC, &crc(&fields).to_le_bytes(), &fields]))
    }

    /// The header in `block`, the first [`HEADER_LEN`] bytes of which count.
    ///
    /// # Errors
    /// `NotAStore` if the magic is not there (also if `block` is too short for it), `Unsupported` for an LZ4 stream, another format or layout, or
    /// unknown flags; `Corrupt` if the magic is there and the rest is damaged.
    pub fn decode(block: &[u8]) -> Result<Header> {
        let fields = checked_fields(block)?;
        let mut input = Input::new(fields);
        let read = read_fields(&mut input);
        let (mut header, flags, counts) = read.ok_or_else(|| damaged("too short"))?;
        if flags & !(CLEAN | BLOB) != 0 || counts >> 32 != 0 {
            return Err(newer("header"));
        }
        header.replay = read_replay(fields)?;
        let run_count = usize::try_from(counts).unwrap_or(usize::MAX);
        if !(1..=MAX_RUNS).contains(&run_count) {
            return Err(damaged(format_args!("{run_count} runs, expected 1 to {MAX_RUNS}")));
        }
        for _ in 0..run_count {
            let salt = input.u64().ok_or_else(|| damaged("too short"))?;
            header.runs.push(Run { salt, start: Cursor::decode(&mut input, "header, cursor of a run")? });
        }
        if !is_zero(input.rest()) {
            return Err(newer("header"));
        }
        header.check()?;
        Ok(header)
    }

    /// What no CRC can promise: every field is in its range, and the runs ascend.
    fn check(&self) -> Result<()> {
        if self.sequence == 0 {
            return Err(damaged("sequence 0"));
        }
        let counted = [self.sequence, self.durable_to.0, self.sealed.0, self.forked_at.0];
        if counted.iter().any(|count| *count > MAX_COUNTED) {
            return Err(damaged(format_args!("a sequence or a version of {counted:?} is beyond the highest, {MAX_COUNTED}")));
        }
        if !PAGE_LENS.contains(&self.page_len) || !self.page_len.is_power_of_two() {
            return Err(damaged(format_args!("page length {}, expected a power of two within {PAGE_LENS:?}", self.page_len)));
        }
        if !self.runs.is_sorted_by_key(|run| run.start.number) {
            return Err(damaged("runs out of order"));
        }
        match self.runs.first() {
            Some(first) if first.start.number <= self.replay.number => Ok(()),
            _ => Err(damaged("no run covers the replay cursor")),
        }
    }
}

/// Bytes 12.. of the block, if magic, CRC, format and layout fit. Magic, CRC, format and layout keep their places in every format.
fn checked_fields(block: &[u8]) -> Result<&[u8]> {
    if block.starts_with(&LZ4_FRAME) {
        return Err(Error::new(ErrorKind::Unsupported, "an LZ4 blob stream; restore it first"));
    }
    let no_store = || Error::new(ErrorKind::NotAStore, "no Treering store: the magic of a header is missing; check the path, or salvage what is left if it was one");
    let mut input = Input::new(block);
    if input.array() != Some(MAGIC) {
        return Err(no_store());
    }
    let stored = input.u32().ok_or_else(no_store)?;
    let fields = input.bytes(HEADER_LEN - 12).ok_or_else(|| damaged("the file ends within it"))?;
    let found = crc(fields);
    if found != stored {
        return Err(damaged(format_args!("CRC {found:#010x}, expected {stored:#010x}")));
    }
    let mut numbers = Input::new(fields);
    match (numbers.u16(), numbers.u16()) {
        (Some(FORMAT), Some(LAYOUT)) => Ok(fields),
        (format, layout) => Err(Error::new(
            ErrorKind::Unsupported,
            format!(
                "written in format {}, layout {}; this build reads format {FORMAT}, layout {LAYOUT}: use the build that wrote it",
                format.unwrap_or(0),
                layout.unwrap_or(0)
            ),
        )),
    }
}

/// The fields from `format` to the run count, which comes back with the reserved bytes behind it in its upper half; replay and
/// runs are not filled in.
fn read_fields(input: &mut Input<'_>) -> Option<(Header, u32, u64)> {
    input.u32()?; // format and layout
    let sequence = input.u64()?;
    let flags = input.u32()?;
    let header = Header {
        sequence,
        clean: flags & CLEAN != 0,
        blob: flags & BLOB != 0,
        page_len: input.u32()?,
        incarnation: Incarnation(input.array()?),
        parent: Incarnation(input.array()?),
        forked_at: Version(input.u64()?),
        durable_to: Version(input.u64()?),
        term: input.u64()?,
        sealed: Version(input.u64()?),
        replay: Cursor::default(),
        runs: Vec::new(),
    };
    input.bytes(Cursor::LEN)?;
    Some((header, flags, input.u64()?))
}

/// The replay cursor: bytes 96..128 of the block, 84 bytes into the fields.
fn read_replay(fields: &[u8]) -> Result<Cursor> {
    Cursor::decode(&mut Input::new(fields.get(96 - 12..).unwrap_or_default()), "header, replay cursor")
}

fn damaged(what: impl fmt::Display) -> Error {
    Error::corrupt("header", what)
}

/// Reserved bytes that are not zero.
pub(super) fn newer(place: &str) -> Error {
    Error::new(ErrorKind::Unsupported, format!("{place} has flags that this build does not know; use the build that wrote it"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::fixed::Random;

    fn cursor(random: &mut Random, number: u64) -> Cursor {
        let segment = (2 + random.below(1 << 20)) * BLOCK;
        let digest = if number == 1 { 0 } else { random.next() as u32 };
        Cursor { segment, offset: segment + BLOCK + 8 * random.below(1000), number, digest }
    }

    fn random_header(random: &mut Random) -> Header {
        let mut number = 1;
        let runs = (0..=random.below(9))
            .map(|_| {
                number += random.below(3);
                Run { salt: random.next(), start: cursor(random, number) }
            })
            .collect();
        Header {
            sequence: random.below(MAX_COUNTED) | 1,
            clean: random.below(2) == 0,
            blob: random.below(2) == 0,
            page_len: 4096 << random.below(5),
            incarnation: Incarnation(std::array::from_fn(|_| random.next() as u8)),
            parent: Incarnation(std::array::from_fn(|_| random.next() as u8)),
            forked_at: Version(random.below(MAX_COUNTED + 1)),
            durable_to: Version(random.below(MAX_COUNTED + 1)),
            term: random.next(),
            sealed: Version(random.below(MAX_COUNTED + 1)),
            replay: cursor(random, number),
            runs,
        }
    }

    /// Replaces the CRC by the right one, as a forger would.
    fn reseal(block: &mut [u8; HEADER_LEN]) {
        let crc = crc(&block[12..]);
        block[8..12].copy_from_slice(&crc.to_le_bytes());
    }

    /// What was encoded decodes to the same header.
    #[test]
    fn header_reads_back() {
        for seed in 1..200 {
            let header = random_header(&mut Random(seed));
            assert_eq!(Header::decode(&header.encode()[..]).unwrap(), header, "seed {seed}");
        }
    }

    /// No single changed byte, and no truncation, goes unseen.
    #[test]
    fn l8_header_corrupt_every_byte() {
        let block = random_header(&mut Random(7)).encode();
        for at in 0..HEADER_LEN {
            for mask in [1, 0x80, 0xff] {
                let mut bad = block.clone();
                bad[at] ^= mask;
                assert!(Header::decode(&bad[..]).is_err(), "byte {at}");
            }
            assert!(Header::decode(&block[..at]).is_err(), "{at} bytes");
        }
    }

    /// A block whose CRC was forged is read as what it encodes, or refused; it never panics and never reads as another block's value.
    #[test]
    fn l8_forged_header_is_refused_or_read() {
        let block = random_header(&mut Random(7)).encode();
        for at in 12..HEADER_LEN {
            let mut bad = block.clone();
            bad[at] ^= 0xff;
            reseal(&mut bad);
            match Header::decode(&bad[..]) {
                Ok(header) => assert_eq!(header.encode(), bad, "byte {at}"),
                Err(error) => assert!(matches!(error.kind(), ErrorKind::Corrupt | ErrorKind::Unsupported), "byte {at}: {error}"),
            }
        }
    }

    /// Counts so high that counting on would leave the integers are refused: a forger's, no store's.
    #[test]
    fn l8_header_beyond_all_counting_is_refused() {
        let good = random_header(&mut Random(7));
        let refused = |change: fn(&mut Header)| {
            let mut bad = good.clone();
            change(&mut bad);
            assert_eq!(Header::decode(&bad.encode()[..]).unwrap_err().kind(), ErrorKind::Corrupt, "{bad:?}");
        };
        refused(|header| header.sequence = u64::MAX);
        refused(|header| header.durable_to = Version(MAX_COUNTED + 1));
        refused(|header| header.sealed = Version(u64::MAX));
        refused(|header| header.runs.iter_mut().for_each(|run| run.start.number = u64::MAX));
    }

    /// The caller can tell no store, a newer store, a stream and damage apart.
    #[test]
    fn header_errors_have_kinds() {
        let block = random_header(&mut Random(7)).encode();
        assert_eq!(Header::decode(&[0; HEADER_LEN]).unwrap_err().kind(), ErrorKind::NotAStore);
        assert_eq!(Header::decode(b"TREE").unwrap_err().kind(), ErrorKind::NotAStore);
        let stream = Header::decode(&LZ4_FRAME).unwrap_err();
        assert_eq!(stream.kind(), ErrorKind::Unsupported);
        assert!(stream.to_string().contains("restore it first"));
        let mut newer = block.clone();
        newer[14] = 9;
        assert_eq!(Header::decode(&newer[..]).unwrap_err().kind(), ErrorKind::Corrupt);
        reseal(&mut newer);
        let error = Header::decode(&newer[..]).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unsupported);
        assert!(error.to_string().contains("layout 9") && error.to_string().contains("layout 1"), "{error}");
    }

    /// The bytes of one header, as FORMAT 3.1 places them.
    #[test]
    fn golden_header() {
        let start = Cursor { segment: 0x2000, offset: 0x3000, number: 1, digest: 0 };
        let header = Header {
            sequence: 3,
            clean: true,
            blob: false,
            page_len: 8192,
            incarnation: Incarnation([0x11; 16]),
            parent: Incarnation::NONE,
            forked_at: Version(0),
            durable_to: Version(5),
            term: 0,
            sealed: Version(4),
            replay: Cursor { number: 2, digest: 0xaabb_ccdd, offset: 0x3040, ..start },
            runs: vec![Run { salt: 0x0102_0304_0506_0708, start }],
        };
        let expected = [
            "5452454552494e47",                                                 // magic
            "CRC.....",                                                         // crc
            "00000100",                                                         // format, layout
            "0300000000000000",                                                 // sequence
            "0100000000200000",                                                 // flags, page_len
            "11111111111111111111111111111111",                                 // incarnation
            "00000000000000000000000000000000",                                 // parent
            "00000000000000000500000000000000",                                 // forked_at, durable_to
            "00000000000000000400000000000000",                                 // term, sealed
            "002000000000000040300000000000000200000000000000ddccbbaa00000000", // replay
            "0100000000000000",                                                 // run_count
            "0807060504030201",                                                 // salt
            "0020000000000000003000000000000001000000000000000000000000000000", // cursor
        ];
        let block = header.encode();
        let hex: String = block[..176].iter().map(|byte| format!("{byte:02x}")).collect();
        let crc: String = crc(&block[12..]).to_le_bytes().iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(hex, expected.concat().replace("CRC.....", &crc));
        assert_eq!(crc, "6013ce5a");
        assert!(is_zero(&block[176..]));
        assert_eq!(header.slot_offset(), 4096);
    }
}
