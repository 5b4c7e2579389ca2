//! Rule `pushdown`: conditions go down to where their rows are read: through joins, derived tables, the keys of GROUP BY and set operations.
//!
//! Why the answer is kept: a condition moves only below operators that would keep or drop the same rows for it:
//! - an inner join's condition is one with those above it; each goes to the side that it reads;
//! - below an outer join only to the side that is not padded, and of ON only to the side that is; if a condition above refuses the padding (it is not true where
//!   that side is NULL), the padded rows need not be made: the join is an inner one;
//! - below GROUP BY only over its keys: whole groups go; below DISTINCT only over its columns; never below LIMIT;
//! - below a set operation into each input: the rows of one value go from all of them.
//!
//! What may fail or gives another value each time stays above joins and groups: it would be computed for rows that they drop.

use super::safety::{is_volatile, may_fail, refuses_null};
use super::{Context, fold};
use crate::plan::node::{Join, JoinKind, JoinMethod, Node, Slot};
use crate::plan::scalar::Scalar;
use crate::plan::walk::Slots;

pub(super) fn rule(node: &mut Node, cx: &mut Context<'_>) {
    super::replace(node, |node| push(node, Vec::new(), cx));
}

/// This node with these conditions above it, as far below as they can go.
pub(super) fn push(node: Node, mut all: Vec<Scalar>, cx: &mut Context<'_>) -> Node {
    match node {
        Node::Filter { input, all: own } => {
            let mut together = own;
            together.append(&mut all);
            match fold::conjunction(together) {
                Some(together) => push(*input, together, cx),
                None => Node::Nothing,
            }
        }
        Node::Scan(mut scan) => {
            scan.filter.append(&mut all);
            scan.filter = in_order(std::mem::take(&mut scan.filter), cx);
            Node::Scan(scan)
        }
        Node::Project { input, exprs } => push_project(*input, exprs, all, cx),
        Node::Join(join) => push_join(*join, all, cx),
        Node::Aggregate(mut aggregate) => {
            let keys = std::mem::take(&mut aggregate.keys);
            let (mut below, above): (Vec<_>, Vec<_>) = all.into_iter().partition(|scalar| {
                let reads = scalar.reads();
                let is_of_keys = |slot: &Slot| keys.iter().any(|(key, _)| key == slot) || !is_written(slot, &aggregate.calls);
                !keys.is_empty() && is_free_to_move(scalar, cx) && !has_subquery(scalar) && reads.iter().all(is_of_keys)
            });
            for scalar in &mut below {
                scalar.substitute(&|slot| keys.iter().find(|(key, _)| *key == slot).map(|(_, expr)| expr.clone()));
            }
            let (below, kept): (Vec<_>, Vec<_>) = below.into_iter().partition(|scalar| is_free_to_move(scalar, cx));
            // A key that may fail is computed for each row anyway, but not twice.
            let mut above = above;
            above.extend(kept.into_iter().map(|scalar| back_to_keys(scalar, &keys)));
            aggregate.keys = keys;
            aggregate.input = push(aggregate.input, below, cx);
            filter(Node::Aggregate(aggregate), above, cx)
        }
        Node::Distinct { input, on } => {
            let (below, above) = split(all, |scalar| is_free_to_move(scalar, cx) && reads_only_of(scalar, &input.outputs(), &on));
            filter(Node::Distinct { input: Box::new(push(*input, below, cx)), on }, above, cx)
        }
        Node::Sort(mut sort) => {
            sort.input = push(sort.input, all, cx);
            Node::Sort(sort)
        }
        Node::SetOp(mut set) => {
            let (below, above) = split(all, |scalar| is_free_to_move(scalar, cx) && !has_subquery(scalar));
            let out = set.out.clone();
            for (input, slots) in &mut set.inputs {
                let mut own = below.clone();
                for scalar in &mut own {
                    let at = |slot: Slot| out.iter().position(|out| *out == slot);
                    scalar.substitute(&|slot| at(slot).and_then(|at| slots.get(at)).map(|slot| Scalar::Slot(*slot)));
                }
                super::replace(input, |input| push(input, own, cx));
            }
            filter(Node::SetOp(set), above, cx)
        }
        Node::Limit { input, limit, offset } => {
            filter(Node::Limit { input: Box::new(push(*input, Vec::new(), cx)), limit, offset }, all, cx)
        }
        other => filter(other, all, cx),
    }
}

/// Rows of a node for which all of these are true.
pub(super) fn filter(input: Node, all: Vec<Scalar>, cx: &Context<'_>) -> Node {
    match (all.is_empty(), input) {
        (true, input) => input,
        (false, Node::Nothing) => Node::Nothing,
        (false, input) => Node::Filter { input: Box::new(input), all: in_order(all, cx) },
    }
}

/// What cannot fail and costs little first; all else as it stood: a subquery may guard what stands behind it.
fn in_order(all: Vec<Scalar>, cx: &Context<'_>) -> Vec<Scalar> {
    let (mut first, then) = split(all, |scalar| is_free_to_move(scalar, cx) && !has_subquery(scalar));
    first.extend(then);
    first
}

/// Whether it may be computed for rows that will not be in the answer.
pub(super) fn is_free_to_move(scalar: &Scalar, cx: &Context<'_>) -> bool {
    !may_fail(scalar, cx) && !is_volatile(scalar)
}

