//! `treering dump`: everything, table by table, for a person or a program.

use clap::Args;
use serde_json::json;

use crate::error::Result;
use crate::output::Output;
use crate::progress::Progress;
use crate::store::{ALL, StorePath, entries, table};
use crate::text::{Form, escape};
use crate::units;

/// Print all tables with all their entries
///
/// A heading for each table, then one entry a line: the key, a tab, the value. All of it is of one version.
#[derive(Args, Debug)]
pub(crate) struct Dump {
    #[command(flatten)]
    store: StorePath,
    /// Only this table; can be given more than once
    #[arg(long = "table", value_name = "TABLE")]
    tables: Vec<String>,
    #[command(flatten)]
    form: Form,
    /// Print a JSON object a line: table, key and value as text or, with --hex, keys and values as digits
    #[arg(long)]
    json: bool,
}

impl Dump {
    pub(crate) fn run(&self, out: &mut Output) -> Result {
        let store = self.store.read()?;
        let snapshot = store.snapshot();
        let names: Vec<String> = match self.tables.as_slice() {
            [] => snapshot.reader().tables().into_iter().map(|table| table.name).collect(),
            some => some.to_vec(),
        };
        if !self.json {
            out.line(format_args!("# {}, version {}", self.store.name(), snapshot.version()))?;
        }
        let reader = snapshot.reader();
        let lens = names.iter().map(|name| Ok(table(&reader, name)?.len())).collect::<Result<Vec<u64>>>()?;
        drop(reader);
        let progress = Progress::lines("dumping", lens.iter().copied().fold(0, u64::saturating_add));
        let mut done = 0;
        for (name, len) in names.iter().zip(lens) {
            if !self.json {
                let entries = if len == 1 { "entry" } else { "entries" };
                out.line(format_args!("\n# table {}, {} {entries}", escape(name.as_bytes()), units::count(len)))?;
            }
            entries(&snapshot, name, ALL, false, |key, value| {
                done += 1;
                progress.at(done);
                let (key, value) = (self.form.show(key), self.form.show(value));
                if self.json {
                    out.json_line(&json!({ "table": name, "key": key, "value": value }))?;
                } else {
                    out.line(format_args!("{key}\t{value}"))?;
                }
                Ok(true)
            })?;
        }
        Ok(())
    }
}
