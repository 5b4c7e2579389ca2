//! Finding a key in one leaf page, by page length.

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use treering::format::{TableId, Version};
use treering::page::{Item, PageBuf};
use treering_benches::load::Load;

fn search(c: &mut Criterion) {
    let load = Load::new(1000, 0, 3);
    let mut group = c.benchmark_group("page/search");
    for len in [4096, 8192, 16_384, 32_768] {
        let mut page = PageBuf::leaf(len, TableId(1));
        let mut keys = Vec::new();
        for (key, value) in load.pairs() {
            let at = page.page().search(key).expect("the page was built here").expect_err("keys are random");
            if !page.insert(at, key, Item::Inline(value)).expect("the page was built here") {
                break;
            }
            keys.push(key);
        }
        page.set_born(Version(1));
        let mut random = load.random(60);
        group.bench_function(len.to_string(), |b| {
            b.iter(|| black_box(page.page().search(keys[random.usize(..keys.len())])));
        });
    }
    group.finish();
}

criterion_group!(benches, search);
criterion_main!(benches);
