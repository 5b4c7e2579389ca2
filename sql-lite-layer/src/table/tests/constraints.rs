//! Each constraint, case by case: tables, rows, a statement, and what stands there afterwards or what the error is.

use super::*;

/// Runs `statement`, steps parted by `;`: `+t row`, `-t key`, `t key = row`. `expected`: the tables afterwards, or `!` with the SQLSTATE and a piece of the message.
#[track_caller]
fn check(tables: &str, rows: &str, statement: &str, expected: &str) {
    let db = Db::with(tables);
    db.run(|changes| steps(&db, changes, rows)).unwrap();
    let result = db.run(|changes| steps(&db, changes, statement));
    let seen = match result {
        Ok(()) => shown(&db),
        Err(e) => {
            let (state, piece) = expected.trim_start_matches('!').split_once(' ').unwrap_or((&expected[1..], ""));
            assert!(e.sqlstate() == state && e.message().contains(piece.trim()), "{e:?}, not {expected}");
            return;
        }
    };
    assert_eq!(seen, expected, "after {statement}");
}

fn steps(db: &Db, changes: &mut Changes<'_>, steps: &str) -> Result<()> {
    for step in steps.split(';').map(str::trim).filter(|step| !step.is_empty()) {
        let (name, rest) = step.split_once(' ').unwrap();
        let table = db.table(name.trim_start_matches(['+', '-']));
        let key = |text: &str| match table.primary.is_empty() {
            true => rows::hidden_key(text.trim().parse().unwrap()),
            false => {
                let mut key = Vec::new();
                row(text).iter().for_each(|value| crate::encode::key::push(&mut key, value));
                key
            }
        };
        match rest.split_once('=') {
            _ if name.starts_with('+') => changes.insert(&table, &row(rest))?,
            _ if name.starts_with('-') => drop(changes.delete(&table, &key(rest))?),
            Some((old, new)) => changes.update(&table, &key(old), &row(new))?,
            None => panic!("no step: {step}"),
        }
    }
    Ok(())
}

/// `t 1 2, 3 NULL; u 1`
fn shown(db: &Db) -> String {
    let tables = db.schema.tables.values().map(|table| {
        let rows = db.rows(&table.name).into_values().map(|row| row.iter().map(Value::to_string).collect::<Vec<_>>().join(" "));
        format!("{} {}", table.name, rows.collect::<Vec<_>>().join(", "))
    });
    tables.map(|table| table.trim().to_owned()).collect::<Vec<_>>().join("; ")
}

/// NOT NULL is checked for new and changed rows; NULL in other columns is nothing special.
#[test]
fn not_null() {
    check("t: id* a! b", "", "+t 1 2 NULL", "t 1 2 NULL");
    check("t: id* a! b", "", "+t 1 NULL 3", "!23502 \"a\" of table \"t\"");
    check("t: id* a! b", "", "+t NULL 2 3", "!23502 \"id\"");
    check("t: id* a! b", "+t 1 2 3", "t 1 = 1 NULL 3", "!23502 \"a\"");
    check("t: id* a! b", "+t 1 2 3", "+t 2 2 2; +t 3 NULL 3", "!23502");
}

/// No two rows have one primary key, or equal values without NULL in a unique key; the error names the key and the values.
#[test]
fn unique_keys() {
    check("t: id* u^", "+t 1 1", "+t 1 2", "!23505 \"t_pk\" of table \"t\": (id) = (1)");
    check("t: id* u^", "+t 1 1", "+t 2 1", "!23505 \"t_u\" of table \"t\": (u) = (1)");
    check("t: id* u^", "+t 1 NULL", "+t 2 NULL; +t 3 3", "t 1 NULL, 2 NULL, 3 3");
    check("t: a* b* c ^(c,b)", "+t 1 1 1", "+t 1 2 1; +t 2 1 NULL; +t 3 1 NULL", "t 1 1 1, 1 2 1, 2 1 NULL, 3 1 NULL");
    check("t: a* b* c ^(c,b)", "+t 1 1 1", "+t 2 1 1", "!23505 (c, b) = (1, 1)");
    check("t: u^ a #(a)", "+t 1 5; +t NULL 5", "+t 1 6", "!23505");
    check("t: u^ a #(a)", "+t 1 5; +t NULL 5", "t 2 = 2 5; -t 1; +t 1 5", "t 2 5, 1 5");
    check("t: id* u^", "+t 1 1; +t 2 2", "t 2 = 2 1", "!23505 \"t_u\"");
    check("t: id* u^", "+t 1 1; +t 2 2", "t 2 = 1 2", "!23505 \"t_pk\"");
    check("t: id* u^", "+t 1 1; +t 2 2", "t 2 = 2 2; t 1 = 1 1", "t 1 1, 2 2");
}

