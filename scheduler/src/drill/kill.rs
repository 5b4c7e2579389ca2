//! A child that writes until it is killed, and the proof of what it acknowledged.
//!
//! ```text
//!   child    commit (durable) -> one line to its parent: lane, step
//!   parent   reads lines, kills the child in mid-write, reads what is still in the pipe
//!            opens the store: for each lane   acknowledged <= found <= acknowledged + 1,   and every step found is there whole
//! ```
//!
//! A lane writes its next step only after it has told of the last one, so at most one step of each lane can be durable without having
//! been told.

use super::existing;
use super::script::{Lane, read_step, write_step};
use super::storm_job;
use crate::error::{Error, ErrorKind, Result};
use crate::model::Millis;
use crate::tasks::{TaskStore, View, verify};
use std::collections::HashSet;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// How often a child checkpoints, so that kills fall into checkpoints too.
const CHECKPOINT_EVERY: Duration = Duration::from_millis(50);

/// What a child plays.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ChildPlan {
    /// Which playing of the storm it goes on with.
    pub series: u32,
    /// Threads that write, 1 to 255, not more than the storm's job has instances.
    pub lanes: u32,
    /// How the store reads its file.
    pub reads: treering::Reads,
}

/// What children have acknowledged: for each lane the steps before a number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Acks {
    /// For each lane, the step after the last one that was acknowledged or proved.
    next: Vec<u64>,
    count: u64,
}

/// What was found after a kill.
#[derive(Clone, Debug)]
pub struct Proof {
    /// How long opening the store took.
    pub open: Duration,
    /// Steps that were there without having been acknowledged.
    pub found_beyond: u64,
    /// Promises that were broken.
    pub broken: Vec<String>,
    /// Where the next child begins.
    pub next: Acks,
}

impl Acks {
    /// Before the first child.
    #[must_use]
    pub fn new(plan: &ChildPlan) -> Acks {
        Acks { next: vec![0; plan.lanes as usize], count: 0 }
    }

    /// How many steps children have acknowledged.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.count
    }

    /// Takes one line of a child.
    fn take(&mut self, line: &str) -> Result<()> {
        let wrong = || Error::input(format!("a child wrote '{line}' instead of the number of a lane and of its next step"));
        let (lane, step) = line.split_once(' ').ok_or_else(wrong)?;
        let (lane, step): (usize, u64) = (lane.parse().map_err(|_| wrong())?, step.parse().map_err(|_| wrong())?);
        match self.next.get_mut(lane) {
            Some(next) if *next == step => *next += 1,
            _ => return Err(wrong()),
        }
        self.count += 1;
        Ok(())
    }
}

/// The child: opens the store at `path` and plays the lanes of `plan`, a thread each, from where the store stands. After each durable
/// commit one line goes to `acks`. It ends when `acks` takes no more, otherwise only by being killed.
///
/// # Errors
/// The engine's; `NotFound` when the store was not loaded by a drill.
pub fn run_child(path: &Path, plan: &ChildPlan, acks: impl Write + Send) -> Result<()> {
    let store = existing(path, plan.reads)?;
    let job = storm_job(&store)?;
    let snapshot = store.snapshot();
    let acks = Mutex::new(acks);
    let over = AtomicBool::new(false);
    let mut lanes = Vec::new();
    for number in 0..plan.lanes {
        let lane = Lane::new(job, plan.series, number, plan.lanes)?;
        lanes.push((number, lane, lane.progress(&snapshot)?));
    }
    drop(snapshot);
    std::thread::scope(|scope| {
        let writers: Vec<_> = lanes
            .into_iter()
            .map(|(number, lane, first)| {
                scope.spawn({
                    let (store, acks, over) = (&store, &acks, &over);
                    move || write_lane(store, &lane, number, first, acks, over)
                })
            })
            .collect();
        let checkpoints = scope.spawn(|| {
            while !over.load(Ordering::Relaxed) {
                std::thread::sleep(CHECKPOINT_EVERY);
                store.engine().checkpoint()?;
            }
            Ok(())
        });
        let panicked = |_| Error::new(ErrorKind::Broken, "a thread of the child panicked");
        let mut outcome = Ok(());
        for writer in writers {
            outcome = outcome.and(writer.join().map_err(panicked)?);
        }
        outcome.and(checkpoints.join().map_err(panicked)?)
    })
}

