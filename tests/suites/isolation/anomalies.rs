//! The anomalies that Hermitage tries on SQL databases, and a few more, tried on snapshots, write transactions and conditional transactions.
//!
//! Each test makes the attempt in one thread, step by step: between two steps of one transaction another one does all that it can. Where the writer's turn forbids
//! the attempt, the test shows that the turn does not come. A conditional transaction is disturbed from inside of its work, behind its reads and before its changes.
//! Each begins with key 1 = 10 and key 2 = 20.

use std::ops::Bound;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use treering::disk::Disk;
use treering::{Durability, ErrorKind, Options, Outcome, Proposal, Result, Snapshot, Store, WriteTxn};
use treering_tests::disk::{Done, Fault, Kind};
use treering_tests::{Checked, SimulatedDisk, drive};

type Rows = Vec<(u8, u8)>;

fn store() -> Checked<Store> {
    begin(Options::new().background(false).in_memory())
}

fn begin(store: Result<Store>) -> Checked<Store> {
    let store = Checked::new("anomalies", store.expect("open"));
    write(&store, &[(1, 10), (2, 20)]);
    store
}

/// Commits these rows in a transaction of their own.
#[track_caller]
fn write(store: &Store, rows: &[(u8, u8)]) {
    let txn = store.begin_write().expect("the turn");
    rows.iter().for_each(|row| set(&txn, *row));
    txn.commit().expect("commit");
}

#[track_caller]
fn set(txn: &WriteTxn, (key, value): (u8, u8)) {
    txn.ensure_table("t").expect("table").insert(&[key], &[value]).expect("insert");
}

#[track_caller]
fn get(txn: &WriteTxn, key: u8) -> Option<u8> {
    txn.open_table("t").expect("table").get(&[key]).expect("get").map(|value| value[0])
}

/// What a snapshot shows, by range; and by key the same.
#[track_caller]
fn rows(snapshot: &Snapshot) -> Rows {
    let reader = snapshot.reader();
    let table = reader.table("t").expect("table");
    let rows: Rows = table.iter().expect("range").map(|entry| entry.map(|(k, v)| (k[0], v[0])).expect("entry")).collect();
    for key in 0..=9 {
        let by_key = table.get(&[key]).expect("get").map(|value| value[0]);
        assert_eq!(by_key, rows.iter().find(|(found, _)| *found == key).map(|(_, value)| *value));
    }
    rows
}

#[track_caller]
fn now(store: &Store) -> Rows {
    rows(&store.snapshot())
}

/// Nobody else gets the turn.
#[track_caller]
fn expect_busy(store: &Store) {
    let refused = store.begin_write_within(Duration::ZERO).expect_err("somebody has the turn");
    assert_eq!(refused.kind(), ErrorKind::TimedOut);
    let refused = store.conditional_within(Duration::ZERO, Durability::Memory, |p| p.insert("t", &[9], &[9]));
    assert_eq!(refused.expect_err("somebody has the turn").kind(), ErrorKind::TimedOut);
}

fn read(p: &Proposal<'_>, key: u8) -> Result<Option<u8>> {
    Ok(p.get("t", &[key])?.map(|value| value[0]))
}

/// The rows whose value three divides.
fn threes(p: &Proposal<'_>) -> Result<Rows> {
    let mut rows = Rows::new();
    p.scan("t", (Bound::Unbounded, Bound::Unbounded), |key, value| {
        if value[0] % 3 == 0 {
            rows.push((key[0], value[0]));
        }
        Ok(())
    })?;
    Ok(rows)
}

