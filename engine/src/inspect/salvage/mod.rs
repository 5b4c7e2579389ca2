//! Salvage: everything that is still whole in a damaged store, copied into a new one, and a list of what is not.
//!
//! ```text
//!   belief   which seal and which records ──┐
//!   pages    each page by position          ├─► tables: tree walk, lost ranges (entries) ──► new store
//!   strays   leaves that nothing reaches ───┘   doubtful tables: lost ranges only        ──► beside them
//!            records behind the seal ──────────────────── applied to both ──────────────────────┘
//! ```
//!
//! 1. What stands in a table of the new store is as the version in the report had it: reached from a sealed root through pages that are what their parents
//!    promise, or written by a record that follows that seal without a gap. Nothing else gets there.
//! 2. What is found of the lost ranges without such a proof goes to a table of its own beside the one that it may have stood in.
//! 3. A key of that version is in its table or in a range that is listed as lost.
//!
//! The damaged file is only read, by copies. Memory: 24 bytes a page of the file, a page a level, 100 bytes a record if the log is scanned, the largest value, and two
//! keys for each lost range and each leaf in one. What is allocated for a length in the file is bounded by the room there.
//!
//! The new store is written through [`Target`]: what a store is for its users is none of this room's business.

mod belief;
mod entries;
mod pages;
mod report;
mod scan;
mod strays;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

pub use report::{Loss, SalvageProgress, SalvageStage, Salvaged, SalvagedTable};

use self::belief::Belief;
use self::entries::{Entries, Gap};
use self::pages::Pages;
use self::scan::Seen;
use super::commits::{Action, Change};
use crate::disk::Disk;
use crate::error::{Error, ErrorKind, Result};
use crate::format::change::{self, Changes, Commits};
use crate::format::ids::MAX_NAME_LEN;
use crate::format::{TableId, Version};
use crate::tree::Root;

/// Bytes of doubtful entries that are written at once.
const BATCH: usize = 1 << 20;

/// The store that is filled.
pub(crate) trait Target {
    /// Makes a table of entries with ascending keys; gives their number.
    fn load(&mut self, table: &str, lz4: bool, entries: &mut dyn Iterator<Item = (Vec<u8>, Vec<u8>)>) -> Result<u64>;
    /// Does these changes at once.
    fn commit(&mut self, changes: &[Change<'_>]) -> Result<()>;
    /// Entries of a table.
    fn len(&self, table: &str) -> Result<u64>;
}

/// What hears how far the work is.
pub(crate) type Watch<'w> = dyn FnMut(SalvageProgress) + 'w;

/// What will be salvaged.
pub(crate) struct Plan<'d> {
    disk: &'d dyn Disk,
    file_len: u64,
    belief: Belief,
}

impl<'d> Plan<'d> {
    /// Looks at the log, and decides what to believe.
    ///
    /// # Errors
    /// `Unsupported` if another build wrote the file; `Io` if not even its length is known.
    pub(crate) fn new(disk: &'d dyn Disk, watch: &mut Watch<'_>) -> Result<Plan<'d>> {
        let file_len = disk.len()?;
        let belief =
            belief::decide(disk, file_len, &mut |done| watch(SalvageProgress { stage: SalvageStage::Scan, done, of: file_len }))?;
        Ok(Plan { disk, file_len, belief })
    }

    /// Nominal length of a page, if a header is whole.
    pub(crate) fn page_len(&self) -> Option<u32> {
        self.belief.page_len
    }

    /// Copies what is whole.
    ///
    /// # Errors
    /// `NotAStore` if there is nothing of a store in the file; what the target gives. Damage is no error.
    pub(crate) fn copy(self, target: &mut dyn Target, watch: &mut Watch<'_>) -> Result<Salvaged> {
        let (tables, report) = (Tables::default(), Salvaged::default());
        Copying { target, watch, tables, report }.run(&self)
    }
}

/// A table on its way.
struct Known {
    name: Arc<str>,
    lz4: bool,
    /// It is in the new store.
    is_proven: bool,
    doubtful: Option<Arc<str>>,
    gaps: Vec<Gap>,
}

/// How a table was before a change.
enum Before {
    Absent,
    There(Known),
    Named(Arc<str>),
}

