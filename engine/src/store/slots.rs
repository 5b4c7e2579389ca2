//! The two header slots (FORMAT 3.1): what the next header says, and what the durable ones name.

use crate::error::Result;
use crate::format::Version;
use crate::format::header::{Cursor, Header, Run};
use crate::planted::{Bug, planted};
use crate::store::Machine;
use crate::sync::atomic::Ordering;

/// What headers say.
#[derive(Debug)]
pub(crate) struct Slots {
    pub(crate) sequence: u64,
    /// Version of the newest durable seal, its number since open, and where replay starts.
    pub(crate) sealed: Version,
    pub(crate) seal: u64,
    pub(crate) replay: Cursor,
    /// What the newest header said.
    pub(crate) durable_to: Version,
    pub(crate) runs: Vec<Run>,
    /// The run of a log that begins anew: the only one as soon as a seal in it is named. Until then headers name the seal, and the runs, of the old log.
    pub(crate) fresh: Option<Run>,
    /// Per slot: the seal that it names, and the cursor that its walk starts at.
    pub(crate) named: [(u64, Cursor); 2],
}

impl Slots {
    /// Later headers name this seal. Runs that end before its cursor are forgotten.
    pub(crate) fn seal(&mut self, seal: u64, version: Version, replay: Cursor) {
        (self.seal, self.sealed, self.replay) = (seal, version, replay);
        self.runs = self.fresh.take().map_or_else(|| runs_from(&self.runs, replay.number), |run| vec![run]);
    }
}

/// The runs that records from `number` on may belong to.
pub(crate) fn runs_from(runs: &[Run], number: u64) -> Vec<Run> {
    let first = runs.iter().rposition(|run| run.start.number <= number).unwrap_or(0);
    runs[first..].to_vec()
}

impl Machine {
    /// Writes a header to the older slot and syncs it; what only older headers needed becomes free. A clean one is the last: with it the store is closed.
    ///
    /// # Errors
    /// A failure poisons the store (L9).
    pub(crate) fn write_header(&self, clean: bool) -> Result<()> {
        let durable_to = self.pipeline.lock().synced;
        self.write_header_for(durable_to, clean)
    }

    /// The same with the newest version whose sync has returned.
    pub(crate) fn write_header_for(&self, durable_to: Version, clean: bool) -> Result<()> {
        let mut slots = self.headers.lock();
        // Under the lock: nothing comes behind a clean header.
        self.writable()?;
        // Of two headers the later may have asked earlier what is durable.
        let durable_to = durable_to.max(slots.durable_to);
        slots.sequence += if planted(Bug::SameSlot) { 2 } else { 1 };
        let header = Header {
            sequence: slots.sequence,
            clean,
            blob: false,
            page_len: self.identity.page_len,
            incarnation: self.identity.incarnation,
            parent: self.identity.parent,
            forked_at: self.identity.forked_at,
            durable_to,
            term: self.identity.term,
            sealed: slots.sealed,
            replay: slots.replay,
            runs: slots.runs.clone(),
        };
        // Through the cache: what was synced before is none of its business, and an error of the log's syncs is not taken from them.
        let block = header.encode();
        let written = match planted(Bug::ReuseBeforeDurable) {
            true => self.disk.write_at(&block[..], header.slot_offset()),
            false => self.disk.write_through(&block[..], header.slot_offset()),
        };
        written.inspect_err(|e| self.poison(e))?;
        let slot = (slots.sequence % 2) as usize;
        slots.durable_to = durable_to;
        slots.named[slot] = (slots.seal, slots.replay);
        if planted(Bug::SameSlot) {
            slots.named = [slots.named[slot]; 2];
        }
        if clean {
            self.end_writing();
        }
        let [a, b] = slots.named;
        let (oldest_seal, oldest_cursor) = if a.0 <= b.0 { a } else { b };
        drop(slots);
        // Release: the header is durable before anything it set free is written.
        self.counters.oldest_named_seal.store(oldest_seal, Ordering::Release);
        self.counters.headers.fetch_add(1, Ordering::Relaxed);
        self.recycle_segments(oldest_cursor);
        self.release_extents(&mut self.reclaim.lock());
        Ok(())
    }

    /// Segments before that of `cursor` are free: the next one in line takes the first, the rest goes back to the file.
    fn recycle_segments(&self, cursor: Cursor) {
        let mut pipeline = self.pipeline.lock();
        for extent in pipeline.log.release_before(cursor) {
            match pipeline.log.wants_ahead() {
                // Of about the size that is due: a long one would keep a store large that has become small.
                Some(len) if len / 2 <= extent.len && extent.len <= len * 2 => pipeline.log.supply(extent),
                _ => self.give_back(extent),
            }
        }
    }
}
