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

/// Groups and rows that come in an index's order, the row's key behind its columns, are those that a sort gives: from both ends, with NULLs, up to limits.
#[test]
fn orders_of_indexes_are_those_of_sorts() {
    let (_, mut rng) = crate::types::sample::seeded("orders_of_indexes_are_those_of_sorts");
    let mut without = 0;
    for unique in ["", "UNIQUE "] {
        let bench = Bench::new(&[
            "CREATE TABLE t (id BIGINT, part INT, a INT, b VARCHAR, x INT, PRIMARY KEY (part, id))",
            &format!("CREATE {unique}INDEX t_a ON t (a, {})", if unique.is_empty() { "b" } else { "b, id" }),
        ]);
        for id in 0..200 {
            let b = if rng.u8(..4) == 0 { Value::Null } else { Value::from(rng.char('p'..='r').to_string()) };
            let row = [Value::Int(id), Value::Int(rng.i64(0..3)), small(&mut rng, 5), b, Value::Int(id % 7)];
            bench.connection.execute("INSERT INTO t VALUES (?, ?, ?, ?, ?)", row).unwrap();
        }
        let text_of = |query: &str| {
            let rows = bench.connection.query(query, ()).unwrap();
            rows.iter()
                .map(|row| format!("{:?}", (0..3).map(|at| row.value(at).unwrap().clone()).collect::<Vec<_>>()))
                .collect::<Vec<_>>()
        };
        for (query, keys) in [
            ("SELECT a, count(*), min(x) FROM t GROUP BY a ORDER BY a", &["a"][..]),
            ("SELECT a, b, count(*) FROM t GROUP BY b, a HAVING count(*) > 1 ORDER BY a, b", &["a", "b"]),
            ("SELECT a, group_concat(b), max(part) FROM t GROUP BY a ORDER BY a", &["a"]),
            ("SELECT a, b, part FROM t ORDER BY a, b, part, id", &["a", "b", "part", "id"]),
            ("SELECT a, part, id FROM t WHERE b = 'q' AND a = 2 ORDER BY part, id, x", &["part", "id"]),
            ("SELECT id, part, b FROM t WHERE a IS NULL ORDER BY a, b, part, id", &["b", "part", "id"]),
            ("SELECT part, id, x FROM t WHERE a = 3 AND b IS NULL AND x < 5 ORDER BY part, id", &["part", "id"]),
        ] {
            for (limit, descending) in [("", false), (" LIMIT 3", false), (" LIMIT 3 OFFSET 2", true), ("", true)] {
                let (head, order) = query.split_once(" ORDER BY ").unwrap();
                let way = if descending { " DESC" } else { "" };
                let order: Vec<String> = order.split(", ").map(|key| format!("{key}{way}")).collect();
                // The sign of what is sorted is no column of an index: NULLs are told apart first.
                let sorted: Vec<String> = keys.iter().map(|key| format!("coalesce({key}, NULL, NULL, {key}){way}")).collect();
                let by_index = format!("{head} ORDER BY {}{limit}", order.join(", "));
                let by_sort = match head.contains("GROUP BY") {
                    true => format!("SELECT * FROM ({head}) AS g ORDER BY {}{limit}", sorted.join(", ")),
                    false => format!("{head} ORDER BY {}{limit}", sorted.join(", ")),
                };
                assert_eq!(text_of(&by_index), text_of(&by_sort), "{by_index}");
                let plan = bench.connection.query(&format!("EXPLAIN {by_index}"), ()).unwrap();
                let plan: Vec<String> = plan.iter().map(|line| line.get(0).unwrap()).collect();
                without += usize::from(!plan.iter().any(|line| line.contains("sort by")));
                let plan = bench.connection.query(&format!("EXPLAIN {by_sort}"), ()).unwrap();
                assert!(plan.iter().any(|line| line.get::<String>(0).unwrap().contains("sort by")), "{by_sort} sorts");
            }
        }
    }
    assert!(without >= 24, "{without} of 56 need no sort");
}
