//! Bound parameters beside literals: what is compared is compared as it is, whatever its class.

mod checked;

use checked::Checked;
use treering_sql::types::{Date, Decimal, Timestamp};
use treering_sql::{Connection, ErrorKind, ToValue, Value, params};

fn with_database(work: impl FnOnce(&Connection)) {
    work(&Checked::in_memory().connect());
}

const NUMBERS: &str = "CREATE TABLE t (id INT PRIMARY KEY, n DECIMAL(5, 2), d DOUBLE, day DATE, big BIGINT);
    CREATE INDEX t_n ON t (n); CREATE INDEX t_d ON t (d); CREATE INDEX t_day ON t (day);
    INSERT INTO t VALUES (1, 1.25, 9007199254740992e0, '2024-01-01', 1), (2, 1.26, 1, '2024-01-02', 2), (3, 0.1, 0.1, '2024-01-03', 3),
        (4, 9, 2.5, NULL, 4), (5, NULL, NULL, '2024-01-05', 5)";

fn ids(connection: &Connection, sql: &str, values: &[&dyn ToValue]) -> Vec<i64> {
    let statement = connection.prepare(sql).expect(sql);
    let of_row = |row: treering_sql::Row<'_>| row.get::<i64>(0);
    statement.query_map(values, of_row).unwrap_or_else(|e| panic!("{sql}: {e}"))
}

/// A parameter was rounded to its column's class before it was compared. `id = ?` with 2.5 found, changed and deleted row 3, and ranges had a row too many or too few.
/// Compared values keep what they are: each finds what the literal of its value finds.
#[test]
fn parameters_are_compared_as_they_are() {
    with_database(|connection| {
        connection.execute_batch(NUMBERS).expect("rows");
        let noon = Timestamp(19_723 * 86_400_000_000 + 43_200_000_000);
        let decimal = |text: &str| text.parse::<Decimal>().expect("a number");
        let of = |condition: &str, values: &[&dyn ToValue]| {
            ids(connection, &format!("SELECT id FROM t WHERE {condition} ORDER BY id"), values)
        };
        for (column, op, literal, value) in [
            ("id", "=", "2.5e0", Value::Double(2.5)),
            ("id", "<=", "2.5e0", Value::Double(2.5)),
            ("id", ">", "2.5e0", Value::Double(2.5)),
            ("id", "<>", "2.5e0", Value::Double(2.5)),
            ("id", "=", "3e0", Value::Double(3.0)),
            ("id", "<", "1e300", Value::Double(1e300)),
            ("id", ">=", "2.5", Value::Decimal(decimal("2.5"))),
            ("big", "<", "2.5", Value::Decimal(decimal("2.5"))),
            ("n", "=", "1.254", Value::Double(1.254)),
            ("n", "<=", "1.254", Value::Decimal(decimal("1.254"))),
            ("n", "<", "'1.254'", Value::from("1.254")),
            ("n", ">=", "0.1e0", Value::Double(0.1)),
            ("n", "=", "0.1e0", Value::Double(0.1)),
            ("n", "=", "9", Value::Int(9)),
            ("d", "=", "9007199254740993", Value::Int(9_007_199_254_740_993)),
            ("d", "<", "9007199254740993", Value::Int(9_007_199_254_740_993)),
            ("d", "=", "0.1", Value::Decimal(decimal("0.1"))),
            ("day", "=", "TIMESTAMP '2024-01-01 12:00:00'", Value::Timestamp(noon)),
            ("day", "<=", "TIMESTAMP '2024-01-01 12:00:00'", Value::Timestamp(noon)),
            ("day", ">=", "'2024-01-01 12:00:00'", Value::from("2024-01-01 12:00:00")),
            ("day", "=", "DATE '2024-01-01'", Value::Date(Date(19_723))),
        ] {
            let expected = of(&format!("{column} {op} {literal}"), &[]);
            assert_eq!(of(&format!("{column} {op} ?"), &[&value]), expected, "{column} {op} {literal}");
            // The sides changed, and below a negation.
            assert_eq!(
                of(&format!("NOT ({column} {op} ?)"), &[&value]),
                of(&format!("NOT ({column} {op} {literal})"), &[]),
                "NOT {column} {op} {literal}"
            );
            let expected = of(&format!("{literal} {op} {column}"), &[]);
            assert_eq!(of(&format!("? {op} {column}"), &[&value]), expected, "{literal} {op} {column}");
        }
        assert_eq!(of("id IN (?, 77777)", &[&2.5]), [0_i64; 0]);
        assert_eq!(of("id IN (?, ?)", &[&2.5, &2]), [2]);
        assert_eq!(of("id BETWEEN ? AND ?", &[&1.5, &4.5]), [2, 3, 4]);
        assert_eq!(of("? IN (SELECT id FROM t)", &[&2.5]), [0_i64; 0]);
        assert_eq!(of("(id, big) = (?, ?)", &[&2, &2.5]), [0_i64; 0]);
        assert_eq!(of("CASE id WHEN ? THEN 1 ELSE 0 END = 1", &[&2.5]), [0_i64; 0]);
        assert_eq!(of("id IS NOT DISTINCT FROM ?", &[&2.5]), [0_i64; 0]);
        // One parameter in two comparisons: each has its own say.
        assert_eq!(of("id >= :a AND d <= :a", &[&2.5]), [3, 4]);
    });
}