fn split(all: Vec<Scalar>, mut is_below: impl FnMut(&Scalar) -> bool) -> (Vec<Scalar>, Vec<Scalar>) {
    all.into_iter().partition(|scalar| is_below(scalar))
}

fn is_written(slot: &Slot, calls: &[crate::plan::scalar::AggregateCall]) -> bool {
    calls.iter().any(|call| call.out == *slot)
}

/// Whether all that it reads of these outputs is among `of`.
fn reads_only_of(scalar: &Scalar, outputs: &Slots, of: &[Slot]) -> bool {
    scalar.reads().iter().all(|slot| of.contains(slot) || !outputs.contains(slot))
}

/// A condition over the expressions of keys, over the keys again.
fn back_to_keys(mut scalar: Scalar, keys: &[(Slot, Scalar)]) -> Scalar {
    fn back(scalar: &mut Scalar, keys: &[(Slot, Scalar)]) {
        if let Some((slot, _)) = keys.iter().find(|(_, key)| crate::plan::walk::same(key, scalar)) {
            *scalar = Scalar::Slot(*slot);
            return;
        }
        scalar.operands_mut(&mut |operand| back(operand, keys));
    }
    back(&mut scalar, keys);
    scalar
}

/// Conditions over computed columns take their expressions with them, where that costs little.
fn push_project(input: Node, exprs: Vec<(Slot, Scalar)>, all: Vec<Scalar>, cx: &mut Context<'_>) -> Node {
    const SIZE_MAX: usize = 16;
    let is_cheap = |expr: &Scalar| is_free_to_move(expr, cx) && expr.size(SIZE_MAX) < SIZE_MAX && !has_subquery(expr);
    let mut is_guarded = false;
    let (mut below, above) = split(all, |scalar| {
        let reads = scalar.reads();
        let is_computed = exprs.iter().any(|(slot, _)| reads.contains(slot));
        let is_below = !(is_computed && has_subquery(scalar))
            && exprs.iter().all(|(slot, expr)| !reads.contains(slot) || is_cheap(expr))
            && (!is_guarded || is_free_to_move(scalar, cx));
        is_guarded |= !is_below;
        is_below
    });
    for scalar in &mut below {
        scalar.substitute(&|slot| exprs.iter().find(|(out, _)| *out == slot).map(|(_, expr)| expr.clone()));
        fold::fold(scalar);
    }
    let below = fold::conjunction(below);
    let input = match below {
        Some(below) => push(input, below, cx),
        None => Node::Nothing,
    };
    filter(Node::Project { input: Box::new(input), exprs }, above, cx)
}

// --- Joins

fn push_join(mut join: Join, all: Vec<Scalar>, cx: &mut Context<'_>) -> Node {
    let (left, right) = (join.left.outputs(), join.right.outputs());
    narrow(&mut join, &all, &left, &right, cx);
    // A full join that became a left one may have changed its sides.
    let (left, right) = (join.left.outputs(), join.right.outputs());
    let reads_of = |scalar: &Scalar| {
        let reads = scalar.reads();
        (!reads.is_disjoint(&left), !reads.is_disjoint(&right))
    };
    let (mut to_left, mut to_right, mut on, mut above) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    match join.kind {
        JoinKind::Inner => {
            for scalar in join.on.drain(..).chain(all) {
                match reads_of(&scalar) {
                    _ if !is_free_to_move(&scalar, cx) => on.push(scalar),
                    (_, false) => to_left.push(scalar),
                    (false, true) => to_right.push(scalar),
                    (true, true) => on.push(scalar),
                }
            }
        }
        JoinKind::Left | JoinKind::Semi | JoinKind::Anti => {
            for scalar in join.on.drain(..) {
                match reads_of(&scalar) {
                    (false, true) if is_free_to_move(&scalar, cx) => to_right.push(scalar),
                    _ => on.push(scalar),
                }
            }
            for scalar in all {
                match reads_of(&scalar) {
                    (_, false) if is_free_to_move(&scalar, cx) => to_left.push(scalar),
                    _ => above.push(scalar),
                }
            }
        }
        JoinKind::Full => (on, above) = (std::mem::take(&mut join.on), all),
    }
    join.left = push(join.left, to_left, cx);
    join.right = push(join.right, to_right, cx);
    join.on = on;
    filter(Node::Join(Box::new(join)), above, cx)
}

/// An outer join whose padded rows the conditions above refuse makes none.
fn narrow(join: &mut Join, all: &[Scalar], left: &Slots, right: &Slots, cx: &Context<'_>) {
    let refuses = |slots: &Slots| all.iter().any(|scalar| is_free_to_move(scalar, cx) && refuses_null(scalar, slots));
    match join.kind {
        JoinKind::Left if refuses(right) => join.kind = JoinKind::Inner,
        JoinKind::Full => match (refuses(left), refuses(right)) {
            (true, true) => join.kind = JoinKind::Inner,
            (true, false) => join.kind = JoinKind::Left,
            (false, true) if matches!(join.method, JoinMethod::Nested) => {
                std::mem::swap(&mut join.left, &mut join.right);
                std::mem::swap(&mut join.left_slots, &mut join.right_slots);
                join.kind = JoinKind::Left;
            }
            _ => {}
        },
        _ => {}
    }
}

/// Whether a subquery stands in it: such a condition is never written twice, nor taken over other columns.
pub(super) fn has_subquery(scalar: &Scalar) -> bool {
    scalar.any(&mut |scalar| scalar.subquery().is_some())
}
