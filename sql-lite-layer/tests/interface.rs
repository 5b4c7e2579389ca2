//! The Rust interface, as somebody who embeds the layer uses it. Every database is checked when its test ends.

mod checked;

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use checked::Checked;
use serde::Deserialize;
use treering_sql::{Connection, Database, Error, ErrorKind, Limits, StatementKind, Value, named, params};

/// A database with this schema.
fn with_schema(schema: &str) -> Checked {
    let database = Checked::in_memory();
    database.connect().execute_batch(schema).expect("the schema");
    database
}

const TASKS: &str =
    "CREATE TABLE tasks (id IDENTITY, name VARCHAR NOT NULL UNIQUE, state VARCHAR NOT NULL, cpus DOUBLE, note VARBINARY);
    CREATE INDEX tasks_by_state ON tasks (state)";

fn filled(count: i64) -> Checked {
    let database = with_schema(TASKS);
    let mut connection = database.0.connect();
    let transaction = connection.transaction().expect("the turn");
    let insert = transaction.prepare("INSERT INTO tasks (name, state, cpus) VALUES (?, ?, ?)").expect("a statement");
    for number in 0..count {
        let state = ["PENDING", "RUNNING", "LOST"][(number % 3) as usize];
        insert.execute(params![format!("task-{number}"), state, number as f64 / 2.0]).expect("a row");
    }
    drop(insert);
    transaction.commit().expect("a commit");
    database
}

fn count(connection: &Connection) -> i64 {
    connection.query_row("SELECT COUNT(*) FROM tasks", (), |row| row.get(0)).expect("a count")
}

/// Parameters by position, of mixed types, and by name; each way of giving too few, too many or unknown ones is told.
#[test]
fn parameters_are_bound_or_told() {
    let database = filled(3);
    let connection = database.0.connect();
    let by_name = "SELECT id FROM tasks WHERE name = :name AND (state = :state OR name = :name)";
    let id: i64 =
        connection.query_row(by_name, named(&[(":name", &"task-1"), ("state", &"RUNNING")]), |row| row.get(0)).expect("a row");
    assert_eq!(id, 2);
    let pair: (i64, Option<f64>) = connection
        .query_row("SELECT ?, ?", (7_i64, None::<f64>), |row| Ok::<_, Error>((row.get(0)?, row.get(1)?)))
        .expect("a row");
    assert_eq!(pair, (7, None));
    let kind = |result: Result<i64, Error>| result.expect_err("it cannot be bound").kind();
    let get = |row: treering_sql::Row<'_>| row.get::<i64>(0);
    assert_eq!(kind(connection.query_row("SELECT id FROM tasks WHERE id = ?", (), get)), ErrorKind::Name);
    assert_eq!(kind(connection.query_row("SELECT id FROM tasks WHERE id = ?", [1, 2], get)), ErrorKind::Name);
    assert_eq!(kind(connection.query_row(by_name, named(&[(":name", &"x")]), get)), ErrorKind::Name);
    assert_eq!(
        kind(connection.query_row(by_name, named(&[(":name", &"x"), (":state", &"y"), (":z", &1)]), get)),
        ErrorKind::Name
    );
    assert_eq!(kind(connection.query_row("SELECT id FROM tasks WHERE cpus < ?", [f64::NAN], get)), ErrorKind::Data);
    assert_eq!(kind(connection.query_row("SELECT id FROM tasks WHERE id = ?", ["no number"], get)), ErrorKind::Data);
}

