//! Everything that a command says on standard output goes through here: one buffer, and a reader that goes away is no error.

use std::fmt;
use std::io::{self, BufWriter, IsTerminal, Stdout, Write};

use serde_json::Value;

use crate::error::{Error, Result};
use crate::text::harmless;

/// Standard output behind a buffer, so that it is locked once for many lines.
pub(crate) struct Output {
    out: BufWriter<Stdout>,
}

impl Output {
    /// Nothing is said yet.
    pub(crate) fn new() -> Output {
        Output { out: BufWriter::with_capacity(64 << 10, io::stdout()) }
    }

    /// Whether a person looks at it.
    pub(crate) fn is_terminal() -> bool {
        io::stdout().is_terminal()
    }

    /// Whether it goes to a file.
    pub(crate) fn is_file() -> bool {
        #[cfg(unix)]
        let metadata =
            std::os::fd::AsFd::as_fd(&io::stdout()).try_clone_to_owned().and_then(|fd| std::fs::File::from(fd).metadata());
        #[cfg(not(unix))]
        let metadata: io::Result<std::fs::Metadata> = Err(io::ErrorKind::Unsupported.into());
        metadata.is_ok_and(|stdout| stdout.is_file())
    }

    /// One line, or several, without control characters of whatever is named in it.
    pub(crate) fn line(&mut self, line: impl fmt::Display) -> Result {
        writeln!(self.out, "{}", harmless(&line.to_string())).map_err(|e| Error::output(&e))
    }

    /// A value for a program, over several lines.
    pub(crate) fn json(&mut self, value: &Value) -> Result {
        self.line(format_args!("{value:#}"))
    }

    /// A value for a program, one of many: a line.
    pub(crate) fn json_line(&mut self, value: &Value) -> Result {
        self.line(value)
    }

    /// Bytes as they are.
    pub(crate) fn bytes(&mut self, bytes: &[u8]) -> Result {
        self.out.write_all(bytes).map_err(|e| Error::output(&e))
    }

    /// The stream itself, for who writes a lot.
    pub(crate) fn stream(&mut self) -> &mut impl Write {
        &mut self.out
    }

    /// Shows what was said so far.
    pub(crate) fn flush(&mut self) -> Result {
        self.out.flush().map_err(|e| Error::output(&e))
    }
}

/// One line on standard error: a message or a warning, without control characters of whatever is named in it. If nobody can read it there is nobody to tell.
pub(crate) fn tell(line: impl fmt::Display) {
    let _ = writeln!(io::stderr().lock(), "{}", harmless(&line.to_string()));
}
