//! Each operation of a running store fails in turn: the n-th read, write, sync, growth, cut or punch, once or from then on (L9).
//!
//! For each of the [`lives`], each group of operations, each kind of failure, and n = 0, 1, 2 .. until nothing is left to fail: a failed
//! step is a clean error; the store goes on, or is poisoned; snapshots that are held go on showing their version; behind a kill, and behind
//! crashes, opens a version that the model allows. A part of each open is to fail too.
//!
//! Without more one n of so many is tried. `TREERING_FAULTS=50000` asks for all, and for so many at least.

mod lives;

use std::collections::{BTreeMap, BTreeSet};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use treering::ErrorKind;
use treering_tests::disk::stage::Stage;
use treering_tests::disk::{Done, Fault, Kind, Operation};
use treering_tests::life::said;
use treering_tests::window::{Choice, Window};
use treering_tests::{Chronicle, Durability, Model, Seed, SimulatedDisk, Sound, Step, drive};

use lives::Life;

/// Operations that fail together. The last two never poison by themselves.
const GROUPS: [(&str, &[Kind]); 5] = [
    ("writes", &[Kind::Write, Kind::WriteThrough]),
    ("syncs", &[Kind::Sync]),
    ("reads", &[Kind::Read]),
    ("space", &[Kind::Grow, Kind::Cut, Kind::Reserve, Kind::Punch, Kind::Scratch]),
    ("slices", &[Kind::Slice]),
];

/// Without a number asked for, one fault of so many is tried.
const STRIDE: u64 = 11;

/// Every life in each of so many variants.
fn lives_of(variants: usize) -> Vec<(usize, Life)> {
    (0..variants).flat_map(|variant| lives::all(variant).into_iter().map(move |life| (variant, life))).collect()
}

/// One way to fail.
#[derive(Clone, Copy, Debug)]
struct Way {
    group: &'static str,
    kinds: &'static [Kind],
    sticky: bool,
    error: ErrorKind,
    done: Done,
}

fn ways() -> Vec<Way> {
    let mut ways = Vec::new();
    for (group, kinds) in GROUPS {
        // EIO, ENOSPC; a write that moves nothing, half, or all of it before it fails.
        let failures: &[(ErrorKind, Done)] = match group {
            "writes" => &[
                (ErrorKind::Io, Done::Half),
                (ErrorKind::Io, Done::Nothing),
                (ErrorKind::Io, Done::All),
                (ErrorKind::Full, Done::Half),
                (ErrorKind::Full, Done::Nothing),
            ],
            "syncs" => &[(ErrorKind::Io, Done::Half), (ErrorKind::Full, Done::Half)],
            "space" => &[(ErrorKind::Full, Done::Half), (ErrorKind::Io, Done::Half)],
            _ => &[(ErrorKind::Io, Done::Half)],
        };
        for (error, done) in failures {
            ways.extend([false, true].map(|sticky| Way { group, kinds, sticky, error: *error, done: *done }));
        }
    }
    ways
}

/// Lives with a fault; false if it never struck.
fn suffer(life: &Life, fault: Fault, group: &str, stage: &mut Option<Stage>) -> Result<bool, String> {
    let mut chronicle = match &life.before {
        None if life.name == "create" => Chronicle::on(&life.options, SimulatedDisk::new(), Model::new()),
        None => Chronicle::begin(&life.options)?,
        Some((bytes, model)) => Chronicle::on(&life.options, SimulatedDisk::holding(bytes), model.clone()),
    };
    let is_open = life.before.is_none() && life.name != "create";
    chronicle.disk().fail(Some(fault));
    if !is_open && let Err(e) = chronicle.open() {
        return refused(life, &chronicle, &e, stage).map(|()| true);
    }
    if !is_open {
        chronicle.recovered()?;
    }
    chronicle.live(&life.steps)?;
    let is_poisoned = chronicle.is_poisoned();
    let struck = chronicle.has_struck();
    let clean = [fault.error, ErrorKind::Full, ErrorKind::Io, ErrorKind::Unknown, ErrorKind::Poisoned];
    if let Some(e) = chronicle.errors.iter().find(|e| !clean.contains(&e.kind())) {
        return Err(format!("a failure became {e:?}"));
    }
    if !struck {
        return Ok(false);
    }
    let fault_was_harmless = group == "reads" || group == "slices" || group == "space";
    if is_poisoned && fault_was_harmless {
        return Err(format!("failed {group} poisoned the store: {:?}", chronicle.errors));
    }
    if fault.at.is_multiple_of(4) {
        crash(life, &chronicle, fault.at, stage)?;
    }
    if !is_poisoned {
        chronicle.disk().fail(None);
        let more = Step::Commit {
            durability: Durability::Synced,
            changes: vec![treering_tests::Change::CreateTable { table: "more".into() }],
        };
        chronicle.live(&[more, Step::Compact])?;
    }
    chronicle.compare()?;
    killed(life, &chronicle, stage).map(|()| true)
}

