//! A statement's text, parsed; and the plan that was made for it.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;

use super::row::Column;
use super::run::touches_few;
use super::schemas::Known;
use super::sequences::asks_for_numbers;
use crate::error::{Error, ErrorKind, Result};
use crate::execute::Program;
use crate::optimize::{ROWS_LEAST, optimize_with};
use crate::parse::ast::{Parsed, Statement};
use crate::parse::{self, Limits};
use crate::plan::plan_statement;
use crate::table::Counted;
use crate::table::schema::Table;
use crate::types::DataType;

/// A parsed statement. Does not depend on a schema.
pub(super) struct Prepared {
    pub(super) text: Arc<str>,
    pub(super) parsed: Parsed,
}

/// What a statement does over one schema.
pub(super) struct Planned {
    pub(super) program: Rc<Program>,
    pub(super) columns: Arc<[Column]>,
    /// It takes a sequence's numbers: a query that does runs as a change.
    pub(super) asks_for_numbers: bool,
    /// The schema that it was made for, and when that held.
    pub(super) known: Known,
    /// The tables whose lengths the planner asked for, and what it heard. Empty where another plan is never better: of a lookup by a whole key, and of INSERT .. VALUES.
    counted: Vec<(Arc<Table>, u64)>,
    /// The version of the store at which these were last looked at.
    looked_at: Cell<u64>,
}

/// A plan is made anew when a table has grown, or shrunk, by more than this since.
const OUTGROWN: u64 = 8;

impl Prepared {
    /// Parses a text that is one statement.
    pub(super) fn new(text: &str) -> Result<Prepared> {
        let mut all = parse::parse(text, &Limits::default())?;
        match (all.pop(), all.len()) {
            (Some(parsed), 0) => Ok(Prepared { text: text.into(), parsed }),
            (None, _) => Err(Error::new(ErrorKind::Syntax, "there is no statement in this text")),
            (Some(_), others) => {
                let message = format!("{} statements in one text: run them with execute_batch", others + 1);
                Err(Error::new(ErrorKind::Syntax, message))
            }
        }
    }

    /// Whether it is a query, an INSERT, UPDATE or DELETE: what has a plan.
    pub(super) fn has_plan(&self) -> bool {
        has_plan(&self.parsed.statement)
    }

    /// Makes the plan over this schema, for tables of these lengths.
    pub(super) fn plan(&self, known: &Known, counted: Counted<'_>) -> Result<Planned> {
        self.plan_for(&vec![DataType::Unknown; self.parsed.parameters.len()], known, counted)
    }

    /// As `plan`, for parameters of these types, where they are known.
    pub(super) fn plan_for(&self, parameters: &[DataType], known: &Known, counted: Counted<'_>) -> Result<Planned> {
        let asked = RefCell::new(Vec::<(Arc<Table>, u64)>::new());
        let plan = plan_statement(&self.parsed.statement, parameters.to_vec(), &known.schema)?;
        let plan = optimize_with(plan, &|table| {
            let (known, rows) = (known.schema.table(&table.name)?, counted.rows(table)?);
            let mut asked = asked.borrow_mut();
            if !asked.iter().any(|(other, _)| other.id == table.id) {
                asked.push((Arc::clone(known), rows));
            }
            Some(rows)
        });
        let counted = if touches_few(&plan) { Vec::new() } else { asked.into_inner() };
        let column = |out: &crate::plan::node::OutColumn| Column { name: out.name.clone(), data_type: out.data_type };
        let columns = plan.columns.iter().map(column).collect();
        let asks_for_numbers = asks_for_numbers(&plan);
        let (program, known, looked_at) = (Rc::new(Program::new(plan)), known.clone(), Cell::new(0));
        Ok(Planned { program, columns, asks_for_numbers, known, counted, looked_at })
    }
}

impl Planned {
    /// The same plan, where its schema is known to hold otherwise.
    pub(super) fn known_as(&self, known: &Known) -> Planned {
        Planned {
            program: Rc::clone(&self.program),
            columns: Arc::clone(&self.columns),
            asks_for_numbers: self.asks_for_numbers,
            known: known.clone(),
            counted: self.counted.clone(),
            looked_at: self.looked_at.clone(),
        }
    }

    /// Its tables were looked at in this version.
    pub(super) fn look_at(&self, version: u64) {
        self.looked_at.set(version);
    }

