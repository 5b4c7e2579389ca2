//! What saves work to those who open tables, put entries and read ranges often: the answers are those of the long way.

use super::*;

/// A table is found by its name whatever its place says: tables come, go and move, and other stores use the place too.
#[test]
fn places_are_guesses() {
    let place = TablePlace::new();
    let (one, other) = (small().in_memory().expect("open"), small().in_memory().expect("open"));
    let put = |store: &Store, names: &[&str]| {
        let txn = store.begin_write().expect("turn");
        for name in names {
            txn.create_table(name).expect("create").insert(b"name", name.as_bytes()).expect("insert");
        }
        txn.commit().expect("commit");
    };
    let names_itself = |store: &Store, name: &str| {
        let snapshot = store.snapshot();
        let reader = snapshot.reader();
        let found = reader.table_near(name, &place).expect("table").get(b"name").expect("get");
        assert_eq!(found, Some(name.as_bytes()));
        let txn = store.begin_write().expect("turn");
        let table = txn.open_table_near(name, &place).expect("table");
        assert_eq!(table.get(b"name").expect("get"), Some(name.as_bytes()));
    };
    put(&one, &["m"]);
    names_itself(&one, "m");
    put(&one, &["a", "z", "b"]);
    names_itself(&one, "m");
    put(&other, &["m", "n"]);
    names_itself(&other, "n");
    names_itself(&one, "z");
    names_itself(&other, "m");
    let txn = one.begin_write().expect("turn");
    txn.drop_table("a").expect("drop");
    assert_eq!(txn.open_table_near("a", &place).map(drop).expect_err("dropped").kind(), ErrorKind::NotFound);
    txn.commit().expect("commit");
    names_itself(&one, "z");
    let snapshot = one.snapshot();
    assert_eq!(snapshot.reader().table_near("a", &place).map(drop).expect_err("dropped").kind(), ErrorKind::NotFound);
    one.check().expect("sound");
    other.check().expect("sound");
}

/// `insert_new` puts what is not there and leaves what is; both survive a reopening, and a transaction that only met what was there commits nothing.
#[test]
fn new_entries_leave_old_ones() {
    let disk: Arc<dyn Disk> = Arc::new(MemoryDisk::new("test"));
    let store = small().on(Arc::clone(&disk)).expect("open");
    fill(&store, (0..1_000).filter(|i| i % 2 == 0), 0);
    let version = store.snapshot().version();
    let insert = |keys: &mut dyn Iterator<Item = u64>| {
        let txn = store.begin_write().expect("turn");
        let mut table = txn.open_table("t").expect("table");
        for i in keys {
            let value = format!("value {i} of round 1");
            assert_eq!(table.insert_new(&key(i), value.as_bytes()).expect("insert"), i % 2 == 1, "key {i}");
        }
        drop(table);
        txn.commit().expect("commit")
    };
    assert_eq!(insert(&mut (0..1_000).step_by(2)), version);
    assert_eq!(insert(&mut (0..1_000)), version + 1);
    drop(store);
    let store = small().on(disk).expect("open");
    expect(&store.snapshot(), 1_000, |i| i % 2);
    store.check().expect("sound");
}

/// A transaction knows how long a table is without opening it; of one that is open, how long it was.
#[test]
fn lengths_are_known_without_opening() {
    let store = small().in_memory().expect("open");
    fill(&store, 0..100, 0);
    let txn = store.begin_write().expect("turn");
    assert_eq!((txn.len_of("t"), txn.len_of("u")), (Some(100), None));
    let mut table = txn.open_table("t").expect("table");
    table.insert(&key(100), b"").expect("insert");
    assert_eq!(txn.len_of("t"), Some(100));
    drop(table);
    assert_eq!(txn.len_of("t"), Some(101));
    drop(txn);
    store.check().expect("sound");
}

/// Keys that are lent, and values alone, are those of the iterator, from both ends, over snapshots and open tables.
#[test]
fn lent_entries_are_the_entries() {
    let store = small().in_memory().expect("open");
    fill(&store, 0..2_000, 0);
    let snapshot = store.snapshot();
    let reader = snapshot.reader();
    let table = reader.table("t").expect("table");
    let txn = store.begin_write().expect("turn");
    let open = txn.open_table("t").expect("table");
    let (from, to) = (key(37), key(1_800));
    let bounds = (std::ops::Bound::Excluded(&from[..]), std::ops::Bound::Included(&to[..]));
    let owned: Vec<(Vec<u8>, Vec<u8>)> = table
        .range(bounds)
        .expect("range")
        .map(|entry| entry.map(|(key, value)| (key.into_vec(), value.to_vec())).expect("entry"))
        .collect();
    for mut range in [table.range(bounds).expect("range"), open.range(bounds).expect("range")] {
        let mut left = &owned[..];
        while let Some(first) = left.split_off_first() {
            let (key, value) = range.next_lent().expect("entry").expect("one more");
            assert_eq!((key, value), (&first.0[..], &first.1[..]));
            if let Some(last) = left.split_off_last() {
                let (key, value) = range.next_lent_back().expect("entry").expect("one more");
                assert_eq!((key, value), (&last.0[..], &last.1[..]));
            }
            if let (Some(second), true) = (left.first(), first.0[7] % 3 == 0) {
                assert_eq!(range.next_value().expect("entry"), Some(&second.1[..]));
                left = &left[1..];
            }
            if let (Some(last), true) = (left.last(), first.0[7] % 5 == 0) {
                assert_eq!(range.next_value_back().expect("entry"), Some(&last.1[..]));
                left = &left[..left.len() - 1];
            }
        }
        assert!(range.next_lent().expect("end").is_none() && range.next_value().expect("end").is_none());
    }
    drop(open);
    drop(txn);
    store.check().expect("sound");
}
