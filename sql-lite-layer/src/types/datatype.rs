//! The types that a column or an expression can have.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The type of a column or an expression. Stored in the catalogue by postcard; never renumber.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[non_exhaustive]
pub enum DataType {
    /// Not known: NULL, or a parameter that nothing gives a type. Fits every other type.
    Unknown,
    /// TRUE, FALSE.
    Boolean,
    /// Whole numbers; all are computed with 64 bits, the width is checked on write.
    Integer(IntWidth),
    /// 64-bit floating point.
    Double,
    /// Exact decimal numbers: `precision` digits in all, 1 to 28, `scale` of them behind the point.
    Decimal {
        /// Digits in all, 1 to 28.
        precision: u8,
        /// Digits behind the point, at most `precision`.
        scale: u8,
    },
    /// Text; `max` in characters.
    Text {
        /// Longest text in characters; none: no limit.
        max: Option<u32>,
    },
    /// Bytes; `max` in bytes.
    Blob {
        /// Longest value in bytes; none: no limit.
        max: Option<u32>,
    },
    /// A date and time of day without a time zone, in microseconds.
    Timestamp,
    /// A day of the calendar.
    Date,
    /// 128-bit identifier.
    Uuid,
}

/// The range of a whole number. Stored; never renumber.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum IntWidth {
    /// TINYINT: 8 bits, signed.
    Tiny,
    /// SMALLINT: 16 bits.
    Small,
    /// INTEGER, INT: 32 bits.
    Int,
    /// BIGINT: 64 bits.
    Big,
}

impl IntWidth {
    /// Smallest and largest number, both included.
    #[must_use]
    pub fn range(self) -> (i64, i64) {
        match self {
            IntWidth::Tiny => (i64::from(i8::MIN), i64::from(i8::MAX)),
            IntWidth::Small => (i64::from(i16::MIN), i64::from(i16::MAX)),
            IntWidth::Int => (i64::from(i32::MIN), i64::from(i32::MAX)),
            IntWidth::Big => (i64::MIN, i64::MAX),
        }
    }
}

impl DataType {
    /// BIGINT.
    pub const BIGINT: DataType = DataType::Integer(IntWidth::Big);
    /// VARCHAR without a length.
    pub const TEXT: DataType = DataType::Text { max: None };

    /// Whether arithmetic is defined on it.
    #[must_use]
    pub fn is_numeric(&self) -> bool {
        matches!(self, DataType::Integer(_) | DataType::Double | DataType::Decimal { .. })
    }
}

impl fmt::Display for DataType {
    /// As SQL writes it: `VARCHAR(20)`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            DataType::Unknown => f.write_str("NULL"),
            DataType::Boolean => f.write_str("BOOLEAN"),
            DataType::Integer(IntWidth::Tiny) => f.write_str("TINYINT"),
            DataType::Integer(IntWidth::Small) => f.write_str("SMALLINT"),
            DataType::Integer(IntWidth::Int) => f.write_str("INTEGER"),
            DataType::Integer(IntWidth::Big) => f.write_str("BIGINT"),
            DataType::Double => f.write_str("DOUBLE"),
            DataType::Decimal { precision, scale } => write!(f, "DECIMAL({precision}, {scale})"),
            DataType::Text { max: None } => f.write_str("VARCHAR"),
            DataType::Text { max: Some(max) } => write!(f, "VARCHAR({max})"),
            DataType::Blob { max: None } => f.write_str("BLOB"),
            DataType::Blob { max: Some(max) } => write!(f, "VARBINARY({max})"),
            DataType::Timestamp => f.write_str("TIMESTAMP"),
            DataType::Date => f.write_str("DATE"),
            DataType::Uuid => f.write_str("UUID"),
        }
    }
}
