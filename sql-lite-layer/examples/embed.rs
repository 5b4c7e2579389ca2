//! The first steps: a table, rows, a query, a transaction, a snapshot for another thread.

use treering_sql::{Database, params};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let database = Database::in_memory()?;
    let mut connection = database.connect();
    connection.execute_batch(
        "CREATE TABLE tasks (id IDENTITY, name VARCHAR NOT NULL, state VARCHAR NOT NULL, host VARCHAR);
         CREATE INDEX tasks_by_state ON tasks (state);",
    )?;

    // A transaction: dropped without commit it is rolled back.
    let transaction = connection.transaction()?;
    let insert = transaction.prepare("INSERT INTO tasks (name, state) VALUES (?, ?)")?;
    for number in 0..3 {
        insert.execute(params![format!("web-{number}"), "PENDING"])?;
    }
    drop(insert);
    transaction.commit()?;

    let changed = connection.execute("UPDATE tasks SET state = 'RUNNING', host = ? WHERE name = ?", ["rack-7", "web-1"])?;
    assert_eq!(changed, 1);

    // A snapshot sees the database as it is now, from any thread.
    let snapshot = database.snapshot()?;
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let running: i64 =
                snapshot.query_row("SELECT COUNT(*) FROM tasks WHERE state = 'RUNNING'", (), |row| row.get(0)).expect("a count");
            assert_eq!(running, 1);
        });
    });

    for row in &connection.query("SELECT id, name, host FROM tasks WHERE state = ? ORDER BY id", ["PENDING"])? {
        let (id, name): (i64, &str) = (row.get("id")?, row.get("name")?);
        assert!(id > 0 && name.starts_with("web-") && row.get::<Option<&str>>("host")?.is_none());
    }
    Ok(())
}
