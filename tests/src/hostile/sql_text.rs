//! Any text as SQL: parsed, planned and optimized against a small schema, explained, and run if it only reads.
//!
//! The database is the same for all inputs: nothing that is done here can change it.

use std::sync::OnceLock;
use std::time::Duration;

use treering::Options;
use treering_sql::{Database, Limits};

/// Tables with what a planner looks at: keys of one and two columns, indexes, foreign keys, defaults, checks, a view and a sequence.
const SCHEMA: &str = "CREATE TABLE t (id IDENTITY, a INT, b VARCHAR(20) DEFAULT 'x', c DECIMAL(8, 2), d BOOLEAN, CHECK (a < 1000));
    CREATE TABLE u (a INT, b INT NOT NULL, c TIMESTAMP, PRIMARY KEY (a, b), FOREIGN KEY (b) REFERENCES t (id) ON DELETE CASCADE);
    CREATE TABLE key (name VARCHAR UNIQUE, value VARBINARY, day DATE, uid UUID, f DOUBLE);
    CREATE INDEX t_a ON t (a, b);
    CREATE INDEX u_c ON u (c);
    CREATE VIEW v AS SELECT t.a, count(*) AS n FROM t LEFT JOIN u ON u.b = t.id GROUP BY t.a;
    CREATE SEQUENCE s;
    INSERT INTO t (a, b, c, d) VALUES (1, 'one', 1.5, TRUE), (2, 'two', NULL, FALSE), (NULL, NULL, -2, NULL), (2, '', 0, TRUE);
    INSERT INTO u VALUES (1, 1, '2024-02-29 12:00:00'), (1, 2, NULL), (7, 3, '1969-12-31');
    INSERT INTO key VALUES ('k', X'00FF', '2024-02-29', '67e55044-10b1-426f-9247-bb680e5fe0c8', 1e300), (NULL, NULL, NULL, NULL, -0.5)";

fn database() -> &'static Database {
    static DATABASE: OnceLock<Database> = OnceLock::new();
    DATABASE.get_or_init(|| {
        let store = Options::new().background(false).in_memory().expect("a store in memory");
        let database = Database::on(store).expect("a database");
        database.connect().execute_batch(SCHEMA).expect("the schema");
        database
    })
}

/// Treats the bytes as a statement.
///
/// # Panics
/// If what was prepared for a connection is refused by EXPLAIN, or if the statement changed something.
pub fn run(bytes: &[u8]) {
    let (database, text) = (database(), String::from_utf8_lossy(bytes));
    let version = database.store().snapshot().version();
    let connection = database.connect();
    let limits = Limits { memory_bytes: 1 << 20, time: Some(Duration::from_millis(200)), ..Limits::default() };
    let is_planned =
        connection.prepare(&text).is_ok_and(|statement| statement.columns().is_ok_and(|columns| !columns.is_empty()));
    let snapshot = database.snapshot().expect("a snapshot").with_limits(limits);
    let explained = snapshot.query(&format!("EXPLAIN {text}"), ());
    let is_query = snapshot.prepare(&text).is_ok_and(|statement| statement.columns().is_ok_and(|columns| !columns.is_empty()));
    if is_query && is_planned && !text.trim_start().get(..7).is_some_and(|start| start.eq_ignore_ascii_case("explain")) {
        // Parameters must be given to EXPLAIN too.
        let refused = explained.err().filter(|e| e.sqlstate() != "07001");
        assert!(refused.is_none(), "what has columns can be explained: {refused:?}");
    }
    // SCRIPT TO a file is refused, as it is unless somebody allows it.
    if let Ok(rows) = snapshot.query(&text, ()) {
        assert!(rows.iter().all(|row| row.values().count() == rows.columns().len()));
    }
    assert_eq!(database.store().snapshot().version(), version, "{text:?} changed something");
}
