//! The one error of the engine: opaque, with a kind that says what the caller can do next.
//!
//! A kind is chosen by the next step of whoever gets the error (retry, mend the input, make room, restore), never by the place
//! where it arose. The message says what, where and what to do; it is for people and is no promise.

use std::fmt;
use std::io;

/// What the caller can do about an [`Error`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The file's contents are damaged: restore from a blob.
    Corrupt,
    /// The file is no store: check the path.
    NotAStore,
    /// The file cannot be opened as it is: use the version of Treering that wrote it, or a newer one; restore it, if it is a blob as an LZ4 stream. The message says which.
    Unsupported,
    /// Another process, or another handle of this one, has the file: close that one.
    Locked,
    /// The operating system refused: the message names the operation and the file.
    Io,
    /// No space is left for this change: nothing happened; make room or remove something, and try again.
    Full,
    /// The turn did not come within the time given: nothing happened; try again.
    TimedOut,
    /// An earlier write or sync failed: this store takes no more writes until it is opened anew. Reads go on.
    Poisoned,
    /// The commit was handed to the file and a write or sync failed: after the next open it is there whole or not at all.
    Unknown,
    /// There is no such table or file.
    NotFound,
    /// There is such a table or file already.
    Exists,
    /// The table is already open in this transaction.
    InUse,
    /// An argument is outside its documented range.
    Invalid,
    /// The store was opened for reading only.
    ReadOnly,
}

/// The error of every fallible call of this crate.
///
/// One word wide, so that results stay small.
pub struct Error(Box<Inner>);

struct Inner {
    kind: ErrorKind,
    message: String,
    source: Option<io::Error>,
}

/// The result of every fallible call of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    /// What the caller can do next.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// An error of `kind` with a message that says what, where and what to do.
    #[cold]
    pub(crate) fn new(kind: ErrorKind, message: impl Into<String>) -> Error {
        Error(Box::new(Inner { kind, message: message.into(), source: None }))
    }

    /// A failure that a simulated disk makes up.
    #[cfg(feature = "internals")]
    #[doc(hidden)]
    pub fn simulated(kind: ErrorKind, message: impl Into<String>) -> Error {
        Error::new(kind, message)
    }

    /// Damage: `place` names chunk and ordinal or the offset; `what` the field that is wrong.
    #[cold]
    pub(crate) fn corrupt(place: impl fmt::Display, what: impl fmt::Display) -> Error {
        Error::new(ErrorKind::Corrupt, format!("damaged {place}: {what}; restore from a blob"))
    }

    /// An argument outside its range.
    #[cold]
    pub(crate) fn invalid(message: impl Into<String>) -> Error {
        Error::new(ErrorKind::Invalid, message)
    }

    /// No memory for `len` bytes of `what`, which a file may make as long as it likes: an answer, not the end.
    #[cold]
    pub(crate) fn no_memory(what: impl fmt::Display, len: usize) -> Error {
        Error::new(ErrorKind::Full, format!("no memory for {what}, {len} bytes"))
    }

    /// A refusal by the operating system during `operation` on `file`. No space, a full quota and a limit of length become [`ErrorKind::Full`].
    #[cold]
    pub(crate) fn io(operation: &str, file: impl fmt::Display, source: io::Error) -> Error {
        let kind = match source.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge => ErrorKind::Full,
            // A path below a file leads nowhere either.
            io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => ErrorKind::NotFound,
            io::ErrorKind::AlreadyExists => ErrorKind::Exists,
            _ => ErrorKind::Io,
        };
        Error(Box::new(Inner { kind, message: format!("{operation} {file}"), source: Some(source) }))
    }

    /// The same error with `context` put before its message.
    #[cold]
    pub(crate) fn within(mut self, context: impl fmt::Display) -> Error {
        self.0.message = format!("{context}: {}", self.0.message);
        self
    }

    /// The same error with the file's name before its message, unless it has it already.
    #[cold]
    pub(crate) fn of_file(self, name: &str) -> Error {
        if names(&self.0.message, name) { self } else { self.within(name) }
    }

    /// The same error as another kind: used where a failure means something else to the caller of an outer call.
    #[cold]
    pub(crate) fn into_kind(mut self, kind: ErrorKind) -> Error {
        self.0.kind = kind;
        self
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.message)?;
        match &self.0.source {
            Some(source) => write!(f, ": {source}{}", advice(source.kind())),
            None => Ok(()),
        }
    }
}

/// Whether `message` speaks of the file `name`, and not of a word that happens to be its name.
fn names(message: &str, name: &str) -> bool {
    message.match_indices(name).any(|(at, _)| {
        let (before, after) = (&message[..at], &message[at + name.len()..]);
        let ends = after.is_empty() || [":", " at byte ", " is "].iter().any(|end| after.starts_with(end));
        ends && (before.is_empty() || before.ends_with(' '))
    })
}

/// What to do about a refusal that its kind alone explains.
fn advice(kind: io::ErrorKind) -> &'static str {
    match kind {
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => "; check the path",
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => "; make room, or use a place that has more",
        io::ErrorKind::FileTooLarge => "; make room by a higher limit for files, or use a place that takes larger ones",
        io::ErrorKind::PermissionDenied => {
            "; run as somebody who may do that, or change the permissions of the file or its folder"
        }
        io::ErrorKind::ReadOnlyFilesystem => "; open it for reading only, or use a place that can be written to",
        _ => "",
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}: {self}", self.0.kind)
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.0.source.as_ref().map(|e| e as _)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A file's name comes once, whatever it is, and however the message says it.
    #[test]
    fn a_file_is_named_once() {
        for (message, named) in [
            ("damaged header: torn", "a: damaged header: torn"),
            ("a: damaged header", "a: damaged header"),
            ("damaged a: it ends", "damaged a: it ends"),
            ("read a at byte 7", "read a at byte 7"),
            ("a is a directory", "a is a directory"),
            ("it is a store", "a: it is a store"),
        ] {
            assert_eq!(Error::invalid(message).of_file("a").to_string(), named);
        }
    }

    /// A refusal by the system says what, where and what to do.
    #[test]
    fn refusals_say_what_to_do() {
        for (kind, advice) in [
            (io::ErrorKind::NotFound, "check the path"),
            (io::ErrorKind::NotADirectory, "check the path"),
            (io::ErrorKind::StorageFull, "make room"),
            (io::ErrorKind::QuotaExceeded, "make room"),
            (io::ErrorKind::FileTooLarge, "make room"),
            (io::ErrorKind::PermissionDenied, "change the permissions"),
            (io::ErrorKind::ReadOnlyFilesystem, "open it for reading only"),
        ] {
            let said = Error::io("open", "a.ring", kind.into()).to_string();
            assert!(said.starts_with("open a.ring: ") && said.contains(advice), "{said}");
        }
    }
}
