//! The tree against a model: a sorted map per epoch, over pages in memory that know whose they are.

use std::cell::Cell;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::ops::Bound;

use super::*;
use crate::error::{Error, ErrorKind};
use crate::format::ids::MAX_KEY_LEN;
use crate::format::{ChunkId, Version};
use crate::page::Kind;

mod forged;
mod loaded;
mod renewed;

const PAGE_LEN: usize = 4096;
const TABLE: TableId = TableId(7);

/// Pages by position, each owned by the epoch that made it. What an epoch retires of an older one stays for the old roots.
#[derive(Default)]
struct Memory {
    pages: HashMap<Position, (u64, PageBuf)>,
    retired: HashSet<Position>,
    epoch: u64,
    next: u32,
    reads: Cell<u64>,
}

impl Memory {
    /// From here on every page is somebody else's, and as long as it would be when stored.
    fn freeze(&mut self) {
        for (at, (epoch, buf)) in &mut self.pages {
            if *epoch == self.epoch {
                let mut packed = Vec::new();
                buf.page().pack_into(&mut packed).unwrap();
                *buf = PageBuf::copy_of(Page::verify(&packed, *at).unwrap(), 0).unwrap();
            }
        }
        self.epoch += 1;
    }

    fn buf(&self, at: Position) -> Result<&(u64, PageBuf)> {
        self.pages.get(&at).ok_or_else(|| Error::corrupt(at, "no such page"))
    }

    fn is_large(&self, at: Position) -> bool {
        self.pages[&at].1.page().kind() == Kind::Large
    }

    /// Checks the tree, and that every page that was not retired is reached and no retired one is.
    fn check(&self, root: &Root) {
        let mut reached = HashSet::new();
        check(self, root, TABLE, &mut |at, page| {
            assert_eq!(page.position(), at);
            assert!(reached.insert(at), "{at:?} is seen twice");
        })
        .unwrap();
        let kept: HashSet<_> = self.pages.keys().copied().filter(|at| !self.retired.contains(at)).collect();
        let leaked: Vec<_> = kept.difference(&reached).collect();
        let dangling: Vec<_> = reached.difference(&kept).collect();
        assert!(leaked.is_empty() && dangling.is_empty(), "leaked {leaked:?}, retired but reached {dangling:?}");
    }
}

impl Pages for Memory {
    fn page(&self, at: Position) -> Result<Page<'_>> {
        self.reads.set(self.reads.get() + 1);
        Ok(self.buf(at)?.1.page())
    }
}

impl Edit for Memory {
    fn own(&mut self, at: Position) -> Result<Position> {
        assert!(!self.is_large(at), "large values are never changed");
        let (epoch, buf) = self.buf(at)?;
        if *epoch == self.epoch {
            return Ok(at);
        }
        let copy = PageBuf::copy_of(buf.page(), PAGE_LEN)?;
        self.retire(at)?;
        self.add(copy)
    }

    fn edit(&mut self, at: Position) -> &mut PageBuf {
        let (epoch, buf) = self.pages.get_mut(&at).expect("an own page");
        assert_eq!(*epoch, self.epoch, "{at:?} is not own");
        buf
    }

    fn add(&mut self, mut page: PageBuf) -> Result<Position> {
        self.next += 1;
        let at = Position::new(ChunkId(1), self.next);
        page.set_position(at);
        page.set_born(Version(self.epoch));
        self.pages.insert(at, (self.epoch, page));
        Ok(at)
    }

    fn retire(&mut self, at: Position) -> Result<()> {
        assert!(self.retired.insert(at), "{at:?} is retired twice");
        if self.buf(at)?.0 == self.epoch {
            self.pages.remove(&at);
        }
        Ok(())
    }

    fn page_len(&self) -> usize {
        PAGE_LEN
    }

    fn table(&self) -> TableId {
        TABLE
    }
}

/// SplitMix64: small, and good enough to choose operations.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, n: usize) -> usize {
        (self.next() % n as u64) as usize
    }

    fn one_in(&mut self, n: usize) -> bool {
        self.below(n) == 0
    }
}

