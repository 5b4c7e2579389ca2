//! Conditions that guard others: what may fail is not computed for rows that a condition before it drops.

mod checked;

use checked::Checked;
use treering_sql::{Connection, ErrorKind};

/// A database that is checked when the work is over.
fn with_database(work: impl FnOnce(&Connection)) {
    let database = Checked::in_memory();
    let connection = database.connect();
    connection
        .execute_batch(
            "CREATE TABLE t (id INT PRIMARY KEY, a INT, bytes VARBINARY); CREATE TABLE u (id INT PRIMARY KEY, m INT);
             INSERT INTO t VALUES (1, 5, X'61'), (2, 0, X'FF'), (3, 20, X'62'); INSERT INTO u VALUES (1, 1), (3, 1)",
        )
        .expect("tables");
    work(&connection);
}

/// The numbers that it gives are these.
fn check(connection: &Connection, sql: &str, expected: &[i64]) {
    let rows = connection.query(sql, ()).unwrap_or_else(|e| panic!("{sql}: {e}"));
    let ids: Vec<i64> = rows.iter().map(|row| row.get(0).expect("a number")).collect();
    assert_eq!(ids, expected, "{sql}");
}

/// A condition with a subquery was tested behind those that may fail, whatever stood first. A view that keeps zeros out divided by them. What may fail is tested in the
/// order in which it is written, and below no join that guards it.
#[test]
fn subqueries_guard_what_stands_behind_them() {
    with_database(|connection| {
        for (name, guard) in [
            ("not_in", "a NOT IN (SELECT m - 1 FROM u)"),
            ("among", "id IN (SELECT id FROM u)"),
            ("there", "EXISTS (SELECT 1 FROM u WHERE u.id = t.id)"),
            ("anti", "NOT EXISTS (SELECT 1 FROM u WHERE u.m - 1 = t.a)"),
            ("scalar", "a > (SELECT MIN(m) - 1 FROM u)"),
            ("one", "(SELECT m FROM u WHERE u.id = t.id) = 1"),
            ("two", "id IN (SELECT id FROM u) AND id IN (SELECT id + 0 FROM u)"),
        ] {
            connection.execute(&format!("CREATE VIEW {name} AS SELECT * FROM t WHERE {guard}"), ()).expect("a view");
            connection.execute(&format!("CREATE VIEW {name}_sum AS SELECT id, a, a + 1 AS b FROM {name}"), ()).expect("a view");
            check(connection, &format!("SELECT id FROM t WHERE {guard} AND 100 / a = 20"), &[1]);
            check(connection, &format!("SELECT id FROM {name} WHERE 100 / a = 20"), &[1]);
            check(connection, &format!("SELECT id FROM {name}_sum WHERE 100 / (b - 1) = 20"), &[1]);
            check(
                connection,
                &format!("SELECT t.id FROM t JOIN u ON u.id = t.id WHERE {} AND 100 / a = 20", guard.replace("id IN", "t.id IN")),
                &[1],
            );
            // What stands first, fails first.
            let error = connection.query(&format!("SELECT id FROM t WHERE 100 / a = 20 AND {guard}"), ()).expect_err(guard);
            assert_eq!(error.kind(), ErrorKind::Data, "{error}");
        }
        // A guard over a computed column stays where that is computed, and what it guards stays with it.
        let computed =
            "SELECT id FROM (SELECT id, a, COALESCE(a, 0) AS b FROM t) x WHERE b NOT IN (SELECT m - 1 FROM u) AND 100 / a = 20";
        check(connection, computed, &[1]);
    });
}

/// CAST of bytes to text counted as a conversion that cannot fail. Below a join it met bytes that are none of a text, of rows that the join drops. It stays above.
#[test]
fn bytes_that_are_no_text_stay_above_joins() {
    with_database(|connection| {
        for sql in [
            "SELECT t.id FROM t JOIN u ON u.id = t.id WHERE CAST(t.bytes AS VARCHAR) = 'a'",
            "SELECT t.id FROM t LEFT JOIN u ON u.id = t.id WHERE u.id = 1 AND CAST(t.bytes AS VARCHAR) = 'a'",
            "SELECT id FROM t WHERE id IN (SELECT id FROM u) AND CAST(bytes AS VARCHAR) = 'a'",
        ] {
            check(connection, sql, &[1]);
        }
        let error = connection.query("SELECT CAST(bytes AS VARCHAR) FROM t", ()).expect_err("X'FF'");
        assert_eq!(error.sqlstate(), "22021", "{error}");
    });
}
