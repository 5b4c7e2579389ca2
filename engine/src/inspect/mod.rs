//! Is everything as it must be? A walk over a version's trees, every chunk, the log, and the space of the file.
//!
//! ```text
//!   look ──► tables: every page reached, once, in order          ─┐
//!        ──► chunks: every byte of each extent, every page in it  ├─► balances: reached = recorded (L6, L7)
//!        ──► log: headers, records, the newest seal              ─┘
//!        ──► space: used + leaving + free = file, none twice
//! ```
//!
//! Nothing is changed and nobody is held up: the check pins a version, copies the books in a moment, and reads (L10). What it finds is a
//! problem in the [`Report`], never a panic and hardly ever an error, so that one look tells everything that is wrong.
//!
//! Pages that were checked at their first use are checked again, from the stored bytes, which are read and not mapped: this is also how rot is found early. Pages that are
//! only in memory have no CRC yet; their place in the tree is checked. [`scrub`] does chunks and log alone, in little memory, for stores that run for long.
//!
//! Beside the check, for tools: [`layout`] is the file as a map, [`commits`] what the log still holds, [`identity`] who a store is, [`salvage`] what a damaged
//! store still has.

mod chunks;
pub(crate) mod commits;
pub(crate) mod identity;
pub(crate) mod layout;
mod records;
mod report;
pub(crate) mod salvage;
mod scrub;

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

pub use report::Report;
pub(crate) use scrub::scrub;

use crate::disk::{Disk, Watch};
use crate::error::{Error, ErrorKind, Result};
use crate::format::{ChunkId, Position, Version};
use crate::log::directory::Home;
use crate::log::space::Space;
use crate::page::Page;
use crate::store::Machine;
use crate::store::look::{Extents, Look};
use crate::store::open;
use crate::store::options::{Reads, Settings};
use crate::tree;
use crate::version::root::{Root, TableEntry, Tree};

/// Opens what is on `disk` for reading and checks it. What cannot even be opened because it is damaged is a report with that one problem. Pages are copied, and each is read
/// once: a file from elsewhere, that shrinks meanwhile, is a problem and not the end of the process.
pub(crate) fn verify(disk: Arc<dyn Disk>, watch: &mut Watch<'_>) -> Result<Report> {
    let settings = Settings { background: false, reads: Reads::Copied, cache_bytes: 0, ..Settings::default() };
    match open::open(Arc::clone(&disk), settings, true, false) {
        Ok(machine) => check(&machine, watch),
        Err(e) if e.kind() == ErrorKind::Corrupt => {
            let mut report = Report { file_bytes: disk.len()?, ..Report::default() };
            report.problem(e);
            Ok(report)
        }
        Err(e) => Err(e),
    }
}

/// Checks the newest version and everything in the file. Cost: reads the whole file and each entry once; memory: some 50 bytes a page. `watch` hears
/// of the bytes of pages in the file that were reached and of chunks that were read; what it is told of how many is what is recorded. Its error ends the check behind the table or chunk.
pub(crate) fn check(machine: &Machine, watch: &mut Watch<'_>) -> Result<Report> {
    let (pin, look) = machine.look_at_newest();
    let root = pin.root();
    let mut report = Report {
        version: root.version.0,
        chunks: look.accounts.len() as u64,
        free_bytes: look.extents.free.iter().map(|extent| extent.len).sum(),
        file_bytes: machine.disk.len()?,
        ..Report::default()
    };
    let of = look.accounts.values().map(|account| account.newest_bytes + account.chunk.extent.len).sum();
    let reached = tables(root, &look, &mut report, &mut |done| watch(done, of))?;
    let mut done: u64 = look.accounts.values().map(|account| account.newest_bytes).sum();
    for account in look.accounts.values() {
        match look.homes.get(&account.chunk.id) {
            Some(Home::File(home)) => drop(chunks::check(&*machine.disk, home, &account.chunk, &mut report)),
            _ => report.problem(format_args!("chunk {} is recorded in the file, but is not at home there", account.chunk.id)),
        }
        done += account.chunk.extent.len;
        watch(done, of)?;
    }
    if let Some(reached) = &reached {
        balances(root.version, &look, reached, &mut report);
    }
    space(&look.extents, machine.is_poisoned(), &mut report);
    records::check(machine, reached.as_ref().map(|reached| (root, reached)), &mut report);
    Ok(report)
}

/// What the version reaches of each chunk in the file, in stored bytes.
type Reached = BTreeMap<ChunkId, u64>;

/// Pages met so far.
#[derive(Default)]
struct Met {
    pages: HashSet<Position>,
    bytes: Reached,
    /// All of `bytes` together.
    reached_bytes: u64,
}

