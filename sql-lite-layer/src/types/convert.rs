//! Conversion of values from type to type: on write, by CAST, and to compare.
//!
//! [`CONVERSIONS`] says what converts to what, [`convert`] how. docs/TYPES.md shows the same table to users; a test holds them together.

use std::borrow::Cow;

use super::number::{nearest_double, nearest_int_of_decimal, nearest_int_of_double, rescale, shortest_decimal};
use super::read::{parse_bool, parse_date, parse_decimal, parse_double, parse_int, parse_timestamp, parse_uuid, shown};
use super::{DataType, Decimal, IntWidth, Timestamp, Uuid, Value};
use crate::error::{Error, ErrorKind, Result};

/// Where a value is converted to another type.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Conversion {
    /// Nowhere.
    Never,
    /// By CAST only.
    Cast,
    /// By CAST, and by an INSERT or UPDATE that stores it.
    Write,
    /// Not at all: it is of that type already, but for its range, length or scale.
    Same,
}

/// Rows: from; columns: to; both in the order of [`kind`].
const CONVERSIONS: [[Conversion; 9]; 9] = {
    use Conversion::{Cast as C, Never as N, Same as S, Write as W};
    [
        // BOOLEAN INTEGER DOUBLE DECIMAL VARCHAR VARBINARY TIMESTAMP DATE UUID
        [S, W, W, W, W, N, N, N, N], // BOOLEAN
        [W, S, W, W, W, N, N, N, N], // INTEGER
        [C, W, S, W, W, N, N, N, N], // DOUBLE
        [C, W, W, S, W, N, N, N, N], // DECIMAL
        [W, W, W, W, S, C, W, W, W], // VARCHAR
        [N, N, N, N, C, S, N, N, C], // VARBINARY
        [N, N, N, N, W, N, S, W, N], // TIMESTAMP
        [N, N, N, N, W, N, W, S, N], // DATE
        [N, N, N, N, W, C, N, N, S], // UUID
    ]
};

/// A type's place in the table; none of `Unknown`.
fn kind(data_type: &DataType) -> Option<usize> {
    Some(match data_type {
        DataType::Unknown => return None,
        DataType::Boolean => 0,
        DataType::Integer(_) => 1,
        DataType::Double => 2,
        DataType::Decimal { .. } => 3,
        DataType::Text { .. } => 4,
        DataType::Blob { .. } => 5,
        DataType::Timestamp => 6,
        DataType::Date => 7,
        DataType::Uuid => 8,
    })
}

/// Where values of one type are converted to another. `Unknown` (NULL, or a parameter) is of every type.
pub(crate) fn conversion(from: &DataType, to: &DataType) -> Conversion {
    match (kind(from), kind(to)) {
        (Some(from), Some(to)) => CONVERSIONS[from][to],
        _ => Conversion::Same,
    }
}

/// The one type that values of both are converted to where they meet: in a comparison, a UNION, CASE or COALESCE. None: they do not fit each other.
///
/// Numbers need no conversion to be compared; the type is then that of a column which holds both.
pub(crate) fn common_type(left: &DataType, right: &DataType) -> Option<DataType> {
    use DataType::{Blob, Boolean, Date, Decimal, Double, Integer, Text, Timestamp, Unknown, Uuid};
    Some(match (*left, *right) {
        (one, other) if one == other => one,
        (Unknown, other) | (other, Unknown) => other,
        (Boolean, Integer(_)) | (Integer(_), Boolean) => Boolean,
        (Integer(one), Integer(other)) => Integer(one.max(other)),
        (Double, other) | (other, Double) if other.is_numeric() => Double,
        (Decimal { precision, scale }, Integer(width)) | (Integer(width), Decimal { precision, scale }) => {
            widest((precision, scale), (digits(width), 0))
        }
        (Decimal { precision, scale }, Decimal { precision: other_precision, scale: other_scale }) => {
            widest((precision, scale), (other_precision, other_scale))
        }
        (Text { max }, Text { max: other }) => Text { max: max.zip(other).map(|(one, other)| one.max(other)) },
        (Blob { max }, Blob { max: other }) => Blob { max: max.zip(other).map(|(one, other)| one.max(other)) },
        (Date, Timestamp) | (Timestamp, Date) => Timestamp,
        (Text { .. }, other @ (Timestamp | Date | Uuid)) | (other @ (Timestamp | Date | Uuid), Text { .. }) => other,
        _ => return None,
    })
}

