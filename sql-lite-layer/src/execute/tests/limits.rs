//! Memory, cancelling and time: every operator that keeps rows or runs long.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use super::*;
use crate::error::ErrorKind;

/// Queries that keep something, and the operator that an error must name, where the optimizer has no choice.
const KEEPING: &[(&str, &str)] = &[
    ("SELECT a FROM t ORDER BY b", "ORDER BY"),
    ("SELECT a FROM t ORDER BY b LIMIT 900", "ORDER BY with LIMIT"),
    ("SELECT a + 0, count(*) FROM t GROUP BY a + 0", "GROUP BY"),
    ("SELECT count(DISTINCT a) FROM t", "GROUP BY"),
    ("SELECT group_concat(b) FROM t", "GROUP BY"),
    ("SELECT group_concat(b ORDER BY a) FROM t", "GROUP BY"),
    ("SELECT DISTINCT a, b FROM t", "DISTINCT"),
    ("SELECT a FROM t UNION SELECT a + 1 FROM t", "UNION"),
    ("SELECT a FROM t INTERSECT SELECT a + 1 FROM t", "INTERSECT"),
    ("SELECT a FROM t EXCEPT SELECT a + 1 FROM t", "EXCEPT"),
    ("SELECT x.a FROM t x FULL JOIN t y ON x.a < y.a AND x.a < 3", "join"),
    ("SELECT a FROM t WHERE a + 1 NOT IN (SELECT a FROM t)", "an IN query"),
    ("WITH w AS (SELECT a + 1 AS a FROM t) SELECT count(*) FROM w x, w y WHERE x.a = y.a", "a query read in several places"),
];

fn filled() -> Bench {
    let bench = Bench::new(&["CREATE TABLE t (a BIGINT PRIMARY KEY, b VARCHAR, c BIGINT)"]);
    let insert = bench.connection.prepare("INSERT INTO t VALUES (?, ?, ?)").unwrap();
    bench.connection.execute("BEGIN", ()).unwrap();
    for n in 0..1_000_i64 {
        insert.execute((n, format!("a text of some length, number {n}"), n % 10)).unwrap();
    }
    drop(insert);
    bench.connection.execute("COMMIT", ()).unwrap();
    bench
}

fn planned(bench: &Bench, text: &str) -> Program {
    let parsed = crate::parse::parse(text, &crate::parse::Limits::default()).unwrap().remove(0);
    Program::new(crate::optimize::optimize(crate::plan::plan(&parsed, &bench.schema()).unwrap()))
}

/// What keeps more than the statement may take ends with an error that names the operator; with enough it does not.
#[test]
fn memory_is_bounded_by_operator() {
    let bench = filled();
    for (text, operator) in KEEPING {
        let program = planned(&bench, text);
        let inputs = Inputs { memory_bytes: 4_000, ..Inputs::new(&[], Some(Timestamp(0))) };
        let error = bench.run(&program, &inputs).expect_err(text);
        assert_eq!(error.kind(), ErrorKind::Limit, "{text}: {error}");
        assert!(error.message().contains(operator), "{text}: {error}");
        let inputs = Inputs { memory_bytes: 2_000_000, ..inputs };
        bench.run(&program, &inputs).expect(text);
    }
}

/// What a subquery has kept while it ran is given back when its value is known: one after the other they need no more than one does.
#[test]
fn memory_of_subqueries_is_given_back() {
    let bench = filled();
    let sorted = |at: usize| format!("(SELECT b FROM t ORDER BY b LIMIT 1 OFFSET {})", 500 + at);
    let inputs = Inputs { memory_bytes: 200_000, ..Inputs::new(&[], Some(Timestamp(0))) };
    for count in [1, 20] {
        let all: Vec<String> = (0..count).map(sorted).collect();
        bench.run(&planned(&bench, &format!("SELECT {}", all.join(", "))), &inputs).unwrap();
    }
    let inputs = Inputs { memory_bytes: 20_000, ..inputs };
    let refused = bench.run(&planned(&bench, &format!("SELECT {}", sorted(0))), &inputs).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Limit, "one alone keeps more than this: {refused}");
}

/// A flag that is set, or a time that has run out, ends each long statement.
#[test]
fn long_statements_can_be_ended() {
    let bench = filled();
    let endless = [
        "SELECT count(*) FROM t a, t b, t c, t d WHERE a.b = d.b || c.b",
        "SELECT a FROM t x WHERE EXISTS (SELECT 1 FROM t y, t z WHERE x.a > y.a * z.a + 5000000)",
    ];
    for (text, _) in KEEPING.iter().chain(&endless.map(|text| (text, ""))) {
        let program = planned(&bench, text);
        let flag = AtomicBool::new(true);
        let inputs = Inputs { cancelled: Some(&flag), ..Inputs::new(&[], Some(Timestamp(0))) };
        assert_eq!(bench.run(&program, &inputs).expect_err(text).kind(), ErrorKind::Cancelled, "{text}");
        flag.store(false, Ordering::Relaxed);
        let inputs = Inputs { deadline: Some(Instant::now()), ..inputs };
        assert_eq!(bench.run(&program, &inputs).expect_err(text).kind(), ErrorKind::TimedOut, "{text}");
    }
    for text in endless {
        let program = planned(&bench, text);
        let start = Instant::now();
        let inputs = Inputs { deadline: Some(start + Duration::from_millis(30)), ..Inputs::new(&[], Some(Timestamp(0))) };
        assert_eq!(bench.run(&program, &inputs).expect_err(text).kind(), ErrorKind::TimedOut, "in the middle of {text}");
        assert!(start.elapsed() < Duration::from_secs(5), "{text} took {:?}", start.elapsed());
    }
}

/// A subquery that depends on a row runs once for each value that it depends on.
#[test]
fn subqueries_run_once_for_each_value() {
    let bench = filled();
    let program = planned(&bench, "SELECT (SELECT max(y.a) FROM t y WHERE y.a < x.c) FROM t x");
    let counters = Counters::default();
    let inputs = Inputs { counters: Some(&counters), ..Inputs::new(&[], Some(Timestamp(0))) };
    assert_eq!(bench.run(&program, &inputs).unwrap().len(), 1_000);
    let mut most = 0;
    let Action::Query(node) = &program.plan().action else { unreachable!() };
    let mut nodes = vec![node];
    while let Some(node) = nodes.pop() {
        node.inputs(&mut |input| nodes.push(input));
        node.scalars(&mut |scalar| {
            scalar.any(&mut |scalar| {
                if let Scalar::Subquery(query) = scalar {
                    most = most.max(counters.of(&query.node).map_or(0, |counter| counter.opened));
                }
                false
            });
        });
    }
    assert_eq!(most, 10, "how often the subquery was opened");
}
