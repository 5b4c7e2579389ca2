//! What a statement did to the engine's tables, so that it can be undone alone.
//!
//! An engine savepoint would do it too, and does for statements of unknown size; but after a savepoint every page is copied at its next touch, and the copies before it are kept to the
//! transaction's end. A transaction of 100,000 small statements would copy and keep 300,000 pages. A step here is some 20 bytes, the key and what stood there before.

use crate::error::Result;
use crate::table::open::Open;
use crate::table::stored::Stored;

/// Memory that is kept for the next statement.
const KEPT_BYTES: usize = 64 << 10;

/// Steps, in order.
#[derive(Default)]
pub(super) struct Journal {
    steps: Vec<Step>,
    bytes: Vec<u8>,
}

struct Step {
    what: Stored,
    key_len: u32,
    /// Length of the value that stood there before; none: nothing did.
    old_len: Option<u32>,
}

impl Journal {
    /// Forgets everything; memory is kept, up to what many statements need.
    pub(super) fn clear(&mut self) {
        self.steps.clear();
        self.bytes.clear();
        self.bytes.shrink_to(KEPT_BYTES);
        self.steps.shrink_to(KEPT_BYTES / size_of::<Step>());
    }

    pub(super) fn size_bytes(&self) -> usize {
        self.bytes.len() + self.steps.len() * size_of::<Step>()
    }

    /// An entry was written or removed, where `old` stood before.
    pub(super) fn note(&mut self, what: Stored, key: &[u8], old: Option<&[u8]>) {
        // The engine's limits: keys below 2^16 bytes, values below 2^32.
        self.steps.push(Step { what, key_len: key.len() as u32, old_len: old.map(|old| old.len() as u32) });
        self.bytes.extend_from_slice(key);
        self.bytes.extend_from_slice(old.unwrap_or_default());
    }

    /// Puts everything back, the last step first.
    pub(super) fn undo(&mut self, open: &mut Open<'_>) -> Result<()> {
        while let Some(step) = self.steps.pop() {
            let old_at = self.bytes.len() - step.old_len.unwrap_or(0) as usize;
            let key_at = old_at - step.key_len as usize;
            let table = open.table_mut(step.what)?;
            match step.old_len {
                Some(_) => table.insert(&self.bytes[key_at..old_at], &self.bytes[old_at..])?,
                None => {
                    table.remove(&self.bytes[key_at..old_at])?;
                }
            }
            self.bytes.truncate(key_at);
        }
        Ok(())
    }
}