/// The DECIMAL that holds the digits of both, 28 at most.
fn widest((precision, scale): (u8, u8), (other_precision, other_scale): (u8, u8)) -> DataType {
    let scale_of_both = scale.max(other_scale);
    let whole = precision.saturating_sub(scale).max(other_precision.saturating_sub(other_scale));
    DataType::Decimal { precision: (whole + scale_of_both).clamp(1, 28), scale: scale_of_both }
}

/// Digits of the largest number.
fn digits(width: IntWidth) -> u8 {
    match width {
        IntWidth::Tiny => 3,
        IntWidth::Small => 5,
        IntWidth::Int => 10,
        IntWidth::Big => 19,
    }
}

/// `CAST(value AS to)`. Text and bytes that are too long are cut; fractions that have no room are rounded, halves away from zero.
///
/// # Errors
/// `Data`: 22018, 22007 for text that is none of the type, 22003, 22008 for what is out of its range. `Type` (42846): there is no such conversion.
pub(crate) fn cast<'v>(value: Value<'v>, to: &DataType) -> Result<Value<'v>> {
    match convert(value, to, Conversion::Cast)? {
        Value::Text(text) => Ok(Value::Text(match *to {
            DataType::Text { max: Some(max) } => cut_text(text, max),
            _ => text,
        })),
        Value::Blob(bytes) => Ok(Value::Blob(match *to {
            DataType::Blob { max: Some(max) } if bytes.len() > max as usize => match bytes {
                Cow::Borrowed(bytes) => Cow::Borrowed(&bytes[..max as usize]),
                Cow::Owned(mut bytes) => {
                    bytes.truncate(max as usize);
                    Cow::Owned(bytes)
                }
            },
            _ => bytes,
        })),
        other => Ok(other),
    }
}

/// The value as a column of this type stores it. Fractions that have no room are rounded as by `cast`; nothing is cut.
///
/// # Errors
/// As of `cast`; and `Data` (22001) if it is too long, `Type` (42804) if the conversion takes a CAST. All name the column.
#[inline]
pub(crate) fn assign<'v>(value: Value<'v>, to: &DataType, column: &str) -> Result<Value<'v>> {
    match (&value, to) {
        (Value::Int(_), DataType::Integer(IntWidth::Big)) | (Value::Text(_), DataType::Text { max: None }) => Ok(value),
        (Value::Null, _) | (Value::Timestamp(_), DataType::Timestamp) => Ok(value),
        (Value::Int(number), DataType::Integer(IntWidth::Int)) if i32::try_from(*number).is_ok() => Ok(value),
        // A text has no more characters than bytes.
        (Value::Text(text), DataType::Text { max: Some(max) }) if text.len() <= *max as usize => Ok(value),
        _ => store(value, to).map_err(|error| in_column(&error, column)),
    }
}

fn store<'v>(value: Value<'v>, to: &DataType) -> Result<Value<'v>> {
    let value = convert(value, to, Conversion::Write)?;
    let (length, max, unit) = match (&value, *to) {
        (Value::Text(text), DataType::Text { max: Some(max) }) => (text.chars().count(), max, "characters"),
        (Value::Blob(bytes), DataType::Blob { max: Some(max) }) => (bytes.len(), max, "bytes"),
        _ => return Ok(value),
    };
    if length <= max as usize {
        return Ok(value);
    }
    Err(Error::new(ErrorKind::Data, format!("too long for {to}, with {length} {unit}")).with_state("22001"))
}

#[cold]
fn in_column(error: &Error, column: &str) -> Error {
    Error::new(error.kind(), format!("column {column}: {}", error.message())).with_state(error.sqlstate())
}

