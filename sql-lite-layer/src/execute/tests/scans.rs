//! Ways to a table's rows against a full scan.

use super::*;
use crate::plan::node::{KeyPart, Keys};
use crate::types::sample::seeded;

/// a, b, c are a key, an index and a unique index: rows by each must be those that a filter finds.
fn filled(rng: &mut Rng) -> (Bench, Vec<Row>) {
    let bench = Bench::new(&[
        "CREATE TABLE t (a BIGINT, b BIGINT, c VARCHAR, d BIGINT, PRIMARY KEY (a, b))",
        "CREATE INDEX t_d_c ON t (d, c)",
        "CREATE UNIQUE INDEX t_c_d ON t (c, d)",
    ]);
    let insert = bench.connection.prepare("INSERT INTO t VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING").unwrap();
    for _ in 0..rng.usize(0..60) {
        let text = if rng.bool() { Value::Null } else { Value::from("x".repeat(rng.usize(0..4))) };
        let row = [Value::Int(rng.i64(0..5)), Value::Int(rng.i64(0..5)), text, small(rng, 4)];
        insert.execute(&row[..]).unwrap();
    }
    drop(insert);
    let table = bench.table("t");
    let rows = bench.rows(scan(&table, 0, Access::Full), &slots(0..4));
    (bench, rows)
}

fn random_value(rng: &mut Rng, column: usize) -> Value<'static> {
    match (rng.u8(..10), column) {
        (0, _) => Value::Null,
        (_, 2) => Value::from("x".repeat(rng.usize(0..4))),
        _ => Value::Int(rng.i64(-1..6)),
    }
}

