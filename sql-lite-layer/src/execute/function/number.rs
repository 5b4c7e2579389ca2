//! Functions of numbers.

use rust_decimal::RoundingStrategy;

use super::{as_type, no_such};
use crate::error::{Error, ErrorKind, Result};
use crate::plan::function::Function;
use crate::types::{self, DataType, Decimal, Value};

/// Functions that leave the number's kind as it is (but for `sign`).
pub(super) fn rounded(function: Function, number: &Value<'_>, digits: Option<i64>) -> Result<Value<'static>> {
    // More digits than this change no number of any kind.
    let digits = digits.unwrap_or(0).clamp(-400, 400) as i32;
    match number {
        Value::Int(number) => of_whole(function, *number, digits),
        Value::Decimal(number) => of_decimal(function, *number, digits),
        Value::Double(number) => of_double(function, *number, digits),
        other => Err(no_such("a number is needed", other)),
    }
}

fn of_whole(function: Function, number: i64, digits: i32) -> Result<Value<'static>> {
    let result = match function {
        Function::Abs => number.checked_abs(),
        Function::Sign => Some(number.signum()),
        Function::Round | Function::Truncate if digits < 0 => {
            let unit = 10_i128.checked_pow(digits.unsigned_abs()).unwrap_or(i128::MAX);
            let number = i128::from(number);
            let below = number / unit;
            let up = function == Function::Round && (number % unit).unsigned_abs() >= unit.unsigned_abs().div_ceil(2);
            let rounded = (below + if up { number.signum() } else { 0 }).checked_mul(unit);
            rounded.and_then(|rounded| i64::try_from(rounded).ok())
        }
        _ => Some(number),
    };
    result.map(Value::Int).ok_or_else(|| too_large(&DataType::BIGINT))
}

fn of_decimal(function: Function, number: Decimal, digits: i32) -> Result<Value<'static>> {
    let strategy = if function == Function::Round { RoundingStrategy::MidpointAwayFromZero } else { RoundingStrategy::ToZero };
    Ok(Value::Decimal(match function {
        Function::Abs => number.abs(),
        Function::Sign => return Ok(Value::Int(i64::from(!number.is_zero()) * if number.is_sign_negative() { -1 } else { 1 })),
        Function::Floor => number.floor(),
        Function::Ceiling => number.ceil(),
        _ if digits >= 0 => number.round_dp_with_strategy(digits.unsigned_abs(), strategy),
        _ => {
            // 10^28 is the largest power of ten that a decimal holds, and every decimal is below 10^29.
            let Some(unit) =
                10_i128.checked_pow(digits.unsigned_abs()).and_then(|unit| Decimal::try_from_i128_with_scale(unit, 0).ok())
            else {
                return Ok(Value::Decimal(Decimal::ZERO));
            };
            let units = number.checked_div(unit).map(|units| units.round_dp_with_strategy(0, strategy));
            let rounded = units.and_then(|units| units.checked_mul(unit));
            rounded.ok_or_else(|| too_large(&DataType::Decimal { precision: 28, scale: 0 }))?
        }
    }))
}

fn of_double(function: Function, number: f64, digits: i32) -> Result<Value<'static>> {
    types::double(match function {
        Function::Abs => number.abs(),
        Function::Sign if number == 0.0 => return Ok(Value::Int(0)),
        Function::Sign => return Ok(Value::Int(if number < 0.0 { -1 } else { 1 })),
        Function::Floor => number.floor(),
        Function::Ceiling => number.ceil(),
        _ => {
            let whole = |number: f64| if function == Function::Round { number.round() } else { number.trunc() };
            let exponent = digits.unsigned_abs();
            // Up to 10^22 powers of ten are doubles; the others are read, because multiplying them up rounds at each step.
            let is_exact = exponent <= 22;
            let unit = if is_exact { 10_f64.powi(digits.abs()) } else { power_of_ten("1", digits.abs()) };
            let scaled = whole(if digits < 0 { number / unit } else { number * unit });
            match digits < 0 {
                // Nothing is beside a unit beyond doubles.
                true if unit.is_infinite() => 0.0,
                // A double has 53 bits: one of so many digits has none behind them.
                false if scaled.abs() >= 2_f64.powi(53) || unit.is_infinite() => number,
                _ if !is_exact => power_of_ten(&scaled.to_string(), -digits),
                true => scaled * unit,
                false => scaled / unit,
            }
        }
    })
}

/// The double nearest to these digits times that power of ten; infinite where it is too large.
fn power_of_ten(digits: &str, exponent: i32) -> f64 {
    format!("{digits}e{exponent}").parse().unwrap_or(f64::INFINITY)
}

/// Functions of real numbers.
pub(super) fn real(function: Function, first: &Value<'_>, second: &Value<'_>) -> Result<Value<'static>> {
    let number = double_of(first)?;
    let refused =
        |what: &str, state| Err(Error::new(ErrorKind::Data, format!("{what} of {number} is no number")).with_state(state));
    types::double(match function {
        Function::Power => {
            let result = number.powf(double_of(second)?);
            if result.is_nan() {
                return refused("a power", "2201F");
            }
            result
        }
        Function::Sqrt if number < 0.0 => return refused("the square root", "2201F"),
        Function::Sqrt => number.sqrt(),
        Function::Exp => number.exp(),
        Function::Ln | Function::Log10 if number <= 0.0 => return refused("the logarithm", "2201E"),
        Function::Ln => number.ln(),
        _ => number.log10(),
    })
}

fn double_of(value: &Value<'_>) -> Result<f64> {
    match value {
        Value::Double(number) => Ok(*number),
        other => match as_type(other, DataType::Double)? {
            Value::Double(number) => Ok(number),
            _ => Err(no_such("a number is needed", other)),
        },
    }
}

fn too_large(data_type: &DataType) -> Error {
    Error::new(ErrorKind::Data, format!("the number is out of the range of {data_type}")).with_state("22003")
}
