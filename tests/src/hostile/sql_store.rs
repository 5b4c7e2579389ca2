//! A fuzzer's bytes as statements over a store that is reopened and crashes in between: what is wrong shows in the store's own words.
//!
//! Which statements are drawn matters little: what must hold behind each of them does.
//!
//! 1. A statement that fails has changed nothing; ROLLBACK, also to a savepoint, gives back what was there.
//! 2. Every index equals its table, foreign keys hold, and the store is sound.
//! 3. The rows for which a condition is true, false and unknown are all rows, whatever path the planner takes for each.
//! 4. What is read back when the store is closed, or crashed behind everything that was synced, is what was committed.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::Arc;
use std::time::Duration;

use treering::disk::Disk;
use treering_sql::{Connection, Database, ErrorKind, Limits};

use super::take::Take;
use crate::checked::Sound;
use crate::crash;
use crate::disk::SimulatedDisk;
use crate::drive::small_options;

/// Statements of one run.
const STATEMENTS: usize = 80;
/// The tables that statements are about.
const TABLES: [&str; 3] = ["p", "c", "g"];
const COLUMNS: [&str; 5] = ["a", "b", "c", "d", "e"];

/// Every row of the tables, as text; none: there is no such table.
type Contents = BTreeMap<&'static str, Option<Vec<String>>>;

/// Lives.
///
/// # Panics
/// If a promise is broken.
pub fn run(input: &[u8]) {
    let mut take = Take::new(input);
    let mut life = Life::on(Vec::new());
    for _ in 0..STATEMENTS {
        if take.is_empty() {
            break;
        }
        match take.below(40) {
            0 => life = life.again(true),
            1 => life = life.again(false),
            2 => life.check(),
            3 => life.begin(),
            4 => life.end("COMMIT"),
            5 => life.end("ROLLBACK"),
            6 => life.savepoint(),
            7 => life.back(),
            8..=13 => life.partition(&mut take),
            14 => life.step(&text(&mut take)),
            15..=20 => life.step(&definition(&mut take)),
            _ => life.step(&change(&mut take)),
        }
    }
    life = life.again(false);
    life.again(true).check();
}

struct Life {
    disk: Arc<SimulatedDisk>,
    /// What the disk held when this life began: its log begins there.
    before: Vec<u8>,
    database: Database,
    connection: Connection,
    /// What is there as the connection sees it, and as others do.
    now: Contents,
    committed: Contents,
    /// What was there at the savepoint of the open transaction.
    saved: Option<Contents>,
}

impl Life {
    fn on(before: Vec<u8>) -> Life {
        let disk = SimulatedDisk::holding(&before);
        let store = small_options().open_on(Arc::clone(&disk) as Arc<dyn Disk>).expect("the store opens");
        let database = Database::on(store).expect("a database");
        let connection = database.connect();
        connection.set_limits(Limits { memory_bytes: 4 << 20, time: Some(Duration::from_secs(2)), ..Limits::default() });
        let now = contents(&connection);
        Life { disk, before, database, connection, committed: now.clone(), now, saved: None }
    }

    /// The next life: behind a close, or behind a crash that lost all that no sync covers.
    fn again(self, closed: bool) -> Life {
        let Life { disk, before, database, connection, committed, .. } = self;
        let log = disk.log();
        let crashed = (!closed).then(|| crash::image(&before, &log, log.len(), &mut crash::none));
        drop((connection, database));
        let next = Life::on(crashed.unwrap_or_else(|| disk.bytes()));
        assert_eq!(next.now, committed, "behind a {}", if closed { "close" } else { "crash" });
        next
    }

    fn step(&mut self, text: &str) {
        let done = self.connection.execute(text, ());
        let after = contents(&self.connection);
        if let Err(e) = &done {
            assert_eq!(after, self.now, "{text} failed and changed something: {e}");
        }
        self.now = after;
        // A text of the fuzzer's may begin and end transactions.
        if !self.connection.is_in_transaction() {
            (self.committed, self.saved) = (self.now.clone(), None);
        }
    }

    /// BEGIN, COMMIT, ROLLBACK: refused where they do not fit.
    fn end(&mut self, text: &str) {
        let was_open = self.connection.is_in_transaction();
        let done = self.connection.execute(text, ());
        assert_eq!(done.is_ok(), was_open, "{text}: {done:?}");
        if text == "ROLLBACK" {
            self.now = self.committed.clone();
        }
        self.committed = self.now.clone();
        self.saved = None;
        assert_eq!(contents(&self.connection), self.now, "behind {text}");
    }

    fn begin(&mut self) {
        let was_open = self.connection.is_in_transaction();
        let done = self.connection.execute("BEGIN", ());
        assert_eq!(done.is_err(), was_open, "{done:?}");
    }

