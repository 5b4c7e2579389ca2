//! Subqueries over the row around them where no index leads to their rows: they answer as with an index and as by comparing each row, and read a table once.

mod checked;

use checked::Checked;
use treering_sql::{Connection, Database, ErrorKind, Limits, Value};

/// Rows of the tables that are read, and of the one around.
const ROWS: u64 = 700;
const AROUND: u64 = 90;

/// Drawn numbers, the same each time.
struct Draw(u64);

impl Draw {
    fn below(&mut self, count: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % count
    }

    /// A row: its number, and values of few kinds that are equal across classes, with NULLs.
    fn row(&mut self, id: u64) -> String {
        let mut value = |of: &dyn Fn(u64) -> String| if self.below(8) == 0 { "NULL".to_owned() } else { of(self.below(60)) };
        let whole = value(&|n| n.to_string());
        let double = value(&|n| format!("CAST({}.{} AS DOUBLE)", n / 2, if n % 2 == 0 { "0" } else { "5" }));
        let decimal = value(&|n| format!("{}.{}", n / 2, if n % 2 == 0 { "00" } else { "50" }));
        let text = value(&|n| format!("'{}{}'", if n % 2 == 0 { "k" } else { "K" }, n / 4));
        format!("({id}, {whole}, {double}, {decimal}, {text})")
    }
}

fn filled(database: &Database, seed: u64) -> Connection {
    let connection = database.connect();
    let mut draw = Draw(seed);
    for table in ["plain", "indexed", "around"] {
        connection
            .execute(&format!("CREATE TABLE {table} (id BIGINT PRIMARY KEY, w INT, f DOUBLE, m DECIMAL(10, 2), t VARCHAR)"), ())
            .expect("a table");
    }
    let mut insert = |tables: &[&str], count: u64| {
        let rows: Vec<String> = (0..count).map(|id| draw.row(id)).collect();
        for table in tables {
            connection.execute(&format!("INSERT INTO {table} VALUES {}", rows.join(", ")), ()).expect("rows");
        }
    };
    insert(&["plain", "indexed"], ROWS);
    insert(&["around"], AROUND);
    for column in ["w", "f", "m", "t"] {
        connection.execute(&format!("CREATE INDEX indexed_{column} ON indexed ({column})"), ()).expect("an index");
    }
    connection
}

fn rows(connection: &Connection, query: &str) -> Vec<String> {
    let rows = connection.query(query, ()).unwrap_or_else(|error| panic!("{query}: {error}"));
    rows.iter().map(|row| format!("{row:?}")).collect()
}

fn plan(connection: &Connection, query: &str) -> String {
    let rows = connection.query(&format!("EXPLAIN {query}"), ()).expect("a plan");
    rows.iter().map(|row| row.get::<String>(0).expect("a line") + "\n").collect()
}

/// The rows that all scans of a query gave.
fn scanned(connection: &Connection, query: &str) -> u64 {
    let rows = connection.query(&format!("EXPLAIN ANALYZE {query}"), ()).expect("a plan");
    let lines = rows.iter().map(|row| row.get::<String>(0).expect("a line"));
    let of_scan = |line: String| {
        let (before, _) = line.rsplit_once(" row")?;
        if line.trim_start().starts_with("scan") { before.rsplit_once('(')?.1.parse::<u64>().ok() } else { None }
    };
    lines.filter_map(of_scan).sum()
}

