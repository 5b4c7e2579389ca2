//! Rule `fold`: computes what is constant, and brings conditions into one form: a column on the left, NOT at the bottom, equalities of one column as a list.
//!
//! Why the answer is kept: a constant is computed by the same functions of the room `types`; where they give an error, the expression stays and gives it when, and
//! only if, a row reaches it. AND, OR and CASE drop what they would not have come to, or might not have.

use std::borrow::Cow;

use super::{Context, replace};
use crate::parse::ast::{ArithmeticOp, CompareOp};
use crate::plan::function::Function;
use crate::plan::node::{JoinKind, Node};
use crate::plan::scalar::Scalar;
use crate::plan::walk::same;
use crate::types::{self, Arithmetic, Comparison, Value};

pub(super) fn rule(node: &mut Node, _cx: &mut Context<'_>) {
    whole(node);
}

fn whole(node: &mut Node) {
    node.inputs_mut(&mut whole);
    node.scalars_mut(&mut fold);
    fold_node(node);
}

/// Operators whose conditions are constant.
fn fold_node(node: &mut Node) {
    match node {
        Node::Filter { input, all } => match conjunction(std::mem::take(all)) {
            None => *node = Node::Nothing,
            Some(_) if matches!(**input, Node::Nothing) => *node = Node::Nothing,
            Some(folded) if folded.is_empty() => {
                let input = std::mem::replace(&mut **input, Node::Nothing);
                *node = input;
            }
            Some(folded) => *all = folded,
        },
        Node::Join(join) => {
            let never = match conjunction(std::mem::take(&mut join.on)) {
                Some(on) => {
                    join.on = on;
                    false
                }
                None => {
                    join.on = vec![Scalar::Constant(Value::Bool(false))];
                    true
                }
            };
            let left_is_empty = matches!(join.left, Node::Nothing);
            let never = never || matches!(join.right, Node::Nothing);
            match join.kind {
                JoinKind::Inner | JoinKind::Semi if never || left_is_empty => *node = Node::Nothing,
                JoinKind::Left | JoinKind::Anti if left_is_empty => *node = Node::Nothing,
                JoinKind::Anti if never => replace(node, |node| match node {
                    Node::Join(join) => join.left,
                    other => other,
                }),
                // Nothing is a partner: the right need not be read.
                JoinKind::Left if never => {
                    join.right = Node::Nothing;
                    join.on.clear();
                }
                _ => {}
            }
        }
        Node::Project { input, .. } | Node::Distinct { input, .. } if matches!(**input, Node::Nothing) => *node = Node::Nothing,
        Node::Sort(sort) if matches!(sort.input, Node::Nothing) => *node = Node::Nothing,
        Node::Limit { limit: Some(Scalar::Constant(Value::Int(0))), offset: None, .. } => *node = Node::Nothing,
        Node::Limit { input, limit, offset } => {
            let is_none = |bound: &Option<Scalar>| matches!(bound, None | Some(Scalar::Constant(Value::Null)));
            let no_offset = is_none(offset) || matches!(offset, Some(Scalar::Constant(Value::Int(0))));
            if is_none(limit) && no_offset {
                let input = std::mem::replace(&mut **input, Node::Nothing);
                *node = input;
            }
        }
        Node::Aggregate(aggregate) if !aggregate.keys.is_empty() && matches!(aggregate.input, Node::Nothing) => {
            *node = Node::Nothing;
        }
        _ => {}
    }
}

/// These without those that are always true; none: one of them is never true. Nested ANDs are taken apart.
pub(super) fn conjunction(all: Vec<Scalar>) -> Option<Vec<Scalar>> {
    let mut folded = Vec::with_capacity(all.len());
    for scalar in all {
        match scalar {
            Scalar::And(list) => folded.extend(conjunction(list)?),
            Scalar::Constant(Value::Bool(true)) => {}
            Scalar::Constant(Value::Bool(false) | Value::Null) => return None,
            other if folded.iter().any(|known| same(known, &other)) => {}
            other => folded.push(other),
        }
    }
    Some(folded)
}

/// Folds an expression, operands first. Subqueries are left as they are.
pub(super) fn fold(scalar: &mut Scalar) {
    scalar.operands_mut(&mut fold);
    if let Some(folded) = folded(scalar) {
        *scalar = folded;
    }
}

fn truth(truth: Option<bool>) -> Scalar {
    Scalar::Constant(truth.map_or(Value::Null, Value::Bool))
}

fn constant(scalar: &Scalar) -> Option<&Value<'static>> {
    match scalar {
        Scalar::Constant(value) => Some(value),
        _ => None,
    }
}

