//! Bytes as text, both ways.
//!
//! Printable characters stand for themselves; `\\`, `\t`, `\n`, `\r` and `\xNN` for everything else, so that every byte string has a text without
//! control characters, and the text gives exactly those bytes back. With `--hex` each byte is two hexadecimal digits.

use std::fmt::Write as _;

use clap::Args;

use crate::error::{Error, Result};

/// How keys and values are written, in arguments and in the output.
#[derive(Args, Clone, Copy, Debug, Default)]
pub(crate) struct Form {
    /// Keys and values are hexadecimal digits, in arguments and in the output
    ///
    /// Without it they are text: printable characters stand for themselves; \\ \t \n \r and \xNN (two hexadecimal digits) for other bytes.
    #[arg(long)]
    hex: bool,
}

impl Form {
    /// The text of `bytes`.
    pub(crate) fn show(self, bytes: &[u8]) -> String {
        if self.hex { to_hex(bytes) } else { escape(bytes) }
    }

    /// The bytes of `text`, which the argument `name` has.
    pub(crate) fn parse(self, name: &str, text: &str) -> Result<Vec<u8>> {
        let parsed = if self.hex { from_hex(text) } else { unescape(text) };
        parsed.map_err(|what| Error::usage(format!("{name} '{text}': {what}")))
    }
}

/// As hexadecimal digits.
pub(crate) fn to_hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(2 * bytes.len()), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// As text, see above.
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

fn unescape(text: &str) -> std::result::Result<Vec<u8>, String> {
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

fn from_hex(text: &str) -> std::result::Result<Vec<u8>, String> {
    let digits: Option<Vec<u8>> = text.as_bytes().chunks(2).map(byte_of).collect();
    digits.ok_or_else(|| "is no even number of hexadecimal digits".into())
}

fn byte_of(digits: &[u8]) -> Option<u8> {
    let [high, low] = *digits else { return None };
    let digit = |digit: u8| char::from(digit).to_digit(16);
    u8::try_from(digit(high)? * 16 + digit(low)?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every byte string comes back from its text and from its digits, and the text has no control character.
    #[test]
    fn bytes_come_back_from_their_text() {
        let mut all: Vec<Vec<u8>> = (0..=255).map(|byte| vec![byte]).collect();
        all.extend([
            vec![],
            (0..=255).collect(),
            "größe \u{202e}x\u{301}\u{feff} 🚀 'a\"".into(),
            b"\xf0\x9f\x9a a\\x41".to_vec(),
        ]);
        for bytes in all {
            let text = escape(&bytes);
            assert!(!text.chars().any(char::is_control), "{text:?}");
            assert_eq!(unescape(&text), Ok(bytes.clone()), "{text}");
            assert_eq!(from_hex(&to_hex(&bytes)), Ok(bytes));
        }
    }

    #[test]
    fn text_is_readable() {
        assert_eq!(escape("jobs/größe\0\u{1b}[31m".as_bytes()), "jobs/größe\\x00\\x1b[31m");
        assert_eq!(escape("a\u{202e}".as_bytes()), "a\\xe2\\x80\\xae");
    }

    #[test]
    fn wrong_text_is_refused() {
        for wrong in ["\\", "a\\q", "\\x", "\\x4", "\\xg0", "\\x+1", "\\xé"] {
            assert!(unescape(wrong).is_err(), "{wrong}");
        }
        for wrong in ["0", "0g", "0x", "é"] {
            assert!(from_hex(wrong).is_err(), "{wrong}");
        }
    }
}