/// Rows may take each other's unique keys within a statement: what counts is the end.
#[test]
fn unique_keys_swap() {
    check("t: id* u^ a #(a)", "+t 1 1 1; +t 2 2 2; +t 3 3 3", "t 1 = 2 1 1; t 2 = 3 2 2; t 3 = 4 3 3", "t 2 1 1, 3 2 2, 4 3 3");
    check("t: id* u^", "+t 1 1; +t 2 2", "t 1 = 2 2; t 2 = 1 1", "t 1 1, 2 2");
    check("t: id* u^", "+t 1 1; +t 2 2", "t 1 = 1 2; t 2 = 2 1", "t 1 2, 2 1");
    check("t: id* u^", "+t 1 1; +t 2 2", "t 1 = 2 5; t 2 = 2 6", "!23505 \"t_pk\" of table \"t\": (id) = (2)");
    check("t: id* u^", "+t 1 1; +t 2 2; +t 3 3", "t 1 = 1 2; t 3 = 3 1", "!23505 \"t_u\" of table \"t\": (u) = (2)");
    // Not if children follow: they could not tell the old owner of a key from the new one.
    check("p: id* | c: id* p p>p.id/cc", "+p 1; +p 2; +c 1 1; +c 2 2", "p 1 = 2; p 2 = 3", "!23505");
    check("p: id* | c: id* p p>p.id/cc", "+p 1; +p 2; +c 1 1; +c 2 2", "p 2 = 3; p 1 = 2", "c 1 2, 2 3; p 2, 3");
    check("p: id* | c: id* p p>p.id/rr", "+p 1; +p 2; +c 1 1; +c 2 2", "p 1 = 2; p 2 = 1", "c 1 1, 2 2; p 1, 2");
}

/// A row needs the parent that it names, by primary or unique key, when the statement ends; NULL names none.
#[test]
fn parents() {
    let tables = "p: id* u^ | c: id* p u p>p.id/rr u>p.u/rr";
    check(tables, "+p 1 10", "+c 1 1 10; +c 2 NULL 10; +c 3 1 NULL", "c 1 1 10, 2 NULL 10, 3 1 NULL; p 1 10");
    check(tables, "+p 1 10", "+c 1 2 10", "!23503 foreign key \"c_0\" of table \"c\": table \"p\" has no row for (p) = (2)");
    check(tables, "+p 1 10", "+c 1 1 11", "!23503 (u) = (11)");
    check(tables, "+p 1 10; +c 1 1 10", "c 1 = 1 2 10", "!23503 (p) = (2)");
    check(tables, "+p 1 10; +c 1 1 10", "c 1 = 7 1 NULL", "c 7 1 NULL; p 1 10");
    check(tables, "", "+c 1 2 NULL; +p 2 NULL", "c 1 2 NULL; p 2 NULL");
    check(tables, "", "+c 1 2 NULL; c 1 = 1 NULL NULL", "c 1 NULL NULL; p");
    let composite = "p: a* b* c ^(c,b) | c: x y z (x,y)>p.(b,a)/rr (y,z)>p.(b,c)/rr";
    check(composite, "+p 1 2 3", "+c 2 1 NULL; +c NULL 2 3; +c 9 NULL 9", "c 2 1 NULL, NULL 2 3, 9 NULL 9; p 1 2 3");
    check(composite, "+p 1 2 3", "+c 1 2 NULL", "!23503 (x, y) = (1, 2)");
    check(composite, "+p 1 2 3", "+c NULL 2 4", "!23503 (y, z) = (2, 4)");
}

/// A parent that is needed stays, unless what needs it goes in the same statement.
#[test]
fn restrict() {
    let tables = "p: id* a | c: id* p p>p.id/rr";
    check(
        tables,
        "+p 1 1; +c 1 1",
        "-p 1",
        "!23503 a row of table \"p\" is needed by foreign key \"c_0\" of table \"c\": (p) = (1)",
    );
    check(tables, "+p 1 1; +c 1 1", "p 1 = 2 1", "!23503 is needed by");
    check(tables, "+p 1 1; +c 1 1", "p 1 = 1 2", "c 1 1; p 1 2");
    check(tables, "+p 1 1; +c 1 1", "-p 1; -c 1", "c; p");
    check(tables, "+p 1 1; +c 1 1", "-p 1; +p 1 9", "c 1 1; p 1 9");
    check(tables, "+p 1 1; +p 2 1; +c 1 1", "-p 1; c 1 = 1 2", "c 1 2; p 2 1");
    check(tables, "+p 1 1; +p 2 1; +c 1 1", "-p 2", "c 1 1; p 1 1");
    let to_unique = "p: id* u^ | c: id* u u>p.u/rr";
    check(to_unique, "+p 1 5; +p 2 NULL; +c 1 5; +c 2 NULL", "-p 2; p 1 = 9 5", "c 1 5, 2 NULL; p 9 5");
    check(to_unique, "+p 1 5; +c 1 5", "p 1 = 1 6", "!23503");
    check(to_unique, "+p 1 5; +c 1 5", "p 1 = 1 NULL", "!23503");
}

