//! Values from their text: what CAST, assignments and literals read.
//!
//! 1. White space around is ignored. Nothing else is: `12abc` is no number.
//! 2. What `Display` writes reads as the same value.
//! 3. Text of no form is `Data` 22018 (22007 for times); of a form but out of range it is 22003 (22008 for times).

use std::str::FromStr;

use jiff::civil;

use super::number::double;
use super::{Date, Decimal, Timestamp, Uuid, Value};
use crate::error::{Error, ErrorKind, Result};

/// A truth value: true, t, yes, y, on, 1 and their opposites, in any case.
pub(crate) fn parse_bool(text: &str) -> Result<bool> {
    let is_one_of = |words: [&str; 6]| words.iter().any(|word| text.trim().eq_ignore_ascii_case(word));
    if is_one_of(["true", "t", "yes", "y", "on", "1"]) {
        Ok(true)
    } else if is_one_of(["false", "f", "no", "n", "off", "0"]) {
        Ok(false)
    } else {
        Err(malformed(text, "BOOLEAN"))
    }
}

/// A whole number: digits with an optional sign.
pub(crate) fn parse_int(text: &str) -> Result<i64> {
    let number = text.trim();
    number.parse().map_err(|_| {
        let digits = number.strip_prefix(['+', '-']).unwrap_or(number);
        if !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit()) {
            out_of_range(text, "BIGINT", "22003")
        } else {
            malformed(text, "BIGINT")
        }
    })
}

/// A floating point number: digits with an optional sign, point and exponent. Never infinite.
pub(crate) fn parse_double(text: &str) -> Result<f64> {
    // `f64` reads the same form, and also words such as `inf`.
    Digits::of(text).ok_or_else(|| malformed(text, "DOUBLE"))?;
    let number = text.trim().parse().map_err(|_| malformed(text, "DOUBLE"))?;
    match double(number) {
        Ok(Value::Double(number)) => Ok(number),
        _ => Err(out_of_range(text, "DOUBLE", "22003")),
    }
}

/// An exact decimal number: digits with an optional sign, point and exponent. The digits behind the point are kept, also zeros; those that do not fit are rounded, halves
/// away from zero.
pub(crate) fn parse_decimal(text: &str) -> Result<Decimal> {
    let digits = Digits::of(text).ok_or_else(|| malformed(text, "DECIMAL"))?;
    digits.to_decimal().ok_or_else(|| out_of_range(text, "DECIMAL", "22003"))
}

/// Bytes as `X'0A0B'` or as the digits alone.
pub(crate) fn parse_bytes(text: &str) -> Result<Vec<u8>> {
    let text = text.trim();
    let quoted = text.strip_prefix(['X', 'x']).and_then(|rest| rest.strip_prefix('\'')).and_then(|rest| rest.strip_suffix('\''));
    let digits = quoted.unwrap_or(text).as_bytes();
    let (pairs, rest) = digits.as_chunks::<2>();
    let value = |digit: u8| (digit as char).to_digit(16);
    let byte = |pair: &[u8; 2]| Some((value(pair[0])? << 4 | value(pair[1])?) as u8);
    match pairs.iter().map(byte).collect::<Option<Vec<u8>>>() {
        Some(bytes) if rest.is_empty() => Ok(bytes),
        _ => Err(malformed(text, "VARBINARY, which is an even number of hexadecimal digits")),
    }
}

/// A day: `2024-02-29`.
pub(crate) fn parse_date(text: &str) -> Result<Date> {
    let mut rest = text.trim().as_bytes();
    let date = take_date(&mut rest, text, "DATE")?;
    if rest.is_empty() { Ok(date) } else { Err(malformed_time(text, "DATE")) }
}

