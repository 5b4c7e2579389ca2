//! Rows: a header that says of each column what it is and how long, then the columns' bytes.
//!
//! ```text
//!   │ header length │ code │ code │ code + length │ ... │ column │ column │ ...
//!   └ LEB128         └────── header ─────────────────┘  └── in the order of the codes, each as long as its code says
//! ```
//!
//! | code | column | bytes of the column, least significant first |
//! |---|---|---|
//! | 0 | NULL | |
//! | 1, 2 | FALSE, TRUE | |
//! | 3, 4 | the whole numbers 0 and 1 | |
//! | 5 .. 8 | whole number | 1, 2, 4, 8 |
//! | 9 | DOUBLE | 8 |
//! | 10, 11 | TIMESTAMP, DATE | 8, 4 |
//! | 12 | UUID | 16, as it is written |
//! | 13 .. 17 | DECIMAL: its scale (with 0x80 for a negative number), then its digits as a whole number | 1 + 1, 2, 4, 8, 12 |
//! | 20, 21 | text, with 2 and 4 bytes of length behind the code | its UTF-8 |
//! | 22, 23 | bytes, likewise | they themselves |
//! | 32 .. 191 | text of 0 .. 159 bytes | its UTF-8 |
//! | 192 .. 255 | 0 .. 63 bytes | they themselves |
//!
//! 1. Stored; never renumber. Codes that are not named are refused.
//! 2. Where a column stands is the sum of the lengths before it, which the header alone says: no other column's bytes are looked at.
//! 3. A row that is older than a column ends before it. Nothing follows the last column.

use std::borrow::Cow;

use crate::encode::damaged;
use crate::error::{Error, Result};
use crate::types::{Date, Decimal, Timestamp, Uuid, Value};

const NULL: u8 = 0;
const FALSE: u8 = 1;
const TRUE: u8 = 2;
const INT_0: u8 = 3;
const INT_1: u8 = 4;
const INT_8: u8 = 5;
const INT_16: u8 = 6;
const INT_32: u8 = 7;
const INT_64: u8 = 8;
const DOUBLE: u8 = 9;
const TIMESTAMP: u8 = 10;
const DATE: u8 = 11;
const UUID: u8 = 12;
const DECIMAL_8: u8 = 13;
const DECIMAL_16: u8 = 14;
const DECIMAL_32: u8 = 15;
const DECIMAL_64: u8 = 16;
const DECIMAL_96: u8 = 17;
const TEXT_16: u8 = 20;
const TEXT_32: u8 = 21;
const BLOB_16: u8 = 22;
const BLOB_32: u8 = 23;
const TEXT: u8 = 32;
const BLOB: u8 = 192;
const SHORT_TEXT: usize = (BLOB - TEXT) as usize;
const SHORT_BLOB: usize = 256 - BLOB as usize;

/// Bytes of a column by its code. Beyond 250: not said by the code alone.
const WIDTHS: [u8; 256] = widths();
const LENGTH_16: u8 = 251;
const LENGTH_32: u8 = 252;
const UNKNOWN: u8 = 255;

const fn widths() -> [u8; 256] {
    let mut widths = [UNKNOWN; 256];
    let fixed = [0, 0, 0, 0, 0, 1, 2, 4, 8, 8, 8, 4, 16, 2, 3, 5, 9, 13];
    let mut code = 0;
    while code < 256 {
        if code < fixed.len() {
            widths[code] = fixed[code];
        } else if code >= BLOB as usize {
            widths[code] = code as u8 - BLOB;
        } else if code >= TEXT as usize {
            widths[code] = code as u8 - TEXT;
        }
        code += 1;
    }
    widths[TEXT_16 as usize] = LENGTH_16;
    widths[BLOB_16 as usize] = LENGTH_16;
    widths[TEXT_32 as usize] = LENGTH_32;
    widths[BLOB_32 as usize] = LENGTH_32;
    widths
}

/// Adds a row of these values to `out`. They are read twice.
///
/// Invariant of the caller: text and bytes are shorter than 4 GiB (the engine's limit for an entry).
pub(crate) fn encode<'a, 'v: 'a>(out: &mut Vec<u8>, values: impl Iterator<Item = &'a Value<'v>> + Clone) {
    let header_len: usize = values.clone().map(|value| header_width(value)).sum();
    let mut length = header_len;
    while length >= 0x80 {
        out.push(length as u8 | 0x80);
        length >>= 7;
    }
    out.push(length as u8);
    for value in values.clone() {
        push_code(out, value);
    }
    for value in values {
        push_column(out, value);
    }
}

/// Bytes that a value takes in the header.
fn header_width(value: &Value<'_>) -> usize {
    let length_width = |length: usize, short: usize| match length {
        length if length < short => 0,
        length if length <= usize::from(u16::MAX) => 2,
        _ => 4,
    };
    1 + match value {
        Value::Text(text) => length_width(text.len(), SHORT_TEXT),
        Value::Blob(bytes) => length_width(bytes.len(), SHORT_BLOB),
        _ => 0,
    }
}

