//! A store's whole life, step by step, beside its model.
//!
//! Each step is done to both; whatever can be compared after it is. A run ends with a comparison of everything and a reopen. The
//! same code runs the shrunk lists that a failure prints.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use treering::disk::Disk;
use treering::{BlobForm, Error, Options, Snapshot, Store};

use crate::checked::Sound;
use crate::disk::SimulatedDisk;
use crate::drive;
use crate::folder::Folder;
use crate::model::Model;
use crate::workload::{Durability, Step};

/// A store and what it must hold.
pub struct Life {
    options: Options,
    disk: Arc<SimulatedDisk>,
    /// Taken only between a close and an open.
    store: Option<Store>,
    model: Model,
    held: Vec<Snapshot>,
    /// The newest version that was handed to the system: a kill of the process does not lose it.
    written: u64,
    /// What compaction moved: of the present store, and of those before it.
    moved_bytes: u64,
    moved_before: u64,
    /// Whether a thread works in the background: then figures move by themselves.
    has_thread: bool,
}

impl Life {
    /// A new store on a disk of its own, opened with these options.
    ///
    /// # Errors
    /// Whatever opening says.
    pub fn begin(options: &Options, has_thread: bool) -> Result<Life, String> {
        let disk = SimulatedDisk::new();
        disk.forget();
        let store = options.open_on(Arc::clone(&disk) as Arc<dyn Disk>).map_err(|e| format!("create: {e:?}"))?;
        let (options, model, held) = (options.clone(), Model::new(), Vec::new());
        Ok(Life { options, disk, store: Some(store), model, held, written: 0, moved_bytes: 0, moved_before: 0, has_thread })
    }

    /// Does all of these steps, and the end; a panic on the way is an error too. Gives the bytes of the pages that compaction moved.
    ///
    /// # Errors
    /// The first thing that went wrong, for a person, with the number of its step.
    pub fn run(options: &Options, has_thread: bool, steps: &[Step]) -> Result<u64, String> {
        let lived = catch_unwind(AssertUnwindSafe(|| {
            let mut life = Life::begin(options, has_thread)?;
            for (n, step) in steps.iter().enumerate() {
                let done = catch_unwind(AssertUnwindSafe(|| life.step(step)));
                done.unwrap_or_else(|panic| Err(said(&*panic))).map_err(|what| format!("step {n}: {what}"))?;
            }
            life.end().map(|()| life.moved_bytes)
        }));
        lived.unwrap_or_else(|panic| Err(said(&*panic)))
    }

    /// Does one step to both and compares.
    ///
    /// # Errors
    /// What went wrong, for a person.
    pub fn step(&mut self, step: &Step) -> Result<(), String> {
        match step {
            Step::Commit { durability, changes } => {
                let store = self.store.as_ref().expect("taken only between a close and an open");
                let before = self.model.newest().0;
                let version = drive::commit(store, &mut self.model, *durability, changes)?;
                // Without a change there is no version, and nothing is written.
                if *durability != Durability::Memory && version > before {
                    self.written = version;
                }
                self.forget_unheld();
            }
            Step::Abandon { changes } => {
                let mut draft = self.model.begin();
                let mut writer = drive::Writer::begin(self.store()).map_err(say("begin_write"))?;
                writer.apply_all(&mut draft, changes)?;
            }
            Step::Hold => self.hold()?,
            Step::Release { index } if !self.held.is_empty() => drop(self.held.swap_remove(index % self.held.len())),
            Step::Release { .. } => {}
            Step::Compare => self.compare()?,
            Step::Check => self.check()?,
            Step::Blob { packed } => self.blob(*packed)?,
            Step::Sync => {
                let version = self.store().sync().map_err(say("sync"))?;
                self.durable(version)?;
            }
            Step::Checkpoint => {
                let version = self.store().checkpoint().map_err(say("checkpoint"))?;
                self.durable(version)?;
            }
            Step::Compact => {
                self.store().compact().map_err(say("compact"))?;
                self.check()?;
            }
            Step::Background { pieces } => {
                for _ in 0..*pieces {
                    if !self.store().step().map_err(say("step"))? {
                        break;
                    }
                }
            }
            Step::Reopen => self.reopen()?,
            Step::Kill => self.kill()?,
        }
        self.moved_bytes = self.moved_before + self.store().stats().moved_bytes;
        self.figures()
    }

    /// Compares everything, reopens, compares again.
    ///
    /// # Errors
    /// What went wrong, for a person.
    pub fn end(&mut self) -> Result<(), String> {
        self.compare()?;
        self.kill()?;
        self.reopen()?;
        self.compare()
    }

    fn hold(&mut self) -> Result<(), String> {
        let snapshot = self.store().snapshot();
        let (held, newest) = (snapshot.version(), self.model.newest().0);
        if held != newest || self.store().version() != newest {
            return Err(format!("a snapshot holds version {held} where {newest} was committed"));
        }
        self.held.push(snapshot);
        Ok(())
    }

    fn compare(&self) -> Result<(), String> {
        let newest = self.store().snapshot();
        if newest.version() != self.model.newest().0 {
            return Err(format!("the newest version is {} instead of {}", newest.version(), self.model.newest().0));
        }
        self.held.iter().chain([&newest]).try_for_each(|held| drive::compare(held, self.model.at(held.version())))
    }

