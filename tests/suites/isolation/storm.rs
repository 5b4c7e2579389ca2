//! A ring and a bank under many threads: whoever looks sees one ring through all nodes, and the sum that was there at first; also in what a crash leaves.
//!
//! ```text
//!  a ─► b ─► c ─► d    becomes    a ─► c ─► b ─► d        each node in the table of its number's parity
//! ```
//!
//! A transaction that reads anything stale, or a snapshot that mixes two versions, breaks the ring into several or loses a part of it.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use fastrand::Rng;
use treering::disk::Disk;
use treering::{Durability, Options, Proposal, Result, Snapshot, Store, WriteTxn};
use treering_tests::{Checked, Folder, Seed, SimulatedDisk, crash, depth, drive};

use crate::thread;

const NODES: u64 = 24;
const ACCOUNTS: u64 = 12;
const SUM: u64 = ACCOUNTS * 100;
const THREADS: u64 = 4;
const RING: [&str; 2] = ["even nodes", "odd nodes"];
const BANK: [&str; 3] = ["branch 0", "branch 1", "branch 2"];

/// Numbers in tables: what both kinds of transactions can read and write.
trait Numbers {
    fn read(&self, table: &str, key: u64) -> Result<u64>;
    fn write(&mut self, table: &str, key: u64, number: u64) -> Result<()>;
}

fn number(bytes: Option<&[u8]>) -> u64 {
    let bytes = bytes.expect("nothing is ever removed");
    u64::from_be_bytes(bytes.try_into().expect("eight bytes"))
}

impl Numbers for Proposal<'_> {
    fn read(&self, table: &str, key: u64) -> Result<u64> {
        self.get(table, &key.to_be_bytes()).map(number)
    }

    fn write(&mut self, table: &str, key: u64, number: u64) -> Result<()> {
        self.insert(table, &key.to_be_bytes(), &number.to_be_bytes())
    }
}

impl Numbers for WriteTxn {
    fn read(&self, table: &str, key: u64) -> Result<u64> {
        self.open_table(table)?.get(&key.to_be_bytes()).map(number)
    }

    fn write(&mut self, table: &str, key: u64, number: u64) -> Result<()> {
        self.open_table(table)?.insert(&key.to_be_bytes(), &number.to_be_bytes())
    }
}

fn node(n: u64) -> (&'static str, u64) {
    (RING[(n % 2) as usize], n)
}

fn account(n: u64) -> (&'static str, u64) {
    (BANK[(n % 3) as usize], n)
}

pub(crate) fn set_up(store: &Store) -> Result<u64> {
    let mut txn = store.begin_write()?;
    for table in RING.iter().chain(&BANK) {
        txn.create_table(table)?;
    }
    for n in 0..NODES {
        txn.write(node(n).0, n, (n + 1) % NODES)?;
    }
    for n in 0..ACCOUNTS {
        txn.write(account(n).0, n, SUM / ACCOUNTS)?;
    }
    txn.commit()
}

/// Takes a node out of the ring and puts it in again behind its neighbour.
fn permute(numbers: &mut impl Numbers, start: u64) -> Result<()> {
    let next = |n: u64| numbers.read(node(n).0, n);
    let a = start;
    let b = next(a)?;
    thread::yield_now();
    let c = next(b)?;
    let d = next(c)?;
    for (from, to) in [(a, c), (c, b), (b, d)] {
        numbers.write(node(from).0, from, to)?;
    }
    Ok(())
}

/// Moves money if there is enough.
fn transfer(numbers: &mut impl Numbers, from: u64, to: u64, amount: u64) -> Result<()> {
    let (rich, poor) = (numbers.read(account(from).0, from)?, numbers.read(account(to).0, to)?);
    thread::yield_now();
    if from != to && rich >= amount {
        numbers.write(account(from).0, from, rich - amount)?;
        numbers.write(account(to).0, to, poor + amount)?;
    }
    Ok(())
}

/// One ring through all nodes, and the whole sum.
pub(crate) fn verify(snapshot: &Snapshot) -> Result<(), String> {
    let version = snapshot.version();
    let reader = snapshot.reader();
    let read = |(table, key): (&str, u64)| -> Result<u64> { Ok(number(reader.table(table)?.get(&key.to_be_bytes())?)) };
    let read = |place| read(place).map_err(|e| format!("version {version}: {e:?}"));
    let (mut at, mut steps) = (0, 0);
    while steps == 0 || at != 0 {
        (at, steps) = (read(node(at))?, steps + 1);
        if steps > NODES {
            return Err(format!("version {version}: the way from node 0 does not come back"));
        }
    }
    if steps != NODES {
        return Err(format!("version {version}: the ring has {steps} of {NODES} nodes"));
    }
    let sum = (0..ACCOUNTS).map(|n| read(account(n))).sum::<Result<u64, String>>()?;
    if sum != SUM {
        return Err(format!("version {version}: the bank has {sum} instead of {SUM}"));
    }
    Ok(())
}

/// Many threads at once; `acknowledged` hears of each commit that was to be synced.
pub(crate) fn storm(store: &Store, seed: Seed, count: u64, acknowledged: &(impl Fn(u64) + Sync)) {
    let repeated = AtomicU64::new(0);
    thread::scope(|scope| {
        for n in 0..THREADS {
            let (mut rng, repeated) = (seed.part(n).rng(), &repeated);
            scope.spawn(move || {
                for _ in 0..count {
                    act(store, &mut rng, repeated, acknowledged);
                    verify(&store.snapshot()).expect("a look beside writers");
                }
            });
        }
    });
    // A storm without contention would show nothing.
    assert!(repeated.load(Ordering::Relaxed) > 0 || count < 50, "nobody was ever in anybody's way");
}