/// A parameter is a value wherever it stands: quotes, signs that end statements, NUL, an empty text and a megabyte come back as they were given, and change nothing else.
#[test]
fn parameters_are_never_spliced() {
    let database = with_schema("CREATE TABLE n (id INTEGER PRIMARY KEY, t VARCHAR); CREATE TABLE kept (a INTEGER)");
    let connection = database.0.connect();
    let long = "it's \"long\"; \0 -- /* ? :x $1 \\ é".repeat(30_000);
    let texts = [
        "",
        "'",
        "''",
        "\"",
        "'; DROP TABLE kept; --",
        "\0",
        "a\0b",
        "?",
        ":x",
        "$1",
        "\\",
        "%_",
        "-- ",
        "/*",
        "\r\n",
        "NULL",
        &long,
    ];
    for text in texts {
        let what = text.chars().take(40).collect::<String>();
        let one = |sql: &str, params: [&str; 1]| connection.query_row(sql, params, |row| row.get::<String>(0)).expect(&what);
        assert_eq!(one("SELECT ?", [text]), text);
        assert_eq!(one("SELECT a.t || '' FROM (VALUES (CAST(? AS VARCHAR))) AS a (t)", [text]), text);
        assert_eq!(connection.execute("INSERT INTO n VALUES (1, ?)", [text]).expect(&what), 1);
        assert_eq!(one("SELECT t FROM n WHERE t = ?", [text]), text);
        assert_eq!(one("SELECT t FROM n WHERE t IN ('other', ?)", [text]), text);
        assert_eq!(one("SELECT t FROM n WHERE id = 1 AND t BETWEEN ? AND t", [text]), text);
        assert_eq!(one("SELECT CASE WHEN t = :x THEN t END FROM n", [text]), text);
        let returned =
            connection.query_row("UPDATE n SET t = ? WHERE t = ? RETURNING t", (text, text), |row| row.get::<String>(0));
        assert_eq!(returned.expect(&what), text);
        let merged = "INSERT INTO n VALUES (1, 'new') ON CONFLICT (id) DO UPDATE SET t = ?";
        assert_eq!(connection.execute(merged, [text]).expect(&what), 1);
        assert_eq!(connection.execute("MERGE INTO n KEY (id) VALUES (1, ?)", [text]).expect(&what), 1);
        assert_eq!(one("SELECT max(t) FROM n HAVING max(t) = ?", [text]), text);
        assert_eq!(connection.execute("DELETE FROM n WHERE t = ?", [text]).expect(&what), 1);
    }
    assert_eq!(connection.query("SELECT * FROM kept", ()).expect("it is there").len(), 0);
}

/// Values are read as what they are, by number and by name; nothing is converted silently.
#[test]
fn values_are_read_as_what_they_are() {
    let database = filled(2);
    let connection = database.0.connect();
    let rows = connection.query("SELECT id, name, cpus, note AS extra FROM tasks ORDER BY id", ()).expect("rows");
    assert_eq!(rows.len(), 2);
    let names: Vec<&str> = rows.columns().iter().map(treering_sql::Column::name).collect();
    assert_eq!(names, ["id", "name", "cpus", "extra"]);
    let row = rows.get(1).expect("a row");
    assert_eq!(row.get::<i64>("ID").expect("a number"), 2);
    assert_eq!(row.get::<u8>(0).expect("a number that fits"), 2);
    assert_eq!(row.get::<&str>("name").expect("a text"), "task-1");
    assert_eq!(row.get::<f64>(2).expect("a double"), 0.5);
    assert_eq!(row.get::<Option<Vec<u8>>>("extra").expect("NULL"), None);
    assert_eq!(row.get::<i64>("name").expect_err("a text").kind(), ErrorKind::Type);
    assert_eq!(row.get::<Vec<u8>>("extra").expect_err("NULL").kind(), ErrorKind::Type);
    assert_eq!(row.get::<i64>("nothing").expect_err("no column").kind(), ErrorKind::Name);
    assert_eq!(row.get::<i64>(4).expect_err("no column").kind(), ErrorKind::Name);
}

/// Rows become structs, tuples and single values by serde; what does not fit names the column.
#[test]
fn rows_become_structs() {
    #[derive(Debug, Deserialize, PartialEq)]
    struct Task {
        name: String,
        state: State,
        cpus: Option<f64>,
    }
    #[derive(Debug, Deserialize, PartialEq)]
    #[serde(rename_all = "UPPERCASE")]
    enum State {
        Pending,
        Running,
    }
    let database = filled(2);
    let connection = database.0.connect();
    let rows = connection.query("SELECT * FROM tasks ORDER BY id", ()).expect("rows");
    let tasks: Vec<Task> = rows.iter().map(|row| row.to().expect("a task")).collect();
    assert_eq!(tasks[0], Task { name: "task-0".into(), state: State::Pending, cpus: Some(0.0) });
    assert_eq!(tasks[1].state, State::Running);
    let pairs = connection.query("SELECT id, name FROM tasks ORDER BY id", ()).expect("rows");
    let pairs: Vec<(i64, String)> = pairs.iter().map(|row| row.to().expect("a pair")).collect();
    assert_eq!(pairs[1], (2, "task-1".into()));
    let one = connection.query("SELECT COUNT(*) FROM tasks", ()).expect("a row");
    assert_eq!(one.get(0).expect("a row").to::<u32>().expect("a number"), 2);
    let error = rows.get(0).expect("a row").to::<(i64, i64)>().expect_err("five columns");
    assert_eq!(error.kind(), ErrorKind::Type);
}

