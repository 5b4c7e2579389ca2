//! `verify` finds what it is for: each kind of damage is made by hand, below the rules.

use super::*;
use crate::encode::{key, row as stored};

/// An index that lacks an entry, has one too many or names another row, a row under a foreign key, of another type or with NULL where none may be, a missing parent: each is found.
#[test]
fn damage_is_found() {
    let db = Db::with("p: id* | t: id* u^ a! p #(a) p>p.id/rr");
    db.insert("p", &[row("1"), row("2")]).unwrap();
    db.insert("t", &[row("1 1 5 1"), row("2 2 5 2")]).unwrap();
    let (p, t) = (db.table("p").id.0, db.table("t"));
    let (rows, unique, plain) = (format!("t{}", t.id.0), format!("i{}", t.indexes[0].id.0), format!("i{}", t.indexes[1].id.0));
    let keyed = |values: &str| {
        let mut bytes = Vec::new();
        row(values).iter().for_each(|value| key::push(&mut bytes, value));
        bytes
    };
    let encoded = |values: &[Value<'_>]| {
        let mut bytes = Vec::new();
        stored::encode(&mut bytes, values.iter());
        bytes
    };
    let text = [Value::Int(2), Value::Int(2), Value::Int(5), Value::Text("2".into())];
    let put = |table: &str, key: Vec<u8>, value: Vec<u8>| (table.to_owned(), key, Some(value));
    for (piece, (table, key, value)) in [
        ("is not in index \"t_a\"", (plain.clone(), keyed("5 1"), None)),
        ("has 3 entries for 2 rows", put(&plain, keyed("5 9"), Vec::new())),
        ("index \"t_u\" names another row", put(&unique, keyed("1"), keyed("2"))),
        ("stands under another key", put(&rows, keyed("3"), encoded(&row("2 2 5 2")))),
        ("is no BIGINT", put(&rows, keyed("2"), encoded(&text))),
        ("column \"a\" is NULL", put(&rows, keyed("2"), encoded(&row("2 2 NULL 2")))),
        ("cannot be read", put(&rows, keyed("2"), vec![200])),
        ("refers to a row that \"p\" does not have", (format!("t{p}"), keyed("2"), None)),
    ] {
        let txn = db.store.begin_write().unwrap();
        let mut engine = txn.open_table(&table).unwrap();
        match value {
            Some(value) => engine.insert(&key, &value).unwrap(),
            None => assert!(engine.remove(&key).unwrap()),
        }
        drop(engine);
        let found = verify(Open::new(&txn).tables(), &db.schema);
        assert!(found.iter().any(|line| line.contains(piece)), "{piece}: {found:?}");
    }
}
