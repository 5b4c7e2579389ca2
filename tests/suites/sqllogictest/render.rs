//! Values as the format of the corpus writes them, by the letter of their column.

use md5::{Digest, Md5};
use sqllogictest::DefaultColumnType as Letter;
use treering_sql::Value;

/// One value: NULL as `NULL`, an empty text as `(empty)`, what cannot be printed as `@`.
pub(crate) fn value(value: &Value<'_>, letter: &Letter) -> String {
    match (letter, value) {
        (_, Value::Null) => "NULL".to_owned(),
        (Letter::Integer, Value::Int(v)) => v.to_string(),
        (Letter::Integer, Value::Bool(v)) => i64::from(*v).to_string(),
        (Letter::Integer, Value::Double(v)) => format!("{}", v.trunc() as i64),
        (Letter::Integer, Value::Decimal(v)) => v.trunc().to_string(),
        // What C's atoi makes of it.
        (Letter::Integer, Value::Text(text)) => text.parse::<i64>().unwrap_or(0).to_string(),
        (Letter::FloatingPoint, Value::Double(v)) => format!("{v:.3}"),
        (Letter::FloatingPoint, Value::Int(v)) => format!("{v}.000"),
        (Letter::FloatingPoint, Value::Decimal(v)) => format!("{v:.3}"),
        _ => text(&value.to_string()),
    }
}

fn text(text: &str) -> String {
    if text.is_empty() {
        return "(empty)".to_owned();
    }
    text.chars().map(|c| if c.is_control() { '@' } else { c }).collect()
}

/// The corpus' hash of a long result: each value and a line's end.
pub(crate) fn hash(values: &[String]) -> String {
    let mut hash = Md5::new();
    for value in values {
        hash.update(value);
        hash.update("\n");
    }
    hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}
