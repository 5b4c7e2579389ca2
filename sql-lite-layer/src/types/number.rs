//! Numbers of different kinds beside each other: exact comparison and conversion, without rounding where none is asked for.
//!
//! 1. A `Decimal` is a whole number below 2^96 over a power of ten up to 10^28; every i64 is one, few doubles are.
//! 2. Comparison never converts one side to the other's kind, because that rounds: it compares whole parts, then fractions, in whole numbers.

use std::cmp::Ordering;

use rust_decimal::prelude::ToPrimitive;

use super::read::parse_decimal;
use super::{Decimal, Value};
use crate::error::{Error, ErrorKind, Result};

/// The double as a value: never infinite, never NaN, never -0.0.
///
/// # Errors
/// `Data` (22003) if it is not finite.
pub(crate) fn double(number: f64) -> Result<Value<'static>> {
    if number.is_finite() {
        // -0.0 + 0.0 is 0.0, and every other number stays what it is.
        Ok(Value::Double(number + 0.0))
    } else {
        Err(Error::new(ErrorKind::Data, "the number is out of the range of DOUBLE").with_state("22003"))
    }
}

/// The order of two doubles. NaN, which no value should be, stands behind all numbers.
#[inline]
pub(super) fn compare_double(left: f64, right: f64) -> Ordering {
    left.partial_cmp(&right).unwrap_or_else(|| left.is_nan().cmp(&right.is_nan()))
}

/// The order of a whole number and a double, exactly.
pub(super) fn compare_int_double(int: i64, double: f64) -> Ordering {
    const TWO_TO_63: f64 = 9_223_372_036_854_775_808.0;
    if double.is_nan() || double >= TWO_TO_63 {
        return Ordering::Less;
    }
    if double < -TWO_TO_63 {
        return Ordering::Greater;
    }
    // In range, so the conversion cuts off the fraction and nothing else.
    let whole = double.trunc();
    int.cmp(&(whole as i64)).then_with(|| compare_double(0.0, double - whole))
}

/// The order of a decimal number and a double, exactly.
pub(super) fn compare_decimal_double(decimal: Decimal, double: f64) -> Ordering {
    const TWO_TO_96: f64 = 79_228_162_514_264_337_593_543_950_336.0;
    if double.is_nan() || double >= TWO_TO_96 {
        return Ordering::Less;
    }
    if double <= -TWO_TO_96 {
        return Ordering::Greater;
    }
    let one = 10i128.pow(decimal.scale());
    let mantissa = decimal.mantissa();
    let whole = double.trunc();
    let by_whole = (mantissa / one).cmp(&(whole as i128));
    if by_whole.is_ne() {
        return by_whole;
    }
    // Equal whole parts: both fractions have the same sign, unless one of the whole parts is 0.
    let (fraction, other) = (mantissa % one, double - whole);
    let (sign, other_sign) = (fraction.signum(), if other > 0.0 { 1 } else { -i128::from(other < 0.0) });
    if sign != other_sign {
        return sign.cmp(&other_sign);
    }
    let order = compare_fractions(fraction.unsigned_abs(), decimal.scale(), other.abs());
    if sign < 0 { order.reverse() } else { order }
}

/// The order of `numerator / 10^scale` and `double`, both in [0, 1).
fn compare_fractions(numerator: u128, scale: u32, double: f64) -> Ordering {
    let (mantissa, exponent) = unpack(double);
    // double * 10^scale = mantissa * 5^scale * 2^(exponent + scale); the first product is below 2^53 * 2^66.
    let product = u128::from(mantissa) * 5u128.pow(scale);
    let shift = exponent + scale as i32;
    if shift >= 0 {
        // The product so shifted is below 10^scale, because the double is below 1.
        return numerator.cmp(&(product << shift));
    }
    let shift = shift.unsigned_abs();
    let (floor, rest) = if shift >= 128 { (0, product) } else { (product >> shift, product & ((1 << shift) - 1)) };
    numerator.cmp(&floor).then(if rest == 0 { Ordering::Equal } else { Ordering::Less })
}

