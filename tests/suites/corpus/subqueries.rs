//! Statements with as many subqueries as one may have.

use std::time::{Duration, Instant};

use treering_sql::{Connection, Database, ErrorKind, Limits};
use treering_tests::allocation::measure;

/// What makes a statement of so many subqueries.
type Text = fn(usize) -> String;

fn rows(count: usize, row: impl Fn(usize) -> String) -> String {
    format!("INSERT INTO t VALUES {}", (0..count).map(|at| row(at + 1_000)).collect::<Vec<_>>().join(", "))
}

/// With nearly as many subqueries as a statement may have: 10,000 tables and queries.
const STATEMENTS: [(&str, usize, Text); 4] = [
    ("values", 4_800, |count| rows(count, |at| format!("({at}, (SELECT MAX(k) FROM t WHERE k = 5), 's')"))),
    ("EXISTS", 4_800, |count| {
        rows(count, |at| format!("({at}, CASE WHEN EXISTS (SELECT 1 FROM t WHERE k = {at}) THEN 1 END, 's')"))
    }),
    ("IN", 4_800, |count| rows(count, |at| format!("({at}, CASE WHEN 5 IN (SELECT k FROM t WHERE n > {at}) THEN 1 END, 's')"))),
    ("of each row", 2_400, |count| {
        let one = |at: usize| format!("(SELECT MAX(y.n) FROM t y WHERE y.k = x.k + {at})");
        let many = |at: usize| format!("SELECT x.k + {at}000, COALESCE({}, {}, {}), 's' FROM t x", one(1), one(2), one(3));
        format!("INSERT INTO t {}", (0..count / 3).map(|at| many(at + 1)).collect::<Vec<_>>().join(" UNION ALL "))
    }),
];

/// How much memory the statement takes at one time, in bytes, and how long it takes.
fn cost(connection: &Connection, text: &str) -> (usize, Duration) {
    connection.execute("BEGIN", ()).expect("a transaction");
    let start = Instant::now();
    let (changed, allocated) = measure(|| connection.execute(text, ()));
    let time = start.elapsed();
    assert!(changed.expect("rows") > 100, "rows were inserted");
    connection.execute("ROLLBACK", ()).expect("the rows are gone");
    (allocated.peak, time)
}

/// Each subquery of a statement had a frame as wide as the whole statement until its end, which no limit counted. An INSERT with one in each of 4,000 rows took 2 GB, and
/// the allocation that failed ended the process. Now memory is in proportion to the statement, frames are counted, and time is in proportion, nearly.
#[test]
fn corpus_subqueries_take_memory_in_proportion() {
    let database = Database::in_memory().expect("a database in memory");
    let connection = database.connect();
    connection.execute("CREATE TABLE t (k INT PRIMARY KEY, n INT, s VARCHAR)", ()).expect("a table");
    connection.execute("INSERT INTO t VALUES (5, 50, 'a'), (6, 60, 'b'), (7, NULL, 'c')", ()).expect("rows");
    for (name, count, text) in STATEMENTS {
        let [few, many] = [text(count / 8), text(count)];
        // What a statement keeps while it runs: a list of its rows, a few frames, a value for each subquery.
        connection.set_limits(Limits { memory_bytes: 4 << 20, ..Limits::default() });
        let [few, many_cost] = [&few, &many].map(|text| cost(&connection, text));
        let told = format!("{name}: {few:?} for {}, {many_cost:?} for {count}", count / 8);
        assert!(many_cost.0 > 1 << 20 && many_cost.0 < few.0 * 10, "{told}");
        // 64 times as long were the square of it. Other tests run beside this one.
        assert!(many_cost.1 < few.1 * 32, "{told}");
        connection.set_limits(Limits { memory_bytes: 64 << 10, ..Limits::default() });
        let refused = connection.execute(&many, ()).expect_err("a frame is too much");
        assert_eq!((refused.kind(), refused.sqlstate()), (ErrorKind::Limit, "53200"), "{name}: {refused}");
    }
    assert_eq!(database.check().expect("a sound catalogue"), Vec::<String>::new());
}