fn push_code(out: &mut Vec<u8>, value: &Value<'_>) {
    match value {
        Value::Null => out.push(NULL),
        Value::Bool(truth) => out.push(if *truth { TRUE } else { FALSE }),
        Value::Int(number) => out.push(int_code(*number)),
        Value::Double(_) => out.push(DOUBLE),
        Value::Decimal(number) => out.push(decimal_code(number.mantissa().unsigned_abs())),
        Value::Text(text) => push_length(out, text.len(), (TEXT, SHORT_TEXT, TEXT_16, TEXT_32)),
        Value::Blob(bytes) => push_length(out, bytes.len(), (BLOB, SHORT_BLOB, BLOB_16, BLOB_32)),
        Value::Timestamp(_) => out.push(TIMESTAMP),
        Value::Date(_) => out.push(DATE),
        Value::Uuid(_) => out.push(UUID),
    }
}

fn push_length(out: &mut Vec<u8>, length: usize, (short_code, short, code_16, code_32): (u8, usize, u8, u8)) {
    if length < short {
        out.push(short_code + length as u8);
    } else if let Ok(length) = u16::try_from(length) {
        out.push(code_16);
        out.extend_from_slice(&length.to_le_bytes());
    } else {
        let length = u32::try_from(length).expect("values are shorter than 4 GiB");
        out.push(code_32);
        out.extend_from_slice(&length.to_le_bytes());
    }
}

#[inline]
fn int_code(number: i64) -> u8 {
    match number {
        0 => INT_0,
        1 => INT_1,
        _ if number as i8 as i64 == number => INT_8,
        _ if number as i16 as i64 == number => INT_16,
        _ if number as i32 as i64 == number => INT_32,
        _ => INT_64,
    }
}

fn decimal_code(magnitude: u128) -> u8 {
    match 128 - magnitude.leading_zeros() {
        0..=8 => DECIMAL_8,
        9..=16 => DECIMAL_16,
        17..=32 => DECIMAL_32,
        33..=64 => DECIMAL_64,
        _ => DECIMAL_96,
    }
}

fn push_column(out: &mut Vec<u8>, value: &Value<'_>) {
    match value {
        Value::Null | Value::Bool(_) => {}
        Value::Int(number) => {
            let width = usize::from(WIDTHS[usize::from(int_code(*number))]);
            out.extend_from_slice(&number.to_le_bytes()[..width]);
        }
        // -0.0 is stored as 0.0.
        Value::Double(number) => out.extend_from_slice(&(number + 0.0).to_le_bytes()),
        Value::Decimal(number) => {
            let magnitude = number.mantissa().unsigned_abs();
            let width = usize::from(WIDTHS[usize::from(decimal_code(magnitude))]);
            out.push(number.scale() as u8 | if number.is_sign_negative() { 0x80 } else { 0 });
            out.extend_from_slice(&magnitude.to_le_bytes()[..width - 1]);
        }
        Value::Text(text) => out.extend_from_slice(text.as_bytes()),
        Value::Blob(bytes) => out.extend_from_slice(bytes),
        Value::Timestamp(time) => out.extend_from_slice(&time.0.to_le_bytes()),
        Value::Date(date) => out.extend_from_slice(&date.0.to_le_bytes()),
        Value::Uuid(id) => out.extend_from_slice(id.as_bytes()),
    }
}

/// The value of one column; none if the row is older than the column.
///
/// # Errors
/// `Store` if this is no row.
pub(crate) fn column(row: &[u8], at: usize) -> Result<Option<Value<'_>>> {
    let mut value = None;
    read(row, std::iter::once(at), |_, found| value = found)?;
    Ok(value)
}

/// Gives the values of the columns `wanted`, which ascend, each with its number in `wanted`; none for a column that the row is older than.
///
/// One pass over the header, no allocation: text and bytes are borrowed from the row.
///
/// # Errors
/// `Store` if this is no row; some columns may have been given then.
#[inline]
pub(crate) fn read<'r>(
    row: &'r [u8],
    wanted: impl Iterator<Item = usize>,
    mut put: impl FnMut(usize, Option<Value<'r>>),
) -> Result<()> {
    let (mut header, body) = parts(row)?;
    // The next column and where its bytes begin.
    let (mut at, mut offset) = (0, 0usize);
    for (number, wanted) in wanted.enumerate() {
        let value = loop {
            let Some((code, width)) = take_code(&mut header)? else { break None };
            let start = offset;
            offset = offset.saturating_add(width);
            at += 1;
            if at > wanted {
                let bytes = body.get(start..offset).ok_or_else(too_short)?;
                break Some(value(code, bytes)?);
            }
        };
        put(number, value);
    }
    Ok(())
}