    fn savepoint(&mut self) {
        if self.connection.execute("SAVEPOINT here", ()).is_ok() {
            self.saved = Some(self.now.clone());
        }
    }

    fn back(&mut self) {
        if let Some(saved) = &self.saved {
            self.connection.execute("ROLLBACK TO here", ()).expect("the savepoint is there");
            self.now = saved.clone();
            assert_eq!(contents(&self.connection), self.now, "behind ROLLBACK TO");
        }
    }

    /// The rows of a table by the truth of a condition.
    fn partition(&self, take: &mut Take<'_>) {
        let (table, condition) = (table(take), expr(take, 2));
        let count = |filter: &str| {
            let text = format!("SELECT count(*) FROM {table} {filter}");
            self.connection.query_row(&text, (), |row| row.get::<i64>(0)).ok()
        };
        let parts = [format!("WHERE {condition}"), format!("WHERE NOT ({condition})"), format!("WHERE ({condition}) IS NULL")];
        // Where one of them meets an error, there is nothing to add up.
        if let (Some(all), [Some(a), Some(b), Some(c)]) = (count(""), parts.map(|part| count(&part))) {
            assert_eq!(a + b + c, all, "{table} WHERE {condition}: true {a}, false {b}, unknown {c}");
        }
    }

    fn check(&self) {
        assert_eq!(self.database.problems(), Vec::<String>::new());
    }
}

fn contents(connection: &Connection) -> Contents {
    let rows = |table: &'static str| match connection.query(&format!("SELECT * FROM {table}"), ()) {
        Ok(rows) => {
            let names: Vec<&str> = rows.columns().iter().map(treering_sql::Column::name).collect();
            let mut shown: Vec<String> =
                rows.iter().map(|row| row.values().map(|value| format!("{value:?}, ")).collect()).collect();
            shown.sort();
            shown.push(names.join(", "));
            Some(shown)
        }
        Err(e) if e.kind() == ErrorKind::Name => None,
        Err(e) => panic!("{table} cannot be read: {e}"),
    };
    TABLES.into_iter().map(|table| (table, rows(table))).collect()
}

// --- Statements