fn write_lane(
    store: &TaskStore,
    lane: &Lane,
    number: u32,
    first: u64,
    acks: &Mutex<impl Write>,
    over: &AtomicBool,
) -> Result<()> {
    for step in first.. {
        // Relaxed: the flag carries nothing but itself.
        if over.load(Ordering::Relaxed) {
            break;
        }
        let written = write_step(store, lane, step);
        let told = written.map(|_version| {
            let mut acks = acks.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
            writeln!(acks, "{number} {step}").and_then(|()| acks.flush())
        });
        if !matches!(told, Ok(Ok(()))) {
            over.store(true, Ordering::Relaxed);
            // Nobody listens any more: that is the child's ordinary end.
            return told.map(drop);
        }
    }
    Ok(())
}

/// Reads a child's acknowledgements into `acks`; after `after` of them calls `kill` once, then reads on to the end of the pipe. A line that
/// the kill has cut short counts as not told.
///
/// # Errors
/// `Input` when the child wrote something else; `Stopped` when `kill` fails or the pipe cannot be read.
pub fn collect(mut acks: Acks, from: impl Read, after: u64, kill: impl FnOnce() -> std::io::Result<()>) -> Result<Acks> {
    let goal = acks.count + after;
    let mut kill = Some(kill);
    let mut from = BufReader::new(from);
    let mut line = Vec::new();
    let failed = |e: std::io::Error| Error::io("reading the acknowledgements from", Path::new("the child"), e);
    loop {
        line.clear();
        from.read_until(b'\n', &mut line).map_err(failed)?;
        // Without its end a line is cut short, or there is none.
        let Some(text) = line.strip_suffix(b"\n") else { break };
        acks.take(&String::from_utf8_lossy(text))?;
        if acks.count >= goal
            && let Some(kill) = kill.take()
        {
            kill().map_err(|e| Error::io("killing", Path::new("the child"), e))?;
        }
    }
    Ok(acks)
}

/// Opens the store at `path` after a kill and proves that every acknowledged transaction is there whole, none in part, and none that
/// nobody made; and every invariant of the task store and of the file.
///
/// # Errors
/// The engine's. A broken promise is no error but in the result.
pub fn prove(path: &Path, plan: &ChildPlan, acks: &Acks) -> Result<Proof> {
    let start = Instant::now();
    let store = existing(path, plan.reads)?;
    let open = start.elapsed();
    let proof = prove_on(&store, plan, acks, open)?;
    store.into_engine().close()?;
    Ok(proof)
}

pub(super) fn prove_on(store: &TaskStore, plan: &ChildPlan, acks: &Acks, open: Duration) -> Result<Proof> {
    let job = storm_job(store)?;
    let snapshot = store.snapshot();
    let mut proof = Proof { open, found_beyond: 0, broken: Vec::new(), next: acks.clone() };
    proof.broken.extend(verify(&snapshot)?.problems);
    proof.broken.extend(store.engine().check()?.problems().iter().cloned());
    let reader = snapshot.reader();
    let view = View::new(&reader);
    for (number, next) in (0..plan.lanes).zip(&mut proof.next.next) {
        let lane = Lane::new(job, plan.series, number, plan.lanes)?;
        let found = lane.progress(&snapshot)?;
        let told = *next;
        match found.checked_sub(told) {
            None => {
                proof.broken.push(format!("lane {number}: steps before {told} were acknowledged, those from {found} on are lost"))
            }
            Some(beyond @ 0..=1) => proof.found_beyond += beyond,
            Some(beyond) => proof.broken.push(format!("lane {number}: {beyond} steps that nobody acknowledged; 1 is possible")),
        }
        for update in lane.rounds(&view)? {
            let half = read_step(&snapshot, &job, update)?.half;
            proof.broken.extend(half.map(|half| format!("lane {number}: {half}")));
        }
        if let Some(step) = missing_in_tasks(&view, &lane, found)? {
            proof.broken.push(format!("lane {number}: step {step} is in its update, but is no event of its task"));
        }
        *next = found;
    }
    Ok(proof)
}

/// The first of `steps` that is no event of its task.
fn missing_in_tasks(view: &View<'_, '_>, lane: &Lane, steps: u64) -> Result<Option<u64>> {
    let mut events = HashSet::new();
    let mut seen = HashSet::new();
    for n in 0..steps {
        let step = lane.step(n)?;
        let task = step.event.task;
        if seen.insert(task) {
            let of_task = view.task_events(task)?;
            events.extend(of_task.into_iter().map(|event| (task, event.at, event.state)));
        }
        let at: Millis = step.event.at;
        if !events.contains(&(task, at, step.state)) {
            return Ok(Some(n));
        }
    }
    Ok(None)
}
