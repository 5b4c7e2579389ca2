//! L1, L2, L4, L10: what readers see, and that nobody waits for them or for long work.

use std::io::{self, Write};
use std::sync::mpsc;
use std::thread;

use treering::{BlobForm, Durability, ErrorKind};
use treering_tests::disk::{Done, Fault, Kind};
use treering_tests::{Checked, Folder, drive};

use crate::{expect, key, put, store, value};

/// L1: bytes that a reader was lent stay as they are while their pages are replaced, written to the file, and moved there.
#[test]
fn l1_lent_bytes_stay() {
    let (_disk, store) = store();
    put(&store, 0..500, 0, 100).expect("commit");
    put(&store, 1000..1001, 0, 20_000).expect("commit");
    store.checkpoint().expect("checkpoint");
    put(&store, 1000..1001, 1, 20_000).expect("commit");
    put(&store, 0..500, 1, 100).expect("commit");
    let snapshot = store.snapshot();
    let reader = snapshot.reader();
    let table = reader.table("t").expect("table t");
    let lent: Vec<&[u8]> = (0..500).chain([1000]).map(|n| table.get(&key(n)).expect("get").expect("there")).collect();
    let owned = table.get_bytes(&key(1000)).expect("get").expect("there");
    let before: Vec<Vec<u8>> = lent.iter().map(|bytes| bytes.to_vec()).collect();
    for round in 2..12 {
        put(&store, 0..500, round, 100 + round as usize).expect("commit");
        put(&store, 1000..1001, round, 20_000).expect("commit");
        store.checkpoint().expect("checkpoint");
        store.compact().expect("compact");
        assert_eq!(lent, before);
    }
    assert_eq!(owned, value(1000, 1, 20_000));
    assert_eq!(snapshot.version(), 4);
}

/// L1: each of many held versions shows its own state, whatever was committed, sealed and moved since.
#[test]
fn l1_every_held_version_stays() {
    let (_disk, store) = store();
    let mut held = Vec::new();
    for round in 0..30 {
        put(&store, 0..100, round, 50).expect("commit");
        held.push((round, store.snapshot()));
        match round % 5 {
            1 => drop(store.checkpoint().expect("checkpoint")),
            3 => drop(store.compact().expect("compact")),
            _ => {}
        }
        if round % 7 == 6 {
            held.remove(held.len() / 2);
        }
        held.iter().for_each(|(round, snapshot)| expect(snapshot, 100, *round, 50));
    }
}

/// L2: while its sync has not returned nobody sees a commit, nor a later one that asked for less; and the next writer works meanwhile.
#[test]
fn l2_no_reader_sees_a_commit_before_its_sync() {
    let (disk, store) = store();
    put(&store, 0..10, 0, 20).expect("commit");
    thread::scope(|scope| {
        let gate = disk.close_gate(Kind::Sync);
        let first = scope.spawn(|| put(&store, 0..10, 1, 20).expect("commit"));
        disk.await_waiting(1);
        // The turn was let go when the record was appended.
        let mut txn = store.begin_write().expect("the turn");
        txn.set_durability(Durability::Memory);
        txn.open_table("t").expect("table t").insert(&key(0), &value(0, 2, 20)).expect("insert");
        let second = scope.spawn(move || txn.commit().expect("commit"));
        // Whoever has the turn next builds on both: so both are appended.
        drop(store.begin_write().expect("the turn"));
        for _ in 0..1000 {
            assert_eq!(store.version(), 1);
            expect(&store.snapshot(), 10, 0, 20);
        }
        assert!(!first.is_finished() && !second.is_finished());
        drop(gate);
        assert_eq!((first.join().expect("no panic"), second.join().expect("no panic")), (2, 3));
    });
    assert_eq!(store.version(), 3);
}

