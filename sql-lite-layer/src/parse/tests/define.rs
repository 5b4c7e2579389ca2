//! Definitions.

use super::*;

/// Every clause of a table, H2's forms too.
#[test]
fn tables() {
    check(&[
        (
            "CREATE TABLE IF NOT EXISTS t (id IDENTITY, name VARCHAR(20) NOT NULL, UNIQUE(name, id),)",
            "create table if-not-exists t(id BIGINT identity(1 1) primary(id), name VARCHAR(20) not-null, unique(name, id))",
        ),
        ("CREATE TABLE t (id IDENTITY PRIMARY KEY)", "create table t(id BIGINT identity(1 1) primary(id))"),
        (
            "CREATE TABLE t (id BIGINT GENERATED ALWAYS AS IDENTITY (START WITH 5 INCREMENT BY -2) PRIMARY KEY, b INT AUTO_INCREMENT, c SERIAL)",
            "create table t(id BIGINT identity(5 -2 always) primary(id), b INTEGER identity(1 1), c INTEGER identity(1 1))",
        ),
        (
            "CREATE TABLE t (a VARCHAR NULL, b TEXT, c CLOB, d CHAR(3))",
            "create table t(a VARCHAR null, b VARCHAR, c VARCHAR, d VARCHAR(3))",
        ),
        (
            "CREATE TABLE t (key INT, value TINYINT, user BOOLEAN, first DATE, last TIMESTAMP(6), mode UUID, status BLOB, port DOUBLE, url VARBINARY(8), label REAL)",
            "create table t(key INTEGER, value TINYINT, user BOOLEAN, first DATE, last TIMESTAMP, mode UUID, status BLOB, port DOUBLE, url VARBINARY(8), label DOUBLE)",
        ),
        (
            "CREATE TABLE t (a INT DEFAULT 0 NOT NULL, b TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP, c TEXT DEFAULT 'x' || 'y' UNIQUE, d DECIMAL(8, 3) DEFAULT -1.5)",
            "create table t(a INTEGER not-null default 0 \"0\", b TIMESTAMP not-null default current_timestamp() \"CURRENT_TIMESTAMP\", \
             c VARCHAR default (concat 'x', 'y') \"'x' || 'y'\" unique(c), d DECIMAL(8, 3) default -1.5m \"-1.5\")",
        ),
        (
            "CREATE TABLE t (a INT CHECK (a > /* more */ 0 ) REFERENCES u(id) ON DELETE CASCADE ON UPDATE SET NULL, CONSTRAINT c CHECK (a < 5))",
            "create table t(a INTEGER check((a Gt 0) \"a > /* more */ 0\") foreign(a) u(id) Cascade SetNull, c:check((a Lt 5) \"a < 5\"))",
        ),
        (
            "CREATE TABLE t (a INT, b INT, PRIMARY KEY (a, b), CONSTRAINT f FOREIGN KEY (a) REFERENCES u ON DELETE NO ACTION, UNIQUE (b))",
            "create table t(a INTEGER, b INTEGER, primary(a, b), f:foreign(a) u() NoAction NoAction, unique(b))",
        ),
        (
            "CREATE TABLE t (a INT CONSTRAINT k PRIMARY KEY, b INT CONSTRAINT r REFERENCES u)",
            "create table t(a INTEGER k:primary(a), b INTEGER r:foreign(b) u() NoAction NoAction)",
        ),
        ("CREATE TABLE t AS SELECT 1 AS a", "create table t() as select 1 as a"),
        ("CREATE TABLE t (a, b) AS SELECT 1, 2", "create table t(a NULL, b NULL) as select 1, 2"),
        ("CREATE CACHED TABLE PUBLIC.t (a INT)", "create table t(a INTEGER)"),
        (
            "CREATE TABLE t (unique_ INT, check_ INT, constraint_ INT, identity VARCHAR)",
            "create table t(unique_ INTEGER, check_ INTEGER, constraint_ INTEGER, identity VARCHAR)",
        ),
    ]);
}

