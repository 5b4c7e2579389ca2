//! INSERT, and what it does with rows that are in its way.

use super::kept::KeptChanges;
use super::{Changed, assigned, check, returned, side_by_side, update};
use crate::error::Result;
use crate::execute::context::{Context, Frame, Inputs};
use crate::execute::operator::Operator;
use crate::execute::scalar::value;
use crate::plan::node::{Insert, Node, OnConflict, Plan};
use crate::table::Changes;
use crate::types::Value;

pub(super) fn run(plan: &Plan, insert: &Insert, changes: &mut Changes<'_>, inputs: &Inputs<'_>) -> Result<Changed> {
    let mut changed = Changed::default();
    if plan.subquery_count == 0 && reads_nothing(&insert.input) {
        let cx = Context::new(plan, None, inputs.clone());
        let mut frame = cx.frame();
        let mut input = Operator::new(&insert.input, &cx)?;
        input.open(&mut frame, &cx)?;
        while input.next(&mut frame, &cx)? {
            compute(insert, &mut frame, &cx)?;
            put(plan, insert, changes, &mut frame, &cx, &mut changed)?;
        }
        return Ok(changed);
    }
    let rows = find(plan, insert, changes, inputs)?;
    let cx = Context::new(plan, None, inputs.clone());
    let mut frame = cx.frame();
    for number in 0..rows.len() {
        cx.tick()?;
        rows.row(number, &insert.new, &mut frame)?;
        put(plan, insert, changes, &mut frame, &cx, &mut changed)?;
    }
    Ok(changed)
}

/// Whether the input is made of the statement alone.
fn reads_nothing(input: &Node) -> bool {
    match input {
        Node::OneRow | Node::Nothing | Node::Values { .. } => true,
        Node::Project { input, .. } | Node::Filter { input, .. } => reads_nothing(input),
        _ => false,
    }
}

/// The rows to be inserted, but for the numbers of identity columns.
fn find(plan: &Plan, insert: &Insert, changes: &Changes<'_>, inputs: &Inputs<'_>) -> Result<KeptChanges> {
    let cx = Context::new(plan, Some(changes.tables()), inputs.clone());
    let (mut frame, mut rows) = (cx.frame(), KeptChanges::default());
    let mut input = Operator::new(&insert.input, &cx)?;
    input.open(&mut frame, &cx)?;
    while input.next(&mut frame, &cx)? {
        compute(insert, &mut frame, &cx)?;
        rows.push(&[], &frame, &insert.new, "INSERT", &cx)?;
    }
    Ok(rows)
}

/// Computes the new row into its slots.
fn compute<'r>(insert: &'r Insert, frame: &mut Frame<'r>, cx: &Context<'r>) -> Result<()> {
    for (column, (expr, slot)) in insert.row.iter().zip(&insert.new).enumerate() {
        frame[slot.0 as usize] = assigned(&insert.table, column, value(expr, frame, cx)?)?;
    }
    Ok(())
}

/// Puts the row in the slots into the table, or does what is to be done where it cannot be.
fn put<'r>(
    plan: &'r Plan,
    insert: &'r Insert,
    changes: &mut Changes<'_>,
    frame: &mut Frame<'r>,
    cx: &Context<'r>,
    changed: &mut Changed,
) -> Result<()> {
    let table = &*insert.table;
    // The number that the row would have: it is given only if the row is inserted.
    let mut given = None;
    for (column, slot) in insert.new.iter().enumerate() {
        if table.columns[column].identity.is_some() && frame[slot.0 as usize].is_null() {
            let number = changes.next_identity(table, column)?;
            frame[slot.0 as usize] = assigned(table, column, Value::Int(number))?;
            given = Some(number);
        }
    }
    check(table, &insert.checks, frame, cx)?;
    match &insert.on_conflict {
        OnConflict::Fail => {}
        OnConflict::Nothing { columns } => {
            if changes.conflict(table, &side_by_side(frame, &insert.new), columns.as_deref())?.is_some() {
                return Ok(());
            }
        }
        OnConflict::Update { update, filter } => {
            if update::of_conflict(plan, update, filter, changes, frame, &cx.inputs, changed)? {
                return Ok(());
            }
        }
    }
    changes.insert(table, &side_by_side(frame, &insert.new))?;
    if let Some(number) = given {
        changes.gave_identity(number);
    }
    changed.count += 1;
    if insert.returning.is_empty() {
        return Ok(());
    }
    // What RETURNING reads besides the new row it reads as it stands now.
    let reading = Context::new(plan, Some(changes.tables()), cx.inputs.clone());
    let mut frame = frame.clone();
    returned(plan, &insert.returning, &mut frame, &reading, changed)
}
