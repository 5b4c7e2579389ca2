//! Arithmetic: `+ - * / %` and the bitwise operators.
//!
//! 1. NULL makes NULL. Whole numbers give whole numbers, division is towards zero; a decimal number and a whole one give a decimal one; a double makes doubles.
//! 2. A result that is out of range is an error of kind `Data`, 22003; division by zero is one too, 22012. Nothing wraps, nothing becomes infinite.
//! 3. A day or a time plus or minus a whole number is a day or a time so many days away; a day minus a day is a whole number of days.
//!
//! A decimal result of more than 28 digits is rounded at the last one that fits.

use super::number::{double, nearest_double};
use super::{Date, Decimal, Timestamp, Value};
use crate::error::{Error, ErrorKind, Result};

/// An operation on two numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Arithmetic {
    Add,
    Subtract,
    Multiply,
    Divide,
    Remainder,
    BitAnd,
    BitOr,
    BitXor,
}

impl Arithmetic {
    fn symbol(self) -> &'static str {
        match self {
            Arithmetic::Add => "+",
            Arithmetic::Subtract => "-",
            Arithmetic::Multiply => "*",
            Arithmetic::Divide => "/",
            Arithmetic::Remainder => "%",
            Arithmetic::BitAnd => "&",
            Arithmetic::BitOr => "|",
            Arithmetic::BitXor => "^",
        }
    }
}

/// `left op right`.
///
/// # Errors
/// `Data`: 22003 out of range, 22012 division by zero. `Type`: the operation is not defined on these.
#[inline]
pub(crate) fn arithmetic(op: Arithmetic, left: &Value<'_>, right: &Value<'_>) -> Result<Value<'static>> {
    match (left, right) {
        (Value::Int(a), Value::Int(b)) => whole(op, *a, *b),
        (Value::Double(a), Value::Double(b)) => floating(op, *a, *b),
        _ => mixed(op, left, right),
    }
}

fn mixed(op: Arithmetic, left: &Value<'_>, right: &Value<'_>) -> Result<Value<'static>> {
    match (left, right) {
        (Value::Null, _) | (_, Value::Null) => Ok(Value::Null),
        (Value::Int(a), Value::Double(b)) => floating(op, *a as f64, *b),
        (Value::Double(a), Value::Int(b)) => floating(op, *a, *b as f64),
        (Value::Decimal(a), Value::Double(b)) => floating(op, nearest_double(*a), *b),
        (Value::Double(a), Value::Decimal(b)) => floating(op, *a, nearest_double(*b)),
        (Value::Decimal(a), Value::Decimal(b)) => decimal(op, *a, *b),
        (Value::Decimal(a), Value::Int(b)) => decimal(op, *a, Decimal::from(*b)),
        (Value::Int(a), Value::Decimal(b)) => decimal(op, Decimal::from(*a), *b),
        (Value::Date(a), Value::Int(b)) if op == Arithmetic::Add => day(*a, Some(*b), left, op, right),
        (Value::Int(a), Value::Date(b)) if op == Arithmetic::Add => day(*b, Some(*a), left, op, right),
        (Value::Date(a), Value::Int(b)) if op == Arithmetic::Subtract => day(*a, b.checked_neg(), left, op, right),
        (Value::Timestamp(a), Value::Int(b)) if op == Arithmetic::Add => time(*a, Some(*b), left, op, right),
        (Value::Int(a), Value::Timestamp(b)) if op == Arithmetic::Add => time(*b, Some(*a), left, op, right),
        (Value::Timestamp(a), Value::Int(b)) if op == Arithmetic::Subtract => time(*a, b.checked_neg(), left, op, right),
        (Value::Date(a), Value::Date(b)) if op == Arithmetic::Subtract => Ok(Value::Int(i64::from(a.0) - i64::from(b.0))),
        _ => Err(undefined(op, left, right)),
    }
}

/// `- value`.
///
/// # Errors
/// `Data` (22003): the smallest whole number has no opposite. `Type`: it is no number.
pub(crate) fn negate(value: &Value<'_>) -> Result<Value<'static>> {
    match value {
        Value::Null => Ok(Value::Null),
        Value::Int(number) => match number.checked_neg() {
            Some(negated) => Ok(Value::Int(negated)),
            None => Err(Error::new(ErrorKind::Data, format!("out of the range of BIGINT: -({number})")).with_state("22003")),
        },
        Value::Double(number) => double(-number),
        Value::Decimal(number) => Ok(Value::Decimal(unsigned_zero(-*number))),
        _ => Err(Error::new(ErrorKind::Type, format!("- is not defined on {}", value.kind_name())).with_state("42883")),
    }
}

#[inline]
fn whole(op: Arithmetic, a: i64, b: i64) -> Result<Value<'static>> {
    let result = match op {
        Arithmetic::Add => a.checked_add(b),
        Arithmetic::Subtract => a.checked_sub(b),
        Arithmetic::Multiply => a.checked_mul(b),
        Arithmetic::Divide | Arithmetic::Remainder if b == 0 => return Err(by_zero(&Value::Int(a), op)),
        Arithmetic::Divide => a.checked_div(b),
        // Wraps in one case only, i64::MIN % -1, and there to the true remainder: 0.
        Arithmetic::Remainder => Some(a.wrapping_rem(b)),
        Arithmetic::BitAnd => Some(a & b),
        Arithmetic::BitOr => Some(a | b),
        Arithmetic::BitXor => Some(a ^ b),
    };
    match result {
        Some(result) => Ok(Value::Int(result)),
        None => Err(out_of_range("BIGINT", &Value::Int(a), op, &Value::Int(b))),
    }
}

