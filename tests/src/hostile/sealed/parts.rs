//! What stands where in a valid store: found once, in the seed, by the formats' own marks.

use treering::format::chunk::{ChunkTail, TAIL_LEN};
use treering::format::record::{self, RECORD_HEAD_LEN, RecordKind, SEGMENT_HEAD_LEN, SegmentHead};
use treering::format::seal::Seal;

use super::number;

/// Kinds of parts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// A header slot.
    Header,
    /// A segment's head.
    Segment,
    /// A record of commits, head and body.
    Commits,
    /// A seal, head and body.
    Seal,
    /// A chunk's tail.
    Tail,
    /// A chunk's directory.
    Directory,
    /// A page.
    Page,
}

/// A part of a file.
#[derive(Clone, Debug)]
pub(super) struct Part {
    pub(super) kind: Kind,
    pub(super) at: usize,
    pub(super) len: usize,
    /// Where what it stands in starts.
    pub(super) start: usize,
    /// Where what it stands in ends: the segment of a record, the chunk of a page.
    pub(super) end: usize,
}

/// Offsets and widths of the fields of a header; replay cursor and runs included.
const HEADER: &[(usize, usize)] = &[
    (16, 8),
    (24, 4),
    (28, 4),
    (64, 8),
    (72, 8),
    (80, 8),
    (88, 8),
    (96, 8),
    (104, 8),
    (112, 8),
    (120, 4),
    (128, 4),
    (136, 8),
    (144, 8),
    (152, 8),
    (160, 8),
    (168, 4),
];
const SEGMENT: &[(usize, usize)] = &[(8, 8), (16, 8), (24, 8), (32, 8), (40, 8), (48, 8)];
const RECORD: &[(usize, usize)] = &[(8, 4), (12, 1), (16, 8), (24, 4), (28, 4), (32, 8), (40, 8), (48, 8), (56, 8)];
/// Of a seal's body, up to the count of its tables.
const SEAL: &[(usize, usize)] = &[(64, 8), (72, 8), (80, 8), (88, 4), (96, 8), (104, 8), (112, 4)];
const TAIL: &[(usize, usize)] = &[(8, 8), (32, 4), (36, 4), (40, 4), (48, 8), (56, 8)];
const PAGE: &[(usize, usize)] = &[
    (4, 4),
    (8, 8),
    (16, 8),
    (24, 4),
    (28, 1),
    (29, 1),
    (30, 1),
    (31, 1),
    (32, 4),
    (36, 4),
    (40, 4),
    (44, 4),
    (48, 4),
    (52, 4),
    (56, 4),
    (60, 4),
];

impl Part {
    /// A field by two bytes: mostly one of those that have a name, else any aligned place.
    pub(super) fn field(&self, which: u8, place: u8) -> (usize, usize) {
        let named: &[&[(usize, usize)]] = match self.kind {
            Kind::Header => &[HEADER],
            Kind::Segment => &[SEGMENT],
            Kind::Commits => &[RECORD],
            Kind::Seal => &[RECORD, SEAL],
            Kind::Tail => &[TAIL],
            Kind::Directory => &[],
            Kind::Page => &[PAGE],
        };
        let named: Vec<(usize, usize)> = named.concat();
        if let Some(field) = named.get(usize::from(which)) {
            return *field;
        }
        let width = [1, 2, 4, 8][usize::from(which) % 4];
        // The whole of a seal or an array is within the reach of two bytes.
        let places = (self.len / width).max(1);
        let n = (usize::from(which / 4) << 8 | usize::from(place)) % places;
        (n * width, width)
    }
}

/// All parts of a file.
#[derive(Debug)]
pub(super) struct Parts {
    pub(super) all: Vec<Part>,
    /// Of each chunk that a seal names: where the seal holds its CRC, and its extent.
    pub(super) sums: Vec<(usize, usize, usize)>,
}