/// What one column must be.
#[derive(Clone, Debug)]
enum Wanted {
    Equal(Value<'static>),
    Null,
    Any(Vec<Value<'static>>),
    Between(Option<(Value<'static>, bool)>, Option<(Value<'static>, bool)>),
}

impl Wanted {
    fn holds(&self, value: &Value<'static>) -> bool {
        let compare = |bound: &Value<'static>| crate::types::compare(value, bound);
        match self {
            Wanted::Equal(wanted) => compare(wanted).is_some_and(std::cmp::Ordering::is_eq),
            Wanted::Null => value.is_null(),
            Wanted::Any(any) => any.iter().any(|wanted| compare(wanted).is_some_and(std::cmp::Ordering::is_eq)),
            Wanted::Between(lower, upper) => {
                let above = |(bound, included): &(Value<'static>, bool)| {
                    compare(bound).is_some_and(|order| order.is_gt() || (*included && order.is_eq()))
                };
                let below = |(bound, included): &(Value<'static>, bool)| {
                    compare(bound).is_some_and(|order| order.is_lt() || (*included && order.is_eq()))
                };
                !value.is_null() && lower.as_ref().is_none_or(above) && upper.as_ref().is_none_or(below)
            }
        }
    }
}

/// Keys of these columns, and what they say of each.
fn random_keys(rng: &mut Rng, columns: &[usize]) -> (Keys, Vec<(usize, Wanted)>) {
    let (mut keys, mut wanted) = (Keys::default(), Vec::new());
    let equal = rng.usize(0..=columns.len());
    for column in &columns[..equal] {
        if rng.u8(..5) == 0 {
            keys.equal.push(KeyPart::IsNull);
            wanted.push((*column, Wanted::Null));
        } else {
            let value = random_value(rng, *column);
            keys.equal.push(KeyPart::Equal(Scalar::Constant(value.clone())));
            wanted.push((*column, Wanted::Equal(value)));
        }
    }
    let Some(column) = columns.get(equal).copied() else { return (keys, wanted) };
    match rng.u8(..3) {
        0 => {}
        1 => {
            let any: Vec<_> = (0..rng.usize(0..5)).map(|_| random_value(rng, column)).collect();
            keys.any = Some(any.iter().cloned().map(Scalar::Constant).collect());
            wanted.push((column, Wanted::Any(any)));
        }
        _ => {
            let lower = rng.bool().then(|| (random_value(rng, column), rng.bool()));
            let upper = rng.bool().then(|| (random_value(rng, column), rng.bool()));
            let scalar = |bound: &(Value<'static>, bool)| (Scalar::Constant(bound.0.clone()), bound.1);
            (keys.lower, keys.upper) = (lower.as_ref().map(scalar), upper.as_ref().map(scalar));
            if lower.is_some() || upper.is_some() {
                wanted.push((column, Wanted::Between(lower, upper)));
            }
        }
    }
    (keys, wanted)
}

/// By the primary key, an index and a unique index, from both ends, with rows looked up or read from the index alone: the rows are those that a filter finds, in the
/// key's order.
#[test]
fn keys_lead_to_the_rows_that_a_filter_finds() {
    let (seed, mut rng) = seeded("keys_lead_to_the_rows_that_a_filter_finds");
    for round in 0..60 {
        let (bench, rows) = filled(&mut rng);
        let table = bench.table("t");
        for _ in 0..40 {
            let way = rng.usize(0..3);
            let columns = if way == 0 { table.primary.clone() } else { table.indexes[way - 1].columns.clone() };
            let (keys, wanted) = random_keys(&mut rng, &columns);
            let mut expected: Vec<Row> =
                rows.iter().filter(|row| wanted.iter().all(|(column, wanted)| wanted.holds(&row[*column]))).cloned().collect();
            let by: Vec<usize> = columns.iter().chain(&table.primary).copied().collect();
            expected.sort_by(|a, b| {
                by.iter()
                    .map(|at| crate::types::order(&a[*at], &b[*at]))
                    .fold(std::cmp::Ordering::Equal, std::cmp::Ordering::then)
            });
            let access = |only| match way {
                0 => Access::Primary(keys.clone()),
                _ => Access::Index { index: way - 1, keys: keys.clone(), only },
            };
            for (only, reverse) in [(false, false), (false, true), (true, false), (true, true)] {
                let mut node = scan(&table, 0, access(only));
                let Node::Scan(scan) = &mut node else { unreachable!() };
                scan.reverse = reverse;
                scan.key = Some(Slot(9));
                let found = bench.rows(node, &slots(0..10));
                let mut expected = expected.clone();
                if reverse {
                    expected.reverse();
                }
                let rows: Vec<Row> = found.iter().map(|row| row[..4].to_vec()).collect();
                assert_eq!(rows, expected, "seed {seed}, round {round}, {keys:?} of way {way}, only {only}, reverse {reverse}");
                for row in &found {
                    let key = crate::table::row_key(&table, &row[..4]);
                    assert_eq!(row[9], Value::from(key), "the row's key");
                }
            }
        }
    }
}

/// The way of a lookup gives what the operators give, for whole keys, parts of keys, absent rows and NULL.
#[test]
fn lookups_are_what_operators_give() {
    let (seed, mut rng) = seeded("lookups_are_what_operators_give");
    for round in 0..40 {
        let (bench, _) = filled(&mut rng);
        let table = bench.table("t");
        for _ in 0..30 {
            let way = rng.usize(0..3);
            let columns = if way == 0 { table.primary.clone() } else { table.indexes[way - 1].columns.clone() };
            let count = rng.usize(1..=columns.len());
            let parameters: Vec<_> = columns[..count].iter().map(|column| random_value(&mut rng, *column)).collect();
            let equal = (0..count).map(|number| KeyPart::Equal(Scalar::Parameter(number as u32))).collect();
            let keys = Keys { equal, ..Keys::default() };
            let access = if way == 0 { Access::Primary(keys) } else { Access::Index { index: way - 1, keys, only: false } };
            let node =
                Node::Project { input: Box::new(scan(&table, 0, access)), exprs: vec![(Slot(7), slot(2)), (Slot(8), slot(0))] };
            let program = Program::new(query(node, &[Slot(7), Slot(8), Slot(3)]));
            assert!(program.point.is_some());
            let inputs = Inputs::new(&parameters, Some(Timestamp(0)));
            let counters = Counters::default();
            let by_operators = bench.run(&program, &Inputs { counters: Some(&counters), ..inputs.clone() }).unwrap();
            assert_eq!(bench.run(&program, &inputs).unwrap(), by_operators, "seed {seed}, round {round}, {parameters:?}");
        }
    }
}

/// A row that is older than a column has that column's first default, on both ways.
#[test]
fn rows_older_than_a_column_have_its_default() {
    let bench = Bench::new(&[
        "CREATE TABLE t (a BIGINT PRIMARY KEY)",
        "INSERT INTO t VALUES (1)",
        "ALTER TABLE t ADD COLUMN b VARCHAR DEFAULT 'old'",
        "ALTER TABLE t ADD COLUMN c VARCHAR",
    ]);
    let table = bench.table("t");
    let keys = Keys { equal: vec![KeyPart::Equal(constant(1_i64))], ..Keys::default() };
    for access in [Access::Full, Access::Primary(keys)] {
        assert_eq!(bench.rows(scan(&table, 0, access), &slots(0..3)), [vec![Value::Int(1), Value::from("old"), Value::Null]]);
    }
}