/// Queries over `{T}`, a table, where `{E}` is an equality of its row `i` with the row `o` around it.
const QUERIES: &[&str] = &[
    "SELECT o.id, (SELECT max(i.id) FROM {T} i WHERE {E}) FROM around o ORDER BY o.id",
    "SELECT o.id, (SELECT count(*) FROM {T} i WHERE {E} AND i.id > 100 AND i.id > o.id * 3) FROM around o ORDER BY o.id",
    "SELECT o.id FROM around o WHERE o.id NOT IN (SELECT i.w FROM {T} i WHERE {E} AND i.w IS NOT NULL) ORDER BY o.id",
    "SELECT o.id, o.w IN (SELECT i.w FROM {T} i WHERE {E}) FROM around o ORDER BY o.id",
    "SELECT o.id, EXISTS (SELECT 1 FROM {T} i WHERE {E} AND i.id % 3 = 0) FROM around o ORDER BY o.id",
    "SELECT o.id, (SELECT i.id FROM {T} i WHERE {E} ORDER BY i.id DESC LIMIT 1) FROM around o ORDER BY o.id",
    "SELECT o.id, (SELECT group_concat(i.id ORDER BY i.id) FROM {T} i WHERE {E}) FROM around o ORDER BY o.id",
    "SELECT o.id FROM around o WHERE NOT EXISTS (SELECT 1 FROM {T} i WHERE {E} AND NOT EXISTS (SELECT 1 FROM {T} j WHERE j.w = i.w AND j.id > i.id + o.id)) ORDER BY o.id",
];

/// Pairs of columns whose classes differ but are compared.
const PAIRS: &[(&str, &str)] = &[("w", "w"), ("w", "f"), ("f", "w"), ("w", "m"), ("m", "f"), ("f", "m"), ("t", "t")];

/// Queries give the same by hash, by an index and by comparing each row, over drawn rows with NULLs, duplicates, numbers of three classes and texts of both cases.
#[test]
fn answers_are_those_of_an_index_and_of_a_comparison() {
    for seed in [0x5EED_0001, 0x5EED_0002] {
        let database = Checked::in_memory();
        let connection = filled(&database, seed);
        for query in QUERIES {
            for (of_row, around) in PAIRS {
                let made = |table: &str, equal: &str| query.replace("{T}", table).replace("{E}", equal);
                let equal = format!("i.{of_row} = o.{around}");
                let hashed = made("plain", &equal);
                assert!(plan(&connection, &hashed).contains("hash"), "{}", plan(&connection, &hashed));
                let by_comparison = made("plain", &format!("i.{of_row} >= o.{around} AND i.{of_row} <= o.{around}"));
                let found = rows(&connection, &hashed);
                assert_eq!(found, rows(&connection, &by_comparison), "seed {seed:#x}: {hashed}");
                assert_eq!(found, rows(&connection, &made("indexed", &equal)), "seed {seed:#x}: {hashed}");
            }
        }
    }
}

/// However many rows are around it, what a subquery reads of a table is the table once, and the few rows that were compared before.
#[test]
fn a_table_is_read_once_and_not_for_each_row_around_it() {
    let database = Checked::in_memory();
    let connection = filled(&database, 0x5EED_0003);
    for query in [
        "SELECT sum((SELECT max(i.id) FROM plain i WHERE i.w = o.id)) FROM around o",
        "SELECT count(*) FROM around o WHERE o.w NOT IN (SELECT i.w FROM plain i WHERE i.id = o.id + 1 AND i.w = o.id)",
        "SELECT count(*) FROM around o WHERE o.id NOT IN (SELECT i.id FROM plain i WHERE i.w = o.id AND i.id >= 0)",
        "SELECT sum((SELECT n FROM (SELECT w, count(*) AS n FROM plain GROUP BY w LIMIT 1000) g WHERE g.w = o.id)) FROM around o",
    ] {
        let touched = scanned(&connection, query);
        assert!(touched <= 4 * ROWS + AROUND, "{touched} rows\n{}", plan(&connection, query));
    }
    // A hash join in a subquery, of which only the left hangs on the row around it: the right is read once.
    let join = "SELECT sum((SELECT count(*) FROM plain i LEFT JOIN around j ON j.w = i.w WHERE i.w = o.id)) FROM around o";
    let touched = scanned(&connection, join);
    assert!(touched <= 6 * ROWS, "{touched} rows\n{}", plan(&connection, join));
}

