//! The two texts of a byte string, as pure functions: escaped, and as hexadecimal digits.
//!
//! They import nothing, so that the fuzz targets can take this file as it is.

use std::fmt::Write as _;

/// As hexadecimal digits.
pub(crate) fn to_hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(2 * bytes.len()), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// As text: printable characters as they are, `\\`, `\t`, `\n`, `\r` and `\xNN` for other bytes.
pub(crate) fn escape(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len());
    for part in bytes.utf8_chunks() {
        for c in part.valid().chars() {
            match c {
                '\\' => text.push_str("\\\\"),
                '\t' => text.push_str("\\t"),
                '\n' => text.push_str("\\n"),
                '\r' => text.push_str("\\r"),
                c if is_printable(c) => text.push(c),
                c => push_escaped(&mut text, c.encode_utf8(&mut [0; 4]).as_bytes()),
            }
        }
        push_escaped(&mut text, part.invalid());
    }
    text
}

/// Neither a control character nor one that is invisible, combines or changes the direction of what is around it.
fn is_printable(c: char) -> bool {
    // The standard library's own table: what Rust prints as it is in debug strings. Quotes are escaped there for another reason.
    matches!(c, '"' | '\'') || c.escape_debug().len() == 1
}

fn push_escaped(text: &mut String, bytes: &[u8]) {
    for byte in bytes {
        let _ = write!(text, "\\x{byte:02x}");
    }
}

/// The bytes of `text`, see [`escape`]; what is wrong with it, for a person.
pub(crate) fn unescape(text: &str) -> std::result::Result<Vec<u8>, String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('\\') {
        let (plain, escaped) = rest.split_at(at);
        bytes.extend_from_slice(plain.as_bytes());
        let escape = escaped.as_bytes();
        let (byte, len) = match escape.get(1) {
            Some(b'\\') => (b'\\', 2),
            Some(b't') => (b'\t', 2),
            Some(b'n') => (b'\n', 2),
            Some(b'r') => (b'\r', 2),
            Some(b'x') => match escape.get(2..4).and_then(byte_of) {
                Some(byte) => (byte, 4),
                None => return Err("\\x wants two hexadecimal digits behind it".into()),
            },
            _ => return Err("behind \\ may stand: \\ t n r xNN".into()),
        };
        bytes.push(byte);
        rest = escaped.get(len..).unwrap_or_default();
    }
    bytes.extend_from_slice(rest.as_bytes());
    Ok(bytes)
}

/// The bytes of these hexadecimal digits; what is wrong with them, for a person.
pub(crate) fn from_hex(text: &str) -> std::result::Result<Vec<u8>, String> {
    let digits: Option<Vec<u8>> = text.as_bytes().chunks(2).map(byte_of).collect();
    digits.ok_or_else(|| "is no even number of hexadecimal digits".into())
}

fn byte_of(digits: &[u8]) -> Option<u8> {
    let [high, low] = *digits else { return None };
    let digit = |digit: u8| char::from(digit).to_digit(16);
    u8::try_from(digit(high)? * 16 + digit(low)?).ok()
}
