//! Models: the engine's own state machines under loom, which runs them in every order of their steps that the bounds allow, with every stale
//! value that the memory model allows.
//!
//! ```text
//! RUSTFLAGS="--cfg loom" LOOM_MAX_PREEMPTIONS=3 cargo test -p treering --lib --release models -- --nocapture
//! ```
//!
//! Each model says what it checks and how large it is. Each has twins: the same model with one thing broken ([`Fault`], [`Bug`]), which must fail; a model
//! that passes with the ordering, wake-up or check left out that it guards would prove nothing. A model prints how many interleavings it ran.
//! `LOOM_MAX_PREEMPTIONS` bounds how often a thread is interrupted where it could go on (2 by default): most mistakes need one or two.
//!
//! The small models drive one type; those of whole stores ([`store`], [`savepoints`], [`closing`]) commit, roll back, checkpoint and close on a simulated medium.

mod cache;
mod closing;
mod directory;
mod disk;
mod map;
mod savepoints;
mod snapshots;
mod store;
mod turn;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use crate::format::{Position, TableId};
use crate::page::{Item, PageBuf};
use crate::planted::{Bug, plant};
use crate::sync::checker::fault::{self, Fault};
use crate::sync::checker::{atomic, epoch, lock, memory};

/// Words of eight bytes that a thread of a model has as its stack: 256 KiB.
const STACK_WORDS: usize = 32 << 10;

/// The longest interleaving, in steps.
const MAX_STEPS: usize = 50_000;

/// A model to run: what it does once, and what is special about it.
struct Model {
    name: &'static str,
    /// Waits with a time limit run out.
    time_runs_out: bool,
    fault: Option<Fault>,
    /// What is wrong in the engine itself.
    bug: Option<Bug>,
    /// Sequential consistency is made by fences before reads instead of after writes.
    fences_before_reads: bool,
}

/// The model of this name with everything whole.
fn model(name: &'static str) -> Model {
    Model { name, time_runs_out: false, fault: None, bug: None, fences_before_reads: false }
}

impl Model {
    fn with_time(self) -> Model {
        Model { time_runs_out: true, ..self }
    }

    fn with_fences_before_reads(self) -> Model {
        Model { fences_before_reads: true, ..self }
    }

    fn broken(self, fault: Fault) -> Model {
        Model { fault: Some(fault), ..self }
    }

    fn planted(self, bug: Bug) -> Model {
        Model { bug: Some(bug), ..self }
    }

    /// Runs `body` in every interleaving within the bounds.
    fn check(self, body: impl Fn() + Send + Sync + 'static) {
        let bound = std::env::var("LOOM_MAX_PREEMPTIONS").ok().and_then(|bound| bound.parse().ok()).unwrap_or(2_usize);
        let mut builder = loom::model::Builder::new();
        builder.preemption_bound = Some(bound);
        builder.max_branches = MAX_STEPS;
        fault::set(self.fault);
        plant(self.bug);
        lock::time_runs_out(self.time_runs_out);
        atomic::fence_before_reads(self.fences_before_reads);
        let (count, start) = (Arc::new(AtomicU64::new(0)), Instant::now());
        let (counted, body) = (Arc::clone(&count), Arc::new(body));
        builder.check(move || {
            counted.fetch_add(1, Ordering::Relaxed);
            memory::reset();
            epoch::reset();
            let body = Arc::clone(&body);
            // The first thread's stack is too small for a store.
            join(spawn(move || body()));
            epoch::finish();
        });
        let (count, took) = (count.load(Ordering::Relaxed), start.elapsed());
        eprintln!("loom {}: {count} interleavings, at most {bound} preemptions, {:.1} s", self.name, took.as_secs_f64());
    }
}

fn spawn<T: Send + 'static>(body: impl FnOnce() -> T + Send + 'static) -> loom::thread::JoinHandle<T> {
    let thread = loom::thread::Builder::new().stack_size(STACK_WORDS).spawn(body);
    thread.expect("a thread of a model needs nothing from the system")
}

fn join<T>(thread: loom::thread::JoinHandle<T>) -> T {
    thread.join().expect("a thread that panics ends the model")
}

/// A leaf at `at` with one entry, `key` = `value`.
fn leaf(at: Position, value: &[u8]) -> PageBuf {
    let mut page = PageBuf::leaf(4096, TableId(1));
    let fits = page.insert(0, b"key", Item::Inline(value)).expect("a short entry");
    assert!(fits);
    page.set_position(at);
    page
}
