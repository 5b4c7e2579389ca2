//! The anomalies that Hermitage tries on SQL databases, as statements over connections.
//!
//! A step is a line: `2 BEGIN` runs a statement on connection 2. Behind `=>` stand the rows that it gives, behind `#` how many it changes, and behind `!` the kind
//! of its error; a step without any of these succeeds. Connections do not wait for the writer's turn: one that would have to wait gives `TimedOut`. Each script begins with
//! the rows (1, 10) and (2, 20) of `test`; a reader in between sees nothing that was not committed when it began.
//!
//! What is promised:
//!
//! 1. A transaction that may write has the turn from BEGIN to its end, so such transactions run one after the other: between them no anomaly is possible.
//! 2. A transaction that only reads (BEGIN READ ONLY) sees one version, whatever is committed beside it. Since it writes nothing, write skew needs two that write: see 1.
//! 3. A statement by itself is a transaction of its own. What was read in an earlier one is not held: [`sql_what_was_read_before_is_not_held`].

use std::time::Duration;

use treering_sql::{Connection, Database, Limits};
use treering_tests::Checked;

/// Runs a script.
#[track_caller]
fn run(script: &str) {
    let database = Checked::new("anomalies by SQL", Database::in_memory().expect("a database in memory"));
    let schema = "CREATE TABLE test (id INT PRIMARY KEY, value INT); INSERT INTO test VALUES (1, 10), (2, 20)";
    database.connect().execute_batch(schema).expect("the schema");
    let limits = Limits { wait: Some(Duration::ZERO), ..Limits::default() };
    let connections: Vec<Connection> = (0..3).map(|_| database.connect()).collect();
    connections.iter().for_each(|connection| connection.set_limits(limits));
    for line in script.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let (number, step) = line.split_once(' ').expect("a connection and a statement");
        let number: usize = number.parse().expect("a connection's number");
        let connection = &connections[number - 1];
        if let Some((text, rows)) = step.split_once("=>") {
            assert_eq!(query(connection, text), rows.trim(), "{line}");
        } else if let Some((text, kind)) = step.split_once('!') {
            let error = connection.execute(text, ()).expect_err(line);
            assert_eq!(format!("{:?}", error.kind()), kind.trim(), "{line}: {error}");
        } else {
            let (text, count) = step.split_once('#').map_or((step, None), |(text, count)| (text, Some(count.trim())));
            let changed = connection.execute(text, ()).unwrap_or_else(|e| panic!("{line}: {e}"));
            assert!(count.is_none_or(|count| count == changed.to_string()), "{line}: {changed}");
        }
    }
}

/// The rows, each as its values with `|` between them.
fn query(connection: &Connection, text: &str) -> String {
    let rows = connection.query(text, ()).unwrap_or_else(|e| panic!("{text}: {e}"));
    let row = |row: treering_sql::Row<'_>| row.values().map(ToString::to_string).collect::<Vec<_>>().join("|");
    rows.iter().map(row).collect::<Vec<_>>().join(" ")
}

