//! Lives a script, and reports each thing before the next.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use treering::disk::{Access, Disk, FileDisk};
use treering::{BlobForm, Error, ErrorKind, Options, Snapshot, Store};
use treering_tests::disk::FatalDisk;
use treering_tests::drive::{self, Writer};
use treering_tests::{Script, Sound, Step, Word};

use crate::say;

struct Player {
    path: PathBuf,
    options: Options,
    fatal: Option<u64>,
    /// Taken only between a close and an open.
    store: Option<Store>,
    held: Vec<Snapshot>,
}

/// Plays so many steps; whoever is not killed before closes the store.
pub(crate) fn play(path: &Path, script: Script, steps: u64, fatal: Option<u64>) {
    let mut player = Player { path: path.to_owned(), options: script.options(), fatal, store: None, held: Vec::new() };
    let mut workload = script.workload();
    if let Err(e) = player.open() {
        return failed(&e, true);
    }
    for n in 0..steps {
        let Err(e) = player.step(n, &workload.step()) else { continue };
        let poisoned = player.is_poisoned();
        failed(&e, poisoned);
        if poisoned {
            return player.read_on();
        }
    }
    player.held.clear();
    match player.close() {
        Ok(()) => say(Word::End),
        Err(e) => failed(&e, true),
    }
}

fn failed(e: &Error, poisoned: bool) {
    say(Word::Failed { poisoned, kind: format!("{:?}", e.kind()), message: e.to_string() });
}

/// As `kill -9` does it: nothing is put in order.
#[cfg(unix)]
fn kill() -> ! {
    let _ = rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::KILL);
    std::process::abort()
}

#[cfg(not(unix))]
fn kill() -> ! {
    std::process::abort()
}

impl Player {
    fn open(&mut self) -> Result<(), Error> {
        let store = match self.fatal {
            None => self.options.open(&self.path)?,
            Some(left) => self.options.open_on(self.fatal_disk(left)?)?,
        };
        say(Word::Opened(store.version()));
        self.store = Some(store);
        Ok(())
    }

    fn fatal_disk(&self, left: u64) -> Result<Arc<dyn Disk>, Error> {
        let disk = match FileDisk::open(&self.path, Access::Write) {
            Err(e) if e.kind() == ErrorKind::NotFound => FileDisk::create(&self.path)?,
            other => other?,
        };
        Ok(Arc::new(FatalDisk::new(Arc::new(disk), left, kill)))
    }

    fn close(&mut self) -> Result<(), Error> {
        let Some(store) = self.store.take() else { return Ok(()) };
        let version = store.version();
        store.close()?;
        say(Word::Durable(version));
        Ok(())
    }

    fn is_poisoned(&self) -> bool {
        self.store.as_ref().is_none_or(|store| store.begin_write().is_err_and(|e| e.kind() == ErrorKind::Poisoned))
    }

    /// L9: a poisoned store can be read.
    fn read_on(&self) {
        let Some(store) = &self.store else { return };
        if let Err(e) = drive::read(&store.snapshot().reader()) {
            say(Word::Wrong(format!("a poisoned store cannot be read: {e:?}")));
        }
    }

    fn step(&mut self, n: u64, step: &Step) -> Result<(), Error> {
        let store = self.store.as_ref().expect("a store is open between steps");
        match step {
            Step::Commit { durability, changes } => {
                say(Word::Try(n));
                let mut writer = Writer::begin(store)?;
                changes.iter().try_for_each(|change| writer.apply(change).map(drop))?;
                writer.txn.set_durability(drive::durability(*durability));
                say(Word::Done(writer.txn.commit()?));
            }
            Step::Abandon { changes } => {
                let mut writer = Writer::begin(store)?;
                changes.iter().try_for_each(|change| writer.apply(change).map(drop))?;
            }
            Step::Hold => self.held.push(store.snapshot()),
            Step::Release { index } if !self.held.is_empty() => drop(self.held.swap_remove(index % self.held.len())),
            Step::Compare => self.held.iter().try_for_each(|held| drive::read(&held.reader()).map(drop))?,
            Step::Sync => say(Word::Durable(store.sync()?)),
            Step::Checkpoint => say(Word::Durable(store.checkpoint()?)),
            Step::Compact => {
                let version = store.version();
                store.compact()?;
                say(Word::Durable(version));
            }
            Step::Background { pieces } => {
                for _ in 0..*pieces {
                    if !store.step()? {
                        break;
                    }
                }
            }
            Step::Check => {
                let problems = store.problems();
                if !problems.is_empty() {
                    say(Word::Wrong(format!("not sound: {}", problems.join("; "))));
                }
            }
            Step::Reopen => {
                self.held.clear();
                self.close()?;
                self.open()?;
            }
            Step::Blob { packed } => self.back_up(store, *packed)?,
            Step::Release { .. } | Step::Kill => {}
        }
        Ok(())
    }

    /// A backup, which is as soon given up: what counts is what a kill leaves of it.
    fn back_up(&self, store: &Store, packed: bool) -> Result<(), Error> {
        let path = self.path.with_extension("blob");
        let form = if packed { BlobForm::Lz4 } else { BlobForm::Plain };
        match store.snapshot().backup_to(&path, form) {
            // One that an earlier life left.
            Err(e) if e.kind() == ErrorKind::Exists => {}
            other => drop(other?),
        }
        // A folder that takes no changes any more keeps it.
        let _ = std::fs::remove_file(&path);
        Ok(())
    }
}
