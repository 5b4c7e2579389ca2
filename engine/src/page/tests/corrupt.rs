//! Damage: every byte of a stored page matters, and no byte can make the room panic.

use super::*;
use crate::codec::crc;

/// One small page of each form: leaf with prefix and every sort of value, branch, large value, LZ4.
fn samples() -> Vec<Vec<u8>> {
    let mut leaf = PageBuf::leaf(4096, TABLE);
    for (i, key) in ["k", "key/1", "key/22", "key/22/a", "key/3333333"].iter().enumerate() {
        assert!(leaf.insert(i, key.as_bytes(), Item::Inline(&[7; 9][..2 * i])).unwrap());
    }
    assert!(leaf.replace(2, Item::Large { at: AT, len: 99 }).unwrap());
    let (prefixed, _) = leaf.split_off(1).unwrap();
    let mut branch = PageBuf::branch(4096, TABLE, 1);
    for (i, key) in ["", "key/1", "key/22", "key/22222/a"].iter().enumerate() {
        assert!(branch.insert_child(i, key.as_bytes(), AT, 1 << i).unwrap());
    }
    let large = PageBuf::large(TABLE, b"owner", &[5; 70]);
    let mut compressible = PageBuf::leaf(4096, TABLE);
    for n in 0..20 {
        assert!(put(&mut compressible, format!("{n:04}/").as_bytes(), &[n; 30]));
    }
    assert!(put(&mut leaf, b"kk", b""));
    let mut samples: Vec<Vec<u8>> = [leaf, prefixed, branch, large].iter_mut().map(packed).collect();
    compressible.set_position(AT);
    let mut lz4 = Vec::new();
    assert!(compressible.page().pack_lz4_into(&mut lz4).unwrap());
    samples.push(lz4);
    samples
}

/// Calls every accessor and every change on a page of which nothing is known. Nothing here may panic; results do not matter.
fn use_all(bytes: &[u8]) {
    // The byte may be one of the position.
    let Some(position) = bytes.get(8..16).and_then(|b| b.try_into().ok()).map(|b| Position(u64::from_le_bytes(b))) else {
        return;
    };
    let _ = Page::verify(bytes, position);
    let Ok(page) = Page::trusted(bytes, position) else { return };
    let probes: [&[u8]; 7] = [b"", b"k", b"key/22", b"key/22/a", b"key/3333333", b"l", b"key"];
    look(page, &probes);
    let mut out = Vec::new();
    for result in [page.pack_into(&mut out), page.pack_lz4_into(&mut out).map(drop)] {
        assert!(result.is_ok() || out.len().is_multiple_of(64));
    }
    for copy in [page.unpack(), PageBuf::copy_of(page, 4096)].into_iter().flatten() {
        look(copy.page(), &probes);
        change(&copy, &probes);
    }
}

fn look(page: Page<'_>, probes: &[&[u8]]) {
    let (mut key, count) = (Vec::new(), page.count().min(40));
    for i in (0..count + 2).chain([usize::MAX]) {
        let _ = (page.key(i), page.key_into(i, &mut key), page.item(i), page.child(i), page.entries(i));
        for probe in probes {
            let _ = page.compare(i, probe);
        }
    }
    for probe in probes {
        let _ = (page.search(probe), page.child_for(probe));
    }
    let _ = (page.total_entries(), page.large_key(), page.large_value(), page.packed_len(), page.level(), page.born());
    let _ = (page.table(), page.kind(), page.is_compressed(), page.bytes(), format!("{page:?}"));
}

/// Each change on a fresh copy: an error or a page that can still be looked at.
fn change(sample: &PageBuf, probes: &[&[u8]]) {
    let each = |change: &dyn Fn(&mut PageBuf)| {
        let mut page = PageBuf::copy_of(sample.page(), 0).unwrap();
        change(&mut page);
        look(page.page(), probes);
        let _ = page.page().pack_into(&mut Vec::new());
    };
    let (kind, count) = (sample.page().kind(), sample.page().count());
    each(&|page| page.grow(8192));
    each(&|page| drop((page.split_point(), page.used())));
    if kind == Kind::Large {
        return;
    }
    each(&|page| drop(page.append(sample.page(), b"m", 8192)));
    for i in 0..count.min(40) {
        if i > 0 {
            each(&|page| drop(page.split_off(i)));
        }
        if kind == Kind::Leaf {
            each(&|page| drop(page.remove(i)));
            for item in [Item::Inline(&[1; 3000]), Item::Inline(&[1; 20]), Item::Inline(&[]), Item::Large { at: AT, len: 3 }] {
                each(&|page| drop(page.replace(i, item)));
                each(&|page| drop(page.insert(i, probes[i % probes.len()], item)));
            }
        } else {
            each(&|page| drop(page.remove_child(i)));
            each(&|page| {
                page.set_child(i, AT);
                page.set_entries(i, u64::MAX);
            });
            if i > 0 {
                each(&|page| drop(page.set_separator(i, b"key/2")));
                each(&|page| drop(page.set_separator(i, &[b'z'; 3000])));
                each(&|page| drop(page.insert_child(i, b"key/2", AT, 3)));
            }
        }
    }
}

