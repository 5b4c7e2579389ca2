//! `treering drill`: the engine's promises, tried on a scheduler's workload, on this machine, now.
//!
//! What is played, measured and proved is the library `treering-scheduler`'s; here stand the options, the folder that goes away, the children that are
//! killed ([`child`]), the progress ([`watch`]) and the words ([`report`]).

pub(crate) mod child;
mod report;
mod watch;

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use clap::{Args, ValueEnum};
use treering::{ErrorKind as StoreError, Reads};
use treering_scheduler::cluster::{Cluster, StormSizes};
use treering_scheduler::drill::{self, Plan};
use treering_scheduler::generate::{Sizes, generate, nodes};
use treering_scheduler::trace::{BadLine, OnBadLine, read_nodes, read_pods};
use treering_scheduler::{Error as DrillError, ErrorKind};

use crate::error::{Error, Exit, Result};
use crate::interrupt::{self, First, Temporary};
use crate::output::Output;

/// Length of each configuration of a traced cluster, as in a generated one.
const CONFIGURATION_BYTES: u32 = 10_240;
/// Hosts for a trace that comes without a node list.
const HOSTS: u32 = 1_000;
/// Threads that write in a child.
const LANES: u32 = 4;
/// How often each kind of slice of the storm is played, in turns.
const ROUNDS: u32 = 3;

/// Try the engine on this machine: load, storm, back up, kill, restore, and prove it all
///
/// Plays the store of a cluster scheduler: jobs, tasks and their events, hosts, updates, configurations. Loads a cluster; changes it with one
/// durable transaction after the other, alone and beside readers; takes snapshots and backups meanwhile; kills itself in mid-write, opens
/// the store again and proves that every acknowledged transaction is there whole; opens the backup in place, and restores it.
///
/// By default it takes less than a minute and less than 500 MB, in a temporary folder that is removed at the end, after an error and
/// after Ctrl-C too.
///
/// Exit code 1 if a promise of correctness was broken. Bounds of time are printed as met or missed; the exit code says so only with --strict-times.
#[derive(Args, Debug)]
pub(crate) struct Drill {
    /// Load this pod list: CSV with the columns of the openb traces
    ///
    /// Pods of equal requests and class form a job. Without it a cluster is generated from the seed.
    #[arg(long, value_name = "FILE")]
    trace: Option<PathBuf>,
    /// Place the pods on this node list
    #[arg(long, value_name = "FILE", requires = "trace")]
    nodes: Option<PathBuf>,
    /// What to do with a line of a list that cannot be used; reported with file, line and column: the first ten, and with --json all
    #[arg(long, value_name = "WHAT", value_enum, default_value_t = BadLines::Skip)]
    on_bad_line: BadLines,
    /// Threads that read during the storm [default: 4, with --full 64]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1024))]
    readers: Option<u32>,
    /// Instances of the storm's job, which has 4,000, that are updated at a time [default: 1000]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=4000))]
    batch: Option<u32>,
    /// How long the storm lasts, in seconds [default: 12, with --full 60]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=86_400))]
    seconds: Option<u64>,
    /// How often a child is killed in mid-write [default: 3, with --full 10]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1000))]
    kills: Option<u32>,
    /// What the generated cluster, the storm and the moments of the kills follow from
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
    /// Play the published sizes: 100,000 tasks, 10,000 hosts, a snapshot of 1 GiB; needs some 10 GB
    #[arg(long)]
    full: bool,
    /// Exit with 1 also if a bound of time was missed
    #[arg(long)]
    strict_times: bool,
    /// Let every store copy pages instead of mapping its file
    #[arg(long)]
    copied: bool,
    /// Make the temporary folder here, on the medium that is to be tried [default: the system's folder for temporary files]
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

/// What to do with a line that cannot be used.
#[derive(ValueEnum, Clone, Copy, Debug)]
enum BadLines {
    /// Leave it out
    Skip,
    /// End with exit code 2
    Refuse,
}

/// A cluster to load, and what is to be said about where it came from.
struct Source {
    cluster: Cluster,
    name: String,
    bad_lines: Vec<BadLine>,
}

impl Drill {
    pub(crate) fn run(&self, out: &mut Output) -> Result {
        // Before anything is made: wrong lists are the likeliest mistake.
        let source = self.source()?;
        interrupt::watch(First::Asks)?;
        let folder = self.folder()?;
        let plan = self.plan(folder.path());
        let start = Instant::now();
        let watch = watch::Shown::new();
        let mut kill = child::killer(self.seed);
        let outcome = drill::run(&plan, source.cluster, &mut kill, &watch).map_err(failed);
        drop(watch);
        // The folder goes before the words come: who sees the report can rely on it.
        drop(folder);
        let outcome = outcome?;
        let about = report::About { source: &source.name, bad_lines: &source.bad_lines, plan: &plan, time: start.elapsed() };
        if self.json {
            out.json(&report::json(&about, &outcome)?)?;
        } else {
            report::say(out, &about, &outcome)?;
        }
        verdict(&outcome.broken, outcome.figures.bounds.iter().all(|bound| bound.met), self.strict_times)
    }

