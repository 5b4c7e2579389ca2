//! The directory without a map, so that miri can run its `unsafe`: pages in memory, a chunk on a disk of plain bytes, and readers beside changes.

use std::sync::atomic::AtomicBool;
use std::thread;

use super::*;
use crate::error::{ErrorKind, Result};
use crate::format::header::Incarnation;
use crate::format::{Extent, TableId, Version};
use crate::log::chunk::ChunkWriter;
use crate::page::Item;

const ID: ChunkId = ChunkId(3);

/// A leaf with a few entries that tell it from others.
fn leaf(ordinal: u32, mark: u8) -> PageBuf {
    let mut page = PageBuf::leaf(4096, TableId(1));
    for i in 0..5_u8 {
        assert!(page.insert(usize::from(i), &[i, mark, 0, 0, 0, 7], Item::Inline(&[mark; 30])).expect("fits"));
    }
    page.set_position(Position::new(ID, ordinal));
    page.set_born(Version(1));
    page
}

fn mark_of(page: Page<'_>) -> u8 {
    match page.item(4).expect("five entries") {
        Item::Inline(value) => value[29],
        Item::Large { .. } => panic!("in line"),
    }
}

/// A disk of plain bytes that never change.
struct Plain {
    /// Words, so that slices start on 8.
    words: Vec<u64>,
    bytes: usize,
}

impl Plain {
    fn of(bytes: &[u8]) -> Arc<Plain> {
        let words = bytes.chunks(8).map(|word| {
            let mut whole = [0; 8];
            whole[..word.len()].copy_from_slice(word);
            u64::from_ne_bytes(whole)
        });
        Arc::new(Plain { words: words.collect(), bytes: bytes.len() })
    }

    fn bytes(&self) -> &[u8] {
        // SAFETY: the words are initialised, at least `bytes` bytes, borrowed as long as self, and u8 has no alignment.
        unsafe { std::slice::from_raw_parts(self.words.as_ptr().cast(), self.bytes) }
    }
}

impl Disk for Plain {
    fn name(&self) -> &str {
        "plain bytes"
    }

    fn len(&self) -> Result<u64> {
        Ok(self.bytes as u64)
    }

    fn read_at(&self, into: &mut [u8], offset: u64) -> Result<()> {
        into.copy_from_slice(&self.bytes()[offset as usize..][..into.len()]);
        Ok(())
    }

    fn write_at(&self, _: &[u8], _: u64) -> Result<()> {
        Err(Error::new(ErrorKind::ReadOnly, "plain bytes"))
    }

    fn sync_data(&self) -> Result<()> {
        Ok(())
    }

    fn sync_all(&self) -> Result<()> {
        Ok(())
    }

    fn set_len(&self, _: u64) -> Result<()> {
        Err(Error::new(ErrorKind::ReadOnly, "plain bytes"))
    }

    fn reserve(&self, _: Extent) -> Result<()> {
        Err(Error::new(ErrorKind::ReadOnly, "plain bytes"))
    }

    fn punch(&self, _: Extent) -> Result<()> {
        Err(Error::new(ErrorKind::ReadOnly, "plain bytes"))
    }

    fn scratch(&self) -> Result<Box<dyn Disk>> {
        Err(Error::new(ErrorKind::ReadOnly, "plain bytes"))
    }

    unsafe fn slice(&self, offset: u64, len: usize) -> Result<&[u8]> {
        Ok(&self.bytes()[offset as usize..][..len])
    }
}

/// A chunk of these pages, written, and at home on a disk of its own.
fn in_file(pages: &[PageBuf], lz4: bool, below: ChunkId) -> FileHome {
    let mut bytes = Vec::new();
    let mut sink = |part: &[u8]| {
        bytes.extend_from_slice(part);
        Ok(())
    };
    let mut writer = ChunkWriter::new(&mut sink);
    for page in pages {
        writer.add(page.page().position().ordinal(), page.page(), lz4).expect("memory");
    }
    let written = writer.finish(ID, Incarnation([1; 16]), 0).expect("memory");
    let extent = Extent { offset: 0, len: bytes.len() as u64 };
    let stated = Stated { id: ID, extent, generation: 0, slot_count: written.slot_count, below };
    FileHome::new(Plain::of(&bytes), stated, None)
}

/// A page in memory has one owner: given back once by `take`, or freed with its home; read in between as it was put.
#[test]
fn heap_pages_have_one_owner() {
    let home = HeapHome::new();
    for ordinal in [0, 1, 4095, 4096, 70_000] {
        home.put(ordinal, leaf(ordinal, ordinal as u8));
    }
    for ordinal in [0, 1, 4095, 4096, 70_000] {
        let page = home.page(Position::new(ID, ordinal)).expect("it was put");
        assert_eq!(mark_of(page), ordinal as u8);
    }
    assert!(home.page(Position::new(ID, 2)).is_err() && home.page(Position::new(ID, 9_000_000)).is_err());
    assert_eq!(mark_of(home.take(1).expect("it was put").page()), 1);
    assert!(home.take(1).is_none() && home.take(77_777).is_none());
    home.put(1, leaf(1, 9));
    // The second of two that unpack the same page is freed at once.
    home.put_if_absent(1, leaf(1, 10));
    assert_eq!(mark_of(home.page(Position::new(ID, 1)).expect("it was put")), 9);
    assert_eq!(home.ordinals(), [0, 1, 4095, 4096, 70_000]);
    assert_eq!(home.bytes(), 5 * 4096);
}

