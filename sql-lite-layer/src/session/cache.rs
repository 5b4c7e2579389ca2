//! Statements by their text, so that a text is parsed once.

use std::collections::HashMap;
use std::sync::Arc;

use super::prepared::Prepared;

/// The statements used last. Not shared: each connection has its own, so that no lock stands in a statement's way.
#[derive(Default)]
pub(super) struct Cache {
    by_text: HashMap<Arc<str>, Entry>,
    clock: u64,
}

struct Entry {
    prepared: Arc<Prepared>,
    used: u64,
}

/// Statements that a connection keeps.
const CAPACITY: usize = 256;
/// Longer texts are not kept: 256 x 64 KiB = 16 MiB at most.
const MAX_TEXT_BYTES: usize = 64 << 10;

impl Cache {
    pub(super) fn get(&mut self, text: &str) -> Option<Arc<Prepared>> {
        self.clock += 1;
        let entry = self.by_text.get_mut(text)?;
        entry.used = self.clock;
        Some(Arc::clone(&entry.prepared))
    }

    pub(super) fn put(&mut self, prepared: &Arc<Prepared>) {
        if prepared.text.len() > MAX_TEXT_BYTES {
            return;
        }
        if self.by_text.len() >= CAPACITY {
            // The older half goes at once: so the search costs little for each statement.
            let mut times: Vec<u64> = self.by_text.values().map(|entry| entry.used).collect();
            let (_, middle, _) = times.select_nth_unstable(CAPACITY / 2);
            let middle = *middle;
            self.by_text.retain(|_, entry| entry.used > middle);
        }
        self.clock += 1;
        let entry = Entry { prepared: Arc::clone(prepared), used: self.clock };
        self.by_text.insert(Arc::clone(&prepared.text), entry);
    }
}
