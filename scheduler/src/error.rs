//! The one error of this crate: opaque, with a kind that says what the caller can do next.
//!
//! An error of the engine keeps its own kind inside [`ErrorKind::Store`], so that a caller may still tell 'no space' from 'damaged'.

use std::fmt;
use std::io;
use std::path::Path;

/// What the caller can do about an [`Error`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// An input is wrong (a line of a trace, a size, an argument out of its range): mend it. The message names it.
    Input,
    /// There is no such job, task, host, update or configuration.
    NotFound,
    /// What is there already does not go with the change: nothing happened.
    Conflict,
    /// Stored bytes break a rule of the task store: restore from a blob.
    Broken,
    /// The caller asked to stop.
    Stopped,
    /// The operating system refused: the message names the operation and the file.
    Io,
    /// The engine refused; its own kind says what to do.
    Store(treering::ErrorKind),
}

/// The error of every fallible call of this crate.
pub struct Error(Box<Inner>);

struct Inner {
    kind: ErrorKind,
    message: String,
    source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

/// The result of every fallible call of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    /// What the caller can do next.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    #[cold]
    pub(crate) fn new(kind: ErrorKind, message: impl Into<String>) -> Error {
        Error(Box::new(Inner { kind, message: message.into(), source: None }))
    }

    /// A wrong input.
    #[cold]
    pub(crate) fn input(message: impl Into<String>) -> Error {
        Error::new(ErrorKind::Input, message)
    }

    /// Nothing is stored under `what`.
    #[cold]
    pub(crate) fn not_found(what: impl fmt::Display) -> Error {
        Error::new(ErrorKind::NotFound, format!("there is no {what}"))
    }

    /// Stored bytes that break a rule.
    #[cold]
    pub(crate) fn broken(what: impl fmt::Display) -> Error {
        Error::new(ErrorKind::Broken, format!("{what}; restore the store from a blob"))
    }

    /// A refusal by the operating system.
    #[cold]
    pub(crate) fn io(operation: &str, file: &Path, source: io::Error) -> Error {
        let message = format!("{operation} {}: {source}", file.display());
        Error(Box::new(Inner { kind: ErrorKind::Io, message, source: Some(Box::new(source)) }))
    }

    /// The same error with `context` put before its message.
    #[cold]
    pub(crate) fn within(mut self, context: impl fmt::Display) -> Error {
        self.0.message = format!("{context}: {}", self.0.message);
        self
    }
}

impl From<treering::Error> for Error {
    #[cold]
    fn from(source: treering::Error) -> Error {
        Error(Box::new(Inner {
            kind: ErrorKind::Store(source.kind()),
            message: source.to_string(),
            source: Some(Box::new(source)),
        }))
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.message)
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}: {self}", self.0.kind)
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        // The message of an engine's or the system's error is part of ours already; its own cause comes next.
        self.0.source.as_ref().and_then(|e| e.source())
    }
}