fn act(store: &Store, rng: &mut Rng, repeated: &AtomicU64, acknowledged: &impl Fn(u64)) {
    let durability = [Durability::Synced, Durability::Deferred, Durability::Memory][rng.usize(0..3)];
    let (start, from, to, amount) = (rng.u64(0..NODES), rng.u64(0..ACCOUNTS), rng.u64(0..ACCOUNTS), rng.u64(0..120));
    let (turns, moves, drops) = (rng.bool(), rng.bool(), rng.u8(0..8) == 0);
    let version = if rng.u8(0..3) > 0 {
        let outcome = store.conditional(durability, |proposal| {
            if turns {
                permute(proposal, start)?;
            }
            if moves { transfer(proposal, from, to, amount) } else { Ok(()) }
        });
        let outcome = outcome.expect("conditional");
        repeated.fetch_add(u64::from(outcome.repeated), Ordering::Relaxed);
        outcome.version
    } else {
        let mut txn = store.begin_write().expect("the turn");
        txn.set_durability(durability);
        permute(&mut txn, start).expect("permute");
        if drops {
            return;
        }
        transfer(&mut txn, from, to, amount).expect("transfer");
        Some(txn.commit().expect("commit"))
    };
    if let Some(version) = version.filter(|_| durability == Durability::Synced) {
        acknowledged(version);
    }
    match rng.u8(0..40) {
        0 => drop(store.checkpoint().expect("checkpoint")),
        1 => drop(store.compact().expect("compact")),
        2..=5 => drop(store.step().expect("step")),
        _ => {}
    }
}

fn options() -> Options {
    drive::small_options().log_bytes(8 << 10).background(true)
}

/// One ring and one sum, in memory.
#[test]
fn storm_in_memory() {
    let store = Checked::new("storm", options().in_memory().expect("open"));
    set_up(&store).expect("commit");
    storm(&store, Seed::of("storm_in_memory"), 600 * depth(), &|_| {});
    verify(&store.snapshot()).expect("at the end");
}

/// One ring and one sum, in a file that is closed and opened between storms.
#[test]
fn storm_in_a_file() {
    let (folder, seed) = (Folder::new(), Seed::of("storm_in_a_file"));
    for life in 0..3 * depth() {
        let store = Checked::new("storm", options().open(folder.file("a.ring")).expect("open"));
        if life == 0 {
            set_up(&store).expect("commit");
        }
        verify(&store.snapshot()).expect("what was closed");
        storm(&store, seed.part(life), 80, &|_| {});
        store.close().close().expect("close");
    }
}

/// L3: whatever a crash in the storm leaves holds one ring and one sum, and each acknowledged commit that was to be synced; and the next storm goes on from there.
#[test]
fn l3_storm_that_crashes() {
    let seed = Seed::of("l3_storm_that_crashes");
    for run in 0..3 * depth() {
        let seed = seed.part(run);
        let disk = SimulatedDisk::new();
        let store = Checked::new("storm", options().open_on(Arc::clone(&disk) as Arc<dyn Disk>).expect("open"));
        let first = set_up(&store).expect("commit");
        // Where in the log, and the version that was on the medium by then.
        let durable = Mutex::new(vec![(disk.position(), first)]);
        let acknowledged = |version| {
            // Looked at behind the commit: later in the log than it need be, never earlier.
            let mut durable = durable.lock().expect("no panic");
            durable.push((disk.position(), version));
        };
        storm(&store, seed, 60, &acknowledged);
        drop(store.close());
        let (log, durable) = (disk.log(), durable.into_inner().expect("no panic"));
        let mut rng = seed.rng();
        for n in 0..25 {
            let end = rng.usize(durable[0].0..=log.len());
            let image = crash::image(&[], &log, end, &mut |_, _| rng.bool());
            let floor = durable.iter().filter(|(position, _)| *position <= end).map(|(_, version)| *version).max();
            let disk = SimulatedDisk::holding(&image);
            let store = Checked::new("storm", options().open_on(disk as Arc<dyn Disk>).expect("open"));
            assert!(Some(store.version()) >= floor, "opened at {}, {floor:?} was durable", store.version());
            let found = verify(&store.snapshot());
            assert_eq!(found, Ok(()), "crash {n} of run {run}, behind operation {end} of {}", log.len());
            storm(&store, seed.part(n), 4, &|_| {});
        }
    }
}

/// A test of the test: a transfer that forgets one side, and a node that is left out, are seen.
#[test]
fn storm_notices_a_broken_ring_and_a_wrong_sum() {
    for (place, number, words) in
        [(account(3), 99, "the bank has"), (node(4), 7, "the ring has"), (node(4), 2, "does not come back")]
    {
        let store = Checked::new("storm", options().in_memory().expect("open"));
        set_up(&store).expect("commit");
        let mut txn = store.begin_write().expect("the turn");
        txn.write(place.0, place.1, number).expect("write");
        txn.commit().expect("commit");
        let found = verify(&store.snapshot()).expect_err("broken");
        assert!(found.contains(words), "{found}");
    }
}
