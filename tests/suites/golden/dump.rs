//! The annotated hexdump of a small store: what stands where, field by field, as FORMAT.md's tables have it.
//!
//! The fields are read here by their place in FORMAT.md's tables, and each structure is held against the engine's own decoder
//! besides. What no structure covers must be zero, so that nothing in the file stays unexplained.
//!
//! For a store of one chain, without compressed pages, branches and large values: enough for the golden file.

use std::fmt::Write;

use treering::codec::Input;
use treering::format::chunk::{ChunkTail, TAIL_LEN};
use treering::format::header::{HEADER_LEN, Header, MAX_RUNS, SLOT_1};
use treering::format::ids::{BLOCK, Position};
use treering::format::record::{RecordKind, SEGMENT_HEAD_LEN, SegmentHead, check_record};
use treering::format::seal::{Seal, SealedChunk};
use treering::page::{Kind, Page};

/// Bytes on a line.
const WIDTH: usize = 16;

/// The dump of a whole file.
///
/// # Panics
/// If the file is not sound.
pub(crate) fn dump(file: &[u8]) -> String {
    let mut dump = Dump { file, at: 0, out: String::new(), covered: vec![false; file.len()] };
    let _ = writeln!(dump.out, "small.ring, {} bytes, made by the golden suite: offset, bytes, field = value.", file.len());
    dump.out.push_str("Numbers are decimal. Bytes that are not shown are zero.\n");
    let slots = [0, SLOT_1].map(|at| dump.header(at as usize));
    let newest = slots.iter().max_by_key(|header| header.sequence).expect("two slots");
    let seal = dump.chain(newest);
    for chunk in &seal.chunks {
        dump.chunk(chunk);
    }
    let unexplained = (0..file.len()).find(|at| !dump.covered[*at] && file[*at] != 0);
    assert_eq!(unexplained, None, "a byte that belongs to no structure is not zero");
    dump.out
}

/// Goes through the file from field to field.
struct Dump<'a> {
    file: &'a [u8],
    at: usize,
    out: String,
    covered: Vec<bool>,
}

impl<'a> Dump<'a> {
    fn title(&mut self, at: usize, title: &str) {
        self.at = at;
        let _ = writeln!(self.out, "\n{title}");
    }

