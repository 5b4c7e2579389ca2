//! What a value is, and the rules for values: NULL, comparison, conversion, arithmetic.
//!
//! 1. Every rule about values stands here once; nothing above compares or converts by itself.
//! 2. A value borrows its text and bytes where it can: from the page that a row stands in, from a parameter, from the statement.
//! 3. Arithmetic never wraps and never panics: overflow, division by zero and values out of range are errors of kind `Data`.

mod datatype;
mod value;

pub use datatype::{DataType, IntWidth};
pub use rust_decimal::Decimal;
pub use uuid::Uuid;
pub use value::{Date, Timestamp, Value};
