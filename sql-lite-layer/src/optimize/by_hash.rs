//! Rule `by_hash`: rows that are read anew for each row around them, whole, to find those with an equal value, are put into a hash once.
//!
//! Subqueries over the row around them and nested joins open their inputs again and again. Where an index leads to the rows, `joins` has taken it; what is left would read a whole table
//! each time. It becomes a hash join of the one row around with what is read, whose hash stays for the statement: `JoinMethod::Hash` with `OneRow` on its left.
//!
//! Why the answer is kept: what goes into the hash reads nothing around it and is not volatile, so that it is the same each time, and rows of one key come in the order in which they would
//! be read. A hash finds by equality of one class, as `=` does. Conditions over the rows alone are tested before, if they cannot fail; all others behind, in their order. An equality that may
//! fail is a key only where nothing else would be tested before it; if it does fail for one of the rows, no hash is made.

use super::Context;
use super::joins::hash_keys;
use super::pushdown::{filter, has_subquery, is_free_to_move};
use super::safety::{equality, is_volatile};
use crate::plan::is_same_each_time;
use crate::plan::node::{Access, Join, JoinKind, JoinMethod, Node, Scan, Slot};
use crate::plan::scalar::Scalar;
use crate::plan::walk::Slots;
use crate::types::DataType;

pub(super) fn rule(node: &mut Node, cx: &mut Context<'_>) {
    whole(node, cx);
}

fn whole(node: &mut Node, cx: &Context<'_>) {
    node.inputs_mut(&mut |input| whole(input, cx));
    match node {
        Node::Scan(scan) if reads_much(scan) => {
            let all = std::mem::take(&mut scan.filter);
            let own = node.outputs();
            match split(all, &own, cx) {
                Ok(parts) => super::replace(node, |node| by_hash(node, parts, cx)),
                Err(all) => restore(node, all),
            }
        }
        Node::Filter { input, all } if keeps_well(input) => {
            let own = input.outputs();
            match split(std::mem::take(all), &own, cx) {
                Ok(parts) => {
                    let input = std::mem::replace(&mut **input, Node::Nothing);
                    *node = by_hash(input, parts, cx);
                }
                Err(all) => restore(node, all),
            }
        }
        _ => {}
    }
}

/// Gives a scan or a filter its conditions back.
fn restore(node: &mut Node, conditions: Vec<Scalar>) {
    match node {
        Node::Scan(scan) => scan.filter = conditions,
        Node::Filter { all, .. } => *all = conditions,
        _ => {}
    }
}

/// Whether a scan reads a whole table, or a range of it, the same one each time.
fn reads_much(scan: &Scan) -> bool {
    // Rows that are to be changed are not read from a copy.
    scan.key.is_none()
        && match &scan.access {
            Access::Full => true,
            Access::Primary(keys) | Access::Index { keys, .. } => {
                let is_fixed = |bound: &Option<(Scalar, bool)>| {
                    bound.as_ref().is_none_or(|(value, _)| value.reads().is_empty() && !is_volatile(value))
                };
                keys.equal.is_empty() && keys.any.is_none() && is_fixed(&keys.lower) && is_fixed(&keys.upper)
            }
        }
}

/// Whether a filter's input is the same each time, and is not there already.
fn keeps_well(input: &Node) -> bool {
    !matches!(input, Node::OneRow | Node::Nothing | Node::Values { .. }) && is_same_each_time(input)
}

/// Conditions taken apart.
struct Parts {
    /// Over the rows alone.
    below: Vec<Scalar>,
    /// What is equal: around the rows, and of them.
    keys: JoinMethod,
    rest: Vec<Scalar>,
}

/// Takes conditions apart, if an equality with what is around the rows is among them; else gives them back.
fn split(all: Vec<Scalar>, own: &Slots, cx: &Context<'_>) -> Result<Parts, Vec<Scalar>> {
    let is_below = |scalar: &Scalar| is_free_to_move(scalar, cx) && !has_subquery(scalar) && scalar.reads().is_subset(own);
    let above: Vec<&Scalar> = all.iter().filter(|scalar| !is_below(scalar)).collect();
    let is_key = |nth: usize, scalar: &Scalar| {
        let is_fit = |side: &Scalar| !is_volatile(side) && (nth == 0 || is_free_to_move(side, cx) || is_as_double(side, cx));
        let of_rows = |side: &Scalar| is_fit(side) && !has_subquery(side) && side.reads().is_subset(own);
        let around = |side: &Scalar| is_fit(side) && !side.reads().is_empty() && side.reads().is_disjoint(own);
        equality(scalar).is_some_and(|(a, b)| (of_rows(a) && around(b)) || (of_rows(b) && around(a)))
    };
    let candidates: Vec<bool> = above.iter().enumerate().map(|(nth, scalar)| is_key(nth, scalar)).collect();
    let may: Vec<Scalar> = above.iter().zip(&candidates).filter(|(_, may)| **may).map(|(scalar, _)| (*scalar).clone()).collect();
    let (keys, unfit) = hash_keys(&may, own, cx);
    if !matches!(&keys, JoinMethod::Hash { left, .. } if !left.is_empty()) {
        return Err(all);
    }
    // What no hash can find, as its classes differ, is tested as it stood: it cannot fail unless it was the first.
    let others = above.iter().zip(&candidates).filter(|(_, may)| !**may).map(|(scalar, _)| (*scalar).clone());
    let rest = unfit.into_iter().chain(others).collect();
    let below = all.into_iter().filter(is_below).collect();
    Ok(Parts { below, keys, rest })
}

/// Whether it is a number as a DOUBLE: what a comparison of classes makes of a column, which cannot fail.
fn is_as_double(scalar: &Scalar, cx: &Context<'_>) -> bool {
    match scalar {
        Scalar::Cast { of, to: DataType::Double } => matches!(**of, Scalar::Slot(slot) if cx.slot_type(slot).is_numeric()),
        _ => false,
    }
}

fn by_hash(input: Node, parts: Parts, cx: &Context<'_>) -> Node {
    let right = match input {
        Node::Scan(mut scan) => {
            scan.filter.extend(parts.below);
            Node::Scan(scan)
        }
        other => filter(other, parts.below, cx),
    };
    let mut right_slots: Vec<Slot> = right.outputs().into_iter().collect();
    right_slots.sort_unstable();
    let join = Join {
        kind: JoinKind::Inner,
        left: Node::OneRow,
        right,
        method: parts.keys,
        on: Vec::new(),
        left_slots: Vec::new(),
        right_slots,
    };
    filter(Node::Join(Box::new(join)), parts.rest, cx)
}