    /// The next `len` bytes, shown as `what`.
    fn show(&mut self, len: usize, what: &str) -> &'a [u8] {
        let bytes = &self.file[self.at..self.at + len];
        let mut what = what;
        for (n, line) in bytes.chunks(WIDTH).enumerate() {
            let hex: Vec<String> = line.iter().map(|byte| format!("{byte:02x}")).collect();
            let text = format!("{:06x}  {:<47}  {what}", self.at + n * WIDTH, hex.join(" "));
            let _ = writeln!(self.out, "{}", text.trim_end());
            what = "";
        }
        self.covered[self.at..self.at + len].fill(true);
        self.at += len;
        bytes
    }

    fn number(&mut self, len: usize, name: &str) -> u64 {
        let bytes = &self.file[self.at..self.at + len];
        let value = bytes.iter().rev().fold(0, |value, byte| value << 8 | u64::from(*byte));
        self.show(len, &format!("{name} = {value}"));
        value
    }

    fn numbers(&mut self, fields: &[(usize, &str)]) {
        for (len, name) in fields {
            self.number(*len, name);
        }
    }

    fn text(&mut self, len: usize, name: &str) {
        let text = String::from_utf8_lossy(&self.file[self.at..self.at + len]).into_owned();
        self.show(len, &format!("{name} = {text:?}"));
    }

    fn varint(&mut self, name: &str) -> usize {
        let rest = &self.file[self.at..];
        let mut input = Input::new(rest);
        let value = input.varint().expect("a varint");
        self.show(rest.len() - input.rest().len(), &format!("{name} = {value}"));
        usize::try_from(value).expect("a small number")
    }

    fn string(&mut self, name: &str) {
        let len = self.varint(&format!("{name}_len"));
        self.text(len, name);
    }

    fn cursor(&mut self, name: &str) {
        for (len, field) in [(8, "segment"), (8, "offset"), (8, "number"), (4, "digest"), (4, "reserved")] {
            self.number(len, &format!("{name}.{field}"));
        }
    }

    /// FORMAT 3.1
    fn header(&mut self, at: usize) -> Header {
        let header = Header::decode(&self.file[at..at + HEADER_LEN]).expect("a header");
        self.title(at, &format!("header slot {} (3.1)", at / HEADER_LEN));
        self.text(8, "magic");
        self.numbers(&[(4, "crc"), (2, "format"), (2, "layout"), (8, "sequence"), (4, "flags"), (4, "page_len")]);
        self.show(16, "incarnation");
        self.show(16, "parent");
        self.numbers(&[(8, "forked_at"), (8, "durable_to"), (8, "term"), (8, "sealed")]);
        self.cursor("replay");
        let run_count = self.number(4, "run_count") as usize;
        self.number(4, "reserved");
        assert!(run_count == header.runs.len() && run_count <= MAX_RUNS);
        for run in 0..run_count {
            self.number(8, &format!("runs[{run}].salt"));
            self.cursor(&format!("runs[{run}].start"));
        }
        header
    }

    /// FORMAT 4.1
    fn segment(&mut self, at: usize) -> SegmentHead {
        let head = SegmentHead::decode(&self.file[at..at + SEGMENT_HEAD_LEN]).expect("a segment");
        self.title(at, "segment (4.1)");
        self.text(4, "magic");
        let fields = [(4, "crc"), (8, "offset"), (8, "len"), (8, "next"), (8, "salt"), (8, "first"), (8, "next_len")];
        self.numbers(&fields);
        self.number(8, "reserved");
        head
    }

    /// Every record from the oldest on that the chain still holds; gives the newest seal.
    fn chain(&mut self, header: &Header) -> Seal {
        let oldest = &header.runs[0].start;
        let salts: Vec<u64> = header.runs.iter().map(|run| run.salt).collect();
        let mut head = self.segment(oldest.segment as usize);
        // Creation's seal stands before the first run; a later chain is walked from its run's cursor on.
        let is_first = head.first == 1;
        let (mut end, mut number, mut digest) =
            if is_first { (head.offset + BLOCK, 1, 0) } else { (oldest.offset, oldest.number, oldest.digest) };
        let mut seal = None;
        loop {
            // FORMAT 4.2: where the next record is found.
            let here = [end.next_multiple_of(8), end.next_multiple_of(BLOCK)].into_iter().find_map(|at| {
                let room = self.file.get(at as usize..head.extent().end() as usize)?;
                Some(at).zip(check_record(room)).filter(|(_, (record, _))| record.number == number && record.digest == digest)
            });
            let Some((at, (record, body))) = here else {
                // The next segment is looked at only if it has begun: its head names the record that stands first in it.
                let next = head.next as usize;
                match SegmentHead::decode(&self.file[next..next + SEGMENT_HEAD_LEN]) {
                    Some(begun) if begun.first == number => {
                        head = self.segment(next);
                        end = head.offset + BLOCK;
                        continue;
                    }
                    _ => return seal.expect("a chain holds a seal"),
                }
            };
            assert!(number < oldest.number || salts.contains(&record.salt), "record {number} is of a run that the header names");
            self.record(at as usize);
            match record.kind {
                RecordKind::Seal => {
                    self.seal();
                    seal = Some(Seal::decode(body).expect("a seal"));
                }
                RecordKind::Commits => (0..record.commit_count).for_each(|_| self.commit()),
            }
            end = at + record.record_len();
            assert_eq!(self.at as u64, end, "record {number} was shown to its end");
            (number, digest) = (number + 1, record.crc);
        }
    }

    /// FORMAT 4.2
    fn record(&mut self, at: usize) {
        self.title(at, "record (4.2)");
        self.text(4, "magic");
        self.numbers(&[(4, "crc"), (4, "body_len"), (1, "kind"), (3, "reserved"), (8, "number"), (4, "digest")]);
        self.numbers(&[(4, "commit_count"), (8, "salt"), (8, "version"), (8, "durable_to"), (8, "term")]);
    }

    /// FORMAT 4.3
    fn commit(&mut self) {
        let len = self.varint("commit: len");
        let end = self.at + len;
        while self.at < end {
            match self.number(1, "change") {
                1 => {
                    self.varint("  put: table");
                    self.string("  key");
                    self.string("  value");
                }
                4 => {
                    self.varint("  create table: table");
                    self.string("  name");
                    self.number(1, "  flags");
                }
                other => panic!("change {other} is in no golden file yet"),
            }
        }
        assert_eq!(self.at, end);
    }

    /// FORMAT 4.4
    fn seal(&mut self) {
        self.cursor("replay");
        self.numbers(&[(8, "next_table"), (8, "next_chunk")]);
        for _ in 0..self.number(4, "table_count") {
            self.numbers(&[(4, "  table: id"), (4, "  flags"), (8, "  root"), (8, "  entry count"), (4, "  height")]);
            let len = self.number(4, "  name_len") as usize;
            self.text(len, "  name");
        }
        for _ in 0..self.number(4, "chunk_count") {
            self.numbers(&[(8, "  chunk: id"), (4, "  generation"), (4, "  crc"), (8, "  offset"), (8, "  len")]);
            self.numbers(&[(4, "  page_count"), (4, "  slot_count"), (8, "  page_bytes"), (8, "  live_bytes")]);
        }
    }

    /// FORMAT 6
    fn chunk(&mut self, sealed: &SealedChunk) {
        let (start, end) = (sealed.extent.offset as usize, sealed.extent.end() as usize);
        let tail = ChunkTail::decode(&self.file[end - TAIL_LEN..end], sealed.extent.len).expect("a chunk");
        let slots = start + tail.directory as usize;
        let directory = tail.check(&self.file[slots..slots + 4 * tail.slot_count as usize]).expect("a directory");
        for (ordinal, offset) in directory.pages() {
            self.page(start + offset as usize, Position::new(tail.id, ordinal));
        }
        self.title(slots, "directory of the chunk (6): offset of each page / 64");
        for ordinal in 0..tail.slot_count {
            self.number(4, &format!("slot {ordinal}"));
        }
        self.title(end - TAIL_LEN, "tail of the chunk (6)");
        self.text(4, "magic");
        self.numbers(&[(4, "crc"), (8, "id")]);
        self.show(16, "incarnation");
        self.numbers(&[(4, "generation"), (4, "page_count"), (4, "slot_count"), (4, "reserved")]);
        self.numbers(&[(8, "directory"), (8, "page_bytes")]);
    }

    /// FORMAT 7 and 7.1
    fn page(&mut self, at: usize, position: Position) {
        let page = Page::verify(&self.file[at..], position).expect("a page");
        assert!(page.kind() == Kind::Leaf && !page.is_compressed(), "other pages are in no golden file yet");
        self.title(at, &format!("{position} (7), a leaf (7.1)"));
        self.number(4, "crc");
        let len = self.number(4, "stored_len") as usize;
        self.numbers(&[(8, "position"), (8, "born"), (4, "table"), (1, "kind"), (1, "level"), (1, "flags"), (1, "padding")]);
        self.numbers(&[(4, "raw_len"), (4, "count")]);
        let capacity = self.number(4, "capacity");
        let heap_len = self.number(4, "heap_len") as usize;
        self.numbers(&[(4, "heap_dead"), (4, "prefix_len"), (4, "key_len"), (4, "value_len")]);
        for i in 0..capacity {
            self.number(4, &format!("heads[{i}]"));
        }
        for i in 0..capacity {
            self.number(4, &format!("slots[{i}].at"));
            self.number(2, &format!("slots[{i}].suffix_len"));
            self.number(2, &format!("slots[{i}].value_len"));
        }
        let gap = at + len - heap_len - self.at;
        self.show(gap, "gap");
        self.text(heap_len, "heap");
    }
}
