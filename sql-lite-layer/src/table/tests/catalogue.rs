//! Changes of the schema, over tables with rows; and damaged catalogues.

use super::*;
use crate::table::schema::{Sequence, View};
use crate::table::stored::Stored;

fn example() -> Db {
    let mut db = Db::with("p: id* u^ | c: id* p a=3 #(a) p>p.id/cc ?a");
    db.define(|txn, schema| {
        let view = View { name: "V".to_owned(), columns: vec!["x".to_owned()], text: "SELECT id FROM c".to_owned() };
        cat::create_view(txn, schema, view, false)?;
        let sequence = Sequence { id: ObjectId(0), name: "s".to_owned(), start: 5, increment: 2 };
        cat::create_sequence(txn, schema, sequence)?;
        let id = schema.table("C").unwrap().id;
        cat::set_table_comment(txn, schema, id, Some("children".to_owned()))
    })
    .unwrap();
    db.insert("p", &[row("1 10"), row("2 NULL")]).unwrap();
    db.insert("c", &[row("1 1 5"), row("2 1 5"), row("3 NULL 6")]).unwrap();
    db
}

/// Bytes of the catalogue that no build wrote are an error that names the place, never a panic; a piece that is missing or too long is always found.
#[test]
fn damaged_catalogues() {
    let db = example();
    let sql = Stored::Catalogue.name();
    let snapshot = db.store.snapshot();
    let reader = snapshot.reader();
    let entries = reader.table(sql.as_str()).unwrap().iter().unwrap().map(|entry| {
        let (key, value) = entry.unwrap();
        (key.to_vec(), value.to_vec())
    });
    let entries: Vec<_> = entries.collect();
    assert_eq!(entries.len(), 5, "header, two tables, view, sequence");
    let with = |key: &[u8], value: &[u8]| {
        let txn = db.store.begin_write().unwrap();
        txn.open_table(sql.as_str()).unwrap().insert(key, value).unwrap();
        let open = Open::new(&txn);
        cat::load(open.tables())
    };
    let mut refused = 0;
    for (key, value) in &entries {
        for len in 0..value.len() {
            let e = with(key, &value[..len]).unwrap_err();
            assert!(e.sqlstate() == "XX001" && e.message().contains("catalogue"), "{e:?}");
        }
        with(key, &[&value[..], &[0]].concat()).unwrap_err();
        for at in 0..value.len() {
            for mask in [1, 0x80, 0xFF] {
                let mut changed = value.clone();
                changed[at] ^= mask;
                refused += usize::from(with(key, &changed).is_err());
            }
        }
        let mut other = key.clone();
        other.push(7);
        with(&other, value).unwrap_err();
        with(&[9], value).unwrap_err();
    }
    assert!(refused > 100, "only {refused} changes were noticed");
    let txn = db.store.begin_write().unwrap();
    txn.open_table(sql.as_str()).unwrap().remove(&[0]).unwrap();
    cat::load(Open::new(&txn).tables()).unwrap_err();
}

/// A change that fails leaves nothing behind when its savepoint is rolled back to.
#[test]
fn failed_changes_are_undone() {
    let db = example();
    let c = db.table("c");
    let mut txn = db.store.begin_write().unwrap();
    let savepoint = txn.savepoint();
    for change in 0..5 {
        let mut schema = Schema::clone(&db.schema);
        let result = match change {
            0 => cat::add_unique(&txn, &mut schema, c.id, "twice", &[2], &|| Ok(())),
            1 => cat::drop_table(&txn, &mut schema, db.table("p").id, false),
            2 => cat::set_nullable(&txn, &mut schema, c.id, 1, false, &|| Ok(())),
            3 => cat::set_type(
                &txn,
                &mut schema,
                c.id,
                2,
                DataType::TEXT,
                &mut |_| Err(Error::new(ErrorKind::Data, "no")),
                &|| Ok(()),
            ),
            _ => cat::create_table(&txn, &mut schema, table(&db.schema, "c: x")).map(drop),
        };
        let state = ["23505", "2BP01", "23502", "22000", "42P07"][change];
        assert_eq!(result.unwrap_err().sqlstate(), state, "change {change}");
        txn.rollback_to(&savepoint).unwrap();
        let open = Open::new(&txn);
        assert_eq!(format!("{:?}", cat::load(open.tables()).unwrap()), format!("{:?}", db.schema));
        assert_eq!(verify(open.tables(), &db.schema), Vec::<String>::new());
    }
}

