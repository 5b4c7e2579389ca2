//! What is refused, how it is named, and where.

use super::*;

/// A number that would lose digits before the point is refused where it stands, and not made something else; so is a DOUBLE that is none.
#[test]
fn numbers_that_do_not_fit_have_places() {
    let (whole, long) = ("9".repeat(30), "9".repeat(100_000));
    let cases = [
        (format!("SELECT 1 + {whole}"), 12),
        (format!("SELECT {whole}.5"), 8),
        (format!("SELECT {long}"), 8),
        (format!("SELECT {long}.{long}"), 8),
        (format!("INSERT INTO t VALUES (1, 2), (3, {whole})"), 34),
        ("SELECT 1e999".to_owned(), 8),
    ];
    for (text, column) in cases {
        let error = refused(&text);
        assert_eq!((error.kind(), error.sqlstate()), (ErrorKind::Data, "22003"), "{error}");
        assert_eq!(error.place(), Some(Place { line: 1, column }), "{error}");
        assert!(error.message().len() < 200, "{error}");
    }
    let fraction = format!("SELECT 0.{}", "1".repeat(100_000));
    let parsed = parse(&fraction, &Limits::default()).unwrap();
    assert!(format!("{parsed:?}").contains("0.1111111111111111111111111111"), "what stands behind the point is rounded");
}

/// What is no statement is named with what was expected and found, at the place in the text as it was written.
#[test]
fn syntax_errors_have_places() {
    let cases = [
        ("SELECT a,, b", "expected an expression, found ,", 1, 10),
        ("SELECT a FROM", "expected a name, found the end", 1, 14),
        ("SELECT a\nFROM t WHERE", "expected an expression, found the end", 2, 13),
        ("SELECT 1; SELECT é, FROM t", "expected an expression, found FROM", 1, 21),
        ("SELECT (1", "expected ), found the end", 1, 10),
        ("SELECT a b c", "expected the end of the statement, found c", 1, 12),
        ("SELECT 'a' 'b'", "expected a name, found the text 'b'", 0, 0),
        ("  SELEC 1", "expected a statement, found SELEC", 1, 3),
        ("SELECT 1 // x\n  a b c", "expected the end of the statement, found b", 2, 5),
        ("SELECT :a, ? FROM t WHERE )", "expected an expression, found )", 1, 27),
        ("INSERT t VALUES (1)", "expected into, found t", 1, 8),
        ("INSERT INTO t (a) (b)", "expected VALUES, a query or DEFAULT VALUES, found (", 1, 19),
        ("CREATE TABLE t (a)", "the column a has no type", 1, 17),
        ("CREATE TABLE t (a PRIMARY KEY)", "expected a type, found PRIMARY", 1, 19),
        ("CREATE TABLE select (a INT)", "expected a name, found select", 1, 14),
        ("CREATE TABLE t (a INT PRIMARY)", "expected ), found PRIMARY", 1, 23),
        ("SELECT 1x", "the number 1 runs into a word", 1, 8),
        ("SELECT x'1'", "a literal of bytes has two digits from 0 to F for each", 1, 8),
        ("SELECT\n 'abc", "a text literal begins here and never ends", 2, 2),
        ("SELECT a FROM t LEFT JOIN u", "expected ON or USING behind an outer join's table", 1, 27),
        ("UPDATE t SET (a, b) = (1)", "2 columns are set to 1 values", 1, 14),
        (
            "SELECT DECIMAL '1', CAST(a AS DECIMAL(40))",
            "DECIMAL has 1 to 28 digits, and not more of them behind the point",
            1,
            31,
        ),
    ];
    for (text, message, line, column) in cases {
        let error = refused(text);
        assert_eq!((error.kind(), error.message()), (ErrorKind::Syntax, message), "{text}");
        let place = (line > 0).then_some(Place { line, column });
        assert_eq!(error.place(), place, "{text}: {error}");
    }
}