/// All tables that the file speaks of.
#[derive(Default)]
struct Tables {
    by_id: BTreeMap<TableId, Known>,
    /// Names that tables get in records that are still to be applied.
    reserved: BTreeSet<String>,
}

struct Copying<'c, 'w> {
    target: &'c mut dyn Target,
    watch: &'c mut Watch<'w>,
    tables: Tables,
    report: Salvaged,
}

impl Copying<'_, '_> {
    fn run(mut self, plan: &Plan<'_>) -> Result<Salvaged> {
        let belief = &plan.belief;
        self.report.notes.clone_from(&belief.notes);
        self.report.losses.clone_from(&belief.losses);
        self.report.newest = belief.newest.0;
        let is_rooted = belief.is_rooted();
        let pages = match &belief.seal {
            Some((version, seal)) => {
                self.report.version = version.0;
                let (pages, damages) = Pages::of_chunks(plan.disk, plan.file_len, &seal.chunks);
                for damage in damages {
                    let (pages, found) = (u64::from(damage.expected), u64::from(damage.found));
                    let (id, offset, len, why) = (damage.id.0, damage.offset, damage.len, damage.why);
                    self.report.losses.push(Loss::Chunk { id, offset, len, pages, found, why });
                }
                self.sealed(&pages, seal)?;
                pages
            }
            None if is_rooted => Pages::of_chunks(plan.disk, plan.file_len, &[]).0,
            None => {
                let (watch, of) = (&mut *self.watch, plan.file_len);
                Pages::of_file(plan.disk, of, &mut |done| watch(SalvageProgress { stage: SalvageStage::Scan, done, of }))
            }
        };
        if !is_rooted && pages.places().is_empty() && !belief.is_store {
            let what = format!("{}: there is nothing of a store in it", plan.disk.name());
            return Err(Error::new(ErrorKind::NotAStore, what));
        }
        if self.tables.by_id.values().any(|known| !known.gaps.is_empty()) || !is_rooted {
            self.names(plan);
            self.strays(&pages, belief.seal.as_ref().map(|(version, _)| *version), !is_rooted)?;
        }
        self.follow(plan)?;
        self.beyond(plan)?;
        self.finish(is_rooted)
    }

    /// Copies the trees of the seal.
    fn sealed(&mut self, pages: &Pages<'_>, seal: &crate::format::seal::Seal) -> Result<()> {
        let sealed = Version(self.report.version);
        for table in &seal.tables {
            let root = Root { at: table.root, len: table.len, height: table.height };
            let mut entries = Entries::new(pages, table.id, sealed, &root);
            let (watch, of, mut done) = (&mut *self.watch, table.len, 0);
            let mut counted = entries.by_ref().inspect(|_| {
                done += 1;
                if done % 4096 == 0 {
                    watch(SalvageProgress { stage: SalvageStage::Copy, done, of });
                }
            });
            self.target.load(&table.name, table.lz4, &mut counted)?;
            let gaps = std::mem::take(&mut entries.gaps);
            let name = table.name.as_str().into();
            self.tables.by_id.insert(table.id, Known { name, lz4: table.lz4, is_proven: true, doubtful: None, gaps });
        }
        Ok(())
    }

