//! How commands open stores: for reading beside other readers, or for writing when nobody else has it. Never by creating one unasked.

use std::path::{Path, PathBuf};

use clap::Args;
use treering::{Create, Options, Store, Table};

use crate::error::{Error, Result};
use crate::text;

/// The store that a command looks at.
#[derive(Args, Debug)]
pub(crate) struct StorePath {
    /// The store: a ring file, or a plain blob
    #[arg(value_name = "STORE")]
    pub(crate) path: PathBuf,
}

impl StorePath {
    /// Opens it for reading; no byte of it changes.
    pub(crate) fn read(&self) -> Result<Store> {
        read(&self.path)
    }

    /// Opens it for writing; it must be there.
    pub(crate) fn write(&self) -> Result<Store> {
        Ok(Options::new().create(Create::Never).open(&self.path)?)
    }

    /// Its path for a person.
    pub(crate) fn name(&self) -> impl std::fmt::Display + '_ {
        self.path.display()
    }
}

/// Opens the store or blob at `path` for reading.
pub(crate) fn read(path: &Path) -> Result<Store> {
    Ok(Options::new().open_read_only(path)?)
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