/// What a foreign key says happens to its rows, several tables deep; each row only once.
#[test]
fn cascades() {
    let deep = "a: id* | b: id* a a>a.id/cc | c: id* b b>b.id/cc | d: id* c c>c.id/cc";
    let rows = "+a 1; +a 2; +b 1 1; +b 2 1; +b 3 2; +c 1 1; +c 2 2; +c 3 3; +d 1 1; +d 2 2; +d 3 3; +d 4 NULL";
    check(deep, rows, "-a 1", "a 2; b 3 2; c 3 3; d 3 3, 4 NULL");
    check(deep, rows, "-a 1; -a 2", "a; b; c; d 4 NULL");
    check(deep, rows, "a 1 = 5; b 1 = 9 1", "a 2, 5; b 2 5, 3 2, 9 5; c 1 9, 2 2, 3 3; d 1 1, 2 2, 3 3, 4 NULL");
    check(deep, rows, "a 1 = 5", "a 2, 5; b 1 5, 2 5, 3 2; c 1 1, 2 2, 3 3; d 1 1, 2 2, 3 3, 4 NULL");
    let keys = "a: id* | b: a* n* a>a.id/cc | c: a n x* (a,n)>b.(a,n)/cc";
    check(keys, "+a 1; +b 1 1; +b 1 2; +c 1 2 7", "a 1 = 8", "a 8; b 8 1, 8 2; c 8 2 7");
    check(keys, "+a 1; +b 1 1; +b 1 2; +c 1 2 7", "-b 1 2", "a 1; b 1 1; c");
    let mixed = "p: id* | n: id* p p>p.id/nn | d: id* p=9 p>p.id/dd | r: id* p p>p.id/rr";
    check(mixed, "+p 1; +p 9; +n 1 1; +d 1 1", "-p 1", "d 1 9; n 1 NULL; p 9; r");
    check(mixed, "+p 1; +p 9; +n 1 1; +d 1 1", "p 1 = 2", "d 1 9; n 1 NULL; p 2, 9; r");
    check(mixed, "+p 1; +d 1 1", "-p 1", "!23503 foreign key \"d_0\" of table \"d\": table \"p\" has no row for (p) = (9)");
    check(mixed, "+p 9; +d 1 9", "-p 9", "!23503");
    check(mixed, "+p 1; +p 9; +n 1 1; +d 1 1; +r 1 1", "-p 1", "!23503 \"r_0\"");
    check("p: id* | n: id* p! p>p.id/nn", "+p 1; +n 1 1", "-p 1", "!23502 \"p\" of table \"n\"");
    check("p: id* | n: id* p ?p p>p.id/nc", "+p 1; +n 1 1", "-p 1", "!23514 n_p");
    check("p: id* | n: id* p ?p p>p.id/nc", "+p 1; +n 1 1", "p 1 = 5", "n 1 5; p 5");
    check("p: id* | n: p^ p>p.id/cd", "+p 1; +p 2; +n 1; +n 2", "p 1 = 2", "!23505");
    let diamond = "a: id* | b: id* a a>a.id/cc | c: id* a a>a.id/cc | d: id* b c b>b.id/cc c>c.id/rr";
    check(diamond, "+a 1; +b 1 1; +c 1 1; +d 1 1 1", "-a 1", "a; b; c; d");
    check(diamond, "+a 1; +b 1 NULL; +c 1 1; +d 1 1 1", "-a 1", "!23503 \"d_1\"");
}