/// A dropped transaction has changed nothing; a statement that fails undoes itself alone; savepoints nest.
#[test]
fn transactions_end_as_they_say() {
    let database = filled(3);
    let mut connection = database.0.connect();
    let transaction = connection.transaction().expect("the turn");
    transaction.execute("DELETE FROM tasks", ()).expect("a change");
    assert_eq!(count(&transaction), 0);
    drop(transaction);
    assert_eq!(count(&connection), 3);

    let mut transaction = connection.transaction().expect("the turn");
    let insert = "INSERT INTO tasks (name, state) VALUES (?, 'X')";
    transaction.execute(insert, ["a"]).expect("a row");
    let twice = transaction.execute("INSERT INTO tasks (name, state) VALUES ('b', 'X'), ('a', 'X')", ());
    assert_eq!(twice.expect_err("a name twice").kind(), ErrorKind::Constraint);
    let all = transaction.execute("UPDATE tasks SET name = 'same'", ());
    assert_eq!(all.expect_err("one name for all").kind(), ErrorKind::Constraint);
    assert_eq!(count(&transaction), 4);
    let mut outer = transaction.savepoint().expect("a savepoint");
    outer.execute(insert, ["c"]).expect("a row");
    let inner = outer.savepoint().expect("a savepoint");
    inner.execute(insert, ["d"]).expect("a row");
    drop(inner);
    outer.release().expect("kept");
    let dropped = transaction.savepoint().expect("a savepoint");
    dropped.execute_batch("CREATE TABLE gone (id INT); INSERT INTO gone VALUES (1)").expect("a table");
    drop(dropped);
    assert_eq!(transaction.query("SELECT * FROM gone", ()).expect_err("rolled back").kind(), ErrorKind::Name);
    transaction.commit().expect("a commit");
    assert_eq!(count(&connection), 5);
    assert!(!connection.is_in_transaction());
}

/// A reading transaction and a snapshot see one version; changes through them are refused.
#[test]
fn snapshots_stand_still() {
    let database = filled(3);
    let mut reader = database.0.connect();
    let reading = reader.read_transaction().expect("a snapshot");
    let snapshot = database.0.snapshot().expect("a snapshot");
    database.0.connect().execute("DELETE FROM tasks WHERE id = 1", ()).expect("a change");
    assert_eq!(count(&reading), 3);
    assert_eq!(snapshot.query_row("SELECT COUNT(*) FROM tasks", (), |row| row.get::<i64>(0)).expect("a count"), 3);
    let refused = reading.execute("DELETE FROM tasks", ()).expect_err("a reading transaction");
    assert_eq!((refused.kind(), refused.sqlstate()), (ErrorKind::State, "25006"));
    let refused = snapshot.query("DELETE FROM tasks RETURNING id", ()).expect_err("a snapshot");
    assert_eq!((refused.kind(), refused.sqlstate()), (ErrorKind::State, "25006"));
    // What only shows a plan changes nothing.
    for plan in ["EXPLAIN DELETE FROM tasks", "EXPLAIN ANALYZE SELECT * FROM tasks"] {
        assert!(!snapshot.query(plan, ()).expect("a plan").is_empty() && !reading.query(plan, ()).expect("a plan").is_empty());
    }
    drop(reading);
    assert_eq!(count(&reader), 2);
}