/// NOT EXISTS four times in each other, each over the row around all of them too, reads each table a few times and not for each combination.
#[test]
fn not_exists_in_each_other_does_not_read_every_combination() {
    let database = Checked::in_memory();
    let connection = filled(&database, 0x5EED_0004);
    let query = "SELECT count(*) FROM around a WHERE NOT EXISTS (SELECT 1 FROM around b WHERE b.w = a.w AND NOT EXISTS (
        SELECT 1 FROM around c WHERE c.w = b.w AND c.t = a.t AND NOT EXISTS (
        SELECT 1 FROM around d WHERE d.w = c.w AND d.t = b.t AND d.id > a.id)))";
    let touched = scanned(&connection, query);
    assert!(touched < 40 * AROUND, "{touched} rows\n{}", plan(&connection, query));
}

/// An UPDATE whose subquery reads the table that it changes sees it as it stood before the statement.
#[test]
fn an_update_reads_its_table_as_it_stood_before() {
    let database = Checked::in_memory();
    let connection = filled(&database, 0x5EED_0005);
    let before = rows(
        &connection,
        "SELECT o.id, (SELECT max(i.id) FROM indexed i WHERE i.w = o.w AND i.id >= 0) FROM indexed o ORDER BY o.id",
    );
    let count = connection
        .execute("UPDATE plain SET w = (SELECT max(i.id) FROM plain i WHERE i.w = plain.w AND i.id >= 0)", ())
        .expect("an update");
    assert_eq!(count, ROWS);
    assert_eq!(rows(&connection, "SELECT id, w FROM plain ORDER BY id").len(), before.len());
    let after: Vec<Option<i64>> = connection
        .query("SELECT w FROM plain ORDER BY id", ())
        .expect("rows")
        .iter()
        .map(|row| row.get(0).expect("a number"))
        .collect();
    let expected: Vec<Option<i64>> = connection
        .query("SELECT (SELECT max(i.id) FROM indexed i WHERE i.w = o.w AND i.id >= 0) FROM indexed o ORDER BY o.id", ())
        .expect("rows")
        .iter()
        .map(|row| row.get(0).expect("a number"))
        .collect();
    assert_eq!(after, expected);
}

/// Where the rows do not fit into the statement's memory they are compared one by one, and the answer is the same.
#[test]
fn without_memory_for_the_hash_the_rows_are_compared() {
    let database = Checked::in_memory();
    let connection = filled(&database, 0x5EED_0006);
    let query = "SELECT sum((SELECT max(i.id) FROM plain i WHERE i.w = o.id)) FROM around o";
    let (expected, with_memory) = (rows(&connection, query), scanned(&connection, query));
    connection.set_limits(Limits { memory_bytes: 24 << 10, ..Limits::default() });
    assert_eq!(rows(&connection, query), expected);
    assert!(scanned(&connection, query) > with_memory * 3, "the hash fits: the limit of this test is too high");
}

/// An equality whose value cannot be computed for a row fails where that row is compared, and not where the subquery stops before it.
#[test]
fn values_of_rows_that_fail_do_so_only_when_they_are_compared() {
    let database = Checked::in_memory();
    let connection = filled(&database, 0x5EED_0008);
    connection.execute("CREATE TABLE wide (id BIGINT PRIMARY KEY, w BIGINT)", ()).expect("a table");
    let many: Vec<String> = (0..400).map(|id| format!("({id}, {})", if id == 399 { i64::MAX } else { id % 90 })).collect();
    connection.execute(&format!("INSERT INTO wide VALUES {}", many.join(", ")), ()).expect("rows");
    let query = |bound: i64| {
        format!(
            "SELECT count(*) FROM around o WHERE o.id BETWEEN 1 AND {bound} AND (EXISTS (SELECT 1 FROM wide i WHERE i.w + 1 = o.id) OR o.w = -1)"
        )
    };
    assert!(plan(&connection, &query(80)).contains("by hash"), "{}", plan(&connection, &query(80)));
    assert_eq!(rows(&connection, &query(80)), ["{\"count\": Int(80)}"]);
    let error =
        connection.query("SELECT count(*) FROM around o WHERE (SELECT max(i.id) FROM wide i WHERE i.w + 1 = o.id) > 5", ());
    assert_eq!(error.expect_err("an overflow").kind(), ErrorKind::Data);
    connection.execute("DELETE FROM wide WHERE id = 399", ()).expect("a row");
    let query = "SELECT sum((SELECT max(i.id) FROM wide i WHERE i.w + 1 = o.id)) FROM around o";
    assert_eq!(
        rows(&connection, query),
        rows(&connection, &query.replace("i.w + 1 = o.id", "i.w + 1 <= o.id AND i.w + 1 >= o.id"))
    );
}

