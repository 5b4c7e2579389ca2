//! Any damage to a store, salvaged: a new store that is sound and holds what the report says, or a clear word that there is nothing of a store.

use std::collections::BTreeSet;
use std::sync::Arc;

use treering::disk::Disk;
use treering::{ErrorKind, Salvaged, Store};

use super::sealed;
use super::take::Take;
use crate::checked::Sound;
use crate::disk::SimulatedDisk;
use crate::drive::small_options;

/// Sectors that one input blanks.
const BLANKS: usize = 16;

/// The first byte says what the rest is: a file, edits of a seed as they are or with right checksums, sectors that are blanked in a seed or in a forged one.
///
/// # Panics
/// If the damaged file changed, far more was read than it holds, or what came out is not what the report says.
pub fn run(input: &[u8]) {
    let mut take = Take::new(input);
    let file = match take.u8() % 5 {
        0 => take.rest().to_vec(),
        1 => sealed::damage(take.rest()),
        2 => sealed::forge(take.rest()),
        n => {
            let (sectors, rest) = (take.bytes(2 * BLANKS), take.rest());
            blanked(if n == 3 { sealed::damage(rest) } else { sealed::forge(rest) }, sectors)
        }
    };
    salvage(&file);
}

/// The file with zeros in the sectors that these pairs of bytes name.
fn blanked(mut file: Vec<u8>, sectors: &[u8]) -> Vec<u8> {
    let count = file.len().div_ceil(512);
    let mut take = Take::new(sectors);
    while !take.is_empty() {
        let from = (take.far_below(count) * 512).min(file.len());
        let to = (from + 512).min(file.len());
        file[from..to].fill(0);
    }
    file
}

fn salvage(file: &[u8]) {
    let damaged = SimulatedDisk::holding(file);
    damaged.forget();
    let new = SimulatedDisk::new();
    new.forget();
    let salvaged = treering::salvage_on(&*damaged, Arc::clone(&new) as Arc<dyn Disk>);
    assert!(damaged.bytes() == file, "a salvage changed the damaged file");
    // What looks like a record or a page is read to be judged: heads one by one, bodies a few times the file.
    let (allowed, read) =
        ((4096 + file.len() as u64 / 2, (32 << 20) + 64 * file.len() as u64), (damaged.read_count(), damaged.read_bytes()));
    assert!(read.0 <= allowed.0 && read.1 <= allowed.1, "{read:?} reads and bytes of a file of {} bytes", file.len());
    match salvaged {
        Ok(report) => judge(&report, &small_options().open_read_only_on(new).expect("the new store opens")),
        // The disks fail nothing, and damage is no error.
        Err(e) => assert!(matches!(e.kind(), ErrorKind::NotAStore | ErrorKind::Unsupported), "{e:?}"),
    }
}

/// The new store is sound, and has the tables and entries of the report and no others.
fn judge(report: &Salvaged, store: &Store) {
    assert_eq!(store.problems(), Vec::<String>::new(), "{report}");
    assert!(report.version <= report.newest || report.is_complete(), "{report}");
    let snapshot = store.snapshot();
    let reader = snapshot.reader();
    let mut expected = BTreeSet::new();
    for table in &report.tables {
        let is_there = reader.table(&table.name).is_ok_and(|found| found.len() == table.entries);
        let own = if is_there { Some((&table.name, table.entries)) } else { None };
        let doubtful = table.doubtful.as_ref().map(|(name, entries)| (name, *entries));
        assert!(own.is_some() || doubtful.is_some(), "{} is not there: {report}", table.name);
        expected.extend(own.into_iter().chain(doubtful));
    }
    let tables = reader.tables();
    let found: BTreeSet<_> =
        tables.iter().map(|info| (&info.name, reader.table(&info.name).expect("it was listed").len())).collect();
    assert_eq!(found, expected, "{report}");
}