/// The value as one of `to`, where `by` is allowed. Lengths are not looked at.
fn convert<'v>(value: Value<'v>, to: &DataType, by: Conversion) -> Result<Value<'v>> {
    match value {
        Value::Null => Ok(Value::Null),
        other if *to == DataType::Unknown => Ok(other),
        Value::Bool(truth) => of_bool(truth, to),
        Value::Int(number) => of_int(number, to, by),
        Value::Double(number) => of_double(number, to, by),
        Value::Decimal(number) => of_decimal(number, to, by),
        Value::Text(text) => of_text(text, to, by),
        Value::Blob(bytes) => of_bytes(bytes, to, by),
        Value::Timestamp(time) => match to {
            DataType::Timestamp => Ok(Value::Timestamp(time)),
            DataType::Date => Ok(Value::Date(time.date())),
            _ => as_text(&Value::Timestamp(time), to),
        },
        Value::Date(date) => match to {
            DataType::Date => Ok(Value::Date(date)),
            DataType::Timestamp => Ok(Value::Timestamp(Timestamp::midnight(date))),
            _ => as_text(&Value::Date(date), to),
        },
        Value::Uuid(id) => match to {
            DataType::Uuid => Ok(Value::Uuid(id)),
            DataType::Blob { .. } if by == Conversion::Cast => Ok(Value::Blob(Cow::Owned(id.as_bytes().to_vec()))),
            _ => as_text(&Value::Uuid(id), to),
        },
    }
}

/// As text, which all but bytes convert to; everything else is refused.
fn as_text(value: &Value<'_>, to: &DataType) -> Result<Value<'static>> {
    match to {
        DataType::Text { .. } => Ok(Value::Text(Cow::Owned(value.to_string()))),
        _ => Err(refused(value, to)),
    }
}

fn of_bool<'v>(truth: bool, to: &DataType) -> Result<Value<'v>> {
    match to {
        DataType::Boolean => Ok(Value::Bool(truth)),
        DataType::Integer(_) => Ok(Value::Int(i64::from(truth))),
        DataType::Double => Ok(Value::Double(f64::from(u8::from(truth)))),
        DataType::Decimal { precision, scale } => {
            to_decimal(Some(Decimal::from(u8::from(truth))), (*precision, *scale), &truth, to)
        }
        _ => as_text(&Value::Bool(truth), to),
    }
}

fn of_int<'v>(number: i64, to: &DataType, by: Conversion) -> Result<Value<'v>> {
    match to {
        // What a column stores is one of the two; CAST asks whether a number is anything but 0.
        DataType::Boolean if by == Conversion::Cast || (0..=1).contains(&number) => Ok(Value::Bool(number != 0)),
        DataType::Boolean => Err(out_of_range(&number, to)),
        DataType::Integer(width) => to_int(Some(number), *width, &number, to),
        DataType::Double => Ok(Value::Double(number as f64)),
        DataType::Decimal { precision, scale } => to_decimal(Some(Decimal::from(number)), (*precision, *scale), &number, to),
        _ => as_text(&Value::Int(number), to),
    }
}

fn of_double<'v>(number: f64, to: &DataType, by: Conversion) -> Result<Value<'v>> {
    match to {
        DataType::Boolean if by == Conversion::Cast => Ok(Value::Bool(number != 0.0)),
        DataType::Integer(width) => to_int(nearest_int_of_double(number), *width, &Value::Double(number), to),
        // A parameter can be what SQL's numbers are not.
        DataType::Double => super::double(number),
        DataType::Decimal { precision, scale } => {
            to_decimal(shortest_decimal(number), (*precision, *scale), &Value::Double(number), to)
        }
        _ => as_text(&Value::Double(number), to),
    }
}

fn of_decimal<'v>(number: Decimal, to: &DataType, by: Conversion) -> Result<Value<'v>> {
    match to {
        DataType::Boolean if by == Conversion::Cast => Ok(Value::Bool(!number.is_zero())),
        DataType::Integer(width) => to_int(nearest_int_of_decimal(number), *width, &number, to),
        DataType::Double => Ok(Value::Double(nearest_double(number))),
        DataType::Decimal { precision, scale } => to_decimal(Some(number), (*precision, *scale), &number, to),
        _ => as_text(&Value::Decimal(number), to),
    }
}

fn of_text<'v>(text: Cow<'v, str>, to: &DataType, by: Conversion) -> Result<Value<'v>> {
    Ok(match to {
        DataType::Text { .. } => Value::Text(text),
        DataType::Boolean => Value::Bool(parse_bool(&text)?),
        DataType::Integer(width) => to_int(Some(parse_int(&text)?), *width, &text, to)?,
        DataType::Double => Value::Double(parse_double(&text)?),
        DataType::Decimal { precision, scale } => to_decimal(Some(parse_decimal(&text)?), (*precision, *scale), &text, to)?,
        DataType::Timestamp => Value::Timestamp(parse_timestamp(&text)?),
        // A timestamp's text is a day's too: its day.
        DataType::Date => Value::Date(parse_date(&text).or_else(|error| match parse_timestamp(&text) {
            Ok(time) => Ok(time.date()),
            Err(_) => Err(error),
        })?),
        DataType::Uuid => Value::Uuid(parse_uuid(&text)?),
        DataType::Blob { .. } if by == Conversion::Cast => Value::Blob(match text {
            Cow::Borrowed(text) => Cow::Borrowed(text.as_bytes()),
            Cow::Owned(text) => Cow::Owned(text.into_bytes()),
        }),
        DataType::Blob { .. } | DataType::Unknown => return Err(refused(&Value::Text(text), to)),
    })
}

