//! Keys: values whose order as bytes is the order of the values.
//!
//! A key is a sequence of values, each a tag and a payload:
//!
//! | tag | value | payload |
//! |---|---|---|
//! | 0x02 | NULL | |
//! | 0x04, 0x05 | FALSE, TRUE | |
//! | 0x0C .. 0x1C | whole number: 0x14 is 0, 0x14 + n a positive one of n bytes, 0x14 - n a negative one | the n bytes, most significant first; of a negative one those of `number - 1` in two's complement |
//! | 0x21 | DOUBLE | 8 bytes, most significant first; a positive one with its first bit flipped, a negative one with all |
//! | 0x23 | DECIMAL | where its first digit stands, then its digits, two a byte: [`push_decimal`] |
//! | 0x30, 0x31 | text, bytes | the bytes with 00 as 01 01 and 01 as 01 02, then 00 |
//! | 0x40, 0x41 | TIMESTAMP, DATE | 8 and 4 bytes, most significant first, the first bit flipped |
//! | 0x50 | UUID | 16 bytes |
//!
//! 1. Stored; never renumber. Tags stand in the order of `types::order`; 0x00, 0x01 and 0xFF are none.
//! 2. No value's bytes begin another's. So keys that begin with the same values are those that begin with the same bytes, and [`next_prefix`] ends their range.
//! 3. Equal values of one type have equal bytes: 1.10 and 1.1 too. Numbers of different kinds do not compare as bytes; [`push_hashable`] makes those that are equal equal.
//!
//! The whole numbers are those of FoundationDB's tuple layer (design/tuple.md there). Its text ends with 00 and writes 00 as 00 FF, so that a text's bytes begin those of a
//! longer one; that would break rule 2.

use std::borrow::Cow;
use std::ffi::CStr;

use crate::encode::damaged;
use crate::error::Result;
use crate::types::{DataType, Date, Decimal, Timestamp, Uuid, Value, exact_decimal};

const NULL: u8 = 0x02;
const FALSE: u8 = 0x04;
const TRUE: u8 = 0x05;
/// Whole numbers: zero, and eight tags on each side of it.
const ZERO: u8 = 0x14;
const INT_FIRST: u8 = ZERO - 8;
const INT_LAST: u8 = ZERO + 8;
const DOUBLE: u8 = 0x21;
const DECIMAL: u8 = 0x23;
const TEXT: u8 = 0x30;
const BLOB: u8 = 0x31;
const TIMESTAMP: u8 = 0x40;
const DATE: u8 = 0x41;
const UUID: u8 = 0x50;

/// Ends text and bytes; within them it is `ESCAPE 01`, and ESCAPE itself `ESCAPE 02`.
const END: u8 = 0;
const ESCAPE: u8 = 0x01;

/// Adds a value to a key.
#[inline]
pub(crate) fn push(key: &mut Vec<u8>, value: &Value<'_>) {
    match value {
        Value::Int(number) => push_int(key, *number),
        Value::Text(text) => push_bytes(key, TEXT, text.as_bytes()),
        _ => push_others(key, value),
    }
}

/// Adds a value to a key that is compared for equality only: equal values of one class have equal bytes, numbers of all kinds and dates with timestamps too.
pub(crate) fn push_hashable(key: &mut Vec<u8>, value: &Value<'_>) {
    match value {
        Value::Double(number) => match exact_decimal(*number) {
            Some(decimal) => push_hashable_decimal(key, decimal),
            None => push_others(key, value),
        },
        Value::Decimal(decimal) => push_hashable_decimal(key, *decimal),
        Value::Date(date) => push_others(key, &Value::Timestamp(Timestamp::midnight(*date))),
        _ => push(key, value),
    }
}

/// As a whole number if it is one.
fn push_hashable_decimal(key: &mut Vec<u8>, decimal: Decimal) {
    let (mantissa, one) = (decimal.mantissa(), 10i128.pow(decimal.scale()));
    match i64::try_from(mantissa / one) {
        Ok(whole) if mantissa % one == 0 => push_int(key, whole),
        _ => push_decimal(key, decimal),
    }
}