/// A conditional transaction: `look` says what it saw and proposes; the first time, `disturb` happens behind that.
#[track_caller]
fn disturbed<T>(store: &Store, mut look: impl FnMut(&mut Proposal<'_>) -> Result<T>, disturb: impl FnOnce()) -> Outcome<T> {
    let mut disturb = Some(disturb);
    let outcome = store.conditional(Durability::Synced, |p| {
        let seen = look(p)?;
        if let Some(disturb) = disturb.take() {
            disturb();
        }
        Ok(seen)
    });
    outcome.expect("conditional")
}

/// G0: the writes of two transactions do not mix. The second one does not get the turn; of two conditional ones each is whole.
#[test]
fn g0_dirty_write() {
    let store = store();
    let first = store.begin_write().expect("the turn");
    set(&first, (1, 11));
    expect_busy(&store);
    set(&first, (2, 21));
    first.commit().expect("commit");
    assert_eq!(now(&store), [(1, 11), (2, 21)]);

    let outcome = disturbed(
        &store,
        |p| {
            p.insert("t", &[1], &[13])?;
            p.insert("t", &[2], &[23])
        },
        || write(&store, &[(1, 12), (2, 22)]),
    );
    assert_eq!((outcome.repeated, now(&store)), (true, vec![(1, 13), (2, 23)]));
}

/// G1a: what a transaction wrote that was then dropped is seen by nobody, neither before nor after.
#[test]
fn g1a_aborted_read() {
    let store = store();
    let before = now(&store);
    let aborted = store.begin_write().expect("the turn");
    set(&aborted, (1, 101));
    aborted.create_table("u").expect("table");
    assert_eq!(now(&store), before);
    let looked = store.conditional(Durability::Synced, |p| read(p, 1)).expect("no change, no turn");
    assert_eq!(looked.value, Some(10));
    drop(aborted);
    assert_eq!(now(&store), before);
    assert_eq!(get(&store.begin_write().expect("the turn"), 1), Some(10));
    assert_eq!(store.snapshot().reader().tables().len(), 1);
    // A conditional transaction whose work fails behind its proposals is dropped as well.
    let failed = store.conditional(Durability::Synced, |p| {
        p.insert("t", &[1], &[101])?;
        p.get("no such table", b"").map(|found| found.is_some())
    });
    assert_eq!(failed.expect_err("no such table").kind(), ErrorKind::NotFound);
    assert_eq!(now(&store), before);
}

fn slow_store() -> (Arc<SimulatedDisk>, Checked<Store>) {
    let disk = SimulatedDisk::new();
    let store = begin(drive::small_options().segment_bytes(1 << 20).open_on(Arc::clone(&disk) as Arc<dyn Disk>));
    (disk, store)
}

/// G1a, by a sync that fails: the writer behind builds on a commit that is not durable yet, and may read it; it learns at its own commit, also an empty one, that it failed. Nobody
/// else saw it.
#[test]
fn g1a_writer_behind_a_failed_commit() {
    for has_changes in [true, false] {
        let (disk, store) = slow_store();
        thread::scope(|scope| {
            let gate = disk.close_gate(Kind::Sync);
            let first = scope.spawn(|| {
                let txn = store.begin_write().expect("the turn");
                set(&txn, (1, 101));
                txn.commit().expect_err("its sync fails").kind()
            });
            disk.await_waiting(1);
            let second = store.begin_write().expect("the turn");
            assert_eq!(get(&second, 1), Some(101));
            if has_changes {
                set(&second, (2, 102));
            }
            disk.fail(Some(Fault { kinds: &[Kind::Sync], at: 0, sticky: false, error: ErrorKind::Io, done: Done::Nothing }));
            drop(gate);
            assert_eq!(first.join().expect("no panic"), ErrorKind::Unknown);
            let refused = second.commit().expect_err("what it was built on failed").kind();
            assert!(matches!(refused, ErrorKind::Unknown | ErrorKind::Poisoned), "{refused:?}");
        });
        assert_eq!(now(&store), [(1, 10), (2, 20)]);
        drop(store.unchecked());
    }
}

/// G1b: what a transaction wrote first and replaced later, or rolled back, is seen by nobody.
#[test]
fn g1b_intermediate_read() {
    let store = store();
    let mut txn = store.begin_write().expect("the turn");
    set(&txn, (1, 101));
    assert_eq!(now(&store), [(1, 10), (2, 20)]);
    let savepoint = txn.savepoint();
    set(&txn, (2, 102));
    txn.rollback_to(&savepoint).expect("roll back");
    let open_before = store.snapshot();
    set(&txn, (1, 11));
    txn.commit().expect("commit");
    assert_eq!((rows(&open_before), now(&store)), (vec![(1, 10), (2, 20)], vec![(1, 11), (2, 20)]));

    let outcome = store.conditional(Durability::Synced, |p| {
        p.insert("t", &[1], &[101])?;
        assert_eq!(now(&store), [(1, 11), (2, 20)]);
        p.insert("t", &[1], &[12])
    });
    assert_eq!((outcome.expect("conditional").version, now(&store)), (Some(3), vec![(1, 12), (2, 20)]));
}

/// G1c: of two transactions that each write one key and read the other's, one sees the other's write.
#[test]
fn g1c_circular_information_flow() {
    let store = store();
    let first = store.begin_write().expect("the turn");
    set(&first, (1, 11));
    expect_busy(&store);
    assert_eq!(get(&first, 2), Some(20));
    first.commit().expect("commit");
    let second = store.begin_write().expect("the turn");
    set(&second, (2, 22));
    assert_eq!(get(&second, 1), Some(11));
    second.commit().expect("commit");

    let mut inner = None;
    let outer = disturbed(
        &store,
        |p| {
            p.insert("t", &[1], &[13])?;
            read(p, 2)
        },
        || {
            let outcome = store.conditional(Durability::Synced, |p| {
                p.insert("t", &[2], &[24])?;
                read(p, 1)
            });
            inner = Some(outcome.expect("conditional").value);
        },
    );
    assert_eq!((inner, outer.value), (Some(Some(11)), Some(24)));
    assert_eq!(now(&store), [(1, 13), (2, 24)]);
}

/// OTV: of a transaction that was seen once nothing vanishes: whoever sees one of its writes sees all of them, and what overtakes it whole.
#[test]
fn otv_observed_transaction_vanishes() {
    let store = store();
    let mut shown = vec![store.snapshot()];
    for pair in [[(1, 11), (2, 19)], [(1, 12), (2, 18)]] {
        let txn = store.begin_write().expect("the turn");
        for row in pair {
            set(&txn, row);
            shown.push(store.snapshot());
        }
        txn.commit().expect("commit");
        shown.push(store.snapshot());
    }
    let versions: Vec<_> = shown.iter().map(|snapshot| (snapshot.version(), rows(snapshot))).collect();
    let expected = [vec![(1, 10), (2, 20)], vec![(1, 11), (2, 19)], vec![(1, 12), (2, 18)]];
    let right = [1, 1, 1, 2, 2, 2, 3].map(|version| (version, expected[version as usize - 1].clone()));
    assert_eq!(versions, right);

    // A conditional observer that is overtaken between its two reads.
    let mut seen = Vec::new();
    let looked = store.conditional(Durability::Synced, |p| {
        let first = read(p, 1)?;
        write(&store, &[(1, 13), (2, 17)]);
        seen.push((first, read(p, 2)?));
        Ok(())
    });
    assert_eq!((looked.expect("conditional").version, seen), (None, vec![(Some(12), Some(18))]));
}

/// PMP: a predicate that is read twice holds the same rows; a transaction that writes by a predicate does so as of its version.
#[test]
fn pmp_predicate_many_preceders() {
    let store = store();
    let snapshot = store.snapshot();
    let thirties = |snapshot: &Snapshot| rows(snapshot).into_iter().filter(|(_, value)| *value == 30).count();
    assert_eq!(thirties(&snapshot), 0);
    write(&store, &[(3, 30)]);
    assert_eq!((thirties(&snapshot), thirties(&store.snapshot())), (0, 1));

    // Removes what holds 20 while somebody adds ten to everything: what holds 20 then goes.
    let txn = store.begin_write().expect("the turn");
    expect_busy(&store);
    drop(txn);
    let outcome = disturbed(
        &store,
        |p| {
            let mut found = Vec::new();
            p.scan("t", (Bound::Unbounded, Bound::Unbounded), |key, value| {
                if value == [20] {
                    found.push(key.to_vec());
                }
                Ok(())
            })?;
            found.iter().try_for_each(|key| p.remove("t", key))?;
            Ok(found)
        },
        || write(&store, &[(1, 20), (2, 30), (3, 40)]),
    );
    assert_eq!((outcome.value, outcome.repeated), (vec![vec![1]], true));
    assert_eq!(now(&store), [(2, 30), (3, 40)]);
}

/// P4: of two increments none is lost.
#[test]
fn p4_lost_update() {
    let store = store();
    let txn = store.begin_write().expect("the turn");
    let found = get(&txn, 1).expect("there");
    expect_busy(&store);
    set(&txn, (1, found + 1));
    txn.commit().expect("commit");

    let increment = |p: &mut Proposal<'_>| {
        let found = read(p, 1)?.expect("there");
        p.insert("t", &[1], &[found + 1])
    };
    let outcome = disturbed(&store, increment, || {
        store.conditional(Durability::Memory, increment).expect("conditional");
    });
    assert_eq!((outcome.repeated, now(&store)), (true, vec![(1, 13), (2, 20)]));
    // Written without being asked for: what is proposed was looked at all the same.
    let outcome = disturbed(&store, |p| p.insert("t", &[2], &[21]), || write(&store, &[(2, 22)]));
    assert_eq!((outcome.repeated, now(&store)), (true, vec![(1, 13), (2, 21)]));
    // Proposed as it is there, and changed meanwhile: not lost either.
    let outcome = disturbed(
        &store,
        |p| {
            p.insert("t", &[1], &[13])?;
            p.insert("t", &[3], &[33])
        },
        || write(&store, &[(1, 14)]),
    );
    assert_eq!((outcome.repeated, now(&store)), (true, vec![(1, 13), (2, 21), (3, 33)]));
}

