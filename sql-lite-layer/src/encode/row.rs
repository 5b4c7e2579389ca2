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
    let start = out.len();
    // The header's length, which is known when it stands; one byte is enough for most.
    out.push(0);
    for value in values.clone() {
        push_code(out, value);
    }
    let length = out.len() - start - 1;
    if length < 0x80 {
        out[start] = length as u8;
    } else {
        out.splice(start..=start, leb128(length));
    }
    for value in values {
        push_column(out, value);
    }
}

/// The bytes of a number, seven bits each, the last one below 0x80.
fn leb128(number: usize) -> impl Iterator<Item = u8> {
    std::iter::successors(Some(number), |rest| Some(rest >> 7).filter(|rest| *rest > 0))
        .map(|rest| if rest >= 0x80 { rest as u8 | 0x80 } else { rest as u8 })
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
            // Written at its full length, which takes one store, and cut.
            let length = out.len() + usize::from(WIDTHS[usize::from(int_code(*number))]);
            out.extend_from_slice(&number.to_le_bytes());
            out.truncate(length);
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
/// One pass over the header, no allocation: text and bytes are borrowed from the row. Where the values go to places of a slice, [`fill`] is twice as fast.
///
/// # Errors
/// `Store` if this is no row; some columns may have been given then.
#[inline]
pub(crate) fn read<'r>(
    row: &'r [u8],
    wanted: impl Iterator<Item = usize>,
    mut put: impl FnMut(usize, Option<Value<'r>>),
) -> Result<()> {
    let mut columns = Columns::of(row)?;
    for (number, wanted) in wanted.enumerate() {
        let mut value = Value::Null;
        let there = columns.read(wanted, &mut value)?;
        put(number, there.then_some(value));
    }
    Ok(())
}

/// Puts values into places of a frame: `wanted` are columns, which ascend, each with its place. The result is how many of them the row has; it is older than the others,
/// which leave their places as they are.
///
/// One pass over the header, no allocation: text and bytes are borrowed from the row. Values are made in their places: a value that is handed on is written in pieces and read
/// again at once as a whole, and the processor waits for that longer than all the rest takes.
///
/// # Errors
/// `Store` if this is no row; some places may have been changed then.
///
/// # Panics
/// If a place is not in the frame.
#[inline]
pub(crate) fn fill<'r>(row: &'r [u8], wanted: impl Iterator<Item = (usize, usize)>, frame: &mut [Value<'r>]) -> Result<usize> {
    let mut columns = Columns::of(row)?;
    let mut there = 0;
    for (wanted, place) in wanted {
        if !columns.read(wanted, &mut frame[place])? {
            break;
        }
        there += 1;
    }
    Ok(there)
}

/// What is left of a row while it is read: a reader that reads some columns, and the ones behind them when it is known that they are needed.
#[derive(Clone, Copy)]
pub(crate) struct Columns<'r> {
    row: &'r [u8],
    header: &'r [u8],
    /// The column that the header goes on with, and where its bytes begin in the row.
    at: usize,
    offset: usize,
}

