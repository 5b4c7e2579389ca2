//! Rule `once`, the last: what a scan or a join would compute anew for each row, though it is the same for all, is computed once; and a scan reads first what its filter needs.
//!
//! Why the answer is kept: an expression over parameters and constants alone has one value in the whole statement. It is computed when a row first needs it, so that it fails
//! if and when it would have failed before. Columns that the filter does not read cannot decide about a row.

use super::safety::is_volatile;
use crate::plan::node::{Node, Plan, Scan};
use crate::plan::scalar::Scalar;
use crate::plan::share;
use crate::plan::walk::Slots;

pub(super) fn plan(plan: &mut Plan) {
    let mut count = 0;
    share::transform(&mut plan.action, &mut |node| in_node(node, &mut count), &mut |_| {});
    plan.once_count = count;
}

fn in_node(node: &mut Node, count: &mut usize) {
    node.inputs_mut(&mut |input| in_node(input, count));
    node.scalars_mut(&mut |scalar| in_subqueries(scalar, count));
    match node {
        Node::Scan(scan) => {
            scan.filter.iter_mut().for_each(|scalar| mark(scalar, count));
            scan.tested = tested(scan);
        }
        Node::Filter { all, .. } => all.iter_mut().for_each(|scalar| mark(scalar, count)),
        Node::Join(join) => join.on.iter_mut().for_each(|scalar| mark(scalar, count)),
        Node::Aggregate(aggregate) => {
            for call in &mut aggregate.calls {
                call.args.iter_mut().chain(&mut call.filter).for_each(|scalar| mark(scalar, count));
            }
        }
        _ => {}
    }
}

fn in_subqueries(scalar: &mut Scalar, count: &mut usize) {
    scalar.operands_mut(&mut |operand| in_subqueries(operand, count));
    if let Some(query) = scalar.subquery_mut() {
        in_node(&mut query.node, count);
    }
}

/// Marks the largest parts of an expression that are the same for all rows.
fn mark(scalar: &mut Scalar, count: &mut usize) {
    if matches!(scalar, Scalar::Constant(_) | Scalar::Parameter(_) | Scalar::Slot(_) | Scalar::Once { .. }) {
        return;
    }
    if is_fixed(scalar) {
        let of = Box::new(std::mem::replace(scalar, Scalar::Parameter(0)));
        *scalar = Scalar::Once { number: *count, of };
        *count += 1;
        return;
    }
    scalar.operands_mut(&mut |operand| mark(operand, count));
}

fn is_fixed(scalar: &Scalar) -> bool {
    !is_volatile(scalar) && !scalar.any(&mut |part| matches!(part, Scalar::Slot(_)) || part.subquery().is_some())
}

/// How many of the columns that a scan reads its filter needs.
fn tested(scan: &Scan) -> usize {
    let mut needed = Slots::new();
    scan.filter.iter().for_each(|scalar| scalar.add_reads(&mut needed));
    scan.columns.iter().rposition(|(_, slot)| needed.contains(slot)).map_or(0, |last| last + 1)
}
