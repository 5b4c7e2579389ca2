//! Random histories: writers, conditional writers and readers at once, on stores of every kind, with checkpoints and compactions beside them.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use fastrand::Rng;
use treering::disk::Disk;
use treering::{BlobForm, Durability, ErrorKind, Options, Reads, Snapshot, Store};
use treering_tests::drive::{self, Writer};
use treering_tests::{Change, Checked, Folder, Seed, SimulatedDisk, State, depth};

use crate::history::{Event, History, What};
use crate::plan::{self, Plan, Transcript};
use crate::thread;

/// Threads that write and read, without the one that does the housekeeping.
const CLERKS: u64 = 4;
/// Most snapshots that a thread holds.
const HELD: usize = 4;

/// One thread's part of a run.
struct Clerk<'r> {
    store: Store,
    clock: &'r AtomicU64,
    thread: usize,
    rng: Rng,
    plans: u64,
    events: Vec<Event>,
    /// Snapshots that will be read again: where in `events`.
    held: Vec<(Snapshot, usize)>,
}

/// Lets all threads loose on a new store.
pub(crate) fn record(store: &Store, seed: Seed, count: u64) -> History {
    let setup = plan::setup();
    let mut writer = Writer::begin(store).expect("the turn");
    setup.iter().for_each(|change| drop(writer.apply(change).expect("a change")));
    assert_eq!(writer.txn.commit().expect("commit"), 1);
    let (clock, done) = (AtomicU64::new(1), AtomicBool::new(false));
    let events = thread::scope(|scope| {
        let clerks: Vec<_> = (0..CLERKS)
            .map(|thread| {
                let mut clerk = Clerk::new(store, &clock, thread as usize, seed.part(thread));
                scope.spawn(move || clerk.work(count))
            })
            .collect();
        let keeper = scope.spawn(|| keep_house(store, seed.part(CLERKS).rng(), &done));
        let results: Vec<_> = clerks.into_iter().map(thread::ScopedJoinHandle::join).collect();
        done.store(true, Ordering::Relaxed);
        keeper.join().expect("no panic");
        results.into_iter().flat_map(|events| events.expect("no panic")).collect()
    });
    let end = store.snapshot();
    let state = drive::read(&end.reader()).expect("read");
    History { setup, events, end: (end.version(), state) }
}

/// What is done beside transactions, each time that some were committed.
fn keep_house(store: &Store, mut rng: Rng, done: &AtomicBool) {
    let mut next = 0;
    while !done.load(Ordering::Relaxed) {
        if store.version() < next {
            thread::yield_now();
            continue;
        }
        next = store.version() + rng.u64(1..12);
        match rng.u8(0..9) {
            0 | 1 => drop(store.checkpoint().expect("checkpoint")),
            2 => drop(store.compact().expect("compact")),
            3 => drop(store.sync().expect("sync")),
            4 => drop(store.snapshot().write_blob(&mut io::sink(), BlobForm::Plain).expect("blob")),
            _ => while store.step().expect("step") {},
        }
    }
}

impl<'r> Clerk<'r> {
    fn new(store: &Store, clock: &'r AtomicU64, thread: usize, seed: Seed) -> Clerk<'r> {
        Clerk { store: store.clone(), clock, thread, rng: seed.rng(), plans: 0, events: Vec::new(), held: Vec::new() }
    }

    fn work(&mut self, count: u64) -> Vec<Event> {
        for _ in 0..count {
            match self.rng.u8(0..9) {
                0 | 1 => self.write(),
                2..=4 => self.conditional(),
                _ => self.look(),
            }
            self.linger();
        }
        while let Some((snapshot, event)) = self.held.pop() {
            self.look_again(&snapshot, event);
        }
        std::mem::take(&mut self.events)
    }

    fn tick(&self) -> u64 {
        self.clock.fetch_add(1, Ordering::SeqCst)
    }

    /// Lets others come in between, now and then.
    fn linger(&mut self) {
        if self.rng.u8(0..3) == 0 {
            thread::yield_now();
        }
    }

    fn durability(&mut self) -> Durability {
        [Durability::Synced, Durability::Deferred, Durability::Memory][self.rng.usize(0..3)]
    }

    fn plan(&mut self, may_toggle: bool) -> Plan {
        self.plans += 1;
        Plan::draw(&mut self.rng, self.plans * CLERKS + self.thread as u64, may_toggle)
    }

    fn push(&mut self, (begun, called, ended): (u64, u64, u64), what: What) {
        let published = self.store.version();
        self.events.push(Event { thread: self.thread, begun, called, ended, published, what });
    }

    /// A transaction with the turn; one in eight is dropped, and nobody must ever see what it wrote.
    fn write(&mut self) {
        let (plan, begun) = (self.plan(true), self.tick());
        let mut writer = Writer::begin(&self.store).expect("the turn");
        let transcript = plan.decide(&writer).expect("reads");
        for change in &transcript.changes {
            self.linger();
            writer.apply(change).expect("a change");
        }
        if self.rng.u8(0..8) == 0 {
            return;
        }
        let durability = self.durability();
        writer.txn.set_durability(durability);
        let called = self.tick();
        let version = writer.txn.commit().expect("commit");
        let ended = self.tick();
        let made = (!transcript.changes.is_empty()).then_some(version);
        let read = if made.is_some() { version - 1 } else { version };
        self.push((begun, called, ended), What::Transaction { plan, transcript, read, made });
    }

    /// A conditional transaction; in one of four, another transaction comes in between for sure.
    fn conditional(&mut self) {
        let (plan, durability, begun) = (self.plan(false), self.durability(), self.tick());
        let (store, is_patient, is_disturbed) = (self.store.clone(), self.rng.u8(0..4) > 0, self.rng.u8(0..4) == 0);
        let mut last: Option<(u64, u64, Transcript)> = None;
        let work = |proposal: &mut treering::Proposal<'_>| {
            let transcript = plan.decide(proposal)?;
            if is_disturbed && last.is_none() {
                self.write();
            }
            self.linger();
            for change in &transcript.changes {
                match change {
                    Change::Insert { table, key, value } => proposal.insert(table, key, value)?,
                    Change::Remove { table, key } => proposal.remove(table, key)?,
                    other => unreachable!("{other:?} cannot be proposed"),
                }
            }
            last = Some((self.tick(), proposal.version(), transcript));
            Ok(())
        };
        let outcome = match is_patient {
            true => store.conditional(durability, work),
            false => store.conditional_within(Duration::ZERO, durability, work),
        };
        let ended = self.tick();
        let outcome = match outcome {
            Err(e) if !is_patient && e.kind() == ErrorKind::TimedOut => return,
            outcome => outcome.expect("conditional"),
        };
        let (called, read, transcript) = last.expect("the work ran");
        if let (true, Some(made)) = (outcome.repeated, outcome.version) {
            assert_eq!(read + 1, made, "the second run had the turn");
        }
        self.push((begun, called, ended), What::Transaction { plan, transcript, read, made: outcome.version });
    }

