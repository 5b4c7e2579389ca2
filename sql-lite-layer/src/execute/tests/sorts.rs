//! Sorting, limits, DISTINCT.

use super::*;
use crate::plan::node::{Sort, SortKey};
use crate::types::sample::seeded;

/// A sort by two keys is the stable sort of the list, whatever the directions and places of NULLs; and with a limit it is the beginning of that.
#[test]
fn sorts_are_stable_and_limits_take_their_beginning() {
    let (seed, mut rng) = seeded("sorts_are_stable_and_limits_take_their_beginning");
    let bench = Bench::new(&[]);
    for round in 0..200 {
        // Some are longer than the runs that a sort merges.
        let count = if round % 50 == 0 { 40_000 } else { rng.usize(0..40) };
        let rows: Vec<Row> =
            random_rows(&mut rng, count, 2, 4).into_iter().zip(0..).map(|(row, n)| [row, vec![Value::Int(n)]].concat()).collect();
        let keys: Vec<SortKey> =
            (0..2).map(|n| SortKey { expr: slot(n), descending: rng.bool(), nulls_first: rng.bool() }).collect();
        let mut expected = rows.clone();
        expected.sort_by(|a, b| {
            let orders = keys.iter().zip(a.iter().zip(b)).map(|(key, (a, b))| match (a, b) {
                (Value::Null, Value::Null) => std::cmp::Ordering::Equal,
                (Value::Null, _) => {
                    if key.nulls_first {
                        std::cmp::Ordering::Less
                    } else {
                        std::cmp::Ordering::Greater
                    }
                }
                (_, Value::Null) => {
                    if key.nulls_first {
                        std::cmp::Ordering::Greater
                    } else {
                        std::cmp::Ordering::Less
                    }
                }
                (a, b) => {
                    if key.descending {
                        crate::types::order(b, a)
                    } else {
                        crate::types::order(a, b)
                    }
                }
            });
            orders.fold(std::cmp::Ordering::Equal, std::cmp::Ordering::then)
        });
        let sort = |top| Node::Sort(Box::new(Sort { input: values(&rows, 0, 3), keys: keys.clone(), keep: slots(0..3), top }));
        assert_eq!(bench.rows(sort(None), &slots(0..3)), expected, "seed {seed}, round {round}");
        let (limit, offset) = (rng.usize(0..50), rng.usize(0..20));
        let top = Some((Some(constant(limit as i64)), Some(constant(offset as i64))));
        let limited = Node::Limit {
            input: Box::new(sort(top)),
            limit: Some(constant(limit as i64)),
            offset: Some(constant(offset as i64)),
        };
        let expected: Vec<Row> = expected.into_iter().skip(offset).take(limit).collect();
        assert_eq!(bench.rows(limited, &slots(0..3)), expected, "seed {seed}, round {round}, limit {limit} offset {offset}");
    }
}

/// DISTINCT gives the first of equal rows, NULLs being equal, in their order.
#[test]
fn distinct_gives_the_first_of_equal_rows() {
    let (seed, mut rng) = seeded("distinct_gives_the_first_of_equal_rows");
    let bench = Bench::new(&[]);
    for round in 0..100 {
        let count = rng.usize(0..40);
        let rows = random_rows(&mut rng, count, 3, 3);
        let mut expected: Vec<Row> = Vec::new();
        for row in &rows {
            if !expected.iter().any(|seen| seen[..2] == row[..2]) {
                expected.push(row.clone());
            }
        }
        let node = Node::Distinct { input: Box::new(values(&rows, 0, 3)), on: slots(0..2) };
        assert_eq!(bench.rows(node, &slots(0..3)), expected, "seed {seed}, round {round}");
    }
}
