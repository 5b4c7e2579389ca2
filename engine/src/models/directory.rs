//! A chunk that changes its home beside readers: from the heap into the file, and on to a dense twin (L1, L4).

use std::sync::Arc;

use super::disk::ModelDisk;
use super::{join, leaf, model, spawn};
use crate::disk::Disk;
use crate::format::header::Incarnation;
use crate::format::ids::BLOCK;
use crate::format::{ChunkId, Extent, Position};
use crate::log::cache::Loans;
use crate::log::chunk::ChunkWriter;
use crate::log::directory::{Chunk, Chunks, FileHome, HeapHome, Home};
use crate::log::places::Stated;
use crate::page::Item;
use crate::sync::checker::fault::Fault;
use crate::sync::lease::Watch;
use crate::sync::{Counted, epoch};

const ID: ChunkId = ChunkId(1);

fn at() -> Position {
    Position::new(ID, 0)
}

/// The chunk at home in the file.
fn in_file(disk: &Arc<ModelDisk>, extent: Extent, generation: u32) -> FileHome {
    let stated = Stated { id: ID, extent, generation, slot_count: 1, below: ChunkId(9) };
    FileHome::new(Arc::clone(disk) as Arc<dyn Disk>, stated, None)
}

/// A chunk of one page, and the two places of the file that it moves to.
struct Moves {
    chunks: Chunks,
    disk: Arc<ModelDisk>,
    places: [Extent; 2],
}

impl Moves {
    fn new() -> Moves {
        let heap = HeapHome::new();
        heap.put(0, leaf(at(), b"value"));
        let disk = Arc::new(ModelDisk::new());
        let places = [0, 1].map(|generation| write(&disk, generation, b"value", false));
        let chunks = Chunks::new(vec![Chunk::new(ID, Home::Heap(Counted::new(heap)))]);
        Moves { chunks, disk, places }
    }

    fn swing(&self, generation: u32) {
        let guard = epoch::pin();
        let extent = self.places[generation as usize];
        let home = in_file(&self.disk, extent, generation);
        let chunk = self.chunks.find(ID, &guard).expect("it is never taken out");
        chunk.swing(Home::File(Counted::new(home)));
    }

    /// Sees when nobody reads the present home's extent any more.
    fn watch(&self) -> Watch {
        let guard = epoch::pin();
        match self.chunks.find(ID, &guard).map(|chunk| chunk.home(&guard)) {
            Some(Home::File(file)) => file.lease(),
            _ => unreachable!("it is at home in the file"),
        }
    }

    /// Reads under a guard, twice from one look at the home.
    fn read(&self) {
        let guard = epoch::pin();
        let home = self.chunks.find(ID, &guard).expect("it is never taken out").home(&guard);
        expect_value(home);
        loom::thread::yield_now();
        expect_value(home);
    }

    /// Reads without a guard from a home that it keeps.
    fn read_kept(&self) {
        let guard = epoch::pin();
        let home = self.chunks.find(ID, &guard).expect("it is never taken out").home(&guard).clone();
        drop(guard);
        expect_value(&home);
    }

    /// The extent belongs to somebody else now.
    fn use_again(&self, extent: Extent) {
        self.disk.write_at(&vec![0xEE; extent.len as usize], extent.offset).expect("memory");
    }
}

/// Writes a chunk of one page with this value.
fn write(disk: &ModelDisk, generation: u32, value: &[u8], lz4: bool) -> Extent {
    let offset = (2 + u64::from(generation)) * BLOCK;
    let mut end = offset;
    let mut sink = |bytes: &[u8]| {
        disk.write_at(bytes, end)?;
        end += bytes.len() as u64;
        Ok(())
    };
    let mut writer = ChunkWriter::new(&mut sink);
    writer.add(0, leaf(at(), value).page(), lz4).expect("a page");
    let written = writer.finish(ID, Incarnation([7; 16]), generation).expect("a chunk");
    assert_eq!(written.len, BLOCK);
    Extent { offset, len: written.len }
}

fn expect_value(home: &Home) {
    expect(home, b"value");
}

fn expect(home: &Home, expected: &[u8]) {
    let loans = Loans::aside();
    let page = home.page(at(), &loans).expect("the page has a home at every moment");
    let Item::Inline(value) = page.item(0).expect("one entry") else { panic!("a short value") };
    assert_eq!(value, expected);
}

