//! Values that outlive their reader: shared bytes that hold what they need (L6).

use bytes::Bytes;

use crate::error::Result;
use crate::store::read::{Kept, Lender};
use crate::tree;
use crate::version::root::Tree;

use super::Snapshot;

/// The value of `key` as owned bytes.
pub(super) fn get(snapshot: &Snapshot, lender: &Lender<'_>, tree: &Tree, key: &[u8]) -> Result<Option<Bytes>> {
    let (Some(page), Some(value)) = (tree::value_page(lender, tree, key)?, tree::get(lender, tree, key)?) else {
        return Ok(None);
    };
    Ok(Some(match Kept::new(snapshot.held().clone(), lender, page, value) {
        Some(kept) => Bytes::from_owner(kept),
        // Its home was exchanged between the two: a copy is as good.
        None => Bytes::copy_from_slice(value),
    }))
}
