//! Queries, changes and the small statements.

use super::*;

/// Every part of a query.
#[test]
fn queries() {
    check(&[
        ("SELECT 1;", "select 1"),
        ("SELECT DISTINCT a, t.*, * FROM t", "select distinct a, t.*, * from t"),
        ("SELECT a b, c AS d FROM t AS x, u y", "select a as b, c as d from t as x, u as y"),
        ("SELECT * FROM t WHERE TRUE", "select * from t where true"),
        (
            "SELECT * FROM a AS lock JOIN b AS key ON lock.id = key.id",
            "select * from [a as lock inner b as key on (lock.id Eq key.id)]",
        ),
        ("SELECT * FROM a LEFT JOIN b USING (x, y) CROSS JOIN c", "select * from [[a left b using x, y] inner c]"),
        (
            "SELECT * FROM a RIGHT OUTER JOIN b ON 1 = 1 FULL JOIN c ON TRUE",
            "select * from [[a right b on (1 Eq 1)] full c on true]",
        ),
        ("SELECT * FROM a NATURAL JOIN b", "select * from [a inner b natural]"),
        ("SELECT * FROM a JOIN (b JOIN c ON x = y) ON u = v", "select * from [a inner [b inner c on (x Eq y)] on (u Eq v)]"),
        ("SELECT * FROM (a)", "select * from a"),
        (
            "SELECT * FROM (SELECT 1 AS a) x(b), (VALUES (1, 2)) AS v(c, d)",
            "select * from (select 1 as a) as x(b), (values (1, 2)) as v(c, d)",
        ),
        ("SELECT a, count(*) FROM t GROUP BY a HAVING count(*) > 1", "select a, count(*) from t group a having (count(*) Gt 1)"),
        (
            "SELECT a FROM t ORDER BY a DESC NULLS LAST, 2, b ASC NULLS FIRST",
            "select a from t order a desc nulls-last, 2, b nulls-first",
        ),
        ("SELECT a FROM t LIMIT 5 OFFSET 10", "select a from t limit 5 offset 10"),
        ("SELECT a FROM t LIMIT NULL OFFSET ?", "select a from t limit null offset ?0"),
        ("SELECT a FROM t LIMIT 10, 5", "select a from t limit 5 offset 10"),
        ("SELECT a FROM t OFFSET 3 ROWS FETCH NEXT 2 ROWS ONLY", "select a from t limit 2 offset 3"),
        ("SELECT a FROM t FETCH FIRST ROW ONLY", "select a from t limit 1"),
        ("SELECT 1 UNION SELECT 2 UNION ALL SELECT 3", "[[select 1 union select 2] union all select 3]"),
        ("SELECT 1 EXCEPT SELECT 2 INTERSECT SELECT 3", "[select 1 except [select 2 intersect select 3]]"),
        ("(SELECT 1 LIMIT 1) MINUS (SELECT 2) ORDER BY 1", "[(select 1 limit 1) except (select 2)] order 1"),
        ("VALUES (1, 'a'), (2, NULL)", "values (1, 'a'), (2, null)"),
        (
            "WITH x AS (SELECT 1), y(a) AS (SELECT * FROM x) SELECT * FROM y",
            "with x() as (select 1), y(a) as (select * from x) select * from y",
        ),
        ("SELECT a FROM t NOT INDEXED WHERE NOT indexed", "select a from t where (not indexed)"),
        ("SELECT a FROM t AS x NOT INDEXED", "select a from t as x"),
        ("SELECT a FROM PUBLIC.t WHERE public.t.a = 1", "select a from t where (t.a Eq 1)"),
        ("SELECT * FROM INFORMATION_SCHEMA.TABLES", "select * from information_schema.tables as TABLES"),
        ("SELECT \"a\"\"b\", `c d` FROM \"select\"", "select a\"b, c d from select"),
        ("SELECT 1 -- one\n, /* two */ 2 // three's; 'x\n, 'a//b', \"c--d\" FROM t", "select 1, 2, 'a//b', c--d from t"),
    ]);
}