fn of_bytes<'v>(bytes: Cow<'v, [u8]>, to: &DataType, by: Conversion) -> Result<Value<'v>> {
    let no_text = || Error::new(ErrorKind::Data, "the bytes are not UTF-8").with_state("22021");
    match to {
        DataType::Blob { .. } => Ok(Value::Blob(bytes)),
        DataType::Text { .. } if by == Conversion::Cast => Ok(Value::Text(match bytes {
            Cow::Borrowed(bytes) => Cow::Borrowed(std::str::from_utf8(bytes).map_err(|_| no_text())?),
            Cow::Owned(bytes) => Cow::Owned(String::from_utf8(bytes).map_err(|_| no_text())?),
        })),
        DataType::Uuid if by == Conversion::Cast => Uuid::from_slice(&bytes)
            .map(Value::Uuid)
            .map_err(|_| Error::new(ErrorKind::Data, format!("a UUID has 16 bytes, not {}", bytes.len())).with_state("22018")),
        _ => Err(refused(&Value::Blob(bytes), to)),
    }
}

/// A whole number within the width's range; `of` is what it was made from.
fn to_int<'v>(number: Option<i64>, width: IntWidth, of: &impl ToString, to: &DataType) -> Result<Value<'v>> {
    let (smallest, largest) = width.range();
    match number {
        Some(number) if (smallest..=largest).contains(&number) => Ok(Value::Int(number)),
        _ => Err(out_of_range(of, to)),
    }
}

/// A decimal number with exactly this scale; `of` is what it was made from.
fn to_decimal<'v>(number: Option<Decimal>, (precision, scale): (u8, u8), of: &impl ToString, to: &DataType) -> Result<Value<'v>> {
    match number.and_then(|number| rescale(number, precision, scale)) {
        Some(number) => Ok(Value::Decimal(number)),
        None => Err(out_of_range(of, to)),
    }
}

/// The first characters.
fn cut_text(text: Cow<'_, str>, max: u32) -> Cow<'_, str> {
    if text.len() <= max as usize {
        return text;
    }
    let Some((end, _)) = text.char_indices().nth(max as usize) else { return text };
    match text {
        Cow::Borrowed(text) => Cow::Borrowed(&text[..end]),
        Cow::Owned(mut text) => {
            text.truncate(end);
            Cow::Owned(text)
        }
    }
}

#[cold]
fn out_of_range(value: &impl ToString, to: &DataType) -> Error {
    Error::new(ErrorKind::Data, format!("out of the range of {to}: {}", shown(&value.to_string()))).with_state("22003")
}

#[cold]
fn refused(value: &Value<'_>, to: &DataType) -> Error {
    let from = value.kind_name();
    let castable = match value {
        Value::Blob(_) => conversion(&DataType::Blob { max: None }, to),
        Value::Text(_) => conversion(&DataType::TEXT, to),
        Value::Uuid(_) => conversion(&DataType::Uuid, to),
        Value::Double(_) | Value::Decimal(_) => conversion(&DataType::Double, to),
        _ => Conversion::Never,
    };
    if castable == Conversion::Cast {
        Error::new(ErrorKind::Type, format!("{from} is not stored as {to}: CAST it")).with_state("42804")
    } else {
        Error::new(ErrorKind::Type, format!("{from} does not convert to {to}")).with_state("42846")
    }
}
