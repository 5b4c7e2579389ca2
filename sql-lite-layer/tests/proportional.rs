//! What a query reads is in proportion to what it returns, however many rows the tables have: by what EXPLAIN ANALYZE counts.

use treering_sql::{Connection, Database, Value};

/// Events of each of two kinds that an update has.
const EVENTS: i64 = 10;

/// Eleven tables hang on each task.
const PARTS: [&str; 11] = ["limits", "ports", "volumes", "env", "image", "command", "owner", "tier", "health", "host", "note"];

/// So many updates with their events, and as many tasks.
fn filled(updates: i64) -> Database {
    let database = Database::in_memory().expect("a database in memory");
    let connection = database.connect();
    connection
        .execute_batch(
            "CREATE TABLE upd (id BIGINT PRIMARY KEY, job VARCHAR NOT NULL);
             CREATE TABLE upd_event (id BIGINT PRIMARY KEY, upd BIGINT NOT NULL REFERENCES upd ON DELETE CASCADE, status VARCHAR, at BIGINT NOT NULL);
             CREATE TABLE inst_event (id BIGINT PRIMARY KEY, upd BIGINT NOT NULL REFERENCES upd ON DELETE CASCADE, inst INT, at BIGINT NOT NULL);
             CREATE INDEX upd_event_at ON upd_event (upd, at);
             CREATE INDEX inst_event_at ON inst_event (upd, at);
             CREATE TABLE task (id BIGINT PRIMARY KEY, name VARCHAR UNIQUE)",
        )
        .expect("the schema");
    let load = |table: &str, rows: &mut dyn Iterator<Item = Vec<Value<'static>>>| connection.load(table, rows).expect("rows");
    load("upd", &mut (0..updates).map(|id| vec![Value::Int(id), format!("job-{}", id % 7).into()]));
    load("task", &mut (0..updates).map(|id| vec![Value::Int(id), format!("task-{id}").into()]));
    for (table, what) in [("upd_event", Value::from("ROLLED_FORWARD")), ("inst_event", Value::Int(1))] {
        let row = |id: i64| vec![Value::Int(id), Value::Int(id % updates), what.clone(), Value::Int(id * 3)];
        load(table, &mut (0..updates * EVENTS).map(row));
    }
    for part in PARTS {
        connection
            .execute(&format!("CREATE TABLE {part} (task BIGINT PRIMARY KEY REFERENCES task, value VARCHAR)"), ())
            .expect("the schema");
        load(part, &mut (0..updates).filter(|id| id % 2 == 0).map(|id| vec![Value::Int(id), part.into()]));
    }
    database
}

