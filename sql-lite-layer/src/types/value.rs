//! A value of SQL.

use std::borrow::Cow;

use rust_decimal::Decimal;
use uuid::Uuid;

use super::DataType;

/// A value. Text and bytes are borrowed where that is possible: from a page, a parameter or the statement.
///
/// Invariant: whoever makes a `Double` makes it finite (SQL has no infinity here), and -0.0 is stored as 0.0.
// A tag of 8 bytes puts every payload at offset 8: values are then moved by whole words. With a tag of one byte they are copied in pieces that overlap, and the
// processor waits at each for the stores before it (measured: 15 ns a value).
#[derive(Clone, Debug, Default, PartialEq)]
#[repr(u64)]
#[non_exhaustive]
pub enum Value<'v> {
    /// NULL.
    #[default]
    Null,
    /// A truth value.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// A floating point number.
    Double(f64),
    /// An exact decimal number.
    Decimal(Decimal),
    /// Text.
    Text(Cow<'v, str>),
    /// Bytes.
    Blob(Cow<'v, [u8]>),
    /// A date with a time of day.
    Timestamp(Timestamp),
    /// A day.
    Date(Date),
    /// An identifier.
    Uuid(Uuid),
}

/// A date and time of day without a zone: microseconds since 1970-01-01 00:00:00, years 1 to 9999.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(pub i64);

/// A day: days since 1970-01-01, years 1 to 9999.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Date(pub i32);

const _: () = assert!(size_of::<Value<'_>>() <= 32);

impl<'v> Value<'v> {
    /// Whether it is NULL.
    #[must_use]
    pub fn is_null(&self) -> bool {
        matches!(self, Value::Null)
    }

    /// Whether it is of this type's class. NULL is of every type, and every value of `Unknown`.
    pub(crate) fn is_of(&self, data_type: &DataType) -> bool {
        matches!(
            (self, data_type),
            (Value::Null, _)
                | (_, DataType::Unknown)
                | (Value::Bool(_), DataType::Boolean)
                | (Value::Int(_), DataType::Integer(_))
                | (Value::Double(_), DataType::Double)
                | (Value::Decimal(_), DataType::Decimal { .. })
                | (Value::Text(_), DataType::Text { .. })
                | (Value::Blob(_), DataType::Blob { .. })
                | (Value::Timestamp(_), DataType::Timestamp)
                | (Value::Date(_), DataType::Date)
                | (Value::Uuid(_), DataType::Uuid)
        )
    }

    /// The same value, borrowed from this one: no copy.
    #[must_use]
    pub fn lend(&self) -> Value<'_> {
        match self {
            Value::Text(text) => Value::Text(Cow::Borrowed(text)),
            Value::Blob(bytes) => Value::Blob(Cow::Borrowed(bytes)),
            Value::Null => Value::Null,
            Value::Bool(v) => Value::Bool(*v),
            Value::Int(v) => Value::Int(*v),
            Value::Double(v) => Value::Double(*v),
            Value::Decimal(v) => Value::Decimal(*v),
            Value::Timestamp(v) => Value::Timestamp(*v),
            Value::Date(v) => Value::Date(*v),
            Value::Uuid(v) => Value::Uuid(*v),
        }
    }

    /// The same value with text and bytes of its own.
    #[must_use]
    pub fn into_owned(self) -> Value<'static> {
        match self {
            Value::Text(text) => Value::Text(Cow::Owned(text.into_owned())),
            Value::Blob(bytes) => Value::Blob(Cow::Owned(bytes.into_owned())),
            Value::Null => Value::Null,
            Value::Bool(v) => Value::Bool(v),
            Value::Int(v) => Value::Int(v),
            Value::Double(v) => Value::Double(v),
            Value::Decimal(v) => Value::Decimal(v),
            Value::Timestamp(v) => Value::Timestamp(v),
            Value::Date(v) => Value::Date(v),
            Value::Uuid(v) => Value::Uuid(v),
        }
    }

    /// The name of its kind, as SQL calls the type.
    pub(crate) fn kind_name(&self) -> &'static str {
        match self {
            Value::Null => "NULL",
            Value::Bool(_) => "BOOLEAN",
            Value::Int(_) => "BIGINT",
            Value::Double(_) => "DOUBLE",
            Value::Decimal(_) => "DECIMAL",
            Value::Text(_) => "VARCHAR",
            Value::Blob(_) => "VARBINARY",
            Value::Timestamp(_) => "TIMESTAMP",
            Value::Date(_) => "DATE",
            Value::Uuid(_) => "UUID",
        }
    }
}
