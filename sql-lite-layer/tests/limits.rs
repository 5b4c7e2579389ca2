//! Every limit of a statement: what lies just within it runs from end to end on a thread with an ordinary stack, and what lies beyond it is an error of kind `Limit`.

use std::time::{Duration, Instant};

use treering_sql::{Connection, Database, ErrorKind, Limits, Value, params};

/// A thread's ordinary stack.
const STACK_BYTES: usize = 2 << 20;

fn on_small_stack<T: Send>(work: impl FnOnce() -> T + Send) -> T {
    std::thread::scope(|scope| {
        let thread = std::thread::Builder::new().stack_size(STACK_BYTES).spawn_scoped(scope, work).expect("a thread");
        thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    })
}

/// A database that is checked when the work is over.
fn with_database<T: Send>(work: impl FnOnce(&Database, Connection) -> T + Send) -> T {
    on_small_stack(|| {
        let database = Database::in_memory().expect("a database in memory");
        let done = work(&database, database.connect());
        assert_eq!(database.check().expect("a sound catalogue"), Vec::<String>::new());
        let report = database.store().check().expect("a sound store");
        assert!(report.is_sound(), "{report}");
        done
    })
}

/// `count` times one in the other around `inner`.
fn nest(open: &str, inner: &str, close: &str, count: usize) -> String {
    format!("{}{inner}{}", open.repeat(count), close.repeat(count))
}

