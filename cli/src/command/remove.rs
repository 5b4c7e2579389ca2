//! `treering remove`: one entry or a range of them, by an ordinary durable commit.

use std::ops::Bound;

use clap::Args;
use treering::{ErrorKind, TableMut, WriteTxn};

use crate::error::{Error, Result};
use crate::output::Output;
use crate::store::{StorePath, as_slice};
use crate::text::{Form, escape};
use crate::units;

/// Remove a key, or a range of keys
///
/// An ordinary commit on a store that nobody else has open; durable when the command returns. Exit code 1 if there was nothing to remove; then
/// there is no commit either. A plain blob that is written to becomes a store of its own, and is no backup any more: `restore` refuses it.
#[derive(Args, Debug)]
pub(crate) struct Remove {
    #[command(flatten)]
    store: StorePath,
    /// The table
    #[arg(value_name = "TABLE")]
    table: String,
    /// The key, as text or with --hex
    #[arg(value_name = "KEY", required_unless_present_any = ["from", "to", "all"], conflicts_with_all = ["from", "to", "all"])]
    key: Option<String>,
    /// Remove from this key on
    #[arg(long, value_name = "KEY")]
    from: Option<String>,
    /// Remove up to this key, without it
    #[arg(long, value_name = "KEY")]
    to: Option<String>,
    /// Remove every entry; the table stays
    #[arg(long, conflicts_with_all = ["from", "to"])]
    all: bool,
    #[command(flatten)]
    form: Form,
}

impl Remove {
    pub(crate) fn run(&self, out: &mut Output) -> Result {
        let parse = |name: &str, text: &Option<String>| text.as_ref().map(|text| self.form.parse(name, text)).transpose();
        let (key, from, to) = (parse("key", &self.key)?, parse("--from", &self.from)?, parse("--to", &self.to)?);
        let store = self.store.write()?;
        let txn = store.begin_write()?;
        let mut table = self.table(&txn)?;
        let removed = match &key {
            Some(key) => u64::from(table.remove(key)?),
            None => {
                let (start, end) = (from.map_or(Bound::Unbounded, Bound::Included), to.map_or(Bound::Unbounded, Bound::Excluded));
                table.remove_range((as_slice(&start), as_slice(&end)))?
            }
        };
        drop(table);
        if removed == 0 {
            drop(txn);
            store.close()?;
            return Err(Error::no("there was nothing to remove"));
        }
        let version = txn.commit()?;
        store.close()?;
        out.line(format_args!("removed {}, version {}", units::count(removed), units::count(version)))
    }

    fn table<'t>(&self, txn: &'t WriteTxn) -> Result<TableMut<'t>> {
        txn.open_table(&self.table).map_err(|e| match e.kind() {
            ErrorKind::NotFound => Error::usage(format!("there is no table '{}'", escape(self.table.as_bytes()))),
            _ => e.into(),
        })
    }
}
