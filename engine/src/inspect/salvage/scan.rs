//! What looks like the log, wherever it stands in the file: heads of segments and whole records.
//!
//! Nothing is believed here but CRCs, and that a segment's head names the place where it stands. Which of the records belong together `belief` decides.
//!
//! Memory: a window of the file, and some 100 bytes a record found. Time: the file is read once; what looks like the head of a record and is none is read in
//! vain, up to four times the file's length in all.

use crate::disk::Disk;
use crate::error::{Error, Result};
use crate::format::ids::BLOCK;
use crate::format::record::{self, RECORD_ALIGN, RECORD_HEAD_LEN, RecordHead, SEGMENT_HEAD_LEN, SegmentHead};

/// A whole record.
#[derive(Clone, Copy, Debug)]
pub(super) struct Seen {
    pub(super) offset: u64,
    pub(super) head: RecordHead,
}

impl Seen {
    /// Its body, checked once more.
    ///
    /// # Errors
    /// `Corrupt` if it is not whole any more; `Io`.
    pub(super) fn body(&self, disk: &dyn Disk) -> Result<Vec<u8>> {
        let gone = || Error::corrupt(format_args!("record {} at {}", self.head.number, self.offset), "it is not whole");
        let mut bytes = read(disk, self.offset, self.head.record_len()).ok_or_else(gone)?;
        match record::check_record(&bytes) {
            Some((head, _)) if head.crc == self.head.crc => Ok(bytes.split_off(RECORD_HEAD_LEN)),
            _ => Err(gone()),
        }
    }
}

/// Everything of the log that the file holds, by offset.
#[derive(Default)]
pub(super) struct Scan {
    pub(super) records: Vec<Seen>,
    pub(super) segments: Vec<SegmentHead>,
    /// The search gave up judging what looked like records.
    pub(super) gave_up: bool,
}

/// Bytes that are read at once.
const WINDOW: u64 = 4 << 20;

/// Looks through the whole file.
pub(super) fn scan(disk: &dyn Disk, file_len: u64, progress: &mut dyn FnMut(u64)) -> Scan {
    let mut scan = Scan::default();
    let mut budget = file_len.saturating_mul(4);
    let mut window = Vec::new();
    let (mut start, mut at) = (0, 0);
    while start < file_len {
        progress(start);
        window.resize(WINDOW.min(file_len - start) as usize, 0);
        if disk.read_at(&mut window, start).is_err() {
            salvage_window(disk, &mut window, start);
        }
        let end = start + window.len() as u64;
        while at + RECORD_ALIGN <= end {
            let rest = window.get((at - start) as usize..).unwrap_or_default();
            if at.is_multiple_of(BLOCK) && rest.starts_with(b"TRsg") {
                let head = rest.get(..SEGMENT_HEAD_LEN).and_then(SegmentHead::decode);
                scan.segments.extend(head.filter(|head| head.offset == at));
            }
            at += match rest.starts_with(b"TRrc") {
                true => scan.record(disk, at, file_len, &mut budget),
                false => RECORD_ALIGN,
            };
        }
        // Windows begin on blocks, so that no segment's head is cut by one's end.
        start = end.max(at / BLOCK * BLOCK);
        at = at.max(start);
    }
    scan
}

impl Scan {
    /// Looks at what may be a record; gives how far to go on.
    fn record(&mut self, disk: &dyn Disk, offset: u64, file_len: u64, budget: &mut u64) -> u64 {
        let head = read(disk, offset, RECORD_HEAD_LEN as u64).and_then(|bytes| record::decode_head(&bytes));
        let Some(head) = head.filter(|head| head.record_len() <= file_len - offset) else { return RECORD_ALIGN };
        let len = head.record_len();
        if *budget < len {
            self.gave_up = true;
            return RECORD_ALIGN;
        }
        *budget -= len;
        let whole = read(disk, offset, len).and_then(|bytes| record::check_record(&bytes).map(|(head, _)| head));
        match whole {
            Some(head) => {
                self.records.push(Seen { offset, head });
                len.next_multiple_of(RECORD_ALIGN)
            }
            None => RECORD_ALIGN,
        }
    }
}

/// `len` bytes of the file, if it has them and they can be read.
fn read(disk: &dyn Disk, offset: u64, len: u64) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    bytes.try_reserve_exact(usize::try_from(len).ok()?).ok()?;
    bytes.resize(len as usize, 0);
    disk.read_at(&mut bytes, offset).ok()?;
    Some(bytes)
}

/// Reads block by block what cannot be read at once; zeros where the medium refuses.
fn salvage_window(disk: &dyn Disk, window: &mut [u8], start: u64) {
    for (n, block) in window.chunks_mut(BLOCK as usize).enumerate() {
        if disk.read_at(block, start + n as u64 * BLOCK).is_err() {
            block.fill(0);
        }
    }
}
