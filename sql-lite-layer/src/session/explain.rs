//! EXPLAIN: the plan as text, with ANALYZE also what each operator did.

use std::sync::Arc;

use super::connection::{Connection, State};
use super::given::Given;
use super::row::{Column, Row};
use super::snapshot::Snapshot;
use super::statement::EachWith;
use crate::error::{Error, ErrorKind, Result};
use crate::execute::{Counters, Cursor, Inputs, Program};
use crate::optimize::optimize_with;
use crate::parse::ast::Statement;
use crate::plan::{plan_statement, print};
use crate::table::schema::Schema;
use crate::table::{Counted, Open, Tables};
use crate::types::{DataType, Value};

impl Connection {
    /// Shows the plan of a statement, one line a row. With `analyze` a query is run to its end first.
    pub(super) fn explain(&self, analyze: bool, statement: &Statement, given: Given<'_>, each: &mut EachWith<'_>) -> Result<()> {
        let shared = &self.database.shared;
        let (engine, known) = match &*self.state()? {
            State::Writing(writing) => {
                writing.check()?;
                let run = |program: &Program, inputs: Inputs<'_>| drain(program, Open::new(&writing.txn).tables(), inputs);
                let planning = Planning { schema: &writing.schema, counted: Counted::Open(&writing.txn) };
                return explain(planning, analyze, statement, given, each, run);
            }
            State::Reading { engine, known } => (engine.clone(), known.clone()),
            State::Idle => {
                let engine = shared.store.snapshot();
                let known = shared.schemas.of(&engine)?;
                (engine, known)
            }
        };
        let reader = engine.reader();
        let run = |program: &Program, inputs: Inputs<'_>| drain(program, Tables::of_reader(&reader), inputs);
        explain(Planning { schema: &known.schema, counted: Counted::Held(&reader) }, analyze, statement, given, each, run)
    }
}

impl Snapshot {
    /// The same over what the snapshot holds.
    pub(super) fn explain(&self, analyze: bool, statement: &Statement, given: Given<'_>, each: &mut EachWith<'_>) -> Result<()> {
        let reader = self.engine.reader();
        let run = |program: &Program, inputs: Inputs<'_>| drain(program, Tables::of_reader(&reader), inputs);
        explain(Planning { schema: &self.known.schema, counted: Counted::Held(&reader) }, analyze, statement, given, each, run)
    }
}

/// What a plan is made for: the one that would be run.
struct Planning<'p> {
    schema: &'p Schema,
    counted: Counted<'p>,
}

fn explain(
    planning: Planning<'_>,
    analyze: bool,
    statement: &Statement,
    given: Given<'_>,
    each: &mut EachWith<'_>,
    run: impl FnOnce(&Program, Inputs<'_>) -> Result<()>,
) -> Result<()> {
    let program_of = |types: &[DataType]| {
        let plan = plan_statement(statement, types.to_vec(), planning.schema)?;
        Ok(Program::new(optimize_with(plan, &|table| planning.counted.rows(table))))
    };
    let program = program_of(&vec![DataType::Unknown; given.values.len()])?;
    let (program, given) = given.classified_for(program, Program::plan, program_of)?;
    let text = match (analyze, statement) {
        (false, _) => print::explain(program.plan()),
        (true, Statement::Query(_)) => {
            let counters = Counters::default();
            run(&program, Inputs { counters: Some(&counters), ..given.inputs() })?;
            analyzed(&program, &counters)
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

/// The plan with what each operator did.
fn analyzed(program: &Program, counters: &Counters) -> String {
    print::explain_with(program.plan(), &|node| {
        let counter = counters.of(node)?;
        let times = if counter.opened == 1 { String::new() } else { format!(" in {} openings", counter.opened) };
        let rows = if counter.rows == 1 { "row" } else { "rows" };
        Some(format!("{} {rows}{times}, {:.1?}", counter.rows, counter.time))
    })
}

fn drain<'r>(program: &'r Program, tables: Tables<'r>, inputs: Inputs<'r>) -> Result<()> {
    let mut cursor = Cursor::open(program, tables, inputs)?;
    while cursor.next()? {}
    Ok(())
}