#[inline]
fn floating(op: Arithmetic, a: f64, b: f64) -> Result<Value<'static>> {
    let result = match op {
        Arithmetic::Add => a + b,
        Arithmetic::Subtract => a - b,
        Arithmetic::Multiply => a * b,
        Arithmetic::Divide | Arithmetic::Remainder if b == 0.0 => return Err(by_zero(&Value::Double(a), op)),
        Arithmetic::Divide => a / b,
        Arithmetic::Remainder => a % b,
        Arithmetic::BitAnd | Arithmetic::BitOr | Arithmetic::BitXor => {
            return Err(undefined(op, &Value::Double(a), &Value::Double(b)));
        }
    };
    double(result).map_err(|_| out_of_range("DOUBLE", &Value::Double(a), op, &Value::Double(b)))
}

fn decimal(op: Arithmetic, a: Decimal, b: Decimal) -> Result<Value<'static>> {
    let result = match op {
        Arithmetic::Add => add_decimals(a, b),
        // A zero has no sign here.
        Arithmetic::Subtract => add_decimals(a, -b),
        Arithmetic::Multiply => a.checked_mul(b).map(|product| with_digits(product, a.scale() + b.scale())),
        Arithmetic::Divide | Arithmetic::Remainder if b.is_zero() => return Err(by_zero(&Value::Decimal(a), op)),
        Arithmetic::Divide => divide_decimals(a, b),
        Arithmetic::Remainder => a.checked_rem(b).map(|rest| with_digits(rest, a.scale().max(b.scale()))),
        Arithmetic::BitAnd | Arithmetic::BitOr | Arithmetic::BitXor => {
            return Err(undefined(op, &Value::Decimal(a), &Value::Decimal(b)));
        }
    };
    match result {
        Some(result) => Ok(Value::Decimal(unsigned_zero(result))),
        None => Err(out_of_range("DECIMAL", &Value::Decimal(a), op, &Value::Decimal(b))),
    }
}

/// The sum of two decimal numbers, with as many digits behind the point as the longer one has; none if it is out of range.
pub(crate) fn add_decimals(a: Decimal, b: Decimal) -> Option<Decimal> {
    let sum = a.checked_add(b)?;
    // Beside a zero the crate gives the other number as it is, and to any other it gives all digits.
    if a.is_zero() || b.is_zero() {
        return Some(raised(sum, a.scale().max(b.scale())));
    }
    Some(sum)
}

/// The quotient of two decimal numbers; none if it is out of range. `b` is not zero.
pub(crate) fn divide_decimals(a: Decimal, b: Decimal) -> Option<Decimal> {
    a.checked_div(b).map(|quotient| with_digits(quotient, a.scale().saturating_sub(b.scale())))
}

/// A zero with so many digits behind the point: the crate leaves them out. Other numbers stay as they are.
fn with_digits(number: Decimal, scale: u32) -> Decimal {
    if number.is_zero() { raised(number, scale) } else { number }
}

/// The number with so many digits behind the point, or as many as have room, unless it has more.
fn raised(mut number: Decimal, scale: u32) -> Decimal {
    let scale = scale.min(Decimal::MAX_SCALE);
    if number.scale() < scale {
        // Its own digits stay: `rescale` takes no more zeros than have room.
        number.rescale(scale);
    }
    number
}

fn day(date: Date, days: Option<i64>, left: &Value<'_>, op: Arithmetic, right: &Value<'_>) -> Result<Value<'static>> {
    match days.and_then(|days| date.plus_days(days)) {
        Some(date) => Ok(Value::Date(date)),
        None => Err(out_of_range("DATE", left, op, right).with_state("22008")),
    }
}

fn time(at: Timestamp, days: Option<i64>, left: &Value<'_>, op: Arithmetic, right: &Value<'_>) -> Result<Value<'static>> {
    match days.and_then(|days| at.plus_days(days)) {
        Some(at) => Ok(Value::Timestamp(at)),
        None => Err(out_of_range("TIMESTAMP", left, op, right).with_state("22008")),
    }
}

/// Zero without a sign: it would print as -0.
fn unsigned_zero(mut number: Decimal) -> Decimal {
    if number.is_zero() {
        number.set_sign_positive(true);
    }
    number
}

#[cold]
fn out_of_range(of: &str, left: &Value<'_>, op: Arithmetic, right: &Value<'_>) -> Error {
    Error::new(ErrorKind::Data, format!("out of the range of {of}: {left} {} {right}", op.symbol())).with_state("22003")
}

#[cold]
fn by_zero(left: &Value<'_>, op: Arithmetic) -> Error {
    Error::new(ErrorKind::Data, format!("division by zero: {left} {} 0", op.symbol())).with_state("22012")
}

#[cold]
fn undefined(op: Arithmetic, left: &Value<'_>, right: &Value<'_>) -> Error {
    let (symbol, left, right) = (op.symbol(), left.kind_name(), right.kind_name());
    Error::new(ErrorKind::Type, format!("{symbol} is not defined on {left} and {right}")).with_state("42883")
}