    /// The store said that everything up to `version` is durable; it must be the newest.
    fn durable(&mut self, version: u64) -> Result<(), String> {
        let newest = self.model.newest().0;
        if version != newest {
            return Err(format!("it made version {version} durable where {newest} was committed"));
        }
        self.model.synced(version);
        self.written = version;
        Ok(())
    }

    /// Everything that the store can find wrong with itself: nothing.
    fn check(&self) -> Result<(), String> {
        let problems = self.store().problems();
        if problems.is_empty() { Ok(()) } else { Err(format!("not sound:\n{}", problems.join("\n"))) }
    }

    /// Writes the oldest held version, or the newest, as a blob, and looks at what opens from it.
    fn blob(&self, packed: bool) -> Result<(), String> {
        let newest = self.store().snapshot();
        let snapshot = self.held.first().unwrap_or(&newest);
        let expected = self.model.at(snapshot.version());
        let (mut bytes, form) = (Vec::new(), if packed { BlobForm::Lz4 } else { BlobForm::Plain });
        let summary = snapshot.write_blob(&mut bytes, form).map_err(say("write_blob"))?;
        if summary.version != snapshot.version() || summary.bytes != bytes.len() as u64 {
            return Err(format!("a blob of version {} and {} bytes: {summary:?}", snapshot.version(), bytes.len()));
        }
        let look = |store: Store| {
            let problems = store.problems();
            if !problems.is_empty() {
                return Err(format!("the blob is not sound:\n{}", problems.join("\n")));
            }
            drive::compare(&store.snapshot(), expected).map_err(|what| format!("the blob: {what}"))
        };
        if !packed {
            let disk = SimulatedDisk::holding(&bytes);
            look(self.options.open_read_only_on(Arc::clone(&disk) as Arc<dyn Disk>).map_err(say("open the blob for reading"))?)?;
            return look(self.options.open_on(disk).map_err(say("open the blob"))?);
        }
        let folder = Folder::new();
        let (blob, to) = (folder.write("packed", &bytes), folder.file("restored"));
        treering::restore(&blob, &to).map_err(say("restore"))?;
        look(self.options.open_read_only(&to).map_err(say("open what was restored"))?)
    }

    /// Closes and opens again: nothing may be missing, nothing is replayed.
    fn reopen(&mut self) -> Result<(), String> {
        self.held.clear();
        if let Some(store) = self.store.take() {
            store.close().map_err(say("close"))?;
        }
        let newest = self.model.newest().0;
        self.open()?;
        let report = self.store().open_report().clone();
        if report.version != newest || !report.clean || report.replayed != 0 || report.dropped_bytes != 0 {
            return Err(format!("after a close at version {newest}: {report:?}"));
        }
        self.compare()?;
        self.check()
    }

    /// Goes on with a copy of the file as it is: what was handed to the system is there.
    fn kill(&mut self) -> Result<(), String> {
        self.held.clear();
        let disk = SimulatedDisk::holding(&self.disk.bytes());
        disk.forget();
        let old = std::mem::replace(&mut self.disk, disk);
        // Its close goes to the old disk, which nobody looks at any more.
        drop((self.store.take(), old));
        self.open()?;
        let version = self.store().version();
        if version < self.written {
            return Err(format!("opened at version {version} after a kill, where {} was written", self.written));
        }
        self.model.recovered(version)?;
        self.written = version;
        self.compare()?;
        self.check()
    }

    fn open(&mut self) -> Result<(), String> {
        let disk = Arc::clone(&self.disk) as Arc<dyn Disk>;
        self.store = Some(self.options.open_on(disk).map_err(say("open"))?);
        self.moved_before = self.moved_bytes;
        Ok(())
    }

    /// What the store says about itself must add up.
    fn figures(&self) -> Result<(), String> {
        let stats = self.store().stats();
        let wrong = |what: &str| Err(format!("{what}: {stats:?}"));
        if stats.version != self.model.newest().0 || stats.durable_version > stats.version {
            return wrong("versions");
        }
        if stats.snapshots != self.held.len() as u64 && !self.has_thread {
            return wrong("snapshots");
        }
        if self.has_thread {
            return Ok(());
        }
        if stats.live_bytes > stats.kept_bytes || stats.kept_bytes > stats.chunk_bytes || stats.free_bytes > stats.file_bytes {
            return wrong("live <= kept <= chunk bytes, free <= file bytes");
        }
        // Without snapshots everything that is kept is alive (L6, L7).
        if self.held.is_empty() && (stats.live_bytes != stats.kept_bytes || stats.snapshot_pages != 0) {
            return wrong("nobody holds a snapshot, and yet pages are kept for one");
        }
        Ok(())
    }

    fn forget_unheld(&mut self) {
        let held: Vec<u64> = self.held.iter().map(Snapshot::version).collect();
        self.model.keep_only(&held);
    }

    fn store(&self) -> &Store {
        self.store.as_ref().expect("taken only between a close and an open")
    }
}

fn say(what: &'static str) -> impl Fn(Error) -> String {
    move |e| format!("{what}: {e:?}")
}

/// What a panic said.
#[must_use]
pub fn said(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str).or_else(|| panic.downcast_ref::<&str>().copied());
    format!("panic: {}", text.unwrap_or("without words"))
}