/// Odd or zero `mantissa` and `exponent` of a finite double that is not negative: it is mantissa * 2^exponent.
fn unpack(double: f64) -> (u64, i32) {
    let bits = double.to_bits();
    let (field, fraction) = (((bits >> 52) & 0x7ff) as i32, bits & ((1 << 52) - 1));
    let (mantissa, exponent) = if field == 0 { (fraction, -1074) } else { (fraction | 1 << 52, field - 1075) };
    if mantissa == 0 {
        return (0, 0);
    }
    let zeros = mantissa.trailing_zeros();
    (mantissa >> zeros, exponent + zeros as i32)
}

/// The decimal number that is exactly this double, if there is one.
pub(crate) fn exact_decimal(double: f64) -> Option<Decimal> {
    if !double.is_finite() {
        return None;
    }
    let (mantissa, exponent) = unpack(double.abs());
    let bits = 64 - mantissa.leading_zeros();
    let (magnitude, scale) = if exponent >= 0 {
        let exponent = exponent.unsigned_abs();
        (if bits + exponent <= 96 { u128::from(mantissa) << exponent } else { return None }, 0)
    } else {
        let scale = exponent.unsigned_abs();
        // An odd mantissa over 2^scale needs exactly `scale` digits behind the point. The product is below 2^53 * 2^66.
        (if scale <= Decimal::MAX_SCALE { u128::from(mantissa) * 5u128.pow(scale) } else { return None }, scale)
    };
    if magnitude >= 1 << 96 {
        return None;
    }
    let signed = if double < 0.0 { -(magnitude as i128) } else { magnitude as i128 };
    Decimal::try_from_i128_with_scale(signed, scale).ok()
}

/// The double that is nearest to a decimal number.
pub(super) fn nearest_double(decimal: Decimal) -> f64 {
    let mantissa = decimal.mantissa();
    // Both are exact as doubles then (10^22 is the last such power), and one division rounds once.
    if mantissa.unsigned_abs() <= 1 << 53 && decimal.scale() <= 22 {
        return mantissa as f64 / 10u128.pow(decimal.scale()) as f64;
    }
    decimal.array_string().as_ref().parse().unwrap_or_else(|_| decimal.as_f64())
}

/// The decimal number with the shortest digits that read as this double; none if it is too large. Digits behind the 28th are rounded.
pub(super) fn shortest_decimal(double: f64) -> Option<Decimal> {
    parse_decimal(&format!("{double:e}")).ok()
}

/// The whole number nearest to a decimal number, halves away from zero; none if it is out of range.
pub(super) fn nearest_int_of_decimal(decimal: Decimal) -> Option<i64> {
    i64::try_from(divide_rounded(decimal.mantissa(), 10i128.pow(decimal.scale()))).ok()
}

/// The whole number nearest to a double, halves away from zero; none if it is out of range.
pub(super) fn nearest_int_of_double(double: f64) -> Option<i64> {
    // Checked by f64's own conversion: -2^63 is in range, 2^63 is not.
    double.round().to_i64()
}

/// The number with exactly `scale` digits behind the point, halves rounded away from zero; none if it then has more than `precision` digits.
///
/// `precision` is 1 to 28 and `scale` at most `precision`.
pub(crate) fn rescale(decimal: Decimal, precision: u8, scale: u8) -> Option<Decimal> {
    let (mantissa, from, to) = (decimal.mantissa(), decimal.scale(), u32::from(scale));
    let scaled = if from > to {
        divide_rounded(mantissa, 10i128.pow(from - to))
    } else {
        mantissa.checked_mul(10i128.checked_pow(to - from)?)?
    };
    if scaled.unsigned_abs() >= 10u128.checked_pow(u32::from(precision))? {
        return None;
    }
    Decimal::try_from_i128_with_scale(scaled, to).ok()
}

/// The quotient nearest to `number / by`, halves away from zero; `by` is positive.
fn divide_rounded(number: i128, by: i128) -> i128 {
    let (quotient, rest) = (number / by, number % by);
    // |rest| < by <= 10^28, so twice that fits.
    if rest.abs() * 2 >= by { quotient + number.signum() } else { quotient }
}
