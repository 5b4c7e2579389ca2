//! The error of this crate: what went wrong, where in the text, and what the caller can do next.
//!
//! 1. The kind is chosen by what the caller can do; the SQLSTATE is what other databases say in the same case.
//! 2. The message names tables, columns and values; a place in the text is given wherever the text is at fault.

use std::fmt;

/// What this crate's functions give.
pub type Result<T> = std::result::Result<T, Error>;

/// Why a statement failed. Its size is one pointer.
pub struct Error(Box<Inner>);

struct Inner {
    kind: ErrorKind,
    state: &'static str,
    message: String,
    place: Option<Place>,
    source: Option<treering::Error>,
}

/// Kinds of errors, by what the caller can do next.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The text is no statement: correct it at the place given.
    Syntax,
    /// The statement is SQL that this layer does not have: say it differently.
    Unsupported,
    /// A table, column, index, parameter or other name is unknown or ambiguous: correct the name.
    Name,
    /// An object of this name is there already.
    Exists,
    /// Types do not fit each other: cast, or correct the statement.
    Type,
    /// A value is out of its range: overflow, division by zero, text that is no number, a value too long.
    Data,
    /// A constraint is violated: NOT NULL, CHECK, UNIQUE, PRIMARY KEY or FOREIGN KEY. The statement is undone, the transaction goes on.
    Constraint,
    /// A limit on memory, length, nesting or counts, or on the files that a statement names: make the statement smaller, or raise the limit.
    Limit,
    /// The statement was cancelled by its handle.
    Cancelled,
    /// The statement's time, or the wait for the writer's turn, ran out: try again.
    TimedOut,
    /// Not possible now: no transaction is open, one is open already, it is read-only, the schema has changed, a snapshot cannot write.
    State,
    /// A file or stream of the caller's could not be read or written: see the message, and try again or take another one.
    Io,
    /// The store below failed: see [`Error::engine`].
    Store,
    /// This crate contradicts itself, and says so before it gives a wrong answer: report the statement.
    Internal,
}

/// A place in a statement's text: line and column from 1, columns in characters.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Place {
    /// Line, from 1.
    pub line: u32,
    /// Column in characters, from 1.
    pub column: u32,
}

impl Error {
    /// An error of this kind with the SQLSTATE that is usual for it.
    pub(crate) fn new(kind: ErrorKind, message: impl Into<String>) -> Error {
        let state = match kind {
            ErrorKind::Syntax => "42601",
            ErrorKind::Unsupported => "0A000",
            ErrorKind::Name => "42703",
            ErrorKind::Exists => "42710",
            ErrorKind::Type => "42804",
            ErrorKind::Data => "22000",
            ErrorKind::Constraint => "23000",
            ErrorKind::Limit => "54000",
            ErrorKind::Cancelled | ErrorKind::TimedOut => "57014",
            ErrorKind::State => "25000",
            ErrorKind::Io => "58030",
            ErrorKind::Store => "58000",
            ErrorKind::Internal => "XX000",
        };
        Error(Box::new(Inner { kind, state, message: message.into(), place: None, source: None }))
    }

    /// What cannot be, seen before it gives a wrong answer.
    pub(crate) fn internal(message: impl fmt::Display) -> Error {
        Error::new(ErrorKind::Internal, format!("a mistake of the SQL layer, please report it with the statement: {message}"))
    }

    /// The same with a more exact SQLSTATE.
    #[must_use]
    pub(crate) fn with_state(mut self, state: &'static str) -> Error {
        self.0.state = state;
        self
    }

    /// The same at this place of the text, unless a place is known already.
    #[must_use]
    pub(crate) fn at(mut self, place: Place) -> Error {
        if self.0.place.is_none() && place.line > 0 {
            self.0.place = Some(place);
        }
        self
    }

    /// The same with the beginning of the statement of a script that is at fault.
    #[must_use]
    pub(crate) fn in_statement(mut self, text: &str) -> Error {
        let mut begin: String = text.chars().take(60).map(|c| if c.is_whitespace() { ' ' } else { c }).collect();
        if begin.len() < text.len() {
            begin.push_str("..");
        }
        self.0.message.push_str(&format!("; in the statement `{begin}`"));
        self
    }

    /// The same where the place is one of a file: it is told in the message, since `place` is one of the statement's own text.
    #[must_use]
    pub(crate) fn in_file(mut self, path: &str) -> Error {
        if let Some(Place { line, column }) = self.0.place.take() {
            self.0.message.push_str(&format!(" (line {line}, column {column} of '{path}')"));
        }
        self
    }

    /// What the caller can do next.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// The SQLSTATE: five characters.
    #[must_use]
    pub fn sqlstate(&self) -> &'static str {
        self.0.state
    }

    /// What went wrong, without the place, unless that is one of a file that RUNSCRIPT read.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// Where in the text, if the text is at fault.
    #[must_use]
    pub fn place(&self) -> Option<Place> {
        self.0.place
    }

    /// The engine's error, if the store below failed.
    #[must_use]
    pub fn engine(&self) -> Option<&treering::Error> {
        self.0.source.as_ref()
    }
}

impl From<treering::Error> for Error {
    fn from(source: treering::Error) -> Error {
        let kind = match source.kind() {
            treering::ErrorKind::TimedOut => ErrorKind::TimedOut,
            treering::ErrorKind::ReadOnly => ErrorKind::State,
            _ => ErrorKind::Store,
        };
        let mut error = Error::new(kind, source.to_string());
        error.0.source = Some(source);
        error
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.place {
            Some(Place { line, column }) => write!(f, "{} (line {line}, column {column})", self.0.message),
            None => f.write_str(&self.0.message),
        }
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} {}: {self}", self.0.kind, self.0.state)
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.0.source.as_ref().map(|source| source as _)
    }
}
