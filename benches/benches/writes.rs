//! Writing a store of 100,000 entries: an insert within a transaction, a commit of one entry by durability.

use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use treering::{Durability, Store};
use treering_benches::load::Load;
use treering_benches::stores::{TABLE, in_file, in_memory};

const ENTRIES: usize = 100_000;
/// Inserts of a transaction: its pages are copied once, then changed in place.
const INSERTS: usize = 1_000;

fn insert(c: &mut Criterion) {
    let load = Load::new(ENTRIES, 0, 3);
    let store = in_memory(&load).expect("a store in memory");
    let mut random = load.random(62);
    let mut group = c.benchmark_group("insert");
    group.throughput(criterion::Throughput::Elements(INSERTS as u64));
    group.bench_function("random-1000-rolled-back", |b| {
        b.iter_batched(
            || store.begin_write().expect("the turn is free"),
            |txn| {
                let mut table = txn.open_table(TABLE).expect("it was made");
                for _ in 0..INSERTS {
                    let i = random.usize(..ENTRIES);
                    table.insert(load.key(i), load.value(i + 1)).expect("the store is sound");
                }
            },
            BatchSize::PerIteration,
        );
    });
    group.finish();
}

fn commit(c: &mut Criterion) {
    let load = Load::new(ENTRIES, 0, 3);
    let (file, _folder) = in_file(&load).expect("a store in a new folder");
    let rows = [("synced", Durability::Synced), ("deferred", Durability::Deferred), ("memory", Durability::Memory)];
    for (name, durability) in rows {
        let mut random = load.random(63);
        c.bench_function(&format!("commit/{name}"), |b| {
            b.iter(|| put(&file, durability, load.key(random.usize(..ENTRIES)), load.value(random.usize(..))));
        });
    }
}

fn put(store: &Store, durability: Durability, key: &[u8], value: &[u8]) -> u64 {
    let mut txn = store.begin_write().expect("the turn is free");
    txn.set_durability(durability);
    txn.open_table(TABLE).expect("it was made").insert(key, value).expect("the store is sound");
    txn.commit().expect("the disk has room")
}

criterion_group!(benches, insert, commit);
criterion_main!(benches);