/// An open that failed changed nothing that counts: the next one finds everything.
fn refused(life: &Life, chronicle: &Chronicle, e: &treering::Error, stage: &mut Option<Stage>) -> Result<(), String> {
    if ![ErrorKind::Io, ErrorKind::Full, ErrorKind::Unknown, ErrorKind::Poisoned].contains(&e.kind()) {
        return Err(format!("a failure in open became {e:?}"));
    }
    killed(life, chronicle, stage)
}

/// The process is killed; the next one opens a version that the model allows, and finds it sound.
fn killed(life: &Life, chronicle: &Chronicle, stage: &mut Option<Stage>) -> Result<(), String> {
    let stage = stage.get_or_insert_default();
    let bytes = chronicle.disk().bytes();
    stage.load(&bytes);
    let disk = stage.reset().finish(bytes.len(), Seed::from_number(1));
    let store = life.options.open_on(disk).map_err(|e| format!("the open behind a kill: {e:?}"))?;
    let mut model = chronicle.model_at(usize::MAX).clone();
    drive::compare(&store.snapshot(), model.recovered(store.version())?).map_err(|what| format!("behind a kill: {what}"))?;
    let problems = store.problems();
    if problems.is_empty() { Ok(()) } else { Err(format!("behind a kill:\n{}", problems.join("\n"))) }
}

/// The power fails a little behind a failed sync, before something else makes up for it, and at the end: nothing, or some, of what no sync
/// covered arrived.
fn crash(life: &Life, chronicle: &Chronicle, salt: u64, stage: &mut Option<Stage>) -> Result<(), String> {
    let log = chronicle.disk().log();
    let before = life.before.as_ref().map_or(&[][..], |(bytes, _)| bytes);
    let mut window = Window::new(stage.take().unwrap_or_default(), before, &log);
    let failed = log.iter().position(|operation| *operation == Operation::FailedSync).unwrap_or(log.len());
    let mut rng = Seed::from_number(salt).rng();
    while window.advance() {
        let end = window.end();
        if end != log.len() && ![1, 2, 3, 5].contains(&end.saturating_sub(failed)) {
            continue;
        }
        let pieces = window.pieces();
        for n in 0..2 {
            let arrived = pieces.iter().map(|_| n == 1 && rng.bool()).collect();
            let crash = window.crash(&pieces, &Choice::of(arrived));
            let store = life.options.open_on(window.disk(&crash)).map_err(|e| format!("open behind a crash at {end}: {e:?}"))?;
            let mut model = chronicle.model_at(end).clone();
            let expected = model.recovered(store.version()).map_err(|what| format!("behind a crash at {end}: {what}"))?;
            drive::compare(&store.snapshot(), expected).map_err(|what| format!("behind a crash at {end}: {what}"))?;
        }
    }
    *stage = Some(window.into_stage());
    Ok(())
}

/// L3: what an open finds and no sync is known to have covered is made durable before a header speaks of it. Two seals may have one version, and the header names the version: the second seal,
/// whose sync had failed, was taken for the first. The open began a run behind it that the next crash cut off, and the store did not open again.
#[test]
fn l3_second_seal_of_a_version_is_made_durable() {
    let mut stage = None;
    for life in (0..lives::VARIANTS).flat_map(lives::all).filter(|life| life.name == "close and open") {
        for Way { group, kinds, sticky, error, done } in ways().into_iter().filter(|way| way.group == "syncs") {
            let mut struck = (0..).map(|at| suffer(&life, Fault { kinds, at, sticky, error, done }, group, &mut stage));
            assert_eq!(struck.find(|struck| *struck != Ok(true)), Some(Ok(false)), "{:?}", life.options);
        }
    }
}