/// A new column is there in old rows, with what was said; rows that are written hold their own.
#[test]
fn columns_are_added_and_dropped() {
    let mut db = example();
    let c = db.table("c").id;
    let mut missing = Vec::new();
    crate::encode::row::encode(&mut missing, [Value::Text("old".into())].iter());
    let added = Column { missing: Some(missing), nullable: false, ..column("t", DataType::TEXT) };
    db.define(|txn, schema| cat::add_column(txn, schema, c, added, cat::Filling::Missing, &|| Ok(()))).unwrap();
    let mut new = row("4 NULL 7");
    new.push(Value::Text("new".into()));
    db.insert("c", &[new]).unwrap();
    let texts: Vec<_> = db.rows("c").into_values().map(|row| row[3].to_string()).collect();
    assert_eq!(texts, ["old", "old", "old", "new"]);
    let add =
        |db: &mut Db, column| db.define(|txn, schema| cat::add_column(txn, schema, c, column, cat::Filling::Missing, &|| Ok(())));
    assert_eq!(add(&mut db, column("T", DataType::TEXT)).unwrap_err().sqlstate(), "42701");
    assert_eq!(add(&mut db, Column { nullable: false, ..column("n", DataType::TEXT) }).unwrap_err().sqlstate(), "23502");
    let counting =
        Column { identity: Some(IdentityColumn { always: true, start: 3, increment: 3 }), ..column("k", DataType::BIGINT) };
    add(&mut db, counting).unwrap();
    let numbers: Vec<_> = db.rows("c").into_values().map(|row| row[4].to_string()).collect();
    assert_eq!(numbers, ["3", "6", "9", "12"]);
    let drop_column = |db: &mut Db, table: &str, name: &str| {
        let table = db.table(table);
        db.define(|txn, schema| cat::drop_column(txn, schema, table.id, table.column(name).unwrap(), table.checks.clone()))
    };
    for (table, name) in [("c", "id"), ("p", "id")] {
        assert_eq!(drop_column(&mut db, table, name).unwrap_err().sqlstate(), "2BP01", "{table}.{name}");
    }
    for name in ["a", "p", "t", "k"] {
        drop_column(&mut db, "c", name).unwrap();
        assert_eq!(db.table("c").column(name), None);
    }
    assert!(db.table("c").indexes.is_empty() && db.table("c").foreign.is_empty());
    assert_eq!(drop_column(&mut db, "c", "id").unwrap_err().sqlstate(), "2BP01");
    drop_column(&mut db, "p", "u").unwrap();
    assert_eq!(db.rows("c").len(), 4);
}

