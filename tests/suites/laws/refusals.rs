//! What cannot be is refused by a clear error of the right kind, and changes nothing.

use std::ops::Bound;
use std::time::Duration;

use treering::{Durability, ErrorKind, Options, Result};

use crate::{expect, key, put, store, value};

#[track_caller]
fn kind<T>(result: Result<T>) -> ErrorKind {
    match result {
        Ok(_) => panic!("it was not refused"),
        Err(e) => {
            assert!(format!("{e:?}").ends_with(&e.to_string()), "what people see says the kind and the rest");
            e.kind()
        }
    }
}

/// Options beyond their ranges are `Invalid` and named, before anything is made.
#[test]
fn options_beyond_their_ranges_are_refused() {
    let wrong: [(&str, Options); 10] = [
        ("page_len", Options::new().page_len(5000)),
        ("page_len", Options::new().page_len(1 << 17)),
        ("segment_bytes", Options::new().segment_bytes(4096)),
        ("segment_bytes", Options::new().segment_bytes((16 << 10) + 1)),
        ("record_bytes", Options::new().record_bytes(0)),
        ("record_bytes", Options::new().record_bytes(1 << 30)),
        ("dirty_bytes", Options::new().dirty_bytes(1)),
        ("compact_below", Options::new().compact_below(1.5)),
        ("compact_below", Options::new().compact_below(f64::NAN)),
        ("permissions", Options::new().permissions(0o1777)),
    ];
    for (name, options) in wrong {
        let disk = treering_tests::SimulatedDisk::new();
        let refused = options.background(false).open_on(std::sync::Arc::clone(&disk) as _).expect_err("it was not refused");
        assert_eq!(refused.kind(), ErrorKind::Invalid);
        assert!(refused.to_string().contains(name), "{refused}");
        assert_eq!(disk.position(), 0, "{name}: something was written");
    }
}

/// A table is open once in a transaction; while it is, it is neither renamed nor dropped. Names are taken once, and have 1 to 1,024 bytes. The transaction goes on.
#[test]
fn tables_in_use_and_taken_names_are_refused() {
    let (_disk, store) = store();
    put(&store, 0..5, 0, 20).expect("a commit");
    let txn = store.begin_write().expect("the turn");
    {
        let _other = txn.create_table("other").expect("a table");
        assert_eq!(kind(txn.open_table("other")), ErrorKind::InUse);
        assert_eq!(kind(txn.ensure_table("other")), ErrorKind::InUse);
        assert_eq!(kind(txn.rename_table("other", "new")), ErrorKind::InUse);
        assert_eq!(kind(txn.drop_table("other")), ErrorKind::InUse);
        assert_eq!(kind(txn.create_table("t")), ErrorKind::Exists);
    }
    assert_eq!(kind(txn.rename_table("t", "other")), ErrorKind::Exists);
    assert_eq!(kind(txn.rename_table("nothing", "new")), ErrorKind::NotFound);
    assert_eq!(kind(txn.drop_table("nothing")), ErrorKind::NotFound);
    assert_eq!(kind(txn.open_table("nothing")), ErrorKind::NotFound);
    txn.rename_table("t", "t").expect("its own name is no other's");
    for name in ["", &"n".repeat(1025)] {
        assert_eq!(kind(txn.create_table(name)), ErrorKind::Invalid);
        assert_eq!(kind(txn.rename_table("t", name)), ErrorKind::Invalid);
    }
    drop(txn.create_table(&"n".repeat(1024)).expect("the longest name"));
    let mut tables = txn.tables();
    tables.sort();
    assert_eq!(tables, ["n".repeat(1024).as_str(), "other", "t"]);
    txn.commit().expect("a commit");
    expect(&store.snapshot(), 5, 0, 20);
}

/// A key beyond 65,535 bytes and a load into a table that has entries are `Invalid`; the longest key is not. What was there stays.
#[test]
fn entries_that_cannot_be_are_refused() {
    let (_disk, store) = store();
    put(&store, 0..5, 0, 20).expect("a commit");
    let txn = store.begin_write().expect("the turn");
    let mut table = txn.open_table("t").expect("the table");
    assert_eq!(kind(table.insert(&[7; 65_536], b"")), ErrorKind::Invalid);
    table.insert(&[7; 65_535], b"longest").expect("the longest key");
    assert_eq!(table.take(&[7; 65_535]).expect("a get").as_deref(), Some(&b"longest"[..]));
    assert_eq!(kind(table.load_sorted([(b"a", b"b")])), ErrorKind::Invalid);
    assert_eq!(kind(table.load_unsorted([(b"a", b"b")])), ErrorKind::Invalid);
    table
        .update(&key(9), |old| {
            assert_eq!(old, None);
            None
        })
        .expect("nothing becomes nothing");
    assert_eq!(table.remove_range((Bound::Excluded(&key(3)), Bound::Included(&key(2)))).expect("an empty range"), 0);
    drop(table);
    let mut other = txn.create_table("loaded").expect("a table");
    assert_eq!(kind(other.load_sorted([(b"b", b""), (b"a", b"")])), ErrorKind::Invalid);
    drop(other);
    drop(txn);
    expect(&store.snapshot(), 5, 0, 20);
}

