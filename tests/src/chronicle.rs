//! A store's life on a simulated disk, with what was promised at each moment of it: what crash states are judged by.
//!
//! ```text
//!  log      w w S w w │ w S w ...
//!  history  0: {0}    2: {0, maybe 1}    3: {1}  ...      (operations so far, the model then)
//! ```
//!
//! A commit stands in the history twice: as a version that may be there from the moment it is called, and as one that must be
//! there when it has returned and was to be synced.

use std::sync::Arc;

use treering::disk::Disk;
use treering::{BlobForm, Error, ErrorKind, Options, Snapshot, Store};

use crate::change::Change;
use crate::checked::Sound;
use crate::disk::SimulatedDisk;
use crate::drive::{self, Writer};
use crate::model::{Draft, Model, State};
use crate::workload::{Durability, Step};

/// A store on a simulated disk, and what it promised when.
pub struct Chronicle {
    options: Options,
    disk: Arc<SimulatedDisk>,
    store: Option<Store>,
    model: Model,
    /// Operations so far, and what may and must be there from then on; ascending.
    history: Vec<(usize, Model)>,
    /// Operations so far, and the transaction that was to become this version.
    attempts: Vec<(usize, u64, Vec<Change>)>,
    /// Snapshots that are held, and what each must go on showing.
    held: Vec<(Snapshot, State)>,
    /// Whether compaction ever gave a page a new position.
    has_moved: bool,
    /// Pages that only snapshots of the present store need, and whether there ever were some that then nobody needed.
    kept_pages: u64,
    has_given_back: bool,
    /// Whether a fault struck on a disk that life has left behind.
    has_struck: bool,
    /// What failed, of those steps that were made to.
    pub errors: Vec<Error>,
}

/// How a store goes on after an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum After {
    /// As if nothing had been asked.
    Usable,
    /// No more writes (L9).
    Poisoned,
}

impl Chronicle {
    /// A new store on an empty disk. Its creation is the first part of the log.
    ///
    /// # Errors
    /// Whatever opening says.
    pub fn begin(options: &Options) -> Result<Chronicle, String> {
        let mut chronicle = Chronicle::on(options, SimulatedDisk::new(), Model::new());
        chronicle.open().map_err(|e| format!("create: {e:?}"))?;
        Ok(chronicle)
    }

    /// Nothing is open yet; the disk holds what `model` allows.
    #[must_use]
    pub fn on(options: &Options, disk: Arc<SimulatedDisk>, model: Model) -> Chronicle {
        let history = vec![(0, model.clone())];
        let (options, attempts, errors, held) = (options.clone(), Vec::new(), Vec::new(), Vec::new());
        let (has_moved, kept_pages, has_given_back, has_struck) = (false, 0, false, false);
        Chronicle {
            options,
            disk,
            store: None,
            model,
            history,
            attempts,
            held,
            has_moved,
            kept_pages,
            has_given_back,
            has_struck,
            errors,
        }
    }

    /// The disk.
    #[must_use]
    pub fn disk(&self) -> &Arc<SimulatedDisk> {
        &self.disk
    }

    /// The store.
    ///
    /// # Panics
    /// If none is open.
    #[must_use]
    pub fn store(&self) -> &Store {
        self.store.as_ref().expect("a store is open")
    }

    /// Whether a fault ever struck.
    #[must_use]
    pub fn has_struck(&self) -> bool {
        self.has_struck || self.disk.struck() > 0
    }

    /// Whether compaction ever gave a page a new position: small chunks were merged, or leaves put in order.
    #[must_use]
    pub fn has_moved(&self) -> bool {
        self.has_moved
    }

    /// Whether a snapshot ever kept pages that nothing else needed, and was dropped while the store was open: their space is to be used again.
    #[must_use]
    pub fn has_given_back(&self) -> bool {
        self.has_given_back
    }

    /// What the running store must show.
    #[must_use]
    pub fn model(&self) -> &Model {
        &self.model
    }

    /// What may and must be there after a crash behind so many operations.
    #[must_use]
    pub fn model_at(&self, operations: usize) -> &Model {
        let after = self.history.partition_point(|(position, _)| *position <= operations);
        &self.history[after.saturating_sub(1)].1
    }

    /// The transaction that was to become `version`, as of a moment in the log.
    #[must_use]
    pub fn attempt(&self, operations: usize, version: u64) -> Option<&[Change]> {
        let found = self.attempts.iter().rev().find(|(position, v, _)| *position <= operations && *v == version);
        found.map(|(_, _, changes)| changes.as_slice())
    }

    /// Does these steps; engine errors are kept in `errors` if the disk was told to fail, and end the life if the store is poisoned.
    ///
    /// # Errors
    /// A broken promise, for a person.
    pub fn live(&mut self, steps: &[Step]) -> Result<After, String> {
        for (n, step) in steps.iter().enumerate() {
            let at = |what: String| format!("step {n}, {step:?}: {what}");
            let done = self.step(step).map_err(at)?;
            self.watch();
            let Err(e) = done else { continue };
            if !self.has_struck() {
                return Err(at(format!("{e:?}")));
            }
            self.errors.push(e);
            if self.after_error().map_err(at)? == After::Poisoned {
                return Ok(After::Poisoned);
            }
        }
        self.compare()?;
        Ok(After::Usable)
    }