/// L2: a conditional transaction that ran again with the turn, and then found nothing to change, used to answer at once. With the turn it reads what was appended, and so its answer, or its
/// error, could stand on a commit whose sync had not returned, which no reader saw and which could still fail: a lock was held according to it, and free after the next open.
/// Now it answers when what it stands on is published, or says that it failed.
#[test]
fn l2_conditional_answers_with_what_is_durable() {
    for (fails, refuses) in [(false, false), (true, false), (false, true), (true, true)] {
        let (disk, store) = store();
        put(&store, 0..1, 0, 20).expect("commit");
        let (free, taken) = (value(0, 0, 20), value(0, 1, 20));
        thread::scope(|scope| {
            let (mut gate, mut other) = (None, None);
            let outcome = store.conditional(Durability::Synced, |p| {
                let found = p.get("t", &key(0))?.map(<[u8]>::to_vec);
                if other.is_none() {
                    gate = Some(disk.close_gate(Kind::Sync));
                    other = Some(scope.spawn(|| put(&store, 0..1, 1, 20).map_err(|e| e.kind())));
                    // The other one's commit is appended and waits for its sync.
                    disk.await_waiting(1);
                    assert_eq!(found.as_ref(), Some(&free));
                    p.insert("t", &key(0), b"mine")?;
                    return Ok(found);
                }
                assert_eq!((found.as_ref(), store.version()), (Some(&taken), 1));
                let fault = Fault { kinds: &[Kind::Sync], at: 0, sticky: false, error: ErrorKind::Io, done: Done::Nothing };
                disk.fail(fails.then_some(fault));
                drop(gate.take());
                // What it would write is there already: nothing to do.
                p.insert("t", &key(0), &taken)?;
                if refuses { Err(treering::Error::simulated(ErrorKind::Invalid, String::from("taken"))) } else { Ok(found) }
            });
            let published = store.version();
            let other = other.expect("the work ran").join().expect("no panic");
            let outcome = outcome.map(|outcome| (outcome.value, outcome.version, outcome.repeated)).map_err(|e| e.kind());
            if fails {
                assert_eq!(other, Err(ErrorKind::Unknown));
                assert_eq!((outcome, published), (Err(ErrorKind::Unknown), 1));
            } else {
                assert_eq!((other, published, store.stats().durable_version), (Ok(2), 2, 2));
                assert_eq!(outcome, if refuses { Err(ErrorKind::Invalid) } else { Ok((Some(taken.clone()), None, true)) });
            }
        });
        expect(&store.snapshot(), 1, u64::from(!fails), 20);
        if fails {
            drop(store.unchecked());
        }
    }
}

/// L4: snapshots open, read and close while a writer has the turn, another one's sync hangs, and a checkpoint hangs.
#[test]
fn l4_readers_wait_for_nobody() {
    let (disk, store) = store();
    put(&store, 0..200, 0, 50).expect("commit");
    store.checkpoint().expect("checkpoint");
    put(&store, 0..200, 1, 50).expect("commit");
    thread::scope(|scope| {
        let gate = disk.close_gate(Kind::WriteThrough);
        let checkpoint = scope.spawn(|| store.checkpoint().expect("checkpoint"));
        disk.await_waiting(1);
        let _turn = store.begin_write().expect("the turn");
        for _ in 0..100 {
            expect(&store.snapshot(), 200, 1, 50);
        }
        drop(_turn);
        drop(gate);
        checkpoint.join().expect("no panic");
    });
    expect(&store.snapshot(), 200, 1, 50);
}

/// L4: a thousand snapshots and an open reader delay no commit, checkpoint, backup, compaction, step or check: all of them go on in the
/// very thread that reads.
#[test]
fn l4_no_reader_delays_a_writer() {
    let (_disk, store) = store();
    put(&store, 0..200, 0, 50).expect("commit");
    let snapshots: Vec<_> = (0..1000).map(|_| store.snapshot()).collect();
    let reader = snapshots[0].reader();
    let table = reader.table("t").expect("table t");
    let mut range = table.iter().expect("a range");
    range.next().expect("an entry").expect("an entry");
    for round in 1..5 {
        put(&store, 0..200, round, 50).expect("commit");
        store.checkpoint().expect("checkpoint");
        store.compact().expect("compact");
        while store.step().expect("step") {}
        store.snapshot().write_blob(&mut io::sink(), BlobForm::Plain).expect("blob");
        store.check();
    }
    assert_eq!(range.count(), 199);
    snapshots.iter().for_each(|snapshot| assert_eq!(snapshot.version(), 1));
}

/// L10: commits go on while a checkpoint writes its pages.
#[test]
fn l10_commits_beside_a_checkpoint() {
    let (disk, store) = store();
    // Room for the records is there before.
    while store.step().expect("step") {}
    put(&store, 0..500, 0, 100).expect("commit");
    thread::scope(|scope| {
        let gate = disk.close_gate(Kind::WriteThrough);
        let checkpoint = scope.spawn(|| store.checkpoint().expect("checkpoint"));
        disk.await_waiting(1);
        for round in 1..20 {
            assert_eq!(put(&store, 0..2, round, 100).expect("commit"), round + 1);
        }
        assert!(!checkpoint.is_finished());
        drop(gate);
        assert_eq!(checkpoint.join().expect("no panic"), 1);
    });
    assert_eq!(store.stats().sealed_version, 1);
}

/// L10: commits go on while a compaction writes twins.
#[test]
fn l10_commits_beside_a_compaction() {
    let (disk, store) = store();
    for round in 0..4 {
        put(&store, round * 50..500, round, 100).expect("commit");
        store.checkpoint().expect("checkpoint");
    }
    while store.step().expect("step") {}
    thread::scope(|scope| {
        let gate = disk.close_gate(Kind::WriteThrough);
        let compaction = scope.spawn(|| store.compact().expect("compact"));
        disk.await_waiting(1);
        for round in 5..25 {
            assert_eq!(put(&store, 0..2, round, 100).expect("commit"), round);
        }
        assert!(!compaction.is_finished());
        drop(gate);
        compaction.join().expect("no panic");
    });
}