/// G-single: who read one key before a commit reads the other one as of then, too: by key, by range, in another table, and when it decides by that.
#[test]
fn g_single_read_skew() {
    let store = store();
    let snapshot = store.snapshot();
    let reader = snapshot.reader();
    let table = reader.table("t").expect("table");
    assert_eq!(table.get(&[1]).expect("get"), Some(&[10][..]));
    let mut range = table.iter().expect("range");
    assert_eq!(range.next().expect("an entry").expect("an entry").1, [10]);
    let txn = store.begin_write().expect("the turn");
    set(&txn, (1, 12));
    set(&txn, (2, 18));
    txn.create_table("u").expect("table");
    txn.commit().expect("commit");
    assert_eq!(table.get(&[2]).expect("get"), Some(&[20][..]));
    assert_eq!(range.next().expect("an entry").expect("an entry").1, [20]);
    assert_eq!(snapshot.reader().table("u").map(|_| ()).expect_err("not then").kind(), ErrorKind::NotFound);

    let outcome = disturbed(
        &store,
        |p| {
            let seen = (read(p, 1)?, read(p, 2)?);
            p.insert("t", &[3], &[seen.0.unwrap_or(0) + seen.1.unwrap_or(0)])?;
            Ok(seen)
        },
        || write(&store, &[(1, 15), (2, 16)]),
    );
    assert_eq!((outcome.value, now(&store)), ((Some(15), Some(16)), vec![(1, 15), (2, 16), (3, 31)]));
}