/// A date and time of day: `2024-02-29 12:30:00.123456`, with a space or a `T` between. The time, its seconds and their fraction may be left out; a fraction has up to
/// nine digits and is rounded to six, halves up. A time zone is refused: a timestamp has none.
pub(crate) fn parse_timestamp(text: &str) -> Result<Timestamp> {
    const NAME: &str = "TIMESTAMP";
    let mut rest = text.trim().as_bytes();
    let date = take_date(&mut rest, text, NAME)?;
    if rest.is_empty() {
        return Ok(Timestamp::midnight(date));
    }
    let time = take_time(&mut rest).filter(|_| rest.is_empty()).ok_or_else(|| malformed_time(text, NAME))?;
    let (hour, minute, second, nanosecond) = time;
    let time = civil::Time::new(hour, minute, second, nanosecond).map_err(|_| out_of_range(text, NAME, "22008"))?;
    let date = date.to_civil().ok_or_else(|| out_of_range(text, NAME, "22008"))?;
    Timestamp::from_civil(date.to_datetime(time)).ok_or_else(|| out_of_range(text, NAME, "22008"))
}

/// An identifier: 32 hexadecimal digits, with hyphens at the usual places or without; in braces or behind `urn:uuid:` too.
pub(crate) fn parse_uuid(text: &str) -> Result<Uuid> {
    let written = text.trim();
    let in_braces = || written.strip_prefix('{')?.strip_suffix('}');
    let digits = written.strip_prefix("urn:uuid:").or_else(in_braces).unwrap_or(written);
    // Only the two bare forms: the library knows the others with hyphens alone, and would take one inside the other.
    match digits.len() {
        32 | 36 => Uuid::try_parse(digits).map_err(|_| malformed(text, "UUID")),
        _ => Err(malformed(text, "UUID")),
    }
}

/// The digits of a number: `mantissa * 10^exponent`.
struct Digits {
    negative: bool,
    mantissa: u128,
    exponent: i32,
}

impl Digits {
    /// None if the text is no number.
    fn of(text: &str) -> Option<Digits> {
        let text = text.trim();
        let (negative, unsigned) = match text.as_bytes().first()? {
            b'-' => (true, &text[1..]),
            b'+' => (false, &text[1..]),
            _ => (false, text),
        };
        let (number, exponent) = match unsigned.split_once(['e', 'E']) {
            Some((number, exponent)) => (number, parse_exponent(exponent)?),
            None => (unsigned, 0),
        };
        let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
        if whole.is_empty() && fraction.is_empty() {
            return None;
        }
        let mut digits = Digits { negative, mantissa: 0, exponent };
        for (part, behind_point) in [(whole, false), (fraction, true)] {
            for byte in part.bytes() {
                digits.push(byte, behind_point)?;
            }
        }
        Some(digits)
    }

    /// One digit more. Digits behind the 37th are cut off: they cannot change a result that has 29 and is rounded away from zero at a half.
    fn push(&mut self, byte: u8, behind_point: bool) -> Option<()> {
        if !byte.is_ascii_digit() {
            return None;
        }
        if self.mantissa < 10u128.pow(36) {
            self.mantissa = self.mantissa * 10 + u128::from(byte - b'0');
            self.exponent = self.exponent.saturating_sub(i32::from(behind_point));
        } else {
            self.exponent = self.exponent.saturating_add(i32::from(!behind_point));
        }
        Some(())
    }

    /// None if it is too large.
    fn to_decimal(&self) -> Option<Decimal> {
        let (magnitude, scale) = if self.exponent <= 0 {
            self.fit(self.exponent.unsigned_abs())?
        } else if self.mantissa == 0 {
            (0, 0)
        } else {
            (self.mantissa.checked_mul(10u128.checked_pow(self.exponent.unsigned_abs())?)?, 0)
        };
        if magnitude >= 1 << 96 {
            return None;
        }
        let signed = if self.negative { -(magnitude as i128) } else { magnitude as i128 };
        Decimal::try_from_i128_with_scale(signed, scale).ok()
    }

    /// The mantissa with so few digits cut off and rounded that it and its scale fit; none if digits before the point would be lost.
    fn fit(&self, scale: u32) -> Option<(u128, u32)> {
        // The mantissa is below 10^37, so that at 38 digits cut nothing is left.
        for cut in scale.saturating_sub(Decimal::MAX_SCALE)..=scale.min(38) {
            let power = 10u128.pow(cut);
            let rounded = self.mantissa / power + u128::from(self.mantissa % power >= power.div_ceil(2));
            if rounded < 1 << 96 {
                return Some((rounded, scale - cut));
            }
        }
        (scale > 38).then_some((0, Decimal::MAX_SCALE))
    }
}

