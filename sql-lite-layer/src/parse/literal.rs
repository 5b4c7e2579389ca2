//! What literals and types mean.

use std::borrow::Cow;

use sqlparser::ast as sp;

use super::cursor::unsupported;
use super::token;
use crate::error::{Error, ErrorKind, Place, Result};
use crate::types::{DataType, IntWidth, Value, parse_decimal};

/// A number: whole if it is written so and fits 64 bits, DOUBLE with an exponent, else DECIMAL.
///
/// # Errors
/// `Data` (22003): too large a DOUBLE, or a DECIMAL with more digits before the point than there are. Those behind it are rounded.
pub(super) fn number(digits: &str, negative: bool, at: Place) -> Result<Value<'static>> {
    let signed = if negative { Cow::Owned(format!("-{digits}")) } else { Cow::Borrowed(digits) };
    let exponent = digits.contains(['e', 'E']);
    if let Ok(whole) = signed.parse::<i64>() {
        return Ok(Value::Int(whole));
    }
    if !exponent {
        return match parse_decimal(&signed) {
            Ok(decimal) => Ok(Value::Decimal(decimal)),
            Err(_) => Err(Error::new(
                ErrorKind::Data,
                format!(
                    "a DECIMAL has {DIGITS_MAX} digits, and this number more before the point: an exponent makes it a DOUBLE"
                ),
            )
            .with_state("22003")
            .at(at)),
        };
    }
    match signed.parse::<f64>() {
        // 0.0 has no sign here: see `Value`.
        Ok(double) if double.is_finite() => Ok(Value::Double(double + 0.0)),
        _ => Err(Error::new(ErrorKind::Data, format!("{signed} is not in the range of numbers")).with_state("22003").at(at)),
    }
}

/// `x'00ff'`
pub(super) fn blob(digits: &str, at: Place) -> Result<Value<'static>> {
    let wrong = || Error::new(ErrorKind::Syntax, "a literal of bytes has two digits from 0 to F for each").at(at);
    let nibble = |digit: u8| char::from(digit).to_digit(16).and_then(|nibble| u8::try_from(nibble).ok());
    let pairs = digits.as_bytes().chunks(2);
    let bytes = pairs.map(|pair| match pair {
        [high, low] => Some((nibble(*high)? << 4) | nibble(*low)?),
        _ => None,
    });
    let bytes = bytes.collect::<Option<Vec<u8>>>().ok_or_else(wrong)?;
    Ok(Value::Blob(Cow::Owned(bytes)))
}

/// A text.
pub(super) fn text(text: String) -> Value<'static> {
    Value::Text(Cow::Owned(text))
}

/// The longest DECIMAL: 28 digits.
const DIGITS_MAX: u64 = 28;

/// What a type's words and numbers mean.
pub(super) fn data_type(written: &sp::DataType) -> Result<DataType> {
    let sp::DataType::Custom(name, numbers) = written else {
        return Err(unsupported(&format!("the type {written}"), Place::default()));
    };
    let Some(sp::ObjectNamePart::Identifier(ident)) = name.0.first() else {
        return Err(unsupported(&format!("the type {written}"), Place::default()));
    };
    let at = token::place(ident.span.start);
    let is_name = name.0.len() == 1 && ident.quote_style.is_none();
    let word = if is_name { ident.value.to_ascii_lowercase() } else { String::new() };
    let numbers = numbers.iter().map(|digits| digits.parse::<u64>()).collect::<std::result::Result<Vec<_>, _>>();
    let numbers =
        numbers.map_err(|_| Error::new(ErrorKind::Syntax, format!("{written}: expected whole numbers in parentheses")).at(at))?;
    let many = |most: usize| match numbers.len() {
        len if len > most => Err(Error::new(ErrorKind::Syntax, format!("{written}: too many numbers in parentheses")).at(at)),
        _ => Ok(()),
    };
    // The length of MAX or of more than 32 bits is none: no value is so long.
    let max = numbers.first().and_then(|&max| u32::try_from(max).ok());
    let data_type = match word.as_str() {
        "boolean" | "bool" => DataType::Boolean,
        "tinyint" | "int1" => DataType::Integer(IntWidth::Tiny),
        "smallint" | "int2" => DataType::Integer(IntWidth::Small),
        "int" | "integer" | "int4" | "mediumint" => DataType::Integer(IntWidth::Int),
        // A CAST to SIGNED is of 64 bits in the databases that have it.
        "bigint" | "int8" | "signed" | "signed integer" | "long" => DataType::BIGINT,
        "double" | "double precision" | "real" | "float" | "float4" | "float8" => DataType::Double,
        "decimal" | "dec" | "numeric" | "number" => {
            many(2)?;
            return decimal(&numbers, at);
        }
        "varchar"
        | "character varying"
        | "char varying"
        | "nvarchar"
        | "varchar2"
        | "national character varying"
        | "national char varying" => DataType::Text { max },
        // Not padded: the length is the longest.
        "char" | "character" | "nchar" | "national character" | "national char" => DataType::Text { max },
        "text"
        | "clob"
        | "character large object"
        | "char large object"
        | "nclob"
        | "longvarchar"
        | "string"
        | "tinytext"
        | "mediumtext"
        | "longtext" => DataType::TEXT,
        "blob" | "binary large object" | "bytea" | "longvarbinary" | "tinyblob" | "mediumblob" | "longblob" => {
            DataType::Blob { max: None }
        }
        "varbinary" | "binary varying" | "binary" | "raw" => DataType::Blob { max },
        // Fractions of a second are kept to the microsecond, whatever was written.
        "timestamp" | "datetime" | "timestamp without time zone" | "smalldatetime" => DataType::Timestamp,
        "date" => DataType::Date,
        "uuid" => DataType::Uuid,
        _ => return Err(unsupported(&format!("the type {written}"), at)),
    };
    many(match data_type {
        DataType::Boolean | DataType::Date | DataType::Uuid => 0,
        DataType::Double => 2,
        _ => 1,
    })?;
    if max == Some(0) && matches!(data_type, DataType::Text { .. } | DataType::Blob { .. }) {
        return Err(Error::new(ErrorKind::Syntax, format!("{written}: the length is at least 1")).at(at));
    }
    Ok(data_type)
}

/// `DECIMAL` alone has as many digits as there are, a third of them behind the point.
fn decimal(numbers: &[u64], at: Place) -> Result<DataType> {
    let (precision, scale) = match *numbers {
        [precision, scale] => (precision, scale),
        [precision] => (precision, 0),
        _ => (DIGITS_MAX, 10),
    };
    match (u8::try_from(precision), u8::try_from(scale)) {
        (Ok(precision @ 1..=28), Ok(scale)) if scale <= precision => Ok(DataType::Decimal { precision, scale }),
        _ => Err(Error::new(
            ErrorKind::Syntax,
            format!("DECIMAL has 1 to {DIGITS_MAX} digits, and not more of them behind the point"),
        )
        .at(at)),
    }
}
