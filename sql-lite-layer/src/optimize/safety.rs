//! What an expression may do beside giving a value: fail, give another value each time, refuse NULL.

use super::Context;
use super::fold::fold;
use crate::parse::ast::{ArithmeticOp, CompareOp};
use crate::plan::function::AggregateFunction;
use crate::plan::node::Node;
use crate::plan::scalar::Scalar;
use crate::plan::walk::Slots;
use crate::types::{DataType, Value};

pub(super) use crate::plan::is_volatile;

/// Whether computing it may give an error.
pub(super) fn may_fail(scalar: &Scalar, cx: &Context<'_>) -> bool {
    let fails_itself = match scalar {
        Scalar::Sieve(_) => return false,
        Scalar::Negate(_) | Scalar::Arithmetic { .. } => interval(scalar, cx).is_none(),
        // Every value has a text, but for bytes, which the planner casts to bytes before.
        Scalar::Cast { to, .. } => !matches!(to, DataType::Text { max: None }),
        Scalar::Like { escape, .. } => escape.is_some(),
        Scalar::Call { function, .. } => function.may_fail(),
        Scalar::Subquery(query) => !gives_one_row(&query.node) || node_may_fail(&query.node, cx),
        Scalar::Exists { query, .. } | Scalar::InQuery { query, .. } => node_may_fail(&query.node, cx),
        _ => false,
    };
    let mut found = fails_itself;
    scalar.operands(&mut |operand| found = found || may_fail(operand, cx));
    found
}

/// Whether running it may give an error. Of the store's own errors nothing is said, nor of memory and time.
pub(super) fn node_may_fail(node: &Node, cx: &Context<'_>) -> bool {
    use AggregateFunction::{BoolAnd, BoolOr, Count, Max, Min};
    let is_count = |scalar: &Option<Scalar>| matches!(scalar, None | Some(Scalar::Constant(Value::Int(0..))));
    let mut found = match node {
        Node::Aggregate(aggregate) => {
            !aggregate.calls.iter().all(|call| matches!(call.function, Count | Min | Max | BoolAnd | BoolOr))
        }
        Node::Limit { limit, offset, .. } => !is_count(limit) || !is_count(offset),
        // Its plan is no part of this one.
        Node::Shared { .. } => true,
        _ => false,
    };
    node.scalars(&mut |scalar| found = found || may_fail(scalar, cx));
    node.inputs(&mut |input| found = found || node_may_fail(input, cx));
    found
}

/// The whole numbers among which its value is, if it is such a number, or NULL, for all values of the columns it reads: then it never fails. Each step of arithmetic is
/// one of 64 bits, so that columns of 32 bits can be added and multiplied, and whatever is divided by a number that is known not to be 0.
fn interval(scalar: &Scalar, cx: &Context<'_>) -> Option<(i128, i128)> {
    let (low, high) = match scalar {
        Scalar::Constant(Value::Int(number)) => (i128::from(*number), i128::from(*number)),
        Scalar::Slot(slot) => match cx.slot_type(*slot) {
            DataType::Integer(width) => {
                let (low, high) = width.range();
                (i128::from(low), i128::from(high))
            }
            _ => return None,
        },
        Scalar::Negate(of) => {
            let (low, high) = interval(of, cx)?;
            (-high, -low)
        }
        Scalar::Arithmetic { op, left, right } => {
            let (left, right) = (interval(left, cx)?, interval(right, cx)?);
            // Products of numbers of 64 bits have 127 at most.
            let corners = |of: fn(i128, i128) -> i128| {
                let all = [of(left.0, right.0), of(left.0, right.1), of(left.1, right.0), of(left.1, right.1)];
                (all.into_iter().min().unwrap_or(0), all.into_iter().max().unwrap_or(0))
            };
            let has_zero = right.0 <= 0 && right.1 >= 0;
            match op {
                ArithmeticOp::Add => (left.0 + right.0, left.1 + right.1),
                ArithmeticOp::Subtract => (left.0 - right.1, left.1 - right.0),
                ArithmeticOp::Multiply => corners(|a, b| a * b),
                ArithmeticOp::Divide | ArithmeticOp::Modulo if has_zero => return None,
                // The divisor has one sign: what is farthest from zero stands at a corner, and a dividend of both signs has zero between them.
                ArithmeticOp::Divide => corners(|a, b| a / b),
                ArithmeticOp::Modulo => {
                    let most = right.0.abs().max(right.1.abs()) - 1;
                    (-most, most)
                }
                ArithmeticOp::BitAnd | ArithmeticOp::BitOr | ArithmeticOp::BitXor => (i128::from(i64::MIN), i128::from(i64::MAX)),
            }
        }
        _ => return None,
    };
    (low >= i128::from(i64::MIN) && high <= i128::from(i64::MAX)).then_some((low, high))
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
