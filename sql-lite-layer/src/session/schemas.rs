//! Which schema belongs to which version of the store.
//!
//! ```text
//!   a change of the schema   started + 1 ─► engine commit (publish) ─► current = new ─► finished + 1
//!   a statement              snapshot ─► started ─► is it the number that my plan was made at? then the plan is good
//! ```
//!
//! 1. `started` moves before the commit that changes the schema is published. So a snapshot that holds the change is followed by a load that sees the move: a plan is
//!    never run over a schema that it was not made for.
//! 2. `current` is the newest schema that was published when `started` equals `finished`.
//! 3. What the numbers cannot tell (a change under way, a snapshot older than the current schema) is read from the snapshot's own catalogue.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::RwLock;

use crate::error::Result;
use crate::table::schema::Schema;
use crate::table::{EngineSnapshot, Open, Tables, WriteTxn, catalogue};

/// See the file's head.
pub(super) struct Schemas {
    // Own synchronisation.
    started: AtomicU64,
    finished: AtomicU64,
    // Under its lock.
    current: RwLock<Known>,
}

/// A schema, and when it is known to hold.
#[derive(Clone)]
pub(super) struct Known {
    pub(super) schema: Arc<Schema>,
    /// Version of the store that first had it.
    pub(super) since: u64,
    /// `started` when it was found to be current; none: it was read from an old snapshot.
    pub(super) at: Option<u64>,
}

impl Schemas {
    /// The schema that the snapshot's catalogue holds.
    pub(super) fn load(snapshot: &EngineSnapshot) -> Result<Schemas> {
        let known = Known { schema: Arc::new(read(snapshot)?), since: snapshot.version(), at: Some(0) };
        Ok(Schemas { started: AtomicU64::new(0), finished: AtomicU64::new(0), current: RwLock::new(known) })
    }

    /// Whether what was known then still holds for this snapshot. The snapshot was taken before the call.
    #[inline]
    pub(super) fn holds(&self, known: &Known, snapshot: &EngineSnapshot) -> bool {
        // Acquire, and the snapshot before it: invariant 1.
        known.at == Some(self.started.load(Ordering::Acquire)) && known.since <= snapshot.version()
    }

    /// The schema of this snapshot.
    pub(super) fn of(&self, snapshot: &EngineSnapshot) -> Result<Known> {
        let started = self.started.load(Ordering::Acquire);
        if self.finished.load(Ordering::Acquire) == started {
            let mut known = self.current.read().clone();
            // Nothing has started since: `current` was not on its way to another when it was read.
            if self.started.load(Ordering::Acquire) == started && known.since <= snapshot.version() {
                known.at = Some(started);
                return Ok(known);
            }
        }
        Ok(Known { schema: Arc::new(read(snapshot)?), since: snapshot.version(), at: None })
    }

    /// The schema that a write transaction begins with. While it has the turn, nobody begins another change.
    pub(super) fn of_writer(&self, txn: &WriteTxn) -> Result<Arc<Schema>> {
        let started = self.started.load(Ordering::Acquire);
        if self.finished.load(Ordering::Acquire) == started {
            return Ok(Arc::clone(&self.current.read().schema));
        }
        // The change before this one is appended, and not published yet.
        let open = Open::new(txn);
        Ok(Arc::new(catalogue::load(open.tables())?))
    }

    /// A commit that changes the schema begins.
    pub(super) fn change(&self) -> Changing<'_> {
        // Release: whoever sees the commit that follows sees this.
        self.started.fetch_add(1, Ordering::Release);
        Changing { schemas: self }
    }
}

/// A change of the schema that is being committed. Dropped: it is finished, whether it came to be or not.
pub(super) struct Changing<'s> {
    schemas: &'s Schemas,
}

impl Changing<'_> {
    /// The commit is published with this version.
    pub(super) fn committed(self, schema: Arc<Schema>, version: u64) {
        let mut current = self.schemas.current.write();
        if current.since < version {
            *current = Known { schema, since: version, at: None };
        }
    }
}

impl Drop for Changing<'_> {
    fn drop(&mut self) {
        self.schemas.finished.fetch_add(1, Ordering::Release);
    }
}

fn read(snapshot: &EngineSnapshot) -> Result<Schema> {
    let reader = snapshot.reader();
    catalogue::load(Tables::of_reader(&reader))
}