/// Passes the first bytes on only when told to.
struct Slow {
    started: mpsc::Sender<()>,
    go_on: mpsc::Receiver<()>,
    waited: bool,
}

impl Write for Slow {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if !self.waited {
            self.waited = true;
            self.started.send(()).expect("the test listens");
            self.go_on.recv().expect("the test speaks");
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// L10: commits, checkpoints and compactions go on while a blob is being written somewhere slow; the turn is not held for it at all.
#[test]
fn l10_commits_beside_an_export() {
    let (_disk, store) = store();
    put(&store, 0..500, 0, 100).expect("commit");
    store.checkpoint().expect("checkpoint");
    put(&store, 0..500, 1, 100).expect("commit");
    let (started, has_started) = mpsc::channel();
    let (say, go_on) = mpsc::channel();
    let snapshot = store.snapshot();
    thread::scope(|scope| {
        let mut out = Slow { started, go_on, waited: false };
        let export = scope.spawn(move || snapshot.write_blob(&mut out, BlobForm::Plain).expect("blob"));
        has_started.recv().expect("the export begins");
        for round in 2..8 {
            put(&store, 0..500, round, 100).expect("commit");
            store.checkpoint().expect("checkpoint");
            store.compact().expect("compact");
        }
        say.send(()).expect("the export waits");
        let summary = export.join().expect("no panic");
        assert_eq!((summary.version, summary.turn_held), (2, std::time::Duration::ZERO));
    });
    assert_eq!(store.stats().export_turn_max, std::time::Duration::ZERO);
}

/// L10: a blob whose last chunk was closed by a load in the middle of a later transaction is whole: that chunk has younger pages, which name pages of chunks that the blob
/// does not have, and which nobody reaches. It used to be called corrupt, and could not be restored.
#[test]
fn l10_blob_beside_younger_pages_is_whole() {
    let folder = Folder::new();
    let options = drive::small_options();
    let (_disk, store) = store();
    put(&store, 0..2000, 0, 20).expect("commit");
    let snapshot = store.snapshot();
    let txn = store.begin_write().expect("the turn");
    txn.open_table("t").expect("table t").insert(&key(5), b"changed").expect("insert");
    txn.ensure_table("loaded").expect("a table").load_sorted((0..100).map(|n| (key(n), b"x"))).expect("load");
    {
        // New leaves in the next chunk, named by branches of this one.
        let mut table = txn.open_table("t").expect("table t");
        (2000..4000).for_each(|n| table.insert(&key(n), b"later").expect("insert"));
    }
    txn.commit().expect("commit");
    store.checkpoint().expect("checkpoint");
    for (name, held, count) in [("old", &snapshot, 2000), ("new", &store.snapshot(), 4000)] {
        let (blob, copy) = (folder.file(name), folder.file(&format!("{name}.ring")));
        held.backup_to(&blob, BlobForm::Plain).expect("backup");
        assert!(treering::verify(&blob).expect("a blob").is_sound());
        treering::restore(&blob, &copy).expect("restore");
        let restored = Checked::new(name, options.open(&copy).expect("open"));
        assert_eq!(restored.snapshot().reader().table("t").expect("table t").len(), count);
        restored.compact().expect("compact");
    }
}

/// A table that is being changed answers with its changes, one by one, many at once, forwards and backwards.
#[test]
fn a_table_under_change_reads_its_changes() {
    let (_disk, store) = store();
    put(&store, 0..300, 0, 100).expect("commit");
    let txn = store.begin_write().expect("the turn");
    let mut table = txn.open_table("t").expect("the table");
    table.insert(&key(7), b"changed").expect("insert");
    table.remove(&key(8)).expect("remove");
    assert_eq!((table.contains(&key(7)).expect("no error"), table.contains(&key(8)).expect("no error")), (true, false));
    let many = table.get_many(&[key(8), key(7), key(6)]).expect("no error");
    assert_eq!(many, [None, Some(&b"changed"[..]), Some(&value(6, 0, 100)[..])]);
    let all = || table.range((std::ops::Bound::Unbounded, std::ops::Bound::Unbounded)).expect("a range");
    let forwards: Vec<_> = all().map(|entry| entry.expect("an entry")).collect();
    let mut backwards: Vec<_> = all().rev().map(|entry| entry.expect("an entry")).collect();
    backwards.reverse();
    assert!(forwards.len() == 299 && forwards == backwards, "{} entries, {} backwards", forwards.len(), backwards.len());
}
