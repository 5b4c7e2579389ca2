//! What an expression may do beside giving a value: fail, give another value each time, refuse NULL.

use super::fold::fold;
use crate::parse::ast::CompareOp;
use crate::plan::node::Node;
use crate::plan::scalar::Scalar;
use crate::plan::walk::Slots;
use crate::types::{DataType, Value};

pub(super) use crate::plan::is_volatile;

/// Whether computing it may give an error.
pub(super) fn may_fail(scalar: &Scalar) -> bool {
    scalar.any(&mut |scalar| match scalar {
        Scalar::Negate(_) | Scalar::Arithmetic { .. } => true,
        // Every value has a text, but for bytes, which the planner casts to bytes before.
        Scalar::Cast { to, .. } => !matches!(to, DataType::Text { max: None }),
        Scalar::Like { escape, .. } => escape.is_some(),
        Scalar::Call { function, .. } => function.may_fail(),
        Scalar::Subquery(query) => !gives_one_row(&query.node) || node_may_fail(&query.node),
        Scalar::Exists { query, .. } | Scalar::InQuery { query, .. } => node_may_fail(&query.node),
        _ => false,
    })
}

/// Whether running it may give an error.
fn node_may_fail(node: &Node) -> bool {
    let mut found = matches!(node, Node::Aggregate(_) | Node::Limit { .. });
    node.scalars(&mut |scalar| found = found || may_fail(scalar));
    node.inputs(&mut |input| found = found || node_may_fail(input));
    found
}

/// Whether it never gives two rows.
pub(super) fn gives_one_row(node: &Node) -> bool {
    match node {
        Node::OneRow | Node::Nothing => true,
        Node::Values { rows, .. } => rows.len() <= 1,
        Node::Filter { input, .. } | Node::Project { input, .. } | Node::Distinct { input, .. } => gives_one_row(input),
        Node::Sort(sort) => gives_one_row(&sort.input),
        Node::Aggregate(aggregate) => aggregate.keys.is_empty(),
        Node::Limit { input, limit, .. } => matches!(limit, Some(Scalar::Constant(Value::Int(0 | 1)))) || gives_one_row(input),
        _ => false,
    }
}

/// Whether it is not true if all of these slots are NULL.
pub(super) fn refuses_null(scalar: &Scalar, slots: &Slots) -> bool {
    if scalar.any(&mut |scalar| scalar.subquery().is_some()) {
        return false;
    }
    let mut tried = scalar.clone();
    tried.substitute(&|slot| slots.contains(&slot).then_some(Scalar::Constant(Value::Null)));
    never_true(&mut tried)
}

/// Whether a condition is FALSE or NULL by its form. Below NOT the two differ: there only what is NULL counts.
fn never_true(condition: &mut Scalar) -> bool {
    match condition {
        Scalar::And(list) => list.iter_mut().any(never_true),
        Scalar::Or(list) => list.iter_mut().all(never_true),
        other => {
            spread_null(other);
            matches!(other, Scalar::Constant(Value::Null | Value::Bool(false)))
        }
    }
}

/// Folds, where what has a NULL operand is NULL also if another operand is not known.
fn spread_null(scalar: &mut Scalar) {
    scalar.operands_mut(&mut spread_null);
    let is_null = |scalar: &Scalar| matches!(scalar, Scalar::Constant(Value::Null));
    let null = match scalar {
        Scalar::Compare { left, right, .. } | Scalar::Arithmetic { left, right, .. } => is_null(left) || is_null(right),
        Scalar::Negate(of) | Scalar::Cast { of, .. } | Scalar::Not(of) => is_null(of),
        Scalar::Like { of, pattern, .. } => is_null(of) || is_null(pattern),
        Scalar::InList { of, list, .. } => is_null(of) && !list.is_empty(),
        _ => false,
    };
    match null {
        true => *scalar = Scalar::Constant(Value::Null),
        false => fold(scalar),
    }
}

/// `left = right`, taken apart.
pub(super) fn equality(scalar: &Scalar) -> Option<(&Scalar, &Scalar)> {
    match scalar {
        Scalar::Compare { op: CompareOp::Eq, left, right } => Some((left, right)),
        _ => None,
    }
}
