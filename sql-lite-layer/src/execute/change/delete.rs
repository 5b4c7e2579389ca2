//! DELETE.

use super::kept::KeptChanges;
use super::update::{Seen, key};
use super::{Changed, returned};
use crate::error::Result;
use crate::execute::context::{Context, Inputs};
use crate::execute::operator::Operator;
use crate::plan::node::{Delete, Plan};
use crate::table::Changes;

pub(super) fn run(plan: &Plan, delete: &Delete, changes: &mut Changes<'_>, inputs: &Inputs<'_>) -> Result<Changed> {
    let mut changed = Changed::default();
    let rows = find(plan, delete, changes, inputs, &mut changed)?;
    let cx = Context::new(plan, None, inputs.clone());
    for number in 0..rows.len() {
        cx.tick()?;
        // A cascade from a row before may have taken this one along: it is deleted all the same.
        changes.delete(&delete.table, rows.key(number))?;
        changed.count += 1;
    }
    Ok(changed)
}

/// The keys of the rows to be deleted.
fn find(plan: &Plan, delete: &Delete, changes: &Changes<'_>, inputs: &Inputs<'_>, changed: &mut Changed) -> Result<KeptChanges> {
    let cx = Context::new(plan, Some(changes.tables()), inputs.clone());
    let (mut frame, mut rows, mut seen) = (cx.frame(), KeptChanges::default(), Seen::of(&delete.input));
    let mut input = Operator::new(&delete.input, &cx)?;
    input.open(&mut frame, &cx)?;
    while input.next(&mut frame, &cx)? {
        let key = key(&frame, delete.key)?;
        if seen.first_time(key, "DELETE", &cx)? {
            rows.push(key, &frame, &[], "DELETE", &cx)?;
            returned(plan, &delete.returning, &mut frame, &cx, changed)?;
        }
    }
    Ok(rows)
}
