//! The cache of copied pages beside itself: what several threads get, load, keep and forget at once (L4).

use std::sync::Arc;

use super::{join, leaf, model, spawn};
use crate::format::{ChunkId, Position};
use crate::log::cache::Cache;
use crate::page::Item;
use crate::sync::checker::fault::Fault;
use crate::sync::checker::memory;

/// Two pages of 4 KiB with their entries, and not three.
const BUDGET: u64 = 9 << 10;

/// Asks for a page, which is read if it is not here.
fn look(cache: &Cache, ordinal: u32) {
    let at = Position::new(ChunkId(1), ordinal);
    let value = ordinal.to_le_bytes();
    let copy = cache.get_or_load(at, || {
        // The lock of its shard is free while a page is read, or this waits for ever.
        assert!(cache.bytes() <= BUDGET);
        let page = leaf(at, &value);
        memory::made(page.bytes().as_ptr());
        Ok(page)
    });
    let copy = copy.expect("a sound medium");
    cache.expect_exact();
    memory::read(copy.bytes().as_ptr());
    assert_eq!(copy.page().position(), at, "the copy of another page");
    let Item::Inline(found) = copy.page().item(0).expect("one entry") else { panic!("a short value") };
    assert_eq!(found, value);
}

/// Two threads ask for the same page, and each for another one, with a budget for two: the third moves one out, whoever comes last. Checked: whoever asks gets the page that is asked for,
/// whole, also when it is forgotten at that moment; a copy is kept once, and the books agree with what is kept; that never is more than the budget; no lock is held while a page is read. Two
/// threads, two pages each. With a budget for one page the room that a second copy gets would be the first one's, and nobody could see that there were two.
fn sharing() {
    let cache = Arc::new(Cache::new(BUDGET));
    let other = {
        let cache = Arc::clone(&cache);
        spawn(move || [1, 2].into_iter().for_each(|ordinal| look(&cache, ordinal)))
    };
    [1, 3].into_iter().for_each(|ordinal| look(&cache, ordinal));
    join(other);
    cache.expect_exact();
    assert!(cache.loads() <= 4, "{} loads for four questions", cache.loads());
    // What is kept last is still here.
    let loads = cache.loads();
    look(&cache, 1);
    look(&cache, 1);
    assert!(cache.loads() <= loads + 1, "a page that was kept just now is gone");
}

/// L4: copies are shared, right, kept once and within their budget.
#[test]
fn l4_copies_of_two_readers() {
    model("copies of two readers").check(sharing);
}

/// The model notices two copies of one page, read at the same time and both kept.
#[test]
#[should_panic(expected = "a copy stands in the queue twice")]
fn l4_second_copy_is_noticed() {
    model("copies").broken(Fault::SecondCopyKept).check(sharing);
}
