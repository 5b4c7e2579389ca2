//! Groups of an index's entries that are passed at once: the engine knows how many entries lie between two keys, and the first and the last of a group say what is the smallest and
//! the largest of the column behind it.
//!
//! ```text
//!   index (job, id)     1 1 │ 1 2 │ ... │ 1 99 │ 2 5 │ ...        GROUP BY job: count, min(id), max(id)
//!                       read  read        passed   the next group
//! ```
//!
//! A group is passed when it has proved to be long: that costs as much as to read some eight entries. Where it was not worth it, twice as many are read first in the groups that follow.

use crate::plan::function::AggregateFunction;
use crate::plan::node::{Access, Aggregate, Node, Scan, Slot};
use crate::plan::scalar::{AggregateCall, Scalar};

/// Entries of a group that are read before the rest is passed, where the group before it was no long one.
const READ_FIRST: u64 = 16;

/// Half of the entries that are read before the rest is passed at most.
const MOST_FIRST: u64 = 1 << 20;

/// How an aggregate passes its groups.
pub(super) struct Passing {
    /// A group is all entries with the same first columns of the index: so many.
    pub(super) columns: usize,
    /// Entries of the next group that are read before the rest is passed.
    pub(super) after: u64,
}

impl Passing {
    /// Of this aggregate, if that much says all that is asked.
    pub(super) fn of(plan: &Aggregate) -> Option<Passing> {
        let Node::Scan(scan) = &plan.input else { return None };
        let Access::Index { index, keys, only: true } = &scan.access else { return None };
        if !plan.in_order || scan.reverse || scan.key.is_some() || !scan.filter.is_empty() || keys.any.is_some() {
            return None;
        }
        let columns: Vec<usize> = scan.table.indexes[*index].columns.iter().chain(&scan.table.primary).copied().collect();
        let groups: Vec<Slot> = plan.keys.iter().map(|(_, expr)| slot_of(expr)).collect::<Option<_>>()?;
        let fixed = keys.equal.len();
        let is_group = |column: &usize| read_into(scan, *column).is_some_and(|slot| groups.contains(&slot));
        let count =
            fixed + columns[fixed..scan.table.indexes[*index].columns.len()].iter().take_while(|column| is_group(column)).count();
        // Bounds are on the first column behind the fixed ones: within a group all or no entries are inside.
        let is_whole = |slot: &Slot| columns[..count].iter().any(|column| read_into(scan, *column) == Some(*slot));
        let next = columns.get(count).copied();
        let is_said = |call: &AggregateCall| is_said(call, scan, next);
        (count > fixed && groups.iter().all(is_whole) && plan.calls.iter().all(is_said))
            .then_some(Passing { columns: count, after: READ_FIRST })
    }

    /// The rest of a group was passed: so many entries.
    pub(super) fn passed(&mut self, count: u64) {
        self.after = if count >= READ_FIRST { 1 } else { self.after.clamp(READ_FIRST, MOST_FIRST) * 2 };
    }
}

/// Whether the number of a group's entries, the first and the last of them say what the call gives. `next`: the column behind the group's.
fn is_said(call: &AggregateCall, scan: &Scan, next: Option<usize>) -> bool {
    if call.filter.is_some() {
        return false;
    }
    let is_next = || match (call.args.as_slice(), next) {
        ([arg], Some(next)) => slot_of(arg).is_some() && slot_of(arg) == read_into(scan, next),
        _ => false,
    };
    match call.function {
        AggregateFunction::Count => call.args.is_empty() && !call.distinct,
        AggregateFunction::Max => is_next(),
        // NULLs, which it passes over, come first.
        AggregateFunction::Min => is_next() && next.is_some_and(|next| !scan.table.columns[next].nullable),
        _ => false,
    }
}

fn slot_of(expr: &Scalar) -> Option<Slot> {
    if let Scalar::Slot(slot) = expr { Some(*slot) } else { None }
}

/// The slot that the scan reads this column into.
fn read_into(scan: &Scan, column: usize) -> Option<Slot> {
    scan.columns.iter().find(|(read, _)| *read == column).map(|(_, slot)| *slot)
}