/// All rows that the operators of a plan gave, and the plan.
fn touched_with(connection: &Connection, query: &str, parameters: &[Value<'static>]) -> (u64, String) {
    let rows = connection.query(&format!("EXPLAIN ANALYZE {query}"), parameters);
    let lines: Vec<String> = rows.expect("a plan").iter().map(|line| line.get::<String>(0).expect("a line")).collect();
    let counted = lines.iter().filter_map(|line| {
        let (before, _) = line.rsplit_once(" row")?;
        before.rsplit_once('(')?.1.parse::<u64>().ok()
    });
    (counted.sum(), lines.join("\n"))
}

fn touched(connection: &Connection, query: &str, key: &str) -> (u64, String) {
    let key = key.parse::<i64>().map_or_else(|_| Value::from(key.to_owned()), Value::Int);
    touched_with(connection, query, &[key])
}

/// One task by name with eleven tables joined to it, and the state of one update over all its events: each touches its own rows and no other, of a million events.
#[test]
fn queries_touch_only_their_own_rows() {
    let database = filled(50_000);
    let connection = database.connect();
    let columns: Vec<String> = PARTS.iter().map(|part| format!("{part}.value")).collect();
    let joins: String = PARTS.iter().map(|part| format!(" LEFT JOIN {part} ON {part}.task = task.id")).collect();
    let fetch = format!("SELECT task.id, {} FROM task{joins} WHERE task.name = ?", columns.join(", "));
    let state = "SELECT u.id, e.status, t.created, t.modified FROM upd u
        JOIN (SELECT upd, max(at) AS at FROM upd_event GROUP BY upd) AS latest ON latest.upd = u.id
        JOIN upd_event e ON e.upd = latest.upd AND e.at = latest.at
        JOIN (SELECT upd, min(at) AS created, max(at) AS modified
              FROM (SELECT upd, at FROM upd_event UNION ALL SELECT upd, at FROM inst_event) AS a GROUP BY upd) AS t ON t.upd = u.id
        WHERE u.id = ?";
    let extremes = "SELECT min(at), max(at) FROM upd_event WHERE upd = ?";
    let newest = "SELECT status FROM upd_event WHERE upd = ? ORDER BY at DESC LIMIT 1";
    // What each may touch: its rows, once an operator.
    for (query, key, rows, most) in
        [(fetch.as_str(), "task-1234", 1, 24), (state, "77", 1, 12 * EVENTS as u64), (extremes, "77", 1, 8), (newest, "77", 1, 2)]
    {
        let value = key.parse::<i64>().map_or_else(|_| Value::from(key.to_owned()), Value::Int);
        assert_eq!(connection.query(query, [value]).expect("rows").len(), rows, "{query}");
        let (touched, plan) = touched(&connection, query, key);
        assert!(touched > 0 && touched <= most, "{touched} rows were touched, and {most} are enough:\n{plan}");
    }
    assert_eq!(database.check().expect("a sound catalogue"), Vec::<String>::new());
}

/// The first groups and the first rows of an index's order, with the row's key behind its columns, need no more than their own entries.
#[test]
fn first_groups_and_rows_of_an_order_read_no_others() {
    let database = filled(2_000);
    let connection = database.connect();
    connection.execute("CREATE INDEX inst_event_inst ON inst_event (inst)", ()).expect("an index");
    for (query, rows, most) in [
        ("SELECT upd, count(at) FROM upd_event GROUP BY upd ORDER BY upd LIMIT 2", 2, 3 * EVENTS as u64),
        ("SELECT upd, max(at), sum(at) FROM inst_event GROUP BY upd ORDER BY upd DESC LIMIT 2", 2, 3 * EVENTS as u64),
        ("SELECT id, inst, at FROM inst_event ORDER BY inst, id LIMIT 3", 3, 6),
        ("SELECT id FROM inst_event WHERE inst = 1 ORDER BY id DESC LIMIT 3", 3, 6),
        ("SELECT max(id) FROM inst_event WHERE inst = 1", 1, 4),
    ] {
        assert_eq!(connection.query(query, ()).expect("rows").len(), rows, "{query}");
        let (touched, plan) = touched_with(&connection, query, &[]);
        assert!(touched > 0 && touched <= most, "{touched} rows were touched, and {most} are enough:\n{plan}");
    }
    assert_eq!(database.check().expect("a sound catalogue"), Vec::<String>::new());
}

/// Conditions that may fail drop rows as soon as their columns are there, although they are tested last: joins are as long as what they give, or as one step of them, not
/// as all rows times all rows.
#[test]
fn joins_with_conditions_that_may_fail_stay_small() {
    let database = Database::in_memory().expect("a database in memory");
    let connection = database.connect();
    connection
        .execute_batch(
            "CREATE TABLE t (id BIGINT PRIMARY KEY, k BIGINT);
             CREATE TABLE big (id BIGINT PRIMARY KEY, k BIGINT);
             CREATE TABLE b2 (id BIGINT PRIMARY KEY, k BIGINT)",
        )
        .expect("the schema");
    let load = |table: &str, count: i64, keys: i64| {
        let rows = &mut (0..count).map(|id| vec![Value::Int(id), Value::Int(id % keys)]);
        connection.load(table, rows).expect("rows");
    };
    load("t", 100, 100);
    load("big", 5_000, 50);
    load("b2", 1_000, 50);
    let chain: Vec<String> = (1..8).map(|at| format!("(t{at}.id = t{0}.id OR t{at}.k = t{0}.id + 1000)", at - 1)).collect();
    let tables: Vec<String> = (0..8).map(|at| format!("t t{at}")).collect();
    let chain = format!("SELECT t7.id FROM {} WHERE {}", tables.join(", "), chain.join(" AND "));
    // The rows that each gives, and the most that all its operators may make.
    for (query, parameters, rows, most) in [
        ("SELECT a.id FROM t a, t b, t c WHERE a.k + 1 = 3 AND b.id % 50 = 0 AND c.id - 1 < 3", &[][..], 8, 200),
        ("SELECT a.id FROM t a, t b, t c WHERE a.id BETWEEN b.id - 1 AND b.id + 1 AND c.id = 5", &[], 298, 1_000),
        ("SELECT a.id FROM t a, t b, t c WHERE a.id BETWEEN b.id - 1 AND b.id + 1", &[], 29_800, 65_000),
        (&chain, &[], 100, 15_000),
        ("SELECT count(*) FROM big a JOIN b2 b ON a.k = b.k WHERE a.id % 1000 = 1", &[], 1, 1_500),
        ("SELECT count(*) FROM big a JOIN b2 b ON a.k = b.k WHERE a.id % ? = 1", &[Value::Int(1_000)], 1, 1_500),
        ("SELECT count(*) FROM big a LEFT JOIN b2 b ON a.k = b.k AND b.id % 1000 = 1 WHERE a.id + 1 < 6", &[], 1, 200),
    ] {
        assert_eq!(connection.query(query, parameters).expect("rows").len(), rows, "{query}");
        let (touched, plan) = touched_with(&connection, query, parameters);
        assert!(touched > 0 && touched <= most, "{touched} rows were made, and {most} are enough:\n{plan}");
    }
    assert_eq!(database.check().expect("a sound catalogue"), Vec::<String>::new());
}
