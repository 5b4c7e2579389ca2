//! Rule `semi`: EXISTS and IN among the conditions of a WHERE become joins that stop at the first partner, where the subquery reads the row around it or where its
//! rows can be looked up.
//!
//! Why the answer is kept: a semi join keeps a row of its left if one row of its right fits, an anti join if none does; both once and unchanged. As a condition, IN
//! that is NULL counts as IN that is false, so NULL on either side is no partner. NOT IN stays a subquery: there NULL is not false. What a subquery over the row
//! around it compares with equality moves to the join, which may then hash; the rest it reads from the frame as before. A condition that may fail and stands behind
//! such a one is tested above its join: for no row that the join drops.

use super::Context;
use super::fold::conjunction;
use super::pushdown::is_free_to_move;
use super::safety::is_volatile;
use crate::parse::ast::CompareOp;
use crate::plan::node::{Join, JoinKind, JoinMethod, Node};
use crate::plan::scalar::{Scalar, Subquery};
use crate::plan::walk::Slots;

pub(super) fn rule(node: &mut Node, cx: &mut Context<'_>) {
    whole(node, cx);
}

fn whole(node: &mut Node, cx: &Context<'_>) {
    node.inputs_mut(&mut |input| whole(input, cx));
    let Node::Filter { input, all } = node else { return };
    let mut input = std::mem::replace(&mut **input, Node::Nothing);
    let mut rest = Vec::with_capacity(all.len());
    let mut joins = Vec::new();
    // What may fail and stands behind a join is guarded by it.
    let mut behind = Vec::new();
    for scalar in std::mem::take(all) {
        if !behind.is_empty() && !is_free_to_move(&scalar, cx) {
            behind.push(scalar);
            continue;
        }
        match as_join(scalar) {
            Ok(join) => joins.push(join),
            Err(scalar) if joins.is_empty() || is_free_to_move(&scalar, cx) => rest.push(scalar),
            Err(scalar) => behind.push(scalar),
        }
    }
    // Other conditions first: a partner is sought only for the rows that they leave.
    input = filter(input, rest);
    for (kind, query, on) in joins {
        input = join(kind, input, query, on, cx);
    }
    *node = filter(input, behind);
}

fn filter(input: Node, all: Vec<Scalar>) -> Node {
    if all.is_empty() { input } else { Node::Filter { input: Box::new(input), all } }
}

/// The join that a condition is; or the condition.
fn as_join(scalar: Scalar) -> Result<(JoinKind, Subquery, Vec<Scalar>), Scalar> {
    match scalar {
        Scalar::Exists { query, negated } if is_fit(&query) && !query.free().is_empty() => {
            Ok((if negated { JoinKind::Anti } else { JoinKind::Semi }, *query, Vec::new()))
        }
        Scalar::InQuery { left, query, negated: false } if is_fit(&query) && !left.iter().any(is_volatile) => {
            let equal = |(left, column): (Scalar, &crate::plan::node::Slot)| Scalar::Compare {
                op: CompareOp::Eq,
                left: Box::new(left),
                right: Box::new(Scalar::Slot(*column)),
            };
            let on = left.into_iter().zip(&query.columns).map(equal).collect();
            Ok((JoinKind::Semi, *query, on))
        }
        other => Err(other),
    }
}

/// Whether its plan writes all columns itself and may run once for a row or once for all.
fn is_fit(query: &Subquery) -> bool {
    let own = query.node.outputs();
    query.columns.iter().all(|column| own.contains(column)) && !is_volatile(&Scalar::Subquery(Box::new(query.clone())))
}

fn join(kind: JoinKind, left: Node, query: Subquery, mut on: Vec<Scalar>, cx: &Context<'_>) -> Node {
    let mut right = query.node;
    let outputs = left.outputs();
    pull(&mut right, &outputs, &mut on, cx);
    let slots = |slots: Slots| {
        let mut slots: Vec<_> = slots.into_iter().collect();
        slots.sort_unstable();
        slots
    };
    let (left_slots, right_slots) = (slots(outputs), slots(right.outputs()));
    let on = conjunction(on).unwrap_or_else(|| vec![Scalar::Constant(crate::types::Value::Bool(false))]);
    Node::Join(Box::new(Join { kind, left, right, method: JoinMethod::Nested, on, left_slots, right_slots }))
}

/// Takes what compares columns of the subquery with columns of the left out of the subquery's topmost filter: above that stand only operators that neither drop
/// rows nor hide columns.
fn pull(node: &mut Node, left: &Slots, on: &mut Vec<Scalar>, cx: &Context<'_>) {
    match node {
        Node::Project { input, .. } => pull(input, left, on, cx),
        Node::Sort(sort) => pull(&mut sort.input, left, on, cx),
        Node::Filter { input, all } => {
            let own = input.outputs();
            let (pulled, kept): (Vec<_>, Vec<_>) = std::mem::take(all).into_iter().partition(|scalar| {
                let reads = scalar.reads();
                !reads.is_disjoint(left) && !reads.is_disjoint(&own) && super::pushdown::is_free_to_move(scalar, cx)
            });
            on.extend(pulled);
            *all = kept;
            if all.is_empty() {
                let input = std::mem::replace(&mut **input, Node::Nothing);
                *node = input;
            }
        }
        _ => {}
    }
}