/// The number behind an `e`; beyond a million either way it is a million, where all is 0 or too large.
fn parse_exponent(text: &str) -> Option<i32> {
    let (negative, digits) = match text.as_bytes().first()? {
        b'-' => (true, &text[1..]),
        b'+' => (false, &text[1..]),
        _ => (false, text),
    };
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let size = digits.parse().unwrap_or(1_000_000).min(1_000_000);
    Some(if negative { -size } else { size })
}

fn take_date(rest: &mut &[u8], text: &str, name: &str) -> Result<Date> {
    let parts = (|| {
        let year = take_digits(rest, 4, 4)?;
        take_byte(rest, b"-")?;
        let month = take_digits(rest, 1, 2)?;
        take_byte(rest, b"-")?;
        Some((year, month, take_digits(rest, 1, 2)?))
    })();
    let (year, month, day) = parts.ok_or_else(|| malformed_time(text, name))?;
    let date = civil::Date::new(year as i16, month as i8, day as i8).ok();
    date.and_then(Date::from_civil).ok_or_else(|| out_of_range(text, name, "22008"))
}

/// Hour, minute, second and nanosecond behind a day.
fn take_time(rest: &mut &[u8]) -> Option<(i8, i8, i8, i32)> {
    take_byte(rest, b" Tt")?;
    let hour = take_digits(rest, 1, 2)? as i8;
    take_byte(rest, b":")?;
    let minute = take_digits(rest, 2, 2)? as i8;
    if take_byte(rest, b":").is_none() {
        return Some((hour, minute, 0, 0));
    }
    let second = take_digits(rest, 2, 2)? as i8;
    if take_byte(rest, b".").is_none() {
        return Some((hour, minute, second, 0));
    }
    let before = rest.len();
    let fraction = take_digits(rest, 1, 9)?;
    let digits = before - rest.len();
    Some((hour, minute, second, fraction * 10i32.pow(9 - digits as u32)))
}

/// A number of `least` to `most` digits, at most 9.
fn take_digits(rest: &mut &[u8], least: usize, most: usize) -> Option<i32> {
    let count = rest.iter().take(most).take_while(|byte| byte.is_ascii_digit()).count();
    let (digits, behind) = rest.split_at_checked(count).filter(|_| count >= least)?;
    *rest = behind;
    Some(digits.iter().fold(0, |number, digit| number * 10 + i32::from(digit - b'0')))
}

/// A byte that is one of these; nothing is taken otherwise.
fn take_byte(rest: &mut &[u8], one_of: &[u8]) -> Option<()> {
    let (first, behind) = rest.split_first()?;
    if !one_of.contains(first) {
        return None;
    }
    *rest = behind;
    Some(())
}

#[cold]
fn malformed(text: &str, name: &str) -> Error {
    Error::new(ErrorKind::Data, format!("'{}' is no {name}", shown(text))).with_state("22018")
}

#[cold]
fn malformed_time(text: &str, name: &str) -> Error {
    malformed(text, name).with_state("22007")
}

#[cold]
fn out_of_range(text: &str, name: &str, state: &'static str) -> Error {
    Error::new(ErrorKind::Data, format!("out of the range of {name}: '{}'", shown(text))).with_state(state)
}

/// A text for an error: its first characters.
pub(super) fn shown(text: &str) -> String {
    const MOST: usize = 60;
    match text.char_indices().nth(MOST) {
        Some((end, _)) => format!("{}..", &text[..end]),
        None => text.to_owned(),
    }
}

impl FromStr for Timestamp {
    type Err = Error;

    /// Reads `2024-02-29 12:30:00.123456`; the time may be left out, and a `T` may stand for the space.
    fn from_str(text: &str) -> Result<Timestamp> {
        parse_timestamp(text)
    }
}

impl FromStr for Date {
    type Err = Error;

    /// Reads `2024-02-29`.
    fn from_str(text: &str) -> Result<Date> {
        parse_date(text)
    }
}
