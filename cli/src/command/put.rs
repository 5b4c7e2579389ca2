//! `treering put`: one entry, by an ordinary durable commit.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use clap::Args;
use treering::{Create, ErrorKind};

use crate::error::{Error, Result};
use crate::output::Output;
use crate::store::StorePath;
use crate::text::{Form, escape};
use crate::units;

/// Longest value that is read: one byte more than any table takes, so that the engine says what is wrong with it.
const MAX_READ: u64 = 1 << 32;

/// Set the value of a key
///
/// An ordinary commit on a store that nobody else has open; durable when the command returns. A plain blob that is written to becomes a store of its
/// own, and is no backup any more: `restore` refuses it.
#[derive(Args, Debug)]
pub(crate) struct Put {
    #[command(flatten)]
    store: StorePath,
    /// The table; it must be there, see --create
    #[arg(value_name = "TABLE")]
    table: String,
    /// The key, as text or with --hex
    #[arg(value_name = "KEY")]
    key: String,
    /// The value, as text or with --hex
    #[arg(value_name = "VALUE", required_unless_present = "file", conflicts_with = "file")]
    value: Option<String>,
    /// Take the value from this file, byte by byte; - is standard input
    #[arg(long, value_name = "FILE")]
    file: Option<PathBuf>,
    /// Create the store and the table if they are not there
    #[arg(long)]
    create: bool,
    #[command(flatten)]
    form: Form,
}

impl Put {
    pub(crate) fn run(&self, out: &mut Output) -> Result {
        let key = self.form.parse("key", &self.key)?;
        let value = match (&self.value, &self.file) {
            (Some(value), _) => self.form.parse("value", value)?,
            (None, Some(file)) => read(file)?,
            (None, None) => Vec::new(),
        };
        let create = if self.create { Create::IfMissing } else { Create::Never };
        let opened = self.store.options().create(create).open(&self.store.path);
        let store = opened.map_err(|e| if self.create { e.into() } else { self.store.or_create(e.into()) })?;
        let txn = store.begin_write()?;
        let opened = if self.create { txn.ensure_table(&self.table) } else { txn.open_table(&self.table) };
        let mut table = opened.map_err(|e| match e.kind() {
            ErrorKind::NotFound => {
                Error::usage(format!("there is no table '{}'; --create makes it", escape(self.table.as_bytes())))
            }
            _ => e.into(),
        })?;
        let old = table.replace(&key, &value)?;
        drop(table);
        let version = txn.commit()?;
        store.close()?;
        let what = if old.is_some() { "replaced" } else { "added" };
        out.line(format_args!("{what}, version {}", units::count(version)))
    }
}

fn read(file: &Path) -> Result<Vec<u8>> {
    let mut value = Vec::new();
    let read = if file == Path::new("-") {
        io::stdin().lock().take(MAX_READ).read_to_end(&mut value)
    } else {
        File::open(file).and_then(|file| file.take(MAX_READ).read_to_end(&mut value))
    };
    read.map_err(|e| Error::io("reading", file, &e))?;
    Ok(value)
}
