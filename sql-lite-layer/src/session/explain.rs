//! EXPLAIN: the plan as text, with ANALYZE also what each operator did.

use std::sync::Arc;

use super::connection::{Connection, State};
use super::row::{Column, Row};
use super::run::Given;
use super::statement::EachWith;
use crate::error::{Error, ErrorKind, Result};
use crate::execute::{Counters, Cursor, Inputs, Program};
use crate::optimize::optimize;
use crate::parse::ast::Statement;
use crate::plan::{plan_statement, print};
use crate::table::schema::Schema;
use crate::table::{Open, Tables};
use crate::types::{DataType, Value};

impl Connection {
    /// Shows the plan of a statement, one line a row. With `analyze` a query is run to its end first.
    pub(super) fn explain(
        &self,
        analyze: bool,
        statement: &Statement,
        mut given: Given<'_>,
        each: &mut EachWith<'_>,
    ) -> Result<()> {
        let known = self.known()?;
        let program = program(statement, given.values.len(), &known.schema)?;
        let text = match (analyze, statement) {
            (false, _) => print::explain(program.plan()),
            (true, Statement::Query(_)) => {
                given.values = super::run::classified(given.values, program.plan())?;
                self.analyzed(&program, &given)?
            }
            (true, _) => {
                let message =
                    "EXPLAIN ANALYZE runs the statement, and runs queries alone: what changes rows is explained without ANALYZE";
                return Err(Error::new(ErrorKind::Unsupported, message));
            }
        };
        let columns: Arc<[Column]> = Arc::new([Column { name: "plan".into(), data_type: DataType::TEXT }]);
        for line in text.lines() {
            let row = vec![Value::from(line)];
            if !each(&columns, Row::new(&columns, &row))? {
                break;
            }
        }
        Ok(())
    }

    fn analyzed(&self, program: &Program, given: &Given<'_>) -> Result<String> {
        let counters = Counters::default();
        match &*self.state()? {
            State::Writing(writing) => {
                writing.check()?;
                let open = Open::new(&writing.txn);
                drain(program, open.tables(), Inputs { counters: Some(&counters), ..given.inputs() })?;
            }
            State::Reading { engine, .. } => {
                let reader = engine.reader();
                drain(program, Tables::of_reader(&reader), Inputs { counters: Some(&counters), ..given.inputs() })?;
            }
            State::Idle => {
                let engine = self.database.shared.store.snapshot();
                let reader = engine.reader();
                drain(program, Tables::of_reader(&reader), Inputs { counters: Some(&counters), ..given.inputs() })?;
            }
        }
        Ok(print::explain_with(program.plan(), &|node| {
            let counter = counters.of(node)?;
            let times = if counter.opened == 1 { String::new() } else { format!(" in {} openings", counter.opened) };
            let rows = if counter.rows == 1 { "row" } else { "rows" };
            Some(format!("{} {rows}{times}, {:.1?}", counter.rows, counter.time))
        }))
    }
}

fn program(statement: &Statement, parameter_count: usize, schema: &Schema) -> Result<Program> {
    Ok(Program::new(optimize(plan_statement(statement, parameter_count, schema)?)))
}

fn drain<'r>(program: &'r Program, tables: Tables<'r>, inputs: Inputs<'r>) -> Result<()> {
    let mut cursor = Cursor::open(program, tables, inputs)?;
    while cursor.next()? {}
    Ok(())
}