/// G-single, by a predicate: a transaction that looks for rows and writes a row by that does not pass by rows that came meanwhile.
#[test]
fn g_single_by_predicate() {
    let store = store();
    let outcome = disturbed(
        &store,
        |p| {
            let found = threes(p)?;
            p.insert("t", &[4], &[found.len() as u8])?;
            Ok(found)
        },
        || write(&store, &[(3, 12)]),
    );
    assert_eq!((outcome.value, outcome.repeated), (vec![(3, 12)], true));
    assert_eq!(now(&store), [(1, 10), (2, 20), (3, 12), (4, 1)]);
}

/// G2-item: two that read both keys and write one each do not both decide by the old ones.
#[test]
fn g2_item_write_skew() {
    let store = store();
    // Each takes 25 from its key if the two have so much together.
    let take = |p: &mut Proposal<'_>, from: u8| {
        let (one, two) = (read(p, 1)?.expect("there"), read(p, 2)?.expect("there"));
        let is_enough = one + two >= 25;
        if is_enough {
            p.insert("t", &[from], &[0])?;
        }
        Ok(is_enough)
    };
    let mut inner = None;
    let outer = disturbed(
        &store,
        |p| take(p, 1),
        || inner = Some(store.conditional(Durability::Synced, |p| take(p, 2)).expect("conditional").value),
    );
    assert_eq!((inner, outer.value, outer.version, outer.repeated), (Some(true), false, None, true));
    assert_eq!(now(&store), [(1, 10), (2, 0)]);
    // By the turn the second one does not begin.
    let txn = store.begin_write().expect("the turn");
    assert_eq!((get(&txn, 1), get(&txn, 2)), (Some(10), Some(0)));
    expect_busy(&store);
}