    fn source(&self) -> Result<Source> {
        let Some(trace) = &self.trace else {
            let sizes = if self.full { Sizes::published() } else { Sizes::small() };
            let name = format!("a cluster generated from seed {}", self.seed);
            return Ok(Source { cluster: generate(&sizes, self.seed)?, name, bad_lines: Vec::new() });
        };
        for file in [Some(trace), self.nodes.as_ref()].into_iter().flatten() {
            readable(file)?;
        }
        let on_bad_line = match self.on_bad_line {
            BadLines::Skip => OnBadLine::Skip,
            BadLines::Refuse => OnBadLine::Refuse,
        };
        let pods = read_pods(trace, on_bad_line)?;
        let mut bad_lines = pods.bad_lines;
        let nodes = match &self.nodes {
            None => nodes(HOSTS, self.seed),
            Some(file) => {
                let list = read_nodes(file, on_bad_line)?;
                bad_lines.extend(list.bad_lines);
                list.items
            }
        };
        let cluster = Cluster::from_trace(&pods.items, &nodes, CONFIGURATION_BYTES)?;
        Ok(Source { cluster, name: format!("the cluster of {}", trace.display()), bad_lines })
    }

    fn folder(&self) -> Result<Temporary> {
        let within = self.dir.clone().unwrap_or_else(std::env::temp_dir);
        if !within.is_dir() {
            return Err(Error::usage(format!("{} is no folder", within.display())));
        }
        let folder = tempfile::Builder::new().prefix("treering-drill-").tempdir_in(&within).map(tempfile::TempDir::keep);
        // The kind alone: the error itself names the folder that could not be made.
        folder.map(Temporary::new).map_err(|e| Error::io("making a folder in", &within, &e.kind().into()))
    }

    fn plan(&self, folder: &Path) -> Plan {
        let mut storm = StormSizes::published();
        if !self.full {
            // A tenth of the published events: the load stays short, the work of a reading too.
            storm.events_per_update = 800;
        }
        storm.batch = self.batch.unwrap_or(storm.batch);
        let or_full = |small, full| if self.full { full } else { small };
        Plan {
            folder: folder.to_owned(),
            storm,
            seed: self.seed,
            readers: self.readers.unwrap_or(or_full(4, 64)),
            storm_time: Duration::from_secs(self.seconds.unwrap_or(if self.full { 60 } else { 12 })),
            rounds: ROUNDS,
            kills: self.kills.unwrap_or(or_full(3, 10)),
            lanes: LANES,
            reads: if self.copied { Reads::Copied } else { Reads::Mapped },
        }
    }
}

/// How the drill ends when everything was said: `No` if a promise was broken, or if times count and one was missed.
fn verdict(broken: &[String], are_times_met: bool, strict_times: bool) -> Result {
    if broken.is_empty() && (are_times_met || !strict_times) { Ok(()) } else { Err(Error::Silent(Exit::No)) }
}

/// A list that is not there, or is no file, is a mistake in the command.
fn readable(file: &Path) -> Result {
    match std::fs::metadata(file) {
        Ok(there) if there.is_dir() => Err(Error::usage(format!("{} is a directory, not a list", file.display()))),
        Ok(_) => Ok(()),
        Err(e) => Err(Error::io("reading", file, &e)),
    }
}

/// An error that ended the drill. Damage that the engine found in a file that it wrote itself is a broken promise, whatever it was doing.
fn failed(error: DrillError) -> Error {
    match error.kind() {
        ErrorKind::Store(StoreError::Corrupt) => Error::no(format!("a promise of correctness was broken: {error}")),
        _ => error.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A broken promise ends the drill with 1, whatever the times; a missed time does so only with --strict-times. Damage in a file of its own is a broken promise too.
    #[test]
    fn a_broken_promise_has_its_exit_code() {
        let is_no = |result: Result| matches!(result, Err(Error::Silent(Exit::No) | Error::Told(Exit::No, _)));
        let broken = ["an acknowledged transaction is gone".to_owned()];
        for strict_times in [false, true] {
            assert!(is_no(verdict(&broken, true, strict_times)) && is_no(verdict(&broken, false, strict_times)));
            assert!(verdict(&[], true, strict_times).is_ok());
            assert_eq!(is_no(verdict(&[], false, strict_times)), strict_times);
        }
        assert_eq!(Exit::No as u8, 1);
    }
}