    fn watch(&mut self) {
        let Some(store) = &self.store else { return };
        let stats = store.stats();
        self.has_moved |= stats.moved_bytes > 0;
        self.has_given_back |= stats.snapshot_pages < self.kept_pages;
        self.kept_pages = stats.snapshot_pages;
    }

    /// Opens the store; what it holds must be what the model allows.
    ///
    /// # Errors
    /// What opening says.
    pub fn open(&mut self) -> Result<(), Error> {
        let disk = Arc::clone(&self.disk) as Arc<dyn Disk>;
        self.store = Some(self.options.open_on(disk)?);
        self.kept_pages = 0;
        Ok(())
    }

    /// Takes over the version that was opened.
    ///
    /// # Errors
    /// If it breaks L3.
    pub fn recovered(&mut self) -> Result<(), String> {
        self.model.recovered(self.store().version())?;
        self.note();
        self.compare()
    }

    fn step(&mut self, step: &Step) -> Result<Result<(), Error>, String> {
        Ok(match step {
            Step::Commit { durability, changes } => self.commit(*durability, changes)?.map(drop),
            Step::Abandon { changes } => self.abandon(changes)?,
            Step::Sync => self.store().sync().map(|version| self.durable(version)),
            Step::Checkpoint => self.store().checkpoint().map(|version| self.durable(version)),
            Step::Compact => self.store().compact().map(|_| self.durable(self.model.newest().0)),
            Step::Background { pieces } => (0..*pieces).try_for_each(|_| self.store().step().map(drop)),
            Step::Reopen => self.reopen()?,
            Step::Kill => self.kill()?,
            Step::Hold => {
                let state = self.model.newest().1.clone();
                self.held.push((self.store().snapshot(), state));
                Ok(())
            }
            Step::Release { index } if !self.held.is_empty() => {
                self.held.swap_remove(index % self.held.len());
                Ok(())
            }
            Step::Blob { packed } => self.blob(*packed)?,
            _ => {
                self.compare()?;
                Ok(())
            }
        })
    }

    /// A commit as a step; the version, or what the engine said.
    ///
    /// # Errors
    /// A broken promise.
    pub fn commit(&mut self, durability: Durability, changes: &[Change]) -> Result<Result<u64, Error>, String> {
        let mut draft = self.model.begin();
        let mut writer = match Writer::begin(self.store()) {
            Ok(writer) => writer,
            Err(e) => return Ok(Err(e)),
        };
        if let Err(e) = apply(&mut writer, &mut draft, changes)? {
            return Ok(Err(e));
        }
        writer.txn.set_durability(drive::durability(durability));
        let newest = self.model.newest().0;
        let mut tentative = self.model.clone();
        tentative.commit(newest + 1, draft.clone());
        self.attempts.push((self.disk.position(), newest + 1, changes.to_vec()));
        self.history.push((self.disk.position(), tentative.clone()));
        match writer.txn.commit() {
            Ok(version) if version == newest => {}
            Ok(version) if version == newest + 1 => {
                self.model = tentative;
                if durability == Durability::Synced {
                    self.model.synced(version);
                }
            }
            Ok(version) => return Err(format!("commit returned version {version} after {newest}")),
            Err(e) => {
                if self.is_poisoned() {
                    // It may be there.
                    return Ok(Err(e));
                }
                if self.store().version() != newest {
                    return Err(format!("the commit failed ({e:?}), and yet version {} is there", self.store().version()));
                }
                self.note();
                return Ok(Err(e));
            }
        }
        self.note();
        Ok(Ok(self.model.newest().0))
    }

    /// Exports the oldest held version, or the newest, and opens a plain blob.
    fn blob(&mut self, packed: bool) -> Result<Result<(), Error>, String> {
        let newest = (self.store().snapshot(), self.model.newest().1.clone());
        let (snapshot, state) = self.held.first().unwrap_or(&newest);
        let (mut blob, form) = (Vec::new(), if packed { BlobForm::Lz4 } else { BlobForm::Plain });
        if let Err(e) = snapshot.write_blob(&mut blob, form) {
            return Ok(Err(e));
        }
        if !packed {
            let store = self.options.open_on(SimulatedDisk::holding(&blob)).map_err(|e| format!("open the blob: {e:?}"))?;
            drive::compare(&store.snapshot(), state).map_err(|what| format!("the blob: {what}"))?;
        }
        Ok(Ok(()))
    }

    fn abandon(&mut self, changes: &[Change]) -> Result<Result<(), Error>, String> {
        let mut draft = self.model.begin();
        match Writer::begin(self.store()) {
            Ok(mut writer) => apply(&mut writer, &mut draft, changes),
            Err(e) => Ok(Err(e)),
        }
    }