/// What stands for an expression whose operands are folded; none: itself.
fn folded(scalar: &mut Scalar) -> Option<Scalar> {
    match scalar {
        Scalar::Not(of) => negation(of),
        Scalar::Negate(of) => types::negate(constant(of)?).ok().map(Scalar::Constant),
        Scalar::And(list) => Some(and(std::mem::take(list))),
        Scalar::Or(list) => Some(or(std::mem::take(list))),
        Scalar::Compare { op, left, right } => {
            if let (Some(a), Some(b)) = (constant(left), constant(right)) {
                return Some(truth(types::compare(a, b).map(|order| comparison(*op).holds(order))));
            }
            if matches!(constant(left), Some(Value::Null)) || matches!(constant(right), Some(Value::Null)) {
                return Some(truth(None));
            }
            if matches!(**right, Scalar::Slot(_)) && !matches!(**left, Scalar::Slot(_)) {
                std::mem::swap(left, right);
                *op = op.flipped();
            }
            None
        }
        Scalar::Arithmetic { op, left, right } => {
            types::arithmetic(arithmetic(*op), constant(left)?, constant(right)?).ok().map(Scalar::Constant)
        }
        Scalar::Concat(list) => concat(list),
        Scalar::IsNull { of, negated } => Some(truth(Some(constant(of)?.is_null() != *negated))),
        Scalar::IsTruth { of, truth: wanted, negated } => match constant(of)? {
            Value::Bool(is) => Some(truth(Some((is == wanted) != *negated))),
            Value::Null => Some(truth(Some(*negated))),
            _ => None,
        },
        Scalar::IsDistinct { left, right, negated } => {
            let is_same = types::order(constant(left)?, constant(right)?).is_eq();
            Some(truth(Some(is_same == *negated)))
        }
        Scalar::InList { of, list, negated } => in_list(of, list, *negated),
        Scalar::Case { branches, otherwise } => case(branches, otherwise),
        Scalar::Cast { of, to } => types::cast(constant(of)?.clone(), to).ok().map(|value| Scalar::Constant(value.into_owned())),
        Scalar::Call { function: Function::Coalesce, args } => {
            // Up to the first that cannot be NULL.
            args.retain(|arg| !matches!(constant(arg), Some(Value::Null)));
            if let Some(last) = args.iter().position(|arg| constant(arg).is_some()) {
                args.truncate(last + 1);
            }
            match args.len() {
                0 => Some(truth(None)),
                1 => args.pop(),
                _ => None,
            }
        }
        _ => None,
    }
}

/// NOT goes down as far as it can: `NOT a < b` is `a >= b`, with NULL too.
fn negation(of: &mut Scalar) -> Option<Scalar> {
    Some(match of {
        Scalar::Constant(Value::Bool(is)) => truth(Some(!*is)),
        Scalar::Constant(Value::Null) => truth(None),
        Scalar::Not(inner) if is_truth(inner) => std::mem::replace(&mut **inner, Scalar::And(Vec::new())),
        Scalar::Compare { op, .. } => {
            *op = match op {
                CompareOp::Eq => CompareOp::Ne,
                CompareOp::Ne => CompareOp::Eq,
                CompareOp::Lt => CompareOp::Ge,
                CompareOp::Le => CompareOp::Gt,
                CompareOp::Gt => CompareOp::Le,
                CompareOp::Ge => CompareOp::Lt,
            };
            of.clone()
        }
        Scalar::IsNull { negated, .. }
        | Scalar::IsTruth { negated, .. }
        | Scalar::IsDistinct { negated, .. }
        | Scalar::Like { negated, .. }
        | Scalar::InList { negated, .. }
        | Scalar::Exists { negated, .. }
        | Scalar::InQuery { negated, .. } => {
            *negated = !*negated;
            std::mem::replace(of, Scalar::And(Vec::new()))
        }
        _ => return None,
    })
}

/// Whether it is a predicate: true, false or NULL by its form.
fn is_truth(scalar: &Scalar) -> bool {
    matches!(
        scalar,
        Scalar::Not(_)
            | Scalar::And(_)
            | Scalar::Or(_)
            | Scalar::Compare { .. }
            | Scalar::IsNull { .. }
            | Scalar::IsTruth { .. }
            | Scalar::IsDistinct { .. }
            | Scalar::Like { .. }
            | Scalar::InList { .. }
            | Scalar::Sieve(_)
            | Scalar::Exists { .. }
            | Scalar::InQuery { .. }
    )
}

fn and(list: Vec<Scalar>) -> Scalar {
    let mut all = Vec::with_capacity(list.len());
    for scalar in list {
        match scalar {
            Scalar::And(inner) => all.extend(inner),
            Scalar::Constant(Value::Bool(true)) => {}
            Scalar::Constant(Value::Bool(false)) => return truth(Some(false)),
            other => all.push(other),
        }
    }
    match all.len() {
        0 => truth(Some(true)),
        // A single operand stays an AND unless it is a predicate: `a AND TRUE` of a number is a truth value.
        1 if is_truth(&all[0]) => all.swap_remove(0),
        _ => Scalar::And(all),
    }
}

