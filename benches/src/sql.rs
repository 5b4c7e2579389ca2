//! The binary `sql`: the SQL layer beside SQLite, statement by statement, prepared on both sides.
//!
//! Each row is played in turn on both, `--repeat` times, over the same rows; medians are compared. What a row returns is read to the last column on both sides, and the sums of
//! what was read must agree: a row that answers something else is no faster. SQLite: in memory, or WAL with synchronous FULL; statements cached by the caller, as ours are.

use std::io::{Write, stderr, stdout};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;

use clap::Parser;
use treering_benches::engine::Outcome;
use treering_sql::{Database, Value};

/// Measures the SQL layer beside SQLite.
#[derive(Parser)]
#[command(name = "sql")]
struct Args {
    /// Rows of the largest table.
    #[arg(long, default_value_t = 100_000)]
    rows: i64,
    /// Repetitions; medians are shown.
    #[arg(long, default_value_t = 5)]
    repeat: usize,
    /// Where the files stand while they are measured: an existing folder on the disk to be measured.
    #[arg(long)]
    folder: Option<PathBuf>,
    /// Rows whose name, with `memory` or `file` at its end, contains this; all without it. Given several times: any of them.
    #[arg(long)]
    only: Vec<String>,
    /// Write results as JSON lines to this file.
    #[arg(long)]
    out: Option<PathBuf>,
}

impl Args {
    fn is_wanted(&self, row: &str) -> bool {
        self.only.is_empty() || self.only.iter().any(|part| row.contains(part))
    }
}

const SCHEMA: &str = "
    CREATE TABLE jobs (id INTEGER NOT NULL PRIMARY KEY, role VARCHAR NOT NULL, name VARCHAR NOT NULL);
    CREATE TABLE hosts (id INTEGER NOT NULL PRIMARY KEY, name VARCHAR NOT NULL, rack VARCHAR NOT NULL);
    CREATE TABLE configs (id INTEGER NOT NULL PRIMARY KEY, cpus DOUBLE NOT NULL, ram INTEGER NOT NULL, image VARCHAR NOT NULL);
    CREATE TABLE tasks (id INTEGER NOT NULL PRIMARY KEY, job_id INTEGER NOT NULL, host_id INTEGER NOT NULL, config_id INTEGER NOT NULL, state VARCHAR NOT NULL, changed BIGINT NOT NULL);
    CREATE TABLE events (task_id INTEGER NOT NULL, number INTEGER NOT NULL, state VARCHAR NOT NULL, at BIGINT NOT NULL, PRIMARY KEY (task_id, number));
    CREATE INDEX tasks_by_job ON tasks (job_id);
    CREATE INDEX tasks_by_state ON tasks (state, changed);
    CREATE INDEX tasks_by_host ON tasks (host_id);
";

/// A query, and what its parameter is drawn from: `key` below the number of tasks, `job` of jobs; how often it is asked.
struct Query {
    name: &'static str,
    sql: &'static str,
    below: Below,
    times: i64,
}

#[derive(Clone, Copy)]
enum Below {
    Tasks,
    Jobs,
}

const KEY: &str = "SELECT state, changed FROM tasks WHERE id = ?";

