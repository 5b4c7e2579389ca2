//! The drill: the engine's promises, tried on a scheduler's workload. The parts that face the engine; a command line adds the words.
//!
//! ```text
//!   load -> storm (alone, beside readers of another store, beside readers of this one, in turn)
//!        -> snapshot and backups during the storm -> close, open
//!        -> [ a child writes and is killed -> open -> prove ] ...
//!        -> open the blob in place -> restore it elsewhere -> verify all
//! ```
//!
//! [`run`] plays all of it and gives figures and the list of broken promises. It prints nothing, parses no arguments and starts no
//! process: who calls it kills the child ([`kill`]), shows the progress ([`Watch`]) and removes the folder.
//!
//! Here clocks are read: a drill measures.

pub mod export;
pub mod figures;
pub mod kill;
pub mod script;
pub mod storm;

#[cfg(test)]
mod tests;

use crate::cluster::{Cluster, StormJob, StormSizes};
use crate::error::{Error, ErrorKind, Result};
use crate::tasks::{Loaded, TaskStore, View, digest, verify};
use figures::{Bound, Figures, KillFigures, LoadFigures, StormFigures};
use kill::{Acks, ChildPlan};
use script::Lane;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use storm::{Beside, Slice};
use treering::{BlobForm, Create, Options, Reads, Store};

/// Name of the mark that holds the [`StormJob`].
const STORM_JOB: &str = "storm_job";
/// Bytes of records that start a checkpoint: a quarter of the default, so that even a short storm meets checkpoints, and the log's segments (a synced
/// commit takes a block) stay below 128 MiB.
const LOG_BYTES: u64 = 16 << 20;

/// A part of the drill.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Phase {
    /// The cluster is stored; the goal is rows.
    Load,
    /// The update storm, with and without readers; the goal is milliseconds.
    Storm,
    /// Snapshots and backups during the storm; the goal is backups.
    Export,
    /// Children are killed and what they acknowledged is proved; the goal is kills.
    Kill,
    /// Blobs are opened, restored and compared; the goal is stores.
    Restore,
}

/// Who looks on. Called from several threads.
pub trait Watch: Sync {
    /// `phase` begins; it will be over when `done` is told `goal`.
    fn begin(&self, phase: Phase, goal: u64);
    /// How far the phase is.
    fn done(&self, done: u64);
    /// Whether to stop: the drill then ends with [`ErrorKind::Stopped`] at its next step. A backup, a restore and a check are one step.
    fn stop(&self) -> bool {
        false
    }
}

/// What is to be played.
#[derive(Clone, Debug)]
pub struct Plan {
    /// An empty folder for the drill's files, on the medium that is to be tried.
    pub folder: PathBuf,
    /// The job of the storm, which is added to the cluster.
    pub storm: StormSizes,
    /// Seed of the storm's configurations.
    pub seed: u64,
    /// Reading threads.
    pub readers: u32,
    /// How long the storm lasts, all its slices together.
    pub storm_time: Duration,
    /// How often each kind of slice is played: they take turns, so that a noisy moment of the machine meets all kinds.
    pub rounds: u32,
    /// Children that are killed.
    pub kills: u32,
    /// Threads of a child that write.
    pub lanes: u32,
    /// How every store of the drill reads its file.
    pub reads: Reads,
}

/// What came of it.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// What was measured.
    pub figures: Figures,
    /// Promises of correctness that were broken: none in a good drill.
    pub broken: Vec<String>,
}

/// Lets a child write and kills it: gets the plan, the path of the store and the acknowledgements so far, and gives them with those of
/// the child. [`kill::collect`] does the reading.
pub type KillChild<'a> = dyn FnMut(&ChildPlan, &Path, Acks) -> Result<Acks> + 'a;