    /// Learns names from the log: those that tables will get, and without a seal those of tables whose making is still there.
    fn names(&mut self, plan: &Plan<'_>) {
        let mut learn = |change: &change::Change<'_>| {
            let (table, name, lz4) = match *change {
                change::Change::CreateTable { table, name, lz4 } => (table, name, lz4),
                change::Change::RenameTable { table, name } => (table, name, false),
                _ => return,
            };
            self.tables.reserved.insert(name.to_owned());
            if plan.belief.is_rooted() {
                return;
            }
            self.tables.unproven(table, Some(name), lz4);
        };
        for seen in plan.belief.follow.iter().chain(&plan.belief.beyond) {
            let Ok(body) = seen.body(plan.disk) else { continue };
            let commits = Commits::new(&body, seen.head.commit_count).flatten();
            commits.flat_map(|commit| Changes::new(commit).flatten()).for_each(|change| learn(&change));
        }
    }

    /// What the leaves that nothing reaches say about the lost ranges.
    fn strays(&mut self, pages: &Pages<'_>, until: Option<Version>, all: bool) -> Result<()> {
        let with_gaps = self.tables.by_id.iter().filter(|(_, known)| !known.gaps.is_empty());
        let lost: BTreeMap<TableId, Vec<Gap>> = with_gaps.map(|(id, known)| (*id, known.gaps.clone())).collect();
        let watch = &mut *self.watch;
        let collected = strays::collect(pages, &lost, all, until, &mut |done, of| {
            if done % 1024 == 0 {
                watch(SalvageProgress { stage: SalvageStage::Collect, done, of });
            }
        });
        for (id, strays) in collected {
            if all {
                self.tables.unproven(id, None, false);
            }
            let table = self.doubtful(id)?;
            let (target, mut batch, mut bytes) = (&mut *self.target, Vec::new(), 0);
            let gaps = lost.get(&id).map(Vec::as_slice);
            let values_lost = strays::entries(pages, id, &strays, gaps, &mut |key, value| {
                bytes += key.len() + value.len();
                batch.push((key, value));
                if bytes > BATCH {
                    bytes = 0;
                    put(target, &table, &std::mem::take(&mut batch))?;
                }
                Ok(())
            })?;
            put(target, &table, &batch)?;
            if values_lost > 0 {
                self.report.notes.push(format!("\"{table}\" lacks {values_lost} entries whose long values are lost"));
            }
        }
        Ok(())
    }

    /// The table for what is without proof about this one; it is made at the first call.
    fn doubtful(&mut self, id: TableId) -> Result<Arc<str>> {
        if let Some(name) = self.tables.by_id.get(&id).and_then(|known| known.doubtful.clone()) {
            return Ok(name);
        }
        self.tables.unproven(id, None, false);
        let (name, lz4) = self.tables.by_id.get(&id).map_or_else(|| ("".into(), false), |known| (known.name.clone(), known.lz4));
        let name = self.tables.free_name(&name);
        self.target.commit(&[Change { table: name.clone(), action: Action::CreateTable { lz4 } }])?;
        if let Some(known) = self.tables.by_id.get_mut(&id) {
            known.doubtful = Some(name.clone());
        }
        Ok(name)
    }

    /// Applies the records that follow the seal, up to the first that does not fit.
    fn follow(&mut self, plan: &Plan<'_>) -> Result<()> {
        let of = plan.belief.follow.len() as u64;
        for (done, seen) in (0..).zip(&plan.belief.follow) {
            (self.watch)(SalvageProgress { stage: SalvageStage::Replay, done, of });
            if let Err(e) = self.apply(plan.disk, seen) {
                if e.kind() != ErrorKind::Corrupt {
                    return Err(e);
                }
                let (from, to) = (self.report.version.saturating_add(1), self.report.newest.max(seen.head.version.0));
                self.report.losses.retain(|loss| !matches!(loss, Loss::Versions { .. }));
                self.report.losses.push(Loss::Versions { from, to, why: e.to_string() });
                break;
            }
        }
        Ok(())
    }

    fn apply(&mut self, disk: &dyn Disk, seen: &Seen) -> Result<()> {
        let body = seen.body(disk)?;
        let mut version = seen.head.first_version();
        for commit in Commits::new(&body, seen.head.commit_count) {
            let commit = commit?;
            if version.0 > self.report.version {
                let (mut changes, mut before) = (Vec::new(), Vec::new());
                let applied = Changes::new(commit)
                    .try_for_each(|change| self.tables.proven(&change?, &mut changes, &mut before))
                    .and_then(|()| self.target.commit(&changes).map_err(misfit));
                if let Err(e) = applied {
                    self.tables.undo(before);
                    return Err(e);
                }
                self.report.version = version.0;
            }
            // A forged version must not end the walk with a panic.
            version = Version(version.0.saturating_add(1));
        }
        Ok(())
    }

    /// What the records behind a gap say goes to the doubtful tables.
    fn beyond(&mut self, plan: &Plan<'_>) -> Result<()> {
        for seen in &plan.belief.beyond {
            let Ok(body) = seen.body(plan.disk) else { continue };
            for commit in Commits::new(&body, seen.head.commit_count).flatten() {
                for change in Changes::new(commit).flatten() {
                    self.behind_a_gap(&change)?;
                }
            }
        }
        Ok(())
    }

    fn behind_a_gap(&mut self, change: &change::Change<'_>) -> Result<()> {
        let (id, action) = match *change {
            change::Change::CreateTable { table, name, lz4 } => {
                self.tables.unproven(table, Some(name), lz4);
                return Ok(());
            }
            change::Change::Put { table, key, value } => (table, Action::Put { key, value }),
            change::Change::Remove { table, key } => (table, Action::Remove { key }),
            change::Change::RemoveRange { table, start, end } => (table, Action::RemoveRange { start, end }),
            change::Change::DropTable { .. } | change::Change::RenameTable { .. } => return Ok(()),
        };
        let is_put = matches!(action, Action::Put { .. });
        if is_put || self.tables.by_id.get(&id).is_some_and(|known| known.doubtful.is_some()) {
            let table = self.doubtful(id)?;
            self.target.commit(&[Change { table, action }])?;
        }
        Ok(())
    }

    fn finish(mut self, is_rooted: bool) -> Result<Salvaged> {
        for known in std::mem::take(&mut self.tables.by_id).into_values() {
            let mut doubtful = None;
            if let Some(name) = known.doubtful {
                match self.target.len(&name)? {
                    0 => self.target.commit(&[Change { table: name, action: Action::DropTable }])?,
                    entries => doubtful = Some((name.to_string(), entries)),
                }
            }
            let (table, entries) = (known.name.to_string(), if known.is_proven { self.target.len(&known.name)? } else { 0 });
            for gap in known.gaps {
                let (from, to, entries) = (gap.low, gap.high, (gap.entries > 0).then_some(gap.entries));
                self.report.losses.push(Loss::Keys { table: table.clone(), from, to, entries, why: gap.why });
            }
            if known.is_proven || doubtful.is_some() {
                self.report.tables.push(SalvagedTable { name: table, entries, doubtful });
            }
        }
        if !is_rooted {
            let (to, why) = (self.report.newest.max(1), "no state of the tables is proven".to_owned());
            self.report.losses.push(Loss::Versions { from: 1, to, why });
        }
        self.report.tables.sort_unstable_by(|a, b| a.name.cmp(&b.name));
        Ok(self.report)
    }
}

