//! What may be wrong, and is judged when the statement ends: a row without its parent, a parent that is gone and had children.
//!
//! Both are the same question: is there a row with this foreign key, and none that it refers to?

use std::collections::BTreeMap;

use super::*;
use crate::table::reference::Reference;
use crate::table::schema::ObjectId;

/// Each question once: child, number of its foreign key, the values as a prefix of the child.
#[derive(Default)]
pub(super) struct Pending {
    questions: BTreeMap<(ObjectId, usize, Vec<u8>), Question>,
}

struct Question {
    reference: Arc<Reference>,
    /// The parent was there before.
    removed: bool,
}

impl Pending {
    pub(super) fn note(&mut self, reference: &Arc<Reference>, prefix: &[u8], removed: bool) {
        let key = (reference.child.id, reference.number, prefix.to_vec());
        self.questions.entry(key).or_insert_with(|| Question { reference: Arc::clone(reference), removed });
    }
}

impl Changes<'_> {
    pub(super) fn check_pending(&mut self) -> Result<()> {
        let tables = self.open.tables();
        for ((_, number, prefix), Question { reference, removed }) in std::mem::take(&mut self.pending.questions) {
            self.tick()?;
            let parent = reference.parent_of_prefix(&prefix)?;
            if tables.stored(reference.parents)?.get(&parent)?.is_none()
                && tables.stored(reference.children())?.first_with(&prefix)?.is_some()
            {
                return Err(violation::foreign(&reference.child, number, &reference.parent, &prefix, removed));
            }
        }
        Ok(())
    }
}
