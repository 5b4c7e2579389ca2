//! Tests of the page room: single properties here, a random model in `model`, damage in `corrupt`.

mod corrupt;
mod model;

use super::*;
use crate::error::ErrorKind;
use crate::format::{Position, TableId, Version};

/// The position of every page that a test packs.
const AT: Position = Position(7 << 24 | 3);
const TABLE: TableId = TableId(5);

/// A small generator of random numbers (splitmix64): the same seed gives the same test.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ z >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ z >> 31
    }

    fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound as u64) as usize
    }
}

/// The stored form, verified.
fn packed(page: &mut PageBuf) -> Vec<u8> {
    page.set_position(AT);
    let mut out = Vec::new();
    page.page().pack_into(&mut out).unwrap();
    assert_eq!(out.len(), page.page().packed_len());
    Page::verify(&out, AT).unwrap();
    out
}

fn put(leaf: &mut PageBuf, key: &[u8], value: &[u8]) -> bool {
    let i = leaf.page().search(key).unwrap().expect_err("the key is new");
    leaf.insert(i, key, Item::Inline(value)).unwrap()
}

fn keys(page: Page<'_>) -> Vec<Vec<u8>> {
    (0..page.count()).map(|i| page.key(i).unwrap().into_vec()).collect()
}

/// A key with fewer than four bytes, the empty one and keys that begin with one another keep their order and are told apart.
#[test]
fn short_keys_and_prefixes_of_one_another() {
    let all: [&[u8]; 14] = [
        b"",
        b"\0",
        b"\0\0",
        b"\0\0\0\0",
        b"\0\0\0\0\0",
        b"a",
        b"a\0",
        b"a\0\0\0",
        b"a\0\0\0\0",
        b"ab",
        b"abcd",
        b"abcd\0",
        b"abcde",
        b"\xff\xff\xff\xff\xff",
    ];
    for (skipped, stranger) in all.iter().enumerate() {
        let mut leaf = PageBuf::leaf(4096, TABLE);
        for key in all.iter().rev().filter(|key| *key != stranger) {
            assert!(put(&mut leaf, key, key));
        }
        let bytes = packed(&mut leaf);
        for page in [leaf.page(), Page::trusted(&bytes, AT).unwrap()] {
            for (i, key) in all.iter().filter(|key| *key != stranger).enumerate() {
                assert_eq!(page.search(key).unwrap(), Ok(i));
                assert_eq!(page.item(i).unwrap(), Item::Inline(key));
                for other in all {
                    assert_eq!(page.compare(i, other).unwrap(), key.cmp(&other));
                }
            }
            assert_eq!(page.search(stranger).unwrap(), Err(skipped));
        }
    }
}

/// A key that does not share the page's prefix shortens the prefix, and a split lengthens it again.
#[test]
fn prefix_follows_the_keys() {
    let mut leaf = PageBuf::leaf(8192, TABLE);
    for n in 0..100 {
        assert!(put(&mut leaf, format!("tenant/1/user/{n:06}").as_bytes(), b"v"));
    }
    let (right, key) = leaf.split_off(50).unwrap();
    assert_eq!(key, b"tenant/1/user/00005");
    assert_eq!(leaf.page().prefix(), b"tenant/1/user/0000");
    assert_eq!(right.page().prefix(), b"tenant/1/user/0000");
    assert!(put(&mut leaf, b"tenant/0", b"w"));
    assert_eq!(leaf.page().prefix(), b"tenant/");
    assert!(put(&mut leaf, b"", b"w"));
    assert_eq!(leaf.page().prefix(), b"");
    assert_eq!(leaf.page().count(), 52);
    packed(&mut leaf);
}

/// A page that would not take one more entry finds the prefix that it had not cut off yet.
#[test]
fn a_full_page_is_rebuilt_before_it_is_refused() {
    let mut leaf = PageBuf::leaf(4096, TABLE);
    let mut n = 0;
    while put(&mut leaf, format!("a rather long prefix that all keys have in common/{n:06}").as_bytes(), b"") {
        n += 1;
    }
    // 12 bytes of arrays and 2 to 4 of the suffix's rest.
    assert!(n > 4032 / 16, "only {n} entries fit");
    assert!(leaf.used() <= 4096 && leaf.used() > 4096 - 40);
}

/// The longest key stands in line; four of them make a page that has grown.
#[test]
fn longest_keys() {
    let mut leaf = PageBuf::leaf(4096, TABLE);
    let key = |n: u8| {
        let mut key = vec![b'k'; 65_535];
        key[65_534] = n;
        key
    };
    assert!(!put(&mut leaf, &key(0), b"v"));
    leaf.grow(5 * 65_536);
    for n in [2, 0, 3, 1] {
        assert!(put(&mut leaf, &key(n), &[n; 60_000][..usize::from(n)]));
    }
    assert_eq!(leaf.page().key(2).unwrap().as_slice(), key(2));
    let (mut right, separator) = leaf.split_off(2).unwrap();
    assert_eq!(separator, key(2));
    let bytes = packed(&mut right);
    assert!(bytes.len() < 66_000, "the two share all but the last byte");
    // One that shares nothing makes them stand in full again.
    assert!(put(&mut right, b"other", &[0; 65_534]));
    assert_eq!(packed(&mut right).len(), (64 + 4 * 12 + 2 * 65_531 + 2 + 3 + 1 + 65_534_usize).next_multiple_of(64));
    assert_eq!(right.page().key(1).unwrap().as_slice(), key(3));
    packed(&mut leaf);
}

