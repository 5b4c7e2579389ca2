//! A script as a stream: a statement at a time, with its place.

use std::io::Read;
use std::ops::Range;

use super::io_error;
use crate::error::{Error, ErrorKind, Place, Result};
use crate::parse::{First, first_statement};

/// The least that is read at once.
const CHUNK_BYTES: usize = 64 << 10;

/// Statements from a stream of UTF-8.
///
/// Invariants: `current` lies in `text`; `text[at..]` is what was read and not yet given; `place` is that of `text[at]` in the whole script; `tail` is a character that was read in part.
pub(super) struct Statements<'s> {
    from: &'s mut dyn Read,
    text: String,
    at: usize,
    place: Place,
    tail: Vec<u8>,
    at_end: bool,
    /// The longest statement.
    limit_bytes: usize,
    /// The statement that was given last.
    current: Range<usize>,
    current_place: Place,
}

impl<'s> Statements<'s> {
    pub(super) fn new(from: &'s mut dyn Read, limit_bytes: usize) -> Statements<'s> {
        let place = Place { line: 1, column: 1 };
        Statements {
            from,
            text: String::new(),
            at: 0,
            place,
            tail: Vec::new(),
            at_end: false,
            limit_bytes,
            current: 0..0,
            current_place: place,
        }
    }

    /// Goes to the next statement; false: there is none.
    ///
    /// # Errors
    /// `Io`; `Syntax` for what is no UTF-8; `Limit` for a statement that is too long.
    pub(super) fn advance(&mut self) -> Result<bool> {
        loop {
            match first_statement(&self.text[self.at..], self.place) {
                First::Whole { range, place, behind, behind_place } => {
                    self.current = self.at + range.start..self.at + range.end;
                    self.current_place = place;
                    (self.at, self.place) = (self.at + behind, behind_place);
                    return Ok(true);
                }
                First::Nothing if self.at_end => {
                    self.current = 0..0;
                    return Ok(false);
                }
                First::Open if self.at_end => {
                    // Without its `;`, or within a literal or a comment: the parser says which.
                    (self.current, self.current_place) = (self.at..self.text.len(), self.place);
                    self.at = self.text.len();
                    return Ok(true);
                }
                // Each time as much again: so scanning from the statement's beginning costs twice its length at most.
                First::Nothing | First::Open => self.fill()?,
            }
        }
    }

    /// The statement that was given last; empty behind the end.
    pub(super) fn text(&self) -> &str {
        &self.text[self.current.clone()]
    }

    /// Where it begins.
    pub(super) fn place(&self) -> Place {
        self.current_place
    }

    fn fill(&mut self) -> Result<()> {
        self.current = 0..0;
        self.text.drain(..self.at);
        self.at = 0;
        if self.text.len() >= self.limit_bytes {
            let message = format!(
                "a statement of the script is longer than {} bytes, which is the limit of the memory that a statement may take",
                self.limit_bytes
            );
            return Err(Error::new(ErrorKind::Limit, message).with_state("53200").at(self.place));
        }
        let is_first = self.text.is_empty() && self.place == Place { line: 1, column: 1 };
        let mut bytes = std::mem::take(&mut self.tail);
        let old = bytes.len();
        let wanted = CHUNK_BYTES.max(self.text.len()) as u64;
        let read = (&mut *self.from).take(wanted).read_to_end(&mut bytes);
        read.map_err(|error| io_error("read", "the script", &error))?;
        self.at_end = bytes.len() == old;
        let valid = match std::str::from_utf8(&bytes) {
            Ok(text) => text,
            Err(error) if error.error_len().is_none() && !self.at_end => {
                let (valid, tail) = bytes.split_at(error.valid_up_to());
                self.tail = tail.to_vec();
                std::str::from_utf8(valid).unwrap_or_default()
            }
            Err(error) => {
                let valid = std::str::from_utf8(&bytes[..error.valid_up_to()]).unwrap_or_default();
                self.text.push_str(valid);
                return Err(self.no_text(&bytes));
            }
        };
        // Some editors begin a file with a mark of its encoding.
        let valid = if is_first { valid.strip_prefix('\u{feff}').unwrap_or(valid) } else { valid };
        self.text.push_str(valid);
        Ok(())
    }

    /// The error for bytes that are no UTF-8, behind all of the text.
    fn no_text(&self, bytes: &[u8]) -> Error {
        // The mark with which a frame of LZ4 begins.
        let message = match bytes.starts_with(&[0x04, 0x22, 0x4d, 0x18]) {
            true => "the script is compressed: say COMPRESSION LZ4",
            false => "the script is no text in UTF-8",
        };
        Error::new(ErrorKind::Syntax, message).with_state("22021").at(crate::parse::place_behind(self.place, &self.text))
    }
}
