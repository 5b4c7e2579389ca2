//! Opens what a crash left and looks at everything: L3, a full check, and that life goes on.

use std::sync::Arc;

use treering::disk::Disk;
use treering::{Error, ErrorKind, Options, Store};
use treering_tests::disk::stage::StageDisk;
use treering_tests::drive::{self, Writer};
use treering_tests::{Change, Model, Sound};

/// What is promised about a state, and how closely to look.
pub(crate) struct Case<'c> {
    pub(crate) options: &'c Options,
    pub(crate) model: &'c Model,
    /// The transaction that may have been cut off: it is retried word for word, so that what was dropped could come back (L3).
    pub(crate) attempt: Option<&'c [Change]>,
    /// Space that was never written holds garbage.
    pub(crate) is_filled: bool,
    /// Looks by every way to an entry, opens for reading first, and opens once more behind the close.
    pub(crate) closely: bool,
}

/// What became of a state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Found {
    /// It opened, and everything was as it must be.
    Whole,
    /// Creation did not come far enough for anything to be lost, and garbage is not taken for an empty file.
    Nothing,
}

impl Case<'_> {
    /// Judges the state on `disk`.
    pub(crate) fn judge(&self, disk: &Arc<StageDisk>) -> Result<Found, String> {
        let read = if self.closely { self.read_only(disk)? } else { None };
        let disk = if self.closely { disk.again() } else { Arc::clone(disk) };
        let len_bytes = disk.len().map_err(|e| format!("{e:?}"))? as usize;
        let store = match self.options.open_on(Arc::clone(&disk) as Arc<dyn Disk>) {
            Ok(store) => store,
            Err(e) => return self.refused(&e),
        };
        bounded(&disk, len_bytes)?;
        let mut model = self.model.clone();
        let version = store.version();
        if read.is_some_and(|read| read != version) {
            return Err(format!("opened for reading at version {read:?}, for writing at {version}"));
        }
        model.recovered(version)?;
        self.look(&store, &model).map_err(|what| format!("after recovery: {what}"))?;
        self.go_on(&store, &mut model, version)?;
        self.look(&store, &model).map_err(|what| format!("after going on: {what}"))?;
        store.close().map_err(|e| format!("close: {e:?}"))?;
        if self.closely {
            let store = self.options.open_on(disk.again()).map_err(|e| format!("open after the close: {e:?}"))?;
            let report = store.open_report();
            if !report.clean || report.replayed != 0 || report.dropped_bytes != 0 {
                return Err(format!("after the close: {report:?}"));
            }
            self.look(&store, &model).map_err(|what| format!("after the close: {what}"))?;
        }
        Ok(Found::Whole)
    }

    fn refused(&self, e: &Error) -> Result<Found, String> {
        let is_clear = matches!(e.kind(), ErrorKind::NotAStore | ErrorKind::Corrupt | ErrorKind::Unsupported);
        if self.is_filled && self.model.newest().0 == 0 && is_clear {
            return Ok(Found::Nothing);
        }
        Err(format!("open: {e:?}"))
    }

    /// Opens for reading: no byte changes, and the version is a legal one. Gives it; none if there is no store yet.
    fn read_only(&self, disk: &Arc<StageDisk>) -> Result<Option<u64>, String> {
        let version = match self.options.open_read_only_on(Arc::clone(disk) as Arc<dyn Disk>) {
            Ok(store) => {
                let mut model = self.model.clone();
                model.recovered(store.version())?;
                self.look(&store, &model).map_err(|what| format!("for reading: {what}"))?;
                Some(store.version())
            }
            // Creation did not come far enough: for reading there is nothing.
            Err(_) if self.model.newest().0 == 0 => None,
            Err(e) => return Err(format!("open for reading: {e:?}")),
        };
        if disk.write_count() != 0 {
            return Err("opening for reading changed the file".into());
        }
        disk.release();
        Ok(version)
    }

    /// Commits what was cut off, or something of its own.
    fn go_on(&self, store: &Store, model: &mut Model, version: u64) -> Result<(), String> {
        let own = [Change::CreateTable { table: "after".into() }];
        let retried = self.attempt.filter(|_| version < self.model.newest().0);
        for changes in retried.into_iter().chain([&own[..]]) {
            let mut draft = model.begin();
            let mut writer = Writer::begin(store).map_err(|e| format!("begin_write after recovery: {e:?}"))?;
            writer.apply_all(&mut draft, changes)?;
            let before = model.newest().0;
            let version = writer.txn.commit().map_err(|e| format!("commit after recovery: {e:?}"))?;
            if version == before + 1 {
                model.commit(version, draft);
                model.synced(version);
            } else if version != before || model.at(before).difference(draft.state()).is_some() {
                return Err(format!("commit after recovery gave version {version} behind {before}"));
            }
        }
        Ok(())
    }

    /// The newest snapshot shows what the model says, and a check finds nothing.
    fn look(&self, store: &Store, model: &Model) -> Result<(), String> {
        let snapshot = store.snapshot();
        let (newest, expected) = model.newest();
        if snapshot.version() != newest {
            return Err(format!("version {} where {newest} is expected", snapshot.version()));
        }
        if self.closely {
            drive::compare(&snapshot, expected)?;
        } else {
            let found = drive::read(&snapshot.reader()).map_err(|e| format!("{e:?}"))?;
            if let Some(difference) = expected.difference(&found) {
                return Err(format!("version {newest}: {difference}"));
            }
        }
        let problems = store.problems();
        if problems.is_empty() { Ok(()) } else { Err(format!("not sound:\n{}", problems.join("\n"))) }
    }
}

/// What opening looks at follows from the file's length: its bytes twice, in pieces of a block or more, beside a few small ones.
fn bounded(disk: &StageDisk, len_bytes: usize) -> Result<(), String> {
    let (reads, bytes) = (disk.read_count(), disk.read_bytes());
    if reads <= 16 + 2 * len_bytes.div_ceil(4096) && bytes <= (64 << 10) + 2 * len_bytes {
        return Ok(());
    }
    Err(format!("opening looked {reads} times at {bytes} bytes in all, in a file of {len_bytes}"))
}