/// Indexes, views, sequences, and changes of what is there.
#[test]
fn other_definitions() {
    check(&[
        ("CREATE INDEX IF NOT EXISTS i ON t (a, b ASC)", "create index if-not-exists i on t(a, b)"),
        ("CREATE UNIQUE INDEX i ON t(a)", "create unique index i on t(a)"),
        ("CREATE INDEX ON t(a)", "create index on t(a)"),
        (
            "CREATE OR REPLACE VIEW v (x) AS SELECT a\nFROM t // all\n",
            "create view or-replace v(x) as select a from t text \"SELECT a\\nFROM t\"",
        ),
        ("CREATE VIEW IF NOT EXISTS v AS SELECT 1", "create view if-not-exists v() as select 1 text \"SELECT 1\""),
        ("CREATE SEQUENCE s START WITH 10 INCREMENT BY 5", "create sequence s Some(10) Some(5)"),
        ("CREATE SEQUENCE IF NOT EXISTS s", "create sequence if-not-exists s None None"),
        ("ALTER TABLE IF EXISTS t DROP CONSTRAINT IF EXISTS c", "alter if-exists t drop-constraint if-exists c"),
        ("ALTER TABLE t ADD COLUMN IF NOT EXISTS a INT DEFAULT 1", "alter t add if-not-exists a INTEGER default 1 \"1\""),
        ("ALTER TABLE t ADD a INT NOT NULL", "alter t add a INTEGER not-null"),
        ("ALTER TABLE t ADD CONSTRAINT c UNIQUE (a)", "alter t add c:unique(a)"),
        (
            "ALTER TABLE t ADD FOREIGN KEY (a) REFERENCES u(b) ON DELETE SET DEFAULT",
            "alter t add foreign(a) u(b) SetDefault NoAction",
        ),
        ("ALTER TABLE t DROP COLUMN IF EXISTS a", "alter t drop if-exists a"),
        ("ALTER TABLE t DROP a", "alter t drop a"),
        ("ALTER TABLE t RENAME COLUMN a TO b", "alter t rename a b"),
        ("ALTER TABLE t ALTER COLUMN a RENAME TO b", "alter t rename a b"),
        ("ALTER TABLE t RENAME TO u", "alter t rename-to u"),
        ("ALTER TABLE t ALTER COLUMN a SET DEFAULT 5", "alter t default a 5 \"5\""),
        ("ALTER TABLE t ALTER a DROP DEFAULT", "alter t default a none"),
        ("ALTER TABLE t ALTER a SET NOT NULL", "alter t nullable a false"),
        ("ALTER TABLE t ALTER a DROP NOT NULL", "alter t nullable a true"),
        ("ALTER TABLE t ALTER a SET DATA TYPE BIGINT", "alter t type a BIGINT"),
        ("ALTER TABLE t ALTER COLUMN a VARCHAR(30)", "alter t type a VARCHAR(30)"),
        ("DROP TABLE IF EXISTS a, b CASCADE", "drop Table if-exists a, b cascade"),
        ("DROP TABLE a IF EXISTS", "drop Table if-exists a"),
        ("DROP INDEX i", "drop Index i"),
        ("DROP VIEW IF EXISTS v RESTRICT", "drop View if-exists v"),
        ("DROP SEQUENCE s", "drop Sequence s"),
        ("DROP ALL OBJECTS", "DropAllObjects"),
        ("COMMENT ON TABLE t IS 'it''s'", "comment t Some(\"it's\")"),
        ("COMMENT ON COLUMN t.a IS NULL", "comment t.a None"),
    ]);
}

/// What the catalogue keeps as text is read again as the same expression.
#[test]
fn kept_texts_are_read_again() {
    for text in ["a > 0", "CURRENT_TIMESTAMP", "'x' || \"y\"", "a IN (1, 2) // so\n AND b", "CASEWHEN(a, 1, 2)"] {
        let expr = parse_expr(text).unwrap();
        check_exprs(&[(text, &show::expr(&expr))]);
    }
    for text in ["", "a b", "?", "a; b", "a)"] {
        assert_eq!(parse_expr(text).unwrap_err().kind(), ErrorKind::Syntax, "{text}");
    }
}
