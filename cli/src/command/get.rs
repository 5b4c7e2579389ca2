//! `treering get`: one value.

use clap::Args;

use crate::error::{Error, Result};
use crate::output::Output;
use crate::store::{StorePath, table};
use crate::text::Form;

/// Print the value of a key
///
/// Exit code 1 if the key is not there.
#[derive(Args, Debug)]
pub(crate) struct Get {
    #[command(flatten)]
    store: StorePath,
    /// The table
    #[arg(value_name = "TABLE")]
    table: String,
    /// The key, as text or with --hex
    #[arg(value_name = "KEY")]
    key: String,
    #[command(flatten)]
    form: Form,
    /// Print the value's bytes as they are, without a line's end
    #[arg(long, conflicts_with = "hex")]
    raw: bool,
}

impl Get {
    pub(crate) fn run(&self, out: &mut Output) -> Result {
        let key = self.form.parse("key", &self.key)?;
        let store = self.store.read()?;
        let snapshot = store.snapshot();
        let reader = snapshot.reader();
        let Some(value) = table(&reader, &self.table)?.get(&key)? else {
            return Err(Error::no(format!("no such key in version {}", snapshot.version())));
        };
        if self.raw { out.bytes(value) } else { out.line(self.form.show(value)) }
    }
}
