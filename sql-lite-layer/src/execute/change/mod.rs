//! Statements that change rows.
//!
//! First all rows are found, and what will become of them is computed and kept; then they are changed one by one. So a statement never meets a row that it has written
//! itself, and what it reads may be borrowed from pages that the changes replace.
//!
//! An INSERT that reads nothing (VALUES of constants and parameters) has nothing to find: its rows are changed as they come.

mod delete;
mod insert;
mod kept;
mod update;

use super::context::{Context, Frame, Inputs, row_bytes};
use super::cursor::Program;
use super::scalar::{truth, value};
use crate::error::{Error, ErrorKind, Result};
use crate::plan::node::{Action, Plan, Slot};
use crate::plan::scalar::Scalar;
use crate::table::Changes;
use crate::table::schema::Table;
use crate::types::{self, Value};

/// What a statement has done.
#[derive(Debug, Default)]
pub(crate) struct Changed {
    /// Rows inserted, updated or deleted; those that only a cascade touched are not counted.
    pub(crate) count: u64,
    /// The rows of RETURNING, one value a column of the plan.
    pub(crate) returned: Vec<Vec<Value<'static>>>,
    returned_bytes: usize,
}

impl Changed {
    /// Keeps a row of RETURNING until the statement is over.
    ///
    /// # Errors
    /// `Limit`: before anybody is told that the change is done, for then it is too late.
    pub(crate) fn keep(&mut self, row: Vec<Value<'static>>, memory_bytes: usize) -> Result<()> {
        self.returned_bytes += row_bytes(&row);
        if self.returned_bytes > memory_bytes {
            let message = format!(
                "RETURNING needs more memory than the statement may take: {} of {memory_bytes} bytes",
                self.returned_bytes
            );
            return Err(Error::new(ErrorKind::Limit, message).with_state("53200"));
        }
        self.returned.push(row);
        Ok(())
    }
}

/// Runs an INSERT, UPDATE or DELETE. The caller says `Changes::finish` when it has returned Ok, and undoes everything when it has not.
///
/// # Errors
/// `Constraint`, `Data`, `Limit`, `Cancelled`, `TimedOut`, `Store`; `State` for a plan that only reads.
pub(crate) fn change(program: &Program, changes: &mut Changes<'_>, inputs: &Inputs<'_>) -> Result<Changed> {
    let plan = program.plan();
    match &plan.action {
        Action::Query(_) => Err(Error::new(ErrorKind::State, "a query changes nothing")),
        Action::Insert(insert) => insert::run(plan, insert, changes, inputs),
        Action::Update(update) => update::run(plan, update, changes, inputs),
        Action::Delete(delete) => delete::run(plan, delete, changes, inputs),
    }
}

/// Refuses a row for which one of the checks is false; one that is not known passes.
fn check<'r>(table: &Table, checks: &'r [(String, Scalar)], frame: &Frame<'r>, cx: &Context<'r>) -> Result<()> {
    for (name, expr) in checks {
        if truth(expr, frame, cx)? == Some(false) {
            let message = format!("a row of table \"{}\" violates the check \"{name}\"", table.name);
            return Err(Error::new(ErrorKind::Constraint, message).with_state("23514"));
        }
    }
    Ok(())
}

/// A row of RETURNING, from the frame.
fn returned<'r>(
    plan: &Plan,
    returning: &'r [(Slot, Scalar)],
    frame: &mut Frame<'r>,
    cx: &Context<'r>,
    changed: &mut Changed,
) -> Result<()> {
    if returning.is_empty() {
        return Ok(());
    }
    for (slot, expr) in returning {
        frame[slot.0 as usize] = value(expr, frame, cx)?;
    }
    let row = plan.columns.iter().map(|column| frame[column.slot.0 as usize].clone().into_owned()).collect();
    changed.keep(row, cx.inputs.memory_bytes)
}

/// Converts a value to what its column holds.
#[inline]
fn assigned<'r>(table: &Table, column: usize, value: Value<'r>) -> Result<Value<'r>> {
    let column = &table.columns[column];
    types::assign(value, &column.data_type, &column.name)
}

/// The values in these slots, which mostly lie side by side.
fn side_by_side<'a, 'r>(frame: &'a Frame<'r>, slots: &[Slot]) -> std::borrow::Cow<'a, [Value<'r>]> {
    let Some(first) = slots.first().map(|slot| slot.0 as usize) else { return (&[][..]).into() };
    if slots.iter().enumerate().all(|(nth, slot)| slot.0 as usize == first + nth) {
        return (&frame[first..first + slots.len()]).into();
    }
    slots.iter().map(|slot| frame[slot.0 as usize].clone()).collect::<Vec<_>>().into()
}