type Model = BTreeMap<Vec<u8>, Vec<u8>>;

/// What keys look like in one run.
#[derive(Clone, Copy, Debug)]
enum Keys {
    /// Decimal numbers with a short prefix.
    Short,
    /// 0 to 3,000 random bytes of two letters: long common prefixes with each neighbour.
    Long,
    /// One of three long prefixes, or none, and a number.
    Prefixed,
    /// 0 to 3 bytes: everything collides, the empty key too.
    Tiny,
}

impl Keys {
    fn make(self, random: &mut Random) -> Vec<u8> {
        match self {
            Keys::Short => format!("task/{:06}", random.below(5000)).into_bytes(),
            Keys::Tiny => (0..random.below(4)).map(|_| random.below(12) as u8).collect(),
            Keys::Long => {
                let mut seeded = Random(random.below(400) as u64);
                let len = if seeded.one_in(3) { seeded.below(3001) } else { seeded.below(60) };
                (0..len).map(|_| if seeded.one_in(9) { b'b' } else { b'a' }).collect()
            }
            Keys::Prefixed => {
                let number = format!("{:04}", random.below(3000)).into_bytes();
                match random.below(4) {
                    0 => number,
                    which => [vec![b'a' + which as u8; 700 * which], number].concat(),
                }
            }
        }
    }
}

fn value(random: &mut Random) -> Vec<u8> {
    let len = match random.below(40) {
        0 => random.below(3 * PAGE_LEN),
        1..4 => PAGE_LEN / 4 - 3 + random.below(7),
        4..8 => random.below(PAGE_LEN / 4),
        8..10 => 0,
        _ => random.below(50),
    };
    vec![random.below(256) as u8; len]
}

fn bound(random: &mut Random, keys: Keys) -> Bound<Vec<u8>> {
    match random.below(5) {
        0 => Bound::Unbounded,
        1 | 2 => Bound::Included(keys.make(random)),
        _ => Bound::Excluded(keys.make(random)),
    }
}

fn borrowed(bound: &Bound<Vec<u8>>) -> Bound<&[u8]> {
    bound.as_ref().map(Vec::as_slice)
}

fn is_start_of(start: &Bound<Vec<u8>>, key: &[u8]) -> bool {
    match start {
        Bound::Unbounded => true,
        Bound::Included(start) => start.as_slice() <= key,
        Bound::Excluded(start) => start.as_slice() < key,
    }
}

fn is_end_of(end: &Bound<Vec<u8>>, key: &[u8]) -> bool {
    match end {
        Bound::Unbounded => true,
        Bound::Included(end) => key <= end.as_slice(),
        Bound::Excluded(end) => key < end.as_slice(),
    }
}

/// The model's entries between two bounds; wrong order gives none.
fn between<'m>(model: &'m Model, start: &Bound<Vec<u8>>, end: &Bound<Vec<u8>>) -> Vec<(&'m [u8], &'m [u8])> {
    let inside = |key: &[u8]| is_start_of(start, key) && is_end_of(end, key);
    model.iter().filter(|(key, _)| inside(key)).map(|(key, value)| (key.as_slice(), value.as_slice())).collect()
}

