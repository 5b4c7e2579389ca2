//! Publishing roots beside readers, and holding versions beside their reclamation (L4, L6).

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use super::{join, leaf, model, spawn};
use crate::format::{ChunkId, Position, TableId, Version};
use crate::log::cache::Loans;
use crate::log::directory::{Chunk, HeapHome, Home};
use crate::sync::checker::fault::Fault;
use crate::sync::{Counted, epoch};
use crate::version::moment::Moment;
use crate::version::root::{Catalogue, Pinned, Retired, Root, TableEntry, Tree, Versions};

/// A root whose parts all say its version.
fn root(version: u64) -> Root {
    let entry = TableEntry { name: "table".into(), id: TableId(1), lz4: false };
    let catalogue = Arc::new(Catalogue { tables: vec![entry], next_table: TableId(version as u32) });
    let tree = Tree { len: version, ..Tree::default() };
    Root { version: Version(version), moment: Moment(version), catalogue, trees: Arc::new([tree]), since: Instant::now() }
}

fn whole(root: &Root) -> u64 {
    let version = root.version.0;
    assert_eq!((u64::from(root.catalogue.next_table.0), root.trees[0].len), (version, version), "a root that is not whole");
    version
}

/// A writer publishes two roots, each freed when it is no longer the newest; two readers look twice each, under a guard. Checked: a reader sees whole
/// roots only, never an older one after a newer one, and none that was freed.
fn publishing() {
    let versions = Arc::new(Versions::new(root(0)));
    let reader = || {
        let versions = Arc::clone(&versions);
        spawn(move || {
            let mut last = 0;
            for _ in 0..2 {
                let guard = epoch::pin();
                let root = versions.current(&guard);
                let version = whole(root);
                assert!(last <= version, "version {version} was read after {last}");
                last = version;
            }
        })
    };
    let readers = [reader(), reader()];
    for version in 1..=2 {
        drop(versions.publish(root(version)));
    }
    readers.into_iter().for_each(join);
}

/// The versions of a store, and a page for each, in memory: what the reclaimer keeps and frees.
struct Books {
    versions: Versions,
    chunk: Counted<Chunk>,
}

const CHUNK: ChunkId = ChunkId(1);

impl Books {
    fn new() -> Books {
        let heap = Counted::new(HeapHome::new());
        let books = Books { versions: Versions::new(root(0)), chunk: Chunk::new(CHUNK, Home::Heap(heap)) };
        books.put(0);
        books
    }

    fn heap(&self) -> Counted<HeapHome> {
        match self.chunk.home(&epoch::pin()) {
            Home::Heap(heap) => Counted::clone(heap),
            Home::File(_) => unreachable!("it stays in memory"),
        }
    }

    fn put(&self, version: u32) {
        self.heap().put(version, leaf(Position::new(CHUNK, version), b"value"));
    }

    /// Reads the page and the root of a held version, and lets it go.
    fn read(&self, held: &Pinned) {
        let version = whole(held.root());
        let guard = epoch::pin();
        let at = Position::new(CHUNK, version as u32);
        let loans = Loans::aside();
        let page = self.chunk.home(&guard).page(at, &loans).expect("the page of a held version");
        assert_eq!(page.position(), at);
        drop(guard);
        self.versions.unpin(held);
    }

    /// Publishes a version, and frees the page and the root of each older one that nobody holds.
    fn publish(&self, version: u32, roots: &mut BTreeMap<Moment, Retired>) {
        self.put(version);
        let retired = self.versions.publish(root(u64::from(version)));
        roots.insert(Moment(u64::from(version) - 1), retired);
        let mut held = Vec::new();
        self.versions.registry.registered(&mut held);
        let unheld: Vec<Moment> = roots.keys().filter(|version| held.binary_search(version).is_err()).copied().collect();
        for version in unheld {
            roots.remove(&version);
            assert!(self.heap().take(version.0 as u32).is_some(), "version {version:?} was freed twice");
        }
    }
}