/// An inline value is at most 65,534 bytes long: 0xFFFF marks a value out of line.
#[test]
fn longest_inline_value() {
    let mut leaf = PageBuf::leaf(1 << 17, TABLE);
    assert!(put(&mut leaf, b"k", &[1; 65_534]));
    assert!(leaf.insert(1, b"l", Item::Large { at: AT, len: 1 << 31 }).unwrap());
    assert!(leaf.replace(0, Item::Large { at: AT, len: 9 }).unwrap());
    assert_eq!(packed(&mut leaf).len(), 128);
    assert_eq!(leaf.page().item(0).unwrap(), Item::Large { at: AT, len: 9 });
    assert_eq!(leaf.page().item(1).unwrap(), Item::Large { at: AT, len: 1 << 31 });
}

#[test]
#[should_panic(expected = "a longer value needs a page of its own")]
fn longer_inline_value_is_our_mistake() {
    let _ = PageBuf::leaf(1 << 17, TABLE).insert(0, b"k", Item::Inline(&[1; 65_535]));
}

/// A large value reads back, plain and as LZ4.
#[test]
fn large_value() {
    for len in [0, 1, 4000, 100_000] {
        let value: Vec<u8> = (0..len).map(|i| (i / 50) as u8).collect();
        let mut page = PageBuf::large(TABLE, b"owner", &value);
        let bytes = packed(&mut page);
        let view = Page::verify(&bytes, AT).unwrap();
        assert_eq!((view.large_key().unwrap(), view.large_value().unwrap()), (b"owner".as_slice(), value.as_slice()));
        let mut out = Vec::new();
        assert_eq!(page.page().pack_lz4_into(&mut out).unwrap(), len >= 4000);
        let unpacked = Page::verify(&out, AT).unwrap().unpack().unwrap();
        assert_eq!(unpacked.page().large_value().unwrap(), value);
        assert_eq!(PageBuf::copy_of(view, 4096).unwrap().page().large_value().unwrap(), value);
        assert_eq!(view.item(0).unwrap_err().kind(), ErrorKind::Corrupt);
    }
}

/// The head's fields survive a copy, a rebuild and the stored form.
#[test]
fn head_fields() {
    let mut branch = PageBuf::branch(4096, TABLE, 3);
    assert!(branch.insert_child(0, b"", AT, 7).unwrap());
    branch.set_position(AT);
    branch.set_born(Version(u64::MAX - 1));
    let bytes = packed(&mut branch);
    for page in [branch.page(), Page::trusted(&bytes, AT).unwrap(), PageBuf::copy_of(branch.page(), 0).unwrap().page()] {
        assert_eq!((page.kind(), page.level(), page.count(), page.table()), (Kind::Branch, 3, 1, TABLE));
        assert_eq!((page.position(), page.born()), (AT, Version(u64::MAX - 1)));
        assert_eq!((page.child(0).unwrap(), page.entries(0).unwrap(), page.child_for(b"x").unwrap()), (AT, 7, 0));
    }
}

/// A page given away and taken back is the same page.
#[test]
#[allow(unsafe_code)]
fn raw_and_back() {
    let mut leaf = PageBuf::leaf(4096, TABLE);
    assert!(put(&mut leaf, b"k", b"v"));
    let start = leaf.into_raw();
    assert_eq!(start.as_ptr() as usize % ALIGN, 0);
    // SAFETY: `start` came from into_raw just now and is given back once.
    let leaf = unsafe { PageBuf::from_raw(start) };
    assert_eq!(leaf.page().item(0).unwrap(), Item::Inline(b"v"));
}

/// Pages of chance contents stay plain; those of one repeated value become LZ4 and shrink.
#[test]
fn lz4_only_where_it_saves() {
    let mut random = Random(1);
    for (repeated, expected) in [(false, false), (true, true)] {
        let mut leaf = PageBuf::leaf(16384, TABLE);
        for n in 0..100_u64 {
            let value: Vec<u8> = (0..12).flat_map(|_| if repeated { 3 } else { random.next() }.to_le_bytes()).collect();
            assert!(put(&mut leaf, &n.to_be_bytes(), &value));
        }
        leaf.set_position(AT);
        let mut out = vec![9; 5];
        assert_eq!(leaf.page().pack_lz4_into(&mut out).unwrap(), expected);
        let page = Page::verify(&out[5..], AT).unwrap();
        assert_eq!(page.is_compressed(), expected);
        assert!(!expected || page.bytes().len() < leaf.used() / 2);
        assert_eq!(keys(page.unpack().unwrap().page()), keys(leaf.page()));
    }
}

/// The separator is the shortest key that tells two keys apart.
#[test]
fn shortest_separator() {
    for (left, right, expected) in
        [("abc", "abd", "abd"), ("abc", "b", "b"), ("", "abc", "a"), ("ab", "abcd", "abc"), ("a9", "b0", "b")]
    {
        assert_eq!(separator(left.as_bytes(), right.as_bytes()), expected.as_bytes());
    }
}
