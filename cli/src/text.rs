//! Bytes as text, both ways.
//!
//! Printable characters stand for themselves; `\\`, `\t`, `\n`, `\r` and `\xNN` for everything else, so that every byte string has a text without
//! control characters, and the text gives exactly those bytes back. With `--hex` each byte is two hexadecimal digits.

mod escape;

use std::borrow::Cow;

use clap::Args;

use crate::error::{Error, Result};
pub(crate) use escape::{escape, to_hex};
use escape::{from_hex, unescape};

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

/// A text of ours with names from elsewhere in it, as a terminal may have it: control characters, but for ends of lines and tabs, are escaped. It is told, never read back.
pub(crate) fn harmless(text: &str) -> Cow<'_, str> {
    let is_harmful = |c: char| c.is_control() && !matches!(c, '\n' | '\t');
    if !text.contains(is_harmful) {
        return Cow::Borrowed(text);
    }
    let shown = text.chars().fold(String::with_capacity(text.len() + 8), |mut shown, c| {
        if is_harmful(c) {
            shown += &escape(c.encode_utf8(&mut [0; 4]).as_bytes())
        } else {
            shown.push(c)
        }
        shown
    });
    Cow::Owned(shown)
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

    /// What is told has no control character but ends of lines and tabs, and what has none stays as it is.
    #[test]
    fn told_text_is_harmless() {
        assert_eq!(harmless("größe\n\t'a\\b' 🚀"), "größe\n\t'a\\b' 🚀");
        assert_eq!(harmless("\u{1b}[31mRED\u{7}\r\u{9b}2J\u{7f}"), "\\x1b[31mRED\\x07\\r\\xc2\\x9b2J\\x7f");
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
