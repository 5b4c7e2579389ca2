//! Any bytes as one page: as a mapped page that changed under a foreign hand, and as a stored page whose checksum is right.

use treering::codec::crc;
use treering::format::{ChunkId, Position};
use treering::page::{Item, Kind, Page, PageBuf};

use super::take::Take;

/// Keys that are looked for in every page.
const KEYS: [&[u8]; 5] = [b"", b"a", b"key-0007", b"\xff\xff\xff\xff\xff", &[b'p'; 40]];

/// The first byte says whether length, position and checksum are made right; the rest is the page.
///
/// # Panics
/// If a page that was verified is not a legal one after all.
pub fn run(input: &[u8]) {
    let mut take = Take::new(input);
    let mode = take.u8();
    let mut bytes = take.rest().to_vec();
    let at = Position::new(ChunkId(1), 0);
    if mode & 1 == 1 && bytes.len() >= 64 {
        let len = bytes.len() / 64 * 64;
        bytes.truncate(len);
        bytes[4..8].copy_from_slice(&(len as u32).to_le_bytes());
        bytes[8..16].copy_from_slice(&at.0.to_le_bytes());
        if mode & 2 == 2 {
            bytes[32..36].copy_from_slice(&(len as u32).to_le_bytes());
        }
        let sum = crc(&bytes[4..]);
        bytes[..4].copy_from_slice(&sum.to_le_bytes());
    }
    if let Ok(page) = Page::trusted(&bytes, at) {
        read(page);
        let _ = PageBuf::copy_of(page, 0);
    }
    let Ok(page) = Page::verify(&bytes, at) else { return };
    read(page);
    if page.is_compressed() {
        let Ok(unpacked) = page.unpack() else { return };
        whole(unpacked.page());
        change(unpacked);
    } else {
        whole(page);
        change(page.unpack().expect("a verified page is copied"));
    }
}

/// Asks everything; answers may be errors.
fn read(page: Page<'_>) {
    let count = page.count();
    for i in (0..count.min(300)).chain([count, usize::MAX / 32]) {
        let (_, _, _, _) = (page.key(i), page.item(i), page.child(i), page.entries(i));
        let _ = page.key_into(i, &mut Vec::new());
    }
    for key in KEYS {
        let (_, _, _) = (page.search(key), page.child_for(key), page.compare(count / 2, key));
    }
    let (_, _, _) = (page.total_entries(), page.large_key(), page.large_value());
    let _ = format!("{page:?} {} {} {}", page.table(), page.born(), page.packed_len());
}

/// Of a page that was verified every entry is there, and found where it stands.
fn whole(page: Page<'_>) {
    for i in 0..page.count() {
        let key = page.key(i).expect("a verified page has its keys");
        assert_eq!(page.search(&key).expect("a verified page can be searched"), Ok(i), "{page:?}");
        match page.kind() {
            Kind::Leaf => drop(page.item(i).expect("a verified leaf has its values")),
            _ => drop(page.child(i).expect("a verified branch has its children")),
        }
    }
    let mut packed = Vec::new();
    page.pack_into(&mut packed).expect("a verified page packs");
    let again = Page::verify(&packed, page.position()).expect("what was verified packs into what verifies");
    assert_eq!(again.count(), page.count());
}

/// Changes a copy as a tree does. A hostile heap may turn out wrong on the way: then that is an error.
fn change(mut page: PageBuf) {
    match page.page().kind() {
        Kind::Leaf => leaf(&mut page),
        Kind::Branch => branch(&mut page),
        Kind::Large => return,
    }
    if page.page().count() >= 2
        && let Ok(at) = page.split_point()
        && let Ok((right, separator)) = page.split_off(at)
    {
        let _ = page.append(right.page(), &separator, 4096);
    }
    let mut packed = Vec::new();
    let _ = page.page().pack_into(&mut packed);
    let _ = page.page().pack_lz4_into(&mut packed);
}

fn leaf(page: &mut PageBuf) {
    for key in KEYS {
        let Ok(found) = page.page().search(key) else { return };
        let item = Item::Inline(b"a value");
        let done = match found {
            Ok(i) => page.replace(i, item),
            Err(i) => page.insert(i, key, item),
        };
        match done {
            Ok(true) => {}
            Ok(false) => page.grow(page.bytes().len() + 4096),
            Err(_) => return,
        }
    }
    while page.page().count() > 2 {
        if page.remove(page.page().count() / 2).is_err() {
            return;
        }
    }
}

fn branch(page: &mut PageBuf) {
    let child = Position::new(ChunkId(7), 1);
    let Ok(Err(i)) = page.page().search(b"key-0007") else { return };
    if !matches!(page.insert_child(i, b"key-0007", child, 9), Ok(true)) {
        return;
    }
    page.set_child(i, child);
    page.set_entries(i, 10);
    let _ = page.set_separator(i, b"key-00071");
    while page.page().count() > 2 {
        if page.remove_child(page.page().count() / 2).is_err() {
            return;
        }
    }
}