fn table(take: &mut Take<'_>) -> &'static str {
    TABLES[take.below(TABLES.len())]
}

fn column(take: &mut Take<'_>) -> &'static str {
    COLUMNS[take.below(COLUMNS.len())]
}

/// One or two columns.
fn columns(take: &mut Take<'_>) -> String {
    match take.below(4) {
        0 => format!("{}, {}", column(take), column(take)),
        _ => column(take).to_owned(),
    }
}

/// What the fuzzer says itself; not what would take the savepoint away, nor a view, which need not give the same rows twice.
fn text(take: &mut Take<'_>) -> String {
    let len = take.below(80);
    let text = String::from_utf8_lossy(take.bytes(len)).into_owned();
    let lower = text.to_ascii_lowercase();
    match ["savepoint", "release", "rollback", "abort", "view"].iter().any(|word| lower.contains(word)) {
        true => String::new(),
        false => text,
    }
}

fn definition(take: &mut Take<'_>) -> String {
    let table = table(take);
    let name = ["x", "y"][take.below(2)];
    match take.below(16) {
        0..=4 => created(take, table),
        5 => format!("CREATE INDEX {name} ON {table} ({})", columns(take)),
        6 => format!("CREATE UNIQUE INDEX {name} ON {table} ({})", columns(take)),
        7 => format!("DROP INDEX {name}"),
        8 => format!("ALTER TABLE {table} ADD COLUMN {} {}", column(take), typed(take)),
        9 => format!("ALTER TABLE {table} DROP COLUMN {}", column(take)),
        10 => format!("ALTER TABLE {table} RENAME COLUMN {} TO {}", column(take), column(take)),
        11 => format!("ALTER TABLE {table} ADD CONSTRAINT k{name} {}", rule(take)),
        12 => format!("ALTER TABLE {table} DROP CONSTRAINT k{name}"),
        13 => format!("TRUNCATE TABLE {table}"),
        14 => {
            format!("ALTER TABLE {table} ALTER COLUMN {} {}", column(take), ["BIGINT", "VARCHAR", "SET NOT NULL"][take.below(3)])
        }
        _ => format!("DROP TABLE {table} {}", ["", "CASCADE"][take.below(2)]),
    }
}

fn created(take: &mut Take<'_>, table: &str) -> String {
    let mut text = format!("CREATE TABLE {table} (");
    for name in &COLUMNS[..1 + take.below(COLUMNS.len())] {
        let clause = ["", "", "", " NOT NULL", " UNIQUE", " PRIMARY KEY", " DEFAULT 2", " REFERENCES p (a) ON DELETE CASCADE"]
            [take.below(8)];
        let _ = write!(text, "{name} {}{clause}, ", typed(take));
    }
    for _ in 0..take.below(4) {
        let _ = write!(text, "{}, ", rule(take));
    }
    text.push(')');
    text
}

fn typed(take: &mut Take<'_>) -> &'static str {
    const TYPES: [&str; 9] =
        ["INT", "INT", "VARCHAR(6)", "DECIMAL(5, 2)", "BOOLEAN", "DOUBLE", "TIMESTAMP", "SMALLINT DEFAULT 1", "IDENTITY"];
    TYPES[take.below(TYPES.len())]
}

/// A constraint of a table.
fn rule(take: &mut Take<'_>) -> String {
    const ACTIONS: [&str; 4] = ["RESTRICT", "CASCADE", "SET NULL", "SET DEFAULT"];
    match take.below(8) {
        0 | 1 => format!("PRIMARY KEY ({})", columns(take)),
        2 | 3 => format!("UNIQUE ({})", columns(take)),
        4 => format!("CHECK ({})", expr(take, 2)),
        _ => format!(
            "FOREIGN KEY ({}) REFERENCES {} ({}) ON DELETE {} ON UPDATE {}",
            columns(take),
            table(take),
            columns(take),
            ACTIONS[take.below(4)],
            ACTIONS[take.below(4)]
        ),
    }
}

fn change(take: &mut Take<'_>) -> String {
    let table = table(take);
    match take.below(16) {
        0..=6 => {
            let end = ["", "", "", " ON CONFLICT DO NOTHING", " ON CONFLICT (a) DO UPDATE SET b = excluded.b", " RETURNING a"];
            format!("INSERT INTO {table}{} {}{}", named(take), values(take), end[take.below(end.len())])
        }
        7 => format!("INSERT INTO {table} SELECT * FROM {} WHERE {}", self::table(take), expr(take, 2)),
        8 | 9 => format!("MERGE INTO {table}{} KEY ({}) {}", named(take), columns(take), values(take)),
        10..=12 => format!("UPDATE {table} SET {} = {} WHERE {}", column(take), expr(take, 2), expr(take, 2)),
        13 => format!("UPDATE {table} SET {} = {}, {} = DEFAULT", column(take), expr(take, 1), column(take)),
        14 => format!("DELETE FROM {table} WHERE {}", expr(take, 2)),
        _ => format!("DELETE FROM {table} WHERE {} IN (SELECT {} FROM {})", column(take), column(take), self::table(take)),
    }
}

/// The first columns by name, or none.
fn named(take: &mut Take<'_>) -> String {
    match take.below(6) {
        0 => String::new(),
        n => format!(" ({})", COLUMNS[..n].join(", ")),
    }
}

fn values(take: &mut Take<'_>) -> String {
    let width = 1 + take.below(5);
    let rows: Vec<String> = (0..1 + take.below(4))
        .map(|_| {
            let row: Vec<String> =
                (0..width).map(|_| if take.below(8) == 0 { "DEFAULT".to_owned() } else { literal(take) }).collect();
            format!("({})", row.join(", "))
        })
        .collect();
    format!("VALUES {}", rows.join(", "))
}

/// Few values, so that they meet.
fn literal(take: &mut Take<'_>) -> String {
    match take.below(16) {
        0 => "NULL".to_owned(),
        1..=8 => take.below(5).to_string(),
        9 => "-1.50".to_owned(),
        10 => "'x'".to_owned(),
        11 => format!("'{}'", take.below(4)),
        12 => "TRUE".to_owned(),
        13 => "'2024-02-29 12:00:00'".to_owned(),
        14 => "9223372036854775807".to_owned(),
        _ => "1e0".to_owned(),
    }
}

fn expr(take: &mut Take<'_>, depth: usize) -> String {
    if depth == 0 {
        return if take.below(3) == 0 { literal(take) } else { column(take).to_owned() };
    }
    let mut one = || expr(take, depth - 1);
    let (a, b) = (one(), one());
    match take.below(18) {
        0..=4 => format!("{a} = {b}"),
        5 => format!("{a} < {b}"),
        6 => format!("{a} >= {b}"),
        7 => format!("({a}) AND ({b})"),
        8 => format!("({a}) OR ({b})"),
        9 => format!("{a} IN ({b}, {}, NULL)", literal(take)),
        10 => format!("({a}) IS NULL"),
        11 => format!("({a}) + ({b})"),
        12 => format!("{a} BETWEEN {} AND {b}", literal(take)),
        13 => format!("{a} IN (SELECT {} FROM {} WHERE {b} IS NOT NULL)", column(take), table(take)),
        14 => format!("EXISTS (SELECT 1 FROM {} AS o WHERE o.{} = {b})", table(take), column(take)),
        15 => format!("coalesce({a}, {b})"),
        16 => format!("{a} LIKE '%' || ({b})"),
        _ => format!("(SELECT max({}) FROM {}) > {a}", column(take), table(take)),
    }
}