/// What is SQL and not here is refused by its name, never left out.
#[test]
fn unsupported_is_named() {
    let cases = [
        ("SELECT row_number() OVER (ORDER BY a) FROM t", "OVER (a window function)"),
        ("SELECT sum(a) OVER w FROM t", "OVER (a window function)"),
        ("SELECT a FROM t WINDOW w AS (PARTITION BY b ORDER BY c)", "WINDOW"),
        ("SELECT a FROM t QUALIFY a > 1", "QUALIFY"),
        ("WITH RECURSIVE x AS (SELECT 1) SELECT * FROM x", "WITH RECURSIVE"),
        ("WITH q AS (SELECT 1) INSERT INTO t SELECT * FROM q", "INSERT behind WITH"),
        ("WITH q AS (SELECT 1 AS a) UPDATE t SET a = 2", "UPDATE behind WITH"),
        ("WITH q AS (SELECT 1), r (a) AS (SELECT 2) DELETE FROM t", "DELETE behind WITH"),
        ("SELECT * FROM t, LATERAL (SELECT 1) x", "LATERAL"),
        ("SELECT * FROM t TABLESAMPLE (10)", "TABLESAMPLE"),
        ("SELECT * FROM f(1)", "a function as a table"),
        ("SELECT DISTINCT ON (a) a FROM t", "DISTINCT ON"),
        ("SELECT a INTO u FROM t", "SELECT .. INTO"),
        ("SELECT a FROM t FOR UPDATE", "FOR UPDATE"),
        ("SELECT a FROM t GROUP BY ROLLUP (a)", "GROUP BY ROLLUP"),
        ("SELECT a FROM t GROUP BY ALL", "GROUP BY ALL"),
        ("SELECT a FROM t FETCH FIRST 5 ROWS WITH TIES", "FETCH .. WITH TIES"),
        ("SELECT a = ANY (SELECT 1)", "ANY"),
        ("SELECT a > ALL (SELECT 1)", "ALL in an expression"),
        ("SELECT a COLLATE nocase", "COLLATE"),
        ("SELECT a AT TIME ZONE 'UTC'", "AT TIME ZONE"),
        ("SELECT a + INTERVAL '1-2' YEAR TO MONTH", "INTERVAL .. TO"),
        ("SELECT a REGEXP 'x'", "REGEXP"),
        ("SELECT a SIMILAR TO 'x'", "SIMILAR TO"),
        ("SELECT a << 1", "the operator <<"),
        ("SELECT a[1]", "a path into a value"),
        ("SELECT f(a => 1)", "this form of an argument"),
        ("SELECT group_concat(a LIMIT 1)", "LIMIT among a function's arguments"),
        ("SELECT CAST(a AS JSON)", "the type JSON"),
        ("CREATE TABLE t (a TIME)", "the type TIME"),
        ("CREATE TABLE t (a TIMESTAMP WITH TIME ZONE)", "the type TIMESTAMP WITH TIME ZONE"),
        ("CREATE TABLE t (a INT AS (b + 1))", "AS behind a column"),
        ("CREATE TABLE t (a INT GENERATED ALWAYS AS (b + 1))", "a column that is computed"),
        (
            "CREATE TABLE t (a INT REFERENCES u DEFERRABLE INITIALLY DEFERRED)",
            "a constraint that is checked at the transaction's end",
        ),
        ("CREATE TEMPORARY TABLE t (a INT)", "CREATE TEMPORARY"),
        ("CREATE TRIGGER x", "CREATE TRIGGER"),
        ("CREATE INDEX i ON t (lower(a))", "an index over an expression"),
        ("CREATE INDEX i ON t (a) WHERE b", "an index of some rows, or with more columns than its key"),
        ("DROP SCHEMA s", "SCHEMA"),
        ("ALTER VIEW v RENAME TO w", "ALTER VIEW"),
        ("INSERT OR REPLACE INTO t VALUES (1)", "INSERT OR .. (say ON CONFLICT)"),
        ("INSERT INTO t VALUES (1) ON DUPLICATE KEY UPDATE a = 1", "ON DUPLICATE KEY (say ON CONFLICT)"),
        ("MERGE INTO t USING u ON a = b WHEN MATCHED THEN DELETE", "MERGE .. USING"),
        ("MERGE INTO t AS x USING u ON a = b", "MERGE .. USING"),
        ("DELETE FROM t USING u", "DELETE .. USING (say WHERE .. IN (SELECT ..))"),
        ("DELETE FROM t WHERE a LIMIT 1", "DELETE with LIMIT"),
        ("GRANT ALL ON t TO x", "GRANT"),
        ("PRAGMA foreign_keys = 1", "PRAGMA"),
        ("SET FOREIGN_KEYS 0", "SET FOREIGN_KEYS"),
        ("BEGIN ISOLATION LEVEL SERIALIZABLE", "this isolation level"),
    ];
    let wrong = cases.into_iter().filter_map(|(text, what)| {
        let error = refused(text);
        let right = error.kind() == ErrorKind::Unsupported && error.message() == format!("{what} is not supported");
        (!right).then(|| format!("{text}: {error:?}"))
    });
    assert_eq!(wrong.collect::<Vec<_>>(), Vec::<String>::new());
}

/// What is too long or too deep is refused as such.
#[test]
fn limits() {
    let limits = Limits { text_bytes: 60, tokens: 40, nesting: 5, chain: 30, set_operators: 2, parameters: 2 };
    let deny = |text: &str| parse(text, &limits).unwrap_err();
    for text in [
        "SELECT 'a long text that is longer than all that may be written'",
        "SELECT 1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1",
        "SELECT ((((((1))))))",
        "SELECT a+a+a+a+a+a+a",
        "SELECT ?, ?, ?",
        "VALUES (1) UNION VALUES (1) UNION VALUES (1) UNION VALUES(1)",
    ] {
        assert_eq!(deny(text).kind(), ErrorKind::Limit, "{text}: {:?}", deny(text));
    }
    assert!(parse("SELECT a+a+a, ?, ?", &limits).is_ok());
    let name = refused("SELECT * FROM other.t");
    assert_eq!((name.kind(), name.place()), (ErrorKind::Name, Some(Place { line: 1, column: 15 })));
}