    fn durable(&mut self, version: u64) {
        self.model.synced(version);
        self.note();
    }

    /// The model as it is holds from now on.
    fn note(&mut self) {
        self.model.keep_only(&[]);
        self.history.push((self.disk.position(), self.model.clone()));
    }

    fn reopen(&mut self) -> Result<Result<(), Error>, String> {
        self.held.clear();
        let Some(store) = self.store.take() else { return Ok(Ok(())) };
        if let Err(e) = store.close() {
            // Closed or not: what was durable is.
            return self.kill().map(|opened| opened.and(Err(e)));
        }
        self.model.synced(self.model.newest().0);
        self.note();
        if let Err(e) = self.open() {
            return self.kill().map(|opened| opened.and(Err(e)));
        }
        self.recovered().map(Ok)
    }

    /// The process is killed, the system goes on: everything that was handed to it is there, whether it is on the medium or not.
    fn kill(&mut self) -> Result<Result<(), Error>, String> {
        self.has_struck = self.has_struck();
        self.held.clear();
        let disk = self.disk.inherit();
        let old = std::mem::replace(&mut self.disk, disk);
        drop((self.store.take(), old));
        if let Err(e) = self.open() {
            return Err(format!("after a kill: {e:?}"));
        }
        self.recovered().map(Ok)
    }

    /// Whether the store takes no more writes (L9). A commit by seal whose header failed was told so to nobody yet.
    #[must_use]
    pub fn is_poisoned(&self) -> bool {
        // To begin may mean to make room first, which may fail.
        let _quiet = self.disk.pause_faults();
        self.store().begin_write().is_err_and(|e| e.kind() == ErrorKind::Poisoned)
    }

    /// Every failure leaves one of two stores (L9); both can be read.
    fn after_error(&mut self) -> Result<After, String> {
        self.compare()?;
        let _quiet = self.disk.pause_faults();
        match self.store().begin_write() {
            Ok(_) => Ok(After::Usable),
            Err(e) if e.kind() == ErrorKind::Poisoned => {
                let others = [self.store().checkpoint().err(), self.store().sync().err(), self.store().compact().err()];
                match others.iter().find(|e| e.as_ref().is_none_or(|e| e.kind() != ErrorKind::Poisoned)) {
                    Some(other) => Err(format!("poisoned ({e}), and yet it answered {other:?}")),
                    None => Ok(After::Poisoned),
                }
            }
            Err(e) => Err(format!("neither usable nor poisoned: {e:?}")),
        }
    }

    /// While reads fail, each gives what is there or an error of its own.
    fn read_with_faults(&self, newest: &Snapshot) -> Result<(), String> {
        if !self.disk.fails_reads() {
            return Ok(());
        }
        let newest = (newest, self.model.newest().1);
        for (snapshot, state) in self.held.iter().map(|(snapshot, state)| (snapshot, state)).chain([newest]) {
            match drive::read(&snapshot.reader()) {
                Ok(found) => {
                    if let Some(difference) = state.difference(&found) {
                        return Err(format!("while reads fail, version {}: {difference}", snapshot.version()));
                    }
                }
                Err(e) if e.kind() == ErrorKind::Io => {}
                Err(e) => return Err(format!("a failed read became {e:?}")),
            }
        }
        Ok(())
    }

    /// The newest snapshot shows what the model says, and so does every held one; a full check finds nothing.
    ///
    /// # Errors
    /// The first difference, or what is wrong.
    pub fn compare(&self) -> Result<(), String> {
        let Some(store) = &self.store else { return Ok(()) };
        let snapshot = store.snapshot();
        let newest = self.model.newest().0;
        if snapshot.version() != newest {
            return Err(format!("version {} is published where {newest} was committed", snapshot.version()));
        }
        self.read_with_faults(&snapshot)?;
        // The rest is about what is there, not about how it fails.
        let _quiet = self.disk.pause_faults();
        for (held, state) in &self.held {
            drive::compare(held, state).map_err(|what| format!("a held snapshot: {what}"))?;
        }
        drive::compare(&snapshot, self.model.at(newest))?;
        let problems = store.problems();
        if problems.is_empty() { Ok(()) } else { Err(format!("not sound:\n{}", problems.join("\n"))) }
    }
}

/// Makes every change on both; stops at what the engine cannot do.
///
/// # Errors
/// What the engine answered otherwise than the model.
pub fn apply(writer: &mut Writer, draft: &mut Draft, changes: &[Change]) -> Result<Result<(), Error>, String> {
    for change in changes {
        let expected = draft.apply(change);
        match writer.apply(change) {
            Ok(found) if found == expected => {}
            Ok(found) => return Err(format!("{change:?} answered {found:?} instead of {expected:?}")),
            Err(e) => return Ok(Err(e)),
        }
    }
    Ok(Ok(()))
}
