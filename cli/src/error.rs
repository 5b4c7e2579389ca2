//! What a command ends with when it does not succeed: an exit code, and one message for a person.
//!
//! The codes are a promise to scripts; they stand in `treering --help` and here, nowhere else.

use std::fmt;
use std::io;
use std::path::Path;

use treering::ErrorKind;

/// How the program ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Exit {
    /// The answer is no: a check found a problem, a promise was broken, a key is not there, a statement of SQL failed.
    No = 1,
    /// The command or one of its inputs is wrong: an option, a path, a table, a trace.
    Usage = 2,
    /// The file is damaged.
    Damaged = 3,
    /// Somebody else has the file open.
    Locked = 4,
    /// Anything else: no space, no permission, another build's file.
    Other = 5,
    /// Ctrl-C or SIGTERM, by the convention of shells: 128 + SIGINT.
    Interrupted = 130,
}

/// Why a command did not succeed.
#[derive(Debug)]
pub(crate) enum Error {
    /// Say this on standard error.
    Told(Exit, String),
    /// Everything was said already.
    Silent(Exit),
    /// Whoever read our output reads no more: that is no failure.
    NobodyReads,
}

/// The result of every command.
pub(crate) type Result<T = (), E = Error> = std::result::Result<T, E>;

impl Error {
    pub(crate) fn usage(message: impl Into<String>) -> Error {
        Error::Told(Exit::Usage, message.into())
    }

    pub(crate) fn no(message: impl Into<String>) -> Error {
        Error::Told(Exit::No, message.into())
    }

    pub(crate) fn interrupted() -> Error {
        Error::Told(Exit::Interrupted, "interrupted; nothing is left behind".into())
    }

    /// The operating system refused `operation` on `path`.
    pub(crate) fn io(operation: &str, path: &Path, error: &io::Error) -> Error {
        let exit = match error.kind() {
            io::ErrorKind::NotFound | io::ErrorKind::NotADirectory | io::ErrorKind::AlreadyExists => Exit::Usage,
            _ => Exit::Other,
        };
        Error::Told(exit, format!("{operation} {}: {error}{}", path.display(), advice(error.kind())))
    }

    /// A failure to write what we have to say.
    pub(crate) fn output(error: &io::Error) -> Error {
        match error.kind() {
            io::ErrorKind::BrokenPipe => Error::NobodyReads,
            _ => Error::Told(Exit::Other, format!("writing the output: {error}")),
        }
    }
}

/// What to do about a refusal of the operating system: the engine's words for it.
fn advice(kind: io::ErrorKind) -> &'static str {
    match kind {
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => "; check the path",
        io::ErrorKind::PermissionDenied => {
            "; run as somebody who may do that, or change the permissions of the file or its folder"
        }
        io::ErrorKind::ReadOnlyFilesystem => "; use a place that can be written to",
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => "; make room, or use a place that has more",
        _ => "",
    }
}

/// Which exit code an error of the engine leads to.
pub(crate) fn exit_of(kind: ErrorKind) -> Exit {
    match kind {
        ErrorKind::Corrupt => Exit::Damaged,
        ErrorKind::Locked => Exit::Locked,
        ErrorKind::NotAStore | ErrorKind::NotFound | ErrorKind::Exists | ErrorKind::Invalid => Exit::Usage,
        _ => Exit::Other,
    }
}

impl From<treering::Error> for Error {
    fn from(error: treering::Error) -> Error {
        Error::Told(exit_of(error.kind()), error.to_string())
    }
}

impl From<treering_sql::Error> for Error {
    fn from(error: treering_sql::Error) -> Error {
        let exit = error.engine().map_or(Exit::No, |engine| exit_of(engine.kind()));
        Error::Told(exit, error.to_string())
    }
}

impl From<treering_scheduler::Error> for Error {
    fn from(error: treering_scheduler::Error) -> Error {
        use treering_scheduler::ErrorKind as Kind;
        let exit = match error.kind() {
            Kind::Input | Kind::NotFound => Exit::Usage,
            Kind::Stopped => return Error::interrupted(),
            Kind::Store(kind) => exit_of(kind),
            Kind::Broken | Kind::Conflict => Exit::No,
            _ => Exit::Other,
        };
        Error::Told(exit, error.to_string())
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::Told(_, message) => f.write_str(message),
            Error::Silent(_) | Error::NobodyReads => Ok(()),
        }
    }
}