/// A chunk moves from the heap to the file, another one joins the table, and it moves on to its twin; the first extent is used again if its lease is over. One
/// reader reads under a guard, one from a home that it keeps. Checked: the page is there at every moment and its bytes are the same; no home, page or table
/// is freed under a reader; no extent is written while it may be read; when everybody is gone the lease is over. Three threads.
fn moving() {
    let moves = Arc::new(Moves::new());
    let (under_guard, keeping) = (Arc::clone(&moves), Arc::clone(&moves));
    let readers = [spawn(move || under_guard.read()), spawn(move || keeping.read_kept())];
    moves.swing(0);
    let watch = moves.watch();
    moves.chunks.add(Chunk::new(ChunkId(2), Home::Heap(Counted::new(HeapHome::new()))));
    moves.swing(1);
    if watch.is_over() {
        moves.use_again(moves.places[0]);
    }
    readers.into_iter().for_each(join);
    assert!(watch.is_over(), "a lease that nobody holds");
    moves.read();
}

/// Two readers unpack the same compressed page, and a third thread swings the chunk to a home without unpacked pages. Checked: everybody reads the value; one unpacked page
/// stays, and none is freed under a reader; the lease spans both homes. Three threads.
fn unpacking() {
    let disk = Arc::new(ModelDisk::new());
    let packed = write(&disk, 0, &[b'v'; 600], true);
    let home = in_file(&disk, packed, 0);
    let watch = home.lease();
    let chunk = Chunk::new(ID, Home::File(Counted::new(home)));
    let reader = || {
        let chunk = Counted::clone(&chunk);
        spawn(move || {
            let guard = epoch::pin();
            expect(chunk.home(&guard), &[b'v'; 600]);
        })
    };
    let readers = [reader(), reader()];
    {
        let guard = epoch::pin();
        let Home::File(file) = chunk.home(&guard) else { unreachable!("it is at home in the file") };
        chunk.swing(Home::File(Counted::new(file.packed())));
    }
    assert!(!watch.is_over(), "the new home has the extent too");
    readers.into_iter().for_each(join);
    drop(chunk);
    assert!(watch.is_over(), "a lease that nobody holds");
}

/// L1: a chunk's pages stay readable and the same while it moves.
#[test]
fn l1_chunk_moves_beside_readers() {
    model("a chunk moves").check(moving);
}

/// L1: unpacked pages are there for whoever unpacked them, whoever was first, and whatever is trimmed meanwhile.
#[test]
fn l1_unpacking_beside_trimming() {
    model("unpacking beside trimming").check(unpacking);
}

/// The model notices an unpacked page that is published before it is complete.
#[test]
#[should_panic(expected = "Causality violation")]
fn l1_relaxed_unpacking_is_noticed() {
    model("unpacking").broken(Fault::Relaxed { file: "log/directory.rs", operation: "compare_exchange" }).check(unpacking);
}

/// The model notices a home that is published before it is complete.
#[test]
#[should_panic(expected = "Causality violation")]
fn l1_relaxed_swing_is_noticed() {
    model("a chunk moves").broken(Fault::Relaxed { file: "log/directory.rs", operation: "swap" }).check(moving);
}

/// The model notices a reader that does not acquire the home's bytes.
#[test]
#[should_panic(expected = "Causality violation")]
fn l1_relaxed_look_is_noticed() {
    model("a chunk moves").broken(Fault::Relaxed { file: "log/directory.rs", operation: "load" }).check(moving);
}

/// The model notices an old home that is not kept for its readers.
#[test]
#[should_panic(expected = "Causality violation")]
fn l1_hasty_old_home_is_noticed() {
    model("a chunk moves").broken(Fault::Hasty { file: "log/directory.rs" }).check(moving);
}

/// The model notices readers that pin nothing.
#[test]
#[should_panic(expected = "Causality violation")]
fn l1_unpinned_reader_is_noticed() {
    model("a chunk moves").broken(Fault::Unpinned).check(moving);
}

/// The model notices an extent that is used again without a look at its lease.
#[test]
#[should_panic(expected = "Causality violation")]
fn l1_overlooked_lease_is_noticed() {
    model("a chunk moves").broken(Fault::LeaseOverlooked).check(moving);
}

/// The model notices a lease whose end does not come after its reads.
#[test]
#[should_panic(expected = "Causality violation")]
fn l1_relaxed_lease_is_noticed() {
    model("a chunk moves").broken(Fault::Relaxed { file: "sync/lease.rs", operation: "fetch_sub" }).check(moving);
}