fn push_others(key: &mut Vec<u8>, value: &Value<'_>) {
    match value {
        Value::Null => key.push(NULL),
        Value::Bool(truth) => key.push(if *truth { TRUE } else { FALSE }),
        Value::Int(number) => push_int(key, *number),
        Value::Double(number) => push_double(key, *number),
        Value::Decimal(number) => push_decimal(key, *number),
        Value::Text(text) => push_bytes(key, TEXT, text.as_bytes()),
        Value::Blob(bytes) => push_bytes(key, BLOB, bytes),
        Value::Timestamp(time) => {
            key.push(TIMESTAMP);
            key.extend_from_slice(&(time.0 as u64 ^ 1 << 63).to_be_bytes());
        }
        Value::Date(date) => {
            key.push(DATE);
            key.extend_from_slice(&(date.0 as u32 ^ 1 << 31).to_be_bytes());
        }
        Value::Uuid(id) => {
            key.push(UUID);
            key.extend_from_slice(id.as_bytes());
        }
    }
}

#[inline]
fn push_int(key: &mut Vec<u8>, number: i64) {
    // 0 to 8 bytes hold the magnitude.
    let width = 8 - number.unsigned_abs().leading_zeros() / 8;
    let (tag, digits) = if number >= 0 { (ZERO + width as u8, number) } else { (ZERO - width as u8, number.wrapping_sub(1)) };
    // Written at their full length, which takes one store, and cut: the bytes that count come first. Nothing of a 0 counts.
    let shifted = (digits as u64).unbounded_shl(64 - 8 * width).to_be_bytes();
    let length = key.len() + 1 + width as usize;
    key.push(tag);
    key.extend_from_slice(&shifted);
    key.truncate(length);
}

fn push_double(key: &mut Vec<u8>, number: f64) {
    // -0.0 equals 0.0.
    let bits = (number + 0.0).to_bits();
    let flip = if bits >> 63 == 1 { u64::MAX } else { 1 << 63 };
    key.push(DOUBLE);
    key.extend_from_slice(&(bits ^ flip).to_be_bytes());
}

#[inline]
fn push_bytes(key: &mut Vec<u8>, tag: u8, bytes: &[u8]) {
    key.push(tag);
    // All bytes are looked at, without a branch for each.
    if !bytes.iter().fold(false, |found, byte| found | (*byte <= ESCAPE)) {
        key.extend_from_slice(bytes);
    } else {
        for byte in bytes {
            match *byte {
                END => key.extend_from_slice(&[ESCAPE, 1]),
                ESCAPE => key.extend_from_slice(&[ESCAPE, 2]),
                other => key.push(other),
            }
        }
    }
    key.push(END);
}

/// A decimal number is written as 0.d1d2d3.. * 10^point with d1 not 0, its last digit not 0 either.
///
/// First a byte `0x80 + 64 + point` (0x80 alone for zero), then pairs of digits, the last one filled with a 0: a pair p is 2p + 1, and 2p if it is the last. All these
/// bytes are complemented in a negative number. The manner of pairs is that of SQLite4's keys.
fn push_decimal(key: &mut Vec<u8>, decimal: Decimal) {
    key.push(DECIMAL);
    let mut digits = decimal.mantissa().unsigned_abs();
    if digits == 0 {
        key.push(POINT);
        return;
    }
    let count = digits.ilog10() + 1;
    let point = count as i32 - decimal.scale() as i32;
    // 30 digits, so that the first pair begins with the first digit: below 2^100.
    digits *= 10u128.pow(DIGITS - count);
    let mut pairs = [0u8; DIGITS as usize / 2];
    for pair in pairs.iter_mut().rev() {
        *pair = (digits % 100) as u8 * 2 + 1;
        digits /= 100;
    }
    let last = pairs.iter().rposition(|pair| *pair != 1).unwrap_or(0);
    pairs[last] -= 1;
    let flip = if decimal.is_sign_negative() { 0xFF } else { 0 };
    // 28 digits behind the point and 29 before it: the sum lies in 0x80 + 37 ..= 0x80 + 93.
    key.push((i32::from(POINT) + POINT_BIAS + point) as u8 ^ flip);
    key.extend(pairs[..=last].iter().map(|pair| pair ^ flip));
}

const POINT: u8 = 0x80;
const POINT_BIAS: i32 = 64;
/// More than the 29 of any number, and even.
const DIGITS: u32 = 30;