fn put(target: &mut dyn Target, table: &Arc<str>, entries: &[(Vec<u8>, Vec<u8>)]) -> Result<()> {
    let put = |(key, value)| Change { table: Arc::clone(table), action: Action::Put { key, value } };
    let changes: Vec<Change<'_>> = entries.iter().map(|(key, value)| put((&key[..], &value[..]))).collect();
    target.commit(&changes)
}

impl Tables {
    /// A table that no proven state has: its name, as far as it is known.
    fn unproven(&mut self, id: TableId, name: Option<&str>, lz4: bool) {
        let known = self.by_id.entry(id).or_insert_with(|| {
            let (name, gaps) = (format!("#{id}").into(), Vec::new());
            Known { name, lz4, is_proven: false, doubtful: None, gaps }
        });
        if let (false, Some(name)) = (known.is_proven, name) {
            known.name = name.into();
        }
    }

    /// A name that says whose doubtful entries these are, and that nobody has.
    fn free_name(&self, of: &str) -> Arc<str> {
        let mut number = 1;
        loop {
            let suffix = if number == 1 { " (doubtful)".to_owned() } else { format!(" (doubtful {number})") };
            let mut len = of.len().min(MAX_NAME_LEN - suffix.len());
            while !of.is_char_boundary(len) {
                len -= 1;
            }
            let name = format!("{}{suffix}", of.get(..len).unwrap_or_default());
            let is_taken = |known: &Known| *known.name == *name || known.doubtful.as_deref() == Some(&name[..]);
            if !self.reserved.contains(&name) && !self.by_id.values().any(is_taken) {
                return name.into();
            }
            number += 1;
        }
    }

