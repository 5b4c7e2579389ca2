//! Typed tables are ordered maps of their types, whatever bytes those become.

use std::collections::BTreeMap;
use std::ops::Bound;

use treering::{Def, ErrorKind, Of, Store, TypedTableMut};
use treering_tests::Seed;

use crate::store;

type Key = (String, i64);
const JOBS: Def<(Of<str>, Of<i64>), str> = Def::new("jobs");

/// Names that are prefixes of each other, that hold zeros, and that are empty; numbers on both sides of zero.
fn key(rng: &mut fastrand::Rng) -> Key {
    let name = ["", "\0", "\0\0", "a", "a\0", "a\0b", "aa", "größe"][rng.usize(..8)];
    (name.to_owned(), rng.i64(-20..20))
}

fn bounds(rng: &mut fastrand::Rng) -> (Bound<Key>, Bound<Key>) {
    let (a, b) = (key(rng), key(rng));
    let (low, high) = if a <= b { (a, b) } else { (b, a) };
    let low = match rng.u8(..3) {
        0 => Bound::Unbounded,
        1 => Bound::Included(low),
        _ => Bound::Excluded(low),
    };
    (low, if rng.bool() { Bound::Included(high) } else { Bound::Unbounded })
}

fn lent(bound: &Bound<Key>) -> Bound<(&str, i64)> {
    bound.as_ref().map(|(name, number)| (name.as_str(), *number))
}

/// One random change to both.
fn change(table: &mut TypedTableMut<'_, (Of<str>, Of<i64>), str>, map: &mut BTreeMap<Key, String>, rng: &mut fastrand::Rng) {
    let k = key(rng);
    let at = (k.0.as_str(), k.1);
    match rng.u8(..12) {
        0 => {
            let (low, high) = bounds(rng);
            let within: Vec<Key> = map.range((low.clone(), high.clone())).map(|(k, _)| k.clone()).collect();
            assert_eq!(table.remove_range((lent(&low), lent(&high))).expect("a range"), within.len() as u64);
            map.retain(|k, _| !within.contains(k));
        }
        1..=3 => assert_eq!(table.remove(at).expect("a removal"), map.remove(&k).is_some()),
        _ => {
            let value = format!("{} of {k:?}", rng.u32(..));
            table.insert(at, &value).expect("an insert");
            map.insert(k.clone(), value);
        }
    }
    assert_eq!(table.get((k.0.as_str(), k.1)).expect("a get"), map.get(&k).map(String::as_str));
    assert_eq!((table.len(), table.is_empty()), (map.len() as u64, map.is_empty()));
}

/// Everything that can be asked of the table that was committed is as in the map.
fn compare(store: &Store, map: &BTreeMap<Key, String>, rng: &mut fastrand::Rng) {
    let snapshot = store.snapshot();
    let reader = snapshot.reader();
    let table = JOBS.open(&reader).expect("the table");
    assert_eq!((table.len(), table.is_empty()), (map.len() as u64, map.is_empty()));
    assert_eq!(table.untyped().len(), table.len());
    for _ in 0..8 {
        let (low, high) = bounds(rng);
        let expected: Vec<_> = map.range((low.clone(), high.clone())).map(|(k, v)| (k.clone(), v.as_str())).collect();
        let range = || table.range((lent(&low), lent(&high))).expect("a range").map(|entry| entry.expect("an entry"));
        assert_eq!(range().collect::<Vec<_>>(), expected);
        let mut back: Vec<_> =
            table.range((lent(&low), lent(&high))).expect("a range").rev().map(|e| e.expect("an entry")).collect();
        back.reverse();
        assert_eq!(back, expected);
        let k = key(rng);
        assert_eq!(table.get((k.0.as_str(), k.1)).expect("a get"), map.get(&k).map(String::as_str));
        assert_eq!(table.rank((k.0.as_str(), k.1)).expect("a rank"), map.range(..k).count() as u64);
    }
    let n = rng.u64(..map.len() as u64 + 2);
    let expected = map.iter().nth(n as usize).map(|(k, v)| (k.clone(), v.as_str()));
    assert_eq!(table.nth(n).expect("the nth"), expected);
}

/// Typed tables answer as a map of the typed keys does: keys order as their values do, ranges take typed bounds from both ends, ranks count.
#[test]
fn typed_tables_are_ordered_maps() {
    let (_disk, store) = store();
    let mut rng = Seed::of("typed_tables_are_ordered_maps").rng();
    let mut map = BTreeMap::new();
    assert_eq!(JOBS.name(), "jobs");
    for round in 0..40 {
        let txn = store.begin_write().expect("the turn");
        {
            let mut table = if round == 0 { JOBS.ensure(&txn) } else { JOBS.open_mut(&txn) }.expect("the table");
            for _ in 0..rng.usize(..30) {
                change(&mut table, &mut map, &mut rng);
            }
            let all: Vec<_> = table.range(..).expect("a range").map(|entry| entry.expect("an entry").0).collect();
            assert_eq!(all, map.keys().cloned().collect::<Vec<_>>());
        }
        txn.commit().expect("a commit");
        compare(&store, &map, &mut rng);
    }
}

/// An entry of another type is `Invalid`, by get, nth and range; a range goes on behind it. The bytes stay.
#[test]
fn typed_entries_of_another_type_are_invalid() {
    const NUMBERS: Def<u32, u64> = Def::new("numbers");
    const FLAGS: Def<bool, ()> = Def::new("flags");
    let (_disk, store) = store();
    let txn = store.begin_write().expect("the turn");
    {
        let mut table = NUMBERS.ensure(&txn).expect("the table");
        (1..=3).for_each(|n| table.insert(n, u64::from(n)).expect("an insert"));
        table.untyped().insert(&2_u32.to_be_bytes(), b"short").expect("bytes of another type");
        table.untyped().insert(b"key", b"").expect("a key of another type");
        assert_eq!(table.get(2).expect_err("no number").kind(), ErrorKind::Invalid);
        let mut flags = FLAGS.ensure(&txn).expect("the table");
        flags.insert(true, ()).expect("an insert");
        flags.untyped().insert(&[7], b"").expect("no flag");
        assert_eq!(flags.get(true).expect("a flag"), Some(()));
    }
    txn.commit().expect("a commit");
    let snapshot = store.snapshot();
    let reader = snapshot.reader();
    let table = NUMBERS.open(&reader).expect("the table");
    let kinds: Vec<_> = table.range(..).expect("a range").map(|entry| entry.map_err(|e| e.kind())).collect();
    assert_eq!(kinds, [Ok((1, 1)), Err(ErrorKind::Invalid), Ok((3, 3)), Err(ErrorKind::Invalid)]);
    assert_eq!(table.nth(1).expect_err("no number").kind(), ErrorKind::Invalid);
    let flags = FLAGS.open(&reader).expect("the table");
    assert_eq!(flags.range(..).expect("a range").map(|entry| entry.is_ok()).collect::<Vec<_>>(), [true, false]);
    assert_eq!(table.untyped().get(&2_u32.to_be_bytes()).expect("bytes"), Some(&b"short"[..]));
}
