//! A forged chain of segments that returns to itself.

use std::sync::Arc;

use treering::disk::Disk;
use treering::format::header::Header;
use treering::format::record::{SegmentHead, check_record};
use treering_tests::hostile::sealed::seed_path;
use treering_tests::{SimulatedDisk, drive};

/// Length of the forged segment, in bytes.
const LEN: usize = 4 << 20;

/// The newest header, the segment of the last record, and that record's number.
fn end_of_log(file: &[u8]) -> (Header, SegmentHead, u64) {
    let headers = [0, 4096].into_iter().filter_map(|at| Header::decode(&file[at..at + 4096]).ok());
    let newest = headers.max_by_key(|header| header.sequence).expect("a header");
    let salt = newest.runs.last().expect("a run").salt;
    let mut last: Option<(u64, SegmentHead)> = None;
    let mut at = 8192;
    while at < file.len() {
        let head = SegmentHead::decode(&file[at..]).filter(|head| head.offset == at as u64);
        let Some(head) = head else {
            at += 4096;
            continue;
        };
        let records = (at + 4096..at + head.len as usize).step_by(8).filter_map(|at| check_record(&file[at..]));
        let numbers = records.filter(|(record, _)| record.salt == salt).map(|(record, _)| (record.number, head));
        last = last.into_iter().chain(numbers).max_by_key(|(number, _)| *number);
        at += head.len as usize;
    }
    let (number, head) = last.expect("a record of the newest run");
    (newest, head, number)
}

/// A forged segment named itself as the one that follows. The walk, the search for evidence and the look back each read it as often as the file
/// has blocks, whole each time: hours for a file of a GiB. Segments do not overlap, so a chain that is longer than the file ends.
#[test]
fn l8_chain_of_segments_that_returns_is_read_once() {
    let mut file = std::fs::read(seed_path("killed")).expect("a seed");
    let (header, last, number) = end_of_log(&file);
    let offset = file.len().next_multiple_of(4096);
    file.resize(offset + LEN, 0);
    for first in [number + 1, number + 2] {
        let (at, len) = (offset as u64, LEN as u64);
        let salt = header.runs.last().expect("a run").salt;
        let looped = SegmentHead { offset: at, len, next: at, salt, first, next_len: len };
        file[offset..offset + 64].copy_from_slice(&looped.encode());
        let leads_there = SegmentHead { next: at, next_len: len, ..last };
        file[last.offset as usize..][..64].copy_from_slice(&leads_there.encode());
        let disk = SimulatedDisk::holding(&file);
        disk.forget();
        let opened = drive::small_options().open_read_only_on(Arc::clone(&disk) as Arc<dyn Disk>);
        assert!(disk.read_bytes() < 8 * file.len() as u64, "{} bytes of {}: {opened:?}", disk.read_bytes(), file.len());
    }
}
