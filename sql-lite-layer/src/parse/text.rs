//! A text's statements for those who hold texts: shells and scripts. Nothing is parsed here.

use std::ops::Range;

use super::scan::{self, Pieces};
use crate::error::Place;

/// The statements of a text, in order: what stands between `;` outside literals, quoted names and comments. Pieces without a word, such as comments alone, are left out.
///
/// A last statement without `;` is given too, also if the text breaks off within it: [`Ending::of`] tells. Nothing is parsed: whether a piece is a statement is seen when it is run. One
/// pass, no copy.
///
/// ```
/// use treering_sql::statements;
///
/// let texts: Vec<&str> = statements("SELECT 1; -- one;\nSELECT ';'").map(|statement| statement.text()).collect();
/// assert_eq!(texts, ["SELECT 1", "SELECT ';'"]);
/// ```
#[must_use]
pub fn statements(text: &str) -> Statements<'_> {
    Statements { pieces: scan::pieces(text), text }
}

/// Whether a text can be run as it is: every statement in it ends with `;`, and no comment is open. What SQLite's users know as `sqlite3_complete`, but that an empty text, too,
/// is complete: nothing is missing from it.
#[must_use]
pub fn is_complete(text: &str) -> bool {
    Ending::of(text) == Ending::Whole
}

/// What a text ends in: what a shell must ask for on the next line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Ending {
    /// Nothing is open: the last statement ended with `;`, or there is none.
    Whole,
    /// A statement: its `;` is to come.
    Statement,
    /// A text literal: its `'` is to come.
    Literal,
    /// A quoted name: its `"` or backtick is to come.
    Name,
    /// A comment: its `*/` is to come.
    Comment,
}

impl Ending {
    /// What this text ends in.
    #[must_use]
    pub fn of(text: &str) -> Ending {
        let mut pieces = scan::pieces(text);
        loop {
            let scanned = pieces.advance();
            if scanned.ending != Ending::Whole || scanned.start.is_none() {
                return scanned.ending;
            }
        }
    }
}

/// What a text, which may not be all of it, begins with.
pub(crate) enum First {
    /// A statement and its `;`: whatever follows, this is it.
    Whole {
        /// Its bytes, without the `;`.
        range: Range<usize>,
        place: Place,
        /// Offset behind the `;`, and its place.
        behind: usize,
        behind_place: Place,
    },
    /// Nothing but white space and comments.
    Nothing,
    /// Something that does not end in it.
    Open,
}

/// What a text begins with that stands at this place of a longer one.
pub(crate) fn first_statement(text: &str, place: Place) -> First {
    let mut pieces = scan::pieces_at(text, place);
    let scanned = pieces.advance();
    match (scanned.start, scanned.ending) {
        (Some(start), Ending::Whole) => {
            let behind = pieces.offset();
            let (place, behind_place) = (pieces.place(start), pieces.place(behind));
            First::Whole { range: start..scanned.end, place, behind, behind_place }
        }
        (None, Ending::Whole) => First::Nothing,
        _ => First::Open,
    }
}

/// The statements of a text, in order: see [`statements`].
pub struct Statements<'t> {
    pieces: Pieces<'t>,
    text: &'t str,
}

/// A statement in a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StatementText<'t> {
    text: &'t str,
    offset: usize,
    place: Place,
}

impl<'t> StatementText<'t> {
    /// As it was written, from its first word to its last, without the `;`.
    #[must_use]
    pub fn text(&self) -> &'t str {
        self.text
    }

    /// Where it begins.
    #[must_use]
    pub fn place(&self) -> Place {
        self.place
    }

    /// The bytes of the whole text that it takes.
    #[must_use]
    pub fn range(&self) -> Range<usize> {
        self.offset..self.offset + self.text.len()
    }
}

impl<'t> Iterator for Statements<'t> {
    type Item = StatementText<'t>;

    fn next(&mut self) -> Option<StatementText<'t>> {
        let scanned = self.pieces.advance();
        let offset = scanned.start?;
        Some(StatementText { text: &self.text[offset..scanned.end], offset, place: self.pieces.place(offset) })
    }
}

impl std::fmt::Debug for Statements<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Statements").field("offset", &self.pieces.offset()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Each statement has its text, its place and its bytes; the last one also without a `;`.
    #[test]
    fn statements_know_where_they_stand() {
        let text = " SELECT 1;\n;; -- no;\n  é(';') ; /* ; */ last 'open";
        let found: Vec<_> = statements(text).map(|one| (one.text(), one.place().line, one.place().column)).collect();
        assert_eq!(found, [("SELECT 1", 1, 2), ("é(';')", 3, 3), ("last 'open", 3, 20)]);
        assert!(statements(text).all(|one| &text[one.range()] == one.text()));
    }

    /// A text says what it ends in, wherever it breaks off; complete is what needs nothing more.
    #[test]
    fn endings() {
        for (text, ending) in [
            ("", Ending::Whole),
            (" -- a comment", Ending::Whole),
            ("SELECT 1; // done; 'x", Ending::Whole),
            ("SELECT 1; /* ' */ ;", Ending::Whole),
            ("SELECT 1", Ending::Statement),
            ("SELECT 1; SELECT 2 -- ;", Ending::Statement),
            ("SELECT 'a;", Ending::Literal),
            ("SELECT 'it''", Ending::Literal),
            ("SELECT 1; SELECT \"a;", Ending::Name),
            ("SELECT `a;", Ending::Name),
            ("SELECT 1; /* ;", Ending::Comment),
            ("/", Ending::Statement),
        ] {
            assert_eq!(Ending::of(text), ending, "{text}");
            assert_eq!(is_complete(text), ending == Ending::Whole, "{text}");
        }
    }
}
