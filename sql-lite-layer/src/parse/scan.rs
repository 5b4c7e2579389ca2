//! A text's statements: where each begins and ends, before anything is parsed.
//!
//! The scan knows literals, quoted names and comments, and nothing else. It finds the `;` between statements, counts tokens so that a cap can be checked before they are
//! made, and finds comments of the form `//`, which the tokenizer does not know: they are handed to it as `--`, which is as long, so that no place moves.

use std::borrow::Cow;

use crate::error::{Error, ErrorKind, Place, Result};

/// One statement's text, from its first token to its last.
pub(super) struct Piece<'t> {
    text: &'t str,
    start: usize,
    end: usize,
    /// Where it begins.
    pub(super) place: Place,
    /// At least as many as the tokenizer will make.
    pub(super) token_count: usize,
    /// Offsets of `//` in the whole text.
    slashes: Vec<usize>,
}

impl<'t> Piece<'t> {
    /// Byte offsets in the whole text, half open.
    pub(super) fn span(&self) -> (usize, usize) {
        (self.start, self.end)
    }

    /// As it was written.
    pub(super) fn text(&self) -> &'t str {
        &self.text[self.start..self.end]
    }

    /// As the tokenizer can read it: of the same length and with the same places.
    pub(super) fn readable(&self) -> Cow<'t, str> {
        if self.slashes.is_empty() {
            return Cow::Borrowed(self.text());
        }
        let mut readable = String::with_capacity(self.text().len());
        let mut from = self.start;
        for &slash in &self.slashes {
            readable.push_str(&self.text[from..slash]);
            readable.push_str("--");
            from = slash + 2;
        }
        readable.push_str(&self.text[from..self.end]);
        Cow::Owned(readable)
    }
}

/// The statements of a text that hold at least one token.
pub(super) fn pieces(text: &str) -> Pieces<'_> {
    Pieces { text, at: 0, known: Place { line: 1, column: 1 }, known_at: 0 }
}

pub(super) struct Pieces<'t> {
    text: &'t str,
    /// Offset of the next byte.
    at: usize,
    /// The place of the offset `known_at`, from which later ones are counted.
    known: Place,
    known_at: usize,
}

impl<'t> Iterator for Pieces<'t> {
    type Item = Result<Piece<'t>>;

    fn next(&mut self) -> Option<Result<Piece<'t>>> {
        let bytes = self.text.as_bytes();
        let mut token_count = 0;
        let mut slashes = Vec::new();
        let mut start = None;
        let mut end = self.at;
        while let Some(&byte) = bytes.get(self.at) {
            let from = self.at;
            let next = bytes.get(from + 1).copied();
            token_count += 1;
            match (byte, next) {
                (b';', _) => {
                    self.at += 1;
                    if start.is_some() {
                        break;
                    }
                    token_count = 0;
                    slashes.clear();
                    continue;
                }
                (b' ' | b'\t' | b'\n' | b'\r' | 0x0b | 0x0c, _) => {
                    self.at += 1;
                    continue;
                }
                (b'-', Some(b'-')) => {
                    self.at = line_end(bytes, from);
                    continue;
                }
                (b'/', Some(b'/')) => {
                    if start.is_some() {
                        slashes.push(from);
                    }
                    self.at = line_end(bytes, from);
                    continue;
                }
                (b'/', Some(b'*')) => {
                    let Some(len) = self.text[from + 2..].find("*/") else {
                        return Some(Err(self.unclosed("a comment", from)));
                    };
                    self.at = from + 2 + len + 2;
                    continue;
                }
                (b'\'', _) | (b'"' | b'`', _) => {
                    let Some(close) = close(bytes, from) else {
                        let what = if byte == b'\'' { "a text literal" } else { "a quoted name" };
                        return Some(Err(self.unclosed(what, from)));
                    };
                    self.at = close + 1;
                }
                _ if in_word(byte) => {
                    while bytes.get(self.at).is_some_and(|&byte| in_word(byte)) {
                        self.at += 1;
                    }
                }
                _ => self.at += 1,
            }
            start.get_or_insert(from);
            end = self.at;
        }
        let start = start?;
        // What stands behind the last token is no part of the statement.
        slashes.retain(|&slash| slash < end);
        let place = self.place(start);
        Some(Ok(Piece { text: self.text, start, end, place, token_count, slashes }))
    }
}

impl Pieces<'_> {
    /// The place of an offset; offsets are asked for in ascending order.
    fn place(&mut self, offset: usize) -> Place {
        for character in self.text[self.known_at..offset].chars() {
            self.known = after(self.known, character);
        }
        self.known_at = offset;
        self.known
    }

    fn unclosed(&mut self, what: &str, from: usize) -> Error {
        self.at = self.text.len();
        Error::new(ErrorKind::Syntax, format!("{what} begins here and never ends")).at(self.place(from))
    }
}

/// The place behind a character that stands at this one.
pub(super) fn after(at: Place, character: char) -> Place {
    match character {
        '\n' => Place { line: at.line.saturating_add(1), column: 1 },
        _ => Place { line: at.line, column: at.column.saturating_add(1) },
    }
}

/// Bytes of words and numbers; each byte of a character beyond ASCII is one.
fn in_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || byte >= 0x80
}

/// Offset of the end of the line that `from` stands in.
fn line_end(bytes: &[u8], from: usize) -> usize {
    bytes[from..].iter().position(|&byte| byte == b'\n').map_or(bytes.len(), |len| from + len)
}

/// Offset of the quote that closes the one at `from`; a doubled quote is part of what is quoted.
fn close(bytes: &[u8], from: usize) -> Option<usize> {
    let quote = bytes[from];
    let mut at = from + 1;
    loop {
        at += bytes.get(at..)?.iter().position(|&byte| byte == quote)?;
        if bytes.get(at + 1) != Some(&quote) {
            return Some(at);
        }
        at += 2;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(text: &str) -> Vec<(String, u32, u32)> {
        pieces(text)
            .map(|piece| piece.unwrap())
            .map(|piece| (piece.readable().into_owned(), piece.place.line, piece.place.column))
            .collect()
    }

    /// Only a `;` outside literals, quoted names and comments divides statements, and each piece knows its place.
    #[test]
    fn pieces_end_at_semicolons_alone() {
        assert_eq!(texts(";; a ';' ;\n é /*;*/ `;` b ; -- ;\n"), [("a ';'".into(), 1, 4), ("é /*;*/ `;` b".into(), 2, 2)]);
        assert_eq!(texts("a // it's; c\n, b; 'http://x'"), [("a -- it's; c\n, b".into(), 1, 1), ("'http://x'".into(), 2, 6)]);
        assert_eq!(texts("a // last"), [("a".into(), 1, 1)]);
        assert_eq!(texts("'it''s'';' x"), [("'it''s'';' x".into(), 1, 1)]);
        assert!(texts(" -- nothing\n // at all ; \n /* ; */ ;; ").is_empty());
    }

    /// What never ends is named with the place where it begins.
    #[test]
    fn unclosed_is_named_where_it_begins() {
        for (text, message) in
            [("a\n 'b", "a text literal begins"), ("a\n \"b''", "a quoted name begins"), ("a\n /* b", "a comment begins")]
        {
            let error = pieces(text).next().unwrap().err().unwrap();
            assert!(error.message().starts_with(message), "{error}");
            assert_eq!(error.place(), Some(Place { line: 2, column: 2 }), "{text}");
        }
    }
}
