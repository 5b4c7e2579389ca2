//! Definitions that would leave a database which its own rows, defaults or scripts do not fit.

use treering_sql::{Connection, Database, ErrorKind};

/// A database that is checked, and whose script is read back, when the work is over.
fn with_database(work: impl FnOnce(&Connection)) {
    let database = Database::in_memory().expect("a database in memory");
    work(&database.connect());
    assert_eq!(database.check().expect("a sound catalogue"), Vec::<String>::new());
    let report = database.store().check().expect("a sound store");
    assert!(report.is_sound(), "{report}");
    let rows = database.connect().query("SCRIPT", ()).expect("a script");
    let script: String = rows.iter().map(|row| format!("{};\n", row.get::<&str>(0).expect("a statement"))).collect();
    let again = Database::in_memory().expect("a database in memory");
    again.connect().execute_batch(&script).unwrap_or_else(|e| panic!("{e}:\n{script}"));
}

fn run(connection: &Connection, sql: &str) {
    connection.execute_batch(sql).unwrap_or_else(|e| panic!("{sql}: {e}"));
}

fn refused(connection: &Connection, sql: &str, kind: ErrorKind) -> String {
    let error = connection.execute(sql, ()).expect_err(sql);
    assert_eq!(error.kind(), kind, "{sql}: {error}");
    error.to_string()
}

/// A DECIMAL with fewer digits behind its point rounded its rows, and nobody looked at what their constraints said then: 1.9 became the 2 that a CHECK
/// forbade, and children lost their parents. Checks are held against the new rows, and a column of a foreign key is not rounded.
#[test]
fn rounded_columns_keep_their_constraints() {
    with_database(|connection| {
        run(connection, "CREATE TABLE c (d DECIMAL(10, 2) CHECK (d <> 2)); INSERT INTO c VALUES (1.9)");
        refused(connection, "ALTER TABLE c ALTER COLUMN d SET DATA TYPE DECIMAL(10, 0)", ErrorKind::Constraint);
        run(connection, "ALTER TABLE c ALTER COLUMN d SET DATA TYPE DECIMAL(10, 1)");
        run(
            connection,
            "CREATE TABLE parent (id DECIMAL(10, 2) PRIMARY KEY); CREATE TABLE child (id DECIMAL(10, 2) REFERENCES parent);
             INSERT INTO parent VALUES (1.25); INSERT INTO child VALUES (1.25)",
        );
        for table in ["parent", "child"] {
            refused(
                connection,
                &format!("ALTER TABLE {table} ALTER COLUMN id SET DATA TYPE DECIMAL(10, 1)"),
                ErrorKind::Constraint,
            );
            run(connection, &format!("ALTER TABLE {table} ALTER COLUMN id SET DATA TYPE DECIMAL(12, 4)"));
            run(connection, &format!("ALTER TABLE {table} ALTER COLUMN id SET DATA TYPE DECIMAL(6, 4)"));
        }
        assert_eq!(connection.execute("UPDATE parent SET id = id", ()).expect("a change"), 1);
    });
}

/// A narrower type of the same class was not held against the column's default. The ALTER passed, and every INSERT that took the default failed then, and so did the
/// script of the database. It is refused now; a default that fits stays.
#[test]
fn a_narrower_type_fits_its_default() {
    with_database(|connection| {
        run(connection, "CREATE TABLE t (s VARCHAR DEFAULT 'abc', n INT DEFAULT 100000, d DECIMAL(5, 2) DEFAULT 1.55, i INT)");
        for (column, narrow, fits) in
            [("s", "VARCHAR(1)", "VARCHAR(3)"), ("n", "TINYINT", "INT"), ("d", "DECIMAL(3, 3)", "DECIMAL(3, 2)")]
        {
            let told =
                refused(connection, &format!("ALTER TABLE t ALTER COLUMN {column} SET DATA TYPE {narrow}"), ErrorKind::Data);
            assert!(told.contains(&format!("the default of column \"{column}\"")), "{told}");
            run(connection, &format!("ALTER TABLE t ALTER COLUMN {column} SET DATA TYPE {fits}"));
        }
        run(connection, "INSERT INTO t (i) VALUES (1)");
    });
}