/// So many pages are met between two words to who watches.
const WATCHED_PAGES: usize = 64;

/// Checks every tree; gives what was reached, unless a tree could not be walked to its end.
fn tables(root: &Root, look: &Look, report: &mut Report, watch: &mut dyn FnMut(u64) -> Result<()>) -> Result<Option<Reached>> {
    let mut met = Met::default();
    let mut whole = true;
    for (entry, tree) in root.tables() {
        report.tables += 1;
        report.entries = report.entries.saturating_add(tree.len);
        whole &= table(entry, tree, look, &mut met, report, watch)?;
    }
    report.pages = met.pages.len() as u64;
    report.live_bytes = met.reached_bytes;
    Ok(whole.then_some(met.bytes))
}

/// Checks a tree; whether it was walked to its end.
fn table(
    entry: &TableEntry,
    tree: &Tree,
    look: &Look,
    met: &mut Met,
    report: &mut Report,
    watch: &mut dyn FnMut(u64) -> Result<()>,
) -> Result<bool> {
    let mut stopped = Ok(());
    let mut seen = |at: Position, page: Page<'_>| {
        if let Err(e) = meet(at, page, look, met) {
            report.problem(format_args!("table \"{}\": {e}", entry.name));
        }
        if stopped.is_ok() && met.pages.len().is_multiple_of(WATCHED_PAGES) {
            stopped = watch(met.reached_bytes);
        }
    };
    let checked = tree::check(look, tree, entry.id, &mut seen);
    stopped?;
    if let Err(e) = &checked {
        report.problem(format_args!("table \"{}\": {e}", entry.name));
    }
    Ok(checked.is_ok())
}

fn meet(at: Position, page: Page<'_>, look: &Look, met: &mut Met) -> Result<()> {
    if !met.pages.insert(at) {
        return Err(Error::corrupt(at, "two tables reach it"));
    }
    if matches!(look.homes.get(&at.chunk()), Some(Home::File(_))) {
        let len = look.stored_len(at, page)?;
        *met.bytes.entry(at.chunk()).or_default() += len;
        met.reached_bytes += len;
    }
    Ok(())
}

/// Holds what the books say of each chunk against what was reached.
fn balances(version: Version, look: &Look, reached: &Reached, report: &mut Report) {
    for (id, account) in &look.accounts {
        let found = reached.get(id).copied().unwrap_or(0);
        let (newest, kept, all) = (account.newest_bytes, account.kept_bytes, account.chunk.page_bytes);
        if newest < found {
            report.problem(format_args!("chunk {id}: {newest} live bytes are recorded, but {found} are reached (L7)"));
        } else if newest > found && !(found == 0 && newest == all && is_younger(look, *id, version)) {
            report.problem(format_args!("chunk {id}: {newest} live bytes are recorded, but only {found} are reached (L6)"));
        }
        if newest > kept || kept > all {
            report.problem(format_args!("chunk {id}: {newest} live bytes of {kept} kept of {all} make no sense"));
        }
    }
    for id in reached.keys().filter(|id| !look.accounts.contains_key(id)) {
        report.problem(format_args!("chunk {id} is reached in the file, but not recorded there"));
    }
}

/// Whether the pages of the chunk are of a transaction that is under way: it wrote them ahead, and no version reaches them yet.
fn is_younger(look: &Look, id: ChunkId, version: Version) -> bool {
    let Some(Home::File(home)) = look.homes.get(&id) else { return false };
    let mut pages = (0..home.slot_count()).map(|ordinal| Position::new(id, ordinal));
    let first = pages.find_map(|at| Some((at, home.stored(at).ok()??)));
    first.is_some_and(|(at, stored)| Page::verify(&stored, at).is_ok_and(|page| page.born() > version))
}

/// Every part of the file is used, about to be free, or free, and none is two of that.
fn space(extents: &Extents, is_poisoned: bool, report: &mut Report) {
    let all = extents.used.iter().chain(&extents.log).chain(&extents.leaving).chain(&extents.free);
    match Space::new(extents.end, all.copied()) {
        Err(e) => report.problem(format_args!("two owners of one part of the file, or none of an end: {e}")),
        // A poisoned store keeps what a seal that failed half-way may name.
        Ok(rest) if rest.free_bytes() > 0 && !extents.in_hand && !is_poisoned => {
            let first = rest.extents().next().map_or(0, |extent| extent.offset);
            report.problem(format_args!("{} bytes of the file, the first at {first}, belong to nobody", rest.free_bytes()));
        }
        Ok(_) => {}
    }
}