/// No flipped byte of a stored page goes unnoticed; with its CRC mended it gives an error or a page, never a panic.
#[test]
fn corrupt_every_byte() {
    for sample in samples() {
        Page::verify(&sample, AT).unwrap();
        use_all(&sample);
        for i in 0..sample.len() {
            for flip in if cfg!(miri) { &[0x80_u8][..] } else { &[0x01, 0x02, 0x04, 0x40, 0x80, 0xff] } {
                let mut bytes = sample.clone();
                bytes[i] ^= flip;
                assert!(Page::verify(&bytes, AT).is_err(), "byte {i} ^ {flip:02x} was not noticed");
                let len = u32::from_le_bytes(bytes[4..8].try_into().unwrap()) as usize;
                if let Some(body) = bytes.get(4..len.max(4)) {
                    let crc = crc(body);
                    bytes[..4].copy_from_slice(&crc.to_le_bytes());
                }
                use_all(&bytes);
            }
        }
    }
}

/// The stored leaf with these keys, after `forge` changed it and its CRC was made right.
fn forged(keys: [&[u8]; 3], forge: impl Fn(&mut [u8])) -> Vec<u8> {
    let mut leaf = PageBuf::leaf(4096, TABLE);
    assert!(keys.iter().all(|key| put(&mut leaf, key, b"value")));
    let mut bytes = packed(&mut leaf);
    forge(&mut bytes);
    let sum = crc(&bytes[4..]);
    bytes[..4].copy_from_slice(&sum.to_le_bytes());
    bytes
}

/// L8: a page whose keys do not ascend is refused although its CRC is right: by their heads, by what is behind them, and where one key stands twice.
#[test]
fn l8_keys_that_do_not_ascend_are_refused() {
    // Four heads of 4 bytes behind the page's head, one of them room, then the slots of 8 bytes.
    let (heads, slots) = (64, 64 + 4 * 4);
    let [early, late]: [[&[u8]; 3]; 2] = [[b"aaaa", b"bbbb", b"cccc"], [b"samea", b"sameb", b"samec"]];
    for keys in [early, late] {
        let whole = forged(keys, |_| {});
        Page::verify(&whole, AT).unwrap();
    }
    let swapped_heads = forged(early, |page| page[heads..heads + 8].rotate_left(4));
    let swapped_slots = forged(late, |page| page[slots + 8..slots + 24].rotate_left(8));
    let doubled = forged(late, |page| page.copy_within(slots..slots + 8, slots + 8));
    for bytes in [swapped_heads, swapped_slots, doubled] {
        let refused = Page::verify(&bytes, AT).expect_err("keys out of order");
        assert_eq!(refused.kind(), ErrorKind::Corrupt);
        assert!(refused.to_string().contains("do not ascend"), "{refused}");
    }
}

/// Random damage to several bytes at once.
#[test]
fn corrupt_many_bytes() {
    let samples = samples();
    let mut random = Random(11);
    for _ in 0..if cfg!(miri) { 20 } else { 5_000 } {
        let mut bytes = samples[random.below(samples.len())].clone();
        for _ in 0..1 + random.below(6) {
            // Half of the time in the head and the first arrays.
            let bound = if random.below(2) == 0 { bytes.len() } else { 120.min(bytes.len()) };
            let i = 8 + random.below(bound - 8);
            bytes[i] = if random.below(2) == 0 { random.next() as u8 } else { [0, 1, 4, 8, 0xff][random.below(5)] };
        }
        let crc = crc(&bytes[4..]);
        bytes[..4].copy_from_slice(&crc.to_le_bytes());
        use_all(&bytes);
    }
}

/// A page cut short at any byte, and one of nothing but 0 or 0xff, is refused.
#[test]
fn corrupt_length() {
    for sample in samples() {
        for len in 0..sample.len() {
            assert_eq!(Page::verify(&sample[..len], AT).unwrap_err().kind(), ErrorKind::Corrupt);
            assert!(Page::trusted(&sample[..len], AT).is_err());
        }
        let longer = [sample.as_slice(), &[1; 100]].concat();
        assert_eq!(Page::verify(&longer, AT).unwrap().bytes(), sample);
    }
    for byte in [0, 0xff] {
        assert!(Page::verify(&[byte; 4096], AT).is_err());
    }
}

/// The bytes of another page, moved whole, are not taken for this one; the message names the page that was asked for.
#[test]
fn corrupt_place() {
    for sample in samples() {
        let error = Page::verify(&sample, Position(AT.0 + 1)).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Corrupt);
        assert!(error.to_string().contains("page 7.4"), "{error}");
        assert!(Page::trusted(&sample, Position(AT.0 + 1)).is_err());
    }
}

/// A reserved bit, its CRC right, is refused as a newer build's work and not as damage.
#[test]
fn unknown_flag_is_unsupported() {
    for (at, bit) in [(30, 2), (31, 64)] {
        let mut bytes = samples()[0].clone();
        bytes[at] |= bit;
        let crc = crc(&bytes[4..]);
        bytes[..4].copy_from_slice(&crc.to_le_bytes());
        assert_eq!(Page::verify(&bytes, AT).unwrap_err().kind(), ErrorKind::Unsupported);
    }
}

/// A compressed page cannot make the reader allocate more than the bounds on `raw_len`.
#[test]
fn unpacked_length_is_bounded() {
    let sample = samples().pop().unwrap();
    for raw_len in [0_u32, 1, 64, 1 << 24, (1 << 24) + 64, u32::MAX, !63] {
        let mut bytes = sample.clone();
        bytes[32..36].copy_from_slice(&raw_len.to_le_bytes());
        let crc = crc(&bytes[4..]);
        bytes[..4].copy_from_slice(&crc.to_le_bytes());
        assert_eq!(Page::verify(&bytes, AT).unwrap_err().kind(), ErrorKind::Corrupt);
        assert_eq!(Page::trusted(&bytes, AT).unwrap().unpack().unwrap_err().kind(), ErrorKind::Corrupt);
    }
}