/// Every way to change rows.
#[test]
fn changes() {
    check(&[
        ("INSERT INTO t VALUES (1, DEFAULT)", "insert t() values (1, default)"),
        (
            "INSERT INTO t (a, b,) VALUES (1, 2,), (?, (SELECT max(a) FROM t))",
            "insert t(a, b) values (1, 2), (?0, (select max(a) from t))",
        ),
        ("INSERT INTO t (key, value) SELECT a, b FROM u", "insert t(key, value) select a, b from u"),
        ("INSERT INTO t (SELECT 1)", "insert t() (select 1)"),
        ("INSERT INTO t WITH x AS (SELECT 1) SELECT * FROM x", "insert t() with x() as (select 1) select * from x"),
        ("INSERT INTO t DEFAULT VALUES", "insert t() defaults"),
        ("INSERT INTO t VALUES (1) ON CONFLICT DO NOTHING", "insert t() values (1) on-conflict() nothing"),
        (
            "INSERT INTO t (a) VALUES (1) ON CONFLICT (a) DO UPDATE SET b = excluded.b, c = DEFAULT WHERE t.b < 2 RETURNING a, *",
            "insert t(a) values (1) on-conflict(a) set b = excluded.b, c = default where (t.b Lt 2) returning a, *",
        ),
        ("MERGE INTO t KEY(a) VALUES (1, 2)", "insert t() values (1, 2) merge(a)"),
        ("MERGE INTO t (a, b) KEY (a, b,) SELECT a, b FROM u", "insert t(a, b) select a, b from u merge(a, b)"),
        ("MERGE INTO t (key, value) VALUES (?, ?)", "insert t(key, value) values (?0, ?1) merge()"),
        ("UPDATE t SET a = a + 1, t.b = DEFAULT WHERE c IN (1)", "update t set a = (a Add 1), b = default where (c in (1))"),
        (
            "UPDATE t AS x SET (a, b) = (1, ?) FROM u JOIN v ON u.i = v.i WHERE x.i = u.i",
            "update t as x set a = 1, b = ?0 from [u inner v on (u.i Eq v.i)] where (x.i Eq u.i)",
        ),
        ("UPDATE t x SET a = (SELECT 1) RETURNING x.a", "update t as x set a = (select 1) returning x.a"),
        ("DELETE FROM t", "delete t"),
        ("DELETE FROM t AS x WHERE x.a = 1 RETURNING *", "delete t as x where (x.a Eq 1) returning *"),
        ("TRUNCATE TABLE t", "truncate t"),
    ]);
}

/// Transactions, explanations, scripts and settings.
#[test]
fn small_statements() {
    check(&[
        ("BEGIN", "Begin { read_only: false }"),
        ("BEGIN IMMEDIATE TRANSACTION", "Begin { read_only: false }"),
        ("BEGIN READ ONLY", "Begin { read_only: true }"),
        ("START TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY", "Begin { read_only: true }"),
        ("COMMIT WORK", "Commit"),
        ("END", "Commit"),
        ("ROLLBACK", "rollback"),
        ("ROLLBACK TO SAVEPOINT a", "rollback to a"),
        ("SAVEPOINT a", "savepoint a"),
        ("RELEASE SAVEPOINT a", "release a"),
        ("EXPLAIN SELECT 1", "explain select 1"),
        ("EXPLAIN ANALYZE DELETE FROM t", "explain analyze delete t"),
        ("EXPLAIN QUERY PLAN SELECT 1", "explain select 1"),
        ("SCRIPT", "script data=true to=None compressed=false only()"),
        ("SCRIPT TO 'a.sql' COMPRESSION LZ4", "script data=true to=Some(\"a.sql\") compressed=true only()"),
        ("SCRIPT NODATA TABLE a, PUBLIC.b", "script data=false to=None compressed=false only(a, b)"),
        ("RUNSCRIPT FROM 'a.sql'", "RunScript { from: \"a.sql\", compressed: false }"),
        ("RUNSCRIPT FROM 'a.sql' COMPRESSION LZ4", "RunScript { from: \"a.sql\", compressed: true }"),
        ("ALTER SEQUENCE s RESTART", "alter sequence s Start"),
        ("ALTER SEQUENCE IF EXISTS s RESTART WITH 9223372036854775808", "alter sequence if-exists s With(9223372036854775808)"),
        ("ALTER TABLE t ALTER COLUMN a RESTART WITH -5", "alter t restart a With(-5)"),
        ("INSERT INTO t (a) OVERRIDING SYSTEM VALUE VALUES (1)", "insert t(a) overriding values (1)"),
        ("SET DB_CLOSE_DELAY -1", "Nothing"),
        ("SET MODE PostgreSQL", "Nothing"),
    ]);
}

/// Several statements stand in one text, each with its own piece of it, and empty ones are none.
#[test]
fn statements_know_their_text() {
    let text = " ;; SELECT 'a;b' // ;\n ; \n/* ; */ INSERT INTO é VALUES (?) ; -- end ;\n";
    let pieces = accepted(text).into_iter().map(|parsed| &text[parsed.span.0..parsed.span.1]).collect::<Vec<_>>();
    assert_eq!(pieces, ["SELECT 'a;b'", "INSERT INTO é VALUES (?)"]);
    assert!(accepted(" -- nothing").is_empty());
}