const QUERIES: &[Query] = &[
    Query { name: "select by primary key", sql: KEY, below: Below::Tasks, times: 100_000 },
    Query {
        name: "a task with its job, host, configuration and events (5 tables)",
        sql: "SELECT t.state, j.role, j.name, h.name, c.cpus, c.image, e.state, e.at FROM tasks t JOIN jobs j ON j.id = t.job_id JOIN hosts h ON h.id = t.host_id \
              JOIN configs c ON c.id = t.config_id JOIN events e ON e.task_id = t.id WHERE t.id = ?",
        below: Below::Tasks,
        times: 5_000,
    },
    Query {
        name: "11 left joins",
        sql: "SELECT t.state, a.role, b.name, c.cpus, d.role, e.rack, f.ram, g.role, h.name, i.image, k.role, l.rack FROM tasks t LEFT JOIN jobs a ON a.id = t.job_id \
              LEFT JOIN hosts b ON b.id = t.host_id LEFT JOIN configs c ON c.id = t.config_id LEFT JOIN jobs d ON d.id = t.job_id + 1 LEFT JOIN hosts e ON e.id = t.host_id + 1 \
              LEFT JOIN configs f ON f.id = t.config_id + 1 LEFT JOIN jobs g ON g.id = t.job_id - 1 LEFT JOIN hosts h ON h.id = t.host_id - 1 \
              LEFT JOIN configs i ON i.id = t.config_id - 1 LEFT JOIN jobs k ON k.id = t.job_id + 2 LEFT JOIN hosts l ON l.id = t.host_id + 2 WHERE t.id = ?",
        below: Below::Tasks,
        times: 5_000,
    },
    Query {
        name: "tasks of a job with their hosts and configurations (3 tables, indexes)",
        sql: "SELECT t.id, h.name, c.ram FROM tasks t JOIN hosts h ON h.id = t.host_id JOIN configs c ON c.id = t.config_id WHERE t.job_id = ?",
        below: Below::Jobs,
        times: 300,
    },
    Query {
        name: "range of 100 keys",
        sql: "SELECT id, state, changed FROM tasks WHERE id >= ?1 AND id < ?1 + 100",
        below: Below::Tasks,
        times: 5_000,
    },
    Query {
        name: "ORDER BY an index LIMIT 20",
        sql: "SELECT id, changed FROM tasks WHERE state = 'RUNNING' AND changed > ? ORDER BY changed LIMIT 20",
        below: Below::Tasks,
        times: 5_000,
    },
    Query {
        name: "ORDER BY no index LIMIT 20",
        sql: "SELECT id, changed FROM tasks WHERE id > ? ORDER BY config_id, id DESC LIMIT 20",
        below: Below::Jobs,
        times: 10,
    },
    Query {
        name: "GROUP BY an index",
        sql: "SELECT job_id, COUNT(*), MAX(id) FROM tasks WHERE job_id > ? GROUP BY job_id",
        below: Below::Jobs,
        times: 10,
    },
    Query {
        name: "GROUP BY no index",
        sql: "SELECT config_id, COUNT(*), SUM(changed) FROM tasks WHERE id > ? GROUP BY config_id",
        below: Below::Jobs,
        times: 10,
    },
    Query {
        name: "full scan with a filter",
        sql: "SELECT COUNT(*) FROM tasks WHERE changed % 7 = ? % 7",
        below: Below::Jobs,
        times: 10,
    },
];

/// One database under measurement. `None` as a path: in memory.
trait Side {
    fn open(path: Option<&Path>) -> Outcome<Self>
    where
        Self: Sized;
    fn batch(&self, sql: &str) -> Outcome<()>;
    /// Runs a prepared query once for each parameter; the sum of what it gave.
    fn query(&self, sql: &str, params: &[i64]) -> Outcome<i64>;
    /// Runs a prepared change once for each row of parameters, in one transaction or in one each.
    fn change(&mut self, sql: &str, rows: &mut dyn Iterator<Item = Vec<Cell>>, together: bool) -> Outcome<()>;
}

/// A parameter.
#[derive(Clone)]
enum Cell {
    Number(i64),
    Double(f64),
    Text(String),
}

struct Ours(treering_sql::Connection);

impl Side for Ours {
    fn open(path: Option<&Path>) -> Outcome<Ours> {
        let database = match path {
            Some(path) => Database::open(path)?,
            None => Database::in_memory()?,
        };
        Ok(Ours(database.connect()))
    }

    fn batch(&self, sql: &str) -> Outcome<()> {
        Ok(self.0.execute_batch(sql)?)
    }

    fn query(&self, sql: &str, params: &[i64]) -> Outcome<i64> {
        let statement = self.0.prepare(sql)?;
        let mut sum = 0_i64;
        for param in params {
            statement.query_each([*param], |row| {
                for value in row.values() {
                    sum = sum.wrapping_add(match value {
                        Value::Int(v) => *v,
                        Value::Double(v) => *v as i64,
                        Value::Text(v) => v.len() as i64,
                        _ => 0,
                    });
                }
                Ok::<_, treering_sql::Error>(())
            })?;
        }
        Ok(sum)
    }

    fn change(&mut self, sql: &str, rows: &mut dyn Iterator<Item = Vec<Cell>>, together: bool) -> Outcome<()> {
        let value = |cell: &Cell| match cell {
            Cell::Number(v) => Value::Int(*v),
            Cell::Double(v) => Value::Double(*v),
            Cell::Text(v) => Value::from(v.clone()),
        };
        let mut play = |connection: &treering_sql::Connection| -> Outcome<()> {
            let statement = connection.prepare(sql)?;
            for row in &mut *rows {
                let row: Vec<Value<'_>> = row.iter().map(value).collect();
                statement.execute(&row[..])?;
            }
            Ok(())
        };
        if !together {
            return play(&self.0);
        }
        let transaction = self.0.transaction()?;
        play(&transaction)?;
        Ok(transaction.commit()?)
    }
}

struct Theirs(rusqlite::Connection);

impl Side for Theirs {
    fn open(path: Option<&Path>) -> Outcome<Theirs> {
        let connection = match path {
            Some(path) => rusqlite::Connection::open(path)?,
            None => rusqlite::Connection::open_in_memory()?,
        };
        if path.is_some() {
            connection.pragma_update(None, "journal_mode", "WAL")?;
            connection.pragma_update(None, "synchronous", "FULL")?;
            connection.pragma_update(None, "mmap_size", 1_i64 << 30)?;
        }
        Ok(Theirs(connection))
    }

