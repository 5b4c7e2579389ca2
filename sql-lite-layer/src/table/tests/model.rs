//! Random statements beside a model: rows in a map, for each savepoint its own.

use super::*;
use treering::Savepoint;

/// Rows by their key, of the tables `t` and `h`.
type Model = [Rows; 2];

struct Run {
    random: fastrand::Rng,
    tables: [Arc<Table>; 2],
    schema: Arc<Schema>,
    /// One statement's memory is the next one's.
    buffers: Buffers,
}

/// After any sequence of statements, failures and rollbacks each table is what the model says, and each index equals its table.
#[test]
#[allow(clippy::print_stdout, reason = "a failing test shows its seed")]
fn tables_follow_the_model() {
    let seed = std::env::var("TREERING_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(0x5117);
    for seed in seed..seed + 40 {
        println!("seed {seed}");
        let db = Db::with("t: id* u^ a b #(a) #(b,a) ^(a,u) | h: u^ a b #(a,b)");
        let mut db = db;
        // Text in one indexed column: with bytes that are escaped, and values that stand out of line.
        for name in ["t", "h"] {
            let (id, at) = (db.table(name).id, db.table(name).columns.len() - 1);
            db.define(|txn, schema| cat::set_type(txn, schema, id, at, DataType::TEXT, &mut |value| Ok(value), &|| Ok(())))
                .unwrap();
        }
        let tables = [db.table("t"), db.table("h")];
        let mut run =
            Run { random: fastrand::Rng::with_seed(seed), tables, schema: Arc::clone(&db.schema), buffers: Buffers::default() };
        let mut model = Model::default();
        for _ in 0..6 {
            model = run.transaction(&db, model);
            for (table, rows) in run.tables.iter().zip(&model) {
                assert_eq!(db.rows(&table.name), *rows);
            }
            db.check();
        }
    }
}

impl Run {
    fn transaction(&mut self, db: &Db, before: Model) -> Model {
        let mut txn = db.store.begin_write().unwrap();
        let mut model = before.clone();
        let mut savepoints: Vec<(Savepoint, Model)> = Vec::new();
        for _ in 0..self.random.usize(1..20) {
            match self.random.u8(0..10) {
                0 => savepoints.push((txn.savepoint(), model.clone())),
                1 if !savepoints.is_empty() => {
                    savepoints.truncate(self.random.usize(1..=savepoints.len()));
                    let (savepoint, then) = savepoints.last().unwrap();
                    txn.rollback_to(savepoint).unwrap();
                    model = then.clone();
                }
                _ => self.statement(&mut txn, &mut model),
            }
            let open = Open::new(&txn);
            assert_eq!(verify(open.tables(), &self.schema), Vec::<String>::new());
            for (table, rows) in self.tables.iter().zip(&model) {
                assert_eq!(rows_of(open.tables(), table), *rows);
            }
        }
        if self.random.u8(0..5) == 0 {
            return before;
        }
        txn.commit().unwrap();
        model
    }

    /// Rows of one table are added, changed or removed. If it fails, it is undone by its journal or by a savepoint.
    fn statement(&mut self, txn: &mut WriteTxn, model: &mut Model) {
        let number = self.random.usize(0..2);
        let table = Arc::clone(&self.tables[number]);
        let mut rows = model[number].clone();
        let keys: Vec<Vec<u8>> = rows.keys().cloned().collect();
        let kind = self.random.u8(0..3);
        let with_journal = self.random.bool();
        let savepoint = txn.savepoint();
        let mut changes = Changes::new(txn, Arc::clone(&self.schema));
        if with_journal {
            changes = changes.with_undo(&mut self.buffers);
        }
        let (mut expected, mut result) = (true, Ok(()));
        let (mut seen, mut moved) = (std::collections::BTreeSet::new(), Vec::new());
        for _ in 0..self.random.usize(1..6) {
            let key = (!keys.is_empty()).then(|| keys[self.random.usize(0..keys.len())].clone());
            let row = self.row(&table);
            match (kind, key) {
                (0, _) => {
                    let last = rows.keys().next_back().map_or(0, |key| {
                        match crate::encode::key::take(&mut &key[..], &DataType::BIGINT) {
                            Ok(Value::Int(number)) => number,
                            other => panic!("{other:?}"),
                        }
                    });
                    let key = if table.primary.is_empty() { rows::hidden_key(last + 1) } else { rows::row_key(&table, &row) };
                    expected &= rows.insert(key, row.clone()).is_none() && is_unique(&table, &rows);
                    result = changes.insert(&table, &row);
                }
                (1, Some(key)) => {
                    if !seen.insert(key.clone()) {
                        continue;
                    }
                    rows.remove(&key).unwrap();
                    result = changes.update(&table, &key, &row);
                    moved.push((if table.primary.is_empty() { key } else { rows::row_key(&table, &row) }, row));
                }
                (2, Some(key)) => {
                    let was = rows.remove(&key).is_some();
                    result = changes.delete(&table, &key).map(|removed| assert_eq!(removed, was));
                }
                _ => (),
            }
            if result.is_err() {
                break;
            }
        }
        // Updates meet each other at the end.
        expected &= moved.into_iter().all(|(key, row)| rows.insert(key, row).is_none()) && is_unique(&table, &rows);
        let outcome = match result {
            Ok(()) => changes.finish_into(&mut self.buffers),
            Err(e) => {
                match with_journal {
                    true => changes.undo().unwrap(),
                    false => drop(changes),
                }
                Err(e)
            }
        };
        match &outcome {
            Ok(()) => assert!(expected, "rows that are not unique were taken"),
            Err(e) => assert!(!expected && e.sqlstate() == "23505", "refused: {e:?}"),
        }
        match outcome {
            Ok(()) => model[number] = rows,
            Err(_) if with_journal => (),
            Err(_) => txn.rollback_to(&savepoint).unwrap(),
        }
    }

    fn row(&mut self, table: &Table) -> Vec<Value<'static>> {
        let number = |random: &mut fastrand::Rng| match random.u8(0..4) {
            0 => Value::Null,
            _ => Value::Int(random.i64(-3..12)),
        };
        let mut row: Vec<_> = table.columns.iter().map(|_| number(&mut self.random)).collect();
        for at in &table.primary {
            row[*at] = Value::Int(self.random.i64(-300..300) / 10);
        }
        let text = match self.random.u8(0..6) {
            0 => Value::Null,
            1 => Value::Text("x".repeat(self.random.usize(0..9000)).into()),
            _ => Value::Text(["", "\0", "\0\u{1}", "a", "ab", "\u{ff}"][self.random.usize(0..6)].into()),
        };
        let last = row.len() - 1;
        row[last] = text;
        row
    }
}

