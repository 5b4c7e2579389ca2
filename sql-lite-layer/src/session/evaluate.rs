//! What a definition computes over the transaction's tables: the rows of CREATE TABLE .. AS, those that a new check refuses, the defaults of a new column.
//!
//! It is computed as any statement is: with the statement's time, its limits, and numbers of sequences.

use std::sync::Arc;

use super::sequences::{Numbers, asks_for_numbers};
use crate::encode::row;
use crate::error::{Error, ErrorKind, Result};
use crate::execute::{Cursor, Inputs, Program};
use crate::optimize::optimize;
use crate::parse::ast::{Expr, Parsed, Query, QueryBody, Select, SelectItem, Statement};
use crate::plan::node::Action;
use crate::plan::{is_volatile_node, plan};
use crate::table::schema::Schema;
use crate::table::{Changes, Open, WriteTxn};
use crate::types::Value;

/// Runs a query.
pub(super) fn each_row(
    txn: &WriteTxn,
    schema: &Arc<Schema>,
    query: &Query,
    inputs: &Inputs<'_>,
    each: &mut dyn FnMut(&mut dyn Iterator<Item = Value<'_>>) -> Result<()>,
) -> Result<()> {
    computed(txn, schema, query, inputs, |program, inputs| {
        let open = Open::new(txn);
        let mut cursor = Cursor::open(program, open.tables(), inputs.clone())?;
        let width = program.plan().columns.len();
        while cursor.next()? {
            each(&mut (0..width).map(|at| cursor.value(at).lend()))?;
        }
        Ok(())
    })
}

/// Gives `work` an expression without columns: whether it has another value each time, and what computes it.
pub(super) fn value_of<T>(
    txn: &WriteTxn,
    schema: &Arc<Schema>,
    expr: &Expr,
    inputs: &Inputs<'_>,
    work: impl FnOnce(bool, &mut dyn FnMut() -> Result<Value<'static>>) -> Result<T>,
) -> Result<T> {
    computed(txn, schema, &select(expr.clone()), inputs, |program, inputs| {
        let is_volatile = matches!(&program.plan().action, Action::Query(node) if is_volatile_node(node));
        work(is_volatile, &mut || {
            let open = Open::new(txn);
            let mut cursor = Cursor::open(program, open.tables(), inputs.clone())?;
            cursor.next()?;
            Ok(cursor.value(0).clone().into_owned())
        })
    })
}

/// `SELECT expr`.
pub(super) fn select(expr: Expr) -> Query {
    let items = vec![SelectItem::Expr { expr, alias: None }];
    let select = Select { distinct: false, items, from: Vec::new(), filter: None, group: Vec::new(), having: None };
    Query { with: Vec::new(), body: QueryBody::Select(Box::new(select)), order: Vec::new(), limit: None, offset: None }
}

/// Gives `work` a query that is ready to run, and writes the numbers of sequences that it took. No table is open before or behind `work`.
fn computed<T>(
    txn: &WriteTxn,
    schema: &Arc<Schema>,
    query: &Query,
    inputs: &Inputs<'_>,
    work: impl FnOnce(&Program, &Inputs<'_>) -> Result<T>,
) -> Result<T> {
    let statement = Statement::Query(Box::new(query.clone()));
    let parsed = Parsed { statement, parameters: Vec::new(), span: (0, 0) };
    let program = Program::new(optimize(plan(&parsed, schema)?));
    if !asks_for_numbers(program.plan()) {
        return work(&program, inputs);
    }
    let numbers = Numbers::read(schema, Open::new(txn).tables())?;
    let done = work(&program, &Inputs { sequences: Some(&numbers), ..inputs.clone() })?;
    let mut changes = Changes::new(txn, Arc::clone(schema));
    numbers.write(&mut changes)?;
    changes.finish()?;
    Ok(done)
}

/// Rows that wait until their query is over: as bytes, within the statement's memory.
pub(super) struct KeptRows<'i> {
    inputs: &'i Inputs<'i>,
    rows: Vec<Vec<u8>>,
    bytes: usize,
}

impl<'i> KeptRows<'i> {
    pub(super) fn new(inputs: &'i Inputs<'i>) -> KeptRows<'i> {
        KeptRows { inputs, rows: Vec::new(), bytes: 0 }
    }

    /// Keeps a row.
    ///
    /// # Errors
    /// `Limit`, naming the statement.
    pub(super) fn push(&mut self, row: &[Value<'_>], statement: &str) -> Result<()> {
        let mut bytes = Vec::new();
        row::encode(&mut bytes, row.iter());
        self.bytes += bytes.capacity() + size_of::<Vec<u8>>();
        if self.bytes > self.inputs.memory_bytes {
            let (needed, limit) = (self.bytes, self.inputs.memory_bytes);
            let message = format!("{statement} needs more memory than the statement may take: {needed} of {limit} bytes");
            return Err(Error::new(ErrorKind::Limit, message).with_state("53200"));
        }
        self.rows.push(bytes);
        Ok(())
    }

    /// Shows them, each with so many values.
    ///
    /// # Errors
    /// `Cancelled`, `TimedOut`; what `each` says.
    pub(super) fn each(&self, width: usize, each: &mut dyn FnMut(&[Value<'_>]) -> Result<()>) -> Result<()> {
        let mut values = Vec::with_capacity(width);
        for (number, bytes) in self.rows.iter().enumerate() {
            if number % 256 == 0 {
                self.inputs.look()?;
            }
            values.clear();
            row::read(bytes, 0..width, |_, value| values.push(value.unwrap_or_default()))?;
            each(&values)?;
        }
        Ok(())
    }
}
