//! Opening and dropping a snapshot: alone, and while a writer commits.

use std::hint::black_box;
use std::sync::atomic::{AtomicBool, Ordering};

use criterion::{Criterion, criterion_group, criterion_main};
use treering::Durability;
use treering_benches::load::Load;
use treering_benches::stores::{TABLE, in_memory};

const ENTRIES: usize = 10_000;

fn snapshots(c: &mut Criterion) {
    let load = Load::new(ENTRIES, 0, 3);
    let store = in_memory(&load).expect("a store in memory");
    c.bench_function("snapshot/alone", |b| b.iter(|| drop(black_box(store.snapshot()))));

    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let (mut random, store) = (load.random(64), store.clone());
            while !stop.load(Ordering::Relaxed) {
                let mut txn = store.begin_write().expect("nobody else writes");
                txn.set_durability(Durability::Memory);
                let (key, value) = (load.key(random.usize(..ENTRIES)), load.value(random.usize(..)));
                txn.open_table(TABLE).expect("it was made").insert(key, value).expect("the store is sound");
                txn.commit().expect("there is room");
            }
        });
        let mine = store.clone();
        c.bench_function("snapshot/beside-a-writer", |b| b.iter(|| drop(black_box(mine.snapshot()))));
        stop.store(true, Ordering::Relaxed);
    });
}

criterion_group!(benches, snapshots);
criterion_main!(benches);
