//! The engines beside each other, and their answers in one form.

use std::time::Duration;

use treering_sql::{Connection, Database, Limits, Value};

use crate::query::Query;
use crate::scene::Scene;

/// One scene in three engines: ours with the scene's indexes, ours without, and SQLite.
pub(crate) struct Engines {
    pub(crate) with: Ours,
    pub(crate) without: Ours,
    pub(crate) sqlite: rusqlite::Connection,
}

pub(crate) struct Ours {
    database: Database,
    connection: Connection,
}

/// Rows, each value as text that is equal for equal values.
pub(crate) type Rows = Vec<Vec<String>>;

/// What is wrong with an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Wrong {
    /// Two engines answer differently.
    Differs(String),
    /// Ours fails where the other answers.
    Fails(String),
    /// The other fails where ours answers: the generator's mistake.
    Refused(String),
}

impl Wrong {
    /// Whether this is the same failure: with errors, of the same kind and SQLSTATE. Another error may be a query that shrinking has broken.
    pub(crate) fn is_like(&self, other: &Wrong) -> bool {
        let code = |text: &str| text.split(": ").nth(1).map(str::to_owned);
        match (self, other) {
            (Wrong::Fails(a), Wrong::Fails(b)) => code(a) == code(b),
            (Wrong::Refused(a), Wrong::Refused(b)) => a == b,
            (Wrong::Differs(_), Wrong::Differs(_)) => true,
            _ => false,
        }
    }
}

impl Ours {
    fn new(statements: impl Iterator<Item = String>) -> Ours {
        let database = Database::in_memory().expect("a database in memory");
        let connection = database.connect();
        connection.set_limits(Limits { time: Some(Duration::from_secs(30)), ..Limits::default() });
        for statement in statements {
            connection.execute(&statement, ()).unwrap_or_else(|e| panic!("{statement}: {e:?}"));
        }
        Ours { database, connection }
    }

    pub(crate) fn query(&self, text: &str) -> Result<Rows, String> {
        let rows = self.connection.query(text, ()).map_err(|e| format!("{e:?}"))?;
        Ok((&rows).into_iter().map(|row| row.values().map(shown).collect()).collect())
    }

    pub(crate) fn execute(&self, text: &str) -> Result<u64, String> {
        self.connection.execute(text, ()).map_err(|e| format!("{e:?}"))
    }

    /// The store is sound, and so are tables and indexes.
    pub(crate) fn check(&self) {
        let mut problems = self.database.check().expect("a database in memory");
        problems.extend(self.database.store().check().expect("a store in memory").problems().iter().map(ToString::to_string));
        assert!(problems.is_empty(), "{}", problems.join("; "));
    }
}

impl Engines {
    pub(crate) fn new(scene: &Scene) -> Engines {
        let sqlite = rusqlite::Connection::open_in_memory().expect("SQLite in memory");
        sqlite.execute_batch("PRAGMA case_sensitive_like = ON").expect("a setting of SQLite");
        for statement in scene.statements() {
            sqlite.execute(&statement, ()).unwrap_or_else(|e| panic!("{statement}: {e}"));
        }
        // Unique keys are rules, which changes must meet there too.
        for index in scene.indexes.iter().filter(|index| index.contains("UNIQUE")) {
            sqlite.execute(index, ()).unwrap_or_else(|e| panic!("{index}: {e}"));
        }
        let indexes = scene.indexes.iter().cloned();
        let with = Ours::new(scene.statements().into_iter().chain(indexes));
        Engines { with, without: Ours::new(scene.statements().into_iter()), sqlite }
    }

    pub(crate) fn sqlite(&self, text: &str) -> Result<Rows, String> {
        let run = || -> rusqlite::Result<Rows> {
            let mut statement = self.sqlite.prepare(text)?;
            let width = statement.column_count();
            let rows = statement.query_map((), |row| (0..width).map(|at| Ok(shown_sqlite(row.get_ref(at)?))).collect())?;
            rows.collect()
        };
        run().map_err(|e| e.to_string())
    }

    /// Asks all of them.
    pub(crate) fn judge(&self, query: &Query) -> Result<(), Wrong> {
        let text = query.to_string();
        let other = self.sqlite(&text);
        for (name, ours) in [("with indexes", &self.with), ("without indexes", &self.without)] {
            let (ours, other) = match (ours.query(&text), &other) {
                (Ok(ours), Ok(other)) => (ours, other),
                (Err(ours), Ok(_)) => return Err(Wrong::Fails(format!("{name}: {ours}"))),
                (Ok(_), Err(other)) => return Err(Wrong::Refused(other.clone())),
                (Err(_), Err(_)) => return Ok(()),
            };
            if sorted(&ours) != sorted(other) {
                return Err(Wrong::Differs(format!("{name}:{}\nSQLite:{}", listed(&ours), listed(other))));
            }
            // Equal rows may stand in any order among themselves, but the sequence of keys is one.
            let keys = |rows: &Rows| {
                rows.iter().map(|row| query.order.iter().map(|key| row[key.column].clone()).collect()).collect::<Rows>()
            };
            if keys(&ours) != keys(other) {
                return Err(Wrong::Differs(format!("the order, {name}:{}\nSQLite:{}", listed(&ours), listed(other))));
            }
        }
        Ok(())
    }
}

pub(crate) fn sorted(rows: &Rows) -> Rows {
    let mut rows = rows.clone();
    rows.sort_unstable();
    rows
}

pub(crate) fn listed(rows: &Rows) -> String {
    rows.iter().map(|row| format!("\n  {}", row.join(" | "))).collect()
}

/// A number of whatever kind with six digits: both engines compute with doubles, and the last ones depend on the order of a sum.
fn number(value: f64) -> String {
    let text = format!("{value:.6}");
    if text.trim_start_matches('-').bytes().all(|byte| matches!(byte, b'0' | b'.')) { "0.000000".to_owned() } else { text }
}

fn shown(value: &Value<'_>) -> String {
    match value {
        Value::Null => "NULL".into(),
        Value::Bool(v) => number(f64::from(u8::from(*v))),
        Value::Int(v) => number(*v as f64),
        Value::Double(v) => number(*v),
        Value::Decimal(v) => number(v.to_string().parse().unwrap_or(f64::NAN)),
        other => format!("'{other}'"),
    }
}

fn shown_sqlite(value: rusqlite::types::ValueRef<'_>) -> String {
    use rusqlite::types::ValueRef;
    match value {
        ValueRef::Null => "NULL".into(),
        ValueRef::Integer(v) => number(v as f64),
        ValueRef::Real(v) => number(v),
        ValueRef::Text(v) | ValueRef::Blob(v) => format!("'{}'", String::from_utf8_lossy(v)),
    }
}