    fn batch(&self, sql: &str) -> Outcome<()> {
        Ok(self.0.execute_batch(sql)?)
    }

    fn query(&self, sql: &str, params: &[i64]) -> Outcome<i64> {
        use rusqlite::types::ValueRef;
        let mut statement = self.0.prepare(sql)?;
        let width = statement.column_count();
        let mut sum = 0_i64;
        for param in params {
            let mut rows = statement.query([*param])?;
            while let Some(row) = rows.next()? {
                for at in 0..width {
                    sum = sum.wrapping_add(match row.get_ref(at)? {
                        ValueRef::Integer(v) => v,
                        ValueRef::Real(v) => v as i64,
                        ValueRef::Text(v) => v.len() as i64,
                        _ => 0,
                    });
                }
            }
        }
        Ok(sum)
    }

    fn change(&mut self, sql: &str, rows: &mut dyn Iterator<Item = Vec<Cell>>, together: bool) -> Outcome<()> {
        let value = |cell: &Cell| match cell {
            Cell::Number(v) => rusqlite::types::Value::Integer(*v),
            Cell::Double(v) => rusqlite::types::Value::Real(*v),
            Cell::Text(v) => rusqlite::types::Value::Text(v.clone()),
        };
        if together {
            self.0.execute_batch("BEGIN")?;
        }
        let mut statement = self.0.prepare(sql)?;
        for row in rows {
            statement.execute(rusqlite::params_from_iter(row.iter().map(value)))?;
        }
        drop(statement);
        if together {
            self.0.execute_batch("COMMIT")?;
        }
        Ok(())
    }
}

const INSERT_TASK: &str = "INSERT INTO tasks (id, job_id, host_id, config_id, state, changed) VALUES (?, ?, ?, ?, ?, ?)";

fn tasks(rows: i64) -> impl Iterator<Item = Vec<Cell>> {
    let states = ["PENDING", "RUNNING", "FINISHED", "LOST"];
    (0..rows).map(move |id| {
        // A fixed shuffle, so that neither side gets its keys in order.
        let id = (id * 48_271) % rows;
        let state = Cell::Text(states[(id % 4) as usize].to_owned());
        vec![
            Cell::Number(id),
            Cell::Number(id % 500),
            Cell::Number(id % 1_000),
            Cell::Number(id % 2_000),
            state,
            Cell::Number(id * 7 % rows),
        ]
    })
}

fn fill(side: &mut dyn Side, rows: i64) -> Outcome<()> {
    let text = |name: &str, id: i64| Cell::Text(format!("{name}-{id}"));
    side.change(
        "INSERT INTO jobs VALUES (?, ?, ?)",
        &mut (0..500).map(|id| vec![Cell::Number(id), text("role", id % 20), text("job", id)]),
        true,
    )?;
    side.change(
        "INSERT INTO hosts VALUES (?, ?, ?)",
        &mut (0..1_000).map(|id| vec![Cell::Number(id), text("host", id), text("rack", id % 40)]),
        true,
    )?;
    let configs = &mut (0..2_000)
        .map(|id| vec![Cell::Number(id), Cell::Double(id as f64 / 4.0), Cell::Number(id * 64), text("image", id % 9)]);
    side.change("INSERT INTO configs VALUES (?, ?, ?, ?)", configs, true)?;
    side.change(INSERT_TASK, &mut tasks(rows), true)?;
    let events = &mut (0..rows).flat_map(|task| {
        (0..3).map(move |n| vec![Cell::Number(task), Cell::Number(n), Cell::Text("RUNNING".into()), Cell::Number(task + n)])
    });
    side.change("INSERT INTO events VALUES (?, ?, ?, ?)", events, true)
}

/// Nanoseconds for one of `times`.
fn timed<T>(times: i64, work: impl FnOnce() -> Outcome<T>) -> Outcome<(f64, T)> {
    let start = Instant::now();
    let result = work()?;
    Ok((start.elapsed().as_nanos() as f64 / times as f64, result))
}

/// What both sides took, one figure a repetition.
struct Row {
    name: String,
    ours: Vec<f64>,
    theirs: Vec<f64>,
}

fn main() -> ExitCode {
    match run(&Args::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(e) => {
            let _ = writeln!(stderr(), "sql: {e}");
            ExitCode::from(2)
        }
    }
}

