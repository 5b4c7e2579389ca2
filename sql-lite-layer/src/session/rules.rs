//! Defaults and checks of rows that only a cascade touches: the catalogue's texts, computed when they are needed.

use std::sync::Arc;

use super::evaluate::select;
use crate::error::{Error, ErrorKind, Result};
use crate::execute::{Cursor, Inputs, Program};
use crate::optimize::optimize;
use crate::parse::ast::{Expr, Parsed, Statement};
use crate::parse::parse_expr;
use crate::plan::plan;
use crate::table::schema::{Schema, Table};
use crate::table::{Open, Rules, WriteTxn};
use crate::types::{self, Timestamp, Value};

/// See the file's head. Each text is planned anew for each row: cascades into tables with checks are rare.
pub(super) struct CatalogueRules<'r> {
    pub(super) txn: &'r WriteTxn,
    pub(super) schema: &'r Arc<Schema>,
    pub(super) now: Timestamp,
    pub(super) inputs: &'r Inputs<'r>,
}

impl Rules for CatalogueRules<'_> {
    fn default_value(&self, table: &Table, column: usize) -> Result<Value<'static>> {
        let column = &table.columns[column];
        match &column.default {
            None => Ok(Value::Null),
            Some(text) => types::assign(self.compute(parse_expr(text)?)?, &column.data_type, &column.name),
        }
    }

    fn check(&self, table: &Table, row: &[Value<'_>]) -> Result<()> {
        for check in &table.checks {
            let mut expr = parse_expr(&check.text)?;
            expr.each_mut(&mut |expr| {
                if let Expr::Column { name, .. } = expr
                    && let Some(at) = table.column(&name.name)
                {
                    *expr = Expr::Cast {
                        expr: Box::new(Expr::Literal(row[at].clone().into_owned())),
                        to: table.columns[at].data_type,
                    };
                }
            });
            let violated = Expr::IsTruth { expr: Box::new(expr), truth: false, negated: false };
            if self.compute(violated)? == Value::Bool(true) {
                let message = format!("a row of table \"{}\" violates the check \"{}\"", table.name, check.name);
                return Err(Error::new(ErrorKind::Constraint, message).with_state("23514"));
            }
        }
        Ok(())
    }

    fn look(&self, kept_bytes: usize) -> Result<()> {
        let limit = self.inputs.memory_bytes;
        if kept_bytes > limit {
            let message =
                format!("what goes with the rows needs more memory than the statement may take: {kept_bytes} of {limit} bytes");
            return Err(Error::new(ErrorKind::Limit, message).with_state("53200"));
        }
        self.inputs.look()
    }
}

impl CatalogueRules<'_> {
    /// The value of an expression without columns.
    fn compute(&self, expr: Expr) -> Result<Value<'static>> {
        let parsed = Parsed { statement: Statement::Query(Box::new(select(expr))), parameters: Vec::new(), span: (0, 0) };
        let program = Program::new(optimize(plan(&parsed, self.schema)?));
        let open = Open::new(self.txn);
        let mut cursor = Cursor::open(&program, open.tables(), Inputs::new(&[], Some(self.now)))?;
        cursor.next()?;
        Ok(cursor.value(0).clone().into_owned())
    }
}
