//! Reading a store of 100,000 entries: one entry, a range of 10.

use std::hint::black_box;
use std::ops::Bound;

use criterion::{Criterion, criterion_group, criterion_main};
use treering::Store;
use treering_benches::load::Load;
use treering_benches::stores::{TABLE, in_file, in_memory};

const ENTRIES: usize = 100_000;

fn reads(c: &mut Criterion) {
    let load = Load::new(ENTRIES, 0, 3);
    let (file, _folder) = in_file(&load).expect("a store in a new folder");
    measure(c, &load, &file, "file");
    measure(c, &load, &in_memory(&load).expect("a store in memory"), "memory");
}

fn measure(c: &mut Criterion, load: &Load, store: &Store, place: &str) {
    let snapshot = store.snapshot();
    let reader = snapshot.reader();
    let table = reader.table(TABLE).expect("it was made");
    let mut random = load.random(61);
    c.bench_function(&format!("get/{place}"), |b| {
        b.iter(|| black_box(table.get(load.key(random.usize(..ENTRIES)))));
    });
    c.bench_function(&format!("range-10/{place}"), |b| {
        b.iter(|| {
            let from = Bound::Included(&load.key(random.usize(..ENTRIES))[..]);
            let entries = table.range((from, Bound::Unbounded)).expect("the store is sound");
            entries.take(10).for_each(|entry| {
                black_box(entry.expect("the store is sound"));
            });
        });
    });
}

criterion_group!(benches, reads);
criterion_main!(benches);