/// A writer publishes two versions and frees after each what is not held; a reader holds versions, one after the other, in the same slot; another
/// shares a slot with the writer, who lets go of it too. There are fewer slots than readers at first. Checked: nothing of a held version is freed while it is held, also not while it is being
/// registered; what is not held is freed once; in the end nothing is left over.
fn holding() {
    let books = Arc::new(Books::new());
    let shared = books.versions.pin();
    let readers = {
        let (one, other, held) = (Arc::clone(&books), Arc::clone(&books), books.versions.repin(&shared));
        [spawn(move || (0..2).for_each(|_| one.read(&one.versions.pin()))), spawn(move || other.read(&held))]
    };
    let mut roots = BTreeMap::new();
    books.publish(1, &mut roots);
    books.read(&shared);
    books.publish(2, &mut roots);
    readers.into_iter().for_each(join);
    assert!(books.versions.registry.holders().is_empty(), "a slot that nobody holds is taken");
    books.publish(3, &mut roots);
    assert!(roots.is_empty(), "kept for nobody");
    assert_eq!(books.heap().ordinals(), [3]);
}

/// L4: published roots are whole, in order, and there while they are looked at.
#[test]
fn l4_roots_beside_readers() {
    model("roots beside readers").check(publishing);
}

/// L6: what a snapshot holds is never freed, from its first step on, and what nobody holds always is.
#[test]
fn l6_snapshots_beside_reclamation() {
    model("snapshots beside reclamation").check(holding);
}

/// L6: the same with the fences at the other end of each pair.
#[test]
fn l6_snapshots_beside_reclamation_by_reads() {
    model("snapshots beside reclamation, fences before reads").with_fences_before_reads().check(holding);
}

/// The model notices a root that is published before it is written.
#[test]
#[should_panic(expected = "Causality violation")]
fn l4_relaxed_publication_is_noticed() {
    model("roots").broken(Fault::Relaxed { file: "version/root.rs", operation: "swap" }).check(publishing);
}

/// The model notices a root that is freed under the eyes of a reader.
#[test]
#[should_panic(expected = "Causality violation")]
fn l4_hasty_destruction_is_noticed() {
    model("roots").broken(Fault::Hasty { file: "version/root.rs" }).check(publishing);
}

/// The model notices a second look at the root that does not come after the claim of the slot in the order of all.
#[test]
#[should_panic(expected = "Causality violation")]
fn l6_unordered_second_look_is_noticed() {
    let broken = Fault::Unordered { file: "version/root.rs", operation: "load" };
    model("snapshots").with_fences_before_reads().broken(broken).check(holding);
}

/// The model notices a claim that is not in the order of all.
#[test]
#[should_panic(expected = "Causality violation")]
fn l6_unordered_claim_is_noticed() {
    model("snapshots").broken(Fault::Unordered { file: "version/registry.rs", operation: "compare_exchange" }).check(holding);
}

/// The model notices a publication that is not in the order of all.
#[test]
#[should_panic(expected = "Causality violation")]
fn l6_unordered_publication_is_noticed() {
    model("snapshots").broken(Fault::Unordered { file: "version/root.rs", operation: "swap" }).check(holding);
}

/// The model notices a scan that does not come after the publication in the order of all.
#[test]
#[should_panic(expected = "Causality violation")]
fn l6_unordered_scan_is_noticed() {
    let broken = Fault::Unordered { file: "version/registry.rs", operation: "load" };
    model("snapshots").with_fences_before_reads().broken(broken).check(holding);
}

/// The model notices one of two holders of a slot who lets go of it before its reads are over.
#[test]
#[should_panic(expected = "Causality violation")]
fn l6_relaxed_letting_go_is_noticed() {
    model("snapshots").broken(Fault::Relaxed { file: "version/registry.rs", operation: "fetch_sub" }).check(holding);
}

/// The model notices a slot that is free before whoever held it is done with it: the count of its next holder meets the last one's.
#[test]
#[should_panic(expected = "a slot that nobody holds is taken")]
fn l6_relaxed_freeing_is_noticed() {
    model("snapshots").broken(Fault::Relaxed { file: "version/registry.rs", operation: "store" }).check(holding);
}

/// The model notices a snapshot that does not look a second time.
#[test]
#[should_panic(expected = "Causality violation")]
fn l6_missing_second_look_is_noticed() {
    model("snapshots").broken(Fault::SecondLookSkipped).check(holding);
}
