//! Tests of the page room.

use super::*;
use crate::format::{Position, TableId};

/// What is put into a leaf in any order is found again, in memory and packed.
#[test]
fn leaf_keeps_what_is_put_in() {
    let at = Position(1 << 24);
    let mut leaf = PageBuf::leaf(4096, TableId(1));
    leaf.set_position(at);
    for n in [5, 3, 9, 1, 7] {
        let key = format!("user:{n:08}");
        let i = leaf.page().search(key.as_bytes()).unwrap().unwrap_err();
        assert!(leaf.insert(i, key.as_bytes(), Item::Inline(&[n; 10])).unwrap());
    }
    let mut out = Vec::new();
    leaf.page().pack_into(&mut out).unwrap();
    let page = Page::verify(&out, at).unwrap();
    for n in [1, 3, 5, 7, 9] {
        let i = page.search(format!("user:{n:08}").as_bytes()).unwrap().unwrap();
        assert_eq!(page.item(i).unwrap(), Item::Inline(&[n; 10]));
    }
}