/// Threads that put pages into one home beside each other, also into one segment and at one ordinal, lose and leak none.
#[test]
fn heap_pages_of_many_threads() {
    let home = HeapHome::new();
    thread::scope(|scope| {
        for n in 0..3_u32 {
            let home = &home;
            scope.spawn(move || {
                for i in 0..4 {
                    home.put(n + 3 * i, leaf(n + 3 * i, n as u8));
                    home.put_if_absent(5000, leaf(5000, 5));
                }
                assert_eq!(mark_of(home.page(Position::new(ID, 5000)).expect("one of us put it")), 5);
            });
        }
    });
    assert_eq!(home.ordinals().len(), 13);
}

/// Pages of a chunk in the file are lent in place, compressed ones from where they were unpacked; what the directory does not name is an error.
#[test]
fn file_pages_are_lent_in_place() {
    for lz4 in [false, true] {
        let home = in_file(&[leaf(0, 1), leaf(2, 3)], lz4, ChunkId(9));
        let (first, again) =
            (home.mapped_page(Position::new(ID, 0)).expect("written"), home.mapped_page(Position::new(ID, 0)).expect("written"));
        assert_eq!(first.bytes().as_ptr(), again.bytes().as_ptr());
        assert_eq!((mark_of(first), mark_of(home.mapped_page(Position::new(ID, 2)).expect("written"))), (1, 3));
        assert_eq!(home.unpacked_bytes() > 0, lz4);
        assert!(home.mapped_page(Position::new(ID, 1)).is_err() && home.mapped_page(Position::new(ID, 3)).is_err());
        assert_eq!(mark_of(home.packed().mapped_page(Position::new(ID, 2)).expect("written")), 3);
    }
}

/// A forged page named one of the open chunk, whose pages are freed by what this process knows of them and not by what a file says: a reader that
/// followed it could have held bytes that were freed under it. It is refused at its first use, whether it names a child or a large value.
#[test]
fn l8_file_page_names_no_page_in_memory() {
    let mut branch = PageBuf::branch(4096, TableId(1), 1);
    for (i, chunk) in [2, 5].into_iter().enumerate() {
        let separator: &[u8] = if i == 0 { b"" } else { b"m" };
        assert!(branch.insert_child(i, separator, Position::new(ChunkId(chunk), 0), 7).expect("fits"));
    }
    let mut large = PageBuf::leaf(4096, TableId(1));
    assert!(large.insert(0, b"key", Item::Large { at: Position::new(ChunkId(5), 1), len: 5000 }).expect("fits"));
    for (ordinal, mut page) in [(0, branch), (1, large)] {
        page.set_position(Position::new(ID, ordinal));
        let at = page.page().position();
        for lz4 in [false, true] {
            let copy = || PageBuf::copy_of(page.page(), 0).expect("a page of ours");
            assert!(in_file(&[copy()], lz4, ChunkId(6)).mapped_page(at).is_ok());
            let error = in_file(&[copy()], lz4, ChunkId(5)).mapped_page(at).expect_err("chunk 5 is in memory");
            assert_eq!(error.kind(), ErrorKind::Corrupt);
        }
    }
}

/// Readers beside a table that gains and loses chunks, and a chunk that swings, see each page whole or not at all; nothing is freed under them.
#[test]
fn readers_beside_changes_of_the_table() {
    let heap = HeapHome::new();
    heap.put(0, leaf(0, 1));
    let chunk = Chunk::new(ID, Home::Heap(Arc::new(heap)));
    let chunks = Chunks::new(vec![Arc::clone(&chunk)]);
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                loop {
                    let last = done.load(Ordering::Acquire);
                    let guard = epoch::pin();
                    let loans = Loans::aside();
                    let page = chunks.page(Position::new(ID, 0), &guard, &loans).expect("it is always there");
                    assert_eq!(mark_of(page), 1);
                    assert!(chunks.find(ChunkId(99), &guard).is_none());
                    if last {
                        break;
                    }
                }
            });
        }
        for n in 0..6 {
            chunks.add(Chunk::new(ChunkId(10 + n), Home::Heap(Arc::new(HeapHome::new()))));
            chunk.swing(Home::File(Arc::new(in_file(&[leaf(0, 1)], n % 2 == 1, ChunkId(9)))));
        }
        (0..6).for_each(|n| chunks.remove(&[ChunkId(10 + n)]));
        done.store(true, Ordering::Release);
    });
}