/// DELETE and UPDATE found the rows of the rounded value. What they assign is converted as ever, also where the same parameter is compared.
#[test]
fn changes_find_what_queries_find() {
    with_database(|connection| {
        connection.execute_batch(NUMBERS).expect("rows");
        for transaction in [false, true] {
            if transaction {
                connection.execute_batch("BEGIN").expect("a transaction");
            }
            assert_eq!(connection.execute("DELETE FROM t WHERE id = ?", [2.6]).expect("a change"), 0);
            assert_eq!(connection.execute("UPDATE t SET big = 0 WHERE id = ?", [2.6]).expect("a change"), 0);
            assert_eq!(connection.execute("UPDATE t SET big = ? WHERE id = 4", [2.5]).expect("a change"), 1);
            assert_eq!(ids(connection, "SELECT big FROM t WHERE id = 4", &[]), [3]);
            assert_eq!(connection.execute("UPDATE t SET n = ?1 WHERE id > ?1", [3.555]).expect("a change"), 2);
            assert_eq!(ids(connection, "SELECT id FROM t WHERE n = 3.56 ORDER BY id", &[]), [4, 5]);
            assert_eq!(connection.execute("DELETE FROM t WHERE id = ?", [7.0]).expect("a change"), 0);
        }
        connection.execute_batch("COMMIT").expect("the end");
        // The plan of other values is left as it was.
        let lookup = connection.prepare("SELECT id FROM t WHERE id = ?").expect("a statement");
        for (value, found) in [(Value::Int(2), 1), (Value::Double(2.5), 0), (Value::Double(2.0), 1), (Value::Int(3), 1)] {
            assert_eq!(lookup.query([&value]).expect("rows").len(), found, "{value:?}");
        }
        let snapshot = connection.database().snapshot().expect("a snapshot");
        let found = snapshot.prepare("SELECT id FROM t WHERE id < ?").expect("a statement").query([2.5]).expect("rows").len();
        assert_eq!(found, 2);
    });
}

/// LIMIT with 2.5 gave three rows. It is refused, as the literal is; 2.0 is a whole number.
#[test]
fn a_limit_is_a_whole_number() {
    with_database(|connection| {
        connection.execute_batch(NUMBERS).expect("rows");
        for sql in ["SELECT id FROM t ORDER BY id LIMIT ?", "SELECT id FROM t ORDER BY id OFFSET ?"] {
            let error = connection.query(sql, [2.5]).expect_err(sql);
            assert_eq!(error.kind(), ErrorKind::Type, "{error}");
            assert!(connection.query(sql, [2.0]).is_ok(), "{sql}");
        }
        assert_eq!(ids(connection, "SELECT id FROM t ORDER BY id LIMIT ?", params![2]), [1, 2]);
    });
}

