//! The script and its readers, the storm in memory, and the proof after a kill: also that they find what they are there to find.

use super::*;
use crate::model::{Millis, TaskState, UpdateId, UpdateStatus};
use script::{read_step, write_step};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// Looks on and says nothing.
#[derive(Default)]
struct Silent {
    stop: AtomicBool,
    done: AtomicU64,
}

impl Watch for Silent {
    fn begin(&self, _: Phase, _: u64) {}

    fn done(&self, done: u64) {
        self.done.store(done, Ordering::Relaxed);
    }

    fn stop(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }
}

fn loaded() -> (TaskStore, StormJob) {
    let mut cluster = Cluster::default();
    let job = cluster.add_storm_job(&StormSizes::tiny(), 1).unwrap();
    let store = TaskStore::on(Store::in_memory().unwrap()).unwrap();
    store.load(&cluster, &mut |_| Ok(())).unwrap();
    store.set_mark(STORM_JOB, &job).unwrap();
    assert_eq!(storm_job(&store).unwrap(), job);
    (store, job)
}

/// Plays the steps before `end`.
fn play(store: &TaskStore, lane: &Lane, end: u64) {
    for n in 0..end {
        write_step(store, lane, n).unwrap();
    }
}

fn finish(store: &TaskStore) {
    assert_eq!(verify(&store.snapshot()).unwrap().problems, [""; 0]);
    assert_eq!(store.engine().check().unwrap().problems(), [""; 0]);
}

/// The interval of a ratio holds the true one, becomes narrower with more measurements, and tells two different latencies apart.
#[test]
fn an_interval_holds_the_ratio() {
    use figures::Interval;
    let drawn = |seed: u64, count: usize, factor: f64| {
        let mut random = fastrand::Rng::with_seed(seed);
        let mut histogram = storm::empty_histogram();
        (0..count).for_each(|_| histogram.saturating_record((-random.f64().max(1e-9).ln() * 1e5 * factor) as u64 + 1));
        histogram
    };
    let of = |count, factor| Interval::of_ratio(&drawn(1, count, factor), &drawn(2, count, 1.0), 0.99);
    let (few, many, slower) = (of(500, 1.0), of(50_000, 1.0), of(50_000, 1.5));
    assert!(few.low < 1.0 && 1.0 < few.high && many.low < 1.0 && 1.0 < many.high, "{few:?} {many:?}");
    assert!(many.high - many.low < (few.high - few.low) / 3.0, "{few:?} {many:?}");
    assert!(slower.low > 1.1 && slower.low < 1.5 && 1.5 < slower.high, "{slower:?}");
    assert!(Interval::of_ratio(&drawn(1, 0, 1.0), &drawn(2, 10, 1.0), 0.99).low.is_nan());
}

/// After each step of each lane every reader sees whole changes, and the store says how far each lane is.
#[test]
fn a_step_is_seen_whole() {
    let (store, job) = loaded();
    let lanes: Vec<Lane> = (0..3).map(|lane| Lane::new(job, 4, lane, 3).unwrap()).collect();
    for n in 0..20 {
        for lane in &lanes {
            assert_eq!(lane.progress(&store.snapshot()).unwrap(), n);
            write_step(&store, lane, n).unwrap();
            let update = lane.step(n).unwrap().update;
            assert_eq!(Lane::of_update(job, update), Some(*lane));
            let seen = read_step(&store.snapshot(), &job, update).unwrap();
            assert_eq!((seen.events, seen.half), (n % 8 + 1, None));
        }
    }
    for number in 0..2 {
        let seen = read_step(&store.snapshot(), &job, UpdateId(job.first_update.0 + number)).unwrap();
        assert_eq!((seen.events, seen.half), (24, None));
    }
    assert_eq!(read_step(&store.snapshot(), &job, UpdateId(77)).unwrap(), script::Seen::default());
    finish(&store);
    for (series, lane, lanes) in [(0, 3, 3), (0, 0, 0), (0, 12, 13), (0, 0, 256), (1 << 20, 0, 1)] {
        assert!(Lane::new(job, series, lane, lanes).is_err(), "{series} {lane} {lanes}");
    }
}