/// A row that cannot be computed is an error only where it is read: a subquery that stops before it goes on doing so the second time, when its rows would be put into a hash.
#[test]
fn rows_that_fail_do_so_only_when_they_are_read() {
    let database = Checked::in_memory();
    let connection = database.connect();
    connection
        .execute_batch(
            "CREATE TABLE a (z BIGINT); INSERT INTO a VALUES (1), (2), (1);
             CREATE TABLE b (id BIGINT PRIMARY KEY, y INT); INSERT INTO b VALUES (1, 10), (2, 5), (3, 0)",
        )
        .expect("tables");
    let query = |what: &str| format!("SELECT {what} AS found FROM a");
    let first = query("(SELECT d.id FROM (SELECT id, 10 / y AS z FROM b) d WHERE d.z = a.z LIMIT 1)");
    assert_eq!(rows(&connection, &first), ["{\"found\": Int(1)}", "{\"found\": Int(2)}", "{\"found\": Int(1)}"]);
    assert_eq!(rows(&connection, &query("EXISTS (SELECT 1 FROM (SELECT 10 / y AS z FROM b) d WHERE d.z = a.z)")).len(), 3);
    let all = query("(SELECT count(*) FROM (SELECT 10 / y AS z FROM b) d WHERE d.z = a.z)");
    assert_eq!(connection.query(&all, ()).expect_err("a division by zero").kind(), ErrorKind::Data);
}

/// An equality that fails does so only for rows that it would have been tested for: not where there are none, not behind a condition that is false for all.
#[test]
fn what_may_fail_fails_only_for_rows() {
    let database = Checked::in_memory();
    let connection = filled(&database, 0x5EED_0007);
    connection.execute("CREATE TABLE empty (id BIGINT PRIMARY KEY, w INT)", ()).expect("a table");
    let query = |table: &str, guard: &str| {
        format!("SELECT sum((SELECT count(*) FROM {table} i WHERE i.w = 5 / (o.id - o.id) {guard})) FROM around o")
    };
    assert_eq!(rows(&connection, &query("empty", "")).len(), 1);
    assert_eq!(rows(&connection, &query("plain", "AND i.id < 0")).len(), 1);
    assert_eq!(rows(&connection, &query("plain", "AND o.id < 0")).len(), 1);
    let error = connection.query(&query("plain", ""), [] as [Value<'_>; 0]).expect_err("a division by zero");
    assert_eq!(error.kind(), ErrorKind::Data);
}

/// As many subqueries as may stand in each other, each over the row around it, run on a thread with an ordinary stack; more of them are an error of kind `Limit`.
#[test]
fn as_many_in_each_other_as_may_be_fit_on_a_stack() {
    let nested = |count: usize| {
        let open = |at: usize| format!("(SELECT max(x{at}.v) FROM small x{at} WHERE x{at}.k = x{}.k AND x{at}.v >= ", at - 1);
        let opened: String = (1..=count).map(open).collect();
        format!("SELECT count(*) FROM small x0 WHERE x0.v >= {opened}0{}", ")".repeat(count))
    };
    let run = move || {
        let database = Checked::in_memory();
        let connection = database.connect();
        connection
            .execute_batch("CREATE TABLE small (k INT, v INT); INSERT INTO small VALUES (1, 1), (2, 2), (3, 3)")
            .expect("rows");
        for count in [1, 16, 32, 40, 48, 56, 63] {
            match connection.query(&nested(count), ()) {
                Ok(found) => assert_eq!(found.iter().next().map(|row| row.get::<i64>(0).expect("a number")), Some(3), "{count}"),
                Err(error) => assert!(count > 20 && error.kind() == ErrorKind::Limit, "{count}: {error}"),
            }
        }
    };
    std::thread::Builder::new().stack_size(2 << 20).spawn(run).expect("a thread").join().expect("no panic");
}
