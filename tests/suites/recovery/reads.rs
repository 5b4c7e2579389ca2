//! Reads that fail while a store with copied reads is at work: a clean error of the step that met it, and the store as it was before.
//!
//! A failed read writes nothing, so nothing is in doubt: no poison, no half of a change, and no account of a chunk that is off (L6, L7).

use std::sync::Arc;

use treering::disk::Disk;
use treering::{Error, ErrorKind, Options, Reads, Snapshot, Store};
use treering_tests::disk::{Done, Fault, Kind};
use treering_tests::drive::{self, Writer};
use treering_tests::{Change, Durability, Model, Seed, Shape, SimulatedDisk, Sound, Step, apply, depth};

use crate::steps;

/// What a step ended with: done, or what the engine said; a broken promise outside.
type Outcome = Result<Result<(), Error>, String>;

struct Sufferer {
    options: Options,
    disk: Arc<SimulatedDisk>,
    store: Store,
    /// What is held now: a page that only they need is freed while reads fail.
    held: Vec<Snapshot>,
    model: Model,
    failed: u64,
}

impl Sufferer {
    fn begin(options: &Options) -> Result<Sufferer, String> {
        let disk = SimulatedDisk::new();
        disk.forget();
        let store = options.open_on(Arc::clone(&disk) as Arc<dyn Disk>).map_err(|e| format!("create: {e:?}"))?;
        Ok(Sufferer { options: options.clone(), disk, store, held: Vec::new(), model: Model::new(), failed: 0 })
    }

    /// Does a step while reads fail; afterwards looks at everything now and then, and not each time, for what it reads is at hand then.
    fn suffer(&mut self, step: &Step, fault: Fault, everything: bool) -> Result<(), String> {
        self.held.push(self.store.snapshot());
        self.disk.fail(Some(fault));
        if everything {
            self.held.clear();
        }
        let done = self.step(step)?;
        let struck = self.disk.struck() > 0;
        self.disk.fail(None);
        match done {
            Ok(()) => {}
            Err(e) if struck && e.kind() == fault.error => self.failed += 1,
            Err(e) => return Err(format!("{e:?}")),
        }
        if self.store.begin_write().is_err_and(|e| e.kind() == ErrorKind::Poisoned) {
            return Err("a read that failed poisoned the store".into());
        }
        self.look(everything)
    }

    fn step(&mut self, step: &Step) -> Outcome {
        Ok(match step {
            Step::Commit { durability, changes } => self.commit(*durability, changes)?,
            Step::Sync => self.store.sync().map(drop),
            Step::Checkpoint => self.store.checkpoint().map(drop),
            Step::Compact => self.store.compact().map(drop),
            Step::Background { pieces } => (0..*pieces).try_for_each(|_| self.store.step().map(drop)),
            Step::Reopen | Step::Kill => self.reopen()?,
            _ => Ok(()),
        })
    }

    fn commit(&mut self, durability: Durability, changes: &[Change]) -> Outcome {
        let mut draft = self.model.begin();
        let mut writer = match Writer::begin(&self.store) {
            Ok(writer) => writer,
            Err(e) => return Ok(Err(e)),
        };
        if let Err(e) = apply(&mut writer, &mut draft, changes)? {
            // The writer is dropped: rolled back.
            return Ok(Err(e));
        }
        writer.txn.set_durability(drive::durability(durability));
        let newest = self.model.newest().0;
        match writer.txn.commit() {
            Ok(version) if version == newest => {}
            Ok(version) => {
                self.model.commit(version, draft);
                if durability == Durability::Synced {
                    self.model.synced(version);
                }
            }
            Err(e) => return Ok(Err(e)),
        }
        Ok(Ok(()))
    }

    /// Goes on with a copy of the file: opening fails as long as reads do, and then does not.
    fn reopen(&mut self) -> Outcome {
        self.held.clear();
        let disk = SimulatedDisk::holding(&self.disk.bytes());
        disk.forget();
        disk.fail(Some(Fault {
            kinds: &[Kind::Read],
            at: self.failed % 12,
            sticky: false,
            error: ErrorKind::Io,
            done: Done::default(),
        }));
        let open = || self.options.open_on(Arc::clone(&disk) as Arc<dyn Disk>);
        let opened = match open() {
            Err(e) if disk.struck() > 0 && e.kind() == ErrorKind::Io => {
                self.failed += 1;
                open()
            }
            other => other,
        };
        let store = opened.map_err(|e| format!("open: {e:?}"))?;
        disk.fail(None);
        (self.store, self.disk) = (store, disk);
        self.model.recovered(self.store.version())?;
        Ok(Ok(()))
    }

    fn look(&mut self, everything: bool) -> Result<(), String> {
        let newest = self.model.newest().0;
        if self.store.version() != newest {
            return Err(format!("version {} is published where {newest} was committed", self.store.version()));
        }
        self.model.keep_only(&[]);
        if !everything {
            return Ok(());
        }
        drive::compare(&self.store.snapshot(), self.model.at(newest))?;
        let stats = self.store.stats();
        // Without snapshots everything that is kept is alive.
        if self.held.is_empty() && stats.kept_bytes != stats.live_bytes {
            return Err(format!("{} bytes are kept, {} are alive", stats.kept_bytes, stats.live_bytes));
        }
        let problems = self.store.problems();
        if problems.is_empty() { Ok(()) } else { Err(format!("not sound:\n{}", problems.join("\n"))) }
    }
}

#[track_caller]
fn check(test: &str, options: &Options, runs: u64) {
    let seed = Seed::of(test);
    let mut failed = 0;
    for run in 0..runs * depth() {
        let part = seed.part(run);
        let mut rng = part.part(1).rng();
        let mut sufferer = Sufferer::begin(options).expect("a new store");
        for (n, step) in steps(part, &Shape::small(), 60).iter().enumerate() {
            let error = if rng.bool() { ErrorKind::Io } else { ErrorKind::Corrupt };
            let fault = Fault { kinds: &[Kind::Read], at: rng.u64(..6), sticky: rng.bool(), error, done: Done::default() };
            if let Err(what) = sufferer.suffer(step, fault, rng.u32(..6) == 0) {
                panic!("{test}, run {run} of TREERING_SEED={}, step {n}, {step:?}, {fault:?}: {what}", seed.number());
            }
        }
        sufferer.look(true).unwrap_or_else(|what| panic!("{test}, run {run} of TREERING_SEED={}: {what}", seed.number()));
        failed += sufferer.failed;
    }
    assert!(failed > runs, "only {failed} steps met a read that failed");
}

/// L9: copied reads that fail in every kind of step: an error of that step alone.
#[test]
fn l9_failing_reads() {
    check("l9_failing_reads", &drive::small_options().reads(Reads::Copied).cache_bytes(8 << 10), 40);
}

/// L9: the same where nearly all is at hand: then the books of a chunk that was just written are kept without a look at the medium.
#[test]
fn l9_failing_reads_of_a_warm_store() {
    check("l9_failing_reads_of_a_warm_store", &drive::small_options().reads(Reads::Copied).cache_bytes(4 << 20), 60);
}

/// L9: the same where commits go by seal and pages are compressed.
#[test]
fn l9_failing_reads_of_compressed_pages() {
    let options = drive::small_options().reads(Reads::Copied).cache_bytes(0).lz4(true).record_bytes(200);
    check("l9_failing_reads_of_compressed_pages", &options, 20);
}