    /// Whether nothing can have changed since it was looked at: lengths of tables change with versions alone.
    #[inline]
    pub(super) fn is_fresh(&self, version: u64) -> bool {
        self.counted.is_empty() || self.looked_at.get() == version
    }

    /// Whether its tables have become so much longer or shorter that another plan may be better.
    pub(super) fn is_outgrown(&self, counted: Counted<'_>) -> bool {
        self.counted.iter().any(|(table, then)| {
            // A table that is gone has another schema, and so another plan.
            let now = counted.rows(table).unwrap_or(*then).max(ROWS_LEAST);
            let then = (*then).max(ROWS_LEAST);
            now / OUTGROWN > then || then / OUTGROWN > now
        })
    }
}

pub(super) fn has_plan(statement: &Statement) -> bool {
    matches!(statement, Statement::Query(_) | Statement::Insert(_) | Statement::Update(_) | Statement::Delete(_))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::session::{Connection, Database, Statement};
    use crate::types::Value;

    fn with_tables() -> Result<Connection> {
        let connection = Database::in_memory()?.connect();
        connection.execute_batch("CREATE TABLE a (id INT PRIMARY KEY, x INT); CREATE TABLE b (id INT PRIMARY KEY, x INT)")?;
        Ok(connection)
    }

    fn rows(count: i64) -> impl Iterator<Item = Vec<Value<'static>>> {
        (0..count).map(|n| vec![Value::Int(n), Value::Int(n)])
    }

    /// A statement that was prepared over empty tables gets another plan when one has outgrown it, also within the transaction that filled it; a lookup by key keeps its own.
    #[test]
    fn plans_follow_the_lengths_of_tables() -> Result<()> {
        let connection = with_tables()?;
        let (join, lookup) = (
            connection.prepare("SELECT COUNT(*) FROM a JOIN b ON b.x = a.x")?,
            connection.prepare("SELECT x FROM a WHERE id = ?")?,
        );
        let count = || join.query_row((), |row| row.get::<i64>(0));
        let found = |key: i64| lookup.query_optional([key], |row| row.get::<i64>(0));
        let program = |statement: &Statement<'_>| statement.planned_if(|_| true).map(|planned| Rc::clone(&planned.program));
        let is_same = |a: &Option<Rc<Program>>, b: &Option<Rc<Program>>| matches!((a, b), (Some(a), Some(b)) if Rc::ptr_eq(a, b));
        assert_eq!((count()?, found(1)?), (0, None));
        let (empty, key) = (program(&join), program(&lookup));
        connection.load("b", rows(7_900))?;
        assert_eq!(count()?, 0);
        assert!(is_same(&empty, &program(&join)), "7,900 rows are less than 8 times 1,000");
        connection.execute_batch("BEGIN; INSERT INTO a SELECT id + 100000, x FROM b; INSERT INTO a SELECT id, x FROM b")?;
        assert_eq!((count()?, found(1)?), (15_800, Some(1)));
        let full = program(&join);
        assert!(!is_same(&empty, &full), "15,800 rows are more than 8 times 1,000");
        connection.execute_batch("COMMIT")?;
        assert_eq!(count()?, 15_800);
        assert!(is_same(&full, &program(&join)));
        connection.execute("DELETE FROM a", ())?;
        assert_eq!((count()?, found(1)?), (0, None));
        assert!(!is_same(&full, &program(&join)), "and 0 are fewer");
        assert!(is_same(&key, &program(&lookup)));
        Ok(())
    }

    /// EXPLAIN shows the plan that is run: the shorter of two tables is the one that a hash join keeps.
    #[test]
    fn explain_knows_the_lengths_of_tables() -> Result<()> {
        for (long, short) in [("a", "b"), ("b", "a")] {
            let connection = with_tables()?;
            connection.load(long, rows(20_000))?;
            connection.load(short, rows(10))?;
            let plan = connection.query("EXPLAIN SELECT COUNT(*) FROM a JOIN b ON a.x = b.x", ())?;
            let lines: Vec<&str> = plan.iter().map(|row| row.get::<&str>(0)).collect::<Result<_>>()?;
            let place = |table: &str| lines.iter().position(|line| line.contains(&format!("scan {table} ")));
            assert!(lines.iter().any(|line| line.contains("hash inner join")), "{lines:?}");
            assert!(place(long) < place(short), "{lines:?}");
        }
        Ok(())
    }
}
