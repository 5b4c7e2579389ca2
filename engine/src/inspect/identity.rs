//! Who a store is: what its header says once for all.

use crate::format::header::{FORMAT, Incarnation, LAYOUT};
use crate::store::Machine;

/// Who a store is.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Identity {
    /// Format of the file (FORMAT 3.1).
    pub format: u16,
    /// Layout within the format.
    pub layout: u16,
    /// Nominal length of a page in bytes.
    pub page_len: u32,
    /// Random identity of this store's life.
    pub incarnation: [u8; 16],
    /// The incarnation that this one was forked from, when a blob was opened for writing.
    pub parent: Option<[u8; 16]>,
    /// The version at the fork; 0 without a parent.
    pub forked_at: u64,
    /// Whether the file is a snapshot blob that nobody has written to.
    pub blob: bool,
}

impl Machine {
    /// Who this store is.
    pub(crate) fn about(&self) -> Identity {
        let identity = &self.identity;
        Identity {
            format: FORMAT,
            layout: LAYOUT,
            page_len: identity.page_len,
            incarnation: identity.incarnation.0,
            parent: (identity.parent != Incarnation::NONE).then_some(identity.parent.0),
            forked_at: identity.forked_at.0,
            blob: identity.blob && self.read_only,
        }
    }
}