/// Takes the first value of a key off; decimals get the scale of their column's type. `Unknown` takes whatever stands there.
///
/// # Errors
/// `Store` if that is no value of the type.
#[inline]
pub(crate) fn take<'k>(key: &mut &'k [u8], data_type: &DataType) -> Result<Value<'k>> {
    let (tag, payload, rest) = split(key)?;
    let value = match tag {
        NULL => Value::Null,
        FALSE => Value::Bool(false),
        TRUE => Value::Bool(true),
        INT_FIRST..=INT_LAST => Value::Int(read_int(tag, payload)?),
        DOUBLE => read_double(payload)?,
        DECIMAL => read_decimal(payload, data_type)?,
        TEXT => read_text(payload)?,
        BLOB => Value::Blob(unescape(payload)?),
        TIMESTAMP => Value::Timestamp(Timestamp((u64::from_be_bytes(sized(payload)?) ^ 1 << 63) as i64)),
        DATE => Value::Date(Date((u32::from_be_bytes(sized(payload)?) ^ 1 << 31) as i32)),
        UUID => Value::Uuid(Uuid::from_bytes(sized(payload)?)),
        _ => return Err(damaged("damaged key: no value has this tag")),
    };
    if !value.is_of(data_type) {
        return Err(damaged("damaged key: a value of another type than its column's"));
    }
    *key = rest;
    Ok(value)
}

/// Takes the first value of a key off if it is a whole number; else the key stays as it is, and [`take`] says what stands there.
#[inline]
pub(crate) fn take_int(key: &mut &[u8]) -> Option<i64> {
    let (tag, behind) = key.split_first()?;
    let width = usize::from(tag.abs_diff(ZERO));
    if width > 8 {
        return None;
    }
    let (payload, rest) = behind.split_at_checked(width)?;
    let number = read_int(*tag, payload).ok()?;
    *key = rest;
    Some(number)
}

/// Steps over the first value of a key.
///
/// # Errors
/// `Store` if no value begins there.
#[inline]
pub(crate) fn skip(key: &mut &[u8]) -> Result<()> {
    let (_, _, rest) = split(key)?;
    *key = rest;
    Ok(())
}

/// The first key behind all those that begin with these bytes; none if there is no such key, because they are all 0xFF or none.
pub(crate) fn next_prefix(prefix: &[u8]) -> Option<Vec<u8>> {
    let last = prefix.iter().rposition(|byte| *byte != 0xFF)?;
    let mut next = prefix[..=last].to_vec();
    next[last] += 1;
    Some(next)
}

/// Tag and payload of the first value, and what follows it. The end of text and bytes belongs to neither.
#[inline]
fn split(key: &[u8]) -> Result<(u8, &[u8], &[u8])> {
    let (tag, behind) = key.split_first().ok_or_else(|| damaged("damaged key: it ends too early"))?;
    let (width, end) = match *tag {
        NULL | FALSE | TRUE => (Some(0), 0),
        INT_FIRST..=INT_LAST => (Some(usize::from(tag.abs_diff(ZERO))), 0),
        DOUBLE | TIMESTAMP => (Some(8), 0),
        DATE => (Some(4), 0),
        UUID => (Some(16), 0),
        // The standard library's search for a zero, which is faster than a loop over bytes.
        TEXT | BLOB => (CStr::from_bytes_until_nul(behind).ok().map(CStr::count_bytes), 1),
        DECIMAL => (decimal_width(behind), 0),
        _ => return Err(damaged("damaged key: no value has this tag")),
    };
    let parts = width.and_then(|width| Some((behind.get(..width)?, behind.get(width + end..)?)));
    let (payload, rest) = parts.ok_or_else(|| damaged("damaged key: it ends too early"))?;
    Ok((*tag, payload, rest))
}

fn sized<const N: usize>(payload: &[u8]) -> Result<[u8; N]> {
    payload.try_into().map_err(|_| damaged("damaged key: it ends too early"))
}