/// A reader that sees one part of a change without the rest says so, whichever part it is.
#[test]
fn half_a_step_is_found() {
    let check = |halve: &dyn Fn(&mut crate::tasks::Change, &script::Step), expected: &str| {
        let (store, job) = loaded();
        let lane = Lane::new(job, 0, 0, 1).unwrap();
        play(&store, &lane, 7);
        let step = lane.step(7).unwrap();
        let mut change = store.begin().unwrap();
        halve(&mut change, &step);
        change.commit().unwrap();
        let half = read_step(&store.snapshot(), &job, step.update).unwrap().half.expect(expected);
        assert!(half.contains(expected), "{half}\nlacks {expected}");
    };
    let forward = UpdateStatus::RollingForward;
    check(&|c, s| assert!(c.set_state(s.event.task, s.state, s.event.at).is_ok()), "is in its task, but not in update");
    check(&|c, s| assert!(c.add_instance_event(s.update, &s.event, forward).is_ok()), "is there, but not its task");
    check(
        &|c, s| {
            c.set_state(s.event.task, TaskState::Lost, s.event.at).unwrap();
            c.add_instance_event(s.update, &s.event, forward).unwrap();
        },
        "is there, but not its task",
    );
    check(
        &|c, s| {
            c.set_state(s.event.task, s.state, s.event.at).unwrap();
            c.add_instance_event(s.update, &s.event, UpdateStatus::RolledForward).unwrap();
        },
        "is RolledForward after event 7",
    );
    check(
        &|c, s| {
            let event = crate::model::InstanceEvent { instance: 99, ..s.event };
            c.add_instance_event(s.update, &event, forward).unwrap();
        },
        "instance: 99",
    );
    let (store, job) = loaded();
    let other = job.first_update;
    let event = job.event(0, 1, 24, Millis(1));
    let mut change = store.begin().unwrap();
    change.add_instance_event(other, &event, forward).unwrap();
    change.commit().unwrap();
    assert!(read_step(&store.snapshot(), &job, other).unwrap().half.unwrap().contains("event 24 of update 1"));
}

/// The storm plays its steps one after the other, readers beside it see whole changes only, and it stops when asked.
#[test]
fn a_storm_in_memory_breaks_nothing() {
    let (store, job) = loaded();
    let lane = Lane::new(job, 0, 0, 1).unwrap();
    let watch = Silent::default();
    let mut next = 0;
    for beside in [Beside::Nobody, Beside::Readers(&store, 3)] {
        let slice = storm::storm(&store, &lane, next, &beside, &watch, &|steps, _| steps < 200).unwrap();
        next += slice.steps;
        assert_eq!((slice.steps, &slice.broken), (200, &vec![]));
        let figures = slice.figures();
        assert_eq!(figures.writer.count, 200);
        assert!(figures.writer.p50_us > 0.0 && figures.writer.max_us >= figures.writer.p99_us);
    }
    assert_eq!(lane.progress(&store.snapshot()).unwrap(), 400);
    watch.stop.store(true, Ordering::Relaxed);
    let stopped = storm::storm(&store, &lane, next, &Beside::Readers(&store, 2), &watch, &|_, _| true);
    assert_eq!(stopped.map(|slice| slice.steps).unwrap_err().kind(), ErrorKind::Stopped);
    finish(&store);
}

/// Acknowledgements are read to the end of the pipe; the kill comes once, after the number asked for; a line cut short was not told.
#[test]
fn acknowledgements_are_collected() {
    let plan = ChildPlan { series: 1, lanes: 2, reads: Reads::Mapped };
    let mut kills = 0;
    let kill = || {
        kills += 1;
        Ok(())
    };
    let acks = kill::collect(Acks::new(&plan), &b"0 0\n1 0\n0 1\n0 2\n1 1"[..], 2, kill).unwrap();
    assert_eq!((acks.count(), kills), (4, 1));
    let acks = kill::collect(acks, &b"1 1\n0 3\n"[..], 5, || unreachable!("too few")).unwrap();
    assert_eq!(acks.count(), 6);
    for wrong in ["0 5\n", "2 0\n", "hello\n", "0 x\n", "\n", "0 3\n"] {
        let error = kill::collect(acks.clone(), wrong.as_bytes(), 9, || Ok(())).unwrap_err();
        assert!(error.kind() == ErrorKind::Input && error.to_string().contains("a child wrote"), "{error}");
    }
}

/// What was acknowledged and is lost, and what nobody can have written, are both found; one step beyond is nothing to complain of.
#[test]
fn a_lost_acknowledgement_is_found() {
    let plan = ChildPlan { series: 1, lanes: 2, reads: Reads::Mapped };
    let check = |written: [u64; 2], told: [u64; 2], beyond: u64, expected: &[&str]| {
        let (store, job) = loaded();
        let mut acks = Acks::new(&plan);
        for number in 0..2 {
            let lane = Lane::new(job, plan.series, number, plan.lanes).unwrap();
            play(&store, &lane, written[number as usize]);
            let lines: String = (0..told[number as usize]).map(|n| format!("{number} {n}\n")).collect();
            acks = kill::collect(acks, lines.as_bytes(), u64::MAX / 2, || Ok(())).unwrap();
        }
        let proof = kill::prove_on(&store, &plan, &acks, Duration::ZERO).unwrap();
        assert_eq!(proof.broken.len(), expected.len(), "{:?}", proof.broken);
        assert!(proof.broken.iter().zip(expected).all(|(found, expected)| found.contains(expected)), "{:?}", proof.broken);
        assert_eq!(proof.found_beyond, beyond);
        finish(&store);
    };
    check([15, 3], [15, 3], 0, &[]);
    check([16, 4], [15, 3], 2, &[]);
    check([0, 0], [0, 0], 0, &[]);
    check([15, 3], [16, 3], 0, &["lane 0: steps before 16 were acknowledged, those from 15 on are lost"]);
    check([15, 3], [15, 1], 0, &["lane 1: 2 steps that nobody acknowledged"]);
}
