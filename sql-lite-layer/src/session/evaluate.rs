//! What a definition computes over the transaction's tables: the rows of CREATE TABLE .. AS and those that a new check refuses.
//!
//! It is computed as any statement is: with the statement's time and its limits.

use std::sync::Arc;

use crate::error::Result;
use crate::execute::{Cursor, Inputs, Program};
use crate::optimize::optimize;
use crate::parse::ast::{Parsed, Query, Statement};
use crate::plan::plan;
use crate::table::schema::Schema;
use crate::table::{Open, WriteTxn};
use crate::types::Value;

/// Runs a query.
pub(super) fn each_row(
    txn: &WriteTxn,
    schema: &Arc<Schema>,
    query: &Query,
    given: &Inputs<'_>,
    each: &mut dyn FnMut(&mut dyn Iterator<Item = Value<'_>>) -> Result<()>,
) -> Result<()> {
    let statement = Statement::Query(Box::new(query.clone()));
    let parsed = Parsed { statement, parameters: Vec::new(), span: (0, 0) };
    let program = Program::new(optimize(plan(&parsed, schema)?));
    let open = Open::new(txn);
    let mut cursor = Cursor::open(&program, open.tables(), given.clone())?;
    let width = program.plan().columns.len();
    while cursor.next()? {
        each(&mut (0..width).map(|at| cursor.value(at).lend()))?;
    }
    Ok(())
}