#[inline]
fn read_int(tag: u8, payload: &[u8]) -> Result<i64> {
    let negative = tag < ZERO;
    // Few bytes: shifting them in costs less than a copy of a length that is not known.
    let digits = payload.iter().fold(if negative { u64::MAX } else { 0 }, |digits, byte| digits << 8 | u64::from(*byte));
    let number = digits as i64;
    let number = if negative { number.wrapping_add(1) } else { number };
    // A number has one form only: of minimal length, and its sign is the tag's.
    let width = 8 - (number.unsigned_abs().leading_zeros() / 8) as usize;
    if width != payload.len() || (number < 0) != negative {
        return Err(damaged("damaged key: a whole number is not in its shortest form"));
    }
    Ok(number)
}

fn read_double<'k>(payload: &[u8]) -> Result<Value<'k>> {
    let bits = u64::from_be_bytes(sized(payload)?);
    let number = f64::from_bits(if bits >> 63 == 1 { bits ^ 1 << 63 } else { !bits });
    if !number.is_finite() || (number == 0.0 && number.is_sign_negative()) {
        return Err(damaged("damaged key: a DOUBLE is out of range"));
    }
    Ok(Value::Double(number))
}

/// Bytes of a decimal number: up to its last pair, which alone is even (odd in a negative number).
fn decimal_width(payload: &[u8]) -> Option<usize> {
    let (first, pairs) = payload.split_first()?;
    if *first == POINT {
        return Some(1);
    }
    let last_is_odd = *first < POINT;
    let last = pairs.iter().position(|pair| (pair & 1 == 1) == last_is_odd)?;
    Some(last + 2)
}

fn read_decimal<'k>(payload: &[u8], data_type: &DataType) -> Result<Value<'k>> {
    let error = || damaged("damaged key: a DECIMAL is not in its form");
    let least_scale = if let DataType::Decimal { scale, .. } = data_type { u32::from(*scale) } else { 0 };
    let (first, pairs) = payload.split_first().ok_or_else(error)?;
    let (mut mantissa, mut scale) = (0i128, 0i32);
    if *first != POINT {
        let flip = if *first < POINT { 0xFF } else { 0 };
        if pairs.len() > DIGITS as usize / 2 {
            return Err(error());
        }
        for pair in pairs {
            mantissa = mantissa * 100 + i128::from((pair ^ flip) >> 1);
        }
        let point = i32::from(first ^ flip) - i32::from(POINT) - POINT_BIAS;
        scale = 2 * pairs.len() as i32 - point;
        if flip != 0 {
            mantissa = -mantissa;
        }
    }
    // Zeros at the end: as many as the column's scale asks for, and no digit behind the point that is none.
    while scale > least_scale as i32 && mantissa % 10 == 0 {
        mantissa /= 10;
        scale -= 1;
    }
    let missing = (least_scale as i32).saturating_sub(scale).max(0);
    let mantissa = 10i128.checked_pow(missing.unsigned_abs()).and_then(|power| mantissa.checked_mul(power)).ok_or_else(error)?;
    let scale = u32::try_from(scale + missing).map_err(|_| error())?;
    let decimal = Decimal::try_from_i128_with_scale(mantissa, scale).map_err(|_| error())?;
    let mut again = Vec::with_capacity(2 + DIGITS as usize / 2);
    push_decimal(&mut again, decimal);
    // Each number has one form: pairs above 99, zeros at an end and the like are found by writing it again.
    if again[1..] == *payload { Ok(Value::Decimal(decimal)) } else { Err(error()) }
}

fn read_text(payload: &[u8]) -> Result<Value<'_>> {
    let error = |_| damaged("damaged key: a text is not UTF-8");
    Ok(Value::Text(match unescape(payload)? {
        Cow::Borrowed(bytes) => Cow::Borrowed(std::str::from_utf8(bytes).map_err(error)?),
        Cow::Owned(bytes) => Cow::Owned(String::from_utf8(bytes).map_err(|failed| error(failed.utf8_error()))?),
    }))
}

fn unescape(payload: &[u8]) -> Result<Cow<'_, [u8]>> {
    if !payload.contains(&ESCAPE) {
        return Ok(Cow::Borrowed(payload));
    }
    let mut bytes = Vec::with_capacity(payload.len());
    let mut rest = payload.iter();
    while let Some(byte) = rest.next() {
        bytes.push(match *byte {
            ESCAPE => match rest.next() {
                Some(1) => END,
                Some(2) => ESCAPE,
                _ => return Err(damaged("damaged key: a text has an unknown escape")),
            },
            other => other,
        });
    }
    Ok(Cow::Owned(bytes))
}
