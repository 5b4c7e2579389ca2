//! Hundreds of thousands of crash states: what a medium may hold when the power fails, for many short lives of every kind (L3, FORMAT 2).
//!
//! [`lives`] draws the lives, [`explore`] builds the states that a crash at any moment of them may leave, [`judge`] opens each and looks at
//! everything, [`again`] crashes what recovers, [`short`] enumerates the shortest lives, [`count`] keeps the figures.
//!
//! Without more this is a run of some seconds. `TREERING_CRASH_STATES=500000` is what CI asks for, with `TREERING_CRASH_SECONDS` as the time that
//! it may take; `TREERING_DEPTH` multiplies both. `TREERING_CRASH_LIFE=n` repeats the one life that a failure names.

mod again;
mod count;
mod explore;
mod judge;
mod lives;
mod lying;
mod short;

use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use treering_tests::{Seed, depth};

use count::{Figures, Tally};
use explore::Stages;

/// A number from the environment.
fn number(name: &str) -> Option<u64> {
    let text = std::env::var(name).ok()?;
    Some(text.trim().parse().unwrap_or_else(|_| panic!("{name}={text} is no number")))
}

/// Explores the n-th life of a seed.
fn life(seed: Seed, n: u64, most: usize, stages: &mut Stages, tally: &Tally) -> Result<(), String> {
    let plan = lives::plan(seed, n);
    let explored = plan
        .live()
        .and_then(|lived| explore::explore(&plan, &lived, seed.part(n), explore::share(plan.kind, most), stages, tally));
    let told = |what| {
        let list: Vec<String> = plan.steps.iter().map(|step| format!("  {step:?}")).collect();
        let again = format!("TREERING_SEED={} TREERING_CRASH_LIFE={n}", seed.number());
        format!("{again}, a life of kind {:?}: {what}\n{}", plan.kind, list.join("\n"))
    };
    tally.add(plan.kind, explored.map_err(told)?);
    Ok(())
}

/// Explores lives on every core until `target` distinct states were judged or the time is up.
#[track_caller]
fn run(seed: Seed, target: usize, limit: Duration) -> Figures {
    // No life gives more than 1 %. To look deeper is to look at more lives: longer looks at each would give kinds with many states more of a share.
    let most = (target / depth() as usize / 100).max(1);
    let tally = Tally::new(target, limit);
    let lives = number("TREERING_CRASH_LIFE").map_or(0..u64::MAX, |only| only..only + 1);
    on_every_core(&tally, lives, |n, stages| life(seed, n, most, stages, &tally))
}

/// Explores one life after the other until the run is at its end; prints the figures. Panics with the first failure.
#[track_caller]
#[allow(clippy::print_stdout, reason = "figures that are not printed cannot be quoted")]
fn on_every_core(tally: &Tally, lives: Range<u64>, explore: impl Fn(u64, &mut Stages) -> Result<(), String> + Sync) -> Figures {
    let next = AtomicU64::new(lives.start);
    let failure = Mutex::new(None);
    let work = || {
        let mut stages = Stages::default();
        while !tally.is_over() {
            let n = next.fetch_add(1, Ordering::Relaxed);
            if n >= lives.end {
                break;
            }
            if let Err(what) = explore(n, &mut stages) {
                failure.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(what);
                tally.end();
            }
        }
    };
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| (0..threads).for_each(|_| drop(scope.spawn(work))));
    let figures = tally.figures();
    println!("{figures}");
    if let Some(what) = failure.into_inner().unwrap_or_else(PoisonError::into_inner) {
        panic!("{what}");
    }
    figures
}

/// L3: after any crash the version that opens lies between the last synced and the last written, whole, sound, and life goes on from it; also
/// when recovery itself is cut off. Asked for by number, the run fails unless it reached that many distinct states in its time, from many
/// workloads, none with more than 1 %, of every kind at least 1 %, a fifth with reordered writes.
#[test]
fn l3_crash_states() {
    let seed = Seed::of("l3_crash_states");
    let asked = number("TREERING_CRASH_STATES");
    let target = asked.unwrap_or(20_000) * depth();
    let seconds = number("TREERING_CRASH_SECONDS").unwrap_or(if asked.is_some() { 360 } else { 25 }) * depth();
    let figures = run(seed, target as usize, Duration::from_secs(seconds));
    if number("TREERING_CRASH_LIFE").is_some() {
        return;
    }
    let all = &figures.all;
    assert!(
        all.deep > 0
            && all.deeper > 0
            && all.moved > 0
            && all.given_back > 0
            && all.torn > 0
            && all.filled > 0
            && all.enumerated > 0
            && all.sampled > 0,
        "{figures}"
    );
    if asked.is_some() {
        assert!(all.reordered * 5 >= all.distinct, "a fifth of the states have reordered unsynced writes");
        assert!(all.distinct >= target as usize, "{target} distinct states within {seconds} s");
        assert!(figures.lives >= 1000.min(target as usize / 500), "from 1,000 workloads");
        assert!(figures.largest * 100 <= all.distinct, "at most 1 % from one");
        assert!(all.given_back * 100 >= all.distinct, "at least 1 % of lives in which pages were kept for a snapshot alone");
        for kind in lives::KINDS {
            let of_kind = figures.kinds.get(&kind).is_some_and(|(_, of)| of.distinct * 100 >= all.distinct && of.reordered > 0);
            assert!(of_kind, "at least 1 % of kind {kind:?}, some with reordered unsynced writes");
        }
    } else {
        // However slow the machine is.
        assert!(all.distinct >= 1_000 && figures.lives >= 10 && all.reordered * 10 >= all.distinct, "{figures}");
    }
}