/// L5: a conditional transaction whose turn does not come in time is `TimedOut`, and changes nothing; one that has nothing to change waits for no turn.
#[test]
fn l5_conditional_transactions_give_up_waiting() {
    let (_disk, store) = store();
    put(&store, 0..5, 0, 20).expect("a commit");
    let turn = store.begin_write().expect("the turn");
    let change = |to: u64| {
        store.conditional_within(Duration::ZERO, Durability::Synced, |p| {
            assert_eq!(p.version(), 1);
            p.insert("t", &key(0), &value(0, to, 20))
        })
    };
    assert_eq!(kind(change(1)), ErrorKind::TimedOut);
    assert_eq!(change(0).expect("it is so already").version, None);
    drop(turn);
    assert_eq!(change(2).expect("the turn is free").version, Some(2));
    let snapshot = store.snapshot();
    let reader = snapshot.reader();
    assert_eq!(reader.table("t").expect("the table").get(&key(0)).expect("a get"), Some(&value(0, 2, 20)[..]));
}

/// First and last of a table, and whether it is empty, of a snapshot and of a table being changed.
#[test]
fn ends_of_a_table() {
    let (_disk, store) = store();
    let txn = store.begin_write().expect("the turn");
    drop(txn.create_table("empty").expect("a table"));
    txn.commit().expect("a commit");
    put(&store, 3..900, 0, 20).expect("a commit");
    let snapshot = store.snapshot();
    let reader = snapshot.reader();
    let (table, empty) = (reader.table("t").expect("the table"), reader.table("empty").expect("the table"));
    assert_eq!((table.is_empty(), empty.is_empty()), (false, true));
    assert!(empty.first().expect("no error").is_none() && empty.last().expect("no error").is_none());
    let key_of = |entry: treering::Result<Option<(treering::Key, &[u8])>>| entry.expect("no error").expect("an entry").0.to_vec();
    assert_eq!((key_of(table.first()), key_of(table.last())), (key(3).to_vec(), key(899).to_vec()));
    let txn = store.begin_write().expect("the turn");
    let table = txn.open_table("t").expect("the table");
    assert_eq!((key_of(table.first()), key_of(table.last())), (key(3).to_vec(), key(899).to_vec()));
    assert_eq!((table.rank(&key(2)).expect("a rank"), table.rank(&key(5)).expect("a rank")), (0, 2));
    assert!(!table.is_empty());
}

/// A table that was leaked while it was open keeps its transaction from being committed, and the table from being renamed or dropped; the next transaction has its turn, and nothing is lost or changed. In a
/// process of its own: what was leaked keeps the epoch of its process from moving on, for ever, and every store in it waits in vain for what readers might read.
#[test]
fn leaked_tables_are_refused() {
    if std::env::var_os("TREERING_LEAK").is_none() {
        let mut command = std::process::Command::new(std::env::current_exe().expect("this program"));
        command.args(["--exact", "refusals::leaked_tables_are_refused", "--nocapture"]).env("TREERING_LEAK", "yes");
        let output = command.output().expect("a process");
        let told = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success() && told.contains("1 passed"), "{told}{}", String::from_utf8_lossy(&output.stderr));
        return;
    }
    let (_disk, store) = store();
    put(&store, 0..5, 0, 20).expect("a commit");
    let txn = store.begin_write().expect("the turn");
    let mut table = txn.open_table("t").expect("the table");
    table.insert(&key(0), b"never").expect("an insert");
    std::mem::forget(table);
    assert_eq!(kind(txn.open_table("t")), ErrorKind::InUse);
    assert_eq!(kind(txn.rename_table("t", "new")), ErrorKind::InUse);
    assert_eq!(kind(txn.drop_table("t")), ErrorKind::InUse);
    assert_eq!(txn.tables(), ["t"]);
    assert_eq!(kind(txn.commit()), ErrorKind::InUse);
    expect(&store.snapshot(), 5, 0, 20);
    put(&store, 0..5, 1, 20).expect("a commit");
    expect(&store.snapshot(), 5, 1, 20);
}

/// A refusal of the system carries what the system said; one of our own has no other cause. What is printed of handles says whose they are, and nothing that is in them.
#[test]
fn refusals_have_their_cause_and_handles_their_names() {
    use std::error::Error;
    let missing = std::path::Path::new("no such folder").join("a.ring");
    let refused = Options::new().open_read_only(&missing).expect_err("it was not refused");
    assert_eq!(refused.kind(), ErrorKind::NotFound);
    assert!(refused.source().is_some_and(|cause| refused.to_string().contains(&cause.to_string())), "{refused}");
    let (_disk, store) = store();
    put(&store, 0..5, 0, 20).expect("a commit");
    let txn = store.begin_write().expect("the turn");
    let ours = txn.open_table("nothing").map(drop).expect_err("it was not refused");
    assert!(ours.source().is_none());
    assert!(format!("{:?}", *store).contains("version: 1"));
    assert_eq!(format!("{:?}", store.snapshot()), "Snapshot { version: 1 }");
    assert!(format!("{txn:?}").starts_with("WriteTxn { durability: Synced"), "{txn:?}");
}
