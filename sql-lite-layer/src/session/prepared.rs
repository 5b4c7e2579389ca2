//! A statement's text, parsed; and the plan that was made for it.

use std::sync::Arc;

use super::row::Column;
use super::schemas::Known;
use super::sequences::asks_for_numbers;
use crate::error::{Error, ErrorKind, Result};
use crate::execute::Program;
use crate::optimize::optimize;
use crate::parse::ast::{Parsed, Statement};
use crate::parse::{self, Limits};
use crate::plan::plan;

/// A parsed statement. Does not depend on a schema.
pub(super) struct Prepared {
    pub(super) text: Arc<str>,
    pub(super) parsed: Parsed,
}

/// What a statement does over one schema.
pub(super) struct Planned {
    pub(super) program: Arc<Program>,
    pub(super) columns: Arc<[Column]>,
    /// It takes a sequence's numbers: a query that does runs as a change.
    pub(super) asks_for_numbers: bool,
    /// The schema that it was made for, and when that held.
    pub(super) known: Known,
}

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

    /// Makes the plan over this schema.
    pub(super) fn plan(&self, known: &Known) -> Result<Planned> {
        let plan = optimize(plan(&self.parsed, &known.schema)?);
        let column = |out: &crate::plan::node::OutColumn| Column { name: out.name.clone(), data_type: out.data_type };
        let columns = plan.columns.iter().map(column).collect();
        let asks_for_numbers = asks_for_numbers(&plan);
        Ok(Planned { program: Arc::new(Program::new(plan)), columns, asks_for_numbers, known: known.clone() })
    }
}

pub(super) fn has_plan(statement: &Statement) -> bool {
    matches!(statement, Statement::Query(_) | Statement::Insert(_) | Statement::Update(_) | Statement::Delete(_))
}