/// Reads a range with random turns from both ends and compares it with the model's.
fn compare_range(memory: &Memory, root: Root, model: &Model, random: &mut Random, keys: Keys) {
    let (start, end) = (bound(random, keys), bound(random, keys));
    let mut expected = std::collections::VecDeque::from(between(model, &start, &end));
    let mut found = range(memory, root, borrowed(&start), borrowed(&end)).unwrap();
    let from_back = random.below(5);
    loop {
        let is_back = random.below(4) < from_back;
        let want = if is_back { expected.pop_back() } else { expected.pop_front() };
        // Each entry in one of the three forms that there are, mixed.
        let got = match (random.below(3), is_back) {
            (0, true) => found.next_back().unwrap().map(|(key, value)| (Some(key.into_vec()), value)),
            (0, false) => found.next().unwrap().map(|(key, value)| (Some(key.into_vec()), value)),
            (1, true) => found.next_lent_back().unwrap().map(|(key, value)| (Some(key.to_vec()), value)),
            (1, false) => found.next_lent().unwrap().map(|(key, value)| (Some(key.to_vec()), value)),
            (_, true) => found.next_value_back().unwrap().map(|value| (None, value)),
            (_, false) => found.next_value().unwrap().map(|value| (None, value)),
        };
        assert_eq!(got.as_ref().map(|(_, value)| *value), want.map(|(_, value)| value), "in {start:?}..{end:?}");
        if let Some((Some(key), _)) = &got {
            assert_eq!(Some(key.as_slice()), want.map(|(key, _)| key), "in {start:?}..{end:?}");
        }
        if got.is_none() {
            break;
        }
    }
    assert!(found.next().unwrap().is_none() && found.next_back().unwrap().is_none());
}

/// Everything that can be read of a tree says what the model says.
fn compare(memory: &Memory, root: &Root, model: &Model, random: &mut Random, keys: Keys) {
    assert_eq!(root.len, model.len() as u64);
    let all: Vec<_> = range(memory, *root, Bound::Unbounded, Bound::Unbounded).unwrap().map(Result::unwrap).collect();
    assert!(all.iter().map(|(key, value)| (key.as_slice(), *value)).eq(between(model, &Bound::Unbounded, &Bound::Unbounded)));
    for (n, (key, value)) in all.iter().enumerate() {
        if random.one_in(8) {
            assert_eq!(get(memory, root, key).unwrap(), Some(*value));
            assert_eq!(nth(memory, root, n as u64).unwrap().unwrap(), (key.clone(), *value));
            assert_eq!(rank(memory, root, key).unwrap(), n as u64);
        }
    }
    assert_eq!(nth(memory, root, root.len).unwrap(), None);
    for _ in 0..10 {
        let key = keys.make(random);
        assert_eq!(get(memory, root, &key).unwrap(), model.get(&key).map(Vec::as_slice));
        assert_eq!(rank(memory, root, &key).unwrap(), model.range(..key).count() as u64);
        compare_range(memory, *root, model, random, keys);
    }
    // None, one, fewer and more than go down at a time; known keys, others, and some twice.
    let mut some: Vec<Vec<u8>> = all.iter().filter(|_| random.one_in(20)).map(|(key, _)| key.to_vec()).collect();
    some.extend((0..random.below(40)).map(|_| keys.make(random)));
    some.extend(some.first().cloned());
    let expected: Vec<_> = some.iter().map(|key| model.get(key).map(Vec::as_slice)).collect();
    assert_eq!(get_many(memory, root, &some).unwrap(), expected);
}

/// One batch of changes, made to tree and model alike.
fn change(memory: &mut Memory, root: &mut Root, model: &mut Model, random: &mut Random, keys: Keys) {
    // Some batches mostly add, others mostly remove, so that the tree grows and shrinks.
    let adds = random.below(10);
    for _ in 0..random.below(300) {
        let key = keys.make(random);
        if random.below(9) < adds {
            let value = value(random);
            if random.one_in(3) {
                let is_new = !model.contains_key(&key);
                assert_eq!(insert_new(memory, root, &key, &value).unwrap(), is_new);
                model.entry(key).or_insert(value);
            } else {
                assert_eq!(insert(memory, root, &key, &value).unwrap(), model.insert(key, value).is_none());
            }
        } else {
            assert_eq!(remove(memory, root, &key).unwrap(), model.remove(&key).is_some());
        }
    }
    if random.one_in(4) {
        let (start, end) = (bound(random, keys), bound(random, keys));
        let before = model.len();
        model.retain(|key, _| !(is_start_of(&start, key) && is_end_of(&end, key)));
        let removed = remove_range(memory, root, borrowed(&start), borrowed(&end)).unwrap();
        assert_eq!(removed, (before - model.len()) as u64, "removing {start:?}..{end:?}");
    }
    if random.one_in(40) {
        clear(memory, root).unwrap();
        model.clear();
    }
    if model.is_empty() && random.one_in(2) {
        *model = (0..random.below(2000)).map(|_| (keys.make(random), value(random))).collect();
        *root = build(memory, model);
    }
}