    /// Tables as they were before a commit that did not fit: what it dropped is still there, and what it made is not.
    fn undo(&mut self, before: Vec<(TableId, Before)>) {
        for (id, before) in before.into_iter().rev() {
            match before {
                Before::Absent => drop(self.by_id.remove(&id)),
                Before::There(known) => drop(self.by_id.insert(id, known)),
                Before::Named(name) => {
                    if let Some(known) = self.by_id.get_mut(&id) {
                        known.name = name;
                    }
                }
            }
        }
    }

    /// What a change of the log does in the new store: to its table, and to what is doubtful about that, which it settles. Tables that it changes go to `before`, as they were.
    fn proven<'c>(
        &mut self,
        change: &change::Change<'c>,
        out: &mut Vec<Change<'c>>,
        before: &mut Vec<(TableId, Before)>,
    ) -> Result<()> {
        use change::Change as Stored;
        let id = match *change {
            Stored::CreateTable { table, name, lz4 } => {
                if self.by_id.contains_key(&table) {
                    return Err(Error::corrupt("log", format_args!("table {table} is made a second time")));
                }
                let known = Known { name: name.into(), lz4, is_proven: true, doubtful: None, gaps: Vec::new() };
                out.push(Change { table: known.name.clone(), action: Action::CreateTable { lz4 } });
                self.by_id.insert(table, known);
                before.push((table, Before::Absent));
                return Ok(());
            }
            Stored::Put { table, .. } | Stored::Remove { table, .. } | Stored::RemoveRange { table, .. } => table,
            Stored::DropTable { table } | Stored::RenameTable { table, .. } => table,
        };
        let known = self.by_id.get_mut(&id).ok_or_else(|| Error::corrupt("log", format_args!("there is no table {id}")))?;
        let (table, doubtful) = (known.name.clone(), known.doubtful.clone());
        let both = |action: Action<'c>, settled: Action<'c>, out: &mut Vec<Change<'c>>| {
            out.push(Change { table: table.clone(), action });
            out.extend(doubtful.map(|table| Change { table, action: settled }));
        };
        match *change {
            Stored::Put { key, value, .. } => both(Action::Put { key, value }, Action::Remove { key }, out),
            Stored::Remove { key, .. } => both(Action::Remove { key }, Action::Remove { key }, out),
            Stored::RemoveRange { start, end, .. } => {
                both(Action::RemoveRange { start, end }, Action::RemoveRange { start, end }, out);
            }
            Stored::DropTable { .. } => {
                both(Action::DropTable, Action::DropTable, out);
                before.extend(self.by_id.remove(&id).map(|known| (id, Before::There(known))));
            }
            Stored::RenameTable { name, .. } => {
                out.push(Change { table: table.clone(), action: Action::RenameTable { to: name } });
                before.push((id, Before::Named(known.name.clone())));
                known.name = name.into();
            }
            Stored::CreateTable { .. } => {}
        }
        Ok(())
    }
}

/// What the new store says of a change that cannot be: the record does not fit the state before it. What is wrong with the new store itself stays an error.
fn misfit(e: Error) -> Error {
    match e.kind() {
        ErrorKind::Io | ErrorKind::Full | ErrorKind::Unknown | ErrorKind::Poisoned => e,
        _ => Error::corrupt("log", format_args!("a change does not fit the state before it: {e}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A table of doubtful entries gets a name that no table has or will get, that is no longer than a name may be, and that says whose it is.
    #[test]
    fn doubtful_tables_have_names_of_their_own() {
        let mut tables = Tables::default();
        tables.unproven(TableId(1), Some("t"), false);
        tables.unproven(TableId(2), Some("t (doubtful)"), false);
        tables.reserved.insert("t (doubtful 2)".into());
        tables.by_id.get_mut(&TableId(1)).expect("made above").doubtful = Some("t (doubtful 3)".into());
        assert_eq!(&*tables.free_name("t"), "t (doubtful 4)");
        // Two bytes each, and an odd number of bytes is left: the last one is left out whole.
        let long = "ä".repeat(MAX_NAME_LEN / 2);
        let name = tables.free_name(&long);
        assert!(name.len() == MAX_NAME_LEN - 1 && name.starts_with("ää") && name.ends_with("ä (doubtful)"), "{}", name.len());
    }
}
