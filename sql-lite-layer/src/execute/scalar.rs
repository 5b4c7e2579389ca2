//! Expressions over the frame: values, and truth with its three values.
//!
//! 1. Nothing is allocated where a value can be borrowed: a slot, a parameter and a constant are read where they stand.
//! 2. `truth` computes predicates without making values of them; `value` of a predicate asks it.
//! 3. AND, OR, CASE, COALESCE and IN compute no more than they need: what is not reached cannot fail.

use std::cmp::Ordering;
use std::ops::Deref;

use super::context::Context;
use super::{function, in_list, subquery};
use crate::error::{Error, ErrorKind, Result};
use crate::parse::ast::{ArithmeticOp, CompareOp};
use crate::plan::scalar::Scalar;
use crate::types::{self, Arithmetic, Value};

/// A value that stands somewhere, or one that was computed.
pub(super) enum Operand<'a, 'r> {
    Stands(&'a Value<'r>),
    Computed(Value<'r>),
}

impl<'r> Deref for Operand<'_, 'r> {
    type Target = Value<'r>;
    #[inline]
    fn deref(&self) -> &Value<'r> {
        match self {
            Operand::Stands(value) => value,
            Operand::Computed(value) => value,
        }
    }
}

impl<'r> Operand<'_, 'r> {
    pub(super) fn into_value(self) -> Value<'r> {
        match self {
            Operand::Stands(value) => value.clone(),
            Operand::Computed(value) => value,
        }
    }
}

/// The value of an expression, to be looked at.
#[inline]
pub(super) fn operand<'a, 'r>(expr: &'r Scalar, frame: &'a [Value<'r>], cx: &'a Context<'r>) -> Result<Operand<'a, 'r>> {
    match expr {
        Scalar::Slot(slot) => Ok(Operand::Stands(&frame[slot.0 as usize])),
        Scalar::Constant(value) => Ok(Operand::Stands(value)),
        Scalar::Parameter(number) => Ok(Operand::Stands(parameter(*number, cx)?)),
        Scalar::Once { number, of } => Ok(Operand::Stands(once(*number, of, frame, cx)?)),
        other => Ok(Operand::Computed(value(other, frame, cx)?)),
    }
}

/// The value of an expression, to be kept.
pub(super) fn value<'r>(expr: &'r Scalar, frame: &[Value<'r>], cx: &Context<'r>) -> Result<Value<'r>> {
    match expr {
        Scalar::Slot(slot) => Ok(frame[slot.0 as usize].clone()),
        Scalar::Constant(value) => Ok(value.lend()),
        Scalar::Parameter(number) => Ok(parameter(*number, cx)?.lend()),
        Scalar::Once { number, of } => Ok(once(*number, of, frame, cx)?.clone()),
        Scalar::Negate(of) => types::negate(&*operand(of, frame, cx)?),
        Scalar::Arithmetic { op, left, right } => arithmetic(*op, left, right, frame, cx),
        Scalar::Concat(parts) => concat(parts, frame, cx),
        Scalar::Case { branches, otherwise } => {
            for (condition, result) in branches {
                if truth(condition, frame, cx)? == Some(true) {
                    return value(result, frame, cx);
                }
            }
            otherwise.as_ref().map_or(Ok(Value::Null), |otherwise| value(otherwise, frame, cx))
        }
        Scalar::Cast { of, to } => types::cast(value(of, frame, cx)?, to),
        Scalar::Call { function, args } => function::call(*function, args, frame, cx),
        Scalar::Subquery(query) => subquery::scalar(query, frame, cx),
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
        | Scalar::InQuery { .. } => Ok(truth(expr, frame, cx)?.map_or(Value::Null, Value::Bool)),
    }
}

/// Whether all of these are true.
#[inline]
pub(super) fn holds<'r>(all: &'r [Scalar], frame: &[Value<'r>], cx: &Context<'r>) -> Result<bool> {
    for expr in all {
        if truth(expr, frame, cx)? != Some(true) {
            return Ok(false);
        }
    }
    Ok(true)
}

