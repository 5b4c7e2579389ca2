//! UPDATE.

use super::kept::KeptChanges;
use super::{Changed, assigned, check, returned};
use crate::error::{Error, ErrorKind, Result};
use crate::execute::context::{Context, Frame, Inputs, Kept};
use crate::execute::keyset::KeySet;
use crate::execute::operator::Operator;
use crate::execute::scalar::{holds, value};
use crate::plan::node::{Node, Plan, Slot, Update};
use crate::plan::scalar::Scalar;
use crate::table::Changes;
use crate::types::Value;

pub(super) fn run(plan: &Plan, update: &Update, changes: &mut Changes<'_>, inputs: &Inputs<'_>) -> Result<Changed> {
    let mut changed = Changed::default();
    let rows = {
        let cx = Context::new(plan, Some(changes.tables()), inputs.clone());
        let mut frame = cx.frame();
        find(plan, update, &[], &mut frame, &cx, &mut changed)?.0
    };
    apply(update, &rows, changes, &Context::new(plan, None, inputs.clone()), &mut changed)?;
    Ok(changed)
}

/// Updates the rows that are in the way of the new row in the frame; false if there are none.
pub(super) fn of_conflict(
    plan: &Plan,
    update: &Update,
    filter: &[Scalar],
    changes: &mut Changes<'_>,
    frame: &Frame<'_>,
    inputs: &Inputs<'_>,
    changed: &mut Changed,
) -> Result<bool> {
    let (rows, found) = {
        let cx = Context::new(plan, Some(changes.tables()), inputs.clone());
        find(plan, update, filter, &mut frame.clone(), &cx, changed)?
    };
    apply(update, &rows, changes, &Context::new(plan, None, inputs.clone()), changed)?;
    Ok(found)
}

/// The rows to be updated, with what they become; and whether there was a row at all, also one that the filter left out.
fn find<'r>(
    plan: &Plan,
    update: &'r Update,
    filter: &'r [Scalar],
    frame: &mut Frame<'r>,
    cx: &Context<'r>,
    changed: &mut Changed,
) -> Result<(KeptChanges, bool)> {
    let (mut rows, mut seen, mut found) = (KeptChanges::default(), Seen::of(&update.input), false);
    let mut input = Operator::new(&update.input, cx)?;
    input.open(frame, cx)?;
    while input.next(frame, cx)? {
        found = true;
        if !holds(filter, frame, cx)? || !seen.first_time(key(frame, update.key)?, "UPDATE", cx)? {
            continue;
        }
        for (old, new) in update.old.iter().zip(&update.new) {
            frame[new.0 as usize] = frame[old.0 as usize].clone();
        }
        for (column, expr) in &update.set {
            frame[update.new[*column].0 as usize] = assigned(&update.table, *column, value(expr, frame, cx)?)?;
        }
        check(&update.table, &update.checks, frame, cx)?;
        rows.push(key(frame, update.key)?, frame, &update.new, "UPDATE", cx)?;
        returned(plan, &update.returning, frame, cx, changed)?;
    }
    Ok((rows, found))
}

fn apply(update: &Update, rows: &KeptChanges, changes: &mut Changes<'_>, cx: &Context<'_>, changed: &mut Changed) -> Result<()> {
    let mut row = Vec::with_capacity(update.new.len());
    for number in 0..rows.len() {
        cx.tick()?;
        rows.values(number, update.new.len(), &mut row)?;
        changes.update(&update.table, rows.key(number), &row)?;
        changed.count += 1;
    }
    Ok(())
}

/// The row's key, which the input has put there.
pub(super) fn key<'a>(frame: &'a Frame<'_>, slot: Slot) -> Result<&'a [u8]> {
    match &frame[slot.0 as usize] {
        Value::Blob(key) => Ok(key),
        other => Err(Error::new(ErrorKind::State, format!("a row to be changed came without its key, but with {other}"))),
    }
}

/// Rows that have been met: a join may bring one several times, and the first time counts.
pub(super) struct Seen(Option<(KeySet, Kept)>);

impl Seen {
    pub(super) fn of(input: &Node) -> Seen {
        Seen(if brings_each_once(input) { None } else { Some((KeySet::new(), Kept::default())) })
    }

    pub(super) fn first_time(&mut self, key: &[u8], statement: &str, cx: &Context<'_>) -> Result<bool> {
        let Some((keys, kept)) = &mut self.0 else { return Ok(true) };
        let (_, new) = keys.insert(key);
        kept.is(keys.size_bytes(), statement, cx)?;
        Ok(new)
    }
}

fn brings_each_once(input: &Node) -> bool {
    match input {
        Node::Scan(_) | Node::OneRow | Node::Nothing => true,
        Node::Filter { input, .. } | Node::Project { input, .. } | Node::Limit { input, .. } | Node::Distinct { input, .. } => {
            brings_each_once(input)
        }
        Node::Sort(sort) => brings_each_once(&sort.input),
        _ => false,
    }
}