/// G0: the writes of two transactions do not mix.
#[test]
fn sql_g0_dirty_write() {
    run("
        1 BEGIN
        1 UPDATE test SET value = 11 WHERE id = 1
        2 BEGIN ! TimedOut
        2 UPDATE test SET value = 12 WHERE id = 1 ! TimedOut
        1 UPDATE test SET value = 21 WHERE id = 2
        1 COMMIT
        2 BEGIN
        2 UPDATE test SET value = 12 WHERE id = 1
        1 SELECT value FROM test ORDER BY id => 11 21
        2 UPDATE test SET value = 22 WHERE id = 2
        2 COMMIT
        1 SELECT value FROM test ORDER BY id => 12 22
    ");
}

/// G1a: what was rolled back, as a whole, to a savepoint or by a statement's failure, was never seen by others.
#[test]
fn sql_g1a_aborted_read() {
    run("
        1 BEGIN
        1 UPDATE test SET value = 101 WHERE id = 1
        2 BEGIN READ ONLY
        2 SELECT value FROM test ORDER BY id => 10 20
        3 SELECT value FROM test ORDER BY id => 10 20
        1 ROLLBACK
        2 SELECT value FROM test ORDER BY id => 10 20
        2 COMMIT
        3 SELECT value FROM test ORDER BY id => 10 20
        1 BEGIN
        1 SAVEPOINT before
        1 UPDATE test SET value = 102 WHERE id = 1
        1 ROLLBACK TO before
        1 UPDATE test SET id = id + 1 WHERE value < 15 ! Constraint
        1 UPDATE test SET value = 22 WHERE id = 2
        1 COMMIT
        3 SELECT value FROM test ORDER BY id => 10 22
    ");
}

/// G1b: what a transaction wrote and overwrote before its end is seen by nobody.
#[test]
fn sql_g1b_intermediate_read() {
    run("
        1 BEGIN
        1 UPDATE test SET value = 101 WHERE id = 1
        2 BEGIN READ ONLY
        2 SELECT value FROM test ORDER BY id => 10 20
        1 UPDATE test SET value = 11 WHERE id = 1
        3 SELECT value FROM test ORDER BY id => 10 20
        1 COMMIT
        2 SELECT value FROM test ORDER BY id => 10 20
        2 COMMIT
        2 SELECT value FROM test ORDER BY id => 11 20
    ");
}

/// G1c: of two transactions not each sees what the other writes.
#[test]
fn sql_g1c_circular_information_flow() {
    run("
        1 BEGIN
        1 UPDATE test SET value = 11 WHERE id = 1
        2 BEGIN ! TimedOut
        2 BEGIN READ ONLY
        2 UPDATE test SET value = 22 WHERE id = 2 ! State
        1 SELECT value FROM test WHERE id = 2 => 20
        2 SELECT value FROM test WHERE id = 1 => 10
        1 COMMIT
        2 SELECT value FROM test WHERE id = 1 => 10
        2 COMMIT
        2 BEGIN
        2 SELECT value FROM test WHERE id = 1 => 11
        2 UPDATE test SET value = 22 WHERE id = 2
        2 COMMIT
        1 SELECT value FROM test ORDER BY id => 11 22
    ");
}

/// OTV: who has seen a transaction sees all of it, until the end.
#[test]
fn sql_otv_observed_transaction_vanishes() {
    run("
        1 BEGIN
        1 UPDATE test SET value = 11 WHERE id = 1
        1 UPDATE test SET value = 19 WHERE id = 2
        2 BEGIN ! TimedOut
        1 COMMIT
        2 BEGIN
        3 BEGIN READ ONLY
        3 SELECT value FROM test WHERE id = 1 => 11
        2 UPDATE test SET value = 12 WHERE id = 1
        3 SELECT value FROM test WHERE id = 2 => 19
        2 UPDATE test SET value = 18 WHERE id = 2
        3 SELECT value FROM test WHERE id = 1 => 11
        2 COMMIT
        3 SELECT value FROM test ORDER BY id => 11 19
        3 COMMIT
        3 SELECT value FROM test ORDER BY id => 12 18
    ");
}

/// PMP: rows that fit a condition do not appear under a reader, and a writer's condition is tried on what it changes.
#[test]
fn sql_pmp_predicate_many_preceders() {
    run("
        1 BEGIN READ ONLY
        1 SELECT * FROM test WHERE value = 30 =>
        2 INSERT INTO test VALUES (3, 30) # 1
        1 SELECT * FROM test WHERE value % 3 = 0 =>
        1 COMMIT
        1 SELECT * FROM test WHERE value % 3 = 0 => 3|30
    ");
    run("
        1 BEGIN
        1 UPDATE test SET value = value + 10 # 2
        2 DELETE FROM test WHERE value = 20 ! TimedOut
        1 COMMIT
        2 DELETE FROM test WHERE value = 20 # 1
        2 SELECT * FROM test => 2|30
    ");
}

/// P4: of two transactions that read and then write, the second reads what the first wrote.
#[test]
fn sql_p4_lost_update() {
    run("
        1 BEGIN
        1 SELECT value FROM test WHERE id = 1 => 10
        2 BEGIN ! TimedOut
        1 UPDATE test SET value = 11 WHERE id = 1
        1 COMMIT
        2 BEGIN
        2 SELECT value FROM test WHERE id = 1 => 11
        2 UPDATE test SET value = 12 WHERE id = 1
        2 COMMIT
        1 SELECT value FROM test WHERE id = 1 => 12
    ");
}

/// G-single: a reader sees no row from before and another from behind a commit, by key or by condition.
#[test]
fn sql_g_single_read_skew() {
    run("
        1 BEGIN READ ONLY
        1 SELECT value FROM test WHERE id = 1 => 10
        2 BEGIN
        2 UPDATE test SET value = 12 WHERE id = 1
        2 UPDATE test SET value = 18 WHERE id = 2
        2 COMMIT
        1 SELECT value FROM test WHERE id = 2 => 20
        1 SELECT value FROM test WHERE value % 6 = 0 =>
        1 DELETE FROM test WHERE value = 20 ! State
        1 COMMIT
        1 SELECT value FROM test WHERE value % 6 = 0 ORDER BY id => 12 18
    ");
    run("
        1 BEGIN READ ONLY
        1 SELECT count(*) FROM test => 2
        2 ALTER TABLE test ADD COLUMN more INT DEFAULT 5
        2 INSERT INTO test VALUES (3, 30, 6)
        1 SELECT * FROM test ORDER BY id => 1|10 2|20
        2 DROP TABLE test
        1 SELECT * FROM test ORDER BY id => 1|10 2|20
        1 COMMIT
        1 SELECT * FROM test ! Name
    ");
}

/// G2-item: two transactions that read two rows and write one each: the second has not read what the first changed before it did.
#[test]
fn sql_g2_item_write_skew() {
    run("
        1 BEGIN
        1 SELECT * FROM test WHERE id IN (1, 2) ORDER BY id => 1|10 2|20
        2 BEGIN ! TimedOut
        2 BEGIN READ ONLY
        2 SELECT * FROM test WHERE id IN (1, 2) ORDER BY id => 1|10 2|20
        1 UPDATE test SET value = 11 WHERE id = 1
        2 UPDATE test SET value = 21 WHERE id = 2 ! State
        1 COMMIT
        2 ROLLBACK
        2 BEGIN
        2 SELECT * FROM test WHERE id IN (1, 2) ORDER BY id => 1|11 2|20
        2 UPDATE test SET value = 21 WHERE id = 2
        2 COMMIT
    ");
}

/// G2: the same by a condition: rows that two transactions both miss and both insert; and with a reader that sees the one and not the other.
#[test]
fn sql_g2_anti_dependency_cycle() {
    run("
        1 BEGIN
        1 SELECT * FROM test WHERE value % 3 = 0 =>
        2 BEGIN ! TimedOut
        1 INSERT INTO test VALUES (3, 30)
        1 COMMIT
        2 BEGIN
        2 SELECT * FROM test WHERE value % 3 = 0 => 3|30
        2 INSERT INTO test VALUES (4, 42)
        3 SELECT * FROM test WHERE value % 3 = 0 => 3|30
        2 COMMIT
        3 SELECT * FROM test WHERE value % 3 = 0 ORDER BY id => 3|30 4|42
    ");
    run("
        1 BEGIN
        1 SELECT * FROM test ORDER BY id => 1|10 2|20
        2 UPDATE test SET value = value + 5 WHERE id = 2 ! TimedOut
        3 BEGIN READ ONLY
        3 SELECT * FROM test ORDER BY id => 1|10 2|20
        1 UPDATE test SET value = 0 WHERE id = 1
        1 COMMIT
        2 UPDATE test SET value = value + 5 WHERE id = 2
        3 SELECT * FROM test ORDER BY id => 1|10 2|20
        3 COMMIT
        3 SELECT * FROM test ORDER BY id => 1|0 2|25
    ");
}

/// What is not promised: a value that was read outside of the transaction that writes may be another by then. Whoever decides by it reads it in there, or says it in the
/// statement's condition.
#[test]
fn sql_what_was_read_before_is_not_held() {
    run("
        1 SELECT value FROM test WHERE id = 1 => 10
        2 UPDATE test SET value = value + 1 WHERE id = 1
        1 UPDATE test SET value = 10 + 1 WHERE id = 1 # 1
        1 SELECT value FROM test WHERE id = 1 => 11
        1 SELECT value FROM test WHERE id = 2 => 20
        2 UPDATE test SET value = value + 1 WHERE id = 2
        1 UPDATE test SET value = 20 + 1 WHERE id = 2 AND value = 20 # 0
        1 UPDATE test SET value = value + 1 WHERE id = 2 # 1
        1 SELECT value FROM test WHERE id = 2 => 22
    ");
}
