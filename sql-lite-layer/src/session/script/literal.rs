//! Values and names as SQL writes them: each reads back as the same.

use std::fmt::Write;

use crate::types::Value;

/// Appends a literal. In a column of its own type it reads back exactly: a DOUBLE has the shortest digits that read as it, times stand as text.
pub(super) fn push(out: &mut String, value: &Value<'_>) {
    match value {
        Value::Int(number) => push_int(out, *number),
        Value::Text(text) => push_quoted(out, text, '\''),
        Value::Timestamp(time) => put(out, format_args!("'{time}'")),
        Value::Date(date) => put(out, format_args!("'{date}'")),
        Value::Uuid(id) => put(out, format_args!("'{id}'")),
        Value::Blob(bytes) => push_bytes(out, bytes),
        // NULL, TRUE, FALSE and numbers are shown as they are written; bytes and all that stands in quotes are above.
        other => put(out, format_args!("{other}")),
    }
}

/// Appends a name in quotes.
pub(super) fn push_name(out: &mut String, name: &str) {
    push_quoted(out, name, '"');
}

/// Appends names, with commas between.
pub(super) fn push_names<'n>(out: &mut String, names: impl Iterator<Item = &'n str>) {
    for (at, name) in names.enumerate() {
        if at > 0 {
            out.push_str(", ");
        }
        push_name(out, name);
    }
}

/// Appends text in quotes; a quote in it is doubled.
pub(super) fn push_quoted(out: &mut String, text: &str, quote: char) {
    out.push(quote);
    let mut rest = text;
    while let Some(at) = rest.find(quote) {
        out.push_str(&rest[..=at]);
        out.push(quote);
        rest = &rest[at + 1..];
    }
    out.push_str(rest);
    out.push(quote);
}

/// Appends a whole number. Most values are some: the formatter would take five times as long.
fn push_int(out: &mut String, number: i64) {
    // 2^63 has 19 digits.
    let (mut digits, mut from, mut rest) = ([0_u8; 19], 19, number.unsigned_abs());
    loop {
        from -= 1;
        digits[from] = b'0' + (rest % 10) as u8;
        rest /= 10;
        if rest == 0 {
            break;
        }
    }
    if number < 0 {
        out.push('-');
    }
    out.push_str(std::str::from_utf8(&digits[from..]).expect("digits"));
}

fn push_bytes(out: &mut String, bytes: &[u8]) {
    const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
    out.reserve(2 * bytes.len() + 3);
    out.push_str("X'");
    for byte in bytes {
        out.push(char::from(DIGITS[usize::from(byte >> 4)]));
        out.push(char::from(DIGITS[usize::from(byte & 15)]));
    }
    out.push('\'');
}

pub(super) fn put(out: &mut String, what: std::fmt::Arguments<'_>) {
    // Text takes whatever is written to it.
    let _ = out.write_fmt(what);
}