/// Plans follow the schema: threads go on reading through prepared statements while columns come and go, and never see a row by another schema than its own.
#[test]
fn plans_follow_the_schema() {
    let database = with_schema("CREATE TABLE t (id INT PRIMARY KEY, a INT NOT NULL); INSERT INTO t VALUES (1, 0), (2, 0)");
    let over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                let connection = database.0.connect();
                let by_key = connection.prepare("SELECT * FROM t WHERE id = ?").expect("a statement");
                let mut seen = 0;
                while !over.load(Ordering::Relaxed) || seen < 200 {
                    let row: (usize, Vec<i64>) = by_key
                        .query_row([1 + seen % 2], |row| {
                            let number = |value: &Value<'_>| if let Value::Int(number) = value { *number } else { -1 };
                            let numbers = row.values().map(number).collect();
                            Ok::<_, Error>((row.columns().len(), numbers))
                        })
                        .expect("a row");
                    // Column `b` is what `a` was when it was added: the round's number.
                    let (width, numbers) = row;
                    assert_eq!(width, numbers.len());
                    assert!(width == 2 || numbers[2] == numbers[1], "{numbers:?}");
                    seen += 1;
                }
            });
        }
        let mut connection = database.0.connect();
        for round in 1..40 {
            let transaction = connection.transaction().expect("the turn");
            transaction.execute("UPDATE t SET a = ?", [round]).expect("a change");
            transaction.execute(&format!("ALTER TABLE t ADD COLUMN b INT DEFAULT {round}"), ()).expect("a column");
            transaction.commit().expect("a commit");
            connection.execute("ALTER TABLE t DROP COLUMN b", ()).expect("no column");
        }
        over.store(true, Ordering::Relaxed);
    });
}

/// What runs too long, takes too much or is cancelled ends with an error of its own, and changes nothing.
#[test]
fn statements_have_limits() {
    let database = filled(300);
    let connection = database.0.connect();
    let triples = "SELECT COUNT(*) FROM tasks a, tasks b, tasks c WHERE a.cpus + b.cpus + c.cpus < 0";
    connection.set_limits(Limits { time: Some(Duration::from_millis(20)), ..Limits::default() });
    assert_eq!(connection.query(triples, ()).expect_err("too long").kind(), ErrorKind::TimedOut);
    connection.set_limits(Limits { memory_bytes: 10_000, ..Limits::default() });
    let sort = "SELECT name, note FROM tasks ORDER BY cpus DESC, name";
    assert_eq!(connection.query(sort, ()).expect_err("too much").kind(), ErrorKind::Limit);
    let all = "SELECT name FROM tasks";
    assert_eq!(connection.query(all, ()).expect_err("too many rows").kind(), ErrorKind::Limit);
    connection.set_limits(Limits::default());
    let cancel = connection.cancel_handle();
    let over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let over = &over;
        scope.spawn(move || {
            while !over.load(Ordering::Relaxed) {
                cancel.cancel();
                std::thread::yield_now();
            }
        });
        let endless = "SELECT COUNT(*) FROM tasks a, tasks b, tasks c, tasks d WHERE a.cpus + b.cpus + c.cpus + d.cpus < 0";
        let result = connection.query(endless, ());
        over.store(true, Ordering::Relaxed);
        assert_eq!(result.expect_err("cancelled").kind(), ErrorKind::Cancelled);
    });
    let mut holder = database.0.connect();
    let held = holder.transaction().expect("the turn");
    connection.set_limits(Limits { wait: Some(Duration::from_millis(10)), ..Limits::default() });
    assert_eq!(connection.execute("DELETE FROM tasks", ()).expect_err("the turn is taken").kind(), ErrorKind::TimedOut);
    drop(held);
    assert_eq!(count(&connection), 300);
}

/// A table is loaded at once, with its indexes; a row that does not fit loads nothing.
#[test]
fn tables_are_loaded_at_once() {
    let database = with_schema(TASKS);
    let connection = database.0.connect();
    let row = |number: i64| {
        vec![
            Value::Null,
            Value::from(format!("task-{number}")),
            Value::from(if number % 2 == 0 { "A" } else { "B" }),
            Value::Null,
            Value::Null,
        ]
    };
    let twice = connection.load("tasks", (0..10).chain(5..6).map(row)).expect_err("a name twice");
    assert_eq!(twice.kind(), ErrorKind::Constraint);
    assert_eq!(count(&connection), 0);
    assert_eq!(connection.load("tasks", (0..5000).rev().map(row)).expect("rows"), 5000);
    let of_state: i64 =
        connection.query_row("SELECT COUNT(*) FROM tasks WHERE state = ?", ["A"], |row| row.get(0)).expect("a count");
    assert_eq!(of_state, 2500);
    assert_eq!(connection.load("tasks", [vec![Value::Null]]).expect_err("too few values").kind(), ErrorKind::Data);
    assert_eq!(connection.load("nothing", [vec![]]).expect_err("no table").kind(), ErrorKind::Name);
}

