//! A fuzzer's bytes as statements over a store that is reopened and crashes in between: what is wrong shows in the store's own words.
//!
//! Which statements are drawn matters little: what must hold behind each of them does.
//!
//! 1. A statement that fails has changed nothing; ROLLBACK, also to a savepoint, gives back what was there.
//! 2. Every index equals its table, foreign keys hold, and the store is sound.
//! 3. The rows for which a condition is true, false and unknown are all rows, whatever path the planner takes for each.
//! 4. A script of the database makes the same again.
//! 5. What is read back when the store is closed, or crashed behind everything that was synced, is what was committed.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::Arc;
use std::time::Duration;

use treering::disk::Disk;
use treering_sql::{Connection, DataType, Database, ErrorKind, Limits, ScriptOptions};

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
    for _ in 0..TABLES.len() {
        life.step(&Draw { take: &mut take, shapes: &life.shapes }.created());
    }
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
            8..=12 => life.partition(&mut take),
            13 => life.step(&text(&mut take)),
            14..=20 => life.step(&Draw { take: &mut take, shapes: &life.shapes }.definition()),
            _ => life.step(&Draw { take: &mut take, shapes: &life.shapes }.change()),
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
    shapes: Shapes,
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
        let (now, shapes) = contents(&connection);
        Life { disk, before, database, connection, shapes, committed: now.clone(), now, saved: None }
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
        let (after, shapes) = contents(&self.connection);
        if let Err(e) = &done {
            assert_eq!(after, self.now, "{text} failed and changed something: {e}");
        }
        (self.now, self.shapes) = (after, shapes);
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
        self.look(text);
    }

    /// What is there is what must be there.
    fn look(&mut self, behind: &str) {
        let (now, shapes) = contents(&self.connection);
        assert_eq!(now, self.now, "behind {behind}");
        self.shapes = shapes;
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
            self.look("ROLLBACK TO");
        }
    }

    /// The rows of a table by the truth of a condition.
    fn partition(&self, take: &mut Take<'_>) {
        let mut draw = Draw { take, shapes: &self.shapes };
        let at = draw.table();
        let (table, condition) = (TABLES[at], draw.condition(at, 2));
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

    /// The store is sound, and a script of it makes the same again.
    fn check(&self) {
        assert_eq!(self.database.problems(), Vec::<String>::new());
        let options = ScriptOptions::default();
        let script = |database: &Database| {
            let mut script = Vec::new();
            database.snapshot().expect("a snapshot").write_script(&mut script, &options).expect("a script");
            script
        };
        let written = script(&self.database);
        let store = small_options().in_memory().expect("a store in memory");
        let restored = Database::on(store).expect("a database");
        let connection = restored.connect();
        if let Err(e) = connection.run_script(&written[..], options.compression) {
            panic!("the script cannot be run: {e}\n{}", String::from_utf8_lossy(&written));
        }
        assert_eq!(contents(&connection).0, self.committed, "restored from a script");
        assert_eq!(restored.problems(), Vec::<String>::new());
        let again = script(&restored);
        assert!(again == written, "{}\nbecame\n{}", String::from_utf8_lossy(&written), String::from_utf8_lossy(&again));
    }
}

fn contents(connection: &Connection) -> (Contents, Shapes) {
    let mut shapes = Shapes::default();
    let mut rows = |at: usize| match connection.query(&format!("SELECT * FROM {}", TABLES[at]), ()) {
        Ok(rows) => {
            shapes[at] = rows.columns().iter().map(|column| (column.name().to_owned(), column.data_type())).collect();
            let mut shown: Vec<String> =
                rows.iter().map(|row| row.values().map(|value| format!("{value:?}, ")).collect()).collect();
            shown.sort();
            shown.push(format!("{:?}", shapes[at]));
            Some(shown)
        }
        Err(e) if e.kind() == ErrorKind::Name => None,
        Err(e) => panic!("{} cannot be read: {e}", TABLES[at]),
    };
    let contents = (0..TABLES.len()).map(|at| (TABLES[at], rows(at))).collect();
    (contents, shapes)
}

