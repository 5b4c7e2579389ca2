//! Trees that no edit makes: a forger's, every page of them legal by itself.

use super::*;
use crate::page::Item;

/// A tree of this height in which every branch names one child twice: as many ways down as there are grains of sand, and a page a level.
fn doubled(memory: &mut Memory, height: u32, entries: u8) -> Root {
    let mut leaf = PageBuf::leaf(PAGE_LEN, TABLE);
    for i in 0..entries {
        assert!(leaf.insert(usize::from(i), &[b'a' + i], Item::Inline(b"value")).unwrap());
    }
    let mut at = memory.add(leaf).unwrap();
    let mut len = u64::from(entries);
    for level in 1..height {
        let mut branch = PageBuf::branch(PAGE_LEN, TABLE, level as u8);
        assert!(branch.insert_child(0, b"", at, len).unwrap() && branch.insert_child(1, b"m", at, len).unwrap());
        (at, len) = (memory.add(branch).unwrap(), len * 2);
    }
    memory.freeze();
    Root { at, len, height }
}

/// A forged file of a few pages made `remove_range`, dropping a table and one step of a range take 2^40 steps: branches named one page twice on every
/// level, and each level promised the next by its number alone. Leaves are passed in the order of their keys now, so the second
/// meeting with a page is an error, whatever the branches say.
#[test]
fn l8_a_page_named_twice_ends_a_walk() {
    for entries in [0, 3] {
        let mut memory = Memory::default();
        let root = doubled(&mut memory, 41, entries);
        let corrupt = |error: Error| assert_eq!(error.kind(), ErrorKind::Corrupt, "{error}");
        let ends = [Bound::Unbounded, Bound::Included(&b"b"[..])];
        for start in ends {
            let mut range = range(&memory, root, start, Bound::Unbounded).unwrap();
            corrupt(range.find_map(Result::err).expect("the range ends with an error"));
            assert!(range.next().unwrap().is_none());
            // From the back both ends stand in the one leaf that there is: it has met the front.
            let range = super::range(&memory, root, start, Bound::Unbounded).unwrap().rev();
            assert!(range.count() <= usize::from(entries) + 1);
        }
        corrupt(check(&memory, &root, TABLE, &mut |_, _| {}).unwrap_err());
        corrupt(remove_range(&mut memory, &mut root.clone(), Bound::Unbounded, Bound::Unbounded).unwrap_err());
        let mut memory = Memory::default();
        let root = doubled(&mut memory, 41, entries);
        corrupt(clear(&mut memory, &mut root.clone()).unwrap_err());
        let mut memory = Memory::default();
        let root = doubled(&mut memory, 41, entries);
        corrupt(remove_range(&mut memory, &mut root.clone(), Bound::Excluded(b"a"), Bound::Unbounded).unwrap_err());
    }
}