impl Parts {
    /// Finds them in a valid file.
    pub(super) fn of(file: &[u8]) -> Parts {
        let header = |at| Part { kind: Kind::Header, at, len: 4096, start: at, end: at + 4096 };
        let mut parts = Parts { all: vec![header(0), header(4096)], sums: Vec::new() };
        let mut at = 8192;
        while at + SEGMENT_HEAD_LEN <= file.len() {
            match SegmentHead::decode(&file[at..]).filter(|head| head.offset == at as u64) {
                Some(head) => {
                    parts.segment(file, at, (at + head.len as usize).min(file.len()));
                    at += head.len as usize;
                }
                None => at += 4096,
            }
        }
        parts
    }

    fn segment(&mut self, file: &[u8], start: usize, end: usize) {
        self.all.push(Part { kind: Kind::Segment, at: start, len: SEGMENT_HEAD_LEN, start, end });
        let mut at = start + 4096;
        while at + RECORD_HEAD_LEN <= end {
            let Some((head, body)) = record::check_record(&file[at..end]) else {
                at += 8;
                continue;
            };
            let len = RECORD_HEAD_LEN + body.len();
            let kind = if head.kind == RecordKind::Seal { Kind::Seal } else { Kind::Commits };
            self.all.push(Part { kind, at, len, start, end });
            if let (Kind::Seal, Ok(seal)) = (kind, Seal::decode(body)) {
                self.chunks(file, at + RECORD_HEAD_LEN, &seal);
            }
            at += len.next_multiple_of(8);
        }
    }

    /// The chunks that a seal names. Older seals name what is gone: then no tail stands there.
    fn chunks(&mut self, file: &[u8], body: usize, seal: &Seal) {
        let names: usize = seal.tables.iter().map(|table| 32 + table.name.len()).sum();
        for (n, chunk) in seal.chunks.iter().enumerate() {
            let (start, end) = (chunk.extent.offset as usize, chunk.extent.end() as usize);
            let Some(bytes) = file.get(start..end) else { continue };
            let Ok(tail) = ChunkTail::decode(&bytes[bytes.len() - TAIL_LEN..], chunk.extent.len) else { continue };
            let directory = tail.directory as usize;
            let Ok(pages) = tail.check(&bytes[directory..directory + tail.directory_len() as usize]) else { continue };
            if treering::codec::crc(bytes) == chunk.crc {
                self.sums.push((body + 32 + 16 + 4 + names + 4 + 56 * n + 12, start, end));
            }
            if self.all.iter().any(|part| part.kind == Kind::Tail && part.at == end - TAIL_LEN) {
                continue;
            }
            self.all.push(Part { kind: Kind::Tail, at: end - TAIL_LEN, len: TAIL_LEN, start, end });
            self.all.push(Part { kind: Kind::Directory, at: start + directory, len: tail.directory_len() as usize, start, end });
            for (_, offset) in pages.pages() {
                let at = start + offset as usize;
                self.all.push(Part {
                    kind: Kind::Page,
                    at,
                    len: number(file, at + 4, 4) as usize,
                    start,
                    end: start + directory,
                });
            }
        }
    }

    /// A part by two bytes: first its kind, so that the few headers come as often as the many pages.
    pub(super) fn nth(&self, kind: u8, n: u8) -> &Part {
        use Kind::{Commits, Directory, Header, Page, Seal, Segment, Tail};
        let kinds = [Header, Segment, Commits, Seal, Tail, Directory, Page, Page, Seal];
        self.same(kinds[usize::from(kind) % kinds.len()], n)
    }

    /// A part of that kind; the first header where there is none.
    pub(super) fn same(&self, kind: Kind, n: u8) -> &Part {
        let parts: Vec<&Part> = self.all.iter().filter(|part| part.kind == kind).collect();
        match parts.len() {
            0 => &self.all[0],
            len => parts[usize::from(n) % len],
        }
    }
}