// --- Statements: mostly such as fit the tables that are there

/// The columns of each table as the connection sees it; empty: there is no such table.
type Shapes = [Vec<(String, DataType)>; TABLES.len()];

struct Draw<'t, 'b> {
    take: &'t mut Take<'b>,
    shapes: &'t Shapes,
}

impl Draw<'_, '_> {
    /// Mostly one that is there.
    fn table(&mut self) -> usize {
        let (n, any) = (self.take.below(TABLES.len()), self.take.below(16) == 0);
        let there = |at: &usize| !self.shapes[*at].is_empty();
        (n..n + TABLES.len()).map(|at| at % TABLES.len()).find(|at| any || there(at)).unwrap_or(n)
    }

    /// Mostly one that the table has.
    fn column(&mut self, table: usize) -> (String, DataType) {
        let n = self.take.u8() as usize;
        let shape = &self.shapes[table];
        match shape.get(n % shape.len().max(1)) {
            Some(column) if n < 240 => column.clone(),
            _ => (COLUMNS[n % COLUMNS.len()].to_owned(), DataType::BIGINT),
        }
    }

    fn name(&mut self, table: usize) -> String {
        self.column(table).0
    }

    /// One or two columns.
    fn names(&mut self, table: usize) -> String {
        match self.take.below(4) {
            0 => format!("{}, {}", self.name(table), self.name(table)),
            _ => self.name(table),
        }
    }

    fn definition(&mut self) -> String {
        let at = self.table();
        let (table, name) = (TABLES[at], ["x", "y"][self.take.below(2)]);
        match self.take.below(16) {
            0..=3 => self.created(),
            4 | 5 => format!("CREATE INDEX {name} ON {table} ({})", self.names(at)),
            6 => format!("CREATE UNIQUE INDEX {name} ON {table} ({})", self.names(at)),
            7 => format!("DROP INDEX {name}"),
            8 => format!("ALTER TABLE {table} ADD COLUMN {} {}", COLUMNS[self.take.below(5)], self.typed()),
            9 => format!("ALTER TABLE {table} DROP COLUMN {}", self.name(at)),
            10 => format!("ALTER TABLE {table} RENAME COLUMN {} TO {}", self.name(at), COLUMNS[self.take.below(5)]),
            11 | 12 => format!("ALTER TABLE {table} ADD CONSTRAINT k{name} {}", self.rule(at)),
            13 => format!("ALTER TABLE {table} DROP CONSTRAINT k{name}"),
            14 => {
                let what = ["BIGINT", "VARCHAR", "SET NOT NULL", "DROP DEFAULT"][self.take.below(4)];
                format!("ALTER TABLE {table} ALTER COLUMN {} {what}", self.name(at))
            }
            _ => {
                ["DROP TABLE", "DROP TABLE IF EXISTS", "TRUNCATE TABLE"][self.take.below(3)].to_owned()
                    + " "
                    + table
                    + ["", " CASCADE"][self.take.below(2)]
            }
        }
    }

    /// Whether or not there is a table of this name.
    fn created(&mut self) -> String {
        const CLAUSES: [&str; 10] = ["", "", "", "", "", "", " NOT NULL", " UNIQUE", " DEFAULT '2'", " CHECK (a < 6)"];
        let table = self.take.below(TABLES.len());
        let mut text = format!("CREATE TABLE {} (", TABLES[table]);
        let key = self.take.below(4);
        for name in &COLUMNS[..1 + self.take.below(COLUMNS.len())] {
            let clause = match *name {
                "a" if key > 0 => " PRIMARY KEY",
                _ => CLAUSES[self.take.below(CLAUSES.len())],
            };
            let _ = write!(text, "{name} {}{clause}, ", self.typed());
        }
        for _ in 0..self.take.below(3) {
            let _ = write!(text, "{}, ", self.rule(table));
        }
        text.push(')');
        text
    }