impl<'r> Columns<'r> {
    /// All columns of a row.
    ///
    /// # Errors
    /// `Store` if this is no row.
    #[inline(always)]
    pub(crate) fn of(row: &'r [u8]) -> Result<Columns<'r>> {
        match row.split_first() {
            Some((len, rest)) if *len < 0x80 && usize::from(*len) <= rest.len() => {
                let len = usize::from(*len);
                Ok(Columns { row, header: &rest[..len], at: 0, offset: len + 1 })
            }
            _ => {
                let (header, body) = long_header(row)?;
                Ok(Columns { row, header, at: 0, offset: row.len() - body.len() })
            }
        }
    }

    /// Reads a column behind those read before into its place; false if the row is older than it, and the place is as it was.
    ///
    /// # Errors
    /// `Store` if this is no row.
    // Inlined, so that what is left of the row stands in registers.
    #[inline(always)]
    pub(crate) fn read(&mut self, wanted: usize, value: &mut Value<'r>) -> Result<bool> {
        let Some((code, end)) = self.go_to(wanted)? else { return Ok(false) };
        let start = std::mem::replace(&mut self.offset, end);
        if let INT_0..=INT_64 = code {
            let number = int(self.row, code, end);
            match value {
                Value::Int(old) => *old = number,
                _ => *value = Value::Int(number),
            }
            return Ok(true);
        }
        let bytes = &self.row[start..end];
        // What stood there before is dropped here once, and not in each of the arms.
        *value = Value::Null;
        match code {
            TEXT..BLOB | TEXT_16 | TEXT_32 => *value = Value::Text(Cow::Borrowed(text(bytes)?)),
            NULL => {}
            FALSE | TRUE => *value = Value::Bool(code == TRUE),
            TIMESTAMP => *value = Value::Timestamp(Timestamp(i64::from_le_bytes(sized(bytes)?))),
            DOUBLE => *value = Value::Double(double(bytes)?),
            _ => rare(code, bytes, value)?,
        }
        Ok(true)
    }

    /// What a column behind those read before is, without making a value of it; none if the row is older than it.
    ///
    /// # Errors
    /// `Store` if this is no row.
    #[inline(always)]
    pub(crate) fn look(&mut self, wanted: usize) -> Result<Option<Looked<'r>>> {
        let Some((code, end)) = self.go_to(wanted)? else { return Ok(None) };
        let start = std::mem::replace(&mut self.offset, end);
        Ok(Some(match code {
            INT_0..=INT_64 => Looked::Int(int(self.row, code, end)),
            TEXT..BLOB | TEXT_16 | TEXT_32 => Looked::Text(&self.row[start..end]),
            NULL => Looked::Null,
            _ => Looked::Other,
        }))
    }

    /// Whether this column is still to come.
    #[inline(always)]
    pub(crate) fn is_before(&self, column: usize) -> bool {
        self.at <= column
    }

    /// Passes the columns before this one, and takes its code off the header: the code, and where its bytes end, which lies in the row.
    #[inline(always)]
    fn go_to(&mut self, wanted: usize) -> Result<Option<(u8, usize)>> {
        if self.at < wanted && !self.skip(wanted)? {
            return Ok(None);
        }
        if self.header.is_empty() {
            return Ok(None);
        }
        let (code, width) = take_code(&mut self.header)?;
        let end = self.offset + width;
        if end > self.row.len() {
            return Err(too_short());
        }
        self.at += 1;
        Ok(Some((code, end)))
    }

    /// Passes the columns before this one; false if the row is older than it.
    #[inline(always)]
    fn skip(&mut self, wanted: usize) -> Result<bool> {
        // Codes that say their column's length, as most do: their widths are added without a branch for each.
        if let Some((codes, rest)) = self.header.split_at_checked(wanted - self.at) {
            let (mut sum, mut bits) = (0_u32, 0);
            for code in codes {
                let width = WIDTHS[usize::from(*code)];
                // Fewer than 2^24 codes of less than 2^8.
                sum = sum.wrapping_add(u32::from(width));
                bits |= width;
            }
            // A width of LENGTH_16 or more makes all bits together as much; so may several long texts, which are then passed slowly.
            if bits < LENGTH_16 {
                (self.header, self.at) = (rest, wanted);
                self.offset += sum as usize;
                return Ok(true);
            }
        }
        self.skip_slowly(wanted)
    }

    #[inline(never)]
    fn skip_slowly(&mut self, wanted: usize) -> Result<bool> {
        while self.at < wanted && !self.header.is_empty() {
            let (_, width) = take_code(&mut self.header)?;
            // Widths below 2^32, and fewer of them than a row has bytes: far below 2^64.
            self.offset += width;
            self.at += 1;
        }
        Ok(self.at == wanted)
    }
}

