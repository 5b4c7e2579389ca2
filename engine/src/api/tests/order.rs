//! Leaves in the order of their keys, as a full compaction leaves them.

use super::super::*;
use super::{expect, fill, small};
use crate::log::directory::Home;
use crate::store::progress::Progress;
use crate::store::read::Lender;
use crate::tree;

/// Leaves of table "t", and how many of them do not stand behind the one before in the same chunk.
fn jumps(store: &Store) -> (usize, usize) {
    let (machine, snapshot) = (store.machine(), store.snapshot());
    let lender = Lender::new(machine);
    let (_, tree) = snapshot.held().root().table("t").expect("the table");
    let mut stands = Vec::new();
    tree::families(&lender, &tree, &[], &mut |_, branch| {
        for i in 0..branch.count() {
            let at = branch.child(i)?;
            let home = machine.chunks.find(at.chunk(), lender.guard()).expect("its chunk").home(lender.guard());
            let Home::File(file) = home else { panic!("a leaf is in memory") };
            stands.push((at.chunk(), file.offset(at)?.expect("its place")));
        }
        Ok(true)
    })
    .expect("branches");
    let jumps = stands.windows(2).filter(|pair| pair[0].0 != pair[1].0 || pair[0].1 > pair[1].1).count();
    (stands.len(), jumps)
}

/// Leaves that were replaced one by one, each in a later chunk, stand side by side after a compaction, whatever memory it may use; a second one moves nothing; no entry changed.
#[test]
fn compaction_puts_leaves_in_order() {
    for dirty_bytes in [1 << 20, 64 << 20] {
        let store = small().dirty_bytes(dirty_bytes).in_memory().expect("open");
        fill(&store, 0..40_000, 0);
        for round in 1..41 {
            fill(&store, (0..40_000).filter(|i| i / 50 * 7919 % 41 == round), round);
            store.checkpoint().expect("checkpoint");
        }
        let (leaves, before) = jumps(&store);
        assert!(before > leaves / 2, "{before} jumps in {leaves} leaves are no test");
        let first = store.compact().expect("compact");
        let (leaves, after) = jumps(&store);
        assert!(first.bytes_written > 0 && after <= leaves / 16, "{after} jumps in {leaves} leaves are left of {before}");
        let moved = store.stats().moved_bytes;
        assert_eq!(store.compact().expect("compact").bytes_written, 0);
        assert_eq!((store.stats().moved_bytes, jumps(&store)), (moved, (leaves, after)));
        expect(&store.snapshot(), 40_000, |i| match i / 50 * 7919 % 41 {
            round @ 1.. => round,
            0 => 0,
        });
        assert!(store.check().expect("check").is_sound());
    }
}

/// A twin keeps its pages in the order in which they stood: those of a chunk that lost some are still in the order of their keys.
#[test]
fn twins_keep_the_order_of_leaves() {
    let store = small().dirty_bytes(64 << 20).in_memory().expect("open");
    // Inserted in no order, so that positions are in none.
    for part in 0..7 {
        fill(&store, (0..20_000).map(|i| i * 7919 % 20_000).filter(|i| i % 7 == part), 0);
    }
    store.checkpoint().expect("checkpoint");
    let (leaves, before) = jumps(&store);
    assert_eq!(before, 0, "of {leaves}");
    let txn = store.begin_write().expect("the turn");
    let half = 10_000_u64.to_be_bytes();
    let removed =
        txn.open_table("t").expect("table").remove_range((std::ops::Bound::Included(&half[..]), std::ops::Bound::Unbounded));
    assert_eq!(removed.expect("remove"), 10_000);
    txn.commit().expect("commit");
    store.checkpoint().expect("checkpoint");
    assert!(store.machine().compact_round(0.9, &mut Progress::unwatched()).expect("twins") > 0);
    let (left, after) = jumps(&store);
    assert!(left > 20 && left < leaves * 2 / 3 && after <= 1, "{after} jumps in {left} of {leaves} leaves");
}