    fn typed(&mut self) -> &'static str {
        const TYPES: [&str; 12] = [
            "INT",
            "INT",
            "INT",
            "INT",
            "BIGINT",
            "VARCHAR(6)",
            "DECIMAL(5, 2)",
            "BOOLEAN",
            "DOUBLE",
            "TIMESTAMP",
            "SMALLINT DEFAULT 1",
            "INT GENERATED BY DEFAULT AS IDENTITY",
        ];
        TYPES[self.take.below(TYPES.len())]
    }

    /// A constraint of a table.
    fn rule(&mut self, table: usize) -> String {
        const ACTIONS: [&str; 6] = ["RESTRICT", "CASCADE", "CASCADE", "SET NULL", "SET NULL", "SET DEFAULT"];
        match self.take.below(10) {
            0 => format!("PRIMARY KEY ({})", self.names(table)),
            1 | 2 => format!("UNIQUE ({})", self.names(table)),
            3 => format!("CHECK ({})", self.condition(table, 1)),
            _ => {
                let (to, own) = (self.table(), COLUMNS[self.take.below(3)]);
                let (parent, delete, update) = (["a", "a", "b"][self.take.below(3)], self.take.below(6), self.take.below(6));
                format!(
                    "FOREIGN KEY ({own}) REFERENCES {} ({parent}) ON DELETE {} ON UPDATE {}",
                    TABLES[to], ACTIONS[delete], ACTIONS[update]
                )
            }
        }
    }

    fn change(&mut self) -> String {
        let at = self.table();
        let table = TABLES[at];
        if self.shapes[at].is_empty() && self.take.below(8) > 0 {
            return self.created();
        }
        match self.take.below(16) {
            0..=6 => {
                const ENDS: [&str; 6] =
                    ["", "", "", " ON CONFLICT DO NOTHING", " ON CONFLICT (a) DO UPDATE SET b = excluded.b", " RETURNING *"];
                format!("INSERT INTO {table} {}{}", self.values(at), ENDS[self.take.below(ENDS.len())])
            }
            7 => {
                let from = self.table();
                format!("INSERT INTO {table} SELECT * FROM {} WHERE {}", TABLES[from], self.condition(from, 1))
            }
            8 => {
                let key = self.names(at);
                let values = self.values(at);
                match values.split_once(" VALUES") {
                    Some((named, rows)) => format!("MERGE INTO {table} {named} KEY ({key}) VALUES{rows}"),
                    None => format!("MERGE INTO {table} KEY ({key}) {values}"),
                }
            }
            9..=11 => {
                let (name, data_type) = self.column(at);
                format!("UPDATE {table} SET {name} = {} WHERE {}", self.value(at, data_type), self.condition(at, 1))
            }
            12 => format!("UPDATE {table} SET {0} = {0} + 1", self.name(at)),
            13 => {
                let from = self.table();
                let (name, other) = (self.name(at), self.name(from));
                format!("UPDATE {table} SET {name} = o.{other} FROM {} AS o WHERE o.{other} = {table}.{name}", TABLES[from])
            }
            _ => format!("DELETE FROM {table} WHERE {}", self.condition(at, 2)),
        }
    }

    /// Rows for some of a table's columns.
    fn values(&mut self, table: usize) -> String {
        let width = self.shapes[table].len().max(1);
        let named = width - self.take.below(3).min(width - 1);
        let columns: Vec<(String, DataType)> = self.shapes[table].iter().take(named).cloned().collect();
        let names: Vec<&str> = columns.iter().map(|(name, _)| name.as_str()).collect();
        let rows: Vec<String> = (0..1 + self.take.below(4))
            .map(|_| {
                let row: Vec<String> = columns.iter().map(|(_, data_type)| self.given(*data_type)).collect();
                format!("({})", row.join(", "))
            })
            .collect();
        format!("({}) VALUES {}", names.join(", "), rows.join(", "))
    }

    fn given(&mut self, data_type: DataType) -> String {
        if self.take.below(12) == 0 { "DEFAULT".to_owned() } else { self.literal(data_type) }
    }

    /// Few values, so that they meet; now and then one that does not fit.
    fn literal(&mut self, data_type: DataType) -> String {
        let n = usize::from(self.take.u8());
        match (n, data_type) {
            (0..=15, _) => "NULL".to_owned(),
            (16, _) => "9223372036854775807".to_owned(),
            (17, _) => "'x'".to_owned(),
            (_, DataType::Integer(_)) => (n % 7).to_string(),
            (_, DataType::Decimal { .. }) => ["0", "1.5", "1.50", "-2", "3.25"][n % 5].to_owned(),
            (_, DataType::Double) => ["0", "1e0", "-0.5", "1e300"][n % 4].to_owned(),
            (_, DataType::Text { .. }) => ["''", "'x'", "'y%'", "'3'", "'äöü'"][n % 5].to_owned(),
            (_, DataType::Boolean) => ["TRUE", "FALSE", "1"][n % 3].to_owned(),
            (_, DataType::Timestamp) => ["'2024-02-29 12:00:00'", "'1969-12-31'", "DATE '2024-02-29'"][n % 3].to_owned(),
            _ => "0".to_owned(),
        }
    }

    /// What a column of this type may be set to.
    fn value(&mut self, table: usize, data_type: DataType) -> String {
        match self.take.below(6) {
            0 => self.name(table),
            1 => format!("coalesce({}, {})", self.name(table), self.literal(data_type)),
            2 => {
                let from = self.table();
                format!("(SELECT max({}) FROM {})", self.name(from), TABLES[from])
            }
            _ => self.given(data_type),
        }
    }

    fn condition(&mut self, table: usize, depth: usize) -> String {
        let (name, data_type) = self.column(table);
        let n = self.take.below(if depth == 0 { 10 } else { 16 });
        match n {
            0..=3 => format!("{name} = {}", self.literal(data_type)),
            4 => format!("{name} < {}", self.literal(data_type)),
            5 => format!("{name} >= {}", self.literal(data_type)),
            6 => format!("{name} IS NOT NULL"),
            7 => format!("{name} IN ({}, {}, {})", self.literal(data_type), self.literal(data_type), self.literal(data_type)),
            8 => format!("{name} BETWEEN {} AND {}", self.literal(data_type), self.literal(data_type)),
            9 => format!("{name} = {}", self.name(table)),
            10 => format!("({}) AND ({})", self.condition(table, depth - 1), self.condition(table, depth - 1)),
            11 => format!("({}) OR ({})", self.condition(table, depth - 1), self.condition(table, depth - 1)),
            12 => format!("NOT ({})", self.condition(table, depth - 1)),
            13 | 14 => {
                let from = self.table();
                let (column, filter) = (self.name(from), self.condition(from, 0));
                let not = ["", "NOT "][self.take.below(2)];
                format!("{name} {not}IN (SELECT {column} FROM {} WHERE {filter})", TABLES[from])
            }
            _ => {
                let from = self.table();
                let not = ["", "NOT "][self.take.below(2)];
                format!(
                    "{not}EXISTS (SELECT 1 FROM {0} AS o WHERE o.{1} = {2}.{name})",
                    TABLES[from],
                    self.name(from),
                    TABLES[table]
                )
            }
        }
    }
}

/// What the fuzzer says itself; not what would take the savepoint away, nor a view, which need not give the same rows twice, nor SCRIPT, which writes files.
fn text(take: &mut Take<'_>) -> String {
    let len = take.below(80);
    let text = String::from_utf8_lossy(take.bytes(len)).into_owned();
    let lower = text.to_ascii_lowercase();
    match ["savepoint", "release", "rollback", "abort", "view", "script"].iter().any(|word| lower.contains(word)) {
        true => String::new(),
        false => text,
    }
}