/// G2: two that look for rows, find none, and add one each: the second one finds the first one's. The same by a key that was missing, by a missing table, by a range of one, by a table that
/// vanishes, and by one that was dropped and made anew.
#[test]
fn g2_anti_dependency_cycle() {
    type Find = fn(&Proposal<'_>) -> Result<bool>;
    type Disturb = fn(&WriteTxn) -> Result<()>;
    fn or_missing(found: Result<bool>) -> Result<bool> {
        match found {
            Err(e) if e.kind() == ErrorKind::NotFound => Ok(false),
            found => found,
        }
    }
    fn any(p: &Proposal<'_>, table: &str) -> Result<bool> {
        let mut any = false;
        p.scan(table, (Bound::Unbounded, Bound::Unbounded), |_, _| {
            any = true;
            Ok(())
        })?;
        Ok(any)
    }
    let attempts: [(&str, Find, Disturb); 6] = [
        ("predicate", |p| Ok(!threes(p)?.is_empty()), |txn| txn.open_table("t")?.insert(&[3], &[30])),
        ("missing key", |p| Ok(p.get("t", &[3])?.is_some()), |txn| txn.open_table("t")?.insert(&[3], &[31])),
        (
            "missing table",
            |p| or_missing(p.get("locks", b"a").map(|found| found.is_some())),
            |txn| txn.create_table("locks")?.insert(b"a", b""),
        ),
        ("range of a missing table", |p| or_missing(any(p, "locks")), |txn| txn.create_table("locks")?.insert(b"b", b"")),
        (
            "table that vanishes",
            |p| or_missing(any(p, "empty")),
            |txn| {
                txn.drop_table("empty")?;
                txn.create_table("gone").map(drop)
            },
        ),
        (
            "table made anew",
            |p| or_missing(any(p, "empty")),
            |txn| {
                txn.drop_table("empty")?;
                txn.create_table("empty")?.insert(b"c", b"")
            },
        ),
    ];
    for (name, find, disturb) in attempts {
        let store = store();
        let txn = store.begin_write().expect("the turn");
        txn.create_table("empty").expect("table");
        txn.commit().expect("commit");
        let outcome = disturbed(
            &store,
            |p| {
                let is_there = find(p)?;
                if !is_there {
                    p.insert("t", &[4], &[42])?;
                }
                Ok(is_there)
            },
            || {
                let txn = store.begin_write().expect("the turn");
                disturb(&txn).expect("changes");
                txn.commit().expect("commit");
            },
        );
        assert!(outcome.repeated, "{name}");
        // A table that is gone holds nothing either; everybody else finds what was put there.
        let finds = name != "table that vanishes";
        assert_eq!((outcome.value, outcome.version.is_none()), (finds, finds), "{name}");
        assert_eq!(now(&store).contains(&(4, 42)), !finds, "{name}");
    }
}

/// G2, read-only anomaly (Fekete and others): a transaction that only reads does not see an order that the commits around it rule out.
#[test]
fn g2_two_edges_with_a_reader() {
    let store = store();
    let mut seen = None;
    let outer = disturbed(
        &store,
        |p| {
            let found = (read(p, 1)?, read(p, 2)?);
            p.insert("t", &[1], &[0])?;
            Ok(found)
        },
        || {
            write(&store, &[(2, 25)]);
            let looked = store.conditional(Durability::Synced, |p| Ok((read(p, 1)?, read(p, 2)?)));
            seen = Some(looked.expect("conditional").value);
        },
    );
    // The reader saw the second write without the first one's; so the first one must have seen the second's.
    assert_eq!((seen, outer.value, outer.repeated), (Some((Some(10), Some(25))), (Some(10), Some(25)), true));
    assert_eq!(now(&store), [(1, 0), (2, 25)]);
}

/// Real time: whoever begins behind an acknowledged commit, of any durability, sees it; a version that was seen once is the least that is seen from then on.
#[test]
fn stale_read() {
    let store = store();
    for (n, durability) in [Durability::Memory, Durability::Deferred, Durability::Synced].into_iter().cycle().take(30).enumerate()
    {
        let mut txn = store.begin_write().expect("the turn");
        txn.set_durability(durability);
        set(&txn, (1, n as u8));
        let version = txn.commit().expect("commit");
        assert_eq!((store.version(), store.snapshot().version()), (version, version));
        let looked = store.conditional(durability, |p| Ok((p.version(), read(p, 1)?))).expect("conditional");
        assert_eq!(looked.value, (version, Some(n as u8)));
        assert_eq!(get(&store.begin_write().expect("the turn"), 1), Some(n as u8));
    }
}

/// Conditional transactions that touch what nobody else touched are not repeated: serialisable does not mean one at a time.
#[test]
fn disjoint_work_is_not_repeated() {
    let store = store();
    let outcome = disturbed(
        &store,
        |p| {
            let found = read(p, 1)?;
            p.insert("t", &[1], &[11])?;
            Ok(found)
        },
        || write(&store, &[(2, 21), (3, 31)]),
    );
    assert_eq!((outcome.value, outcome.version, outcome.repeated), (Some(10), Some(3), false));
    assert_eq!(now(&store), [(1, 11), (2, 21), (3, 31)]);
}