/// A column of a stored row, as far as a test needs to know it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Looked<'r> {
    Null,
    Int(i64),
    /// Its bytes, which nobody has held against the rules of UTF-8 yet.
    Text(&'r [u8]),
    Other,
}

/// Header and columns of a row whose header has 128 bytes or more.
#[cold]
fn long_header(row: &[u8]) -> Result<(&[u8], &[u8])> {
    let mut header_len = 0usize;
    for (at, byte) in row.iter().take(4).enumerate() {
        header_len |= usize::from(byte & 0x7F) << (7 * at);
        if *byte < 0x80 {
            return row[at + 1..].split_at_checked(header_len).ok_or_else(too_short);
        }
    }
    Err(too_short())
}

/// The next code of a header that has one, and how many bytes its column has.
#[inline(always)]
fn take_code(header: &mut &[u8]) -> Result<(u8, usize)> {
    let (code, rest) = header.split_first().ok_or_else(too_short)?;
    *header = rest;
    let width = WIDTHS[usize::from(*code)];
    Ok((*code, if width < LENGTH_16 { usize::from(width) } else { take_length(header, width)? }))
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

#[inline(always)]
fn text(bytes: &[u8]) -> Result<&str> {
    std::str::from_utf8(bytes).map_err(|_| damaged("damaged row: a text is not UTF-8"))
}

/// The whole number whose bytes end there, which lies in the row.
#[inline(always)]
fn int(row: &[u8], code: u8, end: usize) -> i64 {
    let width = u32::from(WIDTHS[usize::from(code)]);
    if width == 0 {
        return i64::from(code == INT_1);
    }
    // The eight bytes that end with its last: of a shorter number its own are shifted down, with their sign.
    match row[..end].last_chunk::<8>() {
        Some(bytes) => i64::from_le_bytes(*bytes) >> (64 - 8 * width),
        None => {
            let digits = row[..end].iter().rev().take(width as usize).fold(0, |digits: u64, byte| digits << 8 | u64::from(*byte));
            (digits << (64 - 8 * width)) as i64 >> (64 - 8 * width)
        }
    }
}

#[inline(always)]
fn double(bytes: &[u8]) -> Result<f64> {
    let number = f64::from_le_bytes(sized(bytes)?);
    if number.is_finite() { Ok(number) } else { Err(damaged("damaged row: a DOUBLE is out of range")) }
}

/// The less frequent kinds.
fn rare<'r>(code: u8, bytes: &'r [u8], value: &mut Value<'r>) -> Result<()> {
    *value = match code {
        DATE => Value::Date(Date(i32::from_le_bytes(sized(bytes)?))),
        UUID => Value::Uuid(Uuid::from_bytes(sized(bytes)?)),
        BLOB.. | BLOB_16 | BLOB_32 => Value::Blob(Cow::Borrowed(bytes)),
        DECIMAL_8..=DECIMAL_96 => Value::Decimal(decimal(bytes)?),
        _ => return Err(damaged("damaged row: a column has an unknown code")),
    };
    Ok(())
}

#[inline(always)]
fn sized<const N: usize>(bytes: &[u8]) -> Result<[u8; N]> {
    bytes.try_into().map_err(|_| too_short())
}

fn decimal(bytes: &[u8]) -> Result<Decimal> {
    let (scale, digits) = bytes.split_first().ok_or_else(too_short)?;
    let mut magnitude = [0; 16];
    magnitude.get_mut(..digits.len()).ok_or_else(too_short)?.copy_from_slice(digits);
    // 12 bytes at most, so that it is positive.
    let magnitude = i128::from_le_bytes(magnitude);
    let mantissa = if scale & 0x80 == 0 { magnitude } else { -magnitude };
    Decimal::try_from_i128_with_scale(mantissa, u32::from(scale & 0x7F))
        .map_err(|_| damaged("damaged row: a DECIMAL is out of range"))
}

#[cold]
fn too_short() -> Error {
    damaged("damaged row: it ends too early")
}