/// A name, what makes a statement of a size, a size that runs and one that is too much.
type Case = (&'static str, fn(usize) -> String, usize, usize);

const CASES: &[Case] = &[
    ("bytes of a text", |n| format!("SELECT '{}'", "x".repeat(n - 9)), 1 << 20, (64 << 20) + 1),
    ("tokens", |n| format!("SELECT 1 IN (1{})", ",1".repeat(n)), 30_000, 1_000_000),
    (
        "tables of derived tables",
        |n| {
            let of = |from: usize| (from..from + n).map(|at| format!("one AS o{at}")).collect::<Vec<_>>().join(", ");
            format!("SELECT count(*) FROM (SELECT 1 FROM {}) x, (SELECT 1 FROM {}) y", of(0), of(n))
        },
        60,
        90,
    ),
    ("parentheses", |n| format!("SELECT {}", nest("(", "1", ")", n)), 248, 252),
    ("functions", |n| format!("SELECT {}", nest("abs(", "1", ")", n)), 120, 252),
    ("NOT", |n| format!("SELECT {} a = 1 FROM t", "NOT ".repeat(n)), 240, 252),
    ("minus", |n| format!("SELECT {}a FROM t", "- ".repeat(n)), 240, 252),
    ("sums", |n| format!("SELECT a{} FROM t", " + 1".repeat(n)), 240, 252),
    ("CASE", |n| format!("SELECT {} FROM t", nest("CASE WHEN a = 1 THEN ", "a", " END", n)), 120, 252),
    ("OR", |n| format!("SELECT count(*) FROM t WHERE a = 1{}", " OR b = 2".repeat(n)), 4_900, 100_000),
    ("AND", |n| format!("SELECT count(*) FROM t WHERE a = 1{}", " AND b > 2".repeat(n)), 4_900, 100_000),
    ("||", |n| format!("SELECT 'x'{}", " || a".repeat(n) + " FROM t"), 9_000, 100_000),
    ("subqueries", |n| format!("SELECT {} FROM t", nest("(SELECT ", "a", " FROM t LIMIT 1)", n)), 30, 70),
    ("EXISTS", |n| format!("SELECT 1 FROM t WHERE {}", nest("EXISTS (SELECT 1 FROM t WHERE ", "a = 1", ")", n)), 30, 70),
    (
        "EXISTS beside EXISTS",
        |n| format!("SELECT 1 FROM t WHERE a = 1{}", " AND EXISTS (SELECT 1 FROM t x WHERE x.a = t.a)".repeat(n)),
        99,
        200,
    ),
    ("IN", |n| format!("SELECT 1 FROM t WHERE {}", nest("a IN (SELECT a FROM t WHERE ", "a = 1", ")", n)), 30, 70),
    ("derived tables", |n| format!("SELECT a FROM {}", nest("(SELECT a FROM ", "t", ") x", n)), 60, 70),
    ("WITH", |n| format!("{}SELECT 1{}", "WITH x AS (".repeat(n), ") SELECT * FROM x".repeat(n)), 60, 70),
    ("UNION", |n| format!("SELECT 1{}", " UNION SELECT 1".repeat(n)), 1_000, 1_001),
    ("set operations", |n| format!("SELECT 1{}", " UNION SELECT 1 EXCEPT SELECT 2".repeat(n)), 25, 60),
    (
        "tables",
        |n| format!("SELECT count(*) FROM one{}", (1..n).map(|at| format!(", one AS o{at}")).collect::<String>()),
        100,
        101,
    ),
    (
        "WITH over WITH",
        |n| {
            (1..n).fold("WITH w0 AS (SELECT a FROM t)".to_owned(), |text, at| {
                text + &format!(", w{at} AS (SELECT x.a FROM w{0} x JOIN w{0} y ON x.a = y.a)", at - 1)
            }) + &format!(" SELECT * FROM w{}", n - 1)
        },
        20,
        2_000,
    ),
    (
        "whole queries",
        |n| {
            format!(
                "SELECT a FROM {}",
                nest(
                    "(SELECT DISTINCT a + 0 AS a FROM ",
                    "t",
                    " x WHERE a > 0 GROUP BY a HAVING count(*) > 0 ORDER BY a LIMIT 5)",
                    n
                ) + " x"
            )
        },
        10,
        60,
    ),
    (
        "tables of UPDATE",
        |n| {
            let tables: String = (0..n).map(|at| format!(", one AS o{at}")).collect();
            let derived = "(SELECT DISTINCT a FROM ".repeat(n / 4) + "t" + &" x LIMIT 9)".repeat(n / 4) + " x";
            format!("UPDATE t SET b = 1 FROM {derived}{tables} WHERE t.a < 0")
        },
        40,
        99,
    ),
    ("copies", |n| format!("SELECT {} FROM t", nest("CASE ", "a", " WHEN 1 THEN 2 WHEN 2 THEN 1 END", n)), 8, 24),
    ("length of a text", |n| format!("SELECT length(repeat('x', {n}))"), 1 << 20, 1 << 40),
    ("digits of a parameter", |n| format!("SELECT ?{n}"), 1, 32_767),
];

/// Each case runs, and a little more is refused as too much: no answer is wrong, nothing overflows, nothing takes for ever.
#[test]
fn what_is_too_much_is_refused() {
    with_database(|_, connection| {
        connection
            .execute_batch(
                "CREATE TABLE t (a INT PRIMARY KEY, b INT); CREATE INDEX t_b ON t (b); INSERT INTO t VALUES (1, 2), (2, 3);
                 CREATE TABLE one (a INT)",
            )
            .expect("the schema");
        for (name, text, within, beyond) in CASES {
            let values = vec![Value::Int(1); usize::from(*name == "digits of a parameter")];
            let answered = connection.query(&text(*within), &values[..]);
            assert!(answered.is_ok(), "{name}, {within}: {answered:?}");
            let refused = connection.query(&text(*beyond), ()).expect_err(name);
            assert_eq!(refused.kind(), ErrorKind::Limit, "{name}, {beyond}: {refused}");
        }
    });
}

/// Lists of thousands of parameters are read by their index; one more than there may be is refused.
#[test]
fn parameters_by_the_ten_thousand() {
    with_database(|_, connection| {
        connection.execute("CREATE TABLE t (a INT PRIMARY KEY, b VARCHAR)", ()).expect("the schema");
        let rows = |from: i64| (0..10_000).flat_map(move |n| [Value::Int(from + n), Value::from("x")]);
        let insert = format!("INSERT INTO t VALUES (?, ?){}", ", (?, ?)".repeat(9_999));
        assert_eq!(connection.execute(&insert, &rows(0).collect::<Vec<_>>()[..]).expect("rows"), 10_000);
        let list = |count: usize| format!("SELECT count(*) FROM t WHERE a IN (?{})", ", ?".repeat(count - 1));
        let count: i64 = connection
            .query_row(&list(32_766), &(5_000..37_766).map(Value::Int).collect::<Vec<_>>()[..], |row| row.get(0))
            .expect("a count");
        assert_eq!(count, 5_000);
        assert_eq!(connection.query(&list(32_767), ()).expect_err("too many").kind(), ErrorKind::Limit);
        let plan = connection.query(&format!("EXPLAIN {}", list(3)), params![1, 2, 3]).expect("a plan");
        assert!(plan.iter().any(|line| line.get::<&str>(0).is_ok_and(|line| line.contains("by primary key"))), "{plan:?}");
    });
}

/// Definitions have limits too: columns of a table, views in views, lengths of keys, rows that a cascade goes through.
#[test]
fn definitions_and_rows_have_limits() {
    with_database(|_, connection| {
        let wide = |count: usize| {
            let columns: Vec<String> = (0..count).map(|n| format!("c{n} INT")).collect();
            format!("CREATE TABLE wide{count} ({})", columns.join(", "))
        };
        connection.execute(&wide(4096), ()).expect("a wide table");
        assert_eq!(connection.execute(&wide(4097), ()).expect_err("too wide").kind(), ErrorKind::Limit);
        let many = format!("SELECT 1 FROM wide4096{}", (0..64).map(|n| format!(", wide4096 AS w{n}")).collect::<String>());
        assert_eq!(connection.query(&many, ()).expect_err("too many columns").kind(), ErrorKind::Limit);

        connection.execute("CREATE VIEW v0 AS SELECT 1 AS a", ()).expect("a view");
        let views = (1..100).map(|n| connection.execute(&format!("CREATE VIEW v{n} AS SELECT a FROM v{}", n - 1), ()));
        let refused = views.filter_map(Result::err).next().expect("there is an end to views in views");
        assert_eq!(refused.kind(), ErrorKind::Limit, "{refused}");
        assert_eq!(connection.query("SELECT a FROM v20", ()).expect("a row").len(), 1);

        connection.execute("CREATE TABLE keys (k VARCHAR PRIMARY KEY)", ()).expect("a table");
        connection.execute("INSERT INTO keys VALUES (repeat('k', 1000))", ()).expect("a long key");
        let refused = connection.execute("INSERT INTO keys VALUES (repeat('k', 1000000))", ()).expect_err("a longer key");
        assert_eq!(refused.kind(), ErrorKind::Limit, "{refused}");

        connection
            .execute("CREATE TABLE chain (id INT PRIMARY KEY, next INT REFERENCES chain (id) ON DELETE CASCADE)", ())
            .expect("a table");
        let insert = connection.prepare("INSERT INTO chain VALUES (?, ?)").expect("a statement");
        connection.execute("BEGIN", ()).expect("the turn");
        for n in 0..100_i64 {
            insert.execute((n, (n > 0).then_some(n - 1))).expect("a row");
        }
        drop(insert);
        connection.execute("COMMIT", ()).expect("a commit");
        assert_eq!(connection.execute("DELETE FROM chain WHERE id = 0", ()).expect("a cascade"), 1);
        let left: i64 = connection.query_row("SELECT count(*) FROM chain", (), |row| row.get(0)).expect("a count");
        assert_eq!(left, 0, "the cascade went to the end");
    });
}

/// Views that read the one below twice end at a limit. Each level doubled the plan, and nothing counted it: from some 15 views on the planner and the rules over it took
/// minutes, then hours, or joins of views became a chain that was deeper than the stack, and no deadline was looked at there. Operators are counted now while views are read and
/// queries are copied, and joins count as the chain that they become.
#[test]
fn views_that_double_are_refused() {
    with_database(|_, connection| {
        let forms = [
            ("u", "SELECT a FROM u{} UNION ALL SELECT a FROM u{}"),
            ("j", "SELECT x.a FROM j{} x, j{} y"),
            ("e", "SELECT a FROM e{} WHERE a IN (SELECT a FROM e{})"),
        ];
        for (name, form) in forms {
            connection.execute(&format!("CREATE VIEW {name}0 AS SELECT 1 AS a"), ()).expect("a view");
            let create = |n: usize| format!("CREATE VIEW {name}{n} AS {}", form.replace("{}", &(n - 1).to_string()));
            let mut views = (1..32).map(|n| (n, connection.execute(&create(n), ())));
            let (level, refused) = views.find_map(|(n, done)| Some((n, done.err()?))).expect("there is an end to it");
            assert_eq!(refused.kind(), ErrorKind::Limit, "{name}{level}: {refused}");
            assert!(level >= 6, "{name}{level}: {refused}");
            connection.query(&format!("SELECT a FROM {name}{}", level - 1), ()).expect("the last one runs");
        }
        let doubled = (1..31).fold("WITH w0 AS (SELECT t.a)".to_owned(), |text, n| {
            text + &format!(", w{n} AS (SELECT a FROM w{0} UNION ALL SELECT a FROM w{0})", n - 1)
        });
        let correlated = format!("SELECT ({doubled} SELECT count(*) FROM w30) FROM (SELECT 1 AS a) t");
        let refused = connection.query(&correlated, ()).expect_err("copies are counted");
        assert_eq!(refused.kind(), ErrorKind::Limit, "{refused}");
    });
}

/// One LIKE of long texts ends with the time of its statement. Its steps were not counted: a text of megabytes and a pattern of a hundred thousand signs went on for minutes or hours
/// after that, and a handle could not end it either. Time is looked at within a match now.
#[test]
fn a_long_match_ends_with_its_time() {
    with_database(|_, connection| {
        connection.set_limits(Limits { time: Some(Duration::from_millis(30)), ..Limits::default() });
        let (text, pattern) = ("a".repeat(2_000_000), format!("%{}b_", "a".repeat(100_000)));
        for like in ["LIKE", "ILIKE"] {
            let start = Instant::now();
            let ended = connection.query(&format!("SELECT ? {like} ?"), [text.as_str(), pattern.as_str()]);
            assert_eq!(ended.expect_err("an hour's work").kind(), ErrorKind::TimedOut, "{like}");
            assert!(start.elapsed() < Duration::from_secs(20), "{like} took {:?}", start.elapsed());
        }
    });
}

/// A change that runs too long or takes too much changes nothing, by itself and in a transaction, which goes on.
#[test]
fn changes_end_within_their_limits() {
    with_database(|_, connection| {
        connection
            .execute_batch("CREATE TABLE t (a INT PRIMARY KEY, b DOUBLE); CREATE TABLE keyless (a INT)")
            .expect("the schema");
        connection.execute("INSERT INTO keyless VALUES (1)", ()).expect("a row");
        connection.load("t", (0..400).map(|n| vec![Value::Int(n), Value::Int(0)])).expect("rows");
        let endless = "UPDATE t SET b = (SELECT count(*) FROM t x, t y, t z WHERE x.a + y.a + z.a < t.b)";
        let large = "INSERT INTO t SELECT 1000 + x.a * 1000 + y.a, 1 FROM t x, t y";
        let short = Limits { time: Some(Duration::from_millis(30)), ..Limits::default() };
        let none = Limits { time: Some(Duration::ZERO), ..Limits::default() };
        let small = Limits { memory_bytes: 10_000, ..Limits::default() };
        let telling = "UPDATE t SET b = 5 RETURNING a, repeat('x', 1000)";
        let some = Limits { memory_bytes: 100_000, ..Limits::default() };
        let cases = [
            (telling, some, ErrorKind::Limit),
            (endless, short, ErrorKind::TimedOut),
            (large, short, ErrorKind::TimedOut),
            (large, small, ErrorKind::Limit),
            // Definitions compute, too. They did so without any limit, and could not be cancelled.
            ("CREATE TABLE made AS SELECT 1 AS b FROM t x, t y, t z WHERE x.a + y.a + z.a < 0", short, ErrorKind::TimedOut),
            ("CREATE TABLE made AS SELECT x.a * 1000 + y.a AS n FROM t x, t y", small, ErrorKind::Limit),
            // So do those that go through all rows: these went to their end.
            ("CREATE INDEX made ON t (b)", none, ErrorKind::TimedOut),
            ("ALTER TABLE t ALTER COLUMN b SET DATA TYPE VARCHAR", none, ErrorKind::TimedOut),
            ("ALTER TABLE t ALTER COLUMN b SET NOT NULL", none, ErrorKind::TimedOut),
            ("ALTER TABLE t ADD UNIQUE (a, b)", none, ErrorKind::TimedOut),
            ("ALTER TABLE t ADD FOREIGN KEY (a) REFERENCES t (a)", none, ErrorKind::TimedOut),
            ("ALTER TABLE t DROP CONSTRAINT t_pkey", none, ErrorKind::TimedOut),
            ("ALTER TABLE keyless ADD PRIMARY KEY (a)", none, ErrorKind::TimedOut),
            ("ALTER TABLE t ADD COLUMN number IDENTITY", none, ErrorKind::TimedOut),
            ("ALTER TABLE t ADD COLUMN key UUID DEFAULT RANDOM_UUID()", none, ErrorKind::TimedOut),
        ];
        let sums = |connection: &Connection| -> (i64, f64) {
            connection.set_limits(Limits::default());
            connection
                .query_row("SELECT count(*), sum(b) FROM t", (), |row| Ok::<_, treering_sql::Error>((row.get(0)?, row.get(1)?)))
                .expect("sums")
        };
        for in_transaction in [false, true] {
            if in_transaction {
                connection.execute("BEGIN", ()).expect("the turn");
                connection.execute("UPDATE t SET b = 1 WHERE a = 7", ()).expect("a change");
            }
            for (text, limits, kind) in cases {
                connection.set_limits(limits);
                assert_eq!(connection.execute(text, ()).expect_err(text).kind(), kind, "{text}");
                assert_eq!(sums(&connection), (400, f64::from(u8::from(in_transaction))), "{text}");
            }
        }
        connection.execute("COMMIT", ()).expect("a commit");
        assert_eq!(sums(&connection), (400, 1.0));
    });
}

/// Statements of one key looked at no clock: a key that many rows share, and what a cascade takes along. Under a limit of no time they gave 20,000 rows, and ran for seconds.
/// They look from time to time, and at once where a key is shared.
#[test]
fn a_key_of_many_rows_has_limits() {
    with_database(|database, connection| {
        let schema = "CREATE TABLE p (id INT PRIMARY KEY, next INT); CREATE TABLE t (k INT, id INT, d INT REFERENCES p ON DELETE CASCADE, PRIMARY KEY (k, id));
            INSERT INTO p VALUES (1, 1), (2, 2)";
        connection.execute_batch(schema).expect("the schema");
        connection.load("t", (0..5_000).map(|n| vec![Value::Int(1), Value::Int(n), Value::Int(1)])).expect("rows");
        let none = Limits { time: Some(Duration::ZERO), ..Limits::default() };
        let cancel = connection.cancel_handle();
        for sql in ["SELECT id, d FROM t WHERE k = 1", "SELECT id, d FROM t WHERE d = 1"] {
            connection.set_limits(none);
            assert_eq!(connection.query(sql, ()).expect_err(sql).kind(), ErrorKind::TimedOut, "{sql}");
            connection.set_limits(Limits::default());
            let mut seen = 0;
            let cancelled = connection.prepare(sql).expect(sql).query_each((), |_| {
                seen += 1;
                cancel.cancel();
                Ok::<_, treering_sql::Error>(())
            });
            assert_eq!(cancelled.expect_err(sql).kind(), ErrorKind::Cancelled, "{sql}");
            assert!(seen <= 512, "{sql}: {seen} rows");
        }
        let small = Limits { memory_bytes: 10_000, ..Limits::default() };
        for in_transaction in [false, true] {
            if in_transaction {
                connection.execute("BEGIN", ()).expect("the turn");
            }
            for sql in ["DELETE FROM p WHERE id = 1", "DELETE FROM p WHERE id >= 1 AND id + 0 = 1"] {
                connection.set_limits(none);
                assert_eq!(connection.execute(sql, ()).expect_err(sql).kind(), ErrorKind::TimedOut, "{sql}");
            }
            if in_transaction {
                // What the transaction keeps to undo the statement with is counted.
                connection.set_limits(small);
                let error = connection.execute("DELETE FROM p WHERE id = 1", ()).expect_err("too much to undo");
                assert_eq!(error.kind(), ErrorKind::Limit, "{error}");
            }
            connection.set_limits(Limits::default());
            let count = |table: &str| connection.query_row(&format!("SELECT COUNT(*) FROM {table}"), (), |row| row.get::<i64>(0));
            assert_eq!((count("p").expect("a count"), count("t").expect("a count")), (2, 5_000));
        }
        assert_eq!(connection.execute("DELETE FROM p WHERE id = 1", ()).expect("a change"), 1);
        connection.execute("COMMIT", ()).expect("a commit");
        assert_eq!(database.check().expect("a sound catalogue"), Vec::<String>::new());
    });
}
