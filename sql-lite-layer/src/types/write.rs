//! Values as text: what a query shows and what CAST to VARCHAR gives.
//!
//! What is written reads as the same value of the same type (`read`).

use std::fmt::{self, Display, Formatter, Write};

use super::{Date, Timestamp, Value};

impl Display for Value<'_> {
    /// As a query's result shows it: text without quotes, bytes as `X'0A0B'`, `TRUE`, `NULL`, `2024-02-29 12:30:00.5`, `1.0`, `1e300`.
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Value::Null => f.pad("NULL"),
            Value::Bool(true) => f.pad("TRUE"),
            Value::Bool(false) => f.pad("FALSE"),
            Value::Int(number) => Display::fmt(number, f),
            // The shortest digits that read as this number, with a point or an exponent that tell it from a whole number.
            Value::Double(number) => fmt::Debug::fmt(number, f),
            Value::Decimal(number) => Display::fmt(number, f),
            Value::Text(text) => f.pad(text),
            Value::Blob(bytes) => write_bytes(bytes, f),
            Value::Timestamp(time) => Display::fmt(time, f),
            Value::Date(date) => Display::fmt(date, f),
            Value::Uuid(id) => Display::fmt(id, f),
        }
    }
}

fn write_bytes(bytes: &[u8], f: &mut Formatter<'_>) -> fmt::Result {
    f.write_str("X'")?;
    for byte in bytes {
        write!(f, "{byte:02X}")?;
    }
    f.write_char('\'')
}

impl Display for Timestamp {
    /// `2024-02-29 12:30:00`, with as many digits of a fraction as are needed.
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let Some(time) = self.to_civil() else {
            return write!(f, "{} microseconds", self.0);
        };
        let (date, time) = (time.date(), time.time());
        let (hour, minute, second) = (time.hour(), time.minute(), time.second());
        write!(f, "{:04}-{:02}-{:02} {hour:02}:{minute:02}:{second:02}", date.year(), date.month(), date.day())?;
        let (mut micros, mut width) = (time.subsec_nanosecond() / 1000, 6);
        if micros == 0 {
            return Ok(());
        }
        while micros % 10 == 0 {
            micros /= 10;
            width -= 1;
        }
        write!(f, ".{micros:0width$}")
    }
}

impl Display for Date {
    /// `2024-02-29`.
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self.to_civil() {
            Some(date) => write!(f, "{:04}-{:02}-{:02}", date.year(), date.month(), date.day()),
            None => write!(f, "{} days", self.0),
        }
    }
}