/// Keys of a table with rows come and go: rows move to their new keys, and indexes with them.
#[test]
fn keys_are_added_and_dropped() {
    let mut db = example();
    let (p, c) = (db.table("p").id, db.table("c").id);
    let drop_constraint = |db: &mut Db, table, name: &str, cascade| {
        db.define(|txn, schema| cat::drop_constraint(txn, schema, table, name, cascade, &|| Ok(())))
    };
    assert_eq!(drop_constraint(&mut db, p, "p_pk", false).unwrap_err().sqlstate(), "2BP01");
    assert_eq!(drop_constraint(&mut db, p, "none", false).unwrap_err().sqlstate(), "42704");
    drop_constraint(&mut db, c, "c_pk", false).unwrap();
    assert_eq!(db.rows("c").into_keys().collect::<Vec<_>>(), [1, 2, 3].map(rows::hidden_key));
    let add_key =
        |db: &mut Db, columns: &[usize]| db.define(|txn, schema| cat::add_primary_key(txn, schema, c, None, columns, &|| Ok(())));
    let e = add_key(&mut db, &[2]).unwrap_err();
    assert!(e.sqlstate() == "23505" && e.message().contains("(a) = (5)"), "{e}");
    assert_eq!(add_key(&mut db, &[1]).unwrap_err().sqlstate(), "23502");
    add_key(&mut db, &[2, 0]).unwrap();
    assert_eq!(add_key(&mut db, &[0]).unwrap_err().sqlstate(), "42P16");
    // A foreign key to a unique key keeps it alive, until it goes along.
    let key = ForeignKey {
        name: "to_u".to_owned(),
        columns: vec![2],
        table: p,
        referenced: vec![1],
        on_delete: Action::Restrict,
        on_update: Action::Restrict,
    };
    let e = db.define(|txn, schema| cat::add_foreign_key(txn, schema, c, key.clone(), &|| Ok(()))).unwrap_err();
    assert!(e.sqlstate() == "23503" && e.message().contains("(a) = (5)"), "{e}");
    db.insert("p", &[row("5 5"), row("6 6")]).unwrap();
    db.define(|txn, schema| cat::add_foreign_key(txn, schema, c, key.clone(), &|| Ok(()))).unwrap();
    assert_eq!(drop_constraint(&mut db, p, "p_u", false).unwrap_err().sqlstate(), "2BP01");
    assert_eq!(db.define(|txn, schema| cat::drop_index(txn, schema, "p_u")).unwrap_err().sqlstate(), "2BP01");
    drop_constraint(&mut db, p, "p_u", true).unwrap();
    assert_eq!(db.table("c").foreign.len(), 1);
    drop_constraint(&mut db, c, "c_a", false).unwrap();
    drop_constraint(&mut db, c, "c_0", false).unwrap();
    assert_eq!(
        db.table("c").indexes.iter().map(|index| index.name.as_str()).collect::<Vec<_>>(),
        ["c_a"],
        "the index of the foreign key went with it"
    );
    db.define(|txn, schema| cat::drop_index(txn, schema, "C_A")).unwrap();
    let unsuitable = ForeignKey { referenced: vec![0], columns: vec![0], table: c, ..key };
    assert_eq!(
        db.define(|txn, schema| cat::add_foreign_key(txn, schema, c, unsuitable, &|| Ok(()))).unwrap_err().sqlstate(),
        "42830"
    );
}

/// Types change with the values, and not at all where every value stays what it is.
#[test]
fn types_change() {
    let mut db = example();
    let c = db.table("c").id;
    let set = |db: &mut Db, at, to| {
        db.define(|txn, schema| {
            cat::set_type(txn, schema, c, at, to, &mut |value| Ok(Value::Text(value.to_string().into())), &|| Ok(()))
        })
    };
    set(&mut db, 2, DataType::Text { max: Some(3) }).unwrap();
    set(&mut db, 2, DataType::TEXT).unwrap();
    assert_eq!(
        db.rows("c").into_values().map(|row| row[2].clone()).collect::<Vec<_>>(),
        ["5", "5", "6"].map(|text| Value::Text(text.into()))
    );
    assert_eq!(set(&mut db, 1, DataType::TEXT).unwrap_err().sqlstate(), "2BP01");
}

/// Tables go with everything that is theirs, names are free again, and numbers are not given twice.
#[test]
fn tables_go() {
    let mut db = example();
    let (p, c) = (db.table("p").id, db.table("c").id);
    assert_eq!(db.define(|txn, schema| cat::drop_table(txn, schema, p, false)).unwrap_err().sqlstate(), "2BP01");
    db.define(|txn, schema| cat::drop_table(txn, schema, p, true)).unwrap();
    assert!(db.table("c").foreign.is_empty());
    let again = table(&db.schema, "P: id* a^");
    db.define(|txn, schema| cat::create_table(txn, schema, again).map(drop)).unwrap();
    assert!(db.table("p").id > c && db.rows("p").is_empty());
    let rename = |db: &mut Db, to: &str| db.define(|txn, schema| cat::rename_table(txn, schema, c, to, Vec::new()));
    for taken in ["p", "v", "S"] {
        assert_eq!(rename(&mut db, taken).unwrap_err().sqlstate(), "42P07", "{taken}");
    }
    rename(&mut db, "C").unwrap();
    rename(&mut db, "other").unwrap();
    assert!(db.schema.table("c").is_none() && db.rows("other").len() == 3);
    db.define(|txn, schema| cat::drop_view(txn, schema, "v")).unwrap();
    db.define(cat::drop_all).unwrap();
    let snapshot = db.store.snapshot();
    let names: Vec<_> = snapshot.reader().tables().into_iter().map(|table| (table.name, table.len)).collect();
    assert_eq!(names, [("counters".to_owned(), 0), ("sql".to_owned(), 1)]);
}