fn build(memory: &mut Memory, model: &Model) -> Root {
    let mut builder = Builder::new(PAGE_LEN, TABLE);
    for (key, value) in model {
        builder.push(memory, key, value).unwrap();
    }
    builder.finish(memory).unwrap()
}

#[expect(clippy::print_stdout, reason = "a failing test shows its seed")]
fn check_model(keys: Keys, seed: u64, batches: usize) {
    println!("keys {keys:?}, seed {seed}");
    let (mut memory, mut root, mut model) = (Memory::default(), Root::default(), Model::new());
    let mut random = Random(seed);
    let mut olds: Vec<(Root, Model)> = Vec::new();
    for _ in 0..batches {
        change(&mut memory, &mut root, &mut model, &mut random, keys);
        memory.check(&root);
        compare(&memory, &root, &model, &mut random, keys);
        if random.one_in(3) {
            if olds.len() == 6 {
                olds.remove(random.below(6));
            }
            olds.push((root, model.clone()));
            memory.freeze();
            memory.check(&root);
        }
        if random.one_in(5) {
            for (root, model) in &olds {
                check(&memory, root, TABLE, &mut |_, _| {}).unwrap();
                compare(&memory, root, model, &mut random, keys);
            }
        }
    }
}

/// Every operation does what a sorted map does, no page leaks or is retired twice, and old roots read what they read.
#[test]
fn l1_model_and_old_roots() {
    let seed = std::env::var("TREE_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(1);
    for keys in [Keys::Short, Keys::Long, Keys::Prefixed, Keys::Tiny] {
        for seed in seed..seed + 3 {
            check_model(keys, seed, 60);
        }
    }
}

/// A tree of `count` small entries in epoch 0, built by `order`.
fn inserted(numbers: impl Iterator<Item = u32>) -> (Memory, Root) {
    let (mut memory, mut root) = (Memory::default(), Root::default());
    for number in numbers {
        assert!(insert(&mut memory, &mut root, &number.to_be_bytes(), &[0; 32]).unwrap());
    }
    memory.check(&root);
    (memory, root)
}

fn leaves(memory: &Memory) -> usize {
    memory.pages.values().filter(|(_, buf)| buf.page().kind() == Kind::Leaf).count()
}

/// Ascending and descending keys, and a bulk load, leave full pages behind; runs in the middle nearly so.
#[test]
fn sorted_inserts_fill_pages() {
    let count = 20_000_u32;
    let model: Model = (0..count).map(|n| (n.to_be_bytes().to_vec(), vec![0; 32])).collect();
    let mut loaded = Memory::default();
    let root = build(&mut loaded, &model);
    loaded.check(&root);
    let best = leaves(&loaded);
    assert!(best * PAGE_LEN < count as usize * 54);
    let (up, _) = inserted(0..count);
    let (down, _) = inserted((0..count).rev());
    let runs = (0..count / 4).flat_map(|n| (0..4).map(move |run| run << 24 | n));
    let (runs, _) = inserted(runs);
    assert!(leaves(&up) <= best + 1, "{} leaves, {best} at best", leaves(&up));
    assert!(leaves(&down) <= best + best / 20, "{} leaves, {best} at best", leaves(&down));
    assert!(leaves(&runs) <= best + best / 5, "{} leaves, {best} at best", leaves(&runs));
}

/// Removing one by one in any order gives pages back on the way, and ends with none.
#[test]
fn removal_gives_pages_back() {
    for seed in 0..3 {
        let (mut memory, mut root) = inserted(0..10_000);
        let full = leaves(&memory);
        let mut left: Vec<u32> = (0..10_000).collect();
        let mut random = Random(seed);
        while !left.is_empty() {
            let i = match seed {
                0 => left.len() - 1,
                _ => random.below(left.len()),
            };
            assert!(remove(&mut memory, &mut root, &left.swap_remove(i).to_be_bytes()).unwrap());
            if left.len() == 1_000 {
                memory.check(&root);
                assert!(leaves(&memory) <= full / 2, "{} leaves of {full} for a tenth", leaves(&memory));
            }
        }
        assert_eq!(root, Root::default());
        assert!(memory.pages.is_empty());
    }
}

/// A missing key copies no page, and a small change copies one path.
#[test]
fn misses_copy_nothing() {
    let (mut memory, mut root) = inserted((0..5_000).map(|n| 2 * n));
    memory.freeze();
    let (old, pages) = (root, memory.pages.len());
    assert!(!remove(&mut memory, &mut root, &1_u32.to_be_bytes()).unwrap());
    let (start, end) = (101_u32.to_be_bytes(), 102_u32.to_be_bytes());
    assert_eq!(remove_range(&mut memory, &mut root, Bound::Included(&start), Bound::Excluded(&end)).unwrap(), 0);
    assert_eq!((root, memory.pages.len()), (old, pages));
    assert!(!insert(&mut memory, &mut root, &2_u32.to_be_bytes(), b"new").unwrap());
    assert_eq!(memory.pages.len(), pages + root.height as usize);
}

/// Dropping a long range reads the pages that are dropped and the edges, nothing else; and leaves no small pages at the edges.
#[test]
fn remove_range_is_cheap_and_merges_edges() {
    let (mut memory, mut root) = inserted(0..200_000);
    assert_eq!(root.height, 3);
    memory.freeze();
    let pages = memory.pages.len() as u64;
    let (start, end) = (50_u32.to_be_bytes(), 199_940_u32.to_be_bytes());
    memory.reads.set(0);
    assert_eq!(remove_range(&mut memory, &mut root, Bound::Included(&start), Bound::Excluded(&end)).unwrap(), 199_890);
    assert!(memory.reads.get() < pages + 40);
    memory.check(&root);
    assert_eq!((root.len, root.height), (110, 2));
    assert!(memory.pages.len() as u64 <= pages + 10);
}

/// Forward scans never pay for the back of the range.
#[test]
fn short_range_reads_one_path() {
    let (memory, root) = inserted(0..200_000);
    memory.reads.set(0);
    let start = 100_000_u32.to_be_bytes();
    let found = range(&memory, root, Bound::Included(&start), Bound::Unbounded).unwrap().take(10).map(Result::unwrap);
    assert_eq!(found.count(), 10);
    assert!(memory.reads.get() <= u64::from(root.height) + 1);
}

/// Limits of the format: the longest key works everywhere, a longer one is refused and changes nothing; so is a load that does
/// not ascend.
#[test]
fn limits() {
    let (mut memory, mut root) = (Memory::default(), Root::default());
    for first in 0..20_u8 {
        let key = [vec![first % 10; MAX_KEY_LEN - 1], vec![first]].concat();
        assert!(insert(&mut memory, &mut root, &key, &[first; 5_000]).unwrap());
    }
    memory.check(&root);
    let before = root;
    let error = insert(&mut memory, &mut root, &[0; MAX_KEY_LEN + 1], b"").unwrap_err();
    assert_eq!((error.kind(), root), (ErrorKind::Invalid, before));
    let mut builder = Builder::new(PAGE_LEN, TABLE);
    builder.push(&mut memory, b"b", b"").unwrap();
    for key in [&b"b"[..], b"a", b""] {
        assert_eq!(builder.push(&mut memory, key, b"").unwrap_err().kind(), ErrorKind::Invalid);
    }
    assert_eq!(builder.finish(&mut memory).unwrap().len, 1);
}

/// Pages that grew for long keys do not stay large once short ones come, and a key without the common prefix does not blow up a
/// page that saves it a hundred times.
#[test]
fn pages_stay_near_their_length() {
    let (mut memory, mut root) = (Memory::default(), Root::default());
    let prefix = vec![b'm'; 3_000];
    let mut random = Random(5);
    for n in 0..3_000_u32 {
        let number = (random.next() as u32).to_be_bytes();
        insert(&mut memory, &mut root, &[&prefix[..], &number].concat(), b"").unwrap();
        if n % 10 == 0 {
            insert(&mut memory, &mut root, &number, b"").unwrap();
        }
    }
    memory.check(&root);
    for (_, buf) in memory.pages.values() {
        assert!(buf.page().count() <= 4 || buf.used() <= 2 * PAGE_LEN, "{:?} uses {}", buf.page(), buf.used());
    }
}

/// Whatever a page says, a way down ends with `Corrupt`: a child that is the page itself, a child on another level, a height that
/// no tree has. Ranges are fused after it.
#[test]
fn corrupt_levels_end_every_way() {
    let (mut memory, root) = inserted(0..20_000);
    let (first, top) = (memory.page(root.at).unwrap().child(0).unwrap(), root.height);
    let key = 0_u32.to_be_bytes();
    let mut broken = Vec::new();
    for height in [top - 1, top + 1, 65, u32::MAX] {
        broken.push(Root { height, ..root });
    }
    memory.edit(root.at).set_child(0, root.at);
    broken.push(root);
    for root in broken {
        assert_eq!(get(&memory, &root, &key).unwrap_err().kind(), ErrorKind::Corrupt);
        assert_eq!(get_many(&memory, &root, &[&key, &key]).unwrap_err().kind(), ErrorKind::Corrupt);
        assert_eq!(nth(&memory, &root, 0).unwrap_err().kind(), ErrorKind::Corrupt);
        assert_eq!(rank(&memory, &root, &key).unwrap_err().kind(), ErrorKind::Corrupt);
        assert_eq!(check(&memory, &root, TABLE, &mut |_, _| {}).unwrap_err().kind(), ErrorKind::Corrupt);
        assert_eq!(walk(&memory, &root, &mut |_| true, &mut |_, _| Ok(())).unwrap_err().kind(), ErrorKind::Corrupt);
        assert!(range(&memory, root, Bound::Unbounded, Bound::Unbounded).is_err());
        let mut copy = root;
        assert_eq!(remove(&mut memory, &mut copy, &key).unwrap_err().kind(), ErrorKind::Corrupt);
        assert_eq!(insert(&mut memory, &mut copy, &key, b"").unwrap_err().kind(), ErrorKind::Corrupt);
    }
    memory.edit(root.at).set_child(0, first);
    let second = memory.page(root.at).unwrap().child(1).unwrap();
    memory.edit(root.at).set_child(1, root.at);
    let mut found = range(&memory, root, Bound::Unbounded, Bound::Unbounded).unwrap();
    while let Ok(Some(_)) = found.next() {}
    assert!(found.next().unwrap().is_none() && found.next_back().unwrap().is_none());
    memory.edit(root.at).set_child(1, second);
    memory.check(&root);
}

/// A checker that never complains checks nothing: each kind of damage is found.
#[test]
fn check_finds_damage() {
    type Damage = fn(&mut Memory, &mut Root);
    let damages: [Damage; 7] = [
        |_, root| root.len += 1,
        |memory, root| memory.edit(root.at).set_entries(0, 1),
        |memory, root| {
            let child = memory.page(root.at).unwrap().child(0).unwrap();
            memory.edit(root.at).set_child(1, child);
        },
        |memory, root| {
            let page = memory.page(root.at).unwrap();
            let (a, b) = (page.child(0).unwrap(), page.child(1).unwrap());
            memory.edit(root.at).set_child(0, b);
            memory.edit(root.at).set_child(1, a);
        },
        |memory, root| assert!(memory.edit(root.at).set_separator(1, &[0, 0, 0, 1]).unwrap()),
        |memory, root| {
            let child = memory.page(root.at).unwrap().child(1).unwrap();
            memory.edit(child).remove(0).unwrap();
        },
        |memory, root| {
            let page = PageBuf::large(TABLE, b"another key", &[0; 5_000]);
            let at = memory.add(page).unwrap();
            let child = memory.page(root.at).unwrap().child(0).unwrap();
            assert!(memory.edit(child).replace(0, crate::page::Item::Large { at, len: 5_000 }).unwrap());
        },
    ];
    for (i, damage) in damages.iter().enumerate() {
        let (mut memory, mut root) = inserted(0..2_000);
        assert_eq!(root.height, 2);
        damage(&mut memory, &mut root);
        let found = check(&memory, &root, TABLE, &mut |_, _| {});
        assert!(found.is_err_and(|error| error.kind() == ErrorKind::Corrupt), "damage {i}");
    }
    let (memory, root) = inserted(0..10);
    assert!(check(&memory, &root, TableId(8), &mut |_, _| {}).is_err());
}

/// A walk gives each page once, children before parents, and passes over what it is told to.
#[test]
fn walk_goes_children_first_and_prunes() {
    let (mut memory, mut root) = inserted(0..5_000);
    insert(&mut memory, &mut root, b"large", &[1; 9_000]).unwrap();
    let mut left = Vec::new();
    walk(&memory, &root, &mut |_| true, &mut |at, page| {
        for i in 0..if page.kind() == Kind::Branch { page.count() } else { 0 } {
            assert!(left.contains(&page.child(i)?), "a child is left before its parent");
        }
        left.push(at);
        Ok(())
    })
    .unwrap();
    assert_eq!(left.iter().collect::<HashSet<_>>(), memory.pages.keys().collect());
    assert_eq!((left.len(), left.last()), (memory.pages.len(), Some(&root.at)));
    // Only what is new since an older root.
    memory.freeze();
    let old: HashSet<_> = left.into_iter().collect();
    insert(&mut memory, &mut root, &77_u32.to_be_bytes(), b"changed").unwrap();
    let mut new = 0;
    walk(&memory, &root, &mut |at| !old.contains(&at), &mut |_, _| {
        new += 1;
        Ok(())
    })
    .unwrap();
    assert_eq!(new, root.height);
}

/// Counts the lenders apart from it that live.
struct Counted<'m> {
    memory: &'m Memory,
    living: &'m Cell<u32>,
    most: &'m Cell<u32>,
}

