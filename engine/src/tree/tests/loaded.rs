//! Bulk loads that end at every place of a page.

use super::*;

/// Three keys each that differ in their last byte alone. A leaf holds four of them, so most separators are long, and branches have few children.
fn triplet(n: u32) -> Vec<u8> {
    [&(n / 3).to_be_bytes()[..], &[b'k'; 1_500], &[(n % 3) as u8]].concat()
}

/// A load of any number of entries is a sound tree of all of them, in order, also where the last leaf, or the last branch of a level, finds the one above it full.
#[test]
fn loads_of_every_length_are_whole() {
    let mut highest = 0;
    for count in 0..150 {
        let model: Model = (0..count).map(|n| (triplet(n), n.to_le_bytes().to_vec())).collect();
        let mut memory = Memory::default();
        let root = build(&mut memory, &model);
        memory.check(&root);
        assert_eq!(root.len, u64::from(count));
        for (rank, (key, value)) in (0..).zip(&model) {
            let (found, entry) = nth(&memory, &root, rank).unwrap().expect("an entry of this rank");
            assert!(*found == key[..] && entry == value, "entry {rank} of {count}");
        }
        highest = highest.max(root.height);
    }
    assert!(highest >= 4, "the trees were {highest} pages high at most");
}