/// RETURNING gives rows of what was done, and identity columns tell what they gave.
#[test]
fn changes_give_rows() {
    let database = filled(2);
    let connection = database.0.connect();
    let inserted = connection
        .query("INSERT INTO tasks (name, state) VALUES ('x', 'NEW'), ('y', 'NEW') RETURNING id, name", ())
        .expect("rows");
    let ids: Vec<(i64, String)> = inserted.iter().map(|row| row.to().expect("a pair")).collect();
    assert_eq!(ids, [(3, "x".to_owned()), (4, "y".to_owned())]);
    assert_eq!(connection.last_identity(), Some(4));
    let deleted = connection.query("DELETE FROM tasks WHERE state = 'NEW' RETURNING name", ()).expect("rows");
    assert_eq!(deleted.len(), 2);
}

/// Who does not know what a text is learns its kind, its rows and its count in one run; and a store says whether it holds a database before one is made in it.
#[test]
fn a_statement_of_any_kind_says_what_it_did() {
    let database = filled(2);
    let connection = database.0.connect();
    for (text, kind, rows, count) in [
        ("SELECT id FROM tasks", StatementKind::Query, 2, 0),
        ("UPDATE tasks SET state = 'DONE'", StatementKind::Change, 0, 2),
        ("DELETE FROM tasks WHERE id = 1 RETURNING id", StatementKind::Change, 1, 1),
        ("BEGIN", StatementKind::Transaction, 0, 0),
        ("EXPLAIN SELECT 1", StatementKind::Explain, 2, 0),
        ("CREATE TABLE more (a INT)", StatementKind::Other, 0, 0),
    ] {
        let statement = connection.prepare(text).expect("a statement");
        let mut seen = 0;
        let each = |_: treering_sql::Row<'_>| {
            seen += 1;
            Ok::<(), Error>(())
        };
        assert_eq!(statement.execute_each((), each).expect("it runs"), count, "{text}");
        assert_eq!((statement.kind(), seen), (kind, rows), "{text}");
    }
    connection.execute("ROLLBACK", ()).expect("a transaction is open");
    let store = treering::Store::in_memory().expect("a store");
    assert!(!Database::is_in(&store).expect("a store"));
    let database = Checked(Database::on(store).expect("a database"));
    assert!(Database::is_in(database.store()).expect("a store"));
}

/// An error says where in the text it is, by line and column.
#[test]
fn errors_have_places() {
    let database = filled(1);
    let connection = database.0.connect();
    let error = connection.prepare("SELECT id,\n       nmae FROM tasks").expect_err("a wrong name");
    let place = error.place().expect("a place");
    assert_eq!((error.kind(), place.line, place.column), (ErrorKind::Name, 2, 8));
    let error = connection.prepare("SELECT FROM WHERE").expect_err("no statement");
    assert_eq!(error.kind(), ErrorKind::Syntax);
    assert_eq!(connection.prepare("SELECT 1; SELECT 2").expect_err("two statements").kind(), ErrorKind::Syntax);
}

/// What was committed is there when the file is opened again, and a backup of the store is a backup of the database.
#[test]
fn databases_live_in_files() {
    let folder = tempfile::tempdir().expect("a folder");
    let (path, blob) = (folder.path().join("tasks.ring"), folder.path().join("tasks.blob"));
    {
        let database = Checked(Database::open(&path).expect("a new file"));
        let connection = database.connect();
        connection.execute_batch(TASKS).expect("the schema");
        connection.execute("INSERT INTO tasks (name, state) VALUES ('kept', 'RUNNING')", ()).expect("a row");
        database.store().snapshot().backup_to(&blob, treering::BlobForm::Plain).expect("a backup");
    }
    let again = Checked(Database::open(&path).expect("the file"));
    assert_eq!(count(&again.connect()), 1);
    let backup = Checked(Database::on(treering::Options::new().open_read_only(&blob).expect("a backup")).expect("a database"));
    assert_eq!(count(&backup.connect()), 1);
    assert_eq!(backup.connect().execute("DELETE FROM tasks", ()).expect_err("read-only").kind(), ErrorKind::State);
}
