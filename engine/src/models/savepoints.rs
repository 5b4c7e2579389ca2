//! Going back to a savepoint beside those who read, and beside a checkpoint: what was undone is of no version (L11).

use super::store::{Open, beside, get, insert};
use super::{join, model};
use crate::api::{Snapshot, Store};
use crate::sync::checker::fault::Fault;

/// What a version has: the first one `key`, the next one `kept` too.
fn expect_version(snapshot: &Snapshot) {
    let reader = snapshot.reader();
    let table = reader.table("table").expect("it is always there");
    let get = |key: &[u8]| table.get(key).expect("a sound page").map(<[u8]>::to_vec);
    assert_eq!(get(b"undone"), None, "what was rolled back is seen");
    assert_eq!(get(b"key").as_deref(), Some(&b"value-0"[..]), "what was rolled back is seen");
    assert_eq!(get(b"kept").is_some(), snapshot.version() > 1, "version {}", snapshot.version());
}

/// A transaction changes a page, saves, changes the page again, goes back and commits. Beside it `other` is done. Checked: no snapshot, whenever it is opened, has what was rolled back, and
/// each has exactly what is of its version; nor does what stands in the file after a power cut. Two threads.
fn going_back(other: fn(&Store)) {
    let open = Open::new(false);
    let other = beside(&open, other);
    let mut txn = open.begin_write().expect("it is open");
    insert(&txn, b"kept", b"value-1");
    let savepoint = txn.savepoint();
    insert(&txn, b"key", b"value-2");
    insert(&txn, b"undone", b"value-3");
    txn.rollback_to(&savepoint).expect("it is of this transaction");
    txn.commit().expect("a sound medium");
    expect_version(&open.snapshot());
    join(other);
    let after = Open::on(open.disk.after_a_power_cut(), false);
    for store in [&open, &after] {
        expect_version(&store.snapshot());
        assert!(get(store, b"kept").is_some(), "lost");
    }
    after.close();
    open.close();
}

/// Two snapshots, one after the other.
fn read_twice(store: &Store) {
    (0..2).for_each(|_| expect_version(&store.snapshot()));
}

fn checkpoint(store: &Store) {
    store.checkpoint().expect("a sound medium");
}

/// L11: what was rolled back is published to nobody.
#[test]
fn l11_going_back_beside_snapshots() {
    model("going back beside snapshots").check(|| going_back(read_twice));
}

/// L11: nor does a checkpoint write it.
#[test]
fn l11_going_back_beside_checkpoint() {
    model("going back beside a checkpoint").check(|| going_back(checkpoint));
}

/// The model notices a root that was rolled back and is published.
#[test]
#[should_panic(expected = "what was rolled back is seen")]
fn l11_rolled_back_root_is_noticed() {
    model("going back").broken(Fault::RollBackForgotten).check(|| going_back(read_twice));
}

/// The model notices a checkpoint that captures without the turn, in the middle of such a transaction.
#[test]
#[should_panic(expected = "but a header says that version")]
fn l11_capture_beside_going_back_is_noticed() {
    model("going back beside a checkpoint").broken(Fault::CapturedWithoutTurn).check(|| going_back(checkpoint));
}
