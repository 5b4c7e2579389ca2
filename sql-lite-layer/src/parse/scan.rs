//! A text's statements: where each begins and ends, before anything is parsed.
//!
//! The scan knows literals, quoted names and comments, and nothing else. It finds the `;` between statements, counts tokens so that a cap can be checked before they are
//! made, and finds comments of the form `//`, which the tokenizer does not know: they are handed to it as `--`, which is as long, so that no place moves.

use std::borrow::Cow;

use super::text::Ending;
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
    pieces_at(text, Place { line: 1, column: 1 })
}

/// The same of a text that begins at this place of a longer one.
pub(super) fn pieces_at(text: &str, place: Place) -> Pieces<'_> {
    Pieces { text, at: 0, known: place, known_at: 0 }
}

pub(super) struct Pieces<'t> {
    text: &'t str,
    /// Offset of the next byte.
    at: usize,
    /// The place of the offset `known_at`, from which later ones are counted.
    known: Place,
    known_at: usize,
}

/// What stands between two `;`, or behind the last one.
pub(super) struct Scanned {
    /// Offset of the first token; none: there is no statement.
    pub(super) start: Option<usize>,
    /// Offset behind the last token.
    pub(super) end: usize,
    token_count: usize,
    slashes: Vec<usize>,
    /// What the text ends in, if no `;` ended this.
    pub(super) ending: Ending,
    /// Offset at which begins what never ends.
    unclosed: usize,
}

impl<'t> Iterator for Pieces<'t> {
    type Item = Result<Piece<'t>>;

    fn next(&mut self) -> Option<Result<Piece<'t>>> {
        let Scanned { start, end, token_count, mut slashes, ending, unclosed } = self.advance();
        let what = match ending {
            Ending::Whole | Ending::Statement => None,
            Ending::Literal => Some("a text literal"),
            Ending::Name => Some("a quoted name"),
            Ending::Comment => Some("a comment"),
        };
        if let Some(what) = what {
            let message = format!("{what} begins here and never ends");
            return Some(Err(Error::new(ErrorKind::Syntax, message).at(self.place(unclosed))));
        }
        let start = start?;
        // What stands behind the last token is no part of the statement.
        slashes.retain(|&slash| slash < end);
        let place = self.place(start);
        Some(Ok(Piece { text: self.text, start, end, place, token_count, slashes }))
    }
}

impl Pieces<'_> {
    /// Goes behind the next `;` that ends a statement, or to the end of the text.
    pub(super) fn advance(&mut self) -> Scanned {
        let bytes = self.text.as_bytes();
        let mut found =
            Scanned { start: None, end: self.at, token_count: 0, slashes: Vec::new(), ending: Ending::Statement, unclosed: 0 };
        while let Some(&byte) = bytes.get(self.at) {
            let from = self.at;
            found.token_count += 1;
            if IN_WORD[usize::from(byte)] {
                // What a text consists of, mostly.
                let rest = &bytes[from + 1..];
                let len = rest.iter().position(|byte| !IN_WORD[usize::from(*byte)]).unwrap_or(rest.len());
                self.at = from + 1 + len;
                found.start.get_or_insert(from);
                found.end = self.at;
                continue;
            }
            match (byte, bytes.get(from + 1)) {
                (b';', _) => {
                    self.at += 1;
                    if found.start.is_some() {
                        return Scanned { ending: Ending::Whole, ..found };
                    }
                    found.token_count = 0;
                    found.slashes.clear();
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
                    if found.start.is_some() {
                        found.slashes.push(from);
                    }
                    self.at = line_end(bytes, from);
                    continue;
                }
                (b'/', Some(b'*')) => {
                    let Some(len) = self.text[from + 2..].find("*/") else {
                        return self.unclosed(found, Ending::Comment, from);
                    };
                    self.at = from + 2 + len + 2;
                    continue;
                }
                (b'\'' | b'"' | b'`', _) => {
                    let Some(close) = close(bytes, from) else {
                        found.start.get_or_insert(from);
                        found.end = bytes.len();
                        return self.unclosed(found, if byte == b'\'' { Ending::Literal } else { Ending::Name }, from);
                    };
                    self.at = close + 1;
                }
                _ => self.at += 1,
            }
            found.start.get_or_insert(from);
            found.end = self.at;
        }
        let ending = if found.start.is_some() { Ending::Statement } else { Ending::Whole };
        Scanned { ending, ..found }
    }

    /// The text ends in something that began at `from`.
    fn unclosed(&mut self, found: Scanned, ending: Ending, from: usize) -> Scanned {
        self.at = self.text.len();
        Scanned { ending, unclosed: from, ..found }
    }

    /// The place of an offset; offsets are asked for in ascending order.
    pub(super) fn place(&mut self, offset: usize) -> Place {
        self.known = place_behind(self.known, &self.text[self.known_at..offset]);
        self.known_at = offset;
        self.known
    }

    /// Offset of what was not scanned yet.
    pub(super) fn offset(&self) -> usize {
        self.at
    }
}

/// The place behind a text that begins at this one.
pub(crate) fn place_behind(at: Place, text: &str) -> Place {
    // Lines are counted by their bytes: scripts are long.
    let lines = text.bytes().filter(|byte| *byte == b'\n').count();
    let (column, last) = match text.rfind('\n') {
        Some(end) => (1, &text[end + 1..]),
        None => (at.column, text),
    };
    let short = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
    Place { line: at.line.saturating_add(short(lines)), column: column.saturating_add(short(last.chars().count())) }
}

/// The place behind a character that stands at this one.
pub(super) fn after(at: Place, character: char) -> Place {
    match character {
        '\n' => Place { line: at.line.saturating_add(1), column: 1 },
        _ => Place { line: at.line, column: at.column.saturating_add(1) },
    }
}

/// Bytes of words and numbers; each byte of a character beyond ASCII is one.
const IN_WORD: [bool; 256] = {
    let mut in_word = [false; 256];
    let mut byte = 0;
    while byte < 256 {
        in_word[byte] = byte >= 0x80 || byte == b'_' as usize || (byte as u8).is_ascii_alphanumeric();
        byte += 1;
    }
    in_word
};

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