/// L9: a load whose scratch file cannot be made is a clean error, and the store goes on. Scratch files fail with their disk: else nothing would be tried here.
#[test]
fn l9_scratch_files_fail() {
    let life = lives::all(0).into_iter().find(|life| life.name == "an unsorted load that spills").expect("a life of that name");
    let fault = |at| Fault { kinds: &[Kind::Scratch], at, sticky: false, error: ErrorKind::Full, done: Done::Nothing };
    assert_eq!(suffer(&life, fault(0), "space", &mut None), Ok(true));
    assert_eq!(suffer(&life, fault(1), "space", &mut None), Ok(false), "one scratch file is made");
}

/// L9, L8: whatever fails, and whenever: a clean error and a usable store, or a poisoned one that reads on; nothing that was acknowledged is
/// lost, and no read gives a wrong value.
#[test]
#[allow(clippy::print_stdout, reason = "figures that are not printed cannot be quoted")]
fn l9_every_operation_fails() {
    let asked = std::env::var("TREERING_FAULTS").ok().map(|text| text.parse::<usize>().expect("TREERING_FAULTS is a number"));
    let stride = if asked.is_some() { 1 } else { STRIDE };
    let variants = if asked.is_some() { lives::VARIANTS } else { 3 };
    let (lives, ways, begun): (Vec<(usize, Life)>, _, _) = (lives_of(variants), ways(), Instant::now());
    let mut jobs: Vec<(usize, usize)> = (0..lives.len()).flat_map(|life| (0..ways.len()).map(move |way| (life, way))).collect();
    // Whatever number is enough, it comes from lives and variants of every kind.
    Seed::of("l9_every_operation_fails").rng().shuffle(&mut jobs);
    let (next, failure, counts) = (AtomicUsize::new(0), Mutex::new(None), Mutex::new(BTreeMap::<&str, usize>::new()));
    let (injected, begun_lives) = (AtomicUsize::new(0), Mutex::new(BTreeSet::new()));
    let work = || {
        let mut stage = None;
        // Until there are as many as were asked for.
        let is_enough = || asked.is_some_and(|asked| injected.load(Ordering::Relaxed) >= asked);
        while !is_enough()
            && let Some((life, way)) = jobs.get(next.fetch_add(1, Ordering::Relaxed))
        {
            begun_lives.lock().unwrap_or_else(PoisonError::into_inner).insert(*life);
            let ((_, life), way) = (&lives[*life], ways[*way]);
            let mut struck = 0;
            for at in ((next.load(Ordering::Relaxed) as u64 % stride)..).step_by(stride as usize) {
                let Way { group, kinds, sticky, error, done } = way;
                let fault = Fault { kinds, at, sticky, error, done };
                let lived = catch_unwind(AssertUnwindSafe(|| suffer(life, fault, group, &mut stage)));
                match lived.unwrap_or_else(|panic| Err(said(&*panic))) {
                    Ok(true) => struck += 1,
                    Ok(false) => break,
                    Err(what) => {
                        let told = format!("{}, {:?}, {fault:?}: {what}", life.name, life.options);
                        failure.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(told);
                        next.store(jobs.len(), Ordering::Relaxed);
                        return;
                    }
                }
            }
            injected.fetch_add(struck, Ordering::Relaxed);
            *counts.lock().unwrap_or_else(PoisonError::into_inner).entry(way.group).or_default() += struck;
        }
    };
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| (0..threads).for_each(|_| drop(scope.spawn(work))));
    let counts = counts.into_inner().unwrap_or_else(PoisonError::into_inner);
    let all: usize = counts.values().sum();
    let begun_lives = begun_lives.into_inner().unwrap_or_else(PoisonError::into_inner);
    println!("faults injected {all:>8}  in {} lives, {:.1} s: {counts:?}", begun_lives.len(), begun.elapsed().as_secs_f64());
    if let Some(what) = failure.into_inner().unwrap_or_else(PoisonError::into_inner) {
        panic!("{what}");
    }
    assert!(GROUPS.iter().all(|(group, _)| counts.get(group).is_some_and(|count| *count > 0)), "{counts:?}");
    assert!(all >= asked.unwrap_or(1_000), "{all} faults were injected");
    for (variant, life) in &lives {
        let is_begun = |is_it: &dyn Fn(&(usize, Life)) -> bool| begun_lives.iter().any(|begun| is_it(&lives[*begun]));
        assert!(is_begun(&|(_, begun)| begun.name == life.name), "{} was not lived with faults in any variant", life.name);
        assert!(is_begun(&|(begun, _)| begun == variant), "variant {variant} was not lived with faults");
    }
}