/// Header and columns.
#[inline]
fn parts(row: &[u8]) -> Result<(&[u8], &[u8])> {
    match row.split_first() {
        Some((len, rest)) if *len < 0x80 => rest.split_at_checked(usize::from(*len)).ok_or_else(too_short),
        _ => long_parts(row),
    }
}

/// As `parts`, of a row whose header has 128 bytes or more.
fn long_parts(row: &[u8]) -> Result<(&[u8], &[u8])> {
    let mut header_len = 0usize;
    for (at, byte) in row.iter().take(4).enumerate() {
        header_len |= usize::from(byte & 0x7F) << (7 * at);
        if *byte < 0x80 {
            return row[at + 1..].split_at_checked(header_len).ok_or_else(too_short);
        }
    }
    Err(too_short())
}

/// The next code of a header and how many bytes its column has; none at the header's end.
#[inline]
fn take_code(header: &mut &[u8]) -> Result<Option<(u8, usize)>> {
    let Some((code, rest)) = header.split_first() else { return Ok(None) };
    *header = rest;
    let width = WIDTHS[usize::from(*code)];
    if width < LENGTH_16 {
        return Ok(Some((*code, usize::from(width))));
    }
    Ok(Some((*code, take_length(header, width)?)))
}

/// The length that stands behind a code in the header.
fn take_length(header: &mut &[u8], width: u8) -> Result<usize> {
    let taken = match width {
        LENGTH_16 => header.split_first_chunk::<2>().map(|(length, rest)| (usize::from(u16::from_le_bytes(*length)), rest)),
        LENGTH_32 => header.split_first_chunk::<4>().map(|(length, rest)| (u32::from_le_bytes(*length) as usize, rest)),
        _ => return Err(damaged("damaged row: a column has an unknown code")),
    };
    let (length, rest) = taken.ok_or_else(too_short)?;
    *header = rest;
    Ok(length)
}

#[inline]
fn value(code: u8, bytes: &[u8]) -> Result<Value<'_>> {
    Ok(match code {
        TEXT..BLOB | TEXT_16 | TEXT_32 => match std::str::from_utf8(bytes) {
            Ok(text) => Value::Text(Cow::Borrowed(text)),
            Err(_) => return Err(damaged("damaged row: a text is not UTF-8")),
        },
        INT_0 => Value::Int(0),
        INT_1 => Value::Int(1),
        INT_8 => Value::Int(i64::from(i8::from_le_bytes(sized(bytes)?))),
        INT_16 => Value::Int(i64::from(i16::from_le_bytes(sized(bytes)?))),
        INT_32 => Value::Int(i64::from(i32::from_le_bytes(sized(bytes)?))),
        INT_64 => Value::Int(i64::from_le_bytes(sized(bytes)?)),
        NULL => Value::Null,
        FALSE => Value::Bool(false),
        TRUE => Value::Bool(true),
        TIMESTAMP => Value::Timestamp(Timestamp(i64::from_le_bytes(sized(bytes)?))),
        DATE => Value::Date(Date(i32::from_le_bytes(sized(bytes)?))),
        UUID => Value::Uuid(Uuid::from_bytes(sized(bytes)?)),
        BLOB.. | BLOB_16 | BLOB_32 => Value::Blob(Cow::Borrowed(bytes)),
        DOUBLE => double(f64::from_le_bytes(sized(bytes)?))?,
        DECIMAL_8..=DECIMAL_96 => decimal(bytes)?,
        _ => return Err(damaged("damaged row: a column has an unknown code")),
    })
}

#[inline]
fn sized<const N: usize>(bytes: &[u8]) -> Result<[u8; N]> {
    bytes.try_into().map_err(|_| too_short())
}

#[inline]
fn double<'r>(number: f64) -> Result<Value<'r>> {
    if number.is_finite() { Ok(Value::Double(number)) } else { Err(damaged("damaged row: a DOUBLE is out of range")) }
}

fn decimal<'r>(bytes: &[u8]) -> Result<Value<'r>> {
    let (scale, digits) = bytes.split_first().ok_or_else(too_short)?;
    let mut magnitude = [0; 16];
    magnitude.get_mut(..digits.len()).ok_or_else(too_short)?.copy_from_slice(digits);
    // 12 bytes at most, so that it is positive.
    let magnitude = i128::from_le_bytes(magnitude);
    let mantissa = if scale & 0x80 == 0 { magnitude } else { -magnitude };
    match Decimal::try_from_i128_with_scale(mantissa, u32::from(scale & 0x7F)) {
        Ok(number) => Ok(Value::Decimal(number)),
        Err(_) => Err(damaged("damaged row: a DECIMAL is out of range")),
    }
}

#[cold]
fn too_short() -> Error {
    damaged("damaged row: it ends too early")
}
