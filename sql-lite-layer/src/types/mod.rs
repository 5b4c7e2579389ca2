//! What a value is, and the rules for values: NULL, comparison, conversion, arithmetic.
//!
//! 1. Every rule about values stands here once; nothing above compares or converts by itself.
//! 2. A value borrows its text and bytes where it can: from the page that a row stands in, from a parameter, from the statement.
//! 3. Arithmetic never wraps and never panics: overflow, division by zero and values out of range are errors of kind `Data`.
//! 4. Numbers compare as what they are, not as what one of them would be rounded to: 9007199254740993 is more than 9007199254740992.0.
//!
//! docs/TYPES.md has the table of conversions for users.

mod arithmetic;
mod compare;
mod convert;
mod datatype;
mod from;
mod like;
mod number;
mod read;
#[cfg(test)]
pub(crate) mod sample;
#[cfg(test)]
mod tests;
mod time;
mod value;
mod write;

pub(crate) use arithmetic::{Arithmetic, add_decimals, arithmetic, divide_decimals, negate};
pub(crate) use compare::{Comparison, compare, order};
#[cfg(test)]
pub(crate) use convert::{Conversion, conversion};
pub(crate) use convert::{assign, cast, common_type};
pub use datatype::{DataType, IntWidth};
pub(crate) use like::like;
#[cfg(test)]
pub(crate) use number::rescale;
pub(crate) use number::{double, exact_decimal};
pub(crate) use read::{parse_bytes, parse_decimal};
#[cfg(test)]
pub(crate) use read::{parse_date, parse_timestamp};
pub use rust_decimal::Decimal;
pub use uuid::Uuid;
pub use value::{Date, Timestamp, Value};