/// A table may refer to itself, and tables to each other in a circle.
#[test]
fn circles() {
    let own = "t: id* up up>t.id/cc";
    check(own, "", "+t 1 1", "t 1 1");
    check(own, "", "+t 2 1; +t 1 2", "t 1 2, 2 1");
    check(own, "", "+t 2 1", "!23503");
    check(own, "+t 1 1; +t 2 1; +t 3 2; +t 4 4", "-t 1", "t 4 4");
    check(own, "+t 1 2; +t 2 1", "-t 2", "t");
    check(own, "+t 1 1; +t 2 1; +t 3 2", "t 1 = 9 1", "t 2 9, 3 2, 9 9");
    // The statement's own rows were computed before the cascade.
    check(own, "+t 1 NULL; +t 2 1; +t 3 2", "t 3 = 13 2; t 2 = 12 1; t 1 = 11 NULL", "t 11 NULL, 12 11, 13 12");
    check("t: id* up up>t.id/rr", "+t 1 1; +t 2 1", "-t 1; -t 2", "t");
    check("t: id* up up>t.id/rr", "+t 1 1; +t 2 1", "-t 1", "!23503");
    check("t: id* up up>t.id/nn", "+t 1 1; +t 2 1; +t 3 2", "-t 1", "t 2 NULL, 3 2");
    let mut db = Db::with("a: id* b | b: id* a a>a.id/cc");
    let (a, b) = (db.table("a").id, db.table("b").id);
    let key = ForeignKey {
        name: "back".to_owned(),
        columns: vec![1],
        table: b,
        referenced: vec![0],
        on_delete: Action::Cascade,
        on_update: Action::Cascade,
    };
    db.define(|txn, schema| cat::add_foreign_key(txn, schema, a, key, &|| Ok(()))).unwrap();
    db.run(|changes| steps(&db, changes, "+a 1 1; +b 1 1; +a 2 1; +b 2 NULL")).unwrap();
    db.run(|changes| steps(&db, changes, "-b 1")).unwrap();
    assert_eq!(shown(&db), "a; b 2 NULL");
}

/// A chain of references as long as the table is followed without recursion.
#[test]
fn long_chains() {
    let db = Db::with("t: id* up up>t.id/cc");
    let rows: Vec<_> =
        (1..=20_000).map(|id| vec![Value::Int(id), if id > 1 { Value::Int(id - 1) } else { Value::Null }]).collect();
    db.insert("t", &rows).unwrap();
    std::thread::scope(|scope| {
        let small = std::thread::Builder::new().stack_size(256 << 10);
        small.spawn_scoped(scope, || db.run(|changes| steps(&db, changes, "-t 1")).unwrap()).unwrap();
    });
    assert_eq!(shown(&db), "t");
}

/// `conflict` finds the row in the way, of the key that was asked for.
#[test]
fn conflicts() {
    let db = Db::with("t: id* u^ a b ^(b,a) | h: a^");
    db.insert("t", &[row("1 10 5 6"), row("2 NULL 5 7")]).unwrap();
    db.insert("h", &[row("3")]).unwrap();
    let (t, h) = (db.table("t"), db.table("h"));
    db.run(|changes| {
        let key = |id: i64| Some(rows::hidden_key(id));
        for (new, columns, expected) in [
            ("1 9 9 9", None, key(1)),
            ("3 10 9 9", None, key(1)),
            ("3 NULL 5 7", None, key(2)),
            ("3 NULL NULL 7", None, None),
            ("3 11 5 8", None, None),
            ("1 10 5 7", Some(&[2, 3][..]), key(2)),
            ("1 11 5 8", Some(&[1][..]), None),
            ("2 10 5 8", Some(&[1][..]), key(1)),
            ("2 10 5 8", Some(&[0][..]), key(2)),
        ] {
            assert_eq!(changes.conflict(&t, &row(new), columns).unwrap(), expected, "{new} {columns:?}");
        }
        assert_eq!(changes.conflict(&h, &row("3"), None).unwrap(), key(1));
        assert_eq!(changes.conflict(&t, &row("2 10 5 8"), Some(&[2])).unwrap_err().sqlstate(), "42P10");
        Ok(())
    })
    .unwrap();
}

/// Numbers of identity columns and sequences count on, also from numbers given by hand; what is undone was not given.
#[test]
fn counters() {
    let mut db = Db::new();
    let mut table = table(&db.schema, "t: id* down");
    table.columns[0].identity = Some(IdentityColumn { always: false, start: 1, increment: 1 });
    table.columns[1].identity = Some(IdentityColumn { always: false, start: -5, increment: -10 });
    db.define(|txn, schema| cat::create_table(txn, schema, table).map(drop)).unwrap();
    let t = db.table("t");
    let next = |changes: &mut Changes<'_>| {
        let row = vec![Value::Int(changes.next_identity(&t, 0)?), Value::Int(changes.next_identity(&t, 1)?)];
        changes.insert(&t, &row)?;
        Ok(())
    };
    db.run(|changes| next(changes).and_then(|()| next(changes))).unwrap();
    db.insert("t", &[row("10 -2"), row("7 -20")]).unwrap();
    db.run(next).unwrap();
    db.run(|changes| next(changes).and_then(|()| changes.insert(&t, &row("10 1")))).unwrap_err();
    db.run(next).unwrap();
    assert_eq!(shown(&db), "t 1 -5, 2 -15, 7 -20, 10 -2, 11 -30, 12 -40");
    db.insert("t", &[vec![Value::Int(i64::MAX), Value::Int(0)]]).unwrap();
    assert_eq!(db.run(next).unwrap_err().sqlstate(), "2200H");
}
