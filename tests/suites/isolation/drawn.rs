//! The whole engine under shuttle, which runs one thread at a time and draws who goes on at each step: more switches, and at other places, than the system makes. Only with `--cfg shuttle`.
//!
//! ```text
//! RUSTFLAGS="--cfg shuttle" cargo test -p treering-tests --test isolation --target-dir target/shuttle drawn:: -- --nocapture
//! ```
//!
//! `random` draws evenly; `pct` has few switches, at drawn depths, which finds what needs an unlikely order.

use std::sync::Arc;

use shuttle::scheduler::{PctScheduler, RandomScheduler, Scheduler};
use shuttle::{Config, MaxSteps, Runner};
use treering::Store;
use treering::disk::Disk;
use treering_tests::{Checked, Seed, SimulatedDisk, depth, drive};

use crate::random::record;
use crate::storm::{set_up, storm, verify};

/// Runs `body` on a new store, with and without the background thread by turns, each time with another seed.
#[allow(clippy::print_stdout, reason = "what was looked at belongs to the result")]
fn run(scheduler: impl Scheduler + 'static, seed: Seed, body: impl Fn(&Store, Seed) + Send + Sync + 'static) {
    let mut config = Config::default();
    // Bytes of a thread's stack: pages and transactions are larger than the default.
    config.stack_size = 1 << 20;
    config.max_steps = MaxSteps::FailAfter(20_000_000);
    let runs = std::sync::atomic::AtomicU64::new(0);
    let runner = Runner::new(scheduler, config);
    let count = runner.run(move || {
        let n = runs.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let seed = seed.part(n);
        let disk = SimulatedDisk::new();
        disk.forget();
        disk.repeat_from(seed);
        let options = drive::small_options().log_bytes(8 << 10).background(n % 2 == 1);
        let store = Checked::new("drawn", options.open_on(disk as Arc<dyn Disk>).expect("open"));
        body(&store, seed);
        store.close().close().expect("close");
    });
    println!("{count} runs");
}

fn judged(store: &Store, seed: Seed) {
    let history = record(store, seed, 12);
    if let Err(what) = history.judge() {
        panic!("seed {}: {what}", seed.number());
    }
}

fn stormy(store: &Store, seed: Seed) {
    set_up(store).expect("commit");
    storm(store, seed, 10, &|_| {});
    verify(&store.snapshot()).expect("at the end");
}

/// Judged histories in evenly drawn orders.
#[test]
fn drawn_histories_random() {
    let seed = Seed::of("drawn_histories_random");
    run(RandomScheduler::new_from_seed(seed.number(), 300 * depth() as usize), seed, judged);
}

/// Judged histories with few switches.
#[test]
fn drawn_histories_pct() {
    let seed = Seed::of("drawn_histories_pct");
    run(PctScheduler::new_from_seed(seed.number(), 3, 300 * depth() as usize), seed, judged);
}

/// The ring and the bank in evenly drawn orders.
#[test]
fn drawn_storm_random() {
    let seed = Seed::of("drawn_storm_random");
    run(RandomScheduler::new_from_seed(seed.number(), 300 * depth() as usize), seed, stormy);
}

/// The ring and the bank with few switches.
#[test]
fn drawn_storm_pct() {
    let seed = Seed::of("drawn_storm_pct");
    run(PctScheduler::new_from_seed(seed.number(), 3, 300 * depth() as usize), seed, stormy);
}