fn is_unique(table: &Table, rows: &Rows) -> bool {
    table.indexes.iter().filter(|index| index.unique).all(|index| {
        let mut seen = std::collections::BTreeSet::new();
        let mut keys = rows.values().map(|row| index.columns.iter().map(|at| row[*at].to_string()).collect::<Vec<_>>());
        keys.all(|key| key.contains(&"NULL".to_owned()) || seen.insert(key))
    })
}

/// Whatever random statements do to tables that refer to each other in all ways: foreign keys hold, and a statement that fails changes nothing.
#[test]
#[allow(clippy::print_stdout, reason = "a failing test shows its seed")]
fn references_hold() {
    for seed in 1..40 {
        println!("seed {seed}");
        let mut random = fastrand::Rng::with_seed(seed);
        let db = Db::with(
            "a: id* u^ up up>a.id/cc | b: id* x y=1 x>a.u/nc y>a.id/dd | c: x* n* z x>b.id/cc z>a.u/rr | d: x n w (x,n)>c.(x,n)/cn w>b.id/dc",
        );
        let tables = ["a", "b", "c", "d"].map(|name| db.table(name));
        let (mut kept, mut refused) = (0, 0);
        for _ in 0..120 {
            let result = db.run(|changes| {
                let table = &tables[random.usize(0..4)];
                let kind = random.u8(0..5);
                for _ in 0..random.usize(1..4) {
                    let mut row: Vec<_> = table.columns.iter().map(|_| Value::Int(random.i64(1..6))).collect();
                    if let Some(at) = (0..row.len()).find(|_| random.u8(0..4) == 0)
                        && !table.primary.contains(&at)
                    {
                        row[at] = Value::Null;
                    }
                    let keys: Vec<_> = rows_of(changes.tables(), table).into_keys().collect();
                    let key = (!keys.is_empty()).then(|| &keys[random.usize(0..keys.len())]);
                    match (kind, key) {
                        (0, Some(key)) => drop(changes.delete(table, key)?),
                        (1, Some(key)) => changes.update(table, key, &row)?,
                        _ => changes.insert(table, &row)?,
                    }
                }
                Ok(())
            });
            match result {
                Ok(()) => kept += 1,
                Err(e) => {
                    assert!(["23502", "23503", "23505"].contains(&e.sqlstate()), "{e:?}");
                    refused += 1;
                }
            }
        }
        assert!(kept > 5 && refused > 5, "{kept} kept, {refused} refused");
    }
}