    fn look(&mut self) {
        let begun = self.tick();
        let snapshot = self.store.snapshot();
        let (ended, published) = (self.tick(), self.store.version());
        let first = drive::read(&snapshot.reader()).expect("read");
        let what = What::Snapshot { version: snapshot.version(), again: State::default(), first };
        self.events.push(Event { thread: self.thread, begun, called: begun, ended, published, what });
        self.held.push((snapshot, self.events.len() - 1));
        if self.held.len() > HELD {
            let (snapshot, event) = self.held.swap_remove(self.rng.usize(0..=HELD));
            self.look_again(&snapshot, event);
        }
    }

    fn look_again(&mut self, snapshot: &Snapshot, event: usize) {
        let found = drive::read(&snapshot.reader()).expect("read");
        if let What::Snapshot { again, .. } = &mut self.events[event].what {
            *again = found;
        }
    }
}

/// Where a store's bytes are.
#[derive(Clone, Copy)]
enum Place {
    Memory,
    Simulated,
    File,
}

fn small() -> Options {
    drive::small_options().log_bytes(8 << 10).deferred_within(Duration::ZERO)
}

/// Records so many runs and judges them.
#[track_caller]
#[allow(clippy::print_stdout, reason = "what was looked at belongs to the result")]
fn check(test: &str, runs: u64, place: Place, options: &Options) {
    let seed = Seed::of(test);
    let folder = Folder::new();
    let (mut idle, mut snapshots, mut versions) = (0, 0, 0);
    for run in 0..runs * depth() {
        let path = folder.file(&format!("{run}.ring"));
        let store = match place {
            Place::Memory => options.in_memory(),
            Place::Simulated => {
                let disk = SimulatedDisk::new();
                disk.forget();
                options.open_on(disk as Arc<dyn Disk>)
            }
            Place::File => options.open(&path),
        };
        let store = Checked::new(test, store.expect("open"));
        let history = record(&store, seed.part(run), 120);
        if let Err(what) = history.judge() {
            panic!("{test}, run {run} of TREERING_SEED={}: {what}", seed.number());
        }
        let counts = history.counts();
        (idle, snapshots, versions) = (idle + counts.0, snapshots + counts.1, versions + history.end.0);
        store.close().close().expect("close");
        if matches!(place, Place::File) {
            let store = Checked::new(test, options.open(&path).expect("open"));
            drive::compare(&store.snapshot(), &history.end.1).expect("what was closed is there");
        }
    }
    println!("{test}: {versions} versions, {idle} transactions without changes, {snapshots} snapshots");
}

/// In memory, with steps.
#[test]
fn histories_in_memory() {
    check("histories_in_memory", 12, Place::Memory, &small());
}

/// In memory, with the background thread.
#[test]
fn histories_in_memory_with_thread() {
    check("histories_in_memory_with_thread", 12, Place::Memory, &small().background(true));
}

/// In a file, with steps.
#[test]
fn histories_in_a_file() {
    check("histories_in_a_file", 5, Place::File, &small());
}

/// In a file, with the background thread.
#[test]
fn histories_in_a_file_with_thread() {
    check("histories_in_a_file_with_thread", 5, Place::File, &small().background(true));
}

/// Pages are copied and unpacked, and hardly any is kept.
#[test]
fn histories_copied_and_compressed() {
    let options = small().reads(Reads::Copied).cache_bytes(16 << 10).lz4(true).background(true);
    check("histories_copied_and_compressed", 5, Place::Simulated, &options);
}

/// Most commits outgrow a record and go by seal.
#[test]
fn histories_of_commits_by_seal() {
    check("histories_of_commits_by_seal", 5, Place::Simulated, &small().record_bytes(300));
}

/// Each synced commit writes a header too.
#[test]
fn histories_of_strict_stores() {
    check("histories_of_strict_stores", 5, Place::Simulated, &small().strict(true).background(true));
}