/// A parameter beside whole numbers was rounded before it was computed with: `big * ?` with 2.5 was three times `big`, and `COALESCE(big, ?)` a whole number. What is computed with it is what is computed with the literal,
/// and refused where that is.
#[test]
fn parameters_are_computed_with_as_they_are() {
    let expressions = [
        "big * #",
        "# - big",
        "big / #",
        "big % #",
        "big + # * #",
        "n * #",
        "d - #",
        "big & #",
        "COALESCE(big, #)",
        "NULLIF(#, big)",
        "CASE WHEN id > 2 THEN big ELSE # END",
        "GREATEST(big, #)",
        "LEAST(#, n)",
        "ABS(#)",
        "ROUND(n, #)",
        "SUBSTRING('abcdef', #)",
        "day + #",
        "POWER(#, 2)",
        "CAST(# AS INT)",
        "-big * -#",
    ];
    with_database(|connection| {
        connection.execute_batch(NUMBERS).expect("rows");
        // A number that its column's class holds exactly is computed with in that class: what comes of it is the same number.
        let number = |number: f64| format!("{number:.9e}");
        let shown = |value: &Value<'_>| match value {
            Value::Decimal(of) => number(of.to_string().parse().expect("a number")),
            Value::Double(of) => number(*of),
            Value::Int(of) => number(*of as f64),
            other => format!("{other:?}"),
        };
        let values = |sql: &str, given: &[&dyn ToValue]| {
            let rows = connection.prepare(sql).and_then(|statement| statement.query(given)).map_err(|e| e.kind())?;
            Ok::<_, ErrorKind>(rows.iter().flat_map(|row| row.values().map(shown).collect::<Vec<_>>()).collect::<Vec<_>>())
        };
        let decimal = |text: &str| text.parse::<Decimal>().expect("a number");
        let (half, nearly_two) = (decimal("2.50"), decimal("1.999"));
        let numbers: [(&dyn ToValue, &str); 6] = [
            (&2, "2"),
            (&2.5, "2.5e0"),
            (&half, "2.50"),
            (&0.1, "1e-1"),
            (&nearly_two, "1.999"),
            (&9_007_199_254_740_993_i64, "9007199254740993"),
        ];
        for expression in expressions {
            for (value, literal) in numbers {
                let given = vec![value; expression.matches('#').count()];
                let asked = values(&format!("SELECT {} FROM t ORDER BY id", expression.replace('#', "?")), &given);
                let expected = values(&format!("SELECT {} FROM t ORDER BY id", expression.replace('#', literal)), &[]);
                assert_eq!(asked, expected, "{expression} with {literal}");
            }
        }
        let sum =
            connection.query_row("SELECT big + ? FROM t WHERE id = 1", [9_007_199_254_740_993_i64], |row| row.get::<i64>(0));
        assert_eq!(sum.expect("a row"), 9_007_199_254_740_994);
    });
}

/// A parameter may be wider than the column beside it: what is computed with the two is known to be as wide, and an overflow is an error only of rows that the rest of the statement keeps.
#[test]
fn parameters_may_be_wider_than_what_stands_beside_them() {
    with_database(|connection| {
        connection
            .execute_batch(
                "CREATE TABLE n (id BIGINT PRIMARY KEY, k BIGINT, n INT, s SMALLINT); INSERT INTO n VALUES (1, 7, NULL, 1), (2, 8, 3, 2);
                 CREATE TABLE u (id BIGINT PRIMARY KEY); INSERT INTO u VALUES (8)",
            )
            .expect("tables");
        let wide = 5_000_000_000_i64;
        for x in ["COALESCE(n, ?)", "CASE WHEN n IS NULL THEN ? ELSE n END", "GREATEST(COALESCE(n, ?), 1)"] {
            let sql = format!("SELECT d.id FROM (SELECT id, k, {x} AS x FROM n) d JOIN u ON u.id = d.k WHERE d.x * d.x > 5");
            assert_eq!(ids(connection, &sql, &[&wide]), [2], "{x}");
        }
        let both = "SELECT d.x FROM (SELECT s AS x FROM n UNION ALL SELECT ?) d WHERE d.x > 2";
        assert_eq!(ids(connection, both, &[&wide]), [wide]);
        let squares = "SELECT d.x * d.x FROM (SELECT s AS x FROM n UNION ALL SELECT ?) d";
        assert_eq!(connection.query(squares, [wide]).expect_err("an overflow").kind(), ErrorKind::Data);
    });
}