/// The truth of an expression; none: NULL, not known.
pub(super) fn truth<'r>(expr: &'r Scalar, frame: &[Value<'r>], cx: &Context<'r>) -> Result<Option<bool>> {
    match expr {
        Scalar::Compare { op, left, right } => {
            if let Some(left) = plain_int(left, frame, cx)
                && let Some(right) = plain_int(right, frame, cx)
            {
                return Ok(Some(holds_of(*op, left.cmp(&right))));
            }
            let left = operand(left, frame, cx)?;
            if left.is_null() {
                return Ok(None);
            }
            Ok(compare(*op, &left, &*operand(right, frame, cx)?))
        }
        Scalar::And(all) => and(all, frame, cx),
        Scalar::Or(any) => or(any, frame, cx),
        Scalar::Not(of) => Ok(truth(of, frame, cx)?.map(|truth| !truth)),
        Scalar::IsNull { of, negated } => Ok(Some(operand(of, frame, cx)?.is_null() != *negated)),
        Scalar::IsTruth { of, truth: wanted, negated } => Ok(Some((truth(of, frame, cx)? == Some(*wanted)) != *negated)),
        Scalar::IsDistinct { left, right, negated } => {
            let same = types::order(&*operand(left, frame, cx)?, &*operand(right, frame, cx)?) == Ordering::Equal;
            Ok(Some(same == *negated))
        }
        Scalar::Like { of, pattern, escape, ignore_case, negated } => {
            let (of, pattern) = (operand(of, frame, cx)?, operand(pattern, frame, cx)?);
            let escape = escape.as_ref().map(|escape| operand(escape, frame, cx)).transpose()?;
            Ok(like(&of, &pattern, escape.as_deref(), *ignore_case, cx)?.map(|like| like != *negated))
        }
        Scalar::InList { of, list, negated } => {
            let of = operand(of, frame, cx)?;
            Ok(in_list::contains(list, &of, frame, cx)?.map(|contains| contains != *negated))
        }
        Scalar::Exists { query, negated } => Ok(Some(subquery::exists(query, frame, cx)? != *negated)),
        Scalar::InQuery { left, query, negated } => {
            Ok(subquery::contains(query, left, frame, cx)?.map(|contains| contains != *negated))
        }
        Scalar::Sieve(all) => sieve(all, frame, cx).map(Some),
        other => of_value(&*operand(other, frame, cx)?),
    }
}

/// Whether a row may still fulfil these conditions. What stops the statement itself is no error of a row.
fn sieve<'r>(all: &'r [Scalar], frame: &[Value<'r>], cx: &Context<'r>) -> Result<bool> {
    match holds(all, frame, cx) {
        Err(error) if matches!(error.kind(), ErrorKind::Cancelled | ErrorKind::TimedOut | ErrorKind::Store) => Err(error),
        Err(_) => Ok(true),
        held => held,
    }
}

fn parameter<'r>(number: u32, cx: &Context<'r>) -> Result<&'r Value<'r>> {
    cx.inputs.parameters.get(number as usize).ok_or_else(|| {
        let given = cx.inputs.parameters.len();
        Error::new(ErrorKind::Name, format!("parameter {} has no value: {given} were given", number + 1)).with_state("07002")
    })
}

/// The value that an expression has in the whole statement.
fn once<'a, 'r>(number: usize, of: &'r Scalar, frame: &[Value<'r>], cx: &'a Context<'r>) -> Result<&'a Value<'r>> {
    let Some(kept) = cx.once.get(number) else {
        return Err(Error::new(ErrorKind::State, "an expression has no place to be kept in"));
    };
    match kept.get() {
        Some(value) => Ok(value),
        None => {
            let value = value(of, frame, cx)?;
            Ok(kept.get_or_init(|| value))
        }
    }
}

/// What a value says as a condition. Numbers count as H2 and SQLite take them: 0 is false.
fn of_value(value: &Value<'_>) -> Result<Option<bool>> {
    match value {
        Value::Bool(truth) => Ok(Some(*truth)),
        Value::Null => Ok(None),
        Value::Int(number) => Ok(Some(*number != 0)),
        other => Err(Error::new(ErrorKind::Type, format!("a condition must be true or false, not {other}"))),
    }
}

/// A comparison; none if either is NULL.
#[inline]
pub(super) fn compare(op: CompareOp, left: &Value<'_>, right: &Value<'_>) -> Option<bool> {
    let order = match (left, right) {
        (Value::Int(left), Value::Int(right)) => left.cmp(right),
        (Value::Text(left), Value::Text(right)) if matches!(op, CompareOp::Eq | CompareOp::Ne) => {
            return Some((left == right) == (op == CompareOp::Eq));
        }
        _ => types::compare(left, right)?,
    };
    Some(holds_of(op, order))
}

#[inline]
pub(super) fn holds_of(op: CompareOp, order: Ordering) -> bool {
    match op {
        CompareOp::Eq => order.is_eq(),
        CompareOp::Ne => order.is_ne(),
        CompareOp::Lt => order.is_lt(),
        CompareOp::Le => order.is_le(),
        CompareOp::Gt => order.is_gt(),
        CompareOp::Ge => order.is_ge(),
    }
}

/// A whole number, where the expression is one and no more is to be done than a little arithmetic: what most conditions compute. None says nothing: then [`operand`] is asked,
/// which also has the errors.
#[inline]
fn plain_int<'r>(expr: &'r Scalar, frame: &[Value<'r>], cx: &Context<'r>) -> Option<i64> {
    let stands = match expr {
        Scalar::Slot(slot) => &frame[slot.0 as usize],
        Scalar::Constant(value) => value,
        Scalar::Parameter(number) => cx.inputs.parameters.get(*number as usize)?,
        Scalar::Once { number, .. } => cx.once.get(*number)?.get()?,
        Scalar::Arithmetic { op, left, right } => return plain_arithmetic(*op, left, right, frame, cx),
        _ => return None,
    };
    match stands {
        Value::Int(number) => Some(*number),
        _ => None,
    }
}