fn or(list: Vec<Scalar>) -> Scalar {
    let mut any = Vec::with_capacity(list.len());
    for scalar in list {
        match scalar {
            Scalar::Or(inner) => any.extend(inner),
            Scalar::Constant(Value::Bool(false)) => {}
            Scalar::Constant(Value::Bool(true)) => return truth(Some(true)),
            other => any.push(other),
        }
    }
    match any.len() {
        0 => truth(Some(false)),
        1 if is_truth(&any[0]) => any.swap_remove(0),
        _ => as_list(any),
    }
}

/// `a = 1 OR a = 2 OR a IN (3, 4)` as one list, if all are about one column.
fn as_list(mut any: Vec<Scalar>) -> Scalar {
    let plain = |scalar: &Scalar| matches!(scalar, Scalar::Constant(_) | Scalar::Parameter(_));
    let column = |scalar: &Scalar| match scalar {
        Scalar::Compare { op: CompareOp::Eq, left, right } if plain(right) => match **left {
            Scalar::Slot(slot) => Some(slot),
            _ => None,
        },
        Scalar::InList { of, list, negated: false } if list.iter().all(plain) => match **of {
            Scalar::Slot(slot) => Some(slot),
            _ => None,
        },
        _ => None,
    };
    let first = any.first().and_then(column);
    if first.is_none() || !any.iter().all(|scalar| column(scalar) == first) {
        return Scalar::Or(any);
    }
    let mut items = Vec::with_capacity(any.len());
    let mut of = None;
    for scalar in any.drain(..) {
        match scalar {
            Scalar::Compare { left, right, .. } => {
                of = Some(left);
                items.push(*right);
            }
            Scalar::InList { of: inner, list, .. } => {
                of = Some(inner);
                items.extend(list);
            }
            _ => {}
        }
    }
    match of {
        Some(of) => Scalar::InList { of, list: items, negated: false },
        None => truth(Some(false)),
    }
}

fn concat(list: &mut [Scalar]) -> Option<Scalar> {
    if list.iter().any(|part| matches!(constant(part), Some(Value::Null))) {
        return Some(truth(None));
    }
    let mut text = String::new();
    for part in list {
        match constant(part)? {
            Value::Text(part) => text.push_str(part),
            _ => return None,
        }
    }
    Some(Scalar::Constant(Value::Text(Cow::Owned(text))))
}

fn in_list(of: &mut Box<Scalar>, list: &mut Vec<Scalar>, negated: bool) -> Option<Scalar> {
    if let Some(value) = constant(of) {
        if value.is_null() {
            return Some(truth(None));
        }
        let mut unknown = false;
        for item in &*list {
            match types::compare(value, constant(item)?) {
                Some(order) if order.is_eq() => return Some(truth(Some(!negated))),
                Some(_) => {}
                None => unknown = true,
            }
        }
        return Some(truth(if unknown { None } else { Some(negated) }));
    }
    if list.len() == 1 {
        let op = if negated { CompareOp::Ne } else { CompareOp::Eq };
        let left = std::mem::replace(of, Box::new(truth(None)));
        let mut compare = Scalar::Compare { op, left, right: Box::new(list.pop()?) };
        fold(&mut compare);
        return Some(compare);
    }
    None
}

fn case(branches: &mut Vec<(Scalar, Scalar)>, otherwise: &mut Option<Box<Scalar>>) -> Option<Scalar> {
    branches.retain(|(when, _)| !matches!(constant(when), Some(Value::Bool(false) | Value::Null)));
    if let Some(at) = branches.iter().position(|(when, _)| matches!(constant(when), Some(Value::Bool(true)))) {
        branches.truncate(at + 1);
        *otherwise = branches.pop().map(|(_, then)| Box::new(then));
    }
    match branches.is_empty() {
        true => Some(otherwise.take().map_or_else(|| truth(None), |otherwise| *otherwise)),
        false => None,
    }
}

fn comparison(op: CompareOp) -> Comparison {
    match op {
        CompareOp::Eq => Comparison::Eq,
        CompareOp::Ne => Comparison::Ne,
        CompareOp::Lt => Comparison::Lt,
        CompareOp::Le => Comparison::Le,
        CompareOp::Gt => Comparison::Gt,
        CompareOp::Ge => Comparison::Ge,
    }
}

fn arithmetic(op: ArithmeticOp) -> Arithmetic {
    match op {
        ArithmeticOp::Add => Arithmetic::Add,
        ArithmeticOp::Subtract => Arithmetic::Subtract,
        ArithmeticOp::Multiply => Arithmetic::Multiply,
        ArithmeticOp::Divide => Arithmetic::Divide,
        ArithmeticOp::Modulo => Arithmetic::Remainder,
        ArithmeticOp::BitAnd => Arithmetic::BitAnd,
        ArithmeticOp::BitOr => Arithmetic::BitOr,
        ArithmeticOp::BitXor => Arithmetic::BitXor,
    }
}
