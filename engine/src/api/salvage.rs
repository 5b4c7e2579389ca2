//! From a damaged store to a new one with everything that is still whole.

use std::path::Path;
use std::sync::Arc;

use crate::blob;
use crate::disk::{Disk, Temporary};
use crate::error::Result;
use crate::format::header::PAGE_LENS;
use crate::inspect::commits::{Action, Change};
use crate::inspect::salvage::{Plan, SalvageProgress, Salvaged, Target};
use crate::store::options::Durability;

use super::{Options, Store};

/// Memory for changed pages of the new store in bytes: 64 MiB.
const DIRTY_BYTES: u64 = 64 << 20;

/// Copies everything that is still whole in the damaged store, blob or LZ4 stream at `damaged` to a new store at `to`, and lists what is lost. The damaged file is
/// only read, beside other readers; `progress` hears how far the work is.
///
/// A table of the new store holds what is proven: each entry is as [`Salvaged::version`] had it. What else was found of the ranges that are lost stands in a table of
/// its own, named by [`crate::SalvagedTable::doubtful`]. The newest state that can be proven is taken; [`crate::Loss::Versions`] says what it lacks.
///
/// # Errors
/// `Exists` if there is something at `to`; `NotFound`; `Locked` while somebody writes; `NotAStore` if there is nothing of a store in the file;
/// `Unsupported` if another build wrote it; `Full`, `Io`. Nothing stands at `to` then. Damage is no error.
///
/// Cost: reads the pages that are reached, and the whole file once or twice more when the log or a tree is damaged. Memory: 64 MiB for the new store, some 24 bytes a page of
/// the damaged one, 100 bytes a record of a damaged log, two keys for each lost range, and the largest value. An LZ4 stream is unpacked to a temporary file first.
///
/// ```no_run
/// # fn main() -> treering::Result<()> {
/// let salvaged = treering::salvage("broken.ring", "mended.ring", |_| {})?;
/// println!("{salvaged}");
/// # Ok(()) }
/// ```
pub fn salvage(damaged: impl AsRef<Path>, to: impl AsRef<Path>, mut progress: impl FnMut(SalvageProgress)) -> Result<Salvaged> {
    let to = to.as_ref();
    blob::readable_part(damaged.as_ref(), |disk, cut| {
        let (new, temporary) = Temporary::begin(to)?;
        let mut salvaged = copy(disk, Arc::new(new), &mut progress)?;
        salvaged.notes.extend(cut.map(|e| format!("the LZ4 stream ends early: {e}")));
        temporary.place(to)?;
        Ok(salvaged)
    })
}

/// The same from disk to disk.
///
/// # Errors
/// As [`salvage`].
#[cfg(feature = "internals")]
pub fn salvage_on(damaged: &dyn Disk, to: Arc<dyn Disk>) -> Result<Salvaged> {
    copy(damaged, to, &mut |_| {})
}

fn copy(damaged: &dyn Disk, to: Arc<dyn Disk>, progress: &mut dyn FnMut(SalvageProgress)) -> Result<Salvaged> {
    let plan = Plan::new(damaged, progress)?;
    let page_len = plan.page_len().filter(|len| PAGE_LENS.contains(len));
    let options = page_len.map_or_else(Options::new, |len| Options::new().page_len(len));
    let store = options.background(false).dirty_bytes(DIRTY_BYTES).on(to)?;
    let mut filled = Filled { store };
    let salvaged = plan.copy(&mut filled, progress)?;
    filled.store.close()?;
    Ok(salvaged)
}

/// The new store.
struct Filled {
    store: Store,
}

impl Target for Filled {
    fn load(&mut self, table: &str, lz4: bool, entries: &mut dyn Iterator<Item = (Vec<u8>, Vec<u8>)>) -> Result<u64> {
        let mut txn = self.store.begin_write()?;
        txn.set_durability(Durability::Memory);
        let count = txn.create_table_with(table, lz4)?.load_sorted(entries)?;
        txn.commit()?;
        self.tend()?;
        Ok(count)
    }

    fn commit(&mut self, changes: &[Change<'_>]) -> Result<()> {
        let mut txn = self.store.begin_write()?;
        // The file has no name before it is closed: until then nothing need last.
        txn.set_durability(Durability::Memory);
        for change in changes {
            let table = &*change.table;
            match change.action {
                Action::Put { key, value } => txn.open_table(table)?.insert(key, value)?,
                Action::Remove { key } => drop(txn.open_table(table)?.remove(key)?),
                Action::RemoveRange { start, end } => drop(txn.open_table(table)?.remove_range((start, end))?),
                Action::CreateTable { lz4 } => drop(txn.create_table_with(table, lz4)?),
                Action::DropTable => txn.drop_table(table)?,
                Action::RenameTable { to } => txn.rename_table(table, to)?,
            }
        }
        txn.commit()?;
        self.tend()
    }

    fn len(&self, table: &str) -> Result<u64> {
        let snapshot = self.store.snapshot();
        let reader = snapshot.reader();
        Ok(reader.table(table)?.len())
    }
}

impl Filled {
    /// Keeps the memory of changed pages within its bound: there is no thread that would.
    fn tend(&self) -> Result<()> {
        let stats = self.store.stats();
        if stats.dirty_bytes > DIRTY_BYTES / 4 || stats.log_bytes > DIRTY_BYTES {
            self.store.checkpoint()?;
        }
        Ok(())
    }
}
