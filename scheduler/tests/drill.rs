//! The whole drill from outside, in a folder of its own: with children that are killed, and with a watcher that stops it.

use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use treering::Reads;
use treering_scheduler::cluster::StormSizes;
use treering_scheduler::drill::kill::{Acks, ChildPlan, collect, prove, run_child};
use treering_scheduler::drill::{Phase, Plan, Watch, load, run};
use treering_scheduler::generate::{Sizes, generate};
use treering_scheduler::{Error, ErrorKind, Result};

/// Names the store for the child that this test's own program is started as.
const CHILD: &str = "TREERING_DRILL_CHILD";
/// Is there when the child copies pages instead of mapping them.
const COPIED: &str = "TREERING_DRILL_CHILD_COPIED";
const LANES: u32 = 3;

/// Not a test by itself: the child of the drill, when the environment says so. It writes until it is killed.
#[test]
fn child() {
    if let Some(path) = std::env::var_os(CHILD) {
        run_child(Path::new(&path), &child_plan(reads_of_child()), io::stderr()).unwrap();
    }
}

fn child_plan(reads: Reads) -> ChildPlan {
    ChildPlan { series: 1, lanes: LANES, reads }
}

fn reads_of_child() -> Reads {
    if std::env::var_os(COPIED).is_some() { Reads::Copied } else { Reads::Mapped }
}

/// Starts this program as a child on `path` and kills it after so many acknowledgements.
fn kill_child(path: &Path, reads: Reads, acks: Acks, after: u64) -> Result<Acks> {
    let program = std::env::current_exe().unwrap();
    let mut command = Command::new(program);
    command.args(["--exact", "child", "--nocapture"]).env(CHILD, path);
    if reads == Reads::Copied {
        command.env(COPIED, "1");
    }
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let pipe = child.stderr.take().unwrap();
    let acks = collect(acks, pipe, after, || child.kill());
    child.wait().unwrap();
    acks
}

struct Log {
    phases: Mutex<Vec<(Phase, u64)>>,
    done: AtomicU64,
    stop_in: Option<Phase>,
}

impl Watch for Log {
    fn begin(&self, phase: Phase, goal: u64) {
        self.phases.lock().unwrap().push((phase, goal));
    }

    fn done(&self, done: u64) {
        self.done.store(done, Ordering::Relaxed);
    }

    fn stop(&self) -> bool {
        self.stop_in.is_some() && self.phases.lock().unwrap().last().map(|(phase, _)| *phase) == self.stop_in
    }
}

fn log(stop_in: Option<Phase>) -> Log {
    Log { phases: Mutex::default(), done: AtomicU64::new(0), stop_in }
}

fn plan(folder: PathBuf) -> Plan {
    let storm_time = Duration::from_millis(600);
    let (storm, reads) = (StormSizes::tiny(), Reads::Mapped);
    Plan { folder, storm, seed: 5, readers: 2, storm_time, rounds: 1, kills: 3, lanes: LANES, reads }
}

/// What a child acknowledged before it was killed is there whole, kill after kill, and nothing is there in part.
#[test]
fn killed_children_lose_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("cluster.ring");
    let cluster = generate(&Sizes::tiny(), 6).unwrap();
    let (store, loaded) = load(&path, Reads::Mapped, cluster.clone(), &StormSizes::tiny(), 6, &mut |_| Ok(())).unwrap();
    assert_eq!(loaded.tasks, 33);
    store.into_engine().close().unwrap();
    let plan = child_plan(Reads::Mapped);
    let mut acks = Acks::new(&plan);
    for kill in 0..8 {
        acks = kill_child(&path, plan.reads, acks, 100 + 300 * kill).unwrap();
        let proof = prove(&path, &plan, &acks).unwrap();
        assert_eq!(proof.broken, [""; 0], "kill {kill}");
        assert!(proof.found_beyond <= u64::from(LANES));
        acks = proof.next;
    }
    assert!(acks.count() >= 8 * 100 + 28 * 300);
    let again = load(&path, Reads::Mapped, cluster, &StormSizes::tiny(), 6, &mut |_| Ok(())).err().unwrap();
    assert_eq!(again.kind(), ErrorKind::Store(treering::ErrorKind::Exists));
}

/// A drill in small breaks no promise, and its figures are those of what was played.
#[test]
fn a_drill_in_small_breaks_nothing() {
    drill_in_small(Reads::Mapped);
}

/// The same where every store copies pages instead of mapping its file.
#[test]
fn a_drill_of_copied_reads_breaks_nothing() {
    drill_in_small(Reads::Copied);
}

#[track_caller]
fn drill_in_small(reads: Reads) {
    let folder = tempfile::tempdir().unwrap();
    let watch = log(None);
    let plan = Plan { reads, ..plan(folder.path().to_owned()) };
    let cluster = generate(&Sizes::tiny(), 5).unwrap();
    let outcome = run(&plan, cluster, &mut |plan, path, acks| kill_child(path, plan.reads, acks, 150), &watch).unwrap();
    assert_eq!(outcome.broken, [""; 0]);
    let figures = outcome.figures;
    assert_eq!((figures.load.loaded.tasks, figures.load.loaded.jobs), (21 + 12, 4));
    assert!(figures.storm.alone.writer.count > 0 && figures.storm.beside_this_store.details.count > 0);
    assert!(figures.kill.kills == 3 && figures.kill.acknowledged >= 450, "{:?}", figures.kill);
    assert!(figures.kill.found_beyond <= 9, "{:?}", figures.kill);
    assert!(figures.export.blob_bytes > 0 && figures.export.snapshots.count > 0);
    assert_eq!(figures.bounds.len(), 5);
    let phases: Vec<Phase> = watch.phases.lock().unwrap().iter().map(|(phase, _)| *phase).collect();
    assert_eq!(phases, [Phase::Load, Phase::Storm, Phase::Export, Phase::Kill, Phase::Restore]);
}

/// A watcher can stop the drill in every phase.
#[test]
fn a_drill_can_be_stopped() {
    for phase in [Phase::Load, Phase::Storm, Phase::Export, Phase::Kill, Phase::Restore] {
        let folder = tempfile::tempdir().unwrap();
        let plan = Plan { kills: 1, ..plan(folder.path().to_owned()) };
        let cluster = generate(&Sizes::tiny(), 5).unwrap();
        let outcome: Result<_, Error> = run(&plan, cluster, &mut |_, _, acks| Ok(acks), &log(Some(phase)));
        assert_eq!(outcome.unwrap_err().kind(), ErrorKind::Stopped, "{phase:?}");
    }
}