/// Plays the whole drill on `cluster`. A broken promise does not end it; an error does.
///
/// # Errors
/// `Stopped` when `watch` asked for it; `Input` for sizes out of range; those of `kill_child`; the engine's.
pub fn run(plan: &Plan, cluster: Cluster, kill_child: &mut KillChild<'_>, watch: &dyn Watch) -> Result<Outcome> {
    let mut drill = Drill { plan, watch, figures: Figures::default(), broken: Vec::new() };
    let store = drill.load(cluster)?;
    let job = storm_job(&store)?;
    let lane = Lane::new(job, 0, 0, 1)?;
    let next = drill.storm(&store, &lane)?;
    let contents = drill.export(&store, &lane, next)?;
    drill.reopen(store)?;
    drill.kills(&job, kill_child)?;
    drill.blobs(&contents)?;
    drill.bounds();
    Ok(Outcome { figures: drill.figures, broken: drill.broken })
}

/// Makes a store at `path`, loads `cluster` with the storm's job into it, and leaves a mark by which [`storm_job`] finds the job.
///
/// # Errors
/// As [`TaskStore::load`]; `Store(Exists)` when there is something at `path`.
pub fn load(
    path: &Path,
    reads: Reads,
    mut cluster: Cluster,
    storm: &StormSizes,
    seed: u64,
    advance: &mut dyn FnMut(u64) -> Result<()>,
) -> Result<(TaskStore, Loaded)> {
    let job = cluster.add_storm_job(storm, seed)?;
    let store = TaskStore::on(options(reads).create(Create::New).open(path)?)?;
    let loaded = store.load(&cluster, advance)?;
    store.set_mark(STORM_JOB, &job)?;
    Ok((store, loaded))
}

/// The storm's job of a store that a drill has loaded.
///
/// # Errors
/// `NotFound` when no drill has loaded it; the engine's.
pub fn storm_job(store: &TaskStore) -> Result<StormJob> {
    store.mark(STORM_JOB)?.ok_or_else(|| Error::not_found("storm job in this store: a drill loads one"))
}

struct Drill<'a> {
    plan: &'a Plan,
    watch: &'a dyn Watch,
    figures: Figures,
    broken: Vec<String>,
}

/// Contents of the blobs: the version they are of, and its digest.
struct Contents {
    version: u64,
    digest: [u8; 32],
}

