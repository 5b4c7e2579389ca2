//! Values from Rust's types.

use std::borrow::Cow;

use super::number::double;
use super::{Date, Decimal, Timestamp, Uuid, Value};
use crate::error::{Error, ErrorKind, Result};

/// Each whole number that fits without a check.
macro_rules! from_whole_numbers {
    ($($from:ty)*) => {$(
        impl From<$from> for Value<'_> {
            fn from(number: $from) -> Self {
                Value::Int(i64::from(number))
            }
        }
    )*};
}

from_whole_numbers!(i8 i16 i32 i64 u8 u16 u32);

/// Whole numbers that may be too large.
macro_rules! try_from_whole_numbers {
    ($($from:ty)*) => {$(
        impl TryFrom<$from> for Value<'_> {
            type Error = Error;

            /// # Errors
            /// `Data` (22003) if it is out of the range of BIGINT.
            fn try_from(number: $from) -> Result<Self> {
                i64::try_from(number).map(Value::Int).map_err(|_| {
                    Error::new(ErrorKind::Data, format!("out of the range of BIGINT: {number}")).with_state("22003")
                })
            }
        }
    )*};
}

try_from_whole_numbers!(u64 usize isize i128 u128);

impl TryFrom<f64> for Value<'_> {
    type Error = Error;

    /// # Errors
    /// `Data` (22003) if it is infinite or NaN, which SQL's numbers are not here.
    fn try_from(number: f64) -> Result<Self> {
        double(number)
    }
}

impl TryFrom<f32> for Value<'_> {
    type Error = Error;

    /// # Errors
    /// `Data` (22003) if it is infinite or NaN.
    fn try_from(number: f32) -> Result<Self> {
        double(f64::from(number))
    }
}

impl From<bool> for Value<'_> {
    fn from(truth: bool) -> Self {
        Value::Bool(truth)
    }
}

impl From<Decimal> for Value<'_> {
    fn from(number: Decimal) -> Self {
        Value::Decimal(number)
    }
}

impl<'v> From<&'v str> for Value<'v> {
    fn from(text: &'v str) -> Self {
        Value::Text(Cow::Borrowed(text))
    }
}

impl<'v> From<&'v String> for Value<'v> {
    fn from(text: &'v String) -> Self {
        Value::Text(Cow::Borrowed(text))
    }
}

impl From<String> for Value<'_> {
    fn from(text: String) -> Self {
        Value::Text(Cow::Owned(text))
    }
}

impl<'v> From<Cow<'v, str>> for Value<'v> {
    fn from(text: Cow<'v, str>) -> Self {
        Value::Text(text)
    }
}

impl<'v> From<&'v [u8]> for Value<'v> {
    fn from(bytes: &'v [u8]) -> Self {
        Value::Blob(Cow::Borrowed(bytes))
    }
}

impl<'v, const N: usize> From<&'v [u8; N]> for Value<'v> {
    fn from(bytes: &'v [u8; N]) -> Self {
        Value::Blob(Cow::Borrowed(bytes))
    }
}

impl<'v> From<&'v Vec<u8>> for Value<'v> {
    fn from(bytes: &'v Vec<u8>) -> Self {
        Value::Blob(Cow::Borrowed(bytes))
    }
}

impl From<Vec<u8>> for Value<'_> {
    fn from(bytes: Vec<u8>) -> Self {
        Value::Blob(Cow::Owned(bytes))
    }
}

impl From<Timestamp> for Value<'_> {
    fn from(time: Timestamp) -> Self {
        Value::Timestamp(time)
    }
}

impl From<Date> for Value<'_> {
    fn from(date: Date) -> Self {
        Value::Date(date)
    }
}

impl From<Uuid> for Value<'_> {
    fn from(id: Uuid) -> Self {
        Value::Uuid(id)
    }
}

impl<'v, T: Into<Value<'v>>> From<Option<T>> for Value<'v> {
    /// None is NULL.
    fn from(value: Option<T>) -> Self {
        value.map_or(Value::Null, Into::into)
    }
}
