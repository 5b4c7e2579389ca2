//! Any bytes as each structure of the format besides pages: refused, or read as what encodes to the same bytes again.

use treering::codec::{Input, crc, crc_after};
use treering::format::change::{Changes, Commits};
use treering::format::chunk::{ChunkTail, TAIL_LEN};
use treering::format::header::{HEADER_LEN, Header};
use treering::format::record::{self, RECORD_HEAD_LEN, SEGMENT_HEAD_LEN, SegmentHead};
use treering::format::seal::Seal;

use super::take::Take;

/// The first byte says which structure, and whether its checksum is made right; the rest are its bytes.
pub fn run(input: &[u8]) {
    let mut take = Take::new(input);
    let mode = take.u8();
    let (bytes, right) = (take.rest(), mode & 0x80 == 0);
    match mode & 7 {
        0 => header(bytes, right),
        1 => seal(bytes),
        2 => a_record(bytes, right),
        3 => segment(bytes, right),
        4 => chunk(bytes, right),
        5 => changes(bytes),
        6 => commits(bytes, u32::from(mode >> 3 & 15)),
        _ => numbers(bytes),
    }
}

/// Puts the CRC of `from..` at `at`.
fn reseal(bytes: &mut [u8], at: usize, from: usize) {
    let sum = crc(&bytes[from..]);
    bytes[at..at + 4].copy_from_slice(&sum.to_le_bytes());
}

/// `bytes` cut or lengthened with zeros to `len`.
fn fit(bytes: &[u8], len: usize) -> Vec<u8> {
    let mut fitted = bytes[..bytes.len().min(len)].to_vec();
    fitted.resize(len, 0);
    fitted
}

fn header(bytes: &[u8], right: bool) {
    let _ = Header::decode(bytes);
    let mut block = fit(bytes, HEADER_LEN);
    if right {
        block[..8].copy_from_slice(b"TREERING");
        block[12..16].copy_from_slice(&[0, 0, 1, 0]);
        reseal(&mut block, 8, 12);
    }
    if let Ok(header) = Header::decode(&block) {
        assert_eq!(header.encode()[..], block[..], "{header:?}");
        let _ = header.slot_offset();
    }
}

fn seal(bytes: &[u8]) {
    if let Ok(seal) = Seal::decode(bytes) {
        let mut out = Vec::new();
        seal.encode(&mut out);
        assert_eq!(out, bytes, "{seal:?}");
    }
}

fn a_record(bytes: &[u8], right: bool) {
    let mut bytes = bytes.to_vec();
    if right && bytes.len() >= RECORD_HEAD_LEN {
        bytes[..4].copy_from_slice(b"TRrc");
        let body_len = (bytes.len() - RECORD_HEAD_LEN) as u32;
        bytes[8..12].copy_from_slice(&body_len.to_le_bytes());
        reseal(&mut bytes, 4, 8);
    }
    let _ = record::decode_head(&bytes);
    let Some((head, body)) = record::check_record(&bytes) else { return };
    let mut out = Vec::new();
    record::encode_record(&head, body, &mut out);
    assert_eq!(out, bytes[..out.len()], "{head:?}");
    let _ = (head.record_len(), head.first_version());
    for commit in Commits::new(body, head.commit_count) {
        let Ok(commit) = commit else { return };
        let _ = Changes::new(commit).count();
    }
}

fn segment(bytes: &[u8], right: bool) {
    let _ = SegmentHead::hint_of_next(bytes);
    let mut bytes = fit(bytes, SEGMENT_HEAD_LEN);
    if right {
        bytes[..4].copy_from_slice(b"TRsg");
        reseal(&mut bytes, 4, 8);
    }
    if let Some(head) = SegmentHead::decode(&bytes) {
        assert_eq!(head.encode()[..], bytes[..], "{head:?}");
    }
}

/// The tail comes first, then the directory.
fn chunk(bytes: &[u8], right: bool) {
    let mut tail = fit(bytes, TAIL_LEN);
    let directory = bytes.get(TAIL_LEN..).unwrap_or_default();
    let directory = &directory[..directory.len() / 4 * 4];
    if right {
        tail[..4].copy_from_slice(b"TRch");
        tail[40..44].copy_from_slice(&((directory.len() / 4) as u32).to_le_bytes());
        let sum = crc_after(crc(&tail[8..]), directory);
        tail[4..8].copy_from_slice(&sum.to_le_bytes());
    }
    for extent_len in [4096, 1 << 20, u64::MAX] {
        let Ok(tail) = ChunkTail::decode(&tail, extent_len) else { continue };
        let Ok(directory) = tail.check(directory) else { continue };
        assert_eq!(directory.pages().count(), tail.page_count as usize);
        for ordinal in (0..directory.slot_count().min(64)).chain([u32::MAX]) {
            let _ = directory.get(ordinal);
        }
    }
}

fn changes(bytes: &[u8]) {
    let mut out = Vec::new();
    let mut whole = true;
    for change in Changes::new(bytes) {
        match change {
            Ok(change) => change.encode(&mut out),
            Err(_) => whole = false,
        }
    }
    assert!(
        bytes.starts_with(&out) && (!whole || out.len() == bytes.len()),
        "changes have one encoding: {bytes:02x?}, {out:02x?}"
    );
}

fn commits(bytes: &[u8], count: u32) {
    let read: Vec<_> = Commits::new(bytes, count).collect();
    if read.iter().all(Result::is_ok) {
        assert_eq!(read.len(), count as usize);
    }
}

fn numbers(bytes: &[u8]) {
    let mut input = Input::new(bytes);
    while !input.is_empty() {
        let before = input.rest().len();
        let _ = (input.varint(), input.u8(), input.u16(), input.string(), input.u32());
        if input.rest().len() == before {
            break;
        }
    }
}