fn plain_arithmetic<'r>(
    op: ArithmeticOp,
    left: &'r Scalar,
    right: &'r Scalar,
    frame: &[Value<'r>],
    cx: &Context<'r>,
) -> Option<i64> {
    plain_step(op, plain_int(left, frame, cx)?, plain_int(right, frame, cx)?)
}

/// Arithmetic of two whole numbers; none where it fails, and where the general form has to say what it gives.
#[inline]
pub(super) fn plain_step(op: ArithmeticOp, left: i64, right: i64) -> Option<i64> {
    match op {
        ArithmeticOp::Add => left.checked_add(right),
        ArithmeticOp::Subtract => left.checked_sub(right),
        ArithmeticOp::Multiply => left.checked_mul(right),
        ArithmeticOp::Divide => left.checked_div(right),
        ArithmeticOp::Modulo => left.checked_rem(right),
        ArithmeticOp::BitAnd => Some(left & right),
        ArithmeticOp::BitOr => Some(left | right),
        ArithmeticOp::BitXor => Some(left ^ right),
    }
}

/// False if one is false, else NULL if one is NULL.
fn and<'r>(all: &'r [Scalar], frame: &[Value<'r>], cx: &Context<'r>) -> Result<Option<bool>> {
    let mut result = Some(true);
    for expr in all {
        match truth(expr, frame, cx)? {
            Some(true) => {}
            Some(false) => return Ok(Some(false)),
            None => result = None,
        }
    }
    Ok(result)
}

/// True if one is true, else NULL if one is NULL.
fn or<'r>(any: &'r [Scalar], frame: &[Value<'r>], cx: &Context<'r>) -> Result<Option<bool>> {
    let mut result = Some(false);
    for expr in any {
        match truth(expr, frame, cx)? {
            Some(false) => {}
            Some(true) => return Ok(Some(true)),
            None => result = None,
        }
    }
    Ok(result)
}

/// Whether a text is like a pattern; none if one of them, or the escape, is NULL.
fn like(
    of: &Value<'_>,
    pattern: &Value<'_>,
    escape: Option<&Value<'_>>,
    ignore_case: bool,
    cx: &Context<'_>,
) -> Result<Option<bool>> {
    let not_text = |value: &Value<'_>| Error::new(ErrorKind::Type, format!("LIKE compares texts, not {value}"));
    let escape = match escape {
        None => None,
        Some(Value::Null) => return Ok(None),
        Some(Value::Text(escape)) => Some(&**escape),
        Some(other) => return Err(not_text(other)),
    };
    match (of, pattern) {
        (Value::Null, _) | (_, Value::Null) => Ok(None),
        (Value::Text(of), Value::Text(pattern)) => types::like(of, pattern, escape, ignore_case, || cx.look()).map(Some),
        (Value::Text(_), other) | (other, _) => Err(not_text(other)),
    }
}

fn arithmetic<'r>(
    op: ArithmeticOp,
    left: &'r Scalar,
    right: &'r Scalar,
    frame: &[Value<'r>],
    cx: &Context<'r>,
) -> Result<Value<'r>> {
    let (left, right) = (operand(left, frame, cx)?, operand(right, frame, cx)?);
    if let (Value::Int(left), Value::Int(right)) = (&*left, &*right)
        && let Some(number) = plain_step(op, *left, *right)
    {
        return Ok(Value::Int(number));
    }
    // Overflow too comes here: the error is made in one place.
    types::arithmetic(kind_of(op), &left, &right)
}

fn kind_of(op: ArithmeticOp) -> Arithmetic {
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

/// `||`: NULL if one part is; bytes if all parts are.
fn concat<'r>(parts: &'r [Scalar], frame: &[Value<'r>], cx: &Context<'r>) -> Result<Value<'r>> {
    let mut text = String::new();
    let mut bytes: Option<Vec<u8>> = None;
    for part in parts {
        match &*operand(part, frame, cx)? {
            Value::Null => return Ok(Value::Null),
            Value::Blob(part) => bytes.get_or_insert_with(|| std::mem::take(&mut text).into_bytes()).extend_from_slice(part),
            other => match &mut bytes {
                Some(bytes) => function::with_text(other, |part| bytes.extend_from_slice(part.as_bytes())),
                None => function::with_text(other, |part| text.push_str(part)),
            },
        }
        function::check_len(text.len() + bytes.as_ref().map_or(0, Vec::len))?;
    }
    Ok(match bytes {
        Some(bytes) => Value::Blob(bytes.into()),
        None => Value::Text(text.into()),
    })
}

/// A whole number, for LIMIT and the like.
pub(super) fn whole_number(value: &Value<'_>, what: &str) -> Result<i64> {
    match types::cast(value.lend(), &types::DataType::BIGINT)? {
        Value::Int(number) => Ok(number),
        other => Err(Error::new(ErrorKind::Type, format!("{what} must be a whole number, not {other}"))),
    }
}