fn run(args: &Args) -> Outcome<()> {
    let folder = match &args.folder {
        Some(folder) => tempfile::tempdir_in(folder)?,
        None => tempfile::tempdir()?,
    };
    let mut rows: Vec<Row> = Vec::new();
    for place in ["memory", "file"] {
        let is_wanted = |name: &str| args.is_wanted(&format!("{name}, {place}"));
        let (inserted, updated) =
            (format!("insert, one transaction of {}", args.rows), "update by key, one durable transaction each");
        let (is_inserted, is_updated) = (is_wanted(&inserted), place == "file" && is_wanted(updated));
        if !is_inserted && !is_updated && !QUERIES.iter().any(|query| is_wanted(query.name)) {
            continue;
        }
        let path = |name: &str| (place == "file").then(|| folder.path().join(name));
        let mut ours = Ours::open(path("ours.ring").as_deref())?;
        let mut theirs = Theirs::open(path("theirs.db").as_deref())?;
        ours.batch(SCHEMA)?;
        theirs.batch(SCHEMA)?;
        fill(&mut ours, args.rows)?;
        fill(&mut theirs, args.rows)?;
        for query in QUERIES.iter().filter(|query| is_wanted(query.name)) {
            rows.push(compare(args, place, query, &ours, &theirs)?);
        }
        if is_inserted {
            rows.push(inserts(args, &inserted, place, folder.path())?);
        }
        if is_updated {
            rows.push(updates(args, updated, &mut ours, &mut theirs)?);
        }
    }
    show(args, &rows)
}

fn compare(args: &Args, place: &str, query: &Query, ours: &Ours, theirs: &Theirs) -> Outcome<Row> {
    let below = match query.below {
        Below::Tasks => args.rows,
        Below::Jobs => 500,
    };
    let params: Vec<i64> = (0..query.times).map(|n| n * 7_919 % below).collect();
    let mut row = Row { name: format!("{}, {place}", query.name), ours: Vec::new(), theirs: Vec::new() };
    for _ in 0..args.repeat {
        let (time, mine) = timed(query.times, || ours.query(query.sql, &params))?;
        row.ours.push(time);
        let (time, other) = timed(query.times, || theirs.query(query.sql, &params))?;
        row.theirs.push(time);
        if mine != other {
            return Err(format!("{}: the answers differ: {mine}, {other}", query.name).into());
        }
    }
    Ok(row)
}

fn inserts(args: &Args, name: &str, place: &str, folder: &Path) -> Outcome<Row> {
    let mut row = Row { name: format!("{name}, {place}"), ours: Vec::new(), theirs: Vec::new() };
    for n in 0..args.repeat {
        let path = |name: &str| (place == "file").then(|| folder.join(format!("{name}-{n}")));
        let mut side = Ours::open(path("ours").as_deref())?;
        side.batch(SCHEMA)?;
        row.ours.push(timed(args.rows, || side.change(INSERT_TASK, &mut tasks(args.rows), true))?.0);
        let mut side = Theirs::open(path("theirs").as_deref())?;
        side.batch(SCHEMA)?;
        row.theirs.push(timed(args.rows, || side.change(INSERT_TASK, &mut tasks(args.rows), true))?.0);
    }
    Ok(row)
}

fn updates(args: &Args, name: &str, ours: &mut Ours, theirs: &mut Theirs) -> Outcome<Row> {
    const TIMES: i64 = 1_000;
    let mut row = Row { name: format!("{name}, file"), ours: Vec::new(), theirs: Vec::new() };
    let below = args.rows;
    for n in 0..args.repeat as i64 {
        let changes = || (0..TIMES).map(move |at| vec![Cell::Number(at + n), Cell::Number((at * 7_919 + n) % below)]);
        let sql = "UPDATE tasks SET changed = ? WHERE id = ?";
        row.ours.push(timed(TIMES, || ours.change(sql, &mut changes(), false))?.0);
        row.theirs.push(timed(TIMES, || theirs.change(sql, &mut changes(), false))?.0);
    }
    Ok(row)
}

fn median(figures: &[f64]) -> f64 {
    let mut sorted = figures.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted.get(sorted.len() / 2).copied().unwrap_or(f64::NAN)
}

fn show(args: &Args, rows: &[Row]) -> Outcome<()> {
    let mut out = stdout().lock();
    writeln!(out, "| row | ours, us | SQLite, us | ratio |\n|---|---|---|---|")?;
    for row in rows {
        let (ours, theirs) = (median(&row.ours) / 1e3, median(&row.theirs) / 1e3);
        writeln!(out, "| {} | {ours:.3} | {theirs:.3} | {:.2} |", row.name, theirs / ours)?;
    }
    if let Some(path) = &args.out {
        let lines = rows.iter().map(|row| {
            serde_json::json!({ "row": row.name, "unit": "ns", "ours": row.ours, "sqlite": row.theirs }).to_string() + "\n"
        });
        std::fs::write(path, lines.collect::<String>())?;
    }
    Ok(())
}