impl<'m> Counted<'m> {
    fn new(memory: &'m Memory, living: &'m Cell<u32>, most: &'m Cell<u32>) -> Counted<'m> {
        living.set(living.get() + 1);
        most.set(most.get().max(living.get()));
        Counted { memory, living, most }
    }
}

impl Drop for Counted<'_> {
    fn drop(&mut self) {
        self.living.set(self.living.get() - 1);
    }
}

impl Pages for Counted<'_> {
    fn page(&self, at: Position) -> Result<Page<'_>> {
        self.memory.page(at)
    }

    fn apart(&self) -> Option<Box<dyn Pages + '_>> {
        Some(Box::new(Counted::new(self.memory, self.living, self.most)))
    }
}

/// Whoever goes through a whole tree holds a page a level and a large value, however many there are: where pages are copied, that bounds the memory.
#[test]
fn walk_and_check_hold_a_page_a_level() {
    let (mut memory, mut root) = inserted(0..5_000);
    for key in 0..50_u32 {
        insert(&mut memory, &mut root, &[b"large", &key.to_be_bytes()[..]].concat(), &[1; 9_000]).unwrap();
    }
    let (living, most) = (Cell::new(0), Cell::new(0));
    let counted = Counted::new(&memory, &living, &most);
    check(&counted, &root, TABLE, &mut |_, _| {}).unwrap();
    walk(&counted, &root, &mut |_| true, &mut |_, _| Ok(())).unwrap();
    assert_eq!((living.get(), most.get()), (1, 1 + root.height + 1));
}
