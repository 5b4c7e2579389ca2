//! Tables loaded and emptied as a whole.

use super::*;
use crate::table::bulk;

/// A bulk load is what inserts are, in an empty table and in one with rows; what violates a constraint is refused.
#[test]
fn loads_are_inserts() {
    for already in ["", "1000 1 1"] {
        let make = || {
            let db = Db::with("p: id* | t: id* u^ p #(p,u) p>p.id/rr");
            db.insert("p", &[row("1"), row("2")]).unwrap();
            if !already.is_empty() {
                db.insert("t", &[row(already)]).unwrap();
            }
            db
        };
        let rows: Vec<_> =
            (0..500i64).rev().map(|n| vec![Value::Int(n * 7 % 500), Value::Int(n + 7), Value::Int(1 + n % 2)]).collect();
        let (one, other) = (make(), make());
        one.insert("t", &rows).unwrap();
        assert_eq!(load_into(&other, &rows).unwrap(), 500);
        assert_eq!(one.rows("t"), other.rows("t"));
        for (bad, state) in [("3 3 NULL", "23505"), ("900 7 NULL", "23505"), ("900 NULL 9", "23503"), ("NULL 9 NULL", "23502")] {
            let db = make();
            let rows: Vec<_> = rows.iter().cloned().chain([row(bad)]).collect();
            assert_eq!(load_into(&db, &rows).unwrap_err().sqlstate(), state, "{bad}");
            assert_eq!(db.rows("t").len(), usize::from(!already.is_empty()));
        }
    }
}

fn load_into(db: &Db, rows: &[Vec<Value<'static>>]) -> Result<u64> {
    let txn = db.store.begin_write()?;
    let count = bulk::load(&txn, &db.schema, db.table("t").id, rows.iter().cloned().map(Ok))?;
    txn.commit()?;
    db.check();
    Ok(count)
}

/// TRUNCATE empties a table and its indexes, unless another table refers to its rows.
#[test]
fn truncation() {
    let db = Db::with("p: id* up up>p.id/rr | c: id* p p>p.id/cc");
    db.insert("p", &[row("1 1"), row("2 1")]).unwrap();
    db.insert("c", &[row("1 NULL"), row("2 2")]).unwrap();
    let truncate = |name: &str| {
        let txn = db.store.begin_write()?;
        let count = bulk::truncate(&txn, &db.schema, db.table(name).id)?;
        txn.commit()?;
        db.check();
        Ok::<_, Error>(count)
    };
    assert_eq!(truncate("p").unwrap_err().sqlstate(), "23503");
    db.run(|changes| changes.update(&db.table("c"), &rows::hidden_key(2), &row("2 NULL"))).unwrap();
    assert_eq!((truncate("p").unwrap(), truncate("c").unwrap(), truncate("c").unwrap()), (2, 2, 0));
}
