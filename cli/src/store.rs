//! How commands open stores: for reading beside other readers, or for writing when nobody else has it. Never by creating one unasked.

use std::ops::Bound;
use std::path::{Path, PathBuf};

use clap::Args;
use treering::{Create, Options, Reads, Snapshot, Store, Table};

use crate::error::{Error, Result};
use crate::text;

/// The store that a command looks at.
#[derive(Args, Debug)]
pub(crate) struct StorePath {
    /// The store: a ring file, or a plain blob
    #[arg(value_name = "STORE")]
    pub(crate) path: PathBuf,
    /// Read the file piece by piece instead of mapping it
    ///
    /// Slower. On a failing medium or a network file system, or where another program may cut the file short, the command ends with an error instead of a
    /// signal (SIGBUS).
    #[arg(long)]
    copied: bool,
}

impl StorePath {
    /// Opens it for reading; no byte of it changes.
    pub(crate) fn read(&self) -> Result<Store> {
        Ok(self.options().open_read_only(&self.path)?)
    }

    /// Opens it for writing; it must be there.
    pub(crate) fn write(&self) -> Result<Store> {
        Ok(self.options().create(Create::Never).open(&self.path)?)
    }

    /// An error of opening it for writing, with what can be done about a file that is not there, if the folder for it is.
    pub(crate) fn or_create(&self, error: Error) -> Error {
        let folder = self.path.parent().filter(|folder| *folder != Path::new("")).unwrap_or(Path::new("."));
        match error {
            Error::Told(exit, what) if folder.is_dir() && !self.path.exists() => {
                Error::Told(exit, format!("{what}; --create makes a new store"))
            }
            error => error,
        }
    }

    /// Options that say how it is read.
    pub(crate) fn options(&self) -> Options {
        Options::new().reads(if self.copied { Reads::Copied } else { Reads::Mapped })
    }

    /// Its path for a person.
    pub(crate) fn name(&self) -> impl std::fmt::Display + '_ {
        self.path.display()
    }
}

/// The table `name`, or an error that says which tables there are.
pub(crate) fn table<'r>(reader: &'r treering::Reader<'_>, name: &str) -> Result<Table<'r>> {
    reader.table(name).map_err(|e| match e.kind() {
        treering::ErrorKind::NotFound => {
            let tables: Vec<String> = reader.tables().iter().map(|table| text::escape(table.name.as_bytes())).collect();
            let there =
                if tables.is_empty() { "the store has none".to_owned() } else { format!("there are: {}", tables.join(", ")) };
            Error::usage(format!("there is no table '{}'; {there}", text::escape(name.as_bytes())))
        }
        _ => e.into(),
    })
}

/// Where a range starts and where it ends.
pub(crate) type Bounds = (Bound<Vec<u8>>, Bound<Vec<u8>>);

/// No bounds.
pub(crate) const ALL: Bounds = (Bound::Unbounded, Bound::Unbounded);

/// Bytes of entries that one reader lends; then another one goes on. Where pages are copied a reader keeps what it lent.
const LENT: usize = 8 << 20;

/// Hands the entries of a table within bounds to `each`, in order or `backward`, until it says that it wants no more.
pub(crate) fn entries(
    snapshot: &Snapshot,
    name: &str,
    mut bounds: Bounds,
    backward: bool,
    mut each: impl FnMut(&[u8], &[u8]) -> Result<bool>,
) -> Result {
    loop {
        let reader = snapshot.reader();
        let mut range = table(&reader, name)?.range((as_slice(&bounds.0), as_slice(&bounds.1)))?;
        let mut lent = 0;
        let last = loop {
            let Some(entry) = (if backward { range.next_back() } else { range.next() }) else { return Ok(()) };
            let (key, value) = entry?;
            if !each(&key, value)? {
                return Ok(());
            }
            lent += key.len() + value.len();
            if lent > LENT {
                break Bound::Excluded(key.to_vec());
            }
        };
        *(if backward { &mut bounds.1 } else { &mut bounds.0 }) = last;
    }
}

/// The bound for a range of a table.
pub(crate) fn as_slice(bound: &Bound<Vec<u8>>) -> Bound<&[u8]> {
    bound.as_ref().map(Vec::as_slice)
}