impl Drill<'_> {
    fn file(&self, name: &str) -> PathBuf {
        self.plan.folder.join(name)
    }

    fn may_go_on(&self) -> Result<()> {
        if self.watch.stop() { Err(Error::new(ErrorKind::Stopped, "the drill was stopped")) } else { Ok(()) }
    }

    /// Notes the broken invariants of a task store, if any, and those that the engine finds in its file.
    fn verify(&mut self, what: &str, store: &TaskStore) -> Result<()> {
        let verified = verify(&store.snapshot())?;
        self.broken.extend(verified.problems.iter().map(|problem| format!("{what}: {problem}")));
        let report = store.engine().check()?;
        self.broken.extend(report.problems().iter().map(|problem| format!("{what}: {problem}")));
        self.may_go_on()
    }

    fn load(&mut self, cluster: Cluster) -> Result<TaskStore> {
        let storm = &self.plan.storm;
        let events = u64::from(storm.other_updates) * (u64::from(storm.events_per_update) + 1);
        // The job, its two configurations; four events and a row for each task.
        self.watch.begin(Phase::Load, crate::tasks::rows_of(&cluster) + 3 + 5 * u64::from(storm.instances) + events);
        let start = Instant::now();
        let (store, loaded) = load(&self.file("cluster.ring"), self.plan.reads, cluster, storm, self.plan.seed, &mut |rows| {
            self.watch.done(rows);
            self.may_go_on()
        })?;
        let seconds = start.elapsed().as_secs_f64();
        let rows_per_second = loaded.rows() as f64 / seconds;
        let file_bytes = store.engine().stats().file_bytes;
        self.figures.load = LoadFigures { loaded, seconds, rows_per_second, file_bytes };
        self.verify("after the load", &store)?;
        Ok(store)
    }

    /// Slices of the storm take turns: alone, beside readers of another store, beside readers of this one. Gives the next step.
    fn storm(&mut self, store: &TaskStore, lane: &Lane) -> Result<u64> {
        let rounds = self.plan.rounds.max(1);
        let slice_time = self.plan.storm_time / (rounds * 3);
        let goal = self.plan.storm_time.as_millis() as u64;
        self.watch.begin(Phase::Storm, goal);
        let (start, watch) = (Instant::now(), self.watch);
        let go_on = |time: Duration| {
            move |steps: u64, elapsed: Duration| {
                if steps.is_multiple_of(64) {
                    watch.done((start.elapsed().as_millis() as u64).min(goal));
                }
                elapsed < time
            }
        };
        let mut next = 0;
        let mut sums = [Slice::default(), Slice::default(), Slice::default()];
        // The other store is a copy of this one after some of the storm, so that its readers have the same work.
        next += storm::storm(store, lane, next, &Beside::Nobody, self.watch, &go_on(slice_time / 4))?.steps;
        let other = self.file("other.ring");
        store.snapshot().backup_to(&other, BlobForm::Plain)?;
        let other = TaskStore::on(options(self.plan.reads).open_read_only(&other)?)?;
        for _ in 0..rounds {
            let besides = [Beside::Nobody, Beside::Readers(&other, self.plan.readers), Beside::Readers(store, self.plan.readers)];
            for (sum, beside) in sums.iter_mut().zip(&besides) {
                let slice = storm::storm(store, lane, next, beside, self.watch, &go_on(slice_time))?;
                next += slice.steps;
                sum.add(slice);
                self.may_go_on()?;
            }
        }
        for sum in &sums {
            self.broken.extend(sum.broken.iter().cloned());
        }
        let [alone, other_store, same_store] = &sums;
        self.figures.storm = StormFigures {
            readers: self.plan.readers,
            alone: alone.figures(),
            beside_other_store: other_store.figures(),
            beside_this_store: same_store.figures(),
            p99_ratio: same_store.p99_ratio(other_store),
        };
        self.watch.done(goal);
        self.verify("after the storm", store)?;
        Ok(next)
    }

    fn export(&mut self, store: &TaskStore, lane: &Lane, next: u64) -> Result<Contents> {
        let (plain, lz4) = (self.file("blob.ring"), self.file("blob.lz4"));
        let exported = export::during_storm(store, lane, next, self.plan.readers, &plain, &lz4, self.watch)?;
        self.figures.export = exported.figures;
        self.broken.extend(exported.broken);
        let digest = digest(&exported.snapshot)?;
        self.verify("after the backups", store)?;
        Ok(Contents { version: exported.snapshot.version(), digest })
    }

    fn reopen(&mut self, store: TaskStore) -> Result<()> {
        let before = digest(&store.snapshot())?;
        store.into_engine().close()?;
        let start = Instant::now();
        let store = existing(&self.file("cluster.ring"), self.plan.reads)?;
        self.figures.open_after_close_ms = milliseconds(start.elapsed());
        let stats = store.engine().stats();
        (self.figures.file_bytes, self.figures.live_bytes) = (stats.file_bytes, stats.live_bytes);
        if digest(&store.snapshot())? != before {
            self.broken.push("after a clean close the store opened with other contents".to_owned());
        }
        store.into_engine().close()?;
        self.may_go_on()
    }

    fn kills(&mut self, job: &StormJob, kill_child: &mut KillChild<'_>) -> Result<()> {
        let path = self.file("cluster.ring");
        let lanes = self.plan.lanes.clamp(1, job.instances.min(Lane::MOST_LANES));
        let plan = ChildPlan { series: 1, lanes, reads: self.plan.reads };
        let mut acks = Acks::new(&plan);
        let mut sum = KillFigures::default();
        self.watch.begin(Phase::Kill, self.plan.kills.into());
        for number in 0..self.plan.kills {
            acks = kill_child(&plan, &path, acks)?;
            let proof = kill::prove(&path, &plan, &acks)?;
            self.broken.extend(proof.broken.iter().map(|problem| format!("after kill {}: {problem}", number + 1)));
            sum.kills += 1;
            sum.acknowledged = acks.count();
            sum.found_beyond += proof.found_beyond;
            sum.open_ms_max = sum.open_ms_max.max(milliseconds(proof.open));
            acks = proof.next;
            self.watch.done(u64::from(number) + 1);
            self.may_go_on()?;
        }
        self.figures.kill = sum;
        Ok(())
    }

    fn blobs(&mut self, contents: &Contents) -> Result<()> {
        self.watch.begin(Phase::Restore, 3);
        let (plain, lz4, restored) = (self.file("blob.ring"), self.file("blob.lz4"), self.file("restored.ring"));
        let start = Instant::now();
        let store = TaskStore::on(options(self.plan.reads).open_read_only(&plain)?)?;
        self.figures.blob_open_ms = milliseconds(start.elapsed());
        let snapshot = store.snapshot();
        View::new(&snapshot.reader()).task(storm_job(&store)?.first_task)?;
        self.figures.blob_first_read_ms = milliseconds(start.elapsed());
        drop(snapshot);
        self.same("the blob, opened in place", &store, contents)?;
        drop(store);
        self.watch.done(1);
        for (number, (blob, name)) in [(&plain, "the restored blob"), (&lz4, "the restored LZ4 stream")].into_iter().enumerate() {
            let start = Instant::now();
            treering::restore(blob, &restored)?;
            let seconds = start.elapsed().as_secs_f64();
            let figure = if number == 0 { &mut self.figures.restore_seconds } else { &mut self.figures.restore_lz4_seconds };
            *figure = seconds;
            let store = existing(&restored, self.plan.reads)?;
            self.same(name, &store, contents)?;
            // A restored store is a store: it takes changes.
            let lane = Lane::new(storm_job(&store)?, 2, 0, 1)?;
            (0..10).try_for_each(|step| script::write_step(&store, &lane, step).map(drop))?;
            self.verify(name, &store)?;
            store.into_engine().close()?;
            std::fs::remove_file(&restored).map_err(|e| Error::io("removing", &restored, e))?;
            self.watch.done(number as u64 + 2);
            self.may_go_on()?;
        }
        Ok(())
    }

    /// Notes when a store does not have exactly the blobs' contents.
    fn same(&mut self, what: &str, store: &TaskStore, contents: &Contents) -> Result<()> {
        let snapshot = store.snapshot();
        if digest(&snapshot)? != contents.digest {
            self.broken.push(format!(
                "{what} has other contents than the snapshot of version {} that it was made from",
                contents.version
            ));
        }
        let verified = verify(&snapshot)?;
        self.broken.extend(verified.problems.iter().map(|problem| format!("{what}: {problem}")));
        Ok(())
    }

    fn bounds(&mut self) {
        let figures = &self.figures;
        let storm = &figures.storm;
        let (other, this) = (&storm.beside_other_store.writer, &storm.beside_this_store.writer);
        self.figures.bounds = vec![
            Bound::at_most(
                "writer's p50 beside readers, by that beside readers of another store",
                this.p50_us / other.p50_us,
                1.05,
            ),
            Bound::at_most_within(
                "writer's p99 beside readers, by that beside readers of another store",
                this.p99_us / other.p99_us,
                storm.p99_ratio,
                1.1,
            ),
            Bound::at_most(
                "longest hold of the turn by a backup, by the median commit",
                figures.export.turn_held_by_median_commit,
                1.0,
            ),
            Bound::at_most("opening after a clean close, ms", figures.open_after_close_ms, 5.0),
            Bound::at_most("opening a blob in place to the first read, ms", figures.blob_first_read_ms, 10.0),
        ];
    }
}

/// How the drill opens its stores.
fn options(reads: Reads) -> Options {
    Options::new().log_bytes(LOG_BYTES).reads(reads)
}

/// A task store that must be there.
fn existing(path: &Path, reads: Reads) -> Result<TaskStore> {
    let store: Store = options(reads).create(Create::Never).open(path)?;
    TaskStore::on(store)
}

pub(crate) fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}
